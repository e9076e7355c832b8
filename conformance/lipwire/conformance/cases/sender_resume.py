"""How a sender keeps a session whose transport is lost, and goes on with it on a new one (SPEC §15)."""

import asyncio
from itertools import pairwise
from typing import Any, Final

from lipwire.protocol.errors import CloseCode

from .. import messages as m
from ..case import case
from ..sender_play import FLOOR, SenderPlay

RESUME: Final = ("resume",)


# -- the hello that resumes ------------------------------------------------------------------------------------


@case(
    "sender.resume.goes_on",
    "LW-RESUME-1",
    "LW-RESUME-2",
    "LW-RESUME-9",
    "LW-STREAM-7",
    why="in the middle of a sentence the network is gone, and comes back: the agent speaks on, and nothing is lost",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    first: Any = (await it.open()).message
    segment = await it.open_segment()
    await it.write(segment, m.pcm(4_800))
    await it.arrives(segment, 4_800)
    it.drop()
    second: Any = (await it.reopen()).message
    for name in ("session", "formats"):
        before, now = getattr(first, name), getattr(second, name)
        it.check(now == before, f"the same {name}", m.shown(now), "LW-RESUME-2")
    grown = second.generation > first.generation
    it.check(grown, f"a generation above {first.generation}", f"{second.generation}", "LW-RESUME-2")
    await it.told("opened", where=lambda told: told["resumed"], requirement="LW-RESUME-1")
    await it.write(segment, m.pcm(4_800, 2))
    await it.do("end", segment=segment)
    await it.arrives(segment, 9_600, "LW-RESUME-9")
    await it.expect("segment_end", segment=segment, total=9_600, requirement="LW-SEGMENT-5")
    it.none("event stream_ended", requirement="LW-RESUME-1")
    it.end_stream(segment, 9_600)
    await it.ends(segment, 9_600, interrupted=False)
    it.check_results(segment)
    it.none("event closed")


@case(
    "sender.resume.its_credential",
    "LW-RESUME-2",
    why="a secret is used once: each welcome brings the next, and the counts of both sides go with it",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    generations = [it.hello.generation]
    for turn in range(3):
        segment = await it.whole(480, turn)
        it.send(m.stream_started(segment))
        it.end_stream(segment, 480)
        await it.ends(segment, 480, interrupted=False)
        await it.fence()
        secret = it.secret
        it.drop()
        await it.reopen()
        resume = it.hello.resume
        it.require(resume is not None, "a hello that resumes", "its field is nil")
        it.check(resume[0] == secret, "the newest secret", "another")
        it.check(resume[1] == it.numbers, f"{it.numbers} numbered messages taken", f"{resume[1]}")
        generations.append(it.hello.generation)
    rising = all(one < other for one, other in pairwise(generations))
    it.check(rising, "a greater generation each time", f"{generations}")


@case(
    "sender.resume.welcome_is_lost",
    "LW-RESUME-2",
    "LW-RESUME-1",
    why="the new transport may break before, or with, the welcome: the sender has one secret of two, and tries again",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.whole()
    await it.fence()
    secrets, generation = [it.secret], it.hello.generation
    for step in ("before the welcome", "with the welcome", "in peace"):
        it.drop()
        await it.connect()
        await it.take_hello()
        resume = it.hello.resume
        it.require(resume is not None, "a hello that resumes", "its field is nil")
        it.check(resume[0] in secrets, "the newest secret that it can have received", "another")
        it.check(it.hello.generation > generation, f"a generation above {generation}", f"{it.hello.generation}")
        generation = it.hello.generation
        it.step(f"the transport ends {step}")
        if step != "before the welcome":
            it.welcome(state=[it.taken, [[segment, 960, 960, None]]], limits=it.limits)
            secrets.append(it.secret)
    await it.fence()
    it.drop()
    await it.reopen(limits=it.limits)
    it.check(it.hello.resume[0] == secrets[-1], "the newest secret, now that it has it", "another")
    it.end_stream(segment, 960)
    await it.ends(segment, 960, interrupted=False, requirement="LW-RESUME-1")


@case(
    "sender.resume.its_own_loss",
    "LW-RESUME-2",
    "LW-RESUME-1",
    why="the sender's network is gone: it is the first to know, and the receiver may still take the session as alive",
    features=RESUME,
    needs=("drop",),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.whole()
    await it.fence()
    secret = it.secret
    await it.do("drop")
    await it.reopen()
    resume = it.hello.resume
    it.require(resume is not None and resume[0] == secret, "a hello that resumes, with the newest secret", f"{resume}")
    it.end_stream(segment, 960)
    await it.ends(segment, 960, interrupted=False, requirement="LW-RESUME-1")


# -- what comes again ------------------------------------------------------------------------------------------


@case(
    "sender.resume.samples_again",
    "LW-RESUME-9",
    why="what was on its way is lost with the transport: from the state the sender learns where to go on",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"progress", "nack"}
    await it.open()
    segment = await it.say(m.pcm(2_400))
    await it.arrives(segment, 2_400)
    await it.expect("segment_end", segment=segment, requirement="LW-SEGMENT-5")
    await it.fence()
    it.drop()
    it.step("samples from 701 on are lost")
    it.lose(segment, 701)
    it.auto |= {"progress", "nack"}
    await it.reopen()
    await it.arrives(segment, 2_400, "LW-RESUME-9")
    it.end_stream(segment, 2_400)
    await it.ends(segment, 2_400, interrupted=False)


@case(
    "sender.resume.of_several_segments",
    "LW-RESUME-9",
    "LW-RESUME-8",
    why="several are on their way at once, each as far as it is; one has not begun to arrive",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"progress", "nack", "acknowledge"}
    await it.open()
    said = [await it.whole(960, seed) for seed in range(3)]
    fourth = await it.open_segment()
    await it.write(fourth, m.pcm(480, 4))
    await it.arrives(fourth, 480)
    await it.fence()
    it.drop()
    it.step("the receiver has all of the first, the half of the second, and has not heard of the others")
    it.lose(said[1], 480)
    for segment in (said[2], fourth):
        it.lose(segment)
        it.live.remove(segment)
    it.taken = 4
    since = len(it.trace)
    it.auto |= {"progress", "nack", "acknowledge"}
    await it.reopen()
    for segment in said:
        await it.arrives(segment, 960, "LW-RESUME-9")
    await it.arrives(fourth, 480, "LW-RESUME-9")
    await it.write(fourth, m.pcm(480, 5))
    await it.arrives(fourth, 960, "LW-RESUME-9")
    starts = [e.message.segment for e in it.seen("segment_start", since=since)]
    wanted = [said[2], fourth]
    it.check(starts == wanted, f"the starts of {wanted} again", f"{starts}", "LW-RESUME-8")
    first = it.seen("audio", segment=said[0], since=since)
    it.check(not first, f"nothing again of {said[0]}, which has arrived", f"{len(first)} messages", "LW-RESUME-9")


@case(
    "sender.resume.credit_from_the_state",
    "LW-RESUME-9",
    "LW-CREDIT-1",
    why="the reports that gave credit were lost: the state gives it",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"consume"}
    await it.open(limits={"window": FLOOR})
    segment = await it.say(m.pcm(3 * FLOOR))
    await it.arrives(segment, FLOOR)
    await it.settle()
    it.check_credit()
    it.drop()
    it.consumed[segment] = FLOOR
    await it.reopen()
    await it.arrives(segment, 2 * FLOOR, "LW-RESUME-9")
    await it.settle()
    it.check_credit()
    it.auto.add("consume")
    it.report(segment)
    await it.arrives(segment, 3 * FLOOR)
    it.check_credit()


@case(
    "sender.resume.played_from_the_state",
    "LW-RESUME-9",
    "LW-STREAM-8",
    why="how far it was heard while the transport was lost stands in the state too",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.whole()
    it.report(segment, 960, 240)
    await it.fence()
    it.drop()
    await it.reopen(state=[it.taken, [[segment, 960, 960, 700]]])
    await it.fence()
    it.end_stream(segment, None, cause=2)
    said = await it.ends(segment, 700, interrupted=False, exact=False)
    it.check(said["position"] == 700, "the position of the state, 700", f"{said}", "LW-RESUME-9")


@case(
    "sender.resume.numbered_again",
    "LW-RESUME-8",
    "LW-CONTROL-4",
    why="what was not taken comes again, under its number, before anything newer",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("acknowledge")
    await it.open()
    for seed in range(3):
        await it.whole(480, seed)
    await it.fence()
    kept = {e.number: e.message for e in it.trace if e.by is it.role and e.number is not None}
    it.require(sorted(kept) == [1, 2, 3, 4, 5, 6], "six numbered messages", f"{sorted(kept)}", "LW-CONTROL-4")
    it.drop()
    it.taken = 2
    since = len(it.trace)
    it.live = it.live[:1]
    fourth = await it.say(m.pcm(480, 4))
    await it.reopen()
    await it.expect("segment_end", segment=fourth)
    await it.fence()
    again = [e for e in it.trace[since:] if e.by is it.role and e.number is not None]
    numbers = list(dict.fromkeys(e.number for e in again))
    it.require(numbers == [3, 4, 5, 6, 7, 8], "numbers 3 to 6, in order, and then 7 and 8", f"{numbers}")
    same = all(e.message == kept[e.number] for e in again if e.number in kept)
    it.check(same, "the same messages as before", f"{[e.message for e in again]}", "LW-CONTROL-4")
    if it.kind == "websocket":
        samples = it.seen("audio", since=since)
        last = next(e.index for e in again if e.number == 6)
        early = [e for e in samples if e.index < last]
        it.check(not early, "all of that before any samples", f"{len(early)} chunks came before")


@case(
    "sender.resume.nothing_again",
    "LW-RESUME-8",
    "LW-RESUME-9",
    why="what the state says to have arrived is not sent again",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.whole()
    await it.fence()
    it.drop()
    since = len(it.trace)
    await it.reopen()
    await it.settle()
    it.none("segment_start", since=since)
    it.none("segment_end", since=since)
    it.none("audio", since=since, requirement="LW-RESUME-9")
    it.end_stream(segment, 960)
    await it.ends(segment, 960, interrupted=False)


@case(
    "sender.resume.result_while_lost",
    "LW-RESUME-8",
    "LW-CONTROL-2",
    "LW-STREAM-7",
    why="the stream ended while the transport was lost: the state does not name the segment, and its end comes after",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    first, second = await it.whole(), await it.whole(480, 2)
    it.send(m.stream_started(first))
    await it.fence()
    it.drop()
    for segment, position in ((first, 960), (second, 300)):
        it.live.remove(segment)
        it.numbers += 1
        cause = 0 if segment == first else 2
        it.unacknowledged[it.numbers] = m.stream_ended(segment, position, False, cause)
    await it.reopen()
    await it.ends(first, 960, interrupted=False, requirement="LW-RESUME-8")
    await it.ends(second, 300, interrupted=False, requirement="LW-RESUME-8")
    it.step("all that the sender has taken comes once more")
    it.send_exactly(m.numbered(1, 0, m.stream_started(first)))
    it.send_exactly(m.numbered(2, 0, m.stream_ended(first, 240, True, 1)))
    await it.goes_on("LW-CONTROL-2")
    it.once("event stream_started", requirement="LW-CONTROL-2")
    it.check_results(first, second)


@case(
    "sender.resume.said_while_lost",
    "LW-RESUME-1",
    "LW-RESUME-8",
    why="the agent goes on speaking, network or not: all of it is sent when there is one",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    first = await it.open_segment()
    await it.write(first, m.pcm(480))
    await it.arrives(first, 480)
    await it.fence()
    it.drop()
    await it.write(first, m.pcm(480, 2))
    await it.do("end", segment=first)
    second = await it.say(m.pcm(960, 3))
    await it.reopen()
    await it.arrives(first, 960)
    await it.expect("segment_end", segment=first, total=960, requirement="LW-RESUME-8")
    await it.arrives(second, 960)
    await it.expect("segment_end", segment=second, total=960, requirement="LW-RESUME-8")
    it.none("event stream_ended")


@case(
    "sender.resume.interrupted_while_lost",
    "LW-INTERRUPT-10",
    "LW-INTERRUPT-1",
    "LW-INTERRUPT-8",
    why="the user breaks in while there is no network: what was cut is not sent again, and is cut first of all",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("progress")  # what is reported can not be lost again (LW-RESUME-10)
    await it.open()
    first = await it.open_segment()
    await it.write(first, m.pcm(960))
    await it.arrives(first, 960)
    await it.fence()
    it.drop()
    await it.do("interrupt", segment=None)
    second = await it.say(m.pcm(960, 2))
    it.lose(first, 480)
    since = len(it.trace)
    await it.reopen()
    found = await it.expect("interrupt")
    named = found.message
    it.check(named.first <= first <= named.last < second, f"it names {first}, and not {second}", f"{named}")
    await it.arrives(second, 960)
    await it.fence()
    for name in ("audio", "segment_end"):
        it.none(name, segment=first, since=since, requirement="LW-INTERRUPT-1")
    early = [e.name for e in it.trace[since : found.index] if e.by is it.role and e.name in ("segment_start", "audio")]
    it.check(not early, "nothing new before it", f"{early}")
    it.none("event stream_ended", segment=first, requirement="LW-INTERRUPT-8")
    it.end_stream(first, 333, interrupted=True, cause=1)
    await it.ends(first, 333, interrupted=True, requirement="LW-INTERRUPT-8")


# -- the older transport ---------------------------------------------------------------------------------------


@case(
    "sender.resume.the_older_transport",
    "LW-RESUME-11",
    why="a transport that has gone silent is given up, and may yet come to life: what comes on it then is of the past",
    features=RESUME,
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"keepalive": 300})
    segment = await it.whole()
    await it.fence()
    older = it.transport
    it.step("the kit says nothing more, until the sender connects anew")
    it.auto.discard("pong")
    await it.connect()
    it.auto.add("pong")
    await it.take_hello()
    it.welcome(state=[it.taken, [[segment, 960, 960, None]]])
    await it.fence()
    it.step("now it speaks on the older transport, if that is still there")
    for message in (m.stream_ended(segment, 1, True, 2), [32], m.close(CloseCode.NORMAL)):
        it.send_on(older, message)
    await it.goes_on()
    it.end_stream(segment, 960)
    await it.ends(segment, 960, interrupted=False, requirement="LW-RESUME-11")
    it.none("event closed")


# -- the end of waiting ----------------------------------------------------------------------------------------


@case(
    "sender.resume.time_over",
    "LW-RESUME-1",
    "LW-CLOSE-4",
    "LW-STREAM-8",
    why="a receiver that does not come back is not waited for for ever; nor is it given up too soon",
    features=RESUME,
    options={"limits": {"grace": 60_000}},
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"resume": 400})
    first, second = await it.whole(), await it.whole(960, 2)
    it.report(first, 960, 480)
    await it.fence()
    it.drop()
    lost = it.now()
    closed = await it.expect("event closed")
    fields = closed.fields or {}
    it.check(fields["code"] == CloseCode.PEER_GONE, "peer_gone", f"{fields}")
    it.check(closed.at - lost >= 0.395, "not before 400 ms", f"after {closed.at - lost:.3f} s")
    await it.ends(first, 480, interrupted=True, exact=False, requirement="LW-CLOSE-4")
    await it.ends(second, 0, interrupted=True, exact=False, requirement="LW-CLOSE-4")
    inexact = [(e.fields or {})["exact"] is False for e in it.seen("event stream_ended")]
    it.check(all(inexact), "lower bounds, both", f"{inexact}", "LW-STREAM-8")


@case(
    "sender.resume.time_begins_anew",
    "LW-RESUME-1",
    why="a resume in time ends the waiting, and the next loss begins another",
    features=RESUME,
    transports=("websocket",),
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"resume": 3_000})
    segment = await it.whole()
    await it.fence()
    it.drop()
    await it.reopen()
    await it.goes_on()
    await asyncio.sleep(3.1)  # the first waiting would be over
    await it.goes_on()
    it.drop()
    await it.reopen()
    await it.goes_on()
    it.none("event closed")
    it.end_stream(segment, 960)
    await it.ends(segment, 960, interrupted=False)


@case(
    "sender.resume.time_of_zero",
    "LW-RESUME-12",
    "LW-CLOSE-4",
    why="a receiver that chooses resume for its numbers alone keeps no session: it is over with its transport",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"resume": 0})
    segment = await it.whole()
    await it.fence()
    session = it.session
    it.drop()
    closed = await it.told("closed")
    it.check(closed["code"] == CloseCode.PEER_GONE, "peer_gone", f"{closed}")
    await it.ends(segment, 0, interrupted=True, exact=False, requirement="LW-CLOSE-4")
    if await it.comes(0.5):  # it may open a session anew, which is another
        await it.take_hello()
        it.check(it.session != session, "another session", "the same")
