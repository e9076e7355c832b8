"""Both cores together: refusals, closing, and peers that do not do their part (SPEC §7, §16 to §18)."""

from __future__ import annotations

from typing import Any

import pytest
from wired import BOTH, GOOD, MEMORY, ROOM, WEBRTC, Player, Wired, frames

from lipwire.protocol import items
from lipwire.protocol import messages as m
from lipwire.protocol.channels import Binding
from lipwire.protocol.errors import CloseCode
from lipwire.protocol.events import Cause, MarkReached, SessionEnded
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.limits import Limits
from lipwire.protocol.registry import Feature
from lipwire.protocol.states import SessionState
from lipwire.transports.link import Faults

BINDINGS = pytest.mark.parametrize("binding", [MEMORY, WEBRTC, ROOM], ids=lambda binding: binding.name)


# -- refusals ----------------------------------------------------------------------------------------------


def refused(code: CloseCode, binding: Binding = MEMORY, **options: Any) -> Wired:
    wired = Wired(binding, may_fail=code, connect=False, **options)
    number = wired.say(frames(0.1))
    wired.connect()
    wired.run(1)
    assert wired.sender.closed is not None
    assert (wired.sender.closed.code, wired.sender.closed.by_peer) == (code, True)
    assert [(e.cause, e.position, e.exact) for e in wired.ended.values()] == [(Cause.REFUSED, 0, True)]
    assert number == 1
    assert wired.receiver is None
    return wired


def test_a_format_that_is_not_supported() -> None:
    wired = refused(CloseCode.UNSUPPORTED_FORMAT, receiver={"formats": (PcmFormat(16_000, 1),)})
    assert wired.sender.closed is not None
    assert wired.sender.closed.details == {"formats": [["s16le", 16_000, 1]]}
    assert "16000" in str(wired.sender.closed)


@pytest.mark.parametrize("binding", [WEBRTC, ROOM])
def test_a_feature_that_the_transport_needs(binding: Binding) -> None:
    wired = Wired(binding, GOOD, sender={"features": frozenset()})  # LW-BINDING-1: offered whatever the user wants
    number = wired.say(frames(0.2))
    wired.run_until_ended(number)
    wired.heard_whole(number)
    assert Feature.REPAIR in wired.sender.features


def test_another_version(monkeypatch: pytest.MonkeyPatch) -> None:
    from lipwire.protocol import sender_handshake

    monkeypatch.setattr(sender_handshake, "VERSION", 2)
    wired = refused(CloseCode.UNSUPPORTED_VERSION)
    assert wired.sender.closed is not None
    assert wired.sender.closed.details == {"versions": [1]}


def test_busy_and_then_not() -> None:
    wired = Wired(MEMORY, GOOD, connect=False)
    wired.max_sessions = 0
    number = wired.say(frames(0.2))
    wired.connect()
    wired.after(1.0, lambda: setattr(wired, "max_sessions", 1))
    wired.run_until_ended(number)
    wired.heard_whole(number)
    assert len(wired.refusals) >= 2
    assert wired.opened[0].generation == len(wired.refusals) + 1


def test_busy_for_too_long() -> None:
    wired = Wired(MEMORY, GOOD, connect=False, sender={"connect_time": 5.0})
    wired.max_sessions = 0
    number = wired.say(frames(0.2))
    wired.connect()
    wired.run_until_ended(number, within=5.1)
    assert wired.ended[1].cause is Cause.NEVER_CONNECTED


# -- closing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["sender", "receiver"])
@pytest.mark.parametrize("when", [0.0, 0.02, 0.04, 0.07, 0.5, 1.5])
@BINDINGS
def test_closing_at_any_time(binding: Binding, who: str, when: float) -> None:
    wired = Wired(binding, GOOD, reconnect=None)
    wired.say(frames(0.3))
    wired.speak(frames(1))
    wired.run(when)
    core = wired.sender if who == "sender" else wired.receiver
    if core is None:
        return
    core.close(wired.now)
    wired._settle()
    wired.run(0.05)
    assert wired.settled_segments()
    assert wired.sender.closed is not None
    if when >= 0.04:
        assert wired.codes() == (CloseCode.NORMAL, CloseCode.NORMAL)
        assert wired.player.stopped or not wired.core.counters.live_segments
    elif who == "sender" and wired.receiver is not None:
        # It closed before welcome had come: to the receiver that is the end of the session as well.
        wired.run(15)
        assert wired.receiver.closed is not None
    items_then = len(wired.player.items)
    wired.run(20)
    assert [i for i in wired.player.items[items_then:] if not isinstance(i, items.Interrupted)] == []
    assert sum(isinstance(e, SessionEnded) for e in wired.sender_events) == 1
    assert sum(isinstance(e, SessionEnded) for e in wired.receiver_events) <= 1


