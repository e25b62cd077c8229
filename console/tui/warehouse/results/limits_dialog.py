"""Asks how many seconds a query may take and how many rows of it are shown."""

from __future__ import annotations

import math
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from console.tui.screens.dialogs import Dialog
from warehouse.limits import QueryLimits

MOST_SECONDS = 3_600.0
MOST_ROWS = 1_000_000_000


class LimitsRefused(ValueError):
    """What was typed is no limit."""


def limits_of(seconds: str, rows: str) -> QueryLimits:
    """The limits that people typed; rows may be empty for all. Raises `LimitsRefused`."""
    try:
        timeout_s = float(seconds.strip().replace(",", ""))
    except ValueError:
        timeout_s = math.nan
    if not 0 < timeout_s <= MOST_SECONDS:
        raise LimitsRefused(f"seconds: expected a number above 0, at most {MOST_SECONDS:g}, found {seconds.strip()!r}")
    text = rows.strip().replace(",", "")
    if text.lower() in ("", "all"):
        return QueryLimits(timeout_s, 0)
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:20]) <= MOST_ROWS:
        raise LimitsRefused(f"rows: expected a whole number from 1 to {MOST_ROWS:,}, or all, found {rows.strip()!r}")
    return QueryLimits(timeout_s, int(text))


class LimitsDialog(Dialog):
    """The result is the `QueryLimits` for the next query, or None."""

    CSS_PATH = "../../screens/dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "apply", "Apply", show=False, id="limits.apply", tooltip="Use these from the next query on")
    ]

    def __init__(self, now: QueryLimits) -> None:
        super().__init__()
        self._now = now

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Limits of a query", classes="dialog-title", markup=False)
            yield Static(f"Seconds it may take (at most {MOST_SECONDS:g})", markup=False)
            yield self._field("seconds", f"{self._now.timeout_s:g}")
            yield Static("Rows of it that are shown: a number, or all", markup=False)
            yield self._field("rows", str(self._now.rows) if self._now.rows else "all")
            yield Static("They hold from the next query on.", id="limits-words", classes="dialog-text", markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button("Apply (Enter)", id="apply", classes="primary")
                yield Button("Cancel (Esc)", id="cancel")

    def _field(self, name: str, value: str) -> Input:
        field = Input(value=value, max_length=30, id=f"limits-{name}")
        field.cursor_blink = False
        return field

    def on_mount(self) -> None:
        self.set_focus(self.query_one("#limits-seconds"))

    def on_input_submitted(self) -> None:
        self.action_apply()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "apply":
            self.action_apply()
        else:
            self.action_close()

    def action_apply(self) -> None:
        seconds, rows = self.query_one("#limits-seconds", Input), self.query_one("#limits-rows", Input)
        try:
            limits = limits_of(seconds.value, rows.value)
        except LimitsRefused as error:
            words = self.query_one("#limits-words", Static)
            words.set_classes("dialog-text tone-bad")
            words.update(str(error))
            return
        self.dismiss(limits)
