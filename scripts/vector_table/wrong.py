"""Each field of each message, made wrong: absent, of another type, out of its range (SPEC §2, §6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from .messages import FORMAT, HELLO, LIMITS, WELCOME
from .row import MESSAGES, Hex, Row, content, invalid

_BEYOND: Final = {"negative": -1, "2_to_53": 2**53, "2_to_64_less_1": 2**64 - 1}
"""What no int of the registry may be (LW-WIRE-3)."""
_NO_INT: Final = {
    "float": 1.0, "float32": Hex("ca 3f800000"), "fraction": 0.5, "true": True, "false": False, "text": "1",
    "binary": b"\x01", "list": [1], "map": {},
}  # fmt: skip
INT: Final[Mapping[str, Any]] = {"nil": None, **_NO_INT, **_BEYOND}
INT_OR_NIL: Final[Mapping[str, Any]] = {**_NO_INT, **_BEYOND}
ID: Final[Mapping[str, Any]] = {**INT, "zero": 0}
BOOL: Final[Mapping[str, Any]] = {"nil": None, "zero": 0, "one": 1, "text": "true", "list": [True]}
NAME: Final[Mapping[str, Any]] = {
    "nil": None, "int": 1, "binary": b"x", "list": [], "empty": "", "129_bytes": "x" * 129, "130_bytes_of_65": "é" * 65,
}  # fmt: skip
MAP_OR_NIL: Final[Mapping[str, Any]] = {
    "int": 1, "text": "x", "list": [], "binary": b"", "true": True, "int_key": {1: 2},
    "binary_key": Hex("81 c40161 01"),
    "nil_key": {None: 1}, "true_key": {True: 1}, "float_key": {1.5: 1}, "array_key": Hex("81 91 01 02"),
    "map_key": Hex("81 80 02"), "int_key_deeper": {"a": {1: 2}}, "binary_key_in_a_list": Hex("81 a161 91 81 c40162 01"),
    "int_key_beside_text": {"a": 1, 2: 3},
}  # fmt: skip
MAP: Final[Mapping[str, Any]] = {"nil": None, **MAP_OR_NIL}
SESSION: Final[Mapping[str, Any]] = {
    "nil": None, "text": "5f0d1c2b3a495867", "15_bytes": bytes(15), "17_bytes": bytes(17), "empty": b"", "int": 7,
}  # fmt: skip
_FORMAT: Final[Mapping[str, Any]] = {
    "text": "s16le", "two": ["s16le", 24_000], "four": [*FORMAT, 0], "binary_name": [b"s16le", 24_000, 1],
    "nil_name": [None, 24_000, 1], "float_rate": ["s16le", 24_000.0, 1], "text_rate": ["s16le", "24000", 1],
    "true_channels": ["s16le", 24_000, True], "nil_channels": ["s16le", 24_000, None], "map": {"encoding": "s16le"},
    "negative_rate": ["s16le", -1, 1], "channels_2_to_53": ["s16le", 24_000, 2**53],
}  # fmt: skip
FEATURES: Final[Mapping[str, Any]] = {
    "nil": None, "text": "repair", "map": {}, "int": [1], "binary": [b"x"], "nil_within": [None], "empty_name": [""],
    "65_bytes": ["x" * 65], "66_bytes_of_33": ["é" * 33], "65_features": [f"com.example.f{n}" for n in range(65)],
}  # fmt: skip
MESSAGE: Final[Mapping[str, Any]] = {
    "nil": None, "int": 19, "text": "x", "map": {}, "binary": b"\x13\x01\x00", "empty": [], "text_as_type": ["x"],
    "nil_as_type": [None], "float_as_type": [22.0], "unknown_type": [32], "ignorable_type": [64], "unlisted": [15],
    "hello": HELLO, "close": [3, 0, ""], "ping": [4, 1], "numbered": [6, 1, 0, [22]], "acknowledge": [7, 0],
    "audio": [17, 1, 0, 0, b"\0\0"], "sent": [18, 1, 0], "cut": [21, 1, 1, []], "progress": [28, 1, 0, 0, None, 0, 0],
    "nack": [30, 1, [[0, 1]]], "field_of_it_absent": [19, 1], "field_of_it_wrong": [19, 0, 1],
    "position_of_it_negative": [24, 1, -1, "x"], "name_of_it_empty": [25, 1, ""],
}  # fmt: skip
ROWS: Final[Mapping[str, Any]] = {
    "nil": None, "int": 1, "map": {}, "ints": [1, 7], "one_int": [[1]], "three_ints": [[1, 7, 0]], "float": [[1, 7.0]],
    "nil_within": [[1, None]], "text": [["1", 7]], "negative": [[1, -1]], "2_to_53": [[1, 2**53]], "id_zero": [[0, 7]],
}  # fmt: skip
RANGES: Final[Mapping[str, Any]] = {
    **{name: value for name, value in ROWS.items() if name != "id_zero"}, "none": [], "empty_range": [[5, 5]],
    "backwards": [[5, 4]], "touching": [[1, 5], [5, 9]], "overlapping": [[1, 5], [4, 9]], "descending": [[5, 9], [1,
    4]],
    "the_same_twice": [[1, 5], [1, 5]], "33_ranges": [[2 * n, 2 * n + 1] for n in range(33)],
}  # fmt: skip
STATE: Final[Mapping[str, Any]] = {
    "int": 1, "one": [1], "three": [1, [], 0], "map_of_segments": [1, {}], "negative_count": [-1, []],
    "float_count": [1.0, []], "nil_segments": [1, None], "rows_of_three": [1, [[1, 0, 0]]],
    "rows_of_five": [1, [[1, 0, 0, 0, 0]]], "id_zero": [1, [[0, 0, 0, 0]]], "nil_consumed": [1, [[1, 0, None, 0]]],
    "float_played": [1, [[1, 0, 0, 0.0]]], "negative_received": [1, [[1, -1, 0, 0]]],
}  # fmt: skip
CREDENTIAL: Final = bytes(range(16))

# message: one that is right with all its fields, how many of them have to be there, and what each may not be
SHAPES: Final[Mapping[str, tuple[list[Any], int, tuple[Mapping[str, Any], ...]]]] = {
    "hello": (
        [*HELLO, "token", [CREDENTIAL, 0], {}],
        7,
        (
            {"nil": None, "binary": b"lipwire", "capitals": "LIPWIRE", "other": "lipwyre", "longer": "lipwire1",
             "empty": "", "with_a_byte_order_mark": "\ufefflipwire", "int": 1},
            {"nil": None, "int": 1, "map": {}, "empty": [], "17_entries": [1] * 17, "float": [1.0], "true": [True],
             "text": ["1"], "nil_within": [None], "negative": [-1], "2_to_53": [2**53]},
            SESSION,
            ID,
            {"nil": None, "empty": [], "one_format": FORMAT, "17_entries": [FORMAT] * 17, "nil_within": [None],
             **{f"{name}_format" if name in ("text", "map") else name: [value] for name, value in _FORMAT.items()},
             "one_wrong_of_two": [FORMAT, ["s16le", 24_000]]},
            FEATURES,
            MAP,
            {"int": 7, "list": [], "true": True, "map": {}, "4097_bytes": "x" * 4_097,
            "4098_bytes_of_2049": "é" * 2_049,
             "4097_bytes_of_binary": bytes(4_097)},
            {"binary": CREDENTIAL, "empty": [], "one": [CREDENTIAL], "three": [CREDENTIAL, 0, 0], "map": {},
             "15_bytes": [bytes(15), 0], "65_bytes": [bytes(65), 0], "text": ["x" * 16, 0], "nil_count": [CREDENTIAL,
             None],
             "float_count": [CREDENTIAL, 1.0], "negative_count": [CREDENTIAL, -1], "count_2_to_53": [CREDENTIAL,
             2**53]},
            MAP_OR_NIL,
        ),
    ),
    "welcome": (
        [*WELCOME[:6], LIMITS, CREDENTIAL, [0, []], {}],
        6,
        (
            INT, SESSION, ID, {"nil": None, **_FORMAT}, FEATURES, MAP,
            {"text": "x" * 16, "int": 7, "15_bytes": bytes(15), "65_bytes": bytes(65), "empty": b"",
            "list": [CREDENTIAL]},
            STATE,
            MAP_OR_NIL,
        ),
    ),
    "ping": ([4, 1], 1, (INT,)),
    "pong": ([5, 1, 2, 3], 3, (INT, INT, INT)),
    "numbered": ([6, 1, 0, [22]], 3, (ID, INT, MESSAGE)),
    "acknowledge": ([7, 0], 1, (INT,)),
    "segment_start": ([16, 1, {"text": "Hi"}], 1, (ID, MAP_OR_NIL)),
    "audio": (
        [17, 1, 0, 0, bytes(4)],
        4,
        (ID, INT, INT, {"nil": None, "int": 1, "text": "\0\0", "list": [0, 0], "map": {}, "empty": b""}),
    ),
    "sent": ([18, 1, 0], 2, (ID, INT)),
    "segment_end": ([19, 1, 0], 2, (ID, INT)),
    "interrupt": ([20, 1, 1], 2, (ID, ID)),
    "cut": ([21, 1, 1, [[1, 0]]], 3, (ID, ID, ROWS)),
    "mark": ([24, 1, 0, "x"], 3, (ID, INT, NAME)),
    "mark_reached": ([25, 1, "x"], 2, (ID, NAME)),
    "data": ([26, 1, 0, {}], 3, (ID, INT, MAP)),
    "stream_started": ([27, 1, 0], 2, (ID, INT)),
    "progress": ([28, 1, 0, 0, 0, 0, 0, 0], 6, (ID, INT, INT, INT_OR_NIL, INT, INT, INT_OR_NIL)),
    "stream_ended": ([29, 1, 0, False, 0], 4, (ID, INT_OR_NIL, BOOL, INT)),
    "nack": ([30, 1, [[0, 1]]], 2, (ID, RANGES)),
    "custom": ([31, {}], 1, (MAP,)),
}  # fmt: skip


def _requirements(message: str, field: str, wrong: str) -> tuple[str, ...]:
    """The statements that this breaks: the first is the one that says so most plainly."""
    if "negative" in wrong or "2_to_53" in wrong or "2_to_64" in wrong:
        return ("LW-WIRE-3",)
    if "_key" in wrong:
        return ("LW-WIRE-12",)
    if message == "numbered" and field == "message" and "of_it" not in wrong:
        return ("LW-CONTROL-7",)
    if field == "pcm":
        return ("LW-WIRE-4", "LW-AUDIO-4")
    if wrong in ("two", "three", "four", "one", "one_int", "three_ints", "rows_of_three", "rows_of_five"):
        return ("LW-WIRE-5", "LW-WIRE-4")
    return ("LW-WIRE-4",)


def _with(whole: list[Any], at: int, value: Any) -> list[Any]:
    """The message with another value in one place."""
    return [*whole[:at], value, *whole[at + 1 :]]


def _wrong_fields() -> Iterator[Row]:
    for message, (whole, required, kinds) in SHAPES.items():
        names = MESSAGES[message][1]
        assert len(whole) - 1 == len(kinds) == len(names), message
        for at, (field, wrongs) in enumerate(zip(names, kinds, strict=True), 1):
            for wrong, value in wrongs.items():
                yield invalid(
                    f"{message}.{field}.{wrong}", _with(whole, at, value), "invalid_field",
                    *_requirements(message, field, wrong), stage="fields",
                    why=f"the field {field}: {wrong.replace('_', ' ')}",
                )  # fmt: skip
            if at <= required:
                yield invalid(
                    f"{message}.{field}.absent", whole[:at], "invalid_field", "LW-WIRE-4", "LW-WIRE-6", stage="fields",
                    why=f"the message ends before {field}, which has to be there",
                )  # fmt: skip


_ORDER: Final = (
    (
        "segment_before_metadata",
        [16, 0, content(16_385)],
        "invalid_field",
        "the first field is wrong, the second too large",
    ),
)
_LARGE: Final = (
    ("hello.info", [*HELLO, None, None, content(16_385)]),
    ("hello.limits", [*HELLO[:7], content(16_385)]),
    ("segment_start.metadata", [16, 1, content(16_385)]),
    ("data.content", [26, 1, 0, content(16_385)]),
    ("custom.content", [31, content(16_385)]),
    ("numbered.metadata", [6, 1, 0, [16, 1, content(16_385)]]),
    ("welcome.info", [*WELCOME, None, None, content(16_385)]),
)


def rows() -> list[Row]:
    """``fields.json``."""
    return [
        *_wrong_fields(),
        invalid("order.fields_before_direction", [27, 0, 1], "invalid_field", "LW-WIRE-14", stage="fields",
                why="wrong towards a receiver as well, and towards a sender"),
        invalid("order.fields_before_the_feature", [24, 0, 0, "x"], "invalid_field", "LW-WIRE-14", stage="fields",
                why="wrong whether marks were chosen or not"),
        invalid("order.two_wrong_fields", [17, 0, -1, 1.5, ""], "invalid_field", "LW-WIRE-14", stage="fields",
                why="all of them are wrong, and there is one code"),
    ]  # fmt: skip


def large_rows() -> list[Row]:
    """The refused ones of ``large.json``."""
    return [
        *(
            invalid(f"{name}_of_16385_bytes", message, "limit_exceeded", "LW-LIMIT-2", stage="fields",
                    why="one byte more than a map may have")
            for name, message in _LARGE
        ),
        *(
            invalid(f"order.{name}", message, code, "LW-WIRE-14", stage="fields", why=why)
            for name, message, code, why in _ORDER
        ),
    ]  # fmt: skip
