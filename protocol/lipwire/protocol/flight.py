"""How many bytes may be on their way, so that an interrupt is not queued behind them (LW-FLIGHT-1).

The bound is steered by delay: it grows while the queue in the network is short and shrinks when it is long. The
queue is the round trip of a chunk, less the least round trip seen lately. The bound never goes under what real time
needs, and for one round trip every few seconds only half of it is used, so that the least round trip stays honest.
"""

from __future__ import annotations

from math import inf

from .limits import PROGRESS_INTERVAL

SHORT_QUEUE = 0.010
"""Seconds of queueing under which the bound grows."""
LONG_QUEUE = 0.020
"""Seconds of queueing over which the bound shrinks."""
TARGET_QUEUE = 0.010
"""Seconds of queueing that a bound which was too large is brought back to."""
REAL_TIME_GAIN = 1.5
PROBE_INTERVAL = 5.0
FIRST_SECONDS = 0.2
PACKET = 1_150


class Flight:
    """The bound on bytes sent and not yet reported as received.

    ``byte_rate``: of the format, in bytes a second; ``most``: what the bound may not exceed (the window).
    """

    def __init__(self, byte_rate: float, most: float) -> None:
        self._byte_rate = byte_rate
        self._most = max(most, 4 * PACKET)
        self._bound = byte_rate * FIRST_SECONDS
        self._slow_start = True
        self._least = inf
        self._least_before = inf
        self._epoch_at = -inf
        self._round_until = -inf
        self._probe_at = -inf
        self._probe_until = -inf
        self._probe_time = 0.0
        self.round_trip = 0.0
        self.queue_delay = 0.0
        """Seconds, by the last sample."""

    def bound(self, now: float) -> float:
        """Bytes that may be in flight now."""
        if now >= self._probe_until + self._probe_time:
            return self._bound
        # Half of it, and then back within another round trip: all at once would be a queue of its own.
        share = 0.5 + 0.5 * max(0.0, now - self._probe_until) / self._probe_time
        return max(self._floor(), self._bound * share)

    def sample(self, round_trip: float, acknowledged: int, limited: bool, now: float) -> None:
        """Learn from a chunk that was reported as received.

        ``round_trip``: seconds from sending it to the report, less the receiver's own delay; ``acknowledged``: bytes
        newly reported; ``limited``: whether the bound, not a lack of audio, held the sender back.
        """
        if now - self._epoch_at > PROBE_INTERVAL:
            self._least_before, self._least, self._epoch_at = self._least, inf, now
        self._least = min(self._least, round_trip)
        least = min(self._least, self._least_before)
        self.round_trip = round_trip
        self.queue_delay = queue = round_trip - least
        if queue > LONG_QUEUE:
            self._slow_start = False
            if now >= self._round_until:
                self._bound *= (least + TARGET_QUEUE) / round_trip
                self._round_until = now + round_trip
        elif queue < SHORT_QUEUE and limited:
            if self._slow_start:
                self._bound += acknowledged
            else:
                # One packet a round trip, spread over the reports of that round trip.
                self._bound += PACKET * acknowledged / self._bound
        elif queue >= SHORT_QUEUE:
            self._slow_start = False
        self._bound = min(max(self._bound, self._floor()), self._most)
        if now >= self._probe_at:
            if self._probe_at != -inf:
                self._probe_until, self._probe_time = now + round_trip, round_trip
            self._probe_at = now + PROBE_INTERVAL

    def _floor(self) -> float:
        """What real time needs: a round trip and one interval of reports, with something to spare."""
        least = min(self._least, self._least_before)
        seconds = (0.0 if least == inf else least) + PROGRESS_INTERVAL
        return max(REAL_TIME_GAIN * self._byte_rate * seconds, 2 * PACKET)
