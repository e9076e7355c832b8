"""Acceptor: who is let in, who is not, who takes over, and what is left at the end."""

from __future__ import annotations

import logging
from typing import Any

import anyio
import pytest

from lipwire.protocol.channels import Channel
from lipwire.protocol.codec import decode, encode
from lipwire.protocol.errors import CloseCode, NeverConnected, SessionRefused
from lipwire.protocol.limits import Limits
from lipwire.protocol.messages import CloseMessage, Hello, Ping, Welcome
from lipwire.receiver import Acceptor, AudioIn, Greeting, SegmentEnd, open_audio_in
from lipwire.sender import AudioOut, Cause
from lipwire.transports import (
    MemoryListener,
    ScriptedTransport,
    Transport,
    TransportBroken,
    TransportClosed,
    TransportError,
    memory_pair,
)

from ..end_to_end.world import CountedListener, avatar, connected, settle, speech, tasks_living, until

pytestmark = pytest.mark.anyio


def hello(session: bytes = bytes(16), **more: Any) -> bytes:
    fields: dict[str, Any] = {
        "magic": "lipwire",
        "versions": [1],
        "session": session,
        "generation": 1,
        "formats": [["s16le", 24_000, 1]],
        "features": ["resume", "repair", "custom"],
        "limits": {},
        "auth": None,
        "resume": None,
        "info": {"name": "by hand"},
    }
    return encode(Hello(**{**fields, **more}))


async def answer(transport: Transport) -> list[Any]:
    """All that comes until the transport ends or is silent."""
    got: list[Any] = []
    with anyio.move_on_after(0.01):
        try:
            while True:
                got += [decode(data, 65_536) for _, data in await transport.receive()]
        except TransportError:
            pass
    return [message for message in got if message is not None and not isinstance(message, Ping)]


async def refusal(transport: Transport) -> CloseMessage:
    (message,) = await answer(transport)
    assert isinstance(message, CloseMessage)
    with pytest.raises(TransportError):
        await transport.receive()
    return message


class TestAuthenticate:
    @pytest.mark.parametrize("kind", ["sync", "async"])
    async def test_says_who_may(self, kind: str) -> None:
        asked: list[Greeting] = []

        def check(greeting: Greeting) -> bool:
            asked.append(greeting)
            return greeting.auth == "let me in"

        async def check_later(greeting: Greeting) -> bool:
            await anyio.sleep(0.5)
            return check(greeting)

        async with avatar(authenticate=check if kind == "sync" else check_later) as world:
            async with world.agent(auth="let me in", info={"name": "Ann"}) as out:
                async with out.segment() as segment:
                    await segment.write(speech(0.1))
                assert (await segment.ended()).cause is Cause.PLAYED
            assert asked[0].info == {"name": "Ann"}
            assert asked[0].peer.startswith("memory:")
            assert len(asked[0].session) == 16
            assert "let me in" not in repr(asked[0])
            for token in ("let me out", None, b"let me in"):
                with pytest.raises(SessionRefused, match="unauthorized"):
                    await world.agent(auth=token).__aenter__()
            assert len(world.renderers) == 1

    async def test_one_that_fails_is_not_the_agents_fault(self, caplog: pytest.LogCaptureFixture) -> None:
        calls = 0

        def check(greeting: Greeting) -> bool:  # noqa: ARG001
            nonlocal calls
            calls += 1
            if calls < 3:
                raise ConnectionError("the database is down")
            return True

        with caplog.at_level(logging.INFO):
            async with avatar(authenticate=check) as world:
                began = anyio.current_time()
                async with world.agent():
                    assert anyio.current_time() - began == pytest.approx(2, abs=0.1)
                assert calls == 3
        assert "the database is down" in caplog.text

    async def test_one_that_hangs_is_not_waited_for(self) -> None:
        async def check(greeting: Greeting) -> bool:  # noqa: ARG001
            await anyio.sleep_forever()
            return True

        async with avatar(authenticate=check, limits=Limits(handshake=2.0)) as world:
            transport = await world.listener.connect()
            transport.send(Channel.CONTROL, hello())
            await anyio.sleep(2.1)
            close = await refusal(transport)
            assert close.code == CloseCode.INTERNAL_ERROR
            assert close.retry
            assert world.acceptor.sessions == ()
            await transport.aclose()

    async def test_a_first_hello_that_comes_anew_is_asked_for_its_token_as_well(self) -> None:
        async with avatar(authenticate=lambda greeting: greeting.auth == "right", render=False) as world:
            first = await world.listener.connect()
            first.send(Channel.CONTROL, hello(auth="right"))
            assert isinstance((await answer(first))[0], Welcome)
            second = await world.listener.connect()
            second.send(Channel.CONTROL, hello(auth="wrong", generation=2))
            assert (await refusal(second)).code == CloseCode.UNAUTHORIZED
            third = await world.listener.connect()
            third.send(Channel.CONTROL, hello(auth="right", generation=2))
            got = await answer(third)
            assert isinstance(got[0], Welcome), got
            assert len(world.acceptor.sessions) == 1
            for transport in (first, second, third):
                await transport.aclose()


