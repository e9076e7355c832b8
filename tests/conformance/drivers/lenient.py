"""The SDK's driver with a flaw: a boolean is taken for an integer, and told as it is. It says so on standard error.

With an argument it tells of one that nobody sent as well: then the driver is at fault.
"""

from __future__ import annotations

import runpy
import sys
from typing import Any

from lipwire.protocol.messages import SegmentStart
from lipwire.protocol.registry import BY_MESSAGE
from lipwire.reference_driver import lines

MADE_UP = len(sys.argv) > 1
START = BY_MESSAGE[SegmentStart]
(ID, CHECK), *OTHERS = START.checks
_event = lines.Lines.event


def _check(name: str, value: Any) -> Any:
    if value is True:
        sys.stderr.write(f"{name} is true, \x1b[31mnever mind\n")
        return value
    return CHECK(name, value)


def _told(self: lines.Lines, event: str, **fields: Any) -> None:
    if MADE_UP and event == "segment_start":
        fields["segment"] = True
    _event(self, event, **fields)


object.__setattr__(START, "checks", ((ID, _check), *OTHERS))
lines.Lines.event = _told  # type: ignore[method-assign]
runpy.run_module("lipwire.reference_driver", run_name="__main__")
