"""``lipwire conformance listen``: stands between two peers over real sockets, and changes nothing."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from lipwire.conformance import messages as m
from lipwire.conformance.listen import Listener
from lipwire.conformance.recorded import read_trace
from lipwire.conformance.tally import Tally
from lipwire.protocol.formats import PcmFormat
from lipwire.receiver import Acceptor, Audio, SegmentEnd
from lipwire.sender import AudioOut, Cause
from lipwire.transports import WebSocketListener, connect_websocket
from lipwire.transports.urls import SUBPROTOCOL

from .sessions import SESSION

SECONDS = 20
"""For each test, on a slow machine too; none waits so long."""


def run(script: Any) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(SECONDS):
            await script

    asyncio.run(bounded())


@asynccontextmanager
async def listening(to: str, **options: Any) -> AsyncIterator[Listener]:
    """A listener before that URL; ended, and all of it gone, in the end."""
    listener, ready, end = Listener(to, **options), asyncio.Event(), asyncio.Event()
    task = asyncio.create_task(listener.serve("127.0.0.1", 0, end.wait(), ready=ready.set))
    await ready.wait()
    try:
        yield listener
    finally:
        end.set()
        await task


async def _render(acceptor: Acceptor) -> None:
    async for audio in acceptor:
        async for item in audio:
            if isinstance(item, Audio):
                if item.position == 0:
                    audio.notify_stream_started(item.segment)
                audio.notify_played(item.segment, item.end)
            elif isinstance(item, SegmentEnd):
                audio.notify_stream_ended(item.segment)


@asynccontextmanager
async def avatar(**options: Any) -> AsyncIterator[str]:
    """The SDK's receiver; gives its URL."""
    async with Acceptor(WebSocketListener("127.0.0.1", 0, **options)) as acceptor:
        rendering = asyncio.create_task(_render(acceptor))
        try:
            yield acceptor.address
        finally:
            rendering.cancel()
            await asyncio.gather(rendering, return_exceptions=True)


async def _speak(url: str, **options: Any) -> Cause:
    async with AudioOut(connect_websocket(url, **options), format=PcmFormat(24_000)) as out:
        async with out.segment() as segment:
            await segment.write(bytes(48_000))
        return (await segment.ended()).cause


def test_sessions_of_the_sdk_pass_through_and_are_clean() -> None:
    async def script() -> None:
        findings: list[Any] = []
        records: list[dict[str, Any]] = []
        async with avatar() as url, listening(url, tell=findings.append, trace=records.append) as listener:
            assert await asyncio.gather(_speak(listener.address), _speak(listener.address)) == [Cause.PLAYED] * 2
        assert findings == []
        assert listener.judge.sessions == 2
        assert {record["transport"] for record in records} == {1, 2}
        recorded = read_trace("\n".join(map(json.dumps, records)), "live")
        tally = Tally()
        tally.judge(recorded)
        assert (tally.findings, tally.sessions, tally.messages) == ([], 2, listener.messages)
        assert recorded[0].binding == "websocket"

    run(script())


@asynccontextmanager
async def scripted(*answers: Sequence[Any], subprotocol: str | None = SUBPROTOCOL) -> AsyncIterator[str]:
    """A receiver that answers each message that comes with the next of these, and then closes with status 4001."""

    async def handle(connection: ServerConnection) -> None:
        for answer in answers:
            await connection.recv()
            await connection.send(m.pack(answer))
        await connection.recv()
        await connection.close(4001, "enough")

    async with serve(handle, "127.0.0.1", 0, subprotocols=[subprotocol] if subprotocol else None) as server:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


def test_a_breach_is_told_when_it_comes_and_nothing_is_changed() -> None:
    answers = [m.welcome(SESSION), m.pong(1), m.pong(77)]

    async def script() -> None:
        findings: list[Any] = []
        async with scripted(*answers) as url, listening(url, tell=findings.append) as listener:
            async with connect(listener.address, subprotocols=[SUBPROTOCOL], proxy=None) as sender:
                assert sender.subprotocol == SUBPROTOCOL
                for message, answer in zip([m.hello(SESSION), m.ping(1), m.ping(2)], answers, strict=True):
                    assert findings == []
                    wide = m.wide(message)
                    await sender.send(wide)
                    assert await sender.recv() == m.pack(answer)
                assert [(one.requirement, one.by.value) for one in findings] == [("LW-LIVE-1", "receiver")]
                await sender.send("a text")
                with pytest.raises(ConnectionClosed) as closed:
                    await sender.recv()
                assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "enough")
            assert len(findings) == 1  # the other peer has the benefit of the doubt from then on

    run(script())


