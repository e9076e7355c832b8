"""Memory of both ends when 10 minutes of audio are offered to a consumer that never reads.

Two processes over WebSocket and over WebRTC. From when the session is open and the first audio has come to the peak:
growth of the resident memory, and in a second run of what tracemalloc counts; the greater of the two is held against
what was configured plus 5 MB. Every chunk is made anew, so that nothing is shared that would not be in earnest.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from .processes import Child, has_proc
from .rows import Row, against_limit

MB = 1_000_000
SPARE = 5 * MB
BYTE_RATE = 48_000
"""Of 24 kHz mono, s16le."""
WINDOW = 2.0
"""Seconds: the default that a receiver announces."""
OFFERED = 600.0
"""Seconds of audio."""
PATIENCE = 60.0


class Growth(NamedTuple):
    """Bytes at the peak, above what was there before."""

    sender: int
    receiver: int


def run(transport: str, buffer: float, *, traced: bool, settle: float) -> Growth:
    """Offer it all; ``settle``: seconds to go on looking after it was taken, or could not be."""
    with (
        Child("memory_ends", "receiver", transport, int(traced)) as receiver,
        Child("memory_ends", "sender", transport, int(traced), receiver.hear()["address"], buffer) as sender,
    ):
        assert receiver.hear()["ready"]
        assert sender.hear()["ready"]
        before = Growth(sender.rss(), receiver.rss())
        peak = before
        sender.tell(f"{OFFERED}")
        began, written = time.monotonic(), 0.0
        while time.monotonic() < began + settle or (written < buffer and time.monotonic() < began + PATIENCE):
            time.sleep(0.05)
            peak = Growth(max(peak.sender, sender.rss()), max(peak.receiver, receiver.rss()))
            sender.tell("written")
            written = sender.hear()["seconds"]
        assert written >= buffer, f"only {written} s were taken of {OFFERED} s, with {buffer} s of buffer"
        assert written <= buffer + WINDOW + 1, f"{written} s were taken with {buffer} s of buffer"
        if traced:
            receiver.tell("traced")
            sender.tell("traced")
            return Growth(sender.hear()["peak"], receiver.hear()["peak"])
    return Growth(peak.sender - before.sender, peak.receiver - before.receiver)


def measure(*, short: bool, say: Callable[[str], None]) -> list[Row]:
    """Both transports; the default local buffer of 10 minutes, and one of 10 seconds that makes the agent wait."""
    if not has_proc():
        return [Row(name="memory", skipped="needs /proc")]
    rounds, settle, buffers = (1, 1.0, (600.0,)) if short else (3, 10.0, (600.0, 10.0))
    rows = []
    for transport, name in {"websocket": "WebSocket", "webrtc": "WebRTC"}.items():
        for buffer in buffers:
            plain, traced = [], []
            for number in range(1, rounds + 1):
                plain.append(run(transport, buffer, traced=False, settle=settle))
                traced.append(run(transport, buffer, traced=True, settle=settle))
                say(f"{transport}, buffer {buffer:g} s, round {number}: resident {plain[-1]}, traced {traced[-1]}")
            rows += _rows(f"{name}, local buffer of {buffer:g} s", buffer, plain, traced)
    return rows


def _rows(name: str, buffer: float, plain: list[Growth], traced: list[Growth]) -> list[Row]:
    rows = []
    limits = {
        "sender": (buffer * BYTE_RATE + SPARE, "buffer + 5 MB"),
        "receiver": (WINDOW * BYTE_RATE + SPARE, "window + 5 MB"),
    }
    for end, (limit, what) in limits.items():
        resident = [getattr(growth, end) / MB for growth in plain]
        counted = [getattr(growth, end) / MB for growth in traced]
        worst = [max(pair) for pair in zip(resident, counted, strict=True)]
        note = f"resident {max(resident):.2f} MB, tracemalloc {max(counted):.2f} MB at most"
        title = f"memory of the {end}, {name}"
        rows.append(against_limit(title, "MB", worst, what, limit / MB, at_most=1.0, note=note))
    return rows
