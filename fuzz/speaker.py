"""The hostile peer: it knows the registry, follows the session, and says what is right, nearly right, or wrong."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from random import Random
from typing import Any, Final

from lipwire.protocol import fields as f
from lipwire.protocol import messages as m
from lipwire.protocol.channels import Wire
from lipwire.protocol.codec import encode
from lipwire.protocol.limits import MAX_INT, MAX_SEGMENT
from lipwire.protocol.registry import BY_MESSAGE, REGISTRY, Entry, Feature, Role

from .machines import ROOM_KEY, SESSION, Machine, role_of
from .wild import pack

FORMAT: Final[list[str | int]] = ["s16le", 24_000, 1]
_EDGES: Final = (
    0,
    1,
    2,
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    48_000,
    1 << 31,
    1 << 32,
    MAX_SEGMENT,
    MAX_SEGMENT + 1,
    MAX_INT,
)
_BEYOND: Final[tuple[Any, ...]] = (
    -1,
    MAX_INT + 1,
    (1 << 64) - 1,
    -(1 << 63),
    1.0,
    float("nan"),
    True,
    None,
    "1",
    b"1",
    [1],
    {},
)
_SEGMENTS: Final = frozenset({"segment", "first", "last"})
_POSITIONS: Final = frozenset({"position", "received", "consumed", "played", "highest", "total", "missing"})


class Speaker:
    """What the peer knows, and what it can say."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.role = role_of(machine.setup.kind)
        self.numbered = 0
        """The number of its last numbered message."""
        self.taken = 0
        """How many of the machine's it has taken."""
        self.positions: dict[int, int] = {}
        """By segment, up to where it was sent."""
        self.ended: set[int] = set()
        self.generation = 0
        self.secret: bytes | None = None
        self.pings: list[int] = []
        self.marks: list[m.Mark] = []
        self.entries = [entry for entry in REGISTRY if self.role in entry.sent_by]

    # -- following the session -----------------------------------------------------------------------------

    def hear(self, messages: Sequence[Any]) -> None:
        """Learn from what the machine sent."""
        for message in messages:
            if type(message) is m.Numbered:
                self.taken = max(self.taken, message.number)
                message = message.message
            match message:
                case m.Hello():
                    self.generation = message.generation
                case m.Welcome():
                    self.generation, self.secret = message.generation, message.secret
                case m.Ping():
                    self.pings.append(message.t1)
                case m.Mark():
                    self.marks.append(message)
                case m.SegmentStart():
                    self.positions.setdefault(message.segment, 0)
                case m.AudioMessage():
                    end = message.position + len(message.pcm) // 2
                    self.positions[message.segment] = max(self.positions.get(message.segment, 0), end)

    @property
    def numbers(self) -> bool:
        """Whether messages are numbered in this session."""
        return Feature.RESUME in self.machine.core.features

    def wire(self, message: m.Message) -> bytes:
        """The message as an honest peer would send it now."""
        if self.numbers and BY_MESSAGE[type(message)].numbered:
            self.numbered += 1
            message = m.Numbered(self.numbered, self.taken, message)
        return encode(message)

    def newest(self) -> int:
        """The newest segment that was begun; 0 when there is none."""
        return max(self.positions, default=0)

    # -- what is right -------------------------------------------------------------------------------------

    def hello(self, *, resume: bool = False, credential: list[Any] | None = None, **fields: Any) -> bytes:
        """A hello on a new transport."""
        self.generation += 1
        if resume and credential is None:
            self.numbered = self.machine.core.numbered.taken
            secret = self.secret or bytes(16)
            if self.machine.binding.broadcast:
                secret = hmac.digest(ROOM_KEY, SESSION + secret + self.generation.to_bytes(8, "big"), "sha256")
            credential = [secret, self.taken]
        features = [one.value for one in self.machine.features]
        hello = m.Hello("lipwire", [1], SESSION, self.generation, [FORMAT], features, {}, None, credential, {"a": "b"})
        return encode(hello._replace(**fields))

    def welcome(self, **fields: Any) -> bytes:
        """The answer to the machine's hello."""
        core = self.machine.core
        resuming = core._was_open
        features = sorted(one.value for one in self.machine.features)
        state = [self.taken, []] if resuming else None
        secret = bytes(16) if self.machine.features else None
        welcome = m.Welcome(1, core.session, core.generation, FORMAT, features, {}, secret, state, {"a": "b"})
        return encode(welcome._replace(**fields))

    def right(self, random: Random) -> bytes:
        """A message that fits, or nearly: the next of what an honest peer would say."""
        if self.role is Role.SENDER:
            return self._right_sender(random)
        return self._right_receiver(random)

    def _right_sender(self, random: Random) -> bytes:
        newest = self.newest()
        reached = self.positions.get(newest, 0)
        back = max(1, newest - random.randrange(4))
        samples = random.choice((1, 1, 2, 160, 480, 480, 2_400))
        match random.randrange(20):
            case 0 | 1:
                if newest and newest not in self.ended and random.random() < 0.8:
                    self.ended.add(newest)
                    return self.wire(m.SegmentEnd(newest, reached))
                self.positions[newest + 1] = 0
                return self.wire(m.SegmentStart(newest + 1, {"text": "hello"}))
            case 2 | 3 | 4 | 5 | 6 | 7:
                self.positions[max(newest, 1)] = reached + samples
                return encode(m.AudioMessage(max(newest, 1), reached, 0, bytes(2 * samples)))
            case 8 | 9:  # beyond a gap
                gap = random.choice((1, 2, 480))
                self.positions[max(newest, 1)] = reached + gap + samples
                return encode(m.AudioMessage(max(newest, 1), reached + gap, 0, bytes(2 * samples)))
            case 10:  # once more, or into a gap
                at = max(0, reached - random.choice((1, 480, 960, 2_400)))
                return encode(m.AudioMessage(back, at, 0, bytes(2 * samples)))
            case 11:  # of the segment to come
                return encode(m.AudioMessage(newest + random.randint(1, 3), reached, 0, bytes(2 * samples)))
            case 12:
                return encode(m.Sent(max(newest, 1), reached + random.choice((0, 1, 480))))
            case 13:
                return self.wire(m.Interrupt(back, max(newest, back)))
            case 14:
                return encode(m.Interrupt(newest + 1, newest + random.randint(1, 3)))
            case 15:
                return self.wire(random.choice((m.Pause(), m.Unpause())))
            case 16:
                at = max(0, reached + random.choice((-480, 0, 480)))
                return self.wire(random.choice((m.Mark(back, at, "m"), m.Data(back, at, {"words": [1, 2.5]}))))
            case 17:
                through = random.randrange(max(newest, 1))
                return encode(m.AudioMessage(max(newest, 1), reached, through, bytes(2 * samples)))
        return self._right_both(random)

    def _right_receiver(self, random: Random) -> bytes:
        number = max(1, self.newest() - random.randrange(4))
        reached = self.positions.get(number, 0)
        clock = int(self.machine.now * 1e6)
        at = max(0, reached - random.choice((0, 0, 1, 480, 4_800)))
        match random.randrange(16):
            case 0 | 1 | 2 | 3:
                played = random.choice((None, at, at // 2))
                consumed = random.choice((at, at // 2)) if played is None else at
                delay, highest = random.choice((0, 500, 10_000_000)), random.choice((None, at, reached))
                return encode(m.Progress(number, at, consumed, played, clock, delay, highest))
            case 4:
                return self.wire(m.StreamStarted(number, clock))
            case 5:
                return self.wire(
                    m.StreamEnded(number, random.choice((at, 0, None)), random.random() < 0.5, random.randrange(4))
                )
            case 6 | 7:
                return encode(m.Cut(number, max(number, self.newest()), [[number, at]]))
            case 8 | 9 | 10:
                low = max(0, reached - random.choice((480, 4_800, 48_000)))
                if low < reached:
                    return encode(m.Nack(number, [[low, reached]]))
                return encode(m.Nack(number, [[0, max(1, reached)]]))
            case 11 if self.marks:
                mark = random.choice(self.marks)
                return self.wire(m.MarkReached(mark.segment, mark.name))
            case 12:
                return self.welcome()
        return self._right_both(random)

    def _right_both(self, random: Random) -> bytes:
        clock = int(self.machine.now * 1e6)
        match random.randrange(6):
            case 0:
                return encode(m.Ping(clock))
            case 1 if self.pings:
                return encode(m.Pong(random.choice(self.pings), clock, clock))
            case 2 if self.numbers:
                return encode(m.Acknowledge(self.taken))
            case 3 if self.machine.features:
                return self.wire(m.Custom({"com.example": [1, "two", None]}))
            case 4:
                return pack([random.randint(64, 127), {"any": [1.5]}], random)
        return encode(m.Ping(0))

    # -- what the registry allows, and what it does not ----------------------------------------------------

    def grammar(self, random: Random, wrong: float) -> bytes:
        """A message of any type with values from the edges of its fields; ``wrong``: the chance that one is not."""
        entry = random.choice(self.entries if random.random() < 0.95 else REGISTRY)
        array = self._array(entry, random, wrong)
        if entry.numbered and self.numbers and random.random() < 0.9:
            number = self.numbered + 1
            if random.random() < 0.1:
                number = self.numbered + random.choice((-1, 0, 2, 3, 64, 65, 66, MAX_INT))
            else:
                self.numbered = number
            array = [6, number, self.taken, array]
        if random.random() < wrong:
            array += [random.choice((None, 0, "more", {1: 2}))]
        return pack(array, random)

    def _array(self, entry: Entry, random: Random, wrong: float) -> list[Any]:
        self._chosen = max(1, self.newest() - random.choice((-1, 0, 0, 0, 0, 1, 2)))
        given = len(entry.fields)
        if random.random() < 0.1:
            given = random.randint(entry.required, given) if random.random() > wrong else random.randrange(given + 1)
        items = list(entry.fields.items())[:given]
        return [entry.number, *(self._value(name, kind, random, wrong) for name, kind in items)]

    def _value(self, name: str, kind: f.FieldType, random: Random, wrong: float) -> Any:
        if random.random() < wrong / 4:
            return random.choice(_BEYOND)
        match kind:
            case f.Int():
                return self._integer(name, kind, random)
            case f.Str():
                return random.choice(("", "m", "resume", "repair", "é" * 3, "x" * kind.high, "x" * (kind.high + 1)))
            case f.Word():
                return kind.word
            case f.Bin():
                if name == "session":
                    return self.machine.core.session or SESSION
                if name == "pcm":
                    return bytes(random.choice((2, 2, 960, 960, 4_800, 1, 3, 30_000)))
                return bytes(random.choice((kind.low, 16, min(kind.high, 100))))
            case f.Bool():
                return random.random() < 0.5
            case f.Token():
                return random.choice(("token", b"token", "x" * 4_096))
            case f.Map():
                return self._map(name, random)
            case f.Nil() | f.Lenient():
                return None if random.random() < 0.4 else self._value(name, kind.item, random, wrong)
            case f.Hidden():
                return self._value(name, kind.item, random, wrong)
            case f.Row():
                if name in ("format", "formats"):
                    return list(random.choice((FORMAT, FORMAT, ["f32le", 48_000, 2], ["opus", 0, 0])))
                return [self._value(name, item, random, wrong) for item in kind.items]
            case f.ListOf():
                if name == "features":
                    return [one.value for one in self.machine.features] + ["grease.0"]
                if name == "versions":
                    return random.choice(([1], [1], [0, 1], [2]))
                count = random.choice((kind.low, kind.low, kind.low + 1, min(kind.high, 20), kind.high))
                return [self._value(name, kind.item, random, wrong) for _ in range(count)]
            case f.Ranges():
                return self._ranges(kind, random)
            case f.Array():
                inner = random.choice([one for one in self.entries if one.numbered])
                return self._array(inner, random, wrong)
        raise TypeError(f"no values for {kind!r}")

    def _integer(self, name: str, kind: f.Int, random: Random) -> int:
        near = random.random() < 0.8
        if name in _SEGMENTS and near:
            return max(kind.low, self._chosen + random.choice((-1, 0, 0, 0, 0, 1)))
        if name in _POSITIONS and near:
            reached = self.positions.get(self._chosen, 0)
            return max(0, reached + random.choice((0, 0, 0, 0, -1, 1, -480, 480, 47_999, 48_001)))
        if name == "number" and near:
            return self.numbered + 1
        if name == "taken" and near:
            return self.taken
        if name == "cut_through" and near:
            return random.choice((0, 0, 0, max(0, self._chosen - 1), self._chosen))
        if name == "generation" and near:
            return max(1, int(self.machine.core.generation) + random.choice((0, 0, 1)))
        if name == "version" and near:
            return 1
        if name in ("clock", "t1", "t2", "t3", "delay") and near:
            return int(self.machine.now * 1e6) - random.randrange(1_000_000)
        return random.choice([edge for edge in _EDGES if kind.low <= edge <= kind.high])

    def _map(self, name: str, random: Random) -> dict[Any, Any]:
        if name == "limits":
            keys = ("window", "message", "cooldown", "resume", "keepalive", "segments", "grease")
            return {
                key: random.choice((0, 1, 4, 2_400, 4_096, 48_000, MAX_INT, None))
                for key in keys
                if random.random() < 0.3
            }
        return random.choice(
            (
                {},
                {"text": "hello"},
                {"a": [1, None, 2.5, b"x", {"b": [{}]}]},
                {"x": "y" * random.choice((16_000, 16_376, 16_384, 20_000))},
                {str(key): [] for key in range(random.choice((10, 1_024)))},
                {1: 2},
                {"a": float("nan"), "b": float("-inf"), "c": (1 << 64) - 1},
            )
        )

    def _ranges(self, kind: f.Ranges, random: Random) -> list[list[int]]:
        reached = self.positions.get(self._chosen, 0)
        count = random.choice((1, 1, 2, kind.high, kind.high + 1, 0))
        step = random.choice((2, 480, max(2, reached // max(count, 1))))
        low = max(0, reached - step * count)
        ranges = [[low + step * i, low + step * i + max(1, step // 2)] for i in range(count)]
        if random.random() < 0.1:
            random.shuffle(ranges)
        return ranges

    # -- where a transport begins --------------------------------------------------------------------------

    def greeting(self, random: Random) -> Wire:
        """The first message of a new transport: right, stale, stolen, or wrong."""
        stale = self.generation
        match random.randrange(10):
            case 0 | 1 | 2 | 3:
                return self.hello(resume=self.machine.core.generation > 0)
            case 4:
                return self.hello()
            case 5:
                return self.hello(resume=True, generation=max(1, stale + random.choice((-1, 0))))
            case 6:
                return self.hello(resume=True, credential=[random.randbytes(random.choice((16, 32, 64))), 0])
            case 7:
                return self.hello(resume=True, session=random.randbytes(16))
            case 8:
                return self.hello(resume=True, features=[], versions=random.choice(([1], [2])))
        return self.grammar(random, 0.3)
