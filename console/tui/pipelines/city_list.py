"""The configured cities with their latest readings, a line each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from console.tui.text import age_words, plain
from console.tui.widgets.line_table import Cell, Column, LineTable, Part, cell
from console.tui.widgets.sparkline import sparkline
from etl.models import Units

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.pipelines import CityStatus

WIDE = 104
NARROW = 72
HOURS = 24


class CityList(LineTable):
    """`Selected` and `Opened` are about `city`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.chart", "Chart", id="cities.chart", tooltip="Chart of the selected city"),
        Binding(
            "space",
            "screen.only_city",
            "Its runs",
            id="cities.only",
            tooltip="Show only this city's tasks, or all again",
        ),
    ]

    def __init__(self) -> None:
        super().__init__(id="cities")
        self._cities: tuple[CityStatus, ...] = ()
        self._now = datetime.now(UTC)
        self._loaded = False
        self._problems: Mapping[str, str] = {}

    @property
    def city(self) -> CityStatus | None:
        return self._cities[self.cursor] if self._cities else None

    @property
    def all_cities(self) -> tuple[CityStatus, ...]:
        return self._cities

    def show(self, cities: Sequence[CityStatus], now: datetime, problems: Mapping[str, str]) -> None:
        """Show these, with ages as of `now`; the selected city stays selected. `problems` are known kinds, by slug."""
        self._problems = problems
        slug = self.city.city.slug if self.city else None
        self._cities, self._now, self._loaded = tuple(cities), now, True
        slugs = [status.city.slug for status in self._cities] if slug else []
        if slug in slugs:
            index = slugs.index(slug)
            moved = index != self.cursor
        else:
            index, moved = self.cursor, False
        self.lines_changed(index)
        if moved:
            self.show_cursor()

    def line_count(self) -> int:
        return len(self._cities)

    def layout_columns(self, width: int) -> tuple[Column, ...]:
        hours = HOURS if width >= WIDE else HOURS // 2 if width >= NARROW else HOURS // 3
        left = width - (8 + 5 + 8 + 8 + hours) - 6
        name = max(left // 2, 10)
        return (
            Column(" City", name),
            Column("Temp", 8, "right"),
            Column("Humid", 5, "right"),
            Column("Wind", 8, "right"),
            Column("Weather", max(left - name, 6)),
            Column("Read", 8, "right"),
            Column("24 hours", hours),
        )

    def empty_lines(self) -> Sequence[Part]:
        if not self._loaded:
            return (("opening the workspace", "muted"),)
        return (("No city is configured. Press a to add one.", "text"),)

    def cells(self, index: int) -> Sequence[Cell]:
        status = self._cities[index]
        name = cell(" " + plain(status.city.name))
        reading = status.latest
        if reading is None:
            blank = cell("")
            kind = self._problems.get(status.city.slug)
            if kind and len(kind) > self.columns[4].width + 1 + self.columns[5].width:
                return (name, cell(plain(kind), "bad", span=6))
            why = cell(plain(kind), "bad", span=2) if kind else cell("no reading yet", "muted", span=2)
            return (name, blank, blank, blank, why, blank)
        units = Units(reading.units)
        line = sparkline(status.last_day, width=self.columns[-1].width, bars=self.glyphs.bars, gap=self.glyphs.gap)
        return (
            name,
            cell(_number(reading.temperature, 1, units.temperature_symbol), "strong"),
            cell(_number(reading.humidity, 0, "%")),
            cell(_number(reading.wind_speed, 1, units.speed_symbol)),
            cell(plain(reading.weather or "")),
            cell(age_words(reading.captured_at, self._now), "muted"),
            cell(line, "accent"),
        )


def _number(value: float | None, digits: int, unit: str) -> str:
    return f"{value:.{digits}f} {unit}" if value is not None else "-"
