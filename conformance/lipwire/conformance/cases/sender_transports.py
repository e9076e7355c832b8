"""What a sender does with its transports (SPEC §5)."""

import asyncio
from contextlib import suppress
from typing import Any, Final

from lipwire.protocol.errors import CloseCode

from .. import messages as m
from ..case import case
from ..checking import PATIENCE
from ..links import MediaHeldBack, closing_status
from ..sender_play import SenderPlay
from .of_both_roles import TRANSPORT_ENDS, Closing, channels_close_first

WEBSOCKET: Final = ("websocket",)
WEBRTC: Final = ("webrtc",)


# -- WebSocket -------------------------------------------------------------------------------------------------------


@case(
    "sender.transports.subprotocol",
    "LW-WEBSOCKET-1",
    why="the name tells a Lipwire peer from anything else before a message is sent, in all versions from 1 on",
    transports=WEBSOCKET,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    await it.goes_on()
    offered = it.requests[0].headers.get("Sec-WebSocket-Protocol", "")
    names = [name.strip() for name in offered.split(",")]
    it.check("lipwire.1" in names, "lipwire.1 among the subprotocols offered", f"{offered!r}")


@case(
    "sender.transports.subprotocol_not_selected",
    "LW-WEBSOCKET-1",
    why="a server that does not select it does not speak Lipwire, and what it makes of a hello is anybody's guess",
    transports=WEBSOCKET,
)
async def _(it: SenderPlay) -> None:
    it.selects = False
    await it.connect()
    it.dropped = True  # as it has to
    await it.transport_ends()
    said = [entry.name for entry in it.said()]
    it.check(not said, "nothing is said on it", f"{said}")
    it.none("event opened")


@case(
    "sender.transports.no_compression",
    "LW-WEBSOCKET-2",
    why="PCM gains little, and time is lost",
    transports=WEBSOCKET,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    segment = await it.say(m.pcm(480))
    await it.arrives(segment, 480)
    await it.goes_on()
    offered = it.requests[0].headers.get("Sec-WebSocket-Extensions", "")
    it.check("deflate" not in offered, "no compression is offered", f"{offered!r}", level="SHOULD")
    texts = [entry.data for entry in it.trace if entry.kind == "message" and isinstance(entry.data, str)]
    it.check(not texts, "binary messages only", f"{texts}")


@case(
    "sender.transports.closing_status",
    "LW-WEBSOCKET-3",
    why="1000 is what every proxy takes for an orderly end",
    transports=WEBSOCKET,
    judged=False,
)
async def _(it: SenderPlay) -> None:
    for what, opened, message in (
        ("after its own close", True, [40]),
        ("after the receiver's", True, m.close(CloseCode.NORMAL)),
        ("after the receiver's with a code", True, m.close(CloseCode.INTERNAL_ERROR)),
        ("after a refusal", False, m.close(CloseCode.UNAUTHORIZED)),
        ("after a welcome that it refuses", False, m.welcome(bytes(16))),
    ):
        other = await it.another()
        await (other.open() if opened else other.meet())
        other.send(message)
        await other.transport_ends(level="SHOULD")
        assert other.transport is not None
        status = closing_status(other.transport)
        it.check(status == 1_000, f"{what}: status 1000", f"{status}", level="SHOULD")
        await other.leave()


# -- WebRTC ----------------------------------------------------------------------------------------------------------


async def _all(it: SenderPlay, *events: asyncio.Event) -> bool:
    """Wait for all of these; whether they have come."""
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE * it.patience):
            for event in events:
                await event.wait()
    return all(event.is_set() for event in events)


@case(
    "sender.transports.data_channels",
    "LW-WEBRTC-1",
    why="control has to be reliable, and media must not wait for what was lost",
    transports=WEBRTC,
)
async def _(it: SenderPlay) -> None:
    channels: dict[str, Any] = {}

    def prepare(connection: Any) -> None:
        connection.on("datachannel", lambda channel: channels.setdefault(channel.label, channel))

    await it.connect(prepare=prepare)
    await it.take_hello()
    it.welcome()
    await it.goes_on()
    labels = {"lipwire.control", "lipwire.media"}
    it.require(labels <= set(channels), f"data channels {sorted(labels)}", f"{sorted(channels)}")
    for label in sorted(labels):
        it.check(channels[label].protocol == "lipwire.1", f"{label}: the protocol lipwire.1", channels[label].protocol)
    control, media = channels["lipwire.control"], channels["lipwire.media"]
    reliable = control.maxRetransmits is None and control.maxPacketLifeTime is None
    it.check(control.ordered and reliable, "control: ordered, without a limit of retransmits", _shape(control))
    right = not media.ordered and media.maxRetransmits == 0
    it.check(right, "media: unordered, with at most 0 retransmits", _shape(media))


def _shape(channel: Any) -> str:
    lives = f"for {channel.maxPacketLifeTime} ms" if channel.maxPacketLifeTime is not None else "for ever"
    return f"ordered {channel.ordered}, retransmits {channel.maxRetransmits}, {lives}"


@case(
    "sender.transports.hello_when_both_are_open",
    "LW-WEBRTC-3",
    "LW-WEBRTC-1",
    why="what is sent on a channel that is not open yet is lost, or an error",
    transports=WEBRTC,
)
async def _(it: SenderPlay) -> None:
    held = MediaHeldBack()
    opening = asyncio.create_task(it.connect(prepare=held.prepare))
    try:
        came = await _all(it, held.control_opened, held.media_held)
        it.require(came, "both channels are to be opened", it.lately(), "LW-WEBRTC-1")
        await asyncio.sleep(0.4)
        it.check(not held.arrived, "nothing on control while media is not open", f"{held.arrived!r:.100}")
        await held.release()
    finally:
        await opening
    await it.take_hello()
    it.welcome()
    await it.goes_on()


@case(
    "sender.transports.channels_close_first",
    "LW-WEBRTC-5",
    why="a peer connection that goes at once may take the close message with it",
    transports=WEBRTC,
    judged=False,
)
async def _(it: SenderPlay) -> None:
    await it.open()
    await it.fence()
    it.send([40])
    await channels_close_first(it)


@case(
    "sender.transports.other_labels",
    "LW-WEBRTC-2",
    why="the connection carries the application's own channels as well",
    transports=WEBRTC,
)
async def _(it: SenderPlay) -> None:
    connections: list[Any] = []
    await it.connect(prepare=connections.append)
    await it.take_hello()
    it.welcome()
    await it.fence()
    labels = ("chat", "lipwire", "lipwire.control2", "LIPWIRE.MEDIA", "")
    channels = [connections[0].createDataChannel(label, protocol="lipwire.1") for label in labels]
    opened = [asyncio.Event() for _ in channels]
    for channel, event in zip(channels, opened, strict=True):
        channel.on("open", event.set)
    it.require(await _all(it, *opened), "they open", it.lately())
    segment = await it.open_segment()
    await it.write(segment, m.pcm(480))
    for channel in channels:
        for junk in ("hello", b"\xc1", m.packed(m.close(0)), m.packed([40])):
            channel.send(junk)
    await it.arrives(segment, 480, "LW-WEBRTC-2")
    channels[0].close()
    await it.goes_on()
    await it.do("end", segment=segment)
    it.end_stream(segment, 480)
    await it.ends(segment, 480, interrupted=False, requirement="LW-WEBRTC-2")


for _name, (_why, _close) in TRANSPORT_ENDS.items():

    @case(f"sender.transports.{_name}", "LW-WEBRTC-4", "LW-RESUME-12", why=_why, transports=WEBRTC)
    async def _(it: SenderPlay, name: str = _name, close: Closing = _close) -> None:
        connections: list[Any] = []
        await it.connect(prepare=connections.append, owned=False)
        transport = it.transport
        try:
            await it.take_hello()
            it.welcome()
            segment = await it.say(m.pcm(480))
            await it.arrives(segment, 480)
            it.step(name)
            it.dropped = True
            await close(transport, connections[0])
            told = await it.told("stream_ended", segment=segment)
            it.check(not told["exact"], "the session ends with its transport", f"{told}")
            closed = await it.told("closed", requirement="LW-RESUME-12")
            it.check(closed["by"] == "transport", "by the transport", f"{closed}", "LW-RESUME-12")
        finally:
            await connections[0].close()
