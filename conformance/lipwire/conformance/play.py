"""A case being played: the kit's own peer on the wire, the driver beside it, and what was checked."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from contextlib import suppress
from typing import Any, Final, Self

from lipwire.protocol.errors import CloseCode
from lipwire.transports import Transport

from . import messages as m
from .case import Case
from .checking import Checking
from .driver import Driver, HarnessError, Refused
from .trace import Entry
from .verdicts import Closing
from .watch import Watch
from .words import short

AFTER_CLOSE: Final = 3.0
"""Seconds for the transport to be closed after a close message."""
_WORSE: Final = (Closing.NONE, Closing.CLEAN, Closing.DROPPED, Closing.LINGERS, Closing.BROKEN)


class Play(Checking):
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
        super().__init__(case, driver, transport=transport, patience=patience, watch=watch)
        self.url = url
        self.declared = declared
        self.address: str | None = None
        """Where the kit's own server listens, of a sender over WebSocket."""
        self.started = False
        self.left: Closing | None = None
        """How it closed, once it was left."""
        self._beside: list[Play] = []

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

    def wanted_features(self) -> list[str]:
        """The case's features, and what the binding requires."""
        binding = ["repair"] if self.kind == "webrtc" else []
        return list(dict.fromkeys([*self.case.features, *binding]))

    def _start_arguments(self) -> dict[str, Any]:
        return {}

    async def do(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Have the driver do something: see DRIVER.md for the commands."""
        if self.driver is None:
            raise HarnessError(f"{self.case.name} is marked as needing the wire alone, and asks the driver: {command}")
        shown = ", ".join(f"{key} {short(value)}" for key, value in arguments.items())
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
        return [] if self.driver is None else self.driver.standard_error.since()

    def on_event(self, line: dict[str, Any], *, odd: bool = False) -> None:
        """Take an event of the driver."""
        fields = {key: value for key, value in line.items() if key != "event"}
        name = f"odd {line['event']}" if odd else line["event"]
        self._add(
            Entry(
                index=len(self.trace), at=self.now(), kind="event", by=self.role, name=name, fields=fields,
                transport=self.transports,
            )
        )  # fmt: skip

    def on_odd_event(self, line: dict[str, Any], wrong: str) -> bool:
        """Take an event with a value that the schema forbids; whether the implementation is at fault.

        It is once the kit has sent what can not be read: it has taken that, and handed it out. Otherwise no such value
        has come over the wire, and the driver has made it; but in version 0 the implementation numbers segments itself.
        """
        sent = any(entry.name == "malformed" and entry.by is not self.role for entry in self.trace)
        if sent or (self.case.version == 0 and wrong.startswith("segment")):
            self.on_event(line, odd=True)
            words = f"{line['event']} with values that there can be"
            self.check(False, words, f"{wrong}: {short(line)}", level="MUST")
            return True
        return False

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

    # -- further sessions ----------------------------------------------------------------------------------

    def _peer_beside(self) -> Self:
        """Another peer of the kit for the same implementation; it writes into the same trace."""
        other = type(self)(
            self.case, self.driver, transport=self.kind, url=self.url, patience=self.patience, declared=self.declared,
            watch=self.watch,
        )  # fmt: skip
        for name in ("trace", "checks", "steps", "started", "_began", "_counter", "_news"):
            setattr(other, name, getattr(self, name))
        self._beside.append(other)
        return other

    @abstractmethod
    async def open(self) -> Entry:
        """Start the implementation if need be, and open a session."""
