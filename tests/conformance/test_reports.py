"""What is made of a run: JUnit XML, the HTML page, the matrix."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from lipwire.conformance import html, junit
from lipwire.conformance.document import Document

ONE = "receiver.segments.one"
PEER = Path(__file__).parents[2] / "examples" / "peers" / "node"
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))


@pytest.fixture
def every(flawed) -> Document:
    """A report with every verdict in it, and with texts that would do harm where they are not escaped."""
    made = copy.deepcopy(flawed)
    failed = next(case for case in made["cases"] if case["name"] == ONE)
    failed["checks"][0]["actual"] = '</script><script>document.title = "harm"</script> & more \x00\x1b'
    failed["standard_error"] = ["last words </script>"]
    for number, verdict in enumerate(("warn", "harness error", "unsupported", "not testable", "fail")):
        case = copy.deepcopy(failed)
        case |= {"name": f"receiver.made.{number}", "verdict": verdict, "reason": f"because <b>{verdict}</b>"}
        made["cases"].append(case)
        made["counts"][verdict] += 1
    made["cases"][-1]["expected_failure"] = "known since long"
    made["expected"] = {
        "file": "known.json",
        "complaints": [{"entry": {"case": "a.b", "reason": "x"}, "why": "it passes"}],
    }
    return made


def test_report_shows_results_again(conformance, flawed_run, tmp_path):
    outcome = conformance("report", flawed_run, "--html", "page.html", "--junit", "junit.xml")
    assert outcome.status == 1
    assert f"FAIL  {ONE}" in outcome.out
    assert (tmp_path / "page.html").exists()
    assert (tmp_path / "junit.xml").exists()


def test_junit(every):
    root = ET.fromstring(junit.render(every))
    suites = {suite.get("name"): suite for suite in root}
    assert set(suites) == {"receiver over websocket", "expected failures"}
    tests = {f"{test.get('classname')}.{test.get('name')}": test for test in root.iter("testcase")}
    assert tests[ONE].find("failure").get("message").startswith("LW-SEGMENT-6: expected the samples of segment 1")
    assert "segment_start" in tests[ONE].find("failure").text
    assert tests[ONE].find("system-err").text == "last words </script>"
    assert list(tests["receiver.segments.id_used_before"].iter("failure")) == []
    assert "warning: LW-" in tests["receiver.made.0"].find("system-out").text
    assert tests["receiver.made.1"].find("error").get("message") == "because <b>harness error</b>"
    assert tests["receiver.made.2"].find("skipped").get("message").startswith("unsupported")
    assert tests["receiver.made.3"].find("skipped").get("message").startswith("not testable")
    assert tests["receiver.made.4"].find("skipped").get("message") == "expected failure: known since long"
    assert tests["expected.every entry comes true"].find("failure").get("message") == "a.b: it passes"
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(root.get(key)) == len(list(root.iter(tag)))
    assert int(root.get("tests")) == len(tests)


def test_the_page_is_self_contained(every):
    page = html.render(every)
    assert not re.search(r"""<link|<img|\bsrc=|url\(|@import|fetch\(|https?://""", page)
    assert 'document.title = "harm"</script>' not in page
    assert "<b>warn</b>" not in page
    blocks = re.findall(r'<script type="application/json" id="(case-[^"]+)">(.*?)</script>', page, re.S)
    assert len(blocks) == len(every["cases"])
    assert len({name for name, _ in blocks}) == len(blocks)
    for name, block in blocks:
        assert json.loads(block)["trace"] is not None, name
    assert '"standard_error":["last words \\u003c/script>"]' in page
    for one in every["requirements"]:
        assert one["id"] in page


def test_matrix(conformance, flawed_run, flawed, tmp_path):
    other = copy.deepcopy(flawed)
    other["implementation"]["name"] = "another peer"
    other["requirements"] = [
        one | {"verdict": "pass" if one["verdict"] == "fail" else one["verdict"]} for one in other["requirements"]
    ]
    (tmp_path / "other.json").write_text(json.dumps(other))
    outcome = conformance("report", "matrix", flawed_run, "other.json", "--html", "matrix.html")
    assert outcome.status == 0
    (row,) = [line for line in outcome.out.splitlines() if line.startswith("LW-SEGMENT-6 ")]
    assert row.split() == ["LW-SEGMENT-6", "receiver", "MUST", "FAIL", "pass"]
    page = (tmp_path / "matrix.html").read_text()
    assert "another peer" in page
    assert 'data-verdict="fail|pass|differ"' in page
    assert 'data-verdict="pass|pass"' in page
    assert not re.search(r"<link|\bsrc=|url\(|https?://", page)


BROWSER = """
import { chromium } from %s;
const [page_url, matrix_url, name] = process.argv.slice(2);
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
const page = await browser.newPage();
const told = { errors: [], requests: [] };
page.on('pageerror', (error) => told.errors.push(error.message));
page.on('request', (request) => told.requests.push(request.url()));
await page.goto(page_url);
const cases = page.locator('details.case:visible');
told.all = await cases.count();
told.drawn = await page.locator('details.case .body > *').count();
await page.keyboard.press('/');
await page.keyboard.type(name);
told.searched = await cases.count();
await page.keyboard.press('Control+A');
await page.keyboard.press('Delete');
await page.locator('.tools').first().getByRole('button', { name: /^fail/ }).click();
told.failing = await cases.evaluateAll((all) => all.map((one) => one.id));
await page.locator('.tools').first().getByRole('button', { name: /^fail/ }).press('Enter');
told.unfiltered = await cases.count();
await page.evaluate((id) => { location.hash = id; }, name);
const opened = page.locator(`details[id="${name}"]`);
told.open = await opened.getAttribute('open');
told.expected = await opened.locator('.expected').allInnerTexts();
told.actual = await opened.locator('.actual').allInnerTexts();
told.words = await opened.locator('.body > pre').innerText();
told.quoted = await opened.locator('blockquote').first().innerText();
told.flag = await opened.locator('.rung.flag').count();
const start = opened.locator('.rung.kit', { hasText: 'segment_start' }).first();
told.hex_before = await opened.locator('.hex:visible').count();
await start.focus();
await page.keyboard.press('Enter');
told.hex = await opened.locator('.hex:visible').allInnerTexts();
await page.locator('.tools').nth(1).locator('input').fill('LW-SEGMENT-6');
told.requirements = await page.locator('#requirement-list tr:visible .id').allInnerTexts();
await page.keyboard.press('Escape');
await page.locator('header h1').click();
await page.keyboard.press('n');
told.focused = await page.evaluate(() => document.activeElement.tagName);
const colour = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
told.colours = [await colour()];
await page.locator('#theme').click();
told.colours.push(await colour());
told.title = await page.title();
told.codes = await page.locator('code').allInnerTexts();
const breadth = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
await page.setViewportSize({ width: 390, height: 844 });
told.beyond = [await breadth()];
await page.locator('.tools').nth(1).locator('input').fill('');
const long = page.locator('#requirement-list .clamp.long').first();
told.clamped = [(await long.boundingBox()).height];
await long.click();
told.clamped.push((await page.locator('#requirement-list .clamp.open').boundingBox()).height);
await page.goto(matrix_url);
told.beyond.push(await breadth());
await page.locator('.tools').getByRole('button', { name: 'fail' }).click();
told.matrix = await page.locator('#rows tr:visible .id').allInnerTexts();
console.log(JSON.stringify(told));
await browser.close();
"""


def test_a_browser_shows_it(conformance, every, tmp_path):
    for missing, there in (
        ("node is not installed", shutil.which("node")),
        ("playwright-core is missing", (PEER / "node_modules" / "playwright-core").is_dir()),
        ("chromium is not installed", CHROMIUM.is_file()),
    ):
        if not there:
            if os.environ.get("LIPWIRE_REQUIRE_PEERS") == "1":
                pytest.fail(f"{missing} (LIPWIRE_REQUIRE_PEERS is set)")
            pytest.skip(f"{missing}: run scripts/fetch-peers")
    (tmp_path / "results.json").write_text(json.dumps(every))
    conformance("report", "results.json", "--html", "page.html")
    conformance("report", "matrix", "results.json", "results.json", "--html", "matrix.html")
    playwright = (PEER / "node_modules" / "playwright-core" / "index.mjs").as_uri()
    (tmp_path / "browse.mjs").write_text(BROWSER % json.dumps(playwright))
    pages = [(tmp_path / name).as_uri() for name in ("page.html", "matrix.html")]
    done = subprocess.run(
        ["node", "browse.mjs", *pages, ONE], capture_output=True, text=True, timeout=110, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["errors"] == []
    assert told["requests"] == pages  # and nothing of any network
    assert told["all"] == told["unfiltered"] == len(every["cases"])
    assert told["drawn"] == 0  # details are drawn when they are opened
    assert told["searched"] == 1
    assert set(told["failing"]) == {case["name"] for case in every["cases"] if case["verdict"] == "fail"}
    assert told["open"] is not None
    (failed,) = [case for case in every["cases"] if case["name"] == ONE]
    broken = [check for check in failed["checks"] if not check["passed"]]
    assert told["expected"] == [check["expected"] for check in broken]
    assert told["actual"] == [check["actual"] for check in broken]
    assert told["flag"] == len(broken)
    assert told["words"] == "last words </script>"
    assert told["quoted"].startswith("LW-SEGMENT-6 A receiver MUST hand out segments in the order of their ids")
    assert told["hex_before"] == 0
    assert told["hex"] == ["92 10 01"]
    assert told["requirements"] == ["LW-SEGMENT-6"]
    assert told["focused"] == "SUMMARY"
    assert told["colours"][0] != told["colours"][1]
    assert "harm" not in told["title"]
    assert told["beyond"] == [0, 0]  # a telephone shows all of its width
    assert "invalid_field" in told["codes"]
    assert told["clamped"][1] > told["clamped"][0] * 1.2
    assert "LW-SEGMENT-6\nreceiver" in told["matrix"]
    assert len(told["matrix"]) < len(every["requirements"])
