"""Asks for the parameters of a saved question: a field each, with its default, and what is wrong with it beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.suggester import SuggestFromList
from textual.widgets import Button, Input, Static

from console.tui.off_loop import off_loop
from console.tui.screens.dialogs import Dialog
from console.tui.text import plain
from warehouse.errors import QueryRefused
from warehouse.question_files import FROM_AS_OF, Parameter, Question, values_of
from warehouse.sql_text import tokens

AS_OF = "as-of"
EXPECTED = {"date": "YYYY-MM-DD", "integer": "a whole number", "number": "a number", "text": "text"}
ANY_DAY = date(2000, 1, 1)


@dataclass(frozen=True, slots=True)
class Answers:
    """What was filled in. `as_of` None means the last day with sales."""

    as_of: date | None = None
    values: Mapping[str, str] = field(default_factory=dict)


class QuestionForm(Dialog):
    """The result is the `Answers`, or None. `last_day` is the last day with sales; it is asked off the loop."""

    CSS_PATH: ClassVar[list[str]] = ["../../screens/dialogs.tcss", "question_form.tcss"]  # type: ignore[assignment] # Textual takes a list too
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "app.focus_previous", "Up", show=False, id="form.up", tooltip="The field above"),
        Binding("down", "app.focus_next", "Down", show=False, id="form.down", tooltip="The field below"),
        Binding("enter", "ask", "Ask", show=False, id="form.ask", tooltip="Ask the question"),
    ]

    def __init__(self, question: Question, last_day: Callable[[], date]) -> None:
        super().__init__()
        self._question = question
        self._last_day = last_day
        self._has_as_of = uses_as_of(question)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(plain(self._question.name), classes="dialog-title", markup=False)
            with VerticalScroll(classes="form-fields", can_focus=False):
                yield Static(plain(self._question.title), classes="dialog-text", markup=False)
                if self._has_as_of:
                    yield from _field(AS_OF, "As of", EXPECTED["date"], "", "empty: the last day with sales")
                for parameter in self._question.parameters:
                    default = "" if parameter.default is None else str(parameter.default)
                    yield from _field(
                        parameter.name, plain(parameter.name), expected(parameter), default, plain(parameter.about),
                        choices=parameter.choices,
                    )  # fmt: skip
            with Horizontal(classes="dialog-buttons"):
                yield Button("Ask (Enter)", id="ask", classes="primary")
                yield Button("Cancel", id="cancel")

    def on_mount(self) -> None:
        fields = self.query(Input)
        self.set_focus(fields.first() if fields else self.query_one("#ask"))
        if self._has_as_of:
            off_loop(self, self._last_day, self._show_last_day, lambda error: self._say(AS_OF, str(error), "muted"))

    def _show_last_day(self, day: date) -> None:
        shown = self.query_one(f"#{_id(AS_OF)}", Input)
        shown.placeholder = f"{day.isoformat()}, the last day with sales"
        shown.refresh()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._check(event.input)

    def on_input_submitted(self) -> None:
        self.action_ask()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "ask":
            self.action_ask()
        else:
            self.action_close()

    def action_ask(self) -> None:
        """Give the answers back if each field holds what it should; else go to the first that does not."""
        fields = list(self.query(Input))
        wrong = [one for one in fields if not self._check(one)]
        if wrong:
            self.set_focus(wrong[0])
            return
        given = {str(one.name): one.value for one in fields}
        as_of = given.pop(AS_OF, "").strip()
        self.dismiss(Answers(date.fromisoformat(as_of) if as_of else None, given))

    def _check(self, one: Input) -> bool:
        """Whether a field holds what it should; what is wrong is told below it."""
        problem = problem_of(self._question, str(one.name), one.value)
        self._say(str(one.name), problem, "bad")
        return not problem

    def _say(self, name: str, text: str, tone: str) -> None:
        told = self.query_one(f"#{_id(name)}-problem", Static)
        told.set_classes(f"form-problem tone-{tone}")
        told.update(plain(text))
        told.display = bool(text)
        self.query_one(f"#{_id(name)}").set_class(bool(text), "-bad")


def uses_as_of(question: Question) -> bool:
    """Whether the as-of date matters to a question."""
    found = [*tokens(question.sql), *tokens(question.facts_sql or "")]
    return any(token.kind == "parameter" and token.text[1:] in FROM_AS_OF for token in found)


def problem_of(question: Question, name: str, text: str) -> str:
    """What is wrong with the value of one field; empty if nothing is."""
    if name == AS_OF:
        try:
            date.fromisoformat(text.strip() or ANY_DAY.isoformat())
        except ValueError:
            return f"expected a date YYYY-MM-DD or nothing, found {text[:40]!r}"
        return ""
    parameter = next(one for one in question.parameters if one.name == name)
    needed = not text and parameter.default is None  # a text with a default may be emptied on purpose
    if needed or (not text.strip() and parameter.kind != "text"):
        return f"expected {expected(parameter)}, found nothing"
    try:
        values_of(replace(question, parameters=(parameter,)), ANY_DAY, {name: text})
    except QueryRefused as error:
        return str(error).removeprefix(f"{name}: ")
    return ""


def expected(parameter: Parameter) -> str:
    """What a parameter takes, in words."""
    return EXPECTED.get(parameter.kind) or plain(parameter.expected)


def _field(name: str, label: str, takes: str, value: str, about: str, *, choices: Sequence[str] = ()) -> ComposeResult:
    """A field; one with `choices` completes what is begun, and the right arrow takes it."""
    with Horizontal(classes="form-label"):
        yield Static(label, classes="form-name", markup=False)
        yield Static(f"{takes}{'; ' if about else ''}{about}", classes="form-about", markup=False)
    known = SuggestFromList([plain(choice) for choice in choices], case_sensitive=False) if choices else None
    shown = Input(value=value, max_length=1_000, name=name, id=_id(name), suggester=known)
    shown.cursor_blink = False
    yield shown
    problem = Static("", id=f"{_id(name)}-problem", classes="form-problem", markup=False)
    problem.display = False
    yield problem


def _id(name: str) -> str:
    return f"field-{name.encode().hex()}"
