"""What a sender sends, and when: chunks within credit and flight, interrupts, ``sent``, and results in their turn.

Audio waits here, not in the transport: ``take_outgoing`` cuts chunks from what was written.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Any

from .channels import Channel
from .codec import encode, encode_audio
from .connection import Connection, Outgoing
from .events import (
    Cause,
    InterruptConfirmed,
)
from .flight import BURST, Flight
from .formats import PcmFormat
from .interrupts import PendingInterrupts, repeat_at
from .limits import (
    BOUNDS,
    INTERRUPT_REPEAT,
    MAX_SEGMENT,
    SENT_DELAY,
)
from .messages import (
    Data,
    Interrupt,
    Mark,
    Message,
    Pause,
    SegmentEnd,
    SegmentStart,
    Sent,
    Unpause,
)
from .outgoing import Chunk, OutgoingSegment
from .registry import Feature, Role
from .sender_handshake import SenderSettings
from .sender_segments import SegmentView, SenderSegments
from .states import SegmentInput, SegmentState, SessionState

_OPEN = SessionState.OPEN
_QUEUED = SegmentState.QUEUED
_STARTED = SegmentState.STARTED
_CUT = SegmentState.CUT
_MEDIA = Channel.MEDIA
_CONTROL = Channel.CONTROL
_AUDIO_OVERHEAD = 48
"""At least what an audio message needs beside its samples: four integers of up to 9 bytes, and heads."""
_MOST_IN_CHUNK = 16_384
_LATE_WAKE_UP = 0.1
"""Seconds by which a report's time may be found to be over late: what was heard is not told in even steps."""


@dataclass
class SenderCounters:
    """What happened since the session began. Bytes are of PCM."""

    chunks: int = 0
    bytes: int = 0
    chunks_again: int = 0
    """Sent again: because the receiver asked, or behind an interrupt, in case the first was lost."""
    samples_again: int = 0
    interrupts: int = 0
    last_interrupt_latency: float = 0.0
    """Seconds from the call to its confirmation."""
    dropped_controls: int = 0
    """Marks, data and metadata that were given before the session was open, and that the peer does not support, or
    that are larger than it accepts."""


