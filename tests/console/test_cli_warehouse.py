"""`lakewarden warehouse build`, `load`, `refresh` and `check` as an operator or a cron line sees them."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from console.actions.seat import InMemory
from console.settings import load_settings
from console.wiring.security import Security
from security.audit.search import Filter
from security.identity.account import Role
from tests.conftest import Lakewarden, wait_until
from tests.e2e.terminal import Terminal
from tests.practice import opened, prepare
from tests.warehouse.shop import HEADER

GOOD = "900001,20261001,1,1,1,2,3.98"


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    path = tmp_path / "sales.csv"
    path.write_text(f"{','.join(HEADER)}\n{GOOD}\n", encoding="utf-8")
    return path


def build(lakewarden: Lakewarden, rows: int = 500) -> None:
    assert lakewarden("warehouse", "build", "--rows", str(rows), "--until", "2026-10-31").code == 0
    lakewarden.sign_in("operator")


def test_a_build_prints_its_tables_and_what_was_built(lakewarden: Lakewarden) -> None:
    ended = lakewarden("warehouse", "build", "--rows", "700", "--seed", "5", "--until", "2026-10-31", "--json")
    assert ended.code == 0
    assert {key: ended.json[key] for key in ("rows", "seed", "until")} == {
        "rows": 700,
        "seed": 5,
        "until": "2026-10-31",
    }
    assert ended.json["tables"]["Sales_Transactions_Table"] == 700
    lakewarden.sign_in("operator")
    assert lakewarden("warehouse", "check").out == "ok: 23 rules hold on 700 sales\n"
    assert not (lakewarden.home / "warehouse.db").stat().st_mode & 0o077


def test_a_build_is_decided_for_whoever_is_signed_in_and_the_services_where_nobody_is(lakewarden: Lakewarden) -> None:
    words = ("warehouse", "build", "--rows", "500", "--until", "2026-10-31")
    prepare(lakewarden.home)
    assert lakewarden(*words).code == 0
    lakewarden.sign_in("doctor")
    before = (lakewarden.home / "warehouse.db").read_bytes()
    refused = lakewarden(*words, "--json")
    assert (refused.code, refused.out) == (77, "")
    assert "not permitted to doctor: manage_warehouse" in refused.err
    assert (lakewarden.home / "warehouse.db").read_bytes() == before
    assert lakewarden(*words, "--background").code == 0  # the console's own, whoever sits at the command line
    lakewarden.sign_in("operator")
    assert lakewarden(*words).code == 0
    assert lakewarden("sign-out").code == 0
    assert lakewarden(*words).code == 0
    with closing(opened(lakewarden.home, lakewarden.environ)) as security:
        told = security.audit.search(Filter(action="manage_warehouse")).events
    assert [(one.event.principal, one.event.outcome.value) for one in reversed(told)] == [
        ("doctor", "refused"), ("operator", "intent"), ("operator", "done"),
    ]  # fmt: skip


@pytest.mark.parametrize("production", [False, True])
def test_nothing_to_check_or_refresh_is_said_and_nothing_is_made(lakewarden: Lakewarden, production: bool) -> None:
    if production:
        lakewarden.enrol("keeper", Role.OPERATOR)
    else:
        lakewarden.sign_in("operator")
    for command in ("check", "refresh"):
        ended = lakewarden("warehouse", command)
        assert (ended.code, ended.out, ended.err.count("\n")) == (74, "", 1)
        assert "there is no warehouse" in ended.err
        assert ("warehouse build" in ended.err) == (not production)
    assert not list(lakewarden.home.glob("warehouse.db*"))


def test_a_build_in_the_background_tells_lines_and_leaves_what_is_there(lakewarden: Lakewarden) -> None:
    first = lakewarden("warehouse", "build", "--background", "--rows", "800", "--until", "2026-10-31")
    assert (first.code, first.out) == (0, "")
    told = [line.split() for line in first.err.splitlines()]
    assert {(word, whole) for word, _done, whole in told} == {("progress", "800")}
    assert told[-1][1] == "800"
    again = lakewarden("warehouse", "build", "--background", "--rows", "900")
    assert (again.code, again.out, again.err) == (0, "", "")
    lakewarden.sign_in("operator")
    assert lakewarden("warehouse", "check").out == "ok: 23 rules hold on 800 sales\n"


def test_a_production_workspace_is_never_built_over(lakewarden: Lakewarden) -> None:
    lakewarden.make_production()
    ended = lakewarden("warehouse", "build", "--rows", "10")
    assert (ended.code, ended.out, ended.err.count("\n")) == (78, "", 1)
    assert not list(lakewarden.home.glob("warehouse.db*"))


@pytest.mark.parametrize("how", [("build", "--rows", "10"), ("build", "--background"), ("sql", "SELECT 1")])
def test_neither_is_one_that_was_made_a_practice_workspace_by_hand(
    lakewarden: Lakewarden, how: tuple[str, ...]
) -> None:
    lakewarden.make_production()
    with closing(Security(load_settings({"LAKEWARDEN_HOME": str(lakewarden.home)}), {}, InMemory())) as security:
        assert not security.accounts.list()
    config = lakewarden.home / "config.toml"
    config.write_text(config.read_text().replace('mode = "production"', 'mode = "practice"'))
    ended = lakewarden("warehouse", *how)
    if how[0] == "build":
        assert (ended.code, "stays what it was made as" in ended.err) == (78, True), ended
    assert ended.code != 0
    assert not list(lakewarden.home.glob("warehouse.db*"))


def test_a_load_says_what_it_did_and_the_same_again_does_nothing(lakewarden: Lakewarden, sales: Path) -> None:
    build(lakewarden)
    first = lakewarden("warehouse", "load", "--table", "sales_transactions_table", str(sales), "--json")
    assert first.code == 0
    (report,) = first.json["files"]
    assert [report[key] for key in ("read", "new", "changed", "same", "rejected", "rejects_file")] == [
        1,
        1,
        0,
        0,
        0,
        None,
    ]
    again = lakewarden("warehouse", "load", "--table", "Sales_Transactions_Table", str(sales))
    assert (again.code, again.err) == (0, "")
    assert again.out.splitlines()[1].split()[1:6] == ["1", "0", "0", "1", "0"]


def test_a_person_must_say_that_a_build_replaces_what_was_loaded(lakewarden: Lakewarden, sales: Path) -> None:
    build(lakewarden)
    assert lakewarden("warehouse", "load", "--table", "Sales_Transactions_Table", str(sales)).code == 0
    command = [sys.executable, "-m", "console", "warehouse", "build", "--rows", "10"]
    with Terminal(command, environ=lakewarden.environ, columns=200) as refused:
        assert refused.wait_exit() == 64
        told = "1 loaded batch: Sales_Transactions_Table from 'sales.csv' (1); nothing was changed; `--replace`"
        assert told in refused.text()
    assert lakewarden("warehouse", "check").out == "ok: 23 rules hold on 501 sales\n"
    with Terminal([*command, "--replace"], environ=lakewarden.environ) as replaced:
        assert replaced.wait_exit() == 0
    assert lakewarden("warehouse", "build", "--rows", "20").code == 0, "a script means what it says"
    assert lakewarden("warehouse", "check").out == "ok: 23 rules hold on 20 sales\n"


def test_some_rejected_rows_are_1_and_only_rejected_rows_65(lakewarden: Lakewarden, sales: Path) -> None:
    build(lakewarden)
    with sales.open("a", encoding="utf-8") as file:
        file.write("900002,20261001,99999,1,1,2,3.98\n")
    ended = lakewarden("warehouse", "load", "--table", "Sales_Transactions_Table", str(sales))
    assert ended.code == 1
    (rejects,) = (lakewarden.home / "exports").iterdir()
    assert str(rejects) in ended.err
    again = lakewarden("warehouse", "load", "--table", "Sales_Transactions_Table", str(sales))
    assert again.err.endswith(f"lines and reasons are in {rejects}, as an earlier load wrote them\n")
    assert list((lakewarden.home / "exports").iterdir()) == [rejects]
    assert "store_id: expected a row of Store_Table" in rejects.read_text(encoding="utf-8")
    sales.write_text(f"{','.join(HEADER)}\nx,20261001,1,1,1,2,3.98\n", encoding="utf-8")
    assert lakewarden("warehouse", "load", "--table", "Sales_Transactions_Table", str(sales)).code == 65


def test_a_refused_file_does_not_keep_the_next_from_being_loaded(lakewarden: Lakewarden, sales: Path) -> None:
    build(lakewarden)
    bad = sales.with_name("bad.csv")
    bad.write_text("a,b\n1,2\n", encoding="utf-8")
    ended = lakewarden("warehouse", "load", "--table", "Sales_Transactions_Table", str(bad), str(sales), "--json")
    assert ended.code == 1
    assert [file["error"] and file["error"]["kind"] for file in ended.json["files"]] == ["data_refused", None]
    alone = lakewarden("warehouse", "load", "--table", "Sales_Transactions_Table", str(bad))
    assert (alone.code, alone.out, alone.err.count("\n")) == (65, "", 1)


def test_lines_that_a_later_one_supersedes_are_told(lakewarden: Lakewarden, sales: Path) -> None:
    build(lakewarden)
    with sales.open("a", encoding="utf-8") as file:
        file.write("900001,20261001,1,1,1,3,5.97\n900002,20261001,1,1,1,3,5.97\n900002,20261001,1,1,1,3,5.97\n")
    words = ("warehouse", "load", "--table", "Sales_Transactions_Table", str(sales))
    ended = lakewarden(*words)
    assert ended.out.splitlines()[0].split()[1:7] == ["read", "new", "changed", "same", "superseded", "rejected"]
    assert ended.out.splitlines()[1].split()[1:7] == ["4", "2", "0", "1", "1", "0"]
    told = "1 line was superseded by a later line of the same key; the last one counts"
    assert (ended.code, ended.err) == (0, f"lakewarden: {sales}: {told}\n")
    (report,) = lakewarden(*words, "--json").json["files"]
    assert [report[key] for key in ("read", "new", "changed", "same", "superseded", "rejected")] == [4, 0, 0, 3, 1, 0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_load_and_what_became_of_each_file_is_said(
    lakewarden: Lakewarden, sales: Path, number: signal.Signals
) -> None:
    build(lakewarden)
    large = sales.with_name("large.csv")
    with large.open("w", encoding="utf-8") as file:
        file.write(",".join(HEADER) + "\n")
        file.writelines(f"{1_000_000 + n},20261001,1,1,1,2,3.98\n" for n in range(3_000_000))
    before = lakewarden("warehouse", "check").out
    process = lakewarden.start("warehouse", "load", "--table", "Sales_Transactions_Table", str(sales), str(large))
    assert process.stdout is not None
    with closing(sqlite3.connect(f"file:{lakewarden.home}/warehouse.db?mode=ro", uri=True)) as store:
        count = "SELECT count(*) FROM Sales_Transactions_Table"
        wait_until(lambda: store.execute(count).fetchone() == (501,) or process.poll() is not None)
    wait_until(lambda: any((lakewarden.home / "tmp").glob("load-*")) or process.poll() is not None)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (128 + number, b"")
    assert err.decode().splitlines() == [
        f"lakewarden: {large}: stopped; nothing of it was loaded",
        f"lakewarden: loaded before it: {sales}",
    ]
    assert before == "ok: 23 rules hold on 500 sales\n"
    assert lakewarden("warehouse", "check").out == "ok: 23 rules hold on 501 sales\n"


def test_a_sale_of_no_store_is_advised_on_by_what_mends_it(lakewarden: Lakewarden) -> None:
    build(lakewarden)
    with closing(sqlite3.connect(lakewarden.home / "warehouse.db")) as connection:
        connection.execute("UPDATE Sales_Transactions_Table SET store_id = 9999 WHERE transaction_id = 7")
        connection.commit()
    assert lakewarden("warehouse", "refresh").code == 0
    ended = lakewarden("warehouse", "check")
    assert ended.code == 65
    assert ended.out.splitlines()[1].startswith("Sales_Transactions_Table: store_id is in Store_Table  1 ")
    first, second = ended.err.splitlines()
    assert first.startswith("lakewarden: repair: load the rows of the dimension that is named")
    assert second.startswith("lakewarden: then: `lakewarden warehouse refresh`")


@pytest.mark.parametrize(
    "arguments",
    [
        ["warehouse"],
        ["warehouse", "build", "--rows", "0"],
        ["warehouse", "build", "--rows", "many"],
        ["warehouse", "build", "--seed", "-1"],
        ["warehouse", "build", "--until", "31.10.2026"],
        ["warehouse", "load", "x.csv"],
        ["warehouse", "load", "--table", "Sales_Transactions_Table"],
        ["warehouse", "load", "--table", "Monthly_Sales_Aggregate_Table", "x.csv"],
        ["warehouse", "load", "--table", "no such", "x.csv"],
    ],
)
def test_a_command_line_that_cannot_be_is_64(lakewarden: Lakewarden, arguments: list[str]) -> None:
    ended = lakewarden(*arguments)
    assert (ended.code, ended.out, ended.err.count("\n")) == (64, "", 1)


def test_a_wrong_aggregate_is_65_named_and_repaired_by_refresh(lakewarden: Lakewarden) -> None:
    build(lakewarden)
    with sqlite3.connect(lakewarden.home / "warehouse.db") as connection:
        connection.execute(
            "UPDATE Yearly_Sales_Aggregate_Table SET total_sales_cents = total_sales_cents + 1 WHERE year = 2025"
        )
    connection.close()
    ended = lakewarden("warehouse", "check", "--json")
    assert ended.code == 65
    assert [problem["rule"] for problem in ended.json["problems"]] == [
        "Yearly_Sales_Aggregate_Table: equals the facts to the cent"
    ]
    assert ended.json["problems"][0]["examples"][0].startswith("year=2025 store_id=")
    assert lakewarden("warehouse", "check").code == 65
    assert lakewarden("warehouse", "refresh", "--json").json["tables"]["Yearly_Sales_Aggregate_Table"] > 0
    assert lakewarden("warehouse", "check").code == 0


def test_a_damaged_warehouse_is_74_and_one_of_a_newer_version_78(lakewarden: Lakewarden) -> None:
    build(lakewarden)
    path = lakewarden.home / "warehouse.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    newer = lakewarden("warehouse", "check")
    assert (newer.code, newer.out, newer.err.count("\n")) == (78, "", 1)
    path.write_bytes(b"no database" * 1_000)
    damaged = lakewarden("warehouse", "check")
    assert (damaged.code, damaged.out, damaged.err.count("\n")) == (74, "", 1)
    assert lakewarden("--run-once").code == 0


def test_a_signal_ends_a_build_soon_and_nothing_was_changed(lakewarden: Lakewarden) -> None:
    build(lakewarden)
    process = lakewarden.start("warehouse", "build", "--rows", "20000000")
    log = lakewarden.home / "warehouse.db-wal"
    wait_until(lambda: log.exists() and log.stat().st_size > 1_000_000)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (143, b""), err
    assert lakewarden("warehouse", "check").out == "ok: 23 rules hold on 500 sales\n"


def test_a_terminal_sees_progress_and_a_pipe_does_not(lakewarden: Lakewarden) -> None:
    assert "building" not in lakewarden("warehouse", "build", "--rows", "200000").err
    said = _said_to_a_terminal(lakewarden, "warehouse", "build", "--rows", "300000")
    assert b"building [" in said
    assert b"%" in said


def test_the_progress_of_a_file_whose_name_a_terminal_would_obey_is_escaped(
    lakewarden: Lakewarden, sales: Path
) -> None:
    build(lakewarden)
    file = sales.rename(sales.with_name("ev\x1b]0;PWNED\x07il.csv"))
    said = _said_to_a_terminal(lakewarden, "warehouse", "load", "--table", "Sales_Transactions_Table", str(file))
    assert rb"loading ev\x1b]0;PWNED\x07il.csv [" in said
    assert b"\x1b]" not in said


def _said_to_a_terminal(lakewarden: Lakewarden, *words: str) -> bytes:
    """What a command that does its work says on a stderr that is a terminal."""
    leader, follower = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "console", *words],
        env=lakewarden.environ | {"TERM": "xterm"},
        cwd=lakewarden.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=follower,
    )
    os.close(follower)
    said = b""
    try:
        while piece := _read(leader):
            said += piece
    finally:
        process.wait(timeout=30)
        os.close(leader)
    assert process.returncode == 0
    return said


def _read(leader: int) -> bytes:
    try:
        return os.read(leader, 4096)
    except OSError:  # Linux's way of saying that the other end was closed
        return b""
