"""The diagrams: 80 columns wide, true to the schema, every line leading from a foreign key to its primary key."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.warehouse.shop import Shop
from warehouse.diagram import draw
from warehouse.joins import SNOWFLAKE, join_text
from warehouse.joins import STAR as STAR_JOINS
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


@pytest.mark.parametrize("kind", ["star", "snowflake"])
def test_compact_shows_the_keys_alone_and_leaves_room_below(kind: str) -> None:
    whole, compact = draw(kind), draw(kind, compact=True)
    assert len(compact.lines) <= 12
    assert max(map(len, compact.lines)) <= 80
    assert set(compact.places) == set(whole.places)
    for table, place in compact.places.items():
        assert place.columns
        assert all(column.endswith("_id") for column in place.columns)
        assert "more columns" in compact.lines[place.y + place.height - 2][place.x : place.x + place.width], table


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("kind", ["star", "snowflake"])
def test_a_line_is_where_it_says_and_leads_from_key_to_key(kind: str, compact: bool) -> None:
    drawing = draw(kind, compact=compact)
    assert {line.join for line in drawing.joins} == set(SNOWFLAKE if kind == "snowflake" else STAR_JOINS)
    drawn = [cell for line in drawing.joins for cell in line.cells]
    assert len(drawn) == len(set(drawn))
    for line in drawing.joins:
        chars = {cell: drawing.lines[cell[1]][cell[0]] for cell in line.cells}
        assert sorted(chars.values())[:2] == ["1", "N"]
        ends = [cell for cell, char in chars.items() if char in "├┤"]
        tables = {drawing.table_at(*cell): cell[1] for cell in ends}
        assert tables == {
            table: drawing.places[table].row_of(line.join.key) for table in (line.join.many, line.join.one)
        }


@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("kind", ["star", "snowflake"])
def test_every_table_is_reached_with_arrow_keys(kind: str, compact: bool) -> None:
    drawing = draw(kind, compact=compact)
    reached, ahead = set(), [FACT]
    while ahead:
        table = ahead.pop()
        reached.add(table)
        ways = {(dx, dy): drawing.beside(table, dx, dy) for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))}
        assert table not in ways.values()
        ahead += [found for found in ways.values() if found and found not in reached]
    assert reached == set(drawing.places)
    assert drawing.beside("Product_Table", -1, 0) == ("Supplier_Table" if kind == "snowflake" else FACT)
    assert drawing.beside(FACT, -1, 0) in ("Store_Table", "Customer_Table")
    assert drawing.beside("Store_Table", -1, 0) is None


def test_notes_stand_in_the_lower_frames() -> None:
    drawing = draw("star", notes={FACT: "10,000,000 rows"})
    assert "── 10,000,000 rows ┘" in drawing.text
    assert drawing.text.count("── dimension ┘") == 4


def test_a_join_text_runs_and_takes_the_way_through_the_product(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.build(rows=500)
    text = join_text(["Supplier_Table", "Store_Table"])
    assert text.select.splitlines()[2:] == [
        "JOIN Store_Table AS s ON s.store_id = f.store_id",
        "JOIN Product_Table AS p ON p.product_id = f.product_id",
        "JOIN Supplier_Table AS u ON u.supplier_id = p.supplier_id",
    ]
    assert text.select.splitlines()[1] == "FROM Sales_Transactions_Table AS f"
    for tables in ([], [FACT], ["Customer_Table"], ["Time_Table", "Supplier_Table", "Customer_Table", "Store_Table"]):
        assert len(shop.rows(join_text(tables).select)) == 500
    assert "JOIN" not in join_text([FACT]).select


def test_joins_are_the_foreign_keys_of_the_schema(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    for table in {join.many for join in SNOWFLAKE}:
        found = {
            (row[0], row[1]) for row in shop.rows(f'SELECT "from", "table" FROM pragma_foreign_key_list(\'{table}\')')
        }
        assert found == {(join.key, join.one) for join in SNOWFLAKE if join.many == table}
