"""The receiving state machine of version 1: what an avatar's side has to do, without I/O.

The verbs are those of :mod:`.connection`; ``open`` and ``resume`` take the hello that a transport began with (read by
:func:`read_hello`), :meth:`ReceiverConnection.read` hands out what is next for the consumer, and the consumer says how
playback goes.
"""

from __future__ import annotations

from math import inf
from operator import index
from typing import Any, Final

import msgpack

from . import messages as m
from .channels import Binding, Channel
from .codec import encode
from .errors import Close, CloseCode, LocalProtocolError, RemoteProtocolError
from .events import ConsumerReset, SessionOpened
from .incoming import Incoming, IncomingSegment
from .items import Audio, Interrupted, Item, Paused, Unpaused
from .limits import REPEAT, parse_message_limit
from .liveness import microseconds
from .messages import VERSION, Hello
from .numbered import NumberedControl
from .receiver_handshake import Choice, ReceiverSettings, check_resume, choose, read_hello
from .receiver_reports import ReceiverCounters
from .receiver_segments import SegmentReceiver
from .registry import IGNORABLE, Feature
from .states import SegmentState, SessionInput, SessionState

__all__ = ["ReceiverConnection", "ReceiverCounters", "ReceiverSettings", "read_hello"]

_SECRET_BYTES: Final = range(16, 65)


