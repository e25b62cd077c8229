"""Exporting an open result, explaining a query and counting tables, through the actions of a real workspace."""

from __future__ import annotations

import csv
import json
import re
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NoReturn

import pytest

from console.actions.permissions import PermissionDenied
from console.actions.warehouse_queries import WarehouseQueries
from console.config_file import create_workspace
from console.settings import Settings, load_settings
from console.wiring.warehouse import cell_cipher, open_store
from console.wiring.warehouse_queries import warehouse_queries
from warehouse import practice_data
from warehouse.browse import FIRST_ROWS
from warehouse.errors import QueryRefused, QueryStopped
from warehouse.limits import QueryLimits
from warehouse.models import FACT, MASK
from warehouse.shaping import Compare, Condition, Order, Shape

ROWS = 3_000


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("workspace")
    create_workspace(home, production=False)
    found = load_settings({"LAKEWARDEN_HOME": str(home)})
    practice_data.build(
        open_store(found),
        practice_data.PracticeSpec(ROWS, 1, date(2026, 10, 31)),
        practice=True,
        cipher=cell_cipher(found),
        now=datetime(2026, 11, 23, tzinfo=UTC),
    )
    return found


@pytest.fixture
def queries(settings: Settings) -> Iterator[WarehouseQueries]:
    found = warehouse_queries(settings)
    yield found
    found.close()


def lines(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def exported(queries: WarehouseQueries, text: str, *, shape: Shape | None = None, **options: Any) -> list[list[str]]:
    opened = queries.open(text) if shape is None else queries.open(text, shape=shape)
    try:
        return lines(queries.export(opened, "csv", **options).path)
    finally:
        opened.result.close()


def test_the_whole_result_is_exported_as_it_is_sorted_and_filtered(queries: WarehouseQueries) -> None:
    text = f"SELECT transaction_id, quantity_sold FROM {FACT}"
    every = exported(queries, text)
    assert len(every) == ROWS + 1
    shape = Shape(order=(Order(0, descending=True),), conditions=(Condition(1, Compare.AT_LEAST, 3),))
    shaped = exported(queries, text, shape=shape)
    assert shaped[1:] == [row for row in reversed(every[1:]) if int(row[1]) >= 3]


def test_a_result_of_few_rows_is_exported_as_it_is_shown(settings: Settings, queries: WarehouseQueries) -> None:
    opened = queries.open_question("revenue-by-category")
    try:
        done = queries.export(opened, "json", name="Revenue by category")
        found = json.loads(done.path.read_text(encoding="utf-8"))
        assert found == {"columns": list(opened.columns), "rows": [list(row) for row in opened.result.first]}
        assert done.path.parent == settings.exports_dir
        assert re.fullmatch(r"revenue-by-category-\d{8}T\d{6}Z\.json", done.path.name)
        assert re.search(r"\d+\.\d\d,", done.path.read_text(encoding="utf-8"))
    finally:
        opened.result.close()


@pytest.mark.parametrize("end", ["", " ORDER BY quantity_sold", " LIMIT 2500"])
def test_no_more_rows_are_exported_than_the_limit_shows(queries: WarehouseQueries, end: str) -> None:
    opened = queries.open(f"SELECT transaction_id FROM {FACT}{end}", limits=QueryLimits(rows=500))
    try:
        shown = opened.result.window(0, 1_000)
        rows = lines(queries.export(opened, "csv").path)[1:]
    finally:
        opened.result.close()
    assert rows == [[str(row[0])] for row in shown]
    assert len(rows) == 500


def test_masked_cells_are_exported_masked(queries: WarehouseQueries) -> None:
    rows = exported(queries, "SELECT s.store_id, customer_name, address FROM Customer_Table JOIN Store_Table s ON 1")[
        1:
    ]
    assert len(rows) > FIRST_ROWS
    assert {(name, address) for _, name, address in rows} == {(MASK, MASK)}


def test_progress_is_told_and_a_cancelled_export_leaves_nothing(settings: Settings, queries: WarehouseQueries) -> None:
    before = set(settings.exports_dir.glob("*")) | set(settings.exports_dir.glob(".*"))
    opened = queries.open(f"SELECT a.* FROM {FACT} a JOIN Store_Table s ON 1")
    stop, seen = threading.Event(), []

    def progress(done: int, whole: int | None) -> None:
        seen.append((done, whole))
        stop.set()

    try:
        with pytest.raises(QueryStopped):
            queries.export(opened, "csv", progress=progress, stop=stop)
    finally:
        opened.result.close()
    assert [done for done, _ in seen] == [5_000]
    assert set(settings.exports_dir.glob("*")) | set(settings.exports_dir.glob(".*")) == before


def test_an_explanation_says_where_a_query_is_answered_and_how(queries: WarehouseQueries) -> None:
    sql = f"SELECT region, SUM(quantity_sold) FROM {FACT} JOIN Store_Table USING (store_id) GROUP BY region"
    aggregate = queries.explain(sql)
    assert aggregate.answered_from == "Yearly_Region_Product_Aggregate_Table"
    facts = queries.explain(sql, aggregates=False)
    assert facts.lines()[0] == f"scans {FACT}: {ROWS:,} rows"
    assert queries.explain("SELECT * FROM Store_Table WHERE store_id = :id", parameters={"id": 1}).lines() == [
        "looks up Store_Table by its key"
    ]
    with pytest.raises(QueryRefused, match="only one SELECT"):
        queries.explain("DROP TABLE Store_Table")


def test_tables_are_counted_one_by_one_and_the_catalogue_says_what_is_masked(queries: WarehouseQueries) -> None:
    counted = dict(queries.row_counts())
    found = queries.catalogue()
    assert counted == {table.name: table.rows for table in found.tables}
    assert counted[FACT] == ROWS
    masked = {(table.name, column.name) for table in found.tables for column in table.columns if column.masked}
    assert masked == {("Customer_Table", "customer_name"), ("Customer_Table", "address")}


class _Nothing:
    """Permits nothing."""

    def require(self, action: str, resource: str) -> None:
        raise PermissionDenied(f"{action} on {resource}")

    def use(self, action: str, resource: str) -> NoReturn:
        raise PermissionDenied(f"{action} on {resource}")


def test_without_permission_nothing_is_explained_exported_or_counted(queries: WarehouseQueries) -> None:
    opened = queries.open("SELECT 1")
    queries._permissions = _Nothing()
    try:
        with pytest.raises(PermissionDenied):
            queries.export(opened, "csv")
        with pytest.raises(PermissionDenied):
            queries.explain("SELECT 1")
        with pytest.raises(PermissionDenied):
            queries.row_counts()
    finally:
        opened.result.close()
