"""How a receiver closes, and is closed (SPEC §16, §18)."""

from typing import Any

from lipwire.protocol.channels import Channel
from lipwire.protocol.errors import CloseCode

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay
from . import of_both_roles


@case(
    "receiver.closing.by_the_sender",
    "LW-CLOSE-1",
    "LW-INVARIANT-5",
    "LW-CLOSE-3",
    why="a close ends the session for both, and nobody answers it",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(2_400)
    it.say(1, pcm)
    await it.heard(1, pcm)
    at = await it.fence()
    it.send(m.close(CloseCode.NORMAL, "that is all"))
    closed = await it.told("closed", requirement="LW-CLOSE-3")
    it.check(closed["code"] == 0 and closed["by"] == "peer", "closed by the peer, code 0", f"{closed}")
    await it.transport_ends(level="SHOULD")
    it.none("close", requirement="LW-INVARIANT-5")
    said = [entry.name for entry in it.said(at)]
    it.check(not set(said) - {"progress", "ping"}, "nothing but what crossed it", f"{said}")


@case(
    "receiver.closing.what_it_holds_is_dropped",
    "LW-CLOSE-3",
    why="after a close nothing is played that was not yet handed out",
    needs=("hold",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.part(1)
    it.send(m.close(CloseCode.NORMAL))
    await it.transport_ends(requirement="LW-CLOSE-1", level="SHOULD")
    at = len(it.trace)
    await it.attempt("release")
    await it.told("closed")
    await it.do("fence")
    it.none("event audio", since=at)
    it.none("event segment_end", since=at)


@case(
    "receiver.closing.odd_closes",
    "LW-INVARIANT-5",
    "LW-CODE-1",
    "LW-CODE-2",
    "LW-CLOSE-1",
    why="a close of any later version is a close: what is odd about it has no answer",
    wire=True,
    seconds=120.0,
)
async def _(it: ReceiverPlay) -> None:
    await of_both_roles.odd_closes(it)


@case(
    "receiver.closing.code_is_kept",
    "LW-CODE-1",
    why="whoever reads a log looks the number up in a later revision",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await of_both_roles.code_is_kept(it)


@case(
    "receiver.closing.reason_is_escaped",
    "LW-CODE-2",
    why="a reason that is printed as it came writes into the terminal, or the log, of whoever reads it",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await of_both_roles.reason_is_escaped(it)


@case(
    "receiver.closing.reasons_are_short",
    "LW-WIRE-4",
    "LW-CLOSE-6",
    why="a reason that quotes what was wrong, or says where, can become longer than a close may be",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    def hello(**fields: Any) -> list[Any]:
        return m.hello(it.session, **{"features": it.offered(), **fields})

    await of_both_roles.reasons_are_short(
        it,
        of_both_roles.LONG_FAULTS,
        first={
            "no hello": ["x" * 20_000],
            "junk": b"\xc1" * 20_000,
            "text": "x" * 20_000,
            "versions of later times": hello(versions=[2**53 - 1 - n for n in range(16)]),
            "formats that nobody knows": hello(formats=[["é" * 1_000, 24_000, 1] for _ in range(16)]),
            "an info that is none": hello(info="x" * 20_000),
            "features that are none": hello(features=["x" * 65 for _ in range(64)]),
        },
    )


@case(
    "receiver.closing.while_opening",
    "LW-CLOSE-1",
    "LW-INVARIANT-5",
    why="a sender may leave before it was welcomed",
    judged=False,
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.connect()
    it.send_exactly(m.hello(it.session, features=it.offered()))
    it.send_exactly(m.close(CloseCode.GOING_AWAY))
    await it.transport_ends(level="SHOULD")
    it.none("close", requirement="LW-INVARIANT-5")
    said = {entry.name for entry in it.said()}
    it.check(said <= {"welcome", "ignored", "ping"}, "a welcome that crossed it at most", f"{said}")


@case(
    "receiver.closing.nothing_after_its_own",
    "LW-CLOSE-1",
    "LW-REGISTRY-1",
    "LW-CLOSE-6",
    why="what crosses a close is ignored, and a close comes once",
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1))
    await it.told("segment_start")
    it.send([40])
    more = (m.ping(77), m.audio(1, 0, m.pcm(480)), m.segment_end(1, 480), [41], b"\xc1", m.interrupt(1))
    it.send(*more, channel=Channel.CONTROL)  # on media it might come first
    await it.closes("unknown_message", requirement="LW-CLOSE-6")
    await it.transport_ends(level="SHOULD")
    await it.told("closed", where=lambda told: told["by"] == "here")
    await it.do("fence")
    it.check(len(it.seen("close")) == 1, "one close", f"{len(it.seen('close'))}")
    it.none("pong", t1=77)
    it.none("event audio")
    it.check(it.last_said() == "close", "nothing after the close", it.last_said, "LW-REGISTRY-1")


@case(
    "receiver.closing.by_its_user",
    "LW-CLOSE-1",
    "LW-INVARIANT-2",
    why="a renderer may leave as well",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(480)
    it.say(1, pcm, end=False)
    await it.heard(1, pcm)
    await it.do("close")
    close = await it.closes("normal", "going_away")
    raw = m.unpack(close.data)
    whole = raw[0] == 3 and type(raw[1]) is int and type(raw[2]) is str
    it.check(whole, "a close: 3, an integer, a string", f"{raw!r:.200}", "LW-INVARIANT-2")
    it.send(m.segment_end(1, 480), m.ping(77))
    await it.transport_ends(level="SHOULD")
    it.none("pong", t1=77)
    it.check(len(it.seen("close")) == 1, "one close", f"{len(it.seen('close'))}")


@case(
    "receiver.closing.can_not_be_resumed",
    "LW-CLOSE-1",
    why="a session that was closed is over, whoever holds its secret",
    features=("resume",),
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    first = await it.beside()
    await first.open()
    await first.fence()
    first.send(m.close(CloseCode.NORMAL))
    await first.leave()
    resume = [first.secret, first.taken]
    hello = m.hello(first.session, generation=2, features=it.offered(), resume=resume)
    await it.refused("to resume it", "unknown_session", hello, first=True)


@case(
    "receiver.closing.side_by_side",
    "LW-SECURITY-1",
    "LW-CLOSE-6",
    why="what one peer does wrong is no other's affair",
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(4_800)
    it.say(1, pcm[:4_800], end=False)
    await it.heard(1, pcm[:4_800])
    for what, code, message in (
        ("junk", "malformed", b"\xc1"),
        ("audio of nothing", "invalid_field", m.audio(1, 0, b"")),
        ("an unknown type", "unknown_message", [40]),
        ("a wrong direction", "out_of_state", m.progress(1, 0)),
        ("a close", "normal", m.close(0)),
    ):
        if code == "normal":
            other = await it.beside()
            await other.open()
            other.send(message)
            await other.leave()
            continue
        await it.refused(what, code, message, requirement="LW-CLOSE-6")
    it.send_audio(1, pcm[4_800:], position=2_400)
    it.send(m.segment_end(1, 4_800))
    await it.heard(1, pcm[4_800:], start=2_400)
    await it.told("segment_end", segment=1, total=4_800, session=1)
    await it.goes_on()
