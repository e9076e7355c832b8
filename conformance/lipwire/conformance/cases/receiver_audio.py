"""What a receiver does with chunks of audio: cut-through, wrong chunks, chunks of what is gone (SPEC §8)."""

from typing import Any, Final

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay

WHILE_HELD: Final = {"reading": False}
STEREO: Final = ["s16le", 24_000, 2]
FLOAT: Final = ["f32le", 24_000, 1]


# -- cut-through -----------------------------------------------------------------------------------------------


@case(
    "receiver.audio.cut_through",
    "LW-AUDIO-3",
    "LW-INTERRUPT-3",
    "LW-INTERRUPT-7",
    why="audio may come before the interrupt that made way for it: its cut-through says what is cut by then",
    needs=("hold",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.part(1)
    at = await it.fence()
    fresh = m.pcm(960, 2)
    it.send(m.segment_start(2))
    it.send_audio(2, fresh, cut_through=1)
    it.send(m.segment_end(2, 960))
    await it.reported(2, received=960)
    await it.do("release")
    await it.told("interrupted", where=lambda told: 1 in told["segments"])
    await it.finish(1, 240, interrupted=True)
    await it.ended(1, 240, interrupted=True, cause=1, requirement="LW-INTERRUPT-7")
    await it.heard(2, fresh)
    await it.told("segment_end", segment=2, total=960)
    await it.fence()
    it.none("event audio", since=at, segment=1, requirement="LW-INTERRUPT-3")
    it.none("event segment_end", since=at, segment=1, requirement="LW-INTERRUPT-3")
    it.none("cut")


@case(
    "receiver.audio.cut_through_of_queued",
    "LW-AUDIO-3",
    "LW-INTERRUPT-7",
    why="of a segment that waits in the queue nothing was heard when a cut-through covers it",
    needs=("hold",),
    options=WHILE_HELD,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for segment in (1, 2):
        it.say(segment, m.pcm(960, segment))
    await it.reported(2, received=960)
    it.send(m.segment_start(3))
    it.send_audio(3, m.pcm(960, 3), cut_through=2)
    it.send(m.segment_end(3, 960))
    await it.ended(1, 0, interrupted=True, cause=1, requirement="LW-INTERRUPT-7")
    await it.ended(2, 0, interrupted=True, cause=1, requirement="LW-INTERRUPT-7")
    await it.do("release")
    await it.heard(3, m.pcm(960, 3))
    await it.told("segment_end", segment=3, total=960)
    await it.fence()
    it.handed_whole(3, requirement="LW-AUDIO-3")
    it.none("cut")


@case(
    "receiver.audio.cut_through_partly",
    "LW-AUDIO-3",
    why="a cut-through below the segment before it leaves that one unharmed",
    needs=("hold",),
    options=WHILE_HELD,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for segment in (1, 2):
        it.say(segment, m.pcm(960, segment))
    await it.reported(2, received=960)
    it.send(m.segment_start(3))
    it.send_audio(3, m.pcm(960, 3), cut_through=1)
    it.send(m.segment_end(3, 960))
    await it.ended(1, 0, interrupted=True, cause=1)
    await it.do("release")
    await it.heard(2, m.pcm(960, 2))
    await it.heard(3, m.pcm(960, 3))
    await it.told("segment_end", segment=3, total=960)
    await it.fence()
    it.handed_whole(2, 3, requirement="LW-AUDIO-3")
    it.none("stream_ended", segment=2)


@case(
    "receiver.audio.cut_through_before_the_starts",
    "LW-AUDIO-3",
    "LW-AUDIO-9",
    why="on media, audio overtakes the interrupt and the starts: what its cut-through covers is cut when it comes",
    features=("repair",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.say(1, m.pcm(480), end=False)
    await it.heard(1, m.pcm(480))
    fresh = m.pcm(960, 6)
    it.send_audio(6, fresh, cut_through=5)
    await it.told("interrupted", where=lambda told: 1 in told["segments"])
    await it.finish(1, 480, interrupted=True)
    await it.ended(1, 480, interrupted=True, cause=1)
    it.step("segment 5 is started late, and covered; 6 is not")
    it.send(m.segment_start(5))
    await it.ended(5, 0, interrupted=True, cause=1)
    it.send(m.segment_start(6), m.segment_end(6, 960))
    await it.heard(6, fresh, requirement="LW-AUDIO-9")
    await it.told("segment_end", segment=6, total=960)
    await it.fence()
    it.none("event segment_start", segment=5)
    it.none("cut")


@case(
    "receiver.audio.cut_through_of_over",
    "LW-AUDIO-3",
    why="a segment that is over stays as it is: to most of speech, cut-through names what was played long ago",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.finish(1, 480)
    await it.ended(1, 480)
    it.send(m.segment_start(2))
    it.send_audio(2, m.pcm(960, 2), cut_through=1)
    it.send(m.segment_end(2, 960))
    await it.heard(2, m.pcm(960, 2))
    await it.told("segment_end", segment=2, total=960)
    await it.fence()
    it.once("stream_ended", segment=1)
    it.none("event interrupted")


@case(
    "receiver.audio.cut_through_then_interrupt",
    "LW-AUDIO-3",
    "LW-INTERRUPT-4",
    "LW-STREAM-2",
    why="the interrupt comes behind the audio that named it: it is answered, and changes nothing more",
    needs=("hold",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.part(1)
    it.send(m.segment_start(2))
    it.send_audio(2, m.pcm(960, 2), cut_through=1)
    await it.reported(2, received=960)
    await it.do("release")
    await it.told("interrupted", where=lambda told: 1 in told["segments"])
    answer: Any = (await it.cut(1)).message
    rows = [list(row) for row in answer.consumed]
    it.check(rows == [[1, 480]], "[[1, 480]] as what was handed out", f"{rows}", "LW-INTERRUPT-4")
    await it.finish(1, 480, interrupted=True)
    await it.ended(1, 480, interrupted=True, cause=1, requirement="LW-STREAM-2")
    await it.heard(2, m.pcm(960, 2))
    await it.fence()
    it.once("stream_ended", segment=1, requirement="LW-STREAM-2")


@case(
    "receiver.audio.cut_through_goes_back",
    "LW-AUDIO-3",
    why="a chunk with an older cut-through, sent before the cut and late on its way, does not undo it",
    features=("repair",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    it.send_audio(6, m.pcm(480, 6), cut_through=5)
    await it.told("interrupted", where=lambda told: 1 in told["segments"])
    await it.finish(1, 240, interrupted=True)
    it.send_audio(7, m.pcm(480, 7), cut_through=1)
    await it.goes_on()
    it.send(m.segment_start(5))
    await it.ended(5, 0, interrupted=True, cause=1)
    it.send(m.segment_start(6), m.segment_end(6, 480))
    await it.heard(6, m.pcm(480, 6))


# -- what a chunk can not be -----------------------------------------------------------------------------------

WRONG_CHUNKS: Final = {
    "cut_through_of_itself": ("cut-through names what is before the segment", m.audio(2, 0, m.pcm(480), 2)),
    "cut_through_above": ("cut-through names what is before the segment", m.audio(2, 0, m.pcm(480), 3)),
    "no_samples": ("a chunk without samples says nothing", m.audio(2, 0, b"")),
    "half_a_sample": ("half a sample would shift all that follow", m.audio(2, 0, m.pcm(480)[:-1])),
}

for _name, (_why, _chunk) in WRONG_CHUNKS.items():

    @case(f"receiver.audio.{_name}", "LW-AUDIO-4", why=_why, wire=True, judged=False)
    async def _(it: ReceiverPlay, chunk: list[Any] = _chunk) -> None:
        await it.open()
        it.send(m.segment_start(2))
        await it.goes_on()
        it.send(chunk)
        await it.closes("invalid_field")


for _name, _format, _needs in (("stereo", STEREO, "stereo"), ("float", FLOAT, "f32le")):

    @case(
        f"receiver.audio.half_a_frame_of_{_name}",
        "LW-AUDIO-4",
        "LW-FORMAT-2",
        why="how long a PCM frame is depends on the format that was chosen",
        needs=(_needs,),
        options={"formats": [_format]},
        judged=False,
    )
    async def _(it: ReceiverPlay, format: list[Any] = _format) -> None:  # noqa: A002 - the field's name
        await it.open(formats=[format])
        pcm = m.pcm(240, frame_bytes=4)
        it.say(1, pcm, chunk=240, end=False)
        await it.heard(1, pcm, requirement="LW-FORMAT-2")
        it.send(m.audio(1, 240, pcm[:6]))
        await it.closes("invalid_field", requirement="LW-AUDIO-4")


# -- audio of a segment that is gone ---------------------------------------------------------------------------


async def _dropped(it: ReceiverPlay, segment: int) -> None:
    """Send audio of a segment that is cut or over, in every way, and check that nothing comes of it."""
    at = await it.fence()
    window = it.limits.get("window", 48_000)
    it.send_audio(segment, m.pcm(480, 9))
    it.send_audio(segment, m.pcm(480, 9), position=4_800)
    it.send_audio(segment, m.pcm(480, 9), position=window + 4_800)
    await it.goes_on()
    answers = [e.name for e in it.trace[at:] if e.by is it.role and getattr(e.message, "segment", None) == segment]
    it.check(not answers, "no answer", f"{answers}")
    it.none("event audio", since=at, segment=segment)


@case(
    "receiver.audio.late_of_cut",
    "LW-AUDIO-5",
    "LW-SEGMENT-6",
    why="chunks of what was cut are still on their way, and must never be heard; those of the next segment must be",
    needs=("hold",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.part(1)
    await it.cut(1)
    await _dropped(it, 1)
    await it.finish(1, 240, interrupted=True)
    await it.ended(1, 240, interrupted=True, cause=1, requirement="LW-SEGMENT-6")
    it.send(m.segment_start(2))
    it.send_audio(2, m.pcm(480, 2), cut_through=1)
    await _dropped(it, 1)
    await it.do("release")
    it.send_audio(2, m.pcm(480, 3), position=480, cut_through=1)
    it.send(m.segment_end(2, 960))
    await it.heard(2, m.pcm(480, 2) + m.pcm(480, 3), requirement="LW-SEGMENT-6")
    await it.fence()
    it.check(it.handed_out(1) == 480, "480 samples of segment 1 in all", f"{it.handed_out(1)}")


@case("receiver.audio.late_of_over", "LW-AUDIO-5", why="a chunk sent again may come when all of it has been played")
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.finish(1, 480)
    await it.ended(1, 480)
    await _dropped(it, 1)
    it.once("stream_ended", segment=1)


@case("receiver.audio.late_of_given_up", "LW-AUDIO-5", why="the sender learns late that the consumer has given up")
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.say(1, m.pcm(480), end=False)
    await it.heard(1, m.pcm(480))
    await it.do("stream_ended", segments=[1], position=480, interrupted=False, failed=True)
    await it.ended(1, 480, cause=2)
    await _dropped(it, 1)
    it.say(2, m.pcm(480, 2))
    await it.heard(2, m.pcm(480, 2))


@case(
    "receiver.audio.of_one_left_out",
    "LW-AUDIO-5",
    why="an id below the highest one started, and never started, counts as over",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(3)
    await _dropped(it, 2)
