"""Judges a trace by itself: what a peer did wrong as far as messages alone show it, by requirement id.

It serves the cases (what it finds counts besides what they check), ``lipwire conformance check`` and ``listen``.

- ``link``, ``ledger``: what was seen of a transport and of a session, and what each peer may or must have known.
- ``rule``: what a rule is; ``opening``, ``wire``, ``segments``, ``interrupts``, ``reports``, ``numbered``,
  ``closing``: the rules, each with its requirement id and the words of SPEC.md that it goes by.
- ``faults``: what is wrong with a message by itself.
- ``judging``: takes messages one by one and lets the rules look.

A rule speaks only when it is sure. Whoever looks on sees the messages of the two directions in an order that neither
peer saw, and on a media channel not all of them: what may have crossed on the way, or been lost, is given the benefit
of the doubt, and so is a peer from then on when the other has broken a rule. Nothing is concluded from how long
something took.
"""

from __future__ import annotations

from collections.abc import Sequence

from lipwire.protocol.registry import Role

from ..trace import Entry
from ..verdicts import Check
from . import closing, interrupts, numbered, opening, reports, segments, wire  # noqa: F401 - registers their rules
from .judging import Finding, Judge
from .rule import RULES, Rule

__all__ = ["RULES", "Finding", "Judge", "Rule", "judge"]


def judge(trace: Sequence[Entry], role: Role, binding: str | None = None) -> list[Check]:
    """What the rules find in the messages of that role: checks that failed. The other role is never accused.

    Args:
        trace: as one place saw it; events and transports in it are passed over.
        role: the implementation's.
        binding: see :class:`Judge`.
    """
    judging = Judge(binding)
    findings = [finding for entry in trace for finding in judging.take(entry)]
    return [finding.as_check() for finding in findings if finding.by is role]
