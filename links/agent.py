"""The sender across a link: ``python -m links.agent SETTINGS`` (JSON). What it does is ``settings["do"]``.

It prints JSON lists: a word, the monotonic time, and what belongs to it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from dataclasses import asdict
from random import Random
from typing import Any

from lipwire.protocol import SessionError
from lipwire.sender import AudioOut, Segment
from lipwire.transports import connector_for

from .avatar import tell
from .namespaces import go_first
from .speech import FORMAT, LONG, samples

CHUNK = FORMAT.samples(0.020)


async def interrupts(out: AudioOut, settings: dict[str, Any]) -> None:
    """With a minute of audio at hand, interrupt and begin a new segment at once.

    Again and again until so many of those that were cut had been heard: one that was cut before anything of it came is
    nobody's to be told of. It gives up after three times as many.
    """
    random = Random(settings["seed"])
    segment = _begin(out)
    cut: deque[Segment] = deque()
    heard = calls = 0
    while heard < settings["count"] and calls < 3 * settings["count"]:
        await asyncio.sleep(random.uniform(0.4, 0.8))
        called = time.monotonic()
        out.interrupt_nowait()
        following = _begin(out)
        tell("interrupt", called, segment.number, following.number)
        cut.append(segment)
        segment = following
        calls += 1
        while cut and (result := cut[0].result) is not None:
            heard += result.position > 0
            cut.popleft()
    await asyncio.sleep(0.5)
    await out.interrupt()


def _begin(out: AudioOut) -> Segment:
    segment = out.segment()
    segment.write_nowait(samples(segment.number, 0, LONG))
    return segment


async def speech(out: AudioOut, settings: dict[str, Any]) -> None:
    """Speak one segment in real time, a chunk every 20 ms."""
    began = time.monotonic()
    late = 0.0
    async with out.segment(began=began) as segment:
        for position in range(0, FORMAT.samples(settings["seconds"]), CHUNK):
            due = began + position / FORMAT.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            late = max(late, time.monotonic() - due)
            if not await segment.write(samples(segment.number, position, position + CHUNK)):
                break
    tell("spoken", segment.number, late)
    await _tell_end(segment)


async def story(out: AudioOut, settings: dict[str, Any]) -> None:
    """Write a long segment at once, and when it has ended, however that was, a short one."""
    for seconds in (settings["seconds"], 1.0):
        async with out.segment() as segment:
            await segment.write(samples(segment.number, 0, FORMAT.samples(seconds)))
        tell("written", segment.number)
        await _tell_end(segment)


async def _tell_end(segment: Segment) -> None:
    result = await segment.ended()
    tell("ended", result.segment, result.position, result.cause.value, result.exact)


DO = {"interrupts": interrupts, "speech": speech, "story": story}


async def main() -> None:
    """Connect, do it, and tell how it ended."""
    settings = json.loads(sys.argv[1])

    def on_event(event: object) -> None:
        tell("event", type(event).__name__)

    try:
        async with AudioOut(connector_for(settings["url"]), format=FORMAT, on_event=on_event) as out:
            tell("open")
            if settings.get("measured"):
                go_first(1)
            await DO[settings["do"]](out, settings)
            tell("statistics", asdict(out.statistics()))
    except SessionError as error:
        tell("broken", type(error).__name__, str(error))
    tell("done")


if __name__ == "__main__":
    asyncio.run(main())
