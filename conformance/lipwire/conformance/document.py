"""A run as one JSON document, from which every report is made (``report_schema.json``)."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeAlias

from lipwire.protocol.registry import Role
from lipwire.protocol.trace import describe, plain, without_secrets

from .case import Case
from .expected import Outcome
from .hiding import Hiding
from .last_lines import fit_to_show
from .requirement_verdicts import RequirementVerdict, requirement_verdicts, unchecked
from .requirements import spec_path
from .run import Run
from .trace import Entry
from .verdicts import Result, Verdict

Document: TypeAlias = dict[str, Any]

FORMAT: Final = "lipwire-conformance-report"
VERSION: Final = 1
MOST_BYTES: Final = 256
"""Of one message, as hex; ``bytes`` tells how many there were."""
MOST_ENTRIES: Final = 2_000
"""Of one trace; of a longer one the middle is left out."""
MOST_TEXT: Final = 256
"""Characters of a text in a message's fields, and entries of a list or map there."""


class BadReport(ValueError):
    """It is no report of the kit; the text says why."""


def make(
    run: Run, cases: Mapping[str, Case], roles: Sequence[Role], outcome: Outcome, *, expected_file: str = ""
) -> Document:
    """Make the document of a run."""
    declaration = run.declaration
    assert declaration is not None, "a run has one"
    results = run.results
    verdicts = Counter(result.verdict for result in results)
    document: Document = {
        "format": FORMAT,
        "version": VERSION,
        "kit": {"version": _version(), "spec_sha256": hashlib.sha256(spec_path().read_bytes()).hexdigest()},
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(run.seconds, 3),
        "target": {"command": run.target.command, "url": run.target.url, "transport": run.target.transport},
        "implementation": {
            "name": declaration.name,
            "version": declaration.version,
            "language": declaration.language,
            "capabilities": sorted(declaration.capabilities),
        },
        "roles": [role.value for role in roles],
        "counts": {verdict.value: verdicts[verdict] for verdict in Verdict if verdict is not Verdict.NOT_COVERED},
        "closings": dict(Counter(result.closing.value for result in results)),
        "requirements": [_requirement(one) for one in requirement_verdicts(results, cases, roles)],
        "cases": [_case(result, cases[result.case], outcome) for result in results],
        "unchecked": [{"case": case, "requirement": name} for case, name in unchecked(results, cases)],
        "expected": {
            "file": expected_file,
            "complaints": [{"entry": entry.plain, "why": why} for entry, why in outcome.complaints],
        },
    }
    return document | {"exit_code": exit_code(document)}


def exit_code(document: Document) -> int:
    """0: all is as it should be; 1: something failed that was not expected to, or did not though it was; 3: harness."""
    verdicts = {one["verdict"] for one in document["cases"] if one["expected_failure"] is None}
    if "harness error" in verdicts or not any(one["checks"] for one in document["cases"]):
        return 3
    return 1 if "fail" in verdicts or document["expected"]["complaints"] else 0


def _version() -> str:
    try:
        return version("lipwire")
    except PackageNotFoundError:
        return "of a source tree"


def _requirement(one: RequirementVerdict) -> Document:
    requirement = one.requirement
    return {
        "id": requirement.id,
        "role": one.role.value,
        "level": requirement.level,
        "section": requirement.section,
        "text": requirement.text,
        "verdict": one.verdict.value,
        "reason": one.reason,
        "checks": one.checks,
        "failed": one.failed,
        "cases": list(one.cases),
    }


def _case(result: Result, case: Case, outcome: Outcome) -> Document:
    token = case.options.get("token")
    hiding = Hiding(result.trace, [token] if token else [])
    entries = list(result.trace)
    left_out = max(len(entries) - MOST_ENTRIES, 0)
    if left_out:
        entries[MOST_ENTRIES // 2 : MOST_ENTRIES // 2 + left_out] = []
    return {
        "name": result.case,
        "role": case.role.value,
        "verdict": result.verdict.value,
        "reason": hiding.text(result.reason),
        "expected_failure": outcome.expected.get(result.case),
        "closing": result.closing.value,
        "seconds": round(result.seconds, 3),
        "why": case.why,
        "requirements": list(case.requirements),
        "checks": [
            {
                "requirement": check.requirement,
                "level": check.level,
                "passed": check.passed,
                "expected": hiding.text(check.expected),
                "actual": hiding.text(check.actual),
                "at": check.at,
            }
            for check in result.checks
        ],
        "steps": [{"at": at, "text": hiding.text(words)} for at, words in result.steps],
        "trace": [_entry(entry, hiding, case.role) for entry in entries],
        "trace_left_out": left_out,
        "standard_error": [fit_to_show(hiding.text(line)) for line in result.standard_error],
    }


def _entry(entry: Entry, hiding: Hiding, role: Role) -> Document:
    shown: Document = {
        "index": entry.index,
        "at": round(entry.at, 6),
        "kind": entry.kind,
        "by": "implementation" if entry.by is role else "kit",
        "transport": entry.transport,
        "name": entry.name,
    }
    if entry.kind == "event":
        return shown | {"fields": _short(hiding.value(plain(entry.fields or {})))}
    if entry.kind == "transport":
        return shown
    shown["channel"] = entry.channel.value
    if isinstance(entry.data, str):
        return shown | {
            "text": hiding.text(entry.data)[:MOST_BYTES],
            "bytes": len(entry.data.encode("utf-8", "replace")),
        }
    shown |= {
        "hex": hiding.data(entry.data[: 4 * MOST_BYTES], ours=entry.by is not role)[:MOST_BYTES].hex(),
        "bytes": len(entry.data),
    }
    if entry.message is not None:
        shown["fields"] = _short(hiding.value(describe(without_secrets(entry.message))["fields"]))
    if entry.number is not None:
        shown |= {"number": entry.number, "taken": entry.taken}
    if entry.fault:
        shown["fault"] = hiding.text(entry.fault)
    return shown


def _short(value: Any) -> Any:
    """A value to be looked at: of what is very long its beginning, and how long it is."""
    if isinstance(value, str) and len(value) > MOST_TEXT:
        return f"{value[:MOST_TEXT]}… ({len(value)} characters)"
    if isinstance(value, dict):
        left = len(value) - MOST_TEXT
        made = {key: _short(inner) for key, inner in islice(value.items(), MOST_TEXT)}
        return made | ({"…": f"and {left} more"} if left > 0 else {})
    if isinstance(value, list):
        left = len(value) - MOST_TEXT
        return [_short(inner) for inner in value[:MOST_TEXT]] + ([f"… and {left} more"] if left > 0 else [])
    return value


@cache
def schema() -> Document:
    """The JSON Schema of a document."""
    loaded: Document = json.loads(Path(__file__).with_name("report_schema.json").read_text(encoding="utf-8"))
    return loaded


def save(document: Document, path: Path) -> None:
    """Write a document."""
    path.write_text(json.dumps(document, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def load(path: Path) -> Document:
    """Read a document.

    Raises:
        BadReport: it is none, or one that this kit does not read.
        OSError: it can not be read.
    """
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadReport(f"{path}: not JSON: {error}") from None
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise BadReport(f"{path}: not a report of `lipwire conformance run --json`")
    if document.get("version") != VERSION:
        raise BadReport(f"{path}: a report of version {document.get('version')}; this kit reads version {VERSION}")
    if wrong := best_match(Draft202012Validator(schema()).iter_errors(document)):
        raise BadReport(f"{path}: {'/'.join(map(str, wrong.absolute_path))}: {wrong.message[:200]}")
    return document
