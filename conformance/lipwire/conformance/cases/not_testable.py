"""Requirements that no case can ask about from outside, and why; a reviewer has to accept each reason."""

from __future__ import annotations

from typing import Final

_ROOM: Final = "it binds in a room, and the specification has a template for rooms but no binding of one yet"
_LOSSY_CONTROL: Final = "it binds where control can be lost: in a room only, of which there is no binding yet"
_VERSION0_CHANNELS: Final = (
    "it binds where control and media are not one ordered channel; version 0 has that in a room only, of which there "
    "is no binding yet, and the kit speaks it over a WebSocket"
)
_PROBE: Final = (
    "it binds in a room whose avatar's version is not known; over the transports that there are the version is given"
)

NOT_TESTABLE: Final[dict[tuple[str, str], str]] = {
    ("LW-AUDIO-11", "sender"): "a segment as long as the limit of 2^40 samples has to be written first: at 24 kHz it "
    "is 530 days long",
    ("LW-ROOM-1", "sender"): _ROOM,
    ("LW-ROOM-2", "sender"): _ROOM,
    ("LW-ROOM-3", "sender"): _ROOM,
    ("LW-CLOSE-8", "sender"): _LOSSY_CONTROL,
    ("LW-ROOM-1", "receiver"): _ROOM,
    ("LW-ROOM-2", "receiver"): _ROOM,
    ("LW-ROOM-3", "receiver"): _ROOM,
    ("LW-CLOSE-8", "receiver"): _LOSSY_CONTROL,
    ("LW-WEBRTC-1", "receiver"): "it binds the peer that makes the offer, and the kit makes it towards a receiver",
    ("LW-V0-25", "receiver"): _VERSION0_CHANNELS,
    ("LW-V0-9", "sender"): _VERSION0_CHANNELS,
    ("LW-V0-31", "sender"): _PROBE,
}
"""By requirement id and role (``sender`` or ``receiver``)."""
