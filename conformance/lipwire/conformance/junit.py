"""A run as JUnit XML, for the systems that collect test results."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from xml.etree import ElementTree as ET

from .document import Document
from .requirements import REQUIREMENTS
from .terminal import entry_line

_NO_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MOST_LINES: Final = 60
"""Of a trace in a failure."""


def render(document: Document) -> str:
    """Make the XML: a suite for each role, a test for each case, and one for the file of expected failures."""
    root = ET.Element("testsuites", name=_clean(f"Lipwire conformance: {document['implementation']['name']}"))
    for role in document["roles"]:
        cases = [case for case in document["cases"] if case["role"] == role]
        _suite(root, f"{role} over {document['target']['transport']}", document, [_case(case) for case in cases])
    if document["expected"]["file"]:
        _suite(root, "expected failures", document, [_expected(document)])
    _totals(root, list(root))
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(root: ET.Element, name: str, document: Document, cases: list[ET.Element]) -> None:
    suite = ET.SubElement(root, "testsuite", name=name, timestamp=document["began"])
    suite.extend(cases)
    count = {"tests": len(cases)}
    for kind, plural in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        count[plural] = sum(case.find(kind) is not None for case in cases)
    for key, value in count.items():
        suite.set(key, str(value))
    suite.set("time", f"{sum(float(case.get('time', 0)) for case in cases):.3f}")


def _totals(root: ET.Element, suites: list[ET.Element]) -> None:
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, 0)) for suite in suites)))


def _case(case: Mapping[str, Any]) -> ET.Element:
    group, _, name = case["name"].rpartition(".")
    made = ET.Element("testcase", classname=group, name=name, time=f"{case['seconds']:.3f}")
    properties = ET.SubElement(made, "properties")
    for key, value in (("requirements", " ".join(case["requirements"])), ("closing", case["closing"])):
        ET.SubElement(properties, "property", name=key, value=value)
    if case["expected_failure"] is not None:
        ET.SubElement(made, "skipped", message=_clean(f"expected failure: {case['expected_failure']}"))
    elif case["verdict"] == "fail":
        ET.SubElement(made, "failure", message=_clean(_headline(case)), type="fail").text = _clean(_details(case))
    elif case["verdict"] == "harness error":
        first = case["reason"].splitlines()[0] if case["reason"] else ""
        ET.SubElement(made, "error", message=_clean(first), type="harness error").text = _clean(case["reason"])
    elif case["verdict"] in ("unsupported", "not testable"):
        ET.SubElement(made, "skipped", message=_clean(f"{case['verdict']}: {case['reason']}"))
    elif case["verdict"] == "warn":
        ET.SubElement(made, "system-out").text = _clean(f"warning: {_headline(case)}\n{_details(case)}")
    if case.get("standard_error"):
        ET.SubElement(made, "system-err").text = _clean("\n".join(case["standard_error"]))
    return made


def _expected(document: Document) -> ET.Element:
    made = ET.Element("testcase", classname="expected", name="every entry comes true", time="0")
    told = [
        f"{row['entry'].get('case') or row['entry'].get('requirement')}: {row['why']}"
        for row in document["expected"]["complaints"]
    ]
    if told:
        ET.SubElement(made, "failure", message=_clean(told[0]), type="expected").text = _clean("\n".join(told))
    return made


def _headline(case: Mapping[str, Any]) -> str:
    failed = [check for check in case["checks"] if not check["passed"]]
    return f"{failed[0]['requirement']}: expected {failed[0]['expected']}" if failed else case["reason"]


def _details(case: Mapping[str, Any]) -> str:
    lines = [case["why"], ""]
    for check in case["checks"]:
        if not check["passed"]:
            requirement = REQUIREMENTS.get(check["requirement"])
            lines.append(f"{check['requirement']} ({check['level']}): {requirement.text if requirement else ''}")
            lines += [f"  expected: {check['expected']}", f"  actual:   {check['actual']}"]
    lines += ["", *(entry_line(entry) for entry in case["trace"][-_MOST_LINES:])]
    return "\n".join(lines)


def _clean(text: str) -> str:
    return _NO_XML.sub("�", text)
