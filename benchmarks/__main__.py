"""``python -m benchmarks``: a table; ``--json`` for machines, ``--short`` for CI.

CPU per 20 ms chunk, 24 kHz mono, from ``AudioOut.write`` to what AudioIn yields, over the memory transport, against a
floor measured beside it: packing and unpacking the same bytes with msgpack, and one hop through an ``asyncio.Queue``.
Floor and figure take turns, several times; the median of the ratios is told, with the least and the greatest.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable

import anyio
import msgpack

from lipwire.receiver import Acceptor, Audio, Interrupted, SegmentEnd
from lipwire.sender import AudioOut, PcmFormat
from lipwire.transports import MemoryListener

CHUNK = bytes(range(240)) * 4
"""20 ms of 24 kHz mono."""
BURST = 50


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
    """CPU seconds for so many chunks from write to yield, ``burst`` of them in flight at a time."""
    listener = MemoryListener()
    took = 0.0
    arrived = anyio.Event()
    count = 0

    async def consume(acceptor: Acceptor) -> None:
        nonlocal count, arrived
        audio = await acceptor.accept()
        async for item in audio:
            match item:
                case Audio():
                    count += len(item.pcm)
                    if count >= target:
                        arrived.set()
                case SegmentEnd():
                    audio.notify_stream_ended(item.segment, item.total)
                case Interrupted():
                    audio.notify_stream_ended(item.segments, interrupted=True)

    async with Acceptor(listener) as acceptor, anyio.create_task_group() as tasks:
        tasks.start_soon(consume, acceptor)
        async with AudioOut(listener.connect, format=PcmFormat(24_000, 1)) as out, out.segment() as segment:
            target = 0
            began = time.process_time()
            for _ in range(chunks // burst):
                arrived = anyio.Event()
                target += burst * len(CHUNK)
                for _ in range(burst):
                    await segment.write(CHUNK)
                await arrived.wait()
            took = time.process_time() - began
        tasks.cancel_scope.cancel()
    return took


def measure(chunks: int, rounds: int, burst: int) -> dict[str, float]:
    """Take turns between floor and figure; microseconds a chunk, and ratios."""

    def run(figure: Callable[[int, int], Awaitable[float]]) -> float:
        return anyio.run(figure, chunks, burst) / chunks * 1e6

    run(floor), run(lipwire)
    pairs = [(run(floor), run(lipwire)) for _ in range(rounds)]
    ratios = [b / a for a, b in pairs]
    return {
        "floor_us": statistics.median(a for a, _ in pairs),
        "lipwire_us": statistics.median(b for _, b in pairs),
        "ratio": statistics.median(ratios),
        "least": min(ratios),
        "greatest": max(ratios),
    }


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.split("\n\n")[0])
    parser.add_argument("--short", action="store_true", help="a tenth of the work, for CI")
    parser.add_argument("--json", action="store_true", help="one JSON object in place of the table")
    options = parser.parse_args()
    chunks, rounds = (2_000, 3) if options.short else (20_000, 7)
    figures = {
        "one chunk at a time": measure(chunks, rounds, 1),
        f"bursts of {BURST}": measure(chunks, rounds, BURST),
    }
    if options.json:
        print(json.dumps({"cpu_per_chunk": figures}))
        return
    print(f"CPU per 20 ms chunk, AudioOut.write to AudioIn, memory transport; {rounds} rounds of {chunks} chunks\n")
    print(f"{'':<22}{'floor':>10}{'lipwire':>10}{'ratio':>8}{'least':>8}{'greatest':>10}")
    for name, f in figures.items():
        print(
            f"{name:<22}{f['floor_us']:>8.1f} µs{f['lipwire_us']:>8.1f} µs"
            f"{f['ratio']:>8.2f}{f['least']:>8.2f}{f['greatest']:>10.2f}"
        )


if __name__ == "__main__":
    main()
