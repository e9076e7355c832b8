"""The link goes away, or one of the processes does: the outcome that SPEC §15 and §16 state, in the time they state.

All of them wait most of the time, so they run side by side, once, and each test looks at one.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from links import cuts
from links.figures import Transport
from links.speech import FORMAT

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.timeout(300),  # The first waits for all of them, and thirty processes take a while to start.
    pytest.mark.parametrize("transport", ["websocket", "webrtc"]),
]

AWAY = (0.5, 2.0, 10.0)
RESUME, KEEPALIVES = 10.0, 15.0
"""Seconds, the defaults: how long a session outlives its transport, and the silence that means that it is gone."""
SLACK = 10.0
"""Seconds for connecting again, and for a machine that has other things to do."""

Results = dict[tuple[Any, ...], Future[dict[str, Any]]]


@pytest.fixture(scope="module")
def results() -> Iterator[Results]:
    kinds: tuple[Transport, ...] = ("websocket", "webrtc")
    with ThreadPoolExecutor(10) as pool:
        out: Results = {}
        for kind in kinds:
            for seconds in AWAY:
                out[kind, seconds] = pool.submit(cuts.link_away, kind, seconds)
            out[kind, "receiver"] = pool.submit(cuts.receiver_killed, kind)
            out[kind, "sender"] = pool.submit(cuts.sender_killed, kind)
        yield out


@pytest.mark.parametrize("seconds", AWAY)
def test_a_link_that_comes_back_has_lost_nothing(results: Results, transport: str, seconds: float) -> None:
    got = results[transport, seconds].result()
    assert [segment["cause"] for segment in got["segments"]] == ["played", "played"]
    assert [segment["position"] for segment in got["segments"]] == [cuts.STORY * FORMAT.rate, FORMAT.rate]
    assert got["faulty_samples"] == 0
    assert (got["sessions"], got["receiver_end"]) == (1, "closed")
    # It was a cut indeed, and what was under way is sent again soon after.
    assert seconds < got["longest_silence"] < seconds + SLACK


def test_a_receiver_that_comes_back_without_the_session(results: Results, transport: str) -> None:
    got = results[transport, "receiver"].result()
    cut, after = got["segments"]
    assert cut["cause"] == "peer closed"
    assert not cut["exact"]
    assert 0 < cut["position"] < cuts.STORY * FORMAT.rate
    # The kernel closes a killed process's TCP connection; over UDP only silence tells.
    assert cut["seconds"] < SLACK + (0.0 if transport == "websocket" else KEEPALIVES)
    assert (after["cause"], after["position"], after["exact"]) == ("played", FORMAT.rate, True)
    assert (got["sessions"], got["sender_error"]) == (2, None)
    assert (got["receiver_end"], got["faulty_samples"]) == ("closed", 0)


def test_a_sender_that_does_not_come_back(results: Results, transport: str) -> None:
    got = results[transport, "sender"].result()
    assert got["receiver_end"] == "SessionLost"
    expected = RESUME + (0.0 if transport == "websocket" else KEEPALIVES)
    assert expected - 0.5 < got["receiver_seconds"] < expected + SLACK
    assert got["faulty_samples"] == 0
