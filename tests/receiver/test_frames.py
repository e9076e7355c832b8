"""Audio re-cut to frames of one length."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from lipwire.protocol.limits import Limits
from lipwire.receiver import Audio, Data, Interrupted, Paused, SegmentEnd, SegmentStart, Unpaused
from lipwire.receiver.reframe import Reframer
from lipwire.sender import Cause

from ..end_to_end.world import MONO, connected, settle, speech, until
from .test_items import take, take_all

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("frame_ms", [10, 20, 40.0, 33.3, 1])
@pytest.mark.parametrize("chunk", [2, 334, 960, 4_800, 20_000])
async def test_lengths_and_positions(frame_ms: float, chunk: int) -> None:
    said = speech(0.99)
    async with connected(frame_ms=frame_ms) as world:
        async with world.out.segment() as segment:
            for at in range(0, len(said), chunk):
                await segment.write(said[at : at + chunk])
        await segment.ended()
        audio = [item for item in world.renderer.items if isinstance(item, Audio)]
        size = MONO.samples(frame_ms / 1_000)
        assert {item.samples for item in audio[:-1]} == {size}
        assert 0 < audio[-1].samples <= size
        assert [item.position for item in audio] == [index * size for index in range(len(audio))]
        assert b"".join(bytes(item.pcm) for item in audio) == said
        assert type(world.renderer.items[-1]) is SegmentEnd


async def test_each_segment_begins_a_frame_of_its_own() -> None:
    async with connected(frame_ms=20) as world:
        for number in range(3):
            async with world.out.segment() as segment:
                await segment.write(speech(0.05, number))
        await segment.ended()
        shape = [
            (item.segment, item.position, item.samples) for item in world.renderer.items if isinstance(item, Audio)
        ]
        assert shape == [(n, at, size) for n in (1, 2, 3) for at, size in ((0, 480), (480, 480), (960, 240))]
        assert bytes(world.renderer.pcm[2]) == speech(0.05, 1)


async def test_a_chunk_that_is_one_frame_is_not_copied() -> None:
    reframer = Reframer(20, MONO)
    chunk = Audio(1, 0, speech(0.02), MONO)
    reframer.put(chunk)
    assert reframer.next() is chunk
    assert not reframer.ready


async def test_concealed_and_real_samples_do_not_share_a_frame() -> None:
    reframer = Reframer(20, MONO)
    for position, samples, concealed in ((0, 300, False), (300, 600, True), (900, 500, False)):
        reframer.put(Audio(1, position, bytes(2 * samples), MONO, concealed))
    reframer.put(SegmentEnd(1, 1_400))
    items: list[Any] = []
    while (item := reframer.next()) is not None:
        items.append(item)
    shape = [(item.position, item.samples, item.concealed) for item in items[:-1]]
    assert shape == [(0, 300, False), (300, 480, True), (780, 120, True), (900, 480, False), (1_380, 20, False)]


async def test_an_interrupt_in_mid_frame() -> None:
    async with connected(render=False, frame_ms=20) as world:
        first = world.out.segment()
        await first.write(speech(0.11))
        await settle()
        got = await take(world, 3)
        assert [getattr(item, "position", None) for item in got] == [None, 0, 480]
        resets: list[Interrupted] = []
        world.audio.on_reset(resets.append)
        world.out.interrupt_nowait()
        async with world.out.segment() as second:
            await second.write(speech(0.03, 2))
        await settle()
        # What was cut and not handed out is gone, and not counted as handed out.
        assert take_all(world) == [Interrupted((1,), (960,))]
        assert resets == [Interrupted((1,), (960,))]
        world.audio.notify_stream_ended(1, 960, interrupted=True)
        items = take_all(world)
        assert [type(item) for item in items] == [SegmentStart, Audio, Audio, SegmentEnd]
        assert b"".join(bytes(item.pcm) for item in items[1:3]) == speech(0.03, 2)
        world.audio.notify_stream_ended(2)
        ended = await first.ended()
        assert (ended.position, ended.cause) == (960, Cause.INTERRUPTED)


async def test_an_interrupt_overtakes_frames_of_a_later_segment() -> None:
    """Segment 1 is with the renderer, frames of 2 are ready: cutting 1 alone holds 2 back until the reset."""
    async with connected(render=False, frame_ms=20, limits=Limits(cooldown=0.3)) as world:
        async with world.out.segment() as first:
            await first.write(speech(0.02))
        async with world.out.segment() as second:
            await second.write(speech(0.1, 2))
        await settle()
        got = await take(world, 5)
        assert [type(item) for item in got] == [SegmentStart, Audio, SegmentEnd, SegmentStart, Audio]
        assert first.interrupt()
        await settle()
        assert take_all(world) == [Interrupted((1,), (480,))]
        began = anyio.current_time()
        frame = await world.audio.receive()
        assert anyio.current_time() - began == pytest.approx(0.3, abs=0.01)
        assert (frame.segment, frame.position) == (2, 480)  # type: ignore[union-attr]
        rest = take_all(world)
        assert b"".join(bytes(item.pcm) for item in (got[4], frame, *rest[:-1])) == speech(0.1, 2)
        world.audio.notify_stream_ended(1, 0, interrupted=True)
        world.audio.notify_stream_ended(2)


async def test_pause_holds_frames_that_are_ready() -> None:
    async with connected(render=False, frame_ms=20) as world:
        async with world.out.segment() as segment:
            await segment.write(speech(0.1))
        await settle()
        await take(world, 2)
        world.out.pause()
        await settle()
        assert take_all(world) == [Paused()]
        async with anyio.create_task_group() as tasks:
            got: list[Any] = []

            async def consume() -> None:
                while not got or not isinstance(got[-1], SegmentEnd):
                    got.append(await world.audio.receive())

            tasks.start_soon(consume)
            await anyio.sleep(5)
            assert got == []
            world.out.unpause()
        assert type(got[0]) is Unpaused
        assert [item.position for item in got if isinstance(item, Audio)] == [480, 960, 1_440, 1_920]
        world.audio.notify_stream_ended(1)
        assert (await segment.ended()).position == 2_400


async def test_nothing_is_handed_out_after_a_close() -> None:
    async with connected(render=False, frame_ms=20) as world:
        segment = world.out.segment()
        await segment.write(speech(0.1))
        await settle()
        await take(world, 2)
        await world.out.aclose()
        await until(lambda: world.audio.closed)
        items = [item async for item in world.audio]
        assert items == [Interrupted((1,), (480,), by_close=True)]


async def test_data_comes_before_its_sample() -> None:
    async with connected(frame_ms=20) as world:
        async with world.out.segment() as segment:
            for index in range(10):
                segment.data({"index": index})
                await segment.write(speech(0.013, index))
        await segment.ended()
        handed = 0
        seen = 0
        for item in world.renderer.items:
            if isinstance(item, Audio):
                handed = item.end
            elif isinstance(item, Data):
                assert item.content == {"index": seen}
                assert handed <= item.position
                seen += 1
        assert seen == 10


async def test_a_segment_that_was_given_up_is_not_handed_out_later() -> None:
    async with connected(render=False, frame_ms=20) as world:
        async with world.out.segment() as first:
            await first.write(speech(0.03))
            await settle()
            assert len(take_all(world)) == 2
            world.audio.notify_stream_ended(1, 480, failed=True)
            await settle()
        async with world.out.segment() as second:
            await second.write(speech(0.05, 2))
        await settle()
        assert {item.segment for item in take_all(world)} == {2}
        world.audio.notify_stream_ended(2)
        assert (await first.ended()).cause is Cause.FAILED
        assert (await second.ended()).cause is Cause.PLAYED
        assert not world.audio._given
        assert not world.audio._totals


async def test_nothing_is_kept_of_segments_that_were_cut_and_never_reported() -> None:
    async with connected(render=False, frame_ms=20) as world:
        for _ in range(20):
            async with world.out.segment() as segment:
                await segment.write(speech(0.1))
            await settle()
            take_all(world)
            await world.out.interrupt()
            take_all(world)
            await anyio.sleep(6)
        audio = world.audio
        assert len(audio._given) <= 2
        assert len(audio._totals) <= 2
        assert not audio._corrected
