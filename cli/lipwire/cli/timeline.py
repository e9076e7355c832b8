"""From the records of a trace to what a picture of it needs: curves, marks and bands on one axis of time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .traces import Record, pcm_bytes, summary, unwrapped

POINTS = 1_500
"""At most so many points of a curve are kept: more than a screen has pixels in a lane."""
ROWS = 50_000
HEX = 512
_SAMPLE_BYTES = {"s16le": 2, "f32le": 4}
_WIRE_CAUSES = {0: "played", 1: "interrupted", 2: "failed"}

Point = tuple[float, int]


@dataclass
class _Segment:
    number: int
    begin: float
    text: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    total: int | None = None
    ended_at: float | None = None
    started_at: float | None = None
    result: dict[str, Any] | None = None
    sent: list[Point] = field(default_factory=list)
    received: list[Point] = field(default_factory=list)
    consumed: list[Point] = field(default_factory=list)
    played: list[Point] = field(default_factory=list)
    again: list[tuple[float, int, int]] = field(default_factory=list)
    nacks: list[tuple[float, int, int]] = field(default_factory=list)
    marks: list[dict[str, Any]] = field(default_factory=list)
    arrived: list[list[int]] = field(default_factory=list)
    """Ranges that the receiver has, apart and ascending."""


class Timeline:
    """Takes records in the order of time; ``as_json`` gives the picture."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._begin = float(records[0]["t"]) if records else 0.0
        self._end = max((float(record["t"]) for record in records), default=0.0) - self._begin
        self.peers = sorted({str(record["peer"]) for record in records}, reverse=True)
        self._frame, self._rate = 2, 24_000
        self._format = ""
        self._segments: dict[int, _Segment] = {}
        self._incidents: list[dict[str, Any]] = []
        self._bands: list[dict[str, Any]] = []
        self._interrupts: set[tuple[Any, Any]] = set()
        self._cuts: set[tuple[Any, Any]] = set()
        self._paused_at: float | None = None
        self._last_message: dict[str, float] = {}
        self._lost_at: dict[str, float] = {}
        self._features: list[str] = []
        self._counts: dict[str, int] = {}
        for record in records:
            self._take(record)
        self._records = records
        if self._paused_at is not None:
            self._bands.append({"kind": "pause", "from": self._paused_at, "to": self._end, "label": "paused"})

    # -- one record ----------------------------------------------------------------------------------------

    def _sees(self, record: Record, role: str) -> bool:
        """Whether this record is the one to draw a message of that role by: where it was sent, if that was traced."""
        if role in self.peers:
            return bool(record["peer"] == role and record["kind"] == "out")
        return bool(record["peer"] != role and record["kind"] == "in")

    def _take(self, record: Record) -> None:
        now = float(record["t"]) - self._begin
        name, fields, _ = unwrapped(record)
        if record["kind"] == "event":
            self._take_event(record, now, name, fields)
            return
        if name == "hello":
            self._take_hello(record, now, fields)
        self._last_message[record["peer"]] = now
        handlers: dict[str, tuple[str, Callable[[float, Mapping[str, Any]], None]]] = {
            "welcome": ("receiver", self._on_welcome),
            "segment_start": ("sender", self._on_start),
            "segment_end": ("sender", self._on_end),
            "interrupt": ("sender", self._on_interrupt),
            "pause": ("sender", self._on_pause),
            "unpause": ("sender", self._on_unpause),
            "mark": ("sender", self._on_mark),
            "cut": ("receiver", self._on_cut),
            "stream_started": ("receiver", self._on_stream_started),
            "stream_ended": ("receiver", self._on_stream_ended),
            "progress": ("receiver", self._on_progress),
            "nack": ("receiver", self._on_nack),
            "close": (record["peer"] if record["kind"] == "out" else _other(record["peer"]), self._on_close),
        }
        if name == "audio":
            self._on_audio(record, now, fields)
        elif name in handlers:
            role, handler = handlers[name]
            if self._sees(record, role):
                handler(now, fields)
        if record["kind"] == "out" or len(self.peers) == 1:
            self._counts[name] = self._counts.get(name, 0) + 1

    def _segment(self, number: int, now: float) -> _Segment:
        return self._segments.setdefault(number, _Segment(number, now))

    def _take_event(self, record: Record, now: float, name: str, fields: Mapping[str, Any]) -> None:
        peer = str(record["peer"])
        if name == "TransportDropped":
            self._lost_at.setdefault(peer, now)
        elif name == "SessionOpened" and fields.get("resumed"):
            begin = self._lost_at.pop(peer, None)
            if begin is not None and (peer == "sender" or "sender" not in self.peers):
                label = f"no transport for {1000 * (now - begin):.0f} ms, then resumed"
                self._bands.append({"kind": "lost", "from": begin, "to": now, "label": label})
        elif name == "SessionOpened":
            self._lost_at.pop(peer, None)
        elif name == "StreamEnded":
            segment = self._segment(fields["segment"], now)
            segment.result = {key: fields.get(key) for key in ("position", "interrupted", "cause", "exact")}
            segment.result["t"] = now

    def _take_hello(self, record: Record, now: float, fields: Mapping[str, Any]) -> None:
        peer = str(record["peer"])
        if fields.get("generation", 1) > 1:
            # The trace has no record of a transport's end; it was still there at its last message.
            self._lost_at.setdefault(peer, self._last_message.get(peer, now))

    # -- messages ------------------------------------------------------------------------------------------

    def _on_welcome(self, now: float, fields: Mapping[str, Any]) -> None:  # noqa: ARG002
        encoding, rate, channels = fields.get("format") or ("s16le", 24_000, 1)
        self._frame, self._rate = _SAMPLE_BYTES.get(encoding, 2) * int(channels), int(rate)
        self._format = f"{encoding}, {rate:,} Hz, {'mono' if channels == 1 else 'stereo'}"
        self._features = list(fields.get("features") or ())

    def _on_start(self, now: float, fields: Mapping[str, Any]) -> None:
        segment = self._segment(fields["segment"], now)
        segment.metadata = fields.get("metadata") or {}
        segment.text = str(segment.metadata.get("text", ""))

    def _on_end(self, now: float, fields: Mapping[str, Any]) -> None:
        segment = self._segment(fields["segment"], now)
        segment.total = fields["total"]
        if segment.ended_at is None:
            segment.ended_at = now

    def _on_audio(self, record: Record, now: float, fields: Mapping[str, Any]) -> None:
        segment = self._segment(fields["segment"], now)
        begin = fields["position"]
        end = begin + pcm_bytes(fields["pcm"]) // self._frame
        if record["kind"] == "out":
            known = segment.sent[-1][1] if segment.sent else 0
            if begin < known:
                segment.again.append((now, begin, min(end, known)))
            if end > known:
                segment.sent.append((now, end))
            return
        segment.arrived = _joined(segment.arrived, begin, end)
        first = segment.arrived[0]
        if first[0] == 0 and (not segment.received or first[1] > segment.received[-1][1]):
            segment.received.append((now, first[1]))

    def _on_interrupt(self, now: float, fields: Mapping[str, Any]) -> None:
        key = fields["first"], fields["last"]
        if key in self._interrupts:
            return
        self._interrupts.add(key)
        which = f"segment {key[0]}" if key[0] == key[1] else f"segments {key[0]} to {key[1]}"
        self._incidents.append({"kind": "interrupt", "t": now, "label": f"interrupt of {which}", "range": key})

    def _on_cut(self, now: float, fields: Mapping[str, Any]) -> None:
        key = fields["first"], fields["last"]
        if key not in self._cuts:
            self._cuts.add(key)
            self._incidents.append({"kind": "cut", "t": now, "label": "the receiver has cut", "range": key})

    def _on_pause(self, now: float, fields: Mapping[str, Any]) -> None:  # noqa: ARG002
        if self._paused_at is None:
            self._paused_at = now

    def _on_unpause(self, now: float, fields: Mapping[str, Any]) -> None:  # noqa: ARG002
        if self._paused_at is not None:
            self._bands.append({"kind": "pause", "from": self._paused_at, "to": now, "label": "paused"})
            self._paused_at = None

    def _on_mark(self, now: float, fields: Mapping[str, Any]) -> None:
        segment = self._segment(fields["segment"], now)
        segment.marks.append({"position": fields["position"], "name": fields["name"]})

    def _on_stream_started(self, now: float, fields: Mapping[str, Any]) -> None:
        self._segment(fields["segment"], now).started_at = now

    def _on_stream_ended(self, now: float, fields: Mapping[str, Any]) -> None:
        segment = self._segment(fields["segment"], now)
        position = fields.get("position")
        if position is not None:
            segment.played.append((now, position))
        cause = _WIRE_CAUSES.get(fields.get("cause", 2), "failed")
        if segment.result is None:
            segment.result = {"position": position, "interrupted": fields.get("interrupted"), "cause": cause, "t": now}

    def _on_progress(self, now: float, fields: Mapping[str, Any]) -> None:
        segment = self._segment(fields["segment"], now)
        _grow(segment.consumed, now, fields["consumed"])
        if "receiver" not in self.peers:
            _grow(segment.received, now, fields["received"])
        if fields.get("played") is not None:
            _grow(segment.played, now, fields["played"])

    def _on_nack(self, now: float, fields: Mapping[str, Any]) -> None:
        segment = self._segment(fields["segment"], now)
        segment.nacks += [(now, first, end) for first, end in fields["missing"]]

    def _on_close(self, now: float, fields: Mapping[str, Any]) -> None:
        orderly = fields.get("code") == 0
        reason = str(fields.get("reason") or "")
        label = "closed" if orderly else f"closed with code {fields.get('code')}" + (f": {reason}" if reason else "")
        self._incidents.append({"kind": "close" if orderly else "fault", "t": now, "label": label})

    # -- the picture ---------------------------------------------------------------------------------------

    def as_json(self, title: str) -> dict[str, Any]:
        """Everything that the page draws."""
        rows = [self._row(record) for record in self._records[:ROWS]]
        return {
            "title": title,
            "peers": self.peers,
            "duration": round(self._end, 6),
            "rate": self._rate,
            "format": self._format,
            "features": self._features,
            "counts": self._counts,
            "segments": [self._picture(segment) for _, segment in sorted(self._segments.items())],
            "incidents": self._incidents,
            "bands": self._bands,
            "rows": rows,
            "left_out": max(0, len(self._records) - ROWS),
        }

    def _picture(self, segment: _Segment) -> dict[str, Any]:
        curves = (segment.sent, segment.received, segment.consumed, segment.played)
        known = [points[-1][1] for points in curves if points]
        return {
            "id": segment.number,
            "text": segment.text,
            "metadata": summary({k: v for k, v in segment.metadata.items() if k != "text"}),
            "begin": round(segment.begin, 6),
            "total": segment.total,
            "extent": max([segment.total or 0, *known, 1]),
            "ended_at": segment.ended_at,
            "started_at": segment.started_at,
            "result": segment.result,
            "marks": segment.marks,
            "sent": _thinned(segment.sent),
            "received": _thinned(segment.received),
            "consumed": _thinned(segment.consumed),
            "played": _thinned(segment.played),
            "again": _thinned(segment.again),
            "nacks": _thinned(segment.nacks),
        }

    def _row(self, record: Record) -> list[Any]:
        name, fields, number = unwrapped(record)
        text = str(record.get("hex", ""))
        if name == "audio":
            text = text[:64]
        return [
            round(float(record["t"]) - self._begin, 6),
            record["peer"],
            record["kind"],
            record.get("channel", ""),
            name,
            number,
            summary(fields, 300),
            text if len(text) <= HEX else text[:HEX] + "…",
        ]


def _other(role: str) -> str:
    return "receiver" if role == "sender" else "sender"


def _grow(points: list[Point], now: float, position: int) -> None:
    if not points or position > points[-1][1]:
        points.append((now, position))


def _joined(ranges: list[list[int]], begin: int, end: int) -> list[list[int]]:
    """Add a range to ranges that are apart and ascending."""
    if ranges and begin == ranges[-1][1]:  # as it nearly always is
        ranges[-1][1] = end
        return ranges
    out: list[list[int]] = []
    for one in sorted([*ranges, [begin, end]]):
        if out and one[0] <= out[-1][1]:
            out[-1][1] = max(out[-1][1], one[1])
        else:
            out.append(list(one))
    return out


def _thinned(points: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Leave out points that no screen could show; the first and the last stay."""
    every = [(round(point[0], 6), *point[1:]) for point in points]
    if len(every) <= POINTS:
        return every
    step = len(every) / POINTS
    return [every[int(index * step)] for index in range(POINTS)] + every[-1:]
