"""The receiving state machine of version 0 (SPEC, Appendix A): the verbs and events of version 1, on the deployed wire.

Segments have no ids on that wire and audio no positions: both are counted here. What is lost, reordered or doubled on
the way can not be told.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import inf
from operator import index
from typing import Any

from .channels import Binding, Channel, Wire
from .connection import Connection
from .errors import Close, CloseCode, LocalProtocolError, RemoteProtocolError
from .events import ConsumerReset, SessionOpened
from .formats import PcmFormat
from .items import Audio, Interrupted, Item, SegmentEnd, SegmentStart
from .limits import Limits
from .receiver_reports import ReceiverCounters
from .registry import Role
from .states import ATTACHED, SessionInput, SessionState
from .version0 import (
    Interrupt0,
    Probe,
    SegmentEnd0,
    answer_probe,
    audio_bytes,
    check_format,
    encode_stream_ended,
    parse,
)

_MOST_SEGMENTS = 1_024
"""Segments that may wait to be read, or for the report of their end."""
_LEAST_HELD = 0.005
"""Seconds that a message counts for at least: a flood of tiny ones is bounded too."""


@dataclass(frozen=True, kw_only=True)
class ReceiverSettings0:
    """What both sides have to know without telling each other. Seconds.

    Raises:
        LocalProtocolError: the format is not mono s16le, or a time is out of range.
    """

    format: PcmFormat = field(default_factory=PcmFormat)
    limits: Limits = field(default_factory=Limits)
    """Of these ``cooldown`` and ``message`` are used."""
    most_held: float = 600.0
    """Audio that may wait for the consumer; one that falls behind further loses the session."""
    reorder: float = 0.1
    """How long a segment's end waits for audio that it may have overtaken, where media is a channel of its own."""
    answers_probes: bool = False
    """Whether to answer that version 1 is spoken here as well."""

    def __post_init__(self) -> None:
        check_format(self.format)
        for name, most in (("most_held", 86_400.0), ("reorder", 5.0)):
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise LocalProtocolError(
                    CloseCode.INVALID_FIELD, f"{name}={value!r} is out of range: it may be 0 to {most:g}"
                )


@dataclass(slots=True, kw_only=True)
class ReceiverCounters0(ReceiverCounters):
    """What a receiver has counted since its session began. ``late``: discarded during the cooldown."""

    texts: int = 0
    """Audio messages that came as text."""
    odd: int = 0
    """Bytes dropped because they were half a sample."""
    ignored: int = 0
    """Messages that were malformed or unknown."""
    empty_segments: int = 0
    """Ends of segments without audio: it was lost, or discarded."""


@dataclass(slots=True)
class _Segment:
    """One segment, from its first audio until its end is reported."""

    received: int = 0
    consumed: int = 0
    played: int = 0
    handed_out: bool = False
    """Its end, too."""
    cut: bool = False
    silent: bool = False
    """The ack of another segment stands for it too."""


