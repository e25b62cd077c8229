"""Reading the audit log: its end, a search, proofs, verification, export and its signed checkpoint.

All of it is `read_audit`, and itself on record. Verifying alone goes on where nothing can be recorded any more: it
discloses no event, and it is what tells where a log is damaged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from console.actions.gate import Gate
from console.actions.permissions import NotSignedIn
from security.audit.checkpoint import Checkpoint, open_checkpoint
from security.audit.courier import KeeperStatus
from security.audit.log import AuditLog
from security.audit.merkle import leaf_hash
from security.audit.proofs import check_inclusion
from security.audit.report import Fault, Problem, Report
from security.audit.scan import Progress
from security.audit.search import Filter, Page, Recorded
from security.audit.siem import FORMATS, Source
from security.audit.siem.origin import fields, rfc3339
from security.audit.store import genesis
from security.audit.verify import VerifyingKeys, verify
from security.errors import AuditUnavailable, ProofRefused, RecordUnknown, RequestRefused
from security.ports import CheckpointKeeper
from security.records.reasons import CODE as REASON
from security.records.reasons import Reasons

READ_AUDIT = "read_audit"
AUDIT = "audit"
EVENTS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Proof:
    """That event `seq` is in the tree of `size` events whose root a checkpoint signs.

    The leaf is SHA-256 of a zero byte, `previous` and `body`; `path` leads from it to `root` (RFC 9162 §2.1.3.2).
    """

    seq: int
    size: int
    leaf: bytes
    path: tuple[bytes, ...]
    root: bytes
    holds: bool
    checkpoint: str | None  # the signed note over `size` and `root`
    event: dict[str, Any]
    previous: bytes  # the leaf before it, or what stands before the first
    body: str  # the canonical encoding of the event


@dataclass(frozen=True, slots=True)
class OpenedReason:
    """What was typed as the reason of an event, opened: it may name a patient."""

    recorded: Recorded
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A signed checkpoint of the log, with the public key that signed it as one word. Both may be kept anywhere."""

    note: str
    verifier: str
    checkpoint: Checkpoint


