"""Speech in real time across a link that loses packets: all of it, and without falling behind."""

from __future__ import annotations

import pytest

from links import figures

pytestmark = pytest.mark.real_time

SECONDS = 12.0


@pytest.mark.parametrize("loss", [0.01, 0.05])
@pytest.mark.parametrize("transport", ["websocket", "webrtc"])
def test_loss_does_not_hold_speech_back(transport: figures.Transport, loss: float) -> None:
    got = figures.speech(transport, loss, SECONDS)
    assert got["bit_exact"]
    assert got["concealed_samples"] == 0
    assert 50 <= got["delay_ms"]["p50"] < 500
