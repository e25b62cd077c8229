"""Accounts: what may be one, shifts, what an officer does to them, hostile names, and the database they lie in."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from security.database import open_database
from security.errors import (
    AccountRefused,
    AccountUnknown,
    AuditUnavailable,
    SignInRefused,
    StoreDamaged,
    StoreNewer,
)
from security.identity.account import AccountChange, NewAccount, Role
from security.identity.core import SCHEMA
from security.identity.events import SERVICE, Actor
from security.identity.shift import Shift
from tests.security.identities import HERE, PASSWORD, Office, office

HOSTILE = [
    "",
    " ",
    "x" * 1_000_000,
    "doctor'; DROP TABLE account; --",
    "doctor\0",
    "doctor\n",
    "../../etc/passwd",
    "\u202edoctor",
    "dосtor",  # with letters of another alphabet
    "\udcff\udcfe",
    "a" * 33,
    "1doctor",
    "123-45-6789",
    "a123-45-6789",
    "%s%n{user}",
    "\x1b[2J",
]


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path) as opened:
        yield opened


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_signs_nobody_in_adds_nothing_and_is_written_nowhere(there: Office, name: str) -> None:
    there.enrolled()
    there.audit.events.clear()
    tried = name if name.strip().lower() != "doctor" else "doctor "
    with pytest.raises(SignInRefused) as refusal:
        there.sign_in.begin(tried, "wrong", HERE, now=there.now)
    with pytest.raises(AccountRefused) as added:
        there.accounts.add(NewAccount(name, Role.DOCTOR), by=SERVICE, now=there.now)
    assert [account.user for account in there.accounts.list()] == ["doctor"]
    assert len(str(refusal.value) + str(added.value)) < 500
    assert all(event.principal in ("unknown", "doctor") for event in there.audit.events)
    if len(name) > 8 and name.strip().lower() != "doctor":
        written = repr(there.audit.events)
        assert name not in written


@pytest.mark.parametrize("password", ["", "\0", "x" * 1_000_000, "\udcff" * 9, "é" * 600_000, "'; DROP TABLE account"])
def test_a_hostile_password_is_only_wrong(there: Office, password: str) -> None:
    there.enrolled()
    with pytest.raises(SignInRefused):
        there.sign_in.begin("doctor", password, HERE, now=there.now)


@pytest.mark.parametrize("user", ["service", "unknown", "anonymous", "root", "Doctor", "a b", "a@b"])
def test_reserved_and_odd_names_are_refused(user: str) -> None:
    with pytest.raises(AccountRefused, match="user name"):
        NewAccount(user, Role.DOCTOR)


@pytest.mark.parametrize(
    "email", ["", "doctor", "a@b", "a b@example.org", "a@example.org\nBcc: x", "a" * 300 + "@b.cd"]
)
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(AccountRefused, match="e-mail address"):
        NewAccount("doctor", Role.DOCTOR, email)


def test_an_account_has_its_attributes(there: Office) -> None:
    shift = Shift.parse("20:00-08:00", "Europe/London")
    new = NewAccount("doctor-nights", Role.DOCTOR, "doctor-nights@example.org", None, shift)
    there.accounts.add(new, by=SERVICE, now=there.now)
    there.accounts.add(NewAccount("scientist", Role.DATA_SCIENTIST, domain="oncology"), by=SERVICE, now=there.now)
    found = there.accounts.get("doctor-nights")
    assert (found.role, found.email, found.shift) == (Role.DOCTOR, "doctor-nights@example.org", shift)
    assert (found.disabled, found.enrolled, found.practice) == (False, False, False)
    assert [account.user for account in there.accounts.list()] == ["doctor-nights", "scientist"]
    assert there.accounts.get("scientist").domain == "oncology"


def test_a_name_is_taken_once(there: Office) -> None:
    there.add()
    with pytest.raises(AccountRefused, match="already"):
        there.add()


def test_what_an_officer_does_is_recorded_with_who_did_it(there: Office) -> None:
    officer = Actor("officer", "officer", "a" * 32, "10.0.0.1")
    there.accounts.add(NewAccount("doctor", Role.DOCTOR), by=officer, now=there.now)
    there.accounts.disable("doctor", by=officer, now=there.now)
    there.accounts.enable("doctor", by=officer, now=there.now)
    there.accounts.reset("doctor", by=officer, now=there.now)
    events = there.audit.events
    assert [event.action for event in events] == ["add_user", "disable_user", "enable_user", "reset_mfa"]
    assert {(event.principal, event.resource, event.address) for event in events} == {
        ("officer", "user:doctor", "10.0.0.1")
    }


@pytest.mark.parametrize("password", [False, True])
def test_the_last_officer_who_can_sign_in_is_not_reset(there: Office, password: bool) -> None:
    boss = there.enrolled("boss", Role.OFFICER)
    there.add("deputy", Role.OFFICER)  # who has not enrolled
    there.audit.events.clear()
    with pytest.raises(AccountRefused, match=r"boss is the only officer who can sign in: .* add another officer first"):
        there.accounts.reset("boss", by=SERVICE, now=there.now, password=password)
    assert there.audit.events == []
    boss.sign_in()
    there.enrolled("second", Role.OFFICER)
    there.accounts.reset("boss", by=SERVICE, now=there.now, password=password)
    assert not there.accounts.get("boss").enrolled


def test_without_the_audit_log_no_account_changes(there: Office) -> None:
    member = there.enrolled()
    there.audit.failing = True
    with pytest.raises(AuditUnavailable):
        there.accounts.add(NewAccount("auditor", Role.AUDITOR), by=SERVICE, now=there.now)
    for change in (there.accounts.disable, there.accounts.reset):
        with pytest.raises(AuditUnavailable):
            change("doctor", by=SERVICE, now=there.now)
    with pytest.raises(AuditUnavailable):
        there.accounts.change("doctor", AccountChange(Role.AUDITOR), by=SERVICE, now=there.now)
    there.audit.failing = False
    assert [(account.user, account.role) for account in there.accounts.list()] == [("doctor", Role.DOCTOR)]
    member.sign_in()


def test_a_code_under_way_does_not_outlive_the_address_it_was_sent_to(there: Office) -> None:
    there.enrolled()
    begun = there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    there.accounts.change("doctor", AccountChange(email="new@example.org"), by=SERVICE, now=there.now)
    with pytest.raises(SignInRefused):
        there.sign_in.answer(begun.token, "00000000", HERE, now=there.now)
    assert there.core.database.query("SELECT count(*) FROM challenge") == [(0,)]


def test_a_disabled_account_looks_as_if_the_password_were_wrong_until_it_is_enabled(there: Office) -> None:
    member = there.enrolled()
    there.accounts.disable("doctor", by=SERVICE, now=there.now)
    said = set()
    for user, password in (("doctor", PASSWORD), ("doctor", "wrong"), ("nobody", PASSWORD)):
        with pytest.raises(SignInRefused) as refusal:
            there.sign_in.begin(user, password, HERE, now=there.now)
        said.add(str(refusal.value))
    assert len(said) == 1
    there.accounts.enable("doctor", by=SERVICE, now=there.now)
    member.sign_in()


def test_an_unknown_account_is_told(there: Office) -> None:
    with pytest.raises(AccountUnknown, match="users list"):
        there.accounts.get("nobody")
    for change in (there.accounts.disable, there.accounts.enable, there.accounts.reset):
        with pytest.raises(AccountUnknown):
            change("nobody", by=SERVICE, now=there.now)


@pytest.mark.parametrize(
    ("times", "zone", "at", "covered"),
    [
        ("08:00-20:00", "UTC", "2026-03-02T08:00:00+00:00", True),
        ("08:00-20:00", "UTC", "2026-03-02T07:59:59.999999+00:00", False),
        ("08:00-20:00", "UTC", "2026-03-02T19:59:59.999999+00:00", True),
        ("08:00-20:00", "UTC", "2026-03-02T20:00:00+00:00", False),
        ("20:00-08:00", "UTC", "2026-03-02T20:00:00+00:00", True),
        ("20:00-08:00", "UTC", "2026-03-02T00:00:00+00:00", True),
        ("20:00-08:00", "UTC", "2026-03-02T07:59:59+00:00", True),
        ("20:00-08:00", "UTC", "2026-03-02T08:00:00+00:00", False),
        ("00:00-23:59", "UTC", "2026-03-02T23:59:30+00:00", False),
        ("08:00-20:00", "America/New_York", "2026-03-02T12:59:59+00:00", False),
        ("08:00-20:00", "America/New_York", "2026-03-02T13:00:00+00:00", True),
        ("08:00-20:00", "America/New_York", "2026-07-02T12:00:00+00:00", True),  # summer time
        ("08:00-20:00", "Asia/Kolkata", "2026-03-02T02:30:00+00:00", True),
        ("20:00-08:00", "Europe/London", "2026-03-29T06:59:59+00:00", True),  # 07:59:59 after the clocks went on
        ("20:00-08:00", "Europe/London", "2026-03-29T07:00:00+00:00", False),
        ("20:00-08:00", "Europe/London", "2026-10-25T07:59:59+00:00", True),  # and back
        ("08:00-20:00", "UTC", "2026-03-02T10:00:00+02:00", True),
    ],
)
def test_a_shift_covers_its_start_and_not_its_end_by_its_own_clock(
    times: str, zone: str, at: str, covered: bool
) -> None:
    assert Shift.parse(times, zone).covers(datetime.fromisoformat(at)) is covered


@given(st.times(), st.times(), st.datetimes(timezones=st.just(UTC)))
def test_a_shift_and_its_complement_cover_every_instant_once(start: object, end: object, at: datetime) -> None:
    first, second = str(start)[:5], str(end)[:5]
    if first != second:
        shift, rest = Shift.parse(f"{first}-{second}", "UTC"), Shift.parse(f"{second}-{first}", "UTC")
        assert shift.covers(at) is not rest.covers(at)


@pytest.mark.parametrize("times", ["", "8-20", "08:00-24:00", "25:00-08:00", "08:00 - 20:00", "08:00-08:00", "x" * 999])
def test_what_is_no_shift_is_refused(times: str) -> None:
    with pytest.raises(AccountRefused, match="expected a shift"):
        Shift.parse(times, "UTC")


def test_a_shift_that_ends_as_it_starts_is_refused_with_what_can_be_had_instead() -> None:
    with pytest.raises(AccountRefused, match=r"found 08:00 for both; .* an account without a shift is never on shift"):
        Shift.parse("08:00-08:00", "UTC")


@pytest.mark.parametrize("zone", ["", "Nowhere/City", "../../etc/passwd", "/etc/localtime", "\0", "x" * 999, "Europe"])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(AccountRefused, match="IANA time zone"):
        Shift.parse("08:00-20:00", zone)


def test_the_database_is_private_and_goes_on_when_opened_again(tmp_path: Path) -> None:
    with office(tmp_path) as there:
        member = there.enrolled()
    path = tmp_path / "identity.db"
    assert path.stat().st_mode & 0o777 == 0o600
    with office(tmp_path, clock=there.clock) as again:
        member.office = again
        member.sign_in()
    with closing(sqlite3.connect(path)) as connection:
        applied = connection.execute("SELECT version, name FROM migration").fetchall()
    assert applied == [(1, "identity"), (2, "sealed_sessions"), (3, "sealed_recovery_codes")]


@pytest.mark.parametrize("mode", [0o666, 0o644, 0o660, 0o604])
def test_a_database_that_others_can_reach_is_taken_from_them_when_it_is_opened(tmp_path: Path, mode: int) -> None:
    with office(tmp_path) as there:
        member = there.enrolled()
        stores = [tmp_path / f"{store}{end}" for store in ("identity.db", "audit.db") for end in ("", "-wal", "-shm")]
        for path in stores:
            path.chmod(mode)
        with office(tmp_path, clock=there.clock) as again:
            assert {path.name: path.stat().st_mode & 0o777 for path in stores} == dict.fromkeys(
                (path.name for path in stores), 0o600
            )
            member.office = again
            member.sign_in()


def test_the_mode_of_a_database_of_another_owner_is_left_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "identity.lock"
    path = tmp_path / "identity.db"
    open_database(path, SCHEMA, lock_file=lock, now=lambda: datetime.now(UTC)).close()
    path.chmod(0o660)
    # Files of another user cannot be made without being root; being another user than their owner can be played.
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    open_database(path, SCHEMA, lock_file=lock, now=lambda: datetime.now(UTC)).close()
    assert path.stat().st_mode & 0o777 == 0o660


def test_a_newer_or_foreign_database_is_left_untouched(tmp_path: Path) -> None:
    with office(tmp_path) as there:
        there.add()
    path = tmp_path / "identity.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(StoreNewer, match="newer Lakewarden"), office(tmp_path):
        pass
    assert path.read_bytes() == before
    path.write_bytes(b"something else " * 500)
    with pytest.raises(StoreDamaged), office(tmp_path):
        pass
    assert path.read_bytes() == b"something else " * 500


def test_an_older_database_is_migrated(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "identity.db")) as connection:
        connection.execute(f"PRAGMA application_id = {SCHEMA.application_id}")
    with office(tmp_path) as there:
        there.enrolled()


@pytest.mark.parametrize(
    ("doctored", "told"),
    [
        ("UPDATE account SET role = 'emperor'", "expected a role of the account 'doctor', found 'emperor'"),
        (
            "UPDATE account SET shift_start = 5000, shift_end = 0, timezone = 'UTC'",
            "expected the times of a shift of the account 'doctor', found minutes 5000 to 0",
        ),
        ("UPDATE enrolment SET expires_at = 9223372036854775807", "expected an instant in milliseconds since 1970"),
    ],
)
def test_what_no_program_wrote_is_told_as_damage(there: Office, doctored: str, told: str) -> None:
    there.add()
    there.core.database.query("PRAGMA ignore_check_constraints = ON")
    with there.core.database.transaction() as connection:
        connection.execute(doctored)
    with pytest.raises(StoreDamaged, match=told):
        there.sign_in.begin("doctor", "wrong", HERE, now=there.now)
