"""A sealed reason opens with the key that sealed it, in its own event alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from console.actions.seat import InMemory
from console.wiring.security import Security
from security.audit.event import Outcome
from security.audit.keys import AuditKeys
from security.audit.sealed import seal_reason
from security.audit.search import Recorded
from security.errors import KeyUnknown, SealBroken
from security.ports import TextSeal
from security.records.reasons import Reasons
from security.records.text_seal import PatientSeal
from security.vault.keys import Key
from tests.practice import opened
from tests.security.audit_logs import event

REASON = "found unconscious on ward 3"
HERE, ELSEWHERE, USE = "1" * 32, "2" * 32, "3" * 32


@pytest.fixture
def security(tmp_path: Path) -> Iterator[Security]:
    with closing(opened(tmp_path / "home", {}, keeper=InMemory())) as made:
        yield made


def reasons(security: Security) -> Reasons:
    return Reasons(keys=security.audit.keys, sink=security.audit, core=lambda: security.clinical, now=security.now)


def sealed_event(seal: TextSeal, *, correlation: str = HERE) -> Recorded:
    sealed = seal_reason(REASON, seal, correlation=HERE)
    return Recorded(7, replace(event(7), sealed=sealed, correlation=correlation), bytes(32))


def opened_reason(security: Security, recorded: Recorded) -> str:
    return reasons(security).open(recorded, by="auditor", role="auditor", correlation=USE)


def test_a_reason_sealed_with_a_patients_key_opens_without_naming_the_patient(security: Security) -> None:
    assert opened_reason(security, sealed_event(PatientSeal(security.clinical, "P0007"))) == REASON


def test_a_reason_that_concerns_no_patient_opens_with_the_audit_key(security: Security) -> None:
    assert opened_reason(security, sealed_event(security.audit.keys)) == REASON


def test_a_reason_moved_to_another_event_does_not_open_and_that_is_told(security: Security) -> None:
    moved = sealed_event(PatientSeal(security.clinical, "P0007"), correlation=ELSEWHERE)
    before = security.audit.size()
    with pytest.raises(SealBroken):
        opened_reason(security, moved)
    told = [one.event for one in security.audit.tail(after=before - 1)]
    assert [(one.resource, one.outcome) for one in told] == [("audit:7", Outcome.INTENT), ("audit:7", Outcome.FAILED)]


def test_a_reason_of_another_log_names_the_key_that_is_missing(security: Security) -> None:
    other = AuditKeys.of(Key("0001-ffffffff", b"\xff" * 32))
    with pytest.raises(KeyUnknown, match=f"audit key {security.audit.keys.id}, found one of 0001-ffffffff"):
        opened_reason(security, sealed_event(other))
