"""Dialogs over a result: the cell in full, a column in numbers, the limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from rich.cells import cell_len
from textual.pilot import Pilot
from textual.widgets import Input, Static

from console.settings import Settings
from console.tui.warehouse.results.cell_detail import CellDetail, json_lines, value_lines
from console.tui.warehouse.results.column_summary import SummaryDialog, histogram_lines
from console.tui.warehouse.results.facet_list import FacetList
from console.tui.warehouse.results.limits_dialog import LimitsDialog, LimitsRefused, limits_of
from console.tui.widgets.line_panel import LinePanel
from tests.console.tui.warehouse.result_app import FACTS, PaneApp, shop_workspace
from tests.console.tui.workspaces import until
from warehouse.limits import QueryLimits
from warehouse.models import MASK


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return shop_workspace(tmp_path_factory.mktemp("results") / "home")


@asynccontextmanager
async def pane(settings: Settings, size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[PaneApp, Pilot[None]]]:
    app = PaneApp(settings)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield app, pilot
    app.close()


def panel_text(app: PaneApp) -> str:
    panel = app.screen.query_one(LinePanel)
    return "\n".join("".join(text for text, _tone in line).rstrip() for line in panel.lines)


async def test_a_newer_message_takes_the_place_of_the_older_and_none_lies_over_a_dialog(settings: Settings) -> None:
    app = PaneApp(settings)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await app.ask("SELECT store_id FROM Store_Table ORDER BY 1")
        await pilot.press("y", "down", "y")
        await until(lambda: app.told() and app.told()[-1].message.endswith("cell 2"), "the second copy")
        assert len(app.told()) == 1
        await pilot.press("Y")
        await until(lambda: app.told()[-1].message.endswith("the row of 1 value"), "the row")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, CellDetail), "the cell")
        assert app.told() == []
    app.close()


# ---- the cell -------------------------------------------------------------------------------------------------------


async def test_the_cell_is_shown_whole_with_its_row_and_the_other_columns_are_a_key_away(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        await app.ask(f"SELECT '{'long ' * 60}' AS words, customer_name, NULL AS gap FROM Customer_Table")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, CellDetail) and "> words" in panel_text(app), "the cell")
        assert panel_text(app).count("long") >= 60
        await pilot.press("right")
        assert panel_text(app).startswith(f"{MASK}\nmasked")
        await pilot.press("right")
        assert panel_text(app).startswith("null: there is no value")
        await pilot.press("y", "escape")
        assert app.clipboard == ""
        assert app.focused is app.table


async def test_json_is_indented_and_shown_as_stored_on_request(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        await app.ask("""SELECT '{"a":[1,2],"b":"x"}' AS document""")
        await pilot.press("enter")
        await until(lambda: isinstance(app.screen, CellDetail) and "The whole row" in panel_text(app), "the cell")
        assert panel_text(app).startswith('{\n  "a": [\n    1,')
        await pilot.press("r")
        assert panel_text(app).startswith('{"a":[1,2],"b":"x"}')


def test_what_is_no_json_object_stays_text() -> None:
    assert json_lines("[1, 2") is None
    assert json_lines("17") is None
    assert json_lines("[" * 50_000) is None
    assert json_lines(17) is None


def test_long_and_hostile_values_are_wrapped_escaped_and_cut() -> None:
    lines = value_lines("\x1b[31m東京" * 30 + "y" * 200_000, 40, pretty=None)
    assert all(cell_len("".join(text for text, _tone in line)) <= 40 for line in lines[:-1])
    assert "\x1b" not in "".join(text for line in lines for text, _tone in line)
    assert "characters more" in lines[-1][0][0]


def test_bytes_are_shown_as_hex_and_characters() -> None:
    (size,), first = value_lines(b"\x00Hello\x1b", 80, pretty=None)
    assert size[0] == "7 bytes"
    assert "".join(text for text, _tone in first).split() == ["000000", "00", "48", "65", "6c", "6c", "6f", "1b",
                                                              ".Hello."]  # fmt: skip


# ---- the column -----------------------------------------------------------------------------------------------------


async def test_the_summary_of_a_column_agrees_with_its_rows(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        opened = await app.ask(FACTS)
        column = opened.columns.index("quantity_sold")
        values = [int(str(row[column])) for row in opened.result.window(0, 10_000)]
        app.table.select_column(column)
        await pilot.press("i")
        await until(lambda: isinstance(app.screen, SummaryDialog) and "total" in panel_text(app), "the summary")
        facts = dict(line.split(None, 1) for line in panel_text(app).splitlines()[:8])
        assert facts["rows"] == "3,000"
        assert (facts["least"], facts["greatest"]) == (str(min(values)), str(max(values)))
        assert (facts["distinct"], facts["total"]) == (str(len(set(values))), f"{sum(values):,}")
        assert facts["mean"] == f"{sum(values) / len(values):.2f}"
        assert "tallest" in panel_text(app)
        await pilot.press("f")
        await until(lambda: isinstance(app.screen, FacetList), "the values")


async def test_a_column_of_text_has_a_summary_too(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        await app.ask("SELECT region FROM Store_Table")
        await pilot.press("i")
        await until(lambda: isinstance(app.screen, SummaryDialog) and "greatest" in panel_text(app), "the summary")
        assert "mean" not in panel_text(app)
        await pilot.press("escape")
        assert app.focused is app.table


def test_the_tallest_bar_reaches_the_top_and_any_row_is_seen() -> None:
    lines = histogram_lines([1000, 1, 0, 500], "▁▂▃▄▅▆▇█", height=2)
    assert [line[0][0] for line in lines] == ["██      ", "██▁▁  ██"]


# ---- limits ---------------------------------------------------------------------------------------------------------


NO_LIMITS = (
    ("0", "1"), ("-1", "1"), ("nan", "1"), ("4000", "1"), ("x", "1"), ("1", "0"), ("1", "-5"), ("1", "1.5"), ("1", "x"),
    ("1", "9" * 30),
)  # fmt: skip


@pytest.mark.parametrize(("seconds", "rows"), NO_LIMITS)
def test_what_is_no_limit_is_refused(seconds: str, rows: str) -> None:
    with pytest.raises(LimitsRefused, match="expected"):
        limits_of(seconds, rows)


def test_limits_are_numbers_or_all() -> None:
    assert limits_of("2.5", "10,000") == QueryLimits(2.5, 10_000)
    assert limits_of("60", "all") == limits_of("60", "") == QueryLimits(60.0, 0)


async def test_limits_are_asked_for_validated_and_told(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        await app.ask(FACTS)
        await pilot.press("l")
        await until(lambda: isinstance(app.screen, LimitsDialog), "the dialog")
        seconds = app.screen.query_one("#limits-seconds", Input)
        seconds.value = "soon"
        await pilot.press("enter")
        assert "expected a number above 0" in str(app.screen.query_one("#limits-words", Static).content)
        seconds.value, app.screen.query_one("#limits-rows", Input).value = "5", "100"
        await pilot.press("enter")
        await until(lambda: app.view.limits == QueryLimits(5.0, 100), "the limits")
        assert "next query: at most 5 s, 100 rows" in app.line("foot")
        await app.ask(FACTS, limits=app.view.limits)
        assert app.line("foot").endswith(" at most 5 s, 100 rows")
        app.view.close_result()
        app.view.use_limits(QueryLimits(7.0, 0))
        assert app.line("foot") == "at most 7 s, all rows"
