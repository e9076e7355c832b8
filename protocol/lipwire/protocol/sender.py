"""The sending state machine of version 1: the agent's side of a session, without I/O.

The verbs are those of :mod:`lipwire.protocol.connection`. Audio waits here, not in the transport: ``take_outgoing``
cuts chunks from what was written, as far as credit (SPEC §9) and the flight bound allow, so it is to be called after
every other verb.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

from .channels import Binding, Channel
from .codec import encode
from .connection import Outgoing, encode_close, unrepeated
from .errors import Close, CloseCode, LocalProtocolError, RemoteProtocolError, close_code
from .events import (
    Cause,
    SessionOpened,
    TransportDropped,
    cause_of,
)
from .fields import content_size
from .flight import Flight
from .limits import (
    DATA,
    HELD_CONTENT,
    HELLO_REPEAT,
    MARKS,
    MAX_SEGMENT,
    parse_welcome_limits,
)
from .messages import (
    CloseMessage,
    Data,
    Interrupt,
    Mark,
    SegmentStart,
    Welcome,
)
from .outgoing import OutgoingSegment
from .registry import Feature, required_features
from .sender_handshake import SenderSettings, check_state, check_welcome, credentials, make_hello
from .sender_reports import SenderReports
from .states import HANDSHAKE, SegmentState, SessionInput, SessionState


class SenderConnection(SenderReports):
    """One session as its sender sees it.

    ``session``: 16 random bytes; ``now``: seconds. The first session has to be opened within ``connect_time``.
    """

    def __init__(self, settings: SenderSettings, session: bytes, now: float) -> None:
        super().__init__(settings, session)
        self.unsaid = False
        """This side has closed while there was no transport to say so on."""
        self._secret: bytes | None = None
        self._welcome: Welcome | None = None
        self._hello = b""
        self._hello_at = inf
        self._handshake_until = inf
        self._resume_until = now + settings.connect_time
        self._handlers[Welcome] = self._on_welcome

    # -- commands: the transport ---------------------------------------------------------------------------

    def attach(self, binding: Binding, now: float) -> None:
        """A transport is there: greet the peer on it (SPEC §7), or resume (SPEC §15).

        Raises:
            LocalProtocolError: the session has a transport, or is closed; or a secret would have to be shown to others,
                since the settings have no ``room_key``.
        """
        hello = self._make_hello(binding, self._secret if self.state is SessionState.LOST else None)
        self._change(SessionInput.ATTACH)
        self.binding = binding
        self.generation += 1
        self._hello = hello
        self._outgoing[:] = [(Channel.CONTROL, self._hello)]
        self._hello_at = inf if binding.control_reliable else now + HELLO_REPEAT
        self._handshake_until = now + self.limits.handshake

    def close(
        self, now: float, code: CloseCode = CloseCode.NORMAL, reason: str = "", retry: float | None = None
    ) -> None:
        """Close the session for both peers, in whatever state (SPEC §16). ``retry`` in seconds."""
        lost = self.state is SessionState.LOST
        super().close(now, code, reason, retry)
        self.unsaid = lost

    def farewell(self, binding: Binding) -> list[Outgoing]:
        """Give what tells the peer, on a new transport, of a close that found no transport (LW-CLOSE-9).

        Raises:
            LocalProtocolError: a secret would have to be shown to others, since the settings have no ``room_key``.
        """
        assert self.closed is not None
        hello = self._make_hello(binding, self._secret)
        return unrepeated(hello, binding) + unrepeated(encode_close(self.closed), binding)

    def detach(self, now: float) -> None:
        """The transport is gone; the session waits for the next one (SPEC §15)."""
        self._hello_at = self._handshake_until = self._sent_at = self._pump_at = inf
        super().detach(now)
        self._arm_report(now)

    # -- commands: segments --------------------------------------------------------------------------------

    def open_segment(self, metadata: Mapping[str, Any] | None, now: float) -> int:
        """Begin a segment and give its id.

        Raises:
            LocalProtocolError: the segment before is still open, the session is closed, or the metadata is not what
                the peer may be sent.
        """
        if self.closed:
            raise LocalProtocolError(CloseCode.OUT_OF_STATE, "the session is closed")
        start = self._checked(SegmentStart(self._segments.next, metadata))
        segment = self._segments.open(start.metadata, self.format.frame_bytes)
        self._settle(now)
        return segment.number

    def write(self, number: int, pcm: bytes | memoryview, now: float) -> bool:
        """Write whole PCM frames to the open segment. False: it was cut, or is over; nothing was taken.

        Raises:
            LocalProtocolError: the segment is not the open one, or would become too long; the bytes are not whole
                frames; or several formats are offered, and the session was not opened.
        """
        segment = self._segments.writing
        if segment is None or segment.number != number:
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
        if not self._reported:
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
        one = None if segment is None else self._segments.get(segment)
        targets = list(self._segments.live()) if segment is None else [one] if one and one.live else []
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
            self._flight.cut(now)
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
        mark = self._checked(Mark(number, position, name))
        segment.marks.append(mark)
        self._send_in_segment(segment, mark, now)
        return True

    def data(self, number: int, position: int, content: Mapping[str, Any], now: float) -> bool:
        """Send side information that belongs at ``position``. False: the segment is cut or over.

        Raises:
            LocalProtocolError: no such segment, the peer does not support it, too much waits (LW-DATA-2, LW-DATA-3),
                or the position or content is not what the peer may be sent.
        """
        segment = self._control_target(number, Feature.DATA)
        if segment is None:
            return False
        if len(segment.data) >= DATA:
            raise LocalProtocolError(CloseCode.LIMIT_EXCEEDED, f"{DATA} data messages of segment {number} wait already")
        message = self._checked(Data(number, position, content))
        size = content_size(message.content)
        if self._segments.content_ahead() + size > HELD_CONTENT:
            raise LocalProtocolError(CloseCode.LIMIT_EXCEEDED, f"{HELD_CONTENT} bytes of data wait already")
        segment.hold_ahead(position, size)
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
            self._arm_report(now)
            self._tell_paused(now)

    def unpause(self, now: float) -> None:
        """Continue playout (feature ``pause``).

        Raises:
            LocalProtocolError: as :meth:`pause`.
        """
        self._need(Feature.PAUSE)
        if self.paused:
            self.paused = False
            self._tell_paused(now)
            self._arm_report(now)

    # -- time ----------------------------------------------------------------------------------------------

    def next_deadline(self) -> float:
        """When ``expire`` is to be called."""
        if self.state is SessionState.OPEN:
            return min(
                super().next_deadline(), self._interrupts.deadline, self._report_until, self._sent_at, self._pump_at
            )
        if self.state in HANDSHAKE:
            return min(super().next_deadline(), self._hello_at, self._handshake_until)
        return super().next_deadline()

    def expire(self, now: float) -> None:
        """Do what is due at ``now``."""
        super().expire(now)
        if self.state in HANDSHAKE:
            if now >= self._handshake_until:
                reason = "the peer did not answer hello in time"
                resuming = self.state is SessionState.REOPENING
                self._drop_transport(reason, now)
                if not resuming:  # LW-OPEN-7: the receiver may have resumed, and a close would end the session
                    close = Close(code=CloseCode.HANDSHAKE_TIMEOUT, reason=reason, retry_ms=0)
                    self._outgoing += unrepeated(encode_close(close), self.binding)
            elif now >= self._hello_at:
                self._outgoing.append((Channel.CONTROL, self._hello))
                self._hello_at = now + HELLO_REPEAT
        elif self.state is SessionState.OPEN:
            interrupts = self._interrupts.due(now, repeat=self._repeat_interrupts)
            for message in interrupts:
                self._send_bare(message)
            if interrupts:
                self._begin_again(now)
            if now >= self._sent_at:
                self._send_sent(now)
            if now >= self._report_until:
                if self._reported:
                    self._give_up_on_report(now)
                else:
                    self._report_until = inf

    # -- messages: opening ---------------------------------------------------------------------------------

    def _on_welcome(self, message: Welcome, now: float) -> None:
        if self.state not in HANDSHAKE:
            if message == self._welcome:
                return  # the answer to a repeated hello (LW-OPEN-12)
            raise RemoteProtocolError(CloseCode.OUT_OF_STATE, "welcome in an open session")
        resuming = self.state is SessionState.REOPENING
        required = required_features(self.binding)
        hello = make_hello(self.settings, self.session, self.generation, required)
        pcm = check_welcome(message, hello, self.binding, before=self._welcome if resuming else None)
        limits = parse_welcome_limits(message.limits, pcm)
        backlog: list[bytes] = []
        if resuming:
            assert message.state is not None
            check_state(message.state[1], self._segments, int(limits["segments"]))
            backlog = list(self.numbered.attach(reliable=self.binding.control_reliable, peer_taken=message.state[0]))
        else:
            self.numbered.attach(reliable=self.binding.control_reliable, peer_taken=None)
        self._welcome = message
        self.format = pcm
        for segment in self._segments:
            segment.frame_bytes = pcm.frame_bytes
        offered = self.settings.features | required
        self.features = frozenset(f for f in offered if f.value in message.features)
        self._repairs = Feature.REPAIR in self.features and not self.binding.media_reliable
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
        if resuming:
            self._resumed_at = now
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
            self._reported = ()  # the report timer was set without knowing the cooldown
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
        for segment in self._segments.started():
            if not segment.live:
                continue
            received, consumed, played = known.get(segment.number, (segment.received, segment.consumed, segment.played))
            self._segments.rewind(segment, received)
            if consumed > segment.consumed:
                segment.consume(consumed)
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

    # -- the end -------------------------------------------------------------------------------------------

    def _on_ended(self, close: Close, now: float) -> None:
        """End every segment, with the cause (LW-CLOSE-4)."""
        self._hello_at = self._handshake_until = self._sent_at = self._report_until = inf
        cause = cause_of(close, opened=self._was_open)
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

    def _make_hello(self, binding: Binding, secret: bytes | None) -> bytes:
        """The hello for the next transport; with a secret it resumes."""
        generation = self.generation + 1
        auth, credential = credentials(self.settings, binding, self.session, generation, secret)
        resume = None if credential is None else [credential, self.numbered.taken]
        hello = make_hello(self.settings, self.session, generation, required_features(binding))
        return encode(hello._replace(auth=auth, resume=resume))

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
