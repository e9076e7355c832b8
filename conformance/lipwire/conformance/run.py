"""A run: cases side by side, each with a driver process of its own while it lasts, and what came of them."""

from __future__ import annotations

import asyncio
import os
import time
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from lipwire.protocol.registry import Role
from lipwire.transports import TransportError

from .case import Case
from .checking import CaseFailed
from .driver import LAST_WORDS, Declaration, Driver, HarnessError, Refused, Unsupported
from .honesty import check_needs
from .judge import judge
from .last_lines import LastLines
from .links import NobodyListens
from .play import Play
from .receiver_play import ReceiverPlay
from .sender_play import SenderPlay
from .verdicts import LOUD, Result, Verdict, conclude
from .watch import Watch

IN_A_ROW: Final = 24
"""Cases in which the driver, or the kit, went wrong one after the other: no others are then begun."""
_LISTEN: Final = {
    False: "a driver answers the start of a receiver once that listens, with the URL where it does",
    True: "start the receiver, and give the URL where it listens",
}
"""What to do where nobody listens: with a driver, and without."""
JOBS: Final = 8
"""Cases side by side. Most of their time they wait, so this is more than the cores."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is tested, and over what."""

    command: str | None = None
    """The driver's."""
    url: str | None = None
    """Of a receiver that is reached by the wire alone."""
    transport: str = "websocket"


@dataclass(kw_only=True)
class Run:
    """All that came of one run."""

    target: Target
    declaration: Declaration | None = None
    results: list[Result] = field(default_factory=list)
    seconds: float = 0.0


async def run(
    cases: Sequence[Case],
    target: Target,
    *,
    jobs: int = JOBS,
    patience: float = 1.0,
    on_result: Callable[[Result], None] = lambda _: None,
    watch: Watch | None = None,
    declaration: Declaration | None = None,
) -> Run:
    """Run cases against a target; gives the results in the order of the cases. Cancelling ends every driver.

    Args:
        cases: which, and in which order.
        target: what is tested.
        jobs: cases side by side.
        patience: multiplies every time-out.
        on_result: called with each result as it comes.
        watch: is told of everything while it happens.
        declaration: what :func:`declare` gave, if that was asked already.

    Raises:
        HarnessError: the driver does not even say what it is.
    """
    began = time.monotonic()
    done = Run(target=target, declaration=declaration or await declare(target, patience))
    assert done.declaration is not None
    left = iter(cases)
    found: dict[str, Result] = {}
    wrong: list[str] = []

    async def work() -> None:
        async with working(target, patience, watch) as worker:
            for case in left:
                if len(wrong) >= IN_A_ROW:
                    result = Result(case=case.name, verdict=Verdict.HARNESS_ERROR, reason=_not_run(wrong))
                else:
                    result = await worker.play(case, done.declaration)
                    if result.verdict is Verdict.HARNESS_ERROR:
                        wrong.append(case.name)
                    elif result.checks and len(wrong) < IN_A_ROW:
                        wrong.clear()
                found[case.name] = result
                on_result(result)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(jobs, len(cases))):
            group.create_task(work())
    done.results = [found[case.name] for case in cases]
    done.seconds = time.monotonic() - began
    return done


def _not_run(wrong: Sequence[str]) -> str:
    return f"not run: there was a harness error in {len(wrong)} cases in a row, the first of them {wrong[0]}"


async def declare(target: Target, patience: float = 1.0) -> Declaration:
    """Ask what the target is and can do, and whether it is honest about what it can not.

    Raises:
        HarnessError: it does not say, or is not.
    """
    if target.command is None:
        from .probe import probe

        assert target.url is not None
        return await probe(target.url, patience)
    driver = Driver(target.command, patience=patience, on_event=lambda _: None)
    try:
        declaration = await driver.begin()
        await check_needs(driver, target.transport)
        return declaration
    finally:
        await driver.end()


