"""The native backend beyond the contract: its threads, its peers, what libdatachannel does not do by itself."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

import anyio
import anyio.lowlevel
import pytest
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription

from lipwire.protocol.channels import Channel, Wire
from lipwire.transports import (
    Transport,
    TransportBroken,
    TransportEnded,
    TransportError,
    WebRtcListener,
    _data_channels,
    connect_webrtc,
)
from lipwire.transports.urls import Backend

pytestmark = [pytest.mark.asyncio, pytest.mark.usefixtures("native")]
CONTROL, MEDIA = Channel.CONTROL, Channel.MEDIA
Pair: TypeAlias = tuple[Transport, Transport]
PAIRS: list[tuple[Backend, Backend]] = [("native", "native"), ("aiortc", "native"), ("native", "aiortc")]


@asynccontextmanager
async def connected(
    dials: Backend = "native", listens: Backend = "native"
) -> AsyncIterator[tuple[Transport, Transport]]:
    with anyio.fail_after(60):
        async with WebRtcListener("127.0.0.1", 0, backend=listens) as listener:
            first = await connect_webrtc(listener.address, backend=dials)()
            second = await listener.accept()
    try:
        yield first, second
    finally:
        with anyio.fail_after(30, shield=True):
            await first.aclose()
            await second.aclose()


async def all_of(transport: Transport) -> tuple[list[Wire], TransportError]:
    """What comes until the end, and the end."""
    got: list[Wire] = []
    with anyio.fail_after(60):
        while True:
            try:
                got += [message for _, message in await transport.receive()]
            except TransportError as error:
                return got, error


def numbered(number: int, size: int) -> bytes:
    return number.to_bytes(4, "big") * (size // 4)


async def test_a_loop_that_is_busy_loses_nothing_and_keeps_the_order() -> None:
    async with connected() as (first, second):
        for number in range(5_000):
            first.send(CONTROL, numbered(number, 200))
            if number % 500 == 0:
                await anyio.lowlevel.checkpoint()
        time.sleep(0.5)  # noqa: ASYNC251 (the loop is to be busy while they arrive)
        got: list[Wire] = []
        with anyio.fail_after(60):
            while len(got) < 5_000:
                got += [message for _, message in await second.receive()]
        assert got == [numbered(number, 200) for number in range(5_000)]


@pytest.mark.parametrize(("busy", "said"), [(True, "the loop left"), (False, "arrived unread")])
async def test_what_is_left_unread_is_bounded(monkeypatch: pytest.MonkeyPatch, busy: bool, said: str) -> None:
    monkeypatch.setattr(_data_channels, "MAX_UNREAD", 10_000)
    async with connected() as (first, second):
        for channel in (MEDIA, CONTROL, CONTROL):
            for _ in range(20):
                first.send(channel, bytes(1_000))
            if busy:
                time.sleep(0.2)  # noqa: ASYNC251 (the loop is to be busy while they arrive)
            else:
                await anyio.sleep(0.2)
        got, error = await all_of(second)
        assert isinstance(error, TransportBroken)
        assert said in str(error)
        assert 0 < sum(len(message) for message in got) <= 10_000


@pytest.mark.parametrize(("dials", "listens"), PAIRS)
async def test_an_orderly_end_comes_after_a_backlog(dials: Backend, listens: Backend) -> None:
    ends: list[tuple[list[Wire], TransportError]] = []
    async with connected(dials, listens) as (first, second):
        for number in range(400):
            first.send(CONTROL, numbered(number, 4_000))
            if number % 10 == 0:
                first.send(MEDIA, bytes(1_000))

        async def read() -> None:
            ends.append(await all_of(second))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await first.aclose()
    got, error = ends[0]
    assert isinstance(error, TransportEnded)
    assert [m for m in got if len(m) == 4_000] == [numbered(number, 4_000) for number in range(400)]


@pytest.mark.parametrize(("dials", "listens"), PAIRS)
async def test_the_largest_messages_both_ways_at_once(dials: Backend, listens: Backend) -> None:
    count, size = 40, _data_channels.WEBRTC_BINDING.max_message

    async def write(transport: Transport) -> None:
        for number in range(count):
            while transport.buffered() > 4 * size:  # noqa: ASYNC110 (nothing tells when the network has taken it)
                await anyio.sleep(0.001)
            transport.send(CONTROL, numbered(number, size))

    async def read(transport: Transport) -> None:
        got: list[Wire] = []
        while len(got) < count:
            got += [message for _, message in await transport.receive()]
        assert got == [numbered(number, size) for number in range(count)]

    async with connected(dials, listens) as pair:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for transport in pair:
                    tasks.start_soon(write, transport)
                    tasks.start_soon(read, transport)


async def test_a_text_with_a_nul_is_not_cut_short_silently() -> None:
    async with connected() as (first, second):
        with pytest.raises(ValueError, match="NUL"):
            first.send(CONTROL, "a\0b")
        first.send(CONTROL, b"a\0b")
        assert await second.receive() == [(CONTROL, b"a\0b")]


PEER = """
import sys, anyio
from lipwire.protocol.channels import Channel
from lipwire.transports import connect_webrtc

