"""What a rule is, and the list of all rules."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from lipwire.protocol.registry import Role

from ..requirements import REQUIREMENTS
from ..trace import Entry

if TYPE_CHECKING:
    from .ledger import Ledger

Look: TypeAlias = tuple[bool, str]
"""Whether the rule was kept, and what there was. A rule that has nothing to look at gives none."""
Looks: TypeAlias = Callable[["Ledger", Entry], Iterator[Look]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Rule:
    """Looks at each message of a peer, with what the ledger holds of the session before it."""

    requirement: str
    says: str
    """The words of the requirement that it goes by, as they stand in SPEC.md."""
    looks: Looks
    of: frozenset[str]
    """The names of the messages that it looks at; none: all."""
    arriving: bool
    """It looks at messages as they come by. The others look at them in the order of their numbers, each once."""
    regardless: bool
    """It speaks although the other peer has broken a rule. The others give the benefit of the doubt from then on."""
    refused: bool
    """The words are about what the other peer has to refuse, so they say what there is not to be."""
    level: Literal["MUST", "SHOULD"]

    @property
    def name(self) -> str:
        """Names it for people: ``ids_grow``."""
        looks = self.looks.func if isinstance(self.looks, partial) else self.looks
        return looks.__name__.strip("_")

    def binds(self, role: Role) -> bool:
        """Whether it judges that role."""
        return REQUIREMENTS[self.requirement].binds(role)


RULES: Final[list[Rule]] = []
"""All of them, once ``lipwire.conformance.judge`` is imported."""


def rule(
    requirement: str,
    says: str,
    *,
    of: str = "",
    arriving: bool = False,
    regardless: bool = False,
    refused: bool = False,
    level: Literal["MUST", "SHOULD"] = "MUST",
) -> Callable[[Looks], Looks]:
    """Register a rule; ``of``: names of messages, apart by spaces."""

    def register(looks: Looks) -> Looks:
        names = frozenset(of.split())
        made = Rule(
            requirement=requirement, says=says, looks=looks, of=names, arriving=arriving, regardless=regardless,
            refused=refused, level=level,
        )  # fmt: skip
        RULES.append(made)
        return looks

    return register


@cache
def rules_for(name: str, by: Role, *, arriving: bool) -> tuple[Rule, ...]:
    """The rules that look at messages of that name from that role."""
    return tuple(one for one in RULES if one.arriving is arriving and one.binds(by) and (not one.of or name in one.of))
