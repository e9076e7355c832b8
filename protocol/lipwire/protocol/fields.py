"""Types of message fields: each checks one decoded value and names itself as SPEC §6 does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Any, Protocol

import msgpack

from .errors import CloseCode, RemoteProtocolError
from .limits import CONTENT_BYTES, ENTRIES, MAX_INT

_packb = msgpack.Packer(autoreset=True, unicode_errors="surrogatepass").pack
"""One for all: each has a buffer of 256 KiB."""
_FLOAT32 = Struct("f")


class FieldType(Protocol):
    """Checks a value from the wire. ``spec`` is how the registry tables of SPEC.md write the type."""

    @property
    def spec(self) -> str: ...

    def check(self, name: str, value: Any) -> Any:
        """Give the value, fit for use; raises ``RemoteProtocolError`` (LW-WIRE-3, LW-WIRE-4)."""
        ...


def invalid(name: str, wanted: str, value: object) -> RemoteProtocolError:
    """Make the error for a field that is not what it should be."""
    return RemoteProtocolError(CloseCode.INVALID_FIELD, f"{name} must be {wanted}, not {value!r:.60}")


@dataclass(frozen=True)
class Int:
    """An integer; a float or a boolean is not one."""

    low: int = 0
    high: int = MAX_INT
    spec: str = "int"

    def check(self, name: str, value: Any) -> int:
        if type(value) is not int or not self.low <= value <= self.high:
            raise invalid(name, f"an integer from {self.low} to {self.high}", value)
        return value


@dataclass(frozen=True)
class Str:
    """Text of so many bytes in UTF-8."""

    low: int = 0
    high: int = 1_024
    spec: str = "str"

    def check(self, name: str, value: Any) -> str:
        if type(value) is not str or not self.low <= len(value.encode(errors="surrogatepass")) <= self.high:
            raise invalid(name, f"text of {self.low} to {self.high} bytes", value)
        return value


@dataclass(frozen=True)
class Word:
    """One word and no other."""

    word: str
    spec: str = "str"

    def check(self, name: str, value: Any) -> str:
        if value != self.word:
            raise invalid(name, repr(self.word), value)
        return self.word


@dataclass(frozen=True)
class Bin:
    """A binary of so many bytes."""

    low: int = 0
    high: int = 1_048_576
    spec: str = "bin"

    def check(self, name: str, value: Any) -> bytes:
        if type(value) is not bytes or not self.low <= len(value) <= self.high:
            raise invalid(name, f"a binary of {self.low} to {self.high} bytes", value)
        return value


@dataclass(frozen=True)
class Bool:
    """True or false, and nothing that merely counts as such."""

    spec: str = "bool"

    def check(self, name: str, value: Any) -> bool:
        if type(value) is not bool:
            raise invalid(name, "a boolean", value)
        return value


@dataclass(frozen=True)
class Token:
    """Text or binary of at most so many bytes."""

    high: int = 4_096
    spec: str = "str or bin"

    def check(self, name: str, value: Any) -> str | bytes:
        if type(value) is str and len(value.encode(errors="surrogatepass")) <= self.high:
            return value
        if type(value) is bytes and len(value) <= self.high:
            return value
        # The value is not shown: it may be a secret (LW-SECURITY-2).
        raise RemoteProtocolError(
            CloseCode.INVALID_FIELD, f"{name} must be text or a binary of at most {self.high} bytes"
        )


@dataclass(frozen=True)
class Hidden:
    """A secret: what is wrong with it is said without showing it (LW-SECURITY-2)."""

    item: FieldType

    @property
    def spec(self) -> str:
        return self.item.spec

    def check(self, name: str, value: Any) -> Any:
        try:
            return self.item.check(name, value)
        except RemoteProtocolError as error:
            raise RemoteProtocolError(error.code, f"{name} is not what it must be: {self.spec}") from None


def content_size(content: Mapping[str, Any]) -> int:
    """Bytes of a free map in its shortest encoding (LW-LIMIT-2): of a float, 5 where 32 bits hold it, else 9."""
    return len(_packb(content)) - 4 * _short_floats(content)


def _short_floats(value: Any) -> int:
    """Count the floats that 32 bits hold exactly; msgpack writes all of them in 64."""
    if type(value) is float:
        try:
            return int(value != value or _FLOAT32.unpack(_FLOAT32.pack(value))[0] == value)
        except OverflowError:
            return 0
    if isinstance(value, Mapping):
        return sum(map(_short_floats, value.values()))
    return sum(map(_short_floats, value)) if type(value) in (list, tuple) else 0


@dataclass(frozen=True)
class Map:
    """A map with text as keys, of bounded size (LW-WIRE-12, LW-LIMIT-2)."""

    spec: str = "map"

    def check(self, name: str, value: Any) -> dict[str, Any]:
        if type(value) is not dict:
            raise invalid(name, "a map", value)
        if value:
            _check_keys(name, value)
            if content_size(value) > CONTENT_BYTES:
                raise RemoteProtocolError(
                    CloseCode.LIMIT_EXCEEDED, f"{name} is larger than {CONTENT_BYTES} bytes encoded"
                )
        return value


def _check_keys(name: str, value: Any) -> None:
    """Refuse keys that are not text, at any depth; the depth was bounded before decoding."""
    if type(value) is dict:
        for key, inner in value.items():
            if type(key) is not str:
                raise invalid(name, "a map whose keys are text", value)
            _check_keys(name, inner)
    elif type(value) is list:
        for inner in value:
            _check_keys(name, inner)


@dataclass(frozen=True)
class ListOf:
    """A list of so many values of one type."""

    item: FieldType
    low: int = 0
    high: int = ENTRIES

    @property
    def spec(self) -> str:
        return f"[{self.item.spec}]"

    def check(self, name: str, value: Any) -> list[Any]:
        if type(value) is not list or not self.low <= len(value) <= self.high:
            raise invalid(name, f"a list of {self.low} to {self.high} entries", value)
        return [self.item.check(name, item) for item in value]


@dataclass(frozen=True)
class Ranges:
    """Ranges [first, end) that are not empty, ascend and do not touch."""

    low: int
    high: int
    spec: str = "[[int, int]]"

    def check(self, name: str, value: Any) -> list[list[int]]:
        ranges = ListOf(Row((Int(), Int())), self.low, self.high).check(name, value)
        reached = -1
        for first, end in ranges:
            if not reached < first < end:
                raise invalid(name, "ranges that ascend, apart, none of them empty", value)
            reached = end
        return ranges


@dataclass(frozen=True)
class Row:
    """A list with one value of each of these types."""

    items: tuple[FieldType, ...]

    @property
    def spec(self) -> str:
        return "[" + ", ".join(item.spec.replace(", or nil", " or nil") for item in self.items) + "]"

    def check(self, name: str, value: Any) -> list[Any]:
        if type(value) is not list or len(value) != len(self.items):
            raise invalid(name, f"a list of {len(self.items)} values", value)
        return [item.check(name, inner) for item, inner in zip(self.items, value, strict=True)]


@dataclass(frozen=True)
class Array:
    """A whole message, nested; the codec builds it."""

    spec: str = "array"

    def check(self, name: str, value: Any) -> list[Any]:
        if type(value) is not list:
            raise invalid(name, "an array", value)
        return value


@dataclass(frozen=True)
class Lenient:
    """The type inside, or nil; what is neither is read as nil (LW-INVARIANT-5)."""

    item: FieldType

    @property
    def spec(self) -> str:
        return f"{self.item.spec}, or nil"

    def check(self, name: str, value: Any) -> Any:
        try:
            return None if value is None else self.item.check(name, value)
        except RemoteProtocolError:
            return None


@dataclass(frozen=True)
class Nil:
    """The type inside, or nil: a field that may be absent."""

    item: FieldType

    @property
    def spec(self) -> str:
        return f"{self.item.spec}, or nil"

    def check(self, name: str, value: Any) -> Any:
        return None if value is None else self.item.check(name, value)


FieldTypes = Mapping[str, FieldType]
