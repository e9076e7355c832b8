"""Timed data at a sender: as it was given, and how much of it may be ahead (SPEC §12)."""

from typing import Any, Final

from lipwire.protocol.channels import Channel

from .. import messages as m
from ..case import case
from ..sender_play import FLOOR, SenderPlay

DATA: Final = ("data",)
MOST: Final = 256
MOST_BYTES: Final = 1_048_576
LARGEST: Final = 16_384
BULKY: Final = ("websocket",)
"""Of cases about what is the same over all transports: a MiB takes its time over WebRTC."""
HELD: Final = {"limits": {"grace": 60_000}}
"""For cases that hold back what is consumed: nobody gives up on a segment meanwhile."""
FAR: Final = 100_000
"""A position far ahead of all that is consumed."""


def _word(word: Any) -> dict[str, Any]:
    return {"com.example.word": word}


async def _begun(it: SenderPlay, samples: int = 960) -> int:
    """Have it open a segment, and wait until these samples of it have come."""
    segment = await it.open_segment()
    await it.write(segment, m.pcm(samples))
    await it.arrives(segment, samples)
    return segment


def _bytes(it: SenderPlay, *segments: int) -> int:
    return sum(len(m.packed(e.message.content)) for e in it.seen("data") if e.message.segment in segments)


