"""What is refused, or passed over, before its fields are looked at: size, structure, type (LW-WIRE-14)."""

from __future__ import annotations

from typing import Final

from .row import Elements, Hex, Row, ignored, invalid, nested

_Row = tuple[str, Elements, str | tuple[str, ...], tuple[str, ...], str]

_SIZE: Final[tuple[_Row, ...]] = tuple(
    (f"size.{name}", message, "message_too_large", ids, why)
    for name, message, ids, why in (
        ("ping", [4, 1, bytes(4_091)], ("LW-WIRE-8",), "one byte above the limit announced"),
        ("junk", b"\xc1" * 4_097, ("LW-WIRE-8", "LW-WIRE-14"), "size comes before structure"),
        ("depth", [64, nested(20), bytes(4_096)], ("LW-WIRE-8", "LW-WIRE-14"), "size comes before depth"),
        ("counts", [64, [0] * 4_097], ("LW-WIRE-8", "LW-WIRE-14"), "size comes before counts"),
        ("type", [32, bytes(4_096)], ("LW-WIRE-8", "LW-WIRE-14"), "size comes before the type"),
        ("ignorable", [64, bytes(4_096)], ("LW-WIRE-8", "LW-WIRE-14"), "what is to be ignored has a size too"),
        ("field", [4, -1, bytes(4_096)], ("LW-WIRE-8", "LW-WIRE-14"), "size comes before fields"),
    )
)

_NOT_UTF_8: Final = (
    ("stray_byte", "a1 ff", "ff is never part of UTF-8"),
    ("continuation_alone", "a1 80", "a continuation byte without a beginning"),
    ("cut_off", "a1 c3", "a sequence without its second byte"),
    ("cut_off_of_three", "a2 e282", "a sequence without its third byte"),
    ("overlong_nul", "a2 c080", "NUL in two bytes"),
    ("overlong_slash", "a3 e080af", "a slash in three bytes"),
    ("surrogate", "a3 eda080", "half of a pair"),
    ("surrogate_pair", "a6 eda081edb080", "CESU-8 is not UTF-8"),
    ("beyond_the_last", "a4 f4908080", "U+110000"),
    ("five_bytes", "a5 f888808080", "a sequence of five bytes"),
    ("latin_1", "a4 636166e9", "café in Latin-1"),
)
_EXTENSIONS: Final = (
    ("fixext1", "d4 05 00"), ("fixext2", "d5 05 0000"), ("fixext4", "d6 05 00000000"),
    ("fixext8", "d7 05 0000000000000000"), ("fixext16", "d8 05 00000000000000000000000000000000"),
    ("ext8", "c7 03 05 000000"), ("ext8_empty", "c7 00 05"), ("ext16", "c8 0001 05 00"), ("ext32", "c9 00000001 05 00"),
    ("timestamp32", "d6 ff 00000000"), ("timestamp64", "d7 ff 0000000000000000"),
    ("timestamp96", "c7 0c ff 000000000000000000000000"),
)  # fmt: skip
_LONG: Final = "01" * 1_025
_PAIRS: Final = "".join(f"a3{f'{n:03x}'.encode().hex()}01" for n in range(1_025))

