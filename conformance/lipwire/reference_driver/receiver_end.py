"""The SDK's receiver, driven: an Acceptor, and a consumer that reads and tells what it is handed."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from lipwire.protocol import LipwireError
from lipwire.receiver import (
    Acceptor,
    Audio,
    AudioIn,
    Data,
    Greeting,
    Interrupted,
    Mark,
    SegmentEnd,
    SegmentStart,
)
from lipwire.transports import Listener, Transport, WebSocketListener

from .lines import CannotDo, Lines
from .settings import Settings, format_row


class ReceiverEnd:
    """One endpoint in the receiver's role."""

    def __init__(self, lines: Lines, settings: Settings, transport: str) -> None:
        self._lines = lines
        self._settings = settings
        self._reading = settings.reading
        self._offers = Offers() if transport == "webrtc" else None
        subprotocol = {"subprotocol": None} if settings.version == 0 else {}
        self._listener: Listener = self._offers or WebSocketListener("127.0.0.1", 0, **subprotocol)  # type: ignore[arg-type]
        self._sessions: list[AudioIn] = []
        self._readers: dict[int, asyncio.Task[None]] = {}
        self._stack = AsyncExitStack()
        self._accepting: asyncio.Task[None] | None = None

    async def start(self, url: str | None) -> dict[str, Any]:
        """Listen."""
        assert url is None, "a receiver listens"
        settings = self._settings
        acceptor = Acceptor(
            self._listener,
            formats=settings.formats or None,
            authenticate=None if settings.token is None else self._authenticate,
            limits=settings.limits,
            features=settings.features,
            max_sessions=settings.sessions,
            info=settings.info,
            version=1 if settings.version else 0,
        )
        await self._stack.enter_async_context(acceptor)
        self._accepting = asyncio.create_task(self._accept(acceptor))
        return {} if self._offers else {"url": acceptor.address}

    def _authenticate(self, greeting: Greeting) -> bool:
        assert self._settings.token is not None
        given = greeting.auth if isinstance(greeting.auth, str) else ""
        return hmac.compare_digest(given.encode(), self._settings.token.encode())

    async def stop(self) -> None:
        """Let go of everything."""
        tasks = [*self._readers.values(), *filter(None, [self._accepting])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._stack.aclose()

    async def do(self, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Do one command."""
        audio = self._sessions[-1] if self._sessions else None
        match command:
            case "offer":
                assert self._offers is not None
                return {"answer": await self._offers.take(arguments["offer"])}
            case "hold" | "release":
                self._reading = command == "release"
                await self._read_or_not()
            case _ if audio is None:
                raise LipwireError(f"there is no session to {command}")
            case "stream_started":
                audio.notify_stream_started(arguments["segment"])
            case "played":
                audio.notify_played(arguments["segment"], arguments["position"])
            case "stream_ended":
                audio.notify_stream_ended(
                    arguments["segments"],
                    arguments["position"],
                    interrupted=arguments["interrupted"],
                    failed=arguments["failed"],
                )
            case "reset":
                audio.notify_reset()
            case "custom":
                audio.send_custom(arguments["content"])
            case "close":
                await audio.aclose()
            case _:
                raise CannotDo(command)
        return {}

    # -- the consumer --------------------------------------------------------------------------------------

    async def _accept(self, acceptor: Acceptor) -> None:
        async for audio in acceptor:
            self._sessions.append(audio)
            number = len(self._sessions)
            features = sorted(feature.value for feature in audio.features)
            self._lines.event("session", session=number, format=format_row(audio.format), features=features)
            audio.on_reset(partial(self._on_reset, number))
            audio.on_pause(partial(self._on_pause, number))
            audio.on_custom(partial(self._on_custom, number))
            if self._reading:
                self._read(number, audio)

    def _on_reset(self, session: int, cut: Interrupted) -> None:
        self._lines.event("interrupted", session=session, segments=list(cut.segments))

    def _on_pause(self, session: int, held: bool) -> None:
        self._lines.event("paused" if held else "unpaused", session=session)

    def _on_custom(self, session: int, content: Mapping[str, Any]) -> None:
        self._lines.event("custom", session=session, content=dict(content))

    async def _read_or_not(self) -> None:
        if self._reading:
            for number, audio in enumerate(self._sessions, 1):
                if number not in self._readers or self._readers[number].done():
                    self._read(number, audio)
            return
        for task in self._readers.values():
            task.cancel()
        await asyncio.gather(*self._readers.values(), return_exceptions=True)
        self._readers.clear()

    def _read(self, number: int, audio: AudioIn) -> None:
        self._readers[number] = asyncio.create_task(self._consume(number, audio))

    async def _consume(self, number: int, audio: AudioIn) -> None:
        try:
            async for item in audio:
                self._tell(number, item)
        except LipwireError:
            pass  # how it ended is told below
        close = audio.closed
        if close is not None:
            by = {True: "peer", False: "here", None: "transport"}[close.by_peer]
            self._lines.event("closed", session=number, code=int(close.code), by=by, reason=close.reason)

    def _tell(self, session: int, item: object) -> None:
        match item:
            case Audio():
                digest = hashlib.sha256(item.pcm).hexdigest()
                self._lines.event(
                    "audio", session=session, segment=item.segment, position=item.position, samples=item.samples,
                    sha256=digest, concealed=item.concealed,
                )  # fmt: skip
            case SegmentStart():
                self._lines.event(
                    "segment_start", session=session, segment=item.segment, metadata=dict(item.metadata or {})
                )
            case SegmentEnd():
                self._lines.event("segment_end", session=session, segment=item.segment, total=item.total)
            case Mark():
                self._lines.event("mark", session=session, segment=item.segment, position=item.position, name=item.name)
            case Data():
                self._lines.event(
                    "data", session=session, segment=item.segment, position=item.position, content=dict(item.content)
                )
            case Interrupted():
                pass  # the hook has told it, at once


class Offers(Listener):
    """Peer connections whose offers and answers come and go through the driver's lines."""

    def __init__(self) -> None:
        self.address = "webrtc:"
        self._opened: asyncio.Queue[Transport] = asyncio.Queue()
        self._opening: set[asyncio.Task[None]] = set()

    async def take(self, offer: str) -> str:
        """Answer an offer; the transport is accepted once its channels are open."""
        from lipwire.transports.webrtc import own_transport

        transport = own_transport(offers=False, ice_servers=(), peer="kit", max_buffered=1 << 20, close_timeout=1.0)
        answer = await transport.answer(offer)

        async def opened() -> None:
            await transport.open()
            self._opened.put_nowait(transport)

        task = asyncio.create_task(opened())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        return answer

    async def accept(self) -> Transport:
        """See :meth:`Listener.accept`."""
        return await self._opened.get()

    async def __aenter__(self) -> Offers:
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._opening:
            task.cancel()
        while not self._opened.empty():
            self._opened.get_nowait().abort()
