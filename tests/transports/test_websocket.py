"""WebSocket beyond the contract: handshake, refusals, origins, TLS, and how connections end."""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import Any
from urllib.parse import urlsplit

import anyio
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from lipwire.protocol.channels import Channel
from lipwire.transports import (
    ConnectRefused,
    HttpRequest,
    TransportBroken,
    TransportClosed,
    TransportEnded,
    TransportError,
    WebSocketListener,
    WebSocketTransport,
    connect_websocket,
)

pytestmark = pytest.mark.asyncio
CONTROL = Channel.CONTROL


async def end_of(transport: Any) -> TransportError:
    with anyio.fail_after(30):
        while True:
            try:
                await transport.receive()
            except TransportError as error:
                return error


async def status_of(url: str, **headers: str) -> int:
    """The HTTP status that a client with these headers gets (101 if it is let in)."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    fields = {"Host": parts.netloc} | headers
    lines = [
        f"GET {parts.path or '/'}{'?' * bool(parts.query)}{parts.query} HTTP/1.1",
        *(f"{name}: {value}" for name, value in fields.items()),
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol: lipwire.1",
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    answer = await reader.readline()
    writer.close()
    await writer.wait_closed()
    return int(answer.split()[1])


async def test_version_1_offers_and_answers_its_subprotocol_without_compression() -> None:
    async with WebSocketListener("127.0.0.1", 0) as listener:
        transport = await connect_websocket(listener.address)()
        assert isinstance(transport, WebSocketTransport)
        assert transport.connection.subprotocol == "lipwire.1"
        assert transport.connection.response is not None
        assert "Sec-WebSocket-Extensions" not in transport.connection.response.headers
        await transport.aclose()


async def test_a_server_without_the_subprotocol_is_refused() -> None:
    async def handle(connection: Any) -> None:
        await connection.wait_closed()

    async with serve(handle, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        with pytest.raises(ConnectRefused, match=r"lipwire\.1"):
            await connect_websocket(f"ws://127.0.0.1:{port}")()
        transport = await connect_websocket(f"ws://127.0.0.1:{port}", subprotocol=None)()
        await transport.aclose()


@pytest.mark.parametrize("offered", [None, "something.else"])
async def test_a_client_without_the_subprotocol_is_refused(offered: str | None) -> None:
    async with WebSocketListener("127.0.0.1", 0) as listener:
        with pytest.raises(ConnectRefused, match=r"lipwire\.1") as refused:
            await connect_websocket(listener.address, subprotocol=offered)()
        assert refused.value.status == 400


async def test_a_version_0_listener_takes_clients_with_and_without_a_subprotocol() -> None:
    async with WebSocketListener("127.0.0.1", 0, subprotocol=None) as listener:
        transport = await connect_websocket(listener.address, subprotocol=None)()
        await transport.aclose()
        assert await status_of(listener.address) == 101


async def test_the_path_is_checked_and_is_part_of_the_address() -> None:
    async with WebSocketListener("127.0.0.1", 0, path="/avatar") as listener:
        assert listener.address.endswith("/avatar")
        assert await status_of(listener.address) == 101
        assert await status_of(f"{listener.address}?x=1") == 101
        with pytest.raises(ConnectRefused, match="404") as refused:
            await connect_websocket(listener.address + "/other")()
        assert refused.value.status == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost"}, 101),
        ({"Host": "127.0.0.1:1"}, 101),
        ({"Host": "[::1]:99"}, 101),
        ({"Host": "rebound.example"}, 403),
        ({"Host": "127.0.0.1.example"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://localhost:3000"}, 101),
        ({"Origin": "http://127.0.0.1"}, 101),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "http://[broken"}, 403),
    ],
)
async def test_on_loopback_foreign_hosts_and_pages_are_refused(headers: dict[str, str], status: int) -> None:
    async with WebSocketListener("127.0.0.1", 0) as listener:
        assert await status_of(listener.address, **headers) == status


async def test_hosts_and_origins_can_be_configured() -> None:
    async with WebSocketListener(
        "127.0.0.1", 0, allowed_hosts=["avatar.example"], allowed_origins=["https://app.example"]
    ) as listener:
        assert await status_of(listener.address) == 403
        good = {"Host": "Avatar.Example:8443"}
        assert await status_of(listener.address, **good) == 101
        assert await status_of(listener.address, **good, Origin="https://app.example") == 101
        assert await status_of(listener.address, **good, Origin="http://localhost") == 403
    async with WebSocketListener(
        "127.0.0.1", 0, allowed_hosts=["*"], allowed_origins=["https://app.example"]
    ) as listener:
        assert await status_of(listener.address) == 101
        assert await status_of(listener.address, Origin="https://app.example") == 101
        assert await status_of(listener.address, Origin="http://localhost") == 403
    async with WebSocketListener("127.0.0.1", 0, allowed_origins=["*"]) as listener:
        assert await status_of(listener.address, Origin="https://any.example") == 101


async def test_the_token_is_required_and_compared() -> None:
    async with WebSocketListener("127.0.0.1", 0, token="secret") as listener:
        for token in (None, "wrong", "sécret"):
            with pytest.raises(ConnectRefused, match="token") as refused:
                await connect_websocket(listener.address, token=token)()
            assert refused.value.status == 401
        transport = await connect_websocket(listener.address, token="secret")()
        await transport.aclose()


async def test_authorize_sees_the_request_and_decides_its_status() -> None:
    seen: list[HttpRequest] = []

    async def authorize(request: HttpRequest) -> int | None:
        seen.append(request)
        return None if request.headers.get("x-key") == "1" else 403

    async with WebSocketListener("127.0.0.1", 0, authorize=authorize) as listener:
        with pytest.raises(ConnectRefused) as refused:
            await connect_websocket(listener.address + "/path?q=1")()
        assert refused.value.status == 403
        transport = await connect_websocket(listener.address, headers={"X-Key": "1"})()
        await transport.aclose()
    assert seen[0].path == "/path?q=1"
    assert seen[0].peer.startswith("127.0.0.1:")


async def test_a_failing_authorize_lets_nobody_in(caplog: pytest.LogCaptureFixture) -> None:
    def authorize(_: HttpRequest) -> int | None:
        raise LookupError("no database")

    caplog.set_level(logging.CRITICAL, "websockets.server")
    async with WebSocketListener("127.0.0.1", 0, authorize=authorize) as listener:
        with pytest.raises(TransportBroken, match="500"):
            await connect_websocket(listener.address)()


async def test_nobody_listens_and_a_port_in_use() -> None:
    async with WebSocketListener("127.0.0.1", 0) as listener:
        port = int(listener.address.rpartition(":")[2])
        with pytest.raises(TransportBroken, match=rf"127\.0\.0\.1:{port}"):
            async with WebSocketListener("127.0.0.1", port):
                pass
    with pytest.raises(TransportBroken, match=str(port)):
        await connect_websocket(f"ws://127.0.0.1:{port}")()


async def test_an_unresolvable_name_and_a_silent_server() -> None:
    with pytest.raises(TransportBroken):
        await connect_websocket("ws://nowhere.invalid:1", proxy=None)()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone.set()

    gone = anyio.Event()
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(TransportBroken, match=r"within 0\.2 s"):
            await connect_websocket(f"ws://127.0.0.1:{port}", open_timeout=0.2)()
        await gone.wait()


async def test_something_that_is_not_a_websocket_server() -> None:
    async def rude(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n\r\n")
        writer.close()
        await writer.wait_closed()
        gone.set()

    gone = anyio.Event()
    async with await asyncio.start_server(rude, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(TransportBroken):
            await connect_websocket(f"ws://127.0.0.1:{port}")()
        await gone.wait()


@pytest.mark.parametrize("url", ["http://host", "ws://", "host:1"])
async def test_what_is_not_a_websocket_url(url: str) -> None:
    with pytest.raises(ValueError, match="not a WebSocket URL"):
        connect_websocket(url)


@pytest.mark.parametrize(
    ("code", "expected"),
    [(1000, TransportEnded), (1001, TransportEnded), (1011, TransportBroken), (1008, TransportBroken)],
)
async def test_close_codes(code: int, expected: type[TransportError]) -> None:
    async with WebSocketListener("127.0.0.1", 0) as listener:
        transport = await connect_websocket(listener.address)()
        accepted = await listener.accept()
        assert isinstance(accepted, WebSocketTransport)
        await accepted.connection.close(code, "why not")
        error = await end_of(transport)
        assert type(error) is expected
        assert "why not" in str(error)
        with pytest.raises(expected):
            transport.send(CONTROL, b"x")


async def test_a_message_beyond_the_bound_breaks_the_connection() -> None:
    async with WebSocketListener("127.0.0.1", 0, max_message=1_000) as listener:
        transport = await connect_websocket(listener.address, max_message=2_000)()
        accepted = await listener.accept()
        transport.send(CONTROL, bytes(1_000))
        transport.send(CONTROL, bytes(1_001))
        assert [len(message) for _, message in await accepted.receive()] == [1_000]
        assert type(await end_of(accepted)) is TransportBroken
        error = await end_of(transport)
        assert type(error) is TransportBroken
        assert "1009" in str(error)


async def test_a_fragmented_message_survives_cancelled_receives() -> None:
    async with (
        WebSocketListener("127.0.0.1", 0) as listener,
        connect(listener.address, subprotocols=["lipwire.1"], proxy=None) as peer,  # type: ignore[list-item]
        anyio.create_task_group() as group,
    ):
        accepted = await listener.accept()
        finish = anyio.Event()

        async def fragments() -> Any:
            yield b"one "
            await finish.wait()
            yield b"two"

        async def send() -> None:
            await peer.send(b"zero")
            await peer.send(fragments())

        group.start_soon(send)
        with anyio.fail_after(30):
            assert await accepted.receive() == [(CONTROL, b"zero")]
            for _ in range(5):
                with anyio.move_on_after(0.02) as scope:
                    await accepted.receive()
                assert scope.cancelled_caught
            finish.set()
            assert await accepted.receive() == [(CONTROL, b"one two")]


async def test_the_listener_closes_what_nobody_accepted_and_leaves_the_rest() -> None:
    async with WebSocketListener("127.0.0.1", 0) as listener:
        kept = await connect_websocket(listener.address)()
        accepted = await listener.accept()
        waiting = await connect_websocket(listener.address)()
        address = listener.address
    assert isinstance(await end_of(waiting), TransportEnded)
    kept.send(CONTROL, b"still here")
    assert await accepted.receive() == [(CONTROL, b"still here")]
    with pytest.raises(TransportClosed):
        await listener.accept()
    with pytest.raises(TransportBroken):
        await connect_websocket(address)()
    for transport in (kept, accepted, waiting):
        await transport.aclose()


async def test_a_client_that_never_asks_does_not_hold_up_the_listener() -> None:
    async with WebSocketListener("127.0.0.1", 0) as listener:
        parts = urlsplit(listener.address)
        _, writer = await asyncio.open_connection(parts.hostname, parts.port)
        await anyio.sleep(0.05)
        with anyio.fail_after(5):
            await listener.__aexit__(None, None, None)
    writer.close()
    await writer.wait_closed()


async def test_text_that_is_not_utf_8_breaks_the_connection() -> None:
    async with (
        WebSocketListener("127.0.0.1", 0) as listener,
        connect(listener.address, subprotocols=["lipwire.1"], proxy=None) as peer,  # type: ignore[list-item]
    ):
        accepted = await listener.accept()
        await peer.send("good")
        await peer.send(b"\xff\xfe", text=True)
        assert await accepted.receive() == [(CONTROL, "good")]
        assert type(await end_of(accepted)) is TransportBroken


async def test_leaving_the_listener_wakes_whoever_accepts() -> None:
    async with anyio.create_task_group() as group, WebSocketListener("127.0.0.1", 0) as listener:

        async def accept() -> None:
            with pytest.raises(TransportClosed):
                await listener.accept()

        group.start_soon(accept)
        await anyio.wait_all_tasks_blocked()


async def test_too_many_unaccepted_connections() -> None:
    async with WebSocketListener("127.0.0.1", 0, backlog=1) as listener:
        first = await connect_websocket(listener.address)()
        with anyio.fail_after(30):
            # A client may learn that it is let in before the server has put it into its queue.
            with pytest.raises(TransportBroken, match="503"):  # noqa: PT012
                while True:
                    extra = await connect_websocket(listener.address)()
                    assert isinstance(await end_of(extra), TransportBroken)
        await first.aclose()


async def test_trio_is_told_from_asyncio() -> None:
    async def dial() -> None:
        with pytest.raises(RuntimeError, match="asyncio"):
            await connect_websocket("ws://127.0.0.1:1")()
        with pytest.raises(RuntimeError, match="asyncio"):
            async with WebSocketListener("127.0.0.1", 0):
                pass

    await anyio.to_thread.run_sync(lambda: anyio.run(dial, backend="trio"))


async def test_a_connection_of_another_kind_is_a_type_error() -> None:
    with pytest.raises(TypeError, match=r"websockets\.asyncio"):
        WebSocketTransport(object())  # type: ignore[arg-type]


async def test_over_tls(tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server, client = tls
    async with WebSocketListener("localhost", 0, ssl=server) as listener:
        assert listener.address.startswith("wss://")
        transport = await connect_websocket(listener.address, ssl=client)()
        accepted = await listener.accept()
        transport.send(CONTROL, b"private")
        assert await accepted.receive() == [(CONTROL, b"private")]
        await transport.aclose()
        assert isinstance(await end_of(accepted), TransportEnded)
        await accepted.aclose()
        with pytest.raises(ConnectRefused, match="certificate"):
            await connect_websocket(listener.address)()
