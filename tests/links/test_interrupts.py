"""An interrupt overtakes a minute of audio on a slow link. The medians alone: others may load the machine."""

from __future__ import annotations

import pytest

from links import figures

pytestmark = pytest.mark.real_time


@pytest.mark.parametrize("transport", ["websocket", "webrtc"])
def test_an_interrupt_is_not_queued_behind_audio(transport: figures.Transport) -> None:
    got = figures.interrupts(transport, count=20)
    assert got["count"] == 20
    assert got["not_told"] == got["without_sample"] == 0
    assert 50 <= got["interrupt_ms"]["p50"] < 100
    assert got["first_sample_ms"]["p50"] < got["interrupt_ms"]["p50"] + 50
    assert got["lost_samples"] == got["wrong_samples"] == got["concealed_samples"] == 0
    assert got["bytes_per_second"] > figures.REAL_TIME
