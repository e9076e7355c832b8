"""What a receiver reports of positions, and when (SPEC §9)."""

import asyncio
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Final

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay

WHILE_HELD: Final = {"reading": False}
TICK: Final = 0.005
"""Seconds by which two clocks may be apart that are read one after the other."""


def _of(it: ReceiverPlay, segment: int) -> list[Any]:
    """Every progress of a segment, in the order in which they were made: media may deliver them in another."""
    return sorted((entry.message for entry in it.seen("progress", segment=segment)), key=lambda one: one.clock)


def _steady(it: ReceiverPlay, segments: Iterable[int]) -> None:
    """Check what holds of every progress, whatever it reports."""
    for segment in segments:
        rows = _of(it, segment)
        told = [(one.received, one.consumed, one.played) for one in rows]
        ordered = all((played or 0) <= consumed <= received for received, consumed, played in told)
        it.check(ordered, "played ≤ consumed ≤ received", f"{told}", "LW-PROGRESS-2")
        known = [(received, consumed, -1 if played is None else played) for received, consumed, played in told]
        falls = [pair for pair in pairwise(known) if any(a > b for a, b in zip(*pair, strict=True))]
        it.check(not falls, f"positions of segment {segment} that never decrease", f"{falls}", "LW-PROGRESS-2")
        early = [one.delay for one in rows if not one.received and one.highest is None and one.delay]
        it.check(not early, "delay 0 while nothing has been received", f"{early}", "LW-PROGRESS-1")


