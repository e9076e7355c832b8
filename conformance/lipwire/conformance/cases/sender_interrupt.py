"""What a sender cuts when it interrupts, and what becomes of it (SPEC §10)."""

from contextlib import suppress
from typing import Any

from .. import messages as m
from ..case import case
from ..driver import Refused
from ..sender_play import FLOOR, SenderPlay
from ..trace import Entry


async def interrupt(it: SenderPlay, segment: int | None = None) -> Entry:
    """Interrupt everything, or one segment; gives the next interrupt."""
    await it.do("interrupt", segment=segment)
    return await it.expect("interrupt", requirement="LW-INTERRUPT-2")


async def unconfirmed(it: SenderPlay) -> tuple[int, Any]:
    """Open, let it say a segment and interrupt that, and confirm nothing; gives the id and the interrupt."""
    it.auto.discard("cut")
    await it.open()
    segment = await it.say(m.pcm(960))
    await it.arrives(segment, 960)
    return segment, (await interrupt(it)).message


async def one_under_way(it: SenderPlay, *waiting: int) -> list[int]:
    """Open, and let it say a segment of three windows, and behind it some of so many samples; gives their ids."""
    it.auto.discard("consume")
    await it.open(limits={"window": FLOOR})
    said = [await it.say(m.pcm(samples, seed)) for seed, samples in enumerate((3 * FLOOR, *waiting), 1)]
    await it.arrives(said[0], 480)
    await it.settle()
    return said


async def after(it: SenderPlay, found: Entry) -> int:
    """From where on nothing of what an interrupt names may come; of two channels one may be ahead of the other."""
    return found.index + 1 if it.kind == "websocket" else await it.settle()


def check_silent(it: SenderPlay, segment: int, since: int = 0) -> None:
    """Check that nothing of a cut segment has come since."""
    for name in ("segment_start", "audio", "segment_end"):
        it.none(name, segment=segment, since=since, requirement="LW-INTERRUPT-1")


@case(
    "sender.interrupt.everything",
    "LW-INTERRUPT-1",
    "LW-INTERRUPT-2",
    "LW-INTERRUPT-8",
    why="the user breaks in: nothing more of what waits or is under way is sent, and the answer is",
)
async def _(it: SenderPlay) -> None:
    first, second = await one_under_way(it, 480)
    found = await interrupt(it)
    named = found.message
    it.check(named.first <= first <= named.last, f"an interrupt that names segment {first}", f"{named}")
    it.check(named.last <= second, f"and none above {second}, the last one opened", f"{named}")
    since = await after(it, found)
    third = await it.say(m.pcm(960, 3))
    it.check(third > second, f"an id above {second}", f"{third}")
    await it.arrives(third, 960)
    await it.expect("segment_end", segment=third, total=960, requirement="LW-SEGMENT-5")
    await it.fence()
    check_silent(it, first, since)
    check_silent(it, second)
    it.none("event stream_ended", segment=first, requirement="LW-INTERRUPT-8")
    it.end_stream(first, 240, interrupted=True, cause=1)
    await it.ends(first, 240, interrupted=True)
    await it.ends(second, 0, interrupted=True, exact=None, requirement="LW-INTERRUPT-8")
    it.end_stream(third, 960)
    await it.ends(third, 960, interrupted=False)
    it.check_results(first, second, third)


