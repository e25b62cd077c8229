"""Spark answers as SQLite does, to the cent; what would mean something else there is refused, and nothing gets out."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

import pyspark
import pytest

from tests.conftest import Lakewarden, wait_until
from tests.simulators.s3 import unused_endpoint
from tests.warehouse.shop import UNTIL, Shop
from tests.warehouse.spark_java import java_home
from warehouse.engines.spark import SparkEngine
from warehouse.engines.spark_session import SparkSession, check_java, check_master
from warehouse.engines.sqlite import SqliteEngine
from warehouse.errors import DataRefused, EngineMissing, QueryRefused, QueryStopped
from warehouse.governed import Parameters, Source
from warehouse.limits import QueryLimits
from warehouse.models import Answer, Cell
from warehouse.publish import publish, published
from warehouse.questions import Questions, ask

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NOW = datetime(2026, 11, 23, 21, 17, 5, tzinfo=UTC)
PATIENT = QueryLimits(timeout_s=100)
FACTS, PRODUCTS, TIME = "Sales_Transactions_Table", "Product_Table", "Time_Table"
QUESTIONS = Questions(Path("/none")).all()[0]
ENDLESS = (
    f"SELECT COUNT(*) FROM {FACTS} a, {FACTS} b, {FACTS} c, {FACTS} d "
    "WHERE a.quantity_sold + b.quantity_sold < c.quantity_sold + d.quantity_sold"
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.build(rows=3_000)
    publish(shop.warehouse, shop.folder / "published", now=NOW)
    return shop


@pytest.fixture(scope="module")
def java(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return java_home(tmp_path_factory.mktemp("java"))


@pytest.fixture(scope="module")
def session(java: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """One Spark for all tests of a process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_HOME", str(java))
        session = SparkSession("local[2]", scratch_dir=tmp_path_factory.mktemp("spark"))
        yield session
        session.dispose()


@pytest.fixture(scope="module")
def spark(shop: Shop, session: SparkSession) -> SparkEngine:
    found = published(shop.folder / "published")
    assert found is not None
    return SparkEngine(shop.warehouse, found, session, keep_session=True)


@pytest.fixture(scope="module")
def sqlite(shop: Shop) -> Iterator[SqliteEngine]:
    with closing(SqliteEngine(Source("warehouse", shop.path))) as engine:
        yield engine


def same(ours: Answer, base: Answer, *, ordered: bool) -> None:
    """The same names, and the same cells of the same types; a sum of doubles may end in other digits."""
    assert ours.columns == base.columns
    assert len(ours.rows) == len(base.rows)
    pairs = (ours.rows, base.rows) if ordered else (sorted(ours.rows, key=_order), sorted(base.rows, key=_order))
    for mine, theirs in zip(*pairs, strict=True):
        assert all(map(_same, mine, theirs)), (mine, theirs)


def _same(ours: Cell, base: Cell) -> bool:
    if isinstance(ours, float) and isinstance(base, float):
        return math.isclose(ours, base, rel_tol=1e-12, abs_tol=1e-9)
    return type(ours) is type(base) and ours == base


def _order(row: tuple[Cell, ...]) -> list[str]:
    return [f"{cell:.6f}" if isinstance(cell, float) else repr(cell) for cell in row]


@pytest.mark.parametrize("name", QUESTIONS)
@pytest.mark.parametrize(
    "as_of", [None, UNTIL, date(2026, 1, 15), date(2025, 3, 1), date(2024, 7, 4), date(2001, 1, 1)]
)
def test_every_question_has_the_same_answer(
    spark: SparkEngine, sqlite: SqliteEngine, name: str, as_of: date | None
) -> None:
    ours = ask(spark, QUESTIONS[name], as_of=as_of, limits=PATIENT)
    for aggregates in (True, False):
        base = ask(sqlite, QUESTIONS[name], as_of=as_of, aggregates=aggregates)
        assert (ours.columns, ours.rows) == (base.columns, base.rows)
    assert ours.source == (FACTS,)
    assert ours.notes == base.notes


