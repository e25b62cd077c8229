"""`lakewarden vault`: for an officer with a fresh code; rotated while others read, killed, joined and gone on with."""

from __future__ import annotations

import io
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from console.actions.permissions import PermissionDenied
from console.settings import load_settings
from console.wiring.secrets import secret_store
from console.wiring.security_actions import patients, vault_actions
from security.audit.event import Kind, Outcome
from security.audit.log import AuditLog
from security.audit.search import Filter, Page
from security.errors import RecordRefused
from security.identity.account import NewAccount, Role
from security.identity.events import SERVICE
from security.vault.sealed import LAYOUT
from tests.conftest import Lakewarden, wait_until
from tests.console.desk import Desk, desk_at, doctor_on_shift
from tests.console.test_records_load import patient as patient_line
from tests.practice import signed_in

COUNT = 420  # practice patients
USERS = (
    "doctor", "doctor-nights", "data-scientist", "auditor", "operator", "partner", "guest", "nobody signed in",
)  # fmt: skip
# A data key a commit, so that the rotation of a practice workspace lasts long enough to be met in its midst.
ROTATE = """
import os, sys
from console.cli.main import run
from security.records.vault import Vault
Vault.rotate.__kwdefaults__["at_once"] = 1
sys.exit(run(["vault", "rotate"], os.environ))
"""
# The same, waiting for a line between two commits.
WAIT = """
from console.cli.progress import ProgressLine
def wait(_line, done, _whole):
    if done == 200:
        print("in the midst", flush=True)
        sys.stdin.readline()
ProgressLine.__call__ = wait
"""


@pytest.fixture
def desk(workspace: Path) -> Iterator[Desk]:
    with desk_at(workspace) as made:
        yield made


def keks(home: Path) -> dict[str, int]:
    """How many data keys each key wraps, as another program would find."""
    with closing(sqlite3.connect(home / "clinical.db", timeout=20)) as connection:
        return dict(connection.execute("SELECT kek_id, count(*) FROM data_key GROUP BY 1"))


def start_rotation(lakewarden: Lakewarden) -> subprocess.Popen[bytes]:
    """A rotation in a process of its own, once it is in its midst."""
    process = lakewarden.spawn([sys.executable, "-c", ROTATE], env=None, stdin=subprocess.DEVNULL)
    wait_until(lambda: len(keks(lakewarden.home)) == 2 or process.poll() is not None)
    assert process.poll() is None, process.communicate()
    return process


@pytest.mark.parametrize("user", USERS)
def test_nobody_but_an_officer_comes_near_the_keys(desk: Desk, user: str) -> None:
    if user != "nobody signed in":
        desk.sit_down(user)
    before = desk.security.clinical.keks.current_id()
    for command in ("status", "rotate", "check"):
        ended = desk("vault", command)
        assert (ended.code, ended.out) == (77, ""), ended
    assert desk.security.clinical.keks.current_id() == before
    with pytest.raises(PermissionDenied):
        vault_actions(desk.security).bench("a text")


def test_an_officer_needs_a_fresh_code(desk: Desk) -> None:
    desk.sit_down("officer")
    desk.pass_time(601)
    for command in ("status", "rotate", "check"):
        ended = desk("vault", command)
        assert (ended.code, ended.out) == (77, "")
        assert "fresh code" in ended.err
    assert desk("vault", "rotate", "--stdin", stdin=desk.code_of("officer")).code == 0
    assert desk("vault", "status").code == 0


def test_the_state_of_the_keys_is_told(desk: Desk) -> None:
    desk.sit_down("officer")
    first = desk("vault", "status", "--json").json
    assert (first["algorithm"], first["data_keys"], first["rotated_at"], first["rotating"]) == (
        "AES-256-GCM", COUNT, None, None,
    )  # fmt: skip
    assert [(one["data_keys"], one["current"]) for one in first["keys"]] == [(COUNT, True)]
    assert first["keys"][0]["age_s"] >= 0
    made = desk("vault", "rotate", "--json").json
    assert (made["rewrapped"], made["broken"]) == (COUNT, [])
    second = desk("vault", "status", "--json").json
    assert {one["id"]: (one["data_keys"], one["current"]) for one in second["keys"]} == {
        first["keys"][0]["id"]: (0, False), made["key"]: (COUNT, True),
    }  # fmt: skip
    assert second["rotated_at"] == f"{desk.clock.now():%Y-%m-%dT%H:%M:%SZ}"
    shown = desk("vault", "status").out
    assert made["key"] in shown
    assert "AES-256-GCM" in shown


