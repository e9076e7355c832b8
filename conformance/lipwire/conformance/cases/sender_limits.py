"""The limits of a sender, and those that it is told (SPEC §2, §17)."""

from collections.abc import Callable
from typing import Any, Final

from .. import messages as m
from ..case import case
from ..sender_play import SenderPlay, welcome_with
from . import wire_of_both_roles
from .of_both_roles import EARLIEST
from .receiver_limits import BOUNDS
from .wire_of_both_roles import maps, pairs

UNDER: Final = {"window": 2_399, "message": 4_095, "keepalive": 99, "segments": 3}
"""Those with a floor above 0."""


# -- what it announces -----------------------------------------------------------------------------------------------


def _announced_case(name: str, why: str, limit: int | None) -> None:
    @case(
        f"sender.limits.announced{name}",
        "LW-LIMIT-1",
        why=why,
        options={"limits": {"message": limit}} if limit else {},
    )
    async def _(it: SenderPlay) -> None:
        await it.open()
        announced = it.hello.limits.get("message")
        right = announced is None or 4_096 <= announced <= 1_048_576
        it.check(right, "a message limit from 4,096 to 1,048,576", f"{announced}")
        if limit:
            it.check(announced == limit, f"the limit that was set, {limit}", f"{announced}")
        await it.goes_on()


_announced_case("", "a receiver closes on a limit under its floor", None)
_announced_case("_at_its_floor", "what the user sets is announced as it is, at the lower end too", 4_096)
_announced_case("_at_its_cap", "what the user sets is announced as it is, at the upper end too", 1_048_576)


# -- what it is told -------------------------------------------------------------------------------------------------


