"""A world whose every move is held against what really happened: the agent, the wire, the consumer, the faults."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from math import inf
from typing import Any, Final
from zlib import crc32

import msgpack

from lipwire.protocol import items
from lipwire.protocol.channels import Binding, Channel, Wire
from lipwire.protocol.codec import encode
from lipwire.protocol.errors import Close, CloseCode, LocalProtocolError
from lipwire.protocol.events import (
    Cause,
    ConsumerReset,
    CustomReceived,
    Event,
    InterruptConfirmed,
    MarkReached,
    PauseChanged,
    SessionEnded,
    SessionOpened,
    StreamEnded,
    StreamStarted,
    TransportDropped,
)
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.messages import Hello
from lipwire.protocol.receiver import ReceiverConnection
from lipwire.protocol.registry import Feature
from lipwire.protocol.sender import SenderConnection
from lipwire.protocol.states import HANDSHAKE, SessionState
from lipwire.protocol.trace import event_record, message_record

from . import invariants as _  # noqa: F401 - registers them
from .history import History
from .player import Player
from .samples import pcm
from .truth import Peer, Raw, Terms
from .world import BOTH, MEMORY, ROOM, SENT_THROUGH, WEBRTC, Connected, World

_RENEWED_AFTER: Final = (CloseCode.PEER_GONE, CloseCode.UNKNOWN_SESSION, CloseCode.RESUME_STATE)
"""Closes after which an AudioOut opens another session."""
Tracer = Callable[[dict[str, Any]], None]
MEASURE_EVERY: Final = 0.5
"""Simulated seconds between one look at what is held and the next, while anything happens."""
BINDINGS: Final = {one.name: one for one in (MEMORY, replace(MEMORY, name="websocket"), WEBRTC, ROOM)}
LOSSY: Final = {"memory": frozenset[Channel](), "websocket": frozenset[Channel](),
                "webrtc": frozenset({Channel.MEDIA}), "room": BOTH}  # fmt: skip
"""The channels on which each may lose messages."""


class Consumer:
    """What the player reads from and reports to, as AudioIn does it: each call is followed by a flush."""

    def __init__(self, core: ReceiverConnection, history: History, flush: Callable[[], None]) -> None:
        self._core = core
        self._history = history
        self._flush = flush

    @property
    def closed(self) -> Close | None:
        """How the session ended."""
        return self._core.closed

    @property
    def format(self) -> PcmFormat:
        """The format of the session."""
        return self._core.format

    def read(self, now: float) -> items.Item | None:
        """Hand out what is next."""
        readable = self._core.readable(now)
        item = self._core.read(now)
        self._history.hold("read", readable, item)
        if item is None:
            self._history.asked_in_vain()
        else:
            self._history.handed_out(item)
        if self._core.stirred:
            self._flush()
        return item

    def stream_started(self, segment: int, now: float) -> bool:
        """The first sample is heard."""
        told = self._core.stream_started(segment, now)
        self._flush()
        return told

    def played(self, segment: int, position: int, now: float) -> bool:
        """Heard up to there."""
        if self._core.closed is None:
            self._history.reported_played(segment, position)
        told = self._core.played(segment, position, now)
        self._flush()
        return told

    def stream_ended(
        self, segment: int, now: float, *, position: int | None, interrupted: bool = False, failed: bool = False
    ) -> bool:
        """Playback has ended."""
        if self._core.closed is None:
            self._history.reported_end(segment, position, interrupted=interrupted, failed=failed)
        told = self._core.stream_ended(segment, now, position=position, interrupted=interrupted, failed=failed)
        self._flush()
        return told


class Simulation(World):
    """A world, its history, and what its agent does. ``tracer``: called with a record of each message and event."""

    def __init__(self, terms: Terms, *, tracer: Tracer | None = None, **options: Any) -> None:
        self.histories: list[History] = []
        """One for each session: a new one follows when the receiver has forgotten the one before."""
        self.tracer = tracer
        self.digest = 0
        """Of every message, in order, with its time."""
        self.messages = 0
        self.writing: int | None = None
        self.positions: dict[int, int] = {}
        self.serial = 0
        self.measure: Callable[[Simulation, bool], None] | None = None
        """Called now and again with the simulation, and whether all is to be looked at."""
        self._measured = 0
        self._raws: dict[Wire, Raw] = {}
        self._may_renew = False
        """The receiver has come back and knows nothing of the session."""
        super().__init__(connect=False, **options)
        self.player.keeps = False
        self._begin_history(terms, 1)

    def _begin_history(self, terms: Terms, first: int) -> None:
        self.history = history = History(terms, self.now, first=first)
        self.histories.append(history)
        history.sender_round_trip = lambda: self.sender.round_trip
        history.sender.may_close.add(CloseCode.HANDSHAKE_TIMEOUT)
        history.receiver.may_close.add(CloseCode.HANDSHAKE_TIMEOUT)

    # -- the agent -----------------------------------------------------------------------------------------

    def open(self) -> int | None:
        """Open a segment; the one before is ended."""
        self.end()
        if self.sender.closed:
            return None
        self.serial += 1
        metadata = {"text": f"utterance {self.serial}"} if self.serial % 3 else None
        number = self.sender.open_segment(metadata, self.now)
        self.history.opened(number, metadata)
        self.writing, self.positions[number] = number, 0
        return number

    def write(self, number: int, samples: int, *, alone: bool = False) -> bool:
        """Write samples; False: the segment was cut. ``alone``: nothing else was done since the last flush."""
        if self.writing != number:
            return False
        spoken = pcm(number, self.positions[number], samples, self.sender.format.frame_bytes)
        message = self.sender.write_through(number, spoken, self.now) if alone else None
        if message is None and not self.sender.write(number, spoken, self.now):
            self.writing = None
            return False
        self.positions[number] += samples
        self.history.wrote(number, samples)
        if message is not None:
            self._send(Channel.MEDIA, message)
        return True

    def end(self) -> None:
        """End the open segment."""
        number, self.writing = self.writing, None
        if number is not None and not self.sender.closed:
            self.history.finished(number)
            self.sender.end_segment(number, self.now)

    def speak(self, seconds: float, *, piece: float, pace: float) -> None:
        """Say so many seconds; ``pace``: seconds of audio a second, 0: all at once."""
        number = self.open()
        if number is None:
            return
        left = round(seconds * self.sender.format.rate)
        size = max(1, round(piece * self.sender.format.rate))
        self._flush_sender()

        def more() -> object:
            nonlocal left
            alone, before = True, self.messages
            while True:
                room = self.history.terms.buffer - self.sender.buffered
                count = min(size, left, max(room, 0))
                if count and not self.write(number, count, alone=alone):
                    return None
                through = alone and self.messages > before
                alone = False
                left -= count
                if not left:
                    if self.writing == number:
                        self.end()
                    return None
                if pace or not count:
                    self.after(max(count / self.sender.format.rate / pace if pace else 0.0, 0.01), more)
                    return SENT_THROUGH if through else None

        more()

    def interrupt(self, back: int | None = None, *, cancelled: bool = False) -> None:
        """Interrupt everything, or the segment opened so many before the newest."""
        number = None if back is None else self.sender.next_segment - 1 - back
        if self.sender.closed or (number is not None and number < self._first):
            return
        cause = Cause.CANCELLED if cancelled and number is not None else Cause.INTERRUPTED
        paused = self.sender.paused
        last = self.sender.interrupt(self.now, number, cause)
        self.history.interrupted(number, last, cause)
        if last is not None and paused and number is None:
            self.history.paused = False
        if self.writing is not None and not self.history.segments[self.writing].live:
            self.writing = None

    def pause(self, paused: bool) -> None:
        """Pause, or go on."""
        with suppress(LocalProtocolError):
            (self.sender.pause if paused else self.sender.unpause)(self.now)
            self.history.paused = paused

    def mark(self, back: int, ahead: float) -> None:
        """Set a mark some seconds beyond what was written of a segment."""
        number = self.sender.next_segment - 1 - back
        if number < self._first or self.sender.closed:
            return
        self.serial += 1
        position, name = self._place(number, ahead), f"m{self.serial}"
        with suppress(LocalProtocolError):
            if self.sender.mark(number, position, name, self.now) and Feature.MARKS in self.sender.settings.features:
                self.history.gave_mark(number, position, name)

    def data(self, back: int, ahead: float) -> None:
        """Give data that belongs some seconds beyond what was written of a segment."""
        number = self.sender.next_segment - 1 - back
        if number < self._first or self.sender.closed:
            return
        self.serial += 1
        position = self._place(number, ahead)
        with suppress(LocalProtocolError):
            given = self.sender.data(number, position, {"n": self.serial}, self.now)
            if given and Feature.DATA in self.sender.settings.features:
                self.history.gave_data(number, position, self.serial)

    @property
    def _first(self) -> int:
        """The first segment of this session."""
        return self.sender.settings.first_segment

    def _place(self, number: int, ahead: float) -> int:
        return max(0, self.positions[number] + round(ahead * self.sender.format.rate))

    def custom(self, *, back: bool) -> None:
        """Send a custom message, from either side."""
        core = self.receiver if back else self.sender
        if core is None:
            return
        self.serial += 1
        with suppress(LocalProtocolError):
            core.send_custom({"n": self.serial}, self.now)
            self.history.gave_custom("<" if back else ">", self.serial)

    def reset_done(self) -> None:
        """The consumer says that it has reset."""
        if self.receiver is not None and self.receiver.closed is None:
            self.receiver.reset_done(self.now)
            self.history.reset_done()

    def close(self, *, back: bool) -> None:
        """One side closes the session."""
        core = self.receiver if back else self.sender
        if core is not None:
            for peer in (self.history.sender, self.history.receiver):
                peer.may_close.add(CloseCode.NORMAL)
            core.close(self.now)

    # -- the network ---------------------------------------------------------------------------------------

    def switch(self, to: str) -> None:
        """Go on over another kind of transport."""
        self.binding = BINDINGS[to]
        self.faults = replace(self.faults, channels=LOSSY[to])
        self.back = replace(self.back, channels=LOSSY[to])
        self.connect()

    def kill_sender(self, *, silently: bool) -> None:
        """The sender is gone for good."""
        self.history.sender.lives = self.history.sender.open = False
        super().kill_sender(silently=silently)

    def kill_receiver(self, *, silently: bool) -> None:
        """The receiver is gone for good."""
        self.history.receiver.lives = self.history.receiver.open = False
        super().kill_receiver(silently=silently)

    def restart_receiver(self, player: Player) -> None:
        """A new receiver answers, and does not know the session; the agent's next one is with it."""
        if self.receiver_lives or not self.sender_lives:
            return
        super().restart_receiver(player)
        player.keeps = False
        self.history.sender.may_close.add(CloseCode.UNKNOWN_SESSION)
        self._may_renew = True
        self._renew()

    def _renew(self) -> None:
        """Begin another session where the one before could not go on, as an AudioOut does (LW-CLOSE-7)."""
        closed = self.sender.closed
        if not self._may_renew or closed is None or closed.code not in _RENEWED_AFTER:
            return
        self._may_renew = False
        self.history.hold("end")
        first = self.sender.next_segment
        self._begin_history(self.history.terms, first)
        settings = replace(self.sender.settings, first_segment=first)
        self.sender = SenderConnection(settings, b"session no. %04d" % len(self.histories), self.now)
        self.writing = None
        self._sender_timer = self._connect_at = inf
        self._reconnect_soon(0.0)

    def _sender_lost(self, transport: Connected) -> None:
        if transport is self.transport:
            self.history.transport_lost(self.history.sender)
        super()._sender_lost(transport)

    def _receiver_lost(self, transport: Connected) -> None:
        if transport is self._of_receiver:
            self.history.transport_lost(self.history.receiver)
        super()._receiver_lost(transport)

    # -- what goes by --------------------------------------------------------------------------------------

    def _connects(self, binding: Binding) -> None:
        self.history.transport_lost(self.history.sender)
        _uses(self.history.sender, binding)

    def _raw(self, data: Wire) -> Raw:
        raw = self._raws.get(data)
        if raw is None:
            if len(self._raws) > 2_000:
                self._raws.clear()
            raw = self._raws[data] = msgpack.unpackb(data)
        return raw

    def _sent(self, way: str, channel: Channel, data: Wire) -> None:
        assert isinstance(data, bytes)
        self.digest = crc32(data, crc32(b"%s%.6f" % (way.encode(), self.now), self.digest))
        self.messages += 1
        self._trace_message("sender" if way == ">" else "receiver", "out", channel, data)
        raw = self._raw(data)
        if way == ">":
            self.history.sent_out(raw, channel.value)
        else:
            self.history.sent_back(raw, channel.value)

    def _greeted(self, hello: Hello) -> None:
        self._trace_message("receiver", "in", Channel.CONTROL, encode(hello))  # as an Acceptor does
        if hello.resume is not None:
            self.history.greeted(hello.resume[1])

    def _before_receiver(self, channel: Channel, data: Wire) -> None:
        self._trace_message("receiver", "in", channel, data)
        raw = self._raw(data)
        self.history.delivered(raw)
        if self.core.state is SessionState.OPEN:
            self.history.comes_through(raw)

    def _before_sender(self, channel: Channel, data: Wire) -> None:
        self._trace_message("sender", "in", channel, data)
        state = self.sender.state
        if state is SessionState.OPEN or state in HANDSHAKE:
            self.history.comes_back(self._raw(data), opening=state in HANDSHAKE)

    def _sender_event(self, event: Event) -> None:
        self._trace_event("sender", event)
        history = self.history
        match event:
            case StreamEnded():
                history.told_result(event)
                if self.writing == event.segment:
                    self.writing = None
            case InterruptConfirmed():
                history.told_confirmed(event.first, event.last)
            case StreamStarted():
                history.told_stream_started(event.segment)
            case MarkReached():
                history.told_mark(event.segment, event.name)
            case CustomReceived():
                history.told_custom("<", event.content["n"])
            case _:
                self._session_event(history.sender, event)

    def _receiver_event(self, event: Event) -> None:
        self._trace_event("receiver", event)
        history = self.history
        match event:
            case ConsumerReset():
                history.told_reset(event.interrupted)
            case PauseChanged():
                history.told_pause(event.paused)
            case CustomReceived():
                history.told_custom(">", event.content["n"])
            case _:
                self._session_event(history.receiver, event)

    def _session_event(self, peer: Peer, event: Event) -> None:
        history = self.history
        match event:
            case SessionOpened():
                if peer is history.receiver and self.consumer is self.receiver:
                    self._new_receiver()
                    peer = history.receiver
                if peer is history.receiver:
                    _uses(peer, self.core.binding)
                history.session_opened(peer)
            case TransportDropped():
                history.transport_dropped(peer)
            case SessionEnded():
                history.session_ended(peer, event.close)
                if peer is history.receiver:
                    history.sender.may_close.add(CloseCode.UNKNOWN_SESSION)
                else:
                    self.after(0.0, self._renew)
            case _:
                pass

    def _new_receiver(self) -> None:
        """An acceptor has made a receiver; one that was there before, and never heard, is forgotten."""
        history = self.history
        self.consumer = Consumer(self.core, history, self._flush_receiver)
        if history.receiver.closed is not None or not history.receiver.lives:
            history.forget_receiver()
        self._may_renew = False

    def _flush_receiver(self) -> None:
        if self.receiver is not None and self.receiver.counters.concealed_samples > self.history.concealed:
            self.history.concealed_samples(self.receiver.counters.concealed_samples - self.history.concealed)
        super()._flush_receiver()

    def _time_passed(self) -> None:
        if self.measure is not None and self.now >= self.began + self._measured * MEASURE_EVERY:
            self._measured = int((self.now - self.began) / MEASURE_EVERY) + 1
            self.measure(self, self._measured % 5 == 0)
        receiver, transport = self.receiver, self.transport
        self.history.reading = not self.player.stuck
        self.history.link_up = (
            transport is not None
            and transport is self._of_receiver
            and transport.out.cut_at is None
            and transport.back.cut_at is None
        )
        if receiver is not None:
            seen = max(self.sender.liveness.round_trip, receiver.liveness.round_trip)
            self.history.most_round_trip = max(self.history.most_round_trip, seen)
        self.history.time(self.now)

    # -- trace ---------------------------------------------------------------------------------------------

    def _trace_message(self, peer: str, kind: str, channel: Channel, data: Wire) -> None:
        if self.tracer is not None:
            self.tracer(message_record(peer, kind, channel, data, self.now) | {"session": "simulated"})

    def _trace_event(self, peer: str, event: Event) -> None:
        self.digest = crc32(type(event).__name__.encode(), self.digest)
        if self.tracer is not None:
            self.tracer(event_record(peer, event, self.now) | {"session": "simulated"})


def _uses(peer: Peer, binding: Binding) -> None:
    """Note what the transport of a peer is like."""
    peer.loses_media = not (binding.media_reliable and binding.control_reliable)
    peer.loses_control = not binding.control_reliable
    peer.two_channels = binding.separate_media
