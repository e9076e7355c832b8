"""What a run is made of: messages, waits and what the machine's own user does. One line of text each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from lipwire.protocol.channels import Channel, Wire


@dataclass(frozen=True, slots=True)
class Message:
    """The hostile peer sends this on the transport in use."""

    data: Wire
    channel: Channel = Channel.CONTROL

    def __str__(self) -> str:
        if isinstance(self.data, str):
            return f"text {json.dumps(self.data)}"
        return f"{self.channel.value} {_hex(self.data)}"


@dataclass(frozen=True, slots=True)
class Greeting:
    """The hostile peer begins a new transport with this."""

    data: Wire

    def __str__(self) -> str:
        return f"greeting {json.dumps(self.data) if isinstance(self.data, str) else _hex(self.data)}"


@dataclass(frozen=True, slots=True)
class Wait:
    """So many seconds pass."""

    seconds: float

    def __str__(self) -> str:
        return f"wait {self.seconds!r}"


@dataclass(frozen=True, slots=True)
class Do:
    """The machine's own user, or its transport, does this; see ``machines.py``."""

    what: str

    def __str__(self) -> str:
        return f"do {self.what}"


Step = Message | Greeting | Wait | Do


def _hex(data: bytes) -> str:
    """Hex, where 16 or more of one byte are told by their number: ``9211 00*960``."""
    pieces, at = [], 0
    for run in re.finditer(rb"(?s)(.)\1{15,}", data):
        pieces += [data[at : run.start()].hex(), f"{run[1].hex()}*{len(run[0])}"]
        at = run.end()
    return " ".join(piece for piece in (*pieces, data[at:].hex()) if piece)


def _unhex(text: str) -> bytes:
    out = b""
    for piece in text.split():
        digits, _, times = piece.partition("*")
        out += bytes.fromhex(digits) * int(times or 1)
    return out


def parse(line: str) -> Step:
    """Read one step back.

    Raises:
        ValueError: it is none.
    """
    verb, _, rest = line.partition(" ")
    match verb:
        case "wait":
            return Wait(float(rest))
        case "do":
            return Do(rest)
        case "text":
            return Message(json.loads(rest))
        case "greeting":
            return Greeting(json.loads(rest) if rest.startswith('"') else _unhex(rest))
        case "control" | "media":
            return Message(_unhex(rest), Channel(verb))
    raise ValueError(f"not a step: {line!r:.80}")


def parse_all(lines: Iterable[str]) -> list[Step]:
    """Read steps, one a line; empty lines and comments (``#``) are left out."""
    return [parse(line) for line in map(str.strip, lines) if line and not line.startswith("#")]
