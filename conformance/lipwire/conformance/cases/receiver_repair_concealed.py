"""What a receiver puts in the place of what does not come: silence, no sooner and no longer than it may (SPEC §13)."""

import asyncio
from typing import Final

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay
from .receiver_repair import REPAIR, with_a_gap

SOON: Final = {"limits": {"repair_timeout": 100}}
SOONEST: Final = 0.095
"""Seconds before which nothing is concealed then; two clocks are read."""


def _silence(samples: int) -> bytes:
    return bytes(2 * samples)


@case(
    "receiver.repair.concealed",
    "LW-REPAIR-7",
    "LW-REPAIR-8",
    why="speech goes on behind a hole that nobody fills; what fills it later is too late",
    features=REPAIR,
    needs=("conceal",),
    options=SOON,
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")
    await it.open()
    began = it.now()
    pcm = with_a_gap(it)
    await it.heard(1, pcm[:960])
    await it.heard(1, _silence(480), start=480, concealed=True)
    first = it.seen("event audio", segment=1, concealed=True)[0].at - began
    it.check(first >= SOONEST, "not sooner than the repair time-out, 100 ms", f"after {first * 1_000:.1f} ms")
    await it.heard(1, pcm[1_920:], start=960)
    await it.reported(1, received=1_440, consumed=1_440, requirement="LW-REPAIR-7")
    it.step("what was concealed comes late, once as it was and once with a neighbour's samples")
    at = await it.fence()
    it.send_audio(1, pcm[960:1_920], position=480)
    it.send_audio(1, pcm[480:2_400], position=240)
    it.send_audio(1, m.pcm(480, 2), position=1_440)
    it.send(m.segment_end(1, 1_920))
    await it.heard(1, m.pcm(480, 2), start=1_440, requirement="LW-REPAIR-8")
    await it.told("segment_end", segment=1, total=1_920)
    total = sum((entry.fields or {})["samples"] for entry in it.seen("event audio", since=at, segment=1))
    it.check(total == 480, "480 samples more, those that are new", f"{total}", "LW-REPAIR-8")


@case(
    "receiver.repair.concealed_each",
    "LW-REPAIR-7",
    why="only what is missing is replaced: positions stay true, and what came between two holes is heard",
    features=REPAIR,
    needs=("conceal",),
    options=SOON,
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")
    await it.open()
    pcm = m.pcm(2_400)
    it.send(m.segment_start(1))
    it.send_audio(1, pcm[960:1_920], position=480)
    it.send_audio(1, pcm[2_880:3_840], position=1_440)
    it.send(m.segment_end(1, 2_400))
    for start in range(0, 2_400, 960):
        await it.heard(1, _silence(480), start=start, concealed=True)
        if start < 1_920:
            await it.heard(1, pcm[2 * (start + 480) : 2 * (start + 960)], start=start + 480)
    await it.told("segment_end", segment=1, total=2_400)
    await it.finish(1, 2_400)
    await it.ended(1, 2_400)


@case(
    "receiver.repair.concealed_at_length",
    "LW-REPAIR-7",
    why="half a second is missing: silence in its place is as long, however the implementation makes it",
    features=REPAIR,
    needs=("conceal",),
    options=SOON,
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")
    await it.open()
    pcm = m.pcm(480)
    it.send(m.segment_start(1))
    missing = min(12_000, it.limits["window"] - 480)
    it.send_audio(1, pcm, position=missing)
    it.send(m.segment_end(1, missing + 480))
    await it.heard(1, _silence(missing), concealed=True)
    await it.heard(1, pcm, start=missing)
    await it.told("segment_end", segment=1, total=missing + 480)


@case(
    "receiver.repair.concealed_up_to_sent",
    "LW-REPAIR-7",
    why="no further than what is known to have been sent: what follows may still come",
    features=REPAIR,
    needs=("conceal",),
    options=SOON,
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")
    await it.open()
    pcm = m.pcm(1_440)
    it.say(1, pcm[:960], end=False)
    it.send(m.sent(1, 960))
    await it.heard(1, pcm[:960])
    await it.heard(1, _silence(480), start=480, concealed=True)
    await asyncio.sleep(0.2)  # one that went on concealing has the time to
    it.send_audio(1, pcm[1_920:], position=960)
    it.send(m.segment_end(1, 1_440))
    await it.heard(1, pcm[1_920:], start=960)
    await it.told("segment_end", segment=1, total=1_440)


@case(
    "receiver.repair.not_concealed_before_it_was_sent",
    "LW-REPAIR-7",
    why="a sender that has not spoken on yet has lost nothing",
    features=REPAIR,
    options=SOON,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(960)
    it.say(1, pcm[:960], end=False)
    it.send(m.sent(1, 480))
    await it.heard(1, pcm[:960])
    await asyncio.sleep(0.3)
    it.send_audio(1, pcm[960:], position=480)
    it.send(m.segment_end(1, 960))
    await it.heard(1, pcm[960:], start=480)
    it.none("event audio", concealed=True)


@case(
    "receiver.repair.not_concealed_while_nobody_waits",
    "LW-REPAIR-7",
    why="as long as the consumer is not there, what is missing may still come in time",
    features=REPAIR,
    needs=("hold",),
    options={**SOON, "reading": False},
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")
    await it.open()
    pcm = with_a_gap(it)
    it.send(m.segment_end(1, 1_440))
    await it.reported(1, highest=1_440)
    await asyncio.sleep(0.3)
    it.send_audio(1, pcm[960:1_920], position=480)
    await it.reported(1, received=1_440)
    await it.do("release")
    await it.heard(1, pcm)
    it.none("event audio", concealed=True)


@case(
    "receiver.repair.not_concealed_while_lost",
    "LW-REPAIR-7",
    why="while the transport is lost nothing can be asked for; the resume brings it",
    features=("repair", "resume"),
    needs=("hold",),
    options={"limits": {"repair_timeout": 500}, "reading": False},
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")
    await it.open()
    pcm = with_a_gap(it)
    await it.reported(1, highest=1_440)
    it.drop()
    await asyncio.sleep(0.1)  # it sees that
    await it.do("release")
    await it.heard(1, pcm[:960])
    await asyncio.sleep(1.0)
    await it.do("fence")
    it.none("event audio", concealed=True)
    await it.resume()
    it.send_audio(1, pcm[960:1_920], position=480)
    it.send(m.segment_end(1, 1_440))
    await it.told("segment_end", segment=1, total=1_440)


@case(
    "receiver.repair.concealed_in_another_format",
    "LW-REPAIR-7",
    "LW-FORMAT-2",
    why="silence has as many bytes as the samples whose place it takes, in whatever format",
    features=REPAIR,
    needs=("conceal", "f32le", "stereo"),
    options={"formats": [["f32le", 24_000, 2]], **SOON},
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")
    await it.open(formats=[["f32le", 24_000, 2]])
    pcm = m.pcm(4 * 480)
    it.send(m.segment_start(1))
    it.send_audio(1, pcm, position=480, chunk=120)
    it.send(m.segment_end(1, 960))
    await it.heard(1, bytes(8 * 480), concealed=True)
    await it.heard(1, pcm, start=480, requirement="LW-FORMAT-2")
    await it.told("segment_end", segment=1, total=960)


@case(
    "receiver.repair.concealed_within_the_window",
    "LW-CREDIT-3",
    "LW-REPAIR-7",
    why="silence that waits for the consumer takes room as samples do, or a sender makes a receiver hold any amount",
    features=REPAIR,
    needs=("conceal", "hold"),
    options={"limits": {"repair_timeout": 100, "window": 4_800}},
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")
    await it.open()
    it.send(m.segment_start(1))
    it.send_audio(1, m.pcm(480))
    await it.heard(1, m.pcm(480))
    it.send(m.sent(1, 4_800))
    await it.heard(1, _silence(4_320), start=480, concealed=True)
    await it.reported(1, consumed=4_800, requirement="LW-REPAIR-7")
    it.step("all of that was handed out: there is room for a window, and for no more")
    await it.do("hold")
    it.send_audio(1, m.pcm(4_800, 2), position=4_800)
    await it.goes_on()
    it.send_audio(1, m.pcm(1, 3), position=9_600)
    await it.closes("window_exceeded")
