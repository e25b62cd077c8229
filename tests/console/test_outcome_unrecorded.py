"""The disk is full between a deed and its outcome in the audit log: what was changed stands, and the command says so.

Each command is a process whose files may not grow any more once the deed is done.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from security.audit.event import Event, Outcome, decode
from tests.conftest import Ended, Lakewarden
from tests.console.desk import doctor_on_shift
from tests.practice import opened, signed_in

FULL_AFTERWARDS = """
import os, resource, sys
from importlib import import_module
from console.cli.main import run

module, _, name = sys.argv[1].partition(":")
*path, last = name.split(".")
owner = import_module(module)
for part in path:
    owner = getattr(owner, part)
deed = getattr(owner, last)

def and_full(*arguments, **named):
    done = deed(*arguments, **named)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    return done

setattr(owner, last, and_full)
sys.exit(run(sys.argv[2:], os.environ))
"""
STANDS = "what it changed stands; only its outcome is not on record, and nothing that it gave is shown: the audit log "


@dataclass(frozen=True, slots=True)
class Filled:
    """A command that ended on a full disk, and the events that it left."""

    ended: Ended
    events: list[Event]


def filled(lakewarden: Lakewarden, deed: str, *command: str) -> Filled:
    before = len(bodies(lakewarden))
    argv = [sys.executable, "-c", FULL_AFTERWARDS, deed, *command]
    process = lakewarden.spawn(argv, env={"PYTHONDONTWRITEBYTECODE": "1"}, stdin=subprocess.DEVNULL)
    out, err = process.communicate(timeout=60)
    events = [decode(body) for body in bodies(lakewarden)[before:]]
    return Filled(Ended(process.returncode, out.decode(), err.decode()), events)


def bodies(lakewarden: Lakewarden) -> list[bytes]:
    return [row[0].encode() for row in rows(lakewarden, "audit.db", "SELECT body FROM event ORDER BY seq")]


def rows(lakewarden: Lakewarden, database: str, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(lakewarden.home / database)) as connection:
        return connection.execute(sql).fetchall()


def test_an_edit_stands(lakewarden: Lakewarden) -> None:
    doctor = doctor_on_shift()
    patient = own_patient(lakewarden, doctor)
    before = rows(lakewarden, "clinical.db", "SELECT count(*) FROM history")[0][0]
    done = filled(lakewarden, "security.records.editing:Editing.add", "records", "edit", patient, "--add", "a fall")
    assert (done.ended.code, done.ended.out) == (74, "")
    assert f"edit_record was carried out and {STANDS}" in done.ended.err
    assert "nothing is disclosed" not in done.ended.err
    assert rows(lakewarden, "clinical.db", "SELECT count(*) FROM history")[0][0] == before + 1
    assert [event.outcome for event in done.events if event.action == "edit_record"] == [Outcome.INTENT]


@pytest.mark.parametrize(
    ("deed", "command", "action", "database", "sql"),
    [
        (
            "security.identity.accounts:Accounts.add",
            ("users", "add", "newcomer", "--role", "operator"),
            "manage_users",
            "identity.db",
            "SELECT 1 FROM account WHERE user = 'newcomer'",
        ),
        (
            "security.vault.rotation:rotate",
            ("vault", "rotate"),
            "rotate_keys",
            "clinical.db",
            "SELECT 1 FROM rotation WHERE finished_at IS NOT NULL",
        ),
        (
            "security.records.admission:Admission.assign",
            ("records", "assign", "P0001", "doctor-nights"),
            "assign_patient",
            "clinical.db",
            "SELECT 1 FROM assignment WHERE patient_id = 'P0001' AND user = 'doctor-nights'",
        ),
    ],
)
def test_what_an_officer_changed_stands(
    lakewarden: Lakewarden, deed: str, command: tuple[str, ...], action: str, database: str, sql: str
) -> None:
    signed_in(lakewarden.home, lakewarden.environ, "officer")
    done = filled(lakewarden, deed, *command)
    assert (done.ended.code, done.ended.out) == (74, "")
    assert f"{action} was carried out and {STANDS}" in done.ended.err
    assert "nothing is disclosed" not in done.ended.err
    assert done.ended.err.count("\n") == 1
    assert rows(lakewarden, database, sql) == [(1,)]
    assert Outcome.INTENT in {event.outcome for event in done.events}
    assert Outcome.DONE not in {event.outcome for event in done.events if event.action != "add_user"}
    assert lakewarden("audit", "verify").code == 0


def test_a_rebuilt_projection_stands(lakewarden: Lakewarden) -> None:
    signed_in(lakewarden.home, lakewarden.environ, "officer")
    built_at = rows(lakewarden, "research.db", "SELECT built_at FROM projection")
    deed = "security.database:Database.truncate_log"
    done = filled(lakewarden, deed, "research", "rebuild")
    assert (done.ended.code, done.ended.out) == (74, "")
    assert f"rebuild_projection was carried out and {STANDS}" in done.ended.err
    assert rows(lakewarden, "research.db", "SELECT built_at FROM projection") != built_at


def test_what_was_only_read_is_not_shown(lakewarden: Lakewarden) -> None:
    patient = own_patient(lakewarden, doctor_on_shift())
    done = filled(lakewarden, "security.records.reading:Reading.record", "records", "show", patient)
    assert (done.ended.code, done.ended.out) == (74, "")
    assert "nothing can be recorded, so nothing is disclosed" in done.ended.err
    assert "stands" not in done.ended.err


def own_patient(lakewarden: Lakewarden, doctor: str) -> str:
    """The id of a patient of this doctor, who is signed in then."""
    signed_in(lakewarden.home, lakewarden.environ, doctor)
    with closing(opened(lakewarden.home, lakewarden.environ)) as security:
        return next(one.patient_id for one in security.admission.all_facts() if doctor in one.assigned)
