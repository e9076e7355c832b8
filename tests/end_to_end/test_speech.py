"""An agent speaks, an avatar renders: the ways of every day."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from lipwire.receiver import Acceptor, Audio, SegmentEnd, SegmentStart
from lipwire.sender import AudioOut, Cause
from lipwire.transports import (
    Faults,
    Listener,
    WebRtcListener,
    WebSocketListener,
    connect_webrtc,
    connect_websocket,
    faulty,
)

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


LOSSY = Faults(seed=1, loss=0.1, duplicate=0.1, reorder=0.1)


class TestRealNetworks:
    """Over WebSocket and WebRTC, on a real clock, on asyncio's own loop and on uvloop."""

    @pytest.fixture(params=["asyncio", "uvloop"])
    def anyio_backend(self, request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
        if request.param == "uvloop":
            pytest.importorskip("uvloop")
        return "asyncio", {"use_uvloop": request.param == "uvloop"}

    @pytest.mark.parametrize(
        "kind",
        [
            "websocket",
            "aiortc to aiortc",
            "aiortc to aiortc that loses",
            "native to native",
            "native to native that loses",
            "aiortc to native",
            "native to aiortc",
        ],
    )
    async def test_speaking_interrupting_and_speaking_again(self, request: pytest.FixtureRequest, kind: str) -> None:
        if "native" in kind:
            request.getfixturevalue("native")
        listener: Listener = WebSocketListener("127.0.0.1", 0)
        if kind != "websocket":
            dials, _, listens, *_ = kind.split()
            listener = WebRtcListener("127.0.0.1", 0, backend=listens)  # type: ignore[arg-type]
        with anyio.fail_after(60):
            async with Acceptor(listener, frame_ms=20) as acceptor, anyio.create_task_group() as tasks:
                if kind == "websocket":
                    connector = connect_websocket(acceptor.address)
                else:
                    connector = connect_webrtc(acceptor.address, backend=dials)  # type: ignore[arg-type]
                if "that loses" in kind:
                    connector = faulty(connector, LOSSY)
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
