"""Log lines have fields, and a peer's string can not forge one."""

from __future__ import annotations

import logging

import pytest

from lipwire.transports.logs import Log


def test_fields_in_text_and_record(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        Log("lipwire.test", peer="a\nb").bind(session="5f").warning("refused", code=36, retry=None)
    (record,) = caplog.records
    assert record.getMessage() == "refused peer=a\\nb session=5f code=36"
    assert record.levelno == logging.WARNING
    assert record.lipwire == {"event": "refused", "peer": "a\\nb", "session": "5f", "code": "36"}  # type: ignore[attr-defined]


def test_nothing_is_formatted_that_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Costly:
        def __str__(self) -> str:
            raise AssertionError

    with caplog.at_level(logging.WARNING, "lipwire.test"):
        Log("lipwire.test").info("a", b=Costly())
    assert not caplog.records


def test_an_exception_comes_along(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise ValueError("why")
    except ValueError:
        Log("lipwire.test").exception("failed")
    assert "why" in caplog.text
