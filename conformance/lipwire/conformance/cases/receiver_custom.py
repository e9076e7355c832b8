"""Custom messages, both ways, at a receiver (SPEC §12)."""

from typing import Any, Final

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay

CUSTOM: Final = ("custom",)
LARGEST: Final = 16_384
KEY: Final = "com.example.turn"


@case(
    "receiver.custom.taken",
    "LW-CUSTOM-1",
    why="an agent may tell its renderer anything, at any time: with a segment, between two, and all at once",
    features=CUSTOM,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.custom({KEY: 1}))
    it.send(m.segment_start(1))
    it.send(m.custom({KEY: 2}))
    it.say(1, m.pcm(480), start=False)
    it.send(m.custom({KEY: 3}), m.custom({KEY: 4}))
    for count in range(1, 5):
        said = await it.told("custom")
        it.check(said["content"] == {KEY: count}, f"number {count}", f"{said}")
    await it.heard(1, m.pcm(480))
    await it.told("segment_end", segment=1)


@case(
    "receiver.custom.sent",
    "LW-CUSTOM-1",
    why="a renderer may tell its agent anything, before it has said a word too",
    features=CUSTOM,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    contents: list[dict[str, Any]] = [{KEY: 1}, {KEY: {"nested": [1, 2.5, None, "é"]}}, {KEY: True, "com.example.b": 0}]
    for content in contents:
        await it.do("custom", content=content)
        said = await it.expect("custom")
        it.check(said.message.content == content, f"{content}", f"{said.message.content}")
    await it.goes_on()


@case(
    "receiver.custom.unknown_keys",
    "LW-CUSTOM-1",
    why="keys without a dot are of a later revision, others of other people: what is not known is ignored",
    features=CUSTOM,
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.custom({}))
    it.send(m.custom({"words": 1, "org.example.unknown": {"deep": [[[1]]]}, "": None, "é…": b"\x00\xff"}))
    await it.goes_on()


@case(
    "receiver.custom.largest",
    "LW-CUSTOM-1",
    "LW-LIMIT-2",
    why="16,384 bytes in the shortest encoding, and not one more",
    features=CUSTOM,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    content = m.content(LARGEST)
    it.send(m.custom(content))
    said = await it.told("custom")
    it.check(said["content"] == content, "16,384 bytes as they were sent", m.shown(said["content"]))
    await it.do("custom", content=content)
    back = await it.expect("custom")
    it.check(back.message.content == content, "and the same way back", m.shown(back.message.content))
    it.send(m.custom(m.content(LARGEST + 1)))
    await it.closes("limit_exceeded", requirement="LW-LIMIT-2")


@case(
    "receiver.custom.not_negotiated",
    "LW-REGISTRY-1",
    "LW-REGISTRY-2",
    why="where the sender does not take them none is sent; one that comes all the same breaks a rule",
    needs=("custom",),
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.attempt("custom", content={KEY: 1})
    await it.fence()
    it.none("custom")
    it.send(m.custom({KEY: 1}))
    await it.closes("out_of_state", requirement="LW-REGISTRY-2")


@case(
    "receiver.custom.while_lost",
    "LW-CUSTOM-1",
    "LW-RESUME-8",
    "LW-CONTROL-2",
    why="what is said while the transport is lost comes with the resume, once",
    features=("custom", "resume"),
    options={"limits": {"resume": 60_000}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.do("custom", content={KEY: "before"})
    await it.expect("custom")
    it.drop()
    said = await it.attempt("custom", content={KEY: "meanwhile"})
    it.numbers += 1
    it.unacknowledged[it.numbers] = m.custom({KEY: "of the sender"})
    await it.resume()
    await it.told("custom", content={KEY: "of the sender"}, requirement="LW-CONTROL-2")
    await it.do("custom", content={KEY: "after"})
    await it.expect("custom", content={KEY: "after"})
    await it.fence()
    words = [entry.message.content[KEY] for entry in it.seen("custom")]
    wanted = ["before", "meanwhile", "after"] if said else ["before", "after"]
    it.check(words == wanted, f"{wanted}", f"{words}", "LW-RESUME-8")
    it.once("event custom", requirement="LW-CONTROL-2")
