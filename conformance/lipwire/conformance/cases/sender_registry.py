"""Which messages a sender sends, and takes, when, and over which channel (SPEC §6, §19)."""

from typing import Final

from lipwire.protocol.channels import Channel

from .. import messages as m
from ..case import case
from ..sender_play import SenderPlay
from . import of_both_roles

SENDER_SENDS: Final = frozenset(
    {
        "hello", "close", "ping", "pong", "acknowledge", "segment_start", "audio", "sent", "segment_end", "interrupt",
        "pause", "unpause", "mark", "data", "custom", "ignored",
    }
)  # fmt: skip
OF_FEATURES: Final = {
    "acknowledge": "resume", "sent": "repair", "pause": "pause", "unpause": "pause", "mark": "marks", "data": "data",
    "custom": "custom",
}  # fmt: skip
ALL: Final = ("repair", "resume", "pause", "marks", "data", "custom")


# -- what it writes --------------------------------------------------------------------------------------------------


async def _live(it: SenderPlay) -> None:
    """Have it send about all that it sends in a session of a few segments."""
    await it.open()
    segment = await it.open_segment({"text": "Hello", "com.example.x": [1, {"a": None}]})
    await it.write(segment, m.pcm(4_800))
    await it.do("end", segment=segment)
    await it.arrives(segment, 4_800)
    await it.expect("segment_end", segment=segment)
    it.end_stream(segment, 4_800)
    await it.ends(segment, 4_800, interrupted=False)
    segment = await it.open_segment()
    await it.write(segment, m.pcm(960, 2))
    await it.arrives(segment, 960)
    await it.do("interrupt", segment=None)
    await it.expect("interrupt", first=segment)
    it.end_stream(segment, 0, interrupted=True, cause=1)
    await it.ends(segment, 0, interrupted=True)
    await it.say(b"")
    await it.expect("segment_end", total=0)
    await it.fence()


def _check_messages(it: SenderPlay, *also: str) -> None:
    """Check each message by itself, and whether it may be sent at all."""
    core = {"hello", "pong", "segment_start", "audio", "segment_end", "interrupt"}
    of_both_roles.check_messages(it, SENDER_SENDS, OF_FEATURES, core | {*also})


@case(
    "sender.registry.what_it_sends",
    "LW-WIRE-1",
    "LW-WIRE-3",
    "LW-WIRE-12",
    "LW-REGISTRY-1",
    "LW-FEATURE-2",
    why="each message stands by itself, and is one that a receiver expects",
)
async def _(it: SenderPlay) -> None:
    await _live(it)
    _check_messages(it)


@case(
    "sender.registry.what_it_sends_with_all_features",
    "LW-WIRE-1",
    "LW-WIRE-3",
    "LW-WIRE-12",
    "LW-REGISTRY-1",
    "LW-FEATURE-2",
    why="as above, with every feature in use",
    features=ALL,
)
async def _(it: SenderPlay) -> None:
    await _live(it)
    segment = await it.open_segment({"text": "Hello"})
    await it.do("mark", segment=segment, position=100, name="here")
    await it.do("data", segment=segment, position=0, content={"words": [], "com.example.x": 2**60})
    await it.write(segment, m.pcm(960))
    await it.do("pause")
    await it.do("unpause")
    await it.do("custom", content={"com.example.x": -1})
    await it.expect("custom")
    await it.arrives(segment, 960)
    await it.fence()
    _check_messages(it, "mark", "data", "pause", "unpause", "custom")


@case(
    "sender.registry.features_not_chosen",
    "LW-FEATURE-2",
    "LW-REGISTRY-1",
    why="a receiver closes on a message of a feature that it did not choose",
    needs=("pause", "marks", "data", "custom"),
)
async def _(it: SenderPlay) -> None:
    await it.open()
    await it.fence()  # the session is open there, too
    segment = await it.open_segment()
    await it.write(segment, m.pcm(960))
    for command, arguments in (
        ("pause", {}),
        ("unpause", {}),
        ("mark", {"segment": segment, "position": 100, "name": "here"}),
        ("data", {"segment": segment, "position": 0, "content": {"words": []}}),
        ("custom", {"content": {"com.example.x": 1}}),
    ):
        await it.attempt(command, **arguments)  # it may refuse that, or drop it
    await it.arrives(segment, 960)
    await it.do("end", segment=segment)
    await it.expect("segment_end", segment=segment, requirement="LW-FEATURE-2")
    await it.do("interrupt", segment=None)
    await it.expect("interrupt", requirement="LW-FEATURE-2")
    await it.goes_on()
    for name, feature in OF_FEATURES.items():
        if feature not in it.features:
            it.none(name, requirement="LW-REGISTRY-1")
    numbered = [entry for entry in it.said() if entry.number is not None]
    it.check(not numbered, "nothing is numbered", f"{len(numbered)} messages are", "LW-REGISTRY-1")


@case(
    "sender.registry.asked_for_before_the_session_is_open",
    "LW-FEATURE-2",
    why="what was asked for before welcome is not sent when it turns out that it was not chosen",
    needs=("marks", "data"),
)
async def _(it: SenderPlay) -> None:
    await it.meet()
    segment = await it.open_segment()
    await it.attempt("mark", segment=segment, position=100, name="here")
    await it.attempt("data", segment=segment, position=0, content={"words": []})
    await it.write(segment, m.pcm(960))
    it.welcome()
    await it.arrives(segment, 960)
    await it.goes_on()
    it.none("mark")
    it.none("data")