SAME = [
    "SELECT 1, -5, 2.5, 'it''s', NULL, 7 / 2, -7 / 2, 7 / 2.0, 7 % 3, -7 % 3, 1 / 0, 1.0 / 0, 1 % 0, 1e3, .5",
    r"SELECT 'a\b', 'a\\b', '${x}', '%_', 'é', '''', '\n', 'ab' || 'c' || 1 || -2 AS joined",
    "SELECT 3 > 2, 3 = 2, NOT 1, NOT 0, 1 AND 0, 1 OR 0, NULL IS NULL, 2 BETWEEN 1 AND 3, 2 NOT BETWEEN 1 AND 3",
    "SELECT 5 IN (1, 5), 5 NOT IN (1, 5), 1 IS 1, 1 IS NOT 2, NULL IS NOT NULL, NULL IS 1, NULL IS NOT 1, NULL = 1",
    "SELECT MAX(1, 2, 3), MIN(1, NULL, 3), COALESCE(NULL, 4), IFNULL(NULL, 'x'), NULLIF(1, 1), IIF(1 > 2, 3, 4)",
    "SELECT UPPER('straße é'), LOWER('ÀBC'), LENGTH('élan'), SUBSTR('abcdef', 2, 3), SUBSTR('abc', 9), "
    "TRIM('  x '), LTRIM('xxay', 'x'), RTRIM('yaxx', 'x'), REPLACE('a.b.c', '.', '-'), INSTR('abc', 'c'), ABS(-3)",
    r"SELECT 'ABC' LIKE 'a%', 'É' LIKE 'é', 'a\b' LIKE 'A\b', 'a%b' LIKE 'a_b', 'abc' NOT LIKE '%C'",
    "SELECT CAST(2.9 AS INTEGER), CAST(-2.9 AS INTEGER), CAST('12' AS INTEGER), CAST(3 AS REAL), CAST(12 AS TEXT), "
    "CAST('1.25' AS REAL)",
    "SELECT CASE WHEN 1 THEN 'yes' ELSE 'no' END, CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' END, CASE WHEN 0 THEN 1 END",
    f"SELECT COUNT(*), SUM(total_sales_cents), MIN(total_sales_amount), MAX(time_id) FROM {FACTS}",
    f"SELECT quantity_sold / 2, quantity_sold % 3, COUNT(*) FROM {FACTS} GROUP BY 1, 2 ORDER BY 1, 2",
    f"SELECT AVG(quantity_sold), SUM(total_sales_cents) / COUNT(*), SUM(total_sales_cents) / 100.0, "
    f"SUM(quantity_sold) * 1.0 / 7 FROM {FACTS}",
    f"SELECT * FROM {PRODUCTS} ORDER BY product_id LIMIT 20",
    "SELECT * FROM Customer_Table ORDER BY customer_id LIMIT 20",
    "SELECT * FROM Store_Table ORDER BY store_id",
    "SELECT * FROM Supplier_Table ORDER BY supplier_id",
    f"SELECT * FROM {TIME} ORDER BY time_id DESC LIMIT 400 OFFSET 3",
    f"SELECT * FROM main.{FACTS} ORDER BY transaction_id LIMIT 50",
    f"SELECT t.month, SUM(s.total_sales_amount) AS Sum_Of FROM {FACTS} s JOIN {TIME} t ON t.time_id = s.time_id "
    "GROUP BY t.month ORDER BY t.month",
    f"SELECT weekday, is_weekend, COUNT(*) AS n, SUM(quantity_sold) FILTER (WHERE quantity_sold < 0) FROM {FACTS} "
    f"JOIN {TIME} USING (time_id) GROUP BY weekday, is_weekend HAVING n > 1 ORDER BY n DESC, weekday",
    f"SELECT category, COUNT(DISTINCT customer_id), SUM(quantity_sold > 2), SUM(DISTINCT store_id) FROM {FACTS} "
    f"JOIN {PRODUCTS} USING (product_id) WHERE quantity_sold GROUP BY category ORDER BY category",
    f"WITH m AS (SELECT time_id / 100 AS ym, SUM(total_sales_cents) AS cents FROM {FACTS} GROUP BY 1) "
    "SELECT ym, cents, cents - LAG(cents, 1, 0) OVER (ORDER BY ym) AS more, SUM(cents) OVER (ORDER BY ym ROWS BETWEEN "
    "2 PRECEDING AND CURRENT ROW) AS three, RANK() OVER (ORDER BY cents DESC) AS place, NTILE(4) OVER (ORDER BY ym) "
    "FROM m ORDER BY ym",
    f"SELECT region, product_id, n FROM (SELECT region, product_id, COUNT(*) AS n, ROW_NUMBER() OVER (PARTITION BY "
    f"region ORDER BY COUNT(*) DESC, product_id) AS place FROM {FACTS} JOIN Store_Table USING (store_id) "
    "GROUP BY region, product_id) WHERE place <= 3 ORDER BY region, n DESC, product_id",
    f"SELECT product_id, product_name FROM {PRODUCTS} p WHERE NOT EXISTS (SELECT 1 FROM {FACTS} f WHERE "
    "f.product_id = p.product_id) ORDER BY product_id",
    f"SELECT product_id FROM {PRODUCTS} WHERE unit_price > (SELECT AVG(unit_price) FROM {PRODUCTS}) "
    f"AND product_id IN (SELECT product_id FROM {FACTS} WHERE quantity_sold < 0) ORDER BY product_id",
    f"SELECT p.product_id, f.transaction_id FROM {PRODUCTS} p LEFT JOIN {FACTS} f ON f.product_id = p.product_id "
    "AND f.quantity_sold < -1 ORDER BY f.transaction_id, p.product_id LIMIT 60",
    f"SELECT p.product_id, f.transaction_id FROM {PRODUCTS} p LEFT JOIN {FACTS} f ON f.product_id = p.product_id "
    "AND f.quantity_sold < -1 ORDER BY f.transaction_id DESC, p.product_id LIMIT 60",
    f"SELECT year FROM {TIME} UNION SELECT 1999 EXCEPT SELECT 2025 ORDER BY 1",
    f"SELECT year FROM {TIME} UNION SELECT 7 INTERSECT SELECT 7 ORDER BY year",
    f"SELECT product_name, s.supplier_name FROM {PRODUCTS} JOIN Supplier_Table s USING (supplier_id) "
    "WHERE product_name LIKE '%A%' AND category <> 'DAIRY' ORDER BY product_name, product_id",
    "SELECT membership_level AS Level, COUNT(*) FROM Customer_Table GROUP BY membership_level ORDER BY 1",
    "SELECT customer_name, address FROM Customer_Table WHERE customer_name LIKE 'x%' ORDER BY customer_id LIMIT 3",
    "SELECT year, region, product_id, total_sales_cents, total_sales_amount FROM Yearly_Region_Product_Aggregate_Table",
    "SELECT * FROM Monthly_Store_Category_Aggregate_Table ORDER BY year, month_number, store_id, category",
    "SELECT * FROM Monthly_Sales_Aggregate_Table ORDER BY year, month_number, store_id, product_id LIMIT 200",
    "SELECT * FROM Yearly_Sales_Aggregate_Table ORDER BY year, store_id, product_id",
]


