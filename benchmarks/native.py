"""Native WebRTC: the transport over libdatachannel beside that over aiortc, and both beside what is beneath them.

Messages of 960 bytes (20 ms of speech) and 15 kB on a reliable channel, sent as fast as it takes them, with both ends
in one process and in two. Bytes a second, and the CPU that both ends use for a message. Then a backlog through AudioOut
and AudioIn, both ends in one process.
"""

from __future__ import annotations

import asyncio
import json
import statistics
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple, TypeAlias

import anyio

from lipwire.receiver import serve_webrtc
from lipwire.sender import AudioOut, PcmFormat
from lipwire.transports import MissingExtra, connect_webrtc
from lipwire.transports.urls import Backend

from .clocks import Stopwatch, patiently
from .consumer import Consumer
from .cpu import CHUNK
from .native_ends import End, end
from .processes import Child
from .rows import Row, compare

SIZES = {"960 bytes": 960, "15 kB": 15_000}
KINDS = ("native", "aiortc", "bare native", "bare aiortc")
THRESHOLD = 256 * 1024
"""Bytes that the sending end lets wait."""
QUIET = 2.0
"""Seconds without a message after which what is missing counts as lost."""

Received: TypeAlias = Callable[[], Awaitable[tuple[int, float]]]
"""How many messages the other end has, and the CPU seconds of its process, if it has one of its own."""


class Run(NamedTuple):
    """What came of sending a number of messages."""

    rate: float
    """Bytes a second."""
    cpu: float
    """CPU seconds of both ends a message."""
    lost: float
    """The share that did not arrive."""


async def in_one_process(kind: str, size: int, count: int) -> Run:
    """Both ends here."""
    here, there = end(kind, offers=True), end(kind, offers=False)
    try:
        await here.take_answer(await there.answer(await here.make_offer()))

        async def received() -> tuple[int, float]:
            return there.received, 0.0

        return await _send(here, received, size, count)
    finally:
        await here.close()
        await there.close()


async def in_two_processes(kind: str, size: int, count: int) -> Run:
    """The receiving end in a process of its own."""
    loop = asyncio.get_running_loop()
    here = end(kind, offers=True)
    with ExitStack() as stack:
        child = stack.enter_context(Child("native_ends", kind))
        try:
            child.tell(json.dumps(await here.make_offer()))
            told = await loop.run_in_executor(None, child.hear)
            await here.take_answer(told["answer"])

            async def received() -> tuple[int, float]:
                child.tell("how many?")
                told = await loop.run_in_executor(None, child.hear)
                return told["received"], told["cpu"]

            return await _send(here, received, size, count)
        finally:
            await here.close()


