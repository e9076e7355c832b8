"""What tests of the command line need."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from lipwire.cli.main import LOGGERS
from lipwire.cli.wav import write_wav
from lipwire.protocol.formats import PcmFormat


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in (*LOGGERS, "lipwire.receiver", "websockets.server")]
    before = [(list(logger.handlers), logger.level, logger.propagate) for logger in loggers]
    yield
    for logger, (handlers, level, propagate) in zip(loggers, before, strict=True):
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    """Three beeps of 1.2 s with pauses of 0.4 s between them, as a WAV file at 16 kHz."""
    form = PcmFormat(16_000)
    tone = (8_000 * np.sin(np.arange(round(1.2 * form.rate)) * 2 * np.pi * 440 / form.rate)).astype("<i2")
    pause = np.zeros(round(0.4 * form.rate), "<i2")
    path = tmp_path / "beeps.wav"
    write_wav(path, np.concatenate([tone, pause, tone, pause, tone]).tobytes(), form)
    return path
