"""``lipwire conformance listen``: stands between two peers on WebSockets, passes everything on, and judges it."""

from __future__ import annotations

import argparse
import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.frames import CloseCode
from websockets.protocol import State

from lipwire.protocol.channels import Channel, Wire
from lipwire.protocol.registry import Role
from lipwire.protocol.trace import JsonLinesTrace, TraceHook, message_record
from lipwire.transports.urls import SUBPROTOCOL

from .command import Misuse
from .judge import Finding, Judge
from .recorded import BETWEEN
from .tally import Tally, finding_line
from .terminal import console
from .trace import read

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.asyncio.connection import Connection
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response
    from websockets.typing import Subprotocol

MOST: Final = 16 << 20
"""Bytes of a message that is passed on; far above what a peer has to take."""
OPEN: Final = 10.0
LEAVES: Final = 1.5
"""Seconds in which the connections are closed in the end; what is left then is torn down."""
_PASSED_ON: Final = ("Authorization", "Origin", "Cookie", "User-Agent")
_READ_AHEAD: Final = 64


@dataclass(eq=False)
class _Pair:
    """Two connections that are one transport."""

    number: int
    near: Connection
    """Of the peer that connected."""
    far: Connection
    version: int


@dataclass(eq=False)
class Listener:
    """Passes messages on between whoever connects and ``to``, and judges them.

    Args:
        to: the URL that is connected to for each connection that comes.
        accepts: which peer is there.
        tell: called with each finding.
        trace: called with a record of each message.
    """

    to: str
    accepts: Role = Role.RECEIVER
    tell: Callable[[Finding], None] = lambda _: None
    trace: TraceHook | None = None
    judge: Judge = field(default_factory=lambda: Judge("websocket"))
    messages: int = 0
    address: str = ""
    """Where it listens."""

    def __post_init__(self) -> None:
        self._began = time.monotonic()
        self._transports = 0
        self._waiting: dict[ServerConnection, ClientConnection] = {}
        """Connections to ``to``, until their pair is open."""
        self._pairs: set[_Pair] = set()
        self._reapers: set[asyncio.Task[None]] = set()

    async def serve(self, host: str, port: int, until: Awaitable[Any], *, ready: Callable[[], None]) -> None:
        """Listen until ``until`` is done; then close everything, in bounded time.

        Raises:
            OSError: it can not listen there.
        """
        server = await serve(
            self._handle, host, port, process_request=self._connect, select_subprotocol=self._select,
            compression=None, ping_interval=None, open_timeout=2 * OPEN, close_timeout=LEAVES, max_size=MOST,
            max_queue=_READ_AHEAD, server_header=None,
        )  # fmt: skip
        try:
            taken = next(iter(server.sockets)).getsockname()[1]
            shown = f"[{host}]" if ":" in host else host
            self.address = f"ws://{shown}:{taken}/"
            ready()
            await until
        finally:
            server.close(close_connections=False)
            await self._leave()

    async def _leave(self) -> None:
        both = [one for pair in self._pairs for one in (pair.near, pair.far)] + list(self._waiting.values())
        with suppress(TimeoutError):
            async with asyncio.timeout(LEAVES):
                closing = (one.close(CloseCode.GOING_AWAY, "the listener between the peers ends") for one in both)
                await asyncio.gather(*closing, return_exceptions=True)
        for one in both:
            one.transport.abort()
        for task in self._reapers:
            task.cancel()
        await asyncio.gather(*self._reapers, return_exceptions=True)

    # -- opening -------------------------------------------------------------------------------------------

    async def _connect(self, near: ServerConnection, request: Request) -> Response | None:
        """Connect to the other peer before this one is answered, so that it is answered as that one does."""
        headers = [(name, value) for name in _PASSED_ON for value in request.headers.get_all(name)]
        try:
            far = await connect(
                self.to, subprotocols=_offered(request), additional_headers=headers, user_agent_header=None,
                compression=None, ping_interval=None, open_timeout=OPEN, close_timeout=LEAVES, max_size=MOST,
                max_queue=_READ_AHEAD, proxy=None,
            )  # fmt: skip
        except InvalidStatus as error:
            answer = error.response
            return near.respond(HTTPStatus(answer.status_code), (answer.body or b"").decode("utf-8", "replace"))
        except (OSError, InvalidHandshake, TimeoutError) as error:
            return near.respond(HTTPStatus.BAD_GATEWAY, f"the other peer can not be reached: {error}\n")
        self._waiting[near] = far
        reaper = asyncio.create_task(self._reap(near))
        self._reapers.add(reaper)
        reaper.add_done_callback(self._reapers.discard)
        return None

    async def _reap(self, near: ServerConnection) -> None:
        """Let go of the other connection when this one never came to be."""
        await near.wait_closed()
        far = self._waiting.pop(near, None)
        if far is not None:
            far.transport.abort()

    def _select(self, near: ServerConnection, offered: Iterable[Subprotocol]) -> Subprotocol | None:
        far = self._waiting.get(near)
        chosen = None if far is None else far.subprotocol
        return chosen if chosen in list(offered) else None

    # -- passing on ----------------------------------------------------------------------------------------

    async def _handle(self, near: ServerConnection) -> None:
        far = self._waiting.pop(near, None)
        if far is None:
            return
        self._transports += 1
        pair = _Pair(self._transports, near, far, version=1 if far.subprotocol == SUBPROTOCOL else 0)
        self._pairs.add(pair)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass_on(pair, near, far, self.accepts.other))
                group.create_task(self._pass_on(pair, far, near, self.accepts))
        finally:
            self._pairs.discard(pair)
            self.judge.ended(pair.number)

    async def _pass_on(self, pair: _Pair, source: Connection, target: Connection, by: Role) -> None:
        with suppress(ConnectionClosed):
            async for message in source:
                data: Wire = message if isinstance(message, str) else bytes(message)
                self._look(pair, by, data)
                await target.send(data)
        await _close_like(source, target)

    def _look(self, pair: _Pair, by: Role, data: Wire) -> None:
        self.messages += 1
        now = time.monotonic() - self._began
        if self.trace is not None:
            record = message_record(by.value, "out", Channel.CONTROL, data, now, pair.version)
            self.trace(record | {"place": BETWEEN, "transport": pair.number, "binding": "websocket"})
        entry = read(
            data, index=self.messages, at=now, by=by, transport=pair.number, channel=Channel.CONTROL,
            version=pair.version,
        )  # fmt: skip
        for finding in self.judge.take(entry):
            self.tell(finding)


