"""What a receiver does with chunks of audio: positions, repeats, order, cut-through (SPEC §8)."""

from typing import Any, Final

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay

MOST: Final = 1 << 40
"""The length that no segment exceeds."""
WHILE_HELD: Final = {"reading": False}
NO_CONCEALING: Final = {"limits": {"repair_timeout": 60_000}}
STEREO: Final = ["s16le", 24_000, 2]
FLOAT: Final = ["f32le", 24_000, 1]


def _units(*seeds: int) -> bytes:
    """So many times 96 samples, each of another seed."""
    return b"".join(m.pcm(96, seed) for seed in seeds)


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


# -- repeats and overlaps --------------------------------------------------------------------------------------

for _name, _options in (("handed_out", {}), ("held", WHILE_HELD)):

    @case(
        f"receiver.audio.overlaps_{_name}",
        "LW-AUDIO-6",
        why="whatever comes again, in whatever slices and with whatever bytes: the first samples stand",
        needs=("hold",) if _options else (),
        options=_options,
    )
    async def _(it: ReceiverPlay, held: bool = bool(_options)) -> None:
        await it.open()
        it.send(m.segment_start(1))
        it.send_audio(1, _units(11, 12))
        await it.reported(1, received=192, requirement="LW-AUDIO-6")
        it.step("the same again, with other bytes")
        it.send_audio(1, _units(21, 22))
        it.step("a chunk that begins in what has come, and reaches beyond")
        it.send_audio(1, _units(32, 33), position=96)
        await it.reported(1, received=288, requirement="LW-AUDIO-6")
        it.step("a chunk from the beginning, and beyond")
        it.send_audio(1, _units(41, 42, 43, 44))
        await it.reported(1, received=384, requirement="LW-AUDIO-6")
        it.step("a chunk within")
        it.send_audio(1, m.pcm(10, 5), position=90)
        it.send(m.segment_end(1, 384))
        await it.goes_on()
        if held:
            await it.do("release")
        await it.heard(1, _units(11, 12, 33, 44))
        await it.told("segment_end", segment=1, total=384)


