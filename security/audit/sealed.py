"""The only free text of an event: a reason somebody typed, sealed so that reading the log does not read it.

Such a reason may name a patient. It is therefore sealed through the port TextSeal: with the data key of the patient
where there is one, so that erasing the patient erases it from a log that cannot be changed; else with the audit key
(`AuditKeys` is such a port). It is bound to the event's correlation id, so it cannot be moved to another event.
"""

from __future__ import annotations

import base64

from security.errors import AuditEventRefused
from security.ports import TextSeal

LONGEST_REASON = 500  # characters


def seal_reason(reason: str, seal: TextSeal, *, correlation: str) -> str:
    """What goes into `Event.sealed`. Raises AuditEventRefused for an empty or too long reason, VaultError."""
    text = " ".join(reason.split())
    if not text or len(text) > LONGEST_REASON:
        raise AuditEventRefused(f"expected a reason of 1 to {LONGEST_REASON} characters, found {len(text)}")
    try:
        plaintext = text.encode()
    except UnicodeEncodeError as error:
        raise AuditEventRefused("expected a reason in UTF-8, found other bytes") from error
    key_id, envelope = seal.seal(plaintext, _aad(correlation))
    return f"{key_id}:{base64.b64encode(envelope).decode()}"


def key_of(sealed: str) -> str:
    """The id of the key that sealed a reason."""
    return sealed.partition(":")[0]


def open_reason(sealed: str, seal: TextSeal, *, correlation: str) -> str:
    """The reason that `seal_reason` sealed. Raises VaultError."""
    _, _, envelope = sealed.partition(":")
    return seal.open(key_of(sealed), base64.b64decode(envelope), _aad(correlation)).decode()


def _aad(correlation: str) -> bytes:
    return b"lakewarden-audit-reason\0" + correlation.encode()
