"""What has to be done at once, or in some milliseconds: not by the clock, but never only after half a second."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from .. import messages as m
from ..case import case
from ..checking import PATIENCE
from ..receiver_play import ReceiverPlay
from ..sender_play import SenderPlay
from ..tables import Tables

PROMPT: Final = 0.25
"""Seconds within which what has to come at once, or in 50 ms, comes at least now and then, on any machine."""


async def comes_promptly(it: Tables, what: str, requirement: str, one: Callable[[int], Awaitable[float]]) -> None:
    """Check that something is prompt in one of many tries.

    A machine may be slow at each of them, but who waits for half a second first is never fast. ``one`` does the try of
    that number, from 1, and gives how long it took.
    """
    waits: list[float] = []
    prompt = PROMPT * max(it.patience, 1)
    while not waits or (waits[-1] >= prompt and sum(waits) < PATIENCE * it.patience):
        waits.append(await one(len(waits) + 1))
    shortest = min(waits)
    it.check(
        shortest < prompt, f"{what} within {prompt:g} s", f"after {shortest:.3f} s in {len(waits)} tries", requirement
    )


async def prompt_pong(it: Tables) -> None:
    """A ping is answered at once."""
    await it.open()

    async def one(number: int) -> float:
        began = it.now()
        it.send(m.ping(number))
        return (await it.expect("pong", t1=number)).at - began

    await comes_promptly(it, "a pong", "LW-LIVE-1", one)


async def prompt_acknowledgement(it: Tables) -> None:
    """A numbered message is acknowledged in 50 ms, and a repeat of it at once. ``custom`` and ``resume`` are chosen."""
    await it.open()

    def counted(entry: Any) -> int:
        return -1 if entry.taken is None else int(entry.taken)

    async def one(number: int) -> float:
        began = it.now()
        it.send_exactly(m.numbered(number, it.taken, m.custom({"com.example.number": number})))
        await it.until(lambda: any(counted(entry) >= number for entry in it.said()), f"{number} acknowledged")
        return next(entry.at for entry in it.said() if counted(entry) >= number) - began

    await comes_promptly(it, "acknowledged", "LW-CONTROL-3", one)


# -- a receiver ------------------------------------------------------------------------------------------------


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


# -- a sender --------------------------------------------------------------------------------------------------


@case(
    "sender.promptness.pong",
    "LW-LIVE-1",
    why="the round trip that a pong tells is what repairs are timed by",
)
async def _(it: SenderPlay) -> None:
    await prompt_pong(it)


@case(
    "sender.promptness.acknowledgement",
    "LW-CONTROL-3",
    why="where control is lost, what is not acknowledged in time is sent again",
    features=("custom", "resume"),
)
async def _(it: SenderPlay) -> None:
    await prompt_acknowledgement(it)
