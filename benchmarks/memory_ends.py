"""The two ends of ``memory``: ``receiver TRANSPORT TRACED``, ``sender TRANSPORT TRACED ADDRESS BUFFER``."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from random import Random

import anyio
import anyio.to_thread

from lipwire.receiver import serve_webrtc, serve_websocket
from lipwire.sender import AudioOut, PcmFormat, Segment
from lipwire.transports import connector_for

from .processes import say_to_parent

CHUNK_BYTES = 960
PATIENCE = 20.0


def begin(traced: bool) -> None:
    """Warm: from here on memory counts."""
    gc.collect()
    if traced:
        tracemalloc.start()
    say_to_parent(ready=True)


async def commands() -> str:
    """The next command; empty when the parent is done."""
    line: str = await anyio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
    return line.strip()


async def answer(command: str) -> None:
    """Answer ``traced``."""
    if command == "traced":
        current, peak = tracemalloc.get_traced_memory()
        say_to_parent(current=current, peak=peak)


async def receive(transport: str, traced: bool) -> None:
    """Accept a session, and never read."""
    serve = {"websocket": serve_websocket, "webrtc": serve_webrtc}[transport]
    async with serve("127.0.0.1", 0) as acceptor:
        say_to_parent(address=acceptor.address)
        audio = await acceptor.accept()
        with anyio.fail_after(PATIENCE):
            while audio.statistics().held == 0:  # noqa: ASYNC110 - there is nothing that tells it to one who never reads
                await anyio.sleep(0.01)
        begin(traced)
        while command := await commands():
            await answer(command)
        await audio.aclose()


async def send(traced: bool, address: str, buffer: float) -> None:
    """Offer so much as the parent says, as fast as it is taken."""
    random = Random(1)
    async with AudioOut(connector_for(address), format=PcmFormat(24_000, 1), buffer=buffer) as out:
        segment = out.segment()
        await segment.write(random.randbytes(CHUNK_BYTES))
        await anyio.sleep(0.2)
        await commands_ready()
        begin(traced)
        async with anyio.create_task_group() as tasks:
            while command := await commands():
                if command == "written":
                    say_to_parent(seconds=segment.position / 24_000)
                elif command == "traced":
                    await answer(command)
                else:
                    tasks.start_soon(offer, segment, float(command), random)
            tasks.cancel_scope.cancel()
        await out.aclose()


async def commands_ready() -> None:
    """Start the thread that reads commands, which is no part of the figure."""
    await anyio.to_thread.run_sync(lambda: None)


async def offer(segment: Segment, seconds: float, random: Random) -> None:
    """Write so many seconds of audio."""
    for _ in range(round(seconds * 50)):
        await segment.write(random.randbytes(CHUNK_BYTES))


if __name__ == "__main__":
    if sys.argv[1] == "receiver":
        anyio.run(receive, sys.argv[2], sys.argv[3] == "1")
    else:
        anyio.run(send, sys.argv[3] == "1", sys.argv[4], float(sys.argv[5]))
