"""What an AudioIn yields, in which order, and how waiting for it ends."""

from __future__ import annotations

import logging
from itertools import groupby
from typing import Any

import anyio
import av
import numpy as np
import pytest

from lipwire.protocol.errors import CloseCode, SessionClosed, SessionFailed, SessionLost
from lipwire.protocol.limits import Limits
from lipwire.receiver import Audio, Data, Interrupted, Mark, Paused, PcmFormat, SegmentEnd, SegmentStart, Unpaused
from lipwire.sender import Cause
from lipwire.transports import TransportBroken

from ..end_to_end.world import MONO, World, connected, settle, speech, until

pytestmark = pytest.mark.anyio


async def take(world: World, count: int) -> list[Any]:
    with anyio.fail_after(60):
        return [await world.audio.receive() for _ in range(count)]


def take_all(world: World) -> list[Any]:
    items = []
    while (item := world.audio.receive_nowait()) is not None:
        items.append(item)
    return items


async def take_to_end(world: World, segment: int) -> list[Any]:
    items: list[Any] = []
    with anyio.fail_after(60):
        while not items or items[-1][:1] != (segment,) or not isinstance(items[-1], SegmentEnd):
            items.append(await world.audio.receive())
    return items


async def test_chunks_are_handed_out_as_they_came_without_a_copy() -> None:
    async with connected(render=False) as world:
        seen: list[bytes] = []
        core: Any = world.audio._core
        original = core._take if hasattr(core, "_take") else None
        assert original is not None
        async with world.out.segment() as segment:
            await segment.write(speech(0.02))
            await settle()
            held = core._incoming.head.audio.ready[0]
            seen.append(held.pcm)
        items = await take(world, 3)
        assert items[1].pcm is seen[0]
        assert items[1] == Audio(1, 0, speech(0.02), MONO)
        world.audio.notify_stream_ended(1)


async def test_the_order_of_everything() -> None:
    async with connected(render=False) as world:
        out = world.out
        async with out.segment(text="one") as one:
            one.data({"at": 0})
            await one.write(speech(0.1))
            one.mark("m")
            one.data({"at": 2_400})
            await one.write(speech(0.1))
        async with out.segment(text="two"):
            pass
        kinds = [kind for kind, _ in groupby(type(item) for item in await take_to_end(world, 2))]
        assert kinds == [SegmentStart, Data, Audio, Mark, Data, Audio, SegmentEnd, SegmentStart, SegmentEnd]
        world.audio.notify_stream_ended([1], 4_800)
        world.audio.notify_stream_ended(2)
        assert (await one.ended()).position == 4_800


async def test_a_cancelled_wait_loses_nothing() -> None:
    said = speech(2.0)
    async with connected(render=False) as world:
        got = bytearray()
        async with anyio.create_task_group() as tasks:

            async def agent() -> None:
                async with world.out.segment() as segment:
                    for at in range(0, len(said), 960):
                        await segment.write(said[at : at + 960])
                        await anyio.sleep(0.013)

            tasks.start_soon(agent)
            cancelled = 0
            while True:
                item = None
                with anyio.move_on_after(0.005):
                    item = await anext(world.audio)
                if item is None:
                    cancelled += 1
                elif isinstance(item, Audio):
                    assert item.position == len(got) // 2
                    got += item.pcm
                elif isinstance(item, SegmentEnd):
                    break
        world.audio.notify_stream_ended(1)
        assert cancelled > 50
        assert got == said


async def test_two_may_not_wait_at_once() -> None:
    async with connected(render=False) as world, anyio.create_task_group() as tasks:
        got: list[Any] = []

        async def wait() -> None:
            got.append(await world.audio.receive())

        tasks.start_soon(wait)
        await settle()
        with pytest.raises(anyio.BusyResourceError):
            await world.audio.receive()
        with pytest.raises(anyio.BusyResourceError):
            await anext(world.audio)
        async with world.out.segment(text="x"):
            pass
        await settle()
        assert got == [SegmentStart(1, {"text": "x"})]
        world.out.interrupt_nowait()


