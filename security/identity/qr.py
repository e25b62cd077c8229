"""A QR code as lines of text: half blocks where the terminal has them and the room suffices, else words to type."""

from __future__ import annotations

from itertools import zip_longest

import segno

BORDER = 2  # modules of quiet zone around it
_BLOCKS = {(1, 1): " ", (1, 0): "▄", (0, 1): "▀", (0, 0): "█"}  # by (upper, lower); 1 is dark
_GROUP = 4


def qr_lines(uri: str, *, columns: int = 80, rows: int = 24, unicode: bool = True) -> list[str] | None:
    """`uri` as a QR code of at most `columns` × `rows`; None if it does not fit.

    Light modules are drawn, dark ones left blank: right on a dark ground; on a light one the caller sets its colours.
    With half blocks a line holds two rows of modules; in ASCII a module is two characters wide.
    """
    modules = [list(row) for row in segno.make_qr(uri, error="l").matrix_iter(border=BORDER)]
    lines = _half_blocks(modules) if unicode else ["".join("  " if dark else "##" for dark in row) for row in modules]
    fits = len(lines) <= rows and all(len(line) <= columns for line in lines)
    return lines if fits else None


def enrolment_lines(uri: str, secret: str, *, columns: int = 80, rows: int = 24, unicode: bool = True) -> list[str]:
    """What to show for enrolment in that room: the QR code if it fits above the secret, and the secret to type."""
    typed = ["Secret to type:", *_grouped(secret, columns)]
    picture = qr_lines(uri, columns=columns, rows=rows - len(typed), unicode=unicode)
    return [*(picture or ["Type the secret: no QR code can be drawn in this terminal."[:columns]]), *typed]


def _half_blocks(modules: list[list[int]]) -> list[str]:
    pairs = zip_longest(modules[::2], modules[1::2], fillvalue=[1] * len(modules[0]))
    return ["".join(_BLOCKS[upper, lower] for upper, lower in zip(*pair, strict=True)) for pair in pairs]


def _grouped(secret: str, columns: int) -> list[str]:
    """The secret in groups of four, as many a line as fit."""
    groups = [secret[at : at + _GROUP] for at in range(0, len(secret), _GROUP)]
    a_line = max(1, (columns + 1) // (_GROUP + 1))
    return [" ".join(groups[at : at + a_line]) for at in range(0, len(groups), a_line)]
