"""Version 0 at a receiver, a profile of its own: its session, audio and texts (SPEC, Appendix A.3 and A.5)."""

import json
from typing import Final

from lipwire.protocol.errors import CloseCode

from .. import messages as m
from ..driver import Refused
from ..receiver_play import ReceiverPlay
from ..version0 import (
    INTERRUPT,
    NO_COOLDOWN,
    RATE,
    SEGMENT_END,
    acked,
    acks_of,
    begin,
    case0,
    say,
    told_interrupted,
    well_spoken,
    whole,
)

# -- the session -----------------------------------------------------------------------------------------------


@case0(
    "receiver.version0.session",
    "LW-V0-1",
    "LW-V0-2",
    "LW-V0-22",
    "LW-V0-23",
    "LW-V0-27",
    "LW-V0-28",
    why="an utterance from its first sample to its ack: no handshake, no ids, and no byte of version 1",
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    it.none("text", requirement="LW-V0-1")
    it.none("bytes", requirement="LW-V0-1")
    await whole(it, 1, 7_500)
    await it.attempt("stream_started", segment=1)
    await it.do("played", segment=1, position=4_800)
    await it.finish(1, 7_500)
    await acked(it, 1, 7_500, requirement="LW-V0-28")
    await whole(it, 2)
    await it.finish(2, 480)
    await acked(it, 2, 480)
    await it.fence()
    it.handed_whole(1, 2, requirement="LW-V0-23")
    well_spoken(it, 2)


@case0(
    "receiver.version0.ends_with_the_transport",
    "LW-V0-1",
    "LW-V0-30",
    "LW-V0-23",
    why="there is no close: the end of the transport is an orderly end, and the next transport is another session",
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    await whole(it, 1)
    await whole(it, 2)
    it.drop()
    closed = await it.told("closed", requirement="LW-V0-30")
    it.check(closed["code"] == CloseCode.NORMAL, "closed as normal", f"{closed}", "LW-V0-30")
    await it.connect()
    second = await it.told("session", requirement="LW-V0-1")
    it.check(second["session"] == 2, "a session of its own", f"{second}", "LW-V0-1")
    say(it, m.pcm(480, 7))
    said = await it.told("audio", where=lambda told: told["session"] == 2, requirement="LW-V0-1")
    place = (said["segment"], said["position"])
    it.check(place == (1, 0), "segments from 1 and samples from 0 again", f"{place}", "LW-V0-23")


@case0(
    "receiver.version0.hands_out_nothing_after_the_end",
    "LW-V0-30",
    "LW-CLOSE-3",
    why="who is gone does not speak on: what waits is dropped, and the consumer stops what it plays",
    needs=("hold",),
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    say(it, m.pcm(480))
    await it.heard(1, m.pcm(480))
    await it.do("hold")
    say(it, m.pcm(480, 2), SEGMENT_END)
    it.drop()
    await it.told("interrupted", where=lambda told: 1 in told["segments"], requirement="LW-CLOSE-3")
    at = await it.fence()
    await it.do("release")
    await it.told("closed")
    await it.fence()
    it.none("event audio", since=at)
    it.none("event segment_end", since=at)


@case0(
    "receiver.version0.other_formats",
    "LW-V0-3",
    why="it carries mono s16le alone: a user who asks for stereo is refused, and not served noise",
    needs=("stereo",),
)
async def _(it: ReceiverPlay) -> None:
    try:
        await it.start(formats=[["s16le", RATE, 2]])
    except Refused:
        it.check(True, "refused towards its user")
    else:
        it.check(False, "refused towards its user", "it is started")


@case0(
    "receiver.version0.other_encoding",
    "LW-V0-3",
    why="nor is there f32le",
    needs=("f32le",),
)
async def _(it: ReceiverPlay) -> None:
    try:
        await it.start(formats=[["f32le", RATE, 1]])
    except Refused:
        it.check(True, "refused towards its user")
    else:
        it.check(False, "refused towards its user", "it is started")


@case0(
    "receiver.version0.other_rate",
    "LW-V0-28",
    "LW-V0-22",
    why="the rate is what both were given: the ack is in seconds, so it depends on it",
    needs=("rates",),
    options={"formats": [["s16le", 8_000, 1]]},
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    await whole(it, 1, 4_000)
    await it.finish(1, 4_000)
    await it.until(lambda: bool(acks_of(it)), "a stream_ended")
    it.check(acks_of(it)[0] == (0.5, False), "0.5 s, not interrupted", f"{acks_of(it)[0]}")


@case0(
    "receiver.version0.no_custom",
    "LW-V0-5",
    "LW-V0-2",
    why="what version 0 does not have its user is told of: nothing vanishes without a trace",
    needs=("custom",),
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    sent = await it.attempt("custom", content={"com.example.x": 1})
    it.check(not sent, "a custom message is refused towards its user", "it is taken")
    await whole(it, 1)
    await it.finish(1, 480)
    await acked(it, 1, 480, requirement="LW-V0-2")
    well_spoken(it, 1)


# -- audio and segments ----------------------------------------------------------------------------------------


@case0(
    "receiver.version0.segments",
    "LW-V0-23",
    why="the first audio begins a segment, an end without audio is an empty one; numbers and positions are its own",
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    pcm = m.pcm(1_440)
    for start in range(0, len(pcm), 700):
        say(it, pcm[start : start + 700])
    say(it, SEGMENT_END)
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1, total=1_440)
    say(it, SEGMENT_END)
    await it.told("segment_start", segment=2)
    await it.told("segment_end", segment=2, total=0)
    await it.finish(1, 1_440)
    await it.finish(2, 0)
    await acked(it, 1, 1_440, requirement="LW-V0-23")
    await acked(it, 2, 0, requirement="LW-V0-23")
    say(it, m.pcm(480, 3))
    await it.heard(3, m.pcm(480, 3))
    say(it, m.pcm(480, 4))
    await it.heard(3, m.pcm(480, 4), start=480)


TEXTS: Final = {
    "silence": "\x00" * 960,
    "letters": "abcd",
    "characters of several bytes": "é€😀x",
    "a number": "1234",
    "an array": '["segment_end"]',
    "an object without a type": '{"t": 12}',
    "an object whose type is no string": '{"type": 1} ',
    "what begins as JSON": '{"type": "segment_end"',
}


@case0(
    "receiver.version0.audio_as_text",
    "LW-V0-22",
    why="a room's client decodes what is valid UTF-8, digital silence above all: its bytes are the samples",
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    texts = [text if len(text.encode()) % 2 == 0 else text + " " for text in TEXTS.values()]
    whole = b""
    for text in texts:
        say(it, text)
        await it.heard(1, text.encode(), start=len(whole) // 2)
        whole += text.encode()
    say(it, m.pcm(480), SEGMENT_END)
    await it.heard(1, m.pcm(480), start=len(whole) // 2)
    await it.told("segment_end", segment=1, total=len(whole) // 2 + 480)


@case0(
    "receiver.version0.interrupt_is_nine_bytes",
    "LW-V0-22",
    why="binary that only begins with INTERRUPT is audio",
    options=NO_COOLDOWN,
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    pcm = INTERRUPT + b"!" + m.pcm(480)
    say(it, pcm, b"INTERRUP", SEGMENT_END)
    await it.heard(1, pcm + b"INTERRUP")
    await it.told("segment_end", segment=1)
    await it.fence()
    it.none("event interrupted")


@case0(
    "receiver.version0.half_a_sample",
    "LW-V0-24",
    why="a slice that cuts a sample in two makes two wrong ones, unless its half waits for the other",
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    pcm = m.pcm(960)
    for start, end in ((0, 481), (481, 482), (482, 1_001), (1_001, len(pcm))):
        say(it, pcm[start:end])
    say(it, SEGMENT_END)
    told = await it.told("segment_end", segment=1)
    given = [entry.fields or {} for entry in it.seen("event audio", segment=1)]
    places = [pcm[2 * one["position"] :][: 2 * one["samples"]] for one in given]
    same = [m.digest(place) == one["sha256"] for place, one in zip(places, given, strict=True)]
    right = all(same) and told["total"] == 960
    it.check(right, "960 samples as they were sent", f"{told['total']}, as sent: {same}", level="SHOULD")


@case0(
    "receiver.version0.half_a_sample_at_the_end",
    "LW-V0-24",
    why="half a sample that is left over must not shift the next segment by a byte: that would be noise",
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    pcm = m.pcm(480)
    say(it, pcm + b"\x7f", SEGMENT_END)
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1, total=480)
    await whole(it, 2, requirement="LW-V0-24")


@case0(
    "receiver.version0.half_a_sample_interrupted",
    "LW-V0-24",
    why="nor after an INTERRUPT",
    options=NO_COOLDOWN,
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    pcm = m.pcm(480)
    say(it, pcm + b"\x7f")
    await it.heard(1, pcm)
    say(it, INTERRUPT)
    await told_interrupted(it, 1)
    await whole(it, 2, requirement="LW-V0-24")


# -- texts -----------------------------------------------------------------------------------------------------


IGNORED: Final = {
    "an unknown type": '{"type": "com.example.x", "data": {"a": [1, 2.5, null]}}',
    "an empty type": '{"type": ""}',
    "an ack from the wrong side": '{"type": "stream_ended", "data": {"playback_position": 1.5, "interrupted": false}}',
    "an ack without data": '{"type": "stream_ended", "data": null}',
    "an ack of nonsense": '{"type": "stream_ended", "data": {"playback_position": "x", "interrupted": 7}}',
    "a probe of nothing": '{"type": "lipwire"}',
    "a probe of nonsense": '{"type": "lipwire", "versions": {"a": 1}}',
    "an answer": '{"type": "lipwire", "version": 1}',
    "a probe of an unknown version": '{"type": "lipwire", "versions": [99]}',
}
HOSTILE: Final = {
    "more than 1,024 characters": json.dumps({"type": "x", "data": "y" * 2_000}),
    "deeper than 8 levels": '{"type": "x", "data": ' + "[" * 12 + "]" * 12 + "}",
    "100 levels in the least of space": '{"type": "x", "data": ' + "[" * 450 + "]" * 450 + "}",
    "nothing but brackets": "[" * 10_000,
    "a large number": '{"type": "x", "data": ' + "9" * 900 + "}",
    "what JSON does not have": '{"type": "segment_end", "data": NaN, "x": Infinity}',
    "a surrogate": '{"type": "\\ud800"}',
    "no text at all": "",
}


@case0(
    "receiver.version0.texts_to_ignore",
    "LW-V0-4",
    "LW-V0-32",
    "LW-V0-2",
    why="what is unknown or malformed, or comes from the wrong side, is ignored: it is no audio, no end, no reason",
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    pcm = m.pcm(480 * len(IGNORED))
    for count, text in enumerate(IGNORED.values()):
        say(it, text, pcm[count * 960 : count * 960 + 960])
        requirement = "LW-V0-32" if "lipwire" in text else "LW-V0-4"
        await it.heard(1, pcm[count * 960 : count * 960 + 960], start=480 * count, requirement=requirement)
    say(it, SEGMENT_END)
    await it.told("segment_end", segment=1, total=480 * len(IGNORED))
    await it.finish(1, 480 * len(IGNORED))
    await acked(it, 1, 480 * len(IGNORED), requirement="LW-V0-4")
    it.none("event closed")
    well_spoken(it, 1)


@case0(
    "receiver.version0.hostile_texts",
    "LW-V0-4",
    "LW-SECURITY-1",
    why="nobody knows who is in a room: no text ends the session, be it taken as audio or not",
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    for count, text in enumerate(HOSTILE.values(), 1):
        say(it, text, SEGMENT_END)
        await it.told("segment_end", where=lambda end, count=count: end["segment"] >= count)
    at = await it.fence()
    pcm = m.pcm(480, 9)
    say(it, pcm)
    said = await it.told("audio", since=at, requirement="LW-SECURITY-1")
    right = (said["position"], said["samples"], said["sha256"]) == (0, 480, m.digest(pcm))
    it.check(right, "480 samples as they were sent, in a segment of their own", f"{said}")
    it.none("event closed", requirement="LW-SECURITY-1")


@case0(
    "receiver.version0.probe",
    "LW-V0-32",
    why="who asks for later versions is answered with one of them or not at all; a question is no audio",
)
async def _(it: ReceiverPlay) -> None:
    await begin(it)
    say(it, '{"type": "lipwire", "versions": [1, 7]}')
    await whole(it, 1)
    await it.fence()
    texts = [json.loads(entry.data) for entry in it.seen("text") if isinstance(entry.data, str)]
    right = all(text == {"type": "lipwire", "version": text.get("version")} for text in texts)
    versions = [text.get("version") for text in texts]
    it.check(right and len(texts) <= 1, "one answer or none, and nothing else", f"{texts}")
    it.check(set(versions) <= {1, 7}, "a version that was asked for", f"{versions}")
    it.handed_whole(1, requirement="LW-V0-32")
