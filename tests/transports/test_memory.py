"""The memory and scripted transports beyond the contract, on asyncio and on trio."""

from __future__ import annotations

import anyio
import pytest

from lipwire.protocol.channels import Binding, Channel
from lipwire.transports import (
    MemoryListener,
    MessageTooLarge,
    ScriptedTransport,
    TransportBroken,
    TransportClosed,
    TransportEnded,
    TransportOverflow,
    memory_pair,
)

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])]
CONTROL, MEDIA = Channel.CONTROL, Channel.MEDIA


async def test_a_pair_declares_what_it_was_told() -> None:
    binding = Binding(name="room", separate_media=True, control_reliable=False, broadcast=True)
    first, second = memory_pair(binding=binding, names=("agent", "avatar"))
    assert first.binding is second.binding is binding
    assert (first.peer, second.peer) == ("avatar", "agent")


async def test_disconnecting_breaks_both_ends_after_what_had_arrived() -> None:
    first, second = memory_pair()
    first.send(CONTROL, b"last words")
    first.disconnect("the cable was pulled")
    assert await second.receive() == [(CONTROL, b"last words")]
    for transport in (first, second):
        with pytest.raises(TransportBroken, match="the cable was pulled"):
            await transport.receive()
        with pytest.raises(TransportBroken):
            transport.send(CONTROL, b"more")
        await transport.aclose()
        with pytest.raises(TransportClosed):
            await transport.receive()


async def test_the_listener_hands_out_the_other_ends_in_order() -> None:
    listener = MemoryListener()
    with pytest.raises(TransportBroken):
        await listener.connect()
    with pytest.raises(TransportClosed):
        await listener.accept()
    async with listener:
        dialled = [await listener.connect() for _ in range(3)]
        for number, transport in enumerate(dialled):
            transport.send(CONTROL, bytes([number]))
        accepted = [await listener.accept() for _ in range(2)]
        assert [await transport.receive() for transport in accepted] == [[(CONTROL, b"\0")], [(CONTROL, b"\1")]]
        assert len({transport.peer for transport in accepted}) == 2
    with pytest.raises(TransportEnded):
        await dialled[2].receive()
    accepted[0].send(CONTROL, b"still here")
    assert await dialled[0].receive() == [(CONTROL, b"still here")]
    with pytest.raises(TransportClosed):
        await listener.accept()
    with pytest.raises(TransportBroken):
        await listener.connect()


async def test_the_listeners_backlog_is_bounded() -> None:
    async with MemoryListener(backlog=2) as listener:
        await listener.connect()
        await listener.connect()
        with pytest.raises(TransportBroken, match="too many"):
            await listener.connect()
        await listener.accept()
        await listener.connect()


async def test_several_tasks_may_accept() -> None:
    async with MemoryListener() as listener:
        got: list[str] = []

        async def accept() -> None:
            got.append((await listener.accept()).peer)

        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(accept)
                await anyio.wait_all_tasks_blocked()
                for _ in range(3):
                    await listener.connect()
        assert len(set(got)) == 3


async def test_a_cancelled_accept_loses_no_peer() -> None:
    async with MemoryListener() as listener:
        with anyio.move_on_after(0.01) as scope:
            await listener.accept()
        assert scope.cancelled_caught
        dialled = await listener.connect()
        with anyio.CancelScope() as scope:
            scope.cancel()
            await listener.accept()
        (await listener.accept()).send(CONTROL, b"found")
        assert await dialled.receive() == [(CONTROL, b"found")]


async def test_the_script_feeds_and_records() -> None:
    transport = ScriptedTransport([(CONTROL, b"hello")])
    transport.feed(b"one", "two")
    transport.feed(b"three", channel=MEDIA)
    transport.end()
    batch = [(CONTROL, b"hello"), (CONTROL, b"one"), (CONTROL, "two"), (MEDIA, b"three")]
    assert await transport.receive() == batch
    with pytest.raises(TransportEnded):
        await transport.receive()
    with pytest.raises(TransportEnded):
        transport.send(CONTROL, b"too late")


async def test_the_script_can_break_overflow_and_limit() -> None:
    transport = ScriptedTransport(max_buffered=100)
    transport.send(MEDIA, b"a")
    transport.send(CONTROL, b"b")
    assert transport.take_sent() == [(MEDIA, b"a"), (CONTROL, b"b")]
    assert transport.take_sent() == []
    transport.backlog = 100
    assert transport.buffered() == 100
    with pytest.raises(TransportOverflow):
        transport.send(MEDIA, b"c")
    with pytest.raises(MessageTooLarge):
        transport.send(MEDIA, bytes(transport.binding.max_media_message + 1))
    transport.break_off("no signal")
    with pytest.raises(TransportBroken, match="no signal"):
        await transport.receive()
    await transport.aclose()
    assert transport.closed
    assert not transport.aborted
    with pytest.raises(TransportClosed):
        await transport.receive()


async def test_the_script_notes_an_abort() -> None:
    transport = ScriptedTransport([(CONTROL, b"unread")])
    transport.abort()
    assert transport.aborted
    with pytest.raises(TransportClosed):
        await transport.receive()
