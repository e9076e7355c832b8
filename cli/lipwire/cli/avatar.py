"""The avatar's side of the demo and of ``lipwire receive``: plays each session, writes down what it heard."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from lipwire.protocol.errors import SessionError

from .playout import Heard, Playout
from .wav import write_wav

if TYPE_CHECKING:
    from pathlib import Path

    from lipwire.receiver import AudioIn

Report = Callable[[dict[str, Any]], None]


async def play_session(audio: AudioIn, folder: Path | None, name: str, *, speed: float, report: Report) -> bool:
    """Play one session to its end; every segment goes to ``folder`` as a WAV file. False: the session broke.

    ``name`` is how a file is called, with ``{segment}`` in it. Reports are maps with ``report`` saying what of.
    """
    file_names: dict[int, str] = {}

    def watch(what: str, heard: Heard, position: int) -> None:
        more: dict[str, Any] = {}
        if what == "started":
            more["metadata"] = dict(heard.metadata)
        if what == "ended":
            path = None if folder is None else folder / name.format(segment=heard.segment)
            if path is not None:
                write_wav(path, heard.pcm, audio.format)
                file_names[heard.segment] = str(path)
            more = {
                "interrupted": heard.interrupted,
                "concealed": heard.concealed,
                "gaps": heard.gaps,
                "sha256": hashlib.sha256(heard.pcm).hexdigest(),
                "file": None if path is None else str(path),
                "metadata": dict(heard.metadata),
            }
        report({"report": what, "segment": heard.segment, "position": position, **more})

    form = audio.format
    features = sorted(feature.value for feature in audio.features)
    report({"report": "session", "peer": audio.peer, "format": str(form), "rate": form.rate, "features": features})
    playout = Playout(audio, speed=speed, watch=watch)
    error = ""
    try:
        await playout.run()
    except SessionError as broken:
        error = str(broken)
    report({"report": "session over", "error": error, "statistics": asdict(audio.statistics())})
    return not error
