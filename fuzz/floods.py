"""Many messages with one intent: each is legal, or nearly so, and it is their number that hurts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from lipwire.protocol import messages as m
from lipwire.protocol.channels import Channel
from lipwire.protocol.codec import encode

from .speaker import Speaker
from .steps import Do, Greeting, Message, Step, Wait

Flood = Callable[[Speaker, Random], Iterator[Step]]


def _audio(segment: int, position: int, samples: int, cut_through: int = 0) -> Step:
    return Message(encode(m.AudioMessage(segment, position, cut_through, bytes(2 * samples))), Channel.MEDIA)


def _next(peer: Speaker) -> tuple[int, Iterator[Step]]:
    """Begin one more segment, having ended the one before."""
    newest = peer.newest()
    steps: list[Step] = []
    if newest and newest not in peer.ended:
        steps.append(Message(peer.wire(m.SegmentEnd(newest, peer.positions[newest]))))
        peer.ended.add(newest)
    steps.append(Message(peer.wire(m.SegmentStart(newest + 1))))
    peer.positions[newest + 1] = 0
    return newest + 1, iter(steps)


# -- against a receiver ----------------------------------------------------------------------------------------


def every_other_sample(peer: Speaker, random: Random) -> Iterator[Step]:
    """A gap after each sample, and then the gaps, in any order."""
    number, begin = _next(peer)
    yield from begin
    places = list(range(1, 2 * random.choice((20, 255, 256, 300)), 2))
    if random.random() < 0.5:
        random.shuffle(places)
    for place in places:
        yield _audio(number, place, 1)
    random.shuffle(places)
    for place in places:
        yield _audio(number, place - 1, random.choice((1, 1, 2, 40)))
    peer.positions[number] = max(places) + 1


def single_samples(peer: Speaker, random: Random) -> Iterator[Step]:
    """As many chunks as there are samples."""
    number, begin = _next(peer)
    yield from begin
    for position in range(random.choice((100, 1_000))):
        yield _audio(number, position, 1)
        peer.positions[number] = position + 1


def segments(peer: Speaker, random: Random) -> Iterator[Step]:
    """One segment after the other, empty or nearly."""
    samples = random.choice((0, 0, 1))
    for _ in range(random.choice((10, 70, 300))):
        number, begin = _next(peer)
        yield from begin
        if samples:
            yield _audio(number, 0, 1)
            peer.positions[number] = 1
        if random.random() < 0.3:
            yield Do(random.choice(("read all", "ended")))
        if random.random() < 0.2:
            yield Message(peer.wire(m.Interrupt(max(1, number - random.choice((0, 3, 100))), number)))
            peer.ended.add(number)


def interrupts(peer: Speaker, random: Random) -> Iterator[Step]:
    """Ranges of segments to come: apart, nested, wide."""
    newest = peer.newest()
    step = random.choice((1, 2, 3))
    for index in range(random.choice((10, 63, 64, 65, 200))):
        first = newest + 1 + step * index
        yield Message(encode(m.Interrupt(first, first + random.choice((0, 0, 1, 1_000_000)))))


def numbered_gaps(peer: Speaker, random: Random) -> Iterator[Step]:
    """Numbers whose predecessors never come, or come last."""
    if not peer.numbers:
        return
    first, count = peer.numbered + 1, random.choice((10, 63, 64, 70))
    numbers = list(range(first + 1, first + count))
    random.shuffle(numbers)
    for number in numbers:
        yield Message(encode(m.Numbered(number, peer.taken, m.Custom({"n": number}))))
    if random.random() < 0.7:
        yield Message(encode(m.Numbered(first, peer.taken, m.Custom({}))))
        peer.numbered = first + count - 1


def marks_and_data(peer: Speaker, random: Random) -> Iterator[Step]:
    """More marks and data than may wait."""
    if not peer.machine.setup.features:
        return
    number, begin = _next(peer)
    yield from begin
    yield _audio(number, 0, 480)
    peer.positions[number] = 480
    for index in range(random.choice((20, 256, 270))):
        at = random.choice((0, 480, index, 1 << 40))
        yield Message(peer.wire(m.Mark(number, at, "m") if random.random() < 0.5 else m.Data(number, at, {"a": index})))
        if random.random() < 0.1:
            yield Do("read")


def sent_creeps(peer: Speaker, random: Random) -> Iterator[Step]:
    """One sample more is said to be missing each time."""
    if not peer.machine.setup.features:
        return
    number, begin = _next(peer)
    yield from begin
    for position in range(random.choice((50, 500))):
        yield Message(encode(m.Sent(number, position)))
        if random.random() < 0.02:
            yield Wait(random.choice((0.02, 0.2, 1.5)))
            yield Do("read all")


def concealed(peer: Speaker, random: Random) -> Iterator[Step]:
    """The head of the queue is said to be missing to the end of the window, and others fill it."""
    if not peer.machine.setup.features:
        return
    heads = []
    for _ in range(random.choice((2, 5))):
        number, begin = _next(peer)
        yield from begin
        heads.append(number)
        if random.random() < 0.5:
            yield _audio(number, random.choice((0, 1, 480)), random.choice((480, 10_000, 24_000)))
        yield Message(encode(m.Sent(number, random.choice((480, 24_000, 48_000)))))
        yield Do("read all")
        total = random.choice((24_000, 48_000))
        yield Message(peer.wire(m.SegmentEnd(number, total)))
        peer.ended.add(number)
    for _ in range(4):
        yield Wait(1.1)
        yield Do("read all")


def pauses(peer: Speaker, random: Random) -> Iterator[Step]:
    """Pause, go on, pause …"""
    if not peer.machine.setup.features:
        return
    for index in range(random.choice((10, 100))):
        yield Message(peer.wire(m.Unpause() if index % 2 else m.Pause()))


def early_audio(peer: Speaker, random: Random) -> Iterator[Step]:
    """Audio of segments that nobody began."""
    newest = peer.newest()
    for _ in range(random.choice((10, 40))):
        yield _audio(newest + random.randint(1, 20), random.choice((0, 480, 40_000)), random.choice((1, 480)))


def hellos(peer: Speaker, random: Random) -> Iterator[Step]:
    """New transports: right, wrong and stolen ones, one after the other."""
    for _ in range(random.choice((5, 30))):
        yield Greeting(peer.greeting(random))


# -- against a sender ------------------------------------------------------------------------------------------


def nacks(peer: Speaker, random: Random) -> Iterator[Step]:
    """All that was ever sent is missing, again and again."""
    for _ in range(random.choice((20, 100))):
        for number, reached in list(peer.positions.items())[-4:]:
            if reached:
                ranges = [[0, reached]]
                if random.random() < 0.5:
                    step = max(2, reached // 32)
                    ranges = [[at, min(at + step - 1, reached)] for at in range(0, reached, step)][:32]
                yield Message(encode(m.Nack(number, ranges)))
        yield Wait(random.choice((0.0, 0.001, 0.021)))


def progress_creeps(peer: Speaker, random: Random) -> Iterator[Step]:
    """A sample at a time."""
    number = peer.newest()
    for at in range(min(peer.positions.get(number, 0), random.choice((50, 480)))):
        yield Message(encode(m.Progress(number, at, at, at, 0, random.choice((0, 1 << 50)))))


def cuts(peer: Speaker, random: Random) -> Iterator[Step]:
    """Confirmations of what nobody asked for, and the user's interrupts in between."""
    for _ in range(random.choice((10, 60))):
        number = max(1, peer.newest())
        yield Message(encode(m.Cut(max(1, number - 3), number, [[number, 0]] * random.choice((0, 1, 64)))))
        yield Do(random.choice(("interrupt", "open all", "open", "write")))


