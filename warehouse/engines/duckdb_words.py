"""What a query on DuckDB may not name, and what DuckDB says about one, in words that point at the place."""

from __future__ import annotations

import re
from itertools import pairwise

from warehouse.engines.duckdb_process import ENDED, WorkerError
from warehouse.engines.duckdb_worker import LONGEST_ROW
from warehouse.errors import QueryRefused, QueryStopped
from warehouse.sql_errors import unbound_refused
from warehouse.sql_text import Token, shown, where

# Files, settings, the engine's own tables and what carries out SQL in a text. SQLite's engine knows none of them.
INNER_TABLES = ("duckdb_", "pragma_", "pg_", "sqlite_master", "sqlite_schema", "sqlite_temp", "information_schema")
INNER_FUNCTIONS = ("read_", "sqlite_", "parquet_", "postgres_", "mysql_", "iceberg_", "delta_", "st_", "test_")
INNER_NAMES = frozenset(
    (
        "glob", "getenv", "getvariable", "current_setting", "query", "query_table", "sniff_csv", "seq_scan",
        "arrow_scan", "arrow_scan_dumb", "pandas_scan", "python_map_function", "storage_info", "checkpoint",
        "force_checkpoint", "which_secret", "from_substrait", "json_execute_serialized_sql", "write_log",
        "parse_duckdb_log", "sql_auto_complete", "load_extension", "repeat_row",
    )
)  # fmt: skip
LENGTHENING = frozenset(("repeat", "lpad", "rpad", "array_resize", "list_resize", "bar"))
# Of several values SQLite gives the greatest, DuckDB a list of so many of the greatest.
OTHERWISE = {"max": "greatest", "min": "least"}
ANOTHER = frozenset(("format", "hex", "json_extract", "random", "round", "typeof"))
BEFORE_TABLE = frozenset(("from", "join"))
MOST_SAID = 300

_NEAR = re.compile(r'syntax error at or near "(.*?)"', re.DOTALL)
_MISSING = re.compile(
    r"(?P<kind>Table|Scalar Function|Table Function|Aggregate Function|Function) with name (?P<name>.+?) "
    r"(?:does not exist|is not in the catalog)|Referenced column \"(?P<column>.+?)\" (?:was )?not found"
    r"|Referenced table \"(?P<table>.+?)\" not found|does not have a column named \"(?P<other>.+?)\"",
    re.DOTALL,
)
_NOT_GIVEN = re.compile(r"Values were not provided for the following parameters: (?:(\d+)|(\w+))")
_PREFIX = re.compile(r"[A-Z][A-Za-z ]+ Error: ")
_INTERNAL = re.compile(
    r"extension|install|\bload\b|\bset\b|\bpragma|setting|configuration|/|\\|INTERNAL", re.IGNORECASE
)
_CARET = re.compile(r"LINE (\d+): (.*)\n( *)\^")


def refuse_inner(text: str, found: list[Token]) -> None:
    """Raise `QueryRefused` where a query names what is of the engine itself, a file, or what lengthens a text.

    And where DuckDB would answer something else than SQLite without a word.
    """
    for token, following in pairwise((*found, found[-1])):
        if token.kind not in ("word", "quoted"):
            if token.kind == "string" and _is_table(found, token):
                raise _refused("a file is not for queries: expected a table of the warehouse", text, token.start)
            continue
        called = following.text == "("
        function = called and (token.name.startswith(INNER_FUNCTIONS) or token.name in INNER_NAMES)
        if function or token.name.startswith(INNER_TABLES):
            what = "function" if called else "table"
            raise _refused(f"not permitted: the {what} {shown(token.bare)} is not for queries", text, token.start)
        if called and token.name in LENGTHENING:
            raise _refused(
                f"not permitted: the function {token.name} makes texts of any length, and one row may have "
                f"{LONGEST_ROW:,} bytes",
                text,
                token.start,
            )
        if called and token.name in ANOTHER:
            raise _refused(f"{token.name} is another function here: use --engine sqlite", text, token.start)
        if called and token.name in OTHERWISE and _has_several(found[found.index(following) :]):
            raise _refused(
                f"{token.name} of several values is another function here: write {OTHERWISE[token.name]}",
                text,
                token.start,
            )


def _has_several(call: list[Token]) -> bool:
    """Whether a call, from its parenthesis on, has more than one argument."""
    depth = 0
    for token in call:
        depth += (token.text == "(") - (token.text == ")")
        if depth == 1 and token.text == ",":
            return True
        if depth == 0:
            break
    return False


def in_words(error: WorkerError, text: str, found: list[Token]) -> QueryRefused | QueryStopped:
    """The error to raise for what DuckDB said about `text`."""
    said = str(error)
    if error.kind == "NotOneSelect":
        return QueryRefused("only one SELECT is permitted")
    if error.kind == "TooLong":
        return QueryRefused(
            f"the query asks for more than is permitted: a row has {int(said):,} bytes, and one may have "
            f"{LONGEST_ROW:,}; select less of it, with substr()"
        )
    if error.kind == "OutOfMemoryException" or "bad_alloc" in said or "Out of Memory" in said:
        return QueryStopped(ENDED)
    if near := _NEAR.search(said):
        position = _at_caret(said, text)
        return _refused(f"syntax error: {shown(near[1])} is not expected there", text, position)
    if not_given := _NOT_GIVEN.search(said):
        return unbound_refused(text, not_given[2])
    if "at end of input" in said:
        return _refused("the query ends too early", text, len(text))
    if missing := _MISSING.search(said):
        name = next(filter(None, missing.group("name", "column", "table", "other")))
        kind = "column" if missing["column"] or missing["other"] else "table"
        kind = "function" if "Function" in (missing["kind"] or "") else kind
        return _refused(f"there is no {kind} {shown(name)[1:-1]}", text, _position_of(name, found))
    if "xpression" in said and "depth" in said:
        return QueryRefused("the query is nested too deeply for this engine; simplify it")
    first = _PREFIX.sub("", said.strip().splitlines()[0] if said.strip() else "")[:MOST_SAID]
    if not first or _INTERNAL.search(first):
        return QueryRefused("DuckDB cannot carry out the query: it asks for what this engine is not given here")
    return _refused(f"DuckDB cannot carry out the query: {first}", text, _at_caret(said, text))


def _is_table(found: list[Token], token: Token) -> bool:
    """Whether a text stands where a table does: DuckDB would read the file of that name."""
    index = found.index(token)
    return index > 0 and found[index - 1].kind == "word" and found[index - 1].name in BEFORE_TABLE


def _position_of(name: str, found: list[Token]) -> int | None:
    bare = name.rpartition(".")[2].strip('"').lower()
    return next((token.start for token in found if token.name == bare), None)


def _at_caret(said: str, text: str) -> int | None:
    """The offset that DuckDB's caret points at, where it shows the line whole."""
    caret = _CARET.search(said)
    if caret is None:
        return None
    lines = text.split("\n")
    number = int(caret[1]) - 1
    column = len(caret[3]) - len(f"LINE {caret[1]}: ")
    if number >= len(lines) or lines[number].rstrip() != caret[2].rstrip() or column < 0:
        return None
    return sum(len(line) + 1 for line in lines[:number]) + column


def _refused(message: str, text: str, position: int | None) -> QueryRefused:
    return QueryRefused(message + (where(text, position) if position is not None else ""), position=position)
