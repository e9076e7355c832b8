"""The JSON of a run: its schema, and what is kept out of it."""

from __future__ import annotations

import copy
import json

import msgpack
import pytest
from jsonschema import Draft202012Validator

from lipwire.conformance import Verdict
from lipwire.conformance import messages as m
from lipwire.conformance.document import (
    MOST_BYTES,
    MOST_ENTRIES,
    MOST_TEXT,
    BadReport,
    exit_code,
    load,
    make,
    save,
    schema,
)
from lipwire.conformance.driver import Declaration
from lipwire.conformance.expected import Entry as Expectation
from lipwire.conformance.expected import Outcome
from lipwire.conformance.hiding import Hiding
from lipwire.conformance.run import Run, Target
from lipwire.conformance.terminal import console, summary
from lipwire.conformance.trace import Entry, read
from lipwire.protocol.channels import Channel
from lipwire.protocol.registry import Role

ONE = "receiver.segments.one"
ID = "LW-SEGMENT-6"
TOKEN, SECRET, SESSION = "an-open-sesame", b"0123456789abcdef", bytes(range(16))


def entry(message, index=0, by=Role.SENDER, version=1):
    data = m.pack(message)
    return read(data, index=index, at=index / 10, by=by, transport=1, channel=Channel.CONTROL, version=version)


@pytest.fixture
def document(cases):
    def call(*results, complaints=(), known=None):
        declaration = Declaration(name="a peer", version="1", language="C", capabilities=frozenset({"receiver"}))
        run = Run(target=Target(command="x"), declaration=declaration, results=list(results), seconds=1.5)
        return make(run, cases, [Role.RECEIVER], Outcome(known or {}, complaints, []))

    return call


def test_a_real_run_fits_the_schema(flawed):
    Draft202012Validator.check_schema(schema())
    Draft202012Validator(schema()).validate(flawed)
    one = next(case for case in flawed["cases"] if case["name"] == ONE)
    assert one["verdict"] == "fail"
    assert one["closing"] == "clean"
    start = next(row for row in one["trace"] if row["name"] == "segment_start" and row["kind"] == "message")
    assert (start["by"], start["hex"], start["fields"]["segment"]) == ("kit", "921001", 1)
    (broken,) = [check for check in one["checks"] if not check["passed"]]
    assert broken["requirement"] == ID
    assert one["trace"][broken["at"]]["kind"] == "event"


@pytest.mark.parametrize(
    "path", ["format", "exit_code", "cases/0/verdict", "cases/0/checks/0/passed", "requirements/0/id"]
)
def test_the_schema_says_no(flawed, path, tmp_path):
    changed = copy.deepcopy(flawed)
    *way, last = path.split("/")
    inner = changed
    for step in way:
        inner = inner[int(step) if step.isdigit() else step]
    inner[last] = "something else" if not isinstance(inner[last], str) or path != "requirements/0/id" else 5
    assert not Draft202012Validator(schema()).is_valid(changed)
    save(changed, tmp_path / "x.json")
    with pytest.raises(BadReport):
        load(tmp_path / "x.json")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not JSON"),
        ("[]", "not a report"),
        ('{"format": "lipwire-conformance-report", "version": 2}', "version 2"),
    ],
)
def test_what_is_no_report(tmp_path, content, says):
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(BadReport, match=says):
        load(path)


def test_what_each_verdict_makes_of_the_run(document, make_result):
    good = make_result(ONE, (ID, "MUST", True))
    assert document(good)["exit_code"] == 0
    assert document(make_result(ONE, (ID, "SHOULD", False)))["exit_code"] == 0
    bad = make_result(ONE, (ID, "MUST", False))
    assert document(bad)["exit_code"] == 1
    assert document(bad, known={ONE: "known"})["exit_code"] == 0
    assert document(good, complaints=[(Expectation(case=ONE), "it passes")])["exit_code"] == 1
    assert document(make_result(ONE, verdict=Verdict.HARNESS_ERROR))["exit_code"] == 3
    assert document(make_result(ONE, verdict=Verdict.UNSUPPORTED))["exit_code"] == 3  # nothing was checked
    assert exit_code(document()) == 3


def test_every_made_up_document_fits_the_schema(document, make_result):
    for verdict in Verdict:
        if verdict is not Verdict.NOT_COVERED:
            Draft202012Validator(schema()).validate(document(make_result(ONE, verdict=verdict)))


def test_the_end_of_standard_error_is_shown_without_secrets_or_control_characters(document, make_result, capsys):
    said = [f"a token: {TOKEN}", "\x1b[31mred"]
    made = document(make_result(ONE, (ID, "MUST", False), standard_error=said, trace=secret_trace()))
    assert made["cases"][0]["standard_error"] == ["a token: (hidden)", "\\x1b[31mred"]
    summary(made, console())
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    at = lines.index("the last of the driver's standard error")
    assert lines[at + 1 : at + 3] == ["a token: (hidden)", "\\x1b[31mred"]


