"""What both state machines share: bytes in and out, the session's state, numbering, liveness, closing.

Four kinds of verb, and the clock (seconds, from any origin ≥ 0, never backwards) is an argument of each:

1. give it bytes that were received: :meth:`Connection.receive`;
2. give it a command: ``attach``, ``detach``, ``close`` and those of the subclass;
3. take the bytes to send: :meth:`Connection.take_outgoing`, after every other call;
4. take the events: :meth:`Connection.take_events`, after every other call;

and call :meth:`Connection.expire` when :meth:`Connection.next_deadline` has come. There is no I/O, task, sleep,
random number or clock inside.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, ClassVar, TypeVar, cast

from .channels import Binding, Channel, Wire
from .codec import decode, encode
from .errors import Close, CloseCode, LocalProtocolError, RemoteProtocolError, close_code
from .events import CustomReceived, Event, SessionEnded, TransportDropped
from .limits import BOUNDS, MAX_INT, Limits
from .liveness import Liveness
from .messages import (
    Acknowledge,
    CloseMessage,
    Custom,
    Hello,
    Interrupt,
    Message,
    Numbered,
    Ping,
    Pong,
    Welcome,
)
from .numbered import NumberedControl
from .registry import BY_MESSAGE, Feature, Role
from .states import ATTACHED, SESSION, SessionInput, SessionState

M = TypeVar("M", bound=Message)
Outgoing = tuple[Channel, Wire]

_OPEN = SessionState.OPEN
_CLOSED = SessionState.CLOSED
_CONTROL = Channel.CONTROL
CLOSE_COPIES = 4
_NO_BINDING = Binding(name="none", separate_media=False)
_MEDIA_ONLY = frozenset({Channel.MEDIA})
_LEGAL_IN_HANDSHAKE = (Hello, Welcome, CloseMessage)


class Connection:
    """The half of a session that is the same at both peers."""

    role: ClassVar[Role]
    version: ClassVar[int] = 1
    stirred = True
    """False when what was last received, or read, calls for no message, event or earlier deadline."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._peer_role = self.role.other
        self.state = SessionState.IDLE
        self.binding = _NO_BINDING
        self.session = b""
        self.generation = 0
        self.features: frozenset[Feature] = frozenset()
        self.liveness = Liveness()
        self.numbered = NumberedControl()
        self.closed: Close | None = None
        """How the session ended, once it has."""
        self._peer_message_limit = int(BOUNDS["message"].default)
        self._resume_time = 0.0
        self._resume_until = inf
        self._was_open = False
        self._outgoing: list[Outgoing] = []
        self._events: list[Event] = []
        self._handlers: dict[type, Callable[[Any, float], None]] = {
            CloseMessage: self._on_close,
            Ping: self._on_ping,
            Pong: self._on_pong,
            Numbered: self._on_numbered,
            Acknowledge: self._on_acknowledge,
            Custom: self._on_custom,
        }

    # -- verbs ---------------------------------------------------------------------------------------------

    def receive(self, channel: Channel, data: Wire, now: float) -> None:  # noqa: ARG002 - LW-WIRE-13
        """Take one message from the transport. Never raises for what it holds: a broken rule closes the session."""
        self.stirred = True
        if self.state not in ATTACHED:
            return  # closed (LW-CLOSE-1), or from a transport that was given up (LW-RESUME-11)
        try:
            message = decode(data, self.limits.message)
            self.liveness.heard_at = now
            if message is not None:
                self._dispatch(message, now)
        except RemoteProtocolError as error:
            self._fail(error, now)

    def take_outgoing(self, now: float) -> list[Outgoing]:  # noqa: ARG002 - the sender cuts chunks here
        """Take what is to be sent, in order, each with its channel. To be called after every other verb."""
        out, self._outgoing = self._outgoing, []
        return out

    def take_events(self) -> list[Event]:
        """Take the events since the last call, in order."""
        events, self._events = self._events, []
        return events

    def next_deadline(self) -> float:
        """When ``expire`` is to be called, by the same clock as ``now``; infinity when nothing is due."""
        if self.state is _OPEN:
            return min(self.liveness.deadline, self.numbered.deadline)
        return self._resume_until

    def expire(self, now: float) -> None:
        """Do what is due at ``now``. Calling it early is harmless."""
        if self.state is _OPEN:
            if self.liveness.is_silent(now):
                self._drop_transport("nothing has come from the peer for three keepalive times", now)
                return
            ping = self.liveness.due_ping(now)
            if ping is not None:
                self._send(ping, now)
            for data in self.numbered.due(now):
                self._outgoing.append((_CONTROL, data))
        elif now >= self._resume_until:
            self._end(Close(code=CloseCode.PEER_GONE, reason="no transport in time", by_peer=None), now)

    def detach(self, now: float) -> None:
        """The transport is gone, in whatever way. The session waits to be resumed if it can be (SPEC §15)."""
        if self.state not in ATTACHED:
            return
        self._outgoing.clear()
        self.liveness.detach()
        self._change(SessionInput.DETACH)
        if self.state is SessionState.LOST:
            if Feature.RESUME not in self.features or self._resume_time == 0:  # LW-RESUME-12
                self._end(Close(code=CloseCode.PEER_GONE, reason="the transport was lost", by_peer=None), now)
            elif self._resume_until == inf:
                self._resume_until = now + self._resume_time

    def close(
        self, now: float, code: CloseCode = CloseCode.NORMAL, reason: str = "", retry: float | None = None
    ) -> None:
        """Close the session for both peers, in whatever state (SPEC §16). ``retry`` in seconds."""
        if self.state is _CLOSED:
            return
        retry_ms = None if retry is None else round(retry * 1_000)
        self._finish(Close(code=code, reason=reason, by_peer=False, retry_ms=retry_ms), now)

    def abandon(self, close: Close, now: float) -> None:
        """End the session without a word to the peer: there is no way to reach it."""
        if self.state is not _CLOSED:
            self._end(close, now)

    def send_custom(self, content: dict[str, Any], now: float) -> None:
        """Send a custom message (feature ``custom``).

        Raises:
            LocalProtocolError: the session is not open or lost, or the peer did not choose the feature, or the
                content is not what the peer may be sent, or too much waits for the peer's acknowledgement.
        """
        self._need(Feature.CUSTOM)
        message = Custom(content)
        message = self._checked(message)
        if not self._has_room(message):
            raise LocalProtocolError(
                CloseCode.LIMIT_EXCEEDED, "too many messages wait for the peer to acknowledge them: try again later"
            )
        self._send(message, now)

    # -- for subclasses ------------------------------------------------------------------------------------

    def _on_ended(self, close: Close, now: float) -> None:
        """The session has just ended: a subclass ends its segments."""
        raise NotImplementedError

    def _change(self, cause: SessionInput) -> None:
        try:
            self.state = SESSION[self.state, cause]
        except KeyError:
            raise LocalProtocolError(
                CloseCode.OUT_OF_STATE, f"a session that is {self.state.value} can not {cause.value}"
            ) from None

    def _need(self, feature: Feature) -> None:
        if not self._was_open or self.closed:
            raise LocalProtocolError(CloseCode.OUT_OF_STATE, f"the session is {self.state.value}, not open")
        if feature not in self.features:
            raise LocalProtocolError(CloseCode.OUT_OF_STATE, f"the peer does not support {feature.value!r}")

    def _opened(self, now: float) -> None:
        """Welcome has passed: the transport is in use."""
        self._change(SessionInput.WELCOME)
        self._was_open = True
        self._resume_until = inf
        self.liveness.attach(now)

    @property
    def _most_in_message(self) -> int:
        """Bytes that a message may have (LW-BINDING-4)."""
        return min(self._peer_message_limit, self.binding.max_message)

    def _fits(self, message: Message) -> bool:
        """Whether a message can be sent whole, numbered or not."""
        return len(encode(Numbered(MAX_INT, MAX_INT, message))) <= self._most_in_message

    def _has_room(self, message: Message) -> bool:
        """Whether a message that can wait may be sent now (LW-CONTROL-5)."""
        return Feature.RESUME not in self.features or self.numbered.has_room(len(encode(message)))

    def _checked(self, message: M) -> M:
        """Hold a message of the user's against what the peer will hold it against.

        Gives a copy: what the user changes later in a map does not reach it.

        Raises:
            LocalProtocolError: with the code with which the peer would close.
        """
        try:
            copy = decode(encode(Numbered(MAX_INT, MAX_INT, message)), self._most_in_message)
        except RemoteProtocolError as error:
            raise LocalProtocolError(error.code, str(error)) from None
        assert isinstance(copy, Numbered)
        return cast(M, copy.message)

    def _send(self, message: Message, now: float) -> None:
        """Send a control message; one that is numbered is kept over a lost transport (SPEC §14)."""
        if self.state is _CLOSED:
            return
        if BY_MESSAGE[type(message)].numbered and Feature.RESUME in self.features:
            try:
                data = self.numbered.number(message, now, self.liveness.round_trip)
            except LocalProtocolError as error:
                if error.code is not CloseCode.LIMIT_EXCEEDED:
                    raise
                self._finish(Close(code=error.code, reason=str(error)), now)  # LW-CONTROL-5
                return
        else:
            data = encode(message)
        if self.state is _OPEN:
            self._outgoing.append((_CONTROL, data))

    def _send_media(self, message: Message) -> None:
        """Send a message that may be lost: it comes again, or a newer one does."""
        if self.state is SessionState.OPEN:
            self._outgoing.append((Channel.MEDIA, encode(message)))

    def _fail(self, error: RemoteProtocolError, now: float) -> None:
        """The peer broke a rule: say so and close (LW-CLOSE-6)."""
        close = Close(
            code=error.code,
            reason=str(error),
            by_peer=False,
            retry_ms=error.retry,
            details=error.details or {},
        )
        self._finish(close, now)

    def _finish(self, close: Close, now: float) -> None:
        """Close from this side: tell the peer, as far as there is a transport."""
        if self.state in ATTACHED:
            self._outgoing.clear()
            self._outgoing += unrepeated(encode_close(close), self.binding)
        self._end(close, now)

    def _end(self, close: Close, now: float) -> None:
        self._change(SessionInput.CLOSE)
        self.closed = close
        self.liveness.detach()
        self._resume_until = inf
        self._events.append(SessionEnded(close=close, opened=self._was_open))
        self._on_ended(close, now)

    def _drop_transport(self, reason: str, now: float) -> None:
        self._events.append(TransportDropped(reason=reason))
        self.detach(now)

    # -- messages ------------------------------------------------------------------------------------------

    def _dispatch(self, message: Message, now: float) -> None:
        """Hold a message against the registry (LW-REGISTRY-2), and act on it."""
        kind = type(message)
        entry = BY_MESSAGE[kind]
        if self.state is not _OPEN:  # opening
            legal = kind in _LEGAL_IN_HANDSHAKE
            overtaking = entry.channels == _MEDIA_ONLY and self.role.other in entry.sent_by
            if not legal and (overtaking or not self.binding.control_reliable):
                return  # the welcome before it is late (LW-OPEN-13), or was lost and comes again (LW-OPEN-8)
        else:
            legal = entry.feature is None or entry.feature in self.features
            if entry.numbered and Feature.RESUME in self.features and kind is not Interrupt:
                legal = False  # bare, where it has to be numbered
        if not legal or self._peer_role not in entry.sent_by:
            raise RemoteProtocolError(
                CloseCode.OUT_OF_STATE, f"{entry.name} is not legal here from a {self.role.other.value}"
            )
        self._handlers[kind](message, now)

    def _on_close(self, message: CloseMessage, now: float) -> None:
        code = close_code(message.code)
        self._outgoing.clear()
        self._end(
            Close(
                code=code,
                reason=message.reason,
                by_peer=True,
                retry_ms=message.retry,
                details=message.details or {},
            ),
            now,
        )

    def _on_ping(self, message: Ping, now: float) -> None:
        pong = self.liveness.answer(message, now)
        if pong is not None:
            self._send(pong, now)

    def _on_pong(self, message: Pong, now: float) -> None:
        self.liveness.take(message, now)

    def _on_numbered(self, message: Numbered, now: float) -> None:
        for inner in self.numbered.take(message, now):
            entry = BY_MESSAGE[type(inner)]
            if self.role.other not in entry.sent_by or (entry.feature and entry.feature not in self.features):
                raise RemoteProtocolError(
                    CloseCode.OUT_OF_STATE, f"{entry.name} is not legal here from a {self.role.other.value}"
                )
            self._handlers[type(inner)](inner, now)
            if self.state is _CLOSED:
                return

    def _on_acknowledge(self, message: Acknowledge, now: float) -> None:  # noqa: ARG002
        self.numbered.acknowledged(message.taken)

    def _on_custom(self, message: Custom, now: float) -> None:  # noqa: ARG002
        self._events.append(CustomReceived(content=message.content))


def unrepeated(data: bytes, binding: Binding) -> list[Outgoing]:
    """Make what is to be sent of a message that nothing sends again: copies, where control can lose (LW-CLOSE-8)."""
    return [(_CONTROL, data)] * (1 if binding.control_reliable else CLOSE_COPIES)


def encode_close(close: Close) -> bytes:
    """Encode a close message; a reason that is too long is cut short."""
    reason = close.reason.encode(errors="replace")[:1_024].decode(errors="ignore")
    return encode(CloseMessage(int(close.code), reason, close.retry_ms, dict(close.details) or None))


def encode_refusal(error: RemoteProtocolError) -> bytes:
    """Encode the close that refuses a hello, for a transport that has no session."""
    return encode_close(Close(code=error.code, reason=str(error), retry_ms=error.retry, details=error.details or {}))
