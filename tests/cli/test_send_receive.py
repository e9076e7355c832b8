"""``lipwire send`` and ``lipwire receive``, with each other and with what is no Lipwire."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import Server, ServerConnection, serve

from lipwire.cli.wav import read_pcm
from lipwire.protocol.codec import decode
from lipwire.protocol.messages import CloseMessage


class Receiver:
    """A ``lipwire receive --json`` process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.url: str = self.next()["url"]

    def next(self) -> dict:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def rest(self) -> tuple[list[dict], str]:
        """What it says until it ends, and what it wrote to standard error."""
        out, err = self.process.communicate(timeout=60)
        return [json.loads(line) for line in out.splitlines()], err


StartReceiver = Callable[..., Receiver]


@pytest.fixture
def receiver(tmp_path) -> Iterator[StartReceiver]:
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, environment: dict[str, str] | None = None) -> Receiver:
        process = subprocess.Popen(
            [sys.executable, "-m", "lipwire.cli", "receive", *arguments, "--json", "--speed", "8"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=os.environ | (environment or {}),
        )
        started.append(process)
        return Receiver(process)

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize("url", ["ws://127.0.0.1:0", "http://127.0.0.1:0/lipwire"], ids=["websocket", "webrtc"])
def test_a_file_arrives_as_it_is(run, tmp_path, speech, receiver, url):
    avatar = receiver(url, "--out", "heard", "--once")
    outcome = run("send", speech, avatar.url, "--sample-rate", "16000", "--json")
    result = json.loads(outcome.out)
    assert outcome.status == 0
    assert result["cause"] == "played"
    assert result["heard"] == result["total"]
    assert result["exact"]
    told, err = avatar.rest()
    assert [one["report"] for one in told if one["report"] != "played"] == [
        "session",
        "started",
        "ended",
        "session over",
    ]
    assert avatar.process.returncode == 0
    assert err == ""
    assert read_pcm(tmp_path / "heard/1-1.wav") == read_pcm(speech)


def test_an_interrupt(run, speech, receiver):
    avatar = receiver("ws://127.0.0.1:0")
    outcome = run("send", speech, avatar.url, "--interrupt-after", "100ms", "--json")
    result = json.loads(outcome.out)
    assert outcome.status == 0
    assert result["cause"] == "interrupted"
    assert 0 < result["heard"] < result["total"]
    assert result["interrupt_latency"] > 0
    assert avatar.next()["report"] == "session"
    assert avatar.next()["report"] == "started"
    ended = avatar.next()
    assert (ended["interrupted"], ended["position"]) == (True, result["heard"])


def test_an_interrupt_that_comes_too_late(run, speech, receiver):
    avatar = receiver("ws://127.0.0.1:0")
    outcome = run("send", speech, avatar.url, "--interrupt-after", "60s", "--json")
    assert json.loads(outcome.out)["cause"] == "played"


def test_what_it_tells_people(run, speech, receiver):
    avatar = receiver("ws://127.0.0.1:0")
    outcome = run("send", speech, avatar.url, "--trace", "send.jsonl")
    assert outcome.out.splitlines()[0] == f"connected to {avatar.url}: s16le 24000 Hz mono"
    assert "played: 4.400 s of 4.400 s were heard" in outcome.out
    assert run("decode", "send.jsonl").status == 0


def test_several_sessions_and_the_end_by_a_signal(run, speech, receiver):
    avatar = receiver("ws://127.0.0.1:0", "--out", "heard")
    for _ in range(2):
        assert run("send", speech, avatar.url).status == 0
    avatar.process.send_signal(signal.SIGINT)
    told, err = avatar.rest()
    assert [one["session"] for one in told if one["report"] == "session"] == [1, 2]
    assert "Traceback" not in err
    assert avatar.process.returncode == 130


@pytest.mark.parametrize("url", ["ws://127.0.0.1:0", "http://127.0.0.1:0/lipwire"], ids=["websocket", "webrtc"])
def test_tokens(run, speech, receiver, url):
    avatar = receiver(url, "--once", environment={"LIPWIRE_TOKEN": "right"})
    for token in ([], ["--token", "wrong"]):
        refused = run("send", speech, avatar.url, *token)
        assert refused.status == 1
        assert "HTTP 401" in refused.err
        assert "--token" in refused.err
        assert len(refused.err.splitlines()) == 1
    assert run("send", speech, avatar.url, "--token", "right").status == 0
    _, err = avatar.rest()
    assert "right" not in err


def test_a_format_that_is_not_accepted(run, speech, receiver):
    avatar = receiver("ws://127.0.0.1:0", "--sample-rate", "16000")
    outcome = run("send", speech, avatar.url)
    assert outcome.status == 1
    assert "unsupported_format" in outcome.err
    assert "['s16le', 16000, 1]" in outcome.err
    assert "--sample-rate" in outcome.err
    assert run("send", speech, avatar.url, "--sample-rate", "16000").status == 0


@pytest.mark.parametrize("rate", ["7999", "48001"])
def test_a_format_that_there_is_not(run, speech, rate):
    outcome = run("send", speech, "ws://127.0.0.1:1", "--sample-rate", rate)
    assert outcome.status == 2
    assert "8000 to 48000 Hz" in outcome.err


@pytest.mark.parametrize("scheme", ["ws", "http"])
def test_a_port_in_use(run, scheme):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        outcome = run("receive", f"{scheme}://127.0.0.1:{taken.getsockname()[1]}")
    assert outcome.status == 1
    assert "address already in use" in outcome.err
    assert "choose another port" in outcome.err
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.usefixtures("speech")
@pytest.mark.parametrize("command", [["receive"], ["send", "beeps.wav"]], ids=lambda command: command[0])
@pytest.mark.parametrize(
    ("url", "says"),
    [("pigeon://here", "no transport for"), ("somewhere", "no transport for"), ("ws://", "")],
)
def test_urls_that_will_not_do(run, command, url, says):
    outcome = run(*command, url)
    assert outcome.status == 2
    assert says in outcome.err
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "says"),
    [("none.wav", "no such file"), ("prose.txt", "audio"), ("empty.wav", "not an audio file")],
)
def test_files_that_will_not_do(run, tmp_path, name, says):
    (tmp_path / "prose.txt").write_text("not audio at all\n" * 100)
    (tmp_path / "empty.wav").touch()
    outcome = run("send", name, "ws://127.0.0.1:1")
    assert outcome.status == 2
    assert says in outcome.err
    assert name in outcome.err


