"""CPU per 20 ms chunk, from ``AudioOut.write`` to what AudioIn yields, against a floor and against rivals' classes.

24 kHz mono over the memory transport. The floor is packing and unpacking the same bytes with msgpack, and one hop
through an ``asyncio.Queue``. All that is compared takes turns in one process. The rivals run in an environment of
their own (``scripts/fetch-rivals``), where the floor and Lipwire are measured once more beside them.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

import anyio
import msgpack

from lipwire.receiver import Acceptor, Audio, Interrupted, SegmentEnd
from lipwire.sender import AudioOut, PcmFormat
from lipwire.transports import MemoryListener

from . import rivals
from .rows import Row, compare

CHUNK = bytes(range(240)) * 4
"""20 ms of 24 kHz mono."""
BURST = 50
WARM_UP = 0.5
"""Seconds."""
BARS = {1: 1.8, BURST: 2.5}
"""At most so many times the floor, by how many chunks are in flight."""

Contender: TypeAlias = Callable[[int, int], Awaitable[float]]
"""Sends so many chunks, so many of them in flight at a time, and gives the CPU seconds that they took."""


async def floor(chunks: int, burst: int) -> float:
    """CPU seconds for so many chunks through msgpack and one queue, ``burst`` of them in flight at a time."""
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    turn: asyncio.Queue[None] = asyncio.Queue()

    async def consume() -> None:
        for _ in range(chunks // burst):
            for _ in range(burst):
                msgpack.unpackb(await queue.get())
            turn.put_nowait(None)

    consumer = asyncio.create_task(consume())
    began = time.process_time()
    for number in range(chunks // burst):
        for index in range(burst):
            queue.put_nowait(msgpack.packb((17, 1, (number * burst + index) * 480, 0, CHUNK)))
        # One chunk at a time waits for its hop; the way back is not counted as a second one.
        await turn.get() if burst > 1 else await asyncio.sleep(0)
    await consumer
    return time.process_time() - began


async def lipwire(chunks: int, burst: int) -> float:
    """CPU seconds for so many chunks from write to yield, ``burst`` of them in flight at a time.

    After a warm-up, for the bound on what is in flight grows from little, by round trips and reports.
    """
    listener = MemoryListener()
    took = began = 0.0
    turn: asyncio.Queue[None] = asyncio.Queue()
    count = target = 0

    async def consume(acceptor: Acceptor) -> None:
        nonlocal count
        audio = await acceptor.accept()
        async for item in audio:
            match item:
                case Audio():
                    count += len(item.pcm)
                    if burst > 1 and count >= target:
                        turn.put_nowait(None)
                case SegmentEnd():
                    audio.notify_stream_ended(item.segment, item.total)
                case Interrupted():
                    audio.notify_stream_ended(item.segments, interrupted=True)
                case _:
                    pass

    async with Acceptor(listener) as acceptor, asyncio.TaskGroup() as tasks:
        consumer = tasks.create_task(consume(acceptor))  # a plain task, as the floor's and the rivals' is
        async with AudioOut(listener.connect, format=PcmFormat(24_000, 1)) as out, out.segment() as segment:
            warm_until = time.monotonic() + WARM_UP
            left = chunks // burst
            while left:
                if began:
                    left -= 1
                elif time.monotonic() >= warm_until:
                    began = time.process_time()
                    left -= 1
                target += burst * len(CHUNK)
                for _ in range(burst):
                    await segment.write(CHUNK)
                # As the floor does: the way back is not counted.
                await turn.get() if burst > 1 else await asyncio.sleep(0)
                while count < target:  # noqa: ASYNC110 - a turn of the loop, not a time
                    await asyncio.sleep(0)
            took = time.process_time() - began
        consumer.cancel()
    return took


def take_turns(
    contenders: Mapping[str, Contender], burst: int, *, chunks: int, rounds: int, say: Callable[[str], None]
) -> dict[str, list[float]]:
    """Microseconds a chunk of each, by round, after one round to warm up."""
    took: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, contender in contenders.items():
            value = anyio.run(contender, chunks, burst) / chunks * 1e6
            if number:
                took[name].append(value)
        if number:
            say(f"{how_many(burst)}, round {number}: " + ", ".join(f"{n} {v[-1]:.1f} µs" for n, v in took.items()))
    return {name: values for name, values in took.items() if values}


def how_many(burst: int) -> str:
    """What to call so many chunks in flight."""
    return "one at a time" if burst == 1 else f"bursts of {burst}"


def measure(*, short: bool, say: Callable[[str], None]) -> list[Row]:
    """Here against the floor, then beside the rivals."""
    chunks, rounds = (2_000, 3) if short else (20_000, 7)
    rows = []
    for burst, bar in BARS.items():
        took = take_turns({"floor": floor, "lipwire": lipwire}, burst, chunks=chunks, rounds=rounds, say=say)
        title = f"CPU per chunk, {how_many(burst)}"
        rows.append(compare(title, "µs", took["lipwire"], "floor", took["floor"], at_most=bar, timing=True))
    return rows + _beside_rivals(rivals.measure(chunks=chunks, rounds=rounds, say=say))


def _beside_rivals(measured: rivals.Measured) -> list[Row]:
    rows = []
    for burst in BARS:
        for rival, name in rivals.NAMES.items():
            title = f"CPU per chunk, {how_many(burst)}, beside {name}"
            if rival in measured.absent:
                rows.append(Row(name=title, skipped=measured.absent[rival]))
                continue
            took = measured.took[burst]
            note = (
                f"version {measured.versions[rival]} over a fake room, {measured.python}; "
                f"the floor there is {statistics.median(took['floor']):.1f} µs"
            )
            ours, theirs = took["lipwire"], took[rival]
            rows.append(compare(title, "µs", ours, name, theirs, at_most=1.0, timing=True, note=note))
    return rows
