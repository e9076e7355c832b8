"""Takes the messages of a trace one by one, tells sessions apart, and lets the rules look."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from lipwire.protocol.registry import Role

from ..trace import Entry
from ..verdicts import Check
from .faults import is_hidden
from .ledger import Ledger
from .link import Link
from .rule import Rule, rules_for

_SESSIONS: Final = 1_024
"""Of those that are not on a transport any more, kept because they may be resumed."""

VERSION_0: Final = "a session of version 0, which is not judged"
BEGAN_BEFORE: Final = "a session that began before the trace, or elsewhere, which is not judged"
UNREADABLE: Final = "a session whose opening is not in the trace as it was, which is not judged"
ROOM: Final = "a session in a room, where control may lose messages, which is not judged"


@dataclass(frozen=True)
class Finding:
    """One message with which a peer broke a rule."""

    rule: Rule
    entry: Entry
    actual: str
    """What there was."""

    @property
    def requirement(self) -> str:
        """The id of what was broken."""
        return self.rule.requirement

    @property
    def by(self) -> Role:
        """Who broke it."""
        return self.entry.by

    def as_check(self) -> Check:
        """As the kit notes it."""
        return Check(
            requirement=self.rule.requirement,
            level=self.rule.level,
            passed=False,
            expected=f"{'nothing of which SPEC.md says: ' if self.rule.refused else ''}“{self.rule.says}”",
            actual=f"{self.entry.name} (message {self.entry.index}): {self.actual}",
            at=self.entry.index,
        )


@dataclass(eq=False)
class _Session:
    ledger: Ledger
    broken: set[Role] = field(default_factory=set)
    """Who has broken a rule that is a MUST."""
    unjudged: str = ""


class Judge:
    """Judges both peers of any number of sessions, message by message, in the order in which one place saw them.

    Args:
        binding: what the transports are: ``websocket``, ``webrtc``, ``memory``; None: not known, and rules that need
            to know are silent.
    """

    def __init__(self, binding: str | None = None) -> None:
        self.binding = binding
        self.looks: Counter[tuple[Role, Rule]] = Counter()
        """How often each rule had something to look at."""
        self.unjudged: Counter[str] = Counter()
        """Sessions that are not judged, and why."""
        self.sessions = 0
        """Those that are."""
        self._by_transport: dict[int, _Session] = {}
        self._by_id: dict[bytes, _Session] = {}

    def take(self, entry: Entry) -> list[Finding]:
        """Look at the next message; gives what it breaks. What is no message is passed over."""
        if entry.kind != "message":
            return []
        session = self._by_transport.get(entry.transport)
        if session is None:
            session = self._by_transport[entry.transport] = self._begun(entry)
        if session.unjudged:
            return []
        ledger = session.ledger
        if entry.transport not in ledger.links:
            ledger.links[entry.transport] = Link(entry.transport, self.binding)
        if entry.message is None and is_hidden(entry) and ledger.links[entry.transport].welcome is None:
            session.unjudged = UNREADABLE
            self.unjudged[UNREADABLE] += 1
            self.sessions -= 1
            return []
        found = self._look(session, entry, arriving=True)
        ledger.note(entry)
        if ledger.current(entry):
            for one in ledger.deliver(entry):
                if one.message is None or ledger.was_forgotten(one):
                    continue
                found += self._look(session, one, arriving=False)
                ledger.take(one)
        if any(finding.rule.level == "MUST" for finding in found):
            session.broken.add(entry.by)
        if ledger.link_of(entry).welcome is entry:
            self._opened(entry.message.session, session)
        return found

    def ended(self, transport: int) -> None:
        """A transport is gone for good, and its number does not come again."""
        self._by_transport.pop(transport, None)

    def _look(self, session: _Session, entry: Entry, *, arriving: bool) -> list[Finding]:
        found = []
        excused = entry.by.other in session.broken
        for rule in rules_for(entry.name, entry.by, arriving=arriving):
            if (excused and not rule.regardless) or (rule.of and entry.message is None):
                continue
            for kept, actual in rule.looks(session.ledger, entry):
                self.looks[entry.by, rule] += 1
                if not kept:
                    found.append(Finding(rule, entry, actual))
        return found

    def _opened(self, name: bytes, session: _Session) -> None:
        self._by_id.pop(name, None)
        self._by_id[name] = session
        if len(self._by_id) > _SESSIONS:
            del self._by_id[next(iter(self._by_id))]

    def _begun(self, entry: Entry) -> _Session:
        """The session that a transport belongs to, by the first message on it."""
        if entry.name in ("text", "bytes"):
            return self._not_judged(VERSION_0)
        if self.binding == "room":
            return self._not_judged(ROOM)
        hello = entry.message if entry.name == "hello" else None
        if hello is not None and hello.resume is not None:
            return self._by_id.get(hello.session) or self._not_judged(BEGAN_BEFORE)
        self.sessions += 1
        return _Session(Ledger())

    def _not_judged(self, why: str) -> _Session:
        self.unjudged[why] += 1
        return _Session(Ledger(), unjudged=why)
