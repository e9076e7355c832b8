"""What every transport must do, tried on each of them (see :class:`lipwire.transports.base.Transport`)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import anyio
import anyio.lowlevel
import pytest

from lipwire.protocol.channels import Channel
from lipwire.transports.base import (
    MessageTooLarge,
    Received,
    Transport,
    TransportBroken,
    TransportClosed,
    TransportEnded,
    TransportError,
    TransportOverflow,
)

pytestmark = pytest.mark.anyio

Pair: TypeAlias = tuple[Transport, Transport]
OpenPair: TypeAlias = Callable[..., AbstractAsyncContextManager[Pair]]
CONTROL, MEDIA = Channel.CONTROL, Channel.MEDIA


async def receive(transport: Transport, count: int) -> list[Received]:
    """So many messages, within a time that no machine needs."""
    got: list[Received] = []
    with anyio.fail_after(30):
        while len(got) < count:
            got += await transport.receive()
    assert len(got) == count
    return got


async def end_of(transport: Transport) -> tuple[list[Received], TransportError]:
    """All that still comes, and the error that it ends with."""
    got: list[Received] = []
    with anyio.fail_after(60):
        while True:
            try:
                got += await transport.receive()
            except TransportError as error:
                return got, error


async def test_messages_go_both_ways_on_both_channels(open_pair: OpenPair) -> None:
    async with open_pair() as (first, second):
        for sender, receiver in ((first, second), (second, first)):
            sender.send(CONTROL, b"control")
            assert await receive(receiver, 1) == [(CONTROL, b"control")]
            sender.send(MEDIA, b"media")
            expected = MEDIA if receiver.binding.separate_media else CONTROL
            assert await receive(receiver, 1) == [(expected, b"media")]


async def test_control_keeps_its_order(open_pair: OpenPair) -> None:
    async with open_pair() as (first, second):
        messages = [number.to_bytes(2, "big") for number in range(500)]
        for message in messages:
            first.send(CONTROL, message)
        assert [message for _, message in await receive(second, 500)] == messages


async def test_what_has_arrived_comes_as_one_batch(open_pair: OpenPair) -> None:
    async with open_pair() as (first, second):
        for number in range(3):
            first.send(CONTROL, bytes([number]))
        batches: list[int] = []
        with anyio.fail_after(30):
            while sum(batches) < 3:
                batches.append(len(await second.receive()))
                await anyio.sleep(0.05)
        assert len(batches) <= 2


async def test_what_is_delivered_as_it_arrives_stays_behind_what_had_arrived(open_pair: OpenPair) -> None:
    async with open_pair() as (first, second):
        first.send(CONTROL, b"0")
        got: list[Received] = await receive(second, 1)
        second.deliver_to(lambda channel, message: got.append((channel, message)))
        for number in range(1, 30):
            first.send(CONTROL, b"%d" % number)
        while len(got) < 30:
            await anyio.lowlevel.checkpoint()
            with anyio.move_on_after(0.05):  # a transport may hand over nothing
                got += await second.receive()
        assert got == [(CONTROL, b"%d" % number) for number in range(30)]
        await first.aclose()
        left, error = await end_of(second)
        assert left == []
        assert isinstance(error, TransportEnded)


async def test_text_stays_text(open_pair: OpenPair) -> None:
    async with open_pair() as (first, second):
        first.send(CONTROL, "grüß dich")
        first.send(CONTROL, b"INTERRUPT")
        assert await receive(second, 2) == [(CONTROL, "grüß dich"), (CONTROL, b"INTERRUPT")]


async def test_sizes_from_none_to_the_largest(open_pair: OpenPair) -> None:
    async with open_pair() as (first, second):
        for channel, most in (
            (CONTROL, first.binding.max_message),
            (MEDIA, first.binding.max_media_message),
        ):
            for size in (0, 1, most):
                first.send(channel, bytes(size))
                assert [len(message) for _, message in await receive(second, 1)] == [size]
            with pytest.raises(MessageTooLarge, match=str(most)):
                first.send(channel, bytes(most + 1))
            with pytest.raises(MessageTooLarge):
                first.send(channel, "ü" * (most // 2 + 1))
        first.send(CONTROL, b"and on it goes")
        assert await receive(second, 1) == [(CONTROL, b"and on it goes")]


async def test_an_orderly_end_comes_after_what_was_sent(open_pair: OpenPair) -> None:
    async with open_pair() as (first, second):
        for number in range(100):
            first.send(CONTROL, bytes([number]))
        got: list[Received] = []

        async def drain() -> None:
            messages, error = await end_of(second)
            got.extend(messages)
            assert type(error) is TransportEnded

        with anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                group.start_soon(drain)
                await first.aclose()
        assert [message for _, message in got] == [bytes([number]) for number in range(100)]
        with pytest.raises(TransportEnded):
            await second.receive()
        with pytest.raises(TransportEnded):
            second.send(CONTROL, b"too late")


async def test_after_an_end_unread_messages_can_still_be_read(open_pair: OpenPair) -> None:
    async with open_pair() as (first, second):
        first.send(CONTROL, b"one")
        first.send(CONTROL, b"two")
        with anyio.fail_after(60):
            await first.aclose()
        messages, error = await end_of(second)
        assert [message for _, message in messages] == [b"one", b"two"]
        assert type(error) is TransportEnded


async def test_a_broken_transport_is_told_from_an_ended_one(open_pair: OpenPair) -> None:
    async with open_pair() as (first, second):
        first.send(CONTROL, b"before")
        assert await receive(second, 1) == [(CONTROL, b"before")]
        first.abort()
        first.abort()
        _, error = await end_of(second)
        assert type(error) is TransportBroken
        assert str(error)
        with pytest.raises(TransportBroken):
            second.send(CONTROL, b"too late")
        _, error = await end_of(first)
        assert type(error) is TransportClosed
        with pytest.raises(TransportClosed):
            first.send(CONTROL, b"too late")


async def test_cancelling_receive_loses_nothing(open_pair: OpenPair) -> None:
    async with open_pair() as (first, second):
        got: list[Received] = []

        async def take() -> None:
            got.extend(await second.receive())

        for number in range(50):
            async with anyio.create_task_group() as group:
                group.start_soon(take)
                await anyio.lowlevel.checkpoint()
                if number % 2:
                    first.send(CONTROL, bytes([number]))
                for _ in range(number % 5):
                    await anyio.lowlevel.checkpoint()
                if number % 2 == 0:
                    first.send(CONTROL, bytes([number]))
                group.cancel_scope.cancel()
        with anyio.fail_after(30):
            while len(got) < 50:
                await take()
        assert [message for _, message in got] == [bytes([number]) for number in range(50)]


async def test_two_tasks_cannot_receive_at_once(open_pair: OpenPair) -> None:
    async with open_pair() as (first, second), anyio.create_task_group() as group:

        async def wait() -> None:
            await second.receive()

        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(anyio.BusyResourceError):
            await second.receive()
        first.send(CONTROL, b"done")


async def test_closing_wakes_the_own_receiver_and_may_be_repeated(open_pair: OpenPair) -> None:
    async with open_pair() as (first, _):
        async with anyio.create_task_group() as group:

            async def wait() -> None:
                _, error = await end_of(first)
                assert type(error) is TransportClosed

            group.start_soon(wait)
            await anyio.lowlevel.checkpoint()
            with anyio.fail_after(30):
                await first.aclose()
        with anyio.fail_after(30):
            await first.aclose()
        with pytest.raises(TransportClosed):
            await first.receive()
        with pytest.raises(TransportClosed):
            first.send(CONTROL, b"too late")


async def test_both_sides_may_close_at_once(open_pair: OpenPair) -> None:
    async with open_pair() as (first, second), anyio.create_task_group() as group:
        with anyio.fail_after(30):
            group.start_soon(first.aclose)
            await second.aclose()


async def test_closing_is_bounded_when_the_peer_does_not_read(open_pair: OpenPair) -> None:
    async with open_pair() as (first, second):
        for number in range(400):
            first.send(CONTROL, number.to_bytes(4, "big") * 1_000)
            second.send(CONTROL, number.to_bytes(4, "big") * 1_000)
        with anyio.fail_after(60):
            await first.aclose()


async def test_a_cancelled_close_tears_down(open_pair: OpenPair) -> None:
    async with open_pair() as (first, second):
        with anyio.CancelScope() as scope:
            scope.cancel()
            await first.aclose()
        _, error = await end_of(second)
        assert isinstance(error, TransportEnded | TransportBroken)
        with pytest.raises(TransportClosed):
            first.send(CONTROL, b"too late")


async def test_what_the_peer_does_not_take_is_bounded(open_pair: OpenPair) -> None:
    async with open_pair(max_buffered=200_000) as (first, second):
        accepted = 0
        until = anyio.current_time() + 10  # where there is delay, what is under way does not wait yet

        def fill() -> None:
            nonlocal accepted
            while anyio.current_time() < until:
                first.send(CONTROL, accepted.to_bytes(4, "big") + bytes(20_000))
                accepted += 1

        with pytest.raises(TransportOverflow, match="bytes wait"):
            fill()
        assert first.buffered() > 0
        got = await receive(second, accepted)
        assert [int.from_bytes(message[:4], "big") for _, message in got] == list(range(accepted))
        with anyio.fail_after(30):
            while first.buffered() > 100_000:  # noqa: ASYNC110 (nothing tells when the network has taken it)
                await anyio.sleep(0.01)
        first.send(CONTROL, b"there is room again")
        assert await receive(second, 1) == [(CONTROL, b"there is room again")]


async def test_the_binding_and_the_peer_say_something(open_pair: OpenPair) -> None:
    async with open_pair() as (first, second):
        for transport in (first, second):
            assert transport.binding.name
            assert transport.peer
            assert transport.binding.max_media_message <= transport.binding.max_message
