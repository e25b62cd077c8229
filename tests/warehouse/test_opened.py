"""Results as the screen opens them: where they were answered, shaped, masked, stopped, and read beside loads."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from tests.conftest import ROOT, wait_until
from tests.warehouse.shop import Shop
from warehouse import governed, temp_room
from warehouse import limits as limits_of_queries
from warehouse.browser import Browser
from warehouse.engines.sqlite import SqliteEngine
from warehouse.errors import QueryRefused, QueryStopped
from warehouse.governed import Session, Source
from warehouse.limits import QueryLimits
from warehouse.models import MASK, Cell
from warehouse.opened import Kind, kinds
from warehouse.ports import ColumnGuard, Showing
from warehouse.questions import Questions
from warehouse.shaping import Compare, Condition, Order, Shape, parse_condition

FACTS = "Sales_Transactions_Table"
CUSTOMERS = "SELECT customer_id, customer_name, address, membership_level FROM Customer_Table"
ALL = QueryLimits(rows=0)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    shop.build(rows=3_000)
    return shop


def browser_of(shop: Shop, guard: ColumnGuard | None = None) -> Browser:
    source = Source("warehouse", shop.path)
    return Browser(
        "warehouse",
        open_engine=lambda: SqliteEngine(source, guard=guard, cipher=shop.cipher),
        open_session=lambda: Session(source, guard=guard, cipher=shop.cipher),
    )


@pytest.fixture
def browser(shop: Shop) -> Iterator[Browser]:
    with closing(browser_of(shop)) as browser:
        yield browser


# ---- what is told -----------------------------------------------------------


def test_a_query_goes_through_the_navigator_and_says_where_it_was_answered(browser: Browser) -> None:
    sql = f"SELECT region, SUM(total_sales_amount) FROM {FACTS} JOIN Store_Table USING (store_id) GROUP BY region"
    opened = browser.open(sql)
    plain = browser.open(sql, aggregates=False)
    with closing(opened.result), closing(plain.result):
        assert opened.source == ("Yearly_Region_Product_Aggregate_Table",)
        assert "smallest" in opened.because
        assert "Yearly_Region_Product_Aggregate_Table" in opened.sql
        assert (opened.text, opened.columns) == (sql, ("region", "SUM(total_sales_amount)"))
        assert opened.kinds == (Kind.TEXT, Kind.MONEY)
        assert (plain.source, plain.sql) == ((FACTS,), sql)
        money = [[round(float(str(row[1])), 2) for row in sorted(r.result.first)] for r in (opened, plain)]
        assert money[0] == money[1]
        assert opened.elapsed_ms > 0


def test_a_column_is_of_one_kind_wherever_it_was_answered(browser: Browser) -> None:
    sql = f"SELECT count(*) AS n, avg(total_sales_amount) AS v FROM {FACTS}"
    opened, plain = browser.open(sql), browser.open(sql, aggregates=False)
    with closing(opened.result), closing(plain.result):
        assert opened.source != plain.source
        assert opened.kinds == plain.kinds == (Kind.INTEGER, Kind.MONEY)


def test_a_question_is_opened_with_its_as_of_date(browser: Browser) -> None:
    question = Questions(Path("/none")).find("top-products-by-region")
    opened = browser.open_question(question)
    facts = browser.open_question(question, as_of=date(2026, 10, 31), aggregates=False)
    with closing(opened.result), closing(facts.result):
        assert opened.notes == ("as of 2026-10-31 (the last day with sales)",)
        assert facts.notes == ("as of 2026-10-31 (as asked)",)
        assert opened.source == ("Yearly_Region_Product_Aggregate_Table",)
        assert facts.source == (FACTS,)
        assert "as asked" in facts.because
        assert opened.result.first == facts.result.first
        narrowed = browser.reshape(
            opened, Shape((Order(4),), (parse_condition(0, "=West"), parse_condition(1, "<= 3")))
        )
        with closing(narrowed.result):
            assert {row[0] for row in narrowed.result.first} == {"West"}
            assert narrowed.notes == opened.notes
    with pytest.raises(QueryRefused, match="has no parameter"):
        browser.open_question(question, values={"x": "1"})


def test_a_result_is_sorted_and_filtered_again_while_the_first_stays_open(shop: Shop, browser: Browser) -> None:
    sql = f"SELECT transaction_id, quantity_sold AS q, quantity_sold AS q FROM {FACTS}"
    opened = browser.open(sql)
    shape = Shape((Order(2, descending=True), Order(0)), (Condition(1, Compare.MORE, 1),))
    sorted_ = browser.reshape(opened, shape)
    with closing(opened.result), closing(sorted_.result):
        whole = shop.rows(f"{sql} WHERE quantity_sold > 1 ORDER BY 2 DESC, 1")
        assert sorted_.result.first == whole[:100]
        assert sorted_.result.wait(20)
        assert sorted_.result.window(700, 30) == whole[700:730]
        assert sorted_.result.last(5) == whole[-5:]
        assert (sorted_.columns, sorted_.shape) == (("transaction_id", "q", "q"), shape)
        assert opened.result.window(0, 2) == [*shop.rows(f"{sql} ORDER BY 1 LIMIT 2")]
        nothing = browser.reshape(sorted_, Shape((), (Condition(0, Compare.IS, "x"),)))
        with closing(nothing.result):
            assert (nothing.result.first, nothing.kinds) == ([], opened.kinds)
        with pytest.raises(QueryRefused, match="no column 4"):
            browser.reshape(opened, Shape((Order(3),)))


def test_a_query_with_a_limit_of_its_own_keeps_its_rows_when_it_is_sorted(browser: Browser) -> None:
    opened = browser.open(f"SELECT transaction_id, quantity_sold FROM {FACTS} LIMIT 900")
    sorted_ = browser.reshape(opened, Shape((Order(1, descending=True),)))
    with closing(opened.result), closing(sorted_.result):
        assert opened.result.wait(20)
        assert sorted_.result.wait(20)
        assert sorted(sorted_.result.window(0, 1_000)) == sorted(opened.result.window(0, 1_000))


def test_columns_have_kinds() -> None:
    names = (
        "id",
        "share",
        "total_sales_amount",
        "SUM(s.unit_price)",
        "day",
        "weekend",
        "raw",
        "n",
        "mixed",
        "cents_amount",
    )
    rows: list[tuple[Cell, ...]] = [
        (1, 0.5, 1.5, 3, "2026-01-31", "Yes", b"x", None, 1, "a"),
        (None, 1, 2, 4.5, "2026-01-31T10:00:00Z", "No", None, None, "1", "b"),
    ]
    assert kinds(names, rows) == (
        Kind.INTEGER, Kind.NUMBER, Kind.MONEY, Kind.MONEY, Kind.DATE,
        Kind.FLAG, Kind.BLOB, Kind.NONE, Kind.TEXT, Kind.TEXT,
    )  # fmt: skip
    assert kinds(("a", "total_sales_amount"), [(None, None)]) == (Kind.NONE, Kind.MONEY)


# ---- what is kept for the next one -------------------------------------------


class Switch:
    """Shows everything or nothing, as it stands."""

    def __init__(self) -> None:
        self.stands = Showing.MASKED

    def showing(self, table: str, column: str) -> Showing:
        return self.stands

    def unreadable(self) -> None: ...


def test_a_decision_that_changed_holds_for_the_next_result(shop: Shop) -> None:
    guard = Switch()
    with closing(browser_of(shop, guard)) as browser:
        for stands in (Showing.CLEAR, Showing.MASKED, Showing.CLEAR, Showing.MASKED):
            guard.stands = stands
            opened = browser.open(CUSTOMERS)
            opened.result.close()
            masked = {row[1] for row in opened.result.first} == {MASK}
            assert masked == (stands is Showing.MASKED)


def test_another_file_in_the_place_of_the_first_is_what_is_read(tmp_path: Path) -> None:
    old, new = Shop(tmp_path / "old").with_master_data(), Shop(tmp_path / "new").with_master_data()
    new.load_sales((1, 20260228, 1, 1, 1, 1, "1.99"))
    new.warehouse.checkpoint()
    with closing(browser_of(old)) as browser:
        opened = browser.open(f"SELECT * FROM {FACTS}")
        opened.result.close()
        assert opened.result.first == []
        new.path.replace(old.path)
        for beside in ("-wal", "-shm"):
            old.path.with_name(old.path.name + beside).unlink(missing_ok=True)
        again = browser.open(f"SELECT * FROM {FACTS}")
        again.result.close()
        assert len(again.result.first) == 1


@pytest.mark.parametrize("order", ["", " ORDER BY store_id", " GROUP BY transaction_id"])
def test_a_closed_result_says_so_and_never_stops_the_next(browser: Browser, order: str) -> None:
    opened = browser.open(f"SELECT transaction_id FROM {FACTS}{order}")
    assert opened.result.wait(20)
    opened.result.close()
    after = browser.open(f"SELECT transaction_id FROM {FACTS}")
    opened.result.cancel()
    opened.result.close()
    with closing(after.result):
        with pytest.raises(QueryStopped, match="closed"):
            opened.result.window(500, 10)
        with pytest.raises(QueryStopped, match="closed"):
            opened.result.last(10)
        assert after.result.window(500, 1) == [(501,)]


def test_a_result_closed_before_its_keys_were_looked_for_leaves_the_next_one_its_session(browser: Browser) -> None:
    opened = browser.open(f"SELECT transaction_id FROM {FACTS}")
    opened.result.close()
    with closing(browser.open(f"SELECT transaction_id FROM {FACTS}").result) as after:
        assert after._session is opened.result._session
        before = after._session.tables_read(after.sql)
        with pytest.raises(QueryStopped, match="closed"):
            opened.result.last(10)
        assert after._session.tables_read(after.sql) == before


def test_whatever_goes_wrong_behind_a_result_is_told(
    browser: Browser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_arguments: object, **_options: object) -> None:
        raise TypeError("unforeseen")

    monkeypatch.setattr("warehouse.browse.find_anchors", fails)
    with closing(browser.open(f"SELECT transaction_id FROM {FACTS}").result) as result:
        assert result.wait(20)
        assert str(result.problem) == "the rest of the result cannot be had: unforeseen"
        assert result.window(500, 1) == [(501,)]
    assert "could not be prepared" in caplog.text


class Clear:
    """Shows everything."""

    def showing(self, table: str, column: str) -> Showing:
        return Showing.CLEAR

    def unreadable(self) -> None: ...


def test_what_a_clear_session_keeps_has_a_limit_too(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits_of_queries, "MAX_TEMP_PAGES", 20)
    with closing(browser_of(shop, Clear())) as browser:
        sql = f"SELECT a.transaction_id, b.store_id FROM {FACTS} a, Store_Table b"
        with closing(browser.open(sql).result) as result:
            assert result.wait(20)
            assert "needs more room" in str(result.problem)


# ---- hostile use ----------------------------------------------------------------


@pytest.mark.parametrize("column", [1, 2])
@pytest.mark.parametrize("descending", [False, True])
def test_masks_give_nothing_away_by_order_or_filter(
    browser: Browser, shop: Shop, column: int, descending: bool
) -> None:
    opened = browser.open(CUSTOMERS)
    with closing(opened.result):
        sorted_ = browser.reshape(opened, Shape((Order(column, descending),)))
        with closing(sorted_.result):
            assert sorted_.result.wait(20)
            count = sorted_.result.row_count() or 0
            found = sorted_.result.window(0, count)
            assert [row[0] for row in found] == list(range(1, count + 1))  # as they lie, whatever the names are
            assert {row[column] for row in found} == {MASK}
        name, sealed = shop.rows("SELECT customer_id, customer_name FROM Customer_Table LIMIT 1")[0]
        clear = shop.cipher.open(sealed, table="Customer_Table", column="customer_name", row=name)
        for text in (f"={clear}", clear[:3], clear.split()[-1], "> A", "empty"):
            filtered = browser.reshape(opened, Shape((), (parse_condition(column, text),)))
            filtered.result.close()
            assert filtered.result.row_count() in (0, None) if text != "> A" else filtered.result.first[0][1] == MASK
        sealed_bytes = browser.reshape(opened, Shape((), (Condition(column, Compare.MORE, b""),)))
        sealed_bytes.result.close()
        assert sealed_bytes.result.first == []


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT customer_name FROM main.Customer_Table",
        "WITH Customer_Table AS (SELECT * FROM main.Customer_Table) SELECT * FROM Customer_Table",
        "SELECT 1 AS address FROM (SELECT 1 AS address) x FULL JOIN main.Customer_Table USING (address)",
        "DELETE FROM Store_Table",
        "SELECT 1; SELECT 2",
        "SELECT load_extension('x')",
        "SELECT 1) UNION SELECT (2",
        "SELECT 1 FROM Store_Table WHERE 1) OR (1",
    ],
)
def test_what_is_refused_alone_is_refused_when_shaped(browser: Browser, sql: str) -> None:
    for shape in (Shape(), Shape((Order(0),)), Shape((), (Condition(0, Compare.NOT_EMPTY),))):
        with pytest.raises(QueryRefused):
            browser.open(sql, shape=shape)
    opened = browser.open("SELECT 1")
    opened.result.close()
    assert opened.result.first == [(1,)]


NAMES = [
    'x" FROM Customer_Table --',
    "c0",
    "shown_rows",
    "k0",
    "",
    ";",
    "a'b",
    "*",
    "{rows}",
    "%s",
    ":x",
    "counted",
    "\\",
]


def test_hostile_column_names_are_only_names(browser: Browser) -> None:
    listed = ", ".join('transaction_id AS "{}"'.format(name.replace('"', '""')) for name in NAMES)
    opened = browser.open(f"SELECT {listed} FROM {FACTS}", shape=Shape())
    shaped = browser.reshape(
        opened, Shape((Order(3, descending=True),), tuple(Condition(n, Compare.MORE, 9) for n in range(13)))
    )
    with closing(opened.result), closing(shaped.result):
        assert opened.columns == shaped.columns == tuple(NAMES)
        assert shaped.result.first[0][0] == 3000
        assert shaped.result.wait(20)
        assert shaped.result.last(1) == [(10,) * 13]
        for column in range(len(NAMES)):
            assert browser.facets(shaped, column).distinct == 2991
            assert browser.summary(opened, column).rows == 3000


BOMBS = [
    "WITH RECURSIVE x(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM x) SELECT i FROM x",
    # Of all three, so that no filter is decided before the last is reached.
    f"SELECT a.quantity_sold + b.quantity_sold + c.quantity_sold FROM {FACTS} a, {FACTS} b, {FACTS} c",
]


@pytest.mark.parametrize("sql", BOMBS)
def test_a_bomb_within_a_shaped_query_is_stopped_at_the_time_limit(browser: Browser, sql: str) -> None:
    opened = browser.open(sql, limits=QueryLimits(timeout_s=0.4, rows=0))
    with closing(opened.result):
        assert len(opened.result.first) == 100
        started = time.monotonic()
        for shape in (Shape((Order(0, descending=True),)), Shape((), (Condition(0, Compare.IS, "never"),))):
            with pytest.raises(QueryStopped, match=r"longer than 0\.4 s"):
                browser.reshape(opened, shape)
        assert time.monotonic() - started < 8


def test_a_result_is_cancelled_at_any_moment_and_the_next_query_works(browser: Browser) -> None:
    sql = f"SELECT a.transaction_id, b.store_id FROM {FACTS} a JOIN {FACTS} b ON b.store_id = a.store_id ORDER BY 2, 1"
    for delay_s in (0.0, 0.001, 0.004, 0.015, 0.04, 0.07, 0.15):
        stop = threading.Event()
        timer = threading.Timer(delay_s, stop.set)
        timer.start()
        try:
            opened = browser.open(sql, stop=stop)
        except QueryStopped as error:
            assert "cancelled" in str(error)  # noqa: PT017 - either may come first
        else:
            cancel = threading.Timer(delay_s, opened.result.cancel)
            cancel.start()
            assert opened.result.wait(20)
            opened.result.close()
            cancel.join()
        timer.join()
        after = browser.open("SELECT count(*) FROM Store_Table")
        after.result.close()
        assert after.result.first == [(200,)]


def test_a_spool_without_room_on_the_disk_is_told_in_words(
    shop: Shop, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = f"SELECT DISTINCT a.transaction_id, b.store_id FROM {FACTS} a, Store_Table b"
    monkeypatch.setattr(limits_of_queries, "MAX_TEMP_PAGES", 300)
    opened = browser_of(shop).open(sql)
    with closing(opened.result):
        assert opened.result.wait(30)
        assert "more room on the disk" in str(opened.result.problem)
        with pytest.raises(QueryStopped, match="more room on the disk"):
            opened.result.last(5)
        assert len(opened.result.window(0, 10)) == 10


def test_a_spool_that_takes_too_much_of_the_disk_is_stopped(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large sorts are kept in files without names, which have no limit of their own."""
    free = iter([2**40])
    monkeypatch.setattr(temp_room, "free_bytes", lambda _folder: next(free, 2**40 - temp_room.MAX_TAKEN_BYTES - 1))
    opened = browser.open(f"SELECT DISTINCT a.transaction_id, b.store_id FROM {FACTS} a, Store_Table b")
    with closing(opened.result):
        assert opened.result.wait(30)
        assert "more room on the disk" in str(opened.result.problem)


