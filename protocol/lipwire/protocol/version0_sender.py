"""The sending state machine of version 0 (SPEC, Appendix A): the verbs and events of version 1, on the deployed wire.

That wire has no handshake, ids, credit or reports. What version 1 reads off the peer is kept by the clock here: when
audio may be sent (``version0_pace.py``), and what an ack can mean (``version0_acks.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any, NoReturn

from .channels import Binding, Channel, Wire
from .connection import Connection, Outgoing
from .errors import Close, CloseCode, LocalProtocolError
from .events import Cause, InterruptConfirmed, SessionOpened, cause_of
from .limits import MAX_SEGMENT
from .outgoing import OutgoingSegment
from .registry import Role
from .sender_output import SenderCounters
from .sender_segments import SegmentView
from .states import SegmentInput, SegmentState, SessionInput, SessionState
from .version0 import INTERRUPT, MAX_AUDIO, MAX_MESSAGE, SEGMENT_END, StreamEnded0, not_text, parse_ack
from .version0_acks import AckedSegments, OnWire
from .version0_pace import NEAR, Pace, SenderSettings0

__all__ = ["SenderConnection0", "SenderCounters0", "SenderSettings0"]


@dataclass
class SenderCounters0(SenderCounters):
    """What happened since the session began."""

    ignored: int = 0
    """Messages from the peer that were malformed or unknown."""
    unmatched_acks: int = 0
    """Acks that fit no segment."""
    changed_chunks: int = 0
    """Audio messages of which one sample was changed, since a room would have taken them for text."""


@dataclass(slots=True)
class _Pending:
    """An interrupt whose caller may wait for it."""

    first: int
    last: int
    called_at: float


class SenderConnection0(SegmentView, Connection):
    """One session on one transport, as its sender sees it.

    ``session`` is never sent. ``attach`` opens the session; the end of the transport ends it.
    """

    role = Role.SENDER
    version = 0
    _segments: AckedSegments

    def __init__(self, settings: SenderSettings0, session: bytes, now: float) -> None:
        super().__init__(settings.limits)
        self.settings = settings
        self.session = session
        self.format = settings.format
        self.paused = False
        self.counters = SenderCounters0()
        self._segments = AckedSegments(
            settings.first_segment, settings.format, grace=settings.limits.grace, exact=settings.exact_acks
        )
        self._pace = Pace(settings)
        self._pending: list[_Pending] = []
        self._chunk_bytes = 0
        self._keep_from_text = False
        self._pump_at = inf
        self._resume_until = now + settings.connect_time

    # -- commands: the transport ---------------------------------------------------------------------------

    def attach(self, binding: Binding, now: float) -> None:  # noqa: ARG002
        """A transport is there, and with it the session: version 0 has no handshake.

        Raises:
            LocalProtocolError: the session has a transport, or is closed.
        """
        self._change(SessionInput.ATTACH)
        self._change(SessionInput.WELCOME)
        self.binding = binding
        self.generation = 1
        self._was_open = True
        self._resume_until = inf
        self._pace.attach(binding)
        settings, pcm = self.settings, self.format
        longest = pcm.samples(min(settings.chunk, settings.lead)) * pcm.frame_bytes
        most = min(longest, MAX_AUDIO, binding.max_media_message)
        self._chunk_bytes = max(most - most % pcm.frame_bytes, pcm.frame_bytes)
        self._keep_from_text = binding.broadcast if settings.keep_from_text is None else settings.keep_from_text
        self._events.append(
            SessionOpened(
                session=self.session,
                generation=1,
                format=pcm,
                features=self.features,
                limits={"cooldown": settings.limits.cooldown, "message": MAX_MESSAGE},
            )
        )

    # -- commands: segments --------------------------------------------------------------------------------

    def open_segment(self, metadata: Mapping[str, Any] | None, now: float) -> int:  # noqa: ARG002
        """Begin a segment and give its id. Its metadata goes nowhere: the wire has no place for it.

        Raises:
            LocalProtocolError: the segment before is still open, or the session is closed.
        """
        if self.closed:
            raise LocalProtocolError(CloseCode.OUT_OF_STATE, "the session is closed")
        self.counters.dropped_controls += bool(metadata)
        return self._segments.open(metadata, self.format.frame_bytes).number

    def write(self, number: int, pcm: bytes | memoryview, now: float) -> bool:  # noqa: ARG002
        """Write whole PCM frames to the open segment. False: it was cut, or is over; nothing was taken.

        Raises:
            LocalProtocolError: the segment is not the open one, or would become too long.
        """
        segment = self._live(number)
        if segment is None:
            return False
        if segment.finished:
            raise LocalProtocolError(CloseCode.OUT_OF_STATE, f"segment {number} has been ended")
        if segment.written + len(pcm) // segment.frame_bytes > MAX_SEGMENT:
            raise LocalProtocolError(CloseCode.INVALID_POSITION, f"segment {number} would be longer than {MAX_SEGMENT}")
        self._segments.write(segment, pcm)
        return True

    def end_segment(self, number: int, now: float) -> None:  # noqa: ARG002
        """All of the segment has been written. One that was cut stays as it is."""
        segment = self._live(number)
        if segment is not None:
            self._segments.finish_writing(segment)

    def interrupt(self, now: float, segment: int | None = None, cause: Cause = Cause.INTERRUPTED) -> int | None:
        """Cut every live segment, or the one named as far as version 0 can.

        Where others are on the wire as well, one alone can not be stopped: what was not sent of it is dropped, and
        what was sent is played. Gives the last id that was cut, with which an InterruptConfirmed will come; None:
        there was nothing to cut.
        """
        segments = self._segments
        if segment is None:
            targets = [s for s in segments if s.live or segments.is_playing(s)]
        else:
            target = self._live(segment)
            if target is None:
                return None
            playing = segments.playing
            if target in playing and len(playing) > 1:
                if target.finished and not target.pending:
                    return None  # all of it is on the wire, among others
                segments.truncate(target, cause)
                return self._note_interrupt([target], now)
            targets = [target]
        if not targets:
            return None
        sent, ack_due = segments.interrupt(targets, cause, now)
        if sent:
            self._outgoing.append((Channel.CONTROL, INTERRUPT))
            self._pace.interrupted(now, ack_due=ack_due)
        return self._note_interrupt(targets, now)

    def _note_interrupt(self, targets: list[OutgoingSegment], now: float) -> int:
        self.counters.interrupts += 1
        first, last = targets[0].number, targets[-1].number
        self._pending.append(_Pending(first, last, now))
        self._settle(now)
        return last

    def mark(self, number: int, position: int, name: str, now: float) -> bool:  # noqa: ARG002
        """Version 0 has no marks.

        Raises:
            LocalProtocolError: always.
        """
        _not_in_version_0("marks")

    def data(self, number: int, position: int, content: Mapping[str, Any], now: float) -> bool:  # noqa: ARG002
        """Version 0 has no data.

        Raises:
            LocalProtocolError: always.
        """
        _not_in_version_0("data")

    def pause(self, now: float) -> None:  # noqa: ARG002
        """Version 0 has no pause.

        Raises:
            LocalProtocolError: always.
        """
        _not_in_version_0("pause")

    def unpause(self, now: float) -> None:  # noqa: ARG002
        """Version 0 has no pause.

        Raises:
            LocalProtocolError: always.
        """
        _not_in_version_0("pause")

    def send_custom(self, content: dict[str, Any], now: float) -> None:  # noqa: ARG002
        """Version 0 has no custom messages.

        Raises:
            LocalProtocolError: always.
        """
        _not_in_version_0("custom messages")

    @property
    def in_flight(self) -> int:
        """Bytes sent of segments that have not ended: version 0 reports nothing sooner."""
        return sum(s.sent * s.frame_bytes for s in self._segments if s.result is None)

    @property
    def round_trip(self) -> float:
        """Not known in version 0."""
        return 0.0

    # -- received ------------------------------------------------------------------------------------------

    def receive(self, channel: Channel, data: Wire, now: float) -> None:  # noqa: ARG002
        """Take one message from the transport. Nothing that comes closes the session (SPEC, A.3)."""
        if self.state is not SessionState.OPEN:
            return
        message = parse_ack(data)
        if not isinstance(message, StreamEnded0):
            self.counters.ignored += 1
            return
        segments = self._segments
        position = self.format.samples(min(message.position, self.format.seconds(MAX_SEGMENT)))
        if message.interrupted:
            playing = segments.playing
            fits = segments.on_interrupted(position, now)
            for segment in playing:
                wire = segments.wire[segment.number]
                if segment.result is not None and wire.end_sent_at == inf:  # it was given up: go on behind its end
                    self._send_end(wire, now)
            if not any(segments.is_cut(s) for s in segments):
                self._pace.acked(now)
        else:
            fits = segments.on_played(position, now)
        if not fits:
            self.counters.unmatched_acks += 1
        self._settle(now)

    # -- time and output -----------------------------------------------------------------------------------

    def next_deadline(self) -> float:
        """When ``expire`` is to be called."""
        if self.state is SessionState.OPEN:
            return min(self._pump_at, self._pace.repeat_at, self._segments.deadline)
        return super().next_deadline()

    def expire(self, now: float) -> None:
        """Do what is due at ``now``; audio whose time has come goes with the next ``take_outgoing``."""
        if self.state is not SessionState.OPEN:
            super().expire(now)
            return
        if now >= self._pace.repeat_at:
            self._outgoing.append((Channel.CONTROL, INTERRUPT))
            self._pace.repeat(now)
        while now >= self._segments.deadline - NEAR:
            self._segments.expire()
            self._settle(now)

    def take_outgoing(self, now: float) -> list[Outgoing]:
        """Take what is to be sent: as much audio as the pace allows, and each segment's end behind it."""
        if self.state is SessionState.OPEN:
            self._pump_at = inf
            for segment in list(self._segments):
                if not self._pump(segment, now):
                    break
        return super().take_outgoing(now)

    def _pump(self, segment: OutgoingSegment, now: float) -> bool:
        """Send what can be sent of a segment. False: nothing behind it may go yet."""
        wire = self._segments.wire.get(segment.number)
        if segment.result is not None or (wire is not None and min(wire.end_sent_at, wire.cut_at) < inf):
            return True
        while segment.pending:
            size = min(self._chunk_bytes, segment.pending * segment.frame_bytes)
            at = self._pace.earliest(self.format.seconds(size // segment.frame_bytes), now)
            if now < at:
                self._pump_at = at
                return False
            wire = self._send_audio(segment, size, now)
        if not (segment.finished or (wire is not None and wire.truncated)):
            return False
        if wire is None:  # empty: a deployed peer would never ack it
            self._segments.end(segment, 0, interrupted=False, cause=Cause.PLAYED, exact=True)
            self._settle(now)
            return True
        if now < wire.last_at + self._pace.reorder - NEAR:
            self._pump_at = wire.last_at + self._pace.reorder
            return False
        if segment.live:
            segment.change(SegmentInput.END)
        self._send_end(wire, now)
        return True

    def _send_audio(self, segment: OutgoingSegment, size: int, now: float) -> OnWire:
        chunk = segment.take(size, now)
        segment.release(segment.sent, segment.sent)
        samples = chunk.end - chunk.start
        self._segments.buffered -= samples
        begins, ends = self._pace.sent(self.format.seconds(samples), now)
        wire = self._segments.wire.get(segment.number)
        if wire is None:
            segment.change(SegmentInput.START)
            wire = self._segments.wire[segment.number] = OnWire(begins)
        wire.ends_at, wire.last_at = ends, now
        self.counters.chunks += 1
        self.counters.bytes += len(chunk.pcm)
        pcm = bytes(chunk.pcm)
        if self._keep_from_text:
            kept = not_text(pcm)
            self.counters.changed_chunks += kept is not pcm
            pcm = kept
        self._outgoing.append((Channel.MEDIA, pcm))
        return wire

    def _send_end(self, wire: OnWire, now: float) -> None:
        self._outgoing.append((Channel.CONTROL, SEGMENT_END))
        wire.end_sent_at = now
        self._pace.ended(now)

    # -- results -------------------------------------------------------------------------------------------

    def _settle(self, now: float) -> None:
        """Tell the results that are due, and the interrupts for which no ack is waited any more, in order."""
        for result in self._segments.settle():
            self._segments.wire.pop(result.segment, None)
            self._events.append(result)
        while self._pending and not self._segments.unsettled(self._pending[0].first, self._pending[0].last):
            done = self._pending.pop(0)
            latency = self.counters.last_interrupt_latency = now - done.called_at
            self._events.append(InterruptConfirmed(first=done.first, last=done.last, latency=latency))

    # -- the end -------------------------------------------------------------------------------------------

    def _finish(self, close: Close, now: float) -> None:
        """Close from this side: version 0 has no word for it, but what may still be playing is stopped."""
        if self.state is SessionState.OPEN:
            self._outgoing.clear()
            if self._segments.playing:
                self._outgoing.append((Channel.CONTROL, INTERRUPT))
        self._end(close, now)

    def _on_ended(self, close: Close, now: float) -> None:
        """End every segment, with the cause (LW-CLOSE-4)."""
        self._pump_at = inf
        cause = cause_of(close, opened=self._was_open)
        for segment in self._segments:
            if segment.result is None:
                exact = segment.state is SegmentState.QUEUED
                self._segments.end(segment, 0, interrupted=True, cause=segment.cut_cause or cause, exact=exact)
        self._settle(now)

    def _live(self, number: int) -> OutgoingSegment | None:
        self._segments.need_opened(number)
        segment = self._segments.get(number)
        return segment if segment is not None and segment.live else None


def _not_in_version_0(what: str) -> NoReturn:
    raise LocalProtocolError(CloseCode.OUT_OF_STATE, f"version 0 has no {what}")