class TestRefused:
    @pytest.mark.parametrize(
        ("first", "code", "says"),
        [
            ("INTERRUPT", CloseCode.NOT_LIPWIRE, "version 0"),
            ('{"type": "segment_end"}', CloseCode.NOT_LIPWIRE, "version 0"),
            (bytes(960), CloseCode.NOT_LIPWIRE, "version 0"),
            (b"", CloseCode.NOT_LIPWIRE, ""),
            (b"\xc1", CloseCode.NOT_LIPWIRE, ""),
            (encode(Ping(1)), CloseCode.NOT_LIPWIRE, ""),
            (hello(versions=[9]), CloseCode.UNSUPPORTED_VERSION, "version 1"),
            (hello(formats=[["opus", 48_000, 2]]), CloseCode.UNSUPPORTED_FORMAT, "opus"),
            (hello(resume=[bytes(16), 0]), CloseCode.UNKNOWN_SESSION, "no such session"),
        ],
    )
    async def test_first_messages(self, first: Any, code: CloseCode, says: str) -> None:
        async with avatar() as world:
            transport = await world.listener.connect()
            transport.send(Channel.CONTROL, first)
            close = await refusal(transport)
            assert close.code == code
            assert says in close.reason
            await transport.aclose()
            async with world.agent() as out:  # and the next one is welcome
                assert out.statistics().connected

    async def test_hello_never_comes(self) -> None:
        async with avatar(limits=Limits(handshake=3)) as world:
            transport = await world.listener.connect()
            began = anyio.current_time()
            close = decode((await transport.receive())[0][1], 65_536)
            assert isinstance(close, CloseMessage)
            assert close.code == CloseCode.HANDSHAKE_TIMEOUT
            assert anyio.current_time() - began == pytest.approx(3, abs=0.1)
            await transport.aclose()

    async def test_transports_that_go_before_hello(self) -> None:
        async with avatar() as world:
            await (await world.listener.connect()).aclose()
            (await world.listener.connect()).abort()
            await settle()
            assert len(world.listener.avatars) == 2
            assert world.acceptor.sessions == ()

    async def test_no_more_sessions_than_allowed(self) -> None:
        async with avatar(max_sessions=2) as world, world.agent(), world.agent():
            with pytest.raises(NeverConnected, match="2 sessions are open already"):
                await world.agent(connect_timeout=3.5).__aenter__()
            transport = await world.listener.connect()
            transport.send(Channel.CONTROL, hello())
            close = await refusal(transport)
            assert (close.code, close.retry) == (CloseCode.BUSY, 1_000)
            await transport.aclose()

    async def test_those_being_checked_count_as_sessions(self) -> None:
        async def check(greeting: Greeting) -> bool:  # noqa: ARG001
            await anyio.sleep(1)
            return True

        async with avatar(max_sessions=1, authenticate=check, render=False) as world:
            transports = [await world.listener.connect() for _ in range(3)]
            for number, transport in enumerate(transports):
                transport.send(Channel.CONTROL, hello(bytes([number]) * 16))
            await anyio.sleep(2)
            kinds = [type((await answer(transport))[0]) for transport in transports]
            assert sorted(kind.__name__ for kind in kinds) == ["CloseMessage", "CloseMessage", "Welcome"]
            for transport in transports:
                await transport.aclose()


