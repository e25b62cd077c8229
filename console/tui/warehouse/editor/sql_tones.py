"""The colours of SQL in the editor and wherever else it is shown, of each theme."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from rich.style import Style
from rich.text import Text

from console.tui.theme import tones
from warehouse.highlighting import Span


@dataclass(frozen=True, slots=True)
class SqlTones:
    """The styles of what is drawn in the editor; `spans` by the kind of a stretch of SQL."""

    text: Style
    spans: Mapping[str, Style]
    line: Style  # laid under the cursor's line
    selection: Style
    bracket: Style
    error: Style
    cursor: Style
    number: Style
    number_here: Style
    mark: Style
    muted: Style


@lru_cache(maxsize=4)
def sql_tones(theme: str) -> SqlTones:
    """The colours of SQL in a theme of the console."""
    found = tones(theme)
    return SqlTones(
        text=found["text"],
        spans={
            "keyword": Style(color=found["accent"].color, bold=True),
            "function": Style(color=found["busy"].color),
            "table": Style(color=found["good"].color, bold=True),
            "column": Style(color=found["good"].color),
            "string": Style(color=found["wait"].color),
            "number": Style(color=found["wait"].color),
            "comment": Style(color=found["muted"].color, italic=True),
            "parameter": Style(color=found["wait"].color, bold=True),
            "operator": Style(color=found["muted"].color),
            "error": Style(color=found["bad"].color, underline=True),
        },
        line=Style(bgcolor=found.heading.bgcolor),
        selection=found.cursor,
        bracket=Style(color=found["accent"].color, bold=True, underline=True),
        error=Style(color=found["bad"].color, bold=True, underline=True),
        cursor=Style(reverse=True),
        number=found["faint"],
        number_here=found["text"],
        mark=found["accent"],
        muted=found["muted"],
    )


def coloured(text: str, spans: Iterable[Span], theme: str) -> Text:
    """SQL as text for a widget that shows it, in its colours."""
    styles = sql_tones(theme).spans
    shown = Text(text, no_wrap=False)
    for span in spans:
        shown.stylize(styles[span.kind], span.start, span.end)
    return shown
