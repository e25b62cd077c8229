"""Opening the history: a file that is not ours, damaged or newer is left untouched and named; others are migrated."""

from __future__ import annotations

import os
import random
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from etl.errors import HistoryDamaged, HistoryError, HistoryNewer
from etl.history.database import APPLICATION_ID, Database, parse_stamp, stamp
from tests.conftest import START, Lakewarden, Pipeline


def opened(path: Path) -> Database:
    return Database(path, lock_file=path.parent / "locks" / "etl.db.lock", now=lambda: START)


def files_of(path: Path) -> dict[str, bytes]:
    """The database and whatever SQLite keeps beside it."""
    return {found.name: found.read_bytes() for found in path.parent.glob(path.name + "*")}


def plain(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def test_a_new_history_is_private_current_and_in_wal_mode(tmp_path: Path) -> None:
    path = tmp_path / "new" / "etl.db"
    database = opened(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert database.query("PRAGMA journal_mode") == [("wal",)]
    assert database.query("PRAGMA foreign_keys") == [(1,)]
    assert database.query("PRAGMA application_id") == [(APPLICATION_ID,)]
    ((version,),) = database.query("PRAGMA user_version")
    assert database.query("SELECT max(version), applied_at FROM migration") == [(version, stamp(START))]
    assert database.problems() == []
    database.close()


def test_every_table_is_strict(tmp_path: Path) -> None:
    database = opened(tmp_path / "etl.db")
    loose = database.query("SELECT name FROM pragma_table_list WHERE schema = 'main' AND NOT strict AND type = 'table'")
    assert [name for (name,) in loose if not name.startswith("sqlite_")] == []
    database.close()


def test_an_empty_file_is_a_new_history(tmp_path: Path) -> None:
    (tmp_path / "etl.db").touch()
    database = opened(tmp_path / "etl.db")
    assert database.query("SELECT count(*) FROM run") == [(0,)]
    database.close()


def test_an_old_history_is_migrated_with_its_record(tmp_path: Path) -> None:
    """Version 0 of ours: a file that was marked, but never got its first migration."""
    path = tmp_path / "etl.db"
    connection = plain(path)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("VACUUM")
    connection.close()
    database = opened(path)
    assert database.query("SELECT min(version) FROM migration") == [(1,)]
    assert database.query("SELECT paused FROM scheduler") == [(0,)]
    database.close()


def test_an_older_version_keeps_its_rows_when_it_is_migrated(tmp_path: Path) -> None:
    """Version 1, as the first migration made it, whatever came after."""
    path = tmp_path / "etl.db"
    schema = Path(__file__).parents[2] / "etl" / "history" / "schema" / "001_history.sql"
    connection = plain(path)
    connection.executescript(schema.read_text())
    connection.executescript(
        f"PRAGMA user_version = 1; PRAGMA application_id = {APPLICATION_ID};"
        "INSERT INTO migration VALUES (1, 'history', '2026-01-01T00:00:00.000Z');"
        "INSERT INTO missed_hour VALUES ('openweather', '2026-01-01T00:00:00Z', 'kept', '2026-01-01T00:00:00.000Z');"
    )
    connection.close()
    database = opened(path)
    assert database.query("SELECT reason FROM missed_hour") == [("kept",)]
    assert database.query("PRAGMA journal_mode") == [("wal",)]
    database.close()


def test_a_second_opening_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "etl.db"
    opened(path).close()
    before = files_of(path)
    opened(path).close()
    assert files_of(path) == before


# ---- files that are refused ------------------------------------------------------------


def a_history(path: Path) -> None:
    """A history with some hundred pages."""
    database = opened(path)
    with database.transaction() as sql:
        sql.executemany(
            "INSERT INTO missed_hour VALUES ('openweather', ?, ?, '2026-01-01T00:00:00.000Z')",
            [(f"2026-01-01T{i:06d}", "reason " * 20) for i in range(2000)],
        )
    database.close()


def random_bytes(path: Path) -> None:
    path.write_bytes(random.Random(7).randbytes(50_000))


def a_text(path: Path) -> None:
    path.write_text("to do: move the history away\n" * 100)


def a_stub(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0")


def cut_short(path: Path) -> None:
    a_history(path)
    path.write_bytes(path.read_bytes()[: 4096 * 3 + 100])


def scribbled_schema(path: Path) -> None:
    a_history(path)
    body = bytearray(path.read_bytes())
    body[100:4000] = random.Random(7).randbytes(3900)
    path.write_bytes(body)


def foreign(path: Path) -> None:
    connection = plain(path)
    connection.execute("CREATE TABLE run (theirs TEXT)")
    connection.execute("INSERT INTO run VALUES ('precious')")
    connection.close()


def foreign_with_a_version(path: Path) -> None:
    connection = plain(path)
    connection.execute("PRAGMA user_version = 1")
    connection.execute("CREATE TABLE theirs (x TEXT)")
    connection.close()


def newer(path: Path) -> None:
    opened(path).close()
    connection = plain(path)
    connection.execute("PRAGMA user_version = 999")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


REFUSED = {
    "random bytes": (random_bytes, HistoryDamaged, "damaged"),
    "a text": (a_text, HistoryDamaged, "damaged"),
    "a stub": (a_stub, HistoryDamaged, "damaged"),
    "a scribbled schema": (scribbled_schema, HistoryDamaged, "damaged"),
    "a foreign database": (foreign, HistoryDamaged, "not a Lakewarden run history"),
    "a foreign database with a version": (foreign_with_a_version, HistoryDamaged, "not a Lakewarden run history"),
    "a newer version": (newer, HistoryNewer, "written by a newer Lakewarden"),
}


@pytest.mark.parametrize(("make", "kind", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_refused_file_is_left_untouched(make: object, kind: type[HistoryError], said: str, tmp_path: Path) -> None:
    path = tmp_path / "etl.db"
    assert callable(make)
    make(path)
    before = path.read_bytes()
    with pytest.raises(kind, match=said) as caught:
        opened(path)
    assert path.read_bytes() == before
    assert str(path) in str(caught.value)
    assert "Nothing was changed" in str(caught.value)


@pytest.mark.parametrize("damage", [cut_short], ids=["cut short"])
def test_damage_beyond_the_first_pages_is_found_by_the_check_or_by_use(damage: object, tmp_path: Path) -> None:
    path = tmp_path / "etl.db"
    assert callable(damage)
    damage(path)
    with pytest.raises(HistoryDamaged, match="damaged"):
        use(path)


def use(path: Path) -> None:
    database = opened(path)
    try:
        if problems := database.problems():
            raise HistoryDamaged(f"damaged: {problems[0]}")
        database.query("SELECT * FROM missed_hour")
    finally:
        database.close()


@pytest.mark.parametrize("page", [2, 5, 9, 20, 40])
def test_a_scribbled_page_is_told_in_words_or_harmless(page: int, tmp_path: Path) -> None:
    path = tmp_path / "etl.db"
    a_history(path)
    body = bytearray(path.read_bytes())
    body[page * 4096 : (page + 1) * 4096] = random.Random(page).randbytes(4096)
    path.write_bytes(body)
    with pytest.raises(HistoryDamaged):
        use(path)


@pytest.mark.parametrize(
    ("make", "code"),
    [(random_bytes, 74), (scribbled_schema, 74), (foreign, 74), (newer, 78)],
    ids=["random bytes", "scribbled", "foreign", "newer"],
)
def test_the_command_names_a_refused_history_in_one_line(make: object, code: int, lakewarden: Lakewarden) -> None:
    lakewarden("init")
    path = lakewarden.home / "etl.db"
    assert callable(make)
    make(path)
    before = path.read_bytes()
    for command in (["--run-once"], ["runs"], ["runs", "show", "latest"]):
        ended = lakewarden(*command)
        assert (ended.code, ended.out) == (code, "")
        assert ended.err.count("\n") == 1
        assert str(path) in ended.err
    assert path.read_bytes() == before
    report = lakewarden("doctor", "--json")
    assert report.code == 1
    assert [check["ok"] for check in report.json["checks"] if check["name"] == "history"] == [False]


# ---- disks that refuse ------------------------------------------------------------


def test_a_folder_in_place_of_the_history_is_told(tmp_path: Path) -> None:
    (tmp_path / "etl.db").mkdir()
    with pytest.raises(HistoryError, match="cannot be"):
        opened(tmp_path / "etl.db")


def test_a_workspace_that_cannot_be_written_is_told(lakewarden: Lakewarden) -> None:
    assert lakewarden("init").code == 0
    for path in (lakewarden.home / "locks", lakewarden.home / "logs", lakewarden.home):
        path.chmod(0o500)
    ended = lakewarden("--run-once", ordinary=True)
    lakewarden.home.chmod(0o700)
    assert (ended.code, ended.out) == (74, "")
    assert "etl.db" in ended.err
    assert "Traceback" not in ended.err


def test_a_history_that_can_only_be_read_is_told(lakewarden: Lakewarden) -> None:
    assert lakewarden("--run-once").code == 0
    path = lakewarden.home / "etl.db"
    before = path.read_bytes()
    path.chmod(0o400)
    ended = lakewarden("--run-once", "--now", ordinary=True)
    assert (ended.code, ended.out) == (74, "")
    assert str(path) in ended.err
    assert path.read_bytes() == before


def test_a_full_disk_is_told_and_leaves_a_history_that_opens(lakewarden: Lakewarden) -> None:
    lakewarden("init")
    for largest in (0, 1000, 20_000, 60_000):
        ended = lakewarden("--run-once", "--now", largest_file=largest)
        assert ended.code == 74, (largest, ended)
        assert "Traceback" not in ended.err
        assert "disk" in ended.err or "large" in ended.err
    again = lakewarden("--run-once", "--json")
    assert (again.code, again.json["state"]) == (0, "success")
    use(lakewarden.home / "etl.db")


# ---- transactions ------------------------------------------------------------


def test_a_transaction_that_fails_leaves_nothing(pipeline: Pipeline) -> None:
    def write(then: Callable[[sqlite3.Connection], object]) -> None:
        with pipeline.database.transaction() as sql:
            sql.execute("INSERT INTO missed_hour VALUES ('a', 'b', 'c', 'd')")
            then(sql)

    with pytest.raises(ZeroDivisionError):
        write(lambda _sql: 1 // 0)
    assert pipeline.rows("SELECT count(*) FROM missed_hour") == [(0,)]
    with pytest.raises(HistoryError, match="cannot be used"):
        write(lambda sql: sql.execute("INSERT INTO missed_hour VALUES ('a', 'b', 'c', 'd')"))
    assert pipeline.rows("SELECT count(*) FROM missed_hour") == [(0,)]


def test_a_snapshot_sees_one_state(pipeline: Pipeline) -> None:
    other = pipeline.open_database()
    with pipeline.database.snapshot() as sql:
        assert sql.execute("SELECT count(*) FROM missed_hour").fetchone() == (0,)
        with other.transaction() as writing:
            writing.execute("INSERT INTO missed_hour VALUES ('a', 'b', 'c', 'd')")
        assert sql.execute("SELECT count(*) FROM missed_hour").fetchone() == (0,)
    assert pipeline.rows("SELECT count(*) FROM missed_hour") == [(1,)]


def test_threads_share_a_connection_without_mixing_their_transactions(pipeline: Pipeline) -> None:
    def write(name: str) -> None:
        for i in range(20):
            with pipeline.database.transaction() as sql:
                sql.execute("INSERT INTO missed_hour VALUES (?, ?, '', '')", (name, f"{i:02d}"))
                (count,) = sql.execute("SELECT count(*) FROM missed_hour WHERE source = ?", (name,)).fetchone()
                assert count == i + 1

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pipeline.rows("SELECT count(*) FROM missed_hour") == [(80,)]


def test_processes_that_open_a_new_history_at_once_all_succeed(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from datetime import UTC, datetime\n"
        "from etl.history.database import Database\n"
        "p = Path(sys.argv[1])\n"
        "d = Database(p, lock_file=p.with_name('l'), now=lambda: datetime.now(UTC))\n"
        "assert d.query('SELECT count(*) FROM migration')[0][0] == d.query('PRAGMA user_version')[0][0]\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "etl.db")]
    processes = [subprocess.Popen(command, env=os.environ | {"PYTHONWARNINGS": "ignore"}) for _ in range(6)]
    assert [process.wait(30) for process in processes] == [0] * 6


@given(st.datetimes(timezones=st.just(UTC)), st.integers(-14 * 60, 14 * 60))
def test_stored_instants_sort_as_they_follow_each_other(utc: datetime, offset: int) -> None:
    assume(datetime(2, 1, 1, tzinfo=UTC) < utc < datetime(9999, 1, 1, tzinfo=UTC))
    instant = utc.astimezone(timezone(timedelta(minutes=offset)))
    later = instant + timedelta(milliseconds=1)
    assert stamp(instant) < stamp(later)
    assert parse_stamp(stamp(instant)) == instant.astimezone(UTC).replace(
        microsecond=instant.microsecond // 1000 * 1000
    )
