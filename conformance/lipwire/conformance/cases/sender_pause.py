"""Pause at a sender: what it says, and what goes on meanwhile (SPEC §12)."""

import asyncio
from typing import Final

from .. import messages as m
from ..case import case
from ..sender_play import SenderPlay

PAUSE: Final = ("pause",)


async def _pause(it: SenderPlay) -> int:
    """Pause, and wait until the receiver is told; gives where that is."""
    await it.fence()  # the session is open there, too
    await it.do("pause")
    return (await it.expect("pause", requirement="LW-PAUSE-3")).index


def _told(it: SenderPlay, since: int = 0) -> list[str]:
    """The pauses and unpauses that have come, in order."""
    return [e.name for e in it.trace[since:] if e.by is it.role and e.name in ("pause", "unpause")]


@case(
    "sender.pause.goes_on_receiving",
    "LW-PAUSE-3",
    "LW-STREAM-7",
    why="reports that were on their way come while paused: the user is told of them as at other times",
    features=("pause", "marks"),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    first, second = await it.whole(), await it.whole(480, 2)
    await it.do("mark", segment=first, position=480, name="middle")
    await it.expect("mark", requirement="LW-PAUSE-3")
    await _pause(it)
    it.send(m.stream_started(first))
    await it.told("stream_started", segment=first)
    it.report(first, 960, 480)
    it.send(m.mark_reached(first, "middle"))
    await it.told("mark_reached", segment=first, name="middle")
    it.end_stream(first, 960)
    await it.ends(first, 960, interrupted=False, requirement="LW-PAUSE-3")
    await it.goes_on()
    await it.do("unpause")
    await it.expect("unpause")
    it.end_stream(second, 480)
    await it.ends(second, 480, interrupted=False)
    it.check_results(first, second)


@case(
    "sender.pause.goes_on_sending",
    "LW-PAUSE-3",
    why="a pause holds playback: what is there by the end of it needs no time then",
    features=PAUSE,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    first = await it.whole()
    await _pause(it)
    second = await it.say(m.pcm(480, 2))
    await it.arrives(second, 480, "LW-PAUSE-3")
    await it.expect("segment_end", segment=second, total=480, requirement="LW-PAUSE-3")
    await it.do("unpause")
    await it.expect("unpause")
    for segment, total in ((first, 960), (second, 480)):
        it.end_stream(segment, total)
        await it.ends(segment, total, interrupted=False)


@case(
    "sender.pause.turns",
    "LW-PAUSE-2",
    why="a false alarm: held, and let go on, several times; changes that a later one has overtaken may be left out",
    features=PAUSE,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    await it.fence()
    for name in ("pause", "unpause", "pause", "unpause"):
        await it.do(name)
        await it.expect(name)
    for name in ("pause", "pause", "unpause", "pause", "unpause", "unpause", "pause", "unpause"):
        await it.do(name)
    await it.whole()
    await it.fence()
    told = _told(it)
    it.check(told[-1] == "unpause", "the last that is said is unpause", f"{told}")
    since = len(it.trace)
    await it.do("pause")
    await it.expect("pause", since=since)


@case(
    "sender.pause.interrupt_ends_it",
    "LW-PAUSE-2",
    "LW-PAUSE-3",
    "LW-INTERRUPT-8",
    why="the user broke in for good: what was held is cut, and the answer must not be held as well",
    features=PAUSE,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    first, second = await it.whole(), await it.whole(480, 2)
    since = await _pause(it)
    await it.do("interrupt", segment=None)
    found = await it.expect("interrupt", requirement="LW-PAUSE-3")
    named = found.message
    it.check(named.first <= first and second <= named.last, f"both are cut: {first}, {second}", f"{named}")
    freed = await it.expect("unpause")
    it.check(found.index < freed.index, "the interrupt first, and then unpause", "the other way round")
    third = await it.whole(480, 3)
    told = _told(it, since)
    it.check(told[-1] == "unpause", "not paused any more", f"{told}")
    it.end_stream(first, 240, interrupted=True, cause=1)
    it.end_stream(second, 0, interrupted=True, cause=1)
    await it.ends(first, 240, interrupted=True, requirement="LW-INTERRUPT-8")
    await it.ends(second, 0, interrupted=True, requirement="LW-INTERRUPT-8")
    it.end_stream(third, 480)
    await it.ends(third, 480, interrupted=False)


@case(
    "sender.pause.timers_go_on_after_it",
    "LW-PAUSE-3",
    "LW-STREAM-7",
    why="a pause that comes and goes neither uses up the time for a report nor takes the timer away",
    features=PAUSE,
    options={"limits": {"grace": 300}},
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0})
    await _pause(it)
    segment = await it.whole(480)
    for _ in range(3):
        await it.do("unpause")
        await it.do("pause")
        await asyncio.sleep(0.2)
    await it.fence()
    it.none("event stream_ended", requirement="LW-PAUSE-3")
    await it.do("unpause")
    await it.ends(segment, 0, interrupted=True, exact=False)
    await it.expect("interrupt", first=segment, last=segment, requirement="LW-STREAM-7")


@case(
    "sender.pause.resumed",
    "LW-PAUSE-3",
    "LW-STREAM-7",
    why="a resume changes nothing about it: neither is it let go on, nor does the time for a report run",
    features=("pause", "resume"),
    options={"limits": {"grace": 200}},
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0})
    since = await _pause(it)
    segment = await it.whole(480)
    await it.fence()
    it.drop()
    await it.reopen()
    await it.fence()
    await asyncio.sleep(0.5)
    await it.fence()
    it.none("unpause", since=since)
    it.none("event stream_ended")
    at = it.now()
    await it.do("unpause")
    await it.expect("unpause")
    await it.ends(segment, 0, interrupted=True, exact=False)
    it.check(it.now() - at >= 0.2, "0.2 s of grace after it", f"{it.now() - at:.3f} s")


@case(
    "sender.pause.while_lost",
    "LW-PAUSE-3",
    "LW-RESUME-8",
    why="the user says wait while there is no network: the receiver is told with the resume",
    features=("pause", "resume"),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.whole()
    await it.fence()
    it.drop()
    await it.do("pause")
    await it.reopen()
    await it.expect("pause", requirement="LW-RESUME-8")
    await it.fence()
    it.drop()
    it.step("and so when it goes on")
    await it.do("unpause")
    since = len(it.trace)
    await it.reopen()
    await it.expect("unpause", requirement="LW-RESUME-8")
    await it.fence()
    told = _told(it, since)
    it.check(told[-1] == "unpause", "it goes on", f"{told}", "LW-PAUSE-3")
    it.end_stream(segment, 960)
    await it.ends(segment, 960, interrupted=False)


@case(
    "sender.pause.repairs",
    "LW-PAUSE-3",
    "LW-REPAIR-3",
    why="what was lost is sent again in a pause as well: after it there is no time left for that",
    features=("pause", "repair"),
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"progress", "nack"}
    await it.open()
    segment = await it.whole(2_400)
    await _pause(it)
    await it.sent_again(segment, [480, 960], requirement="LW-PAUSE-3")
    await it.sent_again(segment, [0, 2_400])


@case(
    "sender.pause.not_chosen",
    "LW-REGISTRY-1",
    why="a receiver that can not hold playback is not asked to",
    needs=PAUSE,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    await it.fence()
    await it.attempt("pause")
    await it.attempt("unpause")
    segment = await it.whole()
    await it.fence()
    it.none("pause")
    it.none("unpause")
    it.end_stream(segment, 960)
    await it.ends(segment, 960, interrupted=False)
