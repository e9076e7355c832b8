"""The simulator is tried: bugs are planted in a copy of the cores, one by one, and have to be caught.

``python -m simulator --planted`` runs all of them and writes ``PLANTED.md``. The working tree is never touched.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from .planted_bugs import BUGS, Bug
from .planting import copy_source, patch
from .runs import run_seed

CORES: Final = Path("protocol/lipwire/protocol")
COPIED: Final = ("protocol", "transports", "simulator")
TABLE: Final = Path(__file__).with_name("PLANTED.md")
MOST_SEEDS: Final = 2_000
PATIENCE: Final = 600.0
"""Seconds in which 2,000 seeds are run, however slow the machine."""


@dataclass(frozen=True)
class Caught:
    """What came of a bug: caught by which invariant, in the how-manieth seed; None when it was not."""

    bug: Bug
    invariant: str | None
    seed: int | None
    seconds: float


def plant(bug: Bug, into: Path) -> None:
    """Copy the cores and the simulator, and plant a bug in the copy."""
    copy_source(COPIED, into)
    patch(bug, into / CORES / bug.file)


def hunt(bug: Bug, seeds: int = MOST_SEEDS, patience: float = PATIENCE) -> Caught:
    """Run seeds against a bug until one catches it; a run that hangs, and names no promise, has caught nothing."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="planted-") as directory:
        copy = Path(directory)
        plant(bug, copy)
        paths = [str(copy), *(str(copy / name) for name in COPIED[:2])]
        command = [
            sys.executable, "-m", "simulator", "--until-failure", "--seeds", str(seeds), "--jobs", "1", "--json",
            "--cores", str(copy),
        ]  # fmt: skip
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            done = subprocess.run(
                command, cwd=copy, env=environment, capture_output=True, text=True, timeout=patience, check=False
            )
        except subprocess.TimeoutExpired:
            return Caught(bug, None, None, time.perf_counter() - began)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{bug.name}: {done.stderr[-2_000:]}")
    caught: list[dict[str, Any]] = json.loads(done.stdout)["failures"]
    first = caught[0] if caught else {"invariant": None, "seed": None}
    if first["seed"] is not None and run_seed(first["seed"]).failed:
        raise RuntimeError(f"seed {first['seed']} fails without a bug, too")
    return Caught(bug, first["invariant"], first["seed"], time.perf_counter() - began)


def table(results: list[Caught]) -> str:
    """The results as they stand in PLANTED.md."""
    caught = [one for one in results if one.invariant is not None]
    lines = [
        "# Bugs that were planted, and what caught them",
        "",
        "Made by `python -m simulator --planted`: each bug is planted alone in a copy of the cores, and sessions are",
        f"run from seed 0 on, at most {MOST_SEEDS:,}, until a promise is broken. *Seeds* is how many that took.",
        f"All files are in `{CORES}`.",
        "",
        f"{len(results)} planted, {len(caught)} caught.",
        "",
        "| bug | where | what a user would suffer | caught by | seeds |",
        "|---|---|---|---|---|",
    ]
    for one in results:
        seeds = "more" if one.seed is None else str(one.seed + 1)
        bug = one.bug
        lines.append(f"| {bug.name} | `{bug.file}` | {bug.suffers} | {one.invariant or '**nothing**'} | {seeds} |")
    return "\n".join(lines) + "\n"


def main(options: argparse.Namespace) -> int:
    """Try all bugs, or one; 1 when one was not caught."""
    bugs = [bug for bug in BUGS if options.only in (None, bug.name)]
    if not bugs:
        raise SystemExit(f"no bug is called {options.only!r}: " + ", ".join(bug.name for bug in BUGS))
    results = []
    with ThreadPoolExecutor(max(1, options.jobs)) as pool:
        for caught in pool.map(hunt, bugs):
            results.append(caught)
            found = f"{caught.invariant}, seed {caught.seed}" if caught.invariant else "NOT CAUGHT"
            print(f"{caught.bug.name}: {found} ({caught.seconds:.1f} s)", flush=True)
    if options.only is None:
        TABLE.write_text(table(results), encoding="utf-8")
    missed = [one.bug.name for one in results if one.invariant is None]
    print(f"{len(results)} planted, {len(results) - len(missed)} caught")
    return 1 if missed else 0
