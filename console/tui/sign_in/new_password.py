"""Sets another password for who is signed in."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from console.tui.off_loop import off_loop
from console.tui.screens.dialogs import Dialog
from console.tui.shell import Shell
from console.tui.sign_in.fields import MOST_PASSWORD, FieldLine, field
from console.tui.sign_in.password_check import PasswordCheck
from console.tui.sign_in.refusal import Refusal


class NewPassword(Dialog):
    """The old one, and the new one twice; all other sessions of the account end."""

    CSS_PATH = "../screens/dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "app.focus_next", "Next", show=False, id="new-password.next"),
        Binding("up", "app.focus_previous", "Previous", show=False, id="new-password.previous"),
    ]

    def __init__(self, shell: Shell) -> None:
        super().__init__()
        self._shell = shell
        self._asked = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Set another password", classes="dialog-title", markup=False)
            yield FieldLine("Old password", field("old", most=MOST_PASSWORD, secret=True))
            yield FieldLine("New password", field("new", "8 characters or more", most=MOST_PASSWORD, secret=True))
            yield FieldLine("Once more", field("repeated", most=MOST_PASSWORD, secret=True))
            yield Refusal()
            with Horizontal(classes="dialog-buttons"):
                yield Button("Set it", id="set", classes="primary")
                yield Button("Cancel", id="cancel")

    def on_mount(self) -> None:
        new, repeated = self.query_one("#new", Input), self.query_one("#repeated", Input)
        who = self._shell.who
        self._check = PasswordCheck(self, self._shell, who.user if who else "", new, repeated)
        self.set_focus(self.query_one("#old"))

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        self._check.left(event.widget)

    def on_input_submitted(self) -> None:
        empty = [made for made in self.query(Input) if not made.value]
        if not self._check.alike():
            return
        if empty:
            self.set_focus(empty[0])
        else:
            self._set()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "set":
            self._set()
        else:
            self.action_close()

    def _set(self) -> None:
        old, new, repeated = (self.query_one(f"#{name}", Input).value for name in ("old", "new", "repeated"))
        if self._asked or not self._check.alike():
            return
        if not (old and new and repeated):
            self.on_input_submitted()
            return
        self._asked = True
        self.query_one(Refusal).say("Setting the password")
        off_loop(self, lambda: self._shell.open_office().sign_in.change_password(old, new), self._done, self._refused)

    def _done(self, _none: None) -> None:
        self.dismiss(None)
        self.app.notify("The password is set; other sessions of this account are over.", markup=False)

    def _refused(self, error: Exception) -> None:
        from console.actions.permissions import PermissionDenied

        self._asked = False
        if isinstance(error, PermissionDenied):
            self._shell.explain(error, self._set)
        else:
            self.query_one(Refusal).show(error)
