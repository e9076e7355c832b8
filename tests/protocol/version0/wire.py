"""Version 0 as it is on the wire, what carries it, and something to say."""

from __future__ import annotations

import json
import random
from dataclasses import replace

from lipwire.protocol.channels import Binding, Channel, Wire

RATE = 24_000
STREAM = Binding(name="stream", separate_media=False)
ROOM = Binding(
    name="room",
    separate_media=True,
    control_reliable=True,
    media_reliable=False,
    broadcast=True,
    max_message=15_360,
    max_media_message=15_360,
)
LOSSY_ROOM = replace(ROOM, control_reliable=False)
INTERRUPT = (Channel.CONTROL, b"INTERRUPT")
END = (Channel.CONTROL, '{"type": "segment_end"}')


def ack(position: float, *, interrupted: bool = False) -> str:
    return json.dumps({"type": "stream_ended", "data": {"playback_position": position, "interrupted": interrupted}})


def noise(seconds: float, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(round(seconds * RATE) * 2)


def in_frames(pcm: bytes, ms: int = 20) -> list[bytes]:
    size = RATE * 2 * ms // 1000
    return [pcm[at : at + size] for at in range(0, len(pcm), size)]


def as_room(message: Wire) -> Wire:
    """What a room's client makes of a message: valid UTF-8 comes as text."""
    if isinstance(message, bytes):
        try:
            return message.decode()
        except UnicodeDecodeError:
            pass
    return message
