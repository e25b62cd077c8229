"""One panel of SuperMart's screen alone, in the console's colours, upon a real workspace with a real warehouse."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget

import console.tui.warehouse as screens
from console.settings import Settings
from console.tui import theme
from console.wiring.warehouse import warehouse_actions
from tests.console.tui.workspaces import drawn, run_hours, until, workspace

FOLDER = Path(screens.__path__[0])


def built(home: Path, *, rows: int = 2_000) -> Settings:
    """A practice workspace with a small warehouse and the readings of an hour."""
    settings, environ = workspace(home)
    warehouse_actions(settings).build(rows=rows)
    run_hours(settings, environ, 1)
    return settings


class PanelScreen(Screen[None]):
    """Holds the panel, and keeps what it posts of the kinds in `heard`."""

    def __init__(self, panel: Widget, heard: tuple[type[Message], ...]) -> None:
        super().__init__()
        self._panel = panel
        self._heard = heard
        self.said: list[Any] = []

    def compose(self) -> ComposeResult:
        yield self._panel

    def post_message(self, message: Message) -> bool:
        if isinstance(message, self._heard):
            self.said.append(message)
        return super().post_message(message)


class PanelApp(App[None]):
    """The themes and the fallback to ASCII are those of the console."""

    CSS_PATH: ClassVar[Any] = [str(FOLDER / "catalogue" / "tree.tcss"), str(FOLDER.parent / "app.tcss")]

    def __init__(self, first: Screen[Any], *, unicode: bool = True) -> None:
        self.unicode = unicode
        super().__init__()
        self.animation_level = "none"
        for each in theme.themes():
            self.register_theme(each)
        self.theme = theme.DARK
        self.results: list[Any] = []
        self._first = first
        if not unicode:
            self._filters.append(theme.AsciiOnly())

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return theme.variables(theme.DARK)

    def on_mount(self) -> None:
        self.push_screen(self._first, self.results.append)


def text_of(app: App[Any]) -> str:
    """The characters on the screen, line by line, as they leave for the terminal."""
    shown = drawn(app)
    for found in app._filters:
        shown = [strip.apply_filter(found, app.screen.styles.background) for strip in shown]
    return "\n".join(strip.text for strip in shown)


async def shows(app: App[Any], *texts: str) -> None:
    """Wait until all of these are on the screen."""

    def missing() -> list[str]:
        text = text_of(app)
        return [wanted for wanted in texts if wanted not in text]

    await until(lambda: not missing(), lambda: f"{missing()} in\n{text_of(app)}", patience_s=15)
