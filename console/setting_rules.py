"""What each kind of setting may hold: here a TOML value or an environment text becomes a typed one.

Separate from the settings so that a rule says in words what it expects, and every message uses those words.
"""

from __future__ import annotations

import ipaddress
import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from etl.cities import city_of

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")

MAIL_ADDRESS_EXPECTED = "an e-mail address alone, such as ops@example.org"
_WORDS = r"[^\s\"(),.:;<>@\[\\\]]+"
_ADDRESS = re.compile(rf"{_WORDS}(\.{_WORDS})*@{_WORDS}(\.{_WORDS})*")  # the dot-atoms of RFC 5321, 4.1.2

API_KEY_EXPECTED = "a key of at most 256 printable ASCII characters without spaces"


class Unfit(ValueError):
    """A value that breaks its rule. `found` replaces the value in the message where it must not be shown."""

    def __init__(self, *, expected: str | None = None, found: str | None = None) -> None:
        super().__init__(expected or found or "unfit")
        self.expected = expected
        self.found = found


@dataclass(frozen=True, slots=True)
class Rule:
    """`read` takes a TOML value, `from_text` makes one of an environment text; both raise ValueError."""

    expected: str
    read: Callable[[object], Any]
    from_text: Callable[[str], object] = str


def shown(value: object) -> str:
    """A found value as a message shows it: with its type, shortened, on one line."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f"the text {value[:77] + '…' if len(value) > 80 else value!r}" if value else "an empty text"
        case int() | float():
            return _number_shown(value)
        case list():
            return f"a list of {len(value)}"
        case dict():
            return "a table"
        case _:
            return f"a {type(value).__name__}"


def _number_shown(value: float) -> str:
    if isinstance(value, int) and value.bit_length() > 256:
        return "a number of more than 77 digits"
    return str(value)


def plain_text(value: object) -> str:
    """A text of printable characters. Raises Unfit."""
    if not isinstance(value, str) or not value.isprintable():
        raise Unfit
    return value


def text(expected: str = "a text of printable characters") -> Rule:
    return Rule(expected, plain_text)


def flag() -> Rule:
    def read(value: object) -> bool:
        if not isinstance(value, bool):
            raise Unfit
        return value

    def from_text(word: str) -> object:
        return {"true": True, "false": False}.get(word.lower(), word)

    return Rule("true or false", read, from_text)


def whole(low: int, high: int) -> Rule:
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Unfit
        return value

    return Rule(f"a whole number from {low} to {high}", read, int)


def seconds(*, above: float | None = None, least: float = 0.0, most: float = 86_400.0) -> Rule:
    """A duration in seconds, over `above` if that is given, else at least `least`."""
    bound = f"over {above:g}" if above is not None else f"of at least {least:g}"

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Unfit
        enough = value > above if above is not None else value >= least
        if not (enough and value <= most and math.isfinite(value)):
            raise Unfit
        return float(value)

    return Rule(f"a number of seconds {bound} and at most {most:.0f}", read, float)


def choice(options: type[StrEnum]) -> Rule:
    words = [json.dumps(option.value) for option in options]

    def read(value: object) -> StrEnum:
        if not isinstance(value, str):
            raise Unfit
        return options(value)

    return Rule(f"{', '.join(words[:-1])} or {words[-1]}", read)


def web_address(*, optional: bool = False) -> Rule:
    """An http(s) address. One with credentials or a query is refused and not shown: it may hold a key."""
    expected = "an http:// or https:// address with a host, without credentials or query"

    def read(value: object) -> str:
        address = plain_text(value)
        if optional and not address:
            return ""
        if any(mark in address for mark in "@?#"):
            raise Unfit(found="an address with credentials or a query (not shown)")
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or " " in address or parts.port == 0:
            raise Unfit
        return address.rstrip("/")

    return Rule(f"{expected}, or nothing" if optional else expected, read)


def city_names() -> Rule:
    def read(value: object) -> tuple[str, ...]:
        if not isinstance(value, list) or not value:
            raise Unfit
        for name in value:
            if not isinstance(name, str):
                raise Unfit(found=f"a list that holds {shown(name)}")
            try:
                city_of(name)
            except ValueError as error:
                raise Unfit(found=f"a list that holds {shown(name)}") from error
        return tuple(value)

    return Rule('a list of at least one city name, such as ["Portland", "Oslo"]', read, json.loads)


def lake_address() -> Rule:
    def read(value: object) -> str:
        address = plain_text(value)
        if "://" in address and "@" in address:
            raise Unfit(found="an address with credentials (not shown)")
        if address.startswith("s3://"):
            _check_s3(address)
        elif _SCHEME.match(address):
            raise Unfit
        return address

    return Rule('"" (the workspace\'s own lake), a folder or s3://bucket[/prefix]', read)


def _check_s3(address: str) -> None:
    """Raise Unfit where the lake would refuse `address`, by the lake's own rule."""
    from etl.lake.s3 import bucket_and_prefix  # only a lake in S3 needs it

    try:
        bucket_and_prefix(address)
    except ValueError as error:
        why = str(error).partition("; found ")[0]
        raise Unfit(expected=f"s3://bucket[/prefix]: {why}") from error


def is_api_key(key: str) -> bool:
    """Whether `key` can be a key of the weather API; `API_KEY_EXPECTED` says so in words."""
    return 0 < len(key) <= 256 and key.isascii() and key.isprintable() and " " not in key


def mail_address() -> Rule:
    def read(value: object) -> str:
        address = plain_text(value)
        if address and not _ADDRESS.fullmatch(address):
            raise Unfit
        return address

    return Rule(MAIL_ADDRESS_EXPECTED, read)


def network(cidr: str) -> Network:
    """The network of `cidr`. Raises Unfit, naming the right one where bits are set beyond the prefix."""
    expected = "a network such as 10.0.0.0/8"
    try:
        return ipaddress.ip_network(cidr)
    except ValueError:
        pass
    try:
        right = ipaddress.ip_network(cidr, strict=False)
    except ValueError as error:
        raise Unfit(expected=expected) from error
    raise Unfit(expected=f"{expected}; for this address it is {right}")


def site(value: object) -> str:
    """The name of the place behind a network. Raises Unfit."""
    name = plain_text(value).strip()
    if not name:
        raise Unfit
    return name


SITE_EXPECTED = 'the name of a site, such as "ward 3"'
