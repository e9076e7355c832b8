"""What a receiver has to do at once, or in some milliseconds: not by the clock, but never only after half a second."""

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay
from .of_both_roles import comes_promptly, prompt_acknowledgement, prompt_pong


@case(
    "receiver.promptness.pong",
    "LW-LIVE-1",
    why="the round trip that a pong tells is what repairs are timed by",
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await prompt_pong(it)


@case(
    "receiver.promptness.acknowledgement",
    "LW-CONTROL-3",
    why="where control is lost, what is not acknowledged in time is sent again",
    features=("custom", "resume"),
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await prompt_acknowledgement(it)


@case(
    "receiver.promptness.progress",
    "LW-PROGRESS-1",
    why="credit that comes back late is a window that is too small",
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1))

    async def one(number: int) -> float:
        began = it.now()
        it.send_audio(1, m.pcm(480, number), position=480 * (number - 1))
        return (await it.reported(1, consumed=480 * number)).at - began

    await comes_promptly(it, "a progress", "LW-PROGRESS-1", one)


@case(
    "receiver.promptness.cut",
    "LW-INTERRUPT-4",
    "LW-INTERRUPT-3",
    why="the user has broken in, and every moment more of the old speech is one too many",
    options={"limits": {"cooldown": 0}},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    told: list[float] = []

    async def answered(number: int) -> float:
        await it.whole(number)
        began = it.now()
        cut = await it.cut(number)
        said = await it.expect("event interrupted", where=lambda event: number in event["segments"],
                               requirement="LW-INTERRUPT-3")  # fmt: skip
        told.append(said.at - began)
        await it.finish(number, 480)
        return cut.at - began

    async def consumer(number: int) -> float:
        await answered(number + 1_000)
        return told[-1]

    await comes_promptly(it, "a cut", "LW-INTERRUPT-4", answered)
    await comes_promptly(it, "its consumer told", "LW-INTERRUPT-3", consumer)


@case(
    "receiver.promptness.pause",
    "LW-PAUSE-1",
    why="playback is to be held where it is now, not where it will be",
    features=("pause",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()

    async def one(_: int) -> float:
        began = it.now()
        it.send(m.pause())
        said = await it.expect("event paused")
        it.send(m.unpause())
        await it.told("unpaused")
        return said.at - began

    await comes_promptly(it, "its consumer told", "LW-PAUSE-1", one)
