"""One task that outlives the call that started it, on asyncio and on trio.

A transport has no task group of its own to run its pump in: it is made by one call and closed by another, and
an async context manager held open in between would have to be left in the task that entered it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Background:
    """Runs ``function`` at once in the background, until it returns or is cancelled.

    ``failed`` is called with the exception, should ``function`` raise one; nothing escapes.
    """

    def __init__(
        self, function: Callable[[], Awaitable[None]], failed: Callable[[Exception], None], *, name: str
    ) -> None:
        self._function = function
        self._failed = failed
        self._scope = anyio.CancelScope()
        self._done = anyio.Event()
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            import trio

            trio.lowlevel.spawn_system_task(self._run, name=name)
        else:
            # Kept, for the loop itself has only a weak reference.
            self._task = loop.create_task(self._run(), name=name)

    def cancel(self) -> None:
        """Cancel it, without waiting."""
        self._scope.cancel()

    async def wait(self) -> None:
        """Wait until it is over. Cancelling the wait does not cancel the task."""
        await self._done.wait()

    async def _run(self) -> None:
        try:
            with self._scope:
                await self._function()
        except Exception as error:
            self._failed(error)
        finally:
            self._done.set()
