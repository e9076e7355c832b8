"""WebSocket: 20 ms chunks a second, against bare ``websockets`` sending the same bytes; both ends in one process.

In three ways: one chunk at a time, each taken at the other end before the next is sent; bursts of 10; and a backlog of
a minute written at once. The bare connection sends the same audio messages, one for each chunk. Where Lipwire joins
chunks into larger messages, a further row has no bar: there the bare connection sends those very messages.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from lipwire.protocol.codec import encode_audio
from lipwire.receiver import AudioIn, serve_websocket
from lipwire.sender import AudioOut, PcmFormat
from lipwire.transports import connect_websocket

from .clocks import Stopwatch, Took, patiently
from .consumer import Consumer
from .cpu import CHUNK
from .rows import Row, compare

BACKLOG = 3_000
"""Chunks in a minute of speech."""
WARM = 1_000
"""Chunks before the measured ones: slow start is not measured."""


@asynccontextmanager
async def session() -> AsyncIterator[tuple[AudioOut, Consumer]]:
    """An open session over a WebSocket on loopback, and who consumes it."""
    async with serve_websocket("127.0.0.1", 0) as acceptor, anyio.create_task_group() as tasks:
        connector = connect_websocket(acceptor.address)
        async with AudioOut(connector, format=PcmFormat(24_000, 1)) as out:
            audio: AudioIn = await acceptor.accept()
            consumer = Consumer(audio)
            tasks.start_soon(consumer.run)
            yield out, consumer
        tasks.cancel_scope.cancel()


async def lipwire(chunks: int, burst: int) -> tuple[Took, list[int]]:
    """What so many chunks take, ``burst`` of them in flight at a time, and the bytes of PCM in each item."""
    async with session() as (out, consumer), out.segment() as segment:
        for _ in range(-(-WARM // burst)):
            await consumer.expect(await _write(segment.write, burst))
        consumer.sizes.clear()
        watch = Stopwatch()
        for _ in range(chunks // burst):
            await consumer.expect(await _write(segment.write, burst))
        took = watch.read()
    return took, consumer.sizes


async def _write(write: Callable[[bytes], object], count: int) -> int:
    for _ in range(count):
        await write(CHUNK)  # type: ignore[misc]
    return count * len(CHUNK)


async def bare(sizes: Sequence[int], burst: int) -> Took:
    """What the same messages take over ``websockets`` alone, ``burst`` chunks of PCM in flight at a time."""
    messages = []
    position = 0
    for size in sizes:
        messages.append(encode_audio(1, position, 0, bytes(size)))
        position += size // 2
    flight = burst * len(CHUNK)
    arrived = asyncio.Event()
    count = target = 0

    async def consume(connection: ServerConnection) -> None:
        nonlocal count
        got = 0
        async for _ in connection:
            count += sizes[got]
            got += 1
            if count >= target:
                arrived.set()

    server = await serve(consume, "127.0.0.1", 0, compression=None, ping_interval=None)
    port = next(iter(server.sockets)).getsockname()[1]
    async with connect(f"ws://127.0.0.1:{port}", compression=None, ping_interval=None, proxy=None) as connection:
        watch = Stopwatch()
        sent = 0
        for index, message in enumerate(messages):
            await connection.send(message)
            sent += sizes[index]
            if sent - target >= flight or index == len(messages) - 1:
                arrived.clear()
                target = sent
                if count < target:
                    await arrived.wait()
        took = watch.read()
    server.close()
    await server.wait_closed()
    return took


def measure(*, short: bool, say: Callable[[str], None]) -> list[Row]:
    """Turns between Lipwire and the bare connection, in each of the three ways."""
    rounds = 3 if short else 7
    ways = [
        ("one at a time", 1, 3_000 if short else 10_000, 0.6),
        ("bursts of 10", 10, 5_000 if short else 20_000, 0.6),
        ("a backlog", BACKLOG, BACKLOG * (1 if short else 3), 0.8),
    ]
    return [row for way in ways for row in _measure_way(*way, rounds=rounds, say=say)]


def _measure_way(
    name: str, burst: int, chunks: int, bar: float, *, rounds: int, say: Callable[[str], None]
) -> list[Row]:
    took: list[Took] = []
    single: list[Took] = []
    alike: list[Took] = []
    sizes: list[int] = []
    for number in range(rounds + 1):
        ours, sizes = anyio.run(patiently, lipwire, chunks, burst)
        took.append(ours)
        single.append(anyio.run(patiently, bare, [len(CHUNK)] * chunks, burst))
        alike.append(anyio.run(patiently, bare, sizes, burst))
        if number:
            told = [f"{chunks / one[-1].clock:,.0f}" for one in (took, single, alike)]
            say(f"{name}, round {number}: {told[0]} chunks/s; bare {told[1]}, in the same messages {told[2]}")
    rates = [[chunks / one.clock for one in every[1:]] for every in (took, single, alike)]
    by_cpu = statistics.median(b.cpu / a.cpu for a, b in zip(took[1:], single[1:], strict=True))
    note = f"by CPU time {by_cpu:.2f}; {sum(sizes) / len(sizes):,.0f} bytes of PCM a message"
    title, peer = f"WebSocket, {name}", "bare websockets"
    rows = [compare(title, "chunks/s", rates[0], peer, rates[1], at_least=bar, timing=True, note=note)]
    if len(sizes) < 0.9 * chunks:
        rows.append(compare(f"{title}, the same messages", "chunks/s", rates[0], peer, rates[2]))
    return rows
