"""What AudioOut and AudioIn share: a state machine, the transport it uses now, and the clock.

After every call into the state machine :meth:`Shell.flush` sends what it wants sent, passes its events on and
re-arms the timer. All of it runs in one event loop and never waits, so nothing can come in between.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from math import inf
from typing import Any, Generic, TypeVar

import anyio

from lipwire.protocol.channels import Binding, Channel, Wire
from lipwire.protocol.connection import Connection, Outgoing
from lipwire.protocol.events import Event, SessionEnded, TransportDropped
from lipwire.protocol.trace import TraceHook, event_record, message_record

from .base import Deliver, Received, Transport, TransportBroken, TransportEnded, TransportError
from .logs import Log
from .loop import Timer, new_timer

CLOSE_TIME = 2.0
"""Seconds that closing a transport may take."""


_TIMER_STEP = 0.001
_CLOCK_ERROR = 1e-6


class _TransportFailed(TransportError):
    """A transport raised something other than a TransportError; it was torn down."""


C = TypeVar("C", bound=Connection)


def _promises(binding: Binding) -> dict[str, Any]:
    """What a trace tells of a transport: its binding, and the channels on which messages may be lost."""
    reliable = {Channel.CONTROL: binding.control_reliable, Channel.MEDIA: binding.media_reliable}
    lossy = [channel.value for channel in Channel if not reliable[channel]]
    return {"binding": binding.name} | ({"lossy": lossy} if lossy else {})


class Shell(Generic[C]):
    """Joins one state machine to its transports, one after the other.

    ``on_event`` is called for each event, in order, and may call the state machine and ``flush`` in turn (events that
    this makes come after those before them); ``on_flush`` after each flush, and ``on_samples`` in its place where only
    samples came. A trace hook that raises is logged and not called again.
    """

    def __init__(
        self,
        connection: C,
        on_event: Callable[[Event], None],
        *,
        log: Log,
        trace: TraceHook | None = None,
        clock: Callable[[], float] = time.monotonic,
        on_flush: Callable[[], None] | None = None,
        on_samples: Callable[[], None] | None = None,
    ) -> None:
        self.connection = connection
        self.transport: Transport | None = None
        self.clock = clock
        self.trace = trace
        self._on_event = on_event
        self._on_flush = on_flush
        self._on_samples = on_samples
        self.log = log
        self._serving: anyio.CancelScope | None = None
        self._send_error: TransportError | None = None
        self._serve_error: Exception | None = None
        self._arrived: list[Received] = []
        """What a transport delivered while something was being sent."""
        self.sending = False
        """A message is being handed to the transport: nothing else may be sent, or it would overtake."""
        self._flush_again = False
        self._events: deque[Event] = deque()
        self._telling = False
        self._timer: Timer | None = None
        self._timer_until = inf
        """When it will call back."""

    def flush(self) -> None:
        """Send what is to be sent, pass events on, re-arm the timer."""
        if self.sending:  # a peer in this process took a message at once, and its user called back
            self._flush_again = True
            return
        connection = self.connection
        outgoing = connection.take_outgoing(self.clock())
        if outgoing:
            self.send(outgoing)
        events = connection.take_events()
        if events:
            self._events += events
            self._tell_events()
        deadline = connection.next_deadline()
        if deadline < self._timer_until:
            self._set_timer(deadline)
        if self._on_flush is not None:
            self._on_flush()

    def send(self, outgoing: Iterable[Outgoing]) -> None:
        """Hand what the state machine gave to the transport, if there is one."""
        transport = self.transport
        if transport is None:
            return
        self.sending = True
        try:
            for channel, data in outgoing:
                if self.trace is not None:
                    self.trace_message("out", channel, data)
                transport.send(channel, data)
        except Exception as error:
            self._note_send_error(transport, error)
        finally:
            self.sending = False
        if self._arrived or self._flush_again:
            self._catch_up()

    def send_one(self, channel: Channel, data: Wire) -> None:
        """As ``send``, of one message: the hot path of a sender."""
        transport = self.transport
        if transport is None:
            return
        self.sending = True
        try:
            if self.trace is not None:
                self.trace_message("out", channel, data)
            transport.send(channel, data)
        except Exception as error:
            self._note_send_error(transport, error)
        finally:
            self.sending = False
        if self._arrived or self._flush_again:
            self._catch_up()

    def receive(self, batch: list[Received]) -> None:
        """Give the state machine what came, and flush."""
        now = self.clock()
        connection = self.connection
        for channel, data in batch:
            if self.trace is not None:
                self.trace_message("in", channel, data)
            connection.receive(channel, data, now)
        self.flush()

    def trace_message(self, kind: str, channel: Channel, data: Wire) -> None:
        """Record one message, if there is a trace; ``kind``: "in" or "out"."""
        if self.trace is not None:
            core = self.connection
            record = message_record(core.role.value, kind, channel, data, self.clock(), core.version)
            self._trace(record | ({} if self.transport is None else _promises(self.transport.binding)))

    async def serve(self, transport: Transport) -> TransportError | None:
        """Read a transport, which the state machine has been attached to, until it ends; then close it.

        Gives the error with which it ended (receiving or sending), or None when this side gave it up. If cancelled, the
        transport is closed all the same.
        """
        ended: TransportError | None = None

        self._serve_error = None
        try:
            with anyio.CancelScope() as self._serving:
                transport.deliver_to(self._deliverer(transport))
                try:
                    while self.transport is transport:
                        batch = await self._receive(transport)
                        if self.transport is transport:  # else it was given up meanwhile (LW-RESUME-11)
                            self.receive(batch)
                except TransportError as error:
                    ended = error
            if self._serve_error is not None:
                raise self._serve_error
        finally:
            if self.transport is transport:
                self.transport = None
                self.connection.detach(self.clock())
                self.flush()
            with anyio.move_on_after(CLOSE_TIME, shield=True):
                try:
                    await transport.aclose()
                except Exception:
                    self._failed(transport, "closing")
            failed, self._send_error = self._send_error, None
        return ended or failed

    def drop_transport(self, *, detach: bool = True) -> None:
        """Give up the transport in use; whoever serves it closes it. ``detach``: tell the state machine as well."""
        if self.transport is None:
            return
        self.transport = None
        if self._serving is not None:
            self._serving.cancel()
        if detach:
            self.connection.detach(self.clock())

    async def run_timer(self) -> None:
        """Call the state machine whenever its deadline comes. Runs until it is cancelled."""
        self._timer = new_timer(self._on_timer)
        try:
            self._set_timer(self.connection.next_deadline())
            await self._timer.run()
        finally:
            self._timer, self._timer_until = None, inf

    # -- within --------------------------------------------------------------------------------------------

    def _catch_up(self) -> None:
        """Take what a transport delivered while something was being sent, and flush."""
        self._flush_again = False
        batch, self._arrived = self._arrived, []
        self.receive(batch)

    def _set_timer(self, deadline: float) -> None:
        if self._timer is not None and deadline != inf:
            self._timer_until = deadline
            self._timer.set(max(deadline - self.clock(), 0.0))

    def _on_timer(self) -> None:
        self._timer_until = inf
        deadline = self.connection.next_deadline()
        early = deadline - self.clock()
        if early > _CLOCK_ERROR:  # the deadline has moved, or the loop's timers go in steps
            self._set_timer(max(deadline, self.clock() + _TIMER_STEP))
            return
        self.connection.expire(self.clock())
        self.flush()

    def _deliverer(self, transport: Transport) -> Deliver:
        """What takes messages, one by one as they arrive, from the transport that is being served."""
        connection, clock, on_samples = self.connection, self.clock, self._on_samples

        def deliver(channel: Channel, data: Wire) -> None:
            if self.transport is not transport:
                return  # it was given up meanwhile (LW-RESUME-11)
            if self.sending:
                self._arrived.append((channel, data))
                return
            try:
                if self.trace is not None:
                    self.trace_message("in", channel, data)
                connection.receive(channel, data, clock())
                if connection.stirred:
                    self.flush()
                elif on_samples is not None:
                    on_samples()
            except Exception as error:  # not the transport's business: whoever serves it gets it
                self._serve_error = error
                if self._serving is not None:
                    self._serving.cancel()

        return deliver

    def _note_send_error(self, transport: Transport, error: Exception) -> None:
        if not isinstance(error, TransportError):
            error = self._failed(transport, "sending")
        if self._send_error is None:
            self.log.info("sending failed", error=error)
        self._send_error = error
        # One that has ended may still hold messages that came before, a close say; its reader finds the end.
        if not isinstance(error, (TransportEnded, TransportBroken)):
            self.drop_transport()
            self._flush_again = True  # it may have been the end of the session

    async def _receive(self, transport: Transport) -> list[Received]:
        try:
            return await transport.receive()
        except TransportError:
            raise
        except Exception as error:
            raise self._failed(transport, "receiving") from error

    def _failed(self, transport: Transport, what: str) -> TransportError:
        """A transport raised what it should not: log it, and take the transport as broken."""
        self.log.exception(f"the transport failed: {what}", peer=transport.peer)
        transport.abort()
        return _TransportFailed(f"{what} failed within the transport")

    def _tell_events(self) -> None:
        """Pass on what waits, unless a call further out is at it."""
        if self._telling:
            return
        self._telling = True
        try:
            while self._events:
                event = self._events.popleft()
                if self.trace is not None:
                    self._trace(event_record(self.connection.role.value, event, self.clock()))
                if isinstance(event, (TransportDropped, SessionEnded)):
                    self.drop_transport(detach=False)
                self._on_event(event)
        finally:
            self._telling = False

    def _trace(self, record: dict[str, Any]) -> None:
        assert self.trace is not None
        try:
            self.trace(record | {"session": self.connection.session.hex()[:8]})
        except Exception:
            self.trace = None
            self.log.exception("the trace hook failed, and is not called again")
