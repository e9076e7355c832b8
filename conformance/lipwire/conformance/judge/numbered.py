"""Rules for numbered control and for resuming (SPEC §14, §15)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lipwire.protocol.channels import Channel
from lipwire.protocol.errors import CloseCode
from lipwire.protocol.limits import UNACKNOWLEDGED_MESSAGES
from lipwire.protocol.registry import Role

from ..trace import Entry
from .faults import is_hidden
from .ledger import Ledger, digest
from .opening import greeted
from .rule import Look, rule
from .wire import registered

HIDDEN: Final = b"hidden"
"""What a secret begins with that was taken out of a trace."""


@rule(
    "LW-CONTROL-1", "With `resume`, a peer MUST send each message that the registry marks as numbered inside `numbered`"
)
def is_numbered(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    row = registered(entry)
    if row is not None and row.numbered and "resume" in ledger.features and entry.name != "interrupt":
        yield entry.number is not None, f"a bare {entry.name}"


@rule("LW-CONTROL-1", "with the next number", arriving=True)
def next_number(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    link = ledger.link_of(entry)
    if (
        entry.number is None
        or not link.known
        or entry.channel is not Channel.CONTROL
        or not ledger.current(entry)
        or is_hidden(entry)
    ):
        return
    before = ledger.kept[entry.by].get(entry.number)
    if before is not None:
        yield before == digest(entry), f"number {entry.number} is another message than before"
    if link.greeting is not None and link.greeting.resume is None:
        expected = ledger.highest_number[entry.by] + 1
        yield entry.number <= expected, f"number {entry.number} after {expected - 1}"


@rule(
    "LW-RESUME-8",
    "After a resume each peer MUST send its numbered messages beyond the other's count before it goes on.",
    arriving=True,
)
def from_where_it_was(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    link = ledger.link_of(entry)
    if (
        entry.number is None
        or not link.known
        or entry.channel is not Channel.CONTROL
        or link.welcome is None
        or link.greeting is None
    ):
        return
    resume, state = link.greeting.resume, link.welcome.message.state
    if resume is not None and state is not None:
        count = state[0] if entry.by is Role.SENDER else resume[1]
        expected = link.numbers.get(entry.by, count) + 1
        yield entry.number <= expected, f"number {entry.number} where {expected} is due"


@rule("LW-CONTROL-6", "when `taken` is above the count of numbered messages that it sent", arriving=True)
def taken_was_sent(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if entry.taken is not None and entry.by.other not in ledger.unreadable:
        sent = ledger.highest_number[entry.by.other]
        yield entry.taken <= sent, f"taken {entry.taken}, and {sent} were sent"


@rule("LW-CONTROL-5", "more than 1,024 of its numbered messages", arriving=True)
def unacknowledged(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if entry.number is not None:
        waiting = entry.number - ledger.taken[entry.by.other]
        yield waiting <= UNACKNOWLEDGED_MESSAGES, f"{waiting} numbered messages are not acknowledged"


@rule("LW-CONTROL-1", "MUST close with `out_of_state` on `numbered`", arriving=True, regardless=True, of="pong")
def refuses_numbered(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if "resume" not in ledger.features and (ping := ledger.link_of(entry).proved(entry)):
        index = ledger.unasked_numbers.get(entry.by.other)
        if index is not None and ledger.current(entry):
            yield index > ping.index, f"it goes on after message {index}, which is numbered"


# -- resume --------------------------------------------------------------------------------------------------------


@rule(
    "LW-RESUME-2",
    "a sender MUST send hello with the same session id and formats, a greater generation",
    arriving=True,
    of="hello",
)
def resumes(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if entry.message is None or not ledger.welcomes:
        return
    hello, link = entry.message, ledger.link
    assert link is not None
    first = link.greeting
    known = [one for one in ledger.welcomes if ledger.surely_known(Role.SENDER, one)]
    if hello.resume is None or first is None or not known:
        return
    greatest = known[-1].message.generation
    yield hello.generation > greatest, f"generation {hello.generation} after {greatest}"
    yield hello.formats == first.formats, f"formats {hello.formats}; before: {first.formats}"


@rule("LW-RESUME-2", "in `resume` the newest secret that it received", arriving=True, of="hello")
def newest_secret(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if entry.message is None or entry.message.resume is None or not ledger.welcomes:
        return
    credential = entry.message.resume[0]
    surely = [w for w in ledger.welcomes if ledger.surely_known(Role.SENDER, w)]
    newest = ledger.welcomes.index(surely[-1]) if surely else 0
    secrets = [welcome.message.secret for welcome in ledger.welcomes[newest:]]
    if not any(secret is None or secret.startswith(HIDDEN) for secret in [credential, *secrets]):
        yield credential in secrets, "the credential is not the newest secret"


@rule(
    "LW-RESUME-10",
    "the other's counts or positions are beyond what it sent, or behind what the other had reported before",
    arriving=True,
    of="hello welcome",
)
def counts_agree(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if entry.message is None or entry.by.other in ledger.unreadable:
        return
    if entry.name == "hello" and entry.message.resume is not None and ledger.welcomes:
        count, who = entry.message.resume[1], Role.SENDER
    elif (both := greeted(ledger, entry)) and both[0].resume is not None and entry.message.state is not None:
        count, who = entry.message.state[0], Role.RECEIVER
    else:
        return
    sent, before = ledger.highest_number[who.other], ledger.taken[who]
    yield count <= sent, f"{count} taken, and {sent} were sent"
    yield count >= before, f"{count} taken, after {before}"
    if who is Role.RECEIVER:
        for number, received, consumed, played in entry.message.state[1]:
            segment = ledger.segments.get(number)
            reach = segment.reach if segment else 0
            yield received <= reach, f"segment {number} received up to {received}, and {reach} was sent"
            if segment is not None:
                had = (segment.received, segment.consumed)
                less = received < had[0] or consumed < had[1]
                yield not less, f"segment {number}: {(received, consumed)} after {had}"
            yield (played or 0) <= consumed <= received, f"segment {number}: {received}, {consumed}, {played}"


@rule("LW-RESUME-3", "Each welcome MUST carry a new secret of at least 128 random bits.", arriving=True, of="welcome")
def new_secret(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    if (both := greeted(ledger, entry)) and "resume" in entry.message.features:
        secret = both[1].secret
        yield secret is not None, "resume was chosen, and there is no secret"
        repeat = ledger.link_of(entry).welcome is not None
        if secret is not None and not secret.startswith(HIDDEN) and not repeat:
            used = any(welcome.message.secret == secret for welcome in ledger.welcomes)
            yield not used, "a secret that was given before"


@rule(
    "LW-RESUME-7",
    "On a resume the welcome MUST choose the same version, format and features as before, and carry `state`.",
    arriving=True,
    of="welcome",
)
def same_choice(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    both = greeted(ledger, entry)
    if both and both[0].resume is not None and ledger.welcomes:
        before, now = ledger.welcomes[-1].message, both[1]
        same = (now.version, now.format, sorted(now.features)) == (
            before.version,
            before.format,
            sorted(before.features),
        )
        yield same, f"version {now.version}, {now.format}, {now.features}; before: {before.format}, {before.features}"
        yield now.state is not None, "there is no state"


@rule("LW-RESUME-7", "and carry `state`.", arriving=True, of="welcome")
def live_segments_in_state(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    both = greeted(ledger, entry)
    if not both or both[0].resume is None or not ledger.welcomes or entry.message.state is None:
        return
    rows = [row[0] for row in entry.message.state[1]]
    yield len(rows) == len(set(rows)), f"segments {rows}"
    strange = [number for number in rows if (s := ledger.segments.get(number)) is None or s.start is None or s.over]
    yield not strange, f"segments {strange} are listed, and were never started or have ended"


@rule(
    "LW-RESUME-4",
    "A receiver MUST close with `unknown_session` when it does not know the session",
    arriving=True,
    of="close",
)
def known_session(ledger: Ledger, entry: Entry) -> Iterator[Look]:
    hello = ledger.link_of(entry).greeting
    if entry.message is not None and entry.message.code == CloseCode.UNKNOWN_SESSION and entry.by is Role.RECEIVER:
        yield hello is None or hello.resume is not None, "unknown_session, and the hello resumes nothing"
