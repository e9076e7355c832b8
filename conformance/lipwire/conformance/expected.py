"""Failures that are known: a file that names each with a reason. One that passes, or matches nothing, fails the run.

.. code-block:: json

    {"expected": [
        {"case": "receiver.audio.gap", "transport": "webrtc", "reason": "gaps are concealed too early"},
        {"requirement": "LW-PAUSE-2", "role": "receiver", "reason": "pause is not there yet"}
    ]}

An entry names a case, or a requirement; ``transport`` and ``role`` narrow it. An entry for a requirement covers every
failed check of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from lipwire.protocol.registry import Role

from .case import TRANSPORTS, Case
from .requirements import REQUIREMENTS
from .verdicts import Result, Verdict

_FIELDS: Final = ("case", "requirement", "transport", "role", "reason")
_VALUES: Final = {"transport": TRANSPORTS, "role": ("sender", "receiver")}
BROKEN: Final = (Verdict.FAIL, Verdict.WARN)


class BadFile(ValueError):
    """The file can not be used; the text says what to do."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One failure that is expected."""

    case: str | None = None
    requirement: str | None = None
    transport: str | None = None
    role: str | None = None
    reason: str = ""

    def __str__(self) -> str:
        narrowed = ", ".join(filter(None, (self.transport, self.role)))
        return f"{self.case or self.requirement}{f' ({narrowed})' if narrowed else ''}"

    @property
    def plain(self) -> dict[str, str]:
        """As the file has it."""
        return {name: value for name in _FIELDS if (value := getattr(self, name)) is not None}

    def concerns(self, case: Case, transport: str) -> bool:
        """Whether it is about that case, as it was run."""
        if self.transport not in (None, transport) or self.role not in (None, case.role.value):
            return False
        return self.case in (None, case.name)

    def covers(self, case: Case, result: Result, transport: str) -> bool:
        """Whether it is the reason, or one, for which that case failed."""
        if result.verdict not in BROKEN or not self.concerns(case, transport):
            return False
        return self.case is not None or any(_broken(result, self.requirement))


def _broken(result: Result, requirement: str | None) -> list[bool]:
    return [True for check in result.checks if not check.passed and check.requirement == requirement]


@dataclass(frozen=True)
class Outcome:
    """What came of the expectations in a run."""

    expected: Mapping[str, str]
    """By case: the reason why its failure was expected."""
    complaints: Sequence[tuple[Entry, str]]
    """Entries that failed the run, and why."""
    kept: Sequence[Entry]
    """Entries that stand: they came true, or were not asked about."""


