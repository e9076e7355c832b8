"""Hostile peers over real WebSockets, in real time: what the memory transport can not show.

| a peer that | comes to |
|---|---|
| sends its HTTP request a byte at a time | the connection ends after the opening time |
| sends its hello a byte at a time, or half of it | ``handshake_timeout`` |
| sends a message a byte at a time | silence: the transport is dropped, then ``peer_gone`` |
| sends empty fragments for ever | the same, in the same time |
| says that a frame has 2^62 bytes | the library closes the connection; the session is lost |
| never reads, and makes the avatar answer | the transport is dropped when its buffer is full |
| goes without a word, hundreds of times | sockets, tasks and sessions return to what they were |
| sends large frames while its token is looked at | what is read ahead is bounded |

All at once, with an honest agent that is heard bit by bit.
"""

from __future__ import annotations

import asyncio
import base64
import os
import struct
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from lipwire.protocol import messages as m
from lipwire.protocol.codec import encode
from lipwire.protocol.errors import CloseCode
from lipwire.protocol.limits import Limits
from lipwire.receiver import Acceptor, Audio, AudioIn, Interrupted, SegmentEnd
from lipwire.sender import AudioOut, Cause, PcmFormat
from lipwire.transports import WebSocketListener, connect_websocket
from lipwire.transports.urls import SUBPROTOCOL

from .peers import FEATURES, FORMAT

pytestmark = pytest.mark.asyncio
LIMITS = Limits(handshake=1.0, keepalive=0.2, resume=0.5)
SOON = 20.0
"""Real seconds: a bound for a busy machine, of what takes one or two."""


def hello(session: bytes, features: list[str] | None = None) -> bytes:
    return encode(m.Hello("lipwire", [1], session, 1, [FORMAT], FEATURES if features is None else features, {}))


def frame(data: bytes, *, opcode: int = 2, fin: bool = True, claim: int | None = None) -> bytes:
    """A WebSocket frame of a client, masked with zeros; ``claim``: the length that it says."""
    size = len(data) if claim is None else claim
    head = bytes([(0x80 if fin else 0) | opcode])
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 1 << 16:
        head += b"\xfe" + struct.pack(">H", size)
    else:
        head += b"\xff" + struct.pack(">Q", size)
    return head + bytes(4) + data


class Raw:
    """A client by hand over a TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, url: str, *, upgrade: bool = True) -> Raw:
        parts = urlsplit(url)
        raw = cls(*await asyncio.open_connection(parts.hostname, parts.port))
        if upgrade:
            raw.writer.write(request(url))
            await raw.reader.readuntil(b"\r\n\r\n")
        return raw

    async def dribble(self, data: bytes, pause: float) -> None:
        with suppress(ConnectionError):
            for byte in data:
                self.writer.write(bytes([byte]))
                await self.writer.drain()
                await asyncio.sleep(pause)

    async def ended(self) -> bytes:
        """All that comes until the connection ends."""
        got = b""
        with suppress(ConnectionError):
            while piece := await self.reader.read(65_536):
                got = (got + piece)[-65_536:]
        return got

    def abort(self) -> None:
        self.writer.transport.abort()


def request(url: str) -> bytes:
    parts = urlsplit(url)
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n"
    ).encode()


class Server:
    """An avatar that plays everybody, and what it played of each session."""

    def __init__(self, acceptor: Acceptor) -> None:
        self.acceptor = acceptor
        self.played: dict[bytes, bytearray] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        async for audio in self.acceptor:
            task = asyncio.create_task(self._play(audio))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _play(self, audio: AudioIn) -> None:
        with suppress(Exception):
            async for item in audio:
                match item:
                    case Audio():
                        self.played.setdefault(audio._core.session, bytearray()).extend(item.pcm)
                        audio.notify_played(item.segment, item.end)
                    case SegmentEnd():
                        audio.notify_stream_ended(item.segment)
                    case Interrupted() if not item.by_close:
                        audio.notify_stream_ended(item.segments, interrupted=True)


@asynccontextmanager
async def avatar(*, max_buffered: int = 262_144, **options: Any) -> AsyncIterator[Server]:
    listener = WebSocketListener("127.0.0.1", 0, open_timeout=1.0, close_timeout=1.0, max_buffered=max_buffered)
    options.setdefault("limits", LIMITS)
    async with Acceptor(listener, **options) as acceptor:
        server = Server(acceptor)
        serving = asyncio.create_task(server.serve())
        yield server
    await serving
    if server.tasks:
        await asyncio.wait(server.tasks, timeout=SOON)


@asynccontextmanager
async def busy_avatar() -> AsyncIterator[Server]:
    """An avatar with an honest agent, which speaks throughout and is heard bit by bit."""
    async with avatar() as server, AudioOut(connect_websocket(server.acceptor.address), format=PcmFormat()) as out:
        segment = out.segment()
        said = bytearray()

        async def speak() -> None:
            while True:
                piece = os.urandom(960)
                await segment.write(piece)
                said.extend(piece)
                await asyncio.sleep(0.02)

        speaking = asyncio.create_task(speak())
        yield server
        speaking.cancel()
        segment.end()
        async with asyncio.timeout(SOON):
            ended = await segment.ended()
        assert (ended.cause, ended.position * 2) == (Cause.PLAYED, len(said))
        assert server.played[out._shell.connection.session] == said
        assert out.statistics().transports == 1


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def _sessions(server: Server, count: int) -> None:
    """Wait until there are so many; the honest agent's is one."""
    async with asyncio.timeout(SOON):
        while len(server.acceptor.sessions) != count:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_request_byte_by_byte() -> None:
    async with busy_avatar() as server:
        raw = await Raw.connect(server.acceptor.address, upgrade=False)
        dribbling = asyncio.create_task(raw.dribble(request(server.acceptor.address), 0.1))
        async with asyncio.timeout(SOON):
            await raw.ended()
        dribbling.cancel()
        raw.abort()


