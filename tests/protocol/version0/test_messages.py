"""Version 0: messages, and PCM that a room takes for text."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lipwire.protocol import version0
from lipwire.protocol.channels import Channel, Wire
from lipwire.protocol.events import Cause
from lipwire.protocol.items import Audio
from lipwire.protocol.states import SessionState
from lipwire.protocol.version0_receiver import ReceiverConnection0, ReceiverSettings0

from .deployed import DeployedReceiver, DeployedSender
from .wire import RATE, ROOM, ack, as_room, noise
from .world import World

# -- the messages ----------------------------------------------------------------------------------------------


def test_messages_as_deployed():
    assert version0.INTERRUPT == b"INTERRUPT"
    assert version0.SEGMENT_END == '{"type": "segment_end"}'
    assert version0.encode_stream_ended(1.5, interrupted=True) == (
        '{"type": "stream_ended", "data": {"playback_position": 1.5, "interrupted": true}}'
    )


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "1",
        "null",
        '"stream_ended"',
        "{}",
        "{",
        '{"type": null}',
        '{"type": ["stream_ended"]}',
        '{"type": "other"}',
        '{"type": "stream_ended"}',
        '{"type": "stream_ended", "data": null}',
        '{"type": "stream_ended", "data": []}',
        '{"type": "stream_ended", "data": {}}',
        '{"type": "stream_ended", "data": {"playback_position": "1", "interrupted": false}}',
        '{"type": "stream_ended", "data": {"playback_position": true, "interrupted": false}}',
        '{"type": "stream_ended", "data": {"playback_position": -1, "interrupted": false}}',
        '{"type": "stream_ended", "data": {"playback_position": NaN, "interrupted": false}}',
        '{"type": "stream_ended", "data": {"playback_position": Infinity, "interrupted": false}}',
        '{"type": "stream_ended", "data": {"playback_position": 1e999, "interrupted": false}}',
        '{"type": "stream_ended", "data": {"playback_position": 1' + "0" * 800 + ', "interrupted": false}}',
        '{"type": "stream_ended", "data": {"playback_position": 1' + "0" * 9_000 + ', "interrupted": false}}',
        '{"type": "stream_ended", "data": {"playback_position": 1, "interrupted": 0}}',
        '{"type": "stream_ended", "data": {"playback_position": 1, "interrupted": null}}',
        '{"type": "stream_ended", "data": ' + '{"a":' * 3_000 + "1" + "}" * 3_000 + "}",
        "[" * 15_000,
        '{"type":' * 1_900,
        "\ud800",
        "",
        b"",
        b"\xff\xfe",
        b"[]",
        bytes(960),
    ],
)
def test_a_malformed_ack_is_counted_and_ignored(text: Wire):
    world = World()
    world.say(noise(0.1))
    world.core.receive(Channel.CONTROL, text, world.now)
    assert world.core.state is SessionState.OPEN
    assert world.core.counters.ignored == 1
    world.run()
    assert [(r.cause, r.position) for r in world.results] == [(Cause.PLAYED, 2_400)]


def test_an_ack_may_come_as_bytes():
    assert version0.parse_ack(ack(1).encode()) == version0.StreamEnded0(position=1.0, interrupted=False)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_parsing_never_raises(message: Wire):
    version0.parse(message)
    version0.parse_ack(message)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_parsing_any_json_never_raises(value: object):
    for body in (value, {"type": "stream_ended", "data": value}, {"type": "lipwire", "versions": value}):
        version0.parse(json.dumps(body))


def test_the_probe():
    probe = version0.probe_message()
    assert probe == '{"type": "lipwire", "versions": [1]}'
    assert version0.is_probe(probe)
    answer = version0.answer_probe(probe)
    assert answer is not None
    assert not version0.is_probe(answer)
    assert version0.probe_answer(answer) == 1
    assert version0.answer_probe(version0.probe_message([7, 9])) is None
    assert version0.answer_probe(answer) is None
    assert version0.probe_answer(probe) is None
    for other in (b"\x00\x00", "hello", '{"type": "lipwire"}', '{"type": "lipwire", "versions": []}', ack(1)):
        assert not version0.is_probe(other)
        assert version0.probe_answer(other) is None


def test_both_deployed_models_ignore_the_probe():
    receiver, sender = DeployedReceiver(), DeployedSender()
    receiver.receive(version0.probe_message(), 0.0)
    sender.receive(version0.probe_message(), 0.0)
    assert not receiver.segments()
    assert not receiver.out
    assert not sender.acks


@pytest.mark.parametrize("answers", [True, False])
def test_a_receiver_answers_a_probe_if_it_is_told_to(answers: bool):
    core = ReceiverConnection0(ReceiverSettings0(answers_probes=answers))
    core.open(ROOM, bytes(16), 0.0)
    core.receive(Channel.CONTROL, version0.probe_message(), 0.0)
    assert [version0.probe_answer(m) for _, m in core.take_outgoing(0.0)] == ([1] if answers else [])
    assert core.counters.chunks == 0


# -- PCM that is valid UTF-8 -----------------------------------------------------------------------------------


def test_silence_is_changed_by_one():
    changed = np.frombuffer(version0.not_text(bytes(960)), "<i2")
    assert sorted(changed) == [-1] + [0] * 479


@given(st.lists(st.integers(-32_768, 32_767), min_size=1, max_size=50))
def test_any_audio_can_be_kept_from_being_text(samples: list[int]):
    pcm = np.array(samples, "<i2").tobytes()
    changed = version0.not_text(pcm)
    with pytest.raises(UnicodeDecodeError):
        changed.decode()
    after = np.frombuffer(changed, "<i2").astype(int)
    differences = [abs(a - b) for a, b in zip(samples, after, strict=True) if a != b]
    assert len(differences) <= 1
    assert all(one <= 128 for one in differences)
    assert isinstance(as_room(pcm), str) == bool(differences)


def test_a_deployed_receiver_in_a_room_loses_no_pause():
    receiver = DeployedReceiver()
    world = World(receiver=receiver, binding=ROOM, room=True)
    loud = noise(0.2)
    world.say(loud + bytes(RATE) + loud)
    world.run(until=lambda: bool(world.results))
    heard = receiver.segments()[0]
    assert len(heard) == 2 * len(loud) + RATE
    assert heard[: len(loud)] == loud
    assert np.abs(np.frombuffer(heard[len(loud) : -len(loud)], "<i2")).max() == 1
    assert world.core.counters.changed_chunks > 0


def test_on_a_websocket_nothing_is_changed():
    receiver = DeployedReceiver()
    world = World(receiver=receiver)
    world.say(bytes(RATE))
    world.run(until=lambda: bool(world.results))
    assert receiver.segments() == [bytes(RATE)]
    assert world.core.counters.changed_chunks == 0


@given(st.lists(st.integers(0, 127) | st.integers(-32_768, 32_767), max_size=200), st.booleans())
def test_audio_that_came_as_text_is_the_same_audio(samples: list[int], quiet: bool):
    pcm = np.array([abs(s) % 128 if quiet else s for s in samples], "<i2").tobytes()
    core = ReceiverConnection0(ReceiverSettings0())
    core.open(ROOM, bytes(16), 0.0)
    core.receive(Channel.MEDIA, as_room(pcm), 0.0)
    items = [core.read(0.0) for _ in range(3)]
    heard = b"".join(bytes(item.pcm) for item in items if isinstance(item, Audio))
    assert heard == pcm
    assert core.counters.texts == (bool(pcm) and isinstance(as_room(pcm), str))


@pytest.mark.parametrize("text", ["111122223333", '"quoted"', "[1,2]", "{ not JSON }", "nullnull", '{"a": "b" }  '])
def test_text_that_is_no_control_message_is_audio(text: str):
    core = ReceiverConnection0(ReceiverSettings0())
    core.open(ROOM, bytes(16), 0.0)
    core.receive(Channel.MEDIA, text, 0.0)
    assert core.counters.held_samples == len(text) // 2
