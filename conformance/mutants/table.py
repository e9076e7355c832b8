"""``MUTANTS.md``: which mutants there are, what each breaks, and what catches it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from lipwire.conformance.words import counted

from .mutant import Mutant

TABLE: Final = Path(__file__).parents[1] / "MUTANTS.md"
HUNTED: Final = Path(__file__).with_name("hunted.json")
"""By name of mutant, all cases that caught it when it was last hunted."""

_HEAD: Final = """\
# Mutants of the SDK, and the cases that catch them

Made by `python -m conformance.mutants`: each mutant is the SDK with one behaviour wrong, such as implementers get
wrong, run behind the reference driver. It counts as caught when a case fails because of the very requirement that the
mutant breaks. *Cases* is how many of those that name that requirement do so (counted by `--hunt`).
`PART/FILE` is `PART/lipwire/PART/FILE` in the repository.

"""


def read_hunted(path: Path = HUNTED) -> dict[str, list[str]]:
    """What the last hunts found."""
    loaded: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return loaded


def write_hunted(hunted: Mapping[str, Sequence[str]], path: Path = HUNTED) -> None:
    """Keep what hunts have found."""
    path.write_text(json.dumps(hunted, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def table(groups: Mapping[str, Sequence[Mutant]], hunted: Mapping[str, Sequence[str]]) -> str:
    """The mutants as they stand in ``MUTANTS.md``."""
    mutants = [mutant for group in groups.values() for mutant in group]
    requirements = {mutant.requirement for mutant in mutants}
    parts = [_HEAD, f"{counted(len(mutants), 'mutant')}, which break {counted(len(requirements), 'requirement')}.\n"]
    for title, group in groups.items():
        parts.append(f"\n## {title}\n\n")
        parts.append("| mutant | in | breaks | over | caught by | cases |\n|---|---|---|---|---|---|\n")
        parts += [_row(mutant, hunted.get(mutant.name)) for mutant in group]
    return "".join(parts)


def _row(mutant: Mutant, hunted: Sequence[str] | None) -> str:
    over = {"websocket": "WebSocket", "webrtc": "WebRTC"}[mutant.transport]
    cases = "<br>".join(f"`{name}`" for name in mutant.caught_by)
    count = "" if hunted is None else str(len(hunted))
    return f"| {mutant.name} | `{mutant.file}` | {mutant.requirement} | {over} | {cases} | {count} |\n"
