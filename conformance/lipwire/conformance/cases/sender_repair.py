"""What a sender sends again, and how it says how far it has sent (SPEC §13)."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from lipwire.protocol.channels import Channel

from .. import messages as m
from ..case import case
from ..sender_play import FLOOR, SenderPlay

REPAIR: Final = ("repair",)
NEVER: Final = 1_000
"""Added to an id: one that was never opened."""
AT_LEAST: Final = 0.020
"""Seconds between two times that the same samples are sent, however short the round trip."""


async def _unreported(it: SenderPlay, samples: int = 2_400) -> int:
    """Have a segment said, of which nothing is reported or asked for; gives its id."""
    it.auto -= {"progress", "nack"}
    await it.open()
    return await it.whole(samples)


@case(
    "sender.repair.pings_first",
    "LW-REPAIR-10",
    why="what is asked for again within half a round trip is not sent: that is to be known before something is lost",
    features=REPAIR,
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"keepalive": 60_000})
    await it.expect("ping")


@case(
    "sender.repair.several_ranges",
    "LW-REPAIR-3",
    why="a bad second leaves many gaps, and one nack names up to 32 of them",
    features=REPAIR,
)
async def _(it: SenderPlay) -> None:
    segment = await _unreported(it, 4_800)
    again = await it.sent_again(segment, *([start, start + 10] for start in range(0, 4_800, 150)))
    if it.kind == "webrtc":
        strays = [entry.channel for entry in again if entry.channel is not Channel.MEDIA]
        it.check(not strays, "what is sent again comes on media", f"{len(strays)} came on control")


@case(
    "sender.repair.until_it_is_received",
    "LW-REPAIR-3",
    "LW-REPAIR-4",
    why="what is lost may be asked for as long as it is not reported as received, whatever came beyond it",
    features=REPAIR,
)
async def _(it: SenderPlay) -> None:
    segment = await _unreported(it)
    it.send(m.progress(segment, 0, 0, highest=2_400), channel=Channel.CONTROL)
    await it.sent_again(segment, [0, 480])
    it.send(m.progress(segment, 480, 480, highest=2_400), channel=Channel.CONTROL)
    await it.sent_again(segment, [480, 960], [1_200, 2_400])
    it.send(m.progress(segment, 2_400, 2_400), channel=Channel.CONTROL)
    since = await it.settle()
    it.step("it is asked for what was reported as received")
    it.send(m.nack(segment, [0, 480], [960, 2_400]), channel=Channel.CONTROL)
    await it.goes_on("LW-REPAIR-4")
    await it.settle()
    it.none("audio", since=since, requirement="LW-REPAIR-4")


@case(
    "sender.repair.partly_received",
    "LW-REPAIR-3",
    "LW-REPAIR-4",
    why="a nack and a report cross: of what is asked for a part has arrived, and the rest is missing all the same",
    features=REPAIR,
)
async def _(it: SenderPlay) -> None:
    segment = await _unreported(it)
    it.send(m.progress(segment, 700, 700, highest=2_400), channel=Channel.CONTROL)
    await it.fence()
    await it.sent_again(segment, [0, 100], [600, 1_500], wanted=[700, 1_500])
    await it.sent_again(segment, [0, 2_400], wanted=[700, 2_400], requirement="LW-REPAIR-4")


@case(
    "sender.repair.again_and_again",
    "LW-REPAIR-3",
    why="a repair may be lost as well",
    features=REPAIR,
)
async def _(it: SenderPlay) -> None:
    segment = await _unreported(it)
    for _ in range(4):
        await it.sent_again(segment, [480, 1_440])


@case(
    "sender.repair.of_a_cut_one",
    "LW-REPAIR-4",
    "LW-INTERRUPT-1",
    why="a nack that crosses an interrupt asks for what nobody is to hear any more",
    features=REPAIR,
)
async def _(it: SenderPlay) -> None:
    segment = await _unreported(it)
    await it.do("interrupt", segment=None)
    await it.expect("interrupt", requirement="LW-INTERRUPT-2")
    since = await it.settle()
    it.send(m.nack(segment, [0, 480]), channel=Channel.CONTROL)
    await it.goes_on()
    await it.settle()
    it.none("audio", segment=segment, since=since, requirement="LW-INTERRUPT-1")


@case(
    "sender.repair.of_one_that_is_over",
    "LW-REPAIR-4",
    why="on media a nack may be overtaken by the end of the stream",
    features=REPAIR,
)
async def _(it: SenderPlay) -> None:
    segment = await _unreported(it)
    it.end_stream(segment, 480, cause=2)
    await it.ends(segment, 480, interrupted=False)
    since = await it.settle()
    it.send(m.nack(segment, [0, 480]), channel=Channel.CONTROL)
    await it.goes_on()
    await it.settle()
    it.none("audio", segment=segment, since=since)


def _refused(name: str, code: str, why: str, nack: Callable[[int, int, int], list[Any]]) -> None:
    """A nack that contradicts what was sent: of two segments the first waits for credit, the second for the first."""

    @case(name, "LW-REPAIR-4", why=why, features=REPAIR, judged=False)
    async def _(it: SenderPlay) -> None:
        it.auto.discard("consume")
        await it.open(limits={"window": FLOOR})
        first, second = await it.say(m.pcm(7_200)), await it.say(m.pcm(480, 2))
        await it.arrives(first, 480)
        await it.settle()
        it.send(nack(first, second, it.received[first].contiguous), channel=Channel.CONTROL)
        await it.closes(code)


_refused(
    "sender.repair.never_sent", "invalid_position", "what was never sent can not be missing",
    lambda first, _, __: m.nack(first, [FLOOR, FLOOR + 480]),
)  # fmt: skip
_refused(
    "sender.repair.partly_never_sent", "invalid_position", "nor can a part of it, behind what was sent",
    lambda first, _, sent: m.nack(first, [0, 240], [sent - 240, FLOOR + 1]),
)  # fmt: skip
_refused(
    "sender.repair.never_opened", "invalid_segment", "a nack of what does not exist shows that the peers disagree",
    lambda _, second, __: m.nack(second + NEVER, [0, 1]),
)  # fmt: skip
_refused(
    "sender.repair.not_started", "invalid_segment", "the receiver can not know of a segment that waits at the sender",
    lambda _, second, __: m.nack(second, [0, 1]),
)  # fmt: skip


@case(
    "sender.repair.not_too_often",
    "LW-REPAIR-5",
    why="a receiver that asks for everything all the time must not make the sender fill the link",
    features=REPAIR,
)
async def _(it: SenderPlay) -> None:
    segment = await _unreported(it)
    since, began = len(it.trace), it.now()
    for _ in range(20):
        for _ in range(10):
            it.send(m.nack(segment, [0, 2_400]), channel=Channel.CONTROL)
        await it.fence()
    await it.settle()
    copies = [e for e in it.seen("audio", segment=segment, since=since) if e.message.position == 0]
    took = (copies[-1].at if copies else it.now()) - began
    most = int(took / AT_LEAST) + 1
    words = f"its first samples at most {most} times in {took:.3f} s, for 200 requests"
    it.check(len(copies) <= most, words, f"{len(copies)} times")


# -- how far it has sent ---------------------------------------------------------------------------------------

LOSSY: Final = ("webrtc",)
"""Where media may lose, the end of what was sent may be what is lost."""


@case(
    "sender.repair.first_sample_of_a_chunk",
    "LW-REPAIR-3",
    why="a range has its first end in it: a single sample is missing where a chunk begins",
    features=REPAIR,
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("progress")
    await it.open()
    segment = await it.open_segment()
    for seed in range(3):
        await it.write(segment, m.pcm(480, seed))
        await it.arrives(segment, 480 * (seed + 1))
    starts = sorted({entry.message.position for entry in it.seen("audio", segment=segment)})
    for start in starts[:4]:
        await it.sent_again(segment, [start, start + 1])


@case(
    "sender.repair.says_how_far",
    "LW-REPAIR-6",
    why="when the last samples are lost nothing follows that shows it: the receiver has to be told that they were sent",
    features=REPAIR,
    transports=LOSSY,
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"progress", "nack"}
    await it.open()
    segment = await it.open_segment()
    written = 0
    for end in (480, 1_440):
        await it.write(segment, m.pcm(end - written, end))
        await it.expect("sent", segment=segment, position=end)
        written = end
    for said in it.seen("sent"):
        right = said.message.segment == segment and said.message.position <= 1_440
        it.check(right, "no position beyond what was sent", f"{said.message}")


@case(
    "sender.repair.says_how_far_while_waiting",
    "LW-REPAIR-6",
    why="a sender that has used up its credit is quiet too, and what was lost keeps it so",
    features=REPAIR,
    transports=LOSSY,
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"progress", "nack", "consume"}
    await it.open(limits={"window": FLOOR})
    segment = await it.say(m.pcm(7_200))
    said: Any = (await it.expect("sent", segment=segment)).message
    await it.settle()
    reached = it.received[segment].highest
    sent = [e.message.position for e in it.seen("sent")]
    it.check(sent[-1] >= reached, f"the position reached, {reached} or more", f"{sent}")
    it.check(said.position <= max(sent) <= FLOOR, f"not what waits for credit, beyond {FLOOR}", f"{sent}")


@case(
    "sender.repair.no_need_to_say",
    "LW-REPAIR-6",
    why="what was reported as received needs no word, and an end says as much",
    features=REPAIR,
    transports=LOSSY,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.open_segment()
    await it.write(segment, m.pcm(480))
    await it.arrives(segment, 480)
    it.report(segment)
    since = await it.fence()
    await asyncio.sleep(0.2)
    await it.fence()
    it.none("sent", since=since)
    it.auto -= {"progress", "nack"}
    await it.write(segment, m.pcm(480, 2))
    await it.do("end", segment=segment)
    end = await it.expect("segment_end", segment=segment, total=960, requirement="LW-SEGMENT-5")
    await it.settle()
    it.none("sent", since=end.index)


# -- without it ------------------------------------------------------------------------------------------------


@case(
    "sender.repair.not_chosen",
    "LW-REGISTRY-2",
    "LW-REGISTRY-1",
    why="a receiver of the core profile does not know `sent`, and does not ask for what is missing",
    needs=REPAIR,
    transports=("websocket",),
    judged=False,
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("progress")
    await it.open()
    segment = await it.open_segment()
    await it.write(segment, m.pcm(480))
    await it.arrives(segment, 480)
    await it.settle()
    it.none("sent", requirement="LW-REGISTRY-1")
    it.send(m.nack(segment, [0, 480]))
    await it.closes("out_of_state")
