"""What a receiver does when segments are cut (SPEC §10)."""

from typing import Any, Final

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay
from ..trace import Entry

WHILE_HELD: Final = {"reading": False}
HOLD: Final = ("hold",)
SHORT_GRACE: Final = {"limits": {"grace": 100}}


def check_rows(it: ReceiverPlay, cut: Entry, *expected: list[int]) -> None:
    """Check what a cut says of the segments that were live."""
    said: Any = cut.message
    have = sorted(list(row) for row in said.consumed)
    it.check(have == list(expected), f"consumed {list(expected)}", f"{have}", "LW-INTERRUPT-4")


def _before(it: ReceiverPlay, cut: Entry, ended: Entry) -> None:
    words = f"cut before the stream_ended of segment {getattr(ended.message, 'segment', None)}"
    it.check(cut.index < ended.index, words, "it came after", "LW-INTERRUPT-4")


# -- what is cut, and what is not ------------------------------------------------------------------------------


@case(
    "receiver.interrupt.all",
    "LW-INTERRUPT-3",
    "LW-INTERRUPT-4",
    "LW-INTERRUPT-7",
    why="the user breaks in: what plays and what waits is dropped, and the agent learns how far each was heard",
    needs=HOLD,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.part(1)
    it.say(2, m.pcm(960, 2))
    it.say(3, m.pcm(960, 3))
    await it.reported(3, received=960)
    cut = await it.cut(1, 3)
    check_rows(it, cut, [1, 480], [2, 0], [3, 0])
    for segment in (2, 3):
        ended = await it.ended(segment, 0, interrupted=True, cause=1, requirement="LW-INTERRUPT-7")
        _before(it, cut, ended)
    await it.fence()
    it.none("stream_ended", segment=1, requirement="LW-INTERRUPT-7")
    await it.do("release")
    await it.told("interrupted", where=lambda told: 1 in told["segments"])
    await it.finish(1, 240, interrupted=True)
    await it.ended(1, 240, interrupted=True, cause=1, requirement="LW-INTERRUPT-7")
    it.say(4, m.pcm(480, 4))
    await it.heard(4, m.pcm(480, 4))
    await it.told("segment_end", segment=4)
    await it.fence()
    whole = [("segment_start", 1), ("audio", 1), ("segment_start", 4), ("audio", 4), ("segment_end", 4)]
    it.check(it.outline() == whole, f"{whole}", f"{it.outline()}")
    it.check(it.handed_out(1) == 480, "480 samples of segment 1", f"{it.handed_out(1)}")


@case(
    "receiver.interrupt.while_it_is_heard",
    "LW-INTERRUPT-3",
    "LW-INTERRUPT-4",
    why="cut in the middle of speech: what was handed out is exactly what cut says",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1))
    it.send_audio(1, m.pcm(9_600))
    await it.told("audio", segment=1)
    cut = await it.cut(1)
    at = await it.fence()
    check_rows(it, cut, [1, it.handed_out(1)])
    await it.told("interrupted", where=lambda told: 1 in told["segments"])
    it.send_audio(1, m.pcm(9_600), position=9_600)
    await it.finish(1, 0, interrupted=True)
    await it.ended(1, 0, interrupted=True, cause=1)
    await it.fence()
    it.none("event audio", since=at, segment=1)
    it.none("event segment_end", since=at, segment=1)