def test_secrets_and_customers_are_told_with_the_key_that_they_stay_under(lakewarden: Lakewarden) -> None:
    signed_in(lakewarden.home, lakewarden.environ, "officer")
    store = secret_store(load_settings(lakewarden.environ))
    store.set("smtp_password", "correct horse")
    store.set("another", "battery staple")
    nobody = {"LAKEWARDEN_SESSION": str(lakewarden.folder / "none")}
    assert lakewarden("warehouse", "build", "--rows", "1000", env=nobody).code == 0
    with closing(sqlite3.connect(lakewarden.home / "warehouse.db")) as connection:
        ((customers,),) = connection.execute("SELECT count(*) FROM Customer_Table").fetchall()
    assert customers > 0
    new = lakewarden("vault", "rotate", "--json").json["key"]
    old, current = lakewarden("vault", "status", "--json").json["keys"]
    names = ("id", "data_keys", "secrets", "customers", "current", "missing")
    assert [old[name] for name in names[1:]] == [0, 2, customers, False, False]
    assert [current[name] for name in names] == [new, COUNT, 0, 0, True, False]
    told = lakewarden("vault", "status")
    assert told.out.splitlines()[0].split() == [
        "key", "first", "used", "age", "data", "keys", "secrets", "customers", "state",
    ]  # fmt: skip
    assert f"keep kek-{old['id']}.key" in told.err
    store.set("another", "battery staple")
    old, current = lakewarden("vault", "status", "--json").json["keys"]
    assert (old["secrets"], current["secrets"]) == (1, 1)


def test_a_key_that_something_hangs_on_is_missed_and_one_that_nothing_does_is_not(lakewarden: Lakewarden) -> None:
    signed_in(lakewarden.home, lakewarden.environ, "officer")
    secret_store(load_settings(lakewarden.environ)).set("smtp_password", "correct horse")
    old = lakewarden("vault", "status", "--json").json["keys"][0]["id"]
    assert lakewarden("vault", "rotate").code == 0
    assert lakewarden("vault", "check").code == 0
    (lakewarden.home / "keys" / f"kek-{old}.key").unlink()
    found = lakewarden("vault", "check", "--json")
    assert (found.code, found.json["ok"], len(found.json["problems"])) == (65, False, 1)
    assert f"kek-{old}.key, which sealed 1 secret, found no such file" in found.json["problems"][0]
    assert lakewarden("vault", "status", "--json").json["keys"][0]["missing"] is True
    (lakewarden.home / "secrets.json").unlink()
    assert lakewarden("vault", "check").code == 0
    assert lakewarden("vault", "status", "--json").json["keys"][0]["missing"] is False
    assert f"{old}  " in lakewarden("vault", "status").out
    assert "removed" in lakewarden("vault", "status").out


@pytest.mark.parametrize("purpose", ["identity", "index"])
def test_a_key_that_somebody_put_beside_the_one_of_its_purpose_is_named(lakewarden: Lakewarden, purpose: str) -> None:
    signed_in(lakewarden.home, lakewarden.environ, "officer")
    planted = lakewarden.home / "keys" / f"{purpose}-0002-deadbeef.key"
    planted.write_bytes(bytes(32))
    planted.chmod(0o600)
    found = lakewarden("vault", "check", "--json")
    (problem,) = found.json["problems"]
    assert (found.code, f"expected one {purpose} key, found {purpose}-0001-" in problem) == (65, True), problem
    assert planted.name in problem
    planted.unlink()
    assert lakewarden("vault", "check").code == 0


def test_a_damaged_warehouse_hides_no_key_of_the_records(lakewarden: Lakewarden) -> None:
    signed_in(lakewarden.home, lakewarden.environ, "officer")
    (lakewarden.home / "warehouse.db").write_bytes(b"damaged " * 1000)
    told = lakewarden("vault", "status")
    assert told.code == 0
    assert "is damaged" in told.err
    assert "data keys" in told.out
    found = lakewarden("vault", "check", "--json")
    assert (found.code, len(found.json["problems"])) == (65, 1)
    assert "is damaged" in found.json["problems"][0]


