"""A link between two hosts, and programs on them, as a test or a measurement uses them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Literal, Self

from lipwire.transports.link import Faults, LinkCounts

from .emulator import ADDRESSES
from .namespaces import Unavailable

Host = Literal[0, 1]
"""One of the two hosts."""
_ROOT = Path(__file__).parent.parent
_END_TIME = 5.0


class Program:
    """A running program on a host. It prints JSON values, a line each; iterating gives them until it ends.

    It is killed when the thread that started it ends, so none is left behind.
    """

    def __init__(self, process: subprocess.Popen[str], limit: float) -> None:
        self._process = process
        self._limit = threading.Timer(limit, process.kill)
        self._limit.start()
        self._lines: SimpleQueue[str] = SimpleQueue()
        # It is read whether or not anybody asks: a program whose pipe is full would stand still.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put("")

    def __iter__(self) -> Iterator[Any]:
        while line := self._lines.get():
            yield json.loads(line)
        self._lines.put("")

    def through(self, kind: str) -> list[Any]:
        """What it tells up to the next line that begins with ``kind``, that one included; or all until it ends."""
        lines = []
        for line in self:
            lines.append(line)
            if line[0] == kind:
                break
        return lines

    def until(self, kind: str) -> list[Any]:
        """Read up to the next line that is a list beginning with ``kind``, and give that.

        Raises:
            RuntimeError: it ended without one.
        """
        for value in self:
            if isinstance(value, list) and value[0] == kind:
                return value
        raise RuntimeError(f"the program ended with status {self._process.wait()} and without a {kind!r}")

    def kill(self) -> None:
        """End it without a chance to say farewell (SIGKILL)."""
        self._limit.cancel()
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Kill it if it still runs, and let go of it."""
        self.kill()
        self._reader.join()


class Link:
    """Two hosts and the link between them, while the context lasts.

    Args:
        there: what goes wrong from host 0 to host 1. The random faults befall every packet; ``jitter`` keeps their
            order unless ``reorder`` is set as well; ``cut_after`` has no meaning here.
        back: from host 1 to host 0; as ``there`` unless given.

    Raises, on entering:
        Unavailable: namespaces or TUN devices are not to be had.
    """

    addresses = ADDRESSES

    def __init__(self, there: Faults, back: Faults | None = None) -> None:
        self._first = (there, there if back is None else back)
        self._programs: list[Program] = []

    def __enter__(self) -> Self:
        self._emulator = subprocess.Popen(
            [sys.executable, "-c", "from links.emulator import main; main()"],
            cwd=_ROOT,
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        hello = self._answer()
        if "unavailable" in hello:
            self._end()
            raise Unavailable(hello["unavailable"])
        self._pid, self._namespaces = hello["pid"], hello["namespaces"]
        self.change(*self._first)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for program in self._programs:
            program.close()
        self._end()

    def change(self, there: Faults, back: Faults | None = None) -> None:
        """Go by these settings from now on."""
        self._command({"change": [_settings(there), _settings(there if back is None else back)]})

    def cut(self) -> None:
        """Take the link away: whatever is on it, or is sent, is gone; nobody is told."""
        self._command({"away": True})

    def restore(self) -> None:
        """Bring it back."""
        self._command({"away": False})

    def counts(self) -> tuple[LinkCounts, LinkCounts]:
        """What became of the packets from host 0, and of those from host 1."""
        there, back = self._command({"counts": None})["counts"]
        return LinkCounts(**there), LinkCounts(**back)

    def start(self, host: Host, module: str, *arguments: str, limit: float = 900.0) -> Program:
        """Run ``python -m module`` on a host, for at most ``limit`` seconds."""
        enter = "from links.namespaces import main; main()"
        inside = [sys.executable, "-c", enter, str(self._pid), str(self._namespaces[host])]
        program = [sys.executable, "-m", module, *arguments]
        process = subprocess.Popen(
            [*inside, *program], cwd=_ROOT, env=_environment(), stdout=subprocess.PIPE, text=True
        )
        self._programs.append(Program(process, limit))
        return self._programs[-1]

    def _command(self, command: dict[str, Any]) -> dict[str, Any]:
        assert self._emulator.stdin is not None
        self._emulator.stdin.write(json.dumps(command) + "\n")
        self._emulator.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._emulator.stdout is not None
        line = self._emulator.stdout.readline()
        if not line:
            self._end()
            raise RuntimeError("the emulator ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _end(self) -> None:
        for pipe in (self._emulator.stdin, self._emulator.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._emulator.wait(_END_TIME)
        except subprocess.TimeoutExpired:
            self._emulator.kill()
            self._emulator.wait()


def _settings(faults: Faults) -> dict[str, Any]:
    """The numbers of a Faults: which channels they befall is the emulator's to say."""
    return {name: value for name, value in asdict(faults).items() if name not in ("channels", "cut_after")}


def _environment() -> dict[str, str]:
    """Without NumPy's threads: a process that has more than one may not move to a user namespace."""
    return {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
