"""``lipwire receive``: an avatar without a face, which plays at real time's pace and writes down what it heard."""

from __future__ import annotations

import argparse
import hmac
import json
import logging
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lipwire.protocol.errors import escaped

from .errors import FAILED, USAGE, CommandError
from .options import add_backend, add_format, add_token, positive

if TYPE_CHECKING:
    from lipwire.receiver import Greeting
    from lipwire.transports.base import Listener

EXAMPLES = """examples:
  lipwire receive                                      a WebSocket server at ws://127.0.0.1:8765
  lipwire receive ws://0.0.0.0:9000 --out heard        every segment as a WAV file in ./heard
  lipwire receive http://127.0.0.1:8765/lipwire --once WebRTC; ends when the first agent has gone
  lipwire receive --json | jq .                        a JSON object a line: listening, session, started, ended, …

Nothing is really played: what it takes, it takes at the pace of playback, and reports as an avatar would."""

_HTTP_HINTS = {
    "400": ": it is no Lipwire agent, or one that speaks version 0",
    "401": ": its token is missing or wrong",
    "426": ": it is not a WebSocket client",
}


def add(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "receive",
        help="be an avatar: take what agents send, and write it down",
        description="Accept agents, play what they say (without a sound, at real time's pace), report how far it was "
        "heard, and write each segment to a WAV file.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "url",
        nargs="?",
        default="ws://127.0.0.1:8765",
        metavar="URL",
        help="where to listen: ws:// (WebSocket) or http:// (WebRTC); ws://127.0.0.1:8765 unless given",
    )
    parser.add_argument("--out", type=Path, metavar="DIR", help="write each segment there as a WAV file")
    parser.add_argument("--once", action="store_true", help="end after the first session")
    parser.add_argument("--speed", type=positive, default=1.0, metavar="X", help="play so many times faster")
    add_token(parser, "that agents have to bring")
    add_backend(parser)
    add_format(parser, "accept nothing else")
    parser.add_argument("--trace", type=Path, metavar="FILE", help="write every message as JSON lines")
    parser.add_argument("--json", action="store_true", help="print what happens as one JSON object a line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    import anyio

    from lipwire.transports import listener_for

    try:
        listener = listener_for(arguments.url, token=arguments.token, backend=arguments.backend)
    except ValueError as error:
        raise CommandError(str(error), status=USAGE) from error
    for name in ("lipwire.receiver", "websockets.server"):
        logging.getLogger(name).handlers[:] = [_Refusals()]
    if arguments.out is not None:
        arguments.out.mkdir(parents=True, exist_ok=True)
    return anyio.run(partial(_receive, arguments, listener))


async def _receive(arguments: argparse.Namespace, listener: Listener) -> int:
    import anyio

    from lipwire.protocol.formats import PcmFormat
    from lipwire.protocol.trace import JsonLinesTrace
    from lipwire.receiver import Acceptor

    from .avatar import play_session

    formats = None
    if arguments.sample_rate is not None:
        formats = [PcmFormat(arguments.sample_rate, arguments.channels)]

    def allowed(greeting: Greeting) -> bool:
        given = greeting.auth.encode() if isinstance(greeting.auth, str) else greeting.auth or b""
        return hmac.compare_digest(given, arguments.token.encode())

    good = True
    with ExitStack() as stack:
        trace = None
        if arguments.trace is not None:
            trace = JsonLinesTrace(stack.enter_context(arguments.trace.open("w", encoding="utf-8")))
        acceptor = Acceptor(
            listener,
            formats=formats,
            trace=trace,
            authenticate=allowed if arguments.token is not None else None,
            info={"software": "lipwire receive"},
        )
        async with acceptor, anyio.create_task_group() as tasks:
            _tell(arguments.json, 0, {"report": "listening", "url": acceptor.address})
            number = 0
            async for audio in acceptor:
                number += 1

                def report(what: dict[str, Any], number: int = number) -> None:
                    if what["report"] != "played":
                        _tell(arguments.json, number, what)

                name = f"{number}-{{segment}}.wav"
                play = partial(play_session, audio, arguments.out, name, speed=arguments.speed, report=report)
                if arguments.once:
                    good = await play()
                    break
                tasks.start_soon(play)
    return 0 if good else FAILED


class _Refusals(logging.Handler):
    """Says of each agent that was turned away why."""

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if "rejected (" in text or "response sent (" in text:  # by the WebSocket library, before a hello
            status = text[text.index("(") + 1 :].removesuffix(")")
            text = f"a connection was refused with HTTP {status}{_HTTP_HINTS.get(status[:3], '')}"
        if "refused" in text:
            print(f"lipwire: {escaped(text, 400)}", file=sys.stderr, flush=True)


def _tell(as_json: bool, session: int, what: dict[str, Any]) -> None:
    """Print one report."""
    if as_json:
        print(json.dumps({"session": session, **what}), flush=True)
        return
    from .traces import short

    match what["report"]:
        case "listening":
            text = f"listening at {what['url']} (Ctrl+C ends it)"
        case "session":
            text = f"session {session} with {short(what['peer'])}: {what['format']}"
        case "started":
            said = what["metadata"].get("text")
            text = f"  segment {what['segment']} is heard" + (f": {short(str(said))[:100]}" if said else "")
        case "ended":
            how = "interrupted" if what["interrupted"] else "played"
            text = f"  segment {what['segment']} {how}, {what['position']} samples heard"
            text += f", {what['concealed']} of them silence for lost ones" if what["concealed"] else ""
            text += f" -> {what['file']}" if what["file"] else ""
        case _:
            text = f"session {session} is over" + (f": {short(what['error'])}" if what["error"] else "")
    print(text, flush=True)
