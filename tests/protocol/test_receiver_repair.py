"""Repair and concealment at the receiver (SPEC §13)."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipwire.protocol import messages as m
from lipwire.protocol.channels import Binding, Channel
from lipwire.protocol.codec import encode
from lipwire.protocol.items import Audio, SegmentEnd, SegmentStart

WEBRTC = Binding(name="webrtc", separate_media=True, media_reliable=False, max_media_message=1150)


def with_round_trip(driver, seconds, *features, **limits):
    d = driver("repair", *features, binding=WEBRTC, **limits)
    d.core.expire(d.now)
    (ping,) = [one for one in d.sent() if isinstance(one, m.Ping)]
    began = ping.t1
    d.now += seconds
    d.send(m.Pong(began, 0, 0))
    assert d.core.liveness.round_trip == pytest.approx(seconds, abs=1e-5)
    d.sent()
    return d


@pytest.mark.parametrize(("round_trip", "first"), [(0.01, 0.020), (0.2, 0.050)])
def test_what_is_missing_is_asked_for_after_a_while_and_again(driver, round_trip, first):
    d = with_round_trip(driver, round_trip)
    d.start(1, 100)
    d.audio(1, 150, 50)
    d.audio(1, 250, 50)
    d.wait(first - 0.001)
    assert d.took(m.Nack) == []
    d.wait(0.002)
    assert d.took(m.Nack) == [m.Nack(1, [[100, 150], [200, 250]])]  # LW-REPAIR-2
    d.audio(1, 100, 50)
    d.wait(round_trip + 0.017)
    assert d.took(m.Nack) == []
    d.wait(0.003)
    assert d.took(m.Nack) == [m.Nack(1, [[200, 250]])]
    d.audio(1, 200, 50)
    d.wait(5)
    assert d.took(m.Nack) == []
    assert d.core.counters.nacks == 2
    assert d.core.counters.repaired_samples == 100


def test_what_comes_in_time_is_not_asked_for(driver):
    d = with_round_trip(driver, 0.01)
    d.start(1, 100)
    d.audio(1, 200, 100)
    d.wait(0.015)
    d.audio(1, 100, 100)
    d.wait(1)
    assert d.took(m.Nack) == []
    assert d.core.counters.repaired_samples == 0


@pytest.mark.parametrize("tell", [m.Sent(1, 300), m.SegmentEnd(1, 300)])
def test_a_lost_tail_is_missing_once_it_is_known(driver, tell):
    d = with_round_trip(driver, 0.01)
    d.start(1, 100)
    d.wait(1)
    assert d.took(m.Nack) == []
    d.send(tell)
    d.send(m.Sent(1, 200))
    d.wait(0.021)
    assert d.took(m.Nack) == [m.Nack(1, [[100, 300]])]  # LW-REPAIR-1
    d.audio(1, 250, 50)
    d.audio(1, 100, 150)
    d.wait(1)
    assert d.took(m.Nack) == []
    assert d.core.counters.repaired_samples == 200


def test_a_nack_has_so_many_ranges_at_most_and_all_are_asked_for(driver):
    d = with_round_trip(driver, 0.01)
    d.start(1)
    for index in range(100):
        d.audio(1, 20 * index + 10, 10)
    d.wait(0.021)
    nacks = d.took(m.Nack)
    assert [len(nack.missing) for nack in nacks] == [32, 32, 32, 4]
    asked = [one for nack in nacks for one in nack.missing]
    assert asked == [[20 * index, 20 * index + 10] for index in range(100)]


def test_ranges_found_at_different_times_are_joined_when_they_touch(driver):
    d = with_round_trip(driver, 0.01)
    d.start(1, 10)
    for position in range(20, 200, 10):
        d.send(m.Sent(1, position))
    d.wait(0.021)
    assert d.took(m.Nack) == [m.Nack(1, [[10, 190]])]
    d.wait(0.03)
    assert d.took(m.Nack) == [m.Nack(1, [[10, 190]])]


def test_what_came_before_its_start_is_missing_from_then_on(driver):
    d = with_round_trip(driver, 0.01)
    d.audio(1, 100, 50)
    d.wait(1)
    assert d.took(m.Nack) == []
    d.start(1)
    d.wait(0.021)
    assert d.took(m.Nack) == [m.Nack(1, [[0, 100]])]


def test_a_sent_ahead_of_its_start_is_ignored_where_control_may_lose(driver):
    room = Binding(name="room", separate_media=True, media_reliable=False, control_reliable=False)
    d = driver("repair", "resume", binding=room)
    d.send(m.Sent(1, 100))
    assert d.code is None


def test_without_repair_nothing_is_asked_for(driver):
    d = driver("resume")
    d.start(1, 100)
    d.send(m.SegmentEnd(1, 200))
    d.read()
    d.wait(3)
    assert d.took(m.Nack) == []
    assert d.read() == []


# -- concealment ---------------------------------------------------------------------------------------------


def starved(driver, *features, **limits):
    d = with_round_trip(driver, 0.01, *features, **limits)
    d.start(1, 100)
    d.audio(1, 3_000, 100)
    d.read()
    return d


def test_a_gap_that_starves_the_consumer_is_concealed(driver):
    d = starved(driver, repair_timeout=0.5)
    d.wait(0.499)
    assert not d.core.readable(d.now)
    d.wait(0.002)
    assert d.core.readable(d.now)
    items = d.read()
    assert all(isinstance(item, Audio) for item in items)
    assert [item.concealed for item in items] == [True, True, False]
    assert items[0].position == 100
    assert items[-1].position == 3_000
    assert sum(item.samples for item in items if item.concealed) == 2_900
    assert d.core.counters.concealed_samples == 2_900
    assert d.core.counters.credit_used == 0
    d.wait(0.02)
    assert d.took(m.Progress)[-1].received == 3_100  # LW-REPAIR-7
    d.audio(1, 100, 200)
    d.audio(1, 2_990, 20)
    assert d.read() == []  # LW-REPAIR-8
    d.wait(1)
    assert d.took(m.Nack) == []


def test_a_known_end_is_concealed_up_to(driver):
    d = with_round_trip(driver, 0.01, repair_timeout=0.5)
    d.start(1, 100)
    d.send(m.SegmentEnd(1, 150))
    d.read()
    d.wait(0.5)
    assert [type(item) for item in d.read()] == [Audio, SegmentEnd]
    assert d.core.counters.credit_used == 0


@pytest.mark.parametrize("repair_timeout", [0.0, 0.5])
def test_no_more_is_concealed_than_the_window_has_room_for(driver, repair_timeout):
    """A sender that keeps LW-CREDIT-1 never says this."""
    d = with_round_trip(driver, 0.01, repair_timeout=repair_timeout, window=1.0)
    d.start(1)
    d.send(m.SegmentEnd(1, 24_000), m.SegmentStart(2))
    d.audio(2, 0, 20_000)
    assert [type(item) for item in d.read()] == [SegmentStart]
    d.wait(0.6)
    assert d.core.counters.concealed_samples == 4_000
    assert d.core.counters.credit_used == 24_000
    d.wait(5)
    assert sum(item.samples for item in d.read()) == 4_000
    for _ in range(5):
        d.wait(0.6)
        d.read()
    assert d.core.counters.concealed_samples == 24_000
    assert d.core.counters.credit_used == 0
    assert d.core.closed is None


def test_a_window_that_others_have_filled_leaves_nothing_to_conceal(driver):
    d = with_round_trip(driver, 0.01, repair_timeout=0.0, window=1.0)
    d.start(1)
    d.send(m.SegmentEnd(1, 24_000), m.SegmentStart(2))
    d.audio(2, 0, 24_000)
    d.read()
    d.wait(10)
    assert d.core.counters.concealed_samples == 0
    d.send(m.Interrupt(2, 2))  # there is room again
    d.wait(0.1)
    assert d.core.counters.concealed_samples == 24_000


def test_no_concealment_while_the_consumer_has_enough(driver):
    d = with_round_trip(driver, 0.01, keepalive=60.0)
    d.start(1, 100)
    d.audio(1, 200, 100)
    d.wait(10)  # nobody reads
    assert d.core.counters.concealed_samples == 0
    d.core.read(d.now)
    d.core.read(d.now)
    d.wait(10)  # it was not told yet that there is nothing
    assert d.core.counters.concealed_samples == 0
    assert d.core.read(d.now) is None
    d.wait(0.99)
    assert d.core.counters.concealed_samples == 0
    d.wait(0.02)
    assert d.core.counters.concealed_samples == 100


def test_asking_again_does_not_begin_the_wait_anew(driver):
    d = starved(driver, repair_timeout=0.5)
    for _ in range(10):
        d.wait(0.049)
        assert d.read() == []
    d.wait(0.02)
    assert d.read()


def test_a_gap_that_moved_is_waited_for_anew(driver):
    d = starved(driver, repair_timeout=0.5)
    d.wait(0.4)
    d.audio(1, 100, 10)
    assert len(d.read()) == 1
    d.wait(0.4)
    assert d.read() == []
    d.wait(0.11)
    assert d.read()


def test_waiting_for_what_was_not_sent_is_not_starving(driver):
    d = with_round_trip(driver, 0.01)
    d.start(1, 100)
    d.read()
    d.wait(5)
    assert d.read() == []
    d.audio(1, 150, 50)  # from now on a sample is missing
    d.wait(0.9)
    assert d.read() == []
    d.wait(0.11)
    assert len(d.read()) == 2


def test_no_concealment_while_paused_cooling_down_or_without_a_transport(driver):
    d = starved(driver, "pause", repair_timeout=0.5)
    d.send(m.Pause())
    d.read()
    d.wait(5)
    assert d.core.counters.concealed_samples == 0
    d.send(m.Unpause())
    d.read()
    d.wait(0.49)
    assert d.core.counters.concealed_samples == 0
    d.wait(0.02)
    assert d.core.counters.concealed_samples

    d = starved(driver, "resume", repair_timeout=0.5)
    d.core.detach(d.now)
    d.wait(5)
    assert d.read() == []
    d.resume()
    d.wait(0.49)
    assert d.read() == []
    d.wait(0.02)
    assert d.read()


def test_a_repair_timeout_of_nothing_conceals_at_once(driver):
    d = starved(driver, repair_timeout=0.0)
    assert d.core.next_deadline() <= d.now
    d.wait(0)
    assert d.read()


def test_too_many_missing_ranges_drop_a_chunk_as_if_lost(driver):
    d = with_round_trip(driver, 0.01)
    d.start(1)
    for index in range(300):
        d.audio(1, 2 * index + 1, 1)
    assert d.code is None
    assert d.core.counters.refused == 44  # LW-REPAIR-9
    for index in range(600):
        d.audio(1, index, 1)
    d.send(m.SegmentEnd(1, 600))
    out = b"".join(bytes(item.pcm) for item in d.read() if isinstance(item, Audio))
    assert out == d.pcm(1, 0, 600)


# -- the whole of it -----------------------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.floats(0, 0.6), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_whatever_is_lost_reordered_and_doubled_comes_out_whole(driver, seed, loss, tell_first, slow_reader):
    """A sender that answers nacks over a bad channel: every segment comes out to the bit."""
    rng = random.Random(seed)
    d = driver("repair", binding=WEBRTC, repair_timeout=60.0, window=60.0)
    lengths = [rng.randrange(0, 6_000) for _ in range(rng.randrange(1, 4))]
    out = {segment + 1: bytearray() for segment in range(len(lengths))}
    ends: list[int] = []

    def read() -> None:
        for item in d.read():
            if isinstance(item, Audio):
                assert item.position * 2 == len(out[item.segment])
                assert not item.concealed
                out[item.segment] += item.pcm
            elif isinstance(item, SegmentEnd):
                ends.append(item.segment)
                assert d.core.stream_ended(item.segment, d.now, position=item.total)
            else:
                assert isinstance(item, SegmentStart)

    in_flight: list[tuple[int, int, int]] = []

    def cut_up(segment: int, first: int, end: int) -> None:
        while first < end:
            count = min(end - first, rng.randrange(1, 570))
            in_flight.append((segment, first, count))
            first += count

    def deliver() -> None:
        rng.shuffle(in_flight)
        for segment, first, count in in_flight:
            if rng.random() < loss:
                continue
            for _ in range(1 + (rng.random() < 0.2)):
                low = max(0, first - rng.randrange(0, 30))
                high = min(first + count + rng.randrange(0, 30), lengths[segment - 1])
                message = m.AudioMessage(segment, low, 0, d.pcm(segment, low, high - low))
                d.core.receive(Channel.MEDIA, encode(message), d.now)
        in_flight.clear()

    for segment, total in enumerate(lengths, 1):
        if tell_first:
            d.send(m.SegmentStart(segment))
        cut_up(segment, 0, total)
        deliver()
        if not tell_first:
            d.send(m.SegmentStart(segment))
        d.send(m.SegmentEnd(segment, total))
        if not slow_reader:
            read()
    for _ in range(400):
        read()
        if len(ends) == len(lengths):
            break
        d.raw(b"\x92\x40\x01")  # to be ignored, but a sign of life
        d.wait(0.2)
        for nack in d.took(m.Nack):
            for first, end in nack.missing:
                assert 0 <= first < end <= lengths[nack.segment - 1]
                cut_up(nack.segment, first, end)
        deliver()
    assert d.code is None
    assert ends == sorted(out)
    for segment, total in enumerate(lengths, 1):
        assert bytes(out[segment]) == d.pcm(segment, 0, total)
    assert d.core.counters.credit_used == d.core.held == 0


def test_progress_tells_the_highest_position_and_since_when(driver):
    d = driver("repair", binding=WEBRTC)
    d.start(1, 100)
    d.wait(0.02)
    (one,) = d.took(m.Progress)
    assert (one.received, one.highest) == (100, None)
    d.audio(1, 200, 100)
    d.wait(0.02)
    (one,) = d.took(m.Progress)  # LW-PROGRESS-1: what came beyond the gap is a change
    assert (one.received, one.highest) == (100, 300)
    assert one.delay == pytest.approx(20_000, abs=1)
    d.wait(0.03)
    d.audio(1, 100, 100)
    d.wait(0.02)
    (one,) = d.took(m.Progress)
    assert (one.received, one.highest) == (300, None)
    assert one.delay == pytest.approx(70_000, abs=1)  # since the highest came


def test_the_delay_of_audio_that_came_before_its_start_counts_from_its_coming(driver):
    """Else the sender would take the wait for the start for the round trip, and repair as slowly."""
    d = driver("repair", binding=WEBRTC)
    d.audio(1, 0, 10)
    d.wait(0.5)
    d.audio(1, 20, 10)
    d.wait(2)
    d.sent()
    d.start(1)
    d.wait(0.021)
    progress = d.took(m.Progress)[0]
    assert (progress.received, progress.highest) == (10, 30)
    assert progress.delay == pytest.approx(2_020_000, abs=1_000)
