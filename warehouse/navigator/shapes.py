"""What the aggregates hold: which columns of the star follow from the grain of each, and which sums it keeps."""

from __future__ import annotations

from dataclasses import dataclass

from warehouse.models import FACT

STORE = "store_table"
PRODUCT = "product_table"
SUPPLIER = "supplier_table"
CUSTOMER = "customer_table"
TIME = "time_table"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FACT_COLUMNS = _words(
    "transaction_id time_id store_id product_id customer_id quantity_sold unit_price_cents total_sales_cents batch_id "
    "total_sales_amount"
)
COLUMNS = {
    FACT.lower(): FACT_COLUMNS,
    STORE: _words("store_id store_name city state country region"),
    PRODUCT: _words("product_id product_name category brand unit_price_cents supplier_id supplier_name unit_price"),
    SUPPLIER: _words("supplier_id supplier_name supplier_address contact_number email_address"),
    CUSTOMER: _words("customer_id customer_name address membership_level"),
    TIME: _words("time_id date day month month_number quarter year weekday is_weekend"),
}
KEYS = {STORE: "store_id", PRODUCT: "product_id", CUSTOMER: "customer_id", TIME: "time_id", SUPPLIER: "supplier_id"}

QUARTER = "('Q' || (({0}.month_number + 2) / 3))"
MEASURES = {
    "quantity_sold": "total_quantity_sold",
    "total_sales_cents": "total_sales_cents",
    "total_sales_amount": "total_sales_cents",
}


@dataclass(frozen=True, slots=True)
class Shape:
    """One aggregate. `derived` gives columns of dimensions from its own, `{0}` being its alias.

    `joins` are the dimensions whose key it keeps; `usual_rows` its size in a supermarket of 10 M facts, which orders
    the aggregates where the database does not tell.
    """

    table: str
    monthly: bool
    joins: frozenset[str]
    derived: dict[tuple[str, str], str]
    usual_rows: int


def _time(*, monthly: bool) -> dict[tuple[str, str], str]:
    known = {(TIME, "year"): "{0}.year"}
    if monthly:
        known |= {
            (TIME, "month_number"): "{0}.month_number",
            (TIME, "month"): "{0}.month",
            (TIME, "quarter"): QUARTER,
        }
    return known


SHAPES = (
    Shape(
        "Yearly_Region_Product_Aggregate_Table",
        monthly=False,
        joins=frozenset({PRODUCT}),
        derived=_time(monthly=False) | {(STORE, "region"): "{0}.region"},
        usual_rows=60_000,
    ),
    Shape(
        "Monthly_Store_Category_Aggregate_Table",
        monthly=True,
        joins=frozenset({STORE}),
        derived=_time(monthly=True) | {(PRODUCT, "category"): "{0}.category"},
        usual_rows=140_000,
    ),
    Shape(
        "Yearly_Sales_Aggregate_Table",
        monthly=False,
        joins=frozenset({STORE, PRODUCT}),
        derived=_time(monthly=False),
        usual_rows=2_600_000,
    ),
    Shape(
        "Monthly_Sales_Aggregate_Table",
        monthly=True,
        joins=frozenset({STORE, PRODUCT}),
        derived=_time(monthly=True),
        usual_rows=6_100_000,
    ),
)
