"""Runs, what they came to, and what they cost."""

from __future__ import annotations

import re
import sys
import time
import traceback
import tracemalloc
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

import lipwire.protocol
from lipwire.protocol.channels import Channel, Wire
from lipwire.protocol.states import ATTACHED, SegmentState, SessionState

from .generate import Generator
from .machines import MACHINES, SETUPS, Broken, Machine, Setup, check_output, need
from .scripts import SCRIPTS
from .speaker import Speaker
from .steps import Greeting, Message, Step

_FUZZER = Path(__file__).parent
_SDK = Path(lipwire.protocol.__file__).parent
MEASURED = 24
"""One run in so many is measured in memory, and another in calls: both cost much more time than they measure."""
BOUNDS = {"memory": (192 * 1_024, 100, 4), "calls": (8_000, 40, 20)}
"""What handling a message may take at most, in bytes allocated and functions called: so many, and for each byte of it,
and for each byte of the answer."""

State = tuple[str, SessionState, frozenset[SegmentState]]


@dataclass(frozen=True)
class Key:
    """What makes a sequence worth keeping: the first whose last message came to this, and why, in this state."""

    kind: str
    session: SessionState
    segment: SegmentState | None
    """The state of one of the segments, where the message was just taken."""
    outcome: str
    why: str
    """How the reason begins, where it was not."""

    def __str__(self) -> str:
        segment = f", a segment {self.segment.value}" if self.segment else ""
        return f"{self.kind}, {self.session.value}{segment}: {self.outcome}"


def keys_of(machine: Machine, state: State, outcome: str) -> list[Key]:
    """The keys of a message that was handled."""
    kind, session, segments = state
    if outcome in ("taken", "dropped"):
        return [Key(kind, session, segment, outcome, "") for segment in (sorted(segments, key=str) or (None,))]
    return [Key(kind, session, None, outcome, re.split("[0-9'\"[]", machine.reason())[0][:50].strip())]


def state_of(machine: Machine) -> State:
    """The state that a machine is in."""
    return (machine.setup.kind, machine.core.state, frozenset(machine.segments()))


def outcome_of(machine: Machine, step: Step, state: State) -> str:
    """What a message, or a greeting, that came in this state came to."""
    return "dropped" if isinstance(step, Message) and state[1] not in ATTACHED else machine.outcome()


class HarnessFault(Exception):
    """The fuzzer itself went wrong: nothing is known of the machine."""


def is_of_machine(error: BaseException) -> bool:
    """Whether the machine is at fault: it broke what has to hold, or what a step made its core do has raised this."""
    if isinstance(error, Broken):
        return True
    files = [Path(frame.f_code.co_filename) for frame, _ in traceback.walk_tb(error.__traceback__)]
    ours = [file for file in files if file.parent == _FUZZER]
    passed = [file for file in files if file.parent == _FUZZER or _SDK in file.parents]
    return bool(ours) and ours[-1].name == "machines.py" and passed[-1] is not ours[-1]


class Failed(Exception):
    """A run found a fault of the machine."""

    def __init__(self, setup: Setup, steps: list[Step], cause: BaseException, measured: str) -> None:
        super().__init__(f"{type(cause).__name__}: {cause}")
        self.setup = setup
        self.steps = steps
        self.cause = cause
        self.measured = measured

    def recurs(self, steps: list[Step]) -> bool:
        """Whether these steps end in the same kind of fault."""
        try:
            if self.measured == "memory":
                tracemalloc.start()
            _, machine = replay(self.setup, steps, self.measured)
            machine.finish()
        except Exception as error:
            return type(error) is type(self.cause) and _kind_of(error) == _kind_of(self.cause)
        finally:
            tracemalloc.stop()
        return False


@dataclass
class Row:
    """One state's share of a tally."""

    messages: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    seconds: array[float] = field(default_factory=lambda: array("d"))
    slowest: tuple[float, int] = (0.0, -1)
    """Seconds, and in which run."""
    worst: dict[str, float] = field(default_factory=dict)
    """The most "memory" and "calls" that a message took, as shares of what it may take."""

    def note(self, outcome: str, seconds: float, index: int) -> None:
        """Count one message of a run; no seconds: something else was measured."""
        self.messages += 1
        self.outcomes[outcome] += 1
        if seconds:
            self.seconds.append(seconds)
            self.slowest = max(self.slowest, (seconds, index))


@dataclass
class Tally:
    """What all runs came to."""

    rows: defaultdict[tuple[str, str], Row] = field(default_factory=lambda: defaultdict(Row))
    """By kind of machine, and state: of the session, or of a segment while the session is open (with a ``+``)."""
    seen: Counter[tuple[str, SessionState, SegmentState | None]] = field(default_factory=Counter)
    keys: dict[Key, tuple[Setup, list[Step]]] = field(default_factory=dict)
    messages: int = 0
    runs: int = 0
    not_again: int = 0
    """Runs in which a message took too much memory, and did not when the run was done again."""
    measured: int = 0
    """Messages of which memory or calls were measured too."""

    def note(self, state: State, outcome: str, seconds: float, index: int) -> None:
        """Count one message that came in this state."""
        kind, session, segments = state
        self.messages += 1
        self.rows[kind, session.value].note(outcome, seconds, index)
        self.seen[kind, session, None] += 1
        for segment in segments:
            self.seen[kind, session, segment] += 1
            if session is SessionState.OPEN:
                self.rows[kind, f"open + {segment.value}"].note(outcome, seconds, index)

    def missing(self) -> list[str]:
        """The states that can be and in which no message came, and those that can not be and were seen."""
        out = []
        for kind, machine in MACHINES.items():
            possible = {
                (kind, session, segment)
                for session, segments in machine.REACHABLE.items()
                for segment in (None, *segments)
            }
            seen = {one for one in self.seen if one[0] == kind}
            for what, states in (("never seen", possible - seen), ("said to be unreachable", seen - possible)):
                out += [f"{what}: {_state_name(*state)}" for state in states]
        return sorted(out)


