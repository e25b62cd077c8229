"""Research: a typed question of one domain, and its table of groups. It reaches no record; small groups are hidden."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from console.actions.permissions import PermissionDenied
from console.tui.messages import Delivered
from console.tui.off_loop import off_loop
from console.tui.records.choice_line import ChoiceLine
from console.tui.records.keys import RESEARCH, key
from console.tui.text import plain
from console.tui.widgets.closed import closed_lines, refusal_lines
from console.tui.widgets.line_table import Cell, Column, LineTable, cell
from console.tui.widgets.section_title import SectionTitle
from console.tui.widgets.words import NOTHING, Part, Words
from security.errors import QuestionRefused
from security.policy.model import Action
from security.records.research.query import COLUMNS, CONSTANT, LONGEST_VALUE, MEASURES, Question
from security.records.research.suppression import SMALLEST

if TYPE_CHECKING:  # the actions are made when the office is opened
    from console.tui.office import SecurityOffice
    from console.tui.shell import Shell
    from security.records.research.projection import Projection
    from security.records.research.query import Answer

NONE = "none"
HIDDEN_WORDS = f"Groups under {SMALLEST} are hidden, and others from which one could be computed."
NUMBER_WIDTH = 16
LONGEST_DOMAIN = 64


class ResearchTable(LineTable):
    """The groups of an answer with what was measured."""

    BINDINGS: ClassVar[list[BindingType]] = [
        key("enter", "ask", "Ask", "Ask the question again"),
        key("escape", "question", "Question", "Back to the question"),
    ]

    def __init__(self) -> None:
        super().__init__(id="answer")
        self._answer: Answer | None = None

    def show(self, answer: Answer | None) -> None:
        """Show this answer."""
        self._answer = answer
        self.restyle()
        self.lines_changed(0)

    def line_count(self) -> int:
        return len(self._answer.rows) if self._answer else 0

    def layout_columns(self, width: int) -> tuple[Column, ...]:
        if self._answer is None:
            return ()
        *by, measure = self._answer.columns
        each = max(min((width - NUMBER_WIDTH) // len(by) - 1, 48), 6)
        return (*[Column(" " + name, each) for name in by], Column(measure, NUMBER_WIDTH, "right"))

    def cells(self, index: int) -> Sequence[Cell]:
        assert self._answer is not None
        *groups, measured = self._answer.rows[index]
        number = f"{measured:,}" if isinstance(measured, int) else f"{measured:,.2f}"
        return [*[cell(" " + plain(str(group))) for group in groups], cell(number, "strong")]

    def empty_lines(self) -> Sequence[tuple[str, str]]:
        if self._answer is None:
            return ()
        return ((f"No group of {SMALLEST} or more patients can be told.", "muted"),)


class ValueField(Input):
    """A text of the question."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *RESEARCH,
        key("escape", "question", "Question", "Back to the first choice", show=False),
    ]

    def __init__(self, about: str, longest: int, *, id: str) -> None:  # noqa: A002 – Textual's name for it
        super().__init__(placeholder=about, max_length=longest, id=id, select_on_focus=False)
        self.cursor_blink = False


