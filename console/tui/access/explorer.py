"""The decision explorer: a question on the left, its answer on the right, answered anew with every change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message

from console.tui.access.answer_lines import Asked, answer_lines
from console.tui.access.asker import Asker
from console.tui.access.choice_form import ChoiceForm
from console.tui.access.line_view import LineView
from console.tui.access.paragraphs import words
from console.tui.access.question import (
    FIELDS,
    NotATime,
    Offer,
    account_note,
    account_words,
    askable,
    first_values,
    fitting_resource,
    moment,
    offers,
    request_fields,
    site_of,
)
from console.tui.messages import Delivered

if TYPE_CHECKING:
    from console.actions.decisions import Choices, Decisions
    from security.policy.model import Decision
    from security.policy.rules import Rule

HIGH = 24  # lines of the answer that leave room for a large heading
PAUSE_S = 0.4  # where each question goes on record, one that is typed is asked when it is whole


class Answer(LineView):
    """The answer; Enter on a policy asks for its text."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "tab,i", "question", "Change the question", id="answer.question", tooltip="To the fields of the question"
        ),
        Binding("enter", "open", "Policy text", id="answer.open", tooltip="The Cedar text of the selected policy"),
    ]

    class Back(Message):
        """The question is wanted again."""

    def action_question(self) -> None:
        self.post_message(self.Back())


class Explorer(Horizontal):
    """`Failed` tells that no question can be asked."""

    class Failed(Message):
        """Asking was refused, or failed."""

        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__(id="explorer")
        self._now = now
        self._choices: Choices | None = None
        self._rules: Sequence[Rule] = ()
        self._asker: Asker[Asked, Decision] | None = None
        self._answered: tuple[Asked, Decision] | None = None
        self._problem = ""

    def compose(self) -> ComposeResult:
        yield ChoiceForm(FIELDS, self._offers, id="question")
        yield Answer(id="answer")

    def on_mount(self) -> None:
        self.form, self.answer = self.query_one(ChoiceForm), self.query_one(Answer)

    def take(
        self, decisions: Decisions, choices: Choices, rules: Sequence[Rule], *, user: str | None, recorded: bool
    ) -> None:
        """Begin: `user` is who is signed in, `recorded` whether each question goes on record."""
        self._choices, self._rules = choices, rules

        def ask(asked: Asked) -> Decision:
            return decisions.check(_fields(asked))

        self._asker = Asker(self, ask, then=self._show, otherwise=self._failed, pause_s=PAUSE_S if recorded else 0.0)
        self.form.put(first_values(choices, user))
        self.ask_again()

    def wait(self, text: str) -> None:
        """Tell what is waited for."""
        self.answer.show([words(text, "busy")])

    def ask_about(self, role: str, action: str) -> bool:
        """Ask whether an account of `role` may do `action`; False where there is no such account.

        What was typed stays where it can be asked with.
        """
        choices = self._choices
        if choices is None:
            return False
        users = [account.user for account in choices.users if account.role.value == role and not account.disabled]
        if not users:
            return False
        now = self.form.values["user"]
        user = now if now in users else users[0]
        domains = {account.user: account.domain for account in choices.users}
        own = f"dataset:{domains[user]}" if domains[user] else self.form.values["resource"]
        resource = fitting_resource(own, action, choices)
        mended = askable(self.form.values, self._now())
        self.form.put({**mended, "user": user, "action": action, "resource": resource})
        self.ask_again()
        return True

    def ask_again(self) -> None:
        """Ask what stands in the form."""
        if self._asker is None or self._choices is None:
            return
        values = dict(self.form.values)
        chosen = next((one for one in self._choices.users if one.user == values["user"]), None)
        self.form.note(account_note(chosen))
        now = self._now()
        try:
            at = moment(values["at"], now)
        except NotATime as error:
            self._asker.drop()
            self._answered = None
            self.answer.show([words(str(error), "bad")])
            return
        account = account_words(chosen) if chosen is not None else ""
        site = site_of(values["ip"], self._choices.networks)
        self._asker.ask(Asked(values, at or now, at is None, account, site))

    def on_delivered(self, event: Delivered) -> None:
        event.stop()
        event.receive(event.result)

    def on_choice_form_changed(self, event: ChoiceForm.Changed) -> None:
        event.stop()
        if event.name == "action" and self._choices is not None:
            values = self.form.values
            self.form.put({"resource": fitting_resource(values["resource"], values["action"], self._choices)})
        self.ask_again()

    def on_choice_form_left(self, event: ChoiceForm.Left) -> None:
        event.stop()
        self.screen.set_focus(self.answer)

    def on_answer_back(self, event: Answer.Back) -> None:
        event.stop()
        self.form.focus_field(FIELDS[0].name)

    def on_resize(self, _event: events.Resize) -> None:
        self.call_after_refresh(self._redraw)

    def _offers(self, name: str, values: Mapping[str, str]) -> Sequence[Offer]:
        return offers(name, self._choices, values) if self._choices is not None else ()

    def _show(self, asked: Asked, decision: Decision) -> None:
        self._answered = (asked, decision)
        self._redraw()

    def _redraw(self) -> None:
        if self._answered is not None:
            high = self.answer.size.height >= HIGH
            self.answer.show(answer_lines(*self._answered, self._rules, self.answer.glyphs, high=high))

    def _failed(self, error: Exception) -> None:
        self._answered = None
        self.post_message(self.Failed(error))


def _fields(asked: Asked) -> dict[str, Any]:
    """What `Decisions.check` takes; a time that is now is left to it."""
    return request_fields(asked.values, asked.at)
