"""``lipwire send``: an agent that says what is in a file."""

from __future__ import annotations

import argparse
import json
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import FAILED, USAGE, CommandError, require
from .options import add_backend, add_format, add_token, duration

if TYPE_CHECKING:
    from lipwire.protocol.formats import PcmFormat
    from lipwire.sender import AudioOut, Segment, StreamEnded
    from lipwire.transports.base import Connector

EXAMPLES = """examples:
  lipwire send hello.wav ws://127.0.0.1:8765                      over a WebSocket
  lipwire send hello.mp3 http://127.0.0.1:8765/lipwire            over WebRTC (the URL takes the offer, as WHIP does)
  lipwire send hello.wav ws://127.0.0.1:8765 --interrupt-after 1  break in when it has been heard for a second
  LIPWIRE_TOKEN=secret lipwire send hello.wav wss://avatar.example/

Start `lipwire receive` for something to send to. The exit code is 0 when the file was heard to its end, or was
interrupted as asked."""
_CHUNK = 0.1


def add(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "send",
        help="be an agent: send a file, and tell how far it was heard",
        description="Send an audio file to an avatar as one segment, wait until it has been played, and say how far it "
        "was heard.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="of any format that PyAV reads")
    parser.add_argument("url", metavar="URL", help="ws:// or wss:// (WebSocket), http:// or https:// (WebRTC)")
    parser.add_argument(
        "--interrupt-after", type=duration, metavar="TIME", help="interrupt when it has been heard for so long"
    )
    parser.add_argument("--text", help="what is said, for the avatar")
    add_token(parser, "to be let in")
    add_backend(parser)
    add_format(parser, "of what is sent", rate=24_000)
    parser.add_argument("--timeout", type=duration, default=10.0, metavar="TIME", help="to connect (10 s unless given)")
    parser.add_argument("--trace", type=Path, metavar="FILE", help="write every message as JSON lines")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object, and nothing else")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from lipwire.protocol.formats import PcmFormat
    from lipwire.transports import connector_for

    from .speech import read_audio

    form = PcmFormat(arguments.sample_rate, arguments.channels)
    try:
        connector = connector_for(
            arguments.url, token=arguments.token, backend=arguments.backend, timeout=arguments.timeout
        )
    except ValueError as error:
        raise CommandError(str(error), status=USAGE) from error
    if not arguments.file.exists():
        raise CommandError(f"{arguments.file}: no such file", status=USAGE)
    require("send", "av")
    import anyio

    pcm = read_audio(arguments.file, form)
    return anyio.run(partial(_send, arguments, connector, form, pcm))


async def _send(arguments: argparse.Namespace, connector: Connector, form: PcmFormat, pcm: bytes) -> int:
    from lipwire.protocol.trace import JsonLinesTrace
    from lipwire.sender import AudioOut, Cause

    from .agent import first_sample_delay

    with ExitStack() as stack:
        trace = None
        if arguments.trace is not None:
            trace = JsonLinesTrace(stack.enter_context(arguments.trace.open("w", encoding="utf-8")))
        async with AudioOut(
            connector,
            format=form,
            auth=arguments.token,
            connect_timeout=arguments.timeout,
            trace=trace,
            info={"software": "lipwire send"},
        ) as out:
            if not arguments.json:
                print(f"connected to {arguments.url}: {form}", flush=True)
            segment, ended, latency = await _say(arguments, out, form, pcm)
            statistics = out.statistics()
    total, delay = len(pcm) // form.frame_bytes, first_sample_delay(segment)
    good = ended.cause is Cause.PLAYED or (ended.cause is Cause.INTERRUPTED and arguments.interrupt_after is not None)
    if arguments.json:
        result = {
            "ok": good,
            "url": arguments.url,
            "format": str(form),
            "total": total,
            "heard": ended.position,
            "heard_seconds": ended.seconds,
            "interrupted": ended.interrupted,
            "cause": ended.cause.value,
            "exact": ended.exact,
            "first_sample_delay": delay,
            "interrupt_latency": latency,
            "round_trip": statistics.round_trip,
            "repaired_seconds": statistics.repaired_seconds,
            "transports": statistics.transports,
        }
        print(json.dumps(result))
        return 0 if good else FAILED
    least = "" if ended.exact else "at least "
    print(f"{ended.cause.value}: {least}{ended.seconds:.3f} s of {form.seconds(total):.3f} s were heard", end="")
    print(f" ({ended.position} of {total} samples)")
    if delay is not None:
        print(f"the first sample was heard {1000 * delay:.1f} ms after it was written")
    if latency is not None:
        print(f"the interrupt was confirmed after {1000 * latency:.1f} ms")
    return 0 if good else FAILED


async def _say(
    arguments: argparse.Namespace, out: AudioOut, form: PcmFormat, pcm: bytes
) -> tuple[Segment, StreamEnded, float | None]:
    """Write all of it, break in if asked to, and wait for the end; the last is what the interrupt took."""
    import anyio

    latency: float | None = None

    async def interrupt(segment: Segment) -> None:
        nonlocal latency
        if await segment.started():
            await anyio.sleep(arguments.interrupt_after)
            latency = await out.interrupt()

    async with anyio.create_task_group() as tasks:
        async with out.segment(text=arguments.text or arguments.file.name) as segment:
            if arguments.interrupt_after is not None:
                tasks.start_soon(interrupt, segment)
            size = form.samples(_CHUNK) * form.frame_bytes
            for at in range(0, len(pcm), size):
                if not await segment.write(pcm[at : at + size]):
                    break
        ended = await segment.ended()
        if not ended.interrupted:
            tasks.cancel_scope.cancel()  # it was over before the interrupt was due
    return segment, ended, latency
