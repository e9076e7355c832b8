"""The time in which a receiver has to report something of a segment (LW-STREAM-7)."""

import asyncio
from typing import Final

from lipwire.protocol.channels import Channel

from .. import messages as m
from ..case import case
from ..driver import HarnessError
from ..sender_play import SenderPlay

FLOOR: Final = 2_400
"""The least window that a receiver may announce, in samples at 24 kHz."""
SECOND: Final = 24_000
"""Samples of one second."""
GRACE: Final = {"limits": {"grace": 300}}


@case(
    "sender.report_time.nothing_is_said_to_be_heard",
    "LW-STREAM-7",
    why="what was handed out is not yet heard: of a receiver that does not say what is, the whole segment has its time",
    options=GRACE,
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0})
    segment = await it.whole(SECOND)
    await it.fence()
    at = it.now()
    it.report(segment, SECOND)
    await it.ends(segment, 0, interrupted=True, exact=False)
    waited = it.now() - at
    it.check(waited >= 0.9, "1 s to play, and 0.3 s of grace, less what has passed", f"{waited:.3f} s")


@case(
    "sender.report_time.the_same_report_again",
    "LW-STREAM-7",
    why="a receiver that repeats its reports while its renderer hangs must not keep the agent waiting for ever",
    options=GRACE,
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0})
    segment = await it.whole(480)
    until = it.now() + 8 * it.patience
    while not it.seen("event stream_ended") and it.now() < until:
        it.report(segment, 480, 240)
        await asyncio.sleep(0.05)
    said = it.seen("event stream_ended")
    it.check(bool(said), "the segment ends, though its last report comes again and again", "it does not, for 8 s")
    await it.ends(segment, 240, interrupted=True, exact=False)
    await it.expect("interrupt", first=segment, last=segment)


def _moves(name: str, why: str, *report: int) -> None:
    """A report in which one position has moved, of a segment of 480 samples."""

    @case(f"sender.report_time.{name}", "LW-STREAM-7", why=why, options={"limits": {"grace": 1_000}})
    async def _(it: SenderPlay) -> None:
        it.auto.discard("progress")
        await it.open(limits={"cooldown": 0})
        for seed in range(5):
            began = it.now()
            segment = await it.whole(480, seed)
            it.send(m.progress(segment, 240, 120), channel=Channel.CONTROL)
            await asyncio.sleep(0.4)
            moved = it.now()
            it.send(m.progress(segment, *report), channel=Channel.CONTROL)
            await it.fence()
            if it.now() - began < 1.0:
                break
            it.end_stream(segment, 0, cause=2)
            await it.told("stream_ended", segment=segment)
        else:
            raise HarnessError("this machine is too slow to report something within 1 s")
        await it.ends(segment, 0, interrupted=True, exact=False)
        waited = it.now() - moved
        it.check(waited >= 1.0, "1 s of grace after the position that moved", f"{waited:.3f} s")


_moves("what_arrives_moves_it", "on a slow link the samples are still on their way", 480, 120)
_moves("what_is_handed_out_moves_it", "a renderer that takes samples is at work, heard or not", 240, 240)


@case(
    "sender.report_time.a_cut_has_nothing_to_play",
    "LW-STREAM-7",
    why="an agent waits for how far a cut segment was heard, and not for the half a minute that nobody will hear",
    options=GRACE,
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("consume")
    await it.open(limits={"cooldown": 0, "window": FLOOR})
    segment = await it.open_segment()
    for seed in range(3):
        await it.write(segment, m.pcm(10 * SECOND, seed))
    await it.do("end", segment=segment)
    await it.arrives(segment, 480)
    await it.do("interrupt", segment=None)
    await it.expect("interrupt", requirement="LW-INTERRUPT-2")
    it.send(m.progress(segment, 480, 480, 240), channel=Channel.CONTROL)
    await it.ends(segment, 240, interrupted=True, exact=False)


@case(
    "sender.report_time.the_next_has_its_own",
    "LW-STREAM-7",
    why="when the oldest segment has ended the time of the next begins, as long as that one takes to play",
    options=GRACE,
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0})
    first, second = await it.say(m.pcm(480)), await it.say(m.pcm(SECOND, 2))
    await it.arrives(first, 480)
    it.end_stream(first, 480)
    await it.ends(first, 480, interrupted=False)
    at = it.now()
    await it.ends(second, 0, interrupted=True, exact=False)
    waited = it.now() - at
    it.check(waited >= 1.0, "1 s to play, and 0.3 s of grace, less what has passed", f"{waited:.3f} s")


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
        first, second = await it.say(m.pcm(2 * SECOND, seed)), await it.say(m.pcm(480, 7 + seed))
        await it.arrives(second, 480)
        await asyncio.sleep(0.8)
        since = await it.fence()
        if it.now() - began < 2.0:
            break
        for segment in (first, second):
            it.end_stream(segment, 0, cause=2)
            await it.told("stream_ended", segment=segment)
    else:
        raise HarnessError("this machine is too slow to take 2 s of speech within 2 s")
    named = [e.message for e in it.seen("interrupt") if e.message.last >= first]
    it.check(not named, "no interrupt of either", f"{named}")
    told = [e.fields for e in it.seen("event stream_ended", segment=second)]
    it.check(not told, "no result of the second", f"{told}")
    it.end_stream(first, 2 * SECOND)
    it.end_stream(second, 480)
    await it.ends(first, 2 * SECOND, interrupted=False)
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
    first = await it.whole()
    await it.fence()
    await it.do("pause")
    await it.expect("pause", requirement="LW-PAUSE-2")
    await it.do("interrupt", segment=None)
    await it.expect("unpause", requirement="LW-PAUSE-2")
    second = await it.say(m.pcm(480, 2))
    it.end_stream(first, 240, interrupted=True, cause=1)
    await it.ends(first, 240, interrupted=True)
    await it.ends(second, 0, interrupted=True, exact=False)
