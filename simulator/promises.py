"""How a promise is written down, and what says that it was broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final


class Violation(AssertionError):
    """A promise that was broken: which, and how."""

    def __init__(self, invariant: str, problem: str) -> None:
        super().__init__(f"{invariant}: {problem}")
        self.invariant = invariant
        self.problem = problem


Invariant = Callable[..., str | None]
INVARIANTS: Final[dict[str, list[Invariant]]] = {}
"""By the fact that each is held against."""


def invariant(*facts: str) -> Callable[[Invariant], Invariant]:
    """Register an invariant for facts: it gets the history and the fact, and gives what is wrong, or None."""

    def register(function: Invariant) -> Invariant:
        for fact in facts:
            INVARIANTS.setdefault(fact, []).append(function)
        return function

    return register
