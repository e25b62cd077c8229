"""Each command asks for its permission: who may, who may not, what is on record; and the service never waits."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from console.settings import load_settings
from console.wiring.pipelines import pipelines
from console.wiring.secrets import secret_store
from console.wiring.warehouse import warehouse_actions
from security.audit.event import Decision, Event, Outcome
from tests import practice
from tests.conftest import Lakewarden
from tests.warehouse.shop import HEADER

NO_GUEST = {"LAKEWARDEN_ACCESS__ALLOW_GUEST": "false"}
SALES = "sales.csv"


@dataclass(frozen=True)
class Case:
    """One command: its action, who may do it and who may not."""

    arguments: tuple[str, ...]
    action: str
    right: str
    wrong: str | None = None  # None: everyone who is signed in may
    guest: bool = False
    stdin: bytes = b""

    def __str__(self) -> str:
        return " ".join(word[:20] for word in self.arguments if not word.startswith("SELECT"))


def views(*arguments: str) -> Case:
    return Case(arguments, "view_pipelines", right="partner", guest=True)


def manages(*arguments: str, stdin: bytes = b"") -> Case:
    return Case(arguments, "manage_schedule", right="operator", wrong="officer", stdin=stdin)


def queries(*arguments: str, right: str = "auditor") -> Case:
    return Case(("warehouse", *arguments), "query_warehouse", right=right, wrong="doctor", guest=True)


def fills(*arguments: str) -> Case:
    return Case(("warehouse", *arguments), "manage_warehouse", right="operator", wrong="data-scientist")


CASES = [
    views("runs"),
    views("runs", "show", "latest"),
    views("cities"),
    views("warehouse", "sql", "SELECT city FROM Weather_Readings", "--database", "weather"),
    manages("cities", "add", "Oslo"),
    manages("cities", "remove", "Bergen"),
    manages("cities", "test", "Oslo"),
    manages("secrets", "set", "smtp_password", stdin=b"a-secret-of-the-mail-server"),
    manages("secrets", "list"),
    manages("secrets", "remove", "openweather_api_key"),
    queries("ask", "revenue-by-category"),
    queries("ask", right="data-scientist"),
    queries("sql", "SELECT count(*) FROM Customer_Table", right="operator"),
    queries("sql", "SELECT count(*) FROM Store_Table", "--engine", "duckdb"),
    queries("diagram", "star", right="data-scientist-cardiology"),
    fills("load", "--table", "Sales_Transactions_Table", SALES),
    fills("refresh"),
    fills("check"),
    fills("publish"),
]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A practice workspace with accounts, a run, two cities, a secret and a small warehouse."""
    home = tmp_path_factory.mktemp("template") / "home"
    practice.prepare(home)
    environ = {"LAKEWARDEN_HOME": str(home)}
    settings = load_settings(environ)
    actions = pipelines(settings, environ)
    actions.add_city("Bergen")
    actions.run_manually(actions.new_manual_request())
    actions.close()
    warehouse_actions(settings).build(rows=300)
    return home


@pytest.fixture
def there(lakewarden: Lakewarden, template: Path) -> Lakewarden:
    shutil.copytree(template, lakewarden.home, dirs_exist_ok=True)
    sales = f"{','.join(HEADER)}\n900001,20261001,1,1,1,2,3.98\n"
    (lakewarden.folder / SALES).write_text(sales, encoding="utf-8")
    environ = lakewarden.environ
    secret_store(load_settings(environ)).set("openweather_api_key", "0f1e2d3c4b5a69788796a5b4c3d2e1f0")
    environ["LAKEWARDEN_WEATHER__SOURCE"] = "practice"
    return lakewarden


def events(lakewarden: Lakewarden, action: str) -> list[Event]:
    """What the audit log has of an action."""
    with closing(practice.opened(lakewarden.home, lakewarden.environ)) as security:
        found = security.audit.tail(after=-1, limit=10_000)
    return [recorded.event for recorded in found if recorded.event.action == action]


def state(home: Path) -> dict[str, bytes]:
    """What a command may change, byte for byte: not the security core, which records that it was refused."""
    names = ("config.toml", "secrets.json", "warehouse.db", "lake", "exports", "etl.db")
    paths = [
        path for name in names for path in ([home / name] if (home / name).is_file() else (home / name).rglob("*"))
    ]
    return {str(path.relative_to(home)): path.read_bytes() for path in paths if path.is_file()}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_command_is_for_whom_the_policies_name(there: Lakewarden, case: Case) -> None:
    before = state(there.home)
    # Nobody: a guest at most.
    nobody = there(*case.arguments, stdin=case.stdin, env=NO_GUEST)
    assert (nobody.code, nobody.out) == (77, "")
    assert f"not signed in: {case.action}" in nobody.err
    guest = there(*case.arguments, stdin=case.stdin)
    assert guest.code == (0 if case.guest else 77), guest.err
    # Somebody whose role may not.
    if case.wrong is not None:
        there.sign_in(case.wrong)
        wrong = there(*case.arguments, stdin=case.stdin)
        assert (wrong.code, wrong.out) == (77, "")
        assert f"not permitted to {case.wrong}: {case.action}" in wrong.err
    assert state(there.home) == before
    # Somebody whose role may.
    there.sign_in(case.right)
    right = there(*case.arguments, stdin=case.stdin)
    assert right.code == 0, right.err
    recorded = events(there, case.action)
    assert [(e.principal, e.outcome) for e in recorded if e.decision is Decision.DENY] == [
        ("guest", Outcome.REFUSED),
        *([] if case.guest else [("guest", Outcome.REFUSED)]),
        *([] if case.wrong is None else [(case.wrong, Outcome.REFUSED)]),
    ]
    uses = [event for event in recorded if event.principal == case.right and event.decision is Decision.ALLOW]
    assert [event.outcome for event in uses[:2]] == [Outcome.INTENT, Outcome.DONE]
    assert uses[0].correlation == uses[1].correlation


