"""What data may wait over a whole session, by both roles (LW-DATA-3)."""

from __future__ import annotations

import pytest
from played import PlayedReceiver

from lipwire.protocol import messages as m
from lipwire.protocol.errors import CloseCode, LocalProtocolError
from lipwire.protocol.items import Data

BIG = {"x": "a" * 16_000}
FITS = 1_048_576 // 16_006
"""So many of these fit."""


def test_the_bytes_of_data_ahead_are_bounded_over_all_segments(driver):
    """LW-DATA-3: and what was handed out, or cut, counts no more."""
    d = driver("data")
    for number in range(1, 7):
        d.start(number, 100, end=True)
        for at in range(10):
            d.send(m.Data(number, 50 + at, BIG))
    d.send(m.Interrupt(6, 6))
    d.read()
    assert len(d.core._incoming.receiving) == 5
    for number in (7, 8, 9, 10, 11, 12):
        d.start(number, 100, end=True)
    for index in range(FITS):
        d.send(m.Data(7 + index % 6, 50, BIG))
    assert d.code is None
    assert d.core._incoming.content_ahead() == FITS * 16_006
    d.send(m.Data(12, 50, BIG))
    assert d.code is CloseCode.LIMIT_EXCEEDED


def test_the_bytes_of_late_data_are_bounded_too(driver):
    d = driver("data", "pause")
    d.start(1, 100)
    d.read()
    d.send(m.Pause())
    for _ in range(FITS + 20):
        d.send(m.Data(1, 5, BIG))
    assert d.code is None
    assert d.core.counters.late_data == 20
    d.send(m.Unpause())
    assert len([one for one in d.read() if isinstance(one, Data)]) == FITS
    assert d.core._incoming.content_waiting == 0


def give(peer: PlayedReceiver, number: int, position: int = 500) -> None:
    assert peer.core.data(number, position, BIG, peer.now)


def test_a_sender_sends_no_more_than_the_receiver_takes() -> None:
    peer = PlayedReceiver("data")
    for number in (1, 2):
        peer.say(480)
        for _ in range(FITS // 2):
            give(peer, number)
    give(peer, peer.say(480))
    with pytest.raises(LocalProtocolError) as error:
        give(peer, 3)
    assert error.value.code is CloseCode.LIMIT_EXCEEDED
    # A cut segment counts until the receiver says that it is cut, one that is over no more.
    peer.sent()
    peer.core.interrupt(peer.now, 2)
    with pytest.raises(LocalProtocolError):
        give(peer, 3)
    peer.send(m.Cut(2, 2, [[2, 0]]))
    for _ in range(FITS // 2):
        give(peer, 3)
    with pytest.raises(LocalProtocolError):
        give(peer, 3)
    peer.send(m.StreamEnded(1, 480, False, 0))
    give(peer, 3)
    assert peer.code is None


def test_what_was_consumed_counts_no_more() -> None:
    peer = PlayedReceiver("data")
    number = peer.say(960)
    for _ in range(FITS):
        give(peer, number, 400)
    peer.sent()
    with pytest.raises(LocalProtocolError):
        give(peer, number)
    peer.progress(number, 480)
    give(peer, number)


def test_what_turns_out_to_be_consumed_at_a_resume_counts_no_more() -> None:
    peer = PlayedReceiver("data", "resume")
    number = peer.say(960)
    for _ in range(FITS):
        give(peer, number, 400)
    peer.sent()
    peer.resume([number, 960, 960, None])
    give(peer, number)
