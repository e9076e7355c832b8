"""What can go wrong, in one line that says what to do."""

from __future__ import annotations

from importlib.util import find_spec

from lipwire.protocol.errors import (
    CloseCode,
    LocalProtocolError,
    NeverConnected,
    SessionError,
    SessionLost,
    SessionRefused,
    escaped,
)
from lipwire.transports.base import ConnectRefused, MissingExtra, TransportError
from lipwire.transports.urls import UnsupportedScheme

FAILED = 1
USAGE = 2
INSTALL = 'pip install "lipwire[cli]"'


class CommandError(Exception):
    """The command can not go on; the message is for the person who ran it. ``status`` is the exit code."""

    def __init__(self, message: str, *, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status


def require(command: str, *packages: str) -> None:
    """Raise ``CommandError`` when one of the packages is not installed."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise CommandError(f"`lipwire {command}` needs {' and '.join(missing)}: {INSTALL}")


def explain(error: BaseException) -> CommandError | None:
    """Say in one line what an error means for the person at the terminal; None: it is a bug, to be shown in full."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, BaseExceptionGroup):
        told = [told for inner in error.exceptions if (told := explain(inner)) is not None]
        return told[0] if len(told) == len(error.exceptions) else None
    match error:
        case CommandError():
            return error
        case MissingExtra():
            # The command line does without the native backend, so its own extra does not bring it.
            everything = "" if "native" in str(error) else f" (or everything that the command line needs: {INSTALL})"
            return CommandError(f"{error}{everything}")
        case UnsupportedScheme():
            return CommandError(str(error), status=USAGE)
        case SessionError():
            return CommandError(_session(error))
        case ConnectRefused():
            return CommandError(f"refused: {_shown(error)}{_refusal_hint(str(error))}")
        case TransportError():
            return CommandError(_shown(error) + _transport_hint(str(error)))
        case LocalProtocolError():
            return CommandError(_shown(error), status=USAGE)
        case FileNotFoundError() | IsADirectoryError() | NotADirectoryError() | PermissionError():
            return CommandError(f"{error.filename}: {error.strerror}", status=USAGE)
        case OSError():
            return CommandError(f"{error.filename or 'failed'}: {error.strerror or error}")
        case _:
            return None


def _shown(error: BaseException) -> str:
    return escaped(str(error), 400)


def _session(error: SessionError) -> str:
    close, text = error.close, _shown(error)
    match error:
        case NeverConnected():
            reason = escaped(close.reason, 400).replace("no transport in time", "no answer in time")
            return f"no session: {reason}{_transport_hint(reason) or '; is a Lipwire server listening there?'}"
        case SessionLost():
            return f"the connection was lost and did not come back in time ({escaped(close.reason, 400)})"
        case SessionRefused() if close.by_peer is False:
            return f"the other end broke the protocol: {escaped(close.reason, 400)}{_close_hint(close.code)}"
        case SessionRefused():
            # What refused below the protocol, an HTTP status say, is named with its URL.
            told = escaped(close.reason, 400) if "://" in close.reason else text
            return f"refused: {told}{_close_hint(close.code)}{_refusal_hint(close.reason)}"
        case _:
            return text + _close_hint(close.code)


def _close_hint(code: CloseCode | int) -> str:
    hints: dict[CloseCode | int, str] = {
        CloseCode.UNSUPPORTED_FORMAT: "; choose another with --sample-rate and --channels",
        CloseCode.NOT_LIPWIRE: "; it does not speak Lipwire",
        CloseCode.MALFORMED: "; it does not speak Lipwire version 1 (version 0 sends raw PCM)",
        CloseCode.HANDSHAKE_TIMEOUT: "; something listens there, but it does not answer as Lipwire does",
        CloseCode.BUSY: "; try again later",
    }
    return hints.get(code, "")


def _refusal_hint(reason: str) -> str:
    if "HTTP 401" in reason or "HTTP 403" in reason or "token" in reason:
        return "; give the right token with --token or in LIPWIRE_TOKEN"
    if "subprotocol" in reason:
        return "; it is no Lipwire server, or one that speaks version 0 (raw PCM messages)"
    if "HTTP 4" in reason:
        return "; is the path right, and is it a Lipwire server? (ws:// is a WebSocket, http:// is WebRTC)"
    return ""


def _transport_hint(reason: str) -> str:
    low = reason.lower()
    if "address already in use" in low:
        return "; another program listens there: choose another port, or 0 for a free one"
    if "connect call failed" in low or "refused" in low or "cannot connect" in low:
        return "; is `lipwire receive` (or your avatar server) running there?"
    if "disconnected" in low:
        return "; is it a WebRTC server (http://), or perhaps one for WebSockets (ws://)?"
    if "no connection within" in low or "no answer in time" in low:
        return "; something may listen there, but it does not answer as Lipwire does"
    return ""
