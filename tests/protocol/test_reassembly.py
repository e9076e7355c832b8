"""Reassembly against a naive model, and what it costs."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.items import Audio
from lipwire.protocol.limits import MISSING_RANGES
from lipwire.protocol.reassembly import Reassembly

MONO = PcmFormat(24_000, 1)
STEREO = PcmFormat(48_000, 2, "f32le")
LENGTH = 200


def chunk(position: int, samples: int, frame: int, salt: int = 0) -> bytes:
    every = range(position, position + samples)
    return b"".join(((at * 257 + salt) & 0xFFFF).to_bytes(frame, "little") for at in every)


class AgainstModel(RuleBasedStateMachine):
    """The model is one slot per sample: None, or the bytes that came first."""

    def __init__(self) -> None:
        super().__init__()
        self.frame = STEREO.frame_bytes
        self.real = Reassembly(1, STEREO)
        self.slots: list[bytes | None] = [None] * (2 * LENGTH)
        self.known = 0
        self.out: list[bytes] = []
        self.salt = 0

    @property
    def received(self) -> int:
        return self.slots.index(None)

    @rule(position=st.integers(0, LENGTH), samples=st.integers(1, 60))
    def add(self, position: int, samples: int) -> None:
        self.salt = (self.salt + 1) % 200  # each chunk differs, so it shows whose bytes were kept
        data = chunk(position, samples, self.frame, self.salt)
        added = 0
        for index in range(samples):
            if self.slots[position + index] is None:
                self.slots[position + index] = data[index * self.frame : (index + 1) * self.frame]
                added += 1
        self.known = max(self.known, position + samples if added else 0)
        assert self.real.add(position, data) == added

    @rule(position=st.integers(0, LENGTH))
    def know(self, position: int) -> None:
        self.known = max(self.known, position)
        self.real.know(position)

    @rule(stop=st.integers(0, LENGTH + 60))
    def take(self, stop: int) -> None:
        before = self.real.consumed
        item = self.real.take(stop)
        if item is None:
            assert before == self.received or before >= stop
            return
        assert item.position == before
        assert before < item.end <= min(self.received, stop)
        assert self.real.consumed == item.end
        self.out.append(bytes(item.pcm))

    @precondition(lambda self: self.received < self.known)
    @rule(room=st.integers(0, LENGTH))
    def conceal(self, room: int) -> None:
        """``room`` bounds what is put beyond the last sample that came; a gap before it takes none."""
        count = 0
        before_others = any(slot is not None for slot in self.slots[self.received :])
        for at in range(self.received, self.known if before_others else min(self.known, self.received + room)):
            if self.slots[at] is not None:
                break
            self.slots[at] = bytes(self.frame)
            count += 1
        assert self.real.conceal(room) == count

    @invariant()
    def same(self) -> None:
        slots, real = self.slots, self.real
        assert real.received == self.received
        assert real.known == self.known
        high = max((at + 1 for at, slot in enumerate(slots) if slot is not None), default=0)
        assert real.high == high
        assert real.held == sum(slot is not None for slot in slots[real.consumed :])
        missing = [at for at in range(self.known) if slots[at] is None]
        ranges = real.missing()
        assert [at for first, end in ranges for at in range(first, end)] == missing
        assert all(first < end for first, end in ranges)
        assert all(one[1] < two[0] for one, two in pairwise(ranges))
        assert real.gaps == len(ranges)
        assert b"".join(self.out) == b"".join(slot for slot in slots[: real.consumed] if slot is not None)


AgainstModel.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAgainstModel = AgainstModel.TestCase


@given(st.integers(0, 300), st.integers(0, 300), st.lists(st.tuples(st.integers(0, 200), st.integers(1, 20))))
@settings(deadline=None)
def test_missing_within_bounds_is_a_part_of_all_that_is_missing(first, end, chunks):
    real = Reassembly(1, MONO)
    for position, samples in chunks:
        real.add(position, chunk(position, samples, 2))
    every = {at for low, high in real.missing() for at in range(low, high)}
    part = {at for low, high in real.missing(first, end) for at in range(low, high)}
    assert part == {at for at in every if first <= at < end}


def test_a_chunk_that_just_follows_is_handed_out_as_it_came():
    real = Reassembly(1, MONO)
    one, two = chunk(0, 480, 2), chunk(480, 480, 2)
    assert real.add(0, one) == real.add(480, two) == 480
    assert real.take().pcm is one
    assert real.take().pcm is two
    assert real.take() is None


def test_a_chunk_out_of_order_is_not_copied_either():
    real = Reassembly(1, MONO)
    one, two = chunk(0, 480, 2), chunk(480, 480, 2)
    real.add(480, two)
    real.add(0, one)
    assert real.take().pcm is one
    assert real.take().pcm is two


def test_a_sliver_does_not_hold_on_to_its_chunk():
    real = Reassembly(1, MONO)
    real.add(0, chunk(0, 999, 2))
    real.add(0, chunk(0, 1000, 2))
    real.take()
    sliver = real.take()
    assert sliver.position == 999
    assert type(sliver.pcm) is bytes


def test_one_missing_range_too_many_drops_the_chunk_and_no_other():
    real = Reassembly(1, MONO)
    for index in range(MISSING_RANGES):
        assert real.add(2 * index + 1, b"ab") == 1
    assert real.gaps == MISSING_RANGES
    assert real.add(10_000, b"ab") is None
    assert real.known == 2 * MISSING_RANGES
    assert real.add(2 * MISSING_RANGES, b"ab") == 1  # touches the last run: not one more
    assert real.add(0, b"ab") == 1  # closes one
    assert real.gaps == MISSING_RANGES - 1
    assert real.add(10_000, b"ab") == 1
    assert real.gaps == MISSING_RANGES


def test_a_tail_that_is_known_to_be_missing_is_one_of_the_ranges():
    real = Reassembly(1, MONO)
    real.know(100_000)
    for index in range(MISSING_RANGES - 1):
        assert real.add(2 * index + 1, b"ab") == 1
    assert real.gaps == MISSING_RANGES
    assert real.add(50_000, b"ab") is None  # would split the tail
    assert real.add(99_999, b"ab") == 1  # the tail's end: only moves it


def test_concealment_is_bounded_in_memory_and_ends_at_what_came():
    real = Reassembly(1, MONO)
    real.add(1_000_000, chunk(1_000_000, 10, 2))
    assert real.conceal(0) == 1_000_000
    assert len({id(audio.pcm) for audio in real.ready}) <= 3
    taken = []
    while (audio := real.take()) is not None:
        taken.append(audio)
    assert sum(audio.samples for audio in taken if audio.concealed) == 1_000_000
    assert not any(bytes(audio.pcm).strip(b"\0") for audio in taken if audio.concealed)
    assert taken[-1] == Audio(1, 1_000_000, chunk(1_000_000, 10, 2), MONO)
    assert real.add(10, b"ab") == 0  # comes too late (LW-REPAIR-8)


@pytest.mark.parametrize("order", ["forward", "reverse", "shuffled blocks", "inside out"])
def test_no_order_of_one_sample_chunks_costs_more_than_linear_time(order):
    count = 100_000
    positions = list(range(1, count + 1))
    if order == "reverse":
        positions.reverse()
    elif order == "shuffled blocks":
        blocks = [positions[at : at + 400] for at in range(0, count, 400)]
        random.Random(1).shuffle(blocks)
        positions = [at for block in blocks for at in block]
    elif order == "inside out":
        half = count // 2
        positions = [at for pair in zip(range(half, count), range(half - 1, 0, -1), strict=False) for at in pair]
    real = Reassembly(1, MONO)
    began = time.perf_counter()
    for position in positions:
        assert real.add(position, b"ab") == 1
    real.add(0, b"ab")
    assert time.perf_counter() - began < 3
    assert real.received == len(positions) + 1
    reached = 0
    for audio in real.ready:
        assert audio.position == reached
        reached = audio.end
    assert reached == len(positions) + 1
    assert len(real.ready) < count / 20, "each chunk takes memory besides its samples"


def test_chunks_that_follow_are_joined_where_there_are_many():
    real = Reassembly(1, MONO)
    for position in range(10_000):
        real.add(position, position.to_bytes(2, "little"))
    assert len(real.ready) == 10_000
    real.compact()
    assert len(real.ready) < 200
    assert b"".join(audio.pcm for audio in real.ready) == b"".join(at.to_bytes(2, "little") for at in range(10_000))
    ready = real.ready
    real.compact()
    assert real.ready is ready, "what is few is left as it came"


def test_what_was_concealed_is_not_joined_with_what_came():
    real = Reassembly(1, MONO)
    for position in range(0, 400, 2):
        real.add(position + 1, b"ab")
        real.conceal(1)
    real.compact()
    assert [audio.concealed for audio in real.ready] == [True, False] * 200
