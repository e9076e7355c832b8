"""Which hello may take a session over, and which is refused (SPEC §15)."""

from typing import Final

from lipwire.protocol.errors import CloseCode

from .. import messages as m
from ..case import case
from ..receiver_play import ReceiverPlay

RESUME: Final = ("resume",)
LASTS: Final = {"limits": {"resume": 60_000}}


def _silent(it: ReceiverPlay) -> None:
    """Let the kit's peer say nothing by itself: a word of it would show that the welcome has arrived."""
    it.auto.clear()


# -- secrets ---------------------------------------------------------------------------------------------------


@case(
    "receiver.resume.new_secret",
    "LW-RESUME-3",
    why="a secret is good for one resume: 128 random bits, new with each welcome",
    features=RESUME,
    options=LASTS,
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    secrets = [it.secret]
    for _ in range(3):
        await it.goes_on()
        it.drop()
        await it.resume()
        secrets.append(it.secret)
    long = all(isinstance(one, bytes) and 16 <= len(one) <= 64 for one in secrets)
    it.check(long, "a secret of 16 to 64 bytes in each welcome", f"{[one and len(one) for one in secrets]}")
    it.check(len(set(secrets)) == len(secrets), "four secrets, none like another", f"{len(set(secrets))}")


@case(
    "receiver.resume.secret_before",
    "LW-RESUME-3",
    why="the welcome with the newest secret may never have arrived: until the sender speaks, the one before is good",
    features=RESUME,
    options=LASTS,
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    _silent(it)
    await it.open()
    await it.goes_on()
    proved = it.secret
    it.drop()
    await it.resume(again=False)
    it.step("that welcome was lost: the sender knows the secret before, which it has shown to hold")
    it.drop()
    await it.resume(again=False, resume=[proved, it.taken])
    before = it.secret
    it.drop()
    await it.resume(again=False, resume=[proved, it.taken])
    it.step("the last two welcomes come late: the one before the newest is good as well")
    it.drop()
    await it.resume(again=False, resume=[before, it.taken])
    it.drop()
    await it.resume(again=False)
    await it.goes_on()


@case(
    "receiver.resume.secret_before_a_repeated_hello",
    "LW-RESUME-3",
    why="a repeat of hello says that no welcome has come: it proves nothing of the newest secret",
    features=RESUME,
    options=LASTS,
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    _silent(it)
    await it.open()
    await it.goes_on()
    proved = it.secret
    it.drop()
    await it.resume(again=False)
    at, hello = len(it.trace), [entry for entry in it.trace if entry.name == "hello"][-1]
    it.send_exactly(hello.data)
    await it.expect("welcome", since=at)
    it.drop()
    await it.resume(again=False, resume=[proved, it.taken])
    await it.goes_on()


@case(
    "receiver.resume.secret_before_is_used_up",
    "LW-RESUME-3",
    "LW-RESUME-4",
    why="once the sender has spoken on the new transport, the old secret opens nothing any more",
    features=RESUME,
    options=LASTS,
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    old = it.secret
    await it.goes_on()
    it.drop()
    await it.resume()
    await it.goes_on()
    await it.hello_refused("resume_refused", resume=[old, it.taken])
    await it.goes_on("LW-RESUME-4")
    it.drop()
    await it.resume()
    await it.goes_on()


# -- refused ---------------------------------------------------------------------------------------------------


@case(
    "receiver.resume.wrong_secret",
    "LW-RESUME-4",
    why="nobody takes a session over with a guess, and the one that is live does not even notice",
    features=RESUME,
    options=LASTS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    pcm = m.pcm(1_440)
    it.send(m.segment_start(1))
    it.send_audio(1, pcm[:960])
    assert it.secret is not None
    guesses = {
        "all zeros": bytes(16),
        "one bit wrong": it.secret[:-1] + bytes([it.secret[-1] ^ 1]),
        "half of it": it.secret[:16] if len(it.secret) > 16 else it.secret[:15] + b"\0",
        "the session id": it.session,
        "the secret and a byte more": it.secret + b"\0" if len(it.secret) < 64 else it.secret[:-1],
    }
    for name, guess in guesses.items():
        it.step(f"a credential that is {name}")
        await it.hello_refused("resume_refused", resume=[guess, it.taken])
    it.send_audio(1, pcm[960:], position=480)
    it.send(m.segment_end(1, 1_440))
    await it.heard(1, pcm)
    await it.told("segment_end", segment=1, total=1_440)
    it.none("close")
    it.drop()
    await it.resume()
    await it.goes_on()


@case(
    "receiver.resume.old_generation",
    "LW-RESUME-4",
    why="a hello that was recorded, or is late, names a generation that has been",
    features=RESUME,
    options=LASTS,
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open(generation=5)
    await it.goes_on()
    for generation in (5, 4, 1):
        await it.hello_refused("resume_refused", resume=[it.secret, it.taken], generation=generation)
    await it.goes_on()
    it.none("close")
    it.drop()
    await it.resume()
    await it.goes_on()


@case(
    "receiver.resume.unknown_session",
    "LW-RESUME-4",
    why="after a restart of the renderer nothing is known any more; the sender opens a new session then",
    features=RESUME,
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.hello_refused("unknown_session", session=bytes(range(16)), resume=[it.secret, 0], generation=2)
    await it.goes_on()


@case(
    "receiver.resume.not_supported",
    "LW-RESUME-4",
    why="a receiver without resume knows no session to resume, not even one that is live",
    options={"features": []},
    transports=("websocket",),
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    it.check(it.secret is None, "no secret without resume", f"{it.secret!r}", "LW-RESUME-4")
    await it.goes_on()
    for session in (it.session, bytes(range(16))):
        await it.hello_refused("unknown_session", session=session, resume=[bytes(16), 0], generation=2)
    await it.goes_on()


@case(
    "receiver.resume.closed_session",
    "LW-RESUME-4",
    why="close ends a session for good",
    features=RESUME,
    options=LASTS,
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.goes_on()
    it.send(m.close(CloseCode.NORMAL))
    await it.transport_ends(level="SHOULD")
    await it.hello_refused("unknown_session", resume=[it.secret, it.taken])


@case(
    "receiver.resume.without_credential",
    "LW-RESUME-6",
    why="a hello that does not resume can not take over a session in use",
    features=RESUME,
    options=LASTS,
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.goes_on()
    for generation in (1, 2, 9):
        await it.hello_refused("resume_refused", generation=generation)
    await it.goes_on()
    it.none("close")
    it.step("nor one that is lost")
    it.drop()
    await it.hello_refused("resume_refused", generation=2)
    await it.resume()
    await it.goes_on()


@case(
    "receiver.resume.first_hello_anew",
    "LW-RESUME-6",
    why="the first welcome was lost with its transport: the sender has no secret, and says its first hello again",
    features=RESUME,
    options=LASTS,
)
async def _(it: ReceiverPlay) -> None:
    _silent(it)
    await it.open()
    it.drop()
    await it.open(generation=1)
    it.drop()
    await it.open(generation=4)
    it.step("a hello that is older than the one answered last is late, and does not replace it")
    await it.hello_refused("resume_refused", generation=3)
    it.auto.update(("pong", "acknowledge"))
    await it.whole(1)
    await it.fence()
    it.handed_whole(1, requirement="LW-RESUME-6")


@case(
    "receiver.resume.other_formats",
    "LW-RESUME-7",
    why="a session has one format: what no longer offers it can not go on",
    features=RESUME,
    options=LASTS,
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.goes_on()
    it.drop()
    other = [["s16le", 16_000 if it.format[1] != 16_000 else 48_000, 1], ["com.example.codec", 24_000, 1]]
    await it.hello_refused("unsupported_format", formats=other, resume=[it.secret, it.taken])


@case(
    "receiver.resume.fewer_features",
    "LW-RESUME-7",
    why="nor can what no longer offers a feature that is in use",
    features=("resume", "pause"),
    options=LASTS,
    wire=True,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.goes_on()
    it.drop()
    fewer = [one for one in it.offered() if one != "pause"]
    await it.hello_refused("feature_required", features=fewer, resume=[it.secret, it.taken])


@case(
    "receiver.resume.taken_beyond",
    "LW-RESUME-10",
    why="a sender that counts more than was sent speaks of another session",
    features=RESUME,
    options=LASTS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.finish(1, 480)
    await it.ended(1, 480)
    it.drop()
    await it.hello_refused("resume_state", resume=[it.secret, 2])


@case(
    "receiver.resume.taken_behind",
    "LW-RESUME-10",
    why="nor can it have forgotten what it had acknowledged: that is kept no more",
    features=RESUME,
    options=LASTS,
)
async def _(it: ReceiverPlay) -> None:
    await it.open()
    await it.whole(1)
    await it.finish(1, 480)
    await it.ended(1, 480)
    await it.fence()  # the acknowledgement went ahead of it
    it.drop()
    await it.hello_refused("resume_state", resume=[it.secret, 0])
