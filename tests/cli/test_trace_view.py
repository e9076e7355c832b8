"""``lipwire trace view``: what is drawn, and that a browser draws it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from lipwire.cli.timeline import POINTS, Timeline
from lipwire.protocol import messages as m
from lipwire.protocol.channels import Channel
from lipwire.protocol.codec import encode
from lipwire.protocol.errors import Close, CloseCode
from lipwire.protocol.events import Cause, SessionEnded, SessionOpened, StreamEnded
from lipwire.protocol.formats import PcmFormat
from lipwire.protocol.trace import event_record, message_record

CHROMIUM = Path("/usr/bin/chromium")
SESSION = bytes(16)
HELLO = m.Hello("lipwire", [1], SESSION, 1, [["s16le", 24_000, 1]], ["repair"], {})
WELCOME = m.Welcome(1, SESSION, 1, ["s16le", 24_000, 1], ["repair"], {}, bytes(16))


class Recorder:
    """Makes the records of both ends: a message arrives 10 ms after it was sent."""

    def __init__(self) -> None:
        self.records: list[dict] = []

    def send(self, t, peer, message, channel=Channel.CONTROL, *, arrives=True):
        other = {"sender": "receiver", "receiver": "sender"}[peer]
        data = encode(message)
        self.records.append(message_record(peer, "out", channel, data, 1_000 + t))
        if arrives:
            self.records.append(message_record(other, "in", channel, data, 1_000 + t + 0.01))

    def audio(self, t, segment, position, samples, *, arrives=True):
        message = m.AudioMessage(segment, position, 0, bytes(2 * samples))
        self.send(t, "sender", message, Channel.MEDIA, arrives=arrives)

    def event(self, t, peer, event):
        self.records.append(event_record(peer, event, 1_000 + t))


@pytest.fixture
def session() -> list[dict]:
    """Two segments: one with a gap, a repair, a pause and a lost transport, and one that is interrupted."""
    r = Recorder()
    r.send(0.0, "sender", HELLO)
    r.send(0.02, "receiver", WELCOME)
    r.send(0.1, "sender", m.Numbered(1, 0, m.SegmentStart(1, {"text": "<b>Hello</b> </script> & more"})))
    r.send(0.1, "sender", m.Mark(1, 480, "there"))
    r.audio(0.1, 1, 0, 480)
    r.audio(0.12, 1, 480, 480, arrives=False)
    r.audio(0.14, 1, 960, 480)
    r.send(0.16, "receiver", m.StreamStarted(1, 5))
    r.send(0.17, "receiver", m.Progress(1, 480, 480, 100, 5, 0))
    r.send(0.18, "receiver", m.Nack(1, [[480, 960]]))
    r.audio(0.2, 1, 480, 480)
    r.send(0.22, "sender", m.Pause())
    r.send(0.32, "sender", m.Unpause())
    r.send(0.33, "sender", m.SegmentEnd(1, 1440))
    r.send(0.6, "sender", HELLO._replace(generation=2, resume=[bytes(16), 0]))
    r.send(0.62, "receiver", WELCOME._replace(generation=2))
    opened = SessionOpened(
        session=SESSION, generation=2, format=PcmFormat(), features=frozenset(), limits={}, resumed=True
    )
    r.event(0.64, "sender", opened)
    r.send(0.7, "receiver", m.Progress(1, 1440, 1440, 1440, 5, 0))
    r.send(0.71, "receiver", m.StreamEnded(1, 1440, False, 0))
    r.event(0.72, "sender", StreamEnded(segment=1, position=1440, interrupted=False, cause=Cause.PLAYED))
    r.send(0.73, "sender", m.SegmentStart(2, {"text": "Two"}))
    r.audio(0.73, 2, 0, 480)
    r.send(0.8, "sender", m.Interrupt(2, 2))
    r.send(0.82, "sender", m.Interrupt(2, 2))
    r.send(0.83, "receiver", m.Cut(2, 2, [[2, 480]]))
    r.send(0.84, "receiver", m.StreamEnded(2, 240, True, 1))
    r.event(0.86, "sender", StreamEnded(segment=2, position=240, interrupted=True, cause=Cause.INTERRUPTED))
    r.send(0.9, "sender", m.CloseMessage(0, "bye"))
    r.event(0.9, "sender", SessionEnded(close=Close(code=CloseCode.NORMAL), opened=True))
    return sorted(r.records, key=lambda record: record["t"])


def picture(records):
    return Timeline(records).as_json("a trace")


def test_curves(session):
    one, two = picture(session)["segments"]
    assert one["sent"] == [(0.1, 480), (0.12, 960), (0.14, 1440)]
    assert one["received"] == [(0.11, 480), (0.21, 1440)]
    assert one["consumed"] == [(0.17, 480), (0.7, 1440)]
    assert one["played"] == [(0.17, 100), (0.7, 1440), (0.71, 1440)]
    assert one["again"] == [(0.2, 480, 960)]
    assert one["nacks"] == [(0.18, 480, 960)]
    assert one["total"] == one["extent"] == 1440
    assert one["marks"] == [{"position": 480, "name": "there"}]
    assert two["total"] is None
    assert two["extent"] == 480


def test_results(session):
    one, two = picture(session)["segments"]
    assert (one["result"]["cause"], one["result"]["position"]) == ("played", 1440)
    assert (two["result"]["cause"], two["result"]["position"]) == ("interrupted", 240)


def test_incidents_and_bands(session):
    drawn = picture(session)
    assert [one["kind"] for one in drawn["incidents"]] == ["interrupt", "cut", "close"]
    bands = {band["kind"]: band for band in drawn["bands"]}
    assert (bands["pause"]["from"], bands["pause"]["to"]) == pytest.approx((0.22, 0.32))
    assert (bands["lost"]["from"], bands["lost"]["to"]) == pytest.approx((0.33, 0.64))
    assert len(drawn["bands"]) == 2


@pytest.mark.parametrize("peer", ["sender", "receiver"])
def test_the_trace_of_one_end_is_enough(session, peer):
    drawn = picture([record for record in session if record["peer"] == peer])
    one, two = drawn["segments"]
    assert drawn["peers"] == [peer]
    assert one["total"] == 1440
    assert one["consumed"][-1][1] == one["received"][-1][1] == 1440
    assert one["result"]["cause"] == "played"
    assert two["result"]["position"] == 240
    assert [i["kind"] for i in drawn["incidents"]] == ["interrupt", "cut", "close"]
    assert bool(one["sent"]) == (peer == "sender")


def test_a_fault_is_told():
    r = Recorder()
    r.send(0, "sender", HELLO)
    r.send(0.1, "receiver", m.CloseMessage(18, "a bad field"))
    assert picture(r.records)["incidents"][0]["label"] == "closed with code 18: a bad field"


def test_long_curves_are_thinned():
    r = Recorder()
    for index in range(3 * POINTS):
        r.audio(index / 50, 1, 10 * index, 10)
    (one,) = picture(r.records)["segments"]
    assert len(one["sent"]) <= POINTS + 1
    assert one["sent"][-1][1] == 30 * POINTS


def test_broken_messages_do_no_harm():
    records = [
        message_record("receiver", "in", Channel.CONTROL, b"\xc1", 1.0),
        message_record("receiver", "in", Channel.CONTROL, "text", 1.1),
        message_record("receiver", "in", Channel.CONTROL, b"\x91\x40", 1.2),
    ]
    assert [row[4] for row in picture(records)["rows"]] == ["error", "text", "ignored"]


def _write(path: Path, records: list[dict]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def test_the_page_is_self_contained(run, tmp_path, session):
    trace = _write(tmp_path / "session.jsonl", session)
    outcome = run("trace", "view", trace)
    assert outcome.status == 0
    page = (tmp_path / "session.html").read_text()
    assert outcome.out.startswith(str(tmp_path / "session.html"))
    assert not re.search(r"""(src|href)\s*=|url\(|@import|fetch\(|https?://(?!www\.w3\.org/2000/svg)""", page)
    data = page.split('<script type="application/json" id="data">')[1].split("</script>")[0]
    assert json.loads(data)["segments"][0]["text"] == "<b>Hello</b> </script> & more"
    assert "<b>Hello" not in page
    assert all("secret (hidden)" in row[6] for row in json.loads(data)["rows"] if row[4] == "welcome")


def test_where_the_page_goes(run, tmp_path, session):
    trace = _write(tmp_path / "session.jsonl", session)
    assert run("trace", "view", trace, "-o", tmp_path / "other.html").status == 0
    assert (tmp_path / "other.html").exists()
    outcome = run("trace", "view", trace, "-o", trace)
    assert outcome.status == 2
    assert "overwritten" in outcome.err
    assert trace.read_text().startswith("{")


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "nothing in it"), (b"\xff\xfe\x00", "no text"), (b"[1]\n", "line 1"), (b'{"t": "x"}', "line 1")],
    ids=["empty", "binary", "a list", "no time"],
)
def test_what_is_no_trace(run, tmp_path, content, says):
    path = tmp_path / "trace.jsonl"
    path.write_bytes(content)
    outcome = run("trace", "view", path)
    assert outcome.status == 2
    assert says in outcome.err


