"""Facets: the values of a column are counted off the loop, and one of them becomes a filter."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Static

from console.settings import Settings
from console.tui.warehouse.results.facet_list import FacetList, FacetTable, bar, facets_words, with_nulls
from tests.console.tui.warehouse.result_app import PaneApp, shop_workspace
from tests.console.tui.workspaces import until
from warehouse.facets import Facet, Facets

STORES = "SELECT store_id, city, region FROM Store_Table"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return shop_workspace(tmp_path_factory.mktemp("results") / "home")


@asynccontextmanager
async def facets(settings: Settings, sql: str, column: int) -> AsyncIterator[tuple[PaneApp, Pilot[None], FacetTable]]:
    app = PaneApp(settings)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await app.ask(sql)
        app.table.select_column(column)
        await pilot.press("f")
        await until(lambda: isinstance(app.screen, FacetList), "the dialog")
        table = app.screen.query_one(FacetTable)
        await until(lambda: table.values, "the values")
        yield app, pilot, table
    app.close()


async def test_values_are_counted_and_the_chosen_one_filters(settings: Settings) -> None:
    async with facets(settings, STORES, 2) as (app, pilot, table):
        assert app.view.opened is not None
        rows = app.view.opened.result.window(0, 1_000)
        assert {str(f.value): f.rows for f in table.values} == Counter(str(row[2]) for row in rows)
        assert [f.rows for f in table.values] == sorted((f.rows for f in table.values), reverse=True)
        await pilot.press("down")
        chosen = table.values[1]
        before = app.view.opened
        await pilot.press("enter")
        await until(lambda: app.view.opened is not before, "the filter")
        found = app.view.opened.result.window(0, 1_000)
        assert {row[2] for row in found} == {chosen.value}
        assert len(found) == chosen.rows


async def test_all_but_a_value_are_shown_without_a_further_key(settings: Settings) -> None:
    async with facets(settings, STORES, 2) as (app, _pilot, table):
        before, chosen = app.view.opened, table.values[0]
        app.post_message(events.Key("x", "x"))  # the pilot would wake every part up afterwards
        await until(lambda: app.view.opened is not before, "the filter")
        assert app.view.opened is not None
        assert chosen.value not in {row[2] for row in app.view.opened.result.window(0, 1_000)}


async def test_null_is_a_value_that_can_be_chosen(settings: Settings) -> None:
    sql = "SELECT store_id, CASE WHEN store_id % 2 THEN 'odd' END AS parity FROM Store_Table"
    async with facets(settings, sql, 1) as (app, pilot, table):
        at = [f.value for f in table.values].index(None)
        before = app.view.opened
        table.move_to(at)
        await pilot.press("enter")
        await until(lambda: app.view.opened is not before, "the filter")
        assert app.view.opened is not None
        assert {row[1] for row in app.view.opened.result.window(0, 1_000)} == {None}


async def test_no_rows_are_told_once_they_are_counted(settings: Settings) -> None:
    app = PaneApp(settings)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await app.ask(f"{STORES} WHERE store_id < 0")
        await pilot.press("f")
        await until(lambda: isinstance(app.screen, FacetList), "the dialog")
        table = app.screen.query_one(FacetTable)
        await until(table.empty_lines, "the count")
        assert table.empty_lines() == (("There is no row.", "muted"),)
    app.close()


async def test_leaving_stops_the_counting_and_changes_nothing(settings: Settings) -> None:
    app = PaneApp(settings)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        opened = await app.ask(STORES)
        stops: list[threading.Event] = []

        def endless(_opened: Any, _column: int, *, stop: threading.Event) -> Facets:
            stops.append(stop)
            assert stop.wait(30)
            raise OSError("stopped")

        app.queries.facets = endless  # type: ignore[method-assign, assignment] # a count that takes for ever
        await pilot.press("f")
        await until(lambda: stops, "the counting")
        assert app.screen.query_one(FacetTable).empty_lines() == ()
        await pilot.press("escape")
        await until(stops[0].is_set, "its end")
        assert app.view.opened is opened
    app.close()


async def test_a_count_that_fails_says_why(settings: Settings) -> None:
    app = PaneApp(settings)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await app.ask(STORES)

        def fails(*_: Any, **__: Any) -> Facets:
            raise OSError("the disk is gone")

        app.queries.facets = fails  # type: ignore[method-assign] # what a disk can do
        await pilot.press("f")
        await until(
            lambda: (
                isinstance(app.screen, FacetList)
                and "the disk is gone" in str(app.screen.query_one("#facets-words", Static).content)
            ),
            "the problem",
        )
    app.close()


def test_words_bars_and_nulls() -> None:
    found = Facets("x", (Facet("a", 5), Facet("b", 1)), 2, 3, 9, more=False)
    assert facets_words(found) == "2 values in 9 rows, 3 of them null"
    assert [f.value for f in with_nulls(found)] == ["a", None, "b"]
    assert [bar(share, 10, "#") for share in (0, 0.001, 0.5, 1)] == ["", "#", "#####", "##########"]
