"""Statements on a query whose rows each belong to one row of a table: any place of it is found by that table's key."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.governed import Parameters
from warehouse.shaping import Shape, conditions_of, order_of


@dataclass(frozen=True, slots=True)
class KeyedRows:
    """A query in its parts, sorted and filtered by `shape`; `key_walk` proves that it is one.

    Its statements have the columns c0, c1, … and the key k, and bind `from_key` and `values` beside the query's own
    parameters. Rows that its order takes for equal come in the order of the key.
    """

    listed: str
    source: str  # what stands behind FROM
    where: str
    terms: tuple[tuple[str, str], ...]  # of ORDER BY, as written and the other way round; none where the key orders
    key: tuple[str, ...]  # `"alias".column` of each column of the key
    table: str
    backwards: bool  # in the order of the key, from its end
    fewest: str  # the FROM that has as many rows, without the joins that do not matter for that
    alone: bool  # whether that is the table alone
    columns: int
    shape: Shape
    prefix: str

    @property
    def ordered(self) -> bool:
        """Whether the rows come in another order than the key's."""
        return bool(self.terms or self.shape.order)

    @property
    def one_for_each(self) -> bool:
        """Whether every row of the table has one."""
        return self.alone and not self.where and not self.shape.conditions

    @property
    def from_key(self) -> tuple[str, ...]:
        """The names of the parameters that say at which key rows begin."""
        return tuple(f"{self.prefix}_from{n}" for n in range(len(self.key)))

    @property
    def values(self) -> Parameters:
        """What the conditions of the shape bind."""
        return conditions_of(self.shape, self.columns, f"{self.prefix}_is")[1]

    def window(self) -> str:
        """The rows from a key on, in the order of the key."""
        return f"{self._rows(self._names, self._from)} ORDER BY {self._keys}"

    def from_the_end(self) -> str:
        """All rows in the opposite order."""
        down = ", ".join(f"k{n} DESC" for n in range(len(self.key)))
        if self.shape.order:
            return f"{self._rows(self._names)} ORDER BY {order_of(self.shape, self.columns, backwards=True)}, {down}"
        if self.terms:
            inner = [*(turned for _, turned in self.terms), *(f"{column} DESC" for column in self.key)]
            return self._rows(self._names, inner=inner)
        return f"{self._rows(self._names)} ORDER BY {self._keys if self.backwards else down}"

    def all_keys(self) -> str:
        """The keys of all rows, in their order."""
        return f"{self._all_keys()} ORDER BY {self._keys}"

    def keys(self) -> str:
        """The keys of the rows from a key on, in their order."""
        return f"{self._all_keys(self._from)} ORDER BY {self._keys}"

    def count(self) -> str:
        """How many rows there are."""
        return f"SELECT count(*) FROM (\n{self._all_keys()}\n)"  # noqa: S608 - of the query's own parts

    @property
    def _names(self) -> str:
        return ", ".join(f"c{n}" for n in range(self.columns))

    @property
    def _keys(self) -> str:
        return ", ".join(f"k{n}" for n in range(len(self.key)))

    @property
    def _from(self) -> str:
        values = ", ".join(f":{name}" for name in self.from_key)
        return f"({self._keys}) >= ({values})" if len(self.key) > 1 else f"k0 >= {values}"

    def _all_keys(self, condition: str = "") -> str:
        if self.shape.conditions:
            return self._rows(self._keys, condition)
        where = f" WHERE (\n{self.where}\n)" if self.where else ""
        named = ", ".join(f"{column} AS k{n}" for n, column in enumerate(self.key))
        text = f"SELECT {self._keys} FROM (SELECT {named} FROM {self.fewest}{where})"  # noqa: S608 - as above
        return f"{text} WHERE {condition}" if condition else text

    def _rows(self, listed: str, condition: str = "", *, inner: list[str] | None = None) -> str:
        """`listed` of the query's rows, with an order of the rows within it."""
        where = f" WHERE (\n{self.where}\n)" if self.where else ""
        order = f" ORDER BY {', '.join(inner)}" if inner else ""
        shaped, _ = conditions_of(self.shape, self.columns, f"{self.prefix}_is")
        query = f"SELECT {self.listed}\n, {', '.join(self.key)} FROM {self.source}{where}{order}"  # noqa: S608 - as above
        text = f"WITH {self.prefix}({self._names}, {self._keys}) AS (\n{query}\n) SELECT {listed} FROM {self.prefix}"  # noqa: S608 - as above
        conditions = " AND ".join(part for part in (shaped, condition) if part)
        return f"{text} WHERE {conditions}" if conditions else text
