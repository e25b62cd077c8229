"""What the doctor asks of the security core: policies, accounts, records, the audit log and who keeps checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

from console.actions.seat import InMemory
from console.settings import Settings
from console.wiring.doctor_check import Check
from console.wiring.key_folder import key_ring
from console.wiring.security import Security, has_account
from security.audit.file_keeper import REMEDY
from security.audit.keys import PURPOSE
from security.audit.opening import BEGUN_ANEW, is_missing
from security.database import ADVICE
from security.errors import (
    AuditMissing,
    AuditUnavailable,
    CopiesForeign,
    KeyUnknown,
    SecurityError,
    StoreBusy,
    StoreError,
    StoreNewer,
)
from security.identity.first_officer import FirstOfficer
from security.identity.keys import PURPOSE as IDENTITY_KEYS
from security.policy.engine import Engine, open_engine
from security.records.blind_index import PURPOSE as INDEX_KEYS

AHEAD = "set the clock; then a recovery code, or `lakewarden users reset-mfa USER` by an officer, lets them in"
NEWER = "install the version of lakewarden that wrote it, or a newer one"
BUSY = "wait until it is done, or end it; change nothing about the file"
UNUSABLE = "make room on the disk of {0}, and {0} readable and writable for this account"
NETWORKS_REMEDY = 'name the places of work under [networks] in config.toml, `"10.0.0.0/8" = "ward 3"` a line'


def policies(_settings: Settings) -> Iterator[Check]:
    """Whether the policies are sound: else everything is refused."""
    engine = open_engine()
    if isinstance(engine, Engine):
        yield Check("policies", True, f"{len(engine.rules)} Cedar policies, sound")
    else:
        yield Check("policies", False, engine.problem, "install lakewarden anew: its policies are part of it")


def accounts(settings: Settings) -> Iterator[Check]:
    """Whether somebody can manage accounts, and how codes reach people. Raises SecurityError, OSError."""
    remedy = "run `lakewarden init --production` in a terminal"
    enrolled: list[str] = []
    ahead: tuple[str, ...] = ()
    without: list[str] = []
    if settings.identity_db.exists() or key_ring(settings, IDENTITY_KEYS).ids():
        with closing(Security(settings, {}, InMemory())) as security:
            enrolled = FirstOfficer(security.identity).enrolled()
            ahead = security.accounts.ahead(security.now())
            without = [one.user for one in security.accounts.list() if one.user in enrolled and not one.recovery_codes]
    if not settings.practice:
        yield Check("officer", bool(enrolled), ", ".join(enrolled) or "no officer is enrolled", remedy)
    if not settings.practice and len(enrolled) == 1 and without:
        detail = f"{enrolled[0]}, the only officer, has no recovery codes: without the authenticator nobody gets in"
        yield Check("recovery", False, detail, f"sign in as {enrolled[0]}; `lakewarden account recovery-codes`")
    if ahead:
        yield Check("clock", False, f"it was ahead when {', '.join(ahead)} signed in: their codes are refused", AHEAD)
    host = settings.smtp.host
    yield Check("mail", True, f"{host}:{settings.smtp.port} (not asked)" if host else "not set: no codes by mail")


def clinical(settings: Settings) -> Iterator[Check]:
    """Whether the clinical store is sound and its keys fit. Raises SecurityError, OSError."""
    path = settings.clinical_db
    if not path.exists() and not key_ring(settings, INDEX_KEYS).ids():
        yield Check("clinical", True, "none yet")
        return
    if not settings.networks:
        yield Check("networks", False, "no place is known, so nobody reads a record", NETWORKS_REMEDY)
    try:
        with closing(Security(settings, {}, InMemory())) as security:
            problems = security.clinical.database.problems()
        remedy = f"restore {path} from a backup"
    except StoreError as error:
        problems, remedy = [str(error)], store_remedy(path, error)
    yield Check("clinical", not problems, "; ".join(problems) or f"{path} is sound", remedy)


def audit(settings: Settings) -> Iterator[Check]:
    """Whether the audit log can be written, and where copies of its checkpoints are. Raises SecurityError, OSError."""
    try:
        yield _log(settings)
    except AuditUnavailable as error:
        yield Check("audit log", False, str(error), audit_remedy(settings, error))
    yield from _keepers(settings)


def _log(settings: Settings) -> Check:
    """Whether the audit log can be continued. Raises SecurityError, OSError."""
    with closing(Security(settings, {}, InMemory())) as security:
        used = partial(has_account, settings.identity_db)
        if not settings.audit_db.exists() and not is_missing(settings.audit_db, security.ring(PURPOSE), was_used=used):
            return Check("audit log", True, "not begun yet")
        size, first = security.audit.size(), security.audit.tail(after=-1, limit=1)
    anew = "; an earlier log is missing" if first and first[0].event.action == BEGUN_ANEW else ""
    return Check("audit log", True, f"{size:,} events, continued from its last checkpoint{anew}")


def store_remedy(path: Path, error: SecurityError) -> str:
    """What to do where the database `path` cannot be used."""
    match error:
        case StoreNewer():
            return NEWER
        case StoreBusy():
            return BUSY
        case _ if str(error).endswith(ADVICE):
            return UNUSABLE.format(path)
        case _:
            return f"restore {path} from a backup"


def audit_remedy(settings: Settings, error: AuditUnavailable) -> str:
    """What to do where the audit log cannot be written."""
    cause = error.__cause__
    if isinstance(error, AuditMissing):
        return f"bring {settings.audit_db} back from a backup, or `lakewarden audit begin`"
    if isinstance(error, CopiesForeign):
        begun = f"keep {settings.checkpoint_file} and set audit.checkpoint_file to another file"
        return f"bring back the log that it has the checkpoints of; if that was given up for good, {begun}"
    if isinstance(cause, KeyUnknown):
        return f"restore the keys in {settings.keys_dir} from a backup"
    if isinstance(cause, StoreNewer | StoreBusy) or (isinstance(cause, StoreError) and str(cause).endswith(ADVICE)):
        return store_remedy(settings.audit_db, cause)
    if not (settings.audit_db.exists() and settings.audit_db.stat().st_size):
        return f"bring {settings.audit_db} back; with a backup in its place, move its -wal and -shm away first"
    return f"`lakewarden audit verify` says where; restore {settings.audit_db} from a backup"


def _keepers(settings: Settings) -> Iterator[Check]:
    path = settings.checkpoint_file
    if path is None:
        yield Check("checkpoints", True, "no copy outside this workspace: a rollback of it would not show")
        return
    keepers = Security(settings, {}, InMemory()).file_keepers
    try:
        kept = sum(len(keeper.kept()) for keeper in keepers)
        lost = [keeper.name for keeper in keepers if keeper.is_lost]
    except OSError as error:
        yield Check("checkpoints", False, str(error), f"make {path} readable for this account")
        return
    if lost:
        detail = f"{path}: the copies that were kept there are gone, so a rollback of this workspace would not show"
        yield Check("checkpoints", False, detail, REMEDY)
    else:
        yield Check("checkpoints", True, f"{'1 copy' if kept == 1 else f'{kept:,} copies'} in {path}")
