"""How a sender keeps a transport alive, and notices that it is not (SPEC §16)."""

import asyncio
from contextlib import suppress

from .. import messages as m
from ..case import case
from ..checking import PATIENCE
from ..driver import Refused
from ..sender_play import SenderPlay
from . import of_both_roles
from .of_both_roles import EARLIEST


@case("sender.liveness.pong", "LW-LIVE-1", why="a ping is answered at once, each with its own t1")
async def _(it: SenderPlay) -> None:
    await of_both_roles.pong(it)


@case(
    "sender.liveness.pong_clock",
    "LW-LIVE-1",
    why="the receiver reckons the clock offset from these clocks, so they are microseconds",
)
async def _(it: SenderPlay) -> None:
    await of_both_roles.pong_clock(it)


@case(
    "sender.liveness.ping_clock",
    "LW-LIVE-2",
    why="t1 comes back in the pong, and is a time by the sender's clock",
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"keepalive": 500})
    pings = [(await it.expect("ping")).message.t1 for _ in range(3)]
    it.check(pings == sorted(pings), "a clock that does not go back", f"{pings}")


@case(
    "sender.liveness.flood_of_pings",
    "LW-LIVE-1",
    "LW-SECURITY-3",
    why="a peer that floods does not have the other flood as well, and keeps its session",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await of_both_roles.flood_of_pings(it)
    segment = await it.say(m.pcm(480))
    await it.arrives(segment, 480, "LW-SECURITY-3")


@case(
    "sender.liveness.ping_when_quiet",
    "LW-LIVE-2",
    why="an agent that has nothing to say shows that it is there, as often as the receiver asks for",
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"keepalive": 500})
    await it.until(lambda: len(it.seen("ping")) >= 5, "5 pings within 10 s, as keepalive is 0.5 s")
    await it.goes_on()


@case(
    "sender.liveness.ping_while_it_listens",
    "LW-LIVE-2",
    why="a peer that speaks without a pause does not know whether anybody is there: what comes is no answer to that",
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"keepalive": 300})
    since = await it.fence()
    until = it.now() + PATIENCE * it.patience
    while len(it.seen("ping", since=since)) < 3 and it.now() < until and not it.over:
        it.send(m.GREASE)
        await asyncio.sleep(0.05)
    count = len(it.seen("ping", since=since))
    it.check(count >= 3, "3 pings within 8 s, as keepalive is 0.3 s", f"{count}")


@case(
    "sender.liveness.ping_while_paused",
    "LW-LIVE-2",
    "LW-PAUSE-3",
    why="a pause holds speech, not the session",
    features=("pause",),
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"keepalive": 500})
    await it.fence()
    await it.do("pause")
    await it.expect("pause", requirement="LW-PAUSE-3")
    at = await it.fence()
    await it.until(lambda: len(it.seen("ping", since=at)) >= 2, "2 pings")
    await it.goes_on("LW-PAUSE-3")


@case(
    "sender.liveness.silence",
    "LW-LIVE-3",
    "LW-RESUME-12",
    why="a receiver that is gone without a word must not keep the agent waiting for ever",
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"pong", "progress"}
    await it.meet()
    segment = await it.say(m.pcm(480))
    it.welcome(limits={"keepalive": 100})
    began = it.now()
    it.send(m.ping(7))
    await it.expect("pong", t1=7)
    it.dropped = True  # as it has to
    await it.transport_ends()
    passed = it.now() - began
    it.check(passed >= 0.3 * EARLIEST, "not before three times keepalive, 300 ms", f"after {passed:.3f} s")
    it.none("close")
    told = await it.told("stream_ended", segment=segment, requirement="LW-RESUME-12")
    it.check(not told["exact"], "how far it was heard is not known", f"{told}", "LW-RESUME-12")


@case(
    "sender.liveness.anything_counts",
    "LW-LIVE-3",
    why="whoever sends anything is there, though it answers no ping",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await of_both_roles.anything_counts(it, limits={"keepalive": 300})


@case(
    "sender.liveness.while_it_speaks",
    "LW-LIVE-3",
    why="speech that goes out does not show that anybody is there to hear it",
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"pong", "progress"}
    await it.open(limits={"keepalive": 100})
    segment = await it.open_segment()
    it.dropped = True  # as it has to
    with suppress(Refused):
        for seed in range(100):
            await it.write(segment, m.pcm(120, seed))
            if await it.until_over(0.1):
                break
    await it.transport_ends()
    it.none("close")
