"""Drivers that misbehave: a harness error that says what to do, never a hang and never a pass."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import pytest

from lipwire.conformance import CASES, Verdict
from lipwire.conformance.case import load_cases
from lipwire.conformance.driver import HarnessError
from lipwire.conformance.run import JOBS, Target, exit_code, run

SCRIPT = Path(__file__).parent / "drivers" / "misbehaving.py"
PATIENCE = 0.05
"""Of the kit: 0.75 s for an answer."""
LONG = 60.0
"""Seconds for what would else be a hang, on a slow machine too."""
pytestmark = pytest.mark.asyncio


@pytest.fixture(autouse=True)
def _cases():
    load_cases()


def misbehaving(way: str, at: str = "hello") -> Target:
    return Target(command=f"{sys.executable} {SCRIPT} {way} {at}")


async def attempt(target: Target, patience: float, *names: str):
    cases = [CASES[name] for name in names or ("receiver.opening.welcome",)]
    began = time.monotonic()
    try:
        return await run(cases, target, patience=patience)
    finally:
        assert time.monotonic() - began < LONG


AT_HELLO = {
    "exit": ("ended with exit code 7", "a word before it leaves"),
    "killed": ("ended by signal 9",),
    "garbage": ("not JSON", "standard output is for the driver protocol alone", "Listening on port 8080"),
    "binary": ("not JSON",),
    "list": ("not an object",),
    "deep": ("not JSON",),
    "out_of_order": ("answers come in order, one each",),
    "silent_answers": ("answered None when 1 was asked",),
    "flood": ("floods: more than 50000 lines",),
    "long_line": ("a line of more than 1048576 bytes",),
    "close_output": ("ended its output", "It has to stay until its input ends"),
    "wrong_schema": ("does not fit the schema", "surprise"),
    "unknown_event": ("event.surprise is not known",),
    "wrong_event": ("does not fit the schema",),
    "error": ("could not do 'hello': out of luck",),
    "refuses_all": ("each driver can do 'hello'",),
    "other_version": ("speaks version 2 of the driver protocol, not 1",),
}


@pytest.mark.parametrize("way", AT_HELLO)
async def test_a_driver_that_can_not_say_hello(way):
    with pytest.raises(HarnessError) as fault:
        await attempt(misbehaving(way), 2.0)
    for words in AT_HELLO[way]:
        assert words in str(fault.value)


@pytest.mark.parametrize("way", ["hang", "hang_for_ever"])
async def test_a_driver_that_hangs(way):
    with pytest.raises(HarnessError, match=r"did not answer 'hello' within 0.75 s\. Each command is answered at once"):
        await attempt(misbehaving(way), PATIENCE)


async def test_a_driver_that_closes_its_input():
    with pytest.raises(HarnessError, match="the driver closed its input"):
        await attempt(misbehaving("close_input"), 3.0)


async def test_a_driver_that_does_not_exist():
    with pytest.raises(HarnessError, match=r"does not start: .*no-such-program"):
        await attempt(Target(command="/no-such-program --at all"), 1.0)


@pytest.mark.parametrize("command", ["'an open quote", ""])
async def test_a_command_that_is_none(command):
    with pytest.raises(HarnessError, match="does not start"):
        await attempt(Target(command=command), 1.0)


@pytest.mark.parametrize(("way", "said"), [("yes_to_all", "'ok'"), ("refuses_all", "'refused: no'")])
async def test_a_driver_that_can_do_everything(way, said):
    with pytest.raises(HarnessError, match="a capability made up just now") as fault:
        await attempt(misbehaving(way, "start"), 2.0)
    assert said in str(fault.value)
    assert '"unsupported": "made-up-' in str(fault.value)


IN_A_CASE = {
    ("exit", "stop"): "ended with exit code 7",
    ("refuses_all", "stop"): "has to answer it with `ok`",
    ("garbage", "stop"): "not JSON",
    ("out_of_order", "stop"): "answers come in order",
    ("twice", "start"): "answered 2 twice: each command gets one answer",
    ("no_url", "start"): "does not fit the schema: ok/url",
    ("wrong_event", "stop"): "does not fit the schema",
    ("flood", "stop"): "floods",
    ("close_output", "stop"): "ended its output",
    ("error", "stop"): "out of luck",
}


@pytest.mark.parametrize(("way", "at"), IN_A_CASE)
async def test_a_driver_that_goes_wrong_in_a_case(way, at):
    done = await attempt(misbehaving(way, at), 2.0)
    (result,) = done.results
    assert result.verdict is Verdict.HARNESS_ERROR
    assert IN_A_CASE[way, at] in result.reason
    assert exit_code(done.results) == 3


async def test_a_driver_that_hangs_in_a_case():
    """Its first answers may take long on a slow machine; that it hangs is known after a short time all the same."""
    target = misbehaving("hang", "stop")
    done = await attempt(target, 0.2)
    assert [result.verdict for result in done.results] == [Verdict.HARNESS_ERROR]
    assert "did not answer 'stop' within 3 s" in done.results[0].reason


async def test_a_driver_that_goes_wrong_in_each_case():
    """One that hangs would else keep a whole run for half an hour."""
    names = [case.name for case in CASES.values() if case.name.startswith("receiver.") and not case.features]
    done = await attempt(misbehaving("error", "stop"), 2.0, *names[:200])
    asked = [result for result in done.results if "not declared" not in result.reason]
    assert {result.verdict for result in asked} <= {Verdict.HARNESS_ERROR, Verdict.NOT_TESTABLE}
    told = [result for result in asked if "out of luck" in result.reason]
    assert 24 <= len(told) < 24 + JOBS  # those that were under way come to their end
    assert "not run: there was a harness error in 2" in asked[-1].reason


async def test_a_run_that_is_cancelled_in_a_case_does_not_wait_for_a_driver_that_hangs():
    came = asyncio.Event()

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        await reader.read()
        writer.close()

    async with await asyncio.start_server(mute, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        target = misbehaving("hang", f"stop ws://127.0.0.1:{port}/")
        running = asyncio.create_task(attempt(target, 8.0))  # an answer to stop would be waited for two minutes
        async with asyncio.timeout(LONG):
            await came.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


async def test_a_run_that_is_cancelled_ends_its_drivers(tmp_path):
    noted = tmp_path / "pids"
    wrapper = tmp_path / "driver.py"
    wrapper.write_text(
        f"import os, runpy, sys\nopen({str(noted)!r}, 'a').write(f'{{os.getpid()}}\\n')\n"
        f"sys.argv = ['misbehaving', 'hang', 'stop']\nrunpy.run_path({str(SCRIPT)!r})\n"
    )
    running = asyncio.create_task(attempt(Target(command=f"{sys.executable} {wrapper}"), 5.0))
    deadline = time.monotonic() + LONG
    while not noted.exists() or len(noted.read_text().split()) < 2:  # one that declares, one for the case
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    for pid in noted.read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)
