"""Marks at a receiver: echoed when they are heard, and only then (SPEC §12)."""

from typing import Final

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay

MARKS: Final = ("marks",)
MOST: Final = 256


def _reached(it: ReceiverPlay, segment: int) -> list[str]:
    return [entry.message.name for entry in it.seen("mark_reached", segment=segment)]


async def _reaches(it: ReceiverPlay, segment: int, *names: str) -> None:
    """Check that just these marks of a segment come to be echoed, in any order, each once."""
    wanted = sorted(names)
    words = f"mark_reached of segment {segment} for {', '.join(names) or 'none'}"
    await it.until(lambda: len(_reached(it, segment)) >= len(names), words, "LW-MARK-1")
    await it.fence()
    have = sorted(_reached(it, segment))
    it.check(have == wanted, f"{words}, and no other", f"{have}", "LW-MARK-1")


async def _ends_behind_the_marks(it: ReceiverPlay, segment: int, position: int) -> None:
    """Let a segment be played to its end; check that no echo comes behind its stream_ended."""
    await it.finish(segment, position)
    end = await it.ended(segment, position)
    await it.fence()
    it.none("mark_reached", since=end.index, segment=segment, requirement="LW-MARK-2")


@case(
    "receiver.marks.when_heard",
    "LW-MARK-1",
    "LW-MARK-2",
    why="a caption follows what is heard: not what was sent, nor what was handed out",
    features=MARKS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1), m.mark(1, 480, "hello"), m.mark(1, 960, "there"))
    it.say(1, m.pcm(1_440), start=False)
    await it.told("segment_end", segment=1, total=1_440)
    await _reaches(it, 1)
    await it.do("played", segment=1, position=479)
    await it.reported(1, played=479)
    await _reaches(it, 1)
    await it.do("played", segment=1, position=480)
    await _reaches(it, 1, "hello")
    await it.do("played", segment=1, position=1_000)
    await _reaches(it, 1, "hello", "there")
    await it.do("played", segment=1, position=1_440)
    await _ends_behind_the_marks(it, 1, 1_440)
    await _reaches(it, 1, "hello", "there")


@case(
    "receiver.marks.at_the_first_sample",
    "LW-MARK-1",
    why="until something was heard there is no played position, so that not even a mark at 0 is reached",
    features=MARKS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1), m.mark(1, 0, "hello"))
    it.say(1, m.pcm(480), start=False)
    await it.told("segment_end", segment=1, total=480)
    await _reaches(it, 1)
    await it.do("played", segment=1, position=240)
    await _reaches(it, 1, "hello")


@case(
    "receiver.marks.at_the_end",
    "LW-MARK-1",
    "LW-MARK-2",
    why="a consumer that reports nothing but the end has heard all marks by then",
    features=MARKS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for position, name in ((0, "first"), (480, "in the middle"), (960, "last")):
        it.send(*([m.segment_start(1)] if name == "first" else []), m.mark(1, position, name))
    it.say(1, m.pcm(960), start=False)
    await it.told("segment_end", segment=1, total=960)
    await _ends_behind_the_marks(it, 1, 960)
    await _reaches(it, 1, "first", "in the middle", "last")


@case(
    "receiver.marks.beyond_the_total",
    "LW-MARK-1",
    "LW-MARK-2",
    why="where a segment ends is not known when a mark is set: one beyond counts as at the end",
    features=MARKS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for segment in (1, 2):
        it.send(m.segment_start(segment), m.mark(segment, 1 << 40, "beyond"))
        it.say(segment, m.pcm(480, segment), start=False)
        await it.told("segment_end", segment=segment, total=480)
    await it.do("played", segment=1, position=479)
    await it.reported(1, played=479)
    await _reaches(it, 1)
    await it.do("played", segment=1, position=480)
    await _reaches(it, 1, "beyond")
    await _ends_behind_the_marks(it, 1, 480)
    await _ends_behind_the_marks(it, 2, 480)
    await _reaches(it, 2, "beyond")
    await _reaches(it, 1, "beyond")


@case(
    "receiver.marks.of_an_empty_segment",
    "LW-MARK-1",
    "LW-MARK-2",
    why="a segment without samples has an end, and what is marked there is reached with it",
    features=MARKS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1), m.mark(1, 0, "silent"), m.segment_end(1, 0))
    await it.told("segment_end", segment=1, total=0)
    await _ends_behind_the_marks(it, 1, 0)
    await _reaches(it, 1, "silent")


@case(
    "receiver.marks.same_names",
    "LW-MARK-1",
    why="names need not be unique: each mark is echoed, at one position or at several",
    features=MARKS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1))
    for position in (240, 240, 480):
        it.send(m.mark(1, position, "word"))
    it.say(1, m.pcm(480), start=False)
    await it.told("segment_end", segment=1)
    await it.do("played", segment=1, position=300)
    await _reaches(it, 1, "word", "word")
    await it.do("played", segment=1, position=480)
    await _reaches(it, 1, "word", "word", "word")