class SenderOutput(SegmentView, Connection):
    """What lies under a sender's commands and its handling of messages."""

    role = Role.SENDER

    def __init__(self, settings: SenderSettings, session: bytes) -> None:
        super().__init__(settings.limits)
        self.settings = settings
        self.session = session
        self.format: PcmFormat = settings.formats[0]
        """Agreed on once the session is open; until then the one that is preferred."""
        self.window = 0
        self.paused = False
        self._told_paused = False
        """What the peer was told last: it may have too much to acknowledge first."""
        self.counters = SenderCounters()
        self._segments = SenderSegments(settings.first_segment)
        self._interrupts = PendingInterrupts()
        self._flight = Flight(1.0, 1.0)
        self._resumed_at = -inf
        """When the last resume took effect."""
        self._pump_at = inf
        """When the pace lets more audio go."""
        self._express: OutgoingSegment | None = None
        """The segment whose samples can go out as they are written: it is started, and nothing waits before them."""
        self._allowance = 0
        """Samples of it that credit allows until ``take_outgoing`` is called."""
        self._express_room = 0
        """Samples of it that the flight bound allows until then; the last chunk may go beyond, as in ``_pump``."""
        self._most = 0
        """Bytes of it that one message may carry."""
        self._repairs = False
        """Whether lost audio is asked for again: the peer supports it, and media can be lost."""
        self._most_segments = int(BOUNDS["segments"].default)
        self._cooldown = BOUNDS["cooldown"].default
        self._report_until = inf
        self._reported: tuple[Any, ...] = ()
        """How the oldest segment stood when that was set."""
        self._report_left = 0.0
        """Seconds that are left of that time while it is held."""
        self._sent_at = inf
        self._sent_first_at = 0.0
        self._sent_repeats = 0

    @property
    def round_trip(self) -> float:
        """Seconds, by the newest chunk or the pings."""
        return self._flight.round_trip or self.liveness.round_trip

    # -- output --------------------------------------------------------------------------------------------

    def take_outgoing(self, now: float) -> list[Outgoing]:
        """Take what is to be sent: control first, then as much audio as credit and flight allow."""
        self._express = None
        if self.state is _OPEN:
            if self._told_paused is not self.paused:
                self._tell_paused(now)
            self._pump(now)
        return super().take_outgoing(now)

    def write_through(self, number: int, pcm: bytes | memoryview, now: float) -> bytes | None:
        """Write, and take the audio message at once: what a ``write`` alone since ``take_outgoing`` comes to.

        For the usual case: whole frames of a segment that is under way, behind which nothing waits, within the bounds.
        None: it is not that; nothing was written.
        """
        segment, size = self._express, len(pcm)
        if segment is None or segment.number != number or size > self._most or not size:
            return None
        frame = segment.frame_bytes
        samples = size // frame
        if samples > self._allowance or self._express_room <= 0 or segment.written != segment.sent or size % frame:
            return None
        pace = self._flight
        if pace.byte_time:
            if pace.next_at > now + BURST:
                return None
            pace.next_at = max(pace.next_at, now) + size * pace.byte_time
        self._allowance -= samples
        self._express_room -= samples
        start = segment.sent
        if start <= segment.highest:
            pace.bound(now, self.in_flight)  # nothing was in flight, perhaps: no report was to be expected until now
        segment.send(samples, pcm, now)
        if self._repairs:
            self._sent_at, self._sent_repeats = now + SENT_DELAY, 0
        if not self._reported:
            self._arm_report(now)
        counters = self.counters
        counters.chunks += 1
        counters.bytes += size
        return encode_audio(number, start, self._segments.cut_through, pcm)

    def write_behind(self, number: int, pcm: bytes | memoryview, most: int) -> bool:
        """Write to the segment that is under way, to be taken with ``take_outgoing``; as ``write``, in the usual case.

        ``most``: samples that may wait. False: it is not that case; nothing was written.
        """
        segment, segments = self._express, self._segments
        if segment is None or segment.number != number:
            return False
        size, frame = len(pcm), segment.frame_bytes
        samples = size // frame
        waiting = segments.buffered + samples
        if size % frame or not size or waiting > self._allowance or waiting > most:
            return False
        segment.append(pcm, samples)
        segments.buffered = waiting
        return True

    def _pump(self, now: float) -> None:
        """Start, send and end segments, in order, as far as the bounds allow."""
        credit = -1
        burst_until = now
        bound = flight = 0.0
        pace = self._flight
        self._pump_at = inf
        for segment in self._segments.live():
            if segment.state is _QUEUED and not self._start(segment, now):
                return
            if segment.early:
                self._send_early(segment, now)
            if segment.pending:
                if credit < 0:
                    credit = self.window - self._credit_used()
                    flight = self.in_flight
                    bound = pace.bound(now, flight, self._segments.buffered * segment.frame_bytes)
                    pace.next_at = max(pace.next_at, now)
                    burst_until = now + BURST
                most, sent = self._most_in_chunk(segment.frame_bytes, bound), segment.sent
                while segment.pending:
                    if credit <= 0 or flight >= bound or pace.next_at > burst_until:
                        if flight >= bound:
                            pace.limited = True
                        elif credit > 0:
                            self._pump_at = pace.next_at
                        if segment.sent > sent:
                            self._sent_soon(now)
                        return
                    size = min(most, credit * segment.frame_bytes)
                    chunk = segment.take(size, now)
                    credit -= chunk.end - chunk.start
                    flight += len(chunk.pcm)
                    pace.next_at += len(chunk.pcm) * pace.byte_time
                    self._segments.buffered -= chunk.end - chunk.start
                    self._send_audio(segment.number, chunk)
                self._sent_soon(now)
            if segment.state is _STARTED:
                if not segment.finished:
                    self._open_express(segment, now)
                    return
                segment.change(SegmentInput.END)
                self._send(SegmentEnd(segment.number, segment.written), now)
                if self.closed:
                    return

    def _open_express(self, segment: OutgoingSegment, now: float) -> None:
        """Let what is written next go straight out, as far as the bounds that hold now allow."""
        self._express = None
        if segment.early or self._report_until == inf or (self._repairs and self._sent_at > now + SENT_DELAY):
            return  # there is more to do, or a timer to set: what goes straight through only moves deadlines on
        in_flight = self.in_flight
        bound = self._flight.bound(now, in_flight)  # grows until the next report
        self._express = segment
        self._allowance = min(self.window - self._credit_used(), MAX_SEGMENT - segment.written)
        self._most = self._most_in_chunk(segment.frame_bytes, bound)
        self._express_room = int(bound - in_flight) // segment.frame_bytes

    def _start(self, segment: OutgoingSegment, now: float) -> bool:
        """Send segment_start; False: too many are live, or the peer has too much to acknowledge first."""
        start = SegmentStart(segment.number, segment.metadata)
        fits = self._fits(start)
        if not fits:
            start = SegmentStart(segment.number)
        if self._segments.on_wire >= self._most_segments or not self._has_room(start):
            return False
        self.counters.dropped_controls += not fits
        self._segments.start(segment)
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
        self._outgoing.append((_MEDIA, data))

    def _most_in_chunk(self, frame_bytes: int, bound: float) -> int:
        """Bytes of PCM that one audio message may carry."""
        most = min(self.binding.max_media_message, self._peer_message_limit) - _AUDIO_OVERHEAD
        usual = max(int(self._flight.most_in_chunk(bound)), self.format.samples(0.020) * frame_bytes)
        most = min(most, usual, _MOST_IN_CHUNK)
        return max(most - most % frame_bytes, frame_bytes)

    def _credit_used(self) -> int:
        """Samples sent and not consumed, as LW-CREDIT-1 and LW-CREDIT-2 count them."""
        used = 0
        for segment in self._segments.started():
            cut = segment.state is _CUT
            if not (cut and (segment.number <= self._segments.cut_through or segment.cut_confirmed)):
                used += segment.sent - segment.consumed
        return used

    # -- sending -------------------------------------------------------------------------------------------

    @property
    def _repeat_interrupts(self) -> bool:
        return not (self.binding.media_reliable and self.binding.control_reliable)

    def _send_interrupt(self, message: Interrupt, now: float, *, told: bool = False) -> None:
        self._interrupts.add(message, now, repeat=self._repeat_interrupts, told=told)
        if self.numbered.is_full:  # bare it is as good: it is sent again until it is confirmed
            if self.state is _OPEN:
                self._send_bare(message)
            return
        self._send(message, now)
        if self.state is _OPEN and self.binding.separate_media:
            self._outgoing.append((_MEDIA, encode(message)))

    def _tell_paused(self, now: float) -> None:
        """Tell the peer whether to hold playout; of several changes that could not be sent only the last counts."""
        message = Pause() if self.paused else Unpause()
        if self._told_paused is not self.paused and self._has_room(message):
            self._told_paused = self.paused
            self._send(message, now)

    def _send_bare(self, message: Message) -> None:
        """Send a repeat on both channels, without a number."""
        data = encode(message)
        self._outgoing.append((_CONTROL, data))
        if self.binding.separate_media:
            self._outgoing.append((_MEDIA, data))

    def _begin_again(self, now: float) -> None:
        """Send again on media what the next segment would wait for if a packet was lost (LW-INTERRUPT-2)."""
        if not self.binding.separate_media or self.binding.media_reliable:
            return
        for data in self.numbered.copies(self.binding.max_media_message):
            self._outgoing.append((Channel.MEDIA, data))
        for segment in self._segments.started():
            if segment.live and segment.received == 0:
                for chunk in segment.kept_in(0, 1):
                    if chunk.again_at is None and now - chunk.sent_at > INTERRUPT_REPEAT[0] / 2:
                        self._send_again(segment.number, chunk, now)

    def _send_again(self, number: int, chunk: Chunk, now: float) -> None:
        chunk.again_at = now
        self.counters.chunks_again += 1
        self.counters.samples_again += chunk.end - chunk.start
        self._flight.out_of_turn(len(chunk.pcm), now)
        self._send_audio(number, chunk)

    def _send_in_segment(self, segment: OutgoingSegment, message: Mark | Data, now: float) -> None:
        segment.early.append(message)
        if segment.state is not _QUEUED:
            self._send_early(segment, now)

    def _sent_soon(self, now: float) -> None:
        if self._repairs:
            self._sent_at, self._sent_repeats = now + SENT_DELAY, 0

    def _send_sent(self, now: float) -> None:
        """Say how far a quiet sender has sent, so that a lost tail shows (LW-REPAIR-6)."""
        self._sent_at = inf
        segment = next((s for s in self._segments.started() if s.state is _STARTED), None)
        if segment is None or segment.received >= segment.sent:
            return
        self._send(Sent(segment.number, segment.sent), now)
        if not self.binding.control_reliable:
            if not self._sent_repeats:
                self._sent_first_at = now
            self._sent_at = repeat_at(self._sent_first_at, self._sent_repeats)
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
        """Set the time by which the oldest segment has to move on, if it has moved (LW-STREAM-7).

        A pause, or the loss of the transport, holds the time that is left; it does not begin anew.
        """
        oldest = self._segments.oldest
        if oldest is None or (oldest.live and not oldest.finished and oldest.consumed >= oldest.written):
            self._reported = ()  # the deadline stays, only as a wake-up: the next write moves it, at no cost
            if self._report_until > now + self._report_time(oldest) + _LATE_WAKE_UP:
                self._report_until = inf  # unless it would be too late for what is written next
            return
        standing = (oldest.number, oldest.live, oldest.received, oldest.consumed, oldest.played)
        if standing != self._reported:
            self._reported, self._report_until = standing, inf
            self._report_left = self._report_time(oldest)
        if self.paused or self.state is not _OPEN:
            if self._report_until != inf:
                self._report_left = max(self._report_until - now, 0.0)
                self._report_until = inf
        elif self._report_until == inf:
            self._report_until = now + self._report_left

    def _report_time(self, oldest: OutgoingSegment | None) -> float:
        """Seconds in which the oldest segment has to move on (LW-STREAM-7)."""
        rest = self.format.seconds(oldest.written - oldest.heard) if oldest is not None and oldest.live else 0.0
        return rest + self.limits.grace + self._cooldown

    def _give_up_on_report(self, now: float) -> None:
        """No report of the oldest segment has come in time: end it, and cut it at the peer too."""
        oldest = self._segments.oldest
        assert oldest is not None
        started = oldest.state is not _QUEUED
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
