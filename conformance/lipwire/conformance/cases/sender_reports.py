"""What a sender refuses, and what it ignores, of the reports that reach it (SPEC §9 to §11).

The first of two segments has samples that wait for credit: it is started, and the second is not.
"""

from collections.abc import Callable
from typing import Any, Final

from .. import messages as m
from ..case import case
from ..sender_play import FLOOR, SenderPlay

BEYOND: Final = FLOOR + 1
"""A position beyond what was sent, which is at most a window, and not beyond what was written."""
NEVER: Final = 1_000
"""Added to an id: one that was never opened."""


async def stand(it: SenderPlay) -> tuple[int, int]:
    """Have two segments said, of which the first waits for credit and the second has not been started."""
    it.auto -= {"consume", "cut"}
    await it.open(limits={"window": FLOOR})
    first, second = await it.say(m.pcm(7_200)), await it.say(m.pcm(480, 2))
    await it.arrives(first, 480)
    await it.settle()
    return first, second


def refused(name: str, requirement: str, code: str, why: str, report: Callable[[int, int], list[Any]]) -> None:
    """A report that contradicts what was sent."""

    @case(name, requirement, why=why, judged=False)
    async def _(it: SenderPlay) -> None:
        it.send(report(*await stand(it)))
        await it.closes(code)


def refused_cut(name: str, code: str, why: str, report: Callable[[int, int], list[Any]]) -> None:
    """The answer to an interrupt of everything that contradicts what was sent."""

    @case(name, "LW-INTERRUPT-12", why=why, judged=False)
    async def _(it: SenderPlay) -> None:
        first, second = await stand(it)
        await it.do("interrupt", segment=None)
        await it.expect("interrupt", first=first, requirement="LW-INTERRUPT-2")
        it.send(report(first, second))
        await it.closes(code)


refused(
    "sender.progress.received_beyond_sent", "LW-PROGRESS-4", "invalid_position",
    "credit for samples that were never sent would never be missed",
    lambda first, _: m.progress(first, BEYOND, 0),
)  # fmt: skip
refused(
    "sender.progress.highest_beyond_sent", "LW-PROGRESS-4", "invalid_position",
    "nothing can have arrived that was not sent",
    lambda first, _: m.progress(first, 0, 0, highest=BEYOND),
)  # fmt: skip
refused(
    "sender.progress.consumed_beyond_received", "LW-PROGRESS-4", "invalid_position",
    "what has not arrived can not have been handed out",
    lambda first, _: m.progress(first, 479, 480),
)  # fmt: skip
refused(
    "sender.progress.played_beyond_consumed", "LW-PROGRESS-4", "invalid_position",
    "what was not handed out can not have been heard",
    lambda first, _: m.progress(first, 480, 240, 241),
)  # fmt: skip
refused(
    "sender.progress.never_opened", "LW-PROGRESS-4", "invalid_segment",
    "a report of what does not exist shows that the peers do not mean the same session",
    lambda _, second: m.progress(second + NEVER, 0, 0),
)  # fmt: skip
refused(
    "sender.progress.not_started", "LW-PROGRESS-4", "invalid_segment",
    "the receiver can not know of a segment that waits at the sender",
    lambda _, second: m.progress(second, 0, 0),
)  # fmt: skip
refused(
    "sender.playback.started_never_opened", "LW-STREAM-6", "invalid_segment",
    "the beginning of what does not exist can not be heard",
    lambda _, second: m.stream_started(second + NEVER),
)  # fmt: skip
refused(
    "sender.playback.started_not_started", "LW-STREAM-6", "invalid_segment",
    "a segment that waits at the sender can not be heard",
    lambda _, second: m.stream_started(second),
)  # fmt: skip
refused(
    "sender.playback.ended_never_opened", "LW-STREAM-6", "invalid_segment",
    "what does not exist can not have been played",
    lambda _, second: m.stream_ended(second + NEVER, 0),
)  # fmt: skip
refused(
    "sender.playback.ended_not_started", "LW-STREAM-6", "invalid_segment",
    "a segment that waits at the sender can not have been played",
    lambda _, second: m.stream_ended(second, 0),
)  # fmt: skip
refused(
    "sender.playback.ended_beyond_sent", "LW-STREAM-6", "invalid_position",
    "an agent that believes it takes for heard what never left it",
    lambda first, _: m.stream_ended(first, BEYOND),
)  # fmt: skip
refused_cut(
    "sender.interrupt.cut_of_one_never_opened", "invalid_segment",
    "a cut of what does not exist shows that the peers do not mean the same session",
    lambda first, second: m.cut(first, second + NEVER),
)  # fmt: skip
refused_cut(
    "sender.interrupt.cut_lists_one_never_opened", "invalid_segment",
    "the receiver can not have handed out any of it",
    lambda first, second: m.cut(first, second, [[first, 0], [second + NEVER, 0]]),
)  # fmt: skip
refused_cut(
    "sender.interrupt.cut_lists_more_than_was_sent", "invalid_position",
    "an agent would take for handed out what never left it",
    lambda first, _: m.cut(first, first, [[first, BEYOND]]),
)  # fmt: skip
refused(
    "sender.interrupt.stray_cut_of_one_never_opened", "LW-INTERRUPT-12", "invalid_segment",
    "what confirms nothing is ignored, but not what shows that the peers do not mean the same session",
    lambda first, second: m.cut(first, second + NEVER),
)  # fmt: skip
refused(
    "sender.interrupt.stray_row_of_more_than_was_sent", "LW-INTERRUPT-12", "invalid_position",
    "nor what can not be, though its row counts for nothing",
    lambda first, second: m.cut(second, second, [[first, BEYOND]]),
)  # fmt: skip


