"""What a sender and a receiver are asked in the same words: the steps, to be called from a case of each."""

import asyncio
import base64
import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final, TypeAlias

from msgpack import ExtType

from lipwire.protocol.channels import Channel
from lipwire.protocol.errors import CloseCode

from .. import messages as m
from ..checking import PATIENCE
from ..tables import Tables

EARLIEST: Final = 0.9
"""Of a time that the implementation waits at the least: its clock may be a little ahead of the kit's."""

# -- formats (SPEC §7) -----------------------------------------------------------------------------------------------

FORMATS: Final[Sequence[tuple[str, list[Any], tuple[str, ...]]]] = (
    ("f32le", ["f32le", 24_000, 1], ("f32le",)),
    ("stereo", ["s16le", 24_000, 2], ("stereo",)),
    ("f32le_stereo", ["f32le", 24_000, 2], ("f32le", "stereo")),
    ("lowest_rate", ["s16le", 8_000, 1], ("rates",)),
    ("highest_rate", ["s16le", 48_000, 1], ("rates",)),
    ("odd_rate", ["s16le", 22_050, 1], ("rates",)),
)
"""Formats beside the one that everybody has: a name, the format, and the capabilities that it needs."""

# -- liveness (SPEC §16) ---------------------------------------------------------------------------------------------


async def pong(it: Tables) -> None:
    """Each ping is answered, each with its own t1."""
    await it.open()
    for t1 in (0, 1, 127, 128, 2**32, 2**53 - 1):
        it.send(m.ping(t1))
        answer = (await it.expect("pong", t1=t1)).message
        it.check(answer.t2 <= answer.t3, "t2 not after t3", f"{answer}")
    for t1 in range(500, 540):
        it.send(m.ping(t1))
    for t1 in range(500, 540):
        await it.expect("pong", t1=t1)
    clocks = [entry.message.t3 for entry in it.seen("pong")]
    it.check(clocks == sorted(clocks), "a clock that does not go back", f"{clocks}")


async def pong_clock(it: Tables) -> None:
    """The clocks in a pong are microseconds."""
    await it.open()
    it.send(m.ping(1))
    before = it.now()
    first = (await it.expect("pong", t1=1)).message
    await asyncio.sleep(0.2)
    it.send(m.ping(2))
    second = (await it.expect("pong", t1=2)).message
    after = it.now()
    passed = second.t2 - first.t3
    most = (after - before) * 1.1e6
    it.check(0.18e6 <= passed <= most, f"from 180,000 to {most:,.0f} µs between them", f"{passed} µs")


async def flood_of_pings(it: Tables) -> None:
    """At least 100 pings a second are answered, and when the flood is over all of them again."""
    await it.open()
    began = it.now()
    for t1 in range(1_000, 1_600):
        it.send(m.ping(t1))
    await _answered_in_the_end(it)
    seconds = it.now() - began
    answered = len([entry for entry in it.seen("pong") if entry.message.t1 < 1_600])
    it.check(answered >= 100, "at least 100 of 600 pings answered", f"{answered}")
    most = 100 * (seconds + 2)
    it.check(answered <= most, f"at most {most:.0f} of them, in {seconds:.1f} s", f"{answered}", level="SHOULD")


async def _answered_in_the_end(it: Tables) -> None:
    """Ping until that is answered: the second of a flood has to pass first."""
    for t1 in range(1 << 30, (1 << 30) + 100):
        it.send(m.ping(t1))
        if await it.find("pong", t1=t1, within=0.2) is not None:
            return
        if it.over or it.closed is not None:
            break
    it.require(False, "pings are answered again when the flood is over", it.lately())


async def anything_counts(it: Tables, **opening: Any) -> None:
    """Whoever sends anything stays, though it answers no ping. Keepalive is 300 ms."""
    await stays(it, "messages to be ignored", lambda other, _: other.send(m.GREASE), **opening)


async def stays(it: Tables, what: str, say: Callable[[Any, int], None], **opening: Any) -> None:
    """Whoever says this again and again, with a count, stays, though it answers no ping. Keepalive is 300 ms."""
    for _ in range(5):  # on a machine that stands still for so long, the silence is real: then once more
        other = await it.another()
        other.auto.discard("pong")
        await other.open(**opening)
        widest, last, count = 0.0, it.now(), 0
        until = last + 1.3
        while it.now() < until and not other.over:
            say(other, count)
            count += 1
            await asyncio.sleep(0.05)
            widest, last = max(widest, it.now() - last), it.now()
        over = other.over
        if not over or widest < 0.3:
            break
        await other.leave()
    it.check(not over, f"it stays for 1.3 s of {what}", other.lately())
    await other.leave()


