"""Writes the reports that were asked for on the command line."""

from __future__ import annotations

import argparse
import json
import sys

from . import document, html, junit
from .document import Document


def write(made: Document, arguments: argparse.Namespace) -> list[str]:
    """Write them; gives what to say of each.

    Raises:
        OSError: one can not be written.
    """
    said = []
    to = getattr(arguments, "json", None)
    if to is not None and str(to) == "-":
        json.dump(made, sys.stdout, ensure_ascii=False)
        sys.stdout.write("\n")
    elif to is not None:
        document.save(made, to)
        said.append(f"{to}: the results as JSON")
    if arguments.html is not None:
        arguments.html.write_text(html.render(made), encoding="utf-8")
        said.append(f"{arguments.html}: open it in a browser")
    if arguments.junit is not None:
        arguments.junit.write_text(junit.render(made), encoding="utf-8")
        said.append(f"{arguments.junit}: JUnit XML")
    return said
