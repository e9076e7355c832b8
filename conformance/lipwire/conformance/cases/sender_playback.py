"""What a sender tells its user of how its segments were heard (SPEC §11)."""

import asyncio
from contextlib import suppress

from .. import messages as m
from ..case import case
from ..driver import HarnessError, Refused
from ..sender_play import FLOOR, SenderPlay


async def say(it: SenderPlay, samples: int = 960, seed: int = 1) -> int:
    """Have it say a segment, and wait until all of it has come."""
    segment = await it.say(m.pcm(samples, seed))
    await it.arrives(segment, samples)
    await it.expect("segment_end", segment=segment, total=samples, requirement="LW-SEGMENT-5")
    return segment


async def say_and_move(
    it: SenderPlay, samples: int, played: int, *, within: float, pause: float = 0.0
) -> tuple[int, float]:
    """Have it say a segment, and report a position before its time is over, which is so many seconds at the least.

    Gives its id, and when the report was sent. A machine on which that takes too long gets some more trials.
    """
    for seed in range(5):
        began = it.now()
        segment = await say(it, samples, seed)
        await asyncio.sleep(pause)
        moved = it.now()
        it.report(segment, samples, played)
        await it.fence()
        if it.now() - began < within:
            return segment, moved
        it.end_stream(segment, played, cause=2)
        await it.told("stream_ended", segment=segment)
    raise HarnessError(f"this machine is too slow to report something within {within:g} s")