# ---- beside loads ------------------------------------------------------------


LOADER = """
import sys, time
from pathlib import Path
from tests.warehouse.shop import Shop
shop = Shop(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for batch in range(int(sys.argv[2])):
    first = 10_000 + batch * 500
    shop.load_sales(*((first + n, 20261001, 1 + n % 4, 1, 1, 1, "1.00") for n in range(500)))
    print("loaded", flush=True)
"""


def test_a_result_says_that_the_data_changed_and_the_next_one_has_it(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.build(rows=3_000)
    with closing(browser_of(shop)) as browser:
        by_key = browser.open(f"SELECT transaction_id FROM {FACTS}")
        spooled = browser.open(f"SELECT store_id, transaction_id FROM {FACTS} GROUP BY transaction_id")
        with closing(by_key.result), closing(spooled.result):
            assert by_key.result.wait(20)
            assert spooled.result.wait(20)
            assert not by_key.result.has_changed()
            shop.write(f"DELETE FROM {FACTS} WHERE transaction_id > 2990")
            shop.warehouse.checkpoint()
            assert by_key.result.has_changed()
            assert spooled.result.has_changed()
            assert spooled.result.last(1)[0][1] == 3000
            again = browser.reshape(by_key, Shape())
            with closing(again.result):
                assert not again.result.has_changed()
                assert again.result.last(1) == [(2990,)]


def test_open_results_never_keep_the_log_of_loads_from_being_written_back(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.build(rows=3_000)
    log = shop.path.with_name(shop.path.name + "-wal")
    with closing(browser_of(shop)) as browser:
        opened = [browser.open(f"SELECT * FROM {FACTS}"), browser.open(f"SELECT * FROM {FACTS} ORDER BY store_id")]
        assert all(one.result.wait(20) for one in opened)
        shop.write(f"DELETE FROM {FACTS} WHERE transaction_id > 2000")
        shop.warehouse.checkpoint()
        assert log.stat().st_size == 0
        for one in opened:
            one.result.close()


def test_readers_beside_a_loading_process_wait_for_no_lock_and_see_whole_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(governed, "BUSY_TIMEOUT_S", 0.3)  # whoever waits longer for a lock gets an error
    shop = Shop(tmp_path)
    shop.build(rows=3_000)
    batches = 8
    loader = subprocess.Popen(
        [sys.executable, "-c", LOADER, str(tmp_path), str(batches)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert loader.stdin is not None
    assert loader.stdout is not None
    seen: set[int] = set()
    ended = threading.Event()
    problems: list[BaseException] = []

    def read() -> None:
        try:
            with closing(browser_of(shop)) as browser:
                while not ended.is_set():
                    opened = browser.open(
                        f"SELECT (SELECT count(*) FROM {FACTS}), (SELECT sum(transaction_count) FROM "
                        "Monthly_Store_Category_Aggregate_Table), (SELECT sum(transaction_count) FROM "
                        "Yearly_Sales_Aggregate_Table)"
                    )
                    opened.result.close()
                    ((facts, monthly, yearly),) = opened.result.first
                    assert facts == monthly == yearly
                    seen.add(int(str(facts)))
        except BaseException as error:  # noqa: BLE001 - the thread's boundary: told below
            problems.append(error)

    readers = [threading.Thread(target=read) for _ in range(2)]
    try:
        assert loader.stdout.readline() == "ready\n"
        for reader in readers:
            reader.start()
        wait_until(lambda: seen or problems)
        loader.stdin.write("go\n")
        loader.stdin.flush()
        assert [loader.stdout.readline() for _ in range(batches)] == ["loaded\n"] * batches
        wait_until(lambda: 3_000 + 500 * batches in seen or problems)
    finally:
        ended.set()
        for reader in readers:
            reader.join(20)
        loader.kill()
        loader.communicate()
    assert problems == []
    assert seen <= {3_000 + 500 * batch for batch in range(batches + 1)}
    assert len(seen) > 1
