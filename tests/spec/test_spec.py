"""SPEC.md against the code, in both directions, and against itself."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from lipwire.conformance.requirements import read_requirements
from lipwire.protocol import limits
from lipwire.protocol.codec import decode
from lipwire.protocol.errors import CloseCode, RemoteProtocolError
from lipwire.protocol.fields import Lenient, Nil
from lipwire.protocol.registry import IGNORABLE, REGISTRY, Feature, Role

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SPEC.md").read_text()
PARTS = ("protocol", "sender", "receiver", "transports", "conformance", "cli", "tests", "examples", "scripts")


def _load_tool():
    spec = importlib.util.spec_from_file_location("spec_appendix", ROOT / "scripts" / "spec_appendix.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["spec_appendix"] = module
    spec.loader.exec_module(module)
    return module


tool = _load_tool()
REQUIREMENTS = read_requirements(TEXT)


def section(title: str) -> str:
    """The text from a heading to the next one of the same or a higher level."""
    level = title.split(" ")[0]
    start = TEXT.index(f"\n{title}")
    rest = TEXT[start + 1 + len(title) :]
    stop = re.search(rf"^#{{1,{len(level)}}} ", rest, re.MULTILINE)
    return rest[: stop.start()] if stop else rest


def tables(text: str) -> list[list[dict[str, str]]]:
    """Every Markdown table of a text, a dict a row."""
    found = []
    for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in block.splitlines()]
        found.append([dict(zip(rows[0], row, strict=True)) for row in rows[2:]])
    return found


def test_each_statement_has_an_id_of_its_own_and_a_key_word():
    ids = [r.id for r in REQUIREMENTS]
    assert len(ids) == len(set(ids)) > 150
    assert [r.id for r in REQUIREMENTS if not r.level] == []


def test_every_id_line_is_well_formed():
    lines = re.findall(r"^\*\*LW-.*$", TEXT, re.MULTILINE)
    assert len(lines) == len(REQUIREMENTS)


def test_key_words_stand_only_in_statements():
    body = TEXT[TEXT.index("## 3. Terms") : TEXT.index("## Appendix B")]
    for line in body.splitlines():
        if re.search(r"\b(MUST|SHOULD|MAY)\b", line):
            assert line.startswith("**LW-"), line


def test_appendices_are_up_to_date():
    assert tool.made(TEXT) == TEXT


def test_every_id_that_is_mentioned_exists():
    known = {r.id for r in REQUIREMENTS}
    topics = {r.rsplit("-", 1)[0] for r in known}
    for part in PARTS:
        for path in (ROOT / part).rglob("*"):
            if path.suffix not in {".py", ".js", ".mjs", ".md"} or "node_modules" in path.parts:
                continue
            for mention in re.findall(r"LW-[A-Z0-9]+(?:-\d+)?", path.read_text()):
                if mention == "LW-NONE-1":  # stands in tests for an id that does not exist
                    continue
                assert mention in known or mention in topics, f"{path.relative_to(ROOT)} mentions {mention}"
    for mention in re.findall(r"LW-[A-Z0-9]+-\d+", TEXT):
        assert mention in known, mention


def test_every_close_code_that_a_statement_names_exists_and_every_code_is_named():
    names = {code.name.lower() for code in CloseCode}
    for requirement in REQUIREMENTS:
        for name in re.findall(r"clos\w* with `(\w+)`", requirement.text):
            assert name in names, requirement.id
    for name in names:
        assert f"`{name}`" in TEXT or f"| {name} |" in TEXT


def test_registry_table():
    (rows,) = [t for t in tables(section("## 6. Messages")) if t and "numbered" in t[0]]
    written = [
        (int(r["type"]), r["name"], r["from"], r["channel"], r["numbered"], r["states"], r["feature"]) for r in rows
    ]
    coded = []
    for entry in REGISTRY:
        sent_by = "both" if len(entry.sent_by) == 2 else next(iter(entry.sent_by)).value
        channel = "both" if len(entry.channels) == 2 else next(iter(entry.channels)).value
        states = {"hello": "opening", "welcome": "opening", "close": "opening, open"}.get(entry.name, "open")
        feature = entry.feature.value if entry.feature else "core"
        numbered = "yes" if entry.numbered else "no"
        coded.append((entry.number, entry.name, sent_by, channel, numbered, states, feature))
    assert written == coded


def _written_fields() -> dict[str, list[tuple[str, str]]]:
    """Of each message the fields and types of SPEC.md's tables."""
    found: dict[str, list[tuple[str, str]]] = {"pause": [], "unpause": []}
    for title, text in re.findall(r"^### 6\.\d+ (.+?)\n(.*?)(?=^###? )", TEXT, re.MULTILINE | re.DOTALL):
        for table in tables(text):
            head = next(iter(table[0]))
            name = head.removeprefix("field of ") if head.startswith("field of ") else title
            found[name] = [(row[head], re.sub(r" \((ms|µs)\)", "", row["type"])) for row in table]
    return found


def _spec_type(field) -> str:
    inner = field.item if isinstance(field, (Nil, Lenient)) else field
    return inner.spec + (", or nil" if isinstance(field, (Nil, Lenient)) else "")


@pytest.mark.parametrize("entry", REGISTRY, ids=lambda entry: entry.name)
def test_field_tables(entry):
    written = _written_fields()[entry.name]
    coded = [(name, _spec_type(field)) for name, field in entry.fields.items()]
    assert written == coded


