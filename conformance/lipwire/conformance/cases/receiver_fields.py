"""Each field of each message of a sender, made wrong (SPEC §2, §6). Those of hello are in receiver_opening."""

from collections.abc import Sequence
from typing import Any, Final

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay

BEYOND: Final = (-1, 2**53, 2**64 - 1)
"""What no int of the registry may be (LW-WIRE-3)."""
INT: Final[tuple[Any, ...]] = (None, 1.0, True, "1", b"\x01", [1], {})
ID: Final[tuple[Any, ...]] = (*INT, 0)
NAME: Final[tuple[Any, ...]] = (None, 1, b"x", [], "", "x" * 129, "é" * 65)
BINARY: Final[tuple[Any, ...]] = (None, 1, "\0\0", [0, 0], {})
MAP_OR_NIL: Final[tuple[Any, ...]] = (1, "x", [], b"", True, {1: 2}, {"a": [{b"b": 1}]})
MAP: Final[tuple[Any, ...]] = (None, *MAP_OR_NIL)
MESSAGE: Final[tuple[Any, ...]] = (None, 19, "x", {}, [], ["x"], [None])

Field = tuple[str, tuple[Any, ...]]

SHAPES: Final[dict[str, tuple[tuple[str, ...], Sequence[Any], tuple[Field, ...]]]] = {
    # message: features, one that is right, and for each field what it may not be
    "ping": ((), m.ping(1), (("t1", INT),)),
    "pong": ((), m.pong(1, 2, 3), (("t1", INT), ("t2", INT), ("t3", INT))),
    "segment_start": ((), m.segment_start(1, {"text": "Hi"}), (("segment", ID), ("metadata", MAP_OR_NIL))),
    "audio": (
        (),
        m.audio(1, 0, bytes(4)),
        (("segment", ID), ("position", INT), ("cut_through", INT), ("pcm", BINARY)),
    ),
    "segment_end": ((), m.segment_end(1, 0), (("segment", ID), ("total", INT))),
    "interrupt": ((), m.interrupt(1, 1), (("first", ID), ("last", ID))),
    "sent": (("repair",), m.sent(1, 0), (("segment", ID), ("position", INT))),
    "mark": (("marks",), m.mark(1, 0, "x"), (("segment", ID), ("position", INT), ("name", NAME))),
    "data": (("data",), m.data(1, 0, {}), (("segment", ID), ("position", INT), ("content", MAP))),
    "custom": (("custom",), m.custom({}), (("content", MAP),)),
    "numbered": (
        ("resume",),
        m.numbered(2, 0, m.segment_end(1, 0)),
        (("number", ID), ("taken", INT), ("message", MESSAGE)),
    ),
    "acknowledge": (("resume",), m.acknowledge(0), (("taken", INT),)),
}
OPTIONAL: Final = {"segment_start": 1}
"""How many of the last fields may be absent."""


def _fields_case(name: str, features: tuple[str, ...], right: Sequence[Any], fields: Sequence[Field]) -> None:
    @case(
        f"receiver.fields.{name}",
        "LW-WIRE-4",
        *(["LW-WIRE-3"] if any(wrong[: len(INT)] == INT for _, wrong in fields) else []),
        why=f"each field of {name} is held against its type and range, and a float or a boolean is no integer",
        features=features,
        wire=True,
        judged=False,
    )
    async def _(it: ReceiverPlay) -> None:
        before = [] if name == "segment_start" else [m.segment_start(1)]
        step = 3 if it.kind == "webrtc" else 1  # it takes ten times as long to connect, and the fields are the same

        async def refused(what: str, message: Sequence[Any], requirement: str = "LW-WIRE-4") -> None:
            inner = message
            if "resume" in features and message[0] in m.NUMBERED_TYPES:
                inner = m.numbered(2, 0, message)
            await it.refused(f"{name} with {what}", "invalid_field", *before, inner, requirement=requirement)

        await it.accepted(f"{name} as it should be", *before, right)
        for at, (field, wrong) in enumerate(fields, 1):
            for value in wrong[::step]:
                await refused(f"{field} {m.shown(value)}", [*right[:at], value, *right[at + 1 :]])
            if wrong[: len(INT)] == INT:
                for value in BEYOND[::step]:
                    await refused(f"{field} {value}", [*right[:at], value, *right[at + 1 :]], "LW-WIRE-3")
        for length in range(1, len(right) - OPTIONAL.get(name, 0), step):
            await refused(f"{length - 1} fields alone", right[:length])


for _name, (_features, _right, _fields) in SHAPES.items():
    _fields_case(_name, _features, _right, _fields)


@case(
    "receiver.fields.greatest_integers",
    "LW-WIRE-3",
    why="2^53 - 1 is an integer like any other, and all that every language holds",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    most = 2**53 - 1
    it.send(m.ping(most))
    await it.expect("pong", t1=most)
    it.send(m.pong(most, most, most))
    it.send(m.segment_start(most, {"beyond": 2**64 - 1, "below": -(2**63), "in": [2**53]}), m.segment_end(most, 0))
    told = await it.told("segment_start", segment=most)
    free = told["metadata"]
    it.check(free == {"beyond": 2**64 - 1, "below": -(2**63), "in": [2**53]}, "integers of metadata as they are",
             f"{free}")  # fmt: skip
    await it.told("segment_end", segment=most, total=0)
    it.send(m.interrupt(most, most))
    await it.expect("cut", first=most, last=most)
    await it.goes_on()


@case(
    "receiver.fields.names_and_maps_at_their_limits",
    "LW-WIRE-4",
    "LW-LIMIT-2",
    why="sizes are counted in bytes, and what is just within is fine",
    features=("marks", "data"),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1), m.mark(1, 0, "x"), m.mark(1, 0, "x" * 128), m.mark(1, 0, "é" * 64), m.mark(1, 0, "\0"))
    content = m.content(16_384)
    it.send(m.data(1, 0, content), m.segment_end(1, 0))
    told = await it.told("data", segment=1)
    it.check(told["content"] == content, "content of 16,384 bytes", f"{told}", "LW-LIMIT-2")
    await it.told("segment_end", segment=1)
    await it.goes_on()


@case(
    "receiver.fields.interrupt_upside_down",
    "LW-WIRE-4",
    why="the registry says that last is not below first: a receiver that guesses what is meant cuts what it should not",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1), m.segment_end(1, 0), m.segment_start(2))
    await it.goes_on()
    it.send(m.interrupt(2, 1))
    await it.closes("invalid_field")
