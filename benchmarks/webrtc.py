"""WebRTC: bytes of PCM a second over aiortc, against a bare data channel with messages of the same size.

Both ends in one process. The bare channel is aiortc's default one, ordered and reliable, which is its fastest; it is
kept full up to a threshold, and counts whole messages, where Lipwire counts the PCM in them alone. What a bare channel
with the properties of Lipwire's media channel does is in the note: unpaced and without retransmission it loses.
"""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import anyio
from aiortc import RTCDataChannel, RTCPeerConnection

from lipwire.protocol.channels import Channel
from lipwire.protocol.codec import encode_audio
from lipwire.receiver import serve_webrtc
from lipwire.sender import AudioOut, PcmFormat
from lipwire.transports import WebRtcTransport, connect_webrtc
from lipwire.transports.webrtc import allow_loopback

from .clocks import Stopwatch, Took, patiently
from .consumer import Consumer
from .cpu import CHUNK
from .rows import Row, compare

THRESHOLD = 256 * 1024
"""Bytes that the bare sender lets wait in aiortc."""
QUIET = 0.5
"""Seconds without a message after which what is missing counts as lost."""


class Run(NamedTuple):
    """What a run over Lipwire took, and how its media channel is."""

    took: Took
    message: int
    """Bytes of PCM in a message, in the mean."""
    ordered: bool
    max_retransmits: int | None


async def lipwire(chunks: int) -> Run:
    """So many chunks, written at once, after a tenth as many to warm up (so does the bare channel)."""
    async with serve_webrtc("127.0.0.1", 0) as acceptor, anyio.create_task_group() as tasks:
        connector = connect_webrtc(acceptor.address)
        async with AudioOut(connector, format=PcmFormat(24_000, 1)) as out:
            consumer = Consumer(await acceptor.accept())
            tasks.start_soon(consumer.run)
            async with out.segment() as segment:
                await _speak(segment.write, consumer, chunks // 10)
                consumer.sizes.clear()
                watch = Stopwatch()
                await _speak(segment.write, consumer, chunks)
                took = watch.read()
            transport = out._shell.transport
            assert isinstance(transport, WebRtcTransport)
            media = transport._channels[Channel.MEDIA]
        tasks.cancel_scope.cancel()
    return Run(took, round(statistics.mean(consumer.sizes)), media.ordered, media.maxRetransmits)


async def _speak(write: Callable[[bytes], object], consumer: Consumer, chunks: int) -> None:
    for _ in range(chunks):
        await write(CHUNK)  # type: ignore[misc]
    await consumer.expect(chunks * len(CHUNK))


@asynccontextmanager
async def bare_channel(**properties: Any) -> AsyncIterator[tuple[RTCDataChannel, list[int]]]:
    """A data channel, and a list that gets the size of what arrives at its other end."""
    here, there = RTCPeerConnection(), RTCPeerConnection()
    arrived: list[int] = []
    opened = asyncio.Event()
    channel = here.createDataChannel("bare", **properties)
    channel.on("open", opened.set)
    there.on("datachannel", lambda other: other.on("message", lambda message: arrived.append(len(message))))
    try:
        allow_loopback(here)
        await here.setLocalDescription(await here.createOffer())
        await there.setRemoteDescription(here.localDescription)
        allow_loopback(there)
        await there.setLocalDescription(await there.createAnswer())
        await here.setRemoteDescription(there.localDescription)
        await opened.wait()
        yield channel, arrived
    finally:
        await here.close()
        await there.close()


async def bare(pcm: int, count: int, properties: dict[str, Any]) -> tuple[float, float]:
    """Bytes a second that arrive of ``count`` messages with ``pcm`` bytes each, and the share of them that is lost."""
    async with bare_channel(**properties) as (channel, arrived):
        message = encode_audio(1, 1 << 20, 0, bytes(pcm))
        await _fill(channel, message, count // 10, arrived)
        arrived.clear()
        took = await _fill(channel, message, count, arrived)
        return sum(arrived) / took, 1 - len(arrived) / count


async def _fill(channel: RTCDataChannel, message: bytes, count: int, arrived: list[int]) -> float:
    """Send so many, and give the seconds until the last of those that arrive."""
    low = asyncio.Event()
    channel.bufferedAmountLowThreshold = THRESHOLD
    watch = Stopwatch()
    for _ in range(count):
        if channel.bufferedAmount > THRESHOLD:
            low.clear()
            channel.once("bufferedamountlow", low.set)
            await low.wait()
        channel.send(message)
    took, seen, seen_at = watch.read().clock, len(arrived), watch.read().clock
    while len(arrived) < count and watch.read().clock - seen_at < QUIET:
        await asyncio.sleep(0.001)
        if len(arrived) > seen:
            took, seen, seen_at = watch.read().clock, len(arrived), watch.read().clock
    return took


def measure(*, short: bool, say: Callable[[str], None]) -> list[Row]:
    """Turns between Lipwire and the bare channel."""
    chunks, rounds = (1_500, 3) if short else (9_000, 5)
    ours, theirs, cpu = [], [], []
    for number in range(1, rounds + 1):
        run = anyio.run(patiently, lipwire, chunks)
        count = chunks * len(CHUNK) // run.message
        rate, lost = anyio.run(patiently, bare, run.message, count, {})
        assert not lost, "a reliable channel lost messages"
        ours.append(chunks * len(CHUNK) / run.took.clock / 1e6)
        theirs.append(rate / 1e6)
        cpu.append(run.took.cpu / run.took.clock)
        say(f"round {number}: lipwire {ours[-1]:.2f}, bare {theirs[-1]:.2f} MB/s")
    alike = {"ordered": run.ordered, "maxRetransmits": run.max_retransmits}
    rate, lost = anyio.run(patiently, bare, run.message, min(count, 3_000), alike)
    note = (
        f"{run.message} bytes of PCM a message, {statistics.median(cpu):.0%} of a core; a bare channel like the media "
        f"channel ({'' if run.ordered else 'un'}ordered, maxRetransmits {run.max_retransmits}) does "
        f"{rate / 1e6:.2f} MB/s and loses {lost:.1%}"
    )
    return [compare("WebRTC, a backlog", "MB/s", ours, "bare aiortc", theirs, at_least=0.9, timing=True, note=note)]
