"""What a sender's audio messages say: positions, samples, cut-through (SPEC §8)."""

import struct

from .. import messages as m
from ..case import case
from ..sender_play import SenderPlay
from ..trace import Entry


@case(
    "sender.audio.positions",
    "LW-AUDIO-1",
    why="a position says which sample this is: it is what loss, repair and results go by",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    for seed, samples in enumerate((9_600, 70_001)):
        segment = await it.say(m.pcm(samples, seed))
        await it.arrives(segment, samples)
        await it.expect("segment_end", segment=segment, total=samples, requirement="LW-SEGMENT-5")
        chunks = [entry.message for entry in it.seen("audio", segment=segment)]
        first = min(chunk.position for chunk in chunks)
        it.check(first == 0, "the first sample of each segment is at 0", f"at {first}")


@case(
    "sender.audio.stereo",
    "LW-AUDIO-1",
    why="positions count samples per channel, and a chunk holds whole frames of both",
    needs=("stereo",),
    options={"formats": [["s16le", 24_000, 2]]},
)
async def _(it: SenderPlay) -> None:
    # A limit of an odd size tempts to cut a frame in two.
    await it.open(limits={"message": 4_099})
    segment = await it.say(m.pcm(9_601, frame_bytes=4))
    await it.arrives(segment, 9_601)
    await it.expect("segment_end", segment=segment, total=9_601, requirement="LW-SEGMENT-5")


@case(
    "sender.audio.f32le",
    "LW-AUDIO-1",
    why="positions count samples, of whatever size",
    needs=("f32le",),
    options={"formats": [["f32le", 24_000, 1]]},
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"message": 4_099})
    pcm = b"".join(struct.pack("<f", (i * 37 % 2_000 - 1_000) / 1_024) for i in range(9_601))
    segment = await it.say(pcm)
    await it.arrives(segment, 9_601)
    await it.expect("segment_end", segment=segment, total=9_601, requirement="LW-SEGMENT-5")


@case(
    "sender.audio.the_same_when_sent_again",
    "LW-AUDIO-1",
    "LW-REPAIR-3",
    why="a repair that differs from what was lost is worse than the loss",
    features=("repair",),
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"progress", "nack"}
    await it.open()
    segment = await it.say(m.pcm(2_400))
    await it.arrives(segment, 2_400)
    for start, end in ((0, 480), (1, 2), (957, 1_931)):
        await it.sent_again(segment, [start, end])


def check_cut_through(it: SenderPlay, chunk: Entry, dead: int, live: int) -> None:
    """Check that a chunk's cut-through covers all up to ``dead``, and nothing from ``live`` on."""
    through = chunk.message.cut_through
    words = f"cut_through {dead}" if dead == live - 1 else f"cut_through from {dead} to {live - 1}"
    it.check(dead <= through < live, words, f"{through}", "LW-AUDIO-2")


@case(
    "sender.audio.cut_through_is_0_at_first",
    "LW-AUDIO-2",
    why="a segment that is being played is taken for cut if the cut-through is too high",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    first, second = await it.say(m.pcm(960)), await it.say(m.pcm(960, 2))
    await it.arrives(first, 960)
    await it.arrives(second, 960)
    for chunk in it.seen("audio"):
        check_cut_through(it, chunk, 0, first)


@case(
    "sender.audio.cut_through_after_an_interrupt",
    "LW-AUDIO-2",
    why="the cut-through makes an interrupt known even where the interrupt itself is late or lost",
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("cut")
    await it.open()
    said = [await it.say(m.pcm(960, seed)) for seed in range(2)]
    await it.arrives(said[-1], 960)
    await it.do("interrupt", segment=None)
    segment = await it.say(m.pcm(960, 3))
    await it.expect("interrupt", requirement="LW-INTERRUPT-2")
    if await it.find("audio", segment=segment, within=1.0) is None:
        it.confirm(said[0], said[-1])  # it may wait for that, though it need not
    await it.arrives(segment, 960)
    for chunk in it.seen("audio", segment=segment):
        check_cut_through(it, chunk, said[-1], segment)


@case(
    "sender.audio.cut_through_after_an_end",
    "LW-AUDIO-2",
    why="a segment that is over counts as well, or a cut behind it would never be covered",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    first = await it.say(m.pcm(960))
    await it.arrives(first, 960)
    second = await it.open_segment()
    await it.write(second, m.pcm(960, 2))
    await it.arrives(second, 960)
    it.end_stream(first, 960)
    await it.ends(first, 960, interrupted=False)
    since = await it.fence()
    await it.write(second, m.pcm(960, 3))
    await it.arrives(second, 1_920)
    for chunk in it.seen("audio", since=since):
        check_cut_through(it, chunk, first, second)


@case(
    "sender.audio.cut_through_stays_below_a_live_one",
    "LW-AUDIO-2",
    why="one segment alone may be cut, and those before it go on: the cut-through can not tell of it yet",
    needs=("interrupt_one",),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    first, second = await it.say(m.pcm(960)), await it.say(m.pcm(960, 2))
    await it.arrives(second, 960)
    await it.do("interrupt", segment=second)
    await it.expect("interrupt", first=second, last=second, requirement="LW-INTERRUPT-11")
    third = await it.open_segment()
    await it.write(third, m.pcm(960, 3))
    await it.arrives(third, 960)
    for chunk in it.seen("audio"):
        check_cut_through(it, chunk, 0, first)
    it.end_stream(first, 960)
    await it.ends(first, 960, interrupted=False)
    since = await it.fence()
    await it.write(third, m.pcm(960, 4))
    await it.arrives(third, 1_920)
    for chunk in it.seen("audio", since=since):
        check_cut_through(it, chunk, second, third)


@case(
    "sender.audio.cut_through_of_ends_out_of_order",
    "LW-AUDIO-2",
    why="a later segment may be over first: the cut-through waits for the earlier one",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    first, second = await it.say(m.pcm(960)), await it.say(m.pcm(960, 2))
    third = await it.open_segment()
    await it.write(third, m.pcm(960, 3))
    await it.arrives(third, 960)
    it.end_stream(second, 0, cause=2)
    since = await it.fence()
    await it.write(third, m.pcm(960, 4))
    await it.arrives(third, 1_920)
    for chunk in it.seen("audio", since=since):
        check_cut_through(it, chunk, 0, first)
    it.end_stream(first, 960)
    await it.ends(first, 960, interrupted=False)
    since = await it.fence()
    await it.write(third, m.pcm(960, 5))
    await it.arrives(third, 2_880)
    for chunk in it.seen("audio", since=since):
        check_cut_through(it, chunk, second, third)


@case(
    "sender.audio.cut_through_of_one_that_was_never_started",
    "LW-AUDIO-2",
    why="a segment that was cut while it waited counts as cut, though no interrupt ever named it",
    needs=("interrupt_one",),
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("consume")
    await it.open(limits={"window": 2_400})
    first, second = await it.say(m.pcm(4_800)), await it.say(m.pcm(480, 2))
    await it.arrives(first, 480)
    await it.settle()
    await it.do("interrupt", segment=second)
    it.auto.add("consume")
    it.report(first)
    await it.arrives(first, 4_800)
    it.end_stream(first, 4_800)
    await it.ends(first, 4_800, interrupted=False)
    third = await it.whole(960, 3)
    for chunk in it.seen("audio", segment=third):
        check_cut_through(it, chunk, second, third)
