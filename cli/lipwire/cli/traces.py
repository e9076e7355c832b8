"""Reading traces: JSON lines as ``lipwire.protocol.trace`` writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .errors import USAGE, CommandError

Record = Mapping[str, Any]
KINDS = ("out", "in", "event")
_FILLING = (b"hidden" + bytes(10)).hex()
"""What a trace has in the place of a token or a secret."""


def parse_trace(lines: Iterable[str], name: str) -> list[dict[str, Any]]:
    """Read every record of a trace.

    Raises:
        CommandError: a line is not a record; says which line of what.
    """
    records: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if (
            not isinstance(record, dict)
            or not isinstance(record.get("t"), (int, float))
            or not isinstance(record.get("peer"), str)
            or record.get("kind") not in KINDS
        ):
            raise CommandError(f"{name}, line {number}: not a record of a trace", status=USAGE)
        records.append(record)
    return records


def unwrapped(record: Record) -> tuple[str, Mapping[str, Any], int | None]:
    """Name and fields of a record's message, out of ``numbered`` if it came so, and its number then."""
    name, fields = record.get("name", ""), record.get("fields") or {}
    if name == "numbered" and isinstance(inner := fields.get("message"), Mapping):
        return inner.get("name", ""), inner.get("fields") or {}, fields.get("number")
    if "text" in record:
        return "text", {"text": record["text"]}, None
    if "bytes" in record and not name:  # version 0 has PCM, and no types of messages
        return "pcm", {"bytes": record["bytes"]}, None
    if "error" in record:
        return "error", {"error": record["error"]}, None
    return name, fields, None


def pcm_bytes(pcm: object) -> int:
    """How many bytes an audio record's ``pcm`` stands for: ``"960 bytes"``, or the hex of a short one."""
    if not isinstance(pcm, str):
        return 0
    count, _, unit = pcm.partition(" ")
    return int(count) if unit == "bytes" and count.isdigit() else len(pcm) // 2


def summary(fields: Mapping[str, Any], limit: int = 160) -> str:
    """Fields in one line; what is long is cut short."""
    text = "  ".join(f"{key} {short(value)}" for key, value in fields.items() if value is not None)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def short(value: object) -> str:
    """One value in few words, control characters escaped."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = text.replace(_FILLING, "(hidden)")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def merged(traces: Iterable[Iterable[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Bring several traces of one machine into one, by time."""
    yield from sorted((record for trace in traces for record in trace), key=lambda record: float(record["t"]))
