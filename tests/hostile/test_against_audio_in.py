"""Hostile agents against AudioIn and its Acceptor, over the memory transport, in virtual time.

An honest agent speaks at the same avatar all the while, and is heard bit by bit (``beside``).

| an agent that | comes to |
|---|---|
| floods pings | 100 pongs a second |
| floods custom messages, pauses | each is told; nothing is kept |
| floods garbage | ``malformed``, ``unknown_message``, …: its session |
| sends more audio than the credit | ``window_exceeded``; never more than the window is held |
| sends as many tiny chunks as the window has samples | bounded memory |
| says nothing, or something else than hello | ``handshake_timeout``, ``not_lipwire`` |
| says hello, and nothing more | silence: the transport is dropped, then ``peer_gone`` |
| never acknowledges | ``limit_exceeded`` after 1,024 messages |
| never reads | its transport is dropped when its buffer is full, then ``peer_gone`` |
| opens sessions and goes, thousands in all | ``busy`` beyond the most; tasks and memory return |
| resumes with a wrong credential, steals a generation | ``resume_refused``; the session goes on |
| replays an old transport's bytes | ``resume_refused``; the session goes on |
"""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import anyio
import pytest

from lipwire.protocol import messages as m
from lipwire.protocol.channels import Binding, Channel
from lipwire.protocol.codec import encode
from lipwire.protocol.errors import CloseCode, SessionFailed, SessionLost
from lipwire.protocol.limits import Limits
from lipwire.receiver import Acceptor
from lipwire.transports import MemoryListener, Transport

from ..end_to_end.world import CountedListener, avatar, settle, tasks_living, until
from .peers import Agent, beside

pytestmark = pytest.mark.anyio
LARGE = Binding(name="memory", separate_media=False, max_message=1 << 20, max_media_message=1 << 20)


async def agent_of(world: Any, *, opened: bool = True) -> Agent:
    """One more agent at that avatar. Only the honest side's transports are checked to be closed in the end."""
    agent = Agent(await MemoryListener.connect(world.listener))
    if opened:
        known = len(world.renderers)
        await agent.open(session=b"a hostile one " + known.to_bytes(2, "big"))
        await until(lambda: len(world.renderers) > known)
    return agent


async def test_pings() -> None:
    async with avatar() as world, beside(world):
        agent = await agent_of(world)
        for _ in range(3):
            agent.say(*[m.Ping(number) for number in range(2_000)])
            await agent.listen(1.0)
        assert 300 <= agent.count(m.Pong) <= 400
        assert await agent.closed(0.1) is None
        agent.transport.abort()


async def test_customs_and_pauses() -> None:
    async with avatar() as world, beside(world):
        agent = await agent_of(world)
        told: list[Any] = []
        world.audio.on_custom(told.append)
        world.audio.on_pause(told.append)
        for number in range(500):
            agent.say(m.Custom({"n": number}), m.Pause(), m.Unpause())
            if number % 50 == 0:
                await settle()
        await agent.listen()
        assert len(told) == 1_500
        assert not world.audio._core.take_events()
        agent.transport.abort()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", CloseCode.MALFORMED),
        ("text", CloseCode.MALFORMED),
        (b"\x91\x20", CloseCode.UNKNOWN_MESSAGE),
        (b"\xdd\xff\xff\xff\xff", CloseCode.LIMIT_EXCEEDED),
        (b"\x92\x40" + b"\x91" * 60_000, CloseCode.LIMIT_EXCEEDED),
        (bytes(65_537), CloseCode.MESSAGE_TOO_LARGE),
        (b"\x92\x04\xd6\xff" + bytes(4), CloseCode.INVALID_FIELD),
        (encode(m.Cut(1, 1, [])), CloseCode.OUT_OF_STATE),
    ],
    ids=lambda value: str(getattr(value, "name", ""))[:20],
)
async def test_garbage(data: Any, code: CloseCode) -> None:
    listener = CountedListener(binding=LARGE)
    async with avatar(listener=listener) as world, beside(world):
        agent = await agent_of(world)
        agent.say(*[data] * 50)
        assert await agent.closed() is code
        await until(lambda: world.renderer.done)
        assert isinstance(world.renderer.error, SessionFailed)
        await until(lambda: len(world.acceptor.sessions) == 1)


async def test_audio_over_credit() -> None:
    async with avatar(render=False) as world:
        agent = await agent_of(world)
        agent.say(m.SegmentStart(1))
        most = 0.0
        for index in range(200):
            agent.audio(1, 2_400 * index, 2_400)
            await settle(3)
            most = max(most, world.audio.statistics().held)
        assert most <= 2.0
        assert await agent.closed() is CloseCode.WINDOW_EXCEEDED


async def test_chunks_of_one_sample_take_bounded_memory() -> None:
    """The window counts samples; what is kept of each chunk besides is bounded too."""
    async with avatar(render=False, limits=Limits(window=1.0)) as world:
        agent = await agent_of(world)
        agent.say(m.SegmentStart(1))
        await settle()
        gc.collect()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for position in range(24_000):
                agent.audio(1, position, 1)
                if position % 100 == 0:
                    await anyio.sleep(0.001)  # they are joined with each report
            await anyio.sleep(0.1)
            gc.collect()
            held = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
        assert world.audio.counters.held_samples == 24_000
        assert held < 2_000_000
        agent.transport.abort()


