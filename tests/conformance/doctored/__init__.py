"""For every rule of the judge: a trace that breaks it, and a twin that differs by no more than that and does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from lipwire.protocol.registry import Role

from ..sessions import Session

SENDER, RECEIVER = Role.SENDER, Role.RECEIVER


@dataclass(frozen=True)
class Doctored:
    """One pair of traces."""

    rule: str
    requirement: str
    by: Role
    broken: Callable[[], Session]
    clean: Callable[[], Session]
    what: str = ""
    """Tells pairs of the same rule apart."""
    also: frozenset[str] = field(default_factory=frozenset)
    """Other requirements that the broken trace breaks as well."""

    @property
    def name(self) -> str:
        return f"{self.requirement}-{self.rule}-{self.what}".strip("-").replace(" ", "_")
