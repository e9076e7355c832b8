"""What Lipwire keeps to on a bad link, measured between two processes: each function gives a dict of numbers.

Times are in milliseconds, rates in bytes of PCM a second that the receiver handed out. All raise
:class:`links.Unavailable` where there is no link to be had.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from lipwire.transports.link import Faults

from . import LINK, Link
from .speech import FORMAT

Transport = Literal["websocket", "webrtc"]
URLS: dict[Transport, str] = {
    "websocket": f"ws://{Link.addresses[1]}:8765",
    "webrtc": f"http://{Link.addresses[1]}:8765/lipwire",
}
REAL_TIME = FORMAT.rate * FORMAT.frame_bytes
"""Bytes a second."""


def spread(values: Sequence[float]) -> dict[str, float]:
    """The usual percentiles of seconds, in milliseconds."""
    ordered = sorted(values)

    def at(share: float) -> float:
        return round(1_000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)], 1)

    return {"p50": at(0.50), "p90": at(0.90), "p99": at(0.99), "max": at(1.0)}


def interrupts(
    transport: Transport, loss: float = 0.0, count: int = 300, seed: int = 1, link: Faults = LINK
) -> dict[str, Any]:
    """Interrupts with a minute of audio at hand, and the segment that is begun at once after each.

    There are as many interrupts as it takes to measure ``count``: a segment that was cut before the receiver had heard
    of it is not told of, and one that was cut before its first sample came has none; neither is in the percentiles.
    """
    with Link(replace(link, loss=loss, seed=seed)) as between:
        avatar, agent = _start(between, transport, do="interrupts", count=count, seed=seed)
        agent_lines = list(agent)
        avatar_lines = avatar.through("totals")
    calls = [line[1:] for line in agent_lines if line[0] == "interrupt"]
    called = {old for _, _, old, _ in calls}
    cuts = [line[1:] for line in avatar_lines if line[0] == "interrupted" and called.intersection(line[2])]
    cut = {number: at for at, numbers, _ in cuts for number in numbers}
    first = {more[0]: at for word, at, *more in avatar_lines if word == "first"}
    told = [cut[old] - at for _, at, old, _ in calls if old in cut]
    spoken = [first[new] - at for _, at, _, new in calls if new in first]
    totals = avatar_lines[-1][2]
    handed_out = (cuts[-1][2] - cuts[0][2]) * FORMAT.frame_bytes
    return {
        "transport": transport,
        "loss": loss,
        "interrupts": len(calls),
        "told": len(told),
        "spoken": len(spoken),
        "interrupt_ms": spread(told),
        "first_sample_ms": spread(spoken),
        "bytes_per_second": round(handed_out / (cuts[-1][0] - cuts[0][0])),
        **{name: totals[name] for name in ("lost_samples", "wrong_samples", "concealed_samples")},
    }


def speech(
    transport: Transport, loss: float = 0.0, seconds: float = 60.0, seed: int = 1, link: Faults = LINK
) -> dict[str, Any]:
    """Speech in real time: how long each 20 ms of it take from ``write`` to ``Audio``, and whether all is there."""
    with Link(replace(link, loss=loss, seed=seed)) as between:
        avatar, agent = _start(between, transport, do="speech", seconds=seconds)
        agent_lines = list(agent)
        avatar_lines = avatar.through("totals")
    totals = avatar_lines[-1][2]
    ended = agent_lines[_index(agent_lines, "ended")]
    samples = FORMAT.samples(seconds)
    faults = totals["wrong_samples"] + totals["lost_samples"] + totals["concealed_samples"]
    return {
        "transport": transport,
        "loss": loss,
        "seconds": seconds,
        "bit_exact": faults == 0 and totals["samples"] == samples and ended[3] == samples,
        "delay_ms": spread(totals["delays"]),
        "writer_late_ms": round(1_000 * agent_lines[_index(agent_lines, "spoken")][3], 1),
        "concealed_samples": totals["concealed_samples"],
        "repaired_samples": totals["repaired_samples"],
    }


def unbounded(transport: Transport, seconds: float = 20.0, link: Faults = LINK, size: int = 960) -> dict[str, Any]:
    """What the bare library carries over the same link when all is given to it at once, in messages of ``size``."""
    with Link(link) as between:
        settings = json.dumps({"transport": transport, "seconds": seconds, "size": size})
        taker = between.start(1, "links.bare", "take", settings)
        taker.until("listening")
        between.start(0, "links.bare", "give", settings)
        taken = taker.until("taken")
    return {"transport": transport, "bytes_per_second": round(taken[1])}


def _start(between: Link, transport: Transport, **agent: Any) -> Any:
    """Start both ends; the avatar listens before the agent connects."""
    url = URLS[transport]
    both = {"url": url, "measured": True}
    avatar = between.start(1, "links.avatar", json.dumps(both))
    avatar.until("listening")
    return avatar, between.start(0, "links.agent", json.dumps(both | agent))


def _index(lines: list[Any], word: str) -> int:
    return next(index for index, line in enumerate(lines) if line[0] == word)
