"""AudioOut and AudioIn with version 0, whose state machines have their own tests."""

from __future__ import annotations

import anyio
import pytest

from lipwire.protocol.channels import Channel
from lipwire.protocol.errors import LocalProtocolError, NeverConnected, SessionRefused
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.limits import Limits
from lipwire.protocol.version0_receiver import ReceiverSettings0
from lipwire.protocol.version0_sender import SenderSettings0
from lipwire.receiver import Acceptor, Audio, Greeting, Interrupted, SegmentEnd, SegmentStart
from lipwire.sender import AudioOut, Cause
from lipwire.transports import MemoryListener, memory_pair

from .world import MONO, avatar, connected, speech, until

pytestmark = pytest.mark.anyio
ZERO = {"version": 0}


async def test_what_is_written_is_what_is_rendered_and_heard() -> None:
    said = speech(3.0)
    out = {"version": 0, "version_0": SenderSettings0(exact_acks=True)}
    async with connected(speed=1.0, out=out, **ZERO) as world:
        assert world.out.features == frozenset()
        assert world.audio.format == MONO
        async with world.out.segment(text="Hello there") as segment:
            for at in range(0, len(said), 1_000):
                assert await segment.write(said[at : at + 1_000])
        ended = await segment.ended()
        assert not await segment.started()
        statistics = world.out.statistics()
        assert statistics.connected
        assert statistics.sent_bytes == len(said)
        assert world.audio.statistics().connected
    assert world.renderer.pcm[1] == said
    assert ended.cause is Cause.PLAYED
    assert (ended.position, ended.seconds, ended.exact, ended.interrupted) == (72_000, 3.0, True, False)
    items = world.renderer.items
    assert items[0] == SegmentStart(1, {})
    assert items[-1] == SegmentEnd(1, 72_000)
    assert world.renderer.done
    assert world.renderer.error is None


async def test_an_interrupt_and_the_answer_behind_it() -> None:
    answer = speech(0.5, 2)
    async with connected(speed=1.0, out=ZERO, **ZERO) as world:
        first = world.out.segment()
        await first.write(speech(20.0))
        await anyio.sleep(1.0)
        await world.out.interrupt()
        assert not await first.write(speech(0.1))
        ended = await first.ended()
        assert ended.cause is Cause.INTERRUPTED
        assert ended.seconds == pytest.approx(1.0, abs=0.15)
        async with world.out.segment() as second:
            await second.write(answer)
        assert (await second.ended()).cause is Cause.PLAYED
    assert world.renderer.pcm[2] == answer
    assert [one.segments for one in world.renderer.resets] == [(1,)]
    assert any(isinstance(item, Interrupted) for item in world.renderer.items)


async def test_frames_of_a_fixed_length() -> None:
    async with connected(out=ZERO, frame_ms=10, **ZERO) as world:
        async with world.out.segment() as segment:
            await segment.write(speech(0.105))
        await segment.ended()
    lengths = [item.samples for item in world.renderer.items if isinstance(item, Audio)]
    assert lengths == [240] * 10 + [120]


async def test_what_version_0_can_not_do_is_said() -> None:
    async with connected(out=ZERO, **ZERO) as world, world.out.segment() as segment:
        for call in (
            world.out.pause,
            lambda: segment.mark("here"),
            lambda: segment.data({"a": 1}),
            lambda: world.out.send_custom({"a": 1}),
            lambda: world.audio.send_custom({"a": 1}),
        ):
            with pytest.raises(LocalProtocolError, match="version 0 has no"):
                call()
    with pytest.raises(LocalProtocolError, match="token"):
        AudioOut(MemoryListener().connect, auth="secret", version=0)
    with pytest.raises(LocalProtocolError, match="mono"):
        AudioOut(MemoryListener().connect, format=PcmFormat(24_000, 2), version=0)
    with pytest.raises(LocalProtocolError, match="mono"):
        Acceptor(MemoryListener(), formats=[PcmFormat(24_000, 2)], version=0)


async def test_a_lost_transport_makes_a_new_session() -> None:
    async with connected(speed=1.0, out=ZERO, **ZERO) as world:
        first = world.out.segment()
        await first.write(speech(5.0))
        await anyio.sleep(0.5)
        world.listener.newest.disconnect()
        ended = await first.ended()
        assert (ended.cause, ended.exact) == (Cause.TRANSPORT_LOST, False)
        async with world.out.segment() as second:
            await second.write(speech(0.5, 2))
        assert (await second.ended()).cause is Cause.PLAYED
        assert world.out.statistics().sessions == 2
        await until(lambda: len(world.renderers) == 2)
    assert world.renderers[0].done
    assert world.renderers[0].error is None
    assert world.renderers[1].pcm[1] == speech(0.5, 2)


async def test_settings_reach_the_state_machines() -> None:
    settings = ReceiverSettings0(most_held=1.0)
    limits = Limits(cooldown=0.1)
    async with connected(
        render=False,
        out={"version_0": SenderSettings0(lead=5.0), "format": PcmFormat(16_000), **ZERO},
        formats=[PcmFormat(16_000)],
        limits=limits,
        version_0=settings,
        **ZERO,
    ) as world:
        assert world.audio.format == PcmFormat(16_000)
        segment = world.out.segment()
        await segment.write(speech(4.0))
        first = world.audio
        await until(lambda: first.closed)
        assert "more than 1 s" in first.closed.reason  # type: ignore[union-attr]
        await segment.ended()


@pytest.mark.parametrize("kind", ["no", "busy", "raises"])
async def test_a_refusal_only_closes_the_transport(kind: str) -> None:
    greetings: list[Greeting] = []

    async def authenticate(greeting: Greeting) -> bool:
        greetings.append(greeting)
        if kind == "raises":
            raise RuntimeError("on purpose")
        return kind == "busy"

    async with avatar(authenticate=authenticate, max_sessions=0 if kind == "busy" else 9, **ZERO) as world:
        transport = await world.listener.connect()
        with anyio.fail_after(5), pytest.raises(Exception, match="closed"):
            await transport.receive()
        await transport.aclose()
        assert not world.renderers
    assert [greeting.auth for greeting in greetings] == ([] if kind == "busy" else [None])


async def test_an_acceptor_speaks_with_anything_that_sends_pcm() -> None:
    ours, theirs = memory_pair()

    class One(MemoryListener):
        async def accept(self):
            while given:
                await anyio.sleep_forever()
            given.append(True)
            return theirs

    given: list[bool] = []
    async with Acceptor(One(), version=0, clock=anyio.current_time) as acceptor:
        ours.send(Channel.MEDIA, b"\x01\x00\x02\x00")
        ours.send(Channel.CONTROL, '{"type": "segment_end"}')
        audio = await acceptor.accept()
        assert await audio.receive() == SegmentStart(1, {})
        assert await audio.receive() == Audio(1, 0, b"\x01\x00\x02\x00", MONO)
        assert await audio.receive() == SegmentEnd(1, 2)
        audio.notify_stream_ended(1)
        assert await ours.receive() == [
            (
                Channel.CONTROL,
                '{"type": "stream_ended", "data": {"playback_position": 8.333333333333333e-05, "interrupted": false}}',
            )
        ]
        await ours.aclose()
        assert [item async for item in audio] == []


async def test_never_connected() -> None:
    with pytest.raises((NeverConnected, SessionRefused)):
        async with AudioOut(MemoryListener().connect, version=0, connect_timeout=1.0, clock=anyio.current_time):
            pass
