"""What is installed has all that the kit reads."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(find_spec("hatchling") is None, reason="hatchling is not installed, which builds the wheel")
def test_a_wheel_has_the_specification_the_schemas_the_templates_and_the_vectors(tmp_path):
    code = f"from hatchling.build import build_wheel; print(build_wheel({str(tmp_path)!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    with ZipFile(tmp_path / done.stdout.split()[-1]) as wheel:
        names = set(wheel.namelist())
        assert wheel.read("lipwire/conformance/SPEC.md") == (ROOT / "SPEC.md").read_bytes()
    package = ROOT / "conformance" / "lipwire" / "conformance"
    wanted = [
        *package.glob("*.json"), *package.glob("templates/*"), *package.glob("cases/*.py"), package / "py.typed",
    ]  # fmt: skip
    assert len(wanted) > 20
    assert {f"lipwire/conformance/{path.relative_to(package).as_posix()}" for path in wanted} <= names
    vectors = [path.name for path in (ROOT / "conformance" / "vectors").iterdir()]
    assert {"README.md", "schema.json", "messages.json"} <= set(vectors)
    assert {f"lipwire/conformance/vectors/{name}" for name in vectors} <= names


def test_the_pytest_plugin_is_announced():
    (plugin,) = [entry for entry in entry_points(group="pytest11") if entry.name == "lipwire"]
    assert plugin.value == "lipwire.conformance.pytest_plugin"
