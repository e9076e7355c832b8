"""What AudioOut tells its user."""

from __future__ import annotations

from dataclasses import dataclass

from lipwire.protocol import events
from lipwire.protocol.formats import PcmFormat


@dataclass(frozen=True, kw_only=True)
class StreamEnded(events.StreamEnded):
    """How a segment ended, in every unit that an agent may want. See :class:`lipwire.protocol.events.StreamEnded`."""

    seconds: float
    """``position`` in seconds."""
    input_position: int
    """``position`` in samples of what was written, where that was at another rate."""


def stream_ended(event: events.StreamEnded, wire: PcmFormat, input_rate: int) -> StreamEnded:
    """Add the other units to the core's result."""
    return StreamEnded(
        segment=event.segment,
        position=event.position,
        interrupted=event.interrupted,
        cause=event.cause,
        exact=event.exact,
        seconds=wire.seconds(event.position),
        input_position=round(event.position * input_rate / wire.rate),
    )


@dataclass(frozen=True, kw_only=True)
class SenderStatistics:
    """A snapshot of an AudioOut. Seconds, bytes (of PCM), counts."""

    connected: bool
    sessions: int
    """Sessions opened so far; more than one when the peer came back without the earlier one."""
    transports: int
    """Transports that the present session has used."""
    round_trip: float
    buffered: float
    """Seconds of audio in the local buffer."""
    in_flight: int
    """Bytes sent and not yet reported as received."""
    transport_buffered: int
    """Bytes that the transport holds back."""
    live_segments: int
    sent_bytes: int
    sent_chunks: int
    repaired_chunks: int
    """Sent again because the receiver missed them."""
    repaired_seconds: float
    interrupts: int
    last_interrupt_latency: float
    """From the call to its confirmation."""
