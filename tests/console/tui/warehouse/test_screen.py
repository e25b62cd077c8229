"""The Warehouse screen upon a real workspace: its panels together, and the keys that lead from one to the other."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Input

from console.query_history import Outcome, QueryHistory
from console.settings import Settings
from console.tui.app import LakewardenApp
from console.tui.pipelines.screen import PipelinesScreen
from console.tui.warehouse.catalogue.diagram_screen import DiagramScreen
from console.tui.warehouse.catalogue.table import CatalogueLines
from console.tui.warehouse.editor.plan_view import PlanView
from console.tui.warehouse.editor.question_form import QuestionForm
from console.tui.warehouse.editor.question_save import SaveQuestion
from console.tui.warehouse.editor.sql_area import SqlArea
from console.tui.warehouse.results.result_message import ResultMessage
from console.tui.warehouse.results.result_table import ResultTable
from console.tui.warehouse.screen import HISTORY, WarehouseScreen
from console.wiring.warehouse import FILE, warehouse_actions
from tests.console.tui.workspaces import PATIENCE_S, Opened, run_hours, screen_text, until, workspace
from warehouse.opened import Opened as OpenedResult

REVENUE = (
    "SELECT year, SUM(total_sales_amount) AS revenue FROM Sales_Transactions_Table "
    "JOIN Time_Table USING (time_id) GROUP BY year ORDER BY year"
)
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000) SELECT COUNT(*) FROM n"


@pytest.fixture
def consoles() -> Iterator[list[Opened]]:
    made: list[Opened] = []
    yield made
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A practice workspace with three thousand sales and one reading."""
    settings, environ = workspace(tmp_path_factory.mktemp("template") / "home")
    warehouse_actions(settings).build(rows=3_000)
    run_hours(settings, environ, 1)
    return settings.home


@pytest.fixture
def shop(tmp_path: Path, template: Path) -> tuple[Settings, dict[str, str]]:
    settings, environ = workspace(tmp_path / "home")
    shutil.copytree(template, settings.home, dirs_exist_ok=True)
    return settings, environ


def opened(consoles: list[Opened], shop: tuple[Settings, dict[str, str]], *, tab: str = "warehouse") -> LakewardenApp:
    settings, environ = shop
    (settings.home / "state.json").write_text(f'{{"tab": "{tab}"}}')
    consoles.append(Opened(settings, environ))
    return consoles[-1].app


async def shows(app: LakewardenApp, *texts: str, patience_s: float = PATIENCE_S) -> None:
    def missing() -> list[str]:
        text = screen_text(app)
        return [wanted for wanted in texts if wanted not in text]

    await until(lambda: not missing(), lambda: f"{missing()} in\n{screen_text(app)}", patience_s=patience_s)


async def ready(app: LakewardenApp) -> WarehouseScreen:
    """The screen once its catalogue is counted."""
    await shows(app, "Sales_Transact", "3,000", "weather")
    assert isinstance(app.screen, WarehouseScreen)
    return app.screen


async def write(app: LakewardenApp, pilot: Pilot[None], text: str) -> None:
    """Put a statement into the editor, which has the focus then."""
    screen = app.screen
    assert isinstance(screen, WarehouseScreen)
    screen.editor.open_tab(text)
    screen.editor.focus()
    await until(lambda: isinstance(app.focused, SqlArea), "the editor")
    await pilot.pause()


async def test_a_statement_is_answered_from_an_aggregate_and_kept_in_the_history(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]]
) -> None:
    app = opened(consoles, shop)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app)
        await write(app, pilot, REVENUE)
        await pilot.press("f5")
        await shows(app, "revenue", "2026", "3 rows", "from Yearly_Region")
    entries = QueryHistory(shop[0].home / HISTORY).entries()
    assert [(entry.sql, entry.outcome, entry.rows) for entry in entries] == [(REVENUE, Outcome.DONE, 3)]


async def test_a_result_that_comes_as_it_is_cancelled_is_closed_and_told_as_cancelled(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened(consoles, shop)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(app)
        made, open_ = list[OpenedResult](), screen.queries.open

        def late(text: str, *, stop: threading.Event, **how: Any) -> OpenedResult:
            made.append(open_(text, stop=stop, **how))
            stop.set()
            return made[0]

        monkeypatch.setattr(screen.queries, "open", late)
        await write(app, pilot, REVENUE)
        await pilot.press("f5")
        await shows(app, "not answered", "cancelled")
        assert made[0].result._closed
    entries = QueryHistory(shop[0].home / HISTORY).entries()
    assert [entry.outcome for entry in entries] == [Outcome.STOPPED]


async def test_enter_on_a_table_of_the_catalogue_shows_its_rows_and_leaves_the_editor_as_it_is(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]]
) -> None:
    app = opened(consoles, shop)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await ready(app)
        await write(app, pilot, "SELECT 1")
        lines = screen.query_one(CatalogueLines)
        lines.focus()
        names = [line.table.name if line.table else "" for line in lines.shown]
        lines.move_to(names.index("Customer_Table"))
        await pilot.press("enter")
        await shows(app, "XXXXXXXX", "membership_level", "100 rows")
        assert screen.editor.text == "SELECT 1"
        assert QueryHistory(shop[0].home / HISTORY).entries() == []


