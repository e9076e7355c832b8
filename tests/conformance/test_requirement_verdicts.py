"""What a run shows of requirements."""

from __future__ import annotations

import pytest

from lipwire.conformance import REQUIREMENTS, Verdict
from lipwire.conformance import requirement_verdicts as module
from lipwire.conformance.cases.not_testable import NOT_TESTABLE
from lipwire.conformance.requirement_verdicts import requirement_verdicts, unchecked
from lipwire.protocol.registry import Role

ONE = "receiver.segments.one"
ID = "LW-SEGMENT-6"


def of(results, cases, requirement=ID, role=Role.RECEIVER):
    (found,) = [v for v in requirement_verdicts(results, cases, [role]) if v.requirement.id == requirement]
    return found


@pytest.mark.parametrize(
    ("checks", "verdict"),
    [
        ([("MUST", True)], Verdict.PASS),
        ([("MUST", True), ("MUST", False)], Verdict.FAIL),
        ([("SHOULD", False)], Verdict.WARN),
        ([("SHOULD", False), ("MUST", False)], Verdict.FAIL),
    ],
)
def test_from_checks(make_result, cases, checks, verdict):
    found = of([make_result(ONE, *((ID, level, passed) for level, passed in checks))], cases)
    assert found.verdict is verdict
    assert found.checks == len(checks)
    assert found.failed == sum(not passed for _, passed in checks)
    assert found.cases == (ONE,)


def test_what_failed_cases_alone_have_looked_at_is_no_pass(make_result, cases):
    """What a check finds in a case that does not get far may be so for want of anything to look at."""
    failed = make_result(ONE, (ID, "MUST", True), ("LW-WIRE-1", "MUST", False))
    found = of([failed], cases)
    assert (found.verdict, found.checks) == (Verdict.NOT_COVERED, 1)
    assert "only cases that fail because of something else" in found.reason
    for checks in ([(ID, "MUST", True)], [(ID, "MUST", True), ("LW-WIRE-1", "SHOULD", False)]):
        other = make_result("receiver.segments.empty", *checks)
        assert of([failed, other], cases).verdict is Verdict.PASS


def test_a_check_of_a_case_that_does_not_name_it_counts(make_result, cases):
    found = of([make_result(ONE, ("LW-WIRE-1", "MUST", False))], cases, "LW-WIRE-1")
    assert found.verdict is Verdict.FAIL
    assert found.cases == (ONE,)


def test_what_was_seen_while_the_harness_went_wrong_shows_nothing(make_result, cases):
    for passed in (True, False):
        broken = make_result(ONE, (ID, "MUST", passed), verdict=Verdict.HARNESS_ERROR, reason="it broke\nat length")
        found = of([broken], cases)
        assert (found.verdict, found.reason, found.checks) == (Verdict.HARNESS_ERROR, "it broke", 0)


def test_of_nothing(make_result, cases, monkeypatch):
    assert of([], cases).verdict is Verdict.NOT_COVERED
    unsupported = make_result(ONE, verdict=Verdict.UNSUPPORTED, reason="not declared: receiver")
    assert of([unsupported], cases).reason == "not declared: receiver"
    assert of([unsupported], cases).verdict is Verdict.UNSUPPORTED
    early = make_result(ONE, ("LW-WIRE-1", "MUST", False))
    assert of([early], cases).verdict is Verdict.NOT_COVERED
    assert "ended before" in of([early], cases).reason
    monkeypatch.setitem(module.NOT_TESTABLE, ("LW-SECURITY-2", "receiver"), "logs are not seen")
    found = of([], cases, "LW-SECURITY-2")
    assert (found.verdict, found.reason) == (Verdict.NOT_TESTABLE, "logs are not seen")


def test_each_requirement_of_a_role_is_there_once(cases):
    for role in Role:
        found = [one.requirement.id for one in requirement_verdicts([], cases, [role])]
        assert found == [r.id for r in REQUIREMENTS.values() if r.binds(role)]


def test_other_roles_do_not_count(make_result, cases):
    result = make_result(ONE, ("LW-WIRE-1", "MUST", False))
    assert of([result], cases, "LW-WIRE-1", Role.SENDER).verdict is Verdict.NOT_COVERED


def test_a_case_that_did_not_check_what_it_names_is_told(make_result, cases):
    names = cases[ONE].requirements
    whole = make_result(ONE, *((name, "MUST", True) for name in names))
    assert unchecked([whole], cases) == []
    part = make_result(ONE, ("LW-WIRE-1", "MUST", True))
    assert unchecked([part], cases) == [(ONE, name) for name in names]
    failed = make_result(ONE, ("LW-WIRE-1", "MUST", False))
    assert unchecked([failed], cases) == []  # it may have ended early
    warned = make_result(ONE, ("LW-WIRE-1", "SHOULD", False))
    assert unchecked([warned], cases) == []


def test_what_is_listed_as_not_testable():
    for (name, role), reason in NOT_TESTABLE.items():
        assert REQUIREMENTS[name].binds(Role(role)), name
        assert len(reason) > 20, f"{name}: the reason has to convince"