@case(
    "sender.limits.under_their_floors",
    "LW-OPEN-10",
    "LW-WIRE-4",
    why="with less than the floor a sender can not work, and must not pretend that it can",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    for name, value in [*UNDER.items(), *((name, 0) for name in UNDER)]:
        await it.refused(f"{name} {value}", "invalid_field", welcome_with(limits={name: value}), first=True)
    for name in BOUNDS:
        for wrong in ("4800", 4_800.0, True, [4_800], -1):
            await it.refused(f"{name} {wrong!r}", "invalid_field", welcome_with(limits={name: wrong}), first=True,
                             requirement="LW-WIRE-4")  # fmt: skip


@case(
    "sender.limits.accepted",
    "LW-OPEN-10",
    why="what a later revision adds is passed over, and too much is brought down to the cap",
)
async def _(it: SenderPlay) -> None:
    floors = {name: floor for name, (floor, _) in BOUNDS.items()}
    for what, limits in {
        "at their floors": {**floors, "keepalive": 5_000},  # at its floor a slow machine would be taken for silence
        "at their caps": {name: cap for name, (_, cap) in BOUNDS.items()},
        "beyond their caps": {name: cap + 1 for name, (_, cap) in BOUNDS.items()},
        "as great as an integer may be": dict.fromkeys(BOUNDS, 2**53 - 1),
        "all nil": dict.fromkeys(BOUNDS),
        "and keys that nobody knows": {"com.example.x": -1, "grace": "long", "": None, "Window": 0, "x": [1, {}]},
    }.items():
        await it.accepted(f"limits {what}", lambda segment: m.progress(segment, 480), opening={"limits": limits})


@case(
    "sender.limits.window_follows_the_rate",
    "LW-OPEN-10",
    why="the window's floor is a tenth of a second, whatever the rate",
    needs=("rates",),
    options={"formats": [["s16le", 22_050, 1]]},
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await it.accepted("a window of 2,205 samples", opening={"limits": {"window": 2_205}})
    await it.refused("one of 2,204", "invalid_field", welcome_with(limits={"window": 2_204}), first=True)


@case(
    "sender.limits.defaults",
    "LW-OPEN-10",
    why="a receiver that announces nothing has the default of everything, 2 s of samples for one",
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("consume")
    await it.meet()
    usual = it.make_welcome()
    it.limits = {"window": 48_000}
    it.send_exactly([*usual[:6], {}, *usual[7:]])
    segment = await it.open_segment()
    for seed in range(6):
        await it.write(segment, m.pcm(12_000, seed))
    await it.arrives(segment, 2_401, "LW-OPEN-10")  # more than the floor
    await it.settle()
    it.check_credit("LW-OPEN-10")
    it.auto.add("consume")
    it.report(segment)
    await it.arrives(segment, 72_000, "LW-OPEN-10")
    largest = max(len(entry.data) for entry in it.seen("audio"))
    it.check(largest <= 65_536, "messages of at most 65,536 bytes", f"one of {largest}")


@case(
    "sender.limits.default_window_of_another_rate",
    "LW-OPEN-10",
    why="2 s of samples are 16,000 at 8 kHz",
    needs=("rates",),
    options={"formats": [["s16le", 8_000, 1]]},
)
async def _(it: SenderPlay) -> None:
    it.auto.discard("consume")
    await it.meet()
    usual = it.make_welcome()
    it.limits = {"window": 16_000}
    it.send_exactly([*usual[:6], {}, *usual[7:]])
    segment = await it.say(m.pcm(48_000))
    await it.arrives(segment, 801)  # more than the floor
    await it.settle()
    it.check_credit("LW-OPEN-10")


@case(
    "sender.limits.cooldown_beyond_its_cap",
    "LW-OPEN-10",
    "LW-STREAM-7",
    why="what is announced is brought down to its cap, or a receiver could have an agent wait for ever",
    options={"limits": {"grace": 100}},
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"cooldown": 2**50})
    segment = await it.say(m.pcm(480))
    began = it.now()
    await it.arrives(segment, 480)
    told = await it.told("stream_ended", segment=segment, within=20.0)
    passed = it.now() - began
    it.check(passed >= 5.0 * EARLIEST, "not before the cap of the cooldown, 5 s", f"after {passed:.2f} s")
    it.check(told["interrupted"], "without a report, it ends as interrupted", f"{told}", "LW-STREAM-7")


# -- message size ----------------------------------------------------------------------------------------------------


async def _ask_size(it: SenderPlay, limit: int) -> None:
    await it.accepted(f"{limit} bytes", m.sized(m.GREASE, limit))
    await it.accepted(f"a progress of {limit} bytes", lambda one: m.sized([*m.progress(one, 480), None], limit))
    await it.refused(f"{limit + 1} bytes", "message_too_large", m.sized(m.ping(1), limit + 1))
    await it.refused(f"{limit + 1} bytes to be ignored", "message_too_large", m.sized(m.GREASE, limit + 1))
    await it.refused(f"{limit + 1} bytes, not the first", "message_too_large", m.ping(1), m.sized([64], limit + 1))


@case(
    "sender.limits.message_of_4096_bytes",
    "LW-WIRE-8",
    why="the least limit holds to the byte, for welcome as well: the receiver has read it in hello",
    options={"limits": {"message": 4_096}},
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await _ask_size(it, 4_096)
    await it.refused("junk of 4,097 bytes", "message_too_large", b"\xc1" * 4_097)
    await it.refused("twice as much", "message_too_large", m.sized(m.GREASE, 8_192))
    other = await it.another()
    await other.meet()
    other.send_exactly(m.sized([*other.make_welcome(), None], 4_096))
    await other.goes_on()
    await other.leave()
    await it.refused("a welcome of 4,097 bytes", "message_too_large",
                     lambda other: m.sized([*other.make_welcome(), None], 4_097), first=True)  # fmt: skip


@case(
    "sender.limits.message_as_announced",
    "LW-WIRE-8",
    "LW-WEBSOCKET-3",
    why="a message that is too large is refused with a word, not by the WebSocket's own limit",
    transports=("websocket",),
    judged=False,
)
async def _(it: SenderPlay) -> None:
    probe = await it.another()
    await probe.open()
    await probe.fence()
    limit = probe.hello.limits.get("message") or 65_536
    await probe.leave()
    await _ask_size(it, limit)
    await it.refused("a close message for one byte more", "message_too_large", m.sized(m.GREASE, limit + 1),
                     requirement="LW-WEBSOCKET-3")  # fmt: skip


@case(
    "sender.limits.hello_within_the_default",
    "LW-WIRE-8",
    why="the receiver's limit is not known yet, so hello goes by the default",
    options={"info": {f"com.example.k{n}": "x" * 1_000 for n in range(15)}},
)
async def _(it: SenderPlay) -> None:
    await it.open(limits={"message": 4_096})
    size = len(next(entry.data for entry in it.trace if entry.name == "hello"))
    it.check(15_000 < size <= 65_536, "a hello with all of its info, of at most 65,536 bytes", f"{size}")
    await it.goes_on()


# -- depth and counts ------------------------------------------------------------------------------------------------


@case(
    "sender.limits.depth",
    "LW-WIRE-9",
    why="8 levels, the message itself the first: wherever they are",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await wire_of_both_roles.depth(it, {})
    values: dict[str, Callable[[int], Any]] = {"maps": maps, "arrays in a map": lambda deep: {"a": m.nested(deep - 1)}}
    for what, made in values.items():
        await it.accepted(f"8 levels of {what} in welcome", opening={"info": made(7)})
        await it.refused(f"9 levels of {what} in welcome", "limit_exceeded", welcome_with(info=made(8)), first=True)


@case(
    "sender.limits.entries",
    "LW-WIRE-9",
    why="1,024 entries, and a pair of a map is one: wherever they are",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await wire_of_both_roles.entries(it, {})
    await it.accepted("1,024 entries of info", opening={"info": pairs(1_024)})
    await it.refused("1,025 entries of info", "limit_exceeded", welcome_with(info=pairs(1_025)), first=True)


@case(
    "sender.limits.claims",
    "LW-WIRE-9",
    "LW-WIRE-7",
    "LW-SECURITY-1",
    why="a head of five bytes claims gigabytes: whoever allocates what is claimed falls over",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await wire_of_both_roles.claims(it)
    await it.accepted("another session, after all that", requirement="LW-SECURITY-1")
