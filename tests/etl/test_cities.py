"""City names to slugs and to positions: the rules of file names and object keys, for any name at all."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from etl.cities import cities_of, city_of, position_of, same_city, slug_of
from etl.models import City

SLUG = re.compile(r"[a-z0-9_]{0,80}(-[0-9a-f]{8})?")
# Names that fold, grow, shrink or vanish on the way to ASCII, beside any text.
awkward = st.text(st.sampled_from("aAbB sSßẞıİKÅ℡ﬁ½²_-./\\ \u00a0\u200b\u0301éÉ🌧٣"), max_size=12)
names = st.one_of(st.text(max_size=120), awkward)


def hashed(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]


@given(names)
@example("℡")
@example("𝐀𝐁")
@example("\ud800")
@example("a" * 200)
@example("ﷺ" * 80)
def test_a_slug_is_always_safe_for_files_and_keys(name: str) -> None:
    slug = slug_of(name)
    assert SLUG.fullmatch(slug)
    assert len(slug) <= 89


@given(names, names)
@example("New York", "new_york")
@example("New York", "New  York")
@example("Sao Paulo", "São Paulo")
@example("a-b", "ab")
@example("a" * 80, "a" * 81)
@example("K", "\u212a")
@example("🌧", "🌨")
@example("", "\u200b")
def test_two_cities_never_share_a_slug(one: str, other: str) -> None:
    if same_city(one) != same_city(other):
        assert slug_of(one) != slug_of(other)


@given(st.text(st.sampled_from("abcXYZ019 "), min_size=1, max_size=80).filter(lambda name: name.strip() != ""))
def test_a_plain_name_keeps_its_letters_and_has_no_hash(name: str) -> None:
    assert slug_of(name) == name.strip().lower().replace(" ", "_")
    assert slug_of(name.upper()) == slug_of(f"  {name.lower()} ")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("São Paulo", "sao_paulo"),
        ("St. John's", "st_johns"),
        ("../../etc/passwd", "etcpasswd"),
        ("🌧", ""),
        ("東京", ""),
        ("Zürich", "zurich"),
        ("Stratford-upon-Avon", "stratforduponavon"),
        ("45.52,-122.68", "455212268"),
        ("new_york", "newyork"),
        ("CON:", "con"),
        ("℡ 1", "tel_1"),
        ("b" * 81, "b" * 80),
    ],
)
def test_a_name_that_lost_something_has_the_hash_of_the_name(name: str, kept: str) -> None:
    assert slug_of(name) == slug_of(f" {name} ") == f"{kept}-{hashed(name)}"


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Portland", "portland"), (" Portland ", "portland"), ("NEW YORK", "new_york"), ("5746545", "5746545")],
)
def test_documented_slugs(name: str, slug: str) -> None:
    assert city_of(name) == City(name.strip(), slug)


@pytest.mark.parametrize(
    "name", ["", "  ", "\t", "a\nb", "a\x00b", "a\x1b[31m", "\ud800", "a\u2028b", "a\u2029b", "\u200b", "\u202e"]
)
def test_a_name_that_cannot_be_shown_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="printable name"):
        city_of(name)


@given(names)
def test_a_city_is_refused_or_has_a_trimmed_name_and_its_slug(name: str) -> None:
    try:
        city = city_of(name)
    except ValueError:
        return
    assert city.name == name.strip() != ""
    assert city.slug == slug_of(name) != ""


def test_spellings_of_one_city_are_kept_once_in_order() -> None:
    cities, dropped = cities_of(["Portland", "Salem", " portland", "PORTLAND ", "Straße", "STRASSE"])
    assert [city.name for city in cities] == ["Portland", "Salem", "Straße"]
    assert dropped == [" portland", "PORTLAND ", "STRASSE"]


@given(st.lists(awkward.filter(lambda name: re.search("[a-z]", name) is not None), max_size=12))
def test_a_list_of_cities_has_no_slug_twice_and_loses_no_name(listed: list[str]) -> None:
    cities, dropped = cities_of(listed)
    assert len({city.slug for city in cities}) == len(cities)
    assert len(cities) + len(dropped) == len(listed)
    assert {same_city(name) for name in listed} == {same_city(city.name) for city in cities}


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_two_numbers_in_range_are_a_position(latitude: float, longitude: float) -> None:
    found = position_of(f"{latitude:.6f}, {longitude:.6f}")
    assert found == pytest.approx((latitude, longitude), abs=1e-6)


@pytest.mark.parametrize(
    "text", ["", ",", "1", "1,2,3", "90.1,0", "0,-180.5", "nan,0", "inf,0", "1e1,2", "٣,٤", "1;2", ".5,.5", "1,2x"]
)
def test_anything_else_is_no_position(text: str) -> None:
    assert position_of(text) is None
