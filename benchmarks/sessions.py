"""Real-time sessions over WebSocket in one receiver process on one core: how many, until chunks come late.

Each session sends 50 chunks a second, at its own phase; the receiver hands each to a consumer that reports it as
played, as README's does. The delay of a chunk runs from the load's ``send`` to the consumer, on the machine's one
clock. The load, a process on another core, sends frames that are made beforehand; both go before the machine's other
work where that is permitted. The largest count is searched at which 99 % of the chunks come within 40 ms and no session
is lost. Beside it: what a bare ``websockets`` server costs that is sent the same frames by as many peers and answers
nothing; and a profile that says where the CPU goes.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .processes import Child
from .rows import Row, against_limit, compare

BAR = 150
LATE = 0.040
"""Seconds."""
COMPARED = 100
"""Sessions at which the CPU is compared and profiled."""
MOST, STEP, FINE = 600, 50, 10
LOAD_LAG = 0.010
"""Seconds that the load may be behind at the 99th percentile; beyond, a trial says nothing of the receiver."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What one count of sessions gave. Seconds; ``cpu``: the receiver's, a chunk; ``core``: its share of its core."""

    sessions: int
    p50: float
    p99: float
    core: float
    cpu: float
    lag: float
    lost: int
    groups: dict[str, float]
    functions: list[tuple[str, float]]

    @property
    def kept_up(self) -> bool:
        """Whether the receiver did."""
        return self.p99 < LATE and not self.lost

    def __str__(self) -> str:
        lost = f", {self.lost} sessions lost" if self.lost else ""
        return (
            f"{self.sessions} sessions: delay p50 {self.p50 * 1e3:.1f}, p99 {self.p99 * 1e3:.1f} ms, "
            f"{self.core:.0%} of the core, load p99 {self.lag * 1e3:.1f} ms behind{lost}"
        )


def trial(kind: str, loop: str, sessions: int, *, seconds: float, profile: bool = False) -> Trial:
    """Run a receiver (``kind``: lipwire or bare) on one core, and the load on the other."""
    cores = sorted(os.sched_getaffinity(0))
    with Child("sessions_receiver", kind, loop, cores[0]) as receiver:
        address = receiver.hear()["address"]
        with Child("sessions_load", kind, address, sessions, cores[-1]) as load:
            assert load.hear()["connected"] == sessions
            load.hear()  # its first second is over
            receiver.tell("profile" if profile else "measure")
            receiver.hear()
            load.tell(f"{seconds}")
            sent = load.hear()
            receiver.tell("tell")
            told = receiver.hear()
    return Trial(
        sessions=sessions,
        p50=told["p50"],
        p99=told["p99"],
        core=told["cpu"] / told["clock"],
        cpu=told["cpu"] / max(told["chunks"], 1),
        lag=sent["lag_p99"],
        lost=max(sessions - told["sessions"], sent["lost"]),
        groups=told["groups"],
        functions=told["functions"],
    )


def keeps_up(loop: str, sessions: int, seconds: float, say: Callable[[str], None]) -> Trial | None:
    """The trial, if the receiver kept up; once more if it did not, for others may have had the core."""
    for _ in range(2):
        result = trial("lipwire", loop, sessions, seconds=seconds)
        say(f"{loop}, {result}")
        if result.kept_up:
            return result
    return None


def largest(loop: str, *, start: int, seconds: float, say: Callable[[str], None]) -> Trial | None:
    """The largest count that the receiver keeps up with, to within ``FINE``: steps upward, then halving."""
    best: Trial | None = None
    low, high, count = 0, MOST + FINE, start
    while high - low > FINE:
        found = keeps_up(loop, count, seconds, say)
        if found is None:
            high = count
        else:
            best, low = found, count
        count = min(low + STEP, MOST) if high > MOST else (low + high) // 2
    if best is not None and best.lag > LOAD_LAG:
        say(f"the load was {best.lag * 1e3:.0f} ms behind at {best.sessions}: it may be what bounds the count")
    return best


def first(loop: str, counts: Sequence[int], *, seconds: float, say: Callable[[str], None]) -> Trial | None:
    """The first of these counts that the receiver keeps up with."""
    return next((found for count in counts if (found := keeps_up(loop, count, seconds, say))), None)


def measure(*, short: bool, say: Callable[[str], None]) -> list[Row]:
    """For each event loop that is there."""
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:
        return [Row(name="real-time sessions on one core", skipped="needs Linux and two cores")]
    rows = []
    for loop in ("asyncio", "uvloop"):
        name = f"real-time sessions on one core, {loop}"
        if importlib.util.find_spec(loop) is None:
            rows.append(Row(name=name, skipped=f"{loop} is not installed"))
        else:
            rows += _measure_loop(loop, name, short=short, say=say)
    return rows


def _measure_loop(loop: str, name: str, *, short: bool, say: Callable[[str], None]) -> list[Row]:
    if short:
        found = [first(loop, (BAR, BAR * 2 // 3, BAR // 3), seconds=2.0, say=say)]
    else:
        found = [largest(loop, start=BAR, seconds=8.0, say=say)]
        again = found[0].sessions if found[0] else BAR
        found += [largest(loop, start=again, seconds=8.0, say=say) for _ in range(2)]
    seconds, rounds = (2.0, 1) if short else (6.0, 3)
    ours, bare = [], []
    for _ in range(rounds):
        ours.append(trial("lipwire", loop, COMPARED, seconds=seconds).cpu * 1e6)
        bare.append(trial("bare", loop, COMPARED, seconds=seconds).cpu * 1e6)
        say(f"{loop}, {COMPARED} sessions: lipwire {ours[-1]:.1f}, bare {bare[-1]:.1f} µs a chunk")
    profiled = trial("lipwire", loop, COMPARED, seconds=seconds, profile=True)
    for function, share in profiled.functions:
        say(f"{share:6.1%} {function}")
    shares = "where it goes: " + ", ".join(f"{group} {share:.0%}" for group, share in profiled.groups.items())
    counts = [float(one.sessions) if one else 0.0 for one in found]
    notes = [str(one) if one else "too late at every count" for one in found]
    note = "; ".join([*notes, "a short run tries no more than the bar"] if short else notes)
    cpu = f"receiver's CPU per chunk, {COMPARED} sessions, {loop}"
    return [
        against_limit(name, "sessions", counts, "bar", BAR, at_least=1.0, timing=True, note=note),
        compare(cpu, "µs", ours, "bare websockets", bare, note=shares),
    ]
