"""A run on the terminal: how it goes, live or line by line, and what came of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from types import TracebackType
from typing import Any, Final, Self

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from .document import Document
from .requirements import REQUIREMENTS
from .verdicts import LOUD, Result

STYLES: Final = {
    "pass": "green", "warn": "yellow", "fail": "bold red", "harness error": "bold magenta",
    "unsupported": "bright_black",
    "not testable": "bright_black", "not covered": "cyan",
}  # fmt: skip
_WIDTH: Final = 120
"""Of what is not a terminal."""
_BEFORE: Final = 10
"""Lines of messages and events that led to a failed check."""


def console(*, stderr: bool = False) -> Console:
    """A console as wide as the terminal; of a fixed width elsewhere."""
    made = Console(highlight=False, stderr=stderr)
    return made if made.is_terminal else Console(highlight=False, stderr=stderr, width=_WIDTH)


MANY: Final = 5
"""Cases that fail alike are worth a line from so many on."""


class Live:
    """Shows a run while it goes: a bar and what is amiss on a terminal; elsewhere, or ``plain``, a line a case."""

    def __init__(self, out: Console, total: int, *, plain: bool = False) -> None:
        self._out = out
        self._counts: Counter[str] = Counter()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=out, transient=True) if out.is_terminal and not plain else None
        self._task = self._bar.add_task("cases", total=total) if self._bar else None

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._bar:
            self._bar.stop()

    def take(self, result: Result) -> None:
        """A case has come to its end."""
        self._counts[result.verdict.value] += 1
        line = Text.assemble(
            (f"{result.verdict.value:13}", STYLES[result.verdict.value]), f" {result.seconds:6.2f} s  "
        )
        line.append(result.case)
        if self._bar is None:
            self._out.print(line, soft_wrap=True)
            return
        if result.verdict in LOUD:
            self._bar.console.print(line, soft_wrap=True)
        assert self._task is not None
        self._bar.update(self._task, advance=1, description=_counted(self._counts))


def _counted(counts: Mapping[str, int]) -> str:
    return "  ".join(f"[{STYLES[name]}]{counts[name]} {name}[/]" for name in STYLES if counts.get(name))


def summary(document: Document, out: Console) -> None:
    """Print what came of a run: what is amiss with the bytes that show it, then counts."""
    for case in document["cases"]:
        if case["verdict"] in ("fail", "warn", "harness error") and case["expected_failure"] is None:
            _amiss(case, out)
    for row in document["expected"]["complaints"]:
        _complaint(row, document["expected"]["file"], out)
    for row in document["unchecked"]:
        text = f"{row['case']} names {row['requirement']} and made no check of it: a fault of the kit"
        out.print(Text(text, style="magenta"))
    out.print(_requirements(document))
    for count, check in alike(document):
        text = f"{check['requirement']}, expected {check['expected']}; one of them has {check['actual'][:300]}"
        out.print(Text.assemble((f"{count} cases fail alike at first: ", "bold"), text), soft_wrap=True)
    out.print(_verdict(document), soft_wrap=True)


def alike(document: Document) -> list[tuple[int, Mapping[str, Any]]]:
    """What many cases fail at first (one check of each kind), and how many do: there is where to begin."""
    first = {}
    counts: Counter[tuple[str, str]] = Counter()
    for case in document["cases"]:
        failed = next((check for check in case["checks"] if not check["passed"]), None)
        if failed is not None and case["verdict"] == "fail" and case["expected_failure"] is None:
            what = (failed["requirement"], failed["expected"])
            first[what] = failed
            counts[what] += 1
    return [(count, first[what]) for what, count in counts.most_common(3) if count >= MANY]


def _amiss(case: Mapping[str, Any], out: Console) -> None:
    out.print()
    style = STYLES[case["verdict"]]
    out.print(Text.assemble((case["verdict"].upper(), style), "  ", (case["name"], "bold")), soft_wrap=True)
    out.print(Padding(Text(case["why"], style="dim"), (0, 0, 0, 2)))
    if case["reason"]:
        out.print(Padding(Text(case["reason"]), (0, 0, 0, 2)))
    for check in case["checks"]:
        if check["passed"]:
            continue
        requirement = REQUIREMENTS.get(check["requirement"])
        quoted = Text.assemble(
            (f"{check['requirement']}  ", "bold"), (requirement.text if requirement else "", "italic")
        )
        out.print(Padding(quoted, (0, 0, 0, 2)))
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_row(Text("expected", style="green"), Text(check["expected"]))
        table.add_row(Text("actual", style=style), Text(check["actual"]))
        out.print(Padding(table, (0, 0, 0, 4)))
        before = [entry for entry in case["trace"] if entry["index"] <= check["at"]]
        for line in lately(before):
            out.print(Padding(Text(line, style="dim", overflow="ellipsis", no_wrap=True), (0, 0, 0, 4)))

    if said := case.get("standard_error"):
        out.print(Padding(Text("the last of the driver's standard error"), (0, 0, 0, 2)))
        for line in said:
            out.print(Padding(Text(line, style="dim", overflow="ellipsis", no_wrap=True), (0, 0, 0, 4)))


def lately(trace: Sequence[Mapping[str, Any]]) -> list[str]:
    """The end of a trace in a few lines; of many alike in a row the last one stands for all."""
    lines = []
    for _, alike in groupby(trace, key=lambda entry: (entry["kind"], entry["by"], entry["name"])):
        group = list(alike)
        lines.append(entry_line(group[-1]) + (f"  (the last of {len(group)})" if len(group) > 1 else ""))
    return lines[-_BEFORE:]


def entry_line(entry: Mapping[str, Any]) -> str:
    """One entry of a trace in one line."""
    who = {"kit": "kit →", "implementation": "    ←"}[entry["by"]]
    if entry["kind"] != "message":
        what = f"{entry['kind']} {entry['name']}"
        who = "     "
    else:
        what = entry["name"]
    fields = "  ".join(f"{name} {value}" for name, value in entry.get("fields", {}).items() if value is not None)
    data = f"  [{entry['hex'][:48]}{'…' if len(entry['hex']) > 48 else ''}]" if "hex" in entry else ""
    fault = f"  ({entry['fault']})" if "fault" in entry else ""
    return f"{entry['at']:8.3f} s  {who} {what}{data}{fault}  {fields}".rstrip()


def _complaint(row: Mapping[str, Any], file: str, out: Console) -> None:
    entry = row["entry"]
    name = entry.get("case") or entry.get("requirement")
    hint = "take it out, or use --update" if row["why"] == "it passes" else "mend it, or use --update"
    out.print(Text.assemble((f"\n{file}: ", "bold"), f"{name}: {row['why']}, though it is expected to fail; {hint}"))


def _requirements(document: Document) -> Table:
    table = Table(title="requirements", title_justify="left", title_style="bold", box=None, pad_edge=False)
    table.add_column("")
    shown = [name for name in STYLES if any(one["verdict"] == name for one in document["requirements"])]
    for name in shown:
        table.add_column(name, justify="right", style=STYLES[name])
    for role in document["roles"]:
        for level in ("MUST", "SHOULD"):
            count = Counter(
                one["verdict"] for one in document["requirements"] if (one["role"], one["level"]) == (role, level)
            )
            table.add_row(f"{role} {level}", *(str(count[name]) for name in shown))
    return table


def _verdict(document: Document) -> Text:
    counts, implementation = document["counts"], document["implementation"]
    told = [f"{count} {name}" for name, count in counts.items() if count]
    if known := sum(one["expected_failure"] is not None for one in document["cases"]):
        told.append(f"{known} of them as expected")
    closings = ", ".join(f"{count} {how}" for how, count in document["closings"].items() if how != "none")
    head = {0: ("Conforms", "bold green"), 1: ("Fails", "bold red"), 3: ("Harness error", "bold magenta")}
    word, style = head[document["exit_code"]]
    if document["exit_code"] == 0:
        if known:
            word, style = "Fails as expected", "bold yellow"
        elif not _is_whole(document):
            word = "Nothing failed"
        if counts["warn"]:
            word, style = f"{word}, with warnings", "bold yellow"
    if document["exit_code"] == 3 and not any(one["checks"] for one in document["cases"]):
        word = "Nothing was checked"
    return Text.assemble(
        (f"{word}: ", style),
        f"{implementation['name']} over {document['target']['transport']}: {', '.join(told)} "
        f"in {document['seconds']:.1f} s. Sessions closed: {closings or 'none'}.",
    )


def _is_whole(document: Document) -> bool:
    """Whether a driver was asked all that there is to ask of a role that it declares: then a run says what conforms."""
    declared = set(document["roles"]) & set(document["implementation"]["capabilities"])
    asked = (one for one in document["requirements"] if one["role"] in declared)
    return document["target"]["command"] is not None and all(one["verdict"] != "not covered" for one in asked)
