"""Messages that are right by themselves and wrong in an open session, whatever else has happened there.

Each says with which features, towards whom, and after which messages. Where two statements are broken at once and
LW-WIRE-14 puts neither first, both codes are permitted.
"""

from __future__ import annotations

from typing import Any, Final

from .messages import bytes_from
from .row import Row, invalid, valid

_START: Final = ((16, 1, {"text": "Hi"}),)
_TWO: Final = ((16, 1), (19, 1, 0), (16, 2))
_PCM: Final = bytes_from(1, 8)
_LONGEST: Final = 2**40

# name, message, codes, requirement ids, what came before, features, why
_ToReceiver = tuple[str, list[Any], "str | tuple[str, ...]", tuple[str, ...], tuple[Any, ...], tuple[str, ...], str]

_MEANING: Final[tuple[_ToReceiver, ...]] = (
    ("audio.cut_through_its_own_segment", [17, 1, 0, 1, _PCM], "invalid_field", ("LW-AUDIO-4", "LW-WIRE-4"), _START, (),
     "a segment can not be cut by itself"),
    ("audio.cut_through_a_later_segment", [17, 1, 0, 7, _PCM], "invalid_field", ("LW-AUDIO-4", "LW-WIRE-4"), _START, (),
     "a segment can not be cut by one after it"),
    ("audio.half_a_frame", [17, 1, 0, 0, b"\1\0\2"], "invalid_field", ("LW-AUDIO-4", "LW-FORMAT-2"), _START, (),
     "three bytes are one sample and a half"),
    ("audio.one_byte", [17, 1, 0, 0, b"\1"], "invalid_field", ("LW-AUDIO-4", "LW-FORMAT-2"), _START, (),
     "half a sample"),
    ("interrupt.backwards", [20, 2, 1], "invalid_field", ("LW-WIRE-4",), _TWO, (), "last is below first"),
    ("segment_end.too_long", [19, 1, _LONGEST + 1], ("invalid_position", "window_exceeded"),
     ("LW-AUDIO-11", "LW-CREDIT-3"), _START, ("repair",), "longer than a segment may be, and beyond the window"),
    ("sent.too_far", [18, 1, _LONGEST + 1], ("invalid_position", "window_exceeded"), ("LW-AUDIO-11", "LW-CREDIT-3"),
     _START, ("repair",), "longer than a segment may be, and beyond the window"),
    ("audio.ends_too_far", [17, 1, _LONGEST, 0, b"\1\0"], ("invalid_position", "window_exceeded"),
     ("LW-AUDIO-11", "LW-CREDIT-3"), _START, ("repair",), "the last sample lies beyond the longest segment"),
)  # fmt: skip

# -- direction and feature: messages that are right, from the wrong side or without what was to be chosen --------

_OF_RECEIVER: Final = (
    ("welcome", [2, 1, bytes_from(0, 16), 1, ["s16le", 24_000, 1], [], {}]), ("cut", [21, 1, 1, []]),
    ("stream_started", [27, 1, 0]), ("progress", [28, 1, 0, 0, None, 0, 0]), ("stream_ended", [29, 1, 0, False, 0]),
    ("mark_reached", [25, 1, "x"]), ("nack", [30, 1, [[0, 1]]]),
)  # fmt: skip
_OF_SENDER: Final = (
    ("segment_start", [16, 1]), ("audio", [17, 1, 0, 0, b"\0\0"]), ("segment_end", [19, 1, 0]), ("interrupt", [20, 1,
     1]),
    ("sent", [18, 1, 0]), ("pause", [22]), ("unpause", [23]), ("mark", [24, 1, 0, "x"]), ("data", [26, 1, 0, {}]),
    ("hello", [1, "lipwire", [1], bytes_from(0, 16), 1, [["s16le", 24_000, 1]], [], {}]),
)  # fmt: skip
_OF_FEATURES: Final = (
    ("sent", [18, 1, 0]), ("pause", [22]), ("unpause", [23]), ("mark", [24, 1, 0, "x"]), ("data", [26, 1, 0, {}]),
    ("custom", [31, {}]), ("acknowledge", [7, 0]),
)  # fmt: skip

