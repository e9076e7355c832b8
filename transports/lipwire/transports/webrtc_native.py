"""WebRTC data channels over libdatachannel, in native threads: the same wire as over aiortc, at less cost.

It needs ``aiolibdatachannel`` (MPL-2.0, as libdatachannel is), which is there for Python 3.12 and later. Of it,
``_core`` is used, its thin layer of calls and callbacks: the layer above drops the oldest messages once 1,024 of them
wait, which a reliable channel must not.

Callbacks come on libdatachannel's threads. They only note what came and wake the loop, once for all that has come
meanwhile; what waits for a loop that is busy is bounded by ``MAX_UNREAD``, as what waits on it is.

libdatachannel does not tell on what terms the peer made a channel (order, retransmission), so that goes unchecked; and
it ends a text at its first NUL. It notices only after 10 to 40 s that a peer has vanished; the protocol's keepalive is
there for that.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections import deque
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from lipwire.protocol.channels import Channel
from lipwire.transports import _data_channels
from lipwire.transports._background import Background
from lipwire.transports._data_channels import LABELS, PROTOCOL, DataChannels
from lipwire.transports._queues import End
from lipwire.transports.base import MessageTooLarge, MissingExtra, TransportBroken, TransportEnded

try:
    from aiolibdatachannel import GatheringState, IceServer, RTCError, RTCState
    from aiolibdatachannel._core import DataChannel, PeerConnection
except ImportError as error:
    if sys.version_info < (3, 12):
        here = ".".join(map(str, sys.version_info[:2]))
        raise MissingExtra(
            f"the native WebRTC backend needs Python 3.12 or later, and this is {here}: use backend='aiortc' here"
        ) from error
    raise MissingExtra('the native WebRTC backend needs packages: pip install "lipwire[native]"') from error

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from aiortc import RTCIceServer

    from lipwire.protocol.channels import Wire
    from lipwire.transports.base import Received

PROBE_STREAM = 250
"""The stream of the channel that tells whether the association is up; nothing is ever sent on it."""
DOWN = (RTCState.DISCONNECTED, RTCState.FAILED, RTCState.CLOSED)
"""States that libdatachannel does not come back from."""


def ice_urls(servers: Sequence[RTCIceServer | str]) -> list[str]:
    """ICE servers as URLs, with the credentials of aiortc's objects in them."""
    urls: list[str] = []
    for server in servers:
        if isinstance(server, str):
            urls.append(server)
            continue
        given = [server.urls] if isinstance(server.urls, str) else server.urls
        urls += [IceServer(url=url, username=server.username, credential=server.credential).to_url() for url in given]
    return urls


def lonely_port() -> int:
    """A free UDP port on a machine that nothing but itself can be reached from; 0 on any other.

    libdatachannel leaves loopback out when it gathers candidates. Where it finds no other address, 127.0.0.1 is put
    into the description, and for that the port has to be known beforehand.
    """
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # An address of no host; nothing is sent.
        return 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def with_loopback(description: str, port: int) -> str:
    """The description with a candidate for 127.0.0.1, if there is none in it."""
    if not port or "a=candidate:" in description:
        return description
    lines = [line for line in description.splitlines() if line != "a=end-of-candidates"]
    return "\r\n".join([*lines, f"a=candidate:1 1 UDP 2122317823 127.0.0.1 {port} typ host", "a=end-of-candidates", ""])


