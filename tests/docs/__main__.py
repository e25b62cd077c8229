"""`make screenshots`: makes the README's pictures from the running program, in a real terminal over a day of runs."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from console.settings import load_settings
from console.wiring.warehouse import warehouse_actions
from security.identity.practice import practice_accounts
from tests.docs.picture import draw
from tests.docs.seed import fill, make, now
from tests.e2e.terminal import Terminal

PICTURES = Path(__file__).parents[2] / ".pictures"
QUERY = (
    "SELECT t.year, t.month_number, s.region, SUM(f.total_sales_amount) AS revenue",
    "FROM Sales_Transactions_Table f",
    "JOIN Store_Table s ON s.store_id = f.store_id",
    "JOIN Time_Table t ON t.time_id = f.time_id",
    "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
)
CITIES = ("Portland", "Oslo", "São Paulo", "Nairobi", "Tokyo", "Wellington")


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lakewarden-") as folder:
        home = Path(folder) / "lakewarden"
        make(home, CITIES)
        fill(home, CITIES, missed=(9, 10), now=now())
        fill(home, (*CITIES, "Nowhere"), hours=4, now=now())
        warehouse_actions(load_settings({"LAKEWARDEN_HOME": str(home)})).build()
        for columns, rows in ((80, 24), (120, 40)):
            take(home, columns, rows)
            take_warehouse(home, columns, rows)
            take_records(home, columns, rows)
            take_log(home, columns, rows)


def take(home: Path, columns: int, rows: int) -> None:
    """Open the console and keep each screen as a picture."""
    environ = {"LAKEWARDEN_HOME": str(home), "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    with Terminal([sys.executable, "-m", "console"], columns=columns, rows=rows, environ=environ) as terminal:
        terminal.wait_for("Portland")
        terminal.wait_until_quiet(2.0)
        keep(terminal, f"pipelines-{columns}x{rows}")
        terminal.press("?")
        terminal.wait_until_quiet(1.0)
        keep(terminal, f"help-{columns}x{rows}")
        terminal.press("escape")
        terminal.wait_until_quiet(1.0)
        terminal.press("enter")
        terminal.wait_until_quiet(1.5)
        keep(terminal, f"tasks-{columns}x{rows}")
        terminal.press("q")


def take_warehouse(home: Path, columns: int, rows: int) -> None:
    """The Warehouse screen with a result, its chart, the plan and the diagrams."""
    environ = {"LAKEWARDEN_HOME": str(home), "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    (home / "editor.json").unlink(missing_ok=True)
    with Terminal([sys.executable, "-m", "console"], columns=columns, rows=rows, environ=environ) as terminal:
        terminal.wait_for("Portland")
        terminal.press("2")
        terminal.wait_for("Store_Table")
        terminal.wait_until_quiet(1.0)
        terminal.press("f6")
        terminal.wait_until_quiet(0.5)
        for line in QUERY:  # as typed: the editor indents a new line like the one before
            terminal.press(line, "enter")
            terminal.wait_until_quiet(0.5)
        terminal.press("escape", "f5")
        terminal.wait_for("170 rows")
        for name, keys in (
            ("warehouse", ("f5",)),
            ("chart", ("c",)),
            ("plan", ("escape", "f4")),
            ("star", ("escape", "f3")),
            ("snowflake", ("s",)),
        ):
            terminal.press(*keys)
            terminal.wait_until_quiet(1.5)
            keep(terminal, f"{name}-{columns}x{rows}")
        terminal.press("escape", "q")


def take_records(home: Path, columns: int, rows: int) -> None:
    """The sign-in, and what a doctor who is on shift sees: a decision and a record."""
    on_shift = "doctor" if 8 <= now().hour < 20 else "doctor-nights"
    with signed_in(home, columns, rows, on_shift, picture=f"sign-in-{columns}x{rows}") as terminal:
        terminal.press("3")
        terminal.wait_for("Permitted by")
        terminal.wait_until_quiet(1.0)
        keep(terminal, f"access-{columns}x{rows}")
        terminal.press("4")
        terminal.wait_for("P0001")
        terminal.wait_until_quiet(1.0)
        terminal.press("enter")
        terminal.wait_for("SSN")
        terminal.wait_until_quiet(1.0)
        keep(terminal, f"records-{columns}x{rows}")
        terminal.press("q")


def take_log(home: Path, columns: int, rows: int) -> None:
    """What an officer sees: the keys, and the log of what was done before."""
    with signed_in(home, columns, rows, "officer") as terminal:
        terminal.press("5")
        terminal.wait_for("AES-256-GCM")
        terminal.wait_until_quiet(1.0)
        keep(terminal, f"vault-{columns}x{rows}")
        terminal.press("6")
        terminal.wait_for("view_record")
        terminal.wait_until_quiet(1.0)
        keep(terminal, f"audit-{columns}x{rows}")
        terminal.press("q")


@contextmanager
def signed_in(home: Path, columns: int, rows: int, user: str, *, picture: str = "") -> Iterator[Terminal]:
    """The console with a practice account signed in, as the list of the practice authenticator offers it."""
    environ = {"LAKEWARDEN_HOME": str(home), "TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
    users = sorted(account.user for account in practice_accounts("UTC"))
    with Terminal([sys.executable, "-m", "console"], columns=columns, rows=rows, environ=environ) as terminal:
        terminal.wait_for("not signed in")
        terminal.wait_until_quiet(2.0)
        terminal.press("1", "u")
        terminal.wait_for("officer")
        terminal.wait_until_quiet(0.5)
        if picture:
            keep(terminal, picture)
        terminal.press("down", *["down"] * users.index(user), "enter")  # into the list, to its first account
        terminal.wait_for(f"{user} ")
        terminal.wait_until_quiet(1.0)
        yield terminal


def keep(terminal: Terminal, name: str) -> None:
    path = PICTURES / f"{name}.svg"
    path.write_text(draw(terminal.screen()))
    sys.stdout.write(f"{path.name}\n")


if __name__ == "__main__":
    main()