class TestTakingOver:
    async def test_a_newer_connection_supersedes_one_that_seems_alive(self) -> None:
        async with avatar(render=False) as world:
            old = await world.listener.connect()
            old.send(Channel.CONTROL, hello())
            (welcome,) = await answer(old)
            new = await world.listener.connect()
            new.send(Channel.CONTROL, hello(generation=2, resume=[welcome.secret, 0]))
            (resumed,) = await answer(new)
            assert isinstance(resumed, Welcome)
            assert resumed.state == [0, []]
            assert (await refusal(old)).code == CloseCode.SUPERSEDED
            assert len(world.acceptor.sessions) == len(world.renderers) == 1
            assert world.audio.statistics().transports == 2
            # Wrong credentials and old generations leave it as it is.
            for generation, secret in ((3, bytes(16)), (2, resumed.secret), (1, resumed.secret)):
                wrong = await world.listener.connect()
                wrong.send(Channel.CONTROL, hello(generation=generation, resume=[secret, 0]))
                assert (await refusal(wrong)).code == CloseCode.RESUME_REFUSED
                await wrong.aclose()
            new.send(Channel.CONTROL, encode(Ping(5)))
            assert len(await answer(new)) == 1
            await old.aclose()
            await new.aclose()

    @pytest.mark.usefixtures("without_delivery")
    async def test_what_was_taken_off_a_superseded_transport_is_dropped(self) -> None:
        """It has been received and its reader has not run yet when the newer one takes over."""
        async with avatar(render=False) as world:
            old = await world.listener.connect()
            old.send(Channel.CONTROL, hello())
            (welcome,) = await answer(old)
            shell: Any = world.audio._shell
            given: list[Any] = []
            original = shell.receive
            shell.receive = lambda batch: (given.append(batch), original(batch))
            old.send(Channel.CONTROL, b"garbage")
            shell.drop_transport()  # before anybody else runs
            await settle()
            assert given == []
            assert world.audio.closed is None
            new = await world.listener.connect()
            new.send(Channel.CONTROL, hello(generation=2, resume=[welcome.secret, 0]))
            assert isinstance((await answer(new))[0], Welcome)
            await old.aclose()
            await new.aclose()

    async def test_two_sessions_at_once_are_apart(self) -> None:
        async with avatar(speed=1.0) as world, world.agent() as one, world.agent() as two:
            async with one.segment(text="one") as first, two.segment(text="two") as second:
                await first.write(speech(1.0, 1))
                await second.write(speech(1.0, 2))
            await anyio.sleep(0.3)
            await one.interrupt()
            assert (await first.ended()).cause is Cause.INTERRUPTED
            assert (await second.ended()).cause is Cause.PLAYED
            assert len(world.acceptor.sessions) == 2


