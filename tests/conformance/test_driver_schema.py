"""DRIVER.md and the schema of a driver's lines say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lipwire.conformance.driver import schema

TEXT = (Path(__file__).parents[2] / "conformance" / "DRIVER.md").read_text(encoding="utf-8")
DEFS = schema()["$defs"]
FOR_SOME = {("command.start", "url"), ("answer.start", "url")}
"""Needed of one role over one transport, which the text says and a schema can not."""
OF_BOTH = {"custom": ({"content"}, set()), "closed": ({"code", "by"}, {"reason"}), "error": ({"text"}, set())}
"""Events that the text has in a sentence: what they have, and what they may have."""


def names(cell: str) -> list[str]:
    return re.findall(r"`([a-z0-9_]+)`", re.sub(r"\([^)]*\)", "", cell))


def rows(begin: str, end: str) -> list[list[str]]:
    part = TEXT[TEXT.index(begin) : TEXT.index(end)]
    lines = [line for line in part.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def of(kind: str, cell: str) -> tuple[str, set[str], set[str]]:
    """A kind of line, and what the text says that it has, and may have."""
    has, _, may = cell.partition("may have")
    return kind, set(names(has)), set(names(may))


def told() -> list[tuple[str, set[str], set[str]]]:
    found = []
    for cells in rows("## Commands", "## Events"):
        for name in names(cells[0]):
            found.append(of(f"command.{name}", cells[1]))
            if len(cells) > 3:
                found.append(of(f"answer.{name}", cells[2]))
    for cells in rows("## Events", "## When something goes wrong"):
        found += [of(f"event.{name}", cells[1]) for name in names(cells[0])]
    return found + [(f"event.{name}", *fields) for name, fields in OF_BOTH.items()]


def test_the_text_has_every_line():
    assert {kind for kind, _, _ in told()} >= {kind for kind in DEFS if not kind.startswith("answer.")}


@pytest.mark.parametrize(("kind", "has", "may"), told(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_row_of_the_text_is_what_the_schema_has(kind, has, may):
    line = DEFS[kind]["properties"]["ok"] if kind.startswith("answer.") else DEFS[kind]
    own = {"id", "do", "event", "session"}
    for_some = {name for of_kind, name in FOR_SOME if of_kind == kind}
    assert set(line["properties"]) - own == has | may
    assert set(line["required"]) - own == has - for_some


@pytest.mark.parametrize("kind", [kind for kind in DEFS if kind != "answer.refusal"])
def test_unknown_fields_do_not_occur(kind):
    assert DEFS[kind]["additionalProperties"] is False
    if kind.startswith("answer."):
        assert DEFS[kind]["properties"]["ok"]["additionalProperties"] is False
