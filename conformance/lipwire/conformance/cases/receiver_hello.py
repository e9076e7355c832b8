"""How a receiver reads a hello (SPEC §4, §6.1, §7)."""

from typing import Any, Final

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay

# -- before a version is chosen --------------------------------------------------------------------------------------


@case(
    "receiver.hello.first_message_no_hello",
    "LW-INVARIANT-4",
    why="what is no Lipwire at all is told so, whatever it is",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    session = it.session
    for what, message in {
        "text": "hello",
        "the INTERRUPT of version 0": b"INTERRUPT",
        "nothing": b"",
        "raw PCM": m.pcm(480),
        "a hello without its end": m.pack(m.hello(session))[:20],
        "a hello with a byte behind it": m.packed(m.hello(session)) + b"\0",
        "a map": b"\x81\x01\x02",
        "an empty array": b"\x90",
        "an array without an integer": [b"lipwire", 1],
        "an array of the type alone": [1],
        "another magic": m.hello(session, magic="lipwyre"),
        "a magic in capitals": m.hello(session, magic="LIPWIRE"),
        "the magic as a binary": m.hello(session, magic=b"lipwire"),
        "no versions": [1, "lipwire"],
        "versions that are no array": m.hello(session, versions=1),
        "a ping": m.ping(),
        "audio": m.audio(1, 0, m.pcm(480)),
        "a welcome": m.welcome(session),
        "an unknown type": [40, 1],
        "a type to be ignored": m.GREASE,
        "a type that is a float": [1.0, *m.hello(session)[1:]],
        "a type that is true": [True, *m.hello(session)[1:]],
        "text that is not UTF-8": b"\x93\x01\xa7lipwir\xff\x91\x01",
        "text that is not UTF-8 behind version 2": b"\x94\x01\xa7lipwire\x91\x02\xa1\xff",
    }.items():
        await it.refused(what, "not_lipwire", message, first=True)


@case(
    "receiver.hello.first_message_too_large_or_deep",
    "LW-INVARIANT-4",
    "LW-WIRE-8",
    why="bounds hold before anything is known of the other",
    wire=True,
    judged=False,
    transports=("websocket",),
)
async def _(it: ReceiverPlay) -> None:
    over = m.sized(m.hello(it.session), 65_537)
    await it.refused("a hello of 65,537 bytes", "message_too_large", over, first=True, requirement="LW-WIRE-8")
    await it.refused("junk of 70,000 bytes", "message_too_large", bytes(70_000), first=True)
    await it.refused("9 levels", "limit_exceeded", [5, m.nested(8)], first=True)
    await it.refused("1,025 entries", "limit_exceeded", [5, [0] * 1_025], first=True)
    await it.refused("a hello of 9 levels", "limit_exceeded", [*m.hello(it.session), m.nested(8)], first=True)


@case(
    "receiver.hello.largest_hello",
    "LW-WIRE-8",
    why="the sender can not know the limit yet, so a hello may have the default's size, whatever is announced then",
    wire=True,
    options={"limits": {"message": 4_096}},
    transports=("websocket",),
)
async def _(it: ReceiverPlay) -> None:
    await it.connect()
    hello = m.sized(m.hello(it.session, features=it.offered()), 65_536)
    for _ in range(3):  # the last repeat comes when it is known that welcome has arrived
        it.send_exactly(hello)
        await it.expect("welcome")
        await it.goes_on()


@case(
    "receiver.hello.version_not_spoken",
    "LW-INVARIANT-3",
    "LW-INVARIANT-2",
    why="a sender of a later version learns which version would do, though nothing else of its hello is understood",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    for what, hello in {
        "a version that does not exist": m.hello(it.session, versions=[4_711]),
        "16 versions": m.hello(it.session, versions=list(range(100, 116))),
        "nothing behind the versions": [1, "lipwire", [4_711]],
        "something else behind the versions": [1, "lipwire", [4_711], 3.5, {"a": [None]}, -1, {7: 8}],
        "wide integers": b"\x93\xd3\0\0\0\0\0\0\0\1\xa7lipwire\x91\xcf\0\0\0\0\0\0\x12\x67",
    }.items():
        other = await it.beside()
        await other.connect()
        other.send_exactly(hello)
        close = await other.closes("unsupported_version")
        raw = m.unpack(close.data)
        it.check(
            raw[0] == 3 and type(raw[1]) is int and type(raw[2]) is str,
            f"{what}: a close as every version reads it: 3, an integer, a string",
            f"{raw!r:.200}",
            "LW-INVARIANT-2",
        )
        details = close.message.details or {}
        it.check(1 in details.get("versions", ()), f"{what}: details that list version 1", f"details {details}")
        await other.leave()


@case(
    "receiver.hello.versions",
    "LW-OPEN-3",
    why="a sender may offer versions that do not exist yet beside this one",
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    for what, versions in {
        "two": [1, 4_711],
        "the unknown one first": [4_711, 1],
        "16 of them": [*range(100, 115), 1],
        "the same one twice": [1, 1],
        "the greatest integer": [2**53 - 1, 1],
    }.items():
        await it.accepted(f"versions: {what}", opening={"versions": versions})
    chosen = {entry.message.version for entry in it.trace if entry.name == "welcome"}
    it.check(chosen == {1}, "version 1 is chosen", f"{chosen}")


_FORMAT: Final = m.PCM_FORMAT
_TOKEN: Final = bytes(16)
_FIELDS: Final[dict[str, tuple[int, list[Any]]]] = {
    "session": (3, [None, "5f0d1c2b3a495867", bytes(15), bytes(17), b"", 7]),
    "generation": (4, [None, 0, 1.0, True, "1"]),
    "formats": (
        5,
        [None, [], "s16le", [_FORMAT] * 17, _FORMAT, [["s16le", 24_000]], [[b"s16le", 24_000, 1]],
         [["s16le", 24_000.0, 1]], [["s16le", 24_000, True]]],
    ),
    "features": (
        6,
        [None, "repair", {}, [1], [b"x"], [""], ["x" * 65], ["é" * 33], [f"com.example.f{n}" for n in range(65)]],
    ),
    "limits": (7, [None, [], 65_536, {"message": "65536"}, {"message": 65_536.0}, {"message": True}, {1: 65_536}]),
    "auth": (8, [7, [], "x" * 4_097, "é" * 2_049, bytes(4_097), True]),
    "resume": (
        9,
        [[], b"1234567890123456", [bytes(15), 0], [bytes(65), 0], [_TOKEN], ["1234567890123456", 0], [_TOKEN, None],
         [_TOKEN, 1.0]],
    ),
    "info": (10, ["software", [], {1: "x"}, {"a": {2: "x"}}, 7]),
}  # fmt: skip
"""By field of hello: its place, and values that are of another type or beyond its range."""

_INTEGERS: Final[dict[str, tuple[int, Any]]] = {
    "generation 2^53": (4, 2**53),
    "generation -1": (4, -1),
    "rate -1": (5, [["s16le", -1, 1]]),
    "channels 2^53": (5, [["s16le", 24_000, 2**53]]),
    "message -1": (7, {"message": -1}),
    "message 2^53": (7, {"message": 2**53}),
    "taken -1": (9, [_TOKEN, -1]),
    "taken 2^53": (9, [_TOKEN, 2**53]),
}


def _with(it: ReceiverPlay, at: int, value: Any) -> list[Any]:
    """A hello with another value at that place."""
    whole = m.hello(it.session, features=it.offered())
    return [*whole[:at], value, *whole[at + 1 :]]


def _field_case(name: str, at: int, values: list[Any]) -> None:
    @case(
        f"receiver.hello.{name}",
        "LW-WIRE-4",
        why=f"{name} is held against its type and range",
        wire=True,
        judged=False,
    )
    async def _(it: ReceiverPlay) -> None:
        for value in values:
            more = [*it.offered(), *value] if at == 6 and isinstance(value, list) else value
            await it.refused(f"{name} {m.shown(value)}", "invalid_field", _with(it, at, more), first=True)


for _name, (_at, _values) in _FIELDS.items():
    _field_case(_name, _at, _values)


@case(
    "receiver.hello.integers",
    "LW-WIRE-3",
    why="integers of hello are from 0 to 2^53 - 1",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    for name, (at, value) in _INTEGERS.items():
        await it.refused(name, "invalid_field", _with(it, at, value), first=True)


@case(
    "receiver.hello.how_many_elements",
    "LW-WIRE-4",
    "LW-WIRE-5",
    "LW-LIMIT-2",
    why="a hello may be neither too short, nor its fields too long",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    more = [["s16le", 24_000, 1, 0]]
    await it.refused("a format of 4", "invalid_field", _with(it, 5, more), first=True, requirement="LW-WIRE-5")
    resume = [_TOKEN, 0, 0]
    await it.refused("resume of 3", "invalid_field", _with(it, 9, resume), first=True, requirement="LW-WIRE-5")
    whole = m.hello(it.session, features=it.offered())
    for length in range(3, 8):
        await it.refused(f"{length} elements alone", "invalid_field", whole[:length], first=True)
    await it.refused("17 versions", "invalid_field", _with(it, 2, [1] * 17), first=True)
    await it.refused("no version", ("invalid_field", "unsupported_version"), _with(it, 2, []), first=True)
    for name, at in (("info", 10), ("limits", 7)):
        large = _with(it, at, m.content(16_385))
        await it.refused(f"{name} too large", "limit_exceeded", large, first=True, requirement="LW-LIMIT-2")


@case(
    "receiver.hello.hello_at_its_limits",
    "LW-WIRE-4",
    "LW-WIRE-3",
    "LW-WIRE-5",
    "LW-WIRE-6",
    "LW-LIMIT-2",
    why="what is just within the ranges of hello's fields is fine",
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    features = it.offered()
    many = [*(f"com.example.f{n}" for n in range(64 - len(features))), *features]
    formats = [*(["opus", 8_000 + n, 1] for n in range(15)), m.PCM_FORMAT]
    within: dict[str, dict[str, Any]] = {
        "64 features": {"features": many},
        "a feature of 64 bytes": {"features": [*features, "x." + "é" * 31]},
        "16 formats": {"formats": formats},
        "a token of 4,096 bytes": {"auth": "é" * 2_048},
        "a token of 4,096 bytes, binary": {"auth": bytes(4_096)},
        "an empty token": {"auth": ""},
        "an empty info": {"info": {}},
    }
    for what, hello in within.items():
        await it.accepted(what, opening=hello)
    await it.accepted("info of 16,384 bytes", opening={"info": m.content(16_384)}, requirement="LW-LIMIT-2")
    free = {"big": 2**64 - 1, "below": -(2**63), "float": 1.5, "nil": None, "bin": b"\0", "list": [{"a": True}]}
    await it.accepted("any value within info", opening={"info": free}, requirement="LW-WIRE-3")
    await it.accepted("generation 2^53 - 1", opening={"generation": 2**53 - 1}, requirement="LW-WIRE-3")
    whole = m.hello(it.session, features=features)
    for what, message, requirement in (
        ("absent fields left off", whole[:8], "LW-WIRE-6"),
        ("absent fields as nil", whole, "LW-WIRE-6"),
        ("some of them left off", whole[:9], "LW-WIRE-6"),
        ("three elements more", [*whole, None, {"x": 1}, [2.5]], "LW-WIRE-5"),
        ("an element more that has no string keys", [*whole, {1: {2: 3}}], "LW-WIRE-5"),
    ):
        other = await it.beside()
        await other.connect()
        other.send_exactly([*message[:3], other.session, *message[4:]])
        it.check(await other.find("welcome") is not None, f"{what}: welcome", other.lately(), requirement)
        await other.leave()


# -- limits in hello -------------------------------------------------------------------------------------------------


@case(
    "receiver.hello.limits_of_the_sender",
    "LW-OPEN-10",
    why="later revisions add keys, and a limit under its floor can not be worked with",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    for what, limits in {
        "none": {},
        "message nil": {"message": None},
        "message at its floor": {"message": 4_096},
        "message at its cap": {"message": 1_048_576},
        "message beyond its cap": {"message": 2**53 - 1},
        "unknown keys": {"message": 65_536, "com.example.x": [1.5, {"a": None}], "window": -1.5, "": ""},
    }.items():
        await it.accepted(f"limits: {what}", opening={"limits": limits})
    for value in (0, 1, 4_095):
        hello = m.hello(it.session, features=it.offered(), limits={"message": value})
        await it.refused(f"message {value}", "invalid_field", hello, first=True)


@case(
    "receiver.hello.repeated_keys",
    "LW-WIRE-12",
    why="two decoders that take different values of a repeated key see two different messages",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    head = m.pack(m.hello(it.session, features=it.offered(), limits={})[:7])
    assert isinstance(head, bytes)
    for first, second, code in ((100, 65_536, None), (65_536, 100, "invalid_field")):
        pairs = b"".join(m.packed(one) for one in ("message", first, "message", second))
        whole = bytes([head[0] + 1]) + head[1:] + b"\x82" + pairs
        if code is not None:
            await it.refused(f"message {first}, then {second}", code, whole, first=True)
            continue
        other = await it.beside()
        await other.connect()
        other.send_exactly(whole)
        it.check(await other.find("welcome") is not None, f"message {first}, then {second}: welcome", other.lately())
        await other.leave()
