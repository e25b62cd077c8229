"""The columns that are told of files are those that loads take: each required one is needed, every other is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.cli.parser import build_parser
from tests.warehouse.shop import MASTER, Shop
from warehouse import dimensions, sales
from warehouse.errors import DataRefused
from warehouse.file_columns import FILE_COLUMNS, described
from warehouse.models import DIMENSIONS, FACT

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def check_header(table: str, header: list[str]) -> None:
    if table == FACT:
        sales.check_header(header)
    else:
        dimensions.check_header(table, header)


@pytest.mark.parametrize("table", [FACT, *DIMENSIONS])
def test_a_file_needs_the_required_columns_and_no_other(table: str) -> None:
    required = [column.name for column in FILE_COLUMNS[table] if column.need == "required"]
    check_header(table, required)
    for column in FILE_COLUMNS[table]:
        rest = [name for name in required if name not in (column.name, column.instead)]
        if column.need == "required":
            with pytest.raises(DataRefused, match=f"expected a column {column.name},"):
                check_header(table, rest)
        else:
            check_header(table, [*rest, column.name])


@pytest.mark.parametrize("table", DIMENSIONS)
def test_every_stored_column_of_a_dimension_may_be_in_its_file(table: str) -> None:
    assert {column.name for column in FILE_COLUMNS[table]} >= set(dimensions.STORED[table])


def test_a_value_among_those_told_is_taken_and_another_is_rejected(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    header, *_ = MASTER["Customer_Table"]
    told = next(column.values for column in FILE_COLUMNS["Customer_Table"] if column.name == "membership_level")
    levels = told.replace(" or ", ", ").split(", ")
    rows = [(n, "Name", "Street", level) for n, level in enumerate([*levels, "platinum"])]
    report = shop.load_rows("Customer_Table", [header, *rows])
    assert (report.new, report.rejected) == (len(levels), 1)


def test_readme_and_help_tell_the_columns_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_parser().parse_args(["warehouse", "load", "--help"])
    assert described() in capsys.readouterr().out
    assert f"```text\n{described()}\n```" in README
    assert max(map(len, described().splitlines())) <= 78


def test_what_stands_instead_is_of_a_column_of_the_same_file() -> None:
    for columns in FILE_COLUMNS.values():
        assert {column.instead for column in columns} - {""} <= {column.name for column in columns}
