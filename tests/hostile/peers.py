"""Peers that mean harm, played by hand over a transport, and an honest session that goes on beside them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio

from lipwire.protocol import messages as m
from lipwire.protocol.channels import Channel
from lipwire.protocol.codec import decode, encode
from lipwire.protocol.errors import CloseCode
from lipwire.protocol.registry import BY_MESSAGE, Feature
from lipwire.sender import AudioOut, Cause
from lipwire.transports import Transport, TransportError

from ..end_to_end.world import Renderer, World, speech, until

FEATURES = sorted(feature.value for feature in Feature)
FORMAT = ["s16le", 24_000, 1]
MOST = 1 << 20


class Peer:
    """What both roles have: messages by name or as bytes out, and those of the honest side by name."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.heard: list[Any] = []
        """What the honest side has sent; of numbered messages what is inside."""
        self.taken = 0
        self.number = 0
        self.numbers = False
        self.gone = False

    def say(self, *messages: m.Message | bytes | str) -> None:
        """Send, until the transport is gone; number what has to be."""
        for message in messages:
            data: bytes | str
            if isinstance(message, (bytes, str)):
                data = message
            else:
                if self.numbers and BY_MESSAGE[type(message)].numbered:
                    self.number += 1
                    message = m.Numbered(self.number, 0, message)  # acknowledges nothing
                data = encode(message)
            try:
                self.transport.send(Channel.CONTROL, data)
            except TransportError:
                self.gone = True
                return

    async def listen(self, seconds: float = 0.05) -> list[Any]:
        """Take what comes for so long; gives what is new."""
        before = len(self.heard)
        with anyio.move_on_after(seconds), suppress(TransportError):
            while True:
                for _, data in await self.transport.receive():
                    message = decode(data, MOST)
                    if isinstance(message, m.Numbered):
                        self.taken = max(self.taken, message.number)
                        message = message.message
                    if message is not None:
                        self.heard.append(message)
        return self.heard[before:]

    async def closed(self, seconds: float = 1.0) -> CloseCode | None:
        """With what code the honest side closes within that time; None: it does not."""
        await self.listen(seconds)
        for message in self.heard:
            if isinstance(message, m.CloseMessage):
                return CloseCode(message.code)
        return None

    def count(self, kind: type) -> int:
        """How many of these were heard."""
        return sum(isinstance(message, kind) for message in self.heard)


class Agent(Peer):
    """A sender that means harm."""

    def hello(self, session: bytes = bytes(16), **fields: Any) -> bytes:
        return encode(m.Hello("lipwire", [1], session, 1, [FORMAT], FEATURES, {})._replace(**fields))

    async def open(self, **fields: Any) -> m.Welcome:
        """Open a session."""
        self.say(self.hello(**fields))
        await self.listen()
        welcome = self.heard[0]
        assert isinstance(welcome, m.Welcome)
        self.numbers = "resume" in welcome.features
        return welcome

    def audio(self, segment: int, position: int, samples: int) -> None:
        self.say(encode(m.AudioMessage(segment, position, 0, bytes(2 * samples))))


class Avatar(Peer):
    """A receiver that means harm."""

    async def open(self, **fields: Any) -> m.Hello:
        """Answer the hello."""
        await self.listen()
        hello = self.heard[0]
        assert isinstance(hello, m.Hello)
        secret = bytes(16)
        features = sorted(set(hello.features) & set(FEATURES))
        state = None if hello.resume is None else [self.taken, []]
        welcome = m.Welcome(1, hello.session, hello.generation, FORMAT, features, {}, secret, state)
        self.say(welcome._replace(**fields))
        self.numbers = True
        return hello

    @property
    def bytes_of_audio(self) -> int:
        """How much audio has come, repeats too."""
        return sum(len(message.pcm) for message in self.heard if isinstance(message, m.AudioMessage))


@asynccontextmanager
async def beside(world: World) -> AsyncIterator[None]:
    """An honest agent speaks meanwhile at the same avatar: all of it is heard, bit by bit, and nothing breaks it."""
    async with world.agent() as out:
        known = len(world.renderers)
        await until(lambda: len(world.renderers) > known - 1 and world.renderers)
        renderer = next(one for one in world.renderers if one.audio._core.session == out._shell.connection.session)
        with anyio.CancelScope() as speaking:
            async with anyio.create_task_group() as tasks:
                said: list[bytes] = []
                segment = out.segment()

                async def speak() -> None:
                    while True:
                        piece = speech(0.1, seed=len(said))
                        await segment.write(piece)
                        said.append(piece)
                        await anyio.sleep(0.1)

                tasks.start_soon(speak)
                yield
                speaking.cancel()
        segment.end()
        await _check(out, segment, renderer, b"".join(said))


async def _check(out: AudioOut, segment: Any, renderer: Renderer, said: bytes) -> None:
    ended = await segment.ended()
    assert ended.cause is Cause.PLAYED
    assert said
    assert bytes(renderer.pcm[segment.number]) == said, "not what was said"
    assert out.statistics().transports == 1
