"""What all transports need: a queue of arrivals that has an end, and one of peers to be accepted."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from lipwire.transports.base import Transport, TransportClosed, TransportError
from lipwire.transports.loop import Waiter, waiter_factory

if TYPE_CHECKING:
    from lipwire.protocol.channels import Channel, Wire
    from lipwire.transports.base import Deliver, Received


def size_of(message: Wire) -> int:
    """The message's size in bytes, as limits count it (text counts as UTF-8)."""
    return len(message) if isinstance(message, bytes) else len(message.encode())


@dataclass(frozen=True)
class End:
    """How a transport ended. An exception is made anew each time, so that its traceback does not grow."""

    kind: type[TransportError]
    reason: str
    cause: BaseException | None = None

    def error(self) -> TransportError:
        """The exception to raise, with its cause set."""
        error = self.kind(self.reason)
        error.__cause__ = self.cause
        return error


CLOSED_HERE = End(TransportClosed, "this side closed the transport")
ABORTED_HERE = End(TransportClosed, "this side tore the transport down")


class Inbox:
    """Arrivals in order, then the end. One task may wait; what waits there is woken once per batch."""

    def __init__(self) -> None:
        self._items: list[Received] = []
        self._waiter: Waiter | None = None
        self._waiting = False
        self.end: End | None = None
        """Set once the transport is over, however it came about."""
        self.deliver: Deliver | None = None
        """Who takes arrivals as they come (:meth:`Transport.deliver_to`)."""

    def __len__(self) -> int:
        return len(self._items)

    def put(self, channel: Channel, message: Wire) -> bool:
        """Add one arrival. What comes after the end is dropped. Gives whether it waits here."""
        if self.end is not None:
            return False
        if self.deliver is not None and not self._items:  # else it would overtake them
            self.deliver(channel, message)
            return False
        self._items.append((channel, message))
        self._wake()
        return True

    def finish(self, end: End, *, discard: bool = False) -> None:
        """Note the end; the first one counts, except that closing here overrides what the peer did.

        ``discard`` also drops what has not been taken.
        """
        if self.end is None or end.kind is TransportClosed:
            self.end = end
        if discard:
            self._items = []
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def take(self) -> list[Received]:
        """All arrivals, at least one; or the end, raised. Cancelling loses none."""
        if self._waiting:
            raise anyio.BusyResourceError("receiving from")
        if self._items or self.end is not None:
            await checkpoint_if_cancelled()
        else:
            self._waiter = waiter = waiter_factory()()
            self._waiting = True
            try:
                await waiter
            finally:
                self._waiting = False
                self._waiter = None
        items = self._items
        if items:
            self._items = []
            return items
        if self.end is None:
            raise AssertionError("woken without an arrival or an end")
        raise self.end.error()


class Backlog:
    """Peers that have connected and wait to be accepted; at most ``limit`` of them."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._peers: deque[Transport] = deque()
        self._arrived = anyio.Event()
        self.closed = True

    def open(self) -> None:
        """From now on peers may come."""
        self.closed = False

    @property
    def full(self) -> bool:
        """Whether one more peer would be too many."""
        return self.closed or len(self._peers) >= self.limit

    def put(self, peer: Transport) -> None:
        """Add a peer, for the caller has seen that it is not ``full``."""
        self._peers.append(peer)
        self._arrived.set()

    async def get(self) -> Transport:
        """The next peer, which may be gone again by now. Cancelling loses none.

        Raises:
            TransportClosed: closed, or not open yet.
        """
        await checkpoint_if_cancelled()
        while True:
            if self.closed:
                raise TransportClosed("the listener is not open")
            if self._peers:
                return self._peers.popleft()
            if self._arrived.is_set():
                self._arrived = anyio.Event()
            await self._arrived.wait()

    def close(self) -> list[Transport]:
        """Accept none from now on; whoever waits is told. Returns the peers that nobody accepted."""
        self.closed = True
        self._arrived.set()
        left = list(self._peers)
        self._peers.clear()
        return left


async def close_all(peers: list[Transport]) -> None:
    """Close transports side by side; if cancelled, they are aborted."""
    try:
        async with anyio.create_task_group() as group:
            for peer in peers:
                group.start_soon(peer.aclose)
    finally:
        for peer in peers:
            peer.abort()
