"""The wire, without I/O: messages, codec and the two state machines (see SPEC.md).

======================  ===============================================================
to read or write bytes  ``codec``, ``messages``, ``registry``, ``fields``, ``limits``
to run a session        ``sender``, ``receiver``; what both share is in ``connection``
to know what happened   ``events`` (for a shell), ``items`` (for a consumer), ``errors``
======================  ===============================================================
"""

from .channels import Binding, Channel, Wire
from .codec import decode, encode
from .errors import (
    Close,
    CloseCode,
    LipwireError,
    LocalProtocolError,
    NeverConnected,
    ProtocolError,
    RemoteProtocolError,
    SessionClosed,
    SessionError,
    SessionFailed,
    SessionLost,
    SessionRefused,
)
from .events import Cause
from .formats import PcmFormat
from .limits import Limits
from .receiver import ReceiverConnection, ReceiverSettings, read_hello
from .registry import REGISTRY, Feature, Role
from .sender import SenderConnection
from .sender_handshake import SenderSettings
from .trace import JsonLinesTrace, TraceHook

__all__ = [
    "REGISTRY",
    "Binding",
    "Channel",
    "Close",
    "CloseCode",
    "Cause",
    "Feature",
    "JsonLinesTrace",
    "Limits",
    "LipwireError",
    "LocalProtocolError",
    "NeverConnected",
    "PcmFormat",
    "ProtocolError",
    "ReceiverConnection",
    "ReceiverSettings",
    "RemoteProtocolError",
    "Role",
    "SenderConnection",
    "SenderSettings",
    "SessionClosed",
    "SessionError",
    "SessionFailed",
    "SessionLost",
    "SessionRefused",
    "TraceHook",
    "Wire",
    "decode",
    "encode",
    "read_hello",
]
