"""Each field of each message of a receiver, made wrong (SPEC §2, §6)."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from .. import messages as m
from ..case import case
from ..sender_play import SenderPlay, welcome_with
from . import wire_of_both_roles
from .receiver_fields import BEYOND, ID, INT, MAP, MESSAGE, NAME, Field

POSITION_OR_NIL: Final[tuple[Any, ...]] = (1.0, True, "1", b"\x01", [1], {})
ROWS: Final[tuple[Any, ...]] = (
    None, 1, {}, "x", [1], [[1]], [[1, 0, 0]], [[1, 0], [1]], [[None, 0]], [[1, None]], [[1, 1.0]], [[True, 0]],
    [[0, 0]], [{"a": 1}],
)  # fmt: skip
RANGES: Final[tuple[Any, ...]] = (
    None, 1, {}, [], [1], [[0]], [[0, 480, 1]], [[0, 480.0]], [[None, 480]], [[0, 0]], [[480, 0]], [[0, 9], [9, 480]],
    [[0, 240], [120, 480]], [[240, 480], [0, 120]], [[at * 4, at * 4 + 1] for at in range(33)],
)  # fmt: skip

SHAPES: Final[dict[str, tuple[tuple[str, ...], Callable[[int], Sequence[Any]], tuple[Field, ...]]]] = {
    # message: features, one that is right (of a segment of 480 samples), and for each field what it may not be
    "ping": ((), lambda _: m.ping(1), (("t1", INT),)),
    "pong": ((), lambda _: m.pong(1, 2, 3), (("t1", INT), ("t2", INT), ("t3", INT))),
    "cut": ((), lambda one: m.cut(one, one, [[one, 480]]), (("first", ID), ("last", ID), ("consumed", ROWS))),
    "stream_started": ((), lambda one: m.stream_started(one, 1), (("segment", ID), ("clock", INT))),
    "progress": (
        (),
        lambda one: m.progress(one, 480, 480, 240, highest=480),
        (("segment", ID), ("received", INT), ("consumed", INT), ("played", POSITION_OR_NIL), ("clock", INT),
         ("delay", INT), ("highest", POSITION_OR_NIL)),
    ),
    "stream_ended": (
        (),
        lambda one: m.stream_ended(one, 480, False, 0),
        (("segment", ID), ("position", POSITION_OR_NIL), ("interrupted", (None, 0, 1, "false", b"", [])),
         ("cause", INT)),
    ),
    "nack": (("repair",), lambda one: m.nack(one, (0, 240), (241, 480)), (("segment", ID), ("missing", RANGES))),
    "mark_reached": (("marks",), lambda one: m.mark_reached(one, "x"), (("segment", ID), ("name", NAME))),
    "custom": (("custom",), lambda _: m.custom({}), (("content", MAP),)),
    "numbered": (
        ("resume",),
        lambda one: m.numbered(1, 0, m.stream_started(one)),
        (("number", ID), ("taken", INT), ("message", MESSAGE)),
    ),
    "acknowledge": (("resume",), lambda _: m.acknowledge(0), (("taken", INT),)),
}  # fmt: skip
OPTIONAL: Final = {"progress": 1}
"""How many of the last fields may be absent."""


def _fields_case(
    name: str, features: tuple[str, ...], right: Callable[[int], Sequence[Any]], fields: Sequence[Field]
) -> None:
    integers = any(wrong[: len(INT)] == INT for _, wrong in fields)

    @case(
        f"sender.fields.{name}",
        "LW-WIRE-4",
        *(["LW-WIRE-3"] if integers else []),
        why=f"each field of {name} is held against its type and range, and a float or a boolean is no integer",
        features=features,
        judged=False,
    )
    async def _(it: SenderPlay) -> None:
        step = 3 if it.kind == "webrtc" else 1  # it takes ten times as long to connect, and the fields are the same
        whole = right(1)  # what is wrong with a field counts before whether the segment exists

        async def refused(what: str, message: Sequence[Any], requirement: str = "LW-WIRE-4") -> None:
            await it.refused(f"{name} with {what}", "invalid_field", message, requirement=requirement)

        await it.accepted(f"{name} as it should be", right)
        for at, (field, wrong) in enumerate(fields, 1):
            for value in wrong[::step]:
                await refused(f"{field} {m.shown(value)}", [*whole[:at], value, *whole[at + 1 :]])
            if wrong[: len(INT)] == INT:
                for value in BEYOND[::step]:
                    await refused(f"{field} {value}", [*whole[:at], value, *whole[at + 1 :]], "LW-WIRE-3")
        for length in range(1, len(whole) - OPTIONAL.get(name, 0), step):
            await refused(f"{length - 1} fields alone", whole[:length])


for _name, (_features, _right, _fields) in SHAPES.items():
    _fields_case(_name, _features, _right, _fields)


WELCOME: Final[dict[str, tuple[Any, ...]]] = {
    "version": INT,
    "session": (None, 1, "x" * 16, b"", bytes(15), bytes(17), [1] * 16),
    "generation": ID,
    "format": (None, 1, "s16le", {}, [], ["s16le", 24_000], ["s16le", 24_000, 1, 1], [b"s16le", 24_000, 1],
               ["s16le", 24_000.0, 1], ["s16le", 24_000, True], ["s16le", "24000", 1]),
    "features": (None, 1, "repair", {}, [1], [None], [b"repair"]),
    "limits": (None, 1, "x", [], b"", True),
    "secret": (1, "x" * 16, bytes(15), bytes(65), [], {}),
    "state": (1, "x", {}, [], [0], [0, None], [0, {}], [0, [[1, 0, 0]]], [0, [[1, 0, 0, None, 0]]], [None, []],
              [0, [[0, 0, 0, None]]], [0, [[1, 1.0, 0, None]]], [0, [[1, 0, 0, "x"]]]),
    "info": (1, "x", [], b"", True),
}  # fmt: skip


@case(
    "sender.fields.welcome",
    "LW-WIRE-4",
    "LW-WIRE-3",
    why="each field of welcome is held against its type and range before the session is open",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    step = 3 if it.kind == "webrtc" else 1
    for at, (field, wrong) in enumerate(WELCOME.items(), 1):
        for value in wrong[::step]:
            await it.refused(f"{field} {m.shown(value)}", "invalid_field", _welcome(at, value), first=True)
    for at, what, value in (
        (1, "version", -1),
        (3, "generation", 2**53),
        (4, "rate", ["s16le", 2**53, 1]),
        (8, "count in state", [2**53, []]),
    ):
        await it.refused(f"{what} {m.shown(value)}", "invalid_field", _welcome(at, value), first=True,
                         requirement="LW-WIRE-3")  # fmt: skip
    for length in range(1, 7, step):
        await it.refused(f"{length - 1} fields alone", "invalid_field",
                         lambda other, length=length: other.make_welcome()[:length], first=True)  # fmt: skip


def _welcome(at: int, value: Any) -> Callable[[SenderPlay], list[Any]]:
    """A welcome with one field other than usual."""

    def make(other: SenderPlay) -> list[Any]:
        whole = other.make_welcome()
        return [*whole[:at], value, *whole[at + 1 :]]

    return make


@case(
    "sender.fields.welcome_at_its_limits",
    "LW-WIRE-4",
    "LW-LIMIT-2",
    "LW-WIRE-3",
    why="what is just within is fine, and a free map may hold any integer",
)
async def _(it: SenderPlay) -> None:
    await it.accepted("info of 16,384 bytes", opening={"info": m.content(16_384)}, requirement="LW-LIMIT-2")
    free = {"beyond": 2**64 - 1, "below": -(2**63), "in": [2**53, 1.5, None, {"a": b"x"}]}
    await it.accepted("any value within info", opening={"info": free}, requirement="LW-WIRE-3")
    await it.accepted("an empty info", opening={"info": {}})


@case(
    "sender.fields.largest_maps",
    "LW-LIMIT-2",
    why="16,384 bytes in the shortest encoding: how it was written makes no difference",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    large = m.content(16_385)
    await it.refused("info of 16,385 bytes", "limit_exceeded", welcome_with(info=large), first=True)
    usual = len(m.packed({"window": 48_000, "message": 65_536, "segments": 64, "cooldown": 300, "resume": 10_000,
                          "keepalive": 5_000}))  # fmt: skip
    for what, size, fits in (("16,384", 16_384, True), ("16,385", 16_385, False)):
        more = m.content(size - usual + 1)  # the head of the one map is there already
        if fits:
            await it.accepted(f"limits of {what} bytes", opening={"limits": more})
        else:
            await it.refused(f"limits of {what} bytes", "limit_exceeded", welcome_with(limits=more), first=True)
    await it.accepted("info of 16,384 bytes, written at length", opening={"info": m.content(16_384)})
    whole = {f"com.example.k{n}": [n, {"x": n % 100}] for n in range(500)}
    assert len(m.packed(whole)) <= 16_384 < len(m.wide(whole))
    other = await it.another()
    await other.meet()
    other.send_exactly(m.wide(other.make_welcome(info=whole)))
    await other.goes_on()
    await other.leave()


@case(
    "sender.fields.cut_upside_down",
    "LW-WIRE-4",
    why="the registry says that last is not below first; such a cut shows that the peers disagree",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    first = await it.say(m.pcm(480))
    second = await it.say(m.pcm(480))
    await it.arrives(first, 480)
    await it.arrives(second, 480)
    it.send(m.cut(second, first))
    await it.closes("invalid_field")


@case(
    "sender.fields.cut_of_too_many",
    "LW-WIRE-4",
    why="a cut lists no more segments than can be live at a time, which is what makes room for them enough",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"segments": 4})
    said = [await it.say(m.pcm(480)) for _ in range(4)]
    await it.arrives(said[-1], 480)
    rows = [[segment, 0] for segment in said]
    it.send(m.cut(said[0], said[-1], rows))
    await it.goes_on()
    it.send(m.cut(said[0], said[-1], [*rows, rows[-1]]))
    await it.closes("invalid_field")


@case(
    "sender.fields.largest_content",
    "LW-LIMIT-2",
    why="content is bounded as info is",
    features=("custom",),
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await it.accepted("16,384 bytes", m.custom(m.content(16_384)))
    await it.refused("16,385 bytes", "limit_exceeded", m.custom(m.content(16_385)))


@case(
    "sender.fields.floats_in_content",
    "LW-LIMIT-2",
    why="a language that has 64-bit floats alone writes each in 9 bytes, and one that has both may write 5",
    features=("custom",),
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await wire_of_both_roles.floats(it, m.custom)


@case(
    "sender.fields.greatest_integers",
    "LW-WIRE-3",
    why="2^53 - 1 is an integer like any other, and all that every language holds",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    most = 2**53 - 1
    it.send(m.ping(most))
    await it.expect("pong", t1=most)
    it.send(m.pong(most, most, most), m.pong(0, 0, 0))
    segment = await it.say(m.pcm(480))
    await it.arrives(segment, 480, "LW-WIRE-3")
    it.send(m.progress(segment, 480, 480, 480, clock=most, delay=most), m.stream_started(segment, most))
    await it.told("stream_started", segment=segment)
    it.send(m.stream_ended(segment, 480, False, most))
    await it.ends(segment, 480, interrupted=False, requirement="LW-WIRE-3")
    await it.goes_on()
