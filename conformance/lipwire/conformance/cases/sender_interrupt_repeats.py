"""How often, and on which channels, a sender says an interrupt until it is confirmed (SPEC §10)."""

import asyncio
from typing import Final

from lipwire.protocol.channels import Channel

from .. import messages as m
from ..case import case
from ..sender_play import SenderPlay
from ..trace import Entry
from .sender_interrupt import interrupt, unconfirmed

REPEAT: Final = 0.5
"""Seconds from one repeat of an interrupt to the next, in the end."""


@case(
    "sender.interrupt.once_on_one_channel",
    "LW-BINDING-3",
    "LW-INTERRUPT-2",
    why="where there is one channel, and nothing is lost on it, a second copy is waste",
    transports=("websocket",),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.say(m.pcm(960))
    await it.arrives(segment, 960)
    await interrupt(it)
    await it.fence()
    count = len(it.seen("interrupt"))
    it.check(count == 1, "one interrupt", f"{count}")


def on(it: SenderPlay, channel: Channel, since: int = 0) -> list[Entry]:
    """The interrupts that came on a channel."""
    return [found for found in it.seen("interrupt", since=since) if found.channel is channel]


async def check_repeats(it: SenderPlay, count: int, since: int = 0, requirement: str = "LW-INTERRUPT-2") -> None:
    """Check that so many interrupts come on each channel; media may lose one."""

    def come() -> bool:
        return len(on(it, Channel.CONTROL, since)) >= count and len(on(it, Channel.MEDIA, since)) >= count - 1

    await it.until(come, f"{count} interrupts on each channel", requirement)


async def check_quiet(it: SenderPlay, requirement: str = "LW-INTERRUPT-2") -> None:
    """Check that no interrupt is repeated any more."""
    since = await it.settle()
    await asyncio.sleep(REPEAT * 1.5)
    await it.fence()
    it.none("interrupt", since=since, requirement=requirement)


@case(
    "sender.interrupt.on_both_channels",
    "LW-INTERRUPT-2",
    why="of two copies at once the faster one counts: control may be held up by a loss, and media may lose",
    transports=("webrtc",),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    for seed in range(5):
        segment = await it.say(m.pcm(960, seed))
        await it.arrives(segment, 960)
        await it.do("interrupt", segment=None)
        await it.expect("interrupt", where=lambda found, s=segment: found.last == s)  # type: ignore[misc]
        await it.fence()
        it.end_stream(segment, 0, interrupted=True, cause=1)
    await it.settle()
    control, media = len(on(it, Channel.CONTROL)), len(on(it, Channel.MEDIA))
    words = f"as many on media as the {control} on control, repeats too; two may be lost"
    it.check(control >= 5 and media >= control - 2, words, f"{media}")


@case(
    "sender.interrupt.repeated_until_cut",
    "LW-INTERRUPT-2",
    why="a lost packet must not let a segment go on for as long as it takes to find that out",
    transports=("webrtc",),
)
async def _(it: SenderPlay) -> None:
    _, found = await unconfirmed(it)
    await check_repeats(it, 5)
    for one in it.seen("interrupt"):
        it.check(one.message == found, f"the same as the first: {found}", f"{one.message}")
    it.confirm(found.first, found.last)
    await check_quiet(it)


@case(
    "sender.interrupt.repeated_until_over",
    "LW-INTERRUPT-2",
    why="when all that it named is over there is nothing left to cut",
    transports=("webrtc",),
)
async def _(it: SenderPlay) -> None:
    segment, _ = await unconfirmed(it)
    await check_repeats(it, 2)
    it.end_stream(segment, 480, interrupted=True, cause=1)
    await it.ends(segment, 480, interrupted=True)
    await check_quiet(it)


@case(
    "sender.interrupt.a_part_does_not_confirm_it",
    "LW-INTERRUPT-12",
    "LW-INTERRUPT-2",
    why="a cut of less than was named leaves the rest to be cut",
    transports=("webrtc",),
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("cut")
    await it.open()
    first, second = await it.say(m.pcm(960)), await it.say(m.pcm(960, 2))
    await it.arrives(first, 960)
    await it.arrives(second, 960)
    found = (await interrupt(it)).message
    it.confirm(first, first)
    await check_repeats(it, 2, await it.fence(), "LW-INTERRUPT-12")
    it.confirm(found.first, found.last)
    await check_quiet(it)


@case(
    "sender.interrupt.a_wider_cut_confirms_it",
    "LW-INTERRUPT-12",
    "LW-INTERRUPT-2",
    why="one cut answers all interrupts whose ranges lie in its own",
    transports=("webrtc",),
)
async def _(it: SenderPlay) -> None:
    first, _ = await unconfirmed(it)
    second = await it.say(m.pcm(960, 2))
    await it.arrives(second, 960)
    await it.do("interrupt", segment=None)
    await it.expect("interrupt", where=lambda found: found.last == second)
    it.confirm(first, second)
    await check_quiet(it, "LW-INTERRUPT-12")


@case(
    "sender.interrupt.only_the_first_is_numbered",
    "LW-INTERRUPT-2",
    why="a numbered message comes once, and copies of it would wait for their turn, which is what they are to avoid",
    features=("resume",),
    transports=("webrtc",),
)
async def _(it: SenderPlay) -> None:
    await unconfirmed(it)
    await check_repeats(it, 4)
    # On media it may also come with a number, among the copies of what was not acknowledged.
    first, *repeats = on(it, Channel.CONTROL)
    numbered = [found for found in repeats if found.number is not None]
    it.check(first.number is not None, "the first on control is numbered", "it is bare")
    it.check(not numbered, "the repeats on control are bare", f"{len(numbered)} are numbered")
    bare = [found for found in on(it, Channel.MEDIA) if found.number is None]
    least = len(repeats) - 1  # one may be lost, and one may be on its way
    it.check(len(bare) >= least, f"{least} bare copies on media, at least", f"{len(bare)}")


@case(
    "sender.interrupt.what_follows_comes_on_media_too",
    "LW-INTERRUPT-2",
    why="a packet that is lost on control holds up the next segment, unless what is in it comes again on media",
    features=("resume",),
    transports=("webrtc",),
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"cut", "acknowledge", "progress"}
    await it.open()
    first = await it.say(m.pcm(960))
    await it.arrives(first, 960)
    await interrupt(it)
    second = await it.say(m.pcm(960, 2))
    await it.arrives(second, 960)
    await check_repeats(it, 4)
    starts = [e for e in it.seen("segment_start", segment=second) if e.channel is Channel.MEDIA and e.number]
    words = "with a repeat, the numbered segment_start that was not acknowledged, on media"
    it.check(bool(starts), words, "it did not come", level="SHOULD")
    chunks = [e for e in it.seen("audio", segment=second) if e.message.position == 0]
    it.check(len(chunks) >= 2, "with a repeat, the first chunk of the segment again", "once", level="SHOULD")


@case(
    "sender.interrupt.again_after_a_resume",
    "LW-INTERRUPT-10",
    why="an interrupt that was lost with its transport comes first on the next one, or what was cut is played",
    features=("resume",),
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"cut", "acknowledge", "progress"}
    await it.open()
    first = await it.say(m.pcm(960))
    await it.arrives(first, 960)
    named = (await interrupt(it)).message
    second = await it.say(m.pcm(960, 2))
    await it.expect("segment_end", segment=second, requirement="LW-SEGMENT-5")
    it.drop()
    it.taken = 0  # as if all of it had been lost
    it.live.clear()
    since = len(it.trace)
    it.auto.add("acknowledge")
    await it.reopen()
    await it.expect("segment_start", segment=second, requirement="LW-RESUME-8")
    await it.fence()
    aside = ("hello", "ping", "pong", "acknowledge", "ignored")
    said = [e for e in it.said(since) if e.name not in aside]
    control = [e for e in said if e.channel is Channel.CONTROL]
    first_of_all = control[0].name == "interrupt" and control[0].message == named
    it.check(first_of_all, f"first of all {named}", f"{[e.name for e in control[:3]]}")


@case(
    "sender.interrupt.repeated_while_one_of_several_lives",
    "LW-INTERRUPT-2",
    why="of two segments that were cut one has ended: the other may not have heard of it yet",
    transports=("webrtc",),
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("cut")
    await it.open()
    first, second = await it.whole(), await it.whole(960, 2)
    await interrupt(it)
    it.end_stream(first, 480, interrupted=True, cause=1)
    await it.ends(first, 480, interrupted=True)
    await check_repeats(it, 3, await it.fence())
    it.end_stream(second, 0, interrupted=True, cause=1)
    await it.ends(second, 0, interrupted=True)
    await check_quiet(it)


@case(
    "sender.interrupt.copies_fit_into_one_packet",
    "LW-BINDING-4",
    "LW-INTERRUPT-2",
    why="a numbered message that is too large for media stays on control",
    features=("resume",),
    transports=("webrtc",),
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"cut", "acknowledge", "progress"}
    await it.open()
    await it.whole()
    await interrupt(it)
    second = await it.open_segment({"text": "x" * 3_000})
    await it.write(second, m.pcm(960, 2))
    await it.arrives(second, 960)
    await check_repeats(it, 4)
    largest = max(len(e.data) for e in it.trace if e.by is it.role and e.channel is Channel.MEDIA)
    it.check(largest <= 1_150, "messages of at most 1,150 bytes on media", f"one of {largest}")
