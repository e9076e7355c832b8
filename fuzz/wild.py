"""MessagePack as nobody has to write it, and messages that are none: crafted by hand, or made from good ones."""

from __future__ import annotations

import json
import struct
from random import Random
from typing import Any

from lipwire.protocol.channels import Wire
from lipwire.protocol.limits import DEPTH, ENTRIES, MAX_INT


def pack(value: Any, random: Random) -> bytes:
    """Pack a value; heads are wider than need be now and then (LW-WIRE-2)."""
    wide = random.random() < 0.1
    match value:
        case None:
            return b"\xc0"
        case bool():
            return b"\xc3" if value else b"\xc2"
        case int():
            return _pack_int(value, wide)
        case float():
            return struct.pack(">Bf" if wide else ">Bd", 0xCA if wide else 0xCB, value)
        case str():
            data = value.encode(errors="surrogatepass")
            return _head(len(data), 0 if wide else 32, 0xA0, (0xD9, 0xDA, 0xDB), random if wide else None) + data
        case bytes():
            return _head(len(value), 0, 0, (0xC4, 0xC5, 0xC6), random if wide else None) + value
        case list() | tuple():
            heads = _head(len(value), 0 if wide else 16, 0x90, (0, 0xDC, 0xDD), random if wide else None)
            return heads + b"".join(pack(one, random) for one in value)
        case dict():
            heads = _head(len(value), 0 if wide else 16, 0x80, (0, 0xDE, 0xDF), random if wide else None)
            return heads + b"".join(pack(k, random) + pack(v, random) for k, v in value.items())
    raise TypeError(f"{value!r:.60}")


def _pack_int(value: int, wide: bool) -> bytes:
    if not wide and -32 <= value < 128:
        return struct.pack("b", value)
    for head, form, low, high in (
        (0xCC, ">BB", 0, 1 << 8),
        (0xCD, ">BH", 0, 1 << 16),
        (0xD1, ">Bh", -(1 << 15), 1 << 15),
        (0xCE, ">BI", 0, 1 << 32),
        (0xCF, ">BQ", 0, 1 << 64),
        (0xD3, ">Bq", -(1 << 63), 1 << 63),
    ):
        if low <= value < high and not (wide and head < 0xCF):
            return struct.pack(form, head, value)
    raise OverflowError(value)


def _head(count: int, fixed: int, first: int, heads: tuple[int, int, int], random: Random | None) -> bytes:
    if count < fixed:
        return bytes([first | count])
    width = 0 if count < 256 and heads[0] else 1 if count < 65_536 else 2
    if random is not None:
        width = random.randint(width, 2)
    return bytes([heads[width]]) + count.to_bytes(1 << width, "big")


# -- crafted ---------------------------------------------------------------------------------------------------

