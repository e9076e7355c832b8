"""How a sender sends segments (SPEC §8)."""

from contextlib import suppress

from .. import messages as m
from ..case import case
from ..driver import Refused
from ..sender_play import FLOOR, SenderPlay


@case("sender.segments.one", "LW-SEGMENT-5", "LW-AUDIO-1", why="speech is sent whole, once and in order")
async def _(it: SenderPlay) -> None:
    await it.open()
    pcm = m.pcm(4_800)
    segment = await it.say(pcm)
    await it.expect("segment_start", segment=segment)
    await it.arrives(segment, 4_800)
    await it.expect("segment_end", segment=segment, total=4_800)
    it.end_stream(segment, 4_800)
    await it.told("stream_ended", segment=segment, position=4_800, interrupted=False, requirement="LW-STREAM-5")


@case(
    "sender.segments.empty",
    "LW-SEGMENT-5",
    why="an utterance may turn out to have nothing in it, and ends all the same",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.say(b"")
    await it.expect("segment_start", segment=segment)
    await it.expect("segment_end", segment=segment, total=0)
    await it.fence()
    it.none("audio")
    it.end_stream(segment, 0)
    await it.ends(segment, 0, interrupted=False)
    it.check_results(segment)


@case("sender.segments.one_sample", "LW-SEGMENT-5", "LW-AUDIO-1", why="a chunk may be as small as one sample")
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.say(m.pcm(1))
    await it.arrives(segment, 1)
    await it.expect("segment_end", segment=segment, total=1)


@case(
    "sender.segments.written_in_pieces",
    "LW-SEGMENT-5",
    "LW-AUDIO-1",
    why="speech is written as it comes, in pieces of any size, and none may go astray at their seams",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment, total = await it.open_segment(), 0
    for seed, samples in enumerate((1, 479, 481, 7, 2_400, 960, 3, 1_023)):
        await it.write(segment, m.pcm(samples, seed))
        total += samples
    await it.arrives(segment, total)
    await it.fence()
    it.none("segment_end")
    await it.do("end", segment=segment)
    await it.expect("segment_end", segment=segment, total=total)


@case(
    "sender.segments.ids",
    "LW-SEGMENT-1",
    "LW-SEGMENT-3",
    why="an id names one utterance for good, and one utterance is sent after the other",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    said = [await it.say(m.pcm(960, seed)) for seed in range(3)]
    for segment in said:
        await it.arrives(segment, 960)
        await it.expect("segment_end", segment=segment, total=960)
    names = ("segment_start", "segment_end")
    order = [(e.name, e.message.segment) for e in it.trace if e.by is it.role and e.name in names]
    ids = [segment for name, segment in order if name == "segment_start"]
    it.check(ids == sorted(set(ids)), "ids that grow", f"{ids}")
    wanted = [(name, segment) for segment in said for name in names]
    it.check(order == wanted, "each is ended before the next is started", f"{order}", "LW-SEGMENT-3")


@case(
    "sender.segments.300_of_them",
    "LW-SEGMENT-1",
    "LW-SEGMENT-5",
    "LW-STREAM-7",
    why="a long talk: ids outgrow a byte, and every one of them is still another",
    seconds=180.0,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    said = []
    for _ in range(6):
        some = [await it.say(b"") for _ in range(50)]
        await it.expect("segment_end", segment=some[-1], total=0, requirement="LW-SEGMENT-5")
        for segment in some:
            it.end_stream(segment, 0)
        said += some
    await it.fence()
    started = [e.message.segment for e in it.seen("segment_start")]
    it.check(started == said, "300 segments, as they were opened", m.shown(started))
    it.check(said == sorted(set(said)), "ids that grow", m.shown(said))
    it.check_results(*said)


@case(
    "sender.segments.written_before_the_session_is_open",
    "LW-OPEN-1",
    "LW-SEGMENT-5",
    why="speech does not wait for a session: what is said meanwhile is sent once there is one",
)
async def _(it: SenderPlay) -> None:
    await it.connect()
    await it.take_hello()
    segment = await it.say(m.pcm(4_800))
    it.none("segment_start", requirement="LW-OPEN-1")
    it.none("audio", requirement="LW-OPEN-1")
    it.welcome()
    await it.arrives(segment, 4_800)
    await it.expect("segment_end", segment=segment, total=4_800, requirement="LW-SEGMENT-5")


@case(
    "sender.segments.end_comes_after_all_samples",
    "LW-SEGMENT-5",
    "LW-CREDIT-1",
    why="an end that is sent while samples wait for credit says that they are there, or loses them",
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("consume")
    await it.open(limits={"window": FLOOR})
    segment = await it.say(m.pcm(7_200))
    await it.arrives(segment, 1)
    await it.settle()
    it.none("segment_end")
    it.auto.add("consume")
    it.report(segment)
    await it.arrives(segment, 7_200, "LW-SEGMENT-5")
    await it.expect("segment_end", segment=segment, total=7_200)
    it.check_credit()


@case(
    "sender.segments.the_next_waits_for_the_end",
    "LW-SEGMENT-3",
    "LW-SEGMENT-5",
    why="a segment that waits for credit holds back the one behind it",
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("consume")
    await it.open(limits={"window": FLOOR})
    first, second = await it.say(m.pcm(4_800)), await it.say(m.pcm(480, 2))
    await it.arrives(first, 1)
    await it.settle()
    it.none("segment_start", segment=second)
    it.none("audio", segment=second)
    it.auto.add("consume")
    it.report(first)
    await it.expect("segment_end", segment=first, total=4_800, requirement="LW-SEGMENT-5")
    await it.expect("segment_start", segment=second)
    await it.arrives(second, 480)


async def say_many(it: SenderPlay, count: int) -> list[int]:
    """Have it say so many short segments; it may refuse those that are more than the receiver takes."""
    said: list[int] = []
    with suppress(Refused):
        while len(said) < count:
            said += [await it.say(m.pcm(480, len(said)))]
    return said


@case(
    "sender.segments.limit",
    "LW-SEGMENT-4",
    why="a receiver keeps room for so many segments, and a sender with more to say waits until one is over",
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"segments": 4})
    said = await say_many(it, 6)
    it.require(len(said) >= 4, "as many segments as the limit lets it have", f"{len(said)}")
    for segment in said[:4]:
        await it.arrives(segment, 480)
    await it.settle()
    for done, segment in enumerate(said):
        count = len(it.seen("segment_start"))
        it.check(count <= 4 + done, f"at most {4 + done} segments were started", f"{count} were")
        await it.arrives(segment, 480, "LW-SEGMENT-5")
        await it.expect("segment_end", segment=segment, requirement="LW-SEGMENT-5")
        await it.fence()
        it.end_stream(segment, 480)
        await it.ends(segment, 480, interrupted=False)
    it.check_results(*said)


@case(
    "sender.segments.limit_counts_cut_ones",
    "LW-SEGMENT-4",
    why="a cut segment takes its room at the receiver until its stream has ended there",
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"segments": 4})
    said = await say_many(it, 4)
    for segment in said:
        await it.arrives(segment, 480)
    await it.do("interrupt", segment=None)
    await it.expect("interrupt", requirement="LW-INTERRUPT-2")
    after = await say_many(it, 1)
    await it.settle()
    for segment in after:
        it.none("segment_start", segment=segment)
    it.check(len(it.seen("segment_start")) == 4, "four segments were started", f"{len(it.seen('segment_start'))} were")
    it.end_stream(said[0], 0, interrupted=True, cause=1)
    await it.ends(said[0], 0, interrupted=True)
    for segment in after or await say_many(it, 1):
        await it.arrives(segment, 480, "LW-SEGMENT-5")


@case(
    "sender.segments.ended_early",
    "LW-SEGMENT-3",
    why="a renderer may give up on a segment that is still being sent: the rest of it is of no use to anybody",
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("consume")
    await it.open(limits={"window": FLOOR})
    segment = await it.open_segment()
    await it.write(segment, m.pcm(7_200))
    await it.arrives(segment, 480)
    await it.settle()
    it.end_stream(segment, 0, cause=2)
    await it.ends(segment, 0, interrupted=False)
    since = await it.fence()
    with suppress(Refused):
        await it.write(segment, m.pcm(960, 2))
        await it.do("end", segment=segment)
    it.auto.add("consume")
    following = await it.say(m.pcm(480, 3))
    await it.arrives(following, 480)
    await it.fence()
    for name in ("audio", "sent"):
        it.none(name, segment=segment, since=since)
    it.none("segment_end", segment=segment)
    it.check_results(segment)


@case(
    "sender.segments.no_marks_of_one_ended_early",
    "LW-SEGMENT-3",
    why="marks and data of a segment that the renderer has given up on are the rest of it, too",
    features=("marks", "data"),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.open_segment()
    await it.write(segment, m.pcm(480))
    await it.arrives(segment, 480)
    it.end_stream(segment, 0, cause=2)
    await it.ends(segment, 0, interrupted=False)
    await it.attempt("mark", segment=segment, position=480, name="x")
    await it.attempt("data", segment=segment, position=480, content={"com.example.x": 1})
    await it.goes_on()
    for name in ("mark", "data"):
        it.none(name, segment=segment)


@case(
    "sender.segments.message_limit_at_its_floor",
    "LW-BINDING-4",
    "LW-AUDIO-1",
    why="a small receiver announces a small limit, and what is larger than that it refuses",
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"message": 4_096})
    segment = await it.say(m.pcm(24_000))
    await it.arrives(segment, 24_000)
    await it.expect("segment_end", segment=segment, total=24_000, requirement="LW-SEGMENT-5")
    largest = max(len(e.data) for e in it.said() if e.name != "hello")
    it.check(largest <= 4_096, "messages of at most 4,096 bytes", f"one of {largest}")