@case(
    "sender.interrupt.several_that_are_played",
    "LW-INTERRUPT-2",
    "LW-INTERRUPT-8",
    "LW-STREAM-7",
    why="several utterances are at the receiver, ended: each of them is cut, or it is played after all",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    said = [await it.say(m.pcm(960, seed)) for seed in range(3)]
    for segment in said:
        await it.expect("segment_end", segment=segment, total=960, requirement="LW-SEGMENT-5")
    await it.do("interrupt", segment=None)
    await it.expect("interrupt")
    await it.fence()
    named = [found.message for found in it.seen("interrupt")]
    for segment in said:
        cut = any(one.first <= segment <= one.last for one in named)
        it.check(cut, f"an interrupt that names segment {segment}", f"{named}")
    it.none("event stream_ended", requirement="LW-INTERRUPT-8")
    for position, segment in enumerate(said):
        it.end_stream(segment, position, interrupted=True, cause=1)
        await it.ends(segment, position, interrupted=True)
    it.check_results(*said)


@case(
    "sender.interrupt.while_writing",
    "LW-INTERRUPT-1",
    why="text to speech goes on for a moment after the user has broken in",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.open_segment()
    await it.write(segment, m.pcm(960))
    await it.arrives(segment, 960)
    found = await interrupt(it)
    since = await after(it, found)
    with suppress(Refused):
        await it.write(segment, m.pcm(960, 2))
        await it.do("end", segment=segment)
    following = await it.say(m.pcm(480, 3))
    await it.arrives(following, 480)
    await it.fence()
    check_silent(it, segment, since)
    it.end_stream(segment, 480, interrupted=True, cause=1)
    await it.ends(segment, 480, interrupted=True)
    it.check_results(segment)


@case(
    "sender.interrupt.sent_in_full",
    "LW-INTERRUPT-2",
    "LW-INTERRUPT-8",
    why="a segment that was sent and ended is still being played: it is cut as well, and its result waited for",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.say(m.pcm(960))
    await it.arrives(segment, 960)
    await it.expect("segment_end", segment=segment, total=960, requirement="LW-SEGMENT-5")
    found = await interrupt(it)
    it.check(found.message.first <= segment <= found.message.last, f"segment {segment} is named", f"{found.message}")
    await it.fence()
    it.none("event stream_ended", requirement="LW-INTERRUPT-8")
    it.end_stream(segment, 333, interrupted=True, cause=1)
    await it.ends(segment, 333, interrupted=True, requirement="LW-INTERRUPT-8")
    it.check_results(segment)


@case(
    "sender.interrupt.result_before_the_cut",
    "LW-INTERRUPT-8",
    "LW-STREAM-5",
    why="the end of a cut stream is its result, whether or not the cut has been confirmed",
)
async def _(it: SenderPlay) -> None:
    segment, found = await unconfirmed(it)
    it.end_stream(segment, 480, interrupted=True, cause=1)
    await it.ends(segment, 480, interrupted=True)
    it.confirm(found.first, found.last)
    await it.goes_on()
    it.check_results(segment)


@case(
    "sender.interrupt.nothing_to_cut",
    "LW-INTERRUPT-1",
    why="a user may speak before the agent has said anything: there is no id yet that could be named",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    await it.fence()
    await it.attempt("interrupt", segment=None)
    await it.goes_on()
    it.none("interrupt")
    segment = await it.say(m.pcm(480))
    await it.arrives(segment, 480)
    it.end_stream(segment, 480)
    await it.ends(segment, 480, interrupted=False)


@case(
    "sender.interrupt.one_that_waits",
    "LW-INTERRUPT-11",
    "LW-INTERRUPT-8",
    "LW-INTERRUPT-1",
    why="an utterance that waits is not wanted any more: the others are said, and it never is",
    needs=("interrupt_one",),
)
async def _(it: SenderPlay) -> None:
    first, second, third = await one_under_way(it, 480, 480)
    await it.do("interrupt", segment=second)
    it.auto.add("consume")
    it.report(first)
    await it.arrives(first, 7_200, "LW-INTERRUPT-11")
    await it.expect("segment_end", segment=first, total=7_200, requirement="LW-INTERRUPT-11")
    await it.arrives(third, 480, "LW-INTERRUPT-11")
    await it.expect("segment_end", segment=third, total=480, requirement="LW-INTERRUPT-11")
    await it.fence()
    check_silent(it, second)
    for found in it.seen("interrupt"):
        alone = found.message.first == found.message.last == second
        it.check(alone, f"an interrupt of {second} alone, if any", f"{found.message}")
    it.none("event stream_ended", requirement="LW-STREAM-7")
    it.end_stream(first, 7_200)
    await it.ends(first, 7_200, interrupted=False)
    await it.ends(second, 0, interrupted=True, exact=None, requirement="LW-INTERRUPT-8")
    it.end_stream(third, 480)
    await it.ends(third, 480, interrupted=False)
    it.check_results(first, second, third)


@case(
    "sender.interrupt.one_that_waits_is_over_at_once",
    "LW-INTERRUPT-8",
    why="nobody reports the end of what was never sent: to wait for the time-out would hold up what is behind it",
    needs=("interrupt_one",),
    options={"limits": {"grace": 60_000}},
)
async def _(it: SenderPlay) -> None:
    first, second = await one_under_way(it, 480)
    await it.do("interrupt", segment=second)
    it.auto.add("consume")
    it.report(first)
    await it.arrives(first, 7_200)
    it.end_stream(first, 7_200)
    await it.ends(first, 7_200, interrupted=False)
    await it.ends(second, 0, interrupted=True, exact=None, requirement="LW-INTERRUPT-8")


@case(
    "sender.interrupt.one_in_the_middle",
    "LW-INTERRUPT-11",
    "LW-STREAM-7",
    why="one utterance of three is cut, and the others around it are heard in full",
    needs=("interrupt_one",),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    first, second = await it.say(m.pcm(960)), await it.say(m.pcm(960, 2))
    third = await it.open_segment()
    await it.write(third, m.pcm(480, 3))
    await it.arrives(third, 480)
    found = (await interrupt(it, second)).message
    it.check(found.first == found.last == second, f"an interrupt of {second} alone", f"{found}")
    it.end_stream(second, 0, interrupted=True, cause=1)
    await it.write(third, m.pcm(480, 4))
    await it.do("end", segment=third)
    await it.arrives(third, 960, "LW-INTERRUPT-11")
    await it.expect("segment_end", segment=third, total=960, requirement="LW-INTERRUPT-11")
    await it.fence()
    it.none("event stream_ended", requirement="LW-STREAM-7")
    it.end_stream(first, 960)
    await it.ends(first, 960, interrupted=False)
    await it.ends(second, 0, interrupted=True)
    it.end_stream(third, 960)
    await it.ends(third, 960, interrupted=False)
    it.check_results(first, second, third)


@case(
    "sender.interrupt.the_one_under_way",
    "LW-INTERRUPT-11",
    "LW-INTERRUPT-1",
    why="an agent skips what it is saying, and goes on with what it says next",
    needs=("interrupt_one",),
)
async def _(it: SenderPlay) -> None:
    first, second = await one_under_way(it, 960)
    found = await interrupt(it, first)
    named = found.message
    it.check(named.first == named.last == first, f"an interrupt of {first} alone", f"{named}")
    since = await after(it, found)
    await it.arrives(second, 960, "LW-INTERRUPT-11")
    await it.expect("segment_end", segment=second, total=960, requirement="LW-INTERRUPT-11")
    await it.fence()
    check_silent(it, first, since)


@case(
    "sender.interrupt.twice",
    "LW-INTERRUPT-2",
    "LW-INTERRUPT-12",
    why="users break in again: the second interrupt is one of its own, though the first was not confirmed",
)
async def _(it: SenderPlay) -> None:
    first, one = await unconfirmed(it)
    second = await it.say(m.pcm(960, 2))
    if await it.find("audio", segment=second, within=1.0) is None:
        it.confirm(one.first, one.last)  # it may wait for that, though it need not
    await it.arrives(second, 960)
    await it.do("interrupt", segment=None)
    other = (await it.expect("interrupt", where=lambda found: found.last == second)).message
    it.confirm(other.first, other.last)
    it.confirm(one.first, one.last)
    await it.goes_on("LW-INTERRUPT-12")
    it.end_stream(first, 480, interrupted=True, cause=1)
    it.end_stream(second, 240, interrupted=True, cause=1)
    await it.ends(first, 480, interrupted=True)
    await it.ends(second, 240, interrupted=True)
    it.check_results(first, second)


@case(
    "sender.interrupt.crosses_the_end",
    "LW-INTERRUPT-9",
    "LW-STREAM-5",
    why="a segment that was heard to its end while the interrupt was on its way was heard to its end",
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("cut")
    await it.open()
    segment = await it.say(m.pcm(960))
    await it.arrives(segment, 960)
    await it.expect("segment_end", segment=segment, total=960, requirement="LW-SEGMENT-5")
    found = (await interrupt(it)).message
    it.end_stream(segment, 960)
    it.confirm(found.first, found.last)
    await it.ends(segment, 960, interrupted=False, requirement="LW-INTERRUPT-9")
    it.send(m.stream_ended(segment, 480, True, 1))
    await it.goes_on("LW-STREAM-5")
    it.check_results(segment)


@case(
    "sender.interrupt.meets_the_end",
    "LW-INTERRUPT-9",
    why="the end of a stream and an interrupt come at the same moment: whichever is first, there is one result",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    said = []
    for seed in range(5):
        segment = await it.say(m.pcm(480, seed))
        said.append(segment)
        await it.arrives(segment, 480)
        await it.expect("segment_end", segment=segment, requirement="LW-SEGMENT-5")
        it.end_stream(segment, 480)
        await it.attempt("interrupt", segment=None)
        await it.ends(segment, 480, interrupted=False, requirement="LW-INTERRUPT-9")
    await it.goes_on()
    it.check_results(*said)