class NativeTransport(DataChannels):
    """Lipwire's two data channels on a libdatachannel connection of their own.

    Args:
        offers: True for the side that makes the offer and the channels.
        ice_servers: STUN and TURN servers.
        peer, max_buffered, close_timeout: as for :class:`DataChannels`.
    """

    def __init__(
        self,
        *,
        offers: bool,
        ice_servers: Sequence[RTCIceServer | str],
        peer: str,
        max_buffered: int,
        close_timeout: float,
    ) -> None:
        super().__init__(peer=peer, max_buffered=max_buffered, close_timeout=close_timeout)
        self._loop = asyncio.get_running_loop()
        # libdatachannel's threads have a context of their own, in which anyio does not know where it is.
        self._context = copy_context()
        self._channels: dict[Channel, DataChannel] = {}
        self._open: set[Channel] = set()
        self._gathered = anyio.Event()
        self._down = anyio.Event()
        self._last_state = RTCState.NEW
        self._probe: DataChannel | None = None
        # What came and waits for the loop. libdatachannel's threads write here one at a time; the loop takes out.
        self._news: deque[Received] = deque()
        self._loop_told = False
        self._overrun = False
        self._noted = 0
        self._taken = 0
        self._port = lonely_port()
        self._connection = PeerConnection(ice_urls(ice_servers), port_range_begin=self._port, port_range_end=self._port)
        self._connection.set_on_state_change(partial(self._tell, self._on_state))
        self._connection.set_on_gathering_state_change(partial(self._tell, self._on_gathering))
        if offers:
            create = self._connection.create_data_channel
            self._adopt(Channel.CONTROL, DataChannel(create(LABELS[Channel.CONTROL], protocol=PROTOCOL)))
            media = create(LABELS[Channel.MEDIA], unordered=True, unreliable=True, max_retransmits=0, protocol=PROTOCOL)
            self._adopt(Channel.MEDIA, DataChannel(media))
        else:
            self._connection.set_on_data_channel(self._on_channel)

    # Signalling

    async def make_offer(self) -> str:
        """See :meth:`DataChannels.make_offer`."""
        return await self._describe("offer")

    async def take_answer(self, answer: str) -> None:
        """See :meth:`DataChannels.take_answer`."""
        try:
            await self._in_thread(self._connection.set_remote_description, answer, "answer")
        except RTCError as error:
            raise TransportBroken(f"the answer is not usable: {error}") from error

    async def answer(self, offer: str) -> str:
        """See :meth:`DataChannels.answer`."""
        if "m=application " not in offer:
            raise ValueError("the offer has no data channel")
        await self._in_thread(self._connection.set_remote_description, offer, "offer")
        return await self._describe("answer")

    async def _describe(self, kind: str) -> str:
        await self._in_thread(self._connection.set_local_description, kind)
        await self._gathered.wait()
        return with_loopback(str(self._connection.get_local_description()), self._port)

    async def _in_thread(self, call: Callable[..., None], *given: str) -> None:
        # These wait for locks that libdatachannel's threads may hold; the loop does not wait with them.
        await self._loop.run_in_executor(None, call, *given)

    # Sending and closing

    def buffered(self) -> int:
        """Bytes that SCTP has not taken up yet, on both channels."""
        try:
            return sum(channel.buffered_amount() for channel in self._channels.values())
        except RTCError:
            return 0  # The connection was closed a moment ago.

    def _hand_over(self, channel: Channel, message: Wire) -> None:
        if channel not in self._open:
            raise TransportBroken("the data channels are not open yet")
        target = self._channels[channel]
        try:
            if isinstance(message, str):
                if "\0" in message:
                    raise ValueError("libdatachannel ends a text at its first NUL")
                target.send_text(message)
            else:
                target.send_bytes(message)
        except RTCError as error:
            if target.is_closed():
                raise TransportEnded("the peer is closing") from None
            raise MessageTooLarge(f"the peer takes {target.max_message_size()} bytes at most") from error

    async def _say_goodbye(self) -> None:
        control = self._channels.get(Channel.CONTROL)
        if self._is_open() and control is not None and not control.is_closed():
            # Control alone is closed: media would be closed before what was sent on control has arrived. A peer that
            # has it all leaves. One that stays has half of the time; then the association is shut down, behind it all.
            control.close()
            with anyio.move_on_after(self._close_timeout / 2):
                await self._down.wait()
        await self._in_thread(self._connection.close)
        await self._down.wait()

    def _tear_down(self) -> None:
        if self._teardown is None:
            self._teardown = Background(
                partial(self._in_thread, self._destroy), lambda _: None, name="lipwire native: close"
            )

    def _destroy(self) -> None:
        # The connection first: a channel that is destroyed before it tells the peer of an orderly end.
        self._connection.destroy()
        for channel in (*self._channels.values(), self._probe):
            if channel is not None:
                channel.destroy()

    def _is_open(self) -> bool:
        return len(self._open) == 2

    def _state(self) -> str:
        return str(self._last_state.name).lower()

    # Callbacks, on libdatachannel's threads

    def _tell(self, call: Callable[..., None], *given: Any) -> None:
        with suppress(RuntimeError):  # The loop is closed, and nobody left to be told.
            self._loop.call_soon_threadsafe(call, *given, context=self._context)

    def _note(self, channel: Channel, message: Wire) -> None:
        noted = self._noted + len(message)
        if self._overrun or noted - self._taken > _data_channels.MAX_UNREAD:
            if channel is Channel.CONTROL and not self._overrun:
                self._overrun = True
                self._tell(self._finish, End(TransportBroken, f"the loop left {noted - self._taken} bytes waiting"))
            return
        self._noted = noted
        self._news.append((channel, message))
        if not self._loop_told:
            self._loop_told = True
            self._tell(self._take_news)

    def _on_channel(self, handle: int) -> None:
        # Its callbacks are set before this returns, or its first messages could overtake each other.
        channel = DataChannel(handle)
        label, protocol = channel.label(), channel.protocol()
        kind = next((kind for kind, name in LABELS.items() if name == label), None)
        if kind is not None and kind not in self._channels and protocol == PROTOCOL:
            self._adopt(kind, channel)
            return
        if kind is not None:
            reason = f"protocol {protocol!r}, repeated {kind in self._channels}"
            wrong = End(TransportBroken, f"the peer's channel {label} is not as it should be: {reason}")
            self._tell(self._finish, wrong)
        channel.destroy()

    def _adopt(self, kind: Channel, channel: DataChannel) -> None:
        self._channels[kind] = channel
        channel.set_on_message(partial(self._note, kind))
        channel.set_on_open(partial(self._tell, self._on_open, kind))
        if kind is Channel.CONTROL:
            channel.set_on_closed(self._on_close)
        if channel.is_open():
            self._tell(self._on_open, kind)

    def _on_close(self) -> None:
        """Control was closed: by the peer, by us, or because the association beneath it is gone."""
        if self._inbox.end is None:
            self._tell(self._on_end, self._association_is_up())

    def _association_is_up(self) -> bool:
        # libdatachannel says "closed" in either case, and "disconnected" on another thread, sooner or later. But a
        # channel that was negotiated beforehand, of which nothing goes over the wire, opens at once if it is up.
        try:
            create = self._connection.create_data_channel
            self._probe = DataChannel(create("", negotiated=True, manual_stream=True, stream=PROBE_STREAM))
            return bool(self._probe.is_open())
        except RTCError:
            return False

    # The same, on the loop

    def _take_news(self) -> None:
        self._loop_told = False
        news, taken = self._news, self._taken
        while news:
            channel, message = news.popleft()
            taken += len(message)
            self._arrived(channel, message)
        self._taken = taken

    def _on_gathering(self, state: int) -> None:
        if state == GatheringState.COMPLETE:
            self._gathered.set()

    def _on_open(self, kind: Channel) -> None:
        self._open.add(kind)
        self._check_open()

    def _on_end(self, orderly: bool) -> None:
        if orderly:
            self._finish(End(TransportEnded, "the peer closed the channels"))
            self._tear_down()  # It waits for that.
        else:
            self._finish(End(TransportBroken, "the peer went away without closing the channels"))

    def _on_state(self, state: int) -> None:
        self._last_state = RTCState(state)
        if state in DOWN:
            self._finish(End(TransportBroken, f"the peer connection is {self._state()}"))
            self._down.set()
