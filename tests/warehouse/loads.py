"""What the tests of loads share: a good sale, as a row and as a file, and what a shop holds after a load."""

from __future__ import annotations

from typing import Any

from tests.warehouse.shop import HEADER, Shop
from warehouse.models import LoadReport

GOOD = (1, 20251201, 1, 1, 1, 2, "3.98")
LINES = [",".join(HEADER), ",".join(map(str, GOOD)), ",".join(map(str, (2, *GOOD[1:])))]
TEXT = "\n".join(LINES) + "\n"


def counts(report: LoadReport) -> tuple[int, int, int, int]:
    assert report.read == report.new + report.changed + report.same + report.superseded + report.rejected
    return report.new, report.changed, report.same, report.rejected


def facts(shop: Shop) -> list[tuple[Any, ...]]:
    return shop.rows(
        "SELECT transaction_id, time_id, store_id, product_id, customer_id, quantity_sold, unit_price_cents, "
        "total_sales_cents FROM Sales_Transactions_Table ORDER BY transaction_id"
    )


def assert_sound(shop: Shop) -> None:
    assert shop.check().findings == ()
    assert shop.aggregates() == shop.sums_of_facts()
