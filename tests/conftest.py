"""What tests in several places need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

from lipwire.cli.main import main
from lipwire.transports import MemoryTransport, MissingExtra


@dataclass(frozen=True)
class Outcome:
    status: int
    out: str
    err: str


Run: TypeAlias = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """The command line, in this process and a folder of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LIPWIRE_TOKEN", raising=False)

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 0
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return Outcome(status, captured.out, captured.err)

    return call


@pytest.fixture
def native() -> None:
    """Skips where libdatachannel can not be had."""
    try:
        import lipwire.transports.webrtc_native  # noqa: F401
    except MissingExtra as error:
        pytest.skip(str(error))


@pytest.fixture
def without_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory transport hands nothing over as it arrives: all goes through ``receive``, a turn later."""
    monkeypatch.setattr(MemoryTransport, "deliver_to", lambda self, deliver: None)  # noqa: ARG005
