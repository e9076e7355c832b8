"""Peers in other languages, as processes of their own, and a consumer that tells what it was handed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import anyio.abc
import numpy as np
import pytest

from lipwire.receiver import Audio, AudioIn, Interrupted, SegmentEnd, SegmentStart

PEER = Path(__file__).parents[2] / "examples" / "peers" / "node"
PATIENCE = 90.0
"""Seconds that a step may take on a very slow machine; nothing is timed by it."""


def need(reason: str | None) -> None:
    """Skip, or fail where the peers are required."""
    if reason is None:
        return
    if os.environ.get("LIPWIRE_REQUIRE_PEERS") == "1":
        pytest.fail(f"{reason} (LIPWIRE_REQUIRE_PEERS is set)")
    pytest.skip(f"{reason}: run scripts/fetch-peers")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Process:
    """A running program that prints one JSON object a line."""

    def __init__(self, process: anyio.abc.Process) -> None:
        self.process = process
        self.events: list[dict[str, Any]] = []
        self.errors = b""
        self._changed = anyio.Event()
        self._at_end = False

    async def read(self) -> None:
        assert self.process.stdout is not None
        rest = b""
        async for data in self.process.stdout:
            *lines, rest = (rest + data).split(b"\n")
            self.events += [json.loads(line) for line in lines if line]
            self._changed.set()
            self._changed = anyio.Event()
        self._at_end = True
        self._changed.set()

    async def read_errors(self) -> None:
        assert self.process.stderr is not None
        async for data in self.process.stderr:
            self.errors += data

    async def event(self, name: str, **facts: Any) -> dict[str, Any]:
        """The first event of this name with these facts, when it has come."""
        with anyio.move_on_after(PATIENCE):
            while True:
                for event in self.events:
                    if event["event"] == name and facts.items() <= event.items():
                        return event
                if self._at_end:
                    break
                await self._changed.wait()
        raise AssertionError(f"no {name} {facts}: {self.events} {self.errors.decode()}")

    def all(self, name: str) -> list[dict[str, Any]]:
        """All events of this name so far."""
        return [event for event in self.events if event["event"] == name]

    async def finished(self) -> int:
        """The exit status, when all output has been read."""
        with anyio.fail_after(PATIENCE):
            while not self._at_end:
                await self._changed.wait()
            return await self.process.wait()


Run: TypeAlias = Callable[..., AbstractAsyncContextManager[Process]]


@asynccontextmanager
async def _run(*args: object) -> AsyncIterator[Process]:
    """Run a program of the Node peer, and end it when the block is left."""
    async with (
        await anyio.open_process(["node", *map(str, args)], cwd=PEER, stdin=None) as process,
        anyio.create_task_group() as group,
    ):
        running = Process(process)
        group.start_soon(running.read)
        group.start_soon(running.read_errors)
        try:
            yield running
        finally:
            if process.returncode is None:
                process.terminate()
            with anyio.move_on_after(10, shield=True):
                await process.wait()
            if process.returncode is None:
                process.kill()


@pytest.fixture
def node() -> Run:
    """Runs a program of examples/peers/node: ``async with node("sender.js", url) as process``."""
    if shutil.which("node") is None:
        need("node is not installed")
    if not (PEER / "node_modules" / "ws").is_dir():
        need(f"{PEER / 'node_modules'} is missing")
    return _run


@pytest.fixture
def page(node: Run) -> Run:
    """Opens the peer's page in Chromium: ``async with page("sender", url, "--steps", …) as process``."""
    if not (PEER / "node_modules" / "playwright-core").is_dir():
        need(f"{PEER / 'node_modules' / 'playwright-core'} is missing")
    if not Path(os.environ.get("CHROMIUM", "/usr/bin/chromium")).is_file():
        need("chromium is not installed")
    return lambda role, url, *more: node("browser-test.mjs", "--role", role, "--url", url, *more)


def pattern(segment: int, samples: int, channels: int = 1, encoding: str = "s16le") -> bytes:
    """PCM that tells where it belongs; the same as speak.js makes."""
    values = (np.arange(samples * channels) * 31 + segment * 977) % 65536 - 32768
    if encoding == "f32le":
        return (values / 32768).astype("<f4").tobytes()
    return values.astype("<i2").tobytes()


def sha256(pcm: bytes) -> str:
    """As the peers print it."""
    return hashlib.sha256(pcm).hexdigest()


@dataclass
class Consumed:
    """What a consumer was handed of a session, by segment."""

    pcm: dict[int, bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    metadata: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    ends: list[tuple[int, int]] = field(default_factory=list)
    interrupted: dict[int, int] = field(default_factory=dict)
    """Of each that was cut, how far it was handed out."""
    concealed: int = 0


async def consume(audio: AudioIn, hold: Mapping[int, int] | None = None, heard: int = 0) -> Consumed:
    """Take everything as fast as it comes until the session is closed, and report it as heard.

    Of a segment in ``hold`` only about so many samples are taken until it is interrupted; then ``heard`` is reported.
    """
    got = Consumed()
    holds = dict(hold or {})
    cut = {segment: anyio.Event() for segment in holds}

    def note_reset(item: Interrupted) -> None:
        for segment in item.segments:
            if segment in cut:
                cut[segment].set()

    audio.on_reset(note_reset)
    async for item in audio:
        match item:
            case SegmentStart():
                got.metadata[item.segment] = item.metadata
                got.pcm[item.segment] = bytearray()
            case Audio():
                assert len(got.pcm[item.segment]) == item.position * item.format.frame_bytes
                if item.position == 0:
                    audio.notify_stream_started(item.segment)
                got.pcm[item.segment] += item.pcm
                got.concealed += item.concealed
                if item.end >= holds.get(item.segment, item.end + 1):
                    with anyio.fail_after(PATIENCE):
                        await cut[item.segment].wait()
            case SegmentEnd():
                got.ends.append((item.segment, item.total))
                audio.notify_stream_ended(item.segment, item.total)
            case Interrupted():
                got.interrupted.update(zip(item.segments, item.consumed, strict=True))
                if not item.by_close:
                    audio.notify_stream_ended(item.segments, heard, interrupted=True)
    return got


@dataclass(frozen=True)
class Toolbox:
    """What the tests of this folder share."""

    pattern = staticmethod(pattern)
    sha256 = staticmethod(sha256)
    consume = staticmethod(consume)
    need = staticmethod(need)
    peer = PEER
    patience = PATIENCE


@pytest.fixture
def tools() -> Toolbox:
    return Toolbox()