@case(
    "sender.playback.heard_to_the_end",
    "LW-STREAM-5",
    "LW-STREAM-6",
    "LW-STREAM-7",
    why="the agent learns that what it said was heard",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await say(it)
    it.send(m.stream_started(segment))
    it.report(segment, 960, 480)
    await it.goes_on("LW-STREAM-6")
    it.none("event stream_ended", requirement="LW-STREAM-7")
    it.report(segment, 960, 960)
    it.end_stream(segment, 960)
    await it.ends(segment, 960, interrupted=False)
    it.check_results(segment)


@case(
    "sender.playback.causes",
    "LW-STREAM-5",
    why="an agent does other things after a failure than after a word that was heard; a cause of a later revision "
    "counts as a failure",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    words = []
    for seed, cause in enumerate((0, 2, 77)):
        segment = await say(it, seed=seed)
        it.end_stream(segment, 960 if cause == 0 else 480, cause=cause)
        said = await it.ends(segment, 960 if cause == 0 else 480, interrupted=False)
        words.append(said["cause"])
    played, failed, unknown = words
    it.check(failed != played, "another word for failed than for played", f"{failed!r}")
    it.check(unknown == failed, f"a cause that is not known counts as failed: {failed!r}", f"{unknown!r}")


@case(
    "sender.playback.position_not_known",
    "LW-STREAM-8",
    why="a renderer that gave up can not tell how far it was heard: what it last reported is a lower bound",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await say(it)
    it.report(segment, 960, 240)
    it.end_stream(segment, None, cause=2)
    await it.ends(segment, 240, interrupted=False, exact=False)
    segment = await say(it, seed=2)
    it.end_stream(segment, None, cause=2)
    await it.ends(segment, 0, interrupted=False, exact=False)


@case(
    "sender.playback.in_the_order_of_ids",
    "LW-STREAM-7",
    "LW-STREAM-5",
    why="an agent that goes by the order of results must not have to sort them",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    first, second, third = [await say(it, seed=seed) for seed in range(3)]
    it.end_stream(third, 0, cause=2)
    it.end_stream(second, 480, cause=2)
    await it.fence()
    it.none("event stream_ended")
    it.end_stream(first, 960)
    await it.ends(first, 960, interrupted=False)
    await it.ends(second, 480, interrupted=False)
    await it.ends(third, 0, interrupted=False)
    it.check_results(first, second, third)


@case(
    "sender.playback.the_first_result_stands",
    "LW-STREAM-5",
    "LW-STREAM-7",
    why="a second end of a stream changes nothing: the agent has acted on the first",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    first, second = await say(it), await say(it, seed=2)
    it.end_stream(second, 480, cause=2)
    it.send(m.stream_ended(second, 960, False, 0))
    it.end_stream(first, 960)
    it.send(m.stream_ended(first, 480, True, 1))
    await it.ends(first, 960, interrupted=False)
    await it.ends(second, 480, interrupted=False)
    it.send(m.stream_ended(first, 240, False, 2), m.stream_ended(second, 960, False, 0))
    await it.goes_on()
    it.check_results(first, second)


@case(
    "sender.playback.no_report_in_time",
    "LW-STREAM-7",
    "LW-STREAM-8",
    why="a renderer that hangs must not keep the agent waiting for ever",
    options={"limits": {"grace": 100}},
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0})
    segment = await it.say(m.pcm(960))
    await it.ends(segment, 0, interrupted=True, exact=False)
    found = (await it.expect("interrupt", requirement="LW-STREAM-7")).message
    it.check(found.first == found.last == segment, f"segment {segment} is cut", f"{found}", "LW-STREAM-7")
    await it.fence()
    it.end_stream(segment, 0, interrupted=True, cause=1)
    await it.goes_on("LW-STREAM-5")
    following = await it.say(m.pcm(960, 2))
    await it.expect("segment_start", segment=following)
    it.check_results(segment)


@case(
    "sender.playback.not_too_soon",
    "LW-STREAM-7",
    "LW-STREAM-8",
    why="a long segment takes its time: the receiver has all that the rest takes to play, and the grace, and the "
    "cooldown",
    options={"limits": {"grace": 300}},
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 200})
    segment, moved = await say_and_move(it, 12_000, 2_400, within=0.9)
    await it.ends(segment, 2_400, interrupted=True, exact=False)
    waited = it.now() - moved
    it.check(waited >= 0.9, "0.4 s to play, 0.3 s of grace and 0.2 s of cooldown after a report", f"{waited:.3f} s")


@case(
    "sender.playback.no_report_of_a_cut",
    "LW-STREAM-7",
    "LW-STREAM-8",
    why="an agent that has interrupted waits for how far it was heard, but not for ever",
    options={"limits": {"grace": 1_000}},
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 200})
    segment, _ = await say_and_move(it, 4_800, 240, within=1.3)
    at = it.now()
    await it.do("interrupt", segment=None)
    await it.expect("interrupt", requirement="LW-INTERRUPT-2")
    await it.ends(segment, 240, interrupted=True, exact=False)
    waited = it.now() - at
    it.check(waited >= 1.2, "1 s of grace and 0.2 s of cooldown after the interrupt", f"{waited:.3f} s")
    it.end_stream(segment, 480, interrupted=True, cause=1)
    await it.goes_on("LW-STREAM-5")
    it.once("event stream_ended", segment=segment, requirement="LW-STREAM-7")


@case(
    "sender.playback.nothing_is_consumed",
    "LW-STREAM-7",
    why="a receiver that takes samples and never reports them would stop a segment that is still being written",
    options={"limits": {"grace": 100}},
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("progress")
    await it.open(limits={"cooldown": 0})
    segment = await it.open_segment()
    await it.write(segment, m.pcm(480))
    await it.ends(segment, 0, interrupted=True, exact=False)
    found = await it.expect("interrupt", first=segment, last=segment, requirement="LW-STREAM-7")
    since = found.index + 1 if it.kind == "websocket" else await it.settle()
    with suppress(Refused):
        await it.write(segment, m.pcm(480, 2))
        await it.do("end", segment=segment)
    await it.fence()
    it.none("audio", segment=segment, since=since, requirement="LW-INTERRUPT-1")
    it.none("segment_end", segment=segment, requirement="LW-INTERRUPT-1")
    it.check_results(segment)


@case(
    "sender.playback.no_report_of_several",
    "LW-STREAM-7",
    why="each ends, in its turn, however many wait",
    options={"limits": {"grace": 100}},
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0})
    said = [await it.say(m.pcm(480, seed)) for seed in range(3)]
    for segment in said:
        await it.ends(segment, 0, interrupted=True, exact=False)
        await it.expect("interrupt", where=lambda found, s=segment: found.first <= s <= found.last)  # type: ignore[misc]
    await it.fence()
    it.check_results(*said)


@case(
    "sender.playback.no_report_still_takes_room",
    "LW-STREAM-7",
    "LW-SEGMENT-4",
    why="a segment that the sender has given up on is still there at the receiver, until its stream ends",
    options={"limits": {"grace": 100}},
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0, "segments": 4})
    said = [await it.say(m.pcm(480, seed)) for seed in range(4)]
    for segment in said:
        await it.ends(segment, 0, interrupted=True, exact=False)
    with suppress(Refused):
        await it.say(m.pcm(480, 5))
    await it.settle()
    count = len(it.seen("segment_start"))
    it.check(count == 4, "four segments were started", f"{count} were", "LW-SEGMENT-4")
    it.end_stream(said[0], 0, interrupted=True, cause=1)
    await it.fence()
    await it.say(m.pcm(480, 6))
    await it.expect("segment_start", where=lambda start: start.segment not in said)
    results = len(it.seen("event stream_ended", segment=said[0]))
    it.check(results == 1, f"one result of segment {said[0]}", f"{results}", "LW-STREAM-7")


@case(
    "sender.playback.time_starts_anew",
    "LW-STREAM-7",
    why="a renderer that is slow, and goes on, is given time",
    options={"limits": {"grace": 1_000}},
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0})
    segment, moved = await say_and_move(it, 480, 240, within=1.0, pause=0.4)
    await it.ends(segment, 240, interrupted=True, exact=False)
    waited = it.now() - moved
    it.check(waited >= 1.0, "1 s of grace after the last position that moved", f"{waited:.3f} s")


