"""Asks what to look for in the audit log: a field each, with what is expected of it and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Static

from console.tui.audit.filters import EXPECTED, FIELDS, FilterRefused, Wanted, read_filter
from console.tui.screens.dialogs import Dialog
from console.tui.text import plain
from security.audit.event import Decision, Kind
from security.audit.words import ACTIONS

LONGEST = 100
SUGGESTED = {
    "kind": [kind.value for kind in Kind],
    "action": list(ACTIONS),
    "decision": [decision.value for decision in Decision],
}


class FilterForm(Dialog):
    """The result is the `Wanted` with the texts it was typed as, or None."""

    CSS_PATH: ClassVar[list[str]] = ["../screens/dialogs.tcss", "dialogs.tcss"]  # type: ignore[assignment] # a list too
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "app.focus_previous", "Up", show=False, id="audit-filter.up", tooltip="The field above"),
        Binding("down", "app.focus_next", "Down", show=False, id="audit-filter.down", tooltip="The field below"),
        Binding("enter", "search", "Search", show=False, id="audit-filter.search", tooltip="Show what passes"),
        Binding("ctrl+l", "empty", "Empty", id="audit-filter.empty", tooltip="Empty every field"),
    ]

    def __init__(self, typed: Mapping[str, str], now: Callable[[], datetime]) -> None:
        super().__init__()
        self._typed = typed
        self._now = now
        self._problem = ("", "")  # a field, and what is wrong with it

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Search the audit log", classes="dialog-title", markup=False)
            for name in FIELDS:
                with Horizontal(classes="filter-line"):
                    yield Static(name.capitalize(), classes="filter-name", markup=False)
                    yield self._field(name)
            yield Static("", id="filter-told", classes="dialog-hint", markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button("Search (Enter)", id="search", classes="primary")
                yield Button("Empty (Ctrl+L)", id="empty")
                yield Button("Cancel", id="cancel")

    def _field(self, name: str) -> Input:
        known = SUGGESTED.get(name)
        suggester = SuggestFromList(known, case_sensitive=False) if known else None
        field = Input(
            self._typed.get(name, ""), name=name, id=f"filter-{name}", max_length=LONGEST, suggester=suggester
        )
        field.cursor_blink = False
        return field

    def on_mount(self) -> None:
        self.set_focus(self.query(Input).first())

    def on_descendant_focus(self) -> None:
        self._tell()

    def on_input_changed(self) -> None:
        self._problem = ("", "")
        self._tell()

    def _tell(self) -> None:
        """What is expected of the field with the focus, or what is wrong with it."""
        focused = self.focused
        if not isinstance(focused, Input):
            return
        name = str(focused.name)
        field, problem = self._problem
        told = self.query_one("#filter-told", Static)
        told.set_classes("dialog-hint tone-bad" if field == name else "dialog-hint")
        told.update(f"{name.capitalize()}: {plain(problem) if field == name else EXPECTED[name]}")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_search()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        {"search": self.action_search, "empty": self.action_empty, "cancel": self.action_close}[event.button.id or ""]()

    def action_empty(self) -> None:
        for field in self.query(Input):
            field.value = ""
        self.set_focus(self.query(Input).first())

    def action_search(self) -> None:
        """Give the filter back; else go to the field that holds what cannot be looked for."""
        typed = {str(field.name): field.value for field in self.query(Input)}
        try:
            wanted = read_filter(typed, self._now())
        except FilterRefused as error:
            self._problem = (error.field, str(error))
            self.set_focus(self.query_one(f"#filter-{error.field}", Input))
            self._tell()
            return
        self.dismiss(Asked(wanted, typed))


class Asked:
    """A filter, and what it was typed as, for the next time the form opens."""

    def __init__(self, wanted: Wanted, typed: Mapping[str, str]) -> None:
        self.wanted = wanted
        self.typed = dict(typed)
