"""An audit log whose events were removed, in a workspace with accounts: missed, until another is begun that says so."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from console.actions.seat import InMemory
from console.settings import load_settings
from console.wiring import doctor_security
from console.wiring.security import Security, has_account
from security.audit.opening import BEGUN_ANEW
from security.errors import AuditMissing, AuditUnavailable
from tests.practice import prepare
from tests.security.audit_logs import remove_all_events


@pytest.fixture
def home(tmp_path: Path) -> Path:
    prepare(tmp_path)
    return tmp_path


def security_of(home: Path) -> Security:
    return Security(load_settings({"LAKEWARDEN_HOME": str(home)}), {}, InMemory())


def test_an_account_tells_that_there_were_events(home: Path) -> None:
    remove_all_events(home / "audit.db")
    with closing(security_of(home)) as security, pytest.raises(AuditMissing):
        security.audit.size()
    with closing(security_of(home)) as security:
        assert security.begin_audit()
        assert [one.event.action for one in security.audit.tail(after=-1)] == [BEGUN_ANEW]


def test_without_accounts_a_log_without_events_is_a_first_use(home: Path) -> None:
    remove_all_events(home / "audit.db")
    for path in (*home.glob("identity.db*"), *home.glob("keys/identity-*")):
        path.unlink()
    with closing(security_of(home)) as security:
        assert security.audit.size() == 0
    assert not has_account(home / "identity.db")
    (home / "identity.db").touch()
    assert not has_account(home / "identity.db")


def test_a_log_that_went_with_its_keys_is_missed_too(home: Path) -> None:
    for path in (*home.glob("audit.db*"), *home.glob("keys/audit-*")):
        path.unlink()
    with closing(security_of(home)) as security, pytest.raises(AuditMissing):
        security.audit.size()
    assert not (home / "audit.db").exists()
    log, *_ = doctor_security.audit(load_settings({"LAKEWARDEN_HOME": str(home)}))
    assert (log.ok, "audit begin" in (log.remedy or "")) == (False, True)
    with closing(security_of(home)) as security:
        assert security.begin_audit()
        assert [one.event.action for one in security.audit.tail(after=-1)] == [BEGUN_ANEW]


def test_a_file_whose_tables_were_taken_out_is_told_with_the_way_on(home: Path) -> None:
    with closing(sqlite3.connect(home / "audit.db", isolation_level=None)) as connection:
        for kind in ("trigger", "index", "table"):
            sql = "SELECT name FROM sqlite_master WHERE type = ? AND sql IS NOT NULL AND name NOT LIKE 'sqlite%'"
            for (name,) in connection.execute(sql, (kind,)).fetchall():
                connection.execute(f'DROP {kind} IF EXISTS "{name}"')
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with closing(security_of(home)) as security, pytest.raises(AuditMissing):
        security.audit.size()
    with closing(security_of(home)) as security, pytest.raises(AuditUnavailable, match=r"move .* aside together"):
        security.begin_audit()
    for path in home.glob("audit.db*"):
        path.rename(home / f"aside-{path.name}")
    with closing(security_of(home)) as security:
        assert security.begin_audit()
