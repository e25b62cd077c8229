"""A small application around the SQL editor and its dialogs, with the product's themes, for their tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from textual.app import App, ComposeResult
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Button

from console.tui.theme import DARK, themes, variables
from console.tui.warehouse.editor.editor import FILE, SqlEditor
from console.tui.warehouse.editor.sql_area import SqlArea
from tests.warehouse.shop import Shop
from warehouse.catalogue import DatabaseInfo, catalogue
from warehouse.governed import Source

TUI = Path(__file__).parents[4] / "console" / "tui"


def shop_catalogue(folder: Path) -> DatabaseInfo:
    """What the catalogue tells of a real, empty warehouse."""
    return catalogue(Source("warehouse", Shop(folder).path))


class EditorApp(App[None]):
    """The editor, and a button below it that can take the focus; keeps what the editor posts and dialogs return."""

    CSS_PATH = [str(TUI / "app.tcss"), str(TUI / "warehouse" / "editor" / "editor.tcss")]  # noqa: RUF012 – declared so by Textual
    CSS = "#editor { height: 8; }"

    def __init__(self, home: Path, databases: tuple[DatabaseInfo, ...] = (), *, unicode: bool = True) -> None:
        super().__init__()
        self.animation_level = "none"
        self.unicode = unicode
        self.posted: list[Message] = []
        self.results: list[Any] = []
        self._home = home
        self._databases = databases
        for theme in themes():
            self.register_theme(theme)
        self.theme = DARK

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variables(DARK)

    def compose(self) -> ComposeResult:
        yield SqlEditor(self._home / FILE)
        yield Button("below", id="below")

    def on_mount(self) -> None:
        self.editor.show_catalogue(self._databases)
        self.editor.focus()

    @property
    def editor(self) -> SqlEditor:
        return self.screen_stack[0].query_one(SqlEditor)

    @property
    def area(self) -> SqlArea:
        return self.screen_stack[0].query_one(SqlArea)

    def open(self, dialog: Screen[Any]) -> None:
        """Show a dialog; what it returns is appended to `results`."""
        self.push_screen(dialog, self.results.append)

    def on_sql_editor_run(self, event: SqlEditor.Run) -> None:
        self.posted.append(event)

    def on_sql_editor_explain(self, event: SqlEditor.Explain) -> None:
        self.posted.append(event)

    def on_sql_editor_cancel(self, event: SqlEditor.Cancel) -> None:
        self.posted.append(event)

    def on_sql_editor_ask_question(self, event: SqlEditor.AskQuestion) -> None:
        self.posted.append(event)

    def on_sql_editor_ask_history(self, event: SqlEditor.AskHistory) -> None:
        self.posted.append(event)

    def on_sql_editor_save_question(self, event: SqlEditor.SaveQuestion) -> None:
        self.posted.append(event)

    def shown(self) -> str:
        """The characters on the screen."""
        return "\n".join(strip.text for strip in self.screen._compositor.render_strips(self.size))
