"""Cancellation at every await: each scenario is run again and again, cancelled one suspension later each time.

Whatever the place: nothing hangs, nothing but the cancellation is raised, every segment has ended, every transport is
closed, no task is left; and an item that a cancelled wait did not give is given by the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import anyio
import pytest
import sniffio

from lipwire.protocol.limits import Limits
from lipwire.receiver import Acceptor, Audio, SegmentEnd, open_audio_in
from lipwire.sender import AudioOut, Cause, Segment
from lipwire.transports import Faults, faulty, memory_pair

from .world import (
    FOREVER,
    MONO,
    CancelledAt,
    CountedListener,
    Renderer,
    avatar,
    backend,
    connected,
    settle,
    speech,
    tasks_living,
    until,
)

pytestmark = pytest.mark.anyio

Scenario: TypeAlias = Callable[[], Awaitable[Any]]


@pytest.fixture(params=["asyncio-scope", "asyncio-native", "asyncio-turn", "trio-scope"])
def ways(request: pytest.FixtureRequest) -> tuple[str, str]:
    loop, _, how = request.param.partition("-")
    return loop, how


@pytest.fixture
def anyio_backend(ways: tuple[str, str]) -> Any:
    return backend(ways[0])


@pytest.fixture
def how(ways: tuple[str, str]) -> str:
    return ways[1]


async def at_each(how: str, run: Callable[[CancelledAt], Awaitable[None]], *, least: int) -> None:
    """Run a scenario, each time cancelled one suspension later, until one is not reached any more."""
    for number in range(1, 10_000):
        cancelling = CancelledAt(number, how)
        with anyio.fail_after(FOREVER):
            await run(cancelling)
        if not cancelling.reached:
            # trio runs tasks in an order of its own choosing, so a scenario may do with fewer suspensions there.
            assert number > (least // 2 if sniffio.current_async_library() == "trio" else least)
            return
    pytest.fail("it never ends")


async def test_an_agent(how: str) -> None:
    """Connects, speaks, interrupts, speaks, waits, leaves."""

    async def run(cancelling: CancelledAt) -> None:
        segments: list[Segment] = []
        async with avatar(speed=10.0) as world:

            async def agent() -> None:
                async with world.agent(buffer=0.2) as out:
                    async with out.segment() as one:
                        segments.append(one)
                        await one.write(speech(1.0))
                    await one.started()
                    await out.interrupt()
                    async with out.segment() as two:
                        segments.append(two)
                        two.mark("here", 0)
                        for _ in range(20):
                            await two.write(speech(0.02))
                    await two.mark_reached("here")
                    await two.ended()
                    await out.drain()

            await cancelling.run(agent)
            await settle()
            assert all(segment.result for segment in segments)
            if not cancelling.reached:
                assert [s.result and s.result.cause for s in segments] == [Cause.INTERRUPTED, Cause.PLAYED]
            await until(lambda: not world.acceptor.sessions)
            for renderer in world.renderers:
                await until(lambda renderer=renderer: renderer.done)
                assert renderer.error is None  # it was told in an orderly way

    await at_each(how, run, least=11)


async def test_an_agent_that_does_not_wait_to_be_connected(how: str) -> None:
    async def run(cancelling: CancelledAt) -> None:
        async with avatar() as world:

            async def agent() -> None:
                async with world.agent(wait_connected=False) as out:
                    async with out.segment() as segment:
                        await segment.write(speech(0.1))
                    await out.aclose()

            await cancelling.run(agent)

    await at_each(how, run, least=2)


async def test_a_wait_within_a_session_that_goes_on(how: str) -> None:
    """What is cancelled is one utterance: the session is as good as before."""

    async def run(cancelling: CancelledAt) -> None:
        async with connected(speed=10.0, out={"buffer": 0.1}, limits=Limits(cooldown=0.05)) as world:
            first: list[Segment] = []

            async def utterance() -> None:
                async with world.out.segment() as segment:
                    first.append(segment)
                    await segment.write(speech(0.5))
                    await segment.write(speech(0.5))
                await segment.started()
                await world.out.interrupt()
                await world.out.drain()

            await cancelling.run(utterance)
            async with world.out.segment() as after:
                await after.write(speech(0.2, 7))
            assert (await after.ended()).cause is Cause.PLAYED
            assert bytes(world.renderer.pcm[after.number]) == speech(0.2, 7)
            assert all(segment.result for segment in first)

    await at_each(how, run, least=6)


async def test_a_consumer_loses_no_item(how: str) -> None:
    said = speech(0.6)

    async def run(cancelling: CancelledAt) -> None:
        async with connected(render=False, frame_ms=20) as world:
            items: list[Any] = []

            async def consume() -> None:
                async for item in world.audio:
                    items.append(item)
                    if isinstance(item, SegmentEnd):
                        return

            async with anyio.create_task_group() as tasks:

                async def speak() -> None:
                    async with world.out.segment() as segment:
                        for at in range(0, len(said), 1_000):
                            await segment.write(said[at : at + 1_000])
                            await anyio.sleep(0.01)

                tasks.start_soon(speak)
                await cancelling.run(consume)
                if not items or not isinstance(items[-1], SegmentEnd):
                    await consume()  # goes on where the cancelled one stopped
            world.audio.notify_stream_ended(1)
            assert b"".join(bytes(item.pcm) for item in items if isinstance(item, Audio)) == said
            positions = [item.position for item in items if isinstance(item, Audio)]
            assert positions == [480 * index for index in range(len(positions))]

    await at_each(how, run, least=20)


async def test_an_avatar(how: str) -> None:
    """Listens, accepts, renders, and is cancelled as a whole while an agent speaks to it."""

    async def run(cancelling: CancelledAt) -> None:
        listener = CountedListener()
        before = tasks_living()
        async with AudioOut(
            listener.connect, format=MONO, wait_connected=False, connect_timeout=5, clock=anyio.current_time
        ) as out:
            segment = out.segment()
            await segment.write(speech(0.3))
            segment.end()

            async def serve() -> None:
                async with Acceptor(listener, clock=anyio.current_time) as acceptor:
                    renderer = Renderer(await acceptor.accept(), 1.0)
                    await renderer.run()

            async with anyio.create_task_group() as tasks:

                async def leave() -> None:
                    await segment.ended()
                    await out.aclose()

                tasks.start_soon(leave)
                await cancelling.run(serve)
            ended = await segment.ended()
            assert ended.cause in (Cause.PLAYED, Cause.PEER_CLOSED, Cause.NEVER_CONNECTED)
            if not cancelling.reached:
                assert ended.cause is Cause.PLAYED
        await settle()
        listener.check_closed()
        assert tasks_living() == before

    await at_each(how, run, least=8)


async def test_the_audio_of_one_transport(how: str) -> None:
    async def run(cancelling: CancelledAt) -> None:
        before = tasks_living()
        ours, theirs = memory_pair()
        async with AudioOut(ours, format=MONO, wait_connected=False, clock=anyio.current_time) as out:

            async def serve() -> None:
                async with open_audio_in(theirs, clock=anyio.current_time) as audio:
                    await Renderer(audio, 1.0).run()

            async with anyio.create_task_group() as tasks:

                async def speak() -> None:
                    async with out.segment() as segment:
                        await segment.write(speech(0.2))
                    await segment.ended()
                    await out.aclose()

                tasks.start_soon(speak)
                await cancelling.run(serve)
        await settle()
        assert tasks_living() == before

    await at_each(how, run, least=5)


async def test_an_agent_whose_transport_breaks(how: str) -> None:
    """Cancelled while it connects, while it waits to connect again, and while it resumes."""

    async def run(cancelling: CancelledAt) -> None:
        async with avatar(speed=2.0) as world:
            connector = faulty(world.listener.connect, Faults(cut_after=(0.1, 0.1, None)))

            async def agent() -> None:
                async with world.agent(connector) as out:
                    async with out.segment() as segment:
                        for _ in range(5):
                            await segment.write(speech(0.1))
                            await anyio.sleep(0.05)
                    assert (await segment.ended()).cause is Cause.PLAYED

            await cancelling.run(agent)
            await settle()
            # One that was cancelled while its transport was broken can not tell the avatar.
            for renderer in world.renderers:
                await until(lambda renderer=renderer: renderer.done)

    await at_each(how, run, least=8)


async def test_the_helper_cancels_where_it_says(how: str) -> None:
    reached: list[int] = []

    async def run(cancelling: CancelledAt) -> None:
        reached.clear()

        async def work() -> None:
            for index in range(5):
                await anyio.sleep(1)
                reached.append(index)

        await cancelling.run(work)
        if how != "turn":
            assert len(reached) == min(cancelling.number - 1, 5)
        assert cancelling.cancelled is cancelling.reached

    await at_each(how, run, least=5)
    if how == "native":
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
