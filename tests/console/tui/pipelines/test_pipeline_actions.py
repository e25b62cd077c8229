"""What the keys of the Pipelines screen do, upon real runs; and what they say when something cannot be done."""

from __future__ import annotations

import csv
import json
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Checkbox, Input, Static

from console.actions.pipelines import Pipelines
from console.settings import Settings
from console.tui.app import LakewardenApp
from console.tui.pipelines.city_list import CityList
from console.tui.pipelines.run_grid import RunGrid
from console.tui.pipelines.screen import PipelinesScreen
from console.tui.screens.dialogs import AddCity, Columns, Confirm, Notice
from etl.models import CityState, RunState, Trigger, hour_of
from etl.run import RunRequest
from tests.conftest import API_KEY
from tests.console.tui.workspaces import NOWHERE, Opened, miss_hours, run_hours, screen_text, until, workspace
from tests.simulators.weather_api import WeatherApiSimulator, ok, server_error


@dataclass(frozen=True, slots=True)
class Shown:
    """A console that is shown, and what belongs to it."""

    app: LakewardenApp
    pilot: Pilot[None]
    settings: Settings
    pipelines: Pipelines

    @property
    def grid(self) -> RunGrid:
        return self.app.screen_stack[0].query_one(RunGrid)

    @property
    def cities(self) -> CityList:
        return self.app.screen_stack[0].query_one(CityList)

    async def says(self, *texts: str) -> None:
        """Wait until each text is on the screen."""

        def missing() -> list[str]:
            text = screen_text(self.app)
            return [wanted for wanted in texts if wanted not in text]

        await until(lambda: not missing(), lambda: f"{missing()} in\n{screen_text(self.app)}", patience_s=15)

    def configured(self) -> list[str]:
        names: list[str] = tomllib.loads(self.settings.config_file.read_text())["weather"]["cities"]
        return names


Show = Callable[..., AbstractAsyncContextManager[Shown]]


@pytest.fixture
def show(tmp_path: Path) -> Show:
    @asynccontextmanager
    async def shown(*cities: str, hours: int = 0, **overrides: str) -> AsyncIterator[Shown]:
        settings, environ = workspace(tmp_path / "home", cities or ("Portland",), **overrides)
        run_hours(settings, environ, hours)
        made = Opened(settings, environ)
        try:
            async with made.app.run_test(size=(120, 40), notifications=True) as pilot:
                await until(lambda: made.app.screen.query_one(CityList).city, "the cities")
                one = Shown(made.app, pilot, settings, made.opened[0].pipelines)
                await until(lambda: len(one.grid.shown) == hours, "the runs")
                yield one
        finally:
            made.close()

    return shown


def simulated(api: WeatherApiSimulator) -> dict[str, str]:
    return {"OPENWEATHER_API_KEY": API_KEY, "LAKEWARDEN_WEATHER__BASE_URL": api.base_url}


async def test_run_now_loads_every_city(show: Show) -> None:
    async with show("Portland", "Oslo") as one:
        await one.pilot.press("t")
        await one.says("Run started: 2 cities.", "Run ended: 2 loaded.", "2/2")
        assert one.grid.shown[0].run.state is RunState.SUCCESS


async def test_a_failure_is_told_and_what_failed_is_retried(show: Show) -> None:
    async with show("Portland", NOWHERE) as one:
        await one.pilot.press("t")
        await one.says("Run ended: 1 failed, 1 loaded.", "◐ partial")
        await one.pilot.press("r")
        await one.says(f"Run started: {NOWHERE}.", "Run ended: 1 failed, 0 loaded.")
        run = one.pipelines.run("latest")
        assert [city.state for city in run.cities] == [CityState.SUCCESS, CityState.FAILED]


async def test_what_cannot_be_done_says_why(show: Show) -> None:
    async with show(hours=1) as one:
        for key, reason in [
            ("r", "Nothing failed in this run"),
            ("h", "No retry waits here"),
            ("x", "No retry waits here"),
            ("X", "This run is not at work"),
        ]:
            await one.pilot.press(key)
            await one.says(reason)


