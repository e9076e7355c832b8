"""The limits of a receiver (SPEC §2, §17)."""

from collections.abc import Callable
from typing import Any, Final

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay
from . import wire_of_both_roles
from .wire_of_both_roles import maps, pairs

BOUNDS: Final = {
    "window": (2_400, 1_440_000),  # of 24,000 Hz
    "message": (4_096, 1_048_576),
    "cooldown": (0, 5_000),
    "resume": (0, 600_000),
    "keepalive": (100, 60_000),
    "segments": (4, 1_024),
}
"""The floor and the cap of each limit of welcome."""


def _check_announced(it: ReceiverPlay) -> None:
    for name, (floor, cap) in BOUNDS.items():
        value = it.limits.get(name)
        if value is not None:
            it.check(floor <= value <= cap, f"{name} from {floor} to {cap}", f"{value}")
    it.check(isinstance(it.limits, dict), "limits are a map", f"{it.limits!r}")


@case(
    "receiver.limits.announced",
    "LW-LIMIT-1",
    why="a sender closes on a limit under its floor",
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    _check_announced(it)
    await it.goes_on()


@case(
    "receiver.limits.announced_at_their_floors",
    "LW-LIMIT-1",
    why="what the user sets is announced as it is, at the lower end too",
    options={"limits": {name: floor for name, (floor, _) in BOUNDS.items() if name != "resume"}},
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    _check_announced(it)


@case(
    "receiver.limits.announced_at_their_caps",
    "LW-LIMIT-1",
    why="what the user sets is announced as it is, at the upper end too",
    options={"limits": {name: cap for name, (_, cap) in BOUNDS.items() if name != "resume"}},
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open(limits={"message": 1_048_576})
    _check_announced(it)


for _end, _value in zip(("floor", "cap"), BOUNDS["resume"], strict=True):

    @case(
        f"receiver.limits.resume_at_its_{_end}",
        "LW-LIMIT-1",
        why="what the user sets is announced as it is, also of a limit that belongs to a feature",
        features=("resume",),
        options={"limits": {"resume": _value}},
        wire=True,
    )
    async def _(it: ReceiverPlay) -> None:
        await it.open()
        _check_announced(it)


@case(
    "receiver.limits.window_follows_the_rate",
    "LW-LIMIT-1",
    why="the window's floor is a tenth of a second, whatever the rate",
    needs=("rates",),
    options={"formats": [["s16le", 22_050, 1]], "limits": {"window": 2_205}},
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open(formats=[["s16le", 22_050, 1]])
    window = it.limits.get("window", 44_100)
    it.check(2_205 <= window <= 1_323_000, "a window from 0.1 s to 60 s of samples", f"{window}")


# -- message size ----------------------------------------------------------------------------------------------------


async def _ask_size(it: ReceiverPlay, limit: int) -> None:
    await it.accepted(f"{limit} bytes", m.sized(m.GREASE, limit))
    await it.accepted(f"a segment_start of {limit} bytes", m.sized([16, 1, None], limit))
    await it.refused(f"{limit + 1} bytes", "message_too_large", m.sized([16, 1, None], limit + 1))
    await it.refused(f"{limit + 1} bytes to be ignored", "message_too_large", m.sized(m.GREASE, limit + 1))
    await it.refused(f"{limit + 1} bytes, not the first", "message_too_large", m.ping(1), m.segment_start(1),
                     m.sized([*m.segment_end(1, 0), None], limit + 1))  # fmt: skip


@case(
    "receiver.limits.message_of_4096_bytes",
    "LW-WIRE-8",
    why="the least limit holds to the byte",
    options={"limits": {"message": 4_096}},
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await _ask_size(it, 4_096)
    await it.refused("twice as much", "message_too_large", m.sized(m.GREASE, 8_192))


@case(
    "receiver.limits.message_as_announced",
    "LW-WIRE-8",
    "LW-WEBSOCKET-3",
    why="a message that is too large is refused with a word, not by the WebSocket's own limit",
    transports=("websocket",),
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    probe = await it.beside()
    await probe.open()
    limit = probe.limits.get("message") or 65_536
    await probe.leave()
    await _ask_size(it, limit)
    await it.refused("a close message for one byte more", "message_too_large", m.sized(m.GREASE, limit + 1),
                     requirement="LW-WEBSOCKET-3")  # fmt: skip


@case(
    "receiver.limits.largest_audio",
    "LW-WIRE-8",
    why="audio has a way of its own through most implementations, and the limit holds there too",
    options={"limits": {"message": 4_096, "window": 4_800}},
    transports=("websocket",),
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    samples = (4_096 - len(m.packed(m.audio(2**32, 0, bytes(256)))) + 256) // 2
    pcm = m.pcm(samples)
    largest = m.audio(2**32, 0, pcm)
    assert 4_095 <= len(m.packed(largest)) <= 4_096
    it.send(m.segment_start(2**32), largest)
    await it.heard(2**32, pcm)
    it.send(m.audio(2**32, samples, m.pcm(samples + 2)))
    await it.closes("message_too_large")


# -- depth and counts ------------------------------------------------------------------------------------------------


@case(
    "receiver.limits.depth",
    "LW-WIRE-9",
    why="8 levels, the message itself the first: wherever they are",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    places: dict[str, Callable[[int], m.Raw]] = {
        "in metadata": lambda deep: m.segment_start(1, maps(deep)),
        "in metadata, of arrays": lambda deep: m.segment_start(1, {"a": m.nested(deep - 1)}),
    }
    await wire_of_both_roles.depth(it, places)


@case(
    "receiver.limits.entries",
    "LW-WIRE-9",
    why="1,024 entries, and a pair of a map is one: wherever they are",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    places: dict[str, Callable[[int], m.Raw]] = {
        "of metadata": lambda count: m.segment_start(1, pairs(count)),
        "of an array in metadata": lambda count: m.segment_start(1, {"a": [0] * count}),
    }
    await wire_of_both_roles.entries(it, places)


@case(
    "receiver.limits.claims",
    "LW-WIRE-9",
    "LW-WIRE-7",
    "LW-SECURITY-1",
    why="a head of five bytes claims gigabytes: whoever allocates what is claimed falls over",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await wire_of_both_roles.claims(it)
    await it.goes_on("LW-SECURITY-1")


# -- maps ------------------------------------------------------------------------------------------------------------


@case(
    "receiver.limits.metadata",
    "LW-LIMIT-2",
    why="16,384 bytes in the shortest encoding: how it was written makes no difference",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    words = {f"com.example.k{n}": [n, {"x": n % 100}] for n in range(600)}
    rest = 16_384 - len(m.packed({**words, "pad": ""}))
    many = {**words, "pad": "x" * (rest - 2)}
    assert len(m.packed(many)) == 16_384
    await it.accepted("16,384 bytes", m.segment_start(1, m.content(16_384)))
    await it.accepted("16,384 bytes in many pieces", m.segment_start(1, many))
    await it.accepted("16,384 bytes, written at length", m.wide(m.segment_start(1, many)))
    await it.refused("16,385 bytes", "limit_exceeded", m.segment_start(1, m.content(16_385)))
    more = {**many, "pad": "x" * (rest - 1)}
    await it.refused("16,385 bytes in many pieces", "limit_exceeded", m.segment_start(1, more))


def _content_case(feature: str, message: Any) -> None:
    @case(
        f"receiver.limits.content_of_{feature}",
        "LW-LIMIT-2",
        why="content is bounded as metadata is",
        features=(feature,),
        wire=True,
        judged=False,
    )
    async def _(it: ReceiverPlay) -> None:
        await it.accepted("16,384 bytes", m.segment_start(1), message(m.content(16_384)))
        await it.refused("16,385 bytes", "limit_exceeded", m.segment_start(1), message(m.content(16_385)))


_content_case("data", lambda content: m.data(1, 0, content))
_content_case("custom", m.custom)


@case(
    "receiver.limits.floats_in_content",
    "LW-LIMIT-2",
    why="a language that has 64-bit floats alone writes each in 9 bytes, and one that has both may write 5",
    features=("custom",),
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await wire_of_both_roles.floats(it, m.custom)
