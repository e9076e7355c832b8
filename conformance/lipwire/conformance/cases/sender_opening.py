"""How a sender opens a session (SPEC §4, §7)."""

import asyncio
from typing import Any, Final

from lipwire.protocol.registry import Feature

from .. import messages as m
from ..case import case
from ..sender_play import SenderPlay, welcome_with
from .of_both_roles import EARLIEST, FORMATS

TOKEN: Final = "s3cret-of-the-kit-\u00e9"
FEATURES: Final = frozenset(feature.value for feature in Feature)


# -- hello -----------------------------------------------------------------------------------------------------------


@case(
    "sender.opening.hello",
    "LW-INVARIANT-1",
    "LW-OPEN-1",
    "LW-FORMAT-1",
    "LW-FEATURE-3",
    why="these three elements are what every version of a receiver reads",
)
async def _(it: SenderPlay) -> None:
    await it.meet()
    first = it.said()[0]
    raw = m.unpack(first.data)
    it.check(raw[:2] == [1, "lipwire"], "1 and the string lipwire", f"{raw[:2]}")
    versions = raw[2]
    it.check(isinstance(versions, list) and 1 in versions, "an array of versions, 1 among them", f"{versions}")
    it.check(first.name == "hello", "a hello as SPEC §6.1 has it", f"{first.name}: {first.fault}", "LW-OPEN-1")
    for encoding, rate, channels in it.hello.formats:
        known = encoding in ("s16le", "f32le") and 8_000 <= rate <= 48_000 and channels in (1, 2)
        it.check(known, "formats of this version", f"{[encoding, rate, channels]}", "LW-FORMAT-1")
    strange = [name for name in it.hello.features if "." not in name and name not in FEATURES]
    it.check(not strange, "no name without a dot that is not of this version", f"{strange}", "LW-FEATURE-3")
    it.welcome()
    await it.goes_on("LW-OPEN-1")


@case(
    "sender.opening.nothing_before_welcome",
    "LW-OPEN-1",
    "LW-OPEN-8",
    "LW-REGISTRY-1",
    why="the receiver has not agreed to anything yet, and on a reliable transport a hello does not get lost",
)
async def _(it: SenderPlay) -> None:
    await it.meet()
    segment = await it.open_segment({"text": "Hello"})
    await it.write(segment, m.pcm(960))
    if "marks" in it.declared:
        await it.attempt("mark", segment=segment, position=10, name="x")
    await asyncio.sleep(0.8)  # a repeat, where there is one, comes after 0.25 s
    await it.do("fence")
    said = [entry.name for entry in it.said()]
    it.check(said == ["hello"], "one hello, and nothing else", f"{said}", "LW-OPEN-8")
    it.check(set(said) == {"hello"}, "nothing but hello", f"{said}", "LW-OPEN-1")
    it.welcome()
    await it.arrives(segment, 960, "LW-OPEN-1")
    hellos = [entry for entry in it.trace if entry.kind == "message" and entry.name == "hello"]
    it.check(len(hellos) == 1, "one hello", f"{len(hellos)}", "LW-REGISTRY-1")


@case(
    "sender.opening.session_ids",
    "LW-INVARIANT-1",
    "LW-WIRE-4",
    why="an id that comes twice names somebody else's session",
)
async def _(it: SenderPlay) -> None:
    ids = set()
    for _ in range(3):
        other = await it.another()
        await other.open()
        await other.goes_on()
        ids.add(other.session)
        it.check(len(other.session) == 16, "a session id of 16 bytes", f"{other.session!r}", "LW-WIRE-4")
        it.check(other.hello.generation == 1, "generation 1", f"{other.hello.generation}", "LW-WIRE-4")
        await other.leave()
    it.check(len(ids) == 3, "three sessions, three ids", f"{ids}", "LW-WIRE-4")


