"""Cases: what is asked of an implementation, one small question each."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Final, TypeAlias, TypeVar

from lipwire.protocol.registry import Role

from .requirements import REQUIREMENTS, Requirement

Script: TypeAlias = Callable[[Any], Awaitable[None]]
S = TypeVar("S", bound=Script)

TRANSPORTS: Final = ("websocket", "webrtc")


@dataclass(frozen=True, kw_only=True)
class Case:
    """One question."""

    name: str
    """Stable: ``receiver.segments.id_used_before``. The first word is the role of the implementation."""
    requirements: tuple[str, ...]
    """The ids of what it checks; the first one is what it is mainly about."""
    why: str
    """The reason that it exists, in a sentence."""
    script: Script
    features: tuple[str, ...] = ()
    """Features that it needs; the kit offers or chooses exactly these (and what the binding requires)."""
    needs: tuple[str, ...] = ()
    """Further capabilities of the driver that it needs: see DRIVER.md."""
    options: Mapping[str, Any]
    """What the implementation is started with: see DRIVER.md."""
    transports: tuple[str, ...] = TRANSPORTS
    wire: bool = False
    """Nothing but the wire is needed: it can be asked of a receiver without a driver."""
    judged: bool = True
    """The passive judge looks at its trace too. Off where the kit itself breaks rules."""
    version: int = 1
    seconds: float = 60.0
    """What it may take at the most, before patience is multiplied."""

    @property
    def role(self) -> Role:
        """The role of the implementation."""
        return Role(self.name.split(".")[0])

    @property
    def source(self) -> str:
        """The script, to be read."""
        return inspect.getsource(self.script)

    def capabilities(self, transport: str) -> frozenset[str]:
        """All that a driver has to declare for it."""
        binding = ("repair",) if transport == "webrtc" and self.version == 1 else ()
        version = ("version0",) if self.version == 0 else ()
        options = (f"limit.{name}" for name in self.options.get("limits", {}))
        return frozenset((self.role.value, transport, *self.features, *self.needs, *binding, *version, *options))


CASES: Final[dict[str, Case]] = {}
"""All cases by name, once :func:`load_cases` was called."""


def case(
    name: str,
    *requirements: str,
    why: str,
    features: Iterable[str] = (),
    needs: Iterable[str] = (),
    options: Mapping[str, Any] | None = None,
    transports: Iterable[str] = TRANSPORTS,
    wire: bool = False,
    judged: bool = True,
    version: int = 1,
    seconds: float = 60.0,
) -> Callable[[S], S]:
    """Register a script as a case.

    Raises:
        ValueError: the name is taken, or a requirement is not in SPEC.md or does not bind that role.
    """

    def register(script: S) -> S:
        made = Case(
            name=name,
            requirements=requirements,
            why=why,
            script=script,
            features=tuple(features),
            needs=tuple(needs),
            options=dict(options or {}),
            transports=tuple(transports),
            wire=wire,
            judged=judged,
            version=version,
            seconds=seconds,
        )
        if name in CASES:
            raise ValueError(f"there are two cases named {name}")
        if not requirements:
            raise ValueError(f"{name} checks no requirement")
        for requirement in requirements:
            _check_requirement(made, REQUIREMENTS.get(requirement), requirement)
        CASES[name] = made
        return script

    return register


def _check_requirement(made: Case, found: Requirement | None, name: str) -> None:
    if found is None:
        raise ValueError(f"{made.name} names {name}, which is not in SPEC.md")
    if not found.binds(made.role):
        raise ValueError(f"{made.name} names {name}, which binds the {found.role} alone")


def load_cases() -> dict[str, Case]:
    """Import all of ``cases``; gives :data:`CASES`."""
    package = import_module(".cases", __package__)
    for module in iter_modules(package.__path__):
        import_module(f".cases.{module.name}", __package__)
    return CASES
