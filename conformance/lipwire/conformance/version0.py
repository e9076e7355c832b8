"""What the kit's peer says and hears on the wire of version 0 (SPEC, Appendix A): texts, and bytes without a header.

It has neither a hello nor a ping: that something was taken shows in what the consumer is handed after it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

from . import messages as m
from .case import Script, case
from .receiver_play import ReceiverPlay

INTERRUPT: Final = b"INTERRUPT"
SEGMENT_END: Final = '{"type": "segment_end"}'
NO_COOLDOWN: Final = {"limits": {"cooldown": 0}}
COOLDOWN: Final = 0.5
WITH_COOLDOWN: Final = {"limits": {"cooldown": 500}}
RATE: Final = 24_000


def case0(name: str, *requirements: str, why: str, **options: Any) -> Callable[[Script], Script]:
    """A case of version 0, which the kit speaks over a WebSocket."""
    return case(name, *requirements, why=why, version=0, transports=("websocket",), **options)


async def begin(it: ReceiverPlay) -> None:
    """Connect; with the transport the session has begun."""
    await it.connect()
    await it.told("session", requirement="LW-V0-1")


def say(it: ReceiverPlay, *messages: bytes | str) -> None:
    """Send messages as they are."""
    for message in messages:
        it.send_exactly(message)


async def whole(it: ReceiverPlay, segment: int, samples: int = 480, *, requirement: str = "LW-V0-22") -> bytes:
    """Send a segment, and check that all of it is handed out under that number; gives its samples."""
    pcm = m.pcm(samples, segment)
    say(it, pcm, SEGMENT_END)
    await it.told("segment_start", segment=segment, requirement="LW-V0-23")
    await it.heard(segment, pcm, requirement=requirement)
    await it.told("segment_end", segment=segment, total=samples, requirement="LW-V0-23")
    return pcm


def acks_of(it: ReceiverPlay) -> list[tuple[float, bool]]:
    """The acks that have come, each a position in seconds and whether it was interrupted."""
    acks = []
    for entry in it.seen("text"):
        assert isinstance(entry.data, str)
        try:
            body = json.loads(entry.data)
            data = body["data"]
            if body["type"] == "stream_ended":
                acks.append((data["playback_position"], data["interrupted"]))
        except (ValueError, TypeError, KeyError):
            continue
    return acks


async def acked(
    it: ReceiverPlay, count: int, position: int, *, interrupted: bool = False, requirement: str = "LW-V0-27"
) -> None:
    """Check what the ack of that count says; ``position`` in samples."""
    await it.until(lambda: len(acks_of(it)) >= count, f"{count} stream_ended", requirement)
    seconds, cut = acks_of(it)[count - 1]
    near = isinstance(seconds, (int, float)) and abs(seconds - position / RATE) < 0.5 / RATE
    it.check(near, f"ack {count} at {position / RATE} s", f"{seconds!r}", requirement)
    it.check(cut is interrupted, f"ack {count}, interrupted {interrupted}", f"{cut!r}", requirement)


def well_spoken(it: ReceiverPlay, acks: int) -> None:
    """Check that so many acks have come in all, and nothing but acks."""
    have = acks_of(it)
    it.check(len(have) == acks, f"{acks} stream_ended in all", f"{have}", "LW-V0-27")
    other = [entry.data for entry in it.said()]
    strange = [one for one in other if not isinstance(one, str) or '"stream_ended"' not in one]
    it.check(not strange, "nothing but texts of stream_ended", m.shown(strange), "LW-V0-2")


async def told_interrupted(it: ReceiverPlay, *segments: int) -> None:
    """Check that the consumer is told that these were cut."""
    told: set[int] = set()
    while not told >= set(segments):
        told |= set((await it.told("interrupted", requirement="LW-V0-26"))["segments"])
    it.check(told == set(segments), f"cut: {segments}", f"{sorted(told)}", "LW-V0-26")
