"""WebRTC beyond the contract: channels on a peer connection of one's own, signalling, refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import aioice.ice
import anyio
import pytest
from aiohttp import web
from aiortc import RTCConfiguration, RTCPeerConnection

import lipwire.transports._data_channels
from lipwire.protocol.channels import Channel
from lipwire.transports import (
    ConnectRefused,
    TransportBroken,
    TransportClosed,
    TransportEnded,
    TransportError,
    WebRtcListener,
    WebRtcTransport,
    connect_webrtc,
)
from lipwire.transports.urls import Backend
from lipwire.transports.webrtc import peer_connection

pytestmark = pytest.mark.asyncio
CONTROL, MEDIA = Channel.CONTROL, Channel.MEDIA
SDP = {"Content-Type": "application/sdp"}


async def end_of(transport: Any) -> TransportError:
    with anyio.fail_after(60):
        while True:
            try:
                await transport.receive()
            except TransportError as error:
                return error


async def negotiate(offering: RTCPeerConnection, answering: RTCPeerConnection) -> None:
    await offering.setLocalDescription(await offering.createOffer())
    await answering.setRemoteDescription(offering.localDescription)
    await answering.setLocalDescription(await answering.createAnswer())
    await offering.setRemoteDescription(answering.localDescription)


@asynccontextmanager
async def peers() -> AsyncIterator[tuple[RTCPeerConnection, RTCPeerConnection]]:
    first, second = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    try:
        yield first, second
    finally:
        await first.close()
        await second.close()


async def test_on_peer_connections_of_ones_own_which_stay_open() -> None:
    async with peers() as (mine, theirs):
        other: list[Any] = []
        theirs.on("datachannel", other.append)
        first = WebRtcTransport(mine, offers=True, peer="them")
        second = WebRtcTransport(theirs, offers=False)
        mine.createDataChannel("chat")
        await negotiate(mine, theirs)
        await first.open(30)
        await second.open(30)
        assert first.peer == "them"
        first.send(MEDIA, b"audio")
        assert await second.receive() == [(MEDIA, b"audio")]
        by_label = {channel.label: channel for channel in other}
        control, media = by_label["lipwire.control"], by_label["lipwire.media"]
        assert (control.ordered, control.maxRetransmits, control.protocol) == (True, None, "lipwire.1")
        assert (media.ordered, media.maxRetransmits, media.protocol) == (False, 0, "lipwire.1")
        await first.aclose()
        assert isinstance(await end_of(second), TransportEnded)
        await second.aclose()
        assert mine.connectionState == theirs.connectionState == "connected"
        assert by_label["chat"].readyState == "open"


async def test_an_abort_on_a_peer_connection_that_is_not_owned_closes_the_channels() -> None:
    async with peers() as (mine, theirs):
        first, second = WebRtcTransport(mine, offers=True), WebRtcTransport(theirs, offers=False)
        await negotiate(mine, theirs)
        await second.open(30)
        second.abort()
        assert isinstance(await end_of(first), TransportEnded)
        assert mine.connectionState == "connected"


async def test_sending_before_it_is_open_says_so() -> None:
    async with peers() as (mine, theirs):
        for transport in (WebRtcTransport(mine, offers=True), WebRtcTransport(theirs, offers=False)):
            with pytest.raises(TransportBroken, match="not open yet"):
                transport.send(CONTROL, b"too early")
            with pytest.raises(TransportBroken, match=r"did not open within 0\.01 s"):
                await transport.open(0.01)
            await transport.aclose()
            with pytest.raises(TransportClosed):
                await transport.open(0.01)


def wrong_order(connection: RTCPeerConnection) -> None:
    connection.createDataChannel("lipwire.control", ordered=False, protocol="lipwire.1")


def wrong_protocol(connection: RTCPeerConnection) -> None:
    connection.createDataChannel("lipwire.control", protocol="lipwire.9")


def twice(connection: RTCPeerConnection) -> None:
    for _ in range(2):
        connection.createDataChannel("lipwire.control", protocol="lipwire.1")


@pytest.mark.parametrize("create", [wrong_order, wrong_protocol, twice])
async def test_channels_that_are_not_as_they_should_be(create: Callable[[RTCPeerConnection], None]) -> None:
    async with peers() as (mine, theirs):
        create(mine)
        transport = WebRtcTransport(theirs, offers=False)
        await negotiate(mine, theirs)
        with pytest.raises(TransportBroken, match=r"lipwire\.control is not as it should be"):
            await transport.open(30)


async def test_a_peer_connection_closed_underneath() -> None:
    async with peers() as (mine, theirs):
        first, second = WebRtcTransport(mine, offers=True), WebRtcTransport(theirs, offers=False)
        await negotiate(mine, theirs)
        await first.open(30)
        await second.open(30)
        await mine.close()
        assert isinstance(await end_of(first), TransportBroken)
        assert isinstance(await end_of(second), TransportBroken)
        with anyio.fail_after(30):
            await first.aclose()
            await second.aclose()


async def test_what_is_left_unread_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lipwire.transports._data_channels, "MAX_UNREAD", 10_000)
    async with peers() as (mine, theirs):
        first, second = WebRtcTransport(mine, offers=True), WebRtcTransport(theirs, offers=False)
        await negotiate(mine, theirs)
        await first.open(30)
        for _ in range(20):
            first.send(MEDIA, bytes(1_000))
        for _ in range(20):
            first.send(CONTROL, bytes(1_000))
        with anyio.fail_after(30):
            await second.ended.wait()
        batch = await second.receive()
        assert 0 < sum(len(message) for _, message in batch) <= 10_000
        with pytest.raises(TransportBroken, match="unread"):
            await second.receive()
        await second.aclose()


async def test_no_ice_server_unless_given() -> None:
    for given, expected in (((), []), (("stun:127.0.0.1:3478",), ["stun:127.0.0.1:3478"])):
        connection = peer_connection(given)
        assert [server.urls for server in connection._RTCPeerConnection__configuration.iceServers] == expected  # type: ignore[attr-defined]
        await connection.close()


async def test_on_a_machine_with_nothing_but_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: [])
    async with WebRtcListener("127.0.0.1", 0) as listener:
        transport = await connect_webrtc(listener.address)()
        accepted = await listener.accept()
        transport.send(MEDIA, b"here")
        assert await accepted.receive() == [(MEDIA, b"here")]
        await transport.aclose()
        await accepted.aclose()


@asynccontextmanager
async def post(url: str, body: str | bytes, **headers: str) -> AsyncIterator[aiohttp.ClientResponse]:
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
        yield response


async def offer() -> tuple[RTCPeerConnection, str]:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    WebRtcTransport(connection, offers=True)
    await connection.setLocalDescription(await connection.createOffer())
    return connection, connection.localDescription.sdp


async def test_an_offer_is_answered_with_201_and_delete_closes_the_session(backend: Backend) -> None:
    async with WebRtcListener("127.0.0.1", 0, backend=backend, path="/whip/here") as listener:
        assert listener.address.endswith("/whip/here")
        connection, sdp = await offer()
        async with post(listener.address, sdp, **SDP) as response:
            assert response.status == 201
            assert response.content_type == "application/sdp"
            assert (await response.text()).startswith("v=0")
            location = response.headers["Location"]
        assert location.startswith("/whip/here/")
        root = listener.address.removesuffix("/whip/here")
        async with aiohttp.ClientSession() as session:
            for status in (200, 404):
                async with session.delete(root + location) as response:
                    assert response.status == status
        await connection.close()


async def test_delete_ends_an_open_session_in_an_orderly_way(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
    locations: list[str] = []
    prepare = web.Response.prepare

    async def noting(self: web.Response, request: Any) -> Any:
        locations.append(self.headers.get("Location", ""))
        return await prepare(self, request)

    monkeypatch.setattr(web.Response, "prepare", noting)
    async with WebRtcListener("127.0.0.1", 0, backend=backend) as listener:
        transport = await connect_webrtc(listener.address, backend=backend)()
        accepted = await listener.accept()
        transport.send(CONTROL, b"unread")
        async with aiohttp.ClientSession() as session:
            url = listener.address.removesuffix("/lipwire") + locations[0]
            async with session.delete(url) as response:
                assert response.status == 200
        assert isinstance(await end_of(transport), TransportEnded | TransportBroken)
        assert isinstance(await end_of(accepted), TransportEnded)
        await transport.aclose()
        await accepted.aclose()


async def test_requests_that_are_not_offers(backend: Backend) -> None:
    async with WebRtcListener("127.0.0.1", 0, backend=backend) as listener:
        connection, sdp = await offer()
        await connection.close()
        audio_only = "\r\n".join(line for line in sdp.splitlines() if "application" not in line)
        for body, kind, status in (
            (sdp, "text/plain", 415),
            ("{}", "application/json", 415),
            ("not sdp", "application/sdp", 400),
            ("", "application/sdp", 400),
            (b"\xff\xfe", "application/sdp", 400),
            (audio_only, "application/sdp", 400),
            ("v=0\r\n" * 20_000, "application/sdp", 413),
        ):
            async with post(listener.address, body, **{"Content-Type": kind}) as response:
                assert response.status == status, (body[:20], kind)
        async with post(listener.address + "x", sdp, **SDP) as response:
            assert response.status == 404
        async with aiohttp.ClientSession() as session, session.get(listener.address) as response:
            assert response.status == 405


async def test_the_token_and_authorize() -> None:
    seen: list[str] = []

    def authorize(request: Any) -> int | None:
        seen.append(request.path)
        return 403 if "banned" in request.path else None

    async with WebRtcListener("127.0.0.1", 0, token="secret", authorize=authorize) as listener:
        for token in (None, "wrong", "sécret"):
            with pytest.raises(ConnectRefused, match="token") as refused:
                await connect_webrtc(listener.address, token=token)()
            assert refused.value.status == 401
        with pytest.raises(ConnectRefused) as refused:
            await connect_webrtc(f"{listener.address}?banned", token="secret")()
        assert refused.value.status == 403
        with pytest.raises(ConnectRefused) as refused:
            await connect_webrtc(f"{listener.address}/elsewhere/deep", token="secret")()
        assert refused.value.status in (404, 405)
        transport = await connect_webrtc(listener.address, token="secret")()
        assert seen == ["/lipwire?banned", "/lipwire"]
        accepted = await listener.accept()
        await transport.aclose()
        await accepted.aclose()


async def test_foreign_pages_and_hosts_are_refused_and_served_ones_get_cors() -> None:
    async with WebRtcListener("127.0.0.1", 0) as listener:
        for headers in ({"Origin": "https://evil.example"}, {"Host": "rebound.example"}):
            async with post(listener.address, "x", **SDP, **headers) as response:
                assert response.status == 403
                assert "Access-Control-Allow-Origin" not in response.headers
        async with aiohttp.ClientSession() as session:
            headers = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
            async with session.options(listener.address, headers=headers) as response:
                assert response.status == 204
                assert response.headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
                assert "POST" in response.headers["Access-Control-Allow-Methods"]
            headers["Origin"] = "https://evil.example"
            async with session.options(listener.address, headers=headers) as response:
                assert response.status == 403


async def test_half_open_peers_are_bounded_in_number_and_time(backend: Backend) -> None:
    async with WebRtcListener("127.0.0.1", 0, backend=backend, max_half_open=1, open_timeout=0.5) as listener:
        connection, sdp = await offer()
        async with post(listener.address, sdp, **SDP) as response:
            assert response.status == 201
        async with post(listener.address, sdp, **SDP) as response:
            assert response.status == 503
            assert response.headers["Retry-After"]
        await connection.close()
        with anyio.fail_after(60):
            while True:
                try:
                    transport = await connect_webrtc(listener.address, backend=backend)()
                except TransportBroken:
                    await anyio.sleep(0.1)
                else:
                    break
        await (await listener.accept()).aclose()
        await transport.aclose()


async def test_leaving_the_listener_closes_what_nobody_accepted(backend: Backend) -> None:
    async with WebRtcListener("127.0.0.1", 0, backend=backend) as listener:
        kept = await connect_webrtc(listener.address, backend=backend)()
        accepted = await listener.accept()
        waiting = await connect_webrtc(listener.address, backend=backend)()
        waiting.send(CONTROL, b"x")
        await anyio.sleep(0.2)
    assert isinstance(await end_of(waiting), TransportEnded | TransportBroken)
    kept.send(CONTROL, b"still here")
    assert await accepted.receive() == [(CONTROL, b"still here")]
    for transport in (kept, accepted, waiting):
        await transport.aclose()


async def test_nobody_listens_and_a_port_in_use(backend: Backend) -> None:
    async with WebRtcListener("127.0.0.1", 0, backend=backend) as listener:
        address = listener.address
        port = int(address.rpartition(":")[2].partition("/")[0])
        with pytest.raises(TransportBroken, match=rf"127\.0\.0\.1:{port}"):
            async with WebRtcListener("127.0.0.1", port, backend=backend):
                pass
    with pytest.raises(TransportBroken, match=str(port)):
        await connect_webrtc(address, backend=backend)()


@pytest.mark.parametrize(
    ("status", "mime", "body", "expected"),
    [
        (201, "text/html", "<html>", TransportBroken),
        (201, "application/sdp", "nonsense", TransportBroken),
        (200, "text/plain", "hello", TransportBroken),
        (500, "text/plain", "ouch", TransportBroken),
        (410, "text/plain", "gone", ConnectRefused),
    ],
)
async def test_servers_that_answer_something_else(
    backend: Backend, status: int, mime: str, body: str, expected: type[TransportError]
) -> None:
    async def handle(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, content_type=mime)

    app = web.Application()
    app.router.add_post("/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    with pytest.raises(expected):
        await connect_webrtc(f"http://127.0.0.1:{runner.addresses[0][1]}/", backend=backend)()
    await runner.cleanup()


async def test_a_server_that_never_answers_is_given_up_and_cancelling_cleans_up(backend: Backend) -> None:
    asked = anyio.Event()

    async def handle(_: web.Request) -> web.Response:
        asked.set()
        await anyio.sleep(60)
        return web.Response()

    app = web.Application()
    app.router.add_post("/", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    with pytest.raises(TransportBroken, match=r"within 0\.5 s"):
        await connect_webrtc(url, backend=backend, timeout=0.5)()
    asked = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(connect_webrtc(url, backend=backend))
        await asked.wait()
        group.cancel_scope.cancel()
    await runner.cleanup()


async def test_over_tls(backend: Backend, tls: Any) -> None:
    server, client = tls
    async with WebRtcListener("localhost", 0, backend=backend, ssl=server) as listener:
        assert listener.address.startswith("https://")
        transport = await connect_webrtc(listener.address, backend=backend, ssl=client)()
        await (await listener.accept()).aclose()
        await transport.aclose()
        with pytest.raises(ConnectRefused, match="certificate"):
            await connect_webrtc(listener.address, backend=backend)()


@pytest.mark.parametrize("url", ["ws://host", "http://", "host"])
async def test_what_is_not_an_http_url(url: str) -> None:
    with pytest.raises(ValueError, match="not an HTTP URL"):
        connect_webrtc(url)


async def test_trio_is_told_from_asyncio(backend: Backend) -> None:
    async def dial() -> None:
        with pytest.raises(RuntimeError, match="asyncio"):
            await connect_webrtc("http://127.0.0.1:1", backend=backend)()
        with pytest.raises(RuntimeError, match="asyncio"):
            async with WebRtcListener("127.0.0.1", 0, backend=backend):
                pass

    await anyio.to_thread.run_sync(lambda: anyio.run(dial, backend="trio"))
