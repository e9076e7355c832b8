"""The numbered statements of SPEC.md, read from its text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Final

from lipwire.protocol.errors import CloseCode
from lipwire.protocol.registry import Role

_STATEMENT: Final = re.compile(r"^\*\*(LW-[A-Z0-9]+-\d+)\*\* \((sender|receiver|both)\) (.+)$")
_HEADING: Final = re.compile(r"^#{2,3} (.+)$")
_LEVELS: Final = ("MUST", "SHOULD", "MAY")
_CODES: Final = frozenset(code.name.lower() for code in CloseCode)
_NEEDS: Final = {
    "REPAIR": "repair",
    "CONTROL": "resume",
    "RESUME": "resume",
    "PAUSE": "pause",
    "MARK": "marks",
    "DATA": "data",
    "CUSTOM": "custom",
    "ROOM": "rooms",
    "V0": "version 0",
}


@dataclass(frozen=True)
class Requirement:
    """One numbered statement."""

    id: str
    role: str
    """Whom it binds: ``sender``, ``receiver`` or ``both``."""
    text: str
    section: str = ""
    """The heading that it stands under."""

    @cached_property
    def level(self) -> str:
        """The strongest key word in it: a breach of MUST is a failure, one of SHOULD a warning."""
        return next((level for level in _LEVELS if re.search(rf"\b{level}\b", self.text)), "")

    @property
    def topic(self) -> str:
        """The middle of its id: ``WIRE`` of ``LW-WIRE-1``."""
        return self.id.split("-")[1]

    @property
    def needs(self) -> str:
        """What has to be in use for it to bind: ``core``, a feature, ``rooms`` or ``version 0``."""
        return _NEEDS.get(self.topic, "core")

    @property
    def codes(self) -> list[str]:
        """The close codes that it names."""
        return [name for name in dict.fromkeys(re.findall(r"`(\w+)`", self.text)) if name in _CODES]

    def binds(self, role: Role) -> bool:
        """Whether a peer of that role has to keep it."""
        return self.role in ("both", role.value)


def spec_path() -> Path:
    """Where SPEC.md is: beside this file in an installed package, at the top of the repository otherwise."""
    installed = Path(__file__).with_name("SPEC.md")
    return installed if installed.exists() else Path(__file__).parents[3] / "SPEC.md"


def read_requirements(text: str) -> list[Requirement]:
    """Every numbered statement, in the order of the text."""
    found, section = [], ""
    for line in text.splitlines():
        if heading := _HEADING.match(line):
            section = heading[1]
        elif statement := _STATEMENT.match(line):
            name, role, body = statement.groups()
            found.append(Requirement(name, role, body, section))
    return found


REQUIREMENTS: Final[Mapping[str, Requirement]] = MappingProxyType(
    {r.id: r for r in read_requirements(spec_path().read_text(encoding="utf-8"))}
)
"""By id, in the order of SPEC.md."""
