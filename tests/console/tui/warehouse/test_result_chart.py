"""Charts of a result: bars, lines and sparklines from real rows, changed with keys, bounded, never by colour alone."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.pilot import Pilot
from textual.widgets import Static

from console.settings import Settings
from console.tui.warehouse.results.result_cells import Look
from console.tui.warehouse.results.result_chart import ResultChart
from console.tui.warehouse.results.result_drawing import MOST_BARS, bars, lines, positions, sparklines, tick_words
from console.tui.widgets.bars import KeyHints
from console.tui.widgets.line_panel import Line, LinePanel
from tests.console.tui.warehouse.result_app import FACTS, PaneApp, shop_workspace
from tests.console.tui.workspaces import until
from warehouse.chart_choice import ChartData, ChartKind, choose, pivot
from warehouse.opened import Kind

LOOK = Look(Kind.INTEGER, grouped=True)
MONTHS = """
    SELECT year, month_number, region, SUM(total_sales_amount) AS total_sales_amount, COUNT(*) AS sales
    FROM Sales_Transactions_Table JOIN Time_Table USING (time_id) JOIN Store_Table USING (store_id) GROUP BY 1, 2, 3
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return shop_workspace(tmp_path_factory.mktemp("results") / "home")


def texts(drawn: list[Line]) -> list[str]:
    return ["".join(text for text, _tone in line) for line in drawn]


# ---- drawing --------------------------------------------------------------------------------------------------------


def test_bars_are_as_long_as_their_values_and_carry_them() -> None:
    data = ChartData(("West", "East", "None"), (("", (100.0, 50.0, None)),))
    found = texts(bars(data, LOOK, 40, unicode=True))
    assert [line.count("█") for line in found] == [26, 13, 0]
    assert [line.split()[-1] for line in found] == ["100", "50", "value"]
    assert all(cell_len(line) == 40 for line in found)


def test_negative_bars_go_the_other_way() -> None:
    found = texts(bars(ChartData(("up", "down"), (("", (30.0, -30.0)),)), LOOK, 40, unicode=True))
    assert found[0].index("█") > found[1].index("▒")
    assert found[1].rindex("▒") < found[0].index("█")
    assert found[1].endswith("-30")


@pytest.mark.parametrize("kind", ["bars", "lines", "sparkline"])
@pytest.mark.parametrize("far", [[math.inf, 1.0], [-math.inf, math.inf], [1.7e308, -1.7e308], [1e308, 1e308]])
def test_numbers_beyond_any_scale_are_left_out_and_said(kind: ChartKind, far: list[float]) -> None:
    rows = [("2026-01-01", far[0]), ("2026-01-01", far[1]), ("2026-02-01", 3.0), ("2026-03-01", far[0])]
    data = pivot(rows, choose(["day", "amount"], [Kind.DATE, Kind.NUMBER], rows, kind=kind))
    assert data.left_out == "numbers of 1e+300 and more are left out"
    look = Look(Kind.NUMBER)
    drawn = {
        "bars": lambda: bars(data, look, 60, unicode=True),
        "lines": lambda: lines(data, 60, 12, unicode=True),
        "sparkline": lambda: sparklines(data, look, 60, signs="12345678", gap=" "),
    }[kind]()
    assert drawn


def test_bars_are_bounded() -> None:
    many = ChartData(tuple(map(str, range(10_000))), (("", (1.0,) * 10_000),))
    assert len(bars(many, LOOK, 60, unicode=True)) == MOST_BARS


def test_lines_are_named_at_their_ends_and_in_the_legend() -> None:
    data = ChartData(("2026-01", "2026-02", "2026-03"), (("West", (1.0, 2.0, 3.0)), ("East", (3.0, 2.0, 1.0))))
    found = texts(lines(data, 60, 14, unicode=True))
    assert len(found) == 14
    assert [line.strip()[-1] for line in (found[0], found[10])] == ["a", "b"]
    assert found[-1].split() == ["a", "West", "b", "East"]
    assert "2026-01" in found[-2]
    assert "2026-03" in found[-2]


def test_in_ascii_each_line_is_drawn_with_its_letter() -> None:
    data = ChartData(("1", "2"), (("West", (1.0, 2.0)), ("東", (2.0, 1.0))))
    found = texts(lines(data, 40, 10, unicode=False))
    assert all(line.isascii() for line in found[:-1])
    assert {"a", "b"} <= set("".join(found[:-1]))


def test_dates_are_spaced_as_times_and_names_evenly() -> None:
    assert positions(("2026-01-01", "2026-01-02", "2026-01-05")) == [0, 0.25, 1]
    assert positions(("a", "b", "c")) == [0, 0.5, 1]
    assert positions(("2026-01-01", "b", "c")) == [0, 0.5, 1]


def test_large_ticks_are_short() -> None:
    assert tick_words([0, 1e6, 2e6]) == ["0", "1000k", "2000k"]
    assert tick_words([0, 1e7, 2e7]) == ["0", "10M", "20M"]


def test_a_series_becomes_a_sparkline_with_its_extremes() -> None:
    found = texts(sparklines(ChartData(("1", "2", "3"), (("West", (1.0, 3.0, 2.0)),)), LOOK, 40, signs="▁▄█", gap=" "))
    assert found[:3] == ["West", "▁█▄", "least 1, greatest 3, last 2"]


