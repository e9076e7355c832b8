"""The receiver across a link: ``python -m links.avatar SETTINGS`` (JSON). It judges and times what it is handed.

It takes everything at once, as an avatar that renders ahead does, and so takes up whatever the link carries; with
``"play": true`` it takes what it plays, in real time. It prints JSON lists: a word, the monotonic time, and what
belongs to it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import Any

from lipwire.protocol import SessionError
from lipwire.receiver import Acceptor, Audio, AudioIn, Interrupted, SegmentEnd, SegmentStart
from lipwire.transports import TransportBroken, listener_for

from .namespaces import go_first
from .speech import FORMAT, samples


def tell(word: str, *more: Any) -> None:
    """Print one line."""
    print(json.dumps([word, time.monotonic(), *more]), flush=True)


class Judge:
    """What one session handed out."""

    def __init__(self, audio: AudioIn, play: bool) -> None:
        self._audio = audio
        self._play = play
        self._taken: dict[int, int] = {}
        self._began: dict[int, float] = {}
        self._chunks = 0
        self._samples = 0
        self._wrong = 0
        self._lost = 0
        self._doubled = 0
        self._concealed = 0
        self._delays: list[float] = []
        self._heard_until = 0.0

    async def run(self) -> None:
        """Take all there is."""
        try:
            async for item in self._audio:
                await self._take(item)
        except SessionError as error:
            tell("broken", type(error).__name__, str(error))
        else:
            tell("closed")
        counters = self._audio.counters
        tell(
            "totals",
            {
                "samples": self._samples,
                "wrong_samples": self._wrong,
                "lost_samples": self._lost,
                "doubled_samples": self._doubled,
                "concealed_samples": self._concealed,
                "repaired_samples": counters.repaired_samples,
                "delays": self._delays,
            },
        )

    async def _take(self, item: object) -> None:
        match item:
            case SegmentStart():
                self._taken[item.segment] = 0
                if "began" in item.metadata:
                    self._began[item.segment] = item.metadata["began"]
                tell("start", item.segment)
            case Audio():
                await self._hear(item)
            case SegmentEnd():
                self._lost += item.total - self._taken[item.segment]
                tell("end", item.segment, item.total)
                await self._wait_until_heard()
                self._audio.notify_stream_ended(item.segment, item.total)
            case Interrupted():
                tell("interrupted", list(item.segments), self._samples - self._concealed)
                self._heard_until = 0.0
                if item.by_close:
                    return
                self._audio.notify_stream_ended(item.segments, item.consumed[0], interrupted=True)
            case _:
                pass

    async def _hear(self, item: Audio) -> None:
        now = time.monotonic()
        number, before = item.segment, self._taken[item.segment]
        self._taken[number] = item.end
        self._lost += max(item.position - before, 0)
        self._doubled += max(before - item.position, 0)
        if item.concealed:
            self._concealed += item.samples
        elif item.pcm != samples(number, item.position, item.end):
            self._wrong += item.samples
        if number in self._began:
            self._delays.append(now - self._began[number] - item.position / FORMAT.rate)
        if before == 0:
            tell("first", number)
            self._audio.notify_stream_started(number)
        self._chunks += 1
        self._samples += item.samples
        if self._chunks % 10 == 0:
            tell("taken", number, item.end)
        if self._play:
            self._heard_until = max(self._heard_until, now) + item.duration
            await self._wait_until_heard()
        self._audio.notify_played(number, item.end)

    async def _wait_until_heard(self) -> None:
        if self._play:
            await asyncio.sleep(max(0.0, self._heard_until - time.monotonic()))


async def serve(settings: dict[str, Any]) -> None:
    """Take sessions, one after the other or side by side, until killed."""
    async with Acceptor(listener_for(settings["url"])) as acceptor, asyncio.TaskGroup() as tasks:
        tell("listening")
        async for audio in acceptor:
            tell("session")
            if settings.get("measured"):
                go_first(1)
            tasks.create_task(Judge(audio, settings.get("play", False)).run())


async def main() -> None:
    """Serve; with ``"follows": true`` as soon as whoever has the port is gone."""
    settings = json.loads(sys.argv[1])
    tell("ready")
    while True:
        try:
            await serve(settings)
        except TransportBroken:
            if not settings.get("follows"):
                raise
            await asyncio.sleep(0.1)


if __name__ == "__main__":
    asyncio.run(main())
