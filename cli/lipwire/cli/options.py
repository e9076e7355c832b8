"""Kinds of arguments that several commands take."""

from __future__ import annotations

import argparse
import os
import re
from typing import TYPE_CHECKING

from lipwire.protocol.channels import Channel
from lipwire.transports.link import Faults

from .errors import USAGE, CommandError

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBER = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-zA-Z%]*)$")
_TIMES = {"": 1.0, "s": 1.0, "ms": 0.001, "m": 60.0, "min": 60.0}
_SHARES = {"": 1.0, "%": 0.01}
_RATES = {"": 1.0, "b": 1.0, "kb": 1e3, "mb": 1e6, "bit": 1 / 8, "kbit": 1e3 / 8, "mbit": 1e6 / 8}


def duration(text: str) -> float:
    """Read ``1.5``, ``1.5s``, ``50ms`` or ``2min`` as seconds."""
    return _scaled(text, _TIMES, "a time such as 1.5 or 50ms")


def share(text: str) -> float:
    """Read ``0.2`` or ``20%``."""
    return _scaled(text, _SHARES, "a share such as 0.2 or 20%")


def data_rate(text: str) -> float:
    """Read ``125000`` (bytes per second), ``64kB``, ``500kbit`` or ``1Mbit``."""
    return _scaled(text, _RATES, "a rate such as 125000 (bytes per second), 64kB or 1Mbit")


def cuts(text: str) -> float | tuple[float, ...]:
    """Read one time, or several of connections in turn, ``3,2``."""
    times = tuple(duration(part) for part in text.split(","))
    return times[0] if len(times) == 1 else times


def positive(text: str) -> float:
    """Read a number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _scaled(text: str, units: Mapping[str, float], wanted: str) -> float:
    match = _NUMBER.match(text.strip())
    if match is None or match[2].lower() not in units:
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")
    return float(match[1]) * units[match[2].lower()]


def add_token(parser: argparse.ArgumentParser, what: str) -> None:
    """Add ``--token``, which may also come from the environment, where other users can not read it."""
    parser.add_argument(
        "--token",
        default=os.environ.get("LIPWIRE_TOKEN"),
        help=f"{what} (unless given: the environment's LIPWIRE_TOKEN)",
    )


def add_backend(parser: argparse.ArgumentParser) -> None:
    """Add ``--backend``."""
    parser.add_argument(
        "--backend",
        choices=("aiortc", "native"),
        default="aiortc",
        help="what implements WebRTC (native: lipwire[native], Python 3.12 or later)",
    )


def add_format(parser: argparse.ArgumentParser, what: str, *, rate: int | None = None) -> None:
    """Add ``--sample-rate`` and ``--channels``."""
    default = "" if rate is None else f" ({rate} unless given)"
    parser.add_argument(
        "--sample-rate", type=int, default=rate, metavar="HZ", help=f"{what}: samples a second{default}"
    )
    parser.add_argument("--channels", type=int, default=1, metavar="N", help=f"{what}: 1 or 2 channels (default 1)")


def add_faults(parser: argparse.ArgumentParser) -> None:
    """Add what can be made to go wrong between the two ends."""
    group = parser.add_argument_group(
        "faults",
        "put between the two ends, in both directions. Loss, reordering and duplication befall audio (and the "
        "interrupt's copy beside it), as on a WebRTC data channel; delay, jitter, rate and cuts befall everything",
    )
    group.add_argument("--loss", type=share, default=0.0, metavar="SHARE", help="lose so many messages: 0.2 or 20%%")
    group.add_argument("--burst", type=positive, metavar="N", help="lose N messages in a row, on average")
    group.add_argument("--reorder", type=share, default=0.0, metavar="SHARE", help="hold back so many by 50 ms")
    group.add_argument("--duplicate", type=share, default=0.0, metavar="SHARE", help="deliver so many twice")
    group.add_argument("--delay", type=duration, default=0.0, metavar="TIME", help="each way: 0.05 or 50ms")
    group.add_argument("--jitter", type=duration, default=0.0, metavar="TIME", help="up to so much more")
    group.add_argument("--queue", type=data_rate, metavar="SIZE", help="of the slow link: 256kB unless given")
    group.add_argument("--rate", type=data_rate, metavar="RATE", help="each way: 125000 (bytes/s), 64kB or 1Mbit")
    group.add_argument(
        "--cut-after",
        type=cuts,
        metavar="TIME",
        help="break the connection so long after its start; 3,2 breaks the first and the second one",
    )
    group.add_argument("--lossy-control", action="store_true", help="lose control messages too, as a room may")
    group.add_argument("--seed", type=int, default=0, metavar="N", help="other faults, of the same kind")


def faults(arguments: argparse.Namespace) -> Faults:
    """Make the faults that were asked for.

    Raises:
        CommandError: a value is out of its range.
    """
    try:
        return Faults(
            seed=arguments.seed,
            loss=arguments.loss,
            burst=arguments.burst,
            reorder=arguments.reorder,
            duplicate=arguments.duplicate,
            delay=arguments.delay,
            jitter=arguments.jitter,
            rate=arguments.rate,
            queue=256 * 1024 if arguments.queue is None else round(arguments.queue),
            cut_after=arguments.cut_after,
            channels=frozenset(Channel) if arguments.lossy_control else frozenset({Channel.MEDIA}),
        )
    except ValueError as error:
        raise CommandError(str(error), status=USAGE) from None
