"""How a receiver reads and writes the wire (SPEC §2, §6)."""

from typing import Any, Final

from lipwire.protocol.channels import Channel

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay
from . import wire_of_both_roles
from .wire_of_both_roles import EXTENSIONS, FIRST_RULES, MALFORMED, NOT_UTF_8

PROGRESS: Final = 28
STREAM_ENDED: Final = 29
# -- encodings -------------------------------------------------------------------------------------------------------


@case(
    "receiver.wire.wide_integers",
    "LW-WIRE-2",
    why="some libraries write every integer wide",
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.connect()
    it.send_exactly(m.wide(m.hello(it.session, features=it.offered())))
    await it.expect("welcome")
    await wire_of_both_roles.wide_integers(it)


@case(
    "receiver.wire.unusual_encodings",
    "LW-WIRE-2",
    "LW-WIRE-7",
    why="what is one whole array is no worse for being written at length",
)
async def _(it: ReceiverPlay) -> None:
    await it.connect()
    it.send_exactly(m.wide(m.hello(it.session, features=it.offered())))
    await it.expect("welcome", requirement="LW-WIRE-7")
    pcm = m.pcm(480)
    media = it._channel_of(17)
    it.send_exactly(m.wide(m.segment_start(1, {"text": "Hi", "com.example.x": [1, {"a": None}]})))
    told = await it.told("segment_start", segment=1)
    it.check(told["metadata"] == {"text": "Hi", "com.example.x": [1, {"a": None}]}, "the metadata", f"{told}",
             "LW-WIRE-7")  # fmt: skip
    it.send_exactly(m.wide(m.audio(1, 0, pcm)), channel=media)
    it.send_exactly(m.wide(m.segment_end(1, 480)))
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1, total=480)


@case(
    "receiver.wire.elements_more",
    "LW-WIRE-5",
    why="later revisions of this version add fields at the end",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(480)
    more = [None, 2.5, {"a": [1]}, {3: 4}, -1]
    it.send([*m.ping(77), *more])
    await it.expect("pong", t1=77)
    it.send([*m.segment_start(1, {"text": "Hi"}), *more], [*m.audio(1, 0, pcm), *more], [*m.segment_end(1, 480), *more])
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1, total=480)
    it.send([*m.interrupt(1), *more])
    await it.expect("cut", first=1, last=1)
    it.send([*m.pong(5), *more])
    await it.goes_on()


