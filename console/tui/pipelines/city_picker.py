"""Chooses one of a run's cities, by typing a part of its name or by moving to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input, Static

from console.tui.screens.dialogs import Dialog
from console.tui.text import plain
from console.tui.theme import CITY_TONE
from console.tui.widgets.line_table import Cell, Column, LineTable, cell
from etl.cities import same_city
from etl.history.queries import CityRow


class PickerTable(LineTable):
    """The cities that pass the filter, with the state and the error of each."""

    def __init__(self, cities: Sequence[CityRow], *, id: str) -> None:  # noqa: A002 – Textual's name for it
        super().__init__(id=id)
        self.shown: Sequence[CityRow] = cities

    def show(self, cities: Sequence[CityRow], cursor: int) -> None:
        """Show these and select one."""
        self.shown = cities
        self.lines_changed(cursor)

    def line_count(self) -> int:
        return len(self.shown)

    def layout_columns(self, width: int) -> tuple[Column, ...]:
        return Column("State", 9), Column("City", max(width - 32, 8)), Column("Error", 20)

    def cells(self, index: int) -> Sequence[Cell]:
        city = self.shown[index]
        return (
            cell(f"{self.glyphs.city[city.state]} {city.state.value}", CITY_TONE[city.state]),
            cell(plain(city.city)),
            cell(plain(city.problem.kind) if city.problem else "", "bad"),
        )

    def empty_lines(self) -> Sequence[tuple[str, str]]:
        return (("No city of this run has that in its name or state.", "muted"),)


class CityPicker(Dialog):
    """The result is the chosen city's slug, or None."""

    CSS_PATH: ClassVar[list[str]] = ["../screens/dialogs.tcss", "city_picker.tcss"]  # type: ignore[assignment] # Textual takes a list too
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False, id="picker.up", tooltip="The city above", priority=True),
        Binding("down", "move(1)", "Down", show=False, id="picker.down", tooltip="The city below", priority=True),
        Binding("pageup", "page(-1)", "Page up", show=False, id="picker.page-up", tooltip="One screen up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="picker.page-down", tooltip="One screen down"),
    ]

    def __init__(self, cities: Sequence[CityRow], slug: str) -> None:
        super().__init__()
        self._cities = cities
        self._slug = slug

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(f"Cities of this run ({len(self._cities)})", classes="dialog-title", markup=False)
            field = Input(placeholder="part of a name, or a state such as failed", max_length=200, id="part")
            field.cursor_blink = False
            yield field
            yield PickerTable(self._cities, id="picker")
            yield Static("Enter shows the city, Esc closes", classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        at = [i for i, city in enumerate(self._cities) if city.slug == self._slug]
        table = self.query_one(PickerTable)
        table.styles.height = min(len(self._cities), 10) + 1
        self.call_after_refresh(table.show, self._cities, at[0] if at else 0)
        self.set_focus(self.query_one(Input))

    def on_input_changed(self, event: Input.Changed) -> None:
        wanted = same_city(event.value)
        found = [city for city in self._cities if wanted in same_city(city.city) or wanted == city.state.value]
        self.query_one(PickerTable).show(found, 0)

    def on_input_submitted(self) -> None:
        self._choose()

    def on_line_table_opened(self) -> None:
        self._choose()

    def action_move(self, by: int) -> None:
        self.query_one(PickerTable).action_move(by)

    def action_page(self, by: int) -> None:
        self.query_one(PickerTable).action_page(by)

    def _choose(self) -> None:
        table = self.query_one(PickerTable)
        if table.shown:
            self.dismiss(table.shown[table.cursor].slug)
