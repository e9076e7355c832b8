"""Numbered control: each message taken once and in order, whatever the transport loses (SPEC §14)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from .codec import encode
from .errors import CloseCode, LocalProtocolError, RemoteProtocolError
from .limits import (
    ACKNOWLEDGE_DELAY,
    HELD_NUMBERED,
    RESEND_FIRST,
    RESEND_MOST,
    UNACKNOWLEDGED_BYTES,
    UNACKNOWLEDGED_MESSAGES,
)
from .messages import Acknowledge, Message, Numbered

RESERVED_MESSAGES = 128
RESERVED_BYTES = 65_536
"""Room under LW-CONTROL-5's limit for what can not wait: ends, interrupts, pauses."""


@dataclass(slots=True)
class _Kept:
    """A message that the peer has not acknowledged."""

    number: int
    message: Message
    size: int
    resend_after: float
    resend_at: float


class NumberedControl:
    """Both directions of one peer's numbered messages, over all transports of a session."""

    def __init__(self) -> None:
        self.sent = 0
        """How many messages have been numbered here."""
        self.taken = 0
        """How many of the peer's have been taken."""
        self._unacknowledged: deque[_Kept] = deque()
        self._unacknowledged_bytes = 0
        self._held: dict[int, Message] = {}
        self._reliable = True
        self._resend_at = inf
        self._acknowledge_at = inf

    @property
    def deadline(self) -> float:
        """When ``due`` has something to send."""
        return min(self._resend_at, self._acknowledge_at)

    @property
    def unacknowledged(self) -> int:
        """How many messages wait for the peer's acknowledgement."""
        return len(self._unacknowledged)

    def has_room(self, size: int) -> bool:
        """Whether a message that can wait may be sent now: some room is kept for those that can not."""
        return (
            len(self._unacknowledged) < UNACKNOWLEDGED_MESSAGES - RESERVED_MESSAGES
            and self._unacknowledged_bytes + size <= UNACKNOWLEDGED_BYTES - RESERVED_BYTES
        )

    @property
    def is_full(self) -> bool:
        """Whether one more small message could be one too many (LW-CONTROL-5)."""
        return (
            len(self._unacknowledged) >= UNACKNOWLEDGED_MESSAGES - RESERVED_MESSAGES // 2
            or self._unacknowledged_bytes >= UNACKNOWLEDGED_BYTES - RESERVED_BYTES // 2
        )

    def number(self, message: Message, now: float, round_trip: float) -> bytes:
        """Number and keep a message, and give it as bytes.

        Raises:
            LocalProtocolError: more waits for acknowledgement than SPEC §17 allows (LW-CONTROL-5).
        """
        size = len(encode(message))
        if (
            len(self._unacknowledged) >= UNACKNOWLEDGED_MESSAGES
            or self._unacknowledged_bytes + size > UNACKNOWLEDGED_BYTES
        ):
            raise LocalProtocolError(
                CloseCode.LIMIT_EXCEEDED, "the peer does not acknowledge: too many numbered messages wait"
            )
        self.sent += 1
        after = max(RESEND_FIRST, 4 * round_trip)
        self._unacknowledged.append(_Kept(self.sent, message, size, after, now + after))
        self._unacknowledged_bytes += size
        if not self._reliable:
            self._resend_at = min(self._resend_at, now + after)
        return self._encoded(self.sent, message)

    def take(self, numbered: Numbered, now: float) -> list[Message]:
        """Take a numbered message: give those that are now in order, which may be none (LW-CONTROL-2)."""
        self.acknowledged(numbered.taken)
        number = numbered.number
        if number <= self.taken:
            self._acknowledge_at = now
            return []
        if number > self.taken + 1:
            if number <= self.taken + HELD_NUMBERED:
                self._held[number] = numbered.message
            return []
        ready = [numbered.message]
        self.taken = number
        while (message := self._held.pop(self.taken + 1, None)) is not None:
            ready.append(message)
            self.taken += 1
        self._acknowledge_at = min(self._acknowledge_at, now + ACKNOWLEDGE_DELAY)
        return ready

    def acknowledged(self, taken: int) -> None:
        """Let go of what the peer has taken.

        Raises:
            RemoteProtocolError: it claims to have taken more than was sent (LW-CONTROL-6).
        """
        if taken > self.sent:
            raise RemoteProtocolError(
                CloseCode.INVALID_FIELD,
                f"{taken} numbered messages are acknowledged, and {self.sent} were sent",
            )
        waiting = self._unacknowledged
        moved = False
        while waiting and waiting[0].number <= taken:
            self._unacknowledged_bytes -= waiting.popleft().size
            moved = True
        if moved and not self._reliable:
            self._resend_at = min((kept.resend_at for kept in waiting), default=inf)

    def attach(self, *, reliable: bool, peer_taken: int | None) -> Iterable[bytes]:
        """Begin a transport; on a resume give what the peer has not taken, to be sent first (LW-RESUME-8).

        Raises:
            RemoteProtocolError: ``resume_state``, when the peer's count can not be (LW-RESUME-10); nothing was changed.
        """
        if peer_taken is not None:
            self._check_resumed(peer_taken)
        self._reliable = reliable
        self._resend_at = inf
        self._acknowledge_at = inf
        if peer_taken is None:
            return []
        self.acknowledged(peer_taken)
        return [self._encoded(kept.number, kept.message) for kept in self._unacknowledged]

    def _check_resumed(self, peer_taken: int) -> None:
        first_kept = self._unacknowledged[0].number if self._unacknowledged else self.sent + 1
        if not first_kept - 1 <= peer_taken <= self.sent:
            raise RemoteProtocolError(
                CloseCode.RESUME_STATE,
                f"the peer has taken {peer_taken} numbered messages; {first_kept - 1} to {self.sent} are possible",
            )

    def arm(self, now: float) -> None:
        """After a resume: let what was sent again be sent once more if it is lost."""
        if not self._reliable and self._unacknowledged:
            for kept in self._unacknowledged:
                kept.resend_after = RESEND_FIRST
                kept.resend_at = now + RESEND_FIRST
            self._resend_at = now + RESEND_FIRST

    def due(self, now: float) -> list[bytes]:
        """Give what is to be sent now: messages again, an acknowledgement."""
        out: list[bytes] = []
        if now >= self._resend_at:
            for kept in self._unacknowledged:
                if now >= kept.resend_at:
                    kept.resend_after = min(2 * kept.resend_after, max(RESEND_MOST, kept.resend_after))
                    kept.resend_at = now + kept.resend_after
                    out.append(self._encoded(kept.number, kept.message))
            self._resend_at = min((kept.resend_at for kept in self._unacknowledged), default=inf)
        if now >= self._acknowledge_at:
            self._acknowledge_at = inf
            if not out:
                out.append(encode(Acknowledge(self.taken)))
        return out

    def copies(self, most: int) -> list[bytes]:
        """Give what the peer has not taken, oldest first, as far as it fits into ``most`` bytes.

        For a channel that may lose: an acknowledgement that is due is still sent.
        """
        out: list[bytes] = []
        for kept in self._unacknowledged:
            data = encode(Numbered(kept.number, self.taken, kept.message))
            most -= len(data)
            if most < 0:
                break
            out.append(data)
        return out

    def _encoded(self, number: int, message: Message) -> bytes:
        self._acknowledge_at = inf  # every numbered message carries the count
        return encode(Numbered(number, self.taken, message))
