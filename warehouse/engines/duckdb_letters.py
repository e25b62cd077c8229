"""Makes DuckDB compare and change letters as SQLite does: A to Z alone are known as large and small.

The functions that LIKE and its like stand for, and upper and lower, are defined anew in terms of DuckDB's own.
"""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase

_SMALL = f"'{ascii_uppercase}', '{ascii_lowercase}'"
_LARGE = f"'{ascii_lowercase}', '{ascii_uppercase}'"


def _small(value: str) -> str:
    return f"translate({value}::VARCHAR, {_SMALL})"


# Folding would make a letter that escapes into two, so that a control character does it instead.
_ESCAPED = "replace(replace(replace(pattern, escape || escape, chr(2)), escape, chr(1)), chr(2), chr(1) || escape)"

LETTERS = (
    *(
        f'CREATE MACRO "{name}"(value, pattern) AS system.main."{name}"({_small("value")}, {_small("pattern")})'
        for name in ("~~", "!~~")
    ),
    *(
        f"CREATE MACRO {name}(value, pattern, escape) AS "
        f"system.main.{name}({_small('value')}, {_small(_ESCAPED)}, chr(1))"
        for name in ("like_escape", "not_like_escape")
    ),
    f"CREATE MACRO lower(value) AS translate(value::VARCHAR, {_SMALL})",
    f"CREATE MACRO upper(value) AS translate(value::VARCHAR, {_LARGE})",
)
