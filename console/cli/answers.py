"""How the answer to a question or query is printed: a table for people, one JSON document, or CSV."""

from __future__ import annotations

import csv
import json
import math
import sys

from console.cli.output import print_table, safe
from console.redaction import redact
from warehouse.models import Answer, Cell
from warehouse.opened import Kind, kinds

ROWS_LOOKED_AT = 100  # as where a result is opened, so that a column is of one kind everywhere
MOST_DECIMALS = 4  # in a table for people
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def print_answer_json(answer: Answer, *, explain: bool) -> None:
    """One JSON document; money is a number with two decimals."""
    money = _money(answer)
    rows = ",\n    ".join(
        "[" + ", ".join(_json_cell(cell, two) for cell, two in zip(row, money, strict=True)) + "]"
        for row in answer.rows
    )
    parts = {
        "columns": json.dumps(answer.columns),
        "rows": f"[\n    {rows}\n  ]" if rows else "[]",
        "truncated": json.dumps(answer.truncated),
        "source": json.dumps(answer.source),
        "elapsed_ms": json.dumps(round(answer.elapsed_ms, 3)),
        "notes": json.dumps(answer.notes),
    }
    if explain:
        parts |= {"because": json.dumps(answer.because), "sql": json.dumps(answer.sql)}
    body = ",\n".join(f'  "{name}": {value}' for name, value in parts.items())
    print(redact(f"{{\n{body}\n}}"))


def print_answer_csv(answer: Answer) -> None:
    """CSV with a header (RFC 4180). Text that a spreadsheet would take for a formula gets an apostrophe before it.

    A file gets each cell as it is; a terminal gets nothing that it would obey.
    """
    writer = csv.writer(sys.stdout, lineterminator="\n")
    shown = safe if sys.stdout.isatty() else str
    writer.writerow(shown(_csv_cell(name, money=False)) for name in answer.columns)
    money = _money(answer)
    for row in answer.rows:
        writer.writerow([shown(_csv_cell(cell, two)) for cell, two in zip(row, money, strict=True)])


def print_answer_table(answer: Answer) -> None:
    """A table with numbers aligned to the right."""
    heads = list(map(safe, answer.columns))
    money = _money(answer)
    columns = [[_short_cell(row[index], two) for row in answer.rows] for index, two in enumerate(money)]
    for index, texts in enumerate(columns):
        cells = [row[index] for row in answer.rows]
        if any(isinstance(cell, int | float) for cell in cells):
            width = max([len(heads[index]), *map(len, texts)])
            columns[index] = [text.rjust(width) for text in texts]
    print_table(heads, list(zip(*columns, strict=True)))


def _money(answer: Answer) -> list[bool]:
    asked = answer.asked or answer.sql
    return [kind is Kind.MONEY for kind in kinds(answer.columns, answer.rows[:ROWS_LOOKED_AT], asked)]


def _json_cell(cell: Cell, money: bool) -> str:
    if isinstance(cell, float) and not math.isfinite(cell):
        return "null"
    if money and isinstance(cell, int | float):
        return f"{cell:.2f}"
    return json.dumps(cell.hex() if isinstance(cell, bytes) else cell)


def _csv_cell(cell: Cell, money: bool) -> str:
    text = _text_cell(cell, money, null="")
    return "'" + text if isinstance(cell, str) and text.startswith(FORMULA) else text


def _short_cell(cell: Cell, money: bool) -> str:
    """For people: a fraction with at most four decimals; one that these would hide stays as it is."""
    if money or not isinstance(cell, float) or not math.isfinite(cell) or 0 < abs(cell) < 0.00005:
        return _text_cell(cell, money)
    return str(round(cell, MOST_DECIMALS))


def _text_cell(cell: Cell, money: bool, *, null: str = "–") -> str:
    if cell is None:
        return null
    if money and isinstance(cell, int | float):
        return f"{cell:.2f}"
    return cell.hex() if isinstance(cell, bytes) else str(cell)
