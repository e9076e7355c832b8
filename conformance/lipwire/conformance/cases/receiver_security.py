"""What a receiver does with a peer that means harm, or is merely broken (SPEC §20)."""

import random
from typing import Any

from .. import messages as m
from ..case import case
from ..checking import CaseFailed
from ..receiver_play import ReceiverPlay
from .of_both_roles import TOKEN, damaged, not_logged


def _damaged(seed: int, session: bytes) -> bytes:
    """A message of a sender that is damaged."""
    chance = random.Random(seed)
    whole: list[list[Any]] = [
        m.hello(session, features=["repair"], info={"a": [1, {"b": 2}]}),
        m.segment_start(1, {"text": "Hello", "words": [[1, "a"], [2, "b"]]}),
        m.audio(1, 0, m.pcm(20)),
        m.segment_end(1, 480),
        m.interrupt(1, 3),
        m.ping(2**40),
        m.close(0, "x", 5, {"a": 1}),
        m.data(1, 2, {"words": [None, 1.5]}),
        [70, {"a": b"x"}],
    ]
    return damaged(chance.choice(whole), chance)


@case(
    "receiver.security.damaged_messages",
    "LW-SECURITY-1",
    why="whatever bytes come, at most that one session ends, and with a word",
    wire=True,
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    for seed in range(60 if it.kind == "websocket" else 20):
        other = await it.beside()
        data = _damaged(seed, other.session)
        first = seed % 4 == 0
        try:
            await (other.connect() if first else other.open())
        except CaseFailed:
            return
        other.send(data)
        if not first:
            other.send(m.ping(77))
        elif data[:1] == b"\x9a":
            other.send(m.close(0))  # it may have been welcomed
        await other.answered("welcome" if first else "pong")
        worded = bool(other.seen("pong") or other.seen("welcome")) or other.closed is not None or data[1:2] == b"\x03"
        it.check(worded, f"{data.hex()}: a close message, or the session goes on", other.lately())
        await other.leave()
    await it.goes_on()


@case(
    "receiver.security.small_pieces",
    "LW-SECURITY-3",
    why="the window counts samples, so a chunk of one sample must not cost much more than its bytes",
    needs=("hold",),
    options={"limits": {"window": 2_400}, "reading": False},
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(1_200)
    it.send(m.segment_start(1))
    for at in range(1_200):
        it.send(m.audio(1, at, pcm[2 * at : 2 * at + 2]))
        if at % 100 == 99:
            await it.fence()  # a lossy channel takes no burst
    it.send(m.segment_end(1, 1_200))
    await it.goes_on()
    await it.do("release")
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1, total=1_200)


@case(
    "receiver.security.tokens_are_not_logged",
    "LW-SECURITY-2",
    why="a log is read by more people than a token is meant for",
    needs=("token",),
    options={"token": TOKEN},
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open(auth=TOKEN)
    wrong, broken = TOKEN[::-1], f"{TOKEN}-x" * 250
    for what, auth, code in (
        ("another token", wrong, "unauthorized"),
        ("one that is too long", broken, "invalid_field"),
    ):
        refused = m.hello(bytes(16), features=it.offered(), auth=auth)
        await it.refused(what, code, refused, first=True, requirement="LW-SECURITY-1")
    it.send([40])
    await it.closes("unknown_message", requirement="LW-SECURITY-1")
    await not_logged(it, "no token", TOKEN, wrong)


@case(
    "receiver.security.secrets_are_not_logged",
    "LW-SECURITY-2",
    why="whoever reads a secret or a credential in a log can take the session over",
    features=("resume",),
    needs=("token",),
    options={"token": TOKEN},
    judged=False,
)
async def _(it: ReceiverPlay) -> None:
    await it.open(auth=TOKEN)
    await it.fence()
    wrong = TOKEN[::-1]
    refused = m.hello(bytes(16), features=it.offered(), auth=wrong)
    await it.refused("another token", "unauthorized", refused, first=True, requirement="LW-OPEN-5")
    credential = bytes(range(65, 81))
    stolen = m.hello(it.session, generation=2, features=it.offered(), auth=TOKEN, resume=[credential, 0])
    await it.refused("another credential", "resume_refused", stolen, first=True, requirement="LW-SECURITY-1")
    malformed = bytes(range(65, 65 + 65))
    spoilt = m.hello(it.session, generation=2, features=it.offered(), auth=TOKEN, resume=[malformed, 0])
    await it.refused("a credential that is none", "invalid_field", spoilt, first=True, requirement="LW-SECURITY-1")
    it.send([40])
    await it.closes("unknown_message", requirement="LW-SECURITY-1")
    assert it.secret is not None
    secrets = (it.secret, credential, malformed[:16])
    await not_logged(it, "neither token, secret nor credential", TOKEN, wrong, *secrets)
