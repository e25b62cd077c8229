"""What may be asked of the audit log, from text as it is typed to a filter, and in words for the title."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeVar

from console import typed_instants
from console.typed_instants import read_instant
from security.audit.event import Decision, Kind
from security.audit.search import Filter
from security.identity.account import user_name

Word = TypeVar("Word", bound=StrEnum)
EVERYTHING = Filter()
FIELDS = ("kind", "action", "user", "decision", "since", "until", "patient")
EXPECTED = {
    "kind": " ".join(kind.value for kind in Kind),
    "action": "such as view_record, rotate_keys, sign_in",
    "user": "the name of an account, service or unknown",
    "decision": "allow or deny",
    "since": typed_instants.EXPECTED,
    "until": "the same; this instant is left out",
    "patient": "such as P0007: found by its pseudonym",
}


class FilterRefused(ValueError):
    """What was typed into `field` cannot be looked for; says what was expected."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True)
class Wanted:
    """A filter, the patient whose pseudonym is still to be put into it, and how it is told."""

    filter: Filter = EVERYTHING
    patient: str = ""
    text: str = ""

    def with_pseudonym(self, pseudonym: str) -> Filter:
        """The whole filter."""
        found = self.filter
        return Filter(found.kind, found.action, found.principal, found.decision, pseudonym, found.since, found.until)


def read_filter(typed: Mapping[str, str], now: datetime) -> Wanted:
    """The filter of what stands in the fields. Raises FilterRefused for the first that cannot be."""
    given = {name: typed.get(name, "").strip() for name in FIELDS}
    since, until = (_instant(name, given[name], now) for name in ("since", "until"))
    if since is not None and until is not None and until <= since:
        raise FilterRefused("until", f"expected an instant after {since:%Y-%m-%d %H:%M}, found {until:%Y-%m-%d %H:%M}")
    found = Filter(
        kind=_one_of(Kind, "kind", given["kind"]),
        action=given["action"].replace("-", "_") or None,
        principal=_user(given["user"]),
        decision=_one_of(Decision, "decision", given["decision"]),
        since=since,
        until=until,
    )
    words = [value if name in ("kind", "decision") else f"{name} {value}" for name, value in given.items() if value]
    return Wanted(found, given["patient"].removeprefix("patient:"), ", ".join(words))


def _user(text: str) -> str | None:
    return (user_name(text) or text) if text else None


def _one_of(kind: type[Word], field: str, text: str) -> Word | None:
    if not text:
        return None
    fitting = [word for word in kind if word.value.startswith(text.casefold())]
    exact = [word for word in fitting if word.value == text.casefold()]
    if len(exact or fitting) != 1:
        raise FilterRefused(field, f"expected one of {EXPECTED[field]}, found {text[:40]!r}")
    return (exact or fitting)[0]


def _instant(field: str, text: str, now: datetime) -> datetime | None:
    if not text:
        return None
    try:
        return read_instant(text, now)
    except ValueError as error:
        raise FilterRefused(field, str(error)) from error
