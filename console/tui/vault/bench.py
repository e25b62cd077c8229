"""The encrypt and decrypt bench: a text that is typed, what would be stored of it, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from console.tui.text import fitted, plain
from console.tui.widgets.line_panel import Line

if TYPE_CHECKING:  # the domain is loaded after the first paint
    from console.actions.vault import Bench

NAME = 17  # cells of a name

MEANINGS = {
    "layout": "how the value is laid out",
    "data key id": "names the key that opens it",
    "version": "of the cipher: AES-256-GCM",
    "nonce": "random, new each time",
    "ciphertext": "as long as the text in UTF-8",
    "tag": "proves that nothing was changed",
}
HELP = (
    "Type a text and press Enter: it is sealed under a key of its own, made for this and forgotten. You see what would "
    "be stored, byte for byte, and what happens to it when it is tampered with."
)


def help_lines(width: int) -> Sequence[Line]:
    """What stands there before anything was tried."""
    return [((line, "muted"),) for line in wrap(HELP, max(width, 16))]


def bench_lines(bench: Bench, width: int) -> Sequence[Line]:
    """What the bench found, for so many cells."""
    size = sum(len(part.hex) // 2 for part in bench.parts)
    found: list[Line] = [((f"Stored: {size:,} bytes, in hex", "title"),)]
    for part in bench.parts:
        meaning = MEANINGS.get(part.name, "")
        fits = NAME + len(part.hex) + 2 + len(meaning) <= width
        told = f"  {meaning}" if fits else ""
        found += _named(part.name, part.hex, "accent" if part.name == "ciphertext" else "text", width, told)
    found += _named("opened again", plain(bench.opened), "good", width)
    found += _named("one bit changed", f"REFUSED: {plain(bench.changed_bit)}", "bad", width)
    return [*found, *_named("in another row", f"REFUSED: {plain(bench.other_place)}", "bad", width)]


def _named(name: str, value: str, tone: str, width: int, beside: str = "") -> list[Line]:
    room = max(width - NAME - len(beside), 16)
    first, *more = wrap(value, room, drop_whitespace=False) or [""]
    head: Line = ((fitted(name, NAME), "muted"), (first, tone), (beside, "muted"))
    return [head, *(((" " * NAME, "muted"), (line, tone)) for line in more)]
