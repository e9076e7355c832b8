"""The Node peer and the SDK, each in its own process, over WebSocket: both roles, bit for bit."""

from __future__ import annotations

import json
import signal

import anyio
import msgpack
import numpy as np
import pytest

from lipwire.protocol.channels import Channel
from lipwire.protocol.errors import CloseCode, SessionLost, SessionRefused
from lipwire.receiver import PcmFormat, serve_websocket
from lipwire.sender import AudioOut, Cause
from lipwire.transports import connect_websocket

pytestmark = pytest.mark.anyio


@pytest.mark.usefixtures("node")
async def test_the_node_peer_passes_its_own_tests(tools):
    tests = sorted(str(path.relative_to(tools.peer)) for path in (tools.peer / "test").glob("*.test.js"))
    completed = await anyio.run_process(["node", "--test", *tests], cwd=tools.peer, check=False)
    assert completed.returncode == 0, completed.stdout.decode()


# -- Node sends, the SDK receives ------------------------------------------------------------------------------


async def test_node_sends_segments_unaltered(node, tools):
    lengths = [30_000, 0, 1, 100_000]
    steps = json.dumps([{"samples": n} for n in lengths])
    async with (
        serve_websocket("127.0.0.1", 0) as acceptor,
        node("sender.js", acceptor.address, "--steps", steps) as peer,
    ):
        with anyio.fail_after(tools.patience):
            got = await tools.consume(await acceptor.accept())
        assert await peer.finished() == 0
    assert got.ends == list(enumerate(lengths, 1))
    for segment, length in got.ends:
        assert bytes(got.pcm[segment]) == tools.pattern(segment, length)
        assert got.metadata[segment] == {"text": f"segment {segment}"}
    results = [(e["segment"], e["position"], e["interrupted"], e["cause"], e["exact"]) for e in peer.all("ended")]
    assert results == [(i, n, False, "played", True) for i, n in got.ends]
    assert [e["segment"] for e in peer.all("started")] == [1, 3, 4]


async def test_node_interrupts_and_speaks_on(node, tools):
    steps = json.dumps(
        [
            {"samples": 12_000},
            {"samples": 96_000, "interruptAt": 9_000, "end": False},
            {"samples": 24_000},
            {"samples": 20_000, "interruptAt": 4_000},
            {"samples": 4_800},
        ]
    )
    async with (
        serve_websocket("127.0.0.1", 0) as acceptor,
        node("sender.js", acceptor.address, "--steps", steps) as peer,
    ):
        with anyio.fail_after(tools.patience):
            got = await tools.consume(await acceptor.accept(), hold={2: 10_000, 4: 5_000}, heard=3_210)
        assert await peer.finished() == 0
    assert got.ends == [(1, 12_000), (3, 24_000), (5, 4_800)]
    assert set(got.interrupted) == {2, 4}
    for segment, pcm in got.pcm.items():
        total = dict(got.ends).get(segment, got.interrupted.get(segment))
        assert bytes(pcm) == tools.pattern(segment, total)
    results = [(e["segment"], e["position"], e["interrupted"], e["cause"], e["exact"]) for e in peer.all("ended")]
    assert results == [
        (1, 12_000, False, "played", True),
        (2, 3_210, True, "interrupted", True),
        (3, 24_000, False, "played", True),
        (4, 3_210, True, "interrupted", True),
        (5, 4_800, False, "played", True),
    ]


