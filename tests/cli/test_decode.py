"""``lipwire decode``."""

from __future__ import annotations

import io
import json

import pytest

from lipwire.protocol import messages as m
from lipwire.protocol.codec import encode

PING = encode(m.Ping(161)).hex()
HELLO = m.Hello("lipwire", [1], bytes(16), 1, [["s16le", 24_000, 1]], ["repair"], {}, "very secret")


def test_a_message_in_words(run):
    outcome = run("decode", PING)
    assert outcome.status == 0
    assert outcome.out.splitlines()[0].startswith("ping (type 4, 4 bytes), sent by either peer on control")
    assert outcome.out.splitlines()[1].split() == ["t1", "161"]


@pytest.mark.parametrize(
    "arguments",
    [["92", "04", "cc", "a1"], ["92 04 cc a1"], ["9204CCA1"], ["9204 cca1"]],
    ids=lambda arguments: f"{len(arguments)} {arguments[0]}",
)
def test_spaces_do_no_harm(run, arguments):
    out = run("decode", "--json", *arguments).out
    assert json.loads(out)["fields"] == {"t1": 161}


def test_several_messages(run):
    lines = run("decode", "--json", PING, encode(m.Interrupt(3, 5)).hex()).out.splitlines()
    assert [json.loads(line)["name"] for line in lines] == ["ping", "interrupt"]
    assert json.loads(lines[1])["fields"] == {"first": 3, "last": 5}


def test_a_message_within_numbered(run):
    inner = m.SegmentStart(1, {"text": "Hello"})
    outcome = run("decode", encode(m.Numbered(7, 2, inner)).hex())
    assert "segment_start" in outcome.out
    assert "Hello" in outcome.out


def test_tokens_are_not_shown(run):
    for options in ([], ["--json"]):
        outcome = run("decode", *options, encode(HELLO).hex())
        assert "(hidden)" in outcome.out
        assert "very secret" not in outcome.out
        assert b"very secret".hex() not in outcome.out


def test_control_characters_are_escaped(run):
    outcome = run("decode", encode(m.CloseMessage(0, "\x1b[31mred")).hex())
    assert "\x1b" not in outcome.out
    assert "\\x1b[31mred" in outcome.out


@pytest.mark.parametrize(
    ("data", "code", "name"),
    [
        ("c0", 16, "malformed"),
        ("9204", 16, "malformed"),
        ("91cd07d0", 17, "unknown_message"),
        ("9104", 18, "invalid_field"),
        ("92dc04ff", 21, "limit_exceeded"),
        ("9201a3666f6f", 32, "not_lipwire"),
        ("dc000201c0", 32, "not_lipwire"),
        ("9301a76c6970776972659102", 33, "unsupported_version"),
    ],
)
def test_what_breaks_a_rule_has_its_close_code(run, data, code, name):
    outcome = run("decode", data, "--json")
    assert outcome.status == 1
    error = json.loads(outcome.out)["error"]
    assert (error["code"], error["name"]) == (code, name)
    text = run("decode", data)
    assert text.status == 1
    assert f"{name} ({code})" in text.out


def test_a_type_to_be_ignored_is_no_error(run):
    outcome = run("decode", "9140")
    assert outcome.status == 0
    assert "ignored" in outcome.out


def test_files_and_standard_input(run, tmp_path, monkeypatch):
    hexes = tmp_path / "messages.hex"
    hexes.write_text(f"# two of them\n{PING}\n\n{PING[:4]} {PING[4:]}\n")
    assert len(run("decode", hexes, "--json").out.splitlines()) == 2
    binary = tmp_path / "one.bin"
    binary.write_bytes(encode(m.AudioMessage(1, 0, 0, b"\xff\xfe" * 100)))
    assert json.loads(run("decode", binary, "--json").out)["fields"]["pcm"] == "200 bytes"

    class Input:
        buffer = io.BytesIO(PING.encode())

    monkeypatch.setattr("sys.stdin", Input())
    assert json.loads(run("decode", "-", "--json").out)["name"] == "ping"


def test_a_trace(run, tmp_path):
    trace = tmp_path / "trace.jsonl"
    records = [
        {
            "t": 100.0,
            "peer": "sender",
            "kind": "out",
            "channel": "control",
            "hex": PING,
            "name": "ping",
            "fields": {"t1": 5},
        },
        {"t": 100.25, "peer": "sender", "kind": "event", "name": "StreamEnded", "fields": {"segment": 1}},
        {"t": 100.5, "peer": "sender", "kind": "in", "channel": "control", "text": "hi"},
        {"t": 100.6, "peer": "sender", "kind": "out", "channel": "media", "bytes": 960},
        {"t": 100.7, "peer": "sender", "kind": "in", "channel": "control", "hex": "c0", "error": "not a message"},
    ]
    trace.write_text("".join(json.dumps(record) + "\n" for record in records))
    outcome = run("decode", trace)
    first, second, third, fourth, fifth = outcome.out.splitlines()
    assert first.split() == ["0.000", "sender", "→", "control", "ping", "t1", "5"]
    assert "0.250" in second
    assert "StreamEnded" in second
    assert "text" in third
    assert fourth.split()[-3:] == ["pcm", "bytes", "960"]
    assert "not a message" in fifth
    assert outcome.status == 1


@pytest.mark.parametrize(
    ("given", "says"),
    [("xyz", "neither hex nor a file"), ("abc", "neither hex nor a file"), ("", "neither hex nor a file")],
)
def test_what_is_no_hex(run, given, says):
    outcome = run("decode", given)
    assert outcome.status == 2
    assert says in outcome.err


def test_what_is_no_hex_among_others(run):
    outcome = run("decode", PING, "9204zz")
    assert outcome.status == 2
    assert "'9204zz' is not hex" in outcome.err


@pytest.mark.parametrize(
    ("text", "says"),
    [("", "nothing in it"), ("hello there", "neither a trace nor hex"), ('{"t": 1}\n', "line 1: not a record")],
    ids=["empty", "prose", "other JSON"],
)
def test_files_that_are_neither(run, tmp_path, text, says):
    path = tmp_path / "file"
    path.write_text(text)
    outcome = run("decode", path)
    assert outcome.status == 2
    assert says in outcome.err


def test_a_folder(run, tmp_path):
    assert run("decode", tmp_path).status == 2
