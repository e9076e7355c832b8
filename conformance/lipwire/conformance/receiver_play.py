"""Cases in which the implementation receives, and the kit's peer is the sender."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from lipwire.protocol.registry import Role

from . import messages as m
from .checking import CaseFailed, TransportGone
from .driver import HarnessError
from .links import connect_to, offer_to
from .tables import Tables
from .trace import Entry

_OPENING: Final = frozenset({"OPEN", "RESUME", "INVARIANT", "FORMAT", "FEATURE", "WEBRTC"})
"""Topics of requirements that are about the opening themselves."""


class ReceiverPlay(Tables):
    """The implementation receives; the kit's peer is the sender."""

    role = Role.RECEIVER

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.limits: dict[str, Any] = {}
        self.format: list[Any] = list(m.PCM_FORMAT)
        self.generation = 0
        self.secret: bytes | None = None
        self._spoken: dict[int, list[list[Any]]] = {}
        """The audio messages of each segment, as :meth:`send_audio` sent them."""

    def offered(self) -> list[str]:
        """The features that the kit offers: the case's, and what the binding requires."""
        return self.wanted_features()

    async def connect(self) -> None:
        """Open a transport to the implementation, and say nothing."""
        if not self.started:
            await self.start()
        if self.kind == "webrtc":
            assert self.driver is not None
            self.use(await offer_to(self.driver))
        else:
            if self.url is None:
                raise HarnessError(
                    "the driver's answer to the start of a receiver over WebSocket lacks `url`: where it listens"
                )
            self.use(await connect_to(self.url, version=self.case.version))

    async def open(self, **hello: Any) -> Entry:
        """Connect, send hello (with these fields other than usual) and take the welcome."""
        await self.connect()
        return await self.greet(**hello)

    async def greet(self, **hello: Any) -> Entry:
        """Send hello on the transport that is there, and take the welcome."""
        self.generation = hello.pop("generation", self.generation + 1)
        fields = {"features": self.offered(), "generation": self.generation, **hello}
        self.send_exactly(m.hello(fields.pop("session", self.session), **fields))
        found = await self.find("welcome", where=lambda welcome: welcome.generation == self.generation)
        if found is None:
            self.check(False, "welcome", lambda: self.lately(), "LW-OPEN-3" if not self._asked_opening() else None)
            raise TransportGone if self.over else CaseFailed
        welcome: Any = found.message
        self.features = tuple(welcome.features)
        self.limits = dict(welcome.limits)
        self.format = list(welcome.format)
        self.secret = welcome.secret
        return found

    def _asked_opening(self) -> bool:
        return self.case.requirements[0].split("-")[1] in _OPENING

    # -- further sessions ----------------------------------------------------------------------------------

    async def another(self) -> ReceiverPlay:
        """See :meth:`Tables.another`."""
        return await self.beside()

    async def meet(self) -> None:
        """See :meth:`Tables.meet`."""
        await self.connect()

    async def beside(self) -> ReceiverPlay:
        """Another peer of the kit, for a session of its own beside this one; both write into the one trace."""
        if not self.started:
            await self.start()
        return self._peer_beside()

    async def again(self) -> ReceiverPlay:
        """Another peer of the kit for this very session, as one that has lost sight of the transport in use.

        It has said nothing yet: it may resume, or say any other hello.
        """
        other = await self.beside()
        for name in ("session", "generation", "secret", "features", "limits", "format", "numbers", "taken"):
            setattr(other, name, getattr(self, name))
        other.auto, other.unacknowledged = set(self.auto), dict(self.unacknowledged)
        other._cursors = {name: at for name, at in self._cursors.items() if name.startswith("event ")}
        return other

    async def hello_refused(self, code: str, *, requirement: str | None = None, **hello: Any) -> None:
        """Check that this hello for the session is refused, on a transport of its own."""
        other = await self.again()
        await other.connect()
        fields = {"features": other.offered(), "generation": other.generation + 1, **hello}
        other.send_exactly(m.hello(fields.pop("session", other.session), **fields))
        await other.closes(code, requirement=requirement)
        self.check(not other.seen("welcome"), "no welcome", "", requirement)
        await other.leave()

    async def answers(self, *, first: bool) -> bool:
        """See :meth:`Tables.answers`: a hello is answered by itself."""
        return await (self.answered("welcome") if first else super().answers(first=first))

    async def resume(self, *, again: bool = True, **hello: Any) -> Entry:
        """Connect again and resume the session; ``again``: send what was not acknowledged, as LW-RESUME-8 asks."""
        hello.setdefault("resume", [self.secret, self.taken])
        welcome = await self.open(**hello)
        state: Any = getattr(welcome.message, "state", None)
        if state:
            self.acknowledged(state[0])
        if again:
            self.send_again()
        return welcome

    def say(self, segment: int, pcm: bytes, *, chunk: int = 480, end: bool = True, start: bool = True) -> None:
        """Send a whole segment: its start, chunks of so many samples, and its end."""
        size = self.frame_bytes
        if start:
            self.send(m.segment_start(segment))
        self.send_audio(segment, pcm, chunk=chunk)
        if end:
            self.send(m.segment_end(segment, len(pcm) // size))

    def send_audio(
        self,
        segment: int,
        pcm: bytes,
        *,
        position: int = 0,
        chunk: int = 480,
        cut_through: int = 0,
        lost: bool = False,
    ) -> None:
        """Send samples as chunks, the first of them at ``position``; ``lost``: they are lost on their way.

        Lost ones are not sent at all, but are there to be sent again when a nack names them.
        """
        size = self.frame_bytes
        for start in range(0, len(pcm), chunk * size):
            audio = m.audio(segment, position + start // size, pcm[start : start + chunk * size], cut_through)
            self._spoken.setdefault(segment, []).append(audio)
            if not lost:
                self.send(audio)

    def _react(self, entry: Entry) -> None:
        if entry.name == "nack" and "repair" in self.auto:
            nack: Any = entry.message
            for audio in self._spoken.get(nack.segment, ()):
                start, end = audio[2], audio[2] + len(audio[4]) // self.frame_bytes
                if any(start < gap[1] and gap[0] < end for gap in nack.missing):
                    self.send(audio)

    @property
    def frame_bytes(self) -> int:
        """Bytes of one PCM frame of the session."""
        return m.frame_bytes(self.format)

    async def heard(
        self, segment: int, pcm: bytes, *, start: int = 0, concealed: bool = False, requirement: str | None = None
    ) -> None:
        """Check that exactly these samples are handed out, in order, from ``start`` on; the driver tells."""
        size, at, end = self.frame_bytes, start, start + len(pcm) // self.frame_bytes
        while at < end:
            said = await self.told("audio", where=lambda a: a["segment"] == segment, requirement=requirement)
            there = pcm[(at - start) * size : (at - start + said["samples"]) * size]
            right = said["position"] == at and said["sha256"] == hashlib.sha256(there).hexdigest()
            self.require(
                right and said["concealed"] is concealed,
                f"the samples of segment {segment} from {at} on, as they were sent",
                f"{said['samples']} samples at {said['position']}, concealed {said['concealed']}, "
                f"{'the same' if right else 'other'} bytes",
                requirement,
            )
            at += said["samples"]

    async def part(self, segment: int, *, handed: int = 480, total: int = 4_800) -> bytes:
        """Bring a segment to where some of it was handed out and the rest, with its end, waits; the consumer is held.

        Gives its samples. Needs ``hold``.
        """
        pcm, size = m.pcm(total, segment), self.frame_bytes
        self.send(m.segment_start(segment))
        self.send_audio(segment, pcm[: handed * size])
        await self.heard(segment, pcm[: handed * size])
        await self.do("hold")
        self.send_audio(segment, pcm[handed * size :], position=handed)
        self.send(m.segment_end(segment, total))
        await self.reported(segment, received=total)
        return pcm

    async def whole(self, segment: int, total: int = 480) -> bytes:
        """Bring a segment to where all of it was handed out, its end too, and no end of playback was reported."""
        pcm = m.pcm(total, segment)
        self.say(segment, pcm)
        await self.heard(segment, pcm)
        await self.told("segment_end", segment=segment, total=total)
        return pcm

    async def cut(self, first: int, last: int | None = None, *, requirement: str = "LW-INTERRUPT-4") -> Entry:
        """Interrupt, and take the ``cut`` that answers it."""
        self.send(m.interrupt(first, last))
        entry = await self.find("cut", first=first, last=first if last is None else last)
        words = f"cut of {first}..{first if last is None else last}"
        self.require(entry is not None, words, self.lately(), self._unless_ended(requirement))
        assert entry is not None
        return entry

    def _unless_ended(self, requirement: str | None) -> str | None:
        """What it offends that something did not come: not this, but the case's own, when the session has ended."""
        ended = self.over or (self.closed is not None and self.closed.by is self.role)
        return None if ended else requirement

    async def reported(self, segment: int, *, requirement: str = "LW-PROGRESS-1", **least: int) -> Entry:
        """Wait until a progress of that segment has come with these positions, or greater ones."""

        def enough(progress: Any) -> bool:
            return all((getattr(progress, name) or 0) >= position for name, position in least.items())

        entry = await self.find("progress", where=enough, since=0, segment=segment)
        positions = ", ".join(f"{name} {position} or more" for name, position in least.items())
        words = f"progress of segment {segment} with {positions}"
        self.require(entry is not None, words, self.lately(), self._unless_ended(requirement))
        assert entry is not None
        return entry

    async def ended(
        self,
        segment: int,
        position: int | None,
        *,
        interrupted: bool = False,
        cause: int | tuple[int, ...] = 0,
        requirement: str | None = None,
    ) -> Entry:
        """Check how the first stream_ended of that segment says that it ended; ``cause``: the one, or those allowed."""
        causes = cause if isinstance(cause, tuple) else (cause,)
        entry = await self.find("stream_ended", since=0, segment=segment)
        words = f"stream_ended of segment {segment} at {position}, interrupted {interrupted}, cause {causes}"
        self.require(entry is not None, words, self.lately(), self._unless_ended(requirement))
        assert entry is not None
        said: Any = entry.message
        right = (said.position, said.interrupted) == (position, interrupted) and said.cause in causes
        self.check(right, words, f"at {said.position}, interrupted {said.interrupted}, cause {said.cause}", requirement)
        return entry

    def handed_out(self, segment: int) -> int:
        """Up to where samples of a segment were handed to the consumer, as the driver has told."""
        told = (entry.fields or {} for entry in self.seen("event audio", segment=segment))
        return max((fields["position"] + fields["samples"] for fields in told), default=0)

    def outline(self) -> list[tuple[str, int]]:
        """What the consumer was handed, in order: beginnings, samples (however many items they came in) and ends."""
        items: list[tuple[str, int]] = []
        for entry in self.trace:
            if entry.kind == "event" and entry.name in ("segment_start", "audio", "segment_end"):
                assert entry.fields is not None
                item = (entry.name, entry.fields["segment"])
                if not items or items[-1] != item or entry.name != "audio":
                    items.append(item)
        return items

    def handed_whole(self, *segments: int, empty: bool = False, requirement: str = "LW-SEGMENT-6") -> None:
        """Check that exactly these segments were handed out, in this order, each with its beginning and its end."""
        names = ("segment_start", "segment_end") if empty else ("segment_start", "audio", "segment_end")
        wanted = [(name, segment) for segment in segments for name in names]
        have = self.outline()
        self.check(have == wanted, f"in this order: {wanted}", f"{have}", requirement)

    async def finish(self, segment: int, position: int | None, *, interrupted: bool = False) -> None:
        """Let the consumer report the end of a segment's playback."""
        await self.do("stream_ended", segments=[segment], position=position, interrupted=interrupted, failed=False)