_STRUCTURE: Final[tuple[_Row, ...]] = (
    # -- whole
    *(
        (f"whole.{name}", Hex(data) if isinstance(data, str) else data, "malformed", ids or ("LW-WIRE-7",), why)
        for name, data, ids, why in (
            ("nothing", "", (), "a message of no bytes"),
            ("map", "81 04 a0", (), "a map in place of an array"),
            ("integer", "04", (), "an integer in place of an array"),
            ("nil", "c0", (), "nil in place of an array"),
            ("text", "a768656c6c6f2121", (), "a MessagePack string in place of an array"),
            ("empty_array", "90", (), "no message type"),
            ("ends_too_early", "95 11 01 00", (), "an array of five with four elements"),
            ("ends_within_an_integer", "92 04 cf 000000", (), "three bytes of eight"),
            ("ends_within_a_float", "92 04 cb 3ff0", (), "two bytes of eight"),
            ("ends_within_a_head", "92 10 db 0000", (), "two bytes of a length of four"),
            ("ends_within_a_text", "93 03 00 a5 6279", (), "two bytes of five"),
            ("ends_within_a_binary", "95 11 01 00 00 c4 04 e803", (), "two bytes of four"),
            ("ends_within_a_map", "93 10 01 82 a161 01", (), "one pair of two"),
            ("ends_within_a_pair", "93 10 01 81 a161", (), "a key without a value"),
            ("ends_before_a_list", "94 15 01 01", (), "an array of four with three elements"),
            ("length_far_beyond_the_end", "92 10 c6 ffffffff", (),
             "4 GiB of binary are claimed: take no memory for it"),
            ("text_length_far_beyond_the_end", "92 10 db ffffffff", (), "4 GiB of text are claimed"),
            ("byte_behind", "92 04 05 00", ("LW-WIRE-1", "LW-WIRE-7"), "a byte follows the message"),
            ("nil_behind", "92 04 05 c0", ("LW-WIRE-1", "LW-WIRE-7"), "nil follows the message"),
            ("two_messages", "92 04 05 92 04 06", ("LW-WIRE-1", "LW-WIRE-7"), "two messages in one"),
            ("unused_byte", "92 04 c1", (), "the byte that MessagePack does not use"),
            ("unused_byte_in_a_list", "94 15 01 01 91 c1", (), "wherever it stands"),
            ("unused_byte_in_what_is_ignored", "92 40 c1", ("LW-WIRE-7", "LW-WIRE-14"),
             "structure is checked there too"),
            ("ignorable_ends_too_early", "92 40", ("LW-WIRE-7", "LW-WIRE-14"), "structure is checked there too"),
            ("type_before", "92 20", ("LW-WIRE-7", "LW-WIRE-14"), "structure comes before the type"),
            ("interrupt_of_version_0", b"INTERRUPT", (), "the nine bytes that version 0 sends"),
            ("pcm", "00 00 01 00 02 00", (), "raw samples, as version 0 sends them"),
        )
    ),
    # -- the message type
    *(
        (f"type_is.{name}", Hex(data), "malformed", ("LW-WIRE-7",), f"{what} is no message type")
        for name, data, what in (
            ("text", "91 a568656c6c6f", "text"), ("binary", "91 c40104", "a binary"), ("nil", "92 c0 01", "nil"),
            ("true", "92 c3 01", "true"), ("false", "92 c2 01", "false"), ("array", "92 91 04 01", "an array"),
            ("map", "92 80 01", "a map"), ("float32", "92 ca 40800000 01", "the float 4.0"),
            ("float64", "92 cb 4010000000000000 01", "the float 4.0"),
            ("ignorable_as_float", "91 ca 42800000", "the float 64.0"),
        )
    ),
    # -- depth and counts
    *(
        (f"depth.{name}", Hex(data), "limit_exceeded", ids, why)
        for name, data, ids, why in (
            ("nine_arrays", "92 40 91 91 91 91 91 91 91 90", ("LW-WIRE-9",), "the ninth level is an empty array"),
            ("nine_levels_with_a_value", "92 40 91 91 91 91 91 91 91 91 c0", ("LW-WIRE-9",),
             "a value in the ninth level"),
            ("nine_maps", "93 10 01 81a161 81a161 81a161 81a161 81a161 81a161 81a161 80", ("LW-WIRE-9",),
             "a map is a level as an array is"),
            ("key", "92 40 91 91 91 91 91 91 81 90 01", ("LW-WIRE-9",), "a key can be too deep as well"),
            ("hundred", "92 40" + "91" * 100 + "c0", ("LW-WIRE-9",), "no stack overflows"),
            ("beyond_the_fields", "93 04 01 91 91 91 91 91 91 91 91 c0", ("LW-WIRE-9", "LW-WIRE-5"),
             "in what is not known yet"),
            ("before_type", "92 20 91 91 91 91 91 91 91 91 c0", ("LW-WIRE-9", "LW-WIRE-14"),
             "structure comes before the type"),
            ("before_fields", "93 04 ff 91 91 91 91 91 91 91 91 c0", ("LW-WIRE-9", "LW-WIRE-14"),
             "structure comes before fields"),
        )
    ),
    *(
        (f"count.{name}", Hex(data), "limit_exceeded", ids, why)
        for name, data, ids, why in (
            ("message", f"dc 0402 04 01 {'00' * 1_024}", ("LW-WIRE-9",), "the message itself has 1,026 elements"),
            ("array", f"92 40 dc 0401 {_LONG}", ("LW-WIRE-9",), "an array of 1,025"),
            ("array32", f"92 40 dd 00000401 {_LONG}", ("LW-WIRE-9",), "an array of 1,025, by a long head"),
            ("map", f"93 10 01 de 0401 {_PAIRS}", ("LW-WIRE-9",), "a map of 1,025 pairs"),
            ("list_in_a_field", f"94 15 01 01 dc 0401 {'920100' * 1_025}", ("LW-WIRE-9", "LW-WIRE-14"),
             "structure comes before fields"),
            ("claimed_array", "92 40 dc 0401", ("LW-WIRE-9",),
             "it is found out before memory is taken, and before the end"),
            ("before_type", f"92 20 dc 0401 {_LONG}", ("LW-WIRE-9", "LW-WIRE-14"), "structure comes before the type"),
        )
    ),
    *(
        (f"count.{name}", Hex(data), ("limit_exceeded", "malformed"), ("LW-WIRE-7", "LW-WIRE-9"),
         f"{what}, and the message ends: one is as true as the other")
        for name, data, what in (
            ("claimed_array_of_4_gi", "92 40 dd ffffffff", "2^32 - 1 elements are claimed"),
            ("claimed_map_of_4_gi", "93 10 01 df ffffffff", "2^32 - 1 pairs are claimed"),
            ("claimed_message", "dd ffffffff 04", "a message of 2^32 - 1 elements is claimed"),
        )
    ),
    # -- extensions
    *(
        (f"extension.{name}", Hex(f"92 04 {data}"), "invalid_field", ("LW-WIRE-12",), f"{name} in the place of a field")
        for name, data in _EXTENSIONS
    ),
    *(
        (f"extension.in_{name}", Hex(data), "invalid_field", ids, why)
        for name, data, ids, why in (
            ("metadata", "93 10 01 81 a161 d6ff00000000", ("LW-WIRE-12",), "a timestamp in a free map"),
            ("a_key", "93 10 01 81 d40500 01", ("LW-WIRE-12",), "an extension as a key"),
            ("a_list", "94 15 01 01 91 92 01 d40500", ("LW-WIRE-12",), "in a row"),
            ("what_is_ignored", "92 40 d40500", ("LW-WIRE-12", "LW-WIRE-14"), "structure is checked there too"),
            ("what_is_ignored_deep", "92 40 91 81 a161 d40500", ("LW-WIRE-12", "LW-WIRE-14"), "at any depth"),
            ("what_is_not_known_yet", "93 04 01 d40500", ("LW-WIRE-12", "LW-WIRE-5"), "beyond the fields"),
            ("an_unknown_type", "92 20 d40500", ("LW-WIRE-12", "LW-WIRE-14"), "structure comes before the type"),
        )
    ),
    # -- UTF-8
    *(
        (f"utf8.{name}", Hex(f"93 03 00 {data}"), "malformed", ("LW-WIRE-7",), why) for name, data, why in _NOT_UTF_8
    ),
    *(
        (f"utf8.in_{name}", Hex(data), "malformed", ids, why)
        for name, data, ids, why in (
            ("metadata", "93 10 01 81 a161 a2fffe", ("LW-WIRE-7",), "in a free map"),
            ("a_key", "93 10 01 81 a1ff 01", ("LW-WIRE-7",), "in a key"),
            ("a_deep_key", "93 10 01 81 a161 91 81 a1ff 01", ("LW-WIRE-7",), "in a key, at any depth"),
            ("a_long_text", f"93 03 00 d9 80 {'78' * 127} ff", ("LW-WIRE-7",), "at the end of 128 bytes"),
            ("what_is_ignored", "92 40 a2fffe", ("LW-WIRE-7", "LW-WIRE-14"), "structure is checked there too"),
            ("what_is_not_known_yet", "93 04 01 a1ff", ("LW-WIRE-7", "LW-WIRE-5"), "beyond the fields"),
            ("an_unknown_type", "92 20 a1ff", ("LW-WIRE-7", "LW-WIRE-14"), "structure comes before the type"),
            ("a_wrong_message", "93 10 00 81 a161 a1ff", ("LW-WIRE-7", "LW-WIRE-14"), "structure comes before fields"),
        )
    ),
)  # fmt: skip

