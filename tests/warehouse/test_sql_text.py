"""SQL as pieces and tokens: nothing of a text is lost, and what begins no token is pointed at."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.warehouse.sql_strategies import SQL
from warehouse.errors import QueryRefused
from warehouse.sql_text import pieces, readable_tokens, tokens, with_values


@given(SQL)
def test_pieces_cover_a_text_without_gap_or_overlap(text: str) -> None:
    found = list(pieces(text))
    assert "".join(text[start:end] for _, start, end in found) == text
    assert all(start < end for _, start, end in found)


@given(SQL)
def test_what_can_be_read_of_a_text_is_its_tokens_up_to_the_first_error(text: str) -> None:
    errors = [start for kind, start, _ in pieces(text) if kind in ("unfinished", "other")]
    whole = text[: errors[0]] if errors else text
    assert [token for token in readable_tokens(text) if token.start < len(whole)] == tokens(whole)
    if errors:
        with pytest.raises(QueryRefused) as refusal:
            tokens(text)
        assert refusal.value.position == errors[0]


@given(st.text(alphabet="'x\n", max_size=20))
def test_a_doubled_quote_is_never_torn(text: str) -> None:
    quoted = "'" + text.replace("'", "''")
    with pytest.raises(QueryRefused, match="does not end"):
        tokens(quoted)
    assert [token.text for token in tokens(quoted + "'")] == [quoted + "'"]


def test_offsets_count_from_where_the_text_stands() -> None:
    assert [(t.text, t.start) for t in readable_tokens("a 'unended", 10)] == [("a", 10)]
    assert [t.kind for t in tokens("x'0f' \"n\" 1.5e3 :p a || b")] == [
        "string", "quoted", "number", "parameter", "word", "operator", "word",
    ]  # fmt: skip


@given(
    st.none()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
)
def test_values_written_into_a_statement_are_those_that_were_bound(value: float | str | None) -> None:
    text = "SELECT :value, ':value' -- :value"
    with closing(sqlite3.connect(":memory:")) as connection:
        bound = connection.execute(text, {"value": value}).fetchall()
        assert connection.execute(with_values(text, {"value": value})).fetchall() == bound
