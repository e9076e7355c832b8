"""How a sender greets, and how it judges the answer (SPEC §7, §15). Nothing here changes a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .channels import Binding
from .errors import CloseCode, LocalProtocolError, RemoteProtocolError
from .formats import PcmFormat, parse_format
from .limits import Limits
from .messages import MAGIC, VERSION, Hello, Welcome
from .registry import Feature, required_features
from .room import room_credential, room_token
from .sender_segments import SenderSegments
from .states import SegmentState


@dataclass(frozen=True, kw_only=True)
class SenderSettings:
    """What a sender offers. ``formats``: the preferred one first; ``connect_time``: seconds for a first session."""

    formats: tuple[PcmFormat, ...] = (PcmFormat(),)
    limits: Limits = field(default_factory=Limits)
    features: frozenset[Feature] = frozenset(Feature)
    auth: str | bytes | None = field(default=None, repr=False)
    info: Mapping[str, Any] = field(default_factory=dict)
    connect_time: float = 30.0
    first_segment: int = 1
    """The id of the first segment: higher when the agent's earlier session was lost."""
    room_key: bytes | None = field(default=None, repr=False)
    """On broadcast media: the key under which the token and resume credentials are HMACs (LW-ROOM-2)."""


def make_hello(
    settings: SenderSettings, session: bytes, generation: int, required: frozenset[Feature] = frozenset()
) -> Hello:
    """Make the hello of one transport, with a meaningless feature among those offered (LW-GREASE-1).

    ``required``: features that the transport can not do without, which are offered in any case (LW-BINDING-1).
    """
    return Hello(
        magic=MAGIC,
        versions=[VERSION],
        session=session,
        generation=generation,
        formats=[pcm.as_field() for pcm in settings.formats],
        features=[*sorted(feature.value for feature in settings.features | required), f"grease.{session[:4].hex()}"],
        limits=settings.limits.as_hello_field(),
        info=dict(settings.info) or None,
    )


def credentials(
    settings: SenderSettings, binding: Binding, session: bytes, generation: int, secret: bytes | None
) -> tuple[str | bytes | None, bytes | None]:
    """Give the token and, where there is a secret to resume with, the credential for hello (LW-RESUME-2, LW-ROOM-2).

    Raises:
        LocalProtocolError: others would hear them, and there is no key to make HMACs with.
    """
    key = settings.room_key
    if not binding.broadcast:
        return settings.auth, secret
    if key is None:
        if settings.auth is None and secret is None:
            return None, None
        raise LocalProtocolError(
            CloseCode.UNAUTHORIZED, f"a {binding.name} transport is heard by others: set room_key, not a token"
        )
    resume = None if secret is None else room_credential(key, session, secret, generation)
    return room_token(key, session), resume


def check_welcome(message: Welcome, hello: Hello, binding: Binding, *, before: Welcome | None) -> PcmFormat:
    """Hold the answer against what was offered (LW-OPEN-6) and, on a resume, against the first one (LW-RESUME-7).

    Raises:
        RemoteProtocolError: it chose what was not offered, or leaves out what the binding needs (LW-BINDING-2).
    """
    wrong = None
    pcm = parse_format(list(message.format))
    if message.version != VERSION:
        wrong = f"version {message.version}"
    elif message.session != hello.session or message.generation != hello.generation:
        wrong = "another session or generation"
    elif pcm is None or list(message.format) not in hello.formats:
        wrong = f"the format {message.format}"
    elif not set(message.features) <= set(hello.features):
        wrong = f"the features {sorted(set(message.features) - set(hello.features))}"
    elif Feature.RESUME.value in message.features and message.secret is None:
        wrong = "resume without a secret"
    elif before is not None and (
        message.state is None or message.format != before.format or sorted(message.features) != sorted(before.features)
    ):
        wrong = "something other than before the resume"
    missing = sorted(f.value for f in required_features(binding) if f.value not in message.features)
    if missing and not wrong:
        raise RemoteProtocolError(
            CloseCode.FEATURE_REQUIRED,
            f"a {binding.name} transport needs {', '.join(missing)}",
            details={"features": missing},
        )
    if wrong or pcm is None:
        raise RemoteProtocolError(CloseCode.INVALID_FIELD, f"welcome chose {wrong}, which hello did not offer")
    return pcm


def check_rows(what: str, rows: list[list[Any]], most: int) -> None:
    """Refuse more rows than there can be live segments (LW-WIRE-4).

    Raises:
        RemoteProtocolError: ``invalid_field``.
    """
    if len(rows) > most:
        raise RemoteProtocolError(
            CloseCode.INVALID_FIELD, f"{what} lists {len(rows)} segments; at most {most} are live at a time"
        )


def check_state(state: list[list[Any]], segments: SenderSegments, most: int) -> None:
    """Hold the receiver's state against its limit of segments, and what was sent and reported (LW-RESUME-10).

    Raises:
        RemoteProtocolError: ``resume_state``, or ``invalid_field`` when there are more than ``most`` rows.
    """
    check_rows("a state", state, most)
    for number, received, consumed, played in state:
        segment = segments.get(number)
        if not segments.opened(number) or (segment is not None and segment.state is SegmentState.QUEUED):
            raise RemoteProtocolError(CloseCode.RESUME_STATE, f"segment {number} was never started")
        if segment is None or not segment.live:
            continue
        if (
            not segment.received <= received <= segment.reached
            or not segment.consumed <= consumed <= received
            or not (segment.played is None if played is None else segment.heard <= played <= consumed)
        ):
            raise RemoteProtocolError(
                CloseCode.RESUME_STATE,
                f"segment {number} is said to be received to {received}, consumed to {consumed}, played to {played}; "
                f"sent to {segment.reached}, reported before {segment.received}, {segment.consumed}, {segment.played}",
            )
