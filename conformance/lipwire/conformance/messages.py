"""Messages as the kit sends them: plain lists, so that each can be made wrong in any way (SPEC §6)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import msgpack

from lipwire.protocol.errors import CloseCode

Raw: TypeAlias = "Sequence[Any] | bytes | str"
"""A message as its fields, as bytes as they are, or as a text."""

PCM_FORMAT: Final = ["s16le", 24_000, 1]
RATE: Final = 24_000

TYPES: Final = {
    "hello": 1, "welcome": 2, "close": 3, "ping": 4, "pong": 5, "numbered": 6, "acknowledge": 7, "segment_start": 16,
    "audio": 17, "sent": 18, "segment_end": 19, "interrupt": 20, "cut": 21, "pause": 22, "unpause": 23, "mark": 24,
    "mark_reached": 25, "data": 26, "stream_started": 27, "progress": 28, "stream_ended": 29, "nack": 30, "custom": 31,
}  # fmt: skip
NUMBERED_TYPES: Final = frozenset({16, 19, 20, 22, 23, 24, 25, 26, 27, 29, 31})
MEDIA_TYPES: Final = frozenset({17, 28, 30})
GREASE: Final = [99, "this is to be ignored", {"nested": [1, 2.5, None]}]


def pack(message: Raw) -> bytes | str:
    """Encode a message; bytes and texts go as they are."""
    if isinstance(message, (bytes, str)):
        return message
    packed: bytes = msgpack.packb(list(message))
    return packed


def packed(value: Any) -> bytes:
    """Encode any value."""
    data: bytes = msgpack.packb(value)
    return data


def unpack(data: bytes | str) -> Any:
    """Decode anything, with no more than MessagePack's own rules; None: it is none."""
    try:
        return msgpack.unpackb(data, strict_map_key=False)
    except (ValueError, TypeError):
        return None


def wide(value: Any) -> bytes:
    """Encode a value with every head as wide as MessagePack has it: legal, and unusual."""
    match value:
        case None | bool() | float():
            return packed(value)
        case int():
            return b"\xd3" + value.to_bytes(8, "big", signed=True)
        case str():
            return b"\xdb" + len(value.encode()).to_bytes(4, "big") + value.encode()
        case bytes():
            return b"\xc6" + len(value).to_bytes(4, "big") + value
        case dict():
            pairs = b"".join(wide(key) + wide(inner) for key, inner in value.items())
            return b"\xdf" + len(value).to_bytes(4, "big") + pairs
        case _:
            return b"\xdd" + len(value).to_bytes(4, "big") + b"".join(map(wide, value))


def sized(message: Sequence[Any], size: int) -> bytes:
    """A message of exactly so many bytes: what it is short of is in elements more, which are to be ignored."""
    short = packed([*message, b""])
    data = packed([*message, bytes(size - len(short) - 2)])  # a length of 2 or 4 bytes in the place of 1
    if len(data) != size:
        data = packed([*message, bytes(size - len(short) - (len(data) - size) - 2)])
    assert len(data) == size
    return data


def content(size: int, key: str = "com.example.x") -> dict[str, Any]:
    """A map of exactly so many bytes in its shortest encoding."""
    made = {key: "x" * (size - len(packed({key: ""})) - 2)}  # a length of 2 bytes in the place of none
    assert len(packed(made)) == size > 300
    return made


def digest(pcm: bytes) -> str:
    """How a driver tells of samples."""
    return hashlib.sha256(pcm).hexdigest()


def nested(levels: int) -> Any:
    """Arrays in each other."""
    inner: Any = None
    for _ in range(levels):
        inner = [inner]
    return inner


