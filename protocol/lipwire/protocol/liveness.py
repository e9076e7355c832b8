"""Pings, round trip, clock offset, and when silence means that a transport is broken (SPEC §16)."""

from __future__ import annotations

from collections import deque
from math import inf

from .limits import BOUNDS, SILENT_KEEPALIVES
from .messages import Ping, Pong

_PONGS_PER_SECOND = 100
FIRST_ROUND_TRIP = 0.1
_PINGS_REMEMBERED = 8


def microseconds(now: float) -> int:
    """Turn a clock reading in seconds into the µs of the wire."""
    return int(now * 1_000_000)


class Liveness:
    """What one peer knows of the other's presence on the current transport."""

    def __init__(self) -> None:
        self.keepalive = BOUNDS["keepalive"].default
        self.round_trip = FIRST_ROUND_TRIP
        """Seconds, smoothed; a guess until the first pong (SPEC §13)."""
        self.least_round_trip = inf
        self.clock_offset = 0.0
        """The peer's clock minus ours, in seconds, at the least round trip seen."""
        self._ping_at = inf
        self.heard_at = inf
        """When something last came; infinity without a transport."""
        self._pong_second = 0
        self._pongs = 0
        self._pongs_taken = 0
        self._asked: deque[int] = deque(maxlen=_PINGS_REMEMBERED)

    @property
    def deadline(self) -> float:
        """When a ping is due or the silence has lasted too long."""
        return min(self._ping_at, self.heard_at + SILENT_KEEPALIVES * self.keepalive)

    def attach(self, now: float) -> None:
        """The session is open on a transport: ping at once, to learn the round trip."""
        self._ping_at = self.heard_at = now
        self.least_round_trip = inf

    def detach(self) -> None:
        """There is no transport: nobody to ping."""
        self._ping_at = self.heard_at = inf

    def is_silent(self, now: float) -> bool:
        """Whether the peer has been silent for too long (LW-LIVE-3)."""
        return now >= self.heard_at + SILENT_KEEPALIVES * self.keepalive

    def due_ping(self, now: float) -> Ping | None:
        """Give a ping when one is due (LW-LIVE-2)."""
        if now < self._ping_at:
            return None
        self._ping_at = now + self.keepalive
        ping = Ping(microseconds(now))
        self._asked.append(ping.t1)
        return ping

    def answer(self, ping: Ping, now: float) -> Pong | None:
        """Answer a ping, up to so many a second (LW-LIVE-1)."""
        second = int(now)
        if second != self._pong_second:
            self._pong_second, self._pongs = second, 0
        self._pongs += 1
        if self._pongs > _PONGS_PER_SECOND:
            return None
        clock = microseconds(now)
        return Pong(ping.t1, clock, clock)

    def take(self, pong: Pong, now: float) -> None:
        """Learn from a pong; one that was not asked for, or can not be true, is left out of account."""
        if pong.t1 not in self._asked:
            return
        self._asked.remove(pong.t1)
        t4 = microseconds(now)
        round_trip = ((t4 - pong.t1) - (pong.t3 - pong.t2)) / 1_000_000
        if pong.t1 > t4 or round_trip < 0 or pong.t3 < pong.t2:
            return
        if round_trip <= self.least_round_trip:
            self.least_round_trip = round_trip
            self.clock_offset = ((pong.t2 - pong.t1) + (pong.t3 - t4)) / 2_000_000
        first = self._pongs_taken == 0
        self._pongs_taken += 1
        self.round_trip = round_trip if first else 0.75 * self.round_trip + 0.25 * round_trip
