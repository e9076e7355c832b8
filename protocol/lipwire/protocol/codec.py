"""Bytes to messages and back (SPEC §2, §6).

Decoding takes anything from anybody: what a message claims is bounded before memory is taken for it, and only
:class:`RemoteProtocolError` comes out. Refusing costs time linear in the message's length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgpack

from .channels import Wire
from .errors import CloseCode, LocalProtocolError, RemoteProtocolError
from .limits import BOUNDS, DEPTH, ENTRIES, MAX_INT
from .messages import AudioMessage, Message, Numbered
from .registry import BY_MESSAGE, BY_TYPE, IGNORABLE, Entry

_AUDIO: Final = 17
_NUMBERED: Final = 6

_SHORT: Final = 96
"""Bytes of a message that need no scan if nothing is nested in it: they can not claim more than they are."""
_FLAT: Final = frozenset((int, bool, type(None)))

_packb = msgpack.Packer(autoreset=True, unicode_errors="surrogatepass").pack
_unpackb = msgpack.unpackb

# Fixed-width heads of MessagePack, by first byte: how many bytes of payload follow.
_SCALARS: Final = (
    {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8}
    | {0xCC + i: 1 << i for i in range(4)}
    | {0xD0 + i: 1 << i for i in range(4)}
)
# Heads that carry a length of so many bytes.
_SIZED: Final = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_ARRAYS: Final = {0xDC: 2, 0xDD: 4}
_MAPS: Final = {0xDE: 2, 0xDF: 4}


def encode(message: Message) -> bytes:
    """Encode one message; trailing fields that are absent are left off.

    Raises:
        LocalProtocolError: a map in it holds what MessagePack can not carry (LW-WIRE-12).
    """
    try:
        packed: bytes = _packb(_as_array(message))
    except (TypeError, ValueError, OverflowError) as error:
        raise LocalProtocolError(
            CloseCode.INVALID_FIELD, f"{BY_MESSAGE[type(message)].name} can not be encoded: {error}"
        ) from None
    return packed


def encode_audio(segment: int, position: int, cut_through: int, pcm: bytes | memoryview) -> bytes:
    """Encode an audio message without making the message first: the hot path of a sender."""
    packed: bytes = _packb((_AUDIO, segment, position, cut_through, pcm))
    return packed


def _as_array(message: Message) -> list[Any]:
    if type(message) is Numbered:
        return [_NUMBERED, message.number, message.taken, _as_array(message.message)]
    fields = [BY_MESSAGE[type(message)].number, *message]
    while fields[-1] is None:
        fields.pop()
    return fields


def decode(data: Wire, max_message: int = int(BOUNDS["message"].default)) -> Message | None:
    """Decode one message; None for one of a type that is to be ignored (LW-WIRE-10).

    Raises:
        RemoteProtocolError: whatever is wrong with it, with the code that SPEC.md names.
    """
    if isinstance(data, str):
        raise RemoteProtocolError(CloseCode.MALFORMED, f"a text message on a session of version 1: {data!r:.60}")
    if len(data) > max_message:
        raise RemoteProtocolError(
            CloseCode.MESSAGE_TOO_LARGE, f"a message of {len(data)} bytes; at most {max_message} are accepted"
        )
    audio = decode_audio(data)
    return _build(_unpack(data)) if audio is None else AudioMessage(*audio)


def decode_audio(data: Wire) -> tuple[int, int, int, bytes] | None:
    """Decode an audio message of just its four fields, without making the message: the hot path of a receiver.

    None: it is something else, or not valid, and :func:`decode` says what.
    """
    if data[:2] != b"\x95\x11":
        return None
    try:
        # What is nested in a field would be refused by max_array_len before it is allocated.
        _, segment, position, cut_through, pcm = _unpackb(data, max_array_len=5, max_map_len=0)
    except Exception:
        return None
    if (
        type(segment) is int
        and type(position) is int
        and type(cut_through) is int
        and type(pcm) is bytes
        and 0 <= segment | position | cut_through <= MAX_INT  # each of them: MAX_INT is all ones
        and segment
        and pcm
    ):
        return segment, position, cut_through, pcm
    return None


def _unpack(data: bytes) -> list[Any]:
    if len(data) <= _SHORT:
        try:
            array = _unpackb(data, max_array_len=_SHORT, max_map_len=0)
        except Exception:
            pass  # what it is, the long way tells
        else:
            if type(array) is list and array and type(array[0]) is int and _FLAT.issuperset(map(type, array)):
                return array
    _scan(data)
    try:
        try:
            array = _unpackb(data, strict_map_key=False)
        except TypeError:  # a key that can not be hashed, perhaps where it is to be ignored
            array = _unpackb(data, strict_map_key=False, object_pairs_hook=_with_any_keys)
    except UnicodeDecodeError:
        raise RemoteProtocolError(CloseCode.MALFORMED, "text that is not UTF-8") from None
    except Exception as error:  # whatever it makes of it: the peer sent it (LW-SECURITY-1)
        raise RemoteProtocolError(CloseCode.MALFORMED, f"not MessagePack: {error!r:.100}") from None
    if type(array) is not list or not array or type(array[0]) is not int:
        raise RemoteProtocolError(CloseCode.MALFORMED, "a message is an array that begins with an integer")
    return array


def _with_any_keys(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """Make a map; one with keys that can not be keys here becomes one that no field accepts (LW-WIRE-12)."""
    try:
        return dict(pairs)
    except TypeError:
        return {0: None}


def _scan(data: bytes) -> None:
    """Walk the heads of a MessagePack value without building it, and hold it against the bounds of LW-WIRE-9.

    A stack entry is the count of values still due at that level.
    """
    malformed = CloseCode.MALFORMED
    size, at, due = len(data), 0, [1]
    while due:
        if due[-1] == 0:
            due.pop()
            continue
        due[-1] -= 1
        if at >= size:
            raise RemoteProtocolError(malformed, "a message that ends too early")
        head = data[at]
        at += 1
        entries = -1
        if head < 0x80 or head >= 0xE0:
            continue
        if head < 0x90:
            entries = 2 * (head & 0x0F)
        elif head < 0xA0:
            entries = head & 0x0F
        elif head < 0xC0:
            at += head & 0x1F
        elif head in _SCALARS:
            at += _SCALARS[head]
        elif head in _SIZED:
            width = _SIZED[head]
            at += width + int.from_bytes(data[at : at + width], "big")
        elif head in _ARRAYS or head in _MAPS:
            width = _ARRAYS.get(head) or _MAPS[head]
            count = int.from_bytes(data[at : at + width], "big")
            at += width
            if count > ENTRIES:
                raise RemoteProtocolError(CloseCode.LIMIT_EXCEEDED, f"an array or map of {count} entries")
            entries = 2 * count if head in _MAPS else count
        elif head == 0xC1:
            raise RemoteProtocolError(malformed, "a byte that MessagePack does not use")
        else:
            raise RemoteProtocolError(CloseCode.INVALID_FIELD, "a MessagePack extension")
        if entries >= 0:
            if len(due) > DEPTH:
                raise RemoteProtocolError(CloseCode.LIMIT_EXCEEDED, f"nested deeper than {DEPTH} levels")
            due.append(entries)
        if at > size:
            raise RemoteProtocolError(malformed, "a message that ends too early")
    if at != size:
        raise RemoteProtocolError(malformed, f"{size - at} bytes after the message")


def _build(array: Sequence[Any]) -> Message | None:
    number = array[0]
    entry = BY_TYPE.get(number)
    if entry is None:
        if number in IGNORABLE:
            return None
        raise RemoteProtocolError(CloseCode.UNKNOWN_MESSAGE, f"message type {number!r:.30} is not known")
    return _build_fields(entry, array)


def _build_fields(entry: Entry, array: Sequence[Any]) -> Message:
    given = len(array) - 1
    if given < entry.required:
        missing = list(entry.fields)[given]
        raise RemoteProtocolError(CloseCode.INVALID_FIELD, f"{entry.name} has no {missing}")
    values: list[Any] = []
    for index, (name, check) in enumerate(entry.checks, 1):
        values.append(check(name, array[index] if index <= given else None))
    if entry.number == _NUMBERED:
        values[2] = _build_inner(values[2])
    return entry.message(*values)


def _build_inner(array: list[Any]) -> Message:
    """Build the message inside ``numbered`` (LW-CONTROL-7)."""
    number = array[0] if array else None
    entry = BY_TYPE.get(number) if type(number) is int else None
    if entry is None or not entry.numbered:
        raise RemoteProtocolError(CloseCode.INVALID_FIELD, f"a message of type {number!r:.30} can not be numbered")
    return _build_fields(entry, array)
