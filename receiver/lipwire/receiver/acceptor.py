"""Acceptor: takes transports, opens sessions on them, and gives live sessions their new transport."""

from __future__ import annotations

import inspect
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Literal, Self

import anyio
import anyio.abc
import anyio.lowlevel

from lipwire.protocol.channels import Channel, Wire
from lipwire.protocol.codec import decode
from lipwire.protocol.connection import encode_refusal, unrepeated
from lipwire.protocol.errors import CloseCode, RemoteProtocolError
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.limits import Limits
from lipwire.protocol.messages import CloseMessage, Hello
from lipwire.protocol.receiver import ReceiverConnection, ReceiverSettings, read_hello
from lipwire.protocol.receiver_handshake import check_room_token
from lipwire.protocol.registry import Feature
from lipwire.protocol.trace import TraceHook
from lipwire.protocol.version0_receiver import ReceiverConnection0, ReceiverSettings0
from lipwire.transports.base import Listener, Received, Transport, TransportClosed, TransportEnded, TransportError
from lipwire.transports.logs import Log
from lipwire.transports.shell import CLOSE_TIME

from .audio_in import AudioIn

_log = Log("lipwire.receiver")
_SECRET_BYTES = 16
_RETRY_MS = 1_000
"""When an agent that was refused for a reason that passes may come again."""
_LEAST_GREETING = 16
_GOING_AWAY_RETRY = 1.0
_SHUTS_DOWN = "the avatar server shuts down"
_FAILED = "the avatar server failed"


@dataclass(frozen=True, kw_only=True)
class Greeting:
    """What ``authenticate`` is given to decide by. Nothing of it is to be trusted but what it proves."""

    auth: str | bytes | None = field(repr=False)
    """The token that the agent sent."""
    peer: str
    session: bytes
    info: Mapping[str, Any]


Authenticate = Callable[[Greeting], bool | Awaitable[bool]]
"""Says whether an agent may open a session. Compare tokens with ``hmac.compare_digest``."""


