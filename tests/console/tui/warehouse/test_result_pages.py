"""Which rows are at hand, which page comes next, and that only a few are kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from console.tui.warehouse.results.result_pages import MOST_PAGES, MOST_WEIGHT, PAGE, Pages, Row


def rows(start: int, count: int) -> list[Row]:
    return [(n,) for n in range(start, start + count)]


def counted(count: int) -> Pages:
    pages = Pages(rows(0, min(count, PAGE)), complete=count <= PAGE)
    if pages.count is None:
        pages.counted(count)
    return pages


def test_a_complete_result_needs_no_page() -> None:
    pages = counted(7)
    assert (len(pages), pages.wanted(0, 20, upwards=False)) == (7, None)


def test_the_window_comes_first_then_the_page_ahead() -> None:
    pages = counted(1_000_000)
    assert pages.wanted(5_000, 5_040, upwards=False) == 50
    assert pages.row(5_001) is None
    pages.put(50, rows(5_000, PAGE))
    assert pages.row(5_001) == (5_001,)
    assert pages.wanted(5_000, 5_040, upwards=False) == 51
    assert pages.wanted(5_000, 5_040, upwards=True) == 49
    pages.put(49, rows(4_900, PAGE))
    pages.put(51, rows(5_100, PAGE))
    assert pages.wanted(5_000, 5_040, upwards=True) is None


def test_uncounted_rows_grow_until_a_page_is_short() -> None:
    pages = Pages(rows(0, PAGE), complete=False)
    assert (len(pages), pages.wanted(60, 100, upwards=False)) == (100, 1)
    pages.put(1, rows(100, PAGE))
    assert (len(pages), pages.count) == (200, None)
    pages.put(2, rows(200, 30))
    assert (len(pages), pages.count) == (230, 230)


def test_the_last_rows_stand_alone_until_the_rows_are_counted() -> None:
    pages = Pages(rows(0, PAGE), complete=False)
    pages.put_tail(rows(900, 50))
    assert (len(pages), pages.row(49), pages.wanted(0, 50, upwards=False)) == (50, (949,), None)
    assert pages.counted(950) == 900
    assert (len(pages), pages.row(0), pages.row(949)) == (950, (0,), None)


def test_a_page_that_failed_is_not_asked_for_again_until_the_rows_are_counted() -> None:
    pages = Pages(rows(0, PAGE), complete=False)
    pages.fail(1)
    assert pages.wanted(60, 100, upwards=False) is None
    assert pages.failed(150)
    pages.counted(1_000)
    assert pages.wanted(60, 101, upwards=False) == 1


@given(st.lists(st.integers(0, 9_990), min_size=1, max_size=120))
def test_few_pages_are_kept_and_those_of_the_window_stay(tops: list[int]) -> None:
    pages = counted(1_000_000)
    for top in tops:
        while (number := pages.wanted(top * 100, top * 100 + 150, upwards=False)) is not None:
            pages.put(number, rows(number * PAGE, PAGE))
        assert all(pages.row(index) == (index,) for index in range(top * 100, top * 100 + 150))
        assert len(pages._pages) <= MOST_PAGES


def test_heavy_pages_are_given_up_sooner() -> None:
    pages = counted(1_000_000)
    for number in range(1, 12):
        pages.put(number, [("x" * (MOST_WEIGHT // PAGE),)] * PAGE)
    assert len(pages._pages) == 3
