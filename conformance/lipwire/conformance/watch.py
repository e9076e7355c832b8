"""Somebody who looks on while a case is played: see :class:`lipwire.conformance.manual.Manual`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .trace import Entry

if TYPE_CHECKING:
    from .play import Play


class Watch(Protocol):
    """Is told of everything while it happens."""

    async def starts(self, play: Play) -> None:
        """The implementation is about to be started, or to be connected to."""

    def started(self, play: Play) -> None:
        """It has been."""

    def saw(self, entry: Entry) -> None:
        """Something came, went or was sent."""

    def step(self, words: str) -> None:
        """The kit does something."""
