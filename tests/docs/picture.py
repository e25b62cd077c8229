"""Draws a terminal screen as an SVG picture: cells of a fixed size, the terminal's own colours, no foreign font."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

import pyte
from pyte.screens import Char

CELL_W, CELL_H = 8.4, 18
INK, PAPER = "#d0d0d0", "#101418"
NAMED = {
    "black": "#1c1c1c", "red": "#d75f5f", "green": "#87af5f", "brown": "#d7af5f", "blue": "#5f87d7",
    "magenta": "#af87d7", "cyan": "#5fafaf", "white": "#d0d0d0",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Style:
    ink: str
    paper: str
    bold: bool
    underlined: bool


def draw(screen: pyte.Screen) -> str:
    """The screen as an SVG document; the same screen always gives the same text."""
    width, height = screen.columns * CELL_W + 16, screen.lines * CELL_H + 16
    paper, text = [], []
    for y in range(screen.lines):
        for x, run, style in _runs([screen.buffer[y][x] for x in range(screen.columns)]):
            left, top, length = 8 + x * CELL_W, 8 + y * CELL_H, len(run) * CELL_W
            if style.paper != PAPER:
                paper.append(
                    f'<rect x="{left:.1f}" y="{top}" width="{length:.1f}" height="{CELL_H}" fill="{style.paper}"/>'
                )
            if run.strip():
                more = ' font-weight="bold"' * style.bold + ' text-decoration="underline"' * style.underlined
                text.append(
                    f'<text x="{left:.1f}" y="{top + 13}" textLength="{length:.1f}" fill="{style.ink}"{more}>'
                    f"{escape(run)}</text>"
                )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}">',
            f'<rect width="{width:.0f}" height="{height}" rx="6" fill="{PAPER}"/>',
            '<g font-family="ui-monospace, \'DejaVu Sans Mono\', Menlo, Consolas, monospace" font-size="14" '
            'xml:space="preserve" lengthAdjust="spacingAndGlyphs">',
            *paper,
            *text,
            "</g>",
            "</svg>\n",
        ]
    )


def _runs(cells: list[Char]) -> Iterator[tuple[int, str, _Style]]:
    """Neighbouring cells of one style; single glyphs stand alone where fonts disagree on their width."""
    start, run, style = 0, "", _style(cells[0])
    for x, cell in enumerate(cells):
        found, glyph = _style(cell), cell.data or ""
        if found != style or not glyph.isascii() or not run.isascii():
            if run:
                yield start, run, style
            start, run, style = x, "", found
        run += glyph
    if run:
        yield start, run, style


def _style(cell: Char) -> _Style:
    ink, paper = _colour(cell.fg, INK), _colour(cell.bg, PAPER)
    if cell.reverse:
        ink, paper = paper, ink
    return _Style(ink, paper, cell.bold, cell.underscore)


def _colour(name: str, default: str) -> str:
    if name == "default":
        return default
    return NAMED.get(name.removeprefix("bright"), f"#{name}" if len(name) == 6 else default)
