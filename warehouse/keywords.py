"""SQLite's keywords, as https://sqlite.org/lang_keywords.html lists them."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

_WORDS = """abort action add after all alter always analyze and as asc attach autoincrement before begin between by
    cascade case cast check collate column commit conflict constraint create cross current current_date current_time
    current_timestamp database default deferrable deferred delete desc detach distinct do drop each else end escape
    except exclude exclusive exists explain fail filter first following for foreign from full generated glob group
    groups having if ignore immediate in index indexed initially inner insert instead intersect into is isnull join key
    last left like limit match materialized natural no not nothing notnull null nulls of offset on or order others
    outer over partition plan pragma preceding primary query raise range recursive references regexp reindex release
    rename replace restrict returning right rollback row rows savepoint select set table temp temporary then ties to
    transaction trigger unbounded union unique update using vacuum values view virtual when where window with
    without"""
KEYWORDS = frozenset(_WORDS.split())
_MISTYPED = """select from where group order having limit offset join inner left cross using union except intersect
    distinct between case when then else like values with"""


def meant_word(written: str, among: Sequence[str] = ()) -> str:
    """`; did you mean SELECT?` for a mistyped keyword (of `among`, if given); empty for what is like none."""
    likely = [] if written.lower() in KEYWORDS else get_close_matches(
        written.lower(), [word.lower() for word in among] or _MISTYPED.split(), n=1, cutoff=0.7
    )  # fmt: skip
    return f"; did you mean {likely[0].upper()}?" if likely and len(written) <= 20 else ""
