"""What real sessions send, for mutation: both machines of version 1 talk to each other, with a bad day in between."""

from __future__ import annotations

from functools import cache

from lipwire.protocol.channels import Channel, Wire
from lipwire.protocol.items import Audio, Interrupted, SegmentEnd
from lipwire.protocol.receiver import ReceiverConnection, ReceiverSettings, read_hello
from lipwire.protocol.sender import SenderConnection
from lipwire.protocol.sender_handshake import SenderSettings
from lipwire.protocol.states import SessionState

from .machines import LIMITS, ROOM_KEY, SESSION, Setup


@cache
def recorded(setup: Setup) -> dict[str, tuple[Wire, ...]]:
    """All messages of one session, by who sent them: "sender" or "receiver". The same each time."""
    machine = setup.make()
    sender = SenderConnection(
        SenderSettings(limits=LIMITS, features=machine.features, room_key=ROOM_KEY), SESSION, 1_000.0
    )
    receiver = ReceiverConnection(ReceiverSettings(limits=LIMITS, features=machine.features, room_key=ROOM_KEY))
    said: dict[str, list[Wire]] = {"sender": [], "receiver": []}
    now, lost = 1_000.0, 0
    secret = 0

    def exchange() -> None:
        nonlocal lost, secret
        while True:
            out, back = sender.take_outgoing(now), receiver.take_outgoing(now)
            if not out and not back:
                return
            for channel, data in out:
                said["sender"].append(data)
                lost += channel is Channel.MEDIA
                if channel is Channel.MEDIA and lost % 5 == 0 and not machine.binding.media_reliable:
                    continue
                if receiver.state in (SessionState.OPEN, SessionState.CLOSED):
                    receiver.receive(channel, data, now)
                    continue
                secret += 1
                hello = read_hello(data)
                begin = receiver.resume if hello.resume else receiver.open
                begin(hello, machine.binding, secret.to_bytes(16, "big"), now)
            for channel, data in back:
                said["receiver"].append(data)
                sender.receive(channel, data, now)

    def run(seconds: float) -> None:
        nonlocal now
        end = now + seconds
        while now < end:
            exchange()
            while (item := receiver.read(now)) is not None:
                if isinstance(item, Audio):
                    receiver.stream_started(item.segment, now)
                    receiver.played(item.segment, item.end, now)
                elif isinstance(item, SegmentEnd):
                    receiver.stream_ended(item.segment, now, position=item.total)
                elif isinstance(item, Interrupted):
                    for number, position in zip(item.segments, item.consumed, strict=True):
                        receiver.stream_ended(number, now, position=position)
            exchange()
            now = max(now + 0.001, min(sender.next_deadline(), receiver.next_deadline(), end))
            sender.expire(now)
            receiver.expire(now)

    sender.attach(machine.binding, now)
    run(0.2)
    for turn in range(4):
        number = sender.open_segment({"text": f"turn {turn}"}, now)
        for _ in range(12):
            sender.write(number, bytes(range(240)) * 4, now)
            run(0.01)
        if setup.features:
            sender.mark(number, 960, "m", now)
            sender.data(number, 1_920, {"words": ["a", 0.5]}, now)
            sender.send_custom({"com.example": turn}, now)
            receiver.send_custom({"com.example": -turn}, now)
            (sender.unpause if turn % 2 else sender.pause)(now)
        if turn == 2:
            sender.interrupt(now)
        elif turn == 1 and setup.features:
            sender.detach(now)
            receiver.detach(now)
            sender.attach(machine.binding, now)
        sender.end_segment(number, now)
        run(0.5)
    sender.close(now)
    run(0.01)
    return {who: tuple(messages) for who, messages in said.items()}
