"""How long a receiver lets its consumer reset after a cut (SPEC §10)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from .. import messages as m
from ..case import case
from ..checking import PATIENCE
from ..driver import HarnessError
from ..receiver_play import ReceiverPlay

LONG: Final = 5.0
"""The longest cooldown that there is: what comes sooner did not wait for it."""
LONG_MS: Final = {"limits": {"cooldown": 5_000}}
SHORT: Final = 0.3
TICK: Final = 0.01
"""Seconds that a timer may go off too soon, by its own resolution."""


def _next(it: ReceiverPlay, segment: int, samples: int = 960) -> bytes:
    """Send the segment that has to wait."""
    pcm = m.pcm(samples, segment)
    it.say(segment, pcm)
    return pcm


async def _held(it: ReceiverPlay, segment: int, cut_at: float) -> None:
    """Check that a segment has come, and that nothing of it, not even its beginning, is handed out in the cooldown."""
    await it.reported(segment, received=1)
    await it.fence()
    begun = it.seen("event segment_start", segment=segment)
    held = not begun or begun[0].at - cut_at >= LONG - TICK  # a machine may be that slow
    it.check(held, f"segment {segment} held back", "its beginning was handed out", "LW-COOLDOWN-1")


async def _comes(it: ReceiverPlay, segment: int, pcm: bytes) -> float:
    """Take a segment in full; gives when it began to be handed out."""
    begun = await it.expect("event segment_start", segment=segment, requirement="LW-COOLDOWN-1")
    await it.heard(segment, pcm, requirement="LW-COOLDOWN-1")
    await it.told("segment_end", segment=segment, total=len(pcm) // 2, requirement="LW-COOLDOWN-1")
    return begun.at


async def _sooner(it: ReceiverPlay, seconds: float, one: Callable[[int], Awaitable[float]]) -> None:
    """Check that a wait is shorter than so many seconds in one of several tries.

    A machine may be slow at each of them, but a receiver that waits for the time to pass is never fast. ``one`` does a
    try, with segments from the id that it is given on (ten are its own), and gives how long it took.
    """
    waits: list[float] = []
    while not waits or (waits[-1] >= seconds - TICK and sum(waits) < PATIENCE * it.patience):
        waits.append(await one(1 + 10 * len(waits)))
    shortest = min(waits)
    it.check(shortest < seconds - TICK, f"sooner than {seconds} s", f"after {shortest:.3f} s in {len(waits)} tries")


@case(
    "receiver.cooldown.time",
    "LW-COOLDOWN-1",
    why="a consumer that says nothing has so long to reset, and then gets all that came meanwhile",
    options={"limits": {"cooldown": 300}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    cut_at = it.now()
    await it.cut(1)
    first, second = _next(it, 2, 4_800), _next(it, 3)
    waited = await _comes(it, 2, first) - cut_at
    it.check(waited >= SHORT - TICK, f"not sooner than {SHORT} s after the cut", f"after {waited:.3f} s")
    await _comes(it, 3, second)


@case(
    "receiver.cooldown.repeats",
    "LW-COOLDOWN-1",
    why="an interrupt is repeated until its cut arrives: a repeat cuts nothing, so the time runs from the first",
    options={"limits": {"cooldown": 600, "grace": 60_000}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.cut(1)
    pcm = _next(it, 2)
    until = it.now() + PATIENCE * it.patience
    while not it.seen("event segment_start", segment=2) and it.now() < until:
        it.send(m.interrupt(1))
        await asyncio.sleep(0.2)
    it.require(
        bool(it.seen("event segment_start", segment=2)), "segment 2, while the interrupt is repeated", it.lately()
    )
    await _comes(it, 2, pcm)


@case(
    "receiver.cooldown.of_cut_through",
    "LW-COOLDOWN-1",
    "LW-AUDIO-3",
    why="a cut that is learnt from audio is a cut like any other: the consumer has to reset",
    options={"limits": {"cooldown": 300}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    cut_at = it.now()
    pcm = m.pcm(960, 2)
    it.send(m.segment_start(2), m.audio(2, 0, pcm[:960], 1), m.audio(2, 480, pcm[960:], 1), m.segment_end(2, 960))
    await it.told("interrupted", where=lambda told: 1 in told["segments"], requirement="LW-AUDIO-3")
    await it.heard(2, pcm)  # its beginning may have been handed out before the audio said that 1 is cut
    waited = it.seen("event audio", segment=2)[0].at - cut_at
    it.check(waited >= SHORT - TICK, f"not sooner than {SHORT} s after the cut", f"after {waited:.3f} s")


@case(
    "receiver.cooldown.reset",
    "LW-COOLDOWN-1",
    why="a consumer that has reset gets the next segment at once",
    needs=("reset",),
    options=LONG_MS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()

    async def one(first: int) -> float:
        await it.whole(first)
        cut_at = it.now()
        await it.cut(first)
        pcm = _next(it, first + 1)
        await _held(it, first + 1, cut_at)
        await it.do("reset")
        return await _comes(it, first + 1, pcm) - cut_at

    await _sooner(it, LONG, one)


@case(
    "receiver.cooldown.report",
    "LW-COOLDOWN-2",
    "LW-COOLDOWN-1",
    why="a consumer that says how far it played has stopped: that is word enough",
    options=LONG_MS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()

    async def one(first: int) -> float:
        await it.whole(first)
        cut_at = it.now()
        await it.cut(first)
        pcm = _next(it, first + 1)
        await _held(it, first + 1, cut_at)
        await it.finish(first, 240, interrupted=True)
        return await _comes(it, first + 1, pcm) - cut_at

    await _sooner(it, LONG, one)


@case(
    "receiver.cooldown.reports_of_each",
    "LW-COOLDOWN-2",
    "LW-COOLDOWN-1",
    why="with several segments cut, the consumer has reset when it has reported all that it was handed samples of",
    options=LONG_MS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()

    async def one(first: int) -> float:
        for segment in (first, first + 1):
            await it.whole(segment)
        it.send(m.segment_start(first + 2))
        await it.told("segment_start", segment=first + 2)  # and no sample: nothing has to be reported
        cut_at = it.now()
        await it.cut(first, first + 2)
        pcm = _next(it, first + 3)
        await it.finish(first, 240, interrupted=True)
        await it.ended(first, 240, interrupted=True, cause=1)
        await _held(it, first + 3, cut_at)
        await it.finish(first + 1, 0, interrupted=True)
        return await _comes(it, first + 3, pcm) - cut_at

    await _sooner(it, LONG, one)


@case(
    "receiver.cooldown.begins_anew",
    "LW-COOLDOWN-2",
    "LW-COOLDOWN-1",
    why="a further cut of what plays is a further reset",
    options={"limits": {"cooldown": 500}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for first in range(1, 101, 10):
        await it.whole(first)
        await it.whole(first + 1)
        first_at = it.now()
        await it.cut(first)
        pcm = _next(it, first + 2)
        await asyncio.sleep(0.15)  # some of the first cooldown is to pass
        second_at = it.now()
        await it.cut(first + 1)
        in_time = it.now() - first_at < 0.5 - TICK
        waited = await _comes(it, first + 2, pcm) - second_at
        if in_time:  # if not, the first cooldown may have passed before the second cut
            it.check(waited >= 0.5 - TICK, "not sooner than 0.5 s after the second cut", f"after {waited:.3f} s")
            return
    raise HarnessError("this machine is too slow for a cooldown of half a second")


@case(
    "receiver.cooldown.further_report",
    "LW-COOLDOWN-2",
    "LW-COOLDOWN-1",
    why="after a further cut, the report of one segment alone says nothing of the other",
    options=LONG_MS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()

    async def one(first: int) -> float:
        for segment in (first, first + 1):
            await it.whole(segment)
        await it.cut(first + 1)
        pcm = _next(it, first + 2)
        cut_at = it.now()
        await it.cut(first)
        await it.finish(first, 240, interrupted=True)
        await it.ended(first, 240, interrupted=True, cause=1)
        await _held(it, first + 2, cut_at)
        await it.finish(first + 1, 0, interrupted=True)
        return await _comes(it, first + 2, pcm) - cut_at

    await _sooner(it, LONG, one)


@case(
    "receiver.cooldown.zero",
    "LW-COOLDOWN-2",
    "LW-COOLDOWN-1",
    why="a consumer that needs no reset waits for nothing",
    options={"limits": {"cooldown": 0}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()

    async def one(first: int) -> float:
        await it.whole(first)
        cut_at = it.now()
        it.send(m.interrupt(first))
        waited = await _comes(it, first + 1, _next(it, first + 1)) - cut_at
        for segment in (first, first + 1):
            await it.finish(segment, 480)
        return waited

    await _sooner(it, 0.2, one)


for _name, _ends in (("begun_only", False), ("empty", True)):

    @case(
        f"receiver.cooldown.not_for_{_name}",
        "LW-COOLDOWN-1",
        why="where no sample was handed out there is nothing to reset, though the consumer knows of the segment",
        options={"limits": {"cooldown": 1_000}},
    )
    async def _(it: ReceiverPlay, ends: bool = _ends) -> None:
        await it.open()

        async def one(first: int) -> float:
            it.send(m.segment_start(first), *([m.segment_end(first, 0)] if ends else []))
            await it.told("segment_end" if ends else "segment_start", segment=first)
            cut_at = it.now()
            it.send(m.interrupt(first))
            waited = await _comes(it, first + 1, _next(it, first + 1)) - cut_at
            if ends:
                await it.finish(first, 0)
            await it.finish(first + 1, 960)
            return waited

        await _sooner(it, 1.0, one)


@case(
    "receiver.cooldown.goes_on_receiving",
    "LW-COOLDOWN-3",
    "LW-COOLDOWN-1",
    why="while the consumer resets, the session lives: progress, cuts, ends and reports",
    options=LONG_MS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for segment in (1, 2):
        await it.whole(segment)
    cut_at = it.now()
    await it.cut(2)
    it.step("audio is received and reported")
    pcm = m.pcm(1_440, 3)
    it.send(m.segment_start(3))
    it.send_audio(3, pcm[:960])
    await it.reported(3, received=480, requirement="LW-COOLDOWN-3")
    it.send_audio(3, pcm[960:], position=480)
    it.send(m.segment_end(3, 1_440))
    await it.reported(3, received=1_440, requirement="LW-COOLDOWN-3")
    it.step("playback of another segment is reported")
    await it.do("played", segment=1, position=240)
    await it.reported(1, played=240, requirement="LW-COOLDOWN-3")
    await it.finish(1, 480)
    await it.ended(1, 480, cause=0)
    it.step("what waits can be cut")
    it.say(4, m.pcm(480, 4))
    await it.reported(4, received=480)
    await it.cut(4)
    await it.ended(4, 0, interrupted=True, cause=1)
    await _held(it, 3, cut_at)
    await it.finish(2, 240, interrupted=True)
    await _comes(it, 3, pcm)


@case(
    "receiver.cooldown.goes_on_counting",
    "LW-COOLDOWN-3",
    "LW-CREDIT-3",
    why="what waits for the end of the cooldown counts in the window, to its last sample",
    options={"limits": {"cooldown": 5_000, "window": 2_400}},
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    window = it.limits["window"]
    await it.whole(1)
    await it.cut(1)
    it.say(2, m.pcm(window, 2), end=False)
    await it.reported(2, received=window)
    await it.goes_on()
    it.send(m.audio(2, window, m.pcm(1)))
    await it.closes("window_exceeded", requirement="LW-CREDIT-3")


@case(
    "receiver.cooldown.cut_again_while_held",
    "LW-COOLDOWN-1",
    "LW-INTERRUPT-7",
    why="the user breaks in twice: the answer that waited was never heard, and only the last one is",
    options=LONG_MS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    cut_at = it.now()
    await it.cut(1)
    _next(it, 2)
    await _held(it, 2, cut_at)
    await it.cut(1, 2)
    await it.ended(2, 0, interrupted=True, cause=1, requirement="LW-INTERRUPT-7")
    pcm = _next(it, 3)
    await _held(it, 3, cut_at)
    await it.finish(1, 240, interrupted=True)
    await _comes(it, 3, pcm)
    it.none("event segment_start", segment=2)