def test_a_trace_that_is_not_there(run, tmp_path):
    outcome = run("trace", "view", tmp_path / "none.jsonl")
    assert outcome.status == 2
    assert "No such file" in outcome.err


@pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no /usr/bin/chromium to draw the page")
def test_a_browser_draws_it(run, tmp_path, session):
    trace = _write(tmp_path / "session.jsonl", session)
    run("trace", "view", trace)
    profile = tmp_path / "profile"
    done = subprocess.run(
        [
            CHROMIUM,
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1400,900"),
            f"--user-data-dir={profile}",
            "--dump-dom",
            (tmp_path / "session.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    shutil.rmtree(profile, ignore_errors=True)
    dom = done.stdout
    assert "<title>session.jsonl – Lipwire trace</title>" in dom
    assert dom.count('class="lane"') == 3  # the wire, and two segments
    assert dom.count('class="curve"') >= 7
    assert "heard 0.060 s" in dom
    assert "heard 0.010 s" in dom
    assert "interrupt of segment 2" in dom
    assert "no transport for 310 ms, then resumed" in dom
    assert '<td class="name interrupt">interrupt</td>' in dom
    assert '<td class="name audio">' not in dom  # filtered out at first
    assert re.search(r'data-name="audio"[^>]*>audio \d+<', dom)
    assert "&lt;b&gt;Hello&lt;/b&gt;" in dom
