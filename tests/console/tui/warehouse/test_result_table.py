"""The table of a result: any size through a window, a cursor that walks over cells, keys that never wait."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot

from console.settings import Settings
from console.tui.warehouse.results.result_table import ResultTable
from tests.console.tui.warehouse.result_app import FACTS, SPOOLED, PaneApp, shop_workspace
from tests.console.tui.workspaces import PATIENCE_S, until
from warehouse.browse import Row
from warehouse.errors import StoreError
from warehouse.models import MASK


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return shop_workspace(tmp_path_factory.mktemp("results") / "home")


@asynccontextmanager
async def pane(
    settings: Settings, size: tuple[int, int] = (56, 14), *, unicode: bool = True
) -> AsyncIterator[tuple[PaneApp, Pilot[None]]]:
    app = PaneApp(settings, unicode=unicode)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield app, pilot
    app.close()


async def test_rows_are_shown_at_once_and_end_jumps_to_the_last_of_many(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        opened = await app.ask(FACTS)
        assert app.rows()[1].split()[0] == str(opened.result.first[0][0])
        count = await app.counted()
        assert count == 3_000
        await pilot.press("end")
        await app.at_rest(pilot)
        await until(lambda: app.table.row is not None, "the last row")
        assert app.table.row == opened.result.last(1)[0]
        assert app.line("foot").startswith("row 3,000")
        await pilot.press("home")
        await app.at_rest(pilot)
        assert app.table.row == opened.result.first[0]


async def test_a_page_that_failed_is_no_problem_any_more_once_the_rows_are_counted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pane(settings) as (app, pilot):
        result, ready = (opened := app.queries.open(SPOOLED)).result, threading.Event()
        wait, window = result.wait, result.window

        def fails_at_first(offset: int, rows: int) -> list[Row]:
            if not ready.is_set():
                raise StoreError("no disk")
            return window(offset, rows)

        monkeypatch.setattr(result, "wait", lambda: ready.wait(PATIENCE_S) and wait())
        monkeypatch.setattr(result, "window", fails_at_first)
        app.view.show(opened)
        await until(lambda: app.table.problem == "no disk", "the failure")
        ready.set()
        await app.counted()
        await app.at_rest(pilot)
        assert app.table.problem == ""
        assert "no disk" not in app.line("foot")


async def test_every_row_of_a_spooled_result_is_reached_by_paging(settings: Settings) -> None:
    async with pane(settings, (56, 30)) as (app, pilot):
        opened = await app.ask(SPOOLED)
        count = await app.counted()
        wanted = opened.result.window(0, 1_000)
        for _ in range(30):
            await pilot.press("pagedown")
            await until(lambda: app.table.row is not None, "the row")
            assert app.table.row == wanted[app.table.cursor]
        await pilot.press("end", "up")
        await until(lambda: app.table.row is not None, "the row")
        assert app.table.row == opened.result.window(count - 2, 1)[0]


async def test_titles_that_begin_alike_are_cut_where_they_are_told_apart(settings: Settings) -> None:
    async with pane(settings) as (app, _pilot):
        names = [f"monthly_sales_{end}" for end in ("cents", "count", "price", "share", "taxed")]
        await app.ask("SELECT " + ", ".join(f"{n} AS {name}" for n, name in enumerate(names)))
        title = app.rows()[0]
        assert title.split()[:3] == ["monthly…cents", "monthly…count", "monthly…price"]


async def test_rows_on_their_way_are_placeholders_and_no_key_waits(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        opened = await app.ask(FACTS)
        await app.counted()
        slow, window = threading.Event(), opened.result.window

        def slowly(offset: int, rows: int) -> object:
            assert slow.wait(30)
            return window(offset, rows)

        opened.result.window = slowly  # type: ignore[method-assign, assignment] # a disk that takes its time
        await pilot.press("end", "up", "up")
        assert app.table.cursor == 2_997
        assert app.table.row is None
        assert set("".join(app.rows()[1:]).split()) == {"…"}
        slow.set()
        await until(lambda: app.table.row is not None, "the row")
        assert app.table.row == window(2_997, 1)[0]


async def test_the_last_rows_are_shown_before_anybody_counted(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        opened = await app.ask(FACTS)
        await app.counted()
        counted = threading.Event()
        result = opened.result
        result.wait = lambda timeout_s=None: counted.wait(30)  # type: ignore[method-assign] # counting takes its time
        app.table.show(opened)
        assert app.table.row_count is None
        await pilot.press("end")
        await until(lambda: app.table.row_number is None, "the last rows")
        assert app.table.row == result.last(1)[0]
        assert "the last rows" in app.line("foot")
        await pilot.press("up")
        counted.set()
        assert await app.counted() == 3_000
        await app.at_rest(pilot)
        await until(lambda: app.table.row is not None, "the row")
        assert (app.table.row_number, app.table.row) == (2_999, result.window(2_998, 1)[0])


async def test_an_answer_for_a_result_that_is_gone_is_dropped(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        opened = await app.ask(FACTS)
        await app.counted()
        late, window = threading.Event(), opened.result.window

        def slowly(offset: int, rows: int) -> object:
            assert late.wait(30)
            return [("of the old result",) * len(opened.columns)] * rows

        opened.result.window = slowly  # type: ignore[method-assign, assignment] # answers after it was closed
        await pilot.press("end")
        await app.ask("SELECT store_id FROM Store_Table")
        late.set()
        await app.at_rest(pilot)
        assert "of the old result" not in "".join(app.rows())
        assert window(0, 1)


async def test_a_page_that_fails_says_why_and_does_not_ask_for_ever(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        opened = await app.ask(FACTS)
        await app.counted()
        asked: list[int] = []

        def fails(offset: int, rows: int) -> object:
            asked.append(offset)
            raise OSError("the disk is gone")

        opened.result.window = fails  # type: ignore[method-assign, assignment] # what a disk can do
        await pilot.press("end")
        await until(lambda: "the disk is gone" in app.line("foot"), "the problem")
        await app.at_rest(pilot)
        assert "?" in app.rows()[-1]
        assert len(asked) == len(set(asked))


async def test_the_cursor_walks_over_the_columns_and_the_view_follows(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        opened = await app.ask(FACTS)
        assert app.rows()[0].endswith(">")
        await pilot.press("0", "right", "right")
        assert (app.table.column, opened.columns[2] in app.line("foot")) == (2, True)
        await pilot.press("dollar_sign")
        assert app.table.column == len(opened.columns) - 1
        assert app.rows()[0].startswith("<")
        assert opened.columns[-1][:12] in app.rows()[0]
        await pilot.press("ctrl+left")
        assert app.table.column == 0
        assert app.rows()[0].strip().startswith(opened.columns[0])


async def test_pinned_columns_stay_in_sight(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        opened = await app.ask(FACTS)
        await pilot.press("p", "dollar_sign")
        heading = app.rows()[0]
        assert heading.strip().startswith(opened.columns[0])
        assert opened.columns[-1][:12] in heading
        await pilot.press("ctrl+left", "p", "dollar_sign")
        assert opened.columns[0] not in app.rows()[0]


async def test_columns_are_narrowed_widened_and_fitted(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        await app.ask(f"SELECT '{'x' * 50}' AS a, 1 AS b")
        assert app.rows()[1].split()[0] == "x" * 31 + "…"
        await pilot.press("less_than_sign")
        assert app.rows()[1].split()[0] == "x" * 27 + "…"
        await pilot.press("greater_than_sign", "greater_than_sign")
        assert app.rows()[1].split()[0] == "x" * 35 + "…"
        await pilot.press("equals_sign")
        assert app.rows()[1].split()[0] == "x" * 50


async def test_a_number_is_never_cut(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        await app.ask("SELECT 123456789 AS n, 'text' AS t")
        for _ in range(3):
            await pilot.press("less_than_sign")
        assert app.rows()[1].split() == ["…", "text"]


async def test_masked_cells_are_seen_as_masked_and_null_as_null(settings: Settings) -> None:
    async with pane(settings) as (app, _pilot):
        await app.ask("SELECT customer_name, NULL AS gap, 0 AS zero FROM Customer_Table")
        assert app.rows()[1].split() == [MASK, "null", "0"]


async def test_hostile_cells_and_titles_stay_in_their_place(settings: Settings) -> None:
    async with pane(settings) as (app, _pilot):
        await app.ask(
            "SELECT '[red]a' || char(27) || '[31m' || char(10) || 'b' AS \"\x1b[2J[b]t\", '東京' AS w, 1 AS n"
        )
        heading, row = app.rows()[:2]
        assert "\x1b" not in heading + row
        assert "[red]a\\x1b[31m\\nb" in row
        assert row.endswith("東京    1") or row.split()[-2:] == ["東京", "1"]


async def test_a_result_without_rows_says_so(settings: Settings) -> None:
    async with pane(settings) as (app, _pilot):
        await app.ask("SELECT store_id FROM Store_Table WHERE 1 = 0")
        assert "no rows" in "".join(app.rows())
        assert app.line("title").count("0 rows") == 1


async def test_a_click_selects_the_cell_and_a_click_on_a_title_sorts(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        opened = await app.ask("SELECT store_id, city FROM Store_Table")
        await pilot.click(ResultTable, offset=(12, 3))
        assert (app.table.cursor, app.table.column) == (2, 1)
        await pilot.click(ResultTable, offset=(12, 0))
        await until(lambda: app.view.opened is not opened, "the sorted result")
        assert "▲" in app.rows()[0]


async def test_without_unicode_everything_is_ascii(settings: Settings) -> None:
    async with pane(settings, unicode=False) as (app, pilot):
        opened = await app.ask(FACTS)
        await pilot.press("s")
        await until(lambda: app.view.opened is not opened, "the sorted result")
        await app.at_rest(pilot)
        strips = app.screen._compositor.render_strips(app.size)
        paper = app.screen.background_colors[1]
        shown = "".join(strip.apply_filter(app._filters[-1], paper).text for strip in strips)
        assert shown.isascii()
        assert "^" in app.rows()[0]


async def test_when_nothing_changes_nothing_is_repainted(settings: Settings) -> None:
    async with pane(settings) as (app, pilot):
        await app.ask(FACTS)
        await app.counted()
        await app.at_rest(pilot)
        painted: list[int] = []
        render = app.table.render_line
        app.table.render_line = lambda y: painted.append(y) or render(y)  # type: ignore[method-assign, func-returns-value]
        app.table.repaint_changed()
        app.view.tell()
        await pilot.pause()
        assert painted == []
        await pilot.press("down")
        await pilot.pause()
        assert set(painted) == {1, 2}
