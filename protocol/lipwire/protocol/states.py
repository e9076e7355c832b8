"""The states of a session and of a segment, as tables (SPEC §6, §8).

A session at either peer::

    idle ──attach──▶ opening ──welcome──▶ open ──detach──▶ lost ──attach──▶ reopening ──welcome──▶ open
      ◀────detach──────┘                                     ◀────detach────────┘
    and from each of them, close ──▶ closed

SPEC.md's *opening* is ``opening`` and ``reopening``: the second has something to lose. ``idle`` is a sender that
has not yet had a transport; a receiver's session begins when its hello is accepted.

The tables do not know which peer is ours, and nothing else changes a state.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final


class SessionState(Enum):
    """Where a session stands."""

    IDLE = "idle"
    OPENING = "opening"
    OPEN = "open"
    LOST = "lost"
    REOPENING = "reopening"
    CLOSED = "closed"


class SessionInput(Enum):
    """What can happen to a session."""

    ATTACH = "attach"
    """A transport is there."""
    WELCOME = "welcome"
    """Welcome was sent, or received."""
    DETACH = "detach"
    """The transport is gone."""
    CLOSE = "close"


_S, _I = SessionState, SessionInput

SESSION: Final[Mapping[tuple[SessionState, SessionInput], SessionState]] = {
    (_S.IDLE, _I.ATTACH): _S.OPENING,
    (_S.OPENING, _I.WELCOME): _S.OPEN,
    (_S.OPENING, _I.DETACH): _S.IDLE,
    (_S.OPEN, _I.DETACH): _S.LOST,
    (_S.LOST, _I.ATTACH): _S.REOPENING,
    (_S.REOPENING, _I.WELCOME): _S.OPEN,
    (_S.REOPENING, _I.DETACH): _S.LOST,
    **{(state, _I.CLOSE): _S.CLOSED for state in _S},
}

HANDSHAKE: Final[tuple[SessionState, ...]] = (_S.OPENING, _S.REOPENING)
"""SPEC.md's *opening*: hello, welcome and close are legal, and nothing else."""
ATTACHED: Final[tuple[SessionState, ...]] = (_S.OPEN, _S.OPENING, _S.REOPENING)
"""There is a transport."""


class SegmentState(Enum):
    """Where a segment stands at one peer."""

    QUEUED = "queued"
    """Sender: opened by the user, not started on the wire."""
    STARTED = "started"
    ENDED = "ended"
    """segment_end was sent, or received: the total is known to both."""
    HANDED_OUT = "handed out"
    """Receiver: all of it, the end included, is with the consumer."""
    CUT = "cut"
    OVER = "over"


class SegmentInput(Enum):
    """What can happen to a segment."""

    START = "start"
    END = "end"
    HAND_OUT_END = "hand out end"
    CUT = "cut"
    FINISH = "finish"
    """Its stream has ended: reported by the consumer, or to the user."""


_G, _J = SegmentState, SegmentInput

SEGMENT: Final[Mapping[tuple[SegmentState, SegmentInput], SegmentState]] = {
    (_G.QUEUED, _J.START): _G.STARTED,
    (_G.QUEUED, _J.CUT): _G.CUT,
    (_G.QUEUED, _J.FINISH): _G.OVER,
    (_G.STARTED, _J.END): _G.ENDED,
    (_G.STARTED, _J.CUT): _G.CUT,
    (_G.STARTED, _J.FINISH): _G.OVER,
    (_G.ENDED, _J.HAND_OUT_END): _G.HANDED_OUT,
    (_G.ENDED, _J.CUT): _G.CUT,
    (_G.ENDED, _J.FINISH): _G.OVER,
    (_G.HANDED_OUT, _J.CUT): _G.CUT,
    (_G.HANDED_OUT, _J.FINISH): _G.OVER,
    (_G.CUT, _J.FINISH): _G.OVER,
}
