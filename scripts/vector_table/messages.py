"""Every message of version 1 as an ordinary encoder writes it: minimal, typical, and at its limits (SPEC §6)."""

from __future__ import annotations

from typing import Any, Final

from .row import MAX_INT, Row, content, valid

SESSION: Final = bytes.fromhex("5f0d1c2b3a495867768594a3b2c1d0ef")
FORMAT: Final = ["s16le", 24_000, 1]
LIMITS: Final = {
    "window": 48_000, "message": 65_536, "cooldown": 300, "resume": 10_000, "keepalive": 5_000, "segments": 64,
}  # fmt: skip
HELLO: Final = [1, "lipwire", [1], SESSION, 1, [FORMAT], [], {}]
WELCOME: Final = [2, 1, SESSION, 1, FORMAT, [], {}]
ANYTHING: Final = {
    "nil": None, "true": True, "false": False, "int": 5, "negative": -5, "big": 2**64 - 1, "least": -(2**63),
    "float": 1.5, "text": "é 漢 \U0001f600 \0", "bin": b"\x00\xff", "list": [1, [2, {}]], "map": {"a": {"": []}}, "": 0,
}  # fmt: skip


def bytes_from(start: int, count: int) -> bytes:
    """Bytes that count up."""
    return bytes((start + i) & 0xFF for i in range(count))


_SIXTEEN_FORMATS: Final = [*(["com.example.opus", 8_000 + n, 2] for n in range(14)), ["f32le", 48_000, 2], FORMAT]
_64_FEATURES: Final = ["repair", "x." + "é" * 31, *(f"com.example.f{n}" for n in range(62))]

Table = tuple[tuple[str, list[Any], tuple[str, ...], str], ...]

