"""Paragraphs of text with room to scroll: what stands where there is nothing else to show."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from console.tui.text import plain

Part = tuple[str, str]  # a paragraph, and its tone; before that `bold`
NOTHING: Part = ("", "text")


class Words(VerticalScroll, can_focus=True):
    """Shows paragraphs, each wrapped at its own indentation."""

    DEFAULT_CSS = """
    Words { background: $lw-background; scrollbar-size-vertical: 1; overflow-x: hidden; padding: 1 2 0 2; height: 1fr; }
    Words Static { height: auto; background: $lw-background; }
    """

    _lines: Sequence[Part] = ()

    def compose(self) -> ComposeResult:
        yield Static("", markup=False)

    def say(self, lines: Sequence[Part]) -> None:
        """Show these."""
        self._lines = tuple(lines)
        self._draw()
        self.scroll_home(animate=False)

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        width = max(self.scrollable_content_region.width, 20)
        parts = [
            Content.styled(f"{line}\n", _style(tone))
            for text, tone in self._lines
            for line in _wrapped(plain(text), width)
        ]
        self.query_one(Static).update(Content.assemble(*parts))


def _wrapped(text: str, width: int) -> list[str]:
    """The lines of `text`; those that follow its first are indented a little more than it is."""
    indent = " " * (len(text) - len(text.lstrip()))
    return wrap(text.strip(), width, initial_indent=indent, subsequent_indent=indent + indent) or [""]


def _style(tone: str) -> str:
    if tone == "strong":
        return "bold $lw-text"
    *weight, colour = tone.split()
    return " ".join([*weight, f"$lw-{colour}"])
