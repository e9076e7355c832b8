"""``python -m benchmarks`` without measuring: what it lists, shows, and exits with."""

import json
import subprocess
import sys

import pytest

from benchmarks import report
from benchmarks.__main__ import FIGURES, in_order
from benchmarks.rows import Row, Spread


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "benchmarks", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def file(tmp_path):
    """Results with a bar on timing that is missed by little."""
    row = Row(name="a row", ours=2.0, peer="floor", theirs=1.0, ratio=Spread(2.0, 2.0, 2.0), at_most=1.8, timing=True)
    path = tmp_path / "results.json"
    report.save({"cpu": report.result_of([row], short=False, seconds=1.0)}, path)
    return path


def test_list():
    done = command("--list")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(FIGURES)


def test_show(file):
    done = command("--show", file)
    assert done.returncode == 0
    assert "a row" in done.stdout
    assert done.stderr == "missed: cpu: a row\n"


@pytest.mark.parametrize("option", ["--check", "--json", "--readme"])
def test_a_file_that_is_not_there_is_an_error(option, tmp_path):
    done = command("--show", tmp_path / "none.json", option)
    assert done.returncode == 2
    assert "there is no" in done.stderr


def test_check(file):
    assert command("--show", file, "--check").returncode == 1
    results = report.load(file)
    results["cpu"]["short"] = True
    report.save(results, file)
    done = command("--show", file, "--check")
    assert done.returncode == 0
    assert "met, as relaxed" in done.stdout


def test_check_wants_every_row_measured(file):
    results = {"cpu": report.result_of([Row(name="a row", skipped="no peer: fetch one")], short=True, seconds=1.0)}
    report.save(results, file)
    assert command("--show", file).returncode == 0
    done = command("--show", file, "--check", "--allow-skip", "no namespaces")
    assert done.returncode == 1
    assert done.stderr == "skipped: cpu: a row: no peer: fetch one\n"
    done = command("--show", file, "--check", "--allow-skip", "no namespaces", "--allow-skip", "fetch one")
    assert (done.returncode, done.stderr) == (0, "")


def test_json(file):
    assert json.loads(command("--show", file, "--json").stdout) == report.load(file)


def test_only(file):
    assert json.loads(command("--show", file, "--json", "--only", "loss").stdout) == {}


def test_order():
    assert list(in_order({"soak": 1, "cpu": 2})) == ["cpu", "soak"]


@pytest.mark.parametrize("words", [("benchmarks", "--only", "webrtc", "--short"), ("links", "cuts")])
def test_packages_that_are_not_installed(words):
    hidden = (
        "import runpy, sys\nsys.modules['aiortc'] = None\nsys.argv = sys.argv[1:]\n"
        "runpy.run_module(sys.argv[0], run_name='__main__')"
    )
    done = subprocess.run(
        [sys.executable, "-c", hidden, *words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "not installed: aiortc" in done.stderr
    assert "pip install" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_figure():
    assert command("--only", "nothing").returncode == 2
