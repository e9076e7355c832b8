"""Custom messages, both ways, at a sender (SPEC §12)."""

from typing import Any, Final

from .. import messages as m
from ..case import case
from ..sender_play import SenderPlay

CUSTOM: Final = ("custom",)
LARGEST: Final = 16_384
KEY: Final = "com.example.turn"


@case(
    "sender.custom.taken",
    "LW-CUSTOM-1",
    why="a renderer may tell its agent anything, at any time: before a word was said, in a segment, and all at once",
    features=CUSTOM,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    it.send(m.custom({KEY: 1}))
    segment = await it.open_segment()
    await it.write(segment, m.pcm(480))
    await it.arrives(segment, 480)
    it.send(m.custom({KEY: 2}))
    await it.do("end", segment=segment)
    it.send(m.custom({KEY: 3}), m.custom({KEY: {"nested": [1, 2.5, None, "é"]}}))
    for content in (1, 2, 3, {"nested": [1, 2.5, None, "é"]}):
        said = await it.told("custom")
        it.check(said["content"] == {KEY: content}, f"{content}", f"{said}")


@case(
    "sender.custom.sent",
    "LW-CUSTOM-1",
    why="an agent may tell its renderer anything: with a segment, between two, and all at once",
    features=CUSTOM,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    await it.fence()  # the session is open there, too
    contents: list[dict[str, Any]] = [{KEY: 1}, {KEY: {"nested": [1, 2.5, None, "é"]}}, {KEY: True, "com.example.b": 0}]
    for content in contents:
        await it.do("custom", content=content)
    segment = await it.open_segment()
    await it.write(segment, m.pcm(480))
    await it.do("custom", content={KEY: "within"})
    await it.do("end", segment=segment)
    for content in [*contents, {KEY: "within"}]:
        said = await it.expect("custom")
        it.check(said.message.content == content, f"{content}", f"{said.message.content}")
    await it.expect("segment_end", segment=segment, total=480, requirement="LW-SEGMENT-5")


@case(
    "sender.custom.unknown_keys",
    "LW-CUSTOM-1",
    why="keys without a dot are of a later revision, others of other people: what is not known is ignored",
    features=CUSTOM,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    it.send(m.custom({}))
    it.send(m.custom({"words": 1, "org.example.unknown": {"deep": [[[1]]]}, "": None}))
    await it.goes_on()
    await it.whole()


@case(
    "sender.custom.largest",
    "LW-CUSTOM-1",
    "LW-LIMIT-2",
    why="16,384 bytes in the shortest encoding, and not one more",
    features=CUSTOM,
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    await it.fence()
    content = m.content(LARGEST)
    await it.do("custom", content=content)
    said = await it.expect("custom")
    it.check(said.message.content == content, "16,384 bytes as they were given", m.shown(said.message.content))
    await it.attempt("custom", content=m.content(LARGEST + 1))
    it.send(m.custom(content))
    back = await it.told("custom")
    it.check(back["content"] == content, "and the same way back", m.shown(back["content"]))
    await it.goes_on()
    it.once("custom", requirement="LW-CUSTOM-1")
    it.send(m.custom(m.content(LARGEST + 1)))
    await it.closes("limit_exceeded", requirement="LW-LIMIT-2")


@case(
    "sender.custom.within_the_limit_of_messages",
    "LW-BINDING-4",
    why="a receiver with a small limit closes on what is larger: its user has to be told, and the session to go on",
    features=CUSTOM,
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"message": 4_096})
    await it.fence()
    await it.attempt("custom", content=m.content(5_000))
    await it.do("custom", content=m.content(4_000))
    await it.expect("custom")
    await it.goes_on()
    sizes = [len(entry.data) for entry in it.seen("custom")]
    it.check(max(sizes) <= 4_096, "no message above 4,096 bytes", f"{sizes}")


@case(
    "sender.custom.not_chosen",
    "LW-REGISTRY-1",
    "LW-REGISTRY-2",
    why="where the receiver does not take them none is sent; one that comes all the same breaks a rule",
    needs=CUSTOM,
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    await it.fence()
    await it.attempt("custom", content={KEY: 1})
    await it.whole()
    await it.fence()
    it.none("custom")
    it.send(m.custom({KEY: 1}))
    await it.closes("out_of_state", requirement="LW-REGISTRY-2")


@case(
    "sender.custom.while_lost",
    "LW-RESUME-8",
    "LW-CONTROL-2",
    why="what is said while the transport is lost comes with the resume, once",
    features=("custom", "resume"),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    await it.fence()
    await it.do("custom", content={KEY: "before"})
    await it.expect("custom")
    await it.fence()
    it.drop()
    await it.connect()  # so it knows
    said = await it.attempt("custom", content={KEY: "meanwhile"})
    it.numbers += 1
    it.unacknowledged[it.numbers] = m.custom({KEY: "of the receiver"})
    await it.go_on()
    await it.told("custom", content={KEY: "of the receiver"}, requirement="LW-CONTROL-2")
    await it.do("custom", content={KEY: "after"})
    await it.expect("custom", content={KEY: "after"})
    await it.fence()
    words = [entry.message.content[KEY] for entry in it.seen("custom")]
    wanted = ["before", "meanwhile", "after"] if said else ["before", "after"]
    it.check(words == wanted, f"{wanted}", f"{words}")
    it.once("event custom", requirement="LW-CONTROL-2")
