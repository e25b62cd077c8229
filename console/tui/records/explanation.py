"""Why nothing is shown: who may see it, what is missing now, and what would change it, in the words of the decision."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from console.actions.permissions import NotSignedIn, PermissionDenied
from console.tui.sign_in.words import refusal_words
from console.tui.text import plain
from security.policy.model import Decision

Part = tuple[str, str]  # a line, and its tone
NOTHING: Part = ("", "text")


class Explanation(VerticalScroll, can_focus=True):
    """Lines of text with room to scroll."""

    DEFAULT_CSS = """
    Explanation { background: $lw-background; scrollbar-size-vertical: 1; overflow-x: hidden; padding: 1 2 0 2; }
    Explanation Static { height: auto; }
    """

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)

    _lines: Sequence[Part] = ()

    def say(self, lines: Sequence[Part]) -> None:
        """Show these lines."""
        self._lines = tuple(lines)
        self._draw()
        self.scroll_home(animate=False)

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        width = max(self.scrollable_content_region.width, 20)
        parts = [
            Content.styled(f"{line}\n", f"{'bold ' if tone == 'strong' else ''}{_colour(tone)}")
            for text, tone in self._lines
            for line in _wrapped(plain(text), width)
        ]
        self.query_one(Static).update(Content.assemble(*parts))


def refusal_lines(title: str, error: Exception) -> list[Part]:
    """The lines for what was refused or failed; a decision is told by its clauses."""
    decision = error.decision if isinstance(error, PermissionDenied) else None
    lines: list[Part] = [(title, "strong"), NOTHING]
    if decision is None or isinstance(error, NotSignedIn) or not missing(decision):
        return [*lines, *((line, "text") for line in refusal_words(error).splitlines())]
    return [*lines, *decision_lines(decision)]


def decision_lines(decision: Decision) -> list[Part]:
    """What each policy for this role wants and lacks, and what would change it."""
    ways, changes = missing(decision), changes_of(decision)
    lines: list[Part] = [("What is missing now", "accent")]
    for number, because in enumerate(ways):
        lines.append((f"  {'or ' if number else ''}{because}", "text"))
    if changes:
        lines += [NOTHING, ("What would change it", "accent")]
        lines += [(f"  {change}", "text") for change in changes]
    return lines


def missing(decision: Decision) -> list[str]:
    """What is lacking, once for each way in which it could be permitted; errors where nothing could be decided."""
    own = [why.because for why in decision.why_not if why.failed]
    return list(dict.fromkeys([*decision.errors, *own]))


def changes_of(decision: Decision) -> list[str]:
    """What would change the decision, each once."""
    return list(dict.fromkeys(change for why in decision.why_not if why.failed for change in why.change))


def _wrapped(text: str, width: int) -> list[str]:
    """The lines of `text`; those that follow its first are indented a little more than it is."""
    indent = " " * (len(text) - len(text.lstrip()))
    return wrap(text.strip(), width, initial_indent=indent, subsequent_indent=indent + indent) or [""]


def _colour(tone: str) -> str:
    return "$lw-text" if tone == "strong" else f"$lw-{tone}"
