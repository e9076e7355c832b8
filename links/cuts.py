"""Cuts: the link goes away for a while, or one of the two processes does. What then becomes of the session.

The agent has 20 s of audio at hand in one segment, and says one second more when that has ended. Each function gives
what both sides saw; seconds are counted from the moment of the cut.
"""

from __future__ import annotations

import json
import time
from typing import Any

from . import LINK, Link
from .figures import URLS, Transport
from .speech import FORMAT

STORY = 20.0
"""Seconds of audio at hand."""
_LIMIT = 300.0


def link_away(transport: Transport, seconds: float) -> dict[str, Any]:
    """Nobody is told; packets are gone."""
    with Link(LINK) as link:
        avatar = _start_avatar(link, transport)
        agent = _begin(link, transport, avatar)
        at = time.monotonic()
        link.cut()
        time.sleep(seconds)
        link.restore()
        told = list(agent)
        heard = avatar.through("totals")
    return {**_result(f"link away for {seconds:g} s", transport), **_agent(told, at), **_avatar(heard, at)}


def receiver_killed(transport: Transport) -> dict[str, Any]:
    """The receiving process is killed, and another takes its place at once."""
    with Link(LINK) as link:
        avatar = _start_avatar(link, transport)
        again = _start_avatar(link, transport, follows=True)
        again.until("ready")
        agent = _begin(link, transport, avatar)
        at = time.monotonic()
        avatar.kill()
        again.until("listening")
        told = list(agent)
        heard = again.through("totals")
    return {**_result("receiver killed, another in its place", transport), **_agent(told, at), **_avatar(heard, at)}


def sender_killed(transport: Transport) -> dict[str, Any]:
    """The sending process is killed, and does not come back."""
    with Link(LINK) as link:
        avatar = _start_avatar(link, transport)
        agent = _begin(link, transport, avatar)
        at = time.monotonic()
        agent.kill()
        heard = avatar.through("totals")
    return {**_result("sender killed", transport), **_avatar(heard, at)}


def _start_avatar(link: Link, transport: Transport, *, follows: bool = False) -> Any:
    settings = {"url": URLS[transport], "follows": follows}
    avatar = link.start(1, "links.avatar", json.dumps(settings), limit=_LIMIT)
    if not follows:
        avatar.until("listening")
    return avatar


def _begin(link: Link, transport: Transport, avatar: Any) -> Any:
    """Start the agent, and wait until it is in the middle of the segment."""
    settings = {"url": URLS[transport], "do": "story", "seconds": STORY}
    agent = link.start(0, "links.agent", json.dumps(settings), limit=_LIMIT)
    while avatar.until("taken")[3] < 2 * FORMAT.rate:
        pass
    return agent


def _result(scenario: str, transport: Transport) -> dict[str, Any]:
    return {"scenario": scenario, "transport": transport}


def _agent(lines: list[Any], at: float) -> dict[str, Any]:
    """How the segments ended, and over how many sessions and transports."""
    statistics = [line[2] for line in lines if line[0] == "statistics"]
    return {
        "segments": [
            {"cause": cause, "position": position, "exact": exact, "seconds": round(when - at, 2)}
            for word, when, *more in lines
            if word == "ended"
            for _, position, cause, exact in [more]
        ],
        "sessions": statistics[0]["sessions"] if statistics else None,
        "transports": statistics[0]["transports"] if statistics else None,
        "sender_error": next((line[2] for line in lines if line[0] == "broken"), None),
    }


def _avatar(lines: list[Any], at: float) -> dict[str, Any]:
    """How long nothing came, how the session ended, and whether what was handed out is right."""
    taken = [line[1] for line in lines if line[0] == "taken" and line[1] > at]
    gaps = [second - first for first, second in zip([at, *taken], taken, strict=False)]
    ends = [line for line in lines if line[0] in ("broken", "closed")]
    totals = [line[2] for line in lines if line[0] == "totals"]
    return {
        "longest_silence": round(max(gaps), 2) if gaps else None,
        "receiver_end": (ends[0][2] if ends[0][0] == "broken" else "closed") if ends else None,
        "receiver_seconds": round(ends[0][1] - at, 2) if ends else None,
        "faulty_samples": sum(totals[0][f"{kind}_samples"] for kind in ("lost", "doubled", "wrong", "concealed"))
        if totals
        else None,
    }
