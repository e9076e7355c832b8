"""60 s of speech through 20 % loss, 20 % reordering and 5 % duplication of media, 50 ms one way; simulated time.

Both state machines, joined by two of the fault injector's links, over a media channel that does not repeat by itself.
The agent writes 20 ms at a time as speech comes; the consumer takes what there is, as one that plays a second behind it
does; that is also how long the receiver waits before it conceals. Counted are the seeds in which every sample came, bit
by bit, and nothing was concealed; and those in which, besides, nothing came too late to be played.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random

from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.items import Audio
from lipwire.transports.link import Faults
from simulator.player import Player
from simulator.world import WEBRTC, World

from .rows import Row, against_limit

SECONDS = 60.0
BUFFER = 1.0
"""Seconds that the consumer plays behind the agent's voice."""
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


def converse(seed: int) -> Outcome:
    """One session in simulated time, with a segment of ``SECONDS``.

    Raises:
        AssertionError: it does not come to an end.
    """
    faults = Faults(seed=seed, loss=0.20, reorder=0.20, duplicate=0.05, delay=0.050)
    speech = Random(seed).randbytes(FORMAT.samples(SECONDS) * FORMAT.frame_bytes)
    player = Player(ahead=SECONDS)
    world = World(WEBRTC, faults, player=player, format=FORMAT, repair_timeout=BUFFER)
    segment = world.sender.open_segment(None, world.now)

    def speak(position: int) -> None:
        first = position * FORMAT.frame_bytes
        world.sender.write(segment, speech[first : first + CHUNK * FORMAT.frame_bytes], world.now)

    for position in range(0, FORMAT.samples(SECONDS), CHUNK):
        world.at(world.began + FORMAT.seconds(position), partial(speak, position))
    world.at(world.began + SECONDS, lambda: world.sender.end_segment(segment, world.now))
    world.run_until(lambda: segment in player.totals, within=2 * SECONDS)
    counters = world.core.counters
    assert world.transport is not None
    return Outcome(
        exact=bytes(player.audio[segment]) == speech,
        concealed=counters.concealed_samples,
        repaired=counters.repaired_samples,
        lost=world.transport.out.counts.lost,
        # A chunk's last sample was written when the chunk was: 20 ms of speech at a time.
        delays=[
            at - world.began - FORMAT.seconds(item.position // CHUNK * CHUNK)
            for item, at in zip(player.items, player.times, strict=True)
            if isinstance(item, Audio)
        ],
    )


def measure(*, short: bool, say: Callable[[str], None]) -> list[Row]:
    """So many seeds."""
    seeds = 5 if short else 100
    outcomes = []
    for seed in range(1, seeds + 1):
        outcome = converse(seed)
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
