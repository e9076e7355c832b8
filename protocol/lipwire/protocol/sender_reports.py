"""How a sender takes what the receiver reports: progress, cuts, playback, what is missing."""

from __future__ import annotations

from .errors import CloseCode, RemoteProtocolError
from .events import (
    Cause,
    MarkReached,
    StreamStarted,
)
from .limits import (
    NACK_DELAY,
)
from .messages import (
    Cut,
    EndCause,
    Nack,
    Progress,
)
from .messages import MarkReached as MarkReachedMessage
from .messages import StreamEnded as StreamEndedMessage
from .messages import StreamStarted as StreamStartedMessage
from .outgoing import OutgoingSegment
from .sender_handshake import SenderSettings, check_rows
from .sender_output import SenderOutput
from .states import SegmentState

_WIRE_CAUSES: dict[int, Cause] = {EndCause.PLAYED: Cause.PLAYED, EndCause.INTERRUPTED: Cause.INTERRUPTED}


class SenderReports(SenderOutput):
    """A sender's handling of the messages of an open session."""

    def __init__(self, settings: SenderSettings, session: bytes) -> None:
        super().__init__(settings, session)
        self._handlers |= {
            Progress: self._on_progress,
            Cut: self._on_cut,
            StreamStartedMessage: self._on_stream_started,
            StreamEndedMessage: self._on_stream_ended,
            MarkReachedMessage: self._on_mark_reached,
            Nack: self._on_nack,
        }

    def _known(self, number: int) -> OutgoingSegment | None:
        """The segment that the peer speaks of; None when it is over.

        Raises:
            RemoteProtocolError: it was never started (LW-PROGRESS-4, LW-STREAM-6).
        """
        segment = self._segments.get(number)
        if not self._segments.opened(number) or (segment is not None and segment.state is SegmentState.QUEUED):
            raise RemoteProtocolError(CloseCode.INVALID_SEGMENT, f"segment {number} was never started")
        return segment

    def _on_progress(self, message: Progress, now: float) -> None:
        segment = self._known(message.segment)
        if segment is None:
            return
        received, consumed, played = message.received, message.consumed, message.played
        highest = max(received, message.highest or 0)
        if highest > segment.reached or consumed > received or (played is not None and played > consumed):
            raise RemoteProtocolError(
                CloseCode.INVALID_POSITION,
                f"segment {segment.number} is said to be received to {received} and {highest}, consumed to {consumed}, "
                f"played to {played}; sent to {segment.reached}",
            )
        moved = False
        came_at = now - message.delay / 1_000_000
        if came_at <= self._resumed_at:  # on an earlier transport; what lies beyond a gap is on its way again
            highest = received
        landed = (highest - segment.highest) * segment.frame_bytes
        if received > segment.received or landed > 0:
            moved = received > segment.received
            last = self._segments.release(segment, max(received, segment.received), highest)
            if last is not None and landed > 0 and came_at > last.sent_at - 1e-5:  # else it had come before
                self._flight.sample(max(came_at - last.sent_at, 1e-6), last.sent_at, landed, now)
        if consumed > segment.consumed:
            moved = True
            segment.consume(consumed)
        if played is not None and played > (-1 if segment.played is None else segment.played):
            moved = True
            segment.played = played
        if moved:
            until = self._report_until
            self._arm_report(now)
            if segment is self._express and not segment.pending:
                # Nothing waits for credit or flight: what is written next has more of both, and that is all.
                self._open_express(segment, now)
                self.stirred = self._report_until < until

    def _on_cut(self, message: Cut, now: float) -> None:
        if message.last < message.first:
            raise RemoteProtocolError(CloseCode.INVALID_FIELD, f"a cut from {message.first} to {message.last}")
        check_rows("a cut", message.consumed, self._most_segments)
        for number in (message.first, message.last, *(number for number, _ in message.consumed)):
            if not self._segments.opened(number):
                raise RemoteProtocolError(CloseCode.INVALID_SEGMENT, f"segment {number} was never opened")
        for number, consumed in message.consumed:
            segment = self._segments.get(number)
            if segment is not None and consumed > segment.reached:
                raise RemoteProtocolError(
                    CloseCode.INVALID_POSITION, f"segment {number} consumed to {consumed}; sent to {segment.reached}"
                )
        for segment in self._segments.started():
            if segment.state is SegmentState.CUT and message.first <= segment.number <= message.last:
                segment.cut_confirmed = True
        for pending in self._interrupts.confirm(message.first, message.last):
            if not pending.told:
                self._confirmed(pending.message.first, pending.message.last, now - pending.called_at)

    def _on_stream_started(self, message: StreamStartedMessage, now: float) -> None:  # noqa: ARG002
        segment = self._known(message.segment)
        if segment is not None and not segment.stream_started:
            segment.stream_started = True
            self._events.append(StreamStarted(segment=segment.number, clock=message.clock / 1_000_000))

    def _on_stream_ended(self, message: StreamEndedMessage, now: float) -> None:
        segment = self._known(message.segment)
        self._segments.unreported.discard(message.segment)
        if segment is None:
            self._settle(now)
            return  # the first result stands (LW-STREAM-5)
        if message.position is not None and message.position > segment.reached:
            raise RemoteProtocolError(
                CloseCode.INVALID_POSITION,
                f"segment {segment.number} is said to be heard to {message.position}; sent to {segment.reached}",
            )
        cause = _WIRE_CAUSES.get(message.cause, Cause.FAILED)
        if cause is Cause.INTERRUPTED and segment.cut_cause is not None:
            cause = segment.cut_cause
        self._segments.end(
            segment,
            segment.heard if message.position is None else message.position,
            interrupted=message.interrupted,
            cause=cause,
            exact=message.position is not None,
        )
        self._settle(now)

    def _on_mark_reached(self, message: MarkReachedMessage, now: float) -> None:  # noqa: ARG002
        segment = self._known(message.segment)
        if segment is None:
            return
        for mark in segment.marks:
            if mark.name == message.name:
                segment.marks.remove(mark)
                self._events.append(MarkReached(segment=segment.number, name=message.name))
                return

    def _on_nack(self, message: Nack, now: float) -> None:
        """Send again what is missing, but no range too soon after the last time (LW-REPAIR-5)."""
        ends = [0, *(end for _, end in message.missing)]
        if any(first >= end or first < before for (first, end), before in zip(message.missing, ends, strict=False)):
            raise RemoteProtocolError(CloseCode.INVALID_FIELD, "a nack whose ranges do not ascend")
        segment = self._known(message.segment)
        if segment is None or not segment.live:
            return
        patience = max(NACK_DELAY, self.round_trip / 2)
        for first, end in message.missing:
            if end > segment.reached:
                raise RemoteProtocolError(
                    CloseCode.INVALID_POSITION, f"samples {first} to {end} of segment {segment.number} were never sent"
                )
            for chunk in segment.kept_in(first, end):
                if now - (chunk.sent_at if chunk.again_at is None else chunk.again_at) >= patience:
                    self._send_again(segment.number, chunk, now)
