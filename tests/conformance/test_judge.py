"""The judge accuses no correct peer: simulated sessions from four places, and real ones of the SDK."""

from __future__ import annotations

import ast
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lipwire import conformance, protocol
from lipwire.cli.main import main
from lipwire.conformance import messages as m
from lipwire.conformance.judge import Judge
from lipwire.conformance.judge.judging import BEGAN_BEFORE, ROOM, VERSION_0
from lipwire.conformance.recorded import BETWEEN, Recorded, read_trace
from lipwire.conformance.tally import Tally
from lipwire.protocol.channels import Channel
from lipwire.protocol.registry import Role
from lipwire.protocol.trace import message_record
from simulator.plan import Plan, draw
from simulator.runs import run_seed

from .sessions import Session, begun, cut, played

SEEDS = range(100)
"""The first so many that are not about rooms, of which there is no binding yet."""


def _bindings(plan: Plan) -> set[str]:
    return {plan.binding.name, *(more["to"] for _, _, more in plan.steps if "to" in more)}


def _plans() -> list[Plan]:
    found, seed = [], 0
    while len(found) < len(SEEDS):
        plan = draw(seed)
        if "room" not in _bindings(plan):
            found.append(plan)
        seed += 1
    return found


def _records(plan: Plan) -> list[dict[str, Any]]:
    """What both ends trace of a seed; the binding only where it does not change."""
    records: list[dict[str, Any]] = []
    outcome = run_seed(plan.seed, records.append)
    assert not outcome.failed, outcome.problem
    known = {"binding": plan.binding.name} if len(_bindings(plan)) == 1 else {}
    return [record | known for record in records if record["kind"] != "event"]


def _of(records: list[dict[str, Any]]) -> list[Recorded]:
    return read_trace("\n".join(map(json.dumps, records)), "simulated")


