"""The details of a run's city: attempts, errors, files and a log that grows by itself, upon real runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from rich.cells import cell_len
from textual import events
from textual.widgets import Input

from console.actions.pipelines import Pipelines
from console.tui.pipelines.attempt_table import AttemptTable
from console.tui.pipelines.city_picker import CityPicker, PickerTable
from console.tui.pipelines.run_details import Wanted, attempt_id, read_details
from console.tui.pipelines.task_detail import TaskDetail
from console.tui.screens.dialogs import Notice
from console.tui.widgets.log_view import LogView
from console.tui.widgets.section_title import SectionTitle
from etl.cities import cities_of
from etl.models import CityState, RunState, Task, TaskState, Trigger, hour_of
from etl.run import RunRequest
from tests.conftest import API_KEY
from tests.console.tui.workspaces import NOWHERE, Opened, run_hours, screen_text, until, workspace
from tests.simulators.weather_api import WeatherApiSimulator, ok, raw, server_error


@contextmanager
def practice(home: Path, *cities: str) -> Iterator[Opened]:
    """A workspace in which one hour of these cities has been run."""
    settings, environ = workspace(home, cities)
    run_hours(settings, environ, 1)
    made = Opened(settings, environ)
    yield made
    made.close()


@contextmanager
def simulated(home: Path, api: WeatherApiSimulator, *cities: str, **overrides: str) -> Iterator[Opened]:
    """A workspace whose weather comes from the simulator."""
    settings, environ = workspace(
        home,
        cities,
        OPENWEATHER_API_KEY=API_KEY,
        LAKEWARDEN_WEATHER__BASE_URL=api.base_url,
        LAKEWARDEN_SENSOR__POKE_INTERVAL_S="0.05",
        **overrides,
    )
    made = Opened(settings, environ)
    yield made
    made.close()


async def show(made: Opened, run_id: str = "latest", slug: str | None = None) -> TaskDetail:
    await until(lambda: made.app.feed.workspace, "the workspace")
    screen = TaskDetail(made.app, made.opened[0], run_id, slug)
    await made.app.push_screen(screen)
    await until(lambda: "UTC" in screen_text(made.app), "the run")
    return screen


async def shows(made: Opened, *texts: str) -> None:
    """Wait until all of these are on the screen, wherever its lines are broken."""
    for text in texts:
        await until(lambda text=text: text in " ".join(screen_text(made.app).split()), f"{text!r} on the screen")  # type: ignore[misc]


def run_aside(actions: Pipelines) -> threading.Thread:
    """Start a run of the current hour in a thread."""
    now = hour_of(datetime.now().astimezone())
    request = RunRequest(now, actions.setup().cities, Trigger.MANUAL)
    thread = threading.Thread(target=lambda: actions.run_manually(request), daemon=True)
    thread.start()
    return thread


# ---- what is shown ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_it_shows_the_run_its_attempts_files_and_log(tmp_path: Path, size: tuple[int, int]) -> None:
    with practice(tmp_path / "home", "Portland") as made:
        async with made.app.run_test(size=size):
            screen = await show(made)
            await until(lambda: "stored practice/weather-" in screen_text(made.app), "the log")
            await shows(made, "PRACTICE", "Portland", "schedule", *Task)
            await shows(made, "portland_weather_raw_", "portland_weather_transformed_", "a/portland_weather_2")
            assert screen_text(made.app).count("success") >= 6
            facts, log = screen.query_one("#facts"), screen.query_one("#log-panel")
            if size[0] >= 120:
                await until(lambda: facts.region.right <= log.region.x, "both side by side")
            else:
                await until(lambda: facts.region.bottom <= log.region.y, "one above the other")


async def test_the_city_that_failed_comes_first_with_its_error_in_full(tmp_path: Path) -> None:
    with practice(tmp_path / "home", "Portland", NOWHERE, "Oslo") as made:
        async with made.app.run_test(size=(80, 24)):
            screen = await show(made)
            await shows(made, "partial", "city 2 of 3", "upstream_failed", "not there", "not loaded")
            await shows(made, f"city_not_found: practice knows no such place for “{NOWHERE}” (404: city not found)")
            attempt = screen.query_one(AttemptTable).attempt
            assert attempt is not None
            assert (attempt.task, attempt.state) == (Task.EXTRACT, TaskState.FAILED)


async def test_another_attempt_shows_its_own_log(tmp_path: Path) -> None:
    with practice(tmp_path / "home", "Portland") as made:
        async with made.app.run_test(size=(80, 24)) as pilot:
            await show(made)
            await until(lambda: "stored practice" in screen_text(made.app), "the log of load")
            await pilot.press("home")
            await until(lambda: "poke 1: available" in screen_text(made.app), "the log of check")
            await pilot.press("down")
            await until(lambda: "bytes as portland_weather_raw" in screen_text(made.app), "the log of extract")


async def test_a_file_that_was_removed_is_told_as_not_there(tmp_path: Path) -> None:
    with practice(tmp_path / "home", "Portland") as made:
        for path in (tmp_path / "home" / "staging").rglob("*_raw_*.json"):
            path.unlink()
        async with made.app.run_test(size=(80, 24)):
            await show(made)
            await shows(made, "raw not there")
            assert screen_text(made.app).count("not there") == 1


async def test_a_run_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with practice(tmp_path / "home", "Portland") as made:
        async with made.app.run_test(size=(80, 24)):
            await until(lambda: made.app.feed.workspace, "the workspace")
            await made.app.push_screen(TaskDetail(made.app, made.opened[0], "practice-19990101T000000", None))
            await until(lambda: "there is no run practice-19990101T000000" in screen_text(made.app), "the message")


# ---- choosing a city --------------------------------------------------------------------------------------------


async def test_brackets_go_through_the_cities(tmp_path: Path) -> None:
    with practice(tmp_path / "home", "Portland", "Oslo", "Lima") as made:
        async with made.app.run_test(size=(80, 24)) as pilot:
            await show(made)
            await pilot.press("right_square_bracket")
            await until(lambda: "Oslo  city 2 of 3" in screen_text(made.app), "the second city")
            await until(lambda: "stored practice/weather-data/oslo" in screen_text(made.app), "its log")
            await pilot.press("left_square_bracket", "left_square_bracket")
            await until(lambda: "city 2 of 3" not in screen_text(made.app), "another city")


async def test_one_of_a_thousand_cities_is_found_by_typing(tmp_path: Path) -> None:
    with practice(tmp_path / "home", *[f"City {n}" for n in range(999)], NOWHERE) as made:
        async with made.app.run_test(size=(80, 24)) as pilot:
            await show(made)
            await pilot.press("o")
            await until(lambda: isinstance(made.app.screen, CityPicker), "the picker")
            assert "Cities of this run (1000)" in screen_text(made.app)
            await pilot.press(*"failed")
            table = made.app.screen.query_one(PickerTable)
            await until(lambda: [city.city for city in table.shown] == [NOWHERE], "the failed city")
            made.app.screen.query_one(Input).value = "city 77"
            await until(lambda: len(table.shown) == 11, "the cities with 77")
            await pilot.press("down", "enter")
            await until(lambda: "City 770  city 771 of 1000" in screen_text(made.app), "the chosen city")


# ---- live -------------------------------------------------------------------------------------------------------


async def test_the_log_of_a_running_attempt_grows_by_itself_and_is_not_read_again_afterwards(
    tmp_path: Path, api: WeatherApiSimulator
) -> None:
    api.script("Portland", [server_error()])
    with simulated(tmp_path / "home", api, "Portland") as made:
        async with made.app.run_test(size=(80, 24)):
            await until(lambda: made.app.feed.workspace, "the workspace")
            actions = made.opened[0].pipelines
            thread = run_aside(actions)
            await until(lambda: actions.runs(limit=1), "the run")
            screen = await show(made)
            view = screen.query_one(LogView)
            await until(lambda: len(view.lines) > 3, "some lines")
            seen = len(view.lines)
            await until(lambda: len(view.lines) > seen + 3, "more lines")
            assert view.following
            api.script("Portland", [ok()])
            await until(lambda: actions.run("latest").state is RunState.SUCCESS, "the end of the run")
            await until(
                lambda: "object" in screen_text(made.app) and "not loaded" not in screen_text(made.app), "the end"
            )
            await until(lambda: screen._wanted.known_complete, "the whole log")
            lines = [line.line for line in view.lines]
            assert lines == list(range(1, len(lines) + 1)), "each line once, none missing"
            details = read_details(actions, "latest", screen._wanted)
            assert details.log is None, "a finished log that is known is not read again"
            thread.join(30)


async def test_a_waiting_retry_is_shown_and_can_be_hurried(tmp_path: Path, api: WeatherApiSimulator) -> None:
    api.script("Portland", [ok(), server_error(), ok()])
    with simulated(tmp_path / "home", api, "Portland", LAKEWARDEN_RETRY__DELAY_S="600") as made:
        async with made.app.run_test(size=(80, 24)) as pilot:
            await until(lambda: made.app.feed.workspace, "the workspace")
            actions = made.opened[0].pipelines
            thread = run_aside(actions)
            await until(lambda: [r for r in actions.runs(limit=1) if r.cities[0].retry_at], "the waiting retry")
            await show(made)
            retry_at = actions.run("latest").cities[0].retry_at
            assert retry_at is not None
            assert retry_at - datetime.now().astimezone() > timedelta(minutes=5)
            await shows(
                made, f"waits for its retry at {retry_at.astimezone():%H:%M:%S}", "up_for_retry", "source_unavailable"
            )
            await pilot.press("h")
            await until(lambda: actions.run("latest").state is RunState.SUCCESS, "the hurried retry")
            thread.join(30)
            await until(lambda: "not loaded" not in screen_text(made.app), "the loaded object")
            table = made.app.screen.query_one(AttemptTable)
            assert table.line_count() == 5, "two attempts of extract, one of each other task"


async def test_a_waiting_retry_can_be_dropped_and_what_failed_retried(tmp_path: Path, api: WeatherApiSimulator) -> None:
    api.script("Portland", [ok(), server_error(), ok()])
    with simulated(tmp_path / "home", api, "Portland", LAKEWARDEN_RETRY__DELAY_S="600") as made:
        async with made.app.run_test(size=(80, 24)) as pilot:
            await until(lambda: made.app.feed.workspace, "the workspace")
            actions = made.opened[0].pipelines
            thread = run_aside(actions)
            await until(lambda: [r for r in actions.runs(limit=1) if r.cities[0].retry_at], "the waiting retry")
            await show(made)
            await pilot.press("x")
            await until(lambda: actions.run("latest").state is RunState.FAILED, "the dropped retry")
            thread.join(30)
            await until(lambda: "failed" in screen_text(made.app).splitlines()[1], "the failed run")
            await pilot.press("r")
            await until(lambda: actions.run("latest").state is RunState.SUCCESS, "the retry by hand")
            await until(lambda: "success" in screen_text(made.app).splitlines()[2], "the loaded city")
            assert actions.run("latest").cities[0].state is CityState.SUCCESS


async def test_what_cannot_be_done_is_told(tmp_path: Path) -> None:
    with practice(tmp_path / "home", "Portland") as made:
        async with made.app.run_test(size=(80, 24)) as pilot:
            await show(made)
            await pilot.press("h")
            await until(lambda: isinstance(made.app.screen, Notice), "the message")
            await shows(made, "No retry of portland waits")
            await pilot.press("escape", "r")
            await until(lambda: "Nothing failed in" in screen_text(made.app), "the message")


# ---- searching and copying --------------------------------------------------------------------------------------


async def test_searching_the_log_and_leaving_the_search(tmp_path: Path) -> None:
    with practice(tmp_path / "home", "Portland") as made:
        async with made.app.run_test(size=(80, 24)) as pilot:
            screen = await show(made)
            await until(lambda: "stored practice" in screen_text(made.app), "the log")
            await pilot.press("slash", *"STORED", "enter")
            await until(lambda: "match 1 of 1" in screen_text(made.app), "the match")
            assert screen.focused is screen.query_one(LogView)
            await pilot.press("escape")
            await until(lambda: "match" not in screen_text(made.app), "the end of the search")
            await pilot.press("escape")
            await until(lambda: made.app.screen is not screen, "the screen before")


async def test_copying_takes_the_key_or_the_line(tmp_path: Path) -> None:
    with practice(tmp_path / "home", "Portland") as made:
        async with made.app.run_test(size=(80, 24)) as pilot:
            await show(made)
            await until(lambda: "stored practice" in screen_text(made.app), "the log")
            await pilot.press("y")
            key = made.opened[0].pipelines.run("latest").cities[0].object_key
            assert made.app.clipboard == key
            await pilot.press("tab", "c")
            await until(lambda: made.app.clipboard == f"stored {key}", "the copied line")


async def test_an_answer_full_of_control_characters_keeps_the_layout(tmp_path: Path, api: WeatherApiSimulator) -> None:
    message = "[red]\\u001b[2J\\u0007 \\u202eolleh 東京" * 40
    api.script("Portland", [ok(), raw(400, f'{{"cod":"400","message":"{message}"}}'.encode())])
    with simulated(tmp_path / "home", api, "Portland") as made:
        async with made.app.run_test(size=(80, 24)):
            await until(lambda: made.app.feed.workspace, "the workspace")
            run_aside(made.opened[0].pipelines).join(30)
            await show(made)
            await until(lambda: "bad_request" in screen_text(made.app), "the error")
            text = screen_text(made.app)
            assert "\x1b" not in text
            assert "\u202e" not in text
            assert all(cell_len(line) == 80 for line in text.splitlines())


# ---- the values -------------------------------------------------------------------------------------------------


def test_details_prefer_what_is_asked_for_over_what_tells_most(tmp_path: Path) -> None:
    settings, environ = workspace(tmp_path / "home", ["Portland", NOWHERE])
    run_hours(settings, environ, 1)
    made = Opened(settings, environ)
    from console.wiring.pipelines import pipelines

    actions = pipelines(settings, environ)
    portland, nowhere = cities_of(["Portland", NOWHERE])[0]
    telling = read_details(actions, "latest", Wanted(None))
    assert telling.city.slug == nowhere.slug
    assert telling.to_copy == ("the run id", telling.run.run_id)
    asked = read_details(actions, "latest", Wanted(portland.slug, (portland.slug, Task.TRANSFORM, 1)))
    assert asked.city.slug == portland.slug
    assert asked.attempt is not None
    assert attempt_id(asked.attempt) == (portland.slug, Task.TRANSFORM, 1)
    assert asked.to_copy == ("the object key", asked.city.object_key)
    actions.close()
    made.close()


async def test_the_heading_that_is_marked_is_that_of_the_panel_with_the_keys(tmp_path: Path) -> None:
    with practice(tmp_path / "home", "Portland") as made:
        async with made.app.run_test(size=(80, 24)) as pilot:
            screen = await show(made)
            screen.query_one(LogView).focus()
            await pilot.pause()
            screen.post_message(events.DescendantFocus(screen.query_one(AttemptTable)))  # told late
            await pilot.pause()
            assert [title.id for title in screen.query(SectionTitle) if title._active] == ["log-title"]
