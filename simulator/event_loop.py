"""An asyncio event loop whose clock jumps to the next timer when nothing else is to be done: an hour takes a minute."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any

_THREADS = 2.0
"""Real seconds in which a thread may call back when there is no timer."""


class SimulatedLoop(asyncio.SelectorEventLoop):
    """For code that waits on timers alone, and reads the time from the loop; real I/O would be overtaken."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.turns = 0
        """How often the loop has run."""
        self.at_turn: tuple[int, Callable[[], None]] | None = None
        """A turn, and what is to be called in it."""
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Seconds since some beginning."""
        return self.now


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: SimulatedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, Any]]:
        loop = self._loop
        loop.turns += 1
        if loop.at_turn is not None and loop.at_turn[0] == loop.turns:
            loop.call_soon(loop.at_turn[1])
            return super().select(0)
        ready = super().select(_THREADS if timeout is None else 0)
        if not ready:
            if timeout is None:
                raise RuntimeError("everything waits, and no timer is set")
            loop.now += max(timeout, 0.0)
        return ready
