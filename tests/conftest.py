"""What tests in several places need."""

from __future__ import annotations

import pytest

from lipwire.transports import MemoryTransport, MissingExtra


@pytest.fixture
def native() -> None:
    """Skips where libdatachannel can not be had."""
    try:
        import lipwire.transports.webrtc_native  # noqa: F401
    except MissingExtra as error:
        pytest.skip(str(error))


@pytest.fixture
def without_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory transport hands nothing over as it arrives: all goes through ``receive``, a turn later."""
    monkeypatch.setattr(MemoryTransport, "deliver_to", lambda self, deliver: None)  # noqa: ARG005
