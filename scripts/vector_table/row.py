"""One row of the table, and how it becomes bytes and JSON.

Nothing here comes from the SDK: ormsgpack packs, and what no library emits is written by hand as hex.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import ormsgpack

MAX_INT: Final = 2**53 - 1

MESSAGES: Final[Mapping[str, tuple[int, tuple[str, ...]]]] = {
    name: (number, tuple(fields.split()))
    for number, name, fields in (
        (1, "hello", "magic versions session generation formats features limits auth resume info"),
        (2, "welcome", "version session generation format features limits secret state info"),
        (3, "close", "code reason retry details"),
        (4, "ping", "t1"),
        (5, "pong", "t1 t2 t3"),
        (6, "numbered", "number taken message"),
        (7, "acknowledge", "taken"),
        (16, "segment_start", "segment metadata"),
        (17, "audio", "segment position cut_through pcm"),
        (18, "sent", "segment position"),
        (19, "segment_end", "segment total"),
        (20, "interrupt", "first last"),
        (21, "cut", "first last consumed"),
        (22, "pause", ""),
        (23, "unpause", ""),
        (24, "mark", "segment position name"),
        (25, "mark_reached", "segment name"),
        (26, "data", "segment position content"),
        (27, "stream_started", "segment clock"),
        (28, "progress", "segment received consumed played clock delay highest"),
        (29, "stream_ended", "segment position interrupted cause"),
        (30, "nack", "segment missing"),
        (31, "custom", "content"),
    )
}
"""Number and fields of each message (SPEC §6)."""
_BY_NUMBER: Final = {number: name for name, (number, _) in MESSAGES.items()}

CODES: Final[Mapping[str, int]] = {
    "malformed": 16, "unknown_message": 17, "invalid_field": 18, "out_of_state": 19, "message_too_large": 20,
    "limit_exceeded": 21, "window_exceeded": 22, "invalid_position": 23, "invalid_segment": 24, "not_lipwire": 32,
    "unsupported_version": 33, "unsupported_format": 34, "unknown_session": 48,
}  # fmt: skip
"""Close codes that a vector names (SPEC §18)."""


@dataclass(frozen=True)
class Hex:
    """Bytes as they are written by hand, blanks left out: a whole message, or one element of one."""

    text: str

    @property
    def data(self) -> bytes:
        return bytes.fromhex(self.text)


Elements: TypeAlias = "Sequence[Any] | Hex | bytes | str"
"""A message by its elements, in bytes by hand, or a text message."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A vector before it is JSON. SPEC.md alone says what it expects."""

    name: str
    why: str
    requirements: tuple[str, ...]
    verdict: str
    """``valid``, ``invalid`` or ``ignored``."""
    message: Elements
    context: str = "message"
    meaning: Sequence[Any] | None = None
    """Of a valid message written by hand: its elements. What follows the known fields is left out."""
    codes: tuple[str, ...] = ()
    stage: str = ""
    """Of LW-WIRE-14: where it is refused."""
    limit: int | None = None
    to: str = ""
    features: tuple[str, ...] = ()
    before: tuple[Sequence[Any], ...] = ()
    expected: Mapping[str, Any] | None = None
    """Version 0: the decoded fields, as they are."""


def valid(name: str, message: Elements, *requirements: str, why: str, **more: Any) -> Row:
    """A message that is right."""
    return Row(name=name, why=why, requirements=requirements, verdict="valid", message=message, **more)


def ignored(name: str, message: Elements, *requirements: str, why: str, **more: Any) -> Row:
    """A message that is passed over without a word."""
    return Row(name=name, why=why, requirements=requirements, verdict="ignored", message=message, **more)


def invalid(
    name: str, message: Elements, codes: str | tuple[str, ...], *requirements: str, why: str, stage: str, **more: Any
) -> Row:
    """A message that ends the session, with one of these codes."""
    names = (codes,) if isinstance(codes, str) else codes
    return Row(
        name=name,
        why=why,
        requirements=requirements,
        verdict="invalid",
        message=message,
        codes=names,
        stage=stage,
        **more,
    )