def test_what_is_asked_in_sql_has_the_same_answer(spark: SparkEngine, sqlite: SqliteEngine) -> None:
    for sql in SAME:
        ours = spark.answer(sql, limits=PATIENT)
        base = sqlite.answer(sql, aggregates=False, limits=PATIENT)
        try:
            same(ours, base, ordered="ORDER BY" in sql)
        except AssertionError as error:
            raise AssertionError(f"{sql}: {error}") from error


def test_parameters_are_values_whatever_they_hold(spark: SparkEngine, sqlite: SqliteEngine) -> None:
    values: Parameters = {"t": 'O\'Neil \\ ${x} "q" `b` é\n--', "n": -(2**62), "r": -0.125, "none": None}
    sql = "SELECT :t AS t, :n AS n, :r AS r, :none IS NULL AS missing, :n / 7 AS seventh, LENGTH(:t) AS l"
    same(spark.answer(sql, values), sqlite.answer(sql, values), ordered=True)


REFUSED = [
    ("SELECT 1; SELECT 2", "only one statement"),
    ("INSERT INTO Store_Table SELECT * FROM Store_Table", "only one SELECT"),
    ("WITH x AS (SELECT 1) INSERT INTO Store_Table SELECT * FROM x", ""),
    ("CREATE TABLE x AS SELECT 1", "only one SELECT"),
    ("SET spark.sql.ansi.enabled = false", "only one SELECT"),
    ("ADD JAR '/tmp/x.jar'", "only one SELECT"),
    ("SHOW TABLES", "only one SELECT"),
    ("VALUES (1)", "only one SELECT"),
    ("SELECT * FROM parquet.`/etc`", "there is no database 'parquet' at line 1, column 15"),
    ("SELECT * FROM text.[/etc/passwd]", "there is no database 'text'"),
    ("SELECT * FROM `/etc/passwd`", "there is no table"),
    ("SELECT * FROM read_files('/etc/passwd')", "read_files"),
    ("SELECT * FROM range(10)", "not portable"),
    ("SELECT * FROM batch", "there is no table 'batch' at line 1, column 15"),
    ("SELECT * FROM sqlite_master", "there is no table"),
    ("SELECT reflect('java.lang.System', 'exit', 3)", "reflect() is not portable"),
    ("SELECT java_method('java.lang.System', 'exit', 3)", "java_method() is not portable"),
    ("SELECT try_reflect('java.lang.System', 'exit', 3)", "try_reflect() is not portable"),
    ("SELECT input_file_name()", "not portable"),
    ("SELECT current_user()", "not portable"),
    ("SELECT version()", "version() is not portable"),
    ("SELECT date('now')", "use the columns of Time_Table at line 1, column 8"),
    ("SELECT strftime('%Y', date) FROM Time_Table", "use the columns of Time_Table"),
    ("SELECT ROUND(unit_price, 1) FROM Product_Table", "round() rounds halves in another way"),
    ("SELECT group_concat(city) FROM Store_Table", "group_concat() is not portable"),
    ("SELECT city FROM Store_Table WHERE city GLOB 'P*'", "GLOB is not portable"),
    ("SELECT city FROM Store_Table WHERE store_id = '1'", "compares a whole number with text"),
    ("SELECT city + 1 FROM Store_Table", "needs numbers, found text"),
    ("SELECT COALESCE(unit_price, 0) FROM Product_Table", "write 0.0 for 0"),
    ("SELECT unit_price || '' FROM Product_Table", "joins text"),
    ("SELECT year, unit_price FROM Time_Table UNION SELECT 1, 2", "unit_price"),
    ("SELECT store_id FROM Store_Table UNION SELECT city FROM Store_Table", "mixes a whole number with text"),
    ("SELECT * FROM Store_Table NATURAL JOIN Sales_Transactions_Table", "NATURAL"),
    ("WITH RECURSIVE x(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM x) SELECT i FROM x", "recursion"),
    ("SELECT nosuch FROM Store_Table", "'nosuch' could not be resolved at line 1, column 8"),
    ("SELECT city FROM", "the query cannot be read"),
    ("SELECT " + "(" * 3000 + "1" + ")" * 3000, ""),
    ("SELECT " + "1 + " * 4000 + "1", ""),
    ("SELECT '" + "x" * 90_000 + "'", "at most 20,000"),
    ("SELECT /*+ BROADCAST(x) */ * FROM Store_Table TABLESAMPLE (10 PERCENT)", ""),
    ("SELECT zeroblob(1000000000)", "zeroblob() is not portable"),
    ("SELECT 9223372036854775807 + 1", "overflow"),
    ("SELECT :missing", "no value was given"),
    (
        "WITH a AS (SELECT 1 AS n), " + ", ".join(
            f"a{n + 1} AS (SELECT x.n FROM {'a' + str(n) if n else 'a'} x, {'a' + str(n) if n else 'a'} y)"
            for n in range(30)
        ) + " SELECT COUNT(*) FROM a30",
        "too large",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "said"), REFUSED, ids=[sql[:40] for sql, _ in REFUSED])
