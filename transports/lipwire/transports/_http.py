"""What the listeners that start with an HTTP request check before they let a peer in."""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from inspect import isawaitable
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping


@dataclass(frozen=True)
class HttpRequest:
    """The request that a peer opens a transport with."""

    path: str
    """With its query."""
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    peer: str
    """The address it came from."""


Authorize: TypeAlias = "Callable[[HttpRequest], int | Awaitable[int | None] | None]"
"""Looks at a request and returns None to let the peer in, or the HTTP status to refuse it with (401, 403)."""


@dataclass(frozen=True)
class Refusal:
    """A status other than 2xx, and why, in words for whoever runs the client."""

    status: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Which requests are let in.

    A server that listens on loopback is reachable from every web page that its user has open: by a name that
    resolves to 127.0.0.1 (DNS rebinding), which Host shows, or outright, which Origin shows. So by default it
    answers to loopback names and to pages from loopback alone. Listening elsewhere, it has no such default.
    """

    host: str
    token: str | None = None
    authorize: Authorize | None = None
    allowed_hosts: Collection[str] | None = None
    allowed_origins: Collection[str] | None = None

    async def refusal(self, request: HttpRequest) -> Refusal | None:
        """Why the request is refused, or None. A failing ``authorize`` raises whatever it raised."""
        return self.refuses_page(request) or await self._refuses_credentials(request)

    def refuses_page(self, request: HttpRequest) -> Refusal | None:
        """Why Host and Origin are refused, or None."""
        host = host_of(request.headers.get("Host", ""))
        if self.allowed_hosts is None:
            if is_loopback(self.host) and not (is_loopback(host) or host == self.host.lower()):
                return Refusal(403, "this host name is not served here")
        elif "*" not in self.allowed_hosts and host not in {name.lower() for name in self.allowed_hosts}:
            return Refusal(403, "this host name is not served here")
        origin = request.headers.get("Origin")
        if origin is not None:
            if self.allowed_origins is None:
                if is_loopback(self.host) and not is_loopback(_origin_host(origin)):
                    return Refusal(403, "pages from this origin are not served here")
            elif "*" not in self.allowed_origins and origin not in self.allowed_origins:
                return Refusal(403, "pages from this origin are not served here")
        return None

    async def _refuses_credentials(self, request: HttpRequest) -> Refusal | None:
        if self.token is not None:
            scheme, _, given = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer":
                return Refusal(401, "a bearer token is required")
            if not hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), self.token.encode()):
                return Refusal(401, "the bearer token is wrong")
        if self.authorize is not None:
            status = self.authorize(request)
            if isawaitable(status):
                status = await status
            if status is not None:
                return Refusal(status, "not authorised")
        return None


def host_of(header: str) -> str:
    """The name in a Host header, in lower case, without its port and brackets."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def _origin_host(origin: str) -> str:
    """The host in an Origin header; none in ``null`` and in what is malformed."""
    try:
        return urlsplit(origin).hostname or ""
    except ValueError:
        return ""


def is_loopback(host: str) -> bool:
    """Whether a host name or address is this machine's own loopback."""
    host = host.lower().rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def authority(host: str, port: int) -> str:
    """Host and port as a URL has them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def peer_name(address: object) -> str:
    """A socket's address as text."""
    if isinstance(address, tuple) and len(address) >= 2:
        return authority(str(address[0]), address[1])
    return str(address or "unknown")
