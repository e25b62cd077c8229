"""Questions against DuckDB's native table and SQLite's facts; what the navigator, masks and windows cost.

`LAKEWARDEN_BENCH_ROWS` sets the rows (1,000,000); `LAKEWARDEN_BENCH_WAREHOUSE` names a warehouse to use instead.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from tests.bench.report import Pairs, interleaved, print_note, print_pairs, print_title, print_value
from tests.warehouse.shop import Shop
from warehouse.browser import Browser
from warehouse.engines.duckdb_loading import csv_relation, public_columns, write_csv
from warehouse.engines.duckdb_text import as_duckdb
from warehouse.engines.sqlite import SqliteEngine
from warehouse.governed import Session, Source
from warehouse.limits import CACHE_KIB, QueryLimits
from warehouse.models import DIMENSIONS, FACT
from warehouse.navigator import Navigator
from warehouse.question_files import values_of
from warehouse.questions import Questions, ask
from warehouse.sql_text import one_select

ROWS = int(os.environ.get("LAKEWARDEN_BENCH_ROWS", "1000000"))
AS_OF = date(2026, 10, 31)
PATIENT = QueryLimits(timeout_s=600, rows=0)
NAVIGATED = (
    "SELECT t.year, t.month, p.category, SUM(s.quantity_sold), SUM(s.total_sales_amount), COUNT(*) "
    "FROM Sales_Transactions_Table s JOIN Time_Table t ON t.time_id = s.time_id "
    "JOIN Product_Table p ON p.product_id = s.product_id WHERE t.year = 2026 GROUP BY t.year, t.month, p.category"
)


def bench() -> None:
    """Print all ratios."""
    print_title(f"warehouse queries, {ROWS:,} facts")
    with tempfile.TemporaryDirectory(prefix="lakewarden-bench-") as name:
        shop = _shop(Path(name))
        engine = SqliteEngine(Source("warehouse", shop.path))
        with closing(engine), duckdb.connect(str(Path(name) / "peer.duckdb"), config={"threads": 2}) as peer:
            _fill(shop, peer, Path(name) / "rows.csv")
            _questions(engine, peer)
            _navigator(engine)
            _masks(shop)
            _default_day(shop)
            _windows(shop)


def _shop(folder: Path) -> Shop:
    if known := os.environ.get("LAKEWARDEN_BENCH_WAREHOUSE"):
        return Shop(Path(known).parent)
    shop = Shop(folder)
    shop.build(rows=ROWS)
    return shop


def _fill(shop: Shop, peer: Any, path: Path) -> None:
    peer.execute("SET enable_progress_bar = false")
    with shop.warehouse.reading() as connection:
        for table in (*DIMENSIONS, FACT):
            columns = public_columns(connection, table)
            write_csv(connection, table, columns, path)
            peer.execute(f"CREATE TABLE {table} AS SELECT * FROM {csv_relation(path, columns)}")
            path.unlink()


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _questions(engine: SqliteEngine, peer: Any) -> None:
    for name, question in Questions(Path("/none")).all()[0].items():
        values = values_of(question, AS_OF, {})
        text = as_duckdb(*one_select(question.facts_sql or ""))

        def ours(question: Any = question) -> float:
            return timed(lambda: ask(engine, question, as_of=AS_OF))

        def duck(text: str = text, values: Any = values) -> float:
            return timed(lambda: peer.execute(text, values).fetchall())

        print_pairs(f"{name}, to DuckDB native", interleaved(ours, duck, pairs=7), unit="ms", target=1.0, scale=1000)
        facts = timed(lambda q=question: ask(engine, q, as_of=AS_OF, aggregates=False, limits=PATIENT))  # type: ignore[misc]
        mine = sorted(ours() for _ in range(5))[2]
        print_pairs(f"{name}, to SQLite's facts", Pairs([mine], [facts]), unit="ms", target=0.01, scale=1000)


def _navigator(engine: SqliteEngine) -> None:
    route = engine.route(NAVIGATED)
    parts = one_select(NAVIGATED)
    print_value(
        "navigator, a query not seen before",
        [timed(lambda: Navigator().route(*parts)) * 1000 for _ in range(20)],
        unit="ms",
        target=10,
    )
    pairs = interleaved(
        lambda: timed(lambda: engine.answer(NAVIGATED)),
        lambda: timed(lambda: engine.session.run(route.sql)),
        pairs=15,
    )
    print_pairs("navigated, to the rewritten SQL", pairs, unit="ms", target=1.3, scale=1000)
    over_ms = [(ours - peer) * 1000 for ours, peer in zip(pairs.ours, pairs.peer, strict=True)]
    print_value("navigated, over the rewritten SQL", over_ms, unit="ms", target=10)


def _masks(shop: Shop) -> None:
    with Session(Source("warehouse", shop.path)) as masked, closing(shop.warehouse.connect(read_only=True)) as plain:
        plain.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        for what, sql in (
            ("masked session, scan of customers", "SELECT COUNT(*), MAX(membership_level) FROM Customer_Table"),
            (
                "masked session, facts and customers",
                f"SELECT membership_level, COUNT(*) FROM {FACT} JOIN Customer_Table USING (customer_id) "
                "WHERE transaction_id <= 1000000 GROUP BY 1",
            ),
        ):
            pairs = interleaved(
                lambda sql=sql: timed(lambda: masked.run(sql)),  # type: ignore[misc]
                lambda sql=sql: timed(lambda: plain.execute(sql).fetchall()),  # type: ignore[misc]
                pairs=9,
            )
            print_pairs(what, pairs, unit="ms", target=1.3, scale=1000)


def _default_day(shop: Shop) -> None:
    def look() -> None:
        with closing(SqliteEngine(Source("warehouse", shop.path))) as engine:
            engine.last_day()

    print_value("the last day with sales", [timed(look) * 1000 for _ in range(7)], unit="ms", target=10)


WINDOWED = {
    "all facts": f"SELECT * FROM {FACT}",
    "all facts, joined": f"SELECT s.transaction_id, p.product_name, s.total_sales_amount FROM {FACT} s "
    "JOIN Product_Table p USING (product_id)",
    "a joined million": f"SELECT s.transaction_id, p.product_name, s.total_sales_amount FROM {FACT} s "
    "JOIN Product_Table p USING (product_id) WHERE s.transaction_id <= 1000000",
    "a sorted million": f"SELECT transaction_id, total_sales_amount FROM {FACT} WHERE transaction_id <= 1000000 "
    "ORDER BY total_sales_amount DESC",
    "an aggregate": "SELECT * FROM Monthly_Sales_Aggregate_Table",
}


def _windows(shop: Shop) -> None:
    source = Source("warehouse", shop.path)
    with closing(
        Browser("warehouse", open_engine=lambda: SqliteEngine(source), open_session=lambda: Session(source))
    ) as browser:
        for what, sql in WINDOWED.items():
            _first_rows(browser, source, what, sql)
            _last_rows(browser, what, sql)
            _shapes(browser, what, sql)


def _first_rows(browser: Browser, source: Source, what: str, sql: str) -> None:
    """What the screen waits for, against the same query with LIMIT 100 as `warehouse sql` answers it."""

    def opened() -> float:
        started = time.perf_counter()
        found = browser.open(sql)
        spent_s = time.perf_counter() - started
        found.result.close()
        return spent_s

    def limited() -> float:
        def run() -> None:
            with closing(SqliteEngine(source)) as engine:
                engine.answer(f"{sql} LIMIT 100")

        return timed(run)

    pairs = interleaved(opened, limited, pairs=9)
    print_pairs(f"{what}: first rows, to LIMIT 100", pairs, unit="ms", target=1.5, scale=1000)
    with Session(source) as session:
        bare = interleaved(opened, lambda: timed(lambda: session.run(f"{sql} LIMIT 100")), pairs=9)
        print_pairs(f"{what}: to it in an open session", bare, unit="ms", target=1.5, scale=1000)


def _last_rows(browser: Browser, what: str, sql: str) -> None:
    before = _resident_mib()
    found = browser.open(sql)
    with closing(found.result) as result:
        end_s = timed(lambda: result.last(50))
        waited_s = end_s + timed(lambda: result.wait(300))
        rows = result.row_count() or 0
        print_value(f"{what}: from first to last rows", [end_s * 1000], unit="ms", target=100 if rows <= 1e6 else 250)
        places = [timed(lambda n=n: result.window(rows * n // 10, 50)) * 1000 for n in range(1, 10)]  # type: ignore[misc]
        print_value(f"{what}: any place, once ready", places, unit="ms", target=50)
        print_note(f"{what}: {rows:,} rows, at once everywhere after {waited_s:.2f} s")
        print_value(f"{what}: memory", [_resident_mib() - before], unit="MiB", target=15)


def _shapes(browser: Browser, what: str, sql: str) -> None:
    found = browser.open(sql, limits=PATIENT)
    with closing(found.result):
        facets_s = timed(lambda: browser.facets(found, 1))
        summary_s = timed(lambda: browser.summary(found, len(found.columns) - 1))
        print_note(f"{what}: facets {facets_s:.2f} s, summary {summary_s:.2f} s")


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
