"""What the kit concludes: checks, which add up to the verdict of a case, and how its session closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .trace import Entry


class Verdict(Enum):
    """What came of a case, or of a requirement. The better comes first."""

    PASS = "pass"
    UNSUPPORTED = "unsupported"
    """It needs a capability that the driver does not declare."""
    NOT_TESTABLE = "not testable"
    """It can not be asked here; the reason says why."""
    NOT_COVERED = "not covered"
    """Of a requirement alone: no check was made of it."""
    WARN = "warn"
    """A SHOULD was not kept."""
    FAIL = "fail"
    """A MUST was not kept."""
    HARNESS_ERROR = "harness error"
    """The driver or the kit is at fault; nothing is known of the implementation."""


LOUD: Final = (Verdict.FAIL, Verdict.WARN, Verdict.HARNESS_ERROR)
"""Of which more is to be said than that it is so."""


class Closing(Enum):
    """How the session of a case closed: a verdict of its own."""

    CLEAN = "clean"
    """With a close message from one side, and then the transport's own closing."""
    LINGERS = "lingers"
    """With a close message; but the implementation left the transport open (LW-CLOSE-1 says SHOULD)."""
    BROKEN = "broken"
    """The implementation's transport went away without a close message."""
    DROPPED = "dropped"
    """The case took the transport away, as it meant to."""
    NONE = "none"
    """No session came to be."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at: what a requirement asks, and what was there."""

    requirement: str
    level: str
    """``MUST`` or ``SHOULD``."""
    passed: bool
    expected: str
    actual: str
    at: int
    """The index in the trace of the last entry by then."""


@dataclass(kw_only=True)
class Result:
    """What came of one case."""

    case: str
    verdict: Verdict
    reason: str = ""
    """Why, in a sentence, where that is not what the checks say."""
    checks: list[Check] = field(default_factory=list)
    closing: Closing = Closing.NONE
    trace: Sequence[Entry] = ()
    steps: list[tuple[int, str]] = field(default_factory=list)
    """What the kit did and waited for: the index in the trace, and the words."""
    standard_error: Sequence[str] = ()
    """The last lines that the driver wrote to it meanwhile, as they are, where something is amiss."""
    seconds: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)


def conclude(checks: Sequence[Check]) -> Verdict:
    """The verdict of a case from its checks; one that checked nothing is no pass but an error of the harness."""
    if not checks:
        return Verdict.HARNESS_ERROR
    failed = {check.level for check in checks if not check.passed}
    if "MUST" in failed:
        return Verdict.FAIL
    return Verdict.WARN if failed else Verdict.PASS
