"""The star and the snowflake drawn in text, 80 columns wide: the tables, their keys, and which leads to which.

`Drawing` also says where each table and each line between two of them stands, so that a screen can move among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from warehouse.joins import CUSTOMER, PRODUCT, SNOWFLAKE, STAR, STORE, SUPPLIER, TIME, Join
from warehouse.models import FACT, SENSITIVE

SIDE_WIDTH, GAP, CENTRE_WIDTH = 22, 4, 28
CENTRE, RIGHT = SIDE_WIDTH + GAP, SIDE_WIDTH + GAP + CENTRE_WIDTH + GAP
WIDTH = RIGHT + SIDE_WIDTH
KINDS = ("star", "snowflake")
LEGEND = "PK primary key   FK foreign key   N──1 many rows lead to one   * sealed cells"

_ASCII = str.maketrans(
    {"─": "-", "│": "|", "┌": "+", "┐": "+", "└": "+", "┘": "+", "├": "+", "┤": "+", "┼": "+", "…": "~"}
)
_STAR_PRODUCT = ("product_id", "product_name", "category", "brand", "unit_price", "supplier_name")
_SNOWFLAKE_PRODUCT = ("product_id", "product_name", "category", "brand", "unit_price", "supplier_id")
_COLUMNS = {
    FACT: (
        "transaction_id", "store_id", "time_id", "product_id", "customer_id", "quantity_sold", "total_sales_amount",
    ),
    STORE: ("store_id", "store_name", "city", "state", "country", "region"),
    CUSTOMER: ("customer_id", "customer_name", "address", "membership_level"),
    TIME: ("time_id", "date", "day", "month", "quarter", "year", "weekday", "is_weekend"),
    SUPPLIER: ("supplier_id", "supplier_name", "supplier_address", "contact_number", "email_address"),
}  # fmt: skip
_KEYS = {FACT: "transaction_id", STORE: "store_id", CUSTOMER: "customer_id", TIME: "time_id", PRODUCT: "product_id",
         SUPPLIER: "supplier_id"}  # fmt: skip
# Upper left corners: with every column, and with the keys alone.
_WHOLE = {STORE: (0, 0), CUSTOMER: (0, 10), FACT: (CENTRE, 1), TIME: (RIGHT, 0), PRODUCT: (RIGHT, 11),
          SUPPLIER: (CENTRE + 3, 12)}  # fmt: skip
_COMPACT = {STORE: (0, 0), CUSTOMER: (0, 5), FACT: (CENTRE, 0), TIME: (RIGHT, 0), PRODUCT: (RIGHT, 5),
            SUPPLIER: (CENTRE + 3, 8)}  # fmt: skip
_BENDS = {STORE: 2, CUSTOMER: 1, TIME: 2, PRODUCT: 1, SUPPLIER: 1}  # cells into the gap where a line turns


@dataclass(frozen=True, slots=True)
class Place:
    """Where a table stands: its upper left corner and its size, in characters, and its columns as drawn."""

    x: int
    y: int
    width: int
    height: int
    columns: tuple[str, ...]

    def row_of(self, column: str) -> int:
        """The line of one of its columns."""
        return self.y + 1 + self.columns.index(column)

    def holds(self, x: int, y: int) -> bool:
        """Whether the character at that position is the table's, its frame included."""
        return self.x <= x < self.x + self.width and self.y <= y < self.y + self.height


