"""Governed queries: what passes, what is refused or stopped, what a masked session sees, and results by window."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import wait_until
from tests.warehouse.shop import Shop
from warehouse.browse import Result
from warehouse.errors import QueryRefused, QueryStopped, StoreDamaged, StoreError
from warehouse.governed import Session, Source
from warehouse.limits import QueryLimits
from warehouse.masking import reads_sealed
from warehouse.models import MASK
from warehouse.ports import Showing
from warehouse.shaping import Order, Shape, parse_condition

QUICK = QueryLimits(timeout_s=0.4, rows=10)


class Clear:
    """Shows everything, or everything but one column."""

    def __init__(self, hidden: str = "") -> None:
        self.hidden = hidden
        self.told = 0

    def unreadable(self) -> None:
        self.told += 1

    def showing(self, table: str, column: str) -> Showing:
        return Showing.MASKED if column == self.hidden else Showing.CLEAR


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.build(rows=3_000)
    return shop


@pytest.fixture
def masked(shop: Shop) -> Iterator[Session]:
    with Session(Source("warehouse", shop.path), cipher=shop.cipher) as session:
        yield session


@pytest.fixture
def clear(shop: Shop) -> Iterator[Session]:
    with Session(Source("warehouse", shop.path), guard=Clear(), cipher=shop.cipher) as session:
        yield session


def digest(shop: Shop) -> str:
    return hashlib.sha256(shop.path.read_bytes()).hexdigest()


HOSTILE = [
    ("DELETE FROM Store_Table", "only one SELECT is permitted, found 'DELETE' at line 1, column 1"),
    ("SELECT 1; DROP TABLE Store_Table", "a second begins with 'DROP' at line 1, column 11"),
    ("ATTACH 'x.db' AS x", "only one SELECT"),
    ("PRAGMA writable_schema = ON", "only one SELECT"),
    ("VACUUM INTO 'copy.db'", "only one SELECT"),
    ("EXPLAIN SELECT 1", "only one SELECT"),
    ("WITH x AS (SELECT 1) DELETE FROM Store_Table", "not permitted"),
    ("WITH x AS (SELECT 1) INSERT INTO Customer_Table SELECT 1", "not permitted"),
    ("SELECT load_extension('x')", "the function load_extension is not permitted at line 1, column 8"),
    ("SELECT * FROM pragma_table_info('Store_Table')", "not for queries at line 1, column 15"),
    ("SELECT * FROM dbstat", "not for queries"),
    ("SELECT * FROM sqlite_temp_master", "not for queries"),
    ("SELECT zeroblob(1000000000)", "too big"),
    ("SELECT hex(zeroblob(900000))", "too big"),
    ("SELECT printf('%.*c', 1000000000, 'x')", "printf|user-defined"),
    ("SELECT printf('%1000000000d', 1)", "printf|user-defined"),
    ("SELECT " + "(" * 2000 + "1" + ")" * 2000, "more than is permitted|too deep"),
    ("SELECT " + "1+" * 500 + "1", "more than is permitted"),
    ("SELECT '" + "x" * 1_000_000 + "'", "1,000,009 characters; at most"),
    (" UNION ALL ".join(["SELECT 1"] * 200), "more than is permitted"),
    ("SELECT 'abc", "does not end; it starts at line 1, column 8"),
    ("SELECT 'a\0b'", "NUL character at line 1, column 10"),
    ("SELECT *\nFORM Store_Table", "'FORM' is not expected there at line 2, column 1"),
    ("SELECT a, FROM (SELECT a, FROM b)", "'FROM' is not expected there at line 1, column 11"),
    ("SELECT store_id FROM", "ends too early at line 1, column 21"),
    ("SELECT nosuch FROM Store_Table", "there is no column nosuch at line 1, column 8"),
    (f"SELECT {'n' * 5_000} FROM Store_Table", f"there is no column {'n' * 100}… at line 1, column 8"),
    ("SELECT 1 FROM nosuch", "there is no table nosuch at line 1, column 15$"),
    ("SELECT Regoin FROM Store_Table", r"no column Regoin at line 1, column 8; did you mean region\?"),
    ("SELECT 1 FROM Stores", r"there is no table Stores at line 1, column 15; did you mean Store_Table\?"),
    ("SELECT 1 FROM cells_0123456789abcdef0123456789abcdef", "no table cells_[0-9a-f]{32} at line 1, column 15$"),
    ("SELECT * FROM Weather_Readings", "in the warehouse at line 1, column 15; it is in the weather readings"),
    ("selct 1", r"found 'selct' at line 1, column 1; did you mean SELECT\?"),
    ("SELECT 1 FROM Store_Table WHRE 1", r"not expected there at line 1, column 32; did you mean WHERE\?"),
    ("SELECT nosuch(1)", "there is no function nosuch at line 1, column 8"),
    ("SELECT store_id FROM Store_Table a, Store_Table b", "more than one table has a column store_id"),
    ("SELECT :x", "the statement asks for :x at line 1, column 8: save it as a question"),
    ("", "there is no query"),
    ("-- nothing", "there is no query"),
    ("\ud800", "a character that SQL does not have"),
]


@pytest.mark.parametrize(("sql", "message"), HOSTILE)
def test_hostile_text_is_refused_in_one_line_and_the_next_query_works(
    shop: Shop, masked: Session, sql: str, message: str
) -> None:
    before = digest(shop)
    with pytest.raises(QueryRefused, match=message) as refused:
        masked.run(sql, limits=QUICK)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300
    assert masked.run("SELECT COUNT(*) FROM Store_Table").rows == [(200,)]
    assert digest(shop) == before
    assert not Path("copy.db").exists()


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE x(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM x) SELECT MAX(i) FROM x",
        "SELECT COUNT(*) FROM Sales_Transactions_Table a, Sales_Transactions_Table b, Sales_Transactions_Table c",
        "SELECT a.* FROM Sales_Transactions_Table a, Sales_Transactions_Table b, Store_Table c ORDER BY random()",
    ],
)
def test_a_bomb_is_stopped_at_its_time_limit(masked: Session, sql: str) -> None:
    started = time.monotonic()
    with pytest.raises(QueryStopped, match=r"longer than 0\.4 s"):
        masked.run(sql, limits=QUICK)
    assert time.monotonic() - started < 5
    assert masked.run("SELECT 1").rows == [(1,)]


def test_a_query_is_cancelled_from_another_thread(masked: Session) -> None:
    errors: list[BaseException] = []

    def work() -> None:
        try:
            masked.run("WITH RECURSIVE x(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM x) SELECT MAX(i) FROM x")
        except QueryStopped as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    wait_until(lambda: masked._deadline is not None)
    masked.cancel()
    thread.join(10)
    assert "cancelled" in str(errors[0])


def test_rows_beyond_the_limit_are_told(masked: Session) -> None:
    found = masked.run("SELECT store_id FROM Store_Table ORDER BY store_id", limits=QueryLimits(rows=5))
    assert (found.rows, found.more) == ([(1,), (2,), (3,), (4,), (5,)], True)
    assert not masked.run("SELECT store_id FROM Store_Table", limits=QueryLimits(rows=200)).more


def test_what_the_limits_leave_is_ordinary_sql(masked: Session) -> None:
    sql = """-- a comment
        WITH x AS (SELECT store_id, rank() OVER (ORDER BY store_id DESC) AS r FROM main.Store_Table)
        SELECT printf('%05.1f|%-4s|%,d|%x|%%', 1.25, 'ab', 1234567, 255), json_extract('{"a": 3}', '$.a'),
               date('2026-01-31', '+1 day'), (SELECT COUNT(*) FROM json_each('[1,2]')), COUNT(*) FROM x WHERE r <= 3;"""
    assert masked.run(sql).rows == [("001.2|ab  |1,234,567|ff|%", 3, "2026-02-01", 2, 3)]
    assert masked.run("VALUES (1), (2)").rows == [(1,), (2,)]


SEEN = [
    "SELECT customer_name, address FROM Customer_Table",
    "SELECT * FROM Customer_Table",
    "SELECT c.customer_name || '' FROM Sales_Transactions_Table s JOIN Customer_Table c USING (customer_id)",
    "SELECT customer_name FROM Sales_Transactions_Table NATURAL JOIN Customer_Table",
    "SELECT (SELECT customer_name FROM CUSTOMER_TABLE WHERE customer_id = 1)",
    'WITH t AS (SELECT * FROM "customer_table") SELECT * FROM t',
    "SELECT group_concat(hex(customer_name)) FROM [Customer_Table]",
    "SELECT max(customer_name), min(address) FROM temp.Customer_Table",
    "SELECT a.customer_name FROM Customer_Table a JOIN Customer_Table b USING (customer_name) LIMIT 5",
    "SELECT quote(customer_name) FROM Customer_Table UNION SELECT quote(address) FROM Customer_Table",
    "SELECT customer_name FROM Customer_Table ORDER BY length(customer_name)",
]
REFUSED = [
    'SELECT address FROM (SELECT 1 AS address) x FULL JOIN "MAIN" . [Customer_Table] USING (address)',
    "SELECT address FROM (SELECT 1 AS address) x FULL JOIN 'main'/**/.'customer_table' USING (address)",
    "SELECT customer_name FROM (SELECT 1 AS customer_name) x FULL JOIN main.Customer_Table USING (customer_name)",
    "SELECT * FROM (SELECT 1 AS address) x NATURAL FULL JOIN main.Customer_Table",
    "SELECT a.customer_name FROM main.Customer_Table a NATURAL JOIN Customer_Table b",
    "SELECT customer_name FROM main.Customer_Table",
    "SELECT * FROM main.Customer_Table",
    "WITH Customer_Table AS (SELECT * FROM main.Customer_Table) SELECT customer_name FROM Customer_Table",
    "SELECT c.x FROM (SELECT address AS x FROM main.[customer_table]) c",
    "SELECT 1 FROM main.Customer_Table WHERE hex(customer_name) LIKE '30%'",
    "SELECT a.address FROM Customer_Table b JOIN main.Customer_Table a USING (address)",
    "SELECT COUNT(*) FROM main.Customer_Table ORDER BY MAX(customer_name)",
    "SELECT open_sealed_cell(customer_name, 'Customer_Table', 'customer_name', 1) FROM Customer_Table",
    "SELECT customer_id FROM main.Customer_Table NATURAL JOIN Customer_Table b",
]


@pytest.mark.parametrize("sql", SEEN)
def test_a_masked_session_sees_the_mask_however_it_asks(shop: Shop, masked: Session, sql: str) -> None:
    text = repr(masked.run(sql).rows)
    secrets = shop.rows("SELECT customer_id, customer_name, address FROM Customer_Table")
    for number, *sealed in secrets:
        for column, cell in zip(("customer_name", "address"), sealed, strict=True):
            assert shop.cipher.open(cell, table="Customer_Table", column=column, row=number) not in text
            assert cell.hex()[:40].upper() not in text
            assert repr(cell)[2:40] not in text
    assert MASK in text or MASK.encode().hex().upper() in text


@pytest.mark.parametrize("sql", REFUSED)
def test_a_masked_session_never_reaches_the_sealed_cells(masked: Session, sql: str) -> None:
    with pytest.raises(QueryRefused, match=r"sealed|not permitted"):
        masked.run(sql)


def test_a_compiled_query_that_takes_a_sealed_column_is_refused(shop: Shop, masked: Session) -> None:
    """The last of the layers, alone: the name that the others refuse is hidden from them."""
    sql = "SELECT customer_name FROM (SELECT 1 AS customer_name) x FULL JOIN main.Customer_Table USING (customer_name)"
    page, columns = masked._roots["customer_table"]
    with closing(shop.warehouse.connect(read_only=True)) as connection:
        assert reads_sealed(connection.execute(f"EXPLAIN {sql}").fetchall(), page, columns)
        harmless = "EXPLAIN SELECT membership_level FROM Customer_Table ORDER BY customer_id"
        assert not reads_sealed(connection.execute(harmless).fetchall(), page, columns)


def test_a_filter_compares_with_the_mask_not_with_the_name(shop: Shop, masked: Session) -> None:
    (cell,) = shop.rows("SELECT customer_name FROM Customer_Table WHERE customer_id = 1")[0]
    name = shop.cipher.open(cell, table="Customer_Table", column="customer_name", row=1)
    sql = "SELECT COUNT(*) FROM Customer_Table WHERE customer_name = :name"
    assert masked.run(sql, {"name": name}).rows == [(0,)]


def test_a_clear_session_reads_names_and_only_the_columns_it_may(shop: Shop, clear: Session) -> None:
    sealed = shop.rows("SELECT customer_id, customer_name FROM Customer_Table ORDER BY 1 LIMIT 3")
    names = [(shop.cipher.open(c, table="Customer_Table", column="customer_name", row=n),) for n, c in sealed]
    assert clear.run("SELECT customer_name FROM Customer_Table ORDER BY customer_id LIMIT 3").rows == names
    with Session(Source("warehouse", shop.path), guard=Clear("address"), cipher=shop.cipher) as session:
        found = session.run("SELECT customer_name, address FROM Customer_Table ORDER BY customer_id LIMIT 3").rows
        assert found == [(name, MASK) for (name,) in names]
        with pytest.raises(QueryRefused, match="sealed cells"):
            session.run("SELECT address FROM main.Customer_Table")


def test_a_cell_that_was_tampered_with_is_told_apart(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.build(rows=10)
    shop.write("UPDATE Customer_Table SET customer_name = address WHERE customer_id <= 2")
    guard = Clear()
    with Session(Source("warehouse", shop.path), guard=guard, cipher=shop.cipher) as session:
        rows = session.run("SELECT customer_name FROM Customer_Table WHERE customer_id <= 2").rows
    assert rows == [("(unreadable)",)] * 2
    assert guard.told == 1


def test_missing_damaged_and_foreign_files_are_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no warehouse database"):
        Session(Source("warehouse", tmp_path / "none.db"))
    (tmp_path / "bad.db").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreDamaged):
        Session(Source("warehouse", tmp_path / "bad.db"))


# ---- windows ------------------------------------------------------------

WINDOWED = [
    "SELECT * FROM Sales_Transactions_Table",
    "SELECT transaction_id, quantity_sold FROM Sales_Transactions_Table ORDER BY transaction_id",
    "SELECT * FROM Monthly_Sales_Aggregate_Table",
    "SELECT transaction_id, total_sales_amount AS a, 1 AS a FROM Sales_Transactions_Table ORDER BY a DESC, 1",
    "WITH x AS (SELECT store_id, product_id FROM Sales_Transactions_Table) SELECT * FROM x ORDER BY 1, 2",
    "SELECT store_id FROM Sales_Transactions_Table ORDER BY store_id, transaction_id LIMIT 900 OFFSET 10",
    "SELECT s.transaction_id, c.customer_name FROM Sales_Transactions_Table s JOIN Customer_Table c "
    "USING (customer_id) WHERE s.quantity_sold > 1 ORDER BY 1",
]


FACTS = "Sales_Transactions_Table"
BY_KEY = [  # rows that each belong to one of a table, in whatever order
    f"SELECT s.transaction_id, p.product_name FROM {FACTS} s JOIN Product_Table p USING (product_id)",
    f"SELECT * FROM {FACTS} s JOIN Store_Table t ON t.store_id = s.store_id",
    f"SELECT p.product_name, u.supplier_name FROM Product_Table p JOIN {FACTS} AS s ON p.product_id = s.product_id "
    "LEFT OUTER JOIN Supplier_Table u ON u.supplier_id = p.supplier_id WHERE s.quantity_sold > 1 -- returns are not",
    f"SELECT transaction_id AS k0, store_id AS c0, 5 AS x FROM {FACTS} WHERE store_id < 90 OR quantity_sold = 2",
    f"SELECT transaction_id FROM {FACTS} ORDER BY transaction_id DESC",
    f"SELECT s.* FROM {FACTS} AS s WHERE s.transaction_id > 500 ORDER BY s.transaction_id DESC",
    f'SELECT "shown_rows".store_id AS "shown_rows", 1 AS "a b" FROM {FACTS} "shown_rows"',
    f"SELECT s.transaction_id, u.supplier_name FROM {FACTS} s "
    "LEFT JOIN Product_Table p ON p.product_id = s.quantity_sold "
    "JOIN Supplier_Table u ON u.supplier_id = p.supplier_id",
    "SELECT * FROM Monthly_Sales_Aggregate_Table WHERE total_quantity_sold > 0",
    "SELECT m.*, p.brand FROM Monthly_Sales_Aggregate_Table m JOIN Product_Table p USING (product_id)",
    f"SELECT transaction_id, (SELECT max(city) FROM Store_Table t WHERE t.store_id = s.store_id) FROM {FACTS} s",
    f"SELECT transaction_id, quantity_sold FROM {FACTS} ORDER BY quantity_sold",
    f"SELECT transaction_id, quantity_sold AS q, store_id FROM {FACTS} ORDER BY q DESC NULLS FIRST, 3 ASC",
    f"SELECT s.transaction_id FROM {FACTS} s JOIN Store_Table t USING (store_id) ORDER BY t.region || 'x', t.city DESC",
    f"SELECT quantity_sold AS transaction_id FROM {FACTS} ORDER BY transaction_id DESC",
    f"SELECT -transaction_id transaction_id FROM {FACTS} ORDER BY transaction_id",
    f"SELECT 7 AS transaction_id, store_id FROM {FACTS} ORDER BY transaction_id DESC",
    f"SELECT c.customer_name, s.store_id FROM {FACTS} s JOIN Customer_Table c USING (customer_id) ORDER BY 1 DESC, 2",
    "SELECT * FROM Monthly_Sales_Aggregate_Table ORDER BY year, month_number",
    "SELECT * FROM Monthly_Sales_Aggregate_Table ORDER BY total_quantity_sold DESC",
]
SPOOLED = [  # rows of which that is not so, or not proven
    f"SELECT a.transaction_id FROM {FACTS} a JOIN Store_Table b ON b.store_id IN (1, 2)",
    f"SELECT a.transaction_id FROM {FACTS} a JOIN Store_Table b ON b.store_id = 1 OR b.store_id = 2",
    f"SELECT a.transaction_id, b.store_id FROM {FACTS} a LEFT JOIN Store_Table b ON b.store_id < 3",
    f"SELECT a.store_id, b.month FROM {FACTS} a JOIN Time_Table b ON b.month_number = a.quantity_sold",
    f"SELECT DISTINCT product_id, store_id FROM {FACTS} ORDER BY 2, 1",
    f"SELECT store_id, product_id, sum(quantity_sold) FROM {FACTS} GROUP BY 1, 2 ORDER BY 3, 1, 2",
    f"SELECT transaction_id, row_number() OVER (ORDER BY store_id, transaction_id) FROM {FACTS}",
    f"SELECT transaction_id FROM {FACTS} UNION ALL SELECT store_id FROM Store_Table",
    f"SELECT transaction_id FROM {FACTS} WHERE transaction_id IN (SELECT transaction_id + 7 FROM {FACTS})",
    f"SELECT x.* FROM (SELECT store_id, transaction_id FROM {FACTS} ORDER BY store_id, transaction_id LIMIT 2000) x",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) SELECT i, i % 7 FROM n",
    # Walked from the end of the key, so that rows of one year come backwards.
    "SELECT * FROM Monthly_Sales_Aggregate_Table ORDER BY year DESC",
    "SELECT * FROM Monthly_Sales_Aggregate_Table WHERE year = 2026 ORDER BY year, month_number DESC, product_id",
    # Which rows the inner limit gives depends on whether there is an outer one.
    f"SELECT * FROM (SELECT transaction_id, quantity_sold FROM {FACTS} LIMIT 900) ORDER BY quantity_sold DESC",
]


def opened(shop: Shop, sql: str, guard: Clear | None = None, **options: Any) -> Result:
    return Result(lambda: Session(Source("warehouse", shop.path), guard=guard, cipher=shop.cipher), sql, **options)


@pytest.mark.parametrize("sql", [*BY_KEY, *SPOOLED])
def test_any_place_of_any_result_is_that_of_the_whole(shop: Shop, masked: Session, sql: str) -> None:
    whole = masked.run(sql, limits=QueryLimits(rows=0))
    with closing(opened(shop, sql)) as result:
        before_it_is_ready = result.last(30) if sql in BY_KEY else whole.rows[-30:]
        assert result.wait(30)
        assert (result.problem, result.row_count(), result.columns) == (None, len(whole.rows), whole.columns)
        assert (result._keyed is not None) == (sql in BY_KEY)
        for offset in (0, 90, 100, 999, 1000, len(whole.rows) // 2, len(whole.rows) - 7):
            assert result.window(offset, 40) == whole.rows[offset : offset + 40]
        assert result.last(30) == before_it_is_ready == whole.rows[-30:]


@settings(max_examples=40, deadline=None)
@given(
    conditions=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["<", ">=", "!=", "="]), st.integers(-2, 60)), max_size=2
    ),
    order=st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=2),
    offset=st.integers(0, 3_000),
)
def test_a_shaped_result_is_the_same_by_window_from_its_end_and_as_a_whole(
    shop: Shop, conditions: list[tuple[int, str, int]], order: list[tuple[int, bool]], offset: int
) -> None:
    sql = f"SELECT transaction_id, store_id, quantity_sold, p.category FROM {FACTS} JOIN Product_Table p "
    sql += "USING (product_id)"
    shape = Shape(
        order=tuple(Order(column, descending) for column, descending in order),
        conditions=tuple(parse_condition(column, f"{sign} {value}") for column, sign, value in conditions),
    )
    with closing(opened(shop, sql, shape=shape)) as result, Session(Source("warehouse", shop.path)) as session:
        whole = session.run(result.sql, result.parameters, limits=QueryLimits(rows=0)).rows
        assert result.last(20) == whole[-20:]
        assert result.wait(30)
        assert result.row_count() == len(whole)
        assert result.window(offset, 20) == whole[offset : offset + 20]


@pytest.mark.parametrize("order", ["", " ORDER BY quantity_sold, transaction_id", " ORDER BY transaction_id DESC"])
@pytest.mark.parametrize("limit", [1, 50, 100, 101, 1000, 2500, 2999, 3000, 5000])
def test_a_result_ends_at_its_row_limit_and_says_so(shop: Shop, masked: Session, order: str, limit: int) -> None:
    sql = f"SELECT transaction_id, quantity_sold FROM {FACTS}{order}"
    whole = masked.run(sql, limits=QueryLimits(rows=0)).rows
    with closing(opened(shop, sql, limits=QueryLimits(rows=limit))) as result:
        assert result.wait(30)
        assert result.row_count() == min(limit, len(whole))
        assert result.truncated == (limit < len(whole))
        assert result.last(5) == whole[:limit][-5:]
        assert result.window(limit - 3, 50) == whole[:limit][limit - 3 :]


@pytest.mark.parametrize("load", [0.0, 1000.0])
def test_the_last_rows_are_there_when_slow_first_rows_are_or_soon_on_a_busy_machine(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, load: float
) -> None:
    monkeypatch.setattr("os.getloadavg", lambda: (load, load, load))
    slow = "abs(length(hex(zeroblob(100000 + quantity_sold))))"
    sql = f"SELECT transaction_id FROM {FACTS} ORDER BY {slow}, transaction_id % 10"
    with closing(opened(shop, sql)) as result:
        last = result.last(50)
        assert result._end is not None
        assert result.wait(30)
        assert last == result.window(2950, 50)


@pytest.mark.parametrize("sql", WINDOWED)
def test_every_window_is_a_part_of_the_whole(shop: Shop, masked: Session, sql: str) -> None:
    whole = masked.run(sql, limits=QueryLimits(rows=100_000))
    with closing(opened(shop, sql)) as result:
        assert result.columns == whole.columns
        assert result.first == whole.rows[:100]
        early = result.window(400, 50)
        assert result.wait(20)
        assert result.problem is None
        assert result.row_count() == len(whole.rows)
        assert early == result.window(400, 50) == whole.rows[400:450]
        assert result.window(190, 30) == whole.rows[190:220]
        assert result.window(len(whole.rows) - 5, 50) == whole.rows[-5:]
        assert result.window(len(whole.rows) + 5, 50) == []
        assert result.last(7) == whole.rows[-7:]


def test_a_table_whose_keys_have_gaps_is_found_by_anchors(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.build(rows=5_000)
    shop.write("DELETE FROM Sales_Transactions_Table WHERE transaction_id % 3 = 1")
    whole = shop.rows("SELECT transaction_id FROM Sales_Transactions_Table ORDER BY 1")
    with closing(opened(shop, "SELECT transaction_id FROM Sales_Transactions_Table")) as result:
        assert result.wait(20)
        assert result.row_count() == len(whole)
        for offset in (0, 250, 999, 1000, 1001, 2500, len(whole) - 3):
            assert result.window(offset, 20) == whole[offset : offset + 20]


def test_a_small_result_is_complete_at_once(shop: Shop) -> None:
    with closing(opened(shop, "SELECT store_id FROM Store_Table WHERE store_id < 4")) as result:
        assert (result.complete, result.row_count(), result.last(2)) == (True, 3, [(2,), (3,)])


def test_a_clear_session_browses_clear_cells(shop: Shop) -> None:
    sql = (
        "SELECT s.transaction_id, customer_name FROM Sales_Transactions_Table s JOIN Customer_Table USING (customer_id)"
    )
    with closing(opened(shop, sql, Clear())) as result:
        assert result.wait(20)
        assert all(MASK not in str(row[1]) for row in result.last(3))


def test_cancelling_a_result_ends_its_spooling(shop: Shop) -> None:
    sql = "SELECT a.transaction_id FROM Sales_Transactions_Table a, Sales_Transactions_Table b, Store_Table c"
    result = opened(shop, sql)
    assert len(result.first) == 100
    result.cancel()
    assert result.wait(10)
    assert isinstance(result.problem, QueryStopped)
    with pytest.raises(QueryStopped, match="cancelled"):
        result.last(5)
    result.close()
