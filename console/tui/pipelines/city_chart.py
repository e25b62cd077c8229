"""The weather of one city over a day, a week or a month: chart, extremes, and the latest values as a table."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from statistics import fmean
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from console.actions.pipelines import Overview, Pipelines
from console.tui.live import Live
from console.tui.messages import Delivered
from console.tui.pipelines.detail_header import DetailHeader
from console.tui.pipelines.reading_table import ReadingTable
from console.tui.text import local_clock, plain
from console.tui.widgets.bars import KeyHints
from console.tui.widgets.chart import Chart, Series
from console.tui.widgets.section_title import SectionTitle
from etl.models import City, Reading, Units, hour_of

JOINED = timedelta(minutes=90)  # an hourly reading that is missing leaves a gap
LATEST = 200  # lines of the table


class Span(Enum):
    """How far back the chart goes: hours, and what that is called."""

    DAY = (24, "last 24 hours")
    WEEK = (24 * 7, "last 7 days")
    MONTH = (24 * 30, "last 30 days")

    @property
    def hours(self) -> int:
        return self.value[0]

    @property
    def title(self) -> str:
        return self.value[1]


class Measure(Enum):
    """What is charted; the value is its title."""

    TEMPERATURE = "Temperature"
    HUMIDITY = "Humidity"
    WIND = "Wind"

    def unit(self, units: Units) -> str:
        """The unit of its values."""
        return {"Temperature": units.temperature_symbol, "Humidity": "%", "Wind": units.speed_symbol}[self.value]

    def of(self, reading: Reading) -> float | None:
        """Its value in a reading."""
        if self is Measure.TEMPERATURE:
            return reading.temperature
        return reading.humidity if self is Measure.HUMIDITY else reading.wind_speed


@dataclass(frozen=True, slots=True)
class Weather:
    """What was read of a city: readings of the span, oldest first, and the state of the pipeline."""

    overview: Overview
    readings: tuple[Reading, ...]
    span: Span
    until: datetime


class CityChart(Screen[None]):
    """Shows `city`; what changes in the history appears by itself.

    `denied` names what keys of the Pipelines screen do that whoever is here may not.
    """

    CSS_PATH = "city_chart.tcss"
    AUTO_FOCUS = "#readings"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", show=False, id="chart.back", tooltip="Back to the screen before"),
        Binding("1", "span('DAY')", "Day", id="chart.day", tooltip="The last 24 hours"),
        Binding("2", "span('WEEK')", "Week", id="chart.week", tooltip="The last 7 days"),
        Binding("3", "span('MONTH')", "Month", id="chart.month", tooltip="The last 30 days"),
        Binding("t", "measure('TEMPERATURE')", "Temperature", id="chart.temperature", tooltip="Chart temperature"),
        Binding("h", "measure('HUMIDITY')", "Humidity", id="chart.humidity", tooltip="Chart relative humidity"),
        Binding("w", "measure('WIND')", "Wind", id="chart.wind", tooltip="Chart the wind's speed"),
        Binding("tab", "next_span", "Next span", show=False, id="chart.next", tooltip="24 hours, 7 days, 30 days"),
    ]

    def __init__(self, pipelines: Pipelines, city: City, *, denied: Collection[str] = ()) -> None:
        super().__init__()
        self._pipelines = pipelines
        self._city = city
        self._denied = denied
        self._span = Span.DAY
        self._measure = Measure.TEMPERATURE
        self._weather: Weather | None = None
        self._live: Live[Weather] | None = None

    def compose(self) -> ComposeResult:
        yield DetailHeader(f"Weather in {plain(self._city.name)}")
        yield SectionTitle("Chart", id="chart-title")
        yield Chart(id="chart")
        yield Static("", id="extremes", markup=False)
        yield SectionTitle("Latest readings", id="readings-title")
        yield ReadingTable(id="readings")
        yield KeyHints()

    def on_mount(self) -> None:
        self.query_one(KeyHints).show([b for b in self.BINDINGS if isinstance(b, Binding) and b.show])
        self._live = Live(self, self._pipelines.version, self._read, self._take, self._fail)

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)

    # ---- reading --------------------------------------------------------------------------------------------------

    def _read(self) -> Weather:
        """Called off the loop."""
        span = self._span
        readings = self._pipelines.readings(self._city.slug, hours=span.hours)
        now = getattr(self.app, "now", datetime.now().astimezone)()
        return Weather(self._pipelines.overview(), tuple(readings), span, now)

    def _take(self, weather: Weather) -> None:
        self._weather = weather
        if weather.span is not self._span and self._live is not None:
            self._live.again()
            return
        self._show()

    def _fail(self, error: Exception) -> None:
        self.query_one(Chart).say("The readings cannot be shown", *map(plain, str(error).splitlines()))

    # ---- showing --------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        weather = self._weather
        if weather is None:
            return
        units = weather.overview.units
        self.query_one(DetailHeader).say(practice=weather.overview.practice)
        fitting = [reading for reading in weather.readings if reading.units == units]
        series = series_of(weather, fitting, self._measure)
        self.query_one("#chart-title", SectionTitle).say(
            f"{self._measure.value} in {self._measure.unit(units)}, {self._span.title}"
        )
        others = len(weather.readings) - len(fitting)
        self.query_one("#extremes", Static).update(extremes(series, left_out=others))
        if series.known:
            self.query_one(Chart).show(series)
        else:
            self.query_one(Chart).say(*nothing_yet(weather, self._measure, denied=self._denied))
        self.query_one(ReadingTable).show(weather.readings[: -LATEST - 1 : -1])

    def action_span(self, name: str) -> None:
        """Chart another stretch of time."""
        self._span = Span[name]
        if self._live is not None:
            self._live.again()

    def action_next_span(self) -> None:
        spans = list(Span)
        self.action_span(spans[(spans.index(self._span) + 1) % len(spans)].name)

    def action_measure(self, name: str) -> None:
        """Chart another measurement."""
        self._measure = Measure[name]
        self._show()

    def action_back(self) -> None:
        self.dismiss()


def series_of(weather: Weather, readings: Sequence[Reading], measure: Measure) -> Series:
    """The readings as a chart's series; the axis of time ends now."""
    since = hour_of(weather.until) - timedelta(hours=weather.span.hours - 1)
    points = tuple((reading.logical_time, measure.of(reading)) for reading in readings)
    bounded = measure is not Measure.TEMPERATURE
    return Series(
        unit=measure.unit(weather.overview.units),
        points=points,
        since=since,
        until=max([hour_of(weather.until), since + timedelta(hours=1), *(at for at, _ in points[-1:])]),
        joined=JOINED,
        low=0 if bounded else None,
        high=100 if measure is Measure.HUMIDITY else None,
    )


