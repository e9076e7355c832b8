"""An interrupt overtakes a minute of audio on a slow link. The medians alone: others may load the machine."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from links import figures

pytestmark = pytest.mark.real_time


COUNT = 20

Results = dict[str, Future[dict[str, Any]]]


@pytest.fixture(scope="module")
def results() -> Iterator[Results]:
    """Both side by side, for they wait most of the time."""
    kinds: tuple[figures.Transport, ...] = ("websocket", "webrtc")
    with ThreadPoolExecutor(2) as pool:
        yield {kind: pool.submit(figures.interrupts, kind, count=COUNT) for kind in kinds}


@pytest.mark.parametrize("transport", ["websocket", "webrtc"])
def test_an_interrupt_is_not_queued_behind_audio(results: Results, transport: str) -> None:
    got = results[transport].result()
    assert got["interrupts"] >= got["told"] >= COUNT
    assert got["spoken"] >= COUNT
    assert 50 <= got["interrupt_ms"]["p50"] < 100
    assert got["first_sample_ms"]["p50"] < got["interrupt_ms"]["p50"] + 50
    assert got["lost_samples"] == got["wrong_samples"] == got["concealed_samples"] == 0
    assert got["bytes_per_second"] > figures.REAL_TIME
