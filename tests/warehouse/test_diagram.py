"""The diagrams: 80 columns wide, true to the schema, every line leading from a foreign key to its primary key."""

from __future__ import annotations

import pytest

from tests.warehouse.shop import Shop
from warehouse.diagram import draw
from warehouse.models import FACT

STAR = {FACT, "Store_Table", "Product_Table", "Customer_Table", "Time_Table"}


@pytest.mark.parametrize(("kind", "tables"), [("star", STAR), ("snowflake", STAR | {"Supplier_Table"})])
def test_a_diagram_fits_a_terminal_and_shows_its_tables(kind: str, tables: set[str]) -> None:
    drawing = draw(kind)
    assert set(drawing.places) == tables
    assert max(map(len, drawing.lines)) <= 80
    assert len(drawing.lines) <= 23
    for table, place in drawing.places.items():
        assert drawing.lines[place.y][place.x :].startswith(f"┌ {table} ")
        for column in place.columns:
            assert column in drawing.lines[place.row_of(column)][place.x : place.x + place.width]


def test_suppliers_are_reached_through_the_product_in_the_snowflake_alone() -> None:
    star, snowflake = draw("star"), draw("snowflake")
    assert "supplier_name" in star.places["Product_Table"].columns
    assert "supplier_id" not in star.places["Product_Table"].columns
    assert "supplier_id" in snowflake.places["Product_Table"].columns


@pytest.mark.parametrize(("kind", "joins"), [("star", 4), ("snowflake", 5)])
def test_every_line_has_its_two_ends(kind: str, joins: int) -> None:
    text = "\n".join(draw(kind).lines[:-1])
    assert text.count("├") == text.count("┤") == joins
    ends = [line for line in text.splitlines() for mark in ("├1", "├N", "1┤", "N┤") for _ in range(line.count(mark))]
    assert len(ends) == 2 * joins


def test_every_drawn_column_is_in_the_schema(tmp_path: object, shop_columns: dict[str, set[str]]) -> None:
    for kind in ("star", "snowflake"):
        for table, place in draw(kind).places.items():
            assert set(place.columns) <= shop_columns[table]


@pytest.fixture
def shop_columns(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    shop = Shop(tmp_path_factory.mktemp("shop"))
    names = [row[0] for row in shop.rows("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: {row[0] for row in shop.rows(f"SELECT name FROM pragma_table_xinfo('{name}')")} for name in names}


def test_plain_characters_draw_the_same_picture() -> None:
    plain = draw("snowflake", ascii_only=True)
    assert plain.text.isascii()
    assert [len(line) for line in plain.lines] == [len(line) for line in draw("snowflake").lines]
