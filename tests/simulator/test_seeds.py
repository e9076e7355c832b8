"""Seeds hold, and a seed is the same run each time, in whatever process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.__main__ import main
from simulator.plan import Plan
from simulator.runs import run_plan, run_seed

ROOT = Path(__file__).parents[2]
SEEDS = range(40)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_holds(seed: int) -> None:
    outcome = run_seed(seed)
    assert not outcome.failed, f"{outcome.invariant}: {outcome.problem}"


def test_a_seed_is_the_same_run_each_time() -> None:
    digests = [run_seed(seed).digest for seed in range(15)]
    assert digests == [run_seed(seed).digest for seed in range(15)]
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize("hash_seed", ["0", "4242"])
def test_a_seed_is_the_same_run_in_another_process(hash_seed: str) -> None:
    code = "from simulator.runs import run_seed; print(*(run_seed(s).digest for s in range(15)))"
    environment = os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=100
    )
    assert done.stdout.split() == [run_seed(seed).digest for seed in range(15)]


def test_what_is_drawn_is_of_every_kind() -> None:
    """Sessions that only ever go well would hold against anything."""
    outcomes = [run_seed(seed) for seed in range(100)]
    seen = {name for outcome in outcomes for name, count in outcome.counts.items() if count}
    assert seen >= {
        "played", "interrupted", "cancelled", "failed", "no report", "transport lost", "interrupts", "nacks",
        "chunks again", "concealed", "transports", "sessions anew",
    }  # fmt: skip


def test_a_receiver_that_comes_back_without_the_session_is_met_with_another() -> None:
    spoken = {"seconds": 1.0, "pace": 1.0, "piece": 0.04}
    steps = [(0.0, "speak", spoken), (0.5, "kill_receiver", {"silently": True}), (0.6, "restart_receiver", {}),
             (0.7, "connect", {}), (1.5, "speak", spoken)]  # fmt: skip
    outcome = run_plan(Plan(0, steps=steps, seconds=1.5))
    assert not outcome.failed, outcome.problem
    counts = outcome.counts
    assert (counts["sessions anew"], counts["peer closed"], counts["played"]) == (1, 1, 1)


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "10", "--jobs", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["sessions"] == 10
    assert report["failed"] == []


def test_one_seed_with_its_trace(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    assert main(["--seed", "3", "--trace", str(trace)]) == 0
    assert "holds" in capsys.readouterr().out
    records = [json.loads(line) for line in trace.read_text().splitlines()]
    assert {record["peer"] for record in records} == {"sender", "receiver"}
    done = subprocess.run(
        [sys.executable, "-m", "lipwire.cli", "trace", "view", str(trace), "-o", str(tmp_path / "view.html")],
        capture_output=True, text=True, check=False, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
