"""A form of fields, with the choices of the field at hand below: typing narrows them, Up and Down take one at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

from rich.style import Style
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Static

from console.tui.access.question import Field, Offer
from console.tui.text import plain
from console.tui.widgets.line_table import Cell, Column, LineTable, cell

LONGEST = 200
ABOUT_WIDTH = 15  # of what a choice is about, at least

Offers = Callable[[str, Mapping[str, str]], Sequence[Offer]]  # of a field, given the values of all


class ChoiceField(Input):
    """A field; moving between its choices is the form's business."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "choose(1)", "Next choice", id="field.down", tooltip="Take the next choice"),
        Binding("up", "choose(-1)", "Choice above", show=False, id="field.up", tooltip="Take the choice above"),
        Binding("enter,tab", "go(1)", "Next field", id="field.next", tooltip="Keep it and go to the next field"),
        Binding("shift+tab", "go(-1)", "Field before", show=False, id="field.back", tooltip="Keep it and go back"),
        Binding("escape", "leave", "Leave", id="field.leave", tooltip="Out of the fields: letters are commands again"),
    ]

    class Moved(Message):
        """Another choice, or another field, is wanted; neither: to leave the form."""

        def __init__(self, field: ChoiceField, *, choices: int = 0, fields: int = 0) -> None:
            super().__init__()
            self.field = field
            self.choices = choices
            self.fields = fields

    def __init__(self, field: Field) -> None:
        super().__init__(placeholder=field.hint, max_length=LONGEST, id=f"field-{field.name}", name=field.name)
        self.field = field
        self.cursor_blink = False

    def action_choose(self, by: int) -> None:
        self.post_message(self.Moved(self, choices=by))

    def action_go(self, by: int) -> None:
        self.post_message(self.Moved(self, fields=by))

    def action_leave(self) -> None:
        self.post_message(self.Moved(self))

    def put(self, value: str) -> None:
        """Show `value` without it counting as typed."""
        with self.prevent(Input.Changed):
            self.value = value
        self.cursor_position = len(value)


class OfferList(LineTable, can_focus=False):
    """The choices of the field at hand. It takes no focus: the field has the keys."""

    class Taken(Message):
        """A choice was clicked."""

        def __init__(self, value: str) -> None:
            super().__init__()
            self.value = value

    def __init__(self) -> None:
        super().__init__(id="offers")
        self.offers: Sequence[Offer] = ()
        self._title = ""
        self._empty = ""

    def show(self, title: str, offers: Sequence[Offer], value: str, *, empty: str) -> None:
        """Show these; the cursor lies on `value`. `empty` is said where there are none."""
        self._empty = empty
        at = next((number for number, offer in enumerate(offers) if offer.value == value), 0)
        self.offers, self._title = offers, title
        self.restyle()
        self.lines_changed(at)
        self.show_cursor()

    def line_count(self) -> int:
        return len(self.offers)

    def layout_columns(self, width: int) -> tuple[Column, ...]:
        widest = max((len(plain(offer.value)) for offer in self.offers), default=0)
        about = any(offer.about for offer in self.offers)
        value = max(min(widest, width - ABOUT_WIDTH if about else width - 1), 10)
        return Column(self._title, value), Column("", max(width - value - 1, 0))

    def cells(self, index: int) -> Sequence[Cell]:
        offer = self.offers[index]
        return cell(plain(offer.value) or "(empty)", "text"), cell(plain(offer.about), "muted")

    def empty_lines(self) -> Sequence[tuple[str, str]]:
        return ((self._empty, "muted"),)

    def _cursor_style(self) -> Style:
        """The field has the focus, and this is its cursor."""
        return self.tones.cursor

    def clicked(self, _x: int, index: int) -> bool:
        self.post_message(self.Taken(self.offers[index].value))
        return True


