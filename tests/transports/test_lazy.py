"""The package's public names, what happens without an extra, and URLs."""

from __future__ import annotations

import ssl
import subprocess
import sys

import pytest

import lipwire.transports
from lipwire.transports import (
    MissingExtra,
    UnsupportedScheme,
    WebRtcListener,
    WebSocketListener,
    connector_for,
    listener_for,
)

NATIVE = 'pip install "lipwire[native]"' if sys.version_info >= (3, 12) else "needs Python 3.12 or later"


def test_every_public_name_exists_and_is_listed() -> None:
    for name in lipwire.transports.__all__:
        assert getattr(lipwire.transports, name) is not None
    assert set(lipwire.transports.__all__) <= set(dir(lipwire.transports))
    assert lipwire.transports.__all__ == sorted(lipwire.transports.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_transport"):
        getattr(lipwire.transports, "no_such_transport")  # noqa: B009


def run(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return result.stdout


def test_importing_the_package_imports_no_extra() -> None:
    loaded = run("import sys, lipwire.transports; print(*sys.modules)").split()
    assert not {"websockets", "aiortc", "aiohttp", "aiolibdatachannel", "av"} & set(loaded)


@pytest.mark.parametrize(
    ("missing", "use", "said"),
    [
        ("websockets", "connect_websocket('ws://h')", 'pip install "lipwire[websocket]"'),
        ("websockets", "WebSocketListener('h', 0)", 'pip install "lipwire[websocket]"'),
        ("aiortc", "WebRtcTransport", 'pip install "lipwire[webrtc]"'),
        ("aiortc", "connect_webrtc('http://h')", 'pip install "lipwire[webrtc]"'),
        ("aiortc", "WebRtcListener('h', 0)", 'pip install "lipwire[webrtc]"'),
        ("aiohttp", "connect_webrtc('http://h')", 'pip install "lipwire[webrtc]"'),
        ("aiohttp", "WebRtcListener('h', 0)", 'pip install "lipwire[webrtc]"'),
        ("aiolibdatachannel", "connect_webrtc('http://h', backend='native')", NATIVE),
        ("aiolibdatachannel", "WebRtcListener('h', 0, backend='native')", NATIVE),
    ],
)
def test_a_missing_extra_is_named_with_what_to_install(missing: str, use: str, said: str) -> None:
    output = run(
        f"import sys, lipwire.transports as t; sys.modules[{missing!r}] = None\n"
        f"try: t.{use}\n"
        "except ImportError as error: print(type(error).__name__, error)"
    )
    assert output.startswith("MissingExtra")
    assert said in output
    assert issubclass(MissingExtra, ImportError)


@pytest.mark.usefixtures("native")
def test_the_native_backend_does_without_aiortc() -> None:
    use = "t.connect_webrtc('http://h', backend='native')"
    assert run(f"import sys, lipwire.transports as t; sys.modules['aiortc'] = None; print({use})").startswith(
        "<function"
    )


def test_an_unknown_backend_lists_the_known_ones() -> None:
    for function in (connector_for, listener_for):
        with pytest.raises(ValueError, match="no WebRTC backend 'webkit': 'aiortc' and 'native' are"):
            function("http://127.0.0.1", backend="webkit")  # type: ignore[arg-type]


@pytest.mark.parametrize("url", ["ftp://host/", "localhost:8765", "", "whip://host/"])
def test_an_unsupported_scheme_lists_the_supported_ones(url: str) -> None:
    for function in (connector_for, listener_for):
        with pytest.raises(UnsupportedScheme, match=r"ws://.*wss://.*http://.*https://"):
            function(url)


@pytest.mark.parametrize("url", ["ws://h/x", "WSS://h:1", "http://h/lipwire", "https://h"])
def test_a_supported_scheme_gives_a_connector(url: str) -> None:
    assert callable(connector_for(url, token="t"))


@pytest.mark.parametrize("url", ["ws://", "http:///path"])
def test_a_url_without_a_host_is_refused(url: str) -> None:
    for function in (connector_for, listener_for):
        with pytest.raises(ValueError, match=r"URL|host"):
            function(url)


def test_listeners_by_url() -> None:
    assert isinstance(listener_for("ws://127.0.0.1"), WebSocketListener)
    assert isinstance(listener_for("http://127.0.0.1:0/here"), WebRtcListener)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    assert isinstance(listener_for("wss://127.0.0.1", ssl=context), WebSocketListener)
    for url, given in (("wss://127.0.0.1", None), ("ws://127.0.0.1", context)):
        with pytest.raises(ValueError, match="SSL context"):
            listener_for(url, ssl=given)
