"""The codec: what goes round, and what is refused, quickly and without taking memory (SPEC §2)."""

from __future__ import annotations

import struct
import time
import tracemalloc
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipwire.protocol import codec
from lipwire.protocol import messages as m
from lipwire.protocol.codec import decode, encode, encode_audio
from lipwire.protocol.errors import CloseCode, LocalProtocolError, RemoteProtocolError
from lipwire.protocol.fields import content_size
from lipwire.protocol.limits import MAX_INT
from lipwire.protocol.registry import BY_TYPE, REGISTRY, Entry

# -- messages of every type, made from the registry's tables by hand -----------------------------------------

ids = st.integers(1, MAX_INT)
counts = st.integers(0, MAX_INT)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False)
leaves = scalars | st.text(max_size=20) | st.binary(max_size=20)
free = st.dictionaries(
    st.text(max_size=20),
    st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner), max_leaves=8
    ),
    max_size=5,
).filter(lambda value: _depth(value) <= 5)
small = st.dictionaries(st.text(max_size=20), leaves, max_size=5)
formats = st.tuples(st.sampled_from(["s16le", "f32le", "opus"]), counts, counts).map(list)
features = st.lists(st.text("abc.", min_size=1, max_size=64), max_size=64)
session = st.binary(min_size=16, max_size=16)
credential = st.binary(min_size=16, max_size=64)
name = st.text("abcé", min_size=1, max_size=64)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "hello": st.builds(
        m.Hello,
        st.just("lipwire"),
        st.lists(counts, max_size=15).map(lambda more: [*more, 1]),
        session,
        ids,
        st.lists(formats, min_size=1, max_size=16),
        features,
        small,
        st.none() | st.text(max_size=100) | st.binary(max_size=4_096),
        st.none() | st.tuples(credential, counts).map(list),
        st.none() | free,
    ),
    "welcome": st.builds(
        m.Welcome,
        counts,
        session,
        ids,
        formats,
        features,
        small,
        st.none() | credential,
        st.none()
        | st.tuples(counts, st.lists(st.tuples(ids, counts, counts, st.none() | counts).map(list), max_size=20)).map(
            list
        ),
        st.none() | free,
    ),
    "close": st.builds(m.CloseMessage, counts, st.text(max_size=200), st.none() | counts, st.none() | free),
    "ping": st.builds(m.Ping, counts),
    "pong": st.builds(m.Pong, counts, counts, counts),
    "acknowledge": st.builds(m.Acknowledge, counts),
    "segment_start": st.builds(m.SegmentStart, ids, st.none() | free),
    "audio": st.builds(m.AudioMessage, ids, counts, counts, st.binary(min_size=1, max_size=2_000)),
    "sent": st.builds(m.Sent, ids, counts),
    "segment_end": st.builds(m.SegmentEnd, ids, counts),
    "interrupt": st.builds(m.Interrupt, ids, ids),
    "cut": st.builds(m.Cut, ids, ids, st.lists(st.tuples(ids, counts).map(list), max_size=20)),
    "pause": st.builds(m.Pause),
    "unpause": st.builds(m.Unpause),
    "mark": st.builds(m.Mark, ids, counts, name),
    "mark_reached": st.builds(m.MarkReached, ids, name),
    "data": st.builds(m.Data, ids, counts, free),
    "stream_started": st.builds(m.StreamStarted, ids, counts),
    "progress": st.builds(m.Progress, ids, counts, counts, st.none() | counts, counts, counts, st.none() | counts),
    "stream_ended": st.builds(m.StreamEnded, ids, st.none() | counts, st.booleans(), counts),
    "nack": st.builds(
        m.Nack,
        ids,
        st.sets(counts, min_size=2, max_size=64)
        .map(sorted)
        .map(lambda ends: [[a, b] for a, b in zip(ends[::2], ends[1::2], strict=False)]),
    ),
    "custom": st.builds(m.Custom, free),
}
NUMBERED = st.one_of([PLAIN[entry.name] for entry in REGISTRY if entry.numbered])
MESSAGES = PLAIN | {"numbered": st.builds(m.Numbered, ids, counts, NUMBERED)}
EVERY = pytest.mark.parametrize("entry", REGISTRY, ids=lambda entry: entry.name)
SAMPLES: dict[str, Any] = {
    "hello": m.Hello("lipwire", [1], b"s" * 16, 1, [["s16le", 24_000, 1]], ["repair"], {}, None, None, {"a": 1}),
    "welcome": m.Welcome(1, b"s" * 16, 1, ["s16le", 24_000, 1], [], {}, None, [0, [[1, 2, 3, None]]], {}),
    "close": m.CloseMessage(0, "x", 5, {"versions": [1]}),
    "ping": m.Ping(300),
    "pong": m.Pong(1, 300, 70_000),
    "numbered": m.Numbered(1, 0, m.Mark(1, 2, "x")),
    "acknowledge": m.Acknowledge(300),
    "segment_start": m.SegmentStart(1, {"text": "x"}),
    "audio": m.AudioMessage(1, 480, 0, b"abcd"),
    "sent": m.Sent(1, 300),
    "segment_end": m.SegmentEnd(1, 300),
    "interrupt": m.Interrupt(1, 300),
    "cut": m.Cut(1, 2, [[1, 300]]),
    "pause": m.Pause(),
    "unpause": m.Unpause(),
    "mark": m.Mark(1, 300, "x"),
    "mark_reached": m.MarkReached(1, "x"),
    "data": m.Data(1, 300, {"words": [["a", 1, 2]]}),
    "stream_started": m.StreamStarted(1, 300),
    "progress": m.Progress(1, 2, 3, None, 4, 5, 6),
    "stream_ended": m.StreamEnded(1, None, True, 1),
    "nack": m.Nack(1, [[1, 2], [3, 4]]),
    "custom": m.Custom({"com.example": 1.5}),
}