# -- those who are no Lipwire ------------------------------------------------------------------------------------


@contextmanager
def websocket_server(handler: Callable[[ServerConnection], None], **options) -> Iterator[str]:
    def quietly(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            handler(connection)

    server: Server
    with serve(quietly, "127.0.0.1", 0, **options) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


def _listen(connection: ServerConnection) -> None:
    for _ in connection:
        pass


def _answer(what: str | bytes) -> Callable[[ServerConnection], None]:
    def handler(connection: ServerConnection) -> None:
        connection.recv()
        connection.send(what)
        _listen(connection)

    return handler


LIPWIRE = {"subprotocols": ["lipwire.1"]}


@pytest.mark.parametrize(
    ("handler", "options", "says"),
    [
        (_listen, {}, "speaks version 0"),
        (_listen, LIPWIRE, "it does not answer as Lipwire does"),
        (_answer(bytes(640)), LIPWIRE, "does not speak Lipwire version 1"),
        (_answer('{"type": "stream_ended"}'), LIPWIRE, "does not speak Lipwire version 1"),
    ],
    ids=["version 0", "silence", "PCM", "text"],
)
def test_servers_that_are_no_lipwire(run, speech, handler, options, says):
    with websocket_server(handler, **options) as url:
        outcome = run("send", speech, url, "--timeout", "1")
    assert outcome.status == 1
    assert says in outcome.err
    assert outcome.err.startswith("lipwire: ")
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize("scheme", ["ws", "http"])
def test_a_server_that_never_answers(run, speech, scheme):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        outcome = run("send", speech, f"{scheme}://127.0.0.1:{silent.getsockname()[1]}", "--timeout", "1")
    assert outcome.status == 1
    assert "does not answer as Lipwire does" in outcome.err
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize("scheme", ["ws", "http"])
def test_nobody_there(run, speech, scheme):
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    outcome = run("send", speech, f"{scheme}://127.0.0.1:{port}", "--timeout", "1")
    assert outcome.status == 1
    assert "is `lipwire receive` (or your avatar server) running there?" in outcome.err


@pytest.mark.parametrize("scheme", ["ws", "http"])
def test_some_other_web_server(run, speech, scheme):
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.send_error(404)

        do_POST = do_GET  # noqa: N815

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        outcome = run("send", speech, f"{scheme}://127.0.0.1:{server.server_port}/", "--timeout", "1")
        server.shutdown()
        thread.join()
    assert outcome.status == 1
    assert outcome.err.startswith("lipwire: ")
    assert "Lipwire server" in outcome.err
    assert len(outcome.err.splitlines()) == 1


def test_agents_that_are_no_lipwire(run, speech, receiver):
    avatar = receiver("ws://127.0.0.1:0", "--once")
    with pytest.raises(InvalidStatus):
        connect(avatar.url)
    for hello in (bytes(640), "INTERRUPT"):
        with connect(avatar.url, subprotocols=["lipwire.1"]) as connection:
            connection.send(hello)
            close = decode(connection.recv())
            assert isinstance(close, CloseMessage)
            assert close.code == 32
    assert run("send", speech, avatar.url).status == 0  # and it goes on
    _, err = avatar.rest()
    lines = err.splitlines()
    assert "HTTP 400" in lines[0]
    assert "version 0" in lines[0]
    assert [("refused" in line, line.startswith("lipwire: ")) for line in lines[1:]] == [(True, True)] * 2
    assert "Traceback" not in err


def test_an_avatar_that_goes_away(speech, receiver):
    avatar = receiver("ws://127.0.0.1:0")
    done: list = []
    thread = threading.Thread(target=lambda: done.append(_send_apart(speech, avatar.url)))
    thread.start()
    while avatar.next()["report"] != "started":
        pass
    avatar.process.kill()
    avatar.process.communicate()
    thread.join(60)
    status, out, err = done[0]
    assert status == 1
    assert "Traceback" not in err
    assert "transport lost" in out
    assert "at least" in out


def _send_apart(speech: Path, url: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "lipwire.cli", "send", str(speech), url], capture_output=True, text=True, timeout=60
    )
    return done.returncode, done.stdout, done.stderr
