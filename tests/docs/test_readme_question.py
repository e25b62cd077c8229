"""The README's question file is one: as it stands there it is listed, asked, and answered as the facts say."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.conftest import Lakewarden
from warehouse.question_files import FROM_AS_OF, KINDS

README = (Path(__file__).parents[2] / "README.md").read_text()
EXPECTED = """
    SELECT store_id, store_name, sum(quantity_sold) FROM Sales_Transactions_Table
    JOIN Store_Table USING (store_id) JOIN Customer_Table USING (customer_id)
    WHERE region = 'South' AND membership_level = 'gold' AND time_id BETWEEN 20260101 AND 20261231
    GROUP BY 1 HAVING sum(quantity_sold) >= 2 ORDER BY 3 DESC, 1"""


def test_the_question_of_the_readme_is_answered_with_its_command(lakewarden: Lakewarden) -> None:
    found = re.search(r"`questions/([a-z-]+)\.sql`:\n\n```sql\n(.*?)```", README, re.S)
    assert found is not None
    command = re.search(rf"lakewarden (warehouse ask {found[1]} .*)", README)
    assert command is not None
    assert lakewarden("warehouse", "build", "--rows", "3000", "--until", "2026-10-31").code == 0
    (lakewarden.home / "questions").mkdir()
    (lakewarden.home / "questions" / f"{found[1]}.sql").write_text(found[2], encoding="utf-8")
    listed = json.loads(lakewarden("warehouse", "ask", "--json").out)
    assert listed["bad"] == []
    (mine,) = [question for question in listed["questions"] if question["name"] == found[1]]
    assert [(one["name"], one["type"], one["default"]) for one in mine["parameters"]] == [
        ("region", "text", "West"), ("least", "integer", 1), ("level", "choice", "gold"),
    ]  # fmt: skip
    rows = json.loads(lakewarden(*command[1].split(), "--json").out)["rows"]
    with closing(sqlite3.connect(lakewarden.home / "warehouse.db")) as connection:
        assert rows == [list(row) for row in connection.execute(EXPECTED)]
    assert rows


def test_the_readme_names_every_type_of_a_parameter_and_every_value_of_the_as_of_date() -> None:
    for kind in KINDS:
        assert f"`{kind}" in README, kind
    for name in FROM_AS_OF:
        assert f"`:{name}`" in README, name