class ReceiverConnection0(Connection):
    """One session on one transport, as its receiver sees it. The end of the transport ends it, in an orderly way."""

    role = Role.RECEIVER
    version = 0

    def __init__(self, settings: ReceiverSettings0) -> None:
        super().__init__(settings.limits)
        self.settings = settings
        self.format = settings.format
        self.paused = False
        self._counters = ReceiverCounters0()
        self._segments: dict[int, _Segment] = {}
        """Those that are not over."""
        self._next = 1
        self._receiving: int | None = None
        """The one that audio belongs to; None: the next audio begins another."""
        self._items: deque[SegmentStart | Audio | SegmentEnd] = deque()
        self._interrupted: deque[Interrupted] = deque()
        self._held = 0
        self._charged = 0
        """What is held, tiny messages counted as more."""
        self._least = self.format.samples(_LEAST_HELD)
        self._waiting = 0
        """Segments whose end was not handed out."""
        self._half = b""
        self._discard_until = -inf
        self._end_at = inf
        """When the segment that is being received ends."""

    # -- the transport -------------------------------------------------------------------------------------

    def open(self, binding: Binding, session: bytes, now: float) -> None:  # noqa: ARG002
        """A transport is there, and with it the session: version 0 has no handshake. ``session`` is a local name.

        Raises:
            LocalProtocolError: the session has a transport, or is closed.
        """
        self._change(SessionInput.ATTACH)
        self._change(SessionInput.WELCOME)
        self.binding = binding
        self.session = session
        self.generation = 1
        self._was_open = True
        limits = {"cooldown": self.limits.cooldown, "message": float(self.limits.message)}
        self._events.append(
            SessionOpened(session=session, generation=1, format=self.format, features=self.features, limits=limits)
        )

    def detach(self, now: float) -> None:
        """The transport is gone: as version 0 has no close, that is how a session ends."""
        if self.state in ATTACHED:
            self._outgoing.clear()
            self._end(Close(code=CloseCode.NORMAL, reason="the transport ended", by_peer=True), now)

    def receive(self, channel: Channel, data: Wire, now: float) -> None:  # noqa: ARG002
        """Take one message from the transport. Never raises for what it holds."""
        if self.state is not SessionState.OPEN:
            return
        try:
            self._receive(data, now)
        except RemoteProtocolError as error:
            self._fail(error, now)

    def _receive(self, data: Wire, now: float) -> None:
        if len(data) > self.limits.message:
            raise RemoteProtocolError(
                CloseCode.MESSAGE_TOO_LARGE, f"{len(data)} bytes; the most is {self.limits.message}"
            )
        if now >= self._end_at:
            self._end_segment()
        match parse(data):
            case None:
                self._on_audio(data, now)
            case SegmentEnd0():
                self._on_segment_end(now)
            case Interrupt0():
                self._on_interrupt(now)
            case Probe() if self.settings.answers_probes and (answer := answer_probe(data)):
                self._outgoing.append((Channel.CONTROL, answer))
            case _:
                self._counters.ignored += 1

    # -- audio ---------------------------------------------------------------------------------------------

    def _on_audio(self, data: Wire, now: float) -> None:
        pcm = audio_bytes(data)
        if not pcm:
            self._counters.ignored += 1
            return
        counters = self._counters
        counters.chunks += 1
        counters.bytes += len(pcm)
        counters.texts += isinstance(data, str)
        if now < self._discard_until:
            counters.late += 1
            return
        pcm = self._whole_frames(pcm)
        samples = len(pcm) // 2
        if not samples:
            return
        number = self._receiving
        if number is None:
            number = self._begin()
        segment = self._segments.get(number)
        if segment is None:  # its end was reported before it came
            counters.late += 1
            return
        self._held += samples
        self._charged += max(samples, self._least)
        if self._charged > self.format.samples(self.settings.most_held):
            raise RemoteProtocolError(
                CloseCode.LIMIT_EXCEEDED,
                f"more than {self.settings.most_held:g} s of audio wait, and version 0 can not hold the sender back",
            )
        self._items.append(Audio(number, segment.received, pcm, self.format))
        segment.received += samples

    def _whole_frames(self, pcm: bytes) -> bytes:
        """Carry half a sample over to the next message, where nothing can be lost between them."""
        if self._half:
            pcm, self._half = self._half + pcm, b""
        if len(pcm) % 2:
            if self.binding.media_reliable:
                self._half = pcm[-1:]
            else:
                self._counters.odd += 1
            pcm = pcm[:-1]
        return pcm

    def _begin(self) -> int:
        """Begin a segment: nothing on the wire says so."""
        if self._waiting >= _MOST_SEGMENTS:
            raise RemoteProtocolError(CloseCode.LIMIT_EXCEEDED, f"more than {_MOST_SEGMENTS} segments wait")
        if len(self._segments) >= 2 * _MOST_SEGMENTS:  # the consumer does not report ends: forget the oldest
            del self._segments[next(iter(self._segments))]
        number = self._receiving = self._next
        self._next += 1
        self._waiting += 1
        self._segments[number] = _Segment()
        self._items.append(SegmentStart(number, {}))
        self._counters.segments += 1
        return number

    def _on_segment_end(self, now: float) -> None:
        if self._end_at < inf:
            self._end_segment()
        if self.binding.separate_media and self.settings.reorder:
            self._end_at = now + self.settings.reorder
        else:
            self._end_segment()

    def _end_segment(self) -> None:
        """The segment that is being received has ended; without audio it is an empty one, which has an ack too."""
        self._end_at = inf
        self._drop_half()
        number = self._receiving
        if number is None:
            number = self._begin()
            self._counters.empty_segments += 1
        self._receiving = None
        segment = self._segments.get(number)
        if segment is None:  # its end was reported before it came
            self._waiting -= 1
        else:
            self._items.append(SegmentEnd(number, segment.received))

    def _drop_half(self) -> None:
        self._counters.odd += len(self._half)
        self._half = b""

    # -- interrupt -----------------------------------------------------------------------------------------

    def _on_interrupt(self, now: float) -> None:
        """Drop everything, and discard what comes until the cooldown has passed: old and new look the same."""
        self._discard_until = now + self.limits.cooldown
        self._counters.interrupts += 1
        told = {n: s for n, s in self._segments.items() if not s.cut and (s.consumed or s.handed_out)}
        unheard = [n for n, s in self._segments.items() if not s.cut and n not in told]
        for number in unheard:
            del self._segments[number]
        self._drop()
        if not told:
            # Nothing was playing. A deployed peer may stay silent here; an ack at once is what the sender can use.
            self._send_ack(0, interrupted=True)
            return
        for at, segment in enumerate(told.values()):
            segment.cut = True
            segment.silent = at > 0
        self._tell(Interrupted(tuple(told), tuple(segment.consumed for segment in told.values())))

    def _tell(self, interrupted: Interrupted) -> None:
        self._interrupted.append(interrupted)
        self._events.append(ConsumerReset(interrupted=interrupted))

    def _drop(self) -> None:
        """Drop all that was not handed out."""
        self._items.clear()
        self._held = self._charged = self._waiting = 0
        self._receiving = None
        self._end_at = inf
        self._drop_half()

    def _send_ack(self, position: int, *, interrupted: bool) -> None:
        message = encode_stream_ended(self.format.seconds(position), interrupted=interrupted)
        self._outgoing.append((Channel.CONTROL, message))

    # -- the consumer --------------------------------------------------------------------------------------

    def read(self, now: float) -> Item | None:
        """Hand out what is next for the consumer; None when nothing is."""
        if self._interrupted:
            return self._interrupted.popleft()
        if now >= self._end_at:
            self._end_segment()
        while self._items:
            item = self._items.popleft()
            segment = self._segments.get(item.segment)
            if isinstance(item, Audio):
                self._held -= item.samples
                self._charged -= max(item.samples, self._least)
            elif isinstance(item, SegmentEnd):
                self._waiting -= 1
            if segment is None:
                continue  # its end was reported before
            if isinstance(item, Audio):
                segment.consumed = item.end
            elif isinstance(item, SegmentEnd):
                segment.handed_out = True
            return item
        return None

    def readable(self, now: float) -> bool:
        """Whether ``read`` would hand something out."""
        return bool(self._interrupted) or bool(self._items) or now >= self._end_at

    def stream_started(self, segment: int, now: float, clock: float | None = None) -> bool:  # noqa: ARG002
        """The first sample of a segment is heard; version 0 has no word for it, so nothing is sent. False.

        Raises:
            LocalProtocolError: no such segment.
        """
        self._known(segment)
        return False

    def played(self, segment: int, position: int, now: float) -> bool:  # noqa: ARG002
        """A segment has been heard up to there; kept for its ack. False: not news, or the segment is over.

        Raises:
            LocalProtocolError: no such segment, or a position beyond what was handed out.
        """
        known = self._known(segment)
        if known is None:
            return False
        position = _checked_position(segment, known, position)
        news = position > known.played
        known.played = max(known.played, position)
        return news

    def stream_ended(
        self,
        segment: int,
        now: float,  # noqa: ARG002
        *,
        position: int | None,
        interrupted: bool = False,
        failed: bool = False,
    ) -> bool:
        """Playback of a segment has ended, or was given up. False: it is over already, or the session is.

        An unknown ``position`` goes out as the last one reported as played, or as the whole of a segment that was
        played to its end. Of several segments that one interrupt cut, only the first has an ack.

        Raises:
            LocalProtocolError: no such segment, or a position beyond what was handed out.
        """
        known = self._known(segment)
        if known is None:
            return False
        stopped = known.cut or interrupted or failed or not known.handed_out
        if position is not None:
            position = max(_checked_position(segment, known, position), known.played)
        else:
            position = known.played if stopped else known.received
        whole = known.handed_out and not failed and position == known.received
        del self._segments[segment]
        if not known.silent:
            self._send_ack(position, interrupted=stopped and not whole)
        return True

    def reset_done(self, now: float) -> None:
        """The consumer has reset. The cooldown goes on all the same: it is there for audio that is still on its way."""

    def send_custom(self, content: dict[str, Any], now: float) -> None:  # noqa: ARG002
        """Version 0 has no custom messages.

        Raises:
            LocalProtocolError: always.
        """
        raise LocalProtocolError(CloseCode.OUT_OF_STATE, "version 0 has no custom messages")

    def is_over(self, number: int) -> bool:
        """Whether a segment is over, or the session is.

        Raises:
            LocalProtocolError: no such segment.
        """
        return self._known(number) is None

    def _known(self, number: int) -> _Segment | None:
        if self.closed:
            return None
        if not 1 <= number < self._next:
            raise LocalProtocolError(CloseCode.INVALID_SEGMENT, f"there is no segment {number}")
        return self._segments.get(number)

    @property
    def flowing(self) -> bool:
        """Whether nothing overtakes samples: no interrupt or close."""
        return not self._interrupted and self.closed is None

    @property
    def held(self) -> int:
        """How many samples per channel wait for the consumer."""
        return self._held

    @property
    def counters(self) -> ReceiverCounters0:
        """The counts up to now; the same object each time."""
        self._counters.live_segments = len(self._segments)
        self._counters.held_samples = self._held
        return self._counters

    # -- time and the end ----------------------------------------------------------------------------------

    def next_deadline(self) -> float:
        """When ``expire`` is to be called."""
        return self._end_at

    def expire(self, now: float) -> None:
        """Do what is due at ``now``."""
        if now >= self._end_at:
            try:
                self._end_segment()
            except RemoteProtocolError as error:
                self._fail(error, now)

    def _finish(self, close: Close, now: float) -> None:
        """Close from this side; version 0 has no word for it."""
        self._end(close, now)

    def _on_ended(self, close: Close, now: float) -> None:  # noqa: ARG002
        """Hand out nothing more, and tell the consumer to stop (LW-CLOSE-3)."""
        playing = {n: s for n, s in self._segments.items() if s.consumed or s.handed_out}
        self._drop()
        self._segments.clear()
        self._interrupted.clear()
        if playing:
            self._tell(Interrupted(tuple(playing), tuple(s.consumed for s in playing.values()), by_close=True))


def _checked_position(number: int, segment: _Segment, position: int) -> int:
    position = index(position)
    if not 0 <= position <= segment.consumed:
        raise LocalProtocolError(
            CloseCode.INVALID_POSITION,
            f"position {position} of segment {number}, of which {segment.consumed} samples were handed out",
        )
    return position
