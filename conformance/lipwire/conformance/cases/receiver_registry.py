"""Which messages a receiver sends, and takes, when, and over which channel (SPEC §6)."""

from typing import Final

from lipwire.protocol.channels import Channel

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay
from . import of_both_roles

RECEIVER_SENDS: Final = frozenset(
    {
        "welcome", "close", "ping", "pong", "acknowledge", "cut", "mark_reached", "stream_started", "progress",
        "stream_ended", "nack", "custom", "ignored",
    }
)  # fmt: skip
OF_FEATURES: Final = {"acknowledge": "resume", "mark_reached": "marks", "nack": "repair", "custom": "custom"}

LARGE_INFO: Final = {f"com.example.k{n}": "x" * 1_000 for n in range(15)}
"""More than the least that a peer may take."""


# -- what it writes --------------------------------------------------------------------------------------------------


async def _live(it: ReceiverPlay) -> None:
    """Have it send about all that it sends in a session of a few segments."""
    await it.open()
    pcm = m.pcm(2_400)
    it.say(1, pcm)
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1)
    await it.do("stream_started", segment=1)
    await it.do("played", segment=1, position=1_200)
    await it.reported(1, played=1_200)
    await it.finish(1, 2_400)
    await it.expect("stream_ended", segment=1)
    it.say(2, pcm, end=False)
    await it.heard(2, pcm)
    it.send(m.interrupt(2))
    await it.expect("cut", first=2, last=2)
    await it.finish(2, 480, interrupted=True)
    await it.expect("stream_ended", segment=2)
    it.say(4, pcm)
    await it.heard(4, pcm)
    await it.do("stream_ended", segments=[4], position=None, interrupted=False, failed=True)
    await it.expect("stream_ended", segment=4)
    await it.fence()


def _check_messages(it: ReceiverPlay) -> None:
    """Check each message by itself, and whether it may be sent at all."""
    core = {"welcome", "pong", "stream_started", "progress", "stream_ended", "cut"}
    of_both_roles.check_messages(it, RECEIVER_SENDS, OF_FEATURES, core)


@case(
    "receiver.registry.what_it_sends",
    "LW-WIRE-1",
    "LW-WIRE-3",
    "LW-WIRE-12",
    "LW-REGISTRY-1",
    "LW-FEATURE-2",
    why="each message stands by itself, and is one that a sender expects",
)
async def _(it: ReceiverPlay) -> None:
    try:
        await _live(it)
    finally:  # what is wrong with a message is why another does not come
        _check_messages(it)


@case(
    "receiver.registry.what_it_sends_with_all_features",
    "LW-WIRE-1",
    "LW-WIRE-3",
    "LW-WIRE-12",
    "LW-REGISTRY-1",
    "LW-FEATURE-2",
    why="as above, with every feature in use",
    features=("repair", "resume", "pause", "marks", "data", "custom"),
)
async def _(it: ReceiverPlay) -> None:
    await _live(it)
    it.send(m.segment_start(5), m.mark(5, 100, "here"), m.data(5, 0, {"words": []}), m.segment_end(5, 480))
    it.send_audio(5, m.pcm(240), position=240)  # the first half has been lost
    await it.expect("nack", segment=5)
    it.send_audio(5, m.pcm(240))
    await it.told("segment_end", segment=5)
    it.send(m.pause(), m.unpause())
    await it.do("custom", content={"com.example.x": 2**60})
    await it.expect("custom")
    await it.do("played", segment=5, position=480)
    await it.expect("mark_reached", segment=5)
    await it.finish(5, 480)
    await it.expect("stream_ended", segment=5)
    _check_messages(it)


@case(
    "receiver.registry.channels",
    "LW-BINDING-3",
    "LW-BINDING-4",
    why="what is late is of no use on media's place, and what is lost on media never comes",
    transports=("webrtc",),
)
async def _(it: ReceiverPlay) -> None:
    await _live(it)
    it.send(m.segment_start(5))
    it.send_audio(5, m.pcm(240), position=240)
    await it.expect("nack", segment=5)
    for at, entry in enumerate(it.said()):
        if entry.name == "ignored":
            continue
        due = Channel.MEDIA if entry.name in ("progress", "nack") else Channel.CONTROL
        before_end = entry.name == "progress" and any(
            one.name == "stream_ended" and one.message.position is None for one in it.said()[at + 1 :]
        )  # LW-STREAM-3: it comes on control then
        it.check(entry.channel is due or before_end, f"{entry.name} on {due.value}", f"on {entry.channel.value}")
        size = len(entry.data)
        it.check(due is Channel.CONTROL or size <= 1_150, f"{entry.name} of at most 1,150 bytes on media",
                 f"{size} bytes", "LW-BINDING-4")  # fmt: skip


