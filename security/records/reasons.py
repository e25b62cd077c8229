"""Opens the reasons that stand sealed in the audit log, for whoever reviews an emergency; the log is told of each.

Order, which nothing goes round:
1. The intent is durable: the number of the event, and the pseudonym of whom it is about.
2. Only then is the reason opened, with the audit key or the data key of the patient, whichever sealed it.
3. How it ended is durable before the reason is handed out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from security.audit.event import Event, Kind, Outcome
from security.audit.keys import AuditKeys
from security.audit.sealed import key_of, open_reason
from security.audit.search import Recorded
from security.errors import KeyUnknown, RecordUnknown
from security.policy.model import Action
from security.ports import AuditSink, TextSeal
from security.records.core import Core
from security.records.text_seal import PatientSeal, patient_of
from security.vault.sealed import KEY_ID_BYTES

COLUMN = CODE = "reason"
_DATA_KEY = re.compile(rf"[0-9a-f]{{{2 * KEY_ID_BYTES}}}")


class Reasons:
    """Opens reasons for one log. `core` gives the clinical store, once a patient's key is needed."""

    def __init__(
        self, *, keys: AuditKeys, sink: AuditSink, core: Callable[[], Core], now: Callable[[], datetime]
    ) -> None:
        self._keys = keys
        self._sink = sink
        self._core = core
        self._now = now

    def open(self, recorded: Recorded, *, by: str, role: str, correlation: str) -> str:
        """The reason of an event, for `by`, who is permitted to read the log.

        Raises RecordUnknown where it has none or the patient was erased, SealBroken, KeyUnknown or KeyFileRefused where
        the key cannot be had, StoreError, AuditUnavailable, OSError.
        """
        sealed, sealed_in = recorded.event.sealed, recorded.event.correlation
        if sealed is None or sealed_in is None:
            raise RecordUnknown(
                f"expected an event with a reason, found event {recorded.seq}, which has none; one that was given "
                "stands in the intent of its use"
            )
        with self._told(recorded, by, role, correlation):
            return open_reason(sealed, self._seal(recorded.seq, key_of(sealed)), correlation=sealed_in)

    def _seal(self, seq: int, key_id: str) -> TextSeal:
        """What opens a reason that was sealed with the key `key_id`."""
        if key_id == self._keys.id:
            return self._keys
        if not _DATA_KEY.fullmatch(key_id):
            raise KeyUnknown(f"expected a reason sealed with the audit key {self._keys.id}, found one of {key_id}")
        core = self._core()
        patient = patient_of(core, key_id)
        if patient is None:
            raise RecordUnknown(
                f"the reason of event {seq} is gone: expected the data key {key_id} of the patient, found none; it was "
                "destroyed when the patient was erased"
            )
        return PatientSeal(core, patient)

    @contextmanager
    def _told(self, recorded: Recorded, by: str, role: str, correlation: str) -> Iterator[None]:
        def tell(outcome: Outcome) -> None:
            event = Event(
                at=self._now(),
                kind=Kind.DISCLOSURE,
                action=Action.READ_AUDIT.value,
                outcome=outcome,
                principal=by,
                role=role,
                resource=f"audit:{recorded.seq}",
                subject=recorded.event.subject,
                columns=(COLUMN,),
                code=CODE,
                correlation=correlation,
            )
            self._sink.append([event])

        tell(Outcome.INTENT)
        try:
            yield
        except BaseException:
            tell(Outcome.FAILED)
            raise
        tell(Outcome.DONE)
