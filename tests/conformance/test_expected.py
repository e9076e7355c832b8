"""Failures that are expected: what they excuse, and when they fail a run themselves."""

from __future__ import annotations

import json

import pytest

from lipwire.conformance import Verdict
from lipwire.conformance.expected import BadFile, Entry, compare, load, save, updated

ONE, EMPTY = "receiver.segments.one", "receiver.segments.empty"
WEBSOCKET_ALONE = "receiver.audio.gap"
ID = "LW-SEGMENT-6"


@pytest.fixture
def failed(make_result):
    return make_result(ONE, (ID, "MUST", False))


@pytest.fixture
def passed(make_result):
    return make_result(ONE, (ID, "MUST", True))


@pytest.fixture
def against(cases):
    def call(entries, results, transport="websocket", *, whole=False):
        return compare(entries, results, cases, transport, whole=whole)

    return call


@pytest.mark.parametrize(
    "entry",
    [
        Entry(case=ONE, reason="known"),
        Entry(case=ONE, transport="websocket", role="receiver", reason="known"),
        Entry(requirement=ID, reason="known"),
        Entry(requirement=ID, role="receiver", reason="known"),
    ],
    ids=str,
)
def test_a_failure_that_is_expected(against, failed, entry):
    outcome = against([entry], [failed])
    assert outcome.expected == {ONE: "known"}
    assert outcome.complaints == []


@pytest.mark.parametrize(
    "entry",
    [
        Entry(case=EMPTY, reason="known"),
        Entry(case=ONE, transport="webrtc", reason="known"),
        Entry(requirement="LW-WIRE-1", reason="known"),
    ],
    ids=str,
)
def test_an_entry_for_something_else_excuses_nothing(against, failed, entry):
    outcome = against([entry], [failed])
    assert outcome.expected == {}
    assert outcome.complaints == []  # the run was of one case, and does not tell


def test_an_entry_of_a_requirement_excuses_no_other(against, make_result):
    both = make_result(ONE, (ID, "MUST", False), ("LW-WIRE-1", "MUST", False))
    entries = [Entry(requirement=ID, reason="a")]
    assert against(entries, [both]).expected == {}
    assert against([*entries, Entry(requirement="LW-WIRE-1", reason="b")], [both]).expected == {ONE: "a; b"}


@pytest.mark.parametrize("entry", [Entry(case=ONE, reason="x"), Entry(requirement=ID, reason="x")], ids=str)
def test_a_pass_fails_the_run(against, passed, entry):
    assert against([entry], [passed]).complaints == [(entry, "it passes")]


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (Entry(case="receiver.no.such", reason="x"), "there is no such case"),
        (Entry(requirement="LW-NONE-1", reason="x"), "there is no such requirement in SPEC.md"),
    ],
)
def test_what_does_not_exist(against, passed, entry, why):
    assert against([entry], [passed]).complaints == [(entry, why)]


def test_an_entry_that_matches_nothing_fails_a_whole_run(against, failed, make_result):
    entry = Entry(requirement="LW-SECURITY-2", reason="x")
    assert against([entry], [failed]).complaints == []
    assert against([entry], [failed], whole=True).complaints == [(entry, "it matches nothing in the run")]
    unsupported = make_result(ONE, verdict=Verdict.UNSUPPORTED)
    entry = Entry(case=ONE, reason="x")
    assert against([entry], [unsupported]).complaints == [(entry, "it matches nothing: unsupported")]
    broken = make_result(ONE, verdict=Verdict.HARNESS_ERROR)
    assert against([entry], [broken]).complaints == []  # nothing is known of it


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (Entry(case=WEBSOCKET_ALONE, transport="webrtc", reason="x"), f"{WEBSOCKET_ALONE} runs over websocket alone"),
        (Entry(case=ONE, role="sender", reason="x"), f"{ONE} is asked of a receiver alone"),
        (Entry(requirement=ID, role="sender", reason="x"), f"{ID} does not bind a sender"),
    ],
    ids=str,
)
def test_an_entry_that_no_run_can_match_fails_each_run(against, passed, entry, why):
    for transport in ("websocket", "webrtc"):
        assert against([entry], [passed], transport).complaints == [(entry, f"it matches nothing: {why}")]


