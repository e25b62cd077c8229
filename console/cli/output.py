"""What commands print: one JSON document, or text for people. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import Any

from console.redaction import one_line, redact

PRACTICE_LABEL = "PRACTICE (made-up weather)"
NARROWEST = 20  # columns of a terminal for which a message is broken into lines
LEAST_WIDTH = 10  # of the last column, where a terminal is narrow
# What JSON leaves as it is though it is no sign on paper: C1 controls, marks that turn the direction of text, halves.
_UNSEEN = re.compile(r"[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff]")


def print_json(document: Any) -> None:
    """One JSON document on stdout, without any secret, and without anything a terminal would obey."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    text = json.dumps(document, indent=2, ensure_ascii=encoding != "utf8")
    print(redact(_UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], text)))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, spare: Sequence[str] | None = None) -> None:
    """Aligned columns on stdout: fitted to a terminal, else a line a row, as wide as it needs to be.

    With `spare`, a row is one line on a terminal too: its last column is cut short, and where even that is not
    enough the columns named are left out, the first of them first. Otherwise every column folds.
    """
    cells = [[safe(cell) for cell in row] for row in rows]
    heads = list(map(safe, columns))  # names come from data too, from the aliases of a query
    if not sys.stdout.isatty():
        widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
        for row in [heads, *cells]:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=sys.stdout, highlight=False)
    if console.no_color:
        console = Console(file=sys.stdout, highlight=False, color_system=None)  # NO_COLOR: nothing bold either
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    shown, room = list(range(len(heads))), None
    if spare is not None:
        shown, room = _fitting(heads, cells, spare, console.width)
    for index in shown:
        if room is None:
            table.add_column(Text(heads[index]), overflow="fold")
        else:  # rich narrows every column alike, unless the last is narrow enough already
            most = room if index == shown[-1] else None
            table.add_column(Text(heads[index]), overflow="ellipsis", no_wrap=True, max_width=most)
    for row in cells:
        table.add_row(*(Text(row[index]) for index in shown))
    console.print(table)


def _fitting(
    columns: Sequence[str], cells: Sequence[Sequence[str]], spare: Sequence[str], width: int
) -> tuple[list[int], int]:
    """Which columns fit into `width`, those of `spare` left out where needed, and the room of the last one."""
    shown = list(range(len(columns)))
    going = [columns.index(name) for name in spare]
    least = min(LEAST_WIDTH, _width(shown[-1], columns, cells))
    while True:
        room = width - sum(_width(index, columns, cells) + 2 for index in shown[:-1])
        if room >= least or not going:
            return shown, max(room, 1)
        shown.remove(going.pop(0))


def _width(index: int, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> int:
    return max(map(len, (columns[index], *(row[index] for row in cells))))


def say(message: str) -> None:
    """One line for people on stderr, which a terminal breaks between words; a stderr that is gone is no failure."""
    _tell(_broken(f"lakewarden: {safe(message)}"))


def say_as_is(lines: Iterable[str]) -> None:
    """Lines on stderr with nothing before or between them, such as SQL that is to be copied."""
    _tell(list(map(safe, lines)))


def _tell(lines: list[str]) -> None:
    try:
        print("\n".join(lines), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return


def _broken(line: str) -> list[str]:
    """A line as a terminal has room for it; one line where stderr is none."""
    try:
        width = os.get_terminal_size(sys.stderr.fileno()).columns if sys.stderr.isatty() else 0
    except (OSError, ValueError, AttributeError):
        return [line]
    if width < NARROWEST:
        return [line]
    return textwrap.wrap(
        line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )


def safe(text: str) -> str:
    """`text` without secrets and without anything a terminal would obey."""
    return one_line(redact(text))
