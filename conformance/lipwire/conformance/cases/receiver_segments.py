"""What a receiver hands out of segments, and which ends it refuses (SPEC §8)."""

from typing import Any, Final

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay

FOUR: Final = {"limits": {"segments": 4}}


@case("receiver.segments.one", "LW-SEGMENT-6", "LW-STREAM-2", why="speech arrives whole, once and in order")
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(4_800)
    it.say(1, pcm)
    await it.told("segment_start", segment=1)
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1, total=4_800)
    await it.finish(1, 4_800)
    await it.expect("stream_ended", segment=1, position=4_800, interrupted=False, cause=0, requirement="LW-STREAM-2")
    await it.fence()
    it.handed_whole(1)


@case("receiver.segments.in_order", "LW-SEGMENT-6", why="utterances that come at once must not run into each other")
async def _(it: ReceiverPlay) -> None:
    await it.open()
    spoken = {segment: m.pcm(1_440, segment) for segment in (1, 2, 3)}
    for segment, pcm in spoken.items():
        it.say(segment, pcm)
    for segment, pcm in spoken.items():
        await it.heard(segment, pcm)
        await it.told("segment_end", segment=segment, total=1_440)
    await it.fence()
    it.handed_whole(1, 2, 3)


@case("receiver.segments.empty", "LW-SEGMENT-6", why="an utterance without a sample has a beginning and an end as well")
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1), m.segment_end(1, 0), m.segment_start(2), m.segment_end(2, 0))
    await it.told("segment_start", segment=1)
    await it.told("segment_end", segment=1, total=0)
    await it.told("segment_end", segment=2, total=0)
    await it.fence()
    it.handed_whole(1, 2, empty=True)


