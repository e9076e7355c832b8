"""Bytes that no library writes by itself and every peer has to read: wide, long, more than is known (SPEC §2)."""

from __future__ import annotations

import struct
from typing import Any, Final

from .messages import FORMAT, HELLO, SESSION, WELCOME
from .row import Hex, Row, valid

_S: Final = SESSION.hex()

_INTEGERS: Final = (
    ("uint8", "cc 05"), ("uint16", "cd 0005"), ("uint32", "ce 00000005"), ("uint64", "cf 0000000000000005"),
    ("int8", "d0 05"), ("int16", "d1 0005"), ("int32", "d2 00000005"), ("int64", "d3 0000000000000005"),
)  # fmt: skip
_ARRAYS: Final = (("array16", "dc {:04x}"), ("array32", "dd {:08x}"))

# name, bytes, what they mean, requirement ids, why
_Row = tuple[str, str, list[Any], tuple[str, ...], str]

_WIDE: Final[tuple[_Row, ...]] = (
    *(
        (f"integer.{width}", f"92 04 {data}", [4, 5], ("LW-WIRE-2",), f"5 as {width}")
        for width, data in _INTEGERS
    ),
    *(
        (f"type.{width}", f"92 {data.replace('5', '4')} 05", [4, 5], ("LW-WIRE-2",), f"the message type as {width}")
        for width, data in _INTEGERS
    ),
    ("integer.zero_in_9_bytes", "92 04 cf0000000000000000", [4, 0], ("LW-WIRE-2",), "0 as uint64"),
    ("integer.greatest_signed", "92 04 d3 001fffffffffffff", [4, 2**53 - 1], ("LW-WIRE-2", "LW-WIRE-3"),
     "2^53 - 1 as int64"),
    ("integer.within_rows", "93 1e d10001 dc0001 dd00000002 d300000000000001e0 ce000003c0", [30, 1, [[480, 960]]],
     ("LW-WIRE-2",), "wide integers and long arrays within a field"),
    ("integer.in_hello", f"98 01 a76c697077697265 91 d300000000 00000001 c410{_S} ce00000001 91 93 a57331366c65 "
     "d3 0000000000005dc0 d10001 90 81 a76d657373616765 cf0000000000010000",
     [*HELLO[:7], {"message": 65_536}], ("LW-WIRE-2",), "in versions, formats and limits too"),
    # -- long forms of the other heads
    ("text.str8", "93 03 00 d9 03 627965", [3, 0, "bye"], ("LW-WIRE-7",), "str 8 of 3 bytes"),
    ("text.str16", "93 03 00 da 0003 627965", [3, 0, "bye"], ("LW-WIRE-7",), "str 16 of 3 bytes"),
    ("text.str32", "93 03 00 db 00000003 627965", [3, 0, "bye"], ("LW-WIRE-7",), "str 32 of 3 bytes"),
    ("text.empty_str32", "93 03 00 db 00000000", [3, 0, ""], ("LW-WIRE-7",), "str 32 of no bytes"),
    ("text.byte_order_mark", "93 03 00 a4 efbbbf 78", [3, 0, "\ufeffx"], ("LW-WIRE-7",),
     "a byte order mark is a character like any other"),
    ("text.greatest_code_point", "93 03 00 a4 f48fbfbf", [3, 0, "\U0010ffff"], ("LW-WIRE-7",), "U+10FFFF"),
    ("text.noncharacter", "93 03 00 a3 efbfbf", [3, 0, "\uffff"], ("LW-WIRE-7",), "U+FFFF is UTF-8"),
    ("key.str32", "93 10 01 81 db00000004 74657874 a24869", [16, 1, {"text": "Hi"}], ("LW-WIRE-7",), "a key as str 32"),
    ("binary.bin16", "95 11 01 00 00 c5 0002 e803", [17, 1, 0, 0, b"\xe8\x03"], ("LW-WIRE-7",), "bin 16 of 2 bytes"),
    ("binary.bin32", "95 11 01 00 00 c6 00000002 e803", [17, 1, 0, 0, b"\xe8\x03"], ("LW-WIRE-7",),
     "bin 32 of 2 bytes"),
    *(
        (f"message.{name}", f"{head.format(2)} 04 05", [4, 5], ("LW-WIRE-7",), f"the message itself as {name}")
        for name, head in _ARRAYS
    ),
    *(
        (f"list.{name}", f"94 15 01 01 {head.format(1)} {head.format(2)} 01 07", [21, 1, 1, [[1, 7]]], ("LW-WIRE-7",),
         f"a list and its row as {name}")
        for name, head in _ARRAYS
    ),
    *(
        (f"list.empty_{name}", f"94 15 01 01 {head.format(0)}", [21, 1, 1, []], ("LW-WIRE-7",), f"an empty {name}")
        for name, head in _ARRAYS
    ),
    ("map.map16", "93 10 01 de 0001 a161 01", [16, 1, {"a": 1}], ("LW-WIRE-7",), "map 16 of one pair"),
    ("map.map32", "93 10 01 df 00000001 a161 01", [16, 1, {"a": 1}], ("LW-WIRE-7",), "map 32 of one pair"),
    ("map.empty_map32", "93 10 01 df 00000000", [16, 1, {}], ("LW-WIRE-7",), "map 32 of no pair"),
    ("numbered.long_inside", "dd00000004 ce00000006 cd0001 d000 dc0003 cc13 d200000001 cf0000000000000003",
     [6, 1, 0, [19, 1, 3]], ("LW-WIRE-2", "LW-CONTROL-7"), "the message inside is written at length as well"),
    ("hello.all_of_it_long",
     f"dd0000000c cf0000000000000001 db00000007 6c697077697265 dc0001 d30000000000000001 c600000010{_S} d001 "
     "dd00000001 dc0003 da00057331366c65 d200005dc0 cd0001 dc0000 df00000000 c0 c0 c0 a178",
     HELLO, ("LW-WIRE-2", "LW-WIRE-5", "LW-WIRE-6", "LW-WIRE-7"),
     "every head long, absent fields as nil, an element more"),
    # -- free maps
    ("free.float32", "93 10 01 81 a161 ca 3fc00000", [16, 1, {"a": 1.5}], ("LW-WIRE-7",), "1.5 as float 32"),
    ("free.float64", "93 10 01 81 a161 cb 3ff8000000000000", [16, 1, {"a": 1.5}], ("LW-WIRE-7",), "1.5 as float 64"),
    ("free.whole_float", "93 10 01 81 a161 ca 40000000", [16, 1, {"a": 2.0}], ("LW-WIRE-4",),
     "2.0 is a float, and free maps have them"),
    ("free.infinity", "93 10 01 82 a161 ca 7f800000 a162 cb fff0000000000000",
     [16, 1, {"a": float("inf"), "b": float("-inf")}], ("LW-WIRE-7",), "infinities are floats"),
    ("free.not_a_number", "93 10 01 81 a161 cb 7ff8000000000000", [16, 1, {"a": float("nan")}], ("LW-WIRE-7",),
     "not a number, and a float all the same"),
    ("free.minus_zero", "93 10 01 81 a161 cb 8000000000000000", [16, 1, {"a": -0.0}], ("LW-WIRE-7",), "-0.0"),
    ("free.beyond_2_to_53", "93 10 01 82 a161 cf 0020000000000000 a162 d3 ffdfffffffffffff",
     [16, 1, {"a": 2**53, "b": -(2**53) - 1}], ("LW-WIRE-3",), "integers within free maps are not restricted"),
    ("free.repeated_key", "93 10 01 83 a161 01 a162 02 a161 03", [16, 1, {"a": 3, "b": 2}], ("LW-WIRE-12",),
     "of a key that comes twice the last value counts"),
    ("free.repeated_key_deeper", "93 10 01 81 a178 82 a161 01 a161 c0", [16, 1, {"x": {"a": None}}], ("LW-WIRE-12",),
     "so it is at any depth"),
    ("free.eight_levels", "93 10 01 81 a161 91 91 91 91 91 90", [16, 1, {"a": [[[[[[]]]]]]}], ("LW-WIRE-9",),
     "the message, the map, and six arrays in each other"),
    ("free.eight_levels_of_maps", "93 10 01 81a161 81a161 81a161 81a161 81a161 81a161 80",
     [16, 1, {"a": {"a": {"a": {"a": {"a": {"a": {}}}}}}}], ("LW-WIRE-9",), "a map is a level as an array is"),
    # -- absent fields as nil
    ("absent.metadata_as_nil", "93 10 01 c0", [16, 1], ("LW-WIRE-6",), "absent and written out"),
    ("absent.highest_as_nil", "98 1c 01 05 05 c0 00 00 c0", [28, 1, 5, 5, None, 0, 0], ("LW-WIRE-6",),
     "absent and written out"),
    ("absent.retry_and_details_as_nil", "95 03 00 a0 c0 c0", [3, 0, ""], ("LW-WIRE-6",), "absent and written out"),
    ("absent.one_of_two", "94 03 00 a0 c0", [3, 0, ""], ("LW-WIRE-6",), "one written out, one left off"),
)  # fmt: skip

