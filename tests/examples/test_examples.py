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


def test_readme_names_commands_that_exist():
    readme = (ROOT / "README.md").read_text()
    for command in set(re.findall(r"`lipwire (\w+)", readme)):
        helped = subprocess.run(
            [sys.executable, "-m", "lipwire.cli", command, "--help"], capture_output=True, text=True, check=False
        )
        assert helped.returncode == 0, command
