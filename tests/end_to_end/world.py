"""What the tests of AudioOut and AudioIn share: virtual time, a renderer, transports that are counted.

In virtual time an event loop that has nothing to do goes on to its next timer at once. So no test waits, none
depends on the machine's speed, and one in which nothing will ever happen again fails at once.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest
import trio.lowlevel
import trio.testing

from lipwire.protocol.channels import Channel
from lipwire.protocol.formats import PcmFormat
from lipwire.receiver import Acceptor, Audio, AudioIn, Interrupted, Item, SegmentEnd
from lipwire.sender import AudioOut
from lipwire.transports import MemoryListener, Transport, TransportClosed, TransportError
from simulator.event_loop import SimulatedLoop

MONO = PcmFormat(24_000, 1)
FOREVER = 3_600.0
"""Virtual seconds within which everything that is bounded has happened."""


def backends() -> list[Any]:
    """Both event loops, in virtual time; for ``pytest.fixture(params=…)``."""
    return [pytest.param("asyncio", id="asyncio"), pytest.param("trio", id="trio")]


def backend(name: str) -> tuple[str, dict[str, Any]]:
    """The options of one, for ``anyio_backend``."""
    if name == "asyncio":
        return name, {"loop_factory": SimulatedLoop}
    return name, {"clock": trio.testing.MockClock(autojump_threshold=0)}


def tasks_living() -> int:
    """How many tasks the loop has."""
    try:
        return len(asyncio.all_tasks())
    except RuntimeError:
        return trio.lowlevel.current_statistics().tasks_living


async def settle(turns: int = 30) -> None:
    """Let everything run that can, without any time passing."""
    for _ in range(turns):
        await anyio.lowlevel.checkpoint()


async def until(condition: Callable[[], Any], *, seconds: float = 60) -> None:
    """Wait until a condition holds."""
    with anyio.fail_after(seconds):
        while not condition():  # noqa: ASYNC110 - time is virtual
            await anyio.sleep(0.001)


def speech(seconds: float, seed: int = 0, pcm: PcmFormat = MONO) -> bytes:
    """Samples that are like no others."""
    return random.Random(seed).randbytes(pcm.samples(seconds) * pcm.frame_bytes)


def is_closed(transport: Transport) -> bool:
    """Whether our side of a transport was closed."""
    try:
        transport.send(Channel.CONTROL, b"")
    except TransportClosed:
        return True
    except TransportError:
        return False
    return False


class CountedListener(MemoryListener):
    """A memory listener that keeps all the transports it has made, of both sides."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.agents: list[Transport] = []
        self.avatars: list[Transport] = []
        self.refuse: Exception | None = None
        self.attempts = 0

    async def connect(self) -> Transport:
        self.attempts += 1
        if self.refuse is not None:
            await anyio.lowlevel.checkpoint()
            raise self.refuse
        self.agents.append(await super().connect())
        return self.agents[-1]

    async def accept(self) -> Transport:
        self.avatars.append(await super().accept())
        return self.avatars[-1]

    @property
    def newest(self) -> Any:
        return self.agents[-1]

    def check_closed(self) -> None:
        for transport in (*self.agents, *self.avatars):
            assert is_closed(transport), f"{transport.peer} was left open"


@dataclass
class Renderer:
    """A renderer that plays in time, and reports. ``speed``: seconds of audio a second; 0: no time at all."""

    audio: AudioIn
    speed: float = 0.0
    report_end: bool = True
    items: list[Item] = field(default_factory=list)
    pcm: dict[int, bytearray] = field(default_factory=dict)
    heard: dict[int, int] = field(default_factory=dict)
    resets: list[Interrupted] = field(default_factory=list)
    error: Exception | None = None
    done: bool = False
    _playing: anyio.CancelScope | None = None

    def __post_init__(self) -> None:
        self.audio.on_reset(self._reset)

    def _reset(self, interrupted: Interrupted) -> None:
        self.resets.append(interrupted)
        if self._playing is not None:
            self._playing.cancel()

    async def run(self) -> None:
        try:
            async for item in self.audio:
                self.items.append(item)
                await self._render(item)
        except Exception as error:
            self.error = error
        self.done = True

    async def _render(self, item: Item) -> None:
        audio = self.audio
        if isinstance(item, Audio):
            self.pcm.setdefault(item.segment, bytearray()).extend(item.pcm)
            if item.position == 0:
                audio.notify_stream_started(item.segment)
            with anyio.CancelScope() as self._playing:
                await anyio.sleep(item.duration / self.speed if self.speed else 0)
                self.heard[item.segment] = item.end
                audio.notify_played(item.segment, item.end)
        elif isinstance(item, SegmentEnd) and self.report_end:
            audio.notify_stream_ended(item.segment)
        elif isinstance(item, Interrupted) and not item.by_close:
            for segment in item.segments:
                audio.notify_stream_ended(segment, self.heard.get(segment, 0), interrupted=True)


