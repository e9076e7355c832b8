"""The local buffer, interrupts, and what a block's end does."""

from __future__ import annotations

import anyio
import numpy as np
import pytest

from lipwire.protocol.channels import Channel, Wire
from lipwire.protocol.errors import LipwireError, LocalProtocolError
from lipwire.protocol.limits import Limits
from lipwire.sender import BufferFull, Cause, PcmFormat
from lipwire.transports import Transport, TransportOverflow

from ..end_to_end.world import MONO, avatar, connected, settle, speech, until

pytestmark = pytest.mark.anyio


async def test_writing_faster_than_real_time_does_not_wait() -> None:
    async with connected(speed=1.0) as world:
        began = anyio.current_time()
        async with world.out.segment() as segment:
            for number in range(30):
                await segment.write(speech(1.0, number))
        assert anyio.current_time() == began
        assert world.out.statistics().buffered > 20
        assert (await segment.ended()).position == 30 * 24_000
        assert anyio.current_time() - began == pytest.approx(30, abs=1)
    assert bytes(world.renderer.pcm[1]) == b"".join(speech(1.0, number) for number in range(30))


async def test_write_waits_while_the_buffer_is_full_and_goes_on_as_it_empties() -> None:
    said = speech(10.0)
    async with connected(speed=1.0, out={"buffer": 0.5}) as world:
        began = anyio.current_time()
        async with world.out.segment() as segment:
            await segment.write(said[: 5 * 48_000])
            assert 2 < anyio.current_time() - began < 5
            for at in range(5 * 48_000, len(said), 960):
                assert await segment.write(said[at : at + 960])
                assert world.out.statistics().buffered <= 0.5
        await segment.ended()
    assert bytes(world.renderer.pcm[1]) == said


async def test_write_waits_before_the_session_is_open() -> None:
    async with connected() as world:
        world.listener.refuse = OSError("not yet")
        async with world.agent(buffer=0.1, wait_connected=False) as out, anyio.create_task_group() as tasks:
            segment = out.segment()
            assert await segment.write(speech(0.1))
            tasks.start_soon(segment.write, speech(0.1))
            await anyio.sleep(1)
            assert segment.position == 2_400
            world.listener.refuse = None
            await until(lambda: segment.position == 4_800)
            segment.end()


async def test_write_nowait_tells_when_it_is_full_and_takes_nothing() -> None:
    async with connected(speed=1.0, out={"buffer": 0.5, "format": PcmFormat(16_000, 1), "wire_format": MONO}) as world:
        array = np.arange(1_600, dtype=np.int16)
        taken = refused = 0
        async with world.out.segment() as segment:
            while taken < 50:
                try:
                    assert segment.write_nowait(array)
                    taken += 1
                except BufferFull:
                    refused += 1
                    await anyio.sleep(0.05)
        ended = await segment.ended()
        assert refused > 5
        # What was refused and given again is there once: 50 arrays of 0.1 s.
        assert abs(ended.position - 50 * 2_400) <= 8


async def test_write_nowait_sends_what_waits_for_the_end_of_the_turn_before_it_is_full() -> None:
    async with connected(speed=1.0, out={"buffer": 0.1}) as world:
        async with world.out.segment() as segment:
            for number in range(3):  # more than the buffer, less than may be in flight
                assert segment.write_nowait(speech(0.06, number))
        ended = await segment.ended()
    assert ended.position == 3 * 1_440


async def test_a_write_that_the_transport_refuses_is_seen_at_once() -> None:
    refuse = False
    transports = []

    async def connect() -> Transport:
        transport = await world.listener.connect()
        send = transport.send

        def refusing(channel: Channel, message: Wire) -> None:
            if refuse and len(transports) == 1:
                raise TransportOverflow("full")
            send(channel, message)

        transport.send = refusing  # type: ignore[method-assign]
        transports.append(transport)
        return transport

    async with avatar(speed=1.0, limits=Limits(resume=0)) as world, world.agent(connect) as out:
        segment = out.segment()
        for number in range(10):  # faster than it is played, so that the next goes the express way
            await segment.write(speech(0.05, number))
            await anyio.sleep(0.01)
        refuse = True
        await segment.write(speech(0.02))
        assert (await segment.ended()).cause is Cause.TRANSPORT_LOST
        await until(lambda: out.statistics().sessions == 2)


async def test_an_interrupt_frees_a_waiting_write_at_once() -> None:
    async with connected(speed=1.0, out={"buffer": 0.1}) as world, anyio.create_task_group() as tasks:
        results = []
        segment = world.out.segment()

        async def write() -> None:
            results.append(await segment.write(speech(60.0)))

        for _ in range(2):
            tasks.start_soon(write)
        await anyio.sleep(1)
        assert results == []
        before = anyio.current_time()
        latency = await world.out.interrupt()
        await settle()
        assert results == [False, False]
        assert anyio.current_time() - before < 0.1
        assert latency < 0.1
        assert not segment.write_nowait(b"xx")
        ended = await segment.ended()
        assert ended.cause is Cause.INTERRUPTED
        assert ended.interrupted
        assert 0.5 < ended.seconds < 1.5


async def test_several_may_wait_for_room_and_for_the_end() -> None:
    async with connected(speed=1.0, out={"buffer": 0.1}) as world:
        done: list[str] = []
        segment = world.out.segment()

        async def write(name: str) -> None:
            assert await segment.write(speech(1.0))
            done.append(name)

        async def drain(name: str) -> None:
            await world.out.drain()
            done.append(name)

        async with anyio.create_task_group() as tasks:
            for name in "ab":
                tasks.start_soon(write, name)
        assert sorted(done) == ["a", "b"]
        segment.end()
        async with anyio.create_task_group() as tasks:
            for name in "cd":
                tasks.start_soon(drain, name)
        assert sorted(done) == ["a", "b", "c", "d"]


