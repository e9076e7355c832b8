"""What cases with tables need: many short sessions with one implementation, each of which asks about one row."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, Self

from lipwire.protocol.channels import Channel
from lipwire.protocol.errors import CloseCode

from . import messages as m
from .checking import PATIENCE, CaseFailed
from .play import Play
from .words import close_words


class Tables(Play):
    """A play that can have further sessions: :meth:`refused` and :meth:`accepted` ask one row each."""

    @abstractmethod
    async def another(self) -> Self:
        """Another peer of the kit, for a session of its own; both write into the one trace."""

    @abstractmethod
    async def meet(self) -> None:
        """Go to where the kit's first message is due, and say nothing."""

    async def prepared(self, messages: Sequence[Any], *, first: bool = False) -> list[m.Raw]:  # noqa: ARG002
        """The messages of a row, as they are sent; ``first``: before the session is open."""
        return list(messages)

    async def refused(
        self,
        what: str,
        code: str | tuple[str, ...],
        *messages: Any,
        first: bool = False,
        requirement: str | None = None,
    ) -> None:
        """Check that a session of its own is closed with that code (or one of several) when these messages come.

        ``first``: they come in the place of the kit's hello, or welcome. What goes wrong is noted, and the script goes
        on: for tables. It does not where nothing comes at all.
        """
        codes = (code,) if isinstance(code, str) else code
        other = await self.another()
        try:
            await (other.meet() if first else other.open())
        except CaseFailed:
            other.go_on_unless_silent()
            return
        self.step(f"{what}: close {' or '.join(codes)}?")
        # On control (LW-WIRE-13), where the ping behind it can not overtake it, nor it the kit's first message.
        other.send(*await other.prepared(messages, first=first), channel=Channel.CONTROL)
        answered = await other.answers(first=first)
        closed = other.closed if other.closed is not None and other.closed.by is self.role else None
        self.check(
            closed is not None and closed.message[0] in [CloseCode[one.upper()] for one in codes],
            f"{what}: close {' or '.join(codes)}",
            lambda: close_words(closed) if closed is not None else other.lately(),
            requirement,
        )
        await other.leave()
        if not answered:
            raise CaseFailed

    def go_on_unless_silent(self) -> None:
        """End the script where nothing comes at all: each further row would be waited for as long.

        Raises:
            CaseFailed: it has said nothing, and the transport has not ended.
        """
        if not self.over and not any(entry.kind == "message" and self._is_for_it(entry) for entry in self.trace):
            raise CaseFailed

    async def answers(self, *, first: bool) -> bool:  # noqa: ARG002 - what answers may depend on it
        """Wait for a close, or for a sign that what was sent has been passed over: here, a ping that is answered."""
        self.send_exactly(m.ping(1 << 40))
        return await self.answered("pong", t1=1 << 40)

    async def answered(self, name: str, **fields: Any) -> bool:
        """Wait for a message of that name, a close, or the end of the transport."""

        def came() -> bool:
            return self.closed is not None or self.over or bool(self.seen(name, **fields))

        return await self._wait_until(came, PATIENCE)

    async def accepted(
        self, what: str, *messages: Any, opening: Mapping[str, Any] | None = None, requirement: str | None = None
    ) -> None:
        """Check that a session of its own opens, and goes on when these messages come: for tables, as above.

        ``opening``: the fields of the kit's hello, or welcome, that are other than usual.
        """
        other = await self.another()
        self.step(f"{what}: does it go on?")
        before = len(self.checks)
        try:
            await other.open(**(opening or {}))
            other.send(*await other.prepared(messages), channel=Channel.CONTROL)
            await other.fence()
        except CaseFailed:
            del self.checks[before:]  # in their place one that says what it was about
            self.check(False, f"{what}: the session goes on", other.lately(), requirement)
            other.go_on_unless_silent()
            return
        self.check(True, f"{what}: the session goes on", "", requirement)
        await other.leave()
