"""How the benchmarks judge and tell what they measured; the figures themselves are no matter for tests."""

import json
import math

import pytest

from benchmarks import report
from benchmarks.rows import SHORT_SLACK, Row, Spread, against_limit, compare


def test_spread():
    assert Spread.of([3.0, 1.0, 2.0]) == (2.0, 1.0, 3.0)


def test_ratios_are_of_each_round():
    row = compare("a", "µs", [10.0, 30.0, 20.0], "floor", [10.0, 10.0, 10.0], at_most=2.0)
    assert row.ratio == (2.0, 1.0, 3.0)
    assert (row.ours, row.theirs) == (20.0, 10.0)


def test_rounds_have_to_match():
    with pytest.raises(ValueError, match="shorter"):
        compare("a", "µs", [1.0, 2.0], "floor", [1.0])


@pytest.mark.parametrize(
    ("bar", "ratio", "met"),
    [
        ({"at_most": 1.8}, 1.8, True),
        ({"at_most": 1.8}, 1.81, False),
        ({"at_least": 0.6}, 0.6, True),
        ({"at_least": 0.6}, 0.59, False),
        ({"at_most": 1.8}, math.nan, False),
        ({"at_least": 0.6}, math.nan, False),
        ({}, 5.0, None),
    ],
)
def test_bars(bar, ratio, met):
    row = Row(name="a", ratio=Spread(ratio, ratio, ratio), **bar)
    assert row.met() is met


@pytest.mark.parametrize(("bar", "ratio"), [({"at_most": 1.0}, SHORT_SLACK), ({"at_least": 1.0}, 1 / SHORT_SLACK)])
def test_a_short_run_relaxes_bars_on_timing_alone(bar, ratio):
    spread = Spread(ratio, ratio, ratio)
    assert Row(name="a", ratio=spread, timing=True, **bar).met(short=True) is True
    assert Row(name="a", ratio=spread, timing=True, **bar).met() is False
    assert Row(name="a", ratio=spread, **bar).met(short=True) is False


def test_what_was_skipped_is_neither_met_nor_missed():
    assert Row(name="a", at_most=1.0, skipped="no peer").met() is None


@pytest.fixture
def results():
    rows = [
        against_limit("memory", "MB", [4.0], "limit", 5.0, at_most=1.0),
        compare("cpu", "µs", [20.0, 22.0], "floor", [10.0, 10.0], at_most=1.8, timing=True, note="a note"),
        Row(name="links", skipped="no namespaces"),
    ]
    return {"cpu": report.result_of(rows, short=False, seconds=1.0)}


def test_results_survive_the_file(tmp_path, results):
    file = tmp_path / "results.json"
    assert report.load(file) == {}
    report.save(results, file)
    loaded = report.load(file)
    assert json.dumps(loaded) == json.dumps(results)
    assert report.rows_of(loaded["cpu"])[1] == report.rows_of(results["cpu"])[1]


def test_missed(results):
    assert report.missed(results) == ["cpu: cpu"]
    results["cpu"]["short"] = True
    assert report.missed(results) == []


def test_table(results):
    text = report.table(results)
    assert "20.0 µs" not in text
    assert "21.0 µs" in text
    assert "missed" in text
    assert "skipped: no namespaces" in text
    assert "cpu: a note" in text


def test_readme(tmp_path, results):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{report.MARKERS[0]}\nold\n{report.MARKERS[1]}\nafter\n")
    report.put_into_readme(results, readme)
    text = readme.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| cpu | 21.0 µs | floor 10.0 µs | 2.10 (2.00 to 2.20) | ≤ 1.80 | missed |" in text
    report.put_into_readme(results, readme)
    assert readme.read_text() == text


def test_readme_says_what_was_measured_where(results):
    assert report.markdown(results).endswith(
        f"Measured on {results['cpu']['machine']}, commit {results['cpu']['commit']}."
    )
    results["native"] = results["cpu"] | {"machine": "the same, Python 3.12.1"}
    last = report.markdown(results).splitlines()[-1]
    assert f"{results['cpu']['machine']}, commit {results['cpu']['commit']} (cpu)" in last
    assert f"the same, Python 3.12.1, commit {results['cpu']['commit']} (native)" in last


def test_readme_without_markers(tmp_path, results):
    readme = tmp_path / "README.md"
    readme.write_text("nothing\n")
    with pytest.raises(ValueError, match="figures"):
        report.put_into_readme(results, readme)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.06, "0.0600"), (1.234, "1.23"), (43.06, "43.1"), (150, "150"), (41_234.5, "41,234"), (100.4, "100")],
)
def test_numbers(value, text):
    assert report.number(value) == text
