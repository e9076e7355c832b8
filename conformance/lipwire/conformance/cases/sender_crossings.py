"""What comes together at a sender: reports that fit nothing, a resume and what was under way, timers and what moves."""

import asyncio
from contextlib import suppress
from typing import Any, Final

from lipwire.protocol.channels import Channel

from .. import messages as m
from ..case import case
from ..checking import PATIENCE
from ..driver import HarnessError, Refused
from ..sender_play import SenderPlay

RESUME: Final = ("resume",)
MARKS: Final = ("marks",)


def _marks(it: SenderPlay) -> list[tuple[int, str]]:
    told = (entry.fields or {} for entry in it.seen("event mark_reached"))
    return [(fields["segment"], fields["name"]) for fields in told]


# -- echoes of marks, and cuts, that fit nothing ---------------------------------------------------------------


@case(
    "sender.marks.echo_of_another",
    "LW-MARK-3",
    why="an echo is of the mark whose segment and name it has: taken for any other, a caption comes too soon, or never",
    features=MARKS,
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    said = []
    for names in (("one", "two"), ("one", "three")):
        segment = await it.open_segment()
        for name in names:
            await it.do("mark", segment=segment, position=480, name=name)
        await it.write(segment, m.pcm(960, segment))
        await it.do("end", segment=segment)
        await it.arrives(segment, 960)
        for name in names:
            await it.expect("mark", segment=segment, name=name)
        said.append(segment)
    first, second = said
    it.send(m.mark_reached(second, "one"), m.mark_reached(first, "two"))
    await it.fence()
    told = [(second, "one"), (first, "two")]
    it.check(_marks(it) == told, "one of the second, then two of the first", f"{_marks(it)}")
    it.step("an echo of a name that is set in another segment alone, and one of a name that was never set")
    it.send(m.mark_reached(first, "three"), m.mark_reached(first, "ONE"), m.ping(1 << 41))
    if await it.answered("pong", t1=1 << 41) and it.closed is None:  # it may close on that
        it.send(m.mark_reached(second, "three"), m.mark_reached(first, "one"))
        await it.fence()
        told += [(second, "three"), (first, "one")]
    it.check(_marks(it) == told, "each mark with its own echo, and nothing else", f"{_marks(it)}")


@case(
    "sender.interrupt.confirmed_once",
    "LW-INTERRUPT-12",
    why="an agent that is told of a cut before it was confirmed, or of one that it never asked for, acts on nothing",
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("cut")
    await it.open()
    first = await it.whole()
    it.send(m.cut(first, first, [[first, 480]]))
    await it.fence()
    it.none("event interrupt_confirmed")
    second = await it.whole(960, 2)
    await it.do("interrupt", segment=None)
    named = (await it.expect("interrupt", requirement="LW-INTERRUPT-2")).message
    if named.first <= first and named.last >= second:  # it may interrupt each alone (LW-INTERRUPT-11)
        it.send(m.cut(second, second, [[second, 480]]))
        await it.fence()
        it.none("event interrupt_confirmed")
    for _ in range(3):
        it.confirm(first, second)
    await it.fence()
    told = [(entry.fields or {})["last"] for entry in it.seen("event interrupt_confirmed")]
    once = sorted(set(told)) == told and set(told) <= {first, second}
    it.check(once, f"each told once at the most, up to {second}", f"{told}")


# -- a resume, and what was under way --------------------------------------------------------------------------


async def asked_for_all_again(it: SenderPlay) -> int:
    """Bring a sender to where it sent all of a segment, nothing was reported, and a resume asks for all of it again.

    The segment has 24,000 samples; gives its id.
    """
    it.auto -= {"progress", "nack", "cut"}
    await it.open()
    total = 24_000
    segment = await it.say(m.pcm(total))
    for _ in range(round(PATIENCE * it.patience / 0.02)):  # it sends no more than a little ahead of what is reported
        await asyncio.sleep(0.02)
        it.send(m.progress(segment, 0, 0, highest=it.received[segment].highest), channel=Channel.CONTROL)
        if it.received[segment].highest == total:
            break
    await it.expect("segment_end", segment=segment, total=total, requirement="LW-SEGMENT-5")
    await it.fence()
    it.drop()
    await it.connect()
    await it.go_on(state=[it.taken, [[segment, 0, 0, None]]])
    return segment


@case(
    "sender.resume.result_of_the_first_sending",
    "LW-STREAM-6",
    why="what was sent before the loss may have been heard to its end long before it has been sent again",
    features=("resume", "repair"),
)
async def _(it: SenderPlay) -> None:
    segment = await asked_for_all_again(it)
    it.end_stream(segment, 24_000)
    await it.goes_on()
    await it.ends(segment, 24_000, interrupted=False, requirement="LW-STREAM-6")


@case(
    "sender.resume.cut_of_the_first_sending",
    "LW-INTERRUPT-12",
    why="what was sent before the loss may have been handed out, when it is cut before it has been sent again",
    features=("resume", "repair"),
)
async def _(it: SenderPlay) -> None:
    segment = await asked_for_all_again(it)
    await it.do("interrupt", segment=None)
    found = (await it.expect("interrupt", requirement="LW-INTERRUPT-2")).message
    it.send(m.cut(found.first, found.last, [[segment, 24_000]]))
    await it.goes_on()
    it.end_stream(segment, 12_000, interrupted=True, cause=1)
    await it.ends(segment, 12_000, interrupted=True, requirement="LW-INTERRUPT-12")


@case(
    "sender.resume.nack_of_the_first_sending",
    "LW-REPAIR-4",
    why="a receiver may ask for what is missing before it has been sent again",
    features=("resume", "repair"),
)
async def _(it: SenderPlay) -> None:
    segment = await asked_for_all_again(it)
    it.send(m.nack(segment, [0, 24_000]), channel=Channel.CONTROL)
    await it.goes_on()


@case(
    "sender.resume.cut_through_goes_on",
    "LW-AUDIO-2",
    why="what is over stays over, on whatever transport",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    first = await it.whole()
    second = await it.open_segment()
    await it.write(second, m.pcm(960, 2))
    await it.arrives(second, 960)
    it.end_stream(first, 960)
    await it.ends(first, 960, interrupted=False)
    await it.fence()
    it.drop()
    since = len(it.trace)
    await it.reopen()
    await it.write(second, m.pcm(960, 3))
    await it.arrives(second, 1_920)
    chunks = it.seen("audio", segment=second, since=since)
    for chunk in chunks:
        through = chunk.message.cut_through
        it.check(first <= through < second, f"cut_through from {first} to {second - 1}", f"{through}")


@case(
    "sender.resume.message_limit_anew",
    "LW-BINDING-4",
    why="each welcome says anew what the receiver takes",
    features=("custom", "resume"),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    await it.fence()
    it.drop()
    await it.reopen(limits={**it.limits, "message": 4_096})
    await it.fence()
    since = len(it.trace)
    await it.attempt("custom", content={"com.example.x": "x" * 5_000})  # it may refuse that, or drop it
    await it.do("custom", content={"com.example.x": "small"})
    await it.expect("custom", content={"com.example.x": "small"})
    segment = await it.whole(9_600)
    await it.goes_on()
    most = max(len(e.data) for e in it.trace[since:] if e.kind == "message" and e.by is it.role)
    it.check(most <= 4_096, "no message of more than 4,096 bytes", f"one of {most}")
    it.end_stream(segment, 9_600)
    await it.ends(segment, 9_600, interrupted=False)


@case(
    "sender.resume.silence_after_it",
    "LW-LIVE-3",
    "LW-LIVE-2",
    why="a receiver may be gone for good right behind the welcome that resumed",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"keepalive": 200})
    await it.whole()
    await it.fence()
    it.drop()
    it.auto.discard("pong")
    since = len(it.trace)
    await it.reopen()
    await it.expect("ping", since=since, requirement="LW-LIVE-2")
    await it.transport_ends()


@case(
    "sender.resume.counts_what_it_took",
    "LW-RESUME-2",
    "LW-CONTROL-2",
    why="what is held because something before it is missing has not been taken, and comes again",
    features=("custom", "resume"),
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    it.send_exactly(m.numbered(2, 0, m.custom({"com.example.number": 2})))
    await it.fence()
    it.drop()
    await it.reopen()
    counted: Any = it.hello.resume[1]
    it.check(counted == 0, "0 numbered messages taken", f"{counted}")
    for number in (1, 2):
        it.send_exactly(m.numbered(number, 0, m.custom({"com.example.number": number})))
    await it.fence()
    told = [(entry.fields or {})["content"]["com.example.number"] for entry in it.seen("event custom")]
    it.check(told == [1, 2], "both are told, each once", f"{told}", "LW-CONTROL-2")


# -- the time for a report -------------------------------------------------------------------------------------


@case(
    "sender.playback.no_report_of_one_that_waits_for_room",
    "LW-STREAM-7",
    "LW-SEGMENT-4",
    why="all that the receiver has room for was cut and never ends: what waits for room ends all the same",
    options={"limits": {"grace": 400}},
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0, "segments": 4})
    said = []
    for seed in range(4):
        said.append(await it.open_segment())
        with suppress(Refused):  # on a slow machine its time is over by then
            await it.write(said[-1], m.pcm(480, seed))
            await it.do("end", segment=said[-1])
        await it.expect("segment_start", segment=said[-1])
    await it.do("interrupt", segment=None)
    await it.expect("interrupt", requirement="LW-INTERRUPT-2")
    with suppress(Refused):  # or it takes none that it has no room for
        said.append(await it.open_segment())
        await it.write(said[-1], m.pcm(480, 5))
        await it.do("end", segment=said[-1])
    for segment in said[:4]:
        await it.told("stream_ended", segment=segment)
    for segment in said[4:]:
        await it.ends(segment, 0, interrupted=True, exact=None)
        it.none("segment_start", segment=segment, requirement="LW-SEGMENT-4")
    await it.fence()
    it.check_results(*said)


def _anew_case(position: str, moved: tuple[int, int, int]) -> None:
    @case(
        f"sender.playback.time_starts_anew_with_{position}",
        "LW-STREAM-7",
        why=f"the receiver goes on, as its {position} position shows, and is given time",
        options={"limits": {"grace": 1_000}},
    )
    async def _(it: SenderPlay) -> None:
        it.auto.discard("progress")
        await it.open(limits={"cooldown": 0})
        for seed in range(5):
            began = it.now()
            segment = await it.say(m.pcm(480, seed))
            await it.arrives(segment, 480)
            it.send(m.progress(segment, 240, 120, 60), channel=Channel.CONTROL)
            await asyncio.sleep(0.5)
            at = it.now()
            it.send(m.progress(segment, *moved), channel=Channel.CONTROL)
            await it.fence()
            if it.now() - began < 1.0:
                break
            it.end_stream(segment, 60, cause=2)
            await it.told("stream_ended", segment=segment)
        else:
            raise HarnessError("this machine is too slow to report something within 1 s")
        await it.told("stream_ended", segment=segment)
        waited = it.now() - at
        it.check(waited >= 1.0, f"1 s of grace after {position} has moved", f"{waited:.3f} s")


_anew_case("received", (480, 120, 60))
_anew_case("consumed", (240, 240, 60))


@case(
    "sender.playback.no_report_of_a_long_cut_one",
    "LW-STREAM-7",
    why="of a cut segment nothing is left to play, however long it was",
    options={"limits": {"grace": 100}},
    transports=("websocket",),
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0, "window": 1_440_000})
    segment = await it.open_segment()
    for seed in range(3):
        await it.write(segment, m.pcm(160_000, seed))
    await it.do("end", segment=segment)
    await it.arrives(segment, 480)
    for _ in range(100):  # all of it, or, of a sender that keeps to real time, what comes in 5 s
        if it.received[segment].contiguous >= 480_000:
            break
        await asyncio.sleep(0.05)
    await it.do("interrupt", segment=None)
    await it.expect("interrupt", requirement="LW-INTERRUPT-2")
    said = await it.told("stream_ended", segment=segment)
    it.check(said["interrupted"], "interrupted, without waiting for the 20 s that it takes to play", f"{said}")


@case(
    "sender.pause.holds_the_time",
    "LW-STREAM-7",
    why="a pause holds the time for a report and does not begin it anew, or a restless user keeps a segment for ever",
    features=("pause",),
    options={"limits": {"grace": 600}},
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 0})
    segment = await it.whole()
    await it.fence()
    until = it.now() + PATIENCE * it.patience
    while not it.seen("event stream_ended", segment=segment) and it.now() < until:
        for command in ("pause", "unpause"):
            await it.do(command)
            await it.do("fence")
        await asyncio.sleep(0.2)
    it.require(bool(it.seen("event stream_ended", segment=segment)), "its end, though it is paused again and again",
               it.lately())  # fmt: skip
    await it.ends(segment, 0, interrupted=True, exact=False)