@case(
    "sender.registry.channels",
    "LW-BINDING-3",
    "LW-BINDING-4",
    why="speech behind a message that is sent again is late, and a message on media's place may be lost",
    transports=("webrtc",),
)
async def _(it: SenderPlay) -> None:
    await _live(it)
    for entry in it.said():
        if entry.name in ("ignored", "interrupt"):
            continue
        due = Channel.MEDIA if entry.name == "audio" else Channel.CONTROL
        # LW-INTERRUPT-2: with the repeats of an interrupt, further copies of numbered messages go on media.
        extra = entry.channel is Channel.MEDIA and entry.number is not None
        it.check(entry.channel is due or extra, f"{entry.name} on {due.value}", f"on {entry.channel.value}")
        size = len(entry.data)
        it.check(entry.channel is Channel.CONTROL or size <= 1_150, f"{entry.name} of at most 1,150 bytes on media",
                 f"{size} bytes", "LW-BINDING-4")  # fmt: skip
    channels = {entry.channel for entry in it.seen("interrupt")}
    it.check(Channel.CONTROL in channels, "an interrupt on control", f"on {channels}")


def _limit_case(name: str, features: tuple[str, ...], why: str) -> None:
    @case(f"sender.registry.{name}", "LW-BINDING-4", why=why, features=features)
    async def _(it: SenderPlay) -> None:
        await it.open(limits={"message": 4_096})
        await it.fence()  # the session is open there, too
        large = {"com.example.x": "x" * 5_000}
        await it.attempt("open", metadata=large)  # it may refuse that, or leave it out
        if features:
            await it.attempt("custom", content=large)
            await it.do("custom", content={"com.example.x": "small"})
            await it.expect("custom", content={"com.example.x": "small"})
        await it.goes_on()
        most = max(len(entry.data) for entry in it.said() if entry.name != "hello")
        it.check(most <= 4_096, "no message of more than 4,096 bytes", f"one of {most}")


_limit_case("metadata_within_the_receivers_limit", (), "the receiver says what it takes, and would close on more")
_limit_case("custom_within_the_receivers_limit", ("custom",), "what its user sends is no larger either")


# -- direction, state, feature ---------------------------------------------------------------------------------------


@case(
    "sender.registry.wrong_direction",
    "LW-REGISTRY-2",
    why="a sender's messages are not a receiver's to send",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    for what, message in {
        "hello": m.hello(bytes(16)),
        "segment_start": m.segment_start(7),
        "audio": m.audio(1, 0, m.pcm(480)),
        "segment_end": m.segment_end(1, 0),
        "interrupt": m.interrupt(1, 1),
    }.items():
        await it.refused(what, "out_of_state", message)
    if it.kind == "webrtc":
        await it.refused("sent", "out_of_state", m.sent(1, 0))


@case(
    "sender.registry.wrong_direction_of_features",
    "LW-REGISTRY-2",
    why="that a feature was chosen does not turn its messages round",
    features=("pause", "marks", "data"),
    judged=False,
)
async def _(it: SenderPlay) -> None:
    for what, message in {
        "pause": m.pause(),
        "unpause": m.unpause(),
        "mark": m.mark(1, 0, "x"),
        "data": m.data(1, 0, {}),
    }.items():
        await it.refused(what, "out_of_state", message)


@case(
    "sender.registry.wrong_direction_numbered",
    "LW-REGISTRY-2",
    why="what is inside counts as it does outside",
    features=("resume", "marks"),
    judged=False,
)
async def _(it: SenderPlay) -> None:
    for what, message in {
        "segment_start": m.segment_start(1),
        "segment_end": m.segment_end(1, 0),
        "interrupt": m.interrupt(1, 1),
        "mark": m.mark(1, 0, "x"),
        "unpause, which was not chosen": m.unpause(),
        "custom, which was not chosen": m.custom({}),
    }.items():
        await it.refused(what, "out_of_state", m.numbered(1, 0, message))


@case(
    "sender.registry.feature_not_chosen",
    "LW-REGISTRY-2",
    "LW-FEATURE-2",
    why="what was not agreed on does not exist, though it was offered",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    rows = {
        "custom": m.custom({}),
        "acknowledge": m.acknowledge(0),
        "numbered": lambda one: m.numbered(1, 0, m.stream_started(one)),
        "mark_reached": lambda one: m.mark_reached(one, "x"),
    }
    if it.kind != "webrtc":
        rows["nack"] = lambda one: m.nack(one, (0, 480))
    for what, message in rows.items():
        requirement = "LW-FEATURE-2" if what in ("custom", "mark_reached") else "LW-REGISTRY-2"
        await it.refused(what, "out_of_state", message, requirement=requirement)


@case(
    "sender.registry.before_welcome",
    "LW-REGISTRY-2",
    why="a receiver that has not said welcome has not taken anything on",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    for what, message in {
        "ping": m.ping(),
        "pong": m.pong(1),
        "cut": m.cut(1, 1),
        "stream_started": m.stream_started(1),
        "stream_ended": m.stream_ended(1, 0),
        "mark_reached": m.mark_reached(1, "x"),
        "custom": m.custom({}),
        "acknowledge": m.acknowledge(0),
        "numbered": m.numbered(1, 0, m.stream_started(1)),
        "hello": m.hello(bytes(16)),
    }.items():
        await it.refused(what, "out_of_state", message, first=True)
