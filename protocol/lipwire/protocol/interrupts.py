"""Interrupts on their way: each repeated until it is confirmed (LW-INTERRUPT-2)."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from .limits import INTERRUPT_REPEAT, REPEAT
from .messages import Interrupt


def repeat_at(first_at: float, repeats: int) -> float:
    """When what was first sent then, and repeated so often, is to be sent again: 20, 60, 140 ms, then every 500 ms."""
    if repeats < len(INTERRUPT_REPEAT):
        return first_at + INTERRUPT_REPEAT[repeats]
    return first_at + INTERRUPT_REPEAT[-1] + REPEAT * (repeats - len(INTERRUPT_REPEAT) + 1)


@dataclass(slots=True)
class PendingInterrupt:
    """One that no cut has confirmed."""

    message: Interrupt
    called_at: float
    first_at: float
    """When it was first sent on this transport."""
    repeats: int = 0
    next_at: float = inf
    told: bool = False
    """The user knows that all it named is cut or over; it is still repeated for the peer."""

    def schedule(self, *, repeat: bool) -> None:
        """Set when to send it again."""
        self.next_at = repeat_at(self.first_at, self.repeats) if repeat else inf


class PendingInterrupts:
    """All that are not confirmed, oldest first."""

    def __init__(self) -> None:
        self._pending: list[PendingInterrupt] = []

    def __bool__(self) -> bool:
        return bool(self._pending)

    @property
    def deadline(self) -> float:
        """When one is to be sent again."""
        return min((p.next_at for p in self._pending), default=inf)

    def add(self, message: Interrupt, now: float, *, repeat: bool, told: bool) -> None:
        """Note one that was just sent; ``told``: no user waits for it."""
        pending = PendingInterrupt(message, now, now, told=told)
        pending.schedule(repeat=repeat)
        self._pending.append(pending)

    def due(self, now: float, *, repeat: bool) -> list[Interrupt]:
        """Give those that are to be sent again now."""
        out = []
        for pending in self._pending:
            if now >= pending.next_at:
                out.append(pending.message)
                pending.repeats += 1
                pending.schedule(repeat=repeat)
                pending.next_at = max(pending.next_at, now + INTERRUPT_REPEAT[0])
        return out

    def all_again(self, now: float, *, repeat: bool) -> list[Interrupt]:
        """Give all of them, for a new transport (LW-INTERRUPT-10)."""
        for pending in self._pending:
            pending.first_at, pending.repeats = now, 0
            pending.schedule(repeat=repeat)
        return [pending.message for pending in self._pending]

    def confirm(self, first: int, last: int) -> list[PendingInterrupt]:
        """Take out those that a cut of this range confirms."""
        done = [p for p in self._pending if first <= p.message.first and p.message.last <= last]
        self._pending = [p for p in self._pending if p not in done]
        return done

    def forget(self, lowest_open: int, lowest_on_wire: int) -> list[PendingInterrupt]:
        """Give those, once, all of whose segments are over for the user, and take out those that are so on the wire."""
        if not self._pending:
            return []
        done = [p for p in self._pending if p.message.last < lowest_open and not p.told]
        for pending in done:
            pending.told = True
        self._pending = [p for p in self._pending if p.message.last >= lowest_on_wire]
        return done