@pytest.mark.parametrize("how", ["nothing", "half", "byte by byte"])
async def test_a_hello_that_does_not_come(how: str) -> None:
    async with busy_avatar() as server:
        raw = await Raw.connect(server.acceptor.address)
        whole = frame(hello(bytes(16)))
        dribbling = None
        if how == "half":
            raw.writer.write(whole[: len(whole) // 2])
        elif how == "byte by byte":
            dribbling = asyncio.create_task(raw.dribble(whole, 0.1))
        async with asyncio.timeout(SOON):
            assert b"no hello in time" in await raw.ended()
        if dribbling is not None:
            dribbling.cancel()
        raw.abort()
        assert len(server.acceptor.sessions) == 1


async def _never_a_whole_message(server: Server, send: Callable[[Raw], Awaitable[None]]) -> None:
    raw = await Raw.connect(server.acceptor.address)
    raw.writer.write(frame(hello(b"session by hand.")))
    async with asyncio.timeout(SOON):
        while len(server.acceptor.sessions) != 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        sending = asyncio.create_task(send(raw))  # type: ignore[arg-type]
        await raw.ended()
    sending.cancel()
    raw.abort()
    await _sessions(server, 1)


async def test_a_message_byte_by_byte() -> None:
    async with busy_avatar() as server:
        await _never_a_whole_message(server, lambda raw: raw.dribble(frame(encode(m.Custom({"x": "y" * 500}))), 0.02))


async def test_empty_fragments_for_ever() -> None:
    async with busy_avatar() as server:

        async def send(raw: Raw) -> None:
            raw.writer.write(frame(b"\x92", fin=False))
            with suppress(ConnectionError):
                while True:
                    raw.writer.write(frame(b"", opcode=0, fin=False) * 100)
                    await raw.writer.drain()
                    await asyncio.sleep(0.001)

        await _never_a_whole_message(server, send)


@pytest.mark.parametrize("claim", [(1 << 62), 3 * 1024 * 1024])
async def test_a_frame_that_is_too_long(claim: int) -> None:
    async with busy_avatar() as server:

        async def send(raw: Raw) -> None:
            raw.writer.write(frame(bytes(100), claim=claim))
            await raw.writer.drain()

        await _never_a_whole_message(server, send)


async def test_never_reads() -> None:
    """Each repeat of its hello is answered with the welcome; nobody takes them."""
    async with busy_avatar() as server:
        raw = await Raw.connect(server.acceptor.address)
        raw.writer.write(frame(hello(b"session by hand.")))
        await _sessions(server, 2)
        mine = next(one for one in server.acceptor.sessions if one._core.session == b"session by hand.")
        raw.writer.transport.pause_reading()  # type: ignore[attr-defined]
        repeats, waited = frame(hello(b"session by hand.")) * 200, [0]
        transport: Any = mine._shell.transport
        send = transport.send

        def watched(*message: Any) -> None:
            send(*message)
            waited.append(transport.buffered())

        transport.send = watched
        async with asyncio.timeout(3 * SOON):
            with suppress(ConnectionError):
                while mine.closed is None:
                    if raw.writer.transport.get_write_buffer_size() < 65_536:
                        raw.writer.write(repeats)
                    await asyncio.sleep(0)
            await _sessions(server, 1)
        raw.abort()
        assert 100_000 < max(waited) <= 262_144
        assert mine.closed is not None
        assert mine.closed.code is CloseCode.PEER_GONE


async def test_goes_without_a_word_hundreds_of_times() -> None:
    async with busy_avatar() as server:
        tasks, files = len(asyncio.all_tasks()), _open_files()
        for index in range(300):
            raw = await Raw.connect(server.acceptor.address, upgrade=index % 3 > 0)
            if index % 3 == 2:
                raw.writer.write(frame(hello(index.to_bytes(16, "big"), [])))
            raw.abort()
            if index % 50 == 0:
                await asyncio.sleep(0.1)
        await _sessions(server, 1)
        async with asyncio.timeout(SOON):
            while len(asyncio.all_tasks()) > tasks or _open_files() > files:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_large_frames_while_a_token_is_looked_at() -> None:
    """Nothing is read by the session yet; what the library reads ahead is bounded."""
    looking = asyncio.Event()

    async def authenticate(_: Any) -> bool:
        looking.set()
        await asyncio.sleep(3_600)
        return True

    async with avatar(authenticate=authenticate, limits=Limits(handshake=3.0)) as server:
        raw = await Raw.connect(server.acceptor.address)
        raw.writer.write(frame(hello(bytes(16))))
        await asyncio.wait_for(looking.wait(), SOON)
        tracemalloc.start()
        try:
            big = frame(bytes(1_000_000))
            with suppress(ConnectionError, TimeoutError):
                async with asyncio.timeout(2.0):
                    for _ in range(400):
                        raw.writer.write(big)
                        await raw.writer.drain()
            held, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        raw.abort()
        assert held < 10_000_000
