"""What is needed for every chunk, and asyncio offers for less than anyio: one wait, and the end of this turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
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


def call_soon(callback: Callable[[], object]) -> bool:
    """Call at the end of this turn of the event loop. False: it can not be done here, and will not be."""
    try:
        asyncio.get_running_loop().call_soon(callback)
    except RuntimeError:
        return False
    return True
