"""Takes PCM as agents have it (bytes, arrays, av frames) and gives bytes in the session's format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lipwire.protocol.errors import LipwireError
from lipwire.protocol.formats import PcmFormat

if TYPE_CHECKING:
    import av

Pcm: TypeAlias = "bytes | bytearray | memoryview | NDArray[Any] | av.AudioFrame"
"""PCM as ``write`` takes it; see :class:`PcmReader`."""

_AV_FORMATS = {"s16le": "s16", "f32le": "flt"}
_AV_LAYOUTS = {1: "mono", 2: "stereo"}
_DTYPES: dict[str, np.dtype[Any]] = {"s16le": np.dtype("<i2"), "f32le": np.dtype("<f4")}


class InvalidPcm(LipwireError, ValueError):
    """What was written is not PCM that can be sent; the message says what would be."""


class PcmReader:
    """Reads one segment's PCM.

    - bytes, bytearray, memoryview: interleaved samples in ``given``; a PCM frame that is cut off at the end of one
      write is completed by the next, which has to be bytes as well.
    - an array of int16 or float32 (−1 to 1), of shape (samples,) or (samples, channels), at the rate of ``given``.
    - an ``av.AudioFrame`` of any rate, layout and format.

    What differs from ``wire`` in rate or channels is resampled by PyAV (``pip install "lipwire[av]"``), whose state is
    kept from write to write; ``finish`` gives its tail.
    """

    def __init__(self, given: PcmFormat, wire: PcmFormat) -> None:
        self.given = given
        self.wire = wire
        self.rate = given.rate
        """The rate of what was last read, in Hz: positions are given back in it as well."""
        self._plain = given == wire
        self._frame_bytes = given.frame_bytes
        self._rest = b""
        self._resampler: av.AudioResampler | None = None
        self._resampled: tuple[str, str, int] | None = None

    def read(self, pcm: Pcm) -> bytes | memoryview:
        """Give the samples in the wire format; some may be held back until ``finish``.

        Raises:
            InvalidPcm: a type, shape or sample type that is not listed above.
            ImportError: it would have to be resampled, and PyAV is not installed.
        """
        if type(pcm) is bytes and self._plain and not self._rest and not len(pcm) % self._frame_bytes:
            return pcm  # the usual case
        if isinstance(pcm, (bytes, bytearray, memoryview)):
            return self._read_bytes(_flat(pcm))
        if self._rest:
            raise InvalidPcm(
                f"the bytes written before end within a PCM frame ({len(self._rest)} of {self.given.frame_bytes}): "
                "complete it with bytes"
            )
        if isinstance(pcm, np.ndarray):
            return self._read_array(pcm)
        if type(pcm).__name__ == "AudioFrame" and hasattr(pcm, "layout"):
            return self._read_frame(pcm)
        raise InvalidPcm(f"PCM is bytes, a NumPy array or an av.AudioFrame, not {type(pcm).__name__}")

    def size(self, pcm: Pcm) -> int:
        """About how many bytes ``read`` will give, or exactly if nothing has to be resampled; changes nothing."""
        if isinstance(pcm, (bytes, bytearray, memoryview)):
            frames = (len(self._rest) + memoryview(pcm).nbytes) // self.given.frame_bytes
            rate = self.given.rate
        elif isinstance(pcm, np.ndarray):
            frames, rate = (pcm.shape[0] if pcm.ndim else 0), self.given.rate
        else:
            frames, rate = getattr(pcm, "samples", 0), getattr(pcm, "sample_rate", 0) or self.wire.rate
        return frames * self.wire.rate // rate * self.wire.frame_bytes

    def finish(self) -> bytes:
        """Give what the resampler still holds.

        Raises:
            InvalidPcm: the segment ends within a PCM frame.
        """
        if self._rest:
            raise InvalidPcm(
                f"the segment ends within a PCM frame: {len(self._rest)} bytes are left over, and one frame of "
                f"{self.given} has {self.given.frame_bytes}"
            )
        return self._drain()

    def _read_bytes(self, pcm: bytes | bytearray | memoryview) -> bytes | memoryview:
        size = self._frame_bytes
        if self._rest or len(pcm) % size:
            joined = self._rest + bytes(pcm)
            whole = len(joined) - len(joined) % size
            pcm, self._rest = joined[:whole], joined[whole:]
        if self._plain:
            # What the caller may still change is copied; bytes are not.
            return pcm if isinstance(pcm, bytes) else bytes(pcm)
        samples = np.frombuffer(pcm, _DTYPES[self.given.encoding]).reshape(-1, self.given.channels)
        return self._convert(samples)

    def _read_array(self, array: NDArray[Any]) -> bytes:
        if array.ndim == 1:
            array = array.reshape(-1, 1)
        if array.ndim != 2 or not 1 <= array.shape[1] <= 2:
            hint = "; transpose it (array.T)?" if array.ndim == 2 and 1 <= array.shape[0] <= 2 else ""
            raise InvalidPcm(
                f"an array has shape (samples,) or (samples, channels) with 1 or 2 channels, not {array.shape}{hint}"
            )
        if array.dtype not in (np.int16, np.float32):
            raise InvalidPcm(f"an array holds int16 or float32 samples, not {array.dtype}: convert it, scaled as PCM")
        return self._convert(array)

    def _convert(self, samples: NDArray[Any]) -> bytes:
        """Bring samples of shape (samples, channels), at the given rate, to the wire format."""
        self.rate = self.given.rate
        if not len(samples):
            return b""
        if self.given.rate == self.wire.rate and samples.shape[1] == self.wire.channels and self._resampler is None:
            return _encode(samples, self.wire)
        encoding = "s16" if samples.dtype == np.int16 else "flt"
        av = _import_av()
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples).reshape(1, -1), format=encoding, layout=_AV_LAYOUTS[samples.shape[1]]
        )
        frame.sample_rate = self.given.rate
        return self._resample(frame)

    def _read_frame(self, frame: Any) -> bytes:
        self.rate = int(frame.sample_rate)
        same = (
            frame.sample_rate == self.wire.rate
            and len(frame.layout.channels) == self.wire.channels
            and frame.format.name in (_AV_FORMATS[self.wire.encoding], _AV_FORMATS[self.wire.encoding] + "p")
        )
        if same and self._resampler is None:
            array = frame.to_ndarray()
            if frame.format.is_planar:
                array = array.T
            return _encode(array.reshape(-1, self.wire.channels), self.wire)
        return self._resample(frame)

    def _resample(self, frame: Any) -> bytes:
        av = _import_av()
        kind = (frame.format.name, frame.layout.name, int(frame.sample_rate))
        before = b""
        if self._resampler is None or kind != self._resampled:
            before = self._drain()
            self._resampler = av.AudioResampler(
                format=_AV_FORMATS[self.wire.encoding], layout=_AV_LAYOUTS[self.wire.channels], rate=self.wire.rate
            )
            self._resampled = kind
        given_pts, frame.pts = frame.pts, None  # what was written is one stream, whatever its stamps say
        try:
            return before + b"".join(_packed(out) for out in self._resampler.resample(frame))
        finally:
            frame.pts = given_pts

    def _drain(self) -> bytes:
        if self._resampler is None:
            return b""
        tail = b"".join(_packed(out) for out in self._resampler.resample(None))
        self._resampler = None
        return tail


def _flat(pcm: bytes | bytearray | memoryview) -> bytes | bytearray | memoryview:
    """A view of single bytes, whatever the view was of."""
    if isinstance(pcm, memoryview):
        return pcm.cast("B") if pcm.c_contiguous and pcm.nbytes else pcm.tobytes()
    return pcm


def _packed(frame: Any) -> bytes:
    """The samples of a packed av frame, without the padding of its plane."""
    return bytes(frame.to_ndarray().tobytes())


def _encode(samples: NDArray[Any], wire: PcmFormat) -> bytes:
    dtype = _DTYPES[wire.encoding]
    if samples.dtype == dtype:
        return np.ascontiguousarray(samples).tobytes()
    if dtype.kind == "f":
        return (samples.astype(np.float32) / 32_768).astype(dtype).tobytes()
    return np.clip(np.rint(samples * 32_768.0), -32_768, 32_767).astype(dtype).tobytes()


def _import_av() -> Any:
    try:
        import av
    except ImportError as error:
        raise ImportError(
            'audio that is not in the session\'s rate and channels is resampled by PyAV: pip install "lipwire[av]"'
        ) from error
    return av
