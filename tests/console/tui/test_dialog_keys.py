"""The foot of the screen while something lies over it: only keys that work there, and F1 and Ctrl+Q do everywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.pilot import Pilot
from textual.widgets import Button, Checkbox, Input

from console.tui.pipelines.screen import PipelinesScreen
from console.tui.screens.dialogs import Confirm, Dialog
from console.tui.screens.help import HelpScreen, TooSmall
from console.tui.sign_in.account import AccountDialog
from console.tui.sign_in.signed_out import SignedOut
from console.tui.theme import DARK, variables
from console.tui.widgets.dialog_keys import dialog_keys
from tests.console.tui.sign_in.people import practice, shown, sign_in
from tests.console.tui.workspaces import Opened, screen_text, until

BELOW = "Run now"  # a key of the Pipelines screen


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Opened]:
    """The console on a practice workspace whose policies decide."""
    settings, environ = practice(tmp_path / "home")
    made = Opened(settings, environ, permissions=None)
    yield made
    made.close()


def foot(made: Opened) -> str:
    return screen_text(made.app).splitlines()[-1]


async def account_open(made: Opened, pilot: Pilot[None]) -> None:
    await sign_in(made, pilot, "operator")
    await shown(made, BELOW)
    await pilot.press("f8")
    await until(lambda: isinstance(made.app.screen, AccountDialog) and "Esc Close" in foot(made), lambda: foot(made))


async def test_a_dialog_tells_its_own_keys_and_none_of_the_screen_below(console: Opened) -> None:
    async with console.app.run_test(size=(80, 24)) as pilot:
        await account_open(console, pilot)
        told = foot(console)
        assert BELOW not in told
        assert "? Help" not in told
        assert all(part in told for part in ("Enter Sign out", "p Password", "r Recovery codes", "F1 Help", "Ctrl+Q"))
        await pilot.press("escape")
        await until(lambda: BELOW in foot(console), lambda: foot(console))


async def test_the_hint_at_enter_follows_the_focus(console: Opened) -> None:
    async with console.app.run_test(size=(80, 24)) as pilot:
        await account_open(console, pilot)
        await pilot.press("tab")
        await until(lambda: "Enter Password" in foot(console), lambda: foot(console))


async def test_f1_helps_with_the_keys_of_a_dialog_and_goes_back(console: Opened) -> None:
    async with console.app.run_test(size=(80, 50)) as pilot:
        await account_open(console, pilot)
        await pilot.press("f1")
        await shown(console, "Sign out; the screen is cleared", "Leave, from a field or a dialog too", "Esc Close")
        assert "Dark or light" not in screen_text(console.app)
        assert "F1 Help" not in foot(console)
        await pilot.press("f1")
        await until(lambda: isinstance(console.app.screen, AccountDialog), "the dialog again")


async def test_the_help_and_the_palette_tell_their_keys(console: Opened) -> None:
    async with console.app.run_test(size=(80, 24)) as pilot:
        await shown(console, BELOW)
        await pilot.press("question_mark")
        await until(lambda: isinstance(console.app.screen, HelpScreen) and "Esc Close" in foot(console), "the help")
        assert BELOW not in foot(console)
        await pilot.press("escape", "ctrl+p")
        await until(lambda: "Enter Do it" in foot(console), lambda: foot(console))
        assert BELOW not in foot(console)
        await pilot.press("f1")
        assert "Enter Do it" in foot(console)


async def test_what_was_told_before_does_not_lie_over_what_is_opened(console: Opened) -> None:
    async with console.app.run_test(size=(80, 24), notifications=True) as pilot:
        await shown(console, BELOW)
        console.app.notify("There is no run to retry.", timeout=60, markup=False)
        await shown(console, "There is no run to retry.")
        await pilot.press("question_mark")
        await shown(console, "Esc Close", "This screen")
        await until(lambda: "There is no run to retry." not in screen_text(console.app), "the message gone")
        console.app.notify("Told meanwhile.", timeout=60, markup=False)
        await shown(console, "Told meanwhile.")


async def test_ctrl_q_leaves_from_a_dialog_too(console: Opened) -> None:
    async with console.app.run_test(size=(80, 24)) as pilot:
        await account_open(console, pilot)
        await pilot.press("ctrl+q")
        await until(lambda: console.app._exit, "the end")


async def test_q_leaves_where_the_terminal_is_too_small_as_it_says_there(console: Opened) -> None:
    async with console.app.run_test(size=(50, 12)) as pilot:
        await until(lambda: isinstance(console.app.screen, TooSmall), "the message")
        await shown(console, "press q to leave")
        await pilot.press("q")
        await until(lambda: console.app._exit, "the end")


async def test_a_dialog_that_closes_by_itself_leaves_no_keys(console: Opened) -> None:
    async with console.app.run_test(size=(80, 24)) as pilot:
        await account_open(console, pilot)
        await pilot.press("r")
        await until(lambda: "Enter No" in foot(console), lambda: foot(console))
        await pilot.press("n")
        await until(lambda: "Enter Sign out" in foot(console), lambda: foot(console))
        await pilot.press("o")
        await until(lambda: isinstance(console.app.screen, PipelinesScreen) and BELOW in foot(console), "below")


# ---- what follows from the bindings ------------------------------------------------------------------------------


class Form(Dialog):
    """A field, a box and a button; its way out is hidden."""

    CSS_PATH: ClassVar[list[str]] = []  # type: ignore[assignment] # Textual takes a list too
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yes", "Yes", id="form.yes"),
        Binding("ctrl+t", "test", "Test", id="form.test"),
        Binding("x", "never", "Never", id="form.never"),
        Binding("escape", "close", "Close", show=False, id="form.close"),
    ]

    def compose(self) -> ComposeResult:
        yield Input(id="name")
        yield Checkbox("Box", id="box")
        yield Button("Do it (y)", id="do")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "never" and super().check_action(action, parameters)

    def on_input_submitted(self) -> None:
        self.dismiss(None)


class Bare(App[None]):
    """An application with the colours that the dialogs are drawn in."""

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return variables(DARK)


async def keys_at(dialog: Dialog, field: str) -> Sequence[tuple[str, str]]:
    app = Bare()
    async with app.run_test() as pilot:
        await app.push_screen(dialog)
        await pilot.pause()
        dialog.set_focus(dialog.query_one(field))
        await pilot.pause()
        return [(key.key, key.description) for key in dialog_keys(dialog)]


async def test_letters_are_no_keys_while_a_text_is_typed() -> None:
    assert await keys_at(Form(), "#name") == [("enter", "Go on"), ("ctrl+t", "Test"), ("tab", "Next")]


async def test_what_is_hidden_or_not_possible_is_not_told() -> None:
    own = [("y", "Yes"), ("ctrl+t", "Test"), ("tab", "Next")]
    assert await keys_at(Form(), "#box") == [("space", "Switch"), *own]
    assert await keys_at(Form(), "#do") == [("enter", "Do it"), *own]


async def test_the_way_out_is_told_before_the_other_keys() -> None:
    told = await keys_at(Confirm("Remove it?", "It is gone then.", "Remove"), "#yes")
    assert told == [("enter", "Remove"), ("escape", "Close"), ("y", "Yes"), ("n", "No"), ("tab", "Next")]


async def test_what_enter_does_comes_before_the_way_out() -> None:
    told = await keys_at(SignedOut("It is over."), ".dialog-body")
    assert told == [("enter,u,f8", "Sign in"), ("escape", "Close")]
