"""How much the two cores hold, and how much they may."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from lipwire.protocol.limits import UNACKNOWLEDGED_BYTES, UNACKNOWLEDGED_MESSAGES

from .simulation import Simulation

_CODE = (type, FunctionType, BuiltinFunctionType, MethodType, ModuleType, Enum)
BASE = 60_000
"""Bytes that a core takes with nothing in it, at most."""
A_SEGMENT = 6_000
"""Bytes of what is kept about a segment, beside its samples, its marks and data, at most."""
CHUNK_OVERHEAD = 1_000


def size_of(root: object) -> tuple[int, int]:
    """Bytes and objects that can be reached from one, code and constants apart; a view counts as what it holds."""
    seen: set[int] = set()
    total, waiting = 0, [root]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, _CODE):
            continue
        seen.add(id(one))
        total += sys.getsizeof(one)
        waiting += _within(one)
    return total, len(seen)


def _within(one: Any) -> list[Any]:
    if isinstance(one, memoryview):
        return [one.obj]
    if isinstance(one, Mapping):
        return [*one.keys(), *one.values()]
    if isinstance(one, (str, bytes, bytearray, int, float)):
        return []
    inner: list[Any] = []
    if hasattr(one, "__dict__"):
        inner.append(vars(one))
    for kind in type(one).__mro__:
        inner += [getattr(one, name) for name in getattr(kind, "__slots__", ()) if hasattr(one, name)]
    if hasattr(one, "__iter__") and not hasattr(one, "__next__"):
        inner += list(one)
    return inner


def check_memory(simulation: Simulation, *, settled: bool = False) -> None:
    """Hold what both sides hold against what was configured; ``settled``: all segments are over."""
    history, sender, receiver = simulation.history, simulation.sender, simulation.receiver
    terms = history.terms
    measured: dict[str, tuple[float, float]] = {
        "numbered messages that the sender keeps": (
            sender.numbered.unacknowledged,
            min(UNACKNOWLEDGED_MESSAGES, _numbers(simulation, out=True)),
        ),
        "bytes in flight": (sender.in_flight, 2 * terms.window * terms.frame),
    }
    waiting = sum(s.written - s.told_received for s in history.in_turn() if s.live)
    live = sum(1 for _ in history.in_turn())
    if history.sender.lives:
        most = BASE + live * A_SEGMENT + 3 * waiting * terms.frame + live * CHUNK_OVERHEAD
        if settled:
            held, _ = size_of(sender)
            measured["bytes that the sender holds when all is over"] = (held, most + UNACKNOWLEDGED_BYTES * 0.02)
    if receiver is not None and history.receiver.lives:
        counters = receiver.counters
        measured |= {
            "samples that the receiver holds": (counters.held_samples, terms.window),
            "segments that live at the receiver": (counters.live_segments, terms.segments),
            "numbered messages that the receiver keeps": (
                receiver.numbered.unacknowledged,
                min(UNACKNOWLEDGED_MESSAGES, _numbers(simulation, out=False)),
            ),
        }
        if settled:
            held, _ = size_of(receiver)
            measured["bytes that the receiver holds when all is over"] = (held, BASE + UNACKNOWLEDGED_BYTES * 0.02)
    history.hold("memory", measured)


def _numbers(simulation: Simulation, *, out: bool) -> int:
    """How many numbered messages can be kept: those that were not acknowledged, and those that wait for a transport."""
    numbers = simulation.history.out if out else simulation.history.back
    core = simulation.sender if out else simulation.receiver
    assert core is not None
    return core.numbered.sent - numbers.acknowledged