def test_fields_of_messages_and_registry_agree():
    for entry in REGISTRY:
        assert tuple(entry.fields) == entry.message._fields, entry.name


def test_no_field_table_without_a_message():
    assert set(_written_fields()) == {entry.name for entry in REGISTRY}


def test_close_codes_table():
    (rows,) = tables(section("## 18. Close codes"))
    assert {int(r["code"]): r["name"] for r in rows} == {int(c): c.name.lower() for c in CloseCode}


def test_features_table():
    (rows,) = tables(section("## 19. Versions, features, grease"))
    written = {r["feature"]: {m.strip() for m in r["messages"].split(",")} for r in rows}
    coded = {f.value: {e.name for e in REGISTRY if e.feature is f} for f in Feature}
    assert written == coded


def test_reserved_types():
    assert f"Types {IGNORABLE.start} to {IGNORABLE.stop - 1}" in TEXT
    assert f"unknown type from {IGNORABLE.start} to {IGNORABLE.stop - 1}" in TEXT


def _number(cell: str) -> float | None:
    match = re.match(r"([\d,.]+) ?(ms|s|bytes)?", cell)
    if match is None:
        return None
    value = float(match[1].replace(",", ""))
    return value / 1_000 if match[2] == "ms" else value


def test_limits_table_of_what_can_be_set():
    (rows,) = tables(section("## 17. Limits and timers"))
    by_name = {row["name"]: row for row in rows}
    for name, bound in limits.BOUNDS.items():
        row = by_name[name]
        assert _number(row["default"]) == bound.default, name
        assert _number(row["floor"]) == bound.floor, name
        assert _number(row["cap"]) == bound.cap, name


@pytest.mark.parametrize(
    ("name", "constant"),
    [
        ("hello_repeat", limits.HELLO_REPEAT),
        ("progress_interval", limits.PROGRESS_INTERVAL),
        ("progress_repeat", limits.REPEAT),
        ("sent_delay", limits.SENT_DELAY),
        ("acknowledge_delay", limits.ACKNOWLEDGE_DELAY),
        ("held_numbered", limits.HELD_NUMBERED),
        ("early_segments", limits.EARLY_SEGMENTS),
        ("early_cuts", limits.EARLY_CUTS),
        ("missing_ranges", limits.MISSING_RANGES),
        ("nack_ranges", limits.NACK_RANGES),
        ("marks", limits.MARKS),
        ("data", limits.DATA),
        ("content", limits.CONTENT_BYTES),
        ("held_content", limits.HELD_CONTENT),
        ("depth", limits.DEPTH),
        ("entries", limits.ENTRIES),
        ("unacknowledged", limits.UNACKNOWLEDGED_MESSAGES),
    ],
)
def test_limits_table_of_what_is_fixed(name, constant):
    (rows,) = tables(section("## 17. Limits and timers"))
    (row,) = [row for row in rows if row["name"] == name]
    assert _number(row["default"]) == constant


def test_repeats_of_interrupts():
    cell = ", ".join(f"{round(t * 1_000)}" for t in limits.INTERRUPT_REPEAT)
    assert f"| interrupt_repeat | {cell} ms, then every {round(limits.REPEAT * 1_000)} ms |" in TEXT


def test_traces_decode():
    """The traces' hex is what a peer would have to read."""
    trace = section("## Appendix B. Traces in hex")
    lines = re.findall(r"^[→←] (\w+) on (\w+): ([0-9a-f]+)$", trace, re.MULTILINE)
    assert len(lines) >= 20
    by_name = {entry.name: entry for entry in REGISTRY}
    for (name, channel, data), (arrow, _) in zip(
        lines, re.findall(r"^([→←]) (\w+) on", trace, re.MULTILINE), strict=True
    ):
        message = decode(bytes.fromhex(data))
        entry = by_name[name]
        assert type(message) is entry.message
        assert (Role.SENDER if arrow == "→" else Role.RECEIVER) in entry.sent_by
        assert channel == ("both" if len(entry.channels) == 2 else next(iter(entry.channels)).value)


def test_trace_parts_make_up_the_whole():
    trace = section("## Appendix B. Traces in hex")
    for block in re.findall(r"^[→←].*(?:\n    .*)+", trace, re.MULTILINE):
        head, *parts = block.splitlines()
        joined = "".join(re.match(r"    ((?:[0-9a-f]{2} ?)+)", part)[1].replace(" ", "") for part in parts)
        assert joined == head.rsplit(": ", 1)[1]


def test_links_within_lead_somewhere():
    anchors = {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    }
    for target in re.findall(r"\]\(#([^)]+)\)", TEXT):
        assert target in anchors, target


def test_what_is_said_to_be_refused_is():
    rows = [row for table in tables(section("## Appendix B. Traces in hex")) for row in table]
    assert len(rows) >= 20
    for row in rows:
        with pytest.raises(RemoteProtocolError) as refused:
            decode(bytes.fromhex(row["hex"].strip("`")))
        assert refused.value.code.name.lower() == row["code"], row


def test_what_is_said_to_be_unusual_and_legal_is():
    for data in re.findall(r"`([0-9a-f]+)`", TEXT[TEXT.index("Unusual, and legal") : TEXT.index("## Appendix C")]):
        decode(bytes.fromhex(data))
