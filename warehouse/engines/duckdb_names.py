"""Names the columns of DuckDB's answers as SQLite names them: what has no alias is called as it was written."""

from __future__ import annotations

from warehouse.sql_text import Token, listed_columns

AFTER_COLUMNS = frozenset(
    ("where", "group", "order", "limit", "union", "except", "intersect")
)  # where there is no FROM
VALUES = frozenset(("null", "true", "false", "current_date", "current_time", "current_timestamp"))
NO_ALIAS = frozenset(("end", "isnull", "notnull"))  # the last word of an expression
WITHIN = frozenset(
    (
        "and", "or", "not", "is", "in", "like", "glob", "between", "escape", "collate", "over", "from", "case", "when",
        "then", "else", "distinct", "all", "exists",
    )
)  # fmt: skip # an expression goes on after these


def named_as_written(names: tuple[str, ...], text: str, found: list[Token]) -> tuple[str, ...]:
    """The names of the answer to `text`, whose tokens are `found`; as DuckDB has them where that cannot be told."""
    items = _expanded(listed_columns(_from_first_select(found)), len(names))
    if items is None:
        return names
    return tuple(
        text[item[0].start : item[-1].end] if item and not _has_name(item) else name
        for name, item in zip(names, items, strict=True)
    )


def _from_first_select(found: list[Token]) -> list[Token]:
    """The tokens of the SELECT that names the columns: the first outside of all parentheses, unless VALUES does."""
    depth, begin = 0, len(found)
    for index, token in enumerate(found):
        depth += (token.text == "(") - (token.text == ")")
        if depth == 0 and _is_word(token, "values") and begin == len(found):
            return []
        if depth == 0 and _is_word(token, "select"):
            begin = min(begin, index)
        elif depth == 0 and begin < index and token.kind == "word" and token.name in AFTER_COLUMNS:
            return found[begin:index]
    return found[begin:]


def _expanded(items: list[list[Token]], columns: int) -> list[list[Token]] | None:
    """An item a column, none of it for those that a star stands for; None where there is more than one star."""
    stars = [index for index, item in enumerate(items) if _is_star(item)]
    if len(stars) > 1:
        return None
    for index in stars:
        items = [*items[:index], *([[]] * (columns - len(items) + 1)), *items[index + 1 :]]
    return items if len(items) == columns else None


def _is_star(item: list[Token]) -> bool:
    return bool(item) and item[-1].text == "*" and all(token.text == "." for token in item[-2:-1])


def _has_name(item: list[Token]) -> bool:
    """Whether an item has an alias, or is the name of a column."""
    last = item[-1]
    if last.kind not in ("word", "quoted") or (last.kind == "word" and last.name in NO_ALIAS):
        return len(item) > 1 and _is_word(item[-2], "as")
    if len(item) == 1:
        return not (last.kind == "word" and last.name in VALUES)
    before = item[-2]
    if before.text == ".":
        return all(_is_part(token) for token in item)
    return before.text == ")" or _is_word(before, "as") or (before.kind != "operator" and not _goes_on(before))


def _is_part(token: Token) -> bool:
    return token.text == "." or token.kind in ("word", "quoted")


def _is_word(token: Token, name: str) -> bool:
    return token.kind == "word" and token.name == name


def _goes_on(token: Token) -> bool:
    return token.kind == "word" and token.name in WITHIN
