"""From a configured city name to the one slug that names its files and objects."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable

from etl.models import City

SLUG_LENGTH = 80

_POSITION = re.compile(r"([+-]?[0-9]{1,3}(?:\.[0-9]*)?)\s*,\s*([+-]?[0-9]{1,3}(?:\.[0-9]*)?)")
_TWO_NUMBERS = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?\s*,\s*[+-]?[0-9]+(?:\.[0-9]*)?")


def slug_of(name: str) -> str:
    """The file-safe form of a configured city name: `[a-z0-9_]`, plus `-` and a hash if anything was lost.

    Lower-cased, spaces to `_`, accents folded to ASCII, other characters dropped, at most 80 long. If more
    than case and outer space was lost, `-` and the first 8 hex digits of the SHA-256 of the name follow, so
    that no two names share a slug.
    """
    trimmed = name.strip()
    lowered = trimmed.lower()
    # Lower-cased again: folding makes capitals of signs without a lower case of their own, such as ℡.
    folded = unicodedata.normalize("NFKD", lowered).lower()
    kept = "".join(c for c in folded if c == " " or (c.isascii() and c.isalnum()))[:SLUG_LENGTH]
    slug = kept.replace(" ", "_")
    if kept == lowered:
        return slug
    return f"{slug}-{hashlib.sha256(trimmed.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def same_city(name: str) -> str:
    """What two spellings of one city have in common: trimmed and case-folded."""
    return name.strip().casefold()


def position_of(text: str) -> tuple[float, float] | None:
    """Latitude and longitude in degrees if `text` is two numbers in range (`45.52,-122.68`), else None."""
    found = _POSITION.fullmatch(text)
    if not found:
        return None
    latitude, longitude = float(found[1]), float(found[2])
    return (latitude, longitude) if abs(latitude) <= 90 and abs(longitude) <= 180 else None


def city_of(name: str) -> City:
    """The city of a configured name. Raises ValueError if the name is blank or has control characters."""
    trimmed = name.strip()
    categories = {unicodedata.category(c) for c in trimmed}
    # Line and paragraph separators split log lines; a name of invisible characters alone cannot be told.
    if categories & {"Cc", "Cs", "Zl", "Zp"} or not any(category[0] not in "CZ" for category in categories):
        raise ValueError(f"a city needs a printable name, found {name!r}")
    return City(trimmed, slug_of(trimmed))


def new_city(name: str) -> City:
    """The city of a name that is to be configured. Raises ValueError as `city_of`, and for a position nowhere on Earth.

    One that is configured already is a name like others, which the API does not know: it must not stop the rest.
    """
    city = city_of(name)
    if _TWO_NUMBERS.fullmatch(city.name) and position_of(city.name) is None:
        raise ValueError(
            f"expected LAT,LON in degrees, latitude from -90 to 90 and longitude from -180 to 180, such as "
            f"45.52,-122.68; found {city.name[:60]!r}"
        )
    return city


def cities_of(names: Iterable[str]) -> tuple[list[City], list[str]]:
    """The distinct cities in order, and the spellings dropped because they name a city already listed."""
    cities: dict[str, City] = {}
    dropped: list[str] = []
    for name in names:
        if same_city(name) in cities:
            dropped.append(name)
        else:
            cities[same_city(name)] = city_of(name)
    return list(cities.values()), dropped
