"""Keeps a statement as a question: its name, its description, and what its parameters are."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Input, Static

from console.tui.off_loop import off_loop
from console.tui.screens.dialogs import Confirm, Dialog
from console.tui.text import plain
from warehouse.question_draft import Draft, checked, file_name


class Keep(Protocol):
    """Writes the file; `WarehouseQueries.keep_question` does."""

    def __call__(self, name: str, draft: Draft, *, replace: bool = False) -> Path: ...


class SaveQuestion(Dialog):
    """The result is the file's path, or None. An existing file is replaced only if that is confirmed."""

    CSS_PATH: ClassVar[list[str]] = ["../../screens/dialogs.tcss", "question_form.tcss"]  # type: ignore[assignment] # Textual takes a list too
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "app.focus_previous", "Up", show=False, id="save.up", tooltip="The field above"),
        Binding("down", "app.focus_next", "Down", show=False, id="save.down", tooltip="The field below"),
        Binding("enter", "keep", "Save", show=False, id="save.save", tooltip="Write the question's file"),
    ]

    def __init__(self, draft: Draft, keep: Keep) -> None:
        super().__init__()
        self._draft = draft
        self._keep = keep
        self._named = False  # a name was typed, rather than made from the description

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Save as question", classes="dialog-title", markup=False)
            with VerticalScroll(classes="form-fields", can_focus=False):
                yield from _field("Description", "what it tells, in one line", self._draft.title, "save-title")
                name = file_name(self._draft.title)
                yield from _field("Name", "lower-case letters, digits, hyphens", name, "save-name")
                for number, (parameter, declared) in enumerate(self._draft.parameters.items()):
                    about = "type = default | what it is; text, integer, number, date, choice(a, b)"
                    rest = declared.removeprefix(parameter).strip()
                    yield from _field(f":{plain(parameter)}", about, rest, f"save-parameter-{number}")
                yield Static("", id="save-problem", classes="form-problem", markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button("Save (Enter)", id="save", classes="primary")
                yield Button("Cancel", id="cancel")

    def on_mount(self) -> None:
        self.set_focus(self.query_one("#save-title"))

    def on_input_changed(self, event: Input.Changed) -> None:
        name = self.query_one("#save-name", Input)
        if event.input.id == "save-title" and not self._named:
            with name.prevent(Input.Changed):
                name.value = file_name(event.value)
        elif event.input is name:
            self._named = event.value != file_name(self._value("save-title"))
        self._say("")

    def on_input_submitted(self) -> None:
        self.action_keep()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "save":
            self.action_keep()
        else:
            self.action_close()

    def action_keep(self) -> None:
        """Write the file, unless it would be no question."""
        self._write(replace=False)

    def _write(self, *, replace: bool) -> None:
        name, draft = self._value("save-name").strip(), self._filled()

        def write() -> Path:
            checked(name, draft)
            return self._keep(name, draft, replace=replace)

        off_loop(self, write, self._written, self._refused)

    def _written(self, path: Path) -> None:
        self.dismiss(path)

    def _filled(self) -> Draft:
        parameters = {
            name: f"{name} {self._value(f'save-parameter-{number}')}"
            for number, name in enumerate(self._draft.parameters)
        }
        return Draft(self._value("save-title"), self._draft.sql, parameters)

    def _refused(self, error: Exception) -> None:
        if not isinstance(error, FileExistsError):
            self._say(str(error))
            return

        def decided(replace: bool | None) -> None:
            if replace:
                self._write(replace=True)

        name = plain(self._value("save-name").strip())
        told = "The workspace has a question of that name. Its file is replaced; nothing keeps the old one."
        self.app.push_screen(Confirm(f"Replace {name}?", told, "Replace"), decided)

    def _value(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value

    def _say(self, text: str) -> None:
        text = plain(text)
        self.query_one("#save-problem", Static).update(text[:1].upper() + text[1:])


def _field(label: str, about: str, value: str, name: str) -> ComposeResult:
    with Horizontal(classes="form-label"):
        yield Static(label, classes="form-name", markup=False)
        yield Static(about, classes="form-about", markup=False)
    shown = Input(value=value, max_length=300, id=name)
    shown.cursor_blink = False
    yield shown
