"""What a cell of a file means: whole numbers, money in whole cents, text. A column at once, or a cell with a reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

LARGEST_ID = 2**63 - 1
LARGEST_QUANTITY = 1_000_000
LARGEST_CENTS = 100_000_000_000  # of one line; sums of 90 million such lines still fit SQLite's integers
LONGEST_TEXT = 1_000
SHOWN = 40  # characters of a cell in a message

_INTEGERS = re.compile(r"(?:-?[0-9]{1,18}\n)++")
_MONIES = re.compile(r"(?:-?[0-9]{1,13}\.[0-9]{2}\n)++")
_INTEGER = re.compile(r"[+-]?[0-9]{1,30}")
_MONEY = re.compile(r"([+-]?)([0-9]{1,30})(?:\.([0-9]{1,2})0*)?")
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffd]")


class Unfit(ValueError):
    """A cell that cannot be what its column needs; the message says what was expected and found."""


def integers(column: Sequence[Any]) -> list[int] | None:
    """The whole numbers of a column, None if a cell is anything but a plain one."""
    if type(column[0]) is int:
        return list(column) if set(map(type, column)) == {int} else None
    try:
        text = "".join(column)
        if (text.isascii() and text.isdigit()) or _INTEGERS.fullmatch("\n".join(column) + "\n"):
            return list(map(int, column))
        return None
    except (TypeError, ValueError):
        return None


def monies(column: Sequence[Any]) -> list[int] | None:
    """The cents of a column of money with two decimals each, None if a cell is anything else."""
    try:
        text = "\n".join(column) + "\n"
    except TypeError:
        return None
    if not _MONIES.fullmatch(text):
        return None
    found = list(map(int, text.replace(".", "").split()))
    return found if len(found) == len(column) else None


def integer(name: str, cell: Any, *, low: int = 0, high: int = LARGEST_ID) -> int:
    """The whole number of a cell. Raises `Unfit`."""
    text = str(cell).strip() if cell is not None else ""
    if _INTEGER.fullmatch(text) and low <= int(text) <= high:
        return int(text)
    raise Unfit(f"{name}: expected a whole number from {low} to {high}, found {shown(cell)}")


def cents(name: str, cell: Any, *, low: int = -LARGEST_CENTS, is_cents: bool = False) -> int:
    """The whole cents of a cell that is an amount such as 12.50, or cents already. Raises `Unfit`."""
    if is_cents:
        return integer(name, cell, low=low, high=LARGEST_CENTS)
    match = _MONEY.fullmatch(str(cell).strip()) if cell is not None else None
    if match:
        found = int(match[2]) * 100 + int((match[3] or "").ljust(2, "0") or 0)
        found = -found if match[1] == "-" else found
        if low <= found <= LARGEST_CENTS:
            return found
    raise Unfit(
        f"{name}: expected an amount in whole cents such as 12.50, from {low / 100:.2f} to "
        f"{LARGEST_CENTS / 100:.2f}, found {shown(cell)}"
    )


def amount(cells: Sequence[tuple[str, Any]], *, low: int = -LARGEST_CENTS) -> int:
    """The whole cents of an amount in one column, or in one of money and one of cents, each with its cell.

    Of two the one with a value counts, and if both have one they must agree. Raises `Unfit`.
    """
    if len(cells) > 1:
        cells = [cell for cell in cells if is_given(cell[1])] or cells[:1]
    name, cell = cells[0]
    if len(cells) == 1:
        return cents(name, cell, low=low, is_cents=name.endswith("_cents"))
    found, expected = all_of(*(partial(amount, [one], low=low) for one in cells))
    if found != expected:
        raise Unfit(
            f"{name}: expected {expected / 100:.2f} as {cells[1][0]} has it, found {shown(cell)}; both must agree"
        )
    return int(found)


def is_given(cell: Any) -> bool:
    """Whether a cell has a value."""
    return cell is not None and bool(str(cell).strip())


def text(name: str, cell: Any, *, secret: bool = False) -> str:
    """The text of a cell, trimmed. A `secret` one is not shown in the message. Raises `Unfit`."""
    found = str(cell).strip() if cell is not None else ""
    if not found:
        raise Unfit(f"{name}: expected a text, found nothing")
    if len(found) > LONGEST_TEXT:
        raise Unfit(f"{name}: expected at most {LONGEST_TEXT} characters, found {len(found)}")
    if _UNFIT.search(found):
        what = "control characters or bytes that are not UTF-8"
        raise Unfit(f"{name}: expected text, found {what}" + ("" if secret else f" in {shown(found)}"))
    return found


def all_of(*cells: Callable[[], Any]) -> tuple[Any, ...]:
    """What each of `cells` reads. Raises `Unfit` with the faults of all of them."""
    found, faults = [], []
    for read in cells:
        try:
            found.append(read())
        except Unfit as unfit:
            faults.append(str(unfit))
    if faults:
        raise Unfit("; ".join(faults))
    return tuple(found)


def shown(cell: Any) -> str:
    """A cell as a message may show it: short, quoted, with escapes for what cannot be seen."""
    if cell is None or cell == "":
        return "nothing"
    words = str(cell)
    return repr(words if len(words) <= SHOWN else words[:SHOWN] + "…")
