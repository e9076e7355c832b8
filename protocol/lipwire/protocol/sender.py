"""The sending state machine of version 1: the agent's side of a session, without I/O.

The verbs are those of :mod:`lipwire.protocol.connection`. Audio waits here, not in the transport: ``take_outgoing``
cuts chunks from what was written, as far as credit (SPEC §9) and the flight bound allow, so it is to be called after
every other verb.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from .channels import Binding, Channel
from .codec import encode, encode_audio
from .connection import Connection, Outgoing, encode_close
from .errors import Close, CloseCode, LocalProtocolError, RemoteProtocolError, close_code
from .events import (
    Cause,
    InterruptConfirmed,
    MarkReached,
    SessionOpened,
    StreamStarted,
    TransportDropped,
)
from .flight import Flight
from .formats import PcmFormat
from .interrupts import PendingInterrupts
from .limits import (
    BOUNDS,
    DATA,
    HELLO_REPEAT,
    MARKS,
    MAX_SEGMENT,
    NACK_DELAY,
    REPEAT,
    SENT_DELAY,
    parse_welcome_limits,
)
from .messages import (
    CloseMessage,
    Cut,
    Data,
    EndCause,
    Interrupt,
    Mark,
    Message,
    Nack,
    Pause,
    Progress,
    SegmentEnd,
    SegmentStart,
    Sent,
    Unpause,
    Welcome,
)
from .messages import MarkReached as MarkReachedMessage
from .messages import StreamEnded as StreamEndedMessage
from .messages import StreamStarted as StreamStartedMessage
from .outgoing import Chunk, OutgoingSegment
from .registry import Feature, Role
from .sender_handshake import SenderSettings, check_state, check_welcome, credentials, make_hello
from .sender_segments import SenderSegments
from .states import HANDSHAKE, SegmentInput, SegmentState, SessionInput, SessionState

_AUDIO_OVERHEAD = 48
"""At least what an audio message needs beside its samples: four integers of up to 9 bytes, and heads."""
_MOST_IN_CHUNK = 16_384
_CLOSE_CAUSES = {
    CloseCode.PEER_GONE: Cause.TRANSPORT_LOST,
    CloseCode.UNKNOWN_SESSION: Cause.PEER_CLOSED,
    CloseCode.RESUME_STATE: Cause.PEER_CLOSED,
}
_WIRE_CAUSES: dict[int, Cause] = {EndCause.PLAYED: Cause.PLAYED, EndCause.INTERRUPTED: Cause.INTERRUPTED}


@dataclass
class SenderCounters:
    """What happened since the session began. Bytes are of PCM."""

    chunks: int = 0
    bytes: int = 0
    chunks_again: int = 0
    """Sent again because the receiver asked."""
    samples_again: int = 0
    interrupts: int = 0
    last_interrupt_latency: float = 0.0
    """Seconds from the call to its confirmation."""
    dropped_controls: int = 0
    """Marks, data and metadata that were given before the session was open, and that the peer does not support, or
    that are larger than it accepts."""


class SenderConnection(Connection):
    """One session as its sender sees it.

    ``session``: 16 random bytes; ``now``: seconds. The first session has to be opened within ``connect_time``.
    """

    role = Role.SENDER

    def __init__(self, settings: SenderSettings, session: bytes, now: float) -> None:
        super().__init__(settings.limits)
        self.settings = settings
        self.session = session
        self.format: PcmFormat = settings.formats[0]
        """Agreed on once the session is open; until then the one that is preferred."""
        self.window = 0
        self.paused = False
        self.counters = SenderCounters()
        self._segments = SenderSegments(settings.first_segment)
        self._interrupts = PendingInterrupts()
        self._flight = Flight(1.0, 1.0)
        self._limited = False
        self._most_segments = int(BOUNDS["segments"].default)
        self._cooldown = BOUNDS["cooldown"].default
        self._secret: bytes | None = None
        self._welcome: Welcome | None = None
        self._hello = b""
        self._hello_at = inf
        self._handshake_until = inf
        self._report_until = inf
        self._reported: tuple[Any, ...] = ()
        """How the oldest segment stood when that was set."""
        self._sent_at = inf
        self._sent_repeats = 0
        self._resume_until = now + settings.connect_time
        self._handlers |= {
            Welcome: self._on_welcome,
            Progress: self._on_progress,
            Cut: self._on_cut,
            StreamStartedMessage: self._on_stream_started,
            StreamEndedMessage: self._on_stream_ended,
            MarkReachedMessage: self._on_mark_reached,
            Nack: self._on_nack,
        }

    # -- commands: the transport ---------------------------------------------------------------------------

    def attach(self, binding: Binding, now: float) -> None:
        """A transport is there: greet the peer on it (SPEC §7), or resume (SPEC §15).

        Raises:
            LocalProtocolError: the session has a transport, or is closed; or a secret would have to be shown to others,
                since the settings have no ``room_key``.
        """
        secret = self._secret if self.state is SessionState.LOST else None
        auth, credential = credentials(self.settings, binding, self.session, self.generation + 1, secret)
        self._change(SessionInput.ATTACH)
        self.binding = binding
        self.generation += 1
        hello = make_hello(self.settings, self.session, self.generation)
        resume = None if credential is None else [credential, self.numbered.taken]
        self._hello = encode(hello._replace(auth=auth, resume=resume))
        self._outgoing[:] = [(Channel.CONTROL, self._hello)]
        self._hello_at = inf if binding.control_reliable else now + HELLO_REPEAT
        self._handshake_until = now + self.limits.handshake

    def detach(self, now: float) -> None:
        """The transport is gone; the session waits for the next one (SPEC §15)."""
        self._hello_at = self._handshake_until = self._sent_at = self._report_until = inf
        super().detach(now)

    # -- commands: segments --------------------------------------------------------------------------------

    def open_segment(self, metadata: Mapping[str, Any] | None, now: float) -> int:
        """Begin a segment and give its id.

        Raises:
            LocalProtocolError: the segment before is still open, the session is closed, or the metadata is not what
                the peer may be sent.
        """
        if self.closed:
            raise LocalProtocolError(CloseCode.OUT_OF_STATE, "the session is closed")
        self._check_ours(SegmentStart(self._segments.next, metadata))
        segment = self._segments.open(metadata, self.format.frame_bytes)
        self._settle(now)
        return segment.number

    def write(self, number: int, pcm: bytes | memoryview, now: float) -> bool:
        """Write whole PCM frames to the open segment. False: it was cut, or is over; nothing was taken.

        Raises:
            LocalProtocolError: the segment is not the open one, or would become too long; the bytes are not whole
                frames; or several formats are offered, and the session was not opened.
        """
        segment = self._live(number)
        if segment is None:
            return False
        if not self._was_open and len(self.settings.formats) > 1:
            raise LocalProtocolError(CloseCode.OUT_OF_STATE, "which format is used is agreed on when the session opens")
        if len(pcm) % segment.frame_bytes:
            raise LocalProtocolError(
                CloseCode.INVALID_FIELD, f"{len(pcm)} bytes are not whole PCM frames of {segment.frame_bytes}"
            )
        if segment.finished:
            raise LocalProtocolError(CloseCode.OUT_OF_STATE, f"segment {number} has been ended")
        if segment.written + len(pcm) // segment.frame_bytes > MAX_SEGMENT:
            raise LocalProtocolError(CloseCode.INVALID_POSITION, f"segment {number} would be longer than {MAX_SEGMENT}")
        self._segments.write(segment, pcm)
        if self._report_until == inf:
            self._arm_report(now)
        return True

    def end_segment(self, number: int, now: float) -> None:
        """All of the segment has been written. One that was cut stays as it is."""
        segment = self._live(number)
        if segment is not None:
            self._segments.finish_writing(segment)
            self._arm_report(now)

    def interrupt(self, now: float, segment: int | None = None, cause: Cause = Cause.INTERRUPTED) -> int | None:
        """Cut every live segment, or the one named (SPEC §10).

        Gives the last id that was cut, with which an InterruptConfirmed will come; None: there was nothing to cut.
        """
        if segment is not None:
            self._segments.need_opened(segment)
        targets = [s for s in self._segments if s.live and segment in (None, s.number)]
        if not targets:
            return None
        self.counters.interrupts += 1
        started = [s.number for s in targets if s.state is not SegmentState.QUEUED]
        for target in targets:
            queued = target.state is SegmentState.QUEUED
            self._segments.cut(target, cause)
            if queued:  # never on the wire: nothing to wait for (LW-INTERRUPT-8)
                self._segments.end(target, 0, interrupted=True, cause=cause, exact=True)
        first, last = targets[0].number, targets[-1].number
        if started:
            self._send_interrupt(Interrupt(started[0], last), now)
        else:
            self._confirmed(first, last, 0.0)
        if segment is None and self.paused and not self.closed:
            self.unpause(now)  # LW-PAUSE-2
        self._settle(now)
        return last

    def mark(self, number: int, position: int, name: str, now: float) -> bool:
        """Ask to be told when playback reaches ``position``. False: the segment is cut or over.

        Raises:
            LocalProtocolError: no such segment, the peer does not support it, too many wait (LW-MARK-3), or the
                position or name is not one.
        """
        segment = self._control_target(number, Feature.MARKS)
        if segment is None:
            return False
        if len(segment.marks) >= MARKS:
            raise LocalProtocolError(CloseCode.LIMIT_EXCEEDED, f"{MARKS} marks of segment {number} wait already")
        mark = Mark(number, position, name)
        self._check_ours(mark)
        segment.marks.append(mark)
        self._send_in_segment(segment, mark, now)
        return True

    def data(self, number: int, position: int, content: Mapping[str, Any], now: float) -> bool:
        """Send side information that belongs at ``position``. False: the segment is cut or over.

        Raises:
            LocalProtocolError: no such segment, the peer does not support it, too much waits (LW-DATA-2), or the
                position or content is not what the peer may be sent.
        """
        segment = self._control_target(number, Feature.DATA)
        if segment is None:
            return False
        if len(segment.data) >= DATA:
            raise LocalProtocolError(CloseCode.LIMIT_EXCEEDED, f"{DATA} data messages of segment {number} wait already")
        message = Data(number, position, content)
        self._check_ours(message)
        segment.data.append(position)
        self._send_in_segment(segment, message, now)
        return True

    def pause(self, now: float) -> None:
        """Hold playout (feature ``pause``). Pausing twice is harmless.

        Raises:
            LocalProtocolError: the session is not open, or the peer does not support it.
        """
        self._need(Feature.PAUSE)
        if not self.paused:
            self.paused = True
            self._report_until = inf
            self._send(Pause(), now)

    def unpause(self, now: float) -> None:
        """Continue playout (feature ``pause``).

        Raises:
            LocalProtocolError: as :meth:`pause`.
        """
        self._need(Feature.PAUSE)
        if self.paused:
            self.paused = False
            self._send(Unpause(), now)
            self._arm_report(now)

    def segment(self, number: int) -> OutgoingSegment | None:
        """How a segment stands, for reading; None when it is over."""
        return self._segments.get(number)

    @property
    def buffered(self) -> int:
        """Samples written that wait to be sent, over all segments: the local buffer."""
        return self._segments.buffered

    @property
    def next_segment(self) -> int:
        """The id that the next segment gets."""
        return self._segments.next

    @property
    def live_segments(self) -> int:
        """Segments that are not over."""
        return len(self._segments)

    @property
    def in_flight(self) -> int:
        """Bytes sent and not yet reported as received."""
        return self._segments.in_flight

    @property
    def round_trip(self) -> float:
        """Seconds, by the newest chunk or the pings."""
        return self._flight.round_trip or self.liveness.round_trip

    # -- time and output -----------------------------------------------------------------------------------

    def next_deadline(self) -> float:
        """When ``expire`` is to be called."""
        if self.state is SessionState.OPEN:
            return min(super().next_deadline(), self._interrupts.deadline, self._report_until, self._sent_at)
        if self.state in HANDSHAKE:
            return min(super().next_deadline(), self._hello_at, self._handshake_until)
        return super().next_deadline()

    def expire(self, now: float) -> None:
        """Do what is due at ``now``."""
        super().expire(now)
        if self.state in HANDSHAKE:
            if now >= self._handshake_until:
                reason = "the peer did not answer hello in time"
                self._drop_transport(reason, now)
                close = Close(code=CloseCode.HANDSHAKE_TIMEOUT, reason=reason, retry_ms=0)  # LW-OPEN-7
                self._outgoing.append((Channel.CONTROL, encode_close(close)))
            elif now >= self._hello_at:
                self._outgoing.append((Channel.CONTROL, self._hello))
                self._hello_at = now + HELLO_REPEAT
        elif self.state is SessionState.OPEN:
            for message in self._interrupts.due(now, repeat=self._repeat_interrupts):
                self._send_bare(message)
            if now >= self._sent_at:
                self._send_sent(now)
            if now >= self._report_until:
                self._give_up_on_report(now)

    def take_outgoing(self, now: float) -> list[Outgoing]:
        """Take what is to be sent: control first, then as much audio as credit and flight allow."""
        if self.state is SessionState.OPEN:
            self._pump(now)
        return super().take_outgoing(now)

    def _pump(self, now: float) -> None:
        """Start, send and end segments, in order, as far as the bounds allow."""
        credit = -1
        bound = flight = 0.0
        self._limited = False
        for segment in self._segments:
            if not segment.live:
                continue
            if segment.state is SegmentState.QUEUED and not self._start(segment, now):
                return
            if segment.early:
                self._send_early(segment, now)
            if segment.pending:
                if credit < 0:
                    credit = self.window - self._credit_used()
                    bound, flight = self._flight.bound(now), self.in_flight
                most, sent = self._most_in_chunk(segment.frame_bytes, bound), segment.sent
                while segment.pending:
                    if credit <= 0 or flight >= bound:
                        self._limited = flight >= bound
                        if segment.sent > sent:
                            self._sent_soon(now)
                        return
                    size = min(most, credit * segment.frame_bytes)
                    chunk = segment.take(size, now)
                    credit -= chunk.end - chunk.start
                    flight += len(chunk.pcm)
                    self._segments.buffered -= chunk.end - chunk.start
                    self._send_audio(segment.number, chunk)
                self._sent_soon(now)
            if segment.state is SegmentState.STARTED:
                if not segment.finished:
                    return
                segment.change(SegmentInput.END)
                self._send(SegmentEnd(segment.number, segment.written), now)
                if self.closed:
                    return

    def _start(self, segment: OutgoingSegment, now: float) -> bool:
        """Send segment_start; False: too many are live, or the peer has too much to acknowledge first."""
        start = SegmentStart(segment.number, segment.metadata)
        fits = self._fits(start)
        if not fits:
            start = SegmentStart(segment.number)
        if self._segments.on_wire >= self._most_segments or not self._has_room(start):
            return False
        self.counters.dropped_controls += not fits
        segment.change(SegmentInput.START)
        self._send(start, now)
        return True

    def _send_early(self, segment: OutgoingSegment, now: float) -> None:
        """Send marks and data that waited for segment_start, or for acknowledgements."""
        while segment.early and self._has_room(segment.early[0]):
            message = segment.early.popleft()
            feature = Feature.MARKS if isinstance(message, Mark) else Feature.DATA
            if feature in self.features and self._fits(message):
                self._send(message, now)
            else:
                self.counters.dropped_controls += 1

    def _send_audio(self, number: int, chunk: Chunk) -> None:
        self.counters.chunks += 1
        self.counters.bytes += len(chunk.pcm)
        data = encode_audio(number, chunk.start, self._segments.cut_through, chunk.pcm)
        self._outgoing.append((Channel.MEDIA, data))

    def _most_in_chunk(self, frame_bytes: int, bound: float) -> int:
        """Bytes of PCM that one audio message may carry."""
        most = min(self.binding.max_media_message, self._peer_message_limit) - _AUDIO_OVERHEAD
        # A chunk is a small part of what is in flight, or an interrupt would wait behind a large one.
        most = min(most, max(int(bound) // 8, self.format.samples(0.020) * frame_bytes), _MOST_IN_CHUNK)
        return max(most - most % frame_bytes, frame_bytes)

    def _credit_used(self) -> int:
        """Samples sent and not consumed, as LW-CREDIT-1 and LW-CREDIT-2 count them."""
        used = 0
        for segment in self._segments:
            cut = segment.state is SegmentState.CUT
            out = cut and (segment.number <= self._segments.cut_through or segment.cut_confirmed)
            if segment.result is None and not out:
                used += segment.sent - segment.consumed
        return used

    # -- sending -------------------------------------------------------------------------------------------

    @property
    def _repeat_interrupts(self) -> bool:
        return not (self.binding.media_reliable and self.binding.control_reliable)

    def _send_interrupt(self, message: Interrupt, now: float, *, told: bool = False) -> None:
        self._interrupts.add(message, now, repeat=self._repeat_interrupts, told=told)
        self._send(message, now)
        if self.state is SessionState.OPEN and self.binding.separate_media:
            self._outgoing.append((Channel.MEDIA, encode(message)))

    def _send_bare(self, message: Message) -> None:
        """Send a repeat on both channels, without a number."""
        data = encode(message)
        self._outgoing.append((Channel.CONTROL, data))
        if self.binding.separate_media:
            self._outgoing.append((Channel.MEDIA, data))

    def _send_in_segment(self, segment: OutgoingSegment, message: Mark | Data, now: float) -> None:
        segment.early.append(message)
        if segment.state is not SegmentState.QUEUED:
            self._send_early(segment, now)

    def _sent_soon(self, now: float) -> None:
        if Feature.REPAIR in self.features and not self.binding.media_reliable:
            self._sent_at, self._sent_repeats = now + SENT_DELAY, 0

    def _send_sent(self, now: float) -> None:
        """Say how far a quiet sender has sent, so that a lost tail shows (LW-REPAIR-6)."""
        self._sent_at = inf
        segment = next((s for s in self._segments if s.state is SegmentState.STARTED), None)
        if segment is None or segment.received >= segment.sent:
            return
        self._send(Sent(segment.number, segment.sent), now)
        if not self.binding.control_reliable:
            delays = (0.020, 0.040, 0.080)
            self._sent_at = now + (delays[self._sent_repeats] if self._sent_repeats < len(delays) else REPEAT)
            self._sent_repeats += 1

    # -- results -------------------------------------------------------------------------------------------

    def _settle(self, now: float) -> None:
        """Tell the results that are due, and bring along what depends on which segments are live."""
        self._events += self._segments.settle()
        for pending in self._interrupts.forget(self._segments.lowest_open, self._segments.lowest_on_wire):
            self._confirmed(pending.message.first, pending.message.last, now - pending.called_at)
        self._arm_report(now)

    def _confirmed(self, first: int, last: int, latency: float) -> None:
        self.counters.last_interrupt_latency = latency
        self._events.append(InterruptConfirmed(first=first, last=last, latency=latency))

    def _arm_report(self, now: float) -> None:
        """Set the time by which the oldest segment has to move on again, if it has moved (LW-STREAM-7)."""
        oldest = self._segments.oldest
        if (
            oldest is None
            or self.paused
            or self.state is not SessionState.OPEN
            or (oldest.live and not oldest.finished and oldest.consumed >= oldest.written)
        ):
            self._report_until = inf
            return
        standing = (oldest.number, oldest.live, oldest.received, oldest.consumed, oldest.played)
        if self._report_until == inf or standing != self._reported:
            rest = self.format.seconds(oldest.written - oldest.heard) if oldest.live else 0.0
            self._reported = standing
            self._report_until = now + rest + self.limits.grace + self._cooldown

    def _give_up_on_report(self, now: float) -> None:
        """No report of the oldest segment has come in time: end it, and cut it at the peer too."""
        oldest = self._segments.oldest
        assert oldest is not None
        started = oldest.state is not SegmentState.QUEUED
        if oldest.live:
            self._segments.cut(oldest, Cause.NO_REPORT)
            if started:
                self._send_interrupt(Interrupt(oldest.number, oldest.number), now, told=True)
                if self.closed:
                    return
        if started:
            self._segments.unreported.add(oldest.number)
        cause = oldest.cut_cause or Cause.NO_REPORT
        self._segments.end(oldest, oldest.heard, interrupted=True, cause=cause, exact=not started)
        self._settle(now)

    # -- messages: opening ---------------------------------------------------------------------------------

    def _on_welcome(self, message: Welcome, now: float) -> None:
        if self.state not in HANDSHAKE:
            if message == self._welcome:
                return  # the answer to a repeated hello (LW-OPEN-12)
            raise RemoteProtocolError(CloseCode.OUT_OF_STATE, "welcome in an open session")
        resuming = self.state is SessionState.REOPENING
        hello = make_hello(self.settings, self.session, self.generation)
        pcm = check_welcome(message, hello, self.binding, before=self._welcome if resuming else None)
        limits = parse_welcome_limits(message.limits, pcm)
        backlog: list[bytes] = []
        if resuming:
            assert message.state is not None
            check_state(message.state[1], self._segments)
            backlog = list(self.numbered.attach(reliable=self.binding.control_reliable, peer_taken=message.state[0]))
        else:
            self.numbered.attach(reliable=self.binding.control_reliable, peer_taken=None)
        self._welcome = message
        self.format = pcm
        for segment in self._segments:
            segment.frame_bytes = pcm.frame_bytes
        self.features = frozenset(f for f in self.settings.features if f.value in message.features)
        self.window = int(limits["window"])
        self._cooldown = limits["cooldown"]
        self._resume_time = limits["resume"]
        self._peer_message_limit = int(limits["message"])
        self._most_segments = int(limits["segments"])
        self._secret = message.secret
        self.liveness.keepalive = limits["keepalive"]
        byte_rate = pcm.rate * pcm.frame_bytes
        self._flight = Flight(byte_rate, self.window * pcm.frame_bytes)
        self._hello_at = self._handshake_until = inf
        self._opened(now)
        for interrupt in self._interrupts.all_again(now, repeat=self._repeat_interrupts):  # LW-INTERRUPT-10
            self._send_bare(interrupt)
        for data in backlog:
            self._outgoing.append((Channel.CONTROL, data))
        if resuming and message.state is not None:
            self._rewind(message.state[1])
        self.numbered.arm(now)
        if not resuming:
            # A message that has to be ignored, so that it keeps being ignored (LW-GREASE-1).
            self._outgoing.append((Channel.CONTROL, bytes([0x92, 64 + self.session[0] % 64, 0x80])))
        self._arm_report(now)
        self._events.append(
            SessionOpened(
                session=self.session,
                generation=self.generation,
                format=pcm,
                features=self.features,
                limits=limits,
                resumed=resuming,
                info=message.info or {},
            )
        )

    def _rewind(self, state: list[list[Any]]) -> None:
        """Go back to what the receiver has of each live segment (LW-RESUME-9)."""
        known = {number: (received, consumed, played) for number, received, consumed, played in state}
        for segment in self._segments:
            if not segment.live or segment.state is SegmentState.QUEUED:
                continue
            received, consumed, played = known.get(segment.number, (segment.received, segment.consumed, segment.played))
            self._segments.rewind(segment, received)
            segment.consumed = consumed
            if played is not None:
                segment.played = max(played, segment.heard)

    def _on_close(self, message: CloseMessage, now: float) -> None:
        """The peer closed; a refusal that names a time is not the last word (LW-CLOSE-7)."""
        if self.state in HANDSHAKE and message.retry is not None:
            reason = Close(code=close_code(message.code), reason=message.reason, by_peer=True)
            self._events.append(TransportDropped(reason=str(reason), retry_after=message.retry / 1_000))
            self.detach(now)
            return
        super()._on_close(message, now)

    # -- messages: playback --------------------------------------------------------------------------------

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
        if received > segment.reached or consumed > received or (played is not None and played > consumed):
            raise RemoteProtocolError(
                CloseCode.INVALID_POSITION,
                f"segment {segment.number} is said to be received to {received}, consumed to {consumed}, played to "
                f"{played}; sent to {segment.reached}",
            )
        moved = False
        if received > segment.received:
            moved = True
            acknowledged = (received - segment.received) * segment.frame_bytes
            last = self._segments.release(segment, received)
            if last is not None and last.end == received:
                round_trip = max(now - last.sent_at - message.delay / 1_000_000, 1e-6)
                self._flight.sample(round_trip, acknowledged, self._limited, now)
        if consumed > segment.consumed:
            moved = True
            segment.consumed = consumed
            segment.data = [position for position in segment.data if position > consumed]
        if played is not None and played > (-1 if segment.played is None else segment.played):
            moved = True
            segment.played = played
        if moved:
            self._arm_report(now)

    def _on_cut(self, message: Cut, now: float) -> None:
        if message.last < message.first:
            raise RemoteProtocolError(CloseCode.INVALID_FIELD, f"a cut from {message.first} to {message.last}")
        for number in (message.first, message.last, *(number for number, _ in message.consumed)):
            if not self._segments.opened(number):
                raise RemoteProtocolError(CloseCode.INVALID_SEGMENT, f"segment {number} was never opened")
        for number, consumed in message.consumed:
            segment = self._segments.get(number)
            if segment is not None and consumed > segment.sent:
                raise RemoteProtocolError(
                    CloseCode.INVALID_POSITION, f"segment {number} consumed to {consumed}; sent to {segment.sent}"
                )
        for segment in self._segments:
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
                    chunk.again_at = now
                    self.counters.chunks_again += 1
                    self.counters.samples_again += chunk.end - chunk.start
                    self._send_audio(segment.number, chunk)

    # -- the end -------------------------------------------------------------------------------------------

    def _on_ended(self, close: Close, now: float) -> None:
        """End every segment, with the cause (LW-CLOSE-4)."""
        self._hello_at = self._handshake_until = self._sent_at = self._report_until = inf
        cause = _cause_of(close, opened=self._was_open)
        for segment in self._segments:
            if segment.result is None:
                self._segments.end(
                    segment,
                    segment.heard,
                    interrupted=True,
                    cause=segment.cut_cause or cause,
                    exact=segment.state is SegmentState.QUEUED,
                )
        self._settle(now)

    def _live(self, number: int) -> OutgoingSegment | None:
        """The user's segment if it is live.

        Raises:
            LocalProtocolError: there never was one of that id.
        """
        self._segments.need_opened(number)
        segment = self._segments.get(number)
        return segment if segment is not None and segment.live else None

    def _control_target(self, number: int, feature: Feature) -> OutgoingSegment | None:
        if self._was_open and not self.closed:
            self._need(feature)
        return self._live(number)


def _cause_of(close: Close, *, opened: bool) -> Cause:
    """Name the cause with which a close ends the segments."""
    if not opened:
        if close.code is CloseCode.PEER_GONE:
            return Cause.NEVER_CONNECTED
        return Cause.REFUSED if close.by_peer else Cause.CLOSED
    if isinstance(close.code, CloseCode) and close.code in _CLOSE_CAUSES:
        return _CLOSE_CAUSES[close.code]
    if close.by_peer:
        return Cause.PEER_CLOSED
    return Cause.CLOSED if close.orderly or close.code is CloseCode.GOING_AWAY else Cause.PEER_FAULT
