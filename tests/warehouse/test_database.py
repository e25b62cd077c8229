"""Opening the store: private, migrated once, never harmed, and readers that no writer holds up."""

from __future__ import annotations

import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from tests.warehouse.shop import Shop
from warehouse import database
from warehouse.errors import QueryStopped, StoreBusy, StoreDamaged, StoreError, StoreNewer


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "shop")


def test_a_new_store_is_private_and_has_every_table(shop: Shop) -> None:
    assert stat.S_IMODE(shop.path.stat().st_mode) == 0o600
    assert shop.rows("SELECT version, name FROM migration") == [(1, "supermart")]
    assert shop.rows("PRAGMA journal_mode") == [("wal",)]
    shop.opened()
    assert shop.rows("SELECT count(*) FROM migration") == [(1,)]


def test_a_reader_does_not_make_a_store(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    with pytest.raises(StoreError, match=r"no warehouse .* yet"):
        database.open_warehouse(path, lock_file=tmp_path / "l", now=lambda: pytest.fail("asked"), read_only=True)
    assert not path.exists()


def test_a_read_only_connection_cannot_write(shop: Shop) -> None:
    connection = shop.opened(read_only=True).connect()
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM batch")
    connection.close()


@pytest.mark.parametrize(
    "body", [b"not a database at all, but long enough to be read as one " * 40, b"SQLite format 3\0x"]
)
def test_another_file_is_said_to_be_damaged_and_left_alone(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "warehouse.db"
    path.write_bytes(body)
    with pytest.raises(StoreDamaged, match="Nothing was changed"):
        database.open_warehouse(path, lock_file=tmp_path / "l", now=lambda: pytest.fail("asked"))
    assert path.read_bytes() == body


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE theirs (x)")
    other.close()
    body = path.read_bytes()
    with pytest.raises(StoreDamaged, match="not a Lakewarden warehouse"):
        database.open_warehouse(path, lock_file=tmp_path / "l", now=lambda: pytest.fail("asked"))
    assert path.read_bytes() == body


def test_a_newer_store_is_refused_and_left_alone(shop: Shop) -> None:
    shop.write("PRAGMA user_version = 99")
    with pytest.raises(StoreNewer, match="version 99"):
        shop.opened()
    assert shop.rows("PRAGMA user_version") == [(99,)]


def test_an_error_within_a_transaction_undoes_all_of_it(shop: Shop) -> None:
    def fail() -> None:
        with shop.warehouse.writing() as connection:
            connection.execute("INSERT INTO Store_Table VALUES (1, 'a', 'b', 'c', 'd', 'e')")
            raise ValueError("stop here")

    with pytest.raises(ValueError, match="stop here"):
        fail()
    assert shop.rows("SELECT count(*) FROM Store_Table") == [(0,)]


def test_a_reader_sees_one_state_while_a_writer_commits(shop: Shop) -> None:
    with shop.warehouse.reading() as connection:
        assert connection.execute("SELECT count(*) FROM Store_Table").fetchone() == (0,)
        shop.write("INSERT INTO Store_Table VALUES (1, 'a', 'b', 'c', 'd', 'e')")
        assert connection.execute("SELECT count(*) FROM Store_Table").fetchone() == (0,)
    assert shop.rows("SELECT count(*) FROM Store_Table") == [(1,)]


def test_a_second_writer_that_waits_too_long_is_told_so(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    with shop.warehouse.writing(), pytest.raises(StoreBusy, match="another process"):
        shop.write("DELETE FROM batch")


def test_a_long_statement_ends_when_it_is_asked_to(shop: Shop) -> None:
    stop = threading.Event()
    endless = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    timer = threading.Timer(0.05, stop.set)
    timer.start()

    def write() -> None:
        with shop.warehouse.writing(stop) as connection:
            connection.execute("INSERT INTO Store_Table VALUES (1, 'a', 'b', 'c', 'd', 'e')")
            connection.execute(endless)

    with pytest.raises(QueryStopped, match="nothing was changed"):
        write()
    timer.join()
    assert shop.rows("SELECT count(*) FROM Store_Table") == [(0,)]


def test_the_sources_of_the_schema_are_sound(shop: Shop) -> None:
    assert shop.warehouse.problems() == []
