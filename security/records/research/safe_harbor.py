"""De-identification by the Safe Harbor method: 45 CFR 164.514(b)(2), which lists 18 kinds of identifiers to remove.

What becomes of each: (A) names, (D) telephone, (E) fax, (F) e-mail, (G) social security, (H) medical record, (I) health
plan and (J) account numbers, (K) licences, (L) vehicles, (M) devices, (N) URLs, (O) addresses of machines, (P)
biometrics, (Q) photographs and (R) any other unique number or code are not carried over: a row is made of the columns
below and of nothing else, and free text, such as histories, is left out because it may hold any of them.
(B) Geography: only the state. Street, town and site are dropped and so is the ZIP code, whole: three digits of it would
be allowed where more than 20,000 people live, and no rule is simpler to keep than none.
(C) Dates: only the year of the first encounter. Ages are in bands, and all ages over 89 are one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from security.records.masks import SSN
from security.records.models import Encounter

UNKNOWN = "unknown"
OLDEST = "90+"
_BANDS = ((17, "0-17"), (34, "18-34"), (49, "35-49"), (64, "50-64"), (79, "65-79"), (89, "80-89"))
_STATE = re.compile(
    r", (A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|"
    r"W[AIVY]) \d{5}(-\d{4})?\Z"
)


@dataclass(frozen=True, slots=True)
class Subject:
    """A row of the projection."""

    domain: str
    sex: str
    age_band: str
    state: str
    diagnosis: str
    first_year: str
    encounters: int
    ssn: str = SSN  # the column holds nothing but the mask


def de_identified(
    *, domain: str, sex: str, birth_date: date, address: str, encounters: Sequence[Encounter], on: date
) -> Subject:
    """The row of one patient, with the age on the day `on`."""
    first = min(encounters, key=lambda one: one.on, default=None)
    return Subject(
        domain=domain,
        sex=sex,
        age_band=age_band(birth_date, on),
        state=state_of(address),
        diagnosis=first.diagnosis if first else UNKNOWN,
        first_year=str(first.on.year) if first else UNKNOWN,
        encounters=len(encounters),
    )


def age_band(born: date, on: date) -> str:
    """The band of the age in whole years on a day; one band for all over 89."""
    age = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    return next((band for last, band in _BANDS if age <= last), OLDEST)


def state_of(address: str) -> str:
    """The state at the end of a US address, `unknown` where there is none."""
    match = _STATE.search(address)
    return match[1] if match else UNKNOWN
