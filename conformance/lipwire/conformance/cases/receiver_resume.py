"""How a receiver keeps a session whose transport is lost, and goes on with it on a new one (SPEC §15)."""

import asyncio
from typing import Any, Final

from lipwire.protocol.errors import CloseCode

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay

RESUME: Final = ("resume",)
LASTS: Final = {"limits": {"resume": 60_000}}
WHILE_HELD: Final = {**LASTS, "reading": False}


# -- going on --------------------------------------------------------------------------------------------------


@case(
    "receiver.resume.goes_on",
    "LW-RESUME-1",
    "LW-RESUME-7",
    "LW-SEGMENT-6",
    why="in the middle of a sentence the network is gone, and comes back: no sample is lost, and none comes twice",
    features=RESUME,
    options=LASTS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(4_800)
    it.say(1, pcm[:4_800], end=False)
    await it.heard(1, pcm[:4_800])
    it.drop()
    welcome: Any = (await it.resume()).message
    rows = [list(row) for row in welcome.state[1]]
    it.require(rows[:1] == [[1, 2_400, 2_400, None]], "state: segment 1 at 2,400, 2,400, nil", f"{rows}", "LW-RESUME-7")
    it.send_audio(1, pcm[4_800:], position=2_400)
    it.send(m.segment_end(1, 4_800))
    await it.heard(1, pcm[4_800:], start=2_400)
    await it.told("segment_end", segment=1, total=4_800)
    await it.whole(2)
    await it.finish(1, 4_800)
    await it.ended(1, 4_800)
    await it.fence()
    it.handed_whole(1, 2)
    it.once("event session", requirement="LW-RESUME-1")


@case(
    "receiver.resume.what_was_in_flight",
    "LW-RESUME-7",
    "LW-AUDIO-6",
    "LW-SEGMENT-6",
    why="the sender sends again what it does not know to have arrived, and some of that has",
    features=RESUME,
    options=LASTS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(9_600)
    it.say(1, pcm, end=False)
    it.send(m.segment_end(1, 9_600))
    it.drop()  # nobody knows how much of that went through
    welcome: Any = (await it.resume()).message
    received = next((row[1] for row in welcome.state[1] if row[0] == 1), 0)
    it.check(0 <= received <= 9_600, "received from 0 to 9,600", f"{received}")
    again = max(0, received - 480)
    it.send_audio(1, pcm[again * 2 :], position=again)
    await it.heard(1, pcm, requirement="LW-AUDIO-6")
    await it.told("segment_end", segment=1, total=9_600)
    await it.fence()
    it.handed_whole(1)


@case(
    "receiver.resume.twice",
    "LW-RESUME-1",
    why="a bad network is lost again and again, and a generation may be left out on the way",
    features=RESUME,
    options=LASTS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for turn in range(3):
        await it.whole(turn + 1)
        it.drop()
        await it.resume(generation=it.generation + 1 + 5 * turn)
    await it.whole(4)
    await it.fence()
    it.handed_whole(1, 2, 3, 4, requirement="LW-RESUME-1")
    it.once("event session", requirement="LW-RESUME-1")


@case(
    "receiver.resume.hands_out_while_lost",
    "LW-RESUME-1",
    why="what has arrived is heard, network or not",
    features=RESUME,
    needs=("hold",),
    options=WHILE_HELD,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(4_800)
    it.say(1, pcm)
    await it.reported(1, received=4_800)
    it.drop()
    await asyncio.sleep(0.05)  # it sees that
    await it.do("release")
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1, total=4_800)
    welcome: Any = (await it.resume()).message
    rows = [list(row) for row in welcome.state[1]]
    it.check(rows == [[1, 4_800, 4_800, None]], "state: segment 1 at 4,800, 4,800, nil", f"{rows}")


@case(
    "receiver.resume.state",
    "LW-RESUME-7",
    why="from the state the sender learns what it missed: of each live segment how far it came, and of no other",
    features=RESUME,
    needs=("hold",),
    options=LASTS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.finish(1, 480)
    await it.ended(1, 480)
    await it.part(2)
    await it.do("played", segment=2, position=240)
    it.say(3, m.pcm(960, 3))
    it.send(m.segment_start(4), m.segment_end(4, 0))
    await it.reported(3, received=960)
    await it.fence()
    numbers = it.numbers
    it.drop()
    welcome: Any = (await it.resume(again=False)).message
    taken, rows = welcome.state
    it.check(taken == numbers, f"{numbers} numbered messages taken", f"{taken}")
    wanted = [[2, 4_800, 480, 240], [3, 960, 0, None], [4, 0, 0, None]]
    have = sorted(list(row) for row in rows)
    it.check(have == wanted, f"{wanted}", f"{have}")


@case(
    "receiver.resume.state_of_cut",
    "LW-RESUME-7",
    "LW-STREAM-2",
    why="a segment that was cut is live until its end is reported: the sender still waits for it",
    features=RESUME,
    needs=("hold",),
    options=LASTS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.part(1)
    await it.cut(1)
    await it.fence()
    it.drop()
    welcome: Any = (await it.resume()).message
    rows = [list(row) for row in welcome.state[1]]
    it.check([(row[0], row[2]) for row in rows] == [(1, 480)], "segment 1, consumed 480", f"{rows}")
    await it.do("release")
    await it.finish(1, 240, interrupted=True)
    await it.ended(1, 240, interrupted=True, cause=1, requirement="LW-STREAM-2")
    await it.fence()
    it.once("stream_ended", segment=1, requirement="LW-STREAM-2")


@case(
    "receiver.resume.same_choice",
    "LW-RESUME-7",
    why="the session goes on as it was agreed, whatever else the hello now prefers",
    features=("resume", "pause"),
    needs=("rates",),
    options={**LASTS, "formats": [["s16le", 24_000, 1], ["s16le", 48_000, 1]]},
)
async def _(it: ReceiverPlay) -> None:
    first: Any = (await it.open(features=[one for one in it.offered() if one != "pause"])).message
    await it.goes_on()
    it.drop()
    formats = [["s16le", 48_000, 1], ["s16le", 24_000, 1]]
    second: Any = (await it.resume(formats=formats)).message
    for name in ("version", "format", "session"):
        before, after = getattr(first, name), getattr(second, name)
        it.check(after == before, f"{name} {before!r}", f"{after!r}")
    before, after = set(first.features), set(second.features)
    it.check(after == before, f"features {sorted(before)}", f"{sorted(after)}")
    it.check(second.state is not None, "a state", "nil")
    it.check(second.generation == it.generation, f"generation {it.generation}", f"{second.generation}")


# -- what was numbered -----------------------------------------------------------------------------------------


@case(
    "receiver.resume.sends_again",
    "LW-RESUME-8",
    "LW-CONTROL-4",
    "LW-STREAM-2",
    why="ends that were lost on the way come again, under their numbers, before anything newer",
    features=RESUME,
    options=LASTS,
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("acknowledge")
    await it.open()
    for segment in (1, 2, 3, 4):
        await it.whole(segment)
    for segment in (1, 2, 3):
        await it.finish(segment, 480)
        await it.ended(segment, 480)
    it.step("the first of the three ends has come, the transport is lost, and a fourth follows meanwhile")
    it.drop()
    it.taken = 1
    await it.finish(4, 480)
    at = len(it.trace)
    await it.resume()
    await it.expect("stream_ended", since=at, segment=4)
    await it.fence()
    ends = [(e.number, e.message.segment) for e in it.seen("stream_ended", since=at)]
    it.check(ends == [(2, 2), (3, 3), (4, 4)], "numbers 2, 3 and 4, in order, and not 1", f"{ends}")
    it.check(len(it.seen("stream_ended", segment=1)) == 1, "the end of segment 1 once", "", "LW-STREAM-2")
    kept = [it.seen("stream_ended", segment=segment) for segment in (2, 3)]
    same = all(one[0].message == one[1].message for one in kept)
    it.check(same, "the same messages as before", f"{kept}", "LW-CONTROL-4")


@case(
    "receiver.resume.nothing_to_send_again",
    "LW-RESUME-8",
    "LW-CONTROL-2",
    why="what the hello counts as taken is not sent again, and what welcome counts is not taken again",
    features=RESUME,
    options=LASTS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.finish(1, 480)
    await it.ended(1, 480)
    numbers = it.numbers
    await it.fence()
    it.drop()
    at = len(it.trace)
    await it.resume(again=False)
    it.step("the sender sends its messages again all the same")
    it.send_exactly(m.numbered(1, it.taken, m.segment_start(1)))
    it.send_exactly(m.numbered(2, it.taken, m.segment_end(1, 480)))
    await it.fence()
    it.none("stream_ended", since=at)
    it.numbers = numbers
    await it.whole(2)
    await it.fence()
    it.handed_whole(1, 2, requirement="LW-CONTROL-2")


@case(
    "receiver.resume.takes_what_is_sent_again",
    "LW-CONTROL-2",
    "LW-CONTROL-4",
    "LW-AUDIO-8",
    why="the sender's numbered messages come before its audio: an end ahead of the samples is no contradiction now",
    features=RESUME,
    options=LASTS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(960)
    it.send(m.segment_start(1))
    it.send_audio(1, pcm[:960])
    await it.heard(1, pcm[:960], requirement="LW-AUDIO-8")
    it.drop()
    it.step("what the sender said since was lost")
    for message in (m.segment_end(1, 960), m.segment_start(2), m.segment_end(2, 480)):
        it.numbers += 1
        it.unacknowledged[it.numbers] = message
    await it.resume()
    it.send_audio(1, pcm[960:], position=480)
    it.send_audio(2, m.pcm(480, 2))
    await it.heard(1, pcm[960:], start=480, requirement="LW-AUDIO-8")
    await it.heard(2, m.pcm(480, 2), requirement="LW-AUDIO-8")
    await it.told("segment_end", segment=2, total=480)
    await it.until(lambda: not it.unacknowledged, "all of them acknowledged", "LW-CONTROL-4")
    it.handed_whole(1, 2, requirement="LW-CONTROL-2")


@case(
    "receiver.resume.interrupt_before_all_else",
    "LW-RESUME-1",
    "LW-INTERRUPT-4",
    "LW-INTERRUPT-3",
    why="the user broke in while the transport was lost: what waits at the receiver is not heard any more",
    features=RESUME,
    needs=("hold",),
    options=LASTS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.part(1)
    at = await it.fence()
    it.drop()
    await it.resume()
    it.send(m.interrupt(1), bare=True)
    await it.expect("cut", first=1, last=1, requirement="LW-INTERRUPT-4")
    await it.do("release")
    await it.finish(1, 480, interrupted=True)
    await it.ended(1, 480, interrupted=True, cause=1)
    await it.whole(2)
    it.none("event audio", since=at, segment=1, requirement="LW-INTERRUPT-3")


# -- one in the place of another -------------------------------------------------------------------------------


@case(
    "receiver.resume.supersedes",
    "LW-RESUME-5",
    "LW-RESUME-11",
    why="the sender sees its transport break first: the receiver still takes it as alive when the next one comes",
    features=RESUME,
    options=LASTS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(1_440)
    it.send(m.segment_start(1))
    it.send_audio(1, pcm[:960])
    await it.heard(1, pcm[:960])
    newer = await it.again()
    await newer.resume(again=False)
    await it.closes("superseded")
    it.step("what still comes on the old one is dropped, right or wrong")
    it.send_exactly(m.audio(1, 480, m.pcm(480, 9)))
    it.send_exactly(b"\xc1")
    it.send_exactly(m.interrupt(1))
    it.send_exactly(m.close(CloseCode.NORMAL))
    await it.transport_ends(requirement="LW-RESUME-5", level="SHOULD")
    await newer.goes_on("LW-RESUME-11")
    newer.send_audio(1, pcm[960:], position=480)
    newer.send(m.segment_end(1, 1_440))
    await newer.heard(1, pcm[960:], start=480, requirement="LW-RESUME-11")
    await newer.told("segment_end", segment=1, total=1_440)
    await it.finish(1, 1_440)
    await newer.ended(1, 1_440)
    it.none("event interrupted", requirement="LW-RESUME-11")
    it.once("event session")


@case(
    "receiver.resume.old_transport_before_the_close",
    "LW-RESUME-11",
    why="what was on its way on the old transport arrives when the new one is open: the sender sends it again there",
    features=RESUME,
    options=LASTS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(960)
    it.send(m.segment_start(1))
    it.send_audio(1, pcm[:960])
    await it.heard(1, pcm[:960])
    newer = await it.again()
    await newer.connect()
    newer.send_exactly(m.hello(it.session, generation=2, features=it.offered(), resume=[it.secret, it.taken]))
    await newer.expect("welcome", generation=2)
    for message in (m.audio(1, 480, m.pcm(480, 9)), m.interrupt(1, 9), m.pause(), b"\x00", m.close(0)):
        it.send_exactly(message)
    newer.generation, newer.features = 2, it.features
    await newer.goes_on()
    await newer.goes_on()
    newer.send_audio(1, pcm[960:], position=480)
    newer.send(m.segment_end(1, 960))
    await newer.heard(1, pcm[960:], start=480)
    await newer.told("segment_end", segment=1, total=960)
    await newer.goes_on()
    it.none("event interrupted")
    newer.none("close")


# -- the end of waiting ----------------------------------------------------------------------------------------


@case(
    "receiver.resume.time_over",
    "LW-RESUME-1",
    "LW-RESUME-4",
    "LW-CLOSE-3",
    why="a sender that does not come back is not waited for for ever; nor is it given up too soon",
    features=RESUME,
    options={"limits": {"resume": 300}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.check(it.limits.get("resume") == 300, "resume 300 ms in welcome", f"{it.limits}")
    await it.whole(1)
    it.drop()
    lost = it.now()
    closed = await it.expect("event closed")
    fields = closed.fields or {}
    it.check(fields["code"] == CloseCode.PEER_GONE, "peer_gone", f"{fields}")
    it.check(closed.at - lost >= 0.295, "not before 300 ms", f"after {closed.at - lost:.3f} s")
    told = any(1 in (entry.fields or {})["segments"] for entry in it.seen("event interrupted"))
    it.check(told, "the consumer is told to stop segment 1", "it is not", "LW-CLOSE-3")
    await it.hello_refused("unknown_session", resume=[it.secret, it.taken], requirement="LW-RESUME-4")


@case(
    "receiver.resume.time_begins_anew",
    "LW-RESUME-1",
    why="a resume in time ends the waiting, and the next loss begins another",
    features=RESUME,
    options={"limits": {"resume": 2_000}},
    transports=("websocket",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    it.drop()
    await asyncio.sleep(0.3)
    await it.resume()
    await it.goes_on()
    await asyncio.sleep(2.0)  # the first waiting would be over
    await it.whole(2)
    it.drop()
    await asyncio.sleep(0.3)
    await it.resume()
    await it.goes_on()
    it.none("event closed")
    it.handed_whole(1, 2, requirement="LW-RESUME-1")


WITHOUT: Final[dict[str, tuple[tuple[str, ...], dict[str, Any]]]] = {
    "without_it": ((), {}),
    "time_of_zero": (RESUME, {"limits": {"resume": 0}}),
}

for _name, (_features, _options) in WITHOUT.items():

    @case(
        f"receiver.resume.gone_at_once_{_name}",
        "LW-RESUME-12",
        "LW-CLOSE-3",
        why="where nothing can be resumed the session is over with its transport",
        features=_features,
        options=_options,
    )
    async def _(it: ReceiverPlay) -> None:
        await it.open()
        await it.whole(1)
        it.drop()
        closed = (await it.expect("event closed")).fields or {}
        it.check(closed["code"] == CloseCode.PEER_GONE, "peer_gone", f"{closed}")
        told = any(1 in (entry.fields or {})["segments"] for entry in it.seen("event interrupted"))
        it.check(told, "the consumer is told to stop segment 1", "it is not", "LW-CLOSE-3")
        credential = it.secret or bytes(16)
        await it.hello_refused("unknown_session", resume=[credential, it.taken], generation=2)
        await it.open(session=bytes(range(16)), generation=1)
