"""The first message that a receiver gets, and what a sender takes for an answer to its hello (SPEC §4, §7)."""

from __future__ import annotations

from typing import Any, Final

from .messages import ANYTHING, FORMAT, HELLO, LIMITS, SESSION, WELCOME, bytes_from
from .row import MAX_INT, Elements, Hex, Row, ignored, invalid, nested, valid

_OTHER_SESSION: Final = bytes_from(0x80, 16)

# -- a receiver's first message: it speaks version 1, takes s16le at 24,000 Hz mono, wants no token, knows no session --


def _hello(**fields: Any) -> list[Any]:
    names = ("versions", "session", "generation", "formats", "features", "limits", "auth", "resume", "info")
    values = dict(zip(names, [*HELLO[2:], None, None, None], strict=True)) | fields
    made = [1, "lipwire", *values.values()]
    while made[-1] is None:
        made.pop()
    return made


_WELCOMED: Final[tuple[tuple[str, Elements, tuple[str, ...], str], ...]] = (
    ("hello", HELLO, ("LW-INVARIANT-1",), "as short as it may be"),
    ("token_that_nobody_asked_for", _hello(auth="x"), ("LW-INVARIANT-1",), "a receiver that needs no token takes any"),
    ("version_beside", _hello(versions=[4_711, 1]), ("LW-INVARIANT-3",), "a version that does not exist yet, and 1"),
    ("16_versions", _hello(versions=[*range(100, 115), 1]), ("LW-INVARIANT-3",), "as many as may be offered"),
    ("other_formats_first", _hello(formats=[["opus", 48_000, 2], ["com.example." + "x" * 200, 0, 9], FORMAT]),
     ("LW-FORMAT-1",), "formats that are not known are skipped"),
    ("formats_out_of_range", _hello(formats=[["s16le", 7_999, 1], ["s16le", 48_001, 1], ["s16le", 24_000, 3],
                                             ["s16le", 24_000, 0], ["S16LE", 24_000, 1], ["", 0, 0], FORMAT]),
     ("LW-FORMAT-1",), "not known, therefore skipped"),
    ("unknown_features", _hello(features=["grease.5f3a", "com.example.x", "later"]),
     ("LW-FEATURE-1", "LW-GREASE-1", "LW-FEATURE-3"), "features that are not known are ignored"),
    ("limit_at_its_floor", _hello(limits={"message": 4_096}), ("LW-OPEN-10", "LW-LIMIT-1"), "4,096 bytes"),
    ("limit_at_its_cap", _hello(limits={"message": 1_048_576}), ("LW-OPEN-10", "LW-LIMIT-1"), "1,048,576 bytes"),
    ("limit_beyond_its_cap", _hello(limits={"message": MAX_INT}), ("LW-OPEN-10",), "the cap is used instead"),
    ("limit_nil", _hello(limits={"message": None}), ("LW-OPEN-10",), "the default is used"),
    ("unknown_limits", _hello(limits={"message": 65_536, "window": -1.5, "com.example.x": ANYTHING}), ("LW-OPEN-10",),
     "keys that are not known in hello are ignored, whatever they hold"),
    ("limit_twice", Hex(f"98 01 a76c697077697265 91 01 c410{SESSION.hex()} 01 91 93 a57331366c65 cd5dc0 01 90 "
                        "82 a76d657373616765 01 a76d657373616765 cd1000"),
     ("LW-WIRE-12",), "the last value counts, and that is a good one"),
    ("elements_more", [*_hello(info={}), 5, {1: 2}], ("LW-WIRE-5",), "fields of a later revision"),
    ("generation_above_1", _hello(generation=7), ("LW-INVARIANT-1",), "earlier transports did not get this far"),
)  # fmt: skip

