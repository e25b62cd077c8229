"""How a query will be answered, as a tree in words: what is scanned, looked up, grouped and sorted, with row counts.

The steps are SQLite's own (https://sqlite.org/eqp.html), of the query as the navigator rewrote it; a step that is not
known here is shown as SQLite tells it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from warehouse.engines.sqlite import SqliteEngine
from warehouse.governed import Parameters
from warehouse.query_scopes import blocks
from warehouse.sql_text import readable_tokens
from warehouse.words import rows_words

Cost = Literal["cheap", "scan", "sort", "group", "part"]
Steps = Sequence[tuple[int, int, str]]  # (step, the step it belongs to, what it does), as `Session.plan` gives them
MANY_ROWS = 10_000  # a walk over fewer is cheap

_ACCESS = re.compile(
    r"(?P<how>SCAN|SEARCH) (?P<what>.+?)"
    r"(?: USING (?P<index>.+?)(?: \((?P<terms>[^()]*=\?.*|[^()]*[<>]\?.*|[^()]*)\))?)?(?P<left> LEFT-JOIN)?"
)
_HIDDEN = re.compile(r"cells_[0-9a-f]{32}")
_NUMBERED = re.compile(r"\(subquery-\d+\)")
_SAID: tuple[tuple[str, str, Cost], ...] = (
    (r"SCAN CONSTANT ROW", "makes one row", "cheap"),
    (r"SCAN (\d+) CONSTANT ROWS", r"makes \1 rows", "cheap"),
    (r"SCAN (\S+) VIRTUAL TABLE INDEX .*", r"reads what \1 gives", "cheap"),
    (r"USE TEMP B-TREE FOR GROUP BY", "groups in a temporary tree", "group"),
    (r"USE TEMP B-TREE FOR ORDER BY", "sorts", "sort"),
    (r"USE TEMP B-TREE FOR (?:RIGHT|LAST) .*ORDER BY", "sorts within rows whose first columns are equal", "sort"),
    (r"USE TEMP B-TREE FOR DISTINCT", "leaves out rows that were there already, by a temporary tree", "group"),
    (r"USE TEMP B-TREE FOR (.+)", r"works out \1 in a temporary tree", "group"),
    (r"COMPOUND QUERY", "puts SELECTs together", "part"),
    (r"LEFT-MOST SUBQUERY", "the first SELECT", "part"),
    (r"UNION ALL", "UNION ALL: all rows of the next SELECT too", "part"),
    (r"(UNION|EXCEPT|INTERSECT) USING TEMP B-TREE", r"\1: compares with the next SELECT in a temporary tree", "group"),
    (r"MERGE \((.+)\)", r"\1: merges two SELECTs that are sorted", "part"),
    (r"LEFT", "the first SELECT", "part"),
    (r"RIGHT", "the second SELECT", "part"),
    (r"CO-ROUTINE (.+)", r"works out \1 row by row", "part"),
    (r"MATERIALIZE (.+)", r"works out \1 and keeps it", "part"),
    (r"SCALAR SUBQUERY \d+", "works out one value, once", "part"),
    (r"CORRELATED SCALAR SUBQUERY \d+", "works out one value for every row", "part"),
    (r"LIST SUBQUERY \d+", "works out a list, once", "part"),
    (r"CORRELATED LIST SUBQUERY \d+", "works out a list for every row", "part"),
    (r"REUSE LIST SUBQUERY \d+", "uses that list again", "cheap"),
    (r"MULTI-INDEX OR", "looks up each side of an OR", "part"),
    (r"INDEX (\d+)", r"side \1", "part"),
    (r"SETUP", "begins with", "part"),
    (r"RECURSIVE STEP", "goes on, as long as there are new rows, with", "part"),
    (r"RIGHT-JOIN (.+)", r"adds the rows of \1 that had no match", "part"),
    (r"BLOOM FILTER ON (\S+).*", r"sorts out most rows without a match in \1 beforehand", "cheap"),
)


@dataclass(frozen=True, slots=True)
class PlanNode:
    """One step. `rows` are those of the table that it walks over, None where it does not or nobody knows.

    `cost`: a scan of many rows, a sort, a grouping, something cheap, or a part that its children make up.
    """

    words: str
    rows: int | None
    cost: Cost
    children: tuple[PlanNode, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Which table answers a query and why, the steps of doing so, and the SQL that is run."""

    answered_from: str
    because: str
    tree: tuple[PlanNode, ...]
    sql: str

    def lines(self) -> list[str]:
        """The tree as text, indented."""
        return [line for node in self.tree for line in _lines(node, 0)]


def explain(
    engine: SqliteEngine,
    sql: str,
    parameters: Parameters | None = None,
    *,
    count: Callable[[Collection[str]], Mapping[str, int]],
    aggregates: bool = True,
) -> Explanation:
    """How `engine` would answer one SELECT. `count` gives the rows of tables by name, as far as it knows them.

    Raises as `Session` does.
    """
    route = engine.route(sql, aggregates=aggregates)
    steps = engine.session.plan(route.sql, parameters)
    tables = tables_by_alias(route.sql)
    read = _tables_read(steps, tables)
    tree = plan_tree(steps, tables, {name.lower(): rows for name, rows in count(read).items()})
    return Explanation(route.aggregate or ", ".join(read) or "no table", route.because, tree, route.sql)


