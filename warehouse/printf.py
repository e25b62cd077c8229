"""`printf` and `format` for governed sessions: SQLite's own fill gigabytes for one wide field, deaf to any deadline."""

from __future__ import annotations

import re
import sqlite3

MAX_WIDTH = 1_000

_FIELD = re.compile(r"%([-+ 0,#]*)(\d+)?(?:\.(\d+))?(?:ll?)?([%diufeEgGxXoscqQw])")


def install_printf(connection: sqlite3.Connection) -> None:
    """Put `formatted` in the place of SQLite's two functions."""
    for name in ("printf", "format"):
        connection.create_function(name, -1, formatted, deterministic=True)


def formatted(*arguments: object) -> str | None:
    """The first argument with its fields filled by the others. Raises ValueError for fields it does not know."""
    if not arguments or arguments[0] is None:
        return None
    values = iter(arguments[1:])
    text = str(arguments[0])
    if "%" in _FIELD.sub("", text):
        raise ValueError("a field of printf that is not known here")
    return _FIELD.sub(lambda field: _one(field, values), text)


def _one(field: re.Match[str], values: object) -> str:
    flags, width, precision, kind = field.groups()
    if kind == "%":
        return "%"
    if int(width or 0) > MAX_WIDTH or int(precision or 0) > MAX_WIDTH:
        raise ValueError("a field of printf that is too wide")
    value = next(values, None)  # type: ignore[call-overload]
    if kind in "diu":
        filled = format(int(_number(value)), ("+" if "+" in flags else "") + ("," if "," in flags else ""))
    elif kind in "xXo":
        filled = format(int(_number(value)), kind)
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