def test_closing_while_lost() -> None:
    wired = Wired(MEMORY, GOOD, reconnect=None, resume=2)
    wired.say(frames(3))
    wired.run(0.5)
    wired.drop()
    wired.sender.close(wired.now)
    wired.run(0.1)
    assert [(e.segment, e.cause, e.exact) for e in wired.ended.values()] == [(1, Cause.CLOSED, False)]
    wired.run(3)
    assert wired.codes() == (CloseCode.NORMAL, CloseCode.PEER_GONE)
    assert wired.player.stopped


# -- peers that do not do their part -----------------------------------------------------------------------


@pytest.mark.parametrize("player", [{"stuck": True}, {"mute": True}])
@BINDINGS
def test_a_consumer_that_reads_nothing_or_says_nothing(binding: Binding, player: dict[str, Any]) -> None:
    wired = Wired(binding, GOOD, player=Player(**player), grace=1)
    said = [wired.say(frames(0.5)) for _ in range(6)]
    wired.run_until_ended(*said, within=6 * (0.5 + 1 + 0.3 + 0.2))
    assert {(e.cause, e.exact, e.interrupted) for e in wired.ended.values()} <= {
        (Cause.NO_REPORT, False, True),
        (Cause.INTERRUPTED, True, True),
    }
    assert wired.ended[1].cause is Cause.NO_REPORT
    assert wired.sender.state is SessionState.OPEN


def test_a_consumer_that_never_reports_does_not_break_the_session() -> None:
    """More segments than may be live are given up; the sender may not start further ones (LW-SEGMENT-4)."""
    patient = {"limits": Limits(grace=600, cooldown=0, segments=4)}
    wired = Wired(MEMORY, GOOD, player=Player(mute=True), grace=0.1, receiver=patient)
    for _ in range(12):
        wired.say(frames(0.05))
        wired.run(1)
    assert wired.settled_segments()
    assert wired.codes() == (None, None)
    assert len(wired.sent(m.SegmentStart)) == 4


def test_keepalive_finds_out_that_the_peer_is_gone() -> None:
    wired = Wired(MEMORY, GOOD, reconnect=None, keepalive=1.0, resume=2.0)
    number = wired.say(frames(30))
    wired.run(1)
    wired.drop(sender=False, receiver=False)  # a cable is pulled: nobody is told
    took = wired.run_until(lambda: wired.sender.state is SessionState.LOST)
    assert 2.0 < took <= 3.0
    wired.run_until_ended(number, within=2.1)
    assert wired.ended[number].cause is Cause.TRANSPORT_LOST
    wired.run(3)
    assert wired.codes() == (CloseCode.PEER_GONE, CloseCode.PEER_GONE)
    assert wired.player.stopped


def test_an_idle_session_lives() -> None:
    wired = Wired(MEMORY, GOOD, keepalive=1.0)
    wired.run(60)
    assert (wired.sender.state, wired.core.state) == (SessionState.OPEN, SessionState.OPEN)
    assert 59 <= len(wired.sent(m.Ping)) <= 62


def test_a_room_that_loses_control() -> None:
    faults = Faults(delay=0.02, loss=0.3, duplicate=0.1, jitter=0.02, seed=4, channels=BOTH)
    wired = Wired(ROOM, faults, repair_timeout=5)
    said = [wired.say(frames(0.2)) for _ in range(20)]
    for number in said:
        wired.sender.mark(number, 10, f"mark {number}", wired.now)
    wired.run(2)
    wired.sender.pause(wired.now)
    wired.run(2)
    wired.sender.unpause(wired.now)
    wired.run_until_ended(*said)
    wired.heard_whole(*said)
    assert sorted(e.name for e in wired.sender_events if isinstance(e, MarkReached)) == sorted(
        f"mark {number}" for number in said
    )


def test_a_room_that_loses_hello_and_welcome() -> None:
    opened = 0
    for seed in range(20):
        wired = Wired(ROOM, Faults(delay=0.02, loss=0.6, seed=seed, channels=BOTH), reconnect=None)
        wired.run(8)
        opened += wired.sender.state is SessionState.OPEN
        assert wired.codes() == (None, None)
        assert len({h.session for h in wired.sent(m.Hello)}) == 1
    assert opened == 20