_TYPES: Final[tuple[_Row, ...]] = (
    *(
        (f"type.{number}", [number, 1], "unknown_message", ("LW-WIRE-10",),
         f"{number} is not known, and not to be ignored")
        for number in (0, 8, 15, 32, 63, 128, 255, 256, 65_536, 2**53 - 1, 2**64 - 1)
    ),
    ("type.minus_1", [-1, 1], "unknown_message", ("LW-WIRE-10",), "below 0"),
    ("type.minus_64", Hex("91 d0 c0"), "unknown_message", ("LW-WIRE-10",), "64 and a sign"),
    ("type.minus_2_to_63", [-(2**63)], "unknown_message", ("LW-WIRE-10",), "the least integer there is"),
    ("type.before_fields", [32, 2**60, -5, 1.5], "unknown_message", ("LW-WIRE-10", "LW-WIRE-14"),
     "nobody knows the fields of what is not known"),
    ("type.alone", [32], "unknown_message", ("LW-WIRE-10",), "a type and nothing else"),
)  # fmt: skip

_TEXTS: Final = (
    ("word", "hello"), ("empty", ""), ("interrupt_of_version_0", "INTERRUPT"),
    ("segment_end_of_version_0", '{"type": "segment_end"}'), ("probe_of_version_0",
     '{"type": "lipwire", "versions": [1]}'),
    ("what_would_be_a_message", "\x01\x04\x05"),
)  # fmt: skip

