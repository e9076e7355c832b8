"""A case being played: the kit's own peer on the wire, the driver beside it, and what was checked.

The kit's peer has no state machine: it sends what the script says, when it says so, right or wrong. What it does by
itself is in ``auto`` and can be switched off: answering pings, acknowledging numbered messages; as a receiver,
confirming interrupts and reporting progress; as a sender, sending again what a nack names (of what it has sent).
"""

from __future__ import annotations

import asyncio
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import count
from typing import Any, Final, Protocol

from lipwire.protocol.channels import Channel
from lipwire.protocol.errors import CloseCode
from lipwire.protocol.registry import Role
from lipwire.transports import Transport, TransportEnded, TransportError

from . import messages as m
from .case import Case
from .driver import Driver, HarnessError, Refused
from .requirements import REQUIREMENTS
from .trace import Entry, read
from .verdicts import Check, Closing

PATIENCE: Final = 10.0
"""Seconds in which what has to come comes, before patience is multiplied. Nothing is concluded from their passing but
that it did not come."""
AFTER_CLOSE: Final = 3.0
"""Seconds for the transport to be closed after a close message."""
MOST_ENTRIES: Final = 100_000
_WORSE: Final = (Closing.NONE, Closing.CLEAN, Closing.DROPPED, Closing.LINGERS, Closing.BROKEN)


class CaseFailed(Exception):
    """A check failed and the script can not go on; what it was is in the checks."""


class TransportGone(CaseFailed):
    """The transport ended while something was waited for."""


class Watch(Protocol):
    """Somebody who looks on; see :class:`lipwire.conformance.manual.Manual`."""

    async def starts(self, play: Play) -> None:
        """The implementation is about to be started, or to be connected to."""

    def started(self, play: Play) -> None:
        """It has been."""

    def saw(self, entry: Entry) -> None:
        """Something came, went or was sent."""

    def step(self, words: str) -> None:
        """The kit does something."""


