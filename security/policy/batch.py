"""`access check --batch`: one JSON object a line in, one JSON answer a line out, in order; a bad line is a denial."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from security.errors import RequestRefused
from security.policy.engine import Decider, refusal
from security.policy.model import Decision, Factor, Request
from security.policy.situation import OLDEST_FACTOR_S, shown
from security.ports import Facts

LONGEST_LINE = 65_536  # characters
DEFAULT_IP = "127.0.0.1"
_KEYS = frozenset({"user", "action", "resource", "at", "ip", "mfa", "mfa_age_s", "reason"})
_FACTORS = (Factor.TOTP, Factor.EMAIL, Factor.NONE)  # the others are no choice of who asks
_INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?([Zz]|[+-]\d{2}:\d{2})")


def check_batch(lines: Iterable[str], *, engine: Decider, facts: Facts, now: datetime) -> Iterator[str]:
    """The answer to each line, one JSON document a line. `now` is the instant where a line gives none."""
    for line in lines:
        yield json.dumps(check_line(line, engine=engine, facts=facts, now=now).as_json())


def check_line(line: str, *, engine: Decider, facts: Facts, now: datetime) -> Decision:
    """The decision on one line."""
    try:
        fields = _read(line)
    except RequestRefused as error:
        return refusal("", str(error))
    return check_fields(fields, engine=engine, facts=facts, now=now)


def check_fields(fields: dict[str, Any], *, engine: Decider, facts: Facts, now: datetime) -> Decision:
    """The decision on a line's object; one that is no request is a denial with its error."""
    try:
        request = request_of(fields, now=now)
    except RequestRefused as error:
        action = fields.get("action")
        return refusal(action if isinstance(action, str) else "", str(error))
    return engine.decide(request, facts)


def request_of(fields: dict[str, Any], *, now: datetime) -> Request:
    """The request of a line's object, with the defaults of `access check`. Raises RequestRefused."""
    unknown = sorted(fields.keys() - _KEYS)
    if unknown:
        raise RequestRefused(f"expected the keys {', '.join(sorted(_KEYS))}, found {shown(unknown[0])}")
    return Request(
        principal=_text(fields, "user"),
        action=_text(fields, "action"),
        resource=_text(fields, "resource"),
        at=_instant(fields, now),
        ip=_text(fields, "ip", DEFAULT_IP),
        mfa=_factor(fields),
        mfa_age_s=_age_s(fields),
        reason=_text(fields, "reason", "") or None,
    )


def read_instant(text: str) -> datetime:
    """The instant of an RFC 3339 text. Raises RequestRefused."""
    try:
        if not _INSTANT.fullmatch(text):
            raise ValueError(text)
        instant = datetime.fromisoformat(text.upper()).astimezone(UTC)
        _ = (instant - timedelta(days=2), instant + timedelta(days=2))  # a shift's zone must be able to show it
    except (ValueError, OverflowError):
        raise RequestRefused(f"at: expected a time such as 2026-03-01T03:12:00Z, found {shown(text)}") from None
    return instant


def _read(line: str) -> dict[str, Any]:
    if len(line) > LONGEST_LINE:
        raise RequestRefused(f"expected a line of at most {LONGEST_LINE} characters, found {len(line)}")
    try:
        fields = json.loads(line, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise RequestRefused(f"expected one JSON object, each key once, found {shown(line.strip())}") from None
    if not isinstance(fields, dict):
        raise RequestRefused(f"expected one JSON object, found {shown(line.strip())}")
    return fields


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two values for one key, which was meant? Neither."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key twice")
    return fields


def _text(fields: dict[str, Any], key: str, default: str | None = None) -> str:
    value = fields.get(key)
    value = default if value is None else value
    if not isinstance(value, str):
        raise RequestRefused(f"{key}: expected a text, found {shown(json.dumps(value))}")
    return value


def _instant(fields: dict[str, Any], now: datetime) -> datetime:
    return now if fields.get("at") is None else read_instant(_text(fields, "at"))


def _factor(fields: dict[str, Any]) -> Factor:
    name = _text(fields, "mfa", Factor.TOTP)
    if name not in _FACTORS:
        raise RequestRefused(f"mfa: expected {', '.join(_FACTORS)}, found {shown(name)}")
    return Factor(name)


def _age_s(fields: dict[str, Any]) -> int:
    value = fields.get("mfa_age_s")
    if value is None:
        return 0
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= OLDEST_FACTOR_S:
        raise RequestRefused(f"mfa_age_s: expected a number of seconds, found {shown(json.dumps(value))}")
    return math.ceil(value)  # a code 600.5 s old is older than 600 s
