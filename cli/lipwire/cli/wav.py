"""WAV files of the session's formats, float too (which the standard library's module does not write)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from lipwire.protocol.formats import PcmFormat

_PCM, _FLOAT = 1, 3
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")


def write_wav(path: Path, pcm: bytes | bytearray, form: PcmFormat) -> None:
    """Write samples as a WAV file."""
    size = form.frame_bytes
    header = _HEADER.pack(
        b"RIFF",
        _HEADER.size - 8 + len(pcm),
        b"WAVE",
        b"fmt ",
        16,
        _PCM if form.encoding == "s16le" else _FLOAT,
        form.channels,
        form.rate,
        form.rate * size,
        size,
        8 * size // form.channels,
        b"data",
        len(pcm),
    )
    path.write_bytes(header + pcm)


def read_pcm(path: Path) -> bytes:
    """Read back the samples of a file that ``write_wav`` wrote."""
    return path.read_bytes()[_HEADER.size :]
