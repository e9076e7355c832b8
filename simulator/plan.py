"""What a seed means: a network, limits, a consumer, and what the agent and fate do, when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from lipwire.protocol.channels import Binding
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.registry import Feature
from lipwire.transports.link import Faults

from .player import Player
from .samples import MONO
from .simulation import BINDINGS, LOSSY, Simulation, Tracer
from .truth import Terms
from .world import MEMORY

Step = tuple[float, str, dict[str, Any]]
"""When, what, and with what."""


@dataclass
class Plan:
    """All that is drawn before a session begins. ``steps`` are told by name, so that a report can tell them."""

    seed: int
    binding: Binding = MEMORY
    out: Faults = field(default_factory=Faults)
    back: Faults = field(default_factory=Faults)
    limits: dict[str, Any] = field(default_factory=dict)
    player: dict[str, Any] = field(default_factory=dict)
    features: frozenset[Feature] = frozenset(Feature)
    format: PcmFormat = MONO
    reconnect: float = 0.1
    connect_at: float = 0.0
    steps: list[Step] = field(default_factory=list)
    seconds: float = 0.0
    """When the steps are over."""
    ending: str = "sender closes"
    buffer: float = 600.0

    def story(self) -> list[str]:
        """The plan in a few lines."""
        channels = "".join(sorted(c.value[0] for c in self.out.channels)) or "none"
        lines = [f"{self.binding.name}, lossy channels: {channels}, {self.ending} at the end"]
        for way, faults in (("out", self.out), ("back", self.back)):
            given = {k: v for k, v in vars(faults).items() if v not in (0, None) and k not in ("seed", "channels")}
            lines.append(f"{way}: " + ", ".join(f"{k} {v:g}" for k, v in given.items()))
        lines.append(f"{self.format}, reconnects after {self.reconnect:g} s")
        lines.append(f"limits {self.limits}, consumer {self.player}")
        lines.append("features: " + (", ".join(sorted(f.value for f in self.features)) or "none"))
        lines += [f"{at:7.3f} {what} {', '.join(f'{k} {v}' for k, v in more.items())}" for at, what, more in self.steps]
        return lines

    def simulation(self, tracer: Tracer | None = None) -> Simulation:
        """The session, before it has begun."""
        numbered = Feature.RESUME in self.features
        latency = sum(f.delay + f.jitter + f.reorder_delay * bool(f.reorder) for f in (self.out, self.back))
        queued = sum(f.queue / f.rate if f.rate else 0.0 for f in (self.out, self.back))
        limits = self.limits
        terms = Terms(
            rate=self.format.rate,
            frame=self.format.frame_bytes,
            window=-(-round(limits.get("window", 2.0) * self.format.rate * 1_000_000) // 1_000_000),
            segments=limits.get("segments", 64),
            cooldown=limits.get("cooldown", 0.3),
            grace=limits.get("grace", 5.0),
            resume=limits.get("resume", 10.0) if numbered else 0.0,
            keepalive=limits.get("keepalive", 5.0),
            handshake=limits.get("handshake", 10.0),
            connect=30.0,
            repair_timeout=limits.get("repair_timeout", 1.0),
            repair=Feature.REPAIR in self.features,
            numbered=numbered,
            flow=limits.get("repair_timeout", 1.0) + 4.0 + 20 * latency + 2 * queued,
            buffer=round(self.buffer * self.format.rate),
        )
        return Simulation(
            terms,
            tracer=tracer,
            binding=self.binding,
            faults=self.out,
            back=self.back,
            player=Player(**self.player),
            format=self.format,
            reconnect=self.reconnect,
            sender={"features": self.features},
            receiver={"features": self.features},
            **limits,
        )

    def schedule(self, simulation: Simulation) -> None:
        """Put the steps into the world's script."""
        for at, what, more in self.steps:
            simulation.at(simulation.began + at, self._action(simulation, what, more))

    def _action(self, simulation: Simulation, what: str, more: dict[str, Any]) -> Callable[[], Any]:
        if what == "consumer":
            return lambda: vars(simulation.player).update(more)
        if what == "restart_receiver":
            return lambda: simulation.restart_receiver(Player(**self.player))
        return lambda: getattr(simulation, what)(**more)


def draw(seed: int) -> Plan:
    """Draw a plan."""
    random = Random(f"lipwire {seed}")
    plan = Plan(seed)
    plan.binding = BINDINGS[random.choices(list(BINDINGS), [1, 1, 4, 2])[0]]
    _draw_network(plan, random)
    _draw_limits(plan, random)
    _draw_consumer(plan, random)
    if plan.binding.media_reliable and random.random() < 0.2:
        plan.features = frozenset(f for f in Feature if random.random() < 0.5)
    _draw_steps(plan, random)
    plan.ending = random.choices(
        ["sender closes", "receiver closes", "sender dies", "receiver dies", "sender vanishes", "receiver vanishes",
         "network dies"],
        [6, 2, 1, 1, 1, 1, 1],
    )[0]  # fmt: skip
    _draw_more(plan, Random(f"lipwire more {seed}"))
    return plan


