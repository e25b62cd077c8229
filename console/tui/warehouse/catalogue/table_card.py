"""The card of one table: its columns with types, keys and marks, how many rows it has, and its joins in words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.segment import Segment
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from console.tui.text import fitted, plain
from console.tui.theme import Glyphs, glyphs, tones
from console.tui.warehouse.catalogue.lines import short_type
from warehouse.joins import Join
from warehouse.words import rows_words

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from warehouse.catalogue import ColumnInfo, TableInfo

Part = tuple[str, str]  # text, tone
CardLine = tuple[Part, ...]
NAME, ENTRY = 18, 26  # cells of a column's name, and of its name, type and key or sign together
WIDEST_NAME = 24
MORE = " PgDn: more"


def card_lines(
    name: str, table: TableInfo | None, joins: Sequence[Join], width: int, *, signs: Glyphs, arrow: str = "→"
) -> list[CardLine]:
    """The card in lines of at most `width` cells: a title, columns side by side as far as there is room, joins."""
    lines = _title(name, _note(table), width, signs.rule)
    if table is None:
        lines.append((("There is no warehouse yet, so its columns are not known.", "muted"),))
    else:
        lines += _columns(table.columns, width, signs.ellipsis)
    for join in joins:
        lines += _join_lines(join, width, arrow)
    return lines


def _title(name: str, note: str, width: int, rule: str) -> list[CardLine]:
    """The name in a rule, with the note at its end; below it where both do not fit."""
    beside = f" {note} " if note and len(name) + len(note) + 10 <= width else ""
    space = max(width - len(name) - len(beside) - 4 - 2 * bool(beside), 0)
    head: CardLine = (
        (rule * 2, "faint"), (f" {name} ", "title"), (rule * space, "faint"), (beside, "muted"),
        (rule * 2 * bool(beside), "faint"),
    )  # fmt: skip
    return [head, *([((note, "muted"),)] if note and not beside else [])]


def _note(table: TableInfo | None) -> str:
    """What it is, how large, and what the signs at its columns mean."""
    if table is None:
        return ""
    signs = [
        (table.rows is not None, rows_words(table.rows or 0)),
        (any(column.sensitive for column in table.columns), "* sealed"),
        (any(column.computed for column in table.columns), "= computed"),
    ]
    return ", ".join([table.kind, *(words for there, words in signs if there)])


def _columns(columns: Sequence[ColumnInfo], width: int, ellipsis: str) -> list[CardLine]:
    beside = max((width + 1) // (ENTRY + 1), 1)
    height = -(-len(columns) // beside)
    room = min((width + 1) // beside - 1 - (ENTRY - NAME), WIDEST_NAME)
    entries = [_entry(column, room, ellipsis) for column in columns]
    stacks = [entries[start : start + height] for start in range(0, len(entries), height)]
    return [tuple(part for entry in row if entry for part in entry) for row in zip_longest(*stacks)]


def _entry(column: ColumnInfo, room: int, ellipsis: str) -> CardLine:
    key = "PK" if column.primary_key else "FK" if column.references else ""
    sign = key or ("*" if column.sensitive else "=" if column.computed else "")
    return (
        (fitted(plain(column.name), room, "left", ellipsis), "text"),
        (f"{short_type(column):>5} ", "muted"),
        (f"{sign:<2} ", "accent" if key else "wait"),
    )


def _join_lines(join: Join, width: int, arrow: str) -> list[CardLine]:
    words = join.words(arrow)
    if len(words) <= width:
        return [((words, "accent"),)]
    return [((f"{join.many}.{join.key}", "accent"),), ((f"  {arrow} {join.one}.{join.key}", "accent"),)]


class TableCard(ScrollView):
    """Shows the card; scrolled where it is longer than its room."""

    def __init__(self) -> None:
        super().__init__(id="card")
        self._what: tuple[str, TableInfo | None, tuple[Join, ...]] | None = None
        self._lines: list[CardLine] = []

    def show(self, name: str, table: TableInfo | None, joins: Sequence[Join]) -> None:
        """Show this table."""
        self._what = (name, table, tuple(joins))
        self._lay_out()
        self.scroll_to(y=0, animate=False, force=True)

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        if self._what is None or not self.size.width:
            return
        arrow = "→" if getattr(self.app, "unicode", True) else "->"
        signs = glyphs(unicode=getattr(self.app, "unicode", True))
        self._lines = card_lines(*self._what, self.size.width, signs=signs, arrow=arrow)
        self.virtual_size = Size(self.size.width, len(self._lines))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width, styles = self.size.width, tones(self.app.theme)
        index = y + int(self.scroll_offset.y)
        line = self._lines[index] if index < len(self._lines) else ()
        strip = Strip([Segment(text, styles[tone]) for text, tone in line])
        more = y == self.size.height - 1 and index < len(self._lines) - 1
        if more:
            strip = strip.adjust_cell_length(width - len(MORE), styles["text"])
            strip = Strip([*strip, Segment(MORE, styles["muted"])])
        return strip.adjust_cell_length(width, styles["text"])
