"""A bad network in simulated time: no I/O, no clock, no randomness but its own seed.

:class:`FaultyLink` is one direction of one connection. Whoever drives it says what time it is: a simulator
steps from deadline to deadline, :class:`~lipwire.transports.faults.FaultyTransport` runs on the real clock.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random

from lipwire.protocol.channels import Channel, Wire
from lipwire.transports._queues import size_of


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What goes wrong in one direction; by default nothing. Times in seconds, sizes in bytes, chances 0 to 1.

    The random faults (``loss``, ``reorder``, ``duplicate``, and a full queue) befall only ``channels``.
    Delay, jitter, rate and cut befall everything, but control always stays in order, and so does a channel
    that is not in ``channels``.
    """

    seed: int = 0
    """Same seed, same messages at the same times: same faults."""
    loss: float = 0.0
    """The share of messages that never arrives."""
    burst: float | None = None
    """The mean number of messages lost in a row (Gilbert's model); None loses each by itself."""
    reorder: float = 0.0
    """The chance that a message is held back by ``reorder_delay``, so that later ones overtake it."""
    reorder_delay: float = 0.05
    duplicate: float = 0.0
    """The chance that a message arrives twice; the copy draws its own jitter."""
    delay: float = 0.0
    """What each message takes, at least."""
    jitter: float = 0.0
    """Up to so much more, evenly spread; on a channel in ``channels`` it reorders."""
    rate: float | None = None
    """Bytes per second that the link carries, both channels together; None is without bound."""
    queue: int = 256 * 1024
    """Bytes that may wait for the link at ``rate``. A message beyond that is lost if its channel is in
    ``channels``, and waits nevertheless if not (as bytes do in a socket's buffer)."""
    cut_after: float | tuple[float | None, ...] | None = None
    """When the transport breaks, with all that is then under way, counted from the connection's start. A
    number cuts the first connection only; a tuple has one entry per connection, where None does not cut."""
    channels: frozenset[Channel] = frozenset({Channel.MEDIA})

    def __post_init__(self) -> None:
        """Check every value.

        Raises:
            ValueError: a chance, time or size is out of its range; names it.
        """
        for name in ("loss", "reorder", "duplicate"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, not {getattr(self, name)}")
        for name in ("reorder_delay", "delay", "jitter", "queue"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be finite and not negative, not {getattr(self, name)}")
        if self.rate is not None and not self.rate > 0:
            raise ValueError(f"rate must be above 0, not {self.rate}")
        if self.burst is not None:
            if self.burst < 1:
                raise ValueError(f"burst must be at least 1, not {self.burst}")
            if self.loss > self.burst / (self.burst + 1):
                raise ValueError(f"bursts of {self.burst} cannot lose {self.loss} of all: the most is burst/(burst+1)")
        for cut in self.cut_after if isinstance(self.cut_after, tuple) else (self.cut_after,):
            if cut is not None and cut < 0:
                raise ValueError(f"cut_after must not be negative, not {cut}")

    def cut_for(self, connection: int) -> float | None:
        """After how many seconds this connection (0 is the first) breaks, or None."""
        if isinstance(self.cut_after, tuple):
            return self.cut_after[connection] if connection < len(self.cut_after) else None
        return self.cut_after if connection == 0 else None

    def loses(self, channel: Channel) -> bool:
        """Whether messages on this channel can be lost, reordered or duplicated."""
        if channel not in self.channels:
            return False
        lost = bool(self.loss or self.duplicate or self.rate is not None)
        return lost or (channel is Channel.MEDIA and bool(self.reorder or self.jitter))


@dataclass
class LinkCounts:
    """What became of the messages that were pushed into a link.

    Once all are out: pushed + duplicated = delivered + lost + dropped + cut.
    """

    pushed: int = 0
    delivered: int = 0
    lost: int = 0
    """By ``loss``."""
    dropped: int = 0
    """By a full queue."""
    cut: int = 0
    """Under way when the connection broke, or pushed later."""
    duplicated: int = 0
    held_back: int = 0
    """By ``reorder``, whether or not another then overtook it."""
    reordered: int = 0
    """Delivered after one on the same channel that was pushed later."""


class FaultyLink:
    """One direction of one connection, in simulated time; ``now`` may be any clock that never goes back.

    Args:
        faults: what goes wrong.
        connection: which connection this is, from 0; it varies the randomness and picks the cut.
        direction: any word; it varies the randomness.
        one_stream: both channels are one ordered stream, so that what stays in order does so across them.
        now: the connection's start.
    """

    def __init__(
        self,
        faults: Faults,
        *,
        connection: int = 0,
        direction: str = "out",
        one_stream: bool = False,
        now: float = 0.0,
    ) -> None:
        self.faults = faults
        self.counts = LinkCounts()
        cut = faults.cut_for(connection)
        self.cut_at: float | None = None if cut is None else now + cut
        """When the connection breaks, on the driver's clock."""
        self._random = Random(f"{faults.seed}/{connection}/{direction}")
        self._one_stream = one_stream
        self._heap: list[tuple[float, int, Channel, Wire]] = []
        self._cut_seen = False
        self._pushed = 0
        self._newest_out: dict[Channel, int] = {}
        self._last_due: dict[Channel, float] = {}
        self._free_at = -math.inf
        self._in_burst = False
        if faults.burst is not None and faults.loss:
            self._leave_burst = 1 / faults.burst
            self._enter_burst = min(1.0, faults.loss / (faults.burst * (1 - faults.loss))) if faults.loss < 1 else 1.0
            # Start in the model's steady state, or short connections would lose too little.
            self._in_burst = self._random.random() < faults.loss

    def push(self, channel: Channel, message: Wire, now: float) -> None:
        """Send one message into the link at ``now``."""
        self.counts.pushed += 1
        if self.is_cut(now):
            self.counts.cut += 1
            return
        faults = self.faults
        exposed = channel in faults.channels
        if exposed and self._loses_one():
            self.counts.lost += 1
            return
        leaves = now
        if faults.rate is not None:
            size = size_of(message)
            start = max(now, self._free_at)
            if exposed and (start - now) * faults.rate + size > faults.queue:
                self.counts.dropped += 1
                return
            leaves = self._free_at = start + size / faults.rate
        self._schedule(channel, message, leaves, exposed)
        if exposed and faults.duplicate and self._random.random() < faults.duplicate:
            self.counts.duplicated += 1
            self._schedule(channel, message, leaves, exposed)

    def pop_due(self, now: float) -> list[tuple[Channel, Wire]]:
        """What has arrived by ``now``, in the order of arrival; nothing that would arrive after the cut."""
        until = now if self.cut_at is None else min(now, self.cut_at)
        out: list[tuple[Channel, Wire]] = []
        while self._heap and self._heap[0][0] <= until:
            _, number, channel, message = heappop(self._heap)
            if number < self._newest_out.get(channel, -1):
                self.counts.reordered += 1
            else:
                self._newest_out[channel] = number
            out.append((channel, message))
        self.counts.delivered += len(out)
        if self.is_cut(now):
            self._cut_seen = True
            self.counts.cut += len(self._heap)
            self._heap.clear()
        return out

    def next_deadline(self) -> float | None:
        """When the next message arrives or the connection breaks, on the driver's clock, or None."""
        first = self.next_arrival()
        if self.cut_at is None or self._cut_seen:
            return first
        return self.cut_at if first is None else min(first, self.cut_at)

    def next_arrival(self) -> float | None:
        """When the next message arrives, or would if there were no cut; None if nothing is under way."""
        return self._heap[0][0] if self._heap else None

    def is_cut(self, now: float) -> bool:
        """Whether the connection has broken by ``now``."""
        return self.cut_at is not None and now >= self.cut_at

    def waiting(self, now: float) -> int:
        """Bytes that wait for the link at its ``rate`` (not those on their way)."""
        if self.faults.rate is None:
            return 0
        return max(0, round((self._free_at - now) * self.faults.rate)) if self._free_at > now else 0

    def _loses_one(self) -> bool:
        faults = self.faults
        if not faults.loss:
            return False
        if faults.burst is None:
            return self._random.random() < faults.loss
        lost = self._in_burst
        self._in_burst = self._random.random() < (1 - self._leave_burst if lost else self._enter_burst)
        return lost

    def _schedule(self, channel: Channel, message: Wire, leaves: float, exposed: bool) -> None:
        faults = self.faults
        due = leaves + faults.delay
        if faults.jitter:
            due += self._random.random() * faults.jitter
        if exposed and channel is Channel.MEDIA:
            if faults.reorder and self._random.random() < faults.reorder:
                self.counts.held_back += 1
                due += faults.reorder_delay
        else:
            stream = Channel.CONTROL if self._one_stream else channel
            due = self._last_due[stream] = max(due, self._last_due.get(stream, due))
        heappush(self._heap, (due, self._pushed, channel, message))
        self._pushed += 1
