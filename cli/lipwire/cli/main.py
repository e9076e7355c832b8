"""The ``lipwire`` command: its command line, and how it fails."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from lipwire.conformance import command as conformance

from . import decode, demo, receive, send, trace_view
from .errors import FAILED, INSTALL, explain

EXAMPLES = """examples:
  lipwire demo                                       an agent and an avatar on this machine, over WebRTC
  lipwire demo --loss 20% --cut-after 3              the same over a bad network
  lipwire receive ws://127.0.0.1:8765 --out heard    be an avatar that writes down what it hears
  lipwire send hello.wav ws://127.0.0.1:8765         be an agent that says what is in a file
  lipwire trace view session.jsonl                   look at what went over the wire
  lipwire conformance run --driver "node driver.js"  test your own implementation against SPEC.md

`lipwire COMMAND --help` says more of each. Exit codes: 0 all went well, 1 something failed, 2 wrong usage."""
_INTERRUPTED = 130
LOGGERS = ("lipwire", "websockets", "aiohttp", "aiortc", "aioice")
"""Those that have something to say of a session; what goes wrong in them, the commands say in their own words."""


def parser() -> argparse.ArgumentParser:
    """Make the parser of the whole command line."""
    epilog = EXAMPLES
    if any(find_spec(name) is None for name in ("rich", "av", "websockets", "aiortc", "aiohttp")):
        epilog += f"\n\nSome of the commands need more packages than are installed: {INSTALL}"
    top = argparse.ArgumentParser(
        prog="lipwire",
        description="Carries a voice agent's speech to an avatar, and carries back what was really heard.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"lipwire {_version()} (protocol version 1)")
    top.add_argument("-v", "--verbose", action="store_true", help="write the log to standard error")
    commands = top.add_subparsers(title="commands", metavar="COMMAND")
    for module in (demo, send, receive, decode, trace_view, conformance):
        module.add(commands)
    return top


def _version() -> str:
    try:
        return version("lipwire")
    except PackageNotFoundError:
        return "of a source tree"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code. Raises ``SystemExit`` for ``--help`` and for wrong usage."""
    top = parser()
    arguments = top.parse_args(argv)
    if not hasattr(arguments, "run"):
        top.print_help()
        return 0
    set_up_logging(arguments.verbose)
    try:
        status: int = arguments.run(arguments)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has enough. Python would complain once more on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        told = explain(error)
        if told is None:
            raise
        print(f"lipwire: {told}", file=sys.stderr)
        return told.status


def set_up_logging(verbose: bool) -> None:
    """Write the log to standard error, or not at all: what matters is said by the commands themselves."""
    handler: logging.Handler = logging.StreamHandler() if verbose else logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(relativeCreated)7.0f ms  %(name)s: %(message)s"))
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(logging.INFO)
        logger.propagate = False


if __name__ == "__main__":
    sys.exit(main())
