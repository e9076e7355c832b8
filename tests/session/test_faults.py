"""Both cores together over a bad network: repair, concealment, lost transports, resume (SPEC §13 to §15)."""

from __future__ import annotations

from typing import Any

import pytest
from wired import BOTH, GOOD, MEMORY, ROOM, WEBRTC, Player, Wired, frames

from lipwire.protocol import items
from lipwire.protocol import messages as m
from lipwire.protocol.channels import Binding, Channel
from lipwire.protocol.codec import encode
from lipwire.protocol.errors import CloseCode, RemoteProtocolError
from lipwire.protocol.events import Cause, CustomReceived, MarkReached
from lipwire.protocol.receiver import read_hello
from lipwire.protocol.states import SessionState
from lipwire.transports.link import Faults, FaultyLink

BAD = Faults(delay=0.03, jitter=0.01, loss=0.2, reorder=0.2, duplicate=0.05)


def bad(seed: int, **more: Any) -> Faults:
    return Faults(
        **({"delay": 0.03, "jitter": 0.01, "loss": 0.2, "reorder": 0.2, "duplicate": 0.05, "seed": seed} | more)
    )


# -- repair ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_a_fifth_lost_and_nothing_concealed(seed: int) -> None:
    wired = Wired(WEBRTC, bad(seed), repair_timeout=4)
    said = [wired.say(frames(seconds)) for seconds in (2, 0, 0.01, 3)]
    said.append(wired.speak(frames(1)))
    wired.run_until_ended(*said)
    wired.heard_whole(*said)
    counters = wired.core.counters
    assert counters.repaired_samples > 0
    assert counters.duplicates > 0
    assert counters.concealed_samples == 0


@pytest.mark.parametrize("seed", range(8))
def test_a_room_where_everything_may_be_lost(seed: int) -> None:
    wired = Wired(ROOM, bad(seed, channels=BOTH), repair_timeout=5)
    said = [wired.say(frames(0.5)), wired.say(0), wired.speak(frames(1))]
    wired.run_until_ended(*said)
    wired.heard_whole(*said)


@pytest.mark.parametrize("seed", range(8))
def test_interrupts_on_a_bad_network(seed: int) -> None:
    wired = Wired(WEBRTC, bad(seed), repair_timeout=4)
    for index in range(12):
        number = wired.say(frames(1))
        wired.run(0.3 + 0.01 * index)
        wired.interrupt()
        assert number
    last = wired.say(frames(1))
    wired.run_until_ended(last)
    wired.heard_whole(last)
    assert len(wired.confirmed) == 12
    assert max(event.latency for _, event in wired.confirmed) < 0.3


class Hole(FaultyLink):
    """Loses every audio message that touches some samples."""

    first, end = frames(0.5), frames(0.7)

    def push(self, channel: Channel, message: Any, now: float) -> None:
        from lipwire.protocol.codec import decode

        decoded = decode(message, 1 << 20)
        if isinstance(decoded, m.AudioMessage):
            start, end = decoded.position, decoded.position + len(decoded.pcm) // 2
            if start < self.end and end > self.first:
                return
        super().push(channel, message, now)


@pytest.mark.parametrize("repair_timeout", [0.2, 1.0])
def test_silence_only_when_the_time_for_repair_is_over(repair_timeout: float) -> None:
    wired = Wired(WEBRTC, GOOD, repair_timeout=repair_timeout, player=Player(ahead=0.05))
    wired.concealing = True
    assert wired.transport is not None
    wired.transport.out = Hole(GOOD, now=wired.now)
    wired.transport.out.push(Channel.CONTROL, wired.sender._hello, wired.now)
    number = wired.say(frames(1.5))
    wired.run_until_ended(number)
    ended = wired.ended[number]
    assert (ended.position, ended.cause) == (frames(1.5), Cause.PLAYED)
    concealed = wired.player.concealed[number]
    assert frames(0.2) <= concealed <= frames(0.5)
    assert wired.core.counters.concealed_samples == concealed
    quiet = [i for i in wired.player.items if isinstance(i, items.Audio) and i.concealed]
    times = dict(zip((id(i) for i in wired.player.items), wired.player.times, strict=True))
    before = max(t for i, t in zip(wired.player.items, wired.player.times, strict=True)
                 if isinstance(i, items.Audio) and i.end <= quiet[0].position)  # fmt: skip
    assert times[id(quiet[0])] - before >= repair_timeout
    # It was asked for all the while, at the pace of the round trip.
    asked = [n for n in wired.sent(m.Nack, "<") if n.missing[0][0] <= Hole.first < n.missing[-1][1]]
    assert len(asked) >= 1


