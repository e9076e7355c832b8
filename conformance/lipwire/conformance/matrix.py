"""Several runs side by side: implementations against requirements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .document import Document
from .html import environment
from .terminal import STYLES

_SIGNS = {
    "pass": "pass", "warn": "warn", "fail": "FAIL", "harness error": "error", "unsupported": "–", "not testable": "·",
    "not covered": "?", "": "",
}  # fmt: skip


def make(documents: Sequence[Document]) -> Document:
    """Bring runs together: columns are runs, rows are requirements as they bind a role."""
    columns = [
        {
            "name": document["implementation"]["name"],
            "version": document["implementation"]["version"],
            "language": document["implementation"]["language"],
            "transport": document["target"]["transport"],
            "began": document["began"],
            "counts": document["counts"],
            "verdicts": dict(Counter(one["verdict"] for one in document["requirements"])),
        }
        for document in documents
    ]
    rows: dict[tuple[str, str], Document] = {}
    for number, document in enumerate(documents):
        for one in document["requirements"]:
            row = rows.setdefault(
                (one["role"], one["id"]),
                {name: one[name] for name in ("id", "role", "level", "section", "text")} | {"cells": {}},
            )
            row["cells"][number] = {name: one[name] for name in ("verdict", "reason", "checks", "failed")}
    return {
        "columns": columns,
        "rows": [row | {"cells": _cells(row["cells"], len(documents))} for row in rows.values()],
        "specs": sorted({document["kit"]["spec_sha256"] for document in documents}),
    }


def _cells(cells: Mapping[int, Any], count: int) -> list[Any]:
    return [cells.get(number, {"verdict": "", "reason": "", "checks": 0, "failed": 0}) for number in range(count)]


def show(table: Document, out: Console) -> None:
    """Print it."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    shown.add_column("requirement", no_wrap=True)
    shown.add_column("of", no_wrap=True)
    for column in table["columns"]:
        shown.add_column(f"{column['name']}\n{column['transport']}")
    for row in table["rows"]:
        cells = [Text(_SIGNS[cell["verdict"]], style=STYLES.get(cell["verdict"], "")) for cell in row["cells"]]
        shown.add_row(row["id"], f"{row['role']} {row['level']}", *cells)
    out.print(shown)
    out.print("– unsupported, · not testable, ? not covered")
    if len(table["specs"]) > 1:
        out.print(Text("The runs were held against different texts of SPEC.md.", style="yellow"))


def render(table: Document) -> str:
    """Make one self-contained HTML page of it."""
    return environment().get_template("matrix.html").render(table=table)