@case(
    "receiver.audio.overlaps_behind_gaps",
    "LW-AUDIO-6",
    "LW-AUDIO-7",
    why="a chunk that fills two gaps and covers what lies between them leaves that as it came",
    features=("repair",),
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")
    await it.open()
    it.send(m.segment_start(1), m.segment_end(1, 480))
    it.send_audio(1, _units(11), position=96)
    await it.reported(1, highest=192, requirement="LW-AUDIO-6")
    it.send_audio(1, _units(12), position=288)
    await it.reported(1, highest=384, requirement="LW-AUDIO-6")
    it.send_audio(1, _units(21, 22), position=144)  # into the one, over the gap, and to the edge of the other
    it.send_audio(1, _units(31, 32, 33, 34, 35))
    await it.reported(1, received=480, requirement="LW-AUDIO-7")
    first, second = _units(31), _units(21, 22)
    # 0-96 of the last, 96-192 of the first, 192-288 of the third, 288-384 of the second, 384-480 of the last.
    await it.heard(1, first + _units(11) + second[96:288] + _units(12) + _units(35))


# -- order -----------------------------------------------------------------------------------------------------


@case(
    "receiver.audio.backwards",
    "LW-AUDIO-7",
    why="with repair, chunks come in any order and are heard in theirs",
    features=("repair",),
    options=NO_CONCEALING,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(960)
    it.send(m.segment_start(1), m.segment_end(1, 960))
    for position in reversed(range(96, 960, 96)):
        it.send_audio(1, pcm[position * 2 : (position + 96) * 2], position=position)
    await it.reported(1, highest=960, requirement="LW-AUDIO-7")
    await it.fence()
    it.none("event audio")
    it.send_audio(1, pcm[:192])
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1, total=960)


@case(
    "receiver.audio.every_other",
    "LW-AUDIO-7",
    why="nothing beyond a gap is heard before the gap is filled, whichever gap is filled first",
    features=("repair",),
    options=NO_CONCEALING,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(960)
    parts = {position: pcm[position * 2 : (position + 96) * 2] for position in range(0, 960, 96)}
    it.send(m.segment_start(1), m.segment_end(1, 960))
    positions = list(parts)
    for position in (*positions[::2], *reversed(positions[3::2])):
        it.send_audio(1, parts[position], position=position)
    await it.heard(1, parts[0])
    await it.reported(1, received=96, highest=960, requirement="LW-AUDIO-7")
    await it.fence()
    it.check(it.handed_out(1) == 96, "96 samples", f"{it.handed_out(1)}")
    it.send_audio(1, parts[96], position=96)
    await it.heard(1, pcm[192:], start=96)
    await it.told("segment_end", segment=1, total=960)


GAPS: Final = {
    "gap": ("a sample that was lost can not come any more", [m.audio(1, 0, m.pcm(480)), m.audio(1, 481, m.pcm(480))]),
    "gap_at_the_beginning": ("a segment begins at 0", [m.audio(1, 1, m.pcm(480))]),
    "end_beyond": ("what has not come by the end does not come", [m.audio(1, 0, m.pcm(480)), m.segment_end(1, 481)]),
}

for _name, (_why, _messages) in GAPS.items():

    @case(f"receiver.audio.{_name}", "LW-AUDIO-8", why=_why, transports=("websocket",), wire=True, judged=False)
    async def _(it: ReceiverPlay, messages: list[list[Any]] = _messages) -> None:
        await it.open()
        it.send(m.segment_start(1), *messages[:-1])
        await it.goes_on()
        it.send(messages[-1])
        await it.closes("invalid_position")


@case(
    "receiver.audio.end_first_after_resume",
    "LW-AUDIO-8",
    why="after a resume the numbered messages come first: the end is there before the audio",
    features=("resume",),
    transports=("websocket",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(1_440)
    it.say(1, pcm[:960], end=False)
    await it.heard(1, pcm[:960])
    it.drop()
    await it.resume()
    it.send(m.segment_end(1, 1_440))
    await it.goes_on()
    it.send_audio(1, pcm[960:], position=480)
    await it.heard(1, pcm[960:], start=480)
    await it.told("segment_end", segment=1, total=1_440)


@case(
    "receiver.audio.before_its_start",
    "LW-AUDIO-9",
    why="on media, audio overtakes its segment_start: it is held, and heard when that comes",
    features=("repair",),
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")  # it is to be held, not asked for again
    await it.open()
    pcm = m.pcm(1_440)
    it.send_audio(1, pcm[:1_920])
    await it.goes_on()
    it.none("event segment_start")
    it.none("event audio")
    it.send(m.segment_start(1))
    await it.told("segment_start", segment=1)
    it.send_audio(1, pcm[1_920:], position=960)
    it.send(m.segment_end(1, 1_440))
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1, total=1_440)


@case(
    "receiver.audio.before_many_starts",
    "LW-AUDIO-9",
    why="audio of more than 8 segments to come may be dropped, but as if lost: it is asked for, and nothing is missing",
    features=("repair",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for segment in range(10, 0, -1):
        it.send_audio(segment, m.pcm(480, segment))
    await it.goes_on()
    for segment in range(1, 11):
        it.send(m.segment_start(segment), m.segment_end(segment, 480))
    for segment in range(1, 11):
        await it.heard(segment, m.pcm(480, segment))
    await it.told("segment_end", segment=10, total=480)
    await it.fence()
    it.handed_whole(*range(1, 11), requirement="LW-AUDIO-9")


@case(
    "receiver.audio.before_eight_starts",
    "LW-AUDIO-9",
    why="audio of eight segments to come has to be held: only what is of more may be dropped",
    features=("repair",),
    transports=("websocket",),
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")  # what was dropped does not come again
    await it.open()
    for segment in range(1, 9):
        it.send_audio(segment, m.pcm(480, segment))
    await it.goes_on()
    for segment in range(1, 9):
        it.send(m.segment_start(segment), m.segment_end(segment, 480))
        await it.heard(segment, m.pcm(480, segment))
    await it.told("segment_end", segment=8, total=480)
    await it.fence()
    it.handed_whole(*range(1, 9), requirement="LW-AUDIO-9")


@case(
    "receiver.audio.without_a_start",
    "LW-AUDIO-9",
    why="without repair everything comes in order, so that there is no start to wait for",
    transports=("websocket",),
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1), m.segment_end(1, 0))
    await it.goes_on()
    it.send(m.audio(2, 0, m.pcm(480)))
    await it.closes("invalid_segment")


# -- ends ------------------------------------------------------------------------------------------------------

BEYOND: Final = {
    "after_the_end": ("after the end there is nothing", (), m.audio(1, 480, m.pcm(1))),
    "over_the_end": ("a chunk that begins before the end and reaches beyond", (), m.audio(1, 240, m.pcm(241))),
    "behind_a_gap_after_the_end": ("after the end there is nothing", ("repair",), m.audio(1, 960, m.pcm(480))),
    "sent_after_the_end": ("after the end nothing was sent", ("repair",), m.sent(1, 481)),
}

for _name, (_why, _features, _message) in BEYOND.items():

    @case(f"receiver.audio.{_name}", "LW-AUDIO-10", why=_why, features=_features, judged=False)
    async def _(it: ReceiverPlay, message: list[Any] = _message) -> None:
        await it.open()
        await it.whole(1)
        it.send(message)
        await it.closes("invalid_position")


TOO_LONG: Final = {
    "audio": m.audio(1, MOST, m.pcm(1)),
    "sent": m.sent(1, MOST + 1),
    "end": m.segment_end(1, MOST + 1),
}

for _name, _message in TOO_LONG.items():

    @case(
        f"receiver.audio.longer_than_a_segment_{_name}",
        "LW-AUDIO-11",
        why="positions are bounded, so that no reckoning with them overflows",
        features=("repair",),
        wire=True,
        judged=False,
    )
    async def _(it: ReceiverPlay, message: list[Any] = _message) -> None:
        await it.open()
        it.send(m.segment_start(1))
        await it.goes_on()
        it.send(message)
        # It breaks LW-CREDIT-3 as well, and SPEC.md does not say which of the two comes first.
        await it.closes("invalid_position", "window_exceeded")
