"""Numbered control at a sender: what it numbers, takes, holds and acknowledges (SPEC §14)."""

from contextlib import suppress
from typing import Any, Final

from lipwire.protocol.channels import Channel

from .. import messages as m
from ..case import case
from ..driver import Refused
from ..sender_play import SenderPlay
from ..trace import Entry

RESUME: Final = ("resume",)
CUSTOM: Final = ("resume", "custom")
NUMBERED: Final = (
    "segment_start", "segment_end", "interrupt", "pause", "unpause", "mark", "data", "custom",
)  # fmt: skip
"""What a sender numbers."""
KEY: Final = "com.example.turn"
UNACKNOWLEDGED, UNACKNOWLEDGED_BYTES = 1_024, 1_048_576


def _numbered(it: SenderPlay) -> dict[int, Entry]:
    """The numbered messages that have come, by number; of copies the first."""
    found: dict[int, Entry] = {}
    for entry in it.trace:
        if entry.by is it.role and entry.number is not None:
            found.setdefault(entry.number, entry)
    return found


def _check_numbers(it: SenderPlay, *names: str) -> None:
    """Check that just these messages have come, numbered from 1, and that nothing else was numbered."""
    control = [e for e in it.said() if e.channel is Channel.CONTROL]
    came: list[tuple[str, int | None]] = []
    for entry in control:
        repeat = entry.name == "interrupt" and entry.number is None and "interrupt" in dict(came)  # those are bare
        if entry.name in NUMBERED and not repeat:
            came.append((entry.name, entry.number))
    wanted = [(name, number) for number, name in enumerate(names, 1)]
    it.check(came == wanted, f"numbered from 1: {', '.join(names)}", f"{came}", "LW-CONTROL-1")
    other = [e.name for e in it.trace if e.by is it.role and e.number is not None and e.name not in NUMBERED]
    it.check(not other, "nothing else in `numbered`", f"{other}", "LW-CONTROL-1")


