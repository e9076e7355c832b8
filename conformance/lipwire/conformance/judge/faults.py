"""What is wrong with a message by itself: the code that SPEC.md names, and the requirement that its sender broke."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgpack

from lipwire.protocol.codec import decode
from lipwire.protocol.errors import CloseCode, ProtocolError
from lipwire.protocol.limits import BOUNDS, DEPTH, ENTRIES, MAX_INT

from ..trace import Entry

_MOST: Final = int(BOUNDS["message"].cap)


@dataclass(frozen=True)
class Fault:
    """Why a message can not be decoded."""

    code: CloseCode
    broken: str
    """The requirement that whoever sent it broke."""
    answered: str
    """The requirement that says how it is to be answered."""
    why: str


def fault_of(entry: Entry) -> Fault | None:
    """What is wrong with a message by itself, whatever the session; None: nothing, or nothing that can be told."""
    if entry.name != "malformed" or is_hidden(entry):
        return None
    try:
        decode(entry.data, _MOST)
    except ProtocolError as error:
        return _fault(entry.data, error.code, str(error))
    return None


def is_hidden(entry: Entry) -> bool:
    """Whether its bytes were left out of the trace, for the secrets that may be in them."""
    return entry.fields is not None


def unpacked(data: bytes | str) -> Any:
    """What is in a message, by MessagePack's rules alone; None when it is none."""
    if isinstance(data, str):
        return None
    try:
        return msgpack.unpackb(data, strict_map_key=False, unicode_errors="surrogateescape")
    except Exception:  # whatever a hostile message does to the decoder
        return None


def _fault(data: bytes | str, code: CloseCode, why: str) -> Fault:
    if isinstance(data, str):
        return Fault(code, "LW-WIRE-1", "LW-WIRE-11", why)
    message = unpacked(data)
    if message and isinstance(message, list) and message[0] == 3:
        whole = list(map(type, message[1:3])) == [int, str]  # then its reason is too long, or its code is none
        return Fault(code, "LW-WIRE-4" if whole else "LW-INVARIANT-2", "LW-INVARIANT-2", why)
    match code:
        case CloseCode.INVALID_FIELD:
            same = _invalid_field(message)
            return Fault(code, same, same, why)
        case CloseCode.LIMIT_EXCEEDED:
            same = "LW-WIRE-9" if _too_deep_or_many(message) else "LW-LIMIT-2"
            return Fault(code, same, same, why)
        case CloseCode.UNKNOWN_MESSAGE:
            return Fault(code, "LW-REGISTRY-1", "LW-WIRE-10", why)
        case CloseCode.MESSAGE_TOO_LARGE:
            return Fault(code, "LW-BINDING-4", "LW-WIRE-8", why)
        case _:
            return Fault(code, "LW-WIRE-1", "LW-WIRE-7", why)


def _invalid_field(message: Any) -> str:
    values = list(_all(message))
    if any(isinstance(value, (msgpack.ExtType, msgpack.Timestamp)) for value in values):
        return "LW-WIRE-12"
    if any(isinstance(value, dict) and not all(isinstance(key, str) for key in value) for value in values):
        return "LW-WIRE-12"
    fields = message[1:] if isinstance(message, list) else []
    if any(type(field) is int and not 0 <= field <= MAX_INT for field in fields):
        return "LW-WIRE-3"
    return "LW-WIRE-4"


def _too_deep_or_many(message: Any) -> bool:
    return message is None or _depth(message) > DEPTH or any(_entries(value) > ENTRIES for value in _all(message))


def _entries(value: Any) -> int:
    return len(value) if isinstance(value, (list, dict)) else 0


def _inner(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []


def _all(value: Any) -> Iterator[Any]:
    waiting = [value]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += _inner(one)


def _depth(value: Any) -> int:
    levels, level = 0, [value]
    while level := [one for one in level if isinstance(one, (list, dict))]:
        levels += 1
        level = [inner for one in level for inner in _inner(one)]
    return levels