CRAFTED: tuple[bytes, ...] = (
    b"",
    b"\x90",
    b"\xc0",
    b"\xc1",
    b"\x91\xc1",
    b"\x91\x20",
    b"\x91\xff",
    b"\x91\xcb" + struct.pack(">d", 4.0),
    b"\x92\x04\xcb" + struct.pack(">d", float("nan")),
    b"\x92\x04\xcb" + struct.pack(">d", float("inf")),
    b"\x92\x04\xca" + struct.pack(">f", 5.0),
    b"\x92\x04\xc3",
    b"\x92\x04\xcf" + (1 << 53).to_bytes(8, "big"),
    b"\x92\x04\xcf" + bytes([255]) * 8,
    b"\x92\x04\xd3" + (1 << 63).to_bytes(8, "big"),
    b"\x92\x04\x05\x00\x00",
    b"\x95\x11\x01\x00",
    b"\x95\x11\x01\x00\x00\xc6\xff\xff\xff\xff",
    b"\x95\x11\x01\x00\x00\xdd\xff\xff\xff\xff",
    b"\x95\x11\x01\x00\x00\xdf\xff\xff\xff\xff",
    b"\x95\x11\x01\x00\x00\xd8\x05" + bytes(16),
    b"\x95\x11\x01\x00\x00\xc7\x0c\xff" + bytes(12),
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff\x01\x02",
    b"\x92\x04\xdb\xff\xff\xff\xff",
    b"\x92\x1f\x81\xa1a\xc6\x7f\xff\xff\xff",
    b"\x92\x40" + b"\x91" * (DEPTH + 1) + b"\xc0",
    b"\x92\x40" + b"\x91" * 60_000,
    b"\x92\x40" + b"\x81\xa1a" * 15_000 + b"\xc0",
    b"\x92\x40\xdc" + (ENTRIES + 1).to_bytes(2, "big") + bytes(ENTRIES + 1),
    b"\x92\x40\xde" + (ENTRIES + 1).to_bytes(2, "big") + bytes(2 * ENTRIES + 2),
    b"\x92\x40\xdc\x04\x00" + (b"\xdc\x00\x38" + b"\x90" * 0x38) * ENTRIES,
    b"\x92\x40\xdc\x04\x00" + (b"\x9f" + b"\x80" * 15) * ENTRIES,
    b"\x92\x1f\xde\x04\x00" + b"".join(b"\xce" + i.to_bytes(4, "big") + b"\x80" for i in range(ENTRIES)),
    b"\x92\x1f\x82\xa1a\x01\xa1a\x02",
    b"\x92\x1f\x81\x01\x02",
    b"\x92\x1f\x81\x91\x01\x02",
    b"\x92\x1f\x81\xc0\x02",
    b"\x92\x1f\x81\xcb" + struct.pack(">d", float("nan")) + b"\x02",
    b"\x92\x1f\x81\xa1a\x81\xa1b\xd4\x00\x00",
    b"\x92\x1f\xd6\xff" + bytes(4),
    b"\x92\x1f\xc7\x00\x05",
    b"\x92\x1f\x81\xa3\xed\xa0\x80\x01",
    b"\x92\x1f\x81\xa2\xff\xfe\x01",
    b"\x93\x03\x00\xa2\xff\xfe",
    b"\x93\x18\x01\xa2\xff\xfe",
    b"\x94\x06\x01\x00\x94\x06\x01\x00\x91\x16",
    b"\x94\x06\x01\x00\x91\x0f",
    b"\x94\x06\x01\x00\x90",
    b"\x94\x06\x01\x00\x91\xc0",
    b"\x93\x1e\x01\x90",
    b"\x93\x1e\x01\x92\x92\x01\x05\x92\x05\x09",
    b"\x93\x1e\x01\xdc\x00\x21" + b"".join(b"\x92" + bytes([2 * i, 2 * i + 1]) for i in range(33)),
    b"\x93\x1e\x01\x91\x92\x00\xcf" + MAX_INT.to_bytes(8, "big"),
    b"\x93\x14\x05\x01",
    b"\x93\x14\x01\xcf" + MAX_INT.to_bytes(8, "big"),
    b"\x93\x14\xcf" + MAX_INT.to_bytes(8, "big") + b"\xcf" + MAX_INT.to_bytes(8, "big"),
    b"INTERRUPT",
    bytes(960),
)
"""Each breaks a rule of its own, or comes close."""

