"""An agent speaks, an avatar renders: the ways of every day."""

from __future__ import annotations

import anyio
import pytest

from lipwire.receiver import Audio, SegmentEnd, SegmentStart
from lipwire.sender import Cause

from .world import MONO, connected, speech

pytestmark = pytest.mark.anyio


async def test_what_is_written_is_what_is_rendered_and_heard() -> None:
    said = speech(3.0)
    async with connected(speed=1.0) as world:
        began = anyio.current_time()
        async with world.out.segment(text="Hello there") as segment:
            for at in range(0, len(said), 1_000):
                assert await segment.write(said[at : at + 1_000])
        assert await segment.started()
        ended = await segment.ended()
        assert anyio.current_time() - began == pytest.approx(3.0, abs=0.5)
    assert world.renderer.pcm[1] == said
    assert ended.cause is Cause.PLAYED
    assert (ended.position, ended.seconds, ended.input_position) == (72_000, 3.0, 72_000)
    assert ended.exact
    assert not ended.interrupted
    items = world.renderer.items
    assert items[0] == SegmentStart(1, {"text": "Hello there"})
    assert items[-1] == SegmentEnd(1, 72_000)
    assert all(isinstance(item, Audio) and item.format == MONO for item in items[1:-1])
    assert world.renderer.done
    assert world.renderer.error is None
