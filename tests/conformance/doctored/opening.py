"""Of messages by themselves, the opening, liveness and the end of a session."""

from __future__ import annotations

from typing import Any

import msgpack

from lipwire.conformance import messages as m
from lipwire.protocol.channels import Channel

from ..sessions import LIMITS, SESSION, Session, begun
from . import RECEIVER, SENDER, Doctored

DEEP = [64, m.nested(8)]
NAN_KEY = msgpack.packb([31, {1: 2}])


def _sound(requirement: str, message: m.Raw, what: str = "", *features: str, by: Any = SENDER) -> Doctored:
    """A message that is wrong by itself."""

    def made(one: m.Raw) -> Session:
        session = Session(*features)
        return session.sender(one) if by is SENDER else session.receiver(one)

    return Doctored("sound", requirement, by, lambda: made(message), lambda: made(m.ping(1)), what)


def _passed_over(requirement: str, message: m.Raw, by: Any = RECEIVER) -> Doctored:
    """A message that is to be refused, and a peer that goes on (or not) after it; the peer is at fault, too."""

    def made(goes_on: bool) -> Session:
        session = Session("custom")
        session._send(by.other, [message])
        session._send(by.other, [m.ping(77)])
        return session._send(by, [m.pong(77) if goes_on else m.close(18)])

    return Doctored("not_passed_over", requirement, by, lambda: made(True), lambda: made(False))


def _welcomed(**fields: Any) -> Session:
    """A session opened with this welcome."""
    session = Session("marks", opened=False)
    return session.says(session.hello(), session.welcome(**fields))


def _greeted(**fields: Any) -> Session:
    session = Session(opened=False)
    return session.sender(session.hello(**fields))


def _busy(retry: int | None) -> Session:
    return _greeted().receiver(m.close(38, "", retry))


def _refused(code: int, details: Any) -> Session:
    return _greeted().receiver(m.close(code, "", None, details))


def _unasked_pong(t1: int) -> Session:
    return Session().sender(m.ping(1)).receiver(m.pong(t1))


def _left_out(some: bool) -> Session:
    session = Session()
    for t1 in range(5):
        session.sender(m.ping(t1))
        if t1 or not some:
            session.receiver(m.pong(t1))
    return session


def _on_webrtc(message: m.Raw, channel: Channel, by: Any = SENDER) -> Session:
    return Session("repair", webrtc=True)._send(by, [message], channel=channel)