async def test_a_missed_hour_cannot_be_retried(show: Show) -> None:
    async with show() as one:
        miss_hours(one.settings, [hour_of(datetime.now(UTC)) - timedelta(hours=2)])
        await until(lambda: len(one.grid.shown) == 1, "the missed hour")
        await one.pilot.press("r")
        await one.says("This hour was missed", "current weather")


async def test_a_waiting_retry_is_hurried_or_dropped(show: Show) -> None:
    with WeatherApiSimulator() as api:
        api.script("Oslo", [ok(), server_error(), ok()])  # the check asks the first city
        api.script("Zocca", [server_error()] * 3)
        async with show("Oslo", "Zocca", "Portland", **simulated(api), LAKEWARDEN_RETRY__DELAY_S="600") as one:
            await one.pilot.press("t")
            await one.says("↻2", "↻ ")
            await one.pilot.press("space")
            await until(lambda: len(one.grid.shown) == 4, "the cities")
            by_name = {line.city.city.city: number for number, line in enumerate(one.grid.shown) if line.city}
            one.grid.move_to(by_name["Zocca"])
            await one.pilot.press("x")
            await one.says("The retry is cancelled: Zocca.", "✖ source unavailable")
            one.grid.move_to(next(n for n, line in enumerate(one.grid.shown) if line.key[1] == "oslo"))
            await one.pilot.press("h")
            await one.says("The retry goes now: Oslo.", "Run ended: 1 failed")
            assert api.count("Zocca") == 1


async def test_cancelling_a_run_asks_first(show: Show) -> None:
    with WeatherApiSimulator() as api:
        api.script_default([ok()] + [server_error()] * 5)
        async with show("Oslo", "Zocca", **simulated(api), LAKEWARDEN_RETRY__DELAY_S="600") as one:
            await one.pilot.press("t")
            await one.says("↻")
            await one.pilot.press("X")
            await until(lambda: isinstance(one.app.screen, Confirm), "the question")
            await one.pilot.press("escape")
            assert one.pipelines.run("latest").state is RunState.RUNNING
            await one.pilot.press("X", "y")
            await one.says("ends after the tasks at hand")
            await until(lambda: one.grid.shown[0].run.state is not RunState.RUNNING, "the end")
            await one.says("Run cancelled: 0 loaded, 2 cancelled.")
            await one.pilot.press("space")
            await until(lambda: len(one.grid.shown) == 3, "the cities")
            await one.says("− skipped")
            assert "·" not in screen_text(one.app)
            await one.pilot.press("enter")
            await one.says("transform_weather_data     − skipped")


async def test_a_click_on_a_key_hint_does_what_the_key_does(show: Show) -> None:
    async with show(hours=1) as one:
        await one.pilot.click("#hints", offset=(screen_text(one.app).splitlines()[-1].index("t Run now"), 0))
        await one.says("Run ended: 1 loaded.")


async def test_a_run_that_another_console_has_is_told_once(show: Show) -> None:
    with WeatherApiSimulator() as api:
        api.script_default([ok()] + [server_error()] * 5)
        async with show("Oslo", **simulated(api), LAKEWARDEN_RETRY__DELAY_S="600") as one:
            await one.pilot.press("t")
            await one.says("↻")
            run = one.pipelines.run("latest")
            taken = RunRequest(run.logical_time, one.pipelines.setup().cities, Trigger.MANUAL)
            one.pipelines.new_manual_request = lambda: taken  # type: ignore[method-assign] # pressed in the same second
            await one.pilot.press("t")
            await one.says("Nothing was done: another process works on this run.")
            assert "Run started" not in screen_text(one.app)


async def test_the_scheduler_is_paused_and_resumed(show: Show) -> None:
    async with show() as one:
        await one.pilot.press("s")
        await one.says("The scheduler is paused")
        assert one.pipelines.overview().paused_since is not None
        await one.pilot.press("s")
        await one.says("The scheduler goes on")
        assert one.pipelines.overview().paused_since is None