class Play(ABC):
    """One case against one implementation.

    Args:
        case: what is asked.
        driver: the implementation's driver; None: it is reached by ``url`` alone.
        transport: ``websocket`` or ``webrtc``.
        url: of a receiver without a driver.
        patience: multiplies every time-out.
        declared: the capabilities of the driver (or what a probe found).
        watch: is told of everything while it happens.
    """

    role: Role
    """Of the implementation."""

    def __init__(
        self,
        case: Case,
        driver: Driver | None,
        *,
        transport: str = "websocket",
        url: str | None = None,
        patience: float = 1.0,
        declared: frozenset[str] = frozenset(),
        watch: Watch | None = None,
    ) -> None:
        self.case = case
        self.driver = driver
        self.kind = transport
        self.url = url
        self.patience = patience
        self.declared = declared
        self.watch = watch
        self.address: str | None = None
        """Where the kit's own server listens, of a sender over WebSocket."""
        self.trace: list[Entry] = []
        self.checks: list[Check] = []
        self.steps: list[tuple[int, str]] = []
        self.auto: set[str] = {"pong", "acknowledge", "cut", "progress", "repair"}
        self.features: tuple[str, ...] = ()
        """Those of the session, once it is open."""
        self.session = os.urandom(16)
        self.transport: Transport | None = None
        self.transports = 0
        """The number of the present transport; the case's are counted from 1."""
        self.started = False
        self.dropped = False
        """The script took the transport away."""
        self.closed: Entry | None = None
        """The first close message on the present transport, from either side."""
        self.over = False
        """The present transport has ended."""
        self.left: Closing | None = None
        """How it closed, once it was left."""
        self.numbers = 0
        """Numbered messages that the kit has sent in the session."""
        self.unacknowledged: dict[int, list[Any]] = {}
        """Of these, by number, those that were not acknowledged."""
        self.taken = 0
        """Numbered messages that the kit has taken."""
        self._began = time.monotonic()
        self._own: set[int] = set()
        """The numbers of this peer's transports."""
        self._since = 0
        """Where in the trace it came to be: events before were not for it."""
        self._counter = count(1)
        self._beside: list[Play] = []
        self._cursors: dict[str, int] = {}
        self._news = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._fences = 1 << 40

    # -- the implementation, through its driver ------------------------------------------------------------

    async def start(self, **options: Any) -> None:
        """Start the implementation with the case's options and these; once, before anything else."""
        self.started = True
        if self.watch is not None:
            await self.watch.starts(self)
        if self.driver is None:
            return
        merged = {**self.case.options, **options}
        told = await self.driver.do(
            "start",
            role=self.role.value,
            transport=self.kind,
            version=self.case.version,
            needs=sorted(self.case.capabilities(self.kind)),
            options=merged,
            **self._start_arguments(),
        )
        self.url = told.get("url", self.url)
        if self.watch is not None:
            self.watch.started(self)

    def _start_arguments(self) -> dict[str, Any]:
        return {}

    async def do(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Have the driver do something: see DRIVER.md for the commands."""
        if self.driver is None:
            raise HarnessError(f"{self.case.name} is marked as needing the wire alone, and asks the driver: {command}")
        shown = ", ".join(f"{key} {_short(value)}" for key, value in arguments.items())
        self.step(f"driver: {command} {shown}".rstrip())
        return await self.driver.do(command, **arguments)

    async def attempt(self, command: str, **arguments: Any) -> bool:
        """As :meth:`do`, for what the implementation may refuse towards its user; whether it did not."""
        try:
            await self.do(command, **arguments)
        except Refused:
            return False
        return True

    def words(self) -> list[str]:
        """The last lines of what the driver, and the implementation in it, wrote to standard error."""
        return [] if self.driver is None else self.driver.words

    def on_event(self, line: dict[str, Any]) -> None:
        """Take an event of the driver."""
        fields = {key: value for key, value in line.items() if key != "event"}
        self._add(
            Entry(
                index=len(self.trace), at=self.now(), kind="event", by=self.role, name=line["event"], fields=fields,
                transport=self.transports,
            )
        )  # fmt: skip

    # -- transports ----------------------------------------------------------------------------------------

    def use(self, transport: Transport) -> None:
        """Go on over this transport."""
        self.transport = transport
        self.transports = next(self._counter)
        self._own.add(self.transports)
        self.over = False
        self.closed = None
        self._mark_transport("opened")
        self._reading = asyncio.create_task(self._read(transport, self.transports))

    async def _read(self, transport: Transport, number: int) -> None:
        name = "closed"
        try:
            while len(self.trace) < MOST_ENTRIES:
                for channel, data in await transport.receive():
                    self._take(
                        read(
                            data, index=len(self.trace), at=self.now(), by=self.role, transport=number,
                            channel=channel, version=self.case.version,
                        )
                    )  # fmt: skip
            transport.abort()
        except TransportEnded:
            name = "ended"
        except TransportError:
            name = "broken"
        self._mark_transport(name, number)
        if number == self.transports:
            self.over = True
        self._news.set()

    def _mark_transport(self, name: str, number: int | None = None) -> None:
        self._add(
            Entry(
                index=len(self.trace), at=self.now(), kind="transport", by=self.role, name=name,
                transport=number or self.transports,
            )
        )  # fmt: skip

    def drop(self) -> None:
        """Tear the transport down without a word."""
        self.step("the transport is torn down")
        self.dropped = True
        self.over = True
        if self.transport is not None:
            self.transport.abort()

    # -- what the kit sends --------------------------------------------------------------------------------

    def send(self, *messages: m.Raw, channel: Channel | None = None, bare: bool = False) -> None:
        """Send messages; where the session numbers them, those that are to be numbered are (unless ``bare``)."""
        for message in messages:
            kind = message[0] if isinstance(message, list) and message else None
            if not bare and "resume" in self.features and isinstance(kind, int) and kind in m.NUMBERED_TYPES:
                assert isinstance(message, list)
                self.numbers += 1
                self.unacknowledged[self.numbers] = message
                message = m.numbered(self.numbers, self.taken, message)
            self.send_exactly(message, channel=channel or self._channel_of(kind))

    def send_again(self) -> None:
        """Send all numbered messages again that were not acknowledged, under their numbers."""
        for number, message in sorted(self.unacknowledged.items()):
            self.send_exactly(m.numbered(number, self.taken, message))

    def send_exactly(self, message: m.Raw, *, channel: Channel = Channel.CONTROL) -> None:
        """Send one message as it is, and nothing else."""
        assert self.transport is not None
        packed = m.pack(message)
        entry = read(
            packed, index=len(self.trace), at=self.now(), by=self.role.other, transport=self.transports,
            channel=channel, version=self.case.version,
        )  # fmt: skip
        self._add(entry)
        if entry.name == "close" and self.closed is None:
            self.closed = entry
        with suppress(TransportError):  # that it has ended is in the trace
            self.transport.send(channel, packed)

    async def pour(self, data: bytes, *, most_waiting: int = 1 << 20) -> None:
        """Send bytes in bulk, no faster than they leave; they are not put into the trace, so say it in a step."""
        assert self.transport is not None
        while self.transport.buffered() > most_waiting and not self.over:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.005)
        with suppress(TransportError):
            self.transport.send(Channel.CONTROL, data)
        await asyncio.sleep(0)

    def _channel_of(self, kind: object) -> Channel:
        return (
            Channel.MEDIA
            if isinstance(kind, int) and kind in m.MEDIA_TYPES and self.kind == "webrtc"
            else Channel.CONTROL
        )

    # -- what comes ----------------------------------------------------------------------------------------

    def now(self) -> float:
        """Seconds since the case began."""
        return time.monotonic() - self._began

    def _add(self, entry: Entry) -> None:
        self.trace.append(entry)
        self._news.set()
        if self.watch is not None:
            self.watch.saw(entry)

    def _take(self, entry: Entry) -> None:
        self._add(entry)
        if self.case.version == 0 or entry.transport != self.transports:
            return
        if entry.name == "close" and self.closed is None:
            self.closed = entry
        if entry.taken is not None:
            for number in [number for number in self.unacknowledged if number <= entry.taken]:
                del self.unacknowledged[number]
        if entry.number is not None:
            self.taken = max(self.taken, entry.number)
            if "acknowledge" in self.auto:
                self.send_exactly(m.acknowledge(self.taken))
        if entry.name == "ping" and "pong" in self.auto:
            assert entry.message is not None
            self.send_exactly(m.pong(entry.message[0]))
        self._react(entry)

    def _react(self, entry: Entry) -> None:  # noqa: B027 - a role may have nothing to add
        """What else the kit's peer does by itself."""

    def seen(self, name: str, /, *, since: int = 0, **fields: Any) -> list[Entry]:
        """All messages of that name, or events, that have come from the implementation, from ``since`` in the trace."""
        return [entry for entry in self.trace[since:] if self._is(entry, name, None, fields)]

    def said(self, since: int = 0) -> list[Entry]:
        """All messages that have come from the implementation, from ``since`` in the trace."""
        return [entry for entry in self.trace[since:] if entry.kind == "message" and entry.by is self.role]

    async def expect(
        self,
        name: str,
        /,
        *,
        where: Callable[[Any], bool] | None = None,
        requirement: str | None = None,
        level: str | None = None,
        within: float | None = None,
        since: int | None = None,
        **fields: Any,
    ) -> Entry:
        """Wait for the next message of that name with these fields, and for which ``where`` holds; a check.

        The next one after the last that was found of its name: others are passed over. With ``since``, the first one
        from there in the trace: for messages that may come in any order. The script ends here if it does not come.
        """
        entry = await self.find(name, where=where, within=within, since=since, **fields)
        self.check(entry is not None, f"{name}{_shown(fields)}", lambda: self.lately(), requirement, level)
        if entry is None:
            raise TransportGone if self.over else CaseFailed
        return entry

    async def told(self, event: str, /, **options: Any) -> dict[str, Any]:
        """Wait for an event of the driver, as :meth:`expect` does for a message; gives its fields."""
        entry = await self.expect(f"event {event}", **options)
        assert entry.fields is not None
        return entry.fields

    async def find(
        self,
        name: str,
        /,
        *,
        where: Callable[[Any], bool] | None = None,
        within: float | None = None,
        since: int | None = None,
        **fields: Any,
    ) -> Entry | None:
        """As :meth:`expect`, without a check: None when it does not come."""
        deadline = self.now() + (PATIENCE if within is None else within) * self.patience
        at = self._cursors.get(name, 0) if since is None else since
        while True:
            while at < len(self.trace):
                entry = self.trace[at]
                at += 1
                if self._is(entry, name, where, fields):
                    if since is None:
                        self._cursors[name] = at
                    return entry
            if self.driver is not None:
                self.driver.check()
            if self._hopeless(name):
                return None
            self._news.clear()
            try:
                async with asyncio.timeout(max(deadline - self.now(), 0)):
                    await self._news.wait()
            except TimeoutError:
                if at >= len(self.trace):
                    return None

    def _hopeless(self, name: str) -> bool:
        """Whether it can not come any more."""
        if name.startswith(("event ", "transport ")):
            return False
        return self.over or (self.closed is not None and self.closed.by is self.role and name != "close")

    def _is(self, entry: Entry, name: str, where: Callable[[Any], bool] | None, fields: dict[str, Any]) -> bool:
        if not self._is_for_it(entry):
            return False
        kind, _, rest = name.rpartition(" ")
        if entry.name != rest or entry.kind != (kind or "message"):
            return False
        subject = entry.fields if entry.kind == "event" else entry.message
        for key, value in fields.items():
            have = (subject or {}).get(key) if isinstance(subject, dict) else getattr(subject, key, None)
            if have != value:
                return False
        return where is None or bool(where(subject))

    def _is_for_it(self, entry: Entry) -> bool:
        """Whether it came from the implementation, to this peer of the kit."""
        if entry.kind == "event":
            return entry.by is self.role and entry.index >= self._since
        return entry.by is self.role and entry.transport in self._own

    def lately(self) -> str:
        """What came, newest last, for a failure."""
        mine = filter(self._is_for_it, self.trace)
        names = [f"{entry.name}{_values(entry)}" for entry in mine]
        end = " and the transport ended" if self.over else ""
        return ("it did not come. What came: " + "; ".join(names[-8:]) + end) if names else "nothing came" + end

    def last_said(self) -> str:
        """The name of the implementation's last message on control; media may come behind what was sent after it."""
        said = (e for e in reversed(self.trace) if e.kind == "message" and e.by is self.role)
        return next((entry.name for entry in said if entry.channel is Channel.CONTROL), "nothing")

    # -- checks --------------------------------------------------------------------------------------------

    def step(self, words: str) -> None:
        """Note what the kit does."""
        self.steps.append((len(self.trace), words))
        if self.watch is not None:
            self.watch.step(words)

    def check(
        self,
        passed: bool,
        expected: str,
        actual: str | Callable[[], str] = "",
        requirement: str | None = None,
        level: str | None = None,
    ) -> bool:
        """Note that something was looked at; ``requirement``: the case's first unless said."""
        name = requirement or self.case.requirements[0]
        known = level or REQUIREMENTS[name].level
        text = "as expected" if passed else actual() if callable(actual) else actual
        self.checks.append(
            Check(
                requirement=name,
                level="SHOULD" if known == "SHOULD" else "MUST",
                passed=passed,
                expected=expected,
                actual=text,
                at=len(self.trace) - 1,
            )
        )
        return passed

    def require(self, passed: bool, expected: str, actual: str = "", requirement: str | None = None) -> None:
        """A check without which the script can not go on."""
        if not self.check(passed, expected, actual, requirement):
            raise CaseFailed

    def none(self, name: str, /, *, since: int = 0, requirement: str | None = None, **fields: Any) -> bool:
        """Check that no such message, or event, has come since; a fence before it makes that a fair question."""
        found = self.seen(name, since=since, **fields)
        words = f"no {name}{_shown(fields)}"
        return self.check(not found, words, f"{len(found)} came: {_values(found[0]) if found else ''}", requirement)

    def once(self, name: str, /, *, since: int = 0, requirement: str | None = None, **fields: Any) -> bool:
        """As :meth:`none`, where exactly one is to have come."""
        found = self.seen(name, since=since, **fields)
        return self.check(len(found) == 1, f"one {name}{_shown(fields)}", f"{len(found)} came", requirement)

    async def fence(self) -> int:
        """Wait until the implementation has taken all that was sent and told all that it has; gives where that is.

        A ping is answered, then a driver's own fence. What has not come by then was not an answer to what went before.
        """
        self._fences += 1
        if self.case.version == 1:
            self.send_exactly(m.ping(self._fences))
            answer = await self.find("pong", t1=self._fences)
            if answer is None:
                self.check(False, "the session goes on: a ping is answered", lambda: self.lately(), self._going_on())
                raise TransportGone if self.over else CaseFailed
        if self.driver is not None:
            await self.driver.do("fence")
        return len(self.trace)

    def _going_on(self) -> str:
        """What a session that ends for no reason offends: the case's own requirement."""
        return self.case.requirements[0]

    async def goes_on(self, requirement: str | None = None) -> int:
        """Check that the session is still open: a ping is answered."""
        at = await self.fence()
        self.check(True, "the session goes on: a ping is answered", "", requirement)
        return at

    async def closes(self, code: CloseCode | str, *also: CloseCode | str, requirement: str | None = None) -> Entry:
        """Check that the implementation closes, with that code (or one of the others that are allowed)."""
        codes = [CloseCode[one.upper()] if isinstance(one, str) else one for one in (code, *also)]
        entry = await self.find("close")
        wanted = "close " + " or ".join(one.name.lower() for one in codes)
        if entry is None:
            self.check(False, wanted, lambda: self.lately(), requirement)
            raise CaseFailed
        self.check(entry.message[0] in codes, wanted, close_words(entry), requirement)
        return entry

    # -- the end -------------------------------------------------------------------------------------------

    async def leave(self) -> Closing:
        """Close what is still open; gives how the session closed, the worst way of several. Never raises."""
        closings = [await other.leave() for other in self._beside]
        if self.transport is not None or not closings:
            closings.append(await self._leave())
        return max(closings, key=_WORSE.index)

    async def _leave(self) -> Closing:
        if self.left is not None or self.transport is None:
            return self.left or Closing.NONE
        self.left = await self._leave_transport(self.transport)
        return self.left

    async def _leave_transport(self, transport: Transport) -> Closing:
        by_script = self.closed is not None or self.over
        if not by_script and self.case.version == 1:
            self.send_exactly(m.close(CloseCode.NORMAL))
        if self.closed is not None and not self.over:
            # It was said; the other side should close the transport now, as the kit would do.
            await self._wait_until(lambda: self.over, AFTER_CLOSE / max(self.patience / 10, 1))
        lingers = self.closed is not None and not self.over
        with suppress(Exception):
            async with asyncio.timeout(5.0):
                await transport.aclose()
        transport.abort()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self.dropped:
            return Closing.DROPPED
        if lingers:
            return Closing.LINGERS
        return Closing.CLEAN if self.closed is not None or self.case.version == 0 else Closing.BROKEN

    async def _wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds * self.patience):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        return condition()

    async def until(self, condition: Callable[[], bool], expected: str, requirement: str | None = None) -> None:
        """Wait until something holds; a check."""
        held = await self._wait_until(condition, PATIENCE)
        self.require(held, expected, self.lately() if not held else "", requirement)

    async def transport_ends(self, *, requirement: str | None = None, level: str | None = None) -> None:
        """Check that the implementation lets go of the transport."""
        self.check(await self.until_over(), "the transport ends", "it stays open", requirement, level)

    async def until_over(self, seconds: float = PATIENCE) -> bool:
        """Wait for the transport to end; whether it did."""
        return await self._wait_until(lambda: self.over, seconds)

    def _share(self, other: Play) -> None:
        """Let another peer of the kit write into the same trace."""
        for name in ("trace", "checks", "steps", "started", "_began", "_counter", "_news"):
            setattr(other, name, getattr(self, name))
        self._beside.append(other)

    @abstractmethod
    async def open(self) -> Entry:
        """Start the implementation if need be, and open a session."""


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:50]}… ({len(text)} characters)"


def close_words(entry: Entry) -> str:
    code, reason, *_ = entry.message
    return f"close {CloseCode(code).name.lower() if code in set(CloseCode) else code}: {reason!r}"


def _shown(fields: dict[str, Any]) -> str:
    return f" with {', '.join(f'{key} {value!r}' for key, value in fields.items())}" if fields else ""


def _values(entry: Entry) -> str:
    if entry.kind == "event":
        return f" {_short(entry.fields)}" if entry.fields else ""
    if entry.message is None:
        return f" ({entry.fault})" if entry.fault else ""
    values: Iterable[Any] = (f"{len(v)} bytes" if isinstance(v, bytes) else v for v in entry.message)
    return f" {_short(list(values))}"
