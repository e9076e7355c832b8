"""What a receiver does with interrupts of segments that it has not seen yet (SPEC §10)."""

from typing import Final

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay
from .receiver_interrupt import check_rows

EARLY: Final = 64
"""Ranges of segments to come that a receiver keeps."""


@case(
    "receiver.interrupt.not_yet_seen",
    "LW-INTERRUPT-5",
    "LW-AUDIO-5",
    "LW-SEGMENT-6",
    why="on media, the interrupt overtakes what it cuts",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    check_rows(it, await it.cut(1, 2))
    it.send_audio(1, m.pcm(480))
    await it.goes_on("LW-INTERRUPT-5")
    it.send(m.segment_start(1))
    await it.ended(1, 0, interrupted=True, cause=1)
    it.send_audio(1, m.pcm(480))
    it.send(m.segment_end(1, 480))
    it.send(m.segment_start(2))
    await it.ended(2, 0, interrupted=True, cause=1)
    it.say(3, m.pcm(480, 3))
    await it.heard(3, m.pcm(480, 3), requirement="LW-SEGMENT-6")
    await it.told("segment_end", segment=3)
    await it.fence()
    it.handed_whole(3)
    it.none("event audio", segment=1, requirement="LW-AUDIO-5")
    for segment in (1, 2):
        it.once("stream_ended", segment=segment)


@case(
    "receiver.interrupt.seen_and_not_yet_seen",
    "LW-INTERRUPT-5",
    "LW-INTERRUPT-4",
    why="one interrupt names what plays and what is still on its way",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    check_rows(it, await it.cut(1, 3), [1, 480])
    await it.finish(1, 480, interrupted=True)
    it.send(m.segment_start(3))
    await it.ended(3, 0, interrupted=True, cause=1)
    it.say(4, m.pcm(480, 4))
    await it.heard(4, m.pcm(480, 4))
    await it.fence()
    it.none("stream_ended", segment=2)
    it.none("event segment_start", segment=3)


@case(
    "receiver.interrupt.early_audio",
    "LW-INTERRUPT-5",
    "LW-AUDIO-9",
    why="audio that is held for its start is dropped when an interrupt names its segment; that of the next is kept",
    features=("repair",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send_audio(1, m.pcm(480))
    it.send_audio(2, m.pcm(480, 2))
    await it.goes_on()
    await it.cut(1)
    it.send(m.segment_start(1))
    await it.ended(1, 0, interrupted=True, cause=1)
    it.send(m.segment_start(2), m.segment_end(2, 480))
    await it.heard(2, m.pcm(480, 2), requirement="LW-AUDIO-9")
    await it.told("segment_end", segment=2)
    await it.fence()
    it.handed_whole(2, requirement="LW-INTERRUPT-5")


async def _cut_each(it: ReceiverPlay, first: int, count: int) -> None:
    """Interrupt every other id from ``first`` on, so many."""
    for segment in range(first, first + 2 * count, 2):
        it.send(m.interrupt(segment))
    await it.expect("cut", first=first + 2 * (count - 1))


@case(
    "receiver.interrupt.early_ranges",
    "LW-INTERRUPT-5",
    why="so many interrupts of what never came are kept: each of them still holds",
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await _cut_each(it, 2, EARLY)
    await it.goes_on()
    for segment in (2, 64, 128):
        it.send(m.segment_start(segment))
        await it.ended(segment, 0, interrupted=True, cause=1)
    it.send(m.segment_start(129))
    await it.goes_on()
    it.none("stream_ended", segment=129)


@case(
    "receiver.interrupt.early_ranges_and_one_more",
    "LW-INTERRUPT-5",
    why="what a receiver keeps of interrupts is bounded",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await _cut_each(it, 2, EARLY)
    await it.goes_on()
    it.send(m.interrupt(2 + 2 * EARLY))
    await it.closes("limit_exceeded")


@case(
    "receiver.interrupt.early_ranges_within",
    "LW-INTERRUPT-5",
    why="a range within another counts once: interrupts are repeated, and widened",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await _cut_each(it, 2, EARLY)
    await _cut_each(it, 2, EARLY)
    await it.goes_on()
    it.step("one that holds all of them")
    await it.cut(1, 200)
    await it.cut(50, 60)
    await _cut_each(it, 202, EARLY - 1)
    await it.goes_on()
    it.send(m.interrupt(1_000))
    await it.closes("limit_exceeded")


@case(
    "receiver.interrupt.early_ranges_forgotten",
    "LW-INTERRUPT-5",
    why="in a long session, what was cut before a segment that has started makes room again",
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for first in (2, 202, 402):
        await _cut_each(it, first, EARLY)
        await it.goes_on()
        it.send(m.segment_start(first + 199), m.segment_end(first + 199, 0))
    await it.goes_on()
