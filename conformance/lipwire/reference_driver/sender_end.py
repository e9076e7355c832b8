"""The SDK's sender, driven: an AudioOut, and a user that opens, writes, ends and interrupts segments."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from contextlib import suppress
from typing import Any

from lipwire.protocol import LipwireError, events
from lipwire.protocol.errors import Close
from lipwire.sender import AudioOut, PcmFormat, Segment
from lipwire.transports import Connector, Transport, connect_websocket

from .lines import CannotDo, Lines
from .settings import Settings, format_row


class SenderEnd:
    """One endpoint in the sender's role."""

    def __init__(self, lines: Lines, settings: Settings, transport: str) -> None:
        self._lines = lines
        self._settings = settings
        self._kind = transport
        self._out: AudioOut | None = None
        self._transport: Transport | None = None
        self._answers: asyncio.Queue[str] = asyncio.Queue()
        self._segments: dict[int, Segment] = {}
        self._running: asyncio.Task[None] | None = None
        self._leave = asyncio.Event()
        self._finish = False

    async def start(self, url: str | None) -> dict[str, Any]:
        """Connect; what comes of it is told as events."""
        settings = self._settings
        connector = self._connect_webrtc if self._kind == "webrtc" else self._connector(url)
        self._out = AudioOut(
            connector,
            format=settings.formats[0] if settings.formats else PcmFormat(),
            auth=settings.token,
            limits=settings.limits,
            features=settings.features,
            info=settings.info,
            on_event=self._on_event,
            wait_connected=False,
            version=1 if settings.version else 0,
        )
        entered = asyncio.Event()
        self._running = asyncio.create_task(self._run(self._out, entered))
        await entered.wait()
        return {}

    async def _run(self, out: AudioOut, entered: asyncio.Event) -> None:
        with suppress(LipwireError, asyncio.CancelledError):
            async with out:
                entered.set()
                await self._leave.wait()
                if not self._finish:
                    await out.aclose()
        entered.set()

    def _connector(self, url: str | None) -> Connector:
        assert url is not None
        options: dict[str, Any] = {"subprotocol": None} if self._settings.version == 0 else {}
        connect = connect_websocket(url, **options)

        async def connect_once() -> Transport:
            self._transport = await connect()
            return self._transport

        return connect_once

    async def _connect_webrtc(self) -> Transport:
        from lipwire.transports.webrtc import own_transport

        transport = own_transport(offers=True, ice_servers=(), peer="kit", max_buffered=1 << 20, close_timeout=1.0)
        try:
            self._lines.event("offer", offer=await transport.make_offer())
            await transport.take_answer(await self._answers.get())
            await transport.open()
        except BaseException:
            transport.abort()
            raise
        self._transport = transport
        return transport

    async def stop(self) -> None:
        """Let go of everything."""
        self._leave.set()
        if self._running is not None:
            assert self._out is not None
            with suppress(TimeoutError):
                async with asyncio.timeout(5.0):
                    if self._finish:
                        await self._out.aclose()
                    await asyncio.shield(self._running)
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def do(self, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Do one command."""
        out = self._out
        assert out is not None
        segment = self._segments.get(arguments.get("segment") or 0)
        match command:
            case "answer":
                self._answers.put_nowait(arguments["answer"])
            case "open":
                segment = out.segment(arguments["metadata"])
                self._segments[segment.number] = segment
                return {"segment": segment.number}
            case "interrupt" if arguments["segment"] is None:
                out.interrupt_nowait()
            case "pause":
                out.pause()
            case "unpause":
                out.unpause()
            case "custom":
                out.send_custom(arguments["content"])
            case "drop":
                assert self._transport is not None
                self._transport.abort()
            case "close" | "finish":
                self._finish = command == "finish"
                self._leave.set()
            case _ if segment is None:
                raise CannotDo(command)
            case "write":
                segment.write_nowait(b64decode(arguments["pcm"]))
            case "end":
                segment.end()
            case "interrupt":
                segment.interrupt()
            case "mark":
                segment.mark(arguments["name"], arguments["position"])
            case "data":
                segment.data(arguments["content"], arguments["position"])
            case _:
                raise CannotDo(command)
        return {}

    def _on_event(self, event: events.Event) -> None:
        tell = self._lines.event
        match event:
            case events.SessionOpened():
                features = sorted(feature.value for feature in event.features)
                tell("opened", format=format_row(event.format), features=features, resumed=event.resumed)
            case events.SessionEnded():
                self._tell_closed(event.close)
            case events.TransportDropped():
                tell("lost")
            case events.StreamStarted():
                tell("stream_started", segment=event.segment)
            case events.MarkReached():
                tell("mark_reached", segment=event.segment, name=event.name)
            case events.InterruptConfirmed():
                tell("interrupt_confirmed", last=event.last)
            case events.CustomReceived():
                tell("custom", content=dict(event.content))
            case events.StreamEnded():
                tell(
                    "stream_ended", segment=event.segment, position=event.position, exact=event.exact,
                    interrupted=event.interrupted, cause=event.cause.value,
                )  # fmt: skip

    def _tell_closed(self, close: Close) -> None:
        by = {True: "peer", False: "here", None: "transport"}[close.by_peer]
        self._lines.event("closed", code=int(close.code), by=by, reason=close.reason)