def test_the_sender_may_be_the_one_that_is_connected_to() -> None:
    from lipwire.protocol.registry import Role

    async def script() -> None:
        findings: list[Any] = []
        async with (
            scripted(m.hello(SESSION), m.segment_start(1)) as url,
            listening(url, accepts=Role.SENDER, tell=findings.append) as listener,
            connect(listener.address, subprotocols=[SUBPROTOCOL], proxy=None) as receiver,
        ):
            await receiver.send(m.pack([64]))
            await receiver.recv()
            await receiver.send(m.pack(m.welcome(SESSION)))
            await receiver.recv()
        assert [(one.requirement, one.by.value) for one in findings] == [("LW-OPEN-2", "receiver")]

    run(script())


def test_version_0_passes_through_and_is_not_judged() -> None:
    async def script() -> None:
        findings: list[Any] = []
        async with (
            scripted("a text", subprotocol=None) as url,
            listening(url, tell=findings.append) as listener,
            connect(listener.address, proxy=None) as sender,
        ):
            assert sender.subprotocol is None
            await sender.send(bytes(960))
            assert await sender.recv() == "a text"
        assert findings == []
        assert sum(listener.judge.unjudged.values()) == 1

    run(script())


def test_a_refusal_is_passed_on() -> None:
    async def script() -> None:
        async with avatar(token="good") as url, listening(url) as listener:
            with pytest.raises(InvalidStatus) as refused:
                async with connect(listener.address, subprotocols=[SUBPROTOCOL], proxy=None):
                    pass
            assert refused.value.response.status_code == 401
            assert await _speak(listener.address, token="good") is Cause.PLAYED

    run(script())


def test_a_peer_that_is_not_there() -> None:
    async def script() -> None:
        async with avatar() as url:
            pass
        async with listening(url) as listener:
            with pytest.raises(InvalidStatus) as refused:
                async with connect(listener.address, subprotocols=[SUBPROTOCOL], proxy=None):
                    pass
            assert refused.value.response.status_code == 502

    run(script())


def test_what_is_torn_down_on_one_side_is_on_the_other() -> None:
    async def script() -> None:
        gone = asyncio.Event()

        async def handle(connection: ServerConnection) -> None:
            with pytest.raises(ConnectionClosed) as closed:
                await connection.recv()
            assert closed.value.rcvd is None
            gone.set()

        async with serve(handle, "127.0.0.1", 0, subprotocols=[SUBPROTOCOL]) as server:
            url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            async with listening(url) as listener:
                sender = await connect(listener.address, subprotocols=[SUBPROTOCOL], proxy=None)
                sender.transport.abort()
                await gone.wait()

    run(script())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_ends_in_time_with_a_session_that_does_not(number: signal.Signals, tmp_path: Path) -> None:
    trace = tmp_path / "seen.jsonl"
    answers = [m.welcome(SESSION), m.pong(5)]

    async def script() -> None:
        stuck = asyncio.Event()

        async def handle(connection: ServerConnection) -> None:
            for answer in answers:
                await connection.recv()
                await connection.send(m.pack(answer))
            connection.transport.pause_reading()  # it never reads what comes, a close neither
            await stuck.wait()

        async with serve(handle, "127.0.0.1", 0, subprotocols=[SUBPROTOCOL], close_timeout=0.1) as server:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "lipwire.cli", "conformance", "listen", "--on", "ws://127.0.0.1:0/",
                "--to", f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/", "--trace", str(trace),
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            assert process.stdout is not None
            try:
                said = (await process.stdout.readline()).decode()
                assert said.startswith("listening on ws://127.0.0.1:")
                async with connect(said.split()[2], subprotocols=[SUBPROTOCOL], proxy=None) as sender:
                    for message in (m.hello(SESSION), m.ping(1)):
                        await sender.send(m.pack(message))
                        await sender.recv()
                    began = time.monotonic()
                    process.send_signal(number)
                    out, err = await process.communicate()
                    assert time.monotonic() - began < 10
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
                stuck.set()
        text = out.decode()
        assert (process.returncode, err) == (1, b"")
        assert "LW-LIVE-1" in text
        assert "1 finding." in text

    run(script())
    tally = Tally()
    tally.judge(read_trace(trace.read_text(), "seen"))
    assert [one.requirement for _, one in tally.findings] == ["LW-LIVE-1"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--on", "http://x:1/", "--to", "ws://127.0.0.1:1/"], "--on http://x:1/: it has to be ws://HOST:PORT/"),
        (["--on", "ws://127.0.0.1/", "--to", "ws://127.0.0.1:1/"], "it has to be ws://HOST:PORT/"),
        (["--on", "ws://127.0.0.1:0/", "--to", "127.0.0.1:1"], "--to 127.0.0.1:1: it has to be ws://HOST:PORT/"),
        (["--on", "ws://127.0.0.1:0/"], "--to"),
    ],
)
def test_wrong_usage(conformance, options, says) -> None:
    outcome = conformance("listen", *options)
    assert (outcome.status, says in outcome.err) == (2, True)
