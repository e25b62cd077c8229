"""The chart: round ticks, local times, gaps where nothing was read, and the city's screen around it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from console.actions.pipelines import Overview
from console.tui.pipelines.city_chart import CityChart, Measure, Span, Weather, nothing_yet
from console.tui.pipelines.reading_table import ReadingTable
from console.tui.widgets.chart import Series, draw
from console.tui.widgets.chart_scale import time_ticks, value_labels, value_ticks
from etl.history.database import Database
from etl.history.recorder import Recorder
from etl.models import City, Reading, Units, hour_of, ts_of
from tests.console.tui.workspaces import Opened, run_hours, screen_text, until, workspace

UNTIL = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)


def series(values: list[float | None], **bounds: float) -> Series:
    since = UNTIL - timedelta(hours=len(values) - 1)
    points = tuple((since + timedelta(hours=hour), value) for hour, value in enumerate(values))
    return Series("°C", points, since, UNTIL, timedelta(minutes=90), **bounds)


def rows(shown: Series, width: int = 60, height: int = 12, *, unicode: bool = True) -> list[str]:
    return ["".join(text for text, _tone in row) for row in draw(shown, width, height, unicode=unicode).rows]


# ---- scales -----------------------------------------------------------------------------------------------------


@given(st.floats(-500, 500), st.floats(0.001, 1000), st.integers(2, 12))
def test_value_ticks_span_the_values_evenly_with_round_steps(low: float, span: float, count: int) -> None:
    ticks = value_ticks(low, low + span, count)
    step = ticks[1] - ticks[0]
    assert ticks[0] <= low + step * 1e-6
    assert ticks[-1] >= low + span - step * 1e-6
    assert 2 <= len(ticks) <= count + 2
    assert all(abs(b - a - step) < step * 1e-6 for a, b in pairwise(ticks))
    assert len(set(value_labels(ticks))) == len(ticks)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [(279.9, 288.9, ["279", "282", "285", "288", "291"]), (0, 1, ["0.0", "0.5", "1.0"]), (5, 5, ["4", "5", "6"])],
)
def test_value_labels_are_round(low: float, high: float, labels: list[str]) -> None:
    found = value_labels(value_ticks(low, high, 3))
    assert all(
        float(label) == float(found[0]) + n * (float(found[1]) - float(found[0])) for n, label in enumerate(found)
    )
    if labels[0] != "279":
        assert found == labels


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import time

    yield
    monkeypatch.undo()
    time.tzset()


def test_time_ticks_stand_on_local_hours_also_half_an_hour_from_utc(
    monkeypatch: pytest.MonkeyPatch, zone: None
) -> None:
    import time

    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    ticks = time_ticks(UNTIL - timedelta(hours=23), UNTIL, 8)
    assert [label for _, label in ticks] == ["06:00", "09:00", "12:00", "15:00", "18:00", "21:00", "00:00"]
    assert all(at.minute == 0 and at.utcoffset() == timedelta(hours=5, minutes=30) for at, _ in ticks)


def test_time_ticks_of_days_stand_on_local_midnights_over_a_change_of_the_clock(
    monkeypatch: pytest.MonkeyPatch, zone: None
) -> None:
    import time

    monkeypatch.setenv("TZ", "America/Los_Angeles")
    time.tzset()
    until = datetime(2026, 11, 4, 12, tzinfo=UTC)  # clocks go back on November 1
    ticks = time_ticks(until - timedelta(days=7), until, 8)
    assert [label for _, label in ticks] == ["Thu 29", "Fri 30", "Sat 31", "Sun 1", "Mon 2", "Tue 3", "Wed 4"]
    assert {at.hour for at, _ in ticks} == {0}


# ---- drawing ----------------------------------------------------------------------------------------------------


@given(
    st.lists(st.none() | st.floats(-60, 60), min_size=2, max_size=200),
    st.integers(12, 140),
    st.integers(4, 40),
    st.booleans(),
)
def test_every_row_is_as_wide_as_asked(values: list[float | None], width: int, height: int, unicode: bool) -> None:
    drawn = rows(series(values), width, height, unicode=unicode)
    assert len(drawn) == height
    assert all(cell_len(row) == width for row in drawn)
    assert unicode or all(row.replace("°C", "").isascii() for row in drawn)


def test_a_missing_hour_is_a_gap_and_a_lone_value_still_shows() -> None:
    drawn = rows(series([10.0, 10.0, 10.0, None, None, None, 10.0, None, None, None, 10.0]), 62, 8)
    line = next(row for row in drawn if any(sign in row for sign in "▀▄▘▖█▝▗"))[5:]
    inked = "".join("#" if char in "▀▄▘▝▖▗█▌▐" else " " for char in line)
    assert [len(stretch) > 1 for stretch in inked.split()] == [True, False, False]


def test_ascii_draws_the_same_line_without_other_signs() -> None:
    drawn = rows(series([1.0, 2.0, 3.0]), 40, 8, unicode=False)
    assert sum(row.count("*") for row in drawn) >= 30


def test_ticks_stay_within_what_a_measurement_can_be() -> None:
    labels = [row.split("┤")[0].strip() for row in rows(series([99.0, 100.0, 98.0], low=0, high=100)) if "┤" in row]
    assert labels
    assert max(map(float, labels)) <= 100


# ---- the screen -------------------------------------------------------------------------------------------------


@contextmanager
def opened(home: Path, hours: int, **overrides: str) -> Iterator[Opened]:
    settings, environ = workspace(home, ["Portland"], **overrides)
    if hours:
        run_hours(settings, environ, hours)
    made = Opened(settings, environ)
    yield made
    made.close()


async def show(made: Opened) -> CityChart:
    await until(lambda: made.app.feed.workspace, "the workspace")
    screen = CityChart(made.opened[0].pipelines, City("Portland", "portland"))
    await made.app.push_screen(screen)
    return screen


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_screen_shows_chart_extremes_and_latest_readings(tmp_path: Path, size: tuple[int, int]) -> None:
    with opened(tmp_path / "home", 30) as made:
        async with made.app.run_test(size=size) as pilot:
            await show(made)
            await until(lambda: "lowest" in screen_text(made.app), "the chart")
            text = screen_text(made.app)
            assert "PRACTICE" in text
            assert "Weather in Portland" in text
            assert "Temperature in K, last 24 hours" in text
            assert "highest" in text
            assert "mean" in text
            assert made.app.screen.query_one(ReadingTable).line_count() == 23
            await pilot.press("2", "h")
            await until(lambda: "Humidity in %, last 7 days" in screen_text(made.app), "a week of humidity")
            await until(lambda: made.app.screen.query_one(ReadingTable).line_count() == 30, "all readings")
            await pilot.press("tab", "w")
            await until(lambda: "Wind in m/s, last 30 days" in screen_text(made.app), "a month of wind")
            await pilot.press("escape")
            await until(lambda: not isinstance(made.app.screen, CityChart), "the screen before")


async def test_without_a_reading_it_says_when_the_first_comes(tmp_path: Path) -> None:
    with opened(tmp_path / "home", 0) as made:
        async with made.app.run_test(size=(80, 24)):
            await show(made)
            await until(lambda: "No reading in the last 24 hours." in screen_text(made.app), "the note")
            text = screen_text(made.app)
            assert "The scheduler is switched off in config.toml." in text
            assert "On the Pipelines screen t starts a run." in text


@pytest.mark.parametrize(
    ("denied", "advice"),
    [
        ((), "On the Pipelines screen s resumes it, t starts a run."),
        (("run_now",), "On the Pipelines screen s resumes it."),
        (("run_now", "pause"), "An operator starts a run by hand."),
    ],
)
def test_without_a_reading_it_names_no_key_that_is_denied(denied: tuple[str, ...], advice: str) -> None:
    overview = Overview("practice", "made up", True, "lake", Units.STANDARD, True, UNTIL, None, 0, 60, 0.0, None, (), 1)
    weather = Weather(overview, (), Span.DAY, UNTIL)
    assert nothing_yet(weather, Measure.TEMPERATURE, denied=denied)[1:] == ("The scheduler is paused.", advice)


async def test_a_reading_that_comes_while_it_is_shown_appears_by_itself(tmp_path: Path) -> None:
    with opened(tmp_path / "home", 2) as made:
        async with made.app.run_test(size=(80, 24)):
            screen = await show(made)
            table = screen.query_one(ReadingTable)
            await until(lambda: table.line_count() == 2, "two readings")
            actions = made.opened[0].pipelines
            request = actions.new_manual_request()
            actions.run_manually(request)
            await until(lambda: table.line_count() == 3, "the third reading")


async def test_readings_in_other_units_are_not_drawn_and_that_is_told(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with opened(home, 3) as before:
        environ = {"LAKEWARDEN_HOME": str(home), "LAKEWARDEN_SCHEDULE__ENABLED": "false"}
        made = Opened(before.app.settings, environ | {"LAKEWARDEN_WEATHER__UNITS": "metric"})
        async with made.app.run_test(size=(80, 24)):
            await show(made)
            await until(lambda: "3 readings in other units are not drawn" in screen_text(made.app), "the note")
            await until(lambda: " K " in screen_text(made.app), "the table that tells them, in their own unit")
        made.close()


async def test_hostile_names_and_weather_are_shown_as_text(tmp_path: Path) -> None:
    home = tmp_path / "home"
    settings, environ = workspace(home)
    database = Database(settings.etl_db, lock_file=settings.locks_dir / "etl.db.lock", now=lambda: datetime.now(UTC))
    hour = hour_of(datetime.now(UTC))
    recorder = Recorder(database, f"practice-{ts_of(hour)}", now=lambda: datetime.now(UTC))
    weather = "[bold]\x1b[2Jrain\u202e" + "東" * 90
    recorder.reading(Reading("practice", "x", "x", None, hour, hour, 280.0, None, weather, None, "standard"))
    recorder.close()
    database.close()
    made = Opened(settings, environ)
    async with made.app.run_test(size=(80, 24)):
        await until(lambda: made.app.feed.workspace, "the workspace")
        await made.app.push_screen(CityChart(made.opened[0].pipelines, City("[red]\x1b[31mÜ", "x")))
        await until(lambda: "[bold]" in screen_text(made.app), "the reading")
        text = screen_text(made.app)
        assert "[red]" in text
        assert "\x1b" not in text
        assert "not told" in text
        assert all(cell_len(line) == 80 for line in text.splitlines())
    made.close()