def test_the_whole_flight_lost_is_found_missing() -> None:
    """Nothing comes after it that would show the gap; the bound on what is in flight holds the sender back."""
    wired = Wired(WEBRTC, GOOD)
    wired.run(0.5)
    assert wired.transport is not None
    link, lost, until = wired.transport.out, [], wired.now + 0.02
    push = link.push

    def lossy(channel: Channel, message: Any, now: float) -> None:
        if channel is Channel.MEDIA and now < until:
            lost.append(message)
        else:
            push(channel, message, now)

    link.push = lossy  # type: ignore[method-assign]
    number = wired.say(frames(2))
    assert len(lost) > 2
    wired.run_until_ended(number, within=4)
    wired.heard_whole(number)


def test_a_lost_tail_of_a_quiet_sender() -> None:
    wired = Wired(WEBRTC, GOOD)
    number = wired.open()
    wired.write(number, frames(0.1))
    wired.run(0.2)
    assert wired.transport is not None
    push = wired.transport.out.push
    wired.transport.out.push = lambda *_: None  # type: ignore[method-assign]
    wired.write(number, 10)
    wired.transport.out.push = push  # type: ignore[method-assign]
    wired.run(0.5)
    assert len(wired.player.audio[number]) == 2 * (frames(0.1) + 10)


def test_bursts() -> None:
    for seed in range(6):
        wired = Wired(WEBRTC, bad(seed, burst=6.0), repair_timeout=5)
        said = [wired.say(frames(0.3)) for _ in range(8)]
        wired.run_until_ended(*said)
        wired.heard_whole(*said)


