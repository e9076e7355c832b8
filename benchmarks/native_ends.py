"""The ends that ``native`` compares: Lipwire's two WebRTC transports, and the bare channels of what is beneath each.

``python -m benchmarks.native_ends KIND`` is a receiving end in a process of its own: it takes the offer from its stdin,
tells its answer, and, asked so, how many messages it has and the CPU they took.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from abc import ABC, abstractmethod
from typing import Any

from lipwire.protocol.channels import Channel
from lipwire.transports import TransportError
from lipwire.transports.urls import Backend
from lipwire.transports.webrtc_signaling import transports_of

from .processes import say_to_parent


class End(ABC):
    """One end of a reliable, ordered data channel. It counts what arrives; ``offers`` is True for the sending end."""

    received = 0

    @abstractmethod
    async def make_offer(self) -> str:
        """The offer, with all candidates."""

    @abstractmethod
    async def answer(self, offer: str) -> str:
        """The answer, with all candidates."""

    @abstractmethod
    async def take_answer(self, answer: str) -> None:
        """Take the answer, and wait until the channel is open."""

    @abstractmethod
    async def send(self, message: bytes) -> None:
        """Hand over one message."""

    @abstractmethod
    def buffered(self) -> int:
        """Bytes that wait to be sent."""

    @abstractmethod
    async def close(self) -> None:
        """Close it."""


class Lipwire(End):
    """A transport of Lipwire; what is sent goes over its control channel, which takes messages of any size."""

    def __init__(self, backend: Backend, *, offers: bool) -> None:
        make = transports_of(backend)
        self._transport = make(offers=offers, ice_servers=(), peer="", max_buffered=1 << 24, close_timeout=5.0)
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            while True:
                self.received += len(await self._transport.receive())
        except TransportError:
            pass

    async def make_offer(self) -> str:
        return await self._transport.make_offer()

    async def answer(self, offer: str) -> str:
        return await self._transport.answer(offer)

    async def take_answer(self, answer: str) -> None:
        await self._transport.take_answer(answer)
        await self._transport.open()

    async def send(self, message: bytes) -> None:
        self._transport.send(Channel.CONTROL, message)

    def buffered(self) -> int:
        return self._transport.buffered()

    async def close(self) -> None:
        await self._transport.aclose()
        await self._reader


class BareAiortc(End):
    """aiortc's ``RTCDataChannel`` alone."""

    def __init__(self, *, offers: bool) -> None:
        from aiortc import RTCConfiguration, RTCPeerConnection

        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._opened = asyncio.Event()
        self._channel: Any = None
        if offers:
            self._channel = self._connection.createDataChannel("bare")
            self._channel.on("open", self._opened.set)
        self._connection.on("datachannel", lambda channel: channel.on("message", self._count))

    def _count(self, _: Any) -> None:
        self.received += 1

    async def make_offer(self) -> str:
        from lipwire.transports.webrtc import allow_loopback

        allow_loopback(self._connection)
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return str(self._connection.localDescription.sdp)

    async def answer(self, offer: str) -> str:
        from aiortc import RTCSessionDescription

        from lipwire.transports.webrtc import allow_loopback

        await self._connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        allow_loopback(self._connection)
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        return str(self._connection.localDescription.sdp)

    async def take_answer(self, answer: str) -> None:
        from aiortc import RTCSessionDescription

        await self._connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await self._opened.wait()

    async def send(self, message: bytes) -> None:
        self._channel.send(message)

    def buffered(self) -> int:
        return int(self._channel.bufferedAmount)

    async def close(self) -> None:
        await self._connection.close()


class BareNative(End):
    """aiolibdatachannel alone, as its own documentation has it."""

    def __init__(self, *, offers: bool) -> None:
        from aiolibdatachannel import PeerConnection

        self._offers = offers
        self._connection = PeerConnection()
        self._channel: Any = None
        self._reader: asyncio.Task[None] | None = None

    async def _read(self) -> None:
        async for _ in await self._connection.accept_data_channel():
            self.received += 1

    async def make_offer(self) -> str:
        self._channel = await self._connection.create_data_channel("bare")
        return str((await self._connection.create_offer()).sdp)

    async def answer(self, offer: str) -> str:
        self._reader = asyncio.create_task(self._read())
        await self._connection.set_remote_description(offer, "offer")
        return str((await self._connection.create_answer()).sdp)

    async def take_answer(self, answer: str) -> None:
        await self._connection.set_remote_description(answer, "answer")
        await self._channel.wait_open()

    async def send(self, message: bytes) -> None:
        await self._channel.send(message, wait_for_drain=False)

    def buffered(self) -> int:
        return int(self._channel.buffered_amount)

    async def close(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
        await self._connection.aclose()


def end(kind: str, *, offers: bool) -> End:
    """An end of the kind: ``aiortc``, ``native``, ``bare aiortc`` or ``bare native``."""
    match kind:
        case "aiortc" | "native":
            return Lipwire(kind, offers=offers)
        case "bare aiortc":
            return BareAiortc(offers=offers)
        case "bare native":
            return BareNative(offers=offers)
        case _:
            raise ValueError(kind)


async def receive_apart(kind: str) -> None:
    """Be the receiving end in this process, until stdin ends."""
    here = end(kind, offers=False)
    loop = asyncio.get_running_loop()
    offer: str = json.loads(await loop.run_in_executor(None, sys.stdin.readline))
    say_to_parent(answer=await here.answer(offer))
    while await loop.run_in_executor(None, sys.stdin.readline):
        say_to_parent(received=here.received, cpu=time.process_time())
    await here.close()


if __name__ == "__main__":
    asyncio.run(receive_apart(sys.argv[1]))