def test_what_is_not_a_question_to_the_published_tables_is_refused(spark: SparkEngine, sql: str, said: str) -> None:
    with pytest.raises(QueryRefused) as raised:
        spark.answer(sql, limits=PATIENT)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_beyond_its_time_a_query_is_stopped_and_the_next_works(spark: SparkEngine) -> None:
    spark.answer("SELECT 1", limits=PATIENT)  # Spark has started
    started = time.monotonic()
    with pytest.raises(QueryStopped, match=r"longer than 0\.5 s"):
        spark.answer(ENDLESS, limits=QueryLimits(timeout_s=0.5))
    assert time.monotonic() - started < 30
    assert spark.answer("SELECT COUNT(*) FROM Store_Table", limits=PATIENT).rows[0][0] != 0


def test_the_operator_stops_a_query(spark: SparkEngine) -> None:
    spark.answer("SELECT 1", limits=PATIENT)
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    with pytest.raises(QueryStopped, match="cancelled"):
        spark.answer(ENDLESS, limits=PATIENT, stop=stop)
    with pytest.raises(QueryStopped, match="cancelled"):
        spark.answer("SELECT 1", stop=stop)
    assert spark.answer("SELECT 2", limits=PATIENT).rows == [(2,)]


def test_spark_that_died_starts_again(spark: SparkEngine, session: SparkSession) -> None:
    spark.answer("SELECT 1", limits=PATIENT)
    threading.Timer(0.5, session.kill).start()
    with pytest.raises(QueryStopped, match="ended before it had answered"):
        spark.answer(ENDLESS, limits=PATIENT)
    assert spark.answer("SELECT COUNT(*) > 0 FROM Store_Table", limits=PATIENT).rows == [(1,)]


