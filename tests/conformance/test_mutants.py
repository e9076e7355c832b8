"""The mutants still apply, and what tries them tells a mutant that is caught from one that is not."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from conformance.mutants import __main__ as command
from conformance.mutants.family import GROUPS, MUTANTS
from conformance.mutants.mutant import Mutant
from conformance.mutants.table import TABLE, read_hunted, table
from conformance.mutants.trial import Laboratory, laboratory
from lipwire.conformance.case import load_cases
from simulator.planting import ROOT, patched

CATCHER = "receiver.liveness.pong_clock"
(CAUGHT,) = [mutant for mutant in MUTANTS if mutant.caught_by == (CATCHER,)]
NO_CHANGE = CAUGHT._replace(name="changes nothing", new=CAUGHT.old)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_can_be_made(mutant: Mutant) -> None:
    source = (ROOT / mutant.path).read_text(encoding="utf-8")
    assert patched(mutant, source) != source
    compile(patched(mutant, source), mutant.file, "exec")


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_its_catchers_name_what_it_breaks(mutant: Mutant) -> None:
    assert mutant.caught_by
    for name in mutant.caught_by:
        case = load_cases()[name]
        assert mutant.requirement in case.requirements
        assert mutant.transport in case.transports


def test_names_are_used_once() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS) >= 60


def test_no_two_are_the_same_change() -> None:
    assert len({(mutant.role, mutant.file, mutant.old, mutant.new) for mutant in MUTANTS}) == len(MUTANTS)


def test_the_table_is_of_these_mutants() -> None:
    assert TABLE.read_text(encoding="utf-8") == table(GROUPS, read_hunted())


def test_all_of_them_were_hunted() -> None:
    assert set(read_hunted()) <= {mutant.name for mutant in MUTANTS}
    for mutant in MUTANTS:
        assert set(mutant.caught_by) <= set(read_hunted().get(mutant.name, mutant.caught_by))


@pytest_asyncio.fixture(name="lab")
async def make_lab() -> AsyncIterator[Laboratory]:
    async with laboratory({"websocket", "webrtc"}) as lab:
        yield lab


@pytest.mark.asyncio
async def test_a_mutant_is_caught(lab: Laboratory) -> None:
    trial = await lab.try_out(CAUGHT)
    assert (trial.caught_by, trial.complaints) == ([CATCHER], [])


@pytest.mark.asyncio
async def test_a_mutant_that_changes_nothing_survives(lab: Laboratory) -> None:
    trial = await lab.try_out(NO_CHANGE)
    assert (trial.caught_by, trial.complaints) == ([], [f"{CATCHER}: pass"])


@pytest.mark.asyncio
async def test_a_failure_for_another_reason_is_no_catch(lab: Laboratory) -> None:
    trial = await lab.try_out(CAUGHT._replace(requirement="LW-LIVE-3"))
    assert (trial.caught_by, trial.complaints) == ([], [f"{CATCHER}: fails because of LW-LIVE-1"])


@pytest.mark.asyncio
async def test_a_mutant_that_does_not_even_start_is_not_caught(lab: Laboratory) -> None:
    trial = await lab.try_out(CAUGHT._replace(new="        raise SystemExit\n(" + CAUGHT.new))
    assert trial.caught_by == []
    (complaint,) = trial.complaints
    assert complaint.startswith(f"{CATCHER}: harness error")


@pytest.mark.asyncio
async def test_a_text_that_is_not_there_is_an_error(lab: Laboratory) -> None:
    with pytest.raises(ValueError, match="stands 0 times"):
        await lab.try_out(CAUGHT._replace(old="no such text"))


@pytest.mark.asyncio
async def test_a_catcher_that_does_not_pass_without_the_mutant_is_found(lab: Laboratory) -> None:
    assert await lab.without_change([CAUGHT], jobs=1) == {}
    elsewhere = CAUGHT._replace(caught_by=("receiver.audio.gap",), transport="webrtc")
    wrong = await lab.without_change([elsewhere], jobs=1)
    assert list(wrong) == ["receiver.audio.gap over webrtc"]


@pytest.mark.parametrize(
    ("mutant", "code", "told"),
    [(CAUGHT, 0, "caught: "), (NO_CHANGE, 1, "SURVIVES: changes nothing")],
    ids=["caught", "survives"],
)
def test_the_run_fails_when_one_survives(
    mutant: Mutant, code: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "MUTANTS", (mutant, *MUTANTS[:1]))
    assert command.main([mutant.name]) == code
    assert re.search(f"^{told}", capsys.readouterr().out, re.M)


def test_a_name_that_no_mutant_has_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["no such mutant"])
    assert "no mutant is called no such mutant" in capsys.readouterr().err
