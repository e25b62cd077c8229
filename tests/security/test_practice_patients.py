"""Practice patients: the same for the same seed, and nobody's."""

from __future__ import annotations

import re
from datetime import date

import pytest

from security.records.models import NewPatient
from security.records.practice_patients import DIAGNOSES, PatientSpec, practice_patients
from tests.security.clinics import SPEC, patients

MANY = patients(2_000)


def test_the_same_seed_gives_the_same_patients_and_another_gives_others() -> None:
    assert patients(50) == patients(50)
    assert patients(50) != patients(50, seed=2)


def test_no_social_security_number_was_ever_issued() -> None:
    assert all(re.fullmatch(r"(000|666)-(?!00)\d{2}-(?!0000)\d{4}", one.ssn) for one in MANY)


@pytest.mark.parametrize("column", ["patient_id", "ssn", "insurance_id", "email"])
def test_each_has_its_own(column: str) -> None:
    assert len({getattr(one, column) for one in MANY}) == len(MANY)


def test_as_many_as_there_are_numbers_have_different_ones() -> None:
    everybody = patients(40_000)
    assert len({one.ssn for one in everybody}) == 40_000
    assert all(re.fullmatch(r"(000|666)-\d{2}-\d{4}", one.ssn) for one in everybody)


def test_telephones_and_mail_reach_nobody() -> None:
    assert all(re.fullmatch(r"\d{3}-555-01\d{2}", one.phone) for one in MANY)
    assert all(one.email.endswith("@example.org") for one in MANY)


def test_names_are_two_words_put_together_from_syllables() -> None:
    assert all(re.fullmatch(r"[A-Z][a-z]{5,} [A-Z][a-z]{5,}", one.name) for one in MANY)
    assert len({one.name for one in MANY}) > 1_900


def test_nothing_happens_before_birth_or_after_the_last_day() -> None:
    def days(one: NewPatient) -> list[date]:
        return [encounter.on for encounter in one.encounters] + [at.date() for _, _, at in one.history]

    assert all(one.birth_date <= min(days(one)) and max(days(one)) <= SPEC.until for one in MANY)


def test_every_domain_site_doctor_and_age_is_there_and_some_are_on_hold() -> None:
    assert {one.domain for one in MANY} == set(DIAGNOSES)
    assert {one.site for one in MANY} == set(SPEC.sites)
    assert {user for one in MANY for user in one.assigned} == set(SPEC.doctors)
    ages = [(SPEC.until - one.birth_date).days // 365.25 for one in MANY]
    assert (min(ages), max(ages) > 90) == (0, True)
    assert 0 < sum(one.legal_hold for one in MANY) < 100


@pytest.mark.parametrize(
    "spec",
    [
        PatientSpec((), ("doctor",), SPEC.until),
        PatientSpec(("main",), (), SPEC.until),
        PatientSpec(("main",), ("doctor",), SPEC.until, count=40_001),
    ],
)
def test_a_spec_that_cannot_be_is_refused(spec: PatientSpec) -> None:
    with pytest.raises(ValueError, match="expected 0 to 40000 patients"):
        practice_patients(spec)
