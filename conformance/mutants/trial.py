"""Trying mutants: each in a copy of the SDK, behind the reference driver, with the kit in front of it.

A mutant is caught by a case whose verdict is *fail*, and which has failed a check of the very requirement that the
mutant breaks. An error of the harness, a warning, or a failure that names something else has caught nothing.
"""

from __future__ import annotations

import asyncio
import compileall
import shlex
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lipwire.conformance.case import Case, load_cases
from lipwire.conformance.driver import Declaration
from lipwire.conformance.run import Target, declare, run
from lipwire.conformance.verdicts import Result, Verdict
from simulator.planting import copy_source, patch

from .mutant import Mutant

COPIED: Final = ("protocol", "transports", "sender", "receiver")
PATIENCE: Final = 0.5


@dataclass(frozen=True)
class Trial:
    """What came of a mutant."""

    mutant: Mutant
    results: Sequence[Result]
    """Of the cases that were run, in their order."""

    @property
    def caught_by(self) -> list[str]:
        """The cases that caught it."""
        return [result.case for result in self.results if catches(self.mutant, result)]

    @property
    def complaints(self) -> list[str]:
        """What is wrong with the cases that were to catch it; empty: each of them did."""
        return [
            f"{result.case}: {_words(result)}"
            for result in self.results
            if result.case in self.mutant.caught_by and not catches(self.mutant, result)
        ]


def catches(mutant: Mutant, result: Result) -> bool:
    """Whether a case has caught a mutant, for the reason that there is."""
    return result.verdict is Verdict.FAIL and mutant.requirement in failed(result)


def failed(result: Result) -> list[str]:
    """The ids of the requirements, MUSTs all, of which a check failed."""
    return sorted({check.requirement for check in result.checks if not check.passed and check.level == "MUST"})


def _words(result: Result) -> str:
    if result.verdict is Verdict.FAIL:
        return f"fails because of {', '.join(failed(result))}"
    return f"{result.verdict.value} {result.reason}".rstrip()


class Laboratory:
    """Makes mutants, and tries them.

    Args:
        original: a copy of the SDK as it is, compiled.
        declarations: what its driver declares, by transport.
        patience: multiplies the kit's time-outs in front of a mutant: much of what it does wrong is that nothing comes.
    """

    def __init__(self, original: Path, declarations: dict[str, Declaration], patience: float) -> None:
        self._original = original
        self._declarations = declarations
        self._patience = patience
        self._cases = load_cases()

    async def without_change(self, mutants: Sequence[Mutant], jobs: int) -> dict[str, str]:
        """Run the cases that are to catch these mutants against the SDK as it is; gives those that do not pass."""
        wrong = {}
        for transport in sorted({mutant.transport for mutant in mutants}):
            names = {name for mutant in mutants if mutant.transport == transport for name in mutant.caught_by}
            cases = [case for name, case in self._cases.items() if name in names]
            for result in await self._run(self._original, cases, transport, jobs, patience=1.0):
                if result.verdict is not Verdict.PASS:
                    wrong[f"{result.case} over {transport}"] = _words(result)
        return wrong

    async def try_out(self, mutant: Mutant, *, hunt: bool = False, jobs: int = 1) -> Trial:
        """Run the cases that are to catch a mutant, or all that name what it breaks, against it."""
        if hunt:
            cases = [case for case in self._cases.values() if _can_see(case, mutant)]
        else:
            cases = [self._cases[name] for name in mutant.caught_by]
        with tempfile.TemporaryDirectory(prefix="mutant-") as directory:
            copy = Path(directory, "sdk")
            await asyncio.to_thread(shutil.copytree, self._original, copy)
            path = copy / mutant.path
            patch(mutant, path)
            for stale in path.parent.glob(f"__pycache__/{path.stem}.*"):
                stale.unlink()
            return Trial(mutant, await self._run(copy, cases, mutant.transport, jobs, self._patience))

    async def _run(
        self, sdk: Path, cases: Sequence[Case], transport: str, jobs: int, patience: float
    ) -> Sequence[Result]:
        target = Target(command=driver_of(sdk), transport=transport)
        declaration = self._declarations[transport]
        done = await run(cases, target, jobs=jobs, patience=patience, declaration=declaration)
        for result in done.results:
            result.trace = ()  # it takes room, and is of no use here
        return done.results


def _can_see(case: Case, mutant: Mutant) -> bool:
    """Whether a case could catch a mutant at all."""
    version = 0 if mutant.path.name.startswith("version0") else 1
    asked = mutant.requirement in case.requirements and mutant.transport in case.transports
    return asked and case.role.value == mutant.role and case.version == version


def driver_of(sdk: Path) -> str:
    """The command of the reference driver over a copy of the SDK."""
    paths = ":".join(str(sdk / name) for name in COPIED)
    return shlex.join(["env", f"PYTHONPATH={paths}", sys.executable, "-m", "lipwire.reference_driver"])


@asynccontextmanager
async def laboratory(transports: set[str], patience: float = PATIENCE) -> AsyncIterator[Laboratory]:
    """Copy the SDK, and compile the copy, so that no mutant has to; leaving removes it."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as directory:
        original = Path(directory)
        copy_source(COPIED, original)
        await asyncio.to_thread(compileall.compile_dir, original, quiet=1)
        command = driver_of(original)
        declarations = {one: await declare(Target(command=command, transport=one)) for one in transports}
        yield Laboratory(original, declarations, patience)


async def try_all(
    laboratory: Laboratory,
    mutants: Sequence[Mutant],
    *,
    jobs: int,
    hunt: bool,
    on_trial: Callable[[Trial], None],
) -> list[Trial]:
    """Try mutants, several at a time; the trials come in the order of the mutants.

    Most of the time a case waits for what a mutant does not do, so ``jobs`` is more than the cores. With
    ``hunt`` there are several cases for each mutant, which are then run side by side. One that is not caught is tried
    again by itself: on a busy machine, what comes too soon may come late enough.
    """
    at_once = asyncio.Semaphore(max(1, jobs // 4) if hunt else jobs)

    async def one(mutant: Mutant) -> Trial:
        async with at_once:
            trial = await laboratory.try_out(mutant, hunt=hunt, jobs=4 if hunt else 1)
        on_trial(trial)
        return trial

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(mutant)) for mutant in mutants]
    trials = [task.result() for task in tasks]
    for index, trial in enumerate(trials):
        if trial.complaints and not hunt:
            trials[index] = await laboratory.try_out(trial.mutant)
            on_trial(trials[index])
    return trials
