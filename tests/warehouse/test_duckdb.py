"""DuckDB as an engine: within limits like SQLite's, without anything but the warehouse's tables, told in words."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.warehouse.shop import Shop
from warehouse.engines.duckdb import DuckdbEngine
from warehouse.engines.duckdb_process import DuckdbProcess
from warehouse.engines.duckdb_worker import LONGEST_ROW, MEMORY_BYTES
from warehouse.engines.sqlite import SqliteEngine, same_rows
from warehouse.errors import QueryRefused, QueryStopped
from warehouse.governed import Source
from warehouse.limits import QueryLimits
from warehouse.models import MASK

SECRET = "a-key-of-the-weather-api"
ENDLESS = "SELECT count(*) FROM range(100000000000) a, range(1000) b WHERE a.range % 7 = b.range"

AS_IN_SQLITE = (
    "SELECT count(*) n FROM Product_Table WHERE product_name LIKE '%A%' AND product_name NOT LIKE '%q%'",
    "SELECT 'Ab' LIKE 'aB', 'É' LIKE 'é', 'x' NOT LIKE 'X', 12 LIKE '1%', NULL LIKE 'a', 'a\\B' LIKE 'A\\b'",
    "SELECT 'a%b' LIKE 'A!%B' ESCAPE '!', 'axb' LIKE 'a!%b' ESCAPE '!', 'ab' NOT LIKE 'A!_' ESCAPE '!'",
    "SELECT 'a%B' LIKE 'Ae%b' ESCAPE 'e', 'aEe' LIKE 'aeeE' ESCAPE 'e', 'a_b' LIKE 'A\\_B' ESCAPE '\\'",
    "SELECT upper('aé'), lower('AÉ'), lower(12), lower(NULL)",
    "SELECT *, store_id+1, count(*) OVER () k, count(*) OVER w FROM Store_Table WINDOW w AS (ORDER BY store_id)",
    "SELECT max(store_id)m, min(store_id), sum( store_id ) AS s, (SELECT 1) t, (SELECT 1) FROM Store_Table",
    "WITH a AS (SELECT 1 AS x) SELECT count(*), x y FROM a GROUP BY x",
    'SELECT CASE WHEN s.store_id = 1 THEN 2 END, CASE 1 WHEN 1 THEN 2 END e, s.store_id, city "c" FROM Store_Table s',
    "SELECT store_id IS NULL, store_id ISNULL, NOT store_id, -store_id, null, 'x', 1, city || 'x' FROM Store_Table",
    "SELECT 1 UNION SELECT 2",
    "SELECT CAST(1.1 AS REAL) a, CAST(1.9 AS INT8) b, CAST('1.9' AS int2) c, -9223372036854775808 d",
    "SELECT count(*) n FROM Store_Table WHERE store_id IN ('1', 2) OR store_id = '3' OR '4' = store_id",
    "SELECT [city], s.[region] r, [s].store_id FROM [Store_Table] s",
    'SELECT [a"b], `c d`, city[1] FROM (SELECT 1 AS [a"b], 2 AS `c d`, city FROM Store_Table)',
    "VALUES (1, 'a'), (2, 'b')",
    "VALUES (1) UNION SELECT 2",
    "SELECT *, column1 + 1 FROM (VALUES (1, (2)), (3, 4)) WHERE column2 IN (VALUES (2), (5))",
    "WITH v AS (VALUES (1, 'a')), w(x) AS (VALUES (7)) SELECT column2, x FROM v, w",
    "SELECT CAST(1.9 AS INTEGER), CAST(-1.9 AS INT), CAST('1.9' AS INTEGER), CAST('12a' AS BIGINT), CAST(' x' AS INT)",
    "SELECT CAST(NULL AS INTEGER), CAST(9223372036854775807 AS INTEGER), CAST(1 = 1 AS INTEGER), CAST(store_id AS INT),"
    " CAST(substr(store_name, 1) AS INTEGER), CAST(CAST('7' AS INTEGER) AS INTEGER) FROM Store_Table",
    "SELECT 0.1 + 0.2 = 0.3, 0x10, 0xffffffffffffffff, 12345678901234567890, 1e3, .5, 5., 7 / 2.",
    "SELECT 1 / 0, 1.0 / 0, 5 % 0, max(coalesce(store_id, 1)), min((1)) FROM Store_Table",
)


def lengthened(times: int) -> str:
    """A text that `||` makes ten times as long at each of some steps."""
    parts = ["t0 AS (SELECT 'x' AS s FROM Time_Table LIMIT 4)"]
    parts += [f"t{n} AS (SELECT {' || '.join(['s'] * 10)} AS s FROM t{n - 1})" for n in range(1, times + 1)]
    return f"WITH {', '.join(parts)} SELECT s FROM t{times}"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.build(rows=300)
    return shop


@pytest.fixture
def engine(shop: Shop, tmp_path: Path) -> Iterator[DuckdbEngine]:
    with closing(DuckdbEngine(shop.warehouse, tmp_path, scratch_dir=shop.scratch)) as engine:
        yield engine


def process_of(engine: DuckdbEngine) -> int:
    engine.answer("SELECT 1")
    assert engine._process is not None
    return engine._process._process.pid


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT repeat('x', 1000000000)", "the function repeat makes texts .* at line 1, column 8"),
        ("SELECT 'x'.repeat(1000000000)", "the function repeat makes texts .* at line 1, column 12"),
        ("SELECT\n  lpad('x', 1000000000, 'y')", "the function lpad .* at line 2, column 3"),
        ("SELECT * FROM duckdb_settings()", "'duckdb_settings' is not for queries at line 1, column 15"),
        ("SELECT * FROM duckdb_tables", "the table 'duckdb_tables' is not for queries at line 1, column 15"),
        ("SELECT * FROM pragma_table_info('Time_Table')", "'pragma_table_info' is not for queries"),
        ("SELECT * FROM pg_catalog.pg_tables", "'pg_catalog' is not for queries"),
        ("SELECT * FROM information_schema.tables", "'information_schema' is not for queries"),
        ("SELECT * FROM sqlite_scan('a.db', 'b')", "'sqlite_scan' is not for queries"),
        ("SELECT * FROM read_csv('/etc/passwd')", "'read_csv' is not for queries at line 1, column 15"),
        ("SELECT * FROM \"read_text\"('/etc/passwd')", "'read_text' is not for queries"),
        ("SELECT * FROM glob('/etc/*')", "'glob' is not for queries"),
        ("SELECT getenv('HOME')", "'getenv' is not for queries"),
        ("SELECT current_setting('memory_limit')", "'current_setting' is not for queries"),
        ("SELECT * FROM query('SELECT 1')", "'query' is not for queries"),
        ("SELECT * FROM '/etc/passwd'", "a file is not for queries: .* at line 1, column 15"),
        ("SELECT * FROM Time_Table, '/etc/passwd.csv'", "is not given here"),
        ('SELECT * FROM "/etc/passwd.csv"', "is not given here|there is no table"),
        ("SELECT nosuch FROM Time_Table", "there is no column nosuch at line 1, column 8"),
        ("SELECT nosuch(1)", "there is no function nosuch at line 1, column 8"),
        ("SELECT 1\nFROM nosuch", "there is no table nosuch at line 2, column 6"),
        ("SELECT 1 FROM Time_Table WHERE year = = 1", "'=' is not expected there at line 1, column 39"),
        ("SELECT 1 FROM Time_Table WHERE", "'WHERE' is not expected there at line 1, column 26"),
        ("SELECT max((1), 2)", "max of several values is another function here: write greatest at line 1, column 8"),
        ("SELECT 1,\n :x", "the statement asks for :x at line 2, column 2: save it as a question"),
        ("SELECT 1 WHERE 'a' = ?1", r"asks for \?1 at line 1, column 22: save it, as :name in place of \?1, as"),
        ("SELECT CAST('a' AS DATE)", "SQLite knows no type 'DATE' and casts to another: .* column 20"),
        ("SELECT\n '10' = 10", "^'10' = 10 compares text with a number, where .* --engine sqlite at line 2, column 2$"),
        ("SELECT 1 FROM Store_Table s WHERE s.store_id IN ('x', 4)", r"^store_id IN \('x', 4\) compares a number with"),
        ("SELECT 1 FROM Store_Table WHERE city BETWEEN 1 AND 2", "city BETWEEN 1 AND 2 compares text with a number"),
        ("SELECT CASE 1 WHEN '1' THEN 2 END", "CASE 1 WHEN '1' THEN 2 END compares a number with text"),
        ("SELECT nullif('1', 1), 2", r"NULLIF\('1', 1\) compares text with a number, .* at line 1, column 8"),
        ("SELECT 1 FROM Store_Table a JOIN Time_Table b ON a.store_id = b.date", "store_id = date compares a number"),
        ("WITH c AS (SELECT city AS n FROM Store_Table) SELECT 1 FROM c WHERE n = 1", "n = 1 compares text with a"),
        ("SELECT 1 WHERE 1 IN (SELECT city FROM Store_Table)", "compares a number with text"),
        ("SELECT x'41' = 'A'", "compares bytes with text"),
        ("SELECT (1, 2) IN (SELECT store_id, city FROM Store_Table)", "compares a number with text"),
        ("SELECT nosuch, '10' = 10 FROM Store_Table", "'10' = 10 compares text with a number"),
        ("SELECT (1 = 1) = '1'", "compares a number with text"),
        ("SELECT 1 UNION SELECT '1'", "mixes a number with text"),
        ("SELECT coalesce(store_id, 'none') FROM Store_Table", "mixes a number with text"),
        ("SELECT 5.5 % 2", "5.5 % 2 has a number with a point, where this engine and SQLite differ"),
        ("SELECT CAST(1 / 3.0 AS TEXT)", "makes text of a number with a point"),
        ("SELECT unit_price || 'x' FROM Product_Table", "makes text of a number with a point"),
        ("SELECT round(2.675, 2)", "round is another function here: use --engine sqlite at line 1, column 8"),
        ("SELECT 1 FROM Store_Table WHERE store_id + 0 = '3'", "compares a number with text"),
        ("SELECT random()", "random is another function here: use --engine sqlite at line 1, column 8"),
        ("SELECT [1, 2]", "there is no column 1, 2"),
        ("SELECT " + "1, " * 3_000 + "1", "6,002 words and signs; at most 5,000 .* --engine sqlite"),
        ("WITH x AS (SELECT 1) INSERT INTO Time_Table SELECT 1", "only one SELECT is permitted|cannot carry out"),
    ],
)
def test_what_is_not_of_the_warehouse_is_refused_in_one_line_at_its_place(
    engine: DuckdbEngine, sql: str, message: str
) -> None:
    with pytest.raises(QueryRefused, match=message) as refused:
        engine.answer(sql)
    said = str(refused.value)
    assert "\n" not in said
    assert not any(word in said.lower() for word in ("extension", "install", "autoload", "permission error", "config"))
    assert engine.answer("SELECT count(*) FROM Store_Table").rows == [(200,)]


def test_names_that_only_look_like_the_engines_own_are_taken(engine: DuckdbEngine) -> None:
    found = engine.answer("SELECT count(*) AS read_count, 'read_csv(' AS query, 2 AS repeat FROM Store_Table")
    assert found.rows == [(200, "read_csv(", 2)]


@pytest.mark.parametrize(
    "sql",
    [
        lengthened(9),
        "SELECT list(a.time_id || '-' || b.time_id) FROM Time_Table a, Time_Table b, Time_Table c",
        f"SELECT length(replace('{'x' * 10_000}', 'x', '{'y' * 50_000}')) FROM Time_Table",
    ],
)
def test_a_query_that_needs_much_memory_is_stopped_and_the_next_one_works(engine: DuckdbEngine, sql: str) -> None:
    with pytest.raises(QueryStopped, match="more memory than one may use"):
        engine.answer(sql, limits=QueryLimits(timeout_s=60))
    assert engine.answer("SELECT count(*) FROM Store_Table").rows == [(200,)]


def test_the_system_bounds_the_memory_of_the_process(engine: DuckdbEngine) -> None:
    assert resource.prlimit(process_of(engine), resource.RLIMIT_DATA) == (MEMORY_BYTES, MEMORY_BYTES)


def test_a_row_that_is_too_long_is_refused_before_it_is_shown(engine: DuckdbEngine) -> None:
    with pytest.raises(QueryRefused, match=f"a row has {10 * LONGEST_ROW:,} bytes, and one may have {LONGEST_ROW:,}"):
        engine.answer(lengthened(7))
    with pytest.raises(QueryRefused, match="and one may have"):
        engine.answer(lengthened(6).replace("SELECT s FROM t6", "SELECT encode(s || 'x') FROM t6"))
    with pytest.raises(QueryRefused, match="and one may have"):
        engine.answer(lengthened(5).replace("SELECT s FROM t5", f"SELECT {', '.join(['s'] * 11)} FROM t5"))
    assert len(str(engine.answer(lengthened(6)).rows[0][0])) == LONGEST_ROW


def test_an_answer_that_is_too_large_is_stopped(engine: DuckdbEngine) -> None:
    many = f"WITH t AS ({lengthened(5)}) SELECT a.s FROM t a, Time_Table b"
    with pytest.raises(QueryStopped, match="more than 256 MB"):
        engine.answer(many, limits=QueryLimits(rows=0))


def test_a_query_ends_at_its_time_limit_and_the_next_one_works(engine: DuckdbEngine) -> None:
    started = time.monotonic()
    with pytest.raises(QueryStopped, match=r"longer than 0\.3 s"):
        engine.answer(ENDLESS, limits=QueryLimits(timeout_s=0.3))
    assert time.monotonic() - started < 5
    assert engine.answer("SELECT count(*) FROM Store_Table").rows == [(200,)]


def test_a_query_is_cancelled_from_another_thread(engine: DuckdbEngine) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            engine.answer(ENDLESS)
        except QueryStopped as error:
            errors.append(error)

    process_of(engine)
    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: engine._deadline is not None)
    while thread.is_alive():  # the tables are made first, under a deadline of their own
        engine.cancel()
        thread.join(0.05)
    assert "cancelled" in str(errors[0])


def test_the_process_knows_no_secret_of_this_one(monkeypatch: pytest.MonkeyPatch, engine: DuckdbEngine) -> None:
    monkeypatch.setenv("OPENWEATHER_API_KEY", SECRET)
    environ = Path(f"/proc/{process_of(engine)}/environ").read_bytes()
    assert SECRET.encode() not in environ
    assert b"HOME" not in environ


def test_the_process_ends_with_whoever_started_it() -> None:
    process = DuckdbProcess()._process
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(b'{"run": "%s", "values": {}, "rows": 1}\n' % ENDLESS.encode())
    process.stdin.close()
    assert process.wait(20) == 0
    process.stdout.close()


def test_closing_leaves_no_process(shop: Shop, tmp_path: Path) -> None:
    engine = DuckdbEngine(shop.warehouse, tmp_path, scratch_dir=shop.scratch)
    pid = process_of(engine)
    engine.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_cells_are_those_of_sqlite_and_customers_are_masked(engine: DuckdbEngine) -> None:
    sql = """SELECT true, 1.50, 7 / 2, NULL, 'ä', CAST('\\xAB' AS BLOB), DATE '2026-01-31', list_value(1, 2),
        CAST('nan' AS DOUBLE)"""
    (row,) = engine.answer(sql).rows
    assert row[:8] == (1, 1.5, 3, None, "ä", b"\xab", "2026-01-31", "[1, 2]")
    assert row[8] != row[8]
    assert engine.answer("SELECT DISTINCT customer_name, address FROM Customer_Table").rows == [(MASK, MASK)]
    found = engine.answer("SELECT store_id FROM Store_Table ORDER BY 1", limits=QueryLimits(rows=3))
    assert (found.rows, found.truncated) == ([(1,), (2,), (3,)], True)
    assert engine.answer("SELECT :n + 1, [n] FROM (SELECT 5 AS [n])", {"n": 2}).rows == [(3, 5)]
    assert engine.answer("SELECT 1 FROM Store_Table WHERE store_id = :n", {"n": "3"}).rows == [(1,)]
    with pytest.raises(QueryRefused, match="store_id = 'x' compares a number with text"):
        engine.answer("SELECT 1 FROM Store_Table WHERE store_id = :n", {"n": "x"})


def test_names_that_stand_for_each_other_are_read_in_no_time(engine: DuckdbEngine) -> None:
    links = ", ".join(f"x{n} + x{n} AS x{n + 1}" for n in range(40))
    started_s = time.process_time()
    with suppress(QueryRefused, QueryStopped):
        engine.answer(f"SELECT 1 AS x0, {links}", limits=QueryLimits(timeout_s=5))
    assert time.process_time() - started_s < 10


def test_letters_and_names_of_columns_are_those_of_sqlite(shop: Shop, engine: DuckdbEngine) -> None:
    with closing(SqliteEngine(Source("warehouse", shop.path))) as sqlite:
        for sql in AS_IN_SQLITE:
            found, wanted = engine.answer(sql), sqlite.answer(sql, aggregates=False)
            assert found.columns == wanted.columns
            assert same_rows(found, wanted), sql
