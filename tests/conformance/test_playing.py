"""A case being played: what it waits for, how long, and what it says of what did not come."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.asyncio.server import serve

from lipwire.conformance import Case, Verdict
from lipwire.conformance import messages as m
from lipwire.conformance.case import load_cases
from lipwire.conformance.last_lines import LastLines, fit_to_show
from lipwire.conformance.requirement_verdicts import requirement_verdicts
from lipwire.conformance.run import Target, run
from lipwire.conformance.terminal import alike
from lipwire.protocol.registry import Role

SDK = Target(command=f"{sys.executable} -m lipwire.reference_driver")
MISBEHAVING = Path(__file__).parent / "drivers" / "misbehaving.py"
PATIENCE = 20.0
"""Of the kit: what is waited for to no purpose takes minutes."""
LONG = 60.0


def made_up(script, *, options=None, **more):
    made = {"name": f"receiver.made.{script.__name__}", "requirements": ("LW-SEGMENT-6",), "why": ""}
    return Case(script=script, **made, options=options or {}, **more)


async def play(script, target=SDK, *, patience=PATIENCE, **more):
    """What comes of a case with this script."""
    began = time.monotonic()
    (result,) = (await run([made_up(script, **more)], target, patience=patience)).results
    assert time.monotonic() - began < LONG
    return result


def failed(result):
    (check,) = [check for check in result.checks if not check.passed]
    return check


async def closed_by_a_wrong_message(it):
    await it.open()
    it.send(m.segment_start(1))
    it.send([17, 0, 0, 0, b""])


@pytest.mark.asyncio
@pytest.mark.parametrize("what", ["a message", "a condition", "an event"])
async def test_nothing_is_waited_for_once_nothing_can_come(what):
    async def script(it):
        await closed_by_a_wrong_message(it)
        if what == "a message":
            await it.expect("stream_ended")
        elif what == "a condition":
            await it.until(lambda: False, "what never holds")
        else:
            await it.told("segment_end")

    result = await play(script, judged=False, patience=4.0)
    assert result.verdict is Verdict.FAIL
    assert result.seconds < 20.0  # of 40


@pytest.mark.asyncio
async def test_an_event_behind_the_end_of_a_session_is_waited_for():
    async def script(it):
        await it.open()
        it.say(1, m.pcm(480))
        await it.told("segment_end")
        it.send(m.close(0))
        await it.told("closed")
        await it.told("interrupted", since=0)

    assert (await play(script)).verdict is Verdict.PASS


@pytest.mark.asyncio
async def test_a_session_that_can_be_resumed_is_not_over():
    async def script(it):
        await it.open()
        it.drop()
        await it.told("closed")

    limits = {"resume": 1_500}
    result = await play(script, features=("resume",), options={"limits": limits})
    assert result.verdict is Verdict.PASS, result


@pytest.mark.asyncio
async def test_what_did_not_come_is_told_with_the_close_first():
    async def script(it):
        await closed_by_a_wrong_message(it)
        await it.expect("stream_ended")

    actual = failed(await play(script, judged=False)).actual
    assert actual.startswith("the implementation has sent close ")
    assert ": '" in actual.split(", and it did not come. What came: welcome")[0]  # the reason


@pytest.mark.asyncio
async def test_what_did_not_come_after_a_close_of_the_kit():
    async def script(it):
        await it.open()
        it.send(m.close(3, "enough"))
        await it.expect("stream_ended")

    assert failed(await play(script)).actual.startswith("the kit has sent close ")


@pytest.mark.asyncio
async def test_a_url_where_nobody_listens_is_no_failure():
    async def script(it):
        await it.open()

    driver = f"{sys.executable} {MISBEHAVING} agreeable never"
    for target, advice in (
        (Target(command=driver), "a driver answers the start of a receiver once that listens"),
        (Target(command=f"{driver} ws://no-such-host.invalid/"), "nobody listens on ws://no-such-host.invalid/"),
    ):
        result = await play(script, target)
        assert result.verdict is Verdict.HARNESS_ERROR
        assert result.reason.startswith("nobody listens on ws://")
        assert advice in result.reason


@pytest.mark.asyncio
async def test_a_receiver_that_has_listened_and_does_not_any_more_is_a_failure():
    async def script(it):
        await it.open()
        await it.do("stop")
        other = await it.beside()
        await other.connect()

    result = await play(script)
    assert result.verdict is Verdict.FAIL
    assert failed(result).actual.startswith("nobody listens on ws://127.0.0.1:")


@pytest.mark.asyncio
async def test_a_start_that_tells_no_url():
    async def script(it):
        await it.open()

    result = await play(script, Target(command=f"{sys.executable} {MISBEHAVING} nowhere never"))
    assert result.verdict is Verdict.HARNESS_ERROR
    assert "lacks `url`" in result.reason


@pytest.mark.asyncio
async def test_an_implementation_that_does_nothing_keeps_no_requirement():
    """It opens transports, and says nothing on them."""
    cases = load_cases()
    names = ("receiver.wire.malformed", "receiver.transports.subprotocol", "receiver.segments.one")
    async with serve(lambda connection: connection.wait_closed(), "127.0.0.1", 0, subprotocols=["lipwire.1"]) as server:
        port = server.sockets[0].getsockname()[1]
        target = Target(command=f"{sys.executable} {MISBEHAVING} agreeable never ws://127.0.0.1:{port}/")
        done = await run([cases[name] for name in names], target, patience=0.2)
    assert {result.verdict for result in done.results} <= {Verdict.FAIL, Verdict.WARN}, done.results
    verdicts = requirement_verdicts(done.results, cases, [Role.RECEIVER])
    assert [one.requirement.id for one in verdicts if one.verdict is Verdict.PASS] == []


async def hands_out_true(it):
    await it.open()
    it.send(m.segment_start(True))
    await it.closes("invalid_field")


@pytest.mark.asyncio
@pytest.mark.parametrize(("known", "verdict"), [(True, Verdict.FAIL), (False, Verdict.HARNESS_ERROR)])
async def test_a_case_that_does_not_come_to_an_end_keeps_what_it_has_seen(known, verdict):
    async def script(it):
        await it.open()
        it.check(not known, "what is looked at first", "something else")
        await asyncio.sleep(LONG)

    result = await play(script, patience=1.0, seconds=1.0)
    assert result.verdict is verdict


def test_what_many_cases_fail_at_first_is_told():
    def case(number, *checks, verdict="fail", known=None):
        made = [{"requirement": r, "expected": e, "actual": f"{number}", "passed": e == "right"} for r, e in checks]
        return {"name": f"{number}", "verdict": verdict, "expected_failure": known, "checks": made}

    no_welcome, no_end = ("LW-OPEN-3", "welcome"), ("LW-STREAM-2", "an end")
    cases = [case(n, ("LW-WIRE-1", "right"), no_welcome, no_end) for n in range(5)]
    cases += [case(n, no_end) for n in range(5, 9)]
    cases += [case(9, no_end, verdict="warn"), case(10, no_end, known="is known")]
    ((count, check),) = alike({"cases": cases})
    assert (count, check["requirement"], check["expected"]) == (5, *no_welcome)


LENIENT = f"{sys.executable} {Path(__file__).parent / 'drivers' / 'lenient.py'}"


@pytest.mark.asyncio
async def test_what_the_implementation_should_not_have_taken_is_its_failure():
    result = await play(hands_out_true, Target(command=LENIENT), patience=0.5, judged=False)
    assert result.verdict is Verdict.FAIL, result
    told = next(check for check in result.checks if "that there can be" in check.expected)
    assert (told.requirement, told.passed) == ("LW-SEGMENT-6", False)
    assert "segment: True is not of type 'integer'" in told.actual
    assert [entry.fields["segment"] for entry in result.trace if entry.name == "odd segment_start"] == [True]


@pytest.mark.asyncio
async def test_a_value_that_nobody_has_sent_is_the_driver_s_fault():
    async def script(it):
        await it.open()
        it.send(m.segment_start(1))
        await it.told("segment_start")

    result = await play(script, Target(command=f"{LENIENT} made_up"))
    assert result.verdict is Verdict.HARNESS_ERROR
    assert "segment: True is not of type 'integer'" in result.reason


@pytest.mark.asyncio
async def test_the_end_of_standard_error_comes_with_a_failure():
    async def passes(it):
        await it.open()
        await it.goes_on()

    cases = [replace(made_up(hands_out_true, judged=False), name=f"receiver.made.{n}") for n in range(2)]
    done = await run([*cases, made_up(passes)], Target(command=LENIENT), patience=0.5, jobs=1)
    *fail, passed = done.results
    for one in fail:  # each has that of its own, not of the one before in the same process
        assert one.verdict is Verdict.FAIL
        assert one.standard_error == ["segment_start.segment is true, \x1b[31mnever mind"]
    assert passed.verdict is Verdict.PASS
    assert passed.standard_error == ()


def test_lines_of_standard_error_are_bounded_and_come_in_pieces():
    said = LastLines()
    for piece in (b"one\r\ntw", b"o\nx" + b"y" * 100_000, b"z\nl\xc3", b"\xa4st"):
        said.take(piece)
    one, two, long, last = said.since()
    assert (one, two, last) == ("one", "two", "l\xe4st")
    assert len(long) < 5_000
    assert len(fit_to_show(long)) == 301
    assert said.since(3) == ["l\xe4st"]
    said.take(b"\n" + b"again\n" * 100)
    assert said.since() == ["again"] * 20
    assert fit_to_show("\x1b[0m\u2028\x00") == "\\x1b[0m\\u2028\\x00"
