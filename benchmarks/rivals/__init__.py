"""Other SDKs' own classes, measured beside Lipwire's in one process of an environment that has all of them.

Each is driven as Lipwire is in ``cpu``, over the cheapest fake of its room that its classes take.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ENVIRONMENT = Path(__file__).resolve().parents[2] / ".rivals"
"""Made by ``scripts/fetch-rivals``."""
NAMES = {
    "videosdk": "VideoSDK",
    "livekit": "LiveKit",
}
LONGEST = 1_200.0


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the rivals' environment gave."""

    took: dict[int, dict[str, list[float]]] = field(default_factory=dict)
    """Microseconds a chunk: by chunks in flight, then by contender (floor and lipwire too), one value a round."""
    absent: dict[str, str] = field(default_factory=dict)
    """Why a rival was not measured."""
    versions: dict[str, str] = field(default_factory=dict)
    python: str = ""


def measure(*, chunks: int, rounds: int, say: Callable[[str], None]) -> Measured:
    """Run the contenders in the rivals' environment, if it is there."""
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        return Measured(absent=dict.fromkeys(NAMES, "not installed: scripts/fetch-rivals"))
    command = [str(python), "-m", "benchmarks.rivals", str(chunks), str(rounds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=LONGEST)
    if done.returncode:
        say(f"the rivals' environment failed (exit {done.returncode})")
        return Measured(absent=dict.fromkeys(NAMES, "their environment failed; see above"))
    told = json.loads(done.stdout)
    return Measured(
        took={int(burst): took for burst, took in told["took"].items()},
        absent=told["absent"],
        versions=told["versions"],
        python=told["python"],
    )


def say_on_stderr(text: str) -> None:
    """Progress, from within the rivals' environment."""
    print(f"  {text}", file=sys.stderr, flush=True)