class Acceptor:
    """Gives an :class:`AudioIn` for each agent that opens a session: ``async for audio in acceptor``.

    An async context manager: entering opens the listener, leaving closes it and every session. An agent that comes
    back after a lost transport is given its live AudioIn again, and the loop is not told.

    Args:
        listener: where transports come from, ``WebSocketListener(…)`` say.
        formats: that are accepted; None: whatever the agent prefers.
        frame_ms: re-cut audio to frames of so many milliseconds; None: chunks as they came, without a copy.
        authenticate: says whether an agent may open a session; None: all may.
        limits: see SPEC §17; announced to agents.
        features: that are supported.
        max_sessions: agents beyond it are told to come again later; so many transports (at least 16) may wait with
            their hello.
        info: free facts for agents.
        room_key: over a transport that others hear as well, which agents have to prove that they have it, once to open
            a session and again to resume it (SPEC LW-ROOM-2): 16 random bytes or more. Without it anybody there may
            open one that ``authenticate`` lets in, and none can be resumed. Other transports do not use it.
        trace: called with each message and event of each session.
        version: of the protocol. 0 is VideoSDK's deployed wire (SPEC, Appendix A): each transport is a session, and
            there is no hello to choose by, so the first of ``formats`` holds, and ``authenticate`` sees no token.
        version_0: how version 0 is spoken, where that differs from the defaults; its format and limits are taken
            from the other arguments.
    """

    def __init__(
        self,
        listener: Listener,
        *,
        formats: Sequence[PcmFormat] | None = None,
        frame_ms: float | None = None,
        authenticate: Authenticate | None = None,
        limits: Limits | None = None,
        features: frozenset[Feature] = frozenset(Feature),
        max_sessions: int = 100,
        info: Mapping[str, Any] | None = None,
        room_key: bytes | None = None,
        trace: TraceHook | None = None,
        version: Literal[0, 1] = 1,
        version_0: ReceiverSettings0 | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listener = listener
        self._settings = ReceiverSettings(
            formats=None if formats is None else tuple(formats),
            limits=limits or Limits(),
            features=features,
            info=dict(info or {}),
            room_key=room_key,
        )
        self._settings_0: ReceiverSettings0 | None = None
        if version == 0:
            pcm = formats[0] if formats else PcmFormat()
            self._settings_0 = replace(version_0 or ReceiverSettings0(), format=pcm, limits=self._settings.limits)
        self._frame_ms = frame_ms
        self._authenticate = authenticate
        self._max_sessions = max_sessions
        self._trace = trace
        self._now = clock
        self._sessions: dict[bytes, AudioIn] = {}
        self._opening = 0
        self._accepted: deque[AudioIn] = deque()
        self._news = anyio.Event()
        """A session was accepted, or no further one can come."""
        self._over = False
        self._listening = True
        self._greeting = 0
        self._running: anyio.abc.TaskGroup | None = None
        self._tasks: anyio.abc.TaskGroup | None = None
        self._stop: anyio.CancelScope | None = None

    @property
    def address(self) -> str:
        """The URL that agents connect to."""
        return self._listener.address

    @property
    def sessions(self) -> tuple[AudioIn, ...]:
        """Those that are live."""
        return tuple(self._sessions.values())

    async def __aenter__(self) -> Self:
        await self._listener.__aenter__()
        self._stop = anyio.CancelScope(shield=True)
        self._running = anyio.create_task_group()
        await self._running.__aenter__()
        self._running.start_soon(self._run, self._stop)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        now = self._now()
        for audio in tuple(self._sessions.values()):
            audio._core.close(now, CloseCode.GOING_AWAY, _SHUTS_DOWN, retry=_GOING_AWAY_RETRY)
            audio._shell.flush()
        self._listening = False
        assert self._running is not None
        assert self._stop is not None
        self._stop.cancel()
        try:
            await self._running.__aexit__(None, None, None)
        finally:
            self._accepted.clear()
            self._end()
            with anyio.move_on_after(CLOSE_TIME, shield=True):
                await self._listener.__aexit__(kind, error, trace)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AudioIn:
        audio = await self._next()
        if audio is None:
            raise StopAsyncIteration
        return audio

    async def accept(self) -> AudioIn:
        """Wait for the next new session. Cancelling loses none.

        Raises:
            TransportClosed: the acceptor was closed.
        """
        audio = await self._next()
        if audio is None:
            raise TransportClosed("the acceptor is closed, or its listener has no more transports")
        return audio

    # -- within --------------------------------------------------------------------------------------------

    async def _next(self) -> AudioIn | None:
        await anyio.lowlevel.checkpoint_if_cancelled()
        while not self._accepted:
            if self._over:
                return None
            if self._news.is_set():
                self._news = anyio.Event()
            await self._news.wait()
        return self._accepted.popleft()

    def _end(self) -> None:
        self._over = True
        self._news.set()

    async def _run(self, stop: anyio.CancelScope) -> None:
        """Listen and serve until stopped: shielded, so that a cancelled acceptor closes its sessions first."""
        with stop:
            async with anyio.create_task_group() as self._tasks:
                self._tasks.start_soon(self._listen)

    async def _listen(self) -> None:
        assert self._tasks is not None
        while True:
            try:
                transport = await self._listener.accept()
            except TransportClosed:
                self._listening = False
                self._end_if_idle()
                return
            if self._greeting >= max(self._max_sessions, _LEAST_GREETING):  # each is held for the handshake time
                busy = RemoteProtocolError(CloseCode.BUSY, "too many peers have not said hello", retry=_RETRY_MS)
                self._tasks.start_soon(self._refuse, transport, busy)
                continue
            self._greeting += 1
            self._tasks.start_soon(self._handle, transport)

    def _end_if_idle(self) -> None:
        """When no further session can come, whoever waits for one is told."""
        if not self._listening and not self._greeting:
            self._end()

    async def _handle(self, transport: Transport) -> None:
        """Greet and serve one transport; whatever goes wrong stays with it and its session."""
        try:
            if self._settings_0 is None:
                audio, rest = await self._greet(transport)
            else:
                audio, rest = await self._open_0(self._settings_0, transport), []
        finally:
            self._greeting -= 1
            self._end_if_idle()
        if audio is None:
            return
        try:
            if rest:
                audio._shell.receive(rest)
            await audio._shell.serve(transport)
        except Exception:
            _log.exception("serving failed", peer=transport.peer)
            audio._core.close(self._now(), CloseCode.INTERNAL_ERROR, _FAILED)
            audio._shell.flush()

    async def _greet(self, transport: Transport) -> tuple[AudioIn | None, list[Received]]:
        """Read hello, and open a session or resume one. Gives it, and what came right behind hello.

        None: the transport was refused, and is closed.
        """
        batch: list[Received] = []
        try:
            with anyio.move_on_after(self._settings.limits.handshake) as waiting:
                batch = await transport.receive()
            if waiting.cancelled_caught:
                raise RemoteProtocolError(CloseCode.HANDSHAKE_TIMEOUT, "no hello in time", retry=_RETRY_MS)
            _, data = batch[0]
            hello = read_hello(data, self._settings.limits.message)
            if hello.resume is None:
                check_room_token(hello, transport.binding, self._settings.room_key)
            audio = self._sessions.get(hello.session)
            if audio is None:
                audio = await self._open(hello, data, transport)
            else:
                await self._rebind(audio, hello, data, transport)
        except RemoteProtocolError as error:
            _log.info("refused", peer=transport.peer, error=error)
            await self._refuse(transport, error)
        except TransportError as error:
            _log.info("gone before hello", peer=transport.peer, error=error)
            await self._close(transport)
        except Exception:
            _log.exception("greeting failed", peer=transport.peer)
            await self._refuse(transport, RemoteProtocolError(CloseCode.INTERNAL_ERROR, _FAILED, retry=_RETRY_MS))
        except BaseException:  # cancelled: the acceptor is being left
            retry = round(_GOING_AWAY_RETRY * 1_000)
            await self._refuse(transport, RemoteProtocolError(CloseCode.GOING_AWAY, _SHUTS_DOWN, retry=retry))
            raise
        else:
            return audio, batch[1:]
        return None, []

    async def _authorize(self, greeting: Greeting) -> None:
        """Ask ``authenticate``.

        Raises:
            RemoteProtocolError: it says no, or takes too long.
        """
        if self._authenticate is None:
            return
        allowed = self._authenticate(greeting)
        if inspect.isawaitable(allowed):
            with anyio.move_on_after(self._settings.limits.handshake) as waiting:
                allowed = await allowed
            if waiting.cancelled_caught:
                raise RemoteProtocolError(
                    CloseCode.INTERNAL_ERROR, "the token could not be checked in time", retry=_RETRY_MS
                )
        if not allowed:
            raise RemoteProtocolError(CloseCode.UNAUTHORIZED, "the token is missing or wrong")

    def _is_close(self, data: Wire) -> bool:
        try:
            return isinstance(decode(data, self._settings.limits.message), CloseMessage)
        except RemoteProtocolError:
            return False

    async def _undisturbed(self, transport: Transport, hello: Wire, work: Awaitable[None]) -> None:
        """Wait for ``work``, while the peer waits too: before welcome it has nothing to say (LW-OPEN-1).

        Where control can be lost, it says ``hello`` again until then (LW-OPEN-8).

        What it says all the same would pile up in the transport.

        Raises:
            RemoteProtocolError: it said something; or what ``work`` raises.
            TransportError: it is gone.
        """
        repeated = None if transport.binding.control_reliable else hello
        error: Exception | None = None
        working = anyio.CancelScope()

        async def watch() -> None:
            nonlocal error
            try:
                while not (said := [data for _, data in await transport.receive() if data != repeated]):
                    pass
                if self._is_close(said[0]):  # not to be answered (LW-INVARIANT-5)
                    error = TransportEnded("it closed before welcome")
                else:
                    error = RemoteProtocolError(CloseCode.OUT_OF_STATE, "a message before welcome")
            except TransportError as gone:
                error = gone
            working.cancel()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            try:
                with working:
                    await work
            except Exception as failed:  # not through the group, which would wrap it
                error = error or failed
            tasks.cancel_scope.cancel()
        if error is not None:
            raise error

    async def _make_room(self, greeting: Greeting) -> None:
        """Make sure that one more session may be opened, and by this agent.

        Raises:
            RemoteProtocolError: refused, and why.
        """
        if len(self._sessions) + self._opening >= self._max_sessions:
            raise RemoteProtocolError(
                CloseCode.BUSY, f"{self._max_sessions} sessions are open already", retry=_RETRY_MS
            )
        self._opening += 1
        try:
            await self._authorize(greeting)
        finally:
            self._opening -= 1

    async def _open_0(self, settings: ReceiverSettings0, transport: Transport) -> AudioIn | None:
        """Open a session of version 0: the transport is all there is to it. None: refused, and nothing says so."""
        session = secrets.token_bytes(_SECRET_BYTES)
        try:
            await self._make_room(Greeting(auth=None, peer=transport.peer, session=session, info={}))
        except RemoteProtocolError as error:
            _log.info("refused", peer=transport.peer, error=error)
            await self._close(transport)
            return None
        except Exception:
            _log.exception("greeting failed", peer=transport.peer)
            await self._close(transport)
            return None
        except BaseException:  # cancelled: the acceptor is being left
            await self._close(transport)
            raise
        connection = ReceiverConnection0(settings)
        connection.open(transport.binding, session, self._now())
        return self._add(session, connection, transport)

    async def _open(self, hello: Hello, data: Wire, transport: Transport) -> AudioIn:
        """Open a new session.

        Raises:
            RemoteProtocolError: refused, and why.
        """
        if hello.resume is not None:
            raise RemoteProtocolError(CloseCode.UNKNOWN_SESSION, "there is no such session (any more)")
        await self._undisturbed(transport, data, self._make_room(_greeting(hello, transport)))
        if hello.session in self._sessions:
            raise RemoteProtocolError(CloseCode.RESUME_REFUSED, "the session was opened twice at once")
        connection = ReceiverConnection(self._settings)
        connection.open(hello, transport.binding, secrets.token_bytes(_SECRET_BYTES), self._now())
        return self._add(hello.session, connection, transport, data)

    def _add(
        self,
        session: bytes,
        connection: ReceiverConnection | ReceiverConnection0,
        transport: Transport,
        hello: Wire | None = None,
    ) -> AudioIn:
        """Give out the AudioIn of a new session."""
        assert self._tasks is not None
        audio = AudioIn(connection, peer=transport.peer, frame_ms=self._frame_ms, trace=self._trace, clock=self._now)
        self._sessions[session] = audio
        self._tasks.start_soon(self._keep, session, audio)
        self._take_into_use(audio, hello, transport)
        self._accepted.append(audio)
        self._news.set()
        return audio

    async def _rebind(self, audio: AudioIn, hello: Hello, data: Wire, transport: Transport) -> None:
        """Give a live session its new transport; the old one, if it still seems alive, is superseded.

        Raises:
            RemoteProtocolError: refused; the live session is as it was.
        """
        core, shell, secret = audio._core, audio._shell, secrets.token_bytes(_SECRET_BYTES)
        assert isinstance(core, ReceiverConnection)
        if hello.resume is None:  # anew, in the place of a first hello: it has to prove as much as that one
            await self._undisturbed(transport, data, self._authorize(_greeting(hello, transport)))
            core.open(hello, transport.binding, secret, self._now())
        else:
            core.resume(hello, transport.binding, secret, self._now())
        old = shell.transport
        if old is not None:
            self._send_close(old, RemoteProtocolError(CloseCode.SUPERSEDED, "a newer connection"))
        shell.drop_transport(detach=False)
        self._take_into_use(audio, data, transport)

    @staticmethod
    def _take_into_use(audio: AudioIn, hello: Wire | None, transport: Transport) -> None:
        """Let the session send on the transport (on which this hello came, where there is one)."""
        audio._shell.transport = transport
        if hello is not None:
            audio._shell.trace_message("in", Channel.CONTROL, hello)
        audio._shell.flush()

    async def _keep(self, session: bytes, audio: AudioIn) -> None:
        """Run a session's timer until the session is over."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._run_timer, audio)
                await audio._over.wait()
                tasks.cancel_scope.cancel()
        finally:
            self._sessions.pop(session, None)
            with suppress(ValueError):  # nobody has taken it yet, and there is nothing to be had of it any more
                self._accepted.remove(audio)

    async def _run_timer(self, audio: AudioIn) -> None:
        try:
            await audio._shell.run_timer()
        except Exception:
            audio._shell.log.exception("the session failed")
            audio._core.close(self._now(), CloseCode.INTERNAL_ERROR, _FAILED)
            audio._shell.flush()

    async def _refuse(self, transport: Transport, error: RemoteProtocolError) -> None:
        self._send_close(transport, error)
        await self._close(transport)

    @staticmethod
    def _send_close(transport: Transport, error: RemoteProtocolError) -> None:
        with suppress(TransportError):  # if it is gone, nobody is left to be told
            for channel, data in unrepeated(encode_refusal(error), transport.binding):
                transport.send(channel, data)

    async def _close(self, transport: Transport) -> None:
        with anyio.move_on_after(CLOSE_TIME, shield=True):
            await transport.aclose()


def _greeting(hello: Hello, transport: Transport) -> Greeting:
    return Greeting(auth=hello.auth, peer=transport.peer, session=hello.session, info=hello.info or {})
