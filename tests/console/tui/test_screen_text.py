"""What tests read of the screen is what Textual draws of it."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.screen import ModalScreen
from textual.widgets import Static

from tests.console.tui.workspaces import screen_text


class Below(App[None]):
    """Something to lie over."""

    def compose(self) -> ComposeResult:
        yield Static("what lies below")


async def test_what_a_dialog_lies_over_is_read_before_the_dialog_is_painted_again() -> None:
    app = Below()
    async with app.run_test() as pilot:
        app.push_screen(ModalScreen())
        await pilot.pause()
        app.screen.refresh()
        assert "what lies below" in screen_text(app)
