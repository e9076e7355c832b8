"""Sending again, and no more than is due: nack, sent (SPEC §13)."""

from __future__ import annotations

import pytest
from played import ROOM, WEBRTC, PlayedReceiver

from lipwire.protocol import messages as m
from lipwire.protocol.channels import Channel


def sent_one(samples: int = 2_400) -> PlayedReceiver:
    peer = PlayedReceiver("repair", binding=WEBRTC)
    peer.say(samples, end=False)
    peer.sent()
    peer.now += 0.2
    return peer


def again(peer: PlayedReceiver, *ranges: list[int]) -> list[tuple[int, int]]:
    peer.send(m.Nack(1, list(ranges)))
    audio = peer.took(m.AudioMessage)
    assert all(channel is Channel.MEDIA for channel, message in peer.channels if isinstance(message, m.AudioMessage))
    return [(one.position, one.position + len(one.pcm) // 2) for one in audio]


def test_what_is_missing_is_sent_again_with_the_same_samples() -> None:
    peer = PlayedReceiver("repair", binding=WEBRTC)
    data = bytes(index % 251 for index in range(4_800))
    number = peer.core.open_segment(None, peer.now)
    peer.core.write(number, data, peer.now)
    peer.sent()
    peer.now += 0.2
    peer.send(m.Nack(1, [[100, 200], [1_500, 1_501]]))
    covered: set[int] = set()
    for one in peer.took(m.AudioMessage):
        assert one.pcm == data[2 * one.position : 2 * one.position + len(one.pcm)]
        covered |= set(range(one.position, one.position + len(one.pcm) // 2))
    assert covered >= {*range(100, 200), 1_500}


def test_not_again_too_soon() -> None:
    peer = sent_one()
    first = again(peer, [0, 2_400])
    assert first[0][0] == 0
    assert first[-1][1] == 2_400
    for _ in range(5):
        assert again(peer, [0, 2_400]) == []
    peer.now += peer.core.round_trip / 2 + 0.001
    assert again(peer, [0, 1]) == first[:1]
    assert again(peer, [0, 2_400]) == first[1:]


def test_not_so_soon_after_it_was_first_sent() -> None:
    peer = PlayedReceiver("repair", binding=WEBRTC)
    peer.say(480)
    peer.sent()
    peer.now += 0.01
    assert again(peer, [0, 480]) == []


def test_a_flood_of_nacks_is_answered_with_what_is_held_twice_a_round_trip() -> None:
    peer = sent_one(4_800)
    before = peer.core.counters.bytes
    for index in range(1_000):
        peer.now += 0.001
        again(peer, *([i * 10, i * 10 + 1] for i in range(index % 4, 480, 16)))
    allowed = 9_600 * (1 / max(0.02, peer.core.round_trip / 2) + 1)
    assert peer.core.counters.bytes - before <= allowed


def test_repairs_do_not_hold_up_what_is_spoken_next() -> None:
    """However much was asked for again, and whatever pace had been learnt: speech goes on."""
    peer = PlayedReceiver("repair", binding=WEBRTC)
    peer.say(480, end=False)
    for turn in range(1, 50):
        peer.timed(m.AudioMessage, 0.02)
        peer.core.write(1, bytes(960), peer.now)
        if turn > 3:
            peer.progress(1, 0, highest=480 * (turn - 3))  # a round trip of 80 ms, and the first chunk does not arrive
    peer.timed(m.AudioMessage, 0.2)
    assert peer.core._flight.byte_time > 0
    for _ in range(10):
        peer.timed(m.AudioMessage, 0.1)
        assert again(peer, [0, 24_000])
    peer.core.write(1, bytes(960), peer.now)
    assert peer.took(m.AudioMessage) == []
    assert peer.timed(m.AudioMessage, 0.3)


def test_what_is_not_held_is_left_out() -> None:
    peer = sent_one()
    peer.progress(1, 1_500)
    (first, *_) = again(peer, [0, 1_600])
    assert first[0] > 1_000
    peer.core.interrupt(peer.now)
    peer.now += 1
    assert again(peer, [1_500, 2_400]) == []
    assert peer.code is None


def test_a_repeated_chunk_has_the_newest_cut_through() -> None:
    peer = PlayedReceiver("repair", binding=WEBRTC)
    peer.say(480)
    peer.say(480)
    peer.sent()
    peer.send(m.StreamEnded(1, 480, False, 0))
    peer.now += 0.2
    peer.send(m.Nack(2, [[0, 1]]))
    assert [one.cut_through for one in peer.took(m.AudioMessage)] == [1]


def test_a_quiet_sender_says_how_far_it_has_sent() -> None:
    peer = PlayedReceiver("repair", binding=WEBRTC)
    peer.say(480, end=False)
    assert peer.took(m.Sent) == []
    assert peer.timed(m.Sent, 3) == [0.04]
    peer.core.write(1, bytes(960), peer.now)
    peer.sent()
    peer.now += 0.03
    peer.core.write(1, bytes(960), peer.now)
    peer.sent()
    assert peer.timed(m.Sent, 0.039) == []
    peer.wait(0.002)
    assert peer.took(m.Sent) == [m.Sent(1, 1_440)]


def test_where_control_may_lose_it_is_repeated_until_all_is_received() -> None:
    peer = PlayedReceiver("repair", "resume", binding=ROOM)
    peer.say(480, end=False)
    peer.sent()
    peer.send(m.Acknowledge(peer.taken))
    assert peer.timed(m.Sent, 1.5) == [0.04, 0.06, 0.10, 0.18, 0.68, 1.18]
    peer.progress(1, 480)
    assert peer.timed(m.Sent, 3) == []


@pytest.mark.parametrize("how", ["end", "received", "cut"])
def test_no_sent_when_it_would_say_nothing(how: str) -> None:
    peer = PlayedReceiver("repair", binding=WEBRTC)
    peer.say(480, end=how == "end")
    peer.sent()
    if how == "received":
        peer.progress(1, 480)
    if how == "cut":
        peer.core.interrupt(peer.now)
    assert peer.timed(m.Sent, 3) == []


@pytest.mark.parametrize("window", [2_400, 480_000])
def test_a_sender_that_is_held_back_says_it_too(window: int) -> None:
    """By the window, or by the bound on what is in flight."""
    peer = PlayedReceiver("repair", binding=WEBRTC, window=window)
    peer.say(100_000, end=False)
    peer.sent()
    assert peer.timed(m.Sent, 0.05) == [0.04]


def test_over_a_reliable_transport_there_is_no_sent() -> None:
    peer = PlayedReceiver("repair")
    peer.say(480, end=False)
    peer.sent()
    assert peer.timed(m.Sent, 3) == []


def test_what_is_missing_below_the_highest_position_is_not_in_flight() -> None:
    peer = PlayedReceiver("repair", binding=WEBRTC, window=480_000)
    peer.say(9_600)
    peer.sent()
    before = peer.core.in_flight
    peer.now += 0.1
    peer.progress(1, 480, highest=2_400)
    assert peer.core.in_flight == before - 2 * 2_400
    peer.progress(1, 480, highest=1_000)
    peer.progress(1, 960)
    assert peer.core.in_flight == before - 2 * 2_400  # LW-PROGRESS-4: the greater


def test_a_round_trip_is_read_off_the_highest_chunk() -> None:
    peer = PlayedReceiver("repair", binding=WEBRTC, window=480_000)
    number = peer.core.open_segment(None, peer.now)
    for _ in range(3):
        peer.core.write(number, bytes(960), peer.now)
        peer.sent()
        peer.now += 0.02
    peer.now += 0.1
    peer.progress(number, 0, highest=960, delay=30_000)
    assert peer.core.round_trip == pytest.approx(0.14 - 0.03)
    peer.send(m.Nack(number, [[0, 480], [960, 1_440]]))
    peer.now += 0.1
    peer.progress(number, 1_440)
    assert peer.core.round_trip == pytest.approx(0.14 - 0.03)  # sent twice: of which is not known