def _between(records: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """What somebody sees who is told of each message when it is sent (``out``), or when it arrives (``in``)."""
    seen = [record | {"place": BETWEEN, "transport": 1, "kind": "out"} for record in records if record["kind"] == kind]
    if kind == "in":
        for record in seen:
            record["peer"] = Role(record["peer"]).other.value
    return seen


def test_sessions_of_a_hundred_seeds_are_clean_from_wherever_they_are_seen() -> None:
    tally, between = Tally(), 0
    for plan in _plans():
        records = _records(plan)
        tally.judge(_of(records))
        if sum(record.get("name") == "hello" and record["kind"] == "out" for record in records) == 1:
            between += 1
            for kind in ("out", "in"):
                tally.judge(_of(_between(records, kind)))
    assert [(place, one.requirement, one.actual) for place, one in tally.findings] == []
    assert tally.unjudged == []
    assert between >= 20
    looked_at = {requirement for _, requirement in tally.looks}
    assert looked_at >= {
        "LW-AUDIO-1", "LW-AUDIO-2", "LW-CREDIT-1", "LW-INTERRUPT-1", "LW-INTERRUPT-4", "LW-INTERRUPT-7",
        "LW-INTERRUPT-10", "LW-RESUME-2", "LW-RESUME-7", "LW-RESUME-8", "LW-RESUME-10", "LW-REPAIR-1", "LW-MARK-1",
        "LW-CONTROL-1", "LW-CONTROL-6", "LW-STREAM-3", "LW-PROGRESS-2", "LW-SEGMENT-5", "LW-LIVE-1", "LW-BINDING-3",
    }  # fmt: skip


def _dropped(records: list[dict[str, Any]], name: str, seed: int) -> list[dict[str, Any]]:
    """The same, without one message of that name."""
    places = [at for at, record in enumerate(records) if _name(record) == name]
    gone = places[seed % len(places)] if places else len(records)
    return [record for at, record in enumerate(records) if at != gone]


def _name(record: dict[str, Any]) -> str:
    name = record.get("name", "")
    return record["fields"]["message"]["name"] if name == "numbered" else name


@pytest.mark.parametrize("name", ["cut", "segment_end", "interrupt"])
def test_a_message_that_a_peer_keeps_to_itself_is_missed_in_most_of_them(name: str) -> None:
    """Otherwise that seeds are clean would say little."""
    found = Counter[bool]()
    for plan in _plans()[:60]:
        seen = [record for record in _records(plan) if record["peer"] == "sender" and record.get("hex")]
        if plan.binding.name == "webrtc" or not any(_name(record) == name for record in seen):
            continue
        tally = Tally()
        tally.judge(_of(_dropped(seen, name, plan.seed)))
        found[bool(tally.findings)] += 1
    assert found[True] > found[False], found


REAL = {
    "websocket, interrupted and resumed": (
        ["--transport", "websocket", "--cut-after", "1,1"],
        {"LW-RESUME-7", "LW-AUDIO-2"},
    ),
    "webrtc, lossy, interrupted and resumed": (
        ["--transport", "webrtc", "--loss", "10%", "--reorder", "5%", "--duplicate", "5%", "--cut-after", "1"],
        {"LW-RESUME-7", "LW-REPAIR-1", "LW-BINDING-3"},
    ),
    "websocket that loses media": (
        ["--transport", "websocket", "--loss", "10%", "--reorder", "5%", "--duplicate", "5%", "--delay", "20ms"],
        {"LW-REPAIR-1"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("network", REAL)
def test_real_sessions_of_the_sdk_are_clean(network, tmp_path, capsys) -> None:
    options, looked_at = REAL[network]
    trace = tmp_path / "session.jsonl"
    assert main(["demo", *options, "--speed", "5", "--trace", str(trace), "--out", str(tmp_path), "--json"]) == 0
    capsys.readouterr()
    assert main(["conformance", "check", str(trace), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["findings"], told["sessions_not_judged"], told["sessions"]) == ([], [], 2)
    assert {one["requirement"] for one in told["judged"]} >= looked_at | {"LW-INTERRUPT-4", "LW-CREDIT-1", "LW-LIVE-1"}


def test_a_session_over_what_loses_control_is_not_judged(tmp_path, capsys) -> None:
    trace = tmp_path / "session.jsonl"
    options = ["--transport", "memory", "--loss", "10%", "--lossy-control", "--speed", "8"]
    assert main(["demo", *options, "--trace", str(trace), "--out", str(tmp_path), "--json"]) == 0
    assert main(["conformance", "check", str(trace)]) == 2
    assert ROOM in " ".join(capsys.readouterr().out.split())


def test_version_0_is_not_judged() -> None:
    records = [
        message_record("sender", "out", Channel.MEDIA, bytes(960), 0.0, 0),
        message_record("sender", "out", Channel.CONTROL, '{"type": "segment_end"}', 0.1, 0),
        message_record("sender", "in", Channel.CONTROL, '{"type": "stream_ended", "data": {}}', 0.2, 0),
        message_record("sender", "out", Channel.CONTROL, b"INTERRUPT", 0.3, 0),
    ]
    tally = Tally()
    tally.judge(_of(records))
    assert (tally.findings, tally.unjudged) == ([], [("at the sender", VERSION_0, 1)])
    assert tally.exit_code == 2


def test_a_session_that_began_before_the_trace_is_not_judged() -> None:
    session = begun("resume").resume(count=1, rows=[(1, 480, 240, None)]).receiver(m.progress(1, 9_999))
    judging = Judge("websocket")
    assert [finding for entry in session.trace if entry.transport == 2 for finding in judging.take(entry)] == []
    assert judging.unjudged == {BEGAN_BEFORE: 1}
    assert judging.sessions == 0


def test_two_sessions_side_by_side_are_told_apart() -> None:
    first, second = played(), cut()
    judging = Judge("websocket")
    findings = []
    for number in range(max(len(first.trace), len(second.trace))):
        for transport, session in enumerate((first, second), 1):
            for entry in session.trace[number : number + 1]:
                object.__setattr__(entry, "transport", transport)
                findings += judging.take(entry)
    assert findings == []
    assert judging.sessions == 2


def test_who_breaks_a_rule_loses_the_benefit_of_what_follows_from_it() -> None:
    """The other peer is not accused for what it does about a message that was wrong."""
    session = begun().sender(m.segment_start(1)).receiver(m.progress(1, 9_999))
    findings, _ = session.judged()
    assert {(one.requirement, one.by) for one in findings} == {
        ("LW-SEGMENT-1", Role.SENDER), ("LW-SEGMENT-3", Role.SENDER),
    }  # fmt: skip


@pytest.mark.parametrize("features", [(), ("repair",)])
def test_without_the_binding_nothing_is_taken_for_granted(features) -> None:
    """Media may have lost, or overtaken, what an onlooker misses."""
    session = Session(*features).sender(m.segment_start(1), m.interrupt(1), m.audio(1, 0, m.pcm(9)), m.segment_start(2))
    session.sender(m.audio(2, 0, m.pcm(9), 0), m.segment_end(2, 480))
    assert session.judged(binding=None)[0] == []
    assert session.judged()[0] != []


MACHINES = frozenset(
    f"lipwire.protocol.{path.stem}"
    for path in Path(protocol.__file__).parent.glob("*.py")
    if path.stem.startswith(("sender", "receiver", "version0_"))
    or path.stem in {"connection", "incoming", "outgoing", "reassembly", "numbered", "interrupts", "flight", "liveness"}
)


def test_the_kit_does_without_the_state_machines() -> None:
    """It would share their mistakes."""
    assert len(MACHINES) > 15
    used = set()
    for path in Path(conformance.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and not node.level and node.module is not None:
                used |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Import):
                used |= {alias.name for alias in node.names}
    assert "lipwire.protocol.codec" in used
    assert not {name for name in used if name in MACHINES or name.startswith(("lipwire.sender", "lipwire.receiver"))}
