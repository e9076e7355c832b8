"""The tables of states: complete, and every state can be left."""

from __future__ import annotations

from itertools import product

import pytest

from lipwire.protocol.states import (
    ATTACHED,
    HANDSHAKE,
    SEGMENT,
    SESSION,
    SegmentInput,
    SegmentState,
    SessionInput,
    SessionState,
)


@pytest.mark.parametrize("state", SessionState)
def test_every_session_can_be_closed_and_no_closed_one_opened(state: SessionState) -> None:
    assert SESSION[state, SessionInput.CLOSE] is SessionState.CLOSED
    others = [cause for cause in SessionInput if (SessionState.CLOSED, cause) in SESSION]
    assert others == [SessionInput.CLOSE]


def test_a_transport_comes_and_goes() -> None:
    for state in SessionState:
        assert ((state, SessionInput.DETACH) in SESSION) is (state in ATTACHED)
        assert ((state, SessionInput.WELCOME) in SESSION) is (state in HANDSHAKE)
        if state is not SessionState.CLOSED:
            assert ((state, SessionInput.ATTACH) in SESSION) is (state not in ATTACHED)
    assert all(SESSION[state, SessionInput.DETACH] not in ATTACHED for state in ATTACHED)


def test_what_has_been_open_is_not_forgotten() -> None:
    assert SESSION[SessionState.OPENING, SessionInput.DETACH] is SessionState.IDLE
    assert SESSION[SessionState.REOPENING, SessionInput.DETACH] is SessionState.LOST


def test_segments_go_forward_only() -> None:
    order = list(SegmentState)
    for (before, cause), after in SEGMENT.items():
        assert order.index(after) > order.index(before), (before, cause)
    assert not [key for key in SEGMENT if key[0] is SegmentState.OVER]


def test_every_segment_can_end() -> None:
    for state in SegmentState:
        if state is not SegmentState.OVER:
            assert SEGMENT[state, SegmentInput.FINISH] is SegmentState.OVER


def test_only_what_is_live_can_be_cut() -> None:
    live = {SegmentState.QUEUED, SegmentState.STARTED, SegmentState.ENDED, SegmentState.HANDED_OUT}
    assert {state for state, cause in SEGMENT if cause is SegmentInput.CUT} == live


def test_the_tables_name_every_state() -> None:
    assert {state for state, _ in SESSION} == set(SessionState)
    assert {state for state, _ in SEGMENT} == set(SegmentState) - {SegmentState.OVER}
    assert all(key in SESSION for key in product(SessionState, [SessionInput.CLOSE]))
