"""Enrolment: a password and a factor at the first sign-in, all or nothing, whoever is killed and whenever."""

from __future__ import annotations

import base64
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from security.errors import AuditUnavailable, PasswordRefused, SignInRefused
from security.identity import otp
from security.identity.account import Role
from security.identity.challenges import Next
from security.identity.events import SERVICE
from security.identity.sessions import Factor
from tests.security.identities import CHEAP, ELSEWHERE, HERE, PASSWORD, Clock, Office, office, seeded

ROOT = Path(__file__).parents[2]
# Enrols; its audit log never answers the last event, so that it can be killed within the transaction.
HANGING = """
import sys, threading
from pathlib import Path
from security.identity import otp
from tests.security.identities import HERE, PASSWORD, office
import base64
with office(Path(sys.argv[1])) as there:
    challenge = there.sign_in.begin("doctor", sys.argv[2], HERE, now=there.now)
    secret = base64.b32decode(there.enrolment.propose(challenge.token, HERE, now=there.now).secret)
    def hang(events, /):
        print("within", flush=True)
        threading.Event().wait()
    there.audit.append = hang
    there.enrolment.finish(challenge.token, otp.totp(secret, there.now), HERE, now=there.now, password=PASSWORD)
"""
ENROLLING = """
import sys
from pathlib import Path
from tests.security.identities import office
with office(Path(sys.argv[1])) as there:
    for number in range(200):
        print(f"user-{number}", flush=True)
        member = there.enrolled(f"user-{number}")
        print(f"done {member.secret.hex()}", flush=True)
"""


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path) as opened:
        yield opened


def test_the_first_sign_in_sets_password_and_factor_and_signs_in(there: Office) -> None:
    code = there.add()
    assert not there.accounts.get("doctor").enrolled
    challenge = there.sign_in.begin("doctor", code, HERE, now=there.now)
    assert challenge.next is Next.ENROL
    proposal = there.enrolment.propose(challenge.token, HERE, now=there.now)
    assert proposal.needs_password
    secret = base64.b32decode(proposal.secret)
    assert len(secret) == 20
    done = there.enrolment.finish(challenge.token, otp.totp(secret, there.now), HERE, now=there.now, password=PASSWORD)
    assert done.signed_in.session.factor is Factor.TOTP
    assert there.accounts.get("doctor").enrolled
    there.sessions.resume(done.signed_in.token, HERE, now=there.now)
    told = [event for event in there.audit.told() if event[0] == "doctor"]
    assert told == [("doctor", "sign_in", "intent", "enrol"), ("doctor", "enrol", "done", None)]


def test_the_code_of_the_enrolment_is_used_up_by_it(there: Office) -> None:
    member = there.enrolled()
    challenge = there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    with pytest.raises(SignInRefused):
        there.sign_in.answer(challenge.token, otp.hotp(member.secret, otp.step_at(there.now) - 1), HERE, now=there.now)


def test_the_same_secret_is_proposed_until_the_challenge_ends(there: Office) -> None:
    code = there.add()
    challenge = there.sign_in.begin("doctor", code, HERE, now=there.now)
    first, again = (there.enrolment.propose(challenge.token, HERE, now=there.now) for _ in range(2))
    assert first == again
    other = there.sign_in.begin("doctor", code, HERE, now=there.now)
    assert there.enrolment.propose(other.token, HERE, now=there.now).secret != first.secret


def test_a_refused_password_or_a_wrong_code_leaves_the_enrolment_open(there: Office) -> None:
    challenge = there.sign_in.begin("doctor", there.add(), HERE, now=there.now)
    secret = base64.b32decode(there.enrolment.propose(challenge.token, HERE, now=there.now).secret)
    code = otp.totp(secret, there.now)
    for password in ("doctor", "Password1", None):
        with pytest.raises(PasswordRefused):
            there.enrolment.finish(challenge.token, code, HERE, now=there.now, password=password)
    with pytest.raises(SignInRefused, match="check its clock"):
        there.enrolment.finish(challenge.token, "000", HERE, now=there.now, password=PASSWORD)
    there.enrolment.finish(challenge.token, code, HERE, now=there.now, password=PASSWORD)


def test_eight_characters_are_enough_since_a_second_factor_is_enrolled_with_them(there: Office) -> None:
    challenge = there.sign_in.begin("doctor", there.add(), HERE, now=there.now)
    secret = base64.b32decode(there.enrolment.propose(challenge.token, HERE, now=there.now).secret)
    there.enrolment.finish(challenge.token, otp.totp(secret, there.now), HERE, now=there.now, password="kX9#mQ2v")
    there.sign_in.begin("doctor", "kX9#mQ2v", HERE, now=there.now)


def test_an_enrolment_code_is_good_once_and_for_seven_days(there: Office) -> None:
    code = there.add()
    there.clock.forward(7 * 86_400 - 1)
    there.sign_in.begin("doctor", code, HERE, now=there.now)
    there.clock.forward(1)
    with pytest.raises(SignInRefused, match="expired; ask an officer"):
        there.sign_in.begin("doctor", code, HERE, now=there.now)
    there.accounts.reset("doctor", by=SERVICE, now=there.now)
    with pytest.raises(SignInRefused, match="is not right"):
        there.sign_in.begin("doctor", code, HERE, now=there.now)