async def test_a_city_is_tested_then_added(show: Show) -> None:
    async with show() as one:
        await one.pilot.press("a")
        await until(lambda: isinstance(one.app.screen, AddCity), "the dialog")
        field = one.app.screen.query_one(Input)
        assert not field.cursor_blink
        await one.pilot.press(*"portland", "enter")
        await one.says("portland is configured already.")
        field.value = NOWHERE
        await one.pilot.press("ctrl+t")
        await one.says("knows no such place")
        field.value = "   "
        await one.pilot.press("enter")
        await one.says("A city needs a name that can be read.")
        field.value = "91.5,10"
        await one.pilot.press("enter")
        await one.says("latitude from -90 to 90")
        field.value = " São Paulo "
        await one.pilot.press("ctrl+t")
        await one.says("The API answers: São Paulo")
        assert one.configured() == ["Portland"]
        await one.pilot.press("enter")
        await one.says("São Paulo is added; the next run loads it.", "no reading yet")
        assert one.configured() == ["Portland", "São Paulo"]
        await until(lambda: one.cities.line_count() == 2, "the new city in the list")


async def test_removing_a_city_asks_first_and_the_last_one_stays(show: Show) -> None:
    async with show("Portland", "Oslo") as one:
        await one.pilot.press("d")
        await one.says("Remove Portland?", "stay.")
        await one.pilot.press("enter")
        await until(lambda: isinstance(one.app.screen, PipelinesScreen), "No, which has the focus")
        assert one.configured() == ["Portland", "Oslo"]
        await one.pilot.press("d", "y")
        await one.says("Portland is removed.")
        assert one.configured() == ["Oslo"]
        await until(lambda: one.cities.line_count() == 1, "the list")
        await one.pilot.press("d", "y")
        await until(lambda: isinstance(one.app.screen, Notice), "the refusal in full")
        assert "config.toml" in str(one.app.screen.query_one(".dialog-text", Static).content)
        await one.pilot.press("enter")
        assert one.configured() == ["Oslo"]


async def test_the_selected_city_is_tested(show: Show) -> None:
    async with show("Portland", hours=1) as one:
        await one.pilot.press("v")
        await one.says("The API answers: Portland")


async def test_what_is_shown_is_exported_whole(show: Show) -> None:
    async with show("Portland", NOWHERE, hours=3) as one:
        await one.pilot.press("e")
        await one.says("3 runs exported")
        exports = sorted(one.settings.exports_dir.glob("runs-*"))
        assert [path.suffix for path in exports] == [".csv", ".json"]
        documents = json.loads(exports[1].read_text())
        assert [document["run_id"] for document in documents] == [line.run.run_id for line in one.grid.shown]
        assert documents[0]["extract_weather_data"] == "failed"
        with exports[0].open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["run_id"] for row in rows] == [document["run_id"] for document in documents]
        assert not list(one.settings.exports_dir.glob(".*"))


async def test_an_export_that_cannot_be_written_says_so(show: Show) -> None:
    async with show(hours=1) as one:
        if one.settings.exports_dir.exists():
            one.settings.exports_dir.rmdir()
        one.settings.exports_dir.write_text("a file in the way")
        await one.pilot.press("e")
        await one.says("That did not work")


async def test_run_ids_and_object_keys_are_copied(show: Show) -> None:
    async with show(hours=1) as one:
        await one.pilot.press("y")
        await one.says("Sent to the terminal's clipboard:")
        assert one.app.clipboard.startswith("practice/weather-data/portland_weather_")
        one.cities.focus()
        await one.pilot.press("y")
        await one.says("clipboard: Portland")


async def test_columns_are_chosen_and_kept(show: Show) -> None:
    async with show(hours=1) as one:
        assert "Trigger" in [column.title for column in one.grid.columns]
        await one.pilot.press("o")
        await until(lambda: isinstance(one.app.screen, Columns), "the dialog")
        one.app.screen.query_one("#column-trigger", Checkbox).focus()
        await one.pilot.press("space", "escape")
        assert "Trigger" not in [column.title for column in one.grid.columns]
        assert one.app.ui.hidden_columns == ("Trigger",)


async def test_the_command_palette_offers_what_the_keys_do(show: Show) -> None:
    async with show() as one:
        titles = {command.title for command in one.app.get_system_commands(one.app.screen)}
        assert {"Run now", "Retry", "Add city", "Export", "Theme", "Help", "Quit"} <= titles
        await one.pilot.press("ctrl+p")
        await one.says("Search for commands", "Cancel run")
        await one.pilot.press(*"Run now")
        await one.pilot.pause()
        await one.pilot.press("down", "enter")
        await one.says("Run started: Portland.")
