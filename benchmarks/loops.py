"""Event loops: what uvloop gains or costs against asyncio's own.

Turns between the two in one process: chunks over memory, over a WebSocket, and over WebRTC, by aiortc and, where it
installs, natively. CPU time a chunk: a ratio below 1 is less on uvloop than on asyncio's own loop.
"""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable
from functools import partial
from importlib.util import find_spec
from typing import NamedTuple, TypeAlias

import anyio

from lipwire.transports import MissingExtra
from lipwire.transports.urls import Backend

from . import cpu, native, websocket
from .clocks import PATIENCE
from .rows import Row, compare

Work: TypeAlias = Callable[[int], Awaitable[tuple[float, float]]]
"""Sends so many chunks; gives the CPU seconds that they took, and those on the clock (0: not measured)."""


class Way(NamedTuple):
    """What is measured, and with how many chunks a round."""

    name: str
    work: Work
    chunks: int


async def over_memory(burst: int, chunks: int) -> tuple[float, float]:
    """From write to yield within one process."""
    return await cpu.lipwire(chunks, burst), 0.0


async def over_websocket(burst: int, chunks: int) -> tuple[float, float]:
    """Both ends in one process."""
    took, _ = await websocket.lipwire(chunks, burst)
    return took.cpu, took.clock


async def over_webrtc(backend: Backend, chunks: int) -> tuple[float, float]:
    """A backlog, both ends in one process."""
    run = await native.backlog(backend, chunks)
    return run.cpu * chunks, chunks * len(cpu.CHUNK) / run.rate


def ways(short: bool) -> list[Way]:
    """All that can be measured here."""
    few, many = (1_000, 2_000) if short else (5_000, 20_000)
    found = [
        Way("memory, one at a time", partial(over_memory, 1), many),
        Way(f"memory, bursts of {cpu.BURST}", partial(over_memory, cpu.BURST), many),
        Way("WebSocket, one at a time", partial(over_websocket, 1), few),
        Way("WebSocket, bursts of 10", partial(over_websocket, 10), few),
        Way("WebRTC, a backlog, aiortc", partial(over_webrtc, "aiortc"), few),
    ]
    try:
        import lipwire.transports.webrtc_native  # noqa: F401
    except MissingExtra:
        return found
    return [*found, Way("WebRTC, a backlog, native", partial(over_webrtc, "native"), few)]


def measure(*, short: bool, say: Callable[[str], None]) -> list[Row]:
    """Turns between the two loops, for each way."""
    if find_spec("uvloop") is None:
        return [Row(name="uvloop", skipped="uvloop is not installed")]
    return [_compare(way, 2 if short else 7, say) for way in ways(short)]


def _compare(way: Way, rounds: int, say: Callable[[str], None]) -> Row:
    runs: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    for number in range(rounds + 1):
        for uvloop, each in runs.items():
            each.append(anyio.run(_patiently, way, backend_options={"use_uvloop": uvloop}))
        say(f"{way.name}, round {number}: " + ", ".join(f"{each[-1][0] * 1e6:.1f} µs" for each in runs.values()))
    measured = {uvloop: each[1:] for uvloop, each in runs.items()}  # the first warmed up
    cpus = {uvloop: [took * 1e6 for took, _ in each] for uvloop, each in measured.items()}
    here, there = (statistics.median(clock for _, clock in each) for each in measured.values())
    note = f"{1 / here:,.0f} chunks/s, on asyncio's own loop {1 / there:,.0f}" if here else ""
    return compare(f"uvloop: {way.name}", "µs", cpus[True], "asyncio's own loop", cpus[False], timing=True, note=note)


async def _patiently(way: Way) -> tuple[float, float]:
    """CPU seconds a chunk, and those on the clock."""
    with anyio.fail_after(PATIENCE):
        took, clock = await way.work(way.chunks)
    return took / way.chunks, clock / way.chunks
