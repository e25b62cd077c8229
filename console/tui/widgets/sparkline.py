"""A row of bars for the last hours; an hour without a value is a gap."""

from __future__ import annotations

from collections.abc import Sequence


def sparkline(values: Sequence[float | None], *, width: int, bars: str, gap: str) -> str:
    """`width` signs, each the mean of an equal share of `values` between their least and greatest."""
    shares = [_mean(values[i * len(values) // width : (i + 1) * len(values) // width]) for i in range(width)]
    known = [value for value in shares if value is not None]
    if not known:
        return gap * width
    low, span = min(known), max(known) - min(known)
    middle = (len(bars) - 1) // 2
    return "".join(
        gap if value is None else bars[round((value - low) / span * (len(bars) - 1)) if span > 0 else middle]
        for value in shares
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
