"""Running seeds, and telling what came of them."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, field

from lipwire.protocol.states import SessionState

from .memory import check_memory
from .plan import Plan, draw
from .promises import Violation
from .simulation import Simulation, Tracer
from .world import TimeStandsStillError

AT_MOST = 900.0
"""Simulated seconds in which everything ends."""
SETTLES = 40.0
"""Simulated seconds in which all that was sent is acknowledged, once all is over."""


@dataclass
class Outcome:
    """What came of a seed."""

    seed: int
    digest: str = ""
    seconds: float = 0.0
    """Simulated."""
    took: float = 0.0
    """In truth."""
    counts: dict[str, int] = field(default_factory=dict)
    invariant: str | None = None
    problem: str = ""
    at: float = 0.0
    story: list[str] = field(default_factory=list)
    where: str = ""

    @property
    def failed(self) -> bool:
        """Whether a promise was broken."""
        return self.invariant is not None


def run_seed(seed: int, tracer: Tracer | None = None) -> Outcome:
    """Run one session."""
    return run_plan(draw(seed), tracer)


def run_plan(plan: Plan, tracer: Tracer | None = None) -> Outcome:
    """Run the session of a plan, and hold all of it against the invariants."""
    outcome = Outcome(plan.seed)
    began = time.perf_counter()
    simulation = plan.simulation(tracer)
    try:
        _run(plan, simulation)
    except Violation as violation:
        outcome.invariant, outcome.problem = violation.invariant, violation.problem
    except TimeStandsStillError as error:
        outcome.invariant, outcome.problem = "time_passes", str(error)
    except Exception as error:
        outcome.invariant = "nothing_is_raised"
        outcome.problem = f"{type(error).__name__}: {error}"
        outcome.where = "".join(traceback.format_exception(error)[-6:])
    if outcome.failed:
        outcome.story = plan.story()
        outcome.at = simulation.now - simulation.began
    outcome.digest = f"{simulation.digest:08x}.{simulation.messages}"
    outcome.seconds = simulation.now - simulation.began
    outcome.counts = _counts(simulation)
    outcome.took = time.perf_counter() - began
    return outcome


def _run(plan: Plan, simulation: Simulation) -> None:
    plan.schedule(simulation)
    simulation.at(simulation.began + plan.connect_at, simulation.connect)
    simulation.measure = check_memory
    simulation.run(plan.seconds + 0.01)
    simulation.end()
    simulation.pause(False)
    if simulation.receiver_lives and not simulation.history.receiver.lives:  # another session follows
        first = simulation.history
        simulation._advance(
            lambda: simulation.history is not first or first.receiver.lives, simulation.now + _patience(simulation)
        )
        simulation.run(0.0)
    history = simulation.history
    if not history.sender.lives or not history.receiver.lives:
        _run_out(simulation)
        return
    if not simulation._advance(lambda: _all_over(simulation), simulation.now + AT_MOST):
        history.hold("end")
    simulation._advance(lambda: _quiet(simulation), simulation.now + SETTLES)
    if _both_open(simulation):
        history.hold("settled")
        check_memory(simulation)
    _end(plan.ending, simulation)
    _run_out(simulation)


def _all_over(simulation: Simulation) -> bool:
    over = simulation.history.oldest not in simulation.history.segments and simulation.writing is None
    return over or simulation.sender.closed is not None


def _both_open(simulation: Simulation) -> bool:
    receiver = simulation.receiver
    return receiver is not None and {simulation.sender.state, receiver.state} == {SessionState.OPEN}


def _quiet(simulation: Simulation) -> bool:
    """All that was sent in a session that lives has been taken, and that is known."""
    if simulation.sender.closed:
        return True
    history = simulation.history
    numbers = (history.out, history.back)
    return (
        _both_open(simulation)
        and all(one.acknowledged == one.sent for one in numbers)
        and not history.pending
        and all(history.customs_told[way] == len(given) for way, given in history.customs.items())
    )


def _end(ending: str, simulation: Simulation) -> None:
    match ending:
        case "sender closes":
            simulation.close(back=False)
        case "receiver closes":
            simulation.close(back=True)
        case "sender dies" | "sender vanishes":
            simulation.kill_sender(silently=ending == "sender vanishes")
        case "receiver dies" | "receiver vanishes":
            simulation.kill_receiver(silently=ending == "receiver vanishes")
        case "network dies":
            simulation.reconnect = None
            simulation.drop()
        case _:
            raise ValueError(ending)


def _run_out(simulation: Simulation) -> None:
    """The session comes to its end, on the sides that live."""
    history, patience = simulation.history, _patience(simulation)
    simulation._advance(lambda: False, simulation.now + patience)
    if simulation.sender.closed is None and history.sender.lives and history.receiver.lives:
        simulation.close(back=False)
        simulation._advance(lambda: False, simulation.now + patience)
    history.hold("end")
    check_memory(simulation)


def _patience(simulation: Simulation) -> float:
    """In how many seconds a session ends whose peers do, or that can not begin."""
    history = simulation.history
    terms = history.terms
    patience = 3 * terms.keepalive + terms.resume + terms.handshake + 2.0
    if not history.sender.opened:
        patience += terms.connect
    return patience + (history.sender.lives and not history.receiver.lives)


def _counts(simulation: Simulation) -> dict[str, int]:
    histories, receiver = simulation.histories, simulation.receiver
    counts: dict[str, int] = {
        "sessions anew": len(histories) - 1,
        "segments": sum(len(history.segments) for history in histories),
        "messages": simulation.messages,
        "transports": simulation.connections,
        "interrupts": simulation.sender.counters.interrupts,
        "chunks again": simulation.sender.counters.chunks_again,
        "concealed": sum(history.concealed for history in histories),
    }
    if receiver is not None:
        counts["nacks"] = receiver.counters.nacks
    for segment in (one for history in histories for one in history.segments.values()):
        if segment.result is not None:
            name = segment.result.cause.value
            counts[name] = counts.get(name, 0) + 1
    return counts
