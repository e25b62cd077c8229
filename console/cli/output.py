"""What commands print: one JSON document, or text for people. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from console.redaction import one_line, redact


def print_json(document: Any) -> None:
    """One JSON document on stdout, without any secret."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    print(redact(json.dumps(document, indent=2, ensure_ascii=encoding != "utf8")))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns on stdout: fitted to a terminal, else a line a row, as wide as it needs to be."""
    cells = [[safe(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
        for row in [list(columns), *cells]:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))
    Console(file=sys.stdout, highlight=False).print(table)


def say(message: str) -> None:
    """One line for people on stderr; a stderr that is gone is no failure."""
    try:
        print(f"lakewarden: {safe(message)}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return


def safe(text: str) -> str:
    """`text` without secrets and without anything a terminal would obey."""
    return one_line(redact(text))