def test_a_command_that_fails_is_on_record_as_failed(there: Lakewarden) -> None:
    there.sign_in("operator")
    assert there("secrets", "remove", "smtp_password").code == 64
    assert there("warehouse", "sql", "SELECT nothing FROM nowhere").code == 64
    for action in ("manage_schedule", "query_warehouse"):
        assert [event.outcome for event in events(there, action)] == [Outcome.INTENT, Outcome.FAILED]


def test_no_query_and_no_secret_is_in_the_audit_log(there: Lakewarden) -> None:
    there.sign_in("operator")
    assert there("warehouse", "sql", "SELECT 'needle-in-sql' FROM Store_Table LIMIT 1").code == 0
    assert there("secrets", "set", "smtp_password", stdin=b"needle-in-secret").code == 0
    for path in there.home.glob("audit.db*"):
        assert b"needle" not in path.read_bytes()


# ---- runs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", [["--now"], ["--force"], ["--at", "{hour}"]], ids=lambda flags: flags[0])
def test_a_manual_run_is_decided_for_whoever_is_signed_in(
    there: Lakewarden, flags: list[str], this_hour: datetime
) -> None:
    arguments = ["--run-once", *(flag.format(hour=this_hour.isoformat()) for flag in flags)]
    assert there("--run-once").code == 0
    assert there(*arguments).code == 0  # nobody is signed in: the host's account, which is the service
    assert events(there, "trigger_run") == []
    there.sign_in("auditor")
    before = state(there.home)
    refused = there(*arguments, "--json")
    assert (refused.code, refused.out) == (77, "")
    assert "not permitted to auditor: trigger_run" in refused.err
    assert state(there.home) == before
    assert there("--run-once").code == 0  # the hour's own run is never theirs
    there.sign_in("operator")
    assert there(*arguments).code == 0
    assert [(event.principal, event.outcome) for event in events(there, "trigger_run")] == [
        ("auditor", Outcome.REFUSED),
        ("operator", Outcome.INTENT),
        ("operator", Outcome.DONE),
    ]


def test_after_signing_out_a_manual_run_is_the_services_again(there: Lakewarden) -> None:
    there.sign_in("auditor")
    assert there("--run-once", "--now").code == 77
    with closing(practice.opened(there.home, there.environ)) as security:
        security.sessions.sign_out(security.seat.token, security.source, now=security.now())
    assert there("--run-once", "--now").code == 0


def damaged(home: Path) -> None:
    (home / "audit.db").write_bytes(b"no database" * 1_000)


def tampered(home: Path) -> None:
    with closing(sqlite3.connect(home / "audit.db")) as connection, connection:
        connection.execute("DROP TRIGGER event_stays")
        connection.execute("DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)")


def keyless(home: Path) -> None:
    for key in (home / "keys").glob("audit-*"):
        key.unlink()


def a_folder(home: Path) -> None:
    (home / "audit.db").unlink()
    (home / "audit.db").mkdir()


@pytest.mark.parametrize("damage", [damaged, tampered, keyless, a_folder])
def test_no_hour_is_lost_to_an_audit_log_that_cannot_be_written(
    there: Lakewarden, damage: Callable[[Path], None]
) -> None:
    there.sign_in("operator")
    damage_log(there.home, damage)
    before = len(there("--run-once", "--json").json["cities"])
    assert before == 2
    assert there("doctor").code == 1


@pytest.mark.parametrize("damage", [damaged, tampered, keyless, a_folder])
def test_nothing_that_must_be_recorded_is_done_with_such_a_log(
    there: Lakewarden, damage: Callable[[Path], None]
) -> None:
    there.sign_in("operator")
    damage_log(there.home, damage)
    before = state(there.home)
    for arguments in (
        ["--run-once", "--now"],
        ["cities", "add", "Oslo"],
        ["secrets", "remove", "openweather_api_key"],
        ["warehouse", "build", "--rows", "100"],
        ["warehouse", "refresh"],
        ["warehouse", "sql", "SELECT 1"],
        ["runs"],
    ):
        ended = there(*arguments)
        assert (ended.code, ended.out) == (74, ""), (arguments, ended.err)
        assert "audit" in ended.err
    assert state(there.home) == before


def damage_log(home: Path, damage: Callable[[Path], None]) -> None:
    """Damage the log once nothing of it lies beside the file."""
    with closing(sqlite3.connect(home / "audit.db")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    damage(home)
