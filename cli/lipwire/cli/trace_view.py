"""``lipwire trace view``: a trace as one HTML page, to be looked at in any browser, without a network."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from .errors import USAGE, CommandError
from .timeline import Timeline
from .traces import parse_trace

EXAMPLES = """examples:
  lipwire demo --trace demo.jsonl && lipwire trace view demo.jsonl
  lipwire trace view session.jsonl -o page.html

A trace is what `lipwire demo --trace` writes, or an AudioOut or Acceptor that is given
trace=JsonLinesTrace(file). Traces of both ends that were made on one machine can be put into one file: their clock is
the same, and the page then shows what was sent and when it arrived."""
_PAGE = Path(__file__).parent / "timeline.html"
_MARK = '{"here": "comes the data"}'


def add(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser("trace", help="look at a trace", description="Work with traces of sessions.")
    inner = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    view = inner.add_parser(
        "view",
        help="make a page with a timeline of it",
        description="Make one self-contained HTML page with a timeline of a trace: how far each segment was sent, "
        "received, handed out and heard, interrupts, gaps, pauses, lost transports, and every message.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    view.add_argument("trace", type=Path, metavar="TRACE", help="JSON lines")
    view.add_argument("-o", "--output", type=Path, metavar="FILE.html", help="beside the trace unless given")
    view.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    page = render(arguments.trace)
    target = arguments.output or arguments.trace.with_suffix(".html")
    if target == arguments.trace:
        raise CommandError(f"{target} would be overwritten: give another name with -o", status=USAGE)
    target.write_text(page, encoding="utf-8")
    print(f"{target}: open it in a browser")
    return 0


def render(trace: Path) -> str:
    """Make the page.

    Raises:
        CommandError: it is not a trace.
    """
    try:
        text = trace.read_text("utf-8")
    except UnicodeDecodeError:
        raise CommandError(f"{trace}: not a trace (it is no text)", status=USAGE) from None
    records = parse_trace(text.splitlines(), str(trace))
    if not records:
        raise CommandError(f"{trace}: there is nothing in it", status=USAGE)
    records.sort(key=lambda record: float(record["t"]))
    data = json.dumps(Timeline(records).as_json(trace.name), separators=(",", ":"), ensure_ascii=False)
    # Within a script element nothing may look like its end, or like a comment.
    data = data.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    page = _PAGE.read_text("utf-8")
    assert _MARK in page
    return page.replace(_MARK, data)
