"""Models of the deployed classes.

They are written from what VideoSDK's classes were seen to do; they are not those classes.
"""

from __future__ import annotations

import json

from lipwire.protocol.channels import Channel, Wire

from .wire import END, INTERRUPT, RATE, ack


class DeployedReceiver:
    """A model of the deployed receiving class with a renderer that pushes what it gets, and acks what it pushed."""

    def __init__(self) -> None:
        self.heard: list[list[bytes]] = [[]]
        self.out: list[Wire] = []
        self.deaf_until = 0.0
        self.discarded = 0
        self.acks = True

    def receive(self, message: Wire, now: float) -> None:
        if message in (b"INTERRUPT", "INTERRUPT"):
            self.deaf_until = now + 0.3
            if self.heard[-1]:
                self._ack(interrupted=True)
        elif isinstance(message, bytes):
            if now < self.deaf_until:
                self.discarded += len(message)
            else:
                self.heard[-1].append(message + bytes(len(message) % 2))
        elif message:
            try:
                body = json.loads(message)
            except ValueError:
                self.discarded += len(message.encode())
                return
            if body["type"] == "segment_end" and self.heard[-1]:
                self._ack(interrupted=False)

    def _ack(self, *, interrupted: bool) -> None:
        pushed = sum(map(len, self.heard[-1])) / 2 / RATE
        self.heard.append([])
        if self.acks:
            self.out.append(ack(pushed, interrupted=interrupted))

    def segments(self) -> list[bytes]:
        return [b"".join(one) for one in self.heard if one]


class DeployedSender:
    """A model of the deployed sending class: slices, pads, and dies of an ack that it can not read."""

    def __init__(self) -> None:
        self.out: list[tuple[Channel, Wire]] = []
        self.acks: list[tuple[float, bool]] = []

    def audio(self, pcm: bytes) -> None:
        for at in range(0, len(pcm), 15_000):
            piece = pcm[at : at + 15_000]
            self.out.append((Channel.MEDIA, piece + bytes(len(piece) % 2)))

    def segment_end(self) -> None:
        self.out.append(END)

    def interrupt(self) -> None:
        self.out.append(INTERRUPT)

    def receive(self, message: Wire, now: float) -> None:  # noqa: ARG002
        body = json.loads(message)
        if body["type"] == "stream_ended":
            self.acks.append((body["data"]["playback_position"], body["data"]["interrupted"]))
