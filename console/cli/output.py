"""What commands print: one JSON document, or text for people. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from console.cli.logs import one_line
from console.redaction import redact


def print_json(document: Any) -> None:
    """One JSON document on stdout, without any secret."""
    print(redact(json.dumps(document, indent=2, ensure_ascii=False)))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns on stdout: as wide as they need to be where nobody looks, fitted on a terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(safe(cell)) for cell in row))
    terminal = sys.stdout.isatty()
    Console(file=sys.stdout, width=None if terminal else 400, highlight=False).print(table)


def say(message: str) -> None:
    """One line for people on stderr; a stderr that is gone is no failure."""
    try:
        print(f"lakewarden: {safe(message)}", file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return


def safe(text: str) -> str:
    """`text` without secrets and without anything a terminal would obey."""
    return one_line(redact(text))
