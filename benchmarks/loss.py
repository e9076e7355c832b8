"""60 s of speech through 20 % loss, 20 % reordering and 5 % duplication of media, 50 ms one way; simulated time.

Both state machines, joined by two of the fault injector's links, over a media channel that does not repeat by itself.
The agent writes 20 ms at a time as speech comes; the consumer takes what there is and plays a second behind it, which
is also how long the receiver waits before it conceals. Counted are the seeds in which every sample came, bit by bit,
and nothing was concealed; and those in which, besides, nothing came too late to be played.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from random import Random

from lipwire.protocol.channels import Binding, Channel
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.items import Audio, SegmentEnd
from lipwire.protocol.limits import Limits
from lipwire.protocol.receiver import ReceiverConnection, ReceiverSettings, read_hello
from lipwire.protocol.sender import SenderConnection
from lipwire.protocol.sender_handshake import SenderSettings
from lipwire.transports.link import Faults, FaultyLink

from .rows import Row, against_limit

SECONDS = 60.0
BUFFER = 1.0
"""Seconds that the consumer plays behind the agent's voice."""
LOSSY = Binding(name="lossy", separate_media=True, media_reliable=False, max_media_message=1_150)
"""As a WebRTC transport whose media channel does not repeat; the protocol repairs."""
FORMAT = PcmFormat(24_000, 1)
CHUNK = FORMAT.samples(0.020)


@dataclass
class Outcome:
    """What became of one seed's speech. ``delays``: seconds from writing a sample to its being handed out."""

    exact: bool
    concealed: int
    repaired: int
    lost: int
    delays: list[float]

    @property
    def whole(self) -> bool:
        """Whether the speech was heard as it was spoken."""
        return self.exact and not self.concealed

    @property
    def in_time(self) -> bool:
        """Whether it was, besides, without a gap."""
        return self.whole and max(self.delays) <= BUFFER


class Conversation:
    """One session in simulated time, with a segment of ``SECONDS``."""

    def __init__(self, seed: int) -> None:
        faults = Faults(seed=seed, loss=0.20, reorder=0.20, duplicate=0.05, delay=0.050)
        self.now = 0.0
        self.speech = Random(seed).randbytes(int(SECONDS * FORMAT.rate) * FORMAT.frame_bytes)
        limits = Limits(repair_timeout=BUFFER)
        self.sender = SenderConnection(SenderSettings(formats=(FORMAT,), limits=limits), bytes(16), 0.0)
        self.receiver = ReceiverConnection(ReceiverSettings(limits=limits))
        self.out = FaultyLink(faults, direction="out")
        self.back = FaultyLink(faults, direction="back")
        self.sender.attach(LOSSY, 0.0)
        self.segment = self.sender.open_segment(None, 0.0)
        self.written = 0
        self.write_at = 0.0
        self.heard = bytearray()
        self.delays: list[float] = []
        self.ended = False
        self._greeted = False

    def run(self) -> Outcome:
        """Speak, and listen to the end.

        Raises:
            AssertionError: it does not come to an end.
        """
        while not self.ended:
            self._step()
            self.now = self._next()
            assert self.now < 2 * SECONDS, "the speech does not come to its end"
        counters = self.receiver.counters
        return Outcome(
            exact=bytes(self.heard) == self.speech,
            concealed=counters.concealed_samples,
            repaired=counters.repaired_samples,
            lost=self.out.counts.lost,
            delays=self.delays,
        )

    def _next(self) -> float:
        links = (link.next_deadline() for link in (self.out, self.back))
        due = min((at for at in links if at is not None), default=inf)
        return max(self.now, min(due, self.write_at, self.sender.next_deadline(), self._receiver_deadline()))

    def _receiver_deadline(self) -> float:
        return self.receiver.next_deadline() if self._greeted else inf

    def _step(self) -> None:
        """Do all that is due now."""
        now = self.now
        if now >= self.write_at:
            self._speak()
        if now >= self.sender.next_deadline():
            self.sender.expire(now)
        if now >= self._receiver_deadline():
            self.receiver.expire(now)
        for channel, data in self.out.pop_due(now):
            if self._greeted:
                self.receiver.receive(channel, data, now)
            elif channel is Channel.CONTROL:
                self.receiver.open(read_hello(data), LOSSY, bytes(16), now)
                self._greeted = True
        for channel, data in self.back.pop_due(now):
            self.sender.receive(channel, data, now)
        self._listen()
        for core, link in ((self.sender, self.out), (self.receiver, self.back)):
            if core is self.sender or self._greeted:
                for channel, data in core.take_outgoing(now):
                    link.push(channel, data, now)
                core.take_events()
        assert self.sender.closed is None, self.sender.closed

    def _speak(self) -> None:
        at = self.written * FORMAT.frame_bytes
        self.sender.write(self.segment, self.speech[at : at + CHUNK * FORMAT.frame_bytes], self.now)
        self.written += CHUNK
        self.write_at = self.now + FORMAT.seconds(CHUNK)
        if self.written * FORMAT.frame_bytes >= len(self.speech):
            self.sender.end_segment(self.segment, self.now)
            self.write_at = inf

    def _listen(self) -> None:
        while self._greeted and (item := self.receiver.read(self.now)) is not None:
            if isinstance(item, Audio):
                assert item.position * FORMAT.frame_bytes == len(self.heard), "a sample was skipped or doubled"
                self.heard += item.pcm
                # A chunk's last sample was written when the chunk was: 20 ms of speech at a time.
                self.delays.append(self.now - item.position // CHUNK * FORMAT.seconds(CHUNK))
            elif isinstance(item, SegmentEnd):
                self.receiver.stream_ended(item.segment, self.now, position=item.total)
                self.ended = True


def measure(*, short: bool, say: Callable[[str], None]) -> list[Row]:
    """So many seeds."""
    seeds = 5 if short else 100
    outcomes = []
    for seed in range(1, seeds + 1):
        outcome = Conversation(seed).run()
        outcomes.append(outcome)
        if not outcome.whole or seed % 10 == 0 or short:
            verdict = "whole" if outcome.whole else f"exact: {outcome.exact}, concealed: {outcome.concealed} samples"
            say(f"seed {seed}: {verdict}; {outcome.lost} messages lost, longest delay {max(outcome.delays):.3f} s")
    whole = float(sum(outcome.whole for outcome in outcomes))
    in_time = float(sum(outcome.in_time for outcome in outcomes))
    delays = [1e3 * delay for delay in sorted(delay for outcome in outcomes for delay in outcome.delays)]
    repaired = FORMAT.seconds(sum(outcome.repaired for outcome in outcomes))
    concealed = sum(outcome.concealed for outcome in outcomes)
    note = f"{repaired:,.0f} s of audio repaired, {concealed} samples concealed"
    times = f"p50 {delays[len(delays) // 2]:.0f}, p99 {delays[int(len(delays) * 0.99)]:.0f}, most {delays[-1]:.0f} ms"
    title = "60 s of speech through heavy loss"
    return [
        against_limit(f"{title}: bit-exact, not concealed", "seeds", [whole], "of", seeds, at_least=1.0, note=note),
        against_limit(
            f"{title}: and in time",
            "seeds",
            [in_time],
            "of",
            seeds,
            at_least=1.0,
            note=f"delay {times}",
        ),
    ]
