"""Builds the actions of the front ends over the security core: one function a class.

What a class needs is opened when an action first needs it, so that no command pays for another's stores.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from console.wiring.security import Security

if TYPE_CHECKING:
    from console.actions.audit import AuditActions
    from console.actions.decisions import Decisions
    from console.actions.patients import Patients
    from console.actions.practice import PracticeActions
    from console.actions.records import Records
    from console.actions.research import ResearchActions
    from console.actions.sign_in import SignInActions
    from console.actions.users import Users
    from console.actions.vault import VaultActions


def sign_in_actions(security: Security) -> SignInActions:
    """Signing in at the seat of `security`; a practice workspace makes its accounts first."""
    from console.actions.sign_in import SignInActions
    from console.wiring.practice import prepare_practice

    def prepare() -> None:
        if security.settings.practice:
            prepare_practice(security)

    return SignInActions(
        parts=security, seat=security.seat, now=security.now, prepare=prepare, practice=security.settings.practice
    )


def users(security: Security) -> Users:
    """The accounts, for whoever sits at the gate of `security`."""
    from console.actions.users import Users

    return Users(gate=security.gate, accounts=lambda: security.accounts, now=security.now)


def practice_actions(security: Security) -> PracticeActions:
    """What a practice workspace shows. Raises PracticeOnly in a production workspace."""
    from console.actions.practice import PracticeActions
    from console.wiring.practice import is_prepared, prepare_practice
    from security.errors import PracticeOnly
    from security.identity.practice import Practice

    if not security.settings.practice:
        raise PracticeOnly("expected a practice workspace, found a production one: it has no practice accounts")
    return PracticeActions(
        practice=lambda: Practice(security.identity),
        accounts=lambda: security.accounts,
        admission=lambda: security.admission,
        networks={str(network): site for network, site in security.settings.networks},
        prepare=partial(prepare_practice, security),
        is_prepared=partial(is_prepared, security),
        now=security.now,
    )


def decisions(security: Security) -> Decisions:
    """What the policies say: to anybody in a practice workspace, which makes its practice data first."""
    from console.actions.decisions import Decisions, Known
    from console.wiring.facts import account_facts
    from console.wiring.practice import prepare_practice

    settings = security.settings

    def prepare() -> None:
        if settings.practice:
            prepare_practice(security)

    return Decisions(
        engine=lambda: security.engine,
        known=Known(
            facts=lambda: security.facts,
            snapshot=security.snapshot,
            accounts=lambda: [account_facts(account) for account in security.accounts.list()],
            patients=lambda: [(found.patient_id, found.domain) for found in security.admission.all_facts()],
            networks=tuple((str(network), site) for network, site in settings.networks),
        ),
        gate=None if settings.practice else lambda: security.gate,
        prepare=prepare,
        now=security.now,
    )


def audit_actions(security: Security) -> AuditActions:
    """Reading the audit log, for whoever sits at the gate of `security`."""
    import socket
    from importlib.metadata import version

    from console.actions.audit import AuditActions
    from security.audit.keys import PURPOSE
    from security.audit.opening import verifying_keys
    from security.audit.siem import Source
    from security.records.reasons import Reasons

    ring = security.ring(PURPOSE)
    return AuditActions(
        gate=lambda: security.gate,
        log=lambda: security.audit,
        path=security.settings.audit_db,
        keys=partial(verifying_keys, ring=ring),
        keepers=security.checkpoint_keepers,
        source=lambda: Source(socket.gethostname(), version("lakewarden"), security.audit.keys.origin),
        reasons=lambda: Reasons(
            keys=security.audit.keys, sink=security.audit, core=lambda: security.clinical, now=security.now
        ),
    )


def records(security: Security) -> Records:
    """The patient records, for whoever sits at the gate of `security`."""
    from console.actions.records import Records

    return Records(gate=security.gate, core=lambda: security.clinical, accounts=lambda: security.accounts)


def research(security: Security) -> ResearchActions:
    """The research projection, for whoever sits at the gate of `security`; a practice workspace makes its data first.

    Else a rebuild would find no patient in a new workspace.
    """
    from console.actions.research import ResearchActions
    from console.wiring.practice import prepare_practice

    def prepare() -> None:
        if security.settings.practice:
            prepare_practice(security)

    return ResearchActions(
        gate=security.gate,
        database=lambda: security.research,
        core=lambda: security.clinical,
        service=security.service,
        random_bytes=security.random_bytes,
        prepare=prepare,
    )


def vault_actions(security: Security) -> VaultActions:
    """The keys of the records, for whoever sits at the gate of `security`."""
    from console.actions.vault import VaultActions

    return VaultActions(
        gate=security.gate,
        core=lambda: security.clinical,
        identity=lambda: security.identity,
        audit=lambda: security.audit,
        random_bytes=security.random_bytes,
    )


def patients(security: Security) -> Patients:
    """Loading patients, as the service; a practice workspace makes its own patients first.

    It would not make them beside others.
    """
    from console.actions.patients import Patients
    from console.wiring.practice import prepare_practice

    def prepare() -> None:
        if security.settings.practice:
            prepare_practice(security)

    return Patients(
        core=lambda: security.clinical,
        accounts=lambda: security.accounts,
        service=security.service,
        random_bytes=security.random_bytes,
        prepare=prepare,
    )
