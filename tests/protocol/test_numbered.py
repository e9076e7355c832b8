"""Numbered control (SPEC §14)."""

from __future__ import annotations

import random
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipwire.protocol import messages as m
from lipwire.protocol.codec import decode
from lipwire.protocol.errors import CloseCode, LocalProtocolError, RemoteProtocolError
from lipwire.protocol.numbered import NumberedControl


def take(control, number, taken=0, now=0.0):
    return [message.name for message in control.take(m.Numbered(number, taken, m.Mark(1, 0, str(number))), now)]


def resend(control, now):
    return [decode(data) for data in control.due(now)]


def test_messages_are_numbered_from_one_and_carry_the_count_taken():
    control = NumberedControl()
    assert decode(control.number(m.Pause(), 0.0, 0.0)) == m.Numbered(1, 0, m.Pause())
    take(control, 1)
    assert decode(control.number(m.Unpause(), 0.0, 0.0)) == m.Numbered(2, 1, m.Unpause())


def test_messages_are_taken_once_and_in_order():
    control = NumberedControl()
    assert take(control, 2) == []
    assert take(control, 3) == []
    assert take(control, 1) == ["1", "2", "3"]
    assert take(control, 2) == []
    assert take(control, 4) == ["4"]
    assert control.taken == 4


def test_so_many_are_held_and_the_rest_is_dropped():
    control = NumberedControl()
    for number in range(2, 200):
        take(control, number)
    assert len(take(control, 1)) == 64
    assert len(control._held) == 0
    assert take(control, 100) == []


def test_an_acknowledgement_comes_in_time_and_at_once_for_a_repeat():
    control = NumberedControl()
    take(control, 1, now=1.0)
    assert control.deadline == pytest.approx(1.05)  # LW-CONTROL-3
    take(control, 2, now=1.04)
    assert control.deadline == pytest.approx(1.05)
    assert resend(control, 1.04) == []
    assert resend(control, 1.05) == [m.Acknowledge(2)]
    assert control.deadline == inf
    take(control, 1, now=2.0)
    assert control.deadline == 2.0
    control.number(m.Pause(), 2.0, 0.0)
    assert control.deadline == inf  # it carried the count


def test_over_a_reliable_transport_nothing_is_sent_again():
    control = NumberedControl()
    control.attach(reliable=True, peer_taken=None)
    control.number(m.Pause(), 0.0, 0.0)
    assert control.deadline == inf


def test_what_is_not_acknowledged_is_sent_again_later_and_later():
    control = NumberedControl()
    control.attach(reliable=False, peer_taken=None)
    control.number(m.Pause(), 0.0, 0.1)
    times = []
    for _ in range(6):
        times.append(control.deadline)
        assert resend(control, control.deadline) == [m.Numbered(1, 0, m.Pause())]
    gaps = [round(two - one, 6) for one, two in zip([0.0, *times], times, strict=False)]
    assert gaps == [0.4, 0.8, 1.6, 2.0, 2.0, 2.0]  # LW-CONTROL-4
    control.acknowledged(1)
    assert control.deadline == inf
    assert control.unacknowledged == 0


@pytest.mark.parametrize("count", [0, 1, 2])
def test_acknowledgements_do_not_go_back(count):
    control = NumberedControl()
    for _ in range(2):
        control.number(m.Pause(), 0.0, 0.0)
    control.acknowledged(1)
    control.acknowledged(count)
    assert control.unacknowledged == min(1, 2 - count)
    with pytest.raises(RemoteProtocolError) as caught:
        control.acknowledged(3)
    assert caught.value.code is CloseCode.INVALID_FIELD  # LW-CONTROL-6


def test_too_much_that_waits_is_refused():
    control = NumberedControl()
    for _ in range(1_024):
        control.number(m.Pause(), 0.0, 0.0)
    with pytest.raises(LocalProtocolError) as caught:
        control.number(m.Pause(), 0.0, 0.0)
    assert caught.value.code is CloseCode.LIMIT_EXCEEDED  # LW-CONTROL-5
    control = NumberedControl()
    for _ in range(104):
        control.number(m.Custom({"a": bytes(10_000)}), 0.0, 0.0)
    with pytest.raises(LocalProtocolError):
        control.number(m.Custom({"a": bytes(10_000)}), 0.0, 0.0)
    assert control.unacknowledged == 104


@pytest.mark.parametrize(("peer_taken", "resent"), [(1, [2, 3]), (2, [3]), (3, []), (0, None), (4, None)])
def test_a_resume_sends_again_what_the_peer_has_not_taken(peer_taken, resent):
    control = NumberedControl()
    for _ in range(3):
        control.number(m.Pause(), 0.0, 0.0)
    control.acknowledged(1)
    if resent is None:
        state = dict(vars(control))
        with pytest.raises(RemoteProtocolError) as caught:
            control.attach(reliable=False, peer_taken=peer_taken)
        assert caught.value.code is CloseCode.RESUME_STATE  # LW-RESUME-10
        assert vars(control) == state  # and nothing was changed
        return
    again = [decode(data) for data in control.attach(reliable=False, peer_taken=peer_taken)]
    assert [message.number for message in again] == resent
    control.arm(5.0)
    assert control.deadline == (5.2 if resent else inf)


@given(st.integers(0, 2**32), st.integers(1, 150), st.floats(0, 0.7))
@settings(max_examples=60, deadline=None)
def test_each_message_arrives_once_and_in_order_whatever_is_lost(seed, count, loss):
    rng = random.Random(seed)
    here, there = NumberedControl(), NumberedControl()
    for control in (here, there):
        control.attach(reliable=False, peer_taken=None)
    wire = {here: [], there: []}  # what is on its way to each
    out: list[int] = []
    now, sent = 0.0, 0
    for _ in range(20_000):
        now += 0.01
        while sent < count and rng.random() < 0.5:
            sent += 1
            wire[there].append(here.number(m.Mark(1, sent, "x"), now, 0.02))
        for control, peer in ((here, there), (there, here)):
            wire[peer] += control.due(now)
            arriving, wire[control] = wire[control], []
            if rng.random() < 0.3:
                rng.shuffle(arriving)
            for data in arriving:
                if rng.random() < loss:
                    continue
                message = decode(data)
                if isinstance(message, m.Acknowledge):
                    control.acknowledged(message.taken)
                else:
                    out += [one.position for one in control.take(message, now)]
        if sent == count and not here.unacknowledged:
            break
    assert out == list(range(1, count + 1))
    assert here.unacknowledged == 0
