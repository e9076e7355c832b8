"""The conformance kit: learns what an implementation of Lipwire does right and wrong, whatever it is written in.

=====================  ================================================================================
what is asked          ``requirements`` (SPEC.md), ``case``, ``cases``
how it is asked        ``driver`` (the program beside the implementation), ``links``, ``peer``, ``play``
what is concluded      ``verdicts``, ``judge`` (of a trace alone), ``run``, ``expected``
how it is told         ``report``
=====================  ================================================================================

Nothing here imports the SDK's state machines: what is expected is written from SPEC.md. The drivers that make the SDK
itself a thing to be tested live apart, in ``lipwire.reference_driver``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .case import CASES, Case
    from .requirements import REQUIREMENTS, Requirement
    from .verdicts import Check, Closing, Result, Verdict

_HOMES = {
    "case": ("CASES", "Case"),
    "requirements": ("REQUIREMENTS", "Requirement"),
    "verdicts": ("Check", "Closing", "Result", "Verdict"),
}


def __getattr__(name: str) -> Any:
    # Imported when it is used: the command line and every run of pytest import this package.
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f".{home}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = ["CASES", "REQUIREMENTS", "Case", "Check", "Closing", "Requirement", "Result", "Verdict"]