@case(
    "receiver.interrupt.end_that_waits",
    "LW-INTERRUPT-3",
    why="the end of a cut segment is handed out as little as its samples",
    needs=HOLD,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.say(1, m.pcm(480), end=False)
    await it.heard(1, m.pcm(480))
    await it.do("hold")
    it.send(m.segment_end(1, 480))
    await it.cut(1)
    await it.do("release")
    await it.told("interrupted", where=lambda told: 1 in told["segments"])
    await it.finish(1, 240, interrupted=True)
    await it.ended(1, 240, interrupted=True, cause=1)
    it.say(2, m.pcm(480))
    await it.heard(2, m.pcm(480))
    it.none("event segment_end", segment=1)


@case(
    "receiver.interrupt.data_that_waits",
    "LW-INTERRUPT-3",
    why="what was to be shown with samples that are cut is cut as well",
    features=("data",),
    needs=HOLD,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.part(1)
    it.send(m.data(1, 960, {"com.example.word": "never"}))
    await it.cut(1)
    it.send(m.data(1, 0, {"com.example.word": "late"}))
    await it.do("release")
    await it.told("interrupted", where=lambda told: 1 in told["segments"])
    await it.finish(1, 240, interrupted=True)
    it.say(2, m.pcm(480))
    await it.heard(2, m.pcm(480))
    it.none("event data")


@case(
    "receiver.interrupt.marks_that_wait",
    "LW-INTERRUPT-3",
    "LW-MARK-2",
    why="a mark that was not reached when its segment was cut is never reached",
    features=("marks",),
    needs=HOLD,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.part(1)
    it.send(m.mark(1, 960, "never"))
    await it.cut(1)
    at = await it.fence()
    await it.do("release")
    await it.told("interrupted", where=lambda told: 1 in told["segments"])
    await it.finish(1, 480, interrupted=True)
    await it.ended(1, 480, interrupted=True, cause=1)
    it.say(2, m.pcm(480))
    await it.heard(2, m.pcm(480))
    it.none("event mark", since=at, segment=1)
    it.none("mark_reached", segment=1, requirement="LW-MARK-2")


@case(
    "receiver.interrupt.one_that_plays",
    "LW-INTERRUPT-11",
    why="one segment may be skipped: the next goes on as if that were not there",
    needs=HOLD,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.part(1)
    it.say(2, m.pcm(960, 2))
    it.say(3, m.pcm(960, 3))
    await it.reported(3, received=960)
    await it.cut(1)
    await it.do("release")
    await it.told("interrupted", where=lambda told: 1 in told["segments"])
    await it.finish(1, 240, interrupted=True)
    await it.ended(1, 240, interrupted=True, cause=1)
    for segment in (2, 3):
        await it.heard(segment, m.pcm(960, segment))
        await it.told("segment_end", segment=segment, total=960)
    await it.fence()
    it.none("stream_ended", segment=2)
    it.none("stream_ended", segment=3)


for _queued, _left in ((2, (1, 3)), (3, (1, 2))):

    @case(
        f"receiver.interrupt.queued_{'in_the_middle' if _queued == 2 else 'at_the_end'}",
        "LW-INTERRUPT-11",
        "LW-INTERRUPT-4",
        "LW-INTERRUPT-7",
        why="a segment that waits may be taken out alone: those around it go on",
        needs=HOLD,
        options=WHILE_HELD,
    )
    async def _(it: ReceiverPlay, queued: int = _queued, left: tuple[int, ...] = _left) -> None:
        await it.open()
        for segment in (1, 2, 3):
            it.say(segment, m.pcm(960, segment))
        await it.reported(3, received=960)
        cut = await it.cut(queued)
        check_rows(it, cut, [queued, 0])
        ended = await it.ended(queued, 0, interrupted=True, cause=1, requirement="LW-INTERRUPT-7")
        _before(it, cut, ended)
        await it.do("release")
        for segment in left:
            await it.heard(segment, m.pcm(960, segment))
            await it.told("segment_end", segment=segment, total=960)
        await it.fence()
        it.handed_whole(*left, requirement="LW-INTERRUPT-11")


@case(
    "receiver.interrupt.new_segment_at_once",
    "LW-INTERRUPT-3",
    "LW-COOLDOWN-1",
    why="the new answer is on its way right behind the interrupt, and nothing of it may be lost",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1))
    it.send_audio(1, m.pcm(4_800))
    await it.told("audio", segment=1)
    fresh = m.pcm(9_600, 2)
    it.send(m.interrupt(1))
    it.send(m.segment_start(2))
    it.send_audio(2, fresh, cut_through=1)
    it.send(m.segment_end(2, 9_600))
    await it.expect("cut", first=1, last=1, requirement="LW-INTERRUPT-4")
    begun = await it.expect("event segment_start", segment=2, requirement="LW-COOLDOWN-1")
    await it.heard(2, fresh, requirement="LW-COOLDOWN-1")
    await it.told("segment_end", segment=2, total=9_600, requirement="LW-COOLDOWN-1")
    await it.fence()
    it.none("event audio", since=begun.index, segment=1)


# -- what the consumer is told, and how a cut segment ends -----------------------------------------------------


@case(
    "receiver.interrupt.begun_only",
    "LW-INTERRUPT-7",
    "LW-INTERRUPT-3",
    why="the consumer knows of it, and has to let go; but nothing was heard, and nobody has to be asked",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1))
    await it.told("segment_start", segment=1)
    cut = await it.cut(1)
    check_rows(it, cut, [1, 0])
    await it.told("interrupted", where=lambda told: 1 in told["segments"], requirement="LW-INTERRUPT-3")
    ended = await it.ended(1, 0, interrupted=True, cause=1)
    _before(it, cut, ended)


@case(
    "receiver.interrupt.handed_out_wholly",
    "LW-INTERRUPT-6",
    "LW-INTERRUPT-7",
    why="a segment that still plays is cut, though all of it has been handed out",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    cut = await it.cut(1)
    check_rows(it, cut, [1, 480])
    await it.told("interrupted", where=lambda told: 1 in told["segments"], requirement="LW-INTERRUPT-6")
    await it.fence()
    it.none("stream_ended", segment=1, requirement="LW-INTERRUPT-7")
    await it.finish(1, 240, interrupted=True)
    ended = await it.ended(1, 240, interrupted=True, cause=1)
    _before(it, cut, ended)


@case(
    "receiver.interrupt.empty_that_ended",
    "LW-INTERRUPT-7",
    why="of an empty segment the end was handed out: its consumer reports it, and it was heard to its end",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1), m.segment_end(1, 0))
    await it.told("segment_end", segment=1, total=0)
    check_rows(it, await it.cut(1), [1, 0])
    await it.told("interrupted", where=lambda told: 1 in told["segments"], requirement="LW-INTERRUPT-3")
    await it.fence()
    it.none("stream_ended", segment=1)
    await it.finish(1, 0)
    await it.ended(1, 0, cause=0)


@case(
    "receiver.interrupt.grace_played",
    "LW-INTERRUPT-7",
    "LW-STREAM-2",
    why="a consumer that does not report its end is waited for so long; what it had reported as played then counts",
    options=SHORT_GRACE,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.do("played", segment=1, position=240)
    await it.reported(1, played=240)
    await it.cut(1)
    await it.ended(1, 240, interrupted=True, cause=1)
    await it.attempt("stream_ended", segments=[1], position=480, interrupted=True, failed=False)
    await it.fence()
    it.once("stream_ended", segment=1, requirement="LW-STREAM-2")


@case(
    "receiver.interrupt.grace_played_to_the_end",
    "LW-STREAM-4",
    why="a cut that comes when all was heard changes nothing, also when the consumer does not say that it has ended",
    options=SHORT_GRACE,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.do("played", segment=1, position=480)
    await it.reported(1, played=480)
    await it.cut(1)
    await it.ended(1, 480, interrupted=False, cause=0)


@case(
    "receiver.interrupt.grace_unknown",
    "LW-INTERRUPT-7",
    why="a consumer that never reported anything: the position is not known, and not made up",
    options=SHORT_GRACE,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.cut(1)
    await it.ended(1, None, interrupted=True, cause=1)
    it.say(2, m.pcm(480))
    await it.heard(2, m.pcm(480))


# -- repeats, and what is over ---------------------------------------------------------------------------------


@case(
    "receiver.interrupt.repeated",
    "LW-INTERRUPT-4",
    "LW-STREAM-2",
    why="interrupts are repeated until cut confirms them: each is answered, whenever it comes",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    for _ in range(3):
        check_rows(it, await it.cut(1), [1, 480])
    await it.finish(1, 240, interrupted=True)
    await it.ended(1, 240, interrupted=True, cause=1, requirement="LW-STREAM-2")
    for _ in range(2):
        check_rows(it, await it.cut(1))
    await it.fence()
    it.once("stream_ended", segment=1, requirement="LW-STREAM-2")
    it.check(len(it.seen("cut")) == 5, "5 cuts", f"{len(it.seen('cut'))}")


@case(
    "receiver.interrupt.copies",
    "LW-INTERRUPT-4",
    "LW-STREAM-2",
    why="an interrupt goes on both channels: the copy that comes second is a repeat",
    transports=("webrtc",),
)
async def _(it: ReceiverPlay) -> None:
    from lipwire.protocol.channels import Channel

    await it.open()
    await it.whole(1)
    for channel in (Channel.MEDIA, Channel.CONTROL, Channel.MEDIA):
        it.send_exactly(m.interrupt(1), channel=channel)
        check_rows(it, await it.expect("cut", first=1, last=1), [1, 480])
    await it.finish(1, 240, interrupted=True)
    await it.ended(1, 240, interrupted=True, cause=1)
    await it.fence()
    it.once("stream_ended", segment=1, requirement="LW-STREAM-2")


@case(
    "receiver.interrupt.wider",
    "LW-INTERRUPT-4",
    "LW-INTERRUPT-7",
    why="everything is cut after one was: that one is listed as long as it is not over",
    needs=HOLD,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.part(1)
    it.say(2, m.pcm(960, 2))
    await it.reported(2, received=960)
    check_rows(it, await it.cut(1), [1, 480])
    check_rows(it, await it.cut(1, 2), [1, 480], [2, 0])
    await it.ended(2, 0, interrupted=True, cause=1, requirement="LW-INTERRUPT-7")
    await it.finish(1, 480, interrupted=True)
    await it.ended(1, 480, interrupted=True, cause=1, requirement="LW-INTERRUPT-7")


@case(
    "receiver.interrupt.of_over",
    "LW-INTERRUPT-6",
    "LW-INTERRUPT-4",
    "LW-STREAM-2",
    why="the interrupt crosses stream_ended on the way: what was played stays played",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.finish(1, 480)
    await it.ended(1, 480, cause=0)
    check_rows(it, await it.cut(1))
    await it.fence()
    it.none("event interrupted")
    it.once("stream_ended", segment=1, requirement="LW-STREAM-2")


@case(
    "receiver.interrupt.of_over_and_live",
    "LW-INTERRUPT-6",
    "LW-INTERRUPT-4",
    why="of a range, only what is not over is cut",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.whole(2)
    await it.finish(1, 480)
    await it.ended(1, 480, cause=0)
    check_rows(it, await it.cut(1, 2), [2, 480])
    told = await it.told("interrupted", where=lambda told: 2 in told["segments"])
    it.check(1 not in told["segments"], "nothing about segment 1", f"{told['segments']}")
    await it.finish(2, 240, interrupted=True)
    await it.ended(2, 240, interrupted=True, cause=1)
    it.once("stream_ended", segment=1)


@case(
    "receiver.interrupt.of_nothing",
    "LW-INTERRUPT-4",
    why="an interrupt of what is not there is answered as well",
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    check_rows(it, await it.cut(1))
    check_rows(it, await it.cut(1, 7))
    await it.goes_on()