async def test_a_new_segment_right_after_interrupt() -> None:
    async with connected(speed=1.0) as world, anyio.create_task_group() as tasks:
        first = world.out.segment(text="one")
        await first.write(speech(5.0))
        await anyio.sleep(1)
        tasks.start_soon(world.out.interrupt)
        while not first.cut:
            await anyio.lowlevel.checkpoint()
        async with world.out.segment(text="two") as second:
            await second.write(speech(0.5, 2))
        results = [await first.ended(), await second.ended()]
    assert [result.cause for result in results] == [Cause.INTERRUPTED, Cause.PLAYED]
    assert bytes(world.renderer.pcm[2]) == speech(0.5, 2)
    assert len(world.renderer.resets) == 1


async def test_interrupt_nowait_and_nothing_to_cut() -> None:
    async with connected() as world:
        assert not world.out.interrupt_nowait()
        assert await world.out.interrupt() == 0.0
        segment = world.out.segment()
        assert world.out.interrupt_nowait()
        assert (await segment.ended()).position == 0
        assert segment.cut
        assert not segment.interrupt()


async def test_one_queued_segment_is_cut_alone() -> None:
    async with connected(speed=1.0) as world:
        segments = []
        for number in range(3):
            async with world.out.segment() as segment:
                await segment.write(speech(4.0, number))
            segments.append(segment)
        await anyio.sleep(0.5)
        assert segments[1].interrupt()
        results = [await segment.ended() for segment in segments]
        assert [result.cause for result in results] == [Cause.PLAYED, Cause.INTERRUPTED, Cause.PLAYED]
        assert [result.position for result in results] == [96_000, 0, 96_000]
    assert bytes(world.renderer.pcm[1]) == speech(4.0, 0)
    assert bytes(world.renderer.pcm[3]) == speech(4.0, 2)


@pytest.mark.usefixtures("without_delivery")
async def test_cutting_one_segment_does_not_confirm_the_interrupt_of_another() -> None:
    async with connected(speed=1.0, render=False) as world:
        first = world.out.segment()
        await first.write(speech(1.0))
        await settle()
        returned = []

        async def interrupt() -> None:
            returned.append(await world.out.interrupt())

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(interrupt)
            while not first.cut:
                await anyio.lowlevel.checkpoint()
            world.out.segment().interrupt()
            assert not returned
            await anyio.lowlevel.checkpoint()
            await until(lambda: returned)


async def test_an_exception_cuts_its_segment_only() -> None:
    async with connected(speed=1.0) as world:
        with pytest.raises(ZeroDivisionError):  # noqa: PT012
            async with world.out.segment() as bad:
                await bad.write(speech(2.0))
                await anyio.sleep(0.5)
                raise ZeroDivisionError
        async with world.out.segment() as good:
            await good.write(speech(0.5))
        ended = await bad.ended()
        assert ended.cause is Cause.CANCELLED
        assert ended.interrupted
        assert 0 < ended.seconds < 1
        assert (await good.ended()).cause is Cause.PLAYED


async def test_a_cancellation_cuts_its_segment_only() -> None:
    async with connected(speed=1.0, out={"buffer": 0.1}) as world:
        with anyio.move_on_after(1.0):
            async with world.out.segment() as bad:
                await bad.write(speech(20.0))
        async with world.out.segment() as good:
            await good.write(speech(0.5))
        assert (await bad.ended()).cause is Cause.CANCELLED
        assert (await good.ended()).cause is Cause.PLAYED


async def test_an_exception_after_end_cuts_all_the_same() -> None:
    async with connected(speed=1.0) as world:
        with pytest.raises(ZeroDivisionError):  # noqa: PT012
            async with world.out.segment() as segment:
                await segment.write(speech(2.0))
                segment.end()
                await anyio.sleep(0.5)
                raise ZeroDivisionError
        assert (await segment.ended()).cause is Cause.CANCELLED


async def test_what_may_not_be_done() -> None:
    async with connected() as world:
        segment = world.out.segment()
        with pytest.raises(LocalProtocolError, match="segment 1 is still open"):
            world.out.segment()
        segment.end()
        segment.end()
        with pytest.raises(LocalProtocolError, match="has been ended"):
            await segment.write(bytes(2))
        with pytest.raises(LocalProtocolError):
            world.out.segment({"unfit": object()})
        async with world.out.segment() as after:
            pass
        assert (await after.ended()).cause is Cause.PLAYED
        out = world.agent()
        with pytest.raises(LipwireError, match="async with"):
            out.segment()


async def test_an_empty_segment_is_played() -> None:
    async with connected() as world:
        async with world.out.segment(text="") as segment:
            pass
        ended = await segment.ended()
        assert (ended.position, ended.cause, ended.exact) == (0, Cause.PLAYED, True)
        assert not await segment.started()


async def test_two_agents_in_one_process() -> None:
    async with connected(speed=1.0) as world, world.agent() as other:
        await until(lambda: len(world.renderers) == 2)

        async def say(out: object, seed: int) -> None:
            async with out.segment() as segment:  # type: ignore[attr-defined]
                await segment.write(speech(1.0, seed))
            assert (await segment.ended()).cause is Cause.PLAYED

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(say, world.out, 1)
            tasks.start_soon(say, other, 2)
        heard = sorted(bytes(renderer.pcm[1]) for renderer in world.renderers)
        assert heard == sorted([speech(1.0, 1), speech(1.0, 2)])
