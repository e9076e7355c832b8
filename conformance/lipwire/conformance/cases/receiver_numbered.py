"""Numbered control at a receiver: what it numbers, takes, holds and acknowledges (SPEC §14)."""

from typing import Any, Final

from .. import messages as m
from ..case import case
from ..driver import Refused
from ..receiver_play import ReceiverPlay
from ..trace import Entry

RESUME: Final = ("resume",)
NUMBERED: Final = ("stream_started", "stream_ended", "mark_reached", "custom")
"""What a receiver numbers."""
UNACKNOWLEDGED, UNACKNOWLEDGED_BYTES = 1_024, 1_048_576


def _from(it: ReceiverPlay, *names: str) -> list[Entry]:
    return [e for e in it.said() if e.name in names]


def _check_numbers(it: ReceiverPlay, *names: str) -> None:
    """Check that just these messages have come, numbered from 1, and that nothing else was numbered."""
    came = [(e.name, e.number) for e in _from(it, *NUMBERED)]
    wanted = [(name, number) for number, name in enumerate(names, 1)]
    it.check(came == wanted, f"numbered from 1: {', '.join(names)}", f"{came}", "LW-CONTROL-1")
    other = [e.name for e in it.trace if e.by is it.role and e.number is not None and e.name not in NUMBERED]
    it.check(not other, "nothing else in `numbered`", f"{other}", "LW-CONTROL-1")