def code_of(data: bytes | str, limit: int = 65_536) -> CloseCode | None:
    try:
        decode(data, limit)
    except RemoteProtocolError as error:
        return error.code
    return None


@EVERY
def test_the_registry_is_covered_here(entry):
    assert entry.name in MESSAGES
    assert entry.name in SAMPLES


@EVERY
@given(st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_encoded_comes_back(entry, data):
    message = data.draw(MESSAGES[entry.name])
    encoded = encode(message)
    assert decode(encoded, 1 << 20) == message
    assert msgpack.unpackb(encoded, strict_map_key=False)[0] == entry.number


@EVERY
def test_absent_fields_at_the_end_are_left_off_and_may_be(entry):
    sample = SAMPLES[entry.name]
    assert decode(encode(sample)) == sample
    array = msgpack.unpackb(encode(sample))
    least = 1 + entry.required
    for size in range(len(array), 0, -1):
        code = code_of(msgpack.packb(array[:size]))
        assert code is (None if size >= least else CloseCode.INVALID_FIELD)  # LW-WIRE-4, LW-WIRE-6
    nils = array + [None] * (1 + len(entry.fields) - len(array))
    assert decode(msgpack.packb(nils)) == sample


@EVERY
def test_elements_beyond_the_fields_are_ignored(entry):
    sample = SAMPLES[entry.name]
    array = msgpack.unpackb(encode(sample))
    array += [None] * (1 + len(entry.fields) - len(array))
    for extra in ([5], ["x", {"a": [1]}], [None, b"x", 1.5]):
        assert decode(msgpack.packb(array + extra)) == sample  # LW-WIRE-5


@EVERY
def test_a_message_that_is_cut_short_anywhere_is_malformed(entry):
    data = encode(SAMPLES[entry.name])
    for size in range(len(data)):
        assert code_of(data[:size]) is CloseCode.MALFORMED
    for more in (b"\0", b"\xc0", b"\x90", data):
        assert code_of(data + more) is CloseCode.MALFORMED  # LW-WIRE-1


def widened(value: Any, head: int) -> bytes:
    """Pack so that each integer takes 64 bits, and each string, binary, list and map has the widest head."""
    if type(value) is int:
        return struct.pack(">BQ", head, value)
    if type(value) is str:
        return b"\xdb" + struct.pack(">I", len(value.encode())) + value.encode()
    if type(value) is bytes:
        return b"\xc6" + struct.pack(">I", len(value)) + value
    if type(value) is list:
        return b"\xdd" + struct.pack(">I", len(value)) + b"".join(widened(one, head) for one in value)
    if type(value) is dict:
        inner = b"".join(widened(one, head) for pair in value.items() for one in pair)
        return b"\xdf" + struct.pack(">I", len(value)) + inner
    packed: bytes = msgpack.packb(value)
    return packed


@EVERY
@pytest.mark.parametrize("head", [0xCF, 0xD3], ids=["unsigned", "signed"])
def test_wide_encodings_are_taken(entry, head):
    sample = SAMPLES[entry.name]
    assert decode(widened(msgpack.unpackb(encode(sample)), head)) == sample  # LW-WIRE-2


WRONG_VALUES = [-1, 2**53, 2**64 - 1, -(2**63), 1.0, True, False, "x" * 5_000, b"x" * 5_000, [[]], {1: 1}, {b"a": 1}]


def _fits(entry: Entry, field: str, value: Any) -> bool:
    """The few of these values that a field takes."""
    if entry.name == "close" and field in ("retry", "details"):
        return True  # LW-INVARIANT-5
    return (
        (field == "interrupted" and type(value) is bool)
        or (field == "pcm" and type(value) is bytes)
        or (field == "message" and type(value) is list)
    )


@EVERY
def test_fields_of_a_wrong_type_or_out_of_range_are_refused(entry):
    array = msgpack.unpackb(encode(SAMPLES[entry.name]))
    array += [None] * (1 + len(entry.fields) - len(array))
    for index, field in enumerate(entry.fields, 1):
        for value in WRONG_VALUES:
            if _fits(entry, field, value) or (entry.name == "hello" and index <= 2):  # those are judged below
                continue
            broken = [*array[:index], value, *array[index + 1 :]]
            code = code_of(msgpack.packb(broken))
            assert code is CloseCode.INVALID_FIELD, (field, value)


@pytest.mark.parametrize(
    ("name", "field", "value", "code"),
    [
        ("hello", "session", b"s" * 15, CloseCode.INVALID_FIELD),
        ("hello", "session", b"s" * 17, CloseCode.INVALID_FIELD),
        ("hello", "generation", 0, CloseCode.INVALID_FIELD),
        ("hello", "versions", [], CloseCode.INVALID_FIELD),
        ("hello", "versions", [1] * 17, CloseCode.INVALID_FIELD),
        ("hello", "versions", [1, "2"], CloseCode.INVALID_FIELD),
        ("hello", "magic", "LIPWIRE", CloseCode.INVALID_FIELD),
        ("hello", "formats", [], CloseCode.INVALID_FIELD),
        ("hello", "formats", [["s16le", 24_000]], CloseCode.INVALID_FIELD),
        ("hello", "formats", [["s16le", 24_000, 1, 1]], CloseCode.INVALID_FIELD),
        ("hello", "features", [""], CloseCode.INVALID_FIELD),
        ("hello", "features", ["x" * 65], CloseCode.INVALID_FIELD),
        ("hello", "features", ["x"] * 65, CloseCode.INVALID_FIELD),
        ("hello", "resume", [b"x" * 15, 0], CloseCode.INVALID_FIELD),
        ("hello", "resume", [b"x" * 65, 0], CloseCode.INVALID_FIELD),
        ("hello", "auth", "x" * 4_097, CloseCode.INVALID_FIELD),
        ("close", "reason", "x" * 1_025, CloseCode.INVALID_FIELD),
        ("mark", "name", "", CloseCode.INVALID_FIELD),
        ("mark", "name", "é" * 65, CloseCode.INVALID_FIELD),
        ("nack", "missing", [], CloseCode.INVALID_FIELD),
        ("nack", "missing", [[0, 1]] * 33, CloseCode.INVALID_FIELD),
        ("nack", "missing", [[0]], CloseCode.INVALID_FIELD),
        ("nack", "missing", [[5, 5]], CloseCode.INVALID_FIELD),
        ("nack", "missing", [[1, 5], [5, 9]], CloseCode.INVALID_FIELD),
        ("nack", "missing", [[7, 9], [1, 2]], CloseCode.INVALID_FIELD),
        ("segment_start", "segment", 0, CloseCode.INVALID_FIELD),
        ("segment_start", "metadata", {"a": {"b": {1: 2}}}, CloseCode.INVALID_FIELD),
        ("custom", "content", {"x": b"x" * 16_384}, CloseCode.LIMIT_EXCEEDED),
        ("custom", "content", {"x": "x" * 16_378}, None),
        ("custom", "content", {str(at): 0 for at in range(1_024)}, None),
        ("custom", "content", {str(at): 0 for at in range(1_025)}, CloseCode.LIMIT_EXCEEDED),
        ("numbered", "message", [], CloseCode.INVALID_FIELD),
        ("numbered", "message", ["x"], CloseCode.INVALID_FIELD),
        ("numbered", "message", [17, 1, 0, 0, b"ab"], CloseCode.INVALID_FIELD),
        ("numbered", "message", [6, 1, 0, [22]], CloseCode.INVALID_FIELD),
        ("numbered", "message", [64], CloseCode.INVALID_FIELD),
        ("numbered", "message", [19, 1], CloseCode.INVALID_FIELD),
        ("numbered", "message", [22, "extra"], None),
    ],
)
def test_values_out_of_range_are_refused(name, field, value, code):
    entry = next(one for one in REGISTRY if one.name == name)
    array = msgpack.unpackb(encode(SAMPLES[name]))
    array += [None] * (1 + len(entry.fields) - len(array))
    array[1 + list(entry.fields).index(field)] = value
    assert code_of(msgpack.packb(array)) is code


@pytest.mark.parametrize("encoding", ["", "x" * 2_000])
def test_the_name_of_a_format_may_be_any_text(encoding):
    hello = m.Hello("lipwire", [1], b"s" * 16, 1, [[encoding, 1, 1], ["s16le", 24_000, 1]], [], {}, None, None, None)
    assert decode(encode(hello)) == hello  # a later revision may have such a one (LW-FORMAT-1)


def test_integers_inside_free_maps_are_not_restricted():
    content = {"a": -1, "b": 2**64 - 1, "c": [-(2**63)], "d": 1.0}
    assert decode(msgpack.packb([31, content])) == m.Custom(content)


@pytest.mark.parametrize(
    ("content", "size"),
    [
        ({"a": 0.1}, 12),
        ({"a": 1.5}, 8),
        ({"a": [1e300, float("nan"), float("inf"), -0.0]}, 4 + 9 + 3 * 5),
        ({"a": {"b": ["c", True, [1.5]]}}, 3 + 3 + 1 + 2 + 1 + 1 + 5),
    ],
)
def test_floats_count_as_32_bits_where_these_hold_them(content, size):
    assert content_size(content) == size


def test_a_map_of_short_floats_is_measured_as_it_came():
    numbers = b"\xdc\x04\x00" + (b"\xca" + struct.pack(">f", 0.5)) * 1_024
    message = b"\x93\x10\x01\x83" + b"".join(b"\xa1" + key + numbers for key in (b"a", b"b", b"c"))
    assert decode(message) == m.SegmentStart(1, dict.fromkeys("abc", [0.5] * 1_024))


@pytest.mark.parametrize("number", [*range(-2, 140), 1_000, 2**40])
def test_types_that_are_not_known(number):
    if number in BY_TYPE:
        return
    data = msgpack.packb([number, {"anything": [1]}])
    if 64 <= number < 128:
        assert decode(data) is None  # LW-WIRE-10
    else:
        assert code_of(data) is CloseCode.UNKNOWN_MESSAGE


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc0",
        b"\x05",
        b"\x80",
        b"\xa1x",
        b"\x90",
        b"\x91\xa1x",
        b"\x91\xc0",
        b"\x91\xc3",
        b"\x91\xca\0\0\0\0",
        b"\xc1",
        b"\x91\xc1",
        b"\x92\x04\xc1",
        "text",
        "",
        b"\x92\x04\xd9\x01\xff",
        b"\x92\x40\xa1\xff",
        b"\x92\x40\x82\x90\xc0\xa1\xff\xc0",  # behind a key that can not be hashed
    ],
)
def test_what_is_no_message_is_malformed(data):
    assert code_of(data) is CloseCode.MALFORMED  # LW-WIRE-7, LW-WIRE-11