def load(path: Path, *, unexplained: bool = False) -> list[Entry]:
    """Read a file; ``unexplained``: entries may lack a reason, as those that an update has just added do.

    Raises:
        BadFile: it is not such a file, or an entry lacks its reason.
        OSError: it can not be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadFile(f"{path}: not JSON: {error}") from None
    if not isinstance(content, dict) or set(content) != {"expected"} or not isinstance(content["expected"], list):
        raise BadFile(f'{path}: it has to be {{"expected": [entries]}}')
    return [_entry(row, f"{path}, entry {n}", unexplained) for n, row in enumerate(content["expected"], 1)]


def _entry(row: Any, where: str, unexplained: bool) -> Entry:
    if not isinstance(row, dict) or not all(isinstance(value, str) for value in row.values()):
        raise BadFile(f"{where}: an object of texts is wanted")
    if strange := sorted(set(row) - set(_FIELDS)):
        raise BadFile(f"{where}: {strange[0]!r} is not known; there are {', '.join(_FIELDS)}")
    if ("case" in row) == ("requirement" in row):
        raise BadFile(f"{where}: it names a case, or a requirement")
    for name, values in _VALUES.items():
        if name in row and row[name] not in values:
            raise BadFile(f"{where}: {name} is one of {', '.join(values)}")
    if not row.get("reason", "").strip() and not unexplained:
        raise BadFile(f"{where}: say in `reason` why {row.get('case') or row.get('requirement')} is expected to fail")
    return Entry(**row)


def save(path: Path, entries: Sequence[Entry]) -> None:
    """Write a file, in a stable order."""
    rows = sorted(entries, key=lambda entry: (entry.case is None, str(entry)))
    path.write_text(json.dumps({"expected": [entry.plain for entry in rows]}, indent=2) + "\n", encoding="utf-8")


def compare(
    entries: Sequence[Entry], results: Sequence[Result], cases: Mapping[str, Case], transport: str, *, whole: bool
) -> Outcome:
    """Hold a run against what was expected of it; ``whole``: every case there is was selected."""
    complaints, kept = [], []
    for entry in entries:
        if wrong := _complaint(entry, results, cases, transport, whole):
            complaints.append((entry, wrong))
        else:
            kept.append(entry)
    expected = {}
    for result in results:
        if (reason := _reason(entries, result, cases[result.case], transport)) is not None:
            expected[result.case] = reason
    return Outcome(expected, complaints, kept)


def _reason(entries: Sequence[Entry], result: Result, case: Case, transport: str) -> str | None:
    """Why a failure was expected, if all of it was."""
    covering = [entry for entry in entries if entry.covers(case, result, transport)]
    if not covering:
        return None
    if by_case := next((entry for entry in covering if entry.case), None):
        return by_case.reason
    failed = {check.requirement for check in result.checks if not check.passed}
    covered = {entry.requirement for entry in covering}
    return "; ".join(dict.fromkeys(entry.reason for entry in covering)) if failed <= covered else None


def _complaint(
    entry: Entry, results: Sequence[Result], cases: Mapping[str, Case], transport: str, whole: bool
) -> str | None:
    """Why an entry fails the run; None: it came true, or the run does not tell."""
    if entry.case is not None and entry.case not in cases:
        return "there is no such case"
    if entry.requirement is not None and entry.requirement not in REQUIREMENTS:
        return "there is no such requirement in SPEC.md"
    if never := _never(entry, cases):
        return f"it matches nothing: {never}"
    if entry.transport not in (None, transport) or not _runs_over(entry, cases, transport):
        return None
    asked = [r for r in results if entry.concerns(cases[r.case], transport) and _about(entry, r, cases[r.case])]
    if any(entry.covers(cases[result.case], result, transport) for result in asked):
        return None
    if not asked:
        return "it matches nothing in the run" if whole else None
    verdicts = {result.verdict for result in asked}
    if Verdict.HARNESS_ERROR in verdicts:
        return None
    if verdicts & {Verdict.PASS, *BROKEN}:
        return "it passes"
    return f"it matches nothing: {' and '.join(sorted(verdict.value for verdict in verdicts))}"


def _never(entry: Entry, cases: Mapping[str, Case]) -> str:
    """Why what it is narrowed to is not asked in any run; empty: it can be."""
    if entry.case is None:
        binds = entry.role is None or REQUIREMENTS[str(entry.requirement)].binds(Role(entry.role))
        return "" if binds else f"{entry.requirement} does not bind a {entry.role}"
    case = cases[entry.case]
    if entry.role not in (None, case.role.value):
        return f"{case.name} is asked of a {case.role.value} alone"
    if entry.transport not in (None, *case.transports):
        return f"{case.name} runs over {' and '.join(case.transports)} alone"
    return ""


def _about(entry: Entry, result: Result, case: Case) -> bool:
    if entry.case is not None:
        return True
    return entry.requirement in case.requirements or any(c.requirement == entry.requirement for c in result.checks)


def updated(
    entries: Sequence[Entry], results: Sequence[Result], cases: Mapping[str, Case], transport: str, *, whole: bool
) -> list[Entry]:
    """The entries as this run wants them: reasons are kept, new ones lack theirs.

    An entry that stands for every transport, and passes over this one, is narrowed to the other, which was not asked.
    """
    outcome = compare(entries, results, cases, transport, whole=whole)
    made = list(outcome.kept)
    other = next(name for name in TRANSPORTS if name != transport)
    for entry, why in outcome.complaints:
        if why == "it passes" and entry.transport is None and _runs_over(entry, cases, other):
            made.append(replace(entry, transport=other))
    for result in results:
        if result.verdict is Verdict.FAIL and result.case not in outcome.expected:
            _add(made, Entry(case=result.case, transport=transport), other)
    return made


def _runs_over(entry: Entry, cases: Mapping[str, Case], transport: str) -> bool:
    return entry.case is None or transport in cases[entry.case].transports


def _add(entries: list[Entry], entry: Entry, other: str) -> None:
    for index, have in enumerate(entries):
        if have.case == entry.case and have.transport == other:
            entries[index] = replace(have, transport=None)
            return
    entries.append(entry)
