"""The soak can fail: what grows is seen; and its simulated hour passes without waiting."""

import time
from collections import Counter

import anyio
import pytest

from benchmarks import soak
from simulator.event_loop import SimulatedLoop

SIMULATED = {"loop_factory": SimulatedLoop}


def samples(*objects: float) -> list[soak.Sample]:
    return [
        soak.Sample(at=float(n), resident=50.0, traced=1.0, objects=count, tasks=4.0, descriptors=8.0)
        for n, count in enumerate(objects)
    ]


def test_rise_is_over_the_whole_run():
    assert soak.rise(samples(*(10.0 * n for n in range(101))), "objects") == pytest.approx(800)  # the last four fifths


def test_what_falls_does_not_rise():
    assert soak.rise(samples(*(1_000.0 - n for n in range(100))), "objects") == 0


def test_the_beginning_does_not_count():
    assert soak.rise(samples(*([0.0] * 20 + [5_000.0] * 80)), "objects") == pytest.approx(0, abs=1e-6)


def test_the_row_is_of_what_rises_most():
    row = soak._row("a run", samples(*(10.0 * n for n in range(101))), Counter(turns=3))
    assert "(objects)" in row.name
    assert row.met() is False
    assert "turns 3" in row.note
    assert soak._row("a run", samples(*([7.0] * 50)), Counter()).met() is True


def test_simulated_time_jumps():
    async def sleep() -> float:
        began = anyio.current_time()
        await anyio.sleep(3_600)
        return anyio.current_time() - began

    began = time.monotonic()
    assert anyio.run(sleep, backend_options=SIMULATED) == pytest.approx(3_600)
    assert time.monotonic() - began < 60


def test_simulated_time_does_not_wait_for_ever():
    async def wait() -> None:
        await anyio.Event().wait()

    with pytest.raises(RuntimeError, match="no timer"):
        anyio.run(wait, backend_options=SIMULATED)


def test_a_simulated_conversation():
    taken, count = anyio.run(soak.simulated, 30.0, lambda _: None, backend_options=SIMULATED)
    assert len(taken) > 5
    assert count["ended played"] > 0
    assert count["turns"] == count["ended played"] + count["ended interrupted"]
    assert count["transports"] > 1
