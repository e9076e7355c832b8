"""What a receiver does with a sender's messages. ``receiver.py`` adds what faces the consumer."""

from __future__ import annotations

from heapq import heappush
from math import inf

from . import messages as m
from .channels import Channel, Wire
from .codec import decode, decode_audio
from .errors import CloseCode, RemoteProtocolError
from .events import ConsumerReset, PauseChanged
from .fields import content_size
from .incoming import IncomingSegment
from .items import Audio, Data, Interrupted, Mark
from .limits import BOUNDS, DATA, EARLY_CUTS, HELD_CONTENT, MARKS, MAX_SEGMENT, REPEAT, Limits
from .messages import AudioMessage
from .reassembly import Reassembly
from .receiver_handshake import looks_like_hello
from .receiver_reports import Reporting
from .registry import Feature
from .states import SegmentInput, SegmentState, SessionState

_OPEN = SessionState.OPEN
_new = tuple.__new__


class SegmentReceiver(Reporting):
    """The half of a receiver that faces the wire."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self._most_taken = -1
        """The largest message that is taken without a second look; none before welcome is known to have arrived."""
        self._handlers |= {
            m.Hello: self._on_hello,
            m.SegmentStart: self._on_segment_start,
            m.SegmentEnd: self._on_segment_end,
            m.Sent: self._on_sent,
            m.Interrupt: self._on_interrupt,
            m.Pause: self._on_pause,
            m.Unpause: self._on_unpause,
            m.Mark: self._on_mark,
            m.Data: self._on_data,
        }

    # -- verbs ---------------------------------------------------------------------------------------------

    def receive(self, channel: Channel, data: Wire, now: float) -> None:  # noqa: ARG002 - LW-WIRE-13
        """Take one message from the transport. Never raises for what it holds: a broken rule closes the session."""
        if self.state is not _OPEN:
            return  # closed (LW-CLOSE-1), or from a transport that was given up (LW-RESUME-11)
        try:
            if len(data) <= self._most_taken:
                audio = decode_audio(data)
                if audio is not None:
                    self.liveness.heard_at = now
                    number, position, cut_through, pcm = audio
                    self._on_audio(number, position, cut_through, pcm, now)
                    return
            self.stirred = True
            message = self._decode(data)
            self.liveness.heard_at = now
            if type(message) is AudioMessage:
                self._on_audio(*message, now)
            elif message is not None:
                self._dispatch(message, now)
        except RemoteProtocolError as error:
            self.stirred = True
            if self.closed is None:
                self._fail(error, now)

    def _decode(self, data: Wire) -> m.Message | None:
        """Decode. What is not a hello shows that welcome has arrived."""
        limit = self.limits.message
        if len(data) > limit and looks_like_hello(data):  # only a hello may be larger (LW-WIRE-8)
            limit = max(limit, int(BOUNDS["message"].default))
        message = decode(data, limit)
        if self._most_taken < 0 and type(message) is not m.Hello:
            self._confirm()
        return message

    # -- audio ---------------------------------------------------------------------------------------------

    def _on_audio(self, number: int, position: int, cut_through: int, pcm: bytes, now: float) -> None:
        incoming, size = self._incoming, len(pcm)
        samples = size // self._frame
        if size % self._frame or cut_through >= number:  # LW-AUDIO-4
            raise RemoteProtocolError(
                CloseCode.INVALID_FIELD,
                f"audio of segment {number}: cut_through {cut_through}, and {size} bytes of {self._frame} a frame",
            )
        counters = self._counters
        counters.chunks += 1
        counters.bytes += size
        if cut_through > incoming.cut_through:
            self.stirred = True
            incoming.cut_through = cut_through
            # LW-AUDIO-3, and before the credit is counted (LW-CREDIT-3).
            self._end_unheard(self._cut(1, cut_through, now), now)
            if self.closed:
                return
        segment = incoming.receiving.get(number)
        if segment is None:
            self._on_audio_outside(AudioMessage(number, position, cut_through, pcm), now)
            return
        audio = segment.audio
        end = position + samples
        if end > audio.bound:  # LW-AUDIO-10, LW-AUDIO-11
            raise RemoteProtocolError(
                CloseCode.INVALID_POSITION, f"audio of segment {number} up to {end}, beyond its end at {audio.bound}"
            )
        if position != audio.received or position != audio.known:
            self._on_audio_apart(segment, AudioMessage(number, position, cut_through, pcm), end, now)
            return
        # The usual case: just what comes next, and nothing is missing.
        incoming.credit += samples
        if incoming.credit > incoming.window:
            raise self._window_exceeded(number)
        audio.received = audio.known = end
        # Audio(...), without the function that a NamedTuple's constructor is.
        audio.ready.append(_new(Audio, (number, position, pcm, audio.format, False)))
        segment.grew_at = now
        if not segment.dirty:
            self._touch(segment, now)

    def _on_audio_apart(self, segment: IncomingSegment, message: AudioMessage, end: int, now: float) -> None:
        """Take a chunk that is not just what comes next: repeated, out of order, or filling a gap."""
        self.stirred = True
        incoming, audio = self._incoming, segment.audio
        position = message.position
        if not incoming.repair and position > audio.received:  # LW-AUDIO-8
            raise RemoteProtocolError(
                CloseCode.INVALID_POSITION,
                f"audio of segment {segment.id} at {position}, and {audio.received} samples have come",
            )
        received, known, high = audio.received, audio.known, audio.high
        added = self._take(audio, message, end)
        if added and position < segment.nacked:
            self._counters.repaired_samples += added
            self._nacks.arrived(segment, position, end, now)
        if audio.high > high:
            segment.grew_at = now
        if audio.high > high or audio.received > received:
            self._touch(segment, now)
        if added and position > known:
            self._nacks.found(segment, known, position, now, self.liveness.round_trip)
        self._watch_hunger(now)

    def _on_audio_outside(self, message: AudioMessage, now: float) -> None:
        """Take a chunk of a segment that is not being received: early, cut or over."""
        self.stirred = True
        incoming, number = self._incoming, message.segment
        if not incoming.is_unknown(number):
            self._counters.late += 1  # LW-AUDIO-5
            return
        if not incoming.repair:  # LW-AUDIO-9
            raise RemoteProtocolError(CloseCode.INVALID_SEGMENT, f"audio of segment {number}, which was not started")
        end = message.position + len(message.pcm) // self._frame
        if end > MAX_SEGMENT:  # LW-AUDIO-11
            raise RemoteProtocolError(CloseCode.INVALID_POSITION, f"audio of segment {number} up to {end}")
        early = incoming.hold_early(number)
        if early is None:
            self._counters.refused += 1
            return
        high = early.high
        self._take(early, message, end)
        if early.high > high:
            early.came_at = now

    def _take(self, audio: Reassembly, message: AudioMessage, end: int) -> int | None:
        """Count a chunk against the window (LW-CREDIT-3), and take it."""
        incoming, high = self._incoming, audio.high
        if incoming.credit + end - high > incoming.window and end > high:
            raise self._window_exceeded(message.segment)
        added = audio.add(message.position, message.pcm)
        incoming.credit += audio.high - high
        if added is None:
            self._counters.refused += 1
        elif not added:
            self._counters.duplicates += 1
        return added

    def _window_exceeded(self, segment: int) -> RemoteProtocolError:
        return RemoteProtocolError(
            CloseCode.WINDOW_EXCEEDED,
            f"audio of segment {segment} is beyond the window of {self._incoming.window} samples",
        )

    # -- segments ------------------------------------------------------------------------------------------

    def _on_segment_start(self, message: m.SegmentStart, now: float) -> None:
        incoming, number = self._incoming, message.segment
        if number <= incoming.highest:  # LW-SEGMENT-2
            raise RemoteProtocolError(
                CloseCode.INVALID_SEGMENT, f"segment {number} is started after segment {incoming.highest}"
            )
        for other in reversed(incoming.receiving.values()):
            if other.state is SegmentState.STARTED:  # LW-SEGMENT-3
                raise RemoteProtocolError(
                    CloseCode.OUT_OF_STATE, f"segment {number} is started while segment {other.id} is not ended"
                )
            break  # only the newest can be
        if len(incoming.live) >= self._most_segments and not incoming.is_cut(number):  # LW-SEGMENT-4
            raise RemoteProtocolError(
                CloseCode.LIMIT_EXCEEDED, f"segment {number} is one more than {self._most_segments} live ones"
            )
        segment = incoming.start(number, message.metadata or {}, now)
        if segment is None:  # LW-INTERRUPT-5
            self._send(m.StreamEnded(number, 0, True, m.EndCause.INTERRUPTED), now)
            return
        self._counters.segments += 1
        if self._repeat_at == inf and not self.binding.media_reliable:
            self._repeat_at = now + REPEAT
        audio = segment.audio
        if audio.known:  # it came early
            self._touch(segment, now)
            self._nacks.found(segment, audio.received, audio.known, now, self.liveness.round_trip)

    def _on_segment_end(self, message: m.SegmentEnd, now: float) -> None:
        incoming, total = self._incoming, message.total
        segment = incoming.receiving.get(message.segment)
        if segment is None:
            incoming.gone(message.segment, "segment_end")  # LW-SEGMENT-8
            return
        audio = segment.audio
        if segment.total is not None:
            if total != segment.total:  # LW-SEGMENT-7
                raise self._bad_position(segment, f"ended at {segment.total} is ended at {total}")
            return
        if total < audio.known:  # LW-SEGMENT-7
            raise self._bad_position(segment, f"is ended at {total}, and {audio.known} samples were sent")
        if total > audio.received and not incoming.repair and Feature.RESUME not in self.features:  # LW-AUDIO-8
            raise self._bad_position(segment, f"is ended at {total}, and {audio.received} samples have come")
        self._learn_sent(segment, total, now)
        segment.total = audio.bound = total
        segment.change(SegmentInput.END)
        if segment.played == total:
            self._reach_marks(segment, inf, now)  # those beyond the total are at the total (LW-MARK-1)

    def _on_sent(self, message: m.Sent, now: float) -> None:
        segment = self._incoming.receiving.get(message.segment)
        if segment is None:
            # It is not numbered: where control may lose messages, segment_start can come behind it.
            if self.binding.control_reliable:
                self._incoming.gone(message.segment, "sent")  # LW-SEGMENT-8
            return
        if message.position > segment.audio.bound:  # LW-AUDIO-10, LW-AUDIO-11
            raise self._bad_position(segment, f"was sent up to {message.position}, beyond its end")
        self._learn_sent(segment, message.position, now)

    def _learn_sent(self, segment: IncomingSegment, position: int, now: float) -> None:
        """Learn how far a segment was sent; what has not come of it is missing (LW-REPAIR-1)."""
        audio = segment.audio
        if position > MAX_SEGMENT:  # LW-AUDIO-11
            raise self._bad_position(segment, f"reaches up to {position}")
        if position - audio.consumed > self._incoming.window:  # LW-CREDIT-1
            raise self._window_exceeded(segment.id)
        if position > audio.known:
            if self._incoming.repair:
                self._nacks.found(segment, audio.known, position, now, self.liveness.round_trip)
            audio.know(position)
            self._watch_hunger(now)

    @staticmethod
    def _bad_position(segment: IncomingSegment, what: str) -> RemoteProtocolError:
        return RemoteProtocolError(CloseCode.INVALID_POSITION, f"segment {segment.id} {what}")

    # -- interrupt -----------------------------------------------------------------------------------------

    def _on_interrupt(self, message: m.Interrupt, now: float) -> None:
        first, last = message
        if last < first:
            raise RemoteProtocolError(CloseCode.INVALID_FIELD, f"an interrupt from {first} to {last}")
        incoming = self._incoming
        incoming.cuts.add(max(first, incoming.highest + 1), last)
        if len(incoming.cuts) > EARLY_CUTS:  # LW-INTERRUPT-5
            raise RemoteProtocolError(CloseCode.LIMIT_EXCEEDED, f"more than {EARLY_CUTS} ranges of segments to come")
        unheard = self._cut(first, last, now)
        live = [[one.id, one.audio.consumed] for one in incoming.live.values() if first <= one.id <= last]
        self._send(m.Cut(first, last, live), now)  # LW-INTERRUPT-4
        self._end_unheard(unheard, now)

    def _cut(self, first: int, last: int, now: float) -> list[IncomingSegment]:
        """Cut what is live in a range of ids: drop it, and tell the consumer. Gives what the consumer never saw."""
        cut = self._incoming.cut(first, last)
        if not cut:
            return cut
        self._counters.interrupts += 1
        told = [segment for segment in cut if segment.announced]
        unheard = [segment for segment in cut if not segment.with_consumer]
        owed = [segment for segment in told if segment.with_consumer]
        for segment in cut:
            segment.change(SegmentInput.CUT)
            segment.marks.clear()  # LW-MARK-2
        if told:  # LW-INTERRUPT-3
            interrupted = Interrupted(
                tuple(segment.id for segment in told), tuple(segment.audio.consumed for segment in told)
            )
            self._interrupted.append(interrupted)
            self._events.append(ConsumerReset(interrupted=interrupted))
            heard = {segment.id for segment in told if segment.audio.consumed}
            if heard and self.limits.cooldown:  # LW-COOLDOWN-1
                self._resetting |= heard
                self._cooldown_until = now + self.limits.cooldown
            for segment in owed:
                self._owed[segment.id] = now + self.limits.grace
        self._update()
        self._watch_hunger(now)
        return unheard

    def _end_unheard(self, segments: list[IncomingSegment], now: float) -> None:
        """Report what was cut before anything of it was handed out (LW-INTERRUPT-7)."""
        for segment in segments:
            if not self.closed:
                self._finish_segment(segment, 0, interrupted=True, cause=m.EndCause.INTERRUPTED, now=now)

    # -- pause, marks, data --------------------------------------------------------------------------------

    def _on_pause(self, message: m.Pause, now: float) -> None:  # noqa: ARG002
        self._set_paused(paused=True, now=now)

    def _on_unpause(self, message: m.Unpause, now: float) -> None:  # noqa: ARG002
        self._set_paused(paused=False, now=now)

    def _set_paused(self, *, paused: bool, now: float) -> None:
        if paused is self.paused:
            return  # LW-PAUSE-1
        self.paused = paused
        self._events.append(PauseChanged(paused=paused))
        self._update()
        self._watch_hunger(now)

    def _on_mark(self, message: m.Mark, now: float) -> None:
        number, position, name = message
        segment = self._timed_segment(number, "mark")
        if segment is None:
            return
        if len(segment.marks) >= MARKS:  # LW-MARK-3
            raise RemoteProtocolError(CloseCode.LIMIT_EXCEEDED, f"more than {MARKS} marks of segment {number} wait")
        mark = Mark(number, position, name)
        self._incoming.add_mark(segment, mark)
        if segment.played is not None:
            played = inf if segment.played == segment.total else segment.played
            self._reach_marks(segment, played, now)
            if position <= played:
                return  # its echo is on the way: nothing for the consumer to do
        self._incoming.add_timed(segment, mark)
        self._update()

    def _on_data(self, message: m.Data, now: float) -> None:  # noqa: ARG002
        number, position, content = message
        segment = self._timed_segment(number, "data")
        if segment is None:
            return
        size, to_come = content_size(content), self._incoming.content_ahead()
        ahead = segment.data_ahead
        if position > segment.audio.consumed:
            if len(ahead) >= DATA:  # LW-DATA-2
                raise RemoteProtocolError(CloseCode.LIMIT_EXCEEDED, f"more than {DATA} data of segment {number} wait")
            if to_come + size > HELD_CONTENT:  # LW-DATA-3
                raise RemoteProtocolError(CloseCode.LIMIT_EXCEEDED, f"more than {HELD_CONTENT} bytes of data wait")
            heappush(ahead, (position, size))
            segment.content_ahead += size
        elif segment.data_waiting - len(ahead) >= DATA or self._incoming.content_waiting + size > HELD_CONTENT:
            self._counters.late_data += 1
            return
        self._incoming.add_timed(segment, Data(number, position, content))
        self._update()

    def _timed_segment(self, number: int, what: str) -> IncomingSegment | None:
        segment = self._incoming.receiving.get(number)
        if segment is None:
            self._incoming.gone(number, what)  # LW-SEGMENT-8
        return segment

    # -- for the other half --------------------------------------------------------------------------------

    def _confirm(self) -> None:
        raise NotImplementedError

    def _on_hello(self, message: m.Hello, now: float) -> None:
        raise NotImplementedError
