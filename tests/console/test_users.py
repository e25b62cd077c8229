"""`lakewarden users`: accounts, for an officer with a fresh factor and for nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from console.actions.permissions import NotSignedIn, PermissionDenied
from console.actions.seat import InMemory
from console.cli.grammar_identity import ROLES
from console.wiring.security_actions import users
from security.audit.event import Kind
from security.audit.search import Filter
from security.errors import AccountRefused
from security.identity.account import AccountChange, NewAccount, Role
from security.identity.codes import read_code
from tests import practice
from tests.conftest import PATIENCE_S, ROOT, Lakewarden, SteppableClock
from tests.console.enrolling import PASSWORD, enrol, lines_of, shown
from tests.e2e.terminal import Terminal

COMMANDS = [
    ["users", "list"],
    ["users", "add", "eve", "--role", "officer"],
    ["users", "change", "auditor", "--role", "officer"],
    ["users", "disable", "auditor"],
    ["users", "enable", "auditor"],
    ["users", "reset-mfa", "auditor"],
    ["users", "reset-mfa", "auditor", "--password"],
]


@pytest.fixture
def office(lakewarden: Lakewarden) -> Lakewarden:
    """A practice workspace at whose command line the officer is signed in."""
    lakewarden.sign_in("officer")
    return lakewarden


def state(lakewarden: Lakewarden, user: str) -> dict[str, object]:
    """The account in the list."""
    listed = lakewarden("users", "list", "--json")
    assert listed.code == 0, listed.err
    return next((one for one in listed.json if one["user"] == user), {})


def as_user(lakewarden: Lakewarden, user: str) -> dict[str, str]:
    """The environment of another terminal, at which that user is signed in."""
    environ = {**lakewarden.environ, "LAKEWARDEN_SESSION": str(lakewarden.folder / f"session-of-{user}")}
    practice.signed_in(lakewarden.home, environ, user)
    return environ


def test_an_account_is_added_with_a_code_that_enrols_it(office: Lakewarden) -> None:
    ended = office(
        "users", "add", "night.doctor", "--role", "doctor", "--email", "night@example.org", "--shift", "20:00-08:00",
        "--timezone", "Europe/London",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    code = ended.out.strip()
    assert read_code(code) is not None
    assert code not in ended.err
    assert state(office, "night.doctor") == {
        "user": "night.doctor", "role": "doctor", "email": "night@example.org", "domain": None,
        "shift": {"start": "20:00", "end": "08:00", "timezone": "Europe/London"},
        "disabled": False, "enrolled": False, "recovery_codes": 0, "practice": False,
    }  # fmt: skip
    done = enrol(office, "sign-in", "night.doctor", lines=[code, PASSWORD])
    assert done.ended.code == 0, done.ended.err
    assert office("whoami", "--json").json["role"] == "doctor"


def test_a_shift_in_a_time_zone_that_the_host_does_not_know_is_shown_and_can_be_mended(
    office: Lakewarden,
) -> None:
    with closing(practice.opened(office.home, office.environ)) as security:
        with security.identity.database.transaction() as connection:
            connection.execute("UPDATE account SET timezone = 'Mars/Base' WHERE user = 'doctor'")
        facts = security.facts.account("doctor")
        assert facts is not None
        assert facts.shift is None
    listed = office("users", "list")
    assert listed.code == 0
    assert "08:00-20:00 Mars/Base" in listed.out
    assert listed.err.startswith("lakewarden: doctor is never on shift: this host does not know the time zone of 08:")
    assert state(office, "doctor")["shift"] is None
    assert office("users", "disable", "auditor").code == 0
    lost = office("users", "change", "doctor", "--email", "d@example.org")
    assert lost.code == 64
    assert "found 08:00-20:00 Mars/Base; give another shift with the change, or none" in lost.err
    assert office("users", "change", "doctor", "--no-shift").code == 0
    with closing(practice.opened(office.home, office.environ)) as security:
        events = [one.event for one in security.audit.tail(after=-1)]
    assert next(event.code for event in reversed(events) if event.action == "change_user") == "shift"
    mended = office("users", "change", "doctor", "--shift", "07:00-19:00", "--timezone", "UTC")
    assert (mended.code, "doctor, 07:00-19:00 UTC" in mended.err) == (0, True)


def test_the_command_knows_every_role() -> None:
    assert set(ROLES) == {role.value for role in Role}


def test_the_list_as_a_table_names_all(office: Lakewarden) -> None:
    office("users", "add", "new.operator", "--role", "operator")
    ended = office("users", "list")
    rows = {line.split()[0]: line for line in ended.out.splitlines()}
    assert len(rows) == 11
    assert "not enrolled" in rows["new.operator"]
    assert "08:00-20:00 UTC" in rows["doctor"]
    assert "oncology" in rows["data-scientist"]


@pytest.mark.parametrize("user", ["auditor", "operator", "doctor", "doctor-nights", "data-scientist", "partner"])
def test_no_other_role_manages_accounts(lakewarden: Lakewarden, user: str) -> None:
    with closing(practice.opened(lakewarden.home, {}, keeper=InMemory())) as security:
        practice.sit_down(security, user)
        actions = users(security)
        for act in (
            actions.list,
            lambda: actions.add(NewAccount("eve", Role.OFFICER)),
            lambda: actions.change("auditor", AccountChange(Role.OFFICER)),
            lambda: actions.disable("auditor"),
            lambda: actions.enable("auditor"),
            lambda: actions.reset("auditor"),
            lambda: actions.reset("auditor", password=True),
        ):
            with pytest.raises(PermissionDenied) as refused:
                act()
            assert not isinstance(refused.value, NotSignedIn)
        assert "eve" not in [one.user for one in security.accounts.list()]
        assert (security.accounts.get("auditor").enrolled, security.accounts.get("auditor").role) == (
            True,
            Role.AUDITOR,
        )


def test_nobody_who_is_not_signed_in_manages_accounts(lakewarden: Lakewarden) -> None:
    practice.prepare(lakewarden.home)
    for command in COMMANDS:
        ended = lakewarden(*command)
        assert (ended.code, ended.out, ended.err.count("\n")) == (77, "", 1)
        assert "sign-in USER" in ended.err


def test_each_asks_for_a_fresh_code_where_the_last_is_too_old(lakewarden: Lakewarden) -> None:
    minutes_ago(lakewarden, 11)
    for command in COMMANDS:
        without = lakewarden(*command)
        assert (without.code, without.out) == (77, "")
        assert "--stdin" in without.err
    wrong = lakewarden("users", "list", "--stdin", stdin=b"000000\n")
    assert (wrong.code, wrong.out) == (77, "")
    code = shown(lakewarden, "officer")[1]
    assert lakewarden("users", "disable", "auditor", "--stdin", stdin=f"{code}\n".encode()).code == 0
    assert state(lakewarden, "auditor")["disabled"] is True


def minutes_ago(lakewarden: Lakewarden, minutes: float) -> None:
    """Sign the officer in on the command line as if some minutes ago."""
    practice.prepare(lakewarden.home)
    clock = SteppableClock(datetime.now(UTC) - timedelta(minutes=minutes))
    with closing(practice.opened(lakewarden.home, lakewarden.environ, clock=clock)) as security:
        practice.sit_down(security, "officer")


def test_on_a_terminal_the_code_is_asked_for(lakewarden: Lakewarden) -> None:
    minutes_ago(lakewarden, 11)
    command = [sys.executable, "-m", "console", "users", "list"]
    with Terminal(command, columns=100, environ={**lakewarden.environ, "PYTHONPATH": str(ROOT)}) as terminal:
        terminal.wait_for("\ncode:")
        terminal.press(shown(lakewarden, "officer")[1], "enter")
        terminal.wait_for("data-scientist-cardiology")
        assert terminal.wait_exit() == 0


def test_a_session_by_recovery_code_or_mail_is_asked_for_the_authenticator(office: Lakewarden) -> None:
    ended = office("account", "recovery-codes")
    password, code = shown(office, "officer")
    recovered = office("sign-in", "officer", "--recovery", "--stdin", stdin=lines_of(password, ended.out.split()[0]))
    assert recovered.code == 0, recovered.err
    assert office("users", "list").code == 77
    assert office("users", "list", "--stdin", stdin=f"{code}\n".encode()).code == 0


def test_disabling_ends_every_session_until_enabled(office: Lakewarden) -> None:
    theirs = as_user(office, "operator")
    assert office("whoami", env=theirs).code == 0
    disabled = office("users", "disable", "operator")
    assert disabled.code == 0
    assert "`lakewarden users enable operator` lets them in again" in disabled.err
    assert state(office, "operator")["disabled"] is True
    assert office("whoami", env=theirs).code == 77
    given = lines_of(*shown(office, "operator"))
    assert office("sign-in", "operator", "--stdin", stdin=given, env=theirs).code == 77
    assert office("users", "enable", "operator").code == 0
    assert office("whoami", env=theirs).code == 77
    assert office("sign-in", "operator", "--stdin", stdin=given, env=theirs).code == 0


def test_a_reset_ends_every_session_and_takes_the_factor(office: Lakewarden) -> None:
    theirs = as_user(office, "operator")
    ended = office("users", "reset-mfa", "operator")
    assert read_code(ended.out.strip()) is not None
    assert office("whoami", env=theirs).code == 77
    assert state(office, "operator")["enrolled"] is False


def test_a_reset_of_the_password_too_lets_the_code_alone_enrol(office: Lakewarden) -> None:
    code = office("users", "reset-mfa", "operator", "--password").out.strip()
    done = enrol(office, "sign-in", "operator", lines=[code, PASSWORD])
    assert done.ended.code == 0, done.ended.err


def test_what_an_account_may_do_is_changed_and_what_is_not_named_stays(office: Lakewarden) -> None:
    office("users", "add", "kim", "--role", "doctor", "--email", "kim@example.org")
    before = state(office, "kim")
    ended = office("users", "change", "kim", "--shift", "20:00-08:00", "--timezone", "Europe/London")
    assert (ended.code, ended.out) == (0, ""), ended.err
    assert ended.err == "lakewarden: kim is now: doctor, 20:00-08:00 Europe/London, kim@example.org\n"
    shift = {"start": "20:00", "end": "08:00", "timezone": "Europe/London"}
    assert state(office, "kim") == {**before, "shift": shift}
    changed = office("users", "change", "kim", "--role", "data_scientist", "--domain", "oncology", "--no-shift")
    assert changed.code == 0
    assert state(office, "kim") == {**before, "role": "data_scientist", "domain": "oncology"}
    assert office("users", "change", "kim", "--email", "", "--domain", "").code == 0
    assert state(office, "kim") == {**before, "role": "data_scientist", "email": None}


def test_a_guest_where_guests_are_not_allowed_is_told_in_a_line(office: Lakewarden) -> None:
    assert office("users", "add", "kim", "--role", "guest").err.count("\n") == 1
    office.environ |= {"LAKEWARDEN_ACCESS__ALLOW_GUEST": "false"}
    for command in (["add", "lee", "--role", "guest"], ["change", "operator", "--role", "guest"]):
        ended = office("users", *command)
        assert (ended.code, ended.err.count("\n")) == (0, 2), ended.err
        assert "as guests are not allowed here: `access.allow_guest = true` in config.toml" in ended.err
        assert f"`lakewarden users change {command[1]} --role operator`" in ended.err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["add", "kim", "--role", "doctor"], "never on shift"),
        (["add", "kim", "--role", "data_scientist"], "no research domain"),
        (["add", "kim", "--role", "doctor", "--shift", "08:00-20:00", "--timezone", "UTC"], ""),
        (["add", "kim", "--role", "data_scientist", "--domain", "oncology"], ""),
        (["add", "kim", "--role", "data_scientist", "--domain", "oncolgy"], "no patient has the domain oncolgy"),
        (["add", "kim", "--role", "operator", "--domain", "oncology"], "domains are of data scientists"),
        (["change", "data-scientist", "--domain", "foo"], "expected one of cardiology,"),
        (["change", "data-scientist", "--role", "auditor"], "domains are of data scientists"),
        (["change", "data-scientist", "--email", "d@example.org"], ""),
        (["add", "kim", "--role", "operator"], ""),
        (["change", "doctor", "--no-shift"], "never on shift"),
        (["change", "operator", "--role", "data_scientist"], "no research domain"),
        (["change", "operator", "--role", "auditor"], ""),
    ],
)
def test_an_account_that_lacks_what_its_role_needs_is_told_in_a_line(
    office: Lakewarden, command: list[str], said: str
) -> None:
    ended = office("users", *command)
    _done, *more = ended.err.splitlines()
    assert (ended.code, len(more)) == (0, 1 if said else 0), ended.err
    assert said in "".join(more)
    assert not said or f"`lakewarden users change {command[1]} --" in more[0]


def test_another_role_ends_the_sessions_and_another_shift_does_not(office: Lakewarden) -> None:
    theirs = as_user(office, "operator")
    shift = ("--shift", "08:00-20:00", "--timezone", "UTC")
    for arguments, code in ((shift, 0), (("--role", "operator"), 0), (("--role", "auditor"), 77)):
        assert office("users", "change", "operator", *arguments).code == 0
        assert office("whoami", env=theirs).code == code, arguments


def test_another_role_decides_at_the_next_sign_in(office: Lakewarden) -> None:
    assert office("users", "change", "operator", "--role", "officer").code == 0
    theirs = as_user(office, "operator")
    assert office("users", "list", env=theirs).code == 0


def test_the_last_officer_who_can_sign_in_keeps_the_role(office: Lakewarden) -> None:
    office("users", "add", "second", "--role", "officer")  # who has not enrolled
    before = state(office, "officer")
    ended = office("users", "change", "officer", "--role", "auditor", "--email", "o@example.org")
    assert (ended.code, ended.out) == (64, "")
    assert "add another officer first" in ended.err
    assert state(office, "officer") == before
    assert office("users", "change", "officer", "--email", "o@example.org").code == 0
    assert office("users", "change", "operator", "--role", "officer").code == 0
    assert office("users", "change", "officer", "--role", "auditor").code == 0
    assert office("whoami").code == 77


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--role", "root"],
        ["--role", "service"],
        ["--shift", "08:00-20:00"],
        ["--timezone", "UTC"],
        ["--no-shift", "--timezone", "UTC"],
        ["--no-shift", "--shift", "08:00-20:00", "--timezone", "UTC"],
        ["--shift", "8-20", "--timezone", "UTC"],
        ["--email", "no address"],
        ["--domain", "Not One"],
    ],
    ids=" ".join,
)
def test_a_change_that_cannot_be_is_64_in_one_line_and_changes_nothing(
    office: Lakewarden, arguments: list[str]
) -> None:
    before = state(office, "doctor")
    ended = office("users", "change", "doctor", *arguments)
    assert (ended.code, ended.out, ended.err.count("\n")) == (64, "", 1)
    assert state(office, "doctor") == before


def test_the_last_officer_who_can_sign_in_is_not_disabled(office: Lakewarden) -> None:
    code = office("users", "add", "second", "--role", "officer").out.strip()
    ended = office("users", "disable", "officer")
    assert (ended.code, ended.out) == (64, "")
    assert "add another officer first" in ended.err
    theirs = {"LAKEWARDEN_SESSION": str(office.folder / "second")}
    before = dict(office.environ)
    office.environ |= theirs
    assert enrol(office, "sign-in", "second", lines=[code, PASSWORD]).ended.code == 0
    assert office("users", "disable", "officer").code == 0
    assert office("users", "disable", "second").code == 64
    office.environ = before
    assert office("whoami").code == 77


@pytest.mark.parametrize("password", [[], ["--password"]], ids=["factor", "factor and password"])
def test_the_last_officer_who_can_sign_in_is_not_reset(office: Lakewarden, password: list[str]) -> None:
    office("users", "add", "second", "--role", "officer")  # who has not enrolled
    before = state(office, "officer")
    ended = office("users", "reset-mfa", "officer", *password)
    assert (ended.code, ended.out, ended.err.count("\n")) == (64, "", 1)
    assert "officer is the only officer who can sign in" in ended.err
    assert "add another officer first" in ended.err
    assert office("whoami").code == 0
    assert state(office, "officer") == before
    assert office("users", "change", "operator", "--role", "officer").code == 0
    assert read_code(office("users", "reset-mfa", "officer", *password).out.strip()) is not None
    assert office("whoami").code == 77


@pytest.mark.parametrize(
    "arguments",
    [
        ["Upper", "--role", "doctor"],
        ["service", "--role", "doctor"],
        ["", "--role", "doctor"],
        ["x" * 33, "--role", "doctor"],
        ["nurse-900-12-3456", "--role", "doctor"],
        ["two words", "--role", "doctor"],
        ["eve", "--role", "root"],
        ["eve"],
        ["eve", "--role", "doctor", "--shift", "08:00-20:00"],
        ["eve", "--role", "doctor", "--timezone", "UTC"],
        ["eve", "--role", "doctor", "--shift", "8-20", "--timezone", "UTC"],
        ["eve", "--role", "doctor", "--shift", "08:00-08:00", "--timezone", "UTC"],
        ["eve", "--role", "doctor", "--shift", "08:00-20:00", "--timezone", "../../etc/passwd"],
        ["eve", "--role", "doctor", "--email", "no address"],
        ["eve", "--role", "data_scientist", "--domain", "Not One"],
    ],
    ids=" ".join,
)
def test_an_account_that_cannot_be_is_64_in_one_line(lakewarden: Lakewarden, arguments: list[str]) -> None:
    ended = lakewarden("users", "add", *arguments)
    assert (ended.code, ended.out, ended.err.count("\n")) == (64, "", 1)
    assert "900-12-3456" not in ended.err


def test_an_account_that_is_there_or_is_not_there_is_64(office: Lakewarden) -> None:
    for command in (
        ["add", "operator", "--role", "operator"],
        ["change", "nobody-here", "--role", "operator"],
        ["disable", "nobody-here"],
        ["enable", "nobody-here"],
        ["reset-mfa", "nobody-here"],
    ):
        ended = office("users", *command)
        assert (ended.code, ended.out, ended.err.count("\n")) == (64, "", 1)


def test_of_two_processes_that_add_the_same_account_one_does(office: Lakewarden) -> None:
    both = [office.start("users", "add", "twin", "--role", "operator", stdin=subprocess.DEVNULL) for _ in range(2)]
    ended = [(process.communicate(timeout=PATIENCE_S), process.returncode) for process in both]
    assert sorted(code for _, code in ended) == [0, 64]
    assert state(office, "twin")["role"] == "operator"


def test_the_enrolment_code_is_nowhere_in_the_workspace(office: Lakewarden) -> None:
    code = office("users", "add", "new.operator", "--role", "operator").out.strip()
    for path in office.home.rglob("*"):
        if path.is_file():
            body = path.read_bytes()
            assert code.encode() not in body, path
            assert code.replace("-", "").encode() not in body, path


def test_what_is_done_and_what_is_refused_is_on_record_with_the_officer(office: Lakewarden) -> None:
    office("users", "add", "new.operator", "--role", "operator")
    office("users", "change", "new.operator", "--role", "doctor", "--shift", "08:00-20:00", "--timezone", "UTC")
    office("users", "change", "new.operator", "--role", "doctor")
    office("users", "disable", "new.operator")
    office("users", "reset-mfa", "new.operator")
    with closing(practice.opened(office.home, office.environ)) as security:
        session = security.seat.session()
        assert session is not None
        found = [one.event for one in security.audit.search(Filter(kind=Kind.USER, principal="officer")).events]
        done = [event for event in reversed(found) if event.resource == "user:new.operator"]
        assert [(event.action, event.code) for event in done] == [
            ("add_user", "operator"), ("change_user", "role-doctor-shift"), ("change_user", "same"),
            ("disable_user", None), ("reset_mfa", None),
        ]  # fmt: skip
        assert {(event.role, event.session, event.address) for event in done} == {("officer", session.ref, "127.0.0.1")}
        assert {event.decision.value for event in found if event.action == "manage_users" and event.decision} == {
            "allow"
        }
        security.seat.leave()
        practice.sit_down(security, "auditor")
        with pytest.raises(PermissionDenied):
            users(security).disable("officer")
        refused = security.audit.search(Filter(action="manage_users", principal="auditor")).events
        assert [one.event.outcome.value for one in refused] == ["refused"]


def test_listing_is_on_record_as_listing(office: Lakewarden) -> None:
    assert office("users", "list").code == 0
    with closing(practice.opened(office.home, office.environ)) as security:
        found = [one.event for one in security.audit.search(Filter(action="manage_users")).events]
        assert [(event.outcome.value, event.code) for event in found] == [("done", "list"), ("intent", "list")]


def test_the_officer_is_kept_by_the_action_itself(office: Lakewarden) -> None:
    with closing(practice.opened(office.home, office.environ)) as security, pytest.raises(AccountRefused):
        users(security).disable("officer")


def test_nothing_is_done_where_it_cannot_be_recorded(office: Lakewarden) -> None:
    """A damaged audit log: no account is added, and the command says so with 74."""
    audit = office.home / "audit.db"
    body = audit.read_bytes()
    audit.write_bytes(os.urandom(len(body)))
    ended = office("users", "add", "unseen", "--role", "officer")
    assert (ended.code, ended.out) == (74, "")
    assert "Traceback" not in ended.err
    for rest in office.home.glob("audit.db-*"):
        rest.unlink()
    audit.write_bytes(body)
    assert state(office, "unseen") == {}
