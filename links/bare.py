"""A sender without any bound, for comparison: bare ``websockets``, or a bare aiortc data channel.

``python -m links.bare take|give SETTINGS``; the taker prints the bytes a second that reached it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from aiohttp import ClientSession, web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from .emulator import ADDRESSES
from .namespaces import go_first

PORT = 8765
_WARM_UP = 3.0
"""Seconds until the congestion window has found the link's rate."""


class Meter:
    """Bytes a second between the warm-up and the end."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._first = 0.0
        self._bytes = 0
        self.over = asyncio.Event()

    def take(self, message: bytes) -> None:
        """A message came."""
        now = time.monotonic()
        if not self._first:
            self._first = now
            go_first(1)
        if now > self._first + _WARM_UP + self._seconds:
            if not self.over.is_set():
                print(json.dumps(["taken", self._bytes / self._seconds]), flush=True)
            self.over.set()
        elif now > self._first + _WARM_UP:
            self._bytes += len(message)


async def take_websocket(meter: Meter) -> None:
    """Take what comes."""

    async def handle(connection: ServerConnection) -> None:
        async for message in connection:
            assert isinstance(message, bytes)
            meter.take(message)

    async with serve(handle, ADDRESSES[1], PORT, compression=None, ping_interval=None):
        print(json.dumps(["listening"]), flush=True)
        await meter.over.wait()


async def give_websocket(message: bytes) -> None:
    """Send without end; the socket's buffer is the only bound."""
    async with connect(f"ws://{ADDRESSES[1]}:{PORT}", compression=None, ping_interval=None, proxy=None) as connection:
        go_first(1)
        while True:
            try:
                await connection.send(message)
            except ConnectionClosed:
                return


async def take_webrtc(meter: Meter) -> None:
    """Take what comes."""
    connection = _peer()

    @connection.on("datachannel")
    def on_channel(channel: Any) -> None:
        channel.on("message", meter.take)

    async def offer(request: web.Request) -> web.Response:
        await connection.setRemoteDescription(RTCSessionDescription(await request.text(), "offer"))
        await connection.setLocalDescription(await connection.createAnswer())
        return web.Response(text=connection.localDescription.sdp)

    app = web.Application()
    app.router.add_post("/", offer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, ADDRESSES[1], PORT).start()
    print(json.dumps(["listening"]), flush=True)
    await meter.over.wait()


async def give_webrtc(message: bytes) -> None:
    """Send without end, with a megabyte in aiortc's buffer."""
    connection = _peer()
    channel = connection.createDataChannel("bare")
    await connection.setLocalDescription(await connection.createOffer())
    url = f"http://{ADDRESSES[1]}:{PORT}/"
    async with ClientSession() as session, session.post(url, data=connection.localDescription.sdp) as response:
        await connection.setRemoteDescription(RTCSessionDescription(await response.text(), "answer"))
    go_first(1)
    while channel.readyState != "closed":
        while channel.readyState == "open" and channel.bufferedAmount < 1_000_000:
            channel.send(message)
        await asyncio.sleep(0.05)


def _peer() -> RTCPeerConnection:
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


def main() -> None:
    """Be one of the two ends."""
    role, settings = sys.argv[1], json.loads(sys.argv[2])
    message = bytes(settings["size"])
    websocket = settings["transport"] == "websocket"
    if role == "give":
        asyncio.run(give_websocket(message) if websocket else give_webrtc(message))
        return

    async def take() -> None:
        meter = Meter(settings["seconds"])
        await (take_websocket if websocket else take_webrtc)(meter)

    asyncio.run(take())


if __name__ == "__main__":
    main()
