"""Every cause with which a segment can end, each reached in bounded time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from lipwire.protocol.channels import Channel
from lipwire.protocol.codec import encode
from lipwire.protocol.errors import (
    CloseCode,
    NeverConnected,
    SessionClosed,
    SessionFailed,
    SessionLost,
    SessionRefused,
)
from lipwire.protocol.limits import Limits
from lipwire.protocol.messages import Progress
from lipwire.sender import AudioOut, Cause, Segment, StreamEnded
from lipwire.transports import ConnectRefused, MissingExtra, ScriptedTransport, TransportBroken, memory_pair

from ..end_to_end.world import avatar, connected, settle, speech, until

pytestmark = pytest.mark.anyio


async def say(out: AudioOut, seconds: float = 1.0) -> Segment:
    async with out.segment() as segment:
        await segment.write(speech(seconds))
    return segment


async def end_of(segment: Segment, within: float) -> StreamEnded:
    with anyio.fail_after(within):
        return await segment.ended()


async def test_played_and_interrupted_and_cancelled() -> None:
    async with connected(speed=1.0) as world:
        played = await say(world.out)
        assert (await end_of(played, 2)).cause is Cause.PLAYED
        interrupted = await say(world.out)
        await anyio.sleep(0.3)
        await world.out.interrupt()
        assert (await end_of(interrupted, 0.5)).cause is Cause.INTERRUPTED
        with pytest.raises(KeyError):
            async with world.out.segment() as cancelled:
                raise KeyError
        assert (await end_of(cancelled, 0.5)).cause is Cause.CANCELLED


async def test_failed() -> None:
    async with connected(render=False) as world:
        segment = await say(world.out)
        item = await world.audio.receive()
        assert not isinstance(item, type(None))
        await world.audio.receive()
        world.audio.notify_stream_ended(1, failed=True)
        ended = await end_of(segment, 1)
        assert (ended.cause, ended.interrupted, ended.exact, ended.position) == (Cause.FAILED, False, False, 0)


async def test_no_report() -> None:
    async with connected(report_end=False) as world:
        segment = await say(world.out)
        ended = await end_of(segment, 1 + 5 + 0.3 + 0.5)
        assert ended.cause is Cause.NO_REPORT
        assert ended.interrupted
        assert not ended.exact
        assert ended.position == 24_000
        again = await say(world.out, 0.1)
        assert (await end_of(again, 10)).cause is Cause.NO_REPORT


async def test_no_report_because_nobody_takes_the_audio() -> None:
    async with connected(render=False, out={"limits": Limits(grace=0.5)}) as world:
        segment = await say(world.out, 30)
        ended = await end_of(segment, 40)
        assert (ended.cause, ended.position, ended.exact) == (Cause.NO_REPORT, 0, False)


async def test_never_connected() -> None:
    async with avatar() as world:
        world.listener.refuse = TransportBroken("no route to the avatar")
        began = anyio.current_time()
        with pytest.raises(NeverConnected, match="no route to the avatar"):
            async with world.agent(connect_timeout=7):
                pytest.fail("entered")
        assert anyio.current_time() - began == pytest.approx(7, abs=0.1)
        assert 4 <= world.listener.attempts <= 10  # with a growing pause
        async with world.agent(connect_timeout=7, wait_connected=False) as out:
            segment = await say(out)
            ended = await end_of(segment, 7.1)
            assert (ended.cause, ended.position, ended.exact) == (Cause.NEVER_CONNECTED, 0, True)
            with pytest.raises(NeverConnected):
                await out.connected()
            with pytest.raises(NeverConnected):
                out.segment()
            assert not await segment.started()


async def test_never_connected_when_nobody_answers_hello() -> None:
    silent: list[ScriptedTransport] = []

    async def connect() -> ScriptedTransport:
        silent.append(ScriptedTransport())
        return silent[-1]

    began = anyio.current_time()
    with pytest.raises(NeverConnected, match="did not answer hello"):
        async with AudioOut(connect, connect_timeout=25, clock=anyio.current_time):
            pytest.fail("entered")
    assert anyio.current_time() - began == pytest.approx(25, abs=0.1)
    assert len(silent) == 3
    assert all(transport.closed for transport in silent)


@pytest.mark.parametrize(
    ("error", "attempts"),
    [(MissingExtra('pip install "lipwire[websocket]"'), 1), (ZeroDivisionError("a bug"), 1), (OSError("down"), None)],
)
async def test_never_connected_tells_what_the_connector_said(error: Exception, attempts: int | None) -> None:
    async with avatar() as world:
        world.listener.refuse = error
        with pytest.raises(NeverConnected) as caught:
            async with world.agent(connect_timeout=3):
                pytest.fail("entered")
        assert str(error) in str(caught.value)
        assert attempts in (None, world.listener.attempts)


async def test_refused_below_the_protocol() -> None:
    async with avatar() as world:
        world.listener.refuse = ConnectRefused("HTTP 401", status=401)
        with pytest.raises(SessionRefused, match="HTTP 401"):
            async with world.agent():
                pytest.fail("entered")
        async with world.agent(wait_connected=False) as out:
            assert (await end_of(await say(out), 1)).cause is Cause.REFUSED
        assert world.listener.attempts == 2


async def test_refused() -> None:
    async with avatar(authenticate=lambda greeting: greeting.auth == "right") as world:
        with pytest.raises(SessionRefused, match="unauthorized: the token is missing or wrong") as caught:
            async with world.agent(auth="wrong"):
                pytest.fail("entered")
        assert caught.value.close.code is CloseCode.UNAUTHORIZED
        async with world.agent(auth="wrong", wait_connected=False) as out:
            ended = await end_of(await say(out), 1)
            assert (ended.cause, ended.exact) == (Cause.REFUSED, True)
        async with world.agent(auth="right") as out:
            assert (await end_of(await say(out), 1)).cause is Cause.PLAYED


async def test_transport_lost() -> None:
    async with connected(speed=1.0, limits=Limits(resume=4.0)) as world:
        segment = await say(world.out, 5.0)
        await anyio.sleep(1.0)
        world.listener.refuse = TransportBroken("unplugged")
        world.listener.newest.disconnect()
        began = anyio.current_time()
        ended = await end_of(segment, 4.1)
        assert anyio.current_time() - began == pytest.approx(4.0, abs=0.1)
        assert ended.cause is Cause.TRANSPORT_LOST
        assert not ended.exact
        assert 0.5 < ended.seconds < 1.5
        await until(lambda: world.renderer.done)
        assert isinstance(world.renderer.error, SessionLost)
        world.listener.refuse = None
        again = await say(world.out, 0.5)  # in a new session
        assert (await end_of(again, 5)).cause is Cause.PLAYED
        assert world.out.statistics().sessions == 2
        assert world.out.closed is None


async def test_transport_lost_without_resume() -> None:
    async with connected(speed=1.0, limits=Limits(resume=0)) as world:
        segment = await say(world.out, 5.0)
        await anyio.sleep(1.0)
        world.listener.newest.disconnect()
        assert (await end_of(segment, 0.1)).cause is Cause.TRANSPORT_LOST
        assert (await end_of(await say(world.out, 0.1), 5)).cause is Cause.PLAYED


async def test_the_one_transport_is_lost() -> None:
    async with connected() as world:
        async with world.agent(await world.listener.connect()) as out:
            segment = await say(out, 0.5)
            assert (await end_of(segment, 1)).cause is Cause.PLAYED
            waiting = out.segment()
            world.listener.newest.disconnect("unplugged")
            ended = await end_of(waiting, 1)  # there is no other transport: no use in waiting
            assert ended.cause is Cause.TRANSPORT_LOST
            with pytest.raises(SessionLost, match="unplugged"):
                out.segment()
        assert out.closed is not None


async def test_the_one_transport_ends_before_it_is_open() -> None:
    agent, other = memory_pair()
    other.disconnect("unplugged")
    with pytest.raises(NeverConnected, match="unplugged"):
        async with AudioOut(agent, clock=anyio.current_time):
            pytest.fail("entered")


async def test_peer_closed() -> None:
    async with connected(speed=1.0) as world:
        segment = await say(world.out, 5.0)
        await anyio.sleep(1.0)
        await world.audio.aclose("enough")
        ended = await end_of(segment, 0.1)
        assert (ended.cause, ended.exact) == (Cause.PEER_CLOSED, False)
        with pytest.raises(SessionClosed, match="the peer closed: normal: enough"):
            world.out.segment()
        assert not await segment.write(b"xx")


async def test_peer_fault() -> None:
    async with connected(render=False) as world:
        segment = await say(world.out, 1.0)
        await settle()
        world.listener.avatars[0].send(Channel.CONTROL, encode(Progress(9, 1, 1, None, 0, 0)))
        ended = await end_of(segment, 0.1)
        assert ended.cause is Cause.PEER_FAULT
        with pytest.raises(SessionFailed, match="this side closed: invalid_segment"):
            world.out.segment()
        await until(lambda: world.audio.closed)
        assert world.audio.closed is not None
        assert world.audio.closed.by_peer


async def test_closed() -> None:
    async with connected(speed=1.0) as world:
        segment = await say(world.out, 5.0)
        await anyio.sleep(1.0)
        await world.out.aclose()
        ended = await end_of(segment, 0.1)
        assert (ended.cause, ended.exact, ended.interrupted) == (Cause.CLOSED, False, True)
        with pytest.raises(SessionClosed, match="this side closed: normal"):
            world.out.segment()
        await world.out.aclose()
        await until(lambda: world.renderer.done)
        assert world.renderer.error is None
        assert world.renderer.resets[-1].by_close


async def test_a_keepalive_that_is_not_answered_is_a_lost_transport() -> None:
    async with connected(speed=1.0, limits=Limits(keepalive=1.0, resume=2.0)) as world:
        # The avatar's loop stands still, as it were: nothing is read and nothing comes.
        segment = world.out.segment()
        peer: Any = world.listener.avatars[0]
        peer.send = lambda *_: None
        began = anyio.current_time()
        world.listener.refuse = TransportBroken("frozen")
        ended = await end_of(segment, 6)
        assert ended.cause is Cause.TRANSPORT_LOST
        assert 4 < anyio.current_time() - began < 6
        del peer.send


def test_every_cause_is_reached_here() -> None:
    text = Path(__file__).read_text()
    for cause in Cause:
        assert f"Cause.{cause.name}" in text, cause


async def test_results_come_in_the_order_of_ids() -> None:
    told: list[int] = []

    def note(event: Any) -> None:
        if type(event).__name__ == "StreamEnded":
            told.append(event.segment)

    async with connected(speed=1.0, out={"on_event": note}) as world:
        segments = [await say(world.out, 0.5) for _ in range(6)]
        segments[4].interrupt()
        segments[2].interrupt()
        await anyio.sleep(0.7)
        await world.out.interrupt()
        await world.out.drain()
        assert told == [1, 2, 3, 4, 5, 6]
        assert all(segment.result for segment in segments)