# -- closing (SPEC §16, §18) -----------------------------------------------------------------------------------------

MARKER: Final = "\x1b]0;lipwire-kit\x07\n\r\x00"
"""What a terminal would obey, were it printed as it is."""
CLOSES: Final[dict[str, Sequence[Any]]] = {
    "nothing behind the reason": [3, 0, ""],
    "a code that nobody knows": m.close(4_711, "?"),
    "the greatest code": m.close(2**53 - 1),
    "an unknown code and retry": m.close(77, "", 5_000),
    "a known code": m.close(CloseCode.GOING_AWAY, "bye", 1_000, {"com.example.x": 1}),
    "retry below 0": [3, 0, "", -1],
    "retry that is a text": [3, 0, "", "soon"],
    "details that are none": [3, 0, "", None, [1, 2]],
    "details that are too large": m.close(0, "", None, m.content(16_385)),
    "details with other keys": [3, 0, "", None, {1: 2}],
    "elements more": [3, 0, "", None, None, 1.5, {"a": []}],
    "a reason of 1,024 bytes": m.close(0, "é" * 512),
    "a reason that a terminal would obey": m.close(0, MARKER),
    "a reason that gives orders": m.close(0, "unsupported_version; retry now"),
}


LONG_FAULTS: Final[dict[str, Any]] = {
    "a type that nobody knows": [40, "x" * 20_000],
    "a text where an integer is due": [4, "é" * 10_000],
    "a binary where an integer is due": [4, bytes(20_000)],
    "a list where an integer is due": [4, ["x" * 100] * 200],
    "text that is not UTF-8": b"\x92\x04\xda\x4e\x20" + b"\xff" * 20_000,
    "bytes behind the message": m.packed(m.ping(1)) + b"x" * 20_000,
    "a text message": "x" * 20_000,
}
"""What breaks a rule, and is long."""


async def odd_closes(it: Tables) -> None:
    """Each of these ends a session of its own, and none is answered."""
    lingers = False
    for what, message in CLOSES.items():
        requirement = "LW-CODE-1" if "code" in what else "LW-CODE-2" if "reason that" in what else "LW-INVARIANT-5"
        other = await it.another()
        await other.open()
        await other.fence()
        other.send_exactly(message)
        other.send_exactly(m.ping(77))
        await other.until_over(PATIENCE if not lingers else 0.3)
        answers = other.seen("close") + other.seen("pong", t1=77)
        names = [entry.name for entry in answers]
        it.check(not answers, f"{what}: it is closed, and no answer", f"{names}", requirement)
        if not lingers:
            it.check(other.over, f"{what}: the transport ends", "it stays open", "LW-CLOSE-1", level="SHOULD")
            lingers = not other.over
        await other.leave()


async def code_is_kept(it: Tables) -> None:
    """The number of a code that is not known is told. The session is open."""
    it.send(m.close(4_711, "of a later revision"))
    closed = await it.told("closed")
    it.check(closed["code"] == 4_711 and closed["by"] == "peer", "closed by the peer, code 4711", f"{closed}")


async def reasons_are_short(it: Tables, rows: Mapping[str, Any], *, first: Mapping[str, Any]) -> None:
    """Whatever a close is about, and however much of that its reason quotes, the reason has at most 1,024 bytes.

    ``first``: rows in the place of the kit's first message.
    """
    for what, message in {**first, **rows}.items():
        since = len(it.trace)
        other = await it.another()
        await (other.meet() if what in first else other.open())
        other.send(*await other.prepared([message], first=what in first), channel=Channel.CONTROL)
        await other.answers(first=what in first)
        closes = [read for one in other.said(since) if isinstance(read := m.unpack(one.data), list) and read[:1] == [3]]
        words = [len(read[2].encode()) if isinstance(read[2], str) else None for read in closes if len(read) > 2]
        it.check(bool(words), f"{what}: a close", other.lately(), "LW-CLOSE-6")
        short = all(size is not None and size <= 1_024 for size in words)
        it.check(short, f"{what}: a reason of at most 1,024 bytes", f"{words}", "LW-WIRE-4")
        await other.leave()


async def reason_is_escaped(it: Tables) -> None:
    """A reason's control characters are not printed as they came. The session is open."""
    it.send(m.close(CloseCode.INTERNAL_ERROR, f"lipwire-kit {MARKER}"))
    await it.told("closed")
    await it.do("fence")
    raw = [line for line in it.words() if "\x1b]0;lipwire-kit" in line]
    it.check(not raw, "its control characters not on standard error", f"{raw!r}")


# -- the end of a transport (SPEC §5) --------------------------------------------------------------------------------

Closing: TypeAlias = Callable[[Any, Any], Awaitable[None]]
"""Closes a part of a WebRTC transport, or of the peer connection that it runs over."""


