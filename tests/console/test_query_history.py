"""The history of statements: what it keeps over restarts, kills, and several consoles at once."""

from __future__ import annotations

import json
import multiprocessing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console import query_history
from console.query_history import Entry, Outcome, QueryHistory, matching

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def entry(sql: str, *, minutes: int = 0, outcome: Outcome = Outcome.DONE) -> Entry:
    return Entry(NOON + timedelta(minutes=minutes), sql, "warehouse", outcome, duration_ms=12.5, rows=3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "query_history.jsonl"


def test_everything_of_a_statement_is_there_after_a_restart(path: Path) -> None:
    first = entry("SELECT 1\n  FROM Store_Table -- Ünïcode 🛒 \x1b[31m")
    second = Entry(NOON, "SELEC 1", "weather", Outcome.REFUSED, problem="only one SELECT is permitted")
    QueryHistory(path).add(first)
    QueryHistory(path).add(second)
    assert QueryHistory(path).entries() == [second, first]


def test_nothing_was_run_yet(path: Path) -> None:
    assert QueryHistory(path).entries() == []


def test_only_the_owner_may_read_it(path: Path) -> None:
    path.touch(mode=0o644)
    history = QueryHistory(path)
    history.add(entry("SELECT 1"))
    assert path.stat().st_mode & 0o777 == 0o600
    history.remove(history.entries()[0].id)
    assert path.stat().st_mode & 0o777 == 0o600
    assert {found.stat().st_mode & 0o077 for found in path.parent.iterdir()} == {0}


def test_a_line_that_was_torn_is_passed_over_and_the_next_one_is_whole(path: Path) -> None:
    history = QueryHistory(path)
    history.add(entry("SELECT 1"))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:-20])
    history.add(entry("SELECT 2"))
    assert [found.sql for found in history.entries()] == ["SELECT 2", "SELECT 1"]


@pytest.mark.parametrize(
    "line",
    [b"{}", b"[1, 2]", b"null", b"\xff\xfe", b"not json", b"[" * 20_000, b'{"at": 3, "sql": "SELECT 1"}'],
)
def test_lines_that_are_no_entries_are_passed_over(path: Path, line: bytes) -> None:
    path.write_bytes(line + b"\n")
    history = QueryHistory(path)
    history.add(entry("SELECT 1"))
    assert [found.sql for found in history.entries()] == ["SELECT 1"]


def test_an_entry_whose_fields_have_other_types_is_passed_over(path: Path) -> None:
    history = QueryHistory(path)
    history.add(entry("SELECT 1"))
    document = json.loads(path.read_text())
    for name, value in (("sql", 3), ("rows", "many"), ("outcome", "unknown"), ("database", None)):
        with path.open("a") as file:
            file.write(json.dumps(document | {name: value}) + "\n")
    assert [found.sql for found in history.entries()] == ["SELECT 1"]


def test_one_entry_is_removed_and_all_are_cleared(path: Path) -> None:
    history = QueryHistory(path)
    for number in range(3):
        history.add(entry(f"SELECT {number}"))
    history.remove(history.entries()[1].id)
    assert [found.sql for found in history.entries()] == ["SELECT 2", "SELECT 0"]
    history.clear()
    assert history.entries() == []
    assert b"SELECT" not in path.read_bytes()
    history.add(entry("SELECT 4"))
    assert [found.sql for found in history.entries()] == ["SELECT 4"]


def test_only_the_newest_are_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_history, "MOST_ENTRIES", 20)
    history = QueryHistory(path)
    for number in range(query_history.LOOK_EVERY * 2 + 1):
        history.add(entry(f"SELECT {number}"))
    newest = query_history.LOOK_EVERY * 2
    assert [found.sql for found in history.entries()] == [f"SELECT {newest - ago}" for ago in range(20)]
    assert path.read_bytes().count(b"\n") == 20


def test_the_file_is_bounded_in_bytes_too(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_history, "MOST_BYTES", 30_000)
    history = QueryHistory(path)
    for number in range(query_history.LOOK_EVERY + 1):
        history.add(entry(f"SELECT {number} --{'x' * 2_000}"))
    assert path.stat().st_size < 31_000
    assert history.entries()[0].sql.startswith(f"SELECT {query_history.LOOK_EVERY} ")


def test_a_count_that_came_later_belongs_to_its_statement(path: Path) -> None:
    history = QueryHistory(path)
    begun, later = replace(entry("SELECT 1"), rows=None), entry("SELECT 2", minutes=1)
    for one in (begun, later, replace(begun, rows=700)):
        history.add(one)
    assert history.entries() == [later, replace(begun, rows=700)]
    history.remove(begun.id)
    assert history.entries() == [later]


def test_a_statement_that_is_too_long_is_cut_and_says_so(path: Path) -> None:
    history = QueryHistory(path)
    history.add(entry("SELECT '" + "x" * 200_000 + "'"))
    kept = history.entries()[0].sql
    assert len(kept) < 100_100
    assert kept.endswith("\n-- cut here: the statement had 200,009 characters")


def test_a_search_wants_all_words_anywhere(path: Path) -> None:
    entries = [entry("SELECT store_id FROM Store_Table"), entry("SELECT 1", outcome=Outcome.REFUSED)]
    texts = [(found, found.searchable) for found in entries]
    assert matching(texts, "") == entries
    assert matching(texts, "STORE_table select") == entries[:1]
    assert matching(texts, "refused") == entries[1:]
    assert matching(texts, "store refused") == []


def _add_many(path: Path, name: str, count: int) -> None:
    history = QueryHistory(path)
    for number in range(count):
        history.add(entry(f"SELECT '{name}', {number}"))


def _rewrite_many(path: Path, count: int) -> None:
    history = QueryHistory(path)
    for _ in range(count):
        history.remove("nothing has this id")


def test_several_consoles_lose_nothing_while_one_rewrites(path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    names, count = ("a", "b", "c"), 40
    processes = [context.Process(target=_add_many, args=(path, name, count)) for name in names]
    processes.append(context.Process(target=_rewrite_many, args=(path, 60)))
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    found = QueryHistory(path).entries()
    for name in names:
        own = [one.sql for one in found if f"'{name}'" in one.sql]
        assert own == [f"SELECT '{name}', {number}" for number in reversed(range(count))]
    assert not list(path.parent.glob("*.part"))
