"""What comes together at a receiver: a cut and late reports, a gap and a pause, a resume and what was under way."""

import asyncio
from typing import Any, Final

from .. import messages as m
from ..case import case
from ..checking import PATIENCE
from ..driver import HarnessError
from ..receiver_play import ReceiverPlay
from . import of_both_roles

RESUME: Final = ("resume",)
LASTS: Final = {"resume": 60_000}
NO_CONCEALING: Final = {"repair_timeout": 60_000}
LONG: Final = 5.0
"""The longest cooldown that there is."""


async def _gap(it: ReceiverPlay, segment: int) -> bytes:
    """Send a segment without its first 480 samples; gives all of them."""
    pcm = m.pcm(960, segment)
    it.send(m.segment_start(segment))
    it.send_audio(segment, pcm[960:], position=480)
    it.send(m.segment_end(segment, 960))
    await it.reported(segment, highest=960)
    return pcm


async def _filled(it: ReceiverPlay, segment: int, pcm: bytes) -> None:
    """Send what was missing, and wait until it has arrived."""
    it.send_audio(segment, pcm[:960])
    await it.reported(segment, received=960)


# -- a cut, and what the consumer says after it ----------------------------------------------------------------


@case(
    "receiver.interrupt.repeats_do_not_put_off_the_end",
    "LW-INTERRUPT-7",
    why="an interrupt is repeated until its cut arrives: the grace runs from the first, or a segment never ends",
    options={"limits": {"grace": 1_000}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.do("played", segment=1, position=240)
    await it.cut(1)
    until = it.now() + PATIENCE * it.patience
    while not it.seen("stream_ended", segment=1) and it.now() < until:
        it.send(m.interrupt(1))
        await asyncio.sleep(0.05)
    it.require(bool(it.seen("stream_ended", segment=1)), "its end, while the interrupt is repeated", it.lately())
    await it.ended(1, 240, interrupted=True, cause=1)


@case(
    "receiver.interrupt.heard_after_the_cut",
    "LW-INTERRUPT-7",
    why="a consumer goes on playing for a moment after a cut: what it reports then was heard as well",
    options={"limits": {"grace": 500}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for segment in range(1, 6):
        await it.whole(segment, 960)
        await it.do("played", segment=segment, position=240)
        cut_at = it.now()
        await it.cut(segment)
        await it.do("played", segment=segment, position=480)
        await it.do("fence")
        if it.now() - cut_at < 0.5:
            await it.ended(segment, 480, interrupted=True, cause=1)
            return
        await it.expect("stream_ended", segment=segment)
    raise HarnessError("this machine is too slow to report something within 0.5 s")


@case(
    "receiver.playback.started_after_the_cut",
    "LW-STREAM-1",
    why="a report of the first sample may cross the interrupt: it was heard, and its end has not been reported yet",
    options={"limits": {"grace": 60_000}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.cut(1)
    await it.do("stream_started", segment=1)
    await it.expect("stream_started", segment=1)
    await it.finish(1, 240, interrupted=True)
    end = await it.ended(1, 240, interrupted=True, cause=1, requirement="LW-STREAM-1")
    await it.fence()
    it.none("stream_started", since=end.index)


@case(
    "receiver.playback.heard_to_the_end_is_not_over",
    "LW-STREAM-2",
    why="a consumer that tells of the last sample may still say that it failed, and says itself when it is done",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.do("played", segment=1, position=480)
    await it.fence()
    it.none("stream_ended")
    await it.finish(1, 480)
    await it.ended(1, 480)
    await it.fence()
    it.once("stream_ended", segment=1)


# -- nothing is concealed while the consumer does not wait -----------------------------------------------------


@case(
    "receiver.repair.not_concealed_in_a_pause",
    "LW-PAUSE-3",
    "LW-REPAIR-7",
    why="a consumer that holds playback waits for no sample: what is missing has the length of the pause to come",
    features=("repair", "pause"),
    options={"limits": {"repair_timeout": 100}},
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")
    await it.open()
    it.send(m.pause())
    await it.told("paused")
    pcm = await _gap(it, 1)
    await asyncio.sleep(0.4)
    await _filled(it, 1, pcm)
    it.send(m.unpause())
    await it.heard(1, pcm, requirement="LW-REPAIR-7")
    it.none("event audio", concealed=True)


@case(
    "receiver.repair.not_concealed_in_the_cooldown",
    "LW-REPAIR-7",
    why="while the consumer resets it waits for no sample either",
    features=("repair",),
    needs=("reset",),
    options={"limits": {"repair_timeout": 100, "cooldown": 5_000, "grace": 60_000}},
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")
    await it.open()
    await it.whole(1)
    cut_at = it.now()
    await it.cut(1)
    pcm = await _gap(it, 2)
    await asyncio.sleep(0.4)
    await _filled(it, 2, pcm)
    filled = it.now()
    await it.do("reset")
    if filled - cut_at < LONG:  # or it was waited for after all, on this machine
        await it.heard(2, pcm)
        it.none("event audio", concealed=True)


# -- a resume, and what was under way --------------------------------------------------------------------------


@case(
    "receiver.resume.asks_for_a_gap_again",
    "LW-REPAIR-1",
    "LW-RESUME-7",
    why="what was missing when the transport was lost is still missing, and the nacks were lost with it",
    features=("repair", "resume"),
    options={"limits": {**LASTS, **NO_CONCEALING}},
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")
    await it.open()
    pcm = await _gap(it, 1)
    it.drop()
    since = len(it.trace)
    welcome: Any = (await it.resume()).message
    rows = [list(row) for row in welcome.state[1]]
    it.check(rows == [[1, 0, 0, None]], "state: segment 1 at 0, 0, nil", f"{rows}", "LW-RESUME-7")

    def asked() -> set[int]:
        nacks = (entry.message for entry in it.seen("nack", since=since, segment=1))
        return {at for nack in nacks for gap in nack.missing for at in range(*gap)}

    await it.until(lambda: asked() >= set(range(480)), "nacks of segment 1 for 0 to 480", "LW-REPAIR-1")
    await _filled(it, 1, pcm)
    await it.heard(1, pcm)


@case(
    "receiver.resume.the_cooldown_goes_on",
    "LW-COOLDOWN-1",
    why="the network has nothing to do with how long the consumer takes to reset",
    features=RESUME,
    needs=("reset",),
    options={"limits": {**LASTS, "cooldown": 5_000, "grace": 60_000}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    cut_at = it.now()
    await it.cut(1)
    it.drop()
    await it.resume()
    pcm = m.pcm(960, 2)
    it.say(2, pcm)
    await it.reported(2, received=960)
    await it.fence()
    begun = it.seen("event segment_start", segment=2)
    held = not begun or begun[0].at - cut_at >= LONG * 0.99  # a machine may be that slow
    it.check(held, "segment 2 held back", "its beginning was handed out")
    await it.do("reset")
    await it.heard(2, pcm)


@case(
    "receiver.resume.hello_repeated",
    "LW-OPEN-9",
    why="the hello that resumes may be repeated as the first one may, and has the same answer",
    features=RESUME,
    options={"limits": LASTS},
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.goes_on()
    it.drop()
    first = await it.resume()
    hello = [entry for entry in it.trace if entry.name == "hello"][-1]
    for when in ("at once", "in use"):
        it.send_exactly(hello.data)
        repeat = await it.expect("welcome")
        it.check(repeat.data == first.data, f"{when}: the same welcome", f"{repeat.data!r} after {first.data!r}")
        await it.goes_on()


@case(
    "receiver.resume.progress_repeated",
    "LW-PROGRESS-5",
    why="a segment that was live before the loss is live after it, and its reports may be lost there, too",
    features=RESUME,
    options={"limits": LASTS},
    transports=("webrtc",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.say(1, m.pcm(480), end=False)
    await it.reported(1, received=480)
    it.drop()
    since = len(it.trace)
    await it.resume()
    await it.until(lambda: len(it.seen("progress", since=since, segment=1)) >= 3, "progress of segment 1, three times")


@case(
    "receiver.resume.first_of_a_later_generation",
    "LW-CLOSE-5",
    why="a sender whose first tries came to nothing counts them: the first hello that arrives may be its third",
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.connect()
    it.send_exactly(m.hello(it.session, features=it.offered(), generation=3))
    await it.expect("welcome", generation=3)
    await it.goes_on()


# -- silence ---------------------------------------------------------------------------------------------------


@case(
    "receiver.liveness.audio_counts",
    "LW-LIVE-3",
    why="audio has a way of its own through most implementations, and shows that its sender is there as well",
    options={"limits": {"keepalive": 300}},
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    def speak(other: ReceiverPlay, count: int) -> None:
        if not count:
            other.send(m.segment_start(1))
        other.send_audio(1, m.pcm(240), position=240 * count)

    await of_both_roles.stays(it, "audio", speak)


@case(
    "receiver.liveness.silent_from_the_beginning",
    "LW-LIVE-3",
    why="a sender that is gone right after its hello would hold its place for ever",
    options={"limits": {"keepalive": 200}},
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("pong")
    await it.open()
    it.dropped = True  # as it has to
    await it.transport_ends()
    it.none("close")


# -- marks, data, audio that comes early -----------------------------------------------------------------------


@case(
    "receiver.marks.in_any_order",
    "LW-MARK-1",
    why="marks are reached as they are heard, in whatever order they were set",
    features=("marks",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1), m.mark(1, 960, "c"), m.mark(1, 240, "a"), m.mark(1, 480, "b"))
    it.say(1, m.pcm(960), start=False)
    await it.told("segment_end", segment=1, total=960)
    for position, name, names in ((300, "a", ["a"]), (500, "b", ["a", "b"]), (960, "c", ["a", "b", "c"])):
        await it.do("played", segment=1, position=position)
        await it.expect("mark_reached", segment=1, name=name)
        await it.fence()
        have = [entry.message.name for entry in it.seen("mark_reached", segment=1)]
        it.check(have == names, f"{names} at {position}", f"{have}")


@case(
    "receiver.marks.heard_before_the_end_came",
    "LW-MARK-1",
    why="that all has been heard is known when the total comes: a mark beyond it is reached then",
    features=("marks",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1), m.mark(1, 4_800, "beyond"))
    it.say(1, m.pcm(480), start=False, end=False)
    await it.heard(1, m.pcm(480))
    await it.do("played", segment=1, position=480)
    await it.reported(1, played=480)
    await it.fence()
    it.none("mark_reached")
    it.send(m.segment_end(1, 480))
    await it.expect("mark_reached", segment=1, name="beyond")


@case(
    "receiver.data.up_to_the_consumed_position",
    "LW-DATA-2",
    why="what belongs to the sample that comes next is ahead no more: there is room for what belongs behind it",
    features=("data",),
    seconds=120.0,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1))
    for number in range(256):
        it.send(m.data(1, 480, {"com.example.number": number}))
    it.send_audio(1, m.pcm(480))
    await it.heard(1, m.pcm(480))
    await it.reported(1, consumed=480)
    for number in range(256):
        it.send(m.data(1, 960, {"com.example.number": number}))
    await it.goes_on()


@case(
    "receiver.audio.of_many_segments_early",
    "LW-AUDIO-9",
    why="more segments than are held may overtake their starts: the rest is as if lost, and asked for",
    features=("repair",),
    options={"limits": NO_CONCEALING},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    segments = range(1, 13)
    for segment in segments:
        it.send_audio(segment, m.pcm(480, segment))
    await it.goes_on()
    for segment in segments:
        it.send(m.segment_start(segment), m.segment_end(segment, 480))
    for segment in segments:
        await it.heard(segment, m.pcm(480, segment))
        await it.told("segment_end", segment=segment, total=480)
