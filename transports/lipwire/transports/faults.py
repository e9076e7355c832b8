"""The fault injector: makes any transport lose, reorder, duplicate, delay, throttle and break, from a seed.

There is one, and this is it: tests, benchmarks, the demo and the conformance kit use it alike. What goes
wrong is a :class:`Faults`; how, in simulated time, is :class:`FaultyLink`; here it is put around real
transports.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Self

import anyio
from anyio.lowlevel import checkpoint

from lipwire.protocol.channels import Channel
from lipwire.transports._background import Background
from lipwire.transports._queues import ABORTED_HERE, CLOSED_HERE, End, Inbox, size_of
from lipwire.transports.base import (
    Connector,
    Listener,
    MessageTooLarge,
    Transport,
    TransportBroken,
    TransportEnded,
    TransportError,
    TransportOverflow,
)
from lipwire.transports.link import Faults, FaultyLink, LinkCounts

if TYPE_CHECKING:
    from types import TracebackType

    from lipwire.protocol.channels import Binding, Wire
    from lipwire.transports.base import Received

__all__ = [
    "Faults",
    "FaultyConnector",
    "FaultyLink",
    "FaultyListener",
    "FaultyTransport",
    "LinkCounts",
    "faulty",
]

NO_FAULTS = Faults()
FLUSH_TIMEOUT = 10.0
"""Seconds that ``aclose`` waits at most for what is on its way."""
MAX_UNREAD = 4096
"""Messages that may wait unread before the reader stops, so that the wrapped transport pushes back."""


def _declared(binding: Binding, faults_out: Faults, faults_in: Faults) -> Binding:
    """What the transport still promises when these faults are put around it."""

    def spoils(channel: Channel) -> bool:
        return faults_out.loses(channel) or faults_in.loses(channel)

    return replace(
        binding,
        control_reliable=binding.control_reliable and not spoils(Channel.CONTROL),
        media_reliable=binding.media_reliable and not spoils(Channel.MEDIA),
    )


class FaultyTransport(Transport):
    """Any transport, made worse. Its binding says so where a channel is no longer reliable.

    Args:
        transport: the one to wrap; it is closed with this one.
        faults_out: befall what is sent.
        faults_in: befall what is received; None is no faults. A cut in either breaks the connection for both.
        connection: which connection this is, from 0, for the randomness and for ``cut_after``.
        max_buffered: bytes that may wait for the link's ``rate``; more raises ``TransportOverflow``.

    Raises:
        ValueError: ``faults_in`` has random faults for media alone, but the transport cannot tell arriving
            media from control. Wrap the sending side, or put both channels into ``channels``.
    """

    def __init__(
        self,
        transport: Transport,
        faults_out: Faults,
        faults_in: Faults | None = None,
        *,
        connection: int = 0,
        max_buffered: int = 16 * 1024 * 1024,
    ) -> None:
        faults_in = faults_in or NO_FAULTS
        one_stream = not transport.binding.separate_media
        if one_stream and faults_in.loses(Channel.MEDIA) and Channel.CONTROL not in faults_in.channels:
            raise ValueError(
                f"a {transport.binding.name} transport cannot tell arriving media from control: "
                "wrap the sending side, or give faults_in channels={CONTROL, MEDIA}"
            )
        self.inner = transport
        self.binding = _declared(transport.binding, faults_out, faults_in)
        self.peer = transport.peer
        now = anyio.current_time()
        self.out = FaultyLink(faults_out, connection=connection, direction="out", one_stream=one_stream, now=now)
        """The link that what is sent goes through; its ``counts`` say what became of it."""
        self.into = FaultyLink(faults_in, connection=connection, direction="in", one_stream=one_stream, now=now)
        """The link that what is received goes through."""
        self._limits = {
            Channel.CONTROL: self.binding.max_message,
            Channel.MEDIA: self.binding.max_media_message,
        }
        self._max_buffered = max_buffered
        self._inbox = Inbox()
        self._inner_end: End | None = None
        self._held: deque[Received] = deque()
        """What has passed the link, but the transport beneath would not take yet."""
        self._changed = anyio.Event()
        self._taken = anyio.Event()
        self._reader = Background(self._read, self._fail, name="lipwire faults: reader")
        self._timer = Background(self._run_timer, self._fail, name="lipwire faults: timer")

    def send(self, channel: Channel, message: Wire) -> None:
        """See :meth:`Transport.send`. What a fault takes away is not an error."""
        end = self._inbox.end or self._inner_end
        if end is not None:
            raise end.error()
        size = size_of(message)
        if size > self._limits[channel]:
            raise MessageTooLarge(f"{size} bytes on {channel.value}; the most is {self._limits[channel]}")
        now = anyio.current_time()
        waiting = self.out.waiting(now)
        if self._held:
            raise TransportOverflow(f"{self.buffered()} bytes wait, and the transport beneath takes no more")
        if waiting + size > self._max_buffered:
            raise TransportOverflow(f"{waiting} bytes wait for the link; the most is {self._max_buffered}")
        before = self.out.next_deadline()
        self.out.push(channel, message, now)
        self._deliver(now)
        after = self.out.next_deadline()
        if self._held or (after is not None and (before is None or after < before)):
            self._changed.set()

    def buffered(self) -> int:
        """Bytes that wait for the link's ``rate``, and those that wait in the transport beneath."""
        held = sum(size_of(message) for _, message in self._held)
        return self.out.waiting(anyio.current_time()) + held + self.inner.buffered()

    async def receive(self) -> list[Received]:
        """See :meth:`Transport.receive`."""
        batch = await self._inbox.take()
        self._taken.set()
        return batch

    async def aclose(self) -> None:
        """Close, after what is on its way has gone out (for up to ``FLUSH_TIMEOUT``)."""
        if self._inbox.end is not None and self._inbox.end.kind is CLOSED_HERE.kind:
            await checkpoint()
            return
        self._inbox.finish(CLOSED_HERE, discard=True)
        self._reader.cancel()
        try:
            with anyio.move_on_after(FLUSH_TIMEOUT):
                while self._inner_end is None:
                    self._deliver(anyio.current_time())
                    arrival = self._retry_at() if self._held else self.out.next_arrival()
                    if arrival is None:
                        break
                    await anyio.sleep_until(arrival)
            await self.inner.aclose()
        finally:
            self._timer.cancel()
            # Cancelled, or cut meanwhile; otherwise it has no effect.
            self.inner.abort()
        await self._timer.wait()

    def abort(self) -> None:
        """See :meth:`Transport.abort`."""
        self._inbox.finish(ABORTED_HERE, discard=True)
        self._stop()

    def disconnect(self, reason: str = "disconnected by the fault injector") -> None:
        """Break the transport now, for this side and for the peer; what had arrived can still be received."""
        self._inner_end = End(TransportBroken, reason)
        self._inbox.finish(self._inner_end)
        self._stop()

    def _stop(self) -> None:
        self._reader.cancel()
        self._timer.cancel()
        self.inner.abort()

    def _fail(self, error: Exception) -> None:
        self._inbox.finish(End(TransportBroken, f"the fault injector failed: {error!r}", error))
        self._stop()

    def _deliver(self, now: float) -> None:
        """Let out what is due in both directions, and break or end when that is due."""
        self._held.extend(self.out.pop_due(now))
        while self._held:
            channel, message = self._held[0]
            try:
                self.inner.send(channel, message)
            except TransportOverflow:
                break
            except (TransportEnded, TransportBroken):
                # The reader learns of it, after all that arrived before it.
                self._held.clear()
                break
            except TransportError as error:
                self._held.clear()
                self._end_with(error)
                break
            self._held.popleft()
        for item in self.into.pop_due(now):
            self._inbox.put(*item)
        if self.out.is_cut(now) or self.into.is_cut(now):
            cut_at = min(link.cut_at for link in (self.out, self.into) if link.cut_at is not None)
            self.disconnect(f"cut by the fault injector (at {cut_at:.3f} on the loop's clock)")
        elif self._inner_end is not None and self.into.next_arrival() is None:
            # The peer's end comes after all that it had sent.
            self._inbox.finish(self._inner_end)

    def _end_with(self, error: TransportError) -> None:
        self._inner_end = End(type(error), str(error), error.__cause__)
        self._changed.set()

    def _retry_at(self) -> float:
        return anyio.current_time() + 0.005

    async def _read(self) -> None:
        while True:
            while len(self._inbox) > MAX_UNREAD:
                self._taken = anyio.Event()
                await self._taken.wait()
            try:
                batch = await self.inner.receive()
            except TransportError as error:
                self._end_with(error)
                return
            now = anyio.current_time()
            for channel, message in batch:
                self.into.push(channel, message, now)
            self._deliver(now)
            self._changed.set()

    async def _run_timer(self) -> None:
        while self._inbox.end is None:
            self._changed = anyio.Event()
            self._deliver(anyio.current_time())
            deadlines = [d for d in (self.out.next_deadline(), self.into.next_deadline()) if d is not None]
            if self._held:
                deadlines.append(self._retry_at())
            with anyio.move_on_at(min(deadlines, default=math.inf)):
                await self._changed.wait()


