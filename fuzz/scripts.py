"""How each state is reached: what an honest peer and the machine's user do to get there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final

from lipwire.protocol import messages as m
from lipwire.protocol.channels import Channel

from .speaker import Speaker
from .steps import Do, Greeting, Message, Step, Wait

Script = Callable[[Speaker], Iterator[Step]]


def _say(peer: Speaker, *messages: m.Message) -> Iterator[Step]:
    for message in messages:
        if isinstance(message, m.AudioMessage):
            end = message.position + len(message.pcm) // 2
            peer.positions[message.segment] = max(peer.positions.get(message.segment, 0), end)
        elif isinstance(message, m.SegmentStart):
            peer.positions.setdefault(message.segment, 0)
        elif isinstance(message, m.SegmentEnd):
            peer.ended.add(message.segment)
        yield Message(peer.wire(message), Channel.MEDIA if isinstance(message, m.AudioMessage) else Channel.CONTROL)


def _do(*what: str) -> Iterator[Step]:
    yield from map(Do, what)


def _audio(segment: int, position: int, samples: int = 480) -> m.AudioMessage:
    return m.AudioMessage(segment, position, 0, bytes(2 * samples))


# -- a receiver of version 1 -----------------------------------------------------------------------------------


def _idle(_: Speaker) -> Iterator[Step]:
    yield from ()


def _greeted(peer: Speaker) -> Iterator[Step]:
    yield Greeting(peer.hello())


def _opened(peer: Speaker) -> Iterator[Step]:
    yield from _greeted(peer)
    yield from _say(peer, m.Ping(1))


def _started(peer: Speaker) -> Iterator[Step]:
    yield from _opened(peer)
    yield from _say(peer, m.SegmentStart(1, {"text": "hello"}), _audio(1, 0), _audio(1, 480))


def _missing(peer: Speaker) -> Iterator[Step]:
    yield from _started(peer)
    if peer.machine.setup.features:
        yield from _say(peer, _audio(1, 2_000), _audio(1, 4_000), m.Sent(1, 5_000))
    yield from _do("read all")
    yield Wait(0.5)


def _early(peer: Speaker) -> Iterator[Step]:
    yield from _opened(peer)
    if peer.machine.setup.features:
        yield from _say(peer, _audio(2, 0), _audio(3, 480))


def _held(peer: Speaker) -> Iterator[Step]:
    yield from _started(peer)
    if peer.numbers:
        peer.numbered += 1
        yield from _say(peer, m.Custom({"a": 1}), m.Custom({"a": 2}))


def _queue(peer: Speaker) -> Iterator[Step]:
    yield from _started(peer)
    yield from _say(
        peer, m.SegmentEnd(1, 960), m.SegmentStart(2), _audio(2, 0), m.SegmentEnd(2, 480), m.SegmentStart(3)
    )


def _handed_out(peer: Speaker) -> Iterator[Step]:
    yield from _queue(peer)
    yield from _do("read all", "started", "played")


def _marks(peer: Speaker) -> Iterator[Step]:
    yield from _started(peer)
    if peer.machine.setup.features:
        yield from _say(peer, m.Mark(1, 480, "m"), m.Data(1, 960, {"words": []}), m.Mark(1, 5_000, "late"))
    yield from _do("read all", "played")


def _paused(peer: Speaker) -> Iterator[Step]:
    yield from _started(peer)
    if peer.machine.setup.features:
        yield from _say(peer, m.Pause())
    yield from _do("read")


def _cut(peer: Speaker) -> Iterator[Step]:
    yield from _handed_out(peer)
    yield from _say(peer, m.Interrupt(1, 3), m.SegmentStart(4), _audio(4, 0))


def _over(peer: Speaker) -> Iterator[Step]:
    yield from _handed_out(peer)
    yield from _do("ended")
    yield from _say(peer, m.Ping(2))


def _all_lost(peer: Speaker) -> Iterator[Step]:
    yield from _cut(peer)
    yield from _say(peer, m.SegmentEnd(4, 480), m.SegmentStart(5), _audio(5, 0))
    yield from _do("detach")


def _mixed_lost(peer: Speaker) -> Iterator[Step]:
    """Each state of a segment at once: over, handed out, cut, ended, started; and the transport is gone."""
    yield from _opened(peer)
    for number in (1, 2, 3):
        yield from _say(peer, m.SegmentStart(number), _audio(number, 0), m.SegmentEnd(number, 480))
    yield from _do("read all", "ended")
    yield from _say(peer, m.Interrupt(3, 3), m.SegmentStart(4), m.SegmentEnd(4, 0), m.SegmentStart(5), _audio(5, 0))
    yield from _do("detach")


def _resumed(peer: Speaker) -> Iterator[Step]:
    yield from _mixed_lost(peer)
    yield Greeting(peer.hello(resume=True))


def _closed(peer: Speaker) -> Iterator[Step]:
    yield from _handed_out(peer)
    yield from _do("close")


# -- a sender of version 1 -------------------------------------------------------------------------------------


def _queued_idle(_: Speaker) -> Iterator[Step]:
    yield from _do("open", "write", "end", "open", "interrupt", "open", "write")


def _opening(_: Speaker) -> Iterator[Step]:
    yield from _do("open", "interrupt", "open", "write", "attach")


def _welcomed(peer: Speaker) -> Iterator[Step]:
    yield from _do("attach")
    yield Message(peer.welcome())


def _writing(peer: Speaker) -> Iterator[Step]:
    yield from _welcomed(peer)
    yield from _do("open", "write", "mark", "data", "write more")


def _ended(peer: Speaker) -> Iterator[Step]:
    yield from _welcomed(peer)
    yield from _do(
        "open", "write", "end", "open", "write", "end", "open", "write more", "write more", "end", "open", "write"
    )


def _heard(peer: Speaker) -> Iterator[Step]:
    yield from _ended(peer)
    yield from _say(peer, m.Progress(1, 480, 480, 480, 1, 0), m.StreamStarted(1, 1), m.StreamEnded(1, 480, False, 0))


def _interrupted(peer: Speaker) -> Iterator[Step]:
    yield from _heard(peer)
    yield from _do("interrupt", "open", "write", "end", "open", "write more", "write more", "open")


def _sender_paused(peer: Speaker) -> Iterator[Step]:
    yield from _writing(peer)
    yield from _do("pause", "custom")


def _sender_lost(peer: Speaker) -> Iterator[Step]:
    """Each state of a segment at once: over, cut, ended, started, queued; and the transport is gone."""
    yield from _heard(peer)
    yield from _do("interrupt", "open", "write", "end", "open", "write", "detach", "end", "open", "write")


def _reopening(peer: Speaker) -> Iterator[Step]:
    yield from _sender_lost(peer)
    yield from _do("attach")


def _sender_resumed(peer: Speaker) -> Iterator[Step]:
    yield from _reopening(peer)
    if peer.machine.setup.features:
        yield Message(peer.welcome())


def _sender_closed(peer: Speaker) -> Iterator[Step]:
    yield from _heard(peer)
    yield from _do("close")


# -- version 0 -------------------------------------------------------------------------------------------------

_END = json.dumps({"type": "segment_end"})


def _say_0(*messages: bytes | str) -> Iterator[Step]:
    for message in messages:
        yield Message(message, Channel.MEDIA if isinstance(message, bytes) else Channel.CONTROL)


def _ack(position: float, *, interrupted: bool) -> str:
    return json.dumps({"type": "stream_ended", "data": {"playback_position": position, "interrupted": interrupted}})


def _attached_0(_: Speaker) -> Iterator[Step]:
    yield from _do("attach")


def _started_0(peer: Speaker) -> Iterator[Step]:
    yield from _attached_0(peer)
    yield from _say_0(bytes(960), bytes(961))
    yield from _do("read")


def _mixed_0(peer: Speaker) -> Iterator[Step]:
    yield from _attached_0(peer)
    yield from _say_0(bytes(960), _END, bytes(960), _END, bytes(960))
    yield Wait(0.2)
    yield from _do("read all", "ended")


def _cut_0(peer: Speaker) -> Iterator[Step]:
    yield from _mixed_0(peer)
    yield from _say_0(b"INTERRUPT")
    yield Wait(1.0)
    yield from _say_0(bytes(960))


def _closed_0(peer: Speaker) -> Iterator[Step]:
    yield from _mixed_0(peer)
    yield from _do("close")


def _writing_0(_: Speaker) -> Iterator[Step]:
    yield from _do("attach", "open", "write", "end", "open", "write")


def _acked_0(peer: Speaker) -> Iterator[Step]:
    yield from _writing_0(peer)
    yield Wait(1.0)
    yield from _say_0(_ack(0.02, interrupted=False))


def _sender_cut_0(peer: Speaker) -> Iterator[Step]:
    yield from _acked_0(peer)
    yield from _do("interrupt", "open", "write", "end", "open", "write more", "end", "open", "write")
    yield Wait(1.5)


def _sender_closed_0(peer: Speaker) -> Iterator[Step]:
    yield from _acked_0(peer)
    yield from _do("close")


SCRIPTS: Final[dict[str, tuple[Script, ...]]] = {
    "receiver": (
        _idle, _greeted, _opened, _started, _missing, _early, _held, _queue, _handed_out, _marks, _paused, _cut, _over,
        _all_lost, _mixed_lost, _resumed, _closed,
    ),
    "sender": (
        _idle, _queued_idle, _opening, _welcomed, _writing, _ended, _heard, _interrupted, _sender_paused, _sender_lost,
        _reopening, _sender_resumed, _sender_closed,
    ),
    "receiver0": (_idle, _attached_0, _started_0, _mixed_0, _cut_0, _closed_0),
    "sender0": (_idle, _queued_idle, _attached_0, _writing_0, _acked_0, _sender_cut_0, _sender_closed_0),
}  # fmt: skip
"""By kind of machine."""
