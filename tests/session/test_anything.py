"""Both cores together, whatever their users and the network do: random commands, faults, breaks and waits.

What has to hold at every step is checked by the harness: audio bit-exact, in order, nothing after its cut; one result
for each segment, in the order of ids, not beyond what was sent; credit and memory bounded. Here comes what has to hold
in the end, and that nothing but LocalProtocolError is raised for what a user may not do.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from wired import BOTH, MEMORY, ROOM, WEBRTC, Player, Wired

from lipwire.protocol.channels import Channel
from lipwire.protocol.errors import CloseCode, LocalProtocolError
from lipwire.protocol.events import Cause, InterruptConfirmed, MarkReached, SessionEnded
from lipwire.protocol.registry import Feature
from lipwire.protocol.states import SessionState
from lipwire.transports.link import Faults

SECONDS = st.sampled_from([0.0, 0.001, 0.01, 0.02, 0.05, 0.1, 0.3, 1.0, 4.0])
AUDIO = st.sampled_from([0, 1, 7, 160, 333, 1_600, 8_000, 40_000])
SEGMENT = st.integers(-1, 6)
FAULTS = [
    Faults(),
    Faults(delay=0.03),
    Faults(delay=0.03, jitter=0.01, loss=0.1, reorder=0.2, duplicate=0.1),
    Faults(delay=0.01, loss=0.4, burst=5.0, reorder=0.3, reorder_delay=0.2, duplicate=0.2),
    Faults(delay=0.05, rate=30_000.0, queue=20_000),
]


class Anything(RuleBasedStateMachine):
    wired: Wired

    @initialize(
        binding=st.sampled_from([MEMORY, WEBRTC, ROOM]),
        fault=st.integers(0, len(FAULTS) - 1),
        seed=st.integers(0, 1_000),
        core=st.booleans(),
        player=st.sampled_from(
            [{}, {"ahead": 0.01}, {"ahead": 100.0}, {"reset_time": 0.2}, {"reset_time": 3.0}, {"mute": True},
             {"stuck": True}, {"speed": 0.3}, {"speed": 4.0}]
        ),
        limits=st.sampled_from([{}, {"window": 0.1}, {"segments": 4, "cooldown": 0}, {"window": 20.0, "resume": 1.0}]),
        reconnect=st.sampled_from([0.0, 0.05, 0.6, None]),
        before=st.sampled_from([False, False, False, True]),
    )  # fmt: skip
    def begin(
        self,
        binding: Any,
        fault: int,
        seed: int,
        core: bool,
        player: dict[str, Any],
        limits: dict[str, Any],
        reconnect: float | None,
        before: bool,
    ) -> None:
        faults = FAULTS[fault]
        channels = {MEMORY: frozenset[Channel](), WEBRTC: frozenset({Channel.MEDIA}), ROOM: BOTH}[binding]
        faults = Faults(**(vars(faults) | {"seed": seed, "channels": channels}))
        sender: dict[str, Any] = {"connect_time": 5.0}
        if core and binding is MEMORY:
            sender["features"] = frozenset[Feature]()
        self.wired = Wired(
            binding,
            faults,
            player=Player(**player),
            reconnect=reconnect,
            sender=sender,
            connect=False,
            **({"grace": 1.0, "keepalive": 0.5, "resume": 3.0} | limits),
        )
        self.wired.concealing = True
        self.wired.keep_wire = False
        if not before:
            self.wired.connect()
            self.wired.run(0.2)

    @property
    def open_segment(self) -> int | None:
        writing = self.wired.sender._segments.writing
        return None if writing is None else writing.number

    def chosen(self, back: int) -> int:
        """A segment by how long ago it was opened; -1 is one that was not."""
        return self.wired.sender.next_segment - 1 - back

    @rule(samples=AUDIO, seconds=SECONDS)
    def say_and_wait(self, samples: int, seconds: float) -> None:
        self.say(samples, 1_600)
        self.wired.run(seconds)

    @rule()
    def connect(self) -> None:
        self.wired.connect()

    @rule(sender=st.booleans(), receiver=st.booleans())
    def drop(self, sender: bool, receiver: bool) -> None:
        self.wired.drop(sender=sender, receiver=receiver)

    @rule(seconds=SECONDS)
    def wait(self, seconds: float) -> None:
        self.wired.run(seconds)

    @rule(samples=AUDIO, piece=st.sampled_from([1_600, 8_000]))
    def say(self, samples: int, piece: int) -> None:
        with suppress(LocalProtocolError):
            self.wired.say(samples, piece=piece)

    @rule()
    def open(self) -> None:
        with suppress(LocalProtocolError):
            self.wired.open(text="hello")

    @precondition(lambda self: self.open_segment is not None)
    @rule(samples=AUDIO)
    def write(self, samples: int) -> None:
        assert self.open_segment is not None
        self.wired.write(self.open_segment, samples, piece=1_600)

    @rule(back=SEGMENT)
    def end(self, back: int) -> None:
        with suppress(LocalProtocolError):
            self.wired.end(self.chosen(back))

    @rule()
    def interrupt(self) -> None:
        self.wired.interrupt()

    @rule(back=SEGMENT, cause=st.sampled_from([Cause.INTERRUPTED, Cause.CANCELLED]))
    def interrupt_one(self, back: int, cause: Cause) -> None:
        with suppress(LocalProtocolError):
            self.wired.sender.interrupt(self.wired.now, self.chosen(back), cause)
        self.wired._settle()

    @rule(on=st.booleans())
    def pause(self, on: bool) -> None:
        with suppress(LocalProtocolError):
            (self.wired.sender.pause if on else self.wired.sender.unpause)(self.wired.now)
        self.wired._settle()

    @rule(back=SEGMENT, position=AUDIO, count=st.sampled_from([1, 5, 300]))
    def mark_and_data(self, back: int, position: int, count: int) -> None:
        with suppress(LocalProtocolError):
            for _ in range(count):
                self.wired.sender.mark(self.chosen(back), position, "m", self.wired.now)
                if position > self.wired.written[self.chosen(back)]:
                    self.wired.sender.data(self.chosen(back), position, {"words": []}, self.wired.now)
        self.wired._settle()

    @rule(count=st.sampled_from([1, 5]))
    def custom(self, count: int) -> None:
        for core in (self.wired.sender, self.wired.receiver):
            if core is not None:
                with suppress(LocalProtocolError):
                    for _ in range(count):
                        core.send_custom({"a": 1}, self.wired.now)
        self.wired._settle()

    @rule()
    def reset_done(self) -> None:
        if self.wired.receiver is not None:
            self.wired.receiver.reset_done(self.wired.now)
            self.wired._settle()

    @rule(back=SEGMENT, samples=AUDIO, failed=st.booleans())
    def consumer_reports_what_it_likes(self, back: int, samples: int, failed: bool) -> None:
        """A consumer gives a segment up, or says things that are not so: then it is told, and nothing breaks."""
        if self.wired.receiver is None:
            return
        with suppress(LocalProtocolError):
            if failed:
                self.wired.receiver.stream_ended(self.chosen(back), self.wired.now, position=None, failed=True)
            else:
                self.wired.receiver.played(self.chosen(back), samples, self.wired.now)
        self.wired._settle()

    @precondition(lambda self: self.wired.sender.next_segment > 4)
    @rule(sender=st.booleans())
    def close(self, sender: bool) -> None:
        core = self.wired.sender if sender else self.wired.receiver
        if core is not None:
            core.close(self.wired.now, CloseCode.GOING_AWAY if sender else CloseCode.NORMAL)
        self.wired._settle()

    @invariant()
    def memory_is_bounded(self) -> None:
        if not hasattr(self, "wired"):
            return
        self.wired.may_fail.add(CloseCode.GOING_AWAY)
        self.wired.may_fail.add(CloseCode.UNKNOWN_SESSION)
        sender, receiver = self.wired.sender, self.wired.receiver
        assert sender.numbered.unacknowledged <= 1_024
        assert sender.in_flight <= max(sender.window, 1) * 2
        if receiver is not None:
            assert len(receiver._incoming.early) <= 8
            assert len(receiver._incoming.cuts) <= 64
        if sender.closed is not None:
            assert self.wired.settled_segments()

    def teardown(self) -> None:
        if not hasattr(self, "wired"):
            return
        wired = self.wired
        for core in (wired.sender, wired.receiver):
            if core is not None and core.state is not SessionState.CLOSED:
                with suppress(LocalProtocolError):
                    wired.sender.unpause(wired.now)
        if self.open_segment is not None:
            wired.end(self.open_segment)
        lengths = sum(wired.written.values()) / wired.sender.format.rate / min(wired.player.speed, 1.0)
        wired.run(lengths + wired.sender.next_segment * 6.0 + 20)
        assert wired.settled_segments(), f"{wired.live_at_sender()} have not ended"
        if wired.receiver is not None and {wired.sender.state, wired.receiver.state} == {SessionState.OPEN}:
            lossless = wired.faults.loss == 0 or wired.binding is not ROOM
            assert not lossless or wired.sender.numbered.unacknowledged == wired.receiver.numbered.unacknowledged == 0
        kinds = [type(event) for event in wired.sender_events]
        assert kinds.count(SessionEnded) <= 1
        for event in wired.sender_events:
            if isinstance(event, MarkReached):
                assert 1 <= event.segment < wired.sender.next_segment
        confirmed = [(e.first, e.last) for e in wired.sender_events if isinstance(e, InterruptConfirmed)]
        assert len(confirmed) == wired.sender.counters.interrupts
        if wired.receiver is not None and wired.receiver.closed is not None:
            assert wired.receiver.counters.held_samples == 0
        for number, ended in wired.ended.items():
            if ended.cause is Cause.PLAYED:
                assert ended.position == wired.written[number] or not ended.exact


@pytest.mark.parametrize("seed", range(4))
def test_whatever_happens(seed: int) -> None:
    class Seeded(Anything):
        pass

    from hypothesis import seed as seeded

    run_state_machine_as_test(
        seeded(seed)(Seeded),  # type: ignore[arg-type]
        settings=settings(
            max_examples=100,
            stateful_step_count=40,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