async def test_escape_in_the_editor_stops_the_query_and_then_leaves_the_editor(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]]
) -> None:
    app = opened(consoles, shop)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app)
        await write(app, pilot, ENDLESS)
        await pilot.press("f5")
        await shows(app, "Running since")
        await pilot.press("escape")
        await shows(app, "not answered", "cancelled")
        assert isinstance(app.focused, SqlArea)
        await pilot.press("escape")
        await until(lambda: not isinstance(app.focused, SqlArea), "the results")
        await pilot.press("1")
        await until(lambda: isinstance(app.screen, PipelinesScreen), "the other tab")


async def test_a_newer_query_takes_the_place_of_one_that_runs(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]]
) -> None:
    app = opened(consoles, shop)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app)
        await write(app, pilot, ENDLESS)
        await pilot.press("f5")
        await shows(app, "Running since")
        await write(app, pilot, "SELECT 41 + 1 AS answer")
        await pilot.press("f5")
        await shows(app, "answer", "42", "1 row")
        history = QueryHistory(shop[0].home / HISTORY)
        await until(lambda: len(history.entries()) == 2, "the query that was stopped")
        assert {entry.outcome for entry in history.entries()} == {Outcome.DONE, Outcome.STOPPED}


async def test_a_refused_statement_is_told_in_the_results_and_marked_in_the_editor(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]]
) -> None:
    app = opened(consoles, shop)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(app)
        await write(app, pilot, "SELECT 1;\nDELETE FROM Store_Table")
        screen.query_one(SqlArea).move_cursor((1, 3))
        await pilot.press("f5")
        await shows(app, "The query was not answered", "DELETE")
        await until(lambda: screen.query_one(SqlArea).cursor_location == (1, 0), "the cursor at the place")


async def test_letters_are_text_in_the_editor_and_commands_elsewhere(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]]
) -> None:
    app = opened(consoles, shop)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(app)
        await write(app, pilot, "")
        await pilot.press("q", "1", "question_mark", "m", "z")
        await until(lambda: screen.editor.text == "q1?mz", lambda: screen.editor.text)
        await pilot.press("escape", "escape", "z")
        await until(lambda: screen.has_class("-zoomed"), "the zoom")
        assert app.focused is not None
        assert screen.view in app.focused.ancestors
        await pilot.press("z", "f6")
        await until(lambda: isinstance(app.focused, CatalogueLines), "the catalogue after the results")


async def test_the_way_back_from_what_was_looked_for_in_the_catalogue_is_named(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]]
) -> None:
    app = opened(consoles, shop)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(app)
        hints = screen.query_one("#hints")
        await pilot.press("slash", *"price")
        assert hints.render_line(0).text.startswith(" Enter To what was found  Esc Show all ")
        await pilot.press("enter")
        await until(lambda: hints.render_line(0).text.startswith(" Esc Show all Enter Insert"), "the way back")
        await pilot.click("#hints", offset=(3, 0))
        await until(lambda: hints.render_line(0).text.startswith(" Enter "), "everything")
        await shows(app, "Store_Table")


@pytest.mark.parametrize(
    ("key", "reached"), [("f6", CatalogueLines), ("tab", CatalogueLines), ("shift+tab", SqlArea), ("ctrl+t", SqlArea)]
)
async def test_the_keys_between_panels_leave_the_zoom_and_do_what_they_say(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]], key: str, reached: type[Widget]
) -> None:
    app = opened(consoles, shop)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(app)
        await pilot.press("z", key)
        await until(lambda: isinstance(app.focused, reached), lambda: f"{app.focused!r}")
        assert not screen.has_class("-zoomed")
        await shows(app, "Catalogue", "Query")


async def test_the_foot_of_a_zoomed_result_names_the_way_back_and_escape_goes_it(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]]
) -> None:
    app = opened(consoles, shop)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(app)
        await pilot.press("z")
        await shows(app, "z Back")
        assert "Cancel" not in screen_text(app)
        await pilot.press("escape")
        await until(lambda: not screen.has_class("-zoomed"), "everything again")
        await until(lambda: "z Back" not in screen_text(app), lambda: screen_text(app))


