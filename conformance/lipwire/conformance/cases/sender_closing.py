"""How a sender closes, and is closed (SPEC §16, §18)."""

from lipwire.protocol.channels import Channel
from lipwire.protocol.errors import CloseCode

from .. import messages as m
from ..case import case
from ..sender_play import SenderPlay, welcome_with
from . import of_both_roles
from .of_both_roles import EARLIEST

# -- by the receiver -------------------------------------------------------------------------------------------------


@case(
    "sender.closing.by_the_receiver",
    "LW-CLOSE-1",
    "LW-INVARIANT-5",
    "LW-CLOSE-4",
    why="a close ends the session for both, and nobody answers it",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.open_segment()
    await it.write(segment, m.pcm(2_400))
    await it.arrives(segment, 2_400)
    it.report(segment)
    at = await it.settle()
    it.send(m.close(CloseCode.NORMAL, "that is all"))
    told = await it.told("stream_ended", segment=segment, requirement="LW-CLOSE-4")
    it.check(not told["exact"], "how far it was heard is not known", f"{told}", "LW-CLOSE-4")
    it.check(told["interrupted"], "it was interrupted", f"{told}", "LW-CLOSE-4")
    closed = await it.told("closed")
    it.check(closed["code"] == 0 and closed["by"] == "peer", "closed by the peer, code 0", f"{closed}")
    await it.attempt("write", segment=segment, pcm="AAAA")
    await it.attempt("open", metadata=None)
    await it.transport_ends(level="SHOULD")
    it.none("close", requirement="LW-INVARIANT-5")
    said = [entry.name for entry in it.said(at)]
    it.check(not set(said) - {"ping", "sent"}, "nothing but what crossed it", f"{said}")


@case(
    "sender.closing.odd_closes",
    "LW-INVARIANT-5",
    "LW-CODE-1",
    "LW-CODE-2",
    "LW-CLOSE-1",
    why="a close of any later version is a close: what is odd about it has no answer",
    seconds=120.0,
)
async def _(it: SenderPlay) -> None:
    await of_both_roles.odd_closes(it)


@case(
    "sender.closing.code_is_kept",
    "LW-CODE-1",
    why="whoever reads a log looks the number up in a later revision",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    await it.fence()
    await of_both_roles.code_is_kept(it)


@case(
    "sender.closing.reason_is_escaped",
    "LW-CODE-2",
    why="a reason that is printed as it came writes into the terminal, or the log, of whoever reads it",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    await it.fence()
    await of_both_roles.reason_is_escaped(it)


@case(
    "sender.closing.reasons_are_short",
    "LW-WIRE-4",
    "LW-CLOSE-6",
    why="a reason that quotes what was wrong, or says where, can become longer than a close may be",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await of_both_roles.reasons_are_short(
        it,
        of_both_roles.LONG_FAULTS,
        first={
            "a format that was not offered": welcome_with(format=["é" * 5_000, 24_000, 1]),
            "features that were not offered": welcome_with(features=[f"com.example.{n:050}" for n in range(64)]),
            "an info that is none": welcome_with(info="x" * 20_000),
        },
    )


# -- refused, and trying again ---------------------------------------------------------------------------------------


@case(
    "sender.closing.refused_for_good",
    "LW-CLOSE-7",
    "LW-CLOSE-1",
    why="whoever was refused and comes again at once, for ever, is a flood",
)
async def _(it: SenderPlay) -> None:
    for code in (CloseCode.UNAUTHORIZED, CloseCode.UNSUPPORTED_FORMAT, 4_711):
        other = await it.another()
        await other.meet()
        other.send(m.close(code, "no"))
        closed = await other.told("closed", requirement="LW-CLOSE-1")
        it.check(closed["code"] == code and closed["by"] == "peer", f"closed by the peer, code {int(code)}",
                 f"{closed}", "LW-CLOSE-1")  # fmt: skip
        await other.transport_ends(requirement="LW-CLOSE-1", level="SHOULD")
        it.check(not await other.comes(0.5), f"it does not come again after code {int(code)}", "it does")
        await other.leave()


@case(
    "sender.closing.closed_for_good",
    "LW-CLOSE-7",
    why="a session that was closed in order is not followed by another that nobody asked for",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.say(m.pcm(480))
    await it.arrives(segment, 480)
    it.send(m.close(CloseCode.NORMAL))
    await it.told("closed")
    it.check(not await it.comes(0.5), "it does not come again", "it does")


def _later_case(name: str, code: int, why: str) -> None:
    requirement = "LW-CODE-1" if code > 1_000 else "LW-CLOSE-1"

    @case(f"sender.closing.{name}", requirement, "LW-CLOSE-5", why=why)
    async def _(it: SenderPlay) -> None:
        await it.meet()
        it.send(m.close(code, "not now", 400))
        began = it.now()
        if not await it.comes_or_ends():
            closed = await it.told("closed", since=0)
            it.check(closed["code"] == code, f"closed with code {code}", f"{closed}", requirement)
            it.check(True, "it does not come again by itself, as it may", "", "LW-CLOSE-5")
            return
        passed = it.now() - began
        it.check(passed >= 0.4 * EARLIEST, "not before the time that retry says, 400 ms", f"after {passed:.3f} s",
                 requirement)  # fmt: skip
        await it.take_hello()
        it.check(it.hello.resume is None, "there is no session to resume", f"{it.hello.resume}", "LW-CLOSE-5")
        it.welcome()
        segment = await it.say(m.pcm(480))
        await it.arrives(segment, 480, "LW-CLOSE-5")


_later_case("refused_for_now", CloseCode.BUSY, "a renderer that is busy says when it may not be")
_later_case("refused_for_now_with_an_unknown_code", 4_711, "retry says what to do, whatever the code is")


@case(
    "sender.closing.closed_for_now",
    "LW-CLOSE-1",
    why="a session that was closed can not be resumed, also when the receiver says to come again",
    features=("resume",),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.say(m.pcm(480))
    await it.arrives(segment, 480)
    before = it.session
    at = len(it.trace)
    it.send(m.close(CloseCode.GOING_AWAY, "restarting", 400))
    began = it.now()
    if not await it.comes_or_ends():
        await it.told("closed", since=at)
        return
    passed = it.now() - began
    it.check(passed >= 0.4 * EARLIEST, "not before the time that retry says, 400 ms", f"after {passed:.3f} s")
    await it.take_hello()
    it.check(it.hello.resume is None, "no attempt to resume it", f"{it.hello.resume}")
    it.check(it.session != before, "another session", "the same id")


# -- by the sender ---------------------------------------------------------------------------------------------------


@case(
    "sender.closing.nothing_after_its_own",
    "LW-CLOSE-1",
    "LW-REGISTRY-1",
    "LW-CLOSE-6",
    "LW-CLOSE-4",
    why="what crosses a close is ignored, and a close comes once",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.open_segment()
    await it.write(segment, m.pcm(480))
    await it.arrives(segment, 480)
    it.send([40])
    more = (m.ping(77), m.stream_ended(segment, 480), [41], b"\xc1", m.progress(segment, 10**9))
    it.send(*more, channel=Channel.CONTROL)  # on media it might come first
    await it.closes("unknown_message", requirement="LW-CLOSE-6")
    await it.attempt("write", segment=segment, pcm="AAAA")
    await it.transport_ends(level="SHOULD")
    await it.told("closed", where=lambda told: told["by"] == "here")
    told = await it.told("stream_ended", segment=segment, requirement="LW-CLOSE-4")
    it.check(not told["exact"], "its result is not the one that came after the close", f"{told}", "LW-CLOSE-4")
    await it.do("fence")
    it.check(len(it.seen("close")) == 1, "one close", f"{len(it.seen('close'))}")
    it.none("pong", t1=77)
    it.once("event stream_ended", segment=segment, requirement="LW-CLOSE-4")
    it.check(it.last_said() == "close", "nothing after the close", it.last_said, "LW-REGISTRY-1")


@case(
    "sender.closing.by_its_user",
    "LW-CLOSE-1",
    "LW-INVARIANT-2",
    "LW-CLOSE-4",
    why="an agent may leave at any time, and learns what became of what it said",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.open_segment()
    await it.write(segment, m.pcm(480))
    await it.arrives(segment, 480)
    await it.do("close")
    close = await it.closes("normal", "going_away")
    raw = m.unpack(close.data)
    whole = raw[0] == 3 and type(raw[1]) is int and type(raw[2]) is str
    it.check(whole, "a close: 3, an integer, a string", f"{raw!r:.200}", "LW-INVARIANT-2")
    it.send(m.ping(77))
    told = await it.told("stream_ended", segment=segment, requirement="LW-CLOSE-4")
    it.check(told["interrupted"], "it was interrupted", f"{told}", "LW-CLOSE-4")
    await it.told("closed", requirement="LW-CLOSE-4")
    await it.transport_ends(level="SHOULD")
    it.none("pong", t1=77)
    it.check(len(it.seen("close")) == 1, "one close", f"{len(it.seen('close'))}")
    it.check(not await it.comes(0.3), "it does not come again", "it does")


@case(
    "sender.closing.before_welcome",
    "LW-OPEN-1",
    "LW-CLOSE-1",
    "LW-CLOSE-4",
    why="an agent may leave before it was welcomed, and says so",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await it.meet()
    segment = await it.say(m.pcm(480))
    await it.do("close")
    await it.expect("close")
    it.welcome()
    it.send(m.ping(77))
    told = await it.told("stream_ended", segment=segment, requirement="LW-CLOSE-4")
    it.check(told["interrupted"], "it was interrupted", f"{told}", "LW-CLOSE-4")
    await it.transport_ends(requirement="LW-CLOSE-1", level="SHOULD")
    it.none("pong", t1=77, requirement="LW-CLOSE-1")
    it.none("event opened", requirement="LW-CLOSE-1")
    said = {entry.name for entry in it.said()}
    it.check(said == {"hello", "close"}, "hello and close, and nothing else", f"{said}")


@case(
    "sender.closing.when_all_was_heard",
    "LW-CLOSE-2",
    why="the receiver drops what it holds when it is closed: who closes too soon cuts its own last words",
    needs=("finish",),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    first, second = await it.say(m.pcm(2_400)), await it.say(m.pcm(2_400, 2))
    await it.do("finish")
    await it.arrives(first, 2_400, "LW-CLOSE-2")
    await it.arrives(second, 2_400, "LW-CLOSE-2")
    await it.expect("segment_end", segment=second, total=2_400)
    it.report(first, 2_400, 2_400)
    it.end_stream(first, 2_400)
    await it.settle()
    it.none("close")
    it.end_stream(second, 2_400)
    await it.closes("normal", "going_away")
    await it.ends(first, 2_400, interrupted=False, requirement="LW-CLOSE-2")
    await it.ends(second, 2_400, interrupted=False, requirement="LW-CLOSE-2")


@case(
    "sender.closing.while_the_transport_is_lost",
    "LW-CLOSE-9",
    why="a receiver that is not told keeps the session, and plays on, until the resume time is over",
    features=("resume",),
    transports=("websocket",),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.say(m.pcm(480))
    await it.arrives(segment, 480)
    before, secret = it.session, it.secret
    tries = len(it.requests)
    it.door.clear()
    it.drop()
    lost = "it tries again, and so has seen that the transport is lost"
    await it.until(lambda: len(it.requests) > tries, lost, beyond=True)
    await it.do("close")
    it.door.set()
    hello = close = None
    while close is None and await it.comes(3.0):  # the try that was under way may come to nothing
        hello, close = await it.find("hello", within=3.0), await it.find("close", within=3.0)
    resumes = hello is not None and hello.message.session == before and (hello.message.resume or [None])[0] == secret
    it.check(resumes, "the hello that resumes", it.lately())
    it.check(close is not None and close.message[0] in (0, 1), "and the close behind it", it.lately())


# -- the transport ends ----------------------------------------------------------------------------------------------


@case(
    "sender.closing.transport_ends_while_opening",
    "LW-CLOSE-5",
    "LW-WIRE-4",
    why="where no welcome came there is no session: nothing to resume, and nothing is lost but a try",
)
async def _(it: SenderPlay) -> None:
    await it.meet()
    segment = await it.say(m.pcm(480))
    before = it.hello
    it.check(before.generation >= 1, "a generation of at least 1", f"{before.generation}", "LW-WIRE-4")
    it.drop()
    if not await it.comes_or_ends():
        await it.told("stream_ended", segment=segment)
        it.none("event opened")
        return
    await it.take_hello()
    it.check(it.hello.resume is None, "there is no session to resume", f"{it.hello.resume}")
    later = it.session != before.session or it.hello.generation > before.generation
    it.check(later, "a greater generation, or another session", f"{it.hello.generation}", "LW-WIRE-4")
    it.check(it.session == before.session, "the same session id", "another", "LW-CLOSE-5", "SHOULD")
    it.none("event stream_ended")
    it.welcome()
    await it.arrives(segment, 480, "LW-CLOSE-5")
    await it.goes_on()
    it.once("event opened")


@case(
    "sender.closing.transport_ends_while_resuming",
    "LW-CLOSE-5",
    why="a try to resume that fails leaves the session as it was",
    features=("resume",),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.say(m.pcm(480))
    await it.arrives(segment, 480)
    await it.fence()
    session, secret = it.session, it.secret
    it.drop()
    await it.meet()
    generation = it.hello.generation
    it.drop()
    await it.meet()
    resume = it.hello.resume or [None]
    it.check(it.session == session and resume[0] == secret, "it resumes the same session", f"{it.hello}")
    it.check(it.hello.generation > generation, f"a generation above {generation}", f"{it.hello.generation}")
    it.welcome(state=[it.taken, [[segment, 480, 480, None]]])
    it.send_again()
    await it.goes_on()
    it.end_stream(segment, 480)
    await it.ends(segment, 480, interrupted=False, requirement="LW-CLOSE-5")


@case(
    "sender.closing.one_at_a_time",
    "LW-SECURITY-1",
    "LW-CLOSE-6",
    why="a receiver that breaks a rule ends its session, and the sender can be used again",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    for what, code, message in (
        ("junk", "malformed", b"\xc1"),
        ("an unknown type", "unknown_message", [40]),
        ("a wrong direction", "out_of_state", m.segment_end(1, 0)),
        ("a report of nothing", "invalid_segment", m.progress(4_711, 0)),
        ("more than was sent", "invalid_position", lambda one: m.progress(one, 481)),
    ):
        await it.refused(what, code, message, requirement="LW-CLOSE-6")
    other = await it.another()
    await other.open()
    segment = await other.say(m.pcm(480))
    await other.arrives(segment, 480)
    await other.goes_on("LW-SECURITY-1")
    await other.leave()