def test_more_rows_than_the_limit_are_said_to_be_there(spark: SparkEngine) -> None:
    answer = spark.answer(f"SELECT transaction_id FROM {FACTS}", limits=QueryLimits(timeout_s=100, rows=7))
    assert (len(answer.rows), answer.truncated) == (7, True)
    answer = spark.answer(f"SELECT transaction_id FROM {FACTS}", limits=QueryLimits(timeout_s=100, rows=0))
    assert (len(answer.rows), answer.truncated) == (3_000, False)


def test_what_was_published_before_a_load_says_so(tmp_path: Path, session: SparkSession) -> None:
    shop = Shop(tmp_path / "shop").with_master_data()
    shop.load_sales((1, 20260201, 1, 1, 1, 2, "3.98"))
    publish(shop.warehouse, tmp_path / "warehouse", now=NOW)
    shop.load_sales((2, 20260201, 1, 1, 1, 2, "3.98"))
    found = published(tmp_path / "warehouse")
    assert found is not None
    answer = SparkEngine(shop.warehouse, found, session, keep_session=True).answer(f"SELECT COUNT(*) FROM {FACTS}")
    assert answer.rows == [(1,)]
    assert "AS PUBLISHED at 2026-11-23T21:17:05" in answer.notes[0]


def test_an_empty_publication_says_what_to_do(tmp_path: Path, session: SparkSession) -> None:
    shop = Shop(tmp_path / "shop").with_master_data()
    publish(shop.warehouse, tmp_path / "warehouse", now=NOW)
    found = published(tmp_path / "warehouse")
    assert found is not None
    said = "what was published at 2026-11-23T21:17:05.* has no sales: "
    with pytest.raises(DataRefused, match=f"{said}load some with `lakewarden warehouse load`, then publish again"):
        SparkEngine(shop.warehouse, found, session, keep_session=True).last_day()
    shop.load_sales((1, 20260201, 1, 1, 1, 2, "3.98"))
    with pytest.raises(DataRefused, match=f"{said}publish again with `lakewarden warehouse publish`"):
        SparkEngine(shop.warehouse, found, session, keep_session=True).last_day()


def test_without_the_package_or_java_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "none"))
    with pytest.raises(EngineMissing, match=r"needs Java 17 or newer, and JAVA_HOME is .*: install Java 17 or newer"):
        SparkSession(scratch_dir=tmp_path)
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EngineMissing, match="no `java` on the PATH"):
        check_java()
    old = tmp_path / "java"
    old.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_392\"' >&2\n", encoding="utf-8")
    old.chmod(0o755)
    with pytest.raises(EngineMissing, match="is Java 8: install Java 17 or newer"):
        check_java()
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(EngineMissing, match=r"pip install '\.\[spark\]'` in Lakewarden's folder, and Java 17"):
        SparkSession(scratch_dir=tmp_path)


@pytest.mark.parametrize("master", ["local", "local[2]", "local[*]", "spark://head.example:7077"])
def test_masters_that_can_be(master: str) -> None:
    assert check_master(master) == master


@pytest.mark.parametrize(
    "master",
    ["", "yarn", "local[0]", "local[x]", "local-cluster[2,1,1024]", "sc://host", "spark://", "spark://h:1 --x"],
)
def test_other_masters_are_refused(master: str) -> None:
    with pytest.raises(QueryRefused, match="expected local"):
        check_master(master)