class Worker:
    """Plays cases one after the other, with one driver process as long as that is of use; :meth:`end` ends it."""

    def __init__(self, target: Target, patience: float, watch: Watch | None = None) -> None:
        self.target = target
        self.patience = patience
        self.watch = watch
        self.driver: Driver | None = None
        self._playing: Play | None = None
        self._said = LastLines()
        """What the driver of the last case has written to standard error."""
        self._said_before = 0

    def _on_event(self, line: dict[str, Any]) -> None:
        if self._playing is not None:
            self._playing.on_event(line)

    def _on_odd_event(self, line: dict[str, Any], wrong: str) -> bool:
        return self._playing is not None and self._playing.on_odd_event(line, wrong)

    async def play(self, case: Case, declaration: Declaration | None) -> Result:
        """Play one case, whatever happens."""
        began = time.monotonic()
        assert declaration is not None
        result = Result(case=case.name, verdict=Verdict.PASS)
        self._said, self._said_before = LastLines(), 0
        if reason := self._not_testable(case):
            result.verdict, result.reason = Verdict.NOT_TESTABLE, reason
            return result
        if missing := sorted(case.capabilities(self.target.transport) - declaration.capabilities):
            result.verdict, result.reason = Verdict.UNSUPPORTED, f"not declared: {', '.join(missing)}"
            return result
        try:
            await self._play(case, declaration, result)
        except HarnessError as error:
            faults = dict.fromkeys(filter(None, (str(error), result.details.get("fault"))))
            result.verdict, result.reason = Verdict.HARNESS_ERROR, "\n".join(faults)
        except Unsupported as error:
            result.verdict = Verdict.HARNESS_ERROR
            result.reason = f"the driver declares what it needs, and then says that it can not: {error}"
        if result.verdict in LOUD and LAST_WORDS not in result.reason:
            result.standard_error = self._said.since(self._said_before)
        result.seconds = time.monotonic() - began
        return result

    def _not_testable(self, case: Case) -> str:
        if self.target.transport not in case.transports:
            return f"it is about {' and '.join(case.transports)}"
        if self.target.command is None and not case.wire:
            return "it needs a driver: what the implementation hands out, or is told, is not on the wire"
        if self.target.command is None and case.options:
            return "it needs a driver, to start the implementation with other settings"
        return ""

    async def _play(self, case: Case, declaration: Declaration, result: Result) -> None:
        if self.target.command is not None and self.driver is None:
            self.driver = Driver(
                self.target.command,
                patience=self.patience,
                on_event=self._on_event,
                on_odd_event=self._on_odd_event,
            )
            try:
                await self.driver.begin()
            except HarnessError:
                await self.end()  # the next case tries another process
                raise
        if self.driver is not None:
            self._said = self.driver.standard_error
            self._said_before = self._said.count
        kind = ReceiverPlay if case.role is Role.RECEIVER else SenderPlay
        play = kind(
            case,
            self.driver,
            transport=self.target.transport,
            url=self.target.url,
            patience=self.patience,
            declared=declaration.capabilities,
            watch=self.watch,
        )
        self._playing = play
        try:
            async with asyncio.timeout(case.seconds * max(self.patience, 1.0)):
                await case.script(play)
        except CaseFailed:
            pass
        except TimeoutError:
            if all(check.passed for check in play.checks):
                raise HarnessError(f"the case did not come to an end within {case.seconds:g} s") from None
        except NobodyListens as error:
            if not any(entry.kind == "transport" for entry in play.trace):
                raise HarnessError(f"{error}: {_LISTEN[self.driver is None]}") from error
            play.check(False, "a transport to the implementation, as before", f"{error}")
        except (TransportError, OSError) as error:
            play.check(False, "a transport to the implementation", f"{error}")
        except Refused as error:
            play.check(False, "the implementation does what its user asks of it", f"it refuses: {error}")
        except (HarnessError, Unsupported):
            raise
        except Exception as error:
            raise HarnessError(f"the kit itself is at fault: {error!r}\n{traceback.format_exc()}") from error
        finally:
            await self._finish(play, result)
        if case.judged:
            # Beside the loop: the other cases go on meanwhile.
            result.checks += await asyncio.to_thread(judge, play.trace, case.role, self.target.transport)
            result.checks.sort(key=lambda check: check.at)  # what went wrong first is mostly the cause of the rest
        result.verdict = conclude(result.checks)
        if result.verdict is Verdict.HARNESS_ERROR:
            result.reason = "the case checked nothing"
        if "fault" in result.details:
            raise HarnessError(result.details["fault"])

    async def _finish(self, play: Play, result: Result) -> None:
        """Close the session, let the driver forget it, and note what there is to show."""
        try:
            result.closing = await play.leave()
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                return  # nobody waits for a driver that may hang: it is about to be ended
            if self.driver is not None and play.started:
                self.driver.check()  # whatever the script made of it: the driver went wrong
                await self.driver.do("stop")
        except HarnessError as error:
            result.details["fault"] = str(error)
            await self.end()
        finally:
            self._playing = None
            result.checks = play.checks
            result.trace = play.trace
            result.steps = play.steps
            if self.driver is not None and self.driver.broken:
                await self.end()

    async def end(self) -> None:
        """End the driver."""
        driver, self.driver = self.driver, None
        if driver is not None:
            await driver.end()


@asynccontextmanager
async def working(target: Target, patience: float, watch: Watch | None = None) -> AsyncIterator[Worker]:
    worker = Worker(target, patience, watch)
    try:
        yield worker
    finally:
        with suppress(OSError):
            await worker.end()


def exit_code(results: Sequence[Result]) -> int:
    """0: nothing failed; 1: something did; 3: the harness is at fault somewhere."""
    verdicts = {result.verdict for result in results}
    if Verdict.HARNESS_ERROR in verdicts:
        return 3
    return 1 if Verdict.FAIL in verdicts else 0


def cores() -> int:
    """How many cores there are for this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
