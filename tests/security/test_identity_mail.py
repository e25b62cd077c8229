"""One-time codes by e-mail, through a real SMTP server: STARTTLS or nothing, one use, one sign-in, few an hour."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from security.errors import FreshFactorNeeded, MailNotSent, OutcomeUnrecorded, SignInDelayed, SignInRefused
from security.identity.account import Role
from security.identity.mail_codes import ALL_ACCOUNTS
from security.identity.mailer import SmtpMailer
from security.identity.sessions import Factor, check_fresh
from security.identity.throttle import PAIR
from tests.security.identities import ELSEWHERE, HERE, Member, Office, office
from tests.security.identities import PASSWORD as USERS_PASSWORD
from tests.security.mail_server import PASSWORD, USERNAME, Post, certificate, mail_server


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Path]]:
    folder = tmp_path_factory.mktemp("certificates")
    return {name: certificate(folder, name) for name in ("localhost", "mail.example.org")}


@pytest.fixture
def post(certificates: dict[str, tuple[Path, Path]]) -> Iterator[Post]:
    with mail_server(certificates["localhost"]) as running:
        yield running


@pytest.fixture
def there(tmp_path: Path, post: Post, certificates: dict[str, tuple[Path, Path]]) -> Iterator[Office]:
    with office(tmp_path, mailer=mailer(post.port, certificates)) as opened:
        yield opened


@pytest.fixture
def member(there: Office) -> Member:
    return there.enrolled(email="doctor@example.org")


def mailer(port: int, certificates: dict[str, tuple[Path, Path]]) -> SmtpMailer:
    trusting = ssl.create_default_context(cafile=str(certificates["localhost"][0]))
    return SmtpMailer("localhost", port, "lakewarden@example.org", context=trusting, timeout_s=5)


def code_in(post: Post) -> str:
    found = re.search(r": (\d{8})\b", post.received[-1][1])
    assert found is not None
    return found[1]


def test_a_mailed_code_signs_in_once_and_as_the_weaker_factor(there: Office, member: Member, post: Post) -> None:
    challenge = there.sign_in.begin("doctor", USERS_PASSWORD, HERE, now=there.now)
    assert challenge.can_mail
    assert there.sign_in.mail_code(challenge.token, HERE, now=there.now) == "d…@example.org"
    to, text, over_tls = post.received[-1]
    assert (to, over_tls) == ("doctor@example.org", True)
    assert f"Lakewarden sign-in {challenge.label}" in text
    assert "127.0.0.1" in text
    session = there.sign_in.answer(challenge.token, code_in(post), HERE, now=there.now).session
    assert session.factor is Factor.EMAIL
    with pytest.raises(FreshFactorNeeded, match="email"):
        check_fresh(session, there.now)
    again = there.sign_in.begin("doctor", USERS_PASSWORD, HERE, now=there.now)
    with pytest.raises(SignInRefused):
        there.sign_in.answer(again.token, code_in(post), HERE, now=there.now)


def test_a_code_is_good_for_the_sign_in_that_asked_alone(there: Office, member: Member, post: Post) -> None:
    asked, other = (there.sign_in.begin("doctor", USERS_PASSWORD, HERE, now=there.now) for _ in range(2))
    there.sign_in.mail_code(asked.token, HERE, now=there.now)
    with pytest.raises(SignInRefused):
        there.sign_in.answer(other.token, code_in(post), HERE, now=there.now)
    with pytest.raises(SignInRefused):
        there.sign_in.answer(asked.token, code_in(post), ELSEWHERE, now=there.now)
    there.sign_in.answer(asked.token, code_in(post), HERE, now=there.now)


def test_a_newer_code_replaces_the_older(there: Office, member: Member, post: Post) -> None:
    challenge = there.sign_in.begin("doctor", USERS_PASSWORD, HERE, now=there.now)
    there.sign_in.mail_code(challenge.token, HERE, now=there.now)
    older = code_in(post)
    there.sign_in.mail_code(challenge.token, HERE, now=there.clock.forward(60))
    with pytest.raises(SignInRefused):
        there.sign_in.answer(challenge.token, older, HERE, now=there.now)
    there.sign_in.answer(challenge.token, code_in(post), HERE, now=there.now)


def test_a_code_is_good_for_ten_minutes(there: Office, member: Member, post: Post) -> None:
    late = there.sign_in.begin("doctor", USERS_PASSWORD, HERE, now=there.now)
    there.clock.forward(599)
    there.sign_in.mail_code(late.token, HERE, now=there.now)
    there.clock.forward(599.9)
    there.sign_in.answer(late.token, code_in(post), HERE, now=there.now)
    challenge = there.sign_in.begin("doctor", USERS_PASSWORD, HERE, now=there.now)
    there.sign_in.mail_code(challenge.token, HERE, now=there.now)
    there.clock.forward(600)
    with pytest.raises(SignInRefused):
        there.sign_in.answer(challenge.token, code_in(post), HERE, now=there.now)


def test_guessing_a_mailed_code_is_delayed(there: Office, member: Member, post: Post) -> None:
    challenge = there.sign_in.begin("doctor", USERS_PASSWORD, HERE, now=there.now)
    there.sign_in.mail_code(challenge.token, HERE, now=there.now)
    for number in range(PAIR.free):
        with pytest.raises(SignInRefused):
            there.sign_in.answer(challenge.token, f"{number:08d}", HERE, now=there.now)
    with pytest.raises(SignInDelayed):
        there.sign_in.answer(challenge.token, code_in(post), HERE, now=there.now)


def test_an_account_is_sent_one_a_minute_and_five_an_hour(there: Office, member: Member, post: Post) -> None:
    sent = 0
    for _ in range(120):  # an hour, every half minute
        challenge = there.sign_in.begin("doctor", USERS_PASSWORD, HERE, now=there.clock.forward(29.9))
        try:
            there.sign_in.mail_code(challenge.token, HERE, now=there.now)
            sent += 1
        except MailNotSent:
            continue
    assert (sent, len(post.received)) == (5, 5)


def test_all_accounts_together_are_sent_sixty_an_hour(there: Office, member: Member) -> None:
    most, window = ALL_ACCOUNTS[0]
    with there.core.database.transaction() as connection:
        at = int(there.now.timestamp() * 1000)
        rows = [(f"user-{number}", at) for number in range(most)]
        connection.executemany("INSERT INTO mail_sent (user, at) VALUES (?, ?)", rows)
    challenge = there.sign_in.begin("doctor", USERS_PASSWORD, HERE, now=there.now)
    with pytest.raises(MailNotSent, match="this workspace asked for 60"):
        there.sign_in.mail_code(challenge.token, HERE, now=there.now)
    later = there.clock.forward(window.total_seconds())
    challenge = there.sign_in.begin("doctor", USERS_PASSWORD, HERE, now=later)
    there.sign_in.mail_code(challenge.token, HERE, now=later)


def test_without_an_address_or_a_server_no_code_is_sent(there: Office) -> None:
    there.enrolled("auditor", Role.AUDITOR)
    challenge = there.sign_in.begin("auditor", USERS_PASSWORD, HERE, now=there.now)
    assert not challenge.can_mail
    with pytest.raises(MailNotSent, match="no e-mail address"):
        there.sign_in.mail_code(challenge.token, HERE, now=there.now)
    there.mailer = None
    with pytest.raises(MailNotSent, match="no mail server is configured"):
        there.sign_in.mail_code(challenge.token, HERE, now=there.now)


def test_a_code_for_an_enrolment_is_never_mailed(there: Office, post: Post) -> None:
    code = there.add(email="doctor@example.org")
    challenge = there.sign_in.begin("doctor", code, HERE, now=there.now)
    with pytest.raises(SignInRefused):
        there.sign_in.mail_code(challenge.token, HERE, now=there.now)
    assert post.received == []


def test_without_starttls_nothing_is_sent(certificates: dict[str, tuple[Path, Path]]) -> None:
    with mail_server(None) as plain:
        sending = replace(mailer(plain.port, certificates), username=USERNAME, password=PASSWORD)
        with pytest.raises(MailNotSent, match="does not offer STARTTLS") as refusal:
            sending.send(to="doctor@example.org", subject="x", body="12345678")
        assert plain.received == []
        assert PASSWORD not in str(refusal.value)


def test_a_certificate_of_another_name_or_another_issuer_is_refused(
    certificates: dict[str, tuple[Path, Path]],
) -> None:
    with mail_server(certificates["mail.example.org"]) as other:
        trusting = ssl.create_default_context(cafile=str(certificates["mail.example.org"][0]))
        with pytest.raises(MailNotSent, match="certificate is not valid for that name"):
            replace(mailer(other.port, certificates), context=trusting).send(to="a@example.org", subject="x", body="y")
        with pytest.raises(MailNotSent, match="certificate"):
            mailer(other.port, certificates).send(to="a@example.org", subject="x", body="y")
        with pytest.raises(MailNotSent, match="certificate"):
            SmtpMailer("localhost", other.port, "b@example.org").send(to="a@example.org", subject="x", body="y")
        assert other.received == []


def test_the_mailer_signs_in_and_no_refusal_repeats_the_credentials(
    certificates: dict[str, tuple[Path, Path]],
) -> None:
    with mail_server(certificates["localhost"], sign_in=True) as post:
        plain = mailer(post.port, certificates)
        signing = replace(plain, username=USERNAME, password=PASSWORD)
        signing.send(to="doctor@example.org", subject="hello", body="text")
        assert len(post.received) == 1
        with pytest.raises(MailNotSent, match="refused the user name or the password") as refusal:
            replace(signing, password="not-the-password-9").send(to="a@example.org", subject="x", body="y")
        assert "not-the-password-9" not in f"{refusal.value!r} {refusal.value.__cause__} {signing!r}"
        assert PASSWORD not in repr(signing)
        with pytest.raises(
            MailNotSent, match=r"wants a sign-in: set `\[smtp\] username`, .* secrets set smtp_password"
        ):
            plain.send(to="a@example.org", subject="x", body="y")


def test_what_the_server_says_is_not_repeated(post: Post, certificates: dict[str, tuple[Path, Path]]) -> None:
    post.refusal = "550 5.1.1 doctor@example.org code 12345678 is not here"
    with pytest.raises(MailNotSent, match="refused the recipient") as refusal:
        mailer(post.port, certificates).send(to="doctor@example.org", subject="x", body="12345678")
    assert "12345678" not in str(refusal.value)


def test_a_server_that_is_not_there_is_told_and_the_sign_in_goes_on(
    tmp_path: Path, certificates: dict[str, tuple[Path, Path]]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with office(tmp_path, mailer=mailer(port, certificates)) as there:
        member = there.enrolled(email="doctor@example.org")
        challenge = there.sign_in.begin("doctor", USERS_PASSWORD, HERE, now=there.now)
        with pytest.raises(MailNotSent, match="cannot be reached"):
            there.sign_in.mail_code(challenge.token, HERE, now=there.now)
        there.sign_in.answer(challenge.token, member.code(), HERE, now=there.now)


def test_a_code_that_was_not_sent_may_be_asked_for_again_at_once_and_counts_within_the_hour(
    there: Office, member: Member, post: Post, certificates: dict[str, tuple[Path, Path]]
) -> None:
    challenge = there.sign_in.begin("doctor", USERS_PASSWORD, HERE, now=there.now)
    there.mailer = mailer(1, certificates)  # nobody listens there
    for _ in range(4):
        with pytest.raises(MailNotSent, match="cannot be reached"):
            there.sign_in.mail_code(challenge.token, HERE, now=there.now)
    there.mailer = mailer(post.port, certificates)
    there.sign_in.mail_code(challenge.token, HERE, now=there.now)
    assert len(post.received) == 1
    with pytest.raises(MailNotSent, match=r"asked for 5 codes within 60 min, .* could not be sent included"):
        there.sign_in.mail_code(challenge.token, HERE, now=there.clock.forward(61))


def test_whether_a_code_was_sent_is_on_record(
    there: Office, member: Member, post: Post, certificates: dict[str, tuple[Path, Path]]
) -> None:
    challenge = there.sign_in.begin("doctor", USERS_PASSWORD, HERE, now=there.now)
    there.mailer = mailer(1, certificates)  # nobody listens there
    with pytest.raises(MailNotSent):
        there.sign_in.mail_code(challenge.token, HERE, now=there.now)
    there.mailer = mailer(post.port, certificates)
    there.sign_in.mail_code(challenge.token, HERE, now=there.now)
    told = [(event.outcome.value, event.code) for event in there.audit.events if event.action == "mail_code"]
    assert told == [("intent", None), ("failed", "not_sent"), ("intent", None), ("done", None)]


def test_a_code_that_was_sent_while_that_cannot_be_recorded_is_told_as_sent(there: Office, member: Member) -> None:
    class FillsTheDisk:
        def send(self, **_message: str) -> None:
            there.audit.failing = True

    challenge = there.sign_in.begin("doctor", USERS_PASSWORD, HERE, now=there.now)
    there.mailer = FillsTheDisk()
    with pytest.raises(OutcomeUnrecorded, match="a code was sent, only its outcome is not on record"):
        there.sign_in.mail_code(challenge.token, HERE, now=there.now)


@pytest.mark.parametrize("field", ["to", "subject"])
def test_a_header_cannot_be_smuggled_in(post: Post, certificates: dict[str, tuple[Path, Path]], field: str) -> None:
    parts = {"to": "a@example.org", "subject": "x", "body": "y"} | {field: "a@example.org\r\nBcc: b@example.org"}
    with pytest.raises(MailNotSent):
        mailer(post.port, certificates).send(**parts)
    assert post.received == []