_IGNORED: Final = (
    ("64", [64], "the first of the types that may be ignored"),
    ("127", [127], "the last of them"),
    ("with_fields", [99, "this is to be ignored", {"nested": [1, 2.5, None]}], "whatever is in it"),
    (
        "with_everything",
        [64, -1, 1.5, "", b"", {}, {1: 2}, 2**64 - 1, True],
        "nothing of it has a type to be held against",
    ),
    ("wide", Hex("91 d3 0000000000000040"), "64 as int64"),
    ("long", Hex("dd 00000001 cc 7f"), "127 in a long array"),
    ("key_that_is_no_text", Hex("92 40 81 c3 01"), "keys matter in fields that are known"),
    ("key_that_is_an_array", Hex("92 40 81 91 01 02"), "some languages can not have such a key: pass over it"),
    ("key_that_is_a_map", Hex("92 40 81 80 02"), "or such a one"),
    ("eight_levels", [64, nested(7)], "as deep as a message may be"),
    ("1024_entries", [64, [1] * 1_024], "as many as an array may have"),
    ("1024_pairs", [64, dict.fromkeys(range(1024), 1)], "as many as a map may have"),
    ("not_a_number", [64, float("nan")], "any float"),
    ("large_map", [64, {"a": "x" * 3_900}], "maps of what is ignored have no limit of their own"),
)


def rows() -> list[Row]:
    """``structure.json``."""
    made = [
        invalid(name, message, codes, *ids, why=why, stage=stage, limit=limit)
        for stage, table, limit in (("size", _SIZE, 4_096), ("structure", _STRUCTURE, None), ("type", _TYPES, None))
        for name, message, codes, ids, why in table
    ]
    made += [
        invalid(f"text.{name}", text, "malformed", "LW-WIRE-11", stage="structure",
                why="version 1 has binary messages only")
        for name, text in _TEXTS
    ]  # fmt: skip
    return made


def ignored_rows() -> list[Row]:
    """``ignored.json``."""
    return [ignored(f"ignored.{name}", message, "LW-WIRE-10", "LW-WIRE-14", why=why) for name, message, why in _IGNORED]
