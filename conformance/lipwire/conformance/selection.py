"""Which cases are meant: by name, by the beginning of a name, by a pattern, or by requirement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from lipwire.protocol.registry import Role

from .case import Case
from .requirements import REQUIREMENTS


class UnknownName(ValueError):
    """A word that means no case; the text says what there is instead."""


def select(words: Sequence[str], cases: Mapping[str, Case], roles: Iterable[Role] = Role) -> list[Case]:
    """All cases of these roles that any of the words means, in the order of the kit; all of them without words.

    Raises:
        UnknownName: a word means none.
    """
    wanted = set(roles)
    able = [case for case in cases.values() if case.role in wanted]
    for word in words:
        if not any(means(word, case) for case in able):
            raise UnknownName(_hint(word, cases, wanted))
    return [case for case in able if not words or any(means(word, case) for word in words)]


def means(word: str, case: Case) -> bool:
    """Whether a word means a case: ``receiver.audio.gap``, ``receiver.audio``, ``*.gap``, ``LW-AUDIO-1``."""
    if word.upper().startswith("LW-"):
        return any(fnmatchcase(name, word.upper()) for name in case.requirements)
    return case.name.startswith(f"{word}.") or fnmatchcase(case.name, word)


def _hint(word: str, cases: Mapping[str, Case], roles: set[Role]) -> str:
    who = f" of a {next(iter(roles)).value}" if len(roles) == 1 else ""
    text = f"no case{who} is meant by {word!r}"
    if word.upper() in REQUIREMENTS:
        return f"no case{who} checks {word.upper()}: `lipwire conformance explain {word.upper()}` says more"
    near = get_close_matches(word, [*cases, *REQUIREMENTS], n=3, cutoff=0.5)
    return f"{text}; perhaps {' or '.join(near)}?" if near else f"{text}; see `lipwire conformance list`"
