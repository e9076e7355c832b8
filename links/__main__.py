"""Measure Lipwire across a bad link, and print the tables: ``python -m links``."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from typing import Any

from . import Unavailable, cuts, figures
from .packages import require_packages

TRANSPORTS: tuple[figures.Transport, ...] = ("websocket", "webrtc")
LOSSES = (0.0, 0.01, 0.05)


def interrupts(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Interrupts and the segments begun after them, and the share of what an unbounded sender carries."""
    rows = []
    for transport in options.transports:
        most = figures.unbounded(transport, seconds=options.seconds / 3)["bytes_per_second"]
        for loss in options.losses:
            row = figures.interrupts(transport, loss, options.count, options.seed)
            rows.append(row | {"kept": round(row["bytes_per_second"] / most, 3), "unbounded": most})
    return rows


def speech(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Speech in real time."""
    pairs = [(transport, loss) for transport in options.transports for loss in options.losses]
    return [figures.speech(transport, loss, options.seconds, options.seed) for transport, loss in pairs]


def away(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Cuts of the link, and deaths of either side."""
    rows = []
    for transport in options.transports:
        rows += [cuts.link_away(transport, seconds) for seconds in (0.5, 2.0, 10.0)]
        rows += [cuts.receiver_killed(transport), cuts.sender_killed(transport)]
    return rows


FIGURES: dict[str, Callable[[argparse.Namespace], list[dict[str, Any]]]] = {
    "interrupts": interrupts,
    "speech": speech,
    "cuts": away,
}


def show(rows: list[dict[str, Any]]) -> None:
    """Print dicts as a table, one column a key."""
    table = [{key: _cell(value) for key, value in row.items()} for row in rows]
    names = list(dict.fromkeys(name for row in table for name in row))
    widths = {name: max(len(name), *(len(row.get(name, "")) for row in table)) for name in names}
    for row in ({name: name for name in names}, *table):
        print("  ".join(row.get(name, "").ljust(widths[name]) for name in names).rstrip())


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return " / ".join(f"{number:g}" for number in value.values())
    if isinstance(value, list):
        return "; ".join(f"{part['cause']} @ {part['position']} after {part['seconds']:g} s" for part in value)
    return "" if value is None else f"{value}"


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(prog="python -m links", description="Measure Lipwire across a bad link.")
    parser.add_argument("figure", nargs="*", metavar="FIGURE", help=", ".join(FIGURES) + "; all unless given")
    parser.add_argument("--transport", dest="transports", action="append", choices=TRANSPORTS)
    parser.add_argument("--loss", dest="losses", action="append", type=float, help="of packets, 0 to 1; repeatable")
    parser.add_argument("--count", type=int, default=300, help="interrupts to measure, at least")
    parser.add_argument("--seconds", type=float, default=60.0, help="of speech")
    parser.add_argument("--seed", type=int, default=1, help="of the losses, and of when the interrupts come")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    options = parser.parse_args()
    for name in set(options.figure) - set(FIGURES):
        parser.error(f"there is no figure {name!r}: choose from " + ", ".join(FIGURES))
    require_packages()
    options.transports = options.transports or TRANSPORTS
    options.losses = options.losses or LOSSES
    for name in options.figure or FIGURES:
        try:
            rows = FIGURES[name](options)
        except Unavailable as error:
            sys.exit(str(error))
        if options.json:
            for row in rows:
                print(json.dumps({"figure": name, **row}), flush=True)
        else:
            print(f"\n{name} (ms as p50 / p90 / p99 / max; load {os.getloadavg()[0]:.1f})\n")
            show(rows)


if __name__ == "__main__":
    main()