@pytest.mark.parametrize(
    ("given", "name", "details"),
    [
        (["--version", "2"], "unsupported_version", {"versions": [1]}),
        (["--rate", "16000"], "unsupported_format", {"formats": [["s16le", 24_000, 1]]}),
        (["--token", "wrong"], "unauthorized", None),
        ([], "unauthorized", None),
    ],
)
async def test_the_sdk_refuses_node(node, tools, given, name, details):
    token = None if "--version" in given or "--rate" in given else "right"
    async with serve_websocket(
        "127.0.0.1",
        0,
        formats=[PcmFormat(24_000, 1)],
        authenticate=None if token is None else lambda greeting: greeting.auth == token,
    ) as acceptor:
        async with node("sender.js", acceptor.address, *given) as peer:
            assert await peer.finished() == 1
        closed = peer.all("closed")[0]
        assert (closed["name"], closed["by"], closed["details"] or None) == (name, "them", details)
        if token is not None:
            async with node("sender.js", acceptor.address, "--token", token) as peer:
                with anyio.fail_after(tools.patience):
                    got = await tools.consume(await acceptor.accept())
                assert await peer.finished() == 0
            assert bytes(got.pcm[1]) == tools.pattern(1, 48_000)


async def test_a_node_sender_that_dies_is_noticed(node, tools):
    steps = json.dumps([{"samples": 96_000, "interruptAt": 90_000, "end": False}])
    async with (
        serve_websocket("127.0.0.1", 0) as acceptor,
        node("sender.js", acceptor.address, "--steps", steps) as peer,
    ):
        with anyio.fail_after(tools.patience):
            audio = await acceptor.accept()
            peer.process.send_signal(signal.SIGKILL)
            with pytest.raises(SessionLost):
                await tools.consume(audio)


# -- the SDK sends, Node receives ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "rate", "channels"), [("s16le", 24_000, 1), ("f32le", 48_000, 2), ("s16le", 11_025, 2)]
)
async def test_node_receives_segments_unaltered(node, tools, encoding, rate, channels):
    lengths = [30_000, 0, 1, 100_000]
    async with node("receiver.js", "--speed", 0) as peer:
        url = (await peer.event("listening"))["url"]
        pcm_format = PcmFormat(rate, channels, encoding)
        async with AudioOut(connect_websocket(url), format=pcm_format) as out:
            assert out.features == frozenset()
            results = []
            for number, length in enumerate(lengths, 1):
                async with out.segment(text=f"segment {number}") as segment:
                    pcm = tools.pattern(number, length, channels, encoding)
                    step = 997 * pcm_format.frame_bytes
                    for at in range(0, len(pcm), step):
                        await segment.write(pcm[at : at + step])
                results.append(segment)
            with anyio.fail_after(tools.patience):
                ended = [await segment.ended() for segment in results]
        await peer.event("closed", code=0)
    assert [(e.position, e.interrupted, e.cause, e.exact) for e in ended] == [
        (n, False, Cause.PLAYED, True) for n in lengths
    ]
    assert [(e["segment"], e["samples"], e["sha256"]) for e in peer.all("segment_end")] == [
        (i, n, tools.sha256(tools.pattern(i, n, channels, encoding))) for i, n in enumerate(lengths, 1)
    ]
    assert [e["metadata"] for e in peer.all("segment_start")] == [{"text": f"segment {i}"} for i in range(1, 5)]


