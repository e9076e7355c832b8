"""Pause at a receiver: what is held back, and what goes on (SPEC §12)."""

from typing import Any, Final

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay

PAUSE: Final = ("pause",)
LASTS: Final = {"limits": {"resume": 60_000}}


async def _pause(it: ReceiverPlay) -> int:
    """Pause, and wait until the consumer was told; gives where that is."""
    it.send(m.pause())
    await it.told("paused", requirement="LW-PAUSE-1")
    return await it.fence()


def _nothing(it: ReceiverPlay, since: int) -> None:
    """Check that neither samples nor ends were handed out."""
    it.none("event audio", since=since, requirement="LW-PAUSE-1")
    it.none("event segment_end", since=since, requirement="LW-PAUSE-1")


@case(
    "receiver.pause.holds_samples_and_ends",
    "LW-PAUSE-1",
    "LW-PAUSE-3",
    why="the user asks to wait: playback stands where it is, speech goes on arriving, and nothing is lost",
    features=PAUSE,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(4_800)
    it.send(m.segment_start(1))
    it.send_audio(1, pcm[:960])
    await it.heard(1, pcm[:960])
    at = await _pause(it)
    it.send_audio(1, pcm[960:], position=480)
    it.send(m.segment_end(1, 4_800))
    it.say(2, m.pcm(480, 2))
    await it.reported(1, received=4_800, requirement="LW-PAUSE-3")
    await it.reported(2, received=480, requirement="LW-PAUSE-3")
    await it.fence()
    _nothing(it, at)
    consumed = max(entry.message.consumed for entry in it.seen("progress", segment=1))
    it.check(consumed == 480, "consumed 480 all the while", f"{consumed}", "LW-PAUSE-3")
    it.send(m.unpause())
    await it.told("unpaused")
    await it.heard(1, pcm[960:], start=480)
    await it.told("segment_end", segment=1, total=4_800)
    await it.heard(2, m.pcm(480, 2))
    await it.told("segment_end", segment=2, total=480)
    await it.fence()
    it.handed_whole(1, 2, requirement="LW-PAUSE-1")


@case(
    "receiver.pause.holds_an_end",
    "LW-PAUSE-1",
    why="the end of a segment is held back as well when all its samples were handed out before",
    features=PAUSE,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.say(1, m.pcm(480), end=False)
    await it.heard(1, m.pcm(480))
    at = await _pause(it)
    it.send(m.segment_end(1, 480))
    await it.fence()
    _nothing(it, at)
    it.send(m.unpause())
    await it.told("segment_end", segment=1, total=480)


@case(
    "receiver.pause.before_all_else",
    "LW-PAUSE-1",
    why="a session may be paused before anything was said",
    features=PAUSE,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    at = await _pause(it)
    it.say(1, m.pcm(480))
    await it.reported(1, received=480)
    await it.fence()
    _nothing(it, at)
    it.send(m.unpause())
    await it.heard(1, m.pcm(480))
    await it.told("segment_end", segment=1, total=480)


@case(
    "receiver.pause.repeated",
    "LW-PAUSE-1",
    why="a pause while paused, and an unpause while not, are ignored: they do not count",
    features=PAUSE,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.unpause())
    await it.fence()
    it.none("event unpaused")
    it.none("event paused")
    at = await _pause(it)
    it.send(m.pause(), m.pause())
    it.say(1, m.pcm(480))
    await it.reported(1, received=480)
    await it.fence()
    _nothing(it, at)
    it.send(m.unpause())
    await it.told("unpaused")
    await it.heard(1, m.pcm(480))
    it.send(m.unpause())
    await it.whole(2)
    it.once("event paused")
    it.once("event unpaused")


@case(
    "receiver.pause.interrupt",
    "LW-PAUSE-3",
    "LW-INTERRUPT-4",
    "LW-INTERRUPT-7",
    "LW-PAUSE-1",
    why="an interrupt is applied at once while paused; what follows it waits for the unpause",
    features=PAUSE,
    options={"limits": {"cooldown": 0}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(960)
    it.say(1, pcm[:960], end=False)
    await it.heard(1, pcm[:960])
    at = await _pause(it)
    it.send_audio(1, pcm[960:], position=480)
    it.send(m.segment_end(1, 960))
    it.say(2, m.pcm(480, 2))
    await it.reported(2, received=480, requirement="LW-PAUSE-3")
    answer: Any = (await it.cut(1, 2, requirement="LW-PAUSE-3")).message
    rows = sorted(list(row) for row in answer.consumed)
    it.check(rows == [[1, 480], [2, 0]], "[[1, 480], [2, 0]] as what was handed out", f"{rows}", "LW-INTERRUPT-4")
    await it.told("interrupted", where=lambda told: 1 in told["segments"], requirement="LW-PAUSE-3")
    await it.ended(2, 0, interrupted=True, cause=1, requirement="LW-INTERRUPT-7")
    await it.finish(1, 240, interrupted=True)
    await it.ended(1, 240, interrupted=True, cause=1, requirement="LW-INTERRUPT-7")
    it.say(3, m.pcm(480, 3))
    await it.reported(3, received=480, requirement="LW-PAUSE-3")
    await it.fence()
    _nothing(it, at)
    it.send(m.unpause())
    await it.heard(3, m.pcm(480, 3))
    await it.told("segment_end", segment=3, total=480)


@case(
    "receiver.pause.reports",
    "LW-PAUSE-3",
    why="what the consumer says while paused goes to the sender as at other times",
    features=PAUSE,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.whole(2)
    await _pause(it)
    await it.do("stream_started", segment=1)
    await it.expect("stream_started", segment=1)
    await it.do("played", segment=1, position=240)
    await it.reported(1, played=240, requirement="LW-PAUSE-3")
    await it.finish(1, 480)
    await it.ended(1, 480)
    await it.goes_on()


@case(
    "receiver.pause.overtaken",
    "LW-PAUSE-1",
    why="pause and unpause in one breath leave the session as it was",
    features=PAUSE,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for segment in (1, 2, 3):
        it.send(m.pause(), m.unpause())
        it.say(segment, m.pcm(480, segment))
        it.send(m.pause(), m.unpause(), m.pause(), m.unpause())
    for segment in (1, 2, 3):
        await it.heard(segment, m.pcm(480, segment))
        await it.told("segment_end", segment=segment, total=480)
    await it.fence()
    it.handed_whole(1, 2, 3, requirement="LW-PAUSE-1")


@case(
    "receiver.pause.repair",
    "LW-PAUSE-3",
    "LW-REPAIR-1",
    why="what is missing is asked for while paused, so that all is there when it goes on",
    features=("pause", "repair"),
    options={"limits": {"repair_timeout": 60_000}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await _pause(it)
    pcm = m.pcm(1_440)
    it.send(m.segment_start(1))
    for start in (0, 480, 960):
        it.send_audio(1, pcm[start * 2 : start * 2 + 960], position=start, lost=start == 480)
    it.send(m.segment_end(1, 1_440))
    await it.expect("nack", segment=1, requirement="LW-REPAIR-1")
    await it.reported(1, received=1_440, requirement="LW-PAUSE-3")
    it.send(m.unpause())
    await it.heard(1, pcm)


@case(
    "receiver.pause.resumed",
    "LW-PAUSE-3",
    "LW-PAUSE-1",
    why="a resume changes nothing about it: what was paused is paused, and is heard only when it is said",
    features=("pause", "resume"),
    options=LASTS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    at = await _pause(it)
    it.say(1, m.pcm(480))
    await it.reported(1, received=480)
    it.drop()
    await it.resume()
    it.say(2, m.pcm(480, 2))
    await it.reported(2, received=480, requirement="LW-PAUSE-3")
    await it.fence()
    _nothing(it, at)
    it.none("event unpaused", requirement="LW-PAUSE-3")
    it.send(m.unpause())
    await it.heard(1, m.pcm(480), requirement="LW-PAUSE-3")
    await it.heard(2, m.pcm(480, 2), requirement="LW-PAUSE-3")
    it.once("event unpaused", requirement="LW-PAUSE-3")


@case(
    "receiver.pause.unpaused_by_the_resume",
    "LW-PAUSE-3",
    "LW-CONTROL-2",
    why="an unpause that was lost with the transport is sent again, and takes effect then",
    features=("pause", "resume"),
    options=LASTS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await _pause(it)
    it.say(1, m.pcm(480))
    await it.reported(1, received=480, requirement="LW-PAUSE-3")
    it.drop()
    it.numbers += 1
    it.unacknowledged[it.numbers] = m.unpause()
    await it.resume()
    await it.told("unpaused", requirement="LW-CONTROL-2")
    await it.heard(1, m.pcm(480))