def _draw_more(plan: Plan, random: Random) -> None:
    """Draw what came to be drawn later: from numbers of its own, so that the seeds remain as they were otherwise."""
    plan.format = random.choices(
        [MONO, PcmFormat(MONO.rate, 2), PcmFormat(MONO.rate, 1, "f32le"), PcmFormat(MONO.rate, 2, "f32le")],
        [5, 1, 1, 1],
    )[0]  # fmt: skip
    if random.random() < 0.15:
        plan.player["vague"] = True
    _draw_restart(plan, random)


def _draw_restart(plan: Plan, random: Random) -> None:
    """Draw a receiver that comes back after it was killed, and knows of nothing."""
    killed = [at for at, what, _ in plan.steps if what == "kill_receiver"]
    if not killed and random.random() < 0.03:
        killed = [random.uniform(0.0, plan.seconds + 0.5)]
        plan.steps.append((killed[0], "kill_receiver", {"silently": random.random() < 0.5}))
    if killed and random.random() < 0.8:
        at = killed[0] + random.choice([0.0, 0.1, 0.5, 3.0, 12.0])
        plan.steps.append((at, "restart_receiver", {}))
        for _ in range(random.choice([1, 2])):
            at += random.choice([0.0, 0.3, 2.0])
            plan.steps.append((at, "speak", {"seconds": 1.0, "pace": random.choice([0.0, 1.0]), "piece": 0.04}))
        if random.random() < 0.5:
            plan.steps.append((at + 0.2, "interrupt", {}))
    plan.steps.sort(key=lambda step: step[0])
    plan.seconds = max(step[0] for step in plan.steps)


def _draw_network(plan: Plan, random: Random) -> None:
    channels = LOSSY[plan.binding.name]
    kind = random.choices(["good", "random", "bursts", "narrow", "any"], [2, 3, 2, 1, 3])[0]
    delay = random.choice([0.0, 0.002, 0.01, 0.03, 0.06, 0.12])
    base: dict[str, Any] = {"delay": delay, "channels": channels}
    if kind in ("random", "any"):
        base["loss"] = random.choice([0.01, 0.05, 0.1, 0.2, 0.3])
    if kind == "bursts" or (kind == "any" and random.random() < 0.5):
        base["loss"] = random.choice([0.05, 0.1, 0.2, 0.3])
        base["burst"] = random.choice([2.0, 4.0, 8.0])
    if kind != "good":
        base["jitter"] = random.choice([0.0, 0.005, 0.02, 0.05])
        base["reorder"] = random.choice([0.0, 0.05, 0.2])
        base["reorder_delay"] = random.choice([0.02, 0.05, 0.15])
        base["duplicate"] = random.choice([0.0, 0.05, 0.2])
    if kind == "narrow" or (kind == "any" and random.random() < 0.3):
        base["rate"] = random.choice([32_000.0, 64_000.0, 125_000.0])
        base["queue"] = random.choice([8_000, 16_000, 64_000])
    back = dict(base)
    if random.random() < 0.3:  # another way back
        back["loss"] = random.choice([0.0, 0.1, 0.3])
        back.pop("burst", None)
        back["delay"] = random.choice([0.0, 0.01, 0.05])
    plan.out = Faults(**base, seed=random.getrandbits(32))
    plan.back = Faults(**back, seed=random.getrandbits(32))
    plan.reconnect = random.choice([0.0, 0.02, 0.1, 0.5])


def _draw_limits(plan: Plan, random: Random) -> None:
    limits = plan.limits
    limits["grace"] = random.choice([1.0, 2.0, 5.0])
    limits["keepalive"] = random.choice([0.3, 1.0, 5.0])
    limits["resume"] = random.choice([2.0, 5.0, 10.0])
    limits["repair_timeout"] = random.choice([0.2, 0.5, 1.0, 2.0])
    limits["cooldown"] = random.choice([0.0, 0.1, 0.3, 1.0])
    limits["window"] = random.choice([0.3, 1.0, 2.0, 2.0, 5.0])
    if random.random() < 0.2:
        limits["segments"] = random.choice([4, 8])


def _draw_consumer(plan: Plan, random: Random) -> None:
    kind = random.choices(
        ["plain", "close", "greedy", "slow", "bursty", "late", "mute", "stuck", "fails", "fast", "terse"],
        [5, 2, 2, 1, 2, 2, 1, 1, 1, 1, 1],
    )[0]  # fmt: skip
    player: dict[str, Any] = {"ahead": random.choice([0.1, 0.2, 0.5]), "report_every": random.choice([0.05, 0.1, 0.25])}
    match kind:
        case "close":
            player["ahead"] = 0.01
        case "greedy":
            player["ahead"] = 1_000.0
        case "slow":
            player["speed"] = 0.5
        case "bursty":
            player |= {"read_every": random.choice([0.1, 0.4]), "ahead": 1.0}
        case "late":
            player["reset_time"] = random.choice([0.05, 0.2, 0.6, 3.0])
        case "mute":
            player["mute"] = True
        case "stuck":
            plan.steps.append((random.uniform(0.5, 3.0), "consumer", {"stuck": True}))
            if random.random() < 0.5:
                plan.steps.append((random.uniform(3.5, 6.0), "consumer", {"stuck": False}))
        case "fails":
            player["fails"] = frozenset(random.sample(range(1, 8), 3))
        case "terse":
            player["terse"] = True
        case "fast":
            player["speed"] = 3.0
        case _:
            pass
    plan.player = player


