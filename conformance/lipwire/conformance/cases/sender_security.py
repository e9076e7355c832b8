"""What a sender does with a peer that means harm, or is merely broken (SPEC §20)."""

import base64
import random
from typing import Any, Final

from .. import messages as m
from ..case import case
from ..sender_play import SenderPlay

TOKEN: Final = "kit-token-7f3a9c51"


def _damaged(seed: int, whole: list[Any]) -> bytes:
    """A message with a few bytes changed, left out, or put in."""
    chance = random.Random(seed)
    data = bytearray(m.packed(whole))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(data))
        match chance.randrange(3):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                del data[at : at + chance.randint(1, 3)]
            case _:
                data[at:at] = chance.randbytes(chance.randint(1, 5))
        if not data:
            break
    return bytes(data)


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
            data = _damaged(seed, welcome)
        else:
            other.send_exactly(welcome)
            segment = await other.say(m.pcm(480))
            await other.arrives(segment, 480, "LW-SECURITY-1")
            data = _damaged(seed, random.Random(seed).choice([
                m.progress(segment, 480, 480, 240), m.cut(segment, segment, [[segment, 480]]), m.ping(2**40),
                m.stream_started(segment), m.stream_ended(segment, 480), m.nack(segment, (0, 240), (300, 480)),
                m.close(0, "x", None, {"a": 1}), m.pong(1, 2, 3), [70, {"a": b"x"}], m.custom({"words": [None, 1.5]}),
            ]))  # fmt: skip
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
    await it.do("fence")
    text = "\n".join(it.words())
    it.check(TOKEN not in text, "not on its standard error", f"it is there: {text[-500:]}")


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
    await it.do("fence")
    assert last.secret is not None
    hidden = []
    for secret in (*secrets, last.secret):
        hidden += [secret.hex(), base64.b64encode(secret).decode(), repr(secret)[2:-1], repr(secret)[2:18]]
    text = "\n".join(it.words())
    found = [one for one in hidden if one in text]
    it.check(not found, "no secret on its standard error", f"{found} in {text[-500:]}")
    await last.leave()
