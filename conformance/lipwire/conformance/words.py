"""How the kit puts things into words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lipwire.protocol.errors import CloseCode

from .trace import Entry


def counted(number: int, noun: str) -> str:
    """``1 case``, ``2 cases``."""
    return f"{number} {noun if number == 1 else noun + 's'}"


def short(value: Any) -> str:
    """A value as text, of a long one its beginning."""
    text = str(value)
    return text if len(text) <= 60 else f"{text[:50]}… ({len(text)} characters)"


def close_words(entry: Entry) -> str:
    """A close message: its code by name, and its reason."""
    code, reason, *_ = entry.message
    return f"close {CloseCode(code).name.lower() if code in set(CloseCode) else code}: {reason!r}"


def shown(fields: Mapping[str, Any]) -> str:
    """The fields that are asked for."""
    return f" with {', '.join(f'{key} {value!r}' for key, value in fields.items())}" if fields else ""


def values(entry: Entry) -> str:
    """What a message or an event holds, in short."""
    if entry.kind == "event":
        return f" {short(entry.fields)}" if entry.fields else ""
    if entry.message is None:
        return f" ({entry.fault})" if entry.fault else ""
    held: Iterable[Any] = (f"{len(v)} bytes" if isinstance(v, bytes) else v for v in entry.message)
    return f" {short(list(held))}"