class AuditActions:
    """Reads the audit log of a workspace. Methods raise PermissionDenied, AuditUnavailable, KeyFileRefused, OSError."""

    def __init__(
        self,
        *,
        gate: Callable[[], Gate],
        log: Callable[[], AuditLog],
        path: Path,
        keys: Callable[[Path], VerifyingKeys],
        keepers: Sequence[CheckpointKeeper],
        source: Callable[[], Source],
        reasons: Callable[[], Reasons],
    ) -> None:
        """`path` is the log's file, `keys` what verifies it, `source` what SIEM lines say they come from.

        `reasons` opens what is sealed in it.
        """
        self._gate = gate
        self._log = log
        self._path = path
        self._keys = keys
        self._keepers = keepers
        self._source = source
        self._reasons = reasons

    def tail(self, *, after: int, limit: int = 200) -> list[Recorded]:
        """Up to `limit` events with a number above `after`, oldest first."""
        self._look()
        return self._log().tail(after=after, limit=limit)

    def size(self) -> int:
        """How many events the log has."""
        self._look()
        return self._log().size()

    def search(self, wanted: Filter, *, before: int | None = None, limit: int = 50) -> Page:
        """Up to `limit` events that fit, with a number below `before`, newest first."""
        self._look()
        return self._log().search(wanted, before=before, limit=limit)

    def pseudonym(self, patient_id: str) -> str:
        """What stands for a patient in events, to search for. Raises RequestRefused for what can be no id."""
        self._look()
        if not patient_id.isascii() or not patient_id.isprintable() or not patient_id:
            raise RequestRefused("expected the id of a patient, found another text")
        return self._log().keys.pseudonym(f"patient:{patient_id}")

    def keepers(self) -> list[KeeperStatus]:
        """What each keeper outside holds of the checkpoints, and what went wrong with it last."""
        self._look()
        return self._log().keepers()

    def trouble(self) -> str | None:
        """Why the log cannot be written, for who is permitted to read it; None if it can be.

        It is tried, without an event; where another process holds the log, that takes as long as an append waits.
        """
        self._gate().check(READ_AUDIT, AUDIT)
        with suppress(AuditUnavailable):  # it is kept as the trouble
            self._log().try_writing()
        return self._log().trouble

    @property
    def kept_outside(self) -> bool:
        """Whether some are kept outside the workspace: without, events cut from the end are not missed.

        A keeper that holds none, such as a share that is not mounted, is none. Raises OSError.
        """
        return any(keeper.kept() for keeper in self._keepers)

    @property
    def places_outside(self) -> tuple[str, ...]:
        """Where copies of the checkpoints should be, whether any are there or not."""
        return tuple(keeper.name for keeper in self._keepers)

    def proof(self, seq: int) -> Proof:
        """The proof that event `seq` is in the log, up to a checkpoint signed now. Raises ProofRefused."""
        with self._gate().use(READ_AUDIT, AUDIT, code="proof"):
            head = self._signed_head()
            size, root = head.checkpoint.size, head.checkpoint.root
            if not 0 <= seq < size:
                raise ProofRefused(f"expected the number of an event, from 0 to {size - 1}, found {seq}")
            *before, recorded = self._log().tail(after=seq - 2 if seq else -1, limit=2 if seq else 1)
            previous = before[0].leaf if before else genesis(head.checkpoint.origin)
            body = recorded.event.encode()
            path = tuple(self._log().inclusion_proof(seq, size))
            return Proof(
                seq=seq,
                size=size,
                leaf=recorded.leaf,
                path=path,
                root=root,
                holds=recorded.leaf == leaf_hash(previous + body) and _leads(recorded.leaf, seq, size, path, root),
                checkpoint=head.note,
                event=event_fields(recorded),
                previous=previous,
                body=body.decode("ascii"),
            )

    def reason(self, seq: int) -> OpenedReason:
        """The reason that is sealed in event `seq`, in clear: a disclosure, which names that event and its subject.

        Raises RecordUnknown for no such event, one without a reason or one of an erased patient; SealBroken and
        KeyUnknown where it does not open.
        """
        with self._gate().use(READ_AUDIT, AUDIT, code=REASON) as grant:
            size = self._log().size()
            if not 0 <= seq < size:
                raise RecordUnknown(f"expected the number of an event, from 0 to {size - 1}, found {seq}")
            (recorded,) = self._log().tail(after=seq - 1, limit=1)
            text = self._reasons().open(recorded, by=grant.principal, role=grant.role, correlation=grant.correlation)
            grant.count(1)
        return OpenedReason(recorded, text)

    def checkpoint(self) -> SignedHead:
        """A signed checkpoint of the log as it is now, to keep elsewhere."""
        with self._gate().use(READ_AUDIT, AUDIT, code="checkpoint"):
            return self._signed_head()

    def verify(
        self,
        progress: Progress | None = None,
        *,
        file: Path | None = None,
        unrecorded: Callable[[AuditUnavailable], None] | None = None,
        lacking: Callable[[int | None], None] | None = None,
    ) -> Report:
        """What is wrong with the log, compared with the checkpoints kept outside; with `file`, with that copy of it.

        Where the log cannot record it any more, `unrecorded` is told why, and it is verified all the same. `lacking`
        is told how many events of the log as it was before a sound copy does not have at its end; None if the log
        does not begin with it.
        """
        report: Report | None = None
        size = 0
        try:
            size = self._log().size()
            with self._gate().use(READ_AUDIT, AUDIT, code="verify") as grant:
                report = self._verified(file, progress)
                grant.count(report.events)
        except AuditUnavailable as error:
            self._permit_unrecorded()
            if unrecorded is not None:
                unrecorded(error)
        if report is None:
            return self._verified(file, progress)
        if file is not None and report.ok and lacking is not None:
            with suppress(AuditUnavailable):
                lacking(self._lacking(report, size))
        return report

    def export(self, format: str, *, after: int = -1, until: int | None = None) -> Iterator[str]:  # noqa: A002 – as `--format`
        """The events numbered above `after` and below `until` (by default those there now), each as one line.

        They come in parts: each is a use of its own, whose outcome is on record before its first line is handed out.
        """
        end = until
        while True:
            with self._gate().use(READ_AUDIT, AUDIT, code="export") as grant:
                end, source = self._log().size() if end is None else end, self._source()
                events = self._log().tail(after=after, limit=max(0, min(EVENTS_AT_ONCE, end - after - 1)))
                lines = [FORMATS[format](recorded, source) for recorded in events]
                grant.count(len(events))
            yield from lines
            if len(events) < EVENTS_AT_ONCE:
                return
            after = events[-1].seq

    def _look(self) -> None:
        self._gate().require(READ_AUDIT, AUDIT)

    def _permit_unrecorded(self) -> None:
        try:
            self._gate().check(READ_AUDIT, AUDIT)
        except NotSignedIn as error:
            advice = (
                "if the audit log lets nobody sign in, move it aside with its -wal and -shm, `audit begin` another, "
                "sign in, and verify that file with --file"
            )
            raise NotSignedIn(f"{error}; {advice}", error.decision) from error

    def _verified(self, file: Path | None, progress: Progress | None) -> Report:
        path = file or self._path
        outside = dict.fromkeys(note for keeper in self._keepers for note in keeper.kept())  # some were kept twice
        report = verify(path, self._keys(path), list(outside), progress=progress)
        lost = [
            Problem(Fault.CHECKPOINT, None, f"{keeper.name}: the copies of checkpoints that were kept there are gone")
            for keeper in self._keepers
            if keeper.is_lost
        ]
        if not lost:
            return report
        return replace(report, ok=False, problems=(*lost, *report.problems), found=report.found + len(lost))

    def _lacking(self, report: Report, size: int) -> int | None:
        log = self._log()
        begins = report.events <= log.size() and log.root(report.events) == report.root
        return max(0, size - report.events) if begins else None

    def _signed_head(self) -> SignedHead:
        log = self._log()
        note = log.checkpoint()
        if note is None:
            raise ProofRefused("expected a log with events, found an empty one")
        return SignedHead(note, log.keys.verifier.text(), open_checkpoint(note, log.keys.verifier))


def event_fields(recorded: Recorded) -> dict[str, Any]:
    """An event as JSON shows it: its own names, absent fields left out; of a sealed reason only that there is one."""
    event = recorded.event
    lists = {"policies": list(event.policies), "columns": list(event.columns)}
    found: dict[str, Any] = {"seq": recorded.seq, "at": rfc3339(event), **fields(recorded)}
    found |= {name: values for name, values in lists.items() if values}
    return found | ({"reason": "sealed"} if event.sealed else {})


def _leads(leaf: bytes, seq: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    try:
        check_inclusion(leaf, seq, size, path, root)
    except ProofRefused:
        return False
    return True
