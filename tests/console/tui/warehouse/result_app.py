"""The results pane alone on a screen, over a real workspace with a real warehouse."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyte
from rich.console import RenderableType
from textual._compositor import CompositorUpdate
from textual.app import App, ComposeResult
from textual.notifications import Notification
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input

from console.actions.warehouse_queries import WarehouseQueries
from console.settings import Settings
from console.tui.messages import Delivered
from console.tui.off_loop import off_loop
from console.tui.theme import DARK, AsciiOnly, themes, variables
from console.tui.warehouse.results.result_table import ResultTable
from console.tui.warehouse.results.result_view import ResultView
from console.wiring.warehouse_queries import warehouse_queries
from tests.console.tui.workspaces import until, workspace
from tests.warehouse.shop import Shop
from warehouse.opened import Opened

FACTS = "SELECT * FROM Sales_Transactions_Table"
SPOOLED = "SELECT a.transaction_id, b.store_id FROM Sales_Transactions_Table a, Store_Table b"


def shop_workspace(home: Path, rows: int = 3_000) -> Settings:
    """A practice workspace with a warehouse of so many sales."""
    settings, _environ = workspace(home)
    shutil.copytree(_built(rows).name, settings.home, dirs_exist_ok=True)
    return settings


@lru_cache(maxsize=4)
def _built(rows: int) -> tempfile.TemporaryDirectory[str]:
    """A folder with the warehouse of so many sales; it goes with the process."""
    folder = tempfile.TemporaryDirectory(prefix="lakewarden-shop-")
    Shop(Path(folder.name)).build(rows)
    return folder


class PaneScreen(Screen[None]):
    """The pane, and what it tells the screen."""

    CSS = "ResultView { height: 1fr; }"

    def __init__(self, queries: WarehouseQueries) -> None:
        super().__init__()
        self._queries = queries
        self.told: list[str] = []

    def compose(self) -> ComposeResult:
        yield Input(id="elsewhere")
        yield ResultView(lambda: self._queries)

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)

    def on_result_view_cancelled(self) -> None:
        self.told.append("cancelled")

    def on_result_view_to_place(self, event: ResultView.ToPlace) -> None:
        self.told.append(f"to {event.position}")


class PaneApp(App[None]):
    """As the console, with the pane only."""

    CSS = "Screen { background: $lw-background; color: $lw-text; }"

    def __init__(self, settings: Settings, *, unicode: bool = True) -> None:
        super().__init__()
        self.queries = warehouse_queries(settings)
        self.unicode = unicode
        self.animation_level = "none"
        for theme in themes():
            self.register_theme(theme)
        self.theme = DARK
        self.set_class(not unicode, "-ascii")
        if not unicode:
            self._filters.append(AsciiOnly())
        self.opened: list[Opened] = []
        self._terminal = pyte.Screen(80, 24)
        self.failed: list[Exception] = []

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variables(DARK)

    def on_mount(self) -> None:
        self.pane_screen = PaneScreen(self.queries)
        self.push_screen(self.pane_screen)

    @property
    def view(self) -> ResultView:
        return self.pane_screen.query_one(ResultView)

    @property
    def table(self) -> ResultTable:
        return self.pane_screen.query_one(ResultTable)

    def focuses(self, widget: Widget) -> bool:
        """Whether the keys go to this widget."""
        return self.focused is widget

    async def ask(self, sql: str, **how: Any) -> Opened:
        """Run a query as the screen would, and wait until it is shown."""
        before = self.view.opened
        off_loop(self.pane_screen, lambda: self.queries.open(sql, **how), self.view.show, self.failed.append)
        await until(lambda: self.failed or self.view.opened not in (before, None), "the result")
        assert not self.failed, self.failed
        assert self.view.opened is not None
        self.view.focus_content()
        await until(lambda: self.table.size.height > 0 and self.table.columns, "the table's place")
        return self.view.opened

    async def counted(self) -> int:
        """Wait until the rows are counted."""
        await until(lambda: self.table.row_count is not None, "the count")
        assert self.table.row_count is not None
        return self.table.row_count

    async def at_rest(self, pilot: Pilot[None]) -> None:
        """Wait until no page and no other shape is on its way."""
        await pilot.pause()
        await until(lambda: not self.table.busy and not self.table.fetching, "the pages")
        await pilot.pause()

    def told(self) -> list[Notification]:
        """The short messages that are shown."""
        return list(self._notifications)

    def rows(self) -> list[str]:
        """The lines of the table, the heading first."""
        return [self.table.render_line(y).text.rstrip() for y in range(self.table.size.height)]

    def painted(self) -> list[str]:
        """Those lines as the terminal has them, of all that was sent to it."""
        x, y, _, height = self.table.region
        lines = self._terminal.display[y : y + height]
        return [line[x : x + self.table.line_width].rstrip() for line in lines]

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if isinstance(renderable, CompositorUpdate):
            width, height = self.size
            self._terminal.resize(height, width)
            pyte.Stream(self._terminal).feed(renderable.render_segments(self.console))
        super()._display(screen, renderable)

    def line(self, name: str) -> str:
        """The text of a line of the pane: `title` or `foot`."""
        return self.pane_screen.query_one(f"#result-{name}").render_line(0).text.strip()

    def close(self) -> None:
        """Give everything back."""
        with suppress(Exception):
            self.queries.close()
