"""The bugs that :mod:`simulator.planted` plants: each a small change of the source, and what a user would suffer.

They are such as an implementer makes: an edge missed, a timer not set again, a count kept wrong.
"""

from __future__ import annotations

from typing import Final

from . import receiver, sender, session
from .bug import Bug

__all__ = ["BUGS", "Bug"]

BUGS: Final = (*sender.BUGS, *session.BUGS, *receiver.BUGS)
"""In the order of ``PLANTED.md``."""
