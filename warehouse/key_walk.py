"""Whether a query's rows each belong to one row of a table, in the order of its key: proven here, or not assumed.

The proof, in order:
1. One plain SELECT … FROM … [WHERE …] [ORDER BY …] with nothing that counts, groups, cuts or draws by lot.
2. Tables of the schema, every one but the first found joined to the others by its whole key: no join makes two rows
   of one.
3. SQLite's own plan walks that one table by its key and looks the others up, for the query and for each statement that
   is made of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from warehouse.errors import QueryRefused
from warehouse.governed import Layout, Parameters, Session
from warehouse.keyed import KeyedRows
from warehouse.shaping import PLAIN, Shape, quoted, unused_name
from warehouse.sql_text import Token, one_select, split_at_commas

_CUTS = frozenset(
    ("distinct", "all", "group", "having", "window", "limit", "union", "intersect", "except", "values", "with",
     "right", "full", "natural", "indexed")
)  # fmt: skip
_VARIES = frozenset(("over", "random", "randomblob"))
_AFTER_TABLE = frozenset(("join", "inner", "left", "cross", "outer", "on", "using", "where", "order"))
_JOINS = ((",",), ("join",), ("inner", "join"), ("cross", "join"), ("left", "join"), ("left", "outer", "join"))
_WALKED = re.compile(
    r"SCAN (?P<scan>.+)|SEARCH (?P<search>.+) USING (?:INTEGER PRIMARY KEY \(rowid[<>].*\)|PRIMARY KEY \(.*\))"
)
_LOOKED_UP = re.compile(r"SEARCH .+ USING INTEGER PRIMARY KEY \(rowid=\?\)(?: LEFT-JOIN)?")
_WITHIN = re.compile(r"(?:CORRELATED )?(?:SCALAR|LIST) SUBQUERY \d+")
_ALL_SORTED = "USE TEMP B-TREE FOR ORDER BY"
_SORTED = re.compile(r"USE TEMP B-TREE FOR (?:RIGHT PART OF )?ORDER BY")


@dataclass(frozen=True, slots=True)
class _Joined:
    """One table of a FROM; `pairs` are the columns (alias, column) that its join says are equal."""

    name: str
    alias: str
    left: bool
    pairs: tuple[tuple[tuple[str, str], tuple[str, str]], ...]
    start: int
    end: int


def keyed_rows(
    session: Session, sql: str, parameters: Parameters, columns: int, *, shape: Shape = PLAIN, shown: str | None = None
) -> KeyedRows | None:
    """The query, shaped, by key; None where that is not proven. `shown` is the statement that shows it shaped."""
    text, found = one_select(sql)
    parts = _parts(found)
    if parts is None:
        return None
    listed, source, where, order = parts
    joined = _joined(session, source)
    walked = _walk(session, shown or text, parameters) if joined else None
    if not joined or walked is None:
        return None
    alias, sorts = walked
    layouts = {table.alias: session.layout(table.name) for table in joined}
    driver = next((table for table in joined if table.alias == alias), None)
    layout = layouts.get(alias)
    if driver is None or layout is None or not layout.key or not _one_row_each(driver, joined, layouts):
        return None
    terms = [] if shape.order else split_at_commas(order) if order else []
    by_key = not sorts and _is_key(terms, listed, alias, layout.key)
    downwards = any(order.descending for order in shape.order) or any(_downwards(term) for term in terms)
    if len(layout.key) > 1 and downwards and sorts != _ALL_SORTED:
        return None  # SQLite may walk the key from its end: rows that the order takes for equal then come backwards
    keyed = KeyedRows(
        listed=text[listed[0].start : listed[-1].end],
        source=text[source[0].start : source[-1].end],
        where=text[where[0].start : where[-1].end] if where else "",
        terms=() if by_key else tuple(_both_ways(text, term) for term in terms),
        key=tuple(f"{quoted(alias)}.{column}" for column in layout.key),
        table=driver.name,
        backwards=by_key and terms[0][-1].name == "desc",
        fewest=text[source[0].start : source[-1].end],
        alone=len(joined) == 1,
        columns=columns,
        shape=shape,
        prefix=unused_name("shown_rows", {token.name.lstrip(":@$") for token in found}),
    )
    given = {**parameters, **keyed.values, **dict.fromkeys(keyed.from_key, 0)}
    if _walk(session, keyed.window(), given) != (alias, "") or _walk(session, keyed.from_the_end(), given) is None:
        return None
    return _without_joins(session, keyed, text, driver, joined, layouts, given)


def _is_key(terms: list[list[Token]], listed: list[Token], alias: str, key: tuple[str, ...]) -> bool:
    """Whether an ORDER BY is of the key alone, and not of a result column that took its name."""
    if len(terms) != 1 or len(key) != 1:
        return False
    taken = any(len(item) > 1 and item[-1].name == key[0] and item[-2].text != "." for item in split_at_commas(listed))
    written = [token.name for token in terms[0]]
    names = ([alias, ".", key[0]],) if taken else ([key[0]], [alias, ".", key[0]])
    return any(written == [*name, *way] for name in names for way in ([], ["asc"], ["desc"]))


def _parts(found: list[Token]) -> tuple[list[Token], list[Token], list[Token], list[Token]] | None:
    """What stands behind SELECT, FROM, WHERE and ORDER BY."""
    if found[0].name != "select" or any(token.name in _VARIES for token in found):
        return None
    marks, depth = {"select": 0}, 0
    for index, token in enumerate(found):
        depth += (token.text == "(") - (token.text == ")")
        if depth or token.kind != "word":
            continue
        if token.name in _CUTS:
            return None
        if token.name in ("from", "where", "order"):
            marks[token.name] = index
    if "from" not in marks or list(marks) != sorted(marks, key=lambda name: marks[name]):
        return None
    ends = [*list(marks.values())[1:], len(found)]
    parts = {name: found[mark + 1 : end] for (name, mark), end in zip(marks.items(), ends, strict=True)}
    order = parts.get("order", [])
    if not parts["select"] or not parts["from"] or (order and order[0].name != "by"):
        return None
    return parts["select"], parts["from"], parts.get("where", []), order[1:]


def _joined(session: Session, source: list[Token]) -> list[_Joined] | None:
    """The tables of a FROM, if each is of the schema and joined in a form that is known."""
    found: list[_Joined] = []
    at = 0
    while at < len(source):
        begin, words = at, []
        while found and at < len(source) and (source[at].text == "," or source[at].name in _AFTER_TABLE):
            words.append(source[at].name)
            at += 1
            if words[-1] in (",", "join"):
                break
        if found and tuple(words) not in _JOINS:
            return None
        end = at
        while end < len(source) and source[end].text not in (",", "(") and source[end].name not in _AFTER_TABLE:
            end += 1
        named = [token.name for token in source[at:end] if token.name != "as"]
        if named[:2] == ["main", "."] or named[:2] == ["temp", "."]:
            named = named[2:]
        if len(named) not in (1, 2) or session.layout(named[0]) is None:
            return None
        condition = end
        while end < len(source) and source[end].text != "," and not _joins(source[end]):
            end += 1
        pairs = _pairs(session, found, named, source[condition:end])
        if pairs is None:
            return None
        stop = source[end - 1].end
        found.append(_Joined(named[0], named[-1], "left" in words, pairs, source[begin].start, stop))
        at = end
    aliases = [table.alias for table in found]
    return found if len(set(aliases)) == len(aliases) else None


def _joins(token: Token) -> bool:
    return token.kind == "word" and token.name in ("join", "inner", "left", "cross")


def _pairs(
    session: Session, before: list[_Joined], named: list[str], condition: list[Token]
) -> tuple[tuple[tuple[str, str], tuple[str, str]], ...] | None:
    """The columns that `ON a.x = b.y` or `USING (x)` say are equal; None for another condition."""
    alias = named[-1]
    match [token.name for token in condition]:
        case []:
            return ()
        case ["on", first, ".", one, "=", second, ".", other]:
            return (((first, one), (second, other)),)
        case ["using", "(", *_, ")"] if len(condition) == 4:
            column = condition[2].name
            for table in before:
                layout = session.layout(table.name)
                if layout and column in layout.columns:
                    return (((table.alias, column), (alias, column)),)
    return None


def _one_row_each(driver: _Joined, joined: list[_Joined], layouts: Mapping[str, Layout | None]) -> bool:
    """Whether each row of the driver finds at most one of every other table."""
    known = {driver.alias}
    # The condition of a LEFT JOIN says nothing about the tables before it.
    pairs = [
        (one, other)
        for table in joined
        for one, other in _turned(table.pairs)
        if not table.left or other[0] == table.alias
    ]
    for _ in joined:
        for one, other in pairs:
            layout = layouts.get(other[0])
            if one[0] in known and layout and layout.key == (other[1],):
                known.add(other[0])
    return known == {table.alias for table in joined} and not driver.left


def _walk(session: Session, text: str, parameters: Parameters | None) -> tuple[str, str] | None:
    """The alias that SQLite's plan walks by its key while it looks all others up, and how it sorts, empty if not."""
    try:
        plan = session.plan(text, parameters)
    except QueryRefused:
        return None
    steps = [words for _, parent, words in plan if parent == 0 and not _WITHIN.fullmatch(words)]
    sorts = bool(steps) and bool(_SORTED.fullmatch(steps[-1]))
    first = _WALKED.fullmatch(steps[0]) if steps else None
    if first is None or not all(map(_LOOKED_UP.fullmatch, steps[1 : len(steps) - sorts])):
        return None
    return str(first["scan"] or first["search"]).lower(), steps[-1] if sorts else ""


