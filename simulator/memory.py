"""How much the two cores hold, and how much they may."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import Enum
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from lipwire.protocol.limits import UNACKNOWLEDGED_MESSAGES
from lipwire.protocol.receiver import ReceiverConnection

from .simulation import Simulation

_CODE = (type, FunctionType, BuiltinFunctionType, MethodType, ModuleType, Enum)
BASE = 60_000
"""Bytes that a core takes with nothing in it, at most."""
A_SEGMENT = 6_000
"""Bytes of what is kept about a segment, beside its samples, at most."""
A_BYTE = 6
"""Bytes that are held for each byte of samples, at most: short pieces have long heads, a view keeps what it is of."""
A_NUMBER = 2_000
"""Bytes of a numbered message that is kept, or of a mark or data that waits, at most."""


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


def check_memory(simulation: Simulation, deep: bool = True) -> None:
    """Hold what both sides hold against the truth and what was configured; ``deep``: all that can be reached."""
    history = simulation.history
    measured: dict[str, tuple[float, float]] = {}
    if history.sender.lives:
        measured |= _sender(simulation, deep)
    if simulation.receiver is not None and history.receiver.lives:
        measured |= _receiver(simulation, simulation.receiver, deep)
    history.hold("memory", measured)


def _sender(simulation: Simulation, deep: bool) -> dict[str, tuple[float, float]]:
    history, core = simulation.history, simulation.sender
    terms = history.terms
    open_ones = list(history.in_turn())
    waiting = sum(one.written - one.sent for one in open_ones if one.live)
    kept = sum(one.written - one.told_received for one in open_ones if one.live)
    most_numbers = min(UNACKNOWLEDGED_MESSAGES, _numbers(simulation, out=True))
    measured: dict[str, tuple[float, float]] = {
        "samples that wait at the sender": (core.buffered, waiting),
        "bytes in flight": (core.in_flight, terms.window * terms.frame),
        "numbered messages that the sender keeps": (core.numbered.unacknowledged, most_numbers),
    }
    if deep:
        given = sum(len(one.marks) + len(one.data) for one in open_ones)
        most = BASE + len(open_ones) * A_SEGMENT + kept * terms.frame * A_BYTE + (most_numbers + given) * A_NUMBER
        measured["bytes that the sender holds"] = (size_of(core)[0], most)
    return measured


def _receiver(simulation: Simulation, core: ReceiverConnection, deep: bool) -> dict[str, tuple[float, float]]:
    history = simulation.history
    terms = history.terms
    there = [one for one in history.segments.values() if one.cut_at is None and not one.over]
    held = sum(one.came.count - one.handed for one in there)
    live = sum(one.start_came and not one.over for one in history.segments.values())
    most_numbers = min(UNACKNOWLEDGED_MESSAGES, _numbers(simulation, out=False))
    measured: dict[str, tuple[float, float]] = {
        "samples that the receiver holds": (core.counters.held_samples, min(held, terms.window)),
        "segments that live at the receiver": (core.counters.live_segments, min(live, terms.segments)),
        "numbered messages that the receiver keeps": (core.numbered.unacknowledged, most_numbers),
    }
    if deep:
        given = sum(len(one.marks) + len(one.data) for one in history.segments.values() if not one.over)
        most = BASE + live * A_SEGMENT + held * terms.frame * A_BYTE + (most_numbers + given) * A_NUMBER
        measured["bytes that the receiver holds"] = (size_of(core)[0], most)
    return measured


def _numbers(simulation: Simulation, *, out: bool) -> int:
    """How many numbered messages can be kept: those that were not acknowledged, and those that wait for a transport."""
    numbers = simulation.history.out if out else simulation.history.back
    core = simulation.sender if out else simulation.receiver
    assert core is not None
    return core.numbered.sent - numbers.acknowledged
