"""What a sender does with a peer that means harm, or is merely broken (SPEC §20)."""

import random
from typing import Any

from .. import messages as m
from ..case import case
from ..sender_play import SenderPlay
from .of_both_roles import TOKEN, damaged, not_logged


@case(
    "sender.security.damaged_messages",
    "LW-SECURITY-1",
    why="whatever bytes come, at most that one session ends, and with a word",
    judged=False,
)
async def _(it: SenderPlay) -> None:
    for seed in range(60 if it.kind == "websocket" else 20):
        other = await it.another()
        await other.meet()
        welcome = other.make_welcome(info={"a": [1, {"b": 2}]})
        if first := seed % 4 == 0:
            data = damaged(welcome, random.Random(seed))
        else:
            other.send_exactly(welcome)
            segment = await other.say(m.pcm(480))
            await other.arrives(segment, 480, "LW-SECURITY-1")
            whole: list[list[Any]] = [
                m.progress(segment, 480, 480, 240), m.cut(segment, segment, [[segment, 480]]), m.ping(2**40),
                m.stream_started(segment), m.stream_ended(segment, 480), m.nack(segment, (0, 240), (300, 480)),
                m.close(0, "x", None, {"a": 1}), m.pong(1, 2, 3), [70, {"a": b"x"}], m.custom({"words": [None, 1.5]}),
            ]  # fmt: skip
            data = damaged(random.Random(seed).choice(whole), random.Random(seed))
        it.step(f"{data.hex()}{' in the place of welcome' if first else ''}")
        other.send(data, m.ping(77))
        await other.answered("pong", t1=77)
        raw = m.unpack(data)
        ended = isinstance(raw, list) and bool(raw) and raw[0] == 3
        worded = bool(other.seen("pong", t1=77)) or other.closed is not None or (ended and other.over)
        it.check(worded, f"{data.hex()}: a close message, or the session goes on", other.lately())
        await other.leave()
    await it.accepted("a session after all that")


@case(
    "sender.security.small_pieces",
    "LW-SECURITY-3",
    why="a report may move a position by one sample, and a nack name one: neither may cost more than its bytes",
    features=("repair",),
    judged=False,
)
async def _(it: SenderPlay) -> None:
    it.auto -= {"progress", "nack"}
    await it.open()
    segment = await it.open_segment()
    for at in range(100):
        await it.write(segment, m.pcm(12, at))
    await it.do("end", segment=segment)
    await it.expect("segment_end", segment=segment, total=1_200, requirement="LW-SECURITY-3")
    for at in range(0, 1_200, 32):
        it.send(m.nack(segment, *([one, one + 1] for one in range(at, min(at + 32, 1_200), 2))))
    for at in range(1_200):
        it.send(m.progress(segment, at, at), channel=None)
        if at % 100 == 99:
            await it.fence()  # a lossy channel takes no burst
    it.end_stream(segment, 1_200)
    await it.ends(segment, 1_200, interrupted=False, requirement="LW-SECURITY-3")
    await it.goes_on()


@case(
    "sender.security.token_is_not_logged",
    "LW-SECURITY-2",
    why="a log is read by more people than a token is meant for",
    needs=("token",),
    options={"token": TOKEN},
    judged=False,
)
async def _(it: SenderPlay) -> None:
    for message in (m.close(36, "no"), m.welcome(bytes(16)), [40]):
        other = await it.another()
        await other.meet()
        it.check(other.hello.auth in (TOKEN, TOKEN.encode()), "the token in hello", "another")
        other.send(message)
        await other.told("closed")
        await other.leave()
    await not_logged(it, "no token", TOKEN)


@case(
    "sender.security.secrets_are_not_logged",
    "LW-SECURITY-2",
    why="whoever has the secret has the session",
    features=("resume",),
    judged=False,
)
async def _(it: SenderPlay) -> None:
    wrong = bytes(range(65, 65 + 65))
    secrets = [wrong]
    refusals: dict[str, dict[str, Any]] = {
        "a secret of 65 bytes": {"secret": wrong},
        "another session": {"session": bytes(16)},
    }
    for what, fields in refusals.items():
        other = await it.another()
        await other.meet()
        other.send_exactly(other.make_welcome(**fields))
        await other.closes("invalid_field", requirement="LW-SECURITY-2")
        it.step(f"{what} was refused")
        assert other.secret is not None
        secrets.append(other.secret)
        await other.leave()
    last = await it.another()
    await last.open()
    await last.fence()
    last.drop()
    await last.reopen()
    await last.fence()
    last.send([40])
    await last.closes("unknown_message", requirement="LW-SECURITY-2")
    assert last.secret is not None
    await not_logged(it, "no secret", *secrets, last.secret)
    await last.leave()
