"""What a receiver does with its transports (SPEC §5)."""

from typing import Any, Final

from lipwire.protocol.errors import CloseCode

from .. import messages as m
from ..case import case
from ..links import closing_status, offer_to, shake_hands
from ..receiver_play import ReceiverPlay
from .of_both_roles import TRANSPORT_ENDS, Closing, channels_close_first

WEBSOCKET: Final = ("websocket",)
WEBRTC: Final = ("webrtc",)


@case(
    "receiver.transports.subprotocol",
    "LW-WEBSOCKET-1",
    why="the name tells a Lipwire peer from anything else before a message is sent, in all versions from 1 on",
    transports=WEBSOCKET,
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.start()
    assert it.url is not None
    for what, offered in {
        "none": (),
        "another": ("chat",),
        "one of a version that has none of its own": ("lipwire.2",),
        "other capitals": ("Lipwire.1",),
        "two others": ("chat", "lipwire"),
    }.items():
        answer = await shake_hands(it.url, subprotocols=offered)
        it.check(answer.status == 400, f"subprotocol, {what}: HTTP 400", f"{answer}")
    for offered in (("lipwire.1",), ("chat", "lipwire.1"), ("lipwire.1", "chat")):
        answer = await shake_hands(it.url, subprotocols=offered)
        it.check(answer.subprotocol == "lipwire.1", f"lipwire.1 is selected among {offered}", f"{answer}")
    await it.open()
    await it.goes_on()


@case(
    "receiver.transports.no_compression",
    "LW-WEBSOCKET-2",
    why="PCM gains little, and time is lost",
    transports=WEBSOCKET,
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.start()
    assert it.url is not None
    answer = await shake_hands(it.url, subprotocols=("lipwire.1",), compression=True)
    it.check(not answer.extensions, "no compression is agreed on", f"{answer.extensions}", level="SHOULD")
    await it.open()
    it.send(m.segment_start(1), m.segment_end(1, 0))
    await it.goes_on()
    texts = [entry.data for entry in it.trace if entry.kind == "message" and isinstance(entry.data, str)]
    it.check(not texts, "binary messages only", f"{texts}")


@case(
    "receiver.transports.closing_status",
    "LW-WEBSOCKET-3",
    why="1000 is what every proxy takes for an orderly end",
    transports=WEBSOCKET,
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    for what, messages in {
        "after its own close": [[40]],
        "after the sender's": [m.close(CloseCode.NORMAL)],
        "after the sender's with a code": [m.close(CloseCode.INTERNAL_ERROR)],
    }.items():
        other = await it.beside()
        await other.open()
        other.send(*messages)
        await other.transport_ends(level="SHOULD")
        assert other.transport is not None
        status = closing_status(other.transport)
        it.check(status == 1_000, f"{what}: status 1000", f"{status}", level="SHOULD")
        await other.leave()
    other = await it.beside()
    await other.connect()
    other.send_exactly(b"junk")
    await other.find("close")
    await other.transport_ends(level="SHOULD")
    assert other.transport is not None
    status = closing_status(other.transport)
    it.check(status == 1_000, "after a refusal: status 1000", f"{status}", level="SHOULD")
    await other.leave()


# -- WebRTC ----------------------------------------------------------------------------------------------------------


@case(
    "receiver.transports.required_feature",
    "LW-BINDING-2",
    why="on a channel that loses, repair is no choice",
    transports=WEBRTC,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    others = ["resume", "marks", "com.example.x"]
    for features in ([], others):
        hello = m.hello(it.session, features=features)
        await it.refused(f"features {features}", "feature_required", hello, first=True)
    for features in (["repair"], [*others, "repair"]):
        other = await it.beside()
        welcome = (await other.open(features=features)).message
        it.check("repair" in welcome.features, f"repair is chosen of {features}", f"{welcome.features}")
        await other.leave()


@case(
    "receiver.transports.channels_close_first",
    "LW-WEBRTC-5",
    why="a peer connection that goes at once may take the close message with it",
    transports=WEBRTC,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.fence()
    it.send([40])
    await channels_close_first(it)


@case(
    "receiver.transports.other_labels",
    "LW-WEBRTC-2",
    why="the connection carries the application's own channels as well",
    transports=WEBRTC,
)
async def _(it: ReceiverPlay) -> None:
    await it.start()
    assert it.driver is not None
    channels: list[Any] = []

    def add(connection: Any) -> None:
        labels = ("chat", "lipwire", "lipwire.control2", "LIPWIRE.MEDIA", "")
        channels.extend(connection.createDataChannel(label, protocol="lipwire.1") for label in labels)

    it.use(await offer_to(it.driver, prepare=add))
    for channel in channels:
        if channel.readyState == "open":
            channel.send("hello")
            channel.send(b"\xc1")
    await it.greet()
    pcm = m.pcm(480)
    it.send(m.segment_start(1))
    for channel in channels:
        if channel.readyState == "open":
            channel.send(m.packed(m.segment_start(9)))
            channel.send("INTERRUPT")
    it.send_audio(1, pcm)
    it.send(m.segment_end(1, 480))
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1, total=480)
    channels[0].close()
    await it.goes_on()
    it.none("event segment_start", segment=9)


for _name, (_why, _close) in TRANSPORT_ENDS.items():

    @case(f"receiver.transports.{_name}", "LW-WEBRTC-4", why=_why, transports=WEBRTC)
    async def _(it: ReceiverPlay, name: str = _name, close: Closing = _close) -> None:
        await it.start()
        assert it.driver is not None
        connections: list[Any] = []
        transport = await offer_to(it.driver, prepare=connections.append, owned=False)
        it.use(transport)
        try:
            await it.greet()
            pcm = m.pcm(480)
            it.say(1, pcm, end=False)
            await it.heard(1, pcm)
            it.step(name)
            it.dropped = True
            await close(transport, connections[0])
            told = await it.told("closed")
            it.check(told["by"] == "transport", "the session ends with its transport", f"{told}")
        finally:
            await connections[0].close()
