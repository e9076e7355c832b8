"""Version 0: the receiver alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipwire.protocol import version0
from lipwire.protocol.channels import Channel, Wire
from lipwire.protocol.errors import CloseCode, LocalProtocolError
from lipwire.protocol.events import ConsumerReset, SessionEnded
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.items import Audio, Interrupted, SegmentEnd, SegmentStart
from lipwire.protocol.states import SessionState

from .wire import END, INTERRUPT, RATE, ROOM, ack
from .world import opened, read_all


def test_segments_are_numbered_here():
    core = opened()
    assert not core.readable(0.0)
    core.receive(Channel.MEDIA, b"\x01\x02\x03\x04", 0.0)
    assert core.readable(0.0)
    core.receive(Channel.MEDIA, b"\x05\x06", 0.0)
    core.receive(*END, 0.0)
    core.receive(Channel.MEDIA, b"\x07\x08", 0.0)
    assert core.counters.held_samples == 4
    pcm = PcmFormat()
    assert read_all(core) == [
        SegmentStart(1, {}),
        Audio(1, 0, b"\x01\x02\x03\x04", pcm),
        Audio(1, 2, b"\x05\x06", pcm),
        SegmentEnd(1, 3),
        SegmentStart(2, {}),
        Audio(2, 0, b"\x07\x08", pcm),
    ]
    assert core.counters.held_samples == 0
    assert core.counters.live_segments == 2


@pytest.mark.parametrize("message", [b"INTERRUPT", "INTERRUPT"])
def test_an_interrupt_as_bytes_and_as_text(message: Wire):
    core = opened()
    core.receive(Channel.MEDIA, b"\x01\x02", 0.0)
    core.receive(Channel.MEDIA, b"\x03\x04", 0.0)
    assert [core.read(0.0), core.read(0.0)] == [SegmentStart(1, {}), Audio(1, 0, b"\x01\x02", PcmFormat())]
    core.receive(Channel.CONTROL, message, 0.0)
    told = Interrupted((1,), (1,))
    assert core.take_events() == [ConsumerReset(interrupted=told)]
    assert read_all(core) == [told]
    assert core.take_outgoing(0.0) == []
    assert core.stream_ended(1, 0.0, position=1, interrupted=True)
    assert not core.stream_ended(1, 0.0, position=1, interrupted=True)
    assert core.take_outgoing(0.0) == [(Channel.CONTROL, ack(1 / RATE, interrupted=True))]


def test_an_interrupt_of_what_was_not_handed_out_is_acked_at_once():
    core = opened()
    core.receive(Channel.MEDIA, b"\x01\x02", 0.0)
    core.receive(*INTERRUPT, 0.0)
    assert core.take_outgoing(0.0) == [(Channel.CONTROL, ack(0.0, interrupted=True))]
    assert core.take_events() == []
    assert read_all(core) == []


def test_the_cooldown_discards_and_can_be_switched_off():
    core = opened()
    core.receive(*INTERRUPT, 1.0)
    core.receive(Channel.MEDIA, b"\x01\x02", 1.299)
    core.reset_done(1.299)
    core.receive(Channel.MEDIA, b"\x01\x02", 1.299)
    core.receive(Channel.MEDIA, b"\x03\x04", 1.3)
    assert core.counters.late == 2
    assert core.counters.held_samples == 1
    core = opened(cooldown=0.0)
    core.receive(*INTERRUPT, 1.0)
    core.receive(Channel.MEDIA, b"\x01\x02", 1.0)
    assert core.counters.held_samples == 1


def test_odd_bytes_are_carried_over_where_nothing_is_lost():
    core = opened()
    for piece in (b"\x01", b"\x02\x03", b"\x04\x05\x06\x07"):
        core.receive(Channel.MEDIA, piece, 0.0)
    core.receive(*END, 0.0)
    audio = b"".join(bytes(item.pcm) for item in read_all(core) if isinstance(item, Audio))
    assert audio == b"\x01\x02\x03\x04\x05\x06"
    assert core.counters.odd == 1
    core = opened(ROOM)
    for piece in (b"\x01\x02\x03", b"\x04\x05"):
        core.receive(Channel.MEDIA, piece, 0.0)
    audio = b"".join(bytes(item.pcm) for item in read_all(core) if isinstance(item, Audio))
    assert audio == b"\x01\x02\x04\x05"


def test_too_much_held_audio_closes_loudly():
    core = opened(most_held=2.0)
    for _ in range(3):
        core.receive(Channel.MEDIA, bytes(RATE) * 2, 0.0)
    assert core.closed is not None
    assert core.closed.code is CloseCode.LIMIT_EXCEEDED
    assert core.state is SessionState.CLOSED
    assert core.counters.held_samples == 0
    assert isinstance(core.take_events()[0], SessionEnded)


def test_a_flood_of_tiny_messages_is_bounded():
    core = opened()
    count = 0
    while core.closed is None:
        core.receive(Channel.MEDIA, b"\x01\x02", 0.0)
        count += 1
    assert count == 120_001


def test_a_flood_of_ends_is_bounded():
    core = opened()
    count = 0
    while core.closed is None:
        core.receive(*END, 0.0)
        count += 1
    assert count == 1_025
    core = opened()
    for number in range(1, 2_000):  # a consumer that gives up on each
        core.receive(Channel.MEDIA, bytes(4), 0.0)
        read_all(core)
        core.stream_ended(number, 0.0, position=0, failed=True)
        core.receive(*END, 0.0)
    assert core.closed is None
    core = opened()
    for _ in range(5_000):  # a consumer that reads and never reports
        core.receive(*END, 0.0)
        read_all(core)
    assert core.closed is None
    assert core.counters.live_segments == 2_048


def test_a_message_beyond_the_limit_closes():
    core = opened()
    core.receive(Channel.MEDIA, bytes(65_537), 0.0)
    assert core.closed is not None
    assert core.closed.code is CloseCode.MESSAGE_TOO_LARGE


@given(
    st.lists(st.one_of(st.binary(max_size=40), st.text(max_size=40), st.sampled_from([b"INTERRUPT", END[1], ack(1)])))
)
def test_nothing_that_comes_raises(messages: list[Wire]):
    core = opened()
    for now, message in enumerate(messages):
        core.receive(Channel.MEDIA, message, now / 10)
        core.expire(now / 10)
        position = 0
        while (item := core.read(now / 10)) is not None:
            if isinstance(item, Audio):
                assert item.samples > 0
                position = item.end
            elif isinstance(item, SegmentEnd):
                assert item.total >= position
                core.stream_ended(item.segment, now / 10, position=item.total)
        for channel, answer in core.take_outgoing(now / 10):
            assert channel is Channel.CONTROL
            assert isinstance(version0.parse_ack(answer), version0.StreamEnded0)
    assert core.closed is None


def test_the_consumers_reports():
    core = opened()
    core.receive(Channel.MEDIA, bytes(200), 0.0)
    read_all(core)
    assert not core.stream_started(1, 0.0)
    assert core.played(1, 40, 0.0)
    assert not core.played(1, 30, 0.0)
    for position in (101, -1):
        with pytest.raises(LocalProtocolError, match="position"):
            core.played(1, position, 0.0)
        with pytest.raises(LocalProtocolError, match="position"):
            core.stream_ended(1, 0.0, position=position)
    for call in (lambda: core.stream_ended(2, 0.0, position=None), lambda: core.stream_started(0, 0.0)):
        with pytest.raises(LocalProtocolError, match="no segment"):
            call()
    core.receive(*INTERRUPT, 0.0)
    assert core.stream_ended(1, 0.0, position=None, interrupted=True)
    assert core.take_outgoing(0.0) == [(Channel.CONTROL, ack(40 / RATE, interrupted=True))]
    core.receive(Channel.MEDIA, bytes(200), 1.0)
    core.receive(*END, 1.0)
    read_all(core)
    assert core.stream_ended(2, 1.0, position=None)
    assert core.take_outgoing(1.0) == [(Channel.CONTROL, ack(100 / RATE))]


def test_a_report_before_the_end_drops_the_rest():
    core = opened()
    core.receive(Channel.MEDIA, bytes(200), 0.0)
    read_all(core)
    core.receive(Channel.MEDIA, bytes(100), 0.0)
    core.stream_ended(1, 0.0, position=50, failed=True)
    core.receive(Channel.MEDIA, bytes(100), 0.0)
    core.receive(*END, 0.0)
    core.receive(Channel.MEDIA, bytes(20), 0.0)
    assert [getattr(item, "segment", None) for item in read_all(core)] == [2, 2]
    assert core.counters.held_samples == 0
