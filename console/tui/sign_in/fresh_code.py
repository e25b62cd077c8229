"""Asks for a fresh code of the authenticator, where an action wants one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from console.tui.off_loop import off_loop
from console.tui.screens.dialogs import Dialog
from console.tui.shell import Shell
from console.tui.sign_in.fields import CODE_ONLY, CodeField
from console.tui.sign_in.practice_codes import code_line
from console.tui.sign_in.refusal import Refusal
from console.tui.sign_in.words import ANOTHER_HERE

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.sign_in import Who


class FreshCode(Dialog):
    """The result is who gave it, None if nobody did."""

    CSS_PATH = "../screens/dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "give", "Give", show=False, id="fresh-code.give", tooltip="Give the code"),
        Binding("down", "app.focus_next", "Next", show=False, id="fresh-code.next"),
        Binding("up", "app.focus_previous", "Previous", show=False, id="fresh-code.previous"),
    ]

    def __init__(self, shell: Shell, user: str) -> None:
        super().__init__()
        self._shell = shell
        self._user = user
        self._asked = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("A fresh code, please", classes="dialog-title", markup=False)
            yield Static(self._words(), classes="dialog-text", markup=False)
            yield CodeField("6 digits")
            yield Refusal()
            yield Static("", id="practice-code", classes="dialog-text", markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button("Give", id="give", classes="primary")
                yield Button("Cancel", id="cancel")

    def _words(self) -> str:
        words = f"This wants a code of {self._user}'s authenticator that is at most ten minutes old."
        who = self._shell.who
        lost = who is not None and who.factor == "recovery"
        return f"{words} {ANOTHER_HERE}" if lost else words

    def on_mount(self) -> None:
        self.query_one("#practice-code").display = self._shell.practice
        self.set_focus(self.query_one("#code"))
        if self._shell.practice:
            self._show_practice_code()
            self.set_interval(1.0, self._show_practice_code)

    def _show_practice_code(self) -> None:
        """In a practice workspace the code stands here, so that nobody needs a telephone to try the console."""
        line = self.query_one("#practice-code", Static)
        off_loop(
            self, lambda: code_line(self._shell.open_office(), self._user), line.update, lambda _error: line.update("")
        )

    def on_code_field_restricted(self) -> None:
        self.query_one(Refusal).say(CODE_ONLY, bad=True)

    def on_input_changed(self) -> None:
        self.query_one(Refusal).unsay(CODE_ONLY)

    def on_input_submitted(self) -> None:
        self.action_give()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "give":
            self.action_give()
        else:
            self.action_close()

    def action_give(self) -> None:
        code = self.query_one("#code", Input).value.strip()
        if self._asked or not code:
            return
        self._asked = True
        self.query_one(Refusal).say("Checking the code")

        def step_up() -> Who:
            return self._shell.open_office().sign_in.step_up(code)

        off_loop(self, step_up, self._given, self._refused)

    def _given(self, who: Who) -> None:
        self.dismiss(who)

    def _refused(self, error: Exception) -> None:
        self._asked = False
        code = self.query_one("#code", Input)
        code.value = ""
        self.set_focus(code)
        self.query_one(Refusal).show(error)
