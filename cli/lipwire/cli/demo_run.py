"""What a demo knows while it runs, out of the reports of its two ends, and the verdict at its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lipwire.protocol.events import Cause
from lipwire.protocol.formats import PcmFormat

from .speech import Piece
from .wav import read_pcm


@dataclass(eq=False, kw_only=True)
class SegmentRun:
    """One segment of a demo, as far as it has got. Positions in samples, times in seconds."""

    number: int
    piece: Piece
    total: int
    sent: int = 0
    heard: int = 0
    interrupt_sent: bool = False
    first_sample_delay: float | None = None
    """From the first write to the report that the first sample is heard."""
    interrupt_latency: float | None = None
    ended: Mapping[str, Any] | None = None
    """What the agent was told."""
    played: Mapping[str, Any] | None = None
    """What the avatar's playout says of itself."""
    problems: list[str] = field(default_factory=list)
    bit_exact: bool = False

    @property
    def concealed(self) -> int:
        """Samples of silence that were heard in the place of lost ones."""
        return self.played["concealed"] if self.played is not None else 0


class DemoRun:
    """Takes the reports of the agent and of the avatar."""

    def __init__(self, pieces: Sequence[Piece], form: PcmFormat) -> None:
        self.format = form
        self.segments = {
            number: SegmentRun(number=number, piece=piece, total=len(piece.pcm) // form.frame_bytes)
            for number, piece in enumerate(pieces, 1)
        }
        self.connections = 0
        self.statistics: dict[str, Any] = {}
        self.notes: list[str] = []
        self.problems: list[str] = []
        self.status = "starting"

    def take(self, role: str, report: Mapping[str, Any]) -> None:
        """Take one report of ``agent`` or ``avatar``."""
        what = report["report"]
        segment = self.segments.get(report.get("segment", 0))
        match role, what:
            case "agent", "open":
                self.connections += 1
                self.status = "connected"
                if report["resumed"]:
                    self.notes.append(f"the connection broke and was resumed (transport {report['generation']})")
            case "agent", "dropped":
                self.status = "reconnecting"
            case "agent", "cut":
                for number in range(report["first"], report["last"] + 1):
                    if number in self.segments:
                        self.segments[number].interrupt_latency = report["latency"]
            case "agent", "done":
                self.statistics["sender"] = report["statistics"]
            case "agent", "link":
                self.statistics["link"] = report["counts"]
            case "avatar", "session over":
                self.statistics["receiver"] = report["statistics"]
                if report["error"]:
                    self.problems.append(f"the avatar's session broke: {report['error']}")
            case (_, "failed"):
                self.problems.append(f"the {role} failed: {report['reason']}")
            case _ if segment is not None:
                self._take_segment(segment, role, what, report)
            case _:
                pass

    def _take_segment(self, segment: SegmentRun, role: str, what: str, report: Mapping[str, Any]) -> None:
        match role, what:
            case "agent", "sent":
                segment.sent = report["position"]
            case "agent", "first sample":
                segment.first_sample_delay = report["delay"]
            case "agent", "interrupt":
                segment.interrupt_sent = True
            case "agent", "ended":
                segment.ended = report
                segment.sent = report["sent"]
            case "avatar", "started" | "played":
                segment.heard = report["position"]
            case "avatar", "ended":
                segment.heard = report["position"]
                if segment.played is not None:
                    segment.problems.append("its playback ended twice")
                segment.played = report
            case _:
                pass

    # -- the verdict ---------------------------------------------------------------------------------------

    def judge(self) -> None:
        """Hold what was heard against what was sent, sample by sample."""
        for segment in self.segments.values():
            segment.bit_exact = self._is_exact(segment)
            self._check_end(segment)
        if "sender" not in self.statistics:
            self.problems.append("the agent did not come to its end")
        if "receiver" not in self.statistics:
            self.problems.append("the avatar did not come to its end")

    def _is_exact(self, segment: SegmentRun) -> bool:
        """Whether the samples heard are those written, up to exactly the position that the agent was told."""
        if segment.ended is None or segment.played is None:
            return False
        heard, position = read_pcm(Path(segment.played["file"])), segment.ended["position"]
        if len(heard) != position * self.format.frame_bytes:
            samples = len(heard) // self.format.frame_bytes
            segment.problems.append(f"{samples} samples were heard, and the agent was told {position}")
            return False
        if heard != segment.piece.pcm[: len(heard)]:
            where = next(i for i, (a, b) in enumerate(zip(heard, segment.piece.pcm, strict=False)) if a != b)
            text = f"what was heard differs from what was sent, first at position {where // self.format.frame_bytes}"
            if segment.concealed:
                text += f" ({segment.concealed} samples were lost for good and played as silence)"
            segment.problems.append(text)
            return False
        return True

    def _check_end(self, segment: SegmentRun) -> None:
        """Whether the agent was told how it ended, and what could be expected."""
        if segment.ended is None:
            segment.problems.append("the agent was never told how it ended")
            return
        ended, cause = segment.ended, segment.ended["cause"]
        wanted = Cause.INTERRUPTED if segment.interrupt_sent else Cause.PLAYED
        if cause != wanted.value:
            segment.problems.append(f"it ended as {cause!r}, not as {wanted.value!r}")
        if not ended["exact"]:
            segment.problems.append("the position told is only a lower bound")
        if segment.piece.interrupt and not segment.interrupt_sent:
            segment.problems.append("it was to be interrupted, and was not")
        if segment.interrupt_sent and not 0 < ended["position"] < segment.total:
            segment.problems.append(f"interrupted at {ended['position']} of {segment.total}, not in between")
        if not segment.interrupt_sent and ended["position"] != segment.total:
            segment.problems.append(f"heard up to {ended['position']} of {segment.total}")
        if segment.played is None:
            segment.problems.append("the avatar did not report its end")
        elif segment.played["gaps"]:
            segment.problems.append(f"{segment.played['gaps']} chunks were handed out at a wrong position")

    @property
    def bit_exact(self) -> bool:
        """Whether every segment was heard as it was sent."""
        return all(segment.bit_exact for segment in self.segments.values())

    @property
    def good(self) -> bool:
        """Whether nothing at all was wrong."""
        return self.bit_exact and not self.all_problems

    @property
    def all_problems(self) -> list[str]:
        """What was wrong, each in a sentence."""
        of_segments = [
            f"segment {segment.number}: {problem}" for segment in self.segments.values() for problem in segment.problems
        ]
        return self.problems + of_segments

    def as_json(self) -> dict[str, Any]:
        """All of it, for ``--json``."""
        seconds = self.format.seconds
        rows = []
        for segment in self.segments.values():
            ended = segment.ended or {}
            rows.append(
                {
                    "segment": segment.number,
                    "text": segment.piece.text,
                    "total": segment.total,
                    "sent": segment.sent,
                    "heard": ended.get("position"),
                    "heard_seconds": seconds(ended["position"]) if ended else None,
                    "interrupted": ended.get("interrupted"),
                    "cause": ended.get("cause"),
                    "exact": ended.get("exact"),
                    "first_sample_delay": segment.first_sample_delay,
                    "interrupt_latency": segment.interrupt_latency,
                    "sent_again": ended.get("sent_again", 0),
                    "concealed": segment.concealed,
                    "sha256": segment.played["sha256"] if segment.played is not None else None,
                    "bit_exact": segment.bit_exact,
                    "problems": segment.problems,
                }
            )
        return {
            "bit_exact": self.bit_exact,
            "ok": self.good,
            "problems": self.all_problems,
            "connections": self.connections,
            "segments": rows,
            "statistics": self.statistics,
        }