async def main():
    transport = await connect_webrtc(sys.argv[1], backend=sys.argv[2])()
    transport.send(Channel.CONTROL, b"here")
    await anyio.sleep_forever()

anyio.run(main)
"""


@asynccontextmanager
async def killed_peer(dials: Backend, close_timeout: float = 5.0) -> AsyncIterator[Transport]:
    """A transport whose peer, a process of its own, was killed a moment ago."""
    async with WebRtcListener("127.0.0.1", 0, backend="native", close_timeout=close_timeout) as listener:
        process = await anyio.open_process(
            [sys.executable, "-c", PEER, listener.address, dials], stdout=None, stderr=None
        )
        try:
            with anyio.fail_after(60):
                transport = await listener.accept()
                assert await transport.receive() == [(CONTROL, b"here")]
        finally:
            process.kill()
            await process.wait()
        yield transport


async def test_a_peer_that_was_killed_is_noticed() -> None:
    async with killed_peer("aiortc") as transport, anyio.create_task_group() as tasks:

        async def speak() -> None:
            while True:
                transport.send(CONTROL, bytes(100))
                await anyio.sleep(0.1)

        tasks.start_soon(speak)
        try:
            _, error = await all_of(transport)  # 13 s where it was measured, 60 s at most
        finally:
            tasks.cancel_scope.cancel()
        assert isinstance(error, TransportBroken)
        await transport.aclose()


async def test_closing_is_bounded_when_the_peer_was_killed() -> None:
    async with killed_peer("native", close_timeout=0.5) as transport:
        for number in range(400):
            transport.send(CONTROL, numbered(number, 4_000))
        with anyio.fail_after(10):
            await transport.aclose()


def wrong_protocol(connection: RTCPeerConnection) -> None:
    connection.createDataChannel("lipwire.control", protocol="lipwire.9")


def twice(connection: RTCPeerConnection) -> None:
    for _ in range(2):
        connection.createDataChannel("lipwire.control", protocol="lipwire.1")


def one_of_its_own(connection: RTCPeerConnection) -> None:
    connection.createDataChannel("chat")
    connection.createDataChannel("lipwire.control", protocol="lipwire.1")
    connection.createDataChannel("lipwire.media", ordered=False, maxRetransmits=0, protocol="lipwire.1")


@pytest.mark.parametrize(
    ("create", "wrong"),
    [(wrong_protocol, "protocol 'lipwire.9'"), (twice, "repeated True"), (one_of_its_own, None)],
)
async def test_the_peers_channels(create: Callable[[RTCPeerConnection], None], wrong: str | None) -> None:
    from lipwire.transports.webrtc_native import NativeTransport

    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    transport = NativeTransport(offers=False, ice_servers=(), peer="it", max_buffered=1_000_000, close_timeout=1.0)
    create(peer)
    await peer.setLocalDescription(await peer.createOffer())
    answer = await transport.answer(peer.localDescription.sdp)
    await peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    if wrong is None:
        await transport.open(30)
    else:
        with pytest.raises(TransportBroken, match=rf"lipwire\.control is not as it should be: .*{wrong}"):
            await transport.open(30)
    with anyio.fail_after(30):
        await transport.aclose()
        await peer.close()


async def test_ice_servers_are_urls_with_their_credentials() -> None:
    from lipwire.transports.webrtc_native import ice_urls

    given = ["stun:h:3478", RTCIceServer(urls=["turn:a", "turn:b"], username="me", credential="p:w")]
    assert ice_urls(given) == ["stun:h:3478", "turn:me:p%3Aw@a", "turn:me:p%3Aw@b"]


ALONE = """
import anyio
from lipwire.protocol.channels import Channel
from lipwire.transports import WebRtcListener, connect_webrtc

async def main(dials, listens):
    async with WebRtcListener("127.0.0.1", 0, backend=listens) as listener:
        transport = await connect_webrtc(listener.address, backend=dials)()
        accepted = await listener.accept()
        transport.send(Channel.CONTROL, b"here")
        assert await accepted.receive() == [(Channel.CONTROL, b"here")]
        await transport.aclose()
        await accepted.aclose()

for pair in (("native", "native"), ("aiortc", "native"), ("native", "aiortc")):
    anyio.run(main, *pair)
print("connected")
"""


async def test_on_a_machine_with_nothing_but_loopback() -> None:
    alone = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("unshare and ip are needed, to make a network with nothing but loopback")
    if (await anyio.run_process([*alone, "true"], check=False)).returncode:
        pytest.skip("a network namespace may not be made here (root may)")
    with anyio.fail_after(100):
        done = await anyio.run_process([*alone, sys.executable, "-c", ALONE], check=False)
    assert done.stdout == b"connected\n", done.stderr.decode()