def _draw_steps(plan: Plan, random: Random) -> None:
    steps = plan.steps
    at = random.choice([0.0, 0.0, 0.05, 0.3])
    plan.connect_at = 0.0 if random.random() < 0.8 else random.uniform(0.0, 0.5)
    for _ in range(random.choice([1, 2, 3, 4, 6])):
        seconds = random.choice([0.0, 0.02, 0.13, 0.5, 1.0, 1.7, 3.0])
        pace = random.choice([0.0, 0.0, 1.0, 1.0, 5.0])
        piece = random.choice([0.02, 0.04, 0.06, 0.1, 0.25])
        steps.append((at, "speak", {"seconds": seconds, "pace": pace, "piece": piece}))
        for _ in range(random.choice([0, 0, 1, 3])):
            what = random.choice(["mark", "data"])
            where = {"back": random.choice([0, 0, 1]), "ahead": random.choice([-0.3, 0.0, 0.2, 1.0])}
            steps.append((at + random.random() * seconds, what, where))
        at += random.choice([0.0, 0.3, 0.8]) * seconds + random.choice([0.0, 0.05, 0.3])
        if random.random() < 0.5:
            steps.append((at, "interrupt", _whom(random)))
            at += random.choice([0.0, 0.0, 0.001, 0.1, 0.4])
    if random.random() < 0.15:  # many short ones, one behind the other
        for _ in range(random.choice([5, 10, 20])):
            seconds = random.choice([0.0, 0.02, 0.05, 0.13])
            steps.append((at, "speak", {"seconds": seconds, "pace": 0.0, "piece": 0.1}))
            at += random.choice([0.0, 0.0, 0.01])
            if random.random() < 0.15:
                steps.append((at, "interrupt", _whom(random)))
    end = at + 1.0
    for _ in range(random.choice([0, 0, 1, 2])):
        begin = random.uniform(0.0, end)
        steps.append((begin, "pause", {"paused": True}))
        steps.append((begin + random.choice([0.0, 0.05, 0.5, 2.0]), "pause", {"paused": False}))
    for _ in range(random.choice([0, 0, 1, 5])):
        steps.append((random.uniform(0.0, end), "custom", {"back": random.random() < 0.5}))
    for _ in range(random.choice([0, 0, 1, 2, 5])):
        _draw_break(plan, random, random.uniform(0.0, end))
    if random.random() < 0.1:  # one break on the other
        begin = random.uniform(0.0, end)
        # In short pieces: they are joined when they go again, so that what goes again overlaps what has arrived.
        pace, piece = random.choice([1.0, 3.0]), random.choice([0.005, 0.01, 0.02])
        steps.append((begin, "speak", {"seconds": 2.0, "pace": pace, "piece": piece}))
        for _ in range(random.choice([4, 8])):
            begin += random.choice([0.02, 0.1, 0.25, 0.4])
            _draw_break(plan, random, begin)
    if random.random() < 0.1:
        steps.append((random.uniform(0.0, end), "reset_done", {}))
    if random.random() < 0.03:
        steps.append((random.uniform(0.0, end), "close", {"back": random.random() < 0.5}))
    if random.random() < 0.03:
        steps.append((random.uniform(0.0, end), random.choice(["kill_sender", "kill_receiver"]),
                      {"silently": random.random() < 0.5}))  # fmt: skip
    steps.sort(key=lambda step: step[0])
    plan.seconds = max(step[0] for step in steps)


def _whom(random: Random) -> dict[str, Any]:
    if random.random() < 0.6:
        return {}
    return {"back": random.choice([0, 0, 1, 2]), "cancelled": random.random() < 0.3}


def _draw_break(plan: Plan, random: Random, at: float) -> None:
    kind = random.choices(["seen", "half", "unseen", "switch"], [5, 2, 1, 2])[0]
    if kind == "switch" and plan.features == frozenset(Feature) and random.random() < 0.5:
        plan.steps.append((at, "switch", {"to": random.choice(list(BINDINGS))}))
    elif kind == "switch":
        plan.steps.append((at, "connect", {}))
    elif kind == "seen":
        plan.steps.append((at, "drop", {}))
    elif kind == "half":
        sender = random.random() < 0.5
        plan.steps.append((at, "drop", {"sender": sender, "receiver": not sender}))
    else:
        plan.steps.append((at, "drop", {"sender": False, "receiver": False}))
