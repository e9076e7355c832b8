"""A hand-driven sender for tests of the receiver core: messages by name, simulated time."""

from __future__ import annotations

from typing import Any

import pytest

from lipwire.protocol import messages as m
from lipwire.protocol.channels import Binding, Channel
from lipwire.protocol.codec import decode, encode
from lipwire.protocol.limits import Limits
from lipwire.protocol.receiver import ReceiverConnection, ReceiverSettings, read_hello
from lipwire.protocol.registry import BY_MESSAGE, Feature

SESSION = b"0123456789abcdef"
RELIABLE = Binding(name="memory", separate_media=False)
WEBRTC = Binding(name="webrtc", separate_media=True, media_reliable=False, max_media_message=1150)
ROOM = Binding(name="room", separate_media=True, media_reliable=False, control_reliable=False, broadcast=True)
EVERYTHING = tuple(feature.value for feature in Feature)


def pcm(segment: int, position: int, samples: int) -> bytes:
    """Samples that tell where they belong: no two positions of a test look alike for long."""
    return b"".join(
        ((segment * 7919 + at * 31 + 1) & 0xFFFF).to_bytes(2, "little") for at in range(position, position + samples)
    )


class Driver:
    """One ReceiverConnection and the sender that a test plays."""

    pcm = staticmethod(pcm)

    def __init__(
        self,
        *features: str,
        binding: Binding = RELIABLE,
        formats: Any = None,
        open: bool = True,  # noqa: A002
        grease: bool = False,
        room_key: bytes | None = None,
        **limits: float,
    ) -> None:
        self.now = 100.0
        self.binding = binding
        self.settings = ReceiverSettings(
            formats=formats,
            limits=Limits(**limits),  # type: ignore[arg-type]
            grease=grease,
            room_key=room_key,
        )
        self.core = ReceiverConnection(self.settings)
        self.features = list(features)
        self.numbered = 0
        self.taken = 0
        self.welcome: m.Welcome | None = None
        self.events: list[Any] = []
        if open:
            self.open()

    def hello(self, **fields: Any) -> m.Hello:
        base = m.Hello("lipwire", [1], SESSION, 1, [["s16le", 24_000, 1]], self.features, {})
        return base._replace(**fields)

    def open(self, **fields: Any) -> None:
        hello = read_hello(encode(self.hello(**fields)))
        self.core.open(hello, self.binding, b"first secret 128", self.now)
        sent = self.sent()
        assert isinstance(sent[0], m.Welcome)
        self.welcome = sent[0]

    def resume(self, secret: bytes | None = None, **fields: Any) -> m.Welcome:
        if secret is None:
            assert self.welcome is not None
            secret = self.welcome.secret
        fields = {"generation": self.core.generation + 1, "resume": [secret, self.taken]} | fields
        hello = read_hello(encode(self.hello(**fields)))
        self.core.resume(hello, self.binding, b"secret no. %06d" % hello.generation + b"!!", self.now)
        self.resent = self.sent()
        welcome = self.resent.pop(0)
        assert isinstance(welcome, m.Welcome)
        self.welcome = welcome
        return welcome

    def send(self, *messages: Any, bare: bool = False, channel: Channel = Channel.CONTROL) -> None:
        for message in messages:
            if Feature.RESUME in self.core.features and not bare and BY_MESSAGE[type(message)].numbered:
                self.numbered += 1
                message = m.Numbered(self.numbered, self.taken, message)
            self.core.receive(channel, encode(message), self.now)

    def raw(self, data: bytes | str) -> None:
        self.core.receive(Channel.CONTROL, data, self.now)

    def audio(self, segment: int, position: int, samples: int, cut_through: int = 0) -> None:
        message = m.AudioMessage(segment, position, cut_through, pcm(segment, position, samples))
        self.core.receive(Channel.MEDIA, encode(message), self.now)

    def start(self, segment: int, samples: int = 0, *, end: bool = False) -> None:
        """Send a segment's start, so many samples of it in one chunk, and perhaps its end."""
        self.send(m.SegmentStart(segment))
        if samples:
            self.audio(segment, 0, samples)
        if end:
            self.send(m.SegmentEnd(segment, samples))

    def sent(self) -> list[Any]:
        """What the core has sent since the last call; of numbered messages what is inside."""
        out = []
        for _, data in self.core.take_outgoing(self.now):
            message = decode(data, 1 << 20)
            if isinstance(message, m.Numbered):
                if message.number <= self.taken:
                    continue
                assert message.number == self.taken + 1
                self.taken = message.number
                message = message.message
            if message is not None:
                out.append(message)
        self.events += self.core.take_events()
        return out

    def took(self, kind: type) -> list[Any]:
        """What the core has sent of one kind; the rest is dropped."""
        return [message for message in self.sent() if type(message) is kind]

    def read(self) -> list[Any]:
        """Everything that the core hands out."""
        out = []
        while True:
            readable = self.core.readable(self.now)
            item = self.core.read(self.now)
            assert readable is (item is not None)
            if item is None:
                return out
            out.append(item)

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

    @property
    def code(self) -> Any:
        """The code with which this side has closed; None while the session lives."""
        return None if self.core.closed is None else self.core.closed.code


@pytest.fixture(scope="session")
def driver() -> type[Driver]:
    return Driver
