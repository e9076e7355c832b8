"""``python -m simulator --seeds 500``: sessions in simulated time, each from a seed; see ``--help``."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from itertools import count, islice
from pathlib import Path

from lipwire.protocol import codec
from lipwire.protocol.trace import JsonLinesTrace

from .invariants import all_names
from .plan import draw
from .runs import Outcome, run_seed
from .simulation import Tracer

BATCH = 25
SEEDS = 500
"""Unless told otherwise."""


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for; 1 when a promise was broken."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.trace is not None and options.seed is None:
        parser.error("--trace needs --seed")
    if options.only is not None and not options.planted:
        parser.error("--only needs --planted")
    if options.cores is not None and not Path(codec.__file__).is_relative_to(options.cores):
        raise SystemExit(f"the cores are those of {codec.__file__}")
    if options.planted:
        from .planted import main as planted

        return planted(options)
    if options.hours is not None:
        from .soak import main as soak

        return soak(options.hours, options.seed or 1, as_json=options.json)
    if options.seed is not None:
        return _one(options)
    return _many(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator", description="Sessions in simulated time, each from a seed."
    )
    parser.add_argument("--seeds", type=_positive, metavar="N", help=f"how many sessions ({SEEDS})")
    parser.add_argument("--from", type=int, default=0, metavar="K", dest="first", help="the first seed (0)")
    parser.add_argument("--seed", type=int, metavar="K", help="this one alone, told in full")
    parser.add_argument("--trace", metavar="FILE", help="with --seed: a trace, for `lipwire trace view`")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="J", help="processes (one a core)")
    parser.add_argument("--until-failure", action="store_true", help="go on until a promise is broken")
    parser.add_argument("--hours", type=float, metavar="H", help="one conversation of so many simulated hours")
    parser.add_argument("--planted", action="store_true", help="try the simulator itself: plant bugs, one by one")
    parser.add_argument("--only", metavar="NAME", help="with --planted: this bug alone")
    parser.add_argument("--cores", metavar="FOLDER", help="be sure that the cores are those of this folder")
    parser.add_argument("--json", action="store_true", help="a report for machines")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1")
    return number


def run_batch(seeds: list[int]) -> list[Outcome]:
    """Run some seeds, in this process."""
    return [run_seed(seed) for seed in seeds]


def outcomes(seeds: Iterable[int], jobs: int) -> Iterator[Outcome]:
    """Run seeds in so many processes, and give what came of them in their order."""
    batches = _batches(iter(seeds))
    if jobs <= 1:
        for batch in batches:
            yield from run_batch(batch)
        return
    with ProcessPoolExecutor(jobs) as pool:
        waiting = [pool.submit(run_batch, batch) for batch in islice(batches, 2 * jobs)]
        while waiting:
            done = waiting.pop(0).result()
            waiting += [pool.submit(run_batch, batch) for batch in islice(batches, 1)]
            yield from done


def _batches(seeds: Iterator[int]) -> Iterator[list[int]]:
    while batch := list(islice(seeds, BATCH)):
        yield batch


def _many(options: argparse.Namespace) -> int:
    began = time.perf_counter()
    seeds: Iterable[int] = range(options.first, options.first + (options.seeds or SEEDS))
    if options.until_failure and options.seeds is None:
        seeds = count(options.first)
    failures: list[Outcome] = []
    totals: Counter[str] = Counter()
    number, simulated = 0, 0.0
    for outcome in outcomes(seeds, options.jobs):
        number += 1
        simulated += outcome.seconds
        totals.update(outcome.counts)
        if outcome.failed:
            failures.append(outcome)
            if not options.json:
                _tell(outcome)
            if options.until_failure:
                break
        if sys.stderr.isatty() and number % BATCH == 0:
            took = time.perf_counter() - began
            sys.stderr.write(f"\r{number} sessions, {number / took:.0f} a second, {len(failures)} failed ")
    took = time.perf_counter() - began
    if sys.stderr.isatty():
        sys.stderr.write("\r" + 60 * " " + "\r")
    report = {
        "sessions": number,
        "failed": [outcome.seed for outcome in failures],
        "seconds": round(took, 3),
        "simulated seconds": round(simulated, 1),
        "counts": dict(totals),
        "failures": [
            {"seed": o.seed, "invariant": o.invariant, "problem": o.problem, "at": o.at, "again": _again(o)}
            for o in failures
        ],
    }
    if options.json:
        print(json.dumps(report, indent=1))
    else:
        counts = ", ".join(f"{value:,} {name}" for name, value in sorted(totals.items()))
        print(f"{number:,} sessions in {took:.1f} s ({simulated / 3600:.1f} h simulated): {len(failures)} failed")
        print(f"{counts}; {len(all_names())} invariants")
    return 1 if failures else 0


def _one(options: argparse.Namespace) -> int:
    with _tracer(options.trace) as tracer:
        outcome = run_seed(options.seed, tracer)
    if options.json:
        print(json.dumps(vars(outcome), default=str, indent=1))
    elif outcome.failed:
        _tell(outcome)
    else:
        print("\n".join(draw(options.seed).story()))
        print(f"holds: {outcome.seconds:.1f} s simulated in {outcome.took:.3f} s, digest {outcome.digest}")
        print(", ".join(f"{value} {name}" for name, value in outcome.counts.items()))
    return 1 if outcome.failed else 0


@contextmanager
def _tracer(path: str | None) -> Iterator[Tracer | None]:
    if path is None:
        yield None
        return
    with Path(path).open("w", encoding="utf-8") as file:
        yield JsonLinesTrace(file)


def _tell(outcome: Outcome) -> None:
    """Tell a failure: what was promised, how it was broken, what had happened, and how to see it again."""
    print(f"seed {outcome.seed}: {outcome.invariant}, {outcome.at:.3f} s after the beginning")
    print(f"  {outcome.problem}")
    if outcome.where:
        print("  " + outcome.where.strip().replace("\n", "\n  "))
    print("  " + "\n  ".join(outcome.story))
    print(f"  again: {_again(outcome)}")


def _again(outcome: Outcome) -> str:
    return f"python -m simulator --seed {outcome.seed} --trace seed-{outcome.seed}.jsonl"


if __name__ == "__main__":
    sys.exit(main())
