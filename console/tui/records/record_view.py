"""The record as the session sees it, or why it is not shown. Nothing of a record stays here once another is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Static

from console.tui.records.keys import FIND, OF_RECORD
from console.tui.records.reading import Opened
from console.tui.records.record_lines import NAME_WIDTH, SHOWN_WIDTH, RecordLine, Reveal, lines_of, same_place
from console.tui.text import plain
from console.tui.widgets.line_table import Cell, Column, LineTable
from console.tui.widgets.section_title import SectionTitle
from console.tui.widgets.words import Part, Words

AUDITED = "every reading is audited loudly"
VALUE = 2  # the place of the value among the columns


class RecordLines(LineTable):
    """The lines of one record. No text of it can be selected."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [*OF_RECORD, *FIND]

    def __init__(self) -> None:
        super().__init__(id="record")
        self.opened: Opened | None = None
        self.reveal = Reveal()
        self._lines: list[RecordLine] = []

    @property
    def line(self) -> RecordLine | None:
        """The selected line."""
        return self._lines[self.cursor] if self._lines else None

    def show(self, opened: Opened | None, reveal: Reveal) -> None:
        """Show this record, or none; the selected line stays selected while it is the same patient's."""
        stays = opened and self.opened and opened.patient_id == self.opened.patient_id
        self.opened, self.reveal = opened, reveal
        before, selected = self.cursor, self._make()
        if not stays:
            self.scroll_to(y=0, animate=False, force=True)
        self.lines_changed(selected if stays else 0)
        if stays and selected != before:
            self.show_cursor()
        if opened is None:
            self._painted.clear()
            self.refresh()

    def to_history(self) -> None:
        """Select the newest entry of the history, or where the history stands."""
        places = [number for number, line in enumerate(self._lines) if line.column == "history"]
        entries = [number for number in places if self._lines[number].entry is not None]
        if places:
            self.scroll_to(y=places[0], animate=False, force=True)
            self.move_to((entries or places)[0])

    def line_count(self) -> int:
        return len(self._lines)

    def layout_columns(self, width: int) -> tuple[Column, ...]:
        return (
            Column("Column", NAME_WIDTH),
            Column("Shown", SHOWN_WIDTH),
            Column("Value", max(width - NAME_WIDTH - SHOWN_WIDTH - 3, 10)),
        )

    def on_resize(self) -> None:
        self.columns = self.layout_columns(self.line_width)
        self.set_reactive(LineTable.cursor, self._make())
        super().on_resize()

    def cells(self, index: int) -> Sequence[Cell]:
        return self._lines[index].cells

    def _make(self) -> int:
        """Make the lines anew; the place of the one that was selected."""
        width = self.columns[VALUE].width if self.columns else 40
        before, self._lines = self._lines, lines_of(self.opened.shown.record, width, self.reveal) if self.opened else []
        return same_place(before, self.cursor, self._lines)


class RecordNotice(Words):
    """Stands in place of a record; the same keys lead on."""

    BINDINGS: ClassVar[list[BindingType]] = [*FIND, *OF_RECORD]


class EmergencyBand(Static):
    """Stands over everything while any glass is broken, whether the record is shown or not."""

    def __init__(self) -> None:
        super().__init__("", id="emergency", markup=False)
        self._told = ""

    def on_mount(self) -> None:
        self.display = False

    def show(self, glass: Mapping[str, float], shown: str | None = None) -> None:
        """Say for whom and for how many seconds it is broken; `shown` is the patient who is seen through it now."""
        told = band_words(glass, shown)
        if told != self._told:
            self._told = told
            self.update(told)
            self.display = bool(told)


class RecordView(Vertical):
    """The panel on the right."""

    def compose(self) -> ComposeResult:
        yield SectionTitle("Record", id="record-title")
        yield RecordLines()
        yield RecordNotice(id="record-notice")

    def on_mount(self) -> None:
        self.lines = self.query_one(RecordLines)
        self.notice = self.query_one(RecordNotice)
        self._title = self.query_one("#record-title", SectionTitle)
        self.lines.display = False

    @property
    def opened(self) -> Opened | None:
        """The record that is shown."""
        return self.lines.opened

    @property
    def content(self) -> RecordLines | RecordNotice:
        """What can have the focus now."""
        return self.lines if self.lines.display else self.notice

    def show(self, opened: Opened) -> None:
        """Show a record, its identifiers hidden."""
        self.lines.show(opened, Reveal(opened.may_reveal))
        self._title.say(f"{opened.patient_id}   version {opened.shown.version}")
        self._show(self.lines)

    def say(self, words: Sequence[Part], note: str = "") -> None:
        """Show these words and nothing of any record."""
        self.lines.show(None, Reveal())
        self._title.say(note)
        self.notice.say(words)
        self._show(self.notice)

    def reveal(self, values: Mapping[str, str] | None, left_s: int = 0) -> None:
        """Show the identifiers, or hide them again."""
        if self.opened is not None:
            self.lines.show(self.opened, Reveal(self.opened.may_reveal, values, left_s))

    def _show(self, wanted: RecordLines | RecordNotice) -> None:
        """Exchange what is shown; the focus goes along."""
        other = self.notice if wanted is self.lines else self.lines
        focused = self.screen.focused is other
        wanted.display, other.display = True, False
        if focused:
            self.screen.set_focus(wanted)


def band_words(glass: Mapping[str, float], shown: str | None) -> str:
    """What the band says; nothing where no glass is broken."""
    if shown is not None and shown in glass:
        return f" EMERGENCY {plain(shown)}   {left_words(glass[shown])} left   read only   {AUDITED}"
    each = ", ".join(f"{plain(patient_id)} for {left_words(left_s)}" for patient_id, left_s in sorted(glass.items()))
    return f" GLASS BROKEN   {each}   {AUDITED}" if each else ""


def left_words(seconds: float) -> str:
    """Whole minutes, in the last one seconds."""
    return f"{-(-seconds // 60):.0f} min" if seconds > 60 else f"{max(seconds, 0):.0f} s"
