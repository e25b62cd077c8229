"""`access check --batch`: one answer a line, in order, in the form of the interface; no line can break another."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from security.policy.batch import LONGEST_LINE, check_batch, check_line
from security.policy.engine import Engine, RefuseAll
from security.policy.source import read_source
from tests.security.ward import NIGHT, NOON, ward

ENGINE = Engine(read_source())
GOOD = {"user": "doctor", "action": "view_record", "resource": "patient:P1"}


def answers(*lines: str, now: datetime = NOON) -> list[dict[str, object]]:
    return [json.loads(line) for line in check_batch(lines, engine=ENGINE, facts=ward(), now=now)]


def errors_of(line: str) -> tuple[str, ...]:
    decision = check_line(line, engine=ENGINE, facts=ward(), now=NOON)
    assert not decision.allowed
    assert set(decision.columns.values()) == {"denied"}
    return decision.errors


def test_the_answer_has_the_keys_of_the_interface_and_no_others() -> None:
    (answer,) = answers(json.dumps(GOOD))
    assert list(answer) == ["decision", "determining", "errors", "columns", "why_not", "obligations"]
    assert answer["decision"] == "allow"
    assert answer["determining"] == ["doctor-reads-assigned", "doctor-unmasks-assigned"]
    (denied,) = answers(json.dumps(GOOD), now=NIGHT)
    assert denied["decision"] == "deny"
    assert isinstance(denied["why_not"], list)
    assert denied["why_not"][0]["change"] == ["ask from 08:00 to before 20:00 Europe/London"]
    assert {frozenset(why) for why in denied["why_not"]} == {frozenset({"policy", "because", "change"})}


def test_what_a_permit_obliges_to_is_told_in_order() -> None:
    emergency = {**GOOD, "action": "break_glass", "resource": "patient:P2", "reason": "an accident"}
    permitted, denied = answers(json.dumps(emergency), json.dumps({**emergency, "reason": None}))
    assert permitted["obligations"] == ["loud-audit", "sealed-reason"]
    assert denied["obligations"] == []


def test_what_a_line_leaves_out_is_now_this_host_and_a_code_just_given() -> None:
    full = {**GOOD, "at": "2026-03-02T12:00:00Z", "ip": "127.0.0.1", "mfa": "totp", "mfa_age_s": 0, "reason": None}
    assert answers(json.dumps(GOOD)) == answers(json.dumps(full))
    assert answers(json.dumps({**GOOD, "at": None, "ip": None, "mfa": None, "mfa_age_s": None})) == answers(
        json.dumps(full)
    )


def test_answers_come_in_order_and_a_bad_line_is_one_denial_among_them() -> None:
    lines = [json.dumps(GOOD), "", "{", json.dumps({**GOOD, "user": "nobody"}), json.dumps(GOOD)]
    told = answers(*lines)
    assert [answer["decision"] for answer in told] == ["allow", "deny", "deny", "deny", "allow"]
    assert [len(answer["errors"]) for answer in told] == [0, 1, 1, 1, 0]  # type: ignore[arg-type]


def test_lines_are_answered_as_they_come() -> None:
    def endless() -> object:
        while True:
            yield json.dumps(GOOD)

    stream = check_batch(endless(), engine=ENGINE, facts=ward(), now=NOON)  # type: ignore[arg-type]
    assert json.loads(next(stream))["decision"] == "allow"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", "one JSON object"),
        ("[]", "one JSON object"),
        ("null", "one JSON object"),
        ('"x"', "one JSON object"),
        ("{} {}", "one JSON object"),
        ("{}", "user: expected a text"),
        ("[" * 20_000, "one JSON object"),
        (" " * (LONGEST_LINE + 1), "at most"),
        ('{"user": "doctor", "user": "officer"}', "each key once"),
        (json.dumps({**GOOD, "role": "officer"}), "'role'"),
        (json.dumps({**GOOD, "user": 7}), "user: expected a text"),
        (json.dumps({**GOOD, "user": "nobody"}), "'nobody'"),
        (json.dumps({**GOOD, "user": "service"}), "the service is no account"),
        (json.dumps({**GOOD, "action": "fly"}), "'fly'"),
        (json.dumps({**GOOD, "resource": "patient:P404"}), "'patient:P404'"),
        (json.dumps({**GOOD, "at": "yesterday"}), "at: expected a time"),
        (json.dumps({**GOOD, "at": "2026-03-02T12:00:00"}), "at: expected a time"),
        (json.dumps({**GOOD, "at": "2026-02-30T12:00:00Z"}), "at: expected a time"),
        (json.dumps({**GOOD, "at": "0001-01-01T00:00:00Z"}), "at: expected a time"),
        (json.dumps({**GOOD, "at": "9999-12-31T23:59:59Z"}), "at: expected a time"),
        (json.dumps({**GOOD, "at": 1_772_452_800}), "at: expected a text"),
        (json.dumps({**GOOD, "ip": "the ward"}), "ip: expected an IPv4 or IPv6 address"),
        (json.dumps({**GOOD, "mfa": "host"}), "mfa: expected totp, email, none"),
        (json.dumps({**GOOD, "mfa": "visitor"}), "mfa: expected totp, email, none"),
        (json.dumps({**GOOD, "mfa_age_s": -1}), "mfa_age_s: expected a number"),
        (json.dumps({**GOOD, "mfa_age_s": True}), "mfa_age_s: expected a number"),
        (json.dumps({**GOOD, "mfa_age_s": "0"}), "mfa_age_s: expected a number"),
        (json.dumps({**GOOD, "mfa_age_s": 10**400}), "mfa_age_s: expected a number"),
        ('{"user": "doctor", "action": "a", "resource": "b", "mfa_age_s": NaN}', "mfa_age_s: expected a number"),
        ('{"user": "doctor", "action": "a", "resource": "b", "mfa_age_s": Infinity}', "mfa_age_s: expected a number"),
        (json.dumps({**GOOD, "reason": ["x"]}), "reason: expected a text"),
        ('{"user": "\\ud800", "action": "view_record", "resource": "patient:P1"}', "user: expected the name"),
    ],
)
def test_a_bad_line_is_a_denial_that_says_what_is_wrong(line: str, words: str) -> None:
    (error,) = errors_of(line)
    assert words in error
    assert len(error) < 400


def test_a_fraction_of_a_second_past_fresh_is_not_fresh() -> None:
    line = {"user": "officer", "action": "manage_users", "resource": "users"}
    fresh, stale = answers(json.dumps({**line, "mfa_age_s": 600.0}), json.dumps({**line, "mfa_age_s": 600.001}))
    assert (fresh["decision"], stale["decision"]) == ("allow", "deny")


def test_policies_that_cannot_be_used_refuse_every_line() -> None:
    lines = [json.dumps(GOOD)] * 3
    told = [json.loads(line) for line in check_batch(lines, engine=RefuseAll("no policies"), facts=ward(), now=NOON)]
    assert [answer["errors"] for answer in told] == [["no policies"]] * 3


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80))
def test_any_text_gets_one_denial(line: str) -> None:
    (answer,) = check_batch([line], engine=ENGINE, facts=ward(), now=datetime(2026, 3, 2, tzinfo=UTC))
    assert json.loads(answer)["decision"] == "deny"
    assert "\n" not in answer


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["user", "action", "resource", "at", "ip", "mfa", "mfa_age_s", "reason"]),
        st.one_of(
            st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
            st.sampled_from(["doctor", "view_record", "patient:P1", "127.0.0.1", "totp", "2026-03-02T12:00:00Z"]),
        ),
    )
)  # fmt: skip
def test_any_object_gets_one_answer_and_an_error_never_comes_with_a_permit(fields: dict[str, object]) -> None:
    (line,) = check_batch([json.dumps(fields)], engine=ENGINE, facts=ward(), now=NOON)
    answer = json.loads(line)
    assert answer["decision"] == "deny" or not answer["errors"]
