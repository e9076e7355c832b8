"""What there is to say: the recording that ships with the project, or a file of any format, in pieces."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lipwire.protocol.formats import PcmFormat

from .errors import USAGE, CommandError, require

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHIPPED = Path(__file__).parent / "recording"
FRAME = 0.02
PAUSE = 0.25
"""Seconds of quiet that end a piece."""
SHORTEST, LONGEST, FALLBACK = 1.0, 10.0, 3.0
"""Seconds of a piece: at least, at most, and where there is no pause."""
QUIET = 0.03
"""Of the loud frames' level."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """What becomes one segment: 16-bit samples, and whether it is to be interrupted."""

    text: str
    pcm: bytes
    interrupt: bool = False


def shipped(pcm: PcmFormat) -> list[Piece]:
    """Read the recording that ships with the project."""
    entries: list[dict[str, Any]] = json.loads((SHIPPED / "sentences.json").read_text("utf-8"))
    return [
        Piece(
            text=entry["text"],
            pcm=read_audio(SHIPPED / entry["file"], pcm),
            interrupt=entry.get("interrupt", False),
        )
        for entry in entries
    ]


def from_file(path: Path, pcm: PcmFormat) -> list[Piece]:
    """Read a file and split it at its pauses; the piece in the middle is to be interrupted, if others follow it.

    Raises:
        CommandError: the file holds no audio that can be read.
    """
    parts = split(read_audio(path, pcm), pcm)
    cut = (len(parts) - 1) // 2 if len(parts) > 1 else None
    return [
        Piece(text=f"{path.stem}, part {number}", pcm=part, interrupt=number - 1 == cut)
        for number, part in enumerate(parts, 1)
    ]


def read_audio(path: Path, pcm: PcmFormat) -> bytes:
    """Decode the first audio stream of a file to 16-bit PCM of that rate and channel count.

    Raises:
        CommandError: PyAV is not installed, or the file holds no audio that can be read.
        FileNotFoundError, PermissionError, IsADirectoryError: it can not be opened.
    """
    require("with an audio file", "av")
    import av

    with path.open("rb"):
        pass  # for an error that names what is wrong, and no other
    out = bytearray()
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise CommandError(f"{path}: there is no audio in it", status=USAGE)
            resampler = av.AudioResampler(format="s16", layout="mono" if pcm.channels == 1 else "stereo", rate=pcm.rate)
            for frame in container.decode(container.streams.audio[0]):
                for ready in resampler.resample(frame):
                    out += ready.to_ndarray().tobytes()
            for ready in resampler.resample(None):
                out += ready.to_ndarray().tobytes()
    except av.error.FFmpegError as error:
        raise CommandError(f"{path}: not an audio file that can be read ({error.strerror})", status=USAGE) from error
    if not out:
        raise CommandError(f"{path}: there is no audio in it", status=USAGE)
    return bytes(out)


def split(pcm: bytes, form: PcmFormat) -> list[bytes]:
    """Split 16-bit PCM at its pauses; what has none is cut every 3 seconds."""
    samples: NDArray[np.int16] = np.frombuffer(pcm, "<i2").reshape(-1, form.channels)
    places = _pauses(samples, form)
    ends: list[int] = []
    begin, total = 0, len(samples)
    for place in [*places, total]:
        if place - begin > form.samples(LONGEST):
            ends.extend(range(begin + form.samples(FALLBACK), place - form.samples(SHORTEST), form.samples(FALLBACK)))
            begin = ends[-1]
        if place == total or (place - begin >= form.samples(SHORTEST) and total - place >= form.samples(SHORTEST)):
            ends.append(place)
            begin = place
    if len(ends) == 1 and total > 2 * form.samples(FALLBACK):
        ends = [*range(form.samples(FALLBACK), total - form.samples(SHORTEST), form.samples(FALLBACK)), total]
    begins = [0, *ends[:-1]]
    size = form.frame_bytes
    return [pcm[begin * size : end * size] for begin, end in zip(begins, ends, strict=True)]


def _pauses(samples: NDArray[np.int16], form: PcmFormat) -> list[int]:
    """The middles of the stretches that are quiet for long enough."""
    frame = form.samples(FRAME)
    count = len(samples) // frame
    if count == 0:
        return []
    shaped = samples[: count * frame].astype(np.float64).reshape(count, -1)
    level = np.sqrt((shaped**2).mean(axis=1))
    quiet = level <= QUIET * np.percentile(level, 95)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], quiet.astype(np.int8), [0]))))
    least = round(PAUSE / FRAME)
    return [
        int((begin + end) // 2 * frame)
        for begin, end in zip(edges[::2], edges[1::2], strict=True)
        if end - begin >= least and begin > 0 and end < count
    ]
