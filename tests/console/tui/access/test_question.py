"""The question of the explorer: what times and places mean, what the fields offer, and what is asked in the end."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from console.actions.decisions import Choices
from console.tui.access import question
from console.tui.access.question import (
    NO_SHIFT,
    NotATime,
    account_note,
    account_words,
    askable,
    first_values,
    fitting_resource,
    moment,
    offers,
    request_fields,
    site_of,
)
from security.identity.account import Role
from security.identity.shift import Shift
from security.policy.facts import AccountFacts
from security.policy.model import Action
from security.policy.words import FRESH_S

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
CHOICES = Choices(
    users=[
        AccountFacts("doctor", Role.DOCTOR, shift=Shift.parse("08:00-20:00", "UTC")),
        AccountFacts("gone", Role.DATA_SCIENTIST, "oncology", disabled=True),
    ],
    actions=[action.value for action in Action],
    patients=["P1", "P2"],
    domains=["cardiology", "oncology"],
    networks=[("10.0.0.0/8", "north"), ("10.1.0.0/16", "north annex"), ("127.0.0.0/8", "this host")],
)


@pytest.mark.parametrize(
    ("account", "words", "note"),
    [
        (AccountFacts("doctor", Role.DOCTOR, shift=Shift.parse("08:00-20:00", "UTC")), "doctor, 08:00-20:00 UTC", ""),
        (AccountFacts("new", Role.DOCTOR), "doctor, no shift", NO_SHIFT),
        (AccountFacts("left", Role.DOCTOR, disabled=True), "doctor, no shift, disabled", NO_SHIFT),
        (AccountFacts("auditor", Role.AUDITOR), "auditor", ""),
        (None, None, ""),
    ],
)
def test_a_doctor_without_a_shift_is_told_from_the_others(
    account: AccountFacts | None, words: str | None, note: str
) -> None:
    assert account_note(account) == note
    assert account is None or account_words(account) == words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-01T03:12:00Z", datetime(2026, 3, 1, 3, 12, tzinfo=UTC)),
        ("2026-03-01T03:12+01:00", datetime(2026, 3, 1, 2, 12, tzinfo=UTC)),
        ("now", None),
        ("  ", None),
    ],
)
def test_a_time_with_its_offset_is_taken_as_it_is_and_now_is_left_open(text: str, expected: datetime | None) -> None:
    assert moment(text, NOW) == expected


@pytest.mark.parametrize(
    ("text", "days", "clock"),
    [
        ("22:00", 0, "22:00"),
        ("today 9:05", 0, "09:05"),
        ("tonight 22:00", 0, "22:00"),
        ("tonight 03:00", 1, "03:00"),
        ("tomorrow 03:00", 1, "03:00"),
        ("yesterday 12:30", -1, "12:30"),
    ],
)
def test_a_time_of_day_is_meant_by_the_clock_of_this_host(text: str, days: int, clock: str) -> None:
    found = moment(text, NOW)
    assert found is not None
    local = found.astimezone()
    assert local.strftime("%H:%M") == clock
    assert local.date() == NOW.astimezone().date() + timedelta(days=days)


def test_a_day_and_a_time_are_meant_by_the_clock_of_this_host() -> None:
    found = moment("2026-03-01 03:12", NOW)
    assert found is not None
    assert found.astimezone().strftime("%Y-%m-%d %H:%M") == "2026-03-01 03:12"


@pytest.mark.parametrize("text", ["25:00", "soon", "2026-03-01T03:12:00", "2026-02-30 10:00", "0001-01-01 00:00x"])
def test_what_is_no_time_is_refused_with_what_is_expected(text: str) -> None:
    with pytest.raises(NotATime, match="expected now, a time of day such as 22:00"):
        moment(text, NOW)


def test_the_narrowest_network_names_the_place() -> None:
    assert site_of("10.1.2.3", CHOICES.networks) == "north annex"
    assert site_of("10.2.2.3", CHOICES.networks) == "north"
    assert site_of("203.0.113.7", CHOICES.networks) is None
    assert site_of("no address", CHOICES.networks) is None


def test_the_places_are_one_of_each_network_and_one_of_none() -> None:
    places = offers("ip", CHOICES, {})
    assert [site_of(place.value, CHOICES.networks) for place in places] == ["north", "north annex", "this host", None]
    assert places[-1].about == "no known network"


def test_each_account_stands_with_what_decides_about_it() -> None:
    assert [offer.about for offer in offers("user", CHOICES, {})] == [
        "doctor, 08:00-20:00 UTC",
        "data scientist, oncology, disabled",
    ]


def test_the_age_that_is_still_fresh_and_the_one_that_is_not_are_offered() -> None:
    ages = [offer.value for offer in offers("mfa_age_s", CHOICES, {})]
    assert {str(FRESH_S), str(FRESH_S + 1)} <= set(ages)


def test_an_action_is_offered_only_what_it_can_be_about() -> None:
    assert [offer.value for offer in offers("resource", CHOICES, {"action": "unmask_ssn"})] == [
        "patient:P1",
        "patient:P2",
    ]
    assert [offer.value for offer in offers("resource", CHOICES, {"action": "query_research"})] == [
        "dataset:cardiology",
        "dataset:oncology",
    ]
    assert [offer.value for offer in offers("resource", CHOICES, {"action": "rotate_keys"})] == ["keys"]
    assert "patient:P1" in [offer.value for offer in offers("resource", CHOICES, {"action": "nothing known"})]


def test_every_action_has_something_it_can_be_about() -> None:
    known = question._PATIENT | question._ABOUT.keys()
    assert known == {action.value for action in Action}


def test_a_resource_that_does_not_fit_gives_way_to_the_first_that_does() -> None:
    assert fitting_resource("patient:P2", "edit_record", CHOICES) == "patient:P2"
    assert fitting_resource("patient:P2", "read_audit", CHOICES) == "audit"


def test_the_question_begins_with_who_is_signed_in() -> None:
    assert first_values(CHOICES, "gone")["user"] == "gone"
    assert first_values(CHOICES, None)["user"] == "doctor"


def test_without_patients_the_question_begins_with_what_there_is() -> None:
    values = first_values(dataclasses.replace(CHOICES, patients=[]), None)
    assert (values["action"], values["resource"]) == ("view_pipelines", "pipeline:weather")


def test_the_fields_are_those_of_a_batch_line() -> None:
    values = {**first_values(CHOICES, None), "at": "2026-03-01T03:12:00Z", "mfa_age_s": "601", "reason": " fell "}
    assert request_fields(values, NOW) == {
        "user": "doctor",
        "action": "view_record",
        "resource": "patient:P1",
        "at": "2026-03-01T03:12:00Z",
        "ip": "127.0.0.1",
        "mfa": "totp",
        "mfa_age_s": 601,
        "reason": "fell",
    }


def test_now_is_left_to_who_decides_and_an_age_that_is_no_number_is_left_to_be_refused() -> None:
    fields = request_fields({**first_values(CHOICES, None), "mfa_age_s": "old"}, NOW)
    assert "at" not in fields
    assert "reason" not in fields
    assert fields["mfa_age_s"] == "old"


def test_what_no_question_can_be_asked_with_is_replaced_and_nothing_else() -> None:
    asked = {"at": "tomorrow 03:00", "ip": "2001:db8::7", "mfa_age_s": "601"}
    assert askable(asked, NOW) == {}
    assert askable({**asked, "mfa_age_s": ""}, NOW) == {}
    assert askable({"at": "soon", "ip": "10.0.0", "mfa_age_s": "old"}, NOW) == {
        "at": "now", "ip": "127.0.0.1", "mfa_age_s": "0",
    }  # fmt: skip
