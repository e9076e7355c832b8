"""Judges a trace by itself: what a peer did wrong as far as messages alone show it, by requirement id.

It serves the cases (every one of them is judged besides what it checks), ``listen`` and ``check``. A rule speaks only
when it is sure: what may have crossed on the way is given the benefit of the doubt.
"""

from __future__ import annotations

from collections.abc import Sequence

from lipwire.protocol.registry import Role

from ..trace import Entry
from ..verdicts import Check


def judge(trace: Sequence[Entry], role: Role, named: Sequence[str]) -> list[Check]:  # noqa: ARG001 - rules to come
    """What the rules find in the messages of that role.

    Breaches always count. That a rule found nothing wrong counts as a check of its requirement only where the case
    names it and the rule had something to look at.
    """
    return []
