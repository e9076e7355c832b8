"""AudioOut's session: connecting, and coming back."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import anyio
import pytest

from lipwire.protocol.channels import Channel
from lipwire.protocol.connection import encode_refusal
from lipwire.protocol.errors import (
    CloseCode,
    NeverConnected,
    RemoteProtocolError,
    SessionClosed,
)
from lipwire.protocol.registry import Feature
from lipwire.sender import AudioOut, Cause
from lipwire.transports import Transport, TransportBroken, memory_pair

from ..end_to_end.world import CountedListener, avatar, connected, settle, speech, until

pytestmark = pytest.mark.anyio


class TestConnecting:
    async def test_tries_again_with_a_growing_pause(self) -> None:
        async with avatar() as world:
            times: list[float] = []

            async def connect() -> Transport:
                times.append(anyio.current_time())
                if len(times) < 8:
                    raise TransportBroken("not yet")
                return await world.listener.connect()

            async with world.agent(connect):
                gaps = [later - earlier for earlier, later in pairwise(times)]
                assert 0.07 < gaps[0] < 0.13
                assert all(gap <= 2.5 for gap in gaps)
                assert gaps[-1] > 1.4
                assert gaps[0] < gaps[2] < gaps[4]

    async def test_the_pause_begins_anew_after_a_session(self) -> None:
        async with connected() as world:
            world.listener.refuse = TransportBroken("unplugged")
            world.listener.newest.disconnect()
            await until(lambda: world.listener.attempts > 5)
            world.listener.refuse = None
            await until(lambda: world.out.statistics().connected)
            await settle()
            began = anyio.current_time()
            world.listener.newest.disconnect()
            await until(lambda: not world.out.statistics().connected)
            await until(lambda: world.out.statistics().connected)
            assert anyio.current_time() - began < 0.2
            assert world.out.statistics().sessions == 1
            assert world.out.statistics().transports == 3

    async def test_one_that_refuses_at_once_and_again_is_not_asked_in_a_hot_loop(self) -> None:
        peers: list[Any] = []

        async def connect() -> Transport:
            ours, peer = memory_pair()
            peer.send(Channel.CONTROL, encode_refusal(RemoteProtocolError(CloseCode.BUSY, "busy", retry=0)))
            peers.append(peer)
            await anyio.lowlevel.checkpoint()
            return ours

        with pytest.raises(NeverConnected):
            async with AudioOut(connect, connect_timeout=10, clock=anyio.current_time):
                pytest.fail("never opened")
        assert 5 < len(peers) < 12

    async def test_one_that_opens_and_closes_again_is_not_asked_in_a_hot_loop(self) -> None:
        async with avatar(render=False) as world:
            with anyio.move_on_after(10):
                async with world.agent(), anyio.create_task_group() as tasks:

                    async def close() -> None:
                        while True:
                            await anyio.sleep(0.01)
                            for audio in world.acceptor.sessions:
                                audio._core.close(anyio.current_time(), CloseCode.GOING_AWAY, retry=0.0)
                                audio._shell.flush()

                    tasks.start_soon(close)
            assert 5 < world.listener.attempts < 12

    async def test_a_busy_avatar_is_asked_again_when_it_says(self) -> None:
        async with connected(max_sessions=1) as world:
            began = anyio.current_time()
            async with anyio.create_task_group() as tasks:

                async def second() -> None:
                    async with world.agent() as out:
                        assert anyio.current_time() - began == pytest.approx(3, abs=0.1)
                        async with out.segment() as segment:
                            await segment.write(speech(0.1))
                        assert (await segment.ended()).cause is Cause.PLAYED

                tasks.start_soon(second)
                await anyio.sleep(2.5)
                assert len(world.acceptor.sessions) == 1
                await world.out.aclose()

    async def test_a_format_that_is_not_supported_names_those_that_are(self) -> None:
        from lipwire.protocol.errors import SessionRefused
        from lipwire.receiver import PcmFormat

        async with avatar(formats=[PcmFormat(16_000, 1), PcmFormat(48_000, 2, "f32le")]) as world:
            with pytest.raises(SessionRefused, match=r"'s16le', 16000, 1.*'f32le', 48000, 2") as caught:
                await world.agent().__aenter__()
            assert caught.value.close.code is CloseCode.UNSUPPORTED_FORMAT

    async def test_what_is_written_before_the_session_is_open_is_rendered(self) -> None:
        async with avatar() as world:
            world.listener.refuse = TransportBroken("not yet")
            async with world.agent(wait_connected=False) as out:
                async with out.segment(text="early") as segment:
                    await segment.write(speech(0.5))
                    segment.mark("end")
                    segment.data({"words": ["early"]}, 0)
                await anyio.sleep(1)
                assert not out.statistics().connected
                assert out.features == frozenset()
                world.listener.refuse = None
                await out.connected()
                assert out.features == frozenset(Feature)
                assert (await segment.ended()).cause is Cause.PLAYED
                assert await segment.mark_reached("end")
            assert bytes(world.renderer.pcm[1]) == speech(0.5)


class TestComingBack:
    async def test_an_avatar_that_restarted_gets_a_new_session(self) -> None:
        listener = CountedListener()
        async with AudioOutWith(listener) as (out, first):
            async with out.segment() as segment:
                await segment.write(speech(3.0))
            await until(lambda: first.renderers and first.renderer.heard.get(1, 0) > 36_000)
            queued = out.segment()
            await queued.write(speech(1.0))
            # It dies without a word, and one without memory comes in its place.
            listener.newest.disconnect()
            for audio in first.acceptor.sessions:
                audio._core.abandon(_gone(), anyio.current_time())
                audio._shell.flush()
            attempts = listener.attempts
            ended = await segment.ended()
            assert (ended.cause, ended.exact) == (Cause.PEER_CLOSED, False)
            await until(lambda: listener.attempts > attempts + 1, seconds=0.005)  # without a pause (LW-CLOSE-7)
            assert ended.position > 0
            assert (await queued.ended()).cause is Cause.PEER_CLOSED
            assert not await queued.write(b"xx")
            async with out.segment() as after:
                await after.write(speech(0.5, 3))
            assert (await after.ended()).cause is Cause.PLAYED
            assert after.number == 3
            assert out.statistics().sessions == 2
            assert bytes(first.renderer.pcm[3]) == speech(0.5, 3)

    async def test_one_that_forgets_at_once_and_again_is_not_asked_in_a_hot_loop(self) -> None:
        async with avatar(render=False) as world:
            with anyio.move_on_after(10):
                async with world.agent():
                    while True:
                        await anyio.sleep(0.01)
                        for audio in world.acceptor.sessions:
                            audio._core.close(anyio.current_time(), CloseCode.RESUME_STATE)
                            audio._shell.flush()
            assert 5 < world.listener.attempts < 12

    async def test_an_avatar_that_shuts_down_is_asked_again_when_it_says(self) -> None:
        listener = CountedListener()
        async with AudioOutWith(listener) as (out, world):
            began = anyio.current_time()
            attempts = listener.attempts
            await until(lambda: world.renderers)
            audio = world.audio
            audio._core.close(began, CloseCode.GOING_AWAY, retry=5.0)
            audio._shell.flush()
            await until(lambda: out.statistics().sessions == 2)
            assert anyio.current_time() - began == pytest.approx(5, abs=0.1)
            assert listener.attempts == attempts + 1

    async def test_one_that_does_not_say_when_is_not_asked_again(self) -> None:
        async with connected() as world:
            world.audio._core.close(anyio.current_time(), CloseCode.GOING_AWAY)
            world.audio._shell.flush()
            await until(lambda: world.out.closed)
            with pytest.raises(SessionClosed, match="going_away"):
                world.out.segment()
            await anyio.sleep(10)
            assert world.listener.attempts == 1


def _gone() -> Any:
    from lipwire.protocol.errors import Close

    return Close(code=CloseCode.PEER_GONE, by_peer=None)


class AudioOutWith:
    """An agent over an avatar, which can be taken away."""

    def __init__(self, listener: CountedListener) -> None:
        from contextlib import AsyncExitStack

        self._listener = listener
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> tuple[AudioOut, Any]:
        world = await self._stack.enter_async_context(avatar(listener=self._listener, speed=1.0))
        out = await self._stack.enter_async_context(world.agent())
        return out, world

    async def __aexit__(self, *error: Any) -> None:
        await self._stack.__aexit__(*error)
