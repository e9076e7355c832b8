"""How a receiver opens a session (SPEC §4, §7)."""

from typing import Any

from lipwire.protocol.errors import CloseCode

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay
from .of_both_roles import EARLIEST, FORMATS


@case(
    "receiver.opening.welcome",
    "LW-OPEN-3",
    why="a session opens at all",
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    welcome = (await it.open()).message
    it.check(welcome.version == 1, "version 1", f"version {welcome.version}")
    it.check(list(welcome.format) == m.PCM_FORMAT, "the format offered", f"{welcome.format}")
    it.check(set(welcome.features) <= set(it.offered()), f"features among {it.offered()}", f"{welcome.features}")
    it.check(welcome.session == it.session, "the session of hello", f"{welcome.session!r}")
    await it.goes_on()


# -- formats ---------------------------------------------------------------------------------------------------------


@case(
    "receiver.opening.unknown_formats",
    "LW-FORMAT-1",
    "LW-OPEN-3",
    why="formats that are not known are passed over, for later revisions add some",
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    unknown = [["opus", 48_000, 2], ["s24le", 24_000, 1], ["S16LE", 24_000, 1], ["", 24_000, 1],
               ["x" * 1_000, 24_000, 1], ["s16le", 7_999, 1],
               ["s16le", 48_001, 1], ["s16le", 24_000, 0], ["s16le", 24_000, 3], ["f32le", 0, 1]]  # fmt: skip
    welcome = (await it.open(formats=[*unknown, m.PCM_FORMAT])).message
    it.check(list(welcome.format) == m.PCM_FORMAT, f"{m.PCM_FORMAT} is chosen", f"{welcome.format}")
    await it.goes_on("LW-OPEN-3")


@case(
    "receiver.opening.no_format_in_common",
    "LW-OPEN-4",
    why="the sender learns what it could offer in place",
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.connect()
    it.send_exactly(m.hello(it.session, features=it.offered(), formats=[["opus", 48_000, 2], ["s16le", 96_000, 1]]))
    close = await it.closes("unsupported_format")
    listed = (close.message.details or {}).get("formats")
    known = isinstance(listed, list) and all(
        isinstance(one, list)
        and len(one) == 3
        and one[0] in ("s16le", "f32le")
        and 8_000 <= one[1] <= 48_000
        and one[2] in (1, 2)
        for one in listed
    )
    it.check(bool(listed) and known, "details that list formats of this version", f"{close.message.details}")


@case(
    "receiver.opening.supported_formats_alone",
    "LW-OPEN-4",
    why="what the receiver was not set up for is not chosen, though the version has it",
    wire=True,
    options={"formats": [m.PCM_FORMAT]},
)
async def _(it: ReceiverPlay) -> None:
    await it.connect()
    it.send_exactly(m.hello(it.session, features=it.offered(), formats=[["s16le", 16_000, 1], ["f32le", 24_000, 1]]))
    close = await it.closes("unsupported_format")
    details = close.message.details or {}
    it.check(details.get("formats") == [m.PCM_FORMAT], f"details that list {[m.PCM_FORMAT]}", f"{details}")


@case(
    "receiver.opening.first_supported_format",
    "LW-OPEN-3",
    why="the sender names what it prefers first",
    needs=("rates", "stereo"),
    options={"formats": [["s16le", 48_000, 2], m.PCM_FORMAT, ["s16le", 8_000, 1]]},
)
async def _(it: ReceiverPlay) -> None:
    offered = [["s16le", 44_100, 1], ["s16le", 8_000, 1], m.PCM_FORMAT, ["s16le", 48_000, 2]]
    welcome = (await it.open(formats=offered)).message
    it.check(list(welcome.format) in offered[1:], "a format that both have", f"{welcome.format}")
    it.check(
        list(welcome.format) == offered[1], f"{offered[1]}, the first of them", f"{welcome.format}", level="SHOULD"
    )


def _format_case(name: str, format_: list[Any], needs: tuple[str, ...]) -> None:
    @case(
        f"receiver.opening.format_{name}",
        "LW-FORMAT-2",
        "LW-FORMAT-1",
        why="positions count samples per channel, so each format has its own arithmetic",
        needs=needs,
        options={"formats": [format_]},
    )
    async def _(it: ReceiverPlay) -> None:
        welcome = (await it.open(formats=[format_])).message
        it.require(list(welcome.format) == format_, f"{format_} is chosen", f"{welcome.format}", "LW-FORMAT-1")
        pcm = m.pcm(1_200, frame_bytes=it.frame_bytes)
        it.say(1, pcm, chunk=120)
        await it.heard(1, pcm)
        await it.told("segment_end", segment=1, total=1_200)
        await it.finish(1, 1_200)
        await it.expect("stream_ended", segment=1, position=1_200, interrupted=False, cause=0)


for _row in FORMATS:
    _format_case(*_row)


@case(
    "receiver.opening.half_a_frame",
    "LW-FORMAT-2",
    why="a stereo frame has two samples: half of one is no frame, though it is a whole number of samples",
    needs=("stereo",),
    options={"formats": [["s16le", 24_000, 2]]},
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open(formats=[["s16le", 24_000, 2]])
    it.send(m.segment_start(1), m.audio(1, 0, bytes(6)))
    await it.closes("invalid_field")


# -- features --------------------------------------------------------------------------------------------------------


@case(
    "receiver.opening.unknown_features",
    "LW-FEATURE-1",
    "LW-FEATURE-3",
    "LW-OPEN-3",
    why="features that are not known are passed over: later revisions add some, and senders grease",
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    strange = ["grease.5f0d1c2b", "com.example.lipsync", "rep", "Repair", "lipwire", "repair "]
    welcome = (await it.open(features=[*strange, *it.offered()])).message
    chosen = set(welcome.features)
    it.check(not chosen & {"grease.5f0d1c2b", "com.example.lipsync"}, "none of them is chosen", f"{welcome.features}")
    it.check(not chosen & set(strange[2:]), "no name without a dot that is not of this version", f"{welcome.features}",
             "LW-FEATURE-3")  # fmt: skip
    it.check(chosen <= set(it.offered()), f"features among {it.offered()}", f"{welcome.features}", "LW-OPEN-3")
    await it.goes_on()


# -- tokens ----------------------------------------------------------------------------------------------------------

TOKEN = "s3cret-of-the-kit-\u00e9"


@case(
    "receiver.opening.token",
    "LW-OPEN-5",
    why="a receiver that was told to ask for a token takes nobody without it",
    needs=("token",),
    options={"token": TOKEN},
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.accepted("the token", opening={"auth": TOKEN})
    for what, token in {
        "none": None,
        "an empty one": "",
        "another": "s4cret-of-the-kit-\u00e9",
        "its beginning": TOKEN[:-1],
        "more than it": TOKEN + "x",
        "in capitals": TOKEN.upper(),
        "empty bytes": b"",
        "other bytes": b"\xff\x00\xfe",
    }.items():
        hello = m.hello(it.session, features=it.offered(), auth=token)
        await it.refused(f"token: {what}", "unauthorized", hello, first=True)
    await it.accepted("the token, after all that", opening={"auth": TOKEN})


@case(
    "receiver.opening.token_not_asked_for",
    "LW-WIRE-4",
    why="a token is the receiver's to check; one that asks for none takes it, as text or as bytes",
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    for token in ("anything", b"\xff\x00"):
        await it.accepted(f"token {token!r}", opening={"auth": token})


# -- time and room ---------------------------------------------------------------------------------------------------


@case(
    "receiver.opening.no_hello_in_time",
    "LW-OPEN-7",
    "LW-OPEN-2",
    why="who never says hello keeps no place",
    options={"limits": {"handshake": 1_000, "keepalive": 100}},
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.connect()
    began = it.now()
    await it.closes("handshake_timeout")
    it.check(it.now() - began >= EARLIEST, "not before the handshake time, 1 s", f"after {it.now() - began:.2f} s")
    said = [entry.name for entry in it.trace if entry.kind == "message"]
    it.check(said == ["close"], "nothing but the close", f"{said}", "LW-OPEN-2")


@case(
    "receiver.opening.busy",
    "LW-OPEN-11",
    why="a renderer has room for so many",
    needs=("sessions",),
    options={"sessions": 1},
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    other = await it.beside()
    await other.connect()
    other.send_exactly(m.hello(other.session, features=other.offered()))
    close = await other.closes("busy")
    it.check(close.message.retry is not None, "retry says when to try again", f"{close.message}", level="SHOULD")
    await other.leave()
    await it.goes_on()


@case(
    "receiver.opening.room_again",
    "LW-OPEN-11",
    why="a session that is over gives its place to the next",
    needs=("sessions",),
    options={"sessions": 1},
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    first = await it.beside()
    await first.open()
    first.send(m.close(CloseCode.NORMAL))
    await first.leave()
    await _opens_in_the_end(it)


@case(
    "receiver.opening.gone_before_hello",
    "LW-CLOSE-5",
    why="a transport that ends while opening leaves nothing behind, no place taken either",
    needs=("sessions",),
    options={"sessions": 1},
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    for _ in range(3):
        other = await it.beside()
        await other.connect()
        other.drop()
    await _opens_in_the_end(it)


async def _opens_in_the_end(it: ReceiverPlay) -> None:
    """Check that a session opens; busy is fine for a moment, for the place is given back once its transport is gone."""
    deadline = it.now() + 5.0
    while True:
        other = await it.beside()
        await other.connect()
        other.send_exactly(m.hello(other.session, features=other.offered()))
        await other.find("welcome")
        welcomed = bool(other.seen("welcome"))
        busy = other.closed is not None and other.closed.message[0] == CloseCode.BUSY
        if welcomed or not busy or it.now() > deadline:
            break
        await other.leave()
    it.check(welcomed, "welcome", other.lately())
    await other.leave()


# -- more than one hello ---------------------------------------------------------------------------------------------


@case(
    "receiver.opening.hello_repeated",
    "LW-OPEN-9",
    why="where messages get lost a sender repeats its hello, and one answer may come late",
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    hello = m.hello(it.session, features=it.offered())
    await it.connect()
    it.send_exactly(hello)
    first = await it.expect("welcome")
    for when in ("at once", "again"):
        it.send_exactly(hello)
        repeat = await it.expect("welcome")
        it.check(repeat.data == first.data, f"{when}: the same welcome", f"{repeat.data!r} after {first.data!r}")
    it.send(m.segment_start(1), m.segment_end(1, 0))
    it.send_exactly(hello)
    repeat = await it.expect("welcome")
    it.check(repeat.data == first.data, "in use: the same welcome", f"{repeat.data!r} after {first.data!r}")
    await it.goes_on()


@case(
    "receiver.opening.hello_repeated_with_resume",
    "LW-OPEN-9",
    why="the same welcome means the same secret, or the sender holds one that is not the newest",
    features=("resume",),
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    hello = m.hello(it.session, features=it.offered())
    await it.connect()
    it.send_exactly(hello)
    first = await it.expect("welcome")
    it.send_exactly(hello)
    repeat = await it.expect("welcome")
    it.check(repeat.data == first.data, "the same welcome", f"{repeat.data!r} after {first.data!r}")
    await it.goes_on()


@case(
    "receiver.opening.another_hello",
    "LW-OPEN-9",
    why="a transport carries one session, and its hello is said once",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    others: dict[str, dict[str, Any]] = {
        "another session": {"session": bytes(16)},
        "another generation": {"generation": 2},
        "other formats": {"formats": [["s16le", 16_000, 1]]},
        "another token": {"auth": "x"},
        "other features": {"features": [*it.offered(), "com.example.x"]},
    }
    for what, fields in others.items():
        other = await it.beside()
        await other.open()
        changed = {"session": other.session, "features": other.offered(), **fields}
        other.send_exactly(m.hello(changed.pop("session"), **changed))
        other.send_exactly(m.ping(7))
        await other.answered("pong")
        close = other.closed
        code = close.message[0] if close is not None else None
        it.check(code == CloseCode.OUT_OF_STATE, f"{what}: close out_of_state", other.lately())
        await other.leave()


@case(
    "receiver.opening.nothing_before_welcome",
    "LW-OPEN-2",
    "LW-REGISTRY-1",
    why="a sender can not make sense of anything else before it",
    features=("resume",),
    options={"limits": {"keepalive": 100}},
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    first = it.said()[0].name
    it.check(first == "welcome", "welcome comes first", first)
    await it.goes_on("LW-REGISTRY-1")
