"""A session outlives its transport: not a sample is lost or doubled."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

import anyio
import pytest

from lipwire.protocol.errors import CloseCode
from lipwire.receiver import Acceptor, Audio, SegmentEnd, SegmentStart
from lipwire.sender import AudioOut, Cause
from lipwire.transports import (
    Faults,
    FaultyListener,
    Transport,
    TransportBroken,
    WebSocketListener,
    connect_websocket,
    faulty,
)
from lipwire.transports.memory import MEMORY_BINDING

from .world import MONO, CountedListener, Renderer, avatar, connected, settle, speech, until

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("side", ["agent", "avatar"])
async def test_cut_in_mid_segment(seed: int, side: str) -> None:
    """The link has a delay, so that messages are under way when it is cut, in both directions."""
    cuts = (*(0.11 + 0.037 * (seed + index) for index in range(8)), None)
    faults = Faults(seed=seed, delay=0.02, jitter=0.01, cut_after=cuts, channels=frozenset())
    back = Faults(seed=seed, delay=0.02)
    said = [speech(1.0, number) for number in range(4)]
    async with AsyncExitStack() as stack:
        if side == "agent":
            world = await stack.enter_async_context(avatar(speed=2.0))
            connector: Any = faulty(world.listener.connect, faults, back)
        else:
            counted = CountedListener()
            over = FaultyListener(counted, back, faults)
            world = await stack.enter_async_context(avatar(listener=counted, over=over, speed=2.0))
            connector = counted.connect
        out = await stack.enter_async_context(world.agent(connector))
        segments = []
        for pcm in said:
            async with out.segment() as segment:
                segments.append(segment)
                segment.mark("end", 24_000)
                for at in range(0, len(pcm), 2_000):
                    await segment.write(pcm[at : at + 2_000])
                    await anyio.sleep(0.01)
        results = [await segment.ended() for segment in segments]
        assert [result.cause for result in results] == [Cause.PLAYED] * 4
        assert [result.position for result in results] == [24_000] * 4
        assert [await segment.mark_reached("end") for segment in segments] == [True] * 4
        assert len(world.listener.agents) > 4
        assert out.statistics().sessions == 1
        assert len(world.renderers) == 1
        await out.aclose()
    assert [bytes(world.renderer.pcm[number + 1]) for number in range(4)] == said
    positions: dict[int, int] = {}
    for item in world.renderer.items:
        if isinstance(item, Audio):
            assert item.position == positions.get(item.segment, 0)
            assert not item.concealed
            positions[item.segment] = item.end
    assert sum(isinstance(item, SegmentStart) for item in world.renderer.items) == 4
    assert sum(isinstance(item, SegmentEnd) for item in world.renderer.items) == 4


@pytest.mark.parametrize("seed", range(4))
async def test_media_that_loses_and_breaks(seed: int) -> None:
    """As over WebRTC: media is lost, reordered, doubled, and the transport breaks as well."""
    from dataclasses import replace

    separate = replace(MEMORY_BINDING, separate_media=True, max_media_message=1_150)
    listener = CountedListener(binding=separate)
    faults = Faults(
        seed=seed, loss=0.1, reorder=0.1, duplicate=0.05, delay=0.02, jitter=0.02, cut_after=(0.4, 0.6, 0.5, None)
    )
    async with avatar(listener=listener, speed=1.0) as world:
        connector = faulty(listener.connect, faults, Faults(seed=seed, delay=0.02))
        async with world.agent(connector) as out:
            async with out.segment() as segment:
                await segment.write(speech(3.0, seed))
            ended = await segment.ended()
            assert (ended.cause, ended.position) == (Cause.PLAYED, 72_000)
            assert out.statistics().repaired_chunks > 0
        assert bytes(world.renderer.pcm[1]) == speech(3.0, seed)
        assert sum(transport.out.counts.lost for transport in connector.transports) > 0


async def test_an_interrupt_while_the_transport_is_down() -> None:
    async with connected(speed=1.0) as world:
        first = world.out.segment()
        await first.write(speech(5.0))
        await anyio.sleep(1)
        world.listener.refuse = ConnectionError("down")
        world.listener.newest.disconnect()
        await anyio.sleep(0.3)
        async with anyio.create_task_group() as tasks:
            latency: list[float] = []

            async def interrupt() -> None:
                latency.append(await world.out.interrupt())

            tasks.start_soon(interrupt)
            await anyio.sleep(1)
            assert not latency
            async with world.out.segment() as second:
                await second.write(speech(0.5, 2))
            world.listener.refuse = None
        assert 1 < latency[0] < 4
        assert (await first.ended()).cause is Cause.INTERRUPTED
        assert (await second.ended()).cause is Cause.PLAYED
        assert bytes(world.renderer.pcm[2]) == speech(0.5, 2)
        assert world.out.statistics().sessions == 1


async def test_the_avatar_goes_on_with_what_it_has_meanwhile() -> None:
    async with connected(speed=1.0) as world:
        async with world.out.segment() as segment:
            await segment.write(speech(1.0))
        await until(lambda: world.audio._core._incoming.head is None or world.audio.statistics().held > 0.3)
        world.listener.refuse = ConnectionError("down")
        world.listener.newest.disconnect()
        held = world.renderer.heard.get(1, 0)
        await anyio.sleep(0.3)
        assert world.renderer.heard[1] > held
        assert not world.audio.statistics().connected
        assert not world.out.statistics().connected
        world.listener.refuse = None
        assert (await segment.ended()).position == 24_000
        assert world.audio.statistics().transports == 2


async def test_reports_and_custom_messages_cross_a_break() -> None:
    async with connected(render=False) as world:
        async with world.out.segment() as segment:
            await segment.write(speech(0.1))
        while not isinstance(await world.audio.receive(), SegmentEnd):
            pass
        got: list[Any] = []
        world.audio.on_custom(got.append)
        world.listener.refuse = ConnectionError("down")
        world.listener.newest.disconnect()
        await settle()
        world.audio.notify_stream_started(1)
        world.audio.notify_stream_ended(1)
        world.out.send_custom({"a.b": 1})
        await anyio.sleep(2)
        assert segment.result is None
        world.listener.refuse = None
        ended = await segment.ended()
        assert (ended.cause, ended.position) == (Cause.PLAYED, 2_400)
        assert await segment.started()
        assert got == [{"a.b": 1}]


async def test_a_close_while_the_transport_is_lost_is_told_on_a_new_one() -> None:
    """LW-CLOSE-9: the avatar does not wait for the resume time."""
    async with connected(render=False) as world:
        world.listener.newest.disconnect()
        await settle()
        assert not world.out.statistics().connected
        await world.out.aclose()
        await until(lambda: world.audio.closed)
        assert (world.audio.closed.code, world.audio.closed.by_peer) == (CloseCode.NORMAL, True)
        assert len(world.listener.agents) == 2


async def test_an_avatar_that_closes_while_the_transport_is_lost_is_not_waited_for() -> None:
    """The agent hears of it on its next try to resume, and opens a new session at once."""
    async with connected(render=False) as world:
        await anyio.sleep(2)
        segment = world.out.segment()
        await segment.write(speech(0.5))
        world.listener.newest.disconnect()
        await settle()
        began = anyio.current_time()
        await world.audio.aclose()
        ended = await segment.ended()
        assert (ended.cause, ended.exact) == (Cause.PEER_CLOSED, False)
        await until(lambda: world.out.statistics().sessions == 2)
        assert anyio.current_time() - began < 0.2
        assert len(world.listener.agents) == 3


async def test_a_close_that_finds_no_transport_is_given_up_soon() -> None:
    async with connected(render=False) as world:
        world.listener.refuse = ConnectionError("down")
        world.listener.newest.disconnect()
        await settle()
        with anyio.fail_after(2):
            await world.out.aclose()
        await settle()
        assert world.audio.closed is None


@pytest.mark.usefixtures("without_delivery")
async def test_a_transport_that_overflows_is_given_up_and_resumed() -> None:
    listener = CountedListener(max_buffered=20_000)
    async with avatar(listener=listener, speed=1.0) as world, world.agent() as out:
        await until(lambda: world.renderers)
        peer: Any = listener.avatars[0]
        blocked = peer._inbox.take
        never = anyio.Event()

        async def stand_still() -> Any:
            await never.wait()
            return await blocked()

        peer._inbox.take = stand_still
        async with out.segment() as segment:
            await segment.write(speech(0.1))
        for _ in range(400):
            out.send_custom({"com.example.pad": "x" * 100})
        await settle()
        ended = await segment.ended()
        assert ended.cause is Cause.PLAYED
        assert out.statistics().transports > 1


class TestWebSocket:
    """On a real network and clock."""

    @pytest.fixture
    def anyio_backend(self) -> str:
        return "asyncio"

    async def test_cut_in_mid_segment(self) -> None:
        said = speech(2.0)
        faults = Faults(cut_after=(0.15, 0.2, 0.15, 0.2, None))
        with anyio.fail_after(60):
            async with Acceptor(WebSocketListener("127.0.0.1", 0)) as acceptor, anyio.create_task_group() as tasks:
                connector = faulty(connect_websocket(acceptor.address), faults)
                async with AudioOut(connector, format=MONO) as out:
                    renderer = Renderer(await acceptor.accept(), 4.0)
                    tasks.start_soon(renderer.run)
                    async with out.segment() as segment:
                        for at in range(0, len(said), 960):
                            await segment.write(said[at : at + 960])
                            await anyio.sleep(0.005)
                    ended = await segment.ended()
                    assert (ended.cause, ended.position) == (Cause.PLAYED, 48_000)
                    assert len(connector.transports) > 1
                    assert out.statistics().sessions == 1
        assert bytes(renderer.pcm[1]) == said
        assert renderer.error is None

    async def test_an_avatar_that_restarts_on_the_same_port(self) -> None:
        address: list[str] = []

        async def connect() -> Transport:
            if not address:
                raise TransportBroken("not yet")
            return await connect_websocket(address[0])()

        # Each avatar is within the agent, so that it can go first.
        with anyio.fail_after(60):
            async with (
                AudioOut(connect, format=MONO, wait_connected=False) as out,
                anyio.create_task_group() as tasks,
            ):
                async with Acceptor(WebSocketListener("127.0.0.1", 0)) as acceptor:
                    address.append(acceptor.address)
                    tasks.start_soon(Renderer(await acceptor.accept(), 1.0).run)
                    old = out.segment()
                    await old.write(speech(5.0))
                    await old.started()
                assert (await old.ended()).cause is Cause.PEER_CLOSED  # it said that it goes away
                port = int(address[0].rpartition(":")[2])
                async with Acceptor(WebSocketListener("127.0.0.1", port)) as acceptor:
                    async with out.segment() as new:
                        await new.write(speech(0.2, 2))
                    renderer = Renderer(await acceptor.accept())
                    tasks.start_soon(renderer.run)
                    assert (await new.ended()).cause is Cause.PLAYED
                    assert bytes(renderer.pcm[2]) == speech(0.2, 2)
                    await out.aclose()
