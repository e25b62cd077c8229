"""Lines for a SIEM: golden files, and hostile content that must not break out of its field."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from security.audit.event import Decision, Event, Kind, Outcome
from security.audit.search import Recorded
from security.audit.siem import FORMATS, Source, cef, hec, leef, ocsf, syslog
from tests.security.audit_logs import event
from tests.security.test_audit_event import events

SOURCE = Source("lake.example", "0.1.0", "lakewarden/audit/0123456789abcdef")
GOLDEN = Path(__file__).parent / "vectors" / "siem.json"
CASES = {
    "disclosure": event(3, sealed="0001-00000000:" + "A" * 80),
    "refused sign-in": event(
        4,
        kind=Kind.SIGN_IN,
        action="sign_in",
        outcome=Outcome.REFUSED,
        principal="unknown",
        role="guest",
        resource="workspace",
        decision=None,
        policies=(),
        columns=(),
        session=None,
        count=None,
        address="2001:db8::1",
        code="wrong_code",
    ),
    "run": event(5, kind=Kind.RUN, action="trigger_run", resource="pipeline:weather", subject=None, address=None),
}
HOSTILE = 'a|b\\c=d"e]f\ng\rh\ti {"x":1} <1>\u2028é'


def recorded(one: Event) -> Recorded:
    return Recorded(41, one, bytes(range(32)))


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("case", CASES)
def test_golden_lines(name: str, case: str) -> None:
    golden = json.loads(GOLDEN.read_text())
    assert FORMATS[name](recorded(CASES[case]), SOURCE) == golden[case][name]


@pytest.mark.parametrize("fields", [{"action": "break_glass"}, {"action": "view_record", "code": "break-glass"}])
@pytest.mark.parametrize("decision", Decision)
def test_the_broken_glass_and_what_is_seen_through_it_are_graver_than_a_usual_look(
    fields: dict[str, str], decision: Decision
) -> None:
    done = {"outcome": Outcome.DONE, "decision": decision}
    severities = [
        (
            json.loads(ocsf(one, SOURCE))["severity_id"],
            cef(one, SOURCE).split("|")[6],
            re.findall(r"\tsev=(\d+)\t", leef(one, SOURCE)),
            json.loads(hec(one, SOURCE))["event"]["severity"],
            syslog(one, SOURCE)[:5],
        )
        for one in (recorded(event(3, **done, **fields)), recorded(event(3, **done, action="view_record")))
    ]
    usual = (1, "3", ["3"], 3, "<109>") if decision is Decision.ALLOW else severities[0]
    assert severities == [(3, "6", ["6"], 6, "<108>"), usual]


@pytest.mark.parametrize("name", FORMATS)
@given(one=events)
def test_every_event_is_one_line_without_the_sealed_reason(name: str, one: Event) -> None:
    line = FORMATS[name](recorded(one), SOURCE)
    assert line.splitlines() == [line]
    assert "A" * 80 not in line
    assert one.principal in line


def hostile() -> tuple[Recorded, Source]:
    """An event as it would be if its bounds had a hole."""
    one = event()
    for field in dataclasses.fields(one):
        if isinstance(getattr(one, field.name), str) and field.name not in {"kind", "outcome", "decision"}:
            object.__setattr__(one, field.name, HOSTILE)
    return recorded(one), Source(HOSTILE, HOSTILE, HOSTILE)


@pytest.mark.parametrize("name", FORMATS)
def test_hostile_content_makes_no_second_line(name: str) -> None:
    line = FORMATS[name](*hostile())
    assert "\n" not in line
    assert "\r" not in line


@pytest.mark.parametrize("formatter", [ocsf, hec])
def test_hostile_content_comes_back_from_json(formatter: Any) -> None:
    body = json.loads(formatter(*hostile()))
    texts = json.dumps(body, ensure_ascii=False)
    assert json.dumps(HOSTILE, ensure_ascii=False) in texts


def test_hostile_content_stays_in_its_cef_field() -> None:
    line = cef(*hostile())
    header = re.split(r"(?<!\\)(?:\\\\)*\|", line, maxsplit=7)
    assert len(header) == 8
    assert header[6] == "3"
    keys = re.findall(r"(?:^| )([A-Za-z0-9]+)(?<!\\)=", header[7])
    assert len(keys) == len(set(keys))
    assert {"rt", "act", "suser", "outcome"} <= set(keys)
    assert "d" not in keys


def test_hostile_content_stays_in_its_leef_field() -> None:
    head, _, attributes = leef(*hostile()).partition("|x09|")
    assert head.count("|") == 4
    names = [part.partition("=")[0] for part in attributes.split("\t")]
    assert len(names) == len(set(names))
    assert {"devTime", "usrName", "cat", "sev"} <= set(names)


def test_hostile_content_stays_in_its_syslog_parameter() -> None:
    line = syslog(*hostile())
    header = re.match(r"<(\d+)>1 (\S+) (\S+) (\S+) (\S+) (\S+) \[audit@32473", line)
    assert header is not None
    assert int(header[1]) == 13 * 8 + 5
    assert re.search(r'\[audit@32473(?: [a-z]+="(?:[^"\\\]]|\\["\\\]])*")+\] ', line)


def test_ocsf_classes_and_types_agree() -> None:
    for kind in Kind:
        for decision in Decision:
            body = json.loads(ocsf(recorded(event(kind=kind, decision=decision)), SOURCE))
            assert body["category_uid"] == body["class_uid"] // 1000
            assert body["type_uid"] == body["class_uid"] * 100 + body["activity_id"]
            assert body["status_id"] == (2 if decision is Decision.DENY else 1)
