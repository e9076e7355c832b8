"""WebRTC data channels over aiortc: control is ordered and reliable, media is neither.

It runs on asyncio, as aiortc does. Two channels are announced in band: ``lipwire.control``, and
``lipwire.media`` without order and without retransmission, so that a lost packet delays nothing behind it; lost
audio is asked for again by the protocol. A burst is not for this channel: what the receiver's socket had no room
for is given up. Lipwire paces what it sends.

aiortc notices only after about 30 s that a peer has vanished; the protocol's keepalive is there for that.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import anyio

from lipwire.protocol.channels import Binding, Channel
from lipwire.transports._background import Background
from lipwire.transports._queues import ABORTED_HERE, CLOSED_HERE, End, Inbox, size_of
from lipwire.transports.base import (
    MessageTooLarge,
    MissingExtra,
    Transport,
    TransportBroken,
    TransportEnded,
    TransportOverflow,
)

try:
    from aiortc.exceptions import InvalidStateError
except ImportError as error:
    raise MissingExtra('WebRTC needs packages: pip install "lipwire[webrtc]"') from error

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc import RTCDataChannel, RTCPeerConnection

    from lipwire.protocol.channels import Wire
    from lipwire.transports.base import Received

CONTROL_LABEL = "lipwire.control"
MEDIA_LABEL = "lipwire.media"
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


class WebRtcTransport(Transport):
    """Lipwire's two data channels on an ``RTCPeerConnection``, which may carry tracks and channels besides.

    The offering side makes it before ``createOffer``; the answering side before ``setRemoteDescription``. Both
    exchange the descriptions as they like, and then await :meth:`open`.

    Args:
        connection: the peer connection.
        offers: True creates the channels, False waits for the peer's.
        owned: whether closing the transport closes the peer connection. If not, ``abort`` can only close
            the channels, which to the peer looks orderly.
        peer: what to call the other side in logs.
        max_buffered: bytes that may wait to be sent before ``send`` raises ``TransportOverflow``.
        close_timeout: seconds that ``aclose`` takes at most.
    """

    binding = WEBRTC_BINDING

    def __init__(
        self,
        connection: RTCPeerConnection,
        *,
        offers: bool,
        owned: bool = False,
        peer: str = "webrtc",
        max_buffered: int = MAX_BUFFERED,
        close_timeout: float = CLOSE_TIMEOUT,
    ) -> None:
        require_asyncio()
        self.connection = connection
        self.peer = peer
        self._owned = owned
        self._max_buffered = max_buffered
        self._close_timeout = close_timeout
        self._channels: dict[Channel, RTCDataChannel] = {}
        self._limits = {
            Channel.CONTROL: self.binding.max_message,
            Channel.MEDIA: self.binding.max_media_message,
        }
        self._inbox = Inbox()
        self._unread = 0
        self._opened = anyio.Event()
        self._all_closed = anyio.Event()
        self._teardown: Background | None = None
        self.ended = anyio.Event()
        """Set once the transport is over, however it came about."""
        connection.on("connectionstatechange", self._on_state)
        if offers:
            self._adopt(Channel.CONTROL, connection.createDataChannel(CONTROL_LABEL, protocol=PROTOCOL))
            self._adopt(
                Channel.MEDIA,
                connection.createDataChannel(MEDIA_LABEL, ordered=False, maxRetransmits=0, protocol=PROTOCOL),
            )
        else:
            connection.on("datachannel", self._on_channel)

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
            state = self.connection.connectionState
            raise TransportBroken(f"the data channels did not open within {timeout} s (state: {state})")

    def send(self, channel: Channel, message: Wire) -> None:
        """See :meth:`Transport.send`."""
        if self._inbox.end is not None:
            raise self._inbox.end.error()
        size = len(message) if type(message) is bytes else size_of(message)
        if size > self._limits[channel]:
            raise MessageTooLarge(f"{size} bytes on {channel.value}; the most is {self._limits[channel]}")
        waiting = self.buffered()
        if waiting + size > self._max_buffered:
            raise TransportOverflow(f"{waiting} bytes wait; the most is {self._max_buffered}")
        target = self._channels.get(channel)
        if target is None:
            raise TransportBroken("the data channels are not open yet")
        try:
            target.send(message)
        except InvalidStateError:
            if target.readyState == "connecting":
                raise TransportBroken("the data channels are not open yet") from None
            raise TransportEnded("the peer is closing") from None
        except ValueError as error:
            raise MessageTooLarge(str(error)) from error

    def buffered(self) -> int:
        """Bytes that SCTP has not taken up yet, on both channels."""
        return sum(channel.bufferedAmount for channel in self._channels.values())

    async def receive(self) -> list[Received]:
        """See :meth:`Transport.receive`."""
        batch = await self._inbox.take()
        self._unread = 0
        return batch

    async def aclose(self) -> None:
        """See :meth:`Transport.aclose`: what was sent goes out, then the channels close on both sides."""
        self._finish(CLOSED_HERE, discard=True)
        if self._teardown is None:
            try:
                with anyio.move_on_after(self._close_timeout):
                    self._close_channels()
                    await self._all_closed.wait()
            finally:
                self._tear_down()
        if self._teardown is not None:
            with anyio.move_on_after(self._close_timeout):
                await self._teardown.wait()

    def abort(self) -> None:
        """See :meth:`Transport.abort`; a peer connection that is not owned only has its channels closed."""
        self._finish(ABORTED_HERE, discard=True)
        self._tear_down()

    async def hang_up(self, reason: str) -> None:
        """Close on the peer's behalf: as ``aclose``, but what had arrived can be received, and then the end."""
        self._finish(End(TransportEnded, reason))
        with anyio.move_on_after(self._close_timeout):
            self._close_channels()
            await self._all_closed.wait()
        self._tear_down()

    def _tear_down(self) -> None:
        if self._teardown is not None:
            return
        if self._owned:
            self._teardown = Background(self.connection.close, lambda _: None, name="lipwire webrtc: close")
        else:
            self._close_channels()

    def _close_channels(self) -> None:
        for channel in self._channels.values():
            channel.close()
        if not self._channels:
            self._all_closed.set()

    def _is_open(self) -> bool:
        return len(self._channels) == 2 and all(c.readyState == "open" for c in self._channels.values())

    def _finish(self, end: End, *, discard: bool = False) -> None:
        self._inbox.finish(end, discard=discard)
        self._opened.set()
        self.ended.set()

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if channel.label == CONTROL_LABEL:
            kind = Channel.CONTROL
            right = channel.ordered and channel.maxRetransmits is None and channel.maxPacketLifeTime is None
        elif channel.label == MEDIA_LABEL:
            kind, right = Channel.MEDIA, not channel.ordered
        else:
            return  # The application's own.
        if kind in self._channels or not right or channel.protocol != PROTOCOL:
            self._finish(
                End(
                    TransportBroken,
                    f"the peer's channel {channel.label} is not as it should be: "
                    f"protocol {channel.protocol!r}, ordered {channel.ordered}, "
                    f"retransmits {channel.maxRetransmits}, repeated {kind in self._channels}",
                )
            )
            return
        self._adopt(kind, channel)

    def _adopt(self, kind: Channel, channel: RTCDataChannel) -> None:
        self._channels[kind] = channel
        channel.on("message", self._receiver(kind))
        channel.on("open", self._check_open)
        channel.on("close", self._on_close)
        self._check_open()

    def _check_open(self) -> None:
        if self._is_open():
            self._opened.set()

    def _receiver(self, kind: Channel) -> Callable[[Wire], None]:
        put = self._inbox.put

        def on_message(message: Wire) -> None:
            self._unread += len(message)
            if self._unread > MAX_UNREAD:
                if kind is Channel.CONTROL:
                    self._finish(End(TransportBroken, f"more than {MAX_UNREAD} bytes arrived unread"))
                return
            put((kind, message))

        return on_message

    def _on_close(self) -> None:
        """A channel was closed: by the peer, by us, or because the association beneath it is gone."""
        channels = self._channels.values()
        if all(channel.readyState == "closed" for channel in channels):
            self._all_closed.set()
        if any(channel.transport.state == "closed" for channel in channels):
            self._finish(End(TransportBroken, "the peer went away without closing the channels"))
        else:
            self._finish(End(TransportEnded, "the peer closed the channels"))

    def _on_state(self) -> None:
        state = self.connection.connectionState
        if state in ("failed", "closed"):
            self._finish(End(TransportBroken, f"the peer connection is {state}"))
            self._all_closed.set()
