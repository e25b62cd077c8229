"""`sign-in`, `sign-out`, `whoami` and `account`: on a terminal and for scripts, with every way that it can fail."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.actions.permissions import FreshCodeNeeded, NotSignedIn
from console.actions.seat import InMemory
from console.wiring.security_actions import sign_in_actions
from security.audit.event import Outcome
from security.audit.search import Filter
from security.errors import KeyUnknown, SignInDelayed, SignInRefused
from security.identity.account import NewAccount, Role
from security.identity.events import SERVICE
from tests import practice
from tests.conftest import PATIENCE_S, ROOT, Ended, Lakewarden, SteppableClock
from tests.console.desk import desk_at
from tests.console.enrolling import PASSWORD, RECOVERY_CODES, begin_enrolling, code_of, enrol, lines_of, shown
from tests.e2e.terminal import Terminal
from tests.security.mail_server import certificate, mail_server

REFUSED = "lakewarden: not signed in: the user name, the password or the code is not right\n"


@pytest.fixture
def ready(lakewarden: Lakewarden) -> Lakewarden:
    """A practice workspace with its accounts."""
    practice.prepare(lakewarden.home)
    return lakewarden


def sign_in(lakewarden: Lakewarden, user: str, *lines: str) -> Ended:
    return lakewarden("sign-in", user, "--stdin", stdin=lines_of(*lines))


def add(lakewarden: Lakewarden, user: str, *, email: str | None = None) -> str:
    """Add an operator; its enrolment code."""
    with closing(practice.opened(lakewarden.home, {}, keeper=InMemory())) as security:
        new = NewAccount(user, Role.OPERATOR, email)
        return security.accounts.add(new, by=SERVICE, now=security.now())


def at_terminal(lakewarden: Lakewarden, *arguments: str) -> Terminal:
    command = [sys.executable, "-m", "console", *arguments]
    return Terminal(command, environ={**lakewarden.environ, "PYTHONPATH": str(ROOT)})


def test_a_password_and_a_code_sign_in_and_whoami_says_so(ready: Lakewarden) -> None:
    before = datetime.now(UTC)
    ended = sign_in(ready, "operator", *shown(ready, "operator"))
    assert (ended.code, ended.out) == (0, "")
    who = ready("whoami", "--json").json
    assert list(who) == ["user", "role", "factor", "factor_age_s", "expires"]
    assert (who["user"], who["role"], who["factor"]) == ("operator", "operator", "totp")
    assert 0 <= who["factor_age_s"] < 60
    assert who["expires"].endswith("Z")
    left = datetime.fromisoformat(who["expires"]) - before
    assert timedelta(minutes=14) < left < timedelta(minutes=16)
    assert ready("whoami").out.startswith("operator (operator), totp ")


def test_sign_out_ends_it(ready: Lakewarden) -> None:
    sign_in(ready, "operator", *shown(ready, "operator"))
    assert ready("sign-out").err == "lakewarden: signed out\n"
    ended = ready("whoami", "--json")
    assert (ended.code, ended.out, ended.err.count("\n")) == (77, "", 1)
    again = ready("sign-out")
    assert (again.code, again.err) == (0, "lakewarden: nobody was signed in\n")


@pytest.mark.parametrize("arguments", [["sign-out"], ["sign-out", "--all"]])
@pytest.mark.parametrize("disk", ["full", "damaged"])
def test_sign_out_keeps_no_token_on_a_disk_that_takes_nothing(
    ready: Lakewarden, disk: str, arguments: list[str]
) -> None:
    earlier(ready, "operator", 2)
    identity = ready.home / "identity.db"
    body = identity.read_bytes()
    if disk == "damaged":
        identity.write_bytes(bytes(len(body)))
    process = ready.start(*arguments, largest_file=0 if disk == "full" else None)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out, err.count(b"\n")) == (74, b"", 1), err
    if disk == "damaged":
        for rest in ready.home.glob("identity.db-*"):
            rest.unlink()
        identity.write_bytes(body)
    assert ready("whoami").code == 77


def test_sign_out_of_all_ends_the_session_of_a_console_too(workspace: Path) -> None:
    with (
        desk_at(workspace) as desk,
        closing(practice.opened(workspace, {}, keeper=InMemory(), clock=desk.clock)) as console,
    ):
        desk.sit_down("operator")
        desk.clock.advance(30.0)
        practice.sit_down(console, "operator")
        ended = desk("sign-out", "--all")
        assert (ended.code, ended.err) == (0, "lakewarden: signed out of 2 sessions\n")
        assert console.seat.session() is None
        assert not desk.security.seat.holds_token
        refused = desk("sign-out", "--all")
        assert (refused.code, refused.err.count("\n")) == (77, 1)
        desk.clock.advance(60.0)
        desk.sit_down("operator")
        assert desk("sign-out", "--all").err == "lakewarden: signed out; there was no other session\n"


def test_an_unknown_user_a_wrong_password_and_a_disabled_account_are_told_alike(ready: Lakewarden) -> None:
    password, code = shown(ready, "auditor")
    with closing(practice.opened(ready.home, {}, keeper=InMemory())) as security:
        security.accounts.disable("auditor", by=SERVICE, now=security.now())
    tries = [
        sign_in(ready, "nobody-here", "a wrong password", "123456"),
        sign_in(ready, "operator", "a wrong password", "123456"),
        sign_in(ready, "auditor", password, code),
        sign_in(ready, "Not A Name'; --", "a wrong password", "123456"),
        sign_in(ready, "x" * 5_000, "a wrong password", "123456"),
        sign_in(ready, "service", "", ""),
        sign_in(ready, "operator", "", ""),
    ]
    assert {(ended.code, ended.out, ended.err) for ended in tries} == {(77, "", REFUSED)}


def test_a_wrong_code_is_77_and_signs_nobody_in(ready: Lakewarden) -> None:
    for code in ("000000", "", "not a code", "７７７７７７", "1" * 1_000):
        ended = sign_in(ready, "operator", shown(ready, "operator")[0], code)
        assert (ended.code, ended.out, ended.err.count("\n")) == (77, "", 1)
        assert "lakewarden: not signed in: that code" in ended.err
    assert ready("whoami").code == 77


def test_a_wrong_key_of_the_identity_database_is_named_and_on_record(ready: Lakewarden) -> None:
    given = shown(ready, "operator")
    (key,) = (ready.home / "keys").glob("identity-*.key")
    right = key.read_bytes()
    key.write_bytes(bytes(len(right)))
    ended = sign_in(ready, "operator", *given)
    assert (ended.code, ended.out) == (65, "")
    assert "of the account operator (totp)" in ended.err
    assert key.name in ended.err
    key.write_bytes(right)
    ready.sign_in("auditor")
    told = [event for event in ready("audit", "search", "--action", "open_sealed", "--json").json if "code" in event]
    assert [(event["resource"], event["code"]) for event in told] == [("user:operator", "seal_broken")]


def test_a_missing_key_of_the_identity_database_is_named_by_every_command_and_ends_no_session(
    ready: Lakewarden,
) -> None:
    given = shown(ready, "auditor")
    earlier(ready, "operator", 2)
    (key,) = (ready.home / "keys").glob("identity-*.key")
    aside = key.rename(ready.home / "aside")
    for ended in (ready("whoami"), ready("users", "list"), ready("whoami"), sign_in(ready, "auditor", *given)):
        assert (ended.code, ended.out, ended.err.count("\n")) == (78, "", 1)
        assert f"{key.name}: expected" in ended.err
    aside.rename(key)
    assert ready("whoami", "--json").json["user"] == "operator"


def test_a_session_whose_key_is_missing_is_left_and_makes_room(ready: Lakewarden) -> None:
    """Sign out, or sign in by another key: nobody is stuck with a token that nothing can read."""
    clock = SteppableClock(datetime.now(UTC).replace(microsecond=0))
    with closing(practice.opened(ready.home, {}, keeper=InMemory(), clock=clock)) as security:
        practice.sit_down(security, "operator")
        with security.identity.database.transaction() as connection:
            connection.execute("UPDATE session SET key_id = '0009-deadbeef'")
        assert practice.sit_down(security, "auditor").user == "auditor"
        (key,) = (ready.home / "keys").glob("identity-*.key")
        aside = key.rename(ready.home / "aside")
        with pytest.raises(KeyUnknown):
            security.seat.leave()
        assert not security.seat.holds_token
        aside.rename(key)


def test_where_no_officer_is_enrolled_yet_every_refusal_says_what_comes_first(lakewarden: Lakewarden) -> None:
    lakewarden.make_production()
    hint = "no officer is enrolled here yet: `lakewarden init --production` goes on with that"
    process, _secret = begin_enrolling(lakewarden, "init", "--production", lines=[PASSWORD])
    process.kill()
    process.communicate(timeout=PATIENCE_S)
    tries = [sign_in(lakewarden, user, "a wrong password", "123456") for user in ("officer", "nobody-here")]
    assert {(ended.code, ended.out, ended.err) for ended in tries} == {(77, "", f"{REFUSED[:-1]}; {hint}\n")}
    for arguments in (["list"], ["add", "kim", "--role", "operator"]):
        ended = lakewarden("users", *arguments)
        assert (ended.code, ended.out, ended.err.count("\n")) == (77, "", 1)
        assert hint in ended.err
    assert enrol(lakewarden, "init", "--production", lines=[PASSWORD]).ended.code == 0
    assert lakewarden("sign-out").code == 0
    assert sign_in(lakewarden, "officer", "a wrong password", "123456").err == REFUSED
    assert hint not in lakewarden("users", "list").err


def test_a_code_is_accepted_once(ready: Lakewarden) -> None:
    given = shown(ready, "operator")
    assert sign_in(ready, "operator", *given).code == 0
    ready("sign-out")
    ended = sign_in(ready, "operator", *given)
    assert (ended.code, ended.out) == (77, "")
    assert "used already" in ended.err


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (b"", 64),
        (b"\n", 77),
        (b"\xff\xfe\n123456\n", 64),
        (b"\x00\x01\x02\n123456\n", 77),
        (b"\x1b[2J\r\n123456\n", 77),
        (b"x" * 1_025 + b"\n123456\n", 64),
        (b"x" * 2_000_000, 64),
        (("語" * 1_025).encode() + b"\n123456\n", 64),
        (("🔑" * 1_024).encode() + b"\n123456\n", 77),
        ("\u0301 \ufdd0".encode() + b"\n123456\n", 77),
    ],
)
def test_odd_passwords_are_refused_in_one_line(ready: Lakewarden, given: bytes, code: int) -> None:
    ended = ready("sign-in", "operator", "--stdin", stdin=given)
    assert (ended.code, ended.out, ended.err.count("\n")) == (code, "", 1)
    assert "\x1b" not in ended.err
    assert "xxxx" not in ended.err


def test_a_password_without_a_code_after_it_is_64(ready: Lakewarden) -> None:
    ended = sign_in(ready, "operator", shown(ready, "operator")[0])
    assert (ended.code, ended.out) == (64, "")
    assert "expected one more line on standard input: code" in ended.err


def test_without_a_terminal_or_stdin_it_says_what_it_needs(ready: Lakewarden) -> None:
    ended = ready("sign-in", "operator")
    assert (ended.code, ended.out) == (64, "")
    assert "--stdin" in ended.err


def test_too_many_tries_are_told_how_long_to_wait_and_what_helps(ready: Lakewarden) -> None:
    now = datetime.now(UTC)
    clock = SteppableClock(now - timedelta(seconds=700))
    with closing(practice.opened(ready.home, {}, keeper=InMemory(), clock=clock)) as security:
        actions = sign_in_actions(security)
        while True:
            try:
                with pytest.raises(SignInRefused):
                    actions.begin("operator", "a wrong password")
            except SignInDelayed as error:
                wait_s = error.retry_after_s or 0.0
                if clock.now() + timedelta(seconds=wait_s) > now + timedelta(seconds=100):
                    break
                clock.advance(wait_s)
    ended = sign_in(ready, "operator", *shown(ready, "operator"))
    assert (ended.code, ended.out, ended.err.count("\n")) == (77, "", 1)
    assert "not tried again for" in ended.err
    assert "--recovery" in ended.err


def test_an_account_enrols_and_its_recovery_codes_are_good_once(ready: Lakewarden) -> None:
    code = add(ready, "new.operator")
    done = enrol(ready, "sign-in", "new.operator", lines=[code, PASSWORD])
    assert done.ended.code == 0, done.ended.err
    assert len(set(done.codes)) == RECOVERY_CODES
    assert ready("whoami", "--json").json["user"] == "new.operator"
    assert sign_in(ready, "new.operator", code, PASSWORD).code == 77, "an enrolment code is good once"
    recovering = ("sign-in", "new.operator", "--recovery", "--stdin")
    given = lines_of(PASSWORD, done.codes[3].lower().replace("-", " "))
    recovered = ready(*recovering, stdin=given)
    assert recovered.code == 0
    assert (
        "lakewarden: 9 recovery codes are left; if the authenticator is lost, `lakewarden account authenticator` sets"
        in recovered.err
    )
    assert ready("whoami", "--json").json["factor"] == "recovery"
    again = ready(*recovering, stdin=given)
    assert (again.code, again.out, again.err.count("\n")) == (77, "", 1)
    assert "take another recovery code next time" in again.err
    unknown = ready("sign-in", "nobody-here", "--recovery", "--stdin", stdin=given)
    assert (unknown.code, unknown.out, unknown.err) == (again.code, again.out, again.err)


def test_the_secret_is_printed_as_one_line_of_text_before_the_code_is_read(ready: Lakewarden) -> None:
    done = enrol(ready, "sign-in", "new.operator", lines=[add(ready, "new.operator"), PASSWORD])
    assert done.ended.code == 0
    assert len(done.secret) == 32
    assert done.secret.isalnum()
    assert "Secret" not in done.ended.out


def test_a_long_password_of_any_script_is_taken_whole(ready: Lakewarden) -> None:
    password = "語彙🔑é 水車小屋 " * 100
    done = enrol(ready, "sign-in", "new.operator", lines=[add(ready, "new.operator"), password])
    assert done.ended.code == 0, done.ended.err
    ready("sign-out")
    next_code = code_of(done.secret, steps_ahead=1)
    assert sign_in(ready, "new.operator", password[:-3], next_code).code == 77
    assert sign_in(ready, "new.operator", password, next_code).code == 0


@pytest.mark.parametrize("password", ["", "short", "qwertyuiop", "new.operator99", "x" * 1_024])
def test_a_weak_password_is_65_says_why_and_leaves_the_enrolment_code_good(ready: Lakewarden, password: str) -> None:
    code = add(ready, "new.operator")
    ended = sign_in(ready, "new.operator", code, password)
    assert (ended.code, ended.out, ended.err.count("\n")) == (65, "", 1)
    assert not password or password not in ended.err
    assert enrol(ready, "sign-in", "new.operator", lines=[code, PASSWORD]).ended.code == 0


def test_after_a_reset_the_password_then_the_enrolment_code_are_asked_for(ready: Lakewarden) -> None:
    password = shown(ready, "operator")[0]
    with closing(practice.opened(ready.home, {}, keeper=InMemory())) as security:
        code = security.accounts.reset("operator", by=SERVICE, now=security.now())
    wrong = sign_in(ready, "operator", password, "7ZK3MQ-0PX5RT-9W2HCD-4FGJVA")
    assert (wrong.code, wrong.out) == (77, "")
    assert "an officer gives another" in wrong.err
    assert sign_in(ready, "operator", code).code == 77, "the code alone is no password"
    done = enrol(ready, "sign-in", "operator", lines=[password, code])
    assert done.ended.code == 0, done.ended.err
    assert ready("whoami").code == 0


def test_a_code_by_mail_signs_in_and_is_named_as_what_it_is(ready: Lakewarden, tmp_path: Path) -> None:
    files = certificate(tmp_path, "localhost")
    password, _ = shown(ready, "operator")
    with mail_server(files) as post:
        ready.environ |= {
            "LAKEWARDEN_SMTP__HOST": "localhost",
            "LAKEWARDEN_SMTP__PORT": str(post.port),
            "LAKEWARDEN_SMTP__FROM": "lakewarden@example.org",
            "SSL_CERT_FILE": str(files[0]),
        }
        with at_terminal(ready, "sign-in", "operator", "--mail") as terminal:
            terminal.wait_for("password (or enrolment code):")
            terminal.press(password, "enter")
            terminal.wait_for("a code was sent to o")
            assert "operator@example.org" not in terminal.text()
            to, text, over_tls = post.received[0]
            assert (to, over_tls) == ("operator@example.org", True)
            code = next(word for word in text.split() if len(word) >= 6 and word.strip(".").isdigit()).strip(".")
            terminal.press(code, "enter")
            terminal.wait_for("signed in as operator")
            assert terminal.wait_exit() == 0
    assert ready("whoami", "--json").json["factor"] == "email"
    assert ready("users", "list").code == 77


def test_a_code_by_mail_without_a_mail_server_is_69(ready: Lakewarden) -> None:
    ended = ready("sign-in", "operator", "--mail", "--stdin", stdin=lines_of(*shown(ready, "operator")))
    assert (ended.code, ended.out, ended.err.count("\n")) == (69, "", 1)
    assert "[smtp]" in ended.err


def test_on_a_terminal_nothing_typed_is_shown_and_a_wrong_code_may_be_given_again(ready: Lakewarden) -> None:
    password, code = shown(ready, "operator")
    with at_terminal(ready, "sign-in", "operator") as terminal:
        terminal.wait_for("password (or enrolment code):")
        terminal.press(password, "enter")
        terminal.wait_for("\ncode:")
        terminal.press("000000", "enter")
        terminal.wait_for("not right, has expired")
        terminal.wait_until(lambda: terminal.text().count("\ncode:") == 2, "the question for another code")
        terminal.press(code, "enter")
        terminal.wait_for("signed in as operator")
        assert terminal.wait_exit() == 0
        received = terminal.received().decode()
        assert not [typed for typed in (password, code, "000000") if typed in received]
    assert ready("whoami").code == 0


@pytest.mark.parametrize("question", ["password (or enrolment code):", "\ncode:"])
def test_ctrl_c_at_a_question_ends_it_with_the_terminal_as_it_was(ready: Lakewarden, question: str) -> None:
    with at_terminal(ready, "sign-in", "operator") as terminal:
        terminal.wait_for("password (or enrolment code):")
        if question == "\ncode:":
            terminal.press(shown(ready, "operator")[0], "enter")
            terminal.wait_for(question)
        terminal.press("ctrl+c")
        assert terminal.wait_exit() == 130
        assert terminal.settings() == terminal.found_settings
        assert "Traceback" not in terminal.text()
    assert ready("whoami").code == 77


def test_a_password_is_changed_with_the_old_one(ready: Lakewarden) -> None:
    password, code = shown(ready, "operator")
    sign_in(ready, "operator", password, code)
    wrong = ready("account", "password", "--stdin", stdin=lines_of("not the old one", PASSWORD))
    assert (wrong.code, wrong.out, wrong.err.count("\n")) == (77, "", 1)
    same = ready("account", "password", "--stdin", stdin=lines_of(password, password))
    assert (same.code, same.out, same.err.count("\n")) == (65, "", 1)
    assert "another than the old one" in same.err
    weak = ready("account", "password", "--stdin", stdin=lines_of(password, "12345678"))
    assert (weak.code, weak.out, weak.err.count("\n")) == (65, "", 1)
    ended = ready("account", "password", "--stdin", stdin=lines_of(password, PASSWORD))
    assert (ended.code, ended.out) == (0, "")
    assert ready("whoami").code == 0, "the session that changed it goes on"
    assert sign_in(ready, "operator", password, "000000").err == REFUSED
    mine = next(one for one in ready("practice", "accounts", "--json").json if one["user"] == "operator")
    assert mine["password"] is None
    assert sign_in(ready, "operator", PASSWORD, mine["code"]).code == 0


def test_new_recovery_codes_replace_the_old(ready: Lakewarden) -> None:
    done = enrol(ready, "sign-in", "new.operator", lines=[add(ready, "new.operator"), PASSWORD])
    fresh = ready("account", "recovery-codes")
    assert fresh.code == 0, fresh.err
    codes = fresh.out.split()
    assert len(set(codes) | set(done.codes)) == 2 * RECOVERY_CODES
    recovering = ("sign-in", "new.operator", "--recovery", "--stdin")
    assert ready(*recovering, stdin=lines_of(PASSWORD, done.codes[0])).code == 77
    assert ready(*recovering, stdin=lines_of(PASSWORD, codes[0])).code == 0


@pytest.mark.parametrize("arguments", [["account", "password", "--stdin"], ["account", "recovery-codes"]])
def test_what_changes_a_sign_in_needs_one(ready: Lakewarden, arguments: list[str]) -> None:
    ended = ready(*arguments, stdin=lines_of("the old password", PASSWORD))
    assert (ended.code, ended.out, ended.err.count("\n")) == (77, "", 1)
    assert "sign-in USER" in ended.err


def earlier(lakewarden: Lakewarden, user: str, minutes: float) -> None:
    """Sign in on the command line as if some minutes ago."""
    clock = SteppableClock(datetime.now(UTC) - timedelta(minutes=minutes))
    with closing(practice.opened(lakewarden.home, lakewarden.environ, clock=clock)) as security:
        practice.sit_down(security, user)


def test_a_factor_that_is_too_old_is_asked_for_again(ready: Lakewarden) -> None:
    earlier(ready, "operator", 11)
    none = ready("account", "recovery-codes")
    assert (none.code, none.out) == (77, "")
    assert "--stdin" in none.err
    wrong = ready("account", "recovery-codes", "--stdin", stdin=b"000000\n")
    assert (wrong.code, wrong.out) == (77, "")
    code = shown(ready, "operator")[1]
    ended = ready("account", "recovery-codes", "--stdin", stdin=f"{code}\n".encode())
    assert ended.code == 0, ended.err
    assert len(ended.out.split()) == RECOVERY_CODES
    assert ready("whoami", "--json").json["factor_age_s"] < 60


def test_on_a_terminal_a_wrong_fresh_code_may_be_given_again(ready: Lakewarden) -> None:
    earlier(ready, "operator", 11)
    with at_terminal(ready, "account", "recovery-codes") as terminal:
        terminal.wait_for("\ncode:")
        terminal.press("000000", "enter")
        terminal.wait_until(lambda: terminal.text().count("\ncode:") == 2, "the question for another code")
        terminal.press(shown(ready, "operator")[1], "enter")
        terminal.wait_for("no longer good")
        assert terminal.wait_exit() == 0


def test_the_actions_say_what_a_session_lacks_as_the_permission_port_does(ready: Lakewarden) -> None:
    clock = SteppableClock(datetime.now(UTC).replace(microsecond=0))
    with closing(practice.opened(ready.home, {}, keeper=InMemory(), clock=clock)) as security:
        actions = sign_in_actions(security)
        lacking: list[Callable[[], object]] = [
            lambda: actions.step_up("123456"), actions.new_recovery_codes, lambda: actions.change_password("a", "b"),
        ]  # fmt: skip
        for action in lacking:
            with pytest.raises(NotSignedIn):
                action()
        practice.sit_down(security, "operator")
        clock.advance(601)
        for action in lacking[1:]:
            with pytest.raises(FreshCodeNeeded):
                action()
        code = practice.account_of(security, "operator").code
        assert code is not None
        assert actions.step_up(code).factor_age_s == 0
        assert len(actions.new_recovery_codes()) == RECOVERY_CODES


def test_to_look_who_is_signed_in_is_no_use_of_the_session(ready: Lakewarden) -> None:
    clock = SteppableClock(datetime.now(UTC).replace(microsecond=0))
    with closing(practice.opened(ready.home, {}, keeper=InMemory(), clock=clock)) as security:
        actions = sign_in_actions(security)
        assert actions.who() is None
        practice.sit_down(security, "operator")
        begun = actions.who()
        clock.advance(300)
        looked, used = actions.who(), actions.touch()
        assert begun is not None
        assert looked is not None
        assert used is not None
        assert looked.expires == begun.expires
        assert used.expires == begun.expires + timedelta(seconds=300)
        assert used.factor_age_s == 300
        clock.advance(900)
        assert actions.who() is None
        assert actions.sign_out() is False


def test_each_step_is_in_the_audit_log_without_what_was_typed(ready: Lakewarden) -> None:
    password, code = shown(ready, "operator")
    sign_in(ready, "operator", "a wrong password", code)
    sign_in(ready, "operator", password, code)
    ready("sign-out")
    with closing(practice.opened(ready.home, {}, keeper=InMemory())) as security:
        found = security.audit.search(Filter(principal="operator")).events
        told = [(one.event.action, one.event.outcome) for one in reversed(found)]
    wanted = [
        ("sign_in", Outcome.REFUSED), ("sign_in", Outcome.INTENT), ("sign_in", Outcome.DONE),
        ("sign_out", Outcome.DONE),
    ]  # fmt: skip
    assert told == wanted
    for path in ready.home.rglob("*"):
        if path.is_file():
            assert not [one for one in (b"a wrong password", password.encode()) if one in path.read_bytes()], path