@case(
    "sender.opening.grease",
    "LW-GREASE-1",
    why="what must be ignored has to come now and then, or nobody notices that it is not",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    digits = [name.removeprefix("grease.") for name in it.hello.features if name.startswith("grease.")]
    hexadecimal = any(one and set(one.lower()) <= set("0123456789abcdef") for one in digits)
    it.check(hexadecimal, "a feature named grease. and hexadecimal digits", f"{it.hello.features}")
    await it.expect("ignored")


@case(
    "sender.opening.token",
    "LW-WIRE-4",
    why="a receiver that requires a token looks for it in hello",
    needs=("token",),
    options={"token": TOKEN},
)
async def _(it: SenderPlay) -> None:
    await it.open()
    token = it.hello.auth
    it.check(token in (TOKEN, TOKEN.encode()), "auth is the token", f"{token}")
    await it.goes_on()


@case(
    "sender.opening.info",
    "LW-WIRE-6",
    why="a field that is absent before one that is there is nil on the wire",
    options={"info": {"com.example.x": "kit"}},
)
async def _(it: SenderPlay) -> None:
    await it.open()
    raw = m.unpack(next(entry.data for entry in it.trace if entry.name == "hello"))
    it.check(len(raw) > 10 and raw[8] is None and raw[9] is None, "nil for auth and resume", f"{raw[8:]}")
    info = it.hello.info or {}
    it.check(info.get("com.example.x") == "kit", "info behind them", f"{info}")
    await it.goes_on()


def _format_case(name: str, format_: list[Any], needs: tuple[str, ...]) -> None:
    @case(
        f"sender.opening.format_{name}",
        "LW-FORMAT-2",
        "LW-FORMAT-1",
        why="positions count samples per channel, so each format has its own arithmetic",
        needs=needs,
        options={"formats": [format_]},
    )
    async def _(it: SenderPlay) -> None:
        await it.open(limits={"window": format_[1] // 10})
        offered = list(map(list, it.hello.formats))
        it.require(offered[:1] == [format_], f"{format_} is offered first", f"{offered}", "LW-FORMAT-1")
        samples = format_[1] // 5 + 1  # more than the window holds
        pcm = bytes(at % 120 for at in range(samples * it.frame_bytes))
        segment = await it.say(pcm)
        await it.arrives(segment, samples, "LW-FORMAT-2")
        sizes = [len(entry.message.pcm) % it.frame_bytes for entry in it.seen("audio")]
        it.check(not any(sizes), f"chunks of whole PCM frames of {it.frame_bytes} bytes", f"{sizes}")
        await it.expect("segment_end", segment=segment, total=samples)
        it.end_stream(segment, samples)
        await it.ends(segment, samples, interrupted=False)
        it.check_credit("LW-FORMAT-2")
        second = await it.say(bytes(480 * it.frame_bytes))
        await it.arrives(second, 480, "LW-FORMAT-2")
        it.report(second, 480, 240)
        it.end_stream(second, None, cause=2)
        await it.ends(second, 240, interrupted=False, exact=False, requirement="LW-FORMAT-2")


for _row in (("mono", m.PCM_FORMAT, ()), *FORMATS):
    _format_case(*_row)


# -- welcome ---------------------------------------------------------------------------------------------------------


@case(
    "sender.opening.what_was_not_offered",
    "LW-OPEN-6",
    why="a receiver that chooses what was not offered would not be understood",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    rows: dict[str, dict[str, Any]] = {
        "version 0": {"version": 0},
        "version 4711": {"version": 4_711},
        "another rate": {"format": ["s16le", 16_000, 1]},
        "another encoding": {"format": ["f32le", 24_000, 1]},
        "two channels": {"format": ["s16le", 24_000, 2]},
        "an unknown encoding": {"format": ["opus", 24_000, 1]},
        "another session": {"session": bytes(16)},
        "another generation": {"generation": 4_711},
    }
    for what, fields in rows.items():
        await it.refused(what, "invalid_field", welcome_with(**fields), first=True)
    for what, name in {"a private feature": "com.example.x", "no feature at all": "lipsync"}.items():
        await it.refused(what, "invalid_field", lambda other, name=name: other.make_welcome(
            features=[*other.chosen(), name]), first=True)  # fmt: skip


@case(
    "sender.opening.resume_without_a_secret",
    "LW-OPEN-6",
    why="a session that is said to outlive its transport, without what it takes to resume it, would not",
    features=("resume",),
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await it.refused("resume and no secret", "invalid_field", welcome_with(secret=None), first=True)


@case(
    "sender.opening.feature_that_was_not_offered",
    "LW-OPEN-6",
    why="a feature that this sender was told not to offer is not there, though its code is",
    needs=("marks", "pause"),
    options={"features": ["pause"]},
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await it.accepted("pause alone", opening={"features": ["pause", *(["repair"] if it.kind == "webrtc" else [])]})
    await it.refused("marks", "invalid_field", lambda other: other.make_welcome(features=[*other.chosen(), "marks"]),
                     first=True)  # fmt: skip


@case(
    "sender.opening.grease_is_not_chosen",
    "LW-OPEN-6",
    why="a receiver that chooses every name it is offered chooses a meaningless one: what was offered may be chosen",
)
async def _(it: SenderPlay) -> None:
    await it.meet()
    it.welcome(features=[*it.chosen(), *(name for name in it.hello.features if name.startswith("grease."))])
    segment = await it.say(m.pcm(480))
    await it.arrives(segment, 480, "LW-OPEN-6")
    await it.goes_on()


@case(
    "sender.opening.welcome_repeated",
    "LW-OPEN-12",
    why="where messages get lost a hello is repeated, and so is its answer",
)
async def _(it: SenderPlay) -> None:
    await it.meet()
    welcome = it.make_welcome()
    for _ in range(3):
        it.send_exactly(welcome)
    await it.goes_on()
    segment = await it.open_segment()
    await it.write(segment, m.pcm(960))
    await it.arrives(segment, 960, "LW-OPEN-12")
    it.send_exactly(welcome)
    await it.fence()
    await it.write(segment, m.pcm(960, 2))
    await it.do("end", segment=segment)
    await it.arrives(segment, 1_920, "LW-OPEN-12")
    await it.expect("segment_end", segment=segment, total=1_920)
    it.once("event opened")
    it.once("segment_start")
    it.end_stream(segment, 1_920)
    await it.ends(segment, 1_920, interrupted=False, requirement="LW-OPEN-12")


@case(
    "sender.opening.another_welcome",
    "LW-REGISTRY-2",
    why="a session is agreed on once: another welcome is no repeat of the one that opened it",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    others: dict[str, dict[str, Any]] = {
        "another window": {"limits": {"window": 9_600}},
        "an info": {"info": {"software": "kit"}},
    }
    for what, fields in others.items():
        other = await it.another()
        await other.open()
        await other.fence()
        other.send_exactly(other.make_welcome(**fields))
        it.step(f"a second welcome with {what}")
        await other.closes("out_of_state")
        await other.leave()


@case(
    "sender.opening.reports_that_overtake_welcome",
    "LW-OPEN-13",
    why="on media they may be faster than welcome on control",
)
async def _(it: SenderPlay) -> None:
    await it.meet()
    # On control: on a media channel they might be overtaken by welcome, and then they would be wrong.
    for message in (m.progress(1, 0), m.progress(7, 4_800, 480, 240), m.nack(1, (0, 480)), m.nack(9, (3, 4))):
        it.send_exactly(message)
    it.welcome()
    segment = await it.say(m.pcm(480))
    await it.arrives(segment, 480, "LW-OPEN-13")
    await it.goes_on()


@case(
    "sender.opening.no_welcome_in_time",
    "LW-OPEN-7",
    why="a receiver that does not answer is none",
    options={"limits": {"handshake": 1_000}},
)
async def _(it: SenderPlay) -> None:
    began = it.now()
    await it.meet()
    close = await it.find("close")
    passed = it.now() - began
    code = None if close is None else close.message[0]
    it.check(code == 37, "close handshake_timeout", it.lately())
    it.check(passed >= EARLIEST, "not before the handshake time, 1 s", f"after {passed:.2f} s")
    it.none("event opened")


@case(
    "sender.opening.no_welcome_in_time_on_a_resume",
    "LW-OPEN-7",
    why="the receiver may have resumed, and its welcome be lost: a close would end the session there",
    features=("resume",),
    options={"limits": {"handshake": 1_000}},
    transports=("websocket",),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    await it.fence()
    it.drop()
    await it.connect()
    await it.take_hello()
    await it.transport_ends()
    it.none("close")
    await it.reopen()
    await it.goes_on()
    it.none("event closed")


@case(
    "sender.opening.required_feature_not_chosen",
    "LW-BINDING-2",
    "LW-BINDING-1",
    why="on a channel that loses, repair is no choice: it is offered whatever else is",
    transports=("webrtc",),
    options={"features": []},
    judged=False,
)
async def _(it: SenderPlay) -> None:
    other = await it.another()
    await other.open()
    it.check("repair" in other.hello.features, "repair is offered", f"{other.hello.features}", "LW-BINDING-1")
    await other.goes_on("LW-BINDING-1")
    await other.leave()
    await it.refused("repair not chosen", "feature_required", welcome_with(features=[]), first=True)


# -- what is said before the session is open -------------------------------------------------------------------------


@case(
    "sender.opening.segments_said_before_it",
    "LW-OPEN-1",
    "LW-SEGMENT-5",
    "LW-SEGMENT-3",
    why="an agent speaks when it has something to say: whole segments may wait for their session",
)
async def _(it: SenderPlay) -> None:
    await it.meet()
    said = [await it.say(m.pcm(samples, samples)) for samples in (960, 0, 1_441)]
    open_one = await it.open_segment({"text": "and"})
    await it.write(open_one, m.pcm(480, 4))
    await it.do("fence")
    early = {entry.name for entry in it.said()}
    it.check(early == {"hello"}, "nothing but hello before welcome", f"{early}")
    it.welcome()
    for segment, samples in zip(said, (960, 0, 1_441), strict=True):
        await it.expect("segment_start", segment=segment, requirement="LW-SEGMENT-3")
        await it.arrives(segment, samples, "LW-OPEN-1")
        await it.expect("segment_end", segment=segment, total=samples, requirement="LW-SEGMENT-5")
    start = await it.expect("segment_start", segment=open_one, requirement="LW-SEGMENT-3")
    it.check(start.message.metadata == {"text": "and"}, "the metadata", f"{start.message}")
    await it.arrives(open_one, 480, "LW-OPEN-1")
    it.none("segment_end", segment=open_one, requirement="LW-SEGMENT-5")


@case(
    "sender.opening.cut_before_it",
    "LW-INTERRUPT-8",
    "LW-SEGMENT-1",
    "LW-STREAM-8",
    why="what was cut before it was started never comes to exist for the receiver, and nobody heard any of it",
)
async def _(it: SenderPlay) -> None:
    await it.meet()
    first, second = await it.say(m.pcm(960)), await it.say(m.pcm(960, 2))
    await it.do("interrupt", segment=None)
    for segment in (first, second):
        told = await it.told("stream_ended", segment=segment, requirement="LW-INTERRUPT-8")
        right = told["position"] == 0 and told["interrupted"]
        it.check(right, f"segment {segment} is over at once, at 0, interrupted", f"{told}")
        it.check(told["exact"], "0 is no lower bound: none of it was started", f"{told}", "LW-STREAM-8")
    third = await it.say(m.pcm(960, 3))
    it.check(third > second, f"an id above {second}", f"{third}", "LW-SEGMENT-1")
    it.welcome()
    await it.arrives(third, 960, "LW-INTERRUPT-8")
    await it.goes_on()
    for segment in (first, second):
        for name in ("segment_start", "audio", "segment_end"):
            it.none(name, segment=segment, requirement="LW-INTERRUPT-8")
    for chunk in it.seen("audio", segment=third):
        it.check(chunk.message.cut_through <= second, f"cut_through at most {second}", f"{chunk.message}",
                 "LW-INTERRUPT-8")  # fmt: skip


@case(
    "sender.opening.refused",
    "LW-CLOSE-4",
    "LW-CLOSE-1",
    why="what waited for a session that does not come to be ends all the same",
)
async def _(it: SenderPlay) -> None:
    await it.meet()
    segment = await it.say(m.pcm(960))
    it.send(m.close(36, "no"))
    told = await it.told("stream_ended", segment=segment)
    it.check((told["position"] or 0) == 0 and told["interrupted"], "interrupted at 0", f"{told}")
    closed = await it.told("closed", requirement="LW-CLOSE-1")
    it.check(closed["code"] == 36 and closed["by"] == "peer", "closed by the peer, unauthorized", f"{closed}",
             "LW-CLOSE-1")  # fmt: skip
    it.none("event opened", requirement="LW-CLOSE-1")
    it.none("close", requirement="LW-CLOSE-1")
    it.check_results(segment)
