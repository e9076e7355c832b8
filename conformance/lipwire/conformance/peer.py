"""The kit's own peer on the wire: it sends what a script says, when it says so, right or wrong.

It has no state machine. What it does by itself is in ``auto`` and can be switched off: answering pings, acknowledging
numbered messages; as a receiver, confirming interrupts and reporting progress; as a sender, sending again what a nack
names (of what it has sent).
"""

from __future__ import annotations

import asyncio
import os
import time
from abc import ABC
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any, Final

from lipwire.protocol.channels import Channel
from lipwire.protocol.registry import Role
from lipwire.transports import Transport, TransportEnded, TransportError

from . import messages as m
from .case import Case
from .trace import Entry, read
from .watch import Watch

MOST_ENTRIES: Final = 100_000


class Peer(ABC):
    """What the kit sends, and what comes.

    Args:
        case: what is asked.
        transport: ``websocket`` or ``webrtc``.
        patience: multiplies every time-out.
        watch: is told of everything while it happens.
    """

    role: Role
    """Of the implementation."""

    def __init__(
        self, case: Case, *, transport: str = "websocket", patience: float = 1.0, watch: Watch | None = None
    ) -> None:
        self.case = case
        self.kind = transport
        self.patience = patience
        self.watch = watch
        self.trace: list[Entry] = []
        self.auto: set[str] = {"pong", "acknowledge", "cut", "progress", "repair"}
        self.features: tuple[str, ...] = ()
        """Those of the session, once it is open."""
        self.session = os.urandom(16)
        self.transport: Transport | None = None
        self.transports = 0
        """The number of the present transport; the case's are counted from 1."""
        self.dropped = False
        """The script took the transport away."""
        self.closed: Entry | None = None
        """The first close message on the present transport, from either side."""
        self.over = False
        """The present transport has ended."""
        self.numbers = 0
        """Numbered messages that the kit has sent in the session."""
        self.unacknowledged: dict[int, list[Any]] = {}
        """Of these, by number, those that were not acknowledged."""
        self.taken = 0
        """Numbered messages that the kit has taken."""
        self.steps: list[tuple[int, str]] = []
        self._began = time.monotonic()
        self._own: set[int] = set()
        """The numbers of this peer's transports."""
        self._counter = count(1)
        self._news = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None

    def step(self, words: str) -> None:
        """Note what the kit does."""
        self.steps.append((len(self.trace), words))
        if self.watch is not None:
            self.watch.step(words)

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
            self.acknowledged(entry.taken)
        if entry.number is not None:
            self.taken = max(self.taken, entry.number)
            if "acknowledge" in self.auto:
                self.send_exactly(m.acknowledge(self.taken))
        if entry.name == "ping" and "pong" in self.auto:
            assert entry.message is not None
            self.send_exactly(m.pong(entry.message[0]))
        self._react(entry)

    def acknowledged(self, taken: int) -> None:
        """Forget the numbered messages up to that one: the implementation has taken them."""
        for number in [number for number in self.unacknowledged if number <= taken]:
            del self.unacknowledged[number]

    def _react(self, entry: Entry) -> None:  # noqa: B027 - a role may have nothing to add
        """What else the kit's peer does by itself."""

    async def _wait_until(self, condition: Callable[[], bool], seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds * self.patience):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        return condition()
