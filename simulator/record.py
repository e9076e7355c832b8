"""What is known of one session, and how facts are held against the invariants."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf
from typing import Any

from .promises import INVARIANTS, Violation
from .truth import Numbers, Peer, Pending, Segment, Terms


class Record:
    """All that is known of one session."""

    def __init__(self, terms: Terms, now: float, *, first: int = 1) -> None:
        self.terms = terms
        self.now = now
        self.segments: dict[int, Segment] = {}
        self.first = self.forgettable = first
        self.oldest = first
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
        self.swallowed = 0
        """Messages that the sender has sent since one of them came through."""
        self.concealed = 0
        """Samples, of all segments."""
        self.link_up = True
        """Whether what is sent on the transport can come through."""
        self.pending: list[Pending] = []
        self.last_interrupt = (now, 0, 0)
        """When the last was sent, and its range."""
        self.audio_at = now
        """When audio was sent last; what is sent again is paced with the rest."""
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

    # -- for the facts ---------------------------------------------------------------------------------------

    def _is_over(self, segment: Segment) -> None:
        if not segment.over:
            segment.over, segment.over_at = True, self.now
        segment.changed_at = None
        self.owed.pop(segment.number, None)
        self.resetting.discard(segment.number)
        if not self.resetting and self.cooldown_until > self.now:
            self.cooldown_until = -inf
            self._let_go()

    def _let_go(self) -> None:
        """A pause or a cooldown is over, or begins: items flow from here on at the earliest."""
        self.held_back_until = self.now

    def _done(self, duty: str, what: Any) -> None:
        if (duty, what) in self.at_once:
            self.at_once.remove((duty, what))

    @staticmethod
    def _acknowledged(numbers: Numbers, taken: int) -> None:
        while numbers.acknowledged < taken:
            numbers.acknowledged += 1
            numbers.kept.pop(numbers.acknowledged, None)
            numbers.sent_at.pop(numbers.acknowledged, None)
