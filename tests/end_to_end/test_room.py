"""Over a room, which loses control messages too: what is said once is said in copies."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import anyio
import pytest

from lipwire.protocol.channels import Binding, Channel, Wire
from lipwire.protocol.codec import decode
from lipwire.protocol.errors import CloseCode, SessionRefused
from lipwire.protocol.limits import Limits
from lipwire.protocol.messages import CloseMessage, Hello, Numbered, Welcome
from lipwire.receiver import Greeting
from lipwire.sender import Cause
from lipwire.transports import Transport

from .world import CountedListener, avatar, connected, settle, speech, until

pytestmark = pytest.mark.anyio
LOSSY = Binding(
    name="room", separate_media=True, media_reliable=False, control_reliable=False, max_message=15_000,
    max_media_message=1_150,
)  # fmt: skip
HEARD = replace(LOSSY, broadcast=True)
KEY = b"16 random bytes."


class Room(CountedListener):
    """Transports that lose the first three messages of the kinds in ``loses``."""

    def __init__(self, binding: Binding = LOSSY) -> None:
        super().__init__(binding=binding)
        self.loses: set[type] = set()
        self.closes: list[int] = []
        """The codes of all closes that were sent, lost ones too."""
        self.said: list[bytes] = []
        """All messages."""

    async def connect(self) -> Transport:
        return self._worse(await super().connect())

    async def accept(self) -> Transport:
        return self._worse(await super().accept())

    def _worse(self, transport: Any) -> Transport:
        lost: Counter[type] = Counter()
        send = transport.send

        def lose_some(channel: Channel, data: Wire) -> None:
            message = decode(data, 65_536) if data else None  # nothing: whether it is closed
            self.said.append(bytes(data))  # type: ignore[arg-type]
            if isinstance(message, CloseMessage):
                self.closes.append(message.code)
            kind = type(message)
            if kind in self.loses and lost[kind] < 3:
                lost[kind] += 1
                return
            send(channel, data)

        transport.send = lose_some
        return transport  # type: ignore[no-any-return]


async def test_a_refusal_arrives() -> None:
    """LW-CLOSE-8, by an avatar that opens no session."""
    room = Room()
    room.loses = {CloseMessage}
    async with avatar(listener=room, authenticate=lambda _: False) as world:
        with pytest.raises(SessionRefused, match="unauthorized"):
            await world.agent().__aenter__()
        assert room.closes == [CloseCode.UNAUTHORIZED] * 4


async def test_the_older_of_two_transports_is_told() -> None:
    """LW-CLOSE-8 and LW-RESUME-5."""
    room = Room()
    async with connected(listener=room) as world:
        await settle()
        old, closing = room.newest, room.newest.aclose
        old.aclose = anyio.lowlevel.checkpoint  # the avatar does not hear of it
        world.out._shell.drop_transport()
        await until(lambda: world.out.statistics().transports == 2 and world.out.statistics().connected)
        assert room.closes == [CloseCode.SUPERSEDED] * 4
        await closing()


async def test_a_close_that_finds_no_transport_arrives() -> None:
    """LW-CLOSE-8 and LW-CLOSE-9: the hello and the close behind it."""
    room = Room()
    async with connected(listener=room, render=False) as world:
        room.newest.disconnect()
        await settle()
        room.loses = {Hello, CloseMessage}
        await world.out.aclose()
        await until(lambda: world.audio.closed, seconds=1)
        assert (world.audio.closed.code, world.audio.closed.by_peer) == (CloseCode.NORMAL, True)


async def test_a_transport_without_a_hello_is_closed_in_copies() -> None:
    """LW-CLOSE-8 and LW-OPEN-7."""
    room = Room()
    async with avatar(listener=room, limits=Limits(handshake=1.0)):
        silent = await room.connect()
        await anyio.sleep(1.5)
        assert room.closes == [CloseCode.HANDSHAKE_TIMEOUT] * 4
        await silent.aclose()


async def test_a_key_proves_who_opens_and_who_resumes() -> None:
    """LW-ROOM-2: over a room that others hear, and that loses; nothing secret is said there."""
    room = Room(HEARD)
    room.loses = {Hello, Welcome, Numbered}
    async with avatar(listener=room, room_key=KEY) as world:
        async with world.agent(room_key=KEY, auth="a token for others") as out:
            async with out.segment() as segment:
                await segment.write(speech(0.5))
            assert (await segment.ended()).cause is Cause.PLAYED
            room.newest.disconnect()
            async with out.segment() as segment:
                await segment.write(speech(0.5, 1))
            assert (await segment.ended()).cause is Cause.PLAYED
            assert (out.statistics().sessions, out.statistics().transports) == (1, 2)
        assert b"a token for others" not in b"".join(room.said)
        assert KEY not in b"".join(room.said)


@pytest.mark.parametrize("key", [None, b"another key, 16."])
async def test_without_the_key_nobody_is_let_in(key: bytes | None) -> None:
    async with avatar(listener=Room(HEARD), room_key=KEY) as world:
        with pytest.raises(SessionRefused, match="unauthorized"):
            await world.agent(room_key=key).__aenter__()


async def test_a_key_is_of_no_use_where_nobody_else_hears() -> None:
    async with avatar(room_key=KEY) as world, world.agent() as out:
        await until(lambda: out.statistics().connected)


async def test_a_hello_that_is_repeated_while_the_token_is_checked() -> None:
    """LW-OPEN-8: nothing is wrong about it where control may lose messages."""

    async def check(_: Greeting) -> bool:
        await anyio.sleep(1.0)
        return True

    async with avatar(listener=Room(), authenticate=check) as world, world.agent() as out:
        assert out.statistics().transports == 1
        await anyio.sleep(1.0)
        assert out.closed is None
