"""Cases played by hand, for a debugger: what to attach to is printed, and nothing times out."""

from __future__ import annotations

import asyncio
import sys
from typing import Final

from rich.console import Console
from rich.text import Text

from .play import Play
from .requirements import REQUIREMENTS
from .trace import Entry
from .words import values

PATIENCE: Final = 1e6
"""Endless, for a person."""


class Manual:
    """Watches a case for a person: says what it is about, waits for Enter, and prints everything as it happens."""

    def __init__(self, out: Console) -> None:
        self._out = out

    async def starts(self, play: Play) -> None:
        """The implementation is about to be started, or to be connected to."""
        case, out = play.case, self._out
        out.print(Text.assemble(("\n" + case.name, "bold"), f": {case.why}"), soft_wrap=True)
        for name in case.requirements:
            out.print(Text(f"  {name}: {REQUIREMENTS[name].text}", style="italic"))
        out.print(Text(f"  {self._place(play)}"), soft_wrap=True)
        out.print("  Press Enter to begin.", end="")
        await enter()

    def started(self, play: Play) -> None:
        """It has been."""
        if play.url is not None:
            self._out.print(Text(f"  The implementation listens at {play.url}.", style="dim"), soft_wrap=True)

    def saw(self, entry: Entry) -> None:
        """Something came, went or was sent."""
        kind = "" if entry.kind == "message" else f"{entry.kind} "
        line = f"  {entry.at:8.3f} s  {entry.by.value:8} {kind}{entry.name}{values(entry)}"
        self._out.print(Text(line, overflow="ellipsis", no_wrap=True, style="dim"))

    def step(self, words: str) -> None:
        """The kit does something."""
        self._out.print(Text(f"              kit      {words}", overflow="ellipsis", no_wrap=True, style="cyan"))

    @staticmethod
    def _place(play: Play) -> str:
        where = [] if play.address is None else [f"the implementation is to connect to {play.address}"]
        if play.driver is None:
            where.append(f"the kit connects to {play.url}")
        else:
            where.append(f"the driver is process {play.driver.pid}: attach a debugger to it now")
        return "; ".join(where)


def _note(came: asyncio.Future[None]) -> None:
    if not came.done():
        came.set_result(None)


async def enter() -> None:
    """Wait for a line of standard input; at once when there is none to come."""
    loop = asyncio.get_running_loop()
    came: asyncio.Future[None] = loop.create_future()
    try:
        loop.add_reader(sys.stdin.fileno(), _note, came)
    except (OSError, ValueError):  # a file, or nothing at all
        sys.stdin.readline()
        return
    try:
        await came
        sys.stdin.readline()
    finally:
        loop.remove_reader(sys.stdin.fileno())
