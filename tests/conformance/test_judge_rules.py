"""Every rule of the judge finds what breaks it, names who did, and leaves the twin that keeps it alone."""

from __future__ import annotations

from collections import Counter

import pytest

from lipwire.conformance.judge import RULES, judge
from lipwire.conformance.requirements import REQUIREMENTS
from lipwire.protocol.registry import Role

from .doctored import Doctored, numbered, opening, segments

PAIRS = [*opening.PAIRS, *numbered.PAIRS, *segments.PAIRS]


def test_every_rule_has_a_pair() -> None:
    assert {(rule.name, rule.requirement) for rule in RULES} == {(pair.rule, pair.requirement) for pair in PAIRS}


def test_no_two_pairs_are_called_alike() -> None:
    assert max(Counter((pair.name, pair.by) for pair in PAIRS).values()) == 1


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.name}-{pair.by.value}")
def test_what_breaks_a_rule_is_found(pair: Doctored) -> None:
    findings, _ = pair.broken().judged()
    named = {(one.rule.name, one.requirement, one.by) for one in findings}
    assert (pair.rule, pair.requirement, pair.by) in named
    assert {requirement for _, requirement, by in named if by is pair.by} <= {pair.requirement, *pair.also}
    assert all(one.actual for one in findings)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.name}-{pair.by.value}")
def test_what_keeps_it_is_left_alone(pair: Doctored) -> None:
    findings, judging = pair.clean().judged()
    assert [one for one in findings if one.by is pair.by] == []
    assert judging.looks


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.name}-{pair.by.value}")
def test_in_a_run_the_implementation_alone_is_accused(pair: Doctored) -> None:
    session = pair.broken()
    findings, _ = session.judged()
    for role in Role:
        checks = judge(session.trace, role, "webrtc" if session.webrtc else "websocket")
        assert [check.requirement for check in checks] == [one.requirement for one in findings if one.by is role]
        assert not any(check.passed for check in checks)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.requirement}-{rule.name}")
def test_a_rule_goes_by_the_words_of_its_requirement(rule) -> None:
    requirement = REQUIREMENTS[rule.requirement]
    assert rule.says in requirement.text
    assert rule.level == "MUST" or "SHOULD" in rule.says
