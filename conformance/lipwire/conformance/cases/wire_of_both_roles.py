"""What a sender and a receiver are asked alike about the wire and its limits (SPEC §2): tables, and steps."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from .. import messages as m
from ..tables import Tables

EXTENSIONS: Final = {
    "fixext 1": b"\xd4\x05\x00",
    "fixext 2": b"\xd5\x05\0\0",
    "fixext 4, a timestamp": b"\xd6\xff\0\0\0\0",
    "fixext 8, a timestamp": b"\xd7\xff" + bytes(8),
    "fixext 16": b"\xd8\x05" + bytes(16),
    "ext 8": b"\xc7\x03\x05\0\0\0",
    "ext 16": b"\xc8\x00\x01\x05\0",
    "ext 32": b"\xc9\0\0\0\x01\x05\0",
    "ext 8, a timestamp": b"\xc7\x0c\xff" + bytes(12),
}
NOT_UTF_8: Final = {
    "a stray byte": b"\xa2\xff\xfe",
    "a sequence that ends too early": b"\xa2ab"[:2] + b"\xc3",
    "an overlong one": b"\xa2\xc0\x80",
    "a surrogate": b"\xa3\xed\xa0\x80",
    "a code point beyond the last": b"\xa4\xf4\x90\x80\x80",
}
MALFORMED: Final[dict[str, m.Raw]] = {
    "nothing at all": b"",
    "a head without its length": b"\x92\x10\xdb\0\0",
    "a byte behind the message": b"\x92\x04\x05\x00",
    "two messages in one": m.packed(m.ping(1)) * 2,
    "a map": b"\x81\x04\xa0",
    "an integer": b"\x04",
    "nil": b"\xc0",
    "an empty array": b"\x90",
    "text in the place of the type": b"\x91\xa5hello",
    "a float in the place of the type": [4.0, 1],
    "true in the place of the type": [True, 1],
    "nil in the place of the type": [None, 1],
    "an array in the place of the type": [[4], 1],
    "a byte that MessagePack does not use": b"\x92\x40\xc1",
    "an ignorable type that ends too early": b"\x92\x40",
    "an ignorable type with text that is not UTF-8": b"\x92\x40\xa2\xff\xfe",
    "an element more with text that is not UTF-8": b"\x93\x04\x01\xa2\xff\xfe",
}
FIRST_RULES: Final[Sequence[tuple[str, str, m.Raw]]] = (
    ("size before whole", "message_too_large", bytes([0xC1]) * 4_097),
    ("size before depth", "message_too_large", m.sized([64, m.nested(20)], 4_097)),
    ("size before counts", "message_too_large", [64, [0] * 4_097]),
    ("size before extensions", "message_too_large", b"\x93\x40\xd4\x05\x00\xc5\x10\x00" + bytes(4_096)),
    ("size before type", "message_too_large", m.sized([32], 4_097)),
    ("size before fields", "message_too_large", m.sized([4, None], 4_097)),
    ("whole before type", "malformed", b"\x92\x20"),
    ("depth before type", "limit_exceeded", [32, m.nested(8)]),
    ("counts before type", "limit_exceeded", [32, [0] * 1_025]),
    ("extensions before type", "invalid_field", b"\x92\x20\xd4\x05\x00"),
    ("UTF-8 before type", "malformed", b"\x92\x20\xa1\xff"),
    ("depth before fields", "limit_exceeded", [4, -1, m.nested(8)]),
    ("type before anything in it", "unknown_message", [32, 2**60, -5, 1.5]),
)
"""Of two rules that a message breaks, the first one counts; messages of at most 4,096 bytes are taken."""


async def wide_integers(it: Tables) -> None:
    """Pings with integers in each wide form, and a type in it as well, are answered."""
    for at, (head, width) in enumerate(zip(range(0xCC, 0xD4), (1, 2, 4, 8) * 2, strict=True), 40):
        for kind in (b"\x04", bytes([head]) + (4).to_bytes(width, "big")):
            it.send_exactly(b"\x92" + kind + bytes([head]) + at.to_bytes(width, "big"))
            await it.expect("pong", t1=at)


async def unknown_types(it: Tables) -> None:
    """Types that are for later versions are refused."""
    for number in (0, 8, 15, 32, 63, 128, 255, 65_536, 2**53 - 1, -1, -128):
        await it.refused(f"type {number}", "unknown_message", [number, 1])


async def extensions(it: Tables) -> None:
    """Extensions are refused, wherever they are."""
    for what, data in EXTENSIONS.items():
        await it.refused(f"{what}, in the place of a field", "invalid_field", b"\x92\x04" + data)
    data = EXTENSIONS["fixext 1"]
    await it.refused("one in a type to be ignored", "invalid_field", b"\x92\x40" + data)
    await it.refused("one deep in a type to be ignored", "invalid_field", b"\x92\x40\x91\x81\xa1a" + data)
    await it.refused("one in an element more", "invalid_field", b"\x93\x04\x01" + data)


def maps(levels: int) -> Any:
    """So many maps in each other."""
    inner: Any = 1
    for _ in range(levels):
        inner = {"a": inner}
    return inner


def pairs(count: int) -> dict[str, Any]:
    """A map of so many pairs."""
    return {f"{n}": n for n in range(count)}


async def depth(it: Tables, places: Mapping[str, Callable[[int], m.Raw]]) -> None:
    """8 levels are taken and 9 refused, in what is to be ignored, and in ``places``."""
    everywhere: dict[str, Callable[[int], m.Raw]] = {
        "in a type to be ignored": lambda deep: [64, m.nested(deep)],
        "in a type to be ignored, of maps": lambda deep: [64, maps(deep)],
        "in an element more": lambda deep: [*m.ping(1), m.nested(deep)],
        **places,
    }
    for what, levels in everywhere.items():
        await it.accepted(f"8 levels {what}", levels(7))
        await it.refused(f"9 levels {what}", "limit_exceeded", levels(8))
    await it.refused("10,000 levels", "limit_exceeded", b"\x92\x40" + b"\x91" * 10_000 + b"\xc0")
    await it.refused("10,000 levels of maps", "limit_exceeded", b"\x92\x40" + b"\x81\xa1a" * 10_000 + b"\xc0")


async def entries(it: Tables, places: Mapping[str, Callable[[int], m.Raw]]) -> None:
    """1,024 entries are taken and 1,025 refused, in what is to be ignored, and in ``places``."""
    everywhere: dict[str, Callable[[int], m.Raw]] = {
        "of an array to be ignored": lambda count: [64, [0] * count],
        "of a map to be ignored": lambda count: [64, pairs(count)],
        "of the message itself": lambda count: [64, *[0] * (count - 1)],
        "of an element more": lambda count: [*m.ping(1), [None] * count],
        **places,
    }
    for what, made in everywhere.items():
        await it.accepted(f"1,024 entries {what}", made(1_024))
        await it.refused(f"1,025 entries {what}", "limit_exceeded", made(1_025))


async def floats(it: Tables, message: Callable[[dict[str, Any]], Any], requirement: str | None = None) -> None:
    """In the shortest encoding a float has 5 bytes where 32 bits hold it, and 9 otherwise, however it is sent."""
    for what, value, size in (("5", 0.5, 5), ("5", -16_777_216.0, 5), ("9", 0.1, 9), ("9", 1e300, 9)):
        for total, fits in ((16_384, True), (16_385, False)):
            content = {"com.example.floats": [value] * 1_000}
            padded = {**content, **m.content(total - len(m.packed(content)) + (9 - size) * 1_000 + 1)}
            words = f"{total:,} bytes, a thousand floats of {what} among them ({value:g})"
            if fits:
                await it.accepted(words, message(padded), requirement=requirement)
            else:
                await it.refused(words, "limit_exceeded", message(padded), requirement=requirement)


async def claims(it: Tables) -> None:
    """Heads that claim more than is there, or than anybody may have, are refused."""
    either = ("limit_exceeded", "malformed")  # too many entries, and not whole
    for what, data in {
        "an array of 2^32 - 1 entries": b"\xdd\xff\xff\xff\xff",
        "a map of 2^32 - 1 pairs": b"\xdf\xff\xff\xff\xff",
        "an array of 65,535 entries": b"\xdc\xff\xff",
        "arrays in arrays of 1,025 entries each": b"\xdc\x04\x01" * 7,
        "a map in a field": b"\x80\xdf\xff\xff\xff\xff",
    }.items():
        await it.refused(what, either, b"\x92\x40" + data)
    for what, data in {
        "a binary of 4 GiB": b"\xc6\xff\xff\xff\xff",
        "a string of 4 GiB": b"\xdb\xff\xff\xff\xff",
        "bytes of 2 GiB": b"\xc6\x7f\xff\xff\xff\0\0",
    }.items():
        await it.refused(what, "malformed", b"\x92\x40" + data, requirement="LW-WIRE-7")