# -- towards a sender that has opened nothing: a segment that never was, and a message that contradicts itself --------

_TO_SENDER: Final[tuple[tuple[str, list[Any], str | tuple[str, ...], tuple[str, ...], str], ...]] = (
    ("cut.backwards", [21, 2, 1, []], ("invalid_field", "invalid_segment"), ("LW-WIRE-4", "LW-INTERRUPT-12"),
     "last is below first, and neither was opened"),
    ("cut.of_nothing", [21, 1, 1, [[1, 0]]], "invalid_segment", ("LW-INTERRUPT-12",), "segment 1 was never opened"),
    ("progress.consumed_beyond_received", [28, 1, 5, 6, None, 0, 0], ("invalid_position", "invalid_segment"),
     ("LW-PROGRESS-4",), "it contradicts itself, and segment 1 was never started"),
    ("progress.played_beyond_consumed", [28, 1, 5, 5, 6, 0, 0], ("invalid_position", "invalid_segment"),
     ("LW-PROGRESS-4",), "it contradicts itself, and segment 1 was never started"),
    ("progress.of_nothing", [28, 1, 0, 0, None, 0, 0], "invalid_segment", ("LW-PROGRESS-4",),
     "segment 1 was never started"),
    ("stream_started.of_nothing", [27, 1, 0], "invalid_segment", ("LW-STREAM-6",), "segment 1 was never started"),
    ("stream_ended.of_nothing", [29, 1, 0, False, 0], "invalid_segment", ("LW-STREAM-6",),
     "segment 1 was never started"),
)  # fmt: skip

_VALID: Final = (
    ("audio.cut_through_the_segment_before", [17, 2, 0, 1, _PCM], _TWO, ("LW-AUDIO-4",), "one below its own id"),
    ("audio.one_frame", [17, 1, 0, 0, b"\1\0"], _START, ("LW-AUDIO-4", "LW-FORMAT-2"), "one sample of one channel"),
    ("interrupt.one", [20, 1, 1], _START, ("LW-WIRE-4",), "first and last are the same"),
    ("ping", [4, 1], (), ("LW-WIRE-1",), "the least that can be said"),
)


def rows() -> list[Row]:
    """``session.json``."""
    receiver, sender = {"context": "session", "to": "receiver"}, {"context": "session", "to": "sender"}
    return [
        *(
            valid(f"session.{name}", message, *ids, why=why, before=before, **receiver)
            for name, message, before, ids, why in _VALID
        ),
        *(
            invalid(f"session.{name}", message, codes, *ids, why=why, stage="meaning", before=before, features=features,
                    **receiver)
            for name, message, codes, ids, before, features, why in _MEANING
        ),
        *(
            invalid(f"session.{name}", message, codes, *ids, why=why, stage="meaning", **sender)
            for name, message, codes, ids, why in _TO_SENDER
        ),
        *(
            invalid(f"session.direction.{name}_to_{to['to']}", message, "out_of_state", "LW-REGISTRY-2", "LW-WIRE-14",
                    why=f"{name} from the wrong side", stage="direction", **to)
            for to, table in ((receiver, _OF_RECEIVER), (sender, _OF_SENDER))
            for name, message in table
        ),
        *(
            invalid(f"session.feature.{name}", message, "out_of_state", "LW-REGISTRY-2", "LW-FEATURE-2",
                    why=f"{name} belongs to a feature that was not chosen", stage="feature", **receiver)
            for name, message in _OF_FEATURES
        ),
        invalid("session.feature.numbered", [6, 1, 0, [22]], "out_of_state", "LW-CONTROL-1", stage="feature",
                why="numbered messages belong to resume", **receiver),
    ]  # fmt: skip