def test_repair_costs_about_what_was_lost() -> None:
    wired = Wired(WEBRTC, Faults(delay=0.03, loss=0.1, seed=5), repair_timeout=4)
    number = wired.say(frames(20))
    wired.run_until_ended(number)
    wired.heard_whole(number)
    sent = sum(len(a.pcm) // 2 for a in wired.sent(m.AudioMessage))
    assert sent < 1.3 * frames(20)


# -- lost transports ---------------------------------------------------------------------------------------

ANY = pytest.mark.parametrize("binding", [MEMORY, WEBRTC, ROOM], ids=lambda binding: binding.name)


@ANY
@pytest.mark.parametrize("at", [0.07, 0.1, 0.35, 0.6, 0.99, 1.4])
def test_resume_in_the_middle_of_a_segment(binding: Binding, at: float) -> None:
    wired = Wired(binding, GOOD, reconnect=0.2)
    said = [wired.speak(frames(0.8)), None]
    wired.after(0.9, lambda: said.append(wired.say(frames(0.7))))
    wired.after(at, wired.drop)
    wired.run(1.2)
    wired.run_until_ended(1, 2)
    wired.heard_whole(1, 2)
    assert len(wired.opened) == 2
    assert [o.resumed for o in wired.opened] == [False, at > 0.06]


@ANY
@pytest.mark.parametrize("side", ["sender", "receiver"])
def test_only_one_side_sees_the_end_of_the_transport(binding: Binding, side: str) -> None:
    wired = Wired(binding, GOOD, reconnect=0.2, keepalive=0.5)
    number = wired.say(frames(4))
    wired.run(1)
    wired.drop(sender=side == "sender", receiver=side == "receiver")
    wired.run_until_ended(number)
    wired.heard_whole(number)
    assert len(wired.opened) == 2


@ANY
@pytest.mark.parametrize("seed", range(6))
def test_many_breaks_on_a_bad_network(binding: Binding, seed: int) -> None:
    faults = bad(seed, channels=BOTH if binding is ROOM else frozenset({Channel.MEDIA}))
    if binding is MEMORY:
        faults = GOOD
    wired = Wired(binding, faults, reconnect=0.05, repair_timeout=10, keepalive=1.0)
    said = [wired.say(frames(0.7)) for _ in range(4)]
    for index in range(25):
        wired.after(0.05 + index * (0.1 + 0.01 * seed), wired.drop)
    for index in range(4):
        wired.after(0.21 + index * 0.3, lambda index=index: wired.sender.mark(4, 10 + index, "m", wired.now))
    wired.run_until_ended(*said)
    wired.heard_whole(*said)
    assert sum(isinstance(e, MarkReached) for e in wired.sender_events) == 4


@ANY
def test_an_interrupt_while_the_transport_is_lost(binding: Binding) -> None:
    wired = Wired(binding, GOOD, reconnect=0.5)
    wired.say(frames(3))
    wired.say(frames(3))
    wired.run(0.6)
    wired.drop()
    wired.run(0.1)
    wired.interrupt()
    after = wired.say(frames(0.3))
    wired.run_until_ended(1, 2, after, within=3)
    assert wired.ended[1].cause is Cause.INTERRUPTED
    assert wired.ended[1].position == wired.player.heard[1]
    wired.heard_whole(after)


@ANY
@pytest.mark.parametrize("step", range(12))
def test_a_break_while_an_interrupt_is_on_its_way(binding: Binding, step: int) -> None:
    wired = Wired(binding, GOOD, reconnect=0.1)
    wired.say(frames(2))
    wired.run(0.5)
    wired.interrupt()
    after = wired.say(frames(0.3))
    wired.run(0.01 * step)
    wired.drop()
    wired.run_until_ended(1, after, within=3)
    assert wired.ended[1].interrupted
    wired.heard_whole(after)
    assert len(wired.confirmed) == 1


@ANY
def test_pause_lasts_over_a_resume(binding: Binding) -> None:
    wired = Wired(binding, GOOD, reconnect=0.2)
    number = wired.say(frames(1))
    wired.run(0.5)
    wired.sender.pause(wired.now)
    wired.run(0.3)
    wired.drop()
    wired.run(8)
    assert wired.core.paused
    assert number not in wired.ended
    wired.drop()
    wired.sender.unpause(wired.now)
    wired.run_until_ended(number)
    wired.heard_whole(number)


@ANY
def test_numbered_messages_are_taken_once_and_in_order(binding: Binding) -> None:
    faults = bad(3, channels=BOTH) if binding is ROOM else GOOD
    wired = Wired(binding, faults, reconnect=0.07, keepalive=1.0)
    wired.run_until(lambda: wired.sender.state is SessionState.OPEN)
    for index in range(60):
        wired.after(0.02 * index, lambda index=index: wired.sender.send_custom({"n": index}, wired.now))
        wired.after(0.02 * index, lambda index=index: wired.core.send_custom({"n": index}, wired.now))
        if index % 10 == 5:
            wired.after(0.02 * index + 0.003, wired.drop)
    wired.run(15)
    for events in (wired.sender_events, wired.receiver_events):
        assert [e.content["n"] for e in events if isinstance(e, CustomReceived)] == list(range(60))
    assert len(wired.opened) > 3


def test_a_steady_stream_does_not_put_off_what_was_lost() -> None:
    """LW-CONTROL-4: each message has its own time to be sent again."""
    wired = Wired(ROOM, Faults(delay=0.02))
    wired.run(0.3)
    for index in range(400):
        wired.after(0.01 * index, lambda index=index: wired.sender.send_custom({"n": index}, wired.now))
    wired.run(3.9)
    assert wired.transport is not None
    push = wired.transport.out.push
    wired.transport.out.push = lambda *_: None  # type: ignore[method-assign]
    wired.run(0.2)
    wired.transport.out.push = push  # type: ignore[method-assign]
    wired.run(0.7)
    assert sum(isinstance(e, CustomReceived) for e in wired.receiver_events) == 400


@ANY
def test_the_resume_time_is_over_on_both_sides(binding: Binding) -> None:
    wired = Wired(binding, GOOD, reconnect=None, resume=3.0)
    said = [wired.say(frames(9)), wired.say(frames(1))]
    wired.run(0.5)
    wired.drop()
    wired.run(2.9)
    assert not wired.ended
    heard = wired.player.heard[1]
    assert heard > frames(1)  # it goes on with what it has
    wired.run(0.2)
    assert wired.codes() == (CloseCode.PEER_GONE, CloseCode.PEER_GONE)
    assert [(e.cause, e.exact) for e in wired.ended.values()] == [
        (Cause.TRANSPORT_LOST, False),
        (Cause.TRANSPORT_LOST, True),  # it was never started
    ]
    assert wired.ended[1].position <= heard
    assert wired.player.stopped
    assert wired.settled_segments()
    assert len(said) == 2


def test_the_receiver_has_forgotten_the_session() -> None:
    wired = Wired(MEMORY, GOOD, reconnect=0.1, resume=2.0, may_fail=CloseCode.UNKNOWN_SESSION, keepalive=1.0)
    number = wired.say(frames(9))
    wired.run(0.5)
    wired.drop(sender=False)  # the receiver sees it at once, the sender after three keepalives
    wired.run(6)
    assert wired.codes() == (CloseCode.UNKNOWN_SESSION, CloseCode.PEER_GONE)
    assert wired.ended[number].cause is Cause.PEER_CLOSED


def hello(wired: Wired, **fields: Any) -> m.Hello:
    real = read_hello(wired.sender._hello)
    return read_hello(encode(real._replace(**fields)))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"generation": 9, "resume": [b"not the secret..", 0]}, CloseCode.RESUME_REFUSED),
        ({"generation": 9, "resume": None}, CloseCode.RESUME_REFUSED),
        ({"generation": 1, "resume": [b"%016d" % 1, 0]}, CloseCode.RESUME_REFUSED),
        ({"generation": 9, "resume": [b"%016d" % 1, 999]}, CloseCode.RESUME_STATE),
        ({"generation": 9, "resume": [b"%016d" % 1, 0], "session": bytes(16)}, CloseCode.UNKNOWN_SESSION),
    ],
)
def test_a_stranger_does_not_disturb_the_session(fields: dict[str, Any], code: CloseCode) -> None:
    wired = Wired(MEMORY, GOOD)
    number = wired.say(frames(2))
    wired.run(1)
    with pytest.raises(RemoteProtocolError) as error:
        wired.core.resume(hello(wired, **fields), MEMORY, bytes(16), wired.now)
    assert error.value.code is code
    wired.run_until_ended(number)
    wired.heard_whole(number)
    assert len(wired.opened) == 1


