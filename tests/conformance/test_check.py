"""``lipwire conformance check``: what is told of a recorded session, and how."""

from __future__ import annotations

import json

import pytest

from lipwire.conformance import messages as m
from lipwire.protocol.channels import Channel
from lipwire.protocol.trace import message_record

from .sessions import Session, begun, lines, played


@pytest.fixture
def written(tmp_path):
    """Writes a trace to a file."""

    def write(session: Session, **more):
        path = tmp_path / "session.jsonl"
        path.write_text(lines(session.trace, **more))
        return path

    return write


def test_a_clean_trace(conformance, written):
    outcome = conformance("check", written(played()))
    assert outcome.status == 0
    assert "Nothing found." in outcome.out
    assert "7 messages in 1 session;" in outcome.out or "8 messages in 1 session;" in outcome.out


def test_a_finding_names_the_requirement_the_peer_and_the_message(conformance, written):
    outcome = conformance("check", written(begun().receiver(m.progress(1, 481))))
    assert outcome.status == 1
    line = next(line for line in outcome.out.splitlines() if "message 5" in line)
    assert "MUST   LW-PROGRESS-2" in line
    assert "receiver: progress (message 5, transport 1): received 481, and 480 samples were sent" in line
    assert "1 finding." in outcome.out


def test_as_json(conformance, written):
    path = written(begun().receiver(m.progress(1, 481)))
    outcome = conformance("check", path, "--json")
    assert outcome.status == 1
    told = json.loads(outcome.out)
    assert told["exit_code"] == 1
    assert [(one["requirement"], one["level"], one["role"], one["index"]) for one in told["findings"]] == [
        ("LW-PROGRESS-2", "MUST", "receiver", 5)
    ]
    judged = {(one["requirement"], one["role"]): one for one in told["judged"]}
    assert judged["LW-PROGRESS-2", "receiver"]["findings"] == 1
    assert judged["LW-CREDIT-1", "sender"]["findings"] == 0
    silent = {(one["requirement"], one["role"]): one["why"] for one in told["not_judged"]}
    assert silent["LW-SEGMENT-6", "receiver"] == "messages alone do not show it"
    assert silent["LW-INTERRUPT-4", "receiver"] == "no message that it is about"
    assert not judged.keys() & silent.keys()


def test_a_should_is_a_finding_as_well(conformance, written):
    session = Session(opened=False).says(Session().hello()).receiver(m.close(38))
    outcome = conformance("check", written(session))
    assert outcome.status == 1
    assert "SHOULD LW-OPEN-11" in outcome.out


def test_the_text_of_a_peer_is_not_let_onto_the_terminal(conformance, written):
    session = begun("marks").receiver(m.mark_reached(1, "\x1b[31mred\x07"))
    outcome = conformance("check", written(session))
    assert outcome.status == 1
    assert "\x1b" not in outcome.out
    assert "\x07" not in outcome.out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("not json\n", "line 1: not a record of a trace"),
        ('{"t": 0, "peer": "sender", "kind": "out", "hex": "9"}\n', "line 1: not a record of a trace"),
        ('{"t": 0, "peer": "nobody", "kind": "out", "hex": "90"}\n', "line 1: not a record of a trace"),
        ('{"t": "x", "peer": "sender", "kind": "out", "hex": "90"}\n', "line 1: not a record of a trace"),
        ("", "there is no message in it"),
        ('{"t": 0, "peer": "sender", "kind": "event", "name": "SessionOpened", "fields": {}}\n', "no message in it"),
    ],
)
def test_what_is_no_trace(conformance, tmp_path, text, says):
    path = tmp_path / "trace"
    path.write_text(text)
    outcome = conformance("check", path)
    assert outcome.status == 2
    assert says in outcome.err


def test_a_file_that_is_not_there_or_no_text(conformance, tmp_path):
    assert conformance("check", tmp_path / "none").status == 2
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\x00")
    outcome = conformance("check", tmp_path / "bytes")
    assert (outcome.status, "not a trace" in outcome.err) == (2, True)


def test_a_trace_that_begins_in_the_middle(conformance, written):
    session = begun("resume").resume(count=1, rows=[(1, 480, 240, None)]).receiver(m.progress(1, 9_999))
    session.trace = [entry for entry in session.trace if entry.transport == 2]
    outcome = conformance("check", written(session))
    assert outcome.status == 2
    assert "began before the trace" in outcome.out
    assert "Nothing could be judged." in outcome.out


def test_an_opening_that_is_not_in_the_trace(conformance, tmp_path):
    """What can not be decoded and may hold secrets is left out of a trace."""
    session = Session(opened=False).sender(b"\x9b\x01\xa7lipwire\x91").receiver(m.close(16))
    path = tmp_path / "trace"
    path.write_text(lines(session.trace))
    assert '"bytes"' in path.read_text()
    outcome = conformance("check", path)
    assert (outcome.status, "opening is not in the trace as it was" in outcome.out) == (2, True)


def test_each_end_of_a_demo_is_judged_by_itself(conformance, tmp_path):
    session = begun().receiver(m.progress(1, 481))
    records = []
    for place in ("sender", "receiver"):
        for entry in session.trace:
            kind = "out" if entry.by.value == place else "in"
            record = message_record(place, kind, Channel.CONTROL, entry.data, entry.at)
            records.append(record | {"session": "ab", "binding": "websocket"})
    path = tmp_path / "trace"
    path.write_text("\n".join(map(json.dumps, records)))
    told = json.loads(conformance("check", path, "--json").out)
    assert [(one["place"], one["requirement"]) for one in told["findings"]] == [
        ("at the sender, session ab", "LW-PROGRESS-2"), ("at the receiver, session ab", "LW-PROGRESS-2"),
    ]  # fmt: skip
    assert told["sessions"] == 2


def test_the_traces_of_a_report(conformance, drivers, tmp_path):
    path = tmp_path / "results.json"
    chosen = ("receiver.segments.one", "receiver.interrupt.*", "receiver.wire.*")
    conformance("run", "--driver", drivers.sdk, "--json", path, "--role", "receiver", *chosen)
    outcome = conformance("check", path, "--json")
    assert outcome.status == 0, outcome.out
    told = json.loads(outcome.out)
    assert told["sessions"] > 20
    assert {one["role"] for one in told["judged"]} == {"receiver"}
    assert any("the kit itself breaks rules there" in one["why"] for one in told["sessions_not_judged"])


def test_in_a_run_a_finding_is_a_failed_check(conformance, drivers, tmp_path):
    path = tmp_path / "results.json"
    outcome = conformance(
        "run", "--driver", drivers.repeats, "--json", path, "--role", "receiver", "receiver.playback.started"
    )
    assert outcome.status == 1
    (case,) = json.loads(path.read_text())["cases"]
    failed = [check for check in case["checks"] if not check["passed"]]
    assert [check["requirement"] for check in failed] == ["LW-STREAM-1"]
    assert "stream_started of segment 1 again" in failed[0]["actual"]
    assert case["trace"][failed[0]["at"]]["name"] == "stream_started"
    again = conformance("check", path)
    assert (again.status, "LW-STREAM-1" in again.out) == (1, True)
