"""Runs in the rivals' environment: ``python -m benchmarks.rivals CHUNKS ROUNDS`` prints JSON."""

from __future__ import annotations

import importlib
import json
import platform
import sys
from importlib.metadata import version

import anyio

from benchmarks import cpu

from . import NAMES, say_on_stderr


def main() -> None:
    """Take turns between the floor, Lipwire and each rival that can be imported."""
    chunks, rounds = (int(argument) for argument in sys.argv[1:])
    contenders: dict[str, cpu.Contender] = {"floor": cpu.floor, "lipwire": cpu.lipwire}
    absent, versions = {}, {}
    for name in NAMES:
        try:
            module = importlib.import_module(f"benchmarks.rivals.{name}")
            anyio.run(module.contender, 10, 1)
        except Exception as error:  # a version of theirs that our fake does not fit, say
            absent[name] = f"does not run: {error!r}"
            continue
        contenders[name] = module.contender
        versions[name] = version(module.DISTRIBUTION)
    took = {
        burst: cpu.take_turns(contenders, burst, chunks=chunks, rounds=rounds, say=say_on_stderr) for burst in cpu.BARS
    }
    json.dump(
        {"took": took, "absent": absent, "versions": versions, "python": f"Python {platform.python_version()}"},
        sys.stdout,
    )


if __name__ == "__main__":
    main()