_FIRST_REFUSED: Final[tuple[tuple[str, Elements, str, tuple[str, ...], str], ...]] = (
    *(
        (f"not_lipwire.{name}", Hex(data) if isinstance(data, str) else data, "not_lipwire", ("LW-INVARIANT-4",), why)
        for name, data, why in (
            ("nothing", "", "a message of no bytes"),
            ("interrupt_of_version_0", b"INTERRUPT", "version 0"),
            ("pcm", "00 00 01 00 02 00", "raw samples"),
            ("empty_array", "90", "no message type"),
            ("map", "81 01 02", "no array"),
            ("hello_without_its_end", "98 01 a76c697077697265 91 01 c410", "not whole"),
            ("byte_behind", "93 01 a76c697077697265 91 01 00", "not one value"),
            ("magic_in_capitals", [1, "LIPWIRE", *HELLO[2:]], "another magic"),
            ("magic_as_binary", [1, b"lipwire", *HELLO[2:]], "no text"),
            ("magic_absent", [1], "a type alone"),
            ("versions_absent", [1, "lipwire"], "nothing is offered"),
            ("versions_int", [1, "lipwire", 1], "no array"),
            ("type_as_float", [1.0, *HELLO[1:]], "no integer"),
            ("type_true", [True, *HELLO[1:]], "no integer"),
            ("ping", [4, 1], "a message, but no hello"),
            ("welcome", WELCOME, "a message of the other side"),
            ("unknown_type", [32, 1], "no hello"),
            ("ignorable_type", [64, 1], "what may be ignored later is no hello"),
            ("magic_not_utf_8", "93 01 a76c69707769 72ff 91 01", "text that is not UTF-8"),
            ("text_behind_another_version", "94 01 a76c697077697265 91 02 a1ff", "text that is not UTF-8"),
        )
    ),
    ("not_lipwire.text", "lipwire", "not_lipwire", ("LW-INVARIANT-4",), "a text message"),
    *(
        (f"version.{name}", message, "unsupported_version", ("LW-INVARIANT-3",), why)
        for name, message, why in (
            ("unknown", _hello(versions=[4_711]), "a version that does not exist"),
            ("nothing_behind", [1, "lipwire", [2]], "no field is looked at before a version is chosen"),
            ("other_fields_behind", [1, "lipwire", [2], 3.5, {"a": [None]}, -1, {7: 8}],
             "a later hello may look like that"),
            ("wide", Hex("93 d3 0000000000000001 a76c697077697265 91 cf 0000000000001267"), "in wide integers"),
            ("long_magic", Hex("dc 0003 01 db 00000007 6c697077697265 dd 00000001 02"), "with long heads"),
            ("16_unknown", _hello(versions=list(range(100, 116))), "16 that do not exist"),
        )
    ),
    ("deep.later_hello", [1, "lipwire", [2], nested(8)], "limit_exceeded", ("LW-INVARIANT-3", "LW-INVARIANT-4"),
     "depth is checked before a version is chosen"),
    ("deep.no_hello", [5, nested(8)], "limit_exceeded", ("LW-INVARIANT-4",), "too deep comes before not a hello"),
    ("deep.1025_entries", [5, [0] * 1_025], "limit_exceeded", ("LW-INVARIANT-4",), "too many entries as well"),
    *(
        (f"format.{name}", _hello(formats=formats), "unsupported_format", ("LW-OPEN-4", "LW-FORMAT-1"), why)
        for name, formats, why in (
            ("unknown", [["opus", 48_000, 2]], "an encoding that version 1 has not"),
            ("slow", [["s16le", 7_999, 1]], "below 8,000 Hz"),
            ("fast", [["s16le", 48_001, 1]], "above 48,000 Hz"),
            ("three_channels", [["s16le", 24_000, 3]], "one channel more than version 1 has"),
            ("no_channel", [["s16le", 24_000, 0]], "none"),
            ("sixteen", [["opus", 8_000 + n, 1] for n in range(16)], "sixteen, and none that would do"),
        )
    ),
    *(
        (f"limit.message_{name}", _hello(limits={"message": value}), "invalid_field", ids, why)
        for name, value, ids, why in (
            ("4095", 4_095, ("LW-OPEN-10", "LW-LIMIT-1"), "under its floor"),
            ("0", 0, ("LW-OPEN-10", "LW-LIMIT-1"), "under its floor"),
            ("negative", -1, ("LW-OPEN-10",), "under its floor, and under 0"),
        )
    ),
    ("limit.message_twice", Hex(f"98 01 a76c697077697265 91 01 c410{SESSION.hex()} 01 91 93 a57331366c65 cd5dc0 01 90 "
                                "82 a76d657373616765 cd1000 a76d657373616765 01"),
     "invalid_field", ("LW-WIRE-12", "LW-OPEN-10"), "the last value counts, and that is a bad one"),
    ("field.session", [*HELLO[:3], b"short", *HELLO[4:]], "invalid_field", ("LW-WIRE-4",),
     "fields are checked once a version is chosen"),
    ("field.nothing_behind_versions", [1, "lipwire", [1]], "invalid_field", ("LW-WIRE-4",),
     "version 1 has more fields"),
    ("field.before_format", _hello(session=b"short", formats=[["opus", 1, 1]]), "invalid_field", ("LW-WIRE-14",),
     "fields come before their meaning"),
    ("resume.unknown_session", _hello(generation=2, features=["resume"], resume=[bytes_from(0, 16), 0]),
     "unknown_session", ("LW-RESUME-4",), "nobody knows of it"),
)  # fmt: skip

# -- a sender's answer: it has offered version 1, SESSION, generation 1, FORMAT, and no feature that is named here -----