@dataclass(frozen=True, slots=True)
class Line:
    """A join as drawn: the positions of its characters, its two ends on the tables' frames included."""

    join: Join
    cells: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A diagram: its lines, at most 80 columns wide, and where each table and each join stands."""

    lines: tuple[str, ...]
    places: dict[str, Place]
    joins: tuple[Line, ...] = field(default=())

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def table_at(self, x: int, y: int) -> str | None:
        """The table that stands at a position."""
        return next((table for table, place in self.places.items() if place.holds(x, y)), None)

    def beside(self, table: str, dx: int, dy: int) -> str | None:
        """The table next to `table` in a direction (-1, 0 or 1 each way), a joined one first; None if there is none."""
        here = self.places[table]
        found = [
            (not self._joined(table, other), _way(here, place, along_x=bool(dx)), other)
            for other, place in self.places.items()
            if _lies(here, place, dx, dy)
        ]
        return min(found)[-1] if found else None

    def _joined(self, table: str, other: str) -> bool:
        return any({table, other} == {line.join.many, line.join.one} for line in self.joins)


def draw(
    kind: str, *, ascii_only: bool = False, compact: bool = False, notes: Mapping[str, str] | None = None
) -> Drawing:
    """The `star` or the `snowflake`.

    `ascii_only` keeps to characters that every terminal has. `compact` draws the keys alone, for a screen that tells
    the other columns elsewhere, and no legend. `notes` stand in the lower frames in place of fact and dimension.
    """
    snowflake = kind == "snowflake"
    columns = {**_COLUMNS, PRODUCT: _SNOWFLAKE_PRODUCT if snowflake else _STAR_PRODUCT}
    corners = {
        table: corner for table, corner in (_COMPACT if compact else _WHOLE).items() if snowflake or table != SUPPLIER
    }
    places = {table: _place(table, corner, columns[table], compact=compact) for table, corner in corners.items()}
    canvas = [[" "] * WIDTH for _ in range(max(place.y + place.height for place in places.values()))]
    for table, place in places.items():
        _box(canvas, table, place, (notes or {}).get(table, "fact" if table == FACT else "dimension"))
    joins = tuple(_join(canvas, places, join) for join in (SNOWFLAKE if snowflake else STAR))
    lines = ["".join(row).rstrip() for row in canvas]
    if not compact:
        lines += ["", LEGEND]
    if ascii_only:
        lines = [line.translate(_ASCII) for line in lines]
    return Drawing(tuple(lines), places, joins)


def _place(table: str, corner: tuple[int, int], columns: tuple[str, ...], *, compact: bool) -> Place:
    width = CENTRE_WIDTH if table == FACT else SIDE_WIDTH + (3 if table == SUPPLIER else 0)
    shown = tuple(column for column in columns if _mark(table, column).strip()) if compact else columns
    return Place(*corner, width, len(shown) + compact + 2, shown)


def _box(canvas: list[list[str]], table: str, place: Place, note: str) -> None:
    inner = place.width - 2
    _put(canvas, place.x, place.y, "┌" + f" {table} ".ljust(inner, "─") + "┐")
    for number, column in enumerate(place.columns):
        name = column + ("*" if (table, column) in SENSITIVE else "")
        _put(canvas, place.x, place.y + 1 + number, f"│ {name.ljust(inner - 4)}{_mark(table, column)} │")
    bottom = place.y + place.height - 1
    if len(place.columns) < place.height - 2:
        _put(canvas, place.x, bottom - 1, f"│ {'… more columns'.ljust(inner - 2)} │")
    _put(canvas, place.x, bottom, "└" + f" {note[: inner - 3]} ".rjust(inner, "─") + "┘")


def _mark(table: str, column: str) -> str:
    if column == _KEYS[table]:
        return "PK"
    return "FK" if column in _KEYS.values() else "  "


def _join(canvas: list[list[str]], places: dict[str, Place], join: Join) -> Line:
    """A line through the gap between two tables, from the foreign key to the primary key."""
    bend = _BENDS[join.one]
    sides = sorted([(places[join.many], "N"), (places[join.one], "1")], key=lambda side: side[0].x)
    (left, left_end), (right, right_end) = sides
    start, end = left.x + left.width, right.x - 1
    turn = start + bend if end - start == GAP - 1 else end - GAP + 1 + bend
    from_row, to_row = left.row_of(join.key), right.row_of(join.key)
    down = to_row > from_row
    cells = {(start - 1, from_row): "├", (end + 1, to_row): "┤"}
    cells |= {(x, from_row): "─" for x in range(start, turn)}
    cells |= {(x, to_row): "─" for x in range(turn + 1, end + 1)}
    cells |= {(turn, y): "│" for y in range(min(from_row, to_row) + 1, max(from_row, to_row))}
    if from_row == to_row:
        cells[turn, from_row] = "─"
    else:
        cells |= {(turn, from_row): "┐" if down else "┘", (turn, to_row): "└" if down else "┌"}
    cells |= {(start, from_row): left_end, (end, to_row): right_end}
    for (x, y), char in cells.items():
        canvas[y][x] = char
    return Line(join, tuple(cells))


def _put(canvas: list[list[str]], x: int, y: int, text: str) -> None:
    canvas[y][x : x + len(text)] = list(text)


def _lies(here: Place, other: Place, dx: int, dy: int) -> bool:
    """Whether `other` stands wholly beyond the edge of `here` in that direction."""
    if dx:
        return other.x >= here.x + here.width if dx > 0 else other.x + other.width <= here.x
    return other.y >= here.y + here.height if dy > 0 else other.y + other.height <= here.y


def _way(here: Place, other: Place, *, along_x: bool) -> float:
    """How far it is, in lines: along the direction once, across it twice; two characters are as long as a line is."""
    across_x = abs(other.x + other.width / 2 - here.x - here.width / 2) / 2
    across_y = abs(other.y + other.height / 2 - here.y - here.height / 2)
    return across_x + 2 * across_y if along_x else across_y + 2 * across_x
