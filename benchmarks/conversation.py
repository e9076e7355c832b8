"""A conversation that goes on and on: turns, interrupts, pauses, marks, transports that are cut, sessions that end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

import anyio

from lipwire.receiver import Acceptor, Audio, AudioIn, Interrupted, SegmentEnd
from lipwire.sender import AudioOut, PcmFormat
from lipwire.transports import Connector, Faults, Transport
from lipwire.transports.faults import FaultyTransport

FORMAT = PcmFormat(24_000, 1)
CHUNK = FORMAT.samples(0.020)


class Agent:
    """Speaks in turns; what it does is drawn from ``random``. ``count`` says what happened."""

    def __init__(self, connector: Connector, faults: Faults, random: Random, clock: Callable[[], float]) -> None:
        self.count: Counter[str] = Counter()
        self._connector = connector
        self._faults = faults
        self._random = random
        self._clock = clock
        self._transport: FaultyTransport | None = None

    async def call(self, turns: int, after_turn: Callable[[], None] | None = None) -> None:
        """One session of so many turns; ``after_turn`` is called when all is quiet."""
        async with AudioOut(self._connect, format=FORMAT, clock=self._clock) as out, anyio.create_task_group() as tasks:
            tasks.start_soon(self._cut_now_and_then)
            for _ in range(turns):
                await self._turn(out)
                await out.drain()
                if after_turn is not None:
                    after_turn()
            tasks.cancel_scope.cancel()
        self.count["sessions"] += 1

    async def _connect(self) -> Transport:
        self.count["transports"] += 1
        self._transport = FaultyTransport(await self._connector(), self._faults, connection=self.count["transports"])
        return self._transport

    async def _cut_now_and_then(self) -> None:
        while True:
            await anyio.sleep(self._random.uniform(5.0, 25.0))
            if self._transport is not None:
                self._transport.disconnect()

    async def _turn(self, out: AudioOut) -> None:
        """Speak 1 to 8 s, three times as fast as it is heard; be interrupted, or pause, now and then."""
        random = self._random
        chunks = random.randrange(50, 400)
        async with out.segment(text="a turn", number=self.count["turns"]) as segment:
            for number in range(chunks):
                if not await segment.write(random.randbytes(CHUNK * FORMAT.frame_bytes)):
                    break
                if number % 50 == 25:
                    segment.mark(f"word {number}")
                await anyio.sleep(0.020 / 3)
        self.count["turns"] += 1
        what = random.random()
        if what < 0.4:
            await anyio.sleep(random.uniform(0.0, 2.0))
            await out.interrupt()
            self.count["interrupts"] += 1
        elif what < 0.5 and out.statistics().connected:
            out.pause()
            await anyio.sleep(random.uniform(0.0, 1.0))
            out.unpause()
            self.count["pauses"] += 1
        ended = await segment.ended()
        self.count[f"ended {ended.cause.value}"] += 1
        if ended.cause.value == "played":
            assert ended.position == segment.position, "a turn that was heard whole ended elsewhere"
            self.count["seconds heard whole"] += round(ended.seconds)


async def avatars(acceptor: Acceptor) -> None:
    """Render every session that comes."""
    async with anyio.create_task_group() as tasks:
        async for audio in acceptor:
            tasks.start_soon(_render, audio)


async def _render(audio: AudioIn) -> None:
    async for item in audio:
        match item:
            case Audio():
                await anyio.sleep(item.duration)
                audio.notify_played(item.segment, item.end)
            case SegmentEnd():
                audio.notify_stream_ended(item.segment, item.total)
            case Interrupted():
                audio.notify_stream_ended(item.segments, item.consumed[0], interrupted=True)
            case _:
                pass