async def test_an_orderly_end() -> None:
    async with connected() as world:
        await world.out.aclose()
        await until(lambda: world.renderer.done)
        assert world.renderer.error is None
        with pytest.raises(StopAsyncIteration):
            await anext(world.audio)
        with pytest.raises(SessionClosed):
            await world.audio.receive()
        with pytest.raises(SessionClosed):
            world.audio.receive_nowait()
        await world.audio.aclose()


async def test_a_close_drops_what_waits_and_tells_what_was_being_played() -> None:
    async with connected(render=False) as world:
        segment = world.out.segment()
        await segment.write(speech(1.0))
        await settle()
        assert isinstance((await take(world, 2))[1], Audio)
        await world.out.aclose()
        await until(lambda: world.audio.closed)
        items = [item async for item in world.audio]
        assert len(items) == 1
        assert isinstance(items[0], Interrupted)
        assert items[0].by_close
        world.audio.notify_stream_ended(1, 0)  # harmless


async def test_a_lost_session_is_an_error() -> None:
    async with connected(limits=Limits(resume=3)) as world:
        world.listener.refuse = TransportBroken("unplugged")
        began = anyio.current_time()
        world.listener.newest.disconnect()
        await until(lambda: world.renderer.done)
        assert anyio.current_time() - began == pytest.approx(3, abs=0.1)
        assert isinstance(world.renderer.error, SessionLost)
        assert world.acceptor.sessions == ()
        with pytest.raises(SessionLost):
            await world.audio.receive()


async def test_a_broken_rule_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    from lipwire.protocol.channels import Channel

    async with connected() as world:
        with caplog.at_level(logging.INFO):
            world.listener.newest.send(Channel.CONTROL, b"\x00garbage")
            await until(lambda: world.renderer.done)
        assert isinstance(world.renderer.error, SessionFailed)
        assert world.audio.closed
        assert world.audio.closed.code is CloseCode.MALFORMED
        await until(lambda: world.out.closed)


async def test_closing_from_the_avatar() -> None:
    async with connected(render=False) as world, anyio.create_task_group() as tasks:
        ended: list[str] = []

        async def wait() -> None:
            with pytest.raises(StopAsyncIteration):
                await anext(world.audio)
            ended.append("waiter")

        tasks.start_soon(wait)
        await settle()
        await world.audio.aclose("tired")
        await until(lambda: ended and world.out.closed)
        assert world.out.closed.reason == "tired"
        await until(lambda: not world.acceptor.sessions)


async def test_callbacks_fire_before_the_waiting_consumer_comes_back() -> None:
    async with connected(render=False) as world, anyio.create_task_group() as tasks:
        told: list[str] = []
        audio = world.audio
        audio.on_reset(lambda interrupted: told.append(f"reset {interrupted.segments}"))
        audio.on_pause(lambda paused: told.append(f"pause {paused}"))

        async def consume() -> None:
            async for item in audio:
                told.append(type(item).__name__)
                if isinstance(item, Interrupted) and not item.by_close:
                    audio.notify_stream_ended(item.segments, 0, interrupted=True)

        tasks.start_soon(consume)
        segment = world.out.segment()
        await segment.write(speech(0.1))
        await settle()
        world.out.pause()
        await settle()
        world.out.unpause()
        await settle()
        world.out.interrupt_nowait()
        await settle()
        pairs = [name for name in told if name not in ("SegmentStart", "Audio")]
        assert pairs == ["pause True", "Paused", "pause False", "Unpaused", "reset (1,)", "Interrupted"]
        await world.out.aclose()


async def test_a_hook_that_fails_is_logged_and_the_rest_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Any) -> None:
        raise ZeroDivisionError("in the hook")

    with caplog.at_level(logging.INFO):
        async with connected(speed=1.0) as world:
            told: list[Any] = []
            for hook in (fail, told.append):
                world.audio.on_reset(hook)
                world.audio.on_pause(hook)
                world.audio.on_custom(hook)
            segment = world.out.segment()
            await segment.write(speech(1.0))
            await anyio.sleep(0.2)
            world.out.pause()
            world.out.send_custom({"a.b": 1})
            await settle()
            await world.out.interrupt()
            assert (await segment.ended()).cause is Cause.INTERRUPTED
            assert len(told) == 4
    assert caplog.text.count("in the hook") >= 4


