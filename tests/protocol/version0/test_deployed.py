"""Version 0: each of the two state machines against a model of the deployed class."""

from __future__ import annotations

import pytest

from lipwire.protocol.channels import Binding, Channel, Wire
from lipwire.protocol.events import Cause
from lipwire.protocol.version0_receiver import ReceiverConnection0

from .deployed import DeployedReceiver, DeployedSender
from .wire import LOSSY_ROOM, ROOM, STREAM, noise
from .world import World


@pytest.mark.parametrize("binding", [STREAM, ROOM])
def test_a_deployed_receiver_hears_every_sample(binding: Binding):
    receiver = DeployedReceiver()
    world = World(receiver=receiver, binding=binding, room=binding is ROOM)
    spoken = [noise(3.0, 1), noise(0.4, 2), noise(1.0, 3)]
    for pcm in spoken:
        world.say(pcm)
    world.run(until=lambda: len(world.results) == 3)
    assert receiver.segments() == spoken
    assert [(r.cause, r.position) for r in world.results] == [(Cause.PLAYED, len(pcm) // 2) for pcm in spoken]
    world.check_results()


@pytest.mark.parametrize("binding", [STREAM, ROOM])
@pytest.mark.parametrize("wait", [0.0, 0.05, 0.2, 1.0])
def test_a_deployed_receiver_hears_all_of_the_turn_after_an_interrupt(binding: Binding, wait: float):
    receiver = DeployedReceiver()
    world = World(receiver=receiver, binding=binding)
    world.say(noise(20.0))
    world.run(0.7)
    world.interrupt()
    world.run(wait)
    answer = noise(0.2, 2)
    world.say(answer)
    world.run(until=lambda: len(world.results) == 2)
    assert receiver.segments()[-1] == answer
    assert receiver.discarded == 0
    assert world.results[1].cause is Cause.PLAYED


@pytest.mark.parametrize("late", [0.3, 0.6, 0.9])
def test_a_late_interrupt_in_a_room_costs_the_next_turn_nothing(late: float):
    receiver = DeployedReceiver()
    slow = [0.03]
    world = World(receiver=receiver, binding=ROOM, delay=lambda c: slow[0] if c is Channel.CONTROL else 0.03)
    world.say(noise(20.0))
    world.run(0.7)
    slow[0] = late
    world.interrupt()
    slow[0] = 0.03
    answer = noise(0.5, 2)
    world.say(answer)
    world.run(until=lambda: len(world.results) == 2)
    assert receiver.segments()[-1] == answer


def test_without_an_ack_the_next_turn_waits_a_bounded_time():
    receiver = DeployedReceiver()
    receiver.acks = False
    world = World(receiver=receiver, binding=ROOM)
    world.say(noise(20.0))
    world.run(0.7)
    world.interrupt()
    at = world.now
    world.say(noise(0.5, 2))
    world.run(2.0)
    assert next(t for t, c, _ in world.sent if c is Channel.MEDIA and t > at) - at == pytest.approx(1.0, abs=0.001)


def test_a_lost_interrupt_is_sent_once_more_where_control_is_lossy():
    lost = []

    def loses(_: Channel, message: Wire) -> bool:
        if message == b"INTERRUPT" and not lost:
            lost.append(message)
            return True
        return False

    receiver = DeployedReceiver()
    world = World(receiver=receiver, binding=LOSSY_ROOM, loses=loses)
    world.say(noise(20.0))
    world.run(0.7)
    world.interrupt()
    answer = noise(0.5, 2)
    world.say(answer)
    world.run(until=lambda: len(world.results) == 2)
    assert [m for _, _, m in world.sent].count(b"INTERRUPT") == 2
    assert receiver.segments()[-1] == answer
    assert world.results[0].cause is Cause.INTERRUPTED


@pytest.mark.parametrize(("control", "media"), [(0.02, 0.09), (0.09, 0.02)])
@pytest.mark.parametrize("deployed", [True, False])
def test_segments_stay_apart_when_one_channel_overtakes_the_other(control: float, media: float, deployed: bool):
    delays = {Channel.CONTROL: control, Channel.MEDIA: media}
    world = World(receiver=DeployedReceiver() if deployed else None, binding=ROOM, delay=delays.__getitem__)
    spoken = [noise(0.5, 1), noise(0.5, 2), noise(0.5, 3)]
    for pcm in spoken:
        world.say(pcm)
    world.run(until=lambda: len(world.results) == 3)
    assert world.heard == spoken


def test_our_receiver_serves_a_deployed_sender():
    sender = DeployedSender()
    world = World(sender)
    first, second = noise(1.3, 1), noise(0.7, 2)
    sender.audio(first)
    sender.segment_end()
    sender.audio(second)
    sender.segment_end()
    world.run(10.0)
    assert world.renderer is not None
    assert [bytes(one) for one in world.renderer.heard.values()] == [first, second]
    assert sender.acks == [(1.3, False), (0.7, False)]


def test_a_deployed_senders_audio_behind_its_own_end_is_still_its_segments():
    sender = DeployedSender()
    delays = {Channel.CONTROL: 0.02, Channel.MEDIA: 0.1}
    world = World(sender, binding=ROOM, delay=delays.__getitem__, room=True)
    spoken = noise(0.5)
    sender.audio(spoken)
    sender.segment_end()
    world.run(5.0)
    assert world.renderer is not None
    assert [bytes(one) for one in world.renderer.heard.values()] == [spoken]
    assert sender.acks == [(0.5, False)]


def test_a_deployed_sender_that_interrupts_gets_one_ack():
    sender = DeployedSender()
    world = World(sender)
    sender.audio(noise(3.0))
    sender.segment_end()
    sender.audio(noise(1.0))
    world.run(0.5)
    sender.interrupt()
    world.run(0.1)
    assert [interrupted for _, interrupted in sender.acks] == [True]
    sender.audio(noise(0.2, 5))  # within the cooldown: lost, as with the deployed receiver
    sender.segment_end()
    world.run(0.5)
    sender.audio(noise(0.2, 6))
    sender.segment_end()
    world.run(5.0)
    assert world.renderer is not None
    assert bytes(world.renderer.heard[4]) == noise(0.2, 6)
    assert sender.acks[1:] == [(0.0, False), (0.2, False)]
    assert isinstance(world.receiver, ReceiverConnection0)
    assert world.receiver.counters.late == 1
    assert world.receiver.counters.empty_segments == 1
