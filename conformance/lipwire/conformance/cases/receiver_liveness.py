"""How a receiver keeps a transport alive, and notices that it is not (SPEC §16)."""

import asyncio
from typing import Final

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay

EARLIEST: Final = 0.9
"""Of a time that the implementation waits at the least: its clock may be a little ahead of the kit's."""


@case("receiver.liveness.pong", "LW-LIVE-1", why="a ping is answered at once, each with its own t1", wire=True)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for t1 in (0, 1, 127, 128, 2**32, 2**53 - 1):
        it.send(m.ping(t1))
        pong = (await it.expect("pong", t1=t1)).message
        it.check(pong.t2 <= pong.t3, "t2 not after t3", f"{pong}")
    for t1 in range(500, 540):
        it.send(m.ping(t1))
    for t1 in range(500, 540):
        await it.expect("pong", t1=t1)
    clocks = [entry.message.t3 for entry in it.seen("pong")]
    it.check(clocks == sorted(clocks), "a clock that does not go back", f"{clocks}")


@case(
    "receiver.liveness.pong_clock",
    "LW-LIVE-1",
    why="the sender reckons the round trip from these clocks, so they are microseconds",
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.ping(1))
    before = it.now()
    first = (await it.expect("pong", t1=1)).message
    await asyncio.sleep(0.2)
    it.send(m.ping(2))
    second = (await it.expect("pong", t1=2)).message
    after = it.now()
    passed = second.t2 - first.t3
    most = (after - before) * 1.1e6
    it.check(0.18e6 <= passed <= most, f"from 180,000 to {most:,.0f} µs between them", f"{passed} µs")


@case(
    "receiver.liveness.flood_of_pings",
    "LW-LIVE-1",
    "LW-SECURITY-3",
    why="a peer that floods does not have the other flood as well, and keeps its session",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    began = it.now()
    for t1 in range(1_000, 1_600):
        it.send(m.ping(t1))
    await _answered_in_the_end(it)
    seconds = it.now() - began
    answered = len([entry for entry in it.seen("pong") if entry.message.t1 < 1_600])
    it.check(answered >= 100, "at least 100 of 600 pings answered", f"{answered}")
    most = 100 * (seconds + 2)
    it.check(answered <= most, f"at most {most:.0f} of them, in {seconds:.1f} s", f"{answered}", level="SHOULD")
    it.check(True, "the session goes on", "", "LW-SECURITY-3")


async def _answered_in_the_end(it: ReceiverPlay) -> None:
    """Ping until that is answered: the second of a flood has to pass first."""
    for t1 in range(1 << 30, (1 << 30) + 100):
        it.send(m.ping(t1))
        if await it.find("pong", t1=t1, within=0.2) is not None:
            return
        if it.over or it.closed is not None:
            break
    it.require(False, "pings are answered again when the flood is over", it.lately())


@case(
    "receiver.liveness.ping_when_quiet",
    "LW-LIVE-2",
    why="a peer that has nothing to say shows that it is there",
    options={"limits": {"keepalive": 500}},
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for _ in range(3):  # one comes at the beginning
        await it.expect("ping")
    await it.goes_on()


@case(
    "receiver.liveness.silence",
    "LW-LIVE-3",
    why="a peer that is gone without a word must not hold its place for ever",
    options={"limits": {"keepalive": 300}},
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.auto.discard("pong")
    it.send(m.ping(7))
    began = it.now()
    await it.expect("pong", t1=7)
    it.dropped = True  # as it has to
    await it.transport_ends()
    passed = it.now() - began
    it.check(passed >= 0.9 * EARLIEST, "not before three times keepalive, 900 ms", f"after {passed:.3f} s")
    it.none("close")


@case(
    "receiver.liveness.anything_counts",
    "LW-LIVE-3",
    why="whoever sends anything is there, though it answers no ping",
    options={"limits": {"keepalive": 300}},
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("pong")
    for _ in range(5):  # on a machine that stands still for so long, the silence is real: then once more
        other = await it.beside()
        other.auto.discard("pong")
        await other.open()
        widest, last = 0.0, it.now()
        until = last + 1.3
        while it.now() < until and not other.over:
            other.send(m.GREASE)
            await asyncio.sleep(0.05)
            widest, last = max(widest, it.now() - last), it.now()
        over = other.over
        if not over or widest < 0.3:
            break
        await other.leave()
    it.check(not over, "it stays for 1.3 s of messages to be ignored", other.lately())
    await other.leave()


@case(
    "receiver.liveness.grease",
    "LW-GREASE-1",
    why="what must be ignored has to come now and then, or nobody notices that it is not",
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.fence()
    await it.expect("ignored")
