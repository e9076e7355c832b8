"""How a receiver keeps a transport alive, and notices that it is not (SPEC §16)."""

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay
from . import of_both_roles
from .of_both_roles import EARLIEST


@case("receiver.liveness.pong", "LW-LIVE-1", why="a ping is answered at once, each with its own t1", wire=True)
async def _(it: ReceiverPlay) -> None:
    await of_both_roles.pong(it)


@case(
    "receiver.liveness.pong_clock",
    "LW-LIVE-1",
    why="the sender reckons the round trip from these clocks, so they are microseconds",
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await of_both_roles.pong_clock(it)


@case(
    "receiver.liveness.flood_of_pings",
    "LW-LIVE-1",
    "LW-SECURITY-3",
    why="a peer that floods does not have the other flood as well, and keeps its session",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await of_both_roles.flood_of_pings(it)
    it.check(True, "the session goes on", "", "LW-SECURITY-3")


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
    await of_both_roles.anything_counts(it)


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