class FaultyConnector:
    """A connector whose transports are wrapped; made by :func:`faulty`."""

    def __init__(self, connector: Connector, faults_out: Faults, faults_in: Faults | None) -> None:
        self._connector = connector
        self._faults_out = faults_out
        self._faults_in = faults_in
        self._connections = count()
        self.transports: list[FaultyTransport] = []

    async def __call__(self) -> Transport:
        transport = await self._connector()
        wrapped = FaultyTransport(transport, self._faults_out, self._faults_in, connection=next(self._connections))
        self.transports.append(wrapped)
        return wrapped


def faulty(connector: Connector, faults_out: Faults, faults_in: Faults | None = None) -> FaultyConnector:
    """A connector whose transports are wrapped, each counted as one connection more.

    The result's ``transports`` has all it made, for their counts.
    """
    return FaultyConnector(connector, faults_out, faults_in)


class FaultyListener(Listener):
    """A listener whose accepted transports are wrapped, each counted as one connection more."""

    def __init__(self, listener: Listener, faults_out: Faults, faults_in: Faults | None = None) -> None:
        self.inner = listener
        self._faults_out = faults_out
        self._faults_in = faults_in
        self._connections = count()

    @property
    def address(self) -> str:  # type: ignore[override]
        """The wrapped listener's address."""
        return self.inner.address

    async def accept(self) -> Transport:
        """See :meth:`Listener.accept`."""
        transport = await self.inner.accept()
        return FaultyTransport(transport, self._faults_out, self._faults_in, connection=next(self._connections))

    async def __aenter__(self) -> Self:
        await self.inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.inner.__aexit__(kind, error, trace)
