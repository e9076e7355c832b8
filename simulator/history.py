"""What really happened: what was written, what came through and what did not, what was handed out, heard and told.

It is fed by the simulation with facts alone, reads messages with a decoder of its own, and knows the rules of the wire
as far as they say what each side must know by then. Each method is a fact; before it is noted, the invariants that
are registered for it (:mod:`.invariants`) hold it against what is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any, Final

from lipwire.protocol import items
from lipwire.protocol.events import Cause, StreamEnded

from .truth import Numbers, Peer, Pending, Segment
from .wire import Wire

LOOK_EVERY: Final = 0.05
"""Seconds between one look at what has to have happened and the next."""


class History(Wire):
    """All that is known of one session. Facts are given in the order in which they happen."""

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
        segment.came_before_silence = segment.came.copy()
        segment.delivered_before_silence = segment.delivered.copy()
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

    def reported_end(
        self, number: int, position: int | None, *, interrupted: bool = False, failed: bool = False
    ) -> None:
        """The consumer says that playback has ended; where, None when it can not tell (LW-STREAM-3)."""
        segment = self.segments[number]
        if not segment.over:
            if position is None and segment.end_handed and segment.cut_at is None and not (interrupted or failed):
                position = segment.total
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
