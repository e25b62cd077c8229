"""`lakewarden init --production`: the first officer's enrolment, repeatable until it is done, and never a second."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from console.actions.seat import InMemory
from console.settings import load_settings
from console.wiring.security import Security
from security.errors import AccountRefused, SignInRefused
from security.identity.account import NewAccount, Role
from security.identity.accounts import give_enrolment_code
from security.identity.events import SERVICE
from security.identity.first_officer import FirstOfficer
from security.identity.sessions import end_all
from tests.conftest import PATIENCE_S, ROOT, Lakewarden
from tests.console.enrolling import PASSWORD, RECOVERY_CODES, begin_enrolling, code_of, enrol, lines_of
from tests.e2e.terminal import Terminal

INIT = ("init", "--production")


def opened(home: Path) -> Security:
    return Security(load_settings({"LAKEWARDEN_HOME": str(home)}), {}, InMemory())


def officers(home: Path) -> list[tuple[str, bool]]:
    """The officers, and whether each is enrolled."""
    with closing(opened(home)) as security:
        return [(one.user, one.enrolled) for one in security.accounts.list() if one.role is Role.OFFICER]


def test_without_anybody_to_ask_it_makes_the_workspace_and_says_how_the_officer_is_enrolled(
    lakewarden: Lakewarden,
) -> None:
    for _ in range(2):
        ended = lakewarden(*INIT)
        assert (ended.code, ended.out) == (0, "")
        assert "`lakewarden init --production` from a terminal, or with --stdin" in ended.err.splitlines()[-2]
        assert f"no officer is enrolled in {lakewarden.home} yet: nobody can sign in" in ended.err.splitlines()[-1]
    assert not (lakewarden.home / "identity.db").exists()


def test_an_officer_who_is_named_and_cannot_be_enrolled_for_want_of_anybody_to_ask_is_64(
    lakewarden: Lakewarden,
) -> None:
    ended = lakewarden(*INIT, "--officer", "boss")
    assert (ended.code, ended.out) == (64, "")
    assert "expected a terminal, or answers with --stdin, to enrol boss" in ended.err.splitlines()[-1]
    process, _ = begin_enrolling(lakewarden, *INIT, lines=[PASSWORD])  # added, and never enrolled
    process.kill()
    process.wait(PATIENCE_S)
    again = lakewarden(*INIT)
    assert (again.code, "no officer is enrolled" in again.err) == (0, True)
    enrol(lakewarden, *INIT, lines=[PASSWORD])
    done = lakewarden(*INIT)
    assert (done.code, "no officer is enrolled" in done.err) == (0, False)


def test_a_script_enrols_the_officer_and_is_signed_in(lakewarden: Lakewarden) -> None:
    done = enrol(lakewarden, *INIT, lines=[PASSWORD])
    assert done.ended.code == 0, done.ended.err
    assert len(set(done.codes)) == RECOVERY_CODES
    assert "Traceback" not in done.ended.err
    assert "secrets set" not in "".join(done.ended.err.splitlines()[:-1]), "an officer may not set a secret"
    assert ["users add NAME --role operator" in line for line in done.ended.err.splitlines()[-2:]] == [True, False]
    assert "secrets set openweather_api_key" in done.ended.err.splitlines()[-1]
    who = lakewarden("whoami", "--json").json
    assert (who["user"], who["role"], who["factor"]) == ("officer", "officer", "totp")
    assert [one["user"] for one in lakewarden("users", "list", "--json").json] == ["officer"]


def test_once_an_officer_is_enrolled_nothing_more_is_done(lakewarden: Lakewarden) -> None:
    done = enrol(lakewarden, *INIT, "--officer", "first.officer", lines=[PASSWORD])
    assert done.ended.code == 0, done.ended.err
    for arguments in ([], ["--stdin"], ["--officer", "second", "--stdin"]):
        again = lakewarden(*INIT, *arguments, stdin=lines_of(PASSWORD, "123456"))
        assert (again.code, again.out) == (0, "")
        assert "an officer is enrolled already (first.officer)" in again.err
    assert officers(lakewarden.home) == [("first.officer", True)]
    given = lines_of(PASSWORD, code_of(done.secret, steps_ahead=1))
    assert lakewarden("sign-in", "first.officer", "--stdin", stdin=given).code == 0


def test_a_workspace_from_before_accounts_gets_its_officer(lakewarden: Lakewarden) -> None:
    lakewarden(*INIT)
    settings = lakewarden.home / "config.toml"
    before = settings.read_text().replace('cities = ["Portland"]', 'cities = ["Oslo"]')
    settings.write_text(before)
    done = enrol(lakewarden, *INIT, lines=[PASSWORD])
    assert done.ended.code == 0, done.ended.err
    assert settings.read_text() == before
    assert officers(lakewarden.home) == [("officer", True)]


def test_killed_while_it_waits_for_a_code_it_is_repeated_with_another_secret(lakewarden: Lakewarden) -> None:
    process, first = begin_enrolling(lakewarden, *INIT, lines=[PASSWORD])
    process.kill()
    process.wait(PATIENCE_S)
    assert officers(lakewarden.home) == [("officer", False)]
    given = lines_of(PASSWORD, code_of(first))
    assert lakewarden("sign-in", "officer", "--stdin", stdin=given).code == 77, "the password was not set"
    done = enrol(lakewarden, *INIT, lines=[PASSWORD])
    assert done.ended.code == 0, done.ended.err
    assert done.secret != first
    assert officers(lakewarden.home) == [("officer", True)]


def test_killed_before_it_asks_anything_it_is_repeated(lakewarden: Lakewarden) -> None:
    lakewarden(*INIT)
    with closing(opened(lakewarden.home)) as security:
        FirstOfficer(security.identity).begin("boss", now=datetime.now(UTC))
    done = enrol(lakewarden, *INIT, lines=[PASSWORD])
    assert done.ended.code == 0, done.ended.err
    assert officers(lakewarden.home) == [("boss", True)]


def test_while_one_is_waiting_no_other_is_added(lakewarden: Lakewarden) -> None:
    process, _ = begin_enrolling(lakewarden, *INIT, "--officer", "boss", lines=[PASSWORD])
    process.kill()
    process.wait(PATIENCE_S)
    ended = lakewarden(*INIT, "--officer", "mallory", "--stdin", stdin=lines_of(PASSWORD))
    assert (ended.code, ended.out) == (64, "")
    assert "boss" in ended.err
    assert officers(lakewarden.home) == [("boss", False)]


def test_of_two_that_enrol_at_once_the_later_takes_over(lakewarden: Lakewarden) -> None:
    earlier, secret = begin_enrolling(lakewarden, *INIT, lines=[PASSWORD])
    later = enrol(lakewarden, *INIT, lines=[f"{PASSWORD} 7"])
    assert later.ended.code == 0, later.ended.err
    out, err = earlier.communicate(lines_of(code_of(secret)), timeout=PATIENCE_S)
    assert (earlier.returncode, out) == (77, b"")
    assert b"begin again" in err
    given = lines_of(f"{PASSWORD} 7", code_of(later.secret, steps_ahead=1))
    assert lakewarden("sign-in", "officer", "--stdin", stdin=given).code == 0


def test_an_enrolment_meanwhile_wins_over_one_more_code(lakewarden: Lakewarden) -> None:
    """The look and the code are one transaction, so an officer who has just enrolled loses nothing."""
    enrol(lakewarden, *INIT, lines=[PASSWORD])
    with closing(opened(lakewarden.home)) as security:
        for user in (None, "officer", "another"):
            with pytest.raises(AccountRefused, match="enrolled already"):
                FirstOfficer(security.identity).begin(user, now=datetime.now(UTC))
        assert security.accounts.get("officer").recovery_codes == RECOVERY_CODES


def test_a_disabled_officer_is_still_one(lakewarden: Lakewarden) -> None:
    enrol(lakewarden, *INIT, lines=[PASSWORD])
    with closing(opened(lakewarden.home)) as security:
        with security.identity.database.transaction() as connection:  # which no officer could do to the last one
            connection.execute("UPDATE account SET disabled = 1 WHERE user = 'officer'")
        with pytest.raises(AccountRefused, match="enrolled already"):
            FirstOfficer(security.identity).begin("another", now=datetime.now(UTC))


def test_lost_accounts_are_no_workspace_without_an_officer(lakewarden: Lakewarden) -> None:
    enrol(lakewarden, *INIT, lines=[PASSWORD])
    store = lakewarden.home / "identity.db"
    away = store.rename(lakewarden.folder / "away")
    for arguments in ([], ["--stdin"]):
        ended = lakewarden(*INIT, *arguments, stdin=lines_of(PASSWORD))
        assert (ended.code, ended.out) == (74, "")
        assert f"expected the identity database {store}, whose key" in ended.err
        assert "restore it from a backup" in ended.err
        assert not store.exists()
    away.rename(store)
    assert officers(lakewarden.home) == [("officer", True)]


def test_an_officer_whose_factor_was_reset_needs_the_password(lakewarden: Lakewarden) -> None:
    enrol(lakewarden, *INIT, lines=[PASSWORD])
    with closing(opened(lakewarden.home)) as security, security.identity.database.transaction() as connection:
        connection.execute("DELETE FROM authenticator WHERE user = 'officer'")  # no officer could do it to the last one
        end_all(connection, "officer")
        code = give_enrolment_code(security.identity, connection, "officer", datetime.now(UTC))
    wrong = lakewarden(*INIT, "--stdin", stdin=lines_of("another password 55"))
    assert (wrong.code, wrong.out) == (77, "")
    done = enrol(lakewarden, *INIT, lines=[PASSWORD])
    assert done.ended.code == 0, done.ended.err
    with closing(opened(lakewarden.home)) as security, pytest.raises(SignInRefused):
        security.sign_in.begin("officer", code, security.source, now=datetime.now(UTC))


def test_accounts_that_are_no_officers_do_not_stand_in_the_way(lakewarden: Lakewarden) -> None:
    lakewarden(*INIT)
    with closing(opened(lakewarden.home)) as security:
        security.accounts.add(NewAccount("operator", Role.OPERATOR), by=SERVICE, now=datetime.now(UTC))
    taken = lakewarden(*INIT, "--officer", "operator", "--stdin", stdin=lines_of(PASSWORD))
    assert (taken.code, taken.out) == (64, "")
    assert enrol(lakewarden, *INIT, lines=[PASSWORD]).ended.code == 0


@pytest.mark.parametrize(
    ("given", "code"),
    [(b"", 64), (b"short\n", 65), (b"password1234\n", 65), (b"\xff\xfe\n", 64), (b"lakewarden officer\n", 65)],
)
def test_a_password_that_cannot_be_set_ends_it_and_it_can_be_repeated(
    lakewarden: Lakewarden, given: bytes, code: int
) -> None:
    ended = lakewarden(*INIT, "--stdin", stdin=given)
    assert (ended.code, ended.out) == (code, "")
    assert "password1234" not in ended.err
    assert enrol(lakewarden, *INIT, lines=[PASSWORD]).ended.code == 0


def test_a_wrong_code_enrols_nobody(lakewarden: Lakewarden) -> None:
    process, _ = begin_enrolling(lakewarden, *INIT, lines=[PASSWORD])
    out, err = process.communicate(b"000000\n", timeout=PATIENCE_S)
    assert (process.returncode, out) == (77, b"")
    assert b"Traceback" not in err
    assert officers(lakewarden.home) == [("officer", False)]
    assert lakewarden("whoami").code == 77


def test_neither_password_nor_secret_nor_code_is_left_in_clear(lakewarden: Lakewarden) -> None:
    done = enrol(lakewarden, *INIT, lines=[PASSWORD])
    secrets = [PASSWORD, done.secret, *done.codes, *(code.replace("-", "") for code in done.codes)]
    for path in lakewarden.home.rglob("*"):
        if path.is_file():
            body = path.read_bytes()
            assert not [one for one in secrets if one.encode() in body], path
    assert not [one for one in secrets if one in done.ended.err]


@pytest.mark.parametrize("arguments", [["--officer", "boss"], ["--stdin"]])
def test_a_practice_workspace_enrols_nobody(lakewarden: Lakewarden, arguments: list[str]) -> None:
    ended = lakewarden("init", *arguments)
    assert (ended.code, ended.out) == (64, "")
    assert lakewarden("init").code == 0
    assert not list(lakewarden.home.glob("*.db"))


def test_on_a_terminal_of_80x24_the_code_to_scan_is_drawn_above_the_secret(lakewarden: Lakewarden) -> None:
    command = [sys.executable, "-m", "console", *INIT]
    with Terminal(command, environ={**lakewarden.environ, "PYTHONPATH": str(ROOT)}) as terminal:
        terminal.wait_for("new password:")
        terminal.press("too short", "enter")
        terminal.wait_for("refused")
        terminal.press(PASSWORD, "enter")
        terminal.wait_for("again:")
        terminal.press("something else", "enter")
        terminal.wait_for("not the same")
        terminal.wait_until_quiet(0.3)
        terminal.press(PASSWORD, "enter")
        terminal.wait_until(lambda: terminal.text().count("again:") == 2, "the question for it again")
        terminal.press(PASSWORD, "enter")
        terminal.wait_for("code of the authenticator:")
        lines = [line.rstrip() for line in terminal.lines()]
        assert sum("█" in line or "▀" in line for line in lines) >= 18
        assert PASSWORD not in terminal.text()
        secret = lines[lines.index("Secret to type:") + 1].replace(" ", "")
        terminal.press("12345x", "enter")
        terminal.wait_for("expected the 6 digits")
        terminal.press("000000", "enter")
        terminal.wait_for("check its clock")
        terminal.press(code_of(secret), "enter")
        terminal.wait_for("signed in as officer")
        assert terminal.wait_exit() == 0
        assert terminal.settings() == terminal.found_settings
    assert officers(lakewarden.home) == [("officer", True)]
