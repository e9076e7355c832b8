"""Version 0: raw PCM, INTERRUPT, and JSON (SPEC appendix A)."""

from __future__ import annotations

from typing import Any, Final

from .messages import bytes_from
from .row import Hex, Row, ignored, valid

_TEXT_AUDIO: Final = "\0\0\x01\0\x7f\x7f"
_ACK: Final = '{"type": "stream_ended", "data": {"playback_position": 1.5, "interrupted": false}}'

_TO_RECEIVER: Final[tuple[tuple[str, Any, str, dict[str, Any], tuple[str, ...], str], ...]] = (
    ("audio.one_frame", Hex("e803"), "audio", {"pcm": b"\xe8\x03"}, ("LW-V0-6", "LW-V0-22"), "one sample"),
    ("audio.20_ms", bytes_from(128, 960), "audio", {"pcm": bytes_from(128, 960)}, ("LW-V0-6", "LW-V0-22"),
     "20 ms at 24 kHz"),
    ("audio.15000_bytes", bytes_from(3, 15_000), "audio", {"pcm": bytes_from(3, 15_000)}, ("LW-V0-6",),
     "as much as one message may hold"),
    ("audio.half_a_frame", Hex("e803 d0"), "audio", {"pcm": b"\xe8\x03\xd0"}, ("LW-V0-22", "LW-V0-24"),
     "audio of an odd length is audio; what becomes of the half is another matter"),
    ("audio.that_is_utf_8", Hex("0000 0100"), "audio", {"pcm": b"\0\0\1\0"}, ("LW-V0-22",), "binary is never text"),
    ("audio.that_is_json", b'{"type": "segment_end"} ', "audio", {"pcm": b'{"type": "segment_end"} '}, ("LW-V0-22",),
     "binary is never a control message of a sender, INTERRUPT apart"),
    ("audio.that_looks_like_interrupt", b"INTERRUPTS", "audio", {"pcm": b"INTERRUPTS"}, ("LW-V0-22",),
     "INTERRUPT is nine bytes and no more"),
    ("audio.interrupt_in_small_letters", b"interrupt ", "audio", {"pcm": b"interrupt "}, ("LW-V0-22",),
     "nor is it this"),
    ("audio.that_looks_like_version_1", Hex("92 04 05 00"), "audio", {"pcm": b"\x92\4\5\0"}, ("LW-V0-22",),
     "a message of version 1 is noise here"),
    ("audio.as_text", _TEXT_AUDIO, "audio", {"pcm": _TEXT_AUDIO.encode()}, ("LW-V0-22",),
     "a room's client took it for text: its UTF-8 bytes are the samples"),
    ("audio.as_text_beyond_ascii", "é漢", "audio", {"pcm": "é漢".encode()}, ("LW-V0-22",), "five bytes of UTF-8"),
    ("audio.as_text_that_is_a_number", "12", "audio", {"pcm": b"12"}, ("LW-V0-22",), "JSON, but no object"),
    ("audio.as_text_that_is_a_list", "[1]", "audio", {"pcm": b"[1]"}, ("LW-V0-22",), "JSON, but no object"),
    ("audio.as_text_without_a_type", "{}", "audio", {"pcm": b"{}"}, ("LW-V0-22",), "an object, but no `type`"),
    ("audio.as_text_with_another_type", '{"type":12}', "audio", {"pcm": b'{"type":12}'}, ("LW-V0-22",),
     "`type` is no string"),
    ("audio.as_text_that_breaks_off", '{"type": "seg', "audio", {"pcm": b'{"type": "seg'}, ("LW-V0-22",), "no JSON"),
    ("interrupt.binary", b"INTERRUPT", "interrupt", {}, ("LW-V0-22", "LW-V0-26"), "the nine bytes"),
    ("interrupt.text", "INTERRUPT", "interrupt", {}, ("LW-V0-22", "LW-V0-26"), "through a room it comes as text"),
    ("segment_end", '{"type": "segment_end"}', "segment_end", {}, ("LW-V0-23",), "as deployed senders write it"),
    ("segment_end.without_blanks", '{"type":"segment_end"}', "segment_end", {}, ("LW-V0-23",),
     "as JavaScript writes it"),
    ("segment_end.with_blanks", ' \n{ "type" :\t"segment_end" } ', "segment_end", {}, ("LW-V0-23",),
     "blanks mean nothing"),
    ("segment_end.escaped", '{"ty\\u0070e": "segment\\u005fend"}', "segment_end", {}, ("LW-V0-23",), "the same JSON"),
    ("segment_end.of_1024_characters", '{"type": "segment_end"}' + " " * 1_001, "segment_end", {}, ("LW-V0-4",),
     "as many characters as have to be read"),
    ("probe", '{"type": "lipwire", "versions": [1]}', "probe", {"versions": [1]}, ("LW-V0-31", "LW-V0-32"),
     "which of these versions does anybody here speak?"),
    ("probe.of_several", '{"type": "lipwire", "versions": [1, 2, 7]}', "probe", {"versions": [1, 2, 7]}, ("LW-V0-32",),
     "the highest that is spoken is the answer"),
    ("probe.of_later_ones", '{"type": "lipwire", "versions": [2, 3]}', "probe", {"versions": [2, 3]}, ("LW-V0-32",),
     "read, and not answered by one that speaks 1 alone"),
)  # fmt: skip

