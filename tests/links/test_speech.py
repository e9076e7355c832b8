"""Speech in real time across a link that loses packets: all of it, and without falling behind."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from links import figures

pytestmark = pytest.mark.real_time

SECONDS = 12.0
CASES: list[tuple[figures.Transport, float]] = [("websocket", 0.01), ("webrtc", 0.01), ("webrtc", 0.05)]
"""Not WebSocket at 5 %: whether TCP then carries real time at all is its congestion control's matter."""

Results = dict[tuple[str, float], Future[dict[str, Any]]]


@pytest.fixture(scope="module")
def results() -> Iterator[Results]:
    """All of them side by side, for they wait most of the time."""
    with ThreadPoolExecutor(len(CASES)) as pool:
        yield {(kind, loss): pool.submit(figures.speech, kind, loss, SECONDS) for kind, loss in CASES}


@pytest.mark.parametrize(("transport", "loss"), CASES)
def test_loss_does_not_hold_speech_back(results: Results, transport: str, loss: float) -> None:
    got = results[transport, loss].result()
    assert got["bit_exact"]
    assert got["concealed_samples"] == 0
    assert 50 <= got["delay_ms"]["p50"] < 500
