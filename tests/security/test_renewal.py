"""Another authenticator without an officer: by password and recovery code, or password and a code of the old one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from security.errors import (
    AuditUnavailable,
    FreshFactorNeeded,
    MailNotSent,
    SessionEnded,
    SignInDelayed,
    SignInRefused,
)
from security.identity import otp
from security.identity.account import Role
from security.identity.audited_accounts import altered_accounts, told_accounts
from security.identity.events import SERVICE
from security.identity.renewal import Offer
from security.identity.sessions import Factor, SignedIn
from security.identity.throttle import PAIR
from tests.security.identities import ELSEWHERE, HERE, PASSWORD, Member, Office, office


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path) as opened:
        yield opened


@pytest.fixture
def sole(there: Office) -> Member:
    """The only officer, with an address."""
    return there.enrolled("officer", Role.OFFICER, "officer@example.org")


def recovered(member: Member, number: int = 0) -> SignedIn:
    there = member.office
    return there.sign_in.recover(member.user, PASSWORD, member.enrolled.recovery_codes[number], HERE, now=there.now)


def offered(member: Member, token: str, password: str = PASSWORD) -> Offer:
    return member.office.renewal.propose(token, password, HERE, now=member.office.now)


def renew(member: Member, token: str) -> list[str]:
    """Replace the authenticator, to the end; the member holds the new one."""
    there, offer = member.office, offered(member, token)
    code = otp.totp(offer.secret, there.now)
    _session, codes = there.renewal.finish(token, offer, code, HERE, now=there.now)
    member.secret = offer.secret
    there.clock.forward(otp.STEP_S)
    return codes


def test_the_only_officer_who_lost_the_authenticator_sets_up_another_and_administers_again(
    there: Office, sole: Member
) -> None:
    token = recovered(sole).token
    with pytest.raises(FreshFactorNeeded):
        there.credentials.regenerate_recovery_codes(token, HERE, now=there.now)
    renew(sole, token)
    session = there.sessions.resume(token, HERE, now=there.now)
    assert session.factor is Factor.TOTP
    assert len(there.credentials.regenerate_recovery_codes(token, HERE, now=there.now)) == 10
    assert sole.sign_in().session.factor is Factor.TOTP


def test_the_only_officer_moves_to_another_telephone_with_a_fresh_code(there: Office, sole: Member) -> None:
    token = sole.sign_in().token
    old = sole.secret
    renew(sole, token)
    there.clock.forward(otp.STEP_S)
    sole.sign_in()
    challenge = there.sign_in.begin("officer", PASSWORD, HERE, now=there.clock.forward(otp.STEP_S))
    with pytest.raises(SignInRefused):
        there.sign_in.answer(challenge.token, otp.totp(old, there.now), HERE, now=there.now)


def test_every_other_session_ends_and_the_codes_are_renewed(there: Office, sole: Member) -> None:
    elsewhere = sole.sign_in(ELSEWHERE)
    there.clock.forward(otp.STEP_S)
    begun = there.sign_in.begin("officer", PASSWORD, ELSEWHERE, now=there.now)
    token = recovered(sole).token
    codes = renew(sole, token)
    assert len(set(codes)) == 10
    assert not set(codes) & set(sole.enrolled.recovery_codes)
    with pytest.raises(SessionEnded):
        there.sessions.resume(elsewhere.token, ELSEWHERE, now=there.now)
    with pytest.raises(SignInRefused, match="begin again"):
        there.sign_in.answer(begun.token, sole.code(), ELSEWHERE, now=there.now)
    with pytest.raises(SignInRefused):
        recovered(sole, 1)
    assert there.accounts.get("officer").recovery_codes == 10


def test_it_is_on_record_as_an_action_of_its_own_with_the_factor_it_was_done_by(there: Office, sole: Member) -> None:
    renew(sole, recovered(sole).token)
    renew(sole, sole.sign_in().token)
    done = [one for one in there.audit.events if one.action == "new_authenticator"]
    assert [(one.outcome.value, one.code, one.resource) for one in done] == [
        ("intent", None, "session"), ("done", "recovery", "user:officer"),
        ("intent", None, "session"), ("done", "totp", "user:officer"),
    ]  # fmt: skip
    assert all(one.principal == "officer" and one.session and one.address for one in done)
    assert list(altered_accounts(there.core, told_accounts(there.audit.events), anew=None)) == []


def test_who_finds_the_session_and_has_not_the_password_gets_no_further(there: Office, sole: Member) -> None:
    for token in (recovered(sole).token, sole.sign_in().token):
        with pytest.raises(SignInRefused, match="the password is not right"):
            offered(sole, token, "not the password 77")
        assert there.audit.told()[-1] == ("officer", "new_authenticator", "refused", "wrong_password")
    sole.office.clock.forward(otp.STEP_S)
    sole.sign_in()


def test_guessing_the_password_is_delayed_as_any_try_within_a_session(there: Office, sole: Member) -> None:
    token = recovered(sole).token
    for _ in range(PAIR.free):
        with pytest.raises(SignInRefused):
            offered(sole, token, "wrong")
    with pytest.raises(SignInDelayed):
        offered(sole, token)
    there.clock.forward(2)
    renew(sole, token)


def test_a_code_by_mail_or_an_old_one_of_the_authenticator_is_not_enough(there: Office, sole: Member) -> None:
    token = sole.sign_in().token
    there.clock.forward(601)
    with pytest.raises(FreshFactorNeeded, match="601 s ago"):
        offered(sole, token)
    with there.core.database.transaction() as connection:
        there.sessions.renew_factor(connection, token, Factor.EMAIL, HERE, there.now)
    with pytest.raises(
        FreshFactorNeeded, match=r"found email .* sign in with a recovery code, and `lakewarden account"
    ):
        offered(sole, token)


def test_nothing_changes_before_a_code_of_the_new_one(there: Office, sole: Member) -> None:
    token = recovered(sole).token
    offer = offered(sole, token)
    for code in (sole.code(), "000000", ""):
        with pytest.raises(SignInRefused, match="not one of this authenticator"):
            there.renewal.finish(token, offer, code, HERE, now=there.now)
    assert there.sessions.resume(token, HERE, now=there.now).factor is Factor.RECOVERY
    assert there.accounts.get("officer").recovery_codes == 9
    sole.sign_in()


def test_the_code_that_set_it_up_signs_nobody_in(there: Office, sole: Member) -> None:
    token = recovered(sole).token
    offer = offered(sole, token)
    code = otp.totp(offer.secret, there.now)
    there.renewal.finish(token, offer, code, HERE, now=there.now)
    challenge = there.sign_in.begin("officer", PASSWORD, HERE, now=there.now)
    with pytest.raises(SignInRefused):
        there.sign_in.answer(challenge.token, code, HERE, now=there.now)


def test_where_it_cannot_be_recorded_the_old_one_stays(there: Office, sole: Member) -> None:
    token = recovered(sole).token
    offer = offered(sole, token)
    there.audit.failing = True
    with pytest.raises(AuditUnavailable):
        there.renewal.finish(token, offer, otp.totp(offer.secret, there.now), HERE, now=there.now)
    there.audit.failing = False
    assert there.accounts.get("officer").recovery_codes == 9
    assert there.sessions.resume(token, HERE, now=there.now).factor is Factor.RECOVERY
    sole.sign_in()


def test_what_was_offered_is_for_that_session_and_that_password(there: Office, sole: Member) -> None:
    token, other = recovered(sole).token, recovered(sole, 1).token
    offer = offered(sole, token)
    code = otp.totp(offer.secret, there.now)
    with pytest.raises(SignInRefused, match="begin again"):
        there.renewal.finish(other, offer, code, HERE, now=there.now)
    with there.core.database.transaction() as connection:
        connection.execute("UPDATE account SET password = ? WHERE user = 'officer'", (there.core.hashing.hash("x"),))
    with pytest.raises(SignInRefused, match="begin again"):
        there.renewal.finish(token, offer, code, HERE, now=there.now)


def test_a_disabled_account_or_one_that_was_reset_sets_up_nothing(there: Office, sole: Member) -> None:
    there.enrolled("second", Role.OFFICER)
    token = recovered(sole).token
    offer = offered(sole, token)
    there.accounts.reset("officer", by=SERVICE, now=there.now)
    with pytest.raises(SessionEnded):
        there.renewal.finish(token, offer, otp.totp(offer.secret, there.now), HERE, now=there.now)
    assert not there.accounts.get("officer").enrolled


def test_the_new_one_is_sealed_and_its_secret_is_not_in_the_files(there: Office, sole: Member, tmp_path: Path) -> None:
    codes = renew(sole, recovered(sole).token)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            body = path.read_bytes()
            assert sole.secret not in body
            assert not [code for code in codes if code.encode() in body or code.replace("-", "").encode() in body]


class Post:
    """A mail server that can be out of reach."""

    def __init__(self, *, reached: bool = True) -> None:
        self.reached = reached
        self.sent: list[tuple[str, str, str]] = []

    def send(self, *, to: str, subject: str, body: str) -> None:
        if not self.reached:
            raise MailNotSent("the mail was not sent")
        self.sent.append((to, subject, body))


def test_the_owner_is_told_by_mail_where_that_can_be(there: Office, sole: Member) -> None:
    assert there.renewal.tell_owner("officer", HERE, now=there.now) is False
    there.mailer = post = Post()
    assert there.renewal.tell_owner("officer", HERE, now=there.now) is True
    ((to, _subject, body),) = post.sent
    assert to == "officer@example.org"
    assert "from 127.0.0.1" in body
    assert "tell an officer at once" in body
    there.mailer = Post(reached=False)
    assert there.renewal.tell_owner("officer", HERE, now=there.now) is False
    there.enrolled("plain", Role.OPERATOR)
    there.mailer = Post()
    assert there.renewal.tell_owner("plain", HERE, now=there.now) is False


def test_an_offer_is_good_once_and_for_ten_minutes(there: Office, sole: Member) -> None:
    token = recovered(sole).token
    first, second = offered(sole, token), offered(sole, token)
    there.renewal.finish(token, second, otp.totp(second.secret, there.now), HERE, now=there.now)
    for spent in (first, second):
        there.clock.forward(otp.STEP_S)
        with pytest.raises(SignInRefused, match="the authenticator or the session was changed meanwhile"):
            there.renewal.finish(token, spent, otp.totp(spent.secret, there.now), HERE, now=there.now)
    late = offered(sole, token)
    there.clock.forward(601)
    with pytest.raises(SignInRefused, match="more than ten minutes ago"):
        there.renewal.finish(token, late, otp.totp(late.secret, there.now), HERE, now=there.now)


def test_a_code_that_grows_old_while_another_is_set_up_is_no_dead_end(there: Office, sole: Member) -> None:
    token = sole.sign_in().token
    there.clock.forward(595)
    offer = offered(sole, token)
    there.clock.forward(60)
    session, codes = there.renewal.finish(token, offer, otp.totp(offer.secret, there.now), HERE, now=there.now)
    assert (session.factor, len(codes)) == (Factor.TOTP, 10)