@case(
    "receiver.marks.late",
    "LW-MARK-1",
    why="a mark may come when its position has been heard: it is reached, and its sender waits for the echo",
    features=MARKS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1, 960)
    await it.do("played", segment=1, position=480)
    await it.reported(1, played=480)
    it.send(m.mark(1, 240, "late"))
    await it.fence()
    await it.finish(1, 960)
    await it.ended(1, 960)
    await _reaches(it, 1, "late")


@case(
    "receiver.marks.not_after_a_cut",
    "LW-MARK-2",
    "LW-MARK-1",
    why="what was cut was not heard, though it had been handed out: nor is it echoed with the end",
    features=MARKS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1), m.mark(1, 240, "heard"), m.mark(1, 480, "handed out"), m.mark(1, 1_440, "to come"))
    it.say(1, m.pcm(960), start=False, end=False)
    await it.heard(1, m.pcm(960))
    await it.do("played", segment=1, position=300)
    await _reaches(it, 1, "heard")
    await it.cut(1)
    await it.attempt("played", segment=1, position=600)
    await it.finish(1, 700, interrupted=True)
    await it.ended(1, 700, interrupted=True, cause=1)
    it.send(m.mark(1, 0, "much too late"))
    await it.goes_on("LW-MARK-2")
    have = _reached(it, 1)
    it.check(have == ["heard"], "`heard` alone", f"{have}", "LW-MARK-2")


@case(
    "receiver.marks.of_each_segment",
    "LW-MARK-1",
    "LW-MARK-2",
    why="a cut of one segment leaves the marks of the others, and names may be the same there",
    features=MARKS,
    options={"limits": {"cooldown": 0}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for segment in (1, 2, 3):
        it.send(m.segment_start(segment), m.mark(segment, 480, "end"))
        it.say(segment, m.pcm(480, segment), start=False)
        await it.told("segment_end", segment=segment)
    await it.cut(2)
    await it.finish(1, 480)
    await it.finish(2, 0, interrupted=True)
    await it.finish(3, 480)
    await it.ended(3, 480)
    await _reaches(it, 1, "end")
    await _reaches(it, 3, "end")
    it.none("mark_reached", segment=2, requirement="LW-MARK-2")


@case(
    "receiver.marks.as_many_as_may_wait",
    "LW-MARK-1",
    why="256 of a segment may wait to be reached; those that were reached do not count",
    features=MARKS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1))
    it.send(*(m.mark(1, 240, f"a{count}") for count in range(MOST)))
    it.say(1, m.pcm(480), start=False)
    await it.told("segment_end", segment=1)
    await it.do("played", segment=1, position=240)
    names = [f"a{count}" for count in range(MOST)]
    await _reaches(it, 1, *names)
    it.send(*(m.mark(1, 480, f"b{count}") for count in range(MOST)))
    await it.goes_on()
    await it.finish(1, 480)
    await it.ended(1, 480)
    await _reaches(it, 1, *names, *(f"b{count}" for count in range(MOST)))


@case(
    "receiver.marks.one_more",
    "LW-MARK-3",
    why="a receiver that sees more than 256 marks of a segment wait closes, with limit_exceeded",
    features=MARKS,
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1), *(m.mark(1, 480, f"{count}") for count in range(MOST)))
    await it.goes_on()
    it.send(m.mark(1, 480, "one more"))
    await it.closes("limit_exceeded")


@case(
    "receiver.marks.resumed",
    "LW-MARK-1",
    "LW-CONTROL-4",
    why="an echo that was lost with the transport comes again: once, not twice",
    features=("marks", "resume"),
    options={"limits": {"resume": 60_000}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1), m.mark(1, 240, "before"), m.mark(1, 480, "meanwhile"))
    it.say(1, m.pcm(480), start=False)
    await it.told("segment_end", segment=1)
    await it.do("played", segment=1, position=240)
    await _reaches(it, 1, "before")
    it.drop()
    await it.do("played", segment=1, position=480)
    await it.resume()
    await it.until(lambda: "meanwhile" in _reached(it, 1), "the echo that was not sent yet", "LW-CONTROL-4")
    await _reaches(it, 1, "before", "meanwhile")
