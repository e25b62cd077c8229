"""`lakewarden account authenticator`: the only officer of a production workspace is never shut out for good."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing

import pytest

from tests.conftest import PATIENCE_S, Ended, Lakewarden
from tests.console.enrolling import PASSWORD, Enrolled, begin_enrolling, code_of, enrol, lines_of

COMMAND = ("account", "authenticator")


@pytest.fixture
def sole(lakewarden: Lakewarden) -> Enrolled:
    """The only officer, enrolled and signed in on the command line."""
    done = enrol(lakewarden, "init", "--production", lines=[PASSWORD])
    assert done.ended.code == 0, done.ended.err
    return done


def recover(lakewarden: Lakewarden, code: str) -> Ended:
    ended = lakewarden("sign-in", "officer", "--recovery", "--stdin", stdin=lines_of(PASSWORD, code))
    assert ended.code == 0, ended.err
    return ended


def test_who_lost_the_authenticator_sets_up_another_after_a_recovery_code_and_administers_again(
    lakewarden: Lakewarden, sole: Enrolled
) -> None:
    recover(lakewarden, sole.codes[0])
    shut = lakewarden("users", "reset-mfa", "officer", "--stdin", stdin=b"000000\n")
    assert (shut.code, shut.out) == (77, "")
    assert "signed in by a recovery code: where the authenticator is lost, `lakewarden account auth" in shut.err
    advised = lakewarden("account", "recovery-codes")
    assert advised.code == 77
    assert "where the authenticator is lost, `lakewarden account authenticator` sets up another" in advised.err
    renewed = enrol(lakewarden, *COMMAND, lines=[PASSWORD])
    assert renewed.ended.code == 0, renewed.ended.err
    assert renewed.secret != sole.secret
    assert len(set(renewed.codes)) == 10
    assert not set(renewed.codes) & set(sole.codes)
    assert "every other session are no longer good" in renewed.ended.err
    assert lakewarden("users", "list").code == 0
    assert lakewarden("users", "add", "kim", "--role", "officer").code == 0
    old = lines_of(PASSWORD, code_of(sole.secret, steps_ahead=1))
    assert lakewarden("sign-in", "officer", "--stdin", stdin=old).code == 77
    checked = lakewarden("vault", "check")
    assert checked.code == 0, checked.err + checked.out


def test_a_fresh_code_moves_the_only_officer_to_another_telephone(lakewarden: Lakewarden, sole: Enrolled) -> None:
    refused = lakewarden("users", "reset-mfa", "officer")
    assert refused.code == 64
    assert "its owner needs nobody: `lakewarden account authenticator`" in refused.err
    renewed = enrol(lakewarden, *COMMAND, lines=[PASSWORD])
    assert renewed.ended.code == 0, renewed.ended.err
    assert renewed.secret != sole.secret


@pytest.mark.parametrize("given", [b"", b"another password 55\n"], ids=["no password", "a wrong one"])
def test_without_the_password_nothing_is_shown(lakewarden: Lakewarden, sole: Enrolled, given: bytes) -> None:
    recover(lakewarden, sole.codes[0])
    ended = lakewarden(*COMMAND, "--stdin", stdin=given)
    assert (ended.code, ended.out) == (77 if given else 64, "")
    assert ended.err.count("\n") == 1


def test_left_before_the_code_the_old_one_stays(lakewarden: Lakewarden, sole: Enrolled) -> None:
    process, secret = begin_enrolling(lakewarden, *COMMAND, lines=[PASSWORD])
    process.kill()
    process.wait(PATIENCE_S)
    assert secret != sole.secret
    given = lines_of(PASSWORD, code_of(sole.secret, steps_ahead=1))
    assert lakewarden("sign-in", "officer", "--stdin", stdin=given).code == 0


def test_who_is_not_signed_in_is_told_how(lakewarden: Lakewarden, sole: Enrolled) -> None:
    assert sole.ended.code == 0
    assert lakewarden("sign-out").code == 0
    process = lakewarden.start(*COMMAND, "--stdin", stdin=subprocess.PIPE)
    out, err = process.communicate(lines_of(PASSWORD), timeout=PATIENCE_S)
    assert (process.returncode, out) == (77, b"")
    assert b"`lakewarden sign-in USER --recovery`" in err


def test_an_officer_without_recovery_codes_is_told_to_make_some(lakewarden: Lakewarden, sole: Enrolled) -> None:
    """As after an upgrade from before the codes were sealed."""
    assert not any("recovery" in line for line in lakewarden("doctor").out.splitlines())
    with closing(sqlite3.connect(lakewarden.home / "identity.db")) as connection, connection:
        connection.execute("DELETE FROM recovery")
    row = next(line for line in lakewarden("doctor").out.splitlines() if "recovery" in line)
    assert "officer, the only officer, has no recovery codes" in row
    given = lines_of(PASSWORD, code_of(sole.secret, steps_ahead=1))
    ended = lakewarden("sign-in", "officer", "--stdin", stdin=given)
    assert (ended.code, ended.out) == (0, "")
    assert "no recovery codes are left: `lakewarden account recovery-codes` makes ten" in ended.err
