"""Both cores together over a good network: segments, interrupts, pause, marks, data (SPEC §8 to §12)."""

from __future__ import annotations

from typing import Any

import pytest
from wired import GOOD, MEMORY, ROOM, WEBRTC, Player, Wired, frames

from lipwire.protocol import items
from lipwire.protocol import messages as m
from lipwire.protocol.channels import Binding
from lipwire.protocol.events import Cause, MarkReached, StreamStarted
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.registry import Feature

BINDINGS = pytest.mark.parametrize("binding", [MEMORY, WEBRTC, ROOM], ids=lambda binding: binding.name)
CORE = {"features": frozenset[Feature]()}


def ends(wired: Wired) -> list[tuple[int, int, Cause, bool]]:
    return [(e.segment, e.position, e.cause, e.exact) for e in wired.ended.values()]


@BINDINGS
def test_segments_are_heard_one_after_the_other(binding: Binding) -> None:
    wired = Wired(binding, GOOD)
    said = [wired.say(frames(seconds)) for seconds in (0.5, 0, 0.02, 1.0, 0)]
    wired.run_until_ended(*said)
    wired.heard_whole(*said)
    assert wired.now - wired.began < 1.52 + 0.3
    started = [e.segment for e in wired.sender_events if isinstance(e, StreamStarted)]
    assert started == [1, 3, 4]  # an empty one has no first sample


def test_the_core_profile_alone() -> None:
    wired = Wired(MEMORY, GOOD, sender=CORE)
    said = [wired.say(frames(0.5)), wired.say(0)]
    wired.run(0.2)
    wired.interrupt()
    said.append(wired.say(frames(0.3)))
    wired.run_until_ended(*said)
    assert wired.ended[1].interrupted
    wired.heard_whole(3)


@pytest.mark.parametrize("receiver", [{}, CORE])
def test_features_are_those_that_both_have(receiver: dict[str, Any]) -> None:
    wired = Wired(MEMORY, receiver=receiver)
    wired.run(0.1)
    assert wired.sender.features == wired.core.features == (frozenset() if receiver else frozenset(Feature))


@BINDINGS
def test_many_segments_are_sent_ahead(binding: Binding) -> None:
    wired = Wired(binding, GOOD)
    said = [wired.say(frames(0.05)) for _ in range(90)]
    wired.run_until_ended(*said)
    wired.heard_whole(*said)
    assert max(wired.times(m.SegmentStart)) < 4.5 - 1.0  # within the window, not one by one


def test_more_segments_than_may_be_live() -> None:
    wired = Wired(MEMORY, GOOD, segments=4)
    said = [wired.say(frames(0.01)) for _ in range(40)]
    wired.run_until_ended(*said)
    wired.heard_whole(*said)


@BINDINGS
def test_speech_as_it_comes(binding: Binding) -> None:
    wired = Wired(binding, GOOD)
    number = wired.speak(frames(3.0))
    wired.run_until_ended(number)
    wired.heard_whole(number)
    assert wired.now - wired.began < 3.3


@pytest.mark.parametrize("seconds", [0.1, 60.0])
def test_windows_small_and_large(seconds: float) -> None:
    wired = Wired(WEBRTC, GOOD, player=Player(ahead=0.05), window=seconds)
    number = wired.say(frames(5))
    wired.run_until_ended(number)
    wired.heard_whole(number)
    assert wired.core.counters.window == frames(seconds)


@pytest.mark.parametrize("pcm", [PcmFormat(44_100, 2, "f32le"), PcmFormat(11_025, 1), PcmFormat(48_000, 2)])
def test_formats(pcm: PcmFormat) -> None:
    wired = Wired(WEBRTC, GOOD, format=pcm, window=0.1)
    wired.keep_wire = False
    number = wired.sender.open_segment(None, wired.now)
    assert wired.sender.write(number, bytes(pcm.frame_bytes * 30_000), wired.now)
    wired.written[number] = 30_000
    wired.end(number)
    wired._check_item = lambda _: None  # type: ignore[method-assign]  # the samples are zeros
    wired.run_until_ended(number)
    assert wired.ended[number].position == 30_000


def test_a_slow_consumer_holds_the_sender_back() -> None:
    wired = Wired(MEMORY, GOOD, player=Player(ahead=0.01, speed=0.25))
    number = wired.say(frames(3))
    wired.run_until_ended(number)
    wired.heard_whole(number)
    assert wired.now - wired.began > 12


def test_a_greedy_consumer_that_is_late_to_report() -> None:
    wired = Wired(MEMORY, GOOD, player=Player(ahead=1_000))
    number = wired.say(frames(30))
    wired.run(2)
    segment = wired.sender.segment(number)
    assert segment is not None
    assert segment.consumed > frames(4)  # credit follows what is handed out, not what is played
    wired.run_until_ended(number)
    wired.heard_whole(number)


# -- interrupt ---------------------------------------------------------------------------------------------


