"""WebRTC data channels over aiortc: control is ordered and reliable, media is neither.

It runs on asyncio, as aiortc does. Two channels are announced in band: ``lipwire.control``, and
``lipwire.media`` without order and without retransmission, so that a lost packet delays nothing behind it; lost
audio is asked for again by the protocol. A burst is not for this channel: what the receiver's socket had no room
for is given up. Lipwire paces what it sends.

aiortc notices only after about 30 s that a peer has vanished; the protocol's keepalive is there for that.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from lipwire.protocol.channels import Channel
from lipwire.transports._background import Background
from lipwire.transports._data_channels import CLOSE_TIMEOUT, LABELS, MAX_BUFFERED, PROTOCOL, DataChannels
from lipwire.transports._queues import End
from lipwire.transports.base import MessageTooLarge, MissingExtra, TransportBroken, TransportEnded

try:
    from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSctpTransport, RTCSessionDescription
    from aiortc.exceptions import InvalidStateError
except ImportError as error:
    raise MissingExtra('WebRTC needs packages: pip install "lipwire[webrtc]"') from error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiortc import RTCDataChannel

    from lipwire.protocol.channels import Wire


LEAST_WINDOW = 16 * 1_200
"""Bytes that SCTP's congestion window never goes under: what real time needs over a round trip of 400 ms."""
LEAST_TIMEOUT = 0.4
"""Seconds after which SCTP may take a packet for lost when nothing behind it has arrived."""


class _Association(RTCSctpTransport):
    """aiortc's SCTP, which would let a few lost packets hold speech back.

    SCTP halves its window at each loss, down to 4,800 bytes: at 5 % loss and a round trip of 100 ms that is less than
    real time, and what does not fit waits without end. And it waits at least 1 s before it takes the last packet of a
    burst for lost, where a browser's waits 0.4 s. How much is on the way is bounded by the protocol (LW-FLIGHT-1), so
    here both may be less strict. It reaches for what aiortc does not publish; if that moves, nothing happens.
    """

    @property
    def _cwnd(self) -> int:
        return max(int(self.__dict__["_cwnd"]), LEAST_WINDOW)

    @_cwnd.setter
    def _cwnd(self, size: int) -> None:
        self.__dict__["_cwnd"] = size

    def _update_rto(self, R: float) -> None:  # noqa: N803 - aiortc's name
        super()._update_rto(R)
        assert self._srtt is not None
        assert self._rttvar is not None
        self._rto = max(LEAST_TIMEOUT, min(self._srtt + 4 * self._rttvar, self._rto))


def peer_connection(ice_servers: Sequence[RTCIceServer | str]) -> RTCPeerConnection:
    """A peer connection with these ICE servers alone; aiortc's own default is a public one."""
    servers = [RTCIceServer(urls=server) if isinstance(server, str) else server for server in ice_servers]
    return RTCPeerConnection(RTCConfiguration(iceServers=servers))


def own_transport(
    *, offers: bool, ice_servers: Sequence[RTCIceServer | str], peer: str, max_buffered: int, close_timeout: float
) -> WebRtcTransport:
    """A transport with a peer connection of its own."""
    return WebRtcTransport(
        peer_connection(ice_servers),
        offers=offers,
        owned=True,
        peer=peer,
        max_buffered=max_buffered,
        close_timeout=close_timeout,
    )


class WebRtcTransport(DataChannels):
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
        super().__init__(peer=peer, max_buffered=max_buffered, close_timeout=close_timeout)
        self.connection = connection
        self._owned = owned
        self._channels: dict[Channel, RTCDataChannel] = {}
        self._all_closed = anyio.Event()
        connection.on("connectionstatechange", self._on_state)
        if offers:
            self._adopt(Channel.CONTROL, connection.createDataChannel(LABELS[Channel.CONTROL], protocol=PROTOCOL))
            self._adopt(
                Channel.MEDIA,
                connection.createDataChannel(LABELS[Channel.MEDIA], ordered=False, maxRetransmits=0, protocol=PROTOCOL),
            )
        else:
            connection.on("datachannel", self._on_channel)

    async def make_offer(self) -> str:
        """See :meth:`DataChannels.make_offer`."""
        allow_loopback(self.connection)
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return str(self.connection.localDescription.sdp)

    async def take_answer(self, answer: str) -> None:
        """See :meth:`DataChannels.take_answer`."""
        try:
            await self.connection.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))
        except Exception as error:
            # aiortc raises whatever its parser stumbled over.
            raise TransportBroken(f"the answer is not usable: {error!r}") from error

    async def answer(self, offer: str) -> str:
        """See :meth:`DataChannels.answer`."""
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp=offer, type="offer"))
        if self.connection.sctp is None:
            raise ValueError("the offer has no data channel")
        allow_loopback(self.connection)
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return str(self.connection.localDescription.sdp)

    def buffered(self) -> int:
        """Bytes that SCTP has not taken up yet, on both channels."""
        return sum(channel.bufferedAmount for channel in self._channels.values())

    def _hand_over(self, channel: Channel, message: Wire) -> None:
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

    async def _say_goodbye(self) -> None:
        self._close_channels()
        await self._all_closed.wait()

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

    def _state(self) -> str:
        return str(self.connection.connectionState)

    def _on_channel(self, channel: RTCDataChannel) -> None:
        if channel.label == LABELS[Channel.CONTROL]:
            kind = Channel.CONTROL
            right = channel.ordered and channel.maxRetransmits is None and channel.maxPacketLifeTime is None
        elif channel.label == LABELS[Channel.MEDIA]:
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
        channel.transport.__class__ = _Association  # aiortc makes it by itself, and takes no other.
        channel.on("message", partial(self._arrived, kind))
        channel.on("open", self._check_open)
        channel.on("close", self._on_close)
        self._check_open()

    def _on_close(self) -> None:
        """A channel was closed: by the peer, by us, or because the association beneath it is gone."""
        channels = self._channels.values()
        if all(channel.readyState == "closed" for channel in channels):
            self._all_closed.set()
        if any(channel.transport.state == "closed" for channel in channels):
            self._finish(End(TransportBroken, "the peer went away without closing the channels"))
        elif self._inbox.end is None:
            self._finish(End(TransportEnded, "the peer closed the channels"))
            if self._owned:
                self._tear_down()  # A native peer waits for that: it is not told when channels have closed.

    def _on_state(self) -> None:
        state = self.connection.connectionState
        if state in ("failed", "closed"):
            self._finish(End(TransportBroken, f"the peer connection is {state}"))
            self._all_closed.set()


def allow_loopback(connection: RTCPeerConnection) -> None:
    """Let a peer connection use 127.0.0.1 where the machine has no other address.

    aioice leaves loopback out when it gathers candidates, and has no switch for it; on a machine without a network
    (a laptop offline, a sandbox) two peers on it could not connect at all. So where it finds no address, this
    one is put in. Call it before ``setLocalDescription``, when the connection has a data channel already. It
    reaches for aioice's connection, which aiortc does not publish; if that moves, nothing happens.
    """
    sctp = connection.sctp
    ice = getattr(sctp.transport.transport.iceGatherer, "_connection", None) if sctp is not None else None
    gather = getattr(ice, "get_component_candidates", None)
    if ice is None or gather is None:
        return

    async def with_loopback(component: int, addresses: list[str], *rest: Any, **options: Any) -> Any:
        return await gather(component, addresses or ["127.0.0.1"], *rest, **options)

    ice.get_component_candidates = with_loopback
