"""Drives a rival's classes as ``cpu`` drives Lipwire's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import TypeVar

from benchmarks.cpu import CHUNK

Sent = TypeVar("Sent")
Frame = TypeVar("Frame")


async def drive(
    send: Callable[[Sent], Awaitable[object]],
    chunk: Sent,
    frames: AsyncIterable[Frame],
    samples: Callable[[Frame], int],
    *,
    chunks: int,
    burst: int,
) -> float:
    """CPU seconds for sending one chunk so many times, ``burst`` in flight at a time, and taking the frames of it."""
    turn: asyncio.Queue[None] = asyncio.Queue()
    count = target = 0

    async def consume() -> None:
        nonlocal count
        async for frame in frames:
            count += samples(frame)
            if burst > 1 and count >= target:
                turn.put_nowait(None)

    consumer = asyncio.create_task(consume())
    await asyncio.sleep(0)
    began = time.process_time()
    for _ in range(chunks // burst):
        target += burst * len(CHUNK) // 2
        for _ in range(burst):
            await send(chunk)
        await turn.get() if burst > 1 else await asyncio.sleep(0)
        while count < target:  # noqa: ASYNC110 - a turn of the loop, not a time
            await asyncio.sleep(0)
    took = time.process_time() - began
    consumer.cancel()
    return took
