"""Processes of a figure's own, spoken to in lines of JSON, and what /proc says of them."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PATIENCE = 120.0
"""Seconds that a process may take to answer."""


class Child:
    """``python -m benchmarks.MODULE ARGUMENTS``: it prints one JSON object a line, and reads commands from its stdin.

    A context manager: leaving it ends the process.
    """

    def __init__(self, module: str, *arguments: object, environment: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", f"benchmarks.{module}", *(str(argument) for argument in arguments)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **(environment or {})}
        )
        self.pid = self._process.pid
        self._unread = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def tell(self, command: str) -> None:
        """Give it one line."""
        assert self._process.stdin is not None
        self._process.stdin.write(command.encode() + b"\n")
        self._process.stdin.flush()

    def hear(self, patience: float = PATIENCE) -> dict[str, Any]:
        """Wait for its next line.

        Raises:
            TimeoutError: nothing in so many seconds.
            EOFError: it has ended.
        """
        assert self._process.stdout is not None
        until = time.monotonic() + patience
        while b"\n" not in self._unread:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self._process.stdout], [], [], left)[0]:
                raise TimeoutError(f"process {self.pid} said nothing in {patience} s")
            more = os.read(self._process.stdout.fileno(), 1 << 16)
            if not more:
                raise EOFError(f"process {self.pid} has ended, with {self._process.wait()}")
            self._unread += more
        line, _, self._unread = self._unread.partition(b"\n")
        told: dict[str, Any] = json.loads(line)
        return told

    def rss(self) -> int:
        """Bytes of memory that it has resident."""
        return rss(self.pid)


def say_to_parent(**told: Any) -> None:
    """From within a child: tell one line."""
    print(json.dumps(told), flush=True)


def rss(pid: int | str = "self") -> int:
    """Bytes of memory that a process has resident."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def go_first(core: int) -> None:
    """Run on this core alone, and before the machine's other work where that is permitted."""
    os.sched_setaffinity(0, {core})
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def has_proc() -> bool:
    """Whether there is a /proc to read."""
    return Path("/proc/self/statm").exists()