@dataclass
class World:
    """An agent and an avatar, connected in memory."""

    listener: CountedListener
    acceptor: Acceptor
    tasks: Any
    speed: float
    out: AudioOut = None  # type: ignore[assignment]
    renderers: list[Renderer] = field(default_factory=list)
    render: bool = True
    report_end: bool = True

    @property
    def renderer(self) -> Renderer:
        return self.renderers[-1]

    @property
    def audio(self) -> AudioIn:
        return self.renderers[-1].audio

    async def serve(self) -> None:
        async for audio in self.acceptor:
            renderer = Renderer(audio, self.speed, self.report_end)
            self.renderers.append(renderer)
            if self.render:
                self.tasks.start_soon(renderer.run)

    def agent(self, connector: Any = None, **options: Any) -> AudioOut:
        options.setdefault("clock", anyio.current_time)
        options.setdefault("format", MONO)
        return AudioOut(connector or self.listener.connect, **options)


@asynccontextmanager
async def avatar(
    *,
    listener: CountedListener | None = None,
    speed: float = 0.0,
    render: bool = True,
    report_end: bool = True,
    **more: Any,
) -> AsyncIterator[World]:
    """An avatar that renders every session; at the end all must be closed, and no task left."""
    before = tasks_living()
    counted = listener or CountedListener()
    more.setdefault("clock", anyio.current_time)
    acceptor = Acceptor(more.pop("over", counted), **more)
    with anyio.fail_after(FOREVER):
        async with anyio.create_task_group() as tasks:
            async with acceptor:
                world = World(counted, acceptor, tasks, speed, render=render, report_end=report_end)
                tasks.start_soon(world.serve)
                yield world
            assert acceptor.sessions == ()
        await settle()
    counted.check_closed()
    assert tasks_living() == before


@asynccontextmanager
async def connected(*, out: dict[str, Any] | None = None, connector: Any = None, **more: Any) -> AsyncIterator[World]:
    """An agent that is connected to such an avatar."""
    async with avatar(**more) as world, AsyncExitStack() as stack:
        world.out = await stack.enter_async_context(world.agent(connector, **(out or {})))
        await until(lambda: world.renderers)
        yield world


class CancelledAt:
    """Awaits something and cancels it. ``how``:

    - "scope": by a cancel scope, at its n-th suspension;
    - "native": the same, as asyncio does it;
    - "turn": by a cancel scope, at the n-th turn of the (asyncio) loop, whoever was at work in it.

    After ``run``, ``reached`` tells whether it got so far.
    """

    def __init__(self, number: int, how: str = "scope") -> None:
        self.number = number
        self.native = how == "native"
        self._by_turns = how == "turn"
        self.reached = False
        self.count = 0
        self.cancelled = False
        self._scope = anyio.CancelScope()

    async def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        loop: Any = None
        if self._by_turns:
            loop = asyncio.get_running_loop()
            loop.at_turn = loop.turns + self.number, self._cancel
        with self._scope:
            try:
                return await _Stepped(work(), self._step)
            except asyncio.CancelledError:
                if not (self.native and self.reached):
                    raise
                task = asyncio.current_task()
                assert task is not None
                task.uncancel()
                self.cancelled = True
            finally:
                if loop is not None:
                    loop.at_turn = None
        self.cancelled = self.cancelled or self._scope.cancelled_caught
        return None

    def _step(self) -> None:
        self.count += 1
        if self.count == self.number and not self._by_turns:
            self._cancel()

    def _cancel(self) -> None:
        self.reached = True
        if self.native:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        else:
            self._scope.cancel()


class _Stepped:
    def __init__(self, work: Awaitable[Any], step: Callable[[], None]) -> None:
        self._work = work
        self._step = step

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self._work.__await__()
        send: Callable[[], Any] = lambda: next(inner)  # noqa: E731
        while True:
            try:
                waits_for = send()
            except StopIteration as end:
                return end.value
            self._step()
            try:
                value = yield waits_for
            except BaseException as error:
                given = error

                def send(given: BaseException = given) -> Any:
                    return inner.throw(given)  # type: ignore[attr-defined]
            else:

                def send(value: Any = value) -> Any:
                    return inner.send(value)  # type: ignore[attr-defined]