TABLE: Final[Table] = (
    # -- hello, welcome, close
    ("hello.minimal", HELLO, ("LW-INVARIANT-1", "LW-WIRE-6"), "all that may be absent is left off"),
    (
        "hello.typical",
        [
            1,
            "lipwire",
            [1],
            SESSION,
            1,
            [FORMAT, ["f32le", 48_000, 2]],
            ["repair", "resume", "grease.5f3a"],
            {"message": 65_536},
            "a token",
            None,
            {"software": "agent 1.2"},
        ],
        ("LW-INVARIANT-1", "LW-WIRE-6", "LW-GREASE-1", "LW-FEATURE-3"),
        "nil stands for resume, because info follows",
    ),
    (
        "hello.resume",
        [1, "lipwire", [1], SESSION, 2, [FORMAT], ["resume"], {"message": 65_536}, None, [bytes_from(0, 16), 11]],
        ("LW-WIRE-6",),
        "a session is resumed with a credential and a count",
    ),
    (
        "hello.limits",
        [
            1,
            "lipwire",
            [*range(100, 115), 1],
            SESSION,
            MAX_INT,
            _SIXTEEN_FORMATS,
            _64_FEATURES,
            {"message": 1_048_576},
            b"t" * 4_096,
            [bytes_from(0, 64), MAX_INT],
            ANYTHING,
        ],
        ("LW-WIRE-3", "LW-WIRE-4", "LW-FORMAT-1"),
        "16 versions and formats, 64 features, one of 64 bytes, a token of 4,096 bytes, a credential of 64",
    ),
    (
        "hello.token_of_4096_bytes_of_text",
        [1, "lipwire", [1], SESSION, 1, [FORMAT], [], {}, "é" * 2_048],
        ("LW-WIRE-4",),
        "text is measured in bytes",
    ),
    (
        "hello.format_with_a_long_name",
        [1, "lipwire", [1], SESSION, 1, [["com.example." + "x" * 100, 0, MAX_INT], FORMAT], [], {}],
        ("LW-FORMAT-1",),
        "a format that is not known is skipped, whatever it looks like",
    ),
    ("welcome.minimal", WELCOME, ("LW-WIRE-6", "LW-OPEN-10"), "no limit is announced: the defaults go"),
    (
        "welcome.typical",
        [2, 1, SESSION, 1, FORMAT, ["repair"], LIMITS, None, None, {"software": "avatar 3"}],
        ("LW-WIRE-6",),
        "every limit, and info behind two absent fields",
    ),
    (
        "welcome.resumed",
        [
            2,
            1,
            SESSION,
            2,
            FORMAT,
            ["resume"],
            LIMITS,
            bytes_from(0, 16),
            [5, [[4, 9_600, 9_120, 8_640], [5, 0, 0, None]]],
        ],
        ("LW-WIRE-4",),
        "the state of two live segments; what was played of the second is not known",
    ),
    (
        "welcome.limits",
        [
            2,
            MAX_INT,
            SESSION,
            MAX_INT,
            ["f32le", 48_000, 2],
            ["repair", "resume", "pause", "marks", "data", "custom"],
            {
                "window": 2_880_000,
                "message": 1_048_576,
                "cooldown": 5_000,
                "resume": 600_000,
                "keepalive": 60_000,
                "segments": 1_024,
                "com.example.x": [1.5],
            },
            bytes_from(0, 64),
            [MAX_INT, [[1 + n, MAX_INT, MAX_INT, MAX_INT] for n in range(64)]],
            ANYTHING,
        ],
        ("LW-WIRE-3", "LW-OPEN-10"),
        "every limit at its cap, a secret of 64 bytes, 64 segments",
    ),
    ("welcome.no_live_segments", [*WELCOME, bytes_from(0, 16), [0, []]], ("LW-WIRE-4",), "an empty list is a list"),
    ("close.minimal", [3, 0, ""], ("LW-INVARIANT-2",), "a code and a reason are enough"),
    ("close.typical", [3, 38, "all seats are taken", 1_000], ("LW-INVARIANT-2",), "come again in a second"),
    (
        "close.version",
        [3, 33, "version 2 is not spoken here", None, {"versions": [1]}],
        ("LW-INVARIANT-2", "LW-INVARIANT-3", "LW-WIRE-6"),
        "what would do is in the details",
    ),
    (
        "close.limits",
        [3, MAX_INT, "é" * 512, MAX_INT, ANYTHING],
        ("LW-CODE-1", "LW-WIRE-3"),
        "a code that nobody knows yet, a reason of 1,024 bytes",
    ),
    (
        "close.reason_with_control_characters",
        [3, 1, "\x1b[2J\r\n\0"],
        ("LW-CODE-2",),
        "it is text as any other until somebody shows it",
    ),
    # -- ping to acknowledge
    ("ping.minimal", [4, 0], ("LW-WIRE-1",), "a clock at its origin"),
    ("ping.typical", [4, 1_000_000], ("LW-WIRE-1",), "one second"),
    ("ping.limits", [4, MAX_INT], ("LW-WIRE-3",), "2^53 - 1 is an integer like any other"),
    ("pong.minimal", [5, 0, 0, 0], ("LW-WIRE-1",), "clocks at their origins"),
    ("pong.typical", [5, 1_000_000, 7_500_250, 7_500_300], ("LW-WIRE-1",), "two clocks with origins of their own"),
    ("pong.limits", [5, MAX_INT, MAX_INT, MAX_INT], ("LW-WIRE-3",), "the greatest integers"),
    ("numbered.minimal", [6, 1, 0, [22]], ("LW-CONTROL-7",), "a pause, which has no fields"),
    ("numbered.typical", [6, 12, 5, [19, 4, 24_000]], ("LW-CONTROL-7",), "the end of a segment"),
    ("numbered.limits", [6, MAX_INT, MAX_INT, [20, 1, MAX_INT]], ("LW-WIRE-3",), "the greatest counts"),
    *(
        (f"numbered.{name}", [6, 1, 0, inner], ("LW-CONTROL-7",), f"{name} travels inside numbered")
        for name, inner in (
            ("segment_start", [16, 1, {"text": "Hi"}]),
            ("interrupt", [20, 1, 2]),
            ("unpause", [23]),
            ("mark", [24, 1, 0, "x"]),
            ("mark_reached", [25, 1, "x"]),
            ("data", [26, 1, 0, {}]),
            ("stream_started", [27, 1, 0]),
            ("stream_ended", [29, 1, None, False, 2]),
            ("custom", [31, {}]),
        )
    ),
    ("acknowledge.minimal", [7, 0], ("LW-WIRE-1",), "nothing was taken yet"),
    ("acknowledge.typical", [7, 17], ("LW-WIRE-1",), "17 were taken"),
    ("acknowledge.limits", [7, MAX_INT], ("LW-WIRE-3",), "the greatest count"),
    # -- segments
    ("segment_start.minimal", [16, 1], ("LW-WIRE-6",), "without metadata"),
    ("segment_start.typical", [16, 7, {"text": "Hello there", "language": "en"}], ("LW-WIRE-1",), "what is said"),
    (
        "segment_start.limits",
        [16, MAX_INT, ANYTHING],
        ("LW-WIRE-3",),
        "the greatest id; integers within a map are free",
    ),
    ("segment_start.empty_metadata", [16, 1, {}], ("LW-WIRE-1",), "an empty map is not an absent one"),
    (
        "segment_start.a_key_that_javascript_has",
        [16, 1, {"__proto__": {"constructor": 1}, "toString": None}],
        ("LW-WIRE-12",),
        "they are keys like any other",
    ),
    ("audio.minimal", [17, 1, 0, 0, b"\0\0"], ("LW-WIRE-1", "LW-AUDIO-4"), "one sample"),
    ("audio.typical", [17, 2, 480, 1, bytes_from(0, 960)], ("LW-WIRE-1",), "20 ms at 24 kHz, mono"),
    ("audio.limits", [17, MAX_INT, MAX_INT, MAX_INT - 1, b"\xff\x7f"], ("LW-WIRE-3",), "the greatest integers"),
    (
        "audio.largest_on_webrtc",
        [17, MAX_INT, 2**40, MAX_INT - 1, bytes_from(7, 1_118)],
        ("LW-BINDING-4",),
        "1,150 bytes, with every head as wide as it gets",
    ),
    ("sent.minimal", [18, 1, 0], ("LW-WIRE-1",), "nothing was sent"),
    ("sent.typical", [18, 3, 7_200], ("LW-WIRE-1",), "0.3 s at 24 kHz"),
    ("sent.limits", [18, MAX_INT, MAX_INT], ("LW-WIRE-3",), "the greatest integers"),
    ("segment_end.minimal", [19, 1, 0], ("LW-WIRE-1",), "an empty segment"),
    ("segment_end.typical", [19, 3, 24_000], ("LW-WIRE-1",), "one second at 24 kHz"),
    ("segment_end.limits", [19, MAX_INT, MAX_INT], ("LW-WIRE-3",), "an integer; that it is too long is its meaning"),
    ("interrupt.minimal", [20, 1, 1], ("LW-WIRE-1",), "one segment"),
    ("interrupt.typical", [20, 3, 5], ("LW-WIRE-1",), "three segments"),
    ("interrupt.limits", [20, 1, MAX_INT], ("LW-WIRE-3",), "all there can be"),
    ("cut.minimal", [21, 1, 1, []], ("LW-WIRE-1",), "nothing of it was live"),
    ("cut.typical", [21, 3, 5, [[3, 7_200], [4, 0]]], ("LW-WIRE-1",), "two live segments"),
    (
        "cut.limits",
        [21, 1, MAX_INT, [[1 + n, MAX_INT] for n in range(1_024)]],
        ("LW-WIRE-9",),
        "as many rows as the greatest `segments` limit",
    ),
    # -- the features
    ("pause.minimal", [22], ("LW-WIRE-1",), "no fields"),
    ("unpause.minimal", [23], ("LW-WIRE-1",), "no fields"),
    ("mark.minimal", [24, 1, 0, "x"], ("LW-WIRE-4",), "a name of one byte"),
    ("mark.typical", [24, 2, 12_000, "word 7"], ("LW-WIRE-1",), "half a second in"),
    ("mark.limits", [24, MAX_INT, MAX_INT, "é" * 64], ("LW-WIRE-4",), "a name of 128 bytes"),
    ("mark_reached.minimal", [25, 1, "x"], ("LW-WIRE-4",), "a name of one byte"),
    ("mark_reached.typical", [25, 2, "word 7"], ("LW-WIRE-1",), "as in the mark"),
    (
        "mark_reached.limits",
        [25, MAX_INT, "\0" * 128],
        ("LW-WIRE-4",),
        "a name of 128 bytes, none of which can be seen",
    ),
    ("data.minimal", [26, 1, 0, {}], ("LW-WIRE-1",), "an empty map"),
    ("data.typical", [26, 2, 480, {"visemes": [["aa", 480], ["E", 960]]}], ("LW-WIRE-1",), "what the mouth does"),
    ("data.limits", [26, MAX_INT, MAX_INT, ANYTHING], ("LW-WIRE-3",), "the greatest integers, any value in the map"),
    ("custom.minimal", [31, {}], ("LW-WIRE-1",), "an empty map"),
    ("custom.typical", [31, {"com.example.mood": "calm"}], ("LW-WIRE-1",), "keys are namespaced"),
    ("custom.limits", [31, ANYTHING], ("LW-WIRE-3",), "any value in the map"),
    # -- what the receiver reports
    ("stream_started.minimal", [27, 1, 0], ("LW-WIRE-1",), "a clock at its origin"),
    ("stream_started.typical", [27, 2, 7_510_000], ("LW-WIRE-1",), "by the receiver's clock"),
    ("stream_started.limits", [27, MAX_INT, MAX_INT], ("LW-WIRE-3",), "the greatest integers"),
    ("progress.minimal", [28, 1, 0, 0, None, 0, 0], ("LW-WIRE-6",), "nil in the middle: played is not known"),
    ("progress.typical", [28, 2, 9_600, 9_120, 8_640, 7_520_000, 18_000], ("LW-WIRE-6",), "highest is received"),
    (
        "progress.highest",
        [28, 2, 9_600, 9_120, None, 7_520_000, 18_000, 10_080],
        ("LW-WIRE-6",),
        "something is missing below the last sample",
    ),
    ("progress.limits", [28, *[MAX_INT] * 7], ("LW-WIRE-3",), "the greatest integers"),
    ("stream_ended.minimal", [29, 1, None, False, 2], ("LW-WIRE-6",), "nobody can tell how far it was heard"),
    ("stream_ended.typical", [29, 2, 24_000, False, 0], ("LW-WIRE-1",), "heard to its end"),
    ("stream_ended.interrupted", [29, 2, 5_760, True, 1], ("LW-WIRE-1",), "heard for 240 ms"),
    ("stream_ended.limits", [29, MAX_INT, MAX_INT, True, MAX_INT], ("LW-WIRE-4",), "other causes count as failed"),
    ("nack.minimal", [30, 1, [[0, 1]]], ("LW-WIRE-4",), "one sample"),
    ("nack.typical", [30, 3, [[480, 960], [1_920, 2_400]]], ("LW-REPAIR-2",), "two chunks"),
    (
        "nack.limits",
        [30, MAX_INT, [*([2 * n, 2 * n + 1] for n in range(31)), [MAX_INT - 1, MAX_INT]]],
        ("LW-REPAIR-2",),
        "32 ranges, one sample apart",
    ),
)

_LARGE: Final[Table] = (
    ("hello.info_of_16384_bytes", [*HELLO, None, None, content(16_384)], ("LW-LIMIT-2",), "just within"),
    ("segment_start.metadata_of_16384_bytes", [16, 1, content(16_384)], ("LW-LIMIT-2",), "just within"),
    ("data.content_of_16384_bytes", [26, 1, 0, content(16_384)], ("LW-LIMIT-2",), "just within"),
    ("custom.content_of_16384_bytes", [31, content(16_384)], ("LW-LIMIT-2",), "just within"),
)


def rows() -> list[Row]:
    """``messages.json``."""
    return [valid(name, message, *ids, why=why) for name, message, ids, why in TABLE]


def large_rows() -> list[Row]:
    """The valid ones of ``large.json``."""
    return [valid(name, message, *ids, why=why) for name, message, ids, why in _LARGE]
