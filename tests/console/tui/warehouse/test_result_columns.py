"""Column widths come from titles and contents, and which columns are seen moves as little as needed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.tui.warehouse.results.result_cells import look_of
from console.tui.warehouse.results.result_columns import (
    CAP,
    LEAST,
    ROOMY_CAP,
    TITLE_CAP,
    ColumnWidths,
    first_for,
    places,
)
from warehouse.models import Cell
from warehouse.opened import Kind


def widths_of(names: tuple[str, ...], row: tuple[Cell, ...]) -> ColumnWidths:
    looks = [look_of(name, Kind.TEXT if isinstance(v, str) else Kind.INTEGER, [v])
             for name, v in zip(names, row, strict=True)]  # fmt: skip
    return ColumnWidths(names, looks, [row])


def test_a_column_is_as_wide_as_its_title_or_content_up_to_a_cap() -> None:
    found = widths_of(("a", "a_long_title", "text"), (1, 2, "x" * 99))
    assert found.widths(200) == [LEAST, 12, CAP]


def test_wide_characters_count_twice() -> None:
    assert widths_of(("city",), ("東京都区部",)).widths(80) == [10]


def test_long_titles_give_way_before_columns_are_hidden() -> None:
    names = ("a_very_long_title_of_a_column", "another_very_long_title")
    assert widths_of(names, (1, 2)).widths(80) == [29, 23]
    assert widths_of(names, (1, 2)).widths(45) == [ROOMY_CAP, ROOMY_CAP]
    assert widths_of(names, (1, 2)).widths(30) == [TITLE_CAP, TITLE_CAP]


def test_where_columns_are_hidden_all_the_same_titles_are_cut_less_if_there_is_room() -> None:
    names = ("total_sales_cents", *("a_very_long_title_of_a_column",) * 20)
    many = widths_of(names, (1,) * 21)
    assert many.widths(80) == [17, *[ROOMY_CAP] * 20]
    assert many.widths(54) == [TITLE_CAP] * 21


def test_larger_numbers_of_later_rows_make_room_for_themselves_and_texts_do_not() -> None:
    found = widths_of(("n", "t"), (1, "x"))
    assert found.learn_numbers([(123_456_789, "y" * 20)])
    assert found.widths(80) == [len("123,456,789"), LEAST]
    assert not found.learn_numbers([(1, "y")])


def test_a_column_is_adjusted_and_fitted() -> None:
    found = widths_of(("t", "u"), ("x" * 50, "y"))
    found.adjust(0, -1, 80)
    assert found.widths(80)[0] == CAP - 4
    found.fit(0, [], 80)
    assert found.widths(80)[0] == 50
    found.fit(0, [], 80)
    assert found.widths(80)[0] == CAP
    for _ in range(50):
        found.adjust(1, 1, 80)
    assert found.widths(80)[1] == 80


@given(st.lists(st.integers(LEAST, 60), min_size=1, max_size=20), st.data(), st.integers(8, 120))
def test_the_column_of_the_cursor_is_always_seen(widths: list[int], data: st.DataObject, space: int) -> None:
    column = data.draw(st.integers(0, len(widths) - 1))
    first = first_for(column, widths, 0, data.draw(st.integers(0, len(widths) - 1)), space)
    seen = places(widths, 0, first, space)
    place = next(place for place in seen if place.column == column)
    assert place.width == min(widths[column], space) or place.column == seen[0].column
    assert all(place.x + place.width <= space for place in seen)