TEXTS: tuple[str, ...] = (
    "",
    "INTERRUPT",
    "\ud800",
    "{}",
    "[]",
    "{",
    '{"type": 1}',
    '{"type": "segment_end"}',
    '{"type": "stream_ended"}',
    '{"type": "stream_ended", "data": null}',
    '{"type": "stream_ended", "data": {"playback_position": 0.02, "interrupted": false}}',
    '{"type": "stream_ended", "data": {"playback_position": 0.02, "interrupted": true}}',
    '{"type": "stream_ended", "data": {"playback_position": NaN, "interrupted": true}}',
    '{"type": "stream_ended", "data": {"playback_position": Infinity, "interrupted": false}}',
    '{"type": "stream_ended", "data": {"playback_position": 1e308, "interrupted": false}}',
    '{"type": "stream_ended", "data": {"playback_position": 9007199254740991, "interrupted": true}}',
    '{"type": "stream_ended", "data": {"playback_position": -1, "interrupted": true}}',
    '{"type": "stream_ended", "data": {"playback_position": true, "interrupted": 0}}',
    '{"type": "lipwire", "versions": [1]}',
    '{"type": "lipwire", "versions": [0, -1, 1e3, null]}',
    '{"type": "lipwire", "version": ' + "9" * 900 + "}",
    '{"type": "lipwire", "versions": [' + "1," * 400 + "1]}",
    '{"type": ' + "[" * 500,
    '{"a":' * 100 + "1" + "}" * 100,
    " " * 2_000 + "{",
    '{"type": "' + "x" * 2_000 + '"}',
    '{"type": "segment_end", "type": 7}',
    json.dumps({"type": "\ud800"}),
)


# -- made from others ------------------------------------------------------------------------------------------


def mutate(data: Wire, other: Wire, random: Random) -> Wire:
    """Change a message: bits, lengths, ends, pieces of another one."""
    if isinstance(data, str):
        return _mutate_text(data, other, random)
    other = other if isinstance(other, bytes) else other.encode(errors="surrogatepass")
    out = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        at = random.randrange(len(out) + 1)
        if random.random() < 0.6:
            at = min(at, random.randrange(12))  # heads and fields, rather than samples
        match random.randrange(9):
            case 0 if at < len(out):
                out[at] ^= 1 << random.randrange(8)
            case 1 if at < len(out):
                out[at] = random.choice((0, 1, 0x7F, 0x80, 0x90, 0xA0, 0xC0, 0xC1, 0xC6, 0xCF, 0xDC, 0xDD, 0xDF, 0xFF))
            case 2:
                del out[at:]
            case 3:
                del out[at : at + random.randint(1, 8)]
            case 4:
                out[at:at] = random.randbytes(random.randint(1, 8))
            case 5:
                start = random.randrange(len(other) + 1)
                out[at:] = other[start:]
            case 6:
                start = random.randrange(len(other) + 1)
                out[at:at] = other[start : start + random.randint(1, 40)]
            case 7:  # a length field, or an integer
                width = random.choice((1, 2, 4, 8))
                out[at : at + width] = random.choice((0, 1, (1 << 8 * width) - 1, 1 << (8 * width - 1))).to_bytes(
                    width, "big"
                )
            case _ if out and 0x90 <= out[0] < 0x9F:
                out[0] = 0x90 | random.randrange(16)
    return bytes(out)


def _mutate_text(data: str, other: Wire, random: Random) -> Wire:
    at = random.randrange(len(data) + 1)
    match random.randrange(6):
        case 0:
            return data[:at]
        case 1:
            return data[:at] + chr(random.choice((0, 34, 92, 123, 125, 0x2028, 0xD800, 0x1F600))) + data[at:]
        case 2:
            return data[:at] + str(random.choice((-1, 0, 1e400, 2**70, float("nan")))) + data[at + 1 :]
        case 3 if isinstance(other, str):
            return data[:at] + other[random.randrange(len(other) + 1) :]
        case 4:
            return data.encode(errors="surrogatepass")
    return data + data[:at]


def noise(random: Random) -> bytes:
    """Bytes, of which the first may look like a message of a type that is known."""
    data = random.randbytes(random.choice((0, 1, 2, 3, 5, 8, 20, 100, 2_000)))
    if random.random() < 0.7:
        data = (
            bytes([random.choice((0x92, 0x93, 0x94, 0x95, 0x97)), random.choice((*range(1, 8), *range(16, 32), 64))])
            + data
        )
    return data
