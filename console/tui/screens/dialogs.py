"""Small questions over a screen: confirm, read a message in full, add a city, choose columns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Checkbox, Input, Static

from console.tui.messages import Delivered
from console.tui.off_loop import off_loop
from console.tui.text import plain
from etl.cities import city_of, new_city
from etl.models import Units

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.pipelines import Pipelines


class Dialog(ModalScreen[Any]):
    """A box over the screen below; Escape closes it without effect."""

    CSS_PATH = "dialogs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "close", "Close", id="dialog.close", tooltip="Close without effect")
    ]

    def action_close(self) -> None:
        self.dismiss(None)

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)


class Confirm(Dialog):
    """Asks before something that cannot be undone; the result is True only if it was confirmed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yes", "Yes", id="confirm.yes", tooltip="Do it"),
        Binding("n", "close", "No", id="confirm.no", tooltip="Leave everything as it is"),
        Binding("left,right", "app.focus_next", "Other button", show=False, id="confirm.other"),
    ]

    def __init__(self, title: str, text: str, yes: str) -> None:
        super().__init__()
        self._title, self._text, self._yes = title, text, yes

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(plain(self._title), classes="dialog-title", markup=False)
            yield Static(self._text, classes="dialog-text", markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button("No (n)", id="no")
                yield Button(f"{self._yes} (y)", id="yes", classes="danger")

    def on_mount(self) -> None:
        self.set_focus(self.query_one("#no"))

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_yes(self) -> None:
        self.dismiss(True)


class Notice(Dialog):
    """A message in full, with room to scroll."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "close", "Close", show=False, id="notice.close", tooltip="Close")
    ]

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(plain(self._title), classes="dialog-title", markup=False)
            with VerticalScroll(classes="dialog-body"):
                yield Static(self._text, classes="dialog-text", markup=False)


class AddCity(Dialog):
    """Asks for a city's name, on request asks the API for it first; the result is the name to add, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+t", "test", "Test", id="add-city.test", tooltip="Ask the API for the city; nothing is stored"),
        Binding("enter", "add", "Add", show=False, id="add-city.add", tooltip="Add the city to config.toml"),
    ]

    def __init__(self, pipelines: Pipelines, known: Sequence[str]) -> None:
        super().__init__()
        self._pipelines = pipelines
        self._known = {name.casefold() for name in known}

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Add a city", classes="dialog-title", markup=False)
            field = Input(placeholder="Portland, or Portland,US, or 45.52,-122.68", max_length=200, id="name")
            field.cursor_blink = False
            yield field
            yield Static("", id="answer", classes="dialog-text", markup=False)
            with Horizontal(classes="dialog-buttons"):
                yield Button("Test (Ctrl+T)", id="test")
                yield Button("Add", id="add", classes="primary")
                yield Button("Cancel", id="cancel")

    def on_mount(self) -> None:
        self._say("Test asks the weather API and stores nothing.", "muted")
        self.set_focus(self.query_one("#name"))

    def on_input_submitted(self) -> None:
        self.action_add()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        {"test": self.action_test, "add": self.action_add, "cancel": self.action_close}[event.button.id or ""]()

    def action_add(self) -> None:
        name = self._wanted_name()
        if name is None:
            return
        if name.casefold() in self._known:
            self._say(f"{plain(name)} is configured already.", "bad")
            return
        self.dismiss(name)

    def action_test(self) -> None:
        name = self._wanted_name()
        if name is None:
            return
        city = city_of(name)
        self._say("Asking the weather API", "muted")

        def answered(document: dict[str, Any]) -> None:
            self._say(answer_text(document, self._units), "good")

        off_loop(self, lambda: self._ask(city.name), answered, lambda error: self._say(str(error), "bad"))

    _units = Units.STANDARD

    def _ask(self, name: str) -> dict[str, Any]:
        self._units = self._pipelines.setup().policy.units
        return self._pipelines.test_city(city_of(name))

    def _wanted_name(self) -> str | None:
        text = self.query_one("#name", Input).value
        try:
            name = city_of(text).name
        except ValueError:
            self._say("A city needs a name that can be read.", "bad")
            return None
        try:
            return new_city(name).name
        except ValueError as error:
            self._say(plain(str(error)), "bad")
            return None

    def _say(self, text: str, tone: str) -> None:
        answer = self.query_one("#answer", Static)
        answer.set_classes(f"dialog-text tone-{tone}")
        answer.update(text)


def answer_text(document: dict[str, Any], units: Units) -> str:
    """What the API told of a city, in one line."""
    temperature, humidity = document.get("temperature"), document.get("humidity")
    wind, weather = document.get("wind_speed"), document.get("weather")
    parts = [
        f"{temperature:.1f} {units.temperature_symbol}" if temperature is not None else "",
        f"{humidity:.0f} %" if humidity is not None else "",
        f"{wind:.1f} {units.speed_symbol}" if wind is not None else "",
        plain(str(weather)) if weather else "",
    ]
    name = plain(str(document.get("city") or "(no name)"))
    return f"The API answers: {name}, " + ", ".join(part for part in parts if part)


class Choice(Checkbox):
    """A checkbox that is empty when it is off: Textual's differs in colour alone."""

    def watch_value(self) -> None:
        self.BUTTON_INNER = "x" if self.value else " "
        super().watch_value()


class Columns(Dialog):
    """Chooses which optional columns are shown; the result is the titles left out."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "app.focus_previous", "Up", show=False, id="columns.up"),
        Binding("down", "app.focus_next", "Down", show=False, id="columns.down"),
    ]

    def __init__(self, titles: Sequence[str], hidden: Sequence[str], apply: Callable[[tuple[str, ...]], None]) -> None:
        super().__init__()
        self._titles, self._hidden, self._apply = titles, hidden, apply

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("Columns of the run grid", classes="dialog-title", markup=False)
            for title in self._titles:
                yield Choice(title, value=title not in self._hidden, id=f"column-{title.lower()}", name=title)
            yield Static("Source and Started need a wide terminal.", classes="dialog-hint", markup=False)

    def on_checkbox_changed(self) -> None:
        self._apply(tuple(box.name or "" for box in self.query(Checkbox) if not box.value))
