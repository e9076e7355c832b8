"""Results as a table, as README's Markdown, and as the JSON file that several runs are merged into."""

from __future__ import annotations

import json
import math
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

from .rows import Row

Results: TypeAlias = dict[str, Any]
"""By figure: when and where it was measured, whether ``short``, and its ``rows`` as JSON."""

MARKERS = ("<!-- figures: python -m benchmarks --readme -->", "<!-- /figures -->")
README = Path("README.md")


def result_of(rows: list[Row], *, short: bool, seconds: float) -> dict[str, Any]:
    """One figure's entry of the results."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": f"{os.cpu_count()} cores, {_processor()}, Python {platform.python_version()}",
        "short": short,
        "seconds": round(seconds, 1),
        "rows": [row.to_json() for row in rows],
    }


def load(path: Path) -> Results:
    """The results in a file; none if there is no such file."""
    return json.loads(path.read_text()) if path.exists() else {}


def save(results: Results, path: Path) -> None:
    """Write results so that a run that is broken off leaves the file whole."""
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    temporary.replace(path)


def rows_of(result: dict[str, Any]) -> list[Row]:
    """The rows of one figure's entry."""
    return [Row.from_json(row) for row in result["rows"]]


def missed(results: Results) -> list[str]:
    """The rows that do not keep to their bars; a short run's bars are the relaxed ones."""
    return [
        f"{figure}: {row.name}"
        for figure, result in results.items()
        for row in rows_of(result)
        if row.met(short=result["short"]) is False
    ]


def skipped(results: Results, allowed: Sequence[str] = ()) -> list[str]:
    """The rows that were not measured, and why; without those whose reason has one of the texts that are allowed."""
    return [
        f"{figure}: {row.name}: {row.skipped}"
        for figure, result in results.items()
        for row in rows_of(result)
        if row.skipped and not any(text in row.skipped for text in allowed)
    ]


def table(results: Results) -> str:
    """For a terminal."""
    lines: list[tuple[str, ...]] = [("figure", "ours", "beside it", "ratio", "least", "greatest", "bar", "")]
    for result in results.values():
        lines += [_cells(row, short=result["short"]) for row in rows_of(result)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    text = ["  ".join(_aligned(line, widths)).rstrip() for line in lines]
    notes = [f"{row.name}: {row.note}" for result in results.values() for row in rows_of(result) if row.note]
    return "\n".join([*text, "", *notes] if notes else text)


def markdown(results: Results) -> str:
    """For README: what has a bar."""
    lines = ["| figure | ours | beside it | ratio (least to greatest) | bar | |", "|---|---|---|---|---|---|"]
    for result in results.values():
        for row in (row for row in rows_of(result) if row.at_most is not None or row.at_least is not None):
            name, ours, theirs, ratio, least, greatest, bar, met = _cells(row, short=result["short"])
            spread = f"{ratio} ({least} to {greatest})" if row.ratio else ratio
            lines.append(f"| {name} | {ours} | {theirs} | {spread} | {bar} | {met} |")
    return "\n".join([*lines, "", f"Measured on {_where(results)}."])


def _where(results: Results) -> str:
    """The conditions of measurement; where there is more than one kind of them, with the figures of each."""
    figures: dict[str, list[str]] = {}
    for figure, result in results.items():
        where = f"{result['machine']}, commit {result['commit']}{', short' if result['short'] else ''}"
        figures.setdefault(where, []).append(figure)
    if len(figures) <= 1:
        return "".join(figures)
    return "; ".join(f"{where} ({', '.join(names)})" for where, names in figures.items())


def put_into_readme(results: Results, path: Path = README) -> None:
    """Replace what stands between the markers.

    Raises:
        ValueError: the file has no such markers.
    """
    text = path.read_text()
    begin, end = (re.escape(marker) for marker in MARKERS)
    if not re.search(f"{begin}.*{end}", text, re.DOTALL):
        raise ValueError(f"{path} has no {MARKERS[0]} … {MARKERS[1]}")
    between = f"{MARKERS[0]}\n{markdown(results)}\n{MARKERS[1]}"
    path.write_text(re.sub(f"{begin}.*{end}", lambda _: between, text, flags=re.DOTALL))


def _aligned(line: tuple[str, ...], widths: list[int]) -> list[str]:
    """Words to the left, numbers to the right."""
    return [
        cell.ljust(width) if column in (0, 2) else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(line, widths, strict=True))
    ]


def _cells(row: Row, *, short: bool) -> tuple[str, ...]:
    if row.ratio is None:
        return (row.name, "", f"skipped: {row.skipped}", "", "", "", "", "")
    bar = "" if row.at_most is None else f"≤ {number(row.at_most)}"
    bar += "" if row.at_least is None else f"≥ {number(row.at_least)}"
    met = {True: "met", False: "missed", None: ""}[row.met(short=short)]
    if met == "met" and not row.met():
        met = "met, as relaxed"
    return (
        row.name,
        f"{number(row.ours)} {row.unit}".rstrip(),
        f"{row.peer} {number(row.theirs)} {row.unit}".rstrip(),
        *(number(value) for value in row.ratio),
        bar,
        met,
    )


def number(value: float) -> str:
    """Three digits that count, without an exponent."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}" if digits <= 2 else f"{value:.{digits}f}"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.machine()
