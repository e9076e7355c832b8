"""Version 0: a session of the two state machines, from its opening to its end."""

from __future__ import annotations

import random
from math import inf

import pytest

from lipwire.protocol.channels import Binding, Channel
from lipwire.protocol.errors import CloseCode, LocalProtocolError
from lipwire.protocol.events import Cause, ConsumerReset, SessionOpened, StreamEnded
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.items import Interrupted
from lipwire.protocol.limits import Limits
from lipwire.protocol.states import SessionState
from lipwire.protocol.version0_receiver import ReceiverSettings0
from lipwire.protocol.version0_sender import SenderConnection0, SenderSettings0

from .deployed import DeployedReceiver
from .wire import END, INTERRUPT, LOSSY_ROOM, RATE, ROOM, STREAM, in_frames, noise
from .world import World, opened, read_all

# -- opening ---------------------------------------------------------------------------------------------------


def test_opens_at_once_with_nothing_on_the_wire():
    settings = SenderSettings0(format=PcmFormat(16_000), limits=Limits(cooldown=0.5))
    core = SenderConnection0(settings, b"s" * 16, 5.0)
    core.attach(STREAM, 5.0)
    opened = core.take_events()
    assert opened == [
        SessionOpened(
            session=b"s" * 16,
            generation=1,
            format=PcmFormat(16_000),
            features=frozenset(),
            limits={"cooldown": 0.5, "message": 15_360},
        )
    ]
    assert core.take_outgoing(5.0) == []
    assert core.next_deadline() == inf
    assert core.features == frozenset()
    assert core.version == 0
    with pytest.raises(LocalProtocolError):
        core.attach(STREAM, 5.0)


def test_never_connected():
    core = SenderConnection0(SenderSettings0(connect_time=3.0), bytes(16), 5.0)
    number = core.open_segment(None, 5.0)
    core.write(number, bytes(960), 5.0)
    assert core.next_deadline() == 8.0
    core.expire(8.0)
    ended = [event for event in core.take_events() if isinstance(event, StreamEnded)]
    assert ended == [StreamEnded(segment=1, position=0, interrupted=True, cause=Cause.NEVER_CONNECTED, exact=True)]


@pytest.mark.parametrize("pcm", [PcmFormat(24_000, 2), PcmFormat(24_000, 1, "f32le")])
def test_carries_mono_s16le_only(pcm: PcmFormat):
    for settings in (SenderSettings0, ReceiverSettings0):
        with pytest.raises(LocalProtocolError, match="mono s16le") as raised:
            settings(format=pcm)
        assert raised.value.code is CloseCode.UNSUPPORTED_FORMAT


@pytest.mark.parametrize("wrong", [{"lead": 0.0}, {"chunk": 0.0}, {"margin": -1.0}, {"reorder": 61.0}])
def test_sender_settings_are_checked(wrong: dict[str, float]):
    with pytest.raises(LocalProtocolError, match=next(iter(wrong))):
        SenderSettings0(**wrong)  # type: ignore[arg-type]


def test_receiver_settings_are_checked():
    with pytest.raises(LocalProtocolError, match="most_held"):
        ReceiverSettings0(most_held=-1)


def test_what_version_0_has_not():
    world = World()
    number = world.say(noise(0.1), end=False)
    for call in (
        lambda: world.core.mark(number, 0, "here", world.now),
        lambda: world.core.data(number, 0, {"a": 1}, world.now),
        lambda: world.core.pause(world.now),
        lambda: world.core.unpause(world.now),
        lambda: world.core.send_custom({"a": 1}, world.now),
        lambda: world.receiver.send_custom({"a": 1}, world.now),
    ):
        with pytest.raises(LocalProtocolError, match="version 0 has no"):
            call()
    world.core.end_segment(number, world.now)
    world.core.open_segment({"text": "hello"}, world.now)
    assert world.core.counters.dropped_controls == 1


# -- the two cores together ------------------------------------------------------------------------------------


