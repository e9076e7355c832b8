"""When a sender of version 0 may send audio (SPEC, Appendix A): by the clock, since the peer says nothing of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

from .channels import Binding
from .errors import CloseCode, LocalProtocolError
from .formats import PcmFormat
from .limits import Limits
from .version0 import check_format

NEAR = 1e-6
"""Seconds that two times may differ by and still be the same."""


@dataclass(frozen=True, kw_only=True)
class SenderSettings0:
    """What both sides have to know without telling each other, and how careful to be. Seconds.

    Raises:
        LocalProtocolError: the format is not mono s16le, or a time is out of range.
    """

    format: PcmFormat = field(default_factory=PcmFormat)
    limits: Limits = field(default_factory=Limits)
    """Of these ``cooldown`` (the peer's) and ``grace`` are used."""
    lead: float = 1.0
    """How far ahead of real-time playback audio is sent at most."""
    chunk: float = 0.1
    """The longest audio message."""
    margin: float = 0.05
    """Added to the peer's cooldown before new audio is sent after an interrupt."""
    reorder: float = 0.1
    """How long media may lag behind control, or run ahead of it, where they are not one ordered channel."""
    ack_wait: float = 1.0
    """How long new audio waits for the ack of an interrupt at most, where the interrupt may itself be late: where
    control and media are not one ordered channel."""
    keep_from_text: bool | None = None
    """Whether audio that is valid UTF-8 is changed by as little as will do so that it is not; None: in rooms."""
    exact_acks: bool = False
    """Whether the peer is known to report what was heard; deployed ones report what was queued."""
    connect_time: float = 30.0
    first_segment: int = 1

    def __post_init__(self) -> None:
        check_format(self.format)
        for name, least in (("lead", 0.02), ("chunk", 0.001), ("margin", 0.0), ("reorder", 0.0), ("ack_wait", 0.0)):
            value = getattr(self, name)
            if not least <= value <= 60:
                raise LocalProtocolError(
                    CloseCode.INVALID_FIELD, f"{name}={value!r} is out of range: it may be {least:g} to 60"
                )


class Pace:
    """Keeps audio within the lead, and back while the peer discards it."""

    def __init__(self, settings: SenderSettings0) -> None:
        self._settings = settings
        self._after_interrupt = settings.limits.cooldown + settings.margin
        self.reorder = 0.0
        self._ack_wait = 0.0
        self._repeats = False
        self._plays_until = -inf
        """When real-time playback of all that was sent would end."""
        self._hold_until = -inf
        self._interrupted_at = -inf
        self.repeat_at = inf
        """When INTERRUPT is to be sent again."""

    def attach(self, binding: Binding) -> None:
        """Take account of what the transport promises."""
        if binding.separate_media or not binding.control_reliable:
            self.reorder, self._ack_wait = self._settings.reorder, self._settings.ack_wait
        self._repeats = not binding.control_reliable

    def earliest(self, seconds: float, now: float) -> float:
        """When so much audio may be sent; ``now`` or before: at once."""
        return max(self._hold_until, max(self._plays_until, now) + seconds - self._settings.lead) - NEAR

    def sent(self, seconds: float, now: float) -> tuple[float, float]:
        """Note audio that is sent now; gives the earliest times at which its playback can begin and end."""
        begins = max(self._plays_until, now)
        self._plays_until = begins + seconds
        return begins, self._plays_until

    def ended(self, now: float) -> None:
        """A segment's end is sent now: the next one's audio must not overtake it, nor be taken for its tail.

        Our receiver waits for such a tail for the same time, hence twice.
        """
        self._hold_until = max(self._hold_until, now + 2 * self.reorder)

    def interrupted(self, now: float, *, ack_due: bool) -> None:
        """INTERRUPT is sent now: hold new audio back until the peer has surely stopped discarding."""
        self._plays_until = -inf
        self._interrupted_at = now
        self._hold_until = max(self._hold_until, now + self._after_interrupt)
        if ack_due:
            self._hold_until = max(self._hold_until, now + self._ack_wait)
            if self._repeats:
                self.repeat_at = now + self._ack_wait / 2

    def repeat(self, now: float) -> None:
        """INTERRUPT is sent once more, since it may have been lost."""
        self.repeat_at = inf
        self.interrupted(now, ack_due=False)

    def acked(self, now: float) -> None:
        """The last interrupt was acked: it has arrived by now, however late, and the cooldown began when it did."""
        self.repeat_at = inf
        if self._ack_wait and self._hold_until > now:
            known = max(self._interrupted_at + self._settings.margin, now)
            self._hold_until = known + self._settings.limits.cooldown
