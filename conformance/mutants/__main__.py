"""``python -m conformance.mutants``: is every mutant caught, and for the right reason?"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence

from lipwire.conformance.words import counted

from .family import GROUPS, MUTANTS
from .mutant import Mutant
from .table import TABLE, read_hunted, table, write_hunted
from .trial import PATIENCE, Trial, laboratory, try_all


def main(arguments: Sequence[str] | None = None) -> int:
    """Try mutants; 1 when one survives, or is not caught as the table says."""
    parser = argparse.ArgumentParser(prog="python -m conformance.mutants", description=__doc__)
    parser.add_argument("name", nargs="*", help="mutants whose name has this in it, or that break this requirement")
    parser.add_argument("--hunt", action="store_true", help="run all cases that name what a mutant breaks")
    parser.add_argument("--jobs", type=int, default=12, help="cases side by side (12)")
    parser.add_argument("--patience", type=float, default=PATIENCE, help="multiplies the kit's time-outs (0.5)")
    options = parser.parse_args(arguments)
    chosen = [one for one in MUTANTS if not options.name or any(_is_meant(one, name) for name in options.name)]
    if not chosen:
        parser.error(f"no mutant is called {' or '.join(options.name)}")
    return asyncio.run(_main(chosen, options))


def _is_meant(mutant: Mutant, name: str) -> bool:
    return name in mutant.name or name == mutant.requirement


async def _main(chosen: Sequence[Mutant], options: argparse.Namespace) -> int:
    began = time.monotonic()
    async with laboratory({mutant.transport for mutant in chosen}, options.patience) as lab:
        for case, why in (wrong := await lab.without_change(chosen, options.jobs)).items():
            print(f"NOT A CATCHER {case}, which fails without a mutant, too: {why}", flush=True)
        if wrong:
            return 1
        trials = await try_all(lab, chosen, jobs=options.jobs, hunt=options.hunt, on_trial=_tell)
    survivors = [trial for trial in trials if not trial.caught_by]
    if options.hunt:
        hunted = read_hunted() | {trial.mutant.name: trial.caught_by for trial in trials if not trial.complaints}
        write_hunted({mutant.name: hunted[mutant.name] for mutant in MUTANTS if mutant.name in hunted})
    if options.hunt or len(chosen) == len(MUTANTS):
        TABLE.write_text(table(GROUPS, read_hunted()), encoding="utf-8")
    seconds = time.monotonic() - began
    print(f"{counted(len(trials), 'mutant')}, {len(trials) - len(survivors)} caught, in {seconds:.0f} s")
    return 1 if any(trial.complaints for trial in trials) else 0


def _tell(trial: Trial) -> None:
    caught, complaints = trial.caught_by, trial.complaints
    verdict = "caught" if not complaints else "NOT CAUGHT AS IT SHOULD BE" if caught else "SURVIVES"
    print(f"{verdict}: {trial.mutant.name} ({trial.mutant.requirement}): {', '.join(caught)}", flush=True)
    for complaint in complaints:
        print(f"    {complaint}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
