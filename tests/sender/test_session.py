"""AudioOut's session: what goes beside the audio."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import anyio
import pytest

from lipwire.protocol.channels import Channel
from lipwire.protocol.connection import encode_refusal
from lipwire.protocol.errors import (
    CloseCode,
    LipwireError,
    LocalProtocolError,
    NeverConnected,
    RemoteProtocolError,
)
from lipwire.protocol.events import SessionEnded, SessionOpened, StreamStarted
from lipwire.protocol.limits import Limits
from lipwire.protocol.registry import Feature
from lipwire.receiver import Acceptor, Data, Mark, Paused, Unpaused
from lipwire.sender import AudioOut, Cause
from lipwire.transports import Transport, TransportError, memory_pair

from ..end_to_end.world import CountedListener, avatar, connected, settle, speech, until

pytestmark = pytest.mark.anyio


class TestBesides:
    async def test_marks_are_reached_in_turn(self) -> None:
        async with connected(speed=1.0) as world:
            async with world.out.segment() as segment:
                await segment.write(speech(1.0))
                assert segment.mark("one second")
                assert segment.mark("half", 12_000)
                await segment.write(speech(1.0))
                assert segment.mark("beyond", 10**6)
            began = anyio.current_time()
            assert await segment.mark_reached("half")
            assert anyio.current_time() - began == pytest.approx(0.5, abs=0.25)
            assert await segment.mark_reached("one second")
            assert await segment.mark_reached("beyond")
            assert anyio.current_time() - began == pytest.approx(2, abs=0.25)
            with pytest.raises(KeyError):
                await segment.mark_reached("never set")
            marks = [item for item in world.renderer.items if isinstance(item, Mark)]
            assert [mark.name for mark in marks] == ["half", "one second", "beyond"]

    async def test_waits_for_marks_and_the_start_end_with_the_segment(self) -> None:
        async with connected(speed=1.0) as world:
            first = world.out.segment()
            await first.write(speech(5.0))
            first.mark("far", 100_000)
            first.end()
            second = world.out.segment()
            await second.write(speech(1.0))
            results: list[bool] = []

            async def wait(what: Any) -> None:
                results.append(await what())

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(wait, lambda: first.mark_reached("far"))
                tasks.start_soon(wait, second.started)
                await anyio.sleep(1)
                await world.out.interrupt()
            assert results == [False, False]
            assert not second.mark("late")
            assert not second.data({"a.b": 1})

    async def test_marks_of_one_name(self) -> None:
        async with connected(speed=1.0) as world:
            results: list[bool] = []

            async def wait(segment: Any) -> None:
                results.append(await segment.mark_reached("word"))

            async with anyio.create_task_group() as tasks, world.out.segment() as segment:
                segment.mark("word", 1_000)
                tasks.start_soon(wait, segment)
                await anyio.lowlevel.checkpoint()
                segment.mark("word", 20_000)
                await segment.write(speech(1.0))
                tasks.start_soon(wait, segment)
            assert results == [True, True]

    async def test_data_comes_in_its_place(self) -> None:
        async with connected() as world:
            async with world.out.segment() as segment:
                assert segment.data({"words": ["a"]}, 0)
                await segment.write(speech(0.1))
                assert segment.data({"words": ["b"]})
                await segment.write(speech(0.1))
            await segment.ended()
            data = [item for item in world.renderer.items if isinstance(item, Data)]
            assert [(item.position, item.content) for item in data] == [
                (0, {"words": ["a"]}),
                (2_400, {"words": ["b"]}),
            ]

    async def test_pause_holds_and_unpause_goes_on(self) -> None:
        async with connected(speed=1.0) as world:
            hooks: list[bool] = []
            world.audio.on_pause(hooks.append)
            async with world.out.segment() as segment:
                await segment.write(speech(2.0))
            await anyio.sleep(1)
            world.out.pause()
            world.out.pause()
            await anyio.sleep(0.5)
            heard = world.renderer.heard[1]
            await anyio.sleep(30)  # far beyond the grace: while paused nothing expires
            assert world.renderer.heard[1] == heard
            assert segment.result is None
            world.out.unpause()
            assert (await segment.ended()).cause is Cause.PLAYED
            assert hooks == [True, False]
            assert [item for item in world.renderer.items if isinstance(item, (Paused, Unpaused))] == [
                Paused(),
                Unpaused(),
            ]
            assert bytes(world.renderer.pcm[1]) == speech(2.0)

    async def test_an_interrupt_while_paused_goes_on_with_the_next(self) -> None:
        async with connected(speed=1.0) as world:
            first = world.out.segment()
            await first.write(speech(5.0))
            await anyio.sleep(1)
            world.out.pause()
            await world.out.interrupt()
            async with world.out.segment() as second:
                await second.write(speech(0.5))
            assert (await first.ended()).cause is Cause.INTERRUPTED
            assert (await second.ended()).cause is Cause.PLAYED

    async def test_custom_messages_both_ways(self) -> None:
        got: list[Any] = []

        def note(event: Any) -> None:
            if hasattr(event, "content"):
                got.append(event.content)

        async with connected(out={"on_event": note}) as world:
            there: list[Any] = []
            world.audio.on_custom(there.append)
            world.out.send_custom({"com.example.mood": "glad"})
            await until(lambda: there)
            world.audio.send_custom({"com.example.reply": [1, 2]})
            await until(lambda: got)
            assert (there, got) == ([{"com.example.mood": "glad"}], [{"com.example.reply": [1, 2]}])

    async def test_what_the_avatar_does_not_support_is_an_error(self) -> None:
        async with connected(features=frozenset({Feature.RESUME})) as world:
            assert world.out.features == {Feature.RESUME}
            segment = world.out.segment()
            for call in (
                world.out.pause,
                world.out.unpause,
                lambda: world.out.send_custom({}),
                lambda: segment.mark("x"),
                lambda: segment.data({}),
            ):
                with pytest.raises(LocalProtocolError, match="does not support"):
                    call()
            segment.end()

    async def test_events_in_order_and_a_hook_that_fails(self, caplog: pytest.LogCaptureFixture) -> None:
        events: list[Any] = []

        def hook(event: Any) -> None:
            events.append(event)
            raise ZeroDivisionError("in the hook")

        with caplog.at_level(logging.INFO):
            async with connected(out={"on_event": hook}) as world:
                async with world.out.segment() as segment:
                    await segment.write(speech(0.1))
                assert (await segment.ended()).cause is Cause.PLAYED
        kinds = [type(event).__name__ for event in events]
        assert kinds == ["SessionOpened", "StreamStarted", "StreamEnded", "SessionEnded"]
        assert isinstance(events[0], SessionOpened)
        assert isinstance(events[1], StreamStarted)
        assert isinstance(events[-1], SessionEnded)
        assert "in the hook" in caplog.text

    async def test_a_hook_may_call_back(self) -> None:
        seen: list[str] = []

        async with avatar(speed=1.0) as world:

            def hook(event: Any) -> None:
                seen.append(type(event).__name__)
                if isinstance(event, StreamStarted):
                    assert out.interrupt_nowait()
                    seen.append("called back")

            async with world.agent(on_event=hook) as out:
                async with out.segment() as segment:
                    await segment.write(speech(5.0))
                assert (await segment.ended()).cause is Cause.INTERRUPTED
        assert seen == [
            "SessionOpened",
            "StreamStarted",
            "called back",
            "InterruptConfirmed",
            "StreamEnded",
            "SessionEnded",
        ]

    async def test_statistics(self) -> None:
        async with connected(speed=1.0) as world:
            async with world.out.segment() as segment:
                await segment.write(speech(4.0))
            await anyio.sleep(1)
            now = world.out.statistics()
            assert now.connected
            assert (now.sessions, now.transports, now.live_segments) == (1, 1, 1)
            assert 0 < now.buffered < 4
            assert now.sent_bytes > 48_000
            assert now.sent_chunks > 1
            assert now.round_trip > 0
            assert now.repaired_chunks == now.repaired_seconds == 0
            await world.out.interrupt()
            then = world.out.statistics()
            assert then.interrupts == 1
            assert then.last_interrupt_latency >= 0
            assert then.buffered == 0
            there = world.audio.statistics()
            assert there.connected
            assert there.interrupts == 1
            await segment.ended()
            assert world.out.statistics().live_segments == 0


async def test_a_refusal_that_names_a_time_is_not_the_last_word() -> None:
    async with avatar() as world:
        transports: list[Any] = []

        async def connect() -> Transport:
            from lipwire.transports import ScriptedTransport

            if len(transports) < 2:
                transports.append(ScriptedTransport())
                refusal = RemoteProtocolError(CloseCode.INTERNAL_ERROR, "not yet", retry=700)
                transports[-1].feed(encode_refusal(refusal), channel=Channel.CONTROL)
                return transports[-1]
            return await world.listener.connect()

        began = anyio.current_time()
        async with world.agent(connect, limits=Limits()):
            assert anyio.current_time() - began == pytest.approx(1.4, abs=0.05)
        assert all(transport.closed for transport in transports)


@pytest.mark.usefixtures("without_delivery")
async def test_a_close_that_had_arrived_is_read_though_sending_fails() -> None:
    async with connected() as world:
        await settle()
        avatar_side = world.listener.avatars[0]
        close = encode_refusal(RemoteProtocolError(CloseCode.INTERNAL_ERROR, "out of memory"))
        avatar_side.send(Channel.CONTROL, close)
        avatar_side.abort()
        world.out.segment()  # fails to send, before the close was read
        await until(lambda: world.out.closed)
        assert world.out.closed.reason == "out of memory"
        assert world.listener.attempts == 1


async def test_nothing_is_kept_of_segments_that_are_over() -> None:
    async with connected(speed=10.0) as world:
        for number in range(40):
            async with world.out.segment() as segment:
                segment.mark("m", 0)
                await segment.write(speech(0.1))
            if number % 3 == 0:
                await segment.started()
                await world.out.interrupt()
            if number % 3 == 1:
                segment.interrupt()
            await segment.ended()
        assert not world.out._segments
        assert not world.out._interrupts
        assert world.out.statistics().live_segments == 0
        assert world.out.statistics().in_flight == 0


def test_made_outside_of_the_loop() -> None:
    listener = CountedListener()
    out = AudioOut(listener.connect)
    acceptor = Acceptor(listener)

    async def main() -> None:
        async with acceptor, out:
            assert out.statistics().connected
            await out.aclose()

    for name in ("asyncio", "trio"):
        anyio.run(main, backend=name)
        out = AudioOut(listener.connect)
        acceptor = Acceptor(listener)


@pytest.mark.parametrize("where", ["send", "receive", "aclose"])
@pytest.mark.usefixtures("without_delivery")
async def test_a_transport_that_raises_what_it_should_not_is_taken_as_broken(
    where: str, caplog: pytest.LogCaptureFixture
) -> None:
    transports: list[Any] = []
    async with avatar() as world:

        async def connect() -> Transport:
            transport: Any = await world.listener.connect()
            original, calls = getattr(transport, where), 0

            def fail(*args: Any) -> Any:
                nonlocal calls
                calls += 1
                if where == "aclose" or (calls == 5 and len(transports) == 1):
                    raise OSError("a bug in the driver")
                return original(*args)

            setattr(transport, where, fail)
            transports.append(transport)
            return transport

        async with world.agent(connect) as out:
            async with out.segment() as segment:
                for _ in range(40):
                    await segment.write(speech(0.02))
                    await anyio.sleep(0.02)
            assert (await segment.ended()).cause is Cause.PLAYED
            assert len(transports) == (1 if where == "aclose" else 2)
            assert out.statistics().sessions == 1
    assert "a bug in the driver" in caplog.text


async def test_a_transport_that_can_not_be_used_is_not_left_open() -> None:
    peers: list[Any] = []

    async def connect() -> Transport:
        await anyio.lowlevel.checkpoint()
        ours, peer = memory_pair()
        ours.binding = replace(ours.binding, broadcast=True)
        peers.extend((ours, peer))
        return ours

    with pytest.raises(NeverConnected, match="set room_key"):
        async with AudioOut(connect, auth="token", clock=anyio.current_time):
            pytest.fail("never opened")
    assert len(peers) == 2
    with pytest.raises(TransportError):
        await peers[1].receive()


@pytest.mark.parametrize(
    "what",
    [
        {"info": {"x": object()}},
        {"info": {"x": "a" * 20_000}},
        {"info": {"x": "a" * 70_000}},
        {"auth": "secret" * 1_000},
        {"auth": 5},
    ],
)
def test_what_no_avatar_could_read_is_found_at_once(what: dict[str, Any]) -> None:
    with pytest.raises(LocalProtocolError, match=r"hello") as caught:
        AudioOut(CountedListener().connect, **what)
    assert "secret" not in str(caught.value)


async def test_a_hook_may_touch_a_segment_of_the_session_that_ended() -> None:
    answers: list[Any] = []
    segments: list[Any] = []

    def hook(event: Any) -> None:
        if isinstance(event, SessionEnded) and not answers:
            old = segments[0]
            answers.extend((old.write_nowait(bytes(96)), old.interrupt(), old.mark("m"), old.data({"a.b": 1})))
            old.end()
            segments.append(out.segment())

    async with avatar(speed=1.0) as world, world.agent(on_event=hook) as out:
        segments.append(out.segment())
        await segments[0].write(speech(1.0))
        await until(lambda: world.renderers)
        world.audio._core.close(anyio.current_time(), CloseCode.GOING_AWAY, retry=1.0)
        world.audio._shell.flush()
        assert (await segments[0].ended()).cause is Cause.PEER_CLOSED
        assert answers == [False] * 4
        await segments[1].write(speech(0.1))
        segments[1].end()
        assert (await segments[1].ended()).cause is Cause.PLAYED


async def test_what_is_no_connector_is_said_at_once() -> None:
    with pytest.raises(TypeError, match="connector_for"):
        AudioOut("ws://127.0.0.1:1")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not int"):
        AudioOut(5)  # type: ignore[arg-type]


async def test_waiting_before_entering_is_refused() -> None:
    async with avatar() as world:
        with pytest.raises(LipwireError, match="async with"):
            await world.agent().connected()