def _state_name(kind: str, session: SessionState, segment: SegmentState | None) -> str:
    return f"{kind}, {session.value}" + (f", a segment {segment.value}" if segment else "")


class _Calls:
    """Counts calls of functions, the interpreter's own too, by ``sys.setprofile``."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> _Calls:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _note(self, frame: FrameType, event: str, arg: Any) -> None:  # noqa: ARG002
        self.count += event in ("call", "c_call")


class Runner:
    """Does runs, and keeps the tally."""

    def __init__(self, seed: int, *, keep: bool = False) -> None:
        self.seed = seed
        self.index = -1
        self.tally = Tally()
        self._keep = keep

    def run(self, index: int) -> None:
        """Do one run; it depends on the seed and its index alone.

        Raises:
            Failed: it found a fault.
            HarnessFault: the fuzzer went wrong.
        """
        self.index = index
        random = Random(f"{self.seed}/{index}")
        setup = SETUPS[index % len(SETUPS)]
        scripts = SCRIPTS[setup.kind]
        script = scripts[index // len(SETUPS) % len(scripts)]
        machine = setup.make()
        peer = Speaker(machine)
        length = min(1 + int(random.expovariate(1 / 40)), 400)
        what = _measures(index)
        steps: list[Step] = []
        self.tally.runs += 1

        def all_steps() -> Iterator[Step]:
            yield from script(peer)
            yield from Generator(machine, peer, random).steps(length)

        try:
            if what == "memory":
                tracemalloc.start()
            for step in all_steps():
                steps.append(step)
                sent = self._apply(machine, step, steps, what)
                if sent and machine.core.version == 1:
                    peer.hear(check_output(machine, sent))
            machine.finish()
        except Exception as error:
            if not is_of_machine(error):
                raise HarnessFault(f"{type(error).__name__}: {error}") from error
            failed = Failed(setup, steps, error, what)
            # Process-wide tables (of interned strings, say) grow now and then: what is the message's comes again.
            if what == "memory" and isinstance(error, Broken) and not failed.recurs(steps):
                self.tally.not_again += 1
                return
            raise failed from error
        finally:
            tracemalloc.stop()

    def _apply(self, machine: Machine, step: Step, steps: list[Step], what: str) -> list[tuple[Channel, Wire]]:
        if not isinstance(step, Message | Greeting):
            return machine.apply(step)
        state = state_of(machine)
        if what:
            self.tally.measured += 1
            sent, share = _measured(machine, step, what)
            worst = self.tally.rows[state[0], state[1].value].worst
            worst[what] = max(worst.get(what, 0.0), share)
            seconds = 0.0
        else:
            began = time.thread_time()
            sent = machine.apply(step)
            seconds = time.thread_time() - began
        outcome = outcome_of(machine, step, state)
        self.tally.note(state, outcome, seconds, self.index)
        if self._keep:
            for key in keys_of(machine, state, outcome):
                self.tally.keys.setdefault(key, (machine.setup, list(steps)))
        return sent


def _measured(machine: Machine, step: Message | Greeting, what: str) -> tuple[list[tuple[Channel, Wire]], float]:
    """Do a step with its "memory" or its "calls" measured; gives the share of what it may take, too.

    Raises:
        Broken: it took more.
    """
    if what == "memory":
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        sent = machine.apply(step)
        used = tracemalloc.get_traced_memory()[1] - before
    else:
        with _Calls() as calls:
            sent = machine.apply(step)
        used = calls.count
    base, per_byte, per_answer = BOUNDS[what]
    most = base + per_byte * len(step.data) + per_answer * sum(len(data) for _, data in sent)
    need(used <= most, f"{what}: {used} for a message of {len(step.data)} bytes; the most is {most}")
    return sent, used / most


def replay(setup: Setup, steps: Iterable[Step], measure: str = "") -> tuple[list[Key], Machine]:
    """Do the steps; gives the keys of the last message."""
    machine = setup.make()
    keys: list[Key] = []
    for step in steps:
        state, message = state_of(machine), isinstance(step, Message | Greeting)
        if measure and isinstance(step, Message | Greeting):
            sent, _ = _measured(machine, step, measure)
        else:
            sent = machine.apply(step)
        if machine.core.version == 1:
            check_output(machine, sent)
        if message:
            keys = keys_of(machine, state, outcome_of(machine, step, state))
    return keys, machine


def _measures(index: int) -> str:
    """What is measured in a run, beside its time: nothing ("") in most."""
    turn = index // len(SETUPS) % MEASURED
    return {0: "memory", MEASURED // 2: "calls"}.get(turn, "")


def _kind_of(error: BaseException) -> str:
    """A fault's message without its numbers."""
    return "".join(c for c in str(error) if not c.isdigit())


def minimised(steps: list[Step], holds: Callable[[list[Step]], bool]) -> list[Step]:
    """Leave out all steps that are not needed for ``holds`` (delta debugging)."""
    size = len(steps) // 2
    while size:
        at = 0
        while at < len(steps):
            fewer = steps[:at] + steps[at + size :]
            if fewer and holds(fewer):
                steps = fewer
            else:
                at += size
        size //= 2
    return steps
