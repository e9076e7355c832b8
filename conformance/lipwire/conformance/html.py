"""A run as one HTML page, to be looked at in any browser, without a network."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from .document import Document
from .requirements import REQUIREMENTS
from .words import counted


@cache
def environment() -> Environment:
    """Where the templates come from; everything put into them is escaped."""
    made = Environment(
        loader=PackageLoader("lipwire.conformance", "templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters["script_json"] = script_json
    made.filters["code"] = code
    made.filters["counted"] = counted
    return made


def script_json(value: Any) -> Markup:
    """JSON as it may stand in a script element, where nothing may look like its end or like a comment."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return Markup(text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029"))


def code(text: str) -> Markup:
    """A text of SPEC.md, with what stands in backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def render(document: Document) -> str:
    """Make the page. The details of a case are kept as JSON, and drawn when it is opened."""
    requirements = document["requirements"]
    quoted = {check["requirement"] for case in document["cases"] for check in case["checks"]}
    quoted.update(name for case in document["cases"] for name in case["requirements"])
    texts = {name: REQUIREMENTS[name].text for name in REQUIREMENTS if name in quoted}
    texts.update({one["id"]: one["text"] for one in requirements})
    return environment().get_template("report.html").render(
        report=document,
        texts=texts,
        table=[
            (role, level, Counter(r["verdict"] for r in requirements if (r["role"], r["level"]) == (role, level)))
            for role in document["roles"]
            for level in ("MUST", "SHOULD")
        ],
        details={case["name"]: _details(case) for case in document["cases"]},
    )  # fmt: skip


def _details(case: Document) -> Document:
    return {
        name: case[name]
        for name in ("role", "why", "reason", "checks", "steps", "trace", "trace_left_out", "requirements")
    } | {"standard_error": case.get("standard_error", [])}
