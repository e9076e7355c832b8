"""The blocking face, from a real thread, on a real clock."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import pytest
from anyio import to_thread

from lipwire.protocol.errors import SessionClosed, SessionLost
from lipwire.protocol.limits import Limits
from lipwire.protocol.receiver import ReceiverConnection, ReceiverSettings
from lipwire.receiver import Acceptor, Audio, AudioIn, BlockingAudioIn, Interrupted, SegmentEnd
from lipwire.sender import AudioOut, Cause
from lipwire.transports import MemoryListener

from ..end_to_end.world import MONO, speech

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    backend: str = request.param
    return backend


def render(audio: BlockingAudioIn, got: bytearray, interrupted: threading.Event) -> None:
    for item in audio:
        if isinstance(item, Audio):
            if item.position == 0:
                audio.notify_stream_started(item.segment)
            got += item.pcm
            audio.notify_played(item.segment, item.end)
        elif isinstance(item, SegmentEnd):
            audio.notify_stream_ended(item.segment)
        elif isinstance(item, Interrupted):
            interrupted.set()
            audio.notify_stream_ended(item.segments, 0, interrupted=True)
            audio.notify_reset()


async def test_a_render_thread() -> None:
    said = speech(1.0)
    got, interrupted = bytearray(), threading.Event()
    listener = MemoryListener()
    with anyio.fail_after(60):
        async with (
            Acceptor(listener, limits=Limits(cooldown=0)) as acceptor,
            AudioOut(listener.connect, format=MONO) as out,
            anyio.create_task_group() as tasks,
        ):
            audio = await acceptor.accept()
            tasks.start_soon(to_thread.run_sync, render, audio.blocking(), got, interrupted)
            async with out.segment() as segment:
                await segment.write(said)
            assert await segment.started()
            ended = await segment.ended()
            assert (ended.cause, ended.position) == (Cause.PLAYED, 24_000)
            assert got == said
            second = out.segment()
            await second.write(speech(0.1))
            await second.started()
            await out.interrupt()
            ended = await second.ended()
            assert ended.cause is Cause.INTERRUPTED
            assert interrupted.is_set()
            await out.aclose()  # ends the thread's loop


async def test_waiting_with_a_limit() -> None:
    listener = MemoryListener()
    with anyio.fail_after(60):
        async with Acceptor(listener) as acceptor, AudioOut(listener.connect) as out:
            audio = await acceptor.accept()
            blocking = audio.blocking()
            assert await to_thread.run_sync(blocking.receive, 0.01) is None
            assert await to_thread.run_sync(blocking.receive, 0) is None
            await out.aclose()
            with pytest.raises(SessionClosed):
                await to_thread.run_sync(blocking.receive, 30)


async def test_a_blocked_thread_is_freed() -> None:
    listener = MemoryListener()
    result: list[Any] = []

    def wait(blocking: BlockingAudioIn) -> None:
        try:
            result.append(blocking.receive())
        except (SessionClosed, SessionLost) as error:
            result.append(error)

    with anyio.fail_after(60):
        async with (
            anyio.create_task_group() as tasks,
            Acceptor(listener) as acceptor,
            AudioOut(listener.connect, wait_connected=False) as out,
        ):
            audio = await acceptor.accept()
            tasks.start_soon(to_thread.run_sync, wait, audio.blocking())
            while audio._waiting is None:  # noqa: ASYNC110 - until the thread waits
                await anyio.sleep(0.001)
            await out.aclose()
    assert isinstance(result[0], SessionClosed)


def test_a_thread_that_outlives_the_loop_is_told(anyio_backend: str) -> None:
    errors: list[Any] = []
    over = threading.Event()

    def wait(blocking: BlockingAudioIn) -> None:
        for call in (blocking.receive, blocking.notify_reset, lambda: list(blocking)):
            try:
                call()
            except BaseException as error:
                errors.append(error)
            assert over.wait(10)

    async def main() -> threading.Thread:
        audio = AudioIn(ReceiverConnection(ReceiverSettings()), peer="a session that nobody ends")
        thread = threading.Thread(target=wait, args=(audio.blocking(),))
        thread.start()
        while audio._waiting is None:  # noqa: ASYNC110 - until the thread waits
            await anyio.sleep(0.001)
        return thread

    thread = anyio.run(main, backend=anyio_backend)
    over.set()
    thread.join(10)
    assert [type(error) for error in errors] == [SessionLost] * 3, errors
    assert all("the event loop of this side has ended" in str(error) for error in errors)