_EMPTY: Final = ("22", "23")
_MORE: Final[tuple[tuple[str, list[Any]], ...]] = (
    ("hello", [*HELLO, None, None, None]), ("welcome", [*WELCOME, None, None, None]), ("close", [3, 0, "", None, None]),
    ("ping", [4, 1]), ("pong", [5, 1, 2, 3]), ("numbered", [6, 1, 0, [22]]), ("acknowledge", [7, 1]),
    ("segment_start", [16, 1, None]), ("audio", [17, 1, 0, 0, b"\0\0"]), ("sent", [18, 1, 0]),
    ("segment_end", [19, 1, 0]), ("interrupt", [20, 1, 1]), ("cut", [21, 1, 1, []]), ("pause", [22]), ("unpause", [23]),
    ("mark", [24, 1, 0, "x"]), ("mark_reached", [25, 1, "x"]), ("data", [26, 1, 0, {}]), ("stream_started", [27, 1, 0]),
    ("progress", [28, 1, 0, 0, None, 0, 0, None]), ("stream_ended", [29, 1, 0, False, 0]), ("nack", [30, 1, [[0, 1]]]),
    ("custom", [31, {}]),
)  # fmt: skip
"""All fields of each message, so that what follows is beyond them."""

# What is wrong behind code and reason of a close is read as nil; it is never answered.
_CLOSES: Final = (
    ("retry_negative", "94 03 26 a0 ff", "a time below 0"),
    ("retry_float", "94 03 26 a0 ca 447a0000", "a float is no integer"),
    ("retry_text", "94 03 26 a0 a131", "text is no integer"),
    ("retry_beyond", "94 03 26 a0 cf 0020000000000000", "above 2^53 - 1"),
    ("details_array", "95 03 26 a0 c0 91 01", "a list is no map"),
    ("details_with_other_keys", "95 03 26 a0 c0 81 01 02", "a key that is no text"),
)