@case(
    "sender.playback.nothing_to_report",
    "LW-STREAM-7",
    why="a segment that waits for its next words is not given up on: all of it has been consumed",
    options={"limits": {"grace": 1_000}},
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0})
    segment = await it.open_segment()
    await it.write(segment, m.pcm(480))
    await it.arrives(segment, 480)
    it.report(segment)
    await it.fence()
    await asyncio.sleep(1.2)
    await it.fence()
    it.none("event stream_ended")
    it.none("interrupt")
    await it.write(segment, m.pcm(480, 2))
    await it.do("end", segment=segment)
    await it.arrives(segment, 960)
    it.end_stream(segment, 960)
    await it.ends(segment, 960, interrupted=False)


@case(
    "sender.playback.paused",
    "LW-STREAM-7",
    "LW-PAUSE-3",
    why="what is held is not late",
    features=("pause",),
    options={"limits": {"grace": 200}},
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0})
    await it.fence()  # the session is open there, too
    await it.do("pause")
    await it.expect("pause", requirement="LW-PAUSE-3")
    segment = await say(it)
    await asyncio.sleep(0.6)
    await it.fence()
    it.none("event stream_ended")
    it.none("interrupt")
    at = it.now()
    await it.do("unpause")
    await it.ends(segment, 0, interrupted=True, exact=False)
    waited = it.now() - at
    it.check(waited >= 0.2, "0.2 s of grace after the pause", f"{waited:.3f} s", "LW-PAUSE-3")


@case(
    "sender.playback.transport_lost",
    "LW-STREAM-7",
    why="while there is no transport no report can come",
    features=("resume",),
    options={"limits": {"grace": 1_000}},
    transports=("websocket",),
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0})
    segment = await say(it)
    it.drop()
    await it.connect()
    await asyncio.sleep(1.3)
    await it.do("fence")
    it.none("event stream_ended")
    await it.take_hello()
    it.welcome(state=[it.taken, [[segment, 960, 960, None]]])
    await it.fence()
    it.end_stream(segment, 960)
    await it.ends(segment, 960, interrupted=False, requirement="LW-STREAM-7")
    it.check_results(segment)


@case(
    "sender.playback.closed",
    "LW-CLOSE-4",
    "LW-STREAM-7",
    "LW-STREAM-8",
    why="the renderer goes away: every segment ends, and the agent is told of each",
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("consume")
    await it.open(limits={"window": FLOOR})
    done = await say(it, 480)
    it.end_stream(done, 480)
    await it.ends(done, 480, interrupted=False)
    first, second = await it.say(m.pcm(7_200)), await it.say(m.pcm(480, 2))
    third = await it.open_segment()
    await it.write(third, m.pcm(480, 3))
    await it.arrives(first, 480)
    it.report(first, 480, 240)
    await it.settle()
    it.send(m.close(1, "bye"))
    said = await it.ends(first, 240, interrupted=True, exact=False, requirement="LW-CLOSE-4")
    it.check(not said["exact"], "a lower bound", f"{said}", "LW-STREAM-8")
    await it.ends(second, 0, interrupted=True, exact=None, requirement="LW-CLOSE-4")
    await it.ends(third, 0, interrupted=True, exact=None, requirement="LW-CLOSE-4")
    it.check_results(done, first, second, third)


@case(
    "sender.playback.closed_after_an_interrupt",
    "LW-CLOSE-4",
    "LW-STREAM-8",
    why="a cut segment whose stream has not ended ends with the session, as interrupted",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await say(it)
    it.report(segment, 960, 480)
    await it.do("interrupt", segment=None)
    await it.expect("interrupt", requirement="LW-INTERRUPT-2")
    await it.fence()
    it.send(m.close(0))
    said = await it.ends(segment, 480, interrupted=True, exact=False, requirement="LW-CLOSE-4")
    it.check(not said["exact"], "a lower bound", f"{said}", "LW-STREAM-8")
    it.check_results(segment)


@case(
    "sender.playback.transport_ends",
    "LW-RESUME-12",
    "LW-STREAM-7",
    "LW-STREAM-8",
    why="a crash of the renderer ends every segment as well",
    transports=("websocket",),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    first, second = await say(it), await say(it, seed=2)
    it.report(first, 960, 480)
    await it.fence()
    it.drop()
    await it.ends(first, 480, interrupted=None, exact=False)
    await it.ends(second, 0, interrupted=None, exact=False)
    closed = await it.told("closed", requirement="LW-RESUME-12")
    it.check(closed["code"] == 52, "peer_gone", f"{closed}", "LW-RESUME-12")
    it.check_results(first, second)