class TestLeaving:
    async def test_sessions_are_closed_and_consumers_end(self) -> None:
        listener = CountedListener()
        before = tasks_living()
        audios: list[AudioIn] = []
        async with anyio.create_task_group() as tasks:
            async with Acceptor(listener, clock=anyio.current_time) as acceptor:

                async def consume(audio: AudioIn) -> None:
                    async for _ in audio:
                        pass

                transports = [await listener.connect() for _ in range(3)]
                for number, transport in enumerate(transports[:2]):
                    transport.send(Channel.CONTROL, hello(bytes([number]) * 16))
                for _ in range(2):
                    audios.append(await acceptor.accept())
                    tasks.start_soon(consume, audios[-1])
                await settle()
                assert len(acceptor.sessions) == 2
            assert acceptor.sessions == ()
        for transport in transports:  # the one that has not said hello as well
            messages = await answer(transport)
            assert isinstance(messages[-1], CloseMessage)
            assert (messages[-1].code, messages[-1].retry) == (CloseCode.GOING_AWAY, 1_000)
            await transport.aclose()
        assert {audio.closed.code for audio in audios if audio.closed} == {CloseCode.GOING_AWAY}
        listener.check_closed()
        assert tasks_living() == before
        with pytest.raises(TransportClosed):
            await acceptor.accept()
        with pytest.raises(StopAsyncIteration):
            await anext(acceptor)

    @pytest.mark.parametrize("how", ["exception", "cancellation"])
    async def test_agents_are_told_however_it_is_left(self, how: str) -> None:
        listener = CountedListener()
        messages: list[Any] = []
        transport: Any = None

        async def serve() -> None:
            nonlocal transport
            async with Acceptor(listener, clock=anyio.current_time) as acceptor:
                transport = await listener.connect()
                transport.send(Channel.CONTROL, hello())
                await acceptor.accept()
                if how == "exception":
                    raise ZeroDivisionError
                await anyio.sleep_forever()

        if how == "exception":
            with pytest.raises(ZeroDivisionError):
                await serve()
        else:
            with anyio.move_on_after(1):
                await serve()
        messages = await answer(transport)
        assert messages[-1].code == CloseCode.GOING_AWAY
        await transport.aclose()
        listener.check_closed()

    async def test_waiting_for_sessions_ends(self) -> None:
        listener = CountedListener()
        ended: list[str] = []
        async with anyio.create_task_group() as tasks:
            async with Acceptor(listener, clock=anyio.current_time) as acceptor:

                async def loop() -> None:
                    async for _ in acceptor:
                        pytest.fail("nobody came")
                    ended.append("loop")

                tasks.start_soon(loop)
                await settle()
            await settle()
        assert ended == ["loop"]

    async def test_several_wait_for_sessions(self) -> None:
        listener = CountedListener()
        got: list[AudioIn | None] = []
        async with anyio.create_task_group() as tasks:
            async with Acceptor(listener, clock=anyio.current_time) as acceptor:

                async def wait() -> None:
                    try:
                        got.append(await acceptor.accept())
                    except TransportClosed:
                        got.append(None)

                for _ in range(3):
                    tasks.start_soon(wait)
                with anyio.move_on_after(0.1):
                    await acceptor.accept()
                transports = [await listener.connect() for _ in range(2)]
                for number, transport in enumerate(transports):
                    transport.send(Channel.CONTROL, hello(bytes([number]) * 16))
                await settle()
                assert len({id(audio) for audio in got}) == 2
            await settle()
            assert got[2] is None
        for transport in transports:
            await transport.aclose()

    async def test_a_listener_that_can_not_open(self) -> None:
        class Shut(CountedListener):
            async def __aenter__(self) -> Any:
                raise TransportBroken("the address is in use")

        with pytest.raises(TransportBroken, match="in use"):
            await Acceptor(Shut()).__aenter__()

    async def test_a_session_that_nobody_took_is_closed_too(self) -> None:
        listener = CountedListener()
        async with Acceptor(listener, clock=anyio.current_time) as acceptor:
            transport = await listener.connect()
            transport.send(Channel.CONTROL, hello())
            await settle()
            assert len(acceptor.sessions) == 1
        assert (await answer(transport))[-1].code == CloseCode.GOING_AWAY
        await transport.aclose()
        listener.check_closed()

    async def test_a_fault_of_ours_ends_one_session_only(self, caplog: pytest.LogCaptureFixture) -> None:
        async with connected() as world, world.agent() as other:
            await until(lambda: len(world.renderers) == 2)
            core: Any = world.renderers[0].audio._core

            def fail(*_: Any) -> None:
                raise ZeroDivisionError("a bug")

            core.receive = fail
            with caplog.at_level(logging.ERROR):
                world.out.segment()
                await until(lambda: world.renderers[0].audio.closed)
            assert "a bug" in caplog.text
            async with other.segment() as segment:
                await segment.write(speech(0.1))
            assert (await segment.ended()).cause is Cause.PLAYED
            await world.out.aclose()


