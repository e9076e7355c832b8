"""How a receiver counts the window (SPEC §9)."""

from typing import Any, Final

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay

SMALL: Final = {"limits": {"window": 2_400}, "reading": False}
"""The least window, and a consumer that takes nothing."""
HOLD: Final = ("hold",)
STEREO: Final = ["s16le", 24_000, 2]


async def _fill(it: ReceiverPlay, segment: int = 1, samples: int | None = None) -> bytes:
    """Open and fill the window with one segment, which is not ended; gives its samples."""
    await it.open()
    pcm = m.pcm(it.limits["window"] if samples is None else samples, segment)
    it.say(segment, pcm, end=False)
    await it.reported(segment, received=len(pcm) // 2)
    return pcm


@case(
    "receiver.credit.whole_window",
    "LW-CREDIT-3",
    why="a sender may use the window to its last sample",
    needs=HOLD,
    options=SMALL,
)
async def _(it: ReceiverPlay) -> None:
    pcm = await _fill(it)
    window = len(pcm) // 2
    it.send(m.segment_end(1, window))
    await it.goes_on()
    await it.do("release")
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1, total=window)


@case(
    "receiver.credit.whole_window_in_a_chunk",
    "LW-CREDIT-3",
    why="a chunk may be as long as the window",
    needs=HOLD,
    options=SMALL,
    transports=("websocket",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    window = it.limits["window"]
    pcm = m.pcm(window)
    it.say(1, pcm, chunk=window)
    await it.goes_on()
    await it.do("release")
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1, total=window)


@case(
    "receiver.credit.whole_window_of_stereo",
    "LW-CREDIT-3",
    why="the window, and positions, are in samples per channel",
    needs=("hold", "stereo"),
    options={**SMALL, "formats": [STEREO]},
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open(formats=[STEREO])
    window = it.limits["window"]
    pcm = m.pcm(window, frame_bytes=4)
    it.say(1, pcm, chunk=240, end=False)
    await it.reported(1, received=window)
    await it.goes_on()
    await it.do("release")
    await it.heard(1, pcm)
    await it.do("hold")
    it.send_audio(1, pcm, position=window, chunk=240)
    await it.reported(1, received=2 * window)
    await it.goes_on()
    it.send(m.audio(1, 2 * window, m.pcm(1, frame_bytes=4)))
    await it.closes("window_exceeded")


@case(
    "receiver.credit.one_sample_more",
    "LW-CREDIT-3",
    why="the window bounds what a receiver has to hold",
    needs=HOLD,
    options=SMALL,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    pcm = await _fill(it)
    it.send(m.audio(1, len(pcm) // 2, m.pcm(1)))
    await it.closes("window_exceeded")


@case(
    "receiver.credit.of_all_segments",
    "LW-CREDIT-3",
    why="the window is that of the session: what waits of one segment leaves less to the next",
    needs=HOLD,
    options=SMALL,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    window = it.limits["window"]
    it.say(1, m.pcm(1_000))
    it.say(2, m.pcm(window - 1_000, 2), end=False)
    await it.reported(2, received=window - 1_000)
    await it.goes_on()
    it.send(m.audio(2, window - 1_000, m.pcm(1)))
    await it.closes("window_exceeded")


@case(
    "receiver.credit.consumed_gives_back",
    "LW-CREDIT-3",
    "LW-PROGRESS-1",
    why="what was handed out counts no more, or speech would stop after one window",
    options={"limits": {"window": 2_400}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    window = it.limits["window"]
    pcm = m.pcm(4 * window)
    it.send(m.segment_start(1))
    for end in range(window, 5 * window, window):
        it.send_audio(1, pcm[(end - window) * 2 : end * 2], position=end - window)
        await it.reported(1, received=end, consumed=end)
    it.send(m.segment_end(1, 4 * window))
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1, total=4 * window)


@case(
    "receiver.credit.from_what_was_consumed",
    "LW-CREDIT-3",
    why="it gives back just as much as was handed out",
    needs=HOLD,
    options={"limits": {"window": 2_400}},
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    window = it.limits["window"]
    pcm = m.pcm(480 + window)
    it.say(1, pcm[:960], end=False)
    await it.heard(1, pcm[:960])
    await it.do("hold")
    it.send_audio(1, pcm[960:], position=480)
    await it.reported(1, received=480 + window, consumed=480)
    await it.goes_on()
    it.send(m.audio(1, 480 + window, m.pcm(1)))
    await it.closes("window_exceeded")


@case(
    "receiver.credit.cut_gives_back",
    "LW-CREDIT-3",
    "LW-INTERRUPT-3",
    why="what was cut counts no more: the new answer has the whole window",
    needs=HOLD,
    options=SMALL,
)
async def _(it: ReceiverPlay) -> None:
    await _fill(it)
    await it.cut(1)
    fresh = m.pcm(it.limits["window"], 2)
    it.say(2, fresh)
    await it.reported(2, received=len(fresh) // 2)
    await it.do("release")
    await it.heard(2, fresh)
    await it.told("segment_end", segment=2)
    it.none("event audio", segment=1, requirement="LW-INTERRUPT-3")


@case(
    "receiver.credit.cut_through_first",
    "LW-CREDIT-3",
    "LW-AUDIO-3",
    why="audio that overtakes its interrupt has the window that its cut-through makes free",
    needs=HOLD,
    options=SMALL,
)
async def _(it: ReceiverPlay) -> None:
    window = len(await _fill(it)) // 2
    it.send(m.segment_end(1, window))
    fresh = m.pcm(window, 2)
    it.send(m.segment_start(2))
    it.send_audio(2, fresh, cut_through=1)
    it.send(m.segment_end(2, window))
    await it.ended(1, 0, interrupted=True, cause=1, requirement="LW-AUDIO-3")
    await it.do("release")
    await it.heard(2, fresh)
    await it.told("segment_end", segment=2, total=window)


@case(
    "receiver.credit.cut_through_first_then_more",
    "LW-CREDIT-3",
    why="a cut-through makes free what it covers, and no more",
    needs=HOLD,
    options=SMALL,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    window = it.limits["window"]
    it.say(1, m.pcm(480))
    it.say(2, m.pcm(window - 480, 2))
    await it.reported(2, received=window - 480)
    it.send(m.segment_start(3))
    it.send_audio(3, m.pcm(480, 3), cut_through=1)
    await it.reported(3, received=480)
    await it.goes_on()
    it.send(m.audio(3, 480, m.pcm(1), 1))
    await it.closes("window_exceeded")


@case(
    "receiver.credit.late_audio_is_free",
    "LW-CREDIT-3",
    "LW-AUDIO-5",
    why="what still comes of a cut segment is dropped, and must not use up the window of the next",
    needs=HOLD,
    options=SMALL,
)
async def _(it: ReceiverPlay) -> None:
    pcm = await _fill(it)
    await it.cut(1)
    fresh = m.pcm(len(pcm) // 2, 2)
    it.send_audio(1, pcm, position=len(pcm) // 2)
    it.say(2, fresh)
    it.send_audio(1, pcm, position=len(pcm) // 2)
    await it.goes_on("LW-AUDIO-5")
    await it.reported(2, received=len(fresh) // 2)
    await it.do("release")
    await it.heard(2, fresh)


@case(
    "receiver.credit.given_up_gives_back",
    "LW-CREDIT-3",
    "LW-STREAM-2",
    why="what waits of a segment that the consumer gave up counts no more",
    needs=HOLD,
    options={"limits": {"window": 2_400}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    window = it.limits["window"]
    await it.part(1, total=480 + window)
    await it.do("stream_ended", segments=[1], position=480, interrupted=False, failed=True)
    await it.ended(1, 480, cause=2, requirement="LW-STREAM-2")
    fresh = m.pcm(window, 2)
    it.say(2, fresh)
    await it.reported(2, received=window)
    await it.do("release")
    await it.heard(2, fresh)


@case(
    "receiver.credit.repeats_are_free",
    "LW-CREDIT-3",
    "LW-AUDIO-6",
    why="what is sent again is reckoned by its position, not by its bytes",
    needs=HOLD,
    options=SMALL,
)
async def _(it: ReceiverPlay) -> None:
    pcm = await _fill(it)
    it.send_audio(1, m.pcm(len(pcm) // 2, 9))
    it.send(m.segment_end(1, len(pcm) // 2))
    await it.goes_on()
    await it.do("release")
    await it.heard(1, pcm, requirement="LW-AUDIO-6")
    it.step("the whole window is free again")
    await it.do("hold")
    it.say(2, m.pcm(len(pcm) // 2, 2))
    await it.goes_on()


# -- with repair -----------------------------------------------------------------------------------------------


@case(
    "receiver.credit.to_the_highest_position",
    "LW-CREDIT-3",
    why="what is missing counts too: it has been sent, and its place is needed",
    features=("repair",),
    needs=HOLD,
    options=SMALL,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    window = it.limits["window"]
    it.send(m.segment_start(1))
    it.send_audio(1, m.pcm(96), position=window - 96)
    await it.reported(1, highest=window)
    await it.goes_on()
    it.send(m.audio(1, window, m.pcm(1)))
    await it.closes("window_exceeded")


@case(
    "receiver.credit.before_the_start",
    "LW-CREDIT-3",
    "LW-AUDIO-9",
    why="audio whose start is still to come is held within the window, to its last sample",
    features=("repair",),
    needs=HOLD,
    options=SMALL,
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")  # it is to be held, not asked for again
    await it.open()
    window = it.limits["window"]
    pcm = m.pcm(window)
    it.send_audio(1, pcm)
    await it.goes_on()
    it.send(m.segment_start(1), m.segment_end(1, window))
    await it.do("release")
    await it.heard(1, pcm, requirement="LW-AUDIO-9")


@case(
    "receiver.credit.before_the_start_and_more",
    "LW-CREDIT-3",
    why="audio that is held for later segments counts as the rest does",
    features=("repair",),
    needs=HOLD,
    options=SMALL,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    window = it.limits["window"]
    it.say(1, m.pcm(1_000))
    it.send_audio(2, m.pcm(400, 2))
    it.send_audio(3, m.pcm(window - 1_400, 3))
    await it.reported(1, received=1_000)
    await it.goes_on()
    it.send(m.audio(3, window - 1_400, m.pcm(1)))
    await it.closes("window_exceeded")


@case(
    "receiver.credit.before_the_start_and_cut",
    "LW-CREDIT-3",
    "LW-INTERRUPT-5",
    why="audio that was held for its start counts no more when its segment is cut",
    features=("repair",),
    needs=HOLD,
    options=SMALL,
)
async def _(it: ReceiverPlay) -> None:
    it.auto.discard("repair")  # it is to be held, not asked for again
    await it.open()
    window = it.limits["window"]
    it.send_audio(1, m.pcm(window))
    await it.goes_on()
    await it.cut(1, requirement="LW-INTERRUPT-5")
    fresh = m.pcm(window, 2)
    it.send_audio(2, fresh)
    await it.goes_on()
    it.send(m.segment_start(2), m.segment_end(2, window))
    await it.do("release")
    await it.heard(2, fresh)


SAID: Final[dict[str, tuple[Any, Any]]] = {
    "sent": (m.sent, "a `sent` names what the receiver has to have room for"),
    "total": (m.segment_end, "so does a total"),
}

for _name, (_make, _why) in SAID.items():

    @case(
        f"receiver.credit.{_name}_to_the_window",
        "LW-CREDIT-3",
        why=f"{_why}: as far as the window beyond what was consumed",
        features=("repair",),
        options={"limits": {"window": 2_400}},
    )
    async def _(it: ReceiverPlay, make: Any = _make) -> None:
        it.auto.discard("repair")
        await it.open()
        window = it.limits["window"]
        it.say(1, m.pcm(480), end=False)
        await it.reported(1, consumed=480)
        it.send(make(1, 480 + window))
        await it.goes_on()
        it.send_audio(1, m.pcm(window, 2), position=480)
        await it.heard(1, m.pcm(480) + m.pcm(window, 2))

    @case(
        f"receiver.credit.{_name}_beyond_the_window",
        "LW-CREDIT-3",
        why=f"{_why}: no further than the window beyond what was consumed",
        features=("repair",),
        needs=HOLD,
        options={"limits": {"window": 2_400}},
        judged=False,
    )
    async def _(it: ReceiverPlay, make: Any = _make) -> None:
        await it.open()
        window = it.limits["window"]
        it.say(1, m.pcm(480), end=False)
        await it.reported(1, consumed=480)
        it.send(make(1, 481 + window))
        await it.closes("window_exceeded")

    @case(
        f"receiver.credit.{_name}_at_the_most",
        "LW-CREDIT-3",
        why=f"{_why}: 2^40 samples may a segment have, but not at once",
        features=("repair",),
        wire=True,
        judged=False,
    )
    async def _(it: ReceiverPlay, make: Any = _make) -> None:
        await it.open()
        it.send(m.segment_start(1))
        await it.goes_on()
        it.send(make(1, 1 << 40))
        await it.closes("window_exceeded")


@case(
    "receiver.credit.held_for_one_that_was_left_out",
    "LW-CREDIT-3",
    why="ids may be left out: what came early for one that can not start any more takes no room",
    features=("repair",),
    needs=("hold",),
    options={"limits": {"window": 4_800}, "reading": False},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send_audio(2, m.pcm(4_800, 2))
    await it.goes_on()
    it.send(m.segment_start(3))
    await it.goes_on()
    it.send_audio(3, m.pcm(4_800, 3))
    await it.goes_on()
    await it.reported(3, received=4_800)
