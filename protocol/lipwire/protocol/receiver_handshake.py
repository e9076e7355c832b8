"""How a receiver judges a hello: what it is, what to choose, whether it may resume. Nothing here changes a session."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgpack

from .channels import Binding, Wire
from .codec import _unpack as check_structure
from .codec import decode
from .errors import CloseCode, RemoteProtocolError
from .formats import PcmFormat, parse_format
from .limits import BOUNDS, Limits, parse_message_limit
from .messages import MAGIC, VERSION, Hello
from .registry import Feature
from .room import room_credential, room_token

_EVERY_FORMAT: Final = tuple(
    PcmFormat(rate, channels, encoding)
    for encoding in ("s16le", "f32le")
    for rate in (8_000, 16_000, 24_000, 48_000)
    for channels in (1, 2)
)
"""What is named to a peer whose formats are unknown here, when any would do."""
_BEFORE_GREETING: Final = (CloseCode.MESSAGE_TOO_LARGE, CloseCode.LIMIT_EXCEEDED)
"""What is said of a first message that is too large or too deep, be it a hello or not (LW-INVARIANT-4)."""
_GREETING: Final = 16_384
"""So many bytes hold the magic and the versions; msgpack would take 1 MiB for its buffer, whatever comes."""
_WELCOME_HEAD, _STATE_ROW = 512, 40
"""Bytes of a welcome without its state and info, at most; and of one row of the state."""


@dataclass(frozen=True, kw_only=True)
class ReceiverSettings:
    """What a receiver is willing to agree on."""

    formats: tuple[PcmFormat, ...] | None = None
    """Accepted formats; the sender's order decides. None: whatever is offered first and known."""
    limits: Limits = field(default_factory=Limits)
    features: frozenset[Feature] = frozenset(Feature)
    """Those that the transport needs are chosen all the same."""
    info: Mapping[str, Any] = field(default_factory=dict)
    """Free, for welcome: software, version, names."""
    room_key: bytes | None = field(default=None, repr=False)
    """On broadcast media: the key under which the token and resume credentials are HMACs (LW-ROOM-2)."""
    grease: bool = True
    """Whether to send one message that the peer has to ignore (LW-GREASE-1)."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What welcome will say."""

    format: PcmFormat
    features: frozenset[Feature]
    segments: int


def read_hello(data: Wire, max_message: int = int(BOUNDS["message"].default)) -> Hello:
    """Read the first message of a connection.

    Raises:
        RemoteProtocolError: ``not_lipwire`` when it is no hello (LW-INVARIANT-4), else what is wrong with it.
    """
    if isinstance(data, str):
        raise _not_lipwire(data)
    max_message = max(max_message, int(BOUNDS["message"].default))  # LW-WIRE-8: the sender can not know more yet
    versions = _offered_versions(data)
    try:
        if versions is not None and VERSION not in versions and len(data) <= max_message:
            # What follows in a hello of a later version is not ours to judge, its structure apart (LW-INVARIANT-3).
            check_structure(data)
            raise _unsupported_version(versions)
        message = decode(data, max_message)
    except RemoteProtocolError as error:
        if error.code in _BEFORE_GREETING or (versions is not None and error.code is not CloseCode.MALFORMED):
            raise
        raise _not_lipwire(data) from None
    if not isinstance(message, Hello):
        raise _not_lipwire(data)
    return message


def looks_like_hello(data: Wire) -> bool:
    """Whether a message begins as each hello does (LW-INVARIANT-1): what tells it apart before it is decoded."""
    return isinstance(data, bytes) and _offered_versions(data) is not None


def _offered_versions(data: bytes) -> list[Any] | None:
    """Read what no version of hello can change (LW-INVARIANT-1); None when it is no hello."""
    unpacker = msgpack.Unpacker(
        read_size=_GREETING, max_str_len=len(MAGIC), max_bin_len=0, max_array_len=1_024, max_map_len=0
    )
    try:
        unpacker.feed(data[:_GREETING])
        if unpacker.read_array_header() < 3:
            return None
        kind, magic, versions = unpacker.unpack(), unpacker.unpack(), unpacker.unpack()
    except Exception:  # whatever it makes of it: the peer sent it (LW-SECURITY-1)
        return None
    if type(kind) is not int or kind != 1 or magic != MAGIC or type(versions) is not list:
        return None
    return versions


def _unsupported_version(versions: list[Any]) -> RemoteProtocolError:
    return RemoteProtocolError(
        CloseCode.UNSUPPORTED_VERSION,
        f"versions {versions!r:.60} are offered, and version {VERSION} is spoken here",
        details={"versions": [VERSION]},
    )


def _not_lipwire(data: Wire) -> RemoteProtocolError:
    """Make the error for a first message that is no hello; it may look like version 0, which has none."""
    hint = ""
    if data in ("INTERRUPT", b"INTERRUPT"):
        hint = ": it looks like the interrupt of version 0"
    elif isinstance(data, str):
        known = ("segment_end", "stream_ended")
        hint = ": it looks like version 0" if any(word in data[:1_024] for word in known) else ": it is text"
    elif data and not (0x90 <= data[0] < 0xA0 or data[0] in (0xDC, 0xDD)):
        hint = ": it looks like raw PCM, as version 0 sends it"
    return RemoteProtocolError(CloseCode.NOT_LIPWIRE, "the first message is not a hello" + hint)


