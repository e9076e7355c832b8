"""The faulty link in simulated time: its statistics, its determinism, its invariants."""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipwire.protocol.channels import Channel
from lipwire.transports.link import Faults, FaultyLink

CONTROL, MEDIA = Channel.CONTROL, Channel.MEDIA
BOTH = frozenset(Channel)


def run(link: FaultyLink, pushes: list[tuple[float, Channel, bytes]]) -> list[tuple[float, Channel, bytes]]:
    """Drive the link from deadline to deadline and give each arrival with its time."""
    out: list[tuple[float, Channel, Any]] = []

    def advance(to: float) -> None:
        while (deadline := link.next_deadline()) is not None and deadline <= to:
            out.extend((deadline, channel, message) for channel, message in link.pop_due(deadline))

    for now, channel, message in pushes:
        advance(now)
        link.push(channel, message, now)
    advance(math.inf)
    return out


def numbered(count: int, *, every: float = 0.02, channel: Channel = MEDIA) -> list[tuple[float, Channel, bytes]]:
    return [(n * every, channel, n.to_bytes(4, "big")) for n in range(count)]


def test_without_faults_everything_arrives_at_once_and_in_order() -> None:
    pushes = numbered(10)
    assert run(FaultyLink(Faults()), pushes) == pushes


def test_independent_loss_has_the_share_it_was_given() -> None:
    link = FaultyLink(Faults(seed=1, loss=0.1))
    arrived = run(link, numbered(20_000))
    assert len(arrived) == 20_000 - link.counts.lost
    assert link.counts.lost == pytest.approx(2_000, rel=0.1)


@pytest.mark.parametrize("burst", [2.0, 5.0])
def test_burst_loss_has_its_share_and_its_length(burst: float) -> None:
    arrived = run(FaultyLink(Faults(seed=2, loss=0.05, burst=burst)), numbered(100_000))
    numbers = [int.from_bytes(message, "big") for _, _, message in arrived]
    gaps = [b - a - 1 for a, b in pairwise(numbers) if b - a > 1]
    assert sum(gaps) == pytest.approx(5_000, rel=0.15)
    assert sum(gaps) / len(gaps) == pytest.approx(burst, rel=0.1)


def test_held_back_messages_are_overtaken() -> None:
    link = FaultyLink(Faults(seed=3, reorder=0.1, reorder_delay=0.05))
    arrived = run(link, numbered(5_000))
    assert len(arrived) == 5_000
    assert link.counts.held_back == pytest.approx(500, rel=0.2)
    assert 0 < link.counts.reordered <= link.counts.held_back
    for time, _, message in arrived:
        assert time - int.from_bytes(message, "big") * 0.02 == pytest.approx(0, abs=0.0501)


def test_a_duplicate_is_the_same_message_again() -> None:
    link = FaultyLink(Faults(seed=4, duplicate=0.2, jitter=0.1))
    arrived = Counter(message for _, _, message in run(link, numbered(1_000)))
    assert set(arrived.values()) == {1, 2}
    assert sum(arrived.values()) == 1_000 + link.counts.duplicated


def test_jitter_leaves_control_in_order_and_media_not() -> None:
    link = FaultyLink(Faults(seed=5, delay=0.05, jitter=0.1))
    arrived = run(link, sorted(numbered(500) + numbered(500, channel=CONTROL), key=lambda push: push[0]))
    control = [message for _, channel, message in arrived if channel is CONTROL]
    media = [message for _, channel, message in arrived if channel is MEDIA]
    assert control == sorted(control)
    assert len(control) == len(media) == 500
    assert media != sorted(media)


def test_one_stream_keeps_order_across_channels_that_are_not_exposed() -> None:
    link = FaultyLink(Faults(seed=6, jitter=0.2, channels=frozenset()), one_stream=True)
    pushes = [(n * 0.01, CONTROL if n % 3 else MEDIA, bytes([n])) for n in range(200)]
    assert [message for _, _, message in run(link, pushes)] == [bytes([n]) for n in range(200)]


def test_the_rate_spaces_messages_and_a_full_queue_drops_media_but_not_control() -> None:
    link = FaultyLink(Faults(rate=1_000, queue=500, delay=1))
    for n in range(10):
        link.push(MEDIA, bytes([n]) * 100, 0.0)
    link.push(CONTROL, b"c" * 100, 0.0)
    assert link.counts.dropped == 5
    assert link.waiting(0.0) == 600
    assert link.waiting(0.35) == 250
    out = []
    while (deadline := link.next_deadline()) is not None:
        out += [(round(deadline, 6), message[:1]) for _, message in link.pop_due(deadline)]
    assert out == [(1.1, b"\0"), (1.2, b"\1"), (1.3, b"\2"), (1.4, b"\3"), (1.5, b"\4"), (1.6, b"c")]