def _offered(request: Request) -> list[Subprotocol] | None:
    values = request.headers.get_all("Sec-WebSocket-Protocol")
    offered: list[Any] = [name.strip() for value in values for name in value.split(",") if name.strip()]
    return offered or None


async def _close_like(source: Connection, target: Connection) -> None:
    """Close a connection as the other one was closed: with the same status, or by tearing it down."""
    received = source.protocol.close_rcvd
    if received is None:
        if target.protocol.close_rcvd is None:
            target.transport.abort()
        return
    if target.protocol.state is not State.OPEN:
        return
    with suppress(Exception):  # it may be gone by now
        if received.code == CloseCode.NO_STATUS_RCVD:  # a close frame without a status, which `close` does not send
            await target.close()
        else:
            await target.close(received.code, received.reason)


# -- the command -------------------------------------------------------------------------------------------------


def listen_until_told(arguments: argparse.Namespace) -> int:
    """Do it, until SIGINT or SIGTERM; gives the exit code.

    Raises:
        Misuse: a URL that is none.
        OSError: it can not listen there, or the file can not be written.
    """
    host, port = _place(arguments.on)
    if urlsplit(arguments.to).scheme not in ("ws", "wss") or not urlsplit(arguments.to).hostname:
        raise Misuse(f"--to {arguments.to}: it has to be ws://HOST:PORT/… or wss://…")
    return asyncio.run(_listen(arguments, host, port))


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme != "ws" or not parts.hostname or port is None:
        raise Misuse(f"--on {url}: it has to be ws://HOST:PORT/")
    return parts.hostname, port


async def _listen(arguments: argparse.Namespace, host: str, port: int) -> int:
    out, tally = console(), Tally()
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, told.set)

    def tell(finding: Finding) -> None:
        tally.find(BETWEEN, finding)
        out.print(finding_line("", finding), soft_wrap=True)

    with ExitStack() as files:
        trace = None
        if arguments.trace is not None:
            trace = JsonLinesTrace(files.enter_context(arguments.trace.open("w", encoding="utf-8", buffering=1)))
        listener = Listener(arguments.to, Role(arguments.accepts), tell, trace)
        await listener.serve(
            host, port, told.wait(),
            ready=lambda: out.print(f"listening on {listener.address} for {arguments.to}", soft_wrap=True),
        )  # fmt: skip
    tally.add(BETWEEN, listener.judge, listener.messages)
    tally.show(out)
    return tally.exit_code