@pytest.mark.parametrize("binding", [STREAM, ROOM])
@pytest.mark.parametrize("ms", [20, 1, 1000])
def test_bit_exact_over_a_reliable_link(binding: Binding, ms: int):
    sender = SenderConnection0(SenderSettings0(keep_from_text=False), bytes(16), 100.0)
    world = World(sender, binding=binding, room=binding is ROOM)
    spoken = [noise(3.0, 1), noise(0.3, 2), bytes(2 * RATE), noise(1.5, 3) + bytes(3)[:2]]
    for pcm in spoken:
        world.say(pcm, ms)
    world.run(until=lambda: len(world.results) == 4)
    assert world.renderer is not None
    assert [bytes(world.renderer.heard[n]) for n in (1, 2, 3, 4)] == spoken
    assert [(r.cause, r.position, r.interrupted) for r in world.results] == [
        (Cause.PLAYED, len(pcm) // 2, False) for pcm in spoken
    ]
    assert not any(r.exact for r in world.results)
    world.check_results()


def test_results_come_in_real_time_and_may_be_exact():
    sender = SenderConnection0(SenderSettings0(exact_acks=True), bytes(16), 100.0)
    world = World(sender)
    world.say(noise(2.0))
    world.run(until=lambda: bool(world.results))
    assert world.now == pytest.approx(102.06, abs=0.01)
    assert world.results[0].exact


@pytest.mark.parametrize(("binding", "most"), [(STREAM, 4_800), (ROOM, 4_800)])
def test_audio_goes_at_most_the_lead_ahead_of_real_time(binding: Binding, most: int):
    world = World(binding=binding)
    began = world.now
    world.say(noise(10.0), 1000)
    assert world.core.buffered == 9 * RATE
    world.run(until=lambda: bool(world.results))
    sent = 0
    for at, channel, message in world.sent:
        if channel is Channel.MEDIA:
            sent += len(message) // 2
            assert sent <= (at - began + 1.0) * RATE + 1
            assert len(message) <= most
            assert len(message) % 2 == 0
    assert sent == 10 * RATE


def test_live_audio_is_not_delayed():
    world = World()
    number = world.core.open_segment(None, world.now)
    for frame in in_frames(noise(2.0)):
        world.core.write(number, frame, world.now)
        world.flush()
        assert world.core.buffered == 0
        world.run(0.02)
    assert len(world.sent) == 100


def test_slices_at_most_15_000_bytes_of_whole_frames():
    sender = SenderConnection0(SenderSettings0(chunk=10.0, lead=10.0), bytes(16), 100.0)
    world = World(sender)
    world.say(noise(5.0), 5_000)
    sizes = [len(m) for _, c, m in world.sent if c is Channel.MEDIA]
    assert max(sizes) == 15_000
    assert sum(sizes) == 5 * RATE * 2
    narrow = Binding(name="narrow", separate_media=True, media_reliable=False, max_media_message=1_151)
    world = World(SenderConnection0(SenderSettings0(), bytes(16), 100.0), binding=narrow)
    world.say(noise(0.5))
    assert all(len(m) <= 1_150 for _, c, m in world.sent if c is Channel.MEDIA)


@pytest.mark.parametrize("binding", [STREAM, ROOM])
def test_an_interrupt_loses_nothing_of_the_next_segment(binding: Binding):
    sender = SenderConnection0(SenderSettings0(keep_from_text=False), bytes(16), 100.0)
    world = World(sender, binding=binding)
    world.say(noise(20.0), end=False)
    world.run(1.0)
    assert world.interrupt() == 1
    at = world.now
    answer = noise(1.0, 2)
    world.say(answer)
    world.run(until=lambda: len(world.results) == 2)
    assert world.renderer is not None
    assert [list(i.segments) for i in world.renderer.interrupted] == [[1]]
    assert world.renderer.resets == world.renderer.interrupted
    assert bytes(world.renderer.heard[2]) == answer
    first = next(t for t, c, _ in world.sent if c is Channel.MEDIA and t > at)
    assert 0.35 <= first - at + 1e-5 < 0.40
    cut, played = world.results
    assert (cut.cause, cut.interrupted, cut.exact) == (Cause.INTERRUPTED, True, False)
    assert cut.position == pytest.approx(RATE, abs=0.05 * RATE)
    assert (played.cause, played.position) == (Cause.PLAYED, RATE)
    assert [(c.first, c.last) for c in world.confirmed] == [(1, 1)]
    assert world.confirmed[0].latency == pytest.approx(0.06, abs=0.01)


def test_an_interrupt_cuts_playing_and_queued_segments():
    world = World()
    world.say(noise(0.5))
    world.say(noise(0.3, 2))
    world.say(noise(5.0, 3))
    world.say(noise(5.0, 4))
    world.run(0.2)
    assert world.interrupt() == 4
    world.run(until=lambda: len(world.results) == 4)
    assert [r.cause for r in world.results] == [Cause.INTERRUPTED] * 4
    first, *others = world.results
    assert first.position == pytest.approx(0.2 * RATE, abs=0.05 * RATE)
    assert [(r.position, r.exact) for r in others] == [(0, False), (0, False), (0, True)]
    assert len([m for m in world.returned if "true" in m]) == 1
    assert [(c.first, c.last) for c in world.confirmed] == [(1, 4)]
    world.check_results()


def test_an_interrupt_of_what_was_not_sent_stays_local():
    world = World()
    world.say(noise(5.0))
    world.say(noise(1.0, 2))
    world.say(noise(1.0, 3))
    assert world.interrupt(2) == 2
    assert world.interrupt(2) is None
    assert INTERRUPT not in [(c, m) for _, c, m in world.sent]
    world.run(until=lambda: len(world.results) == 3)
    assert [(r.cause, r.position, r.exact) for r in world.results] == [
        (Cause.PLAYED, 5 * RATE, False),
        (Cause.INTERRUPTED, 0, True),
        (Cause.PLAYED, RATE, False),
    ]
    assert len(world.confirmed) == 1


def test_cutting_the_only_one_on_the_wire_cuts_it_exactly():
    world = World()
    number = world.say(noise(5.0))
    after = noise(0.5, 2)
    world.say(after)
    world.run(0.5)
    assert world.interrupt(number, Cause.CANCELLED) == number
    assert world.sent[-1][1:] == INTERRUPT
    world.run(until=lambda: len(world.results) == 2)
    assert [r.cause for r in world.results] == [Cause.CANCELLED, Cause.PLAYED]
    assert world.renderer is not None
    assert bytes(world.renderer.heard[2]) == after


def test_cutting_one_of_several_on_the_wire_truncates_it():
    world = World()
    world.say(noise(0.5))
    second = world.say(noise(5.0, 2), end=False)
    last = noise(0.5, 3)
    assert world.interrupt(second, Cause.CANCELLED) == second
    assert not world.core.write(second, bytes(960), world.now)
    world.say(last)
    world.run(until=lambda: len(world.results) == 3)
    assert INTERRUPT not in [(c, m) for _, c, m in world.sent]
    assert [(r.cause, r.position, r.interrupted) for r in world.results] == [
        (Cause.PLAYED, RATE // 2, False),
        (Cause.CANCELLED, RATE // 2, True),
        (Cause.PLAYED, RATE // 2, False),
    ]
    assert world.renderer is not None
    assert bytes(world.renderer.heard[3]) == last


def test_what_is_wholly_on_the_wire_among_others_can_not_be_cut_alone():
    world = World()
    world.say(noise(0.3))
    world.say(noise(0.3, 2))
    assert world.interrupt(1) is None
    assert world.interrupt(2) is None
    world.run(until=lambda: len(world.results) == 2)
    assert [r.cause for r in world.results] == [Cause.PLAYED, Cause.PLAYED]


def test_a_truncated_segment_is_cut_by_a_full_interrupt():
    world = World()
    world.say(noise(0.5))
    second = world.say(noise(5.0, 2), end=False)
    world.interrupt(second, Cause.CANCELLED)
    world.run(0.7)
    assert world.interrupt() is not None
    world.run(until=lambda: len(world.results) == 2)
    assert [(r.segment, r.cause) for r in world.results] == [(1, Cause.PLAYED), (2, Cause.CANCELLED)]
    assert world.results[1].position < RATE // 2


def test_there_is_nothing_to_interrupt():
    world = World()
    assert world.interrupt() is None
    assert not world.sent
    with pytest.raises(LocalProtocolError):
        world.core.interrupt(world.now, 7)


def test_empty_segments_end_at_once_and_in_order():
    world = World()
    world.say(noise(0.5))
    world.say(b"")
    assert not world.results
    world.run(until=lambda: len(world.results) == 2)
    assert [(r.segment, r.position, r.cause, r.exact) for r in world.results] == [
        (1, RATE // 2, Cause.PLAYED, False),
        (2, 0, Cause.PLAYED, True),
    ]
    world.say(b"")
    assert len(world.results) == 3
    assert [m for _, c, m in world.sent if c is Channel.CONTROL] == [END[1]]


def test_writing_rules():
    world = World()
    number = world.say(noise(0.1), end=False)
    with pytest.raises(LocalProtocolError, match="still open"):
        world.core.open_segment(None, world.now)
    world.core.end_segment(number, world.now)
    with pytest.raises(LocalProtocolError, match="ended"):
        world.core.write(number, bytes(2), world.now)
    with pytest.raises(LocalProtocolError, match="never opened"):
        world.core.write(9, bytes(2), world.now)
    world.run(until=lambda: bool(world.results))
    assert not world.core.write(number, bytes(2), world.now)
    world.core.end_segment(number, world.now)
    assert world.core.segment(number) is None


# -- the end of a session --------------------------------------------------------------------------------------


def test_the_transports_end_ends_the_sender():
    world = World()
    world.say(noise(3.0))
    world.run(0.5)
    world.core.detach(world.now)
    world.flush()
    assert world.core.closed is not None
    assert world.core.closed.code is CloseCode.PEER_GONE
    assert [(r.cause, r.position, r.exact) for r in world.results] == [(Cause.TRANSPORT_LOST, 0, False)]
    assert world.core.next_deadline() == inf
    with pytest.raises(LocalProtocolError):
        world.core.open_segment(None, world.now)


def test_the_transports_end_is_an_orderly_end_for_the_receiver():
    core = opened()
    core.receive(Channel.MEDIA, bytes(200), 0.0)
    core.receive(Channel.MEDIA, bytes(200), 0.0)
    core.read(0.0)
    core.read(0.0)
    core.detach(0.0)
    assert core.closed is not None
    assert core.closed.orderly
    told = Interrupted((1,), (100,), by_close=True)
    assert [e for e in core.take_events() if isinstance(e, ConsumerReset)] == [ConsumerReset(interrupted=told)]
    assert read_all(core) == [told]
    assert not core.stream_ended(1, 0.0, position=0)
    core.receive(Channel.MEDIA, bytes(200), 0.0)
    assert core.take_outgoing(0.0) == []


def test_closing_stops_what_is_playing_and_says_nothing_else():
    world = World()
    world.core.close(world.now)
    world.flush()
    assert not world.sent
    world = World()
    world.say(noise(3.0))
    world.run(0.5)
    before = len(world.sent)
    world.core.close(world.now)
    world.flush()
    assert [(c, m) for _, c, m in world.sent[before:]] == [INTERRUPT]
    assert [(r.cause, r.exact) for r in world.results] == [(Cause.CLOSED, False)]
    core = opened()
    core.close(0.0)
    assert core.take_outgoing(0.0) == []


# -- everything at random --------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(60))
def test_every_segment_ends_once_in_order_and_in_bounded_time(seed: int):
    """Whatever is lost, and whoever is at the other end; where nothing is, every sample of what was not cut arrives."""
    chance = random.Random(seed)
    binding = chance.choice([STREAM, ROOM, LOSSY_ROOM])
    loss = chance.choice([0.0, 0.0, 0.2]) if binding is not STREAM else 0.0
    deployed = DeployedReceiver() if chance.random() < 0.5 else None
    world = World(
        SenderConnection0(SenderSettings0(keep_from_text=False), bytes(16), 100.0),
        deployed,
        binding=binding,
        delay=lambda _: chance.uniform(0.02, 0.06),
        loses=lambda *_: chance.random() < loss,
        reports=chance.random() < 0.9,
    )
    spoken: dict[int, bytes] = {}
    for step in range(12):
        match chance.randrange(5):
            case 0:
                world.interrupt()
            case 1 if spoken:
                world.interrupt(chance.choice(list(spoken)))
            case _:
                pcm = noise(chance.choice([0.0, 0.1, 0.5, 2.0]), seed * 100 + step)
                spoken[world.say(pcm)] = pcm
        world.run(chance.choice([0.0, 0.05, 0.5, 3.0]))
    spoken[world.say(noise(0.3, seed))] = noise(0.3, seed)
    world.run(60.0, until=lambda: len(world.results) == len(spoken))
    world.check_results()
    assert world.core.state is SessionState.OPEN
    assert world.core.buffered == 0
    assert len(world.confirmed) <= world.core.counters.interrupts
    world.run(10.0)
    assert len(world.confirmed) == world.core.counters.interrupts
    assert len(world.results) == len(spoken)
    for result in world.results:
        assert 0 <= result.position <= len(spoken[result.segment]) // 2
        if loss == 0 and result.cause is Cause.PLAYED and spoken[result.segment]:
            assert result.position == len(spoken[result.segment]) // 2
            assert spoken[result.segment] in world.heard
