"""What the protocol needs to know of a transport (SPEC §5): its channels and what they promise."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

Wire: TypeAlias = bytes | str
"""One message as a transport carries it. Version 1 sends bytes only; version 0 also uses text."""


class Channel(Enum):
    """The two ways a message can travel."""

    CONTROL = "control"
    """Ordered, and as reliable as the transport can make it."""
    MEDIA = "media"
    """May lose, reorder and duplicate."""


@dataclass(frozen=True, kw_only=True)
class Binding:
    """What one kind of transport promises. Each transport has one as its ``binding``.

    ``max_message`` and ``max_media_message`` are in bytes and bound what may be *sent* on each channel.
    """

    name: str
    separate_media: bool
    """False: both channels are one and the same, and what is sent "on both" goes once."""
    control_reliable: bool = True
    """False: control messages can be lost (a room), so they have to be numbered and resent."""
    media_reliable: bool = True
    """False: media messages can be lost, reordered or duplicated, so ``repair`` is needed."""
    broadcast: bool = False
    """True: others hear what is sent (a room), so no bearer secret may be sent."""
    max_message: int = 65_536
    max_media_message: int = 65_536
