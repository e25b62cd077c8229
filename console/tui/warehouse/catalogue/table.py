"""The tree of the catalogue as a windowed table: what stands in each line, folding, finding, and moving in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip

from console.tui.text import fitted, plain
from console.tui.warehouse.catalogue.lines import (
    CatalogueLine,
    Level,
    compact_count,
    lines_of,
    short_name,
    short_type,
)
from console.tui.widgets.line_table import Cell, Column, LineTable, Part, cell

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from warehouse.catalogue import DatabaseInfo

TITLE = "Catalogue"
READING = "reading the catalogue"
RIGHT = 5  # cells of a number of rows or a type
TYPE = 4  # cells of a type or key where they follow the name
WIDE = 33  # from here on, keys and compression have a column of their own
INDENT = {Level.DATABASE: 0, Level.PROBLEM: 2, Level.GROUP: 1, Level.TABLE: 1, Level.COLUMN: 3}


def _bind(key: str, action: str, what: str, tooltip: str, *, show: bool = True) -> Binding:
    return Binding(key, action, what, show=show, id=f"catalogue.{what.lower().replace(' ', '-')}", tooltip=tooltip)


class CatalogueLines(LineTable):
    """The lines of the tree. `Selected` and `Opened` are about `line`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        _bind(
            "enter",
            "open",
            "Preview",
            "A table: its rows; a column: to the editor; a database: query it; a group: fold",
        ),
        _bind("i", "ask('insert')", "Insert", "The name into the editor, a column's with its table"),
        _bind("slash", "ask('find')", "Find", "Show only tables and columns whose name holds a text"),
        _bind("d,f3", "ask('diagram')", "Diagram", "The star and the snowflake, drawn"),
        _bind("space", "fold", "Columns", "Unfold the table into its columns, or fold it; a group likewise"),
        _bind("right", "fold(True)", "Unfold", "Unfold, or go into what is unfolded", show=False),
        _bind("left", "fold(False)", "Fold", "Fold, or go to what this is part of", show=False),
        _bind("r", "ask('reread')", "Refresh", "Read the catalogue again, and count"),
        _bind("escape", "ask('everything')", "Show all", "Show everything again", show=False),
    ]

    class Asked(Message):
        """A key asks for something that is not the lines' own."""

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

    def __init__(self) -> None:
        super().__init__(id="catalogue")
        self._databases: tuple[DatabaseInfo, ...] = ()
        self._problems: Mapping[str, str] = {}
        self._lines: list[CatalogueLine] = []
        self._turned: frozenset[str] = frozenset()
        self._turned_found: frozenset[str] = frozenset()  # while only what was found is shown
        self.wanted = ""
        self.empty_text = READING

    # ---- what is shown --------------------------------------------------------------------------------------------

    @property
    def line(self) -> CatalogueLine | None:
        return self._lines[self.cursor] if self._lines else None

    @property
    def shown(self) -> Sequence[CatalogueLine]:
        return self._lines

    def show(self, databases: Sequence[DatabaseInfo], problems: Mapping[str, str]) -> None:
        """Show these; what was selected stays so."""
        self._databases, self._problems = tuple(databases), dict(problems)
        self._again()

    def find(self, wanted: str) -> None:
        """Show only what holds `wanted` in its name; everything if it is empty."""
        if wanted == self.wanted:
            return
        self.wanted, self._turned_found = wanted, frozenset()
        self.empty_text = "nothing has that in its name" if wanted else READING
        self._again()
        if wanted:
            first = next((i for i, line in enumerate(self._lines) if self._names(line)), 0)
            self.move_to(first)
        self.refresh(Region(0, 0, self.size.width, 1))

    def _names(self, line: CatalogueLine) -> bool:
        found = line.column or line.table
        return found is not None and self.wanted.casefold() in found.name.casefold()

    def _again(self) -> None:
        selected = self.line.key if self.line else ""
        turned = self._turned_found if self.wanted else self._turned
        self._lines = lines_of(self._databases, self._problems, turned=turned, wanted=self.wanted)
        keys = [line.key for line in self._lines]
        index = keys.index(selected) if selected in keys else min(self.cursor, max(len(keys) - 1, 0))
        self.lines_changed(index)
        self.show_cursor()
        self.post_message(self.Selected(self))

    # ---- keys -----------------------------------------------------------------------------------------------------

    @property
    def hints(self) -> list[Binding]:
        """The keys that do something with the selected line, called what they do there."""
        names = dict(zip(("open", "fold", "ask('insert')"), _deeds_of(self.line), strict=True))
        found = [binding for binding in self.BINDINGS if isinstance(binding, Binding) and binding.show]
        called = [replace(binding, description=names.get(binding.action, binding.description)) for binding in found]
        return [binding for binding in called if binding.description]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape is the screen's while everything is shown."""
        return bool(self.wanted) if (action, parameters) == ("ask", ("everything",)) else True

    def action_fold(self, unfold: bool | None = None) -> None:
        """Unfold or fold the selected line; None is whichever it is not."""
        line = self.line
        if line is None:
            return
        if unfold is False and not line.unfolded:
            self._to_parent(line)
        elif line.unfolded is True and unfold is True:
            self.move_to(self.cursor + 1)
        elif line.unfolded is not None:
            self._turn(line.key)

    def _turn(self, key: str) -> None:
        if self.wanted:
            self._turned_found ^= {key}
        else:
            self._turned ^= {key}
        self._again()

    def _to_parent(self, line: CatalogueLine) -> None:
        parents = {Level.COLUMN: {Level.TABLE}, Level.TABLE: {Level.GROUP, Level.DATABASE}}
        wanted = parents.get(line.level, {Level.DATABASE})
        above = (index for index in range(self.cursor - 1, -1, -1) if self._lines[index].level in wanted)
        self.move_to(next(above, self.cursor))

    def action_open(self) -> None:
        if self.line is not None and self.line.level is Level.GROUP:
            self.action_fold()
            return
        self.post_message(self.Opened(self))

    def action_ask(self, what: str) -> None:
        self.post_message(self.Asked(what))

    def clicked(self, x: int, index: int) -> bool:
        line = self._lines[index]
        if line.unfolded is not None and x <= INDENT[line.level] + 1:
            self._turn(line.key)
            return True
        return False

    # ---- what stands where ----------------------------------------------------------------------------------------

    def line_count(self) -> int:
        return len(self._lines)

    def layout_columns(self, width: int) -> tuple[Column, ...]:
        if width < WIDE:
            return Column(TITLE, max(width - RIGHT - 1, 1)), Column("", RIGHT, "right")
        return (
            Column(TITLE, width - 2 * (RIGHT + 1)),
            Column("", RIGHT, "right"),
            Column("", RIGHT, "right"),
        )

    def empty_lines(self) -> Sequence[Part]:
        return ((self.empty_text, "muted"),)

    def cells(self, index: int) -> Sequence[Cell]:
        line = self._lines[index]
        margin = " " * INDENT[line.level]
        whole = len(self.columns)
        if line.column is not None:
            return self._column_cells(line, margin)
        if line.table is not None:
            return self._table_cells(line, margin)
        if line.level is Level.PROBLEM:
            return (cell(margin + plain(_short_problem(line.text)), "bad", span=whole),)
        if line.level is Level.GROUP:
            return (Cell(((margin + self._sign(line), "faint"), (f" {line.text}", "muted")), whole),)
        return (Cell(((self._sign(line), "faint"), (f" {plain(line.database)}", "title")), whole),)

    def _table_cells(self, line: CatalogueLine, margin: str) -> Sequence[Cell]:
        table = line.table
        assert table is not None
        siblings = [other.table.name for other in self._lines if other.table and other.level is Level.TABLE]
        rows = self.glyphs.ellipsis if table.rows is None else compact_count(table.rows)
        shrunk = f"÷{table.compression:.1f}" if table.compression and len(self.columns) > 2 else ""
        told = f"{shrunk} {rows:>{RIGHT}}" if shrunk else rows
        room = self.line_width - 1 - len(told) - len(margin) - 2
        name = short_name(plain(table.name), room, siblings, self.glyphs.ellipsis)
        parts = (
            (margin + self._sign(line), "faint"),
            (f" {name}", "strong" if line.unfolded else "text"),
            (" " * (room + 1 - cell_len(name)), "text"),
            (told.removesuffix(rows), "faint"),
            (rows, "muted"),
        )
        return (Cell(parts, len(self.columns)),)

    def _column_cells(self, line: CatalogueLine, margin: str) -> Sequence[Cell]:
        table, column = line.table, line.column
        assert table is not None
        assert column is not None
        key = "PK" if column.primary_key else "FK" if column.references else ""
        sign = "*" if column.sensitive else "=" if column.computed else ""
        narrow = len(self.columns) == 2
        width = self.line_width - 1 - (TYPE if narrow else RIGHT if not key else 2 * RIGHT + 1)
        room = width - len(margin) - len(sign)
        name = short_name(plain(column.name), room, [other.name for other in table.columns], self.glyphs.ellipsis)
        parts = ((margin + name, "text"), (sign, "wait" if column.sensitive else "muted"))
        kind = cell(short_type(column), "muted")
        if not narrow:
            return (Cell(parts), cell(key, "accent"), kind) if key else (Cell(parts, 2), kind)
        space = " " * (width + 1 - len(margin) - cell_len(name) - len(sign))
        last = (f"{key or short_type(column)[:TYPE]:>{TYPE}}", "accent" if key else "muted")
        return (Cell((*parts, (space, "text"), last), 2),)

    def _sign(self, line: CatalogueLine) -> str:
        return self.glyphs.unfolded if line.unfolded else self.glyphs.folded

    # ---- the heading, which is the panel's title ------------------------------------------------------------------

    def _heading(self, width: int) -> Strip:
        focused, styles, rule = self.has_focus, self.tones, self.glyphs.rule
        note = f" /{plain(self.wanted)} " if self.wanted else " rows " if width >= len(TITLE) + 12 else ""
        note = fitted(note, min(len(note), max(width - len(TITLE) - 6, 0)), "left", self.glyphs.ellipsis)
        line = styles["accent" if focused else "faint"]
        space = max(width - len(TITLE) - 4 - len(note) - bool(note), 0)
        return Strip(
            [
                Segment(rule * 2, line),
                Segment(f" {TITLE} ", styles["title" if focused else "strong"]),
                Segment(rule * space, line),
                Segment(note, styles["muted"]),
                Segment(rule * bool(note), line),
            ]
        ).adjust_cell_length(width, line)

    def on_focus(self) -> None:
        super().on_focus()
        self.refresh(Region(0, 0, self.size.width, 1))

    def on_blur(self) -> None:
        super().on_blur()
        self.refresh(Region(0, 0, self.size.width, 1))


def _deeds_of(line: CatalogueLine | None) -> tuple[str, str, str]:
    """What Enter, Space and i do with a line, in a word; empty where that is nothing, or what another key does."""
    turn = "Fold" if line is not None and line.unfolded else "Unfold"
    match line.level if line is not None else None:
        case Level.DATABASE:
            return "Query it", turn, ""
        case Level.GROUP:
            return turn, "", ""
        case Level.TABLE:
            return "Preview", turn if turn == "Fold" else "Columns", "Insert"
        case Level.COLUMN:
            return "Insert", "", ""
    return "", "", ""


def _short_problem(text: str) -> str:
    """What matters first: the whole stands below the tree."""
    if text.startswith("Not permitted"):
        return "not open to you"
    return f"damaged: {text}" if " is damaged " in text else text  # what comes first may be a long path
