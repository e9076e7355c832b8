"""What a receiver asks for again (SPEC §13)."""

import asyncio
from itertools import pairwise
from typing import Final

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay

REPAIR: Final = ("repair",)
NO_CONCEALING: Final = {"limits": {"repair_timeout": 60_000}}
NACK_DELAY: Final = 0.020


def with_a_gap(it: ReceiverPlay, segment: int = 1) -> bytes:
    """Send a segment of 1,440 samples without those from 480 to 960, and without its end; gives all of them."""
    pcm = m.pcm(1_440, segment)
    it.send(m.segment_start(segment))
    it.send_audio(segment, pcm[:960])
    it.send_audio(segment, pcm[1_920:], position=960)
    return pcm


def _asked(it: ReceiverPlay, segment: int, since: int = 0) -> set[int]:
    """The samples that nacks have named."""
    nacks = (entry.message for entry in it.seen("nack", since=since, segment=segment))
    return {at for nack in nacks for gap in nack.missing for at in range(*gap)}


async def _asks_for(it: ReceiverPlay, segment: int, *gaps: tuple[int, int]) -> None:
    """Check that nacks come to name all these samples, and no others."""
    missing = {at for gap in gaps for at in range(*gap)}
    words = ", ".join(f"{first} to {end}" for first, end in gaps[:4]) + ("…" if len(gaps) > 4 else "")
    await it.until(lambda: _asked(it, segment) >= missing, f"nacks of segment {segment} for {words}", "LW-REPAIR-1")
    more = sorted(_asked(it, segment) - missing)
    it.check(not more, "nacks for nothing that is not missing", f"asked for {more[:8]} too", "LW-REPAIR-1")