async def _send(here: End, received: Received, size: int, count: int) -> Run:
    """Send so many, after a tenth as many to warm up."""
    await _fill(here, received, size, 0, count // 10)
    before, cpu_there = await received()
    watch = Stopwatch()
    clock, got, cpu_after = await _fill(here, received, size, before, count)
    cpu = watch.read().cpu + cpu_after - cpu_there
    return Run((got - before) * size / clock, cpu / count, 1 - (got - before) / count)


async def _fill(here: End, received: Received, size: int, before: int, count: int) -> tuple[float, int, float]:
    """Send so many; gives the seconds until the last that arrived, how many have by then, and the other end's CPU."""
    message = bytes(size)
    watch = Stopwatch()
    for number in range(count):
        if number % 16 == 0:
            await asyncio.sleep(0)
            while here.buffered() > THRESHOLD:  # noqa: ASYNC110 (not every kind tells when there is room)
                await asyncio.sleep(0.001)
        await here.send(message)
    last, seen = watch.read().clock, -1
    while True:
        got, cpu = await received()
        now = watch.read().clock
        if got > seen:
            last, seen = now, got
        if got >= before + count or now - last > QUIET:
            return last, got, cpu
        await asyncio.sleep(0.001)


async def backlog(backend: Backend, chunks: int) -> Run:
    """So many chunks through AudioOut and AudioIn, written at once, after a tenth as many."""
    async with serve_webrtc("127.0.0.1", 0, backend=backend) as acceptor, anyio.create_task_group() as tasks:
        connector = connect_webrtc(acceptor.address, backend=backend)
        async with AudioOut(connector, format=PcmFormat(24_000, 1)) as out:
            consumer = Consumer(await acceptor.accept())
            tasks.start_soon(consumer.run)
            async with out.segment() as segment:
                for count in (chunks // 10, chunks):
                    watch = Stopwatch()
                    for _ in range(count):
                        await segment.write(CHUNK)
                    await consumer.expect(count * len(CHUNK))
                took = watch.read()
        tasks.cancel_scope.cancel()
    return Run(chunks * len(CHUNK) / took.clock, took.cpu / chunks, 0.0)


def measure(*, short: bool, say: Callable[[str], None]) -> list[Row]:
    """Turns between all kinds, for each size and number of processes."""
    try:
        import lipwire.transports.webrtc_native  # noqa: F401
    except MissingExtra as error:
        return [Row(name="Native WebRTC", skipped=str(error))]
    rounds = 2 if short else 5
    rows = []
    for where, run in (("one process", in_one_process), ("two processes", in_two_processes)):
        for name, size in SIZES.items():
            count = (12_000_000 if short else 60_000_000) // (size + 5_000)
            rows += _compare(f"WebRTC, {name}, {where}", partial(_once, run, size, count), rounds, say)
    return [*rows, *_backlogs(1_500 if short else 9_000, rounds, say)]


def _once(run: Callable[[str, int, int], Awaitable[Run]], size: int, count: int, kind: str) -> Run:
    return anyio.run(patiently, run, kind, size, count)


def _compare(title: str, once: Callable[[str], Run], rounds: int, say: Callable[[str], None]) -> list[Row]:
    runs: dict[str, list[Run]] = {kind: [] for kind in KINDS}
    for number in range(1, rounds + 1):
        for kind in KINDS:
            runs[kind].append(once(kind))
        told = ", ".join(f"{k} {r[-1].rate / 1e6:.1f} MB/s at {r[-1].cpu * 1e6:.0f} µs" for k, r in runs.items())
        say(f"{title}, round {number}: {told}")
    rates = {kind: [run.rate / 1e6 for run in each] for kind, each in runs.items()}
    cpus = {kind: [run.cpu * 1e6 for run in each] for kind, each in runs.items()}
    lost = {kind: statistics.mean(run.lost for run in each) for kind, each in runs.items()}
    beside = ", ".join(f"{kind} {statistics.median(cpus[kind]):.0f}" for kind in KINDS[2:])
    losses = "; ".join(f"{kind} lost {share:.1%}" for kind, share in lost.items() if share)
    return [
        compare(f"{title}: native", "MB/s", rates["native"], "aiortc transport", rates["aiortc"], timing=True),
        compare(
            f"{title}: native, CPU a message",
            "µs",
            cpus["native"],
            "aiortc transport",
            cpus["aiortc"],
            timing=True,
            note=f"{beside} µs",
        ),
        compare(
            f"{title}: native",
            "MB/s",
            rates["native"],
            "bare aiolibdatachannel",
            rates["bare native"],
            timing=True,
            note=losses,
        ),
        compare(f"{title}: aiortc", "MB/s", rates["aiortc"], "bare aiortc", rates["bare aiortc"], timing=True),
    ]


def _backlogs(chunks: int, rounds: int, say: Callable[[str], None]) -> list[Row]:
    native, aiortc = [], []
    for number in range(1, rounds + 1):
        native.append(anyio.run(patiently, backlog, "native", chunks))
        aiortc.append(anyio.run(patiently, backlog, "aiortc", chunks))
        say(f"a backlog, round {number}: native {native[-1].rate / 1e6:.2f}, aiortc {aiortc[-1].rate / 1e6:.2f} MB/s")
    peer = "aiortc"
    rates = [run.rate / 1e6 for run in native], [run.rate / 1e6 for run in aiortc]
    cpus = [run.cpu * 1e6 for run in native], [run.cpu * 1e6 for run in aiortc]
    return [
        compare("WebRTC, a backlog through AudioOut: native", "MB/s", rates[0], peer, rates[1], timing=True),
        compare("WebRTC, a backlog through AudioOut: native, CPU a chunk", "µs", cpus[0], peer, cpus[1], timing=True),
    ]
