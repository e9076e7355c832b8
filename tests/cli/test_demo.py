"""``lipwire demo``: whole runs over each transport, and that its verdict is not blind."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from rich.console import Console

from lipwire.cli import speech as speech_module
from lipwire.cli.demo_ends import faults_from_json, faults_to_json
from lipwire.cli.demo_run import DemoRun
from lipwire.cli.display import Display
from lipwire.cli.speech import Piece
from lipwire.cli.wav import read_pcm, write_wav
from lipwire.protocol.channels import Channel
from lipwire.protocol.formats import PcmFormat
from lipwire.transports import Faults

FORM = PcmFormat(24_000)
SPEED = 5

NETWORKS = {
    "memory": ["--transport", "memory"],
    "websocket": ["--transport", "websocket"],
    "webrtc": ["--transport", "webrtc"],
    "memory, lossy": ["--transport", "memory", "--loss", "0.2", "--reorder", "0.1", "--duplicate", "0.1"],
    "memory, lossy control": ["--transport", "memory", "--loss", "0.1", "--lossy-control", "--seed", "3"],
    "websocket, lossy, cut": ["--transport", "websocket", "--loss", "20%", "--cut-after", "1", "--delay", "10ms"],
    "webrtc-native": ["--transport", "webrtc-native"],
    "webrtc-native, lossy, cut": ["--transport", "webrtc-native", "--loss", "0.2", "--cut-after", "1"],
    "webrtc, lossy, cut": ["--loss", "0.2", "--burst", "2", "--jitter", "10ms", "--cut-after", "1,1", "--seed", "5"],
}


@pytest.mark.parametrize("network", NETWORKS)
def test_it_is_bit_exact(request, run, tmp_path, network):
    if "native" in network:
        request.getfixturevalue("native")
    outcome = run("demo", "--speed", SPEED, "--json", "--trace", "demo.jsonl", *NETWORKS[network])
    result = json.loads(outcome.out)
    assert result["problems"] == []
    assert outcome.status == 0
    assert outcome.err == ""
    assert result["ok"] is True
    assert result["bit_exact"] is True
    assert result["transport"] == network.split(",")[0]
    causes = [segment["cause"] for segment in result["segments"]]
    assert causes == ["played", "played", "interrupted", "played", "played"]
    for segment in result["segments"]:
        sent = read_pcm(tmp_path / f"lipwire-demo/{segment['segment']}-sent.wav")
        heard = read_pcm(tmp_path / f"lipwire-demo/{segment['segment']}-heard.wav")
        assert len(heard) == 2 * segment["heard"]
        assert sent.startswith(heard)
        assert segment["first_sample_delay"] > 0
        assert segment["concealed"] == 0
        assert (len(heard) < len(sent)) == (segment["cause"] == "interrupted")
    assert result["segments"][2]["interrupt_latency"] > 0
    assert result["connections"] == (2 if "cut" in network else 1) + ("--cut-after 1,1" in " ".join(NETWORKS[network]))
    if "lossy" in network:
        assert result["statistics"]["link"]["lost"] > 0
        assert sum(segment["sent_again"] for segment in result["segments"]) > 0

    # The trace has both ends, one file, in the order of time.
    records = [json.loads(line) for line in (tmp_path / "demo.jsonl").read_text().splitlines()]
    assert {record["peer"] for record in records} == {"sender", "receiver"}
    assert [record["t"] for record in records] == sorted(record["t"] for record in records)
    assert sorted(path.name for path in tmp_path.glob("demo.jsonl*")) == ["demo.jsonl"]
    assert run("trace", "view", "demo.jsonl").status == 0


def test_its_report_for_people(run):
    outcome = run("demo", "--transport", "memory", "--speed", SPEED, "--out", "here")
    assert outcome.status == 0
    assert "Bit-exact: all" in outcome.out
    assert outcome.out.count("played") == 4
    assert outcome.out.count("interrupted") == 1
    assert "\x1b" not in outcome.out  # it is no terminal


def test_a_file_of_ones_own(run, speech):
    outcome = run("demo", "--transport", "memory", "--speed", SPEED, "--audio", speech, "--json")
    result = json.loads(outcome.out)
    assert result["problems"] == []
    assert [segment["cause"] for segment in result["segments"]] == ["played", "interrupted", "played"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--audio", "none.wav"], "none.wav: No such file"),
        (["--audio", "prose.txt"], "prose.txt: "),
        (["--audio", "."], "Is a directory"),
        (["--out", "prose.txt"], "prose.txt: File exists"),
        (["--trace", "none/trace.jsonl"], "No such file"),
    ],
)
def test_files_that_will_not_do(run, tmp_path, arguments, says):
    (tmp_path / "prose.txt").write_text("not audio at all\n" * 100)
    outcome = run("demo", "--transport", "memory", *arguments)
    assert outcome.status in (1, 2)
    assert says in outcome.err
    assert len(outcome.err.splitlines()) == 1


# -- the verdict -----------------------------------------------------------------------------------------------


@pytest.fixture
def finished(tmp_path) -> DemoRun:
    """A run in which nothing went wrong, not judged yet."""
    noise = np.random.default_rng(0).integers(-9_000, 9_000, 1_000, dtype="<i2").tobytes()
    run = DemoRun([Piece(text="one", pcm=noise), Piece(text="two", pcm=noise, interrupt=True)], FORM)
    run.take("agent", {"report": "open", "generation": 1, "resumed": False})
    run.take("agent", {"report": "interrupt", "segment": 2})
    run.take("agent", {"report": "cut", "first": 2, "last": 2, "latency": 0.01})
    for number, position, cause in ((1, 1_000, "played"), (2, 400, "interrupted")):
        path = tmp_path / f"{number}.wav"
        write_wav(path, noise[: 2 * position], FORM)
        end = {"report": "ended", "segment": number, "position": position, "interrupted": cause != "played"}
        played = end | {"concealed": 0, "gaps": 0, "file": str(path), "sha256": ""}
        run.take("avatar", played)
        run.take("agent", end | {"cause": cause, "exact": True, "sent": 1_000, "sent_again": 0})
    run.take("agent", {"report": "done", "statistics": {"round_trip": 0.0, "sent_chunks": 1}})
    statistics = {"repaired": 0.0, "concealed": 0.0, "late_chunks": 0}
    run.take("avatar", {"report": "session over", "error": "", "statistics": statistics})
    return run


def test_the_verdict_on_a_good_run(finished):
    finished.judge()
    assert finished.good
    assert finished.all_problems == []


def _flip(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "problem", "exact"),
    [
        (lambda _, path: _flip(path / "1.wav"), "segment 1: what was heard differs", False),
        (lambda _, path: write_wav(path / "2.wav", bytes(800), FORM), "segment 2: what was heard differs", False),
        (lambda _, path: write_wav(path / "1.wav", b"", FORM), "0 samples were heard, and the agent", False),
        (lambda run, _: run.segments[2].ended.update(position=399), "400 samples were heard", False),
        (lambda run, _: run.segments[1].ended.update(cause="no report"), "ended as 'no report'", True),
        (lambda run, _: run.segments[1].ended.update(exact=False), "only a lower bound", True),
        (lambda run, _: run.segments[1].played.update(gaps=1), "handed out at a wrong position", True),
        (lambda run, _: setattr(run.segments[1], "ended", None), "never told how it ended", False),
        (lambda run, _: setattr(run.segments[2], "played", None), "did not report its end", False),
        (lambda run, _: setattr(run.segments[2], "interrupt_sent", False), "was to be interrupted", True),
        (lambda run, _: run.statistics.pop("sender"), "the agent did not come to its end", True),
        (lambda run, _: run.statistics.pop("receiver"), "the avatar did not come to its end", True),
        (lambda run, _: run.take("avatar", {"report": "failed", "reason": "fire"}), "failed: fire", True),
    ],
)
def test_the_verdict_sees(finished, tmp_path, spoil, problem, exact):
    spoil(finished, tmp_path)
    finished.judge()
    assert not finished.good
    assert finished.bit_exact is exact
    assert any(problem in one for one in finished.all_problems), finished.all_problems
    told = io.StringIO()
    display = Display(finished, "memory", live=False)
    display.console = Console(file=told, width=150)
    display.result(tmp_path, None)
    assert ("NOT bit-exact" in told.getvalue()) is not exact
    assert problem in told.getvalue()
    assert finished.as_json()["ok"] is False


def test_the_picture_while_it_runs(finished):
    told = io.StringIO()
    console = Console(file=told, width=150, force_terminal=True)
    display = Display(finished, "memory", live=True)
    with display:
        pass
    fresh = Display(DemoRun([Piece(text="one", pcm=bytes(2_000))], FORM), "memory", live=False)
    run = fresh._demo
    for report in ({"report": "sent", "position": 600}, {"report": "interrupt"}):
        console.print(fresh._picture())
        run.take("agent", report | {"segment": 1})
        run.take("avatar", {"report": "played", "segment": 1, "position": 250})
    console.print(fresh._picture())
    console.print(display._picture())
    assert "interrupting" in told.getvalue()
    assert "playing" in told.getvalue()
    assert "╳" in told.getvalue()


# -- what it is made of ----------------------------------------------------------------------------------------


def test_the_recording_that_ships():
    pieces = speech_module.shipped(FORM)
    assert len(pieces) >= 4
    assert sum(piece.interrupt for piece in pieces) == 1
    assert not pieces[-1].interrupt
    assert all(1.0 < len(piece.pcm) / 48_000 < 8.0 for piece in pieces)
    assert sum(path.stat().st_size for path in speech_module.SHIPPED.iterdir()) < 1_000_000


def _tone(seconds):
    return (5_000 * np.sin(np.arange(round(seconds * FORM.rate)) / 7)).astype("<i2").tobytes()


def _silence(seconds):
    return bytes(2 * round(seconds * FORM.rate))


@pytest.mark.parametrize(
    ("pcm", "lengths"),
    [
        (_tone(1.5) + _silence(0.4) + _tone(2), [1.7, 2.2]),
        (_tone(1.5) + _silence(0.1) + _tone(2), [3.6]),
        (_tone(7), [3.0, 4.0]),
        (_tone(12) + _silence(0.5) + _tone(2), [3.0, 3.0, 3.0, 3.25, 2.25]),
        (_tone(0.1), [0.1]),
        (_silence(0.01), [0.01]),
        (_tone(0.5) + _silence(0.5) + _tone(0.5), [1.5]),
    ],
)
def test_splitting(pcm, lengths):
    parts = speech_module.split(pcm, FORM)
    assert b"".join(parts) == pcm
    assert [len(part) / 48_000 for part in parts] == pytest.approx(lengths, abs=0.03)


def test_faults_survive_their_way_to_the_processes():
    faults = Faults(loss=0.1, burst=2, cut_after=(1.0, None), channels=frozenset(Channel), seed=4, rate=1e5)
    assert faults_from_json(json.loads(json.dumps(faults_to_json(faults)))) == faults
    assert faults_to_json(Faults()) == {}


@pytest.mark.parametrize("form", [PcmFormat(8_000), PcmFormat(48_000, 2), PcmFormat(16_000, 1, "f32le")], ids=str)
def test_wav_files_can_be_read_by_others(tmp_path, form):
    av = pytest.importorskip("av")
    samples = np.linspace(-0.5, 0.5, 200 * form.channels)
    pcm = (samples.astype("<f4") if form.encoding == "f32le" else (samples * 32_767).astype("<i2")).tobytes()
    path = tmp_path / "x.wav"
    write_wav(path, pcm, form)
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        assert (stream.rate, len(stream.layout.channels)) == (form.rate, form.channels)
        assert b"".join(frame.to_ndarray().tobytes() for frame in container.decode(stream)) == pcm
    assert read_pcm(path) == pcm


@pytest.mark.parametrize("again", [0, 9_000])
@pytest.mark.parametrize("width", [80, 100, 150])
def test_no_number_is_cut_short(finished, width, again):
    finished.segments[1].first_sample_delay = 12.345
    finished.segments[1].ended["sent_again"] = again
    finished.judge()
    told = io.StringIO()
    display = Display(finished, "memory", live=False)
    display.console = Console(file=told, width=width)
    display.console.print(display._table())
    assert "12345 ms" in told.getvalue()
    assert "interrupted" in told.getvalue()
    assert ("375 ms" in told.getvalue()) == (again > 0)
    assert "…" not in told.getvalue()
