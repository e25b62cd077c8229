"""`printf` and `format` for governed sessions: SQLite's own fill gigabytes for one wide field, deaf to any deadline."""

from __future__ import annotations

import re
import sqlite3

MAX_WIDTH = 1_000
MAX_CHARACTERS = 1_000_000  # of the whole text, as of any cell
NAMES = ("printf", "format")
LARGEST, SMALLEST = 2**63 - 1, -(2**63)

_FIELD = re.compile(r"%([-+ 0,#]*)(\d+)?(?:\.(\d+))?(?:ll?)?([%diufeEgGxXoscqQw])")


def install_printf(connection: sqlite3.Connection) -> None:
    """Put `formatted` in the place of SQLite's two functions."""
    for name in NAMES:
        connection.create_function(name, -1, formatted, deterministic=True)


def problem_of(template: str) -> str:
    """Why a text is none that fields can be filled in of, in words; empty if it is one."""
    if "%" in _FIELD.sub("", template):
        return "it has a field that is not known here"
    for field in _FIELD.finditer(template):
        if any(len(digits) > len(str(MAX_WIDTH)) or int(digits) > MAX_WIDTH for digits in _sizes(field)):
            return f"a field of it is wider than {MAX_WIDTH:,} characters"
    return ""


def _sizes(field: re.Match[str]) -> list[str]:
    return [digits.lstrip("0") or "0" for digits in field.group(2, 3) if digits]


def formatted(*arguments: object) -> str | None:
    """The first argument with its fields filled by the others. Raises ValueError for what `problem_of` tells."""
    if not arguments or arguments[0] is None:
        return None
    values = iter(arguments[1:])
    text = str(arguments[0])
    if problem := problem_of(text):
        raise ValueError(problem)
    length = 0

    def filled(field: re.Match[str]) -> str:
        nonlocal length
        one = _one(field, values)
        length += len(one)
        if length > MAX_CHARACTERS:
            raise ValueError(f"the text has more than {MAX_CHARACTERS:,} characters")
        return one

    return _FIELD.sub(filled, text)


def _one(field: re.Match[str], values: object) -> str:
    flags, width, precision, kind = field.groups()
    if kind == "%":
        return "%"
    value = next(values, None)  # type: ignore[call-overload]
    if kind in "diu":
        filled = format(_whole(value), ("+" if "+" in flags else "") + ("," if "," in flags else ""))
    elif kind in "xXo":
        filled = format(_whole(value), kind)
    elif kind in "feEgG":
        mode = ("+" if "+" in flags else "") + ("," if "," in flags else "")
        filled = format(_number(value), f"{mode}.{precision or 6}{kind}")
    else:
        filled = "" if value is None else str(value)
        filled = filled[: int(precision)] if precision else filled
        filled = filled.replace("'", "''") if kind in "qQ" else filled
        filled = f"'{filled}'" if kind == "Q" else filled
    wide = int(width or 0)
    if "-" in flags:
        return filled.ljust(wide)
    return filled.zfill(wide) if "0" in flags and kind not in "scqQw" else filled.rjust(wide)


def _number(value: object) -> float:
    try:
        return value if isinstance(value, int | float) else float(str(value))
    except ValueError:
        return 0


def _whole(value: object) -> int:
    number = _number(value)
    if number != number:
        return 0
    return int(min(max(number, SMALLEST), LARGEST))
