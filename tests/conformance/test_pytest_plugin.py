"""The pytest plugin: cases as tests of somebody's own suite."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

ONE, EMPTY = "receiver.segments.one", "receiver.segments.empty"


@pytest.fixture
def play(pytester, drivers):
    """pytest in a process of its own, with the driver of that name."""

    def call(driver: str, *arguments: str) -> pytest.RunResult:
        command = getattr(drivers, driver, driver)
        return pytester.runpytest_subprocess(
            "-p", "no:cacheprovider", "--lipwire-driver", command, *arguments, timeout=110
        )

    return call


def item(name: str, transport: str = "websocket") -> str:
    return f"lipwire-conformance::{name}[{transport}]"


def test_a_pass_and_a_failure(play):
    result = play("flawed", "-k", f"{ONE}[ or {EMPTY}[ or id_used_before", "-v")
    result.assert_outcomes(passed=2, failed=1, deselected=result.parseoutcomes()["deselected"])
    result.stdout.fnmatch_lines_random(
        [
            f"{item(EMPTY).replace('[', '[[]')} PASSED*",
            f"{item(ONE).replace('[', '[[]')} FAILED*",
            "*LW-SEGMENT-6 (MUST): A receiver MUST hand out segments in the order of their ids*",
            "*expected: the samples of segment 1 from 0 on, as they were sent*",
            "*actual:   480 samples at 1*",
            "*message segment_start*",
        ]
    )
    assert result.ret == 1
    result.stdout.no_fnmatch_line("*pytest_plugin.py*Error*")


def test_one_role(play, cases):
    result = play("sdk", "--lipwire-role", "sender", "--collect-only", "-q")
    told = [line for line in result.outlines if line.startswith("lipwire-conformance::")]
    assert told == [item(name) for name, case in cases.items() if case.role.value == "sender"]


def test_over_webrtc(play):
    result = play("sdk", "--lipwire-transport", "webrtc", "-k", f"{EMPTY}[", "-v")
    result.assert_outcomes(passed=1, deselected=result.parseoutcomes()["deselected"])
    result.stdout.fnmatch_lines([f"{item(EMPTY, 'webrtc').replace('[', '[[]')} PASSED*"])


def test_what_is_unsupported_or_not_testable_is_skipped(play, cases):
    paused = next(name for name, case in cases.items() if case.features == ("pause",) and case.role.value == "receiver")
    apart = next(name for name, case in cases.items() if case.transports == ("webrtc",))
    result = play("flawed", "-k", f"{paused}[ or {apart}[", "-rs")
    result.assert_outcomes(skipped=2, deselected=result.parseoutcomes()["deselected"])
    result.stdout.fnmatch_lines_random(["*unsupported: not declared: pause*", "*not testable: it is about webrtc*"])


def test_a_driver_at_fault(play, drivers):
    result = play(drivers.misbehaving("garbage"), "-k", f"{ONE}[ or {EMPTY}[")
    result.assert_outcomes(failed=2, deselected=result.parseoutcomes()["deselected"])
    result.stdout.fnmatch_lines(["harness error: the driver wrote a line that is not JSON*"])


def test_a_should_that_is_not_kept_is_a_warning(pytester, play):
    pytester.makeconftest(
        """
        from lipwire.conformance.case import case

        @case("receiver.made.should", "LW-WEBSOCKET-3", why="it is made up")
        async def _(it):
            it.check(False, "this", "that")
        """
    )
    result = play("sdk", "-k", "receiver.made.should", "-W", "default")
    result.assert_outcomes(passed=1, warnings=1, deselected=result.parseoutcomes()["deselected"])
    result.stdout.fnmatch_lines(["*ConformanceWarning: LW-WEBSOCKET-3 (SHOULD)*"])


def expect(pytester, *entries: dict) -> str:
    return str(pytester.makefile(".json", json.dumps({"expected": list(entries)})))


def test_expected_failures(pytester, play):
    known = expect(pytester, {"case": ONE, "reason": "issue 12"})
    result = play("flawed", "--lipwire-expected", known, "-k", f"{ONE}[ or {EMPTY}[ or expected_failures", "-rx")
    result.assert_outcomes(passed=2, xfailed=1, deselected=result.parseoutcomes()["deselected"])
    result.stdout.fnmatch_lines(["*issue 12*"])
    assert result.ret == 0


def test_an_expected_failure_that_passes(pytester, play):
    known = expect(pytester, {"case": EMPTY, "reason": "issue 12"}, {"case": "no.such", "reason": "none"})
    result = play("sdk", "--lipwire-expected", known, "-k", f"{EMPTY}[ or expected_failures")
    result.assert_outcomes(passed=1, failed=1, deselected=result.parseoutcomes()["deselected"])
    result.stdout.fnmatch_lines([f"*{EMPTY}: it passes*", "*no.such: there is no such case*"])


def test_a_file_without_reasons(pytester, play):
    result = play("sdk", "--lipwire-expected", expect(pytester, {"case": ONE}))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*say in `reason` why*"])


def test_beside_the_tests_of_a_suite(pytester, play):
    pytester.makepyfile("def test_of_its_own(): pass")
    result = play("sdk", "-k", f"of_its_own or {EMPTY}[")
    result.assert_outcomes(passed=2, deselected=result.parseoutcomes()["deselected"])


def test_nothing_is_collected_without_a_driver(pytester):
    pytester.makepyfile("def test_of_its_own(): pass")
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=1)


def test_importing_the_plugin_is_cheap():
    code = (
        "import sys, pytest\nbefore = set(sys.modules)\nimport lipwire.conformance.pytest_plugin\n"
        "print(sorted(name for name in set(sys.modules) - before if '.' not in name or name.startswith('lipwire')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['lipwire', 'lipwire.conformance', 'lipwire.conformance.pytest_plugin']"
