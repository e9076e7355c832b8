"""Timed data at a receiver: before the sample that it belongs to (SPEC §12)."""

from typing import Any, Final

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay

DATA: Final = ("data",)
MOST: Final = 256
LARGEST: Final = 16_384


def _word(word: Any) -> dict[str, Any]:
    return {"com.example.word": word}


async def _data(it: ReceiverPlay, segment: int, position: int, word: Any) -> int:
    """Check that this is the data handed out next; gives where in the trace."""
    entry = await it.expect("event data", requirement="LW-DATA-1")
    have = entry.fields or {}
    wanted = {"segment": segment, "position": position, "content": _word(word)}
    right = {key: have[key] for key in wanted} == wanted
    it.require(right, f"data of segment {segment} at {position}: {word!r}", m.shown(have), "LW-DATA-1")
    return entry.index


def _first_with(it: ReceiverPlay, segment: int, position: int) -> int:
    """Where in the trace that sample was handed out."""
    for entry in it.seen("event audio", segment=segment):
        fields = entry.fields or {}
        if fields["position"] <= position < fields["position"] + fields["samples"]:
            return entry.index
    return len(it.trace)


@case(
    "receiver.data.before_its_sample",
    "LW-DATA-1",
    "LW-SEGMENT-6",
    why="a viseme that comes after its sound is of no use; and chunks are not cut where data belongs",
    features=DATA,
    needs=("hold",),
    options={"reading": False},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(4_800)
    places = (0, 1, 479, 480, 481, 700, 2_400, 4_799)
    it.send(m.segment_start(1))
    for place in places:
        it.send(m.data(1, place, _word(place)))
    it.say(1, pcm, start=False)
    await it.reported(1, received=4_800)
    await it.fence()
    await it.do("release")
    await it.heard(1, pcm, requirement="LW-SEGMENT-6")
    await it.told("segment_end", segment=1, total=4_800)
    for place in places:
        at = await _data(it, 1, place, place)
        it.check(at < _first_with(it, 1, place), f"data at {place} before that sample", "it came after it")


@case(
    "receiver.data.after_its_audio",
    "LW-DATA-1",
    why="data may be sent after the audio it belongs to; as long as that waits, it is still in time",
    features=DATA,
    needs=("hold",),
    options={"reading": False},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(1_440)
    it.say(1, pcm)
    it.send(m.data(1, 960, _word("second")), m.data(1, 480, _word("first")))
    await it.reported(1, received=1_440)
    await it.fence()
    await it.do("release")
    await it.told("segment_end", segment=1, total=1_440)
    for place, word in ((480, "first"), (960, "second")):
        found = it.seen("event data", segment=1, position=place)
        right = len(found) == 1 and (found[0].fields or {})["content"] == _word(word)
        it.check(right, f"data at {place}, once", f"{len(found)} came")
        in_time = bool(found) and found[0].index < _first_with(it, 1, place)
        it.check(in_time, f"data at {place} before that sample", "it came after it")


@case(
    "receiver.data.of_one_position",
    "LW-DATA-1",
    why="of what belongs to one sample the second may correct the first",
    features=DATA,
    needs=("hold",),
    options={"reading": False},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    words = [f"word {one}" for one in range(1, 21)]
    it.send(m.segment_start(1), *(m.data(1, 480, _word(word)) for word in words))
    it.say(1, m.pcm(960), start=False)
    await it.reported(1, received=960)
    await it.fence()
    await it.do("release")
    await it.told("segment_end", segment=1, total=960)
    came = [(entry.fields or {})["content"] for entry in it.seen("event data", segment=1, position=480)]
    it.check(came == [_word(word) for word in words], "20 data, in the order in which they were sent", m.shown(came))


@case(
    "receiver.data.late",
    "LW-DATA-1",
    why="what was handed out already can not wait for its data: that is handed out at once when it comes",
    features=DATA,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.say(1, m.pcm(960), end=False)
    await it.heard(1, m.pcm(960))
    it.send(m.data(1, 480, _word("late")))
    await _data(it, 1, 480, "late")
    it.send(m.segment_end(1, 960))
    await it.told("segment_end", segment=1, total=960)
    it.send(m.data(1, 0, _word("later still")))
    await _data(it, 1, 0, "later still")


@case(
    "receiver.data.at_the_end",
    "LW-DATA-1",
    why="data at the end, or beyond it, belongs to the segment: it comes before the consumer is told of the end",
    features=DATA,
    needs=("hold",),
    options={"reading": False},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1), m.data(1, 480, _word("at")), m.data(1, 10_000, _word("beyond")))
    it.say(1, m.pcm(480), start=False)
    it.send(m.segment_start(2), m.data(2, 7, _word("empty")), m.segment_end(2, 0))
    await it.reported(1, received=480)
    await it.fence()
    await it.do("release")
    for segment, position, word in ((1, 480, "at"), (1, 10_000, "beyond"), (2, 7, "empty")):
        at = await _data(it, segment, position, word)
        end = await it.expect("event segment_end", since=0, segment=segment)
        it.check(at < end.index, f"data at {position} before the end of segment {segment}", "it came after it")


@case(
    "receiver.data.not_of_cut",
    "LW-DATA-1",
    "LW-INTERRUPT-3",
    why="with a segment its data is cut: what waits, and what comes later",
    features=DATA,
    needs=("hold",),
    options={"limits": {"cooldown": 0}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1), m.data(1, 0, _word("heard")), m.data(1, 960, _word("cut")))
    it.say(1, m.pcm(480), start=False, end=False)
    await _data(it, 1, 0, "heard")
    await it.heard(1, m.pcm(480))
    await it.do("hold")
    it.send_audio(1, m.pcm(960, 2), position=480)
    it.send(m.data(1, 100, _word("late, and cut")))
    await it.cut(1)
    it.send(m.data(1, 200, _word("too late")), m.data(1, 9_600, _word("too late")))
    await it.goes_on("LW-INTERRUPT-3")
    await it.do("release")
    it.send(m.segment_start(2), m.data(2, 0, _word("next")))
    it.say(2, m.pcm(480, 2), start=False)
    await _data(it, 2, 0, "next")
    await it.told("segment_end", segment=2)
    words = [(entry.fields or {})["content"] for entry in it.seen("event data", segment=1)]
    it.check(words == [_word("heard")], "of segment 1 `heard` alone", f"{words}", "LW-INTERRUPT-3")


@case(
    "receiver.data.as_much_as_may_wait",
    "LW-DATA-1",
    why="256 of a segment may be ahead of what was handed out; what is not ahead any more does not count",
    features=DATA,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1))
    it.send(*(m.data(1, 480, _word(count)) for count in range(MOST)))
    await it.goes_on()
    it.say(1, m.pcm(960), start=False, end=False)
    await it.reported(1, consumed=960)
    it.send(*(m.data(1, 1_200, _word(MOST + count)) for count in range(MOST)))
    await it.goes_on()
    it.send_audio(1, m.pcm(480, 2), position=960)
    it.send(m.segment_end(1, 1_440))
    await it.told("segment_end", segment=1)
    words = sorted((entry.fields or {})["content"]["com.example.word"] for entry in it.seen("event data"))
    it.check(words == list(range(2 * MOST)), "all 512, each once", f"{len(words)}: {m.shown(words)}")


@case(
    "receiver.data.one_more",
    "LW-DATA-2",
    why="a receiver that sees more than 256 data of a segment ahead closes, with limit_exceeded",
    features=DATA,
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1), *(m.data(1, 480, _word(count)) for count in range(MOST)))
    await it.goes_on()
    it.send(m.data(1, 480, _word("one more")))
    await it.closes("limit_exceeded")


async def _much(it: ReceiverPlay) -> None:
    """Have just as much data wait as may be ahead, of four segments together; the fourth is not ended."""
    for segment in range(1, 4):
        it.send(m.segment_start(segment), *(m.data(segment, 480, m.content(LARGEST)) for _ in range(20)))
        it.say(segment, m.pcm(480, segment), start=False)
    it.send(m.segment_start(4), *(m.data(4, 480, m.content(LARGEST)) for _ in range(4)))
    await it.goes_on()


@case(
    "receiver.data.bytes_that_may_wait",
    "LW-DATA-3",
    why="1,048,576 bytes of content may be ahead, of all segments together; what was cut does not count",
    features=DATA,
    needs=("hold",),
    options={"reading": False},
    transports=("websocket",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await _much(it)
    await it.cut(1, 3)
    for segment in range(1, 4):
        await it.ended(segment, 0, interrupted=True, cause=1)
    it.send(*(m.data(4, 240, m.content(LARGEST)) for _ in range(60)))
    await it.goes_on()
    it.say(4, m.pcm(480, 4), start=False)
    await it.do("release")
    await it.told("segment_end", segment=4, total=480)
    found = it.seen("event data", segment=4)
    it.check(len(found) == 64, "64 data of 16,384 bytes", f"{len(found)}")


@case(
    "receiver.data.bytes_beyond",
    "LW-DATA-3",
    why="a receiver that sees more than 1,048,576 bytes of content ahead closes, with limit_exceeded",
    features=DATA,
    needs=("hold",),
    options={"reading": False},
    transports=("websocket",),
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await _much(it)
    it.send(m.data(4, 480, _word(1)))
    await it.closes("limit_exceeded")


@case(
    "receiver.data.late_without_end",
    "LW-DATA-2",
    why="late data is no reason to close; 256 are kept for a consumer that takes none",
    features=DATA,
    needs=("hold",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.say(1, m.pcm(480), end=False)
    await it.heard(1, m.pcm(480))
    await it.reported(1, consumed=480)
    await it.do("hold")
    it.send(*(m.data(1, 0, _word(count)) for count in range(2 * MOST)))
    await it.goes_on()
    it.send(m.segment_end(1, 480))
    await it.do("release")
    await it.told("segment_end", segment=1, total=480)
    await it.fence()
    words = [(entry.fields or {})["content"]["com.example.word"] for entry in it.seen("event data")]
    it.check(len(words) >= MOST, "256 of them or more", f"{len(words)}")
    it.check(len(set(words)) == len(words), "each once", f"{len(words)}, {len(set(words))} different")


@case(
    "receiver.data.largest",
    "LW-DATA-1",
    "LW-LIMIT-2",
    why="content may have 16,384 bytes, and what is in it is nobody's business",
    features=DATA,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    large = m.content(LARGEST)
    strange = {"words": [{"text": "Hello", "at": 0.25}, None, [True, -1, 2**40]], "com.example.x": {}}
    it.send(m.segment_start(1), m.data(1, 0, large), m.data(1, 240, strange))
    it.say(1, m.pcm(480), start=False)
    first = await it.told("data", segment=1, position=0)
    it.check(first["content"] == large, "content of 16,384 bytes", m.shown(first["content"]), "LW-LIMIT-2")
    second = await it.told("data", segment=1, position=240)
    it.check(second["content"] == strange, "nested content as it was sent", m.shown(second["content"]))
    it.send(m.data(1, 480, m.content(LARGEST + 1)))
    await it.closes("limit_exceeded", requirement="LW-LIMIT-2")
