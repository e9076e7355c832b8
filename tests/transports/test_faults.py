"""The fault injector around real transports, on the real clock (its arithmetic is tested in test_link)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import anyio
import pytest

from lipwire.protocol.channels import Channel
from lipwire.transports import (
    Faults,
    FaultyLink,
    FaultyListener,
    FaultyTransport,
    MemoryListener,
    TransportBroken,
    TransportEnded,
    TransportError,
    TransportOverflow,
    faulty,
    memory_pair,
)
from lipwire.transports.memory import MEMORY_BINDING, MemoryTransport

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])]
CONTROL, MEDIA = Channel.CONTROL, Channel.MEDIA
BOTH = frozenset(Channel)
SEPARATE = replace(MEMORY_BINDING, separate_media=True)


def separate_pair() -> tuple[MemoryTransport, MemoryTransport]:
    return memory_pair(binding=SEPARATE)


async def drain(transport: object) -> list[bytes]:
    got: list[bytes] = []
    with anyio.fail_after(30):
        while True:
            try:
                got += [message for _, message in await transport.receive()]  # type: ignore[attr-defined]
            except TransportError:
                return got


async def test_loss_is_the_links_and_the_same_each_time() -> None:
    fates = []
    for _ in range(2):
        first, second = separate_pair()
        async with FaultyTransport(first, Faults(seed=11, loss=0.3)) as lossy:
            for number in range(200):
                lossy.send(MEDIA, bytes([number]))
                lossy.send(CONTROL, bytes([number]))
        got = await drain(second)
        fates.append(got)
        assert len(got) == 400 - lossy.out.counts.lost
        assert 30 < lossy.out.counts.lost < 90
    assert fates[0] == fates[1]
    link = FaultyLink(Faults(seed=11, loss=0.3))
    for number in range(200):
        link.push(MEDIA, bytes([number]), 0.0)
        link.push(CONTROL, bytes([number]), 0.0)
    assert [message for _, message in link.pop_due(0.0)] == fates[0]


async def test_each_direction_has_its_own_faults() -> None:
    first, second = separate_pair()
    async with FaultyTransport(first, Faults(loss=1.0), Faults(duplicate=1.0)) as wrapped:
        wrapped.send(MEDIA, b"gone")
        second.send(MEDIA, b"twice")
        got: list[bytes] = []
        with anyio.fail_after(30):
            while len(got) < 2:
                got += [message for _, message in await wrapped.receive()]  # type: ignore[misc]
        assert got == [b"twice", b"twice"]
        assert wrapped.out.counts.lost == 1
        assert wrapped.into.counts.duplicated == 1
    assert await drain(second) == []


async def test_delay_holds_back_both_ways_and_close_flushes() -> None:
    first, second = separate_pair()
    async with FaultyTransport(first, Faults(delay=0.1), Faults(delay=0.1)) as slow:
        start = anyio.current_time()
        slow.send(CONTROL, b"there")
        second.send(CONTROL, b"back")
        with anyio.fail_after(30):
            assert await slow.receive() == [(CONTROL, b"back")]
            assert anyio.current_time() - start >= 0.1
            assert await second.receive() == [(CONTROL, b"there")]
        slow.send(CONTROL, b"farewell")
    assert await drain(second) == [b"farewell"]


async def test_the_peers_end_comes_after_all_that_it_sent() -> None:
    first, second = separate_pair()
    async with FaultyTransport(first, Faults(), Faults(delay=0.05)) as slow:
        second.send(CONTROL, b"last")
        await second.aclose()
        with anyio.fail_after(30):
            assert await slow.receive() == [(CONTROL, b"last")]
            with pytest.raises(TransportEnded):
                await slow.receive()


async def test_a_cut_breaks_both_ends_and_takes_what_was_under_way() -> None:
    first, second = separate_pair()
    wrapped = FaultyTransport(first, Faults(delay=0.5, cut_after=2.0))
    start = anyio.current_time()
    wrapped.send(CONTROL, b"arrives")
    await anyio.sleep_until(start + 1.75)
    # On a machine so slow that the cut has come already, it does not arrive either.
    with suppress(TransportBroken):
        wrapped.send(CONTROL, b"does not")
    with anyio.fail_after(30):
        with pytest.raises(TransportBroken, match="fault injector"):
            await wrapped.receive()
        assert await drain(second) == [b"arrives"]
        with pytest.raises(TransportBroken):
            await second.receive()
    with pytest.raises(TransportBroken):
        wrapped.send(CONTROL, b"too late")
    await wrapped.aclose()


async def test_only_the_first_connection_is_cut_unless_told() -> None:
    listener = MemoryListener()
    connect = faulty(listener.connect, Faults(cut_after=0.02))
    async with FaultyListener(listener, Faults(), Faults()) as wrapped:
        assert wrapped.address == listener.address
        first = await connect()
        first_accepted = await wrapped.accept()
        with anyio.fail_after(30), pytest.raises(TransportBroken):
            await first.receive()
        with anyio.fail_after(30), pytest.raises(TransportBroken):
            await first_accepted.receive()
        second = await connect()
        second_accepted = await wrapped.accept()
        await anyio.sleep(0.05)
        second.send(CONTROL, b"lasting")
        with anyio.fail_after(30):
            assert await second_accepted.receive() == [(CONTROL, b"lasting")]
        assert connect.transports == [first, second]
        for transport in (first, second, first_accepted, second_accepted):
            await transport.aclose()


async def test_disconnecting_by_hand() -> None:
    first, second = separate_pair()
    wrapped = FaultyTransport(first, Faults())
    second.send(CONTROL, b"before")
    await anyio.wait_all_tasks_blocked()
    wrapped.disconnect("by hand")
    assert await wrapped.receive() == [(CONTROL, b"before")]
    with pytest.raises(TransportBroken, match="by hand"):
        await wrapped.receive()
    assert await drain(second) == []
    with pytest.raises(TransportBroken):
        await second.receive()
    await wrapped.aclose()


async def test_a_slow_link_shows_in_buffered_and_overflows() -> None:
    first, _ = separate_pair()
    slow = FaultyTransport(first, Faults(rate=10_000, channels=frozenset()), max_buffered=50_000)
    for _ in range(5):
        slow.send(MEDIA, bytes(10_000))
    assert 0 < slow.buffered() <= 50_000
    with pytest.raises(TransportOverflow, match="50000"):
        slow.send(MEDIA, bytes(30_000))
    slow.abort()


async def test_the_binding_says_what_is_no_longer_reliable() -> None:
    def binding(out: Faults, into: Faults | None = None) -> tuple[bool, bool]:
        wrapped = FaultyTransport(separate_pair()[0], out, into)
        wrapped.abort()
        return wrapped.binding.control_reliable, wrapped.binding.media_reliable

    assert binding(Faults(delay=1.0, cut_after=3.0)) == (True, True)
    assert binding(Faults(loss=0.1)) == (True, False)
    assert binding(Faults(), Faults(reorder=0.1)) == (True, False)
    assert binding(Faults(loss=0.1, channels=BOTH)) == (False, False)
    assert binding(Faults(loss=0.1, channels=frozenset({CONTROL}))) == (False, True)


async def test_media_cannot_be_told_on_arrival_where_it_is_not_separate() -> None:
    first, _ = memory_pair()
    with pytest.raises(ValueError, match="wrap the sending side"):
        FaultyTransport(first, Faults(), Faults(loss=0.1))
    FaultyTransport(first, Faults(loss=0.1), Faults(loss=0.1, channels=BOTH)).abort()
