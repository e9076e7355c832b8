"""Several sessions with one receiver: none of them uses up what is another's (SPEC §7, §14 to §17)."""

from typing import Final

from lipwire.protocol.errors import CloseCode

from .. import messages as m
from ..case import case
from ..checking import PATIENCE
from ..receiver_play import ReceiverPlay

ONE: Final = {"sessions": 1}
SEVERAL: Final = {"sessions": 3}
"""A receiver may take one at a time; who can take more says so."""


async def _two(it: ReceiverPlay) -> tuple[ReceiverPlay, ReceiverPlay]:
    """Open two sessions."""
    await it.open()
    other = await it.beside()
    await other.open()
    return it, other


@case(
    "receiver.sessions.window_of_each",
    "LW-CREDIT-3",
    why="what one agent has sent takes no room from another",
    needs=("hold", "sessions"),
    options={**SEVERAL, "limits": {"window": 4_800}, "reading": False},
)
async def _(it: ReceiverPlay) -> None:
    for one in await _two(it):
        one.say(1, m.pcm(4_800), end=False)
        await one.reported(1, received=4_800, requirement="LW-CREDIT-3")
        await one.goes_on()
    await it.goes_on()


@case(
    "receiver.sessions.data_of_each",
    "LW-DATA-3",
    why="the bytes of data that may wait are bounded over a session, not over all of them",
    features=("data",),
    needs=("hold", "sessions"),
    options={**SEVERAL, "reading": False},
)
async def _(it: ReceiverPlay) -> None:
    for one in await _two(it):
        one.send(m.segment_start(1))
        for _ in range(40):  # 640,000 bytes
            one.send(m.data(1, 480, m.content(16_000)))
        await one.goes_on()
    await it.goes_on()


@case(
    "receiver.sessions.pings_of_each",
    "LW-LIVE-1",
    why="100 pings a second are answered to each peer, however many peers there are",
    needs=("sessions",),
    options=SEVERAL,
)
async def _(it: ReceiverPlay) -> None:
    three = [*await _two(it), await it.beside()]
    await three[2].open()
    for t1 in range(50):
        for one in three:
            one.send(m.ping(t1))
    for one in three:
        for t1 in range(50):
            await one.expect("pong", t1=t1)


@case(
    "receiver.sessions.numbers_of_each",
    "LW-CONTROL-1",
    why="each session counts its numbered messages from 1",
    features=("resume",),
    needs=("sessions",),
    options=SEVERAL,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    number = 1
    for one in (it, await it.beside()):
        if one is not it:
            await one.open()
        one.send(m.segment_start(1), m.segment_end(1, 0))
        await one.told("segment_end", session=number, segment=1, total=0)
        await one.finish(1, 0)
        ended = await one.ended(1, 0)
        it.check(ended.number == 1, f"the first of session {number} has number 1", f"{ended.number}")
        number += 1


@case(
    "receiver.sessions.segments_of_each",
    "LW-SEGMENT-4",
    why="as many segments as are announced may be live in each session",
    options={**SEVERAL, "limits": {"segments": 4}},
    needs=("sessions",),
)
async def _(it: ReceiverPlay) -> None:
    for one in await _two(it):
        for segment in range(1, one.limits.get("segments", 64) + 1):
            one.send(m.segment_start(segment), m.segment_end(segment, 0))
        await one.goes_on()
    await it.goes_on()


@case(
    "receiver.sessions.cuts_of_each",
    "LW-INTERRUPT-5",
    why="room for 64 ranges of segments to come is kept in each session, and what is cut in one is not in another",
    needs=("sessions",),
    options=SEVERAL,
)
async def _(it: ReceiverPlay) -> None:
    for one in await _two(it):
        for first in range(10, 138, 2):
            one.send(m.interrupt(first))
        await one.goes_on()
    third = await it.beside()
    await third.open()
    third.send(m.segment_start(10), m.segment_end(10, 0))
    await third.told("segment_end", session=3, segment=10, total=0)
    await it.goes_on()


@case(
    "receiver.sessions.pause_of_each",
    "LW-PAUSE-1",
    why="one agent waits, and another speaks",
    features=("pause",),
    needs=("sessions",),
    options=SEVERAL,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    other = await it.beside()
    await other.open()
    it.send(m.pause())
    await it.told("paused", session=1)
    other.send(m.segment_start(1), m.segment_end(1, 0))
    await other.told("segment_end", session=2, segment=1, total=0)
    it.none("event paused", session=2)
    it.send(m.segment_start(1), m.segment_end(1, 0))
    other.send(m.unpause())
    await other.goes_on()
    await it.goes_on()
    it.none("event segment_start", session=1)


@case(
    "receiver.sessions.secrets_of_each",
    "LW-RESUME-3",
    why="a secret that can be reckoned, from the generation or a seed, lets one agent take the session of another",
    features=("resume",),
    needs=("sessions",),
    options=SEVERAL,
)
async def _(it: ReceiverPlay) -> None:
    secrets = [one.secret for one in await _two(it)]
    it.check(secrets[0] != secrets[1], "another secret in each session", "the same")


# -- places ----------------------------------------------------------------------------------------------------


async def _has_room(it: ReceiverPlay, token: str | None = None) -> None:
    """Check that a session opens; busy is fine for a moment, until the place is given back."""
    deadline = it.now() + PATIENCE * it.patience
    while True:
        other = await it.beside()
        await other.connect()
        other.send_exactly(m.hello(other.session, features=other.offered(), auth=token))
        await other.find("welcome")
        busy = other.closed is not None and other.closed.message[0] == CloseCode.BUSY
        if not busy or it.now() > deadline:
            break
        await other.leave()
    it.check(bool(other.seen("welcome")), "welcome", other.lately(), "LW-OPEN-11")
    await other.leave()


@case(
    "receiver.sessions.refused_takes_no_place",
    "LW-OPEN-11",
    "LW-OPEN-5",
    why="whoever has no token must not be able to fill the places of those that do",
    needs=("sessions", "token"),
    options={**ONE, "token": "kit"},
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    for _ in range(3):
        hello = m.hello(it.session, features=it.offered(), auth="other")
        await it.refused("a wrong token", "unauthorized", hello, first=True, requirement="LW-OPEN-5")
    await _has_room(it, "kit")


@case(
    "receiver.sessions.resumed_in_its_place",
    "LW-RESUME-5",
    "LW-RESUME-1",
    why="a session that comes back takes no second place, and is not turned away because all are taken",
    features=("resume",),
    needs=("sessions",),
    options=ONE,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.goes_on()
    it.step("the transport in use seems alive there")
    other = await it.again()
    await other.resume()
    await other.goes_on()
    other.drop()
    await other.resume()
    await other.goes_on("LW-RESUME-1")
    await other.leave()


@case(
    "receiver.sessions.place_given_back_in_time",
    "LW-OPEN-11",
    why="an agent that never comes back keeps its place for the resume time, and no longer",
    features=("resume",),
    needs=("sessions",),
    options={**ONE, "limits": {"resume": 200}},
)
async def _(it: ReceiverPlay) -> None:
    first = await it.beside()
    await first.open()
    await first.goes_on()
    first.drop()
    await _has_room(it)
