"""Version 0 at a sender: interrupts and their acks (SPEC, Appendix A.4)."""

import asyncio
from typing import Final

from .. import messages as m
from ..sender_play import SenderPlay
from ..version0 import RATE, case0
from ..version0_sender import (
    COOLDOWN,
    MARGIN,
    PATIENT,
    ack,
    audio,
    begin,
    count,
    ends,
    heard,
    interrupt,
    interrupts,
    result,
    speaks,
    taken,
    utterances,
    well_spoken,
    whole,
)

ONE: Final = ("interrupt_one",)
LONG: Final = 5 * RATE
"""Samples of a segment that is still being sent whenever the kit gets round to it."""

# -- INTERRUPT -------------------------------------------------------------------------------------------------


async def _held_back(it: SenderPlay, cooldown: float) -> None:
    """Interrupt a long segment, and check when the next one's audio comes."""
    await begin(it)
    first = await it.say(m.pcm(3 * RATE))
    await it.until(lambda: len(audio(it)) >= RATE // 2, "a quarter of a second of audio")
    began = it.now()
    since = await interrupt(it)
    second = await it.say(m.pcm(4_800, 2))
    await speaks(it, m.pcm(4_800, 2), since=since)
    waited = next(one.at for one in heard(it, since) if one.kind == "audio") - began
    least = cooldown + MARGIN
    it.check(waited >= least, f"no new audio for {least:g} s", f"after {waited:.3f} s")
    await ends(it, since=since)
    ack(it, 0, interrupted=True)
    ack(it, 4_800)
    await result(it, first, 0, interrupted=True, requirement="LW-V0-15")
    await result(it, second, 4_800, interrupted=False, requirement="LW-V0-16")
    well_spoken(it)


@case0(
    "sender.version0.cooldown",
    "LW-V0-8",
    "LW-V0-2",
    "LW-V0-15",
    why="a deployed receiver discards all audio for 0.3 s after an INTERRUPT: what comes sooner is lost",
    options=PATIENT,
)
async def _(it: SenderPlay) -> None:
    await _held_back(it, COOLDOWN)


@case0(
    "sender.version0.cooldown_as_set",
    "LW-V0-8",
    "LW-V0-2",
    why="the receiver's cooldown is what both were given",
    options={"limits": {"cooldown": 700}},
)
async def _(it: SenderPlay) -> None:
    await _held_back(it, 0.7)


@case0(
    "sender.version0.cooldown_whatever_is_acked",
    "LW-V0-8",
    why="the ack of an INTERRUPT comes at once where nothing was playing, and the receiver discards audio all the same",
    options=PATIENT,
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    await it.say(m.pcm(3 * RATE))
    await it.until(lambda: len(audio(it)) >= RATE // 2, "a quarter of a second of audio")
    began = it.now()
    since = await interrupt(it)
    ack(it, 0, interrupted=True)
    await it.say(m.pcm(4_800, 2))
    await speaks(it, m.pcm(4_800, 2), since=since)
    waited = next(one.at for one in heard(it, since) if one.kind == "audio") - began
    it.check(waited >= COOLDOWN + MARGIN, f"no new audio for {COOLDOWN + MARGIN:g} s", f"after {waited:.3f} s")


@case0(
    "sender.version0.nothing_sent",
    "LW-V0-12",
    "LW-V0-2",
    why="an INTERRUPT where nothing plays would only make the receiver discard what comes next",
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    first = await it.open_segment()
    await it.do("interrupt", segment=None)
    await it.ends(first, 0, interrupted=True, exact=None, requirement="LW-V0-12")
    second = await whole(it)
    ack(it, 480)
    await result(it, second, 480, interrupted=False, requirement="LW-V0-16")
    it.check_results(first, second)
    interrupts(it, 0, "LW-V0-12")
    well_spoken(it)


@case0(
    "sender.version0.one_that_waits",
    "LW-V0-12",
    "LW-V0-2",
    "LW-V0-15",
    why="of a segment that waits for its turn nothing is there to be stopped, and what plays goes on",
    needs=ONE,
    options=PATIENT,
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    long = m.pcm(LONG)
    first, second = await it.say(long), await it.say(m.pcm(480, 2))
    await it.until(lambda: len(audio(it)) >= RATE, "half a second of audio")
    await it.do("interrupt", segment=second)
    size = len(audio(it))
    await it.until(lambda: len(audio(it)) >= size + RATE // 2, "a quarter of a second more of it")
    it.check(count(it, "interrupt") == 0, "no INTERRUPT", f"{count(it, 'interrupt')}")
    it.check(long.startswith(audio(it)), "the first goes on", "other samples come")
    it.none("event stream_ended")
    since = await interrupt(it)
    third = await whole(it, 480, 3)
    it.check(audio(it, since) == m.pcm(480, 3), "nothing of the second", f"{len(audio(it, since))} bytes")
    ack(it, 0, interrupted=True)
    ack(it, 480)
    await result(it, first, 0, interrupted=True, requirement="LW-V0-15")
    await it.ends(second, 0, interrupted=True, exact=None, requirement="LW-V0-12")
    await result(it, third, 480, interrupted=False, requirement="LW-V0-16")
    it.check_results(first, second, third)
    interrupts(it, 1, "LW-V0-12")
    well_spoken(it)


@case0(
    "sender.version0.one_among_others",
    "LW-V0-13",
    "LW-V0-2",
    why="an INTERRUPT would cut its neighbours as well: of one alone only what was not sent can be kept back",
    needs=ONE,
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    first = await whole(it, 9_600)
    since = len(it.trace)
    long = m.pcm(LONG, 2)
    second = await it.say(long)
    await it.until(lambda: len(audio(it, since)) > 0, "audio of the second")
    await it.do("interrupt", segment=second)
    third = await it.say(m.pcm(480, 3))
    await ends(it, 2, since=since)
    cut, following, *_ = utterances(it, since)
    sent = len(cut) // 2
    begun = cut == long[: len(cut)] and following == m.pcm(480, 3)
    it.check(begun and 0 < sent < LONG, "the beginning of the second, its end, and the third", f"{sent} samples of it")
    ack(it, 9_600)
    ack(it, sent)
    ack(it, 480)
    await result(it, first, 9_600, interrupted=False, requirement="LW-V0-13")
    await result(it, second, sent, interrupted=None, requirement="LW-V0-13")
    await result(it, third, 480, interrupted=False, requirement="LW-V0-13")
    interrupts(it, 0, "LW-V0-13")
    well_spoken(it)


@case0(
    "sender.version0.one_that_is_being_written",
    "LW-V0-13",
    why="its end has not been written yet, and what was sent of it needs one: the next segment's audio comes behind it",
    needs=ONE,
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    await whole(it, 9_600)
    since = len(it.trace)
    second = await it.open_segment()
    await it.write(second, m.pcm(4_800, 2))
    await speaks(it, m.pcm(4_800, 2), since=since)
    await it.do("interrupt", segment=second)
    third = await it.say(m.pcm(480, 3))
    await it.until(lambda: len(audio(it, since)) >= 2 * (4_800 + 480), "the third")
    await it.until(lambda: count(it, "end", since) >= 2, "an end of the second, and one of the third", "LW-V0-13")
    cut, following, *_ = utterances(it, since)
    apart = (cut, following) == (m.pcm(4_800, 2), m.pcm(480, 3))
    it.check(apart, "the second, its end, the third", f"{len(cut) // 2} samples, an end, {len(following) // 2} samples")
    interrupts(it, 0, "LW-V0-13")
    it.check(third > second, f"an id above {second}", f"{third}")


@case0(
    "sender.version0.one_that_was_sent",
    "LW-V0-13",
    "LW-V0-2",
    why="a segment that is with the receiver, as its neighbours are, is played",
    needs=ONE,
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    first, second = await whole(it, 4_800), await whole(it, 4_800, 2)
    await it.attempt("interrupt", segment=first)
    third = await whole(it, 480, 3)
    for samples in (4_800, 4_800, 480):
        ack(it, samples)
    await result(it, first, 4_800, interrupted=None, requirement="LW-V0-13")
    await result(it, second, 4_800, interrupted=False, requirement="LW-V0-13")
    await result(it, third, 480, interrupted=False, requirement="LW-V0-13")
    interrupts(it, 0, "LW-V0-13")
    well_spoken(it)


# -- acks of an INTERRUPT --------------------------------------------------------------------------------------


@case0(
    "sender.version0.several_are_cut",
    "LW-V0-15",
    "LW-V0-19",
    why="a receiver acks an INTERRUPT once, whatever number of segments it cut",
    options=PATIENT,
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    first, second = await whole(it, 9_600), await whole(it, 4_800, 2)
    third = await it.say(m.pcm(2 * RATE, 3))
    await asyncio.sleep(0.2)
    await interrupt(it, requirement="LW-V0-15")
    ack(it, 2_400, interrupted=True)
    await result(it, first, 2_400, interrupted=True, requirement="LW-V0-15")
    await result(it, second, 0, interrupted=True, requirement="LW-V0-15")
    await it.ends(third, 0, interrupted=True, exact=None, requirement="LW-V0-15")
    fourth = await whole(it, 480, 4)
    ack(it, 480)
    await result(it, fourth, 480, interrupted=False, requirement="LW-V0-16")
    it.check_results(first, second, third, fourth)


@case0(
    "sender.version0.interrupted_twice",
    "LW-V0-15",
    "LW-V0-19",
    why="the user breaks in again before the receiver has said how far the first was heard: acks come in that order",
    options=PATIENT,
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    said = []
    for seed in (1, 2):
        since = len(it.trace)
        said.append(await it.say(m.pcm(LONG, seed)))
        await it.until(lambda since=since: len(audio(it, since)) >= RATE, "half a second of audio")  # type: ignore[misc]
        await asyncio.sleep(0.1)
        await interrupt(it)
    ack(it, 1_200, interrupted=True)
    await result(it, said[0], 1_200, interrupted=True, requirement="LW-V0-15")
    await taken(it)
    it.none("event stream_ended", segment=said[1], requirement="LW-V0-15")
    ack(it, 700, interrupted=True)
    await result(it, said[1], 700, interrupted=True, requirement="LW-V0-15")
    it.check_results(*said)


@case0(
    "sender.version0.the_receiver_gave_up",
    "LW-V0-15",
    "LW-V0-10",
    why="an ack of an INTERRUPT that this sender did not send: the renderer has failed, and the rest is of no use",
    options=PATIENT,
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    first = await it.say(m.pcm(LONG))
    await it.until(lambda: len(audio(it)) >= RATE, "half a second of audio")
    await asyncio.sleep(0.1)
    ack(it, 1_200, interrupted=True)
    await result(it, first, 1_200, interrupted=None, requirement="LW-V0-15")
    second = await it.say(m.pcm(480, 2))
    await ends(it, 2)
    begun, following, *_ = utterances(it)
    it.check(len(begun) < 2 * LONG, "not all of the first", f"{len(begun)} bytes")
    it.check(following == m.pcm(480, 2), "its end, and then the second", f"{len(following)} bytes", "LW-V0-10")
    ack(it, 480)
    await result(it, second, 480, interrupted=False, requirement="LW-V0-16")
    interrupts(it, 0, "LW-V0-15")
    well_spoken(it)


@case0(
    "sender.version0.gave_up_after_an_interrupt_without_an_ack",
    "LW-V0-15",
    why="an INTERRUPT that nobody acked within the grace is forgotten: an ack that comes much later is not of it",
    options={"limits": {"grace": 300}},
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    first = await it.say(m.pcm(LONG))
    await it.until(lambda: len(audio(it)) >= RATE, "half a second of audio")
    await interrupt(it)
    await it.told("stream_ended", segment=first)
    await asyncio.sleep(0.5)
    since = len(it.trace)
    second = await it.say(m.pcm(LONG))
    await it.until(lambda: len(audio(it, since)) >= RATE, "half a second of audio")
    await asyncio.sleep(0.1)
    ack(it, 1_200, interrupted=True)
    await result(it, second, 1_200, interrupted=None, requirement="LW-V0-15")
    await ends(it, since=since)
    size = len(utterances(it, since)[0])
    it.check(size < 2 * LONG, "its end, before all of it was sent", f"{size} bytes")


@case0(
    "sender.version0.late_ack_of_an_interrupt",
    "LW-V0-15",
    "LW-V0-16",
    why="the end of playback and the INTERRUPT crossed: the ack of that is not of what is said next",
    options=PATIENT,
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    first = await whole(it, 480)
    await asyncio.sleep(0.1)  # it has been heard
    await interrupt(it)
    ack(it, 480)
    await result(it, first, 480, interrupted=False, requirement="LW-V0-16")
    second = await whole(it, 2_400, 2)
    ack(it, 0, interrupted=True)
    await taken(it)
    ack(it, 2_400)
    await result(it, second, 2_400, interrupted=False, requirement="LW-V0-15")
    it.check_results(first, second)
