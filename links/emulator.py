"""The process in the middle: makes both hosts and passes packets between them, as its settings say.

Commands come on standard input and answers go to standard output, a JSON object a line each. It ends, and both hosts
with it, when standard input does; so it never outlives whoever started it.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from lipwire.protocol.channels import Channel
from lipwire.transports.link import Faults, FaultyLink, LinkCounts

from .namespaces import Unavailable, become_root, go_first, make_host

ADDRESSES = ("10.77.0.1", "10.77.0.2")
"""Of the two hosts."""
_MOST_PACKET = 65_536
_ORDERED, _REORDERING = Channel.CONTROL, Channel.MEDIA
"""How a FaultyLink treats packets: jitter, and holding back, reorder only on the latter."""


class Direction:
    """One way across the link, in simulated time: packets in, packets out when they are due."""

    def __init__(self, name: str) -> None:
        self.counts = LinkCounts()
        self._name = name
        self._changes = 0
        self._links: list[FaultyLink] = []
        self._away = False
        self._channel = _ORDERED
        self.change(Faults())

    def change(self, faults: Faults) -> None:
        """Go by these settings from the next packet on; what is under way stays so."""
        faults = replace(faults, channels=frozenset({_ORDERED, _REORDERING}), cut_after=None)
        self._channel = _REORDERING if faults.reorder else _ORDERED
        self._links = [link for link in self._links if link.next_arrival() is not None]
        self._links.append(FaultyLink(faults, connection=self._changes, direction=self._name))
        self._changes += 1

    def cut(self, away: bool) -> None:
        """Take the link away, with all that is under way, or bring it back."""
        self._away = away
        for link in self._links if away else ():
            self._count(link.pop_due(float("inf")), cut=True)

    def push(self, packet: bytes, now: float) -> None:
        """A packet enters the link."""
        link = self._links[-1]
        counts, before = self.counts, (link.counts.lost, link.counts.dropped)
        counts.pushed += 1
        if self._away:
            counts.cut += 1
            return
        link.push(self._channel, packet, now)
        counts.lost += link.counts.lost - before[0]
        counts.dropped += link.counts.dropped - before[1]

    def pop_due(self, now: float) -> list[bytes]:
        """The packets that leave it."""
        return [packet for link in self._links for packet in self._count(link.pop_due(now))]

    def next_deadline(self) -> float:
        """When the next packet leaves it."""
        return min((at for link in self._links if (at := link.next_arrival()) is not None), default=float("inf"))

    def _count(self, out: list[Any], *, cut: bool = False) -> list[bytes]:
        if cut:
            self.counts.cut += len(out)
        else:
            self.counts.delivered += len(out)
        return [packet for _, packet in out]


class Emulator:
    """Joins two TUN devices. ``run`` returns when standard input ends."""

    def __init__(self, devices: tuple[int, int]) -> None:
        self._ways = ((devices[0], Direction("there"), devices[1]), (devices[1], Direction("back"), devices[0]))
        self._commands = b""

    def run(self) -> None:
        """Pass packets on, and do as commanded."""
        clock = time.monotonic
        commands = sys.stdin.fileno()
        files = [commands, *(source for source, _, _ in self._ways)]
        while True:
            now = clock()
            for _, direction, target in self._ways:
                for packet in direction.pop_due(now):
                    _write(target, packet)
            wait = min(direction.next_deadline() for _, direction, _ in self._ways) - clock()
            ready = select.select(files, [], [], None if wait == float("inf") else max(wait, 0.0))[0]
            for source, direction, _ in self._ways:
                while source in ready:
                    try:
                        packet = os.read(source, _MOST_PACKET)
                    except BlockingIOError:
                        break
                    direction.push(packet, clock())
            if commands in ready and not self._take(os.read(commands, 65_536)):
                return

    def _take(self, data: bytes) -> bool:
        """Do the commands that are complete; False: there will be no more."""
        *lines, self._commands = (self._commands + data).split(b"\n")
        for line in lines:
            _answer(self._do(json.loads(line)))
        return bool(data)

    def _do(self, command: dict[str, Any]) -> dict[str, Any]:
        there, back = self._ways[0][1], self._ways[1][1]
        match command:
            case {"change": [first, second]}:
                there.change(_faults(first))
                back.change(_faults(second))
            case {"away": bool(away)}:
                there.cut(away)
                back.cut(away)
            case {"counts": _}:
                return {"counts": [asdict(there.counts), asdict(back.counts)]}
            case _:
                raise ValueError(f"no such command: {command}")
        return {"done": True}


def _faults(settings: dict[str, Any]) -> Faults:
    """The numbers among a Faults, as they travel."""
    return Faults(**settings)


def _write(device: int, packet: bytes) -> None:
    with suppress(BlockingIOError):  # The host's own queue is full: it drops, as any host does.
        os.write(device, packet)


def _answer(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Make the hosts, tell where they are, and pass packets on."""
    try:
        become_root()
        hosts = [make_host(address) for address in ADDRESSES]
    except Unavailable as error:
        _answer({"unavailable": str(error)})
        return
    go_first(2)  # A late packet on a busy machine would be the link's delay.
    _answer({"pid": os.getpid(), "namespaces": [namespace for _, namespace in hosts]})
    Emulator((hosts[0][0], hosts[1][0])).run()
