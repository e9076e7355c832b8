"""What the kit asks: lists of cases, and what stands behind a case or a requirement."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from lipwire.protocol.registry import Role

from .case import Case
from .cases.not_testable import NOT_TESTABLE
from .requirements import REQUIREMENTS, Requirement
from .words import counted


def described(case: Case) -> dict[str, Any]:
    """A case, fit for JSON."""
    return {
        "name": case.name,
        "role": case.role.value,
        "requirements": list(case.requirements),
        "why": case.why,
        "transports": list(case.transports),
        "capabilities": {transport: sorted(case.capabilities(transport)) for transport in case.transports},
        "options": dict(case.options),
        "wire": case.wire,
        "version": case.version,
    }


def print_list(cases: Sequence[Case], out: Console) -> None:
    """Print cases with what they check: a table on a terminal, else one a line, parted by tabs."""
    if not out.is_terminal:
        for case in cases:
            print(case.name, " ".join(case.requirements), case.why, sep="\t")
        return
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="bold")
    table.add_column(style="cyan", overflow="fold")
    table.add_column(style="dim")
    for case in cases:
        table.add_row(Text(case.name), Text(" ".join(case.requirements)), Text(case.why))
    out.print(table)
    named = {name for case in cases for name in case.requirements}
    out.print(f"{counted(len(cases), 'case')}, {counted(len(named), 'requirement')}")


def print_case(case: Case, out: Console) -> None:
    """Print all there is to know of a case."""
    out.print(Text.assemble((case.name, "bold"), f": {case.why}"), soft_wrap=True)
    for name in case.requirements:
        _quote(REQUIREMENTS[name], out)
    needs = {transport: sorted(case.capabilities(transport)) for transport in case.transports}
    for transport, names in needs.items():
        out.print(f"  over {transport} it needs: {', '.join(names)}")
    if case.options:
        out.print(Text(f"  the implementation is started with: {dict(case.options)}"))
    out.print(f"  {'the wire is enough: it runs with --url too' if case.wire else 'it needs a driver'}")
    if not case.judged:
        out.print("  the passive judge does not look at it")
    out.print("\nThe script, in which `it` is the case being played and `m` makes messages:")
    out.print(Padding(Syntax(textwrap.dedent(case.source), "python", background_color="default"), (0, 0, 0, 2)))


def print_requirement(requirement: Requirement, cases: Mapping[str, Case], out: Console) -> None:
    """Print a requirement, and what the kit asks about it."""
    out.print(Text(f"SPEC.md, {requirement.section}", style="dim"))
    _quote(requirement, out)
    bound = "both roles" if requirement.role == "both" else f"the {requirement.role}"
    breach = {"MUST": "a breach fails", "SHOULD": "a breach warns"}.get(requirement.level, "it asks nothing")
    needs = "" if requirement.needs == "core" else f"; it binds where {requirement.needs} is in use"
    out.print(f"  It binds {bound}; {breach}{needs}.")
    for role in Role:
        if not requirement.binds(role):
            continue
        out.print(f"\nCases for a {role.value}:")
        naming = [case for case in cases.values() if case.role is role and requirement.id in case.requirements]
        for case in naming:
            out.print(Text.assemble("  ", (case.name, "bold"), f"  {case.why}"), soft_wrap=True)
        if not naming:
            reason = NOT_TESTABLE.get((requirement.id, role.value))
            out.print(Text(f"  none: not testable, {reason}" if reason else "  none"), soft_wrap=True)


def _quote(requirement: Requirement, out: Console) -> None:
    words = Text.assemble((f"{requirement.id}  ", "bold cyan"), (requirement.text, "italic"))
    out.print(Padding(words, (0, 0, 0, 2)))
