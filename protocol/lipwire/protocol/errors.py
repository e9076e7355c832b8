"""Close codes (SPEC §18), and errors split by whose fault they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any


class CloseCode(IntEnum):
    """Why a session was closed, as a close message carries it (SPEC §18)."""

    NORMAL = 0
    GOING_AWAY = 1
    INTERNAL_ERROR = 2
    MALFORMED = 16
    UNKNOWN_MESSAGE = 17
    INVALID_FIELD = 18
    OUT_OF_STATE = 19
    MESSAGE_TOO_LARGE = 20
    LIMIT_EXCEEDED = 21
    WINDOW_EXCEEDED = 22
    INVALID_POSITION = 23
    INVALID_SEGMENT = 24
    NOT_LIPWIRE = 32
    UNSUPPORTED_VERSION = 33
    UNSUPPORTED_FORMAT = 34
    FEATURE_REQUIRED = 35
    UNAUTHORIZED = 36
    HANDSHAKE_TIMEOUT = 37
    BUSY = 38
    UNKNOWN_SESSION = 48
    RESUME_REFUSED = 49
    RESUME_STATE = 50
    SUPERSEDED = 51
    PEER_GONE = 52


def close_code(number: int) -> CloseCode | int:
    """Give the registered code of that number, or the number itself when it is unknown (LW-CODE-1)."""
    try:
        return CloseCode(number)
    except ValueError:
        return number


def code_name(code: CloseCode | int) -> str:
    """Name a code as SPEC §18 does; an unknown one as ``code 77``."""
    return code.name.lower() if isinstance(code, CloseCode) else f"code {code}"


def escaped(text: str, limit: int = 200) -> str:
    """Make a peer's string fit to be shown: control characters escaped, length bounded (LW-CODE-2)."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[:limit])
    return shown + "…" if len(text) > limit else shown


class LipwireError(Exception):
    """The base of every error that Lipwire raises on purpose."""


class ProtocolError(LipwireError):
    """A rule of the specification was broken. ``code`` is the close code that the rule names."""

    def __init__(
        self,
        code: CloseCode,
        message: str,
        *,
        retry: int | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retry = retry
        self.details = dict(details) if details else None


class LocalProtocolError(ProtocolError):
    """This side asked for something that the protocol does not allow; nothing was sent."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something that the protocol does not allow; the session is closed with ``code``."""


@dataclass(frozen=True, kw_only=True)
class Close:
    """How a session came to its end. ``by_peer`` is None when no close was sent (the peer vanished)."""

    code: CloseCode | int
    reason: str = ""
    by_peer: bool | None = False
    retry_ms: int | None = None
    """After how long trying again may help, in milliseconds; None: do not."""
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def orderly(self) -> bool:
        """Whether nothing went wrong."""
        return self.code == CloseCode.NORMAL

    def __str__(self) -> str:
        who = {True: "the peer closed", False: "this side closed", None: "the session ended"}[self.by_peer]
        text = f"{who}: {code_name(self.code)}"
        if self.reason:
            text += f": {escaped(self.reason)}"
        for key in ("versions", "formats", "features"):
            if key in self.details:
                text += f" (it would take {key}: {escaped(repr(self.details[key]))})"
        return text


class SessionError(LipwireError):
    """The session is over, so the call can not do what it should. ``close`` says how it ended."""

    def __init__(self, close: Close, message: str | None = None) -> None:
        super().__init__(message or str(close))
        self.close = close


class SessionClosed(SessionError):
    """The session was closed in an orderly way, by this side or by the peer."""


class SessionRefused(SessionError):
    """The peer answered and would not open a session: version, format, token, features, or busy."""


class SessionLost(SessionError):
    """The transport broke, or the peer vanished, and it was not resumed in time."""


class SessionFailed(SessionError):
    """The session was closed because a peer broke a rule, or failed within."""


class NeverConnected(SessionError):
    """No session was opened within the time given."""


def session_error(close: Close, *, opened: bool = True) -> SessionError:
    """Make the error that names the cause of this close."""
    if close.code == CloseCode.PEER_GONE:
        return SessionLost(close) if opened else NeverConnected(close)
    if close.code in (CloseCode.NORMAL, CloseCode.GOING_AWAY):
        return SessionClosed(close)
    if not opened:
        return SessionRefused(close)
    return SessionFailed(close)