def choose(hello: Hello, binding: Binding, settings: ReceiverSettings) -> Choice:
    """Choose a format and features for a fresh session.

    Raises:
        RemoteProtocolError: version, format, features or limits that will not do.
    """
    _check_version(hello)
    message_limit = parse_message_limit(hello.limits)
    offered = _offered_formats(hello)
    accepted = [one for one in offered if settings.formats is None or one in settings.formats]
    if not accepted:  # LW-OPEN-4
        would_do = _EVERY_FORMAT if settings.formats is None else settings.formats
        raise _unsupported_format(hello, would_do)
    required = _check_features(hello, binding)
    chosen = frozenset(one for one in settings.features if one.value in hello.features)  # LW-OPEN-3, LW-FEATURE-1
    # The table of segments in welcome and cut has to fit (LW-BINDING-4).
    most = min(message_limit, binding.max_message)
    fitting = (most - _WELCOME_HEAD) // _STATE_ROW
    return Choice(
        format=accepted[0],
        features=chosen | required,
        segments=min(settings.limits.segments, fitting),
    )


def check_resume(
    hello: Hello,
    binding: Binding,
    *,
    generation: int,
    chosen: Choice,
    secrets: Iterable[bytes],
    room_key: bytes | None,
) -> bytes:
    """Judge a hello that would resume a session, whose id it names, and give the secret that it proves to hold.

    Raises:
        RemoteProtocolError: it may not (LW-RESUME-4), or can not go on as before (LW-RESUME-7).
    """
    _check_version(hello)
    refused = CloseCode.RESUME_REFUSED
    if Feature.RESUME not in chosen.features:
        raise RemoteProtocolError(CloseCode.UNKNOWN_SESSION, "there is no such session that can be resumed")
    if hello.resume is None:
        raise RemoteProtocolError(refused, "the session exists, and hello has no credential to resume it")
    held = _held_secret(hello, binding, secrets, room_key)
    if held is None:
        raise RemoteProtocolError(refused, "the credential is wrong")
    if hello.generation <= generation:
        raise RemoteProtocolError(
            refused, f"generation {hello.generation} is not above the session's, which is {generation}"
        )
    parse_message_limit(hello.limits)
    if chosen.format not in _offered_formats(hello):
        raise _unsupported_format(hello, (chosen.format,))
    required = _check_features(hello, binding)
    missing = [one.value for one in chosen.features if one.value not in hello.features]
    missing += [one.value for one in required - chosen.features]
    if missing:
        raise _feature_required(missing, "the session was opened otherwise")
    return held


def check_room_token(hello: Hello, binding: Binding, room_key: bytes | None) -> None:
    """Judge the token of a first hello where others hear it, if there is a key to do so (LW-ROOM-2).

    Raises:
        RemoteProtocolError: it is absent or wrong (LW-OPEN-5).
    """
    if room_key is None or not binding.broadcast:
        return
    if type(hello.auth) is not bytes or not hmac.compare_digest(hello.auth, room_token(room_key, hello.session)):
        raise RemoteProtocolError(CloseCode.UNAUTHORIZED, "the token does not prove the room's key")


def _held_secret(hello: Hello, binding: Binding, secrets: Iterable[bytes], room_key: bytes | None) -> bytes | None:
    """Give the secret that the credential in hello fits. Each is compared, in constant time, whichever fits."""
    assert hello.resume is not None
    credential = bytes(hello.resume[0])
    held = None
    for secret in secrets:
        expected = secret
        if binding.broadcast:  # no bearer secret there (LW-ROOM-2)
            if room_key is None:
                return None
            expected = room_credential(room_key, hello.session, secret, hello.generation)
        if hmac.compare_digest(credential, expected):
            held = secret
    return held


def _check_version(hello: Hello) -> None:
    if VERSION not in hello.versions:
        raise _unsupported_version(hello.versions)


def _offered_formats(hello: Hello) -> list[PcmFormat]:
    """Give the offered formats that version 1 has (LW-FORMAT-1)."""
    return [known for known in (parse_format(list(one)) for one in hello.formats) if known is not None]


def _unsupported_format(hello: Hello, would_do: Iterable[PcmFormat]) -> RemoteProtocolError:
    return RemoteProtocolError(
        CloseCode.UNSUPPORTED_FORMAT,
        f"none of the formats {hello.formats!r:.120} is supported here",
        details={"formats": [one.as_field() for one in would_do]},
    )


def _check_features(hello: Hello, binding: Binding) -> frozenset[Feature]:
    """Give the features that the binding needs, once hello has offered them (LW-BINDING-2)."""
    required = set()
    if not binding.media_reliable:
        required.add(Feature.REPAIR)
    if not binding.control_reliable:
        required.add(Feature.RESUME)
    missing = [one.value for one in required if one.value not in hello.features]
    if missing:
        raise _feature_required(missing, f"a {binding.name} transport needs them")
    return frozenset(required)


def _feature_required(missing: list[str], why: str) -> RemoteProtocolError:
    names = sorted(missing)
    return RemoteProtocolError(
        CloseCode.FEATURE_REQUIRED,
        f"hello does not offer {', '.join(names)}: {why}",
        details={"features": names},
    )
