"""Gives a practice workspace its accounts, its made-up patients and the research projection of them, once."""

from __future__ import annotations

from collections.abc import Callable

from console.wiring.security import Security
from security.errors import PracticeOnly
from security.identity.practice import Practice
from security.policy.model import SERVICE
from security.records.practice_patients import PatientSpec, practice_patients
from security.records.research.projection import built, rebuild
from security.vault.locking import locked

DOCTORS = ("doctor", "doctor-nights")
SITES = ("main hospital", "north clinic")


def prepare_practice(security: Security, *, making: Callable[[], object] = lambda: None) -> None:
    """Make what is missing of it; quick where nothing is. One process does it, others wait.

    `making` is called before anything is made, and not where that is refused or another process has done it.

    Raises PracticeOnly in a production workspace and beside patients from before there were accounts, SecurityError,
    OSError.
    """
    practice = Practice(security.identity)
    if is_prepared(security):
        return
    locks = security.settings.locks_dir
    locks.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(locks / "practice.lock"):
        if is_prepared(security):
            return
        patients = security.admission.count()  # first: where that cannot be told, no account is made
        if patients and not security.accounts.list():
            raise PracticeOnly(
                f"{security.settings.clinical_db}: expected no patients in a practice workspace without accounts, "
                f"found {patients:,}: they may be real. No practice account was made; restore the files of the "
                "workspace from one backup, or make another practice workspace"
            )
        practice.accounts(now=security.now())  # refuses as `create` does
        making()
        practice.create(now=security.now())
        if patients == 0:
            spec = PatientSpec(sites=SITES, doctors=DOCTORS, until=security.now().date())
            security.admission.add(practice_patients(spec), by=SERVICE)
        if built(security.research) is None:
            rebuild(security.clinical, security.research, random_bytes=security.random_bytes)


def is_prepared(security: Security) -> bool:
    """Whether nothing is left to make: the projection comes last. Raises SecurityError, OSError."""
    return security.settings.research_db.exists() and built(security.research) is not None