@contextmanager
def _cluster(java: Path, folder: Path) -> Iterator[str]:
    """The URL of a Spark of its own on loopback: a master and a worker as processes."""
    environ = {**os.environ, "JAVA_HOME": str(java), "SPARK_LOCAL_IP": "127.0.0.1"}
    with ExitStack() as ending:

        def start(name: str, *arguments: str, until: str) -> str:
            program = [str(Path(pyspark.__file__).parent / "bin" / "spark-class"), f"org.apache.spark.deploy.{name}"]
            said = folder / f"{name}.txt"
            with said.open("wb") as file:
                process = subprocess.Popen(
                    [*program, "--host", "127.0.0.1", "--webui-port", "0", *arguments],
                    env=environ, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                )  # fmt: skip
            ending.callback(process.wait)
            ending.callback(process.kill)
            wait_until(lambda: re.search(until, said.read_text()) or process.poll() is not None, timeout_s=100)
            found = re.search(until, said.read_text())
            assert found is not None, said.read_text()
            return found[1]

        master = start("master.Master", "--port", "0", until=r"(spark://127\.0\.0\.1:\d+)")
        work = ("--cores", "1", "--memory", "1g", "--work-dir", str(folder), master)
        yield start("worker.Worker", *work, until=r"registered with master (spark://\S+)")


@pytest.fixture
def command(lakewarden: Lakewarden, java: Path) -> Lakewarden:
    lakewarden.environ |= {"JAVA_HOME": str(java)}
    assert lakewarden("warehouse", "build", "--rows", "2000", "--until", "2026-10-31").code == 0
    lakewarden.sign_in("operator")
    return lakewarden


ON_SPARK = ("--engine", "spark", "--master", "local[2]")


def test_the_command_prints_data_alone(command: Lakewarden) -> None:
    none = command("warehouse", "ask", "revenue-by-category", *ON_SPARK)
    assert (none.code, none.out) == (74, "")
    assert "nothing is published in" in none.err
    assert command("warehouse", "publish").code == 0
    base = json.loads(command("warehouse", "ask", "revenue-by-category", "--json").out)
    how = (*ON_SPARK, "--timeout", "120", "--json")
    ended = command("warehouse", "ask", "revenue-by-category", *how, timeout_s=200)
    assert (ended.code, ended.err) == (0, "")
    ours = json.loads(ended.out)
    assert (ours["columns"], ours["rows"], ours["notes"]) == (base["columns"], base["rows"], base["notes"])
    assert ours["source"] == [FACTS]


def test_an_interrupt_ends_the_command_and_spark(command: Lakewarden) -> None:
    assert command("warehouse", "publish").code == 0
    process = command.start("warehouse", "sql", ENDLESS, *ON_SPARK, "--timeout", "200")
    wait_until(lambda: _sparks(process.pid), timeout_s=100)
    begun = _sparks(process.pid)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=100)
    assert (out, process.returncode) == (b"", 130)
    assert b"Traceback" not in err
    assert not [child for child in begun if Path(f"/proc/{child}").exists()]


def _sparks(process: int) -> list[str]:
    """The processes of Spark that a process has started."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    children = [child for task in tasks for child in _read(task / "children").decode().split()]
    return [child for child in children if b"org.apache.spark" in _read(Path(f"/proc/{child}/cmdline"))]


def _read(file: Path) -> bytes:
    """What the kernel tells of a thread or process; nothing once that has ended."""
    try:
        return file.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def test_a_missing_java_is_one_line_and_its_exit_code(command: Lakewarden, tmp_path: Path) -> None:
    ended = command("warehouse", "sql", "SELECT 1", *ON_SPARK, env={"JAVA_HOME": str(tmp_path)})
    assert (ended.code, ended.out, ended.err.count("\n")) == (78, "", 1)
    assert "Spark needs Java 17 or newer" in ended.err


@pytest.mark.timeout(500)
def test_a_cluster_gives_the_same_answer(command: Lakewarden, java: Path, tmp_path: Path) -> None:
    assert command("warehouse", "publish").code == 0
    base = json.loads(command("warehouse", "ask", "top-products-by-region", "--json").out)
    with _cluster(java, tmp_path) as master:
        how = ("--engine", "spark", "--master", master, "--timeout", "200", "--json")
        local = {"SPARK_LOCAL_IP": "127.0.0.1"}
        ended = command("warehouse", "ask", "top-products-by-region", *how, env=local, timeout_s=300)
    assert (ended.code, ended.err) == (0, "")
    assert json.loads(ended.out)["rows"] == base["rows"]


def test_a_cluster_that_is_not_there_is_told(command: Lakewarden) -> None:
    assert command("warehouse", "publish").code == 0
    address = unused_endpoint().removeprefix("http://")
    ended = command("warehouse", "sql", "SELECT 1", "--engine", "spark", "--master", f"spark://{address}")
    assert (ended.code, ended.out, ended.err.count("\n")) == (74, "", 1)
    assert f"nothing listens at {address}" in ended.err