async def go_on(it: SenderPlay, first: int, second: int, requirement: str) -> None:
    """Check that both segments are sent in full after all."""
    it.auto |= {"consume", "cut"}
    it.report(first)
    await it.arrives(first, 7_200, requirement)
    await it.arrives(second, 480, requirement)
    it.none("interrupt", requirement=requirement)


@case(
    "sender.interrupt.cut_that_confirms_nothing",
    "LW-INTERRUPT-12",
    why="a cut that nobody asked for, an answer to a repeat that came late say, harms no segment",
)
async def _(it: SenderPlay) -> None:
    first, second = await stand(it)
    it.send(m.cut(first, first, [[first, 0]]), m.cut(first, second, [[first, 480]]), m.cut(second, second))
    await it.goes_on()
    await go_on(it, first, second, "LW-INTERRUPT-12")


@case(
    "sender.interrupt.cut_twice",
    "LW-INTERRUPT-12",
    why="repeats are answered as well, so an interrupt is confirmed more than once",
)
async def _(it: SenderPlay) -> None:
    first, _ = await stand(it)
    await it.do("interrupt", segment=None)
    found = (await it.expect("interrupt", requirement="LW-INTERRUPT-2")).message
    for _ in range(3):
        it.confirm(found.first, found.last)
    await it.goes_on()
    third = await it.say(m.pcm(960, 3))
    await it.arrives(third, 960, "LW-INTERRUPT-12")
    it.confirm(found.first, found.last)
    it.end_stream(first, 0, interrupted=True, cause=1)
    await it.ends(first, 0, interrupted=True)
    await it.goes_on()


@case(
    "sender.progress.of_one_that_is_over",
    "LW-PROGRESS-4",
    why="on media a report may be overtaken by the end of the stream",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    first = await it.say(m.pcm(960))
    await it.arrives(first, 960)
    it.report(first, 960, 480)
    it.end_stream(first, 480, cause=2)
    await it.ends(first, 480, interrupted=False)
    it.send(m.progress(first, 960, 960, 960), m.progress(first, 480, 0), m.progress(first, 0, 0))
    await it.goes_on()
    second = await it.say(m.pcm(960, 2))
    await it.arrives(second, 960)
    it.check_results(first)


@case(
    "sender.progress.of_a_cut_one",
    "LW-PROGRESS-4",
    why="reports that were sent before the interrupt arrived come after it",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.say(m.pcm(960))
    await it.arrives(segment, 960)
    it.auto.discard("progress")
    await it.do("interrupt", segment=None)
    await it.expect("interrupt", requirement="LW-INTERRUPT-2")
    it.send(m.progress(segment, 960, 960, 480), m.progress(segment, 960, 480, 240))
    await it.goes_on()
    it.end_stream(segment, 480, interrupted=True, cause=1)
    await it.ends(segment, 480, interrupted=True)


@case(
    "sender.progress.older_played",
    "LW-PROGRESS-4",
    "LW-STREAM-8",
    why="reports overtake each other on media: what was heard once stays heard",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.say(m.pcm(960))
    await it.arrives(segment, 960)
    await it.expect("segment_end", requirement="LW-SEGMENT-5")
    it.report(segment, 960, 700)
    it.report(segment, 960, 300)
    it.report(segment, 960, None)
    it.end_stream(segment, None, interrupted=False, cause=2)
    said = await it.ends(segment, 700, interrupted=False, exact=False)
    it.check(said["position"] == 700, "the greatest of the positions reported as heard, 700", f"{said}")
