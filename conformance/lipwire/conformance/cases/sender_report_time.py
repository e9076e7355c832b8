"""The time in which a receiver has to report something of a segment (LW-STREAM-7)."""

import asyncio
from typing import Final

from .. import messages as m
from ..case import case
from ..checking import PATIENCE
from ..driver import HarnessError
from ..sender_play import SenderPlay

SECOND: Final = 24_000
"""Samples of one second."""
GRACE: Final = {"limits": {"grace": 300}}


def _passed(it: SenderPlay, segment: int) -> float:
    """Seconds from the newest report of a segment to its end towards the user."""
    reports = [e.at for e in it.trace if e.name == "progress" and e.message and e.message.segment == segment]
    return it.seen("event stream_ended", segment=segment)[0].at - reports[-1]


@case(
    "sender.report_time.nothing_is_said_to_be_heard",
    "LW-STREAM-7",
    why="what was handed out is not yet heard: of a receiver that does not say what is, the whole segment has its time",
    options=GRACE,
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0})
    segment = await it.say(m.pcm(SECOND))
    await it.arrives(segment, SECOND)
    await it.ends(segment, 0, interrupted=True, exact=False)
    passed = _passed(it, segment)
    it.check(passed >= 1.3, "1 s to play, and 0.3 s of grace, after all was handed out", f"{passed:.3f} s")


@case(
    "sender.report_time.at_another_rate",
    "LW-STREAM-7",
    why="8,000 samples take a second to play at 8 kHz",
    needs=("rates",),
    options={**GRACE, "formats": [["s16le", 8_000, 1]]},
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0, "window": 16_000})
    segment = await it.say(m.pcm(8_000))
    await it.arrives(segment, 8_000)
    await it.ends(segment, 0, interrupted=True, exact=False)
    passed = _passed(it, segment)
    it.check(passed >= 1.3, "1 s to play, and 0.3 s of grace, after all was handed out", f"{passed:.3f} s")


@case(
    "sender.report_time.the_same_report_again",
    "LW-STREAM-7",
    why="a receiver that repeats its reports while its renderer hangs must not keep the agent waiting for ever",
    options={"limits": {"grace": 1_000}},
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0})
    segment = await it.say(m.pcm(480))
    await it.arrives(segment, 480)
    until = it.now() + PATIENCE * it.patience
    while not it.seen("event stream_ended") and it.now() < until:
        it.report(segment, 480, 240)
        await asyncio.sleep(0.05)
    said = it.seen("event stream_ended")
    it.check(
        bool(said),
        "the segment ends, though its last report comes again and again",
        f"it does not, for {PATIENCE * it.patience:g} s",
    )
    await it.ends(segment, 240, interrupted=True, exact=False)
    await it.expect("interrupt", first=segment, last=segment)


@case(
    "sender.report_time.a_cut_starts_it_anew",
    "LW-STREAM-7",
    why="the receiver has all of the grace for what it is asked last: how far the segment was heard when it was cut",
    options={"limits": {"grace": 1_500}},
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0})
    for seed in range(5):
        began = it.now()
        segment = await it.whole(480, seed)
        await asyncio.sleep(0.4)
        at = it.now()
        await it.do("interrupt", segment=None)
        await it.expect("interrupt", last=segment, requirement="LW-INTERRUPT-2")
        if it.now() - began < 1.5:
            break
        it.end_stream(segment, 0, cause=2)
        await it.told("stream_ended", segment=segment)
    else:
        raise HarnessError("this machine is too slow to interrupt within 1.5 s")
    await it.ends(segment, 0, interrupted=True, exact=False)
    waited = it.now() - at
    it.check(waited >= 1.5, "1.5 s of grace after the interrupt", f"{waited:.3f} s")


@case(
    "sender.report_time.the_next_has_its_own",
    "LW-STREAM-7",
    why="when the oldest segment has ended the time of the next begins, as long as that one takes to play",
    options=GRACE,
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0})
    first, second = await it.say(m.pcm(480)), await it.say(m.pcm(2 * SECOND, 2))
    await it.told("stream_ended", segment=first)
    began = it.seen("event stream_ended", segment=first)[0].at
    await it.ends(second, 0, interrupted=True, exact=False)
    waited = it.seen("event stream_ended", segment=second)[0].at - began
    it.check(
        waited >= 1.0,
        "2 s to play, and 0.3 s of grace, less what this machine takes to tell, after the first",
        f"{waited:.3f} s",
    )


@case(
    "sender.report_time.of_the_oldest_alone",
    "LW-STREAM-7",
    why="a short segment behind a long one is not late while that one plays",
    options=GRACE,
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0, "window": 4 * SECOND})
    for seed in range(5):
        began = it.now()
        first, second = await it.say(m.pcm(3 * SECOND, seed)), await it.say(m.pcm(480, 7 + seed))
        await it.arrives(second, 480)
        await asyncio.sleep(0.8)
        since = await it.fence()
        if it.now() - began < 3.0:
            break
        for segment in (first, second):
            it.end_stream(segment, 0, cause=2)
            await it.told("stream_ended", segment=segment)
    else:
        raise HarnessError("this machine is too slow to take 3 s of speech within 3 s")
    named = [e.message for e in it.seen("interrupt") if e.message.last >= first]
    it.check(not named, "no interrupt of either", f"{named}")
    told = [e.fields for e in it.seen("event stream_ended", segment=second)]
    it.check(not told, "no result of the second", f"{told}")
    it.end_stream(first, 3 * SECOND)
    it.end_stream(second, 480)
    await it.ends(first, 3 * SECOND, interrupted=False)
    await it.ends(second, 480, interrupted=False)
    it.none("interrupt", since=since)


@case(
    "sender.report_time.runs_when_an_interrupt_has_ended_a_pause",
    "LW-STREAM-7",
    "LW-PAUSE-2",
    why="an agent that still believes in the pause would wait for ever for what it says next",
    features=("pause",),
    options=GRACE,
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0})
    await it.fence()
    await it.do("pause")
    await it.expect("pause", requirement="LW-PAUSE-2")
    first = await it.whole()
    await it.do("interrupt", segment=None)
    await it.expect("unpause", requirement="LW-PAUSE-2")
    second = await it.say(m.pcm(480, 2))
    for segment in (first, second):
        await it.ends(segment, 0, interrupted=True, exact=False)