async def test_the_sdk_interrupts_node_and_speaks_on(node, tools):
    async with node("receiver.js", "--speed", 2) as peer:
        url = (await peer.event("listening"))["url"]
        async with AudioOut(connect_websocket(url), format=PcmFormat(24_000, 1)) as out:
            with anyio.fail_after(tools.patience):
                async with out.segment() as played:
                    await played.write(tools.pattern(1, 4_800))
                cut = out.segment()
                await cut.write(tools.pattern(2, 2_400_000))
                assert await cut.started()
                out.interrupt_nowait()
                async with out.segment() as answer:
                    await answer.write(tools.pattern(3, 9_600))
                queued = out.segment()
                await queued.write(tools.pattern(4, 9_600))
                queued.end()
                assert queued.interrupt()
                async with out.segment() as last:
                    await last.write(tools.pattern(5, 2_400))
                ended = [await segment.ended() for segment in (played, cut, answer, queued, last)]
        await peer.event("closed", code=0)
    # Whether anything of segment 4 had been handed out when it was cut depends on how fast the machine is.
    interrupted = {e["segment"]: e for e in peer.all("interrupted")}
    assert {2} <= set(interrupted) <= {2, 4}
    assert 0 < interrupted[2]["heard"] <= interrupted[2]["samples"] < 2_400_000
    assert [(e.segment, e.position, e.interrupted, e.cause, e.exact) for e in ended] == [
        (1, 4_800, False, Cause.PLAYED, True),
        (2, interrupted[2]["heard"], True, Cause.INTERRUPTED, True),
        (3, 9_600, False, Cause.PLAYED, True),
        (4, interrupted[4]["heard"] if 4 in interrupted else 0, True, Cause.INTERRUPTED, True),
        (5, 2_400, False, Cause.PLAYED, True),
    ]
    for segment, event in interrupted.items():
        assert event["sha256"] == tools.sha256(tools.pattern(segment, event["samples"]))
    assert {e["segment"]: e["sha256"] for e in peer.all("segment_end") if e["segment"] not in interrupted} == {
        i: tools.sha256(tools.pattern(i, n)) for i, n in ((1, 4_800), (3, 9_600), (5, 2_400))
    }


async def test_node_refuses_the_sdk(node):
    async with node("receiver.js", "--rate", 16_000, "--token", "right") as peer:
        url = (await peer.event("listening"))["url"]
        with pytest.raises(SessionRefused) as refused:
            async with AudioOut(connect_websocket(url), format=PcmFormat(24_000, 1), auth="right"):
                pass
        assert refused.value.close.code is CloseCode.UNSUPPORTED_FORMAT
        assert ["s16le", 16_000, 1] in refused.value.close.details["formats"]
        for auth in ("wrong", None):
            with pytest.raises(SessionRefused) as refused:
                async with AudioOut(connect_websocket(url), format=PcmFormat(16_000, 1), auth=auth):
                    pass
            assert refused.value.close.code is CloseCode.UNAUTHORIZED
        async with AudioOut(connect_websocket(url), format=PcmFormat(16_000, 1), auth="right") as out:
            assert out.closed is None


@pytest.mark.parametrize(
    ("first", "code", "details"),
    [
        (
            msgpack.packb([1, "lipwire", [2, 3], "whatever version 2 has here"]),
            CloseCode.UNSUPPORTED_VERSION,
            {"versions": [1]},
        ),
        (msgpack.packb([1, "lipwise", [1]]), CloseCode.NOT_LIPWIRE, None),
        (msgpack.packb([1, "lipwire", [1], b"short"]), CloseCode.INVALID_FIELD, None),
        (b"\x93\x01", CloseCode.NOT_LIPWIRE, None),
        (msgpack.packb([1, "lipwire", [1], [[[[[[[[]]]]]]]]]), CloseCode.LIMIT_EXCEEDED, None),
        (b"\x00" * 65_537, CloseCode.MESSAGE_TOO_LARGE, None),
    ],
)
async def test_both_refuse_a_wrong_first_message_alike(node, tools, first, code, details):
    async def answer(url: str) -> list[object]:
        transport = await connect_websocket(url, max_message=1_048_576)()
        try:
            transport.send(Channel.CONTROL, first)
            [(_, message), *_] = await transport.receive()
            return msgpack.unpackb(message)
        finally:
            await transport.aclose()

    async with node("receiver.js") as peer, serve_websocket("127.0.0.1", 0) as acceptor:
        with anyio.fail_after(tools.patience):
            for url in ((await peer.event("listening"))["url"], acceptor.address):
                kind, given, *more = await answer(url)
                assert (kind, given) == (3, code)
                assert details is None or more[2] == details


def test_the_pattern_is_what_it_is_said_to_be(tools):
    assert tools.pattern(2, 3) == np.array([1954 - 32768, 1985 - 32768, 2016 - 32768], "<i2").tobytes()