async def test_f6_leads_from_the_editor_to_the_results(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]]
) -> None:
    app = opened(consoles, shop)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(app)
        await write(app, pilot, "SELECT 1")
        await pilot.press("f6")
        await until(lambda: app.focused is screen.view.content, lambda: f"{app.focused!r}")


@pytest.mark.parametrize("panel", [SqlArea, CatalogueLines, ResultMessage])
async def test_the_palette_offers_everything_once(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]], panel: type[Widget]
) -> None:
    app = opened(consoles, shop)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(app)
        screen.set_focus(screen.query_one(panel))
        await pilot.pause()
        titles = [command.title for command in app.get_system_commands(screen)]
        assert sorted(titles) == sorted(set(titles))
        assert {"Run", "Explain", "Diagram", "Questions", "New tab"} <= set(titles)


async def test_the_palette_offers_what_can_be_done_with_a_result_from_the_editor_too(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]]
) -> None:
    app = opened(consoles, shop)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(app)
        await write(app, pilot, "SELECT store_id FROM Store_Table ORDER BY store_id")
        before = [one.title for one in app.get_system_commands(screen) if one.title.startswith("Result:")]
        assert before == ["Result: Limits"]
        await pilot.press("f5")
        await until(lambda: screen.view.opened is not None, "the result")
        screen.to_editor()
        await pilot.pause()
        commands = {command.title: command for command in app.get_system_commands(screen)}
        for key in (
            "Sort",
            "Filter",
            "Facets",
            "Chart",
            "Export",
            "Copy row",
            "Limits",
            "Column",
            "Widen",
            "Fit",
            "Pin",
        ):
            assert f"Result: {key}" in commands
        assert "Result: Up" not in commands
        for _time in range(2):
            commands["Result: Sort"].callback()
            await until(lambda: not screen.view.table.busy, "the order")
        await shows(app, "sorted by store_id")
        commands["Result: Filter"].callback()
        await until(lambda: isinstance(app.focused, Input), "the field of the filter")


async def test_the_rows_of_a_long_result_come_into_the_history_once_they_are_counted(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]]
) -> None:
    app = opened(consoles, shop)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app)
        await write(app, pilot, "SELECT * FROM Sales_Transactions_Table")
        await pilot.press("f5")
        await shows(app, "3,000 rows")
        history = QueryHistory(shop[0].home / HISTORY)
        await until(lambda: [entry.rows for entry in history.entries()] == [3_000], "the count")


async def test_a_question_is_chosen_asked_and_answered_with_its_day(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]]
) -> None:
    app = opened(consoles, shop)
    async with app.run_test(size=(120, 40)) as pilot:
        await ready(app)
        await pilot.press("f2")
        await shows(app, "revenue-by-category", "top-store-last-month")
        await pilot.press(*"revenue", "enter")
        await until(lambda: isinstance(app.screen, QuestionForm), "the form")
        await shows(app, "last day with sales")
        await pilot.press("enter")
        await shows(app, "category", "share", "Dairy", "as of")
        history = QueryHistory(shop[0].home / HISTORY)
        await until(lambda: len(history.entries()) == 1, "the question in the history")
        assert ":as_of_year" not in history.entries()[0].sql
        assert "2026" in history.entries()[0].sql
        await until(
            lambda: isinstance(app.focused, ResultTable), lambda: f"{app.focused!r} {app.screen!r}", patience_s=5
        )
        await pilot.press("f4")
        await until(lambda: isinstance(app.screen, PlanView), "how it was answered")
        await shows(app, "Answered from Yearly_Region_Product_Aggregate_Table", "SELECT")


async def test_a_question_that_needs_nothing_is_answered_at_once(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]]
) -> None:
    folder = shop[0].home / "questions"
    folder.mkdir()
    (folder / "how-many-stores.sql").write_text("-- title: How many\nSELECT COUNT(*) AS stores FROM Store_Table")
    app = opened(consoles, shop)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(app)
        await pilot.press("f2")
        await shows(app, "how-many-stores")
        await pilot.press(*"how", "enter")
        await until(lambda: screen.view.opened is not None, "the answer")
        assert app.screen is screen


async def test_a_join_chosen_in_the_diagram_is_a_query_in_an_empty_editor(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]]
) -> None:
    app = opened(consoles, shop)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(app)
        await pilot.press("f3")
        await until(lambda: isinstance(app.screen, DiagramScreen), "the diagram")
        await pilot.press("left", "enter")
        await until(lambda: app.screen is screen, "the screen again")
        await until(lambda: "JOIN" in screen.editor.text, lambda: screen.editor.text)
        await pilot.press("f5")
        await shows(app, "quantity_sold", "3,000 rows")


