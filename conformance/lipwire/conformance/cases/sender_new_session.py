"""What a sender takes over into the session after one that could not be resumed: nothing (SPEC §15)."""

from typing import Final

from lipwire.protocol.errors import CloseCode

from .. import messages as m
from ..case import case
from ..sender_play import SenderPlay

WITHIN: Final = 3.0
"""Seconds in which a sender that means to opens another session."""


async def _comes_anew(it: SenderPlay) -> bool:
    """Lose the transport, and know nothing of the session any more; whether the sender opens another, as it may."""
    before = it.session
    await it.fence()
    it.drop()
    await it.connect()
    await it.take_hello()
    it.send_exactly(m.close(CloseCode.UNKNOWN_SESSION))
    await it.told("closed", requirement="LW-CLOSE-1")
    it.forget()
    if not await it.comes(WITHIN):
        it.check(True, "it opens no other session, as it may", "", "LW-CLOSE-1")
        return False
    await it.take_hello()
    it.check(it.session != before, "another session", "the same id", "LW-CLOSE-1")
    it.check(it.hello.resume is None, "nothing to resume", f"{it.hello.resume}", "LW-CLOSE-1")
    it.check(it.hello.generation == 1, "generation 1", f"{it.hello.generation}", "LW-WIRE-4")
    return True


@case(
    "sender.new_session.numbers_begin_anew",
    "LW-CONTROL-1",
    "LW-CONTROL-2",
    "LW-CONTROL-3",
    "LW-CLOSE-1",
    "LW-WIRE-4",
    "LW-INTERRUPT-1",
    why="numbers, counts and interrupts belong to a session: another one begins with none of them",
    features=("resume",),
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("cut")
    await it.open()
    first = await it.whole()
    it.send(m.stream_started(first))
    await it.told("stream_started", segment=first, requirement="LW-CONTROL-2")
    await it.do("interrupt", segment=None)
    await it.expect("interrupt")
    if not await _comes_anew(it):
        return
    since = len(it.trace)
    it.welcome()
    await it.fence()
    second = await it.whole(960, 2)
    numbers = [e.number for e in it.trace[since:] if e.by is it.role and e.number is not None]
    it.check(numbers == [1, 2], "the numbers 1 and 2", f"{numbers}")
    it.send(m.stream_started(second))
    await it.told("stream_started", segment=second, requirement="LW-CONTROL-2")
    it.end_stream(second, 960)
    await it.ends(second, 960, interrupted=False, requirement="LW-CONTROL-2")
    await it.until(lambda: not it.unacknowledged, "both are acknowledged", "LW-CONTROL-3")
    it.none("interrupt", since=since, requirement="LW-INTERRUPT-1")


@case(
    "sender.new_session.is_not_paused",
    "LW-STREAM-7",
    "LW-CLOSE-1",
    "LW-WIRE-4",
    why="a pause belongs to its session: who holds time for it in another waits for ever",
    features=("pause", "resume"),
    options={"limits": {"grace": 200}},
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0})
    await it.fence()
    await it.do("pause")
    await it.expect("pause", requirement="LW-PAUSE-3")
    if not await _comes_anew(it):
        return
    since = len(it.trace)
    it.welcome(limits={"cooldown": 0})
    segment = await it.say(m.pcm(480))
    await it.fence()
    if it.seen("pause", since=since):
        it.check(True, "it pauses the new session as well, as it may")
        return
    await it.ends(segment, 0, interrupted=True, exact=False)


@case(
    "sender.new_session.of_less",
    "LW-CONTROL-1",
    "LW-REGISTRY-1",
    "LW-CLOSE-1",
    "LW-WIRE-4",
    why="the receiver that is there now may be of another kind: what was agreed on with the one before is void",
    features=("resume",),
    needs=("marks",),
)
async def _(it: SenderPlay) -> None:
    await it.meet()
    it.welcome(features=[*it.chosen(), "marks"])
    first = await it.open_segment()
    await it.do("mark", segment=first, position=0, name="first")
    await it.expect("mark", requirement="LW-REGISTRY-1")
    if not await _comes_anew(it):
        return
    since = len(it.trace)
    it.welcome(features=["repair"] if it.kind == "webrtc" else [])
    segment = await it.open_segment()
    await it.attempt("mark", segment=segment, position=0, name="second")
    await it.write(segment, m.pcm(480))
    await it.do("end", segment=segment)
    await it.expect("segment_end", segment=segment, since=since, requirement="LW-REGISTRY-1")
    await it.fence()
    numbered = [e.name for e in it.trace[since:] if e.by is it.role and e.number is not None]
    it.check(not numbered, "nothing is numbered", f"{numbered}")
    it.none("mark", since=since, requirement="LW-REGISTRY-1")
