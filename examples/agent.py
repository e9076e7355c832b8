"""An agent: speaks, is interrupted, and knows what was heard. Start ``avatar.py`` first."""

import sys
from collections.abc import AsyncIterator

import anyio
import numpy as np

from lipwire.sender import AudioOut, PcmFormat
from lipwire.transports import connect_websocket


async def tts(text: str) -> AsyncIterator[np.ndarray]:
    """Stands for your TTS: 20 ms of 24 kHz mono at a time."""
    for n in range(5 * len(text)):
        yield (8_000 * np.sin(np.arange(n * 480, n * 480 + 480) * 0.06)).astype(np.int16)


async def main(url: str = "ws://127.0.0.1:8765") -> None:
    async with AudioOut(connect_websocket(url), format=PcmFormat(24_000, 1)) as out:
        async with out.segment(text="Hello there.") as hello:
            async for pcm in tts("Hello there."):
                await hello.write(pcm)
        print(await hello.ended())  # how far it was heard, whether it was interrupted, and why it ended

        async with out.segment(text="It is a long story, and") as story:
            async for pcm in tts("It is a long story, and"):
                await story.write(pcm)
        await story.started()
        await anyio.sleep(0.5)  # the user breaks in
        print(f"interrupted in {await out.interrupt():.3f} s")
        print(await story.ended())


if __name__ == "__main__":
    anyio.run(main, *sys.argv[1:])
