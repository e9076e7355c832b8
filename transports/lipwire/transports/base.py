"""The interface between Lipwire and the network: two channels of whole messages, and how they end.

Everything above speaks to :class:`Transport`, :class:`Connector` and :class:`Listener` alone, so a new
transport is one module. All of them pass the contract suite in ``tests/transports/test_contract.py``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias

from lipwire.protocol.channels import Binding, Channel, Wire

if TYPE_CHECKING:
    from types import TracebackType

Received: TypeAlias = tuple[Channel, Wire]
"""One message that arrived, with the channel it came on (always ``CONTROL`` where media is not separate)."""

Deliver: TypeAlias = Callable[[Channel, Wire], None]
"""Takes one message as it arrives, in the event loop, without waiting; never raises."""


class TransportError(Exception):
    """The base of all that can go wrong below the protocol."""


class TransportEnded(TransportError):
    """The peer closed the transport in an orderly way (a close frame, a closed channel)."""


class TransportBroken(TransportError):
    """The transport failed: reset, timed out, refused, unreachable. The message says how."""


class TransportClosed(TransportError):
    """The transport was closed on this side before the call."""


class TransportOverflow(TransportError):
    """More is waiting in the transport than ``max_buffered`` allows; the message was not sent."""


class MessageTooLarge(TransportError):
    """A message was larger than the binding allows on its channel; it was not sent."""


class ConnectRefused(TransportError):
    """The other end answered and said no; trying again unchanged is of no use."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status of the refusal, if there was one."""


class MissingExtra(TransportError, ImportError):
    """A transport needs packages that are not installed; the message has the ``pip install`` line."""


class Transport(ABC):
    """Two channels of whole messages between two peers.

    Sending never waits: the core bounds what is in flight. Receiving gives what has arrived as a batch, which
    keeps the cost of a task switch off the single message.
    """

    binding: Binding
    peer: str
    """The peer's address or identity, for logs and for pinning; not trusted, escaped by whoever prints it."""

    @abstractmethod
    def send(self, channel: Channel, message: Wire) -> None:
        """Hand one message to the network, without waiting.

        Raises:
            TransportClosed, TransportEnded, TransportBroken: it is over, and in which way.
            TransportOverflow: ``buffered()`` is at its bound.
            MessageTooLarge: the message is larger than the binding allows on that channel.
        """

    @abstractmethod
    def buffered(self) -> int:
        """Bytes that were sent and that the network has not taken yet (0 where that cannot be known)."""

    @abstractmethod
    async def receive(self) -> list[Received]:
        """Wait until at least one message is here, and take all that are, in the order of their arrival.

        Only one task may wait at a time (``anyio.BusyResourceError`` for a second). Cancelling it loses no
        message. Messages that arrived before the transport's end are given out before the end is raised.

        Raises:
            TransportEnded: the peer closed in an orderly way.
            TransportBroken: the transport failed.
            TransportClosed: this side closed it.
        """

    def deliver_to(self, deliver: Deliver) -> None:  # noqa: B027 - a transport may do without
        """Hand over each message from now on as it arrives, perhaps before the peer's ``send`` returns.

        That saves a task switch a message. ``receive`` goes on as before, and gives what is not handed over: what had
        arrived until now, the end, and everything where a transport does not override this.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Close in an orderly way: what was sent is flushed as far as the transport can, in bounded time.

        From then on nothing more is received, not even what had arrived. Calling it again is harmless. If
        cancelled, the transport is torn down without the rest of the flush.
        """

    @abstractmethod
    def abort(self) -> None:
        """Tear down at once, without a flush or a farewell: the peer finds the transport broken.

        Never waits and never raises; calling it again, or after ``aclose``, is harmless.
        """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class Connector(Protocol):
    """What ``AudioOut`` is given: makes a new transport each time it is called."""

    async def __call__(self) -> Transport:
        """Connect.

        Raises:
            TransportBroken: it did not work this time; trying again may help.
            ConnectRefused: the other end said no; trying again unchanged will not help.
        """
        ...


class Listener(ABC):
    """What an ``Acceptor`` is given: hands out a transport for each peer that connects.

    An async context manager: entering opens the port, leaving closes it and every transport not yet accepted.
    """

    address: str
    """The URL that a peer connects to; valid after entering (port 0 has become a real one)."""

    @abstractmethod
    async def accept(self) -> Transport:
        """Wait for the next peer. Cancelling loses none.

        Raises:
            TransportClosed: the listener was closed.
        """

    @abstractmethod
    async def __aenter__(self) -> Self:
        """Open. Raises ``TransportBroken`` (address in use, not permitted), naming the address."""

    @abstractmethod
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