async def test_bounded_memory_when_nobody_reads() -> None:
    async with connected(render=False, limits=Limits(window=1.0)) as world:
        async with world.out.segment() as segment:
            await segment.write(speech(60.0))
        await anyio.sleep(3)
        assert world.audio.statistics().held == pytest.approx(1.0, abs=0.01)
        assert world.out.statistics().buffered == pytest.approx(59.0, abs=0.01)
        await world.out.interrupt()
        assert world.audio.statistics().held == 0


async def test_the_cooldown_holds_back() -> None:
    async with connected(render=False, limits=Limits(cooldown=0.3)) as world:
        first = world.out.segment()
        await first.write(speech(0.1))
        await settle()
        await anyio.sleep(0.1)
        take_all(world)
        world.out.interrupt_nowait()
        async with world.out.segment() as second:
            await second.write(speech(0.1, 2))
        await settle()
        assert take_all(world) == [Interrupted((1,), (2_400,))]
        began = anyio.current_time()
        items = await take(world, 1)
        assert anyio.current_time() - began == pytest.approx(0.3, abs=0.01)
        items += await take_to_end(world, 2)
        assert b"".join(bytes(item.pcm) for item in items if isinstance(item, Audio)) == speech(0.1, 2)
        world.audio.notify_stream_ended(1, 100, interrupted=True)
        world.audio.notify_stream_ended(2)
        assert (await first.ended()).position == 100
        assert second.number == 2


async def test_the_cooldown_ends_when_the_renderer_has_reset() -> None:
    for how in ("ended", "reset"):
        async with connected(render=False, limits=Limits(cooldown=5)) as world:
            first = world.out.segment()
            await first.write(speech(0.1))
            await settle()
            take_all(world)
            world.out.interrupt_nowait()
            async with world.out.segment():
                pass
            began = anyio.current_time()
            async with anyio.create_task_group() as tasks:
                got: list[Any] = []

                async def consume(got: list[Any] = got, world: World = world) -> None:
                    got.append(await world.audio.receive())
                    got.append(await world.audio.receive())

                tasks.start_soon(consume)
                await anyio.sleep(0.1)
                assert len(got) == 1
                if how == "ended":
                    world.audio.notify_stream_ended(1, 0, interrupted=True)
                else:
                    world.audio.notify_reset()
            assert anyio.current_time() - began == pytest.approx(0.1, abs=0.01)
            assert got[1] == SegmentStart(2, {})
            await world.out.aclose()


@pytest.mark.parametrize("encoding", ["s16le", "f32le"])
@pytest.mark.parametrize("channels", [1, 2])
async def test_arrays_and_frames_have_the_samples(encoding: str, channels: int) -> None:
    pcm = PcmFormat(48_000, channels, encoding)
    dtype = np.int16 if encoding == "s16le" else np.float32
    samples = (np.arange(960 * channels) - 500).astype(dtype).reshape(-1, channels)
    if dtype is np.float32:
        samples /= 1_000
    async with connected(render=False, out={"format": pcm}) as world:
        async with world.out.segment() as segment:
            await segment.write(samples)
            await segment.write(samples)
        items = await take(world, 4)
        chunks = [item for item in items if isinstance(item, Audio)]
        whole = np.concatenate([chunk.to_ndarray() for chunk in chunks])
        assert whole.dtype == dtype
        assert np.array_equal(whole, np.concatenate([samples, samples]))
        last = chunks[-1]
        frame = last.to_av()
        assert isinstance(frame, av.AudioFrame)
        assert (frame.sample_rate, frame.samples, frame.pts) == (48_000, last.samples, last.position)
        assert frame.format.name == ("s16" if dtype is np.int16 else "flt")
        assert len(frame.layout.channels) == channels
        assert np.array_equal(frame.to_ndarray().reshape(-1, channels), last.to_ndarray())
        assert last.duration == last.samples / 48_000
        assert not last.to_ndarray().flags.writeable
        world.audio.notify_stream_ended(1)


async def test_pause_is_told_once_though_it_changed_twice() -> None:
    async with connected(render=False) as world:
        world.out.pause()
        world.out.unpause()
        await settle()
        assert take_all(world) == []
        world.out.pause()
        await settle()
        assert take_all(world) == [Paused()]
        world.out.unpause()
        await settle()
        assert take_all(world) == [Unpaused()]
