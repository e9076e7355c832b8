"""The agent's side: AudioOut streams speech, interrupts it, and tells what was heard."""

from lipwire.protocol.events import Cause
from lipwire.protocol.formats import PcmFormat

from .audio_out import AudioOut
from .pcm import InvalidPcm, Pcm
from .results import SenderStatistics, StreamEnded
from .segment import BufferFull, Segment

__all__ = [
    "AudioOut",
    "BufferFull",
    "Cause",
    "InvalidPcm",
    "Pcm",
    "PcmFormat",
    "Segment",
    "SenderStatistics",
    "StreamEnded",
]
