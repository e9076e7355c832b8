"""What a run shows of each requirement, made from the checks alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lipwire.protocol.registry import Role

from .case import Case
from .cases.not_testable import NOT_TESTABLE
from .requirements import REQUIREMENTS, Requirement
from .verdicts import Check, Result, Verdict


@dataclass(frozen=True, kw_only=True)
class RequirementVerdict:
    """What is known of one requirement, as it binds one role."""

    requirement: Requirement
    role: Role
    verdict: Verdict
    reason: str = ""
    """Why it is neither kept nor broken."""
    checks: int = 0
    """How many were made of it."""
    failed: int = 0
    """How many of these failed."""
    cases: tuple[str, ...] = ()
    """Those that name it or checked it, of the run."""


def requirement_verdicts(
    results: Sequence[Result], cases: Mapping[str, Case], roles: Iterable[Role]
) -> list[RequirementVerdict]:
    """One verdict for each requirement that binds any of the roles, in the order of SPEC.md."""
    return [
        _verdict(requirement, role, [result for result in results if cases[result.case].role is role], cases)
        for role in roles
        for requirement in REQUIREMENTS.values()
        if requirement.binds(role)
    ]


def unchecked(results: Sequence[Result], cases: Mapping[str, Case]) -> list[tuple[str, str]]:
    """Cases that came to their end and made no check of a requirement that they name: a fault of the kit."""
    found = []
    for result in results:
        if result.verdict is Verdict.PASS:  # another may have ended early
            made = {check.requirement for check in result.checks}
            found += [(result.case, name) for name in cases[result.case].requirements if name not in made]
    return found


def _verdict(
    requirement: Requirement, role: Role, results: Sequence[Result], cases: Mapping[str, Case]
) -> RequirementVerdict:
    name = requirement.id
    # What was looked at while the driver or the kit went wrong shows nothing.
    sound = [result for result in results if result.verdict is not Verdict.HARNESS_ERROR]
    checks = [check for result in sound for check in result.checks if check.requirement == name]
    kept = any(result.verdict is not Verdict.FAIL and _checked(result, name) for result in sound)
    naming = [result for result in results if name in cases[result.case].requirements or _checked(result, name)]
    if checks:
        verdict, reason = _of_checks(checks), ""
        if verdict is Verdict.PASS and not kept:
            verdict, reason = Verdict.NOT_COVERED, "only cases that fail because of something else have looked at it"
    else:
        verdict, reason = _of_none(requirement, role, naming)
    return RequirementVerdict(
        requirement=requirement,
        role=role,
        verdict=verdict,
        reason=reason,
        checks=len(checks),
        failed=sum(not check.passed for check in checks),
        cases=tuple(result.case for result in naming),
    )


def _checked(result: Result, name: str) -> bool:
    return any(check.requirement == name for check in result.checks)


def _of_checks(checks: Sequence[Check]) -> Verdict:
    failed = {check.level for check in checks if not check.passed}
    return Verdict.FAIL if "MUST" in failed else Verdict.WARN if failed else Verdict.PASS


def _of_none(requirement: Requirement, role: Role, naming: Sequence[Result]) -> tuple[Verdict, str]:
    """Of a requirement of which nothing was checked: why not."""
    for verdict in (Verdict.HARNESS_ERROR, Verdict.UNSUPPORTED, Verdict.NOT_TESTABLE):
        if found := next((result for result in naming if result.verdict is verdict), None):
            return verdict, found.reason.splitlines()[0] if found.reason else ""
    if reason := NOT_TESTABLE.get((requirement.id, role.value)):
        return Verdict.NOT_TESTABLE, reason
    if naming:
        return Verdict.NOT_COVERED, "its cases ended before they came to it"
    if requirement.level not in ("MUST", "SHOULD"):
        return Verdict.NOT_COVERED, "it permits or defines, and asks nothing"
    return Verdict.NOT_COVERED, "no case of this run names it"
