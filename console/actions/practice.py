"""What a practice workspace shows of itself: its accounts with password and code, and what decisions depend on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from security.identity.account import Account
from security.identity.accounts import Accounts
from security.identity.practice import Practice, PracticeAccount
from security.records.admission import Admission


class PracticeActions:
    """Open to everybody at the terminal: nothing in a practice workspace is worth protecting."""

    def __init__(
        self,
        *,
        practice: Callable[[], Practice],
        accounts: Callable[[], Accounts],
        admission: Callable[[], Admission],
        networks: Mapping[str, str],
        prepare: Callable[[], None],
        is_prepared: Callable[[], bool],
        now: Callable[[], datetime],
    ) -> None:
        """`prepare` makes the practice data that is missing; it takes about 2 s, once."""
        self._practice = practice
        self._accounts = accounts
        self._admission = admission
        self._networks = networks
        self._now = now
        self.prepare = prepare
        self.is_prepared = is_prepared

    def accounts(self) -> list[PracticeAccount]:
        """The practice accounts, each with a code that is good now if there is one. Raises SecurityError, OSError."""
        self.prepare()
        return self._practice().accounts(now=self._now())

    def facts(self) -> dict[str, Any]:
        """Accounts, patients and networks as `practice facts --json` prints them. Raises SecurityError, OSError."""
        self.prepare()
        return {
            "accounts": [_account(account) for account in self._accounts().list()],
            "patients": [
                {
                    "id": patient.patient_id,
                    "assigned": list(patient.assigned),
                    "domain": patient.domain,
                    "legal_hold": patient.legal_hold,
                }
                for patient in self._admission().all_facts()
            ],
            "networks": dict(self._networks),
        }


def shift_document(account: Account) -> dict[str, str] | None:
    """The shift of an account as the documents of the command line have it."""
    shift = account.shift
    if shift is None:
        return None
    return {"start": f"{shift.start:%H:%M}", "end": f"{shift.end:%H:%M}", "timezone": shift.timezone}


def _account(account: Account) -> dict[str, Any]:
    return {
        "user": account.user,
        "role": account.role.value,
        "domain": account.domain,
        "shift": shift_document(account),
        "disabled": account.disabled,
    }
