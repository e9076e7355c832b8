"""Re-cuts audio to frames of a fixed length, for renderers that want them so."""

from __future__ import annotations

from collections import deque

from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.items import Audio, Item, SegmentEnd


class Reframer:
    """Makes frames of ``frame_ms`` out of chunks. The last frame of a segment may be shorter.

    Concealed samples and real ones do not share a frame, so a frame before or after concealment may be shorter too.
    """

    def __init__(self, frame_ms: float, pcm: PcmFormat) -> None:
        self._format = pcm
        self._bytes = max(pcm.samples(frame_ms / 1_000), 1) * pcm.frame_bytes
        self._rest = bytearray()
        self._rest_of: Audio | None = None
        self._ready: deque[Item] = deque()

    @property
    def ready(self) -> bool:
        """Whether ``next`` has an item."""
        return bool(self._ready)

    def next(self) -> Item | None:
        """Take the next item that is ready."""
        return self._ready.popleft() if self._ready else None

    def put(self, item: Item) -> None:
        """Take one item as it came; what it makes is given by ``next``."""
        if isinstance(item, Audio):
            self._put_audio(item)
            return
        if isinstance(item, SegmentEnd):
            self._flush_rest()
        self._ready.append(item)

    def cut(self, segments: tuple[int, ...]) -> None:
        """Drop what waits here of segments that were cut: nothing of them may be handed out any more."""
        if self._rest_of is not None and self._rest_of.segment in segments:
            self._drop_rest()
        self._ready = deque(item for item in self._ready if getattr(item, "segment", None) not in segments)

    def _put_audio(self, audio: Audio) -> None:
        rest = self._rest_of
        if rest is not None and (rest.concealed != audio.concealed or rest.segment != audio.segment):
            self._flush_rest()
            rest = None
        if rest is None:
            if len(audio.pcm) == self._bytes:
                self._ready.append(audio)
                return
            self._rest_of = audio
        self._rest += audio.pcm
        assert self._rest_of is not None
        at, size, first = 0, self._bytes, self._rest_of
        position = first.position
        while len(self._rest) - at >= size:
            pcm = bytes(memoryview(self._rest)[at : at + size])
            self._ready.append(Audio(first.segment, position, pcm, self._format, first.concealed))
            at += size
            position += size // self._format.frame_bytes
        del self._rest[:at]
        self._rest_of = first._replace(position=position) if self._rest else None

    def _flush_rest(self) -> None:
        if self._rest_of is not None:
            self._ready.append(self._rest_of._replace(pcm=bytes(self._rest)))
        self._drop_rest()

    def _drop_rest(self) -> None:
        self._rest.clear()
        self._rest_of = None
