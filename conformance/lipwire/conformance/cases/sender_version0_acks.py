"""Version 0 at a sender: acks, what they can and can not mean, and none (SPEC, Appendix A.4)."""

import asyncio
from contextlib import suppress
from typing import Final

from .. import messages as m
from ..driver import HarnessError, Refused
from ..sender_play import SenderPlay
from ..version0 import RATE, case0
from ..version0_sender import (
    PATIENT,
    ack,
    audio,
    begin,
    count,
    ends,
    interrupt,
    interrupts,
    result,
    speaks,
    taken,
    well_spoken,
    whole,
)

SHORT: Final = 22_000
"""Samples of a segment that the lead lets go at once; no more than that takes much longer to be heard."""

# -- acks of what was played -----------------------------------------------------------------------------------


@case0(
    "sender.version0.acks_in_order",
    "LW-V0-16",
    "LW-V0-19",
    why="an ack names no segment: they come in the order in which segments were played",
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    said = [await whole(it, 960, seed) for seed in (1, 2, 3)]
    for position in (960, 481, 7):
        ack(it, position)
    for segment, position in zip(said, (960, 481, 7), strict=True):
        await result(it, segment, position, interrupted=False, requirement="LW-V0-16")
    it.check_results(*said)


@case0(
    "sender.version0.ack_of_nothing",
    "LW-V0-16",
    "LW-V0-4",
    why="an ack that fits no segment is passed over: nothing was said yet, it is not at its end, or it has its result",
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    ack(it, 11)
    await taken(it)
    segment = await it.open_segment()
    await it.write(segment, m.pcm(480))
    await speaks(it, m.pcm(480))
    ack(it, 12)
    await taken(it)
    await it.do("end", segment=segment)
    await ends(it)
    ack(it, 480)
    await result(it, segment, 480, interrupted=False, requirement="LW-V0-16")
    ack(it, 13)
    await taken(it)
    second = await whole(it, 480, 2)
    ack(it, 470)
    await result(it, second, 470, interrupted=False, requirement="LW-V0-16")
    it.check_results(segment, second)
    it.none("event closed", requirement="LW-V0-4")


@case0(
    "sender.version0.cut_without_an_ack",
    "LW-V0-16",
    "LW-V0-19",
    why="a receiver does not ack an INTERRUPT when nothing was being played: what follows shows that none will come",
    options=PATIENT,
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    first = await it.open_segment()
    await it.write(first, m.pcm(480))
    await speaks(it, m.pcm(480))
    await interrupt(it)
    second = await whole(it, 480, 2)
    ack(it, 480)
    await result(it, first, 0, interrupted=True, requirement="LW-V0-16")
    await result(it, second, 480, interrupted=False, requirement="LW-V0-16")
    it.check_results(first, second)


# -- what an ack can not mean ----------------------------------------------------------------------------------


@case0(
    "sender.version0.more_than_was_sent",
    "LW-V0-17",
    "LW-V0-19",
    why="nobody can have heard what was not sent",
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    segment = await whole(it, 480)
    ack(it, 1_000 * RATE)
    await result(it, segment, 480, interrupted=False, requirement="LW-V0-17")


@case0(
    "sender.version0.sooner_than_it_plays",
    "LW-V0-17",
    "LW-V0-19",
    why="a deployed renderer acks what was queued: of a segment that was cut no more was heard than there was time for",
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    began = it.now()
    segment = await it.say(m.pcm(3 * RATE))
    await it.until(lambda: len(audio(it)) >= RATE, "half a second of audio")
    await interrupt(it)
    ack(it, 3 * RATE, interrupted=True)
    said = await result(it, segment, None, interrupted=True, requirement="LW-V0-15")
    most = int((it.now() - began) * RATE)
    it.check((said["position"] or 0) <= most, f"at most {most} samples: there was no time for more", f"{said}")


@case0(
    "sender.version0.not_before_its_time",
    "LW-V0-18",
    "LW-V0-19",
    why="an ack of what was queued comes before it is heard: the agent would speak, or listen, too soon",
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    began = it.now()
    segment = await whole(it, 12_000)
    ack(it, 12_000)
    said = await it.expect("event stream_ended", segment=segment)
    waited = said.at - began
    it.check(waited >= 0.5, "not before the 0.5 s that it plays", f"after {waited:.3f} s")
    fields = said.fields or {}
    right = fields["position"] == 12_000 and fields["interrupted"] is False
    it.check(right, "at 12,000, not interrupted", f"{fields}")
    it.check(not fields["exact"], "not marked as exact", f"{fields}", "LW-V0-19")


async def _cut_in_time(it: SenderPlay, *, acked: bool) -> int:
    """Interrupt a segment, all of which was sent, before it can have been heard; ``acked``: as played, before that.

    A machine on which that takes too long gets some more trials.
    """
    for seed in range(5):
        began = it.now()
        segment = await whole(it, SHORT, seed)
        if acked:
            ack(it, SHORT)
            await taken(it)
        since = len(it.trace)
        await it.do("interrupt", segment=None)
        if it.now() - began < SHORT / RATE:
            await it.until(lambda since=since: count(it, "interrupt", since) > 0, "INTERRUPT", "LW-V0-18")  # type: ignore[misc]
            return segment
        if not acked:
            ack(it, SHORT)
        await it.told("stream_ended", segment=segment)
    raise HarnessError(f"this machine is too slow to interrupt something within {SHORT / RATE:.2f} s")


@case0(
    "sender.version0.cut_after_an_early_ack",
    "LW-V0-18",
    "LW-V0-19",
    why="until it can have been heard an interrupt still cuts it, whatever was acked",
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    segment = await _cut_in_time(it, acked=True)
    await result(it, segment, None, interrupted=True, requirement="LW-V0-18")
    it.once("event stream_ended", segment=segment)


@case0(
    "sender.version0.early_ack_crosses_an_interrupt",
    "LW-V0-18",
    "LW-V0-19",
    why="it was queued to its end, and then cut: that it was played is not true",
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    segment = await _cut_in_time(it, acked=False)
    ack(it, SHORT)
    await result(it, segment, None, interrupted=True, requirement="LW-V0-18")
    it.once("event stream_ended", segment=segment)


# -- no ack ----------------------------------------------------------------------------------------------------


@case0(
    "sender.version0.no_ack",
    "LW-V0-20",
    "LW-V0-19",
    "LW-V0-2",
    why="deployed receivers sometimes do not ack: the segment ends all the same, and what is behind it is not cut",
    options={"limits": {"grace": 300}},
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    began = it.now()
    first = await whole(it, 4_800)
    said = await it.expect("event stream_ended", segment=first)
    waited, fields = said.at - began, said.fields or {}
    it.check(waited >= 0.5, "0.2 s to play, and 0.3 s of grace", f"after {waited:.3f} s")
    it.check((fields["position"] or 0) == 0 and not fields["exact"], "at 0, not exact", f"{fields}", "LW-V0-19")
    await whole(it, 480, 2)
    it.once("event stream_ended", segment=first)
    interrupts(it, 0, "LW-V0-20")
    well_spoken(it)


@case0(
    "sender.version0.no_ack_behind_a_late_one",
    "LW-V0-20",
    "LW-V0-19",
    why="a receiver that was late with one segment is late with the next as well: that has its length from there",
    options={"limits": {"grace": 600}},
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    for seed in range(5):
        began = it.now()
        first, second = await whole(it, 12_000, seed), await whole(it, 12_000, seed + 10)
        await asyncio.sleep(max(0.0, 0.9 - (it.now() - began)))
        at = it.now()
        ack(it, 12_000)
        await taken(it)
        in_time = it.now() - began < 1.1
        said = await it.told("stream_ended", segment=first)
        ended = await it.expect("event stream_ended", segment=second)
        if in_time:
            it.check(not said["interrupted"], "the first was played", f"{said}", "LW-V0-19")
            waited = ended.at - at
            it.check(waited >= 1.1, "0.5 s to play from that ack, and 0.6 s of grace", f"after {waited:.3f} s")
            return
        await asyncio.sleep(0.5)
    raise HarnessError("this machine is too slow to ack something within 1.1 s")


@case0(
    "sender.version0.no_ack_of_an_interrupt",
    "LW-V0-20",
    "LW-V0-19",
    "LW-V0-2",
    why="an INTERRUPT where nothing was being played is not acked",
    options={"limits": {"grace": 1_000}},
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    first, second = await whole(it, 4_800), await whole(it, 4_800, 2)
    began = it.now()
    await interrupt(it)
    for segment in (first, second):
        said = await it.expect("event stream_ended", segment=segment)
        waited, fields = said.at - began, said.fields or {}
        it.check(waited >= 1.0, "1 s of grace after its INTERRUPT", f"after {waited:.3f} s")
        right = (fields["position"] or 0) == 0 and fields["interrupted"]
        it.check(right, "at 0, interrupted", f"{fields}")
        it.check(not fields["exact"], "not exact", f"{fields}", "LW-V0-19")
    await whole(it, 480, 3)
    interrupts(it, 1, "LW-V0-20")
    well_spoken(it)


@case0(
    "sender.version0.close",
    "LW-V0-21",
    "LW-CLOSE-4",
    why="there is no close: an INTERRUPT stops what plays, before nobody is there any more who could",
    options=PATIENT,
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    segment = await whole(it, 12_000)
    with suppress(Refused):
        await it.do("close")
    await it.until_over()
    it.check(count(it, "interrupt") == 1, "INTERRUPT, and then the end of the transport", f"{count(it, 'interrupt')}")
    await result(it, segment, 0, interrupted=True, requirement="LW-CLOSE-4")
