"""The bugs that are planted still apply, and the table tells of those that there are."""

from __future__ import annotations

import re

import pytest

from simulator.planted import CORES, TABLE, hunt
from simulator.planted_bugs import BUGS, Bug
from simulator.planting import ROOT, patched


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_can_be_planted(bug: Bug) -> None:
    source = (ROOT / CORES / bug.file).read_text(encoding="utf-8")
    compile(patched(bug, source), bug.file, "exec")


def test_a_text_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ValueError, match="stands 0 times"):
        patched(Bug("", "limits.py", "no such text", "", ""), "something else")
    with pytest.raises(ValueError, match="stands 2 times"):
        patched(Bug("", "limits.py", "some", "", ""), "some and some")


def test_names_are_used_once() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 30


@pytest.mark.parametrize("name", ["credit is ignored", "there is no cooldown"])
def test_a_planted_bug_is_caught(name: str) -> None:
    (bug,) = [bug for bug in BUGS if bug.name == name]
    caught = hunt(bug, seeds=200)
    assert caught.invariant is not None


def test_a_run_that_hangs_has_caught_nothing() -> None:
    assert hunt(BUGS[0], patience=0.01).invariant is None


def test_the_table_is_of_these_bugs() -> None:
    rows = re.findall(r"^\| (.+?) \| `", TABLE.read_text(encoding="utf-8"), re.M)
    assert rows == [bug.name for bug in BUGS]
