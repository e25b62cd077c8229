"""Which tables a query names where, and by which aliases: its SELECTs, what each reads from, and what each gives.

It reads text that is still being typed, never raises, and knows nothing of a catalogue: a name is as it was written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from warehouse.keywords import KEYWORDS
from warehouse.sql_text import Token, split_at_commas

ENDLESS = 1 << 60
MOST_DEPTH = 60
COMPOUND = frozenset({"union", "except", "intersect"})
AFTER_FROM = frozenset({"where", "group", "having", "order", "limit", "window", "union", "except", "intersect"})


@dataclass(frozen=True, slots=True)
class Origin:
    """One thing that a SELECT reads from. `name` is what its columns are called by, `table` what it is.

    `inner` is the SELECT of a subquery or a WITH; `columns` are those that a WITH lists. `named` says whether the query
    gives it a name of its own.
    """

    name: str
    table: str = ""
    inner: Block | None = None
    columns: tuple[str, ...] = ()
    named: bool = False


@dataclass(slots=True)
class Block:
    """One SELECT: where it stands in the text, what it reads from, and the names that its columns have.

    Among `outputs`, `*` and `name.*` stand for all columns of what it reads from. `withs` are what a WITH names at this
    place, by name in lower case.
    """

    start: int
    end: int
    parent: Block | None
    withs: Mapping[str, Origin]
    origins: list[Origin] = field(default_factory=list)
    outputs: tuple[str, ...] = ()
    tokens: list[Token] = field(default_factory=list)  # of the block itself, a group in parentheses left out


def blocks(tokens: Sequence[Token]) -> list[Block]:
    """Every SELECT of one statement, an outer one before those within it."""
    reader = _Reader(tokens)
    reader.query(0, len(tokens), None, {}, 0)
    return sorted(reader.found, key=lambda block: block.start)


def block_at(found: Sequence[Block], offset: int) -> Block | None:
    """The innermost SELECT around a place of the text."""
    inside = [block for block in found if block.start <= offset <= block.end]
    return max(inside, key=lambda block: block.start, default=None)


class _Reader:
    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.found: list[Block] = []
        self._closing = _closing(tokens)

    def query(
        self, begin: int, end: int, parent: Block | None, withs: Mapping[str, Origin], depth: int
    ) -> Block | None:
        """Read a WITH and the SELECTs behind it; the first of them."""
        if depth > MOST_DEPTH:
            return None
        if self._name(begin, end) == "with":
            begin, withs = self._withs(begin + 1, end, parent, withs, depth)
        first: Block | None = None
        at = begin
        while at < end:
            until = next((i for i in self._level(at, end) if self.tokens[i].name in COMPOUND), end)
            block = self._block(at, until, parent, withs, depth)
            first = first or block
            at = until + 1
            if self._name(at, end) == "all":
                at += 1
        return first

    def _withs(
        self, at: int, end: int, parent: Block | None, outer: Mapping[str, Origin], depth: int
    ) -> tuple[int, dict[str, Origin]]:
        withs = dict(outer)
        if self._name(at, end) == "recursive":
            at += 1
        while (
            at < end and self.tokens[at].kind in ("word", "quoted") and self._name(at, end) not in ("select", "values")
        ):
            name = self.tokens[at].bare
            at += 1
            columns: tuple[str, ...] = ()
            if self._name(at, end) == "(":
                columns = tuple(token.bare for token in self.tokens[at + 1 : self._closing[at]] if token.text != ",")
                at = self._closing[at] + 1
            while self._name(at, end) in ("as", "not", "materialized"):
                at += 1
            if self._name(at, end) != "(":
                break
            itself = {name.lower(): Origin(name, columns=columns)}
            body = self.query(at + 1, min(self._closing[at], end), parent, withs | itself, depth + 1)
            withs[name.lower()] = Origin(name, inner=body, columns=columns)
            at = self._closing[at] + 1
            if self._name(at, end) != ",":
                break
            at += 1
        return at, withs

    def _block(self, begin: int, until: int, parent: Block | None, withs: Mapping[str, Origin], depth: int) -> Block:
        start = self.tokens[begin].start if begin < len(self.tokens) else ENDLESS
        stop = self.tokens[until].start if until < len(self.tokens) else ENDLESS
        block = Block(start, stop, parent, withs)
        self.found.append(block)
        listing, reading = True, False
        listed: list[Token] = []
        at = begin
        while at < until:
            name = self._name(at, until)
            block.tokens.append(self.tokens[at])
            if name == "from" or name in AFTER_FROM:
                listing, reading = False, name == "from"
            if listing:
                listed.append(self.tokens[at])
            if reading and name in ("from", "join", ","):
                at = self._origin(at + 1, until, block, depth)
            elif name == "(":
                self._group(at, until, block, depth)
                at = self._closing[at] + 1
                listed += self.tokens[at - 1 : min(at, until)] if listing else []
            else:
                at += 1
        block.outputs = tuple(_outputs(listed))
        return block

    def _origin(self, at: int, until: int, block: Block, depth: int) -> int:
        """Read one table, subquery or group of joins; the index behind it."""
        if at >= until:
            return at
        token = self.tokens[at]
        if token.text == "(":
            return self._grouped_origin(at, until, block, depth)
        if token.kind not in ("word", "quoted") or (token.kind == "word" and token.name in KEYWORDS):
            return at
        block.tokens.append(token)
        at += 1
        if self._name(at, until) == "." and at + 1 < until:
            block.tokens += self.tokens[at : at + 2]
            token = self.tokens[at + 1]
            at += 2
        at, alias = self._alias(at, until, block)
        block.origins.append(Origin(alias or token.bare, token.bare, named=bool(alias)))
        return at

    def _grouped_origin(self, at: int, until: int, block: Block, depth: int) -> int:
        closing = min(self._closing[at], until)
        block.tokens.append(self.tokens[at])
        if self._name(at + 1, closing) in ("select", "with", "values"):
            inner = self.query(at + 1, closing, block.parent, block.withs, depth + 1)
            behind, alias = self._alias(closing + 1, until, block)
            block.origins.append(Origin(alias, inner=inner, named=True))
            return behind
        inside = at
        while inside < closing:
            name = self._name(inside, closing)
            if name == "(" and inside != at:
                self._group(inside, closing, block, depth)
                inside = self._closing[inside] + 1
            elif name in ("join", ",") or inside == at:
                inside = self._origin(inside + 1, closing, block, depth)
            else:
                inside += 1
        return closing + 1

    def _alias(self, at: int, until: int, block: Block) -> tuple[int, str]:
        if self._name(at, until) == "as":
            block.tokens.append(self.tokens[at])
            at += 1
        if at < until and (
            self.tokens[at].kind == "quoted"
            or (self.tokens[at].kind == "word" and self.tokens[at].name not in KEYWORDS)
        ):
            block.tokens.append(self.tokens[at])
            return at + 1, self.tokens[at].bare
        return at, ""

    def _group(self, at: int, until: int, block: Block, depth: int) -> None:
        """Read what is in parentheses within an expression."""
        closing = min(self._closing[at], until)
        if self._name(at + 1, closing) in ("select", "with", "values"):
            self.query(at + 1, closing, block, block.withs, depth + 1)
            return
        if depth > MOST_DEPTH:
            return
        for inside in range(at + 1, closing):
            opening = self.tokens[inside].text == "(" and self._name(inside + 1, closing)
            if opening in ("select", "with", "values"):
                self._group(inside, closing, block, depth + 1)

    def _level(self, at: int, end: int) -> Iterator[int]:
        """The indices of one level of parentheses."""
        while at < end:
            yield at
            at = self._closing[at] + 1 if self.tokens[at].text == "(" else at + 1

    def _name(self, at: int, end: int) -> str:
        if at >= end or self.tokens[at].kind == "quoted":
            return ""
        return self.tokens[at].name


def _closing(tokens: Sequence[Token]) -> dict[int, int]:
    """The index of what closes each opening parenthesis; the end where nothing does."""
    found, opened = {}, []
    for index, token in enumerate(tokens):
        if token.text == "(":
            opened.append(index)
        elif token.text == ")" and opened:
            found[opened.pop()] = index
    return found | dict.fromkeys(opened, len(tokens))


def _outputs(listed: Sequence[Token]) -> Iterator[str]:
    begin = 1
    while begin < len(listed) and listed[begin].name in ("distinct", "all"):
        begin += 1
    for item in split_at_commas(list(listed[begin:])):
        if not item:
            continue
        if item[-1].text == "*" and (len(item) == 1 or (len(item) == 3 and item[1].text == ".")):
            yield "".join(token.bare for token in item)
        elif item[-1].kind in ("word", "quoted") and item[-1].name not in KEYWORDS:
            yield item[-1].bare
