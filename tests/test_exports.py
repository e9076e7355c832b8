"""What each part offers under its own name: a change of it is a change of the public interface."""

from __future__ import annotations

import importlib

import pytest

EXPORTS = {
    "lipwire.protocol": """
        REGISTRY Binding Cause Channel Close CloseCode Feature JsonLinesTrace Limits LipwireError LocalProtocolError
        NeverConnected PcmFormat ProtocolError ReceiverConnection ReceiverSettings RemoteProtocolError Role
        SenderConnection SenderSettings SessionClosed SessionError SessionFailed SessionLost SessionRefused TraceHook
        Wire decode encode read_hello
    """,
    "lipwire.sender": """
        AudioOut BufferFull Cause InvalidPcm Pcm PcmFormat Segment SenderStatistics StreamEnded
    """,
    "lipwire.receiver": """
        Acceptor Audio AudioIn Authenticate BlockingAudioIn Data Greeting Interrupted Item Mark Paused PcmFormat
        ReceiverStatistics SegmentEnd SegmentStart Unpaused open_audio_in serve_webrtc serve_websocket
    """,
}


@pytest.mark.parametrize("name", EXPORTS)
def test_exports(name):
    module = importlib.import_module(name)
    assert sorted(module.__all__) == sorted(EXPORTS[name].split())
    for exported in module.__all__:
        assert hasattr(module, exported)


def test_the_core_has_no_input_or_output():
    """The protocol part imports no event loop, socket, clock or source of chance."""
    import ast
    from pathlib import Path

    import lipwire.protocol

    forbidden = {"asyncio", "anyio", "trio", "socket", "time", "random", "secrets", "threading", "ssl", "os"}
    for path in Path(lipwire.protocol.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] not in forbidden, f"{path.name} imports {name}"


def test_dependencies_point_one_way():
    import ast
    from pathlib import Path

    allowed = {
        "protocol": {"protocol"},
        "transports": {"protocol", "transports"},
        "sender": {"protocol", "transports", "sender"},
        "receiver": {"protocol", "transports", "receiver"},
    }
    root = Path(__file__).parent.parent
    for part, may in allowed.items():
        for path in (root / part).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                module = node.module if isinstance(node, ast.ImportFrom) and node.level == 0 else None
                if module and module.startswith("lipwire."):
                    assert module.split(".")[1] in may, f"{path} imports {module}"
