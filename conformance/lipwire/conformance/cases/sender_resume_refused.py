"""What a sender refuses when it resumes, and what it does when it is refused (SPEC §15)."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from lipwire.protocol.channels import Channel
from lipwire.protocol.errors import CloseCode

from .. import messages as m
from ..case import case
from ..sender_play import FLOOR, SenderPlay
from .sender_crossings import asked_for_all_again

RESUME: Final = ("resume",)
REPORTED, HEARD = 480, 240
"""What is reported of the first segment as consumed and as played before the transport is lost."""
BEYOND: Final = REPORTED + FLOOR + 1
"""A position of it that can not have been sent, though it was written."""
NEVER: Final = 1_000
"""Added to an id: one that was never opened."""


class Stand(NamedTuple):
    """How things stand when the transport is lost: the second segment waits for the first."""

    first: int
    second: int
    received: int
    """Of the first, as reported."""
    taken: int
    """Numbered messages of the sender's, all acknowledged."""


async def _stand(it: SenderPlay) -> Stand:
    it.auto.discard("consume")
    await it.open(limits={"window": FLOOR})
    first, second = await it.say(m.pcm(7_200)), await it.say(m.pcm(480, 2))
    await it.arrives(first, REPORTED)
    it.consumed[first] = REPORTED
    it.report(first)
    await it.settle()
    received = it.received[first].contiguous
    it.send(m.progress(first, received, REPORTED, HEARD), channel=Channel.CONTROL)
    it.send_exactly(m.acknowledge(it.taken))
    await it.fence()
    it.drop()
    return Stand(first, second, received, it.taken)


State = Callable[[Stand], list[Any]]

REFUSED: Final[dict[str, tuple[State, str]]] = {
    "received_beyond": (
        lambda at: [at.taken, [[at.first, BEYOND, REPORTED, HEARD]]],
        "nothing can have arrived that was not sent: going on from there leaves samples out",
    ),
    "received_behind": (
        lambda at: [at.taken, [[at.first, REPORTED, REPORTED, HEARD]]],
        "what was reported as received is kept no longer, and can not be sent again",
    ),
    "consumed_beyond": (
        lambda at: [at.taken, [[at.first, BEYOND, BEYOND, HEARD]]],
        "credit for samples that were never sent would never be missed",
    ),
    "consumed_behind": (
        lambda at: [at.taken, [[at.first, at.received, REPORTED - 1, HEARD]]],
        "what was handed out once has been handed out",
    ),
    "played_behind": (
        lambda at: [at.taken, [[at.first, at.received, REPORTED, HEARD - 1]]],
        "what was heard once has been heard",
    ),
    "of_one_not_started": (
        lambda at: [at.taken, [[at.first, at.received, REPORTED, HEARD], [at.second, 480, 0, None]]],
        "nothing was sent of a segment that waits",
    ),
    "of_one_never_opened": (
        lambda at: [at.taken, [[at.first, at.received, REPORTED, HEARD], [at.second + NEVER, 480, 0, None]]],
        "nothing was sent of one that does not exist",
    ),
    "taken_beyond": (
        lambda at: [at.taken + 1, [[at.first, at.received, REPORTED, HEARD]]],
        "nobody can have taken what was never sent",
    ),
    "taken_behind": (
        lambda at: [at.taken - 1, [[at.first, at.received, REPORTED, HEARD]]],
        "what was acknowledged is kept no longer, and can not be sent again",
    ),
}

for _name, (_state, _why) in REFUSED.items():

    @case(
        f"sender.resume.{_name}",
        "LW-RESUME-10",
        "LW-CLOSE-4",
        why=_why,
        features=RESUME,
        judged=False,
    )
    async def _(it: SenderPlay, state: State = _state) -> None:
        at = await _stand(it)
        await it.reopen(state=state(at), again=False)
        await it.closes("resume_state")
        await it.ends(at.first, HEARD, interrupted=True, exact=False, requirement="LW-CLOSE-4")
        await it.ends(at.second, 0, interrupted=True, exact=None, requirement="LW-CLOSE-4")


OTHERWISE: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "without_a_state": ({"state": None}, "a receiver that does not say what it has can not be gone on with"),
    "without_a_secret": ({"secret": None}, "the next loss of the transport would be the end, and nobody would know"),
    "without_resume": (
        {"features": ["repair"]},
        "numbered messages wait for their acknowledgement: the feature can not go in the middle",
    ),
}
"""What a welcome on a resume has otherwise than it must be."""

for _name, (_fields, _why) in OTHERWISE.items():

    @case(f"sender.resume.welcome_{_name}", "LW-OPEN-6", "LW-CLOSE-4", why=_why, features=RESUME, judged=False)
    async def _(it: SenderPlay, fields: dict[str, Any] = _fields) -> None:
        at = await _stand(it)
        state = [at.taken, [[at.first, at.received, REPORTED, HEARD]]]
        await it.reopen(**{"state": state, **fields}, again=False)
        await it.closes("invalid_field")
        await it.ends(at.first, HEARD, interrupted=True, exact=False, requirement="LW-CLOSE-4")
        await it.ends(at.second, 0, interrupted=True, exact=None, requirement="LW-CLOSE-4")


