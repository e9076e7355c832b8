"""Speech in real time across a link that loses packets: all of it, and without falling behind."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from links import figures

pytestmark = pytest.mark.real_time

SECONDS = 12.0
LOSSES = (0.01, 0.05)

Results = dict[tuple[str, float], Future[dict[str, Any]]]


@pytest.fixture(scope="module")
def results() -> Iterator[Results]:
    """All of them side by side, for they wait most of the time."""
    kinds: tuple[figures.Transport, ...] = ("websocket", "webrtc")
    with ThreadPoolExecutor(4) as pool:
        yield {(kind, loss): pool.submit(figures.speech, kind, loss, SECONDS) for kind in kinds for loss in LOSSES}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("transport", ["websocket", "webrtc"])
def test_loss_does_not_hold_speech_back(results: Results, transport: str, loss: float) -> None:
    got = results[transport, loss].result()
    assert got["bit_exact"]
    assert got["concealed_samples"] == 0
    assert 50 <= got["delay_ms"]["p50"] < 500
