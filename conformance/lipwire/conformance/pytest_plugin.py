"""A pytest plugin: every case of the kit as a test of an implementation.

.. code-block:: sh

    pytest --lipwire-driver "python my_driver.py" --lipwire-role receiver -k "audio and not webrtc"

Cases are played one by one, each on its own, so that ``-x``, ``--lf``, ``-k``, ``--durations`` and pytest-xdist
(several at a time) mean what they always do. A breach of SHOULD is a warning; what is unsupported or not testable is
skipped. Without ``--lipwire-driver`` nothing is collected, and nothing imported that takes time.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import asyncio

    from .case import Case
    from .driver import Declaration
    from .expected import Entry
    from .run import Target, Worker
    from .verdicts import Result

GROUP = "lipwire-conformance"
"""What the ids of the tests begin with."""


_MOST_LINES = 60
PLAYER = pytest.StashKey["Player"]()


class ConformanceWarning(pytest.PytestWarning):
    """A SHOULD of SPEC.md is not kept."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("lipwire", "conformance of an implementation of Lipwire")
    group.addoption("--lipwire-driver", metavar="COMMAND", help="test an implementation: what starts its driver")
    group.addoption("--lipwire-role", choices=("sender", "receiver", "both"), default="both", help="(default: both)")
    group.addoption(
        "--lipwire-transport", choices=("websocket", "webrtc"), default="websocket", help="(default: websocket)"
    )
    group.addoption("--lipwire-expected", metavar="FILE", type=Path, help="failures that are known, with reasons")
    group.addoption("--lipwire-patience", metavar="X", type=float, default=1.0, help="wait so many times longer")


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker of the tests."""
    config.addinivalue_line("markers", "lipwire_conformance: a case of Lipwire's conformance kit")


@pytest.hookimpl(tryfirst=True)  # before those that deselect
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add a test for each case."""
    if config.getoption("lipwire_driver"):
        if missing := [name for name in ("jsonschema", "websockets", "aiortc") if find_spec(name) is None]:
            raise pytest.UsageError(f'--lipwire-driver needs {missing[0]}: pip install "lipwire[conformance]"')
        items.extend(Cases.from_parent(session, name=GROUP, nodeid=GROUP).collect())


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the driver."""
    if (player := config.stash.get(PLAYER, None)) is not None:
        player.end()


class Cases(pytest.Collector):
    """All cases of the role that is tested."""

    def collect(self) -> Iterator[pytest.Item]:
        """Make a test of each."""
        from .case import load_cases
        from .expected import BadFile, load

        option = self.config.getoption
        try:
            entries = load(option("lipwire_expected")) if option("lipwire_expected") else []
        except (BadFile, OSError) as error:
            raise pytest.UsageError(f"--lipwire-expected: {error}") from None
        player = Player(option("lipwire_driver"), option("lipwire_transport"), option("lipwire_patience"), entries)
        self.config.stash[PLAYER] = player
        wanted = [case for case in load_cases().values() if option("lipwire_role") in ("both", case.role.value)]
        for case in wanted:
            yield CaseItem.from_parent(self, name=f"{case.name}[{player.transport}]", case=case, player=player)
        if entries and not hasattr(self.config, "workerinput"):  # one of several processes sees a part only
            yield ExpectedItem.from_parent(self, name="expected_failures", player=player, all_of=len(wanted))


class Player:
    """Plays cases in an event loop of its own, with one driver as long as that is of use."""

    def __init__(self, command: str, transport: str, patience: float, entries: list[Entry]) -> None:
        self.command = command
        self.transport = transport
        self.patience = patience
        self.entries = entries
        self.results: list[Result] = []
        self._runner: asyncio.Runner | None = None
        self._worker: Worker | None = None
        self._declaration: Declaration | None = None
        self._fault: Exception | None = None

    def play(self, case: Case) -> Result:
        """Play one case.

        Raises:
            HarnessError: the driver is of no use at all.
        """
        import asyncio

        from .driver import HarnessError
        from .run import Target, Worker, declare

        if self._fault is not None:
            raise self._fault
        if self._runner is None:
            self._runner = asyncio.Runner()
        target: Target = Target(command=self.command, transport=self.transport)
        if self._worker is None:
            try:
                self._declaration = self._runner.run(declare(target, self.patience))
            except HarnessError as error:
                self._fault = error  # asked once: the next case would fare no better
                raise
            self._worker = Worker(target, self.patience)
        result = self._runner.run(self._worker.play(case, self._declaration))
        self.results.append(result)
        return result

    def end(self) -> None:
        """End the driver, and the loop."""
        if self._runner is not None:
            if self._worker is not None:
                self._runner.run(self._worker.end())
            self._runner.close()
            self._runner = self._worker = None


class CaseItem(pytest.Item):
    """One case."""

    def __init__(self, *, case: Case, player: Player, **options: Any) -> None:
        super().__init__(**options)
        self.case = case
        self.player = player
        self.add_marker("lipwire_conformance")

    def runtest(self) -> None:
        """Play it, and tell its verdict in pytest's terms."""
        from .driver import HarnessError
        from .expected import compare
        from .last_lines import fit_to_show
        from .verdicts import Verdict

        result = self.player.play(self.case)
        self.add_report_section("call", "trace", told(result))
        if result.standard_error:
            said = "\n".join(map(fit_to_show, result.standard_error))
            self.add_report_section("call", "driver's standard error", said)
        cases = {self.case.name: self.case}
        known = compare(self.player.entries, [result], cases, self.player.transport, whole=False).expected
        match result.verdict:
            case Verdict.UNSUPPORTED | Verdict.NOT_TESTABLE:
                pytest.skip(f"{result.verdict.value}: {result.reason}")
            case Verdict.HARNESS_ERROR:
                raise HarnessError(result.reason)
            case Verdict.FAIL | Verdict.WARN if self.case.name in known:
                pytest.xfail(known[self.case.name])
            case Verdict.FAIL:
                raise NotConforming(result)
            case Verdict.WARN:
                warnings.warn_explicit(ConformanceWarning(breaches(result)), None, self.case.name, 0)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], *_: Any, **__: Any) -> Any:
        """Show what was expected and what was there, without a traceback through the kit."""
        from .driver import HarnessError

        match excinfo.value:
            case NotConforming() as error:
                return f"{self.case.name}: {self.case.why}\n{breaches(error.result)}"
            case HarnessError() as error:
                return f"harness error: {error}"
        return super().repr_failure(excinfo)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where it is told of."""
        return self.path, None, f"{self.case.name} over {self.player.transport}"


class ExpectedItem(pytest.Item):
    """That every entry of the file of expected failures came true."""

    def __init__(self, *, player: Player, all_of: int, **options: Any) -> None:
        super().__init__(**options)
        self.player = player
        self.all_of = all_of

    def runtest(self) -> None:
        """Hold the file against all that was played."""
        from .case import CASES
        from .expected import compare

        results = self.player.results
        whole = len(results) == self.all_of
        found = compare(self.player.entries, results, CASES, self.player.transport, whole=whole)
        if found.complaints:
            pytest.fail("\n".join(f"{entry}: {why}" for entry, why in found.complaints), pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where it is told of."""
        return self.path, None, "expected failures"


class NotConforming(Exception):
    """A MUST of SPEC.md is not kept."""

    def __init__(self, result: Result) -> None:
        super().__init__(breaches(result))
        self.result = result


def breaches(result: Result) -> str:
    """Each check that failed, with the requirement quoted."""
    from .requirements import REQUIREMENTS

    return "\n".join(
        f"{check.requirement} ({check.level}): {REQUIREMENTS[check.requirement].text}\n"
        f"  expected: {check.expected}\n  actual:   {check.actual}"
        for check in result.checks
        if not check.passed
    )


def told(result: Result) -> str:
    """The end of a case's trace, a line an entry."""
    return "\n".join(
        f"{entry.at:8.3f} s  {entry.by.value:8}  {entry.kind} {entry.name} {entry.fields or ''}{entry.fault}"
        for entry in result.trace[-_MOST_LINES:]
    )
