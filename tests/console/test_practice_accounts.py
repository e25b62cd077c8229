"""`lakewarden practice`: the accounts of a practice workspace and what its decisions depend on; nowhere else."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from contextlib import closing
from datetime import UTC, datetime

import pytest

from console.actions.seat import InMemory
from console.wiring.practice import is_prepared
from console.wiring.security_actions import practice_actions, sign_in_actions
from security.errors import PracticeOnly
from security.identity.account import Role
from tests import practice
from tests.conftest import PATIENCE_S, Lakewarden, SteppableClock, wait_until
from tests.console.enrolling import lines_of
from tests.console.test_init_production import opened

MADE_ONCE = "making the practice accounts and made-up patients, once"


@pytest.fixture
def ready(lakewarden: Lakewarden) -> Lakewarden:
    """A practice workspace with its accounts."""
    practice.prepare(lakewarden.home)
    return lakewarden


def test_a_new_workspace_makes_them_once_and_says_so(lakewarden: Lakewarden) -> None:
    first, second = lakewarden("practice", "accounts", "--json"), lakewarden("practice", "accounts", "--json")
    assert (first.code, second.code) == (0, 0), first.err
    assert MADE_ONCE in first.err
    assert MADE_ONCE not in second.err
    assert [one["password"] for one in first.json] == [one["password"] for one in second.json]
    assert {one["role"] for one in first.json} == {role.value for role in Role}


def test_the_first_sign_in_makes_them_too(lakewarden: Lakewarden) -> None:
    ended = lakewarden("sign-in", "operator", "--stdin", stdin=lines_of("a password", "123456"))
    assert (ended.code, ended.out) == (77, "")
    assert MADE_ONCE in ended.err
    with closing(opened(lakewarden.home)) as security:
        assert is_prepared(security)


def test_an_account_signs_in_with_what_is_shown(ready: Lakewarden) -> None:
    for shown in ready("practice", "accounts", "--json").json[:2]:
        ended = ready("sign-in", shown["user"], "--stdin", stdin=lines_of(shown["password"], shown["code"]))
        assert ended.code == 0, ended.err
        assert ready("whoami", "--json").json["user"] == shown["user"]


def test_every_account_signs_in_with_what_is_shown(ready: Lakewarden) -> None:
    with closing(practice.opened(ready.home, {}, keeper=InMemory())) as security:
        actions = sign_in_actions(security)
        for shown in practice_actions(security).accounts():
            assert shown.password is not None
            assert shown.code is not None
            who = actions.answer(actions.begin(shown.account.user, shown.password), shown.code)
            assert (who.user, who.role) == (shown.account.user, shown.account.role.value)


def test_a_code_that_was_used_is_not_shown_again(ready: Lakewarden) -> None:
    clock = SteppableClock(datetime.now(UTC))
    with closing(practice.opened(ready.home, {}, keeper=InMemory(), clock=clock)) as security:
        seen = set()
        for _ in range(2):
            shown = practice.account_of(security, "operator")
            assert shown.code is not None
            seen.add(shown.code)
            practice.sit_down(security, "operator")
        assert len(seen) == 2
        none = practice.account_of(security, "operator")
        assert none.code is None
        clock.advance(none.code_in_s)
        assert practice.account_of(security, "operator").code not in {None, *seen}


def test_as_a_table_they_are_labelled_unmistakably(ready: Lakewarden) -> None:
    ended = ready("practice", "accounts")
    assert ended.code == 0
    assert "PRACTICE" in ended.err
    rows = {line.split()[0]: line.split() for line in ended.out.splitlines()[1:]}
    shown = {one["user"]: one for one in ready("practice", "accounts", "--json").json}
    assert {user: row[2] for user, row in rows.items()} == {user: one["password"] for user, one in shown.items()}


def test_the_facts_are_those_that_decisions_depend_on(ready: Lakewarden) -> None:
    facts = ready("practice", "facts", "--json").json
    assert list(facts) == ["accounts", "patients", "networks"]
    accounts = {one["user"]: one for one in facts["accounts"]}
    assert accounts["doctor-nights"]["shift"] == {"start": "20:00", "end": "08:00", "timezone": "UTC"}
    assert accounts["doctor"]["shift"] == {"start": "08:00", "end": "20:00", "timezone": "UTC"}
    assert {user for user, one in accounts.items() if one["shift"]} == {"doctor", "doctor-nights"}
    assert accounts["data-scientist"]["domain"] == "oncology"
    assert accounts["officer"] == {
        "user": "officer", "role": "officer", "domain": None, "shift": None, "disabled": False,
    }  # fmt: skip
    assert facts["networks"]["127.0.0.0/8"] == "this host"
    assert len(facts["networks"]) == 3
    with closing(practice.opened(ready.home, {}, keeper=InMemory())) as security:
        stored = security.admission.all_facts()
    assert facts["patients"] == [
        {"id": one.patient_id, "assigned": list(one.assigned), "domain": one.domain, "legal_hold": one.legal_hold}
        for one in stored
    ]
    assert {True, False} == {one["legal_hold"] for one in facts["patients"]}
    assert {user for one in facts["patients"] for user in one["assigned"]} == {"doctor", "doctor-nights"}


def test_the_facts_follow_the_configured_networks_and_the_accounts(ready: Lakewarden) -> None:
    env = {"LAKEWARDEN_NETWORKS": '{"10.9.0.0/16": "ward 9"}'}
    assert ready("practice", "facts", "--json", env=env).json["networks"] == {"10.9.0.0/16": "ward 9"}
    ready.sign_in("officer")
    ready("users", "add", "late", "--role", "doctor", "--shift", "22:30-06:15", "--timezone", "Asia/Kathmandu")
    accounts = {one["user"]: one for one in ready("practice", "facts", "--json").json["accounts"]}
    assert accounts["late"]["shift"] == {"start": "22:30", "end": "06:15", "timezone": "Asia/Kathmandu"}
    shown = [one["user"] for one in ready("practice", "accounts", "--json").json]
    assert "late" not in shown, "nobody's own password or code is shown"


def test_the_facts_as_tables_name_accounts_patients_and_networks(ready: Lakewarden) -> None:
    ended = ready("practice", "facts")
    assert ended.code == 0
    assert "20:00-08:00 UTC" in ended.out
    assert "192.168.0.0/16" in ended.out
    assert len(ended.out.splitlines()) > 100


@pytest.mark.parametrize("command", [["accounts"], ["accounts", "--json"], ["facts"], ["facts", "--json"]])
def test_a_production_workspace_has_none(lakewarden: Lakewarden, command: list[str]) -> None:
    lakewarden("init", "--production")
    ended = lakewarden("practice", *command)
    assert (ended.code, ended.out, ended.err.count("\n")) == (78, "", 1)
    with closing(opened(lakewarden.home)) as security:
        with pytest.raises(PracticeOnly):
            practice_actions(security)
        assert security.accounts.list() == []


def test_a_sign_in_makes_no_practice_accounts_in_production(lakewarden: Lakewarden) -> None:
    lakewarden("init", "--production")
    ended = lakewarden("sign-in", "officer", "--stdin", stdin=lines_of("a password", "123456"))
    assert (ended.code, ended.out, ended.err.count("\n")) == (77, "", 1)
    with closing(opened(lakewarden.home)) as security:
        assert security.accounts.list() == []


def test_a_practice_workspace_whose_mode_was_changed_by_hand_shows_nothing(ready: Lakewarden) -> None:
    settings = ready.home / "config.toml"
    settings.write_text(settings.read_text().replace('mode = "practice"', 'mode = "production"'))
    for command in (["practice", "accounts"], ["sign-in", "officer", "--stdin"]):
        ended = ready(*command, stdin=lines_of("a password", "123456"))
        assert (ended.code, ended.out, ended.err.count("\n")) == (78, "", 1)


def test_beside_patients_from_before_there_were_accounts_none_is_made(ready: Lakewarden) -> None:
    for path in (*ready.home.glob("identity.db*"), *ready.home.glob("keys/identity-*"), *ready.home.glob("research*")):
        path.unlink()
    for command in (["practice", "accounts"], ["practice", "facts"], ["sign-in", "officer", "--stdin"]):
        ended = ready(*command, stdin=lines_of("a password", "123456"))
        assert (ended.code, ended.out) == (78, ""), command
        assert "found 420: they may be real. No practice account was made" in ended.err
        assert MADE_ONCE not in ended.err
    with closing(opened(ready.home)) as security:
        assert security.accounts.list() == []


def test_beside_accounts_that_are_not_of_practice_nothing_is_said_to_be_made(ready: Lakewarden) -> None:
    with closing(sqlite3.connect(ready.home / "identity.db")) as connection, connection:
        connection.execute("DELETE FROM practice_password WHERE user <> 'guest'")
        connection.execute("UPDATE account SET practice = 0 WHERE user = 'guest'")
    for path in ready.home.glob("research*"):
        path.unlink()
    ended = ready("practice", "accounts")
    assert (ended.code, ended.out) == (78, "")
    assert "found accounts without any practice password that this program sealed" in ended.err
    assert MADE_ONCE not in ended.err


def test_two_processes_at_once_make_them_once(lakewarden: Lakewarden) -> None:
    lakewarden("init")
    both = [lakewarden.start("practice", "facts", "--json", stdin=subprocess.DEVNULL) for _ in range(2)]
    outs = [process.communicate(timeout=2 * PATIENCE_S)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert outs[0] == outs[1]
    with closing(opened(lakewarden.home)) as security:
        assert len(security.accounts.list()) == 9


@pytest.mark.parametrize("when", ["identity.db", "clinical.db", "research.db"])
def test_killed_while_it_makes_them_it_goes_on_the_next_time(lakewarden: Lakewarden, when: str) -> None:
    lakewarden("init")
    process = lakewarden.start("practice", "facts", "--json", stdin=subprocess.DEVNULL)
    wait_until(lambda: (lakewarden.home / when).exists() or process.poll() is not None)
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE_S)
    ended = lakewarden("practice", "facts", "--json")
    assert ended.code == 0, ended.err
    assert len(ended.json["accounts"]) == 9
    assert len(ended.json["patients"]) > 100
    with closing(opened(lakewarden.home)) as security:
        assert is_prepared(security)
