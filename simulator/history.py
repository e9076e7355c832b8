"""What really happened: what was written, what came through and what did not, what was handed out, heard and told.

It is fed by the simulation with facts alone, reads messages with a decoder of its own, and knows the rules of the wire
as far as they say what each side must know by then. Each method is a fact; before it is noted, the invariants that
are registered for it (:mod:`.invariants`) hold it against what is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Any, Final

from lipwire.protocol import items
from lipwire.protocol.events import Cause, StreamEnded
from lipwire.protocol.registry import BY_TYPE

from .promises import INVARIANTS, Violation
from .truth import Numbers, Peer, Pending, Raw, Segment, Terms

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
LOOK_EVERY: Final = 0.05
"""Seconds between one look at what has to have happened and the next."""


class History:
    """All that is known of one session. Facts are given in the order in which they happen."""

    def __init__(self, terms: Terms, now: float) -> None:
        self.terms = terms
        self.now = now
        self.segments: dict[int, Segment] = {}
        self.first = self.forgettable = 1
        self.oldest = 1
        """The lowest id without a result."""
        self.sender, self.receiver = Peer(now), Peer(now)
        self.out, self.back = Numbers(), Numbers()
        self.paused = False
        """By the agent."""
        self.paused_there = False
        """By what has come through."""
        self.cut_through_came = 0
        self.highest_came = 0
        """The highest id whose start has come through."""
        self.generation = 0
        """Of the newest welcome."""
        self.early: set[int] = set()
        self.cooldown_until = -inf
        self.resetting: set[int] = set()
        self.owed: dict[int, float] = {}
        """Cut segments with the consumer, and by when it has to report them."""
        self.held_back_until = -inf
        """Until when a pause or a cooldown kept items from the consumer."""
        self.asked_at: float | None = None
        """Since when the consumer has asked in vain."""
        self.reading = True
        """Whether the consumer reads what there is."""
        self.flow_since: float | None = None
        self.concealed = 0
        """Samples, of all segments."""
        self.link_up = True
        """Whether what is sent on the transport can come through."""
        self.pending: list[Pending] = []
        self.last_interrupt = (now, 0, 0)
        """When the last was sent, and its range."""
        self.credit_since: float | None = None
        """Since when there is audio to send, credit for it, and nothing under way."""
        self.hello_at: float | None = None
        """When the last hello was sent that waits for an answer."""
        self.customs: dict[str, list[int]] = {">": [], "<": []}
        self.customs_told: dict[str, int] = {">": 0, "<": 0}
        self.at_once: list[tuple[str, Any]] = []
        """What has to follow before time goes on, and what it follows from."""
        self.standing: tuple[Any, ...] = ()
        self.stood = 0.0
        """How long the timer of the oldest segment has run."""
        self.most_round_trip = 0.1
        self.looked_at = now
        self.sender_round_trip: Callable[[], float] = lambda: 0.0
        """As the sender reckons it."""

    # -- the means -----------------------------------------------------------------------------------------

    def hold(self, fact: str, *what: Any) -> None:
        """Hold a fact against the invariants."""
        for check in INVARIANTS.get(fact, ()):
            problem = check(self, *what)
            if problem is not None:
                raise Violation(check.__name__, problem)

    def in_turn(self) -> Iterable[Segment]:
        """The segments whose agents wait for their result, oldest first."""
        number = self.oldest
        while number in self.segments:
            yield self.segments[number]
            number += 1

    @property
    def on_wire(self) -> int:
        """How many segments live on the wire, as the sender knows: those that it has given up too."""
        return sum(one.started and one.told_end is None for one in self.segments.values())

    def forget(self) -> None:
        """Forget the segments that were over when this was called last; for conversations that go on and on."""
        for number in range(self.first, self.forgettable):
            self.segments.pop(number, None)
        self.first = max(self.first, self.forgettable)
        self.forgettable = self.oldest

    def head(self) -> Segment | None:
        """The segment that is to be handed out next."""
        for number in sorted(self.segments):
            segment = self.segments[number]
            if segment.start_came and segment.cut_at is None and not segment.over and not segment.end_handed:
                return segment
        return None

    # -- the agent -----------------------------------------------------------------------------------------

    def opened(self, number: int, metadata: Mapping[str, Any] | None) -> None:
        """A segment was opened."""
        self.segments[number] = Segment(number, metadata)

    def wrote(self, number: int, samples: int) -> None:
        """Samples were written to it."""
        self.segments[number].written += samples

    def finished(self, number: int) -> None:
        """All of it was written."""
        segment = self.segments[number]
        if segment.live:
            segment.finished = True
            segment.marks_in_time, segment.data_in_time = set(segment.marks), set(segment.data)

    def interrupted(self, number: int | None, last: int | None, cause: Cause) -> None:
        """The agent interrupted everything, or one; ``last`` is the highest id that the core says is cut."""
        targets = [s.number for s in self.in_turn() if s.live and number in (None, s.number)]
        self.hold("interrupted", targets, last)
        if not targets:
            return
        started = [n for n in targets if self.segments[n].started]
        for one in targets:
            self.segments[one].cut_cause = cause
        wire = (started[0], targets[-1]) if started else None
        self.pending.append(Pending(targets[0], targets[-1], targets, wire))
        if wire and self.sender.open:
            self.at_once.append(("interrupt", wire))
            if self.sender.two_channels:
                self.at_once.append(("interrupt on media", wire))
        if number is None:
            if self.paused and self.sender.open:
                self.at_once.append(("unpause", None))
            self.paused = False

    def gave_mark(self, number: int, position: int, name: str) -> None:
        """A mark was set. Names are used once."""
        self.segments[number].marks[name] = position

    def gave_data(self, number: int, position: int, serial: int) -> None:
        """Data was given."""
        self.segments[number].data[serial] = position

    def gave_custom(self, way: str, serial: int) -> None:
        """A custom message was given."""
        self.customs[way].append(serial)

    # -- on the wire, out ----------------------------------------------------------------------------------

    def sent_out(self, raw: Raw, channel: str) -> None:
        """The sender has sent a message."""
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

    def comes_through(self, raw: Raw) -> None:
        """A message is taken by the receiver, which is open, next."""
        self.receiver.heard_at = self.now
        if raw[0] == ACKNOWLEDGE:
            self._acknowledged(self.back, raw[1])
        elif raw[0] == NUMBERED:
            self._acknowledged(self.back, raw[2])
            for inner in self.out.take(raw[1], raw[3], self.now):
                self._receiver_takes(inner)
        else:
            self._receiver_takes(raw)

    @staticmethod
    def _acknowledged(numbers: Numbers, taken: int) -> None:
        while numbers.acknowledged < taken:
            numbers.acknowledged += 1
            numbers.kept.pop(numbers.acknowledged, None)
            numbers.sent_at.pop(numbers.acknowledged, None)

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
                segment.may_lack = self.segments[max(self.early)].may_lack = True
            self.early.add(number)
        if len(segment.came) >= MANY_GAPS:
            segment.may_lack = True
        received = segment.came.prefix
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

    def _let_go(self) -> None:
        """A pause or a cooldown is over, or begins: items flow from here on at the earliest."""
        self.held_back_until = self.now

    # -- on the wire, back ---------------------------------------------------------------------------------

    def sent_back(self, raw: Raw) -> None:
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

    def _is_over(self, segment: Segment) -> None:
        if not segment.over:
            segment.over, segment.over_at = True, self.now
        segment.changed_at = None
        self.owed.pop(segment.number, None)
        self.resetting.discard(segment.number)
        if not self.resetting and self.cooldown_until > self.now:
            self.cooldown_until = -inf
            self._let_go()

    def comes_back(self, raw: Raw, *, opening: bool) -> None:
        """A message is taken by the sender next; ``opening``: it waits for welcome."""
        self.sender.heard_at = self.now
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
            segment.told_highest = max(segment.told_highest, raw[2], (raw[7] if len(raw) > 7 else None) or 0)
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

    # -- the consumer --------------------------------------------------------------------------------------

    def asked_in_vain(self) -> None:
        """The consumer asked for an item, and there was none."""
        self.hold("asked")
        if self.asked_at is None:
            self.asked_at = self.now

    def concealed_samples(self, count: int) -> None:
        """The receiver has put silence in the place of so many samples, that its consumer waits for."""
        self.hold("concealed", count)
        segment = self.head()
        assert segment is not None
        first = segment.received
        end = first + count
        segment.before_silence = (self.now, first)
        segment.silence.add(first, end)
        segment.came.add(first, end)
        self.concealed += count
        if segment.changed_at is None:
            segment.changed_at = self.now

    def handed_out(self, item: items.Item) -> None:
        """The consumer has read an item."""
        self.hold("item", item)
        if isinstance(item, items.Audio):
            segment = self.segments[item.segment]
            samples = len(item.pcm) // self.terms.frame
            segment.handed = item.position + samples
            if segment.changed_at is None:
                segment.changed_at = self.now
        elif isinstance(item, items.SegmentStart):
            self.segments[item.segment].announced = True
        elif isinstance(item, items.SegmentEnd):
            self.segments[item.segment].end_handed = True
        elif isinstance(item, items.Mark):
            self.segments[item.segment].marks_handed.add(item.name)
        elif isinstance(item, items.Data):
            self.segments[item.segment].data_handed.add(item.content["n"])
            self.segments[item.segment].waiting.pop(item.content["n"], None)
        if isinstance(item, (items.Audio, items.SegmentEnd)):
            self.asked_at = None
        self.flow_since = None

    def reported_played(self, number: int, position: int) -> None:
        """The consumer says how far a segment was heard."""
        segment = self.segments[number]
        if not segment.over and position > (-1 if segment.heard is None else segment.heard):
            segment.heard = position
            if segment.cut_at is None and segment.changed_at is None:
                segment.changed_at = self.now

    def reported_end(self, number: int, position: int | None, *, failed: bool) -> None:
        """The consumer says that playback has ended."""
        segment = self.segments[number]
        if not segment.over:
            segment.report = (position, failed)
            self._is_over(segment)
            if self.receiver.open:
                self.at_once.append(("ended", number))

    def reset_done(self) -> None:
        """The consumer says that it has reset."""
        if self.resetting:
            self.cooldown_until = -inf
            self.resetting.clear()
            self._let_go()

    # -- what each side is told ----------------------------------------------------------------------------

    def told_reset(self, reset: items.Interrupted) -> None:
        """The consumer is told to stop playing segments."""
        self.hold("reset", reset)
        if reset.by_close:
            self._done("stop", tuple(reset.segments))
        else:
            self._done("reset", (tuple(reset.segments), tuple(reset.consumed)))

    def told_result(self, event: StreamEnded) -> None:
        """The agent is told how a segment ended."""
        self.hold("result", event)
        segment = self.segments[event.segment]
        segment.result = event
        while self.oldest in self.segments and self.segments[self.oldest].result is not None:
            self.oldest += 1

    def told_confirmed(self, first: int, last: int) -> None:
        """The agent is told that an interrupt has taken effect."""
        self.hold("confirmed", first, last)
        for pending in self.pending:
            if (pending.wire or (pending.first, pending.last)) == (first, last):
                self.pending.remove(pending)
                break

    def told_custom(self, way: str, serial: int) -> None:
        """A custom message is told, at the end of its way."""
        self.hold("custom", way, serial)
        self._done("custom", (way, serial))
        self.customs_told[way] += 1

    def told_stream_started(self, number: int) -> None:
        """The agent is told that a segment is heard."""
        self.hold("stream_started", number)
        self.segments[number].told_stream_started = True
        self._done("stream started", number)

    def told_mark(self, number: int, name: str) -> None:
        """The agent is told that a mark was reached."""
        self.hold("mark", number, name)
        self.segments[number].marks_told.add(name)
        self._done("mark", (number, name))

    def told_pause(self, paused: bool) -> None:
        """The consumer is told to hold playback, or to go on."""
        self.hold("pause", paused)
        self._done("pause told", paused)

    def _done(self, duty: str, what: Any) -> None:
        if (duty, what) in self.at_once:
            self.at_once.remove((duty, what))

    # -- transports and time -------------------------------------------------------------------------------

    def session_opened(self, peer: Peer) -> None:
        """Welcome was sent, or has come."""
        peer.open = peer.opened = True
        if peer is self.sender:
            self.hello_at = None
            self.hold("resumed")
        peer.since = peer.heard_at = self.now
        if peer is self.receiver:
            self.asked_since_open()

    def greeted(self, taken: int) -> None:
        """A hello was accepted that resumes, and says how many numbered messages the sender has taken."""
        self._acknowledged(self.back, taken)

    def forget_receiver(self) -> None:
        """The receiver that was there is gone with all it said, before the sender ever heard it."""
        may_close = self.receiver.may_close
        self.receiver = Peer(self.now)
        self.receiver.may_close = may_close
        self.back = Numbers()
        self.customs["<"] = self.customs["<"][: self.customs_told["<"]]

    def asked_since_open(self) -> None:
        """A wait for missing samples counts from the session's being open."""
        if self.asked_at is not None:
            self.asked_at = self.now

    def transport_dropped(self, peer: Peer) -> None:
        """A peer has given its transport up."""
        self.hold("dropped", peer)
        self.transport_lost(peer)

    def transport_lost(self, peer: Peer) -> None:
        """A peer has no transport any more."""
        if peer.open:
            peer.open = False
            peer.since = self.now
        numbers = self.back if peer is self.sender else self.out
        numbers.owed_at = inf
        if peer is self.sender:
            self.hello_at = None
            for pending in self.pending:
                pending.sent_at = self.now
        self.at_once = [one for one in self.at_once if one[0] not in _ON_THE_WIRE]

    def session_ended(self, peer: Peer, close: Any) -> None:
        """A peer's session is over."""
        self.hold("closed", peer, close)
        peer.closed, peer.open = close, False
        self.at_once.clear()
        if peer is self.sender:
            self.out.owed_at = self.back.owed_at = inf
            self.hello_at = None
        else:
            there = [s for s in self.segments.values() if s.start_came and not s.over]
            playing = tuple(s.number for s in there if s.with_consumer or s.cut_at is not None)
            if playing:
                self.at_once.append(("stop", playing))

    def time(self, now: float) -> None:
        """All that follows at once has happened; time goes on."""
        if self.at_once:
            self.hold("rest")
            self.at_once.clear()
        self._stand(now - self.now)
        self.now = now
        while self.owed and next(iter(self.owed.values())) <= now:
            self._is_over(self.segments[next(iter(self.owed))])
        if self.cooldown_until <= now and self.resetting:
            self.resetting.clear()
            self._let_go()
        if now >= self.looked_at + LOOK_EVERY:
            self.looked_at = now
            self.hold("time")

    def _stand(self, seconds: float) -> None:
        """Let the timer of the oldest segment run, as LW-STREAM-7 says."""
        segment = self.segments.get(self.oldest)
        if segment is None:
            return
        standing = (
            segment.number,
            segment.live,
            segment.told_received,
            segment.told_consumed,
            segment.told_played,
            segment.live and not segment.finished and segment.told_consumed >= segment.written,
        )
        if standing != self.standing:
            self.standing, self.stood = standing, 0.0
        if self.sender.open and not self.paused and not standing[-1]:
            self.stood += seconds


_ON_THE_WIRE: Final = frozenset(
    {"interrupt", "unpause", "interrupt on media", "pong", "cut", "ended", "ended unheard", "sent again"}
)
"""What has to follow and needs a transport."""
