"""Rules for liveness and the end of a session (SPEC §16)."""

from __future__ import annotations

from collections.abc import Iterator

from lipwire.protocol.errors import CloseCode
from lipwire.protocol.registry import Role

from .. import messages as m
from ..trace import Entry
from .ledger import Ledger
from .link import OVERTAKEN
from .rule import Look, rule

_BY_ITSELF = {
    CloseCode.MALFORMED: "was malformed",
    CloseCode.UNKNOWN_MESSAGE: "is of an unknown type",
}
"""Codes that say what is wrong with one message by itself, so that it is seen whether there was one."""


@rule("LW-CLOSE-1", "A peer MUST send nothing after it", arriving=True, regardless=True)
def nothing_after_close(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    link = ledger.link_of(entry)
    if entry.by in link.closes and link.ordered(entry):
        yield False, f"{entry.name} after close"
    elif entry.name == "close":
        yield True, "close"


@rule("LW-CLOSE-1", "it can not be resumed", of="hello", arriving=True, regardless=True)
def not_resumed(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if entry.message is not None and entry.message.resume is not None:
        closed = any(Role.SENDER in link.closes and link.welcome is not None for link in ledger.links.values())
        yield not closed, "a hello that resumes what this sender has closed"


@rule("LW-CLOSE-6", "MUST send a close with the code that the rule names", of="close", arriving=True, regardless=True)
def right_code(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if entry.message is None or entry.message.code not in _BY_ITSELF or entry.by.other in ledger.unreadable:
        return
    code = CloseCode(entry.message.code)
    yield code in ledger.accusable[entry.by.other], f"close {code.name.lower()}, and no message {_BY_ITSELF[code]}"


@rule("LW-CLOSE-6", "MUST send a close with the code that the rule names", of="close", arriving=True, regardless=True)
def window_was_exceeded(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if entry.message is None or entry.by is not Role.RECEIVER or Role.SENDER in ledger.unreadable:
        return
    if entry.message.code == CloseCode.WINDOW_EXCEEDED and len(ledger.welcomes) == 1:
        sent, window = ledger.sent_samples, ledger.window
        yield sent > window, f"close window_exceeded, and all that was ever sent is {sent} of {window} samples"


@rule(
    "LW-RESUME-1",
    "then the session is closed with `peer_gone` on both sides",
    of="close",
    arriving=True,
    regardless=True,
)
def peer_gone_is_not_sent(_: Ledger, entry: Entry) -> Iterator[Look]:
    if entry.message is not None and entry.message.code == CloseCode.PEER_GONE:
        yield False, "close peer_gone, which is never sent: there is nobody to send it to"


@rule("LW-LIVE-1", "A peer MUST answer each ping at once with a pong, up to 100 a second", of="pong", arriving=True)
def pings_answered(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    link = ledger.link_of(entry)
    answered = link.proved(entry)
    if answered is None:
        if entry.by.other not in link.forgot:
            yield False, f"a pong with t1 {entry.message.t1}, and no ping with that waits for one"
        return
    # Pongs may come out of turn, from a peer that answers side by side.
    left_out = [
        ping.t1
        for ping in link.pings[entry.by.other]
        if ping.index < answered.index and not ping.crowded and ping.overtaken == OVERTAKEN - 1
    ]
    yield not left_out, f"the ping with t1 {m.shown(left_out)} was not answered, and {OVERTAKEN} later ones were"
