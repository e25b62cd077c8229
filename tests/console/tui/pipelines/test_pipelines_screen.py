"""The Pipelines screen upon real workspaces: what it shows at a glance, and how one moves in it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual import events

from console.tui.app import LakewardenApp
from console.tui.pipelines.city_chart import CityChart
from console.tui.pipelines.city_list import CityList
from console.tui.pipelines.run_grid import RunGrid
from console.tui.pipelines.run_lines import row_key
from console.tui.pipelines.screen import problem_words
from console.tui.pipelines.task_detail import TaskDetail
from console.tui.screens.help import HelpScreen
from console.tui.theme import DARK, LIGHT
from console.tui.widgets.section_title import SectionTitle
from etl.history.queries import Problem
from etl.models import RunState, hour_of
from tests.console.tui.workspaces import NOWHERE, Opened, miss_hours, run_hours, screen_text, until, workspace

HOSTILE = ["[red]Bold[/red]", "\u202eabc", "東京都", "Zürich"]


@pytest.fixture
def consoles() -> Iterator[list[Opened]]:
    made: list[Opened] = []
    yield made
    for one in made:
        one.close()


def grid_of(app: LakewardenApp) -> RunGrid:
    return app.screen.query_one(RunGrid)


async def shows(app: LakewardenApp, *texts: str) -> None:
    def missing() -> list[str]:
        text = screen_text(app)
        return [wanted for wanted in texts if wanted not in text]

    await until(lambda: not missing(), lambda: f"{missing()} in\n{screen_text(app)}", patience_s=10)


async def test_a_fresh_workspace_says_what_to_do_and_the_first_run_comes_by_itself(
    tmp_path: Path, consoles: list[Opened]
) -> None:
    settings, environ = workspace(tmp_path / "home")
    consoles.append(Opened(settings, environ))
    async with consoles[0].app.run_test(size=(80, 24)) as pilot:
        await shows(consoles[0].app, "No run yet", "t starts a run now", "PRACTICE", "off in config.toml")
        foot = screen_text(consoles[0].app).splitlines()[-1]
        assert not [key for key in ("Details", "Cities", "Problem", "Show all") if key in foot]  # nothing to do it with
        await pilot.press("t")
        await shows(consoles[0].app, "1/1", "success", "manual")

    del environ["LAKEWARDEN_SCHEDULE__ENABLED"]
    consoles.append(Opened(settings, environ))
    async with consoles[1].app.run_test(size=(80, 24)):
        await shows(consoles[1].app, "running here", "Next run", "schedule", "made-up weather")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_at_a_glance(tmp_path: Path, consoles: list[Opened], size: tuple[int, int]) -> None:
    settings, environ = workspace(
        tmp_path / "home", ["Portland", NOWHERE, *HOSTILE], LAKEWARDEN_WEATHER__UNITS="metric"
    )
    run_hours(settings, environ, 3)
    consoles.append(Opened(settings, environ))
    app = consoles[0].app
    async with app.run_test(size=size):
        await shows(
            app, f"✖ {NOWHERE} extract:", "knows no such place", "p opens", "Portland", "°C", "m/s", " %", "✔5 ✖1",
            "5/6", "◐ partial", "PRACTICE", "[red]Bold[/red]",
        )  # fmt: skip
        assert "\u202e" not in screen_text(app)
        assert all(len(line) <= size[0] for line in screen_text(app).splitlines())


async def test_the_last_problem_opens_at_its_city(tmp_path: Path, consoles: list[Opened]) -> None:
    settings, environ = workspace(tmp_path / "home", ["Portland", NOWHERE])
    run_hours(settings, environ, 1)
    consoles.append(Opened(settings, environ))
    app = consoles[0].app
    async with app.run_test(size=(100, 24)) as pilot:
        await shows(app, "p opens", "p Problem")
        await pilot.press("p")
        await until(lambda: isinstance(app.screen, TaskDetail), "the details")
        await shows(app, NOWHERE)
        await pilot.press("escape")
        await until(lambda: not isinstance(app.screen, TaskDetail), "the way back")
        await pilot.click("#strip", offset=(3, 2))
        await until(lambda: isinstance(app.screen, TaskDetail), "the details by mouse")


async def test_a_run_unfolds_into_its_cities_and_enter_opens_what_is_selected(
    tmp_path: Path, consoles: list[Opened]
) -> None:
    settings, environ = workspace(tmp_path / "home", ["Portland", "Oslo", NOWHERE])
    run_hours(settings, environ, 2)
    consoles.append(Opened(settings, environ))
    app = consoles[0].app
    async with app.run_test(size=(80, 24)) as pilot:
        grid = grid_of(app)
        await until(lambda: len(grid.shown) == 2, "the runs")
        await pilot.press("space")
        await until(lambda: len(grid.shown) == 5, "the cities")
        assert [line.city.city.city for line in grid.shown if line.city] == [NOWHERE, "Portland", "Oslo"]
        await shows(app, "✖ city not found")
        await pilot.press("down", "enter")
        await until(lambda: isinstance(app.screen, TaskDetail), "the details of the city")
        await pilot.press("escape")
        await pilot.press("left")
        await until(lambda: len(grid.shown) == 2, "the run folded")
        assert grid.cursor == 0


async def test_the_selection_stays_while_runs_come(tmp_path: Path, consoles: list[Opened]) -> None:
    settings, environ = workspace(tmp_path / "home")
    run_hours(settings, environ, 30)
    consoles.append(Opened(settings, environ))
    app = consoles[0].app
    async with app.run_test(size=(80, 24)) as pilot:
        grid = grid_of(app)
        await until(lambda: len(grid.shown) == 30, "the runs")
        await pilot.press("pagedown", "down")
        assert grid.line is not None
        selected, on_screen = grid.line.key, grid.cursor - grid.scroll_offset.y
        await pilot.press("t")
        await until(lambda: len(grid.shown) == 31 and grid.shown[0].run.state is RunState.SUCCESS, "the new run")
        assert grid.line.key == selected
        assert grid.cursor - grid.scroll_offset.y == on_screen


async def test_a_long_history_comes_page_by_page(tmp_path: Path, consoles: list[Opened]) -> None:
    settings, environ = workspace(tmp_path / "home")
    newest = hour_of(datetime.now(UTC))
    miss_hours(settings, [newest - timedelta(hours=ago) for ago in range(1, 501)])
    consoles.append(Opened(settings, environ))
    app = consoles[0].app
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        grid = grid_of(app)
        await shows(app, "○ missed", "no scheduler ran")
        assert len(grid.shown) < 120
        while grid.cursor < 499:
            before = len(grid.shown)
            await pilot.press("end")
            await until(lambda known=before: len(grid.shown) > known or grid.cursor == 499, "older hours")  # type: ignore[misc]
        assert len({row_key(line.run) for line in grid.shown}) == 500
        await pilot.press("enter")
        await shows(app, "Missed:")


async def test_filters_by_state_and_by_city(tmp_path: Path, consoles: list[Opened]) -> None:
    settings, environ = workspace(tmp_path / "home", ["Portland", NOWHERE])
    run_hours(settings, environ, 1)
    run_hours(
        settings, environ | {"LAKEWARDEN_WEATHER__CITIES": '["Oslo"]'}, 1, until=datetime.now(UTC) - timedelta(hours=1)
    )
    consoles.append(Opened(settings, environ))
    app = consoles[0].app
    async with app.run_test(size=(80, 24)) as pilot:
        grid = grid_of(app)
        await until(lambda: len(grid.shown) == 2, "the runs")
        await pilot.press("f")
        await shows(app, "partial too", "Enter Apply", "Esc Leave")
        await pilot.press(*"failed", "enter")
        await until(lambda: len(grid.shown) == 1, "the failed run")
        await shows(app, "only: failed", "Esc shows all", " Esc Show all Enter Details")
        await pilot.press("escape")
        await until(lambda: len(grid.shown) == 2, "all runs")
        app.screen.query_one(CityList).focus()
        await pilot.press("space")
        await until(lambda: [line.key[1] for line in grid.shown] == ["", "portland"], "the city's tasks")
        await shows(app, 'only: "Portland"')
        await pilot.press("escape", "f", *"elsewhere", "enter")
        await shows(app, "No run passes the filter.", " Esc Show all")


async def test_the_chart_of_a_city_opens_from_the_list(tmp_path: Path, consoles: list[Opened]) -> None:
    settings, environ = workspace(tmp_path / "home", ["Portland", "Oslo"])
    run_hours(settings, environ, 2)
    consoles.append(Opened(settings, environ))
    app = consoles[0].app
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "Oslo")
        await pilot.press("tab")
        await until(lambda: app.focused is app.screen.query_one(CityList), "the focus")
        await pilot.press("down", "enter")
        await until(lambda: isinstance(app.screen, CityChart), "the chart")
        await shows(app, "Oslo")


async def test_the_mouse_selects_opens_and_works_the_key_hints(tmp_path: Path, consoles: list[Opened]) -> None:
    settings, environ = workspace(tmp_path / "home", ["Portland", "Oslo"])
    run_hours(settings, environ, 3)
    consoles.append(Opened(settings, environ))
    app = consoles[0].app
    async with app.run_test(size=(80, 24)) as pilot:
        grid = grid_of(app)
        await shows(app, "Oslo")
        await until(lambda: len(grid.shown) == 3, "the runs")
        await pilot.click(RunGrid, offset=(20, 3))
        assert grid.cursor == 2
        await pilot.click(RunGrid, offset=(0, 1))
        await until(lambda: len(grid.shown) == 5, "the run unfolded")
        await pilot.double_click(RunGrid, offset=(20, 2))
        await until(lambda: isinstance(app.screen, TaskDetail), "the details")
        await pilot.press("escape")
        hints = screen_text(app).splitlines()[-1]
        await pilot.click("#hints", offset=(hints.index("? Help"), 0))
        await until(lambda: isinstance(app.screen, HelpScreen), "the help")


async def test_the_help_names_every_key_of_the_screen(tmp_path: Path, consoles: list[Opened]) -> None:
    settings, environ = workspace(tmp_path / "home")
    consoles.append(Opened(settings, environ))
    app = consoles[0].app
    async with app.run_test(size=(100, 90)) as pilot:
        await shows(app, "No run yet")
        screen = app.screen
        await pilot.press("question_mark")
        await shows(app, "This screen", "In the runs", "Everywhere", "Signs", "missed hour")
        text = " ".join(screen_text(app).replace("│", " ").split())
        for binding in type(screen).BINDINGS:
            assert getattr(binding, "id", None), binding
            assert " ".join(str(getattr(binding, "tooltip", "")).split()) in text
        await pilot.press("escape")
        await until(lambda: app.screen is screen, "the help closed")


async def test_dark_and_light(tmp_path: Path, consoles: list[Opened]) -> None:
    settings, environ = workspace(tmp_path / "home")
    consoles.append(Opened(settings, environ))
    app = consoles[0].app
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "No run yet")
        assert app.theme == DARK
        await pilot.press("m")
        assert (app.theme, app.ui.theme) == (LIGHT, LIGHT)
        await shows(app, "No run yet")


async def test_a_terminal_that_is_too_small_says_so_and_recovers(tmp_path: Path, consoles: list[Opened]) -> None:
    settings, environ = workspace(tmp_path / "home")
    consoles.append(Opened(settings, environ))
    app = consoles[0].app
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "No run yet")
        await pilot.resize_terminal(50, 10)
        await shows(app, "This terminal has 50x10 cells.", "60x16")
        await pilot.resize_terminal(60, 16)
        await shows(app, "No run yet", "Help")


async def test_without_utf_8_every_sign_is_ascii(tmp_path: Path, consoles: list[Opened]) -> None:
    settings, environ = workspace(tmp_path / "home", ["Portland", NOWHERE], LC_ALL="C")
    run_hours(settings, environ, 2)
    consoles.append(Opened(settings, environ))
    app = consoles[0].app
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "+1 x1", "% partial")
        assert screen_text(app).isascii()
        await pilot.press("question_mark")
        await shows(app, "This screen")
        assert screen_text(app).isascii()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_where_no_api_key_is_set_the_cities_say_how_to_set_one(
    tmp_path: Path, consoles: list[Opened], size: tuple[int, int]
) -> None:
    settings, environ = workspace(tmp_path / "home", LAKEWARDEN_WEATHER__SOURCE="openweather")
    run_hours(settings, environ, 1)
    consoles.append(Opened(settings, environ))
    async with consoles[0].app.run_test(size=size):
        await shows(consoles[0].app, "no API key: `lakewarden secrets set openweather_api_key`")
        assert "invalid api key" not in screen_text(consoles[0].app)


def test_of_other_problems_the_kind_is_told() -> None:
    refused = Problem("check_api_availability", "invalid_api_key", "openweather did not accept the API key")
    assert problem_words(refused) == "invalid api key"


async def test_the_heading_that_is_marked_is_that_of_the_panel_with_the_keys(
    tmp_path: Path, consoles: list[Opened]
) -> None:
    consoles.append(Opened(*workspace(tmp_path / "home")))
    app = consoles[0].app
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "No run yet")
        assert app.focused is grid_of(app)
        app.screen.post_message(events.DescendantFocus(app.screen.query_one(CityList)))  # told late
        await pilot.pause()
        assert [title.id for title in app.screen.query(SectionTitle) if title._active] == ["runs-title"]
        await shows(app, "t Run now")
