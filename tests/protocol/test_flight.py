"""The bound on what is in flight: an interrupt is not queued behind audio, and the link is used (LW-FLIGHT-1)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from wired import MEMORY, WEBRTC, Player, Wired

from lipwire.protocol.channels import Binding
from lipwire.protocol.flight import (
    MOST_DEBT,
    MOST_STALL,
    PACE_GAIN,
    PACKET,
    REAL_TIME_GAIN,
    START_GAIN,
    TARGET_QUEUE,
    Flight,
)
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.limits import PROGRESS_INTERVAL
from lipwire.transports.link import Faults

MEGABIT = 125_000.0


def link(delay: float, rate: float, **more: float) -> Faults:
    return Faults(delay=delay, rate=rate, queue=10_000_000, **more)  # type: ignore[arg-type]


def sending(binding: Binding, faults: Faults, *, seconds: float = 60.0, rate: int = 24_000) -> Wired:
    """A minute of audio at hand, a window that holds it, a consumer that takes it all."""
    pcm = PcmFormat(rate, 1)
    wired = Wired(binding, faults, Faults(delay=faults.delay), player=Player(ahead=1_000), format=pcm, window=60.0)
    wired.keep_wire = False
    wired._check_item = lambda _: None  # type: ignore[method-assign]
    wired._note_cut_through = lambda _: None  # type: ignore[method-assign]
    wired.run(0.3)
    number = wired.sender.open_segment(None, wired.now)
    for _ in range(round(seconds * 50)):
        wired.sender.write(number, bytes(2 * rate // 50), wired.now)
    wired._settle()
    return wired


@pytest.mark.parametrize("binding", [MEMORY, WEBRTC], ids=lambda one: one.name)
@pytest.mark.parametrize(("delay", "within"), [(0.025, 0.1), (0.05, 0.1)])
@pytest.mark.parametrize("after", [0.5, 2.0, 5.02, 10.3, 17.0])
def test_an_interrupt_is_not_queued_behind_audio(binding: Binding, delay: float, within: float, after: float) -> None:
    wired = sending(binding, link(delay, MEGABIT))
    wired.run(after)
    began = wired.now
    wired.sender.interrupt(wired.now)
    wired._settle()
    wired.run_until(lambda: wired.player.resets)
    assert wired.now - began <= within
    wired.run_until(lambda: wired.confirmed)
    assert wired.now - began <= within + delay + 0.001


@pytest.mark.parametrize("binding", [MEMORY, WEBRTC], ids=lambda one: one.name)
@pytest.mark.parametrize("delay", [0.025, 0.05])
def test_the_link_is_used(binding: Binding, delay: float) -> None:
    wired = sending(binding, link(delay, MEGABIT))
    wired.run(2)
    before = wired.core.counters.bytes
    wired.run(20)
    assert wired.core.counters.bytes - before >= 0.9 * MEGABIT * 20


@pytest.mark.parametrize(("rate", "least"), [(60_000.0, 0.85 * 60_000.0), (1_250_000.0, 8 * 32_000.0)])
def test_on_other_links(rate: float, least: float) -> None:
    """A slow one for speech of 16 kHz, which is used; and a fast one, where many times real time will do."""
    wired = sending(WEBRTC, link(0.04, rate), rate=16_000, seconds=120)
    wired.run(2)
    before, began = wired.core.counters.bytes, wired.now
    wired.run_until(lambda: wired.core.counters.bytes - before >= 1_000_000, within=30)
    assert (wired.core.counters.bytes - before) / (wired.now - began) >= least
    began = wired.now
    wired.sender.interrupt(wired.now)
    wired._settle()
    wired.run_until(lambda: wired.player.resets)
    assert wired.now - began <= 0.12


def test_a_link_slower_than_speech_is_not_starved() -> None:
    """The bound never goes under what real time needs; what it can not carry waits at the sender."""
    wired = sending(WEBRTC, link(0.04, 30_000.0), rate=24_000, seconds=20)
    wired.run(10)
    assert wired.core.counters.bytes >= 0.85 * 30_000 * 10


def test_live_speech_is_not_held_back() -> None:
    wired = Wired(
        WEBRTC, link(0.05, MEGABIT), Faults(delay=0.05), player=Player(ahead=0.1), format=PcmFormat(24_000, 1)
    )
    wired._check_item = lambda _: None  # type: ignore[method-assign]
    number = wired.speak(24_000 * 20, piece=480)
    wired.run_until_ended(number)
    assert wired.now - wired.began < 20.4


def test_a_link_that_becomes_slower() -> None:
    wired = sending(WEBRTC, link(0.03, 4 * MEGABIT))
    wired.run(3)
    assert wired.transport is not None
    wired.transport.out.faults = link(0.03, MEGABIT)
    wired.run(3)
    began = wired.now
    wired.sender.interrupt(wired.now)
    wired._settle()
    wired.run_until(lambda: wired.player.resets)
    assert wired.now - began <= 0.1


# -- the controller by itself ------------------------------------------------------------------------------


def rounds(flight: Flight, count: int, queue: float, *, now: float = 1.0, least: float = 0.05) -> float:
    """So many round trips, with two reports in each and all of the bound used; gives the time after them."""
    for _ in range(count):
        sent = now
        for _ in range(2):
            now += 0.02 + (least + queue - 0.02 if now == sent else 0)
            flight.limited = True
            flight.sample(least + queue, sent, 1_000, now)
    return now


def test_it_starts_with_a_fifth_of_a_second_and_no_pace() -> None:
    flight = Flight(48_000, 1_000_000)
    assert (flight.bound(0.0, 0), flight.byte_time) == (9_600, 0)


def test_it_grows_only_while_it_is_what_holds_back() -> None:
    flight = Flight(48_000, 1_000_000)
    for at in (1.0, 1.02):
        flight.sample(0.05, 0.95, 4_000, at)
    assert flight.bound(1.02, 0) == 9_600
    flight.limited = True
    for at in (1.1, 1.12):
        flight.sample(0.05, 1.05, 4_000, at)
    assert flight.bound(1.12, 0) == pytest.approx(9_600 * START_GAIN)


def test_what_was_sent_before_the_bound_was_set_says_nothing_about_it() -> None:
    flight = Flight(48_000, 1_000_000)
    now = rounds(flight, 4, 0.0)
    before = flight.bound(now, 0)
    for _ in range(5):
        now += 0.02
        flight.sample(0.2, now - 10, 1_000, now)
    assert flight.bound(now, 0) == before
    assert flight.queue_delay == pytest.approx(0.15)


def test_while_nothing_is_reported_speech_goes_on_as_it_comes() -> None:
    flight = Flight(48_000, 1_000_000)
    now = rounds(flight, 4, 0.0)
    usual = flight.bound(now, 0)
    assert flight.bound(now + 0.05 + 2 * PROGRESS_INTERVAL, 1_000) == usual
    assert flight.bound(now + 0.05 + 2 * PROGRESS_INTERVAL + 0.2, 1_000) == pytest.approx(usual + 9_600)
    assert flight.bound(now + 10, 1_000) == usual + MOST_STALL * 48_000
    assert flight.bound(now + 10, 1_000, round(MOST_STALL * 48_000)) == usual + MOST_STALL * 48_000
    assert flight.bound(now + 10, 1_000, round(MOST_STALL * 48_000) + 2) == usual, "it was at hand before"
    assert flight.bound(now + 10, 0) == usual
    flight.sample(0.05, now, 1_000, now + 10)
    assert flight.bound(now + 10, 1_000) == usual


def test_it_is_steered_to_a_short_queue() -> None:
    flight = Flight(48_000, 1_000_000)
    now = rounds(flight, 10, 0.0)
    high = flight.bound(now, 0)
    now = rounds(flight, 1, 0.1, now=now)
    assert flight.bound(now, 0) == pytest.approx(high * (0.05 + TARGET_QUEUE) / 0.15)
    low = flight.bound(now, 0)
    now = rounds(flight, 1, TARGET_QUEUE, now=now)
    assert flight.bound(now, 0) == pytest.approx(low)
    now = rounds(flight, 1, 0.0, now=now)
    assert low < flight.bound(now, 0) <= low * 1.25
    assert flight.queue_delay == 0


def test_it_never_exceeds_the_window_nor_goes_under_real_time() -> None:
    flight = Flight(48_000, 20_000)
    now = rounds(flight, 30, 0.0)
    assert flight.bound(now, 0) == 20_000
    now = rounds(flight, 50, 3.0, now=now)
    assert flight.bound(now, 0) >= REAL_TIME_GAIN * 48_000 * PROGRESS_INTERVAL / 2  # half of it, while it probes


def test_the_floor_is_two_packets() -> None:
    flight = Flight(1, 1)
    now = rounds(flight, 1, 0.0, least=0.001)
    assert flight.bound(now, 0) >= 2 * PACKET


def test_the_pace_is_a_little_above_the_bound_a_round_trip() -> None:
    flight = Flight(48_000, 1_000_000)
    now = rounds(flight, 20, 0.0)
    now = rounds(flight, 3, 0.1, now=now)
    now = rounds(flight, 20, TARGET_QUEUE, now=now)
    usual = flight.bound(now, 0) / (0.05 + PROGRESS_INTERVAL)
    assert 1 / flight.byte_time == pytest.approx(usual * PACE_GAIN)
    flight.cut(now)
    flight.cut(now)
    assert 1 / flight.byte_time == pytest.approx(usual)
    now = rounds(flight, 1, TARGET_QUEUE, now=now)
    assert 1 / flight.byte_time == pytest.approx(usual * PACE_GAIN)


def test_what_goes_out_of_turn_holds_back_what_follows_but_not_for_long() -> None:
    flight = Flight(48_000, 1_000_000)
    flight.next_at = now = rounds(flight, 20, 0.0)
    flight.out_of_turn(2_000, now)
    assert flight.next_at == pytest.approx(now + 2_000 * flight.byte_time)
    for _ in range(1_000):
        flight.out_of_turn(2_000, now)
    assert flight.next_at == now + MOST_DEBT


def test_where_a_round_trip_is_nothing_no_pace_is_kept() -> None:
    flight = Flight(48_000, 1_000_000)
    rounds(flight, 5, 0.0, least=0.001)
    assert flight.byte_time == 0


@pytest.mark.parametrize(("queue", "probes"), [(TARGET_QUEUE, 6), (0.0, 0)])
def test_it_looks_for_the_least_round_trip_that_it_has_not_seen_for_long(queue: float, probes: int) -> None:
    flight = Flight(1_000, 1_000_000)
    now = rounds(flight, 1, 0.0)
    shares, end = [1.0], now + 30
    while now < end:
        now += 0.005
        round_trip = 0.05 if flight.bound(now, 0) < flight._bound else 0.05 + queue
        flight.sample(round_trip, now - round_trip, 500, now)
        shares.append(flight.bound(now, 0) / flight._bound)
    begun = sum(share == 0.5 and before == 1.0 for before, share in pairwise(shares))
    assert begun == pytest.approx(probes, abs=2 if probes else 0)
    rises = [share - before for before, share in pairwise(shares)]
    assert max(rises) < 0.1  # and it comes back little by little


def test_a_peer_that_lies_about_its_delay_only_slows_itself() -> None:
    from played import PlayedReceiver

    peer = PlayedReceiver("repair", binding=WEBRTC, window=480_000)
    peer.say(480_000)
    for _ in range(20):
        peer.sent()
        segment = peer.core.segment(1)
        assert segment is not None
        peer.now += 0.05
        peer.progress(1, segment.sent, delay=2**53 - 1)
    assert peer.code is None
    assert peer.core.counters.bytes > 150_000  # three times what speech needs