def test_the_enrolment_code_of_another_account_is_none(there: Office) -> None:
    there.add("doctor")
    other = there.add("auditor", Role.AUDITOR)
    with pytest.raises(SignInRefused):
        there.sign_in.begin("doctor", other, HERE, now=there.now)


def test_after_a_reset_the_old_password_and_the_new_code_are_both_needed(there: Office) -> None:
    member = there.enrolled()
    code = there.accounts.reset("doctor", by=SERVICE, now=there.now)
    with pytest.raises(SignInRefused):
        there.sign_in.begin("doctor", code, ELSEWHERE, now=there.now)
    challenge = there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    assert challenge.next is Next.ENROLMENT_CODE
    for wrong in (None, "", "x" * 24, member.enrolled.recovery_codes[0]):
        with pytest.raises(SignInRefused):
            there.enrolment.propose(challenge.token, HERE, now=there.now, enrolment_code=wrong)
    with pytest.raises(SignInRefused):
        there.sign_in.answer(challenge.token, member.code(), HERE, now=there.now)
    proposal = there.enrolment.propose(challenge.token, HERE, now=there.now, enrolment_code=code)
    assert not proposal.needs_password
    secret = base64.b32decode(proposal.secret)
    assert secret != member.secret
    there.enrolment.finish(challenge.token, otp.totp(secret, there.now), HERE, now=there.now)
    with pytest.raises(SignInRefused):
        member.sign_in()


def test_a_reset_of_the_password_too_begins_as_at_first(there: Office) -> None:
    there.enrolled()
    code = there.accounts.reset("doctor", by=SERVICE, now=there.now, password=True)
    with pytest.raises(SignInRefused):
        there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    assert there.sign_in.begin("doctor", code, HERE, now=there.now).next is Next.ENROL


def test_a_challenge_for_a_code_enrols_nobody(there: Office) -> None:
    there.enrolled()
    challenge = there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    with pytest.raises(SignInRefused):
        there.enrolment.propose(challenge.token, HERE, now=there.now)
    with pytest.raises(SignInRefused):
        there.enrolment.finish(challenge.token, "123456", HERE, now=there.now, password="walnut harbour 7 lamp")


def test_without_the_audit_log_nothing_is_enrolled(there: Office) -> None:
    challenge = there.sign_in.begin("doctor", there.add(), HERE, now=there.now)
    secret = base64.b32decode(there.enrolment.propose(challenge.token, HERE, now=there.now).secret)
    there.audit.failing = True
    with pytest.raises(AuditUnavailable):
        there.enrolment.finish(challenge.token, otp.totp(secret, there.now), HERE, now=there.now, password=PASSWORD)
    assert not there.accounts.get("doctor").enrolled
    there.audit.failing = False
    there.enrolment.finish(challenge.token, otp.totp(secret, there.now), HERE, now=there.now, password=PASSWORD)


def test_killed_within_the_enrolment_the_account_is_as_it_was(tmp_path: Path) -> None:
    with office(tmp_path) as there:
        code = there.add()
    process = subprocess.Popen(
        [sys.executable, "-c", HANGING, str(tmp_path), code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "within\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait(timeout=30) == -signal.SIGKILL
    with office(tmp_path) as there:
        account = there.accounts.get("doctor")
        assert (account.enrolled, account.recovery_codes) == (False, 0)
        assert there.core.database.problems() == []
        assert there.sign_in.begin("doctor", code, HERE, now=there.now).next is Next.ENROL


def test_killed_at_any_moment_every_account_is_whole_or_untouched(tmp_path: Path) -> None:
    generator = seeded()
    process = subprocess.Popen([sys.executable, "-c", ENROLLING, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE)
    secrets: list[bytes] = []
    with process:
        assert process.stdout is not None
        lines = generator.randrange(20, 60)
        for _ in range(lines):
            said = process.stdout.readline().decode().split()
            secrets += [bytes.fromhex(said[1])] if said[0] == "done" else []
        process.kill()
        assert process.wait(timeout=30) == -signal.SIGKILL
    with office(tmp_path) as there:
        assert there.core.database.problems() == []
        accounts = there.accounts.list()
        assert len([account for account in accounts if account.enrolled]) >= len(secrets)
        assert all(account.recovery_codes == (10 if account.enrolled else 0) for account in accounts)
        there.clock.forward(86_400)
        for number, secret in enumerate(secrets[:5]):  # what was acknowledged is there
            challenge = there.sign_in.begin(f"user-{number}", PASSWORD, HERE, now=there.now)
            there.sign_in.answer(challenge.token, otp.totp(secret, there.now), HERE, now=there.now)


def test_a_password_is_hashed_anew_when_the_parameters_have_risen(tmp_path: Path) -> None:
    with office(tmp_path) as there:
        member = there.enrolled()
    with office(tmp_path, parameters=replace(CHEAP, time_cost=3), clock=Clock(there.now)) as raised:
        challenge = raised.sign_in.begin("doctor", PASSWORD, HERE, now=raised.now)
        raised.sign_in.answer(challenge.token, member.code(raised.now), HERE, now=raised.now)
    with closing(sqlite3.connect(tmp_path / "identity.db")) as connection:
        assert ",t=3,p=1$" in connection.execute("SELECT password FROM account").fetchone()[0]
    assert (tmp_path / "identity.db").stat().st_mode & 0o777 == 0o600
