"""``python -m fuzz``: a million messages, and a table of what became of them. See ``--help``."""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from .corpus import CORPUS, grow, read, text_of
from .machines import SETUPS
from .run import Failed, HarnessFault, Runner, Tally, minimised, replay


def main() -> int:
    """Run the command; gives its exit status: 1 for a fault of a machine, 3 for one of the fuzzer."""
    parser = argparse.ArgumentParser(prog="python -m fuzz", description="Hostile messages through every state machine.")
    parser.add_argument("--messages", type=int, default=1_000_000, help="how many, at least (1000000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run", type=int, help="this run of the seed alone")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="replay one sequence, and show what it comes to")
    parser.add_argument("--grow", action="store_true", help=f"keep sequences of what is new in {CORPUS.name}/")
    parser.add_argument("--json", action="store_true", help="for machines")
    options = parser.parse_args()
    if options.replay:
        return _replay(options.replay)
    runner = Runner(options.seed, keep=options.grow)
    began = shown = time.monotonic()
    index = -1
    gc.disable()  # a collection would be the slowest message of all
    try:
        if options.run is not None:
            index = options.run
            runner.run(index)
        while options.run is None and runner.tally.messages < options.messages:
            index += 1
            runner.run(index)
            if index % 200 == 0:
                gc.collect()
            if time.monotonic() - shown > 10 and not options.json:
                shown = time.monotonic()
                print(
                    f"{runner.tally.messages:,} messages, {runner.tally.runs:,} runs, {shown - began:.0f} s",
                    file=sys.stderr,
                )
    except Failed as failed:
        _tell(failed, options.seed, index)
        return 1
    except HarnessFault as fault:
        traceback.print_exception(fault.__cause__)
        print(
            f"\nthe fuzzer itself is at fault, in --seed {options.seed} --run {index}; nothing is known of the machine"
        )
        return 3
    seconds = time.monotonic() - began
    tally = runner.tally
    missing = tally.missing() if options.run is None else []
    added = grow(CORPUS, tally) if options.grow else 0
    if options.json:
        print(json.dumps(as_json(tally, options.seed, seconds, missing), indent=1))
    else:
        show(tally, seconds, missing)
        if options.grow:
            print(f"{added} sequences are new in {CORPUS}")
    return 1 if missing else 0


def _replay(path: Path) -> int:
    setup, steps, expected = read(path)
    keys, machine = replay(setup, steps)
    machine.finish()
    for key in keys:
        print(key)
    print(machine.core.closed)
    return 0 if expected in map(str, keys) or not expected else 1


def _tell(failed: Failed, seed: int, index: int) -> None:
    """Show a fault as small as it can be made, and keep it."""
    traceback.print_exception(failed.cause)
    print(f"\npython -m fuzz --seed {seed} --run {index} ({failed.setup}) fails; smaller:")
    small = failed.steps
    if failed.recurs(small):
        small = minimised(small, failed.recurs)
    text = text_of(failed.setup, small, "")
    print(text if len(text) < 20_000 else text[:20_000] + "…")
    path = CORPUS / f"fault-{seed}-{index}.txt"
    path.write_text(text)
    print(f"kept as {path}; mend the fault, and let the tests replay it")


def as_json(tally: Tally, seed: int, seconds: float, missing: list[str]) -> dict[str, Any]:
    """The whole tally, for machines. Times in seconds; memory and calls as shares of what a message may take."""
    rows = []
    for (kind, state), row in sorted(tally.rows.items()):
        median = statistics.median(row.seconds or [0.0])
        rows.append(
            {
                "machine": kind,
                "state": state,
                "messages": row.messages,
                "outcomes": dict(row.outcomes.most_common()),
                "median_seconds": median,
                "worst_to_median": row.slowest[0] / median if median else None,
                "slowest_run": row.slowest[1],
                "worst_shares": row.worst,
            }
        )
    return {
        "seed": seed,
        "messages": tally.messages,
        "runs": tally.runs,
        "measured": tally.measured,
        "not_again": tally.not_again,
        "seconds": seconds,
        "setups": [str(setup) for setup in SETUPS],
        "states_missing": missing,
        "rows": rows,
    }


def show(tally: Tally, seconds: float, missing: list[str]) -> None:
    """Print the table."""
    print(
        f"{'machine':10} {'state':20} {'messages':>9} {'median':>8} {'worst':>7} {'memory':>7} {'calls':>6}  outcomes"
    )
    for (kind, state), row in sorted(tally.rows.items()):
        median = statistics.median(row.seconds or [0.0])
        outcomes = ", ".join(f"{name} {count}" for name, count in row.outcomes.most_common(5))
        more = len(row.outcomes) - 5
        memory, calls = (f"{row.worst[what]:.0%}" if what in row.worst else "" for what in ("memory", "calls"))
        print(
            f"{kind:10} {state:20} {row.messages:9,} {median * 1e6:5.1f} us {row.slowest[0] / max(median, 1e-9):6.0f}x "
            f"{memory:>7} {calls:>6}  {outcomes}" + (f" and {more} more" if more > 0 else "")
        )
    print(
        f"\n{tally.messages:,} messages in {tally.runs:,} runs took {seconds:.0f} s; nothing but what SPEC.md allows "
        "came of them.\nworst: the slowest message, in medians of its row. memory, calls: the most that one message "
        f"took of what it may, in {tally.measured:,} that were measured"
        + (f"; {tally.not_again} took more once, and not again." if tally.not_again else ".")
    )
    print(
        f"{len(tally.seen)} states of sessions, and of segments in them, were met: "
        + ("MISSING:" if missing else "all")
    )
    for line in missing:
        print("  " + line)


if __name__ == "__main__":
    sys.exit(main())