PAIRS = [
    _sound("LW-WIRE-1", b"\x92\x04\x05\x00", "bytes after it"),
    _sound("LW-WIRE-1", "a text", "text"),
    _sound("LW-WIRE-3", m.ping(-1)),
    _sound("LW-WIRE-4", [17, 1, 0, 0, "pcm"], "type"),
    _sound("LW-WIRE-4", [28, 1], "absent", by=RECEIVER),
    _sound("LW-WIRE-9", DEEP),
    _sound("LW-WIRE-12", NAN_KEY, "key"),
    _sound("LW-WIRE-12", b"\x92\x1f\xd6\xff\x00\x00\x00\x00", "extension"),
    _sound("LW-INVARIANT-2", [3, "x"]),
    _sound("LW-WIRE-4", m.close(0, "x" * 1_025), "reason"),
    _sound("LW-LIMIT-2", m.custom(m.content(16_385)), "", "custom"),
    _passed_over("LW-WIRE-3", m.ping(-1)),
    _passed_over("LW-WIRE-4", [17, 1, 0, 0, "pcm"]),
    _passed_over("LW-WIRE-7", b"\x95\x11"),
    _passed_over("LW-WIRE-9", DEEP, SENDER),
    _passed_over("LW-WIRE-10", [32]),
    _passed_over("LW-WIRE-11", "a text", SENDER),
    _passed_over("LW-WIRE-12", NAN_KEY),
    _passed_over("LW-LIMIT-2", m.custom(m.content(16_385))),
    Doctored(
        "not_passed_over", "LW-WIRE-8", RECEIVER,
        lambda: Session(message=4_096).sender(m.sized(m.ping(77), 5_000)).sender(m.ping(78)).receiver(m.pong(78)),
        lambda: Session(message=5_000).sender(m.sized(m.ping(77), 5_000)).sender(m.ping(78))
        .receiver(m.pong(77), m.pong(78)),
    ),
    Doctored("direction", "LW-REGISTRY-1", SENDER, lambda: begun().sender(m.progress(1, 480)),
             lambda: begun().receiver(m.progress(1, 480))),
    Doctored("direction", "LW-REGISTRY-1", RECEIVER, lambda: Session().receiver([32]),
             lambda: Session().receiver([64]), "unknown type"),
    Doctored("chosen", "LW-REGISTRY-1", SENDER, lambda: Session().sender(m.custom({})),
             lambda: Session("custom").sender(m.custom({}))),
    Doctored("chosen", "LW-REGISTRY-1", RECEIVER, lambda: begun().receiver(m.nack(1, (0, 480))),
             lambda: begun("repair").receiver(m.nack(1, (0, 480))), "nack"),
    Doctored("state", "LW-REGISTRY-1", SENDER, lambda: Session().sender(m.hello(SESSION, generation=2)),
             lambda: Session().sender(m.ping(1)), "", frozenset({"LW-OPEN-8"})),
    Doctored("state", "LW-REGISTRY-1", RECEIVER,
             lambda: Session(opened=False).receiver(m.welcome(SESSION, limits=LIMITS)), Session, "no hello"),
    Doctored("channel", "LW-BINDING-3", SENDER, lambda: _on_webrtc(m.segment_start(1), Channel.MEDIA),
             lambda: _on_webrtc(m.segment_start(1), Channel.CONTROL)),
    Doctored("channel", "LW-BINDING-3", RECEIVER, lambda: _on_webrtc(m.ping(1), Channel.MEDIA, RECEIVER),
             lambda: _on_webrtc(m.ping(1), Channel.CONTROL, RECEIVER), "receiver"),
    Doctored("media_size", "LW-BINDING-4", SENDER, lambda: begun("repair", webrtc=True, samples=600),
             lambda: begun("repair", webrtc=True, samples=500), "media"),
    Doctored("size", "LW-BINDING-4", SENDER,
             lambda: Session(message=4_096).sender(m.sized([64], 4_097)),
             lambda: Session(message=4_096).sender(m.sized([64], 4_096))),
    Doctored("size", "LW-BINDING-4", RECEIVER,
             lambda: Session(opened=False).says(m.hello(SESSION, limits={"message": 4_096}))
             .receiver(m.sized(m.welcome(SESSION), 4_097)),
             lambda: Session(opened=False).says(m.hello(SESSION, limits={"message": 4_096}))
             .receiver(m.sized(m.welcome(SESSION), 4_096)), "receiver"),
    Doctored("repair_offered", "LW-BINDING-1", SENDER,
             lambda: Session(webrtc=True, opened=False).says(m.hello(SESSION)),
             lambda: Session(opened=False).says(m.hello(SESSION))),
    Doctored("repair_chosen", "LW-BINDING-2", RECEIVER,
             lambda: Session("repair", webrtc=True, opened=False)
             .says(m.hello(SESSION, features=["repair"]), m.welcome(SESSION)),
             lambda: Session("repair", webrtc=True)),
    # -- opening
    Doctored("first_is_hello", "LW-INVARIANT-1", SENDER, lambda: Session(opened=False).sender(m.ping(1)), Session),
    Doctored("nothing_before_welcome", "LW-OPEN-1", SENDER, lambda: _greeted().sender(m.segment_start(1)),
             lambda: Session().sender(m.segment_start(1))),
    Doctored("hello_once", "LW-OPEN-8", SENDER, lambda: _greeted().sender(m.hello(SESSION)), _greeted),
    Doctored("welcome_first", "LW-OPEN-2", RECEIVER, lambda: _greeted().receiver(m.ping(1)),
             lambda: Session().receiver(m.ping(1))),
    Doctored("version", "LW-OPEN-3", RECEIVER, lambda: _welcomed(version=2), _welcomed),
    Doctored("one_format", "LW-OPEN-3", RECEIVER, lambda: _welcomed(format=["s16le", 16_000, 1]), _welcomed),
    Doctored("features", "LW-OPEN-3", RECEIVER, lambda: _welcomed(features=["pause"]), lambda: _welcomed(features=[])),
    Doctored("features", "LW-OPEN-3", RECEIVER,
             lambda: Session("grease.1f", opened=False).says(m.hello(SESSION, features=["grease.1f"]),
                                                             m.welcome(SESSION, features=["grease.1f"])),
             lambda: Session("grease.1f", opened=False).says(m.hello(SESSION, features=["grease.1f"]),
                                                             m.welcome(SESSION)), "grease"),
    Doctored("same_session", "LW-WIRE-4", RECEIVER, lambda: _welcomed(generation=2), _welcomed),
    Doctored("strange_welcome", "LW-OPEN-6", SENDER, lambda: _welcomed(features=["pause"]).sender(m.ping(1)),
             lambda: _welcomed(features=["pause"]).sender(m.close(18)), "", frozenset({"LW-OPEN-3"})),
    Doctored("in_bounds", "LW-LIMIT-1", RECEIVER, lambda: _welcomed(limits=LIMITS | {"segments": 2_000}),
             lambda: _welcomed(limits=LIMITS | {"segments": 1_024})),
    Doctored("in_bounds", "LW-LIMIT-1", SENDER, lambda: _greeted(limits={"message": 4_000}),
             lambda: _greeted(limits={"message": 4_096}), "hello"),
    Doctored("refuses_under_floor", "LW-OPEN-10", SENDER,
             lambda: _welcomed(limits=LIMITS | {"segments": 3}).sender(m.ping(1)),
             lambda: _welcomed(limits=LIMITS | {"segments": 3}).sender(m.close(18)), "", frozenset({"LW-LIMIT-1"})),
    Doctored("refuses_under_floor", "LW-OPEN-10", RECEIVER,
             lambda: _greeted(limits={"message": 9}).receiver(m.welcome(SESSION)),
             lambda: _greeted(limits={"message": 9}).receiver(m.close(18)), "hello",
             frozenset({"LW-LIMIT-1", "LW-BINDING-4"})),
    Doctored("versions_listed", "LW-INVARIANT-3", RECEIVER, lambda: _refused(33, {}),
             lambda: _refused(33, {"versions": [2]})),
    Doctored("versions_listed", "LW-INVARIANT-3", RECEIVER, lambda: _refused(33, {"versions": [1]}),
             lambda: _refused(33, {"versions": [2]}), "one that was offered"),
    Doctored("formats_listed", "LW-OPEN-4", RECEIVER, lambda: _refused(34, None),
             lambda: _refused(34, {"formats": [["s16le", 16_000, 1]]})),
    Doctored("says_when", "LW-OPEN-11", RECEIVER, lambda: _busy(None), lambda: _busy(1_000)),
    Doctored("not_lipwire", "LW-INVARIANT-4", RECEIVER, lambda: _greeted().receiver(m.close(32)),
             lambda: Session(opened=False).sender([9]).receiver(m.close(32)), "close"),
    Doctored("not_lipwire", "LW-INVARIANT-4", RECEIVER,
             lambda: Session(opened=False).sender([9]).receiver(m.welcome(SESSION)),
             lambda: Session(opened=False).sender([9]).receiver(m.close(32)), "welcome",
             frozenset({"LW-INVARIANT-1", "LW-REGISTRY-1"})),
    # -- the end
    Doctored("nothing_after_close", "LW-CLOSE-1", SENDER, lambda: Session().sender(m.close(0), m.ping(1)),
             lambda: Session().sender(m.ping(1), m.close(0))),
    Doctored("nothing_after_close", "LW-CLOSE-1", RECEIVER,
             lambda: begun().receiver(m.close(0), m.progress(1, 480)),
             lambda: begun().sender(m.close(0)).receiver(m.progress(1, 480)), "which crossed it"),
    Doctored("not_resumed", "LW-CLOSE-1", SENDER, lambda: Session("resume").sender(m.close(0)).resume(),
             lambda: Session("resume").resume()),
    Doctored("right_code", "LW-CLOSE-6", RECEIVER, lambda: begun().receiver(m.close(16)),
             lambda: begun().sender(b"\x95\x11").receiver(m.close(16))),
    Doctored("right_code", "LW-CLOSE-6", SENDER, lambda: Session().sender(m.close(17)),
             lambda: Session().receiver([32]).sender(m.close(17)), "sender"),
    Doctored("window_was_exceeded", "LW-CLOSE-6", RECEIVER, lambda: begun(samples=4_800).receiver(m.close(22)),
             lambda: begun(samples=4_801).receiver(m.close(22))),
    Doctored("peer_gone_is_not_sent", "LW-RESUME-1", SENDER, lambda: Session("resume").sender(m.close(52)),
             lambda: Session("resume").sender(m.close(1))),
    Doctored("pings_answered", "LW-LIVE-1", RECEIVER, lambda: _unasked_pong(2), lambda: _unasked_pong(1), "no ping"),
    Doctored("pings_answered", "LW-LIVE-1", RECEIVER, lambda: _left_out(True), lambda: _left_out(False), "left out"),
]  # fmt: skip
