"""What the WebRTC transports share, whatever implementation is beneath: names, limits, arrivals, and how they end."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from typing import TYPE_CHECKING

import anyio

from lipwire.protocol.channels import Binding, Channel
from lipwire.transports._background import Background
from lipwire.transports._queues import ABORTED_HERE, CLOSED_HERE, End, Inbox, size_of
from lipwire.transports.base import MessageTooLarge, Transport, TransportBroken, TransportEnded, TransportOverflow

if TYPE_CHECKING:
    from lipwire.protocol.channels import Wire
    from lipwire.transports.base import Deliver, Received

LABELS = {Channel.CONTROL: "lipwire.control", Channel.MEDIA: "lipwire.media"}
PROTOCOL = "lipwire.1"
"""The data channels' protocol string."""

WEBRTC_BINDING = Binding(
    name="webrtc",
    separate_media=True,
    control_reliable=True,
    media_reliable=False,
    max_message=65_536,
    max_media_message=1_150,
)
"""65,536 bytes is what every WebRTC peer takes; 1,150 fit into one packet."""

MAX_BUFFERED = 16 * 1024 * 1024
MAX_UNREAD = 16 * 1024 * 1024
"""Bytes that may have arrived unread. Beyond, media is dropped, and control breaks the transport."""
CLOSE_TIMEOUT = 5.0


def require_asyncio() -> None:
    """Raise ``RuntimeError`` when not called under asyncio."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError("the WebRTC transport runs on asyncio only, not on trio") from None


class DataChannels(Transport):
    """Lipwire's two data channels. A subclass joins it to an implementation of WebRTC.

    Args:
        peer: what to call the other side in logs.
        max_buffered: bytes that may wait to be sent before ``send`` raises ``TransportOverflow``.
        close_timeout: seconds that ``aclose`` takes at most.
    """

    binding = WEBRTC_BINDING

    def __init__(self, *, peer: str, max_buffered: int, close_timeout: float) -> None:
        require_asyncio()
        self.peer = peer
        self._max_buffered = max_buffered
        self._close_timeout = close_timeout
        self._limits = {
            Channel.CONTROL: self.binding.max_message,
            Channel.MEDIA: self.binding.max_media_message,
        }
        self._inbox = Inbox()
        self._unread = 0
        self._buffered_at_most = 0
        self._opened = anyio.Event()
        self._teardown: Background | None = None
        self.ended = anyio.Event()
        """Set once the transport is over, however it came about."""

    # ---- What a subclass adds

    @abstractmethod
    async def make_offer(self) -> str:
        """The SDP offer, with all candidates in it."""

    @abstractmethod
    async def take_answer(self, answer: str) -> None:
        """Take the answer to the offer. Raises ``TransportBroken`` if it is not usable."""

    @abstractmethod
    async def answer(self, offer: str) -> str:
        """The SDP answer to an offer, with all candidates in it. Raises anything if the offer is not usable."""

    @abstractmethod
    def _is_open(self) -> bool:
        """Whether both channels are open."""

    @abstractmethod
    def _state(self) -> str:
        """The connection's state, for messages."""

    @abstractmethod
    def _hand_over(self, channel: Channel, message: Wire) -> None:
        """Send a message that is within the limits. Raises as ``send`` does."""

    @abstractmethod
    async def _say_goodbye(self) -> None:
        """Close the channels behind what was sent, and wait until the peer knows; the caller bounds the time."""

    @abstractmethod
    def _tear_down(self) -> None:
        """Begin to close the connection beneath, as ``_teardown`` if it takes time; may be called again."""

    # ---- What it gets

    async def open(self, timeout: float = 15.0) -> None:
        """Wait until both channels are open. Cancelling leaves the transport as it is.

        Raises:
            TransportBroken: not within ``timeout`` seconds, or it failed, or the peer's channels are wrong.
            TransportEnded, TransportClosed: it was closed meanwhile.
        """
        with anyio.move_on_after(timeout):
            await self._opened.wait()
        if self._inbox.end is not None and not self._is_open():
            raise self._inbox.end.error()
        if not self._is_open():
            raise TransportBroken(f"the data channels did not open within {timeout} s (state: {self._state()})")

    def send(self, channel: Channel, message: Wire) -> None:
        """See :meth:`Transport.send`."""
        if self._inbox.end is not None:
            raise self._inbox.end.error()
        size = len(message) if type(message) is bytes else size_of(message)
        if size > self._limits[channel]:
            raise MessageTooLarge(f"{size} bytes on {channel.value}; the most is {self._limits[channel]}")
        self._buffered_at_most += size
        if self._buffered_at_most > self._max_buffered:
            # To ask costs as much as to send, so it is asked only when it may matter.
            waiting = self.buffered()
            self._buffered_at_most = waiting + size
            if waiting + size > self._max_buffered:
                raise TransportOverflow(f"{waiting} bytes wait; the most is {self._max_buffered}")
        self._hand_over(channel, message)

    async def receive(self) -> list[Received]:
        """See :meth:`Transport.receive`."""
        batch = await self._inbox.take()
        self._unread = 0
        return batch

    def deliver_to(self, deliver: Deliver) -> None:
        """See :meth:`Transport.deliver_to`."""
        self._inbox.deliver = deliver

    async def aclose(self) -> None:
        """See :meth:`Transport.aclose`: what was sent goes out, then the channels close on both sides."""
        self._finish(CLOSED_HERE, discard=True)
        if self._teardown is None:
            await self._leave()
        if self._teardown is not None:
            with anyio.move_on_after(self._close_timeout):
                await self._teardown.wait()

    def abort(self) -> None:
        """See :meth:`Transport.abort`."""
        self._finish(ABORTED_HERE, discard=True)
        self._tear_down()

    async def hang_up(self, reason: str) -> None:
        """Close on the peer's behalf: as ``aclose``, but what had arrived can be received, and then the end."""
        self._finish(End(TransportEnded, reason))
        await self._leave()

    async def _leave(self) -> None:
        try:
            with anyio.move_on_after(self._close_timeout):
                await self._say_goodbye()
        finally:
            self._tear_down()

    def _finish(self, end: End, *, discard: bool = False) -> None:
        self._inbox.finish(end, discard=discard)
        self._opened.set()
        self.ended.set()

    def _check_open(self) -> None:
        if self._is_open():
            self._opened.set()

    def _arrived(self, channel: Channel, message: Wire) -> None:
        size = len(message)
        if self._unread + size > MAX_UNREAD:
            if channel is Channel.CONTROL:
                self._finish(End(TransportBroken, f"more than {MAX_UNREAD} bytes arrived unread"))
            return
        if self._inbox.put(channel, message):
            self._unread += size
