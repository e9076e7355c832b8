"""Traces made by hand, for the judge: what each peer sends, in the order in which one place sees it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Self

from lipwire.conformance import messages as m
from lipwire.conformance.judge import Finding, Judge
from lipwire.conformance.recorded import BETWEEN
from lipwire.conformance.trace import Entry, read
from lipwire.protocol.channels import Channel
from lipwire.protocol.registry import Role
from lipwire.protocol.trace import message_record

SESSION = bytes(range(16))
LIMITS = {"window": 4_800, "message": 65_536, "segments": 4, "cooldown": 300, "resume": 10_000, "keepalive": 5_000}
_FROM_RECEIVER = frozenset({2, 21, 25, 27, 28, 29, 30})


class Session:
    """Builds a trace; ``features`` are offered and chosen. ``webrtc``: media is a channel of its own."""

    def __init__(self, *features: str, webrtc: bool = False, opened: bool = True, **limits: Any) -> None:
        self.trace: list[Entry] = []
        self.features = features
        self.webrtc = webrtc
        self.transport = 1
        self.limits = LIMITS | limits
        self.numbers = dict.fromkeys(Role, 0)
        self.secret = b"s" * 16 if "resume" in features else None
        if opened:
            self.says(self.hello(), self.welcome())

    def hello(self, **fields: Any) -> list[Any]:
        return m.hello(SESSION, **{"features": self.features} | fields)

    def welcome(self, **fields: Any) -> list[Any]:
        options = {"features": self.features, "limits": self.limits, "secret": self.secret} | fields
        return m.welcome(options.pop("session", SESSION), **options)

    def sender(self, *messages: m.Raw, **options: Any) -> Self:
        """Let the sender send these; numbered ones in ``numbered``, where resume is in use."""
        return self._send(Role.SENDER, messages, **options)

    def receiver(self, *messages: m.Raw, **options: Any) -> Self:
        """Let the receiver send these."""
        return self._send(Role.RECEIVER, messages, **options)

    def says(self, *messages: list[Any]) -> Self:
        """Let each message be sent by the peer whose it is; the sender where it may be either."""
        for message in messages:
            (self.receiver if message[0] in _FROM_RECEIVER else self.sender)(message)
        return self

    def fence(self, role: Role = Role.RECEIVER, times: int = 1) -> Self:
        """Let the other peer ping, and this role answer: it has surely taken all that came before."""
        for _ in range(times):
            t1 = 10_000 + len(self.trace)
            self._send(role.other, [m.ping(t1)])
            self._send(role, [m.pong(t1)])
        return self

    def resume(
        self,
        *,
        taken: int = 0,
        count: int = 0,
        rows: Sequence[Any] = (),
        credential: bytes | None = None,
        **fields: Any,
    ) -> Self:
        """Go on over a new transport; ``fields`` of the hello, or with ``w_`` before them of the welcome."""
        self.transport += 1
        proof, self.secret = credential or self.secret, b"t" * 15 + bytes([self.transport])
        greeting = {"generation": self.transport, "resume": [proof, taken]}
        answer = {"generation": self.transport, "state": [count, list(rows)]}
        for name, value in fields.items():
            (answer if name.startswith("w_") else greeting)[name.removeprefix("w_")] = value
        return self.says(self.hello(**greeting), self.welcome(**answer))

    def _send(self, by: Role, messages: Sequence[m.Raw], *, channel: Channel | None = None, bare: bool = False) -> Self:
        for message in messages:
            kind = message[0] if isinstance(message, list) and message else None
            media = self.webrtc and kind in m.MEDIA_TYPES
            if isinstance(message, list) and kind in m.NUMBERED_TYPES and "resume" in self.features and not bare:
                self.numbers[by] += 1
                message = m.numbered(self.numbers[by], 0, message)
            at = len(self.trace)
            self.trace.append(
                read(
                    m.pack(message),
                    index=at,
                    at=at / 1_000,
                    by=by,
                    transport=self.transport,
                    channel=channel or (Channel.MEDIA if media else Channel.CONTROL),
                )
            )
        return self

    def judged(self, binding: str | None = "") -> tuple[list[Finding], Judge]:
        """What the judge finds, and the judge."""
        judging = Judge(("webrtc" if self.webrtc else "websocket") if binding == "" else binding)
        return [finding for entry in self.trace for finding in judging.take(entry)], judging


def begun(*features: str, samples: int = 480, **options: Any) -> Session:
    """A session with one segment that has begun."""
    return Session(*features, **options).sender(m.segment_start(1), m.audio(1, 0, m.pcm(samples)))


def ended(*features: str, samples: int = 480, **options: Any) -> Session:
    """As :func:`begun`, and all of it was sent."""
    return begun(*features, samples=samples, **options).sender(m.segment_end(1, samples))


def played(*features: str, samples: int = 480, **options: Any) -> Session:
    """A session with one segment that was played to its end."""
    session = ended(*features, samples=samples, **options)
    return session.receiver(m.stream_started(1), m.progress(1, samples, samples, samples), m.stream_ended(1, samples))


def cut(*features: str, consumed: int = 240, **options: Any) -> Session:
    """A session whose first segment was cut, and that the receiver has confirmed."""
    session = begun(*features, **options).sender(m.interrupt(1))
    return session.receiver(m.cut(1, 1, [(1, consumed)]))


def lines(trace: Sequence[Entry], **more: Any) -> str:
    """A trace as JSON lines, as ``listen`` writes it."""
    records = []
    for entry in trace:
        record = message_record(entry.by.value, "out", entry.channel, entry.data, entry.at)
        record |= {"place": BETWEEN, "transport": entry.transport, "binding": "websocket"}
        records.append(json.dumps(record | more) + "\n")
    return "".join(records)