@case(
    "receiver.repair.pings_first",
    "LW-REPAIR-10",
    why="when to ask, and ask again, hangs on the round trip: it is to be known before something is lost",
    features=REPAIR,
    options={"limits": {"keepalive": 60_000}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.expect("ping")


# -- what is missing -------------------------------------------------------------------------------------------


@case(
    "receiver.repair.gap",
    "LW-REPAIR-1",
    "LW-REPAIR-2",
    "LW-AUDIO-7",
    why="a later chunk shows that one was lost; it is asked for, waited for, and put in its place",
    features=REPAIR,
    options=NO_CONCEALING,
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")
    await it.open()
    began = it.now()
    pcm = with_a_gap(it)
    nack = await it.expect("nack", segment=1, requirement="LW-REPAIR-2")
    await _asks_for(it, 1, (480, 960))
    waited = nack.at - began
    it.check(waited >= NACK_DELAY, "not sooner than 20 ms", f"after {waited * 1_000:.1f} ms", "LW-REPAIR-2")
    it.check(it.handed_out(1) <= 480, "nothing behind the gap is handed out", f"{it.handed_out(1)}", "LW-AUDIO-7")
    it.send_audio(1, pcm[960:1_920], position=480)
    it.send(m.segment_end(1, 1_440))
    await it.heard(1, pcm, requirement="LW-AUDIO-7")
    await it.told("segment_end", segment=1, total=1_440)


@case(
    "receiver.repair.tail_by_sent",
    "LW-REPAIR-1",
    why="of the last chunk before a pause of the speaker nothing tells but `sent`",
    features=REPAIR,
    options=NO_CONCEALING,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(960)
    it.send(m.segment_start(1))
    it.send_audio(1, pcm[:960])
    it.send_audio(1, pcm[960:], position=480, lost=True)
    it.send(m.sent(1, 960))
    await _asks_for(it, 1, (480, 960))
    await it.heard(1, pcm)


@case(
    "receiver.repair.tail_by_total",
    "LW-REPAIR-1",
    why="the total tells that the last chunk was lost",
    features=REPAIR,
    options=NO_CONCEALING,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(960)
    it.send(m.segment_start(1))
    it.send_audio(1, pcm[:960])
    it.send_audio(1, pcm[960:], position=480, lost=True)
    it.send(m.segment_end(1, 960))
    await _asks_for(it, 1, (480, 960))
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1, total=960)


@case(
    "receiver.repair.all_of_it",
    "LW-REPAIR-1",
    why="a segment of which no chunk arrived is missing as a whole",
    features=REPAIR,
    options=NO_CONCEALING,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(960)
    it.send(m.segment_start(1))
    it.send_audio(1, pcm, lost=True)
    it.send(m.segment_end(1, 960))
    await _asks_for(it, 1, (0, 960))
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1, total=960)


@case(
    "receiver.repair.before_the_start",
    "LW-REPAIR-1",
    "LW-AUDIO-9",
    why="chunks that overtook the start show what is missing once it has come",
    features=REPAIR,
    options=NO_CONCEALING,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(1_440)
    it.send_audio(1, pcm[:960], lost=True)
    it.send_audio(1, pcm[960:1_920], position=480)
    it.send_audio(1, pcm[1_920:], position=960, lost=True)
    await it.goes_on("LW-AUDIO-9")
    it.send(m.segment_start(1), m.segment_end(1, 1_440))
    await _asks_for(it, 1, (0, 480), (960, 1_440))
    await it.heard(1, pcm)


@case(
    "receiver.repair.of_each_segment",
    "LW-REPAIR-1",
    "LW-REPAIR-2",
    why="a segment that waits in the queue is repaired as the one that is handed out",
    features=REPAIR,
    options=NO_CONCEALING,
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")
    await it.open()
    for segment in (1, 2, 3):
        with_a_gap(it, segment)
        it.send(m.segment_end(segment, 1_440))
    for segment in (3, 2, 1):
        await _asks_for(it, segment, (480, 960))
        await it.expect("nack", since=0, segment=segment, requirement="LW-REPAIR-2")
        it.send_audio(segment, m.pcm(1_440, segment)[960:1_920], position=480)
    for segment in (1, 2, 3):
        await it.heard(segment, m.pcm(1_440, segment))
        await it.told("segment_end", segment=segment, total=1_440)


# -- how it is asked for ---------------------------------------------------------------------------------------


@case(
    "receiver.repair.again",
    "LW-REPAIR-2",
    why="a nack, or its answer, may be lost too; but not so soon that the answer can not have come",
    features=REPAIR,
    options=NO_CONCEALING,
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")
    await it.open()
    began = it.now()
    pcm = m.pcm(960)
    it.send(m.segment_start(1))
    it.send_audio(1, pcm[960:], position=480)
    for count in range(1, 6):
        nack = await it.expect("nack", segment=1)
        # None comes sooner than 20 ms after the one before; that one may have been late on its way.
        least = count * NACK_DELAY
        it.check(nack.at - began >= least, f"nack {count} not within {least:.2f} s", f"after {nack.at - began:.3f} s")
    it.send_audio(1, pcm[:960])
    await it.heard(1, pcm)


@case(
    "receiver.repair.not_of_what_is_gone",
    "LW-REPAIR-1",
    why="nobody is to send again what came, was cut, or was given up",
    features=REPAIR,
    options=NO_CONCEALING,
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")
    await it.open()
    pcm = m.pcm(960)
    it.say(1, pcm, end=False)
    await it.heard(1, pcm)
    it.send(m.segment_end(1, 1_440))
    await it.expect("nack", segment=1)
    it.step("segment 1 is given up by the consumer, 2 arrives whole in the end, 3 is cut")
    await it.do("stream_ended", segments=[1], position=960, interrupted=False, failed=True)
    await it.ended(1, 960, cause=2)
    it.send(m.segment_start(2))
    it.send_audio(2, pcm[960:], position=480)
    await it.expect("nack", segment=2)
    it.send_audio(2, pcm[:960])
    it.send(m.segment_end(2, 960))
    await it.heard(2, pcm)
    it.send(m.segment_start(3), m.segment_end(3, 960))
    await it.expect("nack", segment=3)
    await it.cut(3)
    await asyncio.sleep(0.1)  # what is on its way comes; a receiver that asks on has the time to
    at = await it.fence()
    await asyncio.sleep(0.25)
    await it.fence()
    for segment in (1, 2, 3):
        it.none("nack", since=at, segment=segment)


@case(
    "receiver.repair.many_ranges",
    "LW-REPAIR-2",
    "LW-REPAIR-1",
    "LW-WIRE-4",
    why="a nack names 32 ranges at the most; what is beyond is in another one",
    features=REPAIR,
    options=NO_CONCEALING,
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")
    await it.open()
    pcm = m.pcm(80 * 24)
    it.send(m.segment_start(1))
    for run in range(1, 80, 2):
        it.send_audio(1, pcm[run * 48 : run * 48 + 48], position=run * 24, chunk=24)
    await it.reported(1, highest=80 * 24)
    await _asks_for(it, 1, *((run * 24, run * 24 + 24) for run in range(0, 80, 2)))
    for entry in it.seen("nack", segment=1):
        gaps = entry.message.missing
        it.check(1 <= len(gaps) <= 32, "1 to 32 ranges", f"{len(gaps)}")
        apart = all(before[1] < after[0] for before, after in pairwise(gaps))
        it.check(apart, "ranges that ascend and lie apart", f"{gaps}")
    it.none("malformed", requirement="LW-WIRE-4")
    for run in range(0, 80, 2):
        it.send_audio(1, pcm[run * 48 : run * 48 + 48], position=run * 24, chunk=24)
    await it.heard(1, pcm, requirement="LW-REPAIR-1")


@case(
    "receiver.repair.lossy",
    "LW-REPAIR-1",
    "LW-SEGMENT-6",
    why="every third chunk lost, others swapped and doubled: not a sample is missing, and none comes twice",
    features=REPAIR,
    options=NO_CONCEALING,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for segment in (1, 2):
        pcm, chunk = m.pcm(9_600, segment), 240 * 2
        it.send(m.segment_start(segment))
        for at in range(0, len(pcm), 2 * chunk):
            for start in (at + chunk, at):  # swapped
                it.send_audio(segment, pcm[start : start + chunk], position=start // 2, lost=start // chunk % 3 == 0)
            if at % 5 == 0:
                it.send_audio(segment, pcm[at : at + chunk], position=at // 2)
        it.send(m.segment_end(segment, 9_600))
    for segment in (1, 2):
        await it.heard(segment, m.pcm(9_600, segment))
        await it.told("segment_end", segment=segment, total=9_600)
    it.handed_whole(1, 2)


# -- as much as is kept track of -------------------------------------------------------------------------------


@case(
    "receiver.repair.256_ranges",
    "LW-REPAIR-9",
    why="so many gaps are kept track of, and nothing of what came between them is lost",
    features=REPAIR,
    options=NO_CONCEALING,
    transports=("websocket",),
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")
    await it.open()
    pcm = m.pcm(512 * 24)
    it.send(m.segment_start(1))
    for run in range(1, 512, 2):
        it.send_audio(1, pcm[run * 48 : run * 48 + 48], position=run * 24, chunk=24)
    for run in range(0, 512, 2):
        it.send_audio(1, pcm[run * 48 : run * 48 + 48], position=run * 24, chunk=24)
    it.send(m.segment_end(1, 512 * 24))
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1)
    twice = {at for at in _asked(it, 1) if at // 24 % 2}
    it.check(not twice, "no nack for what came between the gaps", f"{len(twice)} samples")


@case(
    "receiver.repair.more_ranges",
    "LW-REPAIR-9",
    why="a chunk that makes one gap too many may be dropped, as if it were lost: then it is asked for",
    features=REPAIR,
    options=NO_CONCEALING,
)
async def _(it: ReceiverPlay) -> None:
    it.patience *= 3  # hundreds of small messages, some of them more than once
    await it.open()
    pcm = m.pcm(560 * 12)
    it.send(m.segment_start(1))
    for lost in (False, True):
        for run in range(0 if lost else 1, 560, 2):
            it.send_audio(1, pcm[run * 24 : run * 24 + 24], position=run * 12, chunk=12, lost=lost)
    await it.goes_on()
    it.send(m.segment_end(1, 560 * 12))
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1)
