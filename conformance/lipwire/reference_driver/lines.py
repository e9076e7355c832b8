"""The lines of the driver protocol, from the driver's side: reads commands, writes answers and events."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any, Final

from lipwire.conformance.driver import MOST_LINE, complaint


class CannotDo(Exception):
    """The command asks for what is not declared."""


class Lines:
    """Standard input and output as lines; answers are held against the schema, events by the kit alone.

    What the SDK hands out is told as it is, right or wrong.
    """

    def __init__(self) -> None:
        self._out: Final = sys.stdout.buffer

    async def commands(self) -> AsyncIterator[dict[str, Any]]:
        """Each command, until the input ends."""
        reader = asyncio.StreamReader(limit=MOST_LINE)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            yield json.loads(line)

    def event(self, event: str, **fields: Any) -> None:
        """Tell of something that happened."""
        self._write({"event": event, **fields})

    def answer(self, command: dict[str, Any], ok: dict[str, Any]) -> None:
        """Answer a command that was done."""
        self._answer(f"answer.{command['do']}", {"id": command["id"], "ok": ok})

    def refuse(self, command: dict[str, Any], how: str, text: str) -> None:
        """Answer one that was not: ``error``, ``refused`` or ``unsupported``."""
        self._answer("answer.refusal", {"id": command["id"], how: text})

    def _answer(self, kind: str, line: dict[str, Any]) -> None:
        wrong = complaint(kind, line)
        assert wrong is None, f"{kind}: {wrong}: {line}"
        self._write(line)

    def _write(self, line: dict[str, Any]) -> None:
        self._out.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        self._out.flush()