class ReceiverConnection(SegmentReceiver):
    """One session at its receiver, over however many transports it takes.

    Messages are taken to come from the transport of the last ``open`` or ``resume``: the shell drops what still comes
    on an older one (LW-RESUME-11), closes that with ``superseded`` (LW-RESUME-5), and checks ``auth`` (LW-OPEN-5).
    """

    def __init__(self, settings: ReceiverSettings) -> None:
        super().__init__(settings.limits)
        self.settings = settings
        self._choice: Choice | None = None
        self._hello: Hello | None = None
        self._welcome = b""
        self._heard = False
        self._secrets: list[bytes] = []
        """Those that a resume may use: one, or more while the newest may not have arrived (LW-RESUME-3)."""

    # -- opening -------------------------------------------------------------------------------------------

    @property
    def session_known_unconfirmed(self) -> bool:
        """Whether nothing has come from the sender since the first welcome: its hello may come anew (LW-RESUME-6)."""
        return self._hello is not None and self.closed is None and not self._heard

    def open(self, hello: Hello, binding: Binding, secret: bytes, now: float) -> None:
        """Open a fresh session for this hello, or anew in the place of a first hello (LW-RESUME-6).

        Raises:
            RemoteProtocolError: it is refused; nothing was changed.
        """
        _check_secret(secret)
        fresh = self.state is SessionState.IDLE
        if self.closed or (fresh and hello.resume) or (not fresh and hello.session != self.session):  # LW-RESUME-4
            raise RemoteProtocolError(CloseCode.UNKNOWN_SESSION, "no such session is known here")
        replaces = self.session_known_unconfirmed and hello.generation >= self.generation
        if not fresh and (hello.resume or not replaces):
            raise RemoteProtocolError(CloseCode.RESUME_REFUSED, "the session exists, and is in use")
        choice = choose(hello, binding, self.settings)
        limits = self.limits.as_welcome_field(choice.format) | {"segments": choice.segments}
        secret_field = secret if Feature.RESUME in choice.features else None
        welcome = self._encode_welcome(hello, binding, choice, limits, secret_field, None)
        if Feature.RESUME not in self.features & choice.features:
            self.numbered = NumberedControl()
        resent = self.numbered.attach(reliable=binding.control_reliable, peer_taken=None if fresh else 0)

        self.session = hello.session
        self.features = choice.features
        self._choice = choice
        self._resume_time = self.limits.resume
        self._secrets = [secret]
        self._frame = choice.format.frame_bytes
        self._most_segments = choice.segments
        window = limits["window"]
        self._quarter = max(1, window // 4)
        self._incoming = Incoming(choice.format, window=window, repair=Feature.REPAIR in choice.features)
        self.liveness.keepalive = self.limits.keepalive
        self._bind(hello, binding, welcome, now)
        for data in resent:
            self._outgoing.append((Channel.CONTROL, data))
        self.numbered.arm(now)
        if self.settings.grease:  # LW-GREASE-1
            kind = IGNORABLE[self.session[0] % len(IGNORABLE)]
            self._outgoing.append((Channel.CONTROL, msgpack.packb([kind, "grease", [None, -1, 0.5, {}]])))
        self._announce(hello, choice, limits, resumed=False)

    def resume(self, hello: Hello, binding: Binding, secret: bytes, now: float) -> None:
        """Go on with the session on a new transport; one that is in use is superseded (LW-RESUME-5).

        Raises:
            RemoteProtocolError: it is refused; the session is as it was.
        """
        _check_secret(secret)
        choice = self._choice
        if self.closed or choice is None or hello.session != self.session:  # LW-RESUME-4
            raise RemoteProtocolError(CloseCode.UNKNOWN_SESSION, "no such session is known here")
        held = check_resume(
            hello,
            binding,
            generation=self.generation,
            chosen=choice,
            secrets=self._secrets,
            room_key=self.settings.room_key,
        )
        assert hello.resume is not None
        limits = self.limits.as_welcome_field(choice.format) | {"segments": choice.segments}
        live = self._incoming.live.values()
        rows = [[one.id, one.audio.received, one.audio.consumed, one.played] for one in live]
        welcome = self._encode_welcome(hello, binding, choice, limits, secret, [self.numbered.taken, rows])
        resent = self.numbered.attach(reliable=binding.control_reliable, peer_taken=hello.resume[1])  # LW-RESUME-10

        # The newest, the one before, and the one that the sender has shown to hold: it may get no further welcome.
        self._secrets = list(dict.fromkeys((secret, self._secrets[0], held)))
        self._bind(hello, binding, welcome, now)
        for data in resent:  # LW-RESUME-8
            self._outgoing.append((Channel.CONTROL, data))
        self.numbered.arm(now)
        round_trip = self.liveness.round_trip
        for segment in self._incoming.receiving.values():
            audio = segment.audio
            if audio.known > audio.received and self._incoming.repair:
                # The sender sends it again by itself (LW-RESUME-9): give that the time.
                self._nacks.found(segment, audio.received, audio.known, now + round_trip, round_trip)
        if live and not binding.media_reliable:
            self._repeat_at = now + REPEAT
            for segment in live:
                segment.reported = True  # by welcome
        self._watch_hunger(now)
        self._announce(hello, choice, limits, resumed=True)

    def _encode_welcome(
        self,
        hello: Hello,
        binding: Binding,
        choice: Choice,
        limits: dict[str, int],
        secret: bytes | None,
        state: list[Any] | None,
    ) -> bytes:
        welcome = m.Welcome(
            VERSION,
            hello.session,
            hello.generation,
            choice.format.as_field(),
            sorted(feature.value for feature in choice.features),
            limits,
            secret,
            state,
            dict(self.settings.info) or None,
        )
        data = encode(welcome)
        if len(data) > min(parse_message_limit(hello.limits), binding.max_message):
            # LW-BINDING-4: info is all that can be left out
            data = encode(welcome._replace(info=None))
        return data

    def _bind(self, hello: Hello, binding: Binding, welcome: bytes, now: float) -> None:
        """Take a transport into use, in the place of one that still is (LW-RESUME-5), and send welcome first."""
        if self.state is SessionState.OPEN:
            self._outgoing.clear()
            self._change(SessionInput.DETACH)
        self._quiet()
        self._change(SessionInput.ATTACH)
        self.binding = binding
        self.generation = hello.generation
        self._peer_message_limit = parse_message_limit(hello.limits)
        self._hello, self._welcome = hello, welcome
        self._most_taken = -1
        self._outgoing.append((Channel.CONTROL, welcome))
        self._opened(now)
        self._update()

    def _announce(self, hello: Hello, choice: Choice, limits: dict[str, int], *, resumed: bool) -> None:
        self._events.append(
            SessionOpened(
                session=self.session,
                generation=self.generation,
                format=choice.format,
                features=choice.features,
                limits={
                    "window": limits["window"],
                    "message": self.limits.message,
                    "cooldown": self.limits.cooldown,
                    "resume": self.limits.resume,
                    "keepalive": self.limits.keepalive,
                    "segments": choice.segments,
                },
                resumed=resumed,
                info=hello.info or {},
            )
        )

    def _on_hello(self, message: Hello, now: float) -> None:  # noqa: ARG002
        if message != self._hello:  # LW-OPEN-9
            raise RemoteProtocolError(CloseCode.OUT_OF_STATE, "another hello on a transport that is open")
        self._outgoing.append((Channel.CONTROL, self._welcome))

    def _confirm(self) -> None:
        """Something other than hello has come: the newest secret has arrived (LW-RESUME-3)."""
        self._most_taken = self.limits.message
        self._heard = True
        del self._secrets[1:]

    # -- the consumer --------------------------------------------------------------------------------------

    def read(self, now: float) -> Item | None:
        """Hand out what is next for the consumer; None when nothing is.

        Of a session that was closed only an ``Interrupted`` is left, when something of it was with the consumer.
        """
        if self.flowing:
            incoming = self._incoming
            segment = incoming.head
            if segment is not None and segment.announced and not segment.timed:
                audio = segment.audio
                if audio.ready:
                    item = audio.ready.popleft()
                    samples = len(item.pcm) // self._frame
                    audio.consumed += samples
                    incoming.credit -= samples
                    self._consumed_since += samples
                    self._hungry = False
                    if not segment.dirty or self._consumed_since >= self._quarter:
                        self._touch(segment, now)
                    return item
                if segment.total is None and audio.received == audio.known:  # what is to come is on its way
                    self._hungry = True
                    return None
        self.stirred = True
        return self._read_other(now)

    def _read_other(self, now: float) -> Item | None:
        """Hand out anything but samples that just follow."""
        if self._interrupted:
            interrupted = self._interrupted.popleft()
            self._update()
            return interrupted
        if self.closed:
            return None  # LW-CLOSE-3
        if self._paused_told is not self.paused:
            self._paused_told = self.paused
            self._update()
            return Paused() if self.paused else Unpaused()
        if self._cooldown_until and now >= self._cooldown_until:
            self._end_cooldown(now)
        if self.paused or self._cooldown_until:  # LW-PAUSE-1, LW-COOLDOWN-1
            self._hungry = True
            return None
        segment = self._incoming.head
        item = self._incoming.next_item()
        self._hungry = item is None
        if item is None:
            self._watch_hunger(now)
        elif type(item) is Audio:
            assert segment is not None
            self._consumed_since += segment.audio.consumed - item.position
            self._touch(segment, now)
        elif not self.flowing:
            self._update()
        return item

    def readable(self, now: float) -> bool:
        """Whether ``read`` would hand something out."""
        if self.flowing:
            return self._incoming.has_next()
        if self._interrupted:
            return True
        if self.closed:
            return False
        if self._paused_told is not self.paused:
            return True
        return not self.paused and now >= self._cooldown_until and self._incoming.has_next()

    def stream_started(self, segment: int, now: float, clock: float | None = None) -> bool:
        """The first sample of a segment is heard, at ``clock`` (seconds, by the same clock as ``now``; now unless set).

        False: that was said before, or the segment is over.

        Raises:
            LocalProtocolError: no such segment, or nothing of it was handed out.
        """
        known = self._known(segment)
        if known is None or known.stream_started:
            return False
        if not known.audio.consumed:
            raise LocalProtocolError(CloseCode.INVALID_POSITION, f"no sample of segment {segment} was handed out")
        known.stream_started = True
        self._send(m.StreamStarted(segment, microseconds(now if clock is None else max(0.0, clock))), now)
        return True

    def played(self, segment: int, position: int, now: float) -> bool:
        """A segment has been heard up to there. False: not news, or the segment is over.

        Raises:
            LocalProtocolError: no such segment, or a position beyond what was handed out.
        """
        known = self._known(segment)
        if known is None:
            return False
        position = _checked_position(known, position)
        if known.played is not None and position <= known.played:
            return False  # LW-PROGRESS-2
        known.played = position
        self._touch(known, now)
        self._reach_marks(known, inf if position == known.total else position, now)
        return True

    def stream_ended(
        self, segment: int, now: float, *, position: int | None, interrupted: bool = False, failed: bool = False
    ) -> bool:
        """Playback of a segment has ended, or was given up; ``position``: heard up to there, None when not known.

        ``interrupted`` and ``failed`` say why it ended before its end; whether it had been cut is known here.
        False: it is over already, or the session is.

        Raises:
            LocalProtocolError: no such segment, or a position beyond what was handed out.
        """
        known = self._known(segment)
        if known is None:
            return False
        cut = known.state is SegmentState.CUT
        if position is not None:
            position = max(_checked_position(known, position), known.played or 0)
        elif known.state is SegmentState.HANDED_OUT and not (interrupted or failed):
            position = known.total  # LW-STREAM-3: it has ended, and nothing says before its end
        to_end = position is not None and position == known.total and not failed
        cause = (
            m.EndCause.PLAYED if to_end else m.EndCause.INTERRUPTED if cut and not failed else m.EndCause.FAILED
        )  # LW-STREAM-4
        if cause == m.EndCause.PLAYED:
            self._reach_marks(known, inf, now)  # LW-MARK-1
        elif position is not None:
            self._reach_marks(known, position, now)
        if not self.closed:
            self._finish_segment(known, position, interrupted=cut and not to_end, cause=cause, now=now)
        return True

    def reset_done(self, now: float) -> None:
        """The consumer has reset: later segments need not wait for the rest of the cooldown (LW-COOLDOWN-1)."""
        if self._cooldown_until:
            self._end_cooldown(now)

    def is_over(self, segment: int) -> bool:
        """Whether a segment is over, or the session is.

        Raises:
            LocalProtocolError: no such segment.
        """
        return self._known(segment) is None

    def _known(self, segment: int) -> IncomingSegment | None:
        """Find a segment that is live; None when it is over, or the session is."""
        if self.closed:
            return None
        known = self._incoming.live.get(segment)
        if known is None and self._incoming.is_unknown(segment):
            raise LocalProtocolError(CloseCode.INVALID_SEGMENT, f"there is no segment {segment}")
        return known

    # -- hooks ---------------------------------------------------------------------------------------------

    def _on_ended(self, close: Close, now: float) -> None:  # noqa: ARG002
        """Hand out nothing more, and tell the consumer to stop (LW-CLOSE-3)."""
        live = self._incoming.live.values()
        playing = [one for one in live if one.with_consumer or one.state is SegmentState.CUT]
        self._interrupted.clear()
        if playing:
            interrupted = Interrupted(
                tuple(one.id for one in playing), tuple(one.audio.consumed for one in playing), by_close=True
            )
            self._interrupted.append(interrupted)
            self._events.append(ConsumerReset(interrupted=interrupted))
        self._quiet()
        self._incoming.clear()
        self._cooldown_until = 0.0
        self._resetting.clear()
        self._owed.clear()
        self._hungry = False
        self._secrets.clear()
        self._update()


def _checked_position(segment: IncomingSegment, position: int) -> int:
    position = index(position)
    if not 0 <= position <= segment.audio.consumed:
        raise LocalProtocolError(
            CloseCode.INVALID_POSITION,
            f"position {position} of segment {segment.id}, of which {segment.audio.consumed} samples were handed out",
        )
    return position


def _check_secret(secret: bytes) -> None:
    if len(secret) not in _SECRET_BYTES:
        raise LocalProtocolError(CloseCode.INVALID_FIELD, "a secret has 16 to 64 bytes")