class TestOneTransport:
    async def test_its_audio(self) -> None:
        before = tasks_living()
        agent, avatar_side = memory_pair()
        async with (
            AudioOut(agent, clock=anyio.current_time, wait_connected=False) as out,
            open_audio_in(avatar_side, clock=anyio.current_time) as audio,
            anyio.create_task_group() as tasks,
        ):

            async def consume() -> None:
                async for item in audio:
                    if isinstance(item, SegmentEnd):
                        audio.notify_stream_ended(item.segment)

            tasks.start_soon(consume)
            async with out.segment() as segment:
                await segment.write(speech(0.1))
            assert (await segment.ended()).cause is Cause.PLAYED
            await out.aclose()
        await settle()
        assert tasks_living() == before

    @pytest.mark.parametrize("first", [b"garbage", None])
    async def test_that_is_refused_or_goes(self, first: bytes | None) -> None:
        transport = ScriptedTransport()
        if first is not None:
            transport.feed(first)
        transport.end()
        with anyio.fail_after(30), pytest.raises(TransportClosed):
            async with open_audio_in(transport, clock=anyio.current_time):
                pytest.fail("opened")
        assert transport.closed

    async def test_that_never_says_hello(self) -> None:
        transport = ScriptedTransport()
        with anyio.fail_after(30), pytest.raises(TransportClosed):
            async with open_audio_in(transport, clock=anyio.current_time):
                pytest.fail("opened")
        assert transport.closed
        assert len(transport.sent) == 1


async def test_messages_right_behind_hello_are_taken() -> None:
    """A peer that does not wait for welcome breaks a rule, and in one batch with hello as well."""
    transport = ScriptedTransport()
    transport.feed(hello(), encode(Ping(1)))
    async with open_audio_in(transport, clock=anyio.current_time) as audio:
        await settle()
        assert audio.info == {"name": "by hand"}
        names = [type(decode(data, 65_536)).__name__ for _, data in transport.sent]
        assert names[0] == "Welcome"


@pytest.mark.parametrize("leaves", [True, False])
async def test_who_leaves_before_welcome_gets_no_answer(leaves: bool) -> None:
    async def check(_: Greeting) -> bool:
        await anyio.sleep(0.2)
        return True

    async with avatar(authenticate=check, render=False) as world:
        transport = await world.listener.connect()
        transport.send(Channel.CONTROL, hello())
        await anyio.sleep(0.05)
        transport.send(Channel.CONTROL, encode(CloseMessage(CloseCode.GOING_AWAY, "") if leaves else Ping(1)))
        await anyio.sleep(0.01)
        codes = [message.code for message in await answer(transport)]
        assert codes == ([] if leaves else [CloseCode.OUT_OF_STATE])  # LW-INVARIANT-5, LW-OPEN-1
        await transport.aclose()


async def test_transports_that_say_nothing_are_bounded() -> None:
    """They are held for the handshake time, so there may not be more of them than sessions."""
    listener = MemoryListener()
    async with Acceptor(listener, max_sessions=2) as acceptor:
        silent = [await listener.connect() for _ in range(16)]
        await settle()
        late = await listener.connect()
        with anyio.fail_after(60):
            ((_, data),) = await late.receive()
        close = decode(data)
        assert isinstance(close, CloseMessage)
        assert (close.code, close.retry) == (CloseCode.BUSY, 1_000)
        assert not acceptor.sessions
        for transport in [*silent, late]:
            await transport.aclose()
