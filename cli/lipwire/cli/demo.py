"""``lipwire demo``: an agent and an avatar on this machine, to see and to hear; and whether it was bit-exact."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import FAILED, CommandError, explain, require
from .options import add_faults, faults, positive

if TYPE_CHECKING:
    from anyio.abc import Process

    from lipwire.transports import Faults

    from .demo_run import DemoRun
    from .speech import Piece

DESCRIPTION = """Run an agent and an avatar on this machine, each in a process of its own, joined by a real WebRTC data
channel. The agent speaks a recording, a sentence a segment, faster than real time, as TTS services do. One sentence is
interrupted when half of it has been heard, and the next one follows at once. The avatar plays at real time's pace and
reports what it heard. At the end every sample heard is compared with what was sent."""
EXAMPLES = """examples:
  lipwire demo                                    over WebRTC, about 20 seconds
  lipwire demo --speed 4                          the same, four times faster
  lipwire demo --transport websocket              over a WebSocket
  lipwire demo --transport webrtc-native          over WebRTC by libdatachannel (lipwire[native], Python 3.12)
  lipwire demo --loss 20% --burst 3 --delay 40ms  over a bad network
  lipwire demo --cut-after 3                      the connection breaks after 3 s, and is resumed
  lipwire demo --audio talk.mp3                   speak a file, split at its pauses
  lipwire demo --trace demo.jsonl && lipwire trace view demo.jsonl