def extremes(series: Series, *, left_out: int) -> str:
    """Least, greatest and mean value in one line; what is not drawn is told."""
    known = series.known
    parts = []
    if known:
        low, high = min(known, key=lambda p: p[1]), max(known, key=lambda p: p[1])
        parts = [
            f"lowest {low[1]:.1f} {series.unit} ({_when(low[0], series)})",
            f"highest {high[1]:.1f} {series.unit} ({_when(high[0], series)})",
            f"mean {fmean(value for _, value in known):.1f} {series.unit}",
        ]
    if left_out:
        parts.append(f"{left_out} readings in other units are not drawn")
    return "  ".join(parts)


def nothing_yet(weather: Weather, measure: Measure, *, denied: Collection[str]) -> tuple[str, ...]:
    """What stands where no chart can be, and what happens next, or which keys make it happen that are not denied."""
    overview = weather.overview
    first = (
        f"No {measure.value.lower()} was reported in the {weather.span.title}."
        if weather.readings
        else f"No reading in the {weather.span.title}."
    )
    if overview.running:
        return first, "A run is at work now; its readings appear here by themselves."
    if overview.next_run_at is not None:
        return first, f"The next one comes with the run at {local_clock(overview.next_run_at)}."
    resume, start = (
        told if name not in denied else "" for name, told in (("pause", "s resumes it"), ("run_now", "t starts a run"))
    )
    paused = overview.paused_since is not None
    state = "is paused" if paused else "is switched off in config.toml"
    keys = ", ".join(filter(None, [resume if paused else "", start]))
    advice = f"On the Pipelines screen {keys}." if keys else "An operator starts a run by hand."
    return first, f"The scheduler {state}.", advice


def _when(at: datetime, series: Series) -> str:
    days = (series.until - series.since).days
    return at.astimezone().strftime("%a %H:%M" if days < 7 else "%b %d %H:%M")
