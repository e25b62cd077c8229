"""What decisions depend on, read from the workspace: accounts, patients, networks, broken glass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from console.settings import Settings
from security.errors import AccountUnknown
from security.identity.account import Account
from security.identity.accounts import Accounts
from security.policy.facts import GLASS_STAYS_BROKEN, AccountFacts, Networks, PatientFacts
from security.records import models
from security.records.admission import Admission
from security.records.glass import Glass


class WorkspaceFacts:
    """The port Facts over the workspace's databases; each is opened when a decision first needs it."""

    def __init__(
        self,
        settings: Settings,
        *,
        accounts: Callable[[], Accounts],
        admission: Callable[[], Admission],
        glass: Callable[[], Glass],
        now: Callable[[], datetime],
    ) -> None:
        self._networks = Networks({str(network): site for network, site in settings.networks})
        self._guest_allowed = settings.access.allow_guest
        self._accounts = accounts
        self._admission = admission
        self._glass = glass
        self._now = now

    def account(self, user: str, /) -> AccountFacts | None:
        try:
            return account_facts(self._accounts().get(user))
        except AccountUnknown:
            return None

    def patients(self, ids: Sequence[str], /) -> Mapping[str, PatientFacts]:
        return _patient_facts(self._admission().facts_of(ids))

    def has_domain(self, domain: str, /) -> bool:
        return domain in self._admission().domains()

    def networks(self) -> Networks:
        return self._networks

    def broken_glass(self, user: str, /) -> Mapping[str, datetime]:
        return self._glass().broken(user, since=self._now() - GLASS_STAYS_BROKEN)

    def guest_allowed(self) -> bool:
        return self._guest_allowed


class Snapshot:
    """The same facts as of one instant: each is read once, so that a long batch is quick and sees one state."""

    def __init__(self, facts: WorkspaceFacts, accounts: Accounts, admission: Admission) -> None:
        self._facts = facts
        self._accounts = {account.user: account_facts(account) for account in accounts.list()}
        self._patients = _patient_facts(admission.all_facts())
        self._domains = {patient.domain for patient in self._patients.values()}
        self._glass: dict[str, Mapping[str, datetime]] = {}

    def account(self, user: str, /) -> AccountFacts | None:
        return self._accounts.get(user)

    def patients(self, ids: Sequence[str], /) -> Mapping[str, PatientFacts]:
        return {name: self._patients[name] for name in ids if name in self._patients}

    def has_domain(self, domain: str, /) -> bool:
        return domain in self._domains

    def networks(self) -> Networks:
        return self._facts.networks()

    def broken_glass(self, user: str, /) -> Mapping[str, datetime]:
        if user not in self._glass:
            self._glass[user] = self._facts.broken_glass(user)
        return self._glass[user]

    def guest_allowed(self) -> bool:
        return self._facts.guest_allowed()


def account_facts(account: Account) -> AccountFacts:
    """What the policies ask of `account`."""
    return AccountFacts(account.user, account.role, account.domain, account.shift, account.disabled)


def _patient_facts(stored: Iterable[models.PatientFacts]) -> dict[str, PatientFacts]:
    """What the policies ask of patients, by id."""
    return {
        found.patient_id: PatientFacts(found.patient_id, frozenset(found.assigned), found.domain, found.legal_hold)
        for found in stored
    }
