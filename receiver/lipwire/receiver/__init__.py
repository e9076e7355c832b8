"""The avatar's side: an Acceptor opens sessions, an AudioIn yields what is to be played."""

from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.items import (
    Audio,
    Data,
    Interrupted,
    Item,
    Mark,
    Paused,
    SegmentEnd,
    SegmentStart,
    Unpaused,
)

from .acceptor import Acceptor, Authenticate, Greeting
from .audio_in import AudioIn, ReceiverStatistics
from .blocking import BlockingAudioIn
from .serve import open_audio_in, serve_webrtc, serve_websocket

__all__ = [
    "Acceptor",
    "Audio",
    "AudioIn",
    "Authenticate",
    "BlockingAudioIn",
    "Data",
    "Greeting",
    "Interrupted",
    "Item",
    "Mark",
    "Paused",
    "PcmFormat",
    "ReceiverStatistics",
    "SegmentEnd",
    "SegmentStart",
    "Unpaused",
    "open_audio_in",
    "serve_webrtc",
    "serve_websocket",
]
