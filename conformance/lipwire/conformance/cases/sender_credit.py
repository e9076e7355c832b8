"""How a sender keeps within its credit, and what gives it back (SPEC §9)."""

from lipwire.protocol.channels import Channel

from .. import messages as m
from ..case import case
from ..sender_play import FLOOR, SenderPlay


@case(
    "sender.credit.window_at_its_floor",
    "LW-CREDIT-1",
    why="a receiver closes on a sender that sends more than there is room for",
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("consume")
    await it.open(limits={"window": FLOOR})
    segment = await it.say(m.pcm(12_000))
    for consumed in (0, 481, 2_880):
        it.consumed[segment] = consumed
        await it.arrives(segment, consumed + 1)
        it.report(segment)
        await it.settle()
        it.check_credit()
    it.auto.add("consume")
    it.report(segment)
    await it.arrives(segment, 12_000)
    it.check_credit()


@case(
    "sender.credit.much_more_than_the_window_at_once",
    "LW-CREDIT-1",
    why="text to speech is faster than speech: minutes come in a second",
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"window": FLOOR})
    segment = await it.open_segment()
    for seed in range(4):
        await it.write(segment, m.pcm(12_000, seed))
    await it.do("end", segment=segment)
    await it.arrives(segment, 48_000)
    await it.expect("segment_end", segment=segment, total=48_000, requirement="LW-SEGMENT-5")
    it.check_credit()


