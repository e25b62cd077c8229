"""The results pane: sorting, filtering, what is said about a result, problems in its place, and nothing left open."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot
from textual.widgets import Input

from console.settings import Settings
from console.tui.warehouse.results.cell_detail import CellDetail
from console.tui.warehouse.results.filter_field import FilterField, named_column
from console.tui.warehouse.results.result_message import ResultMessage
from console.tui.warehouse.results.result_title import ResultTitle
from console.tui.warehouse.results.result_view import next_order
from console.tui.warehouse.results.result_words import (
    condition_text,
    limits_words,
    origin_words,
    size_words,
    took_words,
)
from console.tui.widgets.dialog_keys import dialog_keys
from tests.console.tui.warehouse.result_app import FACTS, PaneApp, shop_workspace
from tests.console.tui.workspaces import until
from warehouse.limits import QueryLimits
from warehouse.models import MASK
from warehouse.opened import Opened
from warehouse.shaping import Compare, Condition, Order, Shape, parse_condition

STORES = "SELECT store_id, city, region FROM Store_Table"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return shop_workspace(tmp_path_factory.mktemp("results") / "home")


@asynccontextmanager
async def pane(settings: Settings, size: tuple[int, int] = (80, 20)) -> AsyncIterator[tuple[PaneApp, Pilot[None]]]:
    app = PaneApp(settings)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield app, pilot
    app.close()


async def reshaped(app: PaneApp, pilot: Pilot[None], *keys: str) -> Opened:
    """Press keys, and wait for the result in another shape."""
    before = app.view.opened
    await pilot.press(*keys)
    await until(lambda: app.view.opened is not before, "another shape")
    await app.at_rest(pilot)
    assert app.view.opened is not None
    return app.view.opened


def cities(opened: Opened) -> list[str]:
    return [str(row[1]) for row in opened.result.window(0, 1_000)]


# ---- words ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["oslo", "=Oslo", "!=x", "> 100", "<= 2.5", "empty", "not empty", '="100"', '"empty"', '=" a "', "=7"]
)
def test_a_filter_is_offered_again_as_it_was_typed(text: str) -> None:
    condition = parse_condition(2, text)
    assert parse_condition(2, condition_text(condition)) == condition


@given(
    st.sampled_from([Compare.IS, Compare.IS_NOT, Compare.CONTAINS, Compare.LESS, Compare.AT_LEAST]),
    st.text("a1-+.,=<>!'\" \n", min_size=1, max_size=6) | st.sampled_from(["not  empty", "-5", "Empty", "1e3"]),
)
def test_any_text_of_a_filter_is_read_again_as_the_same(compare: Compare, value: str) -> None:
    condition = Condition(0, compare, value)
    assert parse_condition(0, condition_text(condition)) == condition


def test_durations_sizes_and_limits_in_words() -> None:
    assert [took_words(ms) for ms in (0.4, 12.3, 34_567)] == ["under 1 ms", "12 ms", "34.6 s"]
    assert [size_words(n) for n in (12, 45_678, 45_678_901)] == ["12 bytes", "46 kB", "45.7 MB"]
    assert limits_words(QueryLimits(2.5, 1_000)) == "at most 2.5 s, 1,000 rows"


def test_sorting_again_turns_the_order_round_and_then_off() -> None:
    order: tuple[Order, ...] = ()
    found = []
    for _ in range(3):
        order = next_order(order, 1, also=False)
        found.append(order)
    assert found == [(Order(1),), (Order(1, descending=True),), ()]
    assert next_order((Order(1),), 2, also=True) == (Order(1), Order(2))
    assert next_order((Order(1), Order(2)), 1, also=True) == (Order(1, descending=True), Order(2))
    assert next_order((Order(1), Order(2)), 2, also=False) == (Order(2),)


async def test_another_shape_that_nobody_waits_for_any_more_is_closed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pane(settings) as (app, pilot):
        opened, made = await app.ask(STORES), list[Opened]()
        reshape = app.queries.reshape

        def left(of: Opened, shape: Shape, *, stop: threading.Event) -> Opened:
            made.append(reshape(of, shape, stop=stop))
            stop.set()  # as when the pane goes at this moment
            return made[0]

        monkeypatch.setattr(app.queries, "reshape", left)
        await pilot.press("s")
        await until(lambda: made and made[0].result._closed, "the end of the other shape")
        await until(lambda: not app.table.busy, "the answer")
        assert app.view.opened is opened
        assert app.table.problem == ""


# ---- what is said ---------------------------------------------------------------------------------------------------


async def test_the_title_says_how_many_rows_how_long_and_from_where(settings: Settings) -> None:
    async with pane(settings, (120, 20)) as (app, _pilot):
        opened = await app.ask(
            "SELECT region, SUM(total_sales_amount) AS total_sales_amount "
            "FROM Sales_Transactions_Table JOIN Store_Table USING (store_id) GROUP BY 1"
        )
        title = app.line("title")
        assert f"{len(opened.result.first)} rows" in title
        assert opened.source[0] in title
        assert "Aggregate" in title
        assert " ms" in title
        assert "at most 30 s, all rows" in app.line("foot")


async def test_the_day_that_a_question_was_asked_as_of_stands_before_how_it_was_answered(settings: Settings) -> None:
    async with pane(settings, (56, 20)) as (app, _pilot):
        app.view.show(app.queries.open_question("top-store-last-month"))
        await until(lambda: app.view.opened is not None and app.table.size.height > 0, "the answer")
        assert "2026-10-31" in app.line("title")


async def test_a_result_that_a_limit_cut_says_so(settings: Settings) -> None:
    async with pane(settings) as (app, _pilot):
        await app.ask(FACTS, limits=QueryLimits(rows=7))
        assert "the first 7 rows (limit)" in app.line("title")


# ---- sort and filter ------------------------------------------------------------------------------------------------


async def test_a_column_sorts_up_then_down_then_not(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        first = await app.ask(STORES)
        plain = cities(first)
        await pilot.press("right")
        up = await reshaped(app, pilot, "s")
        assert cities(up) == sorted(plain)
        assert "city ▲" in app.rows()[0]
        down = await reshaped(app, pilot, "s")
        assert cities(down) == sorted(plain, reverse=True)
        assert "sorted by city ▼" in app.line("foot")
        off = await reshaped(app, pilot, "s")
        assert cities(off) == plain


async def test_the_marks_of_a_sort_move_the_columns_on_the_screen_too(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        await app.ask("SELECT store_id AS a, region AS b, store_id AS c FROM Store_Table WHERE store_id < 5 ORDER BY 1")
        for sign in ("▲", "▼", ""):
            await reshaped(app, pilot, "s")
            await pilot.pause()
            assert app.painted() == app.rows()
            assert ("a " + sign).strip() in app.painted()[0]


async def test_keys_pressed_while_a_sort_is_on_its_way_count_from_what_was_asked_for(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        await app.ask(STORES)
        await pilot.press("s", "s")
        await until(
            lambda: app.view.opened and app.view.opened.shape.order == (Order(0, descending=True),), "descending"
        )


async def test_capital_s_sorts_within_the_order(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        await app.ask(STORES)
        await reshaped(app, pilot, "dollar_sign", "s")
        both = await reshaped(app, pilot, "0", "S")
        rows = [(row[2], row[0]) for row in both.result.first]
        assert rows == sorted(rows)
        assert "▲1" in app.rows()[0]
        assert "▲2" in app.rows()[0]


async def test_a_filter_is_typed_shown_changed_and_left(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        whole = await app.ask(STORES)
        region = str(whole.result.first[0][2])
        await pilot.press("dollar_sign", "slash")
        field = app.pane_screen.query_one("#result-condition", Input)
        assert app.focuses(field)
        found = await reshaped(app, pilot, "equals_sign", *region, "enter")
        assert {row[2] for row in found.result.first} == {region}
        assert app.focuses(app.table)
        assert f"only region is {region}" in app.line("foot")
        assert "Esc: all rows" in app.line("foot")
        assert app.table.hints[0].description == "Show all"
        await pilot.press("slash")
        assert field.value == f"={region}"
        all_again = await reshaped(app, pilot, "escape")
        assert all_again.result.first == whole.result.first
        assert app.focuses(app.table)


async def test_escape_on_the_table_leaves_all_filters_and_keeps_the_order(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        whole = await app.ask(STORES)
        await reshaped(app, pilot, "s")
        await reshaped(app, pilot, "slash", *"> 2", "enter")
        await reshaped(app, pilot, "right", "slash", *"port", "enter")
        back = await reshaped(app, pilot, "escape")
        assert (len(back.result.first), back.shape.order) == (len(whole.result.first), (Order(0),))


async def test_what_is_no_condition_is_told_and_can_be_corrected(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        await app.ask(STORES)
        await pilot.press("slash", "greater_than_sign", "enter")
        await until(lambda: "a value is missing" in app.line("foot"), "the refusal")
        assert app.pane_screen.query_one(FilterField).has_class("-shown")
        await pilot.press("x", "enter")
        await until(lambda: "'x' is not a number" in app.line("foot"), "the refusal of a text")
        found = await reshaped(app, pilot, "backspace", "2", "enter")
        assert all(int(str(row[0])) > 2 for row in found.result.first)


async def test_a_filter_that_names_another_column_is_of_that_one(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        whole = await app.ask(STORES)
        region = str(whole.result.first[0][2])
        found = await reshaped(app, pilot, "slash", *f"Region = {region}", "enter")
        assert {row[2] for row in found.result.first} == {region}
        assert app.table.column == 2, "the filtered column is seen"
        assert f"only region is {region}" in app.line("foot")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("city = x", (1, "= x")), ("CITY>x", (1, ">x")), ('"total ""x""" <= 2', (2, "<= 2")), ("total \"x\" = 1", None),
        ("id != 3", (0, "!= 3")), ("city", None), ("= city", None), ("town = x", None), ('"city = x"', None),
        ("city x", None), ("> 100", None), ("", None),
    ],
)  # fmt: skip
def test_a_name_before_a_sign_is_a_column(text: str, expected: tuple[int, str] | None) -> None:
    assert named_column(text, ["id", "city", 'total "x"', "id"], 0) == (expected or (0, text))
    assert named_column("id=1", ["id", "city", "ID"], 2) == (2, "=1")


