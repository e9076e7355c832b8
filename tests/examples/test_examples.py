"""The examples run as they stand, and README.md shows them as they are."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize("name", ["agent.py", "avatar.py"])
def test_readme_shows_the_example(name):
    readme = (ROOT / "README.md").read_text()
    shown = re.search(rf"<!-- examples/{re.escape(name)} -->\n```python\n(.*?)```", readme, re.DOTALL)
    assert shown is not None
    assert shown[1] == (EXAMPLES / name).read_text()


def test_agent_and_avatar():
    port = free_port()
    avatar = subprocess.Popen(
        [sys.executable, str(EXAMPLES / "avatar.py"), str(port)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert avatar.stdout.readline().startswith("listening on ws://127.0.0.1")
        agent = subprocess.run(
            [sys.executable, str(EXAMPLES / "agent.py"), f"ws://127.0.0.1:{port}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert agent.returncode == 0, agent.stderr
        first, interrupt, second = agent.stdout.splitlines()
        assert "position=28800" in first
        assert "Cause.PLAYED" in first
        assert interrupt.startswith("interrupted in")
        assert "Cause.INTERRUPTED" in second
        assert "exact=True" in second
    finally:
        avatar.kill()
        avatar.wait()
        avatar.stdout.close()


def test_an_agent_that_is_killed_does_not_stop_the_avatar():
    """The session is lost for the one, and the next agent is served."""
    port = free_port()
    url = f"ws://127.0.0.1:{port}"
    avatar = subprocess.Popen(
        [sys.executable, "-u", str(EXAMPLES / "avatar.py"), str(port)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert avatar.stdout.readline().startswith("listening")
        first = subprocess.Popen([sys.executable, str(EXAMPLES / "agent.py"), url], stdout=subprocess.DEVNULL)
        assert avatar.stdout.readline().startswith("segment 1")
        first.kill()
        first.wait()
        lost = next(line for line in avatar.stdout if not line.startswith("segment"))
        assert "peer_gone" in lost  # the resume time is over
        second = subprocess.run(
            [sys.executable, str(EXAMPLES / "agent.py"), url], capture_output=True, timeout=60, check=False
        )
        assert second.returncode == 0
    finally:
        avatar.kill()
        avatar.wait()
        avatar.stdout.close()


def test_readme_names_commands_that_exist():
    readme = (ROOT / "README.md").read_text()
    for command in set(re.findall(r"`lipwire (\w+)", readme)):
        helped = subprocess.run(
            [sys.executable, "-m", "lipwire.cli", command, "--help"], capture_output=True, text=True, check=False
        )
        assert helped.returncode == 0, command
