"""The star and the snowflake drawn in text, 80 columns wide: the tables, their keys, and which leads to which.

`Drawing.places` says where each table stands, so that a screen can move among them.
"""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.models import FACT, SENSITIVE

STORE, PRODUCT, CUSTOMER = "Store_Table", "Product_Table", "Customer_Table"
TIME, SUPPLIER = "Time_Table", "Supplier_Table"

SIDE_WIDTH, GAP, CENTRE_WIDTH = 22, 4, 28
CENTRE, RIGHT = SIDE_WIDTH + GAP, SIDE_WIDTH + GAP + CENTRE_WIDTH + GAP
WIDTH = RIGHT + SIDE_WIDTH
KINDS = ("star", "snowflake")

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


@dataclass(frozen=True, slots=True)
class Drawing:
    """A diagram: its lines, at most 80 columns wide, and where each table stands."""

    lines: tuple[str, ...]
    places: dict[str, Place]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def draw(kind: str, *, ascii_only: bool = False) -> Drawing:
    """The `star` or the `snowflake`. `ascii_only` keeps to characters that every terminal has."""
    snowflake = kind == "snowflake"
    columns = {**_COLUMNS, PRODUCT: _SNOWFLAKE_PRODUCT if snowflake else _STAR_PRODUCT}
    layout = [(STORE, 0, 0), (CUSTOMER, 0, 10), (FACT, CENTRE, 1), (TIME, RIGHT, 0), (PRODUCT, RIGHT, 11)]
    if snowflake:
        layout.append((SUPPLIER, CENTRE + 3, 12))
    places = {table: _place(table, x, y, columns[table]) for table, x, y in layout}
    canvas = [[" "] * WIDTH for _ in range(max(place.y + place.height for place in places.values()))]
    for table, place in places.items():
        _box(canvas, table, place)
    _join(canvas, places, FACT, STORE, bend=2)
    _join(canvas, places, FACT, CUSTOMER, bend=1)
    _join(canvas, places, FACT, TIME, bend=2)
    _join(canvas, places, FACT, PRODUCT, bend=1)
    if snowflake:
        _join(canvas, places, PRODUCT, SUPPLIER, bend=1)
    lines = ["".join(row).rstrip() for row in canvas]
    lines += ["", "PK primary key  FK foreign key  N──1 many rows lead to one  * sealed cells"]
    if ascii_only:
        lines = [line.translate(_ASCII) for line in lines]
    return Drawing(tuple(lines), places)


def _place(table: str, x: int, y: int, columns: tuple[str, ...]) -> Place:
    width = CENTRE_WIDTH if table == FACT else SIDE_WIDTH + (3 if table == SUPPLIER else 0)
    return Place(x, y, width, len(columns) + 2, columns)


def _box(canvas: list[list[str]], table: str, place: Place) -> None:
    inner = place.width - 2
    _put(canvas, place.x, place.y, "┌" + f" {table} ".ljust(inner, "─") + "┐")
    for number, column in enumerate(place.columns):
        name = column + ("*" if (table, column) in SENSITIVE else "")
        _put(canvas, place.x, place.y + 1 + number, f"│ {name.ljust(inner - 4)}{_mark(table, column)} │")
    _put(canvas, place.x, place.y + place.height - 1, "└" + "─" * inner + "┘")


def _mark(table: str, column: str) -> str:
    if column == _KEYS[table]:
        return "PK"
    return "FK" if column in _KEYS.values() else "  "


def _join(canvas: list[list[str]], places: dict[str, Place], many: str, one: str, *, bend: int) -> None:
    """A line through the gap between two tables, from the foreign key to the primary key."""
    key = _KEYS[one]
    sides = sorted([(places[many], "N"), (places[one], "1")], key=lambda side: side[0].x)
    (left, left_end), (right, right_end) = sides
    start, end = left.x + left.width, right.x - 1
    turn = start + bend if end - start == GAP - 1 else end - GAP + 1 + bend
    from_row, to_row = left.row_of(key), right.row_of(key)
    canvas[from_row][start - 1], canvas[to_row][end + 1] = "├", "┤"
    for x in range(start, turn):
        canvas[from_row][x] = "─"
    for x in range(turn + 1, end + 1):
        canvas[to_row][x] = "─"
    for y in range(min(from_row, to_row) + 1, max(from_row, to_row)):
        canvas[y][turn] = "│"
    if from_row == to_row:
        canvas[from_row][turn] = "─"
    else:
        canvas[from_row][turn] = "┐" if to_row > from_row else "┘"
        canvas[to_row][turn] = "└" if to_row > from_row else "┌"
    canvas[from_row][start], canvas[to_row][end] = left_end, right_end


def _put(canvas: list[list[str]], x: int, y: int, text: str) -> None:
    canvas[y][x : x + len(text)] = list(text)
