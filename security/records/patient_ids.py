"""Which patient is meant by an id as people type it, in capitals or not."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence


def meant(typed: str, known: Callable[[Sequence[str]], Container[str]]) -> str:
    """The id that `typed` means: as it is where a patient has it so, else in capitals, else in small letters.

    Where nobody has any of them it stays as it is. `known` gives those of some ids that there are; it is asked once for
    all three whoever there is, so that neither the answer nor the time it takes tells who is a patient.
    """
    ways = tuple(dict.fromkeys((typed, typed.upper(), typed.lower())))
    there = known(ways)
    return next((way for way in ways if way in there), typed)