nearly = st.lists(st.integers(-(2**63), 2**64 - 1) | st.integers(0, 80) | scalars | st.binary(max_size=9), max_size=7)


@given(first=st.sampled_from([*BY_TYPE, 17, 17, 64]), rest=nearly, cut=st.integers(-3, 0), more=st.binary(max_size=1))
def test_the_short_ways_of_decoding_come_to_the_same_as_the_long_one(first, rest, cut, more):
    data = msgpack.packb([first, *rest])
    data = data[: len(data) + cut] + more

    def outcome() -> Any:
        try:
            return decode(data)
        except RemoteProtocolError as error:
            return error.code

    short = outcome()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "decode_audio", lambda _: None)
        patch.setattr(codec, "_SHORT", -1)
        assert repr(outcome()) == repr(short)


@pytest.mark.parametrize("head", [b"\xd4\x01", b"\xd5\x01", b"\xd6\xff", b"\xd7\xff", b"\xd8\x01", b"\xc7\x04\x01"])
@pytest.mark.parametrize("lead", [b"\x92\x04", b"\x92\x40", b"\x92\x1f\x81\xa1x", b"\x93\x04\x05"])
def test_extensions_are_refused_anywhere(head, lead):
    size = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16, 0xC7: 4}[head[0]]
    assert code_of(lead + head + bytes(size)) is CloseCode.INVALID_FIELD  # LW-WIRE-12