@case(
    "receiver.segments.empty_when_its_turn_comes",
    "LW-SEGMENT-6",
    why="where its end is known before its beginning is handed out, it is nothing at all, and yet one segment",
    needs=("hold",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.do("hold")
    it.send(m.segment_start(1), m.segment_end(1, 0), m.segment_start(2), m.segment_end(2, 0))
    await it.fence()
    await it.do("release")
    await it.told("segment_end", segment=2, total=0)
    await it.fence()
    it.handed_whole(1, 2, empty=True)


@case("receiver.segments.one_sample", "LW-SEGMENT-6", why="chunks may be as small as one sample")
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(40)
    it.say(1, pcm, chunk=1)
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1, total=40)
    await it.fence()
    it.handed_whole(1)


@case(
    "receiver.segments.metadata",
    "LW-SEGMENT-6",
    why="what the agent says of a segment (text, language) comes with its beginning",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    metadata = {"text": "Grüß Gott 👋", "com.example.mood": {"joy": 0.5, "tags": ["a", None, True]}}
    it.send(m.segment_start(1, metadata), m.segment_end(1, 0))
    told = await it.told("segment_start", segment=1)
    it.check(told["metadata"] == metadata, f"{metadata}", f"{told['metadata']}")


@case(
    "receiver.segments.ids_left_out",
    "LW-SEGMENT-6",
    why="ids only grow: a sender leaves out what it cut before it began, and may count from anywhere",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    ids = (3, 70_000, 2**53 - 1)
    for segment in ids:
        it.say(segment, m.pcm(480, segment))
    for segment in ids:
        await it.heard(segment, m.pcm(480, segment))
        await it.told("segment_end", segment=segment, total=480)
    await it.fence()
    it.handed_whole(*ids)


@case(
    "receiver.segments.late_chunk_holds_the_next",
    "LW-SEGMENT-6",
    "LW-AUDIO-7",
    why="the next utterance is not heard before the one that still lacks a chunk",
    features=("repair",),
    options={"limits": {"repair_timeout": 60_000}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    first, second = m.pcm(1_440, 1), m.pcm(960, 2)
    it.send(m.segment_start(1), m.segment_end(1, 1_440))
    it.send_audio(1, first[:960])
    it.send_audio(1, first[1_920:], position=960)
    it.say(2, second)
    await it.heard(1, first[:960])
    await it.reported(1, highest=1_440)
    await it.reported(2, received=960)
    await it.fence()
    it.check(it.handed_out(1) == 480, "480 samples of segment 1", f"{it.handed_out(1)}", "LW-AUDIO-7")
    it.none("event segment_start", segment=2)
    it.send_audio(1, first[960:1_920], position=480)
    await it.heard(1, first[960:], start=480, requirement="LW-AUDIO-7")
    await it.heard(2, second)
    await it.told("segment_end", segment=2, total=960)
    await it.fence()
    it.handed_whole(1, 2)


# -- segment_start ---------------------------------------------------------------------------------------------


@case(
    "receiver.segments.id_used_before",
    "LW-SEGMENT-2",
    why="two segments with one id can not be told apart",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(2), m.segment_end(2, 0))
    await it.goes_on()
    it.send(m.segment_start(2))
    await it.closes("invalid_segment")


@case("receiver.segments.id_below", "LW-SEGMENT-2", why="ids grow", wire=True, judged=False)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(3), m.segment_end(3, 0))
    await it.goes_on()
    it.send(m.segment_start(2))
    await it.closes("invalid_segment")


@case(
    "receiver.segments.id_of_one_cut_early",
    "LW-SEGMENT-2",
    "LW-INTERRUPT-5",
    why="the start of a segment that was cut before it came uses up its id too",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.cut(1, 5)
    it.send(m.segment_start(5))
    await it.ended(5, 0, interrupted=True, cause=1, requirement="LW-INTERRUPT-5")
    it.send(m.segment_start(5))
    await it.closes("invalid_segment")


@case(
    "receiver.segments.started_before_the_end_of_another",
    "LW-SEGMENT-3",
    why="a receiver that sees two segments open at a time closes, with out_of_state",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1))
    await it.goes_on()
    it.send(m.segment_start(2))
    await it.closes("out_of_state")


@case(
    "receiver.segments.of_two_sessions",
    "LW-SEGMENT-6",
    why="ids belong to a session: what is cut, or over, in one is nothing to another with the same ids",
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    other = await it.beside()
    await other.open()
    other.send(m.interrupt(1, 3), m.segment_start(4), m.interrupt(4), m.interrupt(5, 90))
    await other.goes_on()
    for segment in (1, 4, 5):
        pcm = m.pcm(480, segment)
        it.say(segment, pcm)
        await it.heard(segment, pcm)
        await it.told("segment_end", segment=segment, total=480, session=1)
    await it.goes_on()


@case(
    "receiver.segments.started_after_a_cut",
    "LW-SEGMENT-6",
    why="a segment that was cut needs no end for the next one to start",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1))
    await it.told("segment_start", segment=1)
    await it.cut(1)
    it.say(2, m.pcm(480))
    await it.heard(2, m.pcm(480))
    await it.told("segment_end", segment=2, total=480)


@case(
    "receiver.segments.started_after_a_failure",
    "LW-SEGMENT-6",
    "LW-STREAM-2",
    why="a segment that the consumer gave up is over: it needs no end for the next one to start",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(480)
    it.say(1, pcm, end=False)
    await it.heard(1, pcm)
    await it.do("stream_ended", segments=[1], position=240, interrupted=False, failed=True)
    await it.ended(1, 240, cause=2, requirement="LW-STREAM-2")
    it.say(2, pcm)
    await it.heard(2, pcm)
    await it.told("segment_end", segment=2, total=480)


@case(
    "receiver.segments.as_many_as_announced",
    "LW-SEGMENT-6",
    "LW-STREAM-2",
    why="so many segments may be live as welcome says, and again when one is over",
    options=FOUR,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    most = it.limits.get("segments", 64)
    for segment in range(1, most + 1):
        it.send(m.segment_start(segment), m.segment_end(segment, 0))
    await it.told("segment_end", segment=most)
    await it.finish(1, 0)
    await it.ended(1, 0, requirement="LW-STREAM-2")
    it.send(m.segment_start(most + 1), m.segment_end(most + 1, 0))
    await it.told("segment_end", segment=most + 1)
    await it.fence()
    it.handed_whole(*range(1, most + 2), empty=True)


@case(
    "receiver.segments.one_more_than_announced",
    "LW-SEGMENT-4",
    why="a receiver that sees more live segments than it announced closes, with limit_exceeded",
    options=FOUR,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    most = it.limits.get("segments", 64)
    for segment in range(1, most + 1):
        it.send(m.segment_start(segment), m.segment_end(segment, 0))
    await it.goes_on()
    it.send(m.segment_start(most + 1))
    await it.closes("limit_exceeded")


@case(
    "receiver.segments.cut_ones_count",
    "LW-SEGMENT-4",
    why="a segment that was cut is live until it is over, and a receiver has to keep it until then",
    options=FOUR,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    most = it.limits.get("segments", 64)
    for segment in range(1, most + 1):
        it.send(m.segment_start(segment), m.segment_end(segment, 0))
    await it.told("segment_end", segment=most)
    await it.cut(1)
    await it.goes_on()
    it.send(m.segment_start(most + 1))
    await it.closes("limit_exceeded")


# -- segment_end -----------------------------------------------------------------------------------------------


@case("receiver.segments.end_repeated", "LW-SEGMENT-7", "LW-SEGMENT-6", why="a repeat of the end changes nothing")
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(480)
    it.say(1, pcm)
    await it.reported(1, received=480)
    it.send(m.segment_end(1, 480))
    await it.told("segment_end", segment=1, total=480)
    it.send(m.segment_end(1, 480))  # all of it has been handed out
    await it.goes_on()
    it.once("event segment_end", segment=1, requirement="LW-SEGMENT-6")
    await it.finish(1, 480)
    await it.ended(1, 480)
    it.send(m.segment_end(1, 480))  # it is over
    await it.goes_on()
    it.once("stream_ended", segment=1)


WRONG_ENDS: Final[dict[str, tuple[str, tuple[str, ...], int, list[Any]]]] = {
    "another_total": ("an end that contradicts the first", (), 480, [m.segment_end(1, 480), m.segment_end(1, 479)]),
    "total_below_received": ("an end before samples that have come", (), 480, [m.segment_end(1, 479)]),
    "total_zero": ("no end is at 0 when something has come", (), 480, [m.segment_end(1, 0)]),
    "total_below_sent": ("an end before what was sent", ("repair",), 480, [m.sent(1, 960), m.segment_end(1, 959)]),
    "another_total_with_repair": (
        "an end that contradicts the first, when samples are missing yet",
        ("repair",),
        480,
        [m.segment_end(1, 960), m.segment_end(1, 1_440)],
    ),
    "total_below_a_later_chunk": ("an end before samples that came behind a gap", ("repair",), -480,
                                  [m.segment_end(1, 959)]),
}  # fmt: skip


for _name, (_why, _features, _samples, _ends) in WRONG_ENDS.items():

    @case(f"receiver.segments.{_name}", "LW-SEGMENT-7", why=_why, features=_features, judged=False)
    async def _(it: ReceiverPlay, samples: int = _samples, ends: list[Any] = _ends) -> None:
        await it.open()
        it.send(m.segment_start(1))
        if samples > 0:
            it.send_audio(1, m.pcm(samples))
            await it.reported(1, received=samples)
        else:
            it.send_audio(1, m.pcm(-samples), position=480)
            await it.reported(1, highest=480 - samples)
        it.send(*ends[:-1])
        await it.goes_on()
        it.send(ends[-1])
        await it.closes("invalid_position")


@case(
    "receiver.segments.another_total_when_handed_out",
    "LW-SEGMENT-7",
    why="the end that was handed out already still stands",
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    it.send(m.segment_end(1, 960))
    await it.closes("invalid_position")


# -- what belongs to no segment --------------------------------------------------------------------------------

OF_A_SEGMENT: Final[dict[str, tuple[tuple[str, ...], Any]]] = {
    "segment_end": ((), lambda segment: m.segment_end(segment, 0)),
    "sent": (("repair",), lambda segment: m.sent(segment, 0)),
    "mark": (("marks",), lambda segment: m.mark(segment, 0, "here")),
    "data": (("data",), lambda segment: m.data(segment, 0, {"com.example.word": "hello"})),
}


for _name, (_features, _make) in OF_A_SEGMENT.items():

    @case(
        f"receiver.segments.{_name}_of_none",
        "LW-SEGMENT-8",
        why="what names a segment that was never started is a fault of the sender",
        features=_features,
        wire=True,
        judged=False,
    )
    async def _(it: ReceiverPlay, make: Any = _make) -> None:
        await it.open()
        it.send(m.segment_start(1), m.segment_end(1, 0))
        await it.goes_on()
        it.send(make(2))
        await it.closes("invalid_segment")

    @case(
        f"receiver.segments.{_name}_late",
        "LW-SEGMENT-8",
        why="what names a segment that is cut or over has crossed its end on the way",
        features=_features,
    )
    async def _(it: ReceiverPlay, make: Any = _make) -> None:
        await it.open()
        await it.whole(1)
        await it.finish(1, 480)
        await it.ended(1, 480)
        await it.whole(3)
        await it.cut(3)
        await it.cut(5)  # which has not been started
        at = await it.fence()
        it.step("one that is over, one that never was, one that is cut, one that is cut before it comes")
        for segment in (1, 2, 3, 5):
            it.send(make(segment))
            await it.goes_on()
        for came in ("event segment_end", "event mark", "event data", "mark_reached", "nack"):
            it.none(came, since=at)
