"""Practice accounts: one for every role, in practice workspaces only, with what signs them in."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from security.errors import PracticeOnly, SealBroken
from security.identity.account import Role
from security.identity.events import SERVICE
from security.identity.practice import Practice, PracticeAccount
from security.identity.sessions import Factor, SignedIn
from tests.security.identities import HERE, Office, office


def signed_in(there: Office, shown: PracticeAccount) -> SignedIn:
    assert shown.password is not None
    assert shown.code is not None
    challenge = there.sign_in.begin(shown.account.user, shown.password, HERE, now=there.now)
    return there.sign_in.answer(challenge.token, shown.code, HERE, now=there.now)


def test_every_role_has_an_account_named_after_it_and_each_signs_in(tmp_path: Path) -> None:
    with office(tmp_path, practice=True) as there:
        practice = Practice(there.core)
        added = practice.create(now=there.now, timezone="Europe/London")
        shown = practice.accounts(now=there.now)
        assert sorted(added) == [one.account.user for one in shown]
        assert {one.account.role for one in shown} == set(Role)
        for one in shown:
            assert one.account.user.startswith(one.account.role.value.replace("_", "-"))
            session = signed_in(there, one).session
            assert (session.user, session.factor) == (one.account.user, Factor.TOTP)
        domains = {one.account.domain for one in shown if one.account.role is Role.DATA_SCIENTIST}
        assert domains == {"oncology", "cardiology"}
        shifts = {str(one.account.shift) for one in shown if one.account.role is Role.DOCTOR}
        assert shifts == {"08:00-20:00 Europe/London", "20:00-08:00 Europe/London"}


def test_the_code_shown_is_one_that_is_still_good(tmp_path: Path) -> None:
    with office(tmp_path, practice=True) as there:
        practice = Practice(there.core)
        practice.create(now=there.now)

        def doctor() -> PracticeAccount:
            return next(one for one in practice.accounts(now=there.now) if one.account.user == "doctor")

        signed_in(there, doctor())
        signed_in(there, doctor())  # with the next step's code
        assert (doctor().code, doctor().code_in_s) == (None, 31)
        there.clock.forward(30)
        signed_in(there, doctor())


def test_creating_them_again_changes_nothing(tmp_path: Path) -> None:
    with office(tmp_path, practice=True) as there:
        practice = Practice(there.core)
        practice.create(now=there.now)
        before = practice.accounts(now=there.now)
        assert practice.create(now=there.now) == []
        assert practice.accounts(now=there.now) == before


def test_every_workspace_has_passwords_of_its_own(tmp_path: Path) -> None:
    passwords: set[str | None] = set()
    for name in ("one", "other"):
        with office(tmp_path / name, practice=True) as there:
            practice = Practice(there.core)
            practice.create(now=there.now)
            passwords |= {one.password for one in practice.accounts(now=there.now)}
    assert len(passwords) == 18
    assert None not in passwords


def test_a_changed_password_is_not_shown_any_more(tmp_path: Path) -> None:
    with office(tmp_path, practice=True) as there:
        practice = Practice(there.core)
        practice.create(now=there.now)
        doctor = next(one for one in practice.accounts(now=there.now) if one.account.user == "doctor")
        session = signed_in(there, doctor)
        assert doctor.password is not None
        there.credentials.change_password(
            session.token, doctor.password, "walnut harbour violet 77", HERE, now=there.now
        )
        doctor = next(one for one in practice.accounts(now=there.now) if one.account.user == "doctor")
        assert doctor.password is None


def test_one_whose_every_account_has_another_password_goes_on(tmp_path: Path) -> None:
    with office(tmp_path, practice=True) as there:
        for user in Practice(there.core).create(now=there.now):
            if user != "officer":
                there.accounts.reset(user, by=SERVICE, password=True, now=there.now)
        practice = Practice(there.core)
        officer = next(one for one in practice.accounts(now=there.now) if one.account.user == "officer")
        session = signed_in(there, officer)
        there.credentials.change_password(
            session.token, str(officer.password), "walnut harbour violet 77", HERE, now=there.now
        )
    with office(tmp_path, practice=True) as there:
        shown = Practice(there.core).accounts(now=there.now)
        assert [one.password for one in shown] == [None] * 9
        assert Practice(there.core).create(now=there.now) == []


def test_a_reset_factor_has_no_code_to_show(tmp_path: Path) -> None:
    with office(tmp_path, practice=True) as there:
        practice = Practice(there.core)
        practice.create(now=there.now)
        there.accounts.reset("doctor", by=SERVICE, now=there.now)
        doctor = next(one for one in practice.accounts(now=there.now) if one.account.user == "doctor")
        assert doctor.code is None


def test_a_production_workspace_has_none(tmp_path: Path) -> None:
    with office(tmp_path) as there:
        with pytest.raises(PracticeOnly, match="production"):
            Practice(there.core)
        past = there.core.database.connect(read_only=False)
        with closing(past), pytest.raises(sqlite3.IntegrityError, match="practice workspaces only"):
            past.execute("INSERT INTO account (user, role, practice, made_at) VALUES ('x', 'doctor', 1, 0)")


@pytest.mark.parametrize("made_as", [True, False])
def test_a_workspace_stays_what_it_was_made_as(tmp_path: Path, made_as: bool) -> None:
    with office(tmp_path, practice=made_as) as there:
        past = there.core.database.connect(read_only=False)
        with closing(past), pytest.raises(sqlite3.IntegrityError, match="stays what it was made as"):
            past.execute("UPDATE workspace SET practice = NOT practice")
    with pytest.raises(PracticeOnly, match="nothing was changed"), office(tmp_path, practice=not made_as):
        pass


def turned_into_practice(folder: Path, *changes: str) -> None:
    """What somebody does who writes the files of a production workspace and has no key."""
    with closing(sqlite3.connect(folder / "identity.db", isolation_level=None)) as connection:
        (trigger,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'workspace_is_final'").fetchone()
        for change in ("DROP TRIGGER workspace_is_final", "UPDATE workspace SET practice = 1", *changes, trigger):
            connection.execute(change)


PLANTED = "INSERT INTO practice_password SELECT user, key_id, sealed FROM authenticator"
MARKED = "UPDATE account SET practice = 1"


@pytest.mark.parametrize("changes", [(), (MARKED,)])
def test_a_production_workspace_that_is_made_to_say_practice_is_not_opened(
    tmp_path: Path, changes: tuple[str, ...]
) -> None:
    with office(tmp_path) as there:
        there.enrolled()
    turned_into_practice(tmp_path, *changes)
    with pytest.raises(PracticeOnly, match="made for production and changed"), office(tmp_path, practice=True):
        pass


def test_marks_in_clear_and_other_seals_show_nobodys_code_and_make_no_practice_account(tmp_path: Path) -> None:
    with office(tmp_path) as there:
        there.enrolled()
    turned_into_practice(tmp_path, MARKED, PLANTED)
    with office(tmp_path, practice=True) as there:
        with pytest.raises(SealBroken):
            Practice(there.core).accounts(now=there.now)
        with pytest.raises(SealBroken):
            Practice(there.core).create(now=there.now)
        assert [one.user for one in there.accounts.list()] == ["doctor"]


def test_the_planted_password_of_an_account_that_is_not_marked_makes_none_either(tmp_path: Path) -> None:
    with office(tmp_path) as there:
        there.enrolled()
    turned_into_practice(tmp_path, MARKED, PLANTED, "UPDATE account SET practice = 0")
    with office(tmp_path, practice=True) as there:
        with pytest.raises(PracticeOnly, match="sealed"):
            Practice(there.core).create(now=there.now)
        with pytest.raises(PracticeOnly, match="sealed"):
            Practice(there.core).accounts(now=there.now)
        assert [one.user for one in there.accounts.list()] == ["doctor"]


def test_a_workspace_with_other_accounts_beside_those_of_practice_is_one_of_practice(tmp_path: Path) -> None:
    with office(tmp_path, practice=True) as there:
        Practice(there.core).create(now=there.now)
        there.enrolled("late")
    with office(tmp_path, practice=True) as there:
        assert Practice(there.core).create(now=there.now) == []
        assert len(Practice(there.core).accounts(now=there.now)) == 9
