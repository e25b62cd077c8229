"""Instants as the stores keep them: whole milli- or microseconds since 1970-01-01T00:00:00Z."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from security.errors import StoreDamaged

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_MILLISECOND = timedelta(milliseconds=1)


def milliseconds(instant: datetime) -> int:
    """Whole milliseconds of an aware instant. Raises ValueError for one without offset."""
    return _since_epoch(instant) // _MILLISECOND


def microseconds(instant: datetime) -> int:
    """Whole microseconds of an aware instant. Raises ValueError for one without offset."""
    return _since_epoch(instant) // MICROSECOND


def of_milliseconds(stored: int, store: str) -> datetime:
    """An instant stored in `store`, such as "clinical store", in UTC. Raises StoreDamaged for what no clock shows."""
    return _instant(stored, _MILLISECOND, f"the {store} is damaged: expected an instant in milliseconds")


def of_microseconds(stored: int, store: str) -> datetime:
    """An instant stored in `store`, in UTC. Raises StoreDamaged for what no clock shows."""
    return _instant(stored, MICROSECOND, f"the {store} is damaged: expected an instant in microseconds")


def _since_epoch(instant: datetime) -> timedelta:
    if instant.utcoffset() is None:
        raise ValueError("expected an instant with its offset from UTC")
    return instant - EPOCH


def _instant(stored: int, unit: timedelta, otherwise: str) -> datetime:
    try:
        return EPOCH + stored * unit
    except OverflowError:
        raise StoreDamaged(
            f"{otherwise} since 1970, found {stored}. Nothing was changed; restore it from a backup"
        ) from None
