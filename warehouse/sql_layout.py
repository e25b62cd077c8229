"""Where lines begin in a well laid out SELECT, decided on its tokens alone: the same tokens always lie the same.

A clause begins a line. What fits into one stays in it; else a list gets a line an item, a condition a line a part, a
group in parentheses or a CASE its lines indented.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from warehouse.keywords import KEYWORDS
from warehouse.sql_text import Token

WIDTH = 80
STEP = 4

_RESERVED_WORDS = """select distinct all from where group having order limit join on using as and or not in is null
    isnull notnull between exists case when then else collate escape values"""
_RESERVED = frozenset(_RESERVED_WORDS.split())
_JOINS = frozenset({"left", "right", "full", "inner", "cross", "natural", "outer"})
_COMPOUND = frozenset({"union", "except", "intersect"})
_CLAUSES = frozenset({"select", "from", "where", "group", "having", "window", "order", "limit", "values", *_COMPOUND})
_CALLED = frozenset({"cast", "replace", "raise", "glob", "like", "if", "match"})
_OPERATOR_SIGNS = "|| << >> <= >= <> != == ->> -> - + * / % & | ~ < > ="
_OPERATORS = frozenset(_OPERATOR_SIGNS.split())
_SIGNS = frozenset({"-", "+", "~"})


def with_keywords(found: Sequence[Token]) -> list[Token]:
    """The tokens, those that are surely keywords in capitals: many keywords may be names too."""
    closing = _case_ends(found)
    return [
        token._replace(text=token.text.upper()) if token.kind == "word" and _is_keyword(found, i, closing) else token
        for i, token in enumerate(found)
    ]


def spaced(found: Sequence[Token], index: int) -> bool:
    """Whether a space stands before a token that does not begin a line."""
    last, token = found[index - 1], found[index]
    if token.text in (",", ")", ";", ".") or last.text in ("(", "."):
        return False
    if last.text in _SIGNS and _is_sign(found, index - 1):
        return token.text in _SIGNS
    if token.text == "(":
        return not (
            last.kind == "quoted"
            or (last.kind == "word" and (last.name not in KEYWORDS or (last.name in _CALLED and _calls(found, index))))
        )
    return True


class Layout:
    """Collects `breaks`: the indent of each token, by index, that begins a line."""

    def __init__(self, found: Sequence[Token]) -> None:
        self.breaks: dict[int, int] = {}
        self._found = found
        widths = [len(token.text) + (i > 0 and spaced(found, i)) for i, token in enumerate(found)]
        self._before = [0, *accumulate(widths)]
        self._closing = _pairs(found)

    def statement(self, begin: int, end: int) -> None:
        """Lay out one statement, without its semicolon."""
        if begin < end:
            self.breaks[begin] = 0
            self._query(begin, end, 0)

    # ---- a whole SELECT -----------------------------------------------------

    def _query(self, begin: int, end: int, indent: int) -> None:
        if self._name(begin) == "with":
            begin = self._withs(begin, end, indent)
        starts = [i for i in self._level(begin, end) if self._name(i) in _CLAUSES and self._begins_clause(i, begin)]
        for start in starts:
            self.breaks[start] = indent
        for start, until in zip(starts, [*starts[1:], end], strict=True):
            self._clause(start, until, indent)

    def _begins_clause(self, index: int, begin: int) -> bool:
        name, before = self._name(index), self._name(index - 1) if index > begin else ""
        if self._found[index].text != self._found[index].text.upper():
            return False  # it is a name here
        return not (name == "from" and before == "distinct" and self._name(index - 2) in ("is", "not"))

    def _withs(self, begin: int, end: int, indent: int) -> int:
        """Lay out `WITH name AS (…), …`; the index of what follows."""
        at = begin + 1
        while at < end:
            group = next((i for i in range(at, end) if self._text(i) == "(" and self._name(i - 1) in _BODY), None)
            if group is None:
                return at
            self._open(group, indent)
            at = self._closing[group] + 1
            if self._text(at) != ",":
                break
            at += 1
            self.breaks[at] = indent
        if at < end:
            self.breaks[at] = indent
        return at

    def _clause(self, start: int, until: int, indent: int) -> None:
        name = self._name(start)
        if name == "from":
            self._from(start, until, indent)
        elif name in ("where", "having"):
            self._condition(start + 1, until, indent, indent + len(name) + 1, indent + 2)
        elif not self._fits(start, until, indent):
            self._list(start, until, indent)

    def _list(self, start: int, until: int, indent: int) -> None:
        first = start + 1
        while first < until and self._name(first) in ("by", "distinct", "all"):
            first += 1
        for begin, end in self._parts(first, until):
            self.breaks[begin] = indent + STEP
            self._run(begin, end, indent + STEP, indent + STEP)

    def _from(self, start: int, until: int, indent: int) -> None:
        joins = [i for i in self._level(start + 1, until) if self._begins_join(i, start)]
        for begin, end in zip([start, *joins], [*joins, until], strict=True):
            if begin != start:
                self.breaks[begin] = indent
            on = next((i for i in self._level(begin, end) if self._name(i) == "on"), end)
            items = list(self._parts(begin, on))
            for item, item_end in items:
                if item != begin:
                    self.breaks[item] = indent + STEP
                self._run(item, item_end, indent, indent)
            if on < end and not self._fits(items[-1][0], end, indent):
                self.breaks[on] = indent + STEP
                self._condition(on + 1, end, indent + STEP, indent + STEP + 3, indent + STEP + 1)

    def _begins_join(self, index: int, start: int) -> bool:
        if self._name(index) != "join" and not (self._name(index) in _JOINS and self._is_upper(index)):
            return False
        return index == start + 1 or not (self._name(index - 1) in _JOINS and self._is_upper(index - 1))

    # ---- within a clause ------------------------------------------------------

    def _condition(self, begin: int, end: int, indent: int, column: int, hanging: int) -> None:
        """A condition that begins at `column`; its further parts begin lines at `hanging`."""
        if self._fits(begin, end, column):
            return
        for word in ("or", "and"):
            marks = [i for i in self._level(begin, end) if self._name(i) == word and i not in self._between(begin, end)]
            if marks:
                for start, until in zip([begin, *marks], [*marks, end], strict=True):
                    if start != begin:
                        self.breaks[start] = hanging
                    self._condition(start + (start != begin), until, indent, hanging + len(word) + 1, hanging + 2)
                return
        self._run(begin, end, max(indent, hanging - 2), column)

    def _between(self, begin: int, end: int) -> set[int]:
        """The AND of each BETWEEN."""
        found, waiting = set(), 0
        for index in self._level(begin, end):
            if self._name(index) == "between":
                waiting += 1
            elif self._name(index) == "and" and waiting:
                waiting -= 1
                found.add(index)
        return found

    def _run(self, begin: int, end: int, indent: int, column: int) -> None:
        """Any stretch: its groups are opened as far as it is too long."""
        if self._fits(begin, end, column):
            return
        line_begins = begin
        for group in [i for i in self._level(begin, end) if i in self._closing]:
            closing = self._closing[group]
            if closing >= end or self._fits(line_begins, closing + 1, column) or closing == group + 1:
                continue
            self._open(group, indent)
            line_begins, column = closing, indent

    def _open(self, group: int, indent: int) -> None:
        """Lay a group's content out in lines of its own, its end in another; `CASE` has its first word in the line."""
        closing = self._closing[group]
        if self._name(group) == "case":
            self._case(group, closing, indent)
            return
        first = group + 1
        if first >= closing:
            return
        self.breaks[first] = indent + STEP
        self.breaks[closing] = indent
        if self._name(first) in ("select", "with", "values"):
            self._query(first, closing, indent + STEP)
            return
        parts = list(self._parts(first, closing))
        if len(parts) == 1:
            self._condition(first, closing, indent + STEP, indent + STEP, indent + STEP)
        elif not self._fits(first, closing, indent + STEP):
            for begin, end in parts:
                self.breaks[begin] = indent + STEP
                self._run(begin, end, indent + STEP, indent + STEP)

    def _case(self, start: int, closing: int, indent: int) -> None:
        marks = [i for i in self._level(start + 1, closing) if self._name(i) in ("when", "else")]
        for begin, end in zip(marks, [*marks[1:], closing], strict=True):
            self.breaks[begin] = indent + STEP
            self._run(begin + 1, end, indent + STEP, indent + STEP + 5)
        self.breaks[closing] = indent

    # ---- looking ----------------------------------------------------------------

    def _fits(self, begin: int, end: int, column: int) -> bool:
        if begin >= end:
            return True
        width = self._before[end] - self._before[begin] - (begin > 0 and spaced(self._found, begin))
        return column + width <= WIDTH

    def _parts(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """The items of a list, each with the comma behind it."""
        for index in self._level(begin, end):
            if self._text(index) == ",":
                yield begin, index + 1
                begin = index + 1
        if begin < end:
            yield begin, end

    def _level(self, begin: int, end: int) -> Iterator[int]:
        """The tokens of one level: a group is passed over."""
        while begin < end:
            yield begin
            begin = self._closing[begin] + 1 if begin in self._closing else begin + 1

    def _text(self, index: int) -> str:
        return self._found[index].text if index < len(self._found) else ""

    def _name(self, index: int) -> str:
        token = self._found[index] if 0 <= index < len(self._found) else None
        return token.name if token is not None and token.kind == "word" else ""

    def _is_upper(self, index: int) -> bool:
        return self._text(index).isupper()


_BODY = frozenset({"as", "materialized"})


def _pairs(found: Sequence[Token]) -> dict[int, int]:
    """What closes each opening parenthesis and each CASE."""
    pairs, opened = _case_ends(found), []
    for index, token in enumerate(found):
        if token.text == "(":
            opened.append(index)
        elif token.text == ")" and opened:
            pairs[opened.pop()] = index
    return pairs


def _case_ends(found: Sequence[Token]) -> dict[int, int]:
    """The END of each CASE, looked for within its parentheses."""
    ends: dict[int, int] = {}
    opened: list[list[int]] = [[]]
    for index, token in enumerate(found):
        if token.text == "(":
            opened.append([])
        elif token.text == ")" and len(opened) > 1:
            opened.pop()
        elif token.kind == "word" and token.name == "case":
            opened[-1].append(index)
        elif token.kind == "word" and token.name == "end" and opened[-1]:
            ends[opened[-1].pop()] = index
    return ends


def _is_keyword(found: Sequence[Token], index: int, case_ends: dict[int, int]) -> bool:
    name = found[index].name
    last = found[index - 1] if index else None
    before = "" if last is None else last.name if last.kind == "word" else last.text
    after = found[index + 1] if index + 1 < len(found) else None
    behind = "" if after is None else after.name if after.kind == "word" else after.text
    if before == ".":
        return False
    match name:
        case "by":
            return before in ("group", "order", "partition")
        case "left" | "right" | "full" | "inner" | "cross" | "natural" | "outer":
            return behind == "join" or behind in _JOINS
        case "union" | "except" | "intersect":
            return behind in ("select", "all", "values", "with")
        case "with":
            return before in ("", ";", "(")
        case "recursive":
            return before == "with"
        case "materialized":
            return behind == "(" and before in ("as", "not")
        case "asc" | "desc":
            return before not in ("by", ",", "select", "as") and behind in ("", ",", ")", ";", "limit", "nulls", "rows")
        case "nulls":
            return behind in ("first", "last")
        case "first" | "last":
            return before == "nulls"
        case "like" | "glob" | "match" | "regexp":
            return before not in ("select", ",", "(", "by", "as") and behind != "("
        case "offset":
            return last is not None and last.kind in ("number", "parameter") and behind not in ("", ",", ")")
        case "end":
            return index in case_ends.values()
        case "cast":
            return behind == "("
        case "over" | "filter":
            return before == ")"
        case "partition":
            return behind == "by"
        case "rows" | "range" | "groups":
            return behind in ("between", "unbounded", "current") or (after is not None and after.kind == "number")
        case "unbounded":
            return behind in ("preceding", "following")
        case "preceding" | "following":
            return last is not None and (before == "unbounded" or last.kind == "number")
        case "current":
            return behind == "row"
        case "row":
            return before == "current"
    return name in _RESERVED


def _is_sign(found: Sequence[Token], index: int) -> bool:
    """Whether a minus, plus or tilde belongs to the number behind it alone."""
    if found[index].text == "~" or index == 0:
        return True
    last = found[index - 1]
    if last.kind == "word":
        return last.name in KEYWORDS and last.name not in ("end", "null") and last.text.isupper()
    return last.text in _OPERATORS or last.text in ("(", ",")


def _calls(found: Sequence[Token], index: int) -> bool:
    """Whether the keyword before a parenthesis is called as a function: nothing stands before it that it could test."""
    before = found[index - 2] if index > 1 else None
    if before is None or before.text in _OPERATORS or before.text in ("(", ","):
        return True
    return before.kind == "word" and before.name in KEYWORDS and before.name not in ("not", "null", "end")
