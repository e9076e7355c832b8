"""What a planted bug is."""

from __future__ import annotations

from typing import NamedTuple


class Bug(NamedTuple):
    """``old`` stands exactly once in ``file``, under ``protocol/lipwire/protocol/``; it moves with the source."""

    name: str
    file: str
    old: str
    new: str
    suffers: str
