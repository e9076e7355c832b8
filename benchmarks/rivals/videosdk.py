"""VideoSDK's own AvatarAudioOut and AvatarAudioIn over a fake meeting: no network, no encoding, one call a message."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from videosdk.agents.avatar import AvatarAudioIn, AvatarAudioOut, generate_avatar_credentials

from benchmarks.cpu import CHUNK

from .drive import drive

DISTRIBUTION = "videosdk-agents"


class FakeMeeting:
    """Stands for ``videosdk.Meeting``: what is sent reaches the other end's listeners at once."""

    id = "fake"

    def __init__(self) -> None:
        self.other = self
        self._listeners: list[Any] = []

    def add_event_listener(self, listener: Any) -> None:
        """As the real one."""
        self._listeners.append(listener)

    def remove_event_listener(self, listener: Any) -> None:
        """As the real one."""
        self._listeners.remove(listener)

    async def send(self, payload: bytes | str, options: dict[str, Any]) -> None:
        """Hand the message to the other end."""
        message = {"payload": payload, "from": "agent", "timestamp": 0, "reliability": options["reliability"]}
        for listener in self.other._listeners:
            listener.on_data(message)


async def contender(chunks: int, burst: int) -> float:
    """CPU seconds for so many chunks, ``burst`` of them in flight at a time."""
    agent, avatar = FakeMeeting(), FakeMeeting()
    agent.other, avatar.other = avatar, agent
    out = AvatarAudioOut(
        credentials=generate_avatar_credentials("key", "a secret for a room that is not there", participant_id="avatar")
    )
    out._set_meeting(agent)
    audio = AvatarAudioIn(avatar, sample_rate=24_000)
    took = await drive(out.handle_audio_input, CHUNK, audio, attrgetter("samples"), chunks=chunks, burst=burst)
    await out.aclose()
    await audio.aclose()
    return took
