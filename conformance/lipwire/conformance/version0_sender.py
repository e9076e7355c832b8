"""What the kit's receiver hears and says on the wire of version 0 (SPEC, Appendix A.4)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any, Final, Literal

from . import messages as m
from .checking import PATIENCE, CaseFailed
from .links import pinged
from .sender_play import SenderPlay
from .version0 import INTERRUPT, RATE

MOST_AUDIO: Final = 15_000
"""Bytes of an audio message."""
LEAD: Final = 1.0
"""Seconds that audio may be sent ahead of real time."""
PATIENT: Final = {"limits": {"grace": 60_000}}
"""So that no segment ends because the sender has waited long enough for its ack."""
COOLDOWN, MARGIN = 0.3, 0.05
"""Seconds in which a receiver discards what comes after an INTERRUPT, and what a sender adds to that."""


@dataclass(frozen=True)
class Heard:
    """One message of the sender."""

    kind: Literal["audio", "interrupt", "end", "strange"]
    data: bytes | str
    at: float
    """Seconds since the case began."""
    index: int
    """In the trace."""


def heard(it: SenderPlay, since: int = 0) -> list[Heard]:
    """All that has come, from ``since`` in the trace."""
    return [
        Heard(_kind(entry.data), entry.data, entry.at, entry.index)
        for entry in it.trace[since:]
        if entry.kind == "message" and entry.by is it.role
    ]


def _kind(data: bytes | str) -> Literal["audio", "interrupt", "end", "strange"]:
    if isinstance(data, bytes):
        return "interrupt" if data == INTERRUPT else "audio"
    try:
        body = json.loads(data)
    except ValueError:
        return "strange"
    return "end" if body == {"type": "segment_end"} else "strange"


def audio(it: SenderPlay, since: int = 0) -> bytes:
    """All samples that have come."""
    return b"".join(one.data for one in heard(it, since) if one.kind == "audio" and isinstance(one.data, bytes))


def utterances(it: SenderPlay, since: int = 0) -> list[bytes]:
    """The samples that came before each segment_end, after the one before; and last those behind all of them."""
    said = [b""]
    for one in heard(it, since):
        if one.kind == "end":
            said.append(b"")
        elif one.kind == "audio" and isinstance(one.data, bytes):
            said[-1] += one.data
    return said


def count(it: SenderPlay, kind: str, since: int = 0) -> int:
    """How many messages of that kind have come."""
    return sum(one.kind == kind for one in heard(it, since))


async def begin(it: SenderPlay) -> None:
    """Let it connect; with the transport the session has begun."""
    await it.connect()
    await it.told("opened", requirement="LW-V0-1")


async def speaks(it: SenderPlay, pcm: bytes, *, since: int = 0, requirement: str = "LW-V0-14") -> None:
    """Check that these samples come next, as they were written, and no others."""
    words = f"{len(pcm)} bytes of audio"
    await it.until(lambda: len(audio(it, since)) >= len(pcm), words, requirement)
    it.require(audio(it, since) == pcm, f"{words}, as they were written", "other bytes", requirement)


async def ends(it: SenderPlay, number: int = 1, *, since: int = 0) -> None:
    """Check that so many segment_end come."""
    await it.until(lambda: count(it, "end", since) >= number, f"{number} segment_end", "LW-V0-10")


async def whole(it: SenderPlay, samples: int = 480, seed: int = 1) -> int:
    """Have it say a segment, and wait until all of it has come; gives the id."""
    since, pcm = len(it.trace), m.pcm(samples, seed)
    segment = await it.say(pcm)
    await speaks(it, pcm, since=since)
    await ends(it, since=since)
    return segment


async def interrupt(it: SenderPlay, segment: int | None = None, *, requirement: str = "LW-V0-8") -> int:
    """Interrupt, and wait for the INTERRUPT; gives where in the trace it is."""
    since = len(it.trace)
    await it.do("interrupt", segment=segment)
    await it.until(lambda: count(it, "interrupt", since) > 0, "INTERRUPT", requirement)
    return next(one.index for one in heard(it, since) if one.kind == "interrupt")


def ack(it: SenderPlay, samples: float, *, interrupted: bool = False, rate: int = RATE) -> None:
    """Say that playback has ended, so many samples having been heard."""
    data = {"playback_position": samples / rate, "interrupted": interrupted}
    it.send_exactly(json.dumps({"type": "stream_ended", "data": data}))


async def taken(it: SenderPlay) -> int:
    """Wait until it has taken what was sent, as a fence does for version 1; gives where in the trace that is."""
    assert it.transport is not None
    try:
        async with asyncio.timeout(PATIENCE * it.patience):
            await pinged(it.transport)
    except Exception as error:
        it.check(False, "the session goes on", f"{error!r}")
        raise CaseFailed from error
    return await it.fence()


async def result(
    it: SenderPlay, segment: int, position: int | None, *, interrupted: bool | None, requirement: str
) -> dict[str, Any]:
    """Check how its user is told that a segment has ended; None: it is not asked about."""
    said = await it.told("stream_ended", segment=segment, requirement=requirement)
    if interrupted is not None:
        words = "was interrupted" if interrupted else "was not interrupted"
        it.check(said["interrupted"] is interrupted, f"segment {segment} {words}", f"{said}", requirement)
    if position is not None:
        it.check((said["position"] or 0) == position, f"at {position}", f"{said}", requirement)
    it.check(not said["exact"], "its position is not marked as exact", f"{said}", "LW-V0-19")
    return said


def check_lead(it: SenderPlay, since: int, began: float) -> None:
    """Check that what has come since then, when nothing was ahead, was never more than the lead ahead of real time.

    ``began`` is when the sender was told to send it, or before, so that a slow machine does not show as a lead.
    """
    most, total = 0.0, 0
    for one in heard(it, since):
        if one.kind == "audio":
            total += len(one.data) // 2
            most = max(most, total / RATE - (one.at - began))
    it.check(most <= LEAD, f"at most {LEAD:g} s ahead of real time", f"{most:.3f} s", "LW-V0-7")


def well_spoken(it: SenderPlay) -> None:
    """Check that nothing has come that version 0 does not have."""
    strange = [one.data for one in heard(it) if one.kind == "strange"]
    it.check(not strange, "nothing but audio, INTERRUPT and segment_end", m.shown(strange), "LW-V0-2")


def interrupts(it: SenderPlay, number: int, requirement: str) -> None:
    """Check that so many INTERRUPT have come in all; ``requirement``: what one more, or less, offends."""
    came = count(it, "interrupt")
    it.check(came == number, f"{number} INTERRUPT in all", f"{came}", requirement)
