"""The catalogue: what it shows at 80x24, how one moves, finds and unfolds in it, what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from console.settings import Settings
from console.tui.warehouse.catalogue.lines import compact_count, quoted, short_name
from console.tui.warehouse.catalogue.table import CatalogueLines
from console.tui.warehouse.catalogue.tree import CatalogueTree
from console.wiring.warehouse import warehouse_actions
from console.wiring.warehouse_queries import warehouse_queries
from tests.console.tui.warehouse.panels import PanelApp, PanelScreen, built, shows, text_of
from tests.console.tui.workspaces import until, workspace
from warehouse.catalogue import ColumnInfo, DatabaseInfo, TableInfo
from warehouse.models import AGGREGATES, FACT

HEARD = (CatalogueTree.Preview, CatalogueTree.Insert, CatalogueTree.Use, CatalogueTree.Diagram, CatalogueTree.Known)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return built(tmp_path_factory.mktemp("shop") / "home")


class Panel:
    """The catalogue alone, with the focus in it."""

    def __init__(self, *, unicode: bool = True) -> None:
        self.tree = CatalogueTree()
        self.screen = PanelScreen(self.tree, HEARD)
        self.app = PanelApp(self.screen, unicode=unicode)

    @property
    def lines(self) -> CatalogueLines:
        return self.tree.query_one(CatalogueLines)

    async def read(self, settings: Settings) -> None:
        await until(lambda: self.tree.is_mounted and self.lines.is_mounted, "the panel")
        self.lines.focus()
        self.tree.read(warehouse_queries(settings))
        await until(
            lambda: any(isinstance(said, CatalogueTree.Known) and said.counted for said in self.screen.said), "it"
        )

    def names(self) -> list[str]:
        return [(line.column or line.table).name for line in self.lines.shown if line.column or line.table]  # type: ignore[union-attr]

    def go_to(self, name: str) -> None:
        self.lines.move_to(
            next(
                i
                for i, line in enumerate(self.lines.shown)
                if name in ((line.table and line.table.name), line.database, line.text)
            )
        )

    def said(self, kind: type) -> list[object]:
        return [
            tuple(v for k, v in vars(said).items() if not k.startswith("_") and k != "time")
            for said in self.screen.said
            if type(said) is kind
        ]


# ---- texts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (9_999, "9,999"), (10_000, "10.0k"), (99_960, "100k"), (999_499, "999k"), (999_500, "1.00M"),
     (10_000_000, "10.0M"), (1_234_567_890, "1.23G"), (10**15, "1000T")],
)  # fmt: skip
def test_numbers_of_rows_fit_five_cells(count: int, text: str) -> None:
    assert compact_count(count) == text
    assert len(text) <= 5


def test_long_names_stay_apart_from_each_other() -> None:
    assert [short_name(name, 14, AGGREGATES) for name in AGGREGATES] == [
        "Monthly_Sales…", "Yearly_Sales…", "Month…Category", "Yearly…Product",
    ]  # fmt: skip
    assert short_name("Sales_Transactions_Table", 15, AGGREGATES) == "Sales_Transact…"
    measures = ["total_sales_cents", "total_sales_amount"]
    assert [short_name(name, 13, measures) for name in measures] == ["total_s…cents", "total…amount"]
    assert short_name("Store_Table", 11, []) == "Store_Table"


def test_only_odd_names_are_quoted() -> None:
    assert [quoted(name) for name in ("Store_Table", "a b", 'x"y', "1a")] == ["Store_Table", '"a b"', '"x""y"', '"1a"']


# ---- the panel ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unicode", [True, False])
async def test_everything_is_there_at_80x24_in_24_columns(shop: Settings, unicode: bool) -> None:
    panel = Panel(unicode=unicode)
    async with panel.app.run_test(size=(80, 22)):
        await panel.read(shop)
        sign, cut = ("▸", "…") if unicode else (">", "~")
        await shows(
            panel.app, "Catalogue", "warehouse", "facts", f"{sign} Sales_Transac{cut} 2,000", "dimensions",
            f"{sign} Customer_Table", "aggregates", f"{sign} Monthly_Sales{cut} 1,9", "weather", "Weather_Readi",
        )  # fmt: skip
        assert panel.tree.size.width == 24
        assert unicode or text_of(panel.app).isascii()


async def test_a_table_unfolds_into_columns_with_keys_types_and_marks(shop: Settings) -> None:
    panel = Panel()
    async with panel.app.run_test(size=(80, 24)) as pilot:
        await panel.read(shop)
        panel.go_to("Customer_Table")
        await pilot.press("space")
        await shows(panel.app, "customer_id       PK", "customer_name*  text", "membership_lev… text")
        await pilot.press("right", "down")
        await shows(panel.app, "TEXT, sealed, shown", "masked")
        await pilot.press("left")
        assert panel.lines.line is not None
        assert panel.lines.line.column is None
        await pilot.press("left")
        assert "customer_id" not in panel.names()
        panel.go_to(FACT)
        await pilot.press("right")
        await pilot.press("right", "down")
        await shows(panel.app, "INTEGER, foreign key →", "Time_Table.time_id")
        await pilot.press("end")
        await pilot.press("home")
        await shows(panel.app, "A database.")


async def test_the_whole_name_exact_rows_and_compression_stand_below(shop: Settings) -> None:
    panel = Panel()
    async with panel.app.run_test(size=(80, 24)):
        await panel.read(shop)
        panel.go_to("Yearly_Region_Product_Aggregate_Table")
        table = panel.lines.line.table if panel.lines.line else None
        assert table is not None
        assert table.rows is not None
        await shows(panel.app, "Yearly_Region_Product_Ag", "gregate_Table", f"{table.rows:,} rows", "÷1.")


async def test_a_wide_panel_shows_compression_and_types_in_columns_of_their_own(shop: Settings) -> None:
    panel = Panel()
    async with panel.app.run_test(size=(120, 40)) as pilot:
        await panel.read(shop)
        panel.tree.styles.width = 40
        panel.go_to("Yearly_Sales_Aggregate_Table")
        await shows(panel.app, "÷1.")
        await pilot.press("space")
        await shows(panel.app, "total_sales_amount=", "PK   int")


async def test_keys_ask_for_previews_names_databases_and_the_diagram(shop: Settings) -> None:
    panel = Panel()
    async with panel.app.run_test(size=(80, 24)) as pilot:
        await panel.read(shop)
        panel.go_to("Store_Table")
        await pilot.press("enter", "i", "d", "space", "down", "down", "enter", "i")
        await until(lambda: len(panel.said(CatalogueTree.Insert)) == 3, "three names")
        assert panel.said(CatalogueTree.Preview) == [("warehouse", "Store_Table")]
        assert panel.said(CatalogueTree.Insert) == [("Store_Table",), ("store_name",), ("Store_Table.store_name",)]
        assert panel.said(CatalogueTree.Diagram) == [("Store_Table",)]
        panel.go_to("weather")
        await pilot.press("enter")
        await until(lambda: panel.said(CatalogueTree.Use) == [("weather",)], "the database")


async def test_the_hints_say_what_enter_and_space_do_with_the_selected_line(shop: Settings) -> None:
    panel = Panel()
    async with panel.app.run_test(size=(80, 24)) as pilot:
        await panel.read(shop)

        def said() -> dict[str, str]:
            shown = panel.tree.query_one(CatalogueLines).hints
            return {one.key: one.description for one in shown if one.key in ("enter", "space", "i")}

        assert said() == {"enter": "Query it", "space": "Fold"}
        panel.go_to("Store_Table")
        assert said() == {"enter": "Preview", "i": "Insert", "space": "Columns"}
        await pilot.press("space")
        assert said() == {"enter": "Preview", "i": "Insert", "space": "Fold"}
        await pilot.press("down")
        assert said() == {"enter": "Insert"}
        panel.go_to("bookkeeping")
        assert said() == {"enter": "Unfold"}


async def test_enter_and_space_fold_a_group(shop: Settings) -> None:
    panel = Panel()
    async with panel.app.run_test(size=(80, 24)) as pilot:
        await panel.read(shop)
        panel.lines.move_to(next(i for i, line in enumerate(panel.lines.shown) if line.text == "dimensions"))
        for key in ("enter", "space"):
            await pilot.press(key)
            assert "Store_Table" not in panel.names()
            assert FACT in panel.names()
            await pilot.press(key)
            assert "Store_Table" in panel.names()


async def test_finding_keeps_tables_and_columns_that_hold_the_text(shop: Settings) -> None:
    panel = Panel()
    async with panel.app.run_test(size=(80, 24)) as pilot:
        await panel.read(shop)
        before = panel.names()
        await pilot.press("slash", *"SUPPLIER", "down")
        await until(lambda: panel.lines.has_focus, "the tree")
        assert panel.names() == ["Supplier_Table", "Product_Table", "supplier_id", "supplier_name"]
        await shows(panel.app, "/SUPPL")
        await pilot.press("space")
        assert "contact_number" in panel.names()
        await pilot.press("escape")
        assert panel.names() == before
        await pilot.press("slash", *"nothing like it", "enter")
        await shows(panel.app, "nothing has that in")
        await pilot.press("escape")
        await until(lambda: panel.names() == before, "everything")


async def test_letters_in_the_field_are_text_and_escape_leaves_it(shop: Settings) -> None:
    panel = Panel()
    async with panel.app.run_test(size=(80, 24)) as pilot:
        await panel.read(shop)
        await pilot.press("slash", "d", "i", "r")
        await until(lambda: panel.lines.wanted == "dir", "the text")
        assert not panel.said(CatalogueTree.Diagram)
        await pilot.press("escape")
        assert panel.lines.wanted == ""
        assert panel.lines.has_focus


async def test_one_that_cannot_be_read_is_told_in_place_and_the_other_works(tmp_path: Path) -> None:
    settings, _environ = workspace(tmp_path / "home")
    panel = Panel()
    async with panel.app.run_test(size=(80, 24)) as pilot:
        await panel.read(settings)
        await shows(panel.app, "there is no wareho", "there is no weathe")
        panel.lines.move_to(1)
        await shows(panel.app, "warehouse cannot be read")
        warehouse_actions(settings).build(rows=300)
        await pilot.press("r")
        await shows(panel.app, "Sales_Transacti… 300", "there is no weathe")


async def test_a_new_count_comes_with_refresh_and_the_selection_stays(tmp_path: Path) -> None:
    settings = built(tmp_path / "home", rows=300)
    panel = Panel()
    async with panel.app.run_test(size=(80, 24)) as pilot:
        await panel.read(settings)
        panel.go_to("Time_Table")
        warehouse_actions(settings).build(rows=400)
        await pilot.press("r")
        await shows(panel.app, "Sales_Transacti… 400")
        assert panel.lines.line is not None
        assert panel.lines.line.table is not None
        assert panel.lines.line.table.name == "Time_Table"


async def test_names_are_shown_before_they_are_counted_and_hostile_ones_do_no_harm() -> None:
    panel = Panel()
    column = ColumnInfo("\x1b[31mred\u202e", "TEXT", False, "", False, False)
    table = TableInfo("[red]東京\x07", "table", (column,), None, None)
    async with panel.app.run_test(size=(80, 24)) as pilot:
        await until(lambda: panel.tree.is_mounted and panel.lines.is_mounted, "the panel")
        panel.lines.focus()
        await shows(panel.app, "reading the catalogue")
        panel.tree.show([DatabaseInfo("warehouse", (table,))], {"weather": "\x1b]0;title\x07 no\nweather"})
        panel.lines.move_to(1)
        await pilot.press("space")
        await shows(panel.app, "[red]東京", "     …")
        text = text_of(panel.app)
        assert not {"\x1b", "\x07", "\u202e"} & set(text)
        await pilot.press("down", "i")
        await until(lambda: panel.said(CatalogueTree.Insert), "the name")


async def test_a_click_on_the_sign_unfolds_and_a_double_click_previews(shop: Settings) -> None:
    panel = Panel()
    async with panel.app.run_test(size=(80, 24)) as pilot:
        await panel.read(shop)
        await pilot.click("#catalogue", offset=(1, 3))
        await until(lambda: "transaction_id" in panel.names(), "the columns")
        await pilot.click("#catalogue", offset=(8, 3), times=2)
        await until(lambda: panel.said(CatalogueTree.Preview) == [("warehouse", FACT)], "the preview")
