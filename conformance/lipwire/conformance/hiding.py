"""Keeps tokens and secrets out of what is shown: out of messages, decoded or not, and out of texts (LW-SECURITY-2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgpack

from lipwire.protocol.messages import MAGIC

from .trace import Entry

FILLING: Final = b"hidden"
SHOWN: Final = "(hidden)"
_PLACES: Final = {1: (8, 9), 2: (7,)}
"""Where hello has ``auth`` and ``resume``, and welcome its ``secret``."""
_LEAST: Final = 4
"""Bytes of what is looked for elsewhere as well: of less, everything would be taken for it."""


class Hiding:
    """Knows the secrets of one trace, and takes them out of whatever is shown of it.

    Args:
        trace: of one case; its messages are searched for what is secret in them.
        known: secrets beside these, a token that the driver was given say.
    """

    def __init__(self, trace: Iterable[Entry], known: Iterable[str] = ()) -> None:
        found = {text.encode() for text in known}
        for entry in trace:
            found.update(_secrets_in(entry.data))
        self._secrets = sorted((secret for secret in found if len(secret) >= _LEAST), key=len, reverse=True)

    def data(self, data: bytes, *, ours: bool = False) -> bytes:
        """Bytes of a message, each secret in them replaced by as many others; ``ours``: the kit made it."""
        for secret in self._secrets:
            data = data.replace(secret, _filling(len(secret)))
        greets = data[1:2] in (b"\x01", b"\x02") or MAGIC.encode() in data[:32]
        if greets and not ours and _unpacked(data) is None:
            # A hello or welcome that is garbled: what is secret in it can not be told from the rest.
            return data[:2] + _filling(len(data) - 2)
        return data

    def text(self, text: str) -> str:
        """A text, without any secret, as it is or in hex."""
        for secret in self._secrets:
            for form in (secret.decode("utf-8", "replace"), secret.hex(), repr(secret)[2:-1]):
                text = text.replace(form, SHOWN)
        return text

    def value(self, value: Any) -> Any:
        """A value as JSON has it, its texts without any secret."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.value(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner) for inner in value]
        return value


def _filling(length: int) -> bytes:
    return (FILLING + bytes(max(length - len(FILLING), 0)))[:length]


def _unpacked(data: bytes) -> Sequence[Any] | None:
    try:
        read = msgpack.unpackb(data, raw=True, strict_map_key=False)
    except Exception:  # whatever a hostile message does to the decoder
        return None
    return read if isinstance(read, list) else None


def _secrets_in(data: bytes | str) -> Iterable[bytes]:
    read = None if isinstance(data, str) else _unpacked(data)
    if not read or not isinstance(read[0], int):
        return
    for place in _PLACES.get(read[0], ()):
        if place < len(read):
            yield from _leaves(read[place])


def _leaves(value: Any) -> Iterable[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _leaves(inner)
    elif isinstance(value, dict):
        yield from _leaves(list(value.values()))
