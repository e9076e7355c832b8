"""INTERRUPT, acks and bounds of version 0 at a receiver (SPEC, Appendix A.5)."""

import asyncio
from collections.abc import Callable
from typing import Any

from lipwire.protocol.errors import CloseCode

from .. import messages as m
from ..receiver_play import ReceiverPlay
from ..version0 import (
    COOLDOWN,
    INTERRUPT,
    NO_COOLDOWN,
    SEGMENT_END,
    WITH_COOLDOWN,
    acked,
    begin,
    case0,
    say,
    told_interrupted,
    well_spoken,
    whole,
)

# -- interrupt -------------------------------------------------------------------------------------------------


for _name, _interrupt in (("bytes", INTERRUPT), ("text", "INTERRUPT")):

    @case0(
        f"receiver.version0.interrupt_as_{_name}",
        "LW-V0-26",
        "LW-V0-27",
        "LW-V0-22",
        "LW-V0-23",
        why="what waits is dropped, what plays is stopped; through a room INTERRUPT comes as text",
        needs=("hold",),
        options=NO_COOLDOWN,
    )
    async def _(it: ReceiverPlay, interrupt: bytes | str = _interrupt) -> None:
        await begin(it)
        say(it, m.pcm(480))
        await it.heard(1, m.pcm(480))
        await it.do("hold")
        say(it, m.pcm(480, 2), SEGMENT_END, m.pcm(480, 3), SEGMENT_END)
        at = await it.fence()
        say(it, interrupt)
        await told_interrupted(it, 1)
        await it.do("release")
        await it.finish(1, 240, interrupted=True)
        await acked(it, 1, 240, interrupted=True)
        it.step("what comes now is another segment")
        say(it, m.pcm(480, 4), SEGMENT_END)
        said = await it.told("audio", since=at, requirement="LW-V0-22")
        right = said["position"] == 0 and said["sha256"] == m.digest(m.pcm(480, 4))
        it.check(right and said["segment"] > 1, "a new segment from its first sample on", f"{said}", "LW-V0-23")
        await it.told("segment_end", segment=said["segment"], total=480)
        it.none("event segment_end", segment=1)
        await it.finish(said["segment"], 480)
        await acked(it, 2, 480)
        well_spoken(it, 2)