@case(
    "sender.credit.sum_over_segments",
    "LW-CREDIT-1",
    why="the window is the receiver's memory for all segments together",
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("consume")
    await it.open(limits={"window": FLOOR})
    said = [await it.say(m.pcm(960, seed)) for seed in range(6)]
    await it.arrives(said[1], 960)
    await it.settle()
    it.check_credit()
    it.consume(said[0], 960)
    await it.arrives(said[2], 960)
    await it.settle()
    it.check_credit()
    it.auto.add("consume")
    for segment in said[:3]:
        it.report(segment)
    for segment in said[3:]:
        await it.arrives(segment, 960)
    it.check_credit()


@case(
    "sender.credit.of_a_segment_that_is_over",
    "LW-CREDIT-1",
    why="what was not consumed of a segment that is over is not in the receiver's memory any more",
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("consume")
    await it.open(limits={"window": FLOOR})
    first, second = await it.say(m.pcm(1_920)), await it.say(m.pcm(1_920, 2))
    await it.arrives(first, 1_920)
    await it.settle()
    it.check_credit()
    it.end_stream(first, 0, cause=2)
    await it.arrives(second, 1_920)
    it.check_credit()


@case(
    "sender.credit.after_an_interrupt_that_the_cut_through_covers",
    "LW-CREDIT-2",
    why="an interrupt makes room for what is said next, though the old samples were never consumed",
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"consume", "cut"}
    await it.open(limits={"window": FLOOR})
    first = await it.say(m.pcm(7_200))
    await it.arrives(first, 480)
    await it.settle()
    await it.do("interrupt", segment=None)
    second = await it.say(m.pcm(7_200, 2))
    await it.expect("interrupt", first=first, requirement="LW-INTERRUPT-2")
    await it.settle()
    it.confirm(first, first)
    await it.arrives(second, 480, "LW-CREDIT-2")
    await it.settle()
    it.check_credit("LW-CREDIT-2")
    it.auto.add("consume")
    it.report(second)
    await it.arrives(second, 7_200)
    it.check_credit()


@case(
    "sender.credit.after_a_cut_that_is_not_confirmed",
    "LW-CREDIT-2",
    "LW-CREDIT-1",
    why="a receiver that has not heard of a cut still counts the samples, and the cut-through does not tell it of one "
    "behind a live segment",
    needs=("interrupt_one",),
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"consume", "cut"}
    await it.open(limits={"window": FLOOR})
    first, second, third = await it.say(m.pcm(480)), await it.say(m.pcm(1_920, 2)), await it.say(m.pcm(1_920, 3))
    await it.arrives(second, 480)
    await it.settle()
    await it.do("interrupt", segment=second)
    await it.expect("interrupt", first=second, last=second, requirement="LW-INTERRUPT-11")
    await it.settle()
    it.check_credit()
    it.confirm(second, second)
    await it.arrives(third, 480, "LW-CREDIT-2")
    await it.settle()
    it.check_credit()
    it.auto.add("consume")
    it.report(first)
    it.report(third)
    await it.arrives(third, 1_920)


@case(
    "sender.credit.after_a_cut_whose_stream_ended",
    "LW-CREDIT-2",
    "LW-CREDIT-1",
    why="a cut segment that is over takes no room, whether or not its interrupt was confirmed",
    needs=("interrupt_one",),
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"consume", "cut"}
    await it.open(limits={"window": FLOOR})
    first, second, third = await it.say(m.pcm(480)), await it.say(m.pcm(1_920, 2)), await it.say(m.pcm(1_920, 3))
    await it.arrives(second, 480)
    await it.settle()
    await it.do("interrupt", segment=second)
    await it.expect("interrupt", first=second, last=second, requirement="LW-INTERRUPT-11")
    it.end_stream(second, 0, interrupted=True, cause=1)
    await it.arrives(third, 480, "LW-CREDIT-2")
    await it.settle()
    it.check_credit()
    it.auto.add("consume")
    it.report(first)
    it.report(third)
    await it.arrives(third, 1_920)


@case(
    "sender.credit.of_a_cut_outside_the_confirmed_range",
    "LW-CREDIT-2",
    why="of two cuts one is confirmed: the receiver may not have heard of the other",
    needs=("interrupt_one",),
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"consume", "cut"}
    await it.open(limits={"window": FLOOR})
    first, *cut = [await it.say(m.pcm(samples, samples)) for samples in (480, 959, 961)]
    await it.arrives(cut[1], 961)
    for segment in cut:
        await it.do("interrupt", segment=segment)
        await it.expect("interrupt", first=segment, last=segment, requirement="LW-INTERRUPT-11")
    fourth = await it.say(m.pcm(4_800, 4))
    await it.settle()
    it.check_credit("LW-CREDIT-2")
    for segment in cut:
        it.confirm(segment, segment)
        await it.arrives(fourth, 480, "LW-CREDIT-2")
        await it.settle()
        it.check_credit("LW-CREDIT-2")
    it.auto.add("consume")
    it.report(first)
    it.report(fourth)
    await it.arrives(fourth, 4_800)


@case(
    "sender.credit.rows_outside_the_cut",
    "LW-INTERRUPT-12",
    "LW-CREDIT-1",
    why="a cut speaks of the segments in its range; what it says of others counts for nothing, in the credit either",
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("consume")
    await it.open(limits={"window": FLOOR})
    first, second = await it.say(m.pcm(7_200)), await it.say(m.pcm(480, 2))
    await it.arrives(first, 480)
    await it.settle()
    it.send(m.cut(second, second, [[first, it.received[first].contiguous]]))
    await it.settle()
    it.check_credit()
    it.auto.add("consume")
    it.report(first)
    await it.arrives(second, 480, "LW-INTERRUPT-12")
    it.check_credit()


@case(
    "sender.credit.older_reports",
    "LW-PROGRESS-4",
    "LW-CREDIT-1",
    why="reports overtake each other on media: an older one takes no credit back, and gives none twice",
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"consume"}
    await it.open(limits={"window": FLOOR})
    segment = await it.open_segment()
    await it.write(segment, m.pcm(FLOOR))
    await it.arrives(segment, FLOOR)
    it.auto.discard("progress")
    it.consume(segment, FLOOR)
    for consumed in (480, 0, FLOOR, 479):
        it.send(m.progress(segment, FLOOR, consumed), channel=Channel.CONTROL)
    it.send(m.progress(segment, 480, 480), channel=Channel.CONTROL)
    await it.fence()
    await it.write(segment, m.pcm(2 * FLOOR, 2))
    await it.arrives(segment, FLOOR + 960, "LW-PROGRESS-4")
    await it.settle()
    it.check_credit()
    it.auto |= {"progress", "consume"}
    it.report(segment)
    await it.arrives(segment, 3 * FLOOR)
    it.check_credit()


@case(
    "sender.flight.no_report",
    "LW-FLIGHT-1",
    why="what was sent and did not arrive is in front of an interrupt: the window bounds memory, not delay",
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("progress")
    await it.open(limits={"window": 480_000})
    segment = await it.open_segment()
    for seed in range(4):
        await it.write(segment, m.pcm(120_000, seed))
    await it.arrives(segment, 1)
    await it.settle()
    sent = it.received[segment].highest
    it.check(sent < 480_000, "less than a window of 20 s while nothing is reported as received", f"{sent} samples")
    await it.do("interrupt", segment=None)
    await it.expect("interrupt", requirement="LW-INTERRUPT-2")
