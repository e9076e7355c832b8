"""Nobody is busy when nothing is to be done."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest

from .world import avatar, backend, connected, settle, speech

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> Any:
    return backend("asyncio")  # whose loop counts its turns


def turns() -> int:
    loop: Any = asyncio.get_running_loop()
    count: int = loop.turns
    return count


async def turns_in(seconds: float) -> int:
    await settle()
    before = turns()
    await anyio.sleep(seconds)
    return turns() - before


async def test_an_idle_session_pings_and_nothing_else() -> None:
    async with connected() as world:
        await anyio.sleep(1)
        sent = len(world.listener.agents)
        # A ping of each side every 5 s, and its pong: some turns for each.
        assert await turns_in(600) < 120 * 12
        assert len(world.listener.agents) == sent
        assert world.out.statistics().connected


async def test_idle_after_speech_paused_or_while_a_segment_is_open() -> None:
    async with connected(speed=1.0) as world:
        async with world.out.segment() as segment:
            await segment.write(speech(1.0))
        await segment.ended()
        await anyio.sleep(1)
        assert await turns_in(600) < 120 * 12
        segment = world.out.segment()
        await segment.write(speech(0.5))
        await anyio.sleep(1)
        assert await turns_in(600) < 120 * 12
        await segment.write(speech(10.0))
        await anyio.sleep(1)
        world.out.pause()
        await anyio.sleep(1)
        assert await turns_in(600) < 120 * 12
        assert segment.result is None
        await world.out.interrupt()


async def test_idle_while_nobody_reads_and_a_writer_waits() -> None:
    async with connected(render=False, out={"buffer": 0.5}) as world, anyio.create_task_group() as tasks:
        segment = world.out.segment()
        tasks.start_soon(segment.write, speech(30.0))
        await anyio.sleep(1)
        assert await turns_in(4) < 40
        await world.out.interrupt()


async def test_idle_without_a_transport() -> None:
    async with avatar() as world:
        world.listener.refuse = OSError("down")
        async with world.agent(wait_connected=False, connect_timeout=600) as out:
            await anyio.sleep(5)
            assert await turns_in(100) < 100 / 1.5 * 8  # a try every 2 s or so
            await out.aclose()


async def test_speech_takes_a_bounded_number_of_turns() -> None:
    async with connected(speed=1.0) as world:
        before = turns()
        async with world.out.segment() as segment:
            await segment.write(speech(60.0))
        await segment.ended()
        assert turns() - before < 60 * 50 * 12
