"""What the pipeline needs from outside: a source of weather, a lake, a clock."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from etl.models import City, StoredObject


class Source(Protocol):
    """A weather API. `name` is `openweather` or `practice`; safe to call from several threads."""

    @property
    def name(self) -> str: ...

    def fetch(self, city: City) -> bytes:
        """The body of a 200 answer, byte for byte, at most 1 MiB.

        Raises a `SourceError`; never one that holds the API key.
        """
        ...

    def close(self) -> None: ...


class Lake(Protocol):
    """A data lake. `url` names it for people; safe to call from several threads."""

    @property
    def url(self) -> str: ...

    @property
    def on_this_machine(self) -> bool:
        """Whether the data stays on this host (a folder, or an endpoint on loopback)."""
        ...

    def put(self, key: str, body: bytes) -> StoredObject:
        """Store `body` under `key` (after the lake's prefix), whole or not at all, never overwriting.

        An equal object that is there already is success. Raises `ObjectConflict` if another body lies there,
        `LakeUnavailable` (retryable) or `LakeRefused`.
        """
        ...


class Clock(Protocol):
    """Time, as the pipeline reads it."""

    def now(self) -> datetime:
        """The wall clock: aware, UTC."""
        ...

    def steady_s(self) -> float:
        """Seconds since this machine started, the same for every process on it; never steps."""
        ...
