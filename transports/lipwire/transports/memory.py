"""A transport inside one process: for tests, for simulations, and for an agent and an avatar in one program.

Runs on asyncio and on trio. It delivers at once, in order and without loss, whatever its binding declares;
loss and delay come from :mod:`lipwire.transports.faults`.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Self

from anyio.lowlevel import checkpoint

from lipwire.protocol.channels import Binding, Channel
from lipwire.transports._queues import ABORTED_HERE, CLOSED_HERE, Backlog, End, Inbox, size_of
from lipwire.transports.base import (
    Listener,
    MessageTooLarge,
    Transport,
    TransportBroken,
    TransportEnded,
    TransportOverflow,
)

if TYPE_CHECKING:
    from types import TracebackType

    from lipwire.protocol.channels import Wire
    from lipwire.transports.base import Deliver, Received

_MEDIA = Channel.MEDIA
_CONTROL = Channel.CONTROL
MEMORY_BINDING = Binding(name="memory", separate_media=False)
"""One ordered, reliable channel, as a WebSocket has."""

MAX_BUFFERED = 16 * 1024 * 1024
"""Bytes that may wait in a transport before ``send`` raises ``TransportOverflow``, unless set."""

_listeners = count(1)


class MemoryTransport(Transport):
    """One end of a pair; made by :func:`memory_pair` and :class:`MemoryListener`."""

    def __init__(self, binding: Binding, peer: str, max_buffered: int) -> None:
        self.binding = binding
        self.peer = peer
        self._max_buffered = max_buffered
        self._separate = binding.separate_media
        self._most_control, self._most_media = binding.max_message, binding.max_media_message
        self._inbox = Inbox()
        self._unread = 0
        self._other: MemoryTransport = self

    def send(self, channel: Channel, message: Wire) -> None:
        """See :meth:`Transport.send`."""
        end = self._inbox.end
        if end is not None:
            raise end.error()
        size = len(message) if type(message) is bytes else size_of(message)
        most = self._most_media if channel is _MEDIA else self._most_control
        if size > most:
            raise MessageTooLarge(f"{size} bytes on {channel.value}; the most is {most}")
        other = self._other
        if other._unread + size > self._max_buffered:
            raise TransportOverflow(f"{other._unread} bytes wait; the most is {self._max_buffered}")
        if other._inbox.put(channel if self._separate else _CONTROL, message):
            other._unread += size

    def buffered(self) -> int:
        """Bytes that the other end has not taken yet."""
        return self._other._unread

    async def receive(self) -> list[Received]:
        """See :meth:`Transport.receive`."""
        batch = await self._inbox.take()
        self._unread = 0
        return batch

    def deliver_to(self, deliver: Deliver) -> None:
        """See :meth:`Transport.deliver_to`."""
        self._inbox.deliver = deliver

    async def aclose(self) -> None:
        """Close. What was sent is already with the other end, so there is nothing to wait for."""
        self._close(End(TransportEnded, "the peer closed"), CLOSED_HERE)
        await checkpoint()

    def abort(self) -> None:
        """See :meth:`Transport.abort`."""
        self._close(End(TransportBroken, "the peer vanished"), ABORTED_HERE)

    def disconnect(self, reason: str = "disconnected") -> None:
        """Break both ends, as a network that fails does; what had arrived can still be received."""
        end = End(TransportBroken, reason)
        self._inbox.finish(end)
        self._other._inbox.finish(end)

    def _close(self, theirs: End, ours: End) -> None:
        self._unread = 0
        self._inbox.finish(ours, discard=True)
        self._other._inbox.finish(theirs)


def memory_pair(
    *,
    binding: Binding = MEMORY_BINDING,
    max_buffered: int = MAX_BUFFERED,
    names: tuple[str, str] = ("memory:sender", "memory:receiver"),
) -> tuple[MemoryTransport, MemoryTransport]:
    """Two transports that speak to each other.

    Args:
        binding: what both declare; with ``separate_media`` messages arrive on the channel they were sent on.
        max_buffered: bytes that the other end may leave untaken before ``send`` raises ``TransportOverflow``.
        names: what each is called as the other's ``peer``.
    """
    first = MemoryTransport(binding, names[1], max_buffered)
    second = MemoryTransport(binding, names[0], max_buffered)
    first._other, second._other = second, first
    return first, second


class MemoryListener(Listener):
    """A listener whose ``connect`` is the connector: ``AudioOut(listener.connect, ...)``.

    Args:
        binding, max_buffered: as for :func:`memory_pair`.
        backlog: peers that may wait to be accepted; one more gets ``TransportBroken`` from ``connect``.
    """

    def __init__(
        self, *, binding: Binding = MEMORY_BINDING, max_buffered: int = MAX_BUFFERED, backlog: int = 100
    ) -> None:
        self.address = f"memory:{next(_listeners)}"
        self._binding = binding
        self._max_buffered = max_buffered
        self._backlog_limit = backlog
        self._backlog: Backlog | None = None
        self._connections = count(1)

    async def connect(self) -> Transport:
        """Connect to this listener (a :class:`~lipwire.transports.base.Connector`).

        Raises:
            TransportBroken: the listener is not open, or too many wait to be accepted.
        """
        await checkpoint()
        if self._backlog is None or self._backlog.full:
            raise TransportBroken(f"{self.address}: nobody listens, or too many wait")
        name = f"{self.address}/{next(self._connections)}"
        ours, theirs = memory_pair(binding=self._binding, max_buffered=self._max_buffered, names=(name, self.address))
        self._backlog.put(theirs)
        return ours

    async def accept(self) -> Transport:
        """See :meth:`Listener.accept`."""
        if self._backlog is None:
            self._backlog = Backlog(self._backlog_limit)
        return await self._backlog.get()

    async def __aenter__(self) -> Self:
        self._backlog = Backlog(self._backlog_limit)
        self._backlog.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._backlog is not None:
            for peer in self._backlog.close():
                await peer.aclose()
