"""Sessions: limits that hold whatever the clock does, tokens worth nothing elsewhere, an end for every reason."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from security.audit.keys import session_hash
from security.errors import (
    AuditUnavailable,
    FreshFactorNeeded,
    KeyUnknown,
    PasswordRefused,
    SessionEnded,
    SignInDelayed,
    SignInRefused,
)
from security.identity.account import Role
from security.identity.core import Source
from security.identity.events import SERVICE
from security.identity.sessions import Factor, Limits, check_fresh
from security.identity.throttle import PAIR
from tests.security.identities import ELSEWHERE, HERE, PASSWORD, Member, Office, office

NEW_PASSWORD = "walnut harbour violet 77"


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path) as opened:
        yield opened


@pytest.fixture
def member(there: Office) -> Member:
    return there.enrolled()


def ended(there: Office, token: str, source: Source = HERE) -> None:
    with pytest.raises(SessionEnded, match="sign in again"):
        there.sessions.resume(token, source, now=there.now)


def test_a_session_says_who_how_and_how_long(there: Office, member: Member) -> None:
    signed_in = member.sign_in()
    there.clock.forward(60)
    session = there.sessions.resume(signed_in.token, HERE, now=there.now)
    assert (session.user, session.role.value, session.factor) == ("doctor", "doctor", Factor.TOTP)
    assert session.factor_age_s(there.now) == 60
    assert session.expires == there.now + timedelta(minutes=15)
    assert session.address == "127.0.0.1"
    assert session.ref == session_hash(signed_in.token)
    assert signed_in.token not in repr(signed_in)


def test_a_token_is_256_random_bits_and_is_stored_as_a_hash_only(there: Office, member: Member) -> None:
    tokens = set()
    for _ in range(5):
        tokens.add(member.sign_in().token)
        there.clock.forward(30)
    assert len(tokens) == 5
    assert all(len(bytes.fromhex(token)) == 32 for token in tokens)
    with closing(sqlite3.connect(there.core.database.path)) as connection:
        dump = "\n".join(connection.iterdump())
    assert not any(token in dump.lower() for token in tokens)


def test_an_unused_session_ends(there: Office, member: Member) -> None:
    token = member.sign_in().token
    there.clock.forward(899)
    there.sessions.resume(token, HERE, now=there.now)
    there.clock.forward(900)
    ended(there, token)


def test_a_used_session_ends_after_its_absolute_limit(there: Office, member: Member) -> None:
    token = member.sign_in().token
    for _ in range(72):
        there.clock.forward(599)
        session = there.sessions.resume(token, HERE, now=there.now)
    assert session.expires == session.signed_in_at + timedelta(hours=12)
    there.clock.forward(599)
    ended(there, token)


def test_what_has_expired_does_not_come_back_with_the_clock(there: Office, member: Member) -> None:
    token = member.sign_in().token
    at = there.now
    there.clock.forward(900)
    ended(there, token)
    there.clock.instant = at
    ended(there, token)
    assert there.audit.told()[-1] == ("doctor", "sign_out", "done", "expired")


def test_a_clock_that_goes_back_ends_the_session(there: Office, member: Member) -> None:
    token = member.sign_in().token
    there.clock.instant -= timedelta(seconds=240)
    assert there.sessions.resume(token, HERE, now=there.now).factor_age_s(there.now) == 0
    token = there.sign_in.recover("doctor", PASSWORD, member.enrolled.recovery_codes[0], HERE, now=there.now).token
    there.clock.instant -= timedelta(seconds=301)
    ended(there, token)


def test_looking_at_a_session_is_no_use_of_it(there: Office, member: Member) -> None:
    token = member.sign_in().token
    used = there.sessions.resume(token, HERE, now=there.now)
    for _ in range(3):
        there.clock.forward(299)
        assert there.sessions.peek(token, HERE, now=there.now) == used
    there.clock.instant = used.expires
    ended(there, token)


def test_a_session_used_a_moment_ago_looks_as_that_use_left_it(there: Office, member: Member) -> None:
    token = member.sign_in().token
    there.clock.forward(600)
    used = there.sessions.resume(token, HERE, now=there.now)
    there.clock.forward(5)
    assert there.sessions.peek(token, HERE, now=there.now) == used
    assert used.expires == there.now + timedelta(seconds=895)


def test_looking_at_a_session_that_is_over_refuses_and_ends_nothing(there: Office, member: Member) -> None:
    token = member.sign_in().token
    sessions, told = there.sessions.count("doctor"), there.audit.told()
    there.clock.forward(900)
    with pytest.raises(SessionEnded, match="sign in again"):
        there.sessions.peek(token, HERE, now=there.now)
    assert (there.sessions.count("doctor"), there.audit.told()) == (sessions, told)


def test_there_is_nothing_to_look_at_without_a_session_of_this_place(there: Office, member: Member) -> None:
    token = member.sign_in().token
    for tried, source in (("", HERE), (token[:-1], HERE), (token, ELSEWHERE)):
        with pytest.raises(SessionEnded, match="sign in again"):
            there.sessions.peek(tried, source, now=there.now)
    there.accounts.disable("doctor", by=SERVICE, now=there.now)
    with pytest.raises(SessionEnded, match="sign in again"):
        there.sessions.peek(token, HERE, now=there.now)


def test_the_limits_are_configurable(tmp_path: Path) -> None:
    with office(tmp_path, limits=Limits(idle=timedelta(seconds=20), absolute=timedelta(seconds=50))) as there:
        token = there.enrolled().sign_in().token
        for _ in range(2):
            there.clock.forward(19)
            there.sessions.resume(token, HERE, now=there.now)
        there.clock.forward(12)
        ended(there, token)


def test_it_lasts_exactly_as_long_as_it_says(there: Office, member: Member) -> None:
    token = member.sign_in().token
    for pause_s in (14.9, 0.2, 7, 880, 3):
        there.clock.forward(pause_s)
        session = there.sessions.resume(token, HERE, now=there.now)
    there.clock.instant = session.expires - timedelta(milliseconds=1)
    session = there.sessions.resume(token, HERE, now=there.now)
    there.clock.instant = session.expires
    ended(there, token)


def test_after_sign_out_a_stolen_token_is_worth_nothing(there: Office, member: Member) -> None:
    token = member.sign_in().token
    there.sessions.sign_out(token, HERE, now=there.now)
    ended(there, token)
    with pytest.raises(SessionEnded):
        there.sessions.sign_out(token, HERE, now=there.now)
    assert there.audit.told()[-1] == ("doctor", "sign_out", "done", None)


def test_signing_out_everywhere_ends_every_session_of_the_account_and_no_other(there: Office, member: Member) -> None:
    stale = member.sign_in().token
    there.clock.forward(901)
    tokens = []
    for _ in range(2):
        tokens.append(member.sign_in().token)
        there.clock.forward(30)
    other = there.enrolled("auditor", Role.AUDITOR).sign_in()
    before = len(there.audit.events)
    assert there.sessions.sign_out_everywhere(tokens[0], HERE, now=there.now) == 2
    for token in (*tokens, stale):
        ended(there, token)
    assert there.sessions.resume(other.token, HERE, now=there.now).user == "auditor"
    (event,) = there.audit.events[before:]
    assert (event.principal, event.action, event.code, event.count) == ("doctor", "sign_out", "everywhere", 2)
    with pytest.raises(SessionEnded):
        there.sessions.sign_out_everywhere(tokens[0], HERE, now=there.now)


def test_signing_out_everywhere_without_a_record_ends_nothing(there: Office, member: Member) -> None:
    tokens = [member.sign_in().token]
    there.clock.forward(30)
    tokens.append(member.sign_in().token)
    there.audit.failing = True
    with pytest.raises(AuditUnavailable):
        there.sessions.sign_out_everywhere(tokens[0], HERE, now=there.now)
    there.audit.failing = False
    for token in tokens:
        there.sessions.resume(token, HERE, now=there.now)


def test_a_token_copied_to_another_host_account_is_worth_nothing(there: Office, member: Member) -> None:
    token = member.sign_in().token
    ended(there, token, Source("1001", HERE.address))
    there.sessions.resume(token, Source(HERE.host_account, "127.0.0.2"), now=there.now)


def test_a_token_of_another_workspace_is_worth_nothing(tmp_path: Path) -> None:
    with office(tmp_path / "one") as one, office(tmp_path / "other") as other:
        token = one.enrolled().sign_in().token
        other.enrolled()
        ended(other, token)


def test_a_session_put_into_the_database_of_another_workspace_is_worth_nothing(tmp_path: Path) -> None:
    with office(tmp_path / "one") as one, office(tmp_path / "other") as other:
        token = one.enrolled().sign_in().token
        other.enrolled()
        (row,) = one.core.database.query("SELECT * FROM session ORDER BY made_at DESC LIMIT 1")
        with other.core.database.transaction() as connection:
            connection.execute(f"INSERT INTO session VALUES ({', '.join('?' * len(row))})", row)
        other.clock.forward(1)
        ended(other, token)
        assert one.sessions.resume(token, HERE, now=one.now).user == "doctor"


@pytest.mark.parametrize(
    "change",
    [
        "user = 'auditor'", "factor = 'email'", "factor_at = factor_at + 1", "made_at = made_at + 1",
        "seen_at = seen_at + 1", "address = '10.0.0.7'", "ref = 'ffffffffffffffffffffffffffffffff'",
        "seal = zeroblob(length(seal))",
    ],
)  # fmt: skip
def test_a_session_that_another_changed_in_the_file_is_worth_nothing(
    there: Office, member: Member, change: str
) -> None:
    there.enrolled("auditor", Role.AUDITOR)
    token = member.sign_in().token
    ref = session_hash(token)
    with closing(sqlite3.connect(there.core.database.path)) as thief, thief:
        assert thief.execute(f"UPDATE session SET {change} WHERE ref = ?", (ref,)).rowcount == 1
    with pytest.raises(SessionEnded, match="sign in again"):
        there.sessions.peek(token, HERE, now=there.now)
    for use in (there.sessions.sign_out, there.sessions.sign_out_everywhere):
        with pytest.raises(SessionEnded):
            use(token, HERE, now=there.now)
    there.clock.forward(30)
    with pytest.raises(SessionEnded):
        there.credentials.step_up(token, member.code(), HERE, now=there.now)
    before = len(there.audit.events)
    for _ in range(2):
        ended(there, token)
    (event,) = there.audit.events[before:]
    assert (event.principal, event.action, event.outcome.value, event.resource, event.session, event.code) == (
        "service", "open_sealed", "failed", "session", ref, "seal_broken",
    )  # fmt: skip


def test_a_session_that_another_wrote_into_the_file_is_worth_nothing(there: Office, member: Member) -> None:
    mine = member.sign_in().token
    there.enrolled("auditor", Role.AUDITOR)
    token = "5a" * 32
    with closing(sqlite3.connect(there.core.database.path)) as thief, thief:
        forged = (there.core.token_hash("session", token, HERE), session_hash(token), "auditor", session_hash(mine))
        thief.execute(
            "INSERT INTO session SELECT ?, ?, ?, address, factor, factor_at, made_at, seen_at, key_id, seal "
            "FROM session WHERE ref = ?",
            forged,
        )
    ended(there, token)
    assert there.sessions.resume(mine, HERE, now=there.now).user == "doctor"


def test_a_missing_key_is_named_and_ends_no_session(there: Office, member: Member, tmp_path: Path) -> None:
    token = member.sign_in().token
    (key,) = (tmp_path / "keys").glob("identity-*.key")
    aside = key.rename(tmp_path / "aside")
    before = there.core.database.query("SELECT * FROM session")
    there.clock.forward(60)
    for use in (there.sessions.resume, there.sessions.peek, there.sessions.sign_out):
        with pytest.raises(KeyUnknown, match=key.name):
            use(token, HERE, now=there.now)
    assert there.core.database.query("SELECT * FROM session") == before
    aside.rename(key)
    assert there.sessions.resume(token, HERE, now=there.now).user == "doctor"


def test_a_session_whose_key_another_renamed_in_the_file_is_worth_nothing(there: Office, member: Member) -> None:
    token = member.sign_in().token
    before = len(there.core.database.query("SELECT 1 FROM session"))
    with closing(sqlite3.connect(there.core.database.path)) as thief, thief:
        thief.execute("UPDATE session SET key_id = '0009-deadbeef'")
    for use in (there.sessions.peek, there.sessions.sign_out_everywhere, there.sessions.resume):
        with pytest.raises(SessionEnded):
            use(token, HERE, now=there.now)
    assert len(there.core.database.query("SELECT 1 FROM session")) == before - 1
    assert there.audit.told()[-1][:2] == ("service", "open_sealed")


def test_a_used_and_a_stepped_up_session_go_on_as_they_were_written(there: Office, member: Member) -> None:
    token = member.sign_in().token
    there.clock.forward(60)
    there.sessions.resume(token, HERE, now=there.now)
    there.clock.forward(60)
    there.credentials.step_up(token, member.code(), HERE, now=there.now)
    session = there.sessions.peek(token, HERE, now=there.now)
    assert (session.user, session.factor_at, session.signed_in_at) == (
        "doctor", there.now, there.now - timedelta(seconds=120),
    )  # fmt: skip


@pytest.mark.parametrize("change", ["flip", "short", "long", "empty", "huge", "surrogate", "upper", "nul"])
def test_a_tampered_token_is_worth_nothing(there: Office, member: Member, change: str) -> None:
    token = member.sign_in().token
    ended(
        there,
        {
            "flip": ("1" if token[0] == "0" else "0") + token[1:],
            "short": token[:-1],
            "long": token + "0",
            "empty": "",
            "huge": token * 20_000,
            "surrogate": "\udcff" * 64,
            "upper": token.upper() + "A",
            "nul": token + "\0",
        }[change],
    )
    there.sessions.resume(token, HERE, now=there.now)


@pytest.mark.parametrize("change", ["disable", "reset"])
def test_disabling_and_resetting_end_every_session_at_once(there: Office, member: Member, change: str) -> None:
    tokens = []
    for _ in range(3):
        tokens.append(member.sign_in().token)
        there.clock.forward(30)
    challenge = there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    getattr(there.accounts, change)("doctor", by=SERVICE, now=there.now)
    for token in tokens:
        ended(there, token)
    assert there.sessions.count("doctor") == 0
    with pytest.raises(SignInRefused):
        there.sign_in.answer(challenge.token, member.code(), HERE, now=there.now)


def test_a_step_up_renews_the_factor(there: Office, member: Member) -> None:
    token = member.sign_in().token
    there.clock.forward(700)
    with pytest.raises(FreshFactorNeeded, match="totp of 700 s ago"):
        check_fresh(there.sessions.resume(token, HERE, now=there.now), there.now)
    there.credentials.step_up(token, member.code(), HERE, now=there.now)
    session = there.sessions.resume(token, HERE, now=there.now)
    assert session.factor_age_s(there.now) == 0
    check_fresh(session, there.now)
    assert session.signed_in_at == there.now - timedelta(seconds=700)


def test_a_factor_of_the_future_is_not_fresh(there: Office, member: Member) -> None:
    """The clock was put back by less than what ends the session: the code may be of any age."""
    token = member.sign_in().token
    there.clock.forward(-1)
    with pytest.raises(
        FreshFactorNeeded, match=r"totp of the future .the clock was put back since.; give a fresh code"
    ):
        there.credentials.regenerate_recovery_codes(token, HERE, now=there.now)
    there.clock.forward(1)
    assert there.credentials.regenerate_recovery_codes(token, HERE, now=there.now)


def test_codes_that_a_clock_ahead_has_used_up_are_refused_until_a_time_that_is_told(
    there: Office, member: Member
) -> None:
    there.clock.forward(3_600)
    member.sign_in()
    there.clock.forward(-3_600)
    challenge = there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    with pytest.raises(
        SignInRefused,
        match=r"no code is taken before 2026-03-02 10:01:00 UTC; give a recovery code instead; `.* --recovery`",
    ):
        there.sign_in.answer(challenge.token, member.code(), HERE, now=there.now)
    with pytest.raises(SignInRefused, match="wait for the next one"):
        there.sign_in.answer(challenge.token, "a mistyped recovery code", HERE, now=there.now)
    by_recovery = there.sign_in.answer(challenge.token, member.enrolled.recovery_codes[0], HERE, now=there.now)
    with pytest.raises(SignInRefused, match=r"no code is taken before 2026-03-02 10:01:00 UTC; .* `users reset-mfa`"):
        there.credentials.step_up(by_recovery.token, member.code(), HERE, now=there.now)
    there.clock.instant = datetime(2026, 3, 2, 10, 1, tzinfo=UTC)
    member.sign_in()


def test_a_last_code_that_no_clock_shows_stops_no_refusal(there: Office, member: Member) -> None:
    there.core.database.query("UPDATE authenticator SET last_step = 20000000000 RETURNING 1")
    challenge = there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    with pytest.raises(SignInRefused, match="wait for the next one"):
        there.sign_in.answer(challenge.token, member.code(), HERE, now=there.now)
    assert there.audit.told()[-1][1:3] == ("sign_in", "refused")


def test_a_code_of_the_next_half_minute_that_was_used_is_told_as_used(there: Office, member: Member) -> None:
    ahead = member.code(there.now + timedelta(seconds=30))
    for refusal in (None, "was used already; wait for the next one"):
        challenge = there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
        with pytest.raises(SignInRefused, match=refusal) if refusal else nullcontext():
            there.sign_in.answer(challenge.token, ahead, HERE, now=there.now)


def test_a_step_up_takes_a_code_of_the_authenticator_once_and_nothing_else(there: Office, member: Member) -> None:
    token = member.sign_in().token
    for code in (member.code(), member.wrong_code(), member.enrolled.recovery_codes[0], "", "1" * 100_000):
        with pytest.raises(SignInRefused):
            there.credentials.step_up(token, code, HERE, now=there.now)
    assert there.accounts.get("doctor").recovery_codes == 10
    with pytest.raises(SignInDelayed):
        there.credentials.step_up(token, member.wrong_code(), HERE, now=there.now)


def test_guesses_at_the_sign_in_do_not_delay_a_step_up(there: Office, member: Member) -> None:
    token = member.sign_in().token
    for _ in range(PAIR.free):
        with pytest.raises(SignInRefused):
            there.sign_in.begin("doctor", "wrong", HERE, now=there.now)
    there.clock.forward(30)
    for _ in range(3):
        there.credentials.step_up(token, member.code(), HERE, now=there.now)
        there.clock.forward(30)


def test_a_stronger_factor_replaces_a_weaker_one(there: Office, member: Member) -> None:
    code = member.enrolled.recovery_codes[0]
    token = there.sign_in.recover("doctor", PASSWORD, code, HERE, now=there.now).token
    assert there.credentials.step_up(token, member.code(), HERE, now=there.now).factor is Factor.TOTP


def test_a_changed_password_ends_the_other_sessions(there: Office, member: Member) -> None:
    other = member.sign_in().token
    there.clock.forward(30)
    token = member.sign_in().token
    with pytest.raises(SignInRefused, match="old password"):
        there.credentials.change_password(token, "wrong", NEW_PASSWORD, HERE, now=there.now)
    there.credentials.change_password(token, PASSWORD, NEW_PASSWORD, HERE, now=there.now)
    ended(there, other)
    there.sessions.resume(token, HERE, now=there.now)
    with pytest.raises(SignInRefused):
        there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    there.sign_in.begin("doctor", NEW_PASSWORD, HERE, now=there.now)


@pytest.mark.parametrize("typed", [PASSWORD, NEW_PASSWORD])
def test_the_old_password_is_none_to_change_to(there: Office, member: Member, typed: str) -> None:
    token = member.sign_in().token
    events = len(there.audit.events)
    with pytest.raises(PasswordRefused, match="this password is refused: expected another than the old one, found"):
        there.credentials.change_password(token, typed, typed, HERE, now=there.now)
    assert len(there.audit.events) == events
    there.clock.forward(30)
    member.sign_in()


def test_a_password_is_changed_with_a_fresh_factor_only(there: Office, member: Member) -> None:
    token = member.sign_in().token
    there.clock.forward(601)
    with pytest.raises(FreshFactorNeeded):
        there.credentials.change_password(token, PASSWORD, NEW_PASSWORD, HERE, now=there.now)


def test_without_the_audit_log_there_is_no_session_and_no_code_is_used(there: Office, member: Member) -> None:
    challenge = there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    sessions = there.sessions.count("doctor")
    there.audit.failing = True
    with pytest.raises(AuditUnavailable):
        there.sign_in.answer(challenge.token, member.code(), HERE, now=there.now)
    with pytest.raises(AuditUnavailable):
        there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    assert there.sessions.count("doctor") == sessions
    there.audit.failing = False
    there.sign_in.answer(challenge.token, member.code(), HERE, now=there.now)


def test_without_the_audit_log_a_wrong_guess_is_counted_all_the_same(there: Office, member: Member) -> None:
    there.audit.failing = True
    for _ in range(PAIR.free):
        with pytest.raises(AuditUnavailable):
            there.sign_in.begin("doctor", "wrong", ELSEWHERE, now=there.now)
    there.audit.failing = False
    with pytest.raises(SignInDelayed):
        there.sign_in.begin("doctor", PASSWORD, ELSEWHERE, now=there.now)


def test_a_challenge_is_bound_to_where_it_began_and_ends_after_ten_minutes(there: Office, member: Member) -> None:
    challenge = there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    for source in (ELSEWHERE, Source(HERE.host_account, "10.0.0.7"), Source("7", HERE.address)):
        with pytest.raises(SignInRefused, match="begin again"):
            there.sign_in.answer(challenge.token, member.code(), source, now=there.now)
    there.clock.forward(600)
    with pytest.raises(SignInRefused, match="expired"):
        there.sign_in.answer(challenge.token, member.code(), HERE, now=there.now)


def test_a_challenge_is_good_for_one_session(there: Office, member: Member) -> None:
    challenge = there.sign_in.begin("doctor", PASSWORD, HERE, now=there.now)
    there.sign_in.answer(challenge.token, member.code(), HERE, now=there.now)
    there.clock.forward(30)
    with pytest.raises(SignInRefused):
        there.sign_in.answer(challenge.token, member.code(), HERE, now=there.now)