async def test_letters_typed_into_the_filter_are_text(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        await app.ask(STORES)
        await pilot.press("slash", *"scfey")
        assert app.pane_screen.query_one("#result-condition", Input).value == "scfey"
        assert len(app.screen_stack) == 2


async def test_a_sort_under_way_is_stopped_by_escape_and_the_rows_stay(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        opened = await app.ask(STORES)
        stops: list[threading.Event] = []

        def endless(_opened: Opened, _shape: Any, *, stop: threading.Event) -> Opened:
            stops.append(stop)
            assert stop.wait(30)
            raise OSError("stopped")

        app.queries.reshape = endless  # type: ignore[method-assign, assignment] # a sort that takes for ever
        await pilot.press("s")
        assert "Esc stops" in app.line("title")
        await pilot.press("down", "escape")
        assert stops[0].is_set()
        assert "Esc stops" not in app.line("title")
        assert (app.view.opened, app.table.cursor) == (opened, 1)


# ---- running, problems, closing -------------------------------------------------------------------------------------


async def test_a_running_query_says_since_when_and_escape_asks_for_its_end(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        app.view.show_running("SELECT 1 -- \x1b[31m")
        app.view.focus_content()
        await pilot.pause()
        assert "running since" in app.line("title")
        assert [b.description for b in app.pane_screen.query_one(ResultMessage).hints] == ["Cancel", "Limits"]
        await pilot.press("escape")
        await until(lambda: app.pane_screen.told == ["cancelled"], "the wish")


async def test_a_problem_stands_where_the_result_would_be_and_the_one_before_is_not_lost(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        opened = await app.ask(STORES)
        app.view.show_running("SELEC 1")
        app.view.show_problem("expected one SELECT, found 'SELEC' at line 1, column 1", 0)
        await pilot.pause()
        shown = "\n".join(strip.text for strip in app.screen._compositor.render_strips(app.size))
        assert "Expected one SELECT, found 'SELEC' at line 1, column 1" in shown
        hinted = [binding.description for binding in app.pane_screen.query_one(ResultMessage).hints]
        assert hinted == ["Result before", "Go there", "Limits"]
        assert "Enter goes to the place" in shown
        await pilot.press("enter")
        await until(lambda: app.pane_screen.told == ["to 0"], "the place")
        await pilot.press("escape")
        await until(lambda: app.table.display, "the result before")
        assert app.view.opened is opened
        assert app.focuses(app.table)


async def test_keys_are_told_only_where_they_work(settings: Settings) -> None:
    def shown(app: PaneApp) -> str:
        return "\n".join(strip.text for strip in app.screen._compositor.render_strips(app.size))

    async with pane(settings) as (app, pilot):
        app.pane_screen.set_focus(app.pane_screen.query_one("#elsewhere"))
        app.view.show_problem("there is no table x", 14)
        await pilot.pause()
        assert "the cursor is at the place" in shown(app)
        assert "Enter goes" not in shown(app)
        app.view.focus_content()
        await until(lambda: "Enter goes to the place" in shown(app), lambda: shown(app))


async def test_of_a_result_in_clear_nothing_is_offered_that_is_refused(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        opened = await app.ask("SELECT customer_name FROM Customer_Table")
        masked = {binding.description for binding in app.table.hints}
        assert {"Facets", "Chart", "Export", "Copy", "Column"} <= masked
        opened.unmasked = True
        assert {b.description for b in app.table.hints} == masked - {"Facets", "Chart", "Export", "Copy", "Column"}
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, CellDetail), "the cell")
        assert "Copy" not in [key.description for key in dialog_keys(app.screen)]


async def test_results_are_closed_when_another_takes_their_place_and_when_the_pane_goes(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        first = await app.ask(FACTS)
        second = await app.ask(STORES)
        await until(lambda: first.result._closed, "the end of the first")
        third = await reshaped(app, pilot, "s")
        await until(lambda: second.result._closed, "the end of the second")
        app.view.close_result()
        await until(lambda: third.result._closed and app.view.opened is None, "the end of the third")
        fourth = await app.ask(FACTS)
        app.pop_screen()
        await until(lambda: fourth.result._closed, "the end of the fourth")
        await until(lambda: not [t for t in threading.enumerate() if t.name == "result"], "the end of the threads")


async def test_without_a_result_before_a_problem_can_only_be_read(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        app.view.show_problem("there is no table of that name")
        app.view.focus_content()
        await pilot.press("escape", "enter")
        await pilot.pause()
        assert (app.pane_screen.told, app.table.display) == ([], False)
        assert [binding.description for binding in app.pane_screen.query_one(ResultMessage).hints] == ["Limits"]


async def test_showing_a_result_does_not_take_the_focus_from_elsewhere(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        opened = await app.ask(STORES)
        elsewhere = app.pane_screen.query_one("#elsewhere")
        elsewhere.focus()
        await pilot.pause()
        app.view.show_problem("no")
        app.view.show(opened)
        await pilot.pause()
        assert app.focused is elsewhere


# ---- the clipboard --------------------------------------------------------------------------------------------------


async def test_cells_and_rows_are_copied_as_they_may_be_seen(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        await app.ask("SELECT customer_id, customer_name, 1234.5 AS total_sales_amount FROM Customer_Table")
        await pilot.press("right", "y")
        assert app.clipboard == MASK
        await pilot.press("right", "y")
        assert app.clipboard == "1234.50"
        await pilot.press("Y")
        assert app.clipboard.splitlines()[1].split("\t")[1:] == [MASK, "1234.50"]
        await pilot.press("J")
        assert f'"customer_name": "{MASK}"' in app.clipboard


def test_a_condition_on_null_is_offered_as_empty() -> None:
    assert condition_text(Condition(0, Compare.IS, None)) == "empty"


async def test_a_title_without_room_shortens_its_names_rather_than_cut_them(settings: Settings) -> None:
    async with pane(settings) as (app, _pilot):
        shown = await app.ask("SELECT category, SUM(total_sales_cents) AS n FROM Sales_Transactions_Table "
                              "JOIN Product_Table USING (product_id) GROUP BY 1")  # fmt: skip
        (source,) = shown.source
        assert source.endswith("_Aggregate_Table")
        shown.notes = ("as of 2026-10-31 (the last day with sales)",)
        assert origin_words(shown)[0] == shown.notes[0]
        assert origin_words(shown)[-1] == f"from {source}"
        app.view.tell()
        title = app.view.query_one(ResultTitle).render_line(0).text
        assert "as of 2026-10-31 ·" in title
        assert f"from {source.removesuffix('_Aggregate_Table')} " in title


async def test_a_narrow_title_keeps_the_table_that_answered(settings: Settings) -> None:
    async with pane(settings, (53, 12)) as (app, pilot):
        shown = await app.ask(
            "SELECT category, SUM(total_sales_cents) AS n FROM Sales_Transactions_Table "
            "JOIN Product_Table USING (product_id) GROUP BY 1"
        )
        shown.notes = ("as of 2026-10-31 (the last day with sales)",)
        shown.source = ("Yearly_Region_Product_Aggregate_Table",)
        app.view.tell()
        await pilot.pause()
        assert app.line("title").strip("─ ").endswith("rows · as of 2026-10-31 · from Year…Product")
        assert " ms, at most" in app.line("foot")
