"""The SDK's driver with a flaw: each chunk is told a sample too far on. It declares less, too: no WebRTC, no pause."""

from __future__ import annotations

import runpy
from typing import Any

from lipwire.reference_driver import lines, settings

settings.CAPABILITIES -= {"webrtc", "pause", "version0"}  # type: ignore[misc]
_event = lines.Lines.event


def _flawed(self: lines.Lines, event: str, **fields: Any) -> None:
    if event == "audio":
        fields["position"] += 1
    _event(self, event, **fields)


lines.Lines.event = _flawed  # type: ignore[method-assign]
runpy.run_module("lipwire.reference_driver", run_name="__main__")