def secret_trace():
    hello = m.hello(SESSION, auth=TOKEN, resume=[SECRET, 3])
    return [
        entry(hello, 0),
        entry(m.welcome(SESSION, secret=SECRET), 1, Role.RECEIVER),
        entry([*hello, None, None], 2),
        entry([1, "lipwire", [1], SESSION, -1, [], [], {}, TOKEN], 3),  # malformed, and secret all the same
        entry(m.pack(hello) + b"\0", 4),
        entry(m.pack(hello)[:-4], 5, Role.RECEIVER),
        Entry(index=6, at=0.6, kind="event", by=Role.RECEIVER, name="error", fields={"text": f"bad token {TOKEN}"}),
        entry(TOKEN, 7),
    ]


def test_secrets_are_hidden(document, make_result):
    result = make_result(
        ONE, (ID, "MUST", True), reason=f"token {TOKEN}, {SECRET.hex()}, {SECRET!r}", trace=secret_trace()
    )
    result.checks[0] = type(result.checks[0])(
        requirement=ID, level="MUST", passed=False, expected="x", actual=f"[{SECRET!r}, 3]", at=0
    )
    result.steps = [(0, f"start with {TOKEN}")]
    made = document(result)
    text = json.dumps(made)
    for secret in (TOKEN, TOKEN.encode().hex(), SECRET.hex(), SECRET.decode()):
        assert secret not in text
    hello = made["cases"][0]["trace"][0]
    assert hello["bytes"] == len(hello["hex"]) // 2
    assert SESSION.hex() in hello["hex"]  # the rest is as it was
    assert hello["name"] == "hello"


def test_a_token_that_only_the_driver_was_given():
    hiding = Hiding([], [TOKEN])
    assert hiding.text(f"refused {TOKEN}") == "refused (hidden)"


def test_what_holds_no_secret_is_left_alone():
    hiding = Hiding(secret_trace())
    for message in (m.segment_start(1), m.audio(1, 0, m.pcm(480)), m.hello(SESSION), m.close(3, "why")):
        data = m.pack(message)
        assert hiding.data(data) == data


def test_a_garbled_hello_of_the_kit_is_shown():
    data = m.pack(m.hello(SESSION))[:-3]
    assert Hiding([]).data(data, ours=True) == data
    assert SESSION not in Hiding([]).data(data)


def test_hostile_messages_do_no_harm(document, make_result):
    deep = b"\x91" * 10_000
    raw = [deep, b"\xc1", b"", "text", b"\xdd\xff\xff\xff\xff", msgpack.packb({1: 2}), m.pack([-1, 2**63]), "\ud800"]
    trace = [entry(data, index) for index, data in enumerate(raw)]
    made = document(make_result(ONE, (ID, "MUST", True), trace=trace))
    shown = made["cases"][0]["trace"]
    assert shown[0]["bytes"] == 10_000
    assert len(shown[0]["hex"]) == 2 * MOST_BYTES
    Draft202012Validator(schema()).validate(made)


def test_version_0_and_long_traces(document, make_result):
    trace = [entry(bytes(960), index, version=0) for index in range(MOST_ENTRIES + 10)]
    made = document(make_result(ONE, (ID, "MUST", True), trace=trace))["cases"][0]
    assert made["trace_left_out"] == 10
    assert len(made["trace"]) == MOST_ENTRIES
    assert [made["trace"][0]["index"], made["trace"][-1]["index"]] == [0, MOST_ENTRIES + 9]


def test_of_what_is_very_long_the_beginning_is_shown(document, make_result):
    metadata = {"text": "x" * 8_000, "list": list(range(1_000)), "just": "y" * MOST_TEXT}
    trace = [
        entry(m.segment_start(1, metadata)),
        entry(m.segment_start(1, {f"{n}": n for n in range(MOST_TEXT + 3)}), 1),
    ]
    made = document(make_result(ONE, (ID, "MUST", True), trace=trace))
    long, wide = (one["fields"]["metadata"] for one in made["cases"][0]["trace"])
    assert long["text"] == "x" * MOST_TEXT + "… (8000 characters)"
    assert long["list"] == [*range(MOST_TEXT), f"… and {1_000 - MOST_TEXT} more"]
    assert long["just"] == metadata["just"]
    assert wide["…"] == "and 3 more"
    assert len(wide) == MOST_TEXT + 1
    Draft202012Validator(schema()).validate(made)
