"""Where a receiver puts chunks of audio: repeats, order, gaps, starts and ends (SPEC §8)."""

from typing import Any, Final

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay

MOST: Final = 1 << 40
"""The length that no segment exceeds."""
WHILE_HELD: Final = {"reading": False}
NO_CONCEALING: Final = {"limits": {"repair_timeout": 60_000}}


def _units(*seeds: int) -> bytes:
    """So many times 96 samples, each of another seed."""
    return b"".join(m.pcm(96, seed) for seed in seeds)


# -- repeats and overlaps --------------------------------------------------------------------------------------

for _name, _options in (("handed_out", {}), ("held", WHILE_HELD)):

    @case(
        f"receiver.audio.overlaps_{_name}",
        "LW-AUDIO-6",
        why="whatever comes again, in whatever slices and with whatever bytes: the first samples stand",
        needs=("hold",) if _options else (),
        options=_options,
    )
    async def _(it: ReceiverPlay, held: bool = bool(_options)) -> None:
        await it.open()
        it.send(m.segment_start(1))
        it.send_audio(1, _units(11, 12))
        await it.reported(1, received=192, requirement="LW-AUDIO-6")
        it.step("the same again, with other bytes")
        it.send_audio(1, _units(21, 22))
        it.step("a chunk that begins in what has come, and reaches beyond")
        it.send_audio(1, _units(32, 33), position=96)
        await it.reported(1, received=288, requirement="LW-AUDIO-6")
        it.step("a chunk from the beginning, and beyond")
        it.send_audio(1, _units(41, 42, 43, 44))
        await it.reported(1, received=384, requirement="LW-AUDIO-6")
        it.step("a chunk within")
        it.send_audio(1, m.pcm(10, 5), position=90)
        it.send(m.segment_end(1, 384))
        await it.goes_on()
        if held:
            await it.do("release")
        await it.heard(1, _units(11, 12, 33, 44))
        await it.told("segment_end", segment=1, total=384)


