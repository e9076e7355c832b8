"""A bad link: interrupt latency, first sample, throughput and speech, between processes in two network namespaces.

The link is that of :mod:`links`: 1 Mbit/s, 50 ms one way, a queue of 64 KiB, packet loss as each row says; WebSocket
over the kernel's TCP, WebRTC over aiortc. A minute of audio is always at hand while it is interrupted.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from links import Unavailable, figures

from .rows import Row, against_limit, compare

NAMES: dict[figures.Transport, str] = {"websocket": "WebSocket", "webrtc": "WebRTC"}
LATENCY: dict[figures.Transport, dict[float, float]] = {
    "websocket": {0.0: 100.0, 0.01: 250.0, 0.05: 600.0},
    "webrtc": {0.0: 100.0, 0.01: 250.0, 0.05: 400.0},
}
"""The most that the 99th percentile of an interrupt may take, in ms, by transport and packet loss."""
FIRST_SAMPLE = 50.0
"""So much later, in ms, the new segment's first sample may come."""
KEPT = 0.9
"""The share of what an unbounded sender reaches without loss."""
REAL_TIME_AT = 0.01
"""The packet loss at which throughput may not fall under real time."""
ROUNDS, INTERRUPTS = 3, 300
"""Rounds, each with another seed, and the interrupts that are measured in each, at least."""


def measure(*, short: bool, say: Callable[[str], None]) -> list[Row]:
    """Interrupts and throughput at each loss, and speech; the short run leaves out all loss."""
    try:
        return _measure(short=short, say=say)
    except Unavailable as error:
        return [Row(name="interrupts and speech over a bad link", skipped=str(error))]


def _measure(*, short: bool, say: Callable[[str], None]) -> list[Row]:
    rows = []
    for transport in NAMES:
        every: list[dict[str, Any]] = []
        for loss in (0.0,) if short else LATENCY[transport]:
            runs = _interrupt(transport, loss, short=short, say=say)
            every += runs
            rows += _latency(transport, loss, runs, short=short)
            rows.append(_throughput(transport, loss, runs, short=short, say=say))
        rows.append(_whole(f"audio begun after interrupts, {NAMES[transport]}: nothing lost or concealed", every))
    if not short:
        rows += [_speech("webrtc", loss, say=say) for loss in (0.01, 0.05)]
    return rows


def _interrupt(transport: figures.Transport, loss: float, *, short: bool, say: Callable[[str], None]) -> list[Any]:
    """The rounds, side by side on links of their own: they wait nearly all the time."""
    seeds, count = (range(1, 2), 10) if short else (range(1, ROUNDS + 1), INTERRUPTS)
    with ThreadPoolExecutor(len(seeds)) as pool:
        runs = list(pool.map(partial(figures.interrupts, transport, loss, count), seeds))
    for run in runs:
        say(f"{run}")
    return runs


def _latency(transport: figures.Transport, loss: float, runs: list[Any], *, short: bool) -> list[Row]:
    where = f"{NAMES[transport]}, {loss:.0%} packet loss"
    latency = [run["interrupt_ms"]["p99"] for run in runs]
    first = [run["first_sample_ms"]["p99"] for run in runs]
    middle = {name: statistics.median(run[name]["p50"] for run in runs) for name in ("interrupt_ms", "first_sample_ms")}
    # A percentile of so few is the worst of them, and not held against a bar.
    bar: dict[str, Any] = {} if short else {"at_most": 1.0}
    every, told, spoken = (sum(run[name] for run in runs) for name in ("interrupts", "told", "spoken"))
    # What is left out was cut before the receiver had heard of it, or had a sample of it.
    note = f"{told} of {every} interrupts measured; p50 {middle['interrupt_ms']:.0f} ms"
    later = f"{spoken} of {every} segments measured; p50 {middle['first_sample_ms']:.0f} ms"
    allowed = [one + FIRST_SAMPLE for one in latency]
    return [
        against_limit(f"interrupt p99, {where}", "ms", latency, "limit", LATENCY[transport][loss], note=note, **bar),
        compare(f"first sample p99, {where}", "ms", first, "interrupt + 50", allowed, note=later, **bar),
    ]


def _throughput(
    transport: figures.Transport, loss: float, runs: list[Any], *, short: bool, say: Callable[[str], None]
) -> Row:
    name = f"throughput while interrupted, {NAMES[transport]}, {loss:.0%} packet loss"
    rate = [run["bytes_per_second"] / 1e3 for run in runs]
    if loss:
        bar = {"at_least": 1.0} if loss <= REAL_TIME_AT else {}
        return against_limit(name, "kB/s", rate, "real time", figures.REAL_TIME / 1e3, **bar)
    unbounded = []
    for _ in runs:
        unbounded.append(figures.unbounded(transport, seconds=5.0 if short else 20.0)["bytes_per_second"] / 1e3)
        say(f"unbounded: {unbounded[-1]:.1f} kB/s")
    return compare(name, "kB/s", rate, "unbounded", unbounded, at_least=KEPT, timing=True)


def _whole(name: str, runs: list[Any]) -> Row:
    good = sum(not any(run[f"{what}_samples"] for what in ("lost", "wrong", "concealed")) for run in runs)
    return against_limit(name, "runs", [float(good)], "of", len(runs), at_least=1.0)


def _speech(transport: figures.Transport, loss: float, *, say: Callable[[str], None]) -> Row:
    runs = []
    for seed in range(1, ROUNDS + 1):
        runs.append(figures.speech(transport, loss, seconds=60.0, seed=seed))
        say(f"{runs[-1]}")
    good = sum(run["bit_exact"] and not run["concealed_samples"] for run in runs)
    delays = ", ".join("p50 {p50:.0f}, p99 {p99:.0f} ms".format(**run["delay_ms"]) for run in runs)
    name = f"60 s of speech, {NAMES[transport]}, {loss:.0%} packet loss: bit-exact, not concealed"
    return against_limit(name, "runs", [float(good)], "of", len(runs), at_least=1.0, note=f"delay {delays}")