async def test_a_join_leaves_a_statement_that_is_there_alone(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]]
) -> None:
    app = opened(consoles, shop)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await ready(app)
        screen.editor.open_tab("SELECT city FROM Weather_Readings", database="weather")
        await pilot.press("f3")
        await until(lambda: isinstance(app.screen, DiagramScreen), "the diagram")
        await pilot.press("left", "enter")
        await until(lambda: "JOIN" in screen.editor.text, lambda: screen.editor.text)
        assert screen.editor.text.startswith("SELECT s.store_name")
        assert screen.editor.database == "warehouse"
        await pilot.press("f7")
        await until(lambda: screen.editor.text == "SELECT city FROM Weather_Readings", lambda: screen.editor.text)
        await pilot.press("f6", "ctrl+pagedown")  # from the result
        assert not app.focused or screen.editor not in app.focused.ancestors
        await until(lambda: "JOIN" in screen.editor.text, lambda: screen.editor.text)
        await pilot.press("ctrl+pageup")
        await until(lambda: screen.editor.text == "SELECT city FROM Weather_Readings", lambda: screen.editor.text)
        await pilot.press("ctrl+t")
        await until(lambda: (screen.editor.text, screen.editor.database) == ("", "weather"), "a new tab of the weather")


async def test_only_a_question_that_can_be_asked_is_saved(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]]
) -> None:
    app = opened(consoles, shop)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app)
        await write(app, pilot, "SELECT regoin FROM Store_Table")
        await pilot.press("f6", "ctrl+s")  # as F5 does, from any panel
        await until(lambda: isinstance(app.screen, SaveQuestion), "the form")
        await pilot.press(*"Regions", "enter")
        await shows(app, "no column regoin")
    assert not (shop[0].home / "questions").exists()


async def test_the_weather_readings_are_a_second_database(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]]
) -> None:
    app = opened(consoles, shop)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await ready(app)
        screen.editor.open_tab("SELECT city, source FROM Weather_Readings", database="weather")
        screen.editor.focus()
        await pilot.press("f5")
        await shows(app, "Portland", "practice", "1 row")


async def test_a_start_on_the_warehouse_opens_the_pipelines_too(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]]
) -> None:
    app = opened(consoles, shop)
    async with app.run_test(size=(80, 24)) as pilot:
        await ready(app)
        await until(lambda: app.feed.workspace is not None, "the workspace")
        await pilot.press("1")
        await shows(app, "Portland", "1/1", "success")
        await pilot.press("2")
        await shows(app, "Catalogue")


async def test_a_damaged_warehouse_is_told_and_everything_else_goes_on(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]]
) -> None:
    settings, _ = shop
    (settings.home / FILE).write_bytes(b"no database at all " * 300)
    app = opened(consoles, shop)
    async with app.run_test(size=(120, 40)) as pilot:
        await shows(app, "Catalogue", "Weather_Readings")
        await write(app, pilot, "SELECT 1")
        await pilot.press("f5")
        await shows(app, "The query was not answered", "not a database")
        await pilot.press("escape", "1")
        await shows(app, "Portland", "1/1")
    assert (settings.home / FILE).read_bytes().startswith(b"no database at all")


async def test_a_damaged_warehouse_is_told_whole_at_80x24(
    consoles: list[Opened], shop: tuple[Settings, dict[str, str]]
) -> None:
    (shop[0].home / FILE).write_bytes(b"no database at all " * 300)
    app = opened(consoles, shop)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "The warehouse cannot be read", "damaged: the ware")

        def told() -> str:
            """The right half of the screen as one line: where it breaks depends on where the warehouse lies."""
            return " ".join("".join(line[28:] for line in screen_text(app).splitlines()).split())

        wanted = ("is damaged", "from a backup", "build or load it anew")
        await until(lambda: all(words in told() for words in wanted), told)
        rebuilt(shop[0])
        await pilot.press("r")
        await shows(app, "3,000", "No result yet")


def rebuilt(settings: Settings) -> None:
    """A sound warehouse in the place of the damaged one."""
    (settings.home / FILE).unlink()
    warehouse_actions(settings).build(rows=3_000)


async def test_a_new_practice_workspace_gets_its_warehouse_while_the_console_is_used(
    consoles: list[Opened], tmp_path: Path
) -> None:
    settings, environ = workspace(tmp_path / "home")
    (settings.home / "state.json").write_text('{"tab": "warehouse"}')
    consoles.append(Opened(settings, environ, build_practice=True))
    app = consoles[0].app
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "Building the practice warehouse")
        await pilot.press("f6")
        await until(lambda: isinstance(app.focused, SqlArea), "the editor, though the build goes on")
        await shows(app, "50.0k", patience_s=100)  # the build gives way to whatever else is at work
        assert "Building" not in screen_text(app)
