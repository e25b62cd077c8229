"""What the doctor asks of the security core: policies, accounts, the audit log and what keeps its checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from console.actions.seat import InMemory
from console.settings import Settings
from console.wiring.doctor_check import Check
from console.wiring.security import Security
from security.audit.file_keeper import REMEDY
from security.errors import AuditUnavailable
from security.identity.first_officer import FirstOfficer
from security.policy.engine import Engine, open_engine


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
    if not settings.practice:
        enrolled = []
        if settings.identity_db.exists():
            with closing(Security(settings, {}, InMemory())) as security:
                enrolled = FirstOfficer(security.identity).enrolled()
        yield Check("officer", bool(enrolled), ", ".join(enrolled) or "no officer is enrolled", remedy)
    host = settings.smtp.host
    yield Check("mail", True, f"{host}:{settings.smtp.port} (not asked)" if host else "not set: no codes by mail")


def audit(settings: Settings) -> Iterator[Check]:
    """Whether the audit log can be written, and where copies of its checkpoints are. Raises SecurityError, OSError."""
    if not settings.audit_db.exists():
        yield Check("audit log", True, "not begun yet")
    else:
        try:
            with closing(Security(settings, {}, InMemory())) as security:
                size = security.audit.size()
            yield Check("audit log", True, f"{size:,} events, continued from its last checkpoint")
        except AuditUnavailable as error:
            remedy = f"`lakewarden audit verify` says where; restore {settings.audit_db} from a backup"
            yield Check("audit log", False, str(error), remedy)
    yield from _keepers(settings)


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
        yield Check("checkpoints", True, f"{kept:,} copies in {path}")