def tables_by_alias(sql: str) -> dict[str, str]:
    """The table that each name in a query stands for; a name that stands for several is left out."""
    found: dict[str, set[str]] = {}
    written: dict[str, str] = {}
    for block in blocks(readable_tokens(sql)):
        for origin in block.origins:
            if origin.inner is not None or origin.table.lower() in block.withs:
                found.setdefault(origin.name.lower(), set()).add("")
            else:
                found.setdefault(origin.name.lower(), set()).add(origin.table.lower())
                written[origin.table.lower()] = origin.table
    return {name: written.get(min(tables), "") for name, tables in found.items() if len(tables) == 1}


def plan_tree(steps: Steps, tables: Mapping[str, str], rows: Mapping[str, int]) -> tuple[PlanNode, ...]:
    """The steps as a tree; `rows` by table, in lower case."""
    children: dict[int, list[tuple[int, str]]] = {}
    for step, parent, said in steps:
        children.setdefault(parent, []).append((step, said))

    def nodes(parent: int) -> tuple[PlanNode, ...]:
        return tuple(_node(said, tables, rows, nodes(step)) for step, said in children.get(parent, ()))

    return nodes(0)


def _tables_read(steps: Steps, tables: Mapping[str, str]) -> list[str]:
    """The tables that steps go over, each once, in order."""
    found = []
    for _, _, said in steps:
        if (access := _ACCESS.fullmatch(said)) and not _is_said(said):
            name = access["what"].removeprefix("main.")
            table = tables.get(name.lower(), name)
            if table and not _is_inner(name):
                found.append(table)
    return list(dict.fromkeys(found))


def _node(said: str, tables: Mapping[str, str], rows: Mapping[str, int], children: tuple[PlanNode, ...]) -> PlanNode:
    said = _NUMBERED.sub("a subquery", _HIDDEN.sub("a masked table", said))
    for pattern, words, cost in _SAID:
        if match := re.fullmatch(pattern, said):
            return PlanNode(match.expand(words), None, cost, children)
    access = _ACCESS.fullmatch(said)
    if access is None:
        return PlanNode(said, None, "part", children)
    name = access["what"].removeprefix("main.")
    table = tables.get(name.lower(), name)
    label = table if table.lower() == name.lower() or not table else f"{table} ({name})"
    known = rows.get(table.lower())
    words, cost, walked = _access(access, label or name, known, is_table=bool(table) and not _is_inner(name))
    if access["left"]:
        words += "; rows without a match stay"
    return PlanNode(words, walked, cost, children)


def _access(access: re.Match[str], label: str, known: int | None, *, is_table: bool) -> tuple[str, Cost, int | None]:
    index, terms = access["index"] or "", _columns(access["terms"] or "")
    rows = f": {rows_words(known)}" if known is not None else ""
    walk: Cost = "cheap" if known is not None and known <= MANY_ROWS else "scan"
    if index.startswith("AUTOMATIC"):
        return f"builds an index of {label} by {terms} for this query{rows}, and looks up in it", walk, known
    if access["how"] == "SCAN":
        if not is_table:
            return f"reads the rows of {label}", "cheap", None
        if "COVERING INDEX" in index:
            return f"scans {_index(index)} of {label} alone{rows}", walk, known
        return f"scans {label}{f' in the order of {_index(index)}' if index else ''}{rows}", walk, known
    if not index:
        return f"reads one end of {label}", "cheap", None
    if "PRIMARY KEY" not in index:
        return f"looks up {label} by {terms}, with {_index(index)}", "cheap", None
    by = "its key" if terms in ("rowid", "") else f"{terms} of its key"
    return f"{'reads a range of' if _is_range(access['terms']) else 'looks up'} {label} by {by}", "cheap", None


def _index(index: str) -> str:
    name = index.split()[-1]
    return "the unique index" if name.startswith("sqlite_autoindex_") else f"the index {name}"


def _columns(terms: str) -> str:
    names = dict.fromkeys(re.findall(r"([A-Za-z_]\w*)\s*(?:=|<|>|IS)", terms))
    return ", ".join(names)


def _is_range(terms: str | None) -> bool:
    return bool(re.search("[<>]", terms or ""))


def _is_said(said: str) -> bool:
    return any(re.fullmatch(pattern, said) for pattern, _, _ in _SAID)


def _is_inner(name: str) -> bool:
    return bool(_NUMBERED.fullmatch(name) or _HIDDEN.fullmatch(name)) or name in ("a masked table", "a subquery")


def _lines(node: PlanNode, depth: int) -> list[str]:
    return [f"{'  ' * depth}{node.words}", *(line for child in node.children for line in _lines(child, depth + 1))]
