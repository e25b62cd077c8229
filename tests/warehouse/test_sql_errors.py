"""What a query asks too much of, and what it may not see, told in words that point at the place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.warehouse.shop import Shop
from warehouse.errors import QueryRefused
from warehouse.governed import Session, Source

INNER = ("Binding", "user-defined", "string or blob", "parser stack", "Expression tree", "overflow")
TOO_BIG = "a text or blob too big, of over 1,000,000 bytes"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.build(rows=100)
    return shop


@pytest.fixture
def masked(shop: Shop) -> Iterator[Session]:
    with Session(Source("warehouse", shop.path)) as session:
        yield session


@pytest.mark.parametrize(
    ("sql", "message", "position"),
    [
        ("SELECT printf('%.1000000000d', 1)", "printf .*: a field of it is wider than 1,000 .* line 1, column 8", 7),
        ("SELECT 1,\n format('%1001d', 1)", "format .* wider than 1,000 characters at line 2, column 2", 11),
        ("SELECT printf('%z', 1)", "printf .*: it has a field that is not known here at line 1, column 8", 7),
        ("SELECT printf(region || '%', 1) FROM Store_Table", "a field is not known, or .* column 8", 7),
        (f"SELECT printf('{'%1000d' * 1_001}')", "the text has more than 1,000,000 characters", 7),
        ("SELECT zeroblob(1e9)", f"{TOO_BIG}, made by zeroblob at line 1, column 8", 7),
        ("SELECT 1,\n  randomblob(1e9)", f"{TOO_BIG}, made by randomblob at line 2, column 3", 12),
        ("SELECT replace(hex(zeroblob(9e5)), '0', 'x')", "made by zeroblob at line 1, column 20", 19),
        (
            "WITH RECURSIVE x(a) AS (SELECT 'x' UNION ALL SELECT a || a FROM x) SELECT max(a) FROM x",
            r"made by \|\| at line 1, column 55",
            54,
        ),
        ("SELECT " + "(" * 150 + "1" + ")" * 150, "may have 200 levels, and one is nested too deep at line 1", 156),
        ("SELECT " + "1+" * 250 + "1", "may have 200 levels, and one is nested too deep$", None),
        (" UNION ".join(["SELECT 1"] * 120), "more than 100 SELECTs in one at line 1, column 1495", 1494),
        (f"SELECT 1 WHERE 'a' LIKE '{'a%' * 600}'", "a pattern of more than 1,000 bytes at line 1, column 20", 19),
        ("SELECT " + ", ".join("1" * 600), "more than 500 columns$", None),
        ("SELECT sum(9223372036854775807) FROM Store_Table", "a whole number beyond .* at line 1, column 8", 7),
        ("SELECT substr()", r"wrong number of arguments to function substr\(\) at line 1, column 8", 7),
        (
            "SELECT 1, Store_ID",
            "no column Store_ID at line 1, column 11; the query has no FROM: name the table there",
            10,
        ),
        ("SELECT store_id FROM Product_Table", "column 8; no table in FROM has one of that name$", 7),
        ("SELECT p.store_id FROM Product_Table p", "column 10; no p in FROM has one of that name$", 9),
        ("SELECT 1 WHERE 'a' = ?", r"asks for \? at line 1, column 22: save it, as :name in place of \?, as a", 21),
        ("SELECT 1 WHERE 'a' = ?7", r"asks for \?7 at line 1, column 22: save it, as :name", 21),
    ],
)
def test_a_limit_is_told_in_words_with_its_place(masked: Session, sql: str, message: str, position: int | None) -> None:
    with pytest.raises(QueryRefused, match=message) as refused:
        masked.run(sql)
    assert refused.value.position == position
    assert not any(words in str(refused.value) for words in INNER)
    assert masked.run("SELECT count(*) FROM Store_Table").rows == [(200,)]


def test_printf_clamps_what_is_no_whole_number(masked: Session) -> None:
    found = masked.run("SELECT printf('%d %d %x', 9e999, -9e999, 'a'), printf('%05.1f', 1.25)").rows
    assert found == [("9223372036854775807 -9223372036854775808 0", "001.2")]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT source, rejects_file FROM batch",
        "SELECT b.source, b.rejects_file FROM batch AS b",
        "SELECT max(source), group_concat(rejects_file) FROM batch",
        "WITH x AS (SELECT * FROM batch) SELECT source, rejects_file FROM x",
        "SELECT (SELECT source FROM batch), (SELECT rejects_file FROM batch)",
        "SELECT source, rejects_file FROM batch WHERE source IS NULL ORDER BY source",
    ],
)
def test_where_loaded_files_lie_is_not_for_queries(shop: Shop, masked: Session, sql: str) -> None:
    shop.write("UPDATE batch SET source = '/home/someone/sales.csv', rejects_file = '/home/someone/rejects.csv'")
    assert masked.run(sql).rows == [(None, None)]


GUESSED = "(SELECT '/home/someone/sales.csv' AS source, '/home/someone/rejects.csv' AS rejects_file)"


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT 1 FROM batch NATURAL JOIN {GUESSED}",
        f"SELECT 1 FROM batch JOIN {GUESSED} USING (source)",
        f"SELECT 1 FROM {GUESSED} AS g JOIN batch USING (rejects_file)",
        f"SELECT 1 FROM batch AS b, {GUESSED} AS g WHERE b.source = g.source OR b.rejects_file = g.rejects_file",
        f"WITH b AS (SELECT * FROM batch) SELECT 1 FROM b NATURAL JOIN {GUESSED}",
        f"SELECT 1 FROM {GUESSED} NATURAL LEFT JOIN batch WHERE batch_id > 0",
        f"SELECT 1 FROM batch NATURAL FULL JOIN {GUESSED} WHERE batch_id > 0 AND rejects_file > ''",
        "SELECT 1 FROM batch WHERE source LIKE '/home%'",
    ],
)
def test_a_guess_where_loaded_files_lie_is_never_confirmed(shop: Shop, masked: Session, sql: str) -> None:
    shop.write("UPDATE batch SET source = '/home/someone/sales.csv', rejects_file = '/home/someone/rejects.csv'")
    assert masked.run(sql).rows == []


@pytest.mark.parametrize("name", ["main.batch", "MAIN.Batch", '"main"."batch"', "[main].[batch]"])
def test_the_table_of_batches_is_not_read_past_its_view(masked: Session, name: str) -> None:
    for sql in (f"SELECT 1 FROM {GUESSED} FULL JOIN {name} USING (source)", f"SELECT source FROM {name}"):
        with pytest.raises(QueryRefused, match=r"main\.batch has names of files; write the table without `main\.`"):
            masked.run(sql)
    with pytest.raises(QueryRefused, match="names of files"):
        masked.run("WITH batch AS (SELECT * FROM main.batch) SELECT * FROM batch")


def test_the_rest_of_a_batch_and_other_columns_of_that_name_are_read(masked: Session) -> None:
    found = masked.run("SELECT * FROM batch")
    assert dict(zip(found.columns, found.rows[0], strict=True))["rows_read"] == 100
    assert masked.run("WITH batch AS (SELECT 'x' AS source) SELECT source FROM batch").rows == [("x",)]


@pytest.mark.parametrize("joined", ["CSP", "SCP", "SPC"])
@pytest.mark.parametrize("group", ["level", "1", "c.membership_level", "level, c.customer_id"])
def test_a_star_is_grouped_by_what_the_view_shows_in_any_order_of_joins(
    shop: Shop, masked: Session, joined: str, group: str
) -> None:
    tables = {
        "S": "Sales_Transactions_Table s",
        "C": "Customer_Table c ON c.customer_id = s.customer_id",
        "P": "Product_Table p ON p.product_id = s.product_id",
    }
    if joined[0] == "C":
        tables |= {"C": "Customer_Table c", "S": "Sales_Transactions_Table s ON c.customer_id = s.customer_id"}
    sql = f"SELECT c.membership_level AS level, count(*) FROM {' JOIN '.join(tables[one] for one in joined)} "
    expected = shop.rows(f"{sql} GROUP BY {group} ORDER BY 1, 2")
    assert masked.run(f"{sql} GROUP BY {group} ORDER BY 1, 2").rows == expected
    assert sum(count for _, count in expected) == 100


@pytest.mark.parametrize("name", ["rowid", "_rowid_", "oid", "c.rowid", "max(rowid)"])
def test_the_rowid_of_a_view_is_refused_and_not_taken_for_nothing(masked: Session, name: str) -> None:
    with pytest.raises(QueryRefused, match="customer_table has no rowid for queries; name its key instead"):
        masked.run(f"SELECT {name} FROM Customer_Table c")
    assert masked.run("SELECT rowid FROM Store_Table WHERE rowid = 1").rows == [(1,)]
