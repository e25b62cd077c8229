"""How one cell of a result is shown and copied: by the kind of its column, on one line, safe for a terminal."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from console.tui.widgets.log_text import shown_lines
from warehouse.models import MASK, Cell
from warehouse.opened import Kind

MOST_CHARACTERS = 400  # of a cell in the table; the cell's detail shows the rest
MOST_BYTES = 8  # of a blob in the table
MOST_DECIMALS = 4
LARGEST_PLAIN = 1e15  # beyond it, floats no longer hold whole numbers
NULL = "null"
WAITING = "…"

_IDENTIFIERS = re.compile(r"(^|_)(id|year|key|code|no|zip|rowid)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Look:
    """How the cells of a column are shown; `decimals` only matter to numbers that have some."""

    kind: Kind
    grouped: bool = False
    decimals: int = 0

    @property
    def align(self) -> str:
        return "right" if self.kind in (Kind.INTEGER, Kind.NUMBER, Kind.MONEY) else "left"


def look_of(name: str, kind: Kind, values: Iterable[Cell]) -> Look:
    """The look of a column of that name and kind, some of whose values are known.

    Thousands are grouped, but not in identifiers and years, which are names rather than amounts.
    """
    grouped = kind is not Kind.INTEGER or not _IDENTIFIERS.search(name)
    needed = [_decimals(value) for value in values if isinstance(value, float)]
    return Look(kind, grouped, 2 if kind is Kind.MONEY else max(needed, default=0))


def _decimals(value: float) -> int:
    """As many decimals as it takes to write the value, up to `MOST_DECIMALS`."""
    if not math.isfinite(value):
        return 0
    return next((n for n in range(MOST_DECIMALS) if abs(round(value, n) - value) < 1e-9), MOST_DECIMALS)


def shown(value: Cell, look: Look) -> tuple[str, str]:
    """Text and tone of a cell in the table."""
    if value is None:
        return NULL, "faint"
    if isinstance(value, bytes):
        return blob(value, MOST_BYTES), "muted"
    if isinstance(value, str):
        return _text(value)
    return number(value, look), "text"


def number(value: float, look: Look) -> str:
    """A number, aligned with the others of its column."""
    comma = "," if look.grouped else ""
    if isinstance(value, int) and look.kind is not Kind.MONEY:
        return f"{value:{comma}d}"
    if not math.isfinite(value) or abs(value) >= LARGEST_PLAIN:
        return repr(value)
    if look.kind is Kind.MONEY:
        return f"{value:,.2f}"
    if value and abs(value) < 10**-MOST_DECIMALS:
        return f"{value:.3g}"
    # One that needs more decimals than those the column was laid out for is not shown as another number.
    return f"{value:{comma}.{max(look.decimals, _decimals(value))}f}"


def _text(value: str) -> tuple[str, str]:
    if value == MASK:
        return value, "muted"
    if not value or value.strip().lower() == NULL:
        return f'"{visible(value, MOST_CHARACTERS)}"', "text"  # told apart from no value by more than its colour
    return visible(value, MOST_CHARACTERS), "text"


def visible(text: str, most: int) -> str:
    """The text on one line, at most `most` characters of it, with whatever a terminal would act upon escaped."""
    cut = text[:most]
    if not cut.isprintable() or not cut.isascii():
        cut = "\\n".join(shown_lines(cut.replace("\t", "\\t").replace("\r", "\\r")))
    return cut + WAITING if len(text) > most else cut


def blob(value: bytes, most: int) -> str:
    """`x'0A1B…' 12 bytes`, with at most `most` bytes written out."""
    more = "…" if len(value) > most else ""
    return f"x'{value[:most].hex().upper()}{more}' {len(value):,} byte{'' if len(value) == 1 else 's'}"


def exact(value: Cell, kind: Kind = Kind.NONE) -> str:
    """The whole value as text, as it is copied: no grouping, nothing for no value, two decimals for money."""
    if value is None:
        return ""
    if kind is Kind.MONEY and isinstance(value, int | float) and abs(value) < LARGEST_PLAIN:
        return f"{value:.2f}"
    return f"x'{value.hex().upper()}'" if isinstance(value, bytes) else str(value)


def as_tsv(columns: Sequence[str], row: Sequence[Cell], kinds: Sequence[Kind]) -> str:
    """The names and the row, as tabs and lines that a spreadsheet takes."""
    lines = [columns, list(map(exact, row, kinds))]
    return "\n".join("\t".join(re.sub(r"[\t\r\n]+", " ", text) for text in line) for line in lines)


def as_json(columns: Sequence[str], row: Sequence[Cell]) -> str:
    """The row as a JSON object; of columns of one name, the later ones are numbered."""
    values = [exact(value) if isinstance(value, bytes) else value for value in row]
    values = [repr(v) if isinstance(v, float) and not math.isfinite(v) else v for v in values]
    return json.dumps(dict(zip(distinct(columns), values, strict=True)), ensure_ascii=False)


def distinct(names: Sequence[str]) -> list[str]:
    """The names, those that came before with a number."""
    found: list[str] = []
    for name in names:
        free = name
        number = 2
        while free in found:
            free, number = f"{name}_{number}", number + 1
        found.append(free)
    return found
