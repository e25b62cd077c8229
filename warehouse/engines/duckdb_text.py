"""Writes SQLite's SQL as DuckDB reads it, where the same text means something else there.

1. A `:name` is `$name`, a name in brackets is one in quotes: DuckDB would make a list.
2. The columns of VALUES are column1, column2, …
3. A number with a point is a double, not a decimal, and so is one that has more than 64 bits; 0x10 is 16.
4. CAST to a whole number cuts off, where DuckDB rounds (`WHOLE_OF`); to another it gives a double.
"""

from __future__ import annotations

from collections.abc import Iterator

from warehouse.sql_text import Token

REALS = ("real", "floa", "doub")  # parts of the name of a type, as SQLite reads it; "int" before any
BIGGEST = 2**63 - 1
# The number that a text begins with, 0 where it begins with none; NULL of NULL.
WHOLE_OF = (
    "CREATE MACRO whole_of(value) AS CASE WHEN value IS NULL THEN NULL "
    "WHEN typeof(value) IN ('FLOAT', 'DOUBLE') OR typeof(value) LIKE 'DECIMAL%' "
    "THEN CAST(trunc(TRY_CAST(value AS DOUBLE)) AS BIGINT) "
    "WHEN typeof(value) = 'VARCHAR' THEN CAST(coalesce(nullif(regexp_extract(CAST(value AS VARCHAR), "
    "'^\\s*([+-]?[0-9]+)', 1), ''), '0') AS BIGINT) ELSE CAST(value AS BIGINT) END"
)


def as_duckdb(text: str, found: list[Token]) -> str:
    """`text`, whose tokens are `found`, for DuckDB."""
    parts, at = [], 0
    for start, end, written in sorted(_changes(found)):
        parts += [text[at:start], written]
        at = end
    return "".join([*parts, text[at:]])


def cast_types(found: list[Token]) -> Iterator[Token]:
    """The name of the type of each CAST."""
    for index, token in enumerate(found):
        if token.kind == "word" and token.name == "cast" and _opens(found, index):
            depth = 0
            for at in range(index + 1, _closing(found, index + 1)):
                depth += (found[at].text == "(") - (found[at].text == ")")
                if depth == 1 and found[at].kind == "word" and found[at].name == "as":
                    yield found[at + 1]


def _changes(found: list[Token]) -> Iterator[tuple[int, int, str]]:
    """What is written in place of each stretch that DuckDB would read otherwise."""
    for index, token in enumerate(found):
        if token.kind == "parameter" and token.text[0] == ":":
            yield token.start, token.start + 1, "$"
        elif token.kind == "quoted" and token.text[0] == "[":
            yield token.start, token.end, '"' + token.bare.replace('"', '""') + '"'
        elif token.kind == "number":
            negative = index > 0 and found[index - 1].text == "-"
            yield token.start, token.end, _number(token.text, most=BIGGEST + negative)
        elif token.kind == "word" and token.name == "values" and _opens(found, index):
            yield from _values(found, index)
        elif token.kind == "word" and token.name == "cast" and _opens(found, index):
            yield from _cast(found, index)


def _number(text: str, *, most: int) -> str:
    if text[:2] in ("0x", "0X"):
        value = int(text, 16)
        return str(value if value <= BIGGEST else value - 2**64)
    whole = text.isdigit()
    return text + "e0" if (whole and int(text) > most) or (not whole and "e" not in text.lower()) else text


def _values(found: list[Token], index: int) -> Iterator[tuple[int, int, str]]:
    """Rows as a SELECT that names their columns."""
    first = end = _closing(found, index + 1)
    while end + 2 < len(found) and found[end + 1].text == "," and found[end + 2].text == "(":
        end = _closing(found, end + 2)
    depth, columns = 0, 1
    for token in found[index + 1 : first]:
        depth += (token.text == "(") - (token.text == ")")
        columns += depth == 1 and token.text == ","
    names = ", ".join(f"column{number}" for number in range(1, columns + 1))
    yield found[index].start, found[index].start, "SELECT * FROM ("
    if end < len(found):
        yield found[end].end, found[end].end, f") AS given_values({names})"


def _cast(found: list[Token], index: int) -> Iterator[tuple[int, int, str]]:
    end = _closing(found, index + 1)
    as_, kind = found[end - 2 : end]
    if end >= len(found) or as_.name != "as" or kind.kind != "word":
        return
    if "int" in kind.name:
        yield found[index].start, found[index].end, "whole_of"
        yield as_.start, kind.end, ""
    elif any(part in kind.name for part in REALS):
        yield kind.start, kind.end, "DOUBLE"


def _opens(found: list[Token], index: int) -> bool:
    return index + 1 < len(found) and found[index + 1].text == "("


def _closing(found: list[Token], opening: int) -> int:
    """The index of the parenthesis that closes the one at `opening`; the end where none does."""
    depth = 0
    for index in range(opening, len(found)):
        depth += (found[index].text == "(") - (found[index].text == ")")
        if depth == 0:
            return index
    return len(found)
