"""The peer of the console's first paint: the least Textual application that shows a line of text."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Static


class TrivialApp(App[None]):
    """One line; `q` quits."""

    BINDINGS = [("q", "quit", "Quit")]  # noqa: RUF012 – as Textual declares it

    def compose(self) -> ComposeResult:
        yield Static("Trivial and ready")


if __name__ == "__main__":
    TrivialApp().run()
