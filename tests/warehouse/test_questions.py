"""The questions, against answers added up in Python and by DuckDB from the facts, and questions of users."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.warehouse.shop import Shop
from warehouse.engines.duckdb import DuckdbEngine
from warehouse.engines.sqlite import SqliteEngine
from warehouse.errors import DataRefused, QueryRefused
from warehouse.governed import Source
from warehouse.models import Answer
from warehouse.publish import publish
from warehouse.question_files import question_of, values_of
from warehouse.questions import Questions, ask

AS_OF = date(2026, 3, 15)
NAMES = ("top-store-last-month", "top-products-by-region", "revenue-by-category")
COLUMNS = {
    "top-store-last-month": "store_id store_name city region year month total_sales_amount",
    "top-products-by-region": "region rank product_id product_name total_quantity_sold",
    "revenue-by-category": "category total_sales_amount share",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.build(rows=6_000)
    return shop


@pytest.fixture(scope="module")
def engine(shop: Shop) -> Iterator[SqliteEngine]:
    with closing(SqliteEngine(Source("warehouse", shop.path))) as engine:
        yield engine


def asked(engine: SqliteEngine | DuckdbEngine, name: str, *, as_of: date | None = AS_OF, facts: bool = False) -> Answer:
    return ask(engine, Questions(Path("/none")).find(name), as_of=as_of, aggregates=not facts)


def facts(shop: Shop) -> list[dict[str, Any]]:
    """Every sale with its store and product, joined in Python."""
    stores = {row[0]: row for row in shop.rows("SELECT store_id, store_name, city, region FROM Store_Table")}
    products = {row[0]: row for row in shop.rows("SELECT product_id, product_name, category FROM Product_Table")}
    sales = shop.rows(
        "SELECT time_id, store_id, product_id, quantity_sold, total_sales_cents FROM Sales_Transactions_Table"
    )
    return [
        {
            "year": d // 10000,
            "month": d // 100 % 100,
            "store": stores[s],
            "product": products[p],
            "pieces": q,
            "cents": c,
        }
        for d, s, p, q, c in sales
    ]


def expected(shop: Shop, name: str, as_of: date) -> list[tuple[Any, ...]]:
    sales = facts(shop)
    if name == "top-store-last-month":
        year, month = (as_of.year, as_of.month - 1) if as_of.month > 1 else (as_of.year - 1, 12)
        by_store: dict[Any, int] = defaultdict(int)
        for sale in sales:
            if (sale["year"], sale["month"]) == (year, month):
                by_store[sale["store"]] += sale["cents"]
        most = max(by_store.values(), default=0)
        label = date(year, month, 1).strftime("%B")
        return sorted((*store, year, label, cents / 100) for store, cents in by_store.items() if cents == most)
    this_year = [sale for sale in sales if sale["year"] == as_of.year]
    if name == "top-products-by-region":
        sold: dict[tuple[str, Any], int] = defaultdict(int)
        for sale in this_year:
            sold[sale["store"][3], sale["product"]] += sale["pieces"]
        ranked = [
            (region, 1 + sum(other > pieces for (r, _), other in sold.items() if r == region), *product[:2], pieces)
            for (region, product), pieces in sold.items()
        ]
        return sorted(row for row in ranked if row[1] <= 10)
    revenue: dict[str, int] = defaultdict(int)
    for sale in this_year:
        revenue[sale["product"][2]] += sale["cents"]
    whole = sum(revenue.values())
    ordered = sorted(revenue.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(category, cents / 100, cents / whole) for category, cents in ordered]


def test_a_date_without_a_month_before_it_is_refused(engine: SqliteEngine) -> None:
    with pytest.raises(QueryRefused, match="0001-01-31 has no month before it"):
        asked(engine, NAMES[0], as_of=date(1, 1, 31))
    assert asked(engine, NAMES[0], as_of=date(1, 2, 1)).rows == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("as_of", [AS_OF, date(2026, 1, 1), date(2025, 12, 31), date(2024, 2, 29)])
def test_an_answer_is_what_python_adds_up_from_the_facts(
    shop: Shop, engine: SqliteEngine, name: str, as_of: date
) -> None:
    answer = asked(engine, name, as_of=as_of)
    assert " ".join(answer.columns) == COLUMNS[name]
    assert answer.rows == expected(shop, name, as_of)
    assert asked(engine, name, as_of=as_of, facts=True).rows == answer.rows


@pytest.mark.parametrize("name", NAMES)
def test_the_source_names_what_answered(engine: SqliteEngine, name: str) -> None:
    assert asked(engine, name).source[0].endswith("_Aggregate_Table")
    assert asked(engine, name, facts=True).source == ("Sales_Transactions_Table",)
    assert asked(engine, name).source[0] in asked(engine, name).because


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("published", [False, True])
def test_duckdb_gives_the_same(shop: Shop, engine: SqliteEngine, name: str, published: bool, tmp_path: Path) -> None:
    if published:
        publish(shop.warehouse, tmp_path / "warehouse", now=datetime.now(UTC))
    with closing(DuckdbEngine(shop.warehouse, tmp_path / "warehouse", scratch_dir=shop.scratch)) as other:
        assert asked(other, name, as_of=None).rows == asked(engine, name, as_of=None).rows
        assert ("published Parquet" in asked(other, name).because) == published


def test_categories_as_duckdb_sums_them_from_bare_facts(shop: Shop, engine: SqliteEngine) -> None:
    rows = shop.rows(
        "SELECT category, time_id, total_sales_cents FROM Sales_Transactions_Table "
        "JOIN Product_Table USING (product_id)"
    )
    with duckdb.connect() as other:
        other.execute("CREATE TABLE f (category VARCHAR, day INTEGER, cents BIGINT)")
        other.executemany("INSERT INTO f VALUES (?, ?, ?)", rows)
        sums = other.execute(
            "SELECT category, CAST(sum(cents) AS BIGINT) FROM f WHERE day BETWEEN 20260101 AND 20261231 GROUP BY 1"
        ).fetchall()
    found = {str(row[0]): round(float(str(row[1])) * 100) for row in asked(engine, "revenue-by-category").rows}
    assert found == dict(sums)


def test_ties_are_all_listed_and_share_a_rank(tmp_path: Path) -> None:
    shop = Shop(tmp_path).with_master_data()
    shop.load_sales(
        (1, 20260201, 1, 1, 1, 2, "3.98"), (2, 20260202, 3, 2, 1, 2, "3.98"), (3, 20260203, 2, 3, 1, 1, "1.00"),
        (4, 20260203, 1, 3, 1, 5, "0.05"), (5, 20260203, 1, 3, 1, -5, "-0.05"),
    )  # fmt: skip
    with closing(SqliteEngine(Source("warehouse", shop.path))) as engine:
        top = asked(engine, "top-store-last-month")
        ranks = asked(engine, "top-products-by-region").rows
    assert [(row[0], row[-1]) for row in top.rows] == [(1, 3.98), (3, 3.98)]
    west = [(row[1], row[2], row[4]) for row in ranks if row[0] == "West"]
    assert west == [(1, 1, 2), (1, 2, 2), (3, 3, 0)]


def test_the_default_day_is_the_last_with_sales_late_ones_included(tmp_path: Path) -> None:
    shop = Shop(tmp_path).with_master_data()
    with closing(SqliteEngine(Source("warehouse", shop.path))) as engine:
        with pytest.raises(DataRefused, match="no sales yet: load some with `lakewarden warehouse load`"):
            asked(engine, "revenue-by-category", as_of=None)
        shop.load_sales(
            (1, 20260227, 1, 1, 1, 1, "1.99"), (2, 20260114, 1, 1, 1, 1, "1.99"), (3, 20251231, 1, 1, 1, 1, "1.99")
        )
        assert engine.last_day() == date(2026, 2, 27)
        answer = asked(engine, "top-store-last-month", as_of=None)
    assert answer.notes == ("as of 2026-02-27 (the last day with sales)",)
    assert [(row[4], row[5]) for row in answer.rows] == [(2026, "January")]


GOOD = """-- title: Pieces of one region
-- parameter: region text = West | the region
-- parameter: least integer = 1
SELECT st.city, SUM(s.quantity_sold) AS pieces
FROM Sales_Transactions_Table s JOIN Store_Table st ON st.store_id = s.store_id
WHERE st.region = :region GROUP BY st.city HAVING SUM(s.quantity_sold) >= :least ORDER BY pieces DESC, st.city"""


def test_users_add_questions_with_parameters(shop: Shop, engine: SqliteEngine, tmp_path: Path) -> None:
    (tmp_path / "pieces.sql").write_text(GOOD, encoding="utf-8")
    questions = Questions(tmp_path)
    found, bad = questions.all()
    assert (sorted(found), bad) == (sorted([*NAMES, "pieces"]), [])
    assert [(p.name, p.kind, p.default, p.about) for p in found["pieces"].parameters] == [
        ("region", "text", "West", "the region"), ("least", "integer", 1, ""),
    ]  # fmt: skip
    west, south = (ask(engine, found["pieces"], as_of=AS_OF, values=v) for v in ({}, {"region": "South"}))
    assert west.rows != south.rows
    assert west.source == ("Monthly_Store_Category_Aggregate_Table",)
    assert ask(engine, found["pieces"], as_of=AS_OF, aggregates=False).rows == west.rows
    hostile = ask(engine, found["pieces"], as_of=AS_OF, values={"region": "' OR 1=1 --"})
    assert hostile.rows == []
    for values, message in (({"nosuch": "1"}, "no parameter 'nosuch'"), ({"least": "x"}, "expected a value of type")):
        with pytest.raises(QueryRefused, match=message):
            ask(engine, found["pieces"], as_of=AS_OF, values=values)


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1e999"])
def test_a_number_that_is_none_is_refused(engine: SqliteEngine, tmp_path: Path, text: str) -> None:
    (tmp_path / "half.sql").write_text("-- title: Half\n-- parameter: n number\nSELECT :n / 2", encoding="utf-8")
    question = Questions(tmp_path).find("half")
    assert ask(engine, question, as_of=AS_OF, values={"n": "1e3"}).rows == [(500.0,)]
    with pytest.raises(QueryRefused, match="n: expected a value of type number, found"):
        ask(engine, question, as_of=AS_OF, values={"n": text})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("SELECT 1", "no title"),
        ("-- title: x\nDELETE FROM Store_Table", "only one SELECT"),
        ("-- title: x\nSELECT 1; SELECT 2", "only one statement"),
        ("-- title: x\nSELECT :y", "no `-- parameter:` line declares"),
        ("-- title: x\n-- parameter: y integer = 1\nSELECT 1", "has no :y"),
        ("-- title: x\n-- parameter: y whole = 1\nSELECT :y", "the type 'whole'"),
        ("-- title: x\n-- parameter: y date = soon\nSELECT :y", "expected a date"),
        ("-- title: x\n-- parameter: y choice = a\nSELECT :y", "as in `choice(gold, silver)`"),
        ("-- title: x\n-- parameter: y text(a, b)\nSELECT :y", "a list for a choice alone"),
        ("-- title: x\n-- parameter: y choice(a, , b)\nSELECT :y", "different values between commas"),
        ("-- title: x\n-- parameter: y choice(a, A)\nSELECT :y", "different values between commas"),
        ("-- title: x\n-- parameter: y choice(a, b) = c\nSELECT :y", "y: expected one of a, b, found 'c'"),
        ("-- title: x\n-- parameter: y\nSELECT :y", "NAME TYPE = DEFAULT"),
        ("-- title: x\n-- parameter: as_of date = 2026-01-01\nSELECT :as_of", "comes from the as-of date"),
        ("-- title: x\nSELECT ?", "written :name"),
        ("", "no title"),
        ("\xff", "not UTF-8"),
    ],
)
def test_a_bad_question_is_reported_and_the_others_stay(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "mine.sql").write_bytes(text.encode("latin-1"))
    found, bad = Questions(tmp_path).all()
    assert sorted(found) == sorted(NAMES)
    assert [file.path.name for file in bad] == ["mine.sql"]
    assert problem in bad[0].problem
    with pytest.raises(QueryRefused, match="is not a question"):
        Questions(tmp_path).find("mine")


def test_a_question_cannot_take_the_name_of_one_of_the_program(tmp_path: Path) -> None:
    (tmp_path / "revenue-by-category.sql").write_text(GOOD, encoding="utf-8")
    questions = Questions(tmp_path)
    assert "comes with the program" in questions.all()[1][0].problem
    assert questions.find("revenue-by-category") == Questions(Path("/none")).find("revenue-by-category")


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("select from where", "'from' is not expected there at line 2, column 8"),
        ("SELECT * FROM Stores", "there is no table Stores at line 2, column 15; did you mean Store_Table?"),
        ("SELECT store_nam FROM Store_Table", "there is no column store_nam at line 2, column 8"),
        ("SELECT 1 WHERE", "the query ends too early"),
    ],
)
def test_a_question_that_no_engine_understands_is_reported_when_they_are_listed(
    tmp_path: Path, sql: str, problem: str
) -> None:
    (tmp_path / "bad.sql").write_text(f"-- title: x\n{sql}", encoding="utf-8")
    (tmp_path / "good.sql").write_text(GOOD, encoding="utf-8")
    (tmp_path / "other.sql").write_text("-- title: x\nSELECT median(store_id) FROM Store_Table", encoding="utf-8")
    found, bad = Questions(tmp_path).all()
    assert sorted(found) == sorted([*NAMES, "good", "other"])
    assert [file.path.name for file in bad] == ["bad.sql"]
    assert problem in bad[0].problem
    assert Questions(tmp_path).find("bad").title == "x", "an engine itself says what it does not understand"


def test_a_choice_takes_one_of_its_values_and_nothing_else() -> None:
    text = (
        "-- title: x\n-- parameter: level choice(gold, 'silver plus') = silver plus | whose\n"
        "-- parameter: other choice(a, b)\nSELECT :level, :other"
    )
    question = question_of("x", text)
    level, other = question.parameters
    assert (level.choices, level.default, level.about) == (("gold", "silver plus"), "silver plus", "whose")
    assert other.default is None
    assert values_of(question, AS_OF, {"other": "B"}) == {"level": "silver plus", "other": "b"}
    with pytest.raises(QueryRefused, match="level: expected one of gold, silver plus, found 'tin'"):
        values_of(question, AS_OF, {"level": "tin", "other": "a"})
    with pytest.raises(QueryRefused, match=r"x needs other \(one of a, b\)"):
        values_of(question, AS_OF, {})
