"""Both state machines joined through two faulty links, in simulated time: nothing sleeps, nothing runs by itself.

The clock jumps from deadline to deadline. What the shells do around the cores is done here as they do it: after every
verb what is to be sent goes out, then the events are passed on; a hello is greeted as an acceptor greets it; a lost
transport is replaced. Subclasses see what goes by through the hooks at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from math import inf
from typing import Any

from lipwire.protocol import items
from lipwire.protocol import messages as m
from lipwire.protocol.channels import Binding, Channel, Wire
from lipwire.protocol.connection import encode_refusal, unrepeated
from lipwire.protocol.errors import CloseCode, RemoteProtocolError
from lipwire.protocol.events import ConsumerReset, Event, PauseChanged, SessionEnded, TransportDropped
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.limits import Limits
from lipwire.protocol.receiver import ReceiverConnection, ReceiverSettings, read_hello
from lipwire.protocol.sender import SenderConnection
from lipwire.protocol.sender_handshake import SenderSettings
from lipwire.protocol.states import ATTACHED, SessionState
from lipwire.transports.link import Faults, FaultyLink

from .player import Consumed, Player
from .samples import MONO

MEMORY = Binding(name="memory", separate_media=False)
WEBRTC = Binding(name="webrtc", separate_media=True, media_reliable=False, max_media_message=1_150)
ROOM = Binding(
    name="room", separate_media=True, media_reliable=False, control_reliable=False, max_message=15_000,
    max_media_message=1_150,
)  # fmt: skip
BOTH = frozenset(Channel)

SENT_THROUGH = object()
"""What an action gives that did nothing but send a chunk straight through: no shell flushes then."""
_AT_REST = 20_000
"""Turns at one moment after which something goes round in circles."""


class TimeStandsStillError(AssertionError):
    """Something goes round in circles: a deadline that does not go away, say."""


class Connected:
    """One transport between the two: a link each way, and who has let go of it."""

    def __init__(self, binding: Binding, out: Faults, back: Faults, index: int, now: float) -> None:
        one = not binding.separate_media
        self.binding = binding
        self.index = index
        self.out = FaultyLink(out, connection=index, direction="out", one_stream=one, now=now)
        self.back = FaultyLink(back, connection=index, direction="back", one_stream=one, now=now)
        self.greeted = False
        """The receiver has accepted its hello."""
        self.sender_holds = self.receiver_holds = True

    @property
    def in_use(self) -> bool:
        """Whether any of the two holds it."""
        return self.sender_holds or self.receiver_holds

    def deadline(self) -> float:
        """When something arrives, or it breaks."""
        out, back = self.out.next_deadline(), self.back.next_deadline()
        if out is None:
            return inf if back is None else back
        return out if back is None or out < back else back


class World:
    """A sender, a receiver with its player, and the transports between them.

    ``back``: faults of the way back, those of the way out unless given; ``reconnect``: seconds after which a lost
    transport is replaced, None: never. ``limits`` are those of both.
    """

    def __init__(
        self,
        binding: Binding = MEMORY,
        faults: Faults | None = None,
        back: Faults | None = None,
        *,
        player: Player | None = None,
        reconnect: float | None = 0.1,
        connect: bool = True,
        format: PcmFormat = MONO,  # noqa: A002
        sender: dict[str, Any] | None = None,
        receiver: dict[str, Any] | None = None,
        **limits: Any,
    ) -> None:
        self.now = 1_000.0
        self.began = self.now
        self.binding = binding
        self.faults = faults or Faults()
        self.back = back or self.faults
        self.reconnect = reconnect
        self.player = player or Player()
        given = {"limits": Limits(**limits)}
        self.sender = SenderConnection(
            SenderSettings(**({"formats": (format,)} | given | (sender or {}))), b"session of tests", self.now
        )
        self.receiver_settings = ReceiverSettings(**(given | (receiver or {})))
        self.receiver: ReceiverConnection | None = None
        self.consumer: Consumed | None = None
        """What the player reads from and reports to: the receiver, unless a subclass puts something before it."""
        self.sender_lives = self.receiver_lives = True
        self.transport: Connected | None = None
        """The one that the sender uses, or used last."""
        self.transports: list[Connected] = []
        """Those that anybody still holds, and the newest."""
        self.connections = 0
        self.refusals: list[RemoteProtocolError] = []
        self.max_sessions = 1
        self._of_receiver: Connected | None = None
        self._script: list[tuple[float, int, Callable[[], Any]]] = []
        self._scripted = 0
        self._connect_at = self.now if connect else inf
        self._sender_timer = self._receiver_timer = inf
        """When the shells call their cores: set by a flush, as theirs are."""
        self._secrets = 0
        if connect:
            self._settle()

    # -- what happens to it --------------------------------------------------------------------------------

    def at(self, time: float, action: Callable[[], Any]) -> None:
        """Do something then."""
        self._scripted += 1
        heappush(self._script, (time, self._scripted, action))

    def after(self, seconds: float, action: Callable[[], Any]) -> None:
        """Do something in so many seconds."""
        self.at(self.now + seconds, action)

    def connect(self, binding: Binding | None = None) -> None:
        """Give the two a new transport, whatever becomes of the one there is."""
        self._connect_at = inf
        if self.sender.state is SessionState.CLOSED or not self.sender_lives:
            return
        if not self.receiver_lives:
            self._reconnect_soon(max(self.reconnect or 0.0, 0.1))  # nobody is there
            return
        self._connects(binding or self.binding)
        if self.transport is not None:
            self.transport.sender_holds = False
        if self.sender.state in ATTACHED:
            self.sender.detach(self.now)
            if self.sender.closed:
                self._settle()
                return
        self.transport = Connected(binding or self.binding, self.faults, self.back, self.connections, self.now)
        self.connections += 1
        self.transports = [one for one in self.transports if one.in_use]
        self.transports.append(self.transport)
        self.sender.attach(self.transport.binding, self.now)
        self._settle()

    def drop(self, *, sender: bool = True, receiver: bool = True) -> None:
        """Break the transport, with all that is under way; each side sees it, or does not (yet)."""
        transport = self.transport
        if transport is None:
            return
        transport.out.cut_at = transport.back.cut_at = self.now
        transport.out.pop_due(self.now)
        transport.back.pop_due(self.now)
        if sender and transport.sender_holds:
            self._sender_lost(transport)
        if receiver:
            self._receiver_lost(transport)
        self._settle()

    def kill_sender(self, *, silently: bool) -> None:
        """The sender is gone for good; ``silently``: its transport does not end."""
        self.sender_lives = False
        self._connect_at = inf
        self._leave(silently=silently, sender=True)

    def kill_receiver(self, *, silently: bool) -> None:
        """The receiver is gone for good; ``silently``: its transport does not end."""
        self.receiver_lives = False
        self._leave(silently=silently, sender=False)

    def restart_receiver(self, player: Player) -> None:
        """A new process answers in the place of the one that was killed: it knows of nothing."""
        if self.receiver_lives:
            return
        self.receiver_lives = True
        self.receiver = self.consumer = self._of_receiver = None
        self._receiver_timer = inf
        self.player = player

    def _leave(self, *, silently: bool, sender: bool) -> None:
        for transport in self.transports:
            if silently:
                transport.out.cut_at = transport.back.cut_at = self.now
                transport.out.pop_due(self.now)
                transport.back.pop_due(self.now)
            if sender:
                transport.sender_holds = False
            else:
                transport.receiver_holds = False
        self._settle()

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        self._advance(lambda: False, end)

    def run_until(self, true: Callable[[], Any], *, within: float = 120.0) -> float:
        """Let time pass until something is true; gives how long that took."""
        began = self.now
        assert self._advance(true, began + within), f"not so within {within} s"
        return self.now - began

    @property
    def core(self) -> ReceiverConnection:
        """The receiver, which must be there."""
        assert self.receiver is not None
        return self.receiver

    # -- time ----------------------------------------------------------------------------------------------

    def _advance(self, true: Callable[[], Any], end: float) -> bool:
        self._settle()
        turns, at = 0, self.now
        while not true():
            due = self._deadline()
            if due > end:
                self.now = max(self.now, end)
                self._time_passed()
                return bool(true())
            if due > self.now:
                self.now = due
                self._time_passed()
            if self.now > at:
                turns, at = 0, self.now
            turns += 1
            if turns > _AT_REST:
                raise TimeStandsStillError(f"{_AT_REST} turns at one moment")
            self._turn()
        return True

    def _deadline(self) -> float:
        due = self._connect_at
        if self._script and self._script[0][0] < due:
            due = self._script[0][0]
        if self.sender_lives and self._sender_timer < due:
            due = self._sender_timer
        if self.receiver is not None and self.receiver_lives:
            due = min(due, self._receiver_timer, self.player.deadline())
        for transport in self.transports:
            if transport.sender_holds or transport.receiver_holds:
                due = min(due, transport.deadline())
        return due

    def _settle(self) -> None:
        """Do all that is due now, and what follows from it."""
        self._flush_sender()
        self._flush_receiver()
        self._play()
        for _ in range(_AT_REST):
            if self._deadline() > self.now:
                return
            self._turn()
        raise TimeStandsStillError(f"{_AT_REST} turns at one moment")

    def _turn(self) -> None:
        """Do each thing that is due now, once."""
        now = self.now
        if self._script and self._script[0][0] <= now and heappop(self._script)[2]() is not SENT_THROUGH:
            self._flush_sender()
            self._flush_receiver()
            self._play()
        if self._connect_at <= now:
            self.connect()
        if self._sender_timer <= now and self.sender_lives:
            if self.sender.next_deadline() <= now:
                self.sender.expire(now)
                self._flush_sender()
            self._sender_timer = self.sender.next_deadline()
        receiver = self.receiver
        if receiver is not None and self.receiver_lives:
            if self._receiver_timer <= now:
                if receiver.next_deadline() <= now:
                    receiver.expire(now)
                    self._flush_receiver()
                    self._play()
                self._receiver_timer = receiver.next_deadline()
            elif self.player.deadline() <= now:
                self._play()
        for transport in self.transports:
            if transport.sender_holds or transport.receiver_holds:
                self._carry(transport)
        self._stepped()

    # -- transports ----------------------------------------------------------------------------------------

    def _carry(self, transport: Connected) -> None:
        now, out, back = self.now, transport.out, transport.back
        arrival = out.next_deadline()
        if arrival is not None and arrival <= now:
            for channel, data in out.pop_due(now):
                if transport.receiver_holds:
                    self._to_receiver(transport, channel, data)
                    if self.receiver is not None and self.receiver.stirred:
                        self._flush_receiver()
            self._play()
            self._break(transport, out)
        arrival = back.next_deadline()
        if arrival is not None and arrival <= now:
            for channel, data in back.pop_due(now):
                if transport.sender_holds and transport is self.transport:
                    self._before_sender(channel, data)
                    self.sender.receive(channel, data, now)
                    if self.sender.stirred:
                        self._flush_sender()
            self._break(transport, back)
        # The end of the transport comes behind what was sent before it; where it was broken, it does not come.
        if transport.sender_holds is not transport.receiver_holds:
            link = back if transport.sender_holds else out
            if link.next_arrival() is None and not link.is_cut(now):
                (self._sender_lost if transport.sender_holds else self._receiver_lost)(transport)

    def _break(self, transport: Connected, link: FaultyLink) -> None:
        """Where a link is to break by its faults, both sides see it."""
        if link.faults.cut_after is not None and link.is_cut(self.now):
            if transport.sender_holds:
                self._sender_lost(transport)
            if transport.receiver_holds:
                self._receiver_lost(transport)

    def _to_receiver(self, transport: Connected, channel: Channel, data: Wire) -> None:
        if transport.greeted:
            if transport is self._of_receiver:
                self._before_receiver(channel, data)
                self.core.receive(channel, data, self.now)
            return
        if channel is Channel.MEDIA:
            return  # nothing is greeted on media
        try:
            hello = read_hello(data)
            self._greet(hello, transport)
        except RemoteProtocolError as error:
            self.refusals.append(error)
            for channel_back, refusal in unrepeated(encode_refusal(error), transport.binding):
                transport.back.push(channel_back, refusal, self.now)
            transport.receiver_holds = False
        else:
            transport.greeted = True
            self._greeted(hello)
            self._flush_receiver()

    def _greet(self, hello: m.Hello, transport: Connected) -> None:
        """What an acceptor does with a hello."""
        self._secrets += 1
        secret = b"%016d" % self._secrets
        known = self.receiver is not None and self.receiver.closed is None and self.receiver.session == hello.session
        if known:
            if hello.resume is None:
                self.core.open(hello, transport.binding, secret, self.now)
            else:
                self.core.resume(hello, transport.binding, secret, self.now)
            old = self._of_receiver
            if old is not None and old.receiver_holds:
                superseded = encode_refusal(RemoteProtocolError(CloseCode.SUPERSEDED, "a newer connection"))
                for channel, data in unrepeated(superseded, old.binding):
                    old.back.push(channel, data, self.now)
                old.receiver_holds = False
        else:
            if hello.resume is not None:
                raise RemoteProtocolError(CloseCode.UNKNOWN_SESSION, "no such session")
            if self.max_sessions == 0:
                raise RemoteProtocolError(CloseCode.BUSY, "full", retry=300)
            receiver = ReceiverConnection(self.receiver_settings)
            receiver.open(hello, transport.binding, secret, self.now)
            self.receiver = self.consumer = receiver
        self._of_receiver = transport

    def _sender_lost(self, transport: Connected) -> None:
        transport.sender_holds = False
        if transport is self.transport and self.sender.state in ATTACHED and self.sender_lives:
            self.sender.detach(self.now)
            self._flush_sender()
        self._reconnect_soon()

    def _receiver_lost(self, transport: Connected) -> None:
        transport.receiver_holds = False
        if transport is self._of_receiver and self.receiver is not None and self.receiver_lives:
            self.receiver.detach(self.now)
            self._flush_receiver()

    def _reconnect_soon(self, delay: float | None = None) -> None:
        wanted = self.reconnect is not None and self.sender_lives and self.sender.state is not SessionState.CLOSED
        if wanted and self._connect_at == inf:
            self._connect_at = self.now + (self.reconnect or 0.0 if delay is None else delay)

    # -- the shells ----------------------------------------------------------------------------------------

    def _flush_sender(self) -> None:
        if not self.sender_lives:
            return
        transport = self.transport
        for channel, data in self.sender.take_outgoing(self.now):
            self._send(channel, data)
        for event in self.sender.take_events():
            if isinstance(event, (TransportDropped, SessionEnded)):
                if transport is not None:
                    transport.sender_holds = False
                self._reconnect_soon(getattr(event, "retry_after", None))
            self._sender_event(event)
        self._sender_timer = min(self._sender_timer, self.sender.next_deadline())

    def _send(self, channel: Channel, data: Wire) -> None:
        """Hand one message of the sender's to its transport."""
        self._sent(">", channel, data)
        if self.transport is not None and self.transport.sender_holds:
            self.transport.out.push(channel, data, self.now)

    def _flush_receiver(self) -> None:
        receiver, transport, now = self.receiver, self._of_receiver, self.now
        if receiver is None or not self.receiver_lives:
            return
        for channel, data in receiver.take_outgoing(now):
            self._sent("<", channel, data)
            if transport is not None and transport.receiver_holds:
                transport.back.push(channel, data, now)
        for event in receiver.take_events():
            match event:
                case ConsumerReset():
                    self._receiver_event(event)
                    self.player.reset(event.interrupted, now)
                    continue
                case PauseChanged():
                    self.player.pause(event.paused, now)
                case TransportDropped() | SessionEnded():
                    if transport is not None:
                        transport.receiver_holds = False
                case _:
                    pass
            self._receiver_event(event)
        self._receiver_timer = min(self._receiver_timer, receiver.next_deadline())

    def _play(self) -> None:
        if self.consumer is not None and self.receiver_lives:
            self.player.step(self.consumer, self.now, self._item)
            if self.receiver is not None and self.receiver.stirred:
                self._flush_receiver()

    # -- hooks ---------------------------------------------------------------------------------------------

    def _connects(self, binding: Binding) -> None:
        """The sender lets go of the transport that it has, and gets a new one of that kind."""

    def _greeted(self, hello: m.Hello) -> None:
        """The receiver has accepted a hello."""

    def _sent(self, way: str, channel: Channel, data: Wire) -> None:
        """A core has handed out a message, on the way out (``>``) or back (``<``)."""

    def _before_receiver(self, channel: Channel, data: Wire) -> None:
        """A message has come through to the receiver, which takes it next."""

    def _before_sender(self, channel: Channel, data: Wire) -> None:
        """A message has come through to the sender, which takes it next."""

    def _item(self, item: items.Item) -> None:
        """The player has read an item."""

    def _sender_event(self, event: Event) -> None:
        """The sender's user is told something."""

    def _receiver_event(self, event: Event) -> None:
        """The receiver's consumer is told something."""

    def _time_passed(self) -> None:
        """The clock has gone on; what was to happen before has happened."""

    def _stepped(self) -> None:
        """Something has happened, and all that follows from it at once."""
