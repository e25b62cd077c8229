"""Shows how a statement will be answered: from which table and why, each step with its cost, and the SQL."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from textwrap import wrap
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from console.tui.clipboard import TooLongToCopy, copy
from console.tui.off_loop import off_loop
from console.tui.screens.dialogs import Dialog
from console.tui.text import plain
from console.tui.theme import Tones, tones
from console.tui.warehouse.editor.sql_tones import coloured
from warehouse.errors import QueryRefused
from warehouse.explain import Explanation, PlanNode
from warehouse.formatting import formatted
from warehouse.highlighting import spans
from warehouse.words import rows_words

SIGNS: Mapping[str, tuple[str, str, str, str]] = {  # by cost: sign, the same in ASCII, tone, meaning
    "cheap": ("✔", "+", "good", "cheap"),
    "scan": ("≡", "=", "wait", "reads all"),
    "sort": ("↕", "^", "wait", "sorts"),
    "group": ("∑", "#", "busy", "groups"),
    "part": ("·", ".", "muted", "part"),
}
MANY_ROWS = 1_000_000  # of a scan, from which on it is marked as dear
WIDEST = 116  # as in plan_view.tcss
FRAME = 7  # lines of the dialog around the plan
MOST_SQL = 20_000


class PlanView(Dialog):
    """An explanation, to be read and copied. `load` is called off the loop, and told to stop where the dialog closes.

    The result is the error of `load`, or None.
    """

    CSS_PATH: ClassVar[list[str]] = ["../../screens/dialogs.tcss", "plan_view.tcss"]  # type: ignore[assignment] # Textual takes a list too
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "close", "Close", show=False, id="plan.close", tooltip="Close"),
        Binding("y", "copy", "Copy", id="plan.copy", tooltip="Copy the plan with its SQL"),
    ]

    def __init__(self, load: Callable[[threading.Event], Explanation]) -> None:
        super().__init__()
        self._load = load
        self._stop = threading.Event()
        self._explanation: Explanation | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static("How it is answered", classes="dialog-title", markup=False)
            with VerticalScroll(id="plan"):
                yield Static("Planning it, and counting the rows that it would read", id="plan-wait", markup=False)
            yield Static("Esc stops", classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        self.set_focus(self.query_one("#plan"))
        off_loop(self, lambda: self._load(self._stop), self._take, self._fail)

    def on_unmount(self) -> None:
        self._stop.set()

    def _fail(self, error: Exception) -> None:
        self.dismiss(error)

    def _take(self, explanation: Explanation) -> None:
        self._explanation = explanation
        self.query_one("#plan-wait").display = False
        self.query_one("#plan").mount(Static(self._text(explanation), id="plan-text", markup=False))
        self.query_one(".dialog-hint", Static).update("")

    def on_resize(self) -> None:
        self.query_one("#plan").styles.max_height = max(self.app.size.height - FRAME, 3)
        if self._explanation is not None:
            self.query_one("#plan-text", Static).update(self._text(self._explanation))

    def _text(self, explanation: Explanation) -> Text:
        width = min(WIDEST, self.app.size.width * 96 // 100) - 9
        unicode = getattr(self.app, "unicode", True)
        return plan_text(explanation, self.app.theme, width=width, unicode=unicode)

    def action_copy(self) -> None:
        if self._explanation is None:
            return
        hint, tone = self.query_one(".dialog-hint", Static), "good"
        text = plan_text(self._explanation, self.app.theme, width=WIDEST, unicode=False).plain
        try:
            copy(self.app, text)
            told = "Sent to the terminal's clipboard."
        except TooLongToCopy as error:
            told, tone = str(error), "bad"
        hint.set_classes(f"dialog-hint tone-{tone}")
        hint.update(told)


def plan_text(explanation: Explanation, theme: str, *, width: int, unicode: bool) -> Text:
    """The explanation for `width` cells: what answers and why, the steps with their rows, the signs, the SQL."""
    styles = tones(theme)
    source = plain(explanation.answered_from)
    shown = Text.assemble(("Answered from ", styles["muted"]), (source, styles["strong"]), "\n")
    if explanation.because:
        shown.append(plain(explanation.because).removeprefix(f"answered from {source} ") + "\n", styles["text"])
    shown.append("\n")
    for indent, node in _steps(explanation.tree, ""):
        shown.append(_step(indent, node, styles, width=width, unicode=unicode))
    signs = "   ".join(f"{one[0] if unicode else one[1]} {one[3]}" for one in SIGNS.values())
    shown.append(f"\n{signs}\n\n", styles["muted"])
    sql = laid_out(explanation.sql[:MOST_SQL])
    shown.append(coloured(sql, spans(sql, (), ()), theme))
    if len(explanation.sql) > MOST_SQL:
        shown.append(f"\n{len(explanation.sql) - MOST_SQL:,} more characters", styles["muted"])
    return shown


def laid_out(sql: str) -> str:
    """SQL for reading; as it is where it cannot be laid out."""
    with contextlib.suppress(QueryRefused):
        sql = formatted(sql)
    return "\n".join(plain(line) for line in sql.splitlines())


def _steps(tree: Sequence[PlanNode], indent: str) -> Iterator[tuple[str, PlanNode]]:
    """Each step with its place in the tree."""
    for node in tree:
        yield indent, node
        yield from _steps(node.children, indent + "  ")


def _step(indent: str, node: PlanNode, styles: Tones, *, width: int, unicode: bool) -> Text:
    """The lines of a step; one that reads very many rows stands out."""
    sign, ascii_sign, tone, _meaning = SIGNS[node.cost]
    dear = node.cost == "scan" and (node.rows or 0) >= MANY_ROWS
    words = plain(node.words)
    if node.rows is not None and f"{node.rows:,}" not in words:
        words += f": {rows_words(node.rows)}"
    first, *more = wrap(words, max(width - len(indent) - 2, 20)) or [""]
    told = styles["bad-strong" if dear else "text"]
    step = Text.assemble(
        (f"{indent}{sign if unicode else ascii_sign} ", styles["bad" if dear else tone]), (first, told)
    )
    for line in more:
        step.append(f"\n{indent}  {line}", told)
    return step.append("\n")
