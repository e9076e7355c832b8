"""Cases in which the implementation sends, and the kit's peer is the receiver."""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from lipwire.protocol.channels import Channel
from lipwire.protocol.registry import Role
from lipwire.transports import HttpRequest, Transport, TransportError
from lipwire.transports.urls import SUBPROTOCOL

from . import messages as m
from .checking import PATIENCE
from .credit import most_out
from .links import answer_to, listening
from .ranges import Ranges
from .tables import Tables
from .trace import Entry
from .verdicts import Closing
from .words import counted

FLOOR: Final = 2_400
"""The least window that a receiver may announce, in samples at 24 kHz (SPEC §17)."""
NACK_EVERY: Final = 1.0
"""Seconds in which what is missing is waited for before the kit asks for it."""
AGAIN: Final = 0.3
"""Seconds until the kit asks again for what it wants once more: a sender does not send it twice in a short time."""
AFTERWARDS: Final = 1.5
"""Seconds after the end of a session in which another one is opened, where that is done at all."""
MOST_ASKED: Final = 10
QUIET: Final = 0.25
"""Seconds without audio after which a sender is taken to send none."""


def welcome_with(**fields: Any) -> Callable[[SenderPlay], list[Any]]:
    """A welcome with these fields other than usual, for a row of :meth:`SenderPlay.refused` with ``first``."""
    return lambda play: play.make_welcome(**fields)


