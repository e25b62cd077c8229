"""Recovery codes: ten, hashed, once each, new ones only with a fresh factor; they open what failures have closed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from security.errors import AuditUnavailable, FreshFactorNeeded, SealBroken, SignInDelayed, SignInRefused
from security.identity.codes import code_hash, new_code, read_code
from security.identity.sessions import Factor
from security.identity.throttle import PAIR
from tests.security.identities import ELSEWHERE, HERE, PASSWORD, Office, office


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path) as opened:
        yield opened


def test_enrolment_gives_ten_codes_each_good_once(there: Office) -> None:
    member = there.enrolled()
    codes = member.enrolled.recovery_codes
    assert len(set(codes)) == 10
    for left, code in zip(range(9, -1, -1), codes, strict=True):
        challenge = there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
        session = there.sign_in.answer(challenge.token, code.lower(), HERE, now=there.now).session
        assert session.factor is Factor.RECOVERY
        assert there.accounts.get("doctor").recovery_codes == left
    challenge = there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    with pytest.raises(SignInRefused):
        there.sign_in.answer(challenge.token, codes[0], HERE, now=there.now)


def test_a_code_belongs_to_its_account(there: Office) -> None:
    there.enrolled("doctor")
    other = there.enrolled("auditor")
    challenge = there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    with pytest.raises(SignInRefused):
        there.sign_in.answer(challenge.token, other.enrolled.recovery_codes[0], HERE, now=there.now)
    assert there.accounts.get("auditor").recovery_codes == 10


def test_a_code_opens_a_lane_that_failures_have_closed(there: Office) -> None:
    member = there.enrolled()
    assert PAIR.closes_at is not None
    for _ in range(PAIR.closes_at):
        with pytest.raises(SignInRefused):
            there.sign_in.begin("doctor", "wrong", HERE, now=there.clock.forward(PAIR.longest_wait_s))
    there.clock.forward(86_400)
    with pytest.raises(SignInDelayed, match="recovery code") as closed:
        there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    assert closed.value.retry_after_s is None
    code = member.enrolled.recovery_codes[0]
    signed_in = there.sign_in.recover("doctor", PASSWORD, code, HERE, now=there.now)
    assert signed_in.session.factor is Factor.RECOVERY
    member.sign_in()


def test_a_wrong_recovery_code_is_counted_and_says_no_more_than_a_wrong_password(there: Office) -> None:
    member = there.enrolled()
    said = set()
    for password, code in ((PASSWORD, new_code(os.urandom)), ("wrong", new_code(os.urandom)), (PASSWORD, "x")):
        with pytest.raises(SignInRefused) as refusal:
            there.sign_in.recover("doctor", password, code, ELSEWHERE, now=there.now)
        said.add(str(refusal.value))
    with pytest.raises(SignInRefused) as refusal:
        there.sign_in.recover("nobody", PASSWORD, member.enrolled.recovery_codes[0], ELSEWHERE, now=there.now)
    assert {*said, str(refusal.value)} == {str(refusal.value)}
    for _ in range(PAIR.free - 3):
        with pytest.raises(SignInRefused):
            there.sign_in.recover("doctor", PASSWORD, "x", ELSEWHERE, now=there.now)
    with pytest.raises(SignInDelayed):
        there.sign_in.recover("doctor", PASSWORD, "x", ELSEWHERE, now=there.now)


def test_a_right_code_with_a_wrong_password_is_used_up_and_signs_nobody_in(there: Office) -> None:
    member = there.enrolled()
    code = member.enrolled.recovery_codes[0]
    with pytest.raises(SignInRefused):
        there.sign_in.recover("doctor", "wrong", code, HERE, now=there.now)
    assert there.accounts.get("doctor").recovery_codes == 9
    with pytest.raises(SignInRefused, match="take another recovery code next time, as a right one is used up"):
        there.sign_in.recover("doctor", PASSWORD, code, HERE, now=there.now)


def test_a_disabled_account_keeps_its_codes_and_they_open_nothing(there: Office) -> None:
    member = there.enrolled()
    there.accounts.disable("doctor", by=member.enrolled.signed_in.session.actor(), now=there.now)
    with pytest.raises(SignInRefused):
        there.sign_in.recover("doctor", PASSWORD, member.enrolled.recovery_codes[0], HERE, now=there.now)
    assert there.accounts.get("doctor").recovery_codes == 10


def test_new_codes_replace_the_old_and_need_a_fresh_authenticator_code(there: Office) -> None:
    member = there.enrolled()
    signed_in = member.sign_in()
    there.clock.forward(601)
    with pytest.raises(FreshFactorNeeded, match="601 s ago"):
        there.credentials.regenerate_recovery_codes(signed_in.token, HERE, now=there.now)
    there.credentials.step_up(signed_in.token, member.code(), HERE, now=there.now)
    codes = there.credentials.regenerate_recovery_codes(signed_in.token, HERE, now=there.now)
    assert not set(codes) & set(member.enrolled.recovery_codes)
    challenge = there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    with pytest.raises(SignInRefused):
        there.sign_in.answer(challenge.token, member.enrolled.recovery_codes[0], HERE, now=there.now)
    there.sign_in.answer(challenge.token, codes[0], HERE, now=there.now)


def test_a_session_begun_with_a_recovery_code_gets_no_new_codes(there: Office) -> None:
    member = there.enrolled()
    signed_in = there.sign_in.recover("doctor", PASSWORD, member.enrolled.recovery_codes[0], HERE, now=there.now)
    with pytest.raises(FreshFactorNeeded, match="recovery"):
        there.credentials.regenerate_recovery_codes(signed_in.token, HERE, now=there.now)


def test_a_session_begun_with_a_recovery_code_is_told_how_to_replace_a_lost_authenticator(there: Office) -> None:
    member = there.enrolled()
    token = there.sign_in.recover("doctor", PASSWORD, member.enrolled.recovery_codes[0], HERE, now=there.now).token
    with pytest.raises(FreshFactorNeeded, match=r"give a fresh code; where .* is lost, `lakewarden account auth.*`"):
        there.credentials.regenerate_recovery_codes(token, HERE, now=there.now)
    there.clock.forward(601)
    with pytest.raises(FreshFactorNeeded) as needed:
        there.credentials.regenerate_recovery_codes(member.sign_in().token, HERE, now=there.clock.forward(601))
    assert "is lost" not in str(needed.value)


@pytest.mark.parametrize("at_once", [True, False], ids=["with the password", "after the password"])
def test_a_code_whose_sign_in_cannot_be_recorded_is_not_used_up(there: Office, at_once: bool) -> None:
    member = there.enrolled()
    code = member.enrolled.recovery_codes[0]
    challenge = there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    there.audit.failing = True

    def sign_in() -> object:
        if at_once:
            return there.sign_in.recover("doctor", PASSWORD, code, HERE, now=there.now)
        return there.sign_in.answer(challenge.token, code, HERE, now=there.now)

    with pytest.raises(AuditUnavailable):
        sign_in()
    there.audit.failing = False
    assert there.accounts.get("doctor").recovery_codes == 10
    assert there.sign_in.recover("doctor", PASSWORD, code, HERE, now=there.now).session.user == "doctor"


def test_a_code_of_the_authenticator_whose_sign_in_cannot_be_recorded_is_good_still(there: Office) -> None:
    member = there.enrolled()
    challenge = there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    there.audit.failing = True
    with pytest.raises(AuditUnavailable):
        there.sign_in.answer(challenge.token, member.code(), HERE, now=there.now)
    there.audit.failing = False
    assert there.sign_in.answer(challenge.token, member.code(), HERE, now=there.now).session.factor is Factor.TOTP


def test_a_wrong_password_with_a_right_code_uses_it_up_only_where_that_is_on_record(there: Office) -> None:
    member = there.enrolled()
    code = member.enrolled.recovery_codes[0]
    there.audit.failing = True
    for password in ("wrong", PASSWORD):  # nor does the answer tell one from the other
        with pytest.raises(AuditUnavailable, match="nothing can be recorded"):
            there.sign_in.recover("doctor", password, code, HERE, now=there.now)
    there.audit.failing = False
    assert there.accounts.get("doctor").recovery_codes == 10
    with pytest.raises(SignInRefused):
        there.sign_in.recover("doctor", "wrong", code, HERE, now=there.now)
    assert there.accounts.get("doctor").recovery_codes == 9
    assert there.audit.told()[-1] == ("doctor", "sign_in", "refused", "wrong_password")


def test_of_two_who_try_at_once_with_one_code_only_the_first_learns_whether_the_password_was_right(
    there: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = there.enrolled()
    code = member.enrolled.recovery_codes[0]
    matches = there.core.hashing.matches

    def meanwhile(password: str, encoded: str | None) -> bool:
        monkeypatch.undo()
        with pytest.raises(SignInRefused):
            there.sign_in.recover("doctor", "wrong", code, HERE, now=there.now)
        return matches(password, encoded)

    monkeypatch.setattr(type(there.core.hashing), "matches", lambda _self, *given: meanwhile(*given))
    with pytest.raises(SignInRefused, match="the recovery code is not right"):
        there.sign_in.recover("doctor", PASSWORD, code, HERE, now=there.now)
    assert there.accounts.get("doctor").recovery_codes == 9


def test_a_code_that_somebody_wrote_into_the_database_is_none(there: Office) -> None:
    member = there.enrolled()
    planted = new_code(os.urandom)
    hashed = code_hash("recovery", "doctor", planted.replace("-", ""))
    with there.core.database.transaction() as connection:
        connection.execute(
            "UPDATE recovery SET code_hash = ? WHERE code_hash = ?",
            (hashed, code_hash("recovery", "doctor", member.enrolled.recovery_codes[0].replace("-", ""))),
        )
    with pytest.raises(SignInRefused):
        there.sign_in.recover("doctor", PASSWORD, planted, HERE, now=there.now)
    with there.core.database.transaction() as connection:
        connection.execute("UPDATE recovery SET sealed = zeroblob(60) WHERE code_hash = ?", (hashed,))
    with pytest.raises(SealBroken):
        there.sign_in.recover("doctor", PASSWORD, planted, HERE, now=there.now)
    assert there.audit.told()[-1] == ("service", "open_sealed", "failed", "seal_broken")


def test_codes_are_read_as_people_type_them() -> None:
    code = new_code(os.urandom)
    plain = code.replace("-", "")
    assert read_code(code) == plain
    assert read_code(f"  {code.lower()} ") == plain
    assert read_code(plain.replace("0", "O").replace("1", "l")) == plain
    assert read_code(" ".join(plain)) == plain
    for typed in ("", plain[:-1], plain + "0", plain[:-1] + "U", "x" * 1_000_000, "\udcff" * 24):
        assert read_code(typed) is None


def test_the_hash_is_bound_to_use_and_account() -> None:
    hashes = {code_hash(use, user, "A" * 24) for use in ("recovery", "enrolment") for user in ("doctor", "auditor")}
    assert len(hashes) == 4
