"""Export: a whole result becomes a file in exports/, with progress, or no file at all."""

from __future__ import annotations

import csv
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, Static

from console.settings import Settings
from console.tui.warehouse.results.export_dialog import ExportDialog, progress_words
from console.tui.widgets.dialog_keys import dialog_keys
from tests.console.tui.warehouse.result_app import FACTS, PaneApp, shop_workspace
from tests.console.tui.workspaces import until
from warehouse.errors import QueryStopped
from warehouse.export import Exported


@pytest.fixture
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return shop_workspace(tmp_path_factory.mktemp("results") / "home", rows=1_000)


@asynccontextmanager
async def dialog(settings: Settings, sql: str = FACTS) -> AsyncIterator[tuple[PaneApp, Pilot[None], ExportDialog]]:
    app = PaneApp(settings)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await app.ask(sql)
        await app.counted()
        await pilot.press("e")
        await until(lambda: isinstance(app.screen, ExportDialog), "the dialog")
        await pilot.pause()
        assert isinstance(app.screen, ExportDialog)
        yield app, pilot, app.screen
    app.close()


def words(shown: ExportDialog) -> str:
    return str(shown.query_one("#export-words", Static).content)


@pytest.mark.parametrize(
    ("keys", "ending"), [((), ".csv"), (("down",), ".json"), (("up",), ".parquet"), (("down",) * 3, ".csv")]
)
async def test_the_whole_result_is_written_in_the_chosen_format_and_the_path_is_told(
    settings: Settings, keys: tuple[str, ...], ending: str
) -> None:
    async with dialog(settings) as (app, pilot, shown):
        await pilot.press(*keys, "enter")
        await until(lambda: shown.exported is not None, lambda: words(shown))
        assert shown.exported is not None
        path = shown.exported.path
        assert (path.suffix, path.parent, shown.exported.rows) == (ending, settings.exports_dir, 1_000)
        assert f"{path.name}\nin {path.parent}" in words(shown)
        assert "1,000 rows" in words(shown)
        assert [key.description for key in dialog_keys(shown)] == ["Close"]
        await pilot.press("enter")
        await pilot.pause()
        assert app.focused is app.table


async def test_the_file_is_sorted_and_filtered_as_shown_and_named_as_wished(settings: Settings) -> None:
    sql = "SELECT transaction_id FROM Sales_Transactions_Table ORDER BY 1 DESC LIMIT 5"
    async with dialog(settings, sql) as (_app, pilot, shown):
        shown.query_one("#export-name", Input).value = "newest five"
        await pilot.pause()
        await pilot.press("enter")
        await until(lambda: shown.exported is not None, lambda: words(shown))
        assert shown.exported is not None
        assert "newest" in shown.exported.path.name
        with shown.exported.path.open(newline="", encoding="utf-8") as file:
            assert [row[0] for row in csv.reader(file)] == ["transaction_id", "1000", "999", "998", "997", "996"]


@pytest.mark.parametrize("name", ["2026", "may sales", "1 2 3", "q", "e-../../vil", "../../evil", ".hidden"])
async def test_whatever_is_typed_is_the_name_as_it_was_typed_and_writes_nothing(settings: Settings, name: str) -> None:
    async with dialog(settings) as (app, pilot, shown):
        keys = {" ": "space", ".": "full_stop", "/": "slash", "-": "minus"}
        await pilot.press(*(keys.get(sign, sign) for sign in name))
        assert (shown.query_one("#export-name", Input).value, shown.running) == (name, False)
        assert (app.screen, shown.exported) == (shown, None)


async def test_a_paste_is_the_name_too(settings: Settings) -> None:
    async with dialog(settings) as (app, pilot, shown):
        app.post_message(events.Paste("../../evil"))
        await pilot.pause()
        assert shown.query_one("#export-name", Input).value == "../../evil"


@pytest.mark.parametrize(
    ("name", "told"),
    [("../../evil", "without a folder"), ("a\\b", "without a folder"), (".hidden", "leave out the point"),
     ("???", "letters from a to z or digits")],
)  # fmt: skip
async def test_a_bad_name_is_told_in_words_and_nothing_is_written(settings: Settings, name: str, told: str) -> None:
    async with dialog(settings) as (_app, pilot, shown):
        field = shown.query_one("#export-name", Input)
        field.value = name
        await pilot.press("enter")
        await pilot.pause()
        assert told in words(shown)
        assert (shown.running, shown.exported) == (False, None)
        field.value = "good"
        await until(lambda: told not in words(shown), "no problem any more")


async def test_another_name_after_a_file_writes_another_one(settings: Settings) -> None:
    async with dialog(settings) as (_app, pilot, shown):
        await pilot.press("a", "enter")
        await until(lambda: shown.exported is not None, lambda: words(shown))
        first = shown.exported
        await pilot.press("b", "enter")
        await until(lambda: shown.exported is not first, lambda: words(shown))
        assert shown.exported is not None
        assert shown.exported.path.name.startswith("ab-")


async def test_progress_is_shown_and_escape_stops_the_file(settings: Settings) -> None:
    async with dialog(settings) as (app, pilot, shown):

        def endless(*_: Any, progress: Any, stop: threading.Event, **__: Any) -> Exported:
            progress(500, 1_000)
            assert stop.wait(30)
            raise QueryStopped("the export was cancelled; nothing was written")

        app.queries.export = endless  # type: ignore[method-assign, assignment] # a file that takes for ever
        await pilot.press("enter")
        await until(lambda: "50%" in str(shown.query_one("#export-bar", Static).content), "the bar")
        assert [key.description for key in dialog_keys(shown)] == ["Stop"]
        await pilot.press("enter")  # one at a time
        await pilot.press("escape")
        await until(lambda: not shown.running, "the end")
        assert words(shown) == "Stopped; there is no file."
        await pilot.press("escape")
        assert app.focused is app.table


async def test_what_prevents_the_file_is_told(settings: Settings) -> None:
    async with dialog(settings) as (_app, pilot, shown):
        for found in settings.exports_dir.iterdir():
            found.unlink()
        settings.exports_dir.rmdir()
        settings.exports_dir.write_text("a file where the folder should be")
        await pilot.press("enter")
        await until(lambda: "exports" in words(shown) and not shown.running, "the refusal")
        assert shown.exported is None
        assert "exports" in words(shown)
        assert shown.query_one("#export-words").has_class("tone-bad")


def test_progress_in_words() -> None:
    assert progress_words(1_234, None, unicode=True) == "1,234 rows written"
    assert progress_words(0, 10, unicode=True) == "·" * 40 + "   0%  0 of 10"
    assert progress_words(10, 10, unicode=False) == "#" * 40 + " 100%  10 of 10"
