"""Nothing grows: an hour of simulated conversation in one session, and 10 minutes of real ones over WebSocket.

Both ends in one process, AudioOut and AudioIn as they are used, with interrupts, pauses, marks, and transports that are
cut and resumed. The hour runs on a loop whose clock jumps, over a channel that loses, reorders and repeats; the ten
minutes are sessions of a few turns each, so that sessions come and go as well. Whenever all is quiet: resident memory,
what tracemalloc counts, objects, tasks and file descriptors. A line is fitted through each, without the first fifth;
what it rises over the run is held against a tolerance.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import anyio

from lipwire.protocol.channels import Binding
from lipwire.receiver import Acceptor, serve_websocket
from lipwire.transports import Faults, MemoryListener, connect_websocket
from simulator.event_loop import SimulatedLoop

from .conversation import Agent, avatars
from .processes import has_proc, rss
from .rows import Row, against_limit

TOLERANCES = {"resident": 2.0, "traced": 0.1, "objects": 500.0, "tasks": 0.5, "descriptors": 0.5}
"""By how much each may rise over the whole run: MB, MB, and counts."""
UNITS = {"resident": "MB", "traced": "MB", "objects": "objects", "tasks": "tasks", "descriptors": "descriptors"}
LOSSY = Binding(name="lossy", separate_media=True, media_reliable=False, max_media_message=1_150)


class Sample(NamedTuple):
    """What there was at one moment. Seconds, MB, MB, counts."""

    at: float
    resident: float
    traced: float
    objects: float
    tasks: float
    descriptors: float


class Watch:
    """Takes samples, at most one every ``interval`` seconds of ``clock``."""

    def __init__(self, clock: Callable[[], float], interval: float, say: Callable[[str], None]) -> None:
        self.samples: list[Sample] = []
        self._clock = clock
        self._interval = interval
        self._say = say
        self._began = clock()
        self._next = self._began

    def sample(self) -> None:
        """Take one, if it is time."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + self._interval
        gc.collect()
        self.samples.append(
            Sample(
                at=now - self._began,
                resident=rss() / 1e6,
                traced=tracemalloc.get_traced_memory()[0] / 1e6,
                objects=len(gc.get_objects()) - len(self.samples),
                tasks=len(asyncio.all_tasks()),
                descriptors=len(list(Path("/proc/self/fd").iterdir())),
            )
        )
        if len(self.samples) % 5 == 1:
            self._say(", ".join(f"{name} {value:,.1f}" for name, value in self.samples[-1]._asdict().items()))


def rise(samples: Sequence[Sample], name: str) -> float:
    """What a straight line through the samples rises, without the first fifth; nothing if it falls."""
    kept = samples[len(samples) // 5 :]
    times, values = [one.at for one in kept], [getattr(one, name) for one in kept]
    slope = statistics.linear_regression(times, values).slope
    return max(0.0, slope * (times[-1] - times[0]))


async def simulated(seconds: float, say: Callable[[str], None]) -> tuple[list[Sample], Counter[str]]:
    """One session that lasts so long, on the loop of simulated time."""
    loop = asyncio.get_running_loop()
    listener = MemoryListener(binding=LOSSY)
    faults = Faults(seed=1, loss=0.05, reorder=0.05, duplicate=0.02, delay=0.030, jitter=0.010)
    agent = Agent(listener.connect, faults, Random(1), loop.time)
    watch = Watch(loop.time, seconds / 60, say)

    class Enough(Exception):
        """The time is over."""

    def after_turn() -> None:
        watch.sample()
        if loop.time() - watch._began > seconds:
            raise Enough

    async with Acceptor(listener, frame_ms=20, clock=loop.time) as acceptor, anyio.create_task_group() as tasks:
        tasks.start_soon(avatars, acceptor)
        try:
            await agent.call(1_000_000, after_turn)
        except* Enough:
            pass
        tasks.cancel_scope.cancel()
    return watch.samples, agent.count


async def real(seconds: float, say: Callable[[str], None]) -> tuple[list[Sample], Counter[str]]:
    """Sessions over WebSocket, one after the other, for so long."""
    async with serve_websocket("127.0.0.1", 0, frame_ms=20) as acceptor, anyio.create_task_group() as tasks:
        tasks.start_soon(avatars, acceptor)
        connector = connect_websocket(acceptor.address)
        agent = Agent(connector, Faults(delay=0.010), Random(1), time.monotonic)
        watch = Watch(time.monotonic, seconds / 40, say)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await agent.call(2)
            with anyio.fail_after(10.0):
                while acceptor.sessions:  # noqa: ASYNC110 - the last words are on their way
                    await anyio.sleep(0.01)
            watch.sample()
        tasks.cancel_scope.cancel()
    return watch.samples, agent.count


def measure(*, short: bool, say: Callable[[str], None]) -> list[Row]:
    """The simulated hour, then the ten real minutes."""
    if not has_proc():
        return [Row(name="soak", skipped="needs /proc")]
    tracemalloc.start()
    hours, minutes = (0.05, 0.25) if short else (1.0, 10.0)
    options = {"loop_factory": SimulatedLoop}
    samples, count = anyio.run(simulated, 3_600 * hours, say, backend_options=options)
    rows = [_row(f"{hours * 60:g} min simulated", samples, count)]
    samples, count = anyio.run(real, 60 * minutes, say)
    return [*rows, _row(f"{minutes:g} min real", samples, count)]


def _row(name: str, samples: Sequence[Sample], count: Counter[str]) -> Row:
    """Of what rises most, as a share of its tolerance."""
    rises = {what: rise(samples, what) for what in TOLERANCES}
    worst = max(TOLERANCES, key=lambda what: rises[what] / TOLERANCES[what])
    told = ", ".join(
        f"{what} {getattr(samples[0], what):,.1f} to {getattr(samples[-1], what):,.1f} {UNITS[what]} (rise "
        f"{rises[what]:.3g} of {tolerance:g})"
        for what, tolerance in TOLERANCES.items()
    )
    happened = ", ".join(f"{what} {number:,}" for what, number in sorted(count.items()))
    title = f"soak, {name}: greatest rise ({worst})"
    note = f"{len(samples)} samples: {told}; {happened}"
    return against_limit(title, UNITS[worst], [rises[worst]], "tolerance", TOLERANCES[worst], at_most=1.0, note=note)
