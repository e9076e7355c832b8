"""Sequences that are kept: one a file, each with what its last message comes to, replayed by the tests."""

from __future__ import annotations

import hashlib
from pathlib import Path

from .machines import Setup
from .run import Key, Tally, minimised, replay
from .steps import Step, parse_all

CORPUS = Path(__file__).parent.parent / "tests" / "hostile" / "corpus"
MOST = 4_096
"""Characters of a file: longer ones are not kept."""


def read(path: Path) -> tuple[Setup, list[Step], str]:
    """Read a sequence: the machine it is for, its steps, and what its last message has to come to ("": no matter)."""
    first, *lines = path.read_text().splitlines()
    kind, binding, features = first.split()
    expected = next((line.removeprefix("# ") for line in lines if line.startswith("# ")), "")
    return Setup(kind, binding, features == "features"), parse_all(lines), expected


def text_of(setup: Setup, steps: list[Step], comment: str) -> str:
    """A sequence as a file holds it."""
    return "\n".join([str(setup), f"# {comment}", *map(str, steps)]) + "\n"


def grow(folder: Path, tally: Tally) -> int:
    """Keep a minimised sequence for each key of the tally that none of the folder has; gives how many are new.

    Those that no longer come to what they say, since the wire has changed, are taken out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    known: set[Key] = set()
    for path in folder.glob("*.txt"):
        setup, steps, expected = read(path)
        keys, _ = replay(setup, steps)
        if expected and expected not in map(str, keys):
            path.unlink()
        else:
            known.update(keys)
    added = 0
    for key, (setup, steps) in tally.keys.items():
        if key in known:
            continue
        small = minimised(steps, lambda fewer, setup=setup, key=key: _comes_to(setup, fewer, key))  # type: ignore[misc]
        text = text_of(setup, small, str(key))
        if len(text) > MOST:
            continue
        name = "-".join([key.kind, key.session.value, *([key.segment.value] if key.segment else []), key.outcome])
        digest = hashlib.sha256(text.encode()).hexdigest()[:8]
        (folder / f"{name.replace(' ', '-')}-{digest}.txt").write_text(text)
        known.update(replay(setup, small)[0])
        added += 1
    return added


def _comes_to(setup: Setup, steps: list[Step], key: Key) -> bool:
    try:
        return key in replay(setup, steps)[0]
    except Exception:
        return False
