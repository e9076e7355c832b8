"""Version 0: acks that are late, lost, early, or somebody else's."""

from __future__ import annotations

import json

import pytest

from lipwire.protocol.channels import Channel, Wire
from lipwire.protocol.events import Cause
from lipwire.protocol.version0_receiver import ReceiverConnection0

from .deployed import DeployedReceiver
from .wire import INTERRUPT, RATE, ack, noise
from .world import World


def test_a_lost_ack_ends_the_segment_in_bounded_time():
    world = World(loses=lambda _, m: "stream_ended" in str(m))
    world.say(noise(2.0))
    world.run(until=lambda: bool(world.results))
    assert world.now == pytest.approx(100 + 2.0 + 5.0, abs=0.1)
    assert [(r.cause, r.position, r.exact) for r in world.results] == [(Cause.NO_REPORT, 0, False)]
    assert INTERRUPT not in [(c, m) for _, c, m in world.sent]


def test_a_lost_ack_of_an_interrupt_ends_its_segments_in_bounded_time():
    world = World(loses=lambda _, m: "stream_ended" in str(m))
    world.say(noise(20.0))
    world.run(1.0)
    world.interrupt()
    world.say(noise(0.2, 2))
    world.run(until=lambda: len(world.results) == 1)
    assert world.now == pytest.approx(101 + 5.0, abs=0.01)
    assert [(r.cause, r.position, r.exact) for r in world.results] == [(Cause.INTERRUPTED, 0, False)]
    assert len(world.confirmed) == 1
    world.run(until=lambda: len(world.results) == 2)
    assert world.now < 101 + 0.35 + 0.2 + 5.1


def test_a_lost_ack_of_the_first_is_made_up_for_by_order():
    lost = []

    def loses(_: Channel, message: Wire) -> bool:
        if "true" in str(message) and not lost:
            lost.append(message)
            return True
        return False

    world = World(loses=loses)
    world.say(noise(20.0), end=False)
    world.run(0.5)
    world.interrupt()
    world.say(noise(0.5, 2))
    world.run(4.0)
    assert [(r.segment, r.cause, r.position, r.exact) for r in world.results] == [
        (1, Cause.INTERRUPTED, 0, False),
        (2, Cause.PLAYED, RATE // 2, False),
    ]


def test_acks_that_fit_nothing_are_counted():
    world = World()
    for message in (ack(1.0), ack(1.0, interrupted=True)):
        world.core.receive(Channel.CONTROL, message, world.now)
    number = world.say(noise(0.2), end=False)
    world.core.receive(Channel.CONTROL, ack(0.2), world.now)  # its end was not sent
    assert world.core.counters.unmatched_acks == 3
    world.core.end_segment(number, world.now)
    world.run(until=lambda: bool(world.results))
    assert world.results[0].cause is Cause.PLAYED


def test_an_ack_of_what_was_only_pushed_is_told_when_it_can_have_been_heard():
    receiver = DeployedReceiver()
    world = World(receiver=receiver)
    world.say(noise(0.9))
    world.run(0.2)
    assert receiver.out == []
    assert len(world.returned) == 1
    assert not world.results
    world.run(until=lambda: bool(world.results))
    assert world.now == pytest.approx(100.9, abs=0.001)
    assert [(r.cause, r.position) for r in world.results] == [(Cause.PLAYED, round(0.9 * RATE))]


def test_a_pushed_position_is_bounded_by_the_time_there_was():
    receiver = DeployedReceiver()
    world = World(receiver=receiver)
    world.say(noise(20.0))
    world.run(0.5)
    world.interrupt()
    world.run(until=lambda: bool(world.results))
    assert json.loads(world.returned[0])["data"]["playback_position"] > 1.4
    assert world.results[0].position == pytest.approx(0.56 * RATE, abs=10)


def test_an_interrupt_after_an_early_ack_still_cuts():
    receiver = DeployedReceiver()
    world = World(receiver=receiver)
    world.say(noise(0.9))
    world.run(0.3)
    assert world.interrupt() == 1
    assert world.sent[-1][1:] == INTERRUPT
    assert [(r.cause, r.position, r.interrupted) for r in world.results] == [
        (Cause.INTERRUPTED, round(0.3 * RATE), True)
    ]
    assert len(world.confirmed) == 1


def test_an_ack_that_crosses_the_interrupt_stands_if_it_can_be_true():
    world = World(delay=lambda _: 0.1)
    world.say(noise(0.5))
    world.run(0.65)  # it has been played, and the ack is on its way
    assert world.interrupt() == 1
    world.run(until=lambda: bool(world.results))
    assert [(r.cause, r.position, r.interrupted) for r in world.results] == [(Cause.PLAYED, RATE // 2, False)]
    world.say(noise(0.5, 2))
    world.run(until=lambda: len(world.results) == 2)
    assert world.results[1].cause is Cause.PLAYED  # the interrupt's own ack was not taken for the next segment's


def test_the_ack_of_an_interrupt_that_came_too_late_is_not_the_next_segments():
    world = World(delay=lambda _: 0.3)
    world.say(noise(0.5))
    world.run(0.9)  # it has been played, and the ack is on its way
    world.interrupt()
    world.say(noise(2.0, 2))
    world.run(until=lambda: len(world.results) == 2)
    assert [r.cause for r in world.results] == [Cause.PLAYED, Cause.PLAYED]
    assert world.core.counters.unmatched_acks == 1


def test_an_ack_that_crosses_the_interrupt_does_not_stand_if_it_was_only_pushed():
    world = World(receiver=DeployedReceiver(), delay=lambda _: 0.1)
    world.say(noise(0.9))
    world.run(0.15)
    world.interrupt()
    world.run(until=lambda: bool(world.results))
    assert [(r.cause, r.position, r.interrupted) for r in world.results] == [
        (Cause.INTERRUPTED, round(0.2 * RATE), True)
    ]


def test_a_segment_behind_a_late_one_has_its_full_time():
    world = World(loses=lambda _, m: "stream_ended" in str(m))
    world.say(noise(0.5))
    world.say(noise(3.0, 2))
    world.run(5.4)
    world.core.receive(Channel.CONTROL, ack(0.5), world.now)
    world.run(7.9)
    assert [r.cause for r in world.results] == [Cause.PLAYED]
    world.run(0.2)
    assert [r.cause for r in world.results] == [Cause.PLAYED, Cause.NO_REPORT]


def test_a_renderer_that_gives_up_ends_that_segment_only():
    world = World()
    world.say(noise(3.0))
    follows = noise(0.5, 2)
    world.say(follows)
    world.run(0.5)
    assert isinstance(world.receiver, ReceiverConnection0)
    world.receiver.stream_ended(1, world.now, position=1_000, failed=True)
    world.run(until=lambda: len(world.results) == 2)
    assert [(r.cause, r.position, r.interrupted) for r in world.results] == [
        (Cause.FAILED, 1_000, True),
        (Cause.PLAYED, RATE // 2, False),
    ]
    assert world.renderer is not None
    assert bytes(world.renderer.heard[2]) == follows


def test_a_foreign_position_is_bounded_by_what_was_sent():
    world = World(receiver=DeployedReceiver())
    world.say(noise(0.1))
    world.receiver.acks = False  # type: ignore[union-attr]
    world.run(0.2)
    world.core.receive(Channel.CONTROL, ack(9e15), world.now)
    world.flush()
    assert [(r.cause, r.position) for r in world.results] == [(Cause.PLAYED, 2_400)]