@case(
    "sender.resume.state_of_too_many",
    "LW-WIRE-4",
    why="a state lists no more segments than can be live at a time",
    features=RESUME,
    judged=False,
)
async def _(it: SenderPlay) -> None:
    at = await _stand(it)
    rows = [[at.first, at.received, REPORTED, HEARD]] * 5
    await it.reopen(state=[at.taken, rows], limits={"segments": 4}, again=False)
    await it.closes("invalid_field")


@case(
    "sender.resume.as_reported",
    "LW-RESUME-10",
    "LW-RESUME-9",
    why="a state that is just what was reported, to the sample, is right: nothing has arrived since",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    at = await _stand(it)
    await it.reopen(state=[at.taken, [[at.first, at.received, REPORTED, HEARD]]])
    await it.goes_on()
    it.auto.add("consume")
    it.report(at.first)
    await it.arrives(at.first, 7_200, "LW-RESUME-9")
    await it.arrives(at.second, 480, "LW-RESUME-9")


@case(
    "sender.resume.a_little_further",
    "LW-RESUME-10",
    "LW-CREDIT-1",
    why="nor does a state contradict reports that it is ahead of: those were lost on their way",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    at = await _stand(it)
    it.consumed[at.first] = at.received
    await it.reopen(state=[at.taken, [[at.first, at.received, at.received, at.received]]])
    await it.goes_on()
    await it.arrives(at.first, at.received + 480, "LW-CREDIT-1")
    await it.settle()
    it.check_credit()


@case(
    "sender.resume.reports_of_the_first_sending",
    "LW-PROGRESS-4",
    "LW-STREAM-6",
    "LW-RESUME-9",
    why="a receiver that held what came beyond a gap has all of it once the gap is filled, long before it comes again",
    features=("resume", "repair"),
)
async def _(it: SenderPlay) -> None:
    segment, total = await asked_for_all_again(it), 24_000
    it.send(m.progress(segment, total, total, 600), channel=Channel.CONTROL)
    it.end_stream(segment, total)
    await it.goes_on()
    await it.ends(segment, total, interrupted=False, requirement="LW-STREAM-6")
    it.auto |= {"progress", "nack"}
    following = await it.say(m.pcm(FLOOR, 3))
    await it.arrives(following, FLOOR, "LW-RESUME-9")


@case(
    "sender.resume.unknown_session",
    "LW-CLOSE-1",
    "LW-CLOSE-4",
    "LW-RESUME-2",
    why="a receiver that was started anew knows nothing of the session: it is over, and its segments have ended",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    at = await _stand(it)
    await it.connect()
    await it.take_hello()
    it.check(it.hello.resume is not None, "a hello that resumes", "its field is nil", "LW-RESUME-2")
    it.send_exactly(m.close(CloseCode.UNKNOWN_SESSION))
    await it.ends(at.first, HEARD, interrupted=True, exact=False, requirement="LW-CLOSE-4")
    await it.ends(at.second, 0, interrupted=True, exact=None, requirement="LW-CLOSE-4")
    closed = await it.told("closed", requirement="LW-CLOSE-1")
    right = closed["code"] == CloseCode.UNKNOWN_SESSION and closed["by"] == "peer"
    it.check(right, "closed by the peer, unknown_session", f"{closed}", "LW-CLOSE-1")
    it.check_results(at.first, at.second)


@case(
    "sender.resume.come_again_later",
    "LW-CLOSE-1",
    "LW-RESUME-2",
    why="a refusal that names a time is not the last word: the session is as it was, and is resumed then",
    features=RESUME,
)
async def _(it: SenderPlay) -> None:
    at = await _stand(it)
    secret = it.secret
    await it.connect()
    await it.take_hello()
    generation = it.hello.generation
    refused = it.now()
    it.send_exactly(m.close(CloseCode.BUSY, "", 400))
    it.closed = None
    if not await it.comes_or_ends():
        await it.told("closed", requirement="LW-CLOSE-1")  # it need not try again (LW-CLOSE-7)
        return
    await it.go_on(state=[at.taken, [[at.first, at.received, REPORTED, HEARD]]])
    it.check(it.now() - refused >= 0.4, "not sooner than after 400 ms", f"after {it.now() - refused:.3f} s")
    resume = it.hello.resume
    it.require(resume is not None and resume[0] == secret, "the same secret", f"{resume}", "LW-RESUME-2")
    grown = it.hello.generation > generation
    it.check(grown, f"a generation above {generation}", f"{it.hello.generation}", "LW-RESUME-2")
    await it.goes_on()
    it.none("event stream_ended")
    it.none("event closed")