def test_a_message_of_the_limit_is_taken_and_one_byte_more_is_not():
    for limit in (4_096, 65_536):
        data = encode(m.AudioMessage(1, 0, 0, bytes(limit - 8)))
        assert len(data) == limit
        assert code_of(data, limit) is None
        assert code_of(data + b"\0", limit) is CloseCode.MESSAGE_TOO_LARGE  # LW-WIRE-8


def test_eight_levels_are_the_most():
    for kind in (b"\x91", b"\x81\xa1x"):
        for levels in range(1, 12):
            data = b"\x92\x40" + kind * (levels - 1) + b"\xc0"
            assert code_of(data) is (None if levels <= 8 else CloseCode.LIMIT_EXCEEDED)  # LW-WIRE-9


BOMBS = {
    "deep arrays": b"\x91" * 65_536,
    "deep maps": b"\x81\xa0" * 32_768,
    "deep in an ignored one": b"\x92\x40" + b"\x91" * 65_000,
    "entries of an array": b"\x92\x1f\xdd\xff\xff\xff\xff",
    "entries of a map": b"\x92\x1f\xdf\xff\xff\xff\xff",
    "the message's own entries": b"\xdd\xff\xff\xff\xff",
    "entries in an ignored one": b"\x92\x40\xdc\xff\xff" + b"\xc0" * 65_000,
    "a binary's length": b"\x95\x11\x01\x00\x00\xc6\xff\xff\xff\xff",
    "a string's length": b"\x92\x04\xdb\xff\xff\xff\xff",
    "an array where pcm should be": b"\x95\x11\x01\x00\x00\xdd\x00\x00\xff\xff" + b"\xc0" * 65_000,
    "a map where pcm should be": b"\x95\x11\x01\x00\x00\xdf\xff\xff\xff\xff",
    "arrays of arrays": b"\x92\x40\xdc\x04\x00" + (b"\xdc\x04\x00" + b"\x90" * 1_023) * 63,
    "a wide audio message": b"\xdc\x04\x01\x11" + b"\xc0" * 1_024,
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS)
def test_bombs_are_refused_quickly_and_without_taking_memory(data):
    code_of(data)
    tracemalloc.start()
    try:
        began = time.perf_counter()
        code = code_of(data)
        took = time.perf_counter() - began
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert code in (CloseCode.LIMIT_EXCEEDED, CloseCode.MALFORMED)
    assert peak < 200_000
    assert took < 1.0