def test_the_newer_connection_supersedes_the_older() -> None:
    wired = Wired(MEMORY, Faults(delay=0.2))
    number = wired.say(frames(3))
    wired.run(1)
    wired.connect()  # the agent has a better way; the old transport still seems alive to the receiver
    wired.run_until_ended(number)
    wired.heard_whole(number)
    assert [o.generation for o in wired.opened] == [1, 2]


@pytest.mark.parametrize("delay", [0.01, 0.04, 0.055, 0.07])
def test_the_welcome_that_is_lost_with_its_transport(delay: float) -> None:
    wired = Wired(MEMORY, GOOD, reconnect=0.1)
    number = wired.say(frames(1))
    wired.run(delay)
    wired.drop()
    wired.run(0.1 + delay)
    wired.drop()
    wired.run(0.1 + delay)
    wired.drop()
    wired.run_until_ended(number)
    wired.heard_whole(number)


@pytest.mark.parametrize("first", [MEMORY, WEBRTC])
def test_from_one_kind_of_transport_to_another(first: Binding) -> None:
    other = WEBRTC if first is MEMORY else MEMORY
    wired = Wired(first, GOOD, reconnect=None)
    number = wired.say(frames(3))
    wired.run(1)
    wired.drop()
    wired.run(0.1)
    wired.connect(other)
    wired.run_until_ended(number)
    wired.heard_whole(number)


def test_an_older_hello_that_comes_late_takes_nothing_over() -> None:
    """The agent gave a slow transport up and opened another; then the first hello arrives (LW-RESUME-6)."""
    wired = Wired(MEMORY, Faults(delay=0.06), reconnect=None)
    wired.faults = wired.back = Faults(delay=0.04)
    wired.connect()
    number = wired.say(frames(2))
    wired.run(0.07)  # the second was answered, and its sender has not been heard yet
    assert [error.code for error in wired.refusals] == [CloseCode.RESUME_REFUSED]
    wired.run_until_ended(number)
    wired.heard_whole(number)
