"""The facts of the wire: what each side sends, and what comes through to the other.

Messages are read with a decoder of its own, and taken as the rules of the wire say that they have to be.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Final

from lipwire.protocol.errors import CloseCode
from lipwire.protocol.registry import BY_TYPE

from .ranges import Ranges
from .record import Record
from .truth import Numbers, Raw, Segment

TYPE: Final[Mapping[str, int]] = {entry.name: entry.number for entry in BY_TYPE.values()}
HELLO, WELCOME, NUMBERED, ACKNOWLEDGE = TYPE["hello"], TYPE["welcome"], TYPE["numbered"], TYPE["acknowledge"]
SEGMENT_START, AUDIO, SENT, SEGMENT_END = TYPE["segment_start"], TYPE["audio"], TYPE["sent"], TYPE["segment_end"]
INTERRUPT, CUT, PAUSE, UNPAUSE = TYPE["interrupt"], TYPE["cut"], TYPE["pause"], TYPE["unpause"]
MARK, MARK_REACHED, DATA, CUSTOM = TYPE["mark"], TYPE["mark_reached"], TYPE["data"], TYPE["custom"]
STREAM_STARTED, STREAM_ENDED = TYPE["stream_started"], TYPE["stream_ended"]
PROGRESS, NACK = TYPE["progress"], TYPE["nack"]
CLOSE, PING, PONG = TYPE["close"], TYPE["ping"], TYPE["pong"]

EARLY: Final = 8
MANY_GAPS: Final = 250


class Wire(Record):
    """What goes over the wire, and what it does at the other end."""

    # -- on the wire, out ----------------------------------------------------------------------------------

    def sent_out(self, raw: Raw, channel: str) -> None:
        """The sender has sent a message."""
        self.swallowed += 1
        fresh = raw[0] != NUMBERED or raw[1] > self.out.sent
        raw = self._numbered_sent(self.out, self.back, raw)
        kind = raw[0]
        if not fresh:
            return
        if kind == AUDIO:
            self._audio_sent(raw[1], raw[2], raw[3], raw[4])
        elif kind == SEGMENT_START:
            self.hold("start_sent", raw)
            self.segments[raw[1]].started = True
        elif kind == SEGMENT_END:
            self.hold("end_sent", raw)
            self.segments[raw[1]].ended = True
        elif kind == SENT:
            self.hold("sent_sent", raw)
            self.segments[raw[1]].sent_said = raw[2]
        elif kind == INTERRUPT:
            self.hold("interrupt_sent", raw)
            for pending in self.pending:
                if pending.wire == (raw[1], raw[2]):
                    pending.sent_at = self.now
            self.last_interrupt = (self.now, raw[1], raw[2])
            self._done("interrupt" if channel == "control" else "interrupt on media", (raw[1], raw[2]))
        elif kind == HELLO:
            self.hello_at = self.now
        elif kind == CLOSE:
            self.sender.said_close = True
        elif kind == PONG:
            self._done("pong", ("sender", raw[1]))
        elif kind in (MARK, DATA):
            self.hold("of_segment_sent", raw)
        elif kind == UNPAUSE:
            self._done("unpause", None)

    def _audio_sent(self, number: int, position: int, cut_through: int, pcm: bytes) -> None:
        self.hold("audio_sent", number, position, cut_through, pcm)
        segment = self.segments[number]
        end = position + len(pcm) // self.terms.frame
        self.audio_at = self.now
        segment.sent = max(segment.sent, end)
        segment.reached = max(segment.reached, end)
        segment.sendings.append((position, end, self.now))

    def _numbered_sent(self, mine: Numbers, theirs: Numbers, raw: Raw) -> Raw:
        """Note a number, and what it says of the other's; give the message itself."""
        if raw[0] == ACKNOWLEDGE:
            self.hold("taken_said", raw[1], theirs)
            theirs.owed_at = inf
        if raw[0] != NUMBERED:
            return raw
        _, number, taken, inner = raw
        self.hold("taken_said", taken, theirs)
        theirs.owed_at = inf
        self.hold("number_sent", number, inner, mine)
        mine.sent_at[number] = self.now
        if number > mine.sent:
            mine.sent = number
            mine.kept[number] = inner
        return list(inner)

    def delivered(self, raw: Raw) -> None:
        """The network has delivered a message to the receiver; it is told of before anybody looks at it."""
        if raw[0] != AUDIO:
            return
        segment = self.segments[raw[1]]
        if len(segment.came) < MANY_GAPS and len(segment.delivered) < MANY_GAPS:  # LW-REPAIR-9
            segment.delivered.add(raw[2], raw[2] + len(raw[4]) // self.terms.frame)

    def comes_through(self, raw: Raw) -> None:
        """A message is taken by the receiver, which is open, next."""
        self.receiver.heard_at = self.now
        self.swallowed = 0
        if raw[0] == ACKNOWLEDGE:
            self._acknowledged(self.back, raw[1])
        elif raw[0] == NUMBERED:
            self._acknowledged(self.back, raw[2])
            for inner in self.out.take(raw[1], raw[3], self.now):
                self._receiver_takes(inner)
        else:
            self._receiver_takes(raw)

    def _receiver_takes(self, raw: Raw) -> None:
        kind = raw[0]
        if kind == AUDIO:
            self._audio_comes(raw[1], raw[2], raw[3], len(raw[4]) // self.terms.frame)
        elif kind == SEGMENT_START:
            self._start_comes(self.segments[raw[1]])
        elif kind == SEGMENT_END:
            segment = self.segments[raw[1]]
            if segment.cut_at is None and not segment.over:
                segment.total = raw[2]
                segment.known = max(segment.known, raw[2])
        elif kind == SENT:
            segment = self.segments[raw[1]]
            if segment.cut_at is None and segment.start_came:
                segment.known = max(segment.known, raw[2])
        elif kind == INTERRUPT:
            rows = self._cut_comes(raw[1], raw[2])
            self.at_once.append(("cut", (raw[1], raw[2], rows)))
        elif kind in (PAUSE, UNPAUSE):
            if self.paused_there is not (kind == PAUSE):
                self.paused_there = kind == PAUSE
                self.at_once.append(("pause told", self.paused_there))
                self._let_go()
        elif kind == MARK:
            segment = self.segments[raw[1]]
            if segment.cut_at is None:
                segment.marks_came.add(raw[3])
        elif kind == DATA:
            segment = self.segments[raw[1]]
            if segment.cut_at is None and not segment.over:
                segment.waiting[raw[3]["n"]] = raw[2]
        elif kind == CUSTOM:
            self.at_once.append(("custom", (">", raw[1]["n"])))
        elif kind == PING:
            self.at_once.append(("pong", ("receiver", raw[1])))

    def _start_comes(self, segment: Segment) -> None:
        segment.start_came = True
        self.highest_came = max(self.highest_came, segment.number)
        self.early.discard(segment.number)
        if segment.may_lack:
            segment.delivered = Ranges()
        if segment.cut_at is not None:
            self.at_once.append(("ended unheard", segment.number))
            self._is_over(segment)
        elif segment.came.prefix:
            segment.changed_at = self.now

    def _audio_comes(self, number: int, position: int, cut_through: int, samples: int) -> None:
        if cut_through > self.cut_through_came:
            self._cut_comes(self.first, cut_through)
            self.cut_through_came = cut_through
        segment = self.segments[number]
        if segment.cut_at is not None or segment.over:
            return
        if not segment.start_came:
            if number not in self.early and len(self.early) >= EARLY:
                for one in (segment, self.segments[max(self.early)]):
                    one.may_lack, one.delivered = True, Ranges()
            self.early.add(number)
        if len(segment.came) >= MANY_GAPS:
            segment.may_lack = True
        received = segment.came.prefix
        if position + samples > segment.came.end:
            segment.grew_at = self.now
        segment.came.add(position, position + samples)
        segment.known = max(segment.known, position + samples)
        if segment.came.prefix > received and segment.start_came and segment.changed_at is None:
            segment.changed_at = self.now

    def _cut_comes(self, first: int, last: int) -> dict[int, int]:
        """A cut takes effect; gives what a ``cut`` that answers it has to list."""
        rows, told, consumed = {}, [], []
        for number in range(max(first, self.first), last + 1):
            segment = self.segments.get(number)
            if segment is None or segment.over:
                continue
            if segment.start_came:
                rows[number] = segment.handed
            if segment.cut_at is not None:
                continue
            segment.cut_at = self.now
            segment.changed_at = None
            self.early.discard(number)
            if not segment.start_came:
                continue
            if segment.announced:
                told.append(number)
                consumed.append(segment.handed)
            if segment.with_consumer:
                self.owed[number] = self.now + self.terms.grace
            else:
                self.at_once.append(("ended unheard", number))
                self._is_over(segment)
        if told:
            self.at_once.append(("reset", (tuple(told), tuple(consumed))))
            heard = {number for number in told if self.segments[number].handed}
            if heard and self.terms.cooldown:
                self.resetting |= heard
                self.cooldown_until = self.now + self.terms.cooldown
        return rows

    # -- on the wire, back ---------------------------------------------------------------------------------

    def sent_back(self, raw: Raw, channel: str = "control") -> None:
        """The receiver has sent a message."""
        fresh = raw[0] != NUMBERED or raw[1] > self.back.sent
        raw = self._numbered_sent(self.back, self.out, raw)
        kind = raw[0]
        if not fresh:
            return
        if kind == PROGRESS:
            self.hold("progress_sent", raw)
            segment = self.segments[raw[1]]
            segment.said = (raw[2], raw[3], -1 if raw[4] is None else raw[4])
            if channel == "control":
                segment.said_for_end = (self.now, raw[4])
            segment.changed_at, segment.said_at = None, self.now
        elif kind == CLOSE:
            self.receiver.said_close = True
        elif kind == PONG:
            self._done("pong", ("receiver", raw[1]))
        elif kind == WELCOME and raw[3] != self.generation:
            self.generation = raw[3]
            self.hold("welcome_sent", raw)
            self.out.owed_at = inf
            for segment in self.segments.values():
                segment.changed_at = None
                segment.missing_since = self.now
        elif kind == CUT:
            self.hold("cut_sent", raw)
            self._done("cut", (raw[1], raw[2], dict(raw[3])))
        elif kind == STREAM_STARTED:
            self.hold("stream_started_sent", raw)
            self.segments[raw[1]].stream_started = True
        elif kind == STREAM_ENDED:
            self._stream_ended_sent(raw)
        elif kind == MARK_REACHED:
            self.hold("mark_reached_sent", raw)
            self.segments[raw[1]].marks_reached.add(raw[2])
        elif kind == NACK:
            self.hold("nack_sent", raw)
            segment = self.segments[raw[1]]
            if any(first <= segment.missing_at < end for first, end in raw[2]):
                segment.asked_at = self.now

    def _stream_ended_sent(self, raw: Raw) -> None:
        self.hold("stream_ended_sent", raw)
        segment = self.segments[raw[1]]
        segment.end_said = raw
        self._done("ended unheard", segment.number)
        self._done("ended", segment.number)
        self._is_over(segment)

    def comes_back(self, raw: Raw, *, opening: bool) -> None:
        """A message is taken by the sender next; ``opening``: it waits for welcome."""
        self.sender.heard_at = self.now
        if raw[0] == CLOSE and raw[1] == CloseCode.UNKNOWN_SESSION:
            self.at_once.append(("the sender closes", "unknown_session"))
        if opening:
            if raw[0] == WELCOME and len(raw) > 8 and raw[8] is not None:
                self._resumes(raw[8])
            return
        if raw[0] == ACKNOWLEDGE:
            self._acknowledged(self.out, raw[1])
        elif raw[0] == NUMBERED:
            self._acknowledged(self.out, raw[2])
            for inner in self.back.take(raw[1], raw[3], self.now):
                self._sender_takes(inner)
        else:
            self._sender_takes(raw)

    def _resumes(self, state: Raw) -> None:
        self._acknowledged(self.out, state[0])
        rows = {row[0]: row for row in state[1]}
        for segment in self.in_turn():
            if not segment.started or not segment.live:
                continue
            row = rows.get(segment.number)
            if row is not None:
                segment.told_received, segment.told_consumed = row[1], row[2]
                segment.told_played = row[3] if row[3] is not None else segment.told_played
            segment.sent = segment.told_highest = segment.told_received

    def _sender_takes(self, raw: Raw) -> None:
        kind = raw[0]
        segment = self.segments.get(raw[1]) if kind in (PROGRESS, STREAM_STARTED, STREAM_ENDED, NACK) else None
        if kind == PROGRESS and segment is not None and segment.result is None:
            segment.told_received = max(segment.told_received, raw[2])
            segment.sent = max(segment.sent, segment.told_received)
            segment.told_consumed = max(segment.told_consumed, raw[3])
            segment.told_highest = max(segment.told_highest, raw[2])
            if self.now - raw[6] / 1e6 > self.sender.since:  # else it came before a resume, and is on its way again
                segment.told_highest = max(segment.told_highest, (raw[7] if len(raw) > 7 else None) or 0)
            if raw[4] is not None:
                segment.told_played = max(segment.told_played or 0, raw[4])
        elif kind == CUT:
            for number in range(raw[1], raw[2] + 1):
                if number in self.segments and self.segments[number].cut_cause is not None:
                    self.segments[number].told_cut = True
            for pending in self.pending:
                if pending.wire and raw[1] <= pending.wire[0] and pending.wire[1] <= raw[2]:
                    pending.cut_came = True
        elif kind == STREAM_ENDED and segment is not None:
            if segment.told_end is None:
                segment.told_end = raw
        elif kind == NACK and segment is not None:
            if segment.live:
                since = self.now - max(0.02, self.sender_round_trip() / 2) - 1e-6
                self.at_once.append(("sent again", (segment.number, raw[2], since)))
        elif kind == STREAM_STARTED and segment is not None and segment.result is None:
            self.at_once.append(("stream started", segment.number))
        elif kind == MARK_REACHED and self.segments[raw[1]].live:
            self.at_once.append(("mark", (raw[1], raw[2])))
        elif kind == CUSTOM:
            self.at_once.append(("custom", ("<", raw[1]["n"])))
        elif kind == PING:
            self.at_once.append(("pong", ("sender", raw[1])))
