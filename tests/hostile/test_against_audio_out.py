"""Hostile avatars against AudioOut, over the memory transport, in virtual time.

No wait of AudioOut's user hangs, whatever the avatar does, and what waits for it is bounded.

| an avatar that | comes to |
|---|---|
| never answers hello | ``NeverConnected`` within the connect time |
| refuses, and names a time in the far future | ``NeverConnected`` within the connect time |
| names a window of 0 | ``SessionRefused``: ``invalid_field`` |
| names a window of 2^53 − 1 | the cap, 60 s |
| answers hello, and nothing more | silence: the transport is dropped; segments end with ``transport lost`` |
| opens and closes in a loop | a growing pause between the tries |
| floods pings, custom messages | 100 pongs a second; each is told, nothing is kept |
| floods garbage | ``SessionFailed``, segments end with ``peer fault`` |
| says that more was received, consumed or played than was sent | ``invalid_position`` |
| speaks of segments that never were | ``invalid_segment`` |
| never reports | segments end with ``no report``; an interrupt returns |
| never acknowledges | nothing more is numbered; segments end with ``no report`` |
| nacks everything for ever | each sample again at most once in 20 ms; segments end with ``no report`` |
| stops reading while audio is written | ``write`` waits, at the local buffer's bound |
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest

from lipwire.protocol import messages as m
from lipwire.protocol.codec import encode
from lipwire.protocol.errors import CloseCode, LocalProtocolError, NeverConnected, SessionError, SessionRefused
from lipwire.protocol.limits import MAX_INT, Limits
from lipwire.sender import AudioOut, Cause, PcmFormat
from lipwire.transports import MemoryListener

from ..end_to_end.world import settle, tasks_living
from .peers import Avatar

pytestmark = pytest.mark.anyio
MONO = PcmFormat(24_000, 1)
Play = Callable[[Avatar], Awaitable[object]]


@asynccontextmanager
async def avatar(play: Play, **listener: Any) -> AsyncIterator[MemoryListener]:
    """An avatar that does this on each transport; ``listener.avatars`` has them all. At the end no task is left."""
    before = tasks_living()
    made = MemoryListener(**listener)
    avatars: list[Avatar] = []
    made.avatars = avatars  # type: ignore[attr-defined]

    async def serve(tasks: Any) -> None:
        while True:
            avatars.append(Avatar(await made.accept()))
            tasks.start_soon(play, avatars[-1])

    with anyio.fail_after(3_600):
        async with made, anyio.create_task_group() as tasks:
            tasks.start_soon(serve, tasks)
            yield made
            tasks.cancel_scope.cancel()
        await settle()
    assert tasks_living() == before


def agent(listener: MemoryListener, **options: Any) -> AudioOut:
    options.setdefault("limits", Limits(grace=1.0))
    return AudioOut(listener.connect, format=MONO, clock=anyio.current_time, **options)


async def opened(avatar: Avatar, **fields: Any) -> None:
    """Open, and then be there: answer nothing but read, and send pings."""
    await avatar.open(**fields)
    while not avatar.gone:
        avatar.say(m.Ping(0))
        await avatar.listen(1.0)


def and_then(*messages: Any) -> Play:
    """Open, wait for the first audio, say this, and be there."""

    async def play(avatar: Avatar) -> None:
        await avatar.open()
        while not avatar.bytes_of_audio:
            await avatar.listen(0.01)
        avatar.say(*messages)
        while not avatar.gone:
            avatar.say(m.Ping(0))
            await avatar.listen(1.0)

    return play


async def spoken(out: AudioOut, seconds: float = 0.5) -> Any:
    """Say something whole; gives how it ended."""
    async with out.segment() as segment:
        await segment.write(bytes(2 * int(24_000 * seconds)))
    return await segment.ended()


@pytest.mark.parametrize("retry", [None, 0, MAX_INT], ids=["no answer", "at once", "far future"])
async def test_no_session(retry: int | None) -> None:
    async def play(avatar: Avatar) -> None:
        await avatar.listen()
        if retry is None:
            await anyio.sleep(3_000)
        avatar.say(m.CloseMessage(CloseCode.BUSY, "come again", retry))

    async with avatar(play) as listener:
        began = anyio.current_time()
        with pytest.raises(NeverConnected):
            async with agent(listener, connect_timeout=30.0):
                pytest.fail("opened")
        assert anyio.current_time() - began == pytest.approx(30.0, abs=3.0)
        assert len(listener.avatars) <= 25, "it is not called again and again without a pause"  # type: ignore[attr-defined]


async def test_a_window_of_nothing() -> None:
    async with avatar(lambda avatar: opened(avatar, limits={"window": 0})) as listener:
        out = agent(listener)
        with pytest.raises(SessionRefused) as refused:
            await out.__aenter__()
        assert refused.value.close.code is CloseCode.INVALID_FIELD


async def test_a_window_of_everything() -> None:
    """It takes the cap; and as nothing is reported as received, what is on its way stays a fraction of that."""

    async def wide(avatar: Avatar) -> None:
        await opened(avatar, limits={"window": MAX_INT})

    async with avatar(wide) as listener, agent(listener) as out:
        assert out._shell.connection.window == 60 * 24_000
        segment = out.segment()
        await segment.write(bytes(2 * 24_000 * 100))
        await settle()
        assert out.statistics().in_flight <= 60 * 48_000
        assert listener.avatars[0].bytes_of_audio <= 48_000  # type: ignore[attr-defined]
        await out.aclose()


async def test_an_answer_and_then_nothing() -> None:
    async def play(avatar: Avatar) -> None:
        if len(listener.avatars) == 1:  # type: ignore[attr-defined]
            await avatar.open(limits={"keepalive": 1_000, "resume": 5_000})
        await avatar.listen(3_000)

    async with avatar(play) as listener, agent(listener, connect_timeout=10.0) as out:
        began = anyio.current_time()
        ended = await spoken(out, 20.0)
        assert ended.cause is Cause.TRANSPORT_LOST
        assert anyio.current_time() - began == pytest.approx(3.0 + 5.0, abs=0.5)
        await out.aclose()


async def test_opens_and_closes_in_a_loop() -> None:
    async def play(avatar: Avatar) -> None:
        await avatar.open()
        avatar.say(m.CloseMessage(CloseCode.GOING_AWAY, "again", 0))

    async with avatar(play) as listener, agent(listener, wait_connected=False) as out:
        await anyio.sleep(60)
        assert 25 <= len(listener.avatars) <= 60  # type: ignore[attr-defined]
        await out.aclose()


async def test_floods_of_pings_and_customs() -> None:
    async def play(avatar: Avatar) -> None:
        await avatar.open()
        for _ in range(20):
            avatar.say(*[m.Ping(number) for number in range(500)], *[m.Custom({"n": 1}) for _ in range(50)])
            await avatar.listen(0.1)
        await avatar.listen(3_000)

    told: list[Any] = []
    async with avatar(play) as listener, agent(listener, on_event=told.append) as out:
        await anyio.sleep(3.0)
        assert sum(type(event).__name__ == "CustomReceived" for event in told) == 1_000
        assert listener.avatars[0].count(m.Pong) <= 400  # type: ignore[attr-defined]
        assert out.closed is None
        await out.aclose()


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (b"\xc1", CloseCode.MALFORMED),
        ("text", CloseCode.MALFORMED),
        (b"\xdd\xff\xff\xff\xff", CloseCode.LIMIT_EXCEEDED),
        (encode(m.Pause()), CloseCode.OUT_OF_STATE),
        (m.Progress(1, MAX_INT, 0, None, 0, 0), CloseCode.INVALID_POSITION),
        (m.Progress(1, 0, 0, None, 0, 0, MAX_INT), CloseCode.INVALID_POSITION),
        (m.Progress(1, 10, 20, None, 0, 0), CloseCode.INVALID_POSITION),
        (m.Progress(1, 10, 10, 11, 0, 0), CloseCode.INVALID_POSITION),
        (m.Progress(7, 0, 0, None, 0, 0), CloseCode.INVALID_SEGMENT),
        (m.StreamEnded(1, MAX_INT, False, 0), CloseCode.INVALID_POSITION),
        (m.StreamEnded(7, 0, False, 0), CloseCode.INVALID_SEGMENT),
        (m.StreamStarted(7, 0), CloseCode.INVALID_SEGMENT),
        (m.Nack(1, [[0, 1 << 40]]), CloseCode.INVALID_POSITION),
        (m.Nack(7, [[0, 1]]), CloseCode.INVALID_SEGMENT),
        (m.Cut(1, 7, []), CloseCode.INVALID_SEGMENT),
        (m.Acknowledge(1 << 40), CloseCode.INVALID_FIELD),
        (m.Welcome(1, bytes(16), 1, ["s16le", 24_000, 1], [], {}), CloseCode.OUT_OF_STATE),
    ],
    ids=lambda value: getattr(value, "name", type(value).__name__),
)
async def test_what_can_not_be(wrong: Any, code: CloseCode) -> None:
    async with avatar(and_then(wrong)) as listener:
        async with agent(listener) as out:
            assert (await spoken(out)).cause is Cause.PEER_FAULT
            with pytest.raises(SessionError) as failed:
                await out.connected()
        assert failed.value.close.code is code
        assert not failed.value.close.by_peer


async def test_never_reports() -> None:
    """Each segment ends within its length, the grace and the cooldown; an interrupt returns no later."""
    async with avatar(opened) as listener, agent(listener) as out:
        for _ in range(5):
            began = anyio.current_time()
            ended = await spoken(out)
            assert ended.cause is Cause.NO_REPORT
            assert anyio.current_time() - began <= 0.5 + 1.0 + 0.3 + 0.1
        segment = out.segment()
        await segment.write(bytes(48_000))
        began = anyio.current_time()
        await out.interrupt()
        assert anyio.current_time() - began <= 1.0 + 0.3 + 0.1
        await out.aclose()


async def test_never_reports_and_the_user_goes_on() -> None:
    """Hundreds of segments, most of which can not be started: each has its result, and nothing piles up."""
    async with avatar(opened) as listener, agent(listener) as out:
        for _ in range(200):
            segment = out.segment()
            await segment.write(bytes(960))
            await out.interrupt()
            assert (await segment.ended()).interrupted
        core = out._shell.connection
        assert core.live_segments == 0
        assert len(core._interrupts._pending) <= 64  # type: ignore[union-attr]
        await out.aclose()


async def test_never_acknowledges() -> None:
    """A message that can wait is refused with an error in time; those that can not are bounded."""
    async with avatar(opened) as listener, agent(listener) as out:
        sent, refused = 0, False
        while not refused:
            try:
                out.send_custom({"a": 1})
                sent += 1
            except LocalProtocolError:
                refused = True
        assert 800 < sent < 1_024
        assert out.closed is None
        assert (await spoken(out)).cause is Cause.NO_REPORT
        await out.aclose()


async def test_nacks_everything_for_ever() -> None:
    async def play(avatar: Avatar) -> None:
        await avatar.open()
        while not avatar.gone:
            await avatar.listen(0.004)
            reached = max(
                (one.position + len(one.pcm) // 2 for one in avatar.heard if isinstance(one, m.AudioMessage)), default=0
            )
            if reached:
                avatar.say(*[m.Nack(1, [[0, reached]])] * 5)
            if avatar.bytes_of_audio > 10_000_000:
                return

    async with avatar(play) as listener, agent(listener) as out:
        began = anyio.current_time()
        ended = await spoken(out, 1.0)
        took = anyio.current_time() - began
        assert ended.cause is Cause.NO_REPORT
        assert took <= 1.0 + 1.0 + 0.3 + 0.2
        kept = 48_000
        assert listener.avatars[0].bytes_of_audio <= kept * (took / 0.020 + 2)  # type: ignore[attr-defined]
        assert listener.avatars[0].bytes_of_audio > 2 * kept, "nothing was asked for again"  # type: ignore[attr-defined]
        await out.aclose()


async def test_stops_reading_while_audio_is_written() -> None:
    async def play(avatar: Avatar) -> None:
        await avatar.open()
        await anyio.sleep(3_000)

    async with avatar(play) as listener, agent(listener, buffer=2.0, limits=Limits(grace=1.0)) as out:
        segment = out.segment()
        written = 0.0
        with anyio.move_on_after(1.0) as waiting:
            while True:
                await segment.write(bytes(4_800))
                written += 0.1
        assert waiting.cancelled_caught
        assert 2.0 <= written <= 5.0
        assert out.statistics().buffered <= 2.1
        began = anyio.current_time()
        await out.interrupt()
        assert anyio.current_time() - began <= 1.0 + 0.3 + 0.1
        await out.aclose()
