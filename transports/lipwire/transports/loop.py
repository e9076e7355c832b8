"""What is needed for every chunk, and asyncio offers for less than anyio: a wait, a timer, the end of this turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from math import inf
from typing import Any, Protocol

import anyio


class Waiter(Protocol):
    """What one task awaits, once: as much of ``asyncio.Future`` as that takes."""

    def done(self) -> bool:
        """Whether it was woken, or its wait was cancelled."""
        ...

    def set_result(self, result: None, /) -> None:
        """Wake the task; only while it is not ``done``."""
        ...

    def __await__(self) -> Generator[Any, Any, None]: ...


class _EventWaiter:
    """A waiter for other event loops."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def done(self) -> bool:
        return self._event.is_set()

    def set_result(self, result: None) -> None:  # noqa: ARG002
        self._event.set()

    def __await__(self) -> Generator[Any, Any, None]:
        return self._event.wait().__await__()


def waiter_factory() -> Callable[[], Waiter]:
    """What makes waiters for the event loop that runs. On asyncio: a bare future, a third of an ``anyio.Event``."""
    try:
        return asyncio.get_running_loop().create_future
    except RuntimeError:
        return _EventWaiter


class Timer(Protocol):
    """Calls back, once each time that it is set."""

    def set(self, delay: float) -> None:
        """Call back after so many seconds, and not when it was set to before."""
        ...

    async def run(self) -> None:
        """Keep the timer, until cancelled. Raises what the callback raised."""
        ...


class _LoopTimer:
    """A timer of asyncio, which costs no task switch."""

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
        self._loop = loop
        self._callback = callback
        self._handle: asyncio.TimerHandle | None = None
        self._failed: asyncio.Future[None] = loop.create_future()

    def set(self, delay: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._handle = self._loop.call_later(delay, self._fire)

    def _fire(self) -> None:
        self._handle = None
        try:
            self._callback()
        except Exception as error:
            if not self._failed.done():
                self._failed.set_exception(error)

    async def run(self) -> None:
        try:
            await self._failed
        finally:
            if self._handle is not None:
                self._handle.cancel()


class _TaskTimer:
    """A timer for other event loops."""

    def __init__(self, callback: Callable[[], object]) -> None:
        self._callback = callback
        self._at = inf
        self._moved = anyio.Event()

    def set(self, delay: float) -> None:
        self._at = anyio.current_time() + delay
        self._moved.set()

    async def run(self) -> None:
        while True:
            self._moved = anyio.Event()
            with anyio.CancelScope(deadline=self._at):
                await self._moved.wait()
                continue
            self._at = inf
            self._callback()


def new_timer(callback: Callable[[], object]) -> Timer:
    """Make one for the event loop that runs."""
    try:
        return _LoopTimer(asyncio.get_running_loop(), callback)
    except RuntimeError:
        return _TaskTimer(callback)


def call_soon(callback: Callable[[], object]) -> bool:
    """Call at the end of this turn of the event loop. False: it can not be done here, and will not be."""
    try:
        asyncio.get_running_loop().call_soon(callback)
    except RuntimeError:
        return False
    return True