@case(
    "receiver.audio.overlaps_behind_gaps",
    "LW-AUDIO-6",
    "LW-AUDIO-7",
    why="a chunk that fills two gaps and covers what lies between them leaves that as it came",
    features=("repair",),
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")
    await it.open()
    it.send(m.segment_start(1), m.segment_end(1, 480))
    it.send_audio(1, _units(11), position=96)
    await it.reported(1, highest=192, requirement="LW-AUDIO-6")
    it.send_audio(1, _units(12), position=288)
    await it.reported(1, highest=384, requirement="LW-AUDIO-6")
    it.send_audio(1, _units(21, 22), position=144)  # into the one, over the gap, and to the edge of the other
    it.send_audio(1, _units(31, 32, 33, 34, 35))
    await it.reported(1, received=480, requirement="LW-AUDIO-7")
    first, second = _units(31), _units(21, 22)
    # 0-96 of the last, 96-192 of the first, 192-288 of the third, 288-384 of the second, 384-480 of the last.
    await it.heard(1, first + _units(11) + second[96:288] + _units(12) + _units(35))


# -- order -----------------------------------------------------------------------------------------------------


@case(
    "receiver.audio.backwards",
    "LW-AUDIO-7",
    why="with repair, chunks come in any order and are heard in theirs",
    features=("repair",),
    options=NO_CONCEALING,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(960)
    it.send(m.segment_start(1), m.segment_end(1, 960))
    for position in reversed(range(96, 960, 96)):
        it.send_audio(1, pcm[position * 2 : (position + 96) * 2], position=position)
    await it.reported(1, highest=960, requirement="LW-AUDIO-7")
    await it.fence()
    it.none("event audio")
    it.send_audio(1, pcm[:192])
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1, total=960)


@case(
    "receiver.audio.every_other",
    "LW-AUDIO-7",
    why="nothing beyond a gap is heard before the gap is filled, whichever gap is filled first",
    features=("repair",),
    options=NO_CONCEALING,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(960)
    parts = {position: pcm[position * 2 : (position + 96) * 2] for position in range(0, 960, 96)}
    it.send(m.segment_start(1), m.segment_end(1, 960))
    positions = list(parts)
    for position in (*positions[::2], *reversed(positions[3::2])):
        it.send_audio(1, parts[position], position=position)
    await it.heard(1, parts[0])
    await it.reported(1, received=96, highest=960, requirement="LW-AUDIO-7")
    await it.fence()
    it.check(it.handed_out(1) == 96, "96 samples", f"{it.handed_out(1)}")
    it.send_audio(1, parts[96], position=96)
    await it.heard(1, pcm[192:], start=96)
    await it.told("segment_end", segment=1, total=960)


GAPS: Final = {
    "gap": ("a sample that was lost can not come any more", [m.audio(1, 0, m.pcm(480)), m.audio(1, 481, m.pcm(480))]),
    "gap_at_the_beginning": ("a segment begins at 0", [m.audio(1, 1, m.pcm(480))]),
    "end_beyond": ("what has not come by the end does not come", [m.audio(1, 0, m.pcm(480)), m.segment_end(1, 481)]),
}

for _name, (_why, _messages) in GAPS.items():

    @case(f"receiver.audio.{_name}", "LW-AUDIO-8", why=_why, transports=("websocket",), wire=True, judged=False)
    async def _(it: ReceiverPlay, messages: list[list[Any]] = _messages) -> None:
        await it.open()
        it.send(m.segment_start(1), *messages[:-1])
        await it.goes_on()
        it.send(messages[-1])
        await it.closes("invalid_position")


@case(
    "receiver.audio.end_first_after_resume",
    "LW-AUDIO-8",
    why="after a resume the numbered messages come first: the end is there before the audio",
    features=("resume",),
    transports=("websocket",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(1_440)
    it.say(1, pcm[:960], end=False)
    await it.heard(1, pcm[:960])
    it.drop()
    await it.resume()
    it.send(m.segment_end(1, 1_440))
    await it.goes_on()
    it.send_audio(1, pcm[960:], position=480)
    await it.heard(1, pcm[960:], start=480)
    await it.told("segment_end", segment=1, total=1_440)


@case(
    "receiver.audio.before_its_start",
    "LW-AUDIO-9",
    why="on media, audio overtakes its segment_start: it is held, and heard when that comes",
    features=("repair",),
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")  # it is to be held, not asked for again
    await it.open()
    pcm = m.pcm(1_440)
    it.send_audio(1, pcm[:1_920])
    await it.goes_on()
    it.none("event segment_start")
    it.none("event audio")
    it.send(m.segment_start(1))
    await it.told("segment_start", segment=1)
    it.send_audio(1, pcm[1_920:], position=960)
    it.send(m.segment_end(1, 1_440))
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1, total=1_440)


@case(
    "receiver.audio.before_many_starts",
    "LW-AUDIO-9",
    why="audio of more than 8 segments to come may be dropped, but as if lost: it is asked for, and nothing is missing",
    features=("repair",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for segment in range(10, 0, -1):
        it.send_audio(segment, m.pcm(480, segment))
    await it.goes_on()
    for segment in range(1, 11):
        it.send(m.segment_start(segment), m.segment_end(segment, 480))
    for segment in range(1, 11):
        await it.heard(segment, m.pcm(480, segment))
    await it.told("segment_end", segment=10, total=480)
    await it.fence()
    it.handed_whole(*range(1, 11), requirement="LW-AUDIO-9")


@case(
    "receiver.audio.before_eight_starts",
    "LW-AUDIO-9",
    why="audio of eight segments to come has to be held: only what is of more may be dropped",
    features=("repair",),
    transports=("websocket",),
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")  # what was dropped does not come again
    await it.open()
    for segment in range(1, 9):
        it.send_audio(segment, m.pcm(480, segment))
    await it.goes_on()
    for segment in range(1, 9):
        it.send(m.segment_start(segment), m.segment_end(segment, 480))
        await it.heard(segment, m.pcm(480, segment))
    await it.told("segment_end", segment=8, total=480)
    await it.fence()
    it.handed_whole(*range(1, 9), requirement="LW-AUDIO-9")


@case(
    "receiver.audio.without_a_start",
    "LW-AUDIO-9",
    why="without repair everything comes in order, so that there is no start to wait for",
    transports=("websocket",),
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1), m.segment_end(1, 0))
    await it.goes_on()
    it.send(m.audio(2, 0, m.pcm(480)))
    await it.closes("invalid_segment")


# -- ends ------------------------------------------------------------------------------------------------------

BEYOND: Final = {
    "after_the_end": ("after the end there is nothing", (), m.audio(1, 480, m.pcm(1))),
    "over_the_end": ("a chunk that begins before the end and reaches beyond", (), m.audio(1, 240, m.pcm(241))),
    "behind_a_gap_after_the_end": ("after the end there is nothing", ("repair",), m.audio(1, 960, m.pcm(480))),
    "sent_after_the_end": ("after the end nothing was sent", ("repair",), m.sent(1, 481)),
}

for _name, (_why, _features, _message) in BEYOND.items():

    @case(f"receiver.audio.{_name}", "LW-AUDIO-10", why=_why, features=_features, judged=False)
    async def _(it: ReceiverPlay, message: list[Any] = _message) -> None:
        await it.open()
        await it.whole(1)
        it.send(message)
        await it.closes("invalid_position")


TOO_LONG: Final = {
    "audio": m.audio(1, MOST, m.pcm(1)),
    "sent": m.sent(1, MOST + 1),
    "end": m.segment_end(1, MOST + 1),
}

for _name, _message in TOO_LONG.items():

    @case(
        f"receiver.audio.longer_than_a_segment_{_name}",
        "LW-AUDIO-11",
        why="positions are bounded, so that no reckoning with them overflows",
        features=("repair",),
        wire=True,
        judged=False,
    )
    async def _(it: ReceiverPlay, message: list[Any] = _message) -> None:
        await it.open()
        it.send(m.segment_start(1))
        await it.goes_on()
        it.send(message)
        await it.closes("invalid_position")  # it breaks LW-CREDIT-3 as well, which comes behind positions
