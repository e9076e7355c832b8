"""Tokens and secrets stay out of logs and traces, and what a peer says is escaped."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import anyio
import pytest

from lipwire.protocol.channels import Channel
from lipwire.protocol.codec import decode
from lipwire.protocol.connection import encode_close
from lipwire.protocol.errors import Close, CloseCode, SessionRefused
from lipwire.protocol.messages import Welcome
from lipwire.protocol.trace import JsonLinesTrace
from lipwire.sender import Cause
from lipwire.transports import ConnectRefused, TransportBroken

from .world import avatar, connected, settle, speech, until

pytestmark = pytest.mark.anyio
TOKEN = "tok-4711-very-secret"
NASTY = "evil\nINFO forged line \x1b[31m red \u202e"


async def test_no_token_and_no_secret_in_logs_or_traces(caplog: pytest.LogCaptureFixture) -> None:
    traces = io.StringIO()
    trace = JsonLinesTrace(traces)
    secrets: list[bytes] = []
    with caplog.at_level(0):
        async with avatar(authenticate=lambda greeting: greeting.auth == TOKEN, trace=trace) as world:
            async with world.agent(auth=TOKEN, trace=trace) as out:
                await until(lambda: world.renderers)
                core: Any = out._shell.connection
                secrets.append(core._secret)
                world.listener.newest.disconnect()  # and resumes
                await until(lambda: out.statistics().transports == 2 and out.statistics().connected)
                secrets.append(core._secret)
                async with out.segment(text="hello") as segment:
                    await segment.write(speech(0.1))
                await segment.ended()
            for wrong in (TOKEN + "x", (TOKEN + "y").encode()):
                with pytest.raises(SessionRefused) as caught:
                    await world.agent(auth=wrong, trace=trace).__aenter__()
                assert TOKEN not in str(caught.value)
    shown = traces.getvalue() + caplog.text + repr(caplog.records)
    assert "stream_ended" in shown
    assert len(set(secrets)) == 2
    for hidden in (TOKEN.encode(), *secrets):
        assert hidden.hex() not in shown
        assert repr(hidden) not in shown
    assert TOKEN not in shown
    for line in traces.getvalue().splitlines():
        record = json.loads(line)
        if "hex" in record:
            data = bytes.fromhex(record["hex"])
            assert TOKEN.encode() not in data
            if record.get("name") == "welcome":
                welcome = decode(data, 65_536)
                assert isinstance(welcome, Welcome)
                assert welcome.secret not in secrets


async def test_a_trace_has_every_message_and_event_of_both() -> None:
    records: dict[str, list[dict[str, Any]]] = {"agent": [], "avatar": []}
    async with connected(speed=1.0, trace=records["avatar"].append, out={"trace": records["agent"].append}) as world:
        async with world.out.segment(text="hello") as segment:
            await segment.write(speech(0.5))
        await segment.ended()
        await settle()
    sent = [(r["name"], r["hex"]) for r in records["agent"] if r["kind"] == "out"]
    arrived = [(r["name"], r["hex"]) for r in records["avatar"] if r["kind"] == "in"]
    assert sent == arrived
    assert sent[0][0] == "hello"
    assert sent[-1][0] == "close"
    back = [(r["name"], r["hex"]) for r in records["avatar"] if r["kind"] == "out"]
    assert (
        back[: len(back) - 1] == [(r["name"], r["hex"]) for r in records["agent"] if r["kind"] == "in"][: len(back) - 1]
    )
    assert back[0][0] == "welcome"
    for side in records.values():
        times = [record["t"] for record in side]
        assert times == sorted(times)
        assert {"SessionOpened", "SessionEnded"} <= {record["name"] for record in side if record["kind"] == "event"}
        json.dumps(side)
    events = [record["name"] for record in records["agent"] if record["kind"] == "event"]
    assert events == ["SessionOpened", "StreamStarted", "StreamEnded", "SessionEnded"]


async def test_a_trace_hook_that_fails_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[Any] = []

    def fail(record: dict[str, Any]) -> None:
        calls.append(record)
        raise OSError("disk full")

    with caplog.at_level(logging.ERROR):
        async with connected(trace=fail, out={"trace": fail}) as world:
            async with world.out.segment() as segment:
                await segment.write(speech(0.1))
            assert (await segment.ended()).cause is Cause.PLAYED
    assert len(calls) == 2
    assert "disk full" in caplog.text


def check_clean(caplog: pytest.LogCaptureFixture) -> None:
    for record in caplog.records:
        if record.name.startswith("lipwire"):
            text = record.getMessage()
            assert text.isprintable(), text
    assert "evil\\n" in caplog.text


async def test_a_peers_reason_is_escaped(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(0):
        async with connected() as world:
            close = Close(code=CloseCode.INTERNAL_ERROR, reason=NASTY)
            world.listener.avatars[0].send(Channel.CONTROL, encode_close(close))
            await until(lambda: world.out.closed)
            assert str(world.out.closed).isprintable()
            assert world.out.closed.reason == NASTY
        check_clean(caplog)
        caplog.clear()
        async with connected() as world:
            world.listener.newest.send(Channel.CONTROL, encode_close(close))
            await until(lambda: world.renderer.done)
            assert str(world.renderer.error).isprintable()
        check_clean(caplog)


@pytest.mark.parametrize("kind", [TransportBroken, ConnectRefused])
async def test_what_a_server_says_on_refusing_is_escaped(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(0):
        async with avatar() as world:
            world.listener.refuse = kind(NASTY)
            with pytest.raises(Exception, match="evil") as caught:
                await world.agent(connect_timeout=1).__aenter__()
            assert str(caught.value).isprintable()
            world.listener.refuse = None
    check_clean(caplog)


async def test_a_transports_end_and_name_are_escaped(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(0):
        async with connected() as world:
            world.listener.newest.disconnect(NASTY)
            world.out.segment()  # sending fails
            await until(lambda: world.out.statistics().transports == 2)
            transport = await world.listener.connect()
            world.listener.agents[-1]._other.peer = NASTY  # type: ignore[attr-defined]
            transport.send(Channel.CONTROL, b"garbage")
            await settle()
            await transport.aclose()
            await world.out.aclose()
    check_clean(caplog)


async def test_nothing_is_logged_that_is_not_worth_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        async with connected(speed=1.0) as world:
            for _ in range(5):
                async with world.out.segment() as segment:
                    await segment.write(speech(0.2))
                await anyio.sleep(0.1)
                await world.out.interrupt()
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("lipwire")]
    assert len(messages) == 4, messages  # opened and ended, on both sides
    assert all(record.levelno == logging.INFO for record in caplog.records)
