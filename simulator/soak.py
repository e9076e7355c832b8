"""One long conversation, with interrupts and cuts, and the size of everything that could grow."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from random import Random
from typing import Any

from lipwire.protocol.channels import Channel
from lipwire.protocol.states import SessionState
from lipwire.transports.link import Faults

from .memory import size_of
from .plan import Plan
from .promises import Violation
from .simulation import Simulation
from .world import WEBRTC

EVERY = 60.0
"""Simulated seconds between one look at the sizes and the next."""
LET_GROW = 1.15, 4_000
"""The largest of the last third may be so many times the largest of the first third, and so many bytes more."""


@dataclass
class Look:
    """What was held at a quiet moment."""

    at: float
    """Simulated seconds since the beginning."""
    sender_bytes: int
    sender_objects: int
    receiver_bytes: int
    receiver_objects: int
    segments: int
    """That have begun so far."""
    unacknowledged: int
    """Numbered messages, of both sides."""
    waiting: int
    """Samples, at both sides."""


def soak(hours: float, seed: int = 1) -> tuple[list[Look], dict[str, Any]]:
    """Hold a conversation of so many simulated hours, against all invariants.

    Raises:
        Violation: a promise was broken, or something grew.
    """
    random = Random(f"lipwire soak {seed}")
    faults = Faults(
        delay=0.03, jitter=0.01, loss=0.05, reorder=0.05, duplicate=0.02, seed=seed, channels=frozenset({Channel.MEDIA})
    )
    limits = {"grace": 3.0, "keepalive": 2.0, "repair_timeout": 2.0}
    plan = Plan(seed, WEBRTC, faults, faults, limits, {"ahead": 0.3, "reset_time": 0.05})
    simulation = plan.simulation()
    simulation.connect()
    looks: list[Look] = []
    began = time.perf_counter()
    end = simulation.now + hours * 3_600
    look_at = simulation.now + EVERY
    while simulation.now < end:
        _turn(simulation, random)
        if simulation.now >= look_at:
            look_at += EVERY
            looks.append(_look(simulation))
            simulation.history.forget()
    simulation.close(back=False)
    simulation.run(10.0)
    _hold_still(looks)
    core = simulation.sender
    report = {
        "simulated seconds": round(simulation.now - simulation.began),
        "seconds": round(time.perf_counter() - began, 1),
        "segments": core.next_segment - 1,
        "interrupts": core.counters.interrupts,
        "transports": simulation.connections,
        "messages": simulation.messages,
        "chunks sent again": core.counters.chunks_again,
        "digest": f"{simulation.digest:08x}",
    }
    return looks, report


def _turn(simulation: Simulation, random: Random) -> None:
    """A turn of the conversation: something is said, perhaps interrupted, and perhaps the transport breaks."""
    seconds = random.choice([0.3, 1.0, 2.5, 6.0])
    simulation.speak(seconds, pace=random.choice([0.0, 1.0, 3.0]), piece=0.06)
    for _ in range(random.choice([0, 1, 3])):
        random.choice([simulation.mark, simulation.data])(0, random.uniform(0.0, seconds))
    if random.random() < 0.1:
        simulation.custom(back=random.random() < 0.5)
    simulation.run(seconds * random.uniform(0.1, 1.3))
    if random.random() < 0.15:
        simulation.drop(sender=random.random() < 0.8, receiver=random.random() < 0.8)
    if random.random() < 0.05:
        simulation.pause(True)
        simulation.run(random.uniform(0.1, 1.0))
        simulation.pause(False)
    if random.random() < 0.4:
        simulation.interrupt(random.choice([None, None, 0]))
        simulation._settle()


def _look(simulation: Simulation) -> Look:
    """Wait until all is quiet, and measure."""
    simulation.end()
    history = simulation.history
    simulation.run_until(
        lambda: (
            history.oldest not in history.segments
            and simulation.receiver is not None
            and {simulation.sender.state, simulation.receiver.state} == {SessionState.OPEN}
        ),
        within=300.0,
    )
    simulation.run(5.0)
    core = simulation.core
    sender_bytes, sender_objects = size_of(simulation.sender)
    receiver_bytes, receiver_objects = size_of(core)
    return Look(
        at=round(simulation.now - simulation.began, 3),
        sender_bytes=sender_bytes,
        sender_objects=sender_objects,
        receiver_bytes=receiver_bytes,
        receiver_objects=receiver_objects,
        segments=simulation.sender.next_segment - 1,
        unacknowledged=simulation.sender.numbered.unacknowledged + core.numbered.unacknowledged,
        waiting=simulation.sender.buffered + core.counters.held_samples,
    )


def _hold_still(looks: list[Look]) -> None:
    """Nothing may grow: what is held late in the conversation is what was held early in it."""
    third = max(1, len(looks) // 3)
    early, late = looks[:third], looks[-third:]
    times, more = LET_GROW
    for name in ("sender_bytes", "receiver_bytes", "sender_objects", "receiver_objects", "unacknowledged", "waiting"):
        before, after = (max(getattr(look, name) for look in part) for part in (early, late))
        room = more if name.endswith("bytes") else more / 100
        if after > before * times + room:
            raise Violation("nothing_grows", f"{name} was at most {before} early, and {after} late")


def main(hours: float, seed: int, *, as_json: bool) -> int:
    """Hold the conversation and report; 1 when a promise was broken."""
    try:
        looks, report = soak(hours, seed)
    except Violation as violation:
        print(violation)
        return 1
    if as_json:
        print(json.dumps(report | {"looks": [vars(look) for look in looks]}, indent=1))
        return 0
    print(" simulated  sender         receiver       segments  unacknowledged  samples")
    for look in looks[:: max(1, len(looks) // 12)]:
        print(
            f"{look.at:8.0f} s  {look.sender_bytes:7,} bytes  {look.receiver_bytes:7,} bytes  {look.segments:8,}"
            f"  {look.unacknowledged:14}  {look.waiting:7}"
        )
    print("; ".join(f"{name} {value}" for name, value in report.items()) + "; nothing grew")
    return 0
