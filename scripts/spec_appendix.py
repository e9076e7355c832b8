"""Writes the appendices of SPEC.md that are made from the rest: B, traces in hex, and C, the requirements.

``python scripts/spec_appendix.py`` rewrites them; with ``--check`` it exits with 1 when they are out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgpack

from lipwire.conformance.requirements import read_requirements
from lipwire.protocol.codec import encode
from lipwire.protocol.messages import (
    AudioMessage,
    CloseMessage,
    Cut,
    Hello,
    Interrupt,
    Message,
    Nack,
    Numbered,
    Ping,
    Pong,
    Progress,
    SegmentEnd,
    SegmentStart,
    StreamEnded,
    StreamStarted,
    Welcome,
)
from lipwire.protocol.registry import BY_MESSAGE

SPEC = Path(__file__).parent.parent / "SPEC.md"


def appendix_c(text: str) -> str:
    """The list of requirements."""
    found = read_requirements(text)
    lines = [
        "## Appendix C. Requirements",
        "",
        f"All {len(found)} numbered statements, made from the text by `scripts/spec_appendix.py`. *Level* is the",
        "strongest key word, *needs* what has to be in use for the statement to bind, *code* the close code that it",
        "names.",
        "",
        "| id | role | level | needs | code |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {r.id} | {r.role} | {r.level} | {r.needs} | {', '.join(r.codes)} |" for r in found]
    return "\n".join(lines) + "\n"


# -- traces ------------------------------------------------------------------------------------------------

_SESSION = bytes.fromhex("5f0d1c2b3a495867768594a3b2c1d0ef")
_SECRET = bytes.fromhex("000102030405060708090a0b0c0d0e0f")
_FORMAT = ["s16le", 24000, 1]


def _pcm(*samples: int) -> bytes:
    return b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples)


_LIMITS = {"window": 48000, "message": 65536, "segments": 64, "cooldown": 300, "resume": 10000, "keepalive": 5000}

TRACES: list[tuple[str, list[tuple[str, str, Message]]]] = [
    (
        "A segment of four samples, core profile",
        [
            ("→", "control", Hello("lipwire", [1], _SESSION, 1, [_FORMAT], [], {"message": 65536})),
            ("←", "control", Welcome(1, _SESSION, 1, _FORMAT, [], _LIMITS)),
            ("→", "control", Ping(1000000)),
            ("←", "control", Pong(1000000, 7500250, 7500300)),
            ("→", "control", SegmentStart(1, {"text": "Hi"})),
            ("→", "media", AudioMessage(1, 0, 0, _pcm(1000, -1000))),
            ("→", "media", AudioMessage(1, 2, 0, _pcm(2000, -2000))),
            ("→", "control", SegmentEnd(1, 4)),
            ("←", "control", StreamStarted(1, 7510000)),
            ("←", "media", Progress(1, 4, 4, 2, 7520000, 18000)),
            ("←", "control", StreamEnded(1, 4, False, 0)),
            ("→", "control", CloseMessage(0)),
        ],
    ),
    (
        "An interrupt, and the next segment at once",
        [
            ("→", "both", Interrupt(1, 1)),
            ("→", "control", SegmentStart(2)),
            ("→", "media", AudioMessage(2, 0, 1, _pcm(5, 6, 7))),
            ("←", "control", Cut(1, 1, [[1, 7200]])),
            ("←", "control", StreamEnded(1, 5760, True, 1)),
        ],
    ),
    (
        "Samples 480 to 959 are lost and repaired",
        [
            ("→", "media", AudioMessage(3, 960, 2, _pcm(9))),
            ("←", "media", Nack(3, [[480, 960]])),
            ("→", "media", AudioMessage(3, 480, 2, _pcm(8))),
        ],
    ),
    (
        "A resume: the receiver had taken 11 numbered messages and 9,600 samples of segment 4",
        [
            (
                "→",
                "control",
                Hello("lipwire", [1], _SESSION, 2, [_FORMAT], ["resume"], {"message": 65536}, None, [_SECRET, 5]),
            ),
            (
                "←",
                "control",
                Welcome(1, _SESSION, 2, _FORMAT, ["resume"], _LIMITS, _SECRET[::-1], [11, [[4, 9600, 9120, 8640]]]),
            ),
            ("→", "control", Numbered(12, 5, SegmentEnd(4, 24000))),
        ],
    ),
    (
        "Refusals",
        [
            ("←", "control", CloseMessage(33, "version 2 is not spoken here", None, {"versions": [1]})),
            ("←", "control", CloseMessage(38, "all seats are taken", 1000)),
        ],
    ),
]


INVALID: list[tuple[str, str, str]] = [
    ("", "malformed", "nothing at all"),
    ("95110100", "malformed", "an array that ends too early"),
    ("9204050000", "malformed", "bytes after the message"),
    ("8104a0", "malformed", "a map in place of an array"),
    ("91a568656c6c6f", "malformed", "no integer at the beginning"),
    ("9203c1", "malformed", "a byte that MessagePack does not use"),
    ("930300a2fffe", "malformed", "text that is not UTF-8"),
    ("9120", "unknown_message", "type 32 is not known"),
    ("91ff", "unknown_message", "type -1 is not known"),
    ("9204ca40a00000", "invalid_field", "a float where an integer is due"),
    ("9204c3", "invalid_field", "a boolean where an integer is due"),
    ("9204cf0020000000000000", "invalid_field", "an integer above 2^53 - 1"),
    ("9204ff", "invalid_field", "an integer below 0"),
    ("9104", "invalid_field", "ping without t1"),
    ("9511000000c4020000", "invalid_field", "segment 0"),
    ("9511010000c400", "invalid_field", "audio without samples"),
    ("9511010000a20000", "invalid_field", "text where a binary is due"),
    ("931e0191920505", "invalid_field", "a missing range that is empty"),
    ("931e0192920105920509", "invalid_field", "missing ranges that touch"),
    ("921f810102", "invalid_field", "a key that is not text"),
    ("921fd6ff00000000", "invalid_field", "a MessagePack extension"),
    ("94060100910f", "invalid_field", "a message that can not be numbered"),
    ("9240" + "91" * 8 + "c0", "limit_exceeded", "nested deeper than 8 levels"),
    ("9240dc0401", "limit_exceeded", "an array of 1,025 entries"),
]


def appendix_b() -> str:
    """The traces."""
    lines = [
        "## Appendix B. Traces in hex",
        "",
        "Each message with its bytes, element by element, made from the SDK's codec by `scripts/spec_appendix.py`.",
        "`→` is from the sender. PCM is shortened to a few samples. The keys of a map stand in any order: compare what",
        "your encoder makes by what it decodes to. Many more messages, and what comes of them, are in the",
        "[test vectors](conformance/vectors/README.md).",
    ]
    for title, trace in TRACES:
        lines += ["", f"### {title}", "", "```"]
        for index, (arrow, channel, message) in enumerate(trace):
            if index:
                lines.append("")
            lines.append(f"{arrow} {BY_MESSAGE[type(message)].name} on {channel}: {encode(message).hex()}")
            lines += [f"    {chunk.hex(' '):<54} {meaning}".rstrip() for chunk, meaning in _explain(message)]
        lines.append("```")
    lines += ["", "### Messages that are refused", "", "In an open session, by the code in the second column.", ""]
    lines += ["| hex | code | what is wrong |", "|---|---|---|"]
    lines += [f"| `{data}` | {code} | {why} |" for data, code, why in INVALID]
    lines += ["", "Unusual, and legal: `9204d30000000000000005` is a ping in wide integers,"]
    lines += ["`940405c0c0` one with elements that are not known yet, `9240c0` a message to ignore."]
    return "\n".join(lines) + "\n"


def _explain(message: Message) -> Iterator[tuple[bytes, str]]:
    """Give each part of an encoded message with what it means."""
    data = encode(message)
    array: list[Any] = msgpack.unpackb(data)
    yield data[:1], f"array of {len(array)}"
    entry = BY_MESSAGE[type(message)]
    names = ["type", *entry.fields]
    for name, value in zip(names, array, strict=False):
        packed = msgpack.packb(value)
        if name == "type":
            yield packed, f"type {value}, {entry.name}"
        elif name == "message":
            assert isinstance(message, Numbered)
            yield from _explain(message.message)
        else:
            for at in range(0, len(packed), 16):
                yield packed[at : at + 16], f"{name} {_shown(value)}" if at == 0 else ""


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_shown(inner) for inner in value) + "]"
    return (
        {None: "nil", True: "true", False: "false"}.get(value, str(value))
        if not isinstance(value, int) or isinstance(value, bool)
        else str(value)
    )


def made(text: str) -> str:
    """The whole of SPEC.md with both appendices made anew."""
    text = _replaced(text, "## Appendix B.", "## Appendix C.", appendix_b())
    return _replaced(text, "## Appendix C.", "## Appendix D.", appendix_c(text))


def _replaced(text: str, begin: str, end: str, body: str) -> str:
    start, stop = text.index(f"\n{begin}") + 1, text.index(f"\n{end}") + 1
    return text[:start] + body + "\n" + text[stop:]


def main() -> int:
    """Rewrite the appendices, or check them."""
    text = SPEC.read_text()
    new = made(text)
    if "--check" in sys.argv[1:]:
        if new != text:
            print("SPEC.md: appendices B and C are out of date: run scripts/spec_appendix.py")
            return 1
        return 0
    SPEC.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
