"""Which patient an argument of a command means. Separate because records, decisions and the audit log all ask."""

from __future__ import annotations

from contextlib import suppress

from console.wiring.security import Security
from security.errors import SecurityError
from security.records.patient_ids import meant


def patient_meant(security: Security, typed: str) -> str:
    """The id of the patient whom `typed` means, in any case.

    As it was typed where there are no records, or none that can be read: what is done with it then tells why.
    """
    with suppress(SecurityError, OSError):
        if security.settings.clinical_db.exists():
            return meant(typed, security.facts.patients)
    return typed
