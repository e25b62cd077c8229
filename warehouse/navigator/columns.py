"""Steps 2 and 3 of the proof: which tables a SELECT joins to the facts and how, and where each column comes from."""

from __future__ import annotations

from sqlglot import exp

from warehouse.models import FACT
from warehouse.navigator.proof import Unproven
from warehouse.navigator.shapes import COLUMNS, KEYS, PRODUCT, SUPPLIER, TIME

FACTS = FACT.lower()
UNJOINED_TIME = "time dimension"  # an alias that stands for the time of a fact where nothing is joined; never written


class Tables:
    """The tables of one SELECT by their aliases, in lower case. `using` holds columns that USING joined."""

    def __init__(self) -> None:
        self.by_alias: dict[str, str] = {}
        self.using: set[str] = set()

    @property
    def fact(self) -> str:
        """The alias of the facts."""
        return self.alias_of(FACTS)

    def alias_of(self, table: str) -> str:
        """The alias of a table; empty if it is not joined."""
        return next((alias for alias, name in self.by_alias.items() if name == table), "")

    @property
    def time(self) -> str:
        """The alias of the time dimension, joined or not."""
        return self.alias_of(TIME) or UNJOINED_TIME

    def joined(self) -> list[tuple[str, str]]:
        """(table, alias) of the dimensions, the supplier last, since it is reached through the product."""
        found = [(table, alias) for alias, table in self.by_alias.items() if table != FACTS]
        return sorted(found, key=lambda pair: pair[0] == SUPPLIER)

    def origin(self, column: exp.Column) -> tuple[str, str]:
        """(table, column) of a resolved column."""
        if column.table == UNJOINED_TIME:
            return TIME, column.name.lower()
        return self.by_alias[column.table.lower()], column.name.lower()

    def add(self, table: exp.Expr | None) -> str:
        """Take a table in; its alias. Raises `Unproven` unless it is one of the star, for the first time."""
        if not isinstance(table, exp.Table) or table.args.get("db") or table.args.get("joins"):
            raise Unproven("it reads something else than plain tables")
        name, alias = table.name.lower(), (table.alias or table.name).lower()
        if name not in COLUMNS:
            raise Unproven(f"it joins {table.name}")
        if alias in self.by_alias or name in self.by_alias.values():
            raise Unproven(f"it joins {table.name} twice")
        self.by_alias[alias] = name
        return alias


def tables_of(select: exp.Select) -> Tables:
    """The tables of `select`, whose join conditions are moved away once they are proven to join by keys."""
    tables = Tables()
    source = select.args.get("from_")
    if source is None:
        raise Unproven("it reads no table")
    tables.add(source.this)
    conditions = [select.args["where"].this] if select.args.get("where") else []
    outer = False
    for join in select.args.get("joins") or []:
        conditions += _joined(join, tables)
        outer = outer or bool(join.side)
    if FACTS not in tables.by_alias.values():
        raise Unproven(f"it does not read {FACT}")
    if outer and tables.by_alias.get((source.this.alias or source.this.name).lower()) != FACTS:
        raise Unproven("its LEFT JOIN does not begin at the facts")
    rest = _without_keys(conditions, tables)
    select.set("joins", None)
    select.set("where", exp.Where(this=exp.and_(*rest, copy=False)) if rest else None)
    return tables


def _joined(join: exp.Join, tables: Tables) -> list[exp.Expr]:
    """Take the joined table in; the conditions of the join."""
    if join.method or join.side not in ("", "LEFT") or join.kind not in ("", "INNER", "CROSS", "OUTER"):
        raise Unproven(f"a {join.method or join.side or join.kind} JOIN is not looked through")
    before = list(tables.by_alias)
    alias = tables.add(join.this)
    found = [join.args["on"]] if join.args.get("on") else []
    for name in join.args.get("using") or []:
        column = name.name.lower()
        left = [other for other in before if column in COLUMNS[tables.by_alias[other]]]
        if not left:
            raise Unproven(f"USING ({name.name}) names no column of the tables before it")
        tables.using.add(column)
        found.append(exp.EQ(this=_column(left[0], column), expression=_column(alias, column)))
    if join.side == "LEFT" and (len(found) != 1 or not isinstance(found[0].unnest(), exp.EQ)):
        raise Unproven("a LEFT JOIN on more than a key is not looked through")
    return found


def _column(alias: str, name: str) -> exp.Column:
    return exp.column(exp.to_identifier(name), table=exp.to_identifier(alias, quoted=True))


def _without_keys(conditions: list[exp.Expr], tables: Tables) -> list[exp.Expr]:
    """The conditions that are left when every dimension has been joined by its key."""
    parts = [part for whole in conditions for part in (whole.flatten() if isinstance(whole, exp.And) else [whole])]
    parts = [inner for part in parts for inner in _conjuncts(part)]
    rest = []
    proven = set()
    for part in parts:
        pair = part.unnest()
        joined = _key_joined(pair, tables) if isinstance(pair, exp.EQ) else None
        if joined and joined not in proven:
            proven.add(joined)
        else:
            rest.append(part)
    for table, _ in tables.joined():
        if table not in proven:
            raise Unproven(f"{table} is not joined by its key alone")
    return rest


def _conjuncts(part: exp.Expr) -> list[exp.Expr]:
    inner = part.unnest()
    return [found for side in inner.flatten() for found in _conjuncts(side)] if isinstance(inner, exp.And) else [part]


def _key_joined(pair: exp.EQ, tables: Tables) -> str | None:
    """The dimension that this equality joins by its key."""
    sides = []
    for side in (pair.left, pair.right):
        if not isinstance(side, exp.Column):
            return None
        resolve_column(side, tables)
        sides.append(tables.origin(side))
    for (table, column), (other, other_column) in (sides, sides[::-1]):
        parent = PRODUCT if table == SUPPLIER else FACTS
        if table != FACTS and other == parent and column == other_column == KEYS[table]:
            return table
    return None


def resolve(select: exp.Select, tables: Tables) -> None:
    """Give every column its table, and put what it stands for in the place of every alias of the result."""
    aliases = {item.alias.lower(): item.this for item in select.expressions if isinstance(item, exp.Alias)}
    for star in select.find_all(exp.Star):
        if not isinstance(star.parent, exp.Count):
            raise Unproven("it lists single transactions")
    for item in select.expressions:
        for column in list(item.find_all(exp.Column)):
            resolve_column(column, tables)
    for part in ("where", "group", "having", "order"):
        for column in list(select.args[part].find_all(exp.Column)) if select.args.get(part) else []:
            name = column.name.lower()
            is_term = isinstance(column.parent, exp.Ordered)
            known = any(name in COLUMNS[table] for table in tables.by_alias.values())
            if not column.table and name in aliases and (is_term or not known):
                column.replace(exp.paren(aliases[name].copy()))
            else:
                resolve_column(column, tables)


def resolve_column(column: exp.Column, tables: Tables) -> None:
    """Give one column its table. Raises `Unproven` if that is not clear."""
    name = column.name.lower()
    if column.table:
        alias = column.table.lower()
        if alias == UNJOINED_TIME:
            return
        if name not in COLUMNS.get(tables.by_alias.get(alias, ""), ()):
            raise Unproven(f"{column.sql()} is not a column of the star")
    else:
        holders = [alias for alias, table in tables.by_alias.items() if name in COLUMNS[table]]
        if not holders or (len(holders) > 1 and name not in tables.using):
            raise Unproven(f"{column.sql()} is not clearly a column of one table")
        alias = tables.fact if tables.fact in holders else holders[0]
    column.set("table", exp.to_identifier(alias, quoted=True))
