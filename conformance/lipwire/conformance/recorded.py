"""Traces that were recorded: as the SDK writes them, as ``listen`` does, and those in the kit's own reports.

In each trace messages stand in the order in which one place saw them. A file may hold the traces of several places
(both ends of a demo, each case of a report); they are told apart, and each is judged by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from lipwire.protocol.channels import Channel, Wire
from lipwire.protocol.registry import Role

from .document import FORMAT
from .judge.link import TWO_CHANNELS
from .trace import Entry, read

BETWEEN: Final = "between the peers"
"""The place of a trace that ``listen`` writes."""
_KINDS: Final = ("out", "in", "event")


class BadTrace(ValueError):
    """It is no trace; the text says why."""


@dataclass
class Recorded:
    """The trace of one place."""

    place: str
    """Where it was made, for people."""
    binding: str | None = None
    """What the transports are, where the trace tells."""
    role: Role | None = None
    """Who alone is judged; None: both."""
    entries: list[Entry] = field(default_factory=list)
    """Their ``index`` is the line of the file, or the index in the report's trace."""
    left_out: str = ""
    """Why it can not be judged at all."""


def read_trace(text: str, name: str) -> list[Recorded]:
    """Read a file.

    Raises:
        BadTrace: it is no trace.
    """
    try:
        whole = json.loads(text)
    except ValueError:
        whole = None
    if isinstance(whole, dict) and whole.get("format") == FORMAT:
        return list(_of_report(whole))
    found = _of_lines(text, name)
    if not any(one.entries for one in found):
        raise BadTrace(f"{name}: there is no message in it")
    return found


def load(path: Path) -> list[Recorded]:
    """Read a file.

    Raises:
        BadTrace: it is no trace.
        OSError: it can not be read.
    """
    try:
        return read_trace(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError:
        raise BadTrace(f"{path}: not a trace, which is text") from None


# -- JSON lines ----------------------------------------------------------------------------------------------------


class _Place:
    """Makes entries of the records of one place: counts its transports, by their hellos where nothing else tells."""

    def __init__(self, name: str, *, between: bool) -> None:
        self.recorded = Recorded(name)
        self._between = between
        self._bindings: set[str | None] = set()
        self._versions: dict[int, int] = {}
        """Of each transport; its first message tells."""
        self._transport = 1
        self._hello: Wire | None = None

    def take(self, line: int, record: Mapping[str, Any]) -> None:
        role = Role(record["peer"])
        if "binding" in record:
            self._bindings.add(_binding(record))
            self.recorded.binding = next(iter(self._bindings)) if len(self._bindings) == 1 else None
        transport = int(record["transport"]) if self._between else self._transport
        version = self._versions.setdefault(transport, 1 if "hex" in record or "error" in record else 0)
        common: dict[str, Any] = {
            "index": line,
            "at": float(record["t"]),
            "by": role if record["kind"] == "out" else role.other,
            "channel": Channel(record.get("channel", "control")),
        }
        if "text" in record or "hex" in record or version == 0:
            data: Wire = record["text"] if "text" in record else bytes.fromhex(record.get("hex", ""))
            entry = read(data, version=version, transport=transport, **common)
        else:
            entry = Entry(
                **common, transport=transport, kind="message", name="hidden", fields={}, fault=record["error"]
            )
        if not self._between and entry.name == "hello" and entry.data != self._hello:
            if self._hello is not None:
                self._transport += 1
                entry = replace(entry, transport=self._transport)
                self._versions[self._transport] = version
            self._hello = entry.data
        self.recorded.entries.append(entry)


def _binding(record: Mapping[str, Any]) -> str | None:
    """What to judge it as; None: nothing is to be taken for granted."""
    name, lossy = str(record["binding"]), record.get("lossy") or ()
    if "control" in lossy:
        return "room"
    return None if lossy and name not in TWO_CHANNELS else name


def _of_lines(text: str, name: str) -> list[Recorded]:
    places: dict[tuple[str, str], _Place] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        wrong = BadTrace(f"{name}, line {number}: not a record of a trace")
        try:
            record = json.loads(line)
        except ValueError:
            raise wrong from None
        if (
            not isinstance(record, dict)
            or record.get("kind") not in _KINDS
            or not isinstance(record.get("t"), int | float)
        ):
            raise wrong
        if record["kind"] == "event":
            continue
        between = record.get("place") == BETWEEN
        where = BETWEEN if between else f"at the {record.get('peer')}"
        session = "" if between else str(record.get("session", ""))
        place = places.get((where, session))
        if place is None:
            shown = f"{where}, session {session}" if session else where
            place = places[where, session] = _Place(shown, between=between)
        try:
            place.take(number, record)
        except (KeyError, TypeError, ValueError) as error:
            raise BadTrace(f"{wrong} ({error})") from None
    return [place.recorded for place in places.values()]


# -- reports -------------------------------------------------------------------------------------------------------


def _of_report(document: Mapping[str, Any]) -> Iterator[Recorded]:
    """The traces of a report's cases; of each the implementation alone is judged."""
    from .case import load_cases

    cases = load_cases()
    for made in document["cases"]:
        if not made["trace"]:
            continue
        role = Role(made["role"])
        found = Recorded(f"case {made['name']}", binding=document["target"]["transport"], role=role)
        case = cases.get(made["name"])
        if case is None:
            found.left_out = "it is not a case of this kit"
        elif not case.judged:
            found.left_out = "the kit itself breaks rules there, or does what an onlooker would misread"
        elif made["trace_left_out"]:
            found.left_out = "the report does not hold all of its messages"
        else:
            version = case.version
            found.entries = [_of_case(one, role, version) for one in made["trace"] if one["kind"] == "message"]
        yield found


def _of_case(shown: Mapping[str, Any], role: Role, version: int) -> Entry:
    common: dict[str, Any] = {
        "index": shown["index"],
        "at": shown["at"],
        "by": role if shown["by"] == "implementation" else role.other,
        "transport": shown["transport"],
        "channel": Channel(shown["channel"]),
    }
    if "text" in shown:
        return read(shown["text"], version=version, **common)
    data = bytes.fromhex(shown["hex"])
    short = shown["bytes"] - len(data)
    entry = read(data + bytes(max(short, 0)), version=version, **common)
    if not short or version == 0:
        return entry
    # What was left out is not known. Of audio it is samples, the last field, so that the rest is as it was.
    known = entry.message if entry.name == shown["name"] == "audio" else None
    return Entry(
        **common, kind="message", name=shown["name"], message=known, number=shown.get("number"),
        taken=shown.get("taken"), data=data, fields={},
    )  # fmt: skip
