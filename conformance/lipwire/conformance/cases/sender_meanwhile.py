"""What a sender's user does while there is no session to tell: after a loss, before the welcome (SPEC §15)."""

from typing import Any, Final

from lipwire.protocol.errors import CloseCode

from .. import messages as m
from ..case import case
from ..sender_play import SenderPlay

RESUME: Final = ("resume",)


async def _lost(it: SenderPlay) -> int:
    """Take the transport away, and wait until the sender knows: it has connected again, and waits for its welcome."""
    await it.fence()
    it.drop()
    await it.connect()
    await it.do("fence")
    return len(it.trace)


def _numbers(it: SenderPlay, since: int) -> list[int]:
    """The numbers that have come since, each once, in the order of their coming."""
    found = (e.number for e in it.trace[since:] if e.by is it.role and e.number is not None)
    return list(dict.fromkeys(number for number in found if number is not None))


@case(
    "sender.meanwhile.interrupt",
    "LW-INTERRUPT-10",
    "LW-INTERRUPT-1",
    "LW-INTERRUPT-8",
    why="the user breaks in just then: what was said is cut as soon as there is somebody to tell",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("progress")  # what is reported can not be lost again (LW-RESUME-10)
    await it.open()
    first = await it.open_segment()
    await it.write(first, m.pcm(960))
    await it.arrives(first, 960)
    since = await _lost(it)
    await it.do("interrupt", segment=None)
    second = await it.say(m.pcm(960, 2))
    it.lose(first, 480)
    await it.go_on()
    named = (await it.expect("interrupt")).message
    it.check(named.first <= first <= named.last < second, f"it names {first}, and not {second}", f"{named}")
    await it.arrives(second, 960)
    await it.fence()
    for name in ("audio", "segment_end"):
        it.none(name, segment=first, since=since, requirement="LW-INTERRUPT-1")
    it.none("event stream_ended", segment=first, requirement="LW-INTERRUPT-8")
    it.end_stream(first, 333, interrupted=True, cause=1)
    await it.ends(first, 333, interrupted=True, requirement="LW-INTERRUPT-8")


@case(
    "sender.meanwhile.interrupt_in_a_pause",
    "LW-PAUSE-2",
    "LW-INTERRUPT-10",
    why="what is held is cut, and what is said next must not be held as well",
    features=("pause", "resume"),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    first = await it.whole()
    await it.fence()
    await it.do("pause")
    await it.expect("pause")
    since = await _lost(it)
    await it.do("interrupt", segment=None)
    await it.go_on()
    found = await it.expect("interrupt", requirement="LW-INTERRUPT-10")
    freed = await it.expect("unpause")
    it.check(found.index < freed.index, "the interrupt first, and then unpause", "the other way round")
    second = await it.whole(480, 2)
    it.none("pause", since=since)
    it.end_stream(first, 240, interrupted=True, cause=1)
    it.end_stream(second, 480)
    await it.ends(first, 240, interrupted=True)
    await it.ends(second, 480, interrupted=False)


@case(
    "sender.meanwhile.pause",
    "LW-PAUSE-3",
    "LW-RESUME-8",
    why="a resume does not change whether the session is paused: what its user has decided meanwhile is said with it",
    features=("pause", "resume"),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.whole()
    for name in ("pause", "unpause"):
        await _lost(it)
        await it.do(name)
        await it.go_on()
        await it.expect(name, requirement="LW-RESUME-8")
    told = [e.name for e in it.trace if e.by is it.role and e.name in ("pause", "unpause")]
    it.check(told[-1] == "unpause", "it goes on", f"{told}")
    it.end_stream(segment, 960)
    await it.ends(segment, 960, interrupted=False)


@case(
    "sender.meanwhile.speech",
    "LW-RESUME-1",
    "LW-RESUME-8",
    "LW-SEGMENT-5",
    why="text to speech goes on, network or not, and all of it is sent in its order",
    features=("marks", "resume"),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    first = await it.open_segment()
    await it.write(first, m.pcm(480))
    await it.arrives(first, 480)
    since = await _lost(it)
    taken = it.taken
    await it.write(first, m.pcm(480, 2))
    await it.do("mark", segment=first, position=700, name="here")
    await it.do("end", segment=first)
    second = await it.open_segment({"text": "more"})
    await it.write(second, m.pcm(960, 3))
    await it.do("end", segment=second)
    await it.go_on()
    await it.arrives(first, 960, "LW-RESUME-1")
    await it.expect("mark", segment=first, position=700, name="here", since=since, requirement="LW-RESUME-8")
    await it.expect("segment_end", segment=first, total=960, requirement="LW-SEGMENT-5")
    start: Any = await it.expect("segment_start", segment=second, requirement="LW-RESUME-8")
    it.check(start.message.metadata == {"text": "more"}, "its metadata", f"{start.message}", "LW-RESUME-8")
    await it.arrives(second, 960, "LW-RESUME-1")
    await it.expect("segment_end", segment=second, total=960, requirement="LW-SEGMENT-5")
    numbers = _numbers(it, since)
    wanted = list(range(taken + 1, taken + 1 + len(numbers)))
    it.check(numbers == wanted, "the next numbers, in order", f"{numbers}", "LW-RESUME-8")
    it.none("event stream_ended")


# -- interrupts that were under way --------------------------------------------------------------------------------


@case(
    "sender.meanwhile.several_interrupts_again",
    "LW-INTERRUPT-10",
    why="each interrupt that was lost comes again, not the newest alone",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("cut")
    await it.open()
    said = []
    for seed in range(2):
        segment = await it.say(m.pcm(960, seed))
        await it.expect("segment_end", segment=segment, requirement="LW-SEGMENT-5")
        await it.do("interrupt", segment=None)
        await it.expect("interrupt", where=lambda found, s=segment: found.last == s)  # type: ignore[misc]
        said.append(segment)
    since = await _lost(it)
    await it.go_on()
    for segment in said:
        await it.expect("interrupt", where=lambda found, s=segment: found.first <= s <= found.last, since=since)  # type: ignore[misc]


@case(
    "sender.meanwhile.interrupt_of_which_one_is_over",
    "LW-INTERRUPT-10",
    why="of two segments that were cut one has ended: the other is still to be cut",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("cut")
    await it.open()
    first, second = await it.whole(), await it.whole(960, 2)
    await it.do("interrupt", segment=None)
    await it.expect("interrupt", last=second)
    it.end_stream(first, 480, interrupted=True, cause=1)
    await it.ends(first, 480, interrupted=True)
    since = await _lost(it)
    await it.go_on()
    await it.expect("interrupt", where=lambda found: found.first <= second <= found.last, since=since)
    it.end_stream(second, 0, interrupted=True, cause=1)
    await it.ends(second, 0, interrupted=True)


@case(
    "sender.meanwhile.interrupt_is_repeated",
    "LW-INTERRUPT-2",
    why="on the new transport it may be lost as well",
    features=RESUME,
    transports=("webrtc",),
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("cut")
    await it.open()
    await it.whole()
    await it.do("interrupt", segment=None)
    await it.expect("interrupt")
    since = await _lost(it)
    await it.go_on()
    await it.until(
        lambda: len(it.seen("interrupt", since=since)) >= 7, "four, on each channel, of which one may be lost"
    )


@case(
    "sender.meanwhile.numbers_of_what_was_cut",
    "LW-RESUME-8",
    "LW-CONTROL-4",
    why="what was cut is not wanted any more, but a number that is left out holds up all that follow",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"acknowledge", "cut", "progress"}  # it has said nothing of what it then has not taken
    await it.open()
    await it.whole()
    await it.do("interrupt", segment=None)
    await it.expect("interrupt")
    second = await it.whole(480, 2)
    since = await _lost(it)
    it.step("nothing of all that was taken")
    it.taken = 0
    it.live.clear()
    await it.go_on()
    await it.expect("segment_end", segment=second, since=since)
    numbers = _numbers(it, since)
    it.check(numbers == [*range(1, len(numbers) + 1)], "all numbers from 1 on", f"{numbers}")
    it.check(len(numbers) >= 4, "two starts and two ends, at least", f"{numbers}", "LW-CONTROL-4")


# -- the state of what the sender is done with -----------------------------------------------------------------------


@case(
    "sender.meanwhile.state_of_a_cut_one",
    "LW-RESUME-1",
    "LW-RESUME-9",
    why="a segment is live at the receiver until its stream has ended there, cut or not: the state may well name it",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"progress", "cut"}  # what is reported can not be lost again (LW-RESUME-10)
    await it.open()
    segment = await it.whole()
    await it.do("interrupt", segment=None)
    await it.expect("interrupt")
    since = await _lost(it)
    it.lose(segment, 480)
    await it.go_on()
    await it.goes_on()
    it.none("audio", segment=segment, since=since, requirement="LW-RESUME-9")
    it.end_stream(segment, 333, interrupted=True, cause=1)
    await it.ends(segment, 333, interrupted=True)


@case(
    "sender.meanwhile.state_of_one_that_was_given_up",
    "LW-RESUME-1",
    "LW-STREAM-7",
    why="a receiver that has not reported in time still has the segment, and says so",
    features=RESUME,
    options={"limits": {"grace": 100}},
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0})
    segment = await it.say(m.pcm(960))
    await it.ends(segment, 0, interrupted=True, exact=False)
    await _lost(it)
    await it.go_on()
    await it.goes_on()
    it.end_stream(segment, 333, interrupted=True, cause=1)
    await it.goes_on()
    it.check_results(segment)


# -- the hello that resumes ------------------------------------------------------------------------------------------


@case(
    "sender.meanwhile.token_again",
    "LW-WIRE-4",
    "LW-RESUME-2",
    why="a receiver that requires a token requires it in every hello",
    features=RESUME,
    needs=("token",),
    options={"token": "s3cret-of-the-kit"},
)
async def _(it: SenderPlay) -> None:
    await it.open()
    await _lost(it)
    await it.go_on()
    it.check(it.hello.auth in ("s3cret-of-the-kit", b"s3cret-of-the-kit"), "auth is the token", "it is not")
    it.check(it.hello.resume is not None, "a hello that resumes", "its field is nil", "LW-RESUME-2")
    await it.goes_on()


@case(
    "sender.meanwhile.come_again_at_once",
    "LW-CLOSE-1",
    why="a retry of 0 is one: the session is as it was, and may be resumed without a pause",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.whole()
    await _lost(it)
    await it.take_hello()
    it.send_exactly(m.close(CloseCode.BUSY, "", 0))
    if not await it.comes_or_ends():
        await it.told("closed", requirement="LW-CLOSE-1")  # it need not try again (LW-CLOSE-7)
        return
    await it.go_on()
    await it.goes_on()
    it.none("event closed")
    it.end_stream(segment, 960)
    await it.ends(segment, 960, interrupted=False)


# -- another welcome, other limits -----------------------------------------------------------------------------------


@case(
    "sender.meanwhile.limits_of_the_newest_welcome",
    "LW-CREDIT-1",
    "LW-BINDING-4",
    "LW-LIVE-2",
    why="a session may be taken over by another machine of the receiver's, which has less room",
    features=("custom", "resume"),
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("consume")
    await it.open(limits={"keepalive": 60_000, "window": 48_000})
    first = await it.whole()
    it.consume(first, 960)
    since = await _lost(it)
    await it.go_on(limits={"keepalive": 300, "window": 2_400, "message": 4_096})
    await it.fence()
    await it.attempt("custom", content=m.content(8_000))
    second = await it.say(m.pcm(12_000, 2))
    await it.arrives(second, 480)
    await it.settle()
    it.check_credit()
    largest = max(len(e.data) for e in it.trace[since:] if e.kind == "message" and e.by is it.role)
    it.check(largest <= 4_096, "messages of at most 4,096 bytes", f"one of {largest}", "LW-BINDING-4")
    at = await it.fence()
    await it.until(lambda: len(it.seen("ping", since=at)) >= 2, "2 pings, as keepalive is 0.3 s", "LW-LIVE-2")


@case(
    "sender.meanwhile.resume_time_of_the_newest_welcome",
    "LW-RESUME-1",
    why="how long a session is kept is for the receiver to say, each time anew",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"resume": 60_000})
    await it.fence()
    it.drop()
    await it.reopen(limits={"resume": 400})
    await it.fence()
    it.drop()
    closed = await it.told("closed")
    it.check(closed["code"] == 52, "peer_gone", f"{closed}")


# -- what comes again ------------------------------------------------------------------------------------------------


@case(
    "sender.meanwhile.stereo_again",
    "LW-RESUME-9",
    "LW-AUDIO-1",
    why="what is missing begins within a chunk, and within its bytes at another place than in mono",
    features=RESUME,
    needs=("stereo",),
    options={"formats": [["s16le", 24_000, 2]]},
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("progress")
    await it.open()
    segment = await it.say(m.pcm(2_400, frame_bytes=4))
    await it.arrives(segment, 2_400)
    await it.expect("segment_end", segment=segment, requirement="LW-SEGMENT-5")
    await _lost(it)
    it.lose(segment, 701)
    it.auto.add("progress")
    await it.go_on()
    await it.arrives(segment, 2_400, "LW-RESUME-9")


@case(
    "sender.meanwhile.again_with_a_full_window",
    "LW-RESUME-9",
    "LW-CREDIT-1",
    why="what is sent again was counted when it was sent first: a window that was full has room for it",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"consume", "progress"}
    await it.open(limits={"window": 2_400})
    segment = await it.say(m.pcm(7_200))
    await it.arrives(segment, 2_400)
    await it.settle()
    await _lost(it)
    it.lose(segment)
    it.auto.add("progress")
    await it.go_on()
    await it.arrives(segment, 2_400, "LW-RESUME-9")
    await it.settle()
    it.check_credit()


@case(
    "sender.meanwhile.says_how_far",
    "LW-REPAIR-6",
    why="after a resume, too, the last samples may be what is lost",
    features=("repair", "resume"),
    transports=("webrtc",),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.open_segment()
    await it.write(segment, m.pcm(480))
    await it.arrives(segment, 480)
    since = await _lost(it)
    await it.go_on()
    await it.fence()
    it.auto -= {"progress", "nack"}
    await it.write(segment, m.pcm(480, 2))
    await it.expect("sent", segment=segment, position=960, since=since)


WRONG: Final[dict[str, dict[str, Any]]] = {
    "no state": {"state": None},
    "no secret": {"secret": None},
    "fewer features": {"features": ["resume"]},
}


@case(
    "sender.meanwhile.welcome_that_does_not_resume",
    "LW-WIRE-4",
    why="a receiver that goes on with another session than the sender's would be sent what it can not place",
    features=("custom", "resume"),
    judged=False,
)
async def _(it: SenderPlay) -> None:
    for what, fields in WRONG.items():
        other = await it.another()
        await other.open()
        await _lost(other)
        other.step(f"the welcome has {what}")
        if "features" in fields and it.kind == "webrtc":
            fields = {"features": ["resume", "repair"]}
        await other.go_on(again=False, **fields)
        await other.closes("invalid_field")
        await other.leave()
