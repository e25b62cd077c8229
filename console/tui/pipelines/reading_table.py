"""The latest readings of a city as a table, newest first."""

from __future__ import annotations

from collections.abc import Sequence

from console.tui.text import plain
from console.tui.widgets.line_table import Cell, Column, LineTable, cell
from etl.models import Reading, Units

WEATHER = "Weather"


class ReadingTable(LineTable):
    """One line a reading; values stand in the units they were read in."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 – Textual's name for it
        super().__init__(id=id)
        self._readings: tuple[Reading, ...] = ()

    def show(self, readings: Sequence[Reading]) -> None:
        """Show these, in this order."""
        self._readings = tuple(readings)
        self.lines_changed(self.cursor)

    def line_count(self) -> int:
        return len(self._readings)

    def layout_columns(self, width: int) -> tuple[Column, ...]:
        fixed = (
            Column("", 1),
            Column("Hour (local)", 16),
            Column("Temperature", 12, "right"),
            Column("Humidity", 9, "right"),
            Column("Wind", 10, "right"),
            Column("", 1),
        )
        used = sum(column.width + 1 for column in fixed)
        return (*fixed, Column(WEATHER, max(width - used - 1, 1)))

    def cells(self, index: int) -> Sequence[Cell]:
        reading = self._readings[index]
        units = Units(reading.units) if reading.units in set(Units) else Units.STANDARD
        return (
            cell(""),
            cell(f"{reading.logical_time.astimezone():%a %d %b %H:%M}"),
            _number(reading.temperature, units.temperature_symbol),
            _number(reading.humidity, "%", decimals=0),
            _number(reading.wind_speed, units.speed_symbol),
            cell(""),
            cell(plain(reading.weather or "")),
        )


def _number(value: float | None, unit: str, *, decimals: int = 1) -> Cell:
    return cell("not told", "faint") if value is None else cell(f"{value:.{decimals}f} {unit}")