@case(
    "receiver.numbered.its_own",
    "LW-CONTROL-1",
    why="what must not be lost is numbered, from 1 on; what a later message makes up for is not",
    features=RESUME,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.whole(2)
    await it.do("stream_started", segment=1)
    await it.finish(1, 480)
    await it.ended(1, 480)
    await it.cut(2)
    await it.finish(2, 0, interrupted=True)
    await it.ended(2, 0, interrupted=True, cause=1)
    await it.goes_on()
    _check_numbers(it, "stream_started", "stream_ended", "stream_ended")


@case(
    "receiver.numbered.its_own_of_features",
    "LW-CONTROL-1",
    why="echoes of marks and custom messages are numbered as well, in the order in which they were sent",
    features=("resume", "marks", "custom"),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.do("custom", content={"com.example.first": 1})
    await it.expect("custom")
    await it.whole(1)
    it.send(m.mark(1, 480, "end"))
    await it.fence()
    await it.finish(1, 480)
    await it.ended(1, 480)
    await it.do("custom", content={"com.example.last": 2})
    await it.expect("custom")
    _check_numbers(it, "custom", "mark_reached", "stream_ended", "custom")


@case(
    "receiver.numbered.its_own_after_a_resume",
    "LW-CONTROL-1",
    why="the numbers are the session's, not the transport's: a resume goes on where they were",
    features=RESUME,
    options={"limits": {"resume": 60_000}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.finish(1, 480)
    await it.ended(1, 480)
    await it.goes_on()
    it.drop()
    await it.resume()
    await it.whole(2)
    await it.finish(2, 480)
    await it.ended(2, 480)
    await it.goes_on()
    _check_numbers(it, "stream_ended", "stream_ended")


@case(
    "receiver.numbered.not_without_resume",
    "LW-CONTROL-1",
    why="without resume the same messages go bare: a peer of the core profile need not know `numbered`",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.do("stream_started", segment=1)
    await it.finish(1, 480)
    await it.ended(1, 480)
    numbers = [e.number for e in _from(it, *NUMBERED)]
    it.check(numbers == [None, None], "stream_started and stream_ended, bare", f"numbers {numbers}")


@case(
    "receiver.numbered.refused_without_resume",
    "LW-CONTROL-1",
    why="what was not chosen does not exist",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.numbered(1, 0, m.segment_start(1)))
    await it.closes("out_of_state")


@case(
    "receiver.numbered.bare_with_resume",
    "LW-CONTROL-1",
    why="what goes round its number has no place among the others, and would be taken twice after a resume",
    features=RESUME,
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    for name, message in {"segment_start": m.segment_start(1), "segment_end": m.segment_end(1, 0)}.items():
        await it.refused(f"{name}, bare", "out_of_state", m.packed(message))


# -- taking ----------------------------------------------------------------------------------------------------


async def _two_empty_segments(it: ReceiverPlay, *numbers: int) -> None:
    """Send the starts and ends of two empty segments, by number, in this order; then again what was not taken."""
    messages = [m.segment_start(1), m.segment_end(1, 0), m.segment_start(2), m.segment_end(2, 0)]
    it.numbers = len(messages)
    it.unacknowledged = dict(enumerate(messages, 1))
    for number in numbers:
        it.send_exactly(m.numbered(number, it.taken, messages[number - 1]))
    await it.fence()
    it.step("what it may have dropped is sent again, in order")
    for number, message in enumerate(messages, 1):
        it.send_exactly(m.numbered(number, it.taken, message))
    await it.until(lambda: not it.unacknowledged, "all four acknowledged", "LW-CONTROL-3")


ORDERS: Final = {
    "in_order": ((1, 2, 3, 4), "the usual case"),
    "backwards": ((4, 3, 2, 1), "what comes before its predecessor is held, or dropped; never taken out of order"),
    "repeated": ((1, 1, 2, 1, 2, 3, 3, 4, 1), "what was taken is dropped when it comes again: here it can be told"),
    "with_a_gap": ((1, 3, 4), "what follows a lost one waits for it"),
    "mixed": ((3, 1, 1, 4, 3, 2), "held, repeated and late"),
}

for _name, (_order, _why) in ORDERS.items():

    @case(
        f"receiver.numbered.{_name}",
        "LW-CONTROL-2",
        "LW-CONTROL-3",
        why=_why,
        features=RESUME,
    )
    async def _(it: ReceiverPlay, order: tuple[int, ...] = _order) -> None:
        await it.open()
        await _two_empty_segments(it, *order)
        await it.told("segment_end", segment=2)
        await it.goes_on()
        it.handed_whole(1, 2, empty=True, requirement="LW-CONTROL-2")


@case(
    "receiver.numbered.many_ahead",
    "LW-CONTROL-2",
    "LW-CONTROL-3",
    why="64 may be held; what is beyond is dropped, and must not be acknowledged",
    features=RESUME,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    starts = {2 * one - 1: m.segment_start(one) for one in range(1, 41)}
    ends = {2 * one: m.segment_end(one, 0) for one in range(1, 41)}
    messages = dict(sorted({**starts, **ends}.items()))
    it.numbers, it.unacknowledged = len(messages), dict(messages)
    for number in [*range(2, len(messages) + 1), 1]:
        it.send_exactly(m.numbered(number, 0, messages[number]))
    await it.until(lambda: len(it.unacknowledged) < len(messages), "an acknowledgement", "LW-CONTROL-3")
    await it.fence()
    it.step("what is not acknowledged is sent again")
    it.send_again()
    await it.until(lambda: not it.unacknowledged, "all acknowledged", "LW-CONTROL-3")
    await it.told("segment_end", segment=40)
    it.handed_whole(*range(1, 41), empty=True, requirement="LW-CONTROL-2")


@case(
    "receiver.numbered.acknowledged_by_what_it_sends",
    "LW-CONTROL-3",
    why="a numbered message of its own carries the count, and takes the place of an acknowledgement",
    features=RESUME,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for segment in range(1, 11):
        it.send(m.segment_start(segment), m.segment_end(segment, 0))
        await it.told("segment_end", segment=segment)
        await it.finish(segment, 0)
        await it.ended(segment, 0, requirement="LW-STREAM-2")
        await it.until(lambda: not it.unacknowledged, "both are acknowledged")


@case(
    "receiver.numbered.acknowledged",
    "LW-CONTROL-3",
    why="the sender keeps what is not acknowledged, and a repeat shows that the acknowledgement was lost",
    features=RESUME,
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1))
    await it.until(lambda: not it.unacknowledged, "taken 1")
    it.send(m.segment_end(1, 0))
    await it.until(lambda: not it.unacknowledged, "taken 2")
    for number, message in ((1, m.segment_start(1)), (2, m.segment_end(1, 0))):
        at = await it.fence()
        it.send_exactly(m.numbered(number, 0, message))
        await it.until(
            lambda at=at: any(e.taken == 2 for e in it.trace[at:] if e.by is it.role),  # type: ignore[misc]
            f"taken 2 once more, for the repeat of {number}",
        )


@case(
    "receiver.numbered.acknowledges_no_more_than_it_took",
    "LW-CONTROL-3",
    "LW-CONTROL-2",
    why="the count is of messages taken in order; one that is held does not count",
    features=RESUME,
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send_exactly(m.numbered(1, 0, m.segment_start(1)))
    for number in (3, 4, 9):
        it.send_exactly(m.numbered(number, 0, m.segment_start(number)))
    it.send_exactly(m.numbered(1, 0, m.segment_start(1)))
    await it.until(lambda: any(e.taken == 1 for e in it.trace if e.by is it.role), "taken 1")
    await it.goes_on("LW-CONTROL-2")
    counts = {e.taken for e in it.trace if e.by is it.role} - {None}
    it.check(counts <= {0, 1}, "taken 0 or 1 at all times", f"{counts}")


# -- what the other has taken ----------------------------------------------------------------------------------


@case(
    "receiver.numbered.taken_beyond_what_was_sent",
    "LW-CONTROL-6",
    why="nobody can have taken what was never sent",
    features=RESUME,
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.refused("acknowledge 1 of none", "invalid_field", m.acknowledge(1))
    await it.refused("taken 2^53 - 1", "invalid_field", m.acknowledge(2**53 - 1))
    within = [m.numbered(1, 1, m.segment_start(1))]
    await it.refused("taken 1 of none, in numbered", "invalid_field", *(m.packed(one) for one in within))
    repeat = (m.numbered(1, 0, m.segment_start(1)), m.numbered(1, 1, m.segment_start(1)))
    await it.refused("taken 1 of none, in a repeat", "invalid_field", *(m.packed(one) for one in repeat))


@case(
    "receiver.numbered.taken_goes_back",
    "LW-CONTROL-6",
    why="an acknowledgement that was late on its way takes nothing back",
    features=RESUME,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for segment in (1, 2):
        await it.whole(segment)
        await it.finish(segment, 480)
        await it.ended(segment, 480)
    it.send_exactly(m.acknowledge(2))
    it.send_exactly(m.acknowledge(1))
    it.send_exactly(m.acknowledge(0))
    await it.goes_on()
    await it.whole(3)
    await it.finish(3, 480)
    await it.ended(3, 480)
    await it.fence()
    for segment in (1, 2, 3):
        it.once("stream_ended", segment=segment)


@case(
    "receiver.numbered.1024_unacknowledged",
    "LW-CONTROL-5",
    why="a sender that never acknowledges is let go, before what is kept for it grows without end",
    features=RESUME,
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("acknowledge")
    await it.open()
    it.send(m.interrupt(1, 2_000), bare=True)
    await it.expect("cut", first=1, last=2_000)
    for segment in range(1, UNACKNOWLEDGED + 1):  # each is answered with its stream_ended
        it.send_exactly(m.numbered(segment, 0, m.segment_start(segment)))
        if segment % 64 == 0:
            await it.goes_on()
    it.check(len(it.seen("stream_ended")) == UNACKNOWLEDGED, "1,024 ends", f"{len(it.seen('stream_ended'))}")
    it.send_exactly(m.numbered(UNACKNOWLEDGED + 1, 0, m.segment_start(UNACKNOWLEDGED + 1)))
    await it.closes("limit_exceeded")


@case(
    "receiver.numbered.bytes_unacknowledged",
    "LW-CONTROL-5",
    why="so with 1 MiB: either its user is told that there is no room, or the session is closed",
    features=("resume", "custom"),
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("acknowledge")
    await it.open()
    content = m.content(16_000)
    refused = False
    for _ in range(70):
        try:
            await it.do("custom", content=content)
        except Refused:
            refused = True
            break
        if it.closed is not None:
            break
    if not refused:
        await it.closes("limit_exceeded")
    else:
        await it.goes_on()
    kept = sum(len(m.packed([31, e.message.content])) for e in it.seen("custom"))
    it.check(kept <= UNACKNOWLEDGED_BYTES, "no more than 1,048,576 bytes not acknowledged", f"{kept}")


# -- what can be numbered --------------------------------------------------------------------------------------


NOT_NUMBERED: Final[dict[str, m.Raw]] = {
    "ping": m.ping(),
    "pong": m.pong(1),
    "close": m.close(0),
    "audio": m.audio(1, 0, m.pcm(480)),
    "acknowledge": m.acknowledge(0),
    "numbered": m.numbered(1, 0, m.segment_start(1)),
    "hello": m.hello(bytes(16)),
    "a message to ignore": m.GREASE,
    "an unknown message": [32],
}


@case(
    "receiver.numbered.what_can_not_be",
    "LW-CONTROL-7",
    why="only what the registry marks is numbered; all else inside would go round the rules of its own place",
    features=RESUME,
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    for name, message in NOT_NUMBERED.items():
        await it.refused(f"{name} inside numbered", "invalid_field", m.packed(m.numbered(1, 0, message)))


@case(
    "receiver.numbered.its_fields",
    "LW-CONTROL-7",
    "LW-WIRE-4",
    why="the message inside is held against the registry as one outside, and a number counts from 1",
    features=RESUME,
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    wrong: dict[str, Any] = {
        "number 0": m.numbered(0, 0, m.segment_start(1)),
        "nothing inside": [6, 1, 0],
        "nil inside": m.numbered(1, 0, None),
        "an empty array inside": m.numbered(1, 0, []),
        "segment 0 inside": m.numbered(1, 0, m.segment_start(0)),
    }
    for name, message in wrong.items():
        requirement = "LW-CONTROL-7" if name == "an empty array inside" else "LW-WIRE-4"
        await it.refused(name, "invalid_field", m.packed(message), requirement=requirement)


@case(
    "receiver.numbered.interrupt_bare",
    "LW-CONTROL-7",
    "LW-CONTROL-2",
    why="repeats of an interrupt, and its copy on media, are bare; and it may come before its numbered self",
    features=RESUME,
    needs=("hold",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.part(1)
    it.send(m.interrupt(1), bare=True)
    await it.expect("cut", first=1, last=1)
    it.send(m.interrupt(1))
    await it.expect("cut", first=1, last=1)
    it.send(m.interrupt(1), bare=True)
    await it.expect("cut", first=1, last=1)
    await it.do("release")
    await it.finish(1, 480, interrupted=True)
    await it.ended(1, 480, interrupted=True, cause=1)
    await it.whole(2)
    it.once("stream_ended", segment=1)
    it.once("event interrupted", requirement="LW-CONTROL-2")