def test_a_run_over_the_other_transport_tells_nothing(against, cases, make_result):
    """An entry for both, of a case that runs over one of them."""
    entry = Entry(case=WEBSOCKET_ALONE, reason="x")
    not_asked = make_result(WEBSOCKET_ALONE, verdict=Verdict.NOT_TESTABLE, reason="it is about websocket")
    assert against([entry], [not_asked], "webrtc", whole=True).complaints == []
    assert updated([entry], [not_asked], cases, "webrtc", whole=True) == [entry]
    passes = make_result(WEBSOCKET_ALONE, ("LW-AUDIO-8", "MUST", True))
    assert against([entry], [passes], whole=True).complaints == [(entry, "it passes")]


def test_a_harness_error_is_never_expected(against, make_result):
    broken = make_result(ONE, (ID, "MUST", False), verdict=Verdict.HARNESS_ERROR)
    assert against([Entry(case=ONE, reason="x")], [broken]).expected == {}


def test_update(cases, failed, make_result):
    gone = Entry(case=EMPTY, transport="websocket", reason="was broken")
    fine = make_result(EMPTY, (ID, "MUST", True))
    known = Entry(requirement="LW-PAUSE-2", reason="not there yet")
    made = updated([gone, known], [failed, fine], cases, "websocket", whole=False)
    assert made == [known, Entry(case=ONE, transport="websocket")]


def test_update_keeps_what_the_other_transport_needs(cases, make_result, failed):
    fine = make_result(EMPTY, (ID, "MUST", True))
    both = Entry(case=EMPTY, reason="why")
    (made,) = updated([both], [fine], cases, "websocket", whole=True)
    assert made == Entry(case=EMPTY, transport="webrtc", reason="why")
    (made,) = updated([Entry(case=ONE, transport="webrtc", reason="why")], [failed], cases, "websocket", whole=True)
    assert made == Entry(case=ONE, reason="why")


def test_a_file_as_it_was_written(tmp_path):
    path = tmp_path / "known.json"
    entries = [Entry(case=ONE, transport="webrtc", reason="b"), Entry(requirement=ID, role="sender", reason="a")]
    save(path, entries)
    assert load(path) == entries


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not JSON"),
        ("[]", "it has to be"),
        ('{"expected": [], "more": 1}', "it has to be"),
        ('{"expected": ["x"]}', "entry 1: an object of texts"),
        ('{"expected": [{"reason": "x"}]}', "it names a case, or a requirement"),
        ('{"expected": [{"case": "a", "requirement": "b", "reason": "x"}]}', "it names a case, or a requirement"),
        ('{"expected": [{"case": "a", "reason": "x", "since": "now"}]}', "'since' is not known"),
        ('{"expected": [{"case": "a", "reason": "x", "role": "both"}]}', "role is one of sender, receiver"),
        ('{"expected": [{"case": "a"}]}', "say in `reason` why a is expected to fail"),
        ('{"expected": [{"case": "a", "reason": " "}]}', "say in `reason` why"),
    ],
)
def test_a_file_that_is_wrong(tmp_path, content, says):
    path = tmp_path / "known.json"
    path.write_text(content)
    with pytest.raises(BadFile) as fault:
        load(path)
    assert says in str(fault.value)


def test_reasons_may_be_missing_while_a_file_is_updated(tmp_path):
    path = tmp_path / "known.json"
    path.write_text(json.dumps({"expected": [{"case": ONE, "reason": ""}]}))
    assert load(path, unexplained=True) == [Entry(case=ONE)]