def test_a_cut_takes_what_is_under_way_and_all_that_comes_later() -> None:
    link = FaultyLink(Faults(delay=0.1, cut_after=1.0), now=100.0)
    link.push(MEDIA, b"early", 100.0)
    link.push(MEDIA, b"late", 100.95)
    assert link.next_deadline() == pytest.approx(100.1)
    assert link.pop_due(100.5) == [(MEDIA, b"early")]
    assert link.next_deadline() == 101.0
    assert not link.is_cut(100.999)
    assert link.pop_due(101.0) == []
    assert link.is_cut(101.0)
    link.push(MEDIA, b"afterwards", 102.0)
    assert link.pop_due(103.0) == []
    assert link.next_deadline() is None
    assert link.counts.cut == 2


def test_which_connection_is_cut() -> None:
    assert [Faults(cut_after=2.0).cut_for(n) for n in range(3)] == [2.0, None, None]
    assert [Faults(cut_after=(1.0, None, 3.0)).cut_for(n) for n in range(4)] == [1.0, None, 3.0, None]


def test_seed_connection_and_direction_each_vary_the_faults_and_nothing_else_does() -> None:
    def fates(**changes: Any) -> list[bytes]:
        seed = changes.pop("seed", 7)
        link = FaultyLink(Faults(seed=seed, loss=0.3, jitter=0.1, duplicate=0.1), **changes)
        return [message for _, _, message in run(link, numbered(200))]

    assert fates() == fates()
    variants = [fates(), fates(seed=8), fates(connection=1), fates(direction="in")]
    assert len({tuple(variant) for variant in variants}) == 4


def test_what_a_channel_can_suffer() -> None:
    assert not Faults(delay=1, jitter=0, cut_after=1.0).loses(MEDIA)
    assert Faults(jitter=0.1).loses(MEDIA)
    assert not Faults(loss=0.1).loses(CONTROL)
    assert not Faults(reorder=0.1, jitter=0.1, channels=BOTH).loses(CONTROL)
    assert Faults(loss=0.1, channels=BOTH).loses(CONTROL)
    assert Faults(rate=1e6).loses(MEDIA)


@pytest.mark.parametrize(
    "wrong",
    [
        {"loss": 1.1},
        {"reorder": -0.1},
        {"duplicate": math.nan},
        {"delay": -1},
        {"jitter": math.inf},
        {"rate": 0},
        {"burst": 0.5},
        {"burst": 1.0, "loss": 0.6},
        {"cut_after": -1.0},
        {"cut_after": (1.0, -1.0)},
    ],
)
def test_faults_out_of_range_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Faults(**wrong)


chances = st.floats(0, 1)
times = st.floats(0, 1)
faults = st.builds(
    Faults,
    seed=st.integers(0, 1000),
    loss=st.floats(0, 0.5),
    burst=st.none() | st.floats(1, 10),
    reorder=chances,
    reorder_delay=times,
    duplicate=chances,
    delay=times,
    jitter=times,
    rate=st.none() | st.floats(10, 1e6),
    queue=st.integers(0, 10_000),
    cut_after=st.none() | st.floats(0, 20),
    channels=st.frozensets(st.sampled_from(list(Channel))),
)
traffic = st.lists(st.tuples(st.floats(0, 0.5), st.sampled_from(list(Channel)), st.integers(1, 2_000)), max_size=60)


@given(faults, traffic, st.booleans())
@settings(max_examples=300, deadline=None)
def test_invariants(faults: Faults, traffic: list[tuple[float, Channel, int]], one_stream: bool) -> None:
    """Nothing is made up, nothing is early, nothing disappears uncounted, control keeps its order."""
    now, pushes = 0.0, []
    for number, (gap, channel, size) in enumerate(traffic):
        now += gap
        pushes.append((now, channel, number.to_bytes(2, "big") + bytes(size)))
    link = FaultyLink(faults, one_stream=one_stream)
    arrived = run(link, pushes)
    counts = link.counts
    assert counts.pushed + counts.duplicated == counts.delivered + counts.lost + counts.dropped + counts.cut
    assert counts.delivered == len(arrived)
    assert link.next_deadline() is None
    sent = {message: (at, channel) for at, channel, message in pushes}
    for at, channel, message in arrived:
        assert sent[message][1] is channel
        assert at >= sent[message][0] + faults.delay
        assert faults.cut_after is None or at <= faults.cut_after  # type: ignore[operator]
    for channel in Channel:
        numbers = [message[:2] for _, got, message in arrived if got is channel]
        if channel is CONTROL or channel not in faults.channels:
            assert numbers == sorted(numbers)
        if channel not in faults.channels and faults.cut_after is None:
            assert len(numbers) == sum(1 for _, pushed, _ in pushes if pushed is channel)
    again = run(FaultyLink(faults, one_stream=one_stream), pushes)
    assert again == arrived