@case(
    "receiver.wire.absent_fields",
    "LW-WIRE-6",
    why="an absent field is nil, or not there at all",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send([16, 1], m.segment_end(1, 0), [16, 2, None], m.segment_end(2, 0), [16, 3, {}], m.segment_end(3, 0))
    for segment in (1, 2, 3):
        told = await it.told("segment_start", segment=segment)
        it.check(told["metadata"] in ({}, None), f"segment {segment} has no metadata", f"{told['metadata']}")
    await it.goes_on()


@case(
    "receiver.wire.absent_fields_before_others",
    "LW-WIRE-6",
    why="a field that is left out, with others behind it, moves those to its place",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.say(1, m.pcm(480))
    await it.told("segment_end", segment=1)
    await it.until(lambda: bool(_sent(it, PROGRESS)), "a progress")
    for progress in _sent(it, PROGRESS):
        it.check(len(progress) >= 7 and progress[4] is None, "a progress with nil for played", f"{progress}")
    await it.do("stream_ended", segments=[1], position=None, interrupted=False, failed=True)
    await it.until(lambda: bool(_sent(it, STREAM_ENDED)), "a stream_ended")
    for ended in _sent(it, STREAM_ENDED):
        it.check(len(ended) >= 5 and ended[2] is None, "a stream_ended with nil for its position", f"{ended}")


def _sent(it: ReceiverPlay, kind: int) -> list[list[Any]]:
    """The messages of that type that have come, as they were, whether they can be read or not."""
    arrays = [m.unpack(entry.data) for entry in it.said()]
    return [array for array in arrays if isinstance(array, list) and array[:1] == [kind]]


# -- what is refused -------------------------------------------------------------------------------------------------


@case(
    "receiver.wire.malformed",
    "LW-WIRE-7",
    "LW-CLOSE-6",
    why="what can not be read is refused as such, with a word",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    start = m.packed(m.segment_start(1, {"text": "Hello"}))
    rows = {
        **MALFORMED,
        "an array that ends too early": b"\x95\x11\x01\x00",
        "a map that ends too early": start[:-1],
        **{f"text that is not UTF-8, {what}": b"\x93\x10\x01\x81\xa1a" + text for what, text in NOT_UTF_8.items()},
        "a key that is not UTF-8": b"\x93\x10\x01\x81\xa1\xff\x01",
        "the INTERRUPT of version 0": b"INTERRUPT",
    }
    for what, data in rows.items():
        await it.refused(what, "malformed", data)
    closes = len([one for one in it.said() if one.name == "close"])
    it.check(closes == len(rows), f"{len(rows)} close messages", f"{closes}", "LW-CLOSE-6")


@case(
    "receiver.wire.text",
    "LW-WIRE-11",
    why="version 1 has binary messages only",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    for text in ("hello", "", "INTERRUPT", '{"type": "segment_end"}', "\x92\x04\x05"):
        await it.refused(f"text {text!r}", "malformed", text)


@case(
    "receiver.wire.unknown_types",
    "LW-WIRE-10",
    why="a type of a later version can not be passed over: nobody knows what it would have changed",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await wire_of_both_roles.unknown_types(it)


@case(
    "receiver.wire.ignorable_types",
    "LW-WIRE-10",
    "LW-WIRE-14",
    why="types 64 to 127 are for messages that old peers pass over, whatever they hold",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(480)
    it.send(m.segment_start(1))
    for number in range(64, 128):
        it.send([number])
    it.send([64, -1, 1.5, "", b"", {}, {1: 2}, {None: [{b"x": True}]}, 2**64 - 1], m.wide([127, 5, {"a": [1]}]))
    it.send_exactly(b"\x92\x40\x81\x91\x01\x02")  # a key that is an array
    it.send_audio(1, pcm)
    it.send(m.GREASE, m.segment_end(1, 480))
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1, total=480)
    it.check(True, "they are passed over, whatever is in them", "", "LW-WIRE-14")
    await it.goes_on()


@case(
    "receiver.wire.extensions",
    "LW-WIRE-12",
    why="what a library makes of an extension is anybody's guess",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await wire_of_both_roles.extensions(it)
    for what, data in EXTENSIONS.items():
        await it.refused(f"{what}, in metadata", "invalid_field", b"\x93\x10\x01\x81\xa1a" + data)


@case(
    "receiver.wire.keys_that_are_no_strings",
    "LW-WIRE-12",
    why="most languages have maps with strings as keys alone",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    head = b"\x93\x10\x01"
    for what, data in {
        "an integer": b"\x81\x01\x02",
        "a binary": b"\x81\xc4\x01a\x02",
        "nil": b"\x81\xc0\x02",
        "a float": b"\x81\xca\0\0\0\0\x02",
        "true": b"\x81\xc3\x02",
        "an array": b"\x81\x91\x01\x02",
        "a map": b"\x81\x80\x02",
        "an integer, one level down": b"\x81\xa1a\x81\x01\x02",
        "an integer, within an array": b"\x81\xa1a\x91\x81\x01\x02",
        "an integer beside a string": b"\x82\xa1a\x01\x02\x03",
    }.items():
        await it.refused(f"{what} as a key of metadata", "invalid_field", head + data)


@case(
    "receiver.wire.repeated_keys",
    "LW-WIRE-12",
    why="of a key that comes twice the last value counts, everywhere alike",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send_exactly(b"\x93\x10\x01\x83\xa1a\x01\xa1b\x02\xa1a\x03")
    told = await it.told("segment_start", segment=1)
    it.check(told["metadata"] == {"a": 3, "b": 2}, "metadata {a: 3, b: 2}", f"{told['metadata']}")


@case(
    "receiver.wire.any_channel",
    "LW-WIRE-13",
    why="a message may come on either channel: copies go on both, and one channel may be faster",
    transports=("webrtc",),
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(480)
    it.send(m.segment_start(1), channel=Channel.MEDIA)
    await it.told("segment_start", segment=1)
    it.send(m.audio(1, 0, pcm), channel=Channel.CONTROL)
    await it.heard(1, pcm)
    it.send(m.segment_end(1, 480), channel=Channel.MEDIA)
    await it.told("segment_end", segment=1, total=480)
    it.send(m.ping(77), channel=Channel.MEDIA)
    await it.expect("pong", t1=77)
    it.send(m.interrupt(1), channel=Channel.MEDIA)
    await it.expect("cut", first=1, last=1)
    it.send(m.GREASE, channel=Channel.MEDIA)
    it.send([40], channel=Channel.MEDIA)
    await it.closes("unknown_message")


@case(
    "receiver.wire.first_rule_that_is_broken",
    "LW-WIRE-14",
    why="two receivers name the same code for the same bytes, or the code says nothing",
    options={"limits": {"message": 4_096}},
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    big = {"text": "x" * 16_400}
    rows: list[tuple[str, str, m.Raw]] = [
        *FIRST_RULES,
        ("size before a map's size", "message_too_large", m.segment_start(1, big)),
        ("whole, though to be ignored", "malformed", b"\x92\x46"),
        ("depth, though to be ignored", "limit_exceeded", [70, m.nested(8)]),
        ("extensions, though to be ignored", "invalid_field", b"\x92\x46\xd4\x05\x00"),
        ("UTF-8, though to be ignored", "malformed", b"\x92\x46\xa1\xff"),
        ("UTF-8 before fields", "malformed", b"\x93\x10\x00\x81\xa1a\xa1\xff"),
        ("fields before direction", "invalid_field", [27, 0, 1]),
        ("fields before direction, absent ones", "invalid_field", [29]),
        ("fields before the feature", "invalid_field", m.mark(0, 0, "x")),
        ("fields before the feature, a name", "invalid_field", m.mark(1, 0, "")),
        ("fields before state", "invalid_field", m.hello(b"short")),
        ("direction before meaning", "out_of_state", m.stream_ended(7, 0)),
        ("the feature before meaning", "out_of_state", m.mark(7, 0, "x")),
        ("state before meaning", "out_of_state", m.hello(it.session, formats=[["opus", 1, 1]])),
    ]
    for what, code, message in rows:
        await it.refused(what, code, message)
    for code, what, message in (
        ("unsupported_version", "the version before fields of hello", [1, "lipwire", [77], None]),
        ("limit_exceeded", "depth before the version", [1, "lipwire", [77], m.nested(8)]),
        ("invalid_field", "fields of hello before formats", m.hello(b"short", formats=[["opus", 1, 1]])),
        ("invalid_field", "formats that are none before the format", m.hello(it.session, formats=[["opus", 1]])),
    ):
        await it.refused(what, code, message, first=True)


@case(
    "receiver.wire.fields_in_their_order",
    "LW-WIRE-14",
    why="of two wrong fields the first one counts",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    large = m.content(16_385)
    await it.refused("segment before metadata", "invalid_field", m.segment_start(0, large))
    await it.refused("metadata alone", "limit_exceeded", m.segment_start(1, large))
    await it.refused("formats before info", "invalid_field", m.hello(it.session, formats=[], info=large), first=True)
    await it.refused("info before nothing", "limit_exceeded", m.hello(it.session, info=large), first=True)
