"""The short form of ``python -m fuzz``, the sequences that were kept, and whether the fuzzer finds what it should."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import pytest

from fuzz.__main__ import main
from fuzz.corpus import CORPUS, read, text_of
from fuzz.generate import Generator
from fuzz.machines import SETUPS, Machine, Setup, check_output
from fuzz.run import Failed, HarnessFault, Runner, minimised, replay
from fuzz.scripts import SCRIPTS
from fuzz.speaker import Speaker
from fuzz.steps import Do, Greeting, Message, Wait, parse
from lipwire.protocol.channels import Channel
from lipwire.protocol.codec import encode
from lipwire.protocol.connection import Connection
from lipwire.protocol.errors import CloseCode, RemoteProtocolError

MESSAGES = 30_000
"""Whole rounds of all setups and scripts, and with them every state."""


def _run(runner: Runner, runs: int) -> None:
    for index in range(runs):
        runner.run(index)


def test_nothing_but_protocol_errors_in_any_state() -> None:
    runner = Runner(seed=1)
    index = 0
    while runner.tally.messages < MESSAGES:
        runner.run(index)
        index += 1
        if index % 200 == 0:
            gc.collect()
    assert runner.tally.missing() == []
    assert runner.tally.measured > MESSAGES / 30
    outcomes = {outcome for row in runner.tally.rows.values() for outcome in row.outcomes}
    assert len(outcomes) > 15, "it does not reach much"


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.txt")), ids=lambda path: path.stem)
def test_sequences_that_were_kept(path: Path) -> None:
    setup, steps, expected = read(path)
    keys, machine = replay(setup, steps)
    machine.finish()
    meant = "where the wire was changed on purpose: python -m fuzz --messages 150000 --seed 3 --grow"
    assert expected in map(str, keys) or not expected, meant


def test_there_are_sequences() -> None:
    assert len(list(CORPUS.glob("*.txt"))) > 50


@pytest.mark.parametrize("setup", SETUPS, ids=str)
def test_scripts_do_what_they_say(setup: Setup) -> None:
    """They end the session where they are named so, and are not refused. Without features nothing can be resumed."""
    for script in SCRIPTS[setup.kind]:
        name = script.__name__
        if not setup.features and any(word in name for word in ("lost", "reopening", "resumed")):
            continue
        machine = setup.make()
        peer = Speaker(machine)
        for step in script(peer):
            sent = machine.apply(step)
            if machine.core.version == 1:
                peer.hear(check_output(machine, sent))
            assert machine.refused is None, f"{name}: {step}"
        assert (machine.core.closed is not None) == ("closed" in name), f"{name}: {machine.core.closed}"


def test_steps_are_lines() -> None:
    steps = [
        Message(b"\x91\x04" + bytes(40) + b"\x01" * 15, Channel.MEDIA),
        Message(b""),
        Message("text \ud800 \n"),
        Greeting(b"\x90"),
        Greeting('{"a": 1}'),
        Wait(0.021),
        Do("read all"),
    ]
    assert [parse(str(step)) for step in steps] == steps
    with pytest.raises(ValueError, match="not a step"):
        parse("dance")


def test_minimising_keeps_what_is_needed() -> None:
    needed = [Wait(3.0), Wait(7.0)]
    steps = [Wait(float(n)) for n in range(100)]
    assert minimised(steps, lambda fewer: all(step in fewer for step in needed)) == needed


def test_a_fault_is_found_made_small_and_replayed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A planted one: a pong that was not asked for raises what it should not."""

    def broken(self: Connection, message: object, now: float) -> None:  # noqa: ARG001
        raise KeyError("planted")

    monkeypatch.setattr(Connection, "_on_pong", broken)
    runner = Runner(seed=2)
    with pytest.raises(Failed, match="KeyError") as failed:
        _run(runner, 2_000)
    fault = failed.value
    small = minimised(fault.steps, fault.recurs)
    assert len(small) <= 4, "a session, and one pong"
    path = tmp_path / "fault.txt"
    path.write_text(text_of(fault.setup, small, ""))
    setup, steps, _ = read(path)
    with pytest.raises(KeyError):
        replay(setup, steps)


def test_a_fault_in_memory_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted one: a ping is taken at its word on how much to allocate."""

    def greedy(self: Connection, message: object, now: float) -> None:  # noqa: ARG001
        bytes(min(message.t1, 50_000_000))  # type: ignore[attr-defined]

    monkeypatch.setattr(Connection, "_on_ping", greedy)
    runner = Runner(seed=2)
    with pytest.raises(Failed, match="memory"):
        _run(runner, 2_000)


def _wrong_call(*_: object) -> None:
    encode(None)  # type: ignore[arg-type]


def _wrong_name(self: Machine, *_: object) -> None:
    self.core.no_such_name  # noqa: B018


@pytest.mark.parametrize(
    ("where", "what"),
    [((Speaker, "hear"), _wrong_call), ((Generator, "_message"), _wrong_call), ((Machine, "_flush"), _wrong_name)],
    ids=lambda value: "" if callable(value) else value[1],
)
def test_a_fault_of_the_fuzzer_is_not_the_machine_s(
    where: tuple[type, str],
    what: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(*where, what)
    monkeypatch.setattr("sys.argv", ["fuzz", "--messages", "2000"])
    with pytest.raises(HarnessFault):
        _run(Runner(seed=2), 50)
    assert main() == 3
    assert "the fuzzer itself is at fault, in --seed 0 --run " in capsys.readouterr().out


def test_an_error_of_the_protocol_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(self: Connection, message: object, now: float) -> None:  # noqa: ARG001
        raise RemoteProtocolError(CloseCode.INVALID_FIELD, "planted")

    monkeypatch.setattr(Connection, "_on_ping", refuses)
    runner = Runner(seed=2)
    _run(runner, 200)
    assert runner.tally.rows["receiver", "open"].outcomes["closed invalid_field"]
