"""Limits and formats: what may be set, what may be announced, what is made of what is announced (SPEC §17)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipwire.protocol.errors import CloseCode, LocalProtocolError, RemoteProtocolError
from lipwire.protocol.formats import PcmFormat, parse_format
from lipwire.protocol.limits import BOUNDS, MAX_INT, Limits, parse_message_limit, parse_welcome_limits

MONO = PcmFormat(24_000, 1)
WIRE = {"window": 24_000, "message": 1, "cooldown": 1_000, "resume": 1_000, "keepalive": 1_000, "segments": 1}


@pytest.mark.parametrize("name", BOUNDS)
def test_what_may_be_set(name: str) -> None:
    bound = BOUNDS[name]
    for value in (bound.floor, bound.default, bound.cap):
        kind = int if name in ("message", "segments") else float
        assert getattr(Limits(**{name: kind(value)}), name) == value
    for value in (bound.floor - 1, bound.cap + 1, float("nan"), float("inf")):
        with pytest.raises(LocalProtocolError) as error:
            Limits(**{name: value})
        assert error.value.code is CloseCode.INVALID_FIELD
        assert name in str(error.value)


@pytest.mark.parametrize("name", WIRE)
def test_what_is_made_of_an_announced_limit(name: str) -> None:
    bound, scale = BOUNDS[name], WIRE[name]

    def read(value: Any) -> float:
        return parse_welcome_limits({name: value}, MONO)[name]

    unit = 24_000 if name == "window" else 1
    assert read(None) == parse_welcome_limits({}, MONO)[name] == bound.default * unit
    assert read(round(bound.floor * scale)) == pytest.approx(bound.floor * unit)
    assert read(round(bound.cap * scale)) == bound.cap * unit
    assert read(MAX_INT) == bound.cap * unit
    for wrong in (round(bound.floor * scale) - 1, -1, 1.5, "1", True, [], MAX_INT + 1):
        with pytest.raises(RemoteProtocolError) as error:
            read(wrong)
        assert error.value.code is CloseCode.INVALID_FIELD


def test_the_limit_in_hello() -> None:
    assert parse_message_limit({}) == 65_536
    assert parse_message_limit({"message": 10**9, "other": "ignored"}) == 1_048_576
    with pytest.raises(RemoteProtocolError):
        parse_message_limit({"message": 4_095})


@given(
    st.floats(0.1, 60.0),
    st.floats(0.0, 5.0),
    st.floats(0.1, 60.0),
    st.integers(8_000, 48_000),
)
def test_what_one_peer_announces_the_other_accepts(window: float, cooldown: float, keepalive: float, rate: int) -> None:
    pcm = PcmFormat(rate, 1)
    limits = Limits(window=window, cooldown=cooldown, keepalive=keepalive)
    read = parse_welcome_limits(limits.as_welcome_field(pcm), pcm)
    assert read["window"] == pytest.approx(window * rate, abs=1)
    assert read["cooldown"] == pytest.approx(cooldown, abs=0.001)
    assert read["keepalive"] == pytest.approx(keepalive, abs=0.001)


@pytest.mark.parametrize(
    "arguments",
    [(7_999, 1, "s16le"), (48_001, 1, "s16le"), (24_000, 0, "s16le"), (24_000, 3, "s16le"), (24_000, 1, "s24le"),
     (24_000.0, 1, "s16le"), (True, 1, "s16le"), (24_000, True, "s16le")],
)  # fmt: skip
def test_formats_that_are_not(arguments: tuple[Any, ...]) -> None:
    rate, channels, encoding = arguments
    with pytest.raises(LocalProtocolError) as error:
        PcmFormat(*arguments)
    assert error.value.code is CloseCode.UNSUPPORTED_FORMAT
    assert parse_format([encoding, rate, channels]) is None


@pytest.mark.parametrize(("encoding", "channels", "size"), [("s16le", 1, 2), ("s16le", 2, 4), ("f32le", 2, 8)])
def test_formats(encoding: Any, channels: int, size: int) -> None:
    pcm = PcmFormat(44_100, channels, encoding)
    assert (pcm.frame_bytes, pcm.silence) == (size, bytes(size))
    assert parse_format(list(pcm.as_field())) == pcm
    assert pcm.samples(pcm.seconds(12_345)) == 12_345
    assert "44100" in str(pcm)


def test_counts_are_whole_numbers() -> None:
    limits = parse_welcome_limits({"segments": 8, "window": 8_000}, MONO)
    assert [type(limits[name]) for name in ("window", "message", "segments")] == [int] * 3
