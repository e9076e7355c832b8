"""What judging traces came to: findings, what was looked at, and what could not be judged; as text and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lipwire.protocol.registry import Role

from .judge import RULES, Finding, Judge
from .recorded import Recorded
from .requirements import REQUIREMENTS, Requirement
from .words import counted

FORMAT: Final = "lipwire-conformance-check"
VERSION: Final = 1

NOTHING_THERE: Final = "no message that it is about"
NOT_SEEN: Final = "messages alone do not show it"
_NAMED: Final = 3
"""Places of which the same is to be said, before they are only counted."""
_LEVELS: Final = {"MUST": "bold red", "SHOULD": "yellow"}


class Tally:
    """Adds up judgements of one or several places."""

    def __init__(self) -> None:
        self.findings: list[tuple[str, Finding]] = []
        """Each with the place that shows it."""
        self.looks: Counter[tuple[Role, str]] = Counter()
        """How often each requirement was looked at."""
        self.unjudged: list[tuple[str, str, int]] = []
        """Places, what is not judged of each, how often."""
        self.sessions = 0
        self.messages = 0

    def judge(self, recorded: Sequence[Recorded]) -> None:
        """Judge each of the traces."""
        for one in recorded:
            if one.left_out:
                self.unjudged.append((one.place, one.left_out, 1))
                continue
            judging = Judge(one.binding)
            for entry in one.entries:
                for finding in judging.take(entry):
                    self.find(one.place, finding, one.role)
            self.add(one.place, judging, len(one.entries), one.role)

    def find(self, place: str, finding: Finding, role: Role | None = None) -> None:
        """Take down a finding; ``role``: who alone is judged."""
        if role in (None, finding.by):
            self.findings.append((place, finding))

    def add(self, place: str, judging: Judge, messages: int, role: Role | None = None) -> None:
        """Add what a judge has looked at in the end."""
        self.messages += messages
        self.sessions += judging.sessions
        for (by, rule), count in judging.looks.items():
            if role in (None, by):
                self.looks[by, rule.requirement] += count
        self.unjudged += [(place, why, count) for why, count in judging.unjudged.items()]

    @property
    def exit_code(self) -> int:
        """0: nothing was found; 1: something was; 2: there was nothing that can be judged."""
        return 1 if self.findings else 0 if self.looks else 2

    def document(self, source: str) -> dict[str, Any]:
        """Everything, for programs."""
        broken = Counter((finding.by, finding.requirement) for _, finding in self.findings)
        return {
            "format": FORMAT,
            "version": VERSION,
            "source": source,
            "messages": self.messages,
            "sessions": self.sessions,
            "findings": [_finding(place, finding) for place, finding in self.findings],
            "judged": [
                {"requirement": one.id, "role": role.value, "looks": looks, "findings": broken[role, one.id]}
                for one, role, looks, _ in self._rows()
                if looks
            ],
            "not_judged": [
                {"requirement": one.id, "role": role.value, "why": why}
                for one, role, looks, why in self._rows()
                if not looks
            ],
            "sessions_not_judged": [
                {"place": place, "why": why, "count": count} for place, why, count in self.unjudged
            ],
            "exit_code": self.exit_code,
        }  # fmt: skip

    def _rows(self) -> list[tuple[Requirement, Role, int, str]]:
        """Of each requirement and role: how often it was looked at, and why it was not."""
        ruled = {(role, rule.requirement) for rule in RULES for role in Role if rule.binds(role)}
        return [
            (one, role, self.looks[role, one.id], NOTHING_THERE if (role, one.id) in ruled else NOT_SEEN)
            for one in REQUIREMENTS.values()
            for role in Role
            if one.binds(role)
        ]

    def show(self, out: Console) -> None:
        """Print what there is to say in the end: counts of findings, what was judged, what was not."""
        if self.findings:
            out.print(self._table())
        rows = self._rows()
        for line in self._unjudged_lines():
            out.print(Text(line, style="yellow"))
        judged = sum(bool(looks) for _, _, looks, _ in rows)
        silent = Counter(why for _, _, looks, why in rows if not looks)
        told = ", ".join(f"{count} not judged: {why}" for why, count in silent.items())
        seen = f"{counted(self.messages, 'message')} in {counted(self.sessions, 'session')}"
        out.print(Text(f"{seen}; {counted(judged, 'requirement')} judged (those of both peers count twice), {told}."))
        head = {
            0: ("Nothing found.", "bold green"),
            1: (f"{counted(len(self.findings), 'finding')}.", "bold red"),
            2: ("Nothing could be judged.", "bold magenta"),
        }
        out.print(Text(*head[self.exit_code]))

    def _unjudged_lines(self) -> list[str]:
        places: dict[str, list[str]] = {}
        for place, why, count in self.unjudged:
            places.setdefault(why, []).append(f"{place} ({count} ×)" if count > 1 else place)
        return [
            f"{', '.join(named[:_NAMED])}{f' and {len(named) - _NAMED} more' if len(named) > _NAMED else ''}: {why}"
            for why, named in places.items()
        ]

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, title="findings", title_justify="left", title_style="bold")
        for column in ("requirement", "level", "broken by", "times"):
            table.add_column(column, justify="right" if column == "times" else "left")
        table.add_column("SPEC.md", overflow="fold")
        seen = Counter((finding.rule, finding.by) for _, finding in self.findings)
        for (rule, by), times in seen.items():
            style = _LEVELS[rule.level]
            table.add_row(rule.requirement, Text(rule.level, style=style), by.value, str(times), Text(f"“{rule.says}”"))
        return table


def finding_line(place: str, finding: Finding) -> Text:
    """A finding in one line."""
    rule, entry = finding.rule, finding.entry
    return Text.assemble(
        f"{entry.at:10.3f} s  ",
        (f"{rule.level:6} {rule.requirement:15}", _LEVELS[rule.level]),
        f" {finding.by.value}: ",
        f"{entry.name} (message {entry.index}, transport {entry.transport}): {finding.actual}",
        (f"  [{place}]", "dim"),
    )


def _finding(place: str, finding: Finding) -> dict[str, Any]:
    rule, entry = finding.rule, finding.entry
    return {
        "requirement": rule.requirement,
        "level": rule.level,
        "role": finding.by.value,
        "place": place,
        "index": entry.index,
        "t": round(entry.at, 6),
        "transport": entry.transport,
        "message": entry.name,
        "says": rule.says,
        "actual": finding.actual,
    }
