"""The chart that suits a result, and its numbers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.chart_choice import MOST_LABELS, OTHER, ChartChoice, ChartData, choose, pivot
from warehouse.models import Cell
from warehouse.opened import Kind, kinds

Rows = list[tuple[Cell, ...]]


def chart(columns: list[str], rows: Rows, **asked: Any) -> tuple[ChartChoice, ChartData]:
    choice = choose(columns, kinds(columns, rows), rows, **asked)
    return choice, pivot(rows, choice)


def test_a_label_and_a_number_are_bars_in_the_order_of_the_rows() -> None:
    choice, data = chart(["region", "total_sales_amount"], [("West", 5.5), ("East", 3.0)])
    assert (choice.kind, choice.label, choice.value, choice.because) == ("bars", 0, 1, "total_sales_amount by region")
    assert data == ChartData(("West", "East"), (("", (5.5, 3.0)),))


@pytest.mark.parametrize(
    ("columns", "rows", "labels"),
    [
        (["date", "n"], [("2025-02-01", 5), ("2025-01-01", 3)], ("2025-01-01", "2025-02-01")),
        (["time_id", "n"], [(20250201, 5), (20250101, 3)], ("2025-01-01", "2025-02-01")),
        (["year", "month_number", "month", "n"], [(2025, 11, "November", 5), (2025, 2, "February", 3)],
         ("2025-02", "2025-11")),
        (["year", "quarter", "n"], [(2025, "Q2", 5), (2025, "Q1", 3)], ("2025 Q1", "2025 Q2")),
        (["year", "n"], [(2026, 5), (2025, 3)], ("2025", "2026")),
        (["month", "n"], [("March", 5), ("February", 3)], ("February", "March")),
        (["hour", "n"], [("2025-01-01T02:00:00.000Z", 5), ("2025-01-01T01:00:00.000Z", 3)],
         ("2025-01-01T01:00:00.000Z", "2025-01-01T02:00:00.000Z")),
    ],
)  # fmt: skip
def test_periods_are_lines_in_the_order_of_time(columns: list[str], rows: Rows, labels: tuple[str, ...]) -> None:
    choice, data = chart(columns, rows)
    assert choice.kind == "lines"
    assert data == ChartData(labels, (("", (3.0, 5.0)),))


def test_a_second_label_makes_series_and_missing_rows_are_gaps() -> None:
    choice, data = chart(["year", "region", "n"], [(2025, "W", 5), (2024, "E", 3), (2024, "W", 1), (2024, None, 2)])
    assert (choice.kind, choice.series) == ("lines", 1)
    assert data.labels == ("2024", "2025")
    assert dict(data.series) == {"W": (1.0, 5.0), "E": (3.0, None), "–": (2.0, None)}


def test_many_series_are_put_together_only_where_they_add_up() -> None:
    rows: Rows = [(region, f"c{n}", n) for region in ("W", "E") for n in range(9)]
    choice, data = chart(["region", "category", "quantity"], rows)
    assert choice.adds_up
    assert [name for name, _ in data.series] == ["c8", "c7", "c6", "c5", "c4", OTHER]
    assert dict(data.series)[OTHER] == (0 + 1 + 2 + 3, 0 + 1 + 2 + 3)
    choice, data = chart(["region", "category", "avg(unit_price)"], rows)
    assert not choice.adds_up
    assert [name for name, _ in data.series] == ["c8", "c7", "c6", "c5", "c4", "c3"]
    assert data.left_out == "3 series are left out: their values do not add up"


@pytest.mark.parametrize(
    ("columns", "rows", "because"),
    [
        (["n"], [], "there are no rows"),
        (["n"], [(1,)], "one row makes no chart"),
        (["region"], [("W",), ("E",)], "no column holds numbers"),
        (["store_id", "city"], [(1, "A"), (2, "B")], "nothing to measure"),
        (["n"], [(None,), (None,)], "no column holds numbers"),
    ],
)
def test_where_no_chart_suits_it_is_said_why(columns: list[str], rows: Rows, because: str) -> None:
    choice, data = chart(columns, rows)
    assert choice.kind == "none"
    assert because in choice.because
    assert data == ChartData((), ())


def test_numbers_alone_are_a_sparkline() -> None:
    choice, data = chart(["amount"], [(1,), (None,), (3,)])
    assert choice.kind == "sparkline"
    assert data.series == (("", (1.0, None, 3.0)),)


def test_keys_are_no_measures_and_words_come_before_keys() -> None:
    choice, _ = chart(["store_id", "store_name", "n"], [(1, "A", 5), (2, "B", 3)])
    assert (choice.label, choice.value) == (1, 2)
    choice, _ = chart(
        ["store_name", "year", "month", "revenue"], [("A", 2026, "October", 5.0), ("B", 2026, "October", 4.0)]
    )
    assert (choice.kind, choice.label, choice.value) == ("bars", 0, 3)


@pytest.mark.parametrize(
    ("columns", "value"),
    [
        (["region", "year", "month", "rev", "n"], "rev"),
        (["region", "total_sales_amount", "quantity_sold", "COUNT(*)"], "total_sales_amount"),
        (["region", "COUNT(*)", "SUM(quantity_sold)", "height"], "SUM(quantity_sold)"),
        (["region", "height", "fact_count"], "height"),
        (["region", "store_id", "year", "n"], "n"),
    ],
)
def test_money_comes_first_then_sums_and_counts_last_but_no_time_or_key(columns: list[str], value: str) -> None:
    rows: Rows = [tuple("WE"[n] if name == "region" else 2024 + n for name in columns) for n in (0, 1)]
    choice, _ = chart(columns, rows)
    assert choice.value == columns.index(value)


def test_what_somebody_asks_for_is_kept() -> None:
    columns = ["region", "city", "n", "total"]
    rows: Rows = [("W", "a", 1, 5.0), ("E", "b", 2, 3.0), ("W", "b", 2, 4.0)]
    choice, data = chart(columns, rows, kind="lines", label=1, value=2, series=0)
    assert (choice.kind, choice.label, choice.value, choice.series) == ("lines", 1, 2, 0)
    assert data == ChartData(("a", "b"), (("W", (1.0, 2.0)), ("E", (None, 2.0))))
    assert choose(columns, kinds(columns, rows), rows, value=0).because == "region holds no numbers"
    assert chart(columns, rows, kind="sparkline")[1].series == (("", (5.0, 3.0, 4.0)),)


def test_bars_that_nobody_could_look_through_are_left_out_and_said() -> None:
    _, data = chart(["city", "n"], [(f"c{n}", n) for n in range(MOST_LABELS + 5)])
    assert len(data.labels) == MOST_LABELS
    assert data.left_out == "5 more labels are left out"


CELLS = st.one_of(st.none(), st.integers(-5, 5), st.floats(-9, 9), st.sampled_from(["a", "b", "March", "2025-01-01"]))


NAMES = st.sampled_from(["year", "month", "region", "n", "total_sales_amount", "date", "id", ""])
RESULTS = st.lists(NAMES, min_size=1, max_size=4).flatmap(
    lambda names: st.tuples(st.just(names), st.lists(st.tuples(*[CELLS] * len(names)), max_size=12))
)


@given(RESULTS)
def test_every_result_has_a_chart_that_fits_together_or_none(result: tuple[list[str], Rows]) -> None:
    columns, rows = result
    choice, data = chart(columns, rows)
    assert choice.because
    assert all(len(values) == len(data.labels) for _, values in data.series)
    if choice.kind != "none" and choice.value is not None and choice.adds_up and not data.left_out:
        numbers = [row[choice.value] for row in rows]
        expected = sum(cell for cell in numbers if isinstance(cell, int | float))
        drawn = sum(value for _, values in data.series for value in values if value is not None)
        assert drawn == pytest.approx(expected)


def test_plain_sales_are_added_up_over_time_without_a_line_for_each_key() -> None:
    columns = ("transaction_id", "time_id", "store_id", "product_id", "quantity_sold", "total_sales_amount", "batch_id")
    kinds = (*[Kind.INTEGER] * 5, Kind.MONEY, Kind.INTEGER)
    rows = [(1, 20260101, 5, 9, 1, 2.5, 1), (2, 20260101, 6, 8, 2, 4.5, 1), (3, 20260102, 5, 8, 1, 1.0, 1)]
    choice = choose(columns, kinds, rows)
    assert (choice.kind, choice.value, choice.series) == ("lines", 5, None)
    assert pivot(rows, choice).series[0][1] == (7.0, 1.0)


def test_a_measure_that_adds_up_comes_before_an_average() -> None:
    rows = [("West", 10.0, 2.5), ("East", 20.0, 3.5)]
    kinds = (Kind.TEXT, Kind.MONEY, Kind.NUMBER)
    assert choose(("region", "total_sales_amount", "AVG(quantity_sold)"), kinds, rows).value == 1