_IGNORED_BY_RECEIVER: Final = (
    ("unknown_type", '{"type": "mood", "data": 1}', "a type that nobody knows"),
    ("empty_type", '{"type": ""}', "a type of no letters"),
    ("ack", _ACK, "the ack of another participant: a room broadcasts"),
    ("answer", '{"type": "lipwire", "version": 1}', "an answer is for senders"),
    ("probe_without_versions", '{"type": "lipwire"}', "a question about nothing"),
    ("probe_of_no_version", '{"type": "lipwire", "versions": []}', "a question about nothing"),
    ("probe_of_texts", '{"type": "lipwire", "versions": ["1"]}', "versions are integers"),
    ("probe_of_null", '{"type": "lipwire", "versions": null}', "versions are a list"),
)

_TO_SENDER: Final[tuple[tuple[str, str, str, dict[str, Any], tuple[str, ...], str], ...]] = (
    ("ack", _ACK, "stream_ended", {"position": 1.5, "interrupted": False}, ("LW-V0-16",), "played to its end, 1.5 s"),
    ("ack.interrupted", '{"type": "stream_ended", "data": {"playback_position": 0.24, "interrupted": true}}',
     "stream_ended",
     {"position": 0.24, "interrupted": True}, ("LW-V0-15",), "cut after 240 ms"),
    ("ack.at_zero", '{"type": "stream_ended", "data": {"playback_position": 0.0, "interrupted": true}}', "stream_ended",
     {"position": 0.0, "interrupted": True}, ("LW-V0-15",), "nothing was heard"),
    ("ack.integer", '{"type": "stream_ended", "data": {"playback_position": 2, "interrupted": false}}', "stream_ended",
     {"position": 2.0, "interrupted": False}, ("LW-V0-16",), "JSON has one type of number"),
    ("ack.exponent", '{"type": "stream_ended", "data": {"playback_position": 15e-1, "interrupted": false}}',
     "stream_ended",
     {"position": 1.5, "interrupted": False}, ("LW-V0-16",), "1.5 in another way"),
    ("ack.other_order", '{"data":{"interrupted":false,"playback_position":1.5},"type":"stream_ended"}', "stream_ended",
     {"position": 1.5, "interrupted": False}, ("LW-V0-16",), "an object has no order"),
    ("answer", '{"type": "lipwire", "version": 1}', "answer", {"version": 1}, ("LW-V0-31",),
     "the version that was chosen"),
)  # fmt: skip

_IGNORED_BY_SENDER: Final = (
    ("list", "[]", "no object"),
    ("number", "1", "no object"),
    ("null", "null", "no object"),
    ("word", "hello", "no JSON"),
    ("empty", "", "nothing"),
    ("breaks_off", '{"type": "stream_ended", "da', "no JSON"),
    ("no_type", '{"data": {"playback_position": 1.5, "interrupted": false}}', "no type"),
    ("unknown_type", '{"type": "mood"}', "a type that nobody knows"),
    ("no_data", '{"type": "stream_ended"}', "no data"),
    ("null_data", '{"type": "stream_ended", "data": null}', "no data, which ends the transport of a deployed sender"),
    ("list_data", '{"type": "stream_ended", "data": [1.5, false]}', "no object"),
    ("no_position", '{"type": "stream_ended", "data": {"interrupted": true}}', "no position"),
    (
        "text_position",
        '{"type": "stream_ended", "data": {"playback_position": "1.5", "interrupted": true}}',
        "no number",
    ),
    (
        "true_position",
        '{"type": "stream_ended", "data": {"playback_position": true, "interrupted": true}}',
        "no number",
    ),
    (
        "null_position",
        '{"type": "stream_ended", "data": {"playback_position": null, "interrupted": true}}',
        "no number",
    ),
    ("no_interrupted", '{"type": "stream_ended", "data": {"playback_position": 1.5}}', "cut, or not?"),
    (
        "interrupted_as_number",
        '{"type": "stream_ended", "data": {"playback_position": 1.5, "interrupted": 0}}',
        "no boolean",
    ),
    (
        "interrupted_as_text",
        '{"type": "stream_ended", "data": {"playback_position": 1.5, "interrupted": "no"}}',
        "no boolean",
    ),
    ("depth_of_9", '{"type": "stream_ended", "data": ' + "[" * 8 + "]" * 8 + "}", "deeper than 8 levels"),
    ("depth_of_500", '{"type": "x", "data": ' + "[" * 500 + "]" * 500 + "}", "no stack overflows"),
    ("1025_characters", _ACK + " " * (1_025 - len(_ACK)), "one character more than is read"),
    ("answer_as_text", '{"type": "lipwire", "version": "1"}', "a version is an integer"),
    ("answer_as_float", '{"type": "lipwire", "version": 1.5}', "a version is an integer"),
)


def rows() -> list[Row]:
    """``version0.json``."""
    return [
        *(
            valid(f"receiver.{name}", message, *ids, why=why, context="version0", to="receiver",
                  expected={"message": kind, "fields": fields})
            for name, message, kind, fields, ids, why in _TO_RECEIVER
        ),
        *(
            ignored(f"receiver.ignored.{name}", text, "LW-V0-4", why=why, context="version0", to="receiver")
            for name, text, why in _IGNORED_BY_RECEIVER
        ),
        *(
            valid(f"sender.{name}", text, *ids, why=why, context="version0", to="sender",
                  expected={"message": kind, "fields": fields})
            for name, text, kind, fields, ids, why in _TO_SENDER
        ),
        *(
            ignored(f"sender.ignored.{name}", text, "LW-V0-4", why=why, context="version0", to="sender")
            for name, text, why in _IGNORED_BY_SENDER
        ),
    ]  # fmt: skip
