"""A path through the network in simulated time, with the congestion control of TCP or SCTP above it.

A model, not the real thing: packets pass a bottleneck with a drop-tail queue, are lost at random, and take a fixed
time. What is lost is found out by three later packets, or by a time-out, as in NewReno with selective acknowledgements.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf
from random import Random
from typing import Any

PACKET = 1_200
"""Bytes of payload in a packet."""
HEADERS = 50
"""Bytes of a packet beside its payload."""


class Clock:
    """Simulated time: calls what is due, in order."""

    def __init__(self) -> None:
        self.now = 1.0
        self._count = 0
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []

    @property
    def next(self) -> float:
        """When something is due."""
        return self._heap[0][0] if self._heap else inf

    def at(self, time: float, call: Callable[..., None], *args: Any) -> None:
        """Call it then."""
        self._count += 1
        heappush(self._heap, (time, self._count, call, args))

    def step(self) -> None:
        """Go to the next thing that is due, and call it."""
        time, _, call, args = heappop(self._heap)
        self.now = max(self.now, time)
        call(*args)


@dataclass(frozen=True, kw_only=True)
class PathSettings:
    """One direction. Bytes a second, seconds, a share of the packets, bytes."""

    rate: float = inf
    delay: float = 0.0
    loss: float = 0.0
    queue: int = 65_536


class Path:
    """One direction of a link."""

    def __init__(self, settings: PathSettings, random: Random, clock: Clock) -> None:
        self.settings = settings
        self.carried = 0
        """Bytes that left the bottleneck, headers too."""
        self.dropped = 0
        self._random = random
        self._clock = clock
        self._free_at = 0.0

    def arrival(self, size: int) -> float | None:
        """When a packet that is sent now arrives; None: it is lost."""
        settings, now = self.settings, self._clock.now
        size += HEADERS
        leaves = start = max(now, self._free_at)
        if settings.rate != inf:
            if (start - now) * settings.rate + size > settings.queue:
                self.dropped += 1
                return None
            leaves = self._free_at = start + size / settings.rate
        self.carried += size
        if settings.loss and self._random.random() < settings.loss:
            return None
        return leaves + settings.delay


@dataclass(slots=True, eq=False)
class _Packet:
    stream: int | None
    """Packets of one stream are delivered in order, and again until they arrive; None: neither."""
    order: int
    size: int
    message: bytes | None
    """In the last packet of a message."""
    sent: int = 0
    """Counts the transmissions of the association."""
    sent_at: float = 0.0
    tries: int = 0
    arrived: bool = False
    done: bool = False


@dataclass(frozen=True, kw_only=True)
class AssociationSettings:
    """How the transport behaves."""

    least_timeout: float
    """Seconds, of retransmission."""
    congestion: bool = True
    """Whether a window of congestion bounds what is under way."""


class Association:
    """One direction of a TCP connection or an SCTP association.

    ``deliver``: called with what arrives. Acknowledgements come back after ``back`` seconds, and are not lost.
    """

    def __init__(
        self,
        settings: AssociationSettings,
        path: Path,
        clock: Clock,
        back: float,
        deliver: Callable[[int | None, bytes], None],
    ) -> None:
        self._path, self._clock, self._back = path, clock, back
        self._least_timeout = settings.least_timeout
        self._congestion = settings.congestion
        self._deliver = deliver
        self._waiting: deque[_Packet] = deque()
        self._unsettled: dict[_Packet, None] = {}
        """Sent, neither acknowledged nor found lost; in the order of transmission."""
        self._next_order: dict[int, int] = {}
        self._expected: dict[int, int] = {}
        self._held: dict[tuple[int, int], _Packet] = {}
        self._transmissions = 0
        self._window = 10.0
        self._threshold = inf
        self._recovered = 0
        self._round_trip = 0.0
        self._backoff = 1.0
        self._timer = 0

    @property
    def backlog(self) -> int:
        """Bytes that wait for the congestion window."""
        return sum(packet.size for packet in self._waiting)

    def send(self, stream: int | None, message: bytes) -> None:
        """Send a message; one on no stream must fit a packet."""
        left = len(message)
        while left > 0:
            size = min(left, PACKET)
            left -= size
            order = 0
            if stream is not None:
                order = self._next_order.get(stream, 0)
                self._next_order[stream] = order + 1
            self._waiting.append(_Packet(stream, order, size, message if left <= 0 else None))
        self._transmit()

    def _transmit(self) -> None:
        while self._waiting and (len(self._unsettled) < self._window or not self._congestion):
            packet = self._waiting.popleft()
            self._transmissions += 1
            packet.sent, packet.sent_at = self._transmissions, self._clock.now
            packet.tries += 1
            if not self._unsettled:
                self._arm()
            self._unsettled[packet] = None
            arrival = self._path.arrival(packet.size)
            if arrival is not None:
                self._clock.at(arrival, self._arrived, packet, packet.sent)

    def _arrived(self, packet: _Packet, sent: int) -> None:
        if not packet.arrived:
            packet.arrived = True
            if packet.stream is None:
                assert packet.message is not None
                self._deliver(None, packet.message)
            else:
                self._in_order(packet.stream, packet)
        self._clock.at(self._clock.now + self._back, self._acknowledged, packet, sent)

    def _in_order(self, stream: int, packet: _Packet) -> None:
        self._held[stream, packet.order] = packet
        expected = self._expected.get(stream, 0)
        while (ready := self._held.pop((stream, expected), None)) is not None:
            expected += 1
            self._expected[stream] = expected
            if ready.message is not None:
                self._deliver(stream, ready.message)

    def _acknowledged(self, packet: _Packet, sent: int) -> None:
        if packet.tries == 1:
            sample = self._clock.now - packet.sent_at
            self._round_trip = sample if not self._round_trip else 0.875 * self._round_trip + 0.125 * sample
        self._unsettled.pop(packet, None)
        packet.done = True
        self._backoff = 1.0
        if sent > self._recovered:
            self._window += 1.0 if self._window < self._threshold else 1.0 / self._window
        for other in tuple(self._unsettled):
            if other.sent > sent - 3:
                break
            self._lost(other)
            if sent > self._recovered:
                self._threshold = self._window = max(0.7 * self._window, 2.0)
                self._recovered = self._transmissions
        self._arm()
        self._transmit()

    def _lost(self, packet: _Packet) -> None:
        del self._unsettled[packet]
        if packet.stream is not None and not packet.done:
            self._waiting.appendleft(packet)

    def _arm(self) -> None:
        self._timer += 1
        timeout = max(self._least_timeout, 2 * self._round_trip if self._round_trip else 1.0) * self._backoff
        self._clock.at(self._clock.now + timeout, self._timed_out, self._timer)

    def _timed_out(self, timer: int) -> None:
        if timer != self._timer or not self._unsettled:
            return
        self._threshold, self._window = max(0.7 * self._window, 2.0), 1.0
        self._recovered = self._transmissions
        self._backoff = min(2 * self._backoff, 60.0)
        for packet in reversed(tuple(self._unsettled)):
            self._lost(packet)
        self._transmit()
        if self._unsettled:
            self._arm()