def test_what_was_only_looked_at_or_checked_is_on_record_as_that(desk: Desk) -> None:
    desk.sit_down("officer")
    for command, code in (("status", "look"), ("check", "check"), ("rotate", None)):
        before = desk.size()
        assert desk("vault", command).code == 0
        told = [event for event in desk.events(before) if event.action == "rotate_keys" and event.resource == "keys"]
        assert (told[0].outcome, told[-1].outcome, {event.code for event in told}) == (
            Outcome.INTENT, Outcome.DONE, {code},
        )  # fmt: skip


def test_a_rotation_changes_no_record_and_is_recorded(desk: Desk) -> None:
    before, events = desk.records(), desk.size()
    desk.sit_down("officer")
    made = desk("vault", "rotate", "--json").json
    assert desk.records() == before
    told = [event for event in desk.events(events) if event.kind is Kind.KEY]
    assert {(event.action, event.principal) for event in told} == {("rotate_keys", "officer")}
    assert [event.outcome for event in told] == [Outcome.INTENT, Outcome.INTENT, Outcome.DONE, Outcome.DONE]
    assert (told[2].resource, told[2].count, told[3].count) == (f"keys:{made['key']}", COUNT, COUNT)


def test_a_rotation_that_is_killed_is_gone_on_with(lakewarden: Lakewarden) -> None:
    signed_in(lakewarden.home, lakewarden.environ, "officer")
    process = start_rotation(lakewarden)
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    half = keks(lakewarden.home)
    assert (len(half), sum(half.values())) == (2, COUNT)
    state = lakewarden("vault", "status", "--json")
    assert state.json["rotating"] in half
    assert lakewarden("vault", "check").code == 0
    ended = lakewarden("vault", "rotate", "--json")
    assert ended.json == {
        "key": state.json["rotating"],
        "rewrapped": COUNT - half[state.json["rotating"]],
        "broken": [],
    }
    assert keks(lakewarden.home) == {state.json["rotating"]: COUNT}
    assert lakewarden("vault", "check").code == 0


def test_a_rotation_that_is_interrupted_says_so_and_stays_open(lakewarden: Lakewarden) -> None:
    signed_in(lakewarden.home, lakewarden.environ, "officer")
    process = start_rotation(lakewarden)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, b"")
    assert b"goes on with it" in err
    assert lakewarden("vault", "status", "--json").json["rotating"] is not None
    with closing(sqlite3.connect(lakewarden.home / "audit.db")) as connection:
        bodies = [row[0] for row in connection.execute("SELECT body FROM event")]
    assert any('"code":"stopped"' in body and '"outcome":"failed"' in body for body in bodies)
    assert lakewarden("vault", "rotate").code == 0


def test_a_second_caller_joins_and_readers_go_on_meanwhile(lakewarden: Lakewarden) -> None:
    signed_in(lakewarden.home, lakewarden.environ, "officer")
    doctor = {**lakewarden.environ, "LAKEWARDEN_SESSION": str(lakewarden.folder / "session-of-doctor")}
    signed_in(lakewarden.home, doctor, doctor_on_shift())
    patient = lakewarden("records", "find", "--limit", "1", "--json", env=doctor).json[0]["patient_id"]
    expected = lakewarden("records", "show", patient, env=doctor).out
    script = ROTATE.replace("sys.exit", WAIT + "sys.exit")
    first = lakewarden.spawn([sys.executable, "-c", script], env=None, stdin=subprocess.PIPE)
    assert first.stdout is not None
    assert first.stdout.readline() == b"in the midst\n"
    between = keks(lakewarden.home)
    assert sorted(between.values()) == [200, COUNT - 200]
    assert lakewarden("records", "show", patient, env=doctor).out == expected
    assert lakewarden("records", "edit", patient, "--add", "meanwhile", env=doctor).code == 0
    second = lakewarden("vault", "rotate", "--json")
    out, _ = first.communicate(b"\n", timeout=30)
    assert first.returncode == 0
    assert second.json["key"].encode() in out
    assert second.json["key"] in between
    assert keks(lakewarden.home) == {second.json["key"]: COUNT}
    assert lakewarden("vault", "status", "--json").json["rotating"] is None
    assert lakewarden("vault", "check").code == 0