@BINDINGS
def test_interrupting_everything(binding: Binding) -> None:
    wired = Wired(binding, GOOD)
    said = [wired.say(frames(1)) for _ in range(3)]
    wired.run(0.5)
    assert wired.interrupt() == 3
    after = wired.say(frames(0.5))
    wired.run_until_ended(*said, after)
    assert [(e.segment, e.cause, e.interrupted, e.exact) for e in wired.ended.values()][:3] == [
        (1, Cause.INTERRUPTED, True, True),
        (2, Cause.INTERRUPTED, True, True),
        (3, Cause.INTERRUPTED, True, True),
    ]
    assert frames(0.3) < wired.ended[1].position < frames(0.6)
    assert wired.ended[1].position == wired.player.heard[1]
    assert wired.ended[2].position == wired.ended[3].position == 0
    wired.heard_whole(after)
    assert [(c.first, c.last) for _, c in wired.confirmed] == [(1, 3)]
    assert wired.confirmed[0][1].latency == pytest.approx(0.06, abs=0.005)


@pytest.mark.parametrize("reset", [0.0, 0.1, 5.0])
@BINDINGS
def test_new_audio_is_held_while_the_consumer_resets_and_loses_nothing(binding: Binding, reset: float) -> None:
    wired = Wired(binding, GOOD, player=Player(reset_time=reset))
    wired.say(frames(5))
    wired.run(1)
    at = wired.now
    wired.interrupt()
    after = wired.say(frames(0.5))
    wired.run_until_ended(after, within=20)
    wired.heard_whole(after)
    player = wired.player
    begun = next(
        t
        for t, i in zip(player.times, player.items, strict=True)
        if isinstance(i, items.SegmentStart) and i.segment == 2
    )
    held = begun - at - 0.03
    assert held == pytest.approx(min(reset, 0.3), abs=0.04)


def test_no_cooldown_when_nothing_was_handed_out() -> None:
    wired = Wired(MEMORY, GOOD, player=Player(reset_time=9))
    first = wired.say(frames(1))
    second = wired.say(frames(1))
    wired.run(0.2)
    wired.interrupt(second)
    third = wired.say(frames(0.1))
    wired.run_until_ended(first, second, third)
    wired.heard_whole(first, third)
    assert wired.ended[second].position == 0


@BINDINGS
def test_one_queued_segment_is_cut_alone(binding: Binding) -> None:
    wired = Wired(binding, GOOD)
    said = [wired.say(frames(0.4)) for _ in range(4)]
    wired.run(0.2)
    wired.interrupt(said[2])
    wired.run_until_ended(*said)
    wired.heard_whole(said[0], said[1], said[3])
    assert ends(wired)[2] == (3, 0, Cause.INTERRUPTED, True)


def test_the_segment_that_plays_is_cut_alone() -> None:
    wired = Wired(MEMORY, GOOD)
    said = [wired.say(frames(0.6)) for _ in range(3)]
    wired.run(0.3)
    wired.interrupt(said[0])
    wired.run_until_ended(*said)
    assert 0 < wired.ended[1].position < frames(0.6)
    wired.heard_whole(2, 3)


@BINDINGS
def test_interrupt_before_the_session_is_open(binding: Binding) -> None:
    wired = Wired(binding, GOOD, connect=False)
    wired.say(frames(1))
    wired.interrupt()
    assert ends(wired) == [(1, 0, Cause.INTERRUPTED, True)]
    after = wired.say(frames(0.2))
    wired.connect()
    wired.run_until_ended(after)
    wired.heard_whole(after)
    assert wired.sent(m.Interrupt) == []


@pytest.mark.parametrize("late", [round(0.42 + step * 0.005, 3) for step in range(30)])
def test_interrupt_crosses_segment_end_and_stream_ended(late: float) -> None:
    """Somewhere in here the consumer ends before the interrupt arrives: whichever was first stands, at both."""
    wired = Wired(WEBRTC, GOOD)
    number = wired.speak(frames(0.5))
    wired.run(late)
    wired.interrupt()
    after = wired.say(frames(0.1))
    wired.run_until_ended(number, after)
    wired.heard_whole(after)
    ended = wired.ended[number]
    if ended.cause is Cause.PLAYED:
        assert ended.position == frames(0.5)
        assert not ended.interrupted
    else:
        assert (ended.cause, ended.interrupted) == (Cause.INTERRUPTED, True)
        assert ended.position == wired.player.heard[number] <= frames(0.5)


@BINDINGS
def test_many_interrupts_in_a_row(binding: Binding) -> None:
    wired = Wired(binding, GOOD)
    for _ in range(70):
        wired.say(frames(0.3))
        wired.run(0.011)
        wired.interrupt()
    last = wired.say(frames(0.2))
    wired.run_until_ended(last)
    wired.heard_whole(last)
    assert len(wired.confirmed) == 70


# -- pause -------------------------------------------------------------------------------------------------


@BINDINGS
def test_pause_loses_nothing(binding: Binding) -> None:
    wired = Wired(binding, GOOD, grace=0.5)
    said = [wired.say(frames(1)), wired.say(frames(1))]
    wired.run(0.5)
    wired.sender.pause(wired.now)
    wired.run(20)
    assert not wired.ended
    heard = wired.player.heard[1]
    assert frames(0.4) <= heard <= frames(0.55)
    wired.sender.unpause(wired.now)
    wired.run_until_ended(*said)
    wired.heard_whole(*said)


