"""What the audit panel says of an event, and what may be typed to find one; without any screen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from console.tui.audit.event_words import fields_of, is_denied, is_glass, outcome_cell, sign_of, time_words
from console.tui.audit.filters import FilterRefused, read_filter
from console.tui.audit.log_lines import MOST, LogLines
from console.tui.audit.verify_words import kept_size
from security.audit.courier import KeeperStatus
from security.audit.event import Decision, Kind, Outcome
from security.audit.search import Filter, Page, Recorded
from tests.security.audit_logs import event

NOW = datetime(2026, 11, 28, 14, 30, tzinfo=UTC)


def recorded(seq: int, **fields: object) -> Recorded:
    return Recorded(seq, event(seq, **fields), bytes([seq % 256]) * 32)


def words_of(one: Recorded, *, brief: bool = False) -> str:
    return "".join(text for text, _tone in outcome_cell(one.event, brief=brief).parts)


def test_a_denial_stands_out_by_sign_and_capitals() -> None:
    denied = recorded(3, outcome=Outcome.REFUSED, decision=Decision.DENY, code=None)
    assert is_denied(denied.event)
    assert sign_of(denied.event, cross="x") == ("x", "bad-strong")
    assert words_of(denied) == "DENIED"
    assert sign_of(recorded(0, outcome=Outcome.DONE).event, cross="x")[0] == ""


def test_a_sign_in_that_was_refused_says_why_even_in_short() -> None:
    refused = recorded(0, kind=Kind.SIGN_IN, outcome=Outcome.REFUSED, decision=None, code="wrong_code")
    assert words_of(refused, brief=True) == "REFUSED wrong_code"
    assert words_of(recorded(0, outcome=Outcome.DONE, code="totp"), brief=True) == "done"
    assert words_of(recorded(0, outcome=Outcome.DONE, code="totp")) == "done totp"


@pytest.mark.parametrize("code", ["look", "list", "check"])
def test_looking_is_told_from_doing_even_in_short(code: str) -> None:
    looked = recorded(0, action="rotate_keys", outcome=Outcome.DONE, code=code)
    assert words_of(looked, brief=True) == f"done {code}"
    assert ("code", f"{code} (only looked; nothing was changed)", "text") in fields_of(looked)


@pytest.mark.parametrize("fields", [{"action": "break_glass"}, {"code": "break-glass"}])
def test_the_broken_glass_stands_out_by_sign_and_capitals(fields: dict[str, str]) -> None:
    glass = recorded(0, outcome=Outcome.DONE, **fields)
    assert is_glass(glass.event)
    assert sign_of(glass.event, cross="x")[0] == "!"
    assert words_of(glass) == "GLASS done"


def test_every_field_of_an_event_is_named() -> None:
    shown = {name: value for name, value, _tone in fields_of(recorded(1_234, code="break-glass"))}
    assert shown["number"] == "1,234"
    assert shown["time"].endswith(" UTC")
    assert shown["decided by"] == "doctor-assigned"
    assert shown["who"] == "doctor-4, role doctor"
    assert shown["subject"].startswith(f"{1_234 % 11:032x}")
    assert shown["columns"] == "ssn, insurance_id shown in clear"
    assert shown["same use"] == f"{1_234:032x}"
    assert shown["leaf"].replace(" ", "") == (bytes([1_234 % 256]) * 32).hex()


def test_a_denial_by_absence_says_that_no_policy_permits_it() -> None:
    shown = {name: value for name, value, _tone in fields_of(recorded(3, policies=()))}
    assert shown["decided by"] == "no policy permits it, so it is denied"


def test_a_time_has_as_much_of_its_date_as_fits() -> None:
    assert time_words(NOW, NOW, width=11) == "14:30:00"
    assert time_words(NOW - timedelta(days=2), NOW, width=11) == "11-26 14:30"
    assert time_words(NOW - timedelta(days=2), NOW, width=8) == "11-26"
    assert time_words(NOW - timedelta(days=400), NOW, width=11) == "2025-10-24"
    assert time_words(NOW, NOW, width=19) == "2026-11-28 14:30:00"


# ---- what is typed --------------------------------------------------------------------------------------------------


def test_every_field_of_the_form_becomes_part_of_the_filter() -> None:
    typed = {"kind": "Key", "action": "rotate-keys", "user": " Officer ", "decision": "deny", "since": "2026-11-27",
             "until": "14:00", "patient": "patient:P0007"}  # fmt: skip
    wanted = read_filter(typed, NOW)
    assert wanted.filter == Filter(
        kind=Kind.KEY, action="rotate_keys", principal="officer", decision=Decision.DENY,
        since=datetime(2026, 11, 27, tzinfo=UTC), until=datetime(2026, 11, 28, 14, 0, tzinfo=UTC),
    )  # fmt: skip
    assert wanted.patient == "P0007"
    assert wanted.with_pseudonym("a" * 32) == replace(wanted.filter, subject="a" * 32)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2h", NOW - timedelta(hours=2)),
        ("30m", NOW - timedelta(minutes=30)),
        ("3d", NOW - timedelta(days=3)),
        ("09:15", datetime(2026, 11, 28, 9, 15, tzinfo=UTC)),
        ("2026-11-28 09:15", datetime(2026, 11, 28, 9, 15, tzinfo=UTC)),
        ("2026-11-28T10:15+01:00", datetime(2026, 11, 28, 9, 15, tzinfo=UTC)),
    ],
)
def test_an_instant_may_be_typed_in_several_ways(text: str, instant: datetime) -> None:
    assert read_filter({"since": text}, NOW).filter.since == instant


def test_the_beginning_of_a_word_is_enough_where_it_is_the_only_one() -> None:
    assert read_filter({"kind": "deci"}, NOW).filter.kind is Kind.DECISION
    with pytest.raises(FilterRefused):
        read_filter({"kind": "d"}, NOW)


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("kind", {"kind": "keys"}),
        ("decision", {"decision": "yes"}),
        ("since", {"since": "yesterday"}),
        ("since", {"since": "99999999999d"}),
        ("until", {"since": "14:00", "until": "13:00"}),
    ],
)
def test_what_cannot_be_looked_for_is_refused_with_its_field(field: str, typed: dict[str, str]) -> None:
    with pytest.raises(FilterRefused, match="expected") as refused:
        read_filter(typed, NOW)
    assert refused.value.field == field


def test_an_empty_form_asks_for_everything() -> None:
    assert read_filter({}, NOW).filter == Filter()
    assert read_filter({}, NOW).text == ""


# ---- what is loaded -------------------------------------------------------------------------------------------------


def page(*seqs: int, before: int | None = None) -> Page:
    return Page(tuple(recorded(seq) for seq in seqs), before)


def test_lines_grow_at_both_ends_without_a_gap() -> None:
    lines = LogLines()
    lines.begin(Filter(), 10, page(9, 8, before=8))
    assert lines.older(page(7, 6, before=None)) == 2
    assert lines.newer([recorded(9), recorded(10), recorded(11)]) == 2
    assert [one.seq for one in lines.rows] == [6, 7, 8, 9, 10, 11]
    assert lines.before is None


def test_what_comes_while_a_filter_is_on_is_shown_only_if_it_passes() -> None:
    lines = LogLines()
    lines.begin(Filter(decision=Decision.DENY), 4, page(3))
    assert lines.newer([recorded(4), recorded(7)]) == 1
    assert [one.seq for one in lines.rows] == [3, 7]
    assert lines.seen == 7


def test_a_long_watch_keeps_no_more_than_it_should_and_can_load_the_rest_again() -> None:
    lines = LogLines()
    lines.begin(Filter(), 1, page(0))
    lines.newer([recorded(seq) for seq in range(1, MOST + 11)])
    assert lines.trim() == 11
    assert len(lines.rows) == MOST
    assert lines.before == lines.rows[0].seq == 11


def test_what_a_copy_outside_covers_is_read_from_its_note() -> None:
    note = "lakewarden/audit/0123456789abcdef\n42\nAAAA\n\n— lakewarden/audit sig\n"
    assert kept_size(KeeperStatus("file", note, False, None)) == 42
    assert kept_size(KeeperStatus("file", None, False, None)) == 0