class SenderPlay(Tables):
    """The implementation sends; the kit's peer is the receiver."""

    role = Role.SENDER

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.listener: Any = None
        self._serving: Any = None
        self.hello: Any = None
        self.secret: bytes | None = None
        self.written: dict[int, bytes] = {}
        """What the driver was told to write, by segment."""
        self.received: dict[int, Ranges] = {}
        """What has arrived, by segment, on any transport."""
        self.consumed: dict[int, int] = {}
        """What the kit reports as consumed, by segment, once "consume" is not in ``auto``; 0 until :meth:`consume`."""
        self.live: list[int] = []
        """Segments that were started, in order, and not ended by the kit."""
        self.cut: set[int] = set()
        """Those of them that were interrupted."""
        self.limits: dict[str, Any] = {}
        """What the kit announced."""
        self.auto |= {"consume", "nack"}
        self.selects = True
        """Whether the kit's server selects the subprotocol, as it has to."""
        self.requests: list[HttpRequest] = []
        """The opening requests that have come to it."""
        self.door = asyncio.Event()
        """They wait while this is not set."""
        self.door.set()

    async def start(self, **options: Any) -> None:
        """See :meth:`Play.start`; opens the kit's server before it."""
        if self.kind == "websocket" and self.listener is None:
            subprotocol = SUBPROTOCOL if self.selects and self.case.version else None
            self._serving = listening(subprotocol=subprotocol, authorize=self._let_in)
            self.listener = await self._serving.__aenter__()
            self.address = self.listener.address
        await super().start(**options)

    async def _let_in(self, request: HttpRequest) -> None:
        self.requests.append(request)
        self._news.set()
        await self.door.wait()

    def _start_arguments(self) -> dict[str, Any]:
        return {} if self.listener is None else {"url": self.listener.address}

    async def connect(self, within: float = PATIENCE, **answer: Any) -> None:
        """Wait until the implementation connects (again); a check. ``answer``: see :func:`answer_to`."""
        came = await self.comes(within, **answer)
        self.require(came, "the sender connects", "it did not", self._of_opening())

    async def comes(self, within: float, **answer: Any) -> bool:
        """As :meth:`connect`, without a check: whether it does."""
        if not self.started:
            await self.start()
        if self.kind == "webrtc":
            assert self.driver is not None
            offer = await self.find("event offer", within=within)
            if offer is None:
                return False
            assert offer.fields is not None
            self.use(await answer_to(self.driver, offer.fields["offer"], **answer))
            return True
        with suppress(TimeoutError):
            async with asyncio.timeout(within * self.patience):
                self.use(await self.listener.accept())
                return True
        return False

    async def comes_or_ends(self) -> bool:
        """Wait until it connects again, be it for another session, or tells of its end; whether it comes."""
        deadline = self.now() + PATIENCE * self.patience
        while self.now() < deadline:
            if await self.comes(0.2):
                return True
            if self.seen("event closed"):
                return await self.comes(AFTERWARDS)
        self.require(False, "the sender connects again, or tells its user that it is over", self.lately())
        return False

    def _of_opening(self) -> str:
        first = self.case.requirements[0]
        if self.case.version == 0:
            return "LW-V0-1"
        return first if first.split("-")[1] in ("OPEN", "RESUME", "INVARIANT", "CLOSE") else "LW-OPEN-1"

    async def meet(self) -> None:
        """Let it connect, and take its hello."""
        await self.connect()
        await self.take_hello()

    async def open(self, **welcome: Any) -> Entry:
        """Let it connect, take its hello, and send welcome (with these fields other than usual)."""
        await self.connect()
        found = await self.take_hello()
        self.welcome(**welcome)
        return found

    async def take_hello(self) -> Entry:
        """Take the next hello."""
        found = await self.expect("hello", requirement=self._of_opening())
        self.hello = found.message
        self.session = self.hello.session
        return found

    def chosen(self) -> list[str]:
        """The features that the kit chooses: the case's, and what the binding requires, of those offered."""
        return [name for name in self.wanted_features() if name in self.hello.features]

    def welcome(self, **fields: Any) -> None:
        """Answer the hello."""
        self.send_exactly(self.make_welcome(**fields))

    def make_welcome(self, *, limits: dict[str, Any] | None = None, **fields: Any) -> list[Any]:
        """The welcome that the kit sends, with these fields other than usual."""
        missing = [name for name in self.case.features if name not in self.hello.features]
        self.require(
            not missing, f"the declared features {', '.join(missing)} are offered",
            f"{', '.join(self.hello.features)}", "LW-FEATURE-2",
        )  # fmt: skip
        self.features = tuple(fields.pop("features", self.chosen()))
        if "resume" in self.features:
            self.secret = fields.setdefault("secret", os.urandom(16))
        usual = {"window": 48_000, "message": 65_536, "segments": 64, "cooldown": 300, "resume": 10_000,
                 "keepalive": 5_000}  # fmt: skip
        self.limits = usual | (limits or {})
        options = {
            "generation": self.hello.generation, "format": self.hello.formats[0], "features": self.features,
            "limits": self.limits,
        }  # fmt: skip
        return m.welcome(fields.pop("session", self.hello.session), **(options | fields))

    async def reopen(self, *, again: bool = True, **welcome: Any) -> Entry:
        """Let it connect again, and let it resume with the state that the kit has.

        ``again``: send what was not acknowledged, as LW-RESUME-8 asks.
        """
        await self.connect()
        return await self.go_on(again=again, **welcome)

    async def go_on(self, *, again: bool = True, **welcome: Any) -> Entry:
        """Take the hello on the transport that is there, and let it resume: what :meth:`reopen` does once it came."""
        found = await self.take_hello()
        self.step("the session is resumed")
        rows = [[s, self.received[s].contiguous, self.consumed_of(s), None] for s in self.live]
        welcome.setdefault("state", [self.taken, rows])
        welcome.setdefault("limits", self.limits)
        if self.hello.resume is not None:
            self.acknowledged(self.hello.resume[1])
        self.welcome(**welcome)
        if again:
            self.send_again()
        return found

    # -- further sessions ----------------------------------------------------------------------------------

    async def another(self) -> SenderPlay:
        """See :meth:`Tables.another`. A driver has one sender at a time: the one before is stopped."""
        if self.started and self.driver is not None:
            await self.driver.do("stop")
        other = self._peer_beside()
        other.started, other._since = False, len(self.trace)
        self.started = True  # so that the end of the case stops it
        return other

    async def prepared(self, messages: Sequence[Any], *, first: bool = False) -> list[m.Raw]:
        """See :meth:`Tables.prepared`.

        A message may be a function: of this play for the ``first`` one; of a segment's id otherwise, and then a segment
        of 480 samples is said before it.
        """
        if first:
            return [message(self) if callable(message) else message for message in messages]
        if not any(map(callable, messages)):
            return list(messages)
        segment = await self.say(m.pcm(480))
        await self.arrives(segment, 480)
        return [message(segment) if callable(message) else message for message in messages]

    async def answers(self, *, first: bool) -> bool:
        """See :meth:`Tables.answers`. What was passed over in the place of welcome is followed by a right one."""
        if first:
            self.send_exactly(m.ping(1 << 40))
            self.welcome()
        return await super().answers(first=first)

    # -- its user, through the driver ----------------------------------------------------------------------

    async def open_segment(self, metadata: dict[str, Any] | None = None) -> int:
        """Have it open a segment; gives its id."""
        told = await self.do("open", metadata=metadata)
        segment: int = told["segment"]
        self.written[segment] = b""
        return segment

    async def write(self, segment: int, pcm: bytes) -> None:
        """Have it write samples."""
        self.written[segment] += pcm
        await self.do("write", segment=segment, pcm=b64encode(pcm).decode())

    async def say(self, pcm: bytes, *, end: bool = True) -> int:
        """Have it open a segment, write these samples, and end it; gives the id."""
        segment = await self.open_segment()
        if pcm:
            await self.write(segment, pcm)
        if end:
            await self.do("end", segment=segment)
        return segment

    async def whole(self, samples: int = 960, seed: int = 1) -> int:
        """Have it say a segment, and wait until all of it has come; gives the id."""
        segment = await self.say(m.pcm(samples, seed))
        await self.arrives(segment, samples)
        await self.expect("segment_end", segment=segment, total=samples, requirement="LW-SEGMENT-5")
        return segment

    # -- what it sends -------------------------------------------------------------------------------------

    def _react(self, entry: Entry) -> None:
        message: Any = entry.message
        if entry.name == "segment_start" and message.segment not in self.live:
            self.live.append(message.segment)
            if self.received.setdefault(message.segment, Ranges()).contiguous:
                self._report_arrival(message.segment)
        elif entry.name == "audio":
            self._take_audio(message)
        elif entry.name == "interrupt":
            named = [s for s in self.live if message.first <= s <= message.last]
            self.cut.update(named)
            if "cut" in self.auto:
                self.confirm(message.first, message.last)

    def _take_audio(self, message: Any) -> None:
        got = self.received.setdefault(message.segment, Ranges())
        size = self.frame_bytes
        samples, at = len(message.pcm) // size, message.position
        written = self.written.get(message.segment)
        if written is not None:
            self._compare(message, written[at * size : (at + samples) * size])
        got.add(at, at + samples)
        self._report_arrival(message.segment)

    def _compare(self, message: Any, written: bytes) -> None:
        if message.pcm != written:
            self.check(
                False, f"segment {message.segment} at {message.position}: the samples that were written there",
                f"{len(message.pcm)} bytes that are not those", "LW-AUDIO-1",
            )  # fmt: skip

    def _report_arrival(self, segment: int) -> None:
        if "progress" in self.auto and segment in self.live and segment not in self.cut:
            self.report(segment, channel=None)

    def report(
        self,
        segment: int,
        consumed: int | None = None,
        played: int | None = None,
        *,
        channel: Channel | None = Channel.CONTROL,
    ) -> None:
        """Send a progress with what has arrived; on control, where none is lost, unless said."""
        got = self.received[segment]
        highest = got.highest if got.highest > got.contiguous else None
        consumed = self.consumed_of(segment) if consumed is None else consumed
        self.send(m.progress(segment, got.contiguous, consumed, played, highest=highest), channel=channel)

    def consumed_of(self, segment: int) -> int:
        """What the kit has handed out of a segment: all that has arrived, unless the script says what."""
        return self.received[segment].contiguous if "consume" in self.auto else self.consumed.get(segment, 0)

    def consume(self, segment: int, position: int) -> None:
        """Hand out up to there, where "consume" is not in ``auto``, and report it."""
        self.consumed[segment] = position
        self.report(segment)

    def send_on(self, transport: Transport | None, message: m.Raw) -> None:
        """Send a message on a transport that is not the one in use; it is not put into the trace."""
        assert transport is not None
        with suppress(TransportError):  # it may be gone
            transport.send(Channel.CONTROL, m.pack(message))

    def confirm(self, first: int, last: int) -> None:
        """Send ``cut``, with the live segments in it."""
        self.send_exactly(m.cut(first, last, [[s, self.consumed_of(s)] for s in self.live if first <= s <= last]))

    def end_stream(self, segment: int, position: int | None, *, interrupted: bool = False, cause: int = 0) -> None:
        """Send stream_ended."""
        if segment in self.live:
            self.live.remove(segment)
        self.send(m.stream_ended(segment, position, interrupted, cause))

    async def arrives(self, segment: int, end: int, requirement: str | None = None) -> None:
        """Check that a segment's samples up to ``end`` arrive, as they were written."""
        got = self.received.setdefault(segment, Ranges())
        name = requirement or "LW-AUDIO-1"
        deadline = self.now() + PATIENCE * self.patience
        while "repair" in self.features and "nack" in self.auto and self.now() < deadline:
            if await self._wait_until(lambda: got.contiguous >= end or self.over, NACK_EVERY):
                break
            if got.highest > got.contiguous:  # media may lose
                self.send(m.nack(segment, [got.contiguous, got.highest]))
        await self.until(lambda: got.contiguous >= end, f"segment {segment} up to {end}", name)

    async def sent_again(
        self, segment: int, *missing: list[int], wanted: list[int] | None = None, requirement: str = "LW-REPAIR-3"
    ) -> list[Entry]:
        """Ask for samples until they have come once more, and check that they do; gives what came.

        ``wanted``: the part of them that has to come, where the sender does not keep the rest any more.
        """
        since = len(self.trace)
        due = missing if wanted is None else (wanted,)

        def come() -> bool:
            got, size = Ranges(), self.frame_bytes
            for chunk in self.seen("audio", segment=segment, since=since):
                got.add(chunk.message.position, chunk.message.position + len(chunk.message.pcm) // size)
            return all(got.holds(start, end) for start, end in due)

        def hopeless() -> bool:
            return self.over or self.closed is not None

        asked = 0
        while not come() and not hopeless() and asked < MOST_ASKED:
            asked += 1
            self.send(m.nack(segment, *missing), channel=Channel.CONTROL)
            await self._wait_until(lambda: come() or hopeless(), AGAIN)
        chunks = self.seen("audio", segment=segment, since=since)
        words = f"samples {', '.join(f'{start} to {end}' for start, end in due)} of segment {segment} again"
        answers = f"{counted(len(chunks), 'message')} in answer to {counted(asked, 'request')}"
        self.require(come(), words, answers, requirement)
        return chunks

    def forget(self) -> None:
        """Go on as a receiver that knows of no session."""
        self.numbers = self.taken = 0
        for kept in (self.unacknowledged, self.received, self.consumed, self.live, self.cut):
            kept.clear()

    def lose(self, segment: int, position: int = 0) -> None:
        """Go on as if nothing of a segment beyond this position had arrived."""
        self.received[segment] = Ranges()
        if position:
            self.received[segment].add(0, position)

    async def settle(self) -> int:
        """Wait until no audio comes for a while, so that the sender has sent what it will; then a fence.

        For what must not be sent: on a slow machine too much is not seen, but nothing right is taken for wrong.
        """
        while True:
            count = len(self.seen("audio"))
            await asyncio.sleep(QUIET)
            if len(self.seen("audio")) == count:
                return await self.fence()

    async def ends(
        self,
        segment: int,
        position: int,
        *,
        interrupted: bool | None,
        exact: bool | None = True,
        requirement: str | None = None,
    ) -> dict[str, Any]:
        """Check how its user is told that a segment has ended; None: either way.

        Without ``exact`` the position has to be marked as a lower bound, and can be less.
        """
        said = await self.told("stream_ended", segment=segment, requirement=requirement or "LW-STREAM-7")
        unreported = interrupted and exact is False
        result = requirement or ("LW-STREAM-7" if unreported else "LW-STREAM-5")
        if interrupted is not None:
            words = "was interrupted" if interrupted else "was not interrupted"
            self.check(said["interrupted"] is interrupted, f"segment {segment} {words}", f"{said}", result)
        if exact is False:
            bound = (said["position"] or 0) <= position
            words = f"a lower bound of its position, at most {position}"
            self.check(not said["exact"] and bound, words, f"{said}", requirement or "LW-STREAM-8")
            return said
        self.check(said["position"] == position, f"at position {position}", f"{said}", result)
        if exact:
            self.check(said["exact"], "the position is exact", f"{said}", result)
        return said

    def check_results(self, *segments: int) -> None:
        """Check that its user was told of the end of these, each once and in this order, and of no other."""
        told = [entry.fields["segment"] for entry in self.seen("event stream_ended") if entry.fields is not None]
        self.check(told == list(segments), f"one result of each of {list(segments)}", f"{told}", "LW-STREAM-7")

    def check_credit(self, requirement: str = "LW-CREDIT-1") -> None:
        """Check that never more than the window was out."""
        most, window = most_out(self.trace, self.frame_bytes), self.limits["window"]
        self.check(0 < most <= window, f"at most {window} samples sent and not consumed", f"{most}", requirement)

    @property
    def frame_bytes(self) -> int:
        """Bytes of one PCM frame of the session."""
        return m.frame_bytes(self.hello.formats[0])

    async def leave(self) -> Closing:
        """See :meth:`Play.leave`; closes the kit's server after it."""
        how = await super().leave()
        serving, self._serving = self._serving, None
        if serving is not None:
            with suppress(Exception):
                async with asyncio.timeout(5.0):
                    await serving.__aexit__(None, None, None)
        return how
