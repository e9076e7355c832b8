"""The receiver process of ``sessions``: ``KIND LOOP CORE``, where KIND is ``lipwire`` or ``bare``.

Commands: ``measure`` or ``profile`` begin to count, ``tell`` says what was counted and begins anew.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import time
from array import array
from contextlib import suppress

import anyio
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from lipwire.protocol import SessionError
from lipwire.receiver import Acceptor, Audio, AudioIn, serve_websocket

from .clocks import Stopwatch
from .processes import go_first, say_to_parent
from .profile import Profile
from .sessions_load import PCM_AT

MOST_SESSIONS = 2_000


class Counts:
    """The delays of chunks, in seconds, since ``begin``."""

    def __init__(self) -> None:
        self.delays = array("d")
        self.watch = Stopwatch()
        self.sessions = 0
        self.profile: Profile | None = None

    def begin(self, *, profile: bool) -> None:
        """Count from here on."""
        self.delays = array("d")
        gc.collect()
        self.profile = Profile() if profile else None
        if self.profile is not None:
            self.profile.start()
        self.watch = Stopwatch()

    def tell(self) -> None:
        """Tell the parent."""
        took = self.watch.read()
        if self.profile is not None:
            self.profile.stop()
        ordered = sorted(self.delays) or [float("inf")]
        say_to_parent(
            chunks=len(self.delays),
            sessions=self.sessions,
            p50=ordered[len(ordered) // 2],
            p99=ordered[int(len(ordered) * 0.99)],
            cpu=took.cpu,
            clock=took.clock,
            groups={} if self.profile is None else self.profile.groups(),
            functions=[] if self.profile is None else self.profile.functions(),
        )


async def consume(audio: AudioIn, counts: Counts) -> None:
    """A renderer that plays at once."""
    counts.sessions += 1
    try:
        async for item in audio:
            if type(item) is Audio:
                sent_at = int.from_bytes(item.pcm[:8], "little")
                counts.delays.append((time.monotonic_ns() - sent_at) / 1e9)
                audio.notify_played(item.segment, item.end)
    except SessionError:
        pass
    finally:
        counts.sessions -= 1


async def lipwire(counts: Counts) -> None:
    """Accept sessions until cancelled."""
    acceptor: Acceptor = serve_websocket("127.0.0.1", 0, max_sessions=MOST_SESSIONS)
    async with acceptor, anyio.create_task_group() as tasks:
        say_to_parent(address=acceptor.address)
        async for audio in acceptor:
            tasks.start_soon(consume, audio, counts)


async def bare(counts: Counts) -> None:
    """Take messages until cancelled."""

    async def take(connection: ServerConnection) -> None:
        counts.sessions += 1
        with suppress(ConnectionClosed):  # the load just goes
            async for message in connection:
                sent_at = int.from_bytes(message[PCM_AT : PCM_AT + 8], "little")  # type: ignore[arg-type]
                counts.delays.append((time.monotonic_ns() - sent_at) / 1e9)
        counts.sessions -= 1

    async with serve(take, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        say_to_parent(address=f"ws://127.0.0.1:{port}")
        await anyio.sleep_forever()


async def main(kind: str) -> None:
    """Serve until the parent closes our stdin."""
    counts = Counts()
    over = anyio.Event()

    def on_command() -> None:
        for command in os.read(0, 4_096).decode().split() or [""]:
            match command:
                case "measure" | "profile":
                    counts.begin(profile=command == "profile")
                    say_to_parent(begun=True)
                case "tell":
                    counts.tell()
                case _:
                    over.set()

    asyncio.get_running_loop().add_reader(0, on_command)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lipwire if kind == "lipwire" else bare, counts)
        await over.wait()
        os._exit(0)  # the load has gone; an orderly end of so many sessions is not what is measured


if __name__ == "__main__":
    go_first(int(sys.argv[3]))
    anyio.run(main, sys.argv[1], backend_options={"use_uvloop": sys.argv[2] == "uvloop"})
