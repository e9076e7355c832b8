"""What the documents point at is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "conformance/*.md", "conformance/vectors/*.md", "examples/peers/*/*.md", "simulator/*.md")
    for path in ROOT.glob(pattern)
    if path.name not in ("CHANGELOG.md", "MUTANTS.md")  # what was, and files by their part of the package
)
FOLDERS = "benchmarks|cli|conformance|examples|fuzz|links|protocol|receiver|scripts|sender|simulator|tests|transports"
BUILT = {"examples/peers/go/bin/driver"}
"""What is named, and comes with ``scripts/fetch-peers``."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_a_document_names_is_there(document: Path):
    text = document.read_text(encoding="utf-8")
    links = {link for link in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in link}
    named = set(re.findall(rf"(?<![\w./:-])((?:{FOLDERS})/[\w./…-]*\w)", text)) - BUILT
    lost = [path for path in links if not (document.parent / path).exists()]
    lost += [path for path in named if not (ROOT / path).exists() and not (document.parent / path).exists()]
    assert not lost


def test_documents_are_found():
    assert {"README.md", "CONTRIBUTING.md", "DRIVER.md", "PLANTED.md"} <= {path.name for path in DOCUMENTS}
