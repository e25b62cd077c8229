"""The lines of the audit log on the screen, newest at the bottom, where it follows until the reader moves up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from console.tui.audit.event_words import about, is_denied, is_glass, outcome_cell, sign_of, time_words
from console.tui.audit.log_lines import LogLines
from console.tui.text import plain
from console.tui.widgets.line_table import Cell, Column, LineTable, Part, cell
from etl.models import RunState
from security.audit.search import Recorded

WIDE, ROOMY, NARROW = 110, 80, 76
TIME, DATE_AND_TIME = 8, 11
AHEAD = 40  # lines above the window that are loaded before they are reached


class LogTable(LineTable):
    """`Selected` and `Opened` are about `line`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.open", "Event", id="audit.open", tooltip="Every field of the selected event"),
    ]

    class Older(Message):
        """The first loaded line comes near: older events are wanted."""

    class Moved(Message):
        """The reader may have left the end of the log, or come back to it."""

    def __init__(self, lines: LogLines, now: Callable[[], datetime]) -> None:
        super().__init__(id="log")
        self._lines = lines
        self._now = now
        self._follows = True
        self._laid_out_on: date | None = None
        self.empty_text: tuple[Part, ...] = (("reading the log", "muted"),)

    @property
    def line(self) -> Recorded | None:
        """The selected event."""
        rows = self._lines.rows
        return rows[self.cursor] if self.cursor < len(rows) else None

    @property
    def follows(self) -> bool:
        """Whether new events are shown as they come: while the newest line is selected and on the screen."""
        return self._follows

    def restart(self) -> None:
        """Other lines than before are loaded: show their end."""
        self._follows = True
        self.lines_changed(self.line_count() - 1)
        self._painted.clear()
        self._to_end()
        self.refresh()

    def grown(self) -> None:
        """Newer lines were added: stay at the end."""
        self.lines_changed(self.line_count() - 1)
        self._to_end()

    def grown_above(self, count: int) -> None:
        """`count` older lines were put before the others: what is on the screen stays where it is."""
        top = int(self.scroll_offset.y)
        self.lines_changed(self.cursor + count)
        self.scroll_to(y=top + count, animate=False, force=True, immediate=True)
        self.repaint_changed()

    def _to_end(self) -> None:
        self.scroll_to(y=max(self.line_count() - self.window, 0), animate=False, force=True, immediate=True)

    # ---- following --------------------------------------------------------------------------------------------------

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._look()

    def watch_cursor(self, old: int, new: int) -> None:
        super().watch_cursor(old, new)
        self._look()

    def _look(self) -> None:
        count = self.line_count()
        at_end = int(self.scroll_offset.y) + self.window >= count
        follows = at_end and self.cursor >= count - 1
        if follows != self._follows:
            self._follows = follows
            self.post_message(self.Moved())
        self.want_older()

    def want_older(self) -> None:
        """Ask for older events when the first loaded one comes near."""
        if self._lines.before is not None and int(self.scroll_offset.y) < AHEAD:
            self.post_message(self.Older())

    def action_last(self) -> None:
        """The newest event, on the screen even where it was selected before."""
        super().action_last()
        self._to_end()
        self._look()

    def on_resize(self) -> None:
        follows = self._follows
        super().on_resize()
        if follows:
            self._to_end()

    # ---- what stands where ------------------------------------------------------------------------------------------

    def line_count(self) -> int:
        return len(self._lines.rows)

    def lines_changed(self, cursor: int) -> None:
        super().lines_changed(cursor)
        self.fit_times()

    def fit_times(self) -> None:
        """Make room for dates, or take it away, where other days than before are shown, or another day is today."""
        today = self._today
        if self.columns and (today != self._laid_out_on or self.layout_columns(self.line_width) != self.columns):
            self._laid_out_on = today
            self.restyle()

    @property
    def _today(self) -> date:
        return self._now().astimezone(UTC).date()

    def _time_width(self) -> int:
        """Of the time of day, where the oldest line that is loaded is of today; else with the date."""
        rows = self._lines.rows
        return TIME if rows and rows[0].event.at.astimezone(UTC).date() == self._today else DATE_AND_TIME

    def layout_columns(self, width: int) -> tuple[Column, ...]:
        """Under 110 cells, events of today give the room of their date to what they are about."""
        time = self._time_width()
        if width >= WIDE:
            columns = [Column("", 1), Column("No.", 7, "right"), Column("Time (UTC)", 19), Column("Kind", 10)]
            columns += [Column("Who", 20), Column("Action", 18), Column("About", 20)]
        elif width < NARROW:
            columns = [Column("", 1), Column("Time UTC", time), Column("Who", 21 - time), Column("Action", 14)]
        else:
            more = max(width - ROOMY, 0)  # first the longest action has room, then a resource, then a user's name
            action, about_, who = min(more, 3), min(max(more - 3, 0), 8), min(max(more - 11, 0), 8)
            columns = [Column("", 1), Column("Time UTC", time), Column("Kind", 18 - time), Column("Who", 12 + who)]
            columns += [Column("Action", 15 + action), Column("About", 16 + about_)]
        used = sum(column.width + 1 for column in columns)
        return (*columns, Column("Outcome", max(width - used, 8)))

    def empty_lines(self) -> Sequence[Part]:
        return self.empty_text

    def cells(self, index: int) -> Sequence[Cell]:
        row = self._lines.rows[index]
        event = row.event
        width = next(column.width for column in self.columns if column.title.startswith("Time"))
        denied, brief = is_denied(event), width < 19
        texts: dict[str, Cell] = {
            "": Cell((sign_of(event, cross=self.glyphs.run[RunState.FAILED]),)),
            "No.": cell(f"{row.seq}", "muted"),
            "Kind": cell(event.kind.value, "muted"),
            "Who": cell(plain(event.principal)),
            "Action": cell(plain(event.action), "bad" if denied else "wait" if is_glass(event) else "text"),
            "About": cell(about(event, digits=4 if brief else 8), "muted"),
            "Outcome": outcome_cell(event, brief=brief),
        }
        time = cell(time_words(event.at, self._now(), width=width))
        found = tuple(texts.get(column.title, time) for column in self.columns)
        return tuple(map(_on_cursor, found)) if index == self.cursor else found


def _on_cursor(found: Cell) -> Cell:
    """The cursor's colour lies below: a badge, whose text is dark, would vanish in it."""
    return Cell(tuple((text, "wait" if tone == "badge" else tone) for text, tone in found.parts), found.span)
