"""A renderer that plays at once: takes every item, reports what is due, and tells when so much PCM has come."""

from __future__ import annotations

import anyio

from lipwire.receiver import Audio, AudioIn, Interrupted, SegmentEnd


class Consumer:
    """``sizes`` has the bytes of PCM of every chunk that came."""

    def __init__(self, audio: AudioIn) -> None:
        self.audio = audio
        self.sizes: list[int] = []
        self._count = self._target = 0
        self._arrived = anyio.Event()

    async def run(self) -> None:
        """Consume until the session ends."""
        audio = self.audio
        async for item in audio:
            match item:
                case Audio():
                    size = len(item.pcm)
                    self.sizes.append(size)
                    self._count += size
                    if self._count >= self._target:
                        self._arrived.set()
                case SegmentEnd():
                    audio.notify_stream_ended(item.segment, item.total)
                case Interrupted():
                    audio.notify_stream_ended(item.segments, interrupted=True)
                case _:
                    pass

    async def expect(self, size: int) -> None:
        """Wait until so many more bytes of PCM have come; the caller bounds it."""
        self._target += size
        if self._count < self._target:
            self._arrived = anyio.Event()
            await self._arrived.wait()
