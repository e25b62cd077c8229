"""The diagram's screen: it fits, shows what is chosen, is moved in with keys and mouse, and gives joins as SQL."""

from __future__ import annotations

import pytest

from console.settings import Settings
from console.tui.theme import LIGHT
from console.tui.warehouse.catalogue.diagram_screen import DiagramScreen, PreviewTable
from console.tui.warehouse.catalogue.diagram_view import DiagramView
from console.wiring.warehouse_queries import warehouse_queries
from tests.console.tui.warehouse.panels import PanelApp, built, shows, text_of
from tests.console.tui.workspaces import until
from warehouse.catalogue import DatabaseInfo
from warehouse.joins import JoinText
from warehouse.models import FACT


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return built(tmp_path_factory.mktemp("shop") / "home")


@pytest.fixture
def known(settings: Settings) -> DatabaseInfo:
    return warehouse_queries(settings).catalogue()


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (100, 40)])
async def test_drawing_and_card_fit_the_terminal(known: DatabaseInfo, size: tuple[int, int], unicode: bool) -> None:
    app = PanelApp(DiagramScreen(known, kind="snowflake"), unicode=unicode)
    async with app.run_test(size=size) as pilot:
        await shows(app, "Supplier_Table", "2,000 rows", "total_sales_amount", "Product_Table.product_id", "Esc back")
        for table in ("Customer_Table", "Time_Table", "Product_Table", "Supplier_Table"):
            app.screen.choose(table)  # type: ignore[attr-defined]
            await shows(app, f"{table} ", "Join")
        assert "PgDn" not in text_of(app)
        assert unicode or text_of(app).isascii()
        await pilot.press("escape")
        await until(lambda: app.results == [None], "the way back")


async def test_arrows_follow_the_drawing_tab_the_tables_and_a_click_chooses(known: DatabaseInfo) -> None:
    screen = DiagramScreen(known)
    app = PanelApp(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, f"┏ {FACT} ┓")
        await pilot.press("right")
        await shows(app, "┏ Time_Table ━", "dimension, ", "Sales_Transactions_Table.time_id → Time_Table.time_id")
        await pilot.press("down")
        assert screen.chosen == "Product_Table"
        await pilot.press("left", "left")
        assert screen.chosen in ("Store_Table", "Customer_Table")
        await pilot.press("left")
        assert screen.chosen in ("Store_Table", "Customer_Table")
        seen = set()
        for _ in range(5):
            await pilot.press("tab")
            seen.add(screen.chosen)
        assert len(seen) == 5
        await pilot.click(DiagramView, offset=(5, 6))
        await until(lambda: screen.chosen == "Customer_Table", "the customers")
        await shows(app, "* sealed")
        await pilot.press("space")
        await shows(app, "1 table marked", "✔")
        assert screen.marked == ("Customer_Table",)


async def test_a_supplier_is_chosen_in_the_snowflake_and_its_product_in_the_star(known: DatabaseInfo) -> None:
    screen = DiagramScreen(known, chosen="Supplier_Table")
    app = PanelApp(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "┏ Supplier_Table", "Product_Table.supplier_id → Supplier_Table.supplier_id")
        await pilot.press("space", "s")
        await shows(app, "star, s shows the snowflake")
        assert (screen.chosen, screen.marked) == ("Product_Table", ())
        assert "Supplier_Table" not in text_of(app)


async def test_enter_gives_the_join_of_what_is_marked_with_the_way_to_it(
    known: DatabaseInfo, settings: Settings
) -> None:
    app = PanelApp(DiagramScreen(known, kind="snowflake"))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "Supplier_Table")
        await pilot.press("down", "space", "left", "space", "enter")
        await until(lambda: app.results, "the join")
    (join,) = app.results
    assert isinstance(join, JoinText)
    assert [line.split()[1] for line in join.select.splitlines()[2:]] == [
        "Customer_Table", "Product_Table", "Supplier_Table",
    ]  # fmt: skip
    opened = warehouse_queries(settings).open(join.select)
    assert len(opened.result.window(0, 10)) == 10
    opened.result.close()


async def test_p_asks_for_a_preview_and_j_joins_what_is_chosen(known: DatabaseInfo) -> None:
    app = PanelApp(DiagramScreen(known, chosen="Store_Table"))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "Store_Table")
        await pilot.press("p")
        await until(lambda: app.results == [PreviewTable("Store_Table")], "the preview")
        app.push_screen(DiagramScreen(known, chosen="Store_Table"), app.results.append)
        await until(lambda: isinstance(app.screen, DiagramScreen), "the screen again")
        await pilot.press("j")
        await until(lambda: len(app.results) == 2, "the join")
    assert app.results[1].select.endswith("\nJOIN Store_Table AS s ON s.store_id = f.store_id")


async def test_a_small_terminal_is_panned_to_what_is_chosen(known: DatabaseInfo) -> None:
    screen = DiagramScreen(known)
    app = PanelApp(screen)
    async with app.run_test(size=(60, 16)) as pilot:
        await shows(app, FACT)
        await pilot.press("tab", "tab")
        screen.choose("Product_Table")
        await shows(app, "┏ Product_Table ━━━━━┓")
        await pilot.press("pagedown")
        screen.choose("Store_Table")
        await shows(app, "┏ Store_Table ━━━━━━━┓")


async def test_without_a_warehouse_the_drawing_is_there_and_the_card_says_so() -> None:
    app = PanelApp(DiagramScreen(None))
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "There is no warehouse yet", "━━ fact ┛")
        app.theme = LIGHT
        app.screen.query_one(DiagramView).restyle()
        await pilot.press("right")
        await shows(app, "┏ Time_Table")


async def test_what_is_known_later_is_shown_then(known: DatabaseInfo) -> None:
    screen = DiagramScreen(None)
    app = PanelApp(screen)
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(app, "There is no warehouse yet")
        screen.know(known)
        await shows(app, "2,000 rows", "quantity_sold")
        await pilot.click("#header", offset=(77, 0))  # Esc back
        await until(lambda: app.results == [None], "the way back")
