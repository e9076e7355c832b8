"""What a case waits for, and what it checks."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from lipwire.protocol.channels import Channel
from lipwire.protocol.errors import CloseCode

from . import messages as m
from .case import Case
from .driver import Driver
from .peer import Peer
from .requirements import REQUIREMENTS
from .trace import Entry
from .verdicts import Check
from .words import close_words, shown, values

PATIENCE: Final = 10.0
"""Seconds in which what has to come comes, before patience is multiplied. Nothing is concluded from their passing but
that it did not come."""
AFTER_ALL: Final = 1.0
"""Seconds, before patience is multiplied, in which an event may still come when a session is over, the driver has told
so, and it has answered a fence since: what an implementation hands out late. Each event begins them anew."""


class CaseFailed(Exception):
    """A check failed and the script can not go on; what it was is in the checks."""


class TransportGone(CaseFailed):
    """The transport ended while something was waited for."""


class Checking(Peer):
    """A peer that looks at what comes: over the wire, and from the driver.

    Args:
        case: what is asked.
        driver: the implementation's; None: it is reached by the wire alone.
        options: see :class:`Peer`.
    """

    def __init__(self, case: Case, driver: Driver | None, **options: Any) -> None:
        super().__init__(case, **options)
        self.driver = driver
        self.checks: list[Check] = []
        self._since = 0
        """Where in the trace it came to be: events before were not for it."""
        self._cursors: dict[str, int] = {}
        self._fences = 1 << 40

    # -- what comes ----------------------------------------------------------------------------------------

    def seen(self, name: str, /, *, since: int = 0, **fields: Any) -> list[Entry]:
        """All messages of that name, or events, that have come from the implementation, from ``since`` in the trace."""
        return [entry for entry in self.trace[since:] if self._is(entry, name, None, fields)]

    def said(self, since: int = 0) -> list[Entry]:
        """All messages that have come from the implementation, from ``since`` in the trace."""
        return [entry for entry in self.trace[since:] if entry.kind == "message" and entry.by is self.role]

    async def expect(
        self,
        name: str,
        /,
        *,
        where: Callable[[Any], bool] | None = None,
        requirement: str | None = None,
        level: str | None = None,
        within: float | None = None,
        since: int | None = None,
        **fields: Any,
    ) -> Entry:
        """Wait for the next message of that name with these fields, and for which ``where`` holds; a check.

        The next one after the last that was found of its name: others are passed over. With ``since``, the first one
        from there in the trace: for messages that may come in any order. The script ends here if it does not come.
        """
        entry = await self.find(name, where=where, within=within, since=since, **fields)
        self.check(entry is not None, f"{name}{shown(fields)}", lambda: self.lately(), requirement, level)
        if entry is None:
            raise TransportGone if self.over else CaseFailed
        return entry

    async def told(self, event: str, /, **options: Any) -> dict[str, Any]:
        """Wait for an event of the driver, as :meth:`expect` does for a message; gives its fields."""
        entry = await self.expect(f"event {event}", **options)
        assert entry.fields is not None
        return entry.fields

    async def find(
        self,
        name: str,
        /,
        *,
        where: Callable[[Any], bool] | None = None,
        within: float | None = None,
        since: int | None = None,
        **fields: Any,
    ) -> Entry | None:
        """As :meth:`expect`, without a check: None when it does not come."""
        deadline = self.now() + (PATIENCE if within is None else within) * self.patience
        at = self._cursors.get(name, 0) if since is None else since
        fenced = False
        while True:
            while at < len(self.trace):
                entry = self.trace[at]
                at += 1
                if self._is(entry, name, where, fields):
                    if since is None:
                        self._cursors[name] = at
                    return entry
            if self.driver is not None:
                self.driver.check()
            if self._hopeless(name):
                return None
            left = deadline - self.now()
            if self._is_all_told(name):
                if not fenced:
                    fenced = True
                    await self.flush()
                    continue
                left = min(left, AFTER_ALL * self.patience)
            self._news.clear()
            try:
                async with asyncio.timeout(max(left, 0)):
                    await self._news.wait()
            except TimeoutError:
                if at >= len(self.trace):
                    return None

    def _hopeless(self, name: str) -> bool:
        """Whether it can not come any more."""
        if name.startswith(("event ", "transport ")):
            return False
        return self.over or (self.closed is not None and self.closed.by is self.role and name != "close")

    def _is_all_told(self, name: str) -> bool:
        """Whether it is an event of a session that is over: no transport is open, and the driver has told the end.

        An offer may come all the same: a sender closes on a new transport what it could not close before (LW-CLOSE-9).
        """
        if not self.over or not name.startswith("event ") or name == "event offer":
            return False
        counts = Counter((entry.kind, entry.name) for entry in self.trace[self._since :])
        opened = counts["transport", "opened"] - sum(counts["transport", how] for how in ("closed", "ended", "broken"))
        closed = counts["event", "closed"]
        resumed = len(self.seen("event opened", since=self._since, resumed=True))
        sessions = counts["event", "session"] + counts["event", "opened"] - resumed
        return opened <= 0 and closed > 0 and closed >= sessions

    def _is(self, entry: Entry, name: str, where: Callable[[Any], bool] | None, fields: dict[str, Any]) -> bool:
        if not self._is_for_it(entry):
            return False
        kind, _, rest = name.rpartition(" ")
        if entry.name != rest or entry.kind != (kind or "message"):
            return False
        subject = entry.fields if entry.kind == "event" else entry.message
        for key, value in fields.items():
            have = (subject or {}).get(key) if isinstance(subject, dict) else getattr(subject, key, None)
            if have != value:
                return False
        return where is None or bool(where(subject))

    def _is_for_it(self, entry: Entry) -> bool:
        """Whether it came from the implementation, to this peer of the kit."""
        if entry.kind == "event":
            return entry.by is self.role and entry.index >= self._since
        return entry.by is self.role and entry.transport in self._own

    def lately(self) -> str:
        """How the session ended, if it has, and what came, newest last: for a failure."""
        names = [f"{entry.name}{values(entry)}" for entry in filter(self._is_for_it, self.trace)]
        came = "it did not come. What came: " + "; ".join(names[-8:]) if names else "nothing came"
        if self.closed is not None:
            who = "the implementation" if self.closed.by is self.role else "the kit"
            return f"{who} has sent {close_words(self.closed)}, and {came}"
        return f"the transport ended, and {came}" if self.over else came

    def last_said(self) -> str:
        """The name of the implementation's last message on control; media may come behind what was sent after it."""
        said = (e for e in reversed(self.trace) if e.kind == "message" and e.by is self.role)
        return next((entry.name for entry in said if entry.channel is Channel.CONTROL), "nothing")

    # -- checks --------------------------------------------------------------------------------------------

    def check(
        self,
        passed: bool,
        expected: str,
        actual: str | Callable[[], str] = "",
        requirement: str | None = None,
        level: str | None = None,
    ) -> bool:
        """Note that something was looked at; ``requirement``: the case's first unless said."""
        name = requirement or self.case.requirements[0]
        known = level or REQUIREMENTS[name].level
        text = "as expected" if passed else actual() if callable(actual) else actual
        self.checks.append(
            Check(
                requirement=name,
                level="SHOULD" if known == "SHOULD" else "MUST",
                passed=passed,
                expected=expected,
                actual=text,
                at=len(self.trace) - 1,
            )
        )
        return passed

    def require(self, passed: bool, expected: str, actual: str = "", requirement: str | None = None) -> None:
        """A check without which the script can not go on."""
        if not self.check(passed, expected, actual, requirement):
            raise CaseFailed

    def none(self, name: str, /, *, since: int = 0, requirement: str | None = None, **fields: Any) -> bool:
        """Check that no such message, or event, has come since; a fence before it makes that a fair question."""
        found = self.seen(name, since=since, **fields)
        words = f"no {name}{shown(fields)}"
        return self.check(not found, words, f"{len(found)} came: {values(found[0]) if found else ''}", requirement)

    def once(self, name: str, /, *, since: int = 0, requirement: str | None = None, **fields: Any) -> bool:
        """As :meth:`none`, where exactly one is to have come."""
        found = self.seen(name, since=since, **fields)
        return self.check(len(found) == 1, f"one {name}{shown(fields)}", f"{len(found)} came", requirement)

    async def fence(self, requirement: str | None = None) -> int:
        """Wait until the implementation has taken all that was sent and told all that it has; gives where that is.

        A ping is answered, then a driver's own fence. What has not come by then was not an answer to what went before.
        ``requirement``: what a session that has ended offends, the case's first unless said.
        """
        self._fences += 1
        if self.case.version == 1:
            self.send_exactly(m.ping(self._fences))
            answer = await self.find("pong", t1=self._fences)
            if answer is None:
                self.check(False, "the session goes on: a ping is answered", lambda: self.lately(), requirement)
                raise TransportGone if self.over else CaseFailed
        await self.flush()
        return len(self.trace)

    async def flush(self) -> None:
        """Wait until the driver has told all that the implementation has handed out and told."""
        if self.driver is not None:
            await self.driver.do("fence")

    async def goes_on(self, requirement: str | None = None) -> int:
        """Check that the session is still open: a ping is answered."""
        at = await self.fence(requirement)
        self.check(True, "the session goes on: a ping is answered", "", requirement)
        return at

    async def closes(self, code: CloseCode | str, *also: CloseCode | str, requirement: str | None = None) -> Entry:
        """Check that the implementation closes, with that code (or one of the others that are allowed)."""
        codes = [CloseCode[one.upper()] if isinstance(one, str) else one for one in (code, *also)]
        entry = await self.find("close")
        wanted = "close " + " or ".join(one.name.lower() for one in codes)
        if entry is None:
            self.check(False, wanted, lambda: self.lately(), requirement)
            raise CaseFailed
        self.check(entry.message[0] in codes, wanted, close_words(entry), requirement)
        return entry

    async def until(
        self, condition: Callable[[], bool], expected: str, requirement: str | None = None, *, beyond: bool = False
    ) -> None:
        """Wait until something holds; a check. ``beyond``: it is waited for beyond the end of the transport, too."""
        await self._wait_until(lambda: condition() or (self.over and not beyond), PATIENCE)
        held = condition()
        self.require(held, expected, self.lately() if not held else "", requirement)

    async def transport_ends(self, *, requirement: str | None = None, level: str | None = None) -> None:
        """Check that the implementation lets go of the transport."""
        self.check(await self.until_over(), "the transport ends", "it stays open", requirement, level)

    async def until_over(self, seconds: float = PATIENCE) -> bool:
        """Wait for the transport to end; whether it did."""
        return await self._wait_until(lambda: self.over, seconds)
