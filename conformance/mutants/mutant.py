"""A mutant: one change of the SDK's source, the requirement that it breaks, and the cases that have to say so."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Mutant(NamedTuple):
    """One behaviour that is wrong, such as an implementer would write it."""

    name: str
    """What it does wrong, in the words of a report; used once."""
    file: str
    """``protocol/incoming.py`` stands for ``protocol/lipwire/protocol/incoming.py``."""
    old: str
    """Stands exactly once in that file."""
    new: str
    requirement: str
    """The id of what it breaks."""
    caught_by: tuple[str, ...]
    """Cases that fail because of that requirement; each of them does."""
    transport: str = "websocket"
    """What it is tried over."""

    @property
    def path(self) -> Path:
        """Its file within the repository."""
        package, _, rest = self.file.partition("/")
        return Path(package, "lipwire", package, rest)

    @property
    def role(self) -> str:
        """The role of the implementation that is wrong."""
        return self.caught_by[0].split(".")[0]