What was sent and what was heard of each segment is left in ./lipwire-demo as WAV files (--out)."""
RATE = 24_000
_URLS = {
    "webrtc": "http://127.0.0.1:0/lipwire",
    "webrtc-native": "http://127.0.0.1:0/lipwire",
    "websocket": "ws://127.0.0.1:0",
    "memory": "",
}
_NEEDS = {
    "webrtc": ("aiortc", "aiohttp"),
    "webrtc-native": ("aiohttp",),
    "websocket": ("websockets",),
    "memory": (),
}
_TIME_BESIDE = 60.0
"""Seconds that all may take beside the playout itself; the parts have much shorter limits of their own."""

Show = Callable[[], None]


def add(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "demo",
        help="an agent and an avatar on this machine, over any network you like",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--transport", choices=tuple(_URLS), default="webrtc", help="memory: both in one process")
    parser.add_argument("--audio", type=Path, metavar="FILE", help="speak this instead, of any format that PyAV reads")
    parser.add_argument("--speed", type=positive, default=1.0, metavar="X", help="play so many times faster")
    parser.add_argument("--out", type=Path, default=Path("lipwire-demo"), metavar="DIR", help="for the WAV files")
    parser.add_argument("--trace", type=Path, metavar="FILE", help="write every message of both ends as JSON lines")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object, and nothing else")
    add_faults(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    require("demo", "rich", "av", *_NEEDS[arguments.transport])
    if arguments.transport == "webrtc-native":
        import lipwire.transports.webrtc_native  # noqa: F401 (says what is missing)
    import anyio

    from lipwire.protocol.formats import PcmFormat

    from .demo_run import DemoRun
    from .display import Display
    from .speech import from_file, shipped

    wrong = faults(arguments)
    form = PcmFormat(RATE)
    pieces = shipped(form) if arguments.audio is None else from_file(arguments.audio, form)
    arguments.out.mkdir(parents=True, exist_ok=True)
    demo = DemoRun(pieces, form)
    with Display(demo, arguments.transport, live=sys.stdout.isatty() and not arguments.json) as display:
        anyio.run(partial(_run, arguments, pieces, wrong, demo, display.update))
    demo.judge()
    from .demo_ends import faults_to_json

    if arguments.json:
        about = {"transport": arguments.transport, "speed": arguments.speed, "faults": faults_to_json(wrong)}
        print(json.dumps(about | demo.as_json() | {"out": str(arguments.out)}, indent=2, ensure_ascii=False))
    else:
        display.result(arguments.out, arguments.trace)
    return 0 if demo.good else FAILED


async def _run(arguments: argparse.Namespace, pieces: list[Piece], wrong: Faults, demo: DemoRun, show: Show) -> None:
    """Run both ends, and take what they report."""
    import anyio

    from .demo_ends import faults_to_json
    from .wav import write_wav

    for old in arguments.out.glob("*-heard.wav"):
        old.unlink()
    entries = []
    for number, piece in enumerate(pieces, 1):
        file = arguments.out / f"{number}-sent.wav"
        write_wav(file, piece.pcm, demo.format)
        entries.append({"text": piece.text, "interrupt": piece.interrupt, "file": str(file)})
    traces = {role: None if arguments.trace is None else f"{arguments.trace}.{role}" for role in ("agent", "avatar")}
    common = {
        "faults": faults_to_json(wrong),
        "speed": arguments.speed,
        "out": str(arguments.out),
        "url": _URLS[arguments.transport],
        "backend": "native" if arguments.transport == "webrtc-native" else "aiortc",
        "format": [demo.format.rate, demo.format.channels],
        "verbose": arguments.verbose,
    }
    settings = {role: common | {"trace": traces[role], "pieces": entries} for role in traces}
    seconds = sum(demo.format.seconds(segment.total) for segment in demo.segments.values())
    with anyio.move_on_after(_TIME_BESIDE + 2 * seconds / arguments.speed) as limit:
        if arguments.transport == "memory":
            await _in_this_process(settings, demo, show)
        else:
            await _in_processes(settings, demo, show)
    if limit.cancelled_caught:
        demo.problems.append("it took too long and was given up")
    if arguments.trace is not None:
        _merge_traces(arguments.trace, [Path(path) for path in traces.values() if path is not None])


def _merge_traces(target: Path, parts: list[Path]) -> None:
    """Join the traces of both ends, whose clock is the same, and remove the parts."""
    from .traces import merged, parse_trace

    there = [part for part in parts if part.exists()]
    texts = [part.read_text("utf-8").splitlines() for part in there]
    with target.open("w", encoding="utf-8") as file:
        for record in merged(parse_trace(text, str(part)) for text, part in zip(texts, there, strict=True)):
            file.write(json.dumps(record, separators=(",", ":")) + "\n")
    for part in there:
        part.unlink()


async def _in_this_process(settings: dict[str, dict[str, Any]], demo: DemoRun, show: Show) -> None:
    """Run both ends here, over the memory transport."""
    import anyio

    from lipwire.transports import MemoryListener

    from .demo_ends import run_agent, run_avatar

    listener, listening = MemoryListener(), anyio.Event()

    def reports(role: str) -> Callable[[dict[str, Any]], None]:
        def take(report: dict[str, Any]) -> None:
            if report["report"] == "listening":
                listening.set()
            demo.take(role, report)
            show()

        return take

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run_avatar, settings["avatar"], reports("avatar"), listener)
        await listening.wait()
        try:
            await run_agent(settings["agent"], reports("agent"), listener.connect)
        except Exception as error:
            told = explain(error)
            if told is None:
                raise
            demo.take("agent", {"report": "failed", "reason": str(told)})
            tasks.cancel_scope.cancel()


async def _in_processes(settings: dict[str, dict[str, Any]], demo: DemoRun, show: Show) -> None:
    """Run each end in a process of its own."""
    import anyio
    from anyio.streams.buffered import BufferedByteReceiveStream

    listening, address = anyio.Event(), ""

    async def follow(role: str, process: Process) -> None:
        nonlocal address
        assert process.stdout is not None
        lines = BufferedByteReceiveStream(process.stdout)
        while True:
            try:
                report = json.loads(await lines.receive_until(b"\n", 1 << 20))
            except (anyio.EndOfStream, anyio.IncompleteRead):
                break
            if report["report"] == "listening":
                address = report["url"]
                listening.set()
            demo.take(role, report)
            show()
        status = await process.wait()
        if status != 0:
            if not demo.problems:
                demo.problems.append(f"the {role}'s process ended with exit code {status}")
            raise _Over  # the other one would wait for it in vain

    async with await _start("avatar") as avatar, await _start("agent") as agent:
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(follow, "avatar", avatar)
                await _tell(avatar, settings["avatar"])
                await listening.wait()
                tasks.start_soon(follow, "agent", agent)
                await _tell(agent, settings["agent"] | {"url": address})
        except* _Over:
            pass
        finally:
            for process in (avatar, agent):
                if process.returncode is None:
                    process.kill()


class _Over(Exception):
    """One end has failed."""


async def _start(role: str) -> Process:
    import anyio

    try:
        return await anyio.open_process(
            [sys.executable, "-m", "lipwire.cli.demo_ends", role],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None,
        )
    except OSError as error:
        raise CommandError(f"a process could not be started: {error}") from error


async def _tell(process: Process, settings: dict[str, Any]) -> None:
    import anyio

    assert process.stdin is not None
    # If it has ended already, whoever follows it says so.
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        await process.stdin.send(json.dumps(settings).encode() + b"\n")
