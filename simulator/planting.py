"""One change in a copy of the source: for showing that what tests can fail. The working tree is never touched."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

ROOT: Final = Path(__file__).parents[1]


class Change(Protocol):
    """What is replaced by what."""

    @property
    def name(self) -> str:
        """For messages."""

    @property
    def file(self) -> str:
        """Where ``old`` stands, exactly once."""

    @property
    def old(self) -> str:
        """What stands there."""

    @property
    def new(self) -> str:
        """What stands there after the change."""


def copy_source(folders: Iterable[str], into: Path) -> None:
    """Copy folders of the repository."""
    for name in folders:
        shutil.copytree(ROOT / name, into / name, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))


def patched(change: Change, source: str) -> str:
    """Give the source with the change in it.

    Raises:
        ValueError: the old text does not stand there exactly once.
    """
    times = source.count(change.old)
    if times != 1:
        raise ValueError(f"{change.name!r}: its old text stands {times} times in {change.file}, and has to stand once")
    return source.replace(change.old, change.new)


def patch(change: Change, path: Path) -> None:
    """Make the change in a file of a copy.

    Raises:
        ValueError: as :func:`patched`.
    """
    path.write_text(patched(change, path.read_text(encoding="utf-8")), encoding="utf-8")
