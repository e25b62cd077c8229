"""Paragraphs of toned text, broken into lines of a width; what the views of the Access section are written in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from console.tui.text import plain

Part = tuple[str, str]  # text, tone

_WORDS = re.compile(r" +|[^ ]+")
LEAST_ROOM = 8  # cells, however deep the indent


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Text that may run over several lines; with a `target` it can be selected, and means that policy."""

    parts: tuple[Part, ...]
    indent: int = 0  # cells before the first line
    hang: int = 0  # cells before the lines that follow
    target: str = ""
    band: str = ""  # a tone that fills the whole line


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the screen. Only the first line of a paragraph carries its target."""

    parts: tuple[Part, ...]
    target: str = ""
    band: str = ""


BLANK = Paragraph(())


def words(text: str, tone: str = "text", *, indent: int = 0, hang: int | None = None, target: str = "") -> Paragraph:
    """A paragraph of one tone; what comes from outside is made plain. It hangs as deep as it is indented."""
    return Paragraph(((plain(text), tone),), indent, indent if hang is None else hang, target)


def broken(paragraphs: Iterable[Paragraph], width: int) -> list[Line]:
    """The lines of `paragraphs` for `width` cells."""
    return [line for paragraph in paragraphs for line in _lines(paragraph, width)]


def _lines(paragraph: Paragraph, width: int) -> Iterator[Line]:
    first, rest = (min(cells, max(width - LEAST_ROOM, 0)) for cells in (paragraph.indent, paragraph.hang))
    rows = _rows(paragraph.parts, max(width - first, 1), max(width - rest, 1))
    for number, row in enumerate(rows):
        space = " " * (rest if number else first)
        yield Line(((space, "text"), *row), "" if number else paragraph.target, paragraph.band)


def _rows(parts: Sequence[Part], first: int, rest: int) -> list[list[Part]]:
    """The parts broken at spaces; a word longer than a line is broken where the line ends."""
    rows: list[list[Part]] = [[]]
    room = first
    for text, tone in parts:
        for word in _WORDS.findall(text):
            size = cell_len(word)
            if size > room and rows[-1] and not word.isspace():
                rows.append([])
                room = rest
            while size > room and not word.isspace():
                head = set_cell_size(word, max(room, 1)).rstrip() or word[:1]
                rows[-1].append((head, tone))
                word = word[len(head) :]  # noqa: PLW2901 – what is left of it goes on
                size = cell_len(word)
                rows.append([])
                room = rest
            if word.isspace() and size > room:
                continue
            if word and not (word.isspace() and len(rows) > 1 and not rows[-1]):
                rows[-1].append((word, tone))
                room -= size
    return rows