def test_a_check_names_every_value_that_does_not_open(desk: Desk) -> None:
    desk.sit_down("officer")
    sound = desk("vault", "check", "--json")
    assert (sound.code, sound.json) == (0, {"ok": True, "problems": []})
    assert desk("vault", "check").out.startswith("every sealed value of the records opens; ")
    for sql in (
        "UPDATE patient SET ssn = (SELECT ssn FROM patient WHERE patient_id = 'P0003') WHERE patient_id = 'P0002'",
        "UPDATE patient SET name = address WHERE patient_id = 'P0004'",
        "UPDATE patient SET email = substr(email, 1, 12) WHERE patient_id = 'P0006'",
        "DELETE FROM data_key WHERE subject = 'P0008'",
    ):
        with desk.security.clinical.database.transaction() as connection:
            connection.execute(sql)
    with closing(sqlite3.connect(desk.security.settings.clinical_db)) as damaging, damaging:
        damaging.execute("UPDATE data_key SET kek_id = '0009-deadbeef' WHERE subject = 'P0009'")
    before = desk.size()
    found = desk("vault", "check", "--json")
    assert (found.code, found.json["ok"], len(found.json["problems"])) == (65, False, 5)
    for place, problem in zip(
        ("patient.ssn of P0002", "patient.name of P0004", "patient.email of P0006", "P0008", "of P0009 does not open"),
        found.json["problems"],
        strict=True,
    ):
        assert place in problem
    told = [event for event in desk.events(before) if event.action == "open_sealed"]
    assert [event.subject for event in told] == [desk.subject(f"P000{number}") for number in (2, 4, 6, 8, 9)]
    text = desk("vault", "check")
    assert (text.code, text.out.count("P000")) == (65, 5)


def test_a_check_names_edits_on_record_that_are_in_no_history(desk: Desk) -> None:
    desk.sit_down("doctor")
    patient, other = desk.patient("doctor"), desk.patient("doctor", number=1)
    for edited, text in ((patient, "first"), (patient, "second"), (other, "third")):
        assert desk("records", "edit", edited, "--add", "-", stdin=text.encode()).code == 0
        desk.pass_time(300)
    refused = desk("records", "edit", desk.patient("doctor-nights"), "--add", "-", stdin=b"not allowed")
    assert refused.code == 77
    desk.sit_down("officer")
    assert desk("vault", "check", "--json").json == {"ok": True, "problems": []}
    with desk.security.clinical.database.transaction() as connection:
        connection.execute("DROP TRIGGER history_stays")
        newest = "(SELECT version FROM patient WHERE patient_id = ?1)"
        connection.execute(f"DELETE FROM history WHERE patient_id = ?1 AND version = {newest}", (patient,))
        connection.execute("UPDATE patient SET version = version - 1 WHERE patient_id = ?", (patient,))
    found = desk("vault", "check", "--json")
    (problem,) = found.json["problems"]
    assert (found.code, f"history of {patient}: expected what doctor wrote by " in problem) == (65, True), problem
    with desk.security.clinical.database.transaction() as connection:
        for table in ("patient", "data_key"):
            column = "subject" if table == "data_key" else "patient_id"
            connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (patient,))
    found = desk("vault", "check", "--json")
    (problem,) = found.json["problems"]
    assert f"patient {desk.subject(patient)} in the audit log: expected the record that doctor edited by " in problem
    assert (found.code, "found no such patient" in problem) == (65, True), problem


