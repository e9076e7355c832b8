"""What a sender has to do at once, or in some milliseconds: not by the clock, but never only after half a second."""

from ..case import case
from ..sender_play import SenderPlay
from .of_both_roles import prompt_acknowledgement, prompt_pong


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