async def _keeps_to_4096_bytes(it: ReceiverPlay, since: int = 0) -> None:
    """Check that no message is larger, whatever its user asks for."""
    await it.attempt("custom", content={"com.example.x": "x" * 5_000})  # it may refuse that, or drop it
    await it.do("custom", content={"com.example.x": "small"})
    await it.expect("custom", content={"com.example.x": "small"})
    await it.goes_on()
    most = max(len(entry.data) for entry in it.said(since))
    it.check(most <= 4_096, "no message of more than 4,096 bytes", f"one of {most}")


@case(
    "receiver.registry.senders_message_limit",
    "LW-BINDING-4",
    why="the sender says what it takes, and would close on more",
    features=("custom",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open(limits={"message": 4_096})
    await _keeps_to_4096_bytes(it)


@case(
    "receiver.registry.welcome_within_the_senders_limit",
    "LW-BINDING-4",
    why="what its user wants to say of the renderer may be more than the sender takes: welcome goes without it",
    options={"info": LARGE_INFO},
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    for limit in (65_536, 4_096):
        since = len(it.trace)
        other = await it.beside()
        await other.open(limits={"message": limit})
        await other.goes_on()
        most = max(len(entry.data) for entry in it.said(since))
        it.check(most <= limit, f"no message of more than {limit:,} bytes", f"one of {most}")
        await other.leave()


@case(
    "receiver.registry.welcome_within_the_senders_limit_after_a_resume",
    "LW-BINDING-4",
    why="the welcome of a resume has its state as well, and the sender may take less than before",
    features=("resume",),
    options={"info": LARGE_INFO},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.send(m.segment_start(1))
    await it.goes_on()
    it.drop()
    since = len(it.trace)
    await it.resume(limits={"message": 4_096})
    await it.goes_on()
    most = max(len(entry.data) for entry in it.said(since))
    it.check(most <= 4_096, "no message of more than 4,096 bytes", f"one of {most}")


@case(
    "receiver.registry.senders_message_limit_after_a_resume",
    "LW-BINDING-4",
    why="each hello says anew what the sender takes",
    features=("custom", "resume"),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.goes_on()
    it.drop()
    await it.resume(limits={"message": 4_096})
    await _keeps_to_4096_bytes(it, len(it.trace))


@case(
    "receiver.registry.segments_fit_the_senders_limit",
    "LW-BINDING-4",
    why="a cut lists every live segment in it, and has to be one message that the sender takes",
    options={"limits": {"segments": 1_024}},
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open(limits={"message": 4_096})
    first, count = 2**52, it.limits.get("segments") or 64
    for segment in range(first, first + count):
        it.send(m.segment_start(segment), m.segment_end(segment, 0))
    await it.goes_on()  # so many may be live
    it.send(m.interrupt(first, first + count - 1))
    cut = await it.expect("cut")
    it.check(len(cut.data) <= 4_096, "a cut of at most 4,096 bytes", f"one of {len(cut.data)} bytes")


# -- direction, state, feature ---------------------------------------------------------------------------------------


@case(
    "receiver.registry.wrong_direction",
    "LW-REGISTRY-2",
    why="a receiver's messages are not a sender's to send",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    for what, message in {
        "welcome": m.welcome(it.session),
        "cut": m.cut(1, 1),
        "stream_started": m.stream_started(1),
        "progress": m.progress(1, 0),
        "stream_ended": m.stream_ended(1, 0),
        "nack": m.nack(1, (0, 480)),
        "mark_reached": m.mark_reached(1, "x"),
    }.items():
        await it.refused(what, "out_of_state", m.segment_start(1), message)


@case(
    "receiver.registry.feature_not_chosen",
    "LW-REGISTRY-2",
    "LW-FEATURE-2",
    why="what was not agreed on does not exist",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    rows = {
        "pause": m.pause(),
        "unpause": m.unpause(),
        "mark": m.mark(1, 0, "x"),
        "data": m.data(1, 0, {}),
        "custom": m.custom({}),
        "acknowledge": m.acknowledge(0),
        "numbered": m.numbered(1, 0, m.segment_end(1, 0)),
    }
    if it.kind != "webrtc":
        rows["sent"] = m.sent(1, 0)
    for what, message in rows.items():
        await it.refused(what, "out_of_state", m.segment_start(1), message)
    await it.refused("one for an ended segment", "out_of_state", m.segment_start(1), m.segment_end(1, 0),
                     m.mark(1, 0, "x"), requirement="LW-FEATURE-2")  # fmt: skip


@case(
    "receiver.registry.wrong_direction_numbered",
    "LW-REGISTRY-2",
    why="what is inside counts as it does outside",
    features=("resume", "marks"),
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    for what, message in {
        "stream_started": m.stream_started(1),
        "stream_ended": m.stream_ended(1, 0),
        "mark_reached": m.mark_reached(1, "x"),
        "pause, which was not chosen": m.pause(),
        "custom, which was not chosen": m.custom({}),
    }.items():
        await it.refused(what, "out_of_state", m.segment_start(1), m.numbered(2, 0, message))