def _downwards(term: list[Token]) -> bool:
    """Whether a term of ORDER BY is descending."""
    rest = term[:-2] if len(term) > 2 and term[-2].name == "nulls" else term
    return rest[-1].kind == "word" and rest[-1].name == "desc"


def _both_ways(text: str, term: list[Token]) -> tuple[str, str]:
    """A term of ORDER BY as it is written, and for the opposite order."""
    rest, nulls = list(term), ""
    if len(rest) > 2 and rest[-2].name == "nulls":
        nulls = f" NULLS {'LAST' if rest[-1].name == 'first' else 'FIRST'}"
        rest = rest[:-2]
    way = "desc" if _downwards(term) else "asc"
    if rest[-1].kind == "word" and rest[-1].name in ("asc", "desc"):
        rest.pop()
    turned = text[rest[0].start : rest[-1].end] + (" ASC" if way == "desc" else " DESC") + nulls
    return text[term[0].start : term[-1].end], turned


def _without_joins(
    session: Session,
    keyed: KeyedRows,
    text: str,
    driver: _Joined,
    joined: list[_Joined],
    layouts: Mapping[str, Layout | None],
    parameters: Parameters,
) -> KeyedRows:
    """With the FROM of the driver alone for counting, if its rows are as many: sound keys lead to one row each."""
    kept = {table.alias for table in joined if not table.left}
    if not all(table is driver or table.left or _leads(table, layouts, kept) for table in joined):
        return keyed
    if '"' in keyed.where or driver is not joined[0]:  # SQLite takes "a name that is not there" for a text
        return keyed
    bare = replace(keyed, fewest=text[driver.start : driver.end], alone=True)
    try:
        session.plan(bare.count(), parameters)
    except QueryRefused:
        return keyed
    return bare


def _leads(table: _Joined, layouts: Mapping[str, Layout | None], kept: set[str]) -> bool:
    """Whether the join follows a reference that is never null, from a table of `kept` to the key of `table`."""
    for one, other in _turned(table.pairs):
        parent, layout = layouts.get(table.alias), layouts.get(one[0])
        if one[0] in kept and other[0] == table.alias and parent and layout and parent.key == (other[1],):
            return layout.references.get(one[1]) == table.name
    return False


def _turned(
    pairs: tuple[tuple[tuple[str, str], tuple[str, str]], ...],
) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    for one, other in pairs:
        yield one, other
        yield other, one