async def test_silence_before_hello_and_other_first_words() -> None:
    async with avatar() as world, beside(world):
        silent = await agent_of(world, opened=False)
        began = anyio.current_time()
        assert await silent.closed(60.0) is CloseCode.HANDSHAKE_TIMEOUT
        assert anyio.current_time() - began <= 60.0
        half = await agent_of(world, opened=False)
        half.say(half.hello()[:20])
        assert await half.closed() is CloseCode.NOT_LIPWIRE
        assert len(world.acceptor.sessions) == 1


async def test_hello_and_then_nothing() -> None:
    async with avatar(limits=Limits(keepalive=1.0, resume=5.0)) as world, beside(world):
        agent = await agent_of(world)
        began = anyio.current_time()
        await until(lambda: world.renderer.done)
        assert anyio.current_time() - began == pytest.approx(3.0 + 5.0, abs=0.5)
        assert isinstance(world.renderer.error, SessionLost)
        await until(lambda: len(world.acceptor.sessions) == 1)
        assert agent.count(m.CloseMessage) == 0


async def test_never_acknowledges() -> None:
    """Each mark is echoed in a numbered message, and none of those is acknowledged."""
    async with avatar() as world, beside(world):
        agent = await agent_of(world)
        for number in range(1, 6):
            agent.say(m.SegmentStart(number))
            agent.audio(number, 0, 10)
            agent.say(*[m.Mark(number, 5, "m") for _ in range(250)], m.SegmentEnd(number, 10))
            await agent.listen()
        assert await agent.closed() is CloseCode.LIMIT_EXCEEDED
        assert agent.count(m.MarkReached) <= 1_024
        assert agent.taken >= 1_000


async def test_never_reads() -> None:
    """Every interrupt is answered, until what waits for the peer is more than the transport may hold."""
    listener = CountedListener(max_buffered=65_536)
    async with avatar(listener=listener, limits=Limits(resume=2.0)) as world, beside(world):
        agent = await agent_of(world)
        for _ in range(200):
            agent.say(*[encode(m.Interrupt(1, 5)) for _ in range(100)])
            await settle(3)
            assert world.listener.avatars[1].buffered() <= 65_536
        assert agent.gone
        await until(lambda: world.renderer.done)
        assert isinstance(world.renderer.error, SessionLost)
        await until(lambda: len(world.acceptor.sessions) == 1)


@pytest.mark.parametrize("accepted", [True, False], ids=["accepted", "nobody accepts"])
@pytest.mark.parametrize("features", [[], ["resume"]], ids=["core", "resume"])
async def test_opens_sessions_and_goes(features: list[str], accepted: bool) -> None:
    """What is left of them is nothing, whether or not anybody took the AudioIns."""
    listener = MemoryListener()
    async with (
        Acceptor(listener, max_sessions=20, clock=anyio.current_time) as acceptor,
        anyio.create_task_group() as tasks,
    ):
        taken = 0

        async def take() -> None:
            nonlocal taken
            async for _ in acceptor:
                taken += 1

        if accepted:
            tasks.start_soon(take)
        await settle()
        before, busy = tasks_living(), 0
        for index in range(500):
            agent = Agent(await listener.connect())
            if index % 4:
                agent.say(agent.hello(index.to_bytes(16, "big"), features=features))
            await agent.listen(0.01)
            busy += any(isinstance(message, m.CloseMessage) for message in agent.heard)
            (agent.transport.abort if index % 2 else agent.transport.disconnect)()  # type: ignore[attr-defined]
            assert len(acceptor.sessions) <= 20
            assert len(acceptor._accepted) <= 20
        await anyio.sleep(30)
        assert acceptor.sessions == ()
        assert tasks_living() == before
        assert not acceptor._accepted
        assert bool(busy) == bool(features), "a session that can be resumed keeps its place for the resume time"
        last = Agent(await listener.connect())
        await last.open(session=b"0123456789abcdef")
        assert len(acceptor.sessions) == 1
        tasks.cancel_scope.cancel()


async def test_wrong_credentials_in_a_loop() -> None:
    async with avatar() as world, beside(world):
        session = world.acceptor.sessions[0]._core.session
        generation = world.acceptor.sessions[0]._core.generation
        for index in range(300):
            thief = await agent_of(world, opened=False)
            credential = [index.to_bytes(16, "big"), 0]
            resume = None if index % 3 == 0 else credential
            thief.say(thief.hello(session, generation=generation + index, resume=resume))
            assert await thief.closed() is CloseCode.RESUME_REFUSED
        assert world.acceptor.sessions[0]._core.generation == generation
        assert len(world.renderers) == 1


async def test_an_old_transports_bytes() -> None:
    """A session has moved to a new transport; everything that went over the old one comes again, on another."""
    recorded: list[bytes] = []

    class Recording(CountedListener):
        async def connect(self) -> Transport:
            transport = await super().connect()
            send = transport.send

            def note(channel: Channel, message: Any) -> None:
                recorded.append(message)
                send(channel, message)

            transport.send = note  # type: ignore[method-assign]
            return transport

    listener = Recording()
    async with avatar(listener=listener) as world, world.agent() as out:
        async with out.segment() as segment:
            await segment.write(bytes(48_000))
        await segment.ended()
        listener.newest.disconnect()
        await until(lambda: out.statistics().transports == 2)
        async with out.segment() as second:
            await second.write(bytes(9_600))
            old = list(recorded)
            for _ in range(3):
                replay = Agent(await MemoryListener.connect(listener))
                replay.say(*old)
                assert await replay.closed() is CloseCode.RESUME_REFUSED
        assert (await second.ended()).position == 4_800
        assert out.statistics().transports == 2
        assert len(world.renderers) == 1
        assert len(world.renderer.pcm[1]) == 48_000
