"""The driver: a program beside the implementation that is told what to do and tells what happened (DRIVER.md).

One process has one endpoint (a sender or a receiver) at a time. Commands are answered one by one and at once; what
comes of them later is told as events. Every line is held against ``driver_schema.json``, on this side and on theirs.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

from .last_lines import LastLines, fit_to_show

VERSION: Final = 1
MOST_LINE: Final = 1 << 20
"""Bytes of one line."""
MOST_LINES: Final = 50_000
"""Lines from one command to the next: a driver that tells more floods."""
ANSWER: Final = 15.0
"""Seconds in which a command is answered, before patience is multiplied."""
ALWAYS: Final = ("hello", "fence", "stop")
"""Commands that are for the driver itself: it can do them, and its implementation has nothing to refuse."""
LAST_WORDS: Final = "The last of its standard error:"
LEAVE: Final = 3.0
"""Seconds that it has to end by itself when its input ends."""


class HarnessError(Exception):
    """The driver, or the kit, is at fault: nothing is known of the implementation. The text says what to do."""


class Unsupported(Exception):
    """The driver answered that it can not do this."""


class Refused(Exception):
    """The implementation itself refused what its user asked of it."""


@dataclass(frozen=True)
class Declaration:
    """What a driver says of itself."""

    name: str
    version: str
    language: str
    capabilities: frozenset[str]


@cache
def schema() -> dict[str, Any]:
    """The schema of every line, by ``$defs``."""
    loaded: dict[str, Any] = json.loads(Path(__file__).with_name("driver_schema.json").read_text(encoding="utf-8"))
    return loaded


@cache
def _validator(kind: str) -> Draft202012Validator | None:
    known = schema()["$defs"]
    return Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": known}) if kind in known else None


def complaint(kind: str, line: Mapping[str, Any]) -> str | None:
    """What is wrong with a line of that kind (``command.write``, ``answer.start``, ``event.audio``); None: nothing."""
    validator = _validator(kind)
    if validator is None:
        return f"{kind} is not known"
    if error := best_match(validator.iter_errors(line)):
        where = "/".join(map(str, error.absolute_path))
        return f"{where + ': ' if where else ''}{error.message}"
    return None


def is_whole(event: Mapping[str, Any]) -> bool:
    """Whether an event is known, has all its fields, and no other: if it does not fit, a value is at fault."""
    known = schema()["$defs"].get(f"event.{event['event']}")
    return known is not None and set(known["required"]) <= set(event) <= set(known["properties"])


class Driver:
    """A running driver process.

    Args:
        command: as a shell would split it; no shell is involved.
        patience: multiplies every time-out.
        on_event: called with each event, in the event loop.
        on_odd_event: called with one that is whole and has a value that does not fit, and with what is wrong; whether
            the implementation is at fault, and not the driver.
    """

    def __init__(
        self,
        command: str,
        *,
        patience: float = 1.0,
        on_event: Callable[[dict[str, Any]], None],
        on_odd_event: Callable[[dict[str, Any], str], bool] = lambda _line, _wrong: False,
    ) -> None:
        self.command = command
        self.patience = patience
        self.on_event = on_event
        self.on_odd_event = on_odd_event
        self.declared: Declaration | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._count = 0
        self._asked: tuple[int, str, asyncio.Future[dict[str, Any]]] | None = None
        self._lines = 0
        self._leaves = False
        self._fault: HarnessError | None = None
        self.standard_error: Final = LastLines()

    async def begin(self) -> Declaration:
        """Start it, and ask what it is.

        Raises:
            HarnessError: it does not start, or does not speak the driver protocol.
        """
        try:
            if not (words := shlex.split(self.command)):
                raise ValueError("it is empty")
            self._process = await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
                limit=MOST_LINE, start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            raise HarnessError(f"the driver does not start: {error}. Command: {self.command}") from error
        self._tasks = [asyncio.create_task(job()) for job in (self._read, self._read_words, self._watch_input)]
        told = await self.do("hello", protocol=VERSION)
        if told["protocol"] != VERSION:
            raise self._failed(f"the driver speaks version {told['protocol']} of the driver protocol, not {VERSION}")
        self.declared = Declaration(
            name=told["name"],
            version=told.get("version", ""),
            language=told.get("language", ""),
            capabilities=frozenset(told["capabilities"]),
        )
        return self.declared

    async def do(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Have a command done; gives what its answer carries.

        Raises:
            Unsupported: the driver says that it can not.
            Refused: the implementation refuses what is asked of it.
            HarnessError: no answer, one to something else, an error, or anything that the schema does not allow.
        """
        line = {"id": self._count + 1, "do": command, **arguments}
        if wrong := complaint(f"command.{command}", line):
            raise HarnessError(f"the kit's own command is wrong: {wrong}: {line}")
        return await self._ask(command, line)

    async def do_unknown(self, command: str) -> None:
        """Give a command that the protocol does not have, which no driver can do; raises as :meth:`do` does."""
        await self._ask(command, {"id": self._count + 1, "do": command})

    async def _ask(self, command: str, line: dict[str, Any]) -> dict[str, Any]:
        if self._fault is not None:
            raise self._fault
        assert self._process is not None, "begin() comes first"
        assert self._process.stdin is not None
        self._count += 1
        self._lines = 0
        answered: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked = (self._count, command, answered)
        try:
            self._process.stdin.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
            async with asyncio.timeout(ANSWER * self.patience):
                with suppress(BrokenPipeError, ConnectionResetError):  # those that read see it too, and why
                    await self._process.stdin.drain()
                answer = await answered
        except TimeoutError:
            raise self._failed(
                f"the driver did not answer {command!r} within {ANSWER * self.patience:g} s. Each command is answered "
                f"at once; what takes time is told as an event later"
            ) from None
        finally:
            self._asked = None
        if command in ALWAYS and ("unsupported" in answer or "refused" in answer):
            raise HarnessError(f"each driver can do {command!r}, and has to answer it with `ok`; it answers {answer}")
        if "unsupported" in answer:
            raise Unsupported(f"{command}: {answer['unsupported']}")
        if "refused" in answer:
            raise Refused(str(answer["refused"]))
        if "error" in answer:
            raise HarnessError(f"the driver could not do {command!r}: {answer['error']}")
        told: dict[str, Any] = answer["ok"]
        return told

    async def leave(self) -> bool:
        """End its input; gives whether it ends by itself, as it should."""
        assert self._process is not None, "begin() comes first"
        assert self._process.stdin is not None
        self._leaves = True
        self._process.stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE * max(self.patience, 1.0)):
                await self._process.wait()
        return self._process.returncode is not None

    async def end(self) -> None:
        """End the process, by force if it is broken or does not end when its input does."""
        process = self._process
        if process is None:
            return
        if process.returncode is None and not self.broken and not self._leaves:
            await self.leave()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # what it started goes with it
        # asyncio takes a process as ended once its pipes are read to their end, which the tasks do. What has left the
        # group, and keeps them open, is not waited for.
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVE):
                await process.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def pid(self) -> int:
        """Of its process."""
        assert self._process is not None, "begin() comes first"
        return self._process.pid

    @property
    def broken(self) -> bool:
        """Whether it is of no more use."""
        return self._fault is not None

    def check(self) -> None:
        """Raise what has gone wrong since, if anything has."""
        if self._fault is not None:
            raise self._fault

    def _failed(self, text: str) -> HarnessError:
        if self._fault is None:
            words = "".join(f"\n    {fit_to_show(line)}" for line in self.standard_error.since())
            self._fault = HarnessError(text + (f"\n  {LAST_WORDS}{words}" if words else ""))
        return self._fault

    def _fail(self, text: str) -> None:
        fault = self._failed(text)
        if self._asked is not None and not self._asked[2].done():
            self._asked[2].set_exception(fault)
        self.on_event({"event": "driver_failed"})

    async def _watch_input(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError, ConnectionResetError):
            await self._process.stdin.wait_closed()
        await asyncio.sleep(0.2)
        if not self._leaves and not self._process.stdout.at_eof():  # its own end tells more
            self._fail("the driver closed its input, from which it has to read commands until that ends")

    async def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        text = "the driver ended"
        while True:
            try:
                raw = await self._process.stdout.readline()
            except ValueError:
                text = f"the driver wrote a line of more than {MOST_LINE} bytes"
                break
            if not raw:
                text = f"the driver ended {await self._ending()}. It has to stay until its input ends"
                break
            self._lines += 1
            if self._lines > MOST_LINES:
                text = f"the driver floods: more than {MOST_LINES} lines since the last command"
                break
            if wrong := self._take(raw):
                text = f"{wrong}. The line: {raw[:200].decode('utf-8', 'replace').strip()!r}"
                break
        self._fail(text)
        while await self._process.stdout.read(MOST_LINE):
            pass  # it may go on writing until it is ended

    async def _ending(self) -> str:
        assert self._process is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                code = await self._process.wait()
                await asyncio.sleep(0.05)  # for its last words
                return f"with exit code {code}" if code >= 0 else f"by signal {-code}"
        return "its output"

    def _take(self, raw: bytes) -> str | None:
        """Take one line; gives what is wrong with it."""
        try:
            line = json.loads(raw)
        except (ValueError, RecursionError):
            return "the driver wrote a line that is not JSON; its standard output is for the driver protocol alone"
        if not isinstance(line, dict):
            return "the driver wrote JSON that is not an object"
        if "event" in line:
            if wrong := complaint(f"event.{line['event']}", line):
                if not is_whole(line) or not self.on_odd_event(line, wrong):
                    return f"an event of the driver does not fit the schema: {wrong}"
                return None
            self.on_event(line)
            return None
        if self._asked is None:
            return "the driver answered though nothing was asked"
        number, command, answered = self._asked
        if line.get("id") != number:
            return f"the driver answered {line.get('id')!r} when {number} was asked: answers come in order, one each"
        kind = f"answer.{command}" if "ok" in line else "answer.refusal"
        if "ok" in line and _validator(kind) is None:
            return (
                f"the driver answers 'ok' to {command!r}, a command that does not exist. To what it does not know it "
                f'answers {{"id": …, "unsupported": "{command}"}}'
            )
        if wrong := complaint(kind, line):
            return f"the driver's answer to {command!r} does not fit the schema: {wrong}"
        if answered.done():
            return f"the driver answered {number} twice: each command gets one answer"
        answered.set_result(line)
        return None

    async def _read_words(self) -> None:
        assert self._process is not None
        assert self._process.stderr is not None
        while raw := await self._process.stderr.read(4_096):
            self.standard_error.take(raw)