@case(
    "receiver.progress.each_change",
    "LW-PROGRESS-1",
    "LW-PROGRESS-2",
    "LW-PROGRESS-3",
    why="the sender learns of what came, what was handed out, and what was heard",
    needs=("hold",),
    options=WHILE_HELD,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.say(1, m.pcm(960))
    first: Any = (await it.reported(1, received=960)).message
    it.check(first.consumed == 0, "consumed 0: nothing was handed out", f"{first.consumed}", "LW-PROGRESS-2")
    it.check(first.played is None, "played nil", f"{first.played}", "LW-PROGRESS-3")
    await it.do("release")
    second: Any = (await it.reported(1, consumed=960)).message
    it.check(second.played is None, "played nil: nothing was reported", f"{second.played}", "LW-PROGRESS-3")
    await it.do("played", segment=1, position=240)
    third: Any = (await it.reported(1, played=1)).message
    it.check(third.played == 240, "played 240", f"{third.played}", "LW-PROGRESS-3")
    await it.do("played", segment=1, position=960)
    await it.reported(1, played=960)
    _steady(it, [1])


@case(
    "receiver.progress.missing",
    "LW-PROGRESS-1",
    "LW-PROGRESS-2",
    why="received is where the first sample is missing, and highest tells what came beyond",
    features=("repair",),
    options={"limits": {"repair_timeout": 60_000}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(1_440)
    it.send(m.segment_start(1))
    it.send_audio(1, pcm[1_920:], position=960)
    gap: Any = (await it.reported(1, highest=1_440)).message
    it.check((gap.received, gap.consumed) == (0, 0), "received 0, consumed 0", f"{list(gap)}", "LW-PROGRESS-2")
    it.send_audio(1, pcm[:960])
    part: Any = (await it.reported(1, received=480)).message
    it.check(part.received == 480, "received 480", f"{part.received}", "LW-PROGRESS-2")
    it.check(part.highest == 1_440, "highest 1440", f"{part.highest}")
    it.send_audio(1, pcm[960:1_920], position=480)
    whole: Any = (await it.reported(1, received=1_440, consumed=1_440)).message
    it.check(whole.highest in (None, 1_440), "highest nil: it is received", f"{whole.highest}")
    _steady(it, [1])


@case(
    "receiver.progress.of_each_segment",
    "LW-PROGRESS-1",
    "LW-PROGRESS-2",
    why="each segment is reported by itself: those that wait, and those that were handed out and not heard yet",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for segment in (1, 2, 3):
        it.say(segment, m.pcm(480 * segment, segment))
    for segment in (3, 1, 2):
        await it.reported(segment, received=480 * segment, consumed=480 * segment)
    await it.do("played", segment=1, position=480)
    await it.reported(1, played=480)
    await it.do("played", segment=2, position=480)
    await it.reported(2, played=480)
    it.check(all(one.played is None for one in _of(it, 3)), "nothing of segment 3 as played", "", "LW-PROGRESS-2")
    _steady(it, [1, 2, 3])


@case(
    "receiver.progress.played_goes_back",
    "LW-PROGRESS-2",
    why="a consumer that reports a position below its last does not take back what was heard",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.say(1, m.pcm(960), end=False)
    await it.heard(1, m.pcm(960))
    await it.do("played", segment=1, position=480)
    await it.reported(1, played=480)
    await it.attempt("played", segment=1, position=240)
    it.send_audio(1, m.pcm(480, 2), position=960)
    await it.reported(1, consumed=1_440)
    await it.do("played", segment=1, position=1_440)
    await it.reported(1, played=1_440)
    _steady(it, [1])


@case(
    "receiver.progress.played_too_much",
    "LW-PROGRESS-2",
    why="no more was heard than was handed out, whatever the consumer says",
    needs=("hold",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.say(1, m.pcm(480), end=False)
    await it.heard(1, m.pcm(480))
    await it.do("hold")
    await it.attempt("played", segment=1, position=960)
    it.send_audio(1, m.pcm(960, 2), position=480)
    await it.reported(1, received=1_440)
    await it.do("release")
    await it.reported(1, consumed=1_440)
    await it.do("played", segment=1, position=1_440)
    await it.reported(1, played=1_440)
    _steady(it, [1])


@case(
    "receiver.progress.played_is_reported",
    "LW-PROGRESS-3",
    why="handed out is not heard: nothing is made up of what the consumer has not said",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1, 4_800)
    await it.reported(1, consumed=4_800)
    await it.whole(2, 4_800)
    await it.reported(2, consumed=4_800)
    played = [one.played for one in (*_of(it, 1), *_of(it, 2))]
    it.check(set(played) == {None}, "played nil in each", f"{played}")


@case(
    "receiver.progress.delay",
    "LW-PROGRESS-1",
    why="the sender takes the delay off the round trip: it counts from the coming of the newest sample",
    needs=("hold",),
    options=WHILE_HELD,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    sent_at = it.now()
    it.say(1, m.pcm(960), end=False)
    came = await it.reported(1, received=960)
    fresh: Any = came.message
    it.check(fresh.delay / 1e6 <= came.at - sent_at + TICK, f"at most {came.at - sent_at:.3f} s", f"{fresh.delay} µs")
    await asyncio.sleep(0.1)  # the delay is to grow
    it.send_audio(1, m.pcm(960))  # nothing new, which does not begin it anew
    await it.fence()
    waited = it.now() - came.at
    await it.do("release")
    told = await it.reported(1, consumed=960)
    later: Any = told.message
    least, most = waited - TICK, told.at - sent_at + TICK
    it.check(least <= later.delay / 1e6 <= most, f"a delay from {least:.3f} to {most:.3f} s", f"{later.delay} µs")


@case(
    "receiver.progress.clock",
    "LW-PROGRESS-1",
    why="clock is now, by the clock that pong tells: the sender aligns the two",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.fence()
    it.say(1, m.pcm(480))
    await it.reported(1, consumed=480)
    await it.fence()
    before: Any
    after: Any
    before, after = (entry.message for entry in it.seen("pong")[-2:])
    clocks = [one.clock for one in _of(it, 1)]
    right = all(before.t2 - TICK * 1e6 <= clock <= after.t3 + TICK * 1e6 for clock in clocks)
    it.check(right, f"a clock between those of the pongs, {before.t2} and {after.t3}", f"{clocks}")


@case(
    "receiver.progress.not_of_each_chunk",
    "LW-PROGRESS-1",
    why="progress is for credit and the picture of playback: one a chunk would load the way back for nothing",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    began = it.now()
    it.say(1, m.pcm(400), chunk=1)
    last = await it.reported(1, consumed=400)
    count = len(it.seen("progress", segment=1))
    # One in 20 ms is due; four times as many, and some, are let pass.
    most = 4 + 4 * (last.at - began) / 0.020
    it.check(count <= most, f"at most {most:.0f} for 400 chunks", f"{count}", level="SHOULD")


@case(
    "receiver.progress.not_of_cut",
    "LW-PROGRESS-1",
    why="a segment that was cut is reported by cut and stream_ended alone",
    needs=("hold",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.part(1)
    await it.cut(1)
    at = await it.fence()
    await it.attempt("played", segment=1, position=480)
    await it.do("release")
    it.say(2, m.pcm(480, 2))
    await it.reported(2, received=480)
    await it.finish(1, 480, interrupted=True)
    await it.ended(1, 480, interrupted=True, cause=1)
    await it.reported(2, consumed=480)
    await it.do("played", segment=2, position=480)
    await it.reported(2, played=480)
    it.none("progress", since=at, segment=1)


@case(
    "receiver.progress.repeated",
    "LW-PROGRESS-5",
    why="a progress that is lost on media would leave the sender without credit: the newest is repeated until the end",
    transports=("webrtc",),
    needs=("hold",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.reported(1, consumed=480)
    await it.whole(2)
    await it.part(3, total=960)
    await it.fence()
    await asyncio.sleep(0.1)  # the last changes are told by then; if one is not, it passes for one of the two
    at = len(it.trace)

    def twice() -> bool:
        return all(len(it.seen("progress", since=at, segment=segment)) >= 2 for segment in (1, 2, 3))

    await it.until(twice, "the progress of segments 1, 2 and 3 twice more, though nothing changes")
    it.step("of what is over, or cut, nothing is told")
    await it.finish(1, 480)
    await it.ended(1, 480)
    await it.cut(3)
    since = await it.fence()
    await it.until(
        lambda: len(it.seen("progress", since=since, segment=2)) >= 2, "the progress of segment 2 twice more"
    )
    it.none("progress", since=since, segment=1)
    it.none("progress", since=since, segment=3)
