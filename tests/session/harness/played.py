"""A receiver that a test plays by hand, for tests of the sender core: messages by name, simulated time."""

from __future__ import annotations

from typing import Any

from lipwire.protocol import messages as m
from lipwire.protocol.channels import Binding, Channel
from lipwire.protocol.codec import decode, encode
from lipwire.protocol.events import StreamEnded
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.limits import Limits
from lipwire.protocol.registry import BY_MESSAGE, Feature
from lipwire.protocol.sender import SenderConnection, SenderSettings

SESSION = bytes(range(16))
RELIABLE = Binding(name="memory", separate_media=False)
WEBRTC = Binding(name="webrtc", separate_media=True, media_reliable=False, max_media_message=1_150)
ROOM = Binding(
    name="room", separate_media=True, media_reliable=False, control_reliable=False, broadcast=True, max_message=15_000,
    max_media_message=1_150,
)  # fmt: skip
EVERYTHING = tuple(feature.value for feature in Feature)
SECRET = b"first secret 128"


class PlayedReceiver:
    """One SenderConnection and the receiver that a test plays. ``features`` are those that welcome chooses."""

    def __init__(
        self,
        *features: str,
        binding: Binding = RELIABLE,
        open: bool = True,  # noqa: A002
        window: int = 48_000,
        settings: dict[str, Any] | None = None,
        welcome: dict[str, Any] | None = None,
        limits: dict[str, Any] | None = None,
        **ours: Any,
    ) -> None:
        self.now = 100.0
        self.binding = binding
        self.features = list(features)
        self.limits = {"window": window} | (limits or {})
        given = {"limits": Limits(**ours), "formats": (PcmFormat(24_000, 1),)} | (settings or {})
        self.core = SenderConnection(SenderSettings(**given), SESSION, self.now)
        self.numbered = 0
        self.taken = 0
        self.events: list[Any] = []
        self.channels: list[tuple[Channel, Any]] = []
        self.hello: m.Hello | None = None
        if open:
            self.attach()
            self.welcome(**(welcome or {}))

    def attach(self, binding: Binding | None = None) -> m.Hello:
        self.core.attach(binding or self.binding, self.now)
        (self.hello,) = self.sent()
        assert isinstance(self.hello, m.Hello)
        return self.hello

    def make_welcome(self, **fields: Any) -> m.Welcome:
        assert self.hello is not None
        welcome = m.Welcome(
            1,
            self.hello.session,
            self.hello.generation,
            self.hello.formats[0],
            self.features,
            self.limits,
            SECRET if "resume" in self.features else None,
        )
        return welcome._replace(**fields)

    def welcome(self, **fields: Any) -> None:
        self.send(self.make_welcome(**fields))

    def resume(self, *rows: list[Any], taken: int | None = None, binding: Binding | None = None) -> list[Any]:
        """Lose the transport and come back; gives what the sender sends after welcome."""
        self.core.detach(self.now)
        self.attach(binding)
        taken = self.taken if taken is None else taken
        self.taken = taken
        self.welcome(state=[taken, list(rows)], secret=b"another secret 1")
        return self.sent()

    def send(self, *messages: Any, bare: bool = False) -> None:
        for message in messages:
            if "resume" in self.features and not bare and BY_MESSAGE[type(message)].numbered:
                self.numbered += 1
                message = m.Numbered(self.numbered, self.taken, message)
            self.core.receive(Channel.CONTROL, encode(message), self.now)

    def raw(self, data: bytes | str) -> None:
        self.core.receive(Channel.CONTROL, data, self.now)

    def progress(
        self,
        segment: int,
        received: int,
        consumed: int | None = None,
        played: int | None = None,
        delay: int = 0,
        highest: int | None = None,
    ) -> None:
        consumed = received if consumed is None else consumed
        self.send(m.Progress(segment, received, consumed, played, int(self.now * 1e6), delay, highest))

    def sent(self) -> list[Any]:
        """What the core has sent since the last call; of numbered messages what is inside; pings left out."""
        out = []
        self.channels = []
        for channel, data in self.core.take_outgoing(self.now):
            message = decode(data, 1 << 21)
            if isinstance(message, m.Numbered):
                if message.number == self.taken + 1:
                    self.taken = message.number
                message = message.message
            if message is not None and not isinstance(message, m.Ping):
                out.append(message)
                self.channels.append((channel, message))
        self.events += self.core.take_events()
        return out

    def took(self, kind: type) -> list[Any]:
        """What the core has sent of one kind; the rest is dropped."""
        return [message for message in self.sent() if type(message) is kind]

    def timed(self, kind: type, seconds: float) -> list[float]:
        """Let time pass; gives when the core sent messages of one kind, from now on."""
        began, end, times = self.now, self.now + seconds, []
        while self.core.next_deadline() <= end:
            self.now = max(self.now, self.core.next_deadline())
            self.core.expire(self.now)
            times += [round(self.now - began, 6) for _ in self.took(kind)]
        self.now = end
        return times

    def wait(self, seconds: float) -> None:
        """Let time pass, and do what is due when it is due."""
        end = self.now + seconds
        for _ in range(100_000):
            deadline = self.core.next_deadline()
            if deadline > end:
                break
            self.now = max(self.now, deadline)
            self.core.expire(self.now)
        else:
            raise AssertionError("a deadline that does not go away")
        self.now = end

    def say(self, samples: int, *, end: bool = True, **metadata: Any) -> int:
        number = self.core.open_segment(metadata or None, self.now)
        if samples:
            assert self.core.write(number, bytes(2 * samples), self.now)
        if end:
            self.core.end_segment(number, self.now)
        return number

    def ended(self) -> list[StreamEnded]:
        self.events += self.core.take_events()
        return [event for event in self.events if isinstance(event, StreamEnded)]

    def of(self, kind: type) -> list[Any]:
        self.events += self.core.take_events()
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def code(self) -> Any:
        """The code with which this side has closed; None while the session lives."""
        return None if self.core.closed is None else self.core.closed.code
