"""What tests in several places need."""

from __future__ import annotations

import pytest

from lipwire.transports import MissingExtra


@pytest.fixture
def native() -> None:
    """Skips where libdatachannel can not be had."""
    try:
        import lipwire.transports.webrtc_native  # noqa: F401
    except MissingExtra as error:
        pytest.skip(str(error))
