"""The same JavaScript in a real Chromium and the SDK, over WebRTC data channels whose media loses and reorders."""

from __future__ import annotations

import json

import anyio
import pytest

from lipwire.protocol.errors import CloseCode, SessionRefused
from lipwire.protocol.limits import Limits
from lipwire.protocol.registry import Feature
from lipwire.receiver import Acceptor, PcmFormat
from lipwire.sender import AudioOut, Cause
from lipwire.transports import Faults, FaultyListener, FaultyTransport, WebRtcListener

pytestmark = pytest.mark.anyio

CLEAN = Faults()
ROUGH = Faults(seed=7, loss=0.1, burst=2, reorder=0.1, duplicate=0.05, delay=0.005, jitter=0.01)
PATIENT = Limits(repair_timeout=60, grace=60)
"""What a slow machine takes its time for is neither concealed nor given up."""


@pytest.mark.parametrize("faults", [CLEAN, ROUGH], ids=["clean", "rough"])
async def test_a_page_sends(page, tools, faults):
    lengths = {1: 30_000, 2: 0, 4: 60_000, 6: 4_801}
    steps = json.dumps(
        [
            {"samples": 30_000},
            {"samples": 0},
            {"samples": 96_000, "interruptAt": 9_000, "end": False},
            {"samples": 60_000},
            {"samples": 20_000, "interruptAt": 4_000},
            {"samples": 4_801},
        ]
    )
    listener = FaultyListener(WebRtcListener("127.0.0.1", 0), CLEAN, faults)
    async with (
        Acceptor(listener, limits=PATIENT) as acceptor,
        page("sender", acceptor.address, "--steps", steps) as peer,
    ):
        with anyio.fail_after(tools.patience):
            audio = await acceptor.accept()
            assert audio.features == {Feature.REPAIR}
            got = await tools.consume(audio, hold={3: 10_000, 5: 5_000}, heard=3_210)
        assert await peer.finished() == 0
    assert dict(got.ends) == lengths
    assert set(got.interrupted) == {3, 5}
    assert got.concealed == 0
    for segment, pcm in got.pcm.items():
        total = lengths.get(segment, got.interrupted.get(segment))
        assert bytes(pcm) == tools.pattern(segment, total)
    results = {e["segment"]: (e["position"], e["interrupted"], e["cause"], e["exact"]) for e in peer.all("ended")}
    assert results == {n: (total, False, "played", True) for n, total in lengths.items()} | dict.fromkeys(
        (3, 5), (3210, True, "interrupted", True)
    )
    assert not peer.all("error")
    if faults is ROUGH:
        assert audio.counters.repaired_samples > 0


@pytest.mark.parametrize("faults", [CLEAN, ROUGH], ids=["clean", "rough"])
async def test_a_page_receives(page, tools, faults):
    listener = FaultyListener(WebRtcListener("127.0.0.1", 0), faults, CLEAN)
    async with listener, page("receiver", listener.address, "--speed", 2) as peer:
        with anyio.fail_after(tools.patience):
            transport = await listener.accept()
            assert isinstance(transport, FaultyTransport)
            async with AudioOut(transport, format=PcmFormat(24_000, 1), limits=PATIENT) as out:
                assert out.features == {Feature.REPAIR}
                segments = []
                for number, length in ((1, 30_000), (2, 0)):
                    async with out.segment(text=f"segment {number}") as segment:
                        await segment.write(tools.pattern(number, length))
                    segments.append(segment)
                cut = out.segment()
                await cut.write(tools.pattern(3, 1_200_000))
                assert await cut.started()
                await out.interrupt()
                segments.append(cut)
                async with out.segment() as answer:
                    await answer.write(tools.pattern(4, 60_001))
                segments.append(answer)
                ended = [await segment.ended() for segment in segments]
                statistics = out.statistics()
        await peer.event("done")
        assert await peer.finished() == 0
    interrupted = await peer.event("interrupted")
    assert (interrupted["segment"], interrupted["sha256"]) == (
        3,
        tools.sha256(tools.pattern(3, interrupted["samples"])),
    )
    assert 0 < interrupted["heard"] <= interrupted["samples"] < 1_200_000
    assert [(e.segment, e.position, e.interrupted, e.cause, e.exact) for e in ended] == [
        (1, 30_000, False, Cause.PLAYED, True),
        (2, 0, False, Cause.PLAYED, True),
        (3, interrupted["heard"], True, Cause.INTERRUPTED, True),
        (4, 60_001, False, Cause.PLAYED, True),
    ]
    assert {e["segment"]: e["sha256"] for e in peer.all("segment_end")} == {
        n: tools.sha256(tools.pattern(n, total)) for n, total in ((1, 30_000), (2, 0), (4, 60_001))
    }
    assert peer.all("closed")[0]["code"] == CloseCode.NORMAL
    assert not peer.all("error")
    if faults is ROUGH:
        assert transport.out.counts.lost > 0
        assert statistics.repaired_chunks > 0


async def test_refusals_between_a_page_and_the_sdk(page, tools):
    listener = WebRtcListener("127.0.0.1", 0, token="door")
    async with Acceptor(listener, authenticate=lambda greeting: greeting.auth == "right") as acceptor:
        async with page("sender", acceptor.address) as peer:
            assert await peer.finished() == 0
        assert peer.all("error")[0]["message"].startswith("HTTP 401")
        async with page("sender", acceptor.address, "--token", "door", "--auth", "wrong") as peer:
            assert await peer.finished() == 0
        assert (peer.all("closed")[0]["name"], peer.all("closed")[0]["by"]) == ("unauthorized", "them")

    async with (
        WebRtcListener("127.0.0.1", 0) as listener,
        page("receiver", listener.address, "--auth", "right") as peer,
    ):
        with anyio.fail_after(tools.patience):
            transport = await listener.accept()
            with pytest.raises(SessionRefused) as refused:
                async with AudioOut(transport, auth="wrong"):
                    pass
        assert refused.value.close.code is CloseCode.UNAUTHORIZED
        assert await peer.finished() == 0
