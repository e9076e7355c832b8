"""``lipwire conformance smoke``: is a driver sound, and what is to be done about it?"""

from __future__ import annotations

import sys

import pytest


def test_a_sound_driver(conformance, drivers):
    outcome = conformance("smoke", "--driver", drivers.sdk)
    assert outcome.status == 0
    for role in ("sender", "receiver"):
        for transport in ("websocket", "webrtc"):
            assert f"start and stop of a {role} over {transport} again" in outcome.out
            assert f"one segment with a {role} over {transport}, told as DRIVER.md says\n" in outcome.out
    assert "answers `unsupported` to an unknown command" in outcome.out
    assert "The driver is sound" in outcome.out


@pytest.mark.parametrize(
    ("way", "at", "says"),
    [
        ("exit", "hello", "ended with exit code 7"),
        ("garbage", "hello", "standard output is for the driver protocol alone"),
        ("yes_to_all", "start", "a capability made up just now"),
        ("refuses_all", "start", "a capability made up just now"),
        ("agreeable", "none", "answers 'ok' to 'made_up_"),
        ("error", "fence", "could not do"),
    ],
)
def test_a_driver_at_fault(conformance, drivers, way, at, says):
    outcome = conformance("smoke", "--driver", drivers.misbehaving(way, at))
    assert outcome.status == 3
    assert "fault  " in outcome.out
    assert says in outcome.out
    assert "DRIVER.md" in outcome.out


MISSPELT = """
import json, runpy
from lipwire.reference_driver import lines, settings
settings.CAPABILITIES -= {"webrtc", "sender"}
def misspelt(self, name, **fields):
    fields["sesion"] = fields.pop("session", 1)
    self._out.write(json.dumps({"event": name, **fields}).encode() + b"\\n")
    self._out.flush()
lines.Lines.event = misspelt
runpy.run_module("lipwire.reference_driver", run_name="__main__")
"""


def test_events_are_tried_as_well(conformance, tmp_path):
    driver = tmp_path / "misspelt.py"
    driver.write_text(MISSPELT)
    outcome = conformance("smoke", "--driver", f"{sys.executable} {driver}")
    assert outcome.status == 3
    assert "one segment with a receiver over websocket" in outcome.out
    assert "sesion" in outcome.out


MORE = """
import json, sys, time
for raw in iter(sys.stdin.readline, ""):
    asked = json.loads(raw)
    number, do = asked["id"], asked["do"]
    if do == "hello":
        answer = {"ok": {"protocol": 1, "name": "x", "version": "", "language": "", "capabilities": CAPABILITIES}}
    elif do == "start" and set(asked["needs"]) - set(CAPABILITIES):
        answer = {"unsupported": "needs"}
    elif do not in ("start", "stop", "fence"):
        answer = {"unsupported": do}
    else:
        answer = ANSWER
    print(json.dumps({"id": number, **answer}), flush=True)
END
"""


@pytest.mark.parametrize(
    ("capabilities", "answer", "end", "says"),
    [
        (["receiver", "websocket", "flying"], {"ok": {}}, "", "it declares flying, which DRIVER.md does not have"),
        (["repair"], {"ok": {}}, "", "`receiver` or `sender`, and `websocket` or `webrtc`"),
        (["receiver", "websocket"], {"ok": {}}, "", "has to tell its `url`"),
        (
            ["sender", "websocket"],
            {"unsupported": "no"},
            "",
            "the start of a sender is answered `unsupported` (start: no)",
        ),
        (["sender", "websocket"], {"refused": "no"}, "", "the start of a sender is refused: no"),
        (["sender", "websocket"], {"ok": {}}, "time.sleep(3600)", "end the program when reading ends"),
    ],
)
def test_what_else_may_be_wrong(conformance, tmp_path, capabilities, answer, end, says):
    import sys

    script = tmp_path / "driver.py"
    script.write_text(f"CAPABILITIES = {capabilities}\nANSWER = {answer}\n" + MORE.replace("END", end))
    outcome = conformance("smoke", "--driver", f"{sys.executable} {script}")
    assert outcome.status == 3
    assert says in outcome.out