def never_ends(_: Speaker, random: Random) -> Iterator[Step]:
    """The user speaks and interrupts on; the peer says nothing but that it is there."""
    for _turn in range(random.choice((20, 100))):
        yield from (Do("open"), Do("write"), Do(random.choice(("interrupt", "end"))))
        yield Wait(random.choice((0.01, 0.5, 1.9)))
        yield Message(encode(m.Ping(0)))


def welcomes(peer: Speaker, random: Random) -> Iterator[Step]:
    """The transport goes and comes, and each time the welcome is a little other."""
    for _ in range(random.choice((3, 10))):
        yield Do("detach")
        yield Do("attach")
        limits = random.choice(
            ({}, {"window": 2_400}, {"window": (1 << 53) - 1}, {"window": 0}, {"segments": 4}, {"message": 4_096})
        )
        rows = [[number, reached, reached, None] for number, reached in list(peer.positions.items())[-3:]]
        state = [peer.taken, rows] if peer.machine.core._was_open else None
        yield Message(peer.welcome(limits=limits, state=state))
        yield from (Do("open"), Do("write more"))


# -- against both ----------------------------------------------------------------------------------------------


def pings(_: Speaker, random: Random) -> Iterator[Step]:
    """More than are answered."""
    for index in range(random.choice((20, 250))):
        yield Message(encode(m.Ping(index)))


def customs(peer: Speaker, random: Random) -> Iterator[Step]:
    """As large as they may be."""
    if peer.machine.setup.features:
        for _ in range(random.choice((5, 30))):
            yield Message(peer.wire(m.Custom({"x": "y" * 16_000})))


FLOODS: Final[dict[str, tuple[Flood, ...]]] = {
    "receiver": (
        every_other_sample, single_samples, segments, interrupts, numbered_gaps, marks_and_data, sent_creeps, concealed,
        pauses, early_audio, hellos, pings, customs,
    ),
    "sender": (nacks, progress_creeps, cuts, never_ends, welcomes, numbered_gaps, pings, customs),
    "receiver0": (),
    "sender0": (),
}  # fmt: skip
"""By kind of machine; those of version 0 are made by hand in ``generate.py``, for its messages have no fields."""