def content(size: int, key: str = "com.example.x") -> dict[str, Any]:
    """A map of exactly so many bytes in its shortest encoding."""
    made = {key: "x" * (size - len(ormsgpack.packb({key: "x" * 256})) + 256)}
    assert len(ormsgpack.packb(made)) == size
    return made


def nested(levels: int) -> Any:
    """Arrays in each other."""
    inner: Any = None
    for _ in range(levels):
        inner = [inner]
    return inner


def pack(message: Elements) -> bytes:
    """Bytes of a message; an element that is ``Hex`` goes in as it is."""
    if isinstance(message, Hex):
        return message.data
    if isinstance(message, bytes):
        return message
    assert not isinstance(message, str)
    if not any(isinstance(element, Hex) for element in message):
        return ormsgpack.packb(list(message), option=ormsgpack.OPT_NON_STR_KEYS)
    assert len(message) < 16
    return bytes([0x90 + len(message)]) + b"".join(
        e.data if isinstance(e, Hex) else ormsgpack.packb(e, option=ormsgpack.OPT_NON_STR_KEYS) for e in message
    )


def as_json(value: Any) -> Any:
    """A value as the vectors write it: what JSON has not, under a key that begins with ``$``."""
    match value:
        case bool() | None | str():
            return value
        case int():
            return value if abs(value) <= MAX_INT else {"$int": str(value)}
        case float():
            return {"$float": repr(value)}
        case bytes():
            return {"$bin": value.hex()}
        case dict():
            assert not any(key.startswith("$") for key in value)
            return {key: as_json(inner) for key, inner in value.items()}
        case _:
            return [as_json(inner) for inner in value]


def fields(elements: Sequence[Any]) -> dict[str, Any]:
    """The fields of a message by their names; absent ones are null."""
    name = _BY_NUMBER[elements[0]]
    names = MESSAGES[name][1]
    given = list(elements[1 : 1 + len(names)])
    given += [None] * (len(names) - len(given))
    if name == "numbered":
        inner = given[2]
        return {
            "number": given[0],
            "taken": given[1],
            "message": {"name": _BY_NUMBER[inner[0]], "fields": fields(inner)},
        }
    return {field: as_json(value) for field, value in zip(names, given, strict=True)}


def document(row: Row) -> dict[str, Any]:
    """The vector as JSON."""
    made: dict[str, Any] = {"name": row.name, "why": row.why, "requirements": list(row.requirements)}
    made["context"] = row.context
    if row.to:
        made["to"] = row.to
    if row.features:
        made["features"] = list(row.features)
    if row.before:
        made["before"] = [pack(message).hex() for message in row.before]
    if row.limit is not None:
        made["limit"] = row.limit
    if isinstance(row.message, str):
        made["text"] = row.message
    else:
        made["hex"] = pack(row.message).hex()
    made["verdict"] = row.verdict
    if row.verdict == "invalid":
        made |= {"codes": {code: CODES[code] for code in row.codes}, "stage": row.stage}
    if row.expected is not None:
        made |= {key: as_json(value) for key, value in row.expected.items()}
    elif row.verdict == "valid":
        made |= _decoded(row)
    return made


def _decoded(row: Row) -> dict[str, Any]:
    """What a valid message says; bytes by hand are read again, by ormsgpack, to see that they say it."""
    by_hand = isinstance(row.message, (Hex, bytes))
    elements = row.meaning if row.meaning is not None else row.message
    assert not isinstance(elements, (Hex, bytes, str)), f"{row.name}: what does it mean?"
    read = ormsgpack.unpackb(pack(row.message), option=ormsgpack.OPT_NON_STR_KEYS)
    wanted = fields(elements)
    name = _BY_NUMBER[elements[0]]
    if name != "close":  # of which what is wrong may be read as nil (LW-INVARIANT-5)
        assert fields(read) == wanted, f"{row.name}: {fields(read)} is not {wanted}"
    assert by_hand or row.meaning is not None or len(elements) - 1 <= len(MESSAGES[name][1]), row.name
    canonical = row.meaning is None and (len(elements) == 1 or elements[-1] is not None)
    return {"message": name, "fields": wanted, "canonical": canonical}
