"""Pings, round trip, clock offset, silence (SPEC §6.4, §16)."""

from __future__ import annotations

from math import inf

import pytest

from lipwire.protocol.liveness import FIRST_ROUND_TRIP, Liveness
from lipwire.protocol.messages import Ping, Pong


def attached(now: float = 10.0, keepalive: float = 1.0) -> Liveness:
    liveness = Liveness()
    liveness.keepalive = keepalive
    liveness.attach(now)
    return liveness


def test_it_pings_at_once_and_then_each_keepalive() -> None:
    liveness = attached()
    assert liveness.due_ping(10.0) == Ping(10_000_000)
    assert liveness.due_ping(10.99) is None
    assert liveness.due_ping(11.0) == Ping(11_000_000)
    assert liveness.deadline == 12.0


def test_silence() -> None:
    liveness = attached()
    assert not liveness.is_silent(12.99)
    liveness.heard_at = 12.0
    assert not liveness.is_silent(14.99)
    assert liveness.is_silent(15.0)
    liveness.detach()
    assert liveness.deadline == inf
    assert not liveness.is_silent(1e9)


def test_a_hundred_pongs_a_second() -> None:
    liveness = attached()
    answers = [liveness.answer(Ping(n), 20.0 + n / 1_000) for n in range(999)]
    assert [answer is not None for answer in answers].count(True) == 100
    assert answers[0] == Pong(0, 20_000_000, 20_000_000)
    assert liveness.answer(Ping(5), 21.0) is not None


def test_round_trip_and_clock_offset() -> None:
    liveness = attached()
    assert liveness.round_trip == FIRST_ROUND_TRIP
    ping = liveness.due_ping(10.0)
    assert ping is not None
    # The peer's clock is 100 s ahead; 30 ms there, 5 ms of thought, 50 ms back.
    liveness.take(Pong(ping.t1, 110_030_000, 110_035_000), 10.085)
    assert liveness.round_trip == pytest.approx(0.080)
    assert liveness.clock_offset == pytest.approx(100.0, abs=0.011)
    ping = liveness.due_ping(11.0)
    assert ping is not None
    liveness.take(Pong(ping.t1, 111_100_000, 111_100_000), 11.2)
    assert liveness.round_trip == pytest.approx(0.75 * 0.08 + 0.25 * 0.2)
    assert liveness.least_round_trip == pytest.approx(0.080)


@pytest.mark.parametrize(
    "pong",
    [
        Pong(10_000_001 + 10**6, 5, 5),  # asked for in the future
        Pong(10_000_000, 9, 8),  # sent before it came
        Pong(10_000_000, 0, 10**9),  # thought longer than it took
        Pong(0, 0, 0),  # never asked for
    ],
)
def test_a_pong_that_can_not_be_is_left_out(pong: Pong) -> None:
    liveness = attached()
    liveness.due_ping(10.0)
    liveness.take(pong, 10.1)
    assert liveness.round_trip == FIRST_ROUND_TRIP
    assert liveness.least_round_trip == inf