@given(
    st.lists(st.tuples(st.text(max_size=30), st.none() | st.floats(-1e12, 1e12)), min_size=1, max_size=40),
    st.integers(30, 140),
    st.integers(6, 40),
    st.booleans(),
)
def test_any_numbers_are_drawn_within_the_screen(
    found: list[tuple[str, float | None]], width: int, height: int, unicode: bool
) -> None:
    data = ChartData(tuple(name for name, _ in found), (("", tuple(value for _, value in found)),))
    look = Look(Kind.NUMBER, grouped=True, decimals=2)
    drawn = texts(lines(data, width, height, unicode=unicode))
    assert len(drawn) <= height
    assert all(cell_len(line) <= width for line in drawn)
    for line in texts(bars(data, look, width, unicode=unicode)):
        assert cell_len(line) <= width
    sparklines(data, look, width, signs="▁█", gap=" ")


# ---- the screen -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def chart(settings: Settings, sql: str) -> AsyncIterator[tuple[PaneApp, Pilot[None], ResultChart]]:
    app = PaneApp(settings)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await app.ask(sql)
        await pilot.press("c")
        await until(lambda: isinstance(app.screen, ResultChart) and app.screen.choice is not None, "the chart")
        assert isinstance(app.screen, ResultChart)
        await until(lambda: app.screen.query_one(LinePanel).lines, "the picture")
        yield app, pilot, app.screen
    app.close()


def kind(screen: ResultChart) -> str:
    assert screen.choice is not None
    return screen.choice.kind


def said(screen: ResultChart) -> str:
    return str(screen.query_one("#chart-words", Static).content)


def hinted(screen: ResultChart) -> set[str]:
    always = ("Help", "Quit")
    named = {text.strip() for text, tone, _action in screen.query_one(KeyHints).parts() if tone == "heading"}
    return named - set(always)


async def picture(pilot: Pilot[None], screen: ResultChart, *keys: str) -> list[str]:
    await pilot.press(*keys)
    await pilot.pause()
    return texts(list(screen.query_one(LinePanel).lines))


async def test_sales_over_months_become_lines_and_keys_change_the_chart(settings: Settings) -> None:
    async with chart(settings, MONTHS) as (app, pilot, screen):
        assert kind(screen) == "lines"
        first = said(screen)
        assert first.endswith(" by year and month_number, a series for each region")
        drawn = await picture(pilot, screen, "v")
        assert said(screen) != first
        assert len(drawn) == screen.query_one(LinePanel).size.height
        drawn = await picture(pilot, screen, "s")
        assert any("least" in line for line in drawn)
        await picture(pilot, screen, "b", "x")
        assert kind(screen) == "bars"
        await picture(pilot, screen, "g")
        await picture(pilot, screen, "a")
        assert said(screen) == first
        await pilot.press("escape")
        assert app.focused is app.table


async def test_title_and_way_back_stand_over_the_chart(settings: Settings) -> None:
    async with chart(settings, MONTHS) as (app, pilot, screen):
        for size in ((80, 24), (120, 40)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            head = screen.query_one("#header").render_line(0).text
            assert "Chart of the result" in head
            assert head.endswith("Esc back ")
            assert screen.query_one(KeyHints).region.bottom == size[1]
        await pilot.click("#header", offset=(size[0] - 3, 0))
        assert app.focused is app.table


async def test_the_value_is_never_a_year_a_month_or_a_key(settings: Settings) -> None:
    sql = f"SELECT region, year, month_number, year AS store_id, total_sales_amount AS rev, sales AS n FROM ({MONTHS})"
    async with chart(settings, sql) as (_app, pilot, screen):
        assert screen.choice is not None
        seen = [screen.choice.value]
        for _ in range(4):
            await pilot.press("v")
            seen.append(screen.choice.value)
        assert seen == [4, 5, 4, 5, 4]


async def test_the_series_can_be_taken_together(settings: Settings) -> None:
    async with chart(settings, MONTHS) as (_app, pilot, screen):
        for _ in range(6):
            if screen.choice is not None and screen.choice.series is None:
                break
            await picture(pilot, screen, "g")
        assert screen.choice is not None
        assert screen.choice.series is None
        assert "series" not in said(screen)


async def test_without_numbers_the_reason_is_told(settings: Settings) -> None:
    async with chart(settings, "SELECT city, region FROM Store_Table") as (_app, pilot, screen):
        drawn = texts(list(screen.query_one(LinePanel).lines))
        assert drawn[0] == "There is no chart of this result"
        assert "numbers" in drawn[2]
        assert hinted(screen) == set()
        await pilot.press("b", "s")
        assert hinted(screen) == set()


async def test_a_chart_of_a_large_result_is_bounded_and_says_so(settings: Settings) -> None:
    sql = "SELECT a.time_id, a.quantity_sold FROM Sales_Transactions_Table a, (SELECT 1 UNION ALL SELECT 2) b"
    async with chart(settings, sql) as (_app, _pilot, screen):
        assert "Cut: only the first 5,000 rows are drawn" in said(screen)


async def test_the_facts_have_a_chart(settings: Settings) -> None:
    async with chart(settings, FACTS) as (_app, _pilot, screen):
        assert screen.choice is not None
        assert screen.choice.kind != "none"


async def test_keys_that_would_change_nothing_are_not_offered(settings: Settings) -> None:
    async with chart(settings, "SELECT region, COUNT(*) AS sales FROM Store_Table GROUP BY 1") as (_app, pilot, screen):
        assert hinted(screen) == {"Bars", "Lines", "Sparklines", "As chosen"}
        before = screen.choice
        await pilot.press("x", "v", "g")
        assert screen.choice == before
    async with chart(settings, MONTHS) as (_app, _pilot, screen):
        assert hinted(screen) >= {"Label", "Value", "Series"}
