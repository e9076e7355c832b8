"""``python -m benchmarks``: measures, and tells a table of ratios with their bars; ``--list`` names the figures.

Each figure runs in a process of its own, so that none bears on the next and one that fails leaves the others.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from links.packages import require_packages

from . import report

FIGURES = ("cpu", "websocket", "webrtc", "native", "loops", "memory", "loss", "links", "sessions", "soak")
RESULTS = Path("benchmarks/results.json")
LONGEST = 7_200.0
"""Seconds after which a figure is given up."""


def say(text: str) -> None:
    """Tell how it goes, on stderr."""
    print(text, file=sys.stderr, flush=True)


def summary(figure: str) -> str:
    """The first line of a figure's docstring, read without what the figure needs to run."""
    source = Path(__file__).with_name(f"{figure}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").split("\n")[0].replace("``", "")


def measure_here(figure: str, *, short: bool) -> dict[str, Any]:
    """Measure one figure in this process."""
    module = importlib.import_module(f"benchmarks.{figure}")
    began = time.monotonic()
    rows = module.measure(short=short, say=lambda text: say(f"  {text}"))
    return report.result_of(rows, short=short, seconds=time.monotonic() - began)


def measure_apart(figure: str, *, short: bool) -> dict[str, Any] | None:
    """Measure one figure in a process of its own; None if it failed."""
    command = [sys.executable, "-m", "benchmarks", "--within", figure, *(["--short"] if short else [])]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=LONGEST)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        say(f"  {figure} failed: {error}")
        return None
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure, and tell a table of ratios with their bars."
    )
    parser.add_argument("--only", action="append", choices=FIGURES, metavar="NAME", help="this figure; can be repeated")
    parser.add_argument("--list", action="store_true", help="name the figures and stop")
    parser.add_argument("--short", action="store_true", help="a small part of the work, for CI")
    parser.add_argument(
        "--check",
        action="store_true",
        help="exit with 1 when a bar is missed, or a row skipped; "
        f"with --short the bars on timing are relaxed {report_slack()} times",
    )
    parser.add_argument(
        "--allow-skip",
        action="append",
        default=[],
        metavar="TEXT",
        help="with --check: a row may be skipped for a reason that has this text; can be repeated",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object in place of the table")
    parser.add_argument("--out", type=Path, metavar="FILE", help="merge what is measured into this JSON file")
    parser.add_argument("--resume", action="store_true", help="leave out the figures that --out has already")
    parser.add_argument("--show", type=Path, metavar="FILE", help="measure nothing; tell what a file of --out has")
    parser.add_argument(
        "--readme", action="store_true", help=f"measure nothing; put {RESULTS} (or --show FILE) into {report.README}"
    )
    parser.add_argument("--within", choices=FIGURES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.resume and options.out is None:
        parser.error("--resume needs --out")
    read = options.show or (RESULTS if options.readme else None)
    if read is not None and not read.exists():
        parser.error(f"there is no {read}: --out makes it")
    return options


def report_slack() -> str:
    """The slack of a short run, as help tells it."""
    from .rows import SHORT_SLACK

    return f"{SHORT_SLACK:g}"


def main() -> int:
    """Measure and tell."""
    options = arguments()
    if options.list:
        for figure in FIGURES:
            print(f"{figure:<11}{summary(figure)}")
        return 0
    if options.within:
        print(json.dumps(measure_here(options.within, short=options.short)))
        return 0
    if options.readme:
        report.put_into_readme(in_order(report.load(options.show or RESULTS)))
        return 0
    failed: list[str] = []
    if options.show:
        results = report.load(options.show)
    else:
        results, failed = measure_all(options)
    results = in_order({k: v for k, v in results.items() if not options.only or k in options.only})
    print(json.dumps(results, indent=1, ensure_ascii=False) if options.json else report.table(results))
    missed = report.missed(results)
    for row in missed:
        say(f"missed: {row}")
    unmeasured = report.skipped(results, options.allow_skip) if options.check else []
    for row in unmeasured:
        say(f"skipped: {row}")
    return 1 if failed or (options.check and (missed or unmeasured)) else 0


def measure_all(options: argparse.Namespace) -> tuple[report.Results, list[str]]:
    """Measure what is asked for, one figure after the other; gives the results and what failed."""
    require_packages()
    results: report.Results = {}
    failed = []
    kept = report.load(options.out) if options.out else {}
    for figure in options.only or FIGURES:
        if options.resume and figure in kept:
            results[figure] = kept[figure]
            continue
        say(f"{figure}: {summary(figure)}")
        result = measure_apart(figure, short=options.short)
        if result is None:
            failed.append(figure)
            continue
        results[figure] = result
        if options.out:
            report.save(in_order(report.load(options.out) | {figure: result}), options.out)
    return results, failed


def in_order(results: report.Results) -> report.Results:
    """Sort by the order of FIGURES."""
    return {figure: results[figure] for figure in FIGURES if figure in results}


if __name__ == "__main__":
    sys.exit(main())
