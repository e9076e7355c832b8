"""An agent speaks, an avatar renders: the ways of every day."""

from __future__ import annotations

import anyio
import pytest

from lipwire.receiver import Acceptor, Audio, SegmentEnd, SegmentStart
from lipwire.sender import AudioOut, Cause
from lipwire.transports import Faults, WebRtcListener, WebSocketListener, connect_webrtc, connect_websocket, faulty

from .world import MONO, Renderer, connected, speech

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


class TestRealNetworks:
    """Over WebSocket and WebRTC, on a real clock."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    @pytest.mark.parametrize("kind", ["websocket", "webrtc", "webrtc that loses"])
    async def test_speaking_interrupting_and_speaking_again(self, kind: str) -> None:
        websocket = kind == "websocket"
        listener = WebSocketListener("127.0.0.1", 0) if websocket else WebRtcListener("127.0.0.1", 0)
        with anyio.fail_after(60):
            async with Acceptor(listener, frame_ms=20) as acceptor, anyio.create_task_group() as tasks:
                connector = (connect_websocket if websocket else connect_webrtc)(acceptor.address)
                if kind == "webrtc that loses":
                    connector = faulty(connector, Faults(seed=1, loss=0.1, duplicate=0.1, reorder=0.1))
                async with AudioOut(connector, format=MONO) as out:
                    renderer = Renderer(await acceptor.accept(), 2.0)
                    tasks.start_soon(renderer.run)
                    async with out.segment() as first:
                        await first.write(speech(1.0, 1))
                    ended = await first.ended()
                    assert (ended.cause, ended.position) == (Cause.PLAYED, 24_000)
                    second = out.segment()
                    await second.write(speech(20.0, 2))
                    await second.started()
                    await out.interrupt()
                    async with out.segment() as third:
                        await third.write(speech(0.5, 3))
                    ended = await second.ended()
                    assert ended.cause is Cause.INTERRUPTED
                    assert ended.position < 20 * 24_000
                    assert (await third.ended()).cause is Cause.PLAYED
        assert bytes(renderer.pcm[1]) == speech(1.0, 1)
        assert bytes(renderer.pcm[3]) == speech(0.5, 3)
        assert speech(20.0, 2).startswith(bytes(renderer.pcm[2]))
        assert renderer.error is None
