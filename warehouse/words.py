"""Numbers in words, as every message and every view of the warehouse says them."""

from __future__ import annotations


def rows_words(count: int) -> str:
    """`1,000,000 rows`."""
    return f"{count:,} row" + ("" if count == 1 else "s")
