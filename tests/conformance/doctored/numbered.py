"""Of numbered control and resuming."""

from __future__ import annotations

from typing import Any

from lipwire.conformance import messages as m

from ..sessions import SESSION, Session, begun
from . import RECEIVER, SENDER, Doctored


def _numbered(number: int, inner: Any = None, taken: int = 0) -> list[Any]:
    return m.numbered(number, taken, inner or m.segment_start(number))


def _sent(*numbers: int) -> Session:
    return Session("resume").sender(*(_numbered(number) for number in numbers))


def _many(numbers: int, *, first: int = 1, taken: int = 0) -> Session:
    session = Session("resume", "custom")
    session.sender(*(_numbered(n, m.custom({})) for n in range(first, min(numbers, 1_024) + 1)))
    session.receiver(m.acknowledge(taken))
    return session.sender(*(_numbered(n, m.custom({})) for n in range(1_025, numbers + 1)))


def _known(**fields: Any) -> Session:
    """A session that is resumed when both have surely learned of its opening."""
    return begun("resume").fence().fence(SENDER).resume(count=1, rows=[(1, 480, 0, None)], **fields)


def _rows(*rows: Any, reported: int = 240, **fields: Any) -> Session:
    """One whose welcome states these rows, after a report of so many samples."""
    session = begun("resume").receiver(m.progress(1, reported))
    return session.resume(count=1, rows=rows, **fields)


def _goes_on(number: int) -> Session:
    """A sender that goes on after a resume with this number; the receiver has taken 1."""
    session = begun("resume").sender(m.segment_end(1, 480)).resume(count=1, rows=[(1, 480, 480, None)])
    return session.sender(_numbered(number, m.segment_end(1, 480) if number == 2 else m.segment_start(2)))


def _unasked(goes_on: bool) -> Session:
    session = Session().sender(_numbered(1), m.ping(5))
    return session.receiver(m.pong(5) if goes_on else m.close(19))


def _again(secret: bytes) -> Session:
    session = Session("resume")
    session.resume()
    session.secret = b"u" * 16
    return session.resume(credential=b"t" * 15 + b"\x02", w_secret=secret)


PAIRS = [
    Doctored("is_numbered", "LW-CONTROL-1", SENDER, lambda: Session("resume").sender(m.segment_start(1), bare=True),
             lambda: Session("resume").sender(m.segment_start(1))),
    Doctored("is_numbered", "LW-CONTROL-1", RECEIVER,
             lambda: begun("resume").receiver(m.stream_started(1), bare=True),
             lambda: begun("resume").receiver(m.stream_started(1)), "receiver"),
    Doctored("next_number", "LW-CONTROL-1", SENDER, lambda: _many(3, first=2), lambda: _many(3)),
    Doctored("next_number", "LW-CONTROL-1", SENDER,
             lambda: _sent(1).sender(_numbered(1, m.segment_start(2))), lambda: _sent(1).sender(_numbered(1)),
             "another message"),
    Doctored("from_where_it_was", "LW-RESUME-8", SENDER, lambda: _goes_on(3), lambda: _goes_on(2)),
    Doctored("taken_was_sent", "LW-CONTROL-6", RECEIVER, lambda: _sent(1).receiver(m.acknowledge(2)),
             lambda: _sent(1).receiver(m.acknowledge(1))),
    Doctored("unacknowledged", "LW-CONTROL-5", SENDER, lambda: _many(1_025), lambda: _many(1_025, taken=1)),
    Doctored("refuses_numbered", "LW-CONTROL-1", RECEIVER, lambda: _unasked(True), lambda: _unasked(False), "",
             frozenset({"LW-REGISTRY-1"})),
    Doctored("resumes", "LW-RESUME-2", SENDER, lambda: _known(generation=1, w_generation=1), _known),
    Doctored("resumes", "LW-RESUME-2", SENDER,
             lambda: _known(formats=[m.PCM_FORMAT, ["s16le", 16_000, 1]]), _known, "formats"),
    Doctored("newest_secret", "LW-RESUME-2", SENDER, lambda: _known(credential=b"x" * 16), _known),
    Doctored("counts_agree", "LW-RESUME-10", SENDER, lambda: _known(taken=1), _known),
    Doctored("counts_agree", "LW-RESUME-10", RECEIVER, lambda: _rows((1, 481, 0, None)),
             lambda: _rows((1, 480, 240, None)), "beyond"),
    Doctored("counts_agree", "LW-RESUME-10", RECEIVER, lambda: _rows((1, 239, 239, None)),
             lambda: _rows((1, 240, 240, None)), "behind"),
    Doctored("counts_agree", "LW-RESUME-10", RECEIVER, lambda: _rows((1, 240, 240, 241)),
             lambda: _rows((1, 240, 240, 240)), "played"),
    Doctored("new_secret", "LW-RESUME-3", RECEIVER, lambda: _again(b"t" * 15 + b"\x02"), lambda: _again(b"v" * 16)),
    Doctored("new_secret", "LW-RESUME-3", RECEIVER,
             lambda: Session(opened=False).says(m.hello(SESSION, features=["resume"]),
                                                m.welcome(SESSION, features=["resume"])),
             lambda: Session("resume"), "none"),
    Doctored("same_choice", "LW-RESUME-7", RECEIVER, lambda: _known(w_features=[]), _known),
    Doctored("same_choice", "LW-RESUME-7", RECEIVER, lambda: _known(w_state=None), _known, "no state"),
    Doctored("live_segments_in_state", "LW-RESUME-7", RECEIVER, lambda: _rows((1, 480, 240, None), (9, 0, 0, None)),
             lambda: _rows((1, 480, 240, None))),
    Doctored("known_session", "LW-RESUME-4", RECEIVER,
             lambda: Session(opened=False).says(m.hello(SESSION)).receiver(m.close(48)),
             lambda: Session(opened=False).says(m.hello(SESSION)).receiver(m.close(38, "", 1))),
]  # fmt: skip
