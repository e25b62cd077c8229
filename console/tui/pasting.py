"""Keeps what is pasted apart from what is typed, whatever characters a paste has, and harmless where it is drawn.

Textual looks for key sequences within a bracketed paste too, so that letters after an ESC in it come out as keys; and
its fields draw a control character as it is, which the terminal would obey.
"""

from __future__ import annotations

import re
from collections.abc import Generator

from rich.segment import Segment
from textual import events
from textual._parser import ParseEOF, ParseTimeout, Peek1, Read1, TokenCallback
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.color import Color
from textual.drivers import linux_driver
from textual.filter import LineFilter
from textual.message import Message

_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class PasteParser(XTermParser):
    """Textual's parser, but from `ESC[200~` up to the first `ESC[201~` all is the text of one paste.

    An ESC in it stays in the text, for whoever takes the text to refuse or to leave out.
    """

    def parse(self, token_callback: TokenCallback[Message]) -> Generator[Read1 | Peek1, str, None]:
        while True:
            if not (yield from self._keys(token_callback)):
                return
            text = yield from self._paste()
            if text is None:
                return
            token_callback(events.Paste(text))

    def _keys(self, token_callback: TokenCallback[Message]) -> Generator[Read1 | Peek1, str, bool]:
        """Let Textual read up to the beginning of a paste; False at the end of the input."""
        keys = super().parse(token_callback)
        wanted, last = next(keys), ""
        while not last.endswith(BRACKETED_PASTE_START):
            try:
                character = yield wanted
            except (ParseTimeout, ParseEOF) as interruption:
                last = ""
                try:
                    wanted = keys.throw(interruption)
                except StopIteration:
                    return False
                continue
            last = (last + character)[-len(BRACKETED_PASTE_START) :]
            try:
                wanted = keys.send(character)
            except StopIteration:
                return False
        keys.close()
        return True

    def _paste(self) -> Generator[Read1 | Peek1, str, str | None]:
        """The text up to the end of the paste; None at the end of the input."""
        read: list[str] = []
        ending = list(BRACKETED_PASTE_END)
        while read[-len(ending) :] != ending:
            try:
                read.append((yield self.read1()))
            except ParseEOF:
                return None
        return "".join(read[: -len(ending)]).replace("\0", "")


class NoControls(LineFilter):
    """Leaves out what a terminal would obey; no cell moves, since Textual takes it to have no width."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """As `LineFilter` asks; the background plays no part."""
        del background
        if all(segment.text.isprintable() for segment in segments):
            return segments
        return [
            segment if segment.control else Segment(_CONTROLS.sub("", segment.text), segment.style)
            for segment in segments
        ]


def keep_pastes_apart() -> None:
    """Let the driver of Textual read with `PasteParser`; it makes its parser itself, and offers no choice of it."""
    vars(linux_driver)["XTermParser"] = PasteParser
