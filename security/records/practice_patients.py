"""Practice patients: made-up people, the same for the same seed, that no real person can be mistaken for.

Names are put together from syllables of no language. Social security numbers have the areas 000 and 666, which were
never issued; telephone numbers are 555-0100 to 555-0199, kept for fiction; mail goes to example.org; streets and
towns do not exist.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from security.records.models import Encounter, NewPatient

DEFAULT_COUNT, DEFAULT_SEED = 420, 1
MOST = 40_000  # as many as there are numbers
HELD = 0.02  # the share under legal hold
_NEVER_ISSUED = ("000", "666")
_DAYS_A_YEAR = 365.25

_BEGIN = ("Bral", "Drov", "Felq", "Gwir", "Hesk", "Jorv", "Kelm", "Lurv", "Mozt", "Nalv", "Prind", "Quor")
_MIDDLE = ("a", "e", "i", "o", "u", "ea", "io", "ua")
_END = ("bex", "dril", "fon", "gath", "kov", "lish", "mund", "nix", "quist", "rell", "thar", "vond")
_STREETS = ("Practice", "Sample", "Specimen", "Example", "Pattern", "Model")
_TOWNS = ("Testford", "Samplebury", "Mockhaven", "Draftwick")
_STATES = (("OR", 40), ("WA", 35), ("CA", 22), ("ID", 3))
_SEXES = (("female", 50), ("male", 47), ("other", 2), ("unknown", 1))
_KINDS = (("visit", 70), ("call", 20), ("stay", 10))
_AGES = ((0, 18, 10), (18, 40, 22), (40, 65, 33), (65, 90, 32), (90, 103, 3))  # from, to, weight

DIAGNOSES: dict[str, tuple[tuple[str, int], ...]] = {
    "oncology": (
        ("C50 malignant neoplasm of breast", 40),
        ("C34 malignant neoplasm of bronchus and lung", 28),
        ("C18 malignant neoplasm of colon", 24),
        ("C71 malignant neoplasm of brain", 5),
        ("C40 malignant neoplasm of bone of limbs", 3),
    ),
    "cardiology": (
        ("I10 essential hypertension", 45),
        ("I25 chronic ischaemic heart disease", 25),
        ("I48 atrial fibrillation and flutter", 20),
        ("I50 heart failure", 7),
        ("I33 acute endocarditis", 3),
    ),
    "neurology": (
        ("G43 migraine", 40),
        ("G40 epilepsy", 30),
        ("G20 Parkinson disease", 20),
        ("G35 multiple sclerosis", 7),
        ("G12 spinal muscular atrophy", 3),
    ),
}
_NOTES = (
    "Sleeps better; appetite unchanged.",
    "Blood count within range; next check in six weeks.",
    "Reports tiredness in the afternoon; dose kept.",
    "No new complaints; physiotherapy continues.",
    "Mild nausea after the new tablets; taken with food from now on.",
    "Imaging shows no change against the last one.",
)


@dataclass(frozen=True, slots=True)
class PatientSpec:
    """What practice patients follow from. The first doctor treats about half of them, the others share the rest."""

    sites: Sequence[str]
    doctors: Sequence[str]
    until: date  # the last day anything happens
    count: int = DEFAULT_COUNT
    seed: int = DEFAULT_SEED


def practice_patients(spec: PatientSpec) -> list[NewPatient]:
    """The patients P0001, P0002 and so on. Raises ValueError for a spec that cannot be."""
    if not 0 <= spec.count <= MOST or not spec.sites or not spec.doctors:
        raise ValueError(f"expected 0 to {MOST} patients, a site and a doctor, found {spec}")
    rng = random.Random(spec.seed)  # noqa: S311 – made-up data, not a secret
    serials = rng.sample(range(MOST), spec.count)
    return [_patient(rng, spec, number, serial) for number, serial in enumerate(serials, 1)]


def _patient(rng: random.Random, spec: PatientSpec, number: int, serial: int) -> NewPatient:
    domain = tuple(DIAGNOSES)[number % len(DIAGNOSES)]
    born = _born(rng, spec.until)
    doctors = _doctors(rng, spec.doctors)
    encounters = _encounters(rng, domain, born, spec.until)
    return NewPatient(
        patient_id=f"P{number:04d}",
        name=f"{_name(rng)} {_name(rng)}",
        birth_date=born,
        sex=_weighted(rng, _SEXES),
        address=_address(rng),
        phone=f"{rng.randint(201, 989)}-555-01{rng.randint(0, 99):02d}",
        email=f"patient.{serial:05d}@example.org",
        ssn=_ssn(serial),
        insurance_id=f"PRX-{serial:05d}-{rng.randint(0, 9_999):04d}",
        site=rng.choice(spec.sites),
        domain=domain,
        assigned=doctors,
        encounters=encounters,
        history=tuple((rng.choice(_NOTES), doctors[0], _during(rng, one.on)) for one in encounters[-3:]),
        legal_hold=rng.random() < HELD,
    )


def _ssn(serial: int) -> str:
    """Each serial its own number, none of which was issued."""
    area, rest = _NEVER_ISSUED[serial % 2], serial // 2
    return f"{area}-{rest // 1_000 + 10:02d}-{rest % 1_000 + 1_000:04d}"


def _name(rng: random.Random) -> str:
    return rng.choice(_BEGIN) + rng.choice(_MIDDLE) + rng.choice(_END)


def _address(rng: random.Random) -> str:
    street = f"{rng.randint(1, 999)} {rng.choice(_STREETS)} Street"
    return f"{street}, {rng.choice(_TOWNS)}, {_weighted(rng, _STATES)} 00{rng.randint(100, 999)}"


def _born(rng: random.Random, until: date) -> date:
    first, end = rng.choices([(a, b) for a, b, _ in _AGES], [weight for *_, weight in _AGES])[0]
    return until - timedelta(days=int(rng.uniform(first, end) * _DAYS_A_YEAR))


def _doctors(rng: random.Random, doctors: Sequence[str]) -> tuple[str, ...]:
    first = doctors[0] if rng.random() < 0.5 else rng.choice(doctors)
    second = rng.choice(doctors)
    return (first,) if first == second or rng.random() < 0.8 else (first, second)


def _encounters(rng: random.Random, domain: str, born: date, until: date) -> tuple[Encounter, ...]:
    """One to six of the last three years, oldest first, all of one diagnosis."""
    diagnosis = _weighted(rng, DIAGNOSES[domain])
    oldest = max(born, until - timedelta(days=3 * 365))
    days = sorted(rng.randint(0, (until - oldest).days) for _ in range(rng.randint(1, 6)))
    return tuple(Encounter(oldest + timedelta(days=day), _weighted(rng, _KINDS), diagnosis) for day in days)


def _during(rng: random.Random, day: date) -> datetime:
    return datetime.combine(day, time(rng.randint(8, 17), rng.randint(0, 59)), UTC)


def _weighted(rng: random.Random, choices: tuple[tuple[str, int], ...]) -> str:
    return rng.choices([choice for choice, _ in choices], [weight for _, weight in choices])[0]
