"""How a sender reads the wire (SPEC §2)."""

from typing import Any

from lipwire.protocol.channels import Channel

from .. import messages as m
from ..case import case
from ..sender_play import SenderPlay, welcome_with
from . import wire_of_both_roles
from .wire_of_both_roles import FIRST_RULES, MALFORMED, NOT_UTF_8

# -- encodings -------------------------------------------------------------------------------------------------------


@case(
    "sender.wire.wide_integers",
    "LW-WIRE-2",
    why="some libraries write every integer wide, in welcome already",
)
async def _(it: SenderPlay) -> None:
    await it.meet()
    it.send_exactly(m.wide(it.make_welcome()))
    await it.fence()
    await wire_of_both_roles.wide_integers(it)


@case(
    "sender.wire.unusual_encodings",
    "LW-WIRE-2",
    "LW-WIRE-7",
    why="what is one whole array is no worse for being written at length",
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("progress")
    await it.meet()
    it.send_exactly(m.wide(it.make_welcome(info={"software": "kit", "more": [1, {"a": None}, 2.5, True]})))
    segment = await it.say(m.pcm(480))
    await it.arrives(segment, 480, "LW-WIRE-7")
    it.send_exactly(m.wide(m.stream_started(segment, 7)))
    await it.told("stream_started", segment=segment, requirement="LW-WIRE-7")
    it.send_exactly(m.wide(m.progress(segment, 480, 480, 240, highest=480)))
    it.send_exactly(m.wide(m.stream_ended(segment, 480)))
    await it.ends(segment, 480, interrupted=False, requirement="LW-WIRE-2")
    segment = await it.say(m.pcm(480, 2))
    await it.arrives(segment, 480, "LW-WIRE-7")
    it.auto.discard("cut")
    await it.do("interrupt", segment=None)
    await it.expect("interrupt", first=segment, requirement="LW-INTERRUPT-2")
    it.send_exactly(m.wide(m.cut(segment, segment, [[segment, 480]])))
    it.send_exactly(m.wide(m.stream_ended(segment, 240, True, 1)))
    await it.ends(segment, 240, interrupted=True, requirement="LW-WIRE-7")
    it.send_exactly(m.wide(m.close(1, "bye", None, {"com.example.x": [1]})))
    closed = await it.told("closed", requirement="LW-WIRE-2")
    it.check(closed["code"] == 1, "closed with code 1", f"{closed}")


@case(
    "sender.wire.elements_more",
    "LW-WIRE-5",
    why="later revisions of this version add fields at the end",
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"progress", "cut"}
    more = [None, 2.5, {"a": [1]}, {3: 4}, -1]
    await it.meet()
    it.send_exactly([*it.make_welcome(info={}), *more])
    it.send([*m.ping(77), *more])
    await it.expect("pong", t1=77)
    it.send([*m.pong(5), *more])
    segment = await it.say(m.pcm(480))
    await it.arrives(segment, 480, "LW-WIRE-5")
    it.send([*m.progress(segment, 480, 480, 240, highest=480), *more], [*m.stream_started(segment), *more])
    await it.told("stream_started", segment=segment)
    it.send([*m.stream_ended(segment, 480), *more])
    await it.ends(segment, 480, interrupted=False, requirement="LW-WIRE-5")
    segment = await it.say(m.pcm(480, 2))
    await it.arrives(segment, 480, "LW-WIRE-5")
    await it.do("interrupt", segment=None)
    await it.expect("interrupt", first=segment)
    it.send([*m.cut(segment, segment, [[segment, 480]]), *more], [*m.stream_ended(segment, 0, True, 1), *more])
    await it.ends(segment, 0, interrupted=True, requirement="LW-WIRE-5")
    await it.goes_on()


@case(
    "sender.wire.absent_fields",
    "LW-WIRE-6",
    why="an absent field is nil, or not there at all",
)
async def _(it: SenderPlay) -> None:
    for what, length in (("nil", 10), ("not there", 7)):
        it.step(f"the last fields of welcome and progress are {what}")
        other = await it.another()
        other.auto.discard("progress")
        await other.meet()
        other.send_exactly(other.make_welcome()[:length])
        segment = await other.say(m.pcm(480))
        await other.arrives(segment, 480, "LW-WIRE-6")
        absent = [28, segment, 480, 480, None, 1, 0, None]
        other.send(absent if what == "nil" else absent[:7])
        await other.goes_on()
        other.send([29, segment, None, False, 2])
        told = await other.told("stream_ended", segment=segment)
        it.check(not told["exact"], "a position that is nil is not exact", f"{told}")
        await other.leave()


# -- what is refused -------------------------------------------------------------------------------------------------


@case(
    "sender.wire.malformed",
    "LW-WIRE-7",
    "LW-CLOSE-6",
    why="what can not be read is refused as such, with a word",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    rows = {
        **MALFORMED,
        "an array that ends too early": b"\x95\x1d\x01\x00",
        "a map that ends too early": b"\x95\x03\x00\xa0\xc0\x81\xa1a",
        **{f"text that is not UTF-8, {what}": b"\x93\x03\x00" + text for what, text in NOT_UTF_8.items()},
        "a key that is not UTF-8": b"\x95\x03\x00\xa0\xc0\x81\xa1\xff\x01",
    }
    for what, data in rows.items():
        await it.refused(what, "malformed", data)
    first = {"nothing": b"", "junk": b"\xc1", "a welcome that ends too early": b"\x98\x02\x01"}
    for what, data in first.items():
        await it.refused(f"{what} in the place of welcome", "malformed", data, first=True)
    closes, due = len([one for one in it.said() if one.name == "close"]), len(rows) + len(first)
    it.check(closes == due, f"{due} close messages", f"{closes}", "LW-CLOSE-6")


@case(
    "sender.wire.text",
    "LW-WIRE-11",
    why="version 1 has binary messages only",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    ack = '{"type": "stream_ended", "data": {"playback_position": 1.5, "interrupted": false}}'
    for text in ("hello", "", ack, "\x92\x04\x05"):
        await it.refused(f"text {text!r}", "malformed", text)
    await it.refused("text in the place of welcome", "malformed", "welcome", first=True)


@case(
    "sender.wire.unknown_types",
    "LW-WIRE-10",
    why="a type of a later version can not be passed over: nobody knows what it would have changed",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await wire_of_both_roles.unknown_types(it)


@case(
    "sender.wire.ignorable_types",
    "LW-WIRE-10",
    "LW-WIRE-14",
    why="types 64 to 127 are for messages that old peers pass over, whatever they hold",
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.open_segment()
    await it.write(segment, m.pcm(480))
    for number in range(64, 128):
        it.send([number])
    it.send([64, -1, 1.5, "", b"", {}, {1: 2}, {None: [{b"x": True}]}, 2**64 - 1], m.wide([127, 5, {"a": [1]}]))
    it.send_exactly(b"\x92\x40\x81\x91\x01\x02")  # a key that is an array
    await it.arrives(segment, 480, "LW-WIRE-10")
    it.send(m.GREASE)
    await it.write(segment, m.pcm(480, 2))
    await it.do("end", segment=segment)
    await it.arrives(segment, 960, "LW-WIRE-10")
    it.end_stream(segment, 960)
    await it.ends(segment, 960, interrupted=False, requirement="LW-WIRE-10")
    await it.goes_on("LW-WIRE-14")


@case(
    "sender.wire.extensions",
    "LW-WIRE-12",
    why="what a library makes of an extension is anybody's guess",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await wire_of_both_roles.extensions(it)


@case(
    "sender.wire.keys_that_are_no_strings",
    "LW-WIRE-12",
    why="most languages have maps with strings as keys alone",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    for what, key in {"an integer": 1, "a binary": b"a", "nil": None, "a float": 0.5, "true": True}.items():
        await it.refused(f"{what} as a key of info", "invalid_field", welcome_with(info={key: 1}), first=True)
    for what, fields in (
        ("one level down", {"info": {"a": {1: 2}}}),
        ("within an array", {"info": {"a": [{1: 2}]}}),
        ("beside a string", {"info": {"a": 1, 2: 3}}),
        ("as a key of limits", {"limits": {7: 1}}),
    ):
        await it.refused(f"an integer {what}", "invalid_field", welcome_with(**fields), first=True)


@case(
    "sender.wire.repeated_keys",
    "LW-WIRE-12",
    why="of a key that comes twice the last value counts, everywhere alike",
)
async def _(it: SenderPlay) -> None:
    await it.meet()
    it.auto.discard("consume")
    usual = it.make_welcome()
    limits = b"\x82" + m.packed("window") + m.packed(48_000) + m.packed("window") + m.packed(2_400)
    it.limits = {"window": 2_400}
    it.send_exactly(b"\x98" + b"".join(map(m.packed, usual[:6])) + limits + m.packed(None))
    segment = await it.say(m.pcm(9_600))
    await it.arrives(segment, 1, "LW-WIRE-12")
    await it.settle()
    it.check_credit("LW-WIRE-12")
    it.auto.add("consume")
    it.report(segment)
    await it.arrives(segment, 9_600, "LW-WIRE-12")


@case(
    "sender.wire.any_channel",
    "LW-WIRE-13",
    why="a message may come on either channel: one may be faster, or lose nothing",
    transports=("webrtc",),
    judged=False,
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"progress", "cut"}
    await it.open(limits={"window": 2_400})
    segment = await it.open_segment()
    await it.write(segment, m.pcm(2_400))
    await it.arrives(segment, 2_400, "LW-WIRE-13")

    async def on_media(what: str, message: m.Raw, sign: str, **fields: Any) -> None:
        for _ in range(20):  # media may lose
            it.send(message, channel=Channel.MEDIA)
            if await it.find(sign, within=0.3, **fields) is not None:
                break
        it.check(bool(it.seen(sign, **fields)), f"{what} on media is taken", it.lately())

    await on_media("a ping", m.ping(77), "pong", t1=77)
    it.send(m.progress(segment, 2_400), channel=Channel.CONTROL)  # which makes room
    await it.write(segment, m.pcm(480, 2))
    await it.arrives(segment, 2_880, "LW-WIRE-13")
    await on_media("stream_ended", m.stream_ended(segment, 0, False, 2), "event stream_ended", segment=segment)
    it.send(m.GREASE, channel=Channel.MEDIA)
    await it.goes_on()


# -- which rule comes first ------------------------------------------------------------------------------------------


@case(
    "sender.wire.first_rule_that_is_broken",
    "LW-WIRE-14",
    why="two senders name the same code for the same bytes, or the code says nothing",
    needs=("limit.message",),
    options={"limits": {"message": 4_096}},
    judged=False,
)
async def _(it: SenderPlay) -> None:
    rows: list[tuple[str, str, object]] = [
        *FIRST_RULES,
        ("UTF-8 before fields", "malformed", b"\x93\x1b\x00\xa1\xff"),
        ("fields before direction", "invalid_field", m.segment_end(0, 1)),
        ("fields before direction, absent ones", "invalid_field", [17]),
        ("fields before the feature", "invalid_field", m.mark_reached(0, "x")),
        ("fields before the feature, a name", "invalid_field", m.mark_reached(1, "")),
        ("fields before state", "invalid_field", m.welcome(b"short")),
        ("fields before meaning", "invalid_field", m.stream_ended(77, 0, 1)),
        ("direction before meaning", "out_of_state", m.segment_end(77, 0)),
        ("the feature before meaning", "out_of_state", m.mark_reached(77, "x")),
        ("state before meaning", "out_of_state", m.welcome(bytes(16), version=4_711)),
    ]
    for what, code, message in rows:
        await it.refused(what, code, message)
    for what, code, message in (
        ("depth before the fields of welcome", "limit_exceeded", [2, 1, b"short", m.nested(8)]),
        ("fields before what was offered", "invalid_field", welcome_with(version=4_711, info=1)),
        ("state before fields that are right", "out_of_state", m.cut(1, 1)),
    ):
        await it.refused(what, code, message, first=True)


@case(
    "sender.wire.fields_in_their_order",
    "LW-WIRE-14",
    why="of two wrong fields the first one counts",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    large = m.content(16_385)
    for what, code, fields in (
        ("the session before info", "invalid_field", {"session": b"short", "info": large}),
        ("info alone", "limit_exceeded", {"info": large}),
        ("limits before the secret", "limit_exceeded", {"limits": {"x": "x" * 17_000}, "secret": 7}),
        ("the secret before info", "invalid_field", {"secret": 7, "info": large}),
    ):
        await it.refused(what, code, welcome_with(**fields), first=True)