class ResearchDesk(Vertical):
    """The body of the screen for a role that asks research questions."""

    def __init__(self, shell: Shell, office: SecurityOffice) -> None:
        super().__init__(id="research-desk")
        self._shell, self._office = shell, office
        self._asked = 0  # which question is the newest
        self._built: Projection | None = None

    def compose(self) -> ComposeResult:
        yield SectionTitle("Research question", id="question-title")
        yield from _labelled("Domain", ValueField("a research domain", LONGEST_DOMAIN, id="domain"))
        yield ChoiceLine("By", (*COLUMNS, CONSTANT), id="by")
        yield ChoiceLine("and by", (NONE, *COLUMNS, CONSTANT), id="and-by")
        yield ChoiceLine("Measure", MEASURES, id="measure")
        yield ChoiceLine("Where", (NONE, *COLUMNS), id="where")
        yield from _labelled("is", ValueField("a value, as the table writes it", LONGEST_VALUE, id="value"))
        yield SectionTitle("Answer", id="answer-title")
        yield ResearchTable()
        yield Words(id="research-notice")
        yield Static("", id="research-words", markup=False)

    def on_mount(self) -> None:
        self._table, self._notice = self.query_one(ResearchTable), self.query_one("#research-notice", Words)
        self._table.display = False
        self._notice.say(
            (
                ("Ask for numbers of a research domain; no patient is ever shown", "strong"),
                NOTHING,
                ("Left and Right choose, Up and Down go on, Enter asks. At most two columns take part.", "text"),
                ("The projection holds no names or identifiers; its SSN column is nothing but the mask.", "text"),
            )
        )  # fmt: skip
        self.query_one("#research-words", Static).update(" " + HIDDEN_WORDS)
        self.query_one("#by", ChoiceLine).choose("diagnosis")
        self.screen.set_focus(self.query_one("#by"))
        off_loop(self, self._find_out, self._know, self._refused)

    def on_delivered(self, event: Delivered) -> None:
        event.receive(event.result)

    def _find_out(self) -> tuple[Sequence[str], Projection | None]:
        """Off the loop; the own domain is asked about before it is tried: to look here is no refused access."""
        gate, research, who = self._office.gate, self._office.research, self._shell.who
        account = gate.access.facts.account(who.user) if who is not None else None
        if account is not None and account.domain and gate.access.facts.has_domain(account.domain):
            gate.check(Action.QUERY_RESEARCH, f"dataset:{account.domain}")
        return research.domains(), research.built()

    def _know(self, found: tuple[Sequence[str], Projection | None]) -> None:
        domains, self._built = found
        field = self.query_one("#domain", Input)
        if domains and not field.value:
            field.value = domains[0]
        self._show_built()

    def _show_built(self) -> None:
        """When the projection was built, and of how many."""
        if self._built is not None:
            patients = "1 patient" if self._built.subjects == 1 else f"{self._built.subjects:,} patients"
            told = f"built {self._built.built_at:%Y-%m-%d %H:%M} UTC of {patients}"
            self.query_one("#question-title", SectionTitle).say(f"projection {told}")

    # ---- keys -------------------------------------------------------------------------------------------------------

    def do(self, name: str) -> None:
        """What a key wants done."""
        keys: dict[str, Callable[[], object]] = {
            "ask": self.ask,
            "up": lambda: self._move(-1),
            "down": lambda: self._move(1),
            "question": lambda: self.screen.set_focus(self.query_one("#by")),
        }
        keys[name]()

    def idle(self) -> set[str]:
        """The keys that have nothing to act on now."""
        return set()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.ask()

    def ask(self) -> None:
        """Ask the question as it stands."""
        self._asked += 1
        asked, research = self._asked, self._office.research
        if self._chosen("where") == NONE and self.query_one("#value", Input).value.strip():
            self._refused(QuestionRefused("where: expected a column for the value; choose one, or empty the value"))
            return
        parts = self._question_parts()

        def receive(found: tuple[Answer, Projection | None]) -> None:
            if asked == self._asked:
                answer, self._built = found
                self._show_built()
                self._show(answer)

        def refused(error: Exception) -> None:
            if asked == self._asked:
                self._refused(error)

        off_loop(self, lambda: (research.query(Question(*parts)), research.built()), receive, refused)

    def _question_parts(self) -> tuple[str, tuple[str, ...], str, tuple[tuple[str, str], ...]]:
        by, second, where = self._chosen("by"), self._chosen("and-by"), self._chosen("where")
        value = self.query_one("#value", Input).value.strip()
        return (
            self.query_one("#domain", Input).value.strip(),
            (by,) if second in (NONE, by) else (by, second),
            self._chosen("measure"),
            () if where == NONE else ((where, value),),
        )

    def _chosen(self, name: str) -> str:
        return self.query_one(f"#{name}", ChoiceLine).chosen

    def _show(self, answer: Answer) -> None:
        self._table.show(answer)
        self._table.display, self._notice.display = True, False
        shown = f"{len(answer.rows):,} group{'' if len(answer.rows) == 1 else 's'}"
        note = shown if answer.complete else f"{shown}; smaller ones are hidden"
        self.query_one("#answer-title", SectionTitle).say(note)

    def _refused(self, error: Exception) -> None:
        self._table.show(None)
        self._table.display, self._notice.display = False, True
        self.query_one("#answer-title", SectionTitle).say("")
        roles = self._office.gate.roles_for(Action.QUERY_RESEARCH)
        lines: list[Part] = [("The question is not answered", "bold bad"), NOTHING]
        if isinstance(error, PermissionDenied):
            lines = closed_lines("The domain", error, roles=roles, who=self._shell.who)
        else:
            lines += [(line, "text") for line in refusal_lines(error)]
        self._notice.say(lines)

    def _move(self, by: int) -> None:
        fields = [one for one in self.query("*") if isinstance(one, ValueField | ChoiceLine) or one is self._table]
        shown = [one for one in fields if one.display]
        at = next((number for number, one in enumerate(shown) if one is self.screen.focused), 0)
        self.screen.set_focus(shown[max(min(at + by, len(shown) - 1), 0)])


def _labelled(label: str, field: ValueField) -> ComposeResult:
    with Horizontal(classes="labelled"):
        yield Static(f" {label}", classes="label", markup=False)
        yield field