def shown(value: Any) -> str:
    """A value, short enough for a line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:40]}… ({len(text)} characters)"


def hello(
    session: bytes,
    *,
    generation: Any = 1,
    versions: Any = (1,),
    formats: Any = (PCM_FORMAT,),
    features: Any = (),
    limits: Any = None,
    auth: Any = None,
    resume: Any = None,
    info: Any = None,
    magic: Any = "lipwire",
) -> list[Any]:
    """SPEC §6.1."""
    return [1, magic, versions, session, generation, formats, list(features),
            {"message": 65_536} if limits is None else limits, auth, resume, info]  # fmt: skip


def welcome(
    session: bytes,
    *,
    generation: Any = 1,
    version: Any = 1,
    format: Any = PCM_FORMAT,  # noqa: A002 - the field's name
    features: Any = (),
    limits: Any = None,
    secret: Any = None,
    state: Any = None,
    info: Any = None,
) -> list[Any]:
    """SPEC §6.2."""
    return [2, version, session, generation, format, list(features), limits or {}, secret, state, info]


def close(code: CloseCode | int, reason: str = "", retry: int | None = None, details: Any = None) -> list[Any]:
    """SPEC §6.3."""
    return [3, int(code), reason, retry, details]


def ping(t1: Any = 1) -> list[Any]:
    """SPEC §6.4."""
    return [4, t1]


def pong(t1: Any, t2: Any = 2, t3: Any = 3) -> list[Any]:
    """SPEC §6.4."""
    return [5, t1, t2, t3]


def numbered(number: Any, taken: Any, message: Any) -> list[Any]:
    """SPEC §6.5."""
    return [6, number, taken, message]


def acknowledge(taken: Any) -> list[Any]:
    """SPEC §6.5."""
    return [7, taken]


def segment_start(segment: Any, metadata: Any = None) -> list[Any]:
    """SPEC §6.6."""
    return [16, segment] if metadata is None else [16, segment, metadata]


def audio(segment: Any, position: Any, pcm: Any, cut_through: Any = 0) -> list[Any]:
    """SPEC §6.6."""
    return [17, segment, position, cut_through, pcm]


def sent(segment: Any, position: Any) -> list[Any]:
    """SPEC §6.6."""
    return [18, segment, position]


def segment_end(segment: Any, total: Any) -> list[Any]:
    """SPEC §6.6."""
    return [19, segment, total]


def interrupt(first: Any, last: Any = None) -> list[Any]:
    """SPEC §6.7; of one segment without ``last``."""
    return [20, first, first if last is None else last]


def cut(first: Any, last: Any, consumed: Any = ()) -> list[Any]:
    """SPEC §6.7."""
    return [21, first, last, [list(row) for row in consumed]]


def pause() -> list[Any]:
    """SPEC §6.8."""
    return [22]


def unpause() -> list[Any]:
    """SPEC §6.8."""
    return [23]


def mark(segment: Any, position: Any, name: Any) -> list[Any]:
    """SPEC §6.8."""
    return [24, segment, position, name]


def mark_reached(segment: Any, name: Any) -> list[Any]:
    """SPEC §6.8."""
    return [25, segment, name]


def data(segment: Any, position: Any, content: Any) -> list[Any]:
    """SPEC §6.8."""
    return [26, segment, position, content]


def stream_started(segment: Any, clock: Any = 1) -> list[Any]:
    """SPEC §6.9."""
    return [27, segment, clock]


def progress(
    segment: Any, received: Any, consumed: Any = None, played: Any = None, *, clock: Any = 1, delay: Any = 0,
    highest: Any = None,
) -> list[Any]:  # fmt: skip
    """SPEC §6.9; consumed is as received unless said."""
    fields = [28, segment, received, received if consumed is None else consumed, played, clock, delay]
    return fields if highest is None else [*fields, highest]


def stream_ended(segment: Any, position: Any, interrupted: Any = False, cause: Any = 0) -> list[Any]:
    """SPEC §6.9."""
    return [29, segment, position, interrupted, cause]


def nack(segment: Any, *missing: Any) -> list[Any]:
    """SPEC §6.9."""
    return [30, segment, [list(gap) for gap in missing]]


def custom(content: Any) -> list[Any]:
    """SPEC §6.8."""
    return [31, content]


def frame_bytes(audio_format: Sequence[Any]) -> int:
    """Bytes of one PCM frame of a format."""
    encoding, _, channels = audio_format
    return (2 if encoding == "s16le" else 4) * int(channels)


def pcm(samples: int, seed: int = 1, *, frame_bytes: int = 2) -> bytes:
    """So many PCM frames of noise that a seed reproduces: any two of its samples can be told apart by their place."""
    words = samples * frame_bytes // 2
    return b"".join(((seed * 7_919 + i * 2_654_435_761) >> 7 & 0xFFFF).to_bytes(2, "little") for i in range(words))
