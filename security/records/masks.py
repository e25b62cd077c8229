"""The fixed texts that stand for what is masked: one a column, the same for every value, so that no length shows."""

from __future__ import annotations

SSN = "XXX-XX-XXXX"
OTHER = "XXXXXXXX"

_FIXED = {"ssn": SSN, "birth_date": "XXXX-XX-XX", "phone": "XXX-XXX-XXXX", "email": "XXXX@XXXX"}


def mask(column: str) -> str:
    """What is shown instead of any value of `column`."""
    return _FIXED.get(column, OTHER)