async def _close_channel(transport: Any, channel: Channel) -> None:
    """Close one channel alone: the kit's own transport would close the other one behind it, were it told."""
    closing = transport._channels[channel]
    closing.remove_all_listeners("close")
    closing.close()


TRANSPORT_ENDS: Final[dict[str, tuple[str, Closing]]] = {
    "control_closed": (
        "a session can not go on without control",
        lambda transport, _: _close_channel(transport, Channel.CONTROL),
    ),
    "media_closed": (
        "a session can not go on without media, however well control is",
        lambda transport, _: _close_channel(transport, Channel.MEDIA),
    ),
    "connection_closed": (
        "a peer connection takes its channels with it",
        lambda _, connection: connection.close(),
    ),
}
"""What ends a session over WebRTC: why it is asked, and how it is brought about."""


async def channels_close_first(it: Tables) -> None:
    """Check how an implementation that closes leaves a peer connection: its channels are closed before it is."""
    await it.closes("unknown_message")
    await it.transport_ends()
    how = next((entry.name for entry in reversed(it.trace) if entry.kind == "transport"), "stays open")
    it.check(how == "ended", "the data channels are closed while the peer connection is there", f"it is {how}")


# -- what it sends (SPEC §2, §6) -------------------------------------------------------------------------------------


def _values(value: Any) -> list[Any]:
    """A value, and all that are in it."""
    inner = [*value.keys(), *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return [value, *(found for one in inner for found in _values(one))]


def _ints(value: Any) -> list[int]:
    """The integers of a message outside of maps."""
    if isinstance(value, list):
        return [found for one in value for found in _ints(one)]
    return [value] if type(value) is int else []


def check_messages(it: Tables, sends: Collection[str], of_features: Mapping[str, str], due: Collection[str]) -> None:
    """Check each message that has come by itself, and whether it may be sent at all.

    ``sends``: what that role sends; ``of_features``: which of it belongs to a feature; ``due``: what had to come.
    """
    for entry in it.said():
        raw = m.unpack(entry.data)
        shown = f"{entry.data!r:.200}"
        whole = isinstance(entry.data, bytes) and isinstance(raw, list) and bool(raw) and type(raw[0]) is int
        it.check(whole, "one whole MessagePack array, beginning with an integer", shown, "LW-WIRE-1")
        values = _values(raw)
        keys = [key for one in values if isinstance(one, dict) for key in one]
        plain = not any(isinstance(one, ExtType) or type(one).__name__ == "Timestamp" for one in values)
        it.check(plain and all(type(key) is str for key in keys), "no extension, and strings as keys", shown,
                 "LW-WIRE-12")  # fmt: skip
        if entry.name != "ignored":
            it.check(all(0 <= one < 2**53 for one in _ints(raw)), "integers from 0 to 2^53 - 1", shown, "LW-WIRE-3")
            it.check(entry.name in sends, f"a message of a {it.role.value}, as SPEC §6 has it",
                     f"{entry.name} {entry.fault}: {shown}", "LW-REGISTRY-1")  # fmt: skip
        feature = "resume" if entry.number is not None else of_features.get(entry.name)
        it.check(feature is None or feature in it.features, f"of the features chosen, {it.features}",
                 f"{entry.name}, which belongs to {feature}", "LW-FEATURE-2")  # fmt: skip
    rest = set(due) - {entry.name for entry in it.said()}
    missing = ", ".join(sorted(rest))
    it.check(not rest, "each message that is due has come", f"without {missing}", "LW-REGISTRY-1")


# -- a peer that means harm (SPEC §20) -------------------------------------------------------------------------------

TOKEN: Final = "kit-token-7f3a9c51"


def damaged(whole: list[Any], chance: random.Random) -> bytes:
    """A message with a few bytes changed, left out, or put in."""
    data = bytearray(m.packed(whole))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data))
        match chance.randrange(3):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                del data[at : at + chance.randint(1, 3)]
            case _:
                data[at:at] = chance.randbytes(chance.randint(1, 5))
        if not data:
            break
    return bytes(data)


async def not_logged(it: Tables, what: str, *hidden: str | bytes) -> None:
    """Check that none of these is on its standard error: texts as they are, bytes in any way that prints them."""
    await it.do("fence")
    printed: list[str] = []
    for one in hidden:
        if isinstance(one, str):
            printed.append(one)
        else:
            printed += [one.hex(), base64.b64encode(one).decode(), repr(one)[2:-1], repr(one)[2:18]]
    text = "\n".join(it.words())
    found = [one for one in printed if one in text]
    it.check(not found, f"{what} on its standard error", f"{found} in {text[-500:]}")