def test_a_check_names_accounts_and_assignments_that_another_changed_in_the_files(desk: Desk) -> None:
    desk.sit_down("officer")
    patient = desk.patient("doctor")
    for argv in (
        ("users", "add", "mallory", "--role", "guest"),
        ("users", "change", "mallory", "--role", "data_scientist", "--domain", "oncology"),
        ("users", "disable", "partner"),
        ("records", "assign", patient, "doctor-nights"),
        ("records", "unassign", patient, "doctor-nights"),
    ):
        assert desk(*argv).code == 0, argv
    line = {**patient_line(1), "assigned": ["doctor"]}
    with io.BytesIO(json.dumps(line).encode()) as file:
        patients(desk.security).load(file)
    assert desk("vault", "check", "--json").json == {"ok": True, "problems": []}
    settings = desk.security.settings
    with closing(sqlite3.connect(settings.identity_db)) as thief, thief:
        thief.execute("UPDATE account SET role = 'doctor' WHERE user = 'mallory'")
    with closing(sqlite3.connect(settings.clinical_db)) as thief, thief:
        thief.execute(
            "INSERT INTO assignment SELECT subject, 'mallory', 'service', made_at FROM data_key WHERE subject = ?",
            (patient,),
        )
    with closing(sqlite3.connect(settings.audit_db)) as thief, thief:  # a search index that says that nothing is there
        last_seq = desk.security.audit.size() - 1
        thief.execute("INSERT INTO block VALUES (0, ?, 0, 0, x'', x'', zeroblob(32))", (last_seq,))
    found = desk("vault", "check", "--json")
    assert (found.code, len(found.json["problems"])) == (65, 2)
    account, assignment = found.json["problems"]
    assert "account mallory: expected the role data_scientist (given by officer" in account
    assert f"assignment of {patient} to mallory: expected it on record" in assignment
    assert desk("users", "change", "mallory", "--role", "data_scientist").code == 0
    assert desk("records", "unassign", patient, "mallory").code == 0
    assert desk("vault", "check").code == 0


def test_a_log_that_was_begun_anew_contradicts_nothing_that_is_older(workspace: Path) -> None:
    with desk_at(workspace) as desk:
        desk.sit_down("officer")
        assert desk("records", "assign", desk.patient("doctor"), "doctor-nights").code == 0
    for file in workspace.glob("audit.db*"):
        file.unlink()
    with desk_at(workspace, hour=13) as desk:
        assert desk.security.begin_audit()
        desk.sit_down("officer")
        assert desk("vault", "check", "--json").json == {"ok": True, "problems": []}


def test_what_is_changed_while_it_is_checked_is_no_problem(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.sit_down("officer")
    meanwhile = iter(["first", "second"])

    def read_then_changed(log: AuditLog, wanted: Filter, *, before: int | None, limit: int) -> Page:
        found = search(log, wanted, before=before, limit=limit)
        if wanted.kind is Kind.USER:
            desk.security.accounts.add(NewAccount(next(meanwhile), Role.GUEST), by=SERVICE, now=desk.clock.now())
        return found

    search = AuditLog.search
    monkeypatch.setattr(AuditLog, "search", read_then_changed)
    assert desk("vault", "check", "--json").json == {"ok": True, "problems": []}
    assert list(meanwhile) == []


def test_a_data_key_that_does_not_open_is_named_and_stops_no_other(desk: Desk) -> None:
    desk.sit_down("officer")
    with desk.security.clinical.database.transaction() as connection:
        connection.execute("UPDATE data_key SET wrapped = zeroblob(length(wrapped)) WHERE subject = 'P0005'")
    ended = desk("vault", "rotate", "--json")
    assert (ended.code, ended.json["broken"], ended.json["rewrapped"]) == (1, ["P0005"], COUNT - 1)
    assert "P0005" in ended.err


def test_a_disk_that_is_full_begins_no_rotation(lakewarden: Lakewarden) -> None:
    signed_in(lakewarden.home, lakewarden.environ, "officer")
    before = keks(lakewarden.home)
    ended = lakewarden("vault", "rotate", largest_file=2_000)
    assert (ended.code, ended.out) == (74, "")
    assert keks(lakewarden.home) == before
    assert lakewarden("vault", "status", "--json").json["rotating"] is None
    assert lakewarden("vault", "rotate").code == 0


def test_the_bench_shows_what_is_stored_and_what_is_refused(desk: Desk) -> None:
    desk.sit_down("officer")
    desk.pass_time(601)  # it needs no fresh code
    before = desk.size()
    bench = vault_actions(desk.security).bench("Grüße")
    parts = {part.name: bytes.fromhex(part.hex) for part in bench.parts}
    assert list(parts) == ["layout", "data key id", "version", "nonce", "ciphertext", "tag"]
    assert [len(part) for part in parts.values()] == [1, 8, 1, 12, 7, 16]
    assert (parts["layout"], parts["data key id"].hex()) == (LAYOUT, bench.key_id)
    assert bench.opened == "Grüße"
    assert "was changed" in bench.changed_bit
    assert "another key or place" in bench.other_place
    assert bench.parts != vault_actions(desk.security).bench("Grüße").parts
    assert desk.size() == before
    for text in ("", "x" * 401):
        with pytest.raises(RecordRefused):
            vault_actions(desk.security).bench(text)
