"""Pairs of connected transports, of every kind, for the contract suite."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeAlias

import anyio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lipwire.protocol.channels import Binding
from lipwire.transports.base import Connector, Listener, Transport
from lipwire.transports.faults import Faults, FaultyListener, FaultyTransport, faulty
from lipwire.transports.memory import MemoryListener, memory_pair
from lipwire.transports.urls import Backend
from lipwire.transports.webrtc_server import WebRtcListener
from lipwire.transports.webrtc_signaling import connect_webrtc
from lipwire.transports.websocket import connect_websocket
from lipwire.transports.websocket_server import WebSocketListener

Pair: TypeAlias = tuple[Transport, Transport]
OpenPair: TypeAlias = Callable[..., AbstractAsyncContextManager[Pair]]

SEPARATE = Binding(name="memory", separate_media=True, max_media_message=1150)
MAX_BUFFERED = 16 * 1024 * 1024


@asynccontextmanager
async def _connected(listener: Listener, connect: Callable[[str], Connector]) -> AsyncIterator[Pair]:
    async with listener:
        made: list[Transport] = []

        async def dial() -> None:
            made.append(await connect(listener.address)())

        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                group.start_soon(dial)
                accepted = await listener.accept()
        try:
            yield made[0], accepted
        finally:
            with anyio.fail_after(30, shield=True):
                await made[0].aclose()
                await accepted.aclose()


@asynccontextmanager
async def _memory(max_buffered: int = MAX_BUFFERED, binding: Binding | None = None) -> AsyncIterator[Pair]:
    given = {} if binding is None else {"binding": binding}
    first, second = memory_pair(max_buffered=max_buffered, **given)
    async with first, second:
        yield first, second


@asynccontextmanager
async def _memory_separate(max_buffered: int = MAX_BUFFERED) -> AsyncIterator[Pair]:
    async with _memory(max_buffered, SEPARATE) as pair:
        yield pair


@asynccontextmanager
async def _memory_listener(max_buffered: int = MAX_BUFFERED) -> AsyncIterator[Pair]:
    listener = MemoryListener(max_buffered=max_buffered)
    async with _connected(listener, lambda _: listener.connect) as pair:
        yield pair


@asynccontextmanager
async def _websocket(max_buffered: int = MAX_BUFFERED) -> AsyncIterator[Pair]:
    listener = WebSocketListener("127.0.0.1", 0, max_buffered=max_buffered)
    async with _connected(listener, lambda url: connect_websocket(url, max_buffered=max_buffered)) as pair:
        yield pair


@asynccontextmanager
async def _websocket_faulty(max_buffered: int = MAX_BUFFERED) -> AsyncIterator[Pair]:
    none = Faults()
    listener = FaultyListener(WebSocketListener("127.0.0.1", 0, max_buffered=max_buffered), none)

    def connect(url: str) -> Connector:
        return faulty(connect_websocket(url, max_buffered=max_buffered), none)

    async with _connected(listener, connect) as pair:
        yield pair


def _webrtc(dials: Backend = "aiortc", listens: Backend = "aiortc") -> OpenPair:
    @asynccontextmanager
    async def open_pair(max_buffered: int = MAX_BUFFERED) -> AsyncIterator[Pair]:
        listener = WebRtcListener("127.0.0.1", 0, backend=listens, max_buffered=max_buffered)

        def connect(url: str) -> Connector:
            return connect_webrtc(url, backend=dials, max_buffered=max_buffered)

        async with _connected(listener, connect) as pair:
            yield pair

    return open_pair


@asynccontextmanager
async def _webrtc_faulty(max_buffered: int = MAX_BUFFERED) -> AsyncIterator[Pair]:
    none = Faults()
    listener = FaultyListener(WebRtcListener("127.0.0.1", 0, max_buffered=max_buffered), none, none)

    def connect(url: str) -> Connector:
        return faulty(connect_webrtc(url, max_buffered=max_buffered), none, none)

    async with _connected(listener, connect) as pair:
        yield pair


@asynccontextmanager
async def _memory_faulty(max_buffered: int = MAX_BUFFERED) -> AsyncIterator[Pair]:
    async with (
        _memory_separate(max_buffered) as (first, second),
        FaultyTransport(first, Faults()) as one,
        FaultyTransport(second, Faults()) as two,
    ):
        yield one, two


@asynccontextmanager
async def _memory_delayed(max_buffered: int = MAX_BUFFERED) -> AsyncIterator[Pair]:
    slow = Faults(delay=0.02, jitter=0.01, channels=frozenset())
    async with (
        _memory_separate(max_buffered) as (first, second),
        FaultyTransport(first, slow, slow) as one,
        FaultyTransport(second, slow, slow) as two,
    ):
        yield one, two


KINDS: dict[str, tuple[OpenPair, tuple[str, ...]]] = {
    "memory": (_memory, ("asyncio", "trio")),
    "memory-separate": (_memory_separate, ("asyncio", "trio")),
    "memory-listener": (_memory_listener, ("asyncio", "trio")),
    "memory-faulty": (_memory_faulty, ("asyncio", "trio")),
    "memory-delayed": (_memory_delayed, ("asyncio", "trio")),
    "websocket": (_websocket, ("asyncio",)),
    "webrtc": (_webrtc(), ("asyncio",)),
    "native": (_webrtc("native", "native"), ("asyncio",)),
    "webrtc-to-native": (_webrtc("aiortc", "native"), ("asyncio",)),
    "native-to-webrtc": (_webrtc("native", "aiortc"), ("asyncio",)),
    "webrtc-faulty": (_webrtc_faulty, ("asyncio",)),
    "websocket-faulty": (_websocket_faulty, ("asyncio",)),
}


@pytest.fixture(params=["aiortc", "native"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Each of the implementations of WebRTC."""
    name: Backend = request.param
    if name == "native":
        request.getfixturevalue("native")
    return name


@pytest.fixture(params=[f"{kind}-{backend}" for kind, (_, backends) in KINDS.items() for backend in backends])
def transport_kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if "native" in name:
        request.getfixturevalue("native")
    return name


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> str:
    """Contract tests run on what their kind runs on; other tests say it with ``parametrize``."""
    if "transport_kind" in request.fixturenames:
        backend: str = request.getfixturevalue("transport_kind").rpartition("-")[2]
        return backend
    return "asyncio"


@pytest.fixture
def open_pair(transport_kind: str) -> OpenPair:
    return KINDS[transport_kind.rpartition("-")[0]][0]


@pytest.fixture(scope="session")
def tls() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context with a certificate for localhost that it signed itself, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "both.pem"
        file.write_bytes(secret + pem)
        server.load_cert_chain(file)
    return server, ssl.create_default_context(cadata=pem.decode())
