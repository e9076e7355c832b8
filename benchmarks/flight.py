"""``python -m benchmarks.flight``: what the bound on audio in flight does, in simulated time (LW-FLIGHT-1).

Both state machines joined through a modelled link (rate, one-way delay, packet loss, a queue of 64 KiB), over a
WebSocket (all of it on one TCP connection), over WebRTC (media without retransmission, control with, on one SCTP
association), and over *datagrams*: like WebRTC without SCTP's congestion control, which at 5 % loss and more carries
less than speech whatever a sender does.

- *at hand*: a minute of audio at hand, an interrupt about every second, and a new segment at once. ``used``: the share
  of the link's rate that is audio; ``interrupt``, ``first``: milliseconds from the call until the receiver knows of it,
  and until it has the first sample of the new segment, less the link's one-way delay: 50th and 99th percentile.
- *real time*: 20 ms of speech every 20 ms. ``late``: the same percentiles, and the worst, of the milliseconds from
  writing a sample until it can be played, less the one-way delay; ``stalls``: how often a player with a buffer of
  200 ms, and of 1 s, runs dry; ``concealed``: milliseconds of silence in place of samples.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import inf
from random import Random

from lipwire.protocol.channels import Binding, Channel
from lipwire.protocol.events import ConsumerReset
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.items import Audio, SegmentEnd
from lipwire.protocol.limits import Limits
from lipwire.protocol.receiver import ReceiverConnection, ReceiverSettings, read_hello
from lipwire.protocol.sender import SenderConnection
from lipwire.protocol.sender_handshake import SenderSettings

from .link_model import Association, AssociationSettings, Clock, Path, PathSettings

WEBSOCKET = Binding(name="websocket", separate_media=False)
WEBRTC = Binding(name="webrtc", separate_media=True, media_reliable=False, max_media_message=1_150)
DATAGRAMS = Binding(name="datagrams", separate_media=True, media_reliable=False, max_media_message=1_150)
ASSOCIATIONS = {
    "websocket": AssociationSettings(least_timeout=0.2),  # Linux's TCP
    "webrtc": AssociationSettings(least_timeout=1.0),  # aiortc's SCTP
    "datagrams": AssociationSettings(least_timeout=0.2, congestion=False),
}
SPEECH = PcmFormat(24_000, 1)
BYTE_RATE = SPEECH.rate * SPEECH.frame_bytes
CHUNK = SPEECH.samples(0.020)
SECOND = bytes(BYTE_RATE)
BUFFERS = (0.2, 1.0)
DEADLINE = 1e-6


class Pair:
    """A sender and a receiver whose consumer takes everything at once, joined through a link."""

    def __init__(self, binding: Binding, out: PathSettings, seed: int, *, window: float) -> None:
        self.clock = Clock()
        random = Random(seed)
        back = PathSettings(rate=out.rate, delay=out.delay, loss=out.loss, queue=out.queue)
        self.out_path, back_path = Path(out, random, self.clock), Path(back, random, self.clock)
        settings = ASSOCIATIONS[binding.name]
        self._out = Association(settings, self.out_path, self.clock, out.delay, self._to_receiver)
        self._back = Association(settings, back_path, self.clock, out.delay, self._to_sender)
        limits = Limits(window=window, handshake=60.0, keepalive=60.0)  # the worst links open slowly
        self.sender = SenderConnection(SenderSettings(formats=(SPEECH,), limits=limits), bytes(16), self.clock.now)
        self.receiver: ReceiverConnection | None = None
        self._receiver_settings = ReceiverSettings(limits=limits)
        self._binding = binding
        self.on_audio: Callable[[Audio], None] = lambda _: None
        self.on_reset: Callable[[ConsumerReset], None] = lambda _: None
        self.sender.attach(binding, self.clock.now)
        self.flush()

    def run(self, until: float) -> None:
        """Let time pass."""
        while self._step(until):
            pass
        self.clock.now = until

    def _step(self, until: float) -> bool:
        clock = self.clock
        due_sender = self.sender.next_deadline()
        due_receiver = inf if self.receiver is None else self.receiver.next_deadline()
        due = min(due_sender, due_receiver, clock.next)
        if due > until:
            return False
        if clock.next <= due:
            clock.step()
        else:
            clock.now = max(clock.now, due)
            if due_sender <= due:
                self.sender.expire(clock.now)
            elif self.receiver is not None:
                self.receiver.expire(clock.now)
        self.flush()
        return True

    def flush(self) -> None:
        """Send what is to be sent; take what can be played."""
        now = self.clock.now
        for channel, data in self.sender.take_outgoing(now):
            self._out.send(self._stream(channel), bytes(data))  # type: ignore[arg-type]
        self.sender.take_events()
        assert self.sender.closed is None, self.sender.closed
        receiver = self.receiver
        if receiver is None:
            return
        for event in receiver.take_events():
            if isinstance(event, ConsumerReset):
                self.on_reset(event)
                for segment, consumed in zip(event.interrupted.segments, event.interrupted.consumed, strict=True):
                    receiver.stream_ended(segment, now, position=consumed, interrupted=True)
        while (item := receiver.read(now)) is not None:
            if isinstance(item, Audio):
                self.on_audio(item)
            elif isinstance(item, SegmentEnd):
                receiver.stream_ended(item.segment, now, position=item.total)
        for channel, data in receiver.take_outgoing(now):
            self._back.send(self._stream(channel), bytes(data))  # type: ignore[arg-type]

    def _stream(self, channel: Channel) -> int | None:
        return None if channel is Channel.MEDIA and not self._binding.media_reliable else 0

    def _to_receiver(self, stream: int | None, data: bytes) -> None:
        if self.receiver is None:
            self.receiver = ReceiverConnection(self._receiver_settings)
            self.receiver.open(read_hello(data), self._binding, bytes(16), self.clock.now)
        else:
            self.receiver.receive(Channel.CONTROL if stream == 0 else Channel.MEDIA, data, self.clock.now)

    def _to_sender(self, stream: int | None, data: bytes) -> None:
        self.sender.receive(Channel.CONTROL if stream == 0 else Channel.MEDIA, data, self.clock.now)


@dataclass
class Figures:
    """One row. Milliseconds but for ``used`` (a share), ``kilobytes`` (a second) and counts."""

    binding: str
    megabits: float
    delay: float
    loss: float
    used: float | None = None
    kilobytes: float = 0.0
    interrupt: tuple[float, ...] = ()
    first: tuple[float, ...] = ()
    late: tuple[float, ...] = ()
    stalls: tuple[int, ...] = ()
    concealed: float = 0.0


def percentiles(values: list[float], *shares: float) -> tuple[float, ...]:
    """In milliseconds; nothing when there are no values."""
    ordered = sorted(values)
    return tuple(
        round(1_000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)], 1) for share in shares if ordered
    )


def at_hand(binding: Binding, path: PathSettings, seconds: float, seed: int) -> tuple[float, list[float], list[float]]:
    """Bytes of audio a second that arrived, and the delays of interrupts and of the first samples behind them."""
    pair, random = Pair(binding, path, seed, window=10.0), Random(seed)
    clock = pair.clock
    interrupts: dict[int, float] = {}
    resets: list[float] = []
    firsts: list[float] = []

    def on_reset(event: ConsumerReset) -> None:
        resets.extend(clock.now - interrupts[segment] - path.delay for segment in event.interrupted.segments)

    def on_audio(item: Audio) -> None:
        if item.position == 0 and item.segment - 1 in interrupts:
            firsts.append(clock.now - interrupts[item.segment - 1] - path.delay)

    pair.on_reset, pair.on_audio = on_reset, on_audio
    warm = clock.now + 3.0
    end = warm + seconds
    began = 0
    number = speak(pair)
    while clock.now < end:
        pair.run(min(clock.now + random.uniform(0.7, 1.3) + 2.0 * (clock.now < warm), end))
        if not began and pair.receiver is not None:
            began, warm = pair.receiver.counters.bytes, clock.now
        interrupts[number] = clock.now
        pair.sender.interrupt(clock.now)
        number = speak(pair)
    assert pair.receiver is not None
    return (pair.receiver.counters.bytes - began) / (clock.now - warm), resets, firsts


def speak(pair: Pair) -> int:
    """Open a segment, and write a minute of audio; ten seconds suffice on a slow link."""
    number = pair.sender.open_segment(None, pair.clock.now)
    for _ in range(60):
        pair.sender.write(number, SECOND, pair.clock.now)
    pair.flush()
    return number


def real_time(binding: Binding, path: PathSettings, seconds: float, seed: int) -> tuple[list[float], int]:
    """How late each chunk could be played, and samples that were concealed."""
    pair = Pair(binding, path, seed, window=2.0)
    clock = pair.clock
    pair.run(clock.now + 1.0)
    written_at: list[float] = []
    late: list[float] = []
    concealed = 0

    def on_audio(item: Audio) -> None:
        nonlocal concealed
        concealed += item.samples * item.concealed
        while len(late) * CHUNK < item.end and len(late) < len(written_at):
            if (len(late) + 1) * CHUNK > item.end:
                break
            late.append(clock.now - written_at[len(late)] - path.delay)

    pair.on_audio = on_audio
    number = pair.sender.open_segment(None, clock.now)
    began = clock.now
    for index in range(round(seconds / 0.020)):
        pair.run(began + 0.020 * index)
        written_at.append(clock.now)
        pair.sender.write(number, SECOND[: CHUNK * SPEECH.frame_bytes], clock.now)
        pair.flush()
    pair.sender.end_segment(number, clock.now)
    pair.flush()
    pair.run(clock.now + 10.0)
    # What has not come ten seconds after the end is as late as that.
    return late + [clock.now - at for at in written_at[len(late) :]], concealed


def stalls(late: list[float], buffer: float) -> int:
    """How often a player runs dry that begins ``buffer`` after the first sample, and once dry waits for the next."""
    count, behind = 0, late[0] + buffer
    for one in late:
        if one > behind + DEADLINE:
            count, behind = count + 1, one
    return count


def measure(binding: Binding, megabits: float, delay: float, loss: float, seconds: float, seed: int) -> Figures:
    """One row of the table; ``delay`` in milliseconds, ``loss`` in percent."""
    rate = megabits * 125_000
    path = PathSettings(rate=rate, delay=delay / 1_000, loss=loss / 100)
    figures = Figures(binding.name, megabits, delay, loss)
    reached, interrupts, firsts = at_hand(binding, path, seconds, seed)
    figures.kilobytes = round(reached / 1_000, 1)
    figures.used = None if rate == inf else round(reached / rate, 3)
    figures.interrupt, figures.first = percentiles(interrupts, 0.5, 0.99), percentiles(firsts, 0.5, 0.99)
    late, concealed = real_time(binding, path, seconds, seed)
    figures.late = percentiles(late, 0.5, 0.99, 1.0)
    figures.stalls = tuple(stalls(late, buffer) for buffer in BUFFERS)
    figures.concealed = round(1_000 * SPEECH.seconds(concealed), 1)
    return figures


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.flight", description="What the bound on audio in flight does, in simulated time."
    )
    parser.add_argument("--megabits", type=float, nargs="*", default=[inf, 10, 1, 0.5])
    parser.add_argument("--delay", type=float, nargs="*", default=[5, 50, 150], help="one way, in milliseconds")
    parser.add_argument("--loss", type=float, nargs="*", default=[0, 1, 5, 20, 30], help="of packets, in percent")
    parser.add_argument("--binding", nargs="*", default=list(ASSOCIATIONS), choices=list(ASSOCIATIONS))
    parser.add_argument("--seconds", type=float, default=60.0, help="of simulated time a figure")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    bindings = [one for one in (WEBSOCKET, WEBRTC, DATAGRAMS) if one.name in options.binding]
    rows = []
    began = time.perf_counter()
    head = f"{'binding':10}{'Mbit/s':>7}{'ms':>5}{'loss':>6} {'kB/s':>8}{'used':>6}"
    head += f"{'interrupt':>16}{'first':>16}{'late':>24}{'stalls':>9}{'concealed':>11}"
    if not options.json:
        print(head)
    for binding in bindings:
        for megabits in options.megabits:
            for delay in options.delay:
                for loss in options.loss:
                    row = measure(binding, megabits, delay, loss, options.seconds, options.seed)
                    rows.append(row)
                    if not options.json:
                        print(line(row), flush=True)
    if options.json:
        print(json.dumps([asdict(row) for row in rows], indent=1))
    else:
        print(f"{len(rows)} rows in {time.perf_counter() - began:.0f} s")


def line(row: Figures) -> str:
    """A row as text."""
    used = "" if row.used is None else f"{row.used:.0%}"
    text = f"{row.binding:10}{row.megabits:>7g}{row.delay:>5g}{row.loss:>5g}% {row.kilobytes:>8g}{used:>6}"
    for values, width in ((row.interrupt, 16), (row.first, 16), (row.late, 24)):
        text += f"{' / '.join(f'{value:.0f}' for value in values):>{width}}"
    return text + f"{' / '.join(map(str, row.stalls)):>9}{row.concealed:>11g}"


if __name__ == "__main__":
    main()