_TAKEN: Final[tuple[tuple[str, list[Any], tuple[str, ...], str], ...]] = (
    ("welcome", WELCOME, ("LW-OPEN-6", "LW-OPEN-10"), "as short as it may be"),
    ("welcome_with_limits", [*WELCOME[:6], LIMITS], ("LW-OPEN-10",), "every limit"),
    ("limits_at_their_floors", [*WELCOME[:6], {"window": 2_400, "message": 4_096, "cooldown": 0, "resume": 0,
                                               "keepalive": 100, "segments": 4}],
     ("LW-OPEN-10", "LW-LIMIT-1"), "a window of 0.1 s of samples"),
    ("limits_at_their_caps", [*WELCOME[:6], {"window": 1_440_000, "message": 1_048_576, "cooldown": 5_000,
                                             "resume": 600_000, "keepalive": 60_000, "segments": 1_024}],
     ("LW-OPEN-10", "LW-LIMIT-1"), "a window of 60 s of samples"),
    ("limits_beyond_their_caps", [*WELCOME[:6], dict.fromkeys(LIMITS, MAX_INT)], ("LW-OPEN-10",),
     "the caps are used instead"),
    ("limits_nil", [*WELCOME[:6], dict.fromkeys(LIMITS)], ("LW-OPEN-10",), "the defaults are used"),
    ("limits_unknown", [*WELCOME[:6], {"com.example.x": ANYTHING, "later": 1.5}], ("LW-OPEN-10",), "they are ignored"),
)  # fmt: skip

_FLOORS: Final = (
    ("window", 2_399), ("message", 4_095), ("cooldown", -1), ("resume", -1), ("keepalive", 99), ("segments", 3),
)  # fmt: skip

_ANSWER_REFUSED: Final[tuple[tuple[str, list[Any], str, tuple[str, ...], str], ...]] = (
    ("welcome.another_version", [2, 2, *WELCOME[2:]], "invalid_field", ("LW-OPEN-6",), "2 was not offered"),
    ("welcome.another_session", [2, 1, _OTHER_SESSION, *WELCOME[3:]], "invalid_field", ("LW-OPEN-6",),
     "not this session"),
    ("welcome.another_generation", [*WELCOME[:3], 2, *WELCOME[4:]], "invalid_field", ("LW-OPEN-6",),
     "not this generation"),
    *(
        (f"welcome.{name}", [*WELCOME[:4], format_, *WELCOME[5:]], "invalid_field", ("LW-OPEN-6",),
         "it was not offered")
        for name, format_ in (
            ("another_encoding", ["f32le", 24_000, 1]), ("another_rate", ["s16le", 48_000, 1]),
            ("more_channels", ["s16le", 24_000, 2]), ("unknown_format", ["opus", 48_000, 2]),
        )
    ),
    ("welcome.another_feature", [*WELCOME[:5], ["com.example.never"], {}], "invalid_field", ("LW-OPEN-6",),
     "it was not offered"),
    *(
        (f"welcome.{name}_under_its_floor", [*WELCOME[:6], {name: value}], "invalid_field", ("LW-OPEN-10",
         "LW-LIMIT-1"),
         f"{name} {value}")
        for name, value in _FLOORS
    ),
    *(
        (f"before_welcome.{name}", message, "out_of_state", ("LW-REGISTRY-2",), f"{name} comes before welcome")
        for name, message in (
            ("ping", [4, 1]), ("cut", [21, 1, 1, []]), ("stream_started", [27, 1, 0]),
            ("stream_ended", [29, 1, 0, False, 0]), ("segment_start", [16, 1]),
        )
    ),
)  # fmt: skip

_ANSWER_IGNORED: Final = (
    ("progress", [28, 1, 0, 0, None, 0, 0], "on media it may have overtaken welcome"),
    ("nack", [30, 1, [[0, 1]]], "on media it may have overtaken welcome"),
)


def rows() -> list[Row]:
    """``opening.json``."""
    first = {"context": "first", "to": "receiver"}
    answer = {"context": "answer", "to": "sender"}
    return [
        *(
            valid(f"first.{name}", message, *ids, why=why, meaning=_meant(message), **first)
            for name, message, ids, why in _WELCOMED
        ),
        *(
            invalid(f"first.{name}", message, code, *ids, why=why, stage="opening", **first)
            for name, message, code, ids, why in _FIRST_REFUSED
        ),
        *(valid(f"answer.{name}", message, *ids, why=why, **answer) for name, message, ids, why in _TAKEN),
        *(
            invalid(f"answer.{name}", message, code, *ids, why=why, stage="opening", **answer)
            for name, message, code, ids, why in _ANSWER_REFUSED
        ),
        *(
            ignored(f"answer.{name}", message, "LW-OPEN-13", why=why, **answer)
            for name, message, why in _ANSWER_IGNORED
        ),
    ]


def _meant(message: Elements) -> list[Any] | None:
    """The elements of a hello written by hand, or of one with elements more."""
    if isinstance(message, Hex):
        return _hello(limits={"message": 4_096})
    assert isinstance(message, list)
    return message[:11] if len(message) > 11 else None
