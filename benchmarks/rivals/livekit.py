"""LiveKit's own DataStreamAudioOutput and DataStreamAudioReceiver over a fake room: no network, no FFI.

The receiver re-cuts to 20 ms, so that each chunk comes out as it went in; the agent's frame is made once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

from livekit import rtc
from livekit.agents.voice.avatar import DataStreamAudioOutput, DataStreamAudioReceiver

from benchmarks.cpu import CHUNK

from .drive import drive

DISTRIBUTION = "livekit-agents"


class FakeStream:
    """Stands for a byte stream's writer and reader: a queue between them."""

    def __init__(self, attributes: dict[str, str]) -> None:
        self.info = SimpleNamespace(attributes=attributes, stream_id="fake")
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()

    async def write(self, data: bytes) -> None:
        """The writer's."""
        self._queue.put_nowait(data)

    async def aclose(self) -> None:
        """The writer's: the trailer."""
        self._queue.put_nowait(None)

    def __aiter__(self) -> FakeStream:
        return self

    async def __anext__(self) -> bytes:
        data = await self._queue.get()
        if data is None:
            raise StopAsyncIteration
        return data


class FakeRoom:
    """Stands for ``rtc.Room`` and its local participant; the other room is its only peer."""

    def __init__(self, identity: str) -> None:
        self.identity = identity
        self.kind = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        self.state = rtc.ParticipantState.PARTICIPANT_STATE_ACTIVE
        self.local_participant = self
        self.remote_participants: dict[str, FakeRoom] = {}
        self._rpc_handlers: dict[str, Callable[..., str]] = {}
        self._stream_handlers: dict[str, Callable[..., None]] = {}

    def on(self, *_: Any) -> None:
        """Nothing ever changes here."""

    off = on

    def isconnected(self) -> bool:
        """Always."""
        return True

    def register_rpc_method(self, method: str, handler: Callable[..., str]) -> None:
        """As the real one."""
        self._rpc_handlers[method] = handler

    def register_byte_stream_handler(self, topic: str, handler: Callable[..., None]) -> None:
        """As the real one."""
        self._stream_handlers[topic] = handler

    async def stream_bytes(self, *, topic: str, attributes: dict[str, str], **_: Any) -> FakeStream:
        """Open a stream to the other room."""
        stream = FakeStream(attributes)
        for room in self.remote_participants.values():
            room._stream_handlers[topic](stream, self.identity)
        return stream


async def contender(chunks: int, burst: int) -> float:
    """CPU seconds for so many chunks, ``burst`` of them in flight at a time."""
    agent, avatar = FakeRoom("agent"), FakeRoom("avatar")
    agent.remote_participants["avatar"], avatar.remote_participants["agent"] = avatar, agent
    out: Any = DataStreamAudioOutput(agent, destination_identity="avatar", sample_rate=24_000)
    audio: Any = DataStreamAudioReceiver(avatar, sender_identity="agent", frame_size_ms=20)
    await audio.start()
    frame = rtc.AudioFrame(CHUNK, 24_000, 1, len(CHUNK) // 2)
    took = await drive(out.capture_frame, frame, audio, attrgetter("samples_per_channel"), chunks=chunks, burst=burst)
    await audio.aclose()
    return took
