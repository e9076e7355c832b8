"""Version 0 at a sender, a profile of its own: its session, audio and ends (SPEC, Appendix A.3 and A.4)."""

import asyncio
from contextlib import suppress
from typing import Any, Final

from .. import messages as m
from ..driver import Refused
from ..sender_play import SenderPlay
from ..version0 import RATE, case0
from ..version0_sender import (
    MOST_AUDIO,
    PATIENT,
    ack,
    audio,
    begin,
    check_lead,
    count,
    ends,
    heard,
    interrupt,
    result,
    speaks,
    taken,
    utterances,
    well_spoken,
    whole,
)

# -- the session -----------------------------------------------------------------------------------------------


@case0(
    "sender.version0.session",
    "LW-V0-1",
    "LW-V0-2",
    "LW-V0-10",
    "LW-V0-14",
    "LW-V0-16",
    "LW-V0-19",
    why="an utterance from its first sample to its result: no handshake, no ids, and no byte of version 1",
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    await taken(it)
    it.check(not heard(it), "nothing before the first sample", f"{heard(it)[:1]}", "LW-V0-1")
    first = await whole(it, 2_400)
    ack(it, 2_400)
    await result(it, first, 2_400, interrupted=False, requirement="LW-V0-16")
    second = await whole(it, 480, 2)
    ack(it, 480)
    await result(it, second, 480, interrupted=False, requirement="LW-V0-16")
    it.check_results(first, second)
    well_spoken(it)


@case0(
    "sender.version0.ends_with_the_transport",
    "LW-V0-1",
    "LW-CLOSE-4",
    "LW-V0-19",
    why="nothing is resumed: what was not over has ended, and the next transport is another session",
    options=PATIENT,
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    first = await whole(it, 2_400)
    waiting = await it.open_segment()
    await it.write(waiting, m.pcm(480, 2))
    await speaks(it, m.pcm(2_400) + m.pcm(480, 2))
    it.drop()
    await result(it, first, 0, interrupted=True, requirement="LW-CLOSE-4")
    await result(it, waiting, 0, interrupted=True, requirement="LW-CLOSE-4")
    await it.told("closed")
    since = len(it.trace)
    with suppress(Refused):
        third = await it.say(m.pcm(480, 3))
        if not await it.comes(3.0):  # it need not
            return
        await speaks(it, m.pcm(480, 3), since=since, requirement="LW-V0-1")
        await ends(it, since=since)
        ack(it, 480)
        await result(it, third, 480, interrupted=False, requirement="LW-V0-1")


FORMATS: Final[dict[str, list[Any]]] = {"stereo": ["s16le", RATE, 2], "f32le": ["f32le", RATE, 1]}

for _name, _row in FORMATS.items():

    @case0(
        f"sender.version0.no_{_name}",
        "LW-V0-3",
        why="it carries mono s16le alone: a user who asks for more is refused, and the avatar is not sent noise",
        needs=(_name,),
    )
    async def _(it: SenderPlay, row: list[Any] = _row) -> None:
        try:
            await it.start(formats=[row])
        except Refused:
            it.check(True, "refused towards its user")
        else:
            it.check(False, "refused towards its user", "it is started")


@case0(
    "sender.version0.other_rate",
    "LW-V0-16",
    "LW-V0-14",
    why="the rate is what both were given: an ack is in seconds, so what it means depends on it",
    needs=("rates",),
    options={"formats": [["s16le", 8_000, 1]]},
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    segment = await whole(it, 2_000)
    ack(it, 1_000, rate=8_000)
    await result(it, segment, 1_000, interrupted=False, requirement="LW-V0-16")


@case0(
    "sender.version0.no_token",
    "LW-V0-5",
    why="a token that nobody asks for protects nothing: its user has to know",
    needs=("token",),
)
async def _(it: SenderPlay) -> None:
    try:
        await it.start(token="secret")
    except Refused:
        it.check(True, "refused towards its user")
    else:
        it.check(False, "refused towards its user", "it is started")


NOT_THERE: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "pause": ("pause", {}),
    "marks": ("mark", {"position": 480, "name": "end"}),
    "data": ("data", {"position": 480, "content": {"com.example.word": 1}}),
    "custom": ("custom", {"content": {"com.example.x": 1}}),
}

for _name, (_command, _arguments) in NOT_THERE.items():

    @case0(
        f"sender.version0.no_{_name}",
        "LW-V0-5",
        "LW-V0-2",
        why="what version 0 does not have its user is told of: nothing vanishes without a trace",
        needs=(_name,),
    )
    async def _(it: SenderPlay, command: str = _command, arguments: dict[str, Any] = _arguments) -> None:
        await begin(it)
        pcm = m.pcm(480)
        segment = await it.open_segment()
        await it.write(segment, pcm)
        named = {"segment": segment} if command in ("mark", "data") else {}
        done = await it.attempt(command, **named, **arguments)
        it.check(not done, f"{command} is refused towards its user", "it is taken", "LW-V0-5")
        await it.do("end", segment=segment)
        await speaks(it, pcm, requirement="LW-V0-2")
        await ends(it)
        well_spoken(it)


# -- what comes from the receiver ------------------------------------------------------------------------------


def _ended(data: str) -> str:
    return f'{{"type": "stream_ended", "data": {data}}}'


TEXTS: Final[list[str | bytes]] = [
    "", " ", "{", "1", "null", "[]", '"stream_ended"', "INTERRUPT", "{}", '{"type": 1}', '{"type": null}',
    '{"type": "stream_ended"}', _ended("null"), _ended("[]"), _ended("1"), _ended("{}"), _ended('[["interrupted"]]'),
    _ended('{"playback_position": "1", "interrupted": false}'),
    _ended('{"playback_position": true, "interrupted": false}'),
    _ended('{"playback_position": null, "interrupted": false}'),
    _ended('{"playback_position": NaN, "interrupted": true}'),
    _ended('{"playback_position": 0.01, "interrupted": 1}'),
    _ended('{"playback_position": 0.01, "interrupted": null}'),
    _ended('{"playback_position": 0.01}'), _ended('{"interrupted": false}'), '{"type": "segment_end"}',
    '{"type": "lipwire", "versions": [1]}', '{"type": "lipwire", "version": 1}', '{"type": "something", "data": {}}',
    "é\u0000€😀", '{"type": "\\ud800"}', b"", b"\x00\xff" * 100, b"\x98\x01\xa7lipwire",
]  # fmt: skip


@case0(
    "sender.version0.what_texts_hold",
    "LW-V0-4",
    "LW-V0-2",
    why="in a room anybody may say anything: a session must not fall over it, nor take it for an ack",
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    segment = await whole(it, 2_400)
    for text in TEXTS:
        it.send_exactly(text)
        await taken(it)
    it.none("event stream_ended", requirement="LW-V0-4")
    it.none("event closed", requirement="LW-V0-4")
    ack(it, 1_234)
    await result(it, segment, 1_234, interrupted=False, requirement="LW-V0-4")
    second = await whole(it, 480, 2)
    ack(it, 480)
    await result(it, second, 480, interrupted=False, requirement="LW-V0-4")
    well_spoken(it)


@case0(
    "sender.version0.bounds_of_texts",
    "LW-V0-4",
    why="JSON is bounded in size and depth before it is read, and what is within the bounds is read",
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    segment = await whole(it, 2_400)
    data = '{"playback_position": %s, "interrupted": false}'
    long = _ended(data % "0.01")
    it.send_exactly(long[:-1] + " " * (1_025 - len(long)) + "}")
    it.send_exactly(_ended(data % "0.02")[:-1] + ', "more": ' + "[" * 20 + "]" * 20 + "}")
    it.send_exactly("[" * 15_000)
    it.send_exactly('{"type":' * 1_900)
    await taken(it)
    right = _ended(data % "0.03")
    it.send_exactly(right[:-1] + " " * (1_024 - len(right)) + "}")
    await result(it, segment, 720, interrupted=False, requirement="LW-V0-4")


# -- audio -----------------------------------------------------------------------------------------------------


@case0(
    "sender.version0.messages",
    "LW-V0-6",
    "LW-V0-14",
    why="a receiver pads a message that cuts a sample in two, and a room carries no larger one",
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    segment, pcm = await it.open_segment(), b""
    for seed, samples in enumerate((1, 7_501, 3, 479, 12_001)):
        piece = m.pcm(samples, seed)
        pcm += piece
        await it.write(segment, piece)
    await it.do("end", segment=segment)
    await speaks(it, pcm)
    await ends(it)
    sizes = [len(one.data) for one in heard(it) if one.kind == "audio"]
    it.check(all(size and size % 2 == 0 for size in sizes), "whole PCM frames in each", f"{sizes}")
    it.check(max(sizes) <= MOST_AUDIO, "at most 15,000 bytes in each", f"{max(sizes)}")


@case0(
    "sender.version0.unaltered",
    "LW-V0-14",
    "LW-V0-6",
    why="silence, and samples that would be text in a room, are samples like others where bytes are bytes",
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    for pcm in (bytes(960), b"INTERRUPT " * 48, b'{"type": "segment_end"}\n' * 20, b"\xff\x7f\x00\x80" * 240):
        since = len(it.trace)
        segment = await it.say(pcm)
        await speaks(it, pcm, since=since)
        await ends(it, since=since)
        sizes = [len(one.data) for one in heard(it, since) if one.kind == "audio"]
        it.check(all(size % 2 == 0 for size in sizes), "whole PCM frames in each", f"{sizes}", "LW-V0-6")
        ack(it, len(pcm) // 2)
        await result(it, segment, len(pcm) // 2, interrupted=False, requirement="LW-V0-16")


@case0(
    "sender.version0.lead",
    "LW-V0-7",
    "LW-V0-14",
    why="nothing stops a sender but the clock: a receiver queues without a bound, and an interrupt is behind all that",
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    since, began, pcm = len(it.trace), it.now(), m.pcm(2 * RATE)
    await it.say(pcm)
    await speaks(it, pcm, since=since)
    check_lead(it, since, began)


@case0(
    "sender.version0.lead_after_silence",
    "LW-V0-7",
    "LW-V0-14",
    why="time in which nothing was said is not saved up: what comes after it is ahead of real time as before",
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    await whole(it, 2_400)
    await asyncio.sleep(0.6)
    since, began, pcm = len(it.trace), it.now(), m.pcm(36_000, 2)
    await it.say(pcm)
    await speaks(it, pcm, since=since)
    check_lead(it, since, began)


@case0(
    "sender.version0.lead_after_an_interrupt",
    "LW-V0-7",
    "LW-V0-8",
    why="with an INTERRUPT the receiver has nothing any more, and the lead begins anew",
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    await it.say(m.pcm(3 * RATE))
    await it.until(lambda: len(audio(it)) >= RATE, "half a second of audio", "LW-V0-7")
    began = it.now()
    since = await interrupt(it)
    pcm = m.pcm(36_000, 2)
    await it.say(pcm)
    await speaks(it, pcm, since=since, requirement="LW-V0-8")
    check_lead(it, since, began)


# -- ends ------------------------------------------------------------------------------------------------------


@case0(
    "sender.version0.order",
    "LW-V0-10",
    "LW-V0-2",
    why="the end is all that tells one segment from the next: it comes right between their samples",
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    given = [m.pcm(samples, samples) for samples in (480, 4_800, 7, 26_400, 2_400)]
    for pcm in given:
        await it.say(pcm)
    await ends(it, len(given))
    said = utterances(it)[:-1]
    it.check(said == given, "the samples of each between its end and the one before", f"{[len(one) for one in said]}")
    well_spoken(it)


@case0(
    "sender.version0.open_segment",
    "LW-V0-10",
    "LW-V0-16",
    why="a segment is not at its end because nothing is written for a while",
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    segment = await it.open_segment()
    await it.write(segment, m.pcm(480))
    await speaks(it, m.pcm(480))
    await asyncio.sleep(0.5)
    await it.write(segment, m.pcm(480, 2))
    await speaks(it, m.pcm(480) + m.pcm(480, 2))
    it.check(count(it, "end") == 0, "no segment_end yet", f"{count(it, 'end')}")
    await it.do("end", segment=segment)
    await ends(it)
    ack(it, 960)
    await result(it, segment, 960, interrupted=False, requirement="LW-V0-16")


@case0(
    "sender.version0.empty",
    "LW-V0-11",
    "LW-V0-16",
    why="a deployed receiver never acks an end without audio: the sender takes it as played, in its turn",
)
async def _(it: SenderPlay) -> None:
    await begin(it)
    first, empty = await it.say(m.pcm(480)), await it.say(b"")
    third = await it.say(m.pcm(480, 3))
    await speaks(it, m.pcm(480) + m.pcm(480, 3))
    await ends(it, 2)
    ack(it, 480)
    await result(it, first, 480, interrupted=False, requirement="LW-V0-16")
    await it.ends(empty, 0, interrupted=False, exact=None, requirement="LW-V0-11")
    ack(it, 480)
    await result(it, third, 480, interrupted=False, requirement="LW-V0-16")
    last = await it.say(b"")
    await it.ends(last, 0, interrupted=False, exact=None, requirement="LW-V0-11")
    await whole(it, 480, 4)
    it.check(count(it, "end") == 3, "three segment_end, of those with audio", f"{count(it, 'end')}", "LW-V0-11")
    it.check_results(first, empty, third, last)
