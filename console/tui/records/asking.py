"""Dialogs that ask for a few values and then do one thing: break the glass, assign a patient, open a record by its id.

What is asked for is done off the loop while the dialog stands, so that nothing typed is lost when it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Input, Static

from console.actions.permissions import FreshCodeNeeded
from console.tui.off_loop import off_loop
from console.tui.screens.dialogs import Dialog
from console.tui.shell import Shell
from console.tui.text import plain


@dataclass(frozen=True, slots=True)
class Field:
    """One value that is asked for."""

    name: str
    label: str
    about: str
    value: str = ""
    longest: int = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """What a dialog says, asks for and does. `act` is called off the loop; what it returns is the dialog's result."""

    title: str
    text: str
    fields: Sequence[Field]
    yes: str
    act: Callable[[Mapping[str, str]], object]
    danger: bool = False


class Asking(Dialog):
    """The result is what `act` returned, or None. A fresh code is asked for where that is all that is missing."""

    CSS_PATH: ClassVar[list[str]] = ["../screens/dialogs.tcss", "dialogs.tcss"]  # type: ignore[assignment] # a list too
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "app.focus_previous", "Up", show=False, id="asking.up", tooltip="The field above"),
        Binding("down", "app.focus_next", "Down", show=False, id="asking.down", tooltip="The field below"),
    ]

    def __init__(self, asked: Asked, shell: Shell) -> None:
        super().__init__()
        self._asked, self._shell = asked, shell
        self._working = False

    def compose(self) -> ComposeResult:
        asked = self._asked
        with Vertical(classes="dialog -emergency" if asked.danger else "dialog"):
            yield Static(plain(asked.title), classes="dialog-title", markup=False)
            with VerticalScroll(classes="asking-body", can_focus=False):
                yield Static(asked.text, classes="dialog-text", markup=False)
                for one in asked.fields:
                    yield from _field(one)
                yield Static("", id="asking-problem", markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button("Cancel (Esc)", id="cancel")
                yield Button(f"{asked.yes} (Enter)", id="yes", classes="danger" if asked.danger else "primary")

    def on_mount(self) -> None:
        fields = list(self.query(Input))
        self.set_focus(next((one for one in fields if not one.value), fields[0]))

    @property
    def unkept(self) -> bool:
        """Whether something is typed that would be lost."""
        given = {one.name: one.value for one in self._asked.fields}
        return any(one.value.strip() and one.value != given[str(one.name)] for one in self.query(Input))

    def ends_in(self, left: str) -> None:
        """Nothing: what is typed here is short, and the header tells the time."""

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes on to the next field that is empty, and does it from there."""
        empty = [one for one in self.query(Input) if not one.value.strip()]
        if empty and event.input not in empty:
            self.set_focus(empty[0])
        else:
            self.act()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "yes":
            self.act()
        else:
            self.action_close()

    def act(self) -> None:
        """Do it, once every field has something."""
        if self._working:
            return
        values = {str(one.name): one.value.strip() for one in self.query(Input)}
        for one in self._asked.fields:
            if not values[one.name]:
                self._say(f"Expected {one.about}, found nothing.", "bad")
                self.set_focus(self.query_one(f"#asked-{one.name}"))
                return
        self._working = True
        self._say("Working", "muted")
        off_loop(self, lambda: self._asked.act(values), self._done, self._refused)

    def _done(self, result: object) -> None:
        self.dismiss(result)

    def _refused(self, error: Exception) -> None:
        self._working = False
        if isinstance(error, FreshCodeNeeded):
            self._say("A fresh code of your authenticator is needed.", "wait")
            self._shell.explain(error, self.act)
            return
        told = plain(str(error) or type(error).__name__)
        self._say(told[:1].upper() + told[1:], "bad")

    def _say(self, text: str, tone: str) -> None:
        problem = self.query_one("#asking-problem", Static)
        problem.set_classes(f"tone-{tone}")
        problem.update(text)
        self.call_after_refresh(problem.scroll_visible, animate=False)


def _field(one: Field) -> ComposeResult:
    yield Static(one.label, classes="asking-label", markup=False)
    shown = Input(value=one.value, placeholder=one.about, max_length=one.longest, name=one.name, id=f"asked-{one.name}")
    shown.cursor_blink = False
    yield shown
