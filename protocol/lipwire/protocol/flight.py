"""How many bytes may be on their way, and how fast they may follow, so that an interrupt is not queued behind them.

The bound is steered by delay (LW-FLIGHT-1), once a round: a round trip of chunks that were sent under it. The queue in
the network is the least round trip among those, less the least one seen lately. Until a queue shows, the bound grows by
a fifth a round; then it goes to where the queue is ``TARGET_QUEUE``. It never goes under what real time needs, and when
the least round trip was not seen for a while, half of the bound is used for one round trip, so that it stays honest.

Bytes go at a pace a little above what the bound lets through in a round trip: a burst would be a queue of its own.
"""

from __future__ import annotations

from math import inf

from .limits import PROGRESS_INTERVAL

TARGET_QUEUE = 0.010
"""Seconds of queueing that the bound is steered to."""
LONG_QUEUE = 0.030
"""Seconds of queueing over which a round is not waited for."""
START_GAIN = 1.2
START_PACE_GAIN = 1.25
PACE_GAIN = 1.1
MOST_GROWTH, LEAST_GROWTH = 1.25, 1.05
REAL_TIME_GAIN = 1.5
PROBE_INTERVAL = 5.0
FIRST_SECONDS = 0.2
MOST_STALL = 0.5
"""Seconds of audio that may go beyond the bound while nothing is reported."""
BURST = 0.005
"""Seconds of audio at the pace that may go at once: a timer more often would cost more than it brings."""
MOST_DEBT = 0.2
"""Seconds by which what goes out of its turn holds back what follows, at most: speech goes on as it comes."""
PACKET = 1_150


class Flight:
    """The bound on bytes sent and not known to have arrived.

    ``byte_rate``: of the format, in bytes a second; ``most``: what the bound may not exceed (the window).
    """

    def __init__(self, byte_rate: float, most: float) -> None:
        self._byte_rate = byte_rate
        self._most = max(most, 4 * PACKET)
        self._bound = min(byte_rate * FIRST_SECONDS, self._most)
        self._starting = True
        self._least = inf
        self._least_before = inf
        self._least_at = self._epoch_at = -inf
        self._round_at = -inf
        """When the bound was set: samples of what was sent before say nothing about it."""
        self._counted_at = inf
        self._round_least = inf
        self._landed = 0
        self._landed_at = -inf
        self._rate = 0.0
        """Bytes a second that arrived in the last round."""
        self._pace_gain = 1.0
        self._probe_until = -inf
        self._probe_time = 0.0
        self._heard_at = -inf
        """When something was last reported to have arrived, or is to be expected after nothing was in flight."""
        self.limited = False
        """The bound has held the sender back in this round."""
        self.next_at = -inf
        """When the pace lets the next byte go."""
        self.byte_time = 0.0
        """Seconds from one byte to the next; 0: no pace is kept, as until a round trip is known."""
        self.round_trip = 0.0
        self.queue_delay = 0.0
        """Seconds, by the last sample."""

    def bound(self, now: float, in_flight: int, waiting: int = 0) -> float:
        """Bytes that may be in flight now, when so many are, and so many wait to be sent."""
        if not in_flight:
            self._heard_at = now + self.round_trip
        stalled = now - self._heard_at - 2 * PROGRESS_INTERVAL
        if stalled > 0:
            # Nothing arrives, or is reported: what is lost holds up what is behind it. Speech goes on as it comes; what
            # was at hand before would only stand in an interrupt's way.
            as_it_comes = waiting <= self._byte_rate * MOST_STALL
            return self._bound + (self._byte_rate * min(stalled, MOST_STALL) if as_it_comes else 0.0)
        if now >= self._probe_until + self._probe_time:
            return self._bound
        # Half of it, and then back within another round trip: all at once would be a queue of its own.
        share = 0.5 + 0.5 * max(0.0, now - self._probe_until) / self._probe_time
        return self._bound * share

    def most_in_chunk(self, bound: float) -> float:
        """Bytes of one chunk: a small part of what is in flight, or an interrupt would wait behind a large one.

        Where a round trip is nothing, so is that wait.
        """
        if self.byte_time:
            return min(bound / 8, BURST / self.byte_time)
        return bound / 2 if self._landed_at != -inf else bound / 8

    def sample(self, round_trip: float, sent_at: float, landed: int, now: float) -> None:
        """Learn from a chunk that is known to have arrived.

        ``round_trip``: seconds from sending it to the report, less the receiver's own delay; ``landed``: bytes newly
        known to have arrived.
        """
        if now - self._epoch_at > PROBE_INTERVAL:
            self._least_before, self._least, self._epoch_at = self._least, inf, now
        self._least = min(self._least, round_trip)
        least = min(self._least, self._least_before)
        self.round_trip = round_trip
        self.queue_delay = queue = round_trip - least
        self._landed += landed
        self._heard_at = max(now, self._heard_at)
        if queue < TARGET_QUEUE / 4:
            self._least_at = now
        if sent_at < self._round_at:
            return
        self._round_least = min(self._round_least, round_trip)
        if self._counted_at == inf:
            self._counted_at = now
        long = TARGET_QUEUE if self._starting else LONG_QUEUE
        if now - self._counted_at < PROGRESS_INTERVAL / 2 and queue <= long:
            return
        self._steer(least, self._round_least - least, now)
        if now - self._least_at > PROBE_INTERVAL:
            self._probe_until, self._probe_time, self._least_at = now + round_trip, round_trip, now
            self._round_at = self._probe_until

    def out_of_turn(self, size: int, now: float) -> None:
        """So many bytes go at once, whatever the pace: what follows makes room for them, for a while at most."""
        if self.next_at < now + MOST_DEBT:
            self.next_at = min(self.next_at + size * self.byte_time, now + MOST_DEBT)

    def cut(self, now: float) -> None:
        """What was in flight counts no more, and still drains: for a round the pace is no faster than that."""
        self.byte_time *= self._pace_gain
        self._pace_gain = 1.0
        self._round_at, self._counted_at, self._round_least = now, inf, inf

    def _steer(self, least: float, queue: float, now: float) -> None:
        """End a round in which the queue was at least so long."""
        if self._starting and queue > TARGET_QUEUE:
            self._starting = False
        gain = (least + TARGET_QUEUE) / (least + queue)
        if self._starting:
            gain = START_GAIN
        elif queue < TARGET_QUEUE / 2:
            gain = min(max(gain, LEAST_GROWTH), MOST_GROWTH)
        if gain < 1 or self.limited:
            self._bound *= gain
        self._bound = min(max(self._bound, self._floor()), self._most)
        if self._landed_at != -inf and now > self._landed_at:
            self._rate = self._landed / (now - self._landed_at)
        pace = self._bound / (least + PROGRESS_INTERVAL)
        if least + queue < PROGRESS_INTERVAL:
            pace = max(pace, self._rate)  # reports come more often when much arrives
        self._pace_gain = START_PACE_GAIN if self._starting else PACE_GAIN
        # Where a round trip is nothing, the bound alone will do.
        self.byte_time = 0.0 if least + queue < BURST else 1 / (pace * self._pace_gain)
        self._landed, self._landed_at = 0, now
        self._round_at, self._counted_at, self._round_least, self.limited = now, inf, inf, False

    def _floor(self) -> float:
        """What real time needs: a round trip and one interval of reports, with something to spare."""
        least = min(self._least, self._least_before)
        seconds = (0.0 if least == inf else least) + PROGRESS_INTERVAL
        return max(REAL_TIME_GAIN * self._byte_rate * seconds, 2 * PACKET)