@case(
    "sender.data.as_given",
    "LW-DATA-2",
    "LW-CUSTOM-1",
    why="words and visemes, each with its place: sent before its samples, with them, or after",
    features=DATA,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await _begun(it)
    given = [(0, _word("a")), (959, {"words": [1, 2.5, None, "é"]}), (960, _word("end")), (FAR, _word({"deep": [[1]]}))]
    for position, content in given:
        await it.do("data", segment=segment, position=position, content=content)
        await it.expect("data", segment=segment, position=position, content=content)
    await it.goes_on("LW-CUSTOM-1")


@case(
    "sender.data.256_ahead",
    "LW-DATA-2",
    why="a receiver keeps so many that it can not hand out yet; those it has reached make room for others",
    features=DATA,
    options=HELD,
    seconds=180.0,
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("consume")
    await it.open()
    segment = await _begun(it)
    for count in range(MOST + 2):
        await it.attempt("data", segment=segment, position=480, content=_word(count))
    await it.goes_on()
    came = len(it.seen("data"))
    it.check(0 < came <= MOST, "256 at the most", f"{came}")
    it.step("they are still ahead when the samples before them have been consumed")
    it.consume(segment, 479)
    await it.fence()
    await it.attempt("data", segment=segment, position=480, content=_word("more"))
    await it.goes_on()
    came = len(it.seen("data"))
    it.check(came <= MOST, "256 at the most, consumed up to 479", f"{came}")
    it.consume(segment, 480)
    await it.fence()
    for count in range(3):
        await it.attempt("data", segment=segment, position=960, content=_word(f"{count}"))
    await it.goes_on()
    later = len(it.seen("data", position=960))
    it.check(later == 3, "three more, when those were reached", f"{later}")


@case(
    "sender.data.256_of_one_that_waits",
    "LW-DATA-2",
    why="data of a segment that waits for its turn comes with it, after its start, and within the limit as well",
    features=DATA,
    options=HELD,
    seconds=180.0,
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("consume")
    await it.open(limits={"window": FLOOR})
    first, second = await it.say(m.pcm(2 * FLOOR)), await it.open_segment()
    await it.write(second, m.pcm(480, 2))
    for count in range(MOST + 2):
        await it.attempt("data", segment=second, position=240, content=_word(count))
    await it.do("end", segment=second)
    await it.arrives(first, 480)
    await it.settle()
    it.none("data")
    it.consume(first, it.received[first].contiguous)
    await it.arrives(first, 2 * FLOOR)
    it.consume(first, 2 * FLOOR)
    await it.expect("segment_end", segment=second, total=480, requirement="LW-SEGMENT-5")
    await it.fence()
    start, found = it.seen("segment_start", segment=second)[0], it.seen("data", segment=second)
    it.check(0 < len(found) <= MOST, "256 at the most", f"{len(found)}")
    it.check(all(start.index < one.index for one in found), "the start, and then its data", "data came before")


@case(
    "sender.data.bytes_ahead",
    "LW-DATA-3",
    why="1 MiB in all, whatever the count: that is what a receiver has to find room for",
    features=DATA,
    options=HELD,
    transports=BULKY,
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("consume")
    await it.open()
    said = []
    for seed in range(2):
        segment = await it.open_segment()
        said.append(segment)
        await it.write(segment, m.pcm(480, seed))
        for _ in range(40):
            await it.attempt("data", segment=segment, position=480, content=m.content(LARGEST))
        await it.do("end", segment=segment)
        await it.arrives(segment, 480)
        await it.goes_on()
        size = _bytes(it, *said)
        it.check(0 < size <= MOST_BYTES, "at most 1,048,576 bytes ahead", f"{size}")
    it.consume(said[0], 480)
    await it.fence()
    third = await it.open_segment()
    for _ in range(70):
        await it.attempt("data", segment=third, position=480, content=m.content(LARGEST))
    await it.goes_on()
    size = _bytes(it, said[1], third)
    it.check(0 < size <= MOST_BYTES, "at most so much again, when the first was consumed", f"{size}")


@case(
    "sender.data.bytes_of_a_cut_one",
    "LW-DATA-3",
    why="a receiver that has not heard of a cut still keeps the data: it counts until the cut is confirmed",
    features=DATA,
    options=HELD,
    transports=BULKY,
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"consume", "cut"}
    await it.open()
    first = await _begun(it)
    for _ in range(70):
        await it.attempt("data", segment=first, position=FAR, content=m.content(LARGEST))
    await it.do("interrupt", segment=None)
    named = (await it.expect("interrupt", requirement="LW-INTERRUPT-2")).message
    second = await it.open_segment()
    await it.write(second, m.pcm(480, 2))
    for _ in range(70):
        await it.attempt("data", segment=second, position=FAR, content=m.content(LARGEST))
    await it.goes_on()
    size = _bytes(it, first, second)
    it.check(0 < size <= MOST_BYTES, "at most 1,048,576 bytes in both, while it is not confirmed", f"{size}")
    it.confirm(named.first, named.last)
    await it.fence()
    for _ in range(70):
        await it.attempt("data", segment=second, position=FAR, content=m.content(LARGEST))
    await it.goes_on()
    size = _bytes(it, second)
    it.check(size <= MOST_BYTES, "at most 1,048,576 bytes in the second", f"{size}")


@case(
    "sender.data.ahead_after_a_resume",
    "LW-DATA-2",
    "LW-RESUME-8",
    why="what is ahead stays so over a resume, as far as its state does not say that it was reached",
    features=("data", "resume"),
    options=HELD,
    seconds=180.0,
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("consume")
    await it.open()
    segment = await _begun(it)
    for count in range(MOST + 2):
        await it.attempt("data", segment=segment, position=480 if count < 100 else 960, content=_word(count))
    await it.fence()
    it.drop()
    it.consumed[segment] = 480
    await it.reopen()
    await it.fence()
    for count in range(110):
        await it.attempt("data", segment=segment, position=960, content=_word(f"more {count}"))
    await it.goes_on()
    ahead = len({e.number for e in it.seen("data", position=960)})
    it.check(0 < ahead <= MOST, "256 ahead at the most", f"{ahead}")
    numbers = sorted({e.number or 0 for e in it.trace if e.by is it.role and e.number is not None})
    whole = numbers == [*range(1, len(numbers) + 1)]
    it.check(whole, "all numbered messages, none left out", f"{m.shown(numbers)}", "LW-RESUME-8")


@case(
    "sender.data.largest",
    "LW-DATA-3",
    "LW-LIMIT-2",
    why="16,384 bytes in the shortest encoding, and not one more: a receiver closes on that",
    features=DATA,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await _begun(it)
    content = m.content(LARGEST)
    await it.do("data", segment=segment, position=480, content=content)
    said = await it.expect("data")
    it.check(said.message.content == content, "16,384 bytes as they were given", m.shown(said.message.content))
    await it.attempt("data", segment=segment, position=480, content=m.content(LARGEST + 1))
    await it.goes_on()
    sizes = [len(m.packed(e.message.content)) for e in it.seen("data")]
    it.check(max(sizes) <= LARGEST, "no content above 16,384 bytes", f"{sizes}", "LW-LIMIT-2")


@case(
    "sender.data.not_chosen",
    "LW-REGISTRY-1",
    why="a receiver that does not know data is sent none",
    needs=DATA,
)
async def _(it: SenderPlay) -> None:
    await it.meet()
    segment = await it.open_segment()
    await it.attempt("data", segment=segment, position=0, content=_word("before"))  # nobody knows yet
    it.welcome()
    await it.write(segment, m.pcm(480))
    await it.arrives(segment, 480)
    await it.attempt("data", segment=segment, position=240, content=_word("after"))
    await it.do("end", segment=segment)
    await it.expect("segment_end", segment=segment, total=480, requirement="LW-SEGMENT-5")
    it.report(segment, 480, channel=Channel.CONTROL)
    await it.goes_on()
    it.none("data")
