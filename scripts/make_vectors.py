"""Writes ``conformance/vectors/*.json`` from the table in ``scripts/vector_table``.

``python scripts/make_vectors.py`` rewrites them; with ``--check`` it exits with 1 when they are out of date. The table
is written by hand from SPEC.md, and packed by ormsgpack: neither the SDK nor the library it uses has a part in it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from vector_table import encodings, messages, opening, session, structure, version0, wrong
from vector_table.row import Row, document

VECTORS: Final = Path(__file__).parent.parent / "conformance" / "vectors"
FORMAT: Final = 1
"""The version of the files' own format."""

FILES: Final[tuple[tuple[str, int, str, tuple[Any, ...]], ...]] = (
    ("messages", 1, "every message, minimal, typical and at its limits, as an ordinary encoder writes it",
     (messages.rows,)),
    ("encodings", 1, "valid, and written as hardly any library writes: wide, long, with elements more",
     (encodings.rows,)),
    ("ignored", 1, "messages of a type that is to be ignored", (structure.ignored_rows,)),
    ("structure", 1, "refused by size, structure or type", (structure.rows,)),
    ("fields", 1, "refused because a field is absent, of another type, or out of its range", (wrong.rows,)),
    ("large", 1, "maps at their limit and just above it, and one that is large only as it is written",
     (messages.large_rows, encodings.large_rows, wrong.large_rows)),
    ("opening", 1, "the first message of a receiver, and the answer to the hello of a sender", (opening.rows,)),
    ("session", 1, "right by itself, and in an open session right, or wrong by direction, feature or meaning",
     (session.rows,)),
    ("version0", 0, "the messages of version 0, valid and ignored", (version0.rows,)),
)  # fmt: skip


def render(wire: int, about: str, rows: Sequence[Row]) -> str:
    """A file: one vector a line."""
    head = json.dumps({"format": FORMAT, "wire": wire, "about": about})[:-1]
    lines = (json.dumps(document(row), ensure_ascii=True) for row in rows)
    return head + ', "vectors": [\n' + ",\n".join(lines) + "\n]}\n"


def made() -> dict[Path, str]:
    """Every file as the table makes it."""
    files = {}
    names: set[str] = set()
    for name, wire, about, tables in FILES:
        rows = [row for table in tables for row in table()]
        twice = [row.name for row in rows if (row.name, wire) in names or names.add((row.name, wire))]  # type: ignore[func-returns-value]
        assert not twice, f"the same name twice: {twice}"
        files[VECTORS / f"{name}.json"] = render(wire, about, rows)
    return files


def main(arguments: Sequence[str]) -> int:
    """Write the files, or check them."""
    files = made()
    stale = [path for path, text in files.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    left = sorted({*VECTORS.glob("*.json")} - {*files, VECTORS / "schema.json"})
    if "--check" in arguments:
        for path in [*stale, *left]:
            print(f"{path.name} is not what the table makes: run python scripts/make_vectors.py")
        return 1 if stale or left else 0
    for path in stale:
        path.write_text(files[path], encoding="utf-8")
        print(f"wrote {path.name}")
    for path in left:
        print(f"{path.name} is made by no table")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
