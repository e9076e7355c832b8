"""``lipwire decode``: bytes to readable messages."""

from __future__ import annotations

import argparse
import json
import string
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lipwire.protocol.codec import decode
from lipwire.protocol.errors import ProtocolError, code_name
from lipwire.protocol.limits import BOUNDS
from lipwire.protocol.messages import Hello, Welcome
from lipwire.protocol.receiver import read_hello
from lipwire.protocol.registry import BY_MESSAGE, Role
from lipwire.protocol.trace import describe, without_secrets

from .errors import FAILED, USAGE, CommandError
from .traces import Record, parse_trace, short, summary, unwrapped

EXAMPLES = """examples:
  lipwire decode 920405                        one message, in hex
  lipwire decode "95 11 01 00 00 c4 02 01 02"  spaces do no harm, with or without the quotes
  lipwire decode 920405 92040a                 several messages
  lipwire decode session.jsonl                 a trace, as `lipwire demo --trace` and JsonLinesTrace write it
  xxd -p capture.bin | lipwire decode -        from standard input: hex, one message a line, or a trace

A message that breaks a rule is shown with the close code that a peer would answer it with, and the exit code is 1."""

_HIDDEN = {Hello: ("auth", "resume"), Welcome: ("secret",)}


def add(commands: Any) -> None:
    """Add the command to the command line."""
    parser = commands.add_parser(
        "decode",
        help="show messages in hex, or a trace, as readable text",
        description="Show messages of Lipwire version 1, given as hex or in a trace, as readable text.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "input", nargs="+", metavar="HEX | FILE | -", help="hex, a file of it or a trace, or standard input"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    wrong = False
    for entry in _entries(arguments.input):
        wrong = wrong or "error" in entry
        print(json.dumps(entry, ensure_ascii=False) if arguments.json else _text(entry))
    return FAILED if wrong else 0


def _entries(given: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What is to be shown, from the arguments."""
    if len(given) == 1:
        only = given[0]
        if only == "-":
            yield from _from_bytes(sys.stdin.buffer.read(), "standard input")
            return
        path = Path(only)
        if path.is_file() or not _is_hex(only):
            if not only or not path.exists():
                raise CommandError(f"{only!r} is neither hex nor a file", status=USAGE)
            yield from _from_bytes(path.read_bytes(), only)
            return
    if all(len(word) <= 2 for word in given):
        given = ["".join(given)]  # bytes, one an argument
    for word in given:
        if not _is_hex(word):
            raise CommandError(f"{word!r} is not hex: an even number of the digits 0 to 9 and a to f", status=USAGE)
        yield decoded(bytes.fromhex(word))


def _from_bytes(data: bytes, name: str) -> Iterator[dict[str, Any]]:
    """A trace, or hex with one message a line, or the bytes of one message."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        yield decoded(data)
        return
    if text.lstrip().startswith("{"):
        records = parse_trace(text.splitlines(), name)
        begin = float(records[0]["t"]) if records else 0.0
        for record in records:
            yield _from_record(record, begin)
        return
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise CommandError(f"{name}: there is nothing in it", status=USAGE)
    if not all(_is_hex(line) for line in lines):
        raise CommandError(f"{name}: neither a trace nor hex with one message a line", status=USAGE)
    for line in lines:
        yield decoded(bytes.fromhex(line))


def _is_hex(text: str) -> bool:
    packed = "".join(text.split())
    return bool(packed) and len(packed) % 2 == 0 and all(c in string.hexdigits for c in packed)


def _begins_as_hello(data: bytes) -> bool:
    """Whether it is an array that begins with the integer 1."""
    if data[:1] == b"\xdc":
        return data[3:4] == b"\x01"
    return len(data) > 1 and 0x90 < data[0] < 0xA0 and data[1] == 1


def decoded(data: bytes) -> dict[str, Any]:
    """Describe one message."""
    entry: dict[str, Any] = {"bytes": len(data)}
    try:
        # A hello is always the first message, and is judged by the rules for that.
        read = read_hello if _begins_as_hello(data) else decode
        message = read(data, int(BOUNDS["message"].cap))
    except ProtocolError as error:
        wrong: dict[str, Any] = {"code": int(error.code), "name": code_name(error.code), "reason": str(error)}
        if error.details:
            wrong["details"] = error.details
        return entry | {"error": wrong, "hex": data[:64].hex() + ("…" if len(data) > 64 else "")}
    if message is None:
        return entry | {"name": "ignored", "fields": {}, "note": "an unknown type from 64 to 127, to be ignored"}
    registered = BY_MESSAGE[type(message)]
    described = describe(without_secrets(message))
    for name in _HIDDEN.get(type(message), ()):
        if described["fields"].get(name) is not None:
            described["fields"][name] = "(hidden)"
    senders = [role.value for role in Role if role in registered.sent_by]
    return entry | {
        "type": registered.number,
        **described,
        "from": senders[0] if len(senders) == 1 else "both",
        "channels": sorted(channel.value for channel in registered.channels),
    }


def _from_record(record: Record, begin: float) -> dict[str, Any]:
    name, fields, number = unwrapped(record)
    entry: dict[str, Any] = {
        "t": round(float(record["t"]) - begin, 6),
        "peer": record["peer"],
        "kind": record["kind"],
        **({"channel": record["channel"]} if "channel" in record else {}),
        "name": name,
        "fields": dict(fields),
        **({"number": number} if number is not None else {}),
    }
    if "error" in record:
        entry["error"] = {"reason": record["error"]}
    return entry


def _text(entry: dict[str, Any]) -> str:
    if "t" in entry:
        arrow = {"out": "→", "in": "←", "event": "·"}[entry["kind"]]
        channel = entry.get("channel", "event")
        number = f" #{entry['number']}" if "number" in entry else ""
        head = f"{entry['t']:10.3f}  {entry['peer']:<8} {arrow} {channel:<7}  {entry['name'] + number:<19}"
        return f"{head} {summary(entry['fields'], 400)}".rstrip()
    if "error" in entry:
        wrong = entry["error"]
        lines = [f"not a legal message ({entry['bytes']} bytes): {short(wrong['reason'])}"]
        lines.append(f"  a peer closes with  {wrong['name']} ({wrong['code']})")
        if "details" in wrong:
            lines.append(f"  and the details     {short(wrong['details'])}")
        lines.append(f"  hex                 {entry['hex']}")
        return "\n".join(lines)
    if entry["name"] == "ignored":
        return f"ignored ({entry['bytes']} bytes): {entry['note']}"
    sender = {"both": "either peer"}.get(entry["from"], f"the {entry['from']}")
    where = " and ".join(entry["channels"])
    lines = [f"{entry['name']} (type {entry['type']}, {entry['bytes']} bytes), sent by {sender} on {where}"]
    lines += _fields(entry["fields"], 1)
    return "\n".join(lines)


def _fields(fields: dict[str, Any], level: int) -> Iterator[str]:
    width = max((len(key) for key in fields), default=0) + 2
    for key, value in fields.items():
        if value is None:
            continue
        if isinstance(value, dict) and "name" in value and "fields" in value:
            yield f"{'  ' * level}{key:<{width}}{value['name']}"
            yield from _fields(value["fields"], level + 1)
        else:
            yield f"{'  ' * level}{key:<{width}}{short(value)}"