@case0(
    "receiver.version0.interrupt_of_several",
    "LW-V0-27",
    "LW-V0-26",
    why="one INTERRUPT has one ack, whatever it cut: that of the segment being played",
    options=NO_COOLDOWN,
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    for segment in (1, 2, 3):
        await whole(it, segment)
    say(it, INTERRUPT)
    await told_interrupted(it, 1, 2, 3)
    await it.do("stream_ended", segments=[1, 2, 3], position=120, interrupted=True, failed=False)
    await acked(it, 1, 120, interrupted=True)
    say(it, m.pcm(480, 4), SEGMENT_END)
    await it.told("segment_end", segment=4)
    await it.finish(4, 480)
    await acked(it, 2, 480)
    well_spoken(it, 2)


@case0(
    "receiver.version0.interrupt_of_nothing",
    "LW-V0-27",
    why="when nothing is being played, its sender learns so at once",
    needs=("hold",),
    options=NO_COOLDOWN,
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    say(it, INTERRUPT)
    await acked(it, 1, 0, interrupted=True)
    await whole(it, 1)
    await it.finish(1, 480)
    await acked(it, 2, 480)
    say(it, INTERRUPT)
    await acked(it, 3, 0, interrupted=True)
    it.step("what waits and was not handed out does not count")
    await it.do("hold")
    say(it, m.pcm(480, 2), SEGMENT_END, INTERRUPT)
    await acked(it, 4, 0, interrupted=True)
    await it.fence()
    it.none("event interrupted")
    well_spoken(it, 4)


@case0(
    "receiver.version0.interrupt_before_the_end_is_heard",
    "LW-V0-26",
    "LW-V0-27",
    why="a segment that was handed out whole, and of whose end nobody has told, is still being played",
    options=NO_COOLDOWN,
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    await whole(it, 1)
    await it.finish(1, 480)
    await acked(it, 1, 480)
    await whole(it, 2)
    say(it, INTERRUPT)
    await told_interrupted(it, 2)
    await it.finish(2, 300, interrupted=True)
    await acked(it, 2, 300, interrupted=True)
    await it.fence()
    well_spoken(it, 2)


async def _during_the_cooldown(it: ReceiverPlay, reset: Callable[[], Any] | None = None) -> None:
    """Cut segment 1, and check that audio is discarded for the cooldown, and taken after it."""
    await begin(it)
    say(it, m.pcm(480))
    await it.heard(1, m.pcm(480))
    at = len(it.trace)
    say(it, INTERRUPT, m.pcm(480, 7))
    await told_interrupted(it, 1)
    cut_at = it.now()
    if reset is not None:
        await reset()
        say(it, m.pcm(480, 8))
    await asyncio.sleep(max(0.0, cut_at + COOLDOWN + 0.1 - it.now()))
    pcm = m.pcm(480, 9)
    say(it, pcm)
    said = await it.told("audio", since=at)
    right = said["position"] == 0 and said["sha256"] == m.digest(pcm)
    it.check(right and said["segment"] > 1, "only what comes after the cooldown, as a new segment", f"{said}")


@case0(
    "receiver.version0.cooldown",
    "LW-V0-26",
    why="old audio that is still on its way can not be told from new: it is discarded for as long as the cooldown",
    options=WITH_COOLDOWN,
)
async def _(it: ReceiverPlay) -> None:
    await _during_the_cooldown(it)


@case0(
    "receiver.version0.cooldown_after_a_reset",
    "LW-V0-26",
    "LW-V0-27",
    why="that the consumer has reset says nothing of what is on its way: the cooldown lasts as long all the same",
    needs=("reset",),
    options=WITH_COOLDOWN,
)
async def _(it: ReceiverPlay) -> None:
    async def reset() -> None:
        await it.finish(1, 240, interrupted=True)
        await acked(it, 1, 240, interrupted=True)
        await it.do("reset")

    await _during_the_cooldown(it, reset)


@case0(
    "receiver.version0.no_cooldown",
    "LW-V0-26",
    why="a cooldown of 0 is none: the next turn may begin at once",
    options=NO_COOLDOWN,
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    await whole(it, 1)
    say(it, INTERRUPT)
    await whole(it, 2)
    await told_interrupted(it, 1)


# -- acks ------------------------------------------------------------------------------------------------------


@case0(
    "receiver.version0.ack_without_position",
    "LW-V0-28",
    "LW-V0-27",
    why="a consumer that can not tell leaves the last position it told, or the length of what was played to its end",
    options=NO_COOLDOWN,
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    await whole(it, 1)
    await it.finish(1, None)
    await acked(it, 1, 480, requirement="LW-V0-28")
    await whole(it, 2)
    await it.do("played", segment=2, position=240)
    say(it, INTERRUPT)
    await told_interrupted(it, 2)
    await it.finish(2, None, interrupted=True)
    await acked(it, 2, 240, interrupted=True, requirement="LW-V0-28")
    await it.fence()
    well_spoken(it, 2)


@case0(
    "receiver.version0.ack_of_each",
    "LW-V0-27",
    why="one ack for each segment whose end is reported, in that order, and none for a report that comes twice",
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    for segment in (1, 2, 3):
        await whole(it, segment, 480 * segment)
    for count, segment in enumerate((1, 2, 3), 1):
        await it.finish(segment, 480 * segment)
        await it.attempt("stream_ended", segments=[segment], position=0, interrupted=True, failed=False)
        await acked(it, count, 480 * segment)
    await it.fence()
    well_spoken(it, 3)


@case0(
    "receiver.version0.cooldown_begins_anew",
    "LW-V0-26",
    why="each INTERRUPT has old audio behind it, one that comes in the cooldown of another, too",
    options=WITH_COOLDOWN,
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    say(it, m.pcm(480))
    await it.heard(1, m.pcm(480))
    for turn in range(5):  # a machine may be too slow for it, but not each time
        since = len(it.trace)
        say(it, INTERRUPT)
        await asyncio.sleep(0.6 * COOLDOWN)
        say(it, INTERRUPT)
        await asyncio.sleep(0.6 * COOLDOWN)
        say(it, m.pcm(480, 7 + turn))
        await asyncio.sleep(COOLDOWN)
        await it.do("fence")
        begun, came = it.seen("event segment_start", since=since), it.seen("event audio", since=since)
        pcm = m.pcm(960, 70 + turn)
        say(it, pcm)
        await it.told("audio", where=lambda told, pcm=pcm: told["sha256"] == m.digest(pcm), since=since)
        if not begun and not came:
            break
    words = "nothing of what comes in the cooldown of the second INTERRUPT, no beginning either"
    it.check(not begun and not came, words, f"{len(begun)} have begun, and {len(came)} times audio came")


# -- as much as waits ------------------------------------------------------------------------------------------


async def _ends(it: ReceiverPlay) -> None:
    """Check that the implementation ended the session with an error."""
    await it.transport_ends(requirement="LW-V0-29")
    await it.do("release")
    closed = await it.told("closed", requirement="LW-V0-29")
    it.check(closed["code"] != CloseCode.NORMAL, "an error", f"{closed}", "LW-V0-29")


@case0(
    "receiver.version0.too_much_audio",
    "LW-V0-29",
    why="there is no credit: who pushes on while nobody listens is let go, before memory runs out",
    needs=("hold", "rates"),
    options={"formats": [["s16le", 8_000, 1]], "reading": False},
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    assert it.transport is not None
    it.step("602 s of silence, 3.5 s a message; not in the trace")
    chunk = bytes(56_000)
    for _ in range(172):
        if it.over:
            break
        await it.pour(chunk)
    await _ends(it)


@case0(
    "receiver.version0.too_many_segments",
    "LW-V0-29",
    why="1,024 segments may wait; one more ends the session, though they hold nothing",
    needs=("hold",),
    options={"reading": False},
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    say(it, *[SEGMENT_END] * 1_025)
    await _ends(it)


@case0(
    "receiver.version0.many_segments",
    "LW-V0-29",
    "LW-V0-23",
    why="up to 1,024 segments wait, and all of them are handed out in the end",
    needs=("hold",),
    options={"reading": False},
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    say(it, *[SEGMENT_END] * 1_024)
    await it.do("release")
    await it.told("segment_end", segment=1_024, total=0)
    it.none("event closed")
    it.handed_whole(*range(1, 1_025), empty=True, requirement="LW-V0-23")


@case0(
    "receiver.version0.room_again",
    "LW-V0-29",
    why="what was handed out, or dropped by an INTERRUPT, waits no more: a long session must not end for that",
    needs=("hold", "rates"),
    options={"formats": [["s16le", 8_000, 1]], "limits": {"cooldown": 0}},
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    it.step("1,500 segments that are handed out as they come, and then twice 1,000 that an INTERRUPT drops")
    for _ in range(1_500):
        say(it, SEGMENT_END)
    await it.told("segment_end", segment=1_500)
    await it.do("hold")
    for _ in range(2):
        say(it, *[SEGMENT_END] * 1_000, INTERRUPT)
    it.step("twice 450 s of silence, 3.5 s a message, with an INTERRUPT behind each; not in the trace")
    for _ in range(2):
        for _ in range(128):
            await it.pour(bytes(56_000))
        say(it, INTERRUPT)
    await it.do("release")
    say(it, m.pcm(240, 5))
    await it.told("audio", where=lambda told: told["sha256"] == m.digest(m.pcm(240, 5)))
    it.none("event closed")


@case0(
    "receiver.version0.large_message",
    "LW-V0-29",
    why="a message may be as large as its `message` limit",
    options={"limits": {"message": 4_096}},
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    pcm = m.pcm(2_048)
    say(it, pcm)
    await it.heard(1, pcm)
    say(it, m.pcm(2_049))
    await it.transport_ends()
    closed = await it.told("closed")
    it.check(closed["code"] != CloseCode.NORMAL, "an error", f"{closed}")
    await it.fence()
    it.check(it.handed_out(1) == 2_048, "nothing of the message that is too large", f"{it.handed_out(1)}")