@given(st.binary(max_size=300))
@settings(max_examples=1_500, deadline=None)
def test_random_bytes_are_refused_and_nothing_else_happens(data):
    code_of(data)


@given(st.sampled_from(sorted(SAMPLES)), st.data())
@settings(max_examples=1_500, deadline=None)
def test_bytes_changed_at_random_are_refused_or_another_message(name, data):
    raw = bytearray(encode(SAMPLES[name]))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(raw)))
        raw[at:at] = data.draw(st.binary(max_size=6))
    try:
        message = decode(bytes(raw))
    except RemoteProtocolError:
        return
    if message is not None and _no_nan(message):
        assert decode(encode(message)) == message


def _no_nan(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_no_nan, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_no_nan, value))
    return not isinstance(value, float) or value == value


@given(ids, counts, counts, st.binary(min_size=1, max_size=70_000))
@settings(deadline=None)
def test_audio_has_one_encoding_and_a_known_overhead(segment, position, cut_through, pcm):
    data = encode_audio(segment, position, cut_through, pcm)
    assert data == encode_audio(segment, position, cut_through, memoryview(pcm))
    assert data == encode(m.AudioMessage(segment, position, cut_through, pcm))
    assert len(data) <= 35 + len(pcm)


@pytest.mark.parametrize("content", [{"x": 2**64}, {"x": object()}, {"x": {1, 2}}])
def test_what_can_not_be_encoded_is_this_sides_fault(content):
    with pytest.raises(LocalProtocolError):
        encode(m.Custom(content))
    assert encode(m.Custom({"x": 1})) == b"\x92\x1f\x81\xa1x\x01"  # the packer is as it was


@pytest.mark.parametrize(
    ("kind", "at", "value"),
    [
        (2, 7, b"a secret of the session that is too long" * 2),
        (2, 7, "a secret as text"),
        (1, 9, [b"a secret too short"[:10], 0]),
        (1, 9, [b"a secret of 16 b", 0, "and more"]),
        (1, 9, "a secret as text"),
    ],
)
def test_what_is_wrong_with_a_secret_is_said_without_it(kind, at, value):
    whole = {
        1: [1, "lipwire", [1], bytes(16), 1, [["s16le", 24_000, 1]], [], {}, None, None],
        2: [2, 1, bytes(16), 1, ["s16le", 24_000, 1], [], {}, None],
    }[kind]
    with pytest.raises(RemoteProtocolError) as error:
        decode(msgpack.packb([*whole[:at], value]))
    assert error.value.code is CloseCode.INVALID_FIELD
    assert "a secret" not in str(error.value)  # LW-SECURITY-2