@case(
    "sender.numbered.its_own",
    "LW-CONTROL-1",
    why="what must not be lost is numbered, from 1 on; audio is not, its positions say which it is",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    await it.whole(960)
    await it.whole(480, 2)
    await it.do("interrupt", segment=None)
    await it.expect("interrupt", requirement="LW-INTERRUPT-2")
    await it.fence()
    _check_numbers(it, "segment_start", "segment_end", "segment_start", "segment_end", "interrupt")


@case(
    "sender.numbered.its_own_of_features",
    "LW-CONTROL-1",
    why="pauses, marks, data and custom messages are numbered as well, in the order in which they are sent",
    features=("resume", "pause", "marks", "data", "custom"),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    await it.fence()
    await it.do("custom", content={KEY: 1})
    segment = await it.open_segment()
    await it.write(segment, m.pcm(480))
    await it.expect("segment_start")
    await it.do("mark", segment=segment, position=480, name="end")
    await it.expect("mark")
    await it.do("data", segment=segment, position=960, content={KEY: 2})
    await it.expect("data")
    for name in ("pause", "unpause"):
        await it.do(name)
        await it.expect(name)
    await it.write(segment, m.pcm(480, 2))
    await it.do("end", segment=segment)
    await it.expect("segment_end")
    await it.fence()
    _check_numbers(it, "custom", "segment_start", "mark", "data", "pause", "unpause", "segment_end")


@case(
    "sender.numbered.not_without_resume",
    "LW-CONTROL-1",
    "LW-REGISTRY-1",
    why="without resume the same messages go bare: a peer of the core profile need not know `numbered`",
    needs=RESUME,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.whole()
    it.send(m.stream_started(segment))
    it.end_stream(segment, 960)
    await it.ends(segment, 960, interrupted=False)
    await it.fence()
    it.check(not _numbered(it), "segment_start and segment_end, bare", f"{sorted(_numbered(it))}")
    it.none("acknowledge", requirement="LW-REGISTRY-1")


@case(
    "sender.numbered.refused_without_resume",
    "LW-CONTROL-1",
    why="what was not chosen does not exist",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.whole()
    it.send_exactly(m.numbered(1, 0, m.stream_started(segment)))
    await it.closes("out_of_state")


@case(
    "sender.numbered.bare_with_resume",
    "LW-CONTROL-1",
    why="what goes round its number has no place among the others, and would be taken twice after a resume",
    features=RESUME,
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.whole()
    it.send_exactly(m.stream_started(segment))
    await it.closes("out_of_state")


# -- taking ----------------------------------------------------------------------------------------------------


async def _out_of_order(it: SenderPlay, messages: list[Any], numbers: tuple[int, ...]) -> None:
    """Send messages in that order of their numbers; then all of them again, since some may have been dropped."""
    it.numbers = len(messages)
    it.unacknowledged = dict(enumerate(messages, 1))
    for number in numbers:
        it.send_exactly(m.numbered(number, it.taken, messages[number - 1]))
    await it.fence()
    it.step("what it may have dropped is sent again, in order")
    for number, message in enumerate(messages, 1):
        it.send_exactly(m.numbered(number, it.taken, message))
    await it.until(lambda: not it.unacknowledged, "all of them acknowledged", "LW-CONTROL-3")
    await it.goes_on("LW-CONTROL-2")


ORDERS: Final = {
    "in_order": ((1, 2, 3, 4), "the usual case"),
    "backwards": ((4, 3, 2, 1), "what comes before its predecessor is held, or dropped; never taken out of order"),
    "repeated": ((1, 1, 2, 1, 2, 3, 3, 4, 1), "what was taken is dropped when it comes again: here it can be told"),
    "with_a_gap": ((1, 3, 4), "what follows a lost one waits for it"),
    "mixed": ((3, 1, 1, 4, 3, 2), "held, repeated and late"),
}

for _name, (_order, _why) in ORDERS.items():

    @case(f"sender.numbered.{_name}", "LW-CONTROL-2", "LW-CONTROL-3", why=_why, features=RESUME)
    async def _(it: SenderPlay, order: tuple[int, ...] = _order) -> None:
        await it.open()
        first, second = await it.whole(), await it.whole(960, 2)
        ends = [m.stream_ended(first, position, False, 2) for position in (480, 240)]
        await _out_of_order(it, [m.stream_started(first), *ends, m.stream_ended(second, 960)], order)
        await it.told("stream_started", segment=first)
        await it.ends(first, 480, interrupted=False, requirement="LW-CONTROL-2")
        await it.ends(second, 960, interrupted=False, requirement="LW-CONTROL-2")
        it.once("event stream_started")
        it.once("event stream_ended", segment=first)

    @case(f"sender.numbered.custom_{_name}", "LW-CONTROL-2", "LW-CONTROL-3", why=_why, features=CUSTOM)
    async def _(it: SenderPlay, order: tuple[int, ...] = _order) -> None:
        await it.open()
        await _out_of_order(it, [m.custom({KEY: count}) for count in range(1, 5)], order)
        _check_told(it, 4)


def _check_told(it: SenderPlay, count: int) -> None:
    """Check that its user was told of so many custom messages, each once and in order."""
    told = [(entry.fields or {})["content"][KEY] for entry in it.seen("event custom")]
    it.check(told == [*range(1, count + 1)], f"1 to {count}, each once and in order", f"{told}", "LW-CONTROL-2")


@case(
    "sender.numbered.many_ahead",
    "LW-CONTROL-2",
    "LW-CONTROL-3",
    why="64 may be held; what is beyond is dropped, and must not be acknowledged",
    features=CUSTOM,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    messages = {number: m.custom({KEY: number}) for number in range(1, 81)}
    it.numbers, it.unacknowledged = len(messages), dict(messages)
    for number in [*range(2, 81), 1]:
        it.send_exactly(m.numbered(number, 0, messages[number]))
    await it.until(lambda: len(it.unacknowledged) < 80, "an acknowledgement", "LW-CONTROL-3")
    await it.fence()
    taken = 80 - len(it.unacknowledged)
    it.check(taken <= 65, "the first, and no more than the 64 behind it, are taken", f"{taken}")
    it.step("what is not acknowledged is sent again")
    it.send_again()
    await it.until(lambda: not it.unacknowledged, "all acknowledged", "LW-CONTROL-3")
    await it.fence()
    _check_told(it, 80)


@case(
    "sender.numbered.acknowledged_by_what_it_sends",
    "LW-CONTROL-3",
    why="a numbered message of its own carries the count, and takes the place of an acknowledgement",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    for seed in range(5):
        segment = await it.whole(480, seed)
        it.send(m.stream_started(segment))
        await it.whole(480, 7 + seed)
        await it.until(lambda: not it.unacknowledged, "stream_started is acknowledged")


@case(
    "sender.numbered.acknowledged",
    "LW-CONTROL-3",
    why="the receiver keeps what is not acknowledged, and a repeat shows that the acknowledgement was lost",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.whole()
    messages = {1: m.stream_started(segment), 2: m.stream_ended(segment, 960)}
    for message in messages.values():
        it.send(message)
        await it.until(lambda: not it.unacknowledged, f"taken {it.numbers}")
    for number, message in messages.items():
        at = await it.fence()
        it.send_exactly(m.numbered(number, 0, message))
        await it.until(
            lambda at=at: any(e.taken == 2 for e in it.trace[at:] if e.by is it.role),  # type: ignore[misc]
            f"taken 2 once more, for the repeat of {number}",
        )


@case(
    "sender.numbered.acknowledges_no_more_than_it_took",
    "LW-CONTROL-3",
    "LW-CONTROL-2",
    why="the count is of messages taken in order; one that is held does not count",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.whole()
    it.send_exactly(m.numbered(1, 0, m.stream_started(segment)))
    for number in (3, 4, 9):
        it.send_exactly(m.numbered(number, 0, m.stream_ended(segment, number, False, 2)))
    it.send_exactly(m.numbered(1, 0, m.stream_started(segment)))
    await it.until(lambda: any(e.taken == 1 for e in it.trace if e.by is it.role), "taken 1")
    await it.goes_on("LW-CONTROL-2")
    await it.whole(480, 2)
    counts = {e.taken for e in it.trace if e.by is it.role} - {None}
    it.check(counts <= {0, 1}, "taken 0 or 1 at all times", f"{counts}")
    it.none("event stream_ended", requirement="LW-CONTROL-2")


# -- what the other has taken ----------------------------------------------------------------------------------


BEYOND: Final[dict[str, list[Any]]] = {
    "taken_beyond_what_was_sent": [m.acknowledge(3)],
    "taken_far_beyond": [m.acknowledge(2**53 - 1)],
    "taken_beyond_in_numbered": [m.numbered(1, 3, m.stream_started(1))],
    "taken_beyond_in_a_repeat": [m.numbered(1, 2, m.stream_started(1)), m.numbered(1, 3, m.stream_started(1))],
}

for _name, _messages in BEYOND.items():

    @case(
        f"sender.numbered.{_name}",
        "LW-CONTROL-6",
        why="nobody can have taken what was never sent: two messages were",
        features=RESUME,
        judged=False,
    )
    async def _(it: SenderPlay, messages: list[Any] = _messages) -> None:
        await it.open()
        segment = await it.whole()
        await it.fence()
        it.require(max(_numbered(it)) == 2, "two numbered messages", f"{sorted(_numbered(it))}", "LW-CONTROL-6")
        for message in messages:
            if message[0] == m.TYPES["numbered"]:
                message = [*message[:3], m.stream_started(segment)]
            it.send_exactly(message)
        await it.closes("invalid_field")


@case(
    "sender.numbered.taken_goes_back",
    "LW-CONTROL-6",
    why="an acknowledgement that was late on its way takes nothing back",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    first = await it.whole()
    await it.fence()
    for taken in (2, 1, 0):
        it.send_exactly(m.acknowledge(taken))
    it.send_exactly(m.numbered(1, 1, m.stream_started(first)))
    await it.goes_on()
    second = await it.whole(480, 2)
    it.numbers = 1
    it.end_stream(first, 960)
    it.end_stream(second, 480)
    await it.ends(first, 960, interrupted=False)
    await it.ends(second, 480, interrupted=False)


def _kept(it: SenderPlay) -> tuple[int, int]:
    """How many messages, and bytes of them, a sender has numbered that were never acknowledged."""
    numbered = _numbered(it).values()
    inner = [m.unpack(entry.data)[3] for entry in numbered]
    return len(inner), sum(len(m.packed(one)) for one in inner)


async def _check_bounded(it: SenderPlay) -> bool:
    """Check that no more is out than may be, and that the session goes on, or was closed for that; whether it is open.

    What its user was not refused comes when the kit acknowledges, as the caller checks.
    """
    is_open = it.closed is None and not it.over
    if is_open:
        await it.goes_on("LW-CONTROL-5")
    else:
        await it.closes("limit_exceeded", requirement="LW-CONTROL-5")
    count, size = _kept(it)
    it.check(count <= UNACKNOWLEDGED, "at most 1,024 messages that are not acknowledged", f"{count}")
    it.check(size <= UNACKNOWLEDGED_BYTES, "at most 1,048,576 bytes of them", f"{size}")
    return is_open


@case(
    "sender.numbered.1024_unacknowledged",
    "LW-CONTROL-5",
    why="a receiver that does not acknowledge must not make the sender keep more and more: its user waits, or is "
    "refused, and is served as soon as it does",
    features=RESUME,
    options={"limits": {"grace": 60_000}},
    judged=False,
    seconds=180.0,
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("acknowledge")
    await it.open(limits={"segments": 1_024})
    said: list[int] = []
    with suppress(Refused):
        while len(said) < UNACKNOWLEDGED // 2 + 4 and it.closed is None:  # each has a start and an end
            said += [await it.say(b"")]
    if not await _check_bounded(it):
        return
    for _ in range(len(said)):
        if it.seen("segment_end", segment=said[-1]):
            break
        it.send_exactly(m.acknowledge(it.taken))
        await it.fence()
    ended = [entry.message.segment for entry in it.seen("segment_end")]
    it.check(ended == said, f"all {len(said)} segments, once they are acknowledged", f"{len(ended)}: {m.shown(ended)}")


@case(
    "sender.numbered.bytes_unacknowledged",
    "LW-CONTROL-5",
    why="so with 1 MiB of them",
    features=CUSTOM,
    judged=False,
    transports=("websocket",),  # a MiB takes its time over WebRTC
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("acknowledge")
    await it.open()
    await it.fence()
    content, said = m.content(16_000), 0
    while said < 70 and it.closed is None and await it.attempt("custom", content=content):
        said += 1
    if not await _check_bounded(it):
        return
    for _ in range(said):
        if len(it.seen("custom")) == said:
            break
        it.send_exactly(m.acknowledge(it.taken))
        await it.fence()
    it.send_exactly(m.acknowledge(it.taken))
    await it.fence()
    await it.do("custom", content=content)  # none is waited for any more
    await it.until(lambda: len(it.seen("custom")) == said + 1, f"all {said + 1} of them")


# -- what can be numbered --------------------------------------------------------------------------------------


NOT_NUMBERED: Final[dict[str, m.Raw]] = {
    "ping": m.ping(),
    "close": m.close(0),
    "progress": m.progress(1, 0),
    "cut": m.cut(1, 1),
    "nack": m.nack(1, [0, 1]),
    "acknowledge": m.acknowledge(0),
    "numbered": m.numbered(1, 0, m.stream_started(1)),
    "welcome": m.welcome(bytes(16)),
    "one_to_ignore": m.GREASE,
    "an_unknown_one": [32],
    "an_empty_array": [],
}

for _name, _message in NOT_NUMBERED.items():

    @case(
        f"sender.numbered.{_name}_inside",
        "LW-CONTROL-7",
        why="only what the registry marks is numbered; all else inside would go round the rules of its own place",
        features=RESUME,
        judged=False,
    )
    async def _(it: SenderPlay, message: m.Raw = _message) -> None:
        await it.open()
        await it.whole()
        it.send_exactly(m.numbered(1, 0, message))
        await it.closes("invalid_field")
