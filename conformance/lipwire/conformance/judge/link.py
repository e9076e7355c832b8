"""What is known of one transport of a session: who sent what on it first, and what each peer surely knew when."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final

from lipwire.protocol.channels import Channel
from lipwire.protocol.messages import Hello
from lipwire.protocol.registry import Role

from ..trace import Entry

ONE_CHANNEL: Final = frozenset({"websocket", "memory"})
"""Bindings that carry everything on one ordered channel."""
TWO_CHANNELS: Final = frozenset({"webrtc"})
"""Bindings with a media channel of its own. Of others nothing is taken for granted."""
_ON_MEDIA: Final = frozenset({"audio", "progress", "nack", "interrupt"})
_PINGS: Final = 1_024
_FAULTS: Final = 256
_CROWD: Final = 100
"""Pings a second that have to be answered (LW-LIVE-1)."""
OVERTAKEN: Final = 3
"""Pongs to later pings that show that a ping is left unanswered, not only answered out of turn."""


@dataclass(eq=False)
class Ping:
    """A ping that waits for its pong."""

    index: int
    t1: int
    crowded: bool
    """So many came, or wait, that it may be left unanswered."""
    overtaken: int = 0
    """How many later ones were answered."""


@dataclass(eq=False)
class Link:
    """One transport of the session; ``binding``: the name of what it is, where that is known."""

    number: int
    binding: str | None = None
    hello: Entry | None = None
    welcome: Entry | None = None
    first: dict[Role, Entry] = field(default_factory=dict)
    closes: dict[Role, Entry] = field(default_factory=dict)
    pings: dict[Role, list[Ping]] = field(default_factory=lambda: {role: [] for role in Role})
    """By who sent them; those without a pong."""
    forgot: set[Role] = field(default_factory=set)
    """Of whom so many pings waited that some were forgotten."""
    times: dict[Role, deque[float]] = field(default_factory=lambda: {role: deque() for role in Role})
    knows: dict[Role, int] = field(default_factory=lambda: dict.fromkeys(Role, -1))
    """Up to which entry of the trace a peer surely knew what came on control."""
    known_at: dict[Role, int] = field(default_factory=lambda: dict.fromkeys(Role, -1))
    """The pong that says so."""
    settled: dict[Role, int] = field(default_factory=lambda: dict.fromkeys(Role, -1))
    """As ``knows``, and a ping that was sent after that was answered too: what was to be done at once, is done."""
    numbers: dict[Role, int] = field(default_factory=dict)
    """The number of the last numbered message on control."""
    faults: dict[Role, deque[tuple[int, str]]] = field(
        default_factory=lambda: {role: deque(maxlen=_FAULTS) for role in Role}
    )
    """By who sent them, while it was open: where, and the requirement that says how they are to be answered."""
    asked: Counter[tuple[int, int]] = field(default_factory=Counter)
    """Interrupts that were sent on it, repeats and copies too, by their range."""
    due: dict[tuple[int, int], int] = field(default_factory=dict)
    """Ranges of interrupts on control that wait for a ``cut``, and where these are; repeats of a number are not."""
    answered: int | None = None
    """Where the interrupt is that the last ``cut`` answers, if it was one of these."""

    @property
    def known(self) -> bool:
        """Its binding is."""
        return self.one_channel or self.two_channels

    @property
    def one_channel(self) -> bool:
        """Everything goes over one ordered channel, for sure."""
        return self.binding in ONE_CHANNEL

    @property
    def two_channels(self) -> bool:
        """Media is a channel of its own, for sure."""
        return self.binding in TWO_CHANNELS

    def ordered(self, entry: Entry) -> bool:
        """Whether what its sender sent before this, on control at least, has been seen before it."""
        if self.one_channel:
            return True
        # Of a binding that is not known, what comes on media may be shown as on control.
        return entry.channel is Channel.CONTROL and (self.two_channels or entry.name not in _ON_MEDIA)

    @property
    def greeting(self) -> Hello | None:
        """The hello, where it can be read."""
        return self.hello.message if self.hello is not None else None

    def note_ping(self, entry: Entry) -> None:
        """Take down a ping."""
        times, waiting = self.times[entry.by], self.pings[entry.by]
        times.append(entry.at)
        while times[0] < entry.at - 1.5:
            times.popleft()
        crowded = len(times) > _CROWD or len(waiting) >= _CROWD
        waiting.append(Ping(entry.index, entry.message.t1, crowded))
        if len(waiting) > _PINGS:
            del waiting[0]
            self.forgot.add(entry.by)

    def proved(self, pong: Entry) -> Ping | None:
        """The ping that a pong answers. All that came on control before it is surely known."""
        return next((ping for ping in self.pings[pong.by.other] if ping.t1 == pong.message.t1), None)

    def note_pong(self, entry: Entry) -> None:
        """Take down a pong, and what it proves."""
        answered = self.proved(entry)
        if answered is None:
            return
        by, waiting = entry.by, self.pings[entry.by.other]
        waiting.remove(answered)
        for ping in waiting:
            ping.overtaken += ping.index < answered.index
        self.pings[by.other] = [ping for ping in waiting if ping.crowded or ping.overtaken < OVERTAKEN]
        if answered.index > self.known_at[by]:
            self.settled[by] = self.knows[by]
            self.known_at[by] = entry.index
        self.knows[by] = max(self.knows[by], answered.index)
