"""A long conversation, cut short; and that growth would be seen."""

from __future__ import annotations

import pytest

from simulator import soak
from simulator.promises import Violation


def test_a_conversation_holds_and_nothing_grows() -> None:
    looks, report = soak.soak(0.05)
    assert len(looks) >= 2
    assert report["interrupts"] > 5
    assert report["transports"] > 1


def test_growth_is_seen() -> None:
    looks, _ = soak.soak(0.05)
    grown = [
        soak.Look(**(vars(look) | {"sender_bytes": look.sender_bytes + 20_000 * index}))
        for index, look in enumerate(looks)
    ]
    with pytest.raises(Violation, match="nothing_grows: sender_bytes"):
        soak._hold_still(grown)
