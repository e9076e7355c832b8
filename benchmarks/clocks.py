"""How long something took, and a bound on it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

import anyio

PATIENCE = 120.0
"""Seconds that one round may take."""
T = TypeVar("T")


class Took(NamedTuple):
    """Seconds: on the clock, and of the process's CPU."""

    clock: float
    cpu: float


class Stopwatch:
    """Reads both clocks since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter(), time.process_time()

    def read(self) -> Took:
        """Seconds since then."""
        return Took(time.perf_counter() - self._began[0], time.process_time() - self._began[1])


async def patiently(run: Callable[..., Awaitable[T]], *arguments: object) -> T:
    """Run it, for ``PATIENCE`` seconds at most.

    Raises:
        TimeoutError: it took longer.
    """
    with anyio.fail_after(PATIENCE):
        return await run(*arguments)
