"""Everything that can go wrong in the security domain, as one tree.

SecurityError
├── VaultError                  keys and what is sealed with them
│   ├── SealBroken              a sealed value was changed, or belongs to another key or place
│   ├── KeyFileRefused          a key file, or its folder, is not as private as it must be
│   ├── KeyUnknown              the key that sealed a value is not there
│   ├── SecretRefused           a name or a value that cannot be a secret
│   └── SecretStoreDamaged      the store's file is not one; it is never replaced
├── StoreError                  a database of the security core cannot be used
│   ├── StoreDamaged            it is damaged, or not ours; it is never replaced
│   ├── StoreNewer              it was written by a newer version
│   └── StoreBusy               another process has been writing it for too long
└── AuditError                  the audit log
    ├── AuditUnavailable        events cannot be made durable: the caller discloses nothing
    │   ├── AuditMissing        there was a log, and none is there
    │   ├── CopiesForeign       the copies of checkpoints outside are those of another log
    │   └── OutcomeUnrecorded   a change was made and stands; only how it ended could not be recorded
    ├── AuditEventRefused       an event outside its bounds, or one that would name a patient
    ├── CheckpointRefused       a note that is malformed, or not signed by the expected key
    └── ProofRefused            a proof that does not prove, or one that cannot be made

SecurityError
└── IdentityError               accounts, factors and sessions
    ├── AccountRefused          an account that cannot be: its name, role, shift or another part
    ├── AccountUnknown          no account of that name
    ├── PasswordRefused         a password that cannot be set; says why
    ├── SignInRefused           not signed in; does not say whether the name, the password or the code was wrong
    ├── SignInDelayed           too many failures: not even tried, with the seconds to wait
    ├── SessionEnded            no session: none, signed out, expired, or not of this place
    ├── FreshFactorNeeded       a session whose second factor is too old or too weak for this
    ├── MailNotSent             a one-time code could not be, or may not be, sent by e-mail
    └── PracticeOnly            what only a practice workspace has

SecurityError
└── RecordError                 patient records and what research may ask
    ├── RecordUnknown           no patient, or no entry of a history, of that name
    ├── RecordChanged           somebody else edited the record since it was read
    ├── RecordRefused           a record or a text that cannot be stored
    ├── ReadRefused             what the decision does not permit
    └── QuestionRefused         a question that research may not, or cannot, be asked

SecurityError
└── AccessError                 the one path to what is protected
    ├── PolicyRefused           policies, a schema or networks that cannot be used: everything is refused
    ├── RequestRefused          a question about a user, an action or a resource that there is not
    └── AccessDenied            the policies said no, with the decision

A message says what was expected, what arrived and what to do. None holds a key or a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from security.policy.model import Decision


class SecurityError(Exception):
    """Base of the tree."""


class VaultError(SecurityError):
    pass


class SealBroken(VaultError):
    pass


class KeyFileRefused(VaultError):
    pass


class KeyUnknown(VaultError):
    pass


class SecretRefused(VaultError):
    pass


class SecretStoreDamaged(VaultError):
    pass


class StoreError(SecurityError):
    pass


class StoreDamaged(StoreError):
    pass


class StoreNewer(StoreError):
    pass


class StoreBusy(StoreError):
    pass


class AuditError(SecurityError):
    pass


class AuditUnavailable(AuditError):
    pass


class AuditMissing(AuditUnavailable):
    pass


class CopiesForeign(AuditUnavailable):
    pass


class OutcomeUnrecorded(AuditUnavailable):
    pass


class AuditEventRefused(AuditError):
    pass


class CheckpointRefused(AuditError):
    pass


class ProofRefused(AuditError):
    pass


class IdentityError(SecurityError):
    pass


class AccountRefused(IdentityError):
    pass


class AccountUnknown(IdentityError):
    pass


class PasswordRefused(IdentityError):
    pass


class SignInRefused(IdentityError):
    pass


class SignInDelayed(IdentityError):
    """`retry_after_s` is None where waiting does not help and a recovery code is needed."""

    def __init__(self, message: str, retry_after_s: float | None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SessionEnded(IdentityError):
    pass


class FreshFactorNeeded(IdentityError):
    pass


class MailNotSent(IdentityError):
    pass


class PracticeOnly(IdentityError):
    pass


class RecordError(SecurityError):
    pass


class RecordUnknown(RecordError):
    pass


class RecordChanged(RecordError):
    pass


class RecordRefused(RecordError):
    pass


class ReadRefused(RecordError):
    pass


class QuestionRefused(RecordError):
    pass


class AccessError(SecurityError):
    pass


class PolicyRefused(AccessError):
    pass


class RequestRefused(AccessError):
    pass


class AccessDenied(AccessError):
    """`decision` is the `security.policy.model.Decision`: every clause that failed, with what was found."""

    def __init__(self, message: str, decision: Decision) -> None:
        super().__init__(message)
        self.decision = decision
