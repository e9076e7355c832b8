"""What the renderer reports, and what the agent learns of it."""

from __future__ import annotations

import anyio
import pytest

from lipwire.protocol.errors import LocalProtocolError
from lipwire.protocol.limits import Limits
from lipwire.sender import Cause, Segment

from ..end_to_end.world import World, connected, settle, speech
from .test_items import take_all, take_to_end

pytestmark = pytest.mark.anyio


async def said(world: World) -> Segment:
    """Half a second that was taken to its end."""
    async with world.out.segment() as segment:
        await segment.write(speech(0.5))
    await take_to_end(world, segment.number)
    return segment


async def test_without_a_position_an_end_means_all_of_it() -> None:
    for frame_ms in (None, 20):
        async with connected(render=False, frame_ms=frame_ms) as world:
            segment = await said(world)
            world.audio.notify_stream_ended(1)
            ended = await segment.ended()
            assert (ended.position, ended.cause, ended.exact) == (12_000, Cause.PLAYED, True)


async def test_an_end_that_crosses_an_interrupt_means_all_of_it_too() -> None:
    for frame_ms in (None, 20):
        async with connected(render=False, frame_ms=frame_ms) as world:
            segment = await said(world)
            world.out.interrupt_nowait()
            await settle()
            world.audio.notify_stream_ended(1)  # it had ended just before
            ended = await segment.ended()
            assert (ended.position, ended.cause, ended.interrupted) == (12_000, Cause.PLAYED, False)


async def test_without_a_position_an_interrupt_or_a_failure_means_unknown() -> None:
    async with connected(render=False) as world:
        first = await said(world)
        world.audio.notify_played(1, 6_000)
        await anyio.sleep(0.05)  # until that was reported
        world.audio.notify_stream_ended(1, failed=True)
        ended = await first.ended()
        assert (ended.position, ended.cause, ended.exact, ended.interrupted) == (6_000, Cause.FAILED, False, False)
        second = await said(world)
        world.out.interrupt_nowait()
        await settle()
        world.audio.notify_stream_ended(2, interrupted=True)
        ended = await second.ended()
        assert (ended.position, ended.cause, ended.exact, ended.interrupted) == (0, Cause.INTERRUPTED, False, True)


async def test_before_the_end_was_taken_unknown_too() -> None:
    async with connected(render=False) as world:
        async with world.out.segment() as segment:
            await segment.write(speech(0.5))
            await settle()
            take_all(world)
            world.audio.notify_stream_ended(1)
        ended = await segment.ended()
        assert (ended.cause, ended.exact) == (Cause.FAILED, False)


async def test_several_segments() -> None:
    async with connected(render=False) as world:
        segments = [await said(world), await said(world), await said(world)]
        world.out.interrupt_nowait()
        await settle()
        (interrupted,) = take_all(world)
        assert interrupted.segments == (1, 2, 3)
        assert interrupted.consumed == (12_000, 12_000, 12_000)
        world.audio.notify_stream_ended(interrupted.segments, 7_000, interrupted=True)
        results = [await segment.ended() for segment in segments]
        assert [result.position for result in results] == [7_000, 0, 0]
        assert {result.cause for result in results} == {Cause.INTERRUPTED}


async def test_what_may_not_be_reported() -> None:
    async with connected(render=False) as world:
        segment = await said(world)
        audio = world.audio
        for call in (
            lambda: audio.notify_stream_ended(1, 12_001),
            lambda: audio.notify_played(1, 12_001),
            lambda: audio.notify_played(1, -1),
            lambda: audio.notify_stream_ended(2),
            lambda: audio.notify_played(2, 0),
            lambda: audio.notify_stream_started(2),
        ):
            with pytest.raises(LocalProtocolError):
                call()
        # What is right of a list that is wrong is reported all the same.
        with pytest.raises(LocalProtocolError):
            audio.notify_stream_ended([1, 99], 12_000)
        assert (await segment.ended()).cause is Cause.PLAYED


async def test_the_first_report_stands() -> None:
    async with connected(render=False) as world:
        segment = await said(world)
        world.audio.notify_stream_ended(1, 1_000, failed=True)
        world.audio.notify_stream_ended(1)
        world.audio.notify_played(1, 12_000)
        world.audio.notify_stream_started(1)
        ended = await segment.ended()
        assert (ended.position, ended.cause) == (1_000, Cause.FAILED)
        assert not await segment.started()


async def test_playback_is_reported_as_it_goes() -> None:
    async with connected(render=False) as world:
        segment = await said(world)
        world.audio.notify_stream_started(1)
        world.audio.notify_stream_started(1)
        assert await segment.started()
        world.audio.notify_played(1, 5_000)
        world.audio.notify_played(1, 4_000)  # back: ignored
        await world.out.aclose()
        ended = await segment.ended()
        assert ended.position in (0, 5_000)  # a lower bound: the report may not have got there
        assert not ended.exact


async def test_nothing_is_kept_of_segments_that_are_over() -> None:
    for frame_ms in (None, 20):
        async with connected(frame_ms=frame_ms, limits=Limits(segments=4)) as world:
            for _ in range(50):
                async with world.out.segment() as segment:
                    await segment.write(speech(0.05))
                await segment.ended()
            audio = world.audio
            assert not audio._totals
            assert not audio._given
            assert not audio._corrected
            assert audio.counters.live_segments == 0
            assert audio.counters.segments == 50