def rows() -> list[Row]:
    """``encodings.json``."""
    made = [valid(name, Hex(data), *ids, why=why, meaning=meaning) for name, data, meaning, ids, why in _WIDE]
    extras = [None, 2.5, {"a": [1]}, {3: 4}, -1, 2**64 - 1]
    made += [
        valid(f"{name}.elements_more", [*whole, *extras], "LW-WIRE-5", meaning=whole,
              why="later revisions of version 1 add fields at the end")
        for name, whole in _MORE
    ]  # fmt: skip
    made += [
        valid("numbered.elements_more_inside", [6, 1, 0, [19, 1, 3, {3: 4}, "x"]], "LW-WIRE-5", "LW-CONTROL-7",
              meaning=[6, 1, 0, [19, 1, 3]], why="the message inside may have new fields as well"),
        valid("ping.1024_elements", [4, 1, *[0] * 1_022], "LW-WIRE-5", "LW-WIRE-9", meaning=[4, 1],
              why="as many entries as an array may have"),
        valid("ping.more_with_1024_pairs", [4, 1, dict.fromkeys(range(1_024), 0)], "LW-WIRE-5", "LW-WIRE-9",
              meaning=[4, 1], why="a pair is one entry of a map"),
        valid("ping.4096_bytes", [4, 1, bytes(4_090)], "LW-WIRE-8", meaning=[4, 1], limit=4_096,
              why="as large as the limit announced"),
        valid("hello.other_formats_around", [*HELLO[:5], [["opus", 0, 0], FORMAT, ["é", 7, 8]], [], {}], "LW-FORMAT-1",
              why="formats that are not known, of any name, are skipped"),
        valid("hello.empty_format_name", [*HELLO[:5], [["", 1, 1], FORMAT], [], {}], "LW-FORMAT-1",
              why="a name of no bytes is a name that is not known"),
    ]  # fmt: skip
    made += [
        valid(f"close.{name}", Hex(data), "LW-INVARIANT-5", meaning=[3, 38, ""], why=f"{why}: read as nil")
        for name, data, why in _CLOSES
    ]
    return made


def large_rows() -> list[Row]:
    """The unusual ones of ``large.json``."""
    pairs = {f"{n:03}": 1 for n in range(1_000)}
    wide = "".join(f"db00000003{key.encode().hex()}d30000000000000001" for key in pairs)
    halves = [n + 0.5 for n in range(1_024)]
    narrow = "dc0400" + "".join(f"ca{struct.pack('>f', half).hex()}" for half in halves)
    return [
        valid(
            "segment_start.wide_metadata",
            Hex(f"93 10 01 df{len(pairs):08x}{wide}"),
            "LW-LIMIT-2",
            meaning=[16, 1, pairs],
            why="17,005 bytes as it comes, 5,003 in its shortest encoding, which is what counts",
        ),
        valid(
            "segment_start.metadata_of_float32",
            Hex(f"93 10 01 83 a161{narrow} a162{narrow} a163{narrow}"),
            "LW-LIMIT-2",
            meaning=[16, 1, {"a": halves, "b": halves, "c": halves}],
            why="15,376 bytes as it comes; a library that reads it and writes float 64 makes 27,664 of it",
        ),
    ]
