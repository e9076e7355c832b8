"""What is promised, as small functions: each holds one fact against what is known, and gives what is wrong, or None.

Their names are what a report shows.
"""

from ..promises import INVARIANTS
from . import sent, told, waits

__all__ = ["all_names", "sent", "told", "waits"]


def all_names() -> list[str]:
    """The names of all of them."""
    return sorted({check.__name__ for checks in INVARIANTS.values() for check in checks})