class ChoiceForm(Vertical):
    """`values` is what is asked; `Changed` tells that it is another, `Left` that one went out of the fields."""

    class Changed(Message):
        """A value is another."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class Left(Message):
        """`how`: on from the last field, back from the first, or out with Escape."""

        def __init__(self, how: Literal["on", "back", "out"]) -> None:
            super().__init__()
            self.how = how

    def __init__(self, fields: Sequence[Field], offers: Offers, *, id: str) -> None:  # noqa: A002 – Textual's name
        super().__init__(id=id)
        self._fields = fields
        self._offers = offers
        self._typed = ""
        self.values: dict[str, str] = {field.name: "" for field in fields}

    def compose(self) -> ComposeResult:
        for field in self._fields:
            with Horizontal(classes="field"):
                yield Static(field.label, classes="field-label", markup=False)
                yield ChoiceField(field)
        yield Static("", classes="form-note", markup=False)
        yield OfferList()

    def on_mount(self) -> None:
        self.note("")

    def note(self, text: str) -> None:
        """Say `text` below the fields; empty for nothing."""
        note = self.query_one(".form-note", Static)
        note.update(text)
        note.display = bool(text)

    def put(self, values: Mapping[str, str]) -> None:
        """Fill fields; nothing is told."""
        self.values.update(values)
        for name, value in values.items():
            self.query_one(f"#field-{name}", ChoiceField).put(value)
        focused = self.screen.focused
        first = self.query_one(f"#field-{self._fields[0].name}", ChoiceField)
        self._show_offers(focused if isinstance(focused, ChoiceField) else first)

    def focus_field(self, name: str) -> None:
        """Go to a field; what is typed there takes the place of what it holds."""
        field = self.query_one(f"#field-{name}", ChoiceField)
        self.screen.set_focus(field)
        field.action_select_all()

    # ---- what is typed, taken and left ------------------------------------------------------------------------------

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        if isinstance(event.widget, ChoiceField):
            self._typed = ""
            self._show_offers(event.widget)

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """What stands in a field that is left is what is asked."""
        self._typed = ""
        field = event.widget
        if isinstance(field, ChoiceField) and field.value != self.values[field.field.name]:
            field.put(self.values[field.field.name])

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        field = event.input
        if isinstance(field, ChoiceField):
            self._typed = event.value
            self._set(field, self._meant(field, event.value))
            self._show_offers(field)

    def on_choice_field_moved(self, event: ChoiceField.Moved) -> None:
        event.stop()
        if event.choices:
            self._choose(event.field, event.choices)
        elif event.fields:
            self._go(event.field, event.fields)
        else:
            self.post_message(self.Left("out"))

    def on_offer_list_taken(self, event: OfferList.Taken) -> None:
        event.stop()
        field = self.screen.focused
        if isinstance(field, ChoiceField):
            field.put(event.value)
            self._set(field, event.value)
            self._show_offers(field)

    def _choose(self, field: ChoiceField, by: int) -> None:
        found = self._fitting(field)
        if not found:
            return
        values = [offer.value for offer in found]
        now = self.values[field.field.name]
        at = (values.index(now) + by) % len(values) if now in values else (0 if by > 0 else len(values) - 1)
        field.put(values[at])
        self._set(field, values[at])
        self._show_offers(field)

    def _go(self, field: ChoiceField, by: int) -> None:
        names = [one.name for one in self._fields]
        at = names.index(field.field.name) + by
        if 0 <= at < len(names):
            self.focus_field(names[at])
        else:
            self.post_message(self.Left("on" if by > 0 else "back"))

    def _set(self, field: ChoiceField, value: str) -> None:
        if self.values[field.field.name] != value:
            self.values[field.field.name] = value
            self.post_message(self.Changed(field.field.name))

    def _meant(self, field: ChoiceField, typed: str) -> str:
        """What was typed, or the first choice that it is a part of."""
        found = self._fitting(field)
        if field.field.free or not found or any(offer.value == typed for offer in found):
            return typed
        return found[0].value

    def _fitting(self, field: ChoiceField) -> Sequence[Offer]:
        """The choices that have what was typed in them, those that begin with it first."""
        everything = self._offers(field.field.name, self.values)
        part = self._typed.strip().casefold()
        found = [one for one in everything if part in one.value.casefold() or part in one.about.casefold()]
        ranked = sorted(found, key=lambda one: _rank(one.value.casefold(), part)) if part else found
        return everything if field.field.free and not ranked else ranked

    def _show_offers(self, field: ChoiceField) -> None:
        found, value = self._fitting(field), self.values[field.field.name]
        empty = "No choice fits what is typed." if self._offers(field.field.name, self.values) else field.field.hint
        self.query_one(OfferList).show(field.field.label, found, value, empty=empty)


def _rank(value: str, part: str) -> int:
    """Exactly it, beginning with it, having it, told by what it is about."""
    if value == part:
        return 0
    if value.startswith(part):
        return 1
    return 2 if part in value else 3
