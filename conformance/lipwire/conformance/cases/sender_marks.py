"""Marks at a sender: set, echoed, and how many may wait (SPEC §12)."""

from typing import Any, Final

from .. import messages as m
from ..case import case
from ..sender_play import SenderPlay

MARKS: Final = ("marks",)
MOST: Final = 256


def _named(it: SenderPlay, event: str = "event mark_reached") -> list[str]:
    return [(entry.fields or {})["name"] for entry in it.seen(event)]


@case(
    "sender.marks.echoed",
    "LW-MARK-3",
    why="the agent learns when a word was heard; names need not be unique, and each mark has its own echo",
    features=MARKS,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.open_segment()
    await it.write(segment, m.pcm(960))
    marks = [(0, "word"), (480, "word"), (960, "é" * 64), (100_000, "beyond")]
    for position, name in marks:
        await it.do("mark", segment=segment, position=position, name=name)
        await it.expect("mark", segment=segment, position=position, name=name)
    await it.do("end", segment=segment)
    await it.expect("segment_end", segment=segment, total=960, requirement="LW-SEGMENT-5")
    await it.fence()
    it.none("event mark_reached")
    it.report(segment, 960, 480)
    it.send(m.mark_reached(segment, "word"), m.mark_reached(segment, "word"))
    await it.goes_on()
    it.check(_named(it) == ["word", "word"], "word, twice", f"{_named(it)}")
    it.send(m.mark_reached(segment, "é" * 64), m.mark_reached(segment, "beyond"))
    it.end_stream(segment, 960)
    await it.ends(segment, 960, interrupted=False)
    names = [name for _, name in marks]
    it.check(_named(it) == names, "each mark once, in the order of its echo", f"{_named(it)}")


@case(
    "sender.marks.256",
    "LW-MARK-3",
    why="a receiver keeps so many of a segment; one that was reached makes room for another",
    features=MARKS,
    seconds=180.0,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.open_segment()
    await it.write(segment, m.pcm(960))
    await it.arrives(segment, 960)
    for count in range(MOST + 2):
        await it.attempt("mark", segment=segment, position=480, name=f"{count}")
    await it.goes_on()
    came = len(it.seen("mark"))
    it.check(0 < came <= MOST, "256 marks at the most", f"{came}")
    for entry in it.seen("mark"):
        it.send(m.mark_reached(segment, entry.message.name))
    await it.fence()
    told = len(_named(it))
    it.check(told == came, f"all {came} are told", f"{told}")
    for count in range(3):
        await it.attempt("mark", segment=segment, position=960, name=f"more {count}")
    await it.goes_on()
    again = len(it.seen("mark")) - came
    it.check(again == 3, "three more, when all of those were reached", f"{again}")


@case(
    "sender.marks.256_of_each",
    "LW-MARK-3",
    why="the limit is of a segment: one that waits behind others has its own",
    features=MARKS,
    options={"limits": {"grace": 60_000}},
    seconds=180.0,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    for marks in (MOST + 2, 3):
        segment = await it.open_segment()
        await it.write(segment, m.pcm(480, marks))
        for count in range(marks):
            await it.attempt("mark", segment=segment, position=480, name=f"{count}")
        await it.do("end", segment=segment)
        await it.goes_on()
        came, most = len(it.seen("mark", segment=segment)), min(marks, MOST)
        it.check(0 < came <= most, f"{most} marks of segment {segment} at the most", f"{came}")


@case(
    "sender.marks.256_of_one_that_waits",
    "LW-MARK-3",
    why="marks of a segment that waits for its turn come with it, after its start, and within the limit as well",
    features=MARKS,
    options={"limits": {"grace": 60_000}},
    seconds=180.0,
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("consume")
    await it.open(limits={"window": 2_400})
    first, second = await it.say(m.pcm(4_800)), await it.open_segment()
    await it.write(second, m.pcm(480, 2))
    for count in range(MOST + 2):
        await it.attempt("mark", segment=second, position=240, name=f"{count}")
    await it.do("end", segment=second)
    await it.arrives(first, 480)
    it.auto.add("consume")
    it.report(first)
    await it.arrives(first, 4_800)
    await it.expect("segment_end", segment=second, total=480, requirement="LW-SEGMENT-5")
    await it.fence()
    came = len(it.seen("mark"))
    it.check(0 < came <= MOST, "256 marks at the most", f"{came}")


@case(
    "sender.marks.stereo",
    "LW-FORMAT-2",
    why="a mark stands at a sample per channel, as everything does",
    features=MARKS,
    needs=("stereo",),
    options={"formats": [["s16le", 24_000, 2]]},
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.open_segment()
    await it.write(segment, m.pcm(960, frame_bytes=4))
    await it.do("mark", segment=segment, position=480, name="middle")
    await it.expect("mark", segment=segment, position=480, name="middle")


@case(
    "sender.marks.before_its_start",
    "LW-MARK-3",
    why="a mark of a segment that waits for its turn waits with it: before its start nobody can echo it",
    features=MARKS,
    options={"limits": {"grace": 60_000}},
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("consume")
    await it.open(limits={"window": 2_400})
    first, second = await it.say(m.pcm(4_800)), await it.open_segment()
    await it.write(second, m.pcm(480, 2))
    await it.do("mark", segment=second, position=240, name="second")
    await it.do("end", segment=second)
    await it.arrives(first, 480)
    await it.settle()
    it.none("mark")
    it.auto.add("consume")
    it.report(first)
    start = await it.expect("segment_start", segment=second)
    mark: Any = await it.expect("mark", segment=second, position=240, name="second")
    it.check(start.index < mark.index, "the start, and then the mark", "the other way round")
    await it.arrives(second, 480)
    it.send(m.mark_reached(second, "second"))
    await it.told("mark_reached", segment=second, name="second")


@case(
    "sender.marks.resumed",
    "LW-RESUME-8",
    "LW-MARK-3",
    why="marks that were lost with the transport come again, and echoes that were lost are told, each once",
    features=("marks", "resume"),
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("acknowledge")
    await it.open()
    segment = await it.open_segment()
    await it.write(segment, m.pcm(960))
    await it.arrives(segment, 960)
    for name in ("one", "two"):
        await it.do("mark", segment=segment, position=480, name=name)
        await it.expect("mark", name=name)
    await it.fence()
    it.drop()
    it.taken = 2
    it.numbers += 1
    it.unacknowledged[it.numbers] = m.mark_reached(segment, "one")
    await it.do("mark", segment=segment, position=960, name="three")
    since = len(it.trace)
    await it.reopen()
    await it.expect("mark", name="three")
    await it.told("mark_reached", segment=segment, name="one")
    again = [entry.message.name for entry in it.seen("mark", since=since)]
    it.check(again == ["two", "three"], "the second again, and then the third", f"{again}")
    it.send(m.mark_reached(segment, "two"))
    await it.goes_on()
    it.check(_named(it) == ["one", "two"], "one and two are told, once each", f"{_named(it)}", "LW-MARK-3")


@case(
    "sender.marks.not_chosen",
    "LW-REGISTRY-1",
    "LW-REGISTRY-2",
    why="a receiver that does not know marks is sent none, and has none to echo",
    needs=MARKS,
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await it.meet()
    segment = await it.open_segment()
    await it.attempt("mark", segment=segment, position=0, name="before")  # nobody knows yet
    it.welcome()
    await it.write(segment, m.pcm(480))
    await it.arrives(segment, 480)
    await it.attempt("mark", segment=segment, position=240, name="after")
    await it.do("end", segment=segment)
    await it.expect("segment_end", requirement="LW-SEGMENT-5")
    await it.fence()
    it.none("mark")
    it.send(m.mark_reached(segment, "before"))
    await it.closes("out_of_state", requirement="LW-REGISTRY-2")
