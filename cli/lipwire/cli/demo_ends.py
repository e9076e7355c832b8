"""The two ends of the demo. Each is a process of its own (``python -m lipwire.cli.demo_ends agent``), which reads its
settings as one line of JSON, and writes its reports so; over the memory transport both run in the demo's process.

A process ends when its standard input does, so none outlives the demo.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio

from lipwire.protocol.channels import Channel
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.trace import JsonLinesTrace, TraceHook
from lipwire.receiver import Acceptor
from lipwire.transports import Connector, Faults, FaultyListener, Listener, connector_for, faulty, listener_for

from .agent import speak
from .avatar import play_session
from .errors import FAILED, explain
from .main import set_up_logging
from .speech import Piece
from .wav import read_pcm

Report = Callable[[dict[str, Any]], None]
Settings = dict[str, Any]


def faults_to_json(faults: Faults) -> dict[str, Any]:
    """The faults that are not as by default."""
    none = Faults()
    out = {f.name: value for f in fields(Faults) if (value := getattr(faults, f.name)) != getattr(none, f.name)}
    return out | ({"channels": sorted(c.value for c in faults.channels)} if "channels" in out else {})


def faults_from_json(given: dict[str, Any]) -> Faults:
    """What ``faults_to_json`` made of them."""
    out = dict(given)
    if "channels" in out:
        out["channels"] = frozenset(Channel(name) for name in out["channels"])
    if isinstance(out.get("cut_after"), list):
        out["cut_after"] = tuple(out["cut_after"])
    return Faults(**out)


@contextmanager
def _trace_to(path: str | None) -> Iterator[TraceHook | None]:
    if path is None:
        yield None
        return
    with Path(path).open("w", encoding="utf-8") as file:
        yield JsonLinesTrace(file)


async def run_avatar(settings: Settings, report: Report, listener: Listener | None = None) -> None:
    """Serve one session, and play it."""
    own = listener or listener_for(settings["url"], backend=settings["backend"])
    # A connection breaks at one place, and that is at the agent's end.
    faults = replace(faults_from_json(settings["faults"]), cut_after=None)
    if faults_to_json(faults):
        own = FaultyListener(own, replace(faults, seed=faults.seed + 1))
    with _trace_to(settings["trace"]) as trace:
        async with Acceptor(own, trace=trace, info={"software": "lipwire demo"}) as acceptor:
            report({"report": "listening", "url": acceptor.address})
            audio = await acceptor.accept()
            await play_session(
                audio, Path(settings["out"]), "{segment}-heard.wav", speed=settings["speed"], report=report
            )


async def run_agent(settings: Settings, report: Report, connect: Connector | None = None) -> None:
    """Speak the pieces, and report how each ended."""
    connector = faulty(
        connect or connector_for(settings["url"], backend=settings["backend"]), faults_from_json(settings["faults"])
    )
    pieces = [
        Piece(text=piece["text"], pcm=read_pcm(Path(piece["file"])), interrupt=piece["interrupt"])
        for piece in settings["pieces"]
    ]
    given = connector if settings["faults"] else connector._connector
    with _trace_to(settings["trace"]) as trace:
        await speak(given, pieces, PcmFormat(*settings["format"]), speed=settings["speed"], report=report, trace=trace)
    counts: dict[str, int] = {}
    for transport in connector.transports:
        for name, value in asdict(transport.out.counts).items():
            counts[name] = counts.get(name, 0) + value
    if counts:
        report({"report": "link", "counts": counts})


def main() -> int:
    """Run one end as a process."""
    role = sys.argv[1]
    settings: Settings = json.loads(sys.stdin.readline())
    set_up_logging(settings["verbose"])
    threading.Thread(target=_end_with_input, daemon=True).start()

    def report(what: dict[str, Any]) -> None:
        print(json.dumps(what), flush=True)

    try:
        anyio.run(partial(run_avatar if role == "avatar" else run_agent, settings, report))
    except Exception as error:
        told = explain(error)
        if told is None:
            raise
        report({"report": "failed", "reason": str(told)})
        return FAILED
    return 0


def _end_with_input() -> None:
    """End this process when the demo's has ended."""
    try:
        while sys.stdin.read(1):
            pass
    finally:
        os._exit(FAILED)


if __name__ == "__main__":
    sys.exit(main())
