"""The made-up stores, products, suppliers and customers of the practice warehouse, and its calendar: pure values."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

STORES, PRODUCTS, SUPPLIERS = 200, 5_000, 120
ROWS_PER_CUSTOMER = 100

REGIONS = ("West", "Southwest", "Midwest", "South", "Northeast")
CITIES = {
    "West": "Portland,Oregon;Seattle,Washington;San Diego,California;Sacramento,California;"
    "Boise,Idaho;Spokane,Washington;Eugene,Oregon;Reno,Nevada",
    "Southwest": "Phoenix,Arizona;Tucson,Arizona;Albuquerque,New Mexico;Dallas,Texas;"
    "Austin,Texas;El Paso,Texas;Tulsa,Oklahoma;Santa Fe,New Mexico",
    "Midwest": "Chicago,Illinois;Detroit,Michigan;Columbus,Ohio;Madison,Wisconsin;"
    "Omaha,Nebraska;Des Moines,Iowa;St. Louis,Missouri;Fargo,North Dakota",
    "South": "Atlanta,Georgia;Miami,Florida;Nashville,Tennessee;Charlotte,North Carolina;"
    "Memphis,Tennessee;Mobile,Alabama;Richmond,Virginia;Little Rock,Arkansas",
    "Northeast": "Boston,Massachusetts;New York,New York;Hartford,Connecticut;Burlington,Vermont;"
    "Albany,New York;Providence,Rhode Island;Portland,Maine;Philadelphia,Pennsylvania",
}


@dataclass(frozen=True, slots=True)
class Category:
    """`items` are its goods, `cents` a usual price; demand peaks in month `peak` by `swing`, and in `region`."""

    name: str
    items: tuple[str, ...]
    cents: int
    demand: float
    peak: int
    swing: float
    region: str


CATEGORIES = (
    Category("Bakery", ("Bread", "Bagels", "Rolls", "Muffins", "Tortillas"), 349, 1.3, 12, 0.10, "Northeast"),
    Category("Beverages", ("Cola", "Juice", "Water", "Iced Tea", "Coffee"), 429, 1.5, 7, 0.35, "Southwest"),
    Category("Dairy", ("Milk", "Yoghurt", "Cheddar", "Butter", "Eggs"), 399, 1.6, 12, 0.08, "Midwest"),
    Category("Frozen", ("Pizza", "Peas", "Ice Cream", "Waffles", "Berries"), 599, 0.9, 7, 0.30, "South"),
    Category("Garden", ("Charcoal", "Seeds", "Soil", "Gloves", "Planter"), 1499, 0.3, 5, 0.80, "South"),
    Category("Household", ("Detergent", "Towels", "Foil", "Bulbs", "Sponges"), 899, 0.8, 3, 0.10, "Midwest"),
    Category("Meat", ("Chicken", "Beef", "Turkey", "Bacon", "Sausage"), 1099, 1.1, 11, 0.25, "Midwest"),
    Category("Pantry", ("Pasta", "Rice", "Beans", "Cereal", "Flour"), 329, 1.2, 11, 0.20, "South"),
    Category("Personal Care", ("Shampoo", "Soap", "Toothpaste", "Sunscreen", "Lotion"), 699, 0.7, 6, 0.15, "West"),
    Category("Produce", ("Apples", "Lettuce", "Tomatoes", "Bananas", "Squash"), 279, 1.8, 8, 0.20, "West"),
    Category("Seafood", ("Salmon", "Shrimp", "Cod", "Tuna", "Crab"), 1699, 0.4, 12, 0.30, "Northeast"),
    Category("Snacks", ("Crisps", "Pretzels", "Nuts", "Cookies", "Chocolate"), 379, 1.3, 12, 0.45, "Southwest"),
)
BRANDS = ("Alder", "Bluefield", "Cedar Row", "Day One", "Evergreen", "Foxglove", "Granary", "Harvest Hill")
SIZES = ("Small", "Regular", "Large", "Family", "Bulk")
LEVELS = ("bronze", "bronze", "bronze", "bronze", "bronze", "bronze", "silver", "silver", "silver", "gold")


@dataclass(frozen=True, slots=True)
class Product:
    """A product; its yearly demand is `weight`, and its price starts at `cents`."""

    product_id: int
    name: str
    category: Category
    brand: str
    supplier_id: int
    cents: int
    weight: float


def stores() -> list[tuple[int, str, str, str, str, str]]:
    """The rows of Store_Table, region by region."""
    places = [(*place.split(","), region) for region in REGIONS for place in CITIES[region].split(";")]
    per_city = STORES // len(places)
    return [
        (index + 1, f"SuperMart {city} {index % per_city + 1}", city, state, "United States", region)
        for index, (city, state, region) in enumerate(place for place in places for _ in range(per_city))
    ]


def suppliers() -> list[tuple[int, str, str, str, str]]:
    """The rows of Supplier_Table; addresses and numbers are of the kinds reserved for examples."""
    return [
        (number, supplier_name(number), f"{number} Depot Road, {CITIES[REGIONS[number % 5]].split(',')[0]}",
         f"+1-555-01{number % 100:02d}", f"orders@supplier{number:03d}.example")
        for number in range(1, SUPPLIERS + 1)
    ]  # fmt: skip


def supplier_name(number: int) -> str:
    return f"{BRANDS[number % len(BRANDS)]} Supply {number:03d}"


def products(rng: random.Random) -> list[Product]:
    """All products. Demand is a Pareto curve: about a fifth of them bring four fifths of what is sold."""
    ranks = list(range(1, PRODUCTS + 1))
    rng.shuffle(ranks)
    made = []
    for index, rank in enumerate(ranks):
        category = CATEGORIES[index % len(CATEGORIES)]
        item, brand, size = (
            choice[index // stride % len(choice)]
            for choice, stride in ((category.items, 12), (BRANDS, 60), (SIZES, 480))
        )
        cents = shelf_price(category.cents * math.exp(rng.gauss(0.0, 0.35)))
        weight = category.demand / rank**0.9
        name = f"{brand} {item} {size} {index // 2400 + 1}"
        made.append(Product(index + 1, name, category, brand, index % SUPPLIERS + 1, cents, weight))
    return made


def shelf_price(cents: float) -> int:
    """`cents` as a price on a shelf: it ends in 9, and is at least 19."""
    return max(int(cents) // 10 * 10 + 9, 19)


def customers(rows: int) -> Iterator[tuple[int, str, str, str]]:
    """The rows of Customer_Table, in clear, as many as `rows` sales have."""
    for number in range(1, customer_count(rows) + 1):
        city = CITIES[REGIONS[number % 5]].split(";")[number // 5 % 8].replace(",", ", ")
        yield (
            number,
            f"Practice Customer {number:06d}",
            f"{number % 900 + 1} Sample Street, {city}",
            LEVELS[number * 7 % 10],
        )


def customer_count(rows: int) -> int:
    return max(100, rows // ROWS_PER_CUSTOMER)


def calendar_row(day: date) -> tuple[int, str, int, str, int, str, int, str, str]:
    """The row of Time_Table of one day."""
    return (
        time_id(day), day.isoformat(), day.day, MONTHS[day.month - 1], day.month, f"Q{(day.month + 2) // 3}", day.year,
        WEEKDAYS[day.weekday()], "Yes" if day.weekday() > 4 else "No",
    )  # fmt: skip


def days(first: date, last: date) -> Iterator[date]:
    """Every day from `first` to `last`, both included."""
    for offset in range((last - first).days + 1):
        yield first + timedelta(days=offset)


def time_id(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day


MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
