"""Accounts are compared with what the audit log tells of them: what another wrote into the file is named."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from security.audit.event import Event, Kind, Outcome
from security.identity import otp
from security.identity.account import AccountChange, NewAccount, Role
from security.identity.audited_accounts import SLACK, Told, altered_accounts, told_accounts
from security.identity.codes import code_hash
from security.identity.events import Actor
from security.identity.practice import Practice
from security.identity.shift import Shift
from tests.security.identities import HERE, PASSWORD, START, Office, office

OFFICER = Actor("officer", "officer")


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path) as opened:
        yield opened


def events(there: Office) -> list[Event]:
    return [one.event for one in there.audit.log.tail(after=-1, limit=1_000) if one.event.kind is Kind.USER]


def altered(there: Office, *, since: int = 0, anew: datetime | None = None) -> list[str]:
    return list(altered_accounts(there.core, told_accounts(events(there)[since:]), anew=anew))


def by_hand(there: Office, *statements: str) -> None:
    """What somebody with the file can do."""
    with closing(sqlite3.connect(there.core.database.path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def change(there: Office, user: str, **fields: object) -> None:
    there.accounts.change(user, AccountChange(**fields), by=OFFICER, now=there.now)  # type: ignore[arg-type]


def reset(there: Office, user: str) -> str:
    return there.accounts.reset(user, by=OFFICER, now=there.now, password=True)


def enrol(there: Office, user: str, code: str) -> None:
    """Enrol with an enrolment code, as its owner does, or whoever made one."""
    challenge = there.sign_in.begin(user, code, HERE, now=there.now)
    secret = base64.b32decode(there.enrolment.propose(challenge.token, HERE, now=there.now).secret)
    there.enrolment.finish(challenge.token, otp.totp(secret, there.now), HERE, now=there.now, password=PASSWORD)
    there.clock.forward(otp.STEP_S)


def test_what_officers_and_owners_do_is_as_told(there: Office) -> None:
    for role in Role:
        there.accounts.add(
            NewAccount(f"a-{role.value}", role, None, "oncology", Shift.parse("08:00-20:00", "UTC")),
            by=OFFICER, now=there.now,
        )  # fmt: skip
    there.enrolled("chief", Role.OFFICER)
    there.enrolled("doctor")
    for role in Role:
        change(there, "doctor", role=role, email=f"{role.value}@example.org")
    change(there, "doctor", domain="cardiology", no_shift=True)
    change(there, "doctor")
    there.accounts.disable("doctor", by=OFFICER, now=there.now)
    there.accounts.enable("doctor", by=OFFICER, now=there.now)
    there.accounts.disable("a-guest", by=OFFICER, now=there.now)
    for _ in range(2):
        enrol(there, "doctor", reset(there, "doctor"))
    assert altered(there) == []


@pytest.mark.parametrize(
    ("done", "told"),
    [
        ("UPDATE account SET role = 'officer' WHERE user = 'guest'",
         "account guest: expected the role data_scientist (given by officer, 2026-03-02 09:00:30Z), found officer"),
        ("UPDATE account SET role = char(27) || '[2J' WHERE user = 'guest'", r"found '\x1b[2J'"),
        ("UPDATE account SET disabled = 1 WHERE user = 'guest'", "account guest: expected it enabled (by service"),
        ("UPDATE account SET disabled = 0 WHERE user = 'gone'", "account gone: expected it disabled (by officer"),
        ("INSERT INTO account (user, role, practice, made_at) VALUES ('mallory', 'doctor', 0, -1)",
         "account mallory: expected its addition on record, found none"),
        ("INSERT INTO account (user, role, practice, made_at) VALUES (char(27) || 'c', 'doctor', 0, 1 << 62)",
         r"account '\x1bc': expected its addition on record"),
        ("DELETE FROM account WHERE user = 'doctor'", "account doctor: expected one (added by service"),
    ],
)  # fmt: skip
def test_what_another_did_in_the_file_is_named_until_it_is_put_right(there: Office, done: str, told: str) -> None:
    there.enrolled("doctor")
    for user in ("guest", "gone"):
        there.add(user, Role.GUEST)
    change(there, "guest", role=Role.DATA_SCIENTIST)
    there.accounts.disable("gone", by=OFFICER, now=there.now)
    assert altered(there) == []
    by_hand(there, done)
    (problem,) = altered(there)
    assert told in problem


def test_once_an_officer_has_said_what_is_right_nothing_is_named(there: Office) -> None:
    there.add("guest", Role.GUEST)
    by_hand(there, "UPDATE account SET role = 'doctor', disabled = 1 WHERE user = 'guest'")
    assert len(altered(there)) == 2
    change(there, "guest", role=Role.GUEST)
    there.accounts.enable("guest", by=OFFICER, now=there.now)
    assert altered(there) == []


def test_an_enrolment_that_no_officer_gave_a_code_for_is_named_until_the_account_is_reset(there: Office) -> None:
    there.enrolled("doctor")
    forged = code_hash("enrolment", "doctor", "0" * 24).hex()
    by_hand(
        there,
        "UPDATE account SET password = NULL WHERE user = 'doctor'",
        "DELETE FROM authenticator WHERE user = 'doctor'",
        f"INSERT INTO enrolment VALUES ('doctor', x'{forged}', 1 << 41)",
    )
    assert altered(there) == []
    enrol(there, "doctor", "0" * 24)
    (problem,) = altered(there)
    assert "account doctor: expected one enrolment (permitted by service, 2026-03-02 09:00:00Z), found 2" in problem
    enrol(there, "doctor", reset(there, "doctor"))
    assert altered(there) == []


def test_a_log_that_was_begun_anew_knows_of_older_accounts_what_was_done_since(there: Office) -> None:
    there.enrolled("doctor")
    there.add("guest", Role.GUEST)
    since, anew = len(events(there)), there.now
    by_hand(there, "UPDATE account SET role = 'officer' WHERE user = 'guest'")
    assert altered(there, since=since, anew=anew) == []
    assert len(altered(there, since=since)) == 2
    there.clock.forward(2 * SLACK.total_seconds())
    there.add("auditor", Role.AUDITOR)
    change(there, "doctor", role=Role.OPERATOR)
    there.accounts.disable("doctor", by=OFFICER, now=there.now)
    assert altered(there, since=since, anew=anew) == []
    by_hand(
        there,
        "UPDATE account SET role = 'officer', disabled = 0 WHERE user = 'doctor'",
        "INSERT INTO account (user, role, practice, made_at) "
        "SELECT 'mallory', 'doctor', 0, made_at FROM account WHERE user = 'auditor'",
    )
    assert [problem.split(":")[0] for problem in altered(there, since=since, anew=anew)] == [
        "account doctor", "account doctor", "account mallory",
    ]  # fmt: skip


def test_practice_accounts_have_the_roles_that_their_names_say(tmp_path: Path) -> None:
    with office(tmp_path, practice=True) as there:
        Practice(there.core).create(now=there.now)
        enrol(there, "doctor", reset(there, "doctor"))
        assert altered(there) == []
        by_hand(there, "UPDATE account SET role = 'doctor' WHERE user = 'guest'")
        (problem,) = altered(there)
        assert "account guest: expected the role guest (given by service" in problem


def said(action: str, code: str | None, minutes: int) -> Event:
    return Event(
        START + timedelta(minutes=minutes), Kind.USER, action, Outcome.DONE, "officer", "officer", "user:x", code=code
    )


def test_a_role_is_known_for_the_time_that_the_log_tells_and_its_clocks_allow() -> None:
    def ever_doctor(*told: Event) -> list[int]:
        of_it = told_accounts(told).get("x", Told())
        return [at for at in range(-30, 90, 15) if of_it.may_have_been(Role.DOCTOR, START + timedelta(minutes=at))]

    added, promoted, left = (
        said("add_user", "guest", 0),
        said("change_user", "role-doctor-shift", 30),
        said("change_user", "role-guest", 60),
    )
    assert ever_doctor(added) == []
    assert ever_doctor(added, promoted, left) == [30, 45, 60]
    assert ever_doctor(promoted, left) == [-30, -15, 0, 15, 30, 45, 60]
    assert ever_doctor(added, said("change_user", "a-word-of-another-version", 30)) == [30, 45, 60, 75]
    assert ever_doctor() == [-30, -15, 0, 15, 30, 45, 60, 75]
