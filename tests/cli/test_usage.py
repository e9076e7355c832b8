"""The command line itself: help, version, wrong usage, and packages that are not installed."""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest

from lipwire.cli import options
from lipwire.protocol.channels import Channel

COMMANDS = [[], ["demo"], ["send"], ["receive"], ["decode"], ["trace"], ["trace", "view"]]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help(run, command):
    outcome = run(*command, "--help")
    assert outcome.status == 0
    assert "usage: lipwire" in outcome.out
    if command != ["trace"]:
        assert "examples:" in outcome.out
        assert " ".join(["lipwire", *command]) in outcome.out.split("examples:")[1]


def test_without_a_command_it_shows_its_help(run):
    outcome = run()
    assert outcome.status == 0
    assert all(word in outcome.out for word in ("demo", "send", "receive", "decode", "trace"))


def test_version(run):
    assert run("--version").out.startswith("lipwire ")


def test_it_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "lipwire.cli", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("lipwire ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "invalid choice"),
        (["demo", "--transport", "pigeon"], "invalid choice"),
        (["demo", "--loss", "many"], "a share such as 0.2 or 20%"),
        (["demo", "--delay", "soon"], "a time such as 1.5 or 50ms"),
        (["demo", "--rate", "fast"], "a rate such as"),
        (["demo", "--speed", "0"], "above 0"),
        (["demo", "--loss", "1.5"], "loss must be from 0 to 1"),
        (["demo", "--loss", "0.9", "--burst", "2"], "bursts of 2"),
        (["decode"], "HEX | FILE | -"),
        (["trace"], "COMMAND"),
        (["trace", "view"], "TRACE"),
        (["send", "x.wav"], "URL"),
        (["receive", "--speed", "-1"], "above 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_told_and_exits_with_2(run, arguments, says):
    outcome = run(*arguments)
    assert outcome.status == 2
    assert says in outcome.err
    assert outcome.out == ""


def _without(package: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from lipwire.cli.main import main\n"
        f"sys.exit(main({list(arguments)!r}))"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


@pytest.mark.parametrize(
    ("package", "arguments"),
    [
        ("rich", ["demo"]),
        ("av", ["demo"]),
        ("aiortc", ["demo"]),
        ("websockets", ["demo", "--transport", "websocket"]),
        ("websockets", ["receive"]),
        ("aiohttp", ["receive", "http://127.0.0.1:0"]),
        ("websockets", ["send", "x.wav", "ws://127.0.0.1:1"]),
        ("av", ["send", __file__, "ws://127.0.0.1:1"]),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value)[:20],
)
def test_a_missing_extra_is_named_with_its_pip_line(package, arguments):
    done = _without(package, *arguments)
    assert done.returncode == 1
    assert 'pip install "lipwire[cli]"' in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_help_names_the_pip_line_when_something_is_missing():
    assert 'pip install "lipwire[cli]"' in _without("rich").stdout


@pytest.mark.parametrize("arguments", [["--version"], ["decode", "9204a0"], ["--help"]], ids=" ".join)
@pytest.mark.parametrize("package", ["rich", "av", "websockets", "aiortc"])
def test_what_needs_no_extra_does_without(package, arguments):
    assert _without(package, *arguments).stderr == ""


def test_units():
    assert options.duration("1.5") == options.duration("1500ms") == options.duration(" 1.5 s")
    assert options.duration("2min") == 120
    assert options.share("20%") == options.share("0.2") == options.share(".2")
    assert options.data_rate("1Mbit") == options.data_rate("125kB") == 125_000
    assert options.cuts("3") == 3
    assert options.cuts("3,500ms") == (3, 0.5)
    with pytest.raises(argparse.ArgumentTypeError):
        options.duration("-1")


def test_faults_from_the_command_line():
    parser = argparse.ArgumentParser()
    options.add_faults(parser)
    given = ["--loss", "10%", "--burst", "2", "--rate", "64kB", "--cut-after", "1,2", "--lossy-control", "--seed", "7"]
    faults = options.faults(parser.parse_args(given))
    assert (faults.loss, faults.burst, faults.rate, faults.cut_after, faults.seed) == (0.1, 2, 64_000, (1, 2), 7)
    assert faults.channels == frozenset(Channel)
