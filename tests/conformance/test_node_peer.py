"""The JavaScript peer of examples/peers/node, which was written from SPEC.md alone, against the whole kit."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections import Counter
from pathlib import Path

import pytest

PEER = Path(__file__).parents[2] / "examples" / "peers" / "node"
ABSENT = {"resume", "version0", "limit.resume", "conceal"}
"""What it does not declare, and what cases may therefore find unsupported."""
LEAST = {"receiver": 280, "sender": 170}
"""Cases that it has to pass in each role, so that an undeclared capability does not empty the run."""


@pytest.fixture
def driver() -> str:
    """The command of its driver."""
    for missing, there in (
        ("node is not installed", shutil.which("node") is not None),
        (f"{PEER / 'node_modules'} is missing", (PEER / "node_modules" / "ws").is_dir()),
    ):
        if not there:
            if os.environ.get("LIPWIRE_REQUIRE_PEERS") == "1":
                pytest.fail(f"{missing} (LIPWIRE_REQUIRE_PEERS is set)")
            pytest.skip(f"{missing}: run scripts/fetch-peers")
    return f"node {shlex.quote(str(PEER / 'driver.js'))}"


def test_its_driver_is_sound(driver, conformance):
    outcome = conformance("smoke", "--driver", driver)
    assert outcome.status == 0, outcome.out


def test_it_passes_all_that_it_declares(driver, conformance, tmp_path):
    outcome = conformance(
        "run", "--driver", driver, "--role", "both", "--transport", "websocket", "--json", "node.json"
    )
    cases = json.loads((tmp_path / "node.json").read_text())["cases"]
    wrong = [
        f"{case['verdict']}: {case['name']}" for case in cases if case["verdict"] in ("fail", "warn", "harness error")
    ]
    assert not wrong, outcome.out
    assert outcome.status == 0
    passed = Counter(case["name"].split(".")[0] for case in cases if case["verdict"] == "pass")
    assert all(passed[role] >= least for role, least in LEAST.items()), passed
    reasons = {case["reason"] for case in cases if case["verdict"] == "unsupported"}
    assert {name for reason in reasons for name in reason.removeprefix("not declared: ").split(", ")} <= ABSENT
