"""Writes portable SQL as Spark's, so that it computes what SQLite computes.

Where the two differ, for the same text:
1. A comparison is the number 0 or 1, and a number is a condition.
2. Whole numbers have 64 bits and divide to whole numbers; a number with a point is a double, not a decimal.
   Division by zero gives NULL.
3. LIKE, upper() and lower() know the letters A to Z alone as large and small.
4. The least and the greatest of several values are NULL where one of them is.
What is left, such as comparing a text with a number, is refused rather than answered otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from string import ascii_lowercase, ascii_uppercase

from sqlglot import exp

from warehouse.errors import QueryRefused

WHOLE, REAL, TEXT, TRUTH, NOTHING = "a whole number", "a number with a point", "text", "a comparison", "NULL"
_T = exp.DataType.Type
_KINDS = {
    **dict.fromkeys((_T.TINYINT, _T.SMALLINT, _T.INT, _T.BIGINT), WHOLE),
    **dict.fromkeys((_T.FLOAT, _T.DOUBLE), REAL),
    **dict.fromkeys((_T.TEXT, _T.VARCHAR, _T.CHAR), TEXT),
    _T.NULL: NOTHING,
}
NUMBERS = (WHOLE, REAL, TRUTH, NOTHING)
COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Nullif)
PREDICATES = (*COMPARISONS[:-1], exp.Is, exp.And, exp.Or, exp.Not, exp.In, exp.Between, exp.Like, exp.Exists)
# Where Spark takes a plain number only: positions, counts and frames.
PLAIN_PARENTS = (exp.Limit, exp.Offset, exp.Ordered, exp.Group, exp.WindowSpec, exp.Ntile)
PLAIN_ARGUMENTS = {
    (exp.Lag, "offset"),
    (exp.Lead, "offset"),
    (exp.Substring, "start"),
    (exp.Substring, "length"),
}
BIGGEST = 2**63 - 1


def spark_sql(tree: exp.Query) -> str:
    """The text for Spark of a tree that `portable` made, which it changes. Raises `QueryRefused`."""
    for node in reversed(list(tree.walk())):
        _settle(node)
    for node in tree.walk():
        if check := _CHECKS.get(type(node)):
            check(node)
    for node in reversed(list(tree.walk())):
        if write := _WRITERS.get(type(node)):
            if strange := {name for name, value in node.args.items() if value} - _ARGUMENTS:
                raise QueryRefused(f"{_shown(node)} is not portable to this engine ({', '.join(sorted(strange))})")
            _put(node, write(node))
    return tree.sql("spark", comments=False, identify=True)


def kind_of(node: exp.Expr | None) -> str:
    """What a typed part of a query gives."""
    if node is None:
        return NOTHING
    if isinstance(node, exp.Paren):
        return kind_of(node.this)
    if isinstance(node, PREDICATES):
        return TRUTH
    if isinstance(node, exp.Null):
        return NOTHING
    if node.type is None:
        return "something of an unknown type"
    if node.is_type(_T.BOOLEAN):
        return WHOLE
    return _KINDS.get(node.type.this, "something of an unknown type")


# ---- 1. comparisons and numbers -------------------------------------------


def _settle(node: exp.Expr) -> None:
    """Make a comparison a number where a value is wanted, and a value a comparison where a condition is."""
    if isinstance(node, exp.Paren) or node.parent is None:
        return
    wanted, kind = _is_condition(node), kind_of(node)
    if kind is TRUTH and not wanted and not isinstance(node.parent, exp.Paren):
        _put(node, _typed(exp.Cast(this=node.copy(), to=exp.DataType(this=_T.BIGINT)), _T.BIGINT))
    elif wanted and kind is not TRUTH:
        if kind not in NUMBERS:
            raise QueryRefused(f"a condition is a comparison or a number, found {kind}")
        zero = _typed(exp.Literal.number(0), _T.INT)
        _put(node, _typed(exp.NEQ(this=exp.Paren(this=node.copy()), expression=zero), _T.BOOLEAN))


def _is_condition(node: exp.Expr) -> bool:
    while isinstance(node.parent, exp.Paren):
        node = node.parent
    parent = node.parent
    if isinstance(parent, exp.If):
        simple = isinstance(parent.parent, exp.Case) and parent.parent.this is not None
        return node.arg_key == "this" and not simple
    if isinstance(parent, exp.Join):
        return node.arg_key == "on"
    return isinstance(parent, exp.Where | exp.Having | exp.And | exp.Or | exp.Not)


# ---- what fits together ----------------------------------------------------


def _numbers(node: exp.Expr) -> None:
    for part in (node.this, node.args.get("expression")):
        value = part.expressions[0] if isinstance(part, exp.Distinct) else part
        if kind_of(value) not in NUMBERS:
            raise QueryRefused(f"{_shown(node)} needs numbers, found {kind_of(value)}; write a CAST")


def _whole(node: exp.Expr) -> None:
    for part in (node.this, node.expression):
        if kind_of(part) not in (WHOLE, TRUTH, NOTHING):
            raise QueryRefused(f"{_shown(node)} needs whole numbers, found {kind_of(part)}; write a CAST")


def _texts(node: exp.Expr) -> None:
    for part in node.iter_expressions():
        if kind_of(part) not in (TEXT, NOTHING):
            raise QueryRefused(f"{_shown(node)} needs text, found {kind_of(part)}; write a CAST")


def _comparable(node: exp.Expr) -> None:
    parts = [node.this, node.args.get("expression"), node.args.get("low"), node.args.get("high"), *node.expressions]
    if query := node.args.get("query"):
        parts.append(query.unnest().selects[0])
    _one_of(node, parts, (NUMBERS, (TEXT, NOTHING)), "compares")


def _alike(node: exp.Expr) -> None:
    """One kind alone: SQLite would give each row the type of what it chose, Spark one type to all."""
    if isinstance(node, exp.Case):
        parts = [*(branch.args["true"] for branch in node.args["ifs"]), node.args.get("default")]
    elif isinstance(node, exp.If):
        parts = [node.args["true"], node.args.get("false")]
    else:
        parts = [node.this, *node.expressions, node.args.get("default")]
    _one_of(node, parts, ((WHOLE, TRUTH, NOTHING), (REAL, NOTHING), (TEXT, NOTHING)), "mixes")


def _simple_case(node: exp.Expr) -> None:
    if node.this is not None:
        parts = [node.this, *(branch.this for branch in node.args["ifs"])]
        _one_of(node, parts, (NUMBERS, (TEXT, NOTHING)), "compares")
    _alike(node)


def _columns_alike(node: exp.Expr) -> None:
    assert isinstance(node, exp.SetOperation)
    for pair in zip(node.left.selects, node.right.selects, strict=False):
        _one_of(node, list(pair), ((WHOLE, TRUTH, NOTHING), (REAL, NOTHING), (TEXT, NOTHING)), "mixes")


def _one_of(node: exp.Expr, parts: Sequence[exp.Expr | None], sets: Sequence[Sequence[str]], does: str) -> None:
    kinds = list(dict.fromkeys(kind_of(part) for part in parts))
    if not any(all(kind in permitted for kind in kinds) for permitted in sets):
        kinds = [kind for kind in kinds if kind is not NOTHING]
        advice = "write 0.0 for 0, or a CAST" if set(kinds) == {WHOLE, REAL} else "write a CAST"
        raise QueryRefused(f"{_shown(node)} {does} {' with '.join(kinds)}; {advice}")


def _a_count(node: exp.Expr) -> None:
    value = node.expression
    if not isinstance(value, exp.Literal) or value.is_string or not value.name.isdigit() or int(value.name) >= 2**31:
        raise QueryRefused(f"{node.key.upper()} takes a whole number from 0 to 2147483647")


def _castable(node: exp.Expr) -> None:
    if kind_of(node) not in (WHOLE, REAL, TEXT):
        raise QueryRefused(f"{_shown(node)}: only INTEGER, REAL and TEXT mean the same everywhere")
    if isinstance(node.this, exp.Replace):
        return
    if kind_of(node) is TEXT and kind_of(node.this) not in (TEXT, WHOLE, NOTHING):
        raise QueryRefused(f"{_shown(node)}: a number with a point is written otherwise by every engine")


def _substring(node: exp.Expr) -> None:
    if kind_of(node.this) not in (TEXT, NOTHING):
        raise QueryRefused(f"{_shown(node)} needs text, found {kind_of(node.this)}; write a CAST")
    for name, least in (("start", 1), ("length", 0)):
        part = node.args.get(name)
        if part is not None and not (part.is_int and isinstance(part, exp.Literal) and int(part.name) >= least):
            raise QueryRefused(f"{_shown(node)}: its {name} is a whole number from {least}")


def _joinable(node: exp.Expr) -> None:
    for part in (node.this, node.expression):
        if kind_of(part) not in (TEXT, WHOLE, NOTHING):
            raise QueryRefused(f"{_shown(node)} joins text, found {kind_of(part)}; write a CAST")


_CHECKS: dict[type[exp.Expr], Callable[[exp.Expr], None]] = {
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg, exp.Sum, exp.Avg, exp.Abs), _numbers),
    exp.Mod: _whole,
    **dict.fromkeys((*COMPARISONS, exp.Is, exp.In, exp.Between), _comparable),
    **dict.fromkeys((exp.Coalesce, exp.Greatest, exp.Least, exp.If, exp.Lag, exp.Lead), _alike),
    exp.Case: _simple_case,
    **dict.fromkeys((exp.Union, exp.Except, exp.Intersect), _columns_alike),
    **dict.fromkeys((exp.Limit, exp.Offset), _a_count),
    **dict.fromkeys((exp.Like, exp.Upper, exp.Lower, exp.Length, exp.Replace, exp.StrPosition, exp.Trim), _texts),
    exp.Substring: _substring,
    exp.DPipe: _joinable,
    exp.Cast: _castable,
}


# ---- 2. to 4. how it is written ---------------------------------------------


def _literal(node: exp.Expr) -> exp.Expr:
    if node.is_string or isinstance(node.parent, PLAIN_PARENTS) or (type(node.parent), node.arg_key) in PLAIN_ARGUMENTS:
        return node
    if kind_of(node) is WHOLE and node.name.isdigit():
        if int(node.name) > BIGGEST:
            raise QueryRefused(f"{node.name} has more than 64 bits")
        return exp.Cast(this=node.copy(), to=exp.DataType(this=_T.BIGINT))
    value = float(node.name)
    if value == float("inf"):
        raise QueryRefused(f"{node.name[:40]} is too large for a number")
    return exp.Cast(this=exp.Literal.string(repr(value)), to=exp.DataType(this=_T.DOUBLE))


def _division(node: exp.Expr) -> exp.Expr:
    divisor = exp.Nullif(this=node.expression.copy(), expression=exp.Literal.number(0))
    if kind_of(node) is WHOLE and REAL not in (kind_of(node.this), kind_of(node.expression)):
        return exp.Paren(this=exp.IntDiv(this=_whole_cast(node.this), expression=divisor))
    # A whole number on one side becomes a double before it is divided, as in SQLite.
    double = exp.Cast(this=node.this.copy(), to=exp.DataType(this=_T.DOUBLE))
    return exp.Paren(this=exp.Div(this=double, expression=divisor))


def _remainder(node: exp.Expr) -> exp.Expr:
    divisor = exp.Nullif(this=node.expression.copy(), expression=exp.Literal.number(0))
    return exp.Paren(this=exp.Mod(this=node.this.copy(), expression=divisor))


def _whole_cast(node: exp.Expr) -> exp.Expr:
    return exp.Cast(this=node.copy(), to=exp.DataType(this=_T.BIGINT)) if kind_of(node) is NOTHING else node.copy()


def _cast(node: exp.Expr) -> exp.Expr:
    to = {WHOLE: _T.BIGINT, REAL: _T.DOUBLE, TEXT: _T.TEXT}[kind_of(node)]
    return exp.Cast(this=node.this.copy(), to=exp.DataType(this=to))


def _folded(node: exp.Expr, *, upper: bool = False) -> exp.Expr:
    letters = (ascii_lowercase, ascii_uppercase) if upper else (ascii_uppercase, ascii_lowercase)
    return exp.Anonymous(this="TRANSLATE", expressions=[node.copy(), *map(exp.Literal.string, letters)])


def _like(node: exp.Expr) -> exp.Expr:
    pattern = exp.Replace(
        this=_folded(node.expression), expression=exp.Literal.string("\\"), replacement=exp.Literal.string("\\\\")
    )
    like = exp.Like(this=_folded(node.this), expression=pattern)
    return exp.Paren(this=exp.Not(this=like) if node.args.get("negate") else like)


def _extreme(node: exp.Expr) -> exp.Expr:
    parts = [node.this, *node.expressions]
    unknown = exp.or_(*(exp.Is(this=part.copy(), expression=exp.null()) for part in parts))
    return exp.Case(ifs=[exp.If(this=unknown, true=exp.null())], default=type(node)(**_copied(node)))


def _copied(node: exp.Expr) -> dict[str, object]:
    return dict(node.copy().args)


def _is(node: exp.Expr) -> exp.Expr:
    if isinstance(node.expression, exp.Null):
        return node
    equal = exp.NullSafeEQ(this=node.this.copy(), expression=node.expression.copy())
    return exp.Not(this=exp.Paren(this=equal)) if node.args.get("negate") else equal


_WRITERS: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.Literal: _literal,
    exp.Div: _division,
    exp.Mod: _remainder,
    exp.Cast: _cast,
    exp.Upper: lambda node: _folded(node.this, upper=True),
    exp.Lower: lambda node: _folded(node.this),
    exp.Like: _like,
    exp.Greatest: _extreme,
    exp.Least: _extreme,
    exp.Is: _is,
}


# Of what is written anew, the parts that are known: one that is not must not get lost.
_ARGUMENTS = {"this", "expression", "expressions", "negate", "to", "typed", "safe", "is_string", "ignore_nulls"}


def _put(node: exp.Expr, new: exp.Expr) -> None:
    if new is not node:
        for part in (new, new.this) if isinstance(new, exp.Paren) else (new,):
            if part.type is None:
                part.type = node.type
        node.replace(new)


def _typed(node: exp.Expr, kind: exp.DType) -> exp.Expr:
    node.type = exp.DataType(this=kind)
    return node


def _shown(node: exp.Expr) -> str:
    text = node.sql("sqlite", comments=False).replace('"', "")
    return " ".join((text if len(text) <= 60 else text[:59] + "…").split())