def test_in_a_pause_nothing_is_handed_out() -> None:
    """Even to a consumer that would take it all."""
    wired = Wired(MEMORY, GOOD, player=Player(ahead=1_000, speed=100.0))
    number = wired.speak(frames(2))
    wired.run(0.5)
    wired.sender.pause(wired.now)
    wired.run(0.1)
    wired.player.pause(False, wired.now)  # it goes on by itself
    taken = len(wired.player.items)
    wired.run(3)
    assert [i for i in wired.player.items[taken:] if isinstance(i, items.Audio | items.SegmentEnd)] == []
    wired.sender.unpause(wired.now)
    wired.run_until_ended(number)
    wired.heard_whole(number)


@BINDINGS
def test_numbered_messages_are_acknowledged_in_time(binding: Binding) -> None:
    wired = Wired(binding, GOOD)
    wired.run(0.5)
    for index in range(5):
        wired.sender.send_custom({"n": index}, wired.now)
        wired.run(0.03 + 0.05 + 0.03 + 0.001)
        assert wired.sender.numbered.unacknowledged == 0
        wired.core.send_custom({"n": index}, wired.now)
        wired.run(0.03 + 0.05 + 0.03 + 0.001)
        assert wired.core.numbered.unacknowledged == 0


def test_interrupt_while_paused() -> None:
    wired = Wired(MEMORY, GOOD)
    wired.say(frames(2))
    wired.run(0.5)
    wired.sender.pause(wired.now)
    wired.run(1)
    wired.interrupt()
    after = wired.say(frames(0.2))
    wired.run_until_ended(after, within=2)
    wired.heard_whole(after)
    assert ends(wired)[0][2:] == (Cause.INTERRUPTED, True)
    assert not wired.core.paused


def test_one_segment_is_cut_while_paused_and_the_pause_stays() -> None:
    wired = Wired(MEMORY, GOOD)
    said = [wired.say(frames(0.5)) for _ in range(3)]
    wired.run(0.3)
    wired.sender.pause(wired.now)
    wired.run(0.2)
    wired.interrupt(said[1])
    wired.run(5)
    assert not wired.ended
    assert wired.core.paused
    wired.sender.unpause(wired.now)
    wired.run_until_ended(*said)
    wired.heard_whole(said[0], said[2])


# -- marks, data, custom -----------------------------------------------------------------------------------


def test_marks_are_reached_when_they_are_heard() -> None:
    wired = Wired(WEBRTC, GOOD, player=Player(report_every=0.01))
    number = wired.say(frames(1))
    at: dict[str, float] = {}
    for name, position in (("start", 0), ("middle", frames(0.5)), ("end", frames(1)), ("beyond", frames(9))):
        wired.sender.mark(number, position, name, wired.now)

    def seen() -> bool:
        for event in wired.sender_events:
            if isinstance(event, MarkReached):
                at.setdefault(event.name, wired.now - wired.began)
        return number in wired.ended

    wired.run_until(seen)
    assert list(at) == ["start", "middle", "end", "beyond"]
    assert at["middle"] == pytest.approx(0.5 + 0.12, abs=0.06)
    assert at["end"] > 1.0


def test_a_mark_of_a_cut_segment_is_not_reached() -> None:
    wired = Wired(WEBRTC, GOOD)
    number = wired.say(frames(2))
    wired.sender.mark(number, frames(0.1), "near", wired.now)
    wired.sender.mark(number, frames(1.5), "far", wired.now)
    wired.run(0.5)
    wired.interrupt()
    wired.run(5)
    assert [e.name for e in wired.sender_events if isinstance(e, MarkReached)] == ["near"]


def test_data_comes_before_the_sample_it_belongs_to() -> None:
    wired = Wired(WEBRTC, GOOD)
    number = wired.say(frames(0.5))
    for position in (0, 100, 1_000, frames(0.5), frames(3)):
        wired.sender.data(number, position, {"at": position}, wired.now)
    wired.run_until_ended(number)
    reached, seen = 0, []
    for item in wired.player.items:
        if isinstance(item, items.Audio):
            reached = item.end
        elif isinstance(item, items.Data):
            seen.append((item.position, reached))
    assert [position for position, _ in seen] == [0, 100, 1_000, frames(0.5), frames(3)]
    assert all(reached == min(position, frames(0.5)) for position, reached in seen)


def test_custom_both_ways() -> None:
    wired = Wired(ROOM, GOOD)
    wired.run(0.2)
    wired.sender.send_custom({"a": 1}, wired.now)
    wired.core.send_custom({"b": 2}, wired.now)
    wired.run(0.2)
    assert [e.content for e in wired.receiver_events if hasattr(e, "content")] == [{"a": 1}]
    assert [e.content for e in wired.sender_events if hasattr(e, "content")] == [{"b": 2}]
