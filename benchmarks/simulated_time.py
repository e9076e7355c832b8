"""An asyncio event loop whose clock jumps to the next timer when nothing else is to be done: an hour takes a minute."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any


class SimulatedLoop(asyncio.SelectorEventLoop):
    """For code that waits on timers alone, and reads the time from the loop; real I/O would be overtaken."""

    def __init__(self) -> None:
        self.now = 1_000.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Seconds since some beginning."""
        return self.now


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: SimulatedLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, Any]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("everything waits, and no timer is set")
            self._loop.now += max(timeout, 0.0)
        return ready
