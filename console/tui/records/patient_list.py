"""The patients that the session may see, with a field to find them by name. Only opening one reads a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from console.tui.records.keys import FIND, OF_RECORD
from console.tui.text import plain
from console.tui.widgets.line_table import Cell, Column, LineTable, Part, cell
from console.tui.widgets.section_title import SectionTitle

if TYPE_CHECKING:  # the actions are made when the office is opened
    from console.actions.records import Line

ID_WIDTH = 7
SITE_WIDTH, DOMAIN_WIDTH = 13, 10
WIDE = 48  # from here on, site and domain have columns of their own
LONGEST_NAME = 200
EMERGENCY = "emergency"
_WHY = {
    "assigned": "assigned to you",
    "all": "names are masked",
    EMERGENCY: "GLASS BROKEN",
}  # why the session sees a patient, as the actions tell it


class PatientTable(LineTable):
    """A patient a line."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.do('open')", "Open", id="records.open", tooltip="Read the record of the patient"),
        *FIND,
        *OF_RECORD,
    ]

    def __init__(self) -> None:
        super().__init__(id="patients")
        self.lines: tuple[Line, ...] = ()
        self.words: tuple[Part, ...] = ()
        self.open_id: str | None = None
        self.glass: Mapping[str, str] = {}  # for whom it is broken, and how long yet in words

    @property
    def line(self) -> Line | None:
        """The selected patient."""
        return self.lines[self.cursor] if self.lines else None

    def show(self, lines: Sequence[Line], words: Sequence[Part], *, select: str | None = None) -> None:
        """Show these with the patient `select` selected, else the first; `words` is said where there are none."""
        self.lines, self.words = tuple(lines), tuple(words)
        self._painted.clear()
        self.lines_changed(0)
        self.refresh()
        if select is not None:
            self.select(select)

    def select(self, patient_id: str) -> None:
        """Select a patient, if in the list."""
        if (place := self._place_of(patient_id)) is not None:
            self.move_to(place)

    def tell_glass(self, glass: Mapping[str, str]) -> bool:
        """Show for whom the glass is broken; whether that is news."""
        if glass == self.glass:
            return False
        self.glass = dict(glass)
        self.repaint_changed()
        return True

    def _place_of(self, patient_id: str | None) -> int | None:
        return next((place for place, line in enumerate(self.lines) if line.patient_id == patient_id), None)

    def mark(self, patient_id: str | None) -> None:
        """Mark the patient whose record is shown."""
        if patient_id != self.open_id:
            self.open_id = patient_id
            self.repaint_changed()

    def line_count(self) -> int:
        return len(self.lines)

    def layout_columns(self, width: int) -> tuple[Column, ...]:
        if width < WIDE:
            return (Column("  Patient", ID_WIDTH + 2), Column("Name", max(width - ID_WIDTH - 4, 4)))
        name = max(width - ID_WIDTH - SITE_WIDTH - DOMAIN_WIDTH - 6, 8)
        return (
            Column("  Patient", ID_WIDTH + 2),
            Column("Name", name),
            Column("Site", SITE_WIDTH),
            Column("Domain", DOMAIN_WIDTH),
        )

    def cells(self, index: int) -> Sequence[Cell]:
        line = self.lines[index]
        opened, left = line.patient_id == self.open_id, self.glass.get(line.patient_id)
        found = [
            Cell(((">" if opened else " ", "accent"), (f" {plain(line.patient_id)}", "strong" if opened else "text"))),
            Cell(((f"{left} ", "bad-strong"), (plain(line.name), "text"))) if left else cell(plain(line.name)),
        ]
        if len(self.columns) > len(found):
            found += [cell(plain(line.site), "muted"), cell(plain(line.domain), "muted")]
        return found

    def empty_lines(self) -> Sequence[Part]:
        return [(line, tone) for text, tone in self.words for line in wrap(text, max(self.line_width - 3, 10))]


class FindField(Input):
    """Where a name is typed; Enter finds, Esc leaves and shows all again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", "Find", id="find.find", tooltip="Find the patients of this name or id"),
        Binding("escape", "screen.do('all')", "Show all", id="find.leave", tooltip="Leave, and show all again"),
    ]

    def __init__(self, placeholder: str) -> None:
        super().__init__(placeholder=placeholder, max_length=LONGEST_NAME, select_on_focus=False, id="find")
        self.cursor_blink = False


class PatientList(Vertical):
    """The panel. `Find` asks for patients by `searched`; `wanted` says what may be typed, `rule` how it is found."""

    class Find(Message):
        """The patients with what was typed are wanted."""

    def __init__(self, wanted: str, rule: str) -> None:
        super().__init__(id="patient-list")
        self._wanted, self._rule = wanted, rule

    def compose(self) -> ComposeResult:
        yield SectionTitle("Patients", id="patients-title")
        yield FindField(self._wanted)
        yield Static("", id="find-words", markup=False)
        yield PatientTable()
        yield Static("", id="more-patients", markup=False)
        yield Static("", id="patient-detail", markup=False)

    def on_mount(self) -> None:
        self.table = self.query_one(PatientTable)
        self.field = self.query_one(FindField)
        self._words = self.query_one("#find-words", Static)
        self._more = self.query_one("#more-patients", Static)
        self.field.display = self._words.display = self._more.display = False

    def show(
        self, lines: Sequence[Line], words: Sequence[Part], note: str, *, select: str | None = None, more: str = ""
    ) -> None:
        """Show these patients with `select` selected; `note` says how many they are, `more` how others are found."""
        self.table.show(lines, words, select=select)
        self.query_one("#patients-title", SectionTitle).say(note)
        self._more.update(more)
        self._more.display = bool(more)
        self._say_search()
        self._detail()

    def tell_glass(self, glass: Mapping[str, str]) -> None:
        """Show for whom the glass is broken, and how long yet."""
        if self.table.tell_glass(glass):
            self._detail()

    @property
    def searched(self) -> str:
        """What was typed; empty for all patients."""
        return self.field.value.strip()

    def ask(self) -> None:
        """Let a name be typed."""
        self.field.display = True
        self.field.action_select_all()
        self._say_search()
        self.screen.set_focus(self.field)  # at once: the next key is meant for it

    def leave(self) -> None:
        """Take the field away, empty."""
        self.field.value = ""
        self._close()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._close()
        self.post_message(self.Find())

    def on_line_table_selected(self, event: LineTable.Selected) -> None:
        event.stop()
        self._detail()

    def on_resize(self, _event: events.Resize) -> None:
        self._detail()

    def _close(self) -> None:
        self.field.display = False
        self._say_search()
        if self.screen.focused is None or self.screen.focused is self.field:
            self.screen.set_focus(self.table)

    def _say_search(self) -> None:
        """How it is found while it is typed; then what was, and the way back."""
        only = f"only {plain(self.searched)}; Esc shows all" if self.searched else ""
        told = self._rule if self.field.display else only
        self._words.update(told)
        self._words.display = bool(told)

    def _detail(self) -> None:
        line = self.table.line
        detail = self.query_one("#patient-detail", Static)
        detail.display = line is not None
        if line is None:
            detail.update("")
            return
        where = Content.styled(f" {plain(line.site)}, {plain(line.domain)}\n", "$lw-text")
        tone = "bold $lw-bad" if line.why == EMERGENCY else "$lw-muted"
        left = self.table.glass.get(line.patient_id)
        told = f"{_WHY.get(line.why, plain(line.why))}{f', {left} left' if left else ''}"
        detail.update(Content.assemble(where, Content.styled(f" {told}", tone)))
