"""What a receiver reports of playback: how it begins and how it ends (SPEC §11)."""

from typing import Any, Final, NamedTuple

from lipwire.protocol.channels import Channel

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay

TICK: Final = 5_000
"""Microseconds by which two clocks may be apart that are read one after the other."""


# -- stream_started --------------------------------------------------------------------------------------------


@case(
    "receiver.playback.started",
    "LW-STREAM-1",
    why="the agent learns when the first sample is heard: when the consumer says so, and by the receiver's clock",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.fence()
    it.none("stream_started")
    await it.do("stream_started", segment=1)
    started: Any = (await it.expect("stream_started", segment=1)).message
    await it.fence()
    before: Any
    after: Any
    before, after = (entry.message for entry in it.seen("pong")[-2:])
    right = before.t2 - TICK <= started.clock <= after.t3 + TICK
    it.check(right, f"a clock between those of the pongs, {before.t2} and {after.t3}", f"{started.clock}")


@case(
    "receiver.playback.started_twice",
    "LW-STREAM-1",
    why="a consumer that says it again, or too late, changes nothing",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.do("stream_started", segment=1)
    await it.expect("stream_started", segment=1)
    await it.attempt("stream_started", segment=1)
    await it.finish(1, 480)
    await it.ended(1, 480)
    await it.attempt("stream_started", segment=1)
    await it.fence()
    it.once("stream_started", segment=1)


@case(
    "receiver.playback.started_after_the_end",
    "LW-STREAM-1",
    why="a segment that ended without having begun to be heard does not begin any more",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.finish(1, 480)
    await it.ended(1, 480)
    await it.attempt("stream_started", segment=1)
    await it.whole(2)
    await it.do("stream_started", segment=2)
    await it.expect("stream_started", segment=2)
    it.none("stream_started", segment=1)


# -- stream_ended: why, and where ------------------------------------------------------------------------------


class End(NamedTuple):
    """A way for a segment of 480 samples, all handed out, to end."""

    why: str
    cut: bool
    position: int | None
    interrupted: bool
    failed: bool
    """What the consumer says."""
    said: bool
    causes: tuple[int, ...]
    """What stream_ended is to say."""


ENDS: Final = {
    "played": End("it was heard to its end", False, 480, False, False, False, (0,)),
    "cut": End("it was cut before its end was heard", True, 240, True, False, True, (1,)),
    "cut_unheard": End("it was cut before anything was heard", True, 0, True, False, True, (1,)),
    "cut_one_before_the_end": End("it was cut before its last sample was heard", True, 479, True, False, True, (1,)),
    "cut_too_late": End("a cut that comes when all was heard interrupts nothing", True, 480, False, False, False, (0,)),
    "cut_too_late_reported_as_cut": End(
        "the consumer was told of the cut, but had played all of it", True, 480, True, False, False, (0,)
    ),
    "failed": End("the renderer failed", False, 240, False, True, False, (2,)),
    "failed_at_the_end": End("the renderer failed with its last sample", False, 480, False, True, False, (0, 2)),
    "given_up": End("the consumer stopped by itself, without a cut", False, 240, True, False, False, (2,)),
    "cut_and_failed": End("it was cut, and the renderer failed over it", True, 240, False, True, True, (1, 2)),
}

for _name, _end in ENDS.items():

    @case(f"receiver.playback.{_name}", "LW-STREAM-4", "LW-STREAM-3", "LW-STREAM-2", why=_end.why)
    async def _(it: ReceiverPlay, end: End = _end) -> None:
        await it.open()
        await it.whole(1)
        if end.cut:
            await it.cut(1)
        await it.fence()
        it.none("stream_ended", requirement="LW-STREAM-2")
        report = {"segments": [1], "position": end.position, "interrupted": end.interrupted, "failed": end.failed}
        await it.do("stream_ended", **report)
        ended: Any = (await it.expect("stream_ended", segment=1, requirement="LW-STREAM-2")).message
        it.check(ended.position == end.position, f"position {end.position}", f"{ended.position}", "LW-STREAM-3")
        it.check(ended.interrupted is end.said, f"interrupted {end.said}", f"{ended.interrupted}")
        it.check(ended.cause in end.causes, f"cause {' or '.join(map(str, end.causes))}", f"{ended.cause}")


@case(
    "receiver.playback.gave_up_not_knowing",
    "LW-STREAM-3",
    "LW-STREAM-4",
    why="a consumer that gave up can not tell where: what it had reported as heard comes before, surely",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for segment in range(1, 11):  # several: in one of them the progress that is due anyhow may just have been sent
        await it.whole(segment)
        await it.do("played", segment=segment, position=240)
        await it.do("stream_ended", segments=[segment], position=None, interrupted=False, failed=True)
        ended = await it.ended(segment, None, cause=2, requirement="LW-STREAM-4")
        before = [entry for entry in it.seen("progress", segment=segment) if entry.index < ended.index]
        heard = [getattr(entry.message, "played", None) for entry in before if entry.channel is Channel.CONTROL]
        it.check(240 in heard, "a progress with played 240 before it, on control", f"{heard}")


@case(
    "receiver.playback.gave_up_unheard",
    "LW-STREAM-3",
    "LW-STREAM-4",
    why="a consumer that gave up, and never reported anything: nothing is made up",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.do("stream_ended", segments=[1], position=None, interrupted=False, failed=True)
    await it.ended(1, None, cause=2, requirement="LW-STREAM-4")
    played = [getattr(entry.message, "played", None) for entry in it.seen("progress", segment=1)]
    it.check(not any(played), "played nil", f"{played}")


@case(
    "receiver.playback.beyond_what_was_handed_out",
    "LW-STREAM-3",
    why="no more was heard than was handed out, whatever the consumer says",
    needs=("hold",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.part(1)
    await it.cut(1)
    report = {"segments": [1], "interrupted": True, "failed": False}
    if not await it.attempt("stream_ended", position=960, **report):
        await it.do("stream_ended", position=480, **report)
    ended: Any = (await it.expect("stream_ended", segment=1)).message
    it.check(ended.position is None or ended.position <= 480, "at most 480", f"{ended.position}")


@case(
    "receiver.playback.given_up_midway",
    "LW-STREAM-2",
    "LW-STREAM-4",
    "LW-SEGMENT-8",
    why="the consumer gave up while the segment still comes: what follows of it is dropped, and the next is heard",
    needs=("hold",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.say(1, m.pcm(480), end=False)
    await it.heard(1, m.pcm(480))
    await it.do("hold")
    it.send_audio(1, m.pcm(480), position=480)
    await it.reported(1, received=960)
    await it.do("stream_ended", segments=[1], position=240, interrupted=False, failed=True)
    await it.ended(1, 240, cause=2, requirement="LW-STREAM-4")
    it.send_audio(1, m.pcm(480), position=960)
    it.send(m.segment_end(1, 1_440))
    await it.goes_on("LW-SEGMENT-8")
    await it.do("release")
    it.say(2, m.pcm(480, 2))
    await it.heard(2, m.pcm(480, 2))
    it.once("stream_ended", segment=1)
    it.check(it.handed_out(1) == 480, "480 samples of segment 1", f"{it.handed_out(1)}", "LW-SEGMENT-8")


# -- stream_ended: exactly one ---------------------------------------------------------------------------------


@case("receiver.playback.ended_twice", "LW-STREAM-2", why="the first report of an end stands")
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.finish(1, 480)
    await it.ended(1, 480)
    again = {"segments": [1], "position": 240, "interrupted": True, "failed": False}
    await it.attempt("stream_ended", **again)
    await it.cut(1)
    await it.attempt("stream_ended", **again)
    await it.goes_on()
    it.once("stream_ended", segment=1)


@case(
    "receiver.playback.report_after_unheard_cut",
    "LW-STREAM-2",
    why="the consumer reports a segment that the receiver had ended by itself when it was cut",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1))
    await it.told("segment_start", segment=1)
    await it.cut(1)
    await it.ended(1, 0, interrupted=True, cause=1)
    await it.attempt("stream_ended", segments=[1], position=0, interrupted=True, failed=False)
    await it.cut(1)
    await it.goes_on()
    it.once("stream_ended", segment=1)


@case(
    "receiver.playback.several_at_once",
    "LW-STREAM-2",
    "LW-STREAM-4",
    why="after a cut of several segments the consumer reports them together: the first was playing, the others unheard",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for segment in (1, 2, 3):
        await it.whole(segment)
    await it.cut(1, 3)
    await it.do("stream_ended", segments=[1, 2, 3], position=240, interrupted=True, failed=False)
    await it.ended(1, 240, interrupted=True, cause=1, requirement="LW-STREAM-4")
    for segment in (2, 3):
        await it.ended(segment, 0, interrupted=True, cause=1, requirement="LW-STREAM-4")
    await it.fence()
    for segment in (1, 2, 3):
        it.once("stream_ended", segment=segment)


@case(
    "receiver.playback.each_exactly_once",
    "LW-STREAM-2",
    "LW-STREAM-3",
    why="a busy minute: played, cut while playing, cut unheard, cut before it came, empty, given up",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.whole(2, 960)
    it.send(m.segment_start(3), m.segment_end(3, 0))
    await it.told("segment_end", segment=3)
    await it.whole(4)
    await it.finish(1, 480)
    await it.ended(1, 480, requirement="LW-STREAM-3")
    await it.finish(2, 960)
    await it.ended(2, 960, requirement="LW-STREAM-3")
    await it.finish(3, 0)
    await it.ended(3, 0, requirement="LW-STREAM-3")
    it.send(m.segment_start(5))
    await it.cut(4, 6)
    it.send(m.segment_start(6))
    await it.finish(4, 100, interrupted=True)
    await it.ended(4, 100, interrupted=True, cause=1, requirement="LW-STREAM-3")
    await it.ended(5, 0, interrupted=True, cause=1, requirement="LW-STREAM-3")
    await it.ended(6, 0, interrupted=True, cause=1, requirement="LW-STREAM-3")
    await it.whole(7)
    await it.do("stream_ended", segments=[7], position=300, interrupted=False, failed=True)
    await it.ended(7, 300, cause=2, requirement="LW-STREAM-3")
    await it.goes_on()
    for segment in range(1, 8):
        it.once("stream_ended", segment=segment)
