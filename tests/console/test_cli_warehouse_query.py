"""`lakewarden warehouse ask`, `sql`, `diagram` and `publish` as an operator or a script sees them."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import signal
from pathlib import Path

import pytest

from security.identity.account import Role
from tests.command_server import CommandServer
from tests.conftest import Lakewarden, wait_until
from tests.console.test_headless_imports import loaded
from tests.simulators.weather_api import WeatherApiSimulator
from warehouse.publish import published_mark

FACTS = "Sales_Transactions_Table"
ENDLESS = "WITH RECURSIVE x(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM x) SELECT MAX(i) FROM x"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, command_server: CommandServer) -> Path:
    """A workspace with a small warehouse."""
    folder = tmp_path_factory.mktemp("shop")
    made = Lakewarden(folder / "home", folder, command_server)
    assert made("warehouse", "build", "--rows", "2000", "--until", "2026-10-31").code == 0
    return made.home


@pytest.fixture
def shop(lakewarden: Lakewarden, built: Path) -> Lakewarden:
    shutil.copytree(built, lakewarden.home, dirs_exist_ok=True)
    return lakewarden


def ask(lakewarden: Lakewarden, *arguments: str) -> dict[str, object]:
    ended = lakewarden("warehouse", *arguments, "--json")
    assert (ended.code, ended.err) == (0, "")
    found: dict[str, object] = json.loads(ended.out)
    return found


@pytest.mark.parametrize("name", ["top-store-last-month", "top-products-by-region", "revenue-by-category"])
def test_a_question_is_answered_the_same_from_aggregates_facts_and_duckdb(shop: Lakewarden, name: str) -> None:
    answer = ask(shop, "ask", name)
    assert set(answer) == {"columns", "rows", "truncated", "source", "elapsed_ms", "notes"}
    assert answer["notes"] == ["as of 2026-10-31 (the last day with sales)"]
    assert answer["source"] != [FACTS]
    assert answer["rows"]
    for more in (["--no-aggregates"], ["--engine", "duckdb"]):
        other = ask(shop, "ask", name, *more)
        assert (other["rows"], other["columns"], other["source"]) == (answer["rows"], answer["columns"], [FACTS])
    assert ask(shop, "ask", name, "--as-of", "2001-01-01")["rows"] == []


def test_money_has_two_decimals_in_every_form(shop: Lakewarden) -> None:
    sql = "SELECT -0.1 AS total_sales_amount, 7 AS unit_price, 0.125 AS share, NULL AS n, '=1+1' AS '=t'"
    out = shop("warehouse", "sql", sql, "--json").out
    assert '[-0.10, 7.00, 0.125, null, "=1+1"]' in out
    rows = list(csv.reader(io.StringIO(shop("warehouse", "sql", sql, "--csv").out)))
    assert rows == [["total_sales_amount", "unit_price", "share", "n", "'=t"], ["-0.10", "7.00", "0.125", "", "'=1+1"]]
    assert "-0.10" in shop("warehouse", "sql", sql).out


@pytest.mark.parametrize("engine", ["sqlite", "duckdb"])
def test_money_of_any_name_has_two_decimals_in_every_form(shop: Lakewarden, engine: str) -> None:
    shop_sums = f"SELECT 20 * count(*) AS n, sum(total_sales_amount) AS r, 20.5 AS revenue, 7 AS x FROM {FACTS}"
    run = ("warehouse", "sql", shop_sums, "--engine", engine)
    row = shop(*run, "--json").json["rows"][0]
    money = f"{row[1]:.2f}"
    assert f"[40000, {money}, 20.50, 7]" in shop(*run, "--json").out
    rows = list(csv.reader(io.StringIO(shop(*run, "--csv").out)))
    assert rows[1] == ["40000", money, "20.50", "7"]
    assert shop(*run).out.splitlines()[1].split() == ["40000", money, "20.50", "7"]


def test_a_mean_of_money_reads_the_same_from_an_aggregate_and_from_the_facts(shop: Lakewarden) -> None:
    run = ("warehouse", "sql", f"SELECT count(*) AS n, avg(total_sales_amount) AS v FROM {FACTS}", "--json")
    summed, facts = shop(*run), shop(*run, "--no-aggregates")
    assert summed.json["source"] != facts.json["source"]
    (one,), (other,) = (re.findall(r"\[2000, (.+)\]", ended.out) for ended in (summed, facts))
    assert one == other == f"{float(one):.2f}"


def test_a_bomb_on_duckdb_is_refused_in_one_line_even_for_a_guest(shop: Lakewarden) -> None:
    ended = shop("warehouse", "sql", "SELECT repeat('x', 1000000000)", "--engine", "duckdb")
    assert (ended.code, ended.out) == (64, "")
    assert len(ended.err.splitlines()) == 1
    grown = ", ".join(f"t{n} AS (SELECT {' || '.join(['s'] * 10)} AS s FROM t{n - 1})" for n in range(1, 8))
    ended = shop("warehouse", "sql", f"WITH t0 AS (SELECT 'x' AS s), {grown} SELECT s FROM t7", "--engine", "duckdb")
    assert (ended.code, ended.out) == (64, "")
    assert "a row has 10,000,000 bytes" in ended.err


def test_a_table_for_people_has_four_decimals_and_one_row_is_one_row(shop: Lakewarden) -> None:
    sql = "SELECT 0.15431018450108505 AS share, 0.00001 AS little, 12345678.0 AS whole"
    ended = shop("warehouse", "sql", sql)
    assert ended.out.splitlines()[1].split() == ["0.1543", "1e-05", "12345678.0"]
    assert "1 row in" in ended.err
    assert "0.15431018450108505" in shop("warehouse", "sql", sql, "--json").out
    assert "0.15431018450108505" in shop("warehouse", "sql", sql, "--csv").out


def test_the_list_of_questions_says_which_values_are_needed(shop: Lakewarden) -> None:
    assert "parameters" not in shop("warehouse", "ask").out
    folder = shop.home / "questions"
    folder.mkdir()
    (folder / "mine.sql").write_text(
        "-- title: Mine\n-- parameter: reg text\n-- parameter: least integer = 5\n"
        "SELECT COUNT(*) AS n FROM Store_Table WHERE region = :reg AND store_id > :least"
    )
    assert "reg (text, required), least=5" in shop("warehouse", "ask").out
    assert ask(shop, "ask", "mine", "--set", "reg=West")["notes"] == []


def test_a_query_says_where_it_was_answered_and_checks_itself(shop: Lakewarden) -> None:
    sql = f"SELECT region, SUM(total_sales_amount) FROM {FACTS} JOIN Store_Table USING (store_id) GROUP BY region"
    answer = ask(shop, "sql", sql, "--explain", "--check")
    assert answer["source"] == ["Yearly_Region_Product_Aggregate_Table"]
    assert "smallest" in str(answer["because"])
    assert "gives the same" in str(answer["notes"])
    other = shop("warehouse", "sql", sql, "--engine", "duckdb", "--check")
    assert f"duckdb answered, and SQLite from {FACTS} gives the same" in other.err
    other = shop(
        "warehouse", "sql", "SELECT NULL AS r UNION ALL SELECT 'a' UNION ALL SELECT 1", "--engine", "duckdb", "--check"
    )
    assert (other.code, other.out.split()) == (65, ["r", "–", "a", "1"])
    assert "duckdb takes the text otherwise than SQLite, which answers without --engine\n" in other.err
    some = shop("warehouse", "sql", f"SELECT store_id FROM {FACTS}", "--engine", "duckdb", "--check", "--limit", "1")
    assert (some.code, "not compared: not all rows are shown" in some.err) == (0, True)
    ended = shop("warehouse", "sql", f"SELECT * FROM {FACTS} LIMIT 1", "--explain")
    assert "because it lists single transactions" in ended.err
    assert f"  scans {FACTS}: 2,000 rows\n" in ended.err
    assert ended.out.count("\n") == 2


def test_a_reader_that_has_seen_enough_is_no_failure_of_the_disk(shop: Lakewarden) -> None:
    long = f"SELECT printf('%999d', transaction_id) AS wide FROM {FACTS}"
    ended = shop.shell(f'set -o pipefail; lakewarden warehouse sql "{long}" --csv | head -1')
    assert (ended.code, ended.out, ended.err) == (128 + signal.SIGPIPE, "wide\n", "")


def test_the_sql_that_is_explained_can_be_pasted(shop: Lakewarden) -> None:
    ended = shop("warehouse", "ask", "revenue-by-category", "--explain")
    told = ended.err.splitlines()
    sql = "\n".join(told[next(n for n, line in enumerate(told) if line.startswith("-- title:")) :])
    assert sql.count("\n") > 2
    pasted = sql.replace(":as_of_year", "2026")
    assert shop("warehouse", "sql", pasted, "--csv").out == shop("warehouse", "ask", "revenue-by-category", "--csv").out


def test_rows_beyond_the_limit_are_said_to_be_left_out(shop: Lakewarden) -> None:
    ended = shop("warehouse", "sql", f"SELECT transaction_id FROM {FACTS}", "--limit", "3", "--json")
    answer = json.loads(ended.out)
    assert (len(answer["rows"]), answer["truncated"]) == (3, True)
    assert "only the first 3 rows" in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["sql", "DROP TABLE Store_Table"], 64, "only one SELECT is permitted, found 'DROP' at line 1, column 1"),
        (["sql", "SELECT * FORM x"], 64, "'FORM' is not expected there at line 1, column 10"),
        (["sql", ENDLESS, "--timeout", "0.3"], 75, "longer than 0.3 s"),
        (["sql", "SELECT 1", "--engine", "spark", "--master", "yarn"], 64, "--master: expected local"),
        (["sql", "SELECT 1", "--master", "local[2]"], 64, "add --engine spark"),
        (["sql", "SELECT 1", "--engine", "duckdb", "--database", "weather"], 64, "in SQLite alone"),
        (["sql", "SELECT 1", "--json", "--csv"], 64, "only one of them"),
        (["sql", "SELECT 1", "--limit", "0"], 64, "--limit"),
        (["sql", "SELECT 1", "--timeout", "nan"], 64, "--timeout"),
        (["sql"], 64, "SELECT"),
        (["ask", "nosuch"], 64, "there is no question 'nosuch'; there are revenue-by-category"),
        (["ask", "revenue-by-category", "--as-of", "soon"], 64, "--as-of"),
        (["ask", "revenue-by-category", "--set", "x"], 64, "NAME=VALUE"),
        (["ask", "revenue-by-category", "--set", "x=1", "--set", "x=2"], 64, "x twice"),
        (["ask", "revenue-by-category", "--set", "x=1"], 64, "has no parameter 'x'"),
        (["ask", "top-store-last-month", "--set", "as_of=2026-10-31"], 64, "give --as-of YYYY-MM-DD"),
        (["sql", "SELECT 1", "--bogus"], 64, "see `lakewarden warehouse sql --help`"),
        (["sql", "SELECT :reg"], 64, "the statement asks for :reg at line 1, column 8: save it as a question"),
        (["sql", "SELECT 1 FROM Stores"], 64, "did you mean Store_Table?"),
        (["diagram", "cube"], 64, "star"),
    ],
)
def test_what_cannot_be_is_one_line_and_its_exit_code(
    shop: Lakewarden, arguments: list[str], code: int, said: str
) -> None:
    ended = shop("warehouse", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
    assert ended.err.count("\n") == 1


def test_a_statement_may_come_from_standard_input(shop: Lakewarden) -> None:
    sql = f"\ufeffSELECT count(*) AS n,\n       'é' AS e -- of all\nFROM {FACTS};\n".encode()
    assert shop("warehouse", "sql", "-", "--csv", stdin=sql).out == "n,e\n2000,é\n"
    explained = shop("warehouse", "sql", "-", "--explain", stdin=sql)
    assert (explained.code, "source" in explained.err) == (0, True)
    for stdin, said in (
        (b"", "there is no query: expected one SELECT"),
        (b"SELECT * FORM x", "'FORM' is not expected there at line 1, column 10"),
        (b"SELECT '\xff'", "expected a statement in UTF-8, found a byte that is none at 8"),
        (b"SELECT 1 " * 20_000, "the query has 180,000 characters; at most 100,000 are taken"),
        (b"SELECT 1 " * 200_000, "expected a statement of at most 100,000 characters, found more"),
    ):
        ended = shop("warehouse", "sql", "-", stdin=stdin)
        assert (ended.code, ended.out, ended.err.count("\n")) == (64, "", 1)
        assert said in ended.err
    shop.sign_in("operator")
    both = shop("warehouse", "sql", "-", "--unmask", "--stdin", stdin=b"123456\n")
    assert (both.code, both.out) == (64, "")
    assert "--stdin" in both.err


def test_without_a_warehouse_in_production_the_message_says_how_to_load_one(lakewarden: Lakewarden) -> None:
    lakewarden.enrol("keeper", Role.OPERATOR)
    for arguments in (["ask", "revenue-by-category"], ["sql", "SELECT 1"], ["publish"]):
        ended = lakewarden("warehouse", *arguments)
        assert (ended.code, ended.out, ended.err.count("\n")) == (74, "", 1)
        assert "there is no warehouse" in ended.err
        assert "warehouse load" in ended.err
        assert "warehouse build" not in ended.err
    assert not list(lakewarden.home.glob("warehouse.db*"))


def test_a_new_practice_workspace_gets_a_small_warehouse_with_the_first_question(lakewarden: Lakewarden) -> None:
    first = lakewarden("warehouse", "ask", "revenue-by-category", "--json")
    assert first.code == 0
    assert first.err == "lakewarden: there is no warehouse yet: making a practice one of 50,000 sales\n"
    assert len(json.loads(first.out)["rows"]) > 3
    assert ask(lakewarden, "sql", f"SELECT COUNT(*) FROM {FACTS}")["rows"] == [[50_000]]


def test_what_reads_no_sales_makes_no_warehouse(lakewarden: Lakewarden) -> None:
    assert lakewarden("warehouse", "ask").code == 0
    assert lakewarden("warehouse", "diagram", "star").code == 0
    assert lakewarden("warehouse", "sql", "SELECT 1", "--database", "weather").code == 74
    assert not list(lakewarden.home.glob("warehouse.db*"))


def test_customers_are_masked_and_no_query_gets_at_them(shop: Lakewarden) -> None:
    rows = ask(shop, "sql", "SELECT customer_name, address FROM Customer_Table")["rows"]
    assert {cell for row in rows for cell in row} == {"XXXXXXXX"}  # type: ignore[attr-defined]
    assert shop("warehouse", "sql", "SELECT address FROM main.Customer_Table").code == 64


def test_the_weather_is_a_second_database(lakewarden: Lakewarden, api: WeatherApiSimulator) -> None:
    lakewarden.use(api)
    assert lakewarden("--run-once").code == 0
    answer = ask(lakewarden, "sql", "SELECT city, temperature FROM Weather_Readings", "--database", "weather")
    assert [row[0] for row in answer["rows"]] == ["Portland"]  # type: ignore[attr-defined]
    assert lakewarden("warehouse", "sql", "SELECT * FROM run", "--database", "weather").code == 64
    assert lakewarden("warehouse", "sql", "SELECT * FROM Store_Table", "--database", "weather").code == 64


def test_questions_of_the_workspace_are_listed_and_bad_ones_told(shop: Lakewarden) -> None:
    folder = shop.home / "questions"
    folder.mkdir()
    (folder / "mine.sql").write_text(
        f"-- title: Mine\n-- parameter: least integer = 5\nSELECT COUNT(*) AS n FROM {FACTS} WHERE store_id > :least"
    )
    assert ask(shop, "ask", "mine", "--set", "least=100000")["rows"] == [[0]]
    (folder / "bad.sql").write_text("SELECT 1")
    (folder / "wrong.sql").write_text("-- title: Wrong\nselect from where")
    (folder / "top-store-last-month.sql").write_text("-- title: mine\nselect 1\n")
    ended = shop("warehouse", "ask", "--json")
    document = json.loads(ended.out)
    assert ended.code == 1
    assert "mine" in [question["name"] for question in document["questions"]]
    assert [Path(bad["file"]).name for bad in document["bad"]] == ["bad.sql", "top-store-last-month.sql", "wrong.sql"]
    assert ask(shop, "ask", "top-store-last-month")["columns"] != ["1"]
    assert "wrong.sql is not a question: syntax error: 'from' is not expected there" in shop("warehouse", "ask").err
    assert "bad.sql is not a question: it has no title" in shop("warehouse", "ask").err


@pytest.mark.parametrize("kind", ["star", "snowflake"])
def test_the_diagram_needs_no_warehouse_and_no_unicode(lakewarden: Lakewarden, kind: str) -> None:
    assert "┌ Product_Table" in lakewarden("warehouse", "diagram", kind).out
    plain = lakewarden("warehouse", "diagram", kind, env={"PYTHONIOENCODING": "ascii"})
    assert plain.code == 0
    assert plain.out.isascii()


def test_publishing_makes_parquet_that_duckdb_then_reads(shop: Lakewarden, tmp_path: Path) -> None:
    shop.sign_in("operator")
    published = json.loads(shop("warehouse", "publish", "--json").out)
    assert published["tables"][FACTS] == 2000
    assert Path(published["url"]) == shop.home / "lake" / "warehouse"
    ended = shop("warehouse", "ask", "revenue-by-category", "--engine", "duckdb", "--explain")
    assert "published Parquet" in ended.err
    assert shop("warehouse", "publish", "--to", str(tmp_path / "other")).code == 0
    assert list((tmp_path / "other" / FACTS).glob("year=2026/month=1/*.parquet"))


def test_a_killed_publication_is_absent_and_the_next_is_whole(shop: Lakewarden) -> None:
    shop.sign_in("operator")
    folder = shop.home / "lake" / "warehouse"
    process = shop.start("warehouse", "publish")
    wait_until(lambda: any(folder.parent.glob(".warehouse-*")) or process.poll() is not None)
    process.kill()
    process.communicate()
    assert not folder.exists() or published_mark(folder)
    assert shop("warehouse", "publish").code == 0
    assert published_mark(folder)


def test_an_interrupt_ends_a_query_at_once(shop: Lakewarden) -> None:
    process = shop.start("warehouse", "sql", ENDLESS, "--timeout", "60")
    stat = Path(f"/proc/{process.pid}/task")
    wait_until(lambda: len(list(stat.iterdir())) > 1)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=10)[0] == b""
    assert process.returncode == 130


def test_a_question_loads_neither_parser_nor_engine_that_it_does_not_use(shop: Lakewarden) -> None:
    assert not loaded(shop, "warehouse", "ask", "revenue-by-category") & {"sqlglot", "duckdb", "textual", "httpx"}


def test_json_that_is_none_is_a_fault_of_the_query_and_not_of_the_file(lakewarden: Lakewarden) -> None:
    lakewarden("warehouse", "build", "--rows", "50")
    ended = lakewarden("warehouse", "sql", "SELECT json('[1,')")
    assert ended.code == 64
    assert "malformed JSON" in ended.err
    assert "damaged" not in ended.err
