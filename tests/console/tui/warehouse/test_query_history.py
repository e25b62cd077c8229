"""The dialog of the statements that were run: search, open, copy, remove; and that hostile text is shown as text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot

from console.query_history import Entry, Outcome, QueryHistory
from console.tui.warehouse.editor.query_history import HistoryDialog, HistoryTable, took
from console.tui.widgets.dialog_keys import dialog_keys
from tests.console.tui.warehouse.editor_app import EditorApp
from tests.console.tui.workspaces import until

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
STATEMENTS = (
    ("SELECT region\nFROM Store_Table", "warehouse", Outcome.DONE, 5, ""),
    ("DROP TABLE x", "warehouse", Outcome.REFUSED, None, "one SELECT only"),
    ("SELECT [red]'\x1b[31m\u202e' FROM Weather_Readings", "weather", Outcome.STOPPED, None, "the time limit"),
)

Show = Callable[..., AbstractAsyncContextManager[tuple[EditorApp, Pilot[None], QueryHistory, HistoryTable]]]


@pytest.fixture
def show(tmp_path: Path) -> Show:
    @asynccontextmanager
    async def shown(
        count: int = 3, size: tuple[int, int] = (80, 24)
    ) -> AsyncIterator[tuple[EditorApp, Pilot[None], QueryHistory, HistoryTable]]:
        history = QueryHistory(tmp_path / "query_history.jsonl")
        for number in range(count):
            sql, database, outcome, rows, problem = STATEMENTS[number % 3]
            at = NOON + timedelta(minutes=number)
            history.add(Entry(at, sql, database, outcome, duration_ms=12.0, rows=rows, problem=problem))
        app = EditorApp(tmp_path)
        async with app.run_test(size=size) as pilot:
            app.open(HistoryDialog(history))
            await until(lambda: isinstance(app.screen, HistoryDialog) and f"History ({count})" in app.shown(), "it")
            yield app, pilot, history, app.screen.query_one(HistoryTable)

    return shown


async def test_the_newest_comes_first_and_enter_gives_it_back(show: Show) -> None:
    async with show() as (app, pilot, history, table):
        assert [entry.sql for entry in table.shown] == [one[0] for one in reversed(STATEMENTS)]
        await pilot.press("down", "enter")
        await until(lambda: app.results, "the result")
        assert app.results == [history.entries()[1]]


async def test_typing_searches_for_all_words(show: Show) -> None:
    async with show() as (app, pilot, _history, table):
        await pilot.press(*"store select")
        await until(lambda: "1 of 3" in app.shown(), "the one")
        assert table.entry is not None
        assert table.entry.sql == STATEMENTS[0][0]
        await pilot.press(*" nothing")
        await until(lambda: "No statement has all of these words" in app.shown(), "none")
        await pilot.press("enter", "ctrl+y", "ctrl+d")  # nothing to act upon
        assert app.results == []


async def test_the_selected_one_is_shown_as_it_was_typed_with_what_became_of_it(show: Show) -> None:
    async with show() as (app, pilot, _history, _table):
        assert "stopped, on weather" in app.shown()
        await pilot.press("down")
        await until(lambda: "refused, on warehouse" in app.shown(), "the outcome")
        assert "one SELECT only" in app.shown()
        await pilot.press("down")
        await until(lambda: "FROM Store_Table" in app.shown(), "the second line")


async def test_hostile_text_is_shown_as_text(show: Show) -> None:
    async with show() as (app, _pilot, _history, _table):
        assert "SELECT [red]'\ufffd[31m' FROM" in app.shown()
        assert "\x1b" not in app.shown()


async def test_an_entry_is_copied_and_one_is_removed(show: Show) -> None:
    async with show() as (app, pilot, history, table):
        await pilot.press("down", "ctrl+y")
        assert app.clipboard == "DROP TABLE x"
        await pilot.press("ctrl+d")
        await until(lambda: len(table.shown) == 2, "the removal")
        assert [entry.outcome for entry in history.entries()] == [Outcome.STOPPED, Outcome.DONE]
        table.focus()
        await pilot.press("y")
        assert app.clipboard == STATEMENTS[0][0]
        await pilot.press("d")
        await until(lambda: len(history.entries()) == 1, "the removal")


async def test_repeats_that_follow_one_another_are_one_line_and_go_together(tmp_path: Path) -> None:
    history = QueryHistory(tmp_path / "query_history.jsonl")
    for number, sql in enumerate(["SELECT 1", "SELECT 1", "SELECT 2", "SELECT 1", "SELECT 1", "SELECT 1"]):
        history.add(Entry(NOON + timedelta(minutes=number), sql, "warehouse", Outcome.DONE, rows=1))
    app = EditorApp(tmp_path)
    async with app.run_test(size=(80, 24)) as pilot:
        app.open(HistoryDialog(history))
        await until(lambda: "History (3)" in app.shown(), app.shown)
        assert "(3 times) SELECT 1" in app.shown()
        await pilot.press("ctrl+d")
        await until(lambda: "History (2)" in app.shown(), app.shown)
        assert [entry.sql for entry in history.entries()] == ["SELECT 2", "SELECT 1", "SELECT 1"]


async def test_enter_is_named_for_what_it_does(show: Show) -> None:
    async with show() as (app, _pilot, _history, _table):
        assert dialog_keys(app.screen)[0].description == "Open"


async def test_letters_in_the_search_are_text(show: Show) -> None:
    async with show() as (app, pilot, history, _table):
        await pilot.press(*"ydq")
        await until(lambda: "0 of 3" in app.shown(), "the search")
        assert len(history.entries()) == 3


async def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "query_history.jsonl").mkdir()
    app = EditorApp(tmp_path)
    async with app.run_test(size=(80, 24)):
        app.open(HistoryDialog(QueryHistory(tmp_path / "query_history.jsonl")))
        await until(lambda: "The history cannot be read" in app.shown(), "the reason")


async def test_a_wide_terminal_shows_the_database_too(show: Show) -> None:
    async with show(size=(120, 40)) as (app, _pilot, _history, _table):
        assert "Database" in app.shown()
        assert "weather" in app.shown()


async def test_only_lines_on_the_screen_are_made(show: Show) -> None:
    async with show(count=300) as (_app, pilot, _history, table):
        made: list[int] = []
        cells = table.cells

        def counted(index: int) -> object:
            made.append(index)
            return cells(index)

        table.cells = counted  # type: ignore[method-assign,assignment]
        await pilot.press("ctrl+y")
        table.action_last()
        await until(lambda: 299 in made, "the last line")
        assert len(set(made)) < 60


def test_durations_are_short() -> None:
    assert [took(ms) for ms in (0.4, 12, 999.7, 4_302, 75_000)] == ["0ms", "12ms", "1.0s", "4.3s", "1m15s"]
