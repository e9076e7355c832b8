"""Runs the command line, and makes results without a run."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lipwire.cli.main import main
from lipwire.conformance import CASES, Check, Closing, Result, Verdict
from lipwire.conformance.case import load_cases

DRIVERS = Path(__file__).parent / "drivers"


@pytest.fixture
def conformance(run):
    """``lipwire conformance …`` in this process."""
    return partial(run, "conformance")


@dataclass(frozen=True)
class Commands:
    """Of drivers."""

    sdk: str = f"{sys.executable} -m lipwire.reference_driver"
    flawed: str = f"{sys.executable} {DRIVERS / 'flawed.py'}"
    repeats: str = f"{sys.executable} {DRIVERS / 'repeats.py'}"

    @staticmethod
    def misbehaving(way: str, at: str = "hello") -> str:
        return f"{sys.executable} {DRIVERS / 'misbehaving.py'} {way} {at}"


@pytest.fixture(scope="session")
def drivers() -> Commands:
    return Commands()


@pytest.fixture(scope="session")
def cases() -> dict:
    load_cases()
    return CASES


@pytest.fixture
def make_result(cases) -> Callable[..., Result]:
    """A result: ``make_result("receiver.segments.one", ("LW-SEGMENT-6", "MUST", False), …)``."""

    def make(case: str, *checks: tuple[str, str, bool], verdict: Verdict | None = None, **more: Any) -> Result:
        from lipwire.conformance.verdicts import conclude

        assert case in cases
        made = [
            Check(requirement=name, level=level, passed=passed, expected="this", actual="that", at=0)
            for name, level, passed in checks
        ]
        return Result(case=case, verdict=verdict or conclude(made), checks=made, closing=Closing.CLEAN, **more)

    return make


SELECTION = (
    "receiver.segments.one",
    "receiver.segments.empty",
    "receiver.segments.id_used_before",
    "receiver.opening.*",
)
"""Cases in which the flawed driver fails, and others in which it passes."""


@pytest.fixture(scope="session")
def flawed_run(drivers, tmp_path_factory) -> Path:
    """Where the results of a run of the flawed driver are."""
    path = tmp_path_factory.mktemp("run") / "flawed.json"
    status = main(
        ["conformance", "run", "--driver", drivers.flawed, "--json", str(path), "--role", "receiver", *SELECTION]
    )
    assert status == 1
    return path


@pytest.fixture
def flawed(flawed_run) -> dict[str, Any]:
    return json.loads(flawed_run.read_text())
