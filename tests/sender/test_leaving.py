"""AudioOut's session: leaving."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from lipwire.protocol.errors import (
    CloseCode,
    LocalProtocolError,
    SessionClosed,
)
from lipwire.receiver import Acceptor
from lipwire.sender import AudioOut, Cause

from ..end_to_end.world import CountedListener, avatar, connected, settle, speech, tasks_living, until

pytestmark = pytest.mark.anyio


class TestLeaving:
    async def test_normally_waits_until_all_was_heard(self) -> None:
        async with avatar(speed=1.0) as world:
            began = anyio.current_time()
            async with world.agent() as out:
                async with out.segment() as segment:
                    await segment.write(speech(2.0))
                assert segment.result is None
            assert anyio.current_time() - began == pytest.approx(2.0, abs=0.5)
            assert segment.result
            assert segment.result.cause is Cause.PLAYED
            await until(lambda: world.renderer.done)
            assert world.renderer.audio.closed.code is CloseCode.NORMAL
            await until(lambda: not world.acceptor.sessions)
            with pytest.raises(SessionClosed):
                out.segment()

    async def test_by_an_exception_closes_at_once(self) -> None:
        async with avatar(speed=1.0) as world:
            began = anyio.current_time()
            with pytest.raises(ZeroDivisionError):  # noqa: PT012
                async with world.agent() as out:
                    async with out.segment() as segment:
                        await segment.write(speech(20.0))
                    await anyio.sleep(1)
                    raise ZeroDivisionError
            assert anyio.current_time() - began < 1.1
            assert segment.result.cause is Cause.CLOSED
            await until(lambda: world.renderer.done)
            assert world.renderer.audio.closed.by_peer

    async def test_by_a_cancellation_closes_at_once_and_tells_the_avatar(self) -> None:
        async with avatar(speed=1.0) as world:
            began = anyio.current_time()
            with anyio.move_on_after(1):
                async with world.agent() as out:
                    async with out.segment() as segment:
                        await segment.write(speech(20.0))
                    await out.drain()
            assert anyio.current_time() - began < 1.1
            assert segment.result.cause is Cause.CLOSED
            await until(lambda: world.renderer.done, seconds=0.1)
            assert world.renderer.audio.closed.by_peer
            assert world.renderer.audio.closed.code is CloseCode.NORMAL

    async def test_a_cancelled_enter_leaves_nothing(self) -> None:
        before = tasks_living()
        listener = CountedListener()
        async with listener:
            with anyio.move_on_after(1):
                async with AudioOut(listener.connect, clock=anyio.current_time):
                    pytest.fail("nobody answers hello")
            await settle()
            listener.check_closed()
        assert tasks_living() == before

    async def test_aclose_from_another_task_ends_all_waits(self) -> None:
        async with connected(speed=1.0, out={"buffer": 0.1}) as world:
            ended: list[str] = []

            async def wait(name: str, what: Any) -> None:
                await what()
                ended.append(name)

            segment = world.out.segment()
            segment.mark("m", 24_000 * 50)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait, "write", lambda: segment.write(speech(60)))
                tasks.start_soon(wait, "ended", segment.ended)
                tasks.start_soon(wait, "mark", lambda: segment.mark_reached("m"))
                await anyio.sleep(0.5)
                await world.out.aclose()
            assert sorted(ended) == ["ended", "mark", "write"]

    async def test_aclose_from_another_task_ends_a_drain(self) -> None:
        async with connected(speed=1.0) as world, anyio.create_task_group() as tasks:
            async with world.out.segment() as segment:
                await segment.write(speech(60))
            tasks.start_soon(world.out.drain)
            await anyio.sleep(0.5)
            await world.out.aclose()

    async def test_ends_a_segment_that_was_left_open(self) -> None:
        async with avatar() as world:
            async with world.agent() as out:
                segment = out.segment()
                await segment.write(speech(1.0))
                with pytest.raises(LocalProtocolError, match="segment 1 is still open"):
                    await out.drain()
            assert segment.result
            assert (segment.result.cause, segment.result.position) == (Cause.PLAYED, 24_000)

    async def test_cuts_a_segment_that_was_left_within_a_frame(self) -> None:
        async with avatar() as world:
            async with world.agent() as out:
                segment = out.segment()
                await segment.write(speech(1.0) + b"x")
            assert segment.result
            assert segment.result.cause is Cause.CANCELLED

    @pytest.mark.parametrize("lost", [False, True])
    async def test_unpauses(self, lost: bool) -> None:
        async with avatar(speed=1.0) as world:
            async with world.agent() as out:
                async with out.segment() as segment:
                    await segment.write(speech(1.0))
                await anyio.sleep(0.2)
                out.pause()
                await settle()
                if lost:
                    world.listener.newest.disconnect()
                    await settle()
            assert segment.result
            assert segment.result.cause is Cause.PLAYED
            assert bytes(world.renderer.pcm[1]) == speech(1.0)

    async def test_begins_nothing_new(self) -> None:
        async with avatar(speed=1.0) as world, anyio.create_task_group() as tasks:
            failed: list[str] = []

            async def late() -> None:
                await anyio.sleep(0.5)
                for call in (out.segment, out.pause):
                    with pytest.raises(LocalProtocolError, match="being left"):
                        call()
                    failed.append(call.__name__)

            async with world.agent() as out:
                async with out.segment() as segment:
                    await segment.write(speech(1.0))
                tasks.start_soon(late)
            assert failed == ["segment", "pause"]

    async def test_aclose_at_once(self) -> None:
        async with avatar() as world:
            out = world.agent(wait_connected=False)
            await out.aclose()  # before it is entered
            async with world.agent(wait_connected=False) as out:
                await out.aclose()
                with pytest.raises(SessionClosed):
                    await out.connected()

    async def test_a_session_that_is_closed_while_it_connects(self) -> None:
        async with avatar() as world:
            for turns in range(30):
                with anyio.fail_after(30):
                    async with world.agent(wait_connected=False) as out:
                        for _ in range(turns):
                            await anyio.lowlevel.checkpoint()
                        await out.aclose()

    async def test_leaving_the_acceptor_tells_the_agents(self) -> None:
        before = tasks_living()
        listener = CountedListener()
        # Within the agent, so that the avatar is the first to go.
        async with AudioOut(listener.connect, clock=anyio.current_time, wait_connected=False) as out:
            async with Acceptor(listener, clock=anyio.current_time) as acceptor:
                audio = await acceptor.accept()
                segment = out.segment()
                await segment.write(speech(1.0))
            ended = await segment.ended()
            assert ended.cause is Cause.PEER_CLOSED
            assert audio.closed.code is CloseCode.GOING_AWAY
            assert out.closed is None  # it said that it comes back
            await out.aclose()
        await settle()
        listener.check_closed()
        assert tasks_living() == before
