"""``lipwire conformance``: what it prints, and its exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lipwire.conformance.case import load_cases

ONE = "receiver.segments.one"
COMMANDS = ["run", "smoke", "list", "explain", "report"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(conformance, command):
    outcome = conformance(command, "--help")
    assert outcome.status == 0
    assert f"lipwire conformance {command}" in outcome.out.split("examples:")[1]


def test_a_run_that_passes(conformance, drivers):
    outcome = conformance("run", "--driver", drivers.sdk, "--role", "receiver", ONE, "receiver.opening")
    assert outcome.status == 0
    assert f"pass            {''}" in outcome.out
    assert ONE in outcome.out
    assert "Nothing failed: lipwire (Python SDK) over websocket" in outcome.out  # a part does not say "Conforms"


def test_over_webrtc(conformance, drivers):
    assert conformance("run", "--driver", drivers.sdk, "--transport", "webrtc", ONE).status == 0


def test_a_run_that_fails(conformance, drivers):
    outcome = conformance("run", "--driver", drivers.flawed, "--jobs", 1, ONE)
    assert outcome.status == 1
    assert "FAIL  receiver.segments.one" in outcome.out
    assert "LW-SEGMENT-6" in outcome.out
    assert "A receiver MUST hand out segments in the order of their ids" in outcome.out
    assert "expected  the samples of segment 1 from 0 on, as they were sent" in outcome.out
    assert "480 samples at 1" in outcome.out
    assert re.search(r"kit → \w+  \[9[0-9a-f]+", outcome.out)  # the bytes that led to it


def test_what_is_not_declared_is_unsupported(conformance, drivers):
    name = next(n for n, case in load_cases().items() if case.features == ("pause",) and case.role.value == "receiver")
    outcome = conformance("run", "--driver", drivers.flawed, name, "receiver.segments.id_used_before")
    assert outcome.status == 0
    assert "1 unsupported" in outcome.out


def test_nothing_but_unsupported_is_no_pass(conformance, drivers):
    name = next(n for n, case in load_cases().items() if case.features == ("pause",) and case.role.value == "receiver")
    outcome = conformance("run", "--driver", drivers.flawed, name)
    assert outcome.status == 3
    assert "Nothing was checked" in outcome.out


def test_a_role_or_a_transport_that_is_not_declared(conformance, drivers):
    outcome = conformance("run", "--driver", drivers.flawed, "--transport", "webrtc")
    assert outcome.status == 3
    assert "the driver does not declare webrtc" in outcome.err


@pytest.mark.parametrize("way", ["exit", "garbage"])
def test_a_driver_at_fault(conformance, drivers, way):
    outcome = conformance("run", "--driver", drivers.misbehaving(way))
    assert outcome.status == 3
    assert outcome.err.startswith("lipwire: harness error: the driver")


def test_a_driver_at_fault_in_a_case(conformance, drivers):
    outcome = conformance("run", "--driver", drivers.misbehaving("exit", "stop"), "receiver.opening.welcome")
    assert outcome.status == 3
    assert "HARNESS ERROR  receiver.opening.welcome" in outcome.out
    assert "ended with exit code 7" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["run"], "one of the arguments --driver --url is required"),
        (["run", "--driver", "x", "--url", "ws://x"], "not allowed with"),
        (["run", "--driver", "x", "--jobs", "0"], "from 1 on"),
        (["run", "--driver", "x", "--patience", "-1"], "above 0"),
        (["run", "--driver", "x", "receiver.segments.on"], "perhaps receiver.segments.one"),
        (["run", "--driver", "x", "--role", "sender", ONE], "no case of a sender"),
        (["run", "--driver", "x", "--update"], "--expected"),
        (["run", "--driver", "x", "--expected", "none.json"], "No such file"),
        (["run", "--url", "ws://127.0.0.1:1", "--transport", "webrtc"], "through a driver"),
        (["run", "--url", "ws://127.0.0.1:1", "--role", "sender"], "needs a driver"),
        (["run", "--url", "http://127.0.0.1:1"], "has to be ws://"),
        (["run", "--url", "ws://127.0.0.1:99999/"], "has to be ws://"),
        (["explain", "nonsense"], "lipwire conformance list"),
        (["explain", "LW-NONE-1"], "not in SPEC.md"),
        (["report", "none.json"], "No such file"),
        (["report", "a.json", "b.json"], "report matrix"),
        (["report", "matrix"], "give the files"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage(conformance, arguments, says):
    outcome = conformance(*arguments)
    assert outcome.status == 2
    assert says in outcome.err


@pytest.fixture
def receiver(drivers):
    """A receiver that is there without a driver: the SDK's driver has started it, and is not asked again."""
    process = subprocess.Popen(
        drivers.sdk.split(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    start = {
        "id": 1,
        "do": "start",
        "role": "receiver",
        "transport": "websocket",
        "version": 1,
        "needs": [],
        "options": {},
    }
    process.stdin.write(json.dumps(start) + "\n")
    process.stdin.flush()
    yield json.loads(process.stdout.readline())["ok"]["url"]
    process.stdin.close()
    process.wait(30)
    process.stdout.close()


def test_a_receiver_that_is_reached_by_the_wire_alone(conformance, receiver):
    outcome = conformance("run", "--url", receiver, "receiver.segments", "--json", "results.json")
    assert outcome.status == 0, outcome.out
    results = {case["name"]: case for case in json.loads(Path("results.json").read_text())["cases"]}
    assert results["receiver.segments.id_used_before"]["verdict"] == "pass"
    assert results[ONE]["verdict"] == "not testable"
    assert "it needs a driver" in results[ONE]["reason"]


def test_a_receiver_that_is_not_there(conformance):
    outcome = conformance("run", "--url", "ws://127.0.0.1:9/")
    assert outcome.status == 3
    assert "the receiver is not reached" in outcome.err


def test_expected_failures(conformance, drivers, tmp_path):
    arguments = ["run", "--driver", drivers.flawed, ONE, "receiver.segments.empty", "--expected", "known.json"]
    outcome = conformance(*arguments, "--update")
    assert outcome.status == 0
    assert "known.json: written, 1 failure expected" in outcome.out
    assert "say why in the entries of receiver.segments.one" in outcome.out
    known = json.loads((tmp_path / "known.json").read_text())
    assert known == {"expected": [{"case": ONE, "transport": "websocket", "reason": ""}]}
    assert "say in `reason` why" in conformance(*arguments).err
    known["expected"][0]["reason"] = "issue 12"
    (tmp_path / "known.json").write_text(json.dumps(known))
    outcome = conformance(*arguments)
    assert outcome.status == 0
    assert "Fails as expected" in outcome.out
    assert "1 of them as expected" in outcome.out
    arguments[2] = drivers.sdk
    outcome = conformance(*arguments)
    assert outcome.status == 1
    assert "receiver.segments.one: it passes" in outcome.out
    outcome = conformance(*arguments, "--update")
    assert outcome.status == 0
    assert "known.json: written, no failure expected" in outcome.out
    assert json.loads((tmp_path / "known.json").read_text()) == {"expected": []}


def test_results_on_standard_output(conformance, drivers):
    outcome = conformance("run", "--driver", drivers.sdk, "--json", "-", ONE)
    assert json.loads(outcome.out)["exit_code"] == 0
    assert "Nothing failed" in outcome.err


def test_list(conformance):
    outcome = conformance("list", "--role", "receiver", "receiver.segments")
    assert outcome.status == 0
    rows = [line.split("\t") for line in outcome.out.splitlines()]  # for grep and cut, as it is no terminal
    assert ONE in [name for name, _, _ in rows]
    assert all(name.startswith("receiver.segments.") and ids.startswith("LW-") and why for name, ids, why in rows)


def test_list_as_json(conformance, cases):
    told = {case["name"]: case for case in json.loads(conformance("list", "--json").out)}
    assert set(told) == set(cases)
    assert told[ONE]["requirements"] == list(cases[ONE].requirements)
    assert told[ONE]["capabilities"] == {
        "websocket": ["receiver", "websocket"],
        "webrtc": ["receiver", "repair", "webrtc"],
    }


def test_one_of_a_thing_is_no_plural(conformance, drivers, tmp_path):
    assert ": 1 case over websocket" in conformance("run", "--driver", drivers.sdk, "--html", "one.html", ONE).out
    assert "1 case, sender and receiver" in (tmp_path / "one.html").read_text()


def test_list_by_requirement(conformance, cases):
    told = json.loads(conformance("list", "--json", "lw-segment-6").out)
    assert {case["name"] for case in told} == {n for n, case in cases.items() if "LW-SEGMENT-6" in case.requirements}


def test_explain_a_case(conformance, cases):
    out = " ".join(conformance("explain", ONE).out.split())
    assert cases[ONE].why in out
    assert "A receiver MUST hand out segments in the order of their ids" in out
    assert "over webrtc it needs: receiver, repair, webrtc" in out
    assert "await it.open()" in out


def test_explain_a_requirement(conformance):
    out = conformance("explain", "lw-segment-6").out
    assert "8. Segments and audio" in out
    assert "It binds the receiver; a breach fails." in out
    assert ONE in out


def test_explain_a_requirement_of_both(conformance):
    out = conformance("explain", "LW-SECURITY-2").out
    assert "Cases for a sender:" in out
    assert "Cases for a receiver:" in out


def test_manual(conformance, drivers, monkeypatch):
    monkeypatch.setattr(sys, "stdin", Path(os.devnull).open())  # noqa: SIM115 - nobody presses Enter
    outcome = conformance("run", "--driver", drivers.sdk, "--manual", ONE, "sender.segments.one")
    assert outcome.status == 0
    assert "the driver is process " in outcome.out
    assert "Press Enter to begin" in outcome.out
    assert "the implementation is to connect to ws://127.0.0.1:" in outcome.out
    assert "The implementation listens at ws://127.0.0.1:" in outcome.out
    assert "event segment_end" in outcome.out
    sys.stdin.close()


def _start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "lipwire.cli", "conformance", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_manual_waits_for_enter(drivers):
    process = _start("run", "--driver", drivers.sdk, "--manual", ONE)
    told = ""
    while "Press Enter" not in told:
        told += process.stdout.read(1)
    assert "transport opened" not in told
    rest, _ = process.communicate("\n", timeout=60)
    assert process.returncode == 0
    assert "Nothing failed" in rest


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_run_ends_its_drivers(drivers, tmp_path, number, code):
    noted, script = tmp_path / "pids", tmp_path / "driver.py"
    behaviour = drivers.misbehaving("hang", "stop").split()
    script.write_text(
        f"import os, runpy, sys\nopen({str(noted)!r}, 'a').write(f'{{os.getpid()}}\\n')\n"
        f"sys.argv = {behaviour[1:]!r}\nrunpy.run_path({behaviour[1]!r})\n"
    )
    process = _start("run", "--driver", f"{sys.executable} {script}", "--jobs", "2", "receiver.opening")
    deadline = time.monotonic() + 60
    while not noted.exists() or len(noted.read_text().split()) < 3:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Traceback" not in errors
    for pid in noted.read_text().split():
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


def test_a_run_that_is_broken_off_tells_what_it_knows(drivers, tmp_path):
    kept = tmp_path / "known.json"
    process = _start("run", "--driver", drivers.sdk, "--role", "receiver", "--json", str(kept))
    told = ""
    while "pass " not in told:
        line = process.stdout.readline()
        assert line, told
        told += line
    process.send_signal(signal.SIGTERM)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    known = len(json.loads(kept.read_text())["cases"])
    assert f"Broken off after {known} of " in rest
    assert known > 0


@pytest.mark.parametrize("package", ["jinja2", "jsonschema", "rich", "websockets", "aiortc"])
def test_a_missing_extra_is_named_with_its_pip_line(package):
    code = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from lipwire.cli.main import main\nsys.exit(main(['conformance', 'list']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == f'lipwire: `lipwire conformance list` needs {package}: pip install "lipwire[conformance]"\n'
