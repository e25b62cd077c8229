"""Texts as people type SQL: words, quotations, comments, and half of them."""

from __future__ import annotations

from hypothesis import strategies as st

WORDS = (
    "SELECT", "select", "FROM", "WHERE", "and", "OR", "JOIN", "LEFT", "ON", "GROUP BY", "ORDER BY", "WITH", "AS",
    "CASE", "WHEN", "THEN", "END", "UNION ALL", "Store_Table", "s", "f", "store_id", "region", "sum(", "count(*)",
    "(", ")", ",", ".", ";", "*", "=", "-", "--", "/*", "*/", "/", "'", "''", '"', "`", "[", "]", "'a;b'", '"x"',
    "-- c\n", "/* d */", "1", "2.5", ":p", "\n", " ", "  ", "é", "€", "\0", "x'0f'", "limit 5",
)  # fmt: skip
SQL = st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=3)), max_size=40).flatmap(
    lambda parts: st.sampled_from(["", " "]).map(lambda joint: joint.join(parts))
)

_NAMES = st.sampled_from(["a", "b", "s.region", '"odd name"', "f.store_id", "'it''s'", "1", "2.50", "NULL", ":day"])
_VALUES = st.recursive(
    _NAMES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*", "||", "=", "<>", "and", "or", "like", "is not"]), inner).map(
            " ".join
        ),
        inner.map("({})".format),
        inner.map(lambda text: f"-{' ' * text.startswith('-')}{text}"),
        st.lists(inner, min_size=1, max_size=4).map(lambda items: f"coalesce(a, {', '.join(items)})"),
        st.tuples(inner, inner, inner).map(lambda v: f"case when {v[0]} then {v[1]} else {v[2]} end"),
        inner.map("a between 1 and ({})".format),
        inner.map("exists (select {} from t where b > 1)".format),
        inner.map("a in (select {} from t)".format),
    ),
    max_leaves=12,
)
_SPACE = st.sampled_from([" ", "\n", "  ", " /* note */ ", " -- note\n", "\n-- own line\n", "\n/* two\nlines */\n"])


@st.composite
def selects(draw: st.DrawFn) -> str:
    """One SELECT that SQLite's parser takes, with comments between its clauses."""
    listed = ", ".join(draw(st.lists(_VALUES, min_size=1, max_size=4)))
    parts = [f"select {listed}", "from t as f left join Store_Table s on f.store_id = s.store_id"]
    if draw(st.booleans()):
        parts.append(f"where {draw(_VALUES)}")
    if draw(st.booleans()):
        parts.append(f"group by a, {draw(_VALUES)} having count(*) > 1")
    if draw(st.booleans()):
        parts.append(f"union all select {listed} from u")
    if draw(st.booleans()):
        parts.append("order by 1 desc limit 5")
    if draw(st.booleans()):
        parts.insert(0, f"with w(x) as (select {draw(_VALUES)} from t)")
    text = parts[0]
    for part in parts[1:]:
        text += draw(_SPACE) + part
    return text
