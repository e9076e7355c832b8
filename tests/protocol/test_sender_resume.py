"""The sender after a resume, when the receiver turns out to have more than what was sent again."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest

from lipwire.protocol import messages as m
from lipwire.protocol.channels import Binding, Channel
from lipwire.protocol.codec import decode, encode
from lipwire.protocol.errors import CloseCode, RemoteProtocolError
from lipwire.protocol.events import Cause, StreamEnded
from lipwire.protocol.sender import SenderConnection
from lipwire.protocol.sender_handshake import SenderSettings

LOSSY = Binding(name="webrtc", separate_media=True, media_reliable=False, max_media_message=1_150)
STREAM = Binding(name="websocket", separate_media=False)
FEATURES = ["repair", "resume", "data"]
LIMITS = {"resume": 60_000}


class Sender:
    """A SenderConnection whose receiver is played by hand."""

    def __init__(self, binding: Binding) -> None:
        self.binding = binding
        self.now = 0.0
        self.core = SenderConnection(SenderSettings(), b"s" * 16, 0.0)
        self.connect(None)

    def connect(self, state: list[Any] | None) -> None:
        self.core.attach(self.binding, self.now)
        self.sent()
        generation = self.core.generation
        self.say(m.Welcome(1, b"s" * 16, generation, ["s16le", 24_000, 1], FEATURES, LIMITS, b"x" * 16, state))

    def say(self, message: m.Message) -> None:
        self.core.receive(Channel.CONTROL, encode(message), self.now)

    def sent(self) -> list[Any]:
        return [decode(data) for _, data in self.core.take_outgoing(self.now)]

    def audio(self) -> list[m.AudioMessage]:
        return [message for message in self.sent() if isinstance(message, m.AudioMessage)]


def rewound() -> tuple[Sender, int]:
    """A sender that lost its first chunk and its transport, and has sent only that chunk again."""
    sender = Sender(LOSSY)
    number = sender.core.open_segment(None, 0.0)
    sender.core.write(number, bytes(48_000), 0.0)
    reached = sender.audio()[-1].position + 1
    sender.now = 0.5
    sender.core.detach(sender.now)
    sender.now = 1.0
    sender.connect([1, [[number, 0, 0, None]]])
    segment = sender.core.segment(number)
    assert segment is not None
    assert segment.sent == 0 < reached <= segment.reached
    return sender, segment.reached


def test_a_progress_that_crosses_an_interrupt() -> None:
    sender, reached = rewound()
    sender.core.interrupt(sender.now)
    sender.sent()
    sender.say(m.Progress(1, reached, reached, None, 0, 0))
    assert sender.core.closed is None
    assert sender.core.buffered == 0


def test_a_cut_that_lists_what_had_come_before_the_break() -> None:
    sender, reached = rewound()
    sender.core.interrupt(sender.now)
    sender.say(m.Cut(1, 1, [[1, reached]]))
    assert sender.core.closed is None
    sender.say(m.Cut(1, 1, [[1, reached + 1]]))
    assert sender.core.closed is not None
    assert sender.core.closed.code is CloseCode.INVALID_POSITION


def test_a_cut_or_a_state_that_lists_more_than_can_be_live() -> None:
    """The registry gives both at most ``segments`` rows (LW-WIRE-4)."""
    sender, _ = rewound()
    sender.say(m.Cut(1, 1, [[1, 0]] * 64))
    assert sender.core.closed is None
    sender.say(m.Cut(1, 1, [[1, 0]] * 65))
    assert sender.core.closed is not None
    assert sender.core.closed.code is CloseCode.INVALID_FIELD

    sender, _ = rewound()
    sender.core.detach(sender.now)
    sender.connect([1, [[1, 0, 0, None]] * 65])
    assert sender.core.closed is not None
    assert sender.core.closed.code is CloseCode.INVALID_FIELD


@pytest.mark.parametrize("hold", ["transport", "pause"])
def test_what_holds_the_timer_does_not_begin_it_anew(hold: str) -> None:
    """A transport that opens and breaks for ever does not keep a segment from ending (LW-STREAM-7)."""
    sender = Sender(STREAM)
    number = sender.core.open_segment(None, 0.0)
    sender.core.write(number, bytes(48_000), 0.0)
    sender.core.end_segment(number, 0.0)
    sender.core.features |= {f for f in sender.core.settings.features if f.value == "pause"}
    taken = sender.core.numbered
    for _ in range(10):
        sender.sent()
        sender.now += 3
        sender.core.expire(sender.now)
        ended = [event for event in sender.core.take_events() if isinstance(event, StreamEnded)]
        if ended:
            assert ended == [StreamEnded(segment=1, position=0, interrupted=True, cause=Cause.NO_REPORT, exact=False)]
            return
        if hold == "transport":
            sender.core.detach(sender.now)
            sender.connect([taken.sent, [[1, 0, 0, None]]])
        else:
            sender.core.pause(sender.now)
            sender.now += 100
            sender.core.unpause(sender.now)
            sender.say(m.Ping(0))  # the peer is there
    pytest.fail("it never ended")


def test_a_slow_welcome_on_a_resume_closes_nothing() -> None:
    sender, _ = rewound()
    sender.core.detach(sender.now)
    sender.core.attach(LOSSY, sender.now)
    sender.sent()
    sender.now += 11  # the handshake time is over, the resume time is not
    sender.core.expire(sender.now)
    assert not any(isinstance(message, m.CloseMessage) for message in sender.sent())
    assert sender.core.closed is None


def test_what_the_user_changes_later_is_not_sent() -> None:
    sender = Sender(STREAM)
    words = {"words": ["one"]}
    number = sender.core.open_segment(words, 0.0)
    sender.core.data(number, 0, words, 0.0)
    words["words"].append("two")
    sender.core.data(number, 0, words, 0.0)
    inner = [message.message for message in sender.sent() if isinstance(message, m.Numbered)]
    assert inner == [
        m.SegmentStart(1, {"words": ["one"]}),
        m.Data(1, 0, {"words": ["one"]}),
        m.Data(1, 0, {"words": ["one", "two"]}),
    ]


def test_keys_that_can_not_be_hashed() -> None:
    """They are ignored where all is, and refused where the field is known (LW-WIRE-12, LW-WIRE-14)."""
    strange = b"\x81\x91\x01\x02"  # {[1]: 2}
    assert decode(b"\x92\x40" + strange) is None
    assert decode(b"\x93\x04\x05" + strange) == m.Ping(5)
    assert decode(b"\x95\x03\x00\xa0\xc0" + strange) == m.CloseMessage(0, "", None, None)
    with pytest.raises(RemoteProtocolError) as refused:
        decode(b"\x92\x1f" + strange)
    assert refused.value.code is CloseCode.INVALID_FIELD
    assert msgpack.unpackb(b"\x92\x1f\x81\xa1a\x02") == [31, {"a": 2}]


def progress(number: int, received: int, highest: int, delay: float) -> m.Progress:
    return m.Progress(number, received, 0, None, 1, round(delay * 1_000_000), highest)


def test_what_came_before_the_break_says_nothing_about_what_is_on_its_way_again() -> None:
    """The receiver holds what came beyond a gap; how far that reaches is not how far this transport has got."""
    sender, reached = rewound()
    segment = sender.core.segment(number := 1)
    assert segment is not None
    sender.sent()
    sent = segment.sent
    assert 0 < sender.core.in_flight == sent * 2
    sender.now += 0.1
    sender.say(progress(number, 0, reached, delay=0.7))
    assert sender.core.in_flight == sent * 2
    # The gap is filled, and what was held counts with it; no round trip can be read off that.
    sender.say(progress(number, reached, reached, delay=0.71))
    assert sender.core._flight.round_trip == 0
    sender.sent()
    in_flight = sender.core.in_flight
    assert in_flight == (segment.sent - reached) * 2 > 0
    # What comes on this transport counts, gap or not.
    sender.now += 0.1
    sender.say(progress(number, reached, segment.sent, delay=0.0))
    assert sender.core.in_flight == 0
    assert sender.core._flight.round_trip == pytest.approx(0.1)
